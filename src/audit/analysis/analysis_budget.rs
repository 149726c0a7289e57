//! Memory and digests that the threads which analyze layers share.

use super::FileDigests;
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of a file that is held in memory to be understood.
pub(super) const HELD: u64 = 128 << 20;
/// Bytes of a file that each thread may hold at once; larger ones have to find room.
pub(super) const SMALL: u64 = 8 << 20;
/// Room for larger files, in bytes: one of the largest, and others beside it. With it and the entries of a layer, a analysis
/// stays below 256 MiB.
const ROOM: u64 = 160 << 20;

/// What the threads that look at layers share: the room for large files, and what is asked of each.
pub(super) struct AnalysisBudget {
    pub(super) digests: FileDigests,
    left: Mutex<u64>,
    freed: Condvar,
}

impl AnalysisBudget {
    pub(super) fn new(digests: FileDigests) -> Self {
        Self { digests, left: Mutex::new(ROOM), freed: Condvar::new() }
    }

    /// Waits until there is room for so many bytes, at most [`HELD`]. Each thread asks for one file at a time.
    pub(super) fn room(&self, bytes: u64) -> BudgetShare<'_> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left =
            self.freed.wait_while(left, |left| *left < bytes).unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        BudgetShare { budget: self, bytes }
    }
}

/// Room that was given, until it is dropped.
pub(super) struct BudgetShare<'a> {
    budget: &'a AnalysisBudget,
    bytes: u64,
}

impl Drop for BudgetShare<'_> {
    fn drop(&mut self) {
        *self.budget.left.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.freed.notify_all();
    }
}
