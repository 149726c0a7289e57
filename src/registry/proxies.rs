//! HTTP proxies, for the registry client and for downloads.
//!
//! The rules are those of Go's `httpproxy` package, which Docker, Podman, skopeo and git-lfs follow: `NO_PROXY` lists
//! hosts, `.suffixes`, addresses, CIDR blocks, each with an optional port, or `*`; loopback never uses a proxy.

use super::endpoints::host_and_port;
use super::error::RegistryError;
use std::fmt;
use std::net::IpAddr;
use ureq::http::Uri;

/// The proxies that an environment names.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `https://` addresses.
    pub https: Option<ProxySetting>,
    /// For `http://` addresses.
    pub http: Option<ProxySetting>,
    /// What is reached directly: the value of `NO_PROXY`.
    pub bypass: String,
}

/// One proxy, as an environment variable names it. The address may hold a password, so it is never shown whole.
#[derive(Clone)]
pub struct ProxySetting {
    /// The variable.
    pub variable: String,
    /// Its value.
    pub address: String,
}

impl fmt::Debug for ProxySetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProxySetting").field(&self.variable).finish()
    }
}

impl ProxySetting {
    /// The proxy, and how it is shown: without user and password.
    pub(super) fn parse(&self) -> Result<(ureq::Proxy, String), &'static str> {
        let text = self.address.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        if scheme.starts_with("socks") {
            return Err("SOCKS proxies are not supported");
        }
        if scheme != "http" && scheme != "https" {
            return Err("its address begins with neither `http://` nor `https://`");
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let unfit =
            "its address is not `http://HOST:PORT`; in user and password, write special characters as `%XX`";
        let (name, _) = host_and_port(host);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let fits = name.parse::<IpAddr>().is_ok() || !name.is_empty() && name.bytes().all(is_name);
        if !fits || rest.contains(['?', '#']) {
            return Err(unfit);
        }
        let proxy = ureq::Proxy::new(&format!("{scheme}://{authority}")).map_err(|_| unfit)?;
        Ok((proxy, format!("{scheme}://{host}")))
    }

    pub(super) fn unfit(&self, reason: &'static str) -> RegistryError {
        RegistryError::Proxy { variable: self.variable.clone(), reason }
    }
}

impl Proxies {
    /// The proxy through which an address is asked for.
    pub(super) fn find(&self, uri: &Uri) -> Option<&ProxySetting> {
        let https = uri.scheme_str() == Some("https");
        let setting = if https { self.https.as_ref() } else { self.http.as_ref() }?;
        let (host, port) = host_and_port(uri.authority()?.as_str());
        let port = port.unwrap_or(if https { 443 } else { 80 });
        (!is_bypassed(&self.bypass, &host, port)).then_some(setting)
    }
}

/// True for what `NO_PROXY` names, and for loopback.
fn is_bypassed(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if host == "localhost" || host.ends_with(".localhost") || address.is_some_and(|found| found.is_loopback())
    {
        return true;
    }
    let entries = list.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((block, len)) = entry.split_once('/') {
            let (Ok(block), Ok(len)) = (block.parse::<IpAddr>(), len.parse::<u32>()) else { return false };
            return address.is_some_and(|address| is_within(address, block.to_canonical(), len));
        }
        let (name, wanted) = host_and_port(&entry);
        if wanted.is_some_and(|wanted| wanted != port) {
            return false;
        }
        if let Ok(named) = name.parse::<IpAddr>() {
            return address == Some(named.to_canonical());
        }
        let name = name.trim_start_matches('*').trim_end_matches('.');
        match name.strip_prefix('.') {
            Some(suffix) => !suffix.is_empty() && host.ends_with(name),
            None => {
                !name.is_empty()
                    && (host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.')))
            }
        }
    })
}

/// True when the first `len` bits are the same.
fn is_within(address: IpAddr, block: IpAddr, len: u32) -> bool {
    let same = |one: u128, other: u128, bits: u32| {
        len <= bits && (len == 0 || (one ^ other).checked_shr(bits - len).unwrap_or(0) == 0)
    };
    match (address, block) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            same(u128::from(u32::from(one)), u128::from(u32::from(other)), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => same(u128::from(one), u128::from(other), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_field_04_what_no_proxy_names_is_reached_directly() {
        for (list, host, port, direct) in [
            ("", "registry.example.com", 443, false),
            ("*", "registry.example.com", 443, true),
            ("example.com", "registry.example.com", 443, true),
            ("example.com", "example.com", 443, true),
            ("example.com", "badexample.com", 443, false),
            (".example.com", "registry.example.com", 443, true),
            ("*.example.com", "registry.example.com", 443, true),
            (".example.com", "example.com", 443, false),
            ("a.org, Registry.Example.COM", "REGISTRY.example.com.", 443, true),
            ("registry.example.com:5000", "registry.example.com", 5000, true),
            ("registry.example.com:5000", "registry.example.com", 443, false),
            ("10.0.0.0/8", "10.200.3.4", 443, true),
            ("10.0.0.0/8", "11.0.0.1", 443, false),
            ("10.1.2.3", "10.1.2.3", 443, true),
            ("10.1.2.3", "10.1.2.30", 443, false),
            ("fd00::/8", "fd12::1", 443, true),
            ("[fd12::1]:5000", "fd12::1", 5000, true),
            ("[fd12::1]:5000", "fd12::1", 443, false),
            ("fd12::1", "fd12::1", 443, true),
            ("0.0.0.0/0", "192.0.2.1", 443, true),
            ("10.0.0.0/33,10.0.0.0/x,/,.,:,[", "10.0.0.1", 443, false),
            ("", "127.0.0.1", 80, true),
            ("", "127.8.9.10", 80, true),
            ("", "localhost", 80, true),
            ("", "::1", 80, true),
            ("", "::ffff:127.0.0.1", 80, true),
        ] {
            assert_eq!(is_bypassed(list, host, port), direct, "{list} {host}:{port}");
        }
    }

    #[test]
    fn f_field_04_each_scheme_has_its_proxy() {
        let setting =
            |name: &str| ProxySetting { variable: name.to_owned(), address: format!("http://{name}:1") };
        let proxies = Proxies { https: Some(setting("secure")), http: None, bypass: String::new() };
        let of = |uri: &str| proxies.find(&uri.parse().unwrap()).map(|found| found.variable.clone());
        assert_eq!(of("https://r.org/v2/").as_deref(), Some("secure"));
        assert_eq!(of("http://r.org/v2/"), None);
        assert_eq!(of("https://[::1]:5000/v2/"), None);
    }

    #[test]
    fn f_field_12_addresses_that_are_no_proxy_are_errors() {
        let parsed = |address: &str| {
            let setting = ProxySetting { variable: "HTTPS_PROXY".to_owned(), address: address.to_owned() };
            assert!(!format!("{setting:?}").contains("secret"));
            setting.parse().map(|(_, shown)| shown)
        };
        for address in ["socks5://127.0.0.1:1080", "socks5h://u:secret@h:1", "SOCKS4://h", "socks://h"] {
            assert_eq!(parsed(address).unwrap_err(), "SOCKS proxies are not supported");
        }
        for address in [
            "",
            "http://",
            "://",
            "ftp://h",
            "http://:80",
            "http://u:sec#ret@h:1",
            "*",
            "http://a b",
            "\u{fffd}://h",
        ] {
            assert!(parsed(address).is_err(), "{address}");
        }
        for (address, shown) in [
            ("http://u:secret@proxy.site:3128/", "http://proxy.site:3128"),
            ("proxy.site:3128", "http://proxy.site:3128"),
            ("HTTPS://proxy.site", "https://proxy.site"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
        ] {
            assert_eq!(parsed(address).as_deref(), Ok(shown));
        }
    }
}
