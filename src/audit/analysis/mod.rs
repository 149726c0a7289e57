//! The analysis of a bundle: everything that was observed in its content.
//!
//! Declared facts (origin and license of an item) are in the overview. What could not be analyzed is listed as
//! [`Unchecked`] and never counts as good.

mod analysis_budget;
mod analyze_layer;
pub mod anomaly;
mod anomaly_limit;
mod attached;
pub(crate) mod capability;
pub mod class;
pub mod config;
mod file_purpose;
pub mod names;
mod observe;
mod view;

pub use observe::observe;

use self::anomaly::Anomaly;
use self::capability::Capabilities;
use self::class::FileClass;
use self::config::ImageConfig;
use super::layer::Compression;
use super::packages::{Package, PackageEvidence, System};
use crate::finding::LintFinding;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use serde::Serialize;

/// Whether each file in a layer is hashed by itself: who compares or lists files wants it, and it is an eighth of the work.
/// The layers are hashed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDigests {
    /// Every file is.
    Taken,
    /// None is.
    Left,
}

/// Everything observed in one bundle.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BundleAnalysis {
    /// The items, in the order of the bundle.
    pub items: Vec<ItemAnalysis>,
    /// Every layer once, in the order of the bundle; that of a tree as well.
    pub layers: Vec<Layer>,
    /// What travels with images beside their layers, in the order of the bundle.
    pub attached: Vec<Attached>,
    /// What was not looked at, and why.
    pub unchecked: Vec<Unchecked>,
}

/// One item.
#[derive(Debug, Clone, Serialize)]
pub struct ItemAnalysis {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// The digest that it is pinned by: that of an index, a manifest or an inventory.
    pub root: Digest,
    /// One view for each platform of an image; one for a tree.
    pub views: Vec<View>,
}

/// What one platform of an image, or a tree, shows when its layers are applied.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// `os/architecture[/variant]`; trees have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// How a container of the image is started; trees have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// Its layers, lowest first: places in [`BundleAnalysis::layers`].
    pub layers: Vec<usize>,
    /// The operating system it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Packages that files of the view announce, sorted.
    pub packages: Vec<AnalysisFindings>,
    /// Entries that can be seen, sorted by path.
    #[serde(skip)]
    pub visible: Vec<LayerSpot>,
    /// Files of lower layers that a later layer hides and that travel all the same, sorted by path.
    #[serde(skip)]
    pub shadowed: Vec<LayerSpot>,
    /// Sums over what can be seen.
    pub sums: Sums,
    /// What is odd about the image as a whole.
    pub anomalies: Vec<Anomaly>,
    /// What looks like a secret in the configuration of the image; the texts are masked.
    pub secrets: Vec<LintFinding>,
}

/// An entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerSpot {
    /// Place in [`BundleAnalysis::layers`].
    pub layer: u32,
    /// Place in [`Layer::entries`].
    pub entry: u32,
}

impl LayerSpot {
    fn new(layer: usize, entry: usize) -> Self {
        // A layer has at most a million entries, a bundle fewer blobs.
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { layer: number(layer), entry: number(entry) }
    }
}

/// Counts of what can be seen in a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Files, each name of one that has several.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that can be executed by what they hold: programs, libraries, scripts.
    pub executables: u64,
    /// Files that are hidden and travel all the same.
    pub shadowed: u64,
    /// Their bytes.
    pub shadowed_bytes: u64,
}

/// A package, with the file that announces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AnalysisFindings {
    /// The package.
    #[serde(flatten)]
    pub package: Package,
    /// The file that announces it.
    pub path: String,
    /// The digest of the layer that has the file.
    pub layer: Digest,
}

/// A layer, looked at once whatever number of images has it.
#[derive(Debug, Clone, Serialize)]
pub struct Layer {
    /// What it hashes to as it travels.
    pub digest: Digest,
    /// Its bytes as they travel.
    pub stored: u64,
    /// How it is compressed.
    pub compression: Compression,
    /// Its bytes when decompressed.
    pub size: u64,
    /// What it hashes to when decompressed; `None` when it was not read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// What it holds, in its order.
    #[serde(skip)]
    pub entries: Vec<LayerEntry>,
    /// What is odd.
    pub anomalies: Vec<Anomaly>,
    /// What looks like a secret; the texts are masked.
    pub secrets: Vec<LintFinding>,
    /// What its files announce, by the file: place in [`Layer::entries`].
    #[serde(skip)]
    pub announced: Vec<(u32, PackageEvidence)>,
}

/// An entry of a layer, as an auditor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerEntry {
    /// Its path without slashes at the ends.
    pub path: Box<str>,
    /// What it is.
    #[serde(flatten)]
    pub node: LayerNode,
    /// Its mode, with the bits for set-user-id, set-group-id and sticky.
    pub mode: u16,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Capabilities that a program gets when it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Box<Capabilities>>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LayerNode {
    /// A file.
    File {
        /// Its bytes.
        size: u64,
        /// What they hash to, where that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<Digest>,
        /// What they are.
        class: FileClass,
    },
    /// A directory.
    Dir,
    /// A link to a path.
    Symlink {
        /// As it is written.
        target: Box<str>,
    },
    /// Another name of a file.
    Hardlink {
        /// The path of the file in the same view.
        target: Box<str>,
    },
    /// A device or a named pipe.
    Special {
        /// What, in words.
        what: Box<str>,
    },
    /// The entry of this path is taken away.
    Whiteout {
        /// The path.
        target: Box<str>,
    },
    /// Everything from below in this directory is taken away.
    Opaque {
        /// The directory.
        target: Box<str>,
    },
}

/// A blob that travels with an image and is not a layer of it: a signature, an attestation, a bill.
#[derive(Debug, Clone, Serialize)]
pub struct Attached {
    /// The item that it travels with.
    pub item: Name,
    /// The manifest that names it.
    pub manifest: Digest,
    /// What it hashes to.
    pub digest: Digest,
    /// What the manifest says it is.
    pub media_type: String,
    /// Its bytes.
    pub size: u64,
    /// What it is.
    pub class: FileClass,
    /// What looks like a secret; the texts are masked.
    pub secrets: Vec<LintFinding>,
}

/// Something that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unchecked {
    /// The layer, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Digest>,
    /// What, as a path or in words.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Bytes of it, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl BundleAnalysis {
    /// Whether every file was hashed by itself.
    #[must_use]
    pub(crate) fn has_file_digests(&self) -> bool {
        let mut entries = self.layers.iter().flat_map(|layer| &layer.entries);
        !entries.any(|entry| matches!(entry.node, LayerNode::File { sha256: None, .. }))
    }

    /// The entry at a place.
    #[must_use]
    pub fn entry(&self, spot: LayerSpot) -> Option<&LayerEntry> {
        self.layers.get(spot.layer as usize)?.entries.get(spot.entry as usize)
    }

    /// The entries of these places.
    pub fn entries<'a>(
        &'a self,
        spots: &'a [LayerSpot],
    ) -> impl Iterator<Item = (LayerSpot, &'a LayerEntry)> + 'a {
        spots.iter().filter_map(|spot| self.entry(*spot).map(|entry| (*spot, entry)))
    }

    /// What is odd about a view and its layers, in hidden files as well.
    pub fn anomalies<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Anomaly> + 'a {
        view.anomalies.iter().chain(self.layers_of(view).flat_map(|layer| &layer.anomalies))
    }

    /// What looks like a secret in a view and its layers, in hidden files as well.
    pub fn secrets<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a LintFinding> + 'a {
        view.secrets.iter().chain(self.layers_of(view).flat_map(|layer| &layer.secrets))
    }

    /// The layers of a view, lowest first.
    pub(crate) fn layers_of<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Layer> + 'a {
        view.layers.iter().filter_map(|number| self.layers.get(*number))
    }
}
