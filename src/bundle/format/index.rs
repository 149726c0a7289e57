//! The index: one OCI manifest per item, and the documents around it.

use super::error::BundleError;
use super::inventory;
use super::item::{FileKind, ItemHead, ItemKind, LAST_PRIORITY, Labels, PRIORITY};
use super::member::blob_name;
use super::oci;
use crate::value::ValueError;
use crate::value::canonical;
use crate::value::digest::Digest;
use crate::value::image_name::ImageName;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::printable::{Printable, is_deceptive};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

const NAME: &str = "dev.sealift.item.name";
const KIND: &str = "dev.sealift.item.kind";
const FILE_KIND: &str = "dev.sealift.item.file-kind";
const AUDIENCE: &str = "dev.sealift.item.audience";
const PLACE: &str = "dev.sealift.item.priority";
const TEMPLATE: &str = "dev.sealift.item.template";
const ORIGIN: &str = "dev.sealift.item.origin";
/// Annotations that are kept and mean nothing to this version; later ones may give them a meaning.
const NOTE: &str = "x-";
/// Most such annotations of an item, and bytes of the longest.
const NOTES: (usize, usize) = (16, 1024);
/// Manifests that an index of the image lists and the bundle does not have.
const WITHHELD: &str = "dev.sealift.item.withheld";
/// The image that a referrer is about, and the tag that leads to it where it has no `subject`.
const REFERRER_OF: &str = "dev.sealift.referrer.of";
const REFERRER_TAG: &str = "dev.sealift.referrer.tag";
/// Annotations that other tools know: the name under which `skopeo` and `podman` find an image, the one under which
/// `ctr images import` keeps it, the licence and the version.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const LICENSES: &str = "org.opencontainers.image.licenses";
const VERSION: &str = "org.opencontainers.image.version";

/// A blob of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Blob {
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

/// One item as the index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexItem {
    /// Name, kind and provenance.
    pub head: ItemHead,
    /// What the image is called; for images only.
    pub reference: Option<ImageName>,
    /// Media type of the root.
    pub media_type: String,
    /// The item's index or manifest.
    pub root: Blob,
    /// Manifests that an index of the image lists and the bundle does not have, ascending.
    pub withheld: Vec<Digest>,
    /// Signatures, attestations and SBOMs of the image.
    pub referrers: Vec<Referrer>,
}

impl IndexItem {
    /// Where documents of the item begin: its own index or manifest, then those of its referrers.
    pub fn roots(&self) -> impl Iterator<Item = Blob> {
        std::iter::once(self.root).chain(self.referrers.iter().map(|referrer| referrer.root))
    }
}

/// A manifest that is about an image, or about another referrer of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Media type of the manifest or index.
    pub media_type: String,
    /// The manifest or index.
    pub root: Blob,
    /// The tag that leads to it in a registry, where it has no `subject`: `sha256-HEX.SUFFIX`.
    pub tag: Option<String>,
}

impl Referrer {
    /// The digest that its tag is about.
    #[must_use]
    pub fn tagged_subject(&self) -> Option<Digest> {
        let (hex, suffix) = self.tag.as_ref()?.strip_prefix("sha256-")?.split_once('.')?;
        let fits = (1..=32).contains(&suffix.len()) && suffix.bytes().all(|byte| byte.is_ascii_lowercase());
        Digest::from_hex(hex).ok().filter(|_| fits)
    }
}

/// `index.json`: images first, then trees, in the order of the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    items: Vec<IndexItem>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawIndex {
    schema_version: u64,
    media_type: String,
    manifests: Vec<RawDescriptor>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDescriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawTreeManifest {
    schema_version: u64,
    media_type: String,
    artifact_type: String,
    config: RawDescriptor,
    layers: Vec<RawDescriptor>,
    annotations: BTreeMap<String, String>,
}

fn artifact_type(kind: ItemKind) -> Option<String> {
    match kind {
        ItemKind::Image => None,
        ItemKind::Doc | ItemKind::Config | ItemKind::File => {
            Some(format!("application/vnd.sealift.{kind}.v1"))
        }
    }
}

/// What differs from the labels that an item has by itself.
fn of_labels(labels: &Labels) -> impl Iterator<Item = (String, String)> {
    let Labels { version, file_kind, audience, priority, template, notes } = labels;
    let joined = |names: &Vec<Name>| names.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    [
        (VERSION, version.clone()),
        (FILE_KIND, file_kind.map(|kind| kind.as_str().to_owned())),
        (AUDIENCE, audience.as_ref().map(joined)),
        (PLACE, (*priority != PRIORITY).then(|| priority.to_string())),
        (TEMPLATE, template.then(|| "true".to_owned())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .chain(notes.iter().map(|(name, text)| (format!("{NOTE}{name}"), text.clone())))
}

impl From<&IndexItem> for RawDescriptor {
    fn from(item: &IndexItem) -> Self {
        let head = &item.head;
        let mut annotations = BTreeMap::from([
            (NAME.to_owned(), head.name.to_string()),
            (KIND.to_owned(), head.kind.to_string()),
            (ORIGIN.to_owned(), head.origin.clone()),
        ]);
        annotations.extend(head.license.clone().map(|license| (LICENSES.to_owned(), license)));
        annotations.extend(of_labels(&head.labels));
        for key in [REF_NAME, CONTAINERD_NAME] {
            annotations.extend(item.reference.as_ref().map(|name| (key.to_owned(), name.to_string())));
        }
        if !item.withheld.is_empty() {
            let withheld: Vec<_> = item.withheld.iter().map(Digest::to_string).collect();
            annotations.insert(WITHHELD.to_owned(), withheld.join(","));
        }
        let artifact_type = artifact_type(head.kind);
        Self { artifact_type, annotations, ..Self::new(&item.media_type, item.root) }
    }
}

impl RawDescriptor {
    fn new(media_type: &str, blob: Blob) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: blob.digest,
            size: blob.size,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// All descriptors of an item: its own, and behind it those of its referrers.
    fn all(item: &IndexItem) -> impl Iterator<Item = Self> {
        let referrers = item.referrers.iter().map(|referrer| {
            let of = (REFERRER_OF.to_owned(), item.head.name.to_string());
            let tag = referrer.tag.clone().map(|tag| (REFERRER_TAG.to_owned(), tag));
            let annotations = std::iter::once(of).chain(tag).collect();
            Self { annotations, ..Self::new(&referrer.media_type, referrer.root) }
        });
        std::iter::once(Self::from(item)).chain(referrers)
    }

    fn referrer(&self) -> Referrer {
        Referrer {
            media_type: self.media_type.clone(),
            root: Blob { digest: self.digest, size: self.size },
            tag: self.annotations.get(REFERRER_TAG).cloned(),
        }
    }

    fn labels(&self, kind: ItemKind) -> Result<Labels, String> {
        let text = |key: &str| self.annotations.get(key);
        let file_kind = text(FILE_KIND).filter(|_| kind == ItemKind::File);
        let unknown = |word: &String| format!("`{}` is not a kind of file", Printable(word));
        let names = |list: &String| list.split(',').filter(|name| !name.is_empty()).map(str::parse).collect();
        let audience: Option<Vec<Name>> =
            text(AUDIENCE).map(names).transpose().map_err(|error: ValueError| error.to_string())?;
        if audience.as_ref().is_some_and(|names| !names.is_sorted_by(|one, other| one < other)) {
            return Err("the audience of an item is not in ascending order".to_owned());
        }
        let place = text(PLACE).map(|text| text.parse().ok().filter(|place| *place <= LAST_PRIORITY));
        Ok(Labels {
            version: text(VERSION).cloned(),
            file_kind: file_kind
                .map(|word| FileKind::from_word(word).ok_or_else(|| unknown(word)))
                .transpose()?,
            audience,
            priority: place.map_or(Some(PRIORITY), |place| place).ok_or("a priority is a number up to 99")?,
            template: kind == ItemKind::Config && text(TEMPLATE).is_some_and(|word| word == "true"),
            notes: self.notes()?,
        })
    }

    fn notes(&self) -> Result<BTreeMap<Name, String>, String> {
        let mut notes = BTreeMap::new();
        for (key, text) in &self.annotations {
            let Some(name) = key.strip_prefix(NOTE) else { continue };
            let name: Name = name.parse().map_err(|error: ValueError| error.to_string())?;
            if text.len() > NOTES.1 || text.chars().any(is_deceptive) {
                return Err(format!(
                    "`{NOTE}{name}` is longer than {} bytes or has hidden characters",
                    NOTES.1
                ));
            }
            notes.insert(name, text.clone());
        }
        if notes.len() > NOTES.0 {
            return Err(format!("an item has more than {} annotations with `{NOTE}`", NOTES.0));
        }
        Ok(notes)
    }

    fn item(&self) -> Result<IndexItem, String> {
        let text = |key: &str| self.annotations.get(key).ok_or_else(|| format!("a descriptor lacks `{key}`"));
        let kind = match text(KIND)?.as_str() {
            "image" => ItemKind::Image,
            "doc" => ItemKind::Doc,
            "config" => ItemKind::Config,
            "file" => ItemKind::File,
            other => return Err(format!("`{}` is not a kind of item", Printable(other))),
        };
        let reference = match (kind, self.annotations.get(REF_NAME)) {
            (ItemKind::Image, Some(name)) => Some(name.parse().map_err(|error| format!("{error}"))?),
            (ItemKind::Image, None) => return Err(format!("an image lacks `{REF_NAME}`")),
            (ItemKind::Doc | ItemKind::Config | ItemKind::File, _) => None,
        };
        let head = ItemHead {
            name: text(NAME)?.parse().map_err(|error| format!("{error}"))?,
            kind,
            origin: text(ORIGIN)?.clone(),
            license: self.annotations.get(LICENSES).cloned(),
            labels: self.labels(kind)?,
        };
        let withheld = self.annotations.get(WITHHELD).filter(|_| kind == ItemKind::Image);
        let withheld = withheld.iter().flat_map(|list| list.split(',')).map(str::parse);
        Ok(IndexItem {
            head,
            reference,
            media_type: self.media_type.clone(),
            root: Blob { digest: self.digest, size: self.size },
            withheld: withheld.collect::<Result<_, _>>().map_err(|error| format!("{error}"))?,
            referrers: Vec::new(),
        })
    }
}

impl Index {
    /// An index of these items; the caller has put images first.
    #[must_use]
    pub fn new(items: Vec<IndexItem>) -> Self {
        Self { items }
    }

    /// The items.
    #[must_use]
    pub fn items(&self) -> &[IndexItem] {
        &self.items
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let manifests = self.items.iter().flat_map(RawDescriptor::all).collect();
        canonical::encode(&RawIndex { schema_version: 2, media_type: oci::OCI_INDEX.to_owned(), manifests })
            .map_err(|source| BundleError::Canonical { document: "`index.json`".to_owned(), source })
    }

    /// Reads `index.json` from bytes that the statement commits to.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let document = || "`index.json`".to_owned();
        let raw: RawIndex = canonical::decode(bytes, limits.index)
            .map_err(|source| BundleError::Canonical { document: document(), source })?;
        let wrong = |reason: String| BundleError::Format { document: document(), reason };
        if raw.manifests.len() > limits.items {
            let (found, limit) = (raw.manifests.len() as u64, limits.items as u64);
            return Err(BundleError::Limit { what: "items and referrers".to_owned(), found, limit });
        }
        let mut items: Vec<IndexItem> = Vec::new();
        for descriptor in &raw.manifests {
            match (descriptor.annotations.get(REFERRER_OF), items.last_mut()) {
                (None, _) => items.push(descriptor.item().map_err(wrong)?),
                (Some(name), Some(image))
                    if image.head.name.as_str() == name && image.reference.is_some() =>
                {
                    image.referrers.push(descriptor.referrer());
                }
                (Some(_), _) => {
                    return Err(wrong(
                        "a referrer does not stand behind the image that it is about".to_owned(),
                    ));
                }
            }
        }
        let index = Self { items };
        // What the items do not remember was not allowed to be there: other annotations, other types.
        if index.encode()? != bytes {
            return Err(wrong(
                "it has keys, annotations or types that this format does not give an item".to_owned(),
            ));
        }
        let (mut names, mut references) = (HashSet::new(), HashSet::new());
        for item in &index.items {
            if !names.insert(&item.head.name) {
                return Err(wrong(format!("two items are called `{}`", item.head.name)));
            }
            if item.reference.as_ref().is_some_and(|reference| !references.insert(reference)) {
                return Err(wrong(format!("`{}` has the reference of another image", item.head.name)));
            }
        }
        if let Some(item) =
            index.items.iter().find(|item| !item.withheld.is_sorted_by(|one, other| one < other))
        {
            return Err(wrong(format!("what `{}` withholds is not in ascending order", item.head.name)));
        }
        for item in &index.items {
            let mut tags = HashSet::new();
            for referrer in item.referrers.iter().filter(|referrer| referrer.tag.is_some()) {
                if referrer.tagged_subject().is_none() {
                    return Err(wrong("the tag of a referrer is not `sha256-HEX.SUFFIX`".to_owned()));
                }
                if !tags.insert(&referrer.tag) {
                    return Err(wrong(format!("two referrers of `{}` have one tag", item.head.name)));
                }
            }
        }
        if !index.items.is_sorted_by_key(|item| item.head.kind != ItemKind::Image) {
            return Err(wrong("an image stands behind a tree".to_owned()));
        }
        Ok(index)
    }
}

/// The manifest of a tree: its inventory as the configuration, and one layer.
pub(crate) fn tree_manifest(head: &ItemHead, inventory: Blob, layer: Blob) -> Result<Vec<u8>, BundleError> {
    let manifest = RawTreeManifest {
        schema_version: 2,
        media_type: oci::OCI_MANIFEST.to_owned(),
        artifact_type: artifact_type(head.kind).unwrap_or_default(),
        config: RawDescriptor::new(inventory::MEDIA_TYPE, inventory),
        layers: vec![RawDescriptor::new(oci::OCI_LAYER_ZSTD, layer)],
        annotations: BTreeMap::from([(NAME.to_owned(), head.name.to_string())]),
    };
    canonical::encode(&manifest).map_err(|source| BundleError::Canonical {
        document: format!("the manifest of `{}`", head.name),
        source,
    })
}

/// One image in docker-archive form, for engines that cannot read an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl DockerImage {
    /// The image called `reference` with this configuration and these layers.
    #[must_use]
    pub fn new(reference: &ImageName, config: &Digest, layers: impl Iterator<Item = Digest>) -> Self {
        let tag = reference.tag().map(|tag| format!("{}:{tag}", reference.repository()));
        let layers = layers.map(|layer| blob_name(&layer)).collect();
        Self { config: blob_name(config), repo_tags: tag.into_iter().collect(), layers }
    }
}

/// The bytes of `manifest.json`.
pub fn docker_manifest(images: &[DockerImage]) -> Result<Vec<u8>, BundleError> {
    canonical::encode(&images)
        .map_err(|source| BundleError::Canonical { document: "`manifest.json`".to_owned(), source })
}
