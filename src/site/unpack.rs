//! Unpacking: trees as files, images as one OCI layout, into a directory that is new or empty.
//!
//! ```text
//! TARGET/doc/NAME/...      config/NAME/...      file/NAME/...
//! TARGET/rendered/NAME/...  of templates, filled in
//! TARGET/images/oci-layout  images/index.json  images/manifest.json  images/blobs/sha256/...
//! ```

mod entries;
mod plan;

pub(super) use plan::{UnpackPlan, path_error};

use super::SiteError;
use super::parameters::{Given, Values};
use super::rendering::{Renderer, Rendering};
use super::staging::{Readers, Staging};
use entries::Entries;
use sealift_bundle::format::blob_order::Contents;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::index::{Blob, Index, docker_manifest};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::store::Store;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::{
    self, BlobSink, Conditions, Depth, Receiver, SharedInventory, Sink, Trusted, Verified,
};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::Progress;
use sealift_bundle::value::rel_path::RelPath;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    /// What was rendered, where there were parameters for templates.
    pub rendering: Option<Rendering>,
}

/// Verifies a bundle and writes what it holds to `target`; nothing is there before everything is verified.
///
/// With parameters, its templates are rendered as well; without, they stay as they are.
pub fn unpack(
    tape: &mut MemberReader<'_>,
    pinned: &PinnedRoot,
    target: &Path,
    parameters: Option<&Given>,
    conditions: &Conditions<'_>,
) -> Result<Unpacked, SiteError> {
    let trusted = Trusted::open(tape, pinned, conditions)?;
    let values = parameters.map(|given| Values::resolve(&trusted.statement().predicate.needs, given));
    let renderer = values.transpose()?.map(|values| Renderer::new(values, None)).transpose()?;
    let readers = if tape.was_encrypted() { Readers::Owner } else { Readers::All };
    let staging = Staging::beside(target)?.read_by(readers);
    let staged = stage(&trusted, tape, conditions, staging, None, renderer)?;
    staged.staging.publish()?;
    let Staged { contents, files, bytes, rendering, .. } = staged;
    Ok(Unpacked { trusted, contents, files, bytes, rendering })
}

/// What is verified, written and on the disk, and has no name yet.
pub(super) struct Staged {
    pub(super) staging: Staging,
    pub(super) contents: Verified<Contents>,
    pub(super) files: u64,
    /// Bytes of trees and images.
    pub(super) bytes: u64,
    /// What was rendered, where there are templates.
    pub(super) rendering: Option<Rendering>,
    /// Everything that the directory holds, as it was verified.
    pub(super) entries: Vec<Entry>,
}

/// Verifies what follows the seal and writes it beneath `staging`. Blobs of images that `store` has are shared;
/// templates are rendered where there is something to render them with.
pub(super) fn stage(
    trusted: &Trusted,
    tape: &mut MemberReader<'_>,
    conditions: &Conditions<'_>,
    staging: Staging,
    store: Option<&Store>,
    renderer: Option<Renderer>,
) -> Result<Staged, SiteError> {
    let renderer = renderer.map(Arc::new);
    let writer = Writer {
        watch: conditions.watch,
        staging,
        store,
        renderer,
        plan: OnceLock::new(),
        entries: OnceLock::new(),
        blobs: Mutex::default(),
    };
    let contents = verify::verify_contents(trusted, tape, conditions, &writer)?;
    let layout = writer.complete(&contents)?;
    let (files, bytes) = writer.plan.get().map(|plan| (plan.files, plan.bytes)).unwrap_or_default();
    let has_templates = contents.items.iter().any(|item| item.item.head.labels.template);
    let rendering = writer.renderer.filter(|_| has_templates).map(|renderer| renderer.finish());
    let entries = match writer.entries.into_inner() {
        Some(entries) => entries.complete(layout, rendering.as_ref())?,
        None => layout,
    };
    Ok(Staged { staging: writer.staging, contents, files, bytes, rendering, entries })
}

/// Writes what is verified beneath the staging directory.
struct Writer<'a> {
    watch: &'a dyn Progress,
    staging: Staging,
    store: Option<&'a Store>,
    /// Shared with the files that are being written on other threads.
    renderer: Option<Arc<Renderer>>,
    plan: OnceLock<UnpackPlan>,
    entries: OnceLock<Entries>,
    /// Blobs that are begun, so that none is written twice.
    blobs: Mutex<HashSet<Digest>>,
}

impl Writer<'_> {
    /// Links last, so that nothing can have been written through one; then modes, then the disk.
    fn complete(&self, contents: &Verified<Contents>) -> Result<Vec<Entry>, SiteError> {
        let mut layout = Vec::new();
        if let Some(plan) = self.plan.get() {
            for (path, target) in &plan.links {
                self.staging.link(path, target)?;
            }
            layout = self.write_layout(contents)?;
            for folder in plan.folders.iter().rev() {
                self.staging.close_folder(folder)?;
            }
        }
        self.staging.complete()?;
        Ok(layout)
    }

    /// Writes what makes `images/` an OCI image layout; returns its files.
    fn write_layout(&self, contents: &Contents) -> Result<Vec<Entry>, SiteError> {
        let images: Vec<_> = contents
            .items
            .iter()
            .filter(|item| item.item.head.kind == ItemKind::Image)
            .map(|item| item.item.clone())
            .collect();
        let mut entries = Vec::new();
        if images.is_empty() {
            return Ok(entries);
        }
        let index = Index::new(images).encode()?;
        // With it, a tar of the directory is what `docker load` and `podman load` read.
        let docker = docker_manifest(&contents.docker)?;
        for (name, content) in [
            (member::OCI_LAYOUT, member::OCI_LAYOUT_CONTENT),
            (member::INDEX, index.as_slice()),
            (member::MANIFEST, docker.as_slice()),
        ] {
            let path: RelPath = format!("images/{name}").parse().map_err(path_error)?;
            let mut file = self.staging.file(&path, false)?;
            file.write_all(content).map_err(|source| self.failed(&path, source))?;
            let (size, sha256) = (content.len() as u64, Digest::of(content));
            entries.push(Entry { path, node: Node::File { size, sha256, executable: false } });
        }
        Ok(entries)
    }

    fn failed(&self, path: &RelPath, source: std::io::Error) -> SiteError {
        self.staging.failed(path, source)
    }

    fn open(&self, path: &RelPath, executable: bool) -> Result<StagedFile, SiteError> {
        Ok(StagedFile { file: self.staging.file(path, executable)?, path: self.staging.shown(path) })
    }
}

impl<'a> Receiver for Writer<'a> {
    type Error = SiteError;
    type File = UnpackedFile<'a>;
    type Blob = LayoutBlob;

    fn depth(&self) -> Depth {
        Depth::Decoded
    }

    fn begin(&self, contents: &Verified<Contents>, trees: &[SharedInventory]) -> Result<(), SiteError> {
        let mut plan = UnpackPlan::new(contents, trees).map_err(path_error)?;
        if self.renderer.is_some() {
            plan.add_rendered(contents, trees)?;
        }
        let shared = |blob: &&Blob| self.store.is_some_and(|store| store.get(&blob.digest).is_some());
        let shared: u64 = contents.blobs().filter(shared).map(|blob| blob.size).sum();
        self.staging.refuse_without_space(plan.space().saturating_sub(shared), plan.inodes(contents))?;
        for folder in &plan.folders {
            self.staging.folder(folder)?;
        }
        if self.store.is_some() {
            let _ = self.entries.set(Entries::new(&plan, contents, trees)?);
        }
        let _ = self.plan.set(plan);
        Ok(())
    }

    fn create(&self, tree: usize, entry: &Entry) -> Result<UnpackedFile<'a>, SiteError> {
        let plan = self.plan.get();
        let path = match plan.and_then(|plan| plan.roots.get(tree)) {
            Some(root) => root.join(&entry.path),
            None => entry.path.clone(),
        };
        let executable = matches!(entry.node, Node::File { executable: true, .. });
        let mut template = None;
        let rendered = plan.and_then(|plan| plan.rendered.get(tree)?.as_ref());
        if let (Some(renderer), Some((item, root))) = (&self.renderer, rendered) {
            let (renderer, item, of) = (Arc::clone(renderer), item.clone(), entry.path.clone());
            let to = self.open(&root.join(&entry.path), executable)?;
            template = Some(Template { watch: self.watch, renderer, item, of, to, original: Vec::new() });
        }
        Ok(UnpackedFile { open: self.open(&path, executable)?, template })
    }

    fn blob(&self, blob: &Blob) -> Result<Option<LayoutBlob>, SiteError> {
        if !self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.digest) {
            return Ok(None);
        }
        let path = blob_path(&blob.digest)?;
        if let Some(stored) = self.store.and_then(|store| store.get(&blob.digest))
            && self.staging.share(&path, &stored, &blob.digest)?
        {
            return Ok(None);
        }
        let (file, path) = (self.staging.blob(&path)?, self.staging.shown(&path));
        Ok(Some(LayoutBlob(StagedFile { file, path })))
    }
}

/// Where a blob of an image is.
fn blob_path(digest: &Digest) -> Result<RelPath, SiteError> {
    format!("images/blobs/sha256/{}", digest.hex()).parse().map_err(path_error)
}

/// A file in the staging directory.
struct StagedFile {
    file: File,
    path: std::path::PathBuf,
}

/// A file of a tree in the staging directory.
struct UnpackedFile<'a> {
    open: StagedFile,
    template: Option<Template<'a>>,
}

/// A template, from its first byte until all of it is there and is the one that was sealed.
struct Template<'a> {
    watch: &'a dyn Progress,
    renderer: Arc<Renderer>,
    item: Name,
    of: RelPath,
    to: StagedFile,
    original: Vec<u8>,
}

impl StagedFile {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.file.write_all(bytes).map_err(|source| SiteError::Write { path: self.path.clone(), source })
    }
}

impl Sink for UnpackedFile<'_> {
    type Error = SiteError;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), SiteError> {
        if let Some(template) = &mut self.template {
            template.original.extend_from_slice(piece);
        }
        self.open.put(piece)
    }

    fn finish(self) -> Result<(), SiteError> {
        let Some(Template { watch, renderer, item, of, mut to, original }) = self.template else {
            return Ok(());
        };
        to.put(&renderer.render(&item, of.as_str(), original, watch)?)
    }
}

/// A blob of an image in the staging directory. Its name is its digest, and the directory is published only when every
/// blob has been kept: one that is not what its name says goes with the whole staging directory.
struct LayoutBlob(StagedFile);

impl BlobSink for LayoutBlob {
    type Error = SiteError;

    fn write_unverified(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.0.put(bytes)
    }

    fn keep(self, _: &Verified<Blob>) -> Result<(), SiteError> {
        Ok(())
    }
}
