//! Package URLs (ECMA-427): written for packages that are observed, and read where others wrote them.
//!
//! There is `packageurl`, and version 0.7.1 was tried: it takes an incomplete escape for text, refuses a document for a
//! namespace that a type does not have, leaves `/` and `!` in a version unescaped, and has no normal form for names of
//! Python packages and npm scopes. All of that would have to be done here again.

use super::{Ecosystem, Package, System};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::percent::{decoded, encoded};
use std::collections::BTreeMap;

/// What stands as it is, although an address would have it escaped (ECMA-427).
const COLON: &[u8] = b":";

/// The package URL of a package; the system is that of the image it is in.
///
/// Names are written as the definition of each type asks (lower case for deb, apk, npm and Go, the normal form of the
/// Python packaging guide for pypi). Packages of a distribution have the system as their namespace and in `distro`; without a
/// system they have neither.
#[must_use]
pub fn purl(package: &Package, system: Option<&System>) -> String {
    let ecosystem = package.ecosystem;
    let is_distribution = matches!(ecosystem, Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm);
    let system = system.filter(|_| is_distribution);
    let (namespace, name) = match ecosystem {
        Ecosystem::Deb | Ecosystem::Apk => (vendor(system), package.name.to_lowercase()),
        Ecosystem::Rpm => (vendor(system), package.name.clone()),
        Ecosystem::Golang => match package.name.to_lowercase().rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, package.name.to_lowercase()),
        },
        Ecosystem::Pypi => (None, python_name(&package.name)),
        Ecosystem::Npm => {
            (package.namespace.as_ref().map(|scope| scope.to_lowercase()), package.name.to_lowercase())
        }
        Ecosystem::Maven | Ecosystem::Cargo => (package.namespace.clone(), package.name.clone()),
    };
    let mut version = package.version.as_str();
    let mut epoch = None;
    if ecosystem == Ecosystem::Rpm
        && let Some((number, rest)) = version.split_once(':')
    {
        (epoch, version) = (Some(number), rest);
    }
    if ecosystem == Ecosystem::Golang && package.name == "stdlib" {
        version = version.strip_prefix("go").unwrap_or(version);
    }
    let mut purl = format!("pkg:{}/", ecosystem.as_str());
    for segment in namespace.iter().flat_map(|namespace| namespace.split('/')).filter(|part| !part.is_empty())
    {
        purl.push_str(&encoded(segment, COLON));
        purl.push('/');
    }
    purl.push_str(&encoded(&name, COLON));
    purl.push('@');
    purl.push_str(&encoded(version, COLON));
    let distro = system.map(|system| match &system.version {
        Some(version) => format!("{}-{version}", system.id),
        None => system.id.clone(),
    });
    // In the order of their names.
    let qualifiers = [
        ("arch", package.architecture.as_deref().filter(|_| is_distribution)),
        ("distro", distro.as_deref()),
        ("epoch", epoch),
    ];
    let mut separator = '?';
    for (key, value) in qualifiers {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            purl.push_str(&format!("{separator}{key}={}", encoded(value, COLON)));
            separator = '&';
        }
    }
    purl
}

/// A package URL for comparing: what programs write in different ways is the same in it.
///
/// Those are escapes, the case of letters where a type has none, the epoch (in the version or in a qualifier, and 0 is
/// none), a `v` before versions of Go, and the last parts of a Go module (in the name or in the subpath). Other qualifiers
/// and subpaths are left out. A text that is not a package URL is compared as it is.
#[must_use]
pub(crate) fn comparable(purl: &str) -> String {
    let parts = PurlParts::split(purl);
    let plain = |text: &str| decoded(text).unwrap_or_else(|| text.to_owned());
    let kind = parts.kind.to_ascii_lowercase();
    let (mut name, mut version) = (plain(parts.path), plain(parts.version.unwrap_or_default()));
    let epoch = parts.qualifiers.split('&').find_map(|pair| pair.strip_prefix("epoch="));
    if let Some(epoch) = epoch.filter(|_| !version.contains(':')) {
        version = format!("{epoch}:{version}");
    }
    match kind.as_str() {
        "pypi" => name = python_name(&name),
        "apk" | "npm" => name = name.to_lowercase(),
        "deb" | "rpm" => {
            if kind == "deb" {
                name = name.to_lowercase();
            }
            version = version.strip_prefix("0:").unwrap_or(&version).to_owned();
        }
        "golang" => {
            if !parts.subpath.is_empty() {
                name = format!("{name}/{}", plain(parts.subpath));
            }
            name = name.to_lowercase();
            version = version.strip_prefix('v').unwrap_or(&version).to_owned();
        }
        _ => {}
    }
    format!("{kind}/{name}@{version}")
}

/// A package URL as it is written, in its parts. Every text has some.
struct PurlParts<'a> {
    kind: &'a str,
    /// Namespace and name.
    path: &'a str,
    version: Option<&'a str>,
    qualifiers: &'a str,
    subpath: &'a str,
}

impl<'a> PurlParts<'a> {
    /// Splits `pkg:TYPE/[NAMESPACE/]NAME[@VERSION][?QUALIFIERS][#SUBPATH]`.
    fn split(text: &'a str) -> Self {
        let (rest, subpath) = text.split_once('#').unwrap_or((text, ""));
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.strip_prefix("pkg:").unwrap_or(rest).trim_start_matches('/');
        let (kind, rest) = rest.split_once('/').unwrap_or(("", rest));
        let (path, version) = split_version(rest);
        Self { kind, path, version, qualifiers, subpath }
    }
}

/// What precedes a version, and the version. An `@` before a slash is that of an npm scope.
fn split_version(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((path, version)) if !version.contains('/') => (path, Some(version)),
        _ => (text, None),
    }
}

/// A package URL without its version, qualifiers and subpath; other texts as they are.
pub(crate) fn unversioned(text: &str) -> &str {
    if !text.starts_with("pkg:") {
        return text;
    }
    let end = text.find(['?', '#']).unwrap_or(text.len());
    split_version(text.get(..end).unwrap_or_default()).0
}

/// A package URL that someone else wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purl {
    kind: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
}

impl Purl {
    /// Parses a package URL; nothing for a text that has no type or name, or an escape that is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = PurlParts::split(text);
        if !text.starts_with("pkg:") || parts.kind.is_empty() {
            return None;
        }
        let path = parts.path.trim_matches('/');
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(decoded(namespace)?), name),
            None => (None, path),
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_ascii_lowercase(), decoded(value)?))
        };
        Some(Self {
            kind: parts.kind.to_ascii_lowercase(),
            namespace,
            name: decoded(name).filter(|name| !name.is_empty())?,
            version: parts.version.map(decoded).map_or(Some(None), |version| version.map(Some))?,
            qualifiers: parts.qualifiers.split('&').filter_map(pair).collect(),
        })
    }

    /// Whether it is an image with this digest.
    pub(crate) fn is_image(&self, image: &Digest) -> bool {
        matches!(self.kind.as_str(), "oci" | "docker")
            && self.version.as_ref().is_some_and(|version| *version == image.to_string())
    }

    /// Whether it names this package. What it does not say, it leaves open; a distribution, a version and a machine
    /// that it says have to be those of the package.
    pub(crate) fn names(&self, package: &Package, system: Option<&System>) -> bool {
        let ecosystem = package.ecosystem;
        if self.kind != ecosystem.as_str() {
            return false;
        }
        let arch = self.qualifiers.get("arch").map(String::as_str);
        let (mut name, mut version) = (package.name.as_str(), package.version.as_str());
        if let (Some("source" | "src"), Some(source)) = (arch, &package.source) {
            (name, version) = (&source.name, &source.version);
        }
        let is_named = match ecosystem {
            Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm => {
                let id = system.map(|system| system.id.to_lowercase());
                let is_it = self.namespace.as_ref().is_none_or(|given| Some(given.to_lowercase()) == id);
                is_it && self.name.eq_ignore_ascii_case(name)
            }
            Ecosystem::Golang => {
                let given = match &self.namespace {
                    Some(namespace) => format!("{namespace}/{}", self.name),
                    None => self.name.clone(),
                };
                given.eq_ignore_ascii_case(name)
            }
            Ecosystem::Pypi => python_name(&self.name) == python_name(name),
            Ecosystem::Npm | Ecosystem::Maven | Ecosystem::Cargo => {
                self.name == name && self.namespace == package.namespace
            }
        };
        let is_for = |machine: &str| {
            matches!(machine, "source" | "src" | "all" | "noarch")
                || package.architecture.as_deref().is_none_or(|own| own == machine)
        };
        let is_version = |given: &String| {
            given == version
                || (ecosystem == Ecosystem::Golang
                    && given.trim_start_matches(['v', 'g', 'o'])
                        == version.trim_start_matches(['v', 'g', 'o']))
                || (ecosystem == Ecosystem::Rpm
                    && version.split_once(':').is_some_and(|(epoch, rest)| {
                        rest == given && self.qualifiers.get("epoch").is_none_or(|given| given == epoch)
                    }))
        };
        is_named && self.version.as_ref().is_none_or(is_version) && arch.is_none_or(is_for)
    }
}

fn vendor(system: Option<&System>) -> Option<String> {
    system.map(|system| system.id.to_lowercase())
}

/// The name of a Python distribution in its one spelling (PEP 503): lower case, and one dash for every run of `-`, `_`
/// and `.`.
pub(crate) fn python_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.extend(other.to_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests;
