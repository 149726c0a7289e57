//! Pulling: manifests into memory, blobs into the store.

use super::access::Repository;
use super::client::{Action, Ask, Client, Target, is_passing, rest};
use super::error::RegistryError;
use crate::bundle::index::Blob;
use crate::bundle::oci;
use crate::store::{Partial, Store, StoreError};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::printable::Printable;
use crate::value::watch::Watch;
use serde::Deserialize;
use std::io::Read as _;
use std::time::Duration;
use ureq::Body;
use ureq::http::{Method, Response, header};

/// Bytes moved at a time.
const STEP: usize = 256 << 10;
/// Suffixes of the tags under which cosign keeps what it has to say about a digest.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];
/// Pages of referrers that are read.
const PAGES: usize = 64;

/// A manifest or index as a registry served it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the registry, or the document itself, says it is.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they hash to.
    pub digest: Digest,
}

/// A manifest that is about another one: a signature, an attestation, an SBOM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// What it is.
    pub media_type: String,
    /// What it hashes to.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// The tag that leads to it, where it has no `subject`.
    pub tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    manifests: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    media_type: String,
    digest: Digest,
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    media_type: Option<String>,
}

/// The tag that stands for what refers to a digest where the referrers API is missing (OCI distribution 1.1,
/// "Referrers Tag Schema").
#[must_use]
pub fn referrers_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl Client {
    /// The manifest or index under a tag or digest; nothing when the repository has none of that name.
    pub fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Option<Fetched>, RegistryError> {
        let target = self.target(repository, Action::Pull)?;
        let mut ask = Ask::new(
            Method::GET,
            target.endpoint.url(&format!("manifests/{reference}")),
            format!("manifest `{reference}` of `{}`", target.endpoint.path),
        );
        ask.headers.push(("accept", oci::DOCUMENTS.join(", ")));
        let response = self.send(&target, &ask, watch)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refused(&target, &ask, response)),
        }
        let host = &target.endpoint.host;
        let stated = text(&response, header::CONTENT_TYPE.as_str());
        let announced = text(&response, "docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let bytes = body(response, limits.document, host, &ask.what)?;
        let digest = Digest::of(&bytes);
        let expected = reference.parse::<Digest>().ok().or(announced);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(RegistryError::Digest {
                host: host.clone(),
                what: ask.what,
                expected,
                found: digest,
            });
        }
        let inner = serde_json::from_slice::<Typed>(&bytes).ok().and_then(|typed| typed.media_type);
        let stated = stated.map(|stated| stated.split(';').next().unwrap_or_default().trim().to_owned());
        let media_type =
            stated.clone().filter(|stated| oci::is_document(stated)).or(inner).or(stated).unwrap_or_default();
        if !oci::is_document(&media_type) {
            let reason =
                format!("it is a `{}`, not an OCI or Docker (schema 2) manifest", Printable(&media_type));
            return Err(RegistryError::Document { host: host.clone(), what: ask.what, reason });
        }
        Ok(Some(Fetched { media_type, bytes, digest }))
    }

    /// Makes sure that the store has a blob; what has arrived already is not asked for again.
    pub fn fetch(
        &self,
        repository: &Repository,
        blob: Blob,
        store: &Store,
        watch: &dyn Watch,
    ) -> Result<(), RegistryError> {
        if store.checked(&blob.digest)?.is_some_and(|(_, size)| size == blob.size) {
            watch.advance(blob.size);
            return Ok(());
        }
        let target = self.target(repository, Action::Pull)?;
        let mut partial = loop {
            if let Some(partial) = store.resume(&blob.digest)? {
                break partial;
            }
            // Another process fetches it, or has just done so.
            rest(Duration::from_millis(200), watch)?;
            if store.checked(&blob.digest)?.is_some_and(|(_, size)| size == blob.size) {
                return Ok(());
            }
        };
        if partial.len() > blob.size {
            partial.restart()?;
        }
        watch.advance(partial.len());
        let begun_before = !partial.is_empty();
        let patience = self.patience();
        let (mut stalls, mut pause) = (0, patience.pause);
        while partial.len() < blob.size || blob.size == 0 {
            let before = partial.len();
            // A request that failed has been tried often enough; a body that was cut is gone on with.
            if let Err(cut) = self.receive(&target, blob, &mut partial, watch)? {
                let moved = partial.len() > before;
                (stalls, pause) = if moved { (0, patience.pause) } else { (stalls + 1, pause * 2) };
                if stalls >= patience.attempts {
                    return Err(cut);
                }
                rest(pause.min(patience.longest), watch)?;
            } else if blob.size == 0 {
                break;
            }
        }
        match partial.finish() {
            Ok(_) => Ok(()),
            // What lay there from an earlier run may have been damaged; what arrives now is judged alone.
            Err(StoreError::Digest { .. }) if begun_before => self.fetch(repository, blob, store, watch),
            Err(StoreError::Digest { expected, found }) => Err(RegistryError::Digest {
                host: target.endpoint.host,
                what: format!("a blob of `{}`", target.endpoint.path),
                expected,
                found,
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// One request for what is missing of a blob. The inner error is that of a connection which was cut in the middle.
    fn receive(
        &self,
        target: &Target,
        blob: Blob,
        partial: &mut Partial,
        watch: &dyn Watch,
    ) -> Result<Result<(), RegistryError>, RegistryError> {
        let host = &target.endpoint.host;
        let mut ask = Ask::new(
            Method::GET,
            target.endpoint.url(&format!("blobs/{}", blob.digest)),
            format!("blob `{}` of `{}`", blob.digest, target.endpoint.path),
        );
        if !partial.is_empty() {
            ask.headers.push(("range", format!("bytes={}-", partial.len())));
        }
        let response = self.send(target, &ask, watch)?;
        match response.status().as_u16() {
            206 if text(&response, "content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {}-", partial.len()))) => {}
            // No ranges here, or not that one: from the beginning.
            200 | 206 | 416 if !partial.is_empty() => {
                partial.restart()?;
                if response.status() != 200 {
                    return Ok(Ok(()));
                }
            }
            200 => {}
            _ => return Err(self.refused(target, &ask, response)),
        }
        let wrong = |found: String| RegistryError::Length {
            host: host.clone(),
            what: ask.what.clone(),
            expected: blob.size,
            found,
        };
        let missing = blob.size - partial.len();
        let announced: Option<u64> = text(&response, "content-length").and_then(|text| text.parse().ok());
        if let Some(announced) = announced.filter(|announced| *announced != missing) {
            return Err(wrong(format!("{} announced", partial.len().saturating_add(announced))));
        }
        let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; STEP];
        let cut = |reason: String| RegistryError::Unreachable { host: host.clone(), reason };
        loop {
            if watch.is_stopped() {
                return Err(RegistryError::Interrupted);
            }
            let read = match reader.read(&mut buffer) {
                Ok(read) => read,
                Err(error) => return Ok(Err(cut(format!("the connection was cut ({error})")))),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            if partial.len() + read as u64 > blob.size {
                partial.restart()?;
                return Err(wrong("more".to_owned()));
            }
            partial.append(bytes)?;
            watch.advance(read as u64);
        }
        if partial.len() < blob.size {
            return Ok(Err(cut(format!("{} of {} bytes came", partial.len(), blob.size))));
        }
        Ok(Ok(()))
    }

    /// What refers to a digest: by the referrers API, by its tag where that is missing, and cosign's tags.
    pub fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let mut found = self.subject_referrers(repository, subject, limits, watch)?;
        for suffix in COSIGN {
            let tag = format!("{}.{suffix}", referrers_tag(subject));
            if let Some(fetched) = self.manifest(repository, &tag, limits, watch)? {
                let (media_type, digest, size) =
                    (fetched.media_type, fetched.digest, fetched.bytes.len() as u64);
                found.push(Referrer { media_type, digest, size, tag: Some(tag) });
            }
        }
        Ok(found)
    }

    /// What has a digest as its `subject`.
    pub(super) fn subject_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Vec<Referrer>, RegistryError> {
        match self.listed_referrers(repository, subject, limits, watch)? {
            Some(found) => Ok(found),
            None => self.tagged_referrers(repository, subject, limits, watch),
        }
    }

    /// By the referrers API; nothing when the registry does not have it.
    fn listed_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let target = self.target(repository, Action::Pull)?;
        let what = format!("list of what refers to {subject} in `{}`", target.endpoint.path);
        let mut url = target.endpoint.url(&format!("referrers/{subject}"));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let mut ask = Ask::new(Method::GET, url.clone(), what.clone());
            ask.headers.push(("accept", oci::OCI_INDEX.to_owned()));
            let response = self.send(&target, &ask, watch)?;
            // Registries without it answer in many ways; only an index is an answer.
            let is_index =
                text(&response, "content-type").is_some_and(|kind| kind.starts_with(oci::OCI_INDEX));
            if is_passing(response.status().as_u16()) {
                return Err(self.refused(&target, &ask, response));
            }
            if response.status() != 200 || !is_index {
                return Ok(None);
            }
            let next = text(&response, "link").and_then(|link| next_page(&link));
            let bytes = body(response, limits.document, &target.endpoint.host, &what)?;
            found.extend(parse_listing(&bytes, &target.endpoint.host, &what)?);
            match next {
                Some(next) => url = format!("{}{next}", target.endpoint.origin()),
                None => return Ok(Some(found)),
            }
        }
        let (found, ceiling) = (PAGES as u64 + 1, PAGES as u64);
        Err(RegistryError::Limit { what: format!("pages of the {what}"), found, ceiling })
    }

    fn tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Vec<Referrer>, RegistryError> {
        match self.manifest(repository, &referrers_tag(subject), limits, watch)? {
            Some(fetched) if fetched.media_type == oci::OCI_INDEX => {
                parse_listing(&fetched.bytes, &repository.host, "the list of referrers")
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

fn parse_listing(bytes: &[u8], host: &str, what: &str) -> Result<Vec<Referrer>, RegistryError> {
    let listing: Listing = serde_json::from_slice(bytes).map_err(|error| RegistryError::Document {
        host: host.to_owned(),
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    let referrer =
        |one: Listed| Referrer { media_type: one.media_type, digest: one.digest, size: one.size, tag: None };
    Ok(listing.manifests.into_iter().map(referrer).collect())
}

/// `</v2/...>; rel="next"` (RFC 8288), on the same host only.
fn next_page(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    (rest.contains("next") && address.starts_with('/') && !address.starts_with("//"))
        .then(|| address.to_owned())
}

pub(super) fn text(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// A small body, never more than `ceiling` bytes of it.
pub(super) fn body(
    mut response: Response<Body>,
    ceiling: u64,
    host: &str,
    what: &str,
) -> Result<Vec<u8>, RegistryError> {
    let announced = response.body().content_length();
    if let Some(found) = announced.filter(|announced| *announced > ceiling) {
        return Err(RegistryError::Limit { what: format!("bytes of {what} from `{host}`"), found, ceiling });
    }
    let mut bytes = Vec::new();
    let reader = response.body_mut().with_config().limit(u64::MAX).reader();
    reader.take(ceiling + 1).read_to_end(&mut bytes).map_err(|error| {
        super::client::unreachable_host(host, format!("the connection was cut ({error})"))
    })?;
    let found = bytes.len() as u64;
    if found > ceiling {
        return Err(RegistryError::Limit { what: format!("bytes of {what} from `{host}`"), found, ceiling });
    }
    if let Some(expected) = announced.filter(|expected| *expected != found) {
        let found = found.to_string();
        return Err(RegistryError::Length { host: host.to_owned(), what: what.to_owned(), expected, found });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn the_next_page_is_on_the_same_host() {
        assert_eq!(
            next_page("</v2/a/referrers/x?n=1>; rel=\"next\"").as_deref(),
            Some("/v2/a/referrers/x?n=1")
        );
        assert_eq!(next_page("<https://evil.org/v2/>; rel=\"next\""), None);
        assert_eq!(next_page("<//evil.org/v2/>; rel=\"next\""), None);
        assert_eq!(next_page("</v2/x>; rel=\"prev\""), None);
    }
}
