//! Addresses of downloads.

use crate::registry::Access;
use crate::value::percent;
use crate::value::printable::is_deceptive;
use crate::value::rel_path::RelPath;
use std::fmt;
use std::path::PathBuf;

/// An `https://`, `http://` or `file://` address without user and password.
///
/// It is shown without what stands behind `?`, because that is where people put tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    scheme: Scheme,
    path: usize,
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
            return Err("it has a user or a password, and a manifest is no place for secrets");
        }
        match (scheme, authority) {
            (Scheme::File, "" | "localhost") => {}
            (Scheme::File, _) => return Err("a `file://` address names no host: `file:///folder/file`"),
            (Scheme::Https | Scheme::Http, "") => return Err("it names no host"),
            (Scheme::Https | Scheme::Http, _) => {}
        }
        let address = Self { text: text.to_owned(), scheme, path: prefix.len() + end };
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
    pub fn through(&self, access: &Access) -> Self {
        let host =
            self.text.get(..self.path).and_then(|front| Some(front.split_once("://")?.1)).unwrap_or_default();
        let Some(mirror) = access.mirrors.get(host) else { return self.clone() };
        let rest = self.text.get(self.path..).unwrap_or_default();
        let front = if mirror.starts_with("file://") {
            mirror.clone()
        } else {
            let host = mirror.split('/').next().unwrap_or_default();
            format!("{}://{mirror}", if access.is_plain(host) { "http" } else { "https" })
        };
        // A mirror that makes no address leaves the address as it is, and then its host is asked.
        Self::parse(&format!("{front}{rest}")).unwrap_or_else(|_| self.clone())
    }

    /// The file of a `file://` address.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self.scheme {
            Scheme::File => self.decoded().map(PathBuf::from),
            Scheme::Https | Scheme::Http => None,
        }
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
