//! One HTTP request with its redirects, directly or through a proxy; TLS is never downgraded.

use super::endpoints::RegistryAccess;
use super::error::RegistryError;
use super::proxies::{Proxies, ProxySetting};
use super::response::{ANSWER, reason};
use std::io::Read;
use std::time::Duration;
use ureq::http::{Method, Request, Response, Uri, header};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body, SendBody};

/// How long anything may take that moves no bytes.
const SILENCE: Duration = Duration::from_mins(1);
/// How many redirects are followed.
pub(crate) const REDIRECTS: u32 = 5;

/// The connections of this process; each host is reached on its own way.
#[derive(Debug)]
pub(crate) struct Http {
    proxies: Proxies,
    direct: Agent,
    secure: Option<ProxyRoute>,
    plain: Option<ProxyRoute>,
}

/// The way through a proxy, with how the proxy is shown; or why there is none.
#[derive(Debug)]
struct ProxyRoute(Result<(Agent, String), &'static str>);

pub(crate) struct HttpQuery {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// For the host of `url` alone; no redirect takes it to another.
    pub(crate) authorization: Option<String>,
    pub(crate) payload: RequestBody,
    /// Whether every redirect must stay with TLS.
    pub(crate) only_tls: bool,
}

impl HttpQuery {
    pub(crate) fn get(url: String, only_tls: bool) -> Self {
        let (headers, authorization, payload) = (Vec::new(), None, RequestBody::Nothing);
        Self { method: Method::GET, url, headers, authorization, payload, only_tls }
    }
}

/// What is sent with a request.
pub(crate) enum RequestBody {
    Nothing,
    Bytes(Vec<u8>),
    Stream(Box<dyn Read + Send>),
}

/// Why there is no answer.
pub(crate) enum RequestFailure {
    /// It went wrong on the way, perhaps through this proxy.
    Sent { error: ureq::Error, proxy: Option<String> },
    /// The proxy that is named for it cannot be used.
    Proxy(RegistryError),
}

impl RequestFailure {
    fn direct(error: ureq::Error) -> Self {
        Self::Sent { error, proxy: None }
    }

    /// The error of asking a host.
    pub(crate) fn of(self, host: &str) -> RegistryError {
        match self {
            Self::Sent { error, proxy } => {
                RegistryError::Unreachable { host: host.to_owned(), reason: reason(&error) + &through(proxy) }
            }
            Self::Proxy(error) => error,
        }
    }
}

/// Names the proxy behind a reason.
pub(crate) fn through(proxy: Option<String>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" (through the proxy {proxy})"))
}

impl Http {
    /// `thinking` is how long a server may take before it answers.
    pub(crate) fn new(access: &RegistryAccess, thinking: Duration) -> Result<Self, RegistryError> {
        let tls = TlsConfig::builder().root_certs(access.root_certs()?).build();
        let agent = |proxy: Option<ureq::Proxy>| -> Agent {
            Agent::config_builder()
                .http_status_as_error(false)
                .tls_config(tls.clone())
                .proxy(proxy)
                // They are followed here, each on its own way.
                .max_redirects(0)
                .user_agent(concat!("sealift/", env!("CARGO_PKG_VERSION")))
                // A digest is that of the file, not of what a server makes of it.
                .accept_encoding("identity")
                .timeout_resolve(Some(SILENCE))
                .timeout_connect(Some(SILENCE))
                .timeout_recv_response(Some(thinking))
                .timeout_per_read(Some(SILENCE))
                .timeout_per_write(Some(SILENCE))
                .max_idle_connections_per_host(16)
                .build()
                .into()
        };
        let way = |setting: &ProxySetting| {
            let shown = |shown: String| format!("`{shown}` of `{}`", setting.variable);
            ProxyRoute(setting.parse().map(|(proxy, address)| (agent(Some(proxy)), shown(address))))
        };
        let proxies = access.proxies.clone();
        let (secure, plain) = (proxies.https.as_ref().map(way), proxies.http.as_ref().map(way));
        Ok(Self { direct: agent(None), secure, plain, proxies })
    }

    fn way(&self, uri: &Uri) -> Result<(&Agent, Option<String>), RequestFailure> {
        let Some(setting) = self.proxies.find(uri) else { return Ok((&self.direct, None)) };
        let way = if uri.scheme_str() == Some("https") { &self.secure } else { &self.plain };
        match way {
            Some(ProxyRoute(Ok((agent, shown)))) => Ok((agent, Some(shown.clone()))),
            Some(ProxyRoute(Err(reason))) => Err(RequestFailure::Proxy(setting.unfit(reason))),
            None => Ok((&self.direct, None)),
        }
    }

    /// Sends a request, and follows where the answer leads when nothing was sent with it. The body of a refusal is
    /// read already.
    pub(crate) fn exchange(&self, query: HttpQuery) -> Result<Response<Body>, RequestFailure> {
        let HttpQuery { method, mut url, headers, mut authorization, payload, only_tls } = query;
        let mut payload = Some(payload);
        for _ in 0..=REDIRECTS {
            let bad = || RequestFailure::direct(ureq::Error::BadUri(String::new()));
            let uri: Uri = url.parse().map_err(|_| bad())?;
            match uri.scheme_str() {
                Some("https") => {}
                Some("http") if !only_tls => {}
                Some("http") => {
                    return Err(RequestFailure::direct(ureq::Error::RequireHttpsOnly(String::new())));
                }
                _ => return Err(bad()),
            }
            let (agent, proxy) = self.way(&uri)?;
            let mut request = Request::builder().method(method.clone()).uri(&url);
            for (name, value) in &headers {
                request = request.header(*name, value);
            }
            if let Some(proof) = &authorization {
                request = request.header(header::AUTHORIZATION, proof);
            }
            let outcome = match payload.take().unwrap_or(RequestBody::Nothing) {
                RequestBody::Nothing => request.body(()).map(|request| agent.run(request)),
                RequestBody::Bytes(bytes) => request.body(bytes).map(|request| agent.run(request)),
                RequestBody::Stream(reader) => {
                    request.body(SendBody::from_owned_reader(reader)).map(|request| agent.run(request))
                }
            };
            let response =
                outcome.map_err(|_| bad())?.map_err(|error| RequestFailure::Sent { error, proxy })?;
            let follows = matches!(method, Method::GET | Method::HEAD)
                && matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let next = response.headers().get(header::LOCATION).filter(|_| follows);
            let Some(next) = next else { return Ok(read_refusal(&method, response)) };
            let next = next.to_str().ok().and_then(|next| resolve(&uri, next)).ok_or_else(bad)?;
            let origin = |text: &str| {
                text.parse::<Uri>().ok().map(|uri| (uri.scheme().cloned(), uri.authority().cloned()))
            };
            if origin(&next) != origin(&url) {
                authorization = None;
            }
            url = next;
        }
        Err(RequestFailure::direct(ureq::Error::TooManyRedirects))
    }
}

/// Reads what a server says when it refuses: little, and no one waits for it later.
fn read_refusal(method: &Method, mut response: Response<Body>) -> Response<Body> {
    if response.status().as_u16() < 400 || *method == Method::HEAD {
        return response;
    }
    let bytes = response.body_mut().with_config().limit(ANSWER).read_to_vec().unwrap_or_default();
    response.map(|_| Body::builder().data(bytes))
}

/// The address that a reference means (RFC 3986, section 5.2, without dot segments).
fn resolve(base: &Uri, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    let origin = format!("{scheme}://{authority}");
    Some(if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        origin + reference
    } else if reference.starts_with('?') {
        origin + base.path() + reference
    } else if reference.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
        reference.to_owned()
    } else {
        let folder = base.path().rfind('/').and_then(|end| base.path().get(..=end)).unwrap_or("/");
        format!("{origin}{folder}{reference}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_relative_to_where_they_come_from() {
        let base: Uri = "https://r.org:5000/v2/a/blobs/x?y".parse().unwrap();
        for (reference, expected) in [
            ("/b?c", "https://r.org:5000/b?c"),
            ("//s.org/b", "https://s.org/b"),
            ("http://s.org/b#c", "http://s.org/b"),
            ("z", "https://r.org:5000/v2/a/blobs/z"),
            ("?z", "https://r.org:5000/v2/a/blobs/x?z"),
        ] {
            assert_eq!(resolve(&base, reference).as_deref(), Some(expected));
        }
    }
}
