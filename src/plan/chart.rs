//! Helm charts, downloaded or read as packed files into the store.

use super::address::{Address, JoinError, Scheme};
use super::context::Task;
use super::error::PlanError;
use super::fetch;
use super::manifest::ChartPlace;
use crate::lint::document;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::{self, OciDocument};
use sealift_bundle::value::ValueError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::rel_path::RelPath;
use sealift_registry::{Client, RegistryError, Repository};
use std::fmt;

/// Bytes of the longest list of charts.
const INDEX: u64 = 64 << 20;

/// Where a list of charts says that one is.
enum ChartLocation {
    File(Address),
    Registry(ImageName),
}

impl fmt::Display for ChartPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { url, name } => write!(f, "{name} {url}"),
            Self::Registry(reference) => write!(f, "oci://{}", reference.repository()),
        }
    }
}

/// What helm calls the packed chart.
pub(super) fn file_name(place: &ChartPlace, version: &str) -> Result<RelPath, PlanError> {
    let name = match place {
        ChartPlace::Repository { name, .. } => name.as_str(),
        ChartPlace::Registry(reference) => reference.path().rsplit('/').next().unwrap_or_default(),
    };
    let file = format!("{name}-{version}.tgz");
    file.parse()
        .map_err(|error: ValueError| PlanError::Chart { url: place.to_string(), reason: error.to_string() })
}

/// Makes sure that the store has the chart; returns digest and size of the file. `known` is what it was before.
pub(super) fn fetch(
    place: &ChartPlace,
    version: &str,
    known: Option<Digest>,
    task: &Task<'_>,
) -> Result<(Digest, u64), PlanError> {
    let found = match place {
        ChartPlace::Repository { url, name } => match look_up(url, name, version, task)? {
            (ChartLocation::File(address), digest) => fetch::fetch(&address, digest.as_ref(), task)?,
            (ChartLocation::Registry(reference), digest) => {
                let found = pull(&reference, task)?;
                if let Some(expected) = digest.filter(|digest| *digest != found.0) {
                    let url = format!("oci://{reference}");
                    return Err(PlanError::Digest { url, expected, found: found.0 });
                }
                found
            }
        },
        ChartPlace::Registry(reference) => pull(reference, task)?,
    };
    match known.filter(|known| *known != found.0) {
        Some(expected) => Err(PlanError::Digest { url: place.to_string(), expected, found: found.0 }),
        None => Ok(found),
    }
}

/// Where a repository keeps a version of a chart, and what it announces as its digest.
fn look_up(
    url: &Address,
    name: &str,
    version: &str,
    task: &Task<'_>,
) -> Result<(ChartLocation, Option<Digest>), PlanError> {
    let wrong = |reason: String| PlanError::Chart { url: url.to_string(), reason };
    let base = url.as_str().trim_end_matches('/');
    let list = Address::parse(&format!("{base}/index.yaml")).map_err(|reason| wrong(reason.to_owned()))?;
    let bytes = fetch::document(&list, INDEX, task)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("has a list that is not UTF-8".to_owned()))?;
    let documents =
        document::yaml(&text).map_err(|reason| wrong(format!("has a list that cannot be read: {reason}")))?;
    let charts = documents
        .first()
        .and_then(|list| list.get("entries")?.get(name))
        .map(document::DocumentNode::elements);
    let charts = charts.ok_or_else(|| wrong(format!("has no chart `{}`", Printable(name))))?;
    let said = |chart: &document::DocumentNode, key: &str| {
        chart.get(key).and_then(|value| value.text().map(str::to_owned))
    };
    let same = |found: &String| found.trim_start_matches('v') == version.trim_start_matches('v');
    let Some(chart) = charts.iter().find(|chart| said(chart, "version").as_ref().is_some_and(same)) else {
        let found: Vec<_> = charts.iter().filter_map(|chart| said(chart, "version")).take(5).collect();
        let found = found.iter().map(|one| format!("`{}`", Printable(one))).collect::<Vec<_>>().join(", ");
        return Err(wrong(format!(
            "has no version `{}` of `{}`; it has {found}",
            Printable(version),
            Printable(name)
        )));
    };
    let place = chart.get("urls").and_then(|urls| urls.elements().first()?.text().map(str::to_owned));
    let place = place.ok_or_else(|| wrong(format!("does not say where `{}` lies", Printable(name))))?;
    let digest =
        said(chart, "digest").and_then(|hex| Digest::from_hex(hex.trim_start_matches("sha256:")).ok());
    let no_place = |reason: String| {
        wrong(format!("says that `{}` lies at `{}`: {reason}", Printable(name), Printable(&place)))
    };
    let outside = |reason| PlanError::LeadsOut {
        document: list.to_string(),
        address: Printable(&place).to_string(),
        reason,
    };
    let Some(reference) = place.strip_prefix("oci://") else {
        let address = list.join(&place).map_err(|reason| match reason {
            JoinError::Invalid(reason) => no_place(reason.to_owned()),
            JoinError::Outside(reason) => outside(reason),
        })?;
        return Ok((ChartLocation::File(address), digest));
    };
    // Bitnami and others list what they keep in registries.
    let mut reference: ImageName =
        reference.parse().map_err(|error: ValueError| no_place(error.to_string()))?;
    if reference.tag().is_none() && reference.digest().is_none() {
        let tagged = format!("{reference}:{}", version.replace('+', "_"));
        reference = tagged.parse().map_err(|error: ValueError| no_place(error.to_string()))?;
    }
    match reference.registry() {
        None => Err(no_place("it names no registry".to_owned())),
        Some(host) if url.scheme() != Scheme::Http && task.work.access.is_plain(host) => {
            Err(outside("a registry that is reached by `http://`"))
        }
        Some(_) => Ok((ChartLocation::Registry(reference), digest)),
    }
}

/// The one layer of a chart in a registry.
fn pull(reference: &ImageName, task: &Task<'_>) -> Result<(Digest, u64), PlanError> {
    let work = task.work;
    let client = Client::new(work.access.clone())?;
    let repository = Repository::of(reference)?;
    let digest = reference.digest().map(|digest| digest.to_string());
    let tag = digest.as_deref().or(reference.tag()).unwrap_or_default();
    let found = client.manifest(&repository, tag, work.limits, work.watch)?;
    let wrong = |reason: &str| {
        let reason = reason.to_owned();
        RegistryError::Document {
            host: repository.host.clone(),
            what: format!("the chart `{reference}`"),
            reason,
        }
    };
    let fetched = found.ok_or_else(|| {
        let asked = work.access.asked(&repository);
        RegistryError::NotFound { host: asked.host, what: format!("chart `{tag}` in `{}`", asked.path) }
    })?;
    let document = oci::parse(&fetched.media_type, &fetched.bytes, work.limits);
    let Ok(OciDocument::Manifest { layers, .. }) = document else {
        return Err(wrong("it is not a manifest of one chart").into());
    };
    let is_chart = |media_type: &str| media_type == "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let Some(layer) = layers.iter().find(|layer| is_chart(&layer.media_type)) else {
        return Err(wrong("it has no layer that is a packed chart").into());
    };
    task.expect(layer.size);
    let blob = Blob { digest: layer.digest, size: layer.size };
    client.fetch(&repository, blob, work.store, work.watch)?;
    fetch::remember_mirror(&layer.digest, work.access.mirrors.get(&repository.host), task)?;
    Ok((layer.digest, layer.size))
}
