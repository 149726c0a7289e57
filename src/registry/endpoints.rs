//! Which host serves a repository, how it is reached, and with which credentials.

use super::credentials::Credentials;
use super::error::RegistryError;
use super::proxies::Proxies;
use rustls_native_certs::load_native_certs;
use sealift_bundle::value::image_name::ImageName;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts};

/// The host that follows the name `docker.io`.
const DOCKER_HUB: &str = "registry-1.docker.io";
/// Its other names: that host, and what old versions of Docker wrote.
const HUB_NAMES: [&str; 2] = [DOCKER_HUB, "index.docker.io"];

/// How registries are reached; the whole of what a command line or an environment may say about it.
#[derive(Debug, Clone, Default)]
pub struct RegistryAccess {
    /// Where credentials are looked for.
    pub credentials: Credentials,
    /// What is asked in place of a registry: `docker.io` -> `localhost:5000/hub`.
    pub mirrors: BTreeMap<String, String>,
    /// Hosts that are reached by plain HTTP; loopback addresses are anyway.
    pub plain_http: Vec<String>,
    /// PEM files with further certificate authorities.
    pub authorities: Vec<PathBuf>,
    /// The proxies that the environment names.
    pub proxies: Proxies,
    /// How long to go on trying.
    pub patience: Patience,
}

/// How often something is tried again, and after which pause.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts in all.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause, even when the registry asks for a longer one.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_millis(500), longest: Duration::from_mins(1) }
    }
}

/// A repository of a registry, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// Host and port, as in image references.
    pub host: String,
    /// The repository's path.
    pub path: String,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl Repository {
    /// The repository an image is in; a reference without a registry is in none.
    ///
    /// Short names of Docker Hub are completed as Docker does: `docker.io/nginx` is `docker.io/library/nginx`; so are its
    /// other names, as `index.docker.io`.
    pub fn of(name: &ImageName) -> Result<Self, RegistryError> {
        let host = name
            .registry()
            .ok_or_else(|| RegistryError::NoRegistry { reference: name.as_str().to_owned() })?;
        let host = if HUB_NAMES.contains(&host) { "docker.io" } else { host };
        let path = match (host, name.path()) {
            ("docker.io", path) if !path.contains('/') => format!("library/{path}"),
            (_, path) => path.to_owned(),
        };
        Ok(Self { host: host.to_owned(), path })
    }

    /// A repository at a host: `registry.site/prefix/app`.
    #[must_use]
    pub fn at(host: &str, path: &str) -> Self {
        Self { host: host.to_owned(), path: path.to_owned() }
    }
}

/// Where requests about one repository go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) plain: bool,
    pub(super) path: String,
}

impl Endpoint {
    /// `https://host/v2/path/rest`
    pub(super) fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.origin(), self.path)
    }

    /// `https://host`
    pub(super) fn origin(&self) -> String {
        let scheme = if self.plain { "http" } else { "https" };
        format!("{scheme}://{}", self.host)
    }
}

impl RegistryAccess {
    /// The host that is asked for a repository, by its mirror if it has one.
    pub(super) fn endpoint(&self, repository: &Repository) -> Endpoint {
        let (host, path) = match self.mirrors.get(&repository.host) {
            Some(mirror) => match mirror.split_once('/') {
                Some((host, prefix)) => {
                    (host.to_owned(), format!("{}/{}", prefix.trim_matches('/'), repository.path))
                }
                None => (mirror.clone(), repository.path.clone()),
            },
            None if repository.host == "docker.io" => (DOCKER_HUB.to_owned(), repository.path.clone()),
            None => (repository.host.clone(), repository.path.clone()),
        };
        let plain = self.is_plain(&host);
        Endpoint { host, plain, path }
    }

    /// The repository that is asked in place of one that has a mirror; what has none is named as it is.
    #[must_use]
    pub fn asked(&self, repository: &Repository) -> Repository {
        if !self.mirrors.contains_key(&repository.host) {
            return repository.clone();
        }
        let Endpoint { host, path, .. } = self.endpoint(repository);
        Repository { host, path }
    }

    /// Whether a host is reached by plain HTTP.
    #[must_use]
    pub fn is_plain(&self, host: &str) -> bool {
        self.plain_http.iter().any(|plain| plain == host) || is_loopback(host)
    }

    /// The certificate authorities of the system and further ones.
    pub(crate) fn root_certs(&self) -> Result<RootCerts, RegistryError> {
        let mut certificates: Vec<Certificate<'static>> =
            load_native_certs().certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        for path in &self.authorities {
            let wrong =
                |reason: &str| RegistryError::Certificates { path: path.clone(), reason: reason.to_owned() };
            let pem =
                std::fs::read(path).map_err(|source| RegistryError::Read { path: path.clone(), source })?;
            let before = certificates.len();
            for item in ureq::tls::parse_pem(&pem) {
                match item.map_err(|_| wrong("it is not PEM"))? {
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
        Ok(if certificates.is_empty() {
            RootCerts::WebPki
        } else {
            RootCerts::Specific(Arc::new(certificates))
        })
    }
}

/// True for `localhost` and the loopback addresses: no one else is on that way.
fn is_loopback(host: &str) -> bool {
    let (name, _) = host_and_port(host);
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The name or address of `HOST[:PORT]`, an IPv6 address without its brackets, and the port.
pub(super) fn host_and_port(text: &str) -> (String, Option<u16>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address.to_owned(), rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => match port.parse() {
            Ok(port) => (name.to_owned(), Some(port)),
            Err(_) => (text.to_owned(), None),
        },
        _ => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_repository_is_asked_for() {
        let access = RegistryAccess {
            mirrors: BTreeMap::from([
                ("docker.io".to_owned(), "localhost:5000".to_owned()),
                ("quay.io".to_owned(), "mirror.site/quay".to_owned()),
            ]),
            plain_http: vec!["old.site:80".to_owned()],
            ..RegistryAccess::default()
        };
        for (reference, url) in [
            ("docker.io/nginx:1", "http://localhost:5000/v2/library/nginx/x"),
            ("quay.io/a/b:1", "https://mirror.site/v2/quay/a/b/x"),
            ("old.site:80/a:1", "http://old.site:80/v2/a/x"),
            ("127.0.0.1:5443/a:1", "http://127.0.0.1:5443/v2/a/x"),
            ("r.org/a:1", "https://r.org/v2/a/x"),
            ("[::1]:5443/a:1", "http://[::1]:5443/v2/a/x"),
            ("[fd00::1]/a:1", "https://[fd00::1]/v2/a/x"),
            // F24: the other names of Docker Hub are asked for as its own.
            ("index.docker.io/nginx:1", "http://localhost:5000/v2/library/nginx/x"),
            ("registry-1.docker.io/a/b:1", "http://localhost:5000/v2/a/b/x"),
        ] {
            let repository = Repository::of(&reference.parse().unwrap()).unwrap();
            assert_eq!(access.endpoint(&repository).url("x"), url);
        }
        let hub = Repository::of(&"docker.io/a/b".parse().unwrap()).unwrap();
        assert_eq!(
            RegistryAccess::default().endpoint(&hub).url("x"),
            "https://registry-1.docker.io/v2/a/b/x"
        );
        assert!(Repository::of(&"nginx:1".parse().unwrap()).is_err());
    }
}
