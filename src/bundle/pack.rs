//! Packing: a draft becomes a bundle file, still without its seal, and then with it.
//!
//! What stands at the front of a bundle commits to what stands behind it, and yet every byte is written once and in
//! one file. So room is kept at the front for the largest front there can be, the layers are written behind it, and
//! what of the room is not used becomes the member `seal/RESERVE`, which holds zeros.

use super::draft::{BlobSource, Draft, DraftImage, DraftItem, DraftTree};
use super::error::BundleError;
use super::frame;
use super::front::{self, Front};
use super::index::{Blob, Index, Item, docker_manifest, tree_manifest};
use super::inventory;
use super::item::ItemHead;
use super::member::{self, blob_name, member_header, padding, span};
use super::oci;
use super::order::{Contents, Order};
use super::payload::{Payload, Written};
use super::place;
use super::statement::{Member, Statement, Totals};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::watch::Watch;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What the trust root gives to a bundle that is sealed under it.
pub struct Authority<'a> {
    /// The trust-root chain, as the member `seal/roots.dsse.jsonl`.
    pub roots: &'a [u8],
    /// Version of the newest root in it.
    pub root_version: u64,
    /// The epoch of that root.
    pub epoch: u64,
    /// The exact length of the seal over a statement of so many bytes.
    pub seal_len: &'a dyn Fn(usize) -> usize,
}

/// A bundle that lacks only its seal, under a temporary name; dropping it removes the file.
#[must_use = "without `seal` there is no bundle"]
pub struct Unsealed<'a> {
    file: File,
    partial: Partial,
    path: PathBuf,
    front: Vec<u8>,
    statement: Vec<u8>,
    totals: Totals,
    authority: &'a Authority<'a>,
    end: u64,
}

/// A bundle at its final name.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The bundle file.
    pub path: PathBuf,
    /// Its identity: the digest of its statement.
    pub statement: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What its blobs add up to.
    pub totals: Totals,
}

/// Removes the unfinished file, unless it has become the bundle.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename the name is free, or another process has claimed it and holds its lock.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes everything but the seal into a temporary file in `folder`.
///
/// Equal drafts under equal authorities give equal bytes, whatever the time, the folder or the number of threads.
pub fn pack<'a>(
    draft: &Draft,
    authority: &'a Authority<'a>,
    folder: &Path,
    threads: usize,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Unsealed<'a>, BundleError> {
    let file_name = format!("{}-{}.sealift", draft.name, draft.version);
    let path = folder.join(&file_name);
    let temporary = folder.join(format!(".{file_name}.partial"));
    let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
    let file = place::claim(&temporary)
        .map_err(cannot_write)?
        .ok_or_else(|| BundleError::Busy { path: path.clone() })?;
    let partial = Partial(temporary.clone());

    let parts = Parts::of(draft, limits)?;
    let room = parts.room(draft, authority)?;
    if room > limits.reserve {
        let what = "bytes to keep for the front of the bundle; split it into several".to_owned();
        return Err(BundleError::Limit { what, found: room, ceiling: limits.reserve });
    }
    let layers = parts.image_layers()?;
    let streams: u64 = parts.distinct.iter().map(|tree| tree.tree.positions().1).sum();
    watch.expect(layers.iter().map(|layer| layer.size).sum::<u64>() + streams);
    let payload = Payload {
        file: &file,
        path: &temporary,
        start: room,
        layers: &layers,
        trees: &parts.distinct,
        threads: threads.max(1),
        watch,
    };
    let written = payload.write()?;
    let (front, statement) = parts.front(draft, authority, room, &written, limits)?;
    file.write_all_at(&[0; 1024], written.end).map_err(cannot_write)?;
    // What a reader would refuse must not get a name.
    let totals = Statement::parse(&statement, limits)?.predicate.totals;
    Ok(Unsealed { file, partial, path, front, statement, totals, authority, end: written.end + 1024 })
}

impl Unsealed<'_> {
    /// What is to be signed.
    #[must_use]
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// Puts the seal in, makes the file last, and gives it its name.
    ///
    /// A bundle with the same bytes that is already there is left as it is; one with other bytes is an error.
    pub fn seal(self, seal: &[u8]) -> Result<Sealed, BundleError> {
        let expected = (self.authority.seal_len)(self.statement.len());
        if seal.len() != expected {
            let (expected, found) = (expected as u64, seal.len() as u64);
            return Err(BundleError::Size { what: "the seal".to_owned(), expected, found });
        }
        let mut head = Vec::new();
        for (name, bytes) in [
            (member::ROOTS, self.authority.roots),
            (member::SEAL, seal),
            (member::STATEMENT, &self.statement),
        ] {
            push_member(&mut head, name, bytes);
        }
        let temporary = &self.partial.0;
        let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
        self.file.write_all_at(&head, 0).map_err(cannot_write)?;
        self.file.write_all_at(&self.front, head.len() as u64).map_err(cannot_write)?;
        self.file.set_len(self.end).map_err(cannot_write)?;
        self.file.sync_all().map_err(cannot_write)?;
        match place::rename_new(temporary, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !same_bytes(&self.file, &self.path).map_err(cannot_write)? {
                    return Err(BundleError::Exists { path: self.path });
                }
            }
            other => other.map_err(cannot_write)?,
        }
        place::sync_folder(place::folder_of(&self.path)).map_err(cannot_write)?;
        let statement = Digest::of(&self.statement);
        Ok(Sealed { path: self.path.clone(), statement, size: self.end, totals: self.totals })
    }
}

fn same_bytes(file: &File, path: &Path) -> io::Result<bool> {
    let other = place::open_regular(path)?;
    let (mut one, mut two) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let len = file.metadata()?.len();
    if other.metadata()?.len() != len {
        return Ok(false);
    }
    let mut at = 0;
    while at < len {
        let most = usize::try_from(len - at).unwrap_or(usize::MAX).min(one.len());
        file.read_exact_at(one.get_mut(..most).unwrap_or_default(), at)?;
        other.read_exact_at(two.get_mut(..most).unwrap_or_default(), at)?;
        if one.get(..most) != two.get(..most) {
            return Ok(false);
        }
        at += most as u64;
    }
    Ok(true)
}

pub(super) fn push_member(into: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let size = bytes.len() as u64;
    into.extend(member_header(name, size));
    into.extend(bytes);
    into.extend(padding(size));
}

/// The items of a draft, with what is known of them before anything is compressed.
struct Parts<'a> {
    images: Vec<&'a DraftImage>,
    /// Contents of the images alone.
    contents: Contents,
    /// Bytes of the images' documents and configurations.
    bytes: HashMap<Digest, Vec<u8>>,
    trees: Vec<TreePart<'a>>,
    /// Trees without those that hold the same as one before them.
    distinct: Vec<&'a DraftTree>,
}

struct TreePart<'a> {
    draft: &'a DraftTree,
    /// Which of the distinct trees it is.
    number: usize,
    /// The first frame of its inventory.
    entries: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(draft: &'a Draft, limits: &Limits) -> Result<Self, BundleError> {
        let (mut images, mut trees, mut distinct) = (Vec::new(), Vec::new(), Vec::<&DraftTree>::new());
        for item in &draft.items {
            match item {
                DraftItem::Image(image) => images.push(image),
                DraftItem::Tree(tree) => {
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
        let items = images.iter().map(|image| image_item(image)).collect::<Result<_, _>>()?;
        let mut order = Order::new(Index::new(items), limits);
        let mut bytes = HashMap::new();
        while let Some(due) = order.next_document()? {
            let content = read_blob(&images, &due.digest)?;
            order.take(&content)?;
            bytes.insert(due.digest, content);
        }
        let contents = order.finish()?;
        for config in &contents.configs {
            bytes.insert(config.digest, read_blob(&images, &config.digest)?);
        }
        Ok(Self { images, contents, bytes, trees, distinct })
    }

    fn image_layers(&self) -> Result<Vec<BlobSource>, BundleError> {
        self.contents.layers.iter().map(|layer| find_blob(&self.images, &layer.digest).cloned()).collect()
    }

    /// Bytes to keep at the front: every number there at its widest.
    fn room(&self, draft: &Draft, authority: &Authority<'_>) -> Result<u64, BundleError> {
        let widest = Blob { digest: Digest::of(b""), size: Limits::v1().bytes };
        let known = self.contents.documents.iter().chain(&self.contents.configs);
        let mut room: u64 = known.map(|blob| span(blob.size)).sum();
        for tree in &self.trees {
            let frames = frame::most(tree.draft.tree.positions().1);
            room += span(tree.entries.len() as u64 + inventory::most_frame_bytes(frames));
            room += span(tree_manifest(&tree.draft.head, widest, widest)?.len() as u64);
        }
        let items = self.items(|tree| Ok(tree_item(&tree.draft.head, widest)))?;
        let blobs = self.contents.blobs().count() + 3 * self.trees.len();
        let sums =
            member::FIXED.iter().skip(1).map(|name| 64 + 2 + name.len() + 1).sum::<usize>() + blobs * 144;
        let fixed = member::FIXED.map(|name| Member {
            name: name.to_owned(),
            size: widest.size,
            sha256: widest.digest,
        });
        let totals = Totals { items: widest.size, blobs: widest.size, bytes: widest.size };
        let statement = front::statement(draft, authority, fixed.into(), totals).encode()?.len();
        for len in [
            authority.roots.len(),
            (authority.seal_len)(statement),
            statement,
            sums,
            front::verify_text(draft).len() + front::BLANKS * 512,
            0,
            member::OCI_LAYOUT_CONTENT.len(),
            Index::new(items).encode()?.len(),
            docker_manifest(&self.contents.docker)?.len(),
        ] {
            room += span(len as u64);
        }
        Ok(room)
    }

    fn items(
        &self,
        tree: impl Fn(&TreePart<'a>) -> Result<Item, BundleError>,
    ) -> Result<Vec<Item>, BundleError> {
        self.images.iter().map(|image| image_item(image)).chain(self.trees.iter().map(tree)).collect()
    }

    /// All members between the statement and the layers, and the statement about them.
    fn front(
        mut self,
        draft: &Draft,
        authority: &Authority<'_>,
        room: u64,
        written: &Written,
        limits: &Limits,
    ) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
        let mut roots = Vec::new();
        for tree in &self.trees {
            let (layer, frames) = written.trees.get(tree.number).ok_or_else(incomplete)?;
            let mut inventory = tree.entries.clone();
            inventory.extend(inventory::encode_frames(frames)?);
            let inventory = keep(&mut self.bytes, inventory);
            roots.push(keep(&mut self.bytes, tree_manifest(&tree.draft.head, inventory, *layer)?));
        }
        let images = self.images.iter().map(|image| image_item(image));
        let trees = self.trees.iter().zip(roots).map(|(tree, root)| Ok(tree_item(&tree.draft.head, root)));
        let index = Index::new(images.chain(trees).collect::<Result<_, _>>()?);
        let index_bytes = index.encode()?;
        let mut order = Order::new(Index::parse(&index_bytes, limits)?, limits);
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

fn keep(bytes: &mut HashMap<Digest, Vec<u8>>, content: Vec<u8>) -> Blob {
    let blob = Blob { digest: Digest::of(&content), size: content.len() as u64 };
    bytes.insert(blob.digest, content);
    blob
}

fn image_item(image: &DraftImage) -> Result<Item, BundleError> {
    let root = find_blob(&[image], &image.root)?;
    Ok(Item {
        head: image.head.clone(),
        reference: Some(image.reference.clone()),
        media_type: image.media_type.clone(),
        root: Blob { digest: root.digest, size: root.size },
    })
}

fn tree_item(head: &ItemHead, root: Blob) -> Item {
    Item { head: head.clone(), reference: None, media_type: oci::OCI_MANIFEST.to_owned(), root }
}

fn find_blob<'a>(images: &[&'a DraftImage], digest: &Digest) -> Result<&'a BlobSource, BundleError> {
    images.iter().flat_map(|image| &image.blobs).find(|blob| blob.digest == *digest).ok_or_else(|| {
        BundleError::Image {
            document: "the draft".to_owned(),
            reason: format!("it has no source for {digest}"),
        }
    })
}

/// A small blob, checked.
fn read_blob(images: &[&DraftImage], digest: &Digest) -> Result<Vec<u8>, BundleError> {
    let source = find_blob(images, digest)?;
    let ceiling = Limits::v1().document;
    if source.size > ceiling {
        let what = format!("bytes of {digest}");
        return Err(BundleError::Limit { what, found: source.size, ceiling });
    }
    let unreadable = |error| BundleError::SourceRead { path: source.path.clone(), source: error };
    let mut bytes = vec![0; usize::try_from(source.size).unwrap_or_default()];
    let file = place::open_regular(&source.path).map_err(unreadable)?;
    file.read_exact_at(&mut bytes, source.offset).map_err(unreadable)?;
    let found = Digest::of(&bytes);
    if found == *digest {
        return Ok(bytes);
    }
    let reason = format!("a blob has the digest {found}, expected {digest}");
    Err(BundleError::SourceChanged { path: source.path.clone(), reason })
}

pub(super) fn incomplete() -> BundleError {
    BundleError::Format {
        document: "the draft".to_owned(),
        reason: "its parts do not fit together; please report this".to_owned(),
    }
}
