//! Requests to registries: who is asked, who asks, and how often it is tried.

use super::access::{Access, Endpoint, Patience, Repository};
use super::challenge::Challenge;
use super::error::RegistryError;
use super::secrets::{Login, Secret};
use crate::value::watch::Watch;
use rustls_native_certs::load_native_certs;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::http::{Method, Request, Response, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, ResponseExt as _};

/// How long anything may take that moves no bytes.
const SILENCE: Duration = Duration::from_mins(1);
/// How long a registry may think; it hashes gigabytes before it answers.
const THINKING: Duration = Duration::from_mins(10);
/// How many redirects are followed.
const REDIRECTS: u32 = 5;
/// The most of an error's body or of a token's answer that is read.
const ANSWER: u64 = 1 << 20;
/// The most of what a registry says that is repeated.
const SAID: usize = 300;

/// A client for any number of registries; shared by threads.
#[derive(Debug)]
pub struct Client {
    access: Access,
    /// Stays with https over every redirect.
    secure: Agent,
    plain: Agent,
    /// What each loopback host speaks.
    spoken: Mutex<HashMap<String, bool>>,
    logins: Mutex<HashMap<Repository, Option<Login>>>,
    /// By host and scope.
    proofs: Mutex<HashMap<(String, String), Secret>>,
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

/// One request; `what` says for people what it is about.
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
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    repository: Repository,
    action: Action,
    /// Further repositories that the token must open: sources of mounts.
    pub(super) also: Vec<String>,
}

impl Target {
    fn scope(&self) -> String {
        let one = |path: &str, action: Action| format!("repository:{path}:{}", action.as_str());
        let also = self.also.iter().map(|path| one(path, Action::Pull));
        std::iter::once(one(&self.endpoint.path, self.action)).chain(also).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Client {
    /// A client; reads the certificates of the system and those that `access` names.
    pub fn new(access: Access) -> Result<Self, RegistryError> {
        let tls = TlsConfig::builder().root_certs(authorities(&access)?).build();
        let proxy = access.proxy.as_deref().map(ureq::Proxy::new).transpose();
        let proxy = proxy.map_err(|_| RegistryError::Unreachable {
            host: "the proxy".to_owned(),
            reason: "its address cannot be read".to_owned(),
        })?;
        let agent = |https_only| {
            Agent::config_builder()
                .https_only(https_only)
                .http_status_as_error(false)
                .tls_config(tls.clone())
                // Credentials never follow to another place.
                .redirect_auth_headers(ureq::config::RedirectAuthHeaders::Never)
                .max_redirects(REDIRECTS)
                .user_agent(concat!("sealift/", env!("CARGO_PKG_VERSION")))
                .accept_encoding("identity")
                .timeout_resolve(Some(SILENCE))
                .timeout_connect(Some(SILENCE))
                .timeout_recv_response(Some(THINKING))
                .timeout_per_read(Some(SILENCE))
                .timeout_per_write(Some(SILENCE))
                .max_idle_connections_per_host(16)
        };
        Ok(Self {
            secure: agent(true).proxy(proxy.clone()).build().into(),
            plain: agent(false).proxy(None).build().into(),
            spoken: Mutex::default(),
            logins: Mutex::default(),
            proofs: Mutex::default(),
            access,
        })
    }

    pub(super) fn patience(&self) -> Patience {
        self.access.patience
    }

    /// Where requests about a repository go. A loopback host is asked what it speaks, once.
    pub(super) fn target(&self, repository: &Repository, action: Action) -> Result<Target, RegistryError> {
        let mut endpoint = self.access.endpoint(repository);
        if endpoint.plain && !self.access.plain_http.contains(&endpoint.host) {
            let known = locked(&self.spoken).get(&endpoint.host).copied();
            endpoint.plain = if let Some(plain) = known {
                plain
            } else {
                let plain = self.speaks_plain(&endpoint)?;
                locked(&self.spoken).insert(endpoint.host.clone(), plain);
                plain
            };
        }
        Ok(Target { endpoint, repository: repository.clone(), action, also: Vec::new() })
    }

    /// True when a host is reached without TLS; known once it was asked for something.
    #[must_use]
    pub fn is_plain(&self, host: &str) -> bool {
        self.access.plain_http.iter().any(|plain| plain == host)
            || locked(&self.spoken).get(host).copied().unwrap_or(false)
    }

    /// True when what answers is no TLS. A certificate that nobody vouches for is an error as everywhere.
    fn speaks_plain(&self, endpoint: &Endpoint) -> Result<bool, RegistryError> {
        let request = Request::get(format!("https://{}/v2/", endpoint.host)).body(());
        let request = request.map_err(|_| unreachable_host(&endpoint.host, "it is no host name"))?;
        // Loopback is never behind a proxy.
        match self.plain.run(request) {
            Ok(_) => Ok(false),
            Err(error) if is_no_tls(&error) => Ok(true),
            Err(error) => Err(unreachable_host(&endpoint.host, reason(&error))),
        }
    }

    /// Sends a request again until it is answered with something that a further attempt would not change.
    ///
    /// For requests that may arrive twice. Statuses 401, 429 and 5xx are dealt with here; any other is returned.
    pub(super) fn send(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        watch: &dyn Watch,
    ) -> Result<Response<Body>, RegistryError> {
        let patience = self.patience();
        let mut pause = patience.pause;
        for attempt in 1.. {
            let outcome = self.send_once(target, ask);
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
    pub(super) fn send_once(&self, target: &Target, ask: &Ask<'_>) -> Result<Response<Body>, RegistryError> {
        let host = &target.endpoint.host;
        let scope = target.scope();
        let key = (host.clone(), scope.clone());
        let known = locked(&self.proofs).get(&key).cloned();
        let response = self.run(target, ask, known.as_ref())?;
        if response.status() != 401 {
            return Ok(response);
        }
        // Only the host that the credentials are for may say where they are to be shown.
        if response.get_uri().authority().is_none_or(|from| from.as_str() != host) {
            return Err(self.refused(target, ask, response));
        }
        let proof = self.prove(target, &response, &scope)?;
        let Some(proof) = proof else { return Err(self.refused(target, ask, response)) };
        locked(&self.proofs).insert(key, proof.clone());
        let response = self.run(target, ask, Some(&proof))?;
        if matches!(response.status().as_u16(), 401 | 403) {
            return Err(self.refused(target, ask, response));
        }
        Ok(response)
    }

    fn run(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        proof: Option<&Secret>,
    ) -> Result<Response<Body>, RegistryError> {
        let sends = matches!(ask.method, Method::POST | Method::PUT | Method::PATCH);
        if sends { self.request(target, ask, proof, ask.body) } else { self.request(target, ask, proof, ()) }
    }

    fn request(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        proof: Option<&Secret>,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, RegistryError> {
        let Endpoint { host, plain, .. } = &target.endpoint;
        let mut request = Request::builder().method(ask.method.clone()).uri(&ask.url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        // A place for an upload may lie on another host, which is not the one the credentials are for.
        let same =
            ask.url.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some_and(|to| to.as_str() == host));
        if let Some(proof) = proof.filter(|_| same) {
            request = request.header(header::AUTHORIZATION, proof.expose());
        }
        let agent = if *plain { &self.plain } else { &self.secure };
        let request =
            request.body(body).map_err(|_| unreachable_host(host, format!("`{}` is no address", ask.url)))?;
        agent.run(request).map_err(|error| unreachable_host(host, reason(&error)))
    }

    /// Sends a body that comes once; credentials have been asked for before, when the upload began.
    pub(super) fn send_body(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        body: ureq::SendBody<'_>,
    ) -> Result<Response<Body>, RegistryError> {
        let key = (target.endpoint.host.clone(), target.scope());
        let proof = locked(&self.proofs).get(&key).cloned();
        self.request(target, ask, proof.as_ref(), body)
    }

    /// What to show to a registry that asked with status 401; nothing when there is nothing to show.
    fn prove(
        &self,
        target: &Target,
        response: &Response<Body>,
        scope: &str,
    ) -> Result<Option<Secret>, RegistryError> {
        let host = &target.endpoint.host;
        let wrong = |reason: String| RegistryError::Challenge { host: host.clone(), reason };
        let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
        let headers = headers.iter().filter_map(|value| value.to_str().ok());
        let challenge = Challenge::parse(headers).map_err(wrong)?;
        let login = self.login(target)?;
        match challenge {
            Challenge::Basic => Ok(login.as_ref().and_then(Login::basic)),
            Challenge::Bearer { realm, service, scope: asked } => {
                if !target.endpoint.plain && !realm.starts_with("https://") {
                    return Err(wrong("it wants the password sent over plain HTTP".to_owned()));
                }
                // Ours says push where push is meant; the registry's may say only what this request needs.
                let scope =
                    asked.filter(|asked| !asked.starts_with("repository:")).unwrap_or(scope.to_owned());
                self.token(target, &realm, service.as_deref(), &scope, login.as_ref()).map(Some)
            }
        }
    }

    fn login(&self, target: &Target) -> Result<Option<Login>, RegistryError> {
        // Credentials of a mirror are those of the host that is asked.
        let repository = if self.access.mirrors.contains_key(&target.repository.host) {
            Repository::at(&target.endpoint.host, &target.endpoint.path)
        } else {
            target.repository.clone()
        };
        if let Some(known) = locked(&self.logins).get(&repository) {
            return Ok(known.clone());
        }
        let login = self.access.credentials.find(&repository)?;
        locked(&self.logins).insert(repository, login.clone());
        Ok(login)
    }

    fn token(
        &self,
        target: &Target,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        login: Option<&Login>,
    ) -> Result<Secret, RegistryError> {
        let host = &target.endpoint.host;
        let agent = if target.endpoint.plain { &self.plain } else { &self.secure };
        let mut fields = vec![("scope", scope.to_owned())];
        fields.extend(service.map(|service| ("service", service.to_owned())));
        let outcome = match login {
            Some(Login::Identity(secret)) => {
                fields.push(("grant_type", "refresh_token".to_owned()));
                fields.push(("client_id", "sealift".to_owned()));
                fields.push(("refresh_token", secret.expose().to_owned()));
                agent.post(realm).send_form(fields)
            }
            Some(Login::Password { .. }) | None => {
                let mut request = agent.get(realm);
                for (name, value) in &fields {
                    request = request.query(name, value);
                }
                if let Some(basic) = login.and_then(Login::basic) {
                    request = request.header(header::AUTHORIZATION, basic.expose());
                }
                request.call()
            }
        };
        let what = "the request for a token";
        let mut response = outcome.map_err(|error| unreachable_host(host, reason(&error)))?;
        if response.status() != 200 {
            let ask = Ask::new(Method::GET, String::new(), what);
            return Err(self.refused(target, &ask, response));
        }
        let unfit = || RegistryError::Challenge {
            host: host.clone(),
            reason: "what gives its tokens answers with something else".to_owned(),
        };
        let body = response.body_mut().with_config().limit(ANSWER).read_to_vec().map_err(|_| unfit())?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| unfit())?;
        let text = token.token.or(token.access_token).filter(|text| !text.is_empty()).ok_or_else(unfit)?;
        Ok(Secret::new(format!("Bearer {text}")))
    }

    /// The error that an answer is.
    pub(super) fn refused(
        &self,
        target: &Target,
        ask: &Ask<'_>,
        mut response: Response<Body>,
    ) -> RegistryError {
        let (status, what) = (response.status().as_u16(), ask.what.clone());
        let body = response.body_mut().with_config().limit(ANSWER).lossy_utf8(true).read_to_string();
        // Shortened last: the beginning of a secret is not recognised as one.
        let said = self.harmless(target, &said(&body.unwrap_or_default())).chars().take(SAID).collect();
        let host = target.endpoint.host.clone();
        match status {
            401 | 403 => {
                let who = match self.login(target) {
                    Ok(Some(Login::Password { user, .. })) => format!("`{user}`"),
                    Ok(Some(Login::Identity(_))) => "the holder of this token".to_owned(),
                    Ok(None) | Err(_) => "somebody who is not logged in".to_owned(),
                };
                RegistryError::Denied { host, status, what, who, said }
            }
            404 => RegistryError::NotFound { host, what },
            _ => RegistryError::Status { host, status, what, said },
        }
    }

    /// A text of a registry without the words that we told it in confidence.
    fn harmless(&self, target: &Target, text: &str) -> String {
        let logins = self.login(target).ok().flatten();
        let tokens: Vec<Secret> = locked(&self.proofs).values().cloned().collect();
        let words = logins.iter().flat_map(Login::words).chain(tokens);
        words.fold(text.to_owned(), |text, word| {
            let word = word.expose().trim_start_matches("Bearer ").trim_start_matches("Basic ").to_owned();
            if word.is_empty() { text } else { text.replace(&word, "***") }
        })
    }
}

/// The certificate authorities of the system and further ones.
fn authorities(access: &Access) -> Result<RootCerts, RegistryError> {
    let mut certificates: Vec<Certificate<'static>> =
        load_native_certs().certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    for path in &access.authorities {
        let wrong =
            |reason: &str| RegistryError::Certificates { path: path.clone(), reason: reason.to_owned() };
        let pem = std::fs::read(path).map_err(|source| RegistryError::Read { path: path.clone(), source })?;
        let before = certificates.len();
        for item in ureq::tls::parse_pem(&pem) {
            match item.map_err(|_| wrong("it is no PEM"))? {
                PemItem::Certificate(certificate) => certificates.push(certificate),
                PemItem::PrivateKey(_) => return Err(wrong("it holds a private key")),
                _ => {}
            }
        }
        if certificates.len() == before {
            return Err(wrong("it holds no certificate"));
        }
    }
    // A system without any certificates: those that browsers ship.
    Ok(if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(certificates)) })
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn unreachable_host(host: &str, reason: impl Into<String>) -> RegistryError {
    RegistryError::Unreachable { host: host.to_owned(), reason: reason.into() }
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
pub(super) fn rest(pause: Duration, watch: &dyn Watch) -> Result<(), RegistryError> {
    let end = Instant::now() + pause;
    loop {
        if watch.is_stopped() {
            return Err(RegistryError::Interrupted);
        }
        let Some(left) = end.checked_duration_since(Instant::now()) else { return Ok(()) };
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

fn is_no_tls(error: &ureq::Error) -> bool {
    // The words of rustls for what does not begin like a TLS record.
    error.to_string().contains("InvalidContentType")
}

/// True for what a further attempt would only say again: certificates, redirects and what is no TLS.
fn stays(reason: &str) -> bool {
    reason.contains("ertificate") || reason.starts_with("it ")
}

/// Says what went wrong without repeating addresses: what a redirect leads to may hold a token.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::TooManyRedirects => format!("it redirects more than {REDIRECTS} times"),
        ureq::Error::RequireHttpsOnly(_) => "it redirects from https to http".to_owned(),
        ureq::Error::BadUri(_) => "it is, or redirects to, no address".to_owned(),
        error if is_no_tls(error) => {
            "it speaks no TLS; where that is meant to be, allow it with `--plain-http HOST`".to_owned()
        }
        ureq::Error::Io(error) => broken(error),
        other => other.to_string(),
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("the connection was cut ({error})")
        }
        _ => error.to_string(),
    }
}

/// What the body of an error says (OCI distribution 1.1, "Error Codes").
fn said(body: &str) -> String {
    match serde_json::from_str::<Errors>(body) {
        Ok(Errors { errors }) => errors
            .iter()
            .take(3)
            .map(|error| format!("{} {}", error.code, error.message).trim().to_owned())
            .collect::<Vec<_>>()
            .join("; "),
        // A page of HTML says nothing to a person in a terminal.
        Err(_) if body.trim_start().starts_with('<') => String::new(),
        Err(_) => body.trim().to_owned(),
    }
}
