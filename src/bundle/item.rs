//! What every item of a bundle says about itself.

use crate::value::name::Name;
use serde::{Deserialize, Serialize};
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
}
