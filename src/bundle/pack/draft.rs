//! A draft: the pinned content of a bundle before it is packed and sealed.

use crate::format::BundleError;
use crate::format::atomic_file;
use crate::format::entry::{Entry, Node};
use crate::format::index::Referrer;
use crate::format::item::{ItemHead, ItemKind, Labels};
use crate::format::site_inputs::{Selection, SiteInputs};
use crate::format::tree::Tree;
use crate::value::digest::{Digest, Hasher};
use crate::value::image_name::ImageName;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::rel_path::RelPath;
use crate::value::timestamp::Timestamp;
use std::path::PathBuf;

/// What the connected side hands to [`pack`](super::pack).
#[derive(Debug, Clone)]
pub struct Draft {
    /// The bundle's name.
    pub name: Name,
    /// The bundle's version.
    pub version: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// Counts the bundles of a scenario; a site never goes back.
    pub sequence: u64,
    /// The statement before this one.
    pub previous: Option<Digest>,
    /// When the lock was written; never the time of packing, so that packing twice gives equal bytes.
    pub created: Timestamp,
    /// After this moment the bundle is no longer to be verified.
    pub expires: Option<Timestamp>,
    /// Which part of its manifest it carries.
    pub selection: Selection,
    /// What a site has to add to it.
    pub needs: SiteInputs,
    /// Digest of the lock it was made from.
    pub lock: Digest,
    /// What travels; packing puts images first, and otherwise keeps the order.
    pub items: Vec<DraftItem>,
}

impl Draft {
    /// A draft of sequence 1 without items, which was made from no lock.
    #[must_use]
    pub fn new(name: Name, version: Name, scenario: Name, created: Timestamp) -> Self {
        Self {
            name,
            version,
            scenario,
            sequence: 1,
            previous: None,
            created,
            expires: None,
            selection: Selection::default(),
            needs: SiteInputs::default(),
            lock: Digest::of(b""),
            items: Vec::new(),
        }
    }
}

/// One item with the places its bytes are read from.
#[derive(Debug, Clone)]
pub enum DraftItem {
    /// A container image.
    Image(DraftImage),
    /// A doc, config or file.
    Tree(DraftTree),
}

impl DraftItem {
    /// Says that only this audience may have it, where the item was restricted to some.
    pub fn only_for(&mut self, audience: Option<&Name>) {
        let head = match self {
            Self::Image(image) => &mut image.head,
            Self::Tree(tree) => &mut tree.head,
        };
        if let (Some(names), Some(audience)) = (&mut head.labels.audience, audience) {
            *names = vec![audience.clone()];
        }
    }

    /// Name, kind and provenance.
    #[must_use]
    pub fn head(&self) -> &ItemHead {
        match self {
            Self::Image(image) => &image.head,
            Self::Tree(tree) => &tree.head,
        }
    }
}

/// An image whose blobs are in files.
#[derive(Debug, Clone)]
pub struct DraftImage {
    /// Name, kind and provenance.
    pub head: ItemHead,
    /// What the image is called at the site.
    pub reference: ImageName,
    /// Media type of its index or manifest.
    pub media_type: String,
    /// Its index or manifest.
    pub root: Digest,
    /// Every blob it and its referrers need, the root among them, in any order.
    pub blobs: Vec<BlobSource>,
    /// Manifests that its indexes list and that do not travel, ascending.
    pub withheld: Vec<Digest>,
    /// Signatures, attestations and SBOMs that travel with it, each behind what it is about.
    pub referrers: Vec<Referrer>,
}

/// Where the bytes of a blob are: a part of a file.
#[derive(Debug, Clone)]
pub struct BlobSource {
    /// What the bytes must hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// The file that holds them. No component of the path may be a symbolic link when it is read.
    pub path: PathBuf,
    /// Where in the file they begin.
    pub offset: u64,
}

/// A tree whose files lie somewhere.
#[derive(Debug, Clone)]
pub struct DraftTree {
    /// Name, kind and provenance.
    pub head: ItemHead,
    /// Its entries.
    pub tree: Tree,
    /// One path for each file of [`Tree::files`], in the same order. No component of a path may be a symbolic link when
    /// it is read.
    pub sources: Vec<PathBuf>,
}

impl DraftTree {
    /// The item `name` with one file, `path`, whose content is at `source` and is hashed now.
    pub fn of_file(
        name: Name,
        kind: ItemKind,
        path: RelPath,
        source: PathBuf,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        let read = |error| BundleError::SourceRead { path: source.clone(), source: error };
        let mut file = atomic_file::open_regular(&source).map_err(read)?;
        let mut hasher = Hasher::new();
        let size = std::io::copy(&mut file, &mut hasher).map_err(read)?;
        let node = Node::File { size, sha256: hasher.finish(), executable: false };
        let tree = Tree::new(vec![Entry { path, node }], limits)
            .map_err(|source| BundleError::Tree { item: name.to_string(), source })?;
        let labels = Labels::default();
        let head = ItemHead { name, kind, origin: source.display().to_string(), license: None, labels };
        Ok(Self { head, tree, sources: vec![source] })
    }
}
