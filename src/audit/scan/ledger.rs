//! The ledger: what a scanner scanned and what it did not.

use super::ScanError;
use super::engine::ScannerIdentity;
use sealift_bundle::value::canonical::{self, CanonicalError};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// What the document says it is.
const TYPE: &str = "https://sealift.dev/scan/v1";
/// Lines of each list; what is beyond is counted in [`Ledger::unlisted`].
const LINES: usize = 100_000;

/// What an engine saw of a bundle: every leaf was seen or stands here with the reason why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    #[serde(rename = "_type")]
    kind: String,
    /// The bundle: the digest of its statement.
    pub statement: Digest,
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Name,
    /// The engine.
    pub engine: ScannerIdentity,
    /// How many archives within each other were opened.
    pub depth: u32,
    /// Bytes of the largest leaf that the scanner was asked about.
    pub max_size: u64,
    /// When the scan began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The result of it.
    pub outcome: ScanOutcome,
    /// Why the scanner failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The sums.
    pub totals: ScanAccount,
    /// The bundle's own documents, then its items; what several items share counts for the first.
    pub parts: Vec<LedgerPart>,
    /// What the scanner found, sorted by path.
    pub found: Vec<FoundMalware>,
    /// Leaves that the scanner did not see, sorted by path.
    pub unseen: Vec<Unseen>,
    /// Archives that were not opened to their end: the scanner saw their bytes as they are, unless they are among the
    /// unseen too, and may have looked inside by itself. Sorted by path.
    pub unopened: Vec<Unopened>,
    /// What did not fit into the three lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<u64>,
}

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanOutcome {
    /// Everything was opened and seen, and nothing was found.
    Clean,
    /// Something was found.
    Found,
    /// Nothing was found, and not everything was opened and seen.
    Incomplete,
    /// The engine failed before it was done.
    EngineFailed,
}

/// How many, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Their bytes, uncompressed.
    pub bytes: u64,
}

impl Count {
    fn of(bytes: u64) -> Self {
        Self { count: 1, bytes }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A sum over leaves. Those that were seen and those that were not are all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanAccount {
    /// What could be fed: files, documents, and members of archives that were opened.
    pub leaves: Count,
    /// Leaves that the scanner judged.
    pub seen: Count,
    /// Leaves that it did not judge.
    pub unseen: Count,
    /// Archives that were opened to their end; their members are leaves.
    pub opened: Count,
    /// Those of them that the scanner saw as they are, too.
    pub opened_and_seen: Count,
    /// Leaves and archives in which something was found.
    pub found: u64,
    /// Archives that were not opened to their end.
    pub unopened: u64,
}

impl AddAssign for ScanAccount {
    fn add_assign(&mut self, other: Self) {
        self.leaves += other.leaves;
        self.seen += other.seen;
        self.unseen += other.unseen;
        self.opened += other.opened;
        self.opened_and_seen += other.opened_and_seen;
        self.found += other.found;
        self.unopened += other.unopened;
    }
}

/// A part of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerPart {
    /// The item; none for the documents of the bundle itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Name>,
    /// Members of the bundle file that were fed or opened for it, and their bytes as they travel.
    pub stored: Count,
    /// Blobs that items before it have as well, and that were looked at with those.
    pub shared: u64,
    /// Its leaves.
    #[serde(flatten)]
    pub account: ScanAccount,
}

/// Something that the scanner knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundMalware {
    /// Where.
    pub path: String,
    /// What the scanner calls it.
    pub signature: String,
    /// Its bytes.
    pub bytes: u64,
    /// What they hash to.
    pub sha256: Digest,
}

/// A leaf that the scanner did not see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// Where.
    pub path: String,
    /// Its bytes, as far as they are known.
    pub bytes: u64,
    /// Why not.
    pub reason: String,
}

/// An archive into which no one looked but perhaps the scanner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unopened {
    /// Where.
    pub path: String,
    /// Its bytes as they are, as far as they are known.
    pub bytes: u64,
    /// Why not.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerFailure(pub(super) String);

/// The lists and sums while they grow.
#[derive(Default)]
pub(super) struct ScanTally {
    parts: BTreeMap<usize, ScanAccount>,
    found: Vec<FoundMalware>,
    unseen: Vec<Unseen>,
    unopened: Vec<Unopened>,
    unlisted: u64,
}

/// The number of a part: 0 for the bundle itself, and the items behind it.
pub(super) type PartNumber = usize;

impl ScanTally {
    fn account(&mut self, part: PartNumber) -> &mut ScanAccount {
        self.parts.entry(part).or_default()
    }

    pub(super) fn saw(&mut self, part: PartNumber, bytes: u64) {
        let account = self.account(part);
        account.leaves += Count::of(bytes);
        account.seen += Count::of(bytes);
    }

    pub(super) fn missed(&mut self, part: PartNumber, path: String, bytes: u64, reason: String) {
        let account = self.account(part);
        account.leaves += Count::of(bytes);
        account.unseen += Count::of(bytes);
        if self.unseen.len() < LINES {
            self.unseen.push(Unseen { path, bytes, reason });
        } else {
            self.unlisted += 1;
        }
    }

    pub(super) fn opened(&mut self, part: PartNumber, bytes: u64) {
        self.account(part).opened += Count::of(bytes);
    }

    pub(super) fn saw_opened(&mut self, part: PartNumber, bytes: u64) {
        self.account(part).opened_and_seen += Count::of(bytes);
    }

    pub(super) fn left_closed(&mut self, part: PartNumber, path: String, bytes: u64, reason: String) {
        self.account(part).unopened += 1;
        if self.unopened.len() < LINES {
            self.unopened.push(Unopened { path, bytes, reason });
        } else {
            self.unlisted += 1;
        }
    }

    pub(super) fn found(&mut self, part: PartNumber, found: FoundMalware) {
        self.account(part).found += 1;
        if self.found.len() < LINES {
            self.found.push(found);
        } else {
            self.unlisted += 1;
        }
    }

    #[cfg(test)]
    pub(super) fn lists(&self) -> (&[FoundMalware], &[Unseen], &[Unopened]) {
        (&self.found, &self.unseen, &self.unopened)
    }

    pub(super) fn totals(&self) -> ScanAccount {
        self.parts.values().fold(ScanAccount::default(), |mut sum, account| {
            sum += *account;
            sum
        })
    }
}

/// What a ledger says beside what was counted.
pub(super) struct LedgerHead {
    pub(super) statement: Digest,
    pub(super) name: Name,
    pub(super) version: Name,
    pub(super) engine: ScannerIdentity,
    pub(super) depth: u32,
    pub(super) max_size: u64,
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) failure: Option<LedgerFailure>,
}

impl Ledger {
    pub(super) fn new(head: LedgerHead, mut parts: Vec<LedgerPart>, mut tally: ScanTally) -> Self {
        let LedgerHead { statement, name, version, engine, depth, max_size, started, ended, failure } = head;
        let totals = tally.totals();
        for (number, part) in parts.iter_mut().enumerate() {
            part.account = tally.parts.remove(&number).unwrap_or_default();
        }
        // Threads end in any order.
        tally.found.sort_unstable();
        tally.unseen.sort_unstable();
        tally.unopened.sort_unstable();
        let failure = failure.map(|LedgerFailure(reason)| reason);
        let outcome = match (&failure, totals.found, totals.unseen.count + totals.unopened) {
            (Some(_), ..) => ScanOutcome::EngineFailed,
            (None, 0, 0) => ScanOutcome::Clean,
            (None, 0, _) => ScanOutcome::Incomplete,
            (None, ..) => ScanOutcome::Found,
        };
        let ScanTally { found, unseen, unopened, unlisted, .. } = tally;
        let unlisted = Some(unlisted).filter(|unlisted| *unlisted > 0);
        let kind = TYPE.to_owned();
        Self {
            kind,
            statement,
            name,
            version,
            engine,
            depth,
            max_size,
            started,
            ended,
            outcome,
            failure,
            totals,
            parts,
            found,
            unseen,
            unopened,
            unlisted,
        }
    }

    /// Bytes of the longest ledger.
    pub const MAX_BYTES: u64 = 256 << 20;

    /// Reads a ledger; or says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let ledger: Self =
            canonical::decode_escaped(bytes, Self::MAX_BYTES).map_err(|error| error.to_string())?;
        if ledger.kind == TYPE { Ok(ledger) } else { Err("its type is not one this build knows".to_owned()) }
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode_escaped(self)
    }

    /// Whether everything was seen and nothing found.
    pub fn judge(&self) -> Result<(), ScanError> {
        let ScanAccount { leaves, unseen, found, unopened, .. } = self.totals;
        let unseen = unseen.count;
        match self.outcome {
            ScanOutcome::Clean => Ok(()),
            ScanOutcome::Found => Err(ScanError::Found { found, unseen, unopened }),
            ScanOutcome::Incomplete => Err(ScanError::Incomplete { unseen, unopened }),
            ScanOutcome::EngineFailed => {
                let reason = self.failure.clone().unwrap_or_default();
                Err(ScanError::EngineFailed { reason, unseen, leaves: leaves.count })
            }
        }
    }
}
