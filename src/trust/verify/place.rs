//! Reading parts of a bundle where it lies, at any size in the same time.

mod frame;

pub use frame::FramePart;

use super::Depth;
use super::content::{derived_members, receive};
use super::seal::Trusted;
use super::{BlobSink, Conditions, Looking, Sink, Verified};
use crate::bundle::BundleError;
use crate::bundle::entry::{Entry, Node};
use crate::bundle::frame::Decoder;
use crate::bundle::index::{Blob, Index};
use crate::bundle::inventory::Inventory;
use crate::bundle::member::{self, blob_name, span};
use crate::bundle::order::{Contents, Order, Parts};
use crate::bundle::read::{self, Tape, same_digest};
use crate::bundle::tree;
use crate::trust::TrustError;
use crate::trust::chain::PinnedRoot;
use crate::value::digest::{Digest, Hasher};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;

/// A bundle file whose seal, index and manifests are believed, open for reading parts of it.
///
/// The layers have not been looked at: what is read from them is compared with its digest when it is read.
pub struct InPlace<'a> {
    file: File,
    conditions: Conditions<'a>,
    /// Who sealed it, and its statement.
    pub trusted: Trusted,
    /// What is in it.
    pub contents: Verified<Contents>,
    /// Where the content of each blob lies.
    places: HashMap<Digest, Range<u64>>,
    /// Blobs of which every byte was hashed since the file was opened.
    proved: HashSet<Digest>,
}

/// How far a blob has been read by [`InPlace::next_piece`].
pub struct Reading {
    blob: Blob,
    hasher: Hasher,
    ended: bool,
}

impl Reading {
    /// At the beginning of this blob.
    #[must_use]
    pub fn of(blob: Blob) -> Self {
        Self { blob, hasher: Hasher::new(), ended: false }
    }
}

/// When a file was changed last, as its file system says: two equal stamps, and nothing was written between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    changed: (i64, i64),
    size: u64,
}

impl<'a> InPlace<'a> {
    /// Opens a bundle file; reads roots, seal, statement, index and manifests, and nothing else.
    pub fn open(file: File, pinned: &PinnedRoot, conditions: Conditions<'a>) -> Result<Self, TrustError> {
        let limits = conditions.limits;
        let mut tape = Tape::file(&file);
        let trusted = Trusted::open(&mut tape, pinned, &conditions)?;
        let mut index = None;
        let mut places = HashMap::new();
        for listed in &trusted.statement.predicate.members {
            if listed.name == member::INDEX {
                index = Some(Index::parse(&tape.member(&listed.name, listed.size, listed.sha256)?, limits)?);
            } else {
                tape.pass(&listed.name, listed.size)?;
            }
        }
        let index = index.ok_or_else(|| missing("the index"))?;
        let mut order = Order::new(index, limits);
        while let Some(due) = order.next_document()? {
            let at = tape.position() + 512;
            places.insert(due.digest, at..at + due.size);
            order.take(&tape.member(&blob_name(&due.digest), due.size, due.digest)?)?;
        }
        let contents = Verified(order.finish()?);
        derived_members(&trusted.statement, &contents)?;
        let mut at = tape.position();
        drop(tape);
        for blob in contents.configs.iter().chain(&contents.layers) {
            places.insert(blob.digest, at + 512..at + 512 + blob.size);
            at += span(blob.size);
        }
        Ok(Self { file, conditions, trusted, contents, places, proved: HashSet::new() })
    }

    /// Opens a bundle file and proves every byte of it; also says how many bytes it has.
    pub fn open_whole(
        file: File,
        pinned: &PinnedRoot,
        conditions: Conditions<'a>,
    ) -> Result<(Self, u64), TrustError> {
        let mut tape = Tape::file(&file);
        let trusted = Trusted::open(&mut tape, pinned, &conditions)?;
        let contents = receive(&trusted, &mut tape, &conditions, &Looking(Depth::Stored))?;
        let size = tape.position();
        drop(tape);
        let proved = contents.configs.iter().chain(&contents.layers).map(|blob| blob.digest).collect();
        Ok((Self { proved, ..Self::open(file, pinned, conditions)? }, size))
    }

    /// The inventory of the tree called `name`.
    pub fn inventory(&self, name: &str) -> Result<Option<Verified<Inventory>>, TrustError> {
        let Some((inventory, layer)) = self.tree(name) else { return Ok(None) };
        let bytes = self.small(inventory, self.conditions.limits.inventory)?;
        Ok(Some(Verified(Inventory::parse(&bytes, name, layer.size, self.conditions.limits)?)))
    }

    fn tree(&self, name: &str) -> Option<(Blob, Blob)> {
        self.contents.items.iter().find_map(|item| match item.parts {
            Parts::Tree { inventory, layer } if item.item.head.name.as_str() == name => {
                Some((inventory, layer))
            }
            Parts::Tree { .. } | Parts::Image { .. } => None,
        })
    }

    /// A blob that is held in memory, compared with its digest.
    fn small(&self, blob: Blob, ceiling: u64) -> Result<Vec<u8>, BundleError> {
        let name = blob_name(&blob.digest);
        if blob.size > ceiling {
            return Err(BundleError::Limit { what: format!("bytes of `{name}`"), found: blob.size, ceiling });
        }
        let bytes = read::bytes_at(&self.file, &name, self.place(&blob.digest)?.start, blob.size)?;
        same_digest(&name, blob.digest, Digest::of(&bytes))?;
        Ok(bytes)
    }

    fn place(&self, digest: &Digest) -> Result<Range<u64>, BundleError> {
        self.places.get(digest).cloned().ok_or_else(|| missing(&blob_name(digest)))
    }

    /// The blob of this digest, if the bundle has it.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let place = self.places.get(digest)?;
        Some(Blob { digest: *digest, size: place.end - place.start })
    }

    /// A member in front of the blobs, whole.
    pub fn member(&self, name: &str) -> Result<Verified<Vec<u8>>, TrustError> {
        let mut at = 0;
        for member in self.trusted.front.iter().chain(&self.trusted.statement.predicate.members) {
            if member.name == name {
                // Each of them was held against its own ceiling when it was believed.
                let bytes = read::bytes_at(&self.file, name, at + 512, member.size)?;
                same_digest(name, member.sha256, Digest::of(&bytes))?;
                return Ok(Verified(bytes));
            }
            at += span(member.size);
        }
        Err(missing(name).into())
    }

    /// A manifest, index or configuration.
    pub fn document(&self, blob: Blob) -> Result<Verified<Vec<u8>>, TrustError> {
        self.whole(blob, self.conditions.limits.document)
    }

    /// A blob of at most `ceiling` bytes, held in memory.
    pub fn whole(&self, blob: Blob, ceiling: u64) -> Result<Verified<Vec<u8>>, TrustError> {
        Ok(Verified(self.small(blob, ceiling)?))
    }

    /// Reads a blob of any size to `sink`, a mebibyte at a time.
    ///
    /// What was quarantined is believed only when `sink.keep` is called.
    pub fn stream<S: BlobSink<Error = E>, E: From<TrustError>>(
        &self,
        blob: Blob,
        mut sink: S,
    ) -> Result<(), E> {
        let bundle = |error: BundleError| E::from(TrustError::from(error));
        let name = blob_name(&blob.digest);
        let place = self.place(&blob.digest).map_err(bundle)?;
        read::part(&self.file, &name, place.start, blob.size, blob.digest, self.conditions.watch, |bytes| {
            sink.quarantine(bytes).map_err(Stopped::Sink)
        })
        .map_err(|stopped| match stopped {
            Stopped::Sink(error) => error,
            Stopped::Bundle(error) => bundle(error),
        })?;
        sink.keep(&Verified(blob))
    }

    /// Reads a blob once and vouches for what it holds now; not again what [`InPlace::open_whole`] has read.
    pub fn prove(&self, blob: Blob) -> Result<Verified<Blob>, TrustError> {
        if !self.proved.contains(&blob.digest) {
            self.stream(blob, Looking(Depth::Stored))?;
        }
        Ok(Verified(blob))
    }

    /// Bytes of a blob that was proved since the file was opened, from `start` on, into `buffer`; how many, and none at its end.
    pub fn fill(&self, blob: &Verified<Blob>, start: u64, buffer: &mut [u8]) -> Result<usize, TrustError> {
        let (name, place) = (blob_name(&blob.digest), self.place(&blob.digest)?);
        let left = usize::try_from(blob.size.saturating_sub(start)).unwrap_or(usize::MAX).min(buffer.len());
        read::fill_at(&self.file, &name, place.start + start, buffer.get_mut(..left).unwrap_or_default())?;
        Ok(left)
    }

    /// The next bytes of a blob, at most `most` of them; nothing behind the last.
    ///
    /// This is [`InPlace::stream`] for who cannot wait for a slow taker. Nobody vouches for any piece but the last, and
    /// that one is handed out only when the digest of all of them is right: who has every piece has the blob.
    pub fn next_piece(&self, reading: &mut Reading, most: usize) -> Result<Option<Vec<u8>>, TrustError> {
        if reading.ended {
            return Ok(None);
        }
        let Blob { digest, size } = reading.blob;
        let (name, place) = (blob_name(&digest), self.place(&digest)?);
        let at = reading.hasher.count();
        let bytes = read::bytes_at(&self.file, &name, place.start + at, (size - at).min(most.max(1) as u64))?;
        reading.hasher.update(&bytes);
        if reading.hasher.count() == size {
            reading.ended = true;
            same_digest(&name, digest, std::mem::take(&mut reading.hasher).finish())?;
        }
        Ok(Some(bytes))
    }

    /// When the bundle file was changed last.
    pub fn stamp(&self) -> Result<Stamp, TrustError> {
        let read = |source| BundleError::Read { what: "the state of the bundle file".to_owned(), source };
        let metadata = self.file.metadata().map_err(read)?;
        Ok(Stamp { changed: (metadata.ctime(), metadata.ctime_nsec()), size: metadata.len() })
    }

    /// Reads one file of a tree by its frames alone; each is compared with its digest before it is decoded.
    ///
    /// The digest of the whole file is compared last: a file of several frames has gone to `sink` by then, and it is
    /// `sink.finish` that says so.
    pub fn read<S: Sink<Error = E>, E: From<TrustError>>(
        &self,
        name: &str,
        inventory: &Verified<Inventory>,
        entry: &Entry,
        mut sink: S,
    ) -> Result<(), E> {
        let limits = self.conditions.limits;
        let bundle = |error: BundleError| E::from(TrustError::from(error));
        let (Some((_, layer)), Node::File { size, sha256, .. }) = (self.tree(name), &entry.node) else {
            return Err(bundle(missing(name)));
        };
        let layer_at = self.place(&layer.digest).map_err(bundle)?.start;
        let (starts, _) = inventory.tree.positions();
        let number = inventory.tree.entries().iter().position(|other| other == entry);
        let start = number.and_then(|number| starts.get(number)).ok_or_else(|| bundle(missing(name)))?;
        let body = start + tree::head(entry).len() as u64;
        let body = body..body + size;
        let memory = |source| bundle(BundleError::Read { what: "memory for decoding".to_owned(), source });
        let mut decoder = Decoder::new().map_err(memory)?;
        let mut hasher = Hasher::new();
        let mut at = 0;
        for (number, frame) in inventory.frames.iter().enumerate() {
            let here = at..at + frame.size;
            at = here.end;
            let wanted = body.start.max(here.start)..body.end.min(here.end);
            if wanted.is_empty() {
                continue;
            }
            if self.conditions.watch.is_stopped() {
                return Err(bundle(BundleError::Interrupted));
            }
            let frame_name = format!("frame {number} of `{name}`");
            let stored = read::bytes_at(&self.file, &frame_name, layer_at + frame.offset, frame.stored)
                .map_err(bundle)?;
            same_digest(&frame_name, frame.sha256, Digest::of(&stored)).map_err(bundle)?;
            let content = decoder.decode(&stored, frame.size, limits).map_err(|reason| {
                bundle(BundleError::Frame { layer: format!("`{name}`"), number, reason })
            })?;
            let inside = |at: u64| usize::try_from(at - here.start).unwrap_or(usize::MAX);
            let piece = content.get(inside(wanted.start)..inside(wanted.end)).unwrap_or_default();
            hasher.update(piece);
            self.conditions.watch.advance(piece.len() as u64);
            sink.write(&Verified(piece))?;
        }
        same_digest(&format!("{name}/{}", entry.path), *sha256, hasher.finish()).map_err(bundle)?;
        sink.finish()
    }
}

/// Why streaming ended: the bundle's fault or the receiver's.
enum Stopped<E> {
    Bundle(BundleError),
    Sink(E),
}

impl<E> From<BundleError> for Stopped<E> {
    fn from(error: BundleError) -> Self {
        Self::Bundle(error)
    }
}

fn missing(what: &str) -> BundleError {
    BundleError::Format { document: what.to_owned(), reason: "the bundle does not have it".to_owned() }
}
