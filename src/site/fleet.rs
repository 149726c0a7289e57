//! Many sites at once: what their receipts and requests say they hold, and where they contradict each other.
//!
//! Records whose signature was checked and records that nobody could check are two groups from beginning to end: a
//! file that anybody may have written changes nothing about what is known.

pub mod conflict;
pub mod gather;

#[cfg(test)]
mod tests;

use super::journal::Head;
use super::receipt::{Outcome, Receipt, Request};
use super::state::Mark;
use crate::bundle::statement::Predicate;
use crate::trust::key::KeyId;
use crate::trust::root::Root;
use crate::value::digest::Digest;
use crate::value::moment::Moment;
use crate::value::name::Name;
use conflict::Conflict;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What one receipt or request says, without the blobs that it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The file it was read from.
    pub file: PathBuf,
    /// The key that it names as its signer.
    pub key: KeyId,
    /// The digest of what is signed.
    pub id: Digest,
    /// The site.
    pub site: Digest,
    /// What people call it.
    pub name: Name,
    /// When it was made, by the clock of the site.
    pub issued: Moment,
    /// Where the journal of the site then ended.
    pub journal: Head,
    /// The newest trust root that it speaks of.
    pub root_version: u64,
    /// What it says of bundles.
    pub says: Says,
}

/// What a record says of bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// A receipt: one act.
    Did {
        /// What the site did.
        outcome: Outcome,
        /// The scenario.
        scenario: Name,
        /// The bundle.
        bundle: Mark,
        /// When.
        time: Moment,
        /// The bundle in use when the receipt was made.
        current: Option<Digest>,
        /// The line of the journal that says it.
        entry: Head,
    },
    /// A request: everything that is installed.
    Holds(Vec<super::receipt::Installed>),
}

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
    pub created: Moment,
}

/// Bundles by the digest of their statement.
pub type Titles = BTreeMap<Digest, Title>;

/// What else is known when sites are compared.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// What bundles are called.
    pub titles: &'a Titles,
    /// Bundles that are known to exist although no site has spoken of them.
    pub bundles: &'a [(Name, Mark)],
    /// The trust root, for what it revokes.
    pub root: Option<&'a Root>,
    /// What the clock says.
    pub now: Moment,
}

/// What one site has of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The site.
    pub site: Digest,
    /// What people call it.
    pub name: Name,
    /// The scenario.
    pub scenario: Name,
    /// The bundle in use, if the site told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use: Option<Digest>,
    /// What that is called, where its statement is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// Its number, where anybody said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// How far it is behind.
    pub lag: Lag,
    /// When it was installed, where a receipt says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<Moment>,
    /// A bundle that the site rehearsed last, and does not use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsed: Option<Mark>,
    /// Releases that are kept beside the one in use, where the newest record is a request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Digest>,
    /// Version of the trust root that it speaks of.
    pub root_version: u64,
    /// When the newest record was made, by the clock of the site.
    pub issued: Moment,
    /// Whole days since then, by the clock here; negative when that lies ahead.
    pub age_days: i64,
    /// The entry with which the journal of the site then ended.
    pub journal: u64,
    /// The newest record.
    pub file: PathBuf,
    /// How many older ones it stands before.
    pub older: u64,
}

/// The number of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Number {
    /// The epoch of the trust root.
    pub epoch: u64,
    /// The number within the epoch.
    pub sequence: u64,
}

/// How far a site is behind the newest bundle that anybody spoke of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Lag {
    /// It has the newest.
    Newest,
    /// It is so many numbers behind.
    Behind {
        /// How many.
        numbers: u64,
    },
    /// What it has is of an epoch that is over.
    Epoch,
    /// It did not tell, or nobody said which number its bundle has.
    Unknown,
}

/// The newest bundle of a scenario that was spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// The scenario.
    pub scenario: Name,
    /// Its newest bundle.
    pub bundle: Mark,
    /// What that is called, where its statement is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
}

/// A site that has nothing installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bare {
    /// The site.
    pub site: Digest,
    /// What people call it.
    pub name: Name,
    /// When its newest record was made.
    pub issued: Moment,
    /// That record.
    pub file: PathBuf,
}

/// Sites whose records are of one standing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many records there are, each counted once.
    pub records: u64,
    /// How many files repeat one of them.
    pub copies: u64,
    /// The newest bundle of each scenario.
    pub newest: Vec<Newest>,
    /// What each site has of each scenario, by scenario; within it the one that is furthest behind comes first.
    pub rows: Vec<Row>,
    /// Sites that have nothing installed.
    pub bare: Vec<Bare>,
    /// Where records contradict each other, the clock or the trust root.
    pub conflicts: Vec<Conflict>,
}

impl Record {
    fn of_receipt(file: PathBuf, key: KeyId, id: Digest, receipt: Receipt) -> Self {
        let Receipt {
            site,
            name,
            issued,
            outcome,
            scenario,
            bundle,
            time,
            under,
            current,
            entry,
            journal,
            ..
        } = receipt;
        let says = Says::Did { outcome, scenario, bundle, time, current, entry };
        Self { file, key, id, site, name, issued, journal, root_version: under.root_version, says }
    }

    fn of_request(file: PathBuf, key: KeyId, id: Digest, request: Request) -> Self {
        let Request { site, name, issued, root_version, journal, scenarios, .. } = request;
        Self { file, key, id, site, name, issued, journal, root_version, says: Says::Holds(scenarios) }
    }

    /// The bundles that it gives a number, each with its scenario.
    #[must_use]
    pub fn marks(&self) -> Vec<(&Name, Mark)> {
        match &self.says {
            Says::Did { scenario, bundle, .. } => vec![(scenario, *bundle)],
            Says::Holds(all) => all.iter().map(|one| (&one.scenario, one.highest)).collect(),
        }
    }

    /// What sorts the records of one site: the one with the longer journal is newer, whatever its clock says.
    fn age(&self) -> (u64, Moment, Digest) {
        (self.journal.entries, self.issued, self.id)
    }
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

impl Number {
    /// Of a mark.
    #[must_use]
    pub fn of(mark: &Mark) -> Self {
        Self { epoch: mark.epoch, sequence: mark.sequence }
    }

    /// How far it is behind another one.
    fn behind(self, newest: Self) -> Lag {
        if self >= newest {
            Lag::Newest
        } else if self.epoch < newest.epoch {
            Lag::Epoch
        } else {
            Lag::Behind { numbers: newest.sequence - self.sequence }
        }
    }
}

impl Row {
    /// The bundles that the site has, the one in use first.
    pub fn held(&self) -> impl Iterator<Item = Digest> {
        let others = self.kept.iter().copied().filter(|kept| Some(*kept) != self.in_use);
        self.in_use.into_iter().chain(others)
    }
}

impl Group {
    /// Compares these records, which are of one standing.
    #[must_use]
    pub fn of(mut records: Vec<Record>, known: Known<'_>) -> Self {
        let files = records.len();
        records.sort_by(|one, other| (one.id, &one.file).cmp(&(other.id, &other.file)));
        records.dedup_by_key(|record| record.id);
        let newest = newest(&records, known);
        let numbers = numbers(&records, known);
        let mut rows = rows(&records, known, &numbers, &newest);
        rows.sort_by(|one, other| {
            let place =
                |row: &Row| (row.scenario.clone(), Reverse(weight(row.lag)), row.name.clone(), row.site);
            place(one).cmp(&place(other))
        });
        let conflicts = conflict::all(&records, &rows, known);
        let title = |bundle: &Mark| known.titles.get(&bundle.statement).cloned();
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
    pub fn bundles(&self) -> Vec<(Name, Mark)> {
        self.newest.iter().map(|newest| (newest.scenario.clone(), newest.bundle)).collect()
    }

    /// How many rows are behind.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.lag, Lag::Behind { .. } | Lag::Epoch)).count()
    }
}

/// How badly a site needs the next bundle, for sorting.
fn weight(lag: Lag) -> u64 {
    match lag {
        Lag::Newest => 0,
        Lag::Unknown => 1,
        Lag::Behind { numbers } => numbers.saturating_add(1),
        Lag::Epoch => u64::MAX,
    }
}

fn newest(records: &[Record], known: Known<'_>) -> BTreeMap<Name, Mark> {
    let said = records.iter().flat_map(Record::marks);
    let mut newest: BTreeMap<Name, Mark> = BTreeMap::new();
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
fn numbers(records: &[Record], known: Known<'_>) -> BTreeMap<Digest, Number> {
    let said = records.iter().flat_map(Record::marks).map(|(_, mark)| mark);
    let all = said.chain(known.bundles.iter().map(|(_, mark)| *mark));
    let mut numbers: BTreeMap<_, _> = all.map(|mark| (mark.statement, Number::of(&mark))).collect();
    numbers.extend(known.titles.iter().map(|(statement, title)| (*statement, title.number())));
    numbers
}

/// What there is about one site and one scenario.
#[derive(Default)]
struct Told<'a> {
    /// Everything that says what is in use.
    all: Vec<(&'a Record, Option<Digest>, &'a [Digest])>,
    /// When bundles were installed.
    installed: BTreeMap<Digest, Moment>,
    /// The newest rehearsal.
    rehearsed: Option<(u64, Mark)>,
}

fn rows(
    records: &[Record],
    known: Known<'_>,
    numbers: &BTreeMap<Digest, Number>,
    newest: &BTreeMap<Name, Mark>,
) -> Vec<Row> {
    let mut told: BTreeMap<(Digest, &Name), Told<'_>> = BTreeMap::new();
    for record in records {
        match &record.says {
            Says::Did { outcome, scenario, bundle, time, current, entry } => {
                let told = told.entry((record.site, scenario)).or_default();
                told.all.push((record, *current, &[]));
                match outcome {
                    Outcome::Installed => {
                        let at = told.installed.entry(bundle.statement).or_insert(*time);
                        *at = (*at).max(*time);
                    }
                    Outcome::Drilled => {
                        if told.rehearsed.is_none_or(|(before, _)| before < entry.entries) {
                            told.rehearsed = Some((entry.entries, *bundle));
                        }
                    }
                }
            }
            Says::Holds(all) => {
                for one in all {
                    let told = told.entry((record.site, &one.scenario)).or_default();
                    told.all.push((record, Some(one.current), &one.releases));
                }
            }
        }
    }
    let row = |((site, scenario), told): ((Digest, &Name), Told<'_>)| {
        let (record, in_use, releases) = told.all.iter().max_by_key(|(record, ..)| record.age())?;
        let number = in_use.and_then(|in_use| numbers.get(&in_use).copied());
        let lag = match (number, newest.get(scenario)) {
            (Some(number), Some(newest)) => number.behind(Number::of(newest)),
            (Some(_) | None, _) => Lag::Unknown,
        };
        let kept = releases.iter().copied().filter(|kept| Some(*kept) != *in_use);
        Some(Row {
            site,
            name: record.name.clone(),
            scenario: scenario.clone(),
            in_use: *in_use,
            title: in_use.and_then(|in_use| known.titles.get(&in_use).cloned()),
            number,
            lag,
            installed: in_use.and_then(|in_use| told.installed.get(&in_use).copied()),
            rehearsed: told.rehearsed.map(|(_, mark)| mark).filter(|mark| Some(mark.statement) != *in_use),
            kept: kept.collect(),
            root_version: record.root_version,
            issued: record.issued,
            age_days: record.issued.days_until(known.now),
            journal: record.journal.entries,
            file: record.file.clone(),
            older: told.all.len() as u64 - 1,
        })
    };
    told.into_iter().filter_map(row).collect()
}

/// The newest record of each site that has no row.
fn bare(records: &[Record], rows: &[Row]) -> Vec<Bare> {
    let listed: BTreeSet<_> = rows.iter().map(|row| row.site).collect();
    let mut newest: BTreeMap<Digest, &Record> = BTreeMap::new();
    for record in records.iter().filter(|record| !listed.contains(&record.site)) {
        let known = newest.entry(record.site).or_insert(record);
        if known.age() < record.age() {
            *known = record;
        }
    }
    let bare = |record: &Record| Bare {
        site: record.site,
        name: record.name.clone(),
        issued: record.issued,
        file: record.file.clone(),
    };
    newest.into_values().map(bare).collect()
}
