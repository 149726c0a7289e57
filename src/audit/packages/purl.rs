//! Package URLs (ECMA-427).

use super::{Ecosystem, Package, System};
use sealift_bundle::value::percent::{decoded, encoded};

/// What stands as it is, although an address would have it escaped (ECMA-427).
const COLON: &[u8] = b":";

/// The package URL of a package; the system is that of the image it lies in.
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
        Ecosystem::Pypi => (None, normal(&package.name)),
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
/// and subpaths are left out.
#[must_use]
pub fn comparable(purl: &str) -> String {
    let (rest, subpath) = purl.split_once('#').unwrap_or((purl, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.strip_prefix("pkg:").unwrap_or(rest).trim_start_matches('/');
    let (kind, rest) = rest.split_once('/').unwrap_or(("", rest));
    // An `@` before a slash is that of a scope.
    let versioned = rest.rsplit_once('@').filter(|(_, version)| !version.contains('/'));
    let (name, version) = versioned.unwrap_or((rest, ""));
    let plain = |text: &str| decoded(text).unwrap_or_else(|| text.to_owned());
    let (kind, mut name, mut version) = (kind.to_ascii_lowercase(), plain(name), plain(version));
    let epoch = qualifiers.split('&').find_map(|pair| pair.strip_prefix("epoch="));
    if let Some(epoch) = epoch.filter(|_| !version.contains(':')) {
        version = format!("{epoch}:{version}");
    }
    match kind.as_str() {
        "pypi" => name = normal(&name),
        "apk" | "npm" => name = name.to_lowercase(),
        "deb" | "rpm" => {
            if kind == "deb" {
                name = name.to_lowercase();
            }
            version = version.strip_prefix("0:").unwrap_or(&version).to_owned();
        }
        "golang" => {
            if !subpath.is_empty() {
                name = format!("{name}/{}", plain(subpath));
            }
            name = name.to_lowercase();
            version = version.strip_prefix('v').unwrap_or(&version).to_owned();
        }
        _ => {}
    }
    format!("{kind}/{name}@{version}")
}

fn vendor(system: Option<&System>) -> Option<String> {
    system.map(|system| system.id.to_lowercase())
}

/// Lower case, and one dash for every run of `-`, `_` and `.`.
fn normal(name: &str) -> String {
    let mut normal = String::new();
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
mod tests {
    use super::{comparable, purl};
    use crate::packages::{Ecosystem, Package, System};

    fn of(ecosystem: Ecosystem, namespace: Option<&str>, name: &str, version: &str) -> String {
        let system =
            System { id: "debian".to_owned(), version: Some("12".to_owned()), name: "Debian".to_owned() };
        let mut package = Package::new(ecosystem, name.to_owned(), version.to_owned());
        package.namespace = namespace.map(str::to_owned);
        package.architecture = Some("amd64".to_owned());
        purl(&package, Some(&system))
    }

    #[test]
    fn purls_are_those_of_the_specification() {
        let deb = of(Ecosystem::Deb, None, "libstdc++6", "1:12.2.0-14+deb12u1~x");
        assert_eq!(deb, "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1~x?arch=amd64&distro=debian-12");
        let rpm = of(Ecosystem::Rpm, None, "PyYAML", "2:1.0^git-3.el9");
        assert_eq!(rpm, "pkg:rpm/debian/PyYAML@1.0%5Egit-3.el9?arch=amd64&distro=debian-12&epoch=2");
        let apk = of(Ecosystem::Apk, None, "musl", "1.2.4-r2");
        assert_eq!(apk, "pkg:apk/debian/musl@1.2.4-r2?arch=amd64&distro=debian-12");
        let go = of(Ecosystem::Golang, None, "github.com/BurntSushi/toml/v2", "v2.0.0+incompatible");
        assert_eq!(go, "pkg:golang/github.com/burntsushi/toml/v2@v2.0.0%2Bincompatible");
        assert_eq!(of(Ecosystem::Golang, None, "stdlib", "go1.22.3"), "pkg:golang/stdlib@1.22.3");
        assert_eq!(of(Ecosystem::Pypi, None, "Zope._Interface", "6.0"), "pkg:pypi/zope-interface@6.0");
        assert_eq!(of(Ecosystem::Npm, Some("@babel"), "core", "7.0.0"), "pkg:npm/%40babel/core@7.0.0");
        let maven = of(Ecosystem::Maven, Some("org.apache.commons"), "commons-lang3", "3.12.0");
        assert_eq!(maven, "pkg:maven/org.apache.commons/commons-lang3@3.12.0");
        assert_eq!(of(Ecosystem::Cargo, None, "a b/c?d#é", "1"), "pkg:cargo/a%20b%2Fc%3Fd%23%C3%A9@1");
    }

    #[test]
    fn what_programs_write_in_different_ways_is_the_same() {
        // Ours; then as syft and trivy write it, and as others may.
        for same in [
            &[
                "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
                "pkg:deb/debian/libstdc++6@1%3A12.2.0-14+deb12u1?upstream=gcc-12",
                "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12.1&epoch=1",
            ][..],
            &[
                "pkg:rpm/fedora/PyYAML@1.0-3",
                "pkg:rpm/fedora/PyYAML@0:1.0-3",
                "pkg:rpm/fedora/PyYAML@1.0-3?epoch=0",
            ],
            &[
                "pkg:golang/github.com/pelletier/go-toml/v2@v2.2.2",
                "pkg:golang/github.com/pelletier/go-toml@v2.2.2#v2",
                "pkg:golang/github.com/Pelletier/go-toml@v2.2.2#v2",
            ],
            &["pkg:golang/stdlib@1.23.4", "pkg:golang/stdlib@v1.23.4"],
            &[
                "pkg:npm/%40babel/core@7.0.0",
                "pkg:npm/@babel/core@7.0.0",
                "pkg://NPM/@Babel/core@7.0.0?package-id=1",
            ],
            &["pkg:pypi/zope-interface@6.0", "pkg:pypi/Zope.Interface@6.0"],
        ] {
            for other in same {
                assert_eq!(comparable(other), comparable(same[0]), "{other}");
            }
        }
        for (one, other) in [
            ("pkg:deb/debian/git@1:2", "pkg:deb/debian/git@2"),
            ("pkg:deb/debian/git@1", "pkg:deb/ubuntu/git@1"),
            ("pkg:rpm/a/B@1", "pkg:rpm/a/b@1"),
            ("pkg:npm/@s/a", "pkg:npm/@s/b"),
            ("pkg:npm/a@1", "pkg:pypi/a@1"),
            ("pkg:golang/a/b@v1", "pkg:golang/a/b@v1#v2"),
        ] {
            assert_ne!(comparable(one), comparable(other), "{one} {other}");
        }
        for (odd, read) in [
            ("", "/@"),
            ("@", "/@"),
            ("pkg:deb/%zz@%", "deb/%zz@%"),
            ("#?@/", "/@"),
            ("pkg:golang/@v", "golang/@"),
        ] {
            assert_eq!(comparable(odd), read, "{odd}");
        }
    }

    #[test]
    fn without_a_system_there_is_no_distro() {
        let package = Package::new(Ecosystem::Deb, "Bash".to_owned(), "5".to_owned());
        assert_eq!(purl(&package, None), "pkg:deb/bash@5");
    }
}
