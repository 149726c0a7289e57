//! Compares packages: added, removed, upgraded and downgraded.

use crate::analysis::AnalysisFindings;
use crate::packages::{Ecosystem, Package};
use crate::vulnerability::version::{Order, dpkg_order};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What became of a package, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageStep {
    /// Its version is lower, or a lower one stands beside those that were there.
    Down,
    /// It was not there.
    New,
    /// Its version is higher.
    Up,
    /// Its version is written in another way and means the same.
    Same,
    /// It is missing any more.
    Gone,
    /// Its version is as before, and its licences are not.
    License,
}

/// A package that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageChange {
    /// What happened.
    pub step: PackageStep,
    /// Who keeps it.
    pub ecosystem: Ecosystem,
    /// Its name, with its namespace.
    pub name: String,
    /// The machine it was built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Its version or licences as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// As they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Packages by what does not change with the version.
type PackageKey<'a> = (Ecosystem, Option<&'a str>, &'a str, Option<&'a str>);
type Versions<'a> = BTreeMap<PackageKey<'a>, BTreeMap<&'a str, BTreeSet<&'a str>>>;

fn versions(found: &[AnalysisFindings]) -> Versions<'_> {
    let mut all = Versions::new();
    for AnalysisFindings { package, .. } in found {
        let Package { ecosystem, namespace, name, version, architecture, licenses, .. } = package;
        let versions = all.entry((*ecosystem, namespace.as_deref(), name, architecture.as_deref()));
        let of_version = versions.or_default().entry(version).or_default();
        of_version.extend(licenses.iter().map(String::as_str));
    }
    all
}

/// Tells the packages of two views apart. O(n log n) in their number.
#[must_use]
pub(super) fn compare_packages(a: &[AnalysisFindings], b: &[AnalysisFindings]) -> Vec<PackageChange> {
    let (a, b) = (versions(a), versions(b));
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let mut changes = Vec::new();
    let none = BTreeMap::new();
    for key in keys {
        let (ecosystem, namespace, name, architecture) = *key;
        let change = |step, from: Option<String>, to: Option<String>| PackageChange {
            step,
            ecosystem,
            name: namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}")),
            architecture: architecture.map(str::to_owned),
            from,
            to,
        };
        let (before, after) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
        let ordered = |some: &BTreeMap<&str, BTreeSet<&str>>, other: &BTreeMap<&str, BTreeSet<&str>>| {
            let only = some.keys().filter(|version| !other.contains_key(*version));
            let mut only: Vec<_> = only.map(|version| (*version).to_owned()).collect();
            only.sort_by(|one, other| order(ecosystem, other, one));
            only
        };
        // Several versions stand side by side where programs bring their own: the highest is compared with the highest.
        let (old, new) = (ordered(before, after), ordered(after, before));
        let highest = before.keys().copied().max_by(|one, other| order(ecosystem, one, other));
        for number in 0..old.len().max(new.len()) {
            let (from, to) = (old.get(number).cloned(), new.get(number).cloned());
            let step = match (&from, &to) {
                (Some(from), Some(to)) => match direction(ecosystem, from, to) {
                    Ordering::Less => PackageStep::Up,
                    Ordering::Equal => PackageStep::Same,
                    Ordering::Greater => PackageStep::Down,
                },
                (None, Some(to)) => match highest.map(|highest| direction(ecosystem, highest, to)) {
                    Some(Ordering::Greater) => PackageStep::Down,
                    Some(Ordering::Less | Ordering::Equal) | None => PackageStep::New,
                },
                (Some(_), None) => PackageStep::Gone,
                (None, None) => continue,
            };
            changes.push(change(step, from, to));
        }
        for (version, licenses) in before {
            let now = after.get(version).unwrap_or(licenses);
            if now != licenses {
                let shown = |licenses: &BTreeSet<&str>| {
                    let names: Vec<_> = licenses.iter().copied().collect();
                    (!names.is_empty()).then(|| names.join(", "))
                };
                changes.push(change(PackageStep::License, shown(licenses), shown(now)));
            }
        }
    }
    changes
}

/// In which direction a version went, by the rules of its ecosystem; by those of [`order`] where it breaks them.
fn direction(ecosystem: Ecosystem, from: &str, to: &str) -> Ordering {
    let rules = match ecosystem {
        Ecosystem::Deb => Order::Dpkg,
        Ecosystem::Apk => Order::Apk,
        Ecosystem::Rpm => Order::Rpm,
        Ecosystem::Golang => Order::Go,
        Ecosystem::Pypi => Order::Pep440,
        Ecosystem::Npm | Ecosystem::Cargo => Order::Semver,
        Ecosystem::Maven => Order::Maven,
    };
    rules.compare(from, to).unwrap_or_else(|| order(ecosystem, from, to))
}

/// Which of two versions is the higher one; a total order, so that lists can be sorted by it whatever is in them.
///
/// The rule is that of dpkg (deb-version(7)) for all: numbers by their value, other characters with letters first, and a
/// tilde before everything, even the end. Where a hyphen begins a pre-release (Semantic Versioning 2.0.0, 11), it counts as
/// a tilde.
fn order(ecosystem: Ecosystem, one: &str, other: &str) -> Ordering {
    match ecosystem {
        Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm => dpkg_order(one, other),
        Ecosystem::Golang | Ecosystem::Npm | Ecosystem::Cargo | Ecosystem::Pypi | Ecosystem::Maven => {
            let plain = |text: &str| text.strip_prefix('v').unwrap_or(text).replace('-', "~");
            dpkg_order(&plain(one), &plain(other))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::digest::Digest;

    fn found(ecosystem: Ecosystem, name: &str, version: &str) -> AnalysisFindings {
        let package = Package {
            ecosystem,
            namespace: None,
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: None,
            source: None,
            licenses: Vec::new(),
        };
        AnalysisFindings { package, path: "var/lib/dpkg/status".to_owned(), layer: Digest::of(b"layer") }
    }

    #[test]
    fn versions_are_ordered_as_their_keepers_do() {
        for (lower, higher) in [
            ("1.9", "1.10"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0a"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("2.0", "1:1.0"),
            ("7.88.1-10+deb12u5", "7.88.1-10+deb12u12"),
            ("1.0", "1.00000000000000000000000000000000000000000001"),
        ] {
            assert_eq!(order(Ecosystem::Deb, lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(order(Ecosystem::Deb, higher, lower), Ordering::Greater, "{lower} {higher}");
        }
        assert_eq!(order(Ecosystem::Deb, "1.0", "1.00"), Ordering::Equal);
        assert_eq!(order(Ecosystem::Npm, "2.0.0-rc.1", "2.0.0"), Ordering::Less);
        assert_eq!(order(Ecosystem::Golang, "v1.2.0", "v1.10.0"), Ordering::Less);
    }

    #[test]
    fn a_downgrade_behind_a_new_version_is_seen() {
        let npm = |version| found(Ecosystem::Npm, "left-pad", version);
        let steps = |a: &[AnalysisFindings], b: &[AnalysisFindings]| -> Vec<_> {
            compare_packages(a, b).into_iter().map(|change| (change.step, change.from, change.to)).collect()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            steps(&[npm("1.0"), npm("5.0")], &[npm("0.9"), npm("6.0")]),
            [(PackageStep::Up, text("5.0"), text("6.0")), (PackageStep::Down, text("1.0"), text("0.9"))]
        );
        assert_eq!(steps(&[npm("5.0")], &[npm("5.0"), npm("4.0")]), [(PackageStep::Down, None, text("4.0"))]);
        assert_eq!(steps(&[npm("5.0"), npm("4.0")], &[npm("5.0")]), [(PackageStep::Gone, text("4.0"), None)]);
        assert_eq!(steps(&[], &[npm("5.0")]), [(PackageStep::New, None, text("5.0"))]);
        assert_eq!(steps(&[npm("1.0")], &[npm("1.00")]), [(PackageStep::Same, text("1.0"), text("1.00"))]);
        assert_eq!(steps(&[npm("1.0")], &[npm("1.0")]), []);
    }
}
