//! The manifest: the content of a bundle, as its author describes it.

use super::address::Address;
use super::commit::Commit;
use super::error::PlanError;
use super::include;
use super::patterns::Patterns;
use super::requirement::Requirement;
use sealift_audit::finding::LintRule;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::item::{ItemHead, ItemKind, Labels};
use sealift_bundle::format::site_inputs::{Parameter, SiteSecret};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::rel_path::RelPath;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// What should travel in one bundle, with the shared parts that it includes.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The bundle's name.
    pub name: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// The bundle's version, for users.
    pub version: Name,
    /// After this moment the bundle is no longer to be verified.
    pub expires: Option<Timestamp>,
    /// The number of the bundle among those of its scenario, when the user decides it.
    pub sequence: Option<u64>,
    /// Kinds of sites that need different items; where there are any, one is chosen.
    pub variants: Vec<Name>,
    /// The machines of the sites, where the manifest names them.
    pub platforms: Vec<Platform>,
    /// Hosts on the internet that configurations may name, like `login.microsoftonline.com` or `*.mission.example`.
    pub egress: Vec<String>,
    /// What can be chosen.
    pub features: BTreeMap<Name, ManifestFeature>,
    /// Who may get a bundle that leaves something out.
    pub audiences: BTreeMap<Name, ManifestAudience>,
    /// What a site may set.
    pub parameters: Vec<Scoped<Parameter>>,
    /// What is filled in at the site.
    pub secrets: Vec<Scoped<SiteSecret>>,
    /// Which versions go together.
    pub constraints: Vec<Scoped<Constraint>>,
    /// Findings that are explained instead of fixed.
    pub accepts: Vec<AcceptedFinding>,
    /// Images, docs, configs and files, each kind in the order of the text; at least one.
    pub items: Vec<ManifestItem>,
    /// The digest of the texts it was parsed from.
    pub digest: Digest,
}

/// One thing that should travel.
#[derive(Debug, Clone)]
pub struct ManifestItem {
    /// Unique in the manifest, over all kinds.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// SPDX licence expression, as declared.
    pub license: Option<String>,
    /// Version, audience and the like; an image's version is its tag where the manifest does not say.
    pub labels: Labels,
    /// When it travels.
    pub scope: ItemScope,
    /// Items that travel with it.
    pub requires: Vec<Name>,
    /// Images that it asks for by itself.
    pub pulls: Vec<ImageName>,
    /// Where it comes from.
    pub source: Source,
    /// Where it stands.
    pub spot: ManifestSpot,
}

impl ManifestItem {
    /// What a lock and a bundle say of it.
    #[must_use]
    pub fn head(&self, origin: String) -> ItemHead {
        ItemHead {
            name: self.name.clone(),
            kind: self.kind,
            origin,
            license: self.license.clone(),
            labels: self.labels.clone(),
        }
    }
}

/// A place in a manifest or a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestSpot {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1 on.
    pub line: u32,
}

/// When something of a manifest counts: for one of these variants, and with one of these features; an empty list asks
/// for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemScope {
    /// Variants.
    pub variants: Vec<Name>,
    /// Features.
    pub features: Vec<Name>,
}

/// Something that counts in a scope.
#[derive(Debug, Clone)]
pub struct Scoped<T> {
    /// When.
    pub scope: ItemScope,
    /// What.
    pub what: T,
    /// Where it stands.
    pub spot: ManifestSpot,
}

/// What can be chosen.
#[derive(Debug, Clone)]
pub struct ManifestFeature {
    /// What one gets with it.
    pub description: String,
    /// Features that are chosen with it.
    pub implies: Vec<Name>,
    /// Features that cannot be chosen together with it.
    pub excludes: Vec<Name>,
}

/// Someone who may not have everything.
#[derive(Debug, Clone)]
pub struct ManifestAudience {
    /// Who that is.
    pub description: String,
    /// Licences that must not reach it.
    pub refuses: Vec<String>,
}

/// What an item has to be where it travels.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// The item.
    pub item: Name,
    /// What it has to be.
    pub rule: ConstraintRule,
    /// Only where this item travels too, and has such a version.
    pub with: Option<(Name, Option<Requirement>)>,
    /// Why.
    pub because: String,
}

/// What an item has to be.
#[derive(Debug, Clone)]
pub enum ConstraintRule {
    /// Of such a version.
    Version(Requirement),
    /// Of the version of that item.
    SameAs(Name),
    /// There.
    Present,
    /// Not there.
    Absent,
    /// Of the version that a JSON file in another item says.
    Read {
        /// The item.
        from: Name,
        /// The file.
        file: String,
        /// Where in it, keys joined by dots.
        key: String,
        /// How it binds.
        bound: ReadAs,
    },
}

/// How a version that was read binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadAs {
    /// It has to be that version.
    Exact,
    /// It has to be that version or a later one.
    Minimum,
}

/// A finding that is explained.
#[derive(Debug, Clone)]
pub struct AcceptedFinding {
    /// Its rule.
    pub finding: LintRule,
    /// What it is about.
    pub about: String,
    /// Why it is not a fault.
    pub because: String,
    /// Where it stands.
    pub spot: ManifestSpot,
}

/// Where an item comes from. Paths are kept as they were written: relative to the manifest's directory, or absolute.
#[derive(Debug, Clone)]
pub enum Source {
    /// An image in an OCI image layout or a docker archive.
    Image(ImageSource),
    /// An image in a registry.
    Pull(PullSource),
    /// A directory or a file.
    Path {
        /// Where it is.
        path: String,
        /// What of it belongs to the item.
        patterns: Patterns,
    },
    /// Files of one commit of a git repository.
    Git {
        /// The repository.
        url: Address,
        /// The commit.
        commit: Commit,
        /// What of it belongs to the item.
        patterns: Patterns,
    },
    /// A Helm chart.
    Chart {
        /// Where it is.
        place: ChartPlace,
        /// Its version.
        version: String,
    },
    /// A download.
    Url {
        /// Where from.
        url: Address,
        /// What it must be; without it, what the first lock finds.
        sha256: Option<Digest>,
        /// Its name in the tree.
        file_name: RelPath,
    },
}

/// Where a Helm chart is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartPlace {
    /// In an HTTP repository, under a name.
    Repository {
        /// The repository.
        url: Address,
        /// The name.
        name: String,
    },
    /// In a registry.
    Registry(ImageName),
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// What the path is.
    pub form: ImageForm,
    /// Where it is.
    pub path: String,
    /// Which image, when there are several.
    pub select: Option<String>,
    /// What it will be called at the site, when that is not the name found in the source.
    pub reference: Option<ImageName>,
    /// What of an image for several platforms travels.
    pub platforms: Platforms,
}

/// An image to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSource {
    /// Registry, repository and tag or digest.
    pub reference: ImageName,
    /// What of an image for several platforms travels.
    pub platforms: Platforms,
    /// What becomes of signatures, attestations and SBOMs.
    pub referrers: ReferrerChoice,
}

/// What of an image for several platforms travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platforms {
    /// The index and everything that it lists.
    All,
    /// The index, and only these platforms of what it lists.
    Sparse(Vec<Platform>),
    /// The manifest of this platform, without the index.
    Narrow(Platform),
}

/// What becomes of signatures, attestations and SBOMs of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferrerChoice {
    /// They travel with it.
    Carry,
    /// They stay behind.
    Leave,
}

/// The two forms in which images lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageForm {
    /// An OCI image layout, as a directory or a tar.
    Layout,
    /// What `docker save` and `podman save` write.
    Archive,
}

impl ImageForm {
    /// The key in manifests and locks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Archive => "archive",
        }
    }
}

impl Manifest {
    /// Reads the file at `path` and the parts that it includes.
    pub fn open(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::ManifestRead { path: path.to_owned(), source })?;
        Self::parse(&text, &path.to_string_lossy(), atomic_file::folder_of(path))
    }

    /// Parses a manifest; `file` is what the drawings of mistakes call it, and parts are read from `folder`.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, PlanError> {
        include::compose(text, file, folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::error_code::Fault as _;
    use std::fs;

    fn texts(folder: &str) -> Vec<(std::path::PathBuf, String)> {
        let folder = format!("{}/../../tests/manifests/{folder}", env!("CARGO_MANIFEST_DIR"));
        let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        found.sort();
        found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    #[test]
    fn valid_manifests() {
        let texts = texts("valid");
        assert!(!texts.is_empty());
        for (path, text) in texts {
            let manifest = Manifest::parse(&text, "manifest.toml", path.parent().unwrap());
            assert!(manifest.is_ok(), "{}: {}", path.display(), manifest.unwrap_err());
        }
    }

    /// Beside each invalid manifest is what the user sees.
    #[test]
    fn invalid_manifests_are_drawn() {
        let texts = texts("invalid");
        assert!(!texts.is_empty());
        for (path, text) in texts {
            let error = Manifest::parse(&text, "manifest.toml", Path::new("/nowhere"))
                .expect_err(&path.display().to_string());
            let hint = error.hint().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
            let seen = format!("[{}] {error}\n{hint}", error.code());
            let expected = snapbox::Data::read_from(&path.with_extension("txt"), None);
            snapbox::Assert::new().normalize_paths(false).action_env("SNAPSHOTS").eq(seen, expected);
        }
    }

    #[test]
    fn a_missing_manifest_is_wrong_use() {
        let error = Manifest::open(Path::new("/nowhere/x.toml")).unwrap_err();
        assert_eq!(error.code(), crate::codes::MANIFEST_MISSING);
        assert!(error.hint().unwrap().to_string().contains("sealift init"));
    }
}
