//! Frames of one tree: hashed, decoded, compared with the inventory, and passed on as parts of files.

use super::{Receiver, Sink, Verified};
use crate::format::BundleError;
use crate::format::entry::{Entry, Node};
use crate::format::frame::Decoder;
use crate::format::inventory::Inventory;
use crate::format::member_reader::same_digest;
use crate::format::tree::{self, END};
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A tree whose frames come in any order, on any thread.
///
/// What is wholly in one frame is compared at once. A file that goes on in the next frame needs its frames in
/// order: each frame waits for its turn before it touches such a file. Threads must begin frames in order, so that
/// the first one never waits.
pub(super) struct Frames<'a, R: Receiver> {
    pub(super) tree: usize,
    pub(super) name: &'a str,
    inventory: &'a Verified<Inventory>,
    layout: Arc<Layout>,
    receiver: &'a R,
    limits: &'a Limits,
    turn: Mutex<FrameTurn<R::File>>,
    moved: Condvar,
}

/// Where everything of a tar stream stands. Trees with the same inventory share it.
pub(super) struct Layout {
    /// Where each entry begins; the last number is where the end blocks begin.
    starts: Vec<u64>,
    /// Where each frame begins; the last number is the length of the stream.
    cuts: Vec<u64>,
}

impl Layout {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let (mut starts, len) = inventory.tree.positions();
        starts.push(len - END);
        let sizes = inventory.frames.iter().map(|frame| frame.size);
        let cuts = std::iter::once(0).chain(sizes.scan(0, |at, size| {
            *at += size;
            Some(*at)
        }));
        Self { starts, cuts: cuts.collect() }
    }
}

struct FrameTurn<F> {
    next: usize,
    failed: bool,
    open: Option<(Hasher, F)>,
}

impl<'a, R: Receiver> Frames<'a, R> {
    pub(super) fn new(
        tree: usize,
        name: &'a str,
        (inventory, layout): (&'a Verified<Inventory>, Arc<Layout>),
        receiver: &'a R,
        limits: &'a Limits,
    ) -> Self {
        let turn = Mutex::new(FrameTurn { next: 0, failed: false, open: None });
        Self { tree, name, inventory, layout, receiver, limits, turn, moved: Condvar::new() }
    }

    /// Bytes of each frame as stored.
    pub(super) fn stored(&self) -> impl Iterator<Item = u64> {
        self.inventory.frames.iter().map(|frame| frame.stored)
    }

    /// Takes the stored bytes of frame `number`.
    pub(super) fn take(&self, number: usize, stored: &[u8], decoder: &mut Decoder) -> Result<(), R::Error> {
        let outcome = self.try_take(number, stored, decoder);
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.failed |= outcome.is_err();
        turn.next = turn.next.max(number + 1);
        self.moved.notify_all();
        outcome
    }

    /// No further frame will come: anyone who waits for one goes home.
    pub(super) fn abandon(&self) {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).failed = true;
        self.moved.notify_all();
    }

    pub(super) fn finish(&self) -> Result<(), BundleError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.next == self.inventory.frames.len() {
            Ok(())
        } else {
            Err(self.wrong(turn.next, "it never came"))
        }
    }

    fn try_take(&self, number: usize, stored: &[u8], decoder: &mut Decoder) -> Result<(), R::Error> {
        let (Some(frame), Some(&start)) = (self.inventory.frames.get(number), self.layout.cuts.get(number))
        else {
            return Err(self.wrong(number, "there is no such frame").into());
        };
        same_digest(&format!("frame {number} of `{}`", self.name), frame.sha256, Digest::of(stored))?;
        let content =
            decoder.decode(stored, frame.size, self.limits).map_err(|reason| self.wrong(number, &reason))?;
        let here = StreamPiece { start, bytes: &content };
        let starts = &self.layout.starts;
        let first = starts.partition_point(|at| *at <= start).saturating_sub(1);
        let mut crossing = Vec::new();
        for (at, entry) in starts.iter().zip(self.inventory.tree.entries()).skip(first) {
            if *at >= here.end() {
                break;
            }
            let head = tree::head(entry);
            let body = *at + head.len() as u64;
            let size = if let Node::File { size, .. } = entry.node { size } else { 0 };
            here.compare(*at, &head).map_err(|()| self.differs(entry))?;
            here.compare_zeros(body + size..(body + size).next_multiple_of(512))
                .map_err(|()| self.differs(entry))?;
            if let Node::File { .. } = entry.node {
                let body = body..body + size;
                if here.holds(&body) {
                    if !body.is_empty() || here.owns(body.start - 1) {
                        self.whole(entry, here.part(&body).map_err(|()| self.differs(entry))?)?;
                    }
                } else if !here.part(&body).map_err(|()| self.differs(entry))?.is_empty() {
                    crossing.push((entry, body));
                }
            }
        }
        let end = starts.last().copied().unwrap_or_default();
        here.compare_zeros(end..end + END)
            .map_err(|()| self.wrong(number, "its tar stream does not end in zeros"))?;
        self.cross(number, &here, &crossing)
    }

    /// A file that is in one frame.
    fn whole(&self, entry: &Entry, content: &[u8]) -> Result<(), R::Error> {
        let mut hasher = Hasher::new();
        hasher.update(content);
        // Compared before anything is created.
        self.same_file(entry, hasher.finish())?;
        let mut file = self.receiver.create(self.tree, entry)?;
        file.write(&Verified(content))?;
        file.finish()
    }

    /// The parts of files that began before this frame or go on behind it.
    fn cross(
        &self,
        number: usize,
        here: &StreamPiece<'_>,
        files: &[(&Entry, Range<u64>)],
    ) -> Result<(), R::Error> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |turn: &mut FrameTurn<_>| turn.next < number && !turn.failed;
        let mut turn = self.moved.wait_while(turn, waiting).unwrap_or_else(PoisonError::into_inner);
        if turn.failed {
            // Anyone who failed says why; this frame has nothing to add.
            return Ok(());
        }
        for (entry, body) in files {
            let (mut hasher, mut file) = match turn.open.take() {
                Some(open) => open,
                None => (Hasher::new(), self.receiver.create(self.tree, entry)?),
            };
            let part = here.part(body).map_err(|()| self.differs(entry))?;
            hasher.update(part);
            // The frame is verified; the file's own digest is compared with the inventory when it is whole.
            file.write(&Verified(part))?;
            if body.end <= here.end() {
                self.same_file(entry, hasher.finish())?;
                file.finish()?;
            } else {
                turn.open = Some((hasher, file));
            }
        }
        Ok(())
    }

    fn same_file(&self, entry: &Entry, found: Digest) -> Result<(), BundleError> {
        let Node::File { sha256, .. } = entry.node else { return Ok(()) };
        same_digest(&format!("{}/{}", self.name, entry.path), sha256, found)
    }

    fn differs(&self, entry: &Entry) -> BundleError {
        let reason = format!("what stands around `{}` is not what the inventory makes of it", entry.path);
        BundleError::Format { document: format!("the tar stream of `{}`", self.name), reason }
    }

    fn wrong(&self, number: usize, reason: &str) -> BundleError {
        BundleError::Frame { layer: format!("`{}`", self.name), number, reason: reason.to_owned() }
    }
}

/// Bytes of a tar stream, with their place in it.
struct StreamPiece<'a> {
    start: u64,
    bytes: &'a [u8],
}

impl StreamPiece<'_> {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn owns(&self, at: u64) -> bool {
        (self.start..self.end()).contains(&at)
    }

    fn holds(&self, range: &Range<u64>) -> bool {
        // An empty range is held by the frame with the byte before it, the last byte of the headers.
        range.is_empty() || (range.start >= self.start && range.end <= self.end())
    }

    /// What this piece has of a range of the stream, which may be nothing; an error for a range that ends before it
    /// begins.
    fn part(&self, range: &Range<u64>) -> Result<&[u8], ()> {
        let inside = |at: u64| usize::try_from(at.clamp(self.start, self.end()) - self.start).map_err(drop);
        self.bytes.get(inside(range.start)?..inside(range.end)?).ok_or(())
    }

    /// Compares what this piece has of `expected`, which begins at `at`.
    fn compare(&self, at: u64, expected: &[u8]) -> Result<(), ()> {
        let range = at..at + expected.len() as u64;
        let skipped = self.start.saturating_sub(at).min(expected.len() as u64);
        let found = self.part(&range)?;
        let expected = expected.get(usize::try_from(skipped).map_err(drop)?..).ok_or(())?;
        if expected.get(..found.len()) == Some(found) { Ok(()) } else { Err(()) }
    }

    fn compare_zeros(&self, range: Range<u64>) -> Result<(), ()> {
        if self.part(&range)?.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "such a range is what must not pass")]
    fn a_range_that_cannot_be_is_refused_and_not_taken_for_equal() {
        let piece = StreamPiece { start: 10, bytes: b"abcd" };
        assert_eq!(piece.part(&(0..12)), Ok(&b"ab"[..]));
        assert_eq!(piece.part(&(20..30)), Ok(&b""[..]));
        assert_eq!(piece.part(&(13..11)), Err(()));
        assert_eq!(piece.compare_zeros(13..11), Err(()));
        assert_eq!(piece.compare(8, b"xxabcd"), Ok(()));
        assert_eq!(piece.compare(12, b"cX"), Err(()));
    }
}
