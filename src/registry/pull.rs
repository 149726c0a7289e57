//! Pulls manifests into memory and blobs into the store.

use super::client::{Action, Ask, Client, ClientTarget, rest};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::waiting::{Pump, watched};
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci;
use sealift_bundle::store::{Partial, Store, StoreError};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::progress::Progress;
use serde::Deserialize;
use std::io::Read as _;
use std::time::Duration;
use ureq::Body;
use ureq::http::{Method, Response, header};

/// Bytes moved at a time.
const STEP: usize = 256 << 10;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaTypeOf {
    media_type: Option<String>,
}

impl Client {
    /// The manifest or index under a tag or digest; nothing when the repository has none of that name.
    pub fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Option<Fetched>, RegistryError> {
        self.document(repository, reference, limits.document, watch)
    }

    /// As `manifest`, of at most `limit` bytes.
    pub(super) fn document(
        &self,
        repository: &Repository,
        reference: &str,
        limit: u64,
        watch: &dyn Progress,
    ) -> Result<Option<Fetched>, RegistryError> {
        let target = self.target(repository, Action::Pull, watch)?;
        let mut tries = 1;
        loop {
            match self.manifest_once(&target, reference, limit, watch) {
                Err(RegistryError::Cut { .. }) if tries < self.patience().attempts => {
                    rest(self.patience().pause, watch)?;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn manifest_once(
        &self,
        target: &ClientTarget,
        reference: &str,
        limit: u64,
        watch: &dyn Progress,
    ) -> Result<Option<Fetched>, RegistryError> {
        let mut ask = Ask::new(
            Method::GET,
            target.endpoint.url(&format!("manifests/{reference}")),
            format!("manifest `{reference}` of `{}`", target.endpoint.path),
        );
        ask.headers.push(("accept", oci::DOCUMENTS.join(", ")));
        let response = self.send(target, &ask, watch)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refused(target, &ask, response)),
        }
        let host = &target.endpoint.host;
        let stated = text(&response, header::CONTENT_TYPE.as_str());
        let announced = text(&response, "docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let bytes = body(response, limit, host, &ask.what, watch)?;
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
        let inner = serde_json::from_slice::<MediaTypeOf>(&bytes).ok().and_then(|typed| typed.media_type);
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
        watch: &dyn Progress,
    ) -> Result<(), RegistryError> {
        if store.checked(&blob.digest)?.is_some_and(|(_, size)| size == blob.size) {
            watch.advance(blob.size);
            return Ok(());
        }
        let target = self.target(repository, Action::Pull, watch)?;
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
        target: &ClientTarget,
        blob: Blob,
        partial: &mut Partial,
        watch: &dyn Progress,
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
        let mut reader = Pump::new(response.into_body().into_with_config().limit(u64::MAX).reader(), watch)?;
        let mut buffer = vec![0; STEP];
        let cut = |reason: String| RegistryError::Unreachable { host: host.clone(), reason };
        loop {
            if watch.is_stopped() {
                return Err(RegistryError::Interrupted);
            }
            let read = match reader.read(&mut buffer) {
                Ok(read) => read,
                Err(_) if watch.is_stopped() => return Err(RegistryError::Interrupted),
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
}

pub(super) fn text(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// A small body, never more than `limit` bytes of it.
pub(super) fn body(
    mut response: Response<Body>,
    limit: u64,
    host: &str,
    what: &str,
    watch: &dyn Progress,
) -> Result<Vec<u8>, RegistryError> {
    let announced = response.body().content_length();
    if let Some(found) = announced.filter(|announced| *announced > limit) {
        return Err(RegistryError::Limit { what: format!("bytes of {what} from `{host}`"), found, limit });
    }
    let read = watched(watch, move || {
        let mut bytes = Vec::new();
        let reader = response.body_mut().with_config().limit(u64::MAX).reader();
        reader.take(limit + 1).read_to_end(&mut bytes).map(|_| bytes)
    })?;
    let bytes = read.map_err(|error| {
        let (host, what) = (host.to_owned(), what.to_owned());
        RegistryError::Cut { host, what, reason: error.to_string() }
    })?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(RegistryError::Limit { what: format!("bytes of {what} from `{host}`"), found, limit });
    }
    if let Some(expected) = announced.filter(|expected| *expected != found) {
        let found = found.to_string();
        return Err(RegistryError::Length { host: host.to_owned(), what: what.to_owned(), expected, found });
    }
    Ok(bytes)
}
