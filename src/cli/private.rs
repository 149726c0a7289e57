//! Places for a bundle on its way to somewhere else, that nobody but its owner can look into.

use super::error::CliError;
use rustix::fs::{FlockOperation, flock};
use sealift_bundle::store::Store;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// How the names of such folders begin.
const PREFIX: &str = ".sealift-";

/// A folder with mode 0700, removed when it is dropped. It is locked until then: what a killed process left behind in the
/// store is not, and the next one there removes it.
pub(super) struct PrivateFolder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl PrivateFolder {
    /// Beside the file that is to be moved out of it in one step.
    pub(super) fn beside(output: &Path) -> Result<Self, CliError> {
        Self::make(output).map_err(|source| CliError::Write { path: output.to_owned(), source })
    }

    /// In the store: on a disk of this machine, and not on the medium that travels.
    pub(super) fn in_store(store: &Store) -> Result<Self, CliError> {
        let place = store.beside("passing");
        let failed = |source| CliError::Write { path: place.clone(), source };
        let folder = File::open(&place).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                DirBuilder::new().mode(0o700).create(&place)?;
                File::open(&place)
            }
            _ => Err(error),
        });
        let folder = folder.map_err(failed)?;
        // Held while folders are made and removed here, so that a new one is not taken for one that was left behind.
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        sweep(&place);
        Self::make(&place).map_err(failed)
    }

    fn make(place: &Path) -> io::Result<Self> {
        let private = Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix(PREFIX).permissions(private.clone()).tempdir_in(place)?;
        // A umask may have taken more away than others' rights.
        fs::set_permissions(folder.path(), private)?;
        let lock = File::open(folder.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes it, and says so when it cannot be removed.
    pub(super) fn remove(self) -> Result<(), CliError> {
        let path = PathBuf::from(self.path());
        self.folder.close().map_err(|source| CliError::Write { path, source })
    }
}

/// Removes folders of ours that no process has locked.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = fs::symlink_metadata(&path)
            .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw());
        if !is_ours || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let is_free = File::open(&path)
            .is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok());
        if is_free {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(feature = "encryption")]
/// While this is there, new files are for their owner alone.
pub(super) struct OwnerOnly(rustix::fs::Mode);

#[cfg(feature = "encryption")]
impl OwnerOnly {
    pub(super) fn begin() -> Self {
        use rustix::fs::Mode;
        Self(rustix::process::umask(Mode::RWXG | Mode::RWXO))
    }
}

#[cfg(feature = "encryption")]
impl Drop for OwnerOnly {
    fn drop(&mut self) {
        rustix::process::umask(self.0);
    }
}
