//! The files of a release when it was installed, so that every later change is found.
//!
//! Kept at `SITE/inventories/DIGITS`, named by its digest, which the journal records for each release. It is made
//! from verified inventories, not from what is on disk.

use super::SiteError;
use super::handle::{self, INVENTORIES, Site};
use super::state::{Release, SiteState};
use sealift_bundle::format::BundleError;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::parallel;
use sealift_bundle::value::progress::Progress;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of the largest one: about ten million entries.
const MAX_BYTES: u64 = 2 << 30;
/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// The entries of a release, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReleaseInventory(Vec<Entry>);

/// How an entry of a release is not as it was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Its content, its target or its kind is another one.
    Changed,
    /// Its permissions are others: executable or not, or writable by others.
    Mode,
    /// It is missing.
    Missing,
    /// It was not installed.
    Added,
}

/// An entry of a release that is not as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReleaseDifference {
    /// Where, beneath the directory of the release.
    pub path: String,
    /// How.
    pub change: Change,
}

/// The result of comparing a release with what was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseCheck {
    /// Every file was hashed: these differ; none means that it is whole.
    Compared(Vec<ReleaseDifference>),
    /// It was installed by a version of sealift that kept no inventory.
    NoInventory,
}

/// How a release is compared.
#[derive(Clone, Copy)]
pub struct Checking<'a> {
    /// How many threads hash.
    pub threads: usize,
    /// Told about progress.
    pub watch: &'a dyn Progress,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Changed => "changed",
            Self::Mode => "mode",
            Self::Missing => "missing",
            Self::Added => "added",
        })
    }
}

impl ReleaseInventory {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Self(entries)
    }

    /// Writes it to its place at a site, and onto the disk; returns its digest.
    pub(super) fn write(&self, site: &Path) -> Result<Digest, SiteError> {
        let bytes = canonical::encode(&self.0)
            .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
        let (digest, folder) = (Digest::of(&bytes), site.join(INVENTORIES));
        handle::make_folder(&folder)?;
        let path = folder.join(digest.hex());
        if atomic_file::read_bounded(&path, MAX_BYTES).is_ok_and(|found| found == bytes) {
            return Ok(digest);
        }
        atomic_file::replace(&path, &bytes).map_err(|source| SiteError::Write { path, source })?;
        Ok(digest)
    }

    fn read(site: &Path, digest: &Digest) -> Result<Self, SiteError> {
        let path = site.join(INVENTORIES).join(digest.hex());
        let damaged = |reason: String| SiteError::InventoryDamaged { path: path.clone(), reason };
        let bytes = match atomic_file::read_bounded(&path, MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("it is missing".into()));
            }
            other => other.map_err(|source| SiteError::StateRead { path: path.clone(), source })?,
        };
        if Digest::of(&bytes) != *digest {
            return Err(damaged("it was changed".to_owned()));
        }
        canonical::decode(&bytes, MAX_BYTES).map(Self).map_err(|error| damaged(error.to_string()))
    }

    /// Compares a directory with it, hashing every file. No link is followed, and nothing below a directory that does not
    /// belong there is read.
    fn compare(&self, base: &Path, checking: Checking<'_>) -> Result<Vec<ReleaseDifference>, SiteError> {
        let mut expected: BTreeMap<&str, &Node> = BTreeMap::new();
        expected.extend(self.0.iter().map(|entry| (entry.path.as_str(), &entry.node)));
        let mut walk = ReleaseWalk { base, expected, files: Vec::new(), differences: Vec::new() };
        walk.folder("")?;
        let ReleaseWalk { expected, files, mut differences, .. } = walk;
        differences.extend(expected.into_keys().map(|path| differs(path, Change::Missing)));
        checking.watch.expect(files.iter().map(|file| file.size).sum());
        differences.extend(changed(base, &files, checking)?);
        differences.sort();
        Ok(differences)
    }
}

fn differs(path: &str, change: Change) -> ReleaseDifference {
    ReleaseDifference { path: path.to_owned(), change }
}

struct ReleaseWalk<'a> {
    base: &'a Path,
    /// What has not been met yet.
    expected: BTreeMap<&'a str, &'a Node>,
    /// Files that have the expected size, and remain to be hashed.
    files: Vec<FileToHash>,
    differences: Vec<ReleaseDifference>,
}

struct FileToHash {
    path: String,
    size: u64,
    sha256: Digest,
}

impl ReleaseWalk<'_> {
    fn folder(&mut self, below: &str) -> Result<(), SiteError> {
        let failed = |path: PathBuf| move |source| SiteError::StateRead { path, source };
        let folder = self.base.join(below);
        for entry in fs::read_dir(&folder).map_err(failed(folder.clone()))? {
            let entry = entry.map_err(failed(folder.clone()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let full = entry.path();
            let found = full.symlink_metadata().map_err(failed(full.clone()))?;
            let mode = found.permissions().mode();
            // A name that is not UTF-8 is never one that was installed, however it is shown.
            let known = entry.file_name().to_str().and_then(|_| self.expected.remove(path.as_str()));
            let Some(node) = known else {
                self.differences.push(differs(&path, Change::Added));
                continue;
            };
            match node {
                Node::Dir if found.is_dir() => {
                    if mode & 0o022 != 0 {
                        self.differences.push(differs(&path, Change::Mode));
                    }
                    self.folder(&path)?;
                }
                Node::Link { target } if found.is_symlink() => {
                    let now = fs::read_link(&full).map_err(failed(full.clone()))?;
                    if now != Path::new(target) {
                        self.differences.push(differs(&path, Change::Changed));
                    }
                }
                Node::File { size, sha256, executable } if found.is_file() => {
                    if (mode & 0o100 != 0) != *executable || mode & 0o022 != 0 {
                        self.differences.push(differs(&path, Change::Mode));
                    }
                    if found.len() == *size {
                        self.files.push(FileToHash { path, size: *size, sha256: *sha256 });
                    } else {
                        self.differences.push(differs(&path, Change::Changed));
                    }
                }
                Node::Dir | Node::Link { .. } | Node::File { .. } => {
                    self.differences.push(differs(&path, Change::Changed));
                    // What lay in a directory that is none any more is missing with it, and said once.
                    let inside = format!("{path}/");
                    self.expected.retain(|path, _| !path.starts_with(&inside));
                }
            }
        }
        Ok(())
    }
}

/// Hashes files on all threads; returns those that are not what they were.
fn changed(
    base: &Path,
    files: &[FileToHash],
    checking: Checking<'_>,
) -> Result<Vec<ReleaseDifference>, SiteError> {
    let found = parallel::map(
        checking.threads,
        files,
        || (),
        |(), file| {
            let is_same = hash(&base.join(&file.path), checking.watch)? == file.sha256;
            Ok::<_, SiteError>((!is_same).then(|| differs(&file.path, Change::Changed)))
        },
    )?;
    Ok(found.into_iter().flatten().collect())
}

fn hash(path: &Path, watch: &dyn Progress) -> Result<Digest, SiteError> {
    let failed = |source| SiteError::StateRead { path: path.to_owned(), source };
    let mut file = atomic_file::open_regular(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; CHUNK]);
    loop {
        if watch.is_stopped() {
            return Err(TrustError::from(BundleError::Interrupted).into());
        }
        let filled = file.read(&mut buffer).map_err(failed)?;
        if filled == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..filled).unwrap_or_default());
        watch.advance(filled as u64);
    }
}

impl Site {
    /// Compares a release with what was installed: every file is hashed.
    pub fn check_release(
        &self,
        scenario: &Name,
        release: &Release,
        checking: Checking<'_>,
    ) -> Result<ReleaseCheck, SiteError> {
        let Some(digest) = &release.inventory else { return Ok(ReleaseCheck::NoInventory) };
        let inventory = ReleaseInventory::read(self.folder(), digest)?;
        inventory.compare(&self.release(scenario, &release.folder), checking).map(ReleaseCheck::Compared)
    }

    /// Refuses a release that is not what was installed.
    pub(super) fn refuse_changed_release(
        &self,
        scenario: &Name,
        release: &Release,
        checking: Checking<'_>,
    ) -> Result<(), SiteError> {
        match self.check_release(scenario, release, checking)? {
            ReleaseCheck::NoInventory => Ok(()),
            ReleaseCheck::Compared(found) => match found.first() {
                None => Ok(()),
                Some(first) => Err(SiteError::ReleaseChanged {
                    release: release.folder.clone(),
                    count: found.len() as u64,
                    first: first.clone(),
                }),
            },
        }
    }
}

/// Removes the inventories of releases that are gone. What cannot be removed stays for the next time.
pub(super) fn drop_unused(site: &Path, state: &SiteState) {
    let releases = state.scenarios.iter().flat_map(|scenario| &scenario.releases);
    let used: HashSet<String> =
        releases.filter_map(|release| release.inventory.as_ref().map(Digest::hex)).collect();
    let Ok(entries) = fs::read_dir(site.join(INVENTORIES)) else { return };
    for entry in entries.flatten() {
        if !used.contains(entry.file_name().to_string_lossy().as_ref()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
