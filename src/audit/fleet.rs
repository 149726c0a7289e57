//! Compares what the receipts and requests of many sites say they hold.
//!
//! Verified and unverified records are separate groups throughout: an unverified file changes nothing about what is
//! known.

pub mod conflict;
mod error;
pub mod gather;
mod labels;
mod overview;
mod page;
mod record;
mod row;

pub use error::FleetError;
pub use labels::{age, bundle_label, in_use_label, lag_label};
pub use overview::{FleetOverview, NotedFile};
pub use page::page;
pub use record::{FleetRecord, Says};
pub use row::{FleetRow, Lag, Number};

#[cfg(test)]
mod tests;

use conflict::Conflict;
use row::{rows, weight};
use sealift_bundle::format::statement::Predicate;
use sealift_bundle::trust::root::Root;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::state::ReleaseMark;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What a bundle is called. It follows from its digest, which is that of the statement that says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Title {
    /// The name of the bundle.
    pub name: Name,
    /// Its version.
    pub version: Name,
    /// The scenario that it is for.
    pub scenario: Name,
    /// Its epoch.
    pub epoch: u64,
    /// Its number within the epoch.
    pub sequence: u64,
    /// When its lock was written.
    pub created: Timestamp,
}

/// Bundles by the digest of their statement.
pub type Titles = BTreeMap<Digest, Title>;

/// What else is known when sites are compared.
#[derive(Clone, Copy)]
pub struct KnownBundles<'a> {
    /// What bundles are called.
    pub titles: &'a Titles,
    /// Bundles that are known to exist although no site has spoken of them.
    pub bundles: &'a [(Name, ReleaseMark)],
    /// The trust root, for what it revokes.
    pub root: Option<&'a Root>,
    /// What the clock says.
    pub now: Timestamp,
}

/// The newest bundle of a scenario that was spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// The scenario.
    pub scenario: Name,
    /// Its newest bundle.
    pub bundle: ReleaseMark,
    /// What that is called, where its statement is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
}

/// A site that has nothing installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmptySite {
    /// The site.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// When its newest record was made.
    pub issued: Timestamp,
    /// That record.
    pub file: PathBuf,
}

/// Sites whose records are of one standing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FleetGroup {
    /// How many records there are, each counted once.
    pub records: u64,
    /// How many files repeat one of them.
    pub copies: u64,
    /// The newest bundle of each scenario.
    pub newest: Vec<Newest>,
    /// What each site has of each scenario, by scenario; within it the one that is furthest behind comes first.
    pub rows: Vec<FleetRow>,
    /// Sites that have nothing installed.
    pub bare: Vec<EmptySite>,
    /// Where records contradict each other, the clock or the trust root.
    pub conflicts: Vec<Conflict>,
}

impl Title {
    /// What a statement says.
    #[must_use]
    pub fn of(predicate: &Predicate) -> Self {
        Self {
            name: predicate.name.clone(),
            version: predicate.version.clone(),
            scenario: predicate.scenario.clone(),
            epoch: predicate.epoch,
            sequence: predicate.sequence,
            created: predicate.created,
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> Number {
        Number { epoch: self.epoch, sequence: self.sequence }
    }
}

impl FleetGroup {
    /// Compares these records, which are of one standing.
    #[must_use]
    pub fn of(mut records: Vec<FleetRecord>, known: KnownBundles<'_>) -> Self {
        let files = records.len();
        records.sort_by(|one, other| (one.id, &one.file).cmp(&(other.id, &other.file)));
        records.dedup_by_key(|record| record.id);
        let newest = newest(&records, known);
        let numbers = numbers(&records, known);
        let mut rows = rows(&records, known, &numbers, &newest);
        rows.sort_by(|one, other| {
            let place =
                |row: &FleetRow| (row.scenario.clone(), Reverse(weight(row.lag)), row.name.clone(), row.site);
            place(one).cmp(&place(other))
        });
        let conflicts = conflict::all(&records, &rows, known);
        let title = |bundle: &ReleaseMark| known.titles.get(&bundle.statement).cloned();
        Self {
            records: records.len() as u64,
            copies: (files - records.len()) as u64,
            bare: bare(&records, &rows),
            newest: newest
                .into_iter()
                .map(|(scenario, bundle)| Newest { scenario, title: title(&bundle), bundle })
                .collect(),
            rows,
            conflicts,
        }
    }

    /// The sites, each once.
    #[must_use]
    pub fn sites(&self) -> BTreeSet<Digest> {
        self.rows.iter().map(|row| row.site).chain(self.bare.iter().map(|bare| bare.site)).collect()
    }

    /// Every bundle that was given a number, for comparing another group with this one.
    #[must_use]
    pub fn bundles(&self) -> Vec<(Name, ReleaseMark)> {
        self.newest.iter().map(|newest| (newest.scenario.clone(), newest.bundle)).collect()
    }

    /// How many rows are behind.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.lag, Lag::Behind { .. } | Lag::Epoch)).count()
    }
}

fn newest(records: &[FleetRecord], known: KnownBundles<'_>) -> BTreeMap<Name, ReleaseMark> {
    let said = records.iter().flat_map(FleetRecord::marks);
    let mut newest: BTreeMap<Name, ReleaseMark> = BTreeMap::new();
    for (scenario, mark) in said.chain(known.bundles.iter().map(|(scenario, mark)| (scenario, *mark))) {
        match newest.get_mut(scenario) {
            Some(before) if mark.is_above(before) => *before = mark,
            Some(_) => {}
            None => {
                newest.insert(scenario.clone(), mark);
            }
        }
    }
    newest
}

/// The number of each bundle: what its statement says, and else what a site says.
fn numbers(records: &[FleetRecord], known: KnownBundles<'_>) -> BTreeMap<Digest, Number> {
    let said = records.iter().flat_map(FleetRecord::marks).map(|(_, mark)| mark);
    let all = said.chain(known.bundles.iter().map(|(_, mark)| *mark));
    let mut numbers: BTreeMap<_, _> = all.map(|mark| (mark.statement, Number::of(&mark))).collect();
    numbers.extend(known.titles.iter().map(|(statement, title)| (*statement, title.number())));
    numbers
}

/// The newest record of each site that has no row.
fn bare(records: &[FleetRecord], rows: &[FleetRow]) -> Vec<EmptySite> {
    let listed: BTreeSet<_> = rows.iter().map(|row| row.site).collect();
    let mut newest: BTreeMap<Digest, &FleetRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| !listed.contains(&record.site)) {
        let known = newest.entry(record.site).or_insert(record);
        if known.age() < record.age() {
            *known = record;
        }
    }
    let bare = |record: &FleetRecord| EmptySite {
        site: record.site,
        name: record.name.clone(),
        issued: record.issued,
        file: record.file.clone(),
    };
    newest.into_values().map(bare).collect()
}
