//! A blob of a registry as a reader that resumes after an interruption.

use super::client::{Action, Ask, Client, ClientTarget};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::pull::text;
use super::waiting::{Pump, in_io};
use sealift_bundle::format::index::Blob;
use sealift_bundle::value::progress::Progress;
use std::io::{self, Read};
use ureq::http::Method;

/// Reads a blob; ends with an error when it has not the length that was announced. Its digest is the business of
/// anyone who reads.
pub(super) struct BlobReader<'a> {
    client: &'a Client,
    target: ClientTarget,
    blob: Blob,
    watch: &'a dyn Progress,
    at: u64,
    body: Option<Pump<'a>>,
}

impl<'a> BlobReader<'a> {
    pub(super) fn new(
        client: &'a Client,
        repository: &Repository,
        blob: Blob,
        watch: &'a dyn Progress,
    ) -> Result<Self, RegistryError> {
        let target = client.target(repository, Action::Pull, watch)?;
        Ok(Self { client, target, blob, watch, at: 0, body: None })
    }

    fn open(&self) -> Result<Pump<'a>, RegistryError> {
        let what = format!("blob `{}` of `{}`", self.blob.digest, self.target.endpoint.path);
        let mut ask =
            Ask::new(Method::GET, self.target.endpoint.url(&format!("blobs/{}", self.blob.digest)), what);
        if self.at > 0 {
            ask.headers.push(("range", format!("bytes={}-", self.at)));
        }
        let response = self.client.send(&self.target, &ask, self.watch)?;
        let begins = format!("bytes {}-", self.at);
        match response.status().as_u16() {
            200 if self.at == 0 => {}
            206 if text(&response, "content-range").is_some_and(|range| range.starts_with(&begins)) => {}
            200 | 206 => {
                return Err(RegistryError::Status {
                    host: self.target.endpoint.host.clone(),
                    status: response.status().as_u16(),
                    what: ask.what,
                    said: "it cannot go on where it was cut".to_owned(),
                });
            }
            _ => return Err(self.client.refused(&self.target, &ask, response)),
        }
        Pump::new(response.into_body().into_with_config().limit(u64::MAX).reader(), self.watch)
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let missing = self.blob.size - self.at;
        if missing == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(missing).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let mut stalls = 0;
        loop {
            let mut body = match self.body.take() {
                Some(body) => body,
                None => self.open().map_err(in_io)?,
            };
            match body.read(buffer) {
                Ok(read) if read > 0 => {
                    self.at += read as u64;
                    self.body = Some(body);
                    return Ok(read);
                }
                cut => {
                    stalls += 1;
                    if stalls >= self.client.patience().attempts {
                        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
                        return Err(cut.err().unwrap_or_else(ended));
                    }
                    super::client::rest(self.client.patience().pause, self.watch).map_err(in_io)?;
                }
            }
        }
    }
}
