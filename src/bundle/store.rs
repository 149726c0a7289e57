//! The local store: blobs by digest that were downloaded or created here.
//!
//! The directory looks like the blobs of an OCI image layout: `blobs/sha256/<hex>`.

mod partial;

pub use partial::Partial;

use crate::codes;
use crate::next_step;
use crate::value::digest::{Digest, Hasher};
use crate::value::error_code::{Code, Fault};
use crate::value::next_step::NextStep;
use crate::value::printable::Printable;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes moved at a time.
const STEP: usize = 1 << 18;

/// A directory of blobs.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    blobs: PathBuf,
}

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum StoreError {
    #[error("cannot use the store `{}`", Printable(.path.to_string_lossy()))]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot read the data to store")]
    Read { source: io::Error },
    #[error("digest mismatch: expected {expected}, found {found}")]
    Digest { expected: Digest, found: Digest },
}

impl Fault for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } => codes::STORE_IO,
            Self::Read { .. } => codes::SOURCE_UNREADABLE,
            Self::Digest { .. } => codes::SOURCE_DIGEST,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Io { path, .. } => Some(next_step![format!(
                "check free space and permissions: `df -h {0}; ls -ld {0}`",
                Printable(path.to_string_lossy())
            )]),
            Self::Read { .. } | Self::Digest { .. } => None,
        }
    }
}

impl Store {
    /// Opens the store in `folder` and makes the directory where there is none.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let blobs = folder.join("blobs/sha256");
        // Private images lie here. Directories that exist keep their mode: some stores are shared on purpose. The path of the
        // store may lead over links; what is in it is read without following any.
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&blobs);
        match created.and_then(|()| fs::canonicalize(folder)) {
            Ok(folder) => Ok(Self { blobs: folder.join("blobs/sha256"), folder }),
            Err(source) => Err(StoreError::Io { path: blobs, source }),
        }
    }

    /// Takes away what others may do with a store that is one person's own, as those made by earlier versions allow it.
    pub fn close_to_others(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { path: self.folder.clone(), source };
        let found = fs::metadata(&self.folder).map_err(failed)?;
        let is_ours = found.uid() == rustix::process::geteuid().as_raw();
        let others = found.mode() & 0o077;
        if !is_ours || others == 0 {
            return Ok(());
        }
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700)).map_err(failed)
    }

    /// Where something of another form is kept beside the blobs.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file that holds a blob, if the store has it. Anyone who reads it compares the digest again.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file).map(|_| path)
    }

    /// The file and the length of a blob whose bytes were just read and found right; a damaged blob counts
    /// as one that is missing, and the next [`put`](Self::put) replaces it.
    pub fn checked(&self, digest: &Digest) -> Result<Option<(PathBuf, u64)>, StoreError> {
        let Some(path) = self.get(digest) else { return Ok(None) };
        let mut hasher = Hasher::new();
        let copied = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        match copied {
            Ok(size) => Ok((hasher.finish() == *digest).then_some((path, size))),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }

    /// Takes bytes in; returns their digest and length.
    ///
    /// They appear under their digest only when all have been read, found right and reached the disk; after
    /// any failure nothing is left.
    pub fn put(&self, reader: &mut dyn Read, expected: Option<Digest>) -> Result<(Digest, u64), StoreError> {
        let unfinished = UnfinishedBlob::new(&self.blobs)?;
        let (digest, size) = unfinished.fill(reader)?;
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(StoreError::Digest { expected, found: digest });
        }
        unfinished.finish(&self.path(&digest))?;
        Ok((digest, size))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }
}

/// A file under a passing name, removed unless it is finished.
struct UnfinishedBlob {
    path: PathBuf,
    file: File,
}

impl UnfinishedBlob {
    fn new(folder: &Path) -> Result<Self, StoreError> {
        // Two runs on one store, even from two machines, never write to one file: the name is only taken
        // when no one else has it.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!(".unfinished-{}-{number}", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::Io { path, source }),
            }
        }
    }

    fn fill(&self, reader: &mut dyn Read) -> Result<(Digest, u64), StoreError> {
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; STEP];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(StoreError::Read { source }),
            };
            hasher.update(read);
            (&self.file).write_all(read).map_err(|source| self.failed(source))?;
        }
        let size = hasher.count();
        Ok((hasher.finish(), size))
    }

    fn finish(self, path: &Path) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        fs::rename(&self.path, path).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path.clone(), source }
    }
}

impl Drop for UnfinishedBlob {
    fn drop(&mut self) {
        // After `finish` there is nothing of this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let listing = fs::read_dir(folder.join("blobs/sha256")).unwrap();
        listing.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_put_can_be_got() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("new")).unwrap();
        let digest = Digest::of(b"abc");
        assert_eq!(store.get(&digest), None);
        for _ in 0..2 {
            assert_eq!(store.put(&mut &b"abc"[..], Some(digest)).unwrap(), (digest, 3));
        }
        assert_eq!(fs::read(store.get(&digest).unwrap()).unwrap(), b"abc");
        assert_eq!(names(&folder.path().join("new")), [digest.hex()]);
    }

    #[test]
    fn f_sec_2_a_new_store_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let (new, shared) = (folder.path().join("new"), folder.path().join("shared"));
        Store::open(&new).unwrap();
        assert_eq!((mode(&new), mode(&new.join("blobs/sha256"))), (0o700, 0o700));
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).unwrap();
        let store = Store::open(&shared).unwrap();
        assert_eq!(mode(&shared), 0o755, "shared on purpose");
        store.close_to_others().unwrap();
        assert_eq!(mode(&shared), 0o700);
    }

    #[test]
    fn wrong_bytes_and_failing_readers_leave_nothing() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("pulled out"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let expected = Digest::of(b"abc");
        let error = store.put(&mut &b"abd"[..], Some(expected)).unwrap_err();
        assert_eq!(error.code(), codes::SOURCE_DIGEST);
        assert!(matches!(error, StoreError::Digest { found, .. } if found == Digest::of(b"abd")));
        let error = store.put(&mut Read::chain(&b"ab"[..], Failing), None).unwrap_err();
        assert!(matches!(error, StoreError::Read { .. }));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_damaged_blob_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (digest, _) = store.put(&mut &b"abc"[..], None).unwrap();
        assert_eq!(store.checked(&digest).unwrap().map(|(_, size)| size), Some(3));
        fs::write(store.get(&digest).unwrap(), b"ab").unwrap();
        assert_eq!(store.checked(&digest).unwrap(), None);
        store.put(&mut &b"abc"[..], Some(digest)).unwrap();
        assert!(store.checked(&digest).unwrap().is_some());
    }

    #[test]
    fn a_store_that_is_a_file_is_an_error_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"").unwrap();
        assert_eq!(Store::open(&path).unwrap_err().code(), codes::STORE_IO);
    }
}
