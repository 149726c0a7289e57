//! Names of bundles, scenarios, items and versions.

use super::{ValueError, serde_as_text};
use std::fmt;
use std::str::FromStr;

/// A name that is also a safe file name everywhere: 1 to 64 characters of `a-z 0-9 . _ -`, beginning and
/// ending with a letter or a digit, and not a device name of Windows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |reason| Err(ValueError::Name { name: text.to_owned(), reason });
        if text.is_empty() || text.len() > 64 {
            return wrong("expected 1 to 64 characters");
        }
        if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
            return wrong("expected only `a` to `z`, `0` to `9`, `.`, `_` and `-`");
        }
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !edge(text.bytes().next()) || !edge(text.bytes().last()) {
            return wrong("expected a letter or a digit at both ends");
        }
        if super::rel_path::is_device_name(text) {
            return wrong("it is a device name on Windows");
        }
        Ok(Self(text.to_owned()))
    }
}

serde_as_text!(Name);

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn j16_names_are_safe_file_names() {
        for good in ["a", "air-gapped", "2026.11.0", "ddil_2"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "-a", "a-", "..", "A", "a/b", "a b", "é", "con", "nul.x", long.as_str(), "a\0"] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}
