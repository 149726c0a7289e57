//! The byte account: which part of a bundle file each byte belongs to.

use sealift_bundle::format::blob_order::{Contents, ImageParts};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::{self, padding};
use sealift_bundle::trust::verify::{Trusted, Verified};
use sealift_bundle::value::digest::Digest;
use serde::{Serialize, Serializer};
use std::collections::HashMap;

/// The two blocks of zeros that end a tar.
const END: u64 = 1024;

/// What bytes of a bundle are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Layers of images, as the registry served them, and content of what refers to images.
    ImageLayers,
    /// Layers of documents.
    DocLayers,
    /// Layers of configurations.
    ConfigLayers,
    /// Layers of files.
    FileLayers,
    /// Configurations of images, and of what refers to images.
    ImageConfigs,
    /// Inventories of trees.
    Inventories,
    /// Indexes and manifests among the blobs.
    Manifests,
    /// Trust roots, seal and statement.
    Seal,
    /// The list of digests, and how to check with it.
    Instructions,
    /// The members that make the file an image layout.
    Layout,
    /// Room that was kept and not used: zeros.
    Reserve,
    /// Headers of the tar.
    Headers,
    /// Zeros between members.
    Padding,
    /// The blocks that end the tar.
    End,
}

impl Use {
    /// Every use, in the order in which they are shown.
    pub const ALL: [Self; 14] = [
        Self::ImageLayers,
        Self::DocLayers,
        Self::ConfigLayers,
        Self::FileLayers,
        Self::ImageConfigs,
        Self::Inventories,
        Self::Manifests,
        Self::Seal,
        Self::Instructions,
        Self::Layout,
        Self::Reserve,
        Self::Headers,
        Self::Padding,
        Self::End,
    ];

    /// What it is, in a few words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImageLayers => "image layers",
            Self::DocLayers => "document layers",
            Self::ConfigLayers => "configuration layers",
            Self::FileLayers => "file layers",
            Self::ImageConfigs => "image configurations",
            Self::Inventories => "inventories",
            Self::Manifests => "manifests and indexes",
            Self::Seal => "trust roots, seal, statement",
            Self::Instructions => "digests and instructions",
            Self::Layout => "image layout members",
            Self::Reserve => "reserve (zeros)",
            Self::Headers => "tar headers",
            Self::Padding => "padding (zeros)",
            Self::End => "end of the tar (zeros)",
        }
    }
}

impl Serialize for Use {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What every byte of a bundle file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByteAccount {
    /// Bytes of the file.
    pub size: u64,
    /// How many bytes there are for each use, and in how many pieces; in the order of [`Use::ALL`], none with nothing.
    pub shares: Vec<UsedBytes>,
}

/// The bytes of one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UsedBytes {
    /// What they are there for.
    pub what: Use,
    /// In how many pieces.
    pub pieces: u64,
    /// How many.
    pub bytes: u64,
}

impl ByteAccount {
    /// Accounts for a bundle file of `size` bytes.
    ///
    /// What stands where follows from the statement and the documents (FORMAT.md, 5.4), so nothing is read here.
    #[must_use]
    pub fn of(trusted: &Trusted, contents: &Verified<Contents>, size: u64) -> Self {
        let mut sums: HashMap<Use, (u64, u64)> = HashMap::new();
        let mut add = |what, bytes: u64| {
            let (pieces, sum) = sums.entry(what).or_default();
            *pieces += u64::from(bytes > 0);
            *sum += bytes;
        };
        let trees = trees(contents);
        let front = trusted.front().iter().chain(&trusted.statement().predicate.members);
        let front = front.map(|member| (fixed(&member.name), member.size));
        let documents = contents.documents.iter().map(|blob| (Use::Manifests, blob.size));
        let configs = contents.configs.iter().map(|blob| {
            let is_inventory = trees.contains_key(&blob.digest);
            (if is_inventory { Use::Inventories } else { Use::ImageConfigs }, blob.size)
        });
        let layers = contents.layers.iter().map(|blob| {
            let what = match trees.get(&blob.digest) {
                Some(ItemKind::Doc) => Use::DocLayers,
                Some(ItemKind::Config) => Use::ConfigLayers,
                Some(ItemKind::File) => Use::FileLayers,
                Some(ItemKind::Image) | None => Use::ImageLayers,
            };
            (what, blob.size)
        });
        for (what, bytes) in front.chain(documents).chain(configs).chain(layers) {
            add(what, bytes);
            add(Use::Headers, 512);
            add(Use::Padding, padding(bytes).len() as u64);
        }
        add(Use::End, END);
        let share = |what: Use| {
            let (pieces, bytes) = sums.get(&what).copied().filter(|(_, bytes)| *bytes > 0)?;
            Some(UsedBytes { what, pieces, bytes })
        };
        Self { size, shares: Use::ALL.into_iter().filter_map(share).collect() }
    }

    /// Bytes that belong to something.
    #[must_use]
    pub(crate) fn accounted(&self) -> u64 {
        self.shares.iter().map(|share| share.bytes).sum()
    }

    /// Whether every byte belongs to something, and nothing counts twice.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.accounted() == self.size
    }
}

/// The inventories and layers of trees, with the kind of the first item that has them.
fn trees(contents: &Contents) -> HashMap<Digest, ItemKind> {
    let mut trees = HashMap::new();
    for item in &contents.items {
        if let ImageParts::Tree { inventory, layer } = item.parts {
            for blob in [inventory, layer] {
                trees.entry(blob.digest).or_insert(item.item.head.kind);
            }
        }
    }
    trees
}

/// What a member before the blobs is there for.
fn fixed(name: &str) -> Use {
    match name {
        member::ROOTS | member::SEAL | member::STATEMENT => Use::Seal,
        member::SHA256SUMS | member::VERIFY => Use::Instructions,
        member::RESERVE => Use::Reserve,
        // `oci-layout`, `index.json` and `manifest.json`; the statement can list no others.
        _ => Use::Layout,
    }
}
