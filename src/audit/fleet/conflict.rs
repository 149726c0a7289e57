//! Contradictions between records, the clock and the trust root.

use super::{FleetRecord, FleetRow, KnownBundles, Number, Says};
use sealift_bundle::trust::key::KeyId;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::state::ReleaseMark;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "conflict")]
pub enum Conflict {
    /// A journal had two different lines at one place: it was written again, or an older copy was gone on with.
    Fork {
        /// The site.
        site: Digest,
        /// Its display name.
        name: Name,
        /// The place in the journal.
        entry: u64,
        /// What the records say is there.
        claims: Vec<DigestClaim>,
    },
    /// Two bundles have one number: one of them was not sealed by the real packer.
    Equivocation {
        /// The scenario.
        scenario: Name,
        /// The number.
        #[serde(flatten)]
        number: Number,
        /// The bundles.
        claims: Vec<DigestClaim>,
    },
    /// One bundle is said to have several numbers or scenarios.
    Number {
        /// The bundle.
        statement: Digest,
        /// What is said of it.
        said: Vec<Saying>,
    },
    /// A record was made later than it is now, by the clock here.
    Future {
        /// The site.
        site: Digest,
        /// Its display name.
        name: Name,
        /// When the record was made, by the clock of the site.
        issued: Timestamp,
        /// The record.
        file: PathBuf,
    },
    /// Several keys speak for one site.
    Keys {
        /// The site.
        site: Digest,
        /// Its display name.
        name: Name,
        /// The keys, each with a record.
        keys: Vec<Signing>,
    },
    /// One key speaks for several sites, so each of them can speak for the others.
    SharedKey {
        /// The key.
        key: KeyId,
        /// The sites, each with a record.
        sites: Vec<Speaking>,
    },
    /// A site uses a bundle that the trust root revokes.
    Revoked {
        /// The site.
        site: Digest,
        /// Its display name.
        name: Name,
        /// The scenario.
        scenario: Name,
        /// The bundle.
        statement: Digest,
    },
}

/// A digest, and a file that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DigestClaim {
    /// The digest.
    pub digest: Digest,
    /// The file; nothing when it is a bundle that is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// What is said of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saying {
    /// The scenario.
    pub scenario: Name,
    /// The number.
    #[serde(flatten)]
    pub number: Number,
    /// Who says it; nothing when it is the statement itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// A key, and a file that it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signing {
    /// The key.
    pub key: KeyId,
    /// The file.
    pub file: PathBuf,
}

/// A site, and a file that speaks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Speaking {
    /// The site.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// The file.
    pub file: PathBuf,
}

impl Conflict {
    /// What it is, in one word or two.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Fork { .. } => "forked journal",
            Self::Equivocation { .. } => "two bundles, one number",
            Self::Number { .. } => "one bundle, two numbers",
            Self::Future { .. } => "from the future",
            Self::Keys { .. } => "two keys, one site",
            Self::SharedKey { .. } => "one key, two sites",
            Self::Revoked { .. } => "revoked bundle in use",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Fork { .. } => {
                "install nothing there; keep the folder, and compare its journal with an earlier export: `sealift \
                 journal verify SITE --since EXPORT`"
            }
            Self::Equivocation { .. } => {
                "keep both, install neither, and call the administrators of your signing keys"
            }
            Self::Number { .. } => "one of these says what is not so: ask the site for its journal",
            Self::Future { .. } => "one of the two clocks is wrong: compare them",
            Self::Keys { .. } => "a site keeps its key: ask the site by another way which of them it is",
            Self::SharedKey { .. } => "give each site a key of its own, and trust neither until then",
            Self::Revoked { .. } => "bring it the next bundle, or have it go back to another release",
        }
    }
}

fn shown(path: &Path) -> String {
    format!("`{}`", Printable(path.to_string_lossy()))
}

fn list<T>(f: &mut fmt::Formatter<'_>, of: &[T], each: impl Fn(&T) -> String) -> fmt::Result {
    for (at, one) in of.iter().enumerate() {
        let gap = if at == 0 { " " } else { "; " };
        write!(f, "{gap}{}", each(one))?;
    }
    Ok(())
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = |claim: &DigestClaim| match &claim.file {
            Some(file) => format!("{} says {}", claim.digest.short(), shown(file)),
            None => format!("{} is a bundle here", claim.digest.short()),
        };
        match self {
            Self::Fork { site, name, entry, claims } => {
                write!(f, "the journal of {name} ({}) had several lines as entry {entry}:", site.short())?;
                list(f, claims, claim)
            }
            Self::Equivocation { scenario, number, claims } => {
                write!(f, "{scenario} has several bundles with {number}:")?;
                list(f, claims, claim)
            }
            Self::Number { statement, said } => {
                write!(f, "the bundle {} is said to be several things:", statement.short())?;
                list(f, said, |one| {
                    let who = one.file.as_deref().map_or("its statement".to_owned(), shown);
                    format!("{} {} says {who}", one.scenario, one.number)
                })
            }
            Self::Future { site, name, issued, file } => {
                write!(f, "{name} ({}) made {} at {issued}, which has yet to come", site.short(), shown(file))
            }
            Self::Keys { site, name, keys } => {
                write!(f, "several keys speak for {name} ({}):", site.short())?;
                list(f, keys, |one| format!("{} in {}", one.key.short(), shown(&one.file)))
            }
            Self::SharedKey { key, sites } => {
                write!(f, "the key {} speaks for several sites:", key.short())?;
                list(f, sites, |one| format!("{} ({}) in {}", one.name, one.site.short(), shown(&one.file)))
            }
            Self::Revoked { site, name, scenario, statement } => {
                let (site, statement) = (site.short(), statement.short());
                write!(f, "{name} ({site}) uses {statement} for {scenario}, which the trust root revokes")
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}, sequence {}", self.epoch, self.sequence)
    }
}

/// All of them, the most severe kinds first.
pub(super) fn all(records: &[FleetRecord], rows: &[FleetRow], known: KnownBundles<'_>) -> Vec<Conflict> {
    let mut all = forks(records);
    all.extend(equivocations(records, known));
    all.extend(keys(records));
    all.extend(contradictions(records, known));
    let revoked = |row: &FleetRow| {
        let statement =
            row.in_use.filter(|one| known.root.is_some_and(|root| root.is_revoked_statement(one)))?;
        let (site, name, scenario) = (row.site, row.name.clone(), row.scenario.clone());
        Some(Conflict::Revoked { site, name, scenario, statement })
    };
    all.extend(rows.iter().filter_map(revoked));
    let future = records.iter().filter(|record| record.issued > known.now);
    all.extend(future.map(|record| Conflict::Future {
        site: record.site,
        name: record.name.clone(),
        issued: record.issued,
        file: record.file.clone(),
    }));
    all
}

fn forks(records: &[FleetRecord]) -> Vec<Conflict> {
    let mut lines: BTreeMap<(Digest, u64), BTreeMap<Digest, &FleetRecord>> = BTreeMap::new();
    for record in records {
        let entry = match &record.says {
            Says::Did { entry, .. } => Some(*entry),
            Says::Holds(_) => None,
        };
        for head in entry.into_iter().chain([record.journal]) {
            let place = lines.entry((record.site, head.entries)).or_default();
            place.entry(head.digest).or_insert(record);
        }
    }
    let fork = |((site, entry), digests): (_, BTreeMap<Digest, &FleetRecord>)| {
        let name = digests.values().next().filter(|_| digests.len() > 1)?.name.clone();
        let claim = |(digest, record): (Digest, &FleetRecord)| DigestClaim {
            digest,
            file: Some(record.file.clone()),
        };
        Some(Conflict::Fork { site, name, entry, claims: digests.into_iter().map(claim).collect() })
    };
    lines.into_iter().filter_map(fork).collect()
}

/// Each bundle that was given a number, with the file that did; the bundles that are here come last.
fn said<'a>(
    records: &'a [FleetRecord],
    known: KnownBundles<'a>,
) -> impl Iterator<Item = (&'a Name, ReleaseMark, Option<&'a Path>)> {
    let said = records.iter().flat_map(|record| {
        record.marks().into_iter().map(|(scenario, mark)| (scenario, mark, Some(record.file.as_path())))
    });
    said.chain(known.bundles.iter().map(|(scenario, mark)| (scenario, *mark, None)))
}

fn equivocations(records: &[FleetRecord], known: KnownBundles<'_>) -> Vec<Conflict> {
    let mut numbers: BTreeMap<(&Name, Number), BTreeMap<Digest, Option<&Path>>> = BTreeMap::new();
    for (scenario, mark, file) in said(records, known) {
        numbers.entry((scenario, Number::of(&mark))).or_default().entry(mark.statement).or_insert(file);
    }
    let several = numbers.into_iter().filter(|(_, statements)| statements.len() > 1);
    let conflict = |((scenario, number), statements): (_, BTreeMap<Digest, Option<&Path>>)| {
        let claims = statements.into_iter();
        let claims =
            claims.map(|(digest, file)| DigestClaim { digest, file: file.map(Path::to_owned) }).collect();
        let scenario: &Name = scenario;
        Conflict::Equivocation { scenario: scenario.clone(), number, claims }
    };
    several.map(conflict).collect()
}

fn contradictions(records: &[FleetRecord], known: KnownBundles<'_>) -> Vec<Conflict> {
    let mut said_of: BTreeMap<Digest, BTreeMap<(&Name, Number), Option<&Path>>> = BTreeMap::new();
    for (scenario, mark, file) in said(records, known) {
        let of = said_of.entry(mark.statement).or_default();
        of.entry((scenario, Number::of(&mark))).or_insert(file);
    }
    for (statement, title) in known.titles {
        if let Some(of) = said_of.get_mut(statement) {
            of.insert((&title.scenario, title.number()), None);
        }
    }
    let several = said_of.into_iter().filter(|(_, said)| said.len() > 1);
    let conflict = |(statement, said): (_, BTreeMap<(&Name, Number), Option<&Path>>)| Conflict::Number {
        statement,
        said: said
            .into_iter()
            .map(|((scenario, number), file)| Saying {
                scenario: scenario.clone(),
                number,
                file: file.map(Path::to_owned),
            })
            .collect(),
    };
    several.map(conflict).collect()
}

fn keys(records: &[FleetRecord]) -> Vec<Conflict> {
    let mut of_site: BTreeMap<Digest, BTreeMap<KeyId, &FleetRecord>> = BTreeMap::new();
    let mut of_key: BTreeMap<KeyId, BTreeMap<Digest, &FleetRecord>> = BTreeMap::new();
    for record in records {
        of_site.entry(record.site).or_default().entry(record.key).or_insert(record);
        of_key.entry(record.key).or_default().entry(record.site).or_insert(record);
    }
    let mut all = Vec::new();
    for (site, keys) in of_site.into_iter().filter(|(_, keys)| keys.len() > 1) {
        // The name is that of the newest record, as in the table.
        let newest = keys.values().max_by_key(|record| record.age());
        let Some(name) = newest.map(|record| record.name.clone()) else { continue };
        let keys = keys.into_iter().map(|(key, record)| Signing { key, file: record.file.clone() }).collect();
        all.push(Conflict::Keys { site, name, keys });
    }
    for (key, sites) in of_key.into_iter().filter(|(_, sites)| sites.len() > 1) {
        let speaking = |(site, record): (Digest, &FleetRecord)| Speaking {
            site,
            name: record.name.clone(),
            file: record.file.clone(),
        };
        all.push(Conflict::SharedKey { key, sites: sites.into_iter().map(speaking).collect() });
    }
    all
}
