//! What a bundle needs from a directory and a machine, read in place.

use super::super::SiteError;
use super::super::unpack::{UnpackPlan, path_error};
use sealift_bundle::format::blob_order::ImageParts;
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::index::IndexItem;
use sealift_bundle::format::oci::{self, OciDocument};
use sealift_bundle::store::Store;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::root::Expiry;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Deserialize;

/// What a verified bundle needs to be unpacked, and to be of use then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Its name and version.
    pub bundle: String,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// Bytes of everything that is written.
    pub bytes: u64,
    /// Files, directories and links.
    pub inodes: u64,
    /// Bytes of the largest file.
    pub largest: u64,
    /// The longest name, as its bytes count.
    pub longest_name: String,
    /// A name beyond ASCII, if there is one.
    pub foreign_name: Option<String>,
    /// A file that is to be executed, if there is one.
    pub program: Option<String>,
    /// The images, each with its platforms as `os/architecture[/variant]`.
    pub images: Vec<(Name, Vec<String>)>,
    /// What a site has to add.
    pub asked: sealift_bundle::format::site_inputs::SiteInputs,
    /// When the bundle's lock and its newest trust root were made: the later of both.
    pub created: Timestamp,
    /// When the bundle ends.
    pub expires: Option<Timestamp>,
    /// When its newest trust root ends.
    pub root_expires: Option<Timestamp>,
    /// What becomes of either then.
    pub expiry: Expiry,
}

impl Needs {
    /// Adds up what a bundle needs; reads its inventories and the configurations of images, and no layer.
    pub fn of(place: &OpenBundle<'_>, limits: &Limits) -> Result<Self, SiteError> {
        let predicate = &place.trusted.statement().predicate;
        let root = place.trusted.root().root();
        let (mut trees, mut images) = (Vec::new(), Vec::new());
        for contents in &place.contents.items {
            let name = &contents.item.head.name;
            match &contents.parts {
                ImageParts::Tree { .. } => trees.extend(place.inventory(name.as_str())?),
                ImageParts::Image { platforms, .. } if platforms.is_empty() => {
                    let own = own_platform(place, &contents.item, limits)?;
                    images.push((name.clone(), own.into_iter().collect()));
                }
                ImageParts::Image { platforms, .. } => images.push((name.clone(), platforms.clone())),
            }
        }
        let mut plan = UnpackPlan::new(&place.contents, &trees).map_err(path_error)?;
        plan.add_rendered(&place.contents, &trees)?;
        let mut needs = Self {
            bundle: format!("{}-{}", predicate.name, predicate.version),
            scenario: predicate.scenario.clone(),
            bytes: plan.space(),
            inodes: plan.inodes(&place.contents),
            largest: 0,
            longest_name: String::new(),
            foreign_name: None,
            program: None,
            images,
            asked: predicate.needs.clone(),
            created: predicate.created.max(root.created()),
            expires: predicate.expires,
            root_expires: root.expires(),
            expiry: root.policy().expiry,
        };
        let blobs = place.contents.items.iter().filter_map(|item| match &item.parts {
            ImageParts::Image { blobs, .. } => Some(blobs),
            ImageParts::Tree { .. } => None,
        });
        for blob in blobs.flatten() {
            needs.name(blob.digest.hex().as_ref(), "");
            needs.largest = needs.largest.max(blob.size);
        }
        for (at, tree) in plan.roots.iter().zip(&trees) {
            needs.name(at.file_name(), at.as_str());
            for entry in tree.tree.entries() {
                let path = at.join(&entry.path);
                needs.name(path.file_name(), path.as_str());
                if let Node::File { size, executable, .. } = &entry.node {
                    needs.largest = needs.largest.max(*size);
                    if *executable && needs.program.is_none() {
                        needs.program = Some(path.to_string());
                    }
                }
            }
        }
        Ok(needs)
    }

    /// Takes off the blobs that a store has: they are shared, not written. As `install` counts.
    pub fn take_off(&mut self, place: &OpenBundle<'_>, store: &Store) {
        let shared = place.contents.blobs().filter(|blob| store.get(&blob.digest).is_some());
        self.bytes = self.bytes.saturating_sub(shared.map(|blob| blob.size).sum());
    }

    fn name(&mut self, name: &str, path: &str) {
        if name.len() > self.longest_name.len() {
            name.clone_into(&mut self.longest_name);
        }
        if !name.is_ascii() && self.foreign_name.is_none() {
            self.foreign_name = Some(path.to_owned());
        }
    }
}

/// The two keys of an image's configuration that say where it runs.
#[derive(Deserialize)]
struct PlatformConfig {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

/// The platform of an image that is one manifest: its configuration says it. What is not an image may say nothing.
fn own_platform(
    place: &OpenBundle<'_>,
    item: &IndexItem,
    limits: &Limits,
) -> Result<Option<String>, TrustError> {
    let bytes = place.document(item.root)?;
    let Ok(OciDocument::Manifest { config, .. }) = oci::parse(&item.media_type, &bytes, limits) else {
        return Ok(None);
    };
    if config.size > limits.document {
        return Ok(None);
    }
    let config = serde_json::from_slice::<PlatformConfig>(&place.document(config.blob())?).ok();
    Ok(config.map(|config| {
        let variant = config.variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", config.os, config.architecture)
    }))
}
