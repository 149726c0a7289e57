//! Content on its way to the scanner.

use super::super::layer::Failed;
use sealift_bundle::value::digest::{Digest, Hasher};
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// A leaf as it goes by: hashed, within a limit, and with the first error of its source kept apart from those of the
/// engine.
pub(super) struct HashedContent<'a> {
    source: &'a mut dyn Read,
    hasher: Hasher,
    most: u64,
    ended: bool,
    /// Whether it has more bytes than the limit.
    pub(super) is_over: bool,
    /// Why it could not be read.
    pub(super) error: Option<io::Error>,
}

impl<'a> HashedContent<'a> {
    pub(super) fn new(source: &'a mut dyn Read, most: u64) -> Self {
        Self { source, hasher: Hasher::new(), most, ended: false, is_over: false, error: None }
    }

    pub(super) fn count(&self) -> u64 {
        self.hasher.count()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.ended
    }

    pub(super) fn drain(&mut self) {
        let _ = io::copy(self, &mut io::sink());
    }

    /// What was read hashes to.
    pub(super) fn digest(self) -> Digest {
        self.hasher.finish()
    }
}

impl Read for HashedContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stop = || io::Error::new(io::ErrorKind::InvalidData, "the rest of the file cannot be read");
        if self.is_over || self.error.is_some() {
            return Err(stop());
        }
        match self.source.read(buffer) {
            Ok(0) if !buffer.is_empty() => {
                self.ended = true;
                Ok(0)
            }
            Ok(count) => {
                self.hasher.update(buffer.get(..count).unwrap_or_default());
                self.is_over = self.hasher.count() > self.most;
                if self.is_over { Err(stop()) } else { Ok(count) }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.error = Some(error);
                Err(stop())
            }
        }
    }
}

pub(super) struct CountingReader<'a> {
    source: &'a mut dyn Read,
    pub(super) count: u64,
}

impl<'a> CountingReader<'a> {
    pub(super) fn new(source: &'a mut dyn Read) -> Self {
        Self { source, count: 0 }
    }
}

impl Read for CountingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// What an archive gives when it is decompressed, within limits; remembers why it ended early.
pub(super) struct BoundedReader<R> {
    source: R,
    left: u64,
    limit: u64,
    all: Rc<Cell<u64>>,
    /// Why it ended before its end.
    pub(super) stopped: Option<String>,
}

impl<R: Read> BoundedReader<R> {
    /// At most `limit` bytes, and no more than are left of `all`.
    pub(super) fn new(source: R, limit: u64, all: Rc<Cell<u64>>) -> Self {
        Self { source, left: limit, limit, all, stopped: None }
    }
}

impl<R: Read> Read for BoundedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(reason) = &self.stopped {
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone()));
        }
        let outcome = self.source.read(buffer);
        let count = match &outcome {
            Ok(count) => *count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted || is_ours(error) => return outcome,
            Err(error) => {
                self.stopped = Some(format!("it is damaged: {error}"));
                return outcome;
            }
        };
        let all = self.all.get();
        let why = if count > self.left {
            format!("it has more than {} bytes when it is decompressed", self.limit)
        } else if count > all {
            "the archives in the bundle decompress to more bytes than the limit".to_owned()
        } else {
            self.left -= count;
            self.all.set(all - count);
            return outcome;
        };
        self.stopped = Some(why.clone());
        Err(io::Error::new(io::ErrorKind::FileTooLarge, why))
    }
}

/// Whether an error is of the medium or a wish to stop, and no damage to what is read.
pub(super) fn is_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Failed>)
}

/// What damage is called; an error that is none stays one.
pub(super) fn damage(error: io::Error) -> io::Result<String> {
    if is_ours(&error) { Err(error) } else { Ok(format!("it is damaged: {error}")) }
}

/// Reads up to so many bytes; true when that was all.
pub(super) fn fill(held: &mut Vec<u8>, most: usize, source: &mut dyn Read) -> io::Result<bool> {
    let wanted = most.saturating_sub(held.len()) as u64 + 1;
    source.take(wanted).read_to_end(held)?;
    Ok(held.len() <= most)
}
