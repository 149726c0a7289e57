//! Anomalies: properties of an entry that an approver should know about.

use serde::{Serialize, Serializer};
use std::fmt;

/// What an anomaly is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnomalyGroup {
    /// Rights that a program or file gives.
    Privilege,
    /// Names that deceive.
    Name,
    /// Paths and links that lead elsewhere.
    Path,
    /// Archives that programs read in different ways.
    Archive,
    /// The image as a whole.
    Image,
}

macro_rules! kinds {
    ($($name:ident $text:literal $group:ident $why:literal)*) => {
        /// What is odd.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AnomalyKind { $(#[doc = $why] $name,)* }

        impl AnomalyKind {
            /// Every kind, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable, dotted name, as policies and reports have it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it is about.
            #[must_use]
            pub const fn group(self) -> AnomalyGroup {
                match self { $(Self::$name => AnomalyGroup::$group,)* }
            }

            /// Why it is worth knowing, in one sentence.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

kinds! {
    Setuid "privilege.setuid" Privilege "The program runs with the rights of its owner."
    Setgid "privilege.setgid" Privilege "The program runs with the rights of its group."
    Capability "privilege.capability" Privilege "The program gets kernel capabilities when it is started."
    WorldWritable "privilege.world-writable" Privilege "Every user may change it."
    Device "privilege.device" Privilege "It gives access to a device of the machine."
    NameControl "name.control" Name "The name contains characters that are invisible or change how others are displayed."
    NameEncoding "name.not-utf8" Name "The name is not UTF-8, so programs display it differently."
    NameLookalike "name.look-alike" Name "The name mixes letters of several scripts, some of which look alike."
    NameTwin "name.twin" Name "Two names are equal where case or Unicode form is ignored."
    NameLong "name.long" Name "The path is longer than systems support."
    PathAbsolute "path.absolute" Path "The path is absolute, and programs treat absolute paths differently."
    PathOutside "path.outside" Path "The path leads out of the image."
    LinkOutside "link.outside" Path "The link leads out of the image."
    ArchiveAmbiguous "archive.ambiguous" Archive "Programs read this part of the archive differently."
    ArchiveTwice "archive.twice" Archive "The layer contains the path twice, and programs differ in which one they keep."
    ArchiveSparse "archive.sparse" Archive "The file is sparse, so its content was not analyzed in its final form."
    ArchiveTrailing "archive.trailing" Archive "There is data after the end of the archive, which most programs ignore."
    ArchiveUnclosed "archive.unclosed" Archive "The archive does not end correctly."
    DiffId "image.diff-id" Image "The content of a layer does not match the image configuration, so container engines reject it."
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for AnomalyKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something odd about one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Anomaly {
    /// What.
    pub kind: AnomalyKind,
    /// The path in the layer; empty for the layer as a whole.
    pub path: String,
    /// What was found there.
    pub detail: String,
}

impl Anomaly {
    /// An anomaly of this path.
    #[must_use]
    pub fn new(kind: AnomalyKind, path: &str, detail: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), detail: detail.into() }
    }
}
