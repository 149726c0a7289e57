//! What `cargo auditable` writes into programs: the crates they were built from, as zlib-compressed JSON.

use super::found::FoundPackages;
use super::{Ecosystem, Package};
use flate2::read::ZlibDecoder;
use serde::Deserialize;
use std::io::Read as _;

/// Bytes of the list. That of a program with a thousand crates has 100,000.
const MAX_BYTES: u64 = 8 << 20;

#[derive(Deserialize)]
struct List {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    kind: DependencyKind,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DependencyKind {
    /// Needed to build it and no part of it.
    Build,
    #[default]
    Runtime,
}

/// The crates that are part of the program, its own among them.
pub(super) fn packages(section: &[u8], found: &mut FoundPackages) -> Result<(), String> {
    let broken = |error: String| format!("its list of Rust crates could not be read: {error}");
    let mut json = Vec::new();
    ZlibDecoder::new(section)
        .take(MAX_BYTES.saturating_add(1))
        .read_to_end(&mut json)
        .map_err(|error| broken(error.to_string()))?;
    if json.len() as u64 > MAX_BYTES {
        return Err(broken(format!("it has more than {MAX_BYTES} bytes")));
    }
    let list: List = serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
    for item in list.packages.into_iter().filter(|item| item.kind == DependencyKind::Runtime) {
        found.add(Package::new(Ecosystem::Cargo, item.name, item.version))?;
    }
    Ok(())
}
