//! Addresses of downloads.

use sealift_bundle::value::percent;
use sealift_bundle::value::printable::is_deceptive;
use sealift_bundle::value::rel_path::RelPath;
use sealift_registry::RegistryAccess;
use std::fmt;
use std::path::{Path, PathBuf};

/// An `https://`, `http://` or `file://` address without user and password.
///
/// It is shown without what follows `?`, because that is where users put tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    scheme: Scheme,
    path: usize,
    /// Of a file: the directory that it must not lead out of.
    within: Option<PathBuf>,
}

/// What is asked in place of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAddress {
    /// The address that is asked.
    pub address: Address,
    /// The mirror that it leads to, as it was named; nothing where the address itself is asked.
    pub mirror: Option<String>,
}

/// Why an address in a document is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinError {
    /// It breaks this rule of addresses.
    Invalid(&'static str),
    /// It leads to this, out of what the document may lead to.
    Outside(&'static str),
}

/// How an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `https://`: the other side proves its name.
    Https,
    /// `http://`: anybody on the way can change it; the SHA-256 in the manifest is the only protection.
    Http,
    /// `file://`: a file on this machine.
    File,
}

impl Scheme {
    /// Whether a document that was reached in this way may lead to an address of the other scheme: never to one that
    /// proves less about who answers, and never from the network to the files of this machine.
    #[must_use]
    pub(crate) const fn may_lead_to(self, other: Self) -> bool {
        match other {
            Self::Https => true,
            Self::Http => matches!(self, Self::Http),
            Self::File => matches!(self, Self::File),
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Https => "https://",
            Self::Http => "http://",
            Self::File => "file://",
        }
    }
}

impl Address {
    /// Reads an address; the error says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let schemes = [("https://", Scheme::Https), ("http://", Scheme::Http), ("file://", Scheme::File)];
        let Some((prefix, scheme)) = schemes.into_iter().find(|(prefix, _)| text.starts_with(prefix)) else {
            return Err("it begins with neither `https://`, `http://` nor `file://`");
        };
        if text.chars().any(|character| is_deceptive(character) || character == ' ' || character == '\\') {
            return Err("it has a space, a backslash or a character that cannot be seen");
        }
        if text.contains('#') {
            return Err("it has a `#`, and what stands behind that never reaches a server");
        }
        let rest = text.get(prefix.len()..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if authority.contains('@') {
            return Err("it has a user or a password, and a manifest is not a place for secrets");
        }
        match (scheme, authority) {
            (Scheme::File, "" | "localhost") => {}
            (Scheme::File, _) => return Err("a `file://` address names no host: `file:///folder/file`"),
            (Scheme::Https | Scheme::Http, "") => return Err("it names no host"),
            (Scheme::Https | Scheme::Http, _) => {}
        }
        let address = Self { text: text.to_owned(), scheme, path: prefix.len() + end, within: None };
        match address.decoded() {
            Some(path) if !path.contains('\0') => Ok(address),
            _ => Err("its path has a `%` that stands for no UTF-8 text"),
        }
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is reached.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What is asked in its place: the mirror of its host, if it has one. A mirror is a host and perhaps a path, or
    /// `file:///FOLDER`.
    #[must_use]
    pub fn through(&self, access: &RegistryAccess) -> AskedAddress {
        let itself = || AskedAddress { address: self.clone(), mirror: None };
        let Some(mirror) = self.host().and_then(|host| access.mirrors.get(host)) else { return itself() };
        let rest = self.text.get(self.path..).unwrap_or_default();
        let front = if mirror.starts_with("file://") {
            mirror.clone()
        } else {
            let host = mirror.split('/').next().unwrap_or_default();
            format!("{}://{mirror}", if access.is_plain(host) { "http" } else { "https" })
        };
        // A mirror that makes no address leaves the address as it is, and then its host is asked.
        let Ok(address) = Self::parse(&format!("{front}{rest}")) else { return itself() };
        let within = Self::parse(mirror).ok().and_then(|folder| folder.file());
        AskedAddress { address: Self { within, ..address }, mirror: Some(mirror.clone()) }
    }

    /// The host, with its port.
    fn host(&self) -> Option<&str> {
        self.text.get(..self.path)?.split_once("://").map(|(_, host)| host)
    }

    /// Where a reference leads that is in a document at this address (RFC 3986, section 5). The error says which rule
    /// the result breaks.
    ///
    /// What came over the network leads to no file and to no weaker protocol; what is in a directory leads to files in that
    /// directory alone.
    pub fn join(&self, reference: &str) -> Result<Self, JoinError> {
        let folder = self.text.get(self.path..).unwrap_or_default();
        let folder = folder.split('?').next().unwrap_or_default();
        let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prefix = self.scheme.prefix();
        let text = if reference.contains("://") {
            reference.to_owned()
        } else if let Some(rest) = reference.strip_prefix("//") {
            format!("{prefix}{rest}")
        } else {
            let (path, query) = match reference.split_once('?') {
                Some((path, query)) => (path, format!("?{query}")),
                None => (reference, String::new()),
            };
            let path = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
            format!("{prefix}{}{}{query}", self.host().unwrap_or_default(), without_dots(&path))
        };
        let address = Self::parse(&text).map_err(JoinError::Invalid)?;
        match (self.scheme, address.scheme) {
            (Scheme::File, Scheme::File) => {
                let within = self.file().and_then(|file| Some(file.parent()?.to_owned()));
                Ok(Self { within: self.within.clone().or(within), ..address })
            }
            (from, to) if from.may_lead_to(to) => Ok(address),
            (_, Scheme::File) => Err(JoinError::Outside("a file of this machine")),
            _ => Err(JoinError::Outside("`http://`, by which the document itself was not reached")),
        }
    }

    /// The file of a `file://` address.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self.scheme {
            Scheme::File => self.decoded().map(PathBuf::from),
            Scheme::Https | Scheme::Http => None,
        }
    }

    /// The directory that a file must not lead out of.
    pub(super) fn within(&self) -> Option<&Path> {
        self.within.as_deref()
    }

    /// The last part of its path, when that can be a file name on every system.
    #[must_use]
    pub fn file_name(&self) -> Option<RelPath> {
        let raw = self.raw_path().rsplit('/').next()?;
        percent::decoded(raw)?.parse().ok().filter(|name: &RelPath| name.parent().is_none())
    }

    fn raw_path(&self) -> &str {
        let path = self.text.get(self.path..).unwrap_or_default();
        path.split('?').next().unwrap_or_default()
    }

    fn decoded(&self) -> Option<String> {
        percent::decoded(self.raw_path())
    }
}

/// A path without the components `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut components = path.split('/').skip(1).peekable();
    while let Some(component) = components.next() {
        match component {
            "." | ".." => {
                if component == ".." {
                    kept.pop();
                }
                if components.peek().is_none() {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_come_from_the_last_part() {
        for (text, name) in [
            ("https://x.org/a/b.tar.gz", Some("b.tar.gz")),
            ("https://x.org:8443/a/b%20c.txt?token=1", Some("b c.txt")),
            ("http://x.org/a/", None),
            ("https://x.org", None),
            ("https://x.org/a%2Fb", None),
            ("https://x.org/..", None),
            ("file:///a/b", Some("b")),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.file_name().as_ref().map(RelPath::as_str), name, "{text}");
            assert!(!address.to_string().contains("token"));
        }
        assert_eq!(Address::parse("file:///a/b%20c").unwrap().file(), Some(PathBuf::from("/a/b c")));
    }

    #[test]
    fn f_sec_01_a_document_leads_to_no_file_and_no_weaker_protocol() {
        let joined = |base: &str, reference: &str| {
            Address::parse(base).unwrap().join(reference).map(|address| address.as_str().to_owned()).ok()
        };
        let base = "https://x.org/sub/index.yaml";
        for (reference, expected) in [
            ("a.tgz", Some("https://x.org/sub/a.tgz")),
            ("c/a.tgz?v=1", Some("https://x.org/sub/c/a.tgz?v=1")),
            ("/sub/c/a.tgz", Some("https://x.org/sub/c/a.tgz")),
            ("../c/./a.tgz", Some("https://x.org/c/a.tgz")),
            ("../../../a.tgz", Some("https://x.org/a.tgz")),
            ("//y.org/a.tgz", Some("https://y.org/a.tgz")),
            ("https://y.org/a.tgz", Some("https://y.org/a.tgz")),
            ("http://y.org/a.tgz", None),
            ("file:///etc/passwd", None),
            ("file://localhost/etc/passwd", None),
        ] {
            assert_eq!(joined(base, reference).as_deref(), expected, "{reference}");
        }
        assert!(joined("http://x.org/index.yaml", "http://y.org/a").is_some());
        assert!(joined("http://x.org/index.yaml", "https://y.org/a").is_some());
        assert!(joined("http://x.org/index.yaml", "file:///a").is_none());
        assert!(joined("file:///srv/index.yaml", "http://y.org/a").is_none());
        let local = Address::parse("file:///srv/r/index.yaml").unwrap().join("file:///etc/passwd").unwrap();
        assert_eq!(local.within(), Some(Path::new("/srv/r")));
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "ftp://x.org/a",
            "x.org/a",
            "https:///a",
            "https://user:secret@x.org/a",
            "https://x.org/a#b",
            "https://x.org/a b",
            "https://x.org/a\nb",
            "https://x.org/%zz",
            "https://x.org/%ff",
            "https://x.org/%00",
            "file://host/a",
            "",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
