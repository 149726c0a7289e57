//! The journal: one line per transaction, with the digest of the previous line and the state of the site after it.

use super::SiteError;
use super::handle::JOURNAL;
use super::rendering::Rendered;
use super::state::{ReleaseMark, SiteState};
use rustix::fs::{Mode, OFlags};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::root::RootPolicy;
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// Bytes of the longest line: a state with hundreds of scenarios and releases stays far below.
pub(super) const LINE: u64 = 4 << 20;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The site was set up.
    Founded {
        /// Who compared the fingerprint of the trust root, and how.
        compared: String,
    },
    /// A bundle was installed.
    Installed {
        /// Its scenario.
        scenario: Name,
        /// The release that it became.
        release: Name,
        /// The bundle.
        bundle: ReleaseMark,
        /// What it was verified under.
        under: Under,
        /// Who sealed it.
        signers: Vec<Name>,
        /// Who approved it.
        approvers: Vec<Name>,
        /// Why it was let in out of order, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        out_of_order: Option<String>,
        /// What its templates were filled with, and the result of it, where it has any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rendered: Option<Box<Rendered>>,
    },
    /// Another release that was there is in use.
    Switched {
        /// Its scenario.
        scenario: Name,
        /// The release that was in use.
        from: Name,
        /// The release that is.
        to: Name,
        /// Why it is used although it is not the newest, where approvers let its bundle in again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        out_of_order: Option<String>,
    },
    /// Releases were removed.
    Pruned {
        /// Their scenario.
        scenario: Name,
        /// Their directories.
        releases: Vec<Name>,
    },
    /// Another trust root is pinned.
    Trusted {
        /// Why it need not follow from the one before, where the user decided that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovery: Option<String>,
    },
    /// What the site remembers was set up again.
    Recovered {
        /// Why.
        reason: String,
    },
    /// A release that was not what was installed any more was restored from its bundle.
    Repaired {
        /// Its scenario.
        scenario: Name,
        /// The directory that it had.
        from: Name,
        /// The directory that it has.
        to: Name,
        /// The bundle.
        bundle: ReleaseMark,
        /// What it was verified under.
        under: Under,
        /// How many entries were not what was installed; absent where that was not known.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "sealift_bundle::value::exact::deserialize_option"
        )]
        differences: Option<u64>,
    },
    /// The site takes other scenarios.
    Accepting {
        /// Those that it takes from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<Name>,
        /// Those that it takes no more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<Name>,
    },
    /// An installation was rehearsed: everything but the change itself.
    Drilled {
        /// The scenario of the bundle.
        scenario: Name,
        /// The bundle.
        bundle: ReleaseMark,
        /// What it was verified under.
        under: Under,
    },
    /// A bundle was refused or could not be installed.
    Refused {
        /// The code of the error.
        code: String,
        /// What it said.
        message: String,
        /// The bundle, where its seal was verified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        statement: Option<Digest>,
    },
}

/// The trust root under which a bundle was verified, and what that root asks for beside keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Under {
    /// Its version.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub root_version: u64,
    /// Its fingerprint.
    pub root: Digest,
    /// Its policy.
    pub policy: RootPolicy,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Counts from 1.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub number: u64,
    /// Digest of the line before, without its line break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When, by the clock of the site.
    pub time: Timestamp,
    /// What was done.
    pub act: Act,
    /// What the site knows from then on.
    pub state: SiteState,
}

/// Where a journal ends: so many entries, the last of which has this digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalHead {
    /// How many entries there are.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub entries: u64,
    /// The digest of the last line, without its line break.
    pub digest: Digest,
}

/// A journal whose lines follow one from another.
#[derive(Debug, Clone)]
pub struct Journal {
    /// Where it ends.
    pub head: JournalHead,
    /// The last entry.
    pub last: JournalEntry,
    /// Bytes of the file.
    pub len: u64,
}

impl Under {
    /// This root.
    #[must_use]
    pub fn of(root: &PinnedRoot) -> Self {
        Self {
            root_version: root.root().version(),
            root: *root.fingerprint().digest(),
            policy: root.root().policy().clone(),
        }
    }
}

impl Act {
    /// The bundle that it is about, where it is about one that is named by its statement.
    #[must_use]
    pub fn statement(&self) -> Option<Digest> {
        match self {
            Self::Installed { bundle, .. } | Self::Drilled { bundle, .. } | Self::Repaired { bundle, .. } => {
                Some(bundle.statement)
            }
            Self::Refused { statement, .. } => *statement,
            Self::Founded { .. }
            | Self::Switched { .. }
            | Self::Pruned { .. }
            | Self::Trusted { .. }
            | Self::Recovered { .. }
            | Self::Accepting { .. } => None,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Founded { compared } => {
                write!(f, "founded; the fingerprint was given {}", Printable(compared))
            }
            Self::Installed { scenario, release, out_of_order, .. } => {
                write!(f, "installed {scenario} {release}")?;
                out_of_order.iter().try_for_each(|why| write!(f, ", out of order: {}", Printable(why)))
            }
            Self::Switched { scenario, from, to, out_of_order } => {
                write!(f, "switched {scenario} from {from} to {to}")?;
                out_of_order.iter().try_for_each(|why| write!(f, ", out of order: {}", Printable(why)))
            }
            Self::Pruned { scenario, releases } => {
                let names: Vec<_> = releases.iter().map(Name::as_str).collect();
                write!(f, "pruned {scenario} {}", names.join(" "))
            }
            Self::Trusted { recovery: None } => write!(f, "pinned the next trust root"),
            Self::Trusted { recovery: Some(why) } => {
                write!(f, "pinned another trust root: {}", Printable(why))
            }
            Self::Recovered { reason } => write!(f, "recovered: {}", Printable(reason)),
            Self::Repaired { scenario, to, differences, .. } => {
                write!(f, "repaired {scenario} {to}")?;
                differences.iter().try_for_each(|count| write!(f, ", {}", counted(*count, "difference")))
            }
            Self::Accepting { added, removed } => {
                let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ");
                match (added.is_empty(), removed.is_empty()) {
                    (false, true) => write!(f, "takes {} too", list(added)),
                    (_, false) if added.is_empty() => write!(f, "takes no {} any more", list(removed)),
                    _ => write!(f, "takes {} in place of {}", list(added), list(removed)),
                }
            }
            Self::Drilled { scenario, bundle, .. } => write!(f, "drilled {scenario} {bundle}"),
            Self::Refused { code, message, .. } => {
                write!(f, "refused [{}] {}", Printable(code), Printable(message))
            }
        }
    }
}

impl JournalEntry {
    /// The entry that follows a journal, and where the journal then ends.
    pub fn after(
        before: Option<&JournalHead>,
        time: Timestamp,
        act: Act,
        state: SiteState,
    ) -> Result<(Vec<u8>, JournalHead), SiteError> {
        let number = before.map_or(0, |head| head.entries).saturating_add(1);
        let entry = Self { number, previous: before.map(|head| head.digest), time, act, state };
        let mut line = canonical::encode(&entry)
            .map_err(|error| SiteError::JournalDamaged { line: number, reason: error.to_string() })?;
        // What could not be read again is never written.
        if line.len() as u64 > LINE {
            return Err(SiteError::EntryLong { found: line.len() as u64, limit: LINE });
        }
        let head = JournalHead { entries: number, digest: Digest::of(&line) };
        line.push(b'\n');
        Ok((line, head))
    }
}

impl Journal {
    /// Reads a journal from its first line to its last, and hands each entry on with its head.
    ///
    /// Found: lines that were changed, left out, doubled or put elsewhere, and a last line that is not whole. What
    /// was cut off at a line break is found by anyone who knows where it should end.
    pub fn read(path: &Path, each: impl FnMut(&JournalEntry, &JournalHead)) -> Result<Self, SiteError> {
        let failed = |source| SiteError::JournalRead { path: path.to_owned(), source };
        let file = sealift_bundle::format::atomic_file::open_regular(path).map_err(failed)?;
        Self::follow(BufReader::with_capacity(1 << 16, file), path, each)
    }

    /// Reads the journal of a site.
    pub(super) fn of_site(
        site: &Path,
        each: impl FnMut(&JournalEntry, &JournalHead),
    ) -> Result<Self, SiteError> {
        match Self::read(&site.join(JOURNAL), each) {
            Err(SiteError::JournalRead { path, source }) if source.kind() == io::ErrorKind::NotFound => {
                Err(SiteError::JournalMissing { path })
            }
            other => other,
        }
    }

    /// The same of a journal whose bytes are at hand; `path` is for messages.
    pub(super) fn follow(
        mut reader: impl BufRead,
        path: &Path,
        mut each: impl FnMut(&JournalEntry, &JournalHead),
    ) -> Result<Self, SiteError> {
        let failed = |source| SiteError::JournalRead { path: path.to_owned(), source };
        let mut last: Option<(JournalEntry, JournalHead)> = None;
        let mut len = 0_u64;
        loop {
            let number = last.as_ref().map_or(0, |(_, head)| head.entries).saturating_add(1);
            let damaged = |reason: String| SiteError::JournalDamaged { line: number, reason };
            let mut line = Vec::new();
            let read = (&mut reader).take(LINE + 1).read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            let Some(text) = line.strip_suffix(b"\n") else {
                return Err(damaged("it is not whole".to_owned()));
            };
            let entry: JournalEntry =
                canonical::decode(text, LINE).map_err(|error| damaged(error.to_string()))?;
            if entry.number != number {
                return Err(damaged(format!("it says it is entry {}", entry.number)));
            }
            let before = last.as_ref().map(|(_, head)| head.digest);
            if entry.previous != before {
                return Err(damaged("it does not follow from the line before it".to_owned()));
            }
            if last.as_ref().is_some_and(|(before, _)| before.state.site != entry.state.site) {
                return Err(damaged("it is of another site".to_owned()));
            }
            let head = JournalHead { entries: number, digest: Digest::of(text) };
            each(&entry, &head);
            len += read as u64;
            last = Some((entry, head));
        }
        let (last, head) =
            last.ok_or_else(|| SiteError::JournalDamaged { line: 1, reason: "there is none".to_owned() })?;
        Ok(Self { head, last, len })
    }
}

/// Opens the journal for one more line. A link in its place is not followed.
pub(super) fn open_for_writing(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(io::ErrorKind::InvalidInput)) }
}
