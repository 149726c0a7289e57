//! Loads the images of a bundle into a registry, directly from the bundle file.

use super::client::Client;
use super::destination::{
    Destination, LoadedImage, PushOutcome, ReferrerSupport, RefusedImage, RefusedReferrer,
};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::push_blobs::{Sent, image_alone, is_unreachable};
use super::referrers::referrers_tag;
use sealift_bundle::format::index::{Blob, IndexItem};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::oci::{self, Descriptor, OciDocument};
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::Progress;
use serde_json::json;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone)]
pub(super) struct Doc {
    pub(super) blob: Blob,
    pub(super) media_type: String,
}

/// A root with everything below it that the bundle has.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Children before parents; the root last.
    pub(super) documents: Vec<Doc>,
    pub(super) blobs: Vec<Blob>,
}

struct Planned<'a> {
    item: &'a IndexItem,
    reference: &'a ImageName,
    repository: Repository,
    root: Doc,
    closure: Closure,
    referrers: Vec<ReferrerEntry>,
}

/// A signature, attestation or SBOM.
struct ReferrerEntry {
    tag: Option<String>,
    subject: Digest,
    doc: Doc,
    closure: Closure,
}

/// What is sent, what is refused before anything is sent, and the first error of those.
type LoadPlan<'a> = (Vec<Planned<'a>>, Vec<RefusedImage>, Option<RegistryError>);

/// True for what keeps every image from arriving.
fn concerns_all(error: &RegistryError) -> bool {
    is_unreachable(error)
        || matches!(
            error,
            RegistryError::Denied { .. }
                | RegistryError::Challenge { .. }
                | RegistryError::Helper { .. }
                | RegistryError::Credentials { .. }
                | RegistryError::Proxy { .. }
        )
}

/// Sends images of a bundle to a registry.
pub struct Load<'a> {
    /// The bundle; what opening it left out is verified before anything is sent.
    pub place: &'a OpenBundle<'a>,
    /// How the registry is reached.
    pub client: &'a Client,
    /// Where images go.
    pub destination: &'a Destination,
    /// Limits.
    pub limits: &'a Limits,
    /// Sees the bytes go by.
    pub watch: &'a dyn Progress,
}

impl Load<'_> {
    /// Sends the images called `only`, or all of them. An image that the registry refuses does not keep the others
    /// from arriving. Where nothing arrives because no one may in, or no one is there, that is the error.
    pub fn run(&self, only: &[String]) -> Result<PushOutcome, RegistryError> {
        let (planned, mut refused, mut first) = self.plan(only)?;
        let mut sent = self.blobs(&planned)?;
        first = first.or(sent.first.take());
        let mut loaded = Vec::new();
        for image in &planned {
            let gone = || sent.gone.clone();
            if let Some(reason) = image.missing(&image.closure, &sent).or_else(gone) {
                refused.push(image.refused(reason));
                continue;
            }
            match self.documents(image, &sent) {
                Ok(done) => loaded.push(done),
                Err(error) => {
                    let (reason, error) = image_alone(error)?;
                    if is_unreachable(&error) && !self.client.is_up(&image.repository, self.watch)? {
                        sent.gone = Some(reason.clone());
                    }
                    refused.push(image.refused(reason));
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first.filter(|error| loaded.is_empty() && concerns_all(error)) {
            return Err(error);
        }
        let (sent, sent_bytes, present) = (sent.blobs, sent.bytes, sent.present);
        Ok(PushOutcome { loaded, refused, sent, sent_bytes, present })
    }

    fn plan(&self, only: &[String]) -> Result<LoadPlan<'_>, RegistryError> {
        let items = || self.place.contents.items.iter().map(|contents| &contents.item);
        let images = || items().filter(|item| item.head.kind == ItemKind::Image);
        if let Some(name) = only.iter().find(|name| !images().any(|item| item.head.name.as_str() == **name)) {
            return Err(RegistryError::NoImage { name: name.clone() });
        }
        let wanted =
            |item: &&IndexItem| only.is_empty() || only.iter().any(|name| item.head.name.as_str() == name);
        let (mut planned, mut refused, mut first) = (Vec::new(), Vec::new(), None);
        let mut names: HashMap<String, &IndexItem> = HashMap::new();
        for item in images().filter(wanted) {
            let Some(reference) = &item.reference else { continue };
            let repository = self.destination.repository(reference);
            let to = called(&repository, reference.tag(), &item.root.digest);
            if let Some(other) = names.insert(to.clone(), item).filter(|other| other.root != item.root) {
                let (one, other) = (other.head.name.clone(), item.head.name.clone());
                return Err(RegistryError::Collision { one, other, reference: to });
            }
            let mut root = Doc { blob: item.root, media_type: item.media_type.clone() };
            let (name, from) = (item.head.name.clone(), reference.clone());
            let takes = item.withheld.is_empty().then_some(Ok(true));
            let takes = match takes.unwrap_or_else(|| self.takes_sparse(&repository, &root)) {
                Ok(takes) => takes,
                Err(error) => {
                    let (reason, error) = image_alone(error)?;
                    first.get_or_insert(error);
                    refused.push(RefusedImage { name, from, reason });
                    continue;
                }
            };
            if !takes {
                let Some(platform) = self.fallback(&root)? else {
                    let reason = format!(
                        "the registry wants everything that the index lists, and {} of it did not travel; load \
                         one platform with `--platform OS/ARCHITECTURE`, or pack all of them",
                        item.withheld.len()
                    );
                    refused.push(RefusedImage { name, from, reason });
                    continue;
                };
                root = platform;
            }
            let closure = self.closure(&root)?;
            let carried =
                item.referrers.iter().filter(|_| self.destination.referrers == ReferrerSupport::Push);
            let referrers = carried.map(|referrer| {
                let doc = Doc { blob: referrer.root, media_type: referrer.media_type.clone() };
                let bytes = self.place.document(referrer.root)?;
                let subject = referrer.tagged_subject().or_else(|| oci::subject(&bytes));
                let closure = self.closure(&doc)?;
                let (tag, subject) = (referrer.tag.clone(), subject.unwrap_or(item.root.digest));
                Ok(ReferrerEntry { tag, subject, doc, closure })
            });
            let referrers = referrers.collect::<Result<_, RegistryError>>()?;
            planned.push(Planned { item, reference, repository, root, closure, referrers });
        }
        Ok((planned, refused, first))
    }

    /// Asks by putting the index under its digest, before anything else is sent.
    pub(super) fn takes_sparse(&self, repository: &Repository, root: &Doc) -> Result<bool, RegistryError> {
        let name = root.blob.digest.to_string();
        if self.client.manifest_digest(repository, &name, self.watch)? == Some(root.blob.digest) {
            return Ok(true);
        }
        self.place.verify_rest()?;
        let bytes = self.place.document(root.blob)?;
        match self.client.put_manifest(repository, &name, &root.media_type, &bytes, self.watch) {
            Ok(_) => Ok(true),
            // OCI distribution 1.1, "Error Codes": MANIFEST_BLOB_UNKNOWN, MANIFEST_UNKNOWN, MANIFEST_INVALID.
            Err(RegistryError::Status { status: 400..=499, said, .. })
                if said.contains("MANIFEST") || said.contains("BLOB_UNKNOWN") =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn fallback(&self, root: &Doc) -> Result<Option<Doc>, RegistryError> {
        let Some(platform) = &self.destination.fallback else { return Ok(None) };
        let OciDocument::Index(children) = self.parse(root)? else { return Ok(None) };
        let fits = |child: &&Descriptor| {
            let covered = child.platform.as_ref().is_some_and(|found| platform.covers(found));
            covered && self.place.blob(&child.digest).is_some()
        };
        Ok(children.iter().find(fits).map(doc))
    }

    fn parse(&self, of: &Doc) -> Result<OciDocument, RegistryError> {
        let bytes = self.place.document(of.blob)?;
        oci::parse(&of.media_type, &bytes, self.limits).map_err(|reason| RegistryError::Document {
            host: "the bundle".to_owned(),
            what: of.blob.digest.to_string(),
            reason,
        })
    }

    pub(super) fn closure(&self, root: &Doc) -> Result<Closure, RegistryError> {
        let mut closure = Closure::default();
        let mut known = HashSet::new();
        let mut pending = vec![root.clone()];
        while let Some(next) = pending.pop() {
            if !known.insert(next.blob.digest) {
                continue;
            }
            match self.parse(&next)? {
                // What the index lists and the bundle does not have was left out when it was locked.
                OciDocument::Index(children) => {
                    let here = children.iter().filter(|child| self.place.blob(&child.digest).is_some());
                    pending.extend(here.map(doc));
                }
                OciDocument::Manifest { config, layers } => {
                    let blobs = std::iter::once(&config).chain(&layers).map(Descriptor::blob);
                    closure.blobs.extend(blobs.filter(|blob| known.insert(blob.digest)));
                }
            }
            closure.documents.push(next);
        }
        closure.documents.reverse();
        Ok(closure)
    }

    /// Sends every blob once, and lets the registry take it over into the other repositories that need it.
    fn blobs(&self, planned: &[Planned<'_>]) -> Result<Sent, RegistryError> {
        self.send_all(planned.iter().flat_map(|image| {
            let referred = image.referrers.iter().flat_map(|referrer| &referrer.closure.blobs);
            image.closure.blobs.iter().chain(referred).map(|blob| (*blob, &image.repository))
        }))
    }

    /// Sends the documents of an image whose blobs are there, its tag last, and then what refers to it.
    fn documents(&self, image: &Planned<'_>, sent: &Sent) -> Result<LoadedImage, RegistryError> {
        let (repository, root) = (&image.repository, &image.root);
        for document in &image.closure.documents {
            self.document(repository, document)?;
        }
        let tag = image.reference.tag();
        let mut replaced = None;
        if let Some(tag) = tag {
            replaced = self.client.manifest_digest(repository, tag, self.watch)?;
            if replaced != Some(root.blob.digest) {
                let bytes = self.place.document(root.blob)?;
                self.client.put_manifest(repository, tag, &root.media_type, &bytes, self.watch)?;
            }
        }
        let mut not_pushed = Vec::new();
        for referrer in &image.referrers {
            let ReferrerEntry { doc, closure, .. } = referrer;
            let reason = match image.missing(closure, sent) {
                Some(reason) => reason,
                None => match self.referrer(repository, referrer) {
                    Ok(()) => continue,
                    Err(error) => image_alone(error)?.0,
                },
            };
            not_pushed.push(RefusedReferrer { digest: doc.blob.digest, reason });
        }
        Ok(LoadedImage {
            name: image.item.head.name.clone(),
            from: image.reference.clone(),
            to: called(repository, tag, &root.blob.digest),
            repository: repository.to_string(),
            digest: root.blob.digest,
            index: Some(image.item.root.digest).filter(|index| *index != root.blob.digest),
            replaced: replaced.filter(|replaced| *replaced != root.blob.digest),
            referrers: image.referrers.len() - not_pushed.len(),
            referrers_not_pushed: not_pushed,
        })
    }

    fn referrer(&self, repository: &Repository, referrer: &ReferrerEntry) -> Result<(), RegistryError> {
        let ReferrerEntry { tag, subject, doc, closure } = referrer;
        for document in &closure.documents {
            let taken = self.document(repository, document)?;
            if document.blob == doc.blob && tag.is_none() && !taken {
                let bytes = self.place.document(doc.blob)?;
                self.list_referrer(repository, subject, &doc.media_type, &bytes)?;
            }
        }
        if let Some(tag) = tag {
            let bytes = self.place.document(doc.blob)?;
            self.client.put_manifest(repository, tag, &doc.media_type, &bytes, self.watch)?;
        }
        Ok(())
    }

    /// Makes sure that a document is there by its digest; true when the registry lists it under its subject.
    pub(super) fn document(&self, repository: &Repository, document: &Doc) -> Result<bool, RegistryError> {
        let bytes = self.place.document(document.blob)?;
        let name = document.blob.digest.to_string();
        let there = self.client.manifest_digest(repository, &name, self.watch)? == Some(document.blob.digest);
        if there && oci::subject(&bytes).is_none() {
            return Ok(false);
        }
        Ok(self.client.put_manifest(repository, &name, &document.media_type, &bytes, self.watch)?.subject)
    }

    /// Keeps the list of referrers under its tag, where the registry does not keep one (OCI distribution 1.1,
    /// "Referrers Tag Schema").
    pub(super) fn list_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        media_type: &str,
        referrer: &[u8],
    ) -> Result<(), RegistryError> {
        let tag = referrers_tag(subject);
        let before = self.client.optional_manifest(repository, &tag, self.limits, self.watch)?;
        let mut listed: Vec<serde_json::Value> = before
            // GitLab reads the tag as the digest and answers with the subject itself, which is not a list.
            .filter(|before| before.media_type == oci::OCI_INDEX && before.digest != *subject)
            .and_then(|before| serde_json::from_slice::<serde_json::Value>(&before.bytes).ok())
            .and_then(|index| index.get("manifests")?.as_array().cloned())
            .unwrap_or_default();
        let digest = json!(Digest::of(referrer));
        if listed.iter().any(|one| one.get("digest") == Some(&digest)) {
            return Ok(());
        }
        listed.push(json!(oci::ReferrerEntry::of(media_type, referrer)));
        let index =
            json!({ "schemaVersion": 2, "mediaType": oci::OCI_INDEX, "manifests": listed }).to_string();
        self.client.put_manifest(repository, &tag, oci::OCI_INDEX, index.as_bytes(), self.watch).map(drop)
    }
}

impl Planned<'_> {
    /// Why a blob is missing at the registry, if one is.
    fn missing(&self, closure: &Closure, sent: &Sent) -> Option<String> {
        let refused = |blob: &Blob| sent.refused.get(&(blob.digest, self.repository.clone()));
        closure.blobs.iter().find_map(refused).cloned()
    }

    fn refused(&self, reason: String) -> RefusedImage {
        RefusedImage { name: self.item.head.name.clone(), from: self.reference.clone(), reason }
    }
}

fn called(repository: &Repository, tag: Option<&str>, digest: &Digest) -> String {
    match tag {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}@{digest}"),
    }
}

fn doc(descriptor: &Descriptor) -> Doc {
    Doc { blob: descriptor.blob(), media_type: descriptor.media_type.clone() }
}
