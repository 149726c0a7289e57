//! Changes of items, files, layers, privileges and findings. Plain data, below every comparison.

use super::entry::EntryState;
use super::facts::FactChange;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there.
    New,
    /// It is there, and not as it was.
    Changed,
    /// It is as it was, in another place.
    Moved,
    /// It is missing any more.
    Gone,
}

/// Something that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// A change, and the items in which it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeAt<T> {
    /// The change.
    #[serde(flatten)]
    pub change: T,
    /// The items, with their platforms where they have several.
    pub items: Vec<String>,
}

/// An item that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ItemChange {
    /// What happened: of one that moved, the content is as it was and the name is not.
    pub turn: ChangeKind,
    /// What it is.
    pub kind: ItemKind,
    /// Its name; of what moved, the new one.
    pub name: Name,
    /// The old name of what moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Name>,
    /// An image that is called as it was and is another: anyone who goes by its tag gets other bytes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub same_tag: bool,
    /// What it is called at the site, or where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its digest as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// Its digest as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Digest>,
    /// Bytes as it travelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_from: Option<u64>,
    /// Bytes as it travels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_to: Option<u64>,
    /// The same content under another digest: a tree that was cut or compressed in another way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repacked: bool,
    /// What is said of it in another way.
    pub facts: Vec<FactChange>,
}

/// A path that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileChange {
    /// What happened.
    pub turn: ChangeKind,
    /// The path; of what moved, the new one.
    pub path: String,
    /// The old path of what moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// As it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<EntryState>,
    /// As it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<EntryState>,
    /// The layer that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Digest>,
}

/// What became of the files of a tree, or of one platform of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FilesOf {
    /// The item, with its platform where it has several.
    pub item: String,
    /// How many paths are new, changed, moved and gone.
    pub counts: BTreeMap<ChangeKind, u64>,
    /// How many of the new, changed and moved ones come from each layer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<Digest, u64>,
    /// The changes, by path.
    pub changes: Vec<FileChange>,
    /// Changes that are counted and not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Files that a later layer hides and that travel all the same, where they did not before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadowed: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A program, library or script that was not there, or is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Executable {
    /// What happened.
    pub turn: ChangeKind,
    /// The path.
    pub path: String,
    /// What it is.
    pub class: String,
}

/// What became of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerTurn {
    /// It was not there.
    New,
    /// It is missing any more.
    Gone,
    /// It has the same bytes, compressed in another way.
    Recompressed,
    /// It has the same entries, written into an archive in another way: other times, other order.
    Rebuilt,
}

/// A layer that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LayerChange {
    /// What happened.
    pub turn: LayerTurn,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<LayerState>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<LayerState>,
}

/// A layer as it travels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LayerState {
    /// What it hashes to.
    pub digest: Digest,
    /// Its bytes.
    pub stored: u64,
}

/// The layers of one platform of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayersOf {
    /// The item, with its platform where it has several.
    pub item: String,
    /// How many are as they were.
    pub same: u64,
    /// Those that are not.
    pub changes: Vec<LayerChange>,
}

/// A secret or an anomaly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FindingChange {
    /// Whether it came or went.
    pub turn: ChangeKind,
    /// The rule or kind, as `lint` and `analysis` call it.
    pub kind: &'static str,
    /// The path, safe to show; empty for a layer as a whole.
    pub path: String,
    /// What was found, safe to show; never a secret.
    pub message: String,
}

/// A right, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Programs of the image run as root.
    Root,
    /// A program gets the rights of its owner.
    Setuid,
    /// A program gets the rights of its group.
    Setgid,
    /// A program gets rights of the kernel.
    Capability,
    /// A device of the machine.
    Device,
    /// Everybody may change it.
    WorldWritable,
    /// A port is open.
    Port,
    /// Something else is started.
    Start,
}

impl Right {
    /// The name as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "runs as root",
            Self::Setuid => "setuid",
            Self::Setgid => "setgid",
            Self::Capability => "capability",
            Self::Device => "device",
            Self::WorldWritable => "world-writable",
            Self::Port => "port",
            Self::Start => "starts",
        }
    }
}

impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A right that was gained, lost, or is another now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RightChange {
    /// What happened: new, changed (the path has the right as before and other content), gone.
    pub turn: ChangeKind,
    /// Which right.
    pub right: Right,
    /// The path that has it; empty for an image as a whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// As it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// As it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl RightChange {
    pub(super) fn of_path(
        turn: ChangeKind,
        right: Right,
        path: &str,
        from: Option<String>,
        to: Option<String>,
    ) -> Self {
        Self { turn, right, path: path.to_owned(), from, to }
    }
}
