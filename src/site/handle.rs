//! A site on disk, opened: what it remembers is whole and fits its journal, or it is not opened.
//!
//! ```text
//! SITE/state.json     the pinned trust root, and where the journal has to end
//! SITE/journal.jsonl  one line an act; the last one holds all that the site knows
//! SITE/store/         blobs of images by digest, shared by the releases
//! SITE/releases/SCENARIO/VERSION-DIGITS/   what `unpack` writes, one directory a bundle
//! SITE/current/SCENARIO   link to the release that is in use
//! SITE/pending.json   an act that is decided and not finished
//! SITE/lock           held by anyone who changes something
//! ```

use super::SiteError;
use super::gc;
use super::journal::{Journal, JournalEntry, JournalHead};
use super::ownership::{FolderAccess, refuse_unsafe, refuse_unsafe_site};
use super::state::SiteState;
use super::transaction::{self, PendingTransaction};
use rustix::fs::{FlockOperation, Mode};
use sealift_bundle::format::atomic_file;
use sealift_bundle::store::Store;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::value::canonical;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TYPE: &str = "https://sealift.dev/site/v1";
/// Bytes of the largest small file of a site: a trust root in JSON, or an act that is pending.
pub(super) const MAX_BYTES: u64 = 16 << 20;
/// How often someone who only looks asks again while another process finishes an act.
const LOOKS: u32 = 50;

/// `state.json`: what ties the journal down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Anchor {
    #[serde(rename = "_type")]
    kind: String,
    /// Where the journal ends.
    journal: JournalHead,
    /// The pinned trust root: its envelope.
    root: String,
}

impl Anchor {
    pub(super) fn encode(journal: JournalHead, root: &PinnedRoot) -> Result<Vec<u8>, SiteError> {
        let root = String::from_utf8_lossy(&root.envelope().encode()?).into_owned();
        canonical::encode(&Self { kind: TYPE.to_owned(), journal, root })
            .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })
    }

    fn parse(bytes: &[u8]) -> Result<Self, SiteError> {
        let damaged = |reason| SiteError::StateDamaged { reason };
        let anchor: Self = canonical::decode(bytes, MAX_BYTES).map_err(|error| damaged(error.to_string()))?;
        if anchor.kind != TYPE {
            return Err(damaged("it is of a type that this build does not know".to_owned()));
        }
        Ok(anchor)
    }
}

/// A site whose state and journal are whole and fit together. Nothing of it can be changed through this.
#[derive(Debug)]
pub struct Site {
    pub(super) folder: PathBuf,
    /// The trust root that it has pinned.
    pub root: PinnedRoot,
    /// Where its journal ends.
    pub head: JournalHead,
    /// What it knows.
    pub state: SiteState,
    /// When its last act was, by its clock.
    pub time: Timestamp,
    pub(super) journal_len: u64,
}

/// A site that no one else changes until this is dropped.
#[derive(Debug)]
pub struct LockedSite {
    /// What is there.
    pub site: Site,
    _lock: File,
}

impl Site {
    /// Whether a directory is a site, whole or not.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        [STATE, JOURNAL].iter().any(|name| folder.join(name).symlink_metadata().is_ok())
    }

    /// Opens a site to look at it, while others may be changing it.
    pub fn look(folder: &Path, limits: &Limits) -> Result<Self, SiteError> {
        refuse_unsafe_site(folder, FolderAccess::Read)?;
        refuse_no_site(folder)?;
        let mut looks = 0;
        loop {
            let pending = transaction::is_there(&folder.join(PENDING)).unwrap_or(true);
            let found = if pending {
                Err(SiteError::Pending { path: folder.to_owned() })
            } else {
                Self::read(folder, limits)
            };
            // An act is under way, or was ended by a power cut: then no one holds the lock, and it is finished here.
            match found {
                Ok(site) => return Ok(site),
                Err(error) => match LockedSite::open(folder, limits) {
                    Ok(held) => return Ok(held.site),
                    Err(SiteError::SiteBusy { .. }) if looks < LOOKS => {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    Err(SiteError::Write { .. }) => return Err(error),
                    Err(other) => return Err(other),
                },
            }
            looks += 1;
        }
    }

    /// Reads what the site remembers; nothing may be pending.
    fn read(folder: &Path, limits: &Limits) -> Result<Self, SiteError> {
        let bytes = match atomic_file::read_bounded(&folder.join(STATE), MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(if folder.join(JOURNAL).symlink_metadata().is_ok() {
                    SiteError::StateMissing { path: folder.to_owned() }
                } else {
                    SiteError::NoSite { path: folder.to_owned() }
                });
            }
            other => other.map_err(|source| SiteError::StateRead { path: folder.join(STATE), source })?,
        };
        let anchor = Anchor::parse(&bytes)?;
        let damaged = |reason: String| SiteError::StateDamaged { reason };
        let root = PinnedRoot::parse(anchor.root.as_bytes(), limits)
            .map_err(|error| damaged(format!("its trust root: {error}")))?;
        let (expected, mut passed) = (anchor.journal, None);
        let journal = Journal::of_site(folder, |_, head| {
            if head.entries == expected.entries {
                passed = Some(*head);
            }
        })?;
        if journal.head != expected {
            return Err(match passed {
                None => SiteError::JournalShort { expected: expected.entries, found: journal.head.entries },
                Some(passed) if passed.digest == expected.digest => {
                    SiteError::StateOld { knows: expected.entries, found: journal.head.entries }
                }
                Some(_) => SiteError::JournalFork { entry: expected.entries },
            });
        }
        let JournalEntry { time, state, .. } = journal.last;
        if state.root != *root.fingerprint().digest() || state.root_version != root.root().version() {
            return Err(damaged("its trust root is not the one that the journal says is pinned".to_owned()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            root,
            head: journal.head,
            state,
            time,
            journal_len: journal.len,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// The directory of a release.
    #[must_use]
    pub fn release(&self, scenario: &Name, folder: &Name) -> PathBuf {
        release(&self.folder, scenario, folder)
    }

    /// The link to the release that is in use.
    #[must_use]
    pub fn current(&self, scenario: &Name) -> PathBuf {
        self.folder.join(CURRENT).join(scenario.as_str())
    }

    /// The blobs of its images.
    pub fn store(&self) -> Result<Store, SiteError> {
        Ok(Store::open(&self.folder.join(STORE))?)
    }

    /// The circumstances as the site sees them: no clock is verified that shows a time before its floor.
    #[must_use]
    pub fn circumstances<'a>(&self, conditions: &Conditions<'a>) -> Conditions<'a> {
        Conditions { now: conditions.now.max(self.state.time_floor), ..*conditions }
    }

    /// How far the clock is behind what the site has seen signed, if it is.
    #[must_use]
    pub fn clock_is_behind(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.state.time_floor).filter(|floor| *floor > now)
    }
}

/// What interrupted installations have left beside the releases of a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Bytes of all of it.
    pub bytes: u64,
    /// Whether an installation is under way, which is writing it.
    pub is_running: bool,
}

/// What interrupted installations have left at a site.
pub fn leftovers(folder: &Path, limits: &Limits) -> Result<Leftovers, SiteError> {
    gc::leftovers(&Site::look(folder, limits)?)
}

impl LockedSite {
    /// Opens a site to change it; finishes first what a power cut or a full disk left unfinished.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, SiteError> {
        refuse_unsafe_site(folder, FolderAccess::Change)?;
        refuse_no_site(folder)?;
        let lock = lock(folder)?;
        if let Some(pending) = PendingTransaction::load(folder)? {
            transaction::finish(folder, &pending)?;
        }
        let site = Site::read(folder, limits)?;
        let scenarios = site.state.accepts.iter().map(|name| folder.join(RELEASES).join(name.as_str()));
        for below in [CURRENT, RELEASES, STORE, INVENTORIES, RESERVE]
            .map(|name| folder.join(name))
            .into_iter()
            .chain(scenarios)
        {
            if transaction::is_there(&below).unwrap_or(true) {
                refuse_unsafe(&below, FolderAccess::Change)?;
            }
        }
        // What a killed process had begun to write. Nothing of it has a name that counts.
        gc::sweep(&site)?;
        Ok(Self { site, _lock: lock })
    }
}

pub(super) const STATE: &str = "state.json";
pub(super) const JOURNAL: &str = "journal.jsonl";
pub(super) const PENDING: &str = "pending.json";
pub(super) const CURRENT: &str = "current";
pub(super) const RELEASES: &str = "releases";
pub(super) const STORE: &str = "store";
pub(super) const LOCK: &str = "lock";
pub(super) const INVENTORIES: &str = "inventories";
pub(super) const RESERVE: &str = "reserve";

pub(super) fn release(site: &Path, scenario: &Name, folder: &Name) -> PathBuf {
    site.join(RELEASES).join(scenario.as_str()).join(folder.as_str())
}

/// Takes the lock of a site, or says at once that someone else has it.
pub(super) fn lock(folder: &Path) -> Result<File, SiteError> {
    let path = folder.join(LOCK);
    let failed = |source| SiteError::Write { path: path.clone(), source };
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).mode(Mode::RUSR.union(Mode::WUSR).bits());
    let lock = lock.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(&path);
    let lock = match lock {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SiteError::NoSite { path: folder.to_owned() });
        }
        other => other.map_err(failed)?,
    };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SiteError::SiteBusy { path: folder.to_owned() }),
        Err(source) => Err(failed(source.into())),
        Ok(()) => Ok(lock),
    }
}

/// Makes a directory of a site, with the mode that it is to have whatever the umask is.
pub(super) fn make_folder(path: &Path) -> Result<(), SiteError> {
    let failed = |source| SiteError::Write { path: path.to_owned(), source };
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            refuse_unsafe(path, FolderAccess::Change)
        }
        other => other
            .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)))
            .and_then(|()| atomic_file::sync_folder(atomic_file::folder_of(path)))
            .map_err(failed),
    }
}

/// Makes the directory of a site. Its mode follows the umask, so `umask 077` keeps a whole site to its owner; what is in
/// it has the modes of a release.
pub(super) fn make_site_folder(path: &Path) -> Result<(), SiteError> {
    let failed = |source| SiteError::Write { path: path.to_owned(), source };
    let made = std::fs::DirBuilder::new().mode(0o755).create(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            refuse_unsafe(path, FolderAccess::Change)
        }
        other => other.and_then(|()| atomic_file::sync_folder(atomic_file::folder_of(path))).map_err(failed),
    }
}

fn refuse_no_site(folder: &Path) -> Result<(), SiteError> {
    let path = || folder.to_owned();
    match Site::is_at(folder) {
        true => Ok(()),
        false if has_releases(folder) => Err(SiteError::MemoryLost { path: path() }),
        false => Err(SiteError::NoSite { path: path() }),
    }
}

/// Whether a directory has releases, so that it is or was a site.
pub(super) fn has_releases(folder: &Path) -> bool {
    std::fs::read_dir(folder.join(RELEASES)).is_ok_and(|mut names| names.next().is_some())
}
