//! Manifests: what should travel, said by a person.

use super::address::Address;
use super::drawing::Drawing;
use super::error::PlanError;
use super::grammar;
use super::patterns::Patterns;
use super::reading::Text;
use crate::bundle::item::ItemKind;
use crate::value::digest::Digest;
use crate::value::image_name::ImageName;
use crate::value::moment::Moment;
use crate::value::name::Name;
use crate::value::platform::Platform;
use crate::value::rel_path::RelPath;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// What should travel in one bundle.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The bundle's name.
    pub name: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// The bundle's version, for people.
    pub version: Name,
    /// After this moment the bundle is no longer to be believed.
    pub expires: Option<Moment>,
    /// The number of the bundle among those of its scenario, when a person decides it.
    pub sequence: Option<u64>,
    /// Images, docs, configs and files, each kind in the order of the text; at least one.
    pub items: Vec<Item>,
    /// The digest of the text it was parsed from.
    pub digest: Digest,
}

/// One thing that should travel.
#[derive(Debug, Clone)]
pub struct Item {
    /// Unique in the manifest, over all kinds.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// SPDX licence expression, as declared.
    pub license: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Where an item comes from. Paths are kept as they were written: relative to the manifest's folder, or absolute.
#[derive(Debug, Clone)]
pub enum Source {
    /// An image in an OCI image layout or a docker archive.
    Image(ImageSource),
    /// An image in a registry.
    Pull(PullSource),
    /// A folder or a file.
    Path {
        /// Where it lies.
        path: String,
        /// What of it belongs to the item.
        patterns: Patterns,
    },
    /// A download.
    Url {
        /// Where from.
        url: Address,
        /// What it must be.
        sha256: Digest,
        /// Its name in the tree.
        file_name: RelPath,
    },
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// What the path is.
    pub form: ImageForm,
    /// Where it lies.
    pub path: String,
    /// Which image, when there are several.
    pub select: Option<String>,
    /// What it will be called at the site, when that is not the name found in the source.
    pub reference: Option<ImageName>,
}

/// An image to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSource {
    /// Registry, repository and tag or digest.
    pub reference: ImageName,
    /// What of an image for several platforms travels.
    pub platforms: Platforms,
    /// What becomes of signatures, attestations and SBOMs.
    pub referrers: Referrers,
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
pub enum Referrers {
    /// They travel with it.
    Carry,
    /// They stay behind.
    Leave,
}

/// The two forms in which images lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageForm {
    /// An OCI image layout, as a folder or a tar.
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
    /// Reads and parses the file at `path`.
    pub fn open(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::ManifestRead { path: path.to_owned(), source })?;
        Self::parse(&text, &path.to_string_lossy())
    }

    /// Parses a manifest; `file` is what the drawings of mistakes call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, PlanError> {
        let text = Text { file, text };
        let raw: grammar::Manifest = text.parse()?;
        let bundle = raw.bundle;
        let manifest = Self {
            name: text.word(&bundle.name)?,
            scenario: text.word(&bundle.scenario)?,
            version: text.word(&bundle.version)?,
            expires: bundle.expires.as_ref().map(|expires| text.word(expires)).transpose()?,
            sequence: bundle.sequence.as_ref().map(|sequence| text.sequence(sequence)).transpose()?,
            items: Self::items(text, raw.image, raw.doc, raw.config, raw.file)?,
            digest: Digest::of(text.text.as_bytes()),
        };
        if manifest.items.is_empty() {
            let help = "add a table `[[image]]`, `[[doc]]`, `[[config]]` or `[[file]]`".to_owned();
            let drawing = text.draw(bundle.name.span(), "the manifest lists no item");
            return Err(PlanError::Item(Box::new(drawing.help(Some(help)))));
        }
        Ok(manifest)
    }

    fn items(
        text: Text<'_>,
        images: Vec<grammar::Image>,
        docs: Vec<grammar::Tree>,
        configs: Vec<grammar::Tree>,
        files: Vec<grammar::File>,
    ) -> Result<Vec<Item>, PlanError> {
        let mut items = Vec::new();
        let mut places: HashMap<Name, Range<usize>> = HashMap::new();
        let mut add = |kind, name: &Spanned<String>, license: Option<Spanned<String>>, source| {
            let unique: Name = text.word(name)?;
            if let Some(first) = places.insert(unique.clone(), name.span()) {
                let title = format!("two items are called `{unique}`");
                let earlier = Some((first, "the first one"));
                let drawing = Drawing::with_earlier(text.file, text.text, name.span(), &title, earlier);
                let help = "give one of them another `name`".to_owned();
                return Err(PlanError::Duplicate(Box::new(drawing.help(Some(help)))));
            }
            let license = license.map(|license| text.license(license)).transpose()?;
            items.push(Item { name: unique, kind, license, source });
            Ok(())
        };
        for image in images {
            let source = text.image(&image)?;
            add(ItemKind::Image, &image.name, image.license, source)?;
        }
        let docs = docs.into_iter().map(|tree| (ItemKind::Doc, tree));
        for (kind, tree) in docs.chain(configs.into_iter().map(|tree| (ItemKind::Config, tree))) {
            let source = text.tree(&tree.path, tree.include.as_deref(), tree.exclude.as_deref())?;
            add(kind, &tree.name, tree.license, source)?;
        }
        for file in files {
            let source = text.file(&file)?;
            add(ItemKind::File, &file.name, file.license, source)?;
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::code::Fault as _;
    use std::fs;

    fn texts(folder: &str) -> Vec<(std::path::PathBuf, String)> {
        let folder = format!("{}/tests/manifests/{folder}", env!("CARGO_MANIFEST_DIR"));
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
            let manifest = Manifest::parse(&text, "manifest.toml");
            assert!(manifest.is_ok(), "{}: {}", path.display(), manifest.unwrap_err());
        }
    }

    /// Beside each invalid manifest lies what a person sees.
    #[test]
    fn invalid_manifests_are_drawn() {
        let texts = texts("invalid");
        assert!(!texts.is_empty());
        for (path, text) in texts {
            let error = Manifest::parse(&text, "manifest.toml").expect_err(&path.display().to_string());
            let hint = error.hint().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
            let seen = format!("[{}] {error}\n{hint}", error.code());
            let expected = snapbox::Data::read_from(&path.with_extension("txt"), None);
            snapbox::Assert::new().normalize_paths(false).action_env("SNAPSHOTS").eq(seen, expected);
        }
    }

    #[test]
    fn a_missing_manifest_is_wrong_use() {
        let error = Manifest::open(Path::new("/nowhere/x.toml")).unwrap_err();
        assert_eq!(error.code(), crate::value::code::Code::ManifestMissing);
        assert!(error.hint().unwrap().contains("sealift init"));
    }
}
