//! Databases that rpm and Berkeley DB wrote (`tests/fixtures/packages/README.md`), and what becomes of them.

use super::super::{Database, Package, PackageEvidence, purl, read};
use super::{Each, bdb, ndb, origin, packages, sqlite};

type Reader = fn(&[u8], &mut Each<'_>) -> Result<(), String>;

const LISTED: &str = include_str!("../../../../tests/fixtures/packages/rpm-qa.txt");

fn databases() -> [(Database, Reader, Vec<u8>); 3] {
    let plain = |bytes: &[u8]| zstd::decode_all(bytes).unwrap();
    [
        (
            Database::RpmSqlite,
            sqlite,
            plain(include_bytes!("../../../../tests/fixtures/packages/rpmdb.sqlite.zst")),
        ),
        (Database::RpmNdb, ndb, plain(include_bytes!("../../../../tests/fixtures/packages/Packages.db.zst"))),
        (Database::RpmBdb, bdb, plain(include_bytes!("../../../../tests/fixtures/packages/Packages.zst"))),
    ]
}

/// As the line of `rpm -qa` in the fixture.
fn line(package: &Package) -> String {
    let (epoch, version) = package.version.split_once(':').unwrap_or(("(none)", &package.version));
    let (version, release) = version.split_once('-').unwrap();
    let architecture = package.architecture.as_deref().unwrap();
    let source = package.source.as_ref().map_or_else(
        || format!("{}-{version}-{release}", package.name),
        |source| format!("{}-{}", source.name, source.version),
    );
    let license = &package.licenses[0];
    format!("{}|{epoch}|{version}|{release}|{architecture}|{license}|{source}.src.rpm", package.name)
}

#[test]
fn the_three_databases_give_what_rpm_lists() {
    let listed: Vec<_> = LISTED.lines().filter(|line| !line.starts_with("gpg-pubkey|")).collect();
    assert_eq!(listed.len() + 1, LISTED.lines().count());
    for (database, _, bytes) in databases() {
        let Ok(PackageEvidence::Packages(packages)) = read(database, "", &bytes) else {
            panic!("{database:?}")
        };
        let mut lines: Vec<_> = packages.iter().map(line).collect();
        lines.sort();
        assert_eq!(lines, listed, "{database:?}");
    }
}

#[test]
fn epoch_and_source_come_along() {
    let (_, reader, bytes) = &databases()[0];
    let packages = packages(bytes, *reader).unwrap();
    let libs = packages.iter().find(|package| package.name == "sample-3-libs").unwrap();
    assert_eq!(libs.version, "4:1.3~rc1-3.el9");
    let source = libs.source.as_ref().unwrap();
    assert_eq!((source.name.as_str(), source.version.as_str()), ("sample-3", "1.3~rc1-3.el9"));
    assert_eq!(purl(libs, None), "pkg:rpm/sample-3-libs@1.3~rc1-3.el9?arch=x86_64&epoch=4");
    assert!(packages.iter().any(|package| package.name == "sample-3" && package.source.is_none()));
    assert_eq!(origin("a-b-1-2.src.rpm").unwrap().name, "a-b");
    assert!(origin("a.src.rpm").is_none() && origin("(none)").is_none());
}

#[test]
fn z02_a_cut_database_is_unread_or_whole() {
    for (database, reader, bytes) in databases() {
        let whole = packages(&bytes, reader).unwrap();
        let early = 0..600;
        let late = (600..bytes.len()).step_by(1009);
        for cut in early.chain(late).chain(bytes.len() - 40..bytes.len()) {
            if let Ok(found) = packages(&bytes[..cut], reader) {
                assert_eq!(found, whole, "{database:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn z01_flipped_bytes_never_stop_a_reader() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 32).unwrap()
    };
    for (_, reader, bytes) in databases() {
        for _ in 0..400 {
            let mut broken = bytes.clone();
            for _ in 0..=random() % 4 {
                // Headers of files and pages are hit more often than what is between.
                let at = if random() % 2 == 0 { random() % bytes.len() } else { random() % 200 };
                broken[at] = u8::try_from(random() % 256).unwrap();
            }
            let _ = packages(&broken, reader);
        }
    }
}

/// Where the first page stands, but for the one at the beginning, that is as asked for.
fn page(bytes: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> usize {
    (bytes.chunks(4096).skip(1).position(is_wanted).unwrap() + 1) * 4096
}

#[test]
fn circles_of_pages_are_refused() {
    let [(_, _, mut bytes), _, (_, _, mut older)] = databases();
    // The last child of an inner page is the page itself.
    let at = page(&bytes, |page| page[0] == 5);
    let number = u32::try_from(at / 4096 + 1).unwrap();
    bytes[at + 8..at + 12].copy_from_slice(&number.to_be_bytes());
    assert!(packages(&bytes, sqlite).unwrap_err().contains("part of two things"));
    // So is the page that goes on with a value.
    let at = page(&older, |page| page[25] == 7 && page[16..20] != [0; 4]);
    let number = u32::try_from(at / 4096).unwrap();
    older[at + 16..at + 20].copy_from_slice(&number.to_le_bytes());
    assert!(packages(&older, bdb).unwrap_err().contains("part of two things"));
}

#[test]
fn slots_that_point_to_one_blob_are_refused() {
    let [_, (_, _, mut bytes), _] = databases();
    let slot = bytes[32..48].to_vec();
    for at in (32..4096).step_by(16) {
        bytes[at..at + 16].copy_from_slice(&slot);
    }
    assert!(packages(&bytes, ndb).unwrap_err().contains("over one another"));
}

#[test]
fn other_bytes_are_no_database() {
    for (database, ..) in databases() {
        for bytes in [&b""[..], b"SQLite format 3\0", b"RpmP", &[0; 4096], &[0xff; 9000]] {
            assert!(read(database, "", bytes).is_err(), "{database:?}");
        }
    }
}

#[test]
fn a_log_that_holds_changes_is_said_to_be_unread() {
    assert_eq!(read(Database::RpmSqliteLog, "", b""), Ok(PackageEvidence::Packages(Vec::new())));
    assert!(read(Database::RpmSqliteLog, "", b"x").is_err());
}
