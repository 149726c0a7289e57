use super::{Purl, comparable, purl, unversioned};
use crate::packages::{Ecosystem, Package, PackageSource, System};
use proptest::prelude::*;
use sealift_bundle::value::digest::Digest;

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

#[test]
fn a_purl_names_a_package_by_what_it_says_and_not_by_what_it_leaves_open() {
    let system = System { id: "debian".to_owned(), version: None, name: String::new() };
    let package = |ecosystem, namespace: Option<&str>, name: &str, version: &str| Package {
        ecosystem,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: Some("amd64".to_owned()),
        source: Some(PackageSource { name: "openssl".to_owned(), version: "3".to_owned() }),
        licenses: Vec::new(),
    };
    let ssl = package(Ecosystem::Deb, None, "libssl3", "3.0+x");
    let babel = package(Ecosystem::Npm, Some("@babel"), "core", "7.0.0");
    let rpm = package(Ecosystem::Rpm, None, "bash", "1:5.1-2");
    let flask = package(Ecosystem::Pypi, None, "Flask_Login", "1");
    let net = package(Ecosystem::Golang, None, "golang.org/x/net", "v0.1.0");
    let jar = package(Ecosystem::Maven, Some("org.x"), "y", "1");
    for (text, package, is_named) in [
        ("pkg:deb/debian/libssl3", &ssl, true),
        ("pkg:deb/debian/libssl3@3.0%2Bx?arch=amd64&distro=debian-12", &ssl, true),
        ("pkg:deb/debian/libssl3@3.0%2Bx?arch=arm64", &ssl, false),
        ("pkg:deb/ubuntu/libssl3", &ssl, false),
        ("pkg:deb/debian/libssl3@3.1", &ssl, false),
        ("pkg:deb/debian/openssl@3?arch=source", &ssl, true),
        ("pkg:deb/debian/openssl@3", &ssl, false),
        ("pkg:npm/%40babel/core@7.0.0", &babel, true),
        ("pkg:npm/@babel/core", &babel, true),
        ("pkg:npm/core", &babel, false),
        ("pkg:rpm/bash@5.1-2", &rpm, false),
        ("pkg:rpm/debian/bash@5.1-2?epoch=1", &rpm, true),
        ("pkg:rpm/debian/bash@5.1-2?epoch=2", &rpm, false),
        ("pkg:pypi/flask-login@1", &flask, true),
        ("pkg:golang/golang.org/x/net@v0.1.0", &net, true),
        ("pkg:golang/golang.org/x/net@0.1.0#http2", &net, true),
        ("pkg:maven/org.x/y@1", &jar, true),
        ("pkg:maven/y@1", &jar, false),
    ] {
        let system = (package.ecosystem != Ecosystem::Rpm || text.contains("debian")).then_some(&system);
        let purl = Purl::parse(text).unwrap();
        // Without a system, one that names a system names no package.
        let is_named = is_named || text == "pkg:rpm/bash@5.1-2";
        assert_eq!(purl.names(package, system), is_named, "{text}");
    }
    for text in ["", "deb/debian/x", "pkg:deb", "pkg:deb/", "pkg:deb/x%zz", "pkg:deb/x%ff", "pkg:npm/@babel"]
    {
        assert_eq!(Purl::parse(text), None, "{text}");
    }
    let digest = Digest::of(b"x");
    let text = format!("pkg:oci/nginx@{}?repository_url=x", digest.to_string().replace(':', "%3A"));
    assert!(Purl::parse(&text).unwrap().is_image(&digest));
    assert!(!Purl::parse("pkg:oci/nginx").unwrap().is_image(&digest));
}

#[test]
fn a_version_ends_where_a_scope_begins() {
    for (text, plain) in [
        ("pkg:deb/debian/curl@7.88?arch=amd64", "pkg:deb/debian/curl"),
        ("pkg:npm/@babel/core", "pkg:npm/@babel/core"),
        ("pkg:npm/@babel/core@7#x", "pkg:npm/@babel/core"),
        ("curl@7", "curl@7"),
    ] {
        assert_eq!(unversioned(text), plain);
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "(pkg:)?[a-z@/%:?#=&0-9\\.-]{0,40}", other in "\\PC{0,40}") {
        for text in [&text, &other] {
            let _: Option<Purl> = Purl::parse(text);
            let _: (String, &str) = (comparable(text), unversioned(text));
        }
    }
}
