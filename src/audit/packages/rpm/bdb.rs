//! `Packages` as a hash of Berkeley DB (its `dbinc/db_page.h`): the pages of the hash, and the chains of pages that
//! hold what is too large for one.

use super::Each;
use crate::packages::bytes::{Budget, ByteOrder, CUT, byte, part};

const MAGIC: u32 = 0x0006_1561;
/// Bytes of a page's header.
const HEADER: usize = 26;
/// Kinds of pages: of a hash (two of them), and of what is too large for a page of the hash.
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH: u8 = 13;
/// Kinds of items: what it is stands here, or on other pages.
const KEYDATA: u8 = 1;
const OFFPAGE: u8 = 3;

/// Every header. The databases of machines of either byte order are read.
pub(in crate::packages) fn each(bytes: &[u8], each: &mut Each<'_>) -> Result<(), String> {
    let order = [ByteOrder::Little, ByteOrder::Big]
        .into_iter()
        .find(|order| order.u32(bytes, 12) == Ok(MAGIC))
        .filter(|_| byte(bytes, 25) == Ok(HASH_META))
        .ok_or("it is not a hash of Berkeley DB")?;
    if byte(bytes, 24)? != 0 {
        return Err("it is encrypted".to_owned());
    }
    let size = order.length(bytes, 20)?;
    if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
        return Err(format!("its pages have {size} bytes, which Berkeley DB does not know"));
    }
    let last = order.length(bytes, 32)?;
    let mut file =
        BdbFile { bytes, order, size, seen: vec![false; bytes.len() / size], budget: Budget::of(bytes) };
    for number in 1..=last {
        let page = file.page(number)?;
        if !matches!(byte(page, 25)?, HASH | HASH_UNSORTED) {
            continue;
        }
        // Keys and values take turns.
        let mut end = size;
        let items = usize::from(order.u16(page, 20)?);
        let offsets = part(page, HEADER, items.saturating_mul(2))?;
        let mut key: &[u8] = &[];
        for (index, offset) in offsets.chunks_exact(2).enumerate() {
            let at = usize::from(order.u16(offset, 0)?);
            let item = part(page, at, end.checked_sub(at).ok_or("items of a page lie over one another")?)?;
            end = at;
            if index.is_multiple_of(2) {
                key = item.get(1..).unwrap_or_default();
            // Under the key 0 stands the last number that was given away.
            } else if key != [0; 4] {
                file.value(item, each)?;
            }
        }
    }
    Ok(())
}

struct BdbFile<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
    size: usize,
    /// Pages of chains that were read: each belongs to one value.
    seen: Vec<bool>,
    /// Bytes of values: no more than the file has.
    budget: Budget,
}

impl<'a> BdbFile<'a> {
    fn page(&self, number: usize) -> Result<&'a [u8], String> {
        part(self.bytes, number.saturating_mul(self.size), self.size)
    }

    fn value(&mut self, item: &[u8], each: &mut Each<'_>) -> Result<(), String> {
        let order = self.order;
        match byte(item, 0)? {
            KEYDATA => {
                self.budget.spend(item.len())?;
                each(item.get(1..).unwrap_or_default())
            }
            OFFPAGE => {
                let mut number = order.length(item, 4)?;
                let size = order.length(item, 8)?;
                self.budget.spend(size)?;
                let mut value = Vec::new();
                while value.len() < size {
                    let seen = self.seen.get_mut(number).ok_or(CUT)?;
                    if std::mem::replace(seen, true) {
                        return Err(format!("page {number} is part of two things"));
                    }
                    let page = self.page(number)?;
                    if byte(page, 25)? != OVERFLOW {
                        return Err(format!("page {number} is not of the kind that is pointed to"));
                    }
                    value.extend_from_slice(part(page, HEADER, usize::from(order.u16(page, 22)?))?);
                    number = order.length(page, 16)?;
                }
                value.truncate(size);
                each(&value)
            }
            other => Err(format!("a value is of kind {other}, which is not known")),
        }
    }
}
