//! Unpacking: trees as files, images as one OCI layout, into a folder that is new or empty.
//!
//! ```text
//! TARGET/doc/NAME/...      config/NAME/...      file/NAME/...
//! TARGET/rendered/NAME/...  of templates, filled in
//! TARGET/images/oci-layout  images/index.json  images/manifest.json  images/blobs/sha256/...
//! ```

use super::SiteError;
use super::parameters::{Given, Values};
use super::rendering::{self, Renderer, Rendering};
use super::staging::Staging;
use crate::bundle::entry::{Entry, Node};
use crate::bundle::index::{Blob, Index, docker_manifest};
use crate::bundle::inventory::Inventory;
use crate::bundle::item::ItemKind;
use crate::bundle::member;
use crate::bundle::order::{Contents, Parts};
use crate::bundle::read::Tape;
use crate::bundle::template;
use crate::store::Store;
use crate::trust::chain::PinnedRoot;
use crate::trust::verify::{self, BlobSink, Conditions, Depth, Receiver, Sink, Trusted, Verified};
use crate::value::ValueError;
use crate::value::digest::Digest;
use crate::value::name::Name;
use crate::value::rel_path::RelPath;
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
    tape: &mut Tape<'_>,
    pinned: &PinnedRoot,
    target: &Path,
    parameters: Option<&Given>,
    conditions: &Conditions<'_>,
) -> Result<Unpacked, SiteError> {
    let trusted = Trusted::open(tape, pinned, conditions)?;
    let values = parameters.map(|given| Values::resolve(&trusted.statement.predicate.needs, given));
    let renderer = values.transpose()?.map(|values| Renderer::new(values, None)).transpose()?;
    let staged = stage(&trusted, tape, conditions, Staging::beside(target)?, None, renderer)?;
    staged.staging.publish()?;
    let Staged { contents, files, bytes, rendering, .. } = staged;
    Ok(Unpacked { trusted, contents, files, bytes, rendering })
}

/// What is verified, written and on the disk, and has no name yet.
pub(super) struct Staged {
    pub(super) staging: Staging,
    pub(super) contents: Verified<Contents>,
    /// Files of trees.
    pub(super) files: u64,
    /// Bytes of trees and images.
    pub(super) bytes: u64,
    /// What was rendered, where there are templates.
    pub(super) rendering: Option<Rendering>,
}

/// Verifies what stands behind the seal and writes it beneath `staging`. Blobs of images that `store` has are shared;
/// templates are rendered where there is something to render them with.
pub(super) fn stage(
    trusted: &Trusted,
    tape: &mut Tape<'_>,
    conditions: &Conditions<'_>,
    staging: Staging,
    store: Option<&Store>,
    renderer: Option<Renderer>,
) -> Result<Staged, SiteError> {
    let renderer = renderer.map(Arc::new);
    let writer = Writer { staging, store, renderer, plan: OnceLock::new(), blobs: Mutex::default() };
    let contents = verify::receive(trusted, tape, conditions, &writer)?;
    writer.complete(&contents)?;
    let (files, bytes) = writer.plan.get().map(|plan| (plan.files, plan.bytes)).unwrap_or_default();
    let has_templates = contents.items.iter().any(|item| item.item.head.labels.template);
    let rendering = writer.renderer.filter(|_| has_templates).map(|renderer| renderer.finish());
    Ok(Staged { staging: writer.staging, contents, files, bytes, rendering })
}

/// Writes what is verified beneath the staging folder.
struct Writer<'a> {
    staging: Staging,
    store: Option<&'a Store>,
    /// Shared with the files that are being written on other threads.
    renderer: Option<Arc<Renderer>>,
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
    /// For each tree, its name and where what is rendered of it goes; nothing for a tree without templates.
    rendered: Vec<Option<(Name, RelPath)>>,
    /// Files and bytes of templates, which are written a second time.
    templates: (u64, u64),
}

impl Plan {
    pub(super) fn new(contents: &Contents, trees: &[Verified<Inventory>]) -> Result<Self, ValueError> {
        let mut plan = Self {
            roots: Vec::new(),
            folders: Vec::new(),
            links: Vec::new(),
            files: 0,
            bytes: 0,
            rendered: Vec::new(),
            templates: (0, 0),
        };
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

    /// Adds what is rendered of the templates. No template has to be looked at for it, and none that is too large is.
    pub(super) fn add_rendered(
        &mut self,
        contents: &Contents,
        trees: &[Verified<Inventory>],
    ) -> Result<(), SiteError> {
        let heads = contents.items.iter().filter_map(|item| match item.parts {
            Parts::Tree { .. } => Some(&item.item.head),
            Parts::Image { .. } => None,
        });
        for (head, tree) in heads.zip(trees) {
            if !head.labels.template {
                self.rendered.push(None);
                continue;
            }
            if self.rendered.iter().all(Option::is_none) {
                self.folders.push("rendered".parse().map_err(path_error)?);
            }
            let root: RelPath = format!("rendered/{}", head.name).parse().map_err(path_error)?;
            self.folders.push(root.clone());
            for entry in tree.tree.entries() {
                let path = root.join(&entry.path);
                match &entry.node {
                    Node::Dir => self.folders.push(path),
                    Node::Link { target } => self.links.push((path, target.clone())),
                    Node::File { size, .. } if *size > template::TEMPLATE => {
                        let reason = format!(
                            "it has {size} bytes, and a file of an item with templates has at most {}",
                            template::TEMPLATE
                        );
                        return Err(rendering::wrong(&format!("{}/{}", head.name, entry.path), None, reason));
                    }
                    Node::File { size, .. } => {
                        self.templates.0 += 1;
                        self.templates.1 += size;
                    }
                }
            }
            self.rendered.push(Some((head.name.clone(), root)));
        }
        Ok(())
    }

    /// Bytes that have to fit on the disk. Filled in, templates are about as large as they are.
    pub(super) fn space(&self) -> u64 {
        self.bytes.saturating_add(self.templates.1)
    }

    pub(super) fn inodes(&self, contents: &Contents) -> u64 {
        self.files
            + self.templates.0
            + (self.folders.len() + self.links.len() + contents.blobs().count() + 2) as u64
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

    fn open(&self, path: &RelPath, executable: bool) -> Result<Open, SiteError> {
        Ok(Open { file: self.staging.file(path, executable)?, path: self.staging.shown(path) })
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
        let mut plan = Plan::new(contents, trees).map_err(path_error)?;
        if self.renderer.is_some() {
            plan.add_rendered(contents, trees)?;
        }
        let shared = |blob: &&Blob| self.store.is_some_and(|store| store.get(&blob.digest).is_some());
        let shared: u64 = contents.blobs().filter(shared).map(|blob| blob.size).sum();
        self.staging.refuse_without_space(plan.space().saturating_sub(shared), plan.inodes(contents))?;
        for folder in &plan.folders {
            self.staging.folder(folder)?;
        }
        let _ = self.plan.set(plan);
        Ok(())
    }

    fn create(&self, tree: usize, entry: &Entry) -> Result<TreeFile, SiteError> {
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
            template = Some(Template { renderer, item, of, to, original: Vec::new() });
        }
        Ok(TreeFile { open: self.open(&path, executable)?, template })
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
        Ok(Some(LayoutBlob(self.open(&path, false)?)))
    }
}

/// A file in the staging folder.
struct Open {
    file: File,
    path: std::path::PathBuf,
}

/// A file of a tree in the staging folder.
struct TreeFile {
    open: Open,
    template: Option<Template>,
}

/// A template, from its first byte until all of it is there and is the one that was sealed.
struct Template {
    renderer: Arc<Renderer>,
    item: Name,
    of: RelPath,
    to: Open,
    original: Vec<u8>,
}

impl Open {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.file.write_all(bytes).map_err(|source| SiteError::Write { path: self.path.clone(), source })
    }
}

impl Sink for TreeFile {
    type Error = SiteError;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), SiteError> {
        if let Some(template) = &mut self.template {
            template.original.extend_from_slice(piece);
        }
        self.open.put(piece)
    }

    fn finish(self) -> Result<(), SiteError> {
        let Some(Template { renderer, item, of, mut to, original }) = self.template else { return Ok(()) };
        to.put(&renderer.render(&item, of.as_str(), original)?)
    }
}

/// A blob of an image in the staging folder. Its name is its digest, and the folder is published only when every
/// blob has been kept: one that is not what its name says goes with the whole staging folder.
struct LayoutBlob(Open);

impl BlobSink for LayoutBlob {
    type Error = SiteError;

    fn quarantine(&mut self, bytes: &[u8]) -> Result<(), SiteError> {
        self.0.put(bytes)
    }

    fn keep(self, _: &Verified<Blob>) -> Result<(), SiteError> {
        Ok(())
    }
}
