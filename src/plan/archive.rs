//! Images in docker archives: what `docker save` and `podman save` write.

use super::candidate::{self, Candidate};
use super::error::PlanError;
use super::layout;
use super::lock::LockedBlob;
use super::manifest::ImageSource;
use super::members::Members;
use super::work::{Part, Task, each, hash_part, read_part};
use crate::bundle::member::MANIFEST;
use crate::bundle::oci::{OCI_CONFIG, OCI_LAYER, OCI_LAYER_ZSTD, OCI_MANIFEST};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::printable::Printable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A layer that is a tar compressed with gzip.
const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// One image as `manifest.json` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// What of a configuration says which layers belong to it.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<Digest>>,
}

/// The manifest that an archive lacks. Compact, keys in this order: the same archive always gives the same digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    media_type: &'static str,
    config: Described,
    layers: Vec<Described>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    media_type: &'static str,
    digest: Digest,
    size: u64,
}

/// Reads `manifest.json`.
pub(super) fn parse_listed(members: &Members, bytes: &[u8]) -> Result<Vec<Listed>, PlanError> {
    serde_json::from_slice(bytes)
        .map_err(|error| members.wrong(format!("its `manifest.json` cannot be read: {error}")))
}

fn read_listed(members: &Members, limits: &Limits) -> Result<Vec<Listed>, PlanError> {
    let listed = members.read(MANIFEST, limits.index)?.ok_or_else(|| {
        members.wrong("it has no `manifest.json`; an OCI layout is named with `layout`, not `archive`")
    })?;
    parse_listed(members, &listed)
}

/// The names of the images of an archive that is no layout; for an image without names the digest of its
/// configuration.
pub(super) fn names(members: &Members, limits: &Limits) -> Result<Vec<Vec<String>>, PlanError> {
    let listed = read_listed(members, limits)?;
    let names = listed.into_iter().map(|image| match image.repo_tags.as_deref() {
        None | Some([]) => Ok(vec![read_config(members, &image, limits)?.0.digest.to_string()]),
        Some(names) => Ok(names.to_vec()),
    });
    names.collect()
}

/// The image of an archive that is chosen, and every blob of it.
///
/// An archive that is a layout as well (docker 25 and later) is read as a layout, which keeps more.
pub(super) fn pin(
    members: &Members,
    source: &ImageSource,
    task: &Task<'_>,
) -> Result<(Candidate, Vec<LockedBlob>), PlanError> {
    let limits = task.work.limits;
    if layout::is_layout(members)? {
        let candidates = layout::candidates(members, limits)?;
        let chosen = candidate::choose(&candidates, source.select.as_deref(), &members.path)?;
        return Ok((chosen.clone(), layout::pin(members, chosen, task)?));
    }
    let listed = read_listed(members, limits)?;
    let configs: Vec<_> =
        listed.iter().map(|image| read_config(members, image, limits)).collect::<Result<_, _>>()?;
    let choices: Vec<_> = listed
        .iter()
        .zip(&configs)
        .map(|(image, (config, _))| {
            let names = image.repo_tags.clone().unwrap_or_default();
            // Until the manifest is made, the image goes by its configuration.
            Candidate { media_type: String::new(), digest: config.digest, size: config.size, names }
        })
        .collect();
    let chosen = candidate::choose(&choices, source.select.as_deref(), &members.path)?;
    let at = choices.iter().position(|choice| std::ptr::eq(choice, chosen));
    let Some((image, (config, json))) = at.and_then(|at| listed.get(at).zip(configs.get(at))) else {
        return Err(members.wrong("the image chosen is not listed"));
    };
    let layers = pin_layers(members, image, task)?;
    compare(members, json, &layers)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: config.clone(),
        layers: layers.iter().map(|(_, layer)| layer.clone()).collect(),
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| members.wrong(error.to_string()))?;
    let (digest, size) = task.work.store.put(&mut bytes.as_slice(), None)?;
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
    let names = chosen.names.clone();
    Ok((Candidate { media_type: OCI_MANIFEST.to_owned(), digest, size, names }, order))
}

fn read_config(
    members: &Members,
    image: &Listed,
    limits: &Limits,
) -> Result<(Described, Vec<u8>), PlanError> {
    let name = Printable(&image.config);
    let json = members.read(&image.config, limits.document)?.ok_or_else(|| {
        members.wrong(format!("configuration `{name}`, which `manifest.json` names, is missing"))
    })?;
    let digest = Digest::of(&json);
    // Named after its digest by whoever wrote the archive.
    let stated = image.config.strip_suffix(".json").and_then(|hex| Digest::from_hex(hex).ok());
    if stated.is_some_and(|stated| stated != digest) {
        return Err(members.wrong(format!("configuration `{name}` has the digest {digest}")));
    }
    Ok((Described { media_type: OCI_CONFIG, digest, size: json.len() as u64 }, json))
}

/// Hashes the layers as they lie in the archive, each member once.
fn pin_layers(
    members: &Members,
    image: &Listed,
    task: &Task<'_>,
) -> Result<Vec<(String, Described)>, PlanError> {
    let names = image.layers.as_deref().unwrap_or_default();
    let mut parts: Vec<Part> = Vec::new();
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
    task.expect(parts.iter().map(|part| part.size).sum());
    let described = each(task, &parts, |part, buffer| {
        let magic = read_part(&Part { size: part.size.min(4), ..part.clone() }, 4)?;
        let media_type = match magic.as_slice() {
            [0x1f, 0x8b, ..] => OCI_LAYER_GZIP,
            [0x28, 0xb5, 0x2f, 0xfd] => OCI_LAYER_ZSTD,
            _ => OCI_LAYER,
        };
        Ok(Described { media_type, digest: hash_part(part, task, buffer)?, size: part.size })
    })?;
    Ok(layers.into_iter().filter_map(|(name, at)| Some((name, described.get(at)?.clone()))).collect())
}

/// The configuration says what each layer is when it is not compressed.
fn compare(members: &Members, json: &[u8], layers: &[(String, Described)]) -> Result<(), PlanError> {
    let config: Config = serde_json::from_slice(json)
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
