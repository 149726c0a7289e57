//! Container image references.

use super::digest::Digest;
use super::format::is_port;
use super::{ValueError, serde_as_text};
use std::fmt;
use std::str::FromStr;

/// An image reference: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`, in the grammar of the distribution project
/// (`reference.go`); kept as it was written, at most 255 bytes without the digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName {
    text: String,
    repository: usize,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageName {
    /// The reference as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Registry and repository, without tag and digest.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.text.get(..self.repository).unwrap_or_default()
    }

    /// The registry's host and port, if it is named.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        let (first, _) = self.repository().split_once('/')?;
        names_registry(first).then_some(first)
    }

    /// The repository within its registry.
    #[must_use]
    pub fn path(&self) -> &str {
        let skip = self.registry().map_or(0, |registry| registry.len() + 1);
        self.repository().get(skip..).unwrap_or_default()
    }

    /// The same without a digest.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        let text = self.text.split('@').next().unwrap_or_default().to_owned();
        Self { text, digest: None, ..self.clone() }
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest it is pinned to, if there is one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

/// How the distribution project tells a host from the first part of a repository.
fn names_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    alphanumeric(text.bytes().next())
        && alphanumeric(text.bytes().last())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
        && !text.contains("..")
        && !text.contains("___")
}

fn is_registry(text: &str) -> bool {
    // An IPv6 address is in brackets.
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            // Written in one way only: two names of one registry would be two registries.
            address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address)
                && !address.contains('.')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

impl FromStr for ImageName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |reason| ValueError::ImageName { reference: text.to_owned(), reason };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                (name, Some(digest.parse().map_err(|_| wrong("expected a sha256 digest behind `@`"))?))
            }
            None => (text, None),
        };
        if name.len() > 255 {
            return Err(wrong("it is longer than 255 bytes"));
        }
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let tag_at = name.get(last..).and_then(|part| part.find(':')).map(|colon| last + colon);
        let (repository, tag) = match tag_at {
            Some(colon) => (name.get(..colon).unwrap_or_default(), name.get(colon + 1..)),
            None => (name, None),
        };
        if !tag.is_none_or(is_tag) {
            return Err(wrong("the tag is not 1 to 128 letters, digits, `_`, `.` and `-`"));
        }
        let mut parts = repository.split('/').peekable();
        let first = parts.peek().copied().unwrap_or_default();
        if repository.contains('/') && names_registry(first) {
            if !is_registry(first) {
                return Err(wrong("the part before the first `/` is not a host name with an optional port"));
            }
            parts.next();
        }
        if !parts.all(is_component) {
            return Err(wrong(
                "the repository is not lower-case letters, digits and single `.`, `_`, `-`, `/`",
            ));
        }
        let (repository, tag) = (repository.len(), tag.map(str::to_owned));
        Ok(Self { text: text.to_owned(), repository, tag, digest })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

serde_as_text!(ImageName);

#[cfg(test)]
mod tests {
    use super::ImageName;

    #[test]
    fn parts_of_a_reference() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, repository, tag) in [
            ("nginx", "nginx", None),
            ("apps/nginx:1.22-zstd", "apps/nginx", Some("1.22-zstd")),
            ("localhost:5000/a/b__c:v1", "localhost:5000/a/b__c", Some("v1")),
            ("docker.io/mattermost/rtcd:v1.2.6", "docker.io/mattermost/rtcd", Some("v1.2.6")),
        ] {
            for full in [text.to_owned(), format!("{text}@{digest}")] {
                let name: ImageName = full.parse().unwrap();
                assert_eq!((name.repository(), name.tag()), (repository, tag), "{full}");
                assert_eq!(name.digest().is_some(), full.contains('@'));
                assert_eq!(name.as_str(), full);
            }
        }
    }

    #[test]
    fn a_registry_is_told_from_a_folder() {
        for (text, registry, path) in [
            ("nginx:1", None, "nginx"),
            ("apps/nginx", None, "apps/nginx"),
            ("localhost/a", Some("localhost"), "a"),
            ("r.org:5000/a/b:1", Some("r.org:5000"), "a/b"),
            ("[::1]:5000/a/b:1", Some("[::1]:5000"), "a/b"),
            ("[fd00::1]/a", Some("[fd00::1]"), "a"),
        ] {
            let name: ImageName = text.parse().unwrap();
            assert_eq!((name.registry(), name.path()), (registry, path), "{text}");
        }
    }

    #[test]
    fn what_is_no_reference() {
        for bad in [
            "",
            "/a",
            "a/",
            "A",
            "a:",
            "a:b c",
            "a@sha256:0",
            "a..b",
            "ho_st.x:99999/a",
            // f_fmt_3_5
            "r:0/a",
            "r:00/a",
            "r:080/a",
            "r:+1/a",
            "r:65536/a",
            "r:/a",
            "a//b",
            "a:b/c",
            "a\n",
            "[::1]",
            "[::1/a",
            "[::1]5000/a",
            "[::1]:99999/a",
            "[FD00::1]/a",
            "[0:0:0:0:0:0:0:1]/a",
            "[::ffff:127.0.0.1]/a",
            "[::ffff:7f00:1]/a",
            "[r.org]/a",
        ] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad:?}");
        }
    }
}
