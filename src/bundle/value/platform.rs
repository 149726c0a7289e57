//! Platforms of images.

use super::{ValueError, serde_as_text};
use std::fmt;
use std::str::FromStr;

/// `os/architecture[/variant]`, as image indexes name platforms: `linux/amd64`, `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform(String);

impl Platform {
    /// The platform as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when this is what `found` is, or when this names no variant and `found` is one of its variants.
    #[must_use]
    pub fn covers(&self, found: &str) -> bool {
        found == self.0
            || (self.0.matches('/').count() == 1
                && found.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/')))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Platform {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
        };
        if (2..=3).contains(&text.split('/').count()) && text.split('/').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Platform(text.to_owned()))
        }
    }
}

serde_as_text!(Platform);

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn a_platform_covers_its_variants() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        assert!(platform("linux/arm64").covers("linux/arm64/v8"));
        assert!(platform("linux/arm64/v8").covers("linux/arm64/v8"));
        assert!(!platform("linux/arm64/v8").covers("linux/arm64"));
        assert!(!platform("linux/arm").covers("linux/arm64"));
        for bad in ["linux", "linux/", "/amd64", "linux/amd64/v1/x", "Linux/amd64", "linux/am d"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
