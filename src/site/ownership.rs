//! Rejects directories whose content others could change.
//!
//! A rename needs only write permission on the parent directory, so each check includes every directory up to the
//! root.

use super::SiteError;
use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;
use sealift_bundle::format::atomic_file::folder_of;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// What a user namespace shows in place of an owner that it does not know (`/proc/sys/fs/overflowuid`). The
/// directories above a rootless container belong to it.
const UNKNOWN_OWNER: u32 = 65534;

/// What is about to be done to a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderAccess {
    /// It is only read. Root may read the site of another user.
    Read,
    /// It is changed. Its owner could swap files for links between two steps, so not even root does it for another
    /// user.
    Change,
}

/// Refuses a directory if another user could rename what is put there: by its own mode or owner, or by those of a directory
/// above it.
///
/// The sticky bit keeps others from renaming. A group that may write is accepted only if it is root's, or the private
/// group of the owner (the same number as the user).
pub(super) fn refuse_unsafe_parent(parent: &Path) -> Result<(), SiteError> {
    let stat = rustix::fs::stat(parent).map_err(|error| match error {
        Errno::NOENT => SiteError::NoParent { path: parent.to_owned() },
        Errno::NOTDIR => wrong(parent, "is not a folder"),
        other => unread(parent, other.into()),
    })?;
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(wrong(parent, "is not a folder"));
    }
    judge(parent, &stat)?;
    // By its name and by where links in it lead: both chains decide what the path means.
    let named = std::path::absolute(parent).map_err(|source| unread(parent, source))?;
    let real = parent.canonicalize().map_err(|source| unread(parent, source))?;
    for folder in named.ancestors().chain(real.ancestors()) {
        match rustix::fs::stat(folder) {
            Ok(stat) => judge(folder, &stat)?,
            Err(error) => return Err(unread(folder, error.into())),
        }
    }
    Ok(())
}

fn judge(folder: &Path, stat: &Stat) -> Result<(), SiteError> {
    let mode = Mode::from_raw_mode(stat.st_mode);
    let is_private = stat.st_gid == 0 || stat.st_gid == stat.st_uid;
    if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
        return Err(wrong(folder, "can be written by everybody, who could swap what is unpacked there"));
    }
    if mode.contains(Mode::WGRP) && !mode.contains(Mode::SVTX) && !is_private {
        return Err(wrong(folder, "can be written by its group, who could swap what is unpacked there"));
    }
    let own = rustix::process::geteuid().as_raw();
    if ![0, own, UNKNOWN_OWNER].contains(&stat.st_uid) {
        return Err(wrong(folder, "belongs to another user, who could swap what is unpacked there"));
    }
    Ok(())
}

/// Refuses a site that others may change, by itself or by a directory above it.
pub(super) fn refuse_unsafe_site(folder: &Path, access: FolderAccess) -> Result<(), SiteError> {
    refuse_unsafe(folder, access)?;
    refuse_unsafe_parent(folder_of(folder))
}

/// Refuses a directory of a site that others may change: it would be nobody's memory.
pub(super) fn refuse_unsafe(folder: &Path, access: FolderAccess) -> Result<(), SiteError> {
    let found = match folder.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SiteError::NoSite { path: folder.to_owned() });
        }
        other => other.map_err(|source| unread(folder, source))?,
    };
    if !found.is_dir() {
        return Err(wrong(folder, "is not a folder"));
    }
    if found.permissions().mode() & 0o022 != 0 {
        return Err(wrong(folder, "can be written by others, who could change what the site remembers"));
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() == own || (own == 0 && access == FolderAccess::Read) {
        return Ok(());
    }
    Err(SiteError::OtherOwner { path: folder.to_owned(), owner: found.uid() })
}

fn wrong(path: &Path, reason: &'static str) -> SiteError {
    SiteError::Parent { path: path.to_owned(), reason }
}

fn unread(path: &Path, source: io::Error) -> SiteError {
    SiteError::StateRead { path: path.to_owned(), source }
}
