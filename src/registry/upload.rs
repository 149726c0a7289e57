//! An upload in chunks.

use super::client::{Ask, Client, ClientTarget, rest};
use super::error::RegistryError;
use super::pull::text;
use super::push::{forgotten, location, upload_of, with_digest};
use sealift_bundle::format::index::Blob;
use sealift_bundle::trust::verify::{BlobSink, Verified};
use sealift_bundle::value::progress::Progress;
use std::time::Duration;
use ureq::http::Method;

/// How often one piece is tried.
const TRIES: u32 = 5;

/// An upload under way, fed from a bundle; the registry is asked to keep it only with the proof of its digest.
pub struct Upload<'a> {
    pub(super) client: &'a Client,
    pub(super) target: ClientTarget,
    pub(super) blob: Blob,
    pub(super) watch: &'a dyn Progress,
    pub(super) location: String,
    pub(super) sent: u64,
    pub(super) piece: Vec<u8>,
    /// Bytes of a piece that is not the last.
    pub(super) len: usize,
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
                    // How much did arrive? Where no one knows, everything is sent again.
                    from = match self.arrived() {
                        Ok(at) => at.filter(|at| (self.sent..=end).contains(at)).unwrap_or(from),
                        // What was before this piece is not here any more; the whole blob begins again.
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

impl BlobSink for Upload<'_> {
    type Error = RegistryError;

    fn write_unverified(&mut self, mut bytes: &[u8]) -> Result<(), RegistryError> {
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

/// True for a status that a further attempt at the same piece would not change. Where pieces have arrived, 404 says that
/// the upload is forgotten.
fn is_final(status: u16, from: u64) -> bool {
    matches!(status, 400..=499 | 501) && !matches!(status, 408 | 429) && (status != 404 || from == 0)
}
