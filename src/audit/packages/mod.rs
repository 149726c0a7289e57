//! Software packages, as declared by the files that list them.
//!
//! Every function takes a path and bytes and returns packages; none reads or writes a file. A file that lists
//! packages but cannot be parsed is reported, never left out.

mod apk;
mod bytes;
mod database;
mod debian;
mod executable;
mod fields;
mod found;
mod golang;
mod java;
mod npm;
mod purl;
mod python;
mod rpm;
mod rust;
mod spdx;
mod system;

pub use database::{Database, PackageEvidence, read};
pub use executable::in_executable;
pub use java::in_jar;
pub use purl::purl;
pub(crate) use purl::{Purl, comparable, python_name, unversioned};
pub use spdx::spdx;
pub(crate) use spdx::{parse_expression, parse_license};

use serde::Serialize;

/// Who keeps a list of packages of this kind; decides the type of the purl and how versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Debian's `dpkg`.
    Deb,
    /// Alpine's `apk`.
    Apk,
    /// `rpm`.
    Rpm,
    /// Go modules.
    Golang,
    /// Python distributions.
    Pypi,
    /// Packages of npm.
    Npm,
    /// Java artifacts with Maven coordinates.
    Maven,
    /// Rust crates.
    Cargo,
}

impl Ecosystem {
    /// The type of a purl (package-url specification, "known types").
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Golang => "golang",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Maven => "maven",
            Self::Cargo => "cargo",
        }
    }
}

/// A package as one file announces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Package {
    /// Who keeps it.
    pub ecosystem: Ecosystem,
    /// The group of a Java artifact, the scope of an npm package (`@scope`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What it is called; of a Go module the whole path.
    pub name: String,
    /// Its version as written, with epoch and revision.
    pub version: String,
    /// The machine it was built for, in the words of its ecosystem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What it was built from, where that has another name or version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PackageSource>,
    /// Its licences as found: expressions, names or whatever its makers wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
}

/// The source package that a package was built from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PackageSource {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The operating system that an image says it is (os-release(5)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct System {
    /// `ID`, like `debian`.
    pub id: String,
    /// `VERSION_ID`, like `12`; rolling distributions have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `PRETTY_NAME`, for users.
    pub name: String,
}

impl Package {
    /// A package of which no more is known than its name and its version.
    const fn new(ecosystem: Ecosystem, name: String, version: String) -> Self {
        Self {
            ecosystem,
            namespace: None,
            name,
            version,
            architecture: None,
            source: None,
            licenses: Vec::new(),
        }
    }
}
