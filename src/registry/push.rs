//! Pushes blobs in chunks and manifests whole.

use super::client::{Action, Ask, Client, ClientTarget, is_passing, locked, rest};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::pull::text;
use super::response::stays;
use super::upload::Upload;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::progress::Progress;
use std::io::Read;
use ureq::Body;
use ureq::http::{Method, Response, Uri};

/// Bytes of one piece: an upload that is cut goes on behind the last whole piece, and a registry that writes to an
/// object store wants at least 5 MiB.
const PIECE: usize = 8 << 20;
/// The longest pieces that are kept in memory for a registry that wants long ones.
const LONGEST: u64 = 64 << 20;
/// How often one blob is begun.
const BEGINNINGS: u32 = 4;

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
    pub(crate) fn has_blob(
        &self,
        repository: &Repository,
        blob: Blob,
        watch: &dyn Progress,
    ) -> Result<bool, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        self.has_blob_at(&target, blob, watch)
    }

    /// The digest of the manifest under a tag or digest, where the registry says one.
    pub(crate) fn manifest_digest(
        &self,
        repository: &Repository,
        reference: &str,
        watch: &dyn Progress,
    ) -> Result<Option<Digest>, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let found = self.send_optional(&target, &head_of(&target, reference), watch)?;
        let found = found.filter(|response| response.status() == 200);
        Ok(found.and_then(|response| text(&response, "docker-content-digest")?.parse().ok()))
    }

    /// Asks a registry to take a blob over from another of its repositories; false when it does not, for whatever
    /// reason: then the blob is sent.
    pub(crate) fn mount(
        &self,
        repository: &Repository,
        blob: Blob,
        from: &Repository,
        watch: &dyn Progress,
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
    pub(crate) fn upload<'a>(
        &'a self,
        repository: &Repository,
        blob: Blob,
        watch: &'a dyn Progress,
    ) -> Result<Upload<'a>, RegistryError> {
        let target = self.target(repository, Action::Push, watch)?;
        let Begun { location, least } = self.begin(&target, blob, watch)?;
        if least > LONGEST {
            return Err(RegistryError::NoPieces { host: target.endpoint.host });
        }
        let len = PIECE.max(usize::try_from(least).unwrap_or(PIECE));
        Ok(Upload { client: self, target, blob, watch, location, sent: 0, piece: Vec::new(), len })
    }

    fn begin(&self, target: &ClientTarget, blob: Blob, watch: &dyn Progress) -> Result<Begun, RegistryError> {
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
    pub(crate) fn put_blob(
        &self,
        repository: &Repository,
        bytes: &[u8],
        watch: &dyn Progress,
    ) -> Result<(), RegistryError> {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        if self.has_blob(repository, blob, watch)? {
            return Ok(());
        }
        self.insist(watch, || {
            self.upload_whole(repository, blob, std::io::Cursor::new(bytes.to_vec()), watch)
        })
    }

    /// Begins an upload again as long as the registry has forgotten the one before; its cause is what is told then.
    pub(super) fn insist(
        &self,
        watch: &dyn Progress,
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
    pub(crate) fn upload_whole(
        &self,
        repository: &Repository,
        blob: Blob,
        reader: impl Read + Send + 'static,
        watch: &dyn Progress,
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
    pub(crate) fn put_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
        watch: &dyn Progress,
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

impl Client {
    /// Asks what a registry need not answer: tried again only where there is no answer at all.
    pub(super) fn send_optional(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        watch: &dyn Progress,
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

    pub(super) fn has_blob_at(
        &self,
        target: &ClientTarget,
        blob: Blob,
        watch: &dyn Progress,
    ) -> Result<bool, RegistryError> {
        let response = self.send_optional(target, &ask_for(target, blob), watch)?;
        let fits = |response: &Response<Body>| {
            text(response, "content-length").is_none_or(|length| length == blob.size.to_string())
        };
        Ok(response.is_some_and(|response| response.status() == 200 && fits(&response)))
    }
}

/// An answer to a question that a registry need not answer. That it is silent, or no one wants to know any more, is an
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

pub(super) fn upload_of(target: &ClientTarget, blob: Blob) -> String {
    format!("the upload of blob `{}` to `{}`", blob.digest, target.endpoint.path)
}

pub(super) fn head_of(target: &ClientTarget, reference: &str) -> Ask<'static> {
    let url = target.endpoint.url(&format!("manifests/{reference}"));
    let what = format!("manifest `{reference}` of `{}`", target.endpoint.path);
    let mut ask = Ask::new(Method::HEAD, url, what);
    ask.headers.push(("accept", oci::DOCUMENTS.join(", ")));
    ask
}

/// Whether a blob is there.
fn ask_for(target: &ClientTarget, blob: Blob) -> Ask<'static> {
    let url = target.endpoint.url(&format!("blobs/{}", blob.digest));
    Ask::new(Method::HEAD, url, format!("blob `{}` of `{}`", blob.digest, target.endpoint.path))
}

pub(super) fn with_digest(location: &str, digest: &Digest) -> String {
    let join = if location.contains('?') { '&' } else { '?' };
    format!("{location}{join}digest={digest}")
}

/// The address in `Location`, which may be relative to the one that was asked.
pub(super) fn location(target: &ClientTarget, asked: &str, response: &Response<Body>) -> Option<String> {
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

pub(super) fn forgotten(host: String, cause: RegistryError) -> RegistryError {
    RegistryError::Forgotten { host, cause: Box::new(cause) }
}

fn no_location(target: &ClientTarget) -> RegistryError {
    RegistryError::Document {
        host: target.endpoint.host.clone(),
        what: "an answer".to_owned(),
        reason: "it does not say where the upload goes".to_owned(),
    }
}
