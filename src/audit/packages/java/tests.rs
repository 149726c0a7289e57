//! Archives as Maven and others make them, and bombs.

use super::{MAX_TEXT, in_jar};
use crate::packages::{Package, purl};
use proptest::prelude::*;
use std::io::{Cursor, Write as _};
use zip::write::{SimpleFileOptions, ZipWriter};

fn jar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn list(path: &str, members: &[(&str, &[u8])]) -> Vec<String> {
    let packages = in_jar(path, &jar(members)).unwrap();
    packages.iter().map(|package: &Package| purl(package, None)).collect()
}

const MANIFEST: &str = "META-INF/MANIFEST.MF";
const POM: (&str, &[u8]) = (
    "META-INF/maven/org.apache.commons/commons-lang3/pom.properties",
    b"#Created by Maven\ngroupId=org.apache.commons\nartifactId=commons-lang3\nversion=3.12.0\n",
);

#[test]
fn maven_says_it_best() {
    let manifest: &[u8] = b"Manifest-Version: 1.0\r\nImplementation-Title: Commons Lang\r\nBundle-License: \"Apache-2.0\";li\r\n nk=x\r\n";
    let packages = in_jar("lib/commons-lang3.jar", &jar(&[(MANIFEST, manifest), POM])).unwrap();
    assert_eq!(purl(&packages[0], None), "pkg:maven/org.apache.commons/commons-lang3@3.12.0");
    assert_eq!((packages.len(), &packages[0].licenses), (1, &vec!["Apache-2.0".to_owned()]));
}

#[test]
fn an_archive_that_swallowed_others_is_listed_with_them() {
    let found = list("app-1.0-all.jar", &[(MANIFEST, b"Implementation-Vendor-Id: org.example\n"), POM]);
    assert_eq!(
        found,
        ["pkg:maven/org.apache.commons/commons-lang3@3.12.0", "pkg:maven/org.example/app@1.0-all"]
    );
    assert_eq!(list("commons-lang3-3.12.0.jar", &[POM]).len(), 1);
}

#[test]
fn a_name_that_holds_a_version_is_not_taken_for_name_and_version() {
    let pom: &[u8] =
        b"groupId=org.apache.geronimo.specs\nartifactId=geronimo-annotation_1.3_spec\nversion=1.3\n";
    let path = "META-INF/maven/org.apache.geronimo.specs/geronimo-annotation_1.3_spec/pom.properties";
    let known = "pkg:maven/org.apache.geronimo.specs/geronimo-annotation_1.3_spec@1.3";
    for file in ["geronimo-annotation-1.3-spec.jar", "geronimo-annotation_1.3_spec.jar"] {
        assert_eq!(list(file, &[(MANIFEST, b""), (path, pom)]), [known], "{file}");
    }
}

#[test]
fn without_maven_the_file_and_the_manifest_tell() {
    let manifest = |text: &'static str| [(MANIFEST, text.as_bytes())];
    assert_eq!(list("a/log4j-1.2.17.jar", &manifest("")), ["pkg:maven/log4j@1.2.17"]);
    let bundle = "Bundle-SymbolicName: org.x.y;singleton:=true\r\nBundle-Version: 2.0\r\nImplementation-Title: A Title\r\n";
    assert_eq!(list("y.jar", &manifest(bundle)), ["pkg:maven/org.x.y@2.0"]);
    assert_eq!(
        list("y.jar", &manifest("Implementation-Version: 3\nImplementation-Title: z\n")),
        ["pkg:maven/z@3"]
    );
    // What is in a later paragraph is about a part of it.
    assert_eq!(list("y.jar", &manifest("Created-By: x\n\nName: p/\nImplementation-Version: 3\n")), [""; 0]);
    assert_eq!(list("y-1.jar", &[("x.txt", b"")]), [""; 0]);
    assert_eq!(list("y.jar", &[("META-INF/maven/g/a/pom.properties", b"artifactId=a\n")]), [""; 0]);
}

#[test]
fn archives_in_archives_are_read_to_a_depth() {
    let mut inner = jar(&[POM]);
    for depth in 0..6 {
        let found = in_jar("app.war", &inner);
        assert_eq!(found.is_ok_and(|packages| packages.len() == 1), depth <= 4, "{depth}");
        inner = jar(&[(MANIFEST, b""), ("BOOT-INF/lib/x.jar", &inner)]);
    }
    assert!(in_jar("app.war", &jar(&[("WEB-INF/lib/broken.jar", b"PK")])).is_err());
}

#[test]
fn z07_bombs_are_refused() {
    let zeros = vec![0; usize::try_from(MAX_TEXT).unwrap() + 1];
    assert!(in_jar("x.jar", &jar(&[(MANIFEST, &zeros)])).is_err());
    let many = [b"PK\x06\x07".to_vec(), b"PK\x01\x02".repeat(100_001)].concat();
    assert!(in_jar("x.jar", &many).unwrap_err().contains("members"));
}

#[test]
fn z02_a_cut_archive_is_unread() {
    let whole = jar(&[(MANIFEST, b"Manifest-Version: 1.0\r\n"), POM]);
    for cut in 0..whole.len() {
        assert!(in_jar("x.jar", &whole[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn z01_flipped_bytes_never_stop_the_reader(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let nested = jar(&[POM]);
        let mut bytes = jar(&[(MANIFEST, b"A: b\n"), POM, ("a.jar", &nested)]);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = in_jar("x.jar", &bytes);
    }
}
