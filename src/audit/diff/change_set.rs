//! Collects the changes that the comparisons find.

use super::change::{
    ChangeAt, Executable, FilesOf, FindingChange, ItemChange, LayersOf, Missing, RightChange,
};
use super::facts::FactChange;
use super::packages::PackageChange;
use std::collections::{BTreeMap, BTreeSet};

/// Changes, each with the items in which it was seen.
#[derive(Debug)]
pub(super) struct Grouped<T>(BTreeMap<T, BTreeSet<String>>);

impl<T: Ord> Grouped<T> {
    pub(super) fn add(&mut self, change: T, item: &str) {
        self.0.entry(change).or_default().insert(item.to_owned());
    }

    pub(super) fn into_list(self) -> Vec<ChangeAt<T>> {
        let at =
            |(change, items): (T, BTreeSet<String>)| ChangeAt { change, items: items.into_iter().collect() };
        self.0.into_iter().map(at).collect()
    }
}

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// What was found so far; every comparison adds to it.
#[derive(Debug, Default)]
pub(super) struct ChangeSet {
    pub(super) rights: Grouped<RightChange>,
    pub(super) executables: Grouped<Executable>,
    pub(super) findings: Grouped<FindingChange>,
    pub(super) packages: Grouped<PackageChange>,
    pub(super) settings: Grouped<FactChange>,
    pub(super) items: Vec<ItemChange>,
    pub(super) layers: Vec<LayersOf>,
    pub(super) files: Vec<FilesOf>,
    pub(super) missing: Vec<Missing>,
}
