//! SBOMs of what was observed in the content.
//!
//! SBOMs that others made and that come with an image are carried: kept as they are, and compared with what was
//! observed.

pub mod carried;
mod cyclonedx;
mod spdx;

pub use cyclonedx::cyclonedx;
pub use spdx::spdx;

use super::analysis::{BundleAnalysis, ItemAnalysis, View};
use super::packages::{Package, purl};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::inspect::Overview;
use sealift_bundle::value::percent::encoded;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A bundle and what was observed in it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What its seal says.
    pub overview: &'a Overview,
    /// What was observed.
    pub analysis: &'a BundleAnalysis,
}

/// One package, however many items have it.
struct SbomComponent<'a> {
    package: &'a Package,
    /// Where it is announced: item, platform, path.
    places: BTreeSet<(&'a str, Option<&'a str>, &'a str)>,
}

impl<'a> Subject<'a> {
    fn views(self) -> impl Iterator<Item = (&'a ItemAnalysis, &'a View)> {
        self.analysis.items.iter().flat_map(|item| item.views.iter().map(move |view| (item, view)))
    }

    /// How many packages the bill lists: each once, in however many items and files it was found.
    #[must_use]
    pub fn packages(self) -> usize {
        self.components().len()
    }

    /// Every package once, by its purl.
    fn components(self) -> BTreeMap<String, SbomComponent<'a>> {
        let mut components: BTreeMap<String, SbomComponent<'a>> = BTreeMap::new();
        for (item, view) in self.views() {
            for found in &view.packages {
                let system = view.system.as_ref();
                let place = (item.name.as_str(), view.platform.as_deref(), found.path.as_str());
                let empty = || SbomComponent { package: &found.package, places: BTreeSet::new() };
                components.entry(purl(&found.package, system)).or_insert_with(empty).places.insert(place);
            }
        }
        components
    }
}

/// Whether a type of media, of an artifact or of a predicate is that of a bill, also of a format that only its maker
/// reads.
pub(super) fn is_bill(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    ["cyclonedx", "spdx", "syft"].iter().any(|word| kind.contains(word))
}

/// Whether what refers to an image is a bill: by the tag that leads to it, or by what it says of itself.
pub(super) fn refers_as_bill(tag: Option<&str>, manifest: &Value) -> bool {
    let kinds =
        [manifest.get("artifactType"), manifest.get("config").and_then(|config| config.get("mediaType"))];
    tag.is_some_and(|tag| tag.rsplit('.').next() == Some("sbom"))
        || kinds.into_iter().flatten().filter_map(Value::as_str).any(is_bill)
}

/// Whether a layer of a manifest is a bill, or an attestation of one.
pub(super) fn is_bill_layer(layer: &Value) -> bool {
    // As BuildKit and as cosign note what an attestation is about.
    let [of_statement, of_envelope] = ["in-toto.io/predicate-type", "predicateType"]
        .map(|key| layer.get("annotations").and_then(|notes| notes.get(key)));
    [layer.get("mediaType"), of_statement, of_envelope]
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(is_bill)
}

/// What a view is called in a bill: `item` or `item@platform`.
fn view_ref(item: &str, platform: Option<&str>) -> String {
    platform.map_or_else(|| format!("item:{item}"), |platform| format!("item:{item}@{platform}"))
}

/// The purl of an image (purl specification, type `oci`).
fn image_purl(subject: Subject<'_>, item: &ItemAnalysis, view: &View) -> Option<String> {
    if item.kind != ItemKind::Image {
        return None;
    }
    let line = subject.overview.items.iter().find(|line| line.name == item.name)?;
    let reference = line.reference.as_ref()?;
    let (repository, tag) = match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (reference.as_str(), None),
    };
    let repository = repository.split('@').next().unwrap_or(repository);
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let escaped = |text: &str| encoded(text, b"");
    let tag = tag.map_or_else(String::new, |tag| format!("&tag={}", escaped(tag)));
    let digest = escaped(&view.manifest.to_string());
    Some(format!("pkg:oci/{}@{digest}?repository_url={}{tag}", name.to_lowercase(), escaped(repository)))
}
