//! Downloads files into the store.

use super::address::{Address, AskedAddress, Scheme};
use super::context::{Task, open_regular, resolved, resolved_within};
use super::error::PlanError;
use sealift_bundle::store::{Partial, StoreError};
use sealift_bundle::value::digest::Digest;
use sealift_registry::download::{Download, NoContent};
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

/// Bytes moved at a time.
const STEP: usize = 256 << 10;

/// A small document, into memory; `limit` is how many bytes it may have.
pub(super) fn document(url: &Address, limit: u64, task: &Task<'_>) -> Result<Vec<u8>, PlanError> {
    let source = Source::new(url, task);
    let (reader, _) = source.open()?;
    let mut bytes = Vec::new();
    let read = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    task.go_on()?;
    read.map_err(|error| source.failed(error.to_string()))?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(PlanError::Limit { what: format!("bytes of `{url}`"), found, limit });
    }
    Ok(bytes)
}

/// Makes sure that the store has the file at `url`, and returns its size. What the store has is not fetched again, and a
/// download that was cut goes on where it stopped.
///
/// Without a digest, what the address gives now is taken.
pub(super) fn fetch(
    url: &Address,
    sha256: Option<&Digest>,
    task: &Task<'_>,
) -> Result<(Digest, u64), PlanError> {
    let store = task.work.store;
    if let Some(sha256) = sha256
        && let Some((_, size)) = store.checked(sha256)?
    {
        return Ok((*sha256, size));
    }
    let source = Source::new(url, task);
    let found = match sha256 {
        Some(sha256) if source.asked.address.file().is_none() => source.resume(*sha256)?,
        Some(_) | None => source.whole(sha256.copied())?,
    };
    remember_mirror(&found.0, source.asked.mirror.as_ref(), task)?;
    Ok(found)
}

/// The mirror that a file of the store was downloaded from, if it came from one.
pub(super) fn mirror_of(digest: &Digest, task: &Task<'_>) -> Option<String> {
    std::fs::read_to_string(memory_of(digest, task)).ok()
}

/// Remembers where a file came from: the lock says so, also when a later run finds it in the store.
pub(super) fn remember_mirror(
    digest: &Digest,
    mirror: Option<&String>,
    task: &Task<'_>,
) -> Result<(), PlanError> {
    let path = memory_of(digest, task);
    let done = match mirror {
        Some(mirror) => std::fs::create_dir_all(task.work.store.beside("mirrors"))
            .and_then(|()| sealift_bundle::format::atomic_file::replace(&path, mirror.as_bytes())),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    };
    done.map_err(|source| PlanError::Write { path, source })
}

fn memory_of(digest: &Digest, task: &Task<'_>) -> PathBuf {
    task.work.store.beside("mirrors").join(digest.hex())
}

struct Source<'a> {
    url: &'a Address,
    asked: AskedAddress,
    task: &'a Task<'a>,
}

type Opened<'a> = (Box<dyn Read + 'a>, Option<u64>);

/// What ends a request for a part of a file.
enum DownloadEnd {
    /// The connection; another request goes on.
    Connection(PlanError),
    /// For good.
    Other(PlanError),
}

impl<'a> Source<'a> {
    fn new(url: &'a Address, task: &'a Task<'a>) -> Self {
        Self { url, asked: url.through(task.work.access), task }
    }

    /// An error that names the place that was really asked.
    fn failed(&self, reason: impl Into<String>) -> PlanError {
        let mirror = self.asked.mirror.as_ref().map(|_| format!("at its mirror `{}`: ", self.asked.address));
        let reason = format!("{}{}", mirror.unwrap_or_default(), reason.into());
        PlanError::Fetch { url: self.url.to_string(), reason }
    }

    fn open(&self) -> Result<Opened<'a>, PlanError> {
        let address = &self.asked.address;
        let Some(path) = address.file() else {
            let answer = self.request(0)?.map_err(|none| self.failed(none.reason))?;
            let length = answer.length;
            return Ok((Box::new(answer), length));
        };
        let real = match address.within() {
            Some(folder) => resolved_within(folder, &path),
            None => resolved(&path),
        };
        let real = real.map_err(|error| match error {
            PlanError::Missing { .. } if self.asked.mirror.is_some() => {
                PlanError::NotMirrored { url: self.url.to_string(), path }
            }
            other => other,
        })?;
        let file = open_regular(&real)?;
        let length = file.metadata().map_err(|source| PlanError::read(&real, source))?.len();
        Ok((Box::new(file), Some(length)))
    }

    /// Asks for what begins at byte `from`.
    fn request(&self, from: u64) -> Result<Result<Download<'a>, NoContent>, PlanError> {
        let address = &self.asked.address;
        // What begins with https stays with https, over every redirect.
        let only_tls = address.scheme() == Scheme::Https;
        let work = self.task.work;
        Ok(Download::get(address.as_str(), from, only_tls, work.access, work.watch)?)
    }

    fn too_large(&self, found: u64) -> Option<PlanError> {
        let limit = self.task.work.limits.bytes;
        let what = || format!("bytes of `{}`", self.url);
        (found > limit).then(|| PlanError::Limit { what: what(), found, limit })
    }

    /// All of it in one request, from the beginning.
    fn whole(&self, sha256: Option<Digest>) -> Result<(Digest, u64), PlanError> {
        let task = self.task;
        let (mut reader, length) = self.open()?;
        if let Some(error) = self.too_large(length.unwrap_or_default()) {
            return Err(error);
        }
        task.expect(length.unwrap_or_default());
        let mut watched =
            DownloadReader { reader: &mut reader, task, rest: length.unwrap_or(task.work.limits.bytes) };
        let stored = task.work.store.put(&mut watched, sha256);
        let rest = watched.rest;
        task.go_on()?;
        match stored {
            // Only a length that was stated can be missed. A body that ends early is no other file; and without a digest
            // to compare with, that length is all there is.
            Ok(_) | Err(StoreError::Digest { .. }) if length.is_some() && rest > 0 => {
                Err(self.failed(early(rest, length.unwrap_or_default())))
            }
            Ok(stored) => Ok(stored),
            Err(StoreError::Digest { expected, found }) => {
                Err(PlanError::Digest { url: self.url.to_string(), expected, found })
            }
            Err(StoreError::Read { source }) => Err(self.failed(source.to_string())),
            Err(error @ StoreError::Io { .. }) => Err(PlanError::Store(error)),
        }
    }

    /// A file whose digest is known, in as many requests as it takes.
    fn resume(&self, sha256: Digest) -> Result<(Digest, u64), PlanError> {
        let store = self.task.work.store;
        let mut partial = loop {
            if let Some(partial) = store.resume(&sha256)? {
                break partial;
            }
            // Another process downloads it, or has just done so.
            self.pause(Duration::from_millis(200))?;
            if let Some((_, size)) = store.checked(&sha256)? {
                return Ok((sha256, size));
            }
        };
        let begun_before = !partial.is_empty();
        let patience = self.task.work.access.patience;
        let (mut stalls, mut pause, mut has_begun) = (0, patience.pause, false);
        loop {
            let before = partial.len();
            match self.receive(&mut partial) {
                Ok(()) => break,
                Err(DownloadEnd::Connection(error)) => {
                    let moved = partial.len() > before;
                    has_begun |= moved;
                    (stalls, pause) = if moved { (0, patience.pause) } else { (stalls + 1, pause * 2) };
                    if !has_begun || stalls >= patience.attempts {
                        return Err(error);
                    }
                    self.pause(pause.min(patience.longest))?;
                }
                Err(DownloadEnd::Other(error)) => return Err(error),
            }
        }
        match partial.finish() {
            Ok(size) => Ok((sha256, size)),
            // What lay there from an earlier run may have been damaged; what arrives now is judged alone.
            Err(StoreError::Digest { .. }) if begun_before => self.resume(sha256),
            Err(StoreError::Digest { expected, found }) => {
                Err(PlanError::Digest { url: self.url.to_string(), expected, found })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One request for what is missing.
    fn receive(&self, partial: &mut Partial) -> Result<(), DownloadEnd> {
        let from = partial.len();
        let mut answer = match self.request(from).map_err(DownloadEnd::Other)? {
            Ok(answer) => answer,
            // There is nothing behind what has arrived; its digest says whether it is the file.
            Err(NoContent { status: Some(416), .. }) if from > 0 => return Ok(()),
            Err(NoContent { status: Some(_), reason }) => {
                return Err(DownloadEnd::Other(self.failed(reason)));
            }
            Err(NoContent { status: None, reason }) => {
                return Err(DownloadEnd::Connection(self.failed(reason)));
            }
        };
        let store = |error: StoreError| DownloadEnd::Other(error.into());
        if from > 0 && answer.part_from != Some(from) {
            partial.restart().map_err(store)?;
            if answer.part_from.is_some() {
                let reason = "it answers with another part of the file than it was asked for";
                return Err(DownloadEnd::Connection(self.failed(reason)));
            }
        }
        let length = answer.length;
        let end = length.map(|length| partial.len().saturating_add(length));
        if let Some(error) = self.too_large(end.unwrap_or_default()) {
            return Err(DownloadEnd::Other(error));
        }
        self.task.expect(length.unwrap_or_default());
        let mut buffer = vec![0; STEP];
        loop {
            let read = match answer.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(DownloadEnd::Connection(self.failed(error.to_string()))),
            };
            if read == 0 {
                break;
            }
            partial.append(buffer.get(..read).unwrap_or_default()).map_err(store)?;
            self.task.advance(read).map_err(DownloadEnd::Other)?;
            if let Some(error) = self.too_large(partial.len()) {
                return Err(DownloadEnd::Other(error));
            }
        }
        match end.map(|end| end.saturating_sub(partial.len())) {
            Some(rest @ 1..) => {
                Err(DownloadEnd::Connection(self.failed(early(rest, length.unwrap_or_default()))))
            }
            Some(0) | None => Ok(()),
        }
    }

    fn pause(&self, pause: Duration) -> Result<(), PlanError> {
        let mut left = pause;
        while !left.is_zero() {
            self.task.go_on()?;
            let step = left.min(Duration::from_millis(50));
            std::thread::sleep(step);
            left -= step;
        }
        self.task.go_on()
    }
}

fn early(rest: u64, length: u64) -> String {
    format!("it ended {rest} bytes before the {length} that were announced")
}

/// Counts bytes, stops at the length announced, and when the person wants to.
struct DownloadReader<'a> {
    reader: &'a mut dyn Read,
    task: &'a Task<'a>,
    rest: u64,
}

impl Read for DownloadReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.rest = self
            .rest
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it gave more bytes than were announced"))?;
        self.task.advance(read).map_err(|_| io::Error::other("interrupted"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
