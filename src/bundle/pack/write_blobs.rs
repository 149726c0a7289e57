//! Writes the layers of a bundle, on all cores, each byte once.

use super::chunker::Cutter;
use super::draft::{BlobSource, DraftTree};
use super::frame_store::{EncodedFrame, FrameStore};
use super::stream::TreeStream;
use crate::format::atomic_file;
use crate::format::error::BundleError;
use crate::format::frame::{self, Encoder, Frame};
use crate::format::index::Blob;
use crate::format::member::{self, blob_name, member_header};
use crate::value::digest::Hasher;
use crate::value::progress::Progress;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of pieces that may wait between reading and writing; keeps memory the same at any bundle size.
const IN_FLIGHT: usize = 48 << 20;
/// Bytes that are copied at a time.
const COPY: usize = 1 << 20;

/// What is to be written, from `start` on: image layers first, then the layer of each tree.
pub(super) struct LayersToWrite<'a> {
    /// The unfinished bundle.
    pub file: &'a File,
    /// Its path, for errors.
    pub path: &'a Path,
    /// Where the first layer's header goes.
    pub start: u64,
    /// Image layers, in order.
    pub layers: &'a [BlobSource],
    /// Trees, in order, no two alike.
    pub trees: &'a [&'a DraftTree],
    /// Frames of earlier packs.
    pub frames: Option<&'a FrameStore>,
    /// How many threads compress and copy.
    pub threads: usize,
    /// Sees the bytes go by.
    pub watch: &'a dyn Progress,
}

/// The layers as they were written.
pub(super) struct WrittenLayers {
    /// For each tree its layer and its frames.
    pub trees: Vec<(Blob, Vec<Frame>)>,
    /// Where the last layer ends.
    pub end: u64,
}

enum WriteJob<'a> {
    Copy { source: &'a BlobSource, at: u64 },
    Piece { number: u64, tree: usize, last: bool, bytes: Vec<u8> },
}

struct FinishedPiece {
    number: u64,
    tree: usize,
    last: bool,
    raw: usize,
    frame: EncodedFrame,
}

/// Lets so many bytes in at a time; closed when anything fails, so that no one waits for ever.
struct Gate {
    state: Mutex<(usize, bool)>,
    freed: Condvar,
}

impl Gate {
    /// Waits for room; false when there is no point in going on.
    fn enter(&self, bytes: usize) -> bool {
        let guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |(held, closed): &mut (usize, bool)| !*closed && *held > 0 && *held + bytes > IN_FLIGHT;
        let mut guard = self.freed.wait_while(guard, full).unwrap_or_else(PoisonError::into_inner);
        guard.0 += bytes;
        !guard.1
    }

    fn leave(&self, bytes: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 -= bytes;
        self.freed.notify_all();
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.freed.notify_all();
    }
}

impl<'a> LayersToWrite<'a> {
    /// Writes everything; any byte that is not the one the lock pins is an error.
    pub(super) fn write(&self) -> Result<WrittenLayers, BundleError> {
        let gate = Gate { state: Mutex::new((0, false)), freed: Condvar::new() };
        let (jobs, queue) = sync_channel(2 * self.threads);
        let queue = Mutex::new(queue);
        let (results, done) = channel();
        let first_tree = self.layers.iter().fold(self.start, |at, layer| at + member::span(layer.size));
        let gate = &gate;
        std::thread::scope(|scope| {
            let produce = scope.spawn(move || {
                let outcome = self.produce(&jobs, gate);
                drop(jobs);
                if outcome.is_err() {
                    gate.close();
                }
                outcome
            });
            let workers: Vec<_> = (0..self.threads)
                .map(|_| {
                    let results = results.clone();
                    let queue = &queue;
                    scope.spawn(move || {
                        let outcome = self.work(queue, &results, gate);
                        if outcome.is_err() {
                            gate.close();
                        }
                        // Anyone who fills the queue must not wait for ever.
                        drop(results);
                        while receive(queue).is_some() {}
                        outcome
                    })
                })
                .collect();
            drop(results);
            let written = self.collect(&done, first_tree, gate);
            gate.close();
            // The first cause, not what followed from it.
            let outcomes = std::iter::once(produce).chain(workers).map(std::thread::ScopedJoinHandle::join);
            let mut failure = None;
            for outcome in outcomes {
                match outcome {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => failure = failure.or(Some(error)),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            failure.map_or(written, Err)
        })
    }

    fn produce(&self, jobs: &SyncSender<WriteJob<'a>>, gate: &Gate) -> Result<(), BundleError> {
        let mut at = self.start;
        for source in self.layers {
            if !gate.enter(0) || jobs.send(WriteJob::Copy { source, at }).is_err() {
                return Ok(());
            }
            at += member::span(source.size);
        }
        let mut number = 0;
        for (tree, draft) in self.trees.iter().enumerate() {
            let mut pieces = Cutter::new(TreeStream::new(draft)).peekable();
            while let Some(piece) = pieces.next() {
                let bytes = piece.map_err(stream_error)?;
                let last = pieces.peek().is_none();
                if !gate.enter(bytes.len())
                    || jobs.send(WriteJob::Piece { number, tree, last, bytes }).is_err()
                {
                    return Ok(());
                }
                number += 1;
            }
        }
        Ok(())
    }

    fn work(
        &self,
        queue: &Mutex<Receiver<WriteJob<'_>>>,
        results: &Sender<FinishedPiece>,
        gate: &Gate,
    ) -> Result<(), BundleError> {
        let memory = |source| BundleError::Read { what: "memory for compressing".to_owned(), source };
        let mut encoder = Encoder::new().map_err(memory)?;
        loop {
            match receive(queue) {
                None => return Ok(()),
                Some(_) if self.watch.is_stopped() => return Err(BundleError::Interrupted),
                Some(_) if !gate.enter(0) => return Ok(()),
                Some(WriteJob::Copy { source, at }) => self.copy(source, at)?,
                Some(WriteJob::Piece { number, tree, last, bytes }) => {
                    let frame = self.encode(&mut encoder, &bytes).map_err(memory)?;
                    let raw = bytes.len();
                    if results.send(FinishedPiece { number, tree, last, raw, frame }).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The frame of a piece: one that was kept, or a new one, which is the same.
    fn encode(&self, encoder: &mut Encoder, piece: &[u8]) -> io::Result<EncodedFrame> {
        // What is only stored is made faster than it is found.
        if !encoder.shrinks(piece)? {
            return Ok(EncodedFrame::of(frame::store(piece)));
        }
        let Some(frames) = self.frames else { return Ok(EncodedFrame::of(encoder.compress(piece)?)) };
        let key = frames.key(piece);
        if let Some(kept) = frames.get(&key) {
            return Ok(kept);
        }
        let frame = EncodedFrame::of(encoder.compress(piece)?);
        frames.put(&key, &frame);
        Ok(frame)
    }

    /// Copies a layer from in place, hashing it on the way.
    fn copy(&self, source: &BlobSource, at: u64) -> Result<(), BundleError> {
        let unreadable = |error| BundleError::SourceRead { path: source.path.clone(), source: error };
        let input = atomic_file::open_unlinked(&source.path).map_err(unreadable)?;
        self.put(&member_header(&blob_name(&source.digest), source.size), at)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; COPY];
        while hasher.count() < source.size {
            if self.watch.is_stopped() {
                return Err(BundleError::Interrupted);
            }
            let most = usize::try_from(source.size - hasher.count()).unwrap_or(COPY).min(COPY);
            let chunk = buffer.get_mut(..most).unwrap_or_default();
            let done = hasher.count();
            if let Err(error) = input.read_exact_at(chunk, source.offset + done) {
                return Err(match error.kind() {
                    io::ErrorKind::UnexpectedEof => changed(source, "it became shorter".to_owned()),
                    _ => unreadable(error),
                });
            }
            hasher.update(chunk);
            self.put(chunk, at + 512 + done)?;
            atomic_file::begin_writing(self.file, at + 512 + done, most as u64);
            self.watch.advance(most as u64);
        }
        let found = hasher.finish();
        if found != source.digest {
            return Err(changed(
                source,
                format!("a layer has the digest {found}, expected {}", source.digest),
            ));
        }
        self.put(member::padding(source.size), at + 512 + source.size)
    }

    /// Puts the frames in order and writes them.
    fn collect(
        &self,
        done: &Receiver<FinishedPiece>,
        start: u64,
        gate: &Gate,
    ) -> Result<WrittenLayers, BundleError> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        let mut written = WrittenLayers { trees: Vec::new(), end: start };
        let mut layer = (Hasher::new(), Vec::new());
        for result in done {
            waiting.insert(result.number, result);
            while let Some(piece) = waiting.remove(&next) {
                next += 1;
                let (hasher, frames) = &mut layer;
                let EncodedFrame { stored: bytes, sha256 } = &piece.frame;
                let (offset, stored) = (hasher.count(), bytes.len() as u64);
                self.put(bytes, written.end + 512 + offset)?;
                hasher.update(bytes);
                frames.push(Frame { offset, stored, size: piece.raw as u64, sha256: *sha256 });
                gate.leave(piece.raw);
                self.watch.advance(piece.raw as u64);
                atomic_file::begin_writing(self.file, written.end + 512 + offset, stored);
                if piece.last {
                    debug_assert_eq!(piece.tree, written.trees.len());
                    let (hasher, frames) = std::mem::take(&mut layer);
                    let blob = Blob { size: hasher.count(), digest: hasher.finish() };
                    self.put(&member_header(&blob_name(&blob.digest), blob.size), written.end)?;
                    self.put(member::padding(blob.size), written.end + 512 + blob.size)?;
                    // A layer that an image brought already is missing twice: the next one takes its place.
                    if !self.layers.iter().any(|image| image.digest == blob.digest) {
                        written.end += member::span(blob.size);
                    }
                    written.trees.push((blob, frames));
                }
            }
        }
        Ok(written)
    }

    fn put(&self, bytes: &[u8], at: u64) -> Result<(), BundleError> {
        self.file
            .write_all_at(bytes, at)
            .map_err(|source| BundleError::Write { path: self.path.to_owned(), source })
    }
}

fn receive<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn changed(source: &BlobSource, reason: String) -> BundleError {
    BundleError::SourceChanged { path: source.path.clone(), reason }
}

fn stream_error(error: io::Error) -> BundleError {
    error.downcast().unwrap_or_else(|source| BundleError::Read { what: "a tree".to_owned(), source })
}
