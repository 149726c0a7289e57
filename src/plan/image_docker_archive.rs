//! Images in Docker archives, as `docker save` and `podman save` write them.

use super::context::{FileRange, Task, each, read_part};
use super::error::PlanError;
use super::image_files::Members;
use super::image_oci_layout;
use super::image_select::{Candidate, Candidates};
use super::lock::LockedBlob;
use super::manifest::ImageSource;
use sealift_bundle::format::member::MANIFEST;
use sealift_bundle::format::oci::{OCI_CONFIG, OCI_LAYER, OCI_LAYER_ZSTD, OCI_MANIFEST};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::printable::Printable;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A layer that is a tar compressed with gzip.
const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Where archives that are layouts as well keep what is named by its digest.
const BLOBS: &str = "blobs/sha256/";

/// One image as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ArchiveImage {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// What of a configuration says which layers belong to it.
#[derive(Deserialize)]
struct ArchiveConfig {
    rootfs: ArchiveRootFs,
}

#[derive(Deserialize)]
struct ArchiveRootFs {
    diff_ids: Option<Vec<Digest>>,
}

/// The manifest that an archive lacks. Compact, keys in this order: the same archive always gives the same digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArchiveManifest {
    schema_version: u64,
    media_type: &'static str,
    config: Described,
    layers: Vec<Described>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    media_type: &'static str,
    digest: Digest,
    size: u64,
}

/// Reads `manifest.json`.
pub(super) fn parse_listed(members: &Members, bytes: &[u8]) -> Result<Vec<ArchiveImage>, PlanError> {
    serde_json::from_slice(bytes)
        .map_err(|error| members.wrong(format!("its `manifest.json` cannot be read: {error}")))
}

fn read_listed(members: &Members, limits: &Limits) -> Result<Vec<ArchiveImage>, PlanError> {
    let listed = members.read(MANIFEST, limits.index)?.ok_or_else(|| {
        members.wrong("it has no `manifest.json`; an OCI layout is named with `layout`, not `archive`")
    })?;
    parse_listed(members, &listed)
}

/// The names of the images of an archive that is not a layout; for an image without names the digest of its
/// configuration.
pub(super) fn names(members: &Members, limits: &Limits) -> Result<Vec<Vec<String>>, PlanError> {
    let listed = read_listed(members, limits)?;
    let names = listed.into_iter().map(|image| match tags(&image).cloned().collect::<Vec<_>>() {
        none if none.is_empty() => Ok(vec![read_config(members, &image, limits)?.0.digest.to_string()]),
        names => Ok(names),
    });
    names.collect()
}

/// What an archive holds: the images of its layout, and those that only `manifest.json` lists.
#[derive(Debug)]
pub(super) struct Saved {
    listed: Vec<(ArchiveImage, Described)>,
    /// The first image of `manifest.json` with a configuration.
    by_config: HashMap<Digest, usize>,
    /// Configurations of images that the layout lacks.
    only_listed: HashSet<Digest>,
    choices: Candidates,
}

/// What an archive holds, read once: each of a thousand images would read a thousand configurations.
fn saved<'a>(members: &'a Members, limits: &Limits) -> Result<&'a Saved, PlanError> {
    if let Some(known) = members.saved.get() {
        return Ok(known);
    }
    let found = read_saved(members, limits)?;
    Ok(members.saved.get_or_init(|| found))
}

fn read_saved(members: &Members, limits: &Limits) -> Result<Saved, PlanError> {
    let is_layout = image_oci_layout::is_layout(members)?;
    let mut choices =
        if is_layout { image_oci_layout::candidates(members, limits)?.to_vec() } else { Vec::new() };
    let known: HashSet<Digest> = choices
        .iter()
        .flat_map(|image| image_oci_layout::configs(members, &image.media_type, &image.digest, limits))
        .collect();
    let is_listed = members.find(MANIFEST)?.is_some();
    let images = if is_listed || !is_layout { read_listed(members, limits)? } else { Vec::new() };
    let (mut listed, mut by_config) = (Vec::new(), HashMap::new());
    let mut only_listed = HashSet::new();
    for image in images {
        let (config, _) = read_config(members, &image, limits)?;
        let (digest, size) = (config.digest, config.size);
        if !known.contains(&digest) {
            // Until the manifest is made, the image goes by its configuration.
            let names = tags(&image).cloned().collect();
            choices.push(Candidate { media_type: String::new(), digest, size, names });
            only_listed.insert(digest);
        }
        by_config.entry(digest).or_insert(listed.len());
        listed.push((image, config));
    }
    Ok(Saved { listed, by_config, only_listed, choices: Candidates::new(choices) })
}

/// The image of an archive that is chosen, and every blob of it.
///
/// An archive that is a layout as well (docker 25 and later) is read as a layout, which keeps more. Where that lacks the
/// image, or lists other layers than the image has, `manifest.json` of the same archive counts, as it does for
/// `docker load`.
pub(super) fn pin(
    members: &Members,
    source: &ImageSource,
    task: &Task<'_>,
) -> Result<image_oci_layout::PinnedImage, PlanError> {
    let limits = task.work.limits;
    let saved = saved(members, limits)?;
    let chosen = image_oci_layout::choose(members, &saved.choices, source.select.as_deref(), limits)?;
    let listed = |number: Option<usize>| number.and_then(|number| saved.listed.get(number));
    if saved.only_listed.contains(&chosen.digest) {
        return match listed(saved.by_config.get(&chosen.digest).copied()) {
            Some((image, config)) => pin_listed(members, image, config, chosen.names, task),
            None => Err(members.wrong("the image chosen is not listed")),
        };
    }
    let pinned = image_oci_layout::pin(members, &chosen, &source.platforms, task);
    let Err(error @ PlanError::Layers { .. }) = pinned else { return pinned };
    let own = image_oci_layout::configs(members, &chosen.media_type, &chosen.digest, limits);
    match listed(own.iter().filter_map(|config| saved.by_config.get(config).copied()).min()) {
        Some((image, config)) => pin_listed(members, image, config, chosen.names, task).or(Err(error)),
        None => Err(error),
    }
}

/// The names of an image; docker writes `<none>:<none>` where it has none.
fn tags(image: &ArchiveImage) -> impl Iterator<Item = &String> {
    image.repo_tags.iter().flatten().filter(|tag| !tag.contains("<none>"))
}

/// An image as `manifest.json` lists it, with the manifest that it lacks.
fn pin_listed(
    members: &Members,
    image: &ArchiveImage,
    config: &Described,
    names: Vec<String>,
    task: &Task<'_>,
) -> Result<image_oci_layout::PinnedImage, PlanError> {
    let layers = pin_layers(members, image, task)?;
    let (found, json) = read_config(members, image, task.work.limits)?;
    if found.digest != config.digest {
        let name = Printable(&image.config);
        return Err(members.wrong(format!("configuration `{name}` changed while the archive was read")));
    }
    compare(members, &json, &layers)?;
    let manifest = ArchiveManifest {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: config.clone(),
        layers: layers.iter().map(|(_, layer)| layer.clone()).collect(),
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| members.wrong(error.to_string()))?;
    let digest = Digest::of(&bytes);
    let (digest, size) = match task.work.store.checked(&digest)? {
        Some((_, size)) => (digest, size),
        None => task.work.store.put(&mut bytes.as_slice(), Some(digest))?,
    };
    let mut known = BTreeSet::new();
    let mut order = vec![LockedBlob { digest, size, member: None }];
    let config_blob =
        LockedBlob { digest: config.digest, size: config.size, member: Some(image.config.clone()) };
    let layer_blobs = layers.into_iter().map(|(name, layer)| LockedBlob {
        digest: layer.digest,
        size: layer.size,
        member: Some(name),
    });
    for blob in std::iter::once(config_blob).chain(layer_blobs) {
        if known.insert(blob.digest) {
            order.push(blob);
        }
    }
    let root = Candidate { media_type: OCI_MANIFEST.to_owned(), digest, size, names };
    Ok(image_oci_layout::PinnedImage { root, blobs: order, withheld: Vec::new(), missing: 0 })
}

fn read_config(
    members: &Members,
    image: &ArchiveImage,
    limits: &Limits,
) -> Result<(Described, Vec<u8>), PlanError> {
    let name = Printable(&image.config);
    let json = members.read(&image.config, limits.document)?.ok_or_else(|| {
        members.wrong(format!("configuration `{name}`, which `manifest.json` names, is missing"))
    })?;
    let digest = Digest::of(&json);
    // Named after its digest by anyone who wrote the archive.
    let stated = image.config.strip_suffix(".json").or(image.config.strip_prefix(BLOBS));
    let stated = stated.and_then(|hex| Digest::from_hex(hex).ok());
    if stated.is_some_and(|stated| stated != digest) {
        return Err(members.wrong(format!("configuration `{name}` has the digest {digest}")));
    }
    Ok((Described { media_type: OCI_CONFIG, digest, size: json.len() as u64 }, json))
}

/// Hashes the layers as they are in the archive, each member once.
fn pin_layers(
    members: &Members,
    image: &ArchiveImage,
    task: &Task<'_>,
) -> Result<Vec<(String, Described)>, PlanError> {
    let names = image.layers.as_deref().unwrap_or_default();
    let mut parts: Vec<FileRange> = Vec::new();
    let mut layers = Vec::new();
    for name in names {
        let part = members.find(name)?.ok_or_else(|| {
            let name = Printable(name);
            members.wrong(format!("layer `{name}`, which `manifest.json` names, is missing"))
        })?;
        // Old archives repeat a layer as a link to the first.
        let at = parts.iter().position(|known| *known == part).unwrap_or(parts.len());
        if at == parts.len() {
            parts.push(part);
        }
        layers.push((name.clone(), at));
    }
    task.expect(parts.iter().filter(|part| members.known(part).is_none()).map(|part| part.size).sum());
    let described = each(task, &parts, |part, buffer| {
        let magic = read_part(&FileRange { size: part.size.min(4), ..part.clone() }, 4)?;
        let media_type = match magic.as_slice() {
            [0x1f, 0x8b, ..] => OCI_LAYER_GZIP,
            [0x28, 0xb5, 0x2f, 0xfd] => OCI_LAYER_ZSTD,
            _ => OCI_LAYER,
        };
        Ok(Described { media_type, digest: members.digest(part, task, buffer)?, size: part.size })
    })?;
    for (name, at) in &layers {
        let stated = name.strip_prefix(BLOBS).and_then(|hex| Digest::from_hex(hex).ok());
        if let Some(layer) =
            described.get(*at).filter(|layer| stated.is_some_and(|stated| stated != layer.digest))
        {
            let (name, found) = (Printable(name), layer.digest);
            return Err(members.wrong(format!("layer `{name}` has the digest {found}")));
        }
    }
    Ok(layers.into_iter().filter_map(|(name, at)| Some((name, described.get(at)?.clone()))).collect())
}

/// The configuration says what each layer is when it is not compressed.
fn compare(members: &Members, json: &[u8], layers: &[(String, Described)]) -> Result<(), PlanError> {
    let config: ArchiveConfig = serde_json::from_slice(json)
        .map_err(|error| members.wrong(format!("its configuration cannot be read: {error}")))?;
    let diff_ids = config.rootfs.diff_ids.unwrap_or_default();
    if diff_ids.len() != layers.len() {
        let (stated, found) = (diff_ids.len(), layers.len());
        return Err(members
            .wrong(format!("its configuration has {stated} layers, and `manifest.json` lists {found}")));
    }
    for ((name, layer), stated) in layers.iter().zip(diff_ids) {
        if layer.media_type == OCI_LAYER && layer.digest != stated {
            let (name, found) = (Printable(name), layer.digest);
            return Err(members.wrong(format!(
                "layer `{name}` has the digest {found}, and its configuration says {stated}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
