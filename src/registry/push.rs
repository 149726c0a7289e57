//! Pushing: blobs piece by piece, manifests whole.

use super::access::Repository;
use super::answer::stays;
use super::client::{Action, Ask, Client, Target, is_passing, locked, rest};
use super::error::RegistryError;
use super::pull::text;
use crate::bundle::index::Blob;
use crate::bundle::oci;
use crate::trust::verify::{BlobSink, Verified};
use crate::value::digest::Digest;
use crate::value::watch::Watch;
use std::io::Read;
use std::time::Duration;
use ureq::Body;
use ureq::http::{Method, Response, Uri};

/// Bytes of one piece: an upload that is cut goes on behind the last whole piece, and a registry that writes to an
/// object store wants at least 5 MiB.
const PIECE: usize = 8 << 20;
/// The longest pieces that are kept in memory for a registry that wants long ones.
const LONGEST: u64 = 64 << 20;
/// How often one piece is tried.
const TRIES: u32 = 5;
/// How often one blob is begun.
const BEGINNINGS: u32 = 4;

/// An upload under way, fed from a bundle; the registry is asked to keep it only with the proof of its digest.
pub struct Upload<'a> {
    client: &'a Client,
    target: Target,
    blob: Blob,
    watch: &'a dyn Watch,
    location: String,
    sent: u64,
    piece: Vec<u8>,
    /// Bytes of a piece that is not the last.
    len: usize,
}

/// Where an upload goes, and the shortest piece that is taken there.
struct Begun {
    location: String,
    least: u64,
}

/// What became of a manifest that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The registry lists it under its subject by itself (header `OCI-Subject`).
    pub subject: bool,
}

impl Client {
    /// True when a repository says that it has a blob of this digest and length. Any other answer means that the blob is
    /// to be sent; if that is not allowed either, the upload says so.
    pub fn has_blob(
        &self,
        repository: &Repository,
        blob: Blob,
        watch: &dyn Watch,
    ) -> Result<bool, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        self.has_blob_at(&target, blob, watch)
    }

    /// The digest of the manifest under a tag or digest, where the registry says one.
    pub fn manifest_digest(
        &self,
        repository: &Repository,
        reference: &str,
        watch: &dyn Watch,
    ) -> Result<Option<Digest>, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let found = self.send_optional(&target, &head_of(&target, reference), watch)?;
        let found = found.filter(|response| response.status() == 200);
        Ok(found.and_then(|response| text(&response, "docker-content-digest")?.parse().ok()))
    }

    /// Asks a registry to take a blob over from another of its repositories; false when it does not, for whatever
    /// reason: then the blob is sent.
    pub fn mount(
        &self,
        repository: &Repository,
        blob: Blob,
        from: &Repository,
        watch: &dyn Watch,
    ) -> Result<bool, RegistryError> {
        let mut target = self.target(repository, Action::Push, watch)?;
        let source = self.target(from, Action::Pull, watch)?.endpoint.path;
        let url = target.endpoint.url(&format!("blobs/uploads/?mount={}&from={source}", blob.digest));
        target.also.push(source);
        let ask = Ask::new(Method::POST, url, format!("the mount of blob `{}`", blob.digest));
        let response = self.send_optional(&target, &ask, watch)?;
        Ok(response.is_some_and(|response| response.status() == 201))
    }

    /// Begins the upload of a blob.
    pub fn upload<'a>(
        &'a self,
        repository: &Repository,
        blob: Blob,
        watch: &'a dyn Watch,
    ) -> Result<Upload<'a>, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let Begun { location, least } = self.begin(&target, blob, watch)?;
        if least > LONGEST {
            return Err(RegistryError::NoPieces { host: target.endpoint.host });
        }
        let len = PIECE.max(usize::try_from(least).unwrap_or(PIECE));
        Ok(Upload { client: self, target, blob, watch, location, sent: 0, piece: Vec::new(), len })
    }

    fn begin(&self, target: &Target, blob: Blob, watch: &dyn Watch) -> Result<Begun, RegistryError> {
        let what = upload_of(target, blob);
        let ask = Ask::new(Method::POST, target.endpoint.url("blobs/uploads/"), what);
        let response = self.send(target, &ask, watch)?;
        if response.status() != 202 {
            return Err(self.refused(target, &ask, response));
        }
        // OCI distribution 1.1, "Pushing a blob in chunks".
        let least = text(&response, "oci-chunk-min-length").and_then(|least| least.trim().parse().ok());
        let location = location(target, &ask.url, &response).ok_or_else(|| no_location(target))?;
        Ok(Begun { location, least: least.unwrap_or_default() })
    }

    /// True for a registry that has refused a blob in pieces before.
    pub(super) fn takes_only_whole(&self, repository: &Repository) -> bool {
        locked(&self.whole).contains(&repository.host)
    }

    pub(super) fn takes_no_pieces(&self, repository: &Repository) {
        locked(&self.whole).insert(repository.host.clone());
    }

    /// Makes sure that a repository has these bytes as a blob.
    pub fn put_blob(
        &self,
        repository: &Repository,
        bytes: &[u8],
        watch: &dyn Watch,
    ) -> Result<(), RegistryError> {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        if self.has_blob(repository, blob, watch)? {
            return Ok(());
        }
        self.insist(watch, || {
            self.upload_whole(repository, blob, std::io::Cursor::new(bytes.to_vec()), watch)
        })
    }

    /// Begins an upload anew as long as the registry has forgotten the one before; its cause is what is told then.
    pub(super) fn insist(
        &self,
        watch: &dyn Watch,
        mut upload: impl FnMut() -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        for attempt in 1..BEGINNINGS {
            match upload() {
                Err(RegistryError::Forgotten { .. }) => rest(self.patience().pause * attempt, watch)?,
                other => return other,
            }
        }
        upload().map_err(|error| match error {
            RegistryError::Forgotten { cause, .. } => *cause,
            other => other,
        })
    }

    /// Sends a whole blob in one request, for registries that take no pieces.
    pub fn upload_whole(
        &self,
        repository: &Repository,
        blob: Blob,
        reader: impl Read + Send + 'static,
        watch: &dyn Watch,
    ) -> Result<(), RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let place = self.begin(&target, blob, watch)?.location;
        let mut ask = Ask::new(Method::PUT, with_digest(&place, &blob.digest), upload_of(&target, blob));
        ask.headers.push(("content-type", "application/octet-stream".to_owned()));
        ask.headers.push(("content-length", blob.size.to_string()));
        let refused = match self.send_body(&target, &ask, Box::new(reader), watch) {
            Ok(response) if matches!(response.status().as_u16(), 200..=204) => return Ok(()),
            Ok(response) => self.refused(&target, &ask, response),
            Err(error) => error,
        };
        // A first attempt may have been done although its answer was lost.
        match &refused {
            RegistryError::Unreachable { .. } if self.has_blob_at(&target, blob, watch)? => Ok(()),
            RegistryError::Unreachable { host, .. } => Err(forgotten(host.clone(), refused)),
            RegistryError::Status { host, status, .. } if is_passing(*status) => {
                Err(forgotten(host.clone(), refused))
            }
            _ => Err(refused),
        }
    }

    /// Puts a manifest under a tag or its digest.
    pub fn put_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
        watch: &dyn Watch,
    ) -> Result<Taken, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let url = target.endpoint.url(&format!("manifests/{reference}"));
        let what = format!("manifest `{reference}` of `{}`", target.endpoint.path);
        let mut ask = Ask { body: bytes, ..Ask::new(Method::PUT, url, what) };
        ask.headers.push(("content-type", media_type.to_owned()));
        let response = self.send(&target, &ask, watch)?;
        if !matches!(response.status().as_u16(), 200..=202) {
            return Err(self.refused(&target, &ask, response));
        }
        if let Some(found) = text(&response, "docker-content-digest").and_then(|text| text.parse().ok()) {
            let expected = Digest::of(bytes);
            if found != expected {
                let host = target.endpoint.host;
                return Err(RegistryError::Digest { host, what: ask.what, expected, found });
            }
        }
        Ok(Taken { subject: response.headers().contains_key("oci-subject") })
    }
}

impl Upload<'_> {
    fn ask(&self, method: Method, url: String) -> Ask<'_> {
        let mut ask = Ask::new(method, url, upload_of(&self.target, self.blob));
        ask.headers.push(("content-type", "application/octet-stream".to_owned()));
        ask
    }

    /// Sends what has gathered as one piece.
    fn flush(&mut self) -> Result<(), RegistryError> {
        let end = self.sent + self.piece.len() as u64;
        let mut from = self.sent;
        for attempt in 1.. {
            let skip = usize::try_from(from - self.sent).unwrap_or(usize::MAX);
            let mut ask = self.ask(Method::PATCH, self.location.clone());
            ask.headers.push(("content-range", format!("{from}-{}", end.saturating_sub(1))));
            ask.body = self.piece.get(skip..).unwrap_or_default();
            let outcome = self.client.send_once(&self.target, &ask, self.watch);
            match outcome {
                // Some servers answer 204 here, which the specification does not foresee.
                Ok(response) if matches!(response.status().as_u16(), 201..=204) => {
                    let next = location(&self.target, &self.location, &response);
                    if let Some(next) = next {
                        self.location = next;
                    }
                    break;
                }
                // A proxy's limit of one request; more in one request would not help.
                Ok(response) if response.status() == 413 => {
                    let ask = self.ask(Method::PATCH, String::new());
                    return Err(self.client.refused(&self.target, &ask, response));
                }
                // It may take the blob whole; if not, that answer says why.
                Ok(response)
                    if is_final(response.status().as_u16(), from)
                        || attempt >= TRIES && !matches!(response.status().as_u16(), 429 | 507) =>
                {
                    return Err(RegistryError::NoPieces { host: self.target.endpoint.host.clone() });
                }
                Err(RegistryError::Denied { .. }) => {
                    return Err(RegistryError::NoPieces { host: self.target.endpoint.host.clone() });
                }
                Ok(response) if attempt >= TRIES => {
                    let ask = self.ask(Method::PATCH, String::new());
                    return Err(self.client.refused(&self.target, &ask, response));
                }
                Err(error) if attempt >= TRIES => return Err(error),
                Ok(_) | Err(RegistryError::Unreachable { .. }) => {
                    rest(Duration::from_millis(250 * u64::from(attempt)), self.watch)?;
                    // How much did arrive? Where nobody knows, everything is sent again.
                    from = match self.arrived() {
                        Ok(at) => at.filter(|at| (self.sent..=end).contains(at)).unwrap_or(from),
                        // What was before this piece is not here any more; the whole blob begins anew.
                        Err(RegistryError::NotFound { host, .. }) => {
                            let cause = outcome.map_or_else(
                                |error| error,
                                |response| {
                                    let ask = self.ask(Method::PATCH, String::new());
                                    self.client.refused(&self.target, &ask, response)
                                },
                            );
                            return Err(forgotten(host, cause));
                        }
                        Err(error) => return Err(error),
                    };
                    if from == end {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.sent = end;
        self.piece.clear();
        Ok(())
    }

    /// Where the registry says the next byte goes (OCI distribution 1.1, "Resuming a Blob Upload").
    fn arrived(&mut self) -> Result<Option<u64>, RegistryError> {
        let ask = Ask::new(Method::GET, self.location.clone(), "the state of an upload");
        let response = match self.client.send(&self.target, &ask, self.watch) {
            Ok(response) => response,
            Err(RegistryError::Interrupted) => return Err(RegistryError::Interrupted),
            Err(_) => return Ok(None),
        };
        if response.status() == 404 {
            return Err(self.client.refused(&self.target, &ask, response));
        }
        if let Some(next) = location(&self.target, &self.location, &response) {
            self.location = next;
        }
        let range = text(&response, "range");
        let last = range.as_deref().and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
        // `0-0` stands for nothing as well as for one byte; nothing is the safe reading only at the beginning.
        Ok(last.map(|last| if last == 0 { 0 } else { last + 1 }))
    }

    /// Asks the registry to keep what has arrived.
    fn complete(&mut self) -> Result<(), RegistryError> {
        let small = self.sent == 0;
        if !small && !self.piece.is_empty() {
            self.flush()?;
        }
        let mut ask = self.ask(Method::PUT, with_digest(&self.location, &self.blob.digest));
        if small {
            ask.body = &self.piece;
        }
        let (status, refused) = match self.client.send(&self.target, &ask, self.watch) {
            Ok(response) => match response.status().as_u16() {
                200..=204 => return Ok(()),
                status => (status, self.client.refused(&self.target, &ask, response)),
            },
            Err(error @ RegistryError::Unreachable { .. }) => (404, error),
            Err(error) => return Err(error),
        };
        // A first attempt may have been done although its answer was lost.
        if self.client.has_blob_at(&self.target, self.blob, self.watch)? {
            return Ok(());
        }
        Err(if status == 404 { forgotten(self.target.endpoint.host.clone(), refused) } else { refused })
    }
}

impl Client {
    /// Asks what a registry need not answer: tried again only where there is no answer at all.
    pub(super) fn send_optional(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<Response<Body>>, RegistryError> {
        let mut attempt = 1;
        loop {
            match self.send_once(target, ask, watch) {
                Err(RegistryError::Unreachable { reason, .. })
                    if attempt < self.patience().attempts && !stays(&reason) =>
                {
                    rest(self.patience().pause * attempt, watch)?;
                    attempt += 1;
                }
                other => return optional(other),
            }
        }
    }

    fn has_blob_at(&self, target: &Target, blob: Blob, watch: &dyn Watch) -> Result<bool, RegistryError> {
        let response = self.send_optional(target, &ask_for(target, blob), watch)?;
        let fits = |response: &Response<Body>| {
            text(response, "content-length").is_none_or(|length| length == blob.size.to_string())
        };
        Ok(response.is_some_and(|response| response.status() == 200 && fits(&response)))
    }
}

impl BlobSink for Upload<'_> {
    type Error = RegistryError;

    fn quarantine(&mut self, mut bytes: &[u8]) -> Result<(), RegistryError> {
        while self.piece.len() + bytes.len() > self.len {
            let (head, tail) = bytes.split_at_checked(self.len - self.piece.len()).unwrap_or((bytes, &[]));
            self.piece.extend_from_slice(head);
            bytes = tail;
            self.flush()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn keep(mut self, _: &Verified<Blob>) -> Result<(), RegistryError> {
        self.complete()
    }
}

/// An answer to a question that a registry need not answer. That it is silent, or nobody wants to know any more, is an
/// error all the same.
pub(super) fn optional(
    outcome: Result<Response<Body>, RegistryError>,
) -> Result<Option<Response<Body>>, RegistryError> {
    match outcome {
        Ok(response) => Ok(Some(response)),
        Err(RegistryError::Denied { .. } | RegistryError::Challenge { .. }) => Ok(None),
        // Redirects that lead nowhere: there is an answer, and it is none.
        Err(RegistryError::Unreachable { reason, .. }) if reason.starts_with("it ") => Ok(None),
        Err(error) => Err(error),
    }
}

/// True for a status that a further attempt at the same piece would not change. Where pieces have arrived, 404 says that
/// the upload is forgotten.
fn is_final(status: u16, from: u64) -> bool {
    matches!(status, 400..=499 | 501) && !matches!(status, 408 | 429) && (status != 404 || from == 0)
}

fn upload_of(target: &Target, blob: Blob) -> String {
    format!("the upload of blob `{}` to `{}`", blob.digest, target.endpoint.path)
}

/// Which manifest is there.
pub(super) fn head_of(target: &Target, reference: &str) -> Ask<'static> {
    let url = target.endpoint.url(&format!("manifests/{reference}"));
    let what = format!("manifest `{reference}` of `{}`", target.endpoint.path);
    let mut ask = Ask::new(Method::HEAD, url, what);
    ask.headers.push(("accept", oci::DOCUMENTS.join(", ")));
    ask
}

/// Whether a blob is there.
fn ask_for(target: &Target, blob: Blob) -> Ask<'static> {
    let url = target.endpoint.url(&format!("blobs/{}", blob.digest));
    Ask::new(Method::HEAD, url, format!("blob `{}` of `{}`", blob.digest, target.endpoint.path))
}

fn with_digest(location: &str, digest: &Digest) -> String {
    let join = if location.contains('?') { '&' } else { '?' };
    format!("{location}{join}digest={digest}")
}

/// The address in `Location`, which may be relative to the one that was asked.
fn location(target: &Target, asked: &str, response: &Response<Body>) -> Option<String> {
    let location = text(response, "location")?;
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location);
    }
    if location.starts_with('/') && !location.starts_with("//") {
        let uri: Uri = asked.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        return Some(format!("{scheme}://{authority}{location}"));
    }
    (!location.is_empty()).then(|| target.endpoint.url(&format!("blobs/uploads/{location}")))
}

fn forgotten(host: String, cause: RegistryError) -> RegistryError {
    RegistryError::Forgotten { host, cause: Box::new(cause) }
}

fn no_location(target: &Target) -> RegistryError {
    RegistryError::Document {
        host: target.endpoint.host.clone(),
        what: "an answer".to_owned(),
        reason: "it does not say where the upload goes".to_owned(),
    }
}
