//! Downloads, into the store.

use super::address::{Address, Scheme};
use super::error::PlanError;
use super::work::{Task, open_regular};
use crate::registry::http::{Failure, Http, Query, REDIRECTS, through};
use crate::registry::waiting::{Pump, watched};
use crate::store::StoreError;
use crate::value::digest::Digest;
use std::io::{self, Read};
use std::time::Duration;

/// How long anything may take that moves no bytes.
const SILENCE: Duration = Duration::from_mins(1);

/// A small document, into memory; `ceiling` is how many bytes it may have.
pub(super) fn document(url: &Address, ceiling: u64, task: &Task<'_>) -> Result<Vec<u8>, PlanError> {
    let (reader, _) = open(&url.through(task.work.access), task)?;
    let mut bytes = Vec::new();
    let read = reader.take(ceiling + 1).read_to_end(&mut bytes);
    task.go_on()?;
    read.map_err(|error| failed(url, error.to_string()))?;
    let found = bytes.len() as u64;
    if found > ceiling {
        return Err(PlanError::Limit { what: format!("bytes of `{url}`"), found, ceiling });
    }
    Ok(bytes)
}

/// Makes sure that the store has the file at `url`, and returns its size. What the store has is not fetched again.
///
/// Without a digest, what the address gives now is taken.
pub(super) fn fetch(
    url: &Address,
    sha256: Option<&Digest>,
    task: &Task<'_>,
) -> Result<(Digest, u64), PlanError> {
    let store = task.work.store;
    if let Some(sha256) = sha256
        && let Some((_, size)) = store.checked(sha256)?
    {
        return Ok((*sha256, size));
    }
    let (mut reader, length) = open(&url.through(task.work.access), task)?;
    let ceiling = task.work.limits.bytes;
    if let Some(found) = length.filter(|length| *length > ceiling) {
        return Err(PlanError::Limit { what: format!("bytes of `{url}`"), found, ceiling });
    }
    task.expect(length.unwrap_or_default());
    let mut watched = Watched { reader: &mut reader, task, rest: length.unwrap_or(ceiling) };
    let stored = store.put(&mut watched, sha256.copied());
    let rest = watched.rest;
    task.go_on()?;
    match stored {
        // Only a length that was stated can be missed. A body that ends early is no other file; and without a digest to
        // compare with, that length is all there is.
        Ok(_) | Err(StoreError::Digest { .. }) if length.is_some() && rest > 0 => {
            let length = length.unwrap_or_default();
            Err(failed(url, format!("it ended {rest} bytes before the {length} that were announced")))
        }
        Ok(stored) => Ok(stored),
        Err(StoreError::Digest { expected, found }) => {
            Err(PlanError::Digest { url: url.to_string(), expected, found })
        }
        Err(StoreError::Read { source }) => Err(failed(url, source.to_string())),
        Err(error @ StoreError::Io { .. }) => Err(PlanError::Store(error)),
    }
}

fn failed(url: &Address, reason: impl Into<String>) -> PlanError {
    PlanError::Fetch { url: url.to_string(), reason: reason.into() }
}

type Opened<'a> = (Box<dyn Read + 'a>, Option<u64>);

fn open<'a>(url: &Address, task: &'a Task<'_>) -> Result<Opened<'a>, PlanError> {
    let Some(path) = url.file() else { return request(url, task) };
    let file = open_regular(&path)?;
    let length = file.metadata().map_err(|source| PlanError::read(&path, source))?.len();
    Ok((Box::new(file), Some(length)))
}

fn request<'a>(url: &Address, task: &'a Task<'_>) -> Result<Opened<'a>, PlanError> {
    let http = Http::new(task.work.access, SILENCE)?;
    // What begins with https stays with https, over every redirect.
    let query = Query::get(url.as_str().to_owned(), url.scheme() == Scheme::Https);
    let response = match watched(task.work.watch, move || http.exchange(query))? {
        Ok(response) => response,
        Err(Failure::Sent { error, proxy }) => return Err(failed(url, reason(&error) + &through(proxy))),
        Err(Failure::Proxy(error)) => return Err(error.into()),
    };
    if !response.status().is_success() {
        return Err(failed(url, reason(&ureq::Error::StatusCode(response.status().as_u16()))));
    }
    let length = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
    Ok((Box::new(Pump::new(reader, task.work.watch)?), length))
}

/// Says what went wrong without repeating addresses: what a redirect leads to may hold a token.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(404) => "the server has no such file (status 404)".to_owned(),
        ureq::Error::StatusCode(code @ (401 | 403)) => {
            format!("the server wants to know who asks (status {code}), and a manifest holds no secrets")
        }
        ureq::Error::StatusCode(code) => format!("the server answers with status {code}"),
        ureq::Error::TooManyRedirects => format!("it was redirected more than {REDIRECTS} times"),
        ureq::Error::RequireHttpsOnly(_) => "it is redirected from https to http".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::BadUri(_) => "it is, or is redirected to, no address".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Counts bytes, stops at the length announced, and when the person wants to.
struct Watched<'a> {
    reader: &'a mut dyn Read,
    task: &'a Task<'a>,
    rest: u64,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.rest = self
            .rest
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it gave more bytes than were announced"))?;
        self.task.advance(read).map_err(|_| io::Error::other("interrupted"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
