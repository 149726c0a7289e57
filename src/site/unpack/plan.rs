//! Plans which file goes where, once the inventories are known.

use sealift_bundle::format::blob_order::{Contents, ImageParts};
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::item::ItemKind;

use crate::{SiteError, rendering};
use sealift_bundle::trust::verify::SharedInventory;
use sealift_bundle::value::ValueError;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::rel_path::RelPath;
use std::collections::HashSet;

/// What is known once the inventories are.
pub(crate) struct UnpackPlan {
    pub(crate) roots: Vec<RelPath>,
    pub(super) folders: Vec<RelPath>,
    pub(super) links: Vec<(RelPath, String)>,
    pub(super) files: u64,
    pub(crate) bytes: u64,
    /// For each tree, its name and where what is rendered of it goes; nothing for a tree without templates.
    pub(super) rendered: Vec<Option<(Name, RelPath)>>,
    /// Files and bytes of templates, which are written a second time.
    templates: (u64, u64),
}

impl UnpackPlan {
    pub(crate) fn new(contents: &Contents, trees: &[SharedInventory]) -> Result<Self, ValueError> {
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
                ImageParts::Image { blobs: all, .. } => {
                    plan.bytes += all
                        .iter()
                        .filter(|blob| blobs.insert(blob.digest))
                        .map(|blob| blob.size)
                        .sum::<u64>();
                }
                ImageParts::Tree { .. } => {
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
    pub(crate) fn add_rendered(
        &mut self,
        contents: &Contents,
        trees: &[SharedInventory],
    ) -> Result<(), SiteError> {
        let heads = contents.items.iter().filter_map(|item| match item.parts {
            ImageParts::Tree { .. } => Some(&item.item.head),
            ImageParts::Image { .. } => None,
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
                    Node::File { size, .. } if *size > sealift_template::TEMPLATE => {
                        let reason = format!(
                            "it has {size} bytes, and a file of an item with templates has at most {}",
                            sealift_template::TEMPLATE
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
    pub(crate) fn space(&self) -> u64 {
        self.bytes.saturating_add(self.templates.1)
    }

    pub(crate) fn inodes(&self, contents: &Contents) -> u64 {
        self.files
            + self.templates.0
            + (self.folders.len() + self.links.len() + contents.blobs().count() + 2) as u64
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(crate) fn path_error(error: ValueError) -> SiteError {
    let reason = format!("it cannot be unpacked: {error}");
    sealift_bundle::format::BundleError::Format { document: "a tree".to_owned(), reason }.into()
}
