//! Images in OCI image layouts.

use super::context::{FileRange, Task, each, read_part};
use super::error::PlanError;
use super::image_files::Members;
use super::image_select::{self, Candidate, Candidates};
use super::lock::LockedBlob;
use super::manifest::Platforms;
use super::rootfs::ImageLayers;
use sealift_bundle::format::image_json::{self, ImageJson};
use sealift_bundle::format::member::{INDEX, MANIFEST, OCI_LAYOUT, blob_name};
use sealift_bundle::format::oci::{self, Descriptor, OciDocument};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::printable::Printable;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutMarker {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutIndex {
    schema_version: u64,
    /// Docker 25.0.1 writes `null` for none.
    manifests: Option<Vec<LayoutDescriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutDescriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct MayRefer {
    subject: Option<IgnoredAny>,
}

/// True for a source that has the two files of every layout.
pub(super) fn is_layout(members: &Members) -> Result<bool, PlanError> {
    Ok(members.find(OCI_LAYOUT)?.is_some() && members.find(INDEX)?.is_some())
}

/// The images of a layout, looked for once. What refers to another image (signatures, SBOMs) is none of them.
pub(super) fn candidates<'a>(members: &'a Members, limits: &Limits) -> Result<&'a Candidates, PlanError> {
    if let Some(known) = members.listed.get() {
        return Ok(known);
    }
    let found = Candidates::new(find_candidates(members, limits)?);
    Ok(members.listed.get_or_init(|| found))
}

fn find_candidates(members: &Members, limits: &Limits) -> Result<Vec<Candidate>, PlanError> {
    let marker = members.read(OCI_LAYOUT, limits.document)?.ok_or_else(|| {
        members
            .wrong("it has no `oci-layout`; what `docker save` wrote is named with `archive`, not `layout`")
    })?;
    let marker: LayoutMarker = serde_json::from_slice(&marker)
        .map_err(|error| members.wrong(format!("its `oci-layout` cannot be read: {error}")))?;
    if marker.image_layout_version != "1.0.0" {
        let version = Printable(&marker.image_layout_version).to_string();
        return Err(members.wrong(format!("it is a layout of version {version}, expected 1.0.0")));
    }
    let index = members.read(INDEX, limits.index)?.ok_or_else(|| members.wrong("it has no `index.json`"))?;
    image_json::check(ImageJson::Document, &index)
        .map_err(|reason| members.wrong(format!("its `index.json` is ambiguous: {reason}")))?;
    let index: LayoutIndex = serde_json::from_slice(&index)
        .map_err(|error| members.wrong(format!("its `index.json` cannot be read: {error}")))?;
    if index.schema_version != 2 {
        return Err(
            members.wrong(format!("its index has schemaVersion {}, expected 2", index.schema_version))
        );
    }
    let mut found: Vec<Candidate> = Vec::new();
    let mut known = HashMap::new();
    for listed in index.manifests.unwrap_or_default() {
        let annotation = |key: &str| listed.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        let tag = annotation("org.opencontainers.image.ref.name");
        if !oci::is_document(&listed.media_type) || tag.as_deref().is_some_and(is_referrers_tag) {
            continue;
        }
        if refers(members, &listed, limits)? {
            continue;
        }
        let names = [annotation("io.containerd.image.name"), tag];
        let at = *known.entry(listed.digest).or_insert(found.len());
        if at == found.len() {
            let (media_type, digest, size) = (listed.media_type, listed.digest, listed.size);
            found.push(Candidate { media_type, digest, size, names: Vec::new() });
        }
        if let Some(candidate) = found.get_mut(at) {
            candidate.names.extend(names.into_iter().flatten());
        }
    }
    add_docker_names(members, &mut found, limits)?;
    Ok(found)
}

/// `sha256-<hex>`, with or without a suffix: how referrers are tagged where the referrers API is missing.
fn is_referrers_tag(name: &str) -> bool {
    let tag = name.rsplit([':', '/']).next().unwrap_or_default();
    let digits = tag.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
    digits.is_some_and(|digits| Digest::from_hex(digits).is_ok())
}

/// True for a document with a `subject`. One that is missing counts as an image: choosing it says what is wrong.
fn refers(members: &Members, listed: &LayoutDescriptor, limits: &Limits) -> Result<bool, PlanError> {
    let part = members.find(&blob_name(&listed.digest))?;
    let Some(part) = part.filter(|part| part.size <= limits.document) else { return Ok(false) };
    let document = read_part(&part, limits.document)?;
    let document = serde_json::from_slice::<MayRefer>(&document);
    Ok(document.is_ok_and(|document| document.subject.is_some()))
}

/// `docker save` of version 25 and later writes full names only into `manifest.json`; what it names there by its
/// configuration is found again in the index.
fn add_docker_names(members: &Members, found: &mut [Candidate], limits: &Limits) -> Result<(), PlanError> {
    let Some(listed) = members.read(MANIFEST, limits.index)? else { return Ok(()) };
    let listed = super::image_docker_archive::parse_listed(members, &listed)?;
    let mut numbers: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (number, image) in listed.iter().enumerate() {
        let hex = image.config.strip_prefix("blobs/sha256/");
        if let Some(digest) = hex.and_then(|hex| Digest::from_hex(hex).ok()) {
            numbers.entry(digest).or_default().push(number);
        }
    }
    for candidate in found {
        let configs = configs(members, &candidate.media_type, &candidate.digest, limits);
        let own: BTreeSet<_> = configs.iter().filter_map(|config| numbers.get(config)).flatten().collect();
        for tag in own.into_iter().filter_map(|number| listed.get(*number)?.repo_tags.as_ref()).flatten() {
            if !candidate.names.contains(tag) {
                candidate.names.push(tag.clone());
            }
        }
    }
    Ok(())
}

/// The configurations of a manifest, or of the manifests of an index.
pub(super) fn configs(members: &Members, media_type: &str, digest: &Digest, limits: &Limits) -> Vec<Digest> {
    let document = |media_type: &str, digest: &Digest| {
        let bytes = members.read(&blob_name(digest), limits.document).ok()??;
        oci::parse(media_type, &bytes, limits).ok()
    };
    match document(media_type, digest) {
        Some(OciDocument::Manifest { config, .. }) => vec![config.digest],
        Some(OciDocument::Index(children)) => children
            .iter()
            .filter_map(|child| match document(&child.media_type, &child.digest)? {
                OciDocument::Manifest { config, .. } => Some(config.digest),
                OciDocument::Index(_) => None,
            })
            .collect(),
        None => Vec::new(),
    }
}

/// An image of a layout, all of it found and hashed.
#[derive(Debug)]
pub(super) struct PinnedImage {
    pub(super) root: Candidate,
    /// Every blob, the root first.
    pub(super) blobs: Vec<LockedBlob>,
    /// Manifests that its indexes list and that do not travel, ascending.
    pub(super) withheld: Vec<Digest>,
    /// How many of those the source does not hold.
    pub(super) missing: usize,
}

/// The image that `select` names, or the only one. A digest may be that of a manifest in an index of an image.
pub(super) fn choose(
    members: &Members,
    candidates: &Candidates,
    select: Option<&str>,
    limits: &Limits,
) -> Result<Candidate, PlanError> {
    let digest = select.filter(|select| !candidates.has(select)).and_then(|select| select.parse().ok());
    if let Some(child) = digest.and_then(|digest: Digest| {
        let children = members.children.get_or_init(|| {
            let mut all = HashMap::new();
            for image in candidates.iter() {
                for child in children(members, image, limits) {
                    all.entry(child.digest).or_insert_with(|| of_child(image, &child));
                }
            }
            all
        });
        children.get(&digest)
    }) {
        return Ok(child.clone());
    }
    image_select::choose(candidates, select, &members.path).cloned()
}

fn of_child(image: &Candidate, child: &Descriptor) -> Candidate {
    let (media_type, digest, size) = (child.media_type.clone(), child.digest, child.size);
    Candidate { media_type, digest, size, names: image.names.clone() }
}

/// What an image that is an index lists.
fn children(members: &Members, image: &Candidate, limits: &Limits) -> Vec<Descriptor> {
    let bytes = members.read(&blob_name(&image.digest), limits.document).ok().flatten().unwrap_or_default();
    match oci::parse(&image.media_type, &bytes, limits) {
        Ok(OciDocument::Index(children)) => children,
        Ok(OciDocument::Manifest { .. }) | Err(_) => Vec::new(),
    }
}

/// Every blob of an image, found and hashed.
///
/// Manifests that its index lists and that the source does not hold are withheld, as those of other platforms are:
/// Docker 29 saves the whole index and the content of what was pulled.
pub(super) fn pin(
    members: &Members,
    image: &Candidate,
    platforms: &Platforms,
    task: &Task<'_>,
) -> Result<PinnedImage, PlanError> {
    let image = match platforms {
        Platforms::Narrow(platform) => narrowed(members, image, platform, task.work.limits)?,
        Platforms::All | Platforms::Sparse(_) => image.clone(),
    };
    let root = Descriptor {
        media_type: image.media_type.clone(),
        digest: image.digest,
        size: image.size,
        platform: None,
    };
    let mut blobs = LayoutReader {
        members,
        limits: task.work.limits,
        platforms,
        order: Vec::new(),
        known: BTreeMap::new(),
        documents: BTreeSet::new(),
        images: Vec::new(),
        withheld: BTreeSet::new(),
        missing: 0,
        found: BTreeSet::new(),
    };
    blobs.document(&root, INDEX, 0)?;
    blobs.check_platforms()?;
    let LayoutReader { order, images, withheld, missing, .. } = blobs;
    if images.is_empty() {
        return Err(
            members.wrong(format!("it holds none of the manifests that the index {} lists", image.digest))
        );
    }
    let new: Vec<_> =
        order.iter().filter(|(blob, part, _)| members.known(part) != Some(blob.digest)).collect();
    task.expect(new.iter().map(|(blob, ..)| blob.size).sum());
    each(task, &new, |(blob, part, parent), buffer| {
        let found = members.digest(part, task, buffer)?;
        if found == blob.digest {
            return Ok(());
        }
        Err(members.wrong(format!("blob {} of {parent} has the digest {found}", blob.digest)))
    })?;
    for layers in images.iter().filter(|layers| layers.is_image()) {
        let name = blob_name(&layers.config.digest);
        let config = members.read(&name, task.work.limits.document)?.unwrap_or_default();
        let path = || members.path.clone();
        layers.compare(&config).map_err(|reason| PlanError::Layers { path: path(), reason })?;
    }
    let blobs = order.into_iter().map(|(blob, ..)| blob).collect();
    Ok(PinnedImage { root: image, blobs, withheld: withheld.into_iter().collect(), missing })
}

/// The manifest of one platform of an image.
fn narrowed(
    members: &Members,
    image: &Candidate,
    platform: &Platform,
    limits: &Limits,
) -> Result<Candidate, PlanError> {
    let all = children(members, image, limits);
    if all.is_empty() {
        return Ok(image.clone());
    }
    let covered = |child: &&Descriptor| child.platform.as_ref().is_some_and(|found| platform.covers(found));
    let found = || all.iter().filter_map(|child| child.platform.clone());
    match all.iter().filter(covered).collect::<Vec<_>>().as_slice() {
        [one] => Ok(of_child(image, one)),
        [] => Err(no_platform(members, platform.as_str(), found())),
        _ => {
            Err(members
                .wrong(format!("several manifests of the index {} are for `{platform}`", image.digest)))
        }
    }
}

fn no_platform(members: &Members, wanted: &str, found: impl Iterator<Item = String>) -> PlanError {
    let found: BTreeSet<_> = found.filter(|found| found != UNKNOWN).collect();
    PlanError::NotForPlatform {
        path: members.path.clone(),
        wanted: wanted.to_owned(),
        found: found.into_iter().collect(),
    }
}

const UNKNOWN: &str = "unknown/unknown";

struct LayoutReader<'a> {
    members: &'a Members,
    limits: &'a Limits,
    platforms: &'a Platforms,
    order: Vec<(LockedBlob, FileRange, String)>,
    known: BTreeMap<Digest, u64>,
    documents: BTreeSet<Digest>,
    images: Vec<ImageLayers>,
    withheld: BTreeSet<Digest>,
    missing: usize,
    /// Platforms of manifests that the source holds.
    found: BTreeSet<String>,
}

impl LayoutReader<'_> {
    /// Takes up a document and everything it announces.
    fn document(&mut self, descriptor: &Descriptor, parent: &str, depth: usize) -> Result<(), PlanError> {
        let (digest, members) = (descriptor.digest, self.members);
        if depth > self.limits.nesting {
            let (found, limit) = (depth as u64, self.limits.nesting as u64);
            let what = format!("nested indexes above {digest}");
            return Err(PlanError::Limit { what, found, limit });
        }
        let part = self.blob(descriptor, parent)?;
        if !self.documents.insert(digest) {
            return Ok(());
        }
        let bytes = read_part(&part, self.limits.document)?;
        // What a document announces is verified only when it is the right document.
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(members.wrong(format!("blob {digest} of {parent} has the digest {found}")));
        }
        let document = oci::parse(&descriptor.media_type, &bytes, self.limits)
            .map_err(|reason| members.wrong(format!("{digest}: {reason}")))?;
        let parent = digest.to_string();
        match document {
            OciDocument::Index(children) => {
                children.iter().try_for_each(|child| self.child(child, &parent, depth + 1))
            }
            OciDocument::Manifest { config, layers } => {
                std::iter::once(&config)
                    .chain(&layers)
                    .try_for_each(|blob| self.blob(blob, &parent).map(drop))?;
                if descriptor.platform.as_deref() != Some(UNKNOWN) {
                    self.images.push(ImageLayers { manifest: digest, config, listed: layers });
                }
                Ok(())
            }
        }
    }

    /// Takes up what an index lists, unless it stays behind or is missing.
    fn child(&mut self, child: &Descriptor, parent: &str, depth: usize) -> Result<(), PlanError> {
        let is_there = self.members.find(&blob_name(&child.digest))?.is_some();
        self.found.extend(child.platform.clone().filter(|_| is_there));
        let is_wanted = match (self.platforms, &child.platform) {
            (Platforms::Sparse(wanted), Some(found)) if found != UNKNOWN => {
                wanted.iter().any(|wanted| wanted.covers(found))
            }
            _ => true,
        };
        if is_there && is_wanted {
            return self.document(child, parent, depth);
        }
        self.missing += usize::from(is_wanted);
        self.withheld.insert(child.digest);
        Ok(())
    }

    fn check_platforms(&self) -> Result<(), PlanError> {
        let Platforms::Sparse(wanted) = self.platforms else { return Ok(()) };
        // An image that is not an index has one platform, and nothing to leave out.
        if self.found.is_empty() && self.withheld.is_empty() {
            return Ok(());
        }
        match wanted.iter().find(|wanted| !self.found.iter().any(|found| wanted.covers(found))) {
            Some(lacking) => Err(no_platform(self.members, lacking.as_str(), self.found.iter().cloned())),
            None => Ok(()),
        }
    }

    /// Takes up a blob, unless it is known already.
    fn blob(&mut self, descriptor: &Descriptor, parent: &str) -> Result<FileRange, PlanError> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        let known = self.known.insert(digest, size);
        if let Some(known) = known.filter(|known| *known != size) {
            let reason = format!("{digest} has {known} bytes in one manifest and {size} in {parent}");
            return Err(self.members.wrong(reason));
        }
        if self.known.len() > self.limits.blobs {
            let (found, limit) = (self.known.len() as u64, self.limits.blobs as u64);
            return Err(PlanError::Limit { what: "blobs of an image".to_owned(), found, limit });
        }
        let part = self
            .members
            .find(&blob_name(&digest))?
            .ok_or_else(|| self.members.wrong(format!("blob {digest}, which {parent} names, is missing")))?;
        if part.size != size {
            let reason = format!("blob {digest} has {} bytes, and {parent} says {size}", part.size);
            return Err(self.members.wrong(reason));
        }
        if known.is_none() {
            self.order.push((LockedBlob { digest, size, member: None }, part.clone(), parent.to_owned()));
        }
        Ok(part)
    }
}

#[cfg(test)]
mod tests;
