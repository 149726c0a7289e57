//! The tar stream of a tree, read from its source files.

use super::draft::DraftTree;
use crate::format::entry::Node;
use crate::format::error::BundleError;
use crate::format::{atomic_file, member, tree};
use crate::value::digest::{Digest, Hasher};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Reads a tree as its one tar stream, and fails when a file is not the one the lock pins.
pub(crate) struct TreeStream<'a> {
    entries: std::slice::Iter<'a, crate::format::entry::Entry>,
    sources: std::slice::Iter<'a, PathBuf>,
    /// Headers, zeros and the end, waiting to be read.
    bytes: io::Cursor<Vec<u8>>,
    file: Option<OpenFile<'a>>,
    ended: bool,
}

struct OpenFile<'a> {
    path: &'a Path,
    file: File,
    left: u64,
    size: u64,
    sha256: Digest,
    hasher: Hasher,
}

impl<'a> TreeStream<'a> {
    /// The stream of this tree, nothing opened yet.
    #[must_use]
    pub(crate) fn new(draft: &'a DraftTree) -> Self {
        Self {
            entries: draft.tree.entries().iter(),
            sources: draft.sources.iter(),
            bytes: io::Cursor::default(),
            file: None,
            ended: false,
        }
    }

    fn advance(&mut self) -> Result<(), BundleError> {
        let Some(entry) = self.entries.next() else {
            self.ended = true;
            // `tree::END`: two zero blocks.
            self.bytes = io::Cursor::new(vec![0; 1024]);
            return Ok(());
        };
        self.bytes = io::Cursor::new(tree::head(entry));
        if let Node::File { size, sha256, .. } = entry.node {
            let path = self.sources.next().ok_or_else(|| BundleError::Format {
                document: "the draft".to_owned(),
                reason: format!("it has no source for `{}`", entry.path),
            })?;
            self.file = Some(OpenFile::open(path, size, sha256)?);
        }
        Ok(())
    }
}

impl<'a> OpenFile<'a> {
    fn open(path: &'a Path, size: u64, sha256: Digest) -> Result<Self, BundleError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::InvalidInput => {
                changed(path, "it is no longer a regular file, or lies behind a symbolic link")
            }
            _ => BundleError::SourceRead { path: path.to_owned(), source },
        };
        let file = atomic_file::open_unlinked(path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?.len();
        if found != size {
            return Err(changed(path, &format!("it has {found} bytes, expected {size}")));
        }
        Ok(Self { path, file, left: size, size, sha256, hasher: Hasher::new() })
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BundleError> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self
            .file
            .read(buffer.get_mut(..most).unwrap_or_default())
            .map_err(|source| BundleError::SourceRead { path: self.path.to_owned(), source })?;
        if read == 0 {
            return Err(changed(self.path, "it became shorter while it was read"));
        }
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.left -= read as u64;
        Ok(read)
    }

    /// Compares the digest of what was read.
    fn close(self) -> Result<&'static [u8], BundleError> {
        let found = self.hasher.finish();
        if found == self.sha256 {
            return Ok(member::padding(self.size));
        }
        Err(changed(self.path, &format!("its digest is {found}, expected {}", self.sha256)))
    }
}

fn changed(path: &Path, reason: &str) -> BundleError {
    BundleError::SourceChanged { path: path.to_owned(), reason: reason.to_owned() }
}

impl Read for TreeStream<'_> {
    /// Fails with a [`BundleError`] inside the [`io::Error`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.bytes.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.file.take() {
                Some(mut file) if file.left > 0 => {
                    let read = retry_interrupted(|| file.read(buffer))?;
                    self.file = Some(file);
                    return Ok(read);
                }
                Some(file) => {
                    self.bytes = io::Cursor::new(file.close().map_err(io::Error::other)?.to_vec());
                }
                None if self.ended => return Ok(0),
                None => self.advance().map_err(io::Error::other)?,
            }
        }
    }
}

fn retry_interrupted(mut read: impl FnMut() -> Result<usize, BundleError>) -> io::Result<usize> {
    loop {
        match read() {
            Err(BundleError::SourceRead { source, .. }) if source.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(io::Error::other),
        }
    }
}
