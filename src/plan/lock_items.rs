//! The items of a lock as flat TOML tables.

use super::lock::{ImageLocation, LockedBlob, LockedImage, LockedReferrer, LockedTree, Pin, TreeSource};
use sealift_bundle::format::entry::Entry;
use sealift_bundle::format::item::{FileKind, ItemHead, ItemKind, Labels, PRIORITY};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::rel_path::Names;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// The table of an image.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImage {
    name: Name,
    layout: Option<String>,
    archive: Option<String>,
    origin: String,
    license: Option<String>,
    version: Option<String>,
    audience: Option<Vec<Name>>,
    priority: Option<u8>,
    reference: ImageName,
    media_type: String,
    digest: Digest,
    size: u64,
    blobs: Vec<LockedBlob>,
    #[serde(default)]
    withheld: Vec<Digest>,
    #[serde(default)]
    referrers: Vec<LockedReferrer>,
}

/// The table of a tree.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTree {
    name: Name,
    path: Option<String>,
    url: Option<String>,
    pin: Option<Pin>,
    chart: Option<String>,
    git: Option<String>,
    commit: Option<String>,
    origin: String,
    license: Option<String>,
    kind: Option<FileKind>,
    version: Option<String>,
    audience: Option<Vec<Name>>,
    priority: Option<u8>,
    #[serde(default)]
    template: bool,
    #[serde(default)]
    names: Names,
    /// One string with a line for each entry, as an inventory has them. A table for each would take ten times as long to
    /// parse as the files take to read.
    #[serde(deserialize_with = "entries")]
    entries: Vec<Entry>,
}

impl TryFrom<RawImage> for LockedImage {
    type Error = String;

    fn try_from(raw: RawImage) -> Result<Self, String> {
        let location = match (raw.layout, raw.archive) {
            (None, None) => ImageLocation::Store,
            (Some(path), None) => ImageLocation::Layout(path),
            (None, Some(path)) => ImageLocation::Archive(path),
            (Some(_), Some(_)) => {
                return Err(format!("the image `{}` has `layout` and `archive`", raw.name));
            }
        };
        let labels = Labels {
            version: raw.version,
            audience: raw.audience,
            priority: raw.priority.unwrap_or(PRIORITY),
            ..Labels::default()
        };
        let (name, origin, license) = (raw.name, raw.origin, raw.license);
        Ok(Self {
            head: ItemHead { name, kind: ItemKind::Image, origin, license, labels },
            location,
            reference: raw.reference,
            media_type: raw.media_type,
            digest: raw.digest,
            size: raw.size,
            blobs: raw.blobs,
            withheld: raw.withheld,
            referrers: raw.referrers,
        })
    }
}

impl RawTree {
    fn into_tree(self, kind: ItemKind) -> Result<LockedTree, String> {
        let source = match (self.path, self.url, self.chart, self.git, self.commit) {
            (Some(path), None, None, None, None) => TreeSource::Path(path),
            (None, Some(url), None, None, None) => TreeSource::Url { url, pin: self.pin },
            (None, None, Some(chart), None, None) => TreeSource::Chart(chart),
            (None, None, None, Some(url), Some(commit)) => TreeSource::Git { url, commit },
            _ => {
                let name = self.name;
                return Err(format!(
                    "`{name}` has to have one of `path`, `url`, `chart`, or `git` with `commit`"
                ));
            }
        };
        if self.pin.is_some() && !matches!(source, TreeSource::Url { .. }) {
            return Err(format!("`{}` has `pin` without `url`", self.name));
        }
        let labels = Labels {
            version: self.version,
            file_kind: self.kind,
            audience: self.audience,
            priority: self.priority.unwrap_or(PRIORITY),
            template: self.template,
            ..Labels::default()
        };
        let (name, origin, license) = (self.name, self.origin, self.license);
        let head = ItemHead { name, kind, origin, license, labels };
        Ok(LockedTree { head, source, names: self.names, entries: self.entries })
    }
}

pub(super) fn docs<'de, D: Deserializer<'de>>(tables: D) -> Result<Vec<LockedTree>, D::Error> {
    trees(tables, ItemKind::Doc)
}

pub(super) fn configs<'de, D: Deserializer<'de>>(tables: D) -> Result<Vec<LockedTree>, D::Error> {
    trees(tables, ItemKind::Config)
}

pub(super) fn files<'de, D: Deserializer<'de>>(tables: D) -> Result<Vec<LockedTree>, D::Error> {
    trees(tables, ItemKind::File)
}

fn trees<'de, D: Deserializer<'de>>(tables: D, kind: ItemKind) -> Result<Vec<LockedTree>, D::Error> {
    let tables = Vec::<RawTree>::deserialize(tables)?;
    tables.into_iter().map(|table| table.into_tree(kind).map_err(D::Error::custom)).collect()
}

fn entries<'de, D: Deserializer<'de>>(text: D) -> Result<Vec<Entry>, D::Error> {
    let text = Cow::<'de, str>::deserialize(text)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(D::Error::custom)).collect()
}
