//! Requests to registries, with authentication and retries.

use super::endpoints::{Endpoint, Patience, RegistryAccess, Repository};
use super::error::RegistryError;
use super::http::{Http, HttpQuery, RequestBody, RequestFailure};
use super::response::{is_no_tls, stays};
use super::token::{Login, RegistrySecret};
use super::waiting::watched;
use sealift_bundle::value::progress::Progress;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::http::{Method, Response, Uri, header};
use ureq::{Body, ResponseExt as _};

/// How long a registry may think; it hashes gigabytes before it answers.
const THINKING: Duration = Duration::from_mins(10);

/// A client for any number of registries; shared by threads.
#[derive(Debug)]
pub struct Client {
    pub(super) access: RegistryAccess,
    http: Arc<Http>,
    /// What each loopback host speaks.
    spoken: Mutex<HashMap<String, bool>>,
    pub(super) logins: Mutex<HashMap<Repository, Option<Login>>>,
    pub(super) proofs: Mutex<HashMap<(String, String), RegistrySecret>>,
    /// Hosts that take no blob in pieces.
    pub(super) whole: Mutex<BTreeSet<String>>,
    /// Hosts that failed when asked what need not be there.
    pub(super) reluctant: Mutex<BTreeSet<String>>,
    /// What the operator was told already.
    notes: Mutex<BTreeSet<String>>,
}

/// What is wanted from a repository; part of the scope of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Pull,
    Push,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

/// One request; `what` says for users what it is about.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: &'a [u8],
    pub(super) what: String,
}

impl Ask<'_> {
    pub(super) fn new(method: Method, url: String, what: impl Into<String>) -> Self {
        Self { method, url, headers: Vec::new(), body: &[], what: what.into() }
    }
}

/// A repository with where it is asked for and what for.
#[derive(Debug, Clone)]
pub(super) struct ClientTarget {
    pub(super) endpoint: Endpoint,
    pub(super) repository: Repository,
    action: Action,
    /// Further repositories that the token must open: sources of mounts.
    pub(super) also: Vec<String>,
}

impl ClientTarget {
    fn scope(&self) -> String {
        let one = |path: &str, action: Action| format!("repository:{path}:{}", action.as_str());
        let also = self.also.iter().map(|path| one(path, Action::Pull));
        std::iter::once(one(&self.endpoint.path, self.action)).chain(also).collect::<Vec<_>>().join(" ")
    }
}

impl Client {
    /// A client; reads the certificates of the system and those that `access` names.
    pub fn new(access: RegistryAccess) -> Result<Self, RegistryError> {
        Ok(Self {
            http: Arc::new(Http::new(&access, THINKING)?),
            spoken: Mutex::default(),
            logins: Mutex::default(),
            proofs: Mutex::default(),
            whole: Mutex::default(),
            reluctant: Mutex::default(),
            notes: Mutex::default(),
            access,
        })
    }

    /// Tells the operator something, once.
    pub fn note(&self, watch: &dyn Progress, text: String) {
        if !locked(&self.notes).contains(&text) {
            watch.note(&text);
            locked(&self.notes).insert(text);
        }
    }

    pub(super) fn patience(&self) -> Patience {
        self.access.patience
    }

    /// Where requests about a repository go. A loopback host is asked what it speaks, once.
    pub(super) fn target(
        &self,
        repository: &Repository,
        action: Action,
        watch: &dyn Progress,
    ) -> Result<ClientTarget, RegistryError> {
        let mut endpoint = self.access.endpoint(repository);
        if endpoint.plain && !self.access.plain_http.contains(&endpoint.host) {
            let known = locked(&self.spoken).get(&endpoint.host).copied();
            endpoint.plain = if let Some(plain) = known {
                plain
            } else {
                let plain = self.speaks_plain(&endpoint, watch)?;
                locked(&self.spoken).insert(endpoint.host.clone(), plain);
                plain
            };
        }
        Ok(ClientTarget { endpoint, repository: repository.clone(), action, also: Vec::new() })
    }

    /// True when a host is reached without TLS; known once it was asked for something.
    #[must_use]
    pub fn is_plain(&self, host: &str) -> bool {
        self.access.plain_http.iter().any(|plain| plain == host)
            || locked(&self.spoken).get(host).copied().unwrap_or(false)
    }

    /// True when what answers is not TLS. A certificate that no one certifies is an error as everywhere.
    fn speaks_plain(&self, endpoint: &Endpoint, watch: &dyn Progress) -> Result<bool, RegistryError> {
        let query = HttpQuery::get(format!("https://{}/v2/", endpoint.host), false);
        match self.exchange(query, watch)? {
            Ok(_) => Ok(false),
            Err(RequestFailure::Sent { error, .. }) if is_no_tls(&error) => Ok(true),
            Err(failure) => Err(failure.of(&endpoint.host)),
        }
    }

    /// One request, on a thread of its own: a silent host does not keep anybody from stopping.
    pub(super) fn exchange(
        &self,
        query: HttpQuery,
        watch: &dyn Progress,
    ) -> Result<Result<Response<Body>, RequestFailure>, RegistryError> {
        let http = Arc::clone(&self.http);
        watched(watch, move || http.exchange(query))
    }

    /// Sends a request again until it is answered with something that a further attempt would not change.
    ///
    /// For requests that may arrive twice. Statuses 401, 429 and 5xx are dealt with here; any other is returned.
    pub(super) fn send(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        watch: &dyn Progress,
    ) -> Result<Response<Body>, RegistryError> {
        let patience = self.patience();
        let mut pause = patience.pause;
        for attempt in 1.. {
            let outcome = self.send_once(target, ask, watch);
            let last = attempt >= patience.attempts;
            let wait = match &outcome {
                Ok(response) if !last && is_passing(response.status().as_u16()) => retry_after(response),
                Err(RegistryError::Unreachable { reason, .. }) if !last && !stays(reason) => None,
                _ => return outcome,
            };
            rest(wait.unwrap_or(pause).min(patience.longest), watch)?;
            pause = (pause * 2).min(patience.longest);
        }
        Err(RegistryError::Interrupted)
    }

    /// Sends a request once, and once more with credentials when it is asked for them.
    pub(super) fn send_once(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        watch: &dyn Progress,
    ) -> Result<Response<Body>, RegistryError> {
        let host = &target.endpoint.host;
        let scope = target.scope();
        let key = (host.clone(), scope.clone());
        let known = locked(&self.proofs).get(&key).cloned();
        let response = self.run(target, ask, known.as_ref(), watch)?;
        if response.status() != 401 {
            return Ok(response);
        }
        // Only the host that the credentials are for may say where they are to be shown.
        if response.get_uri().authority().is_none_or(|from| from.as_str() != host) {
            return Err(self.refused(target, ask, response));
        }
        let proof = self.prove(target, &response, &scope, watch)?;
        let Some(proof) = proof else { return Err(self.refused(target, ask, response)) };
        locked(&self.proofs).insert(key, proof.clone());
        let response = self.run(target, ask, Some(&proof), watch)?;
        if matches!(response.status().as_u16(), 401 | 403) {
            return Err(self.refused(target, ask, response));
        }
        Ok(response)
    }

    fn run(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        proof: Option<&RegistrySecret>,
        watch: &dyn Progress,
    ) -> Result<Response<Body>, RegistryError> {
        let writing = is_writing(&ask.method);
        let payload = if writing { RequestBody::Bytes(ask.body.to_vec()) } else { RequestBody::Nothing };
        self.request(target, ask, proof, payload, watch)
    }

    fn request(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        proof: Option<&RegistrySecret>,
        payload: RequestBody,
        watch: &dyn Progress,
    ) -> Result<Response<Body>, RegistryError> {
        let Endpoint { host, plain, .. } = &target.endpoint;
        // A place for an upload may lie on another host, which is not the one the credentials are for.
        let same =
            ask.url.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some_and(|to| to.as_str() == host));
        let query = HttpQuery {
            method: ask.method.clone(),
            headers: ask.headers.clone(),
            authorization: proof.filter(|_| same).map(|proof| proof.expose().to_owned()),
            payload,
            ..HttpQuery::get(ask.url.clone(), !*plain)
        };
        self.exchange(query, watch)?.map_err(|failure| failure.of(host))
    }

    /// Sends a body that comes once; credentials have been asked for before, when the upload began.
    pub(super) fn send_body(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        body: Box<dyn Read + Send>,
        watch: &dyn Progress,
    ) -> Result<Response<Body>, RegistryError> {
        let key = (target.endpoint.host.clone(), target.scope());
        let proof = locked(&self.proofs).get(&key).cloned();
        self.request(target, ask, proof.as_ref(), RequestBody::Stream(body), watch)
    }

    /// True when a registry answers at all, whatever it says.
    pub(super) fn is_up(&self, repository: &Repository, watch: &dyn Progress) -> Result<bool, RegistryError> {
        let target = match self.target(repository, Action::Push, watch) {
            Err(RegistryError::Unreachable { .. }) => return Ok(false),
            other => other?,
        };
        let query = HttpQuery::get(format!("{}/v2/", target.endpoint.origin()), !target.endpoint.plain);
        Ok(self.exchange(query, watch)?.is_ok())
    }
}

pub(super) fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn is_writing(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Statuses that may be gone at the next attempt.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// RFC 9110, section 10.2.3, in seconds; the form with a date is passed over.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Waits; an error when the person wants to stop.
pub(super) fn rest(pause: Duration, watch: &dyn Progress) -> Result<(), RegistryError> {
    let end = Instant::now() + pause;
    loop {
        if watch.is_stopped() {
            return Err(RegistryError::Interrupted);
        }
        let Some(left) = end.checked_duration_since(Instant::now()) else { return Ok(()) };
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
