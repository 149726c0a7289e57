//! The announced order of blobs: documents, then configurations, then layers.
//!
//! Packer and reader both take it from here. First come all indexes and manifests, depth first from `index.json`;
//! then every configuration (for a tree: its inventory) and then every layer, in the order in which those
//! documents name them. Each blob stands once, where it is first due. So the place of every byte follows from
//! documents that precede it, and one file can be read out of a bundle of any size.

mod checks;

use super::error::BundleError;
use super::image_json::{self, ImageJson};
use super::index::{Blob, DockerImage, Index, IndexItem, tree_manifest};
use super::item::ItemKind;
use super::oci::{self, Descriptor, OciDocument};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use std::collections::{HashMap, HashSet};

/// References that documents may make, each counted again for every entry of the index below which it is: far above
/// any real bundle, and some 30 MB of memory.
const REFERENCES: usize = 262_144;

/// Walks through the documents of a bundle.
pub struct BlobOrder<'a> {
    limits: &'a Limits,
    index: Index,
    pending: Vec<PendingDocument>,
    documents: Vec<Blob>,
    /// Bytes of the documents.
    sizes: HashMap<Digest, u64>,
    known: HashMap<Digest, (String, OciDocument)>,
    /// What the documents are about that have a `subject`.
    subjects: HashMap<Digest, Digest>,
    /// What some item withholds.
    withheld: HashSet<Digest>,
    references: usize,
}

#[derive(Clone)]
struct PendingDocument {
    item: usize,
    media_type: String,
    blob: Blob,
    depth: usize,
}

/// Everything a bundle holds, in the order in which it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The items, with what each is made of.
    pub items: Vec<ItemContents>,
    /// Indexes and manifests.
    pub documents: Vec<Blob>,
    /// Configurations and inventories.
    pub configs: Vec<Blob>,
    /// Layers.
    pub layers: Vec<Blob>,
    /// Those of the configurations that engines run images by.
    pub image_configs: HashSet<Digest>,
    /// What `manifest.json` must hold.
    pub docker: Vec<DockerImage>,
}

/// What one item is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemContents {
    /// The item as the index lists it.
    pub item: IndexItem,
    /// Its parts.
    pub parts: ImageParts,
}

/// The parts of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageParts {
    /// Every blob of the image and of its referrers, its root first; and its platforms as
    /// `os/architecture[/variant]`.
    Image {
        /// Every blob, each once.
        blobs: Vec<Blob>,
        /// The platforms that its index names and the bundle has.
        platforms: Vec<String>,
    },
    /// The inventory and the one layer of a tree.
    Tree {
        /// The inventory.
        inventory: Blob,
        /// The layer.
        layer: Blob,
    },
}

impl Contents {
    /// All blobs in the order of the file.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.documents.iter().chain(&self.configs).chain(&self.layers)
    }

    /// Refuses the bytes of a configuration of an image that engines may read differently; others are not JSON of ours
    /// to judge.
    pub(crate) fn check_config(&self, config: &Blob, bytes: &[u8]) -> Result<(), BundleError> {
        if !self.image_configs.contains(&config.digest) {
            return Ok(());
        }
        image_json::check(ImageJson::Config, bytes).map_err(|reason| BundleError::Image {
            document: format!("the configuration {}", config.digest),
            reason,
        })
    }
}

impl<'a> BlobOrder<'a> {
    /// Begins with the items of the index.
    #[must_use]
    pub fn new(index: Index, limits: &'a Limits) -> Self {
        let mut pending = Vec::new();
        for (number, item) in index.items().iter().enumerate().rev() {
            let due = |media_type: &str, blob| {
                let media_type = media_type.to_owned();
                PendingDocument { item: number, media_type, blob, depth: 0 }
            };
            let referrers = item.referrers.iter().rev();
            pending.extend(referrers.map(|referrer| due(&referrer.media_type, referrer.root)));
            pending.push(due(&item.media_type, item.root));
        }
        let withheld = index.items().iter().flat_map(|item| &item.withheld).copied().collect();
        let (documents, sizes, known) = (Vec::new(), HashMap::new(), HashMap::new());
        let subjects = HashMap::new();
        Self { limits, index, pending, documents, sizes, known, subjects, withheld, references: 0 }
    }

    /// The next document that is due, if there is one; [`BlobOrder::take`] must be given its bytes.
    pub fn next_document(&mut self) -> Result<Option<Blob>, BundleError> {
        while let Some(due) = self.pending.last() {
            if !oci::is_document(&due.media_type) {
                return Err(wrong(&due.blob.digest, "it is not of a media type of manifests or indexes"));
            }
            if due.blob.size > self.limits.document {
                let (what, limit) =
                    (format!("bytes of the document {}", due.blob.digest), self.limits.document);
                return Err(BundleError::Limit { what, found: due.blob.size, limit });
            }
            match self.known.get(&due.blob.digest) {
                None => return Ok(Some(due.blob)),
                Some((media_type, _)) if *media_type != due.media_type => {
                    return Err(wrong(&due.blob.digest, "two documents give it different media types"));
                }
                Some(_) if self.sizes.get(&due.blob.digest) != Some(&due.blob.size) => {
                    return Err(wrong(&due.blob.digest, "two documents give it different sizes"));
                }
                Some(_) if self.is_tree(due.item) => {
                    return Err(wrong(
                        &due.blob.digest,
                        "two items have it, and a tree has a manifest of its own",
                    ));
                }
                Some(_) => self.pending.pop(),
            };
        }
        Ok(None)
    }

    fn is_tree(&self, item: usize) -> bool {
        self.index.items().get(item).is_some_and(|item| item.head.kind != ItemKind::Image)
    }

    /// Takes the bytes of the document that was due; their digest is already known to be right.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        let Some(due) = self.pending.pop() else {
            return Err(BundleError::Format {
                document: "a document".to_owned(),
                reason: "none is due".to_owned(),
            });
        };
        let document = oci::parse(&due.media_type, bytes, self.limits)
            .map_err(|reason| wrong(&due.blob.digest, &reason))?;
        self.references = count_references(self.references, &document)?;
        if let Some(item) = self.index.items().get(due.item).filter(|_| self.is_tree(due.item)) {
            tree_parts(item, &document, bytes)?;
        }
        if let OciDocument::Index(children) = &document {
            let depth = due.depth + 1;
            if depth > self.limits.nesting {
                let (what, limit) = ("indexes nested in indexes".to_owned(), self.limits.nesting as u64);
                return Err(BundleError::Limit { what, found: depth as u64, limit });
            }
            let here = children.iter().rev().filter(|child| !self.withheld.contains(&child.digest));
            let below = here.map(|child| PendingDocument {
                item: due.item,
                media_type: child.media_type.clone(),
                blob: child.blob(),
                depth,
            });
            self.pending.extend(below);
        }
        self.subjects.extend(oci::subject(bytes).map(|subject| (due.blob.digest, subject)));
        self.documents.push(due.blob);
        self.sizes.insert(due.blob.digest, due.blob.size);
        self.known.insert(due.blob.digest, (due.media_type, document));
        Ok(())
    }

    /// The whole contents, once no further document is due.
    pub fn finish(self) -> Result<Contents, BundleError> {
        self.check_references()?;
        self.check_withheld()?;
        self.check_referrers()?;
        let mut sizes = self.sizes.clone();
        let (mut configs, mut layers) = (Vec::new(), Vec::new());
        let manifests = || {
            self.documents.iter().filter_map(|blob| match self.known.get(&blob.digest) {
                Some((_, OciDocument::Manifest { config, layers })) => Some((config, layers)),
                Some((_, OciDocument::Index(_))) | None => None,
            })
        };
        let mut due = |descriptor: &Descriptor, group: &mut Vec<Blob>| match sizes.get(&descriptor.digest) {
            Some(size) if *size == descriptor.size => Ok(()),
            Some(_) => Err(wrong(&descriptor.digest, "two documents give it different sizes")),
            None => {
                sizes.insert(descriptor.digest, descriptor.size);
                group.push(descriptor.blob());
                Ok(())
            }
        };
        let inventories: HashSet<_> = self.trees().map(|(config, _)| config.digest).collect();
        for (config, _) in manifests() {
            let is_inventory = inventories.contains(&config.digest);
            let limit = if is_inventory { self.limits.inventory } else { self.limits.document };
            if config.size > limit {
                let what = format!("bytes of the configuration {}", config.digest);
                return Err(BundleError::Limit { what, found: config.size, limit });
            }
            due(config, &mut configs)?;
        }
        let image_configs = manifests()
            .map(|(config, _)| config)
            .filter(|config| oci::is_image_config(&config.media_type))
            .map(|config| config.digest)
            .collect::<HashSet<_>>();
        // It was read as an index or manifest, and its keys mean something else in a configuration.
        if let Some(digest) = image_configs.iter().find(|digest| self.known.contains_key(digest)) {
            return Err(wrong(digest, "it is also the configuration of an image"));
        }
        for layer in manifests().flat_map(|(_, layers)| layers) {
            due(layer, &mut layers)?;
        }
        let mut withheld = self.index.items().iter().flat_map(|item| &item.withheld);
        if let Some(digest) = withheld.find(|digest| sizes.contains_key(digest)) {
            return Err(wrong(digest, "it is withheld, and yet the bundle has it"));
        }
        // A tree's parts are read where such parts stand, so nothing else may have brought them earlier.
        let (known_configs, known_layers): (HashSet<_>, HashSet<_>) =
            (configs.iter().copied().collect(), layers.iter().copied().collect());
        for (inventory, layer) in self.trees() {
            if !known_configs.contains(&inventory.blob()) || !known_layers.contains(&layer.blob()) {
                return Err(wrong(
                    &layer.digest,
                    "a tree shares its inventory or layer with another kind of part",
                ));
            }
        }
        let count = self.documents.len() + configs.len() + layers.len();
        if count > self.limits.blobs {
            let (found, limit) = (count as u64, self.limits.blobs as u64);
            return Err(BundleError::Limit { what: "blobs".to_owned(), found, limit });
        }
        let items: Vec<_> =
            self.index.items().iter().map(|item| self.parts(item)).collect::<Result<_, _>>()?;
        let docker = self.index.items().iter().filter_map(|item| self.docker(item)).collect();
        Ok(Contents { items, documents: self.documents, configs, layers, image_configs, docker })
    }

    /// Inventory and layer of each tree.
    fn trees(&self) -> impl Iterator<Item = (&Descriptor, &Descriptor)> {
        let trees = self.index.items().iter().filter(|item| item.head.kind != ItemKind::Image);
        trees.filter_map(|item| match self.known.get(&item.root.digest) {
            Some((_, OciDocument::Manifest { config, layers })) => Some((config, layers.first()?)),
            Some((_, OciDocument::Index(_))) | None => None,
        })
    }

    fn parts(&self, item: &IndexItem) -> Result<ItemContents, BundleError> {
        let parts = match self.known.get(&item.root.digest) {
            Some((_, OciDocument::Manifest { config, layers })) if item.head.kind != ItemKind::Image => {
                let layer = layers.first().ok_or_else(|| wrong(&item.root.digest, "a tree has one layer"))?;
                ImageParts::Tree { inventory: config.blob(), layer: layer.blob() }
            }
            Some(_) if item.head.kind == ItemKind::Image => {
                let (mut blobs, mut platforms, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
                for (blob, platform, _) in self.below(item.root) {
                    platforms.extend(platform.filter(|platform| platform != oci::NO_PLATFORM));
                    if seen.insert(blob.digest) {
                        blobs.push(blob);
                    }
                }
                for (blob, ..) in item.roots().skip(1).flat_map(|root| self.below(root)) {
                    if seen.insert(blob.digest) {
                        blobs.push(blob);
                    }
                }
                platforms.sort();
                platforms.dedup();
                ImageParts::Image { blobs, platforms }
            }
            Some(_) | None => return Err(wrong(&item.root.digest, "a tree has a manifest of its own")),
        };
        Ok(ItemContents { item: item.clone(), parts })
    }

    /// Every blob at and below a root that the bundle has, in depth-first order; once for each platform it is named
    /// with, for a few small indexes can name each other along billions of paths.
    fn below(&self, root: Blob) -> Vec<(Blob, Option<String>, Option<&OciDocument>)> {
        let (mut found, mut seen, mut descended) = (Vec::new(), HashSet::new(), HashSet::new());
        let mut stack = vec![(root, None, true)];
        while let Some((due, platform, may_announce)) = stack.pop() {
            if !seen.insert((due.digest, platform.clone(), may_announce)) {
                continue;
            }
            let document = self.known.get(&due.digest).filter(|_| may_announce).map(|(_, document)| document);
            // What is below it does not depend on the platform, and is found already.
            match document.filter(|_| descended.insert(due.digest)) {
                Some(OciDocument::Index(children)) => {
                    let here = children.iter().rev().filter(|child| !self.withheld.contains(&child.digest));
                    stack.extend(here.map(|child| (child.blob(), child.platform.clone(), true)));
                }
                Some(OciDocument::Manifest { config, layers }) => {
                    stack.extend(layers.iter().rev().map(|layer| (layer.blob(), None, false)));
                    stack.push((config.blob(), None, false));
                }
                None => {}
            }
            found.push((due, platform, document));
        }
        found
    }

    /// How `docker load` of old engines sees an image: one platform, linux/amd64 where the image has it.
    fn docker(&self, item: &IndexItem) -> Option<DockerImage> {
        let reference = item.reference.as_ref()?;
        let manifests: Vec<_> = self
            .below(item.root)
            .into_iter()
            .filter_map(|(_, platform, document)| match document {
                Some(OciDocument::Manifest { config, layers })
                    if oci::is_image_config(&config.media_type) =>
                {
                    Some((platform, config, layers))
                }
                Some(OciDocument::Manifest { .. } | OciDocument::Index(_)) | None => None,
            })
            .filter(|(platform, ..)| platform.as_deref() != Some(oci::NO_PLATFORM))
            .collect();
        let amd64 = manifests.iter().find(|(platform, ..)| platform.as_deref() == Some("linux/amd64"));
        let (_, config, layers) = amd64.or(manifests.first())?;
        Some(DockerImage::new(reference, &config.digest, layers.iter().map(|layer| layer.digest)))
    }
}

/// A document more: itself, and the children or layers that it names.
fn count_references(before: usize, document: &OciDocument) -> Result<usize, BundleError> {
    let (OciDocument::Index(named) | OciDocument::Manifest { layers: named, .. }) = document;
    let count = before + 1 + named.len();
    if count > REFERENCES {
        let (found, limit) = (count as u64, REFERENCES as u64);
        return Err(BundleError::Limit { what: "references between documents".to_owned(), found, limit });
    }
    Ok(count)
}

fn wrong(digest: &Digest, reason: &str) -> BundleError {
    BundleError::Image { document: format!("the document {digest}"), reason: reason.to_owned() }
}

/// A tree's manifest must be exactly the one this format makes.
fn tree_parts(item: &IndexItem, document: &OciDocument, bytes: &[u8]) -> Result<(), BundleError> {
    let name = &item.head.name;
    let wrong = |reason: &str| BundleError::Format {
        document: format!("the manifest of `{name}`"),
        reason: reason.to_owned(),
    };
    let OciDocument::Manifest { config, layers } = document else {
        return Err(wrong("a tree has a manifest, not an index"));
    };
    let [layer] = layers.as_slice() else {
        return Err(wrong("a tree has one layer"));
    };
    if tree_manifest(&item.head, config.blob(), layer.blob())? != bytes {
        return Err(wrong("it has keys, types or annotations that this format does not give a tree"));
    }
    Ok(())
}
