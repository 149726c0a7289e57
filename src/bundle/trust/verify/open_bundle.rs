//! Reads parts of a bundle in place, in the same time for any size.

mod frame;

pub use frame::FramePart;

use super::Depth;
use super::proof::{Proof, Proofs, Proving};
use super::seal::Trusted;
use super::stream::{derived_members, verify_contents};
use super::trees::{HeldInventories, SharedInventory};
use super::{BlobSink, Conditions, Looking, Sink, Verified};
use crate::format::BundleError;
use crate::format::blob_order::{BlobOrder, Contents, ImageParts};
use crate::format::entry::{Entry, Node};
use crate::format::frame::Decoder;
use crate::format::index::{Blob, Index};
use crate::format::inventory::Inventory;
use crate::format::member::{self, blob_name, span};
use crate::format::member_reader::{self, MemberReader, same_digest};
use crate::format::tree;
use crate::trust::TrustError;
use crate::trust::chain::PinnedRoot;
use crate::value::digest::{Digest, Hasher};
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::sync::OnceLock;

/// A bundle file whose seal, index and manifests are verified, open for reading parts of it.
///
/// The layers have not been looked at: what is read from them is compared with its digest when it is read.
pub struct OpenBundle<'a> {
    file: File,
    conditions: Conditions<'a>,
    /// Who sealed it, and its statement.
    pub trusted: Trusted,
    /// What is in it.
    pub contents: Verified<Contents>,
    /// Where the content of each blob is.
    places: HashMap<Digest, Range<u64>>,
    /// What was hashed while the bundle was verified.
    proofs: Proofs,
    inventories: HeldInventories,
    /// Set once every stored byte was verified.
    whole: OnceLock<()>,
}

/// How far a blob has been read by [`OpenBundle::next_piece`].
pub struct BlobProgress {
    blob: Blob,
    hasher: Hasher,
    ended: bool,
}

impl BlobProgress {
    /// At the beginning of this blob.
    #[must_use]
    pub fn of(blob: Blob) -> Self {
        Self { blob, hasher: Hasher::new(), ended: false }
    }
}

/// A bundle file of which every byte was verified.
pub struct WholeBundle<'a> {
    place: OpenBundle<'a>,
    /// How many bytes it has.
    pub size: u64,
}

impl<'a> std::ops::Deref for WholeBundle<'a> {
    type Target = OpenBundle<'a>;

    fn deref(&self) -> &OpenBundle<'a> {
        &self.place
    }
}

impl<'a> WholeBundle<'a> {
    /// The bundle, without the knowledge that it was verified as a whole.
    #[must_use]
    pub fn into_place(self) -> OpenBundle<'a> {
        self.place
    }
}

impl<'a> OpenBundle<'a> {
    /// Opens a bundle file; reads roots, seal, statement, index, manifests and the configurations of images, and nothing
    /// else.
    pub fn open(file: File, pinned: &PinnedRoot, conditions: Conditions<'a>) -> Result<Self, TrustError> {
        let limits = conditions.limits;
        let mut tape = MemberReader::file(&file);
        let trusted = Trusted::open(&mut tape, pinned, &conditions)?;
        let mut index = None;
        for listed in &trusted.statement.predicate.members {
            if listed.name == member::INDEX {
                index = Some(Index::parse(&tape.member(&listed.name, listed.size, listed.sha256)?, limits)?);
            } else {
                tape.pass(&listed.name, listed.size)?;
            }
        }
        let index = index.ok_or_else(|| missing("the index"))?;
        let mut order = BlobOrder::new(index, limits);
        while let Some(due) = order.next_document()? {
            order.take(&tape.member(&blob_name(&due.digest), due.size, due.digest)?)?;
        }
        let contents = Verified(order.finish()?);
        derived_members(&trusted.statement, &contents)?;
        drop(tape);
        let place = Self::of(file, conditions, trusted, contents, Proofs::default());
        for config in &place.contents.configs {
            if place.contents.image_configs.contains(&config.digest) {
                place.contents.check_config(config, &place.small(*config, limits.document)?)?;
            }
        }
        Ok(place)
    }

    /// Opens a bundle file and verifies every byte of it.
    ///
    /// The seal is read once. Whatever is read later is compared with the statement that was verified here, so the file
    /// cannot become another bundle meanwhile, however well that one is signed.
    pub fn open_whole(
        file: File,
        pinned: &PinnedRoot,
        conditions: Conditions<'a>,
        depth: Depth,
    ) -> Result<WholeBundle<'a>, TrustError> {
        let mut tape = MemberReader::file(&file);
        let trusted = Trusted::open(&mut tape, pinned, &conditions)?;
        let proving = Proving { depth, proofs: Proofs::default() };
        let contents = verify_contents(&trusted, &mut tape, &conditions, &proving)?;
        let size = tape.position();
        drop(tape);
        Ok(WholeBundle { place: Self::of(file, conditions, trusted, contents, proving.proofs), size })
    }

    fn of(
        file: File,
        conditions: Conditions<'a>,
        trusted: Trusted,
        contents: Verified<Contents>,
        proofs: Proofs,
    ) -> Self {
        let members = trusted.front.iter().chain(&trusted.statement.predicate.members);
        let mut at: u64 = members.map(|member| span(member.size)).sum();
        let mut places = HashMap::new();
        for blob in contents.blobs() {
            places.insert(blob.digest, at + 512..at + 512 + blob.size);
            at += span(blob.size);
        }
        let (inventories, whole) = (HeldInventories::default(), OnceLock::new());
        Self { file, conditions, trusted, contents, places, proofs, inventories, whole }
    }

    /// Verifies every stored byte that [`open`](Self::open) left out; the second time it costs nothing.
    pub fn verify_rest(&self) -> Result<(), TrustError> {
        if self.whole.get().is_some() {
            return Ok(());
        }
        let mut tape = MemberReader::file(&self.file);
        for member in &self.trusted.front {
            tape.pass(&member.name, member.size)?;
        }
        // What the seal certifies was read when it was opened: another index than that one is refused here.
        verify_contents(&self.trusted, &mut tape, &self.conditions, &Looking(Depth::Stored))?;
        self.whole.get_or_init(|| ());
        Ok(())
    }

    /// Refuses another bundle than the one with this statement: one that was sealed a moment ago, and is read back.
    pub fn must_be(&self, statement: Digest) -> Result<(), TrustError> {
        if self.trusted.id == statement {
            return Ok(());
        }
        Err(BundleError::Changed { member: member::STATEMENT.to_owned() }.into())
    }

    /// The inventory of the tree called `name`.
    ///
    /// Items that share an inventory share what is parsed of it, as long as someone holds it.
    pub fn inventory(&self, name: &str) -> Result<Option<SharedInventory>, TrustError> {
        let Some((inventory, layer)) = self.tree(name) else { return Ok(None) };
        let limits = self.conditions.limits;
        let read = || self.small(inventory, limits.inventory);
        Ok(Some(self.inventories.get(name, (inventory, layer), &self.contents, limits, read)?))
    }

    fn tree(&self, name: &str) -> Option<(Blob, Blob)> {
        self.contents.items.iter().find_map(|item| match item.parts {
            ImageParts::Tree { inventory, layer } if item.item.head.name.as_str() == name => {
                Some((inventory, layer))
            }
            ImageParts::Tree { .. } | ImageParts::Image { .. } => None,
        })
    }

    /// A blob that is held in memory, compared with its digest.
    fn small(&self, blob: Blob, limit: u64) -> Result<Vec<u8>, BundleError> {
        let name = blob_name(&blob.digest);
        if blob.size > limit {
            return Err(BundleError::Limit { what: format!("bytes of `{name}`"), found: blob.size, limit });
        }
        let bytes = member_reader::bytes_at(&self.file, &name, self.place(&blob.digest)?.start, blob.size)?;
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
                // Each of them was held against its own limit when it was verified.
                let bytes = member_reader::bytes_at(&self.file, name, at + 512, member.size)?;
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

    /// A blob of at most `limit` bytes, held in memory.
    pub fn whole(&self, blob: Blob, limit: u64) -> Result<Verified<Vec<u8>>, TrustError> {
        Ok(Verified(self.small(blob, limit)?))
    }

    /// Reads a blob of any size to `sink`, a mebibyte at a time.
    ///
    /// What was quarantined is verified only when `sink.keep` is called.
    pub fn stream<S: BlobSink<Error = E>, E: From<TrustError>>(
        &self,
        blob: Blob,
        mut sink: S,
    ) -> Result<(), E> {
        let bundle = |error: BundleError| E::from(TrustError::from(error));
        let name = blob_name(&blob.digest);
        let place = self.place(&blob.digest).map_err(bundle)?;
        member_reader::part(
            &self.file,
            &name,
            place.start,
            blob.size,
            blob.digest,
            self.conditions.watch,
            |bytes| sink.write_unverified(bytes).map_err(Stopped::Sink),
        )
        .map_err(|stopped| match stopped {
            Stopped::Sink(error) => error,
            Stopped::Bundle(error) => bundle(error),
        })?;
        sink.keep(&Verified(blob))
    }

    /// Reads all of a blob and compares its digest, so that [`OpenBundle::read_again`] can give its bytes. What
    /// [`OpenBundle::open_whole`] has read is not read again for that.
    pub fn prove(&self, blob: Blob) -> Result<Proof, TrustError> {
        if let Some(proof) = self.proofs.get(&blob.digest) {
            return Ok(proof);
        }
        let (name, start) = (blob_name(&blob.digest), self.place(&blob.digest)?.start);
        let each = |_: &[u8]| Ok::<_, BundleError>(());
        let marks = member_reader::marked(
            &self.file,
            &name,
            start,
            blob.size,
            blob.digest,
            self.conditions.watch,
            each,
        )?;
        Ok(Proof::new(blob, marks))
    }

    /// Some bytes of a blob that was proved, from its byte `at` on; none at its end.
    ///
    /// They are compared as they are read: what was written to the file since the blob was proved does not come out.
    pub fn read_again(&self, proof: &Proof, at: u64) -> Result<Verified<Vec<u8>>, TrustError> {
        Ok(proof.read_again(&self.file, self.place(&proof.blob().digest)?.start, at)?)
    }

    /// The next bytes of a blob, at most `most` of them; nothing behind the last.
    ///
    /// This is [`OpenBundle::stream`] for who cannot wait for a slow taker. No one certifies any piece but the last, and
    /// that one is handed out only when the digest of all of them is right: who has every piece has the blob.
    pub fn next_piece(&self, reading: &mut BlobProgress, most: usize) -> Result<Option<Vec<u8>>, TrustError> {
        if reading.ended {
            return Ok(None);
        }
        let Blob { digest, size } = reading.blob;
        let (name, place) = (blob_name(&digest), self.place(&digest)?);
        let at = reading.hasher.count();
        let bytes = member_reader::bytes_at(
            &self.file,
            &name,
            place.start + at,
            (size - at).min(most.max(1) as u64),
        )?;
        reading.hasher.update(&bytes);
        if reading.hasher.count() == size {
            reading.ended = true;
            same_digest(&name, digest, std::mem::take(&mut reading.hasher).finish())?;
        }
        Ok(Some(bytes))
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
            let stored =
                member_reader::bytes_at(&self.file, &frame_name, layer_at + frame.offset, frame.stored)
                    .map_err(bundle)?;
            same_digest(&frame_name, frame.sha256, Digest::of(&stored)).map_err(bundle)?;
            let content = decoder.decode(&stored, frame.size, limits).map_err(|reason| {
                bundle(BundleError::Frame { layer: format!("`{name}`"), number, reason })
            })?;
            let inside = |at: u64| usize::try_from(at - here.start).ok();
            let piece = inside(wanted.start)
                .zip(inside(wanted.end))
                .and_then(|(start, end)| content.get(start..end))
                .ok_or_else(|| bundle(missing(&frame_name)))?;
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
