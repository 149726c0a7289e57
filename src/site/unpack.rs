//! Unpacking: trees as files, images as one OCI layout, into a folder that is new or empty.
//!
//! ```text
//! TARGET/doc/NAME/...      config/NAME/...      file/NAME/...
//! TARGET/images/oci-layout  images/index.json  images/manifest.json  images/blobs/sha256/...
//! ```

use super::SiteError;
use super::staging::Staging;
use crate::bundle::entry::{Entry, Node};
use crate::bundle::index::{Blob, Index, docker_manifest};
use crate::bundle::inventory::Inventory;
use crate::bundle::item::ItemKind;
use crate::bundle::member;
use crate::bundle::order::{Contents, Parts};
use crate::bundle::read::Tape;
use crate::store::Store;
use crate::trust::chain::PinnedRoot;
use crate::trust::verify::{self, BlobSink, Conditions, Depth, Receiver, Sink, Trusted, Verified};
use crate::value::ValueError;
use crate::value::digest::Digest;
use crate::value::rel_path::RelPath;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What was unpacked.
#[derive(Debug, Clone)]
pub struct Unpacked {
    /// Who sealed it, and its statement.
    pub trusted: Trusted,
    /// What it holds.
    pub contents: Verified<Contents>,
    /// Files of trees that were written.
    pub files: u64,
    /// Bytes that were written, image blobs included.
    pub bytes: u64,
}

/// Verifies a bundle and writes what it holds to `target`; nothing is there before everything is verified.
pub fn unpack(
    tape: &mut Tape<'_>,
    pinned: &PinnedRoot,
    target: &Path,
    conditions: &Conditions<'_>,
) -> Result<Unpacked, SiteError> {
    let trusted = Trusted::open(tape, pinned, conditions)?;
    let staged = stage(&trusted, tape, conditions, Staging::beside(target)?, None)?;
    staged.staging.publish()?;
    let Staged { contents, files, bytes, .. } = staged;
    Ok(Unpacked { trusted, contents, files, bytes })
}

/// What is verified, written and on the disk, and has no name yet.
pub(super) struct Staged {
    pub(super) staging: Staging,
    pub(super) contents: Verified<Contents>,
    /// Files of trees.
    pub(super) files: u64,
    /// Bytes of trees and images.
    pub(super) bytes: u64,
}

/// Verifies what stands behind the seal and writes it beneath `staging`. Blobs of images that `store` has are shared.
pub(super) fn stage(
    trusted: &Trusted,
    tape: &mut Tape<'_>,
    conditions: &Conditions<'_>,
    staging: Staging,
    store: Option<&Store>,
) -> Result<Staged, SiteError> {
    let writer = Writer { staging, store, plan: OnceLock::new(), blobs: Mutex::default() };
    let contents = verify::receive(trusted, tape, conditions, &writer)?;
    writer.complete(&contents)?;
    let (files, bytes) = writer.plan.get().map(|plan| (plan.files, plan.bytes)).unwrap_or_default();
    Ok(Staged { staging: writer.staging, contents, files, bytes })
}

/// Writes what is verified beneath the staging folder.
struct Writer<'a> {
    staging: Staging,
    store: Option<&'a Store>,
    plan: OnceLock<Plan>,
    /// Blobs that are begun, so that none is written twice.
    blobs: Mutex<HashSet<Digest>>,
}

/// What is known once the inventories are.
pub(super) struct Plan {
    /// Where each tree goes.
    pub(super) roots: Vec<RelPath>,
    /// Folders, outermost first.
    folders: Vec<RelPath>,
    links: Vec<(RelPath, String)>,
    files: u64,
    pub(super) bytes: u64,
}

impl Plan {
    pub(super) fn new(contents: &Contents, trees: &[Verified<Inventory>]) -> Result<Self, ValueError> {
        let mut plan = Self { roots: Vec::new(), folders: Vec::new(), links: Vec::new(), files: 0, bytes: 0 };
        let mut kinds = HashSet::new();
        let mut blobs = HashSet::new();
        for item in &contents.items {
            let (kind, name) = (item.item.head.kind, &item.item.head.name);
            let top = if kind == ItemKind::Image { "images" } else { kind.as_str() };
            if kinds.insert(top) {
                plan.folders.push(top.parse()?);
            }
            match &item.parts {
                Parts::Image { blobs: all, .. } => {
                    plan.bytes += all
                        .iter()
                        .filter(|blob| blobs.insert(blob.digest))
                        .map(|blob| blob.size)
                        .sum::<u64>();
                }
                Parts::Tree { .. } => {
                    let root: RelPath = format!("{top}/{name}").parse()?;
                    plan.folders.push(root.clone());
                    plan.roots.push(root);
                }
            }
        }
        if kinds.contains("images") {
            for folder in ["images/blobs", "images/blobs/sha256"] {
                plan.folders.push(folder.parse()?);
            }
        }
        for (root, tree) in plan.roots.iter().zip(trees) {
            for entry in tree.tree.entries() {
                let path = root.join(&entry.path);
                match &entry.node {
                    Node::Dir => plan.folders.push(path),
                    Node::Link { target } => plan.links.push((path, target.clone())),
                    Node::File { size, .. } => {
                        plan.files += 1;
                        plan.bytes += size;
                    }
                }
            }
        }
        Ok(plan)
    }

    pub(super) fn inodes(&self, contents: &Contents) -> u64 {
        self.files + (self.folders.len() + self.links.len() + contents.blobs().count() + 2) as u64
    }
}

impl Writer<'_> {
    /// Links last, so that nothing can have been written through one; then modes, then the disk.
    fn complete(&self, contents: &Verified<Contents>) -> Result<(), SiteError> {
        if let Some(plan) = self.plan.get() {
            for (path, target) in &plan.links {
                self.staging.link(path, target)?;
            }
            self.write_layout(contents)?;
            for folder in plan.folders.iter().rev() {
                self.staging.close_folder(folder)?;
            }
        }
        self.staging.complete()
    }

    /// What makes `images/` an OCI image layout.
    fn write_layout(&self, contents: &Contents) -> Result<(), SiteError> {
        let images: Vec<_> = contents
            .items
            .iter()
            .filter(|item| item.item.head.kind == ItemKind::Image)
            .map(|item| item.item.clone())
            .collect();
        if images.is_empty() {
            return Ok(());
        }
        let index = Index::new(images).encode()?;
        // With it, a tar of the folder is what `docker load` and `podman load` read.
        let docker = docker_manifest(&contents.docker)?;
        for (name, content) in [
            (member::OCI_LAYOUT, member::OCI_LAYOUT_CONTENT),
            (member::INDEX, index.as_slice()),
            (member::MANIFEST, docker.as_slice()),
        ] {
            let path: RelPath = format!("images/{name}").parse().map_err(path_error)?;
            let mut file = self.staging.file(&path, false)?;
            file.write_all(content).map_err(|source| self.failed(&path, source))?;
        }
        Ok(())
    }

    fn failed(&self, path: &RelPath, source: std::io::Error) -> SiteError {
        self.staging.failed(path, source)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(super) fn path_error(error: ValueError) -> SiteError {
    let reason = format!("it cannot be unpacked: {error}");
    crate::bundle::BundleError::Format { document: "a tree".to_owned(), reason }.into()
}

impl Receiver for Writer<'_> {
    type Error = SiteError;
    type File = TreeFile;
    type Blob = LayoutBlob;

    fn depth(&self) -> Depth {
        Depth::Decoded
    }

    fn begin(&self, contents: &Verified<Contents>, trees: &[Verified<Inventory>]) -> Result<(), SiteError> {
        let plan = Plan::new(contents, trees).map_err(path_error)?;
        let shared = |blob: &&Blob| self.store.is_some_and(|store| store.get(&blob.digest).is_some());
        let shared: u64 = contents.blobs().filter(shared).map(|blob| blob.size).sum();
        self.staging.refuse_without_space(plan.bytes.saturating_sub(shared), plan.inodes(contents))?;
        for folder in &plan.folders {
            self.staging.folder(folder)?;
        }
        let _ = self.plan.set(plan);
        Ok(())
    }

    fn create(&self, tree: usize, entry: &Entry) -> Result<TreeFile, SiteError> {
        let root = self.plan.get().and_then(|plan| plan.roots.get(tree));
        let path = match root {
            Some(root) => root.join(&entry.path),
            None => entry.path.clone(),
        };
        let executable = matches!(entry.node, Node::File { executable: true, .. });
        let file = self.staging.file(&path, executable)?;
        Ok(TreeFile { file, path: self.staging.shown(&path) })
    }

    fn blob(&self, blob: &Blob) -> Result<Option<LayoutBlob>, SiteError> {
        if !self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.digest) {
            return Ok(None);
        }
        let path: RelPath =
            format!("images/blobs/sha256/{}", blob.digest.hex()).parse().map_err(path_error)?;
        if let Some((stored, _)) = self.store.map_or(Ok(None), |store| store.checked(&blob.digest))?
            && self.staging.share(&path, &stored)?
        {
            return Ok(None);
        }
        let file = self.staging.file(&path, false)?;
        Ok(Some(LayoutBlob(TreeFile { file, path: self.staging.shown(&path) })))
    }
}

/// A file of a tree in the staging folder.
struct TreeFile {
    file: File,
    path: std::path::PathBuf,
}

impl TreeFile {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.file.write_all(bytes).map_err(|source| SiteError::Write { path: self.path.clone(), source })
    }
}

impl Sink for TreeFile {
    type Error = SiteError;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), SiteError> {
        self.put(piece)
    }

    fn finish(self) -> Result<(), SiteError> {
        Ok(())
    }
}

/// A blob of an image in the staging folder. Its name is its digest, and the folder is published only when every
/// blob has been kept: one that is not what its name says goes with the whole staging folder.
struct LayoutBlob(TreeFile);

impl BlobSink for LayoutBlob {
    type Error = SiteError;

    fn quarantine(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.0.put(bytes)
    }

    fn keep(self, _: &Verified<Blob>) -> Result<(), SiteError> {
        Ok(())
    }
}
