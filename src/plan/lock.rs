//! Locks: the manifest with every source pinned to digest and size.

use super::error::PlanError;
use super::manifest::Manifest;
use super::parse::Text;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::index::{Blob, Referrer};
use sealift_bundle::format::item::{FileKind, ItemKind, Labels, PRIORITY};
use sealift_bundle::format::site_inputs::{Parameter, Secret, Selection, SiteInputs};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::rel_path::Names;
use sealift_bundle::value::timestamp::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The version of the lock's own format.
pub const VERSION: u64 = 1;

/// What a manifest says, with every source pinned; the only thing packing reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of the format.
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
    /// After this moment the bundle is no longer to be believed.
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
    pub secret: Vec<Secret>,
    /// Images.
    #[serde(default)]
    pub image: Vec<LockedImage>,
    /// Trees of documents.
    #[serde(default)]
    pub doc: Vec<LockedTree>,
    /// Trees of configurations.
    #[serde(default)]
    pub config: Vec<LockedTree>,
    /// Trees of other files.
    #[serde(default)]
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
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// Name of the item.
    pub name: Name,
    /// The layout it lies in.
    pub layout: Option<String>,
    /// The archive it lies in.
    pub archive: Option<String>,
    /// Where it came from, in words.
    pub origin: String,
    /// Licence, as declared.
    pub license: Option<String>,
    /// Version, as declared.
    pub version: Option<String>,
    /// The only audiences that may have it, ascending.
    pub audience: Option<Vec<Name>>,
    /// Its place in the bundle.
    pub priority: Option<u8>,
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
    #[serde(default)]
    pub withheld: Vec<Digest>,
    /// Signatures, attestations and SBOMs that travel with it.
    #[serde(default)]
    pub referrers: Vec<LockedReferrer>,
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

impl LockedImage {
    /// The path of its source; none for an image that was pulled into the store.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.layout.as_deref().or(self.archive.as_deref())
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedTree {
    /// Name of the item.
    pub name: Name,
    /// The folder or file it was read from.
    pub path: Option<String>,
    /// The address it was downloaded from.
    pub url: Option<String>,
    /// How its digest was found out, where nobody announces it: `first-use`.
    pub pin: Option<String>,
    /// The chart that it is: `oci://...`, or its name and repository.
    pub chart: Option<String>,
    /// The repository whose files it has, at the commit.
    pub git: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// Where it came from, in words.
    pub origin: String,
    /// Licence, as declared.
    pub license: Option<String>,
    /// What a file is good for.
    pub kind: Option<FileKind>,
    /// Version, as declared.
    pub version: Option<String>,
    /// The only audiences that may have it, ascending.
    pub audience: Option<Vec<Name>>,
    /// Its place in the bundle.
    pub priority: Option<u8>,
    /// Whether its texts are templates.
    #[serde(default)]
    pub template: bool,
    /// The systems that its names are for.
    #[serde(default)]
    pub names: Names,
    /// Every entry, in order; in the lock one string with a line for each, as an inventory has them. A table for each
    /// would take ten times as long to parse as the files take to read.
    #[serde(deserialize_with = "parse_entries")]
    pub entries: Vec<Entry>,
}

impl LockedImage {
    /// What the manifest says about it beside its name, kind and licence.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels {
            version: self.version.clone(),
            audience: self.audience.clone(),
            priority: self.priority.unwrap_or(PRIORITY),
            ..Labels::default()
        }
    }
}

impl LockedTree {
    /// The digest of its first file; of a download or a chart, of all that it is.
    #[must_use]
    pub fn first_file(&self) -> Option<Digest> {
        self.entries.iter().find_map(|entry| match &entry.node {
            Node::File { sha256, .. } => Some(*sha256),
            Node::Dir | Node::Link { .. } => None,
        })
    }

    /// What the manifest says about it beside its name, kind and licence.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels {
            version: self.version.clone(),
            file_kind: self.kind,
            audience: self.audience.clone(),
            priority: self.priority.unwrap_or(PRIORITY),
            template: self.template,
            ..Labels::default()
        }
    }
}

fn parse_entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(D::Error::custom)).collect()
}

/// Where the lock of a manifest lies: `my-site.toml` has `my-site.lock.toml` beside it, and for its variant `docker`
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

    /// Its trees with their kinds, in order.
    pub fn trees(&self) -> impl Iterator<Item = (ItemKind, &LockedTree)> {
        let docs = self.doc.iter().map(|tree| (ItemKind::Doc, tree));
        let configs = self.config.iter().map(|tree| (ItemKind::Config, tree));
        docs.chain(configs).chain(self.file.iter().map(|tree| (ItemKind::File, tree)))
    }

    /// The rules that the types do not hold.
    fn compare(&self) -> Result<(), PlanError> {
        let wrong = |item: &Name, reason: &str| {
            Err(PlanError::LockItem { item: item.clone(), reason: reason.to_owned() })
        };
        let mut names = HashSet::new();
        for name in self.image.iter().map(|image| &image.name).chain(self.trees().map(|(_, tree)| &tree.name))
        {
            if !names.insert(name) {
                return wrong(name, "two items have this name");
            }
        }
        for image in &self.image {
            if image.layout.is_some() && image.archive.is_some() {
                return wrong(&image.name, "it has `layout` and `archive`");
            }
            if !image.blobs.iter().any(|blob| blob.digest == image.digest && blob.size == image.size) {
                return wrong(&image.name, "its index or manifest is not among its blobs");
            }
        }
        for (_, tree) in self.trees() {
            let sources = [&tree.path, &tree.url, &tree.chart, &tree.git];
            if sources.into_iter().flatten().count() != 1 || tree.git.is_some() != tree.commit.is_some() {
                return wrong(&tree.name, "it has one of `path`, `url`, `chart`, and `git` with `commit`");
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
