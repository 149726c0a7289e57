//! What is done to releases and blobs apart from deciding: shared, put out of sight, cleared away.

use super::SiteError;
use super::commit::{next, remove_file};
use super::open::{RELEASES, STATE, STORE, Site};
use super::staging::{CANNOT_LINK, is_staging, remove_tree};
use crate::bundle::place;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

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
            match fs::hard_link(entry.path(), &passing) {
                Ok(()) => fs::rename(&passing, &name)?,
                // Too many links, or a store on another disk: then this blob is not shared.
                Err(error) if cannot_link(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    place::sync_folder(&store)
}

fn cannot_link(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    errno.is_some_and(|errno| CANNOT_LINK.contains(&errno))
}

/// Removes the blobs that no release has any more.
fn drop_unused(store: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(store.join("blobs/sha256")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let found = fs::symlink_metadata(entry.path())?;
        if found.is_file() && found.nlink() == 1 {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes what lies out of sight beside the releases of a scenario, and the blobs that only it had. What cannot be
/// removed stays for the next time.
pub(super) fn clear_away(releases: &Path, store: &Path) {
    let Ok(entries) = fs::read_dir(releases) else { return };
    let mut removed = false;
    for entry in entries.flatten() {
        if is_staging(&entry.file_name().to_string_lossy()) {
            removed |= remove_tree(&entry.path()).is_ok();
        }
    }
    if removed {
        let _ = drop_unused(store);
    }
}

/// Removes what a killed process had begun to write below a site.
pub(super) fn sweep(site: &Site) -> Result<(), SiteError> {
    let failed = |source| SiteError::Write { path: site.folder().to_owned(), source };
    remove_file(&next(&site.folder().join(STATE))).map_err(failed)?;
    for scenario in &site.state.accepts {
        remove_file(&next(&site.current(scenario))).map_err(failed)?;
        let releases = site.folder().join(RELEASES).join(scenario.as_str());
        clear_away(&releases, &site.folder().join(STORE));
    }
    Ok(())
}
