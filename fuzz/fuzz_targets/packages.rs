//! Package databases: whatever the bytes, what is announced is a list of names and versions that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sealift_audit::packages::{
    Database, Package, PackageEvidence, System, in_executable, in_jar, purl, read, spdx,
};
use std::io::{Cursor, Write as _};

/// A path for each database; what follows them are executables, jars, and files whose path is in the input.
const PATHS: [(Database, &str); 11] = [
    (Database::DpkgStatus, "var/lib/dpkg/status"),
    (Database::DpkgStatusDir, "var/lib/dpkg/status.d/base"),
    (Database::DebianCopyright, "usr/share/doc/base/copyright"),
    (Database::Apk, "lib/apk/db/installed"),
    (Database::RpmSqlite, "var/lib/rpm/rpmdb.sqlite"),
    (Database::RpmSqliteLog, "var/lib/rpm/rpmdb.sqlite-wal"),
    (Database::RpmNdb, "var/lib/rpm/Packages.db"),
    (Database::RpmBdb, "var/lib/rpm/Packages"),
    (Database::PythonMetadata, "a/b.dist-info/METADATA"),
    (Database::NpmPackage, "node_modules/@a/b/package.json"),
    (Database::OsRelease, "etc/os-release"),
];
const EXECUTABLE: usize = PATHS.len();
const JAR: usize = EXECUTABLE + 1;
const NAMED: usize = JAR + 1;

fuzz_target!(init: sealift_fuzz::seeds(seeds), |data: &[u8]| {
    let Some((which, bytes)) = sealift_fuzz::choice(data, NAMED + 1) else { return };
    let evidence = match which {
        EXECUTABLE => in_executable(bytes).map(PackageEvidence::Packages),
        JAR => in_jar("opt/app-1.0.jar", bytes).map(PackageEvidence::Packages),
        NAMED => {
            let path = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let path = String::from_utf8_lossy(path);
            let Some(database) = Database::of(&path) else { return };
            read(database, &path, &bytes[path.len().min(bytes.len())..])
        }
        which => {
            let (database, path) = PATHS[which];
            assert_eq!(Database::of(path), Some(database));
            read(database, path, bytes)
        }
    };
    match evidence {
        Ok(PackageEvidence::Packages(packages)) => packages_make_sense(&packages),
        Ok(PackageEvidence::Licenses { licenses, .. }) => licenses_make_sense(&licenses),
        Ok(PackageEvidence::System(system)) => assert!(!system.id.is_empty()),
        Ok(PackageEvidence::RootUsers(users)) => assert!(users.iter().all(|user| !user.contains(':'))),
        Err(reason) => assert!(!reason.is_empty()),
    }
});

fn packages_make_sense(packages: &[Package]) {
    let system =
        System { id: "debian".to_owned(), version: Some("12".to_owned()), name: "Debian".to_owned() };
    assert!(packages.len() <= 100_000);
    for package in packages {
        let texts = [Some(&package.name), Some(&package.version), package.architecture.as_ref()];
        for text in texts.into_iter().flatten().chain(&package.namespace) {
            assert!(text.len() <= 1024 && !text.chars().any(char::is_control), "{text:?}");
        }
        assert!(!package.name.is_empty() && !package.version.is_empty());
        licenses_make_sense(&package.licenses);
        let purl = purl(package, Some(&system));
        assert!(purl.starts_with("pkg:") && purl.bytes().all(|byte| byte.is_ascii_graphic()), "{purl:?}");
    }
}

fn licenses_make_sense(licenses: &[String]) {
    assert!(licenses.len() <= 256 && licenses.iter().all(|license| license.len() <= 1024));
    if let Some(expression) = spdx(licenses) {
        assert!(expression.is_ascii() && !expression.is_empty(), "{expression:?}");
    }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let unpacked = |name: &str| {
        let packed = sealift_fuzz::file(&format!("tests/fixtures/packages/{name}.zst"));
        zstd::decode_all(&packed[..]).expect("fixtures are whole")
    };
    let section = |name: &str, content: &[u8]| {
        use object::{Architecture, BinaryFormat, Endianness, SectionKind, write::Object};
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let section = object.add_section(Vec::new(), name.into(), SectionKind::Data);
        object.append_section_data(section, content, 16);
        object.write().expect("memory takes bytes")
    };
    let rust = br#"{"packages":[{"name":"a","version":"1.0.0","source":"registry"}]}"#;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(rust).expect("memory takes bytes");
    let zlib = zlib.finish().expect("memory takes bytes");
    let go = b"\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08go1.22.1\x48path\tcmd\nmod\tx.example/y\tv1.0.0\th1:x\ndep\tz.example/w\tv0.1.0\th1:y\nbuild\tGOOS=linux\n";
    let properties = |text: &[u8]| {
        let mut jar = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [
            ("META-INF/MANIFEST.MF", &b"Implementation-Title: x\nImplementation-Version: 1\n"[..]),
            ("META-INF/maven/g/a/pom.properties", b"groupId=g\nartifactId=a\nversion=1.0\n"),
            ("lib/inner-2.0.jar", text),
        ] {
            jar.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory takes bytes");
            jar.write_all(content).expect("memory takes bytes");
        }
        jar.finish().expect("memory takes bytes").into_inner()
    };
    let jar = properties(&properties(b"no jar"));
    let dpkg = b"Package: libssl3\nStatus: install ok installed\nVersion: 3.0.11-1\nArchitecture: amd64\nSource: openssl (3.0.11)\nDescription: x\n y\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 1\n";
    let of = |database: Database| PATHS.iter().position(|(one, _)| *one == database).expect("it has a path");
    [
        ("dpkg", of(Database::DpkgStatus), dpkg.to_vec()),
        ("dpkg-d", of(Database::DpkgStatusDir), dpkg.to_vec()),
        ("copyright", of(Database::DebianCopyright), b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: x\nLicense: GPL-2+ or MIT\n text\n".to_vec()),
        ("apk", of(Database::Apk), b"C:Q1x\nP:busybox\nV:1.36.1-r5\nA:x86_64\no:busybox\nL:GPL-2.0-only\nF:bin\nR:busybox\n\n".to_vec()),
        ("rpm-sqlite", of(Database::RpmSqlite), unpacked("rpmdb.sqlite")),
        ("rpm-log", of(Database::RpmSqliteLog), Vec::new()),
        ("rpm-ndb", of(Database::RpmNdb), unpacked("Packages.db")),
        ("rpm-bdb", of(Database::RpmBdb), unpacked("Packages")),
        ("python", of(Database::PythonMetadata), b"Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\nLicense: BSD\nClassifier: License :: OSI Approved :: BSD License\n\nLong\n".to_vec()),
        ("npm", of(Database::NpmPackage), br#"{"name":"@a/b","version":"1.0.0","license":{"type":"MIT"},"licenses":[{"type":"ISC"}]}"#.to_vec()),
        ("os-release", of(Database::OsRelease), b"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian 12'\n".to_vec()),
        ("go", EXECUTABLE, section(".go.buildinfo", go)),
        ("go-real", EXECUTABLE, section(".go.buildinfo", &unpacked("go.buildinfo"))),
        ("rust", EXECUTABLE, section(".dep-v0", &zlib)),
        ("jar", JAR, jar),
        ("named", NAMED, b"usr/lib/os-release\nID=x\n".to_vec()),
    ]
    .map(|(name, which, bytes)| {
        let which = u8::try_from(which).expect("there are few");
        (name.to_owned(), [&[which][..], &bytes].concat())
    })
    .into()
}
