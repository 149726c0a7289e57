//! Partial blobs, so that an interrupted transfer can be resumed.

use super::{Store, StoreError};
use crate::value::digest::{Digest, Hasher};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;

/// The beginning of a blob, held by one process at a time; what has arrived stays when it is dropped.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    file: File,
    hasher: Hasher,
    expected: Digest,
}

impl Store {
    /// What has arrived of a blob, to be gone on with; nothing while another process is at it.
    pub fn resume(&self, digest: &Digest) -> Result<Option<Partial>, StoreError> {
        let path = self.blobs.join(format!(".partial-{}", digest.hex()));
        let failed = |source| StoreError::Io { path: path.clone(), source };
        let mut file = File::options().read(true).append(true).create(true).open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        }
        // Another process may have finished it, and taken the name away, between opening and locking.
        let (held, named) = (rustix::fs::fstat(&file), rustix::fs::stat(&path));
        if !matches!((held, named), (Ok(held), Ok(named)) if held.st_ino == named.st_ino) {
            return Ok(None);
        }
        let mut hasher = Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(failed)?;
        let target = self.path(digest);
        Ok(Some(Partial { path, target, file, hasher, expected: *digest }))
    }
}

impl Partial {
    /// Bytes that are there.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.hasher.count()
    }

    /// True when nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what is there.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(|source| self.failed(source))?;
        self.hasher = Hasher::new();
        Ok(())
    }

    /// Puts bytes behind those that are there.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|source| self.failed(source))?;
        self.hasher.update(bytes);
        Ok(())
    }

    /// Gives the blob its name when it has its digest; forgets it otherwise.
    pub fn finish(self) -> Result<u64, StoreError> {
        let size = self.len();
        let found = self.hasher.clone().finish();
        if found != self.expected {
            let _ = fs::remove_file(&self.path);
            return Err(StoreError::Digest { expected: self.expected, found });
        }
        self.file.sync_all().map_err(|source| self.failed(source))?;
        fs::rename(&self.path, &self.target).map_err(|source| self.failed(source))?;
        Ok(size)
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = Digest::of(b"abcdef");
        let mut partial = store.resume(&digest).unwrap().unwrap();
        partial.append(b"abc").unwrap();
        assert!(store.resume(&digest).unwrap().is_none(), "one at a time");
        drop(partial);
        assert!(store.get(&digest).is_none());
        let mut partial = store.resume(&digest).unwrap().unwrap();
        assert_eq!(partial.len(), 3);
        partial.append(b"def").unwrap();
        assert_eq!(partial.finish().unwrap(), 6);
        assert_eq!(fs::read(store.get(&digest).unwrap()).unwrap(), b"abcdef");
    }

    #[test]
    fn wrong_bytes_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = Digest::of(b"abc");
        let mut partial = store.resume(&digest).unwrap().unwrap();
        partial.append(b"abd").unwrap();
        assert!(matches!(partial.finish(), Err(StoreError::Digest { .. })));
        let mut partial = store.resume(&digest).unwrap().unwrap();
        assert!(partial.is_empty());
        partial.append(b"x").unwrap();
        partial.restart().unwrap();
        partial.append(b"abc").unwrap();
        partial.finish().unwrap();
        assert!(store.get(&digest).is_some());
    }
}
