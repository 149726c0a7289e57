//! Recognizes internet hosts, and finds them in values.

use sealift_audit::rules::{self, Source};
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HostRules {
    local: Vec<DomainRow>,
    acme: Vec<DomainRow>,
    no_address: Vec<NameRow>,
    agents_service: Vec<NameRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainRow {
    domain: String,
    #[serde(rename = "source")]
    _source: Source,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRow {
    name: String,
    #[serde(rename = "source")]
    _source: Source,
}

static RULES: LazyLock<HostRules> = LazyLock::new(|| rules::parse(include_str!("rules/hosts.toml")));

/// Whether a setting of this name, in lower case, is an identifier or a text about the file, and no address to call.
pub(super) fn is_no_address(name: &str) -> bool {
    let is = |known: &str| name == known || (name.starts_with("mm_") && name.ends_with(known));
    RULES.no_address.iter().any(|row| is(&row.name))
}

/// Whether a host issues certificates over ACME (RFC 8555).
pub(super) fn is_acme(host: &str) -> bool {
    RULES.acme.iter().any(|row| host.contains(&row.domain))
}

/// Whether Agents calls this type of service on the internet.
pub(super) fn is_agents_service(kind: &str) -> bool {
    RULES.agents_service.iter().any(|row| row.name == kind)
}

/// Hosts that a manifest allows although they are public: `chat.mission.org`, or `*.mission.org` for all below.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed<'a>(pub &'a [String]);

impl Allowed<'_> {
    fn has(self, host: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(domain) => is_below(host, &domain.to_ascii_lowercase()),
            None => host.eq_ignore_ascii_case(allowed),
        })
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

/// True for a host, without a port, that looks like one on the internet and is not allowed.
///
/// A name without a dot is one of the site; a name with a hole or a variable in it is the site's business.
pub(super) fn is_public(host: &str, allowed: Allowed<'_>) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return is_public_address(address) && !allowed.has(&host);
    }
    let labels = || host.split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let top_is_word = labels()
        .next_back()
        .is_some_and(|top| top.len() >= 2 && top.contains(|c: char| c.is_ascii_alphabetic()));
    host.contains('.')
        && labels().all(is_label)
        && top_is_word
        && !RULES.local.iter().any(|row| host == row.domain || is_below(&host, &row.domain))
        && !allowed.has(&host)
}

fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast()
        || first == 0
        || first >= 224
        // Shared address space, RFC 6598.
        || (first == 100 && (64..128).contains(&second)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; documentation is 2001:db8::/32.
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0xdb8)
}

/// A host that a value names, with the scheme of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedHost {
    pub(super) scheme: String,
    pub(super) host: String,
}

/// The hosts of all addresses in a value: `scheme://host`, and `stun:host` and its kin without slashes.
pub(super) fn named(value: &str) -> Vec<NamedHost> {
    let mut found = Vec::new();
    for (colon, _) in value.match_indices(':') {
        let (before, after) =
            (value.get(..colon).unwrap_or_default(), value.get(colon + 1..).unwrap_or_default());
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let scheme = before.rsplit(|c| !is_scheme(c)).next().unwrap_or_default().to_ascii_lowercase();
        if scheme.is_empty() {
            continue;
        }
        let rest = match after.strip_prefix("//") {
            Some(rest) => rest,
            None if is_relay(&scheme) => after,
            None => continue,
        };
        let end = |c: char| c.is_whitespace() || "/?#\"'`,;<>|\\()".contains(c);
        let authority = rest.split(end).next().unwrap_or_default();
        let address = authority.rsplit('@').next().unwrap_or_default();
        found.push(NamedHost { scheme, host: without_port(address).to_owned() });
    }
    found
}

/// Schemes of RFC 7064 and 7065.
pub(super) fn is_relay(scheme: &str) -> bool {
    matches!(scheme, "stun" | "stuns" | "turn" | "turns")
}

/// The host of `host:port`.
pub(super) fn without_port(address: &str) -> &str {
    if address.starts_with('[') {
        return address.find(']').and_then(|at| address.get(..=at)).unwrap_or(address);
    }
    address.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Allowed, is_public, named};
    use proptest::prelude::*;

    #[test]
    fn what_is_on_the_internet() {
        for host in [
            "stun.global.calls.mattermost.com",
            "8.8.8.8",
            "a.bc",
            "[2606:4700::1111]",
            "172.32.0.1",
            "::ffff:1.1.1.1",
            "0.mattermost.com",
            "GITHUB.COM.",
        ] {
            assert!(is_public(host, Allowed::default()), "{host}");
        }
        for host in [
            "",
            "mattermost",
            "localhost",
            "db.local",
            "x.internal",
            "registry.example.com",
            "a.example",
            "b.test",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "[::1]",
            "fd00::1",
            "fe80::1",
            "192.0.2.1",
            "2001:db8::1",
            "$host$request_uri",
            "${DOMAIN}",
            "0",
            "0.0",
            "db.mattermost.svc",
            "db.svc.cluster.local",
            "x..y",
            "-",
            "1.2",
        ] {
            assert!(!is_public(host, Allowed::default()), "{host}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_reported() {
        let list = ["login.microsoftonline.com".to_owned(), "*.mission.org".to_owned(), "9.9.9.9".to_owned()];
        for (host, public) in [
            ("login.microsoftonline.com", false),
            ("Chat.Mission.org", false),
            ("9.9.9.9", false),
            ("mission.org", true),
            ("badmission.org", true),
            ("microsoftonline.com", true),
        ] {
            assert_eq!(is_public(host, Allowed(&list)), public, "{host}");
        }
    }

    #[test]
    fn addresses_in_values() {
        for (value, hosts) in [
            ("https://a.b:8065/x?y=https://c.d", vec!["a.b", "c.d"]),
            ("stun:stun.x.org:3478", vec!["stun.x.org"]),
            ("turns://t.x.org?transport=udp", vec!["t.x.org"]),
            (r#"[{"urls":["stun:a.b:1","turn:c.d"]}]"#, vec!["a.b", "c.d"]),
            ("postgres://user:pass@db.x.org/mm", vec!["db.x.org"]),
            ("https://[2001:db8::1]:8/", vec!["[2001:db8::1]"]),
            ("key: value", vec![]),
            ("image:tag@sha256:abc", vec![]),
            ("://", vec![]),
        ] {
            let found: Vec<_> = named(value).into_iter().map(|named| named.host).collect();
            assert_eq!(found, hosts, "{value}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_values_never_panic(value in "[\\PC]{0,60}", like in "[a-z:/@\\[\\].0-9]{0,60}") {
            for text in [&value, &like] {
                for found in named(text) {
                    let _ = is_public(&found.host, Allowed::default());
                }
                let _ = is_public(text, Allowed::default());
            }
        }
    }
}
