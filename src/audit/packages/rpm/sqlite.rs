//! The table `Packages` of a database of `SQLite` (sqlite.org/fileformat.html).

use super::Each;
use crate::packages::bytes::{Budget, ByteOrder, CUT, byte, part};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes in front of the first page's own header.
const FILE_HEADER: usize = 100;
/// Kinds of pages of a table.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

struct SqliteFile<'a> {
    bytes: &'a [u8],
    page: usize,
    /// Bytes of a page that are not reserved.
    usable: usize,
    /// Pages that were read: each is part of one thing, once.
    seen: Vec<bool>,
    /// Bytes of rows: no more than the file has.
    budget: Budget,
}

/// Every header of the table. A write-ahead log beside the database is another file, which is not read.
pub(in crate::packages) fn each(bytes: &[u8], each: &mut Each<'_>) -> Result<(), String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it is not a SQLite database".to_owned());
    }
    let page = match ByteOrder::Big.u16(bytes, 16)? {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => usize::from(size),
        size => return Err(format!("its pages have {size} bytes, which SQLite does not know")),
    };
    let usable = page.saturating_sub(usize::from(byte(bytes, 20)?));
    if usable < 480 {
        return Err("its pages have no room".to_owned());
    }
    let seen = vec![false; bytes.len().div_ceil(page)];
    let mut file = SqliteFile { bytes, page, usable, seen, budget: Budget::of(bytes) };
    let mut root = None;
    file.rows(1, &mut |row| {
        let columns = columns(row)?;
        let is_table = columns.first().is_some_and(|kind| *kind == b"table");
        if is_table && columns.get(1).is_some_and(|name| *name == b"Packages") {
            root = columns.get(3).map(|number| big(number));
        }
        Ok(())
    })?;
    let root = root.ok_or("it has no table `Packages`")?;
    file.rows(root, &mut |row| each(columns(row)?.get(1).ok_or("a row of `Packages` has no header")?))
}

impl<'a> SqliteFile<'a> {
    fn page(&mut self, number: usize) -> Result<&'a [u8], String> {
        let index = number.checked_sub(1).ok_or("it points to page 0")?;
        let seen = self.seen.get_mut(index).ok_or_else(|| CUT.to_owned())?;
        if std::mem::replace(seen, true) {
            return Err(format!("page {number} is part of two things"));
        }
        part(self.bytes, index.saturating_mul(self.page), self.page)
    }

    /// Every row of the table whose root is page `root`.
    fn rows(&mut self, root: usize, row: &mut Each<'_>) -> Result<(), String> {
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let page = self.page(number)?;
            let head = if number == 1 { FILE_HEADER } else { 0 };
            let kind = byte(page, head)?;
            let count = usize::from(ByteOrder::Big.u16(page, head.saturating_add(3))?);
            let (cells, last) = match kind {
                LEAF => (head.saturating_add(8), None),
                INTERIOR => {
                    (head.saturating_add(12), Some(ByteOrder::Big.length(page, head.saturating_add(8))?))
                }
                other => return Err(format!("page {number} is of kind {other}, and no page of a table")),
            };
            let pointers = part(page, cells, count.saturating_mul(2))?;
            // What is pushed last is read first.
            waiting.extend(last);
            let first = waiting.len();
            for pointer in pointers.chunks_exact(2) {
                let at = usize::from(ByteOrder::Big.u16(pointer, 0)?);
                if kind == INTERIOR {
                    waiting.push(ByteOrder::Big.length(page, at)?);
                } else {
                    row(&self.payload(page, at)?)?;
                }
            }
            if waiting.len() > self.seen.len() {
                return Err("it has more pages than bytes".to_owned());
            }
            waiting.get_mut(first..).unwrap_or_default().reverse();
        }
        Ok(())
    }

    /// The row whose cell begins at `at` of a leaf, with what of it stands on other pages.
    fn payload(&mut self, page: &[u8], at: usize) -> Result<Vec<u8>, String> {
        let (size, at) = varint(page, at)?;
        let (_, at) = varint(page, at)?;
        let size = usize::try_from(size).map_err(|_| CUT.to_owned())?;
        self.budget.spend(size)?;
        // "Cell payload overflow pages" of the format.
        let most = self.usable.saturating_sub(35);
        let local = if size <= most {
            size
        } else {
            let least = self.usable.saturating_sub(12).saturating_mul(32) / 255;
            let least = least.saturating_sub(23);
            let fits = size.saturating_sub(least) % self.usable.saturating_sub(4).max(1);
            let fits = least.saturating_add(fits);
            if fits <= most { fits } else { least }
        };
        let mut row = part(page, at, local)?.to_vec();
        let mut next = match size.checked_sub(local) {
            Some(0) | None => 0,
            Some(_) => ByteOrder::Big.length(page, at.saturating_add(local))?,
        };
        while row.len() < size {
            let page = self.page(next)?;
            next = ByteOrder::Big.length(page, 0)?;
            let missing = size.saturating_sub(row.len()).min(self.usable.saturating_sub(4));
            row.extend_from_slice(part(page, 4, missing)?);
        }
        Ok(row)
    }
}

/// The columns of a row ("Record format"); of a number its bytes.
fn columns(row: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (head, mut at) = varint(row, 0)?;
    let head = usize::try_from(head).map_err(|_| CUT.to_owned())?;
    let mut value = head;
    let mut columns = Vec::new();
    // Neither table has as many columns as eight.
    while at < head && columns.len() < 8 {
        let (kind, next) = varint(row, at)?;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err("a row has a column of a kind that SQLite does not know".to_owned()),
            long => long.saturating_sub(12) / 2,
        };
        let column = part(row, value, usize::try_from(size).map_err(|_| CUT.to_owned())?)?;
        value = value.saturating_add(column.len());
        columns.push(column);
        at = next;
    }
    Ok(columns)
}

/// A number of up to eight bytes.
fn big(bytes: &[u8]) -> usize {
    bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_shl(8) | usize::from(*byte))
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), String> {
    let mut sum = 0_u64;
    for (count, byte) in bytes.get(at..).unwrap_or_default().iter().take(9).enumerate() {
        let end = at.saturating_add(count).saturating_add(1);
        if count == 8 {
            return Ok((sum.wrapping_shl(8) | u64::from(*byte), end));
        }
        sum = sum.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((sum, end));
        }
    }
    Err(CUT.to_owned())
}
