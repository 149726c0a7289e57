//! Inventories of trees, each parsed once however many items share it.

use super::Verified;
use crate::format::BundleError;
use crate::format::blob_order::{Contents, ImageParts};
use crate::format::index::Blob;
use crate::format::inventory::{Inventory, TreeTotals};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A verified inventory, which several items may have.
pub type SharedInventory = Arc<Verified<Inventory>>;

/// What follows from an inventory is the same for all trees with these two: its digest, and the size of the layer.
pub(super) type TreeKey = (Digest, u64);

pub(super) fn key(inventory: Blob, layer: Blob) -> TreeKey {
    (inventory.digest, layer.size)
}

/// How many items have each inventory.
pub(super) fn shares(contents: &Contents) -> HashMap<TreeKey, u64> {
    let mut shares = HashMap::new();
    for item in &contents.items {
        if let ImageParts::Tree { inventory, layer } = item.parts {
            *shares.entry(key(inventory, layer)).or_default() += 1;
        }
    }
    shares
}

/// Parses one that so many items have, and adds it to the totals.
pub(super) fn parse(
    stored: &[u8],
    name: &str,
    (layer, items): (u64, u64),
    totals: &mut TreeTotals,
    limits: &Limits,
) -> Result<SharedInventory, BundleError> {
    let inventory = Inventory::parse(stored, name, layer, limits)?;
    totals.add(inventory.counts(), items, limits)?;
    Ok(Arc::new(Verified(inventory)))
}

/// Inventories that someone holds, so that no one parses one of them again.
#[derive(Default)]
pub(super) struct HeldInventories(Mutex<State>);

#[derive(Default)]
struct State {
    known: HashMap<TreeKey, Weak<Verified<Inventory>>>,
    totals: TreeTotals,
}

impl HeldInventories {
    /// The inventory of the tree called `name`; `read` gets its stored bytes when no one holds it.
    pub(super) fn get(
        &self,
        name: &str,
        (inventory, layer): (Blob, Blob),
        contents: &Contents,
        limits: &Limits,
        read: impl FnOnce() -> Result<Vec<u8>, BundleError>,
    ) -> Result<SharedInventory, BundleError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(inventory, layer);
        let before = state.known.get(&key);
        if let Some(held) = before.and_then(Weak::upgrade) {
            return Ok(held);
        }
        // What was counted once is not counted again.
        let items = if before.is_some() { 0 } else { shares(contents).get(&key).copied().unwrap_or(1) };
        let found = parse(&read()?, name, (layer.size, items), &mut state.totals, limits)?;
        state.known.insert(key, Arc::downgrade(&found));
        Ok(found)
    }
}
