//! Access to registries: flags, credential files and proxy variables. Only this module reads them.

use sealift_registry::credentials::Credentials;
use sealift_registry::endpoints::{Patience, RegistryAccess};
use sealift_registry::proxies::{Proxies, ProxySetting};
use std::path::PathBuf;

/// The help section of the flags.
const HEADING: &str = "Registries";

/// Access to registries.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RegistryArgs {
    /// Use MIRROR instead of REGISTRY; repeatable
    ///
    /// Example: `docker.io=mirror.site:5000/hub`. Hosts of downloads, charts and git repositories can have mirrors too, and theirs may be directories:
    /// `github.com=file:///srv/github`.
    #[arg(long = "mirror", help_heading = HEADING, value_name = "REGISTRY=MIRROR", value_parser = pair)]
    mirrors: Vec<(String, String)>,
    /// Trust this certificate authority in addition (PEM)
    #[arg(long = "ca-cert", help_heading = HEADING, value_name = "FILE")]
    authorities: Vec<PathBuf>,
    /// Use plain HTTP for this registry
    ///
    /// Loopback addresses use it without this option.
    #[arg(long = "plain-http", help_heading = HEADING, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// Credentials file
    ///
    /// Default: those of `podman login` and `docker login`.
    #[arg(long = "authfile", help_heading = HEADING, value_name = "FILE")]
    authfile: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((registry, mirror))
            if !registry.is_empty()
                && !mirror.is_empty()
                && (!mirror.contains("://") || mirror.starts_with("file:///")) =>
        {
            Ok((registry.to_owned(), mirror.trim_end_matches('/').to_owned()))
        }
        Some(_) | None => Err("expected REGISTRY=MIRROR, both without `https://`".to_owned()),
    }
}

impl RegistryArgs {
    /// Combines the flags and the environment.
    pub(super) fn access(&self) -> RegistryAccess {
        RegistryAccess {
            credentials: Credentials { files: self.files() },
            mirrors: self.mirrors.iter().cloned().collect(),
            plain_http: self.plain_http.clone(),
            authorities: self.authorities.clone(),
            proxies: proxies(),
            patience: Patience::default(),
        }
    }

    /// The credential files, in the order of `containers-auth.json(5)`.
    fn files(&self) -> Vec<PathBuf> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(file) = self.authfile.clone().or_else(|| variable("REGISTRY_AUTH_FILE")) {
            return vec![file];
        }
        let home = variable("HOME");
        let below = |folder: Option<PathBuf>, path: &str| folder.map(|folder| folder.join(path));
        let places = [
            below(variable("XDG_RUNTIME_DIR"), "containers/auth.json"),
            below(
                variable("XDG_CONFIG_HOME").or_else(|| below(home.clone(), ".config")),
                "containers/auth.json",
            ),
            below(variable("DOCKER_CONFIG").or_else(|| below(home, ".docker")), "config.json"),
        ];
        places.into_iter().flatten().collect()
    }
}

/// The proxies, from the usual environment variables; lower-case names take precedence, as in curl.
fn proxies() -> Proxies {
    let setting = |names: &[&str]| {
        names.iter().find_map(|name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
            // A value that is not UTF-8 is rejected as an address when it is used.
            let address = value.to_string_lossy().into_owned();
            Some(ProxySetting { variable: (*name).to_owned(), address })
        })
    };
    let bypass = ["no_proxy", "NO_PROXY"].into_iter().find_map(std::env::var_os);
    Proxies {
        https: setting(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        http: setting(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
        bypass: bypass.map(|list| list.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}
