//! By which names this server may be called.
//!
//! A page of someone else in a browser may ask an address that its own name leads to, and the name may lead to this
//! machine (DNS rebinding). A server that listens for this machine alone is called by addresses and by names that no one
//! else can own, or by those that the operator allows. One that listens for others can be asked directly by anyone who could
//! do that, and has names that it cannot know.

use std::net::{IpAddr, SocketAddr};

/// The names that are allowed.
pub(super) struct Hosts {
    is_local: bool,
    allowed: Vec<String>,
}

impl Hosts {
    pub(super) fn new(address: SocketAddr, allowed: Vec<String>) -> Self {
        let allowed = allowed.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { is_local: address.ip().is_loopback(), allowed }
    }

    /// Whether a client may call this server so; `host` may have a port. Browsers always say how they call it.
    pub(super) fn allow(&self, host: Option<&str>) -> bool {
        let Some(host) = host.filter(|_| self.is_local) else { return true };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || name.ends_with(".localhost")
            || self.allowed.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;

    #[test]
    fn f_sec_suspected_names_of_others_are_refused() {
        let hosts =
            |listen: &str| Hosts::new(listen.parse().unwrap(), vec!["Registry.site.example".to_owned()]);
        let (local, open) = (hosts("127.0.0.1:5000"), hosts("0.0.0.0:5000"));
        for good in
            ["127.0.0.1:5000", "[::1]:5000", "localhost:5000", "a.localhost", "registry.site.example:443"]
        {
            assert!(local.allow(Some(good)), "{good}");
        }
        assert!(local.allow(None));
        for bad in ["evil.example", "evil.example:5000", "EVIL.example.", "127.0.0.1.evil.example:5000"] {
            assert!(!local.allow(Some(bad)), "{bad}");
            assert!(open.allow(Some(bad)), "{bad}");
        }
    }
}
