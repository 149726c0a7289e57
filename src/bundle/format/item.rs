//! The metadata that every item has.

use crate::value::name::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The four kinds of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A container image, carried byte for byte.
    Image,
    /// A tree of documents.
    Doc,
    /// A tree of configurations.
    Config,
    /// One file or a tree of files of any other sort.
    File,
}

impl ItemKind {
    /// The word for it, as in manifests and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Doc => "doc",
            Self::Config => "config",
            Self::File => "file",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a file item is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum FileKind {
    /// Software to install.
    Package,
    /// An extension of software that is installed.
    Plugin,
    /// A Helm chart.
    Chart,
    /// A model with its weights.
    Model,
    /// A certificate; never its key.
    Certificate,
    /// A signature, an SBOM, a review.
    Evidence,
    /// A program to work with.
    Tool,
}

impl FileKind {
    /// The word for it, as in manifests and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Plugin => "plugin",
            Self::Chart => "chart",
            Self::Model => "model",
            Self::Certificate => "certificate",
            Self::Evidence => "evidence",
            Self::Tool => "tool",
        }
    }

    /// The kind with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        use FileKind::{Certificate, Chart, Evidence, Model, Package, Plugin, Tool};
        [Package, Plugin, Chart, Model, Certificate, Evidence, Tool]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Where an item stands whose manifest does not say.
pub const PRIORITY: u8 = 50;
/// The last place an item can have.
pub const LAST_PRIORITY: u8 = 99;

/// What a manifest says about an item beside its name, kind and licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Its version, as declared.
    pub version: Option<String>,
    /// What it is good for; of files only.
    pub file_kind: Option<FileKind>,
    /// The only audiences that may have it, ascending; without a list everybody.
    pub audience: Option<Vec<Name>>,
    /// Its place in the bundle among items of its kind, 0 to 99; lower is earlier.
    pub priority: u8,
    /// Whether its texts are templates that the site fills with its parameters; of configs only.
    pub template: bool,
    /// Annotations that this version of the format carries and gives no meaning: what follows `x-`, and the text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Name, String>,
}

impl Labels {
    /// Whether an audience may have the item.
    #[must_use]
    pub fn is_for(&self, audience: &Name) -> bool {
        self.audience.as_ref().is_none_or(|names| names.contains(audience))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            version: None,
            file_kind: None,
            audience: None,
            priority: PRIORITY,
            template: false,
            notes: BTreeMap::new(),
        }
    }
}

/// Name, kind and provenance of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemHead {
    /// Unique in the bundle, over all kinds.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// Where its bytes came from, as the lock says it: declared, not observed.
    pub origin: String,
    /// SPDX licence expression, as the manifest declares it.
    pub license: Option<String>,
    /// What else the manifest says about it.
    pub labels: Labels,
}
