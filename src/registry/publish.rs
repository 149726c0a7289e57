//! A bundle in a registry: its index with every item, and its seal as a referrer of the index.
//!
//! Images in it can be pulled as images, blobs that an earlier bundle brought are not sent again, and what is pulled back
//! is the bundle file byte for byte: the seal's manifest holds the members in front of the blobs, and everything else
//! follows from them.

use super::client::Client;
use super::destination::{Destination, ReferrerSupport, TargetNames};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::load::{Doc, Load};
use super::pull::Fetched;
use super::stream::BlobReader;
use super::waiting::in_io;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::blob_order::BlobOrder;
use sealift_bundle::format::index::{Blob, Index};
use sealift_bundle::format::member::{self, blob_name, member_header, padding};
use sealift_bundle::format::oci;
use sealift_bundle::format::statement::Statement;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::Progress;
use serde::Deserialize;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};

/// Artifact type of the manifest that holds a seal.
pub(crate) const SEAL_TYPE: &str = "application/vnd.sealift.seal.v1";
/// Media type of the members in it.
const MEMBER_TYPE: &str = "application/octet-stream";
/// The empty configuration (OCI image specification 1.1, "Guidance for an Empty Descriptor").
const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// Which member a layer is.
const TITLE: &str = "org.opencontainers.image.title";
/// The tag under which a bundle was published: an index may have several seals.
const TAG: &str = "dev.sealift.published.tag";
const STATEMENT: &str = "dev.sealift.published.statement";
/// The members that a seal's manifest holds. The others follow: the index is the manifest it refers to, the reserve holds
/// zeros, and `oci-layout` is always the same.
const HELD: [&str; 6] =
    [member::ROOTS, member::SEAL, member::STATEMENT, member::SHA256SUMS, member::VERIFY, member::MANIFEST];

/// What a bundle in a registry is.
#[derive(Debug, Clone)]
pub struct Published {
    /// Digest of its index.
    pub index: Digest,
    /// Digest of the manifest that holds its seal.
    pub seal: Digest,
    /// Blobs that were sent.
    pub sent: u64,
    /// Bytes of those blobs.
    pub sent_bytes: u64,
    /// Blobs that were there.
    pub present: u64,
}

/// Puts a bundle into a repository, under a tag. Where the repository has all its blobs, its layers are not read.
pub fn publish(
    place: &OpenBundle<'_>,
    client: &Client,
    repository: &Repository,
    tag: &str,
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<Published, RegistryError> {
    let (host, prefix) = (repository.host.clone(), String::new());
    let destination = Destination {
        host,
        prefix,
        names: TargetNames::Path,
        referrers: ReferrerSupport::Push,
        fallback: None,
    };
    let load = Load { place, client, destination: &destination, limits, watch };
    let mut documents = Vec::new();
    let mut blobs = Vec::new();
    for contents in &place.contents.items {
        let item = &contents.item;
        // Before anything else is sent: some registries want everything that an index lists.
        let root = Doc { blob: item.root, media_type: item.media_type.clone() };
        if !item.withheld.is_empty() && !load.takes_sparse(repository, &root)? {
            return Err(RegistryError::Sparse {
                host: repository.host.clone(),
                item: item.head.name.clone(),
            });
        }
        let referrers = item.referrers.iter().map(|referrer| (referrer.root, &referrer.media_type));
        for (blob, media_type) in std::iter::once((item.root, &item.media_type)).chain(referrers) {
            let closure = load.closure(&Doc { blob, media_type: media_type.clone() })?;
            documents.extend(closure.documents);
            blobs.extend(closure.blobs);
        }
    }
    let sent = load.send_all(blobs.iter().map(|blob| (*blob, repository)))?;
    if let Some(error) = sent.first {
        return Err(error);
    }
    for document in &documents {
        load.document(repository, document)?;
    }
    let index = place.member(member::INDEX)?;
    client.put_manifest(repository, &Digest::of(&index).to_string(), oci::OCI_INDEX, &index, watch)?;
    let seal = put_seal(&load, repository, tag, &index)?;
    client.put_manifest(repository, tag, oci::OCI_INDEX, &index, watch)?;
    let (sent, sent_bytes, present) = (sent.blobs, sent.bytes, sent.present);
    Ok(Published { index: Digest::of(&index), seal, sent, sent_bytes, present })
}

fn put_seal(
    load: &Load<'_>,
    repository: &Repository,
    tag: &str,
    index: &[u8],
) -> Result<Digest, RegistryError> {
    let mut layers = Vec::new();
    load.client.put_blob(repository, EMPTY, load.watch)?;
    for name in HELD {
        let bytes = load.place.member(name)?;
        load.client.put_blob(repository, &bytes, load.watch)?;
        layers.push(json!({
            "mediaType": MEMBER_TYPE, "digest": Digest::of(&bytes), "size": bytes.len(), "annotations": { TITLE: name },
        }));
    }
    let subject = Digest::of(index);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "artifactType": SEAL_TYPE,
        "config": { "mediaType": EMPTY_TYPE, "digest": Digest::of(EMPTY), "size": EMPTY.len() },
        "layers": layers,
        "subject": { "mediaType": oci::OCI_INDEX, "digest": subject, "size": index.len() },
        "annotations": { TAG: tag, STATEMENT: load.place.trusted.id() },
    });
    let bytes = manifest.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let name = digest.to_string();
    let taken = load.client.put_manifest(repository, &name, oci::OCI_MANIFEST, &bytes, load.watch)?;
    if !taken.subject {
        load.list_referrer(repository, &subject, oci::OCI_MANIFEST, &bytes)?;
    }
    Ok(digest)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SealManifest {
    artifact_type: Option<String>,
    layers: Vec<SealLayer>,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

#[derive(Deserialize)]
struct SealLayer {
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// The bytes of a bundle file, made of what a registry has of it. Nothing of it is verified; anyone who reads verifies.
///
/// Documents are asked for when their place in the file has come, one at a time: anyone who refuses the seal, which stands
/// before them, has not waited for any, and none is held longer than it takes to read it.
pub struct Reader<'a> {
    client: &'a Client,
    repository: Repository,
    limits: &'a Limits,
    watch: &'a dyn Progress,
    segments: VecDeque<Segment>,
    blob: Option<BlobReader<'a>>,
    /// What is still to be laid out behind the segments.
    order: Option<BlobOrder<'a>>,
}

enum Segment {
    Bytes(io::Cursor<Vec<u8>>),
    Zeros(u64),
    Blob(Blob),
}

impl<'a> Reader<'a> {
    /// Finds index and seal under a tag or the digest of an index.
    pub fn open(
        client: &'a Client,
        repository: &Repository,
        reference: &str,
        limits: &'a Limits,
        watch: &'a dyn Progress,
    ) -> Result<Self, RegistryError> {
        let index = found(client, repository, reference, limits.index, watch)?;
        let seal = find_seal(client, repository, reference, &index, limits, watch)?;
        let mut reader = Self {
            client,
            repository: repository.clone(),
            limits,
            watch,
            segments: VecDeque::new(),
            blob: None,
            order: None,
        };
        let mut members = HashMap::new();
        for name in HELD {
            let layer = seal
                .layers
                .iter()
                .find(|layer| layer.annotations.get(TITLE).is_some_and(|title| title == name));
            let layer = layer.ok_or_else(|| reader.wrong(format!("its seal lacks `{name}`")))?;
            let limit = match name {
                member::ROOTS => limits.roots,
                member::SEAL => limits.seal,
                member::STATEMENT => limits.statement,
                _ => limits.index,
            };
            if layer.size > limit {
                let what = format!("bytes of `{name}` of a published seal");
                return Err(RegistryError::Limit { what, found: layer.size, limit });
            }
            let blob = Blob { digest: layer.digest, size: layer.size };
            let mut bytes = Vec::new();
            let read = BlobReader::new(client, repository, blob, watch)?.read_to_end(&mut bytes);
            if let Err(error) = read {
                let wrong = || reader.wrong(format!("`{name}` does not arrive: {error}"));
                return Err(if watch.is_stopped() { RegistryError::Interrupted } else { wrong() });
            }
            members.insert(name, bytes);
        }
        reader.lay(&members, &index)?;
        Ok(reader)
    }

    fn wrong(&self, reason: String) -> RegistryError {
        let (host, what) = (self.repository.host.clone(), format!("a bundle in `{}`", self.repository.path));
        RegistryError::Document { host, what, reason }
    }

    /// Lays the members in front of the blobs one behind the other, as they are in the file.
    fn lay(&mut self, members: &HashMap<&str, Vec<u8>>, index: &Fetched) -> Result<(), RegistryError> {
        let limits = self.limits;
        let held = |name: &str| members.get(name).cloned().unwrap_or_default();
        for name in [member::ROOTS, member::SEAL, member::STATEMENT] {
            self.push(name, held(name));
        }
        let statement = Statement::parse(&held(member::STATEMENT), limits)
            .map_err(|error| self.wrong(error.to_string()))?;
        let parsed = Index::parse(&index.bytes, limits).map_err(|error| self.wrong(error.to_string()))?;
        for listed in &statement.predicate.members {
            match listed.name.as_str() {
                // What a reader refuses is not laid out either.
                member::RESERVE if listed.size <= limits.reserve => {
                    self.push_head(member::RESERVE, listed.size);
                    self.segments.push_back(Segment::Zeros(listed.size));
                    self.push_padding(listed.size);
                }
                member::OCI_LAYOUT => self.push(member::OCI_LAYOUT, member::OCI_LAYOUT_CONTENT.to_vec()),
                member::INDEX => self.push(member::INDEX, index.bytes.clone()),
                other => self.push(other, held(other)),
            }
        }
        self.order = Some(BlobOrder::new(parsed, limits));
        Ok(())
    }

    /// Lays out what comes next: a document, or everything behind the last one.
    fn go_on(&mut self, mut order: BlobOrder<'a>) -> Result<(), RegistryError> {
        let wrong = |reader: &Self, error: BundleError| reader.wrong(error.to_string());
        if let Some(due) = order.next_document().map_err(|error| wrong(self, error))? {
            let name = due.digest.to_string();
            let document = found(self.client, &self.repository, &name, self.limits.document, self.watch)?;
            order.take(&document.bytes).map_err(|error| wrong(self, error))?;
            self.push(&blob_name(&due.digest), document.bytes);
            self.order = Some(order);
            return Ok(());
        }
        let contents = order.finish().map_err(|error| wrong(self, error))?;
        for blob in contents.configs.iter().chain(&contents.layers) {
            self.push_head(&blob_name(&blob.digest), blob.size);
            self.segments.push_back(Segment::Blob(*blob));
            self.push_padding(blob.size);
        }
        self.segments.push_back(Segment::Zeros(1024));
        Ok(())
    }

    fn push(&mut self, name: &str, bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        self.push_head(name, size);
        self.segments.push_back(Segment::Bytes(io::Cursor::new(bytes)));
        self.push_padding(size);
    }

    fn push_head(&mut self, name: &str, size: u64) {
        self.segments.push_back(Segment::Bytes(io::Cursor::new(member_header(name, size).to_vec())));
    }

    fn push_padding(&mut self, size: u64) {
        self.segments.push_back(Segment::Zeros(padding(size).len() as u64));
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(segment) = self.segments.front_mut() else {
                let Some(order) = self.order.take() else { return Ok(0) };
                self.go_on(order).map_err(in_io)?;
                continue;
            };
            let read = match segment {
                Segment::Bytes(bytes) => bytes.read(buffer)?,
                Segment::Zeros(left) => {
                    let read = io::repeat(0).take(*left).read(buffer)?;
                    *left -= read as u64;
                    read
                }
                Segment::Blob(blob) => {
                    let mut reader = match self.blob.take() {
                        Some(reader) => Ok(reader),
                        None => BlobReader::new(self.client, &self.repository, *blob, self.watch),
                    }
                    .map_err(in_io)?;
                    let read = reader.read(buffer)?;
                    self.blob = Some(reader);
                    read
                }
            };
            if read > 0 {
                return Ok(read);
            }
            self.segments.pop_front();
            self.blob = None;
        }
    }
}

fn found(
    client: &Client,
    repository: &Repository,
    reference: &str,
    limit: u64,
    watch: &dyn Progress,
) -> Result<Fetched, RegistryError> {
    client.document(repository, reference, limit, watch)?.ok_or_else(|| RegistryError::NotFound {
        host: repository.host.clone(),
        what: format!("manifest `{reference}` in `{}`", repository.path),
    })
}

/// The manifest with the seal of an index: the one that was published under this tag, or the only one.
fn find_seal(
    client: &Client,
    repository: &Repository,
    reference: &str,
    index: &Fetched,
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<SealManifest, RegistryError> {
    let wrong = |reason: &str| RegistryError::Document {
        host: repository.host.clone(),
        what: format!("`{reference}` of `{}`", repository.path),
        reason: reason.to_owned(),
    };
    // One at a time: no one has verified any of them, and there may be many.
    let (mut tagged, mut others) = (None, Vec::new());
    for referrer in client.subject_referrers(repository, &index.digest, limits, watch)? {
        let name = referrer.root.digest.to_string();
        let fetched = found(client, repository, &name, limits.document, watch)?;
        let Ok(manifest) = serde_json::from_slice::<SealManifest>(&fetched.bytes) else { continue };
        if manifest.artifact_type.as_deref() != Some(SEAL_TYPE) {
            continue;
        }
        if manifest.annotations.get(TAG).is_some_and(|tag| tag == reference) {
            tagged = Some(manifest);
        } else if others.len() < 2 {
            others.push(manifest);
        }
    }
    match (tagged, others.pop(), others.pop()) {
        (Some(seal), ..) | (None, Some(seal), None) => Ok(seal),
        (None, None, _) => Err(wrong("nothing there is the seal of a bundle")),
        (None, Some(_), Some(_)) => {
            Err(wrong("it has several seals; name the tag under which the bundle was published"))
        }
    }
}
