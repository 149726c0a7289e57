//! Removes and shares releases and blobs, once it is decided which.

use super::SiteError;
use super::handle::{Leftovers, RELEASES, STATE, STORE, Site};
use super::release_inventory;
use super::staging::{BLOB_MODE, CANNOT_LINK, is_staging, remove_tree};
use super::transaction::{next, remove_file};
use rustix::io::Errno;
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::name::Name;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Gives every blob of a release its name in the store. One there that is another file was found damaged.
pub(super) fn share(blobs: &Path, store: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(blobs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let store = store.join("blobs/sha256");
    fs::create_dir_all(&store)?;
    for entry in entries {
        let entry = entry?;
        let name = store.join(entry.file_name());
        let same = fs::symlink_metadata(&name).is_ok_and(|there| {
            entry.metadata().is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()))
        });
        if !same {
            let passing = next(&name);
            remove_file(&passing)?;
            if reflink(&entry.path(), &passing).is_ok() {
                fs::rename(&passing, &name)?;
                continue;
            }
            remove_file(&passing)?;
            match fs::hard_link(entry.path(), &passing) {
                Ok(()) => fs::rename(&passing, &name)?,
                // Too many links, a store on another disk, or a full one: then this blob is not shared.
                Err(error) if cannot_link(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    atomic_file::sync_folder(&store)
}

/// Makes a file that shares its bytes with another one until either is written.
fn reflink(from: &Path, to: &Path) -> io::Result<()> {
    let from = atomic_file::open_regular(from)?;
    let mut options = fs::OpenOptions::new();
    let to = options.write(true).create_new(true).mode(BLOB_MODE.bits()).open(to)?;
    Ok(rustix::fs::ioctl_ficlone(&to, &from)?)
}

fn cannot_link(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| CANNOT_LINK.contains(&errno) || matches!(errno, Errno::NOSPC | Errno::DQUOT))
}

/// Removes the blobs that no release has any more. Where one directory cannot be read, all stay.
fn drop_unused(site: &Path) -> io::Result<()> {
    let mut used = HashSet::new();
    for scenario in listed(&site.join(RELEASES))? {
        for release in listed(&scenario)? {
            let blobs = listed(&release.join("images/blobs/sha256"))?;
            used.extend(blobs.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)));
        }
    }
    for blob in listed(&site.join(STORE).join("blobs/sha256"))? {
        if blob.file_name().is_some_and(|name| !used.contains(name)) && blob.symlink_metadata()?.is_file() {
            remove_file(&blob)?;
        }
    }
    Ok(())
}

/// The paths in a directory; none where there is no directory.
fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        other => other?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}

/// Removes what is out of sight beside the releases of a scenario, and the blobs that only it had. What cannot be
/// removed stays for the next time.
pub(super) fn clear_away(site: &Path, scenario: &Name) {
    let mut removed = false;
    for path in listed(&site.join(RELEASES).join(scenario.as_str())).unwrap_or_default() {
        if path.file_name().is_some_and(|name| is_staging(&name.to_string_lossy())) {
            removed |= remove_tree(&path).is_ok();
        }
    }
    if removed {
        let _ = drop_unused(site);
    }
}

/// Removes what a killed process had begun to write below a site.
pub(super) fn sweep(site: &Site) -> Result<(), SiteError> {
    let failed = |source| SiteError::Write { path: site.folder().to_owned(), source };
    remove_file(&next(&site.folder().join(STATE))).map_err(failed)?;
    for scenario in &site.state.accepts {
        remove_file(&next(&site.current(scenario))).map_err(failed)?;
        clear_away(site.folder(), scenario);
    }
    release_inventory::drop_unused(site.folder(), &site.state);
    Ok(())
}

/// What is out of sight beside the releases; anyone who writes it holds its directory locked.
pub(super) fn leftovers(site: &Site) -> Result<Leftovers, SiteError> {
    let mut found = Leftovers::default();
    let failed = |source| SiteError::StateRead { path: site.folder().join(RELEASES), source };
    for scenario in listed(&site.folder().join(RELEASES)).map_err(failed)? {
        for path in listed(&scenario).map_err(failed)? {
            if !path.file_name().is_some_and(|name| is_staging(&name.to_string_lossy())) {
                continue;
            }
            found.is_running |= is_locked(&path);
            found.bytes += bytes_below(&path);
        }
    }
    Ok(found)
}

fn is_locked(folder: &Path) -> bool {
    let operation = rustix::fs::FlockOperation::NonBlockingLockShared;
    fs::File::open(folder).is_ok_and(|folder| rustix::fs::flock(folder, operation) == Err(Errno::WOULDBLOCK))
}

/// Bytes of everything below a directory, as far as it can be read, and at least one.
fn bytes_below(folder: &Path) -> u64 {
    let mut bytes = 1;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in listed(&folder).unwrap_or_default() {
            match path.symlink_metadata() {
                Ok(found) if found.is_dir() => folders.push(path),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
