//! Why a file of a layer is kept in memory: a package database, packages inside it, or a search for secrets.

use super::class::{Archive, FileClass};
use crate::packages::Database;
use crate::secrets;

/// Bytes of a file that is neither text nor code and may be a store of keys.
const KEYS: u64 = 64 << 10;

/// What a file is held in memory for.
pub(super) struct Purposes {
    pub(super) database: Option<Database>,
    pub(super) inside: Option<EmbeddedPackages>,
    pub(super) secrets: Search,
}

/// Whether a file is searched for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// From its beginning to its end.
    Whole,
    /// It should be, and is too large.
    TooLarge,
    /// What it is holds none that could be told.
    Nothing,
}

impl Search {
    pub(super) const TOO_LARGE: &str = "it is a text of more than 16 MiB, and was not searched for secrets";

    pub(super) fn of(class: &FileClass, size: u64) -> Self {
        match class {
            FileClass::Text | FileClass::Script(_) if size <= secrets::MAX_BYTES as u64 => Self::Whole,
            FileClass::Text | FileClass::Script(_) => Self::TooLarge,
            FileClass::Data if size <= KEYS => Self::Whole,
            FileClass::Data
            | FileClass::Empty
            | FileClass::Elf(_)
            | FileClass::Pe
            | FileClass::MachO
            | FileClass::Wasm
            | FileClass::PythonCode
            | FileClass::JavaClass
            | FileClass::Archive(_) => Self::Nothing,
        }
    }
}

/// Packages that lie within a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum EmbeddedPackages {
    Executable,
    Jar,
}

impl Purposes {
    pub(super) fn of(path: &str, size: u64, class: &FileClass) -> Self {
        let inside = match class {
            FileClass::Elf(_) | FileClass::Pe | FileClass::MachO => Some(EmbeddedPackages::Executable),
            FileClass::Archive(Archive::Zip) if is_jar(path) => Some(EmbeddedPackages::Jar),
            _ => None,
        };
        Self { database: Database::of(path), inside, secrets: Search::of(class, size) }
    }

    pub(super) fn is_any(&self) -> bool {
        self.database.is_some() || self.inside.is_some() || self.secrets == Search::Whole
    }
}

/// A ZIP that Java reads, by its name: their content is like that of any other ZIP.
fn is_jar(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    ["jar", "war", "ear", "jpi", "hpi", "sar", "par"].iter().any(|jar| ending.eq_ignore_ascii_case(jar))
}
