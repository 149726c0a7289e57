//! Reads the directory of an installed release again, because it may have been changed since.

use super::SiteError;
use super::handle::Site;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::index::Index;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::{atomic_file, member};
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::Progress;
use sealift_bundle::value::rel_path::{Names, RelPath};
use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// What is in the directory of a release.
#[derive(Debug, Clone, Default)]
pub struct FoundRelease {
    /// The trees, each with its kind and its entries in order.
    pub trees: Vec<(ItemKind, Name, Vec<Entry>)>,
    /// The index of its images.
    pub images: Option<Index>,
    /// The blobs of its images that are what their names say.
    pub blobs: BTreeMap<Digest, u64>,
    /// What is not as it was installed, as far as the directory alone can tell.
    pub wrong: Vec<String>,
}

/// Reads a directory, hashing every file.
struct DirectoryWalk<'a> {
    base: PathBuf,
    limits: &'a Limits,
    watch: &'a dyn Progress,
    found: FoundRelease,
    left: usize,
}

impl Site {
    /// Reads the directory of a release; links are not followed. O(n log n) in the number of its files.
    pub fn contents(
        &self,
        scenario: &Name,
        folder: &Name,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<FoundRelease, SiteError> {
        let base = self.release(scenario, folder);
        let mut walk =
            DirectoryWalk { base, limits, watch, found: FoundRelease::default(), left: limits.entries };
        for entry in walk.listed("")? {
            let top = entry.file_name().to_string_lossy().into_owned();
            match top.as_str() {
                "doc" => walk.trees(ItemKind::Doc)?,
                "config" => walk.trees(ItemKind::Config)?,
                "file" => walk.trees(ItemKind::File)?,
                "images" => walk.images()?,
                // Made at the site, from its parameters.
                "rendered" => {}
                _ => walk.found.wrong.push(format!("{top}: no bundle has it")),
            }
        }
        Ok(walk.found)
    }
}

impl DirectoryWalk<'_> {
    fn failed(&self, below: &str, source: io::Error) -> SiteError {
        SiteError::StateRead { path: self.base.join(below), source }
    }

    /// What a directory holds, by name.
    fn listed(&self, below: &str) -> Result<Vec<DirEntry>, SiteError> {
        let entries = fs::read_dir(self.base.join(below)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = entries.map_err(|source| self.failed(below, source))?;
        entries.sort_by_key(DirEntry::file_name);
        Ok(entries)
    }

    fn trees(&mut self, kind: ItemKind) -> Result<(), SiteError> {
        for entry in self.listed(kind.as_str())? {
            let (name, below) =
                (entry.file_name(), format!("{kind}/{}", entry.file_name().to_string_lossy()));
            let is_folder = entry.file_type().is_ok_and(|of| of.is_dir());
            match name.to_str().and_then(|name| name.parse::<Name>().ok()).filter(|_| is_folder) {
                Some(name) => {
                    let mut entries = Vec::new();
                    self.tree(&below, None, &mut entries)?;
                    entries.sort_by(|one: &Entry, other| one.path.cmp(&other.path));
                    self.found.trees.push((kind, name, entries));
                }
                None => self.found.wrong.push(format!("{below}: no bundle has it")),
            }
        }
        Ok(())
    }

    fn tree(&mut self, root: &str, folder: Option<&RelPath>, into: &mut Vec<Entry>) -> Result<(), SiteError> {
        let below = folder.map_or_else(|| root.to_owned(), |folder| format!("{root}/{folder}"));
        for entry in self.listed(&below)? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let shown = format!("{below}/{name}");
            let path = folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"));
            // The path is parsed whole, so it is no deeper than paths of bundles are.
            let path = entry.file_name().to_str().and_then(|_| RelPath::parse_for(&path, Names::Linux).ok());
            let (Some(path), Some(left)) = (path, self.left.checked_sub(1)) else {
                self.found.wrong.push(format!("{shown}: no bundle can have it"));
                continue;
            };
            self.left = left;
            let metadata = entry.path().symlink_metadata().map_err(|source| self.failed(&shown, source))?;
            let node = if metadata.is_dir() {
                self.tree(root, Some(&path), into)?;
                Node::Dir
            } else if metadata.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(|source| self.failed(&shown, source))?;
                Node::Link { target: target.to_string_lossy().into_owned() }
            } else if metadata.is_file() {
                let (sha256, size) = self.hash(&entry.path())?;
                Node::File { size, sha256, executable: metadata.permissions().mode() & 0o100 != 0 }
            } else {
                self.found.wrong.push(format!("{shown}: no file, folder or link"));
                continue;
            };
            into.push(Entry { path, node });
        }
        Ok(())
    }

    fn images(&mut self) -> Result<(), SiteError> {
        for entry in self.listed("images")? {
            match entry.file_name().to_str() {
                Some(name @ member::INDEX) => {
                    let below = format!("images/{name}");
                    let bytes = atomic_file::read_bounded(&entry.path(), self.limits.index)
                        .map_err(|source| self.failed(&below, source))?;
                    match Index::parse(&bytes, self.limits) {
                        Ok(index) => self.found.images = Some(index),
                        Err(error) => self.found.wrong.push(format!("{below}: {error}")),
                    }
                }
                // Both follow from the index.
                Some(member::OCI_LAYOUT | member::MANIFEST | "blobs") => {}
                _ => {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    self.found.wrong.push(format!("images/{name}: no bundle has it"));
                }
            }
        }
        for entry in self.listed("images/blobs/sha256")? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (digest, size) = self.hash(&entry.path())?;
            if digest.hex() == name {
                self.found.blobs.insert(digest, size);
            } else {
                self.found.wrong.push(format!("images/blobs/sha256/{name}: it hashes to {digest}"));
            }
        }
        Ok(())
    }

    fn hash(&self, path: &Path) -> Result<(Digest, u64), SiteError> {
        let failed = |source| SiteError::StateRead { path: path.to_owned(), source };
        let mut file: File = atomic_file::open_regular(path).map_err(failed)?;
        let (mut hasher, mut buffer) = (Hasher::new(), vec![0; CHUNK]);
        loop {
            if self.watch.is_stopped() {
                return Err(TrustError::from(BundleError::Interrupted).into());
            }
            let filled = file.read(&mut buffer).map_err(failed)?;
            if filled == 0 {
                let size = hasher.count();
                return Ok((hasher.finish(), size));
            }
            hasher.update(buffer.get(..filled).unwrap_or_default());
            self.watch.advance(filled as u64);
        }
    }
}
