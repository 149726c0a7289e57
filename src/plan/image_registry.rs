//! Images in registries: resolves a tag and downloads everything below it into the store.

use super::context::{FileRange, Task, each_on, read_part};
use super::error::PlanError;
use super::lock::{LockedBlob, LockedReferrer};
use super::manifest::{ManifestItem, Platforms, PullSource, ReferrerChoice, Source};
use super::resolve::by_way_of;
use super::rootfs::ImageLayers;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::{self, Descriptor, OciDocument};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_registry::{Client, Fetched, RegistryAccess, RegistryError, Repository};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Requests under way at a time: a registry answers slower than it sends, so more than there are cores.
const CONNECTIONS: usize = 6;
/// How deep referrers of referrers are looked for: a signature of an SBOM of an image.
const DEPTH: usize = 3;

/// An image as its registry has it, all of it in the store.
#[derive(Debug, Clone)]
pub(super) struct Pulled {
    pub(super) reference: ImageName,
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) origin: String,
    pub(super) blobs: Vec<LockedBlob>,
    pub(super) withheld: Vec<Digest>,
    pub(super) referrers: Vec<LockedReferrer>,
    /// Its manifests, with what they announce.
    images: Vec<ImageLayers>,
}

/// Pulls every image of a manifest that is in a registry: their documents first, then every blob once.
///
/// When some cannot be pulled, no blob is, and there is an error for each of them.
pub(super) fn pull(
    items: &[&ManifestItem],
    task: &Task<'_>,
) -> Result<(HashMap<Name, Pulled>, Vec<PlanError>), PlanError> {
    let sources: Vec<_> = items
        .iter()
        .filter_map(|item| match &item.source {
            Source::Pull(source) => Some((*item, source)),
            Source::Image(_)
            | Source::Path { .. }
            | Source::Url { .. }
            | Source::Git { .. }
            | Source::Chart { .. } => None,
        })
        .collect();
    if sources.is_empty() {
        return Ok((HashMap::new(), Vec::new()));
    }
    let client = Client::new(task.work.access.clone())?;
    let tried = each_on(CONNECTIONS, &sources, |(item, source), _| {
        let walk = ImagePull::new(&client, source, task).and_then(ImagePull::run);
        match walk.map_err(|error| error.about(item.kind, &item.name)) {
            Err(PlanError::Interrupted) => Err(PlanError::Interrupted),
            other => Ok(other),
        }
    })?;
    let (mut walked, mut errors): (Vec<(Pulled, Vec<Blob>)>, _) = (Vec::new(), Vec::new());
    for tried in tried {
        match tried {
            Ok(found) => walked.push(found),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Ok((HashMap::new(), errors));
    }
    let mut missing = BTreeMap::new();
    for ((item, _), (pulled, fetch)) in sources.iter().zip(&walked) {
        let repository = Repository::of(&pulled.reference)?;
        missing.extend(fetch.iter().map(|blob| (blob.digest, (*blob, repository.clone(), *item))));
    }
    let missing: Vec<_> = missing.into_values().collect();
    task.expect(missing.iter().map(|(blob, ..)| blob.size).sum());
    fetch_all(&client, &missing, task)?;
    for ((item, _), (pulled, _)) in sources.iter().zip(&walked) {
        check_layers(pulled, task).map_err(|error| error.about(item.kind, &item.name))?;
    }
    let pulled = sources.iter().zip(walked).map(|((item, _), (pulled, _))| (item.name.clone(), pulled));
    Ok((pulled.collect(), errors))
}

/// Compares the layers of an image with its configurations, which are in the store by now.
fn check_layers(pulled: &Pulled, task: &Task<'_>) -> Result<(), PlanError> {
    let limit = task.work.limits.document;
    for layers in pulled.images.iter().filter(|layers| layers.is_image()) {
        let digest = layers.config.digest;
        let path = task.work.store.get(&digest);
        let path =
            path.ok_or_else(|| PlanError::NotStored { what: format!("the configuration {digest}") })?;
        let config = read_part(&FileRange { path, offset: 0, size: layers.config.size }, limit)?;
        let host = pulled.reference.registry().unwrap_or_default().to_owned();
        let what = format!("an image in `{}`", pulled.reference);
        layers.compare(&config).map_err(|reason| RegistryError::Document { host, what, reason })?;
    }
    Ok(())
}

/// Brings blobs into the store.
fn fetch_all(
    client: &Client,
    blobs: &[(Blob, Repository, &ManifestItem)],
    task: &Task<'_>,
) -> Result<(), PlanError> {
    let work = task.work;
    each_on(CONNECTIONS, blobs, |(blob, repository, item), _| {
        let fetched = client.fetch(repository, *blob, work.store, work.watch);
        fetched.map_err(|error| PlanError::from(error).about(item.kind, &item.name))
    })
    .map(drop)
}

/// Brings back what the store has lost since an image was locked.
pub(super) fn restore(reference: &ImageName, blobs: &[Blob], task: &Task<'_>) -> Result<(), PlanError> {
    let work = task.work;
    let client = Client::new(work.access.clone())?;
    let repository = Repository::of(reference)?;
    each_on(CONNECTIONS, blobs, |blob, _| {
        match client.fetch(&repository, *blob, work.store, work.watch) {
            // Registries keep manifests apart from blobs.
            Err(RegistryError::NotFound { .. }) => {
                let digest = blob.digest.to_string();
                let found = client.manifest(&repository, &digest, work.limits, work.watch)?;
                let fetched = found.ok_or_else(|| missing(work.access, &repository, &digest))?;
                work.store.put(&mut fetched.bytes.as_slice(), Some(blob.digest))?;
                Ok(())
            }
            other => Ok(other?),
        }
    })
    .map(drop)
}

/// Names the place that was asked, which a mirror may have led to.
fn missing(access: &RegistryAccess, repository: &Repository, reference: &str) -> RegistryError {
    let asked = access.asked(repository);
    RegistryError::NotFound { host: asked.host, what: format!("manifest `{reference}` in `{}`", asked.path) }
}

/// What builders attest has no platform of its own.
fn is_attestation(child: &Descriptor) -> bool {
    child.platform.as_deref() == Some("unknown/unknown")
}

/// Which manifest an attestation in an index is about (`BuildKit`, "Image attestation storage").
fn attested(index: &[u8]) -> BTreeMap<Digest, Digest> {
    #[derive(serde::Deserialize)]
    struct ReferrerList {
        manifests: Vec<ReferrerDescriptor>,
    }
    #[derive(serde::Deserialize)]
    struct ReferrerDescriptor {
        digest: Digest,
        #[serde(default)]
        annotations: BTreeMap<String, serde_json::Value>,
    }
    let Ok(index) = serde_json::from_slice::<ReferrerList>(index) else { return BTreeMap::new() };
    let about = |one: ReferrerDescriptor| {
        let digest = one.annotations.get("vnd.docker.reference.digest")?.as_str()?.parse().ok()?;
        Some((one.digest, digest))
    };
    index.manifests.into_iter().filter_map(about).collect()
}

/// One image, while its documents are read.
struct ImagePull<'a> {
    client: &'a Client,
    source: &'a PullSource,
    task: &'a Task<'a>,
    repository: Repository,
    order: Vec<LockedBlob>,
    known: BTreeSet<Digest>,
    fetch: Vec<Blob>,
    withheld: BTreeSet<Digest>,
    /// Referrers of media types that are unknown here.
    passed_over: BTreeSet<Digest>,
    /// Platforms that the indexes name.
    platforms: BTreeSet<String>,
    /// What referrers are looked for of: the root and every manifest.
    subjects: Vec<Digest>,
    images: Vec<ImageLayers>,
}

impl<'a> ImagePull<'a> {
    fn new(client: &'a Client, source: &'a PullSource, task: &'a Task<'a>) -> Result<Self, PlanError> {
        Ok(Self {
            client,
            source,
            task,
            repository: Repository::of(&source.reference)?,
            order: Vec::new(),
            known: BTreeSet::new(),
            fetch: Vec::new(),
            withheld: BTreeSet::new(),
            passed_over: BTreeSet::new(),
            platforms: BTreeSet::new(),
            subjects: Vec::new(),
            images: Vec::new(),
        })
    }

    fn run(mut self) -> Result<(Pulled, Vec<Blob>), PlanError> {
        let reference = &self.source.reference;
        let digest = reference.digest().map(|digest| digest.to_string());
        let name = digest.as_deref().or(reference.tag()).unwrap_or_default();
        let root = self.manifest(name)?;
        let whole = root.digest;
        let root = match &self.source.platforms {
            Platforms::Narrow(platform) => self.narrowed(root, platform)?,
            Platforms::All | Platforms::Sparse(_) => root,
        };
        let (media_type, digest, size) = (root.media_type.clone(), root.digest, root.bytes.len() as u64);
        self.document(&root, 0)?;
        if let Platforms::Sparse(wanted) = &self.source.platforms {
            self.check_platforms(wanted)?;
        }
        let mut referrers = Vec::new();
        if self.source.referrers == ReferrerChoice::Carry {
            let subjects = std::mem::take(&mut self.subjects);
            self.refer(&subjects, 0, &mut referrers)?;
        }
        let narrowed = match &self.source.platforms {
            Platforms::Narrow(platform) => format!(", narrowed to {platform} from the index {whole}"),
            Platforms::All | Platforms::Sparse(_) => String::new(),
        };
        let passed_over = match self.passed_over.len() {
            0 => String::new(),
            1 => ", without 1 referrer of an unknown media type".to_owned(),
            count => format!(", without {count} referrers of unknown media types"),
        };
        let kept = if reference.tag().is_some() { reference.without_digest() } else { reference.clone() };
        let pulled = Pulled {
            reference: kept,
            media_type,
            digest,
            size,
            origin: format!(
                "registry {}{narrowed}{passed_over}{}",
                self.source.reference,
                by_way_of(self.mirror())
            ),
            blobs: self.order,
            withheld: self.withheld.into_iter().collect(),
            referrers,
            images: self.images,
        };
        Ok((pulled, self.fetch))
    }

    fn mirror(&self) -> Option<String> {
        self.task.work.access.mirrors.get(&self.repository.host).cloned()
    }

    fn wrong(&self, what: String, reason: String) -> PlanError {
        RegistryError::Document { host: self.repository.host.clone(), what, reason }.into()
    }

    /// A document, as the registry has it.
    fn manifest(&self, name: &str) -> Result<Fetched, PlanError> {
        let work = self.task.work;
        self.task.go_on()?;
        let found = self.client.manifest(&self.repository, name, work.limits, work.watch)?;
        Ok(found.ok_or_else(|| missing(work.access, &self.repository, name))?)
    }

    fn child(&self, descriptor: &Descriptor) -> Result<Fetched, PlanError> {
        let fetched = self.manifest(&descriptor.digest.to_string())?;
        if fetched.bytes.len() as u64 != descriptor.size {
            let reason =
                format!("it has {} bytes, and its index says {}", fetched.bytes.len(), descriptor.size);
            return Err(self.wrong(descriptor.digest.to_string(), reason));
        }
        Ok(Fetched { media_type: descriptor.media_type.clone(), ..fetched })
    }

    fn parse(&self, fetched: &Fetched) -> Result<OciDocument, PlanError> {
        oci::parse(&fetched.media_type, &fetched.bytes, self.task.work.limits)
            .map_err(|reason| self.wrong(format!("the document {}", fetched.digest), reason))
    }

    /// The manifest of one platform of an index.
    fn narrowed(
        &self,
        root: Fetched,
        platform: &sealift_bundle::value::platform::Platform,
    ) -> Result<Fetched, PlanError> {
        let OciDocument::Index(children) = self.parse(&root)? else { return Ok(root) };
        let covered = |child: &&Descriptor| {
            oci::is_document(&child.media_type)
                && child.platform.as_ref().is_some_and(|found| platform.covers(found))
        };
        match children.iter().filter(covered).collect::<Vec<_>>().as_slice() {
            [one] => self.child(one),
            [] => Err(self
                .no_platform(platform.as_str(), children.iter().filter_map(|child| child.platform.clone()))),
            several => {
                let found = several.iter().filter_map(|child| child.platform.clone()).collect::<Vec<_>>();
                let reason = format!("several of its manifests are for `{platform}`: {}", found.join(", "));
                Err(self.wrong(format!("the index {}", root.digest), reason))
            }
        }
    }

    fn no_platform(&self, wanted: &str, found: impl Iterator<Item = String>) -> PlanError {
        let found: BTreeSet<_> = found.filter(|found| found != oci::NO_PLATFORM).collect();
        PlanError::NoPlatform {
            reference: Box::new(self.source.reference.clone()),
            wanted: wanted.to_owned(),
            found: found.into_iter().collect(),
        }
    }

    fn check_platforms(&self, wanted: &[sealift_bundle::value::platform::Platform]) -> Result<(), PlanError> {
        // An image that is not an index has one platform, and nothing to leave out.
        if self.platforms.is_empty() {
            return Ok(());
        }
        match wanted.iter().find(|wanted| !self.platforms.iter().any(|found| wanted.covers(found))) {
            Some(missing) => Err(self.no_platform(missing.as_str(), self.platforms.iter().cloned())),
            None => Ok(()),
        }
    }

    /// Keeps a document and takes up everything that it announces.
    fn document(&mut self, fetched: &Fetched, depth: usize) -> Result<(), PlanError> {
        let limits = self.task.work.limits;
        if depth > limits.nesting {
            let what = format!("nested indexes above {}", fetched.digest);
            let (found, limit) = (depth as u64, limits.nesting as u64);
            return Err(PlanError::Limit { what, found, limit });
        }
        if !self.known.insert(fetched.digest) {
            return Ok(());
        }
        self.check_count()?;
        self.task.work.store.put(&mut fetched.bytes.as_slice(), Some(fetched.digest))?;
        let size = fetched.bytes.len() as u64;
        self.order.push(LockedBlob { digest: fetched.digest, size, member: None });
        self.subjects.push(fetched.digest);
        match self.parse(fetched)? {
            OciDocument::Index(children) => {
                let subjects = attested(&fetched.bytes);
                let left_out = children.iter().filter(|child| !self.travels(child));
                let left_out: Vec<_> = left_out.map(|child| child.digest).collect();
                self.withheld.extend(left_out);
                for child in &children {
                    let is_document = oci::is_document(&child.media_type);
                    self.platforms.extend(child.platform.clone().filter(|_| is_document));
                    let about = subjects.get(&child.digest).filter(|_| is_attestation(child));
                    if about.is_some_and(|about| self.withheld.contains(about)) {
                        self.withheld.insert(child.digest);
                        continue;
                    }
                    if !self.travels(child) || !self.is_new(child)? {
                        continue;
                    }
                    match self.child(child) {
                        Ok(below) => self.document(&below, depth + 1)?,
                        Err(PlanError::Registry(RegistryError::NotFound { .. })) if is_attestation(child) => {
                            self.withheld.insert(child.digest);
                            let reference = &self.source.reference;
                            let digest = child.digest;
                            self.note(format!(
                                "`{reference}` lists the attestation {digest}, which its registry does not have; it does not travel"
                            ));
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            OciDocument::Manifest { config, layers } => {
                std::iter::once(&config).chain(&layers).try_for_each(|blob| self.blob(blob))?;
                self.images.push(ImageLayers { manifest: fetched.digest, config, listed: layers });
                Ok(())
            }
        }
    }

    fn note(&self, text: String) {
        self.client.note(self.task.work.watch, text);
    }

    /// Attestations of builders, which have no platform, travel with every one. What is of a media type that is unknown
    /// here is left where it is, because an unknown one must not be an error (OCI image spec 1.1, "Image Index").
    fn travels(&self, child: &Descriptor) -> bool {
        match (&self.source.platforms, &child.platform) {
            _ if !oci::is_document(&child.media_type) => false,
            (Platforms::Sparse(wanted), Some(found)) if found != oci::NO_PLATFORM => {
                wanted.iter().any(|wanted| wanted.covers(found))
            }
            _ => true,
        }
    }

    /// Whether a child was not met before; one that was has to have the same size.
    fn is_new(&self, child: &Descriptor) -> Result<bool, PlanError> {
        let known = self.known.contains(&child.digest);
        match self.order.iter().find(|blob| known && blob.digest == child.digest) {
            Some(known) if known.size != child.size => {
                let reason = format!("it has {} bytes, and an index says {}", known.size, child.size);
                Err(self.wrong(format!("the document {}", child.digest), reason))
            }
            Some(_) => Ok(false),
            None => Ok(true),
        }
    }

    fn check_count(&self) -> Result<(), PlanError> {
        let (found, limit) = (self.known.len() as u64, self.task.work.limits.blobs as u64);
        if found <= limit {
            return Ok(());
        }
        Err(PlanError::Limit { what: "blobs of one image".to_owned(), found, limit })
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<(), PlanError> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        if !self.known.insert(digest) {
            return match self.order.iter().find(|blob| blob.digest == digest) {
                Some(blob) if blob.size != size => {
                    let reason = format!("it has {} bytes in one manifest and {size} in another", blob.size);
                    Err(self.wrong(format!("the blob {digest}"), reason))
                }
                Some(_) | None => Ok(()),
            };
        }
        self.check_count()?;
        self.order.push(LockedBlob { digest, size, member: None });
        self.fetch.push(Blob { digest, size });
        Ok(())
    }

    /// Takes up what refers to these digests, and what refers to that.
    fn refer(
        &mut self,
        subjects: &[Digest],
        depth: usize,
        found: &mut Vec<LockedReferrer>,
    ) -> Result<(), PlanError> {
        let work = self.task.work;
        let mut further = Vec::new();
        for subject in subjects {
            for referrer in self.client.referrers(&self.repository, subject, work.limits, work.watch)? {
                let digest = referrer.root.digest;
                if self.known.contains(&digest) || self.withheld.contains(&digest) {
                    continue;
                }
                let skipped = |why: &str| {
                    format!(
                        "the registry lists {digest} under {subject} of `{}`, {why}; it does not travel",
                        self.source.reference
                    )
                };
                if !oci::is_document(&referrer.media_type) {
                    self.passed_over.insert(digest);
                    self.note(skipped("and it is not a manifest"));
                    continue;
                }
                let descriptor = Descriptor {
                    media_type: referrer.media_type,
                    digest,
                    size: referrer.root.size,
                    platform: None,
                };
                let fetched = match self.child(&descriptor) {
                    Err(PlanError::Registry(RegistryError::NotFound { .. })) => {
                        self.note(skipped("and does not have it"));
                        continue;
                    }
                    other => other?,
                };
                if referrer.tag.is_none() && oci::subject(&fetched.bytes) != Some(*subject) {
                    self.note(skipped("and it does not refer to that"));
                    continue;
                }
                let (digest, size, media_type) = (descriptor.digest, descriptor.size, descriptor.media_type);
                found.push(LockedReferrer { media_type, digest, size, tag: referrer.tag });
                self.subjects.clear();
                self.document(&fetched, 0)?;
                further.append(&mut self.subjects);
            }
        }
        if further.is_empty() || depth + 1 >= DEPTH {
            return Ok(());
        }
        self.refer(&further, depth + 1, found)
    }
}
