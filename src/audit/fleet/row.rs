//! One row per site and scenario, with how far it is behind.

use super::record::{FleetRecord, Says};
use super::{KnownBundles, Title};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::receipt::RenderedOutcome;
use sealift_site::state::ReleaseMark;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What one site has of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetRow {
    /// The site.
    pub site: Digest,
    /// Its display name.
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
    pub installed: Option<Timestamp>,
    /// A bundle that the site rehearsed last, and does not use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsed: Option<ReleaseMark>,
    /// Releases that are kept beside the one in use, where the newest record is a request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Digest>,
    /// Version of the trust root that it speaks of.
    pub root_version: u64,
    /// When the newest record was made, by the clock of the site.
    pub issued: Timestamp,
    /// Whole days since then, by the clock here; negative when that is ahead.
    pub age_days: i64,
    /// The entry with which the journal of the site then ended.
    pub journal: u64,
    /// The newest record.
    pub file: PathBuf,
    /// How many older ones it precedes.
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
    /// It did not tell, or no one said which number its bundle has.
    Unknown,
}

impl Number {
    /// Of a mark.
    #[must_use]
    pub fn of(mark: &ReleaseMark) -> Self {
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

impl FleetRow {
    /// The bundles that the site has, the one in use first.
    pub fn held(&self) -> impl Iterator<Item = Digest> {
        let others = self.kept.iter().copied().filter(|kept| Some(*kept) != self.in_use);
        self.in_use.into_iter().chain(others)
    }
}

/// How badly a site needs the next bundle, for sorting.
pub(super) fn weight(lag: Lag) -> u64 {
    match lag {
        Lag::Newest => 0,
        Lag::Unknown => 1,
        Lag::Behind { numbers } => numbers.saturating_add(1),
        Lag::Epoch => u64::MAX,
    }
}

/// What there is about one site and one scenario.
#[derive(Default)]
struct SiteRecords<'a> {
    /// Everything that says what is in use.
    all: Vec<(&'a FleetRecord, Option<Digest>, &'a [Digest])>,
    /// When bundles were installed.
    installed: BTreeMap<Digest, Timestamp>,
    /// The newest rehearsal.
    rehearsed: Option<(u64, ReleaseMark)>,
}

/// The rows of these records, each once.
pub(super) fn rows(
    records: &[FleetRecord],
    known: KnownBundles<'_>,
    numbers: &BTreeMap<Digest, Number>,
    newest: &BTreeMap<Name, ReleaseMark>,
) -> Vec<FleetRow> {
    let mut told: BTreeMap<(Digest, &Name), SiteRecords<'_>> = BTreeMap::new();
    for record in records {
        match &record.says {
            Says::Did { outcome, scenario, bundle, time, current, entry } => {
                let told = told.entry((record.site, scenario)).or_default();
                told.all.push((record, *current, &[]));
                match outcome {
                    RenderedOutcome::Installed => {
                        let at = told.installed.entry(bundle.statement).or_insert(*time);
                        *at = (*at).max(*time);
                    }
                    RenderedOutcome::Drilled => {
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
    let row = |((site, scenario), told): ((Digest, &Name), SiteRecords<'_>)| {
        let (record, in_use, releases) = told.all.iter().max_by_key(|(record, ..)| record.age())?;
        let number = in_use.and_then(|in_use| numbers.get(&in_use).copied());
        let lag = match (number, newest.get(scenario)) {
            (Some(number), Some(newest)) => number.behind(Number::of(newest)),
            (Some(_) | None, _) => Lag::Unknown,
        };
        let kept = releases.iter().copied().filter(|kept| Some(*kept) != *in_use);
        Some(FleetRow {
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
