//! A draft: everything that will be in a bundle, pinned, before it is packed and sealed.

use crate::format::index::Referrer;
use crate::format::item::ItemHead;
use crate::format::site_inputs::{Selection, SiteInputs};
use crate::format::tree::Tree;
use crate::value::digest::Digest;
use crate::value::image_name::ImageName;
use crate::value::name::Name;
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
    /// After this moment the bundle is no longer to be believed.
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

/// An image whose blobs lie in files.
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
