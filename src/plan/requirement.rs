//! Versions in tags, and requirements on them.

use semver::{Comparator, Op, Version, VersionReq};
use std::fmt;

/// What is asked of a version, in the words of Cargo: `=0.8.13`, `>=14`, `>=7, <8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(VersionReq);

impl Requirement {
    /// Reads a requirement; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        VersionReq::parse(text).map(Self).map_err(|error| error.to_string())
    }

    /// That version, or with `minimum` that one and every later one.
    #[must_use]
    pub fn of(version: &Version, op: Op) -> Self {
        let comparator = Comparator {
            op,
            major: version.major,
            minor: Some(version.minor),
            patch: Some(version.patch),
            pre: semver::Prerelease::EMPTY,
        };
        Self(VersionReq { comparators: vec![comparator] })
    }

    /// Whether a version is one of those.
    #[must_use]
    pub(crate) fn takes(&self, version: &Version) -> bool {
        self.0.matches(version)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The numbers in front of a tag: `v1.25.9`, `17`, `1.27-alpine` and `13.4+x` are 1.25.9, 17.0.0, 1.27.0 and 13.4.0.
#[must_use]
pub(crate) fn version_of(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    if !rest.is_empty() && !rest.starts_with(['-', '+', '_', '@']) {
        return None;
    }
    let mut parts = numbers.split('.');
    let mut next = || match parts.next() {
        None => Some(0),
        Some(digits) => digits.parse().ok(),
    };
    let version = Version::new(next()?, next()?, next()?);
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::{Requirement, version_of};

    #[test]
    fn tags_are_versions() {
        for (tag, version) in [
            ("v1.25.9", "1.25.9"),
            ("17", "17.0.0"),
            ("1.27-alpine", "1.27.0"),
            ("11.7.9", "11.7.9"),
            ("16.4+build", "16.4.0"),
            ("11.6.1@sha256", "11.6.1"),
        ] {
            assert_eq!(version_of(tag).unwrap().to_string(), version, "{tag}");
        }
        for none in ["", "latest", "alpine", "1.2.3.4", "1.x", "RELEASE.2025-04-16", "v", "1..2", "-1"] {
            assert_eq!(version_of(none), None, "{none}");
        }
    }

    #[test]
    fn requirements_take_versions() {
        let takes = |requirement: &str, tag: &str| {
            Requirement::parse(requirement).unwrap().takes(&version_of(tag).unwrap())
        };
        assert!(takes("=0.8.13", "v0.8.13") && !takes("=0.8.13", "v0.9.0"));
        assert!(takes(">=14", "17") && !takes(">=14", "13-alpine"));
        assert!(takes(">=7, <8", "7.4.1") && !takes(">=7, <8", "8.0"));
        assert!(Requirement::parse("newer than 3").is_err());
    }
}
