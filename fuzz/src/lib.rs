//! What the targets share.

use std::fs;
use std::path::{Path, PathBuf};

/// Where `fuzz/run` wants the starting corpus; nobody else wants one.
const SEEDS: &str = "SEALIFT_FUZZ_SEEDS";

/// Writes the starting corpus of a target, if somebody asked for it. Called before the first input.
///
/// # Panics
/// When a file cannot be written.
pub fn seeds<B: AsRef<[u8]>>(make: impl FnOnce() -> Vec<(String, B)>) {
    let Some(folder) = std::env::var_os(SEEDS) else { return };
    for (name, bytes) in make() {
        fs::write(Path::new(&folder).join(name), bytes).expect("the folder for seeds takes files");
    }
}

/// A path in the repository.
///
/// # Panics
/// Never: `fuzz` lies in it.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("fuzz lies in the repository").join(path)
}

/// The files of a folder in the repository that end like this, with their names.
///
/// # Panics
/// When they cannot be read.
#[must_use]
pub fn files(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(repository(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut found: Vec<_> = paths
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let name = path.file_name().expect("files have names").to_string_lossy().into_owned();
            (name, fs::read(path).expect("the file can be read"))
        })
        .collect();
    found.sort();
    found
}

/// A file of the repository.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn file(path: &str) -> Vec<u8> {
    fs::read(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An input whose first byte says which of several readers gets the rest.
#[must_use]
pub fn choice(data: &[u8], readers: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((usize::from(*first) % readers, rest))
}
