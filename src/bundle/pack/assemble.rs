//! The items of a draft while they become a bundle: facts known before compression, and the front that follows from
//! them.

use super::chunker;
use super::draft::{BlobSource, Draft, DraftImage, DraftItem, DraftTree};
use super::header_members::{self, Front};
use super::write_blobs::WrittenLayers;
use super::{Authority, push_member};
use crate::format::atomic_file;
use crate::format::blob_order::{BlobOrder, Contents};
use crate::format::error::BundleError;
use crate::format::index::{Blob, Index, IndexItem, docker_manifest, tree_manifest};
use crate::format::inventory::{self, TreeTotals};
use crate::format::item::ItemHead;
use crate::format::member::{self, blob_name, span};
use crate::format::oci;
use crate::format::statement::{Member, Totals};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use std::collections::HashMap;
use std::os::unix::fs::FileExt as _;

/// The items of a draft, with what is known of them before anything is compressed.
pub(super) struct DraftParts<'a> {
    images: Vec<&'a DraftImage>,
    /// Where the blobs of the images lie.
    sources: Sources<'a>,
    /// Contents of the images alone.
    contents: Contents,
    /// Bytes of the images' documents and configurations.
    bytes: HashMap<Digest, Vec<u8>>,
    trees: Vec<TreePart<'a>>,
    /// Trees without those that hold the same as one before them.
    pub(super) distinct: Vec<&'a DraftTree>,
}

struct TreePart<'a> {
    draft: &'a DraftTree,
    /// Which of the distinct trees it is.
    number: usize,
    /// The first frame of its inventory.
    entries: Vec<u8>,
}

/// How long the numbers are that are not known before the layers are written.
#[derive(Clone, Copy)]
enum Widths {
    Longest,
    Shortest,
}

impl<'a> DraftParts<'a> {
    pub(super) fn of(draft: &'a Draft, limits: &Limits) -> Result<Self, BundleError> {
        let (mut images, mut trees, mut distinct) = (Vec::new(), Vec::new(), Vec::<&DraftTree>::new());
        let mut totals = TreeTotals::default();
        for item in &draft.items {
            match item {
                DraftItem::Image(image) => images.push(image),
                DraftItem::Tree(tree) => {
                    totals.add((tree.tree.entries().len(), 0), 1, limits)?;
                    let number =
                        distinct.iter().position(|other| other.tree == tree.tree).unwrap_or_else(|| {
                            distinct.push(tree);
                            distinct.len() - 1
                        });
                    trees.push(TreePart {
                        draft: tree,
                        number,
                        entries: inventory::encode_entries(&tree.tree)?,
                    });
                }
            }
        }
        let sources = Sources::of(images.iter().copied());
        let items = images.iter().map(|image| image_item(image, &sources)).collect::<Result<_, _>>()?;
        let mut order = BlobOrder::new(Index::new(items), limits);
        let mut bytes = HashMap::new();
        while let Some(due) = order.next_document()? {
            let content = sources.read(&due.digest)?;
            order.take(&content)?;
            bytes.insert(due.digest, content);
        }
        let contents = order.finish()?;
        for config in &contents.configs {
            let content = sources.read(&config.digest)?;
            contents.check_config(config, &content)?;
            bytes.insert(config.digest, content);
        }
        Ok(Self { images, sources, contents, bytes, trees, distinct })
    }

    pub(super) fn image_layers(&self) -> Result<Vec<BlobSource>, BundleError> {
        self.contents.layers.iter().map(|layer| self.sources.find(&layer.digest).cloned()).collect()
    }

    /// Bytes to keep at the front for everything before the layers.
    ///
    /// The statement names the size of the reserve, so the number of digits of that size must not depend on what is
    /// known only after the layers are written. A power of ten that is added to the longest front does that: the
    /// reserve has that many digits, however short the front turns out to be.
    pub(super) fn room(&self, draft: &Draft, authority: &Authority<'_>) -> Result<u64, BundleError> {
        let longest = self.front_len(draft, authority, Widths::Longest)?;
        let shortest = self.front_len(draft, authority, Widths::Shortest)?;
        // At least 1,000, beside which rounding to 512 adds no digit.
        let mut least = 1000_u64;
        while least * 8 <= longest - shortest {
            least *= 10;
        }
        Ok((longest + least).next_multiple_of(512))
    }

    /// Bytes of the front with an empty reserve, where the numbers that are not known yet are as long or as short as
    /// they can be.
    fn front_len(
        &self,
        draft: &Draft,
        authority: &Authority<'_>,
        widths: Widths,
    ) -> Result<u64, BundleError> {
        let size = match widths {
            Widths::Longest => Limits::v1().bytes,
            Widths::Shortest => 0,
        };
        let any = Blob { digest: Digest::of(b""), size };
        let known = self.contents.documents.iter().chain(&self.contents.configs);
        let mut front: u64 = known.map(|blob| span(blob.size)).sum();
        for tree in &self.trees {
            let frames = match widths {
                Widths::Longest => inventory::most_frame_bytes(chunker::most(tree.draft.tree.positions().1)),
                Widths::Shortest => 0,
            };
            front += span(tree.entries.len() as u64 + frames);
            front += span(tree_manifest(&tree.draft.head, any, any)?.len() as u64);
        }
        let items = self.items(|tree| Ok(tree_item(&tree.draft.head, any)))?;
        let blobs = self.contents.blobs().count()
            + match widths {
                Widths::Longest => 3 * self.trees.len(),
                Widths::Shortest => 0,
            };
        let sums =
            member::FIXED.iter().skip(1).map(|name| 64 + 2 + name.len() + 1).sum::<usize>() + blobs * 144;
        let fixed = member::FIXED.map(|name| Member { name: name.to_owned(), size, sha256: any.digest });
        let totals = Totals { items: size, blobs: size, bytes: size };
        let statement = header_members::statement(draft, authority, fixed.into(), totals).encode()?.len();
        for len in [
            authority.chain.len(),
            statement,
            sums,
            header_members::verify_text(draft).len(),
            0,
            member::OCI_LAYOUT_CONTENT.len(),
            Index::new(items).encode()?.len(),
            docker_manifest(&self.contents.docker)?.len(),
        ] {
            front += span(len as u64);
        }
        Ok(front + span(authority.seal_len(statement)))
    }

    fn items(
        &self,
        tree: impl Fn(&TreePart<'a>) -> Result<IndexItem, BundleError>,
    ) -> Result<Vec<IndexItem>, BundleError> {
        let images = self.images.iter().map(|image| image_item(image, &self.sources));
        images.chain(self.trees.iter().map(tree)).collect()
    }

    /// All members between the statement and the layers, and the statement about them.
    pub(super) fn front(
        mut self,
        draft: &Draft,
        authority: &Authority<'_>,
        room: u64,
        written: &WrittenLayers,
        limits: &Limits,
    ) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
        let mut roots = Vec::new();
        let mut totals = TreeTotals::default();
        for tree in &self.trees {
            let (layer, frames) = written.trees.get(tree.number).ok_or_else(incomplete)?;
            totals.add((0, frames.len()), 1, limits)?;
            let mut inventory = tree.entries.clone();
            inventory.extend(inventory::encode_frames(frames)?);
            let inventory = keep(&mut self.bytes, inventory);
            roots.push(keep(&mut self.bytes, tree_manifest(&tree.draft.head, inventory, *layer)?));
        }
        let images = self.images.iter().map(|image| image_item(image, &self.sources));
        let trees = self.trees.iter().zip(roots).map(|(tree, root)| Ok(tree_item(&tree.draft.head, root)));
        let index = Index::new(images.chain(trees).collect::<Result<_, _>>()?);
        let index_bytes = index.encode()?;
        let mut order = BlobOrder::new(Index::parse(&index_bytes, limits)?, limits);
        while let Some(due) = order.next_document()? {
            order.take(self.bytes.get(&due.digest).ok_or_else(incomplete)?)?;
        }
        let contents = order.finish()?;
        let docker = docker_manifest(&contents.docker)?;

        let totals = Totals {
            items: contents.items.len() as u64,
            blobs: contents.blobs().count() as u64,
            bytes: contents.blobs().map(|blob| blob.size).sum(),
        };
        let front = Front {
            draft,
            authority,
            totals,
            room,
            contents: &contents,
            index: &index_bytes,
            docker: &docker,
        };
        let (mut bytes, statement) = front.fit()?;
        for blob in contents.documents.iter().chain(&contents.configs) {
            push_member(
                &mut bytes,
                &blob_name(&blob.digest),
                self.bytes.get(&blob.digest).ok_or_else(incomplete)?,
            );
        }
        Ok((bytes, statement))
    }
}

impl DraftImage {
    /// Refuses an image that no reader would take, before anything is packed.
    pub fn check(&self, limits: &Limits) -> Result<(), BundleError> {
        let sources = Sources::of([self]);
        let mut order = BlobOrder::new(Index::new(vec![image_item(self, &sources)?]), limits);
        while let Some(due) = order.next_document()? {
            order.take(&sources.read(&due.digest)?)?;
        }
        let contents = order.finish()?;
        contents
            .configs
            .iter()
            .try_for_each(|config| contents.check_config(config, &sources.read(&config.digest)?))
    }
}

fn keep(bytes: &mut HashMap<Digest, Vec<u8>>, content: Vec<u8>) -> Blob {
    let blob = Blob { digest: Digest::of(&content), size: content.len() as u64 };
    bytes.insert(blob.digest, content);
    blob
}

fn image_item(image: &DraftImage, sources: &Sources<'_>) -> Result<IndexItem, BundleError> {
    let root = sources.find(&image.root)?;
    Ok(IndexItem {
        head: image.head.clone(),
        reference: Some(image.reference.clone()),
        media_type: image.media_type.clone(),
        root: Blob { digest: root.digest, size: root.size },
        withheld: image.withheld.clone(),
        referrers: image.referrers.clone(),
    })
}

fn tree_item(head: &ItemHead, root: Blob) -> IndexItem {
    IndexItem {
        head: head.clone(),
        reference: None,
        media_type: oci::OCI_MANIFEST.to_owned(),
        root,
        withheld: Vec::new(),
        referrers: Vec::new(),
    }
}

/// Where blobs lie, by digest: images share them, and there may be thousands of both.
struct Sources<'a>(HashMap<Digest, &'a BlobSource>);

impl<'a> Sources<'a> {
    fn of(images: impl IntoIterator<Item = &'a DraftImage>) -> Self {
        let mut all = HashMap::new();
        for blob in images.into_iter().flat_map(|image| &image.blobs) {
            all.entry(blob.digest).or_insert(blob);
        }
        Self(all)
    }

    fn find(&self, digest: &Digest) -> Result<&'a BlobSource, BundleError> {
        self.0.get(digest).copied().ok_or_else(|| BundleError::Image {
            document: "the draft".to_owned(),
            reason: format!("it has no source for {digest}"),
        })
    }

    /// A document or configuration, compared with its digest.
    fn read(&self, digest: &Digest) -> Result<Vec<u8>, BundleError> {
        let source = self.find(digest)?;
        let limit = Limits::v1().document;
        if source.size > limit {
            let what = format!("bytes of {digest}");
            return Err(BundleError::Limit { what, found: source.size, limit });
        }
        let unreadable = |error| BundleError::SourceRead { path: source.path.clone(), source: error };
        let mut bytes = vec![0; usize::try_from(source.size).unwrap_or_default()];
        let file = atomic_file::open_unlinked(&source.path).map_err(unreadable)?;
        file.read_exact_at(&mut bytes, source.offset).map_err(unreadable)?;
        let found = Digest::of(&bytes);
        if found == *digest {
            return Ok(bytes);
        }
        let reason = format!("a blob has the digest {found}, expected {digest}");
        Err(BundleError::SourceChanged { path: source.path.clone(), reason })
    }
}

pub(super) fn incomplete() -> BundleError {
    BundleError::Format {
        document: "the draft".to_owned(),
        reason: "its parts do not fit together; please report this".to_owned(),
    }
}
