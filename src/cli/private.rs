//! Private temporary directories for bundles that are not at their final path yet.

use super::error::CliError;
use rustix::fs::{FlockOperation, flock};
use sealift_bundle::store::Store;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Name prefix of these directories.
const PREFIX: &str = ".sealift-";

/// A directory with mode 0700, locked while in use and removed on drop. One left in the store by a killed process is no
/// longer locked, so the next process removes it.
pub(super) struct PrivateFolder {
    folder: tempfile::TempDir,
    _lock: File,
}

impl PrivateFolder {
    /// Creates one next to `output`, so that the file can be renamed into place.
    pub(super) fn beside(output: &Path) -> Result<Self, CliError> {
        Self::make(output).map_err(|source| CliError::Write { path: output.to_owned(), source })
    }

    /// Creates one in the store, on a local disk rather than on the transfer medium.
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
        // Held while directories are created and swept, so that a new one, not locked yet, is not swept.
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        sweep(&place);
        Self::make(&place).map_err(failed)
    }

    fn make(place: &Path) -> io::Result<Self> {
        let private = Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix(PREFIX).permissions(private.clone()).tempdir_in(place)?;
        // The umask may have removed permissions of the owner.
        fs::set_permissions(folder.path(), private)?;
        let lock = File::open(folder.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the directory, and reports a failure, which drop would ignore.
    pub(super) fn remove(self) -> Result<(), CliError> {
        let path = PathBuf::from(self.path());
        self.folder.close().map_err(|source| CliError::Write { path, source })
    }
}

/// Removes this user's directories that no process has locked.
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
/// Restricts new files to their owner until it is dropped.
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
