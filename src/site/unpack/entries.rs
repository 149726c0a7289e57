//! Writes every directory, file and link of a release.

use super::UnpackPlan;
use super::plan::path_error;
use crate::SiteError;
use crate::rendering::Rendering;
use sealift_bundle::format::blob_order::{Contents, ImageParts};
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::trust::verify::SharedInventory;
use sealift_bundle::value::rel_path::RelPath;
use std::collections::{BTreeMap, HashSet};

/// The entries that are known before the first byte is written: all but what is rendered and the files that make
/// `images/` a layout.
pub(super) struct Entries {
    known: Vec<Entry>,
    /// Whether a template is executable, by where it is rendered to.
    rendered: BTreeMap<RelPath, bool>,
}

impl Entries {
    pub(super) fn new(
        plan: &UnpackPlan,
        contents: &Contents,
        trees: &[SharedInventory],
    ) -> Result<Self, SiteError> {
        let mut known = Vec::new();
        known.extend(plan.folders.iter().map(|path| Entry { path: path.clone(), node: Node::Dir }));
        let link = |(path, target): &(RelPath, String)| {
            let (path, target) = (path.clone(), target.clone());
            Entry { path, node: Node::Link { target } }
        };
        known.extend(plan.links.iter().map(link));
        let mut rendered = BTreeMap::new();
        for (number, (root, tree)) in plan.roots.iter().zip(trees).enumerate() {
            let template = plan.rendered.get(number).and_then(Option::as_ref);
            for entry in tree.tree.entries() {
                let Node::File { executable, .. } = entry.node else { continue };
                known.push(Entry { path: root.join(&entry.path), node: entry.node.clone() });
                if let Some((_, root)) = template {
                    rendered.insert(root.join(&entry.path), executable);
                }
            }
        }
        let mut blobs = HashSet::new();
        for item in &contents.items {
            let ImageParts::Image { blobs: all, .. } = &item.parts else { continue };
            for blob in all.iter().filter(|blob| blobs.insert(blob.digest)) {
                let path = super::blob_path(&blob.digest)?;
                let node = Node::File { size: blob.size, sha256: blob.digest, executable: false };
                known.push(Entry { path, node });
            }
        }
        Ok(Self { known, rendered })
    }

    /// All of them, once the rest is known too.
    pub(super) fn complete(
        self,
        layout: Vec<Entry>,
        rendering: Option<&Rendering>,
    ) -> Result<Vec<Entry>, SiteError> {
        let mut all = self.known;
        all.extend(layout);
        for file in rendering.iter().flat_map(|rendering| &rendering.files) {
            let path: RelPath = format!("rendered/{}", file.path).parse().map_err(path_error)?;
            let executable = self.rendered.get(&path).copied().unwrap_or_default();
            all.push(Entry { path, node: Node::File { size: file.size, sha256: file.sha256, executable } });
        }
        Ok(all)
    }
}
