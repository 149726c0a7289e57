//! Text databases and descriptions, as package managers write them, and as no one should.

use super::{Database, MAX_DOCUMENT, PackageEvidence, read};
use crate::packages::{Package, spdx};
use proptest::prelude::*;

fn packages(database: Database, text: &str) -> Vec<Package> {
    match read(database, "x", text.as_bytes()) {
        Ok(PackageEvidence::Packages(packages)) => packages,
        other => panic!("{other:?}"),
    }
}

fn names(database: Database, text: &str) -> Vec<String> {
    packages(database, text).iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[test]
fn files_are_known_by_their_path() {
    for (path, expected) in [
        ("var/lib/dpkg/status", Some(Database::DpkgStatus)),
        ("srv/root/var/lib/dpkg/status", Some(Database::DpkgStatus)),
        ("myvar/lib/dpkg/status", None),
        ("var/lib/dpkg/status-old", None),
        ("var/lib/dpkg/status.d/base", Some(Database::DpkgStatusDir)),
        ("var/lib/dpkg/status.d/base.md5sums", None),
        ("usr/share/doc/bash/copyright", Some(Database::DebianCopyright)),
        ("usr/share/doc/bash/examples/copyright", None),
        ("srv/usr/share/doc/bash/copyright", None),
        ("lib/apk/db/installed", Some(Database::Apk)),
        ("usr/lib/apk/db/installed", Some(Database::Apk)),
        ("var/lib/rpm/rpmdb.sqlite", Some(Database::RpmSqlite)),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", Some(Database::RpmSqliteLog)),
        ("usr/lib/sysimage/rpm/Packages.db", Some(Database::RpmNdb)),
        ("var/lib/rpm/Packages", Some(Database::RpmBdb)),
        ("var/lib/Packages", None),
        ("opt/v/site-packages/a-1.dist-info/METADATA", Some(Database::PythonMetadata)),
        ("opt/v/site-packages/a.egg-info/PKG-INFO", Some(Database::PythonMetadata)),
        ("opt/v/a.egg/EGG-INFO/PKG-INFO", Some(Database::PythonMetadata)),
        ("usr/lib/python3/dist-packages/a-1.egg-info", Some(Database::PythonMetadata)),
        ("METADATA", None),
        ("app/node_modules/a/package.json", Some(Database::NpmPackage)),
        ("node_modules/@s/a/package.json", Some(Database::NpmPackage)),
        ("node_modules/a/node_modules/b/package.json", Some(Database::NpmPackage)),
        ("node_modules/a/test/package.json", None),
        ("node_modules/@s/a/test/package.json", None),
        ("node_modules/package.json", None),
        ("app/package.json", Some(Database::NpmPackage)),
        ("package.json", Some(Database::NpmPackage)),
        ("app/package-lock.json", None),
        ("etc/os-release", Some(Database::OsRelease)),
        ("usr/lib/os-release", Some(Database::OsRelease)),
        ("srv/etc/os-release", None),
        ("", None),
        ("/", None),
    ] {
        assert_eq!(Database::of(path), expected, "{path}");
    }
}

#[test]
fn dpkg_packages_are_those_whose_files_are_there() {
    let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nSource: src (1:1.0-1)\nVersion: 1:1.0-1+b2\n\
                Description: x\n Package: not\n .\n Version: 9\n\n\
                Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                Package: never\nStatus: unknown ok not-installed\n\n\
                package: b\nSTATUS: hold ok unpacked\nversion: 2\nSource: a\n\n\
                Package: c\nVersion: 3\nSource: c\n";
    let found = packages(Database::DpkgStatus, text);
    let list: Vec<_> = found
        .iter()
        .map(|package| {
            let source = package.source.as_ref().map(|source| format!("{} {}", source.name, source.version));
            (package.name.as_str(), package.version.as_str(), package.architecture.as_deref(), source)
        })
        .collect();
    assert_eq!(
        list,
        [
            ("a", "1:1.0-1+b2", Some("amd64"), Some("src 1:1.0-1".to_owned())),
            ("b", "2", None, Some("a 2".to_owned())),
            ("c", "3", None, None)
        ]
    );
}

#[test]
fn a_damaged_dpkg_database_is_said_to_be_unread() {
    for text in [
        "no field",
        "Package: a\nStatus: install ok installed\n",
        "Version: 1\nStatus: install ok installed\n",
        "Package: a\nPackage: b\nVersion: 1\n",
        "Package: a\nVersion: 1\nStatus: install ok config-files\nStatus: install ok installed\n",
        "Package: a\nVersion: 1\nStatus: installed\n",
        "Package: a\nVersion:\n",
        "Package:\nVersion: 1\n",
        "Package: a\x1b[31m\nVersion: 1\n",
        "\0\0\0\0",
    ] {
        assert!(read(Database::DpkgStatus, "x", text.as_bytes()).is_err(), "{text:?}");
    }
    let long = format!("Package: {}\nVersion: 1\n", "a".repeat(2000));
    assert!(read(Database::DpkgStatusDir, "x", long.as_bytes()).is_err());
    let many = "Package: a\nVersion: 1\n\n".repeat(100_001);
    assert!(read(Database::DpkgStatus, "x", many.as_bytes()).unwrap_err().contains("100000"));
}

#[test]
fn licences_come_from_machine_readable_copyright_files() {
    let dep5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nLicense: all\n\n\
                Files: *\nCopyright: x\nLicense: GPL-2+\n\nFiles: a\n b\nLicense: Expat\n Permission is\n .\n hereby\n\n\
                Files: c\nLicense: GPL-2+\n\nLicense: GPL-2+\n text\n\nLicense: Unused\n";
    let read = |text: &str| read(Database::DebianCopyright, "usr/share/doc/bash/copyright", text.as_bytes());
    let expected = |licenses: &[&str]| {
        Ok(PackageEvidence::Licenses {
            package: "bash".to_owned(),
            licenses: licenses.iter().map(|license| (*license).to_owned()).collect(),
        })
    };
    assert_eq!(read(dep5), expected(&["GPL-2+", "Expat"]));
    assert_eq!(read("This is prose.\n\nFiles: *\nLicense: GPL-2\n"), expected(&[]));
    assert_eq!(read(""), expected(&[]));
}

#[test]
fn apk_packages_have_origin_and_licence() {
    let text = "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\np:so:libc\nF:lib\nR:ld\na:0:0:755\n\n\
                P:ssl_client\nV:1.36.1-r5\nA:x86_64\nL:GPL-2.0-only\no:busybox\n\n";
    let found = packages(Database::Apk, text);
    assert_eq!(found.len(), 2);
    assert!(found[0].source.is_none() && found[0].architecture.as_deref() == Some("x86_64"));
    assert_eq!(found[1].source.as_ref().unwrap().name, "busybox");
    assert_eq!(spdx(&found[1].licenses).as_deref(), Some("GPL-2.0-only"));
    for text in ["garbage", "V:1\n", "P:a\n", "P:a\nP:b\nV:1\n"] {
        assert!(read(Database::Apk, "x", text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn python_licences_are_what_is_stated() {
    let of = |text: &str| packages(Database::PythonMetadata, text).remove(0).licenses;
    let head = "\u{feff}Metadata-Version: 2.1\r\nName: Zope.x\r\nVersion: 1.0\r\n";
    assert_eq!(
        names(Database::PythonMetadata, &format!("{head}\nName: described\nVersion: 2\n")),
        ["Zope.x 1.0"]
    );
    assert_eq!(of(&format!("{head}License-Expression: MIT OR Zlib\nLicense: x\n")), ["MIT OR Zlib"]);
    let both =
        "License: MIT License\n\n        Permission\nClassifier: License :: OSI Approved :: MIT License\n";
    assert_eq!(of(&format!("{head}{both}")), ["MIT License"]);
    let classified = "License: UNKNOWN\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: ISC\n\
                      Classifier: Topic :: x\n";
    assert_eq!(of(&format!("{head}{classified}")), ["OSI Approved", "ISC"]);
    for text in ["", "Name: a\n", "Version: 1\n", "\nName: a\nVersion: 1\n\nX: y"] {
        let read = read(Database::PythonMetadata, "x", text.as_bytes());
        assert_eq!(read.is_ok(), text.starts_with('\n'), "{text:?}");
    }
}

#[test]
fn npm_packages_have_scope_and_licence() {
    let of = |text: &str| packages(Database::NpmPackage, text);
    let found = of(r#"{"name":"@babel/core","version":"7.0.0","license":"MIT","x":{"name":"no"}}"#).remove(0);
    assert_eq!((found.namespace.as_deref(), found.name.as_str()), (Some("@babel"), "core"));
    let object = of(r#"{"name":"a","version":"1","license":{"type":"ISC","url":"u"}}"#).remove(0);
    let array = of("\u{feff}{\"name\":\"a\",\"version\":\"1\",\"licenses\":[{\"type\":\"MIT\"},\"Zlib\",3]}")
        .remove(0);
    assert_eq!(
        (object.licenses, array.licenses),
        (vec!["ISC".to_owned()], vec!["MIT".to_owned(), "Zlib".to_owned()])
    );
    for nothing in ["{}", r#"{"type":"module"}"#, r#"{"name":"a"}"#, r#"{"name":"a","version":null}"#] {
        assert!(of(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn j04_j07_j08_a_broken_package_json_is_said_to_be_unread() {
    let deep = format!(r#"{{"name":"a","version":"1","license":{}"#, "[".repeat(100_000));
    for text in [
        r#"["a","1"]"#,
        "",
        "{",
        r#"{"name":3,"version":"1"}"#,
        r#"{"name":"a","name":"b","version":"1"}"#,
        r#"{"name":"a","version":"1"} x"#,
        &deep,
    ] {
        assert!(read(Database::NpmPackage, "x", text.as_bytes()).is_err(), "{text:.60}");
    }
    let large = vec![b' '; MAX_DOCUMENT + 1];
    assert!(read(Database::NpmPackage, "x", &large).unwrap_err().contains("more than"));
}

#[test]
fn the_system_has_the_defaults_of_os_release() {
    let of = |text: &str| match read(Database::OsRelease, "x", text.as_bytes()) {
        Ok(PackageEvidence::System(system)) => (system.id, system.version, system.name),
        other => panic!("{other:?}"),
    };
    let debian = "PRETTY_NAME=\"Debian \\\"12\\\" \\$\"\n# ID=no\nID=debian\nVERSION_ID='12'\n";
    assert_eq!(of(debian), ("debian".to_owned(), Some("12".to_owned()), "Debian \"12\" $".to_owned()));
    assert_eq!(of("ID=\"\"\nVERSION_ID=\nx"), ("linux".to_owned(), None, "Linux".to_owned()));
    assert_eq!(of("ID=\"").0, "\"");
    assert!(read(Database::OsRelease, "x", b"\xff").is_err());
}

#[test]
fn databases_of_100_mb_are_read_or_refused_with_a_reason() {
    const SIZE: usize = 100 << 20;
    let long = " a line of a description that no one reads, and that is there all the same\n".repeat(18);
    let dpkg = |number: usize| {
        format!(
            "Package: p{number}\nStatus: install ok installed\nVersion: {number}-1\nDescription: d\n{long}\n"
        )
    };
    let apk = |number: usize| format!("P:p{number}\nV:{number}-r1\nA:x86_64\nT:{}\n\n", &long[..1350]);
    for (database, paragraph) in
        [(Database::DpkgStatus, &dpkg as &dyn Fn(usize) -> String), (Database::Apk, &apk)]
    {
        let text: String = (0..80_000).map(paragraph).collect();
        assert!(text.len() > SIZE, "{}", text.len());
        match read(database, "x", text.as_bytes()) {
            Ok(PackageEvidence::Packages(packages)) => assert_eq!(packages.len(), 80_000),
            other => panic!("{}: {other:?}", database.as_str()),
        }
    }
    let short = |number: usize| format!("Package: p{number}\nVersion: 1\n\n");
    let many: String = (0..100_001).map(short).collect();
    let refused = read(Database::DpkgStatus, "x", many.as_bytes()).unwrap_err();
    assert_eq!(refused, "it announces more than 100000 packages");
    for (database, magic) in [
        (Database::RpmSqlite, &b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20"[..]),
        (Database::RpmNdb, b"RpmP\0\0\0\0"),
        (Database::RpmBdb, b"\0\0\0\0\0\0\0\0\0\0\0\0\x61\x15\x06\0"),
    ] {
        for filler in [0, 0xff] {
            let mut bytes = vec![filler; SIZE];
            bytes[..magic.len()].copy_from_slice(magic);
            if let Ok(PackageEvidence::Packages(packages)) = read(database, "x", &bytes) {
                assert_eq!(packages, [], "{}", database.as_str());
            }
        }
    }
}

const TEXTS: [Database; 6] = [
    Database::DpkgStatus,
    Database::DebianCopyright,
    Database::Apk,
    Database::PythonMetadata,
    Database::NpmPackage,
    Database::OsRelease,
];

proptest! {
    #[test]
    fn arbitrary_bytes_never_stop_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for database in TEXTS {
            let _ = read(database, "usr/share/doc/x/copyright", &bytes);
        }
    }

    #[test]
    fn arbitrary_fields_never_stop_a_reader(
        text in r#"((Package|Version|Status|Source|License|Files|Format|P|V|Name|ID|\{"name"| )?[:= ]?[a-z("\\é]{0,6}\r?\n?){0,30}"#
    ) {
        for database in TEXTS {
            if let Ok(PackageEvidence::Packages(packages)) = read(database, "x", text.as_bytes()) {
                prop_assert!(packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
            }
        }
    }
}
