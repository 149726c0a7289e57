//! Space kept for the acts that must work on a full disk: going back, pruning, pinning a root, recovering.
//!
//! `SITE/reserve/` holds one preallocated file and a few empty ones, for blocks and for inodes. Such an act gives them
//! back to the file system when it meets a full disk, and fills the reserve up again afterwards, as far as there is
//! space. Nothing depends on the reserve being there, so it is not synced and a crash cannot harm it.

use super::SiteError;
use super::handle::{self, RESERVE};
use super::journal::Act;
use super::transaction::remove_file;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use sealift_bundle::format::atomic_file;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The file that holds the blocks.
const SPACE: &str = "space";
/// Empty files: a next state, a record of the act, a next link, and one more.
const INODES: [&str; 4] = ["1", "2", "3", "4"];
/// Bytes that are always kept, and the least that is worth keeping.
const USUAL: u64 = 128 << 10;
const LEAST: u64 = 16 << 10;

/// Whether an act may use the reserve. Installing may not: it would leave none for going back.
pub(super) fn may_use(act: &Act) -> bool {
    match act {
        Act::Switched { .. } | Act::Pruned { .. } | Act::Trusted { .. } | Act::Recovered { .. } => true,
        Act::Founded { .. }
        | Act::Installed { .. }
        | Act::Repaired { .. }
        | Act::Accepting { .. }
        | Act::Drilled { .. }
        | Act::Refused { .. } => false,
    }
}

/// Does something, and once more with the reserve where the disk is full.
pub(super) fn with_reserve(
    site: &Path,
    mut attempt: impl FnMut() -> Result<(), SiteError>,
) -> Result<(), SiteError> {
    match attempt() {
        Err(error) if is_disk_full(&error) && give_back(site).unwrap_or(false) => attempt(),
        other => other,
    }
}

fn is_disk_full(error: &SiteError) -> bool {
    let (SiteError::Write { source, .. }
    | SiteError::JournalWrite { source, .. }
    | SiteError::Unfinished { source, .. }) = error
    else {
        return false;
    };
    matches!(Errno::from_io_error(source), Some(Errno::NOSPC | Errno::DQUOT))
}

/// Gives the reserve back to the file system; false when there is none.
fn give_back(site: &Path) -> io::Result<bool> {
    let folder = site.join(RESERVE);
    let mut freed = false;
    for name in INODES.iter().chain([&SPACE]) {
        let path = folder.join(name);
        freed |= path.symlink_metadata().is_ok();
        remove_file(&path)?;
    }
    if freed {
        // What was freed can be used on some file systems only once that is on the disk.
        atomic_file::sync_folder(&folder)?;
    }
    Ok(freed)
}

/// Fills the reserve up, as far as there is space, so that it holds an act of so many bytes.
pub(super) fn fill(site: &Path, act: u64) {
    let folder = site.join(RESERVE);
    if handle::make_folder(&folder).is_err() {
        return;
    }
    for name in INODES {
        // One that is there, or cannot be made, is no reason to stop.
        let _ = create(&folder.join(name));
    }
    // The state and the record of the act hold each other's text, and both are there at once.
    let mut size = USUAL.saturating_add(act.saturating_mul(4));
    let path = folder.join(SPACE);
    if path
        .symlink_metadata()
        .is_ok_and(|found| found.is_file() && found.blocks().saturating_mul(512) >= size)
    {
        return;
    }
    let Ok(file) = create(&path) else { return };
    while size >= LEAST && allocate(&file, size).is_err() {
        if file.set_len(0).is_err() {
            return;
        }
        size /= 2;
    }
}

fn create(path: &Path) -> io::Result<File> {
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nofollow)
        .open(path)
}

fn allocate(mut file: &File, size: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        // Then it is written; where the file system compresses, there is no reserve.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            file.write_all(&vec![0; usize::try_from(size).unwrap_or_default()])
        }
        other => Ok(other?),
    }
}
