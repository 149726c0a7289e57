//! `Packages.db` (rpm's `lib/backend/ndb/rpmpkg.c`): slots that point to blobs.

use super::Each;
use crate::packages::bytes::{Budget, ByteOrder, CUT, part};

/// Bytes of a page of slots, of a slot, of the header (it stands where two slots would), and of a block.
const PAGE: usize = 4096;
const SLOT: usize = 16;
const HEADER: usize = 32;
const BLOCK: usize = 16;

pub(in crate::packages) fn each(bytes: &[u8], each: &mut Each<'_>) -> Result<(), String> {
    if !bytes.starts_with(b"RpmP") {
        return Err("it is not a database of rpm's form `ndb`".to_owned());
    }
    match ByteOrder::Little.u32(bytes, 4)? {
        0 => {}
        version => return Err(format!("it is version {version} of a form whose version 0 is known")),
    }
    let pages = ByteOrder::Little.length(bytes, 12)?;
    let slots = part(bytes, 0, pages.saturating_mul(PAGE))?;
    let mut budget = Budget::of(bytes);
    for slot in slots.get(HEADER..).unwrap_or_default().chunks_exact(SLOT) {
        if !slot.starts_with(b"Slot") {
            return Err("a slot of it is none".to_owned());
        }
        let index = ByteOrder::Little.u32(slot, 4)?;
        if index == 0 {
            continue;
        }
        let at = ByteOrder::Little.length(slot, 8)?.saturating_mul(BLOCK);
        let head = part(bytes, at, BLOCK)?;
        if !head.starts_with(b"BlbS") || ByteOrder::Little.u32(head, 4)? != index {
            return Err(format!("package {index} of it does not stand where its slot points to"));
        }
        let size = ByteOrder::Little.length(head, 12)?;
        budget.spend(size)?;
        each(part(bytes, at.checked_add(BLOCK).ok_or(CUT)?, size)?)?;
    }
    Ok(())
}
