//! The lock: the manifest with every source pinned to a digest and size.

use super::error::PlanError;
use super::lock_items;
use super::manifest::Manifest;
use super::parse::Text;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::index::{Blob, Referrer};
use sealift_bundle::format::item::ItemHead;
use sealift_bundle::format::site_inputs::{Parameter, Selection, SiteInputs, SiteSecret};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::rel_path::Names;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The version of the lock's own format.
pub(crate) const VERSION: u64 = 1;

/// What a manifest says, with every source pinned; the only thing packing reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(rename = "lock")]
    pub(super) format: u64,
    /// Digest of the manifest's text.
    pub manifest: Digest,
    /// When these sources were first pinned.
    pub created: Timestamp,
    /// Counts the bundles of a scenario.
    pub sequence: u64,
    /// The statement of the bundle before.
    pub previous: Option<Digest>,
    /// After this moment the bundle is no longer to be verified.
    pub expires: Option<Timestamp>,
    /// The variant that was chosen.
    pub variant: Option<Name>,
    /// The features that were chosen, ascending.
    #[serde(default)]
    pub features: Vec<Name>,
    /// The features that were left out, ascending.
    #[serde(default)]
    pub without: Vec<Name>,
    /// What the bundle is called.
    pub bundle: LockedBundle,
    /// The audiences that a bundle can be made for, by name.
    #[serde(default)]
    pub audience: Vec<LockedAudience>,
    /// What a site may set, by name.
    #[serde(default)]
    pub parameter: Vec<Parameter>,
    /// What is filled in at the site, by name.
    #[serde(default)]
    pub secret: Vec<SiteSecret>,
    /// Images.
    #[serde(default)]
    pub image: Vec<LockedImage>,
    /// Trees of documents.
    #[serde(default, deserialize_with = "lock_items::docs")]
    pub doc: Vec<LockedTree>,
    /// Trees of configurations.
    #[serde(default, deserialize_with = "lock_items::configs")]
    pub config: Vec<LockedTree>,
    /// Trees of other files.
    #[serde(default, deserialize_with = "lock_items::files")]
    pub file: Vec<LockedTree>,
}

/// What the bundle is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedBundle {
    /// Its name.
    pub name: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// Its version.
    pub version: Name,
}

/// Whom a bundle can be made for, and what it does not hear of then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedAudience {
    /// Its name.
    pub name: Name,
    /// Features of which it gets no item, ascending.
    #[serde(default)]
    pub hidden_features: Vec<Name>,
    /// Parameters of these features alone, ascending.
    #[serde(default)]
    pub hidden_parameters: Vec<Name>,
    /// Secrets of these features alone, ascending.
    #[serde(default)]
    pub hidden_secrets: Vec<Name>,
}

/// An image, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "lock_items::RawImage")]
pub struct LockedImage {
    /// Name and provenance.
    pub head: ItemHead,
    /// Where its blobs lie.
    pub location: ImageLocation,
    /// What it is called at the site.
    pub reference: ImageName,
    /// Media type of its index or manifest.
    pub media_type: String,
    /// Digest of its index or manifest.
    pub digest: Digest,
    /// Bytes of its index or manifest.
    pub size: u64,
    /// Every blob of it and its referrers, the index or manifest first.
    pub blobs: Vec<LockedBlob>,
    /// Manifests that its indexes list and that it leaves out, ascending; another image may bring them.
    pub withheld: Vec<Digest>,
    /// Signatures, attestations and SBOMs that travel with it.
    pub referrers: Vec<LockedReferrer>,
}

/// Where the blobs of an image lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageLocation {
    /// In the store, into which it was pulled.
    Store,
    /// In an OCI image layout.
    Layout(String),
    /// In an archive of `docker save`.
    Archive(String),
}

/// A manifest about an image, pinned; its blobs are among those of the image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedReferrer {
    /// What the manifest is.
    pub media_type: String,
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// The tag that leads to it, where it has no `subject`.
    pub tag: Option<String>,
}

impl LockedReferrer {
    /// As a draft has it.
    #[must_use]
    pub fn referrer(&self) -> Referrer {
        let root = Blob { digest: self.digest, size: self.size };
        Referrer { media_type: self.media_type.clone(), root, tag: self.tag.clone() }
    }
}

impl ImageLocation {
    /// The path of the layout or archive.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Store => None,
            Self::Layout(path) | Self::Archive(path) => Some(path),
        }
    }
}

/// A blob, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedBlob {
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// The member that holds it in a docker archive, where members are not called by digest.
    pub member: Option<String>,
}

/// A tree, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedTree {
    /// Name, kind and provenance.
    pub head: ItemHead,
    /// Where its files come from.
    pub source: TreeSource,
    /// The systems that its names are for.
    pub names: Names,
    /// Every entry, in order.
    pub entries: Vec<Entry>,
}

/// Where the files of a tree come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeSource {
    /// A directory or a file.
    Path(String),
    /// A download; on first use if no one publishes its digest.
    Url {
        /// The address.
        url: String,
        /// How its digest was found out, where no one publishes it.
        pin: Option<Pin>,
    },
    /// A chart: `oci://...`, or its name and repository.
    Chart(String),
    /// Files of a git commit.
    Git {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
    },
}

/// How a digest was found out that no one publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// The first download is taken for the right one.
    FirstUse,
}

impl LockedTree {
    /// The digest of its first file; of a download or a chart, of all that it is.
    #[must_use]
    pub(crate) fn first_file(&self) -> Option<Digest> {
        self.entries.iter().find_map(|entry| match &entry.node {
            Node::File { sha256, .. } => Some(*sha256),
            Node::Dir | Node::Link { .. } => None,
        })
    }
}

/// Where the lock of a manifest is: `my-site.toml` has `my-site.lock.toml` beside it, and for its variant `docker`
/// `my-site.docker.lock.toml`.
#[must_use]
pub fn path_for(manifest: &Path, variant: Option<&Name>) -> PathBuf {
    match variant {
        None => manifest.with_extension("lock.toml"),
        Some(variant) => manifest.with_extension(format!("{variant}.lock.toml")),
    }
}

impl Lock {
    /// Reads and parses the lock at `path`.
    pub fn open(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::LockRead { path: path.to_owned(), source })?;
        Self::parse(&text, &path.to_string_lossy())
    }

    /// Parses a lock; `file` is what the drawings of mistakes call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, PlanError> {
        // Before anything else: what a newer build wrote is not judged by the rules of this one.
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
        if let Some(found) = first.and_then(|line| line.strip_prefix("lock = "))
            && found.parse() != Ok(VERSION)
        {
            return Err(PlanError::LockVersion { found: found.to_owned(), known: VERSION });
        }
        let lock: Self = toml::from_str(text)
            .map_err(|error| PlanError::LockSyntax(Box::new(Text::of(file, text).draw_toml(&error))))?;
        if lock.format != VERSION {
            return Err(PlanError::LockVersion { found: lock.format.to_string(), known: VERSION });
        }
        lock.compare()?;
        Ok(lock)
    }

    /// An error when the manifest at `path`, or a part of it, is no longer the one that was locked.
    pub fn check_current(&self, manifest: &Manifest, path: &Path) -> Result<(), PlanError> {
        if manifest.digest == self.manifest {
            return Ok(());
        }
        let lock = path_for(path, self.variant.as_ref());
        Err(PlanError::LockStale { what: "the manifest", manifest: path.to_owned(), lock })
    }

    /// What of the manifest was chosen.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection {
            variant: self.variant.clone(),
            features: self.features.clone(),
            without: self.without.clone(),
            ..Selection::default()
        }
    }

    /// What a site has to add.
    #[must_use]
    pub fn needs(&self) -> SiteInputs {
        SiteInputs { parameters: self.parameter.clone(), secrets: self.secret.clone() }
    }

    /// The same lock, which follows the bundle with this statement.
    #[must_use]
    pub fn after(self, statement: Digest) -> Self {
        Self { previous: Some(statement), ..self }
    }

    /// Its trees, in order.
    pub fn trees(&self) -> impl Iterator<Item = &LockedTree> {
        self.doc.iter().chain(&self.config).chain(&self.file)
    }

    /// The rules that the types do not hold.
    fn compare(&self) -> Result<(), PlanError> {
        let wrong = |item: &Name, reason: &str| {
            Err(PlanError::LockItem { item: item.clone(), reason: reason.to_owned() })
        };
        let mut names = HashSet::new();
        let heads = self.image.iter().map(|image| &image.head).chain(self.trees().map(|tree| &tree.head));
        for head in heads {
            if !names.insert(&head.name) {
                return wrong(&head.name, "two items have this name");
            }
        }
        for image in &self.image {
            if !image.blobs.iter().any(|blob| blob.digest == image.digest && blob.size == image.size) {
                return wrong(&image.head.name, "its index or manifest is not among its blobs");
            }
        }
        match self.sequence {
            0 => wrong(&self.bundle.name, "`sequence` counts from 1"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
