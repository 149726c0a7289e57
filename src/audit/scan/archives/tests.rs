use super::super::engine::{ScanAnswer, Scanner, ScannerIdentity};
use super::super::ledger::{ScanAccount, ScanTally};
use super::super::queue::MemoryBudget;
use super::super::{ScanError, Settings};
use super::path::PATH;
use super::zip_archive::ENTRY;
use super::*;
use crate::layer::text;
use flate2::Compression;
use flate2::write::GzEncoder;
use memchr::memmem;
use proptest::prelude::*;
use sealift_bundle::format::member::{header, padding};
use sealift_bundle::value::timestamp::Timestamp;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const NEEDLE: &[u8] = b"needle";

/// Finds [`NEEDLE`] and opens nothing; ends after so many leaves.
struct Plain {
    left: AtomicU64,
}

impl Scanner for Plain {
    fn identify(&self) -> Result<ScannerIdentity, ScanError> {
        unreachable!("nobody asks")
    }

    fn look(&self, leaf: &mut dyn Read) -> ScanAnswer {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return ScanAnswer::Failed("it is tired".to_owned());
        }
        let mut bytes = Vec::new();
        match leaf.read_to_end(&mut bytes) {
            Ok(_) if memmem::find(&bytes, NEEDLE).is_some() => ScanAnswer::Found("Test".to_owned()),
            Ok(_) => ScanAnswer::Clean,
            Err(error) => ScanAnswer::Failed(error.to_string()),
        }
    }

    fn is_there(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }
}

const SMALL: Bounds =
    Bounds { held: 1 << 20, zip_held: 4 << 20, zip_members: 10, archive: (4 << 20, 10), all: (64 << 20, 1) };

struct Fed {
    totals: ScanAccount,
    found: Vec<String>,
    unseen: Vec<(String, String)>,
    unopened: Vec<(String, String)>,
}

impl Fed {
    fn of(tally: &ScanTally) -> Self {
        let totals = tally.totals();
        assert_eq!(totals.seen.count + totals.unseen.count, totals.leaves.count);
        assert_eq!(totals.seen.bytes + totals.unseen.bytes, totals.leaves.bytes);
        let (found, unseen, unopened) = tally.lists();
        let mut found: Vec<_> = found.iter().map(|found| found.path.clone()).collect();
        let mut unseen: Vec<_> = unseen.iter().map(|leaf| (leaf.path.clone(), leaf.reason.clone())).collect();
        let mut unopened: Vec<_> =
            unopened.iter().map(|leaf| (leaf.path.clone(), leaf.reason.clone())).collect();
        found.sort();
        unseen.sort();
        unopened.sort();
        Self { totals, found, unseen, unopened }
    }

    fn is_unopened(&self, reason: &str) -> bool {
        self.unopened.iter().any(|(_, why)| why.contains(reason))
    }

    fn is_unseen(&self, reason: &str) -> bool {
        self.unseen.iter().any(|(_, why)| why.contains(reason))
    }
}

fn with(answers: u64, work: impl FnOnce(&mut Feeder<'_>)) -> Fed {
    let engine = Plain { left: AtomicU64::new(answers) };
    let clock = || "2026-11-22T06:00:00Z".parse::<Timestamp>().unwrap();
    let settings = Settings { depth: 3, max_size: 2 << 20, threads: 2, bounds: SMALL, clock: &clock };
    let desk = MemoryBudget::new(&engine, settings.max_size);
    desk.staffed(2, || work(&mut Feeder::new(&desk, settings, 1 << 20, &|| Ok(()))));
    Fed::of(&desk.close().0)
}

fn fed(bytes: &[u8]) -> Fed {
    with(u64::MAX, |feeder| feeder.leaf("x".to_owned(), Some(bytes.len() as u64), &mut &*bytes, 3).unwrap())
}

fn layered(bytes: &[u8]) -> Fed {
    with(u64::MAX, |feeder| {
        feeder.layer("i:1", ':', bytes.len() as u64, || Box::new(Cursor::new(bytes.to_vec()))).unwrap();
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let size = content.len() as u64;
        bytes.extend(header(name, tar::EntryType::Regular, 0o644, size, ""));
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(padding(size));
    }
    bytes.extend([0; 1024]);
    bytes
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn ar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in files {
        writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 644, content.len()).unwrap();
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Where something is in bytes.
fn places(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    memmem::find_iter(bytes, what).collect()
}

#[test]
fn members_of_every_container_are_leaves_with_their_paths() {
    let inner = tar(&[("a/b.txt", b"a needle"), ("c", b"hay")]);
    let mut old = inner.clone();
    // As before POSIX: without the mark, and with another checksum.
    for file in [0, 1024] {
        let mut block = tar::Header::from_byte_slice(&old[file..file + 512]).clone();
        block.as_mut_bytes()[257..265].fill(0);
        block.set_cksum();
        old[file..file + 512].copy_from_slice(block.as_bytes());
    }
    let frames = [zstd::encode_all(&inner[..700], 1).unwrap(), zstd::encode_all(&inner[700..], 1).unwrap()];
    for (case, bytes, path) in [
        ("tar", inner.clone(), "x!a/b.txt"),
        ("old tar", old, "x!a/b.txt"),
        ("tar.gz", gzip(&inner), "x!a/b.txt"),
        ("two gzip members", [gzip(&inner[..700]), gzip(&inner[700..])].concat(), "x!a/b.txt"),
        ("tar.zst in frames", frames.concat(), "x!a/b.txt"),
        ("gz", gzip(b"a needle"), "x!content"),
        ("zip in tar.gz", gzip(&tar(&[("z.zip", &zipped(&[("n", b"a needle")]))])), "x!z.zip!n"),
        ("gz in zip in gz", gzip(&zipped(&[("n.gz", &gzip(b"a needle"))])), "x!content!n.gz!n"),
        ("ar", ar(&[("control.tar", b"odd"), ("data.tar/", &gzip(&inner))]), "x!2:data.tar!a/b.txt"),
    ] {
        let fed = fed(&bytes);
        assert!(fed.found.contains(&path.to_owned()), "{case}: {:?}", fed.found);
        assert!(
            fed.unseen.is_empty() && fed.unopened.is_empty(),
            "{case}: {:?} {:?}",
            fed.unseen,
            fed.unopened
        );
        assert!(fed.totals.opened.count > 0 && fed.totals.opened == fed.totals.opened_and_seen, "{case}");
    }
    assert!(fed(b"hay").found.is_empty());
    assert_eq!(fed(b"").totals.leaves.count, 1);
}

#[test]
fn a_layer_gives_its_files_and_what_is_none_is_a_leaf() {
    let files = tar(&[("etc/n", b"a needle"), (".wh.gone", b"a needle in a whiteout"), ("etc/", b"")]);
    for layer in [files.clone(), gzip(&files), zstd::encode_all(files.as_slice(), 1).unwrap()] {
        let fed = layered(&layer);
        assert_eq!(fed.found, ["i:1:.wh.gone", "i:1:etc/n"]);
        assert!(fed.unseen.is_empty() && fed.unopened.is_empty());
    }
    let signature = layered(br#"{"critical": "needle"}"#);
    assert_eq!((signature.found, signature.unopened.len()), (vec!["i:1".to_owned()], 0));
    let sbom = layered(&gzip(br#"{"spdx": "needle"}"#));
    assert!(sbom.found.contains(&"i:1!content".to_owned()) && sbom.unopened.is_empty());
    // Most programs do not look behind the end.
    let trailing = layered(&[files.as_slice(), b"a needle"].concat());
    assert!(trailing.is_unopened("behind the end") && trailing.found.contains(&"i:1".to_owned()));
    let cut = layered(&gzip(&files)[..60]);
    assert!(cut.unopened.len() == 1 || cut.totals.unseen.count > 0);
}

#[test]
fn z07_bombs_are_bounded_and_said() {
    let zeros = vec![0; 32 << 20];
    let gz = fed(&gzip(&zeros));
    assert!(gz.is_unopened("more than") && gz.is_unseen("--max-size"), "{:?} {:?}", gz.unopened, gz.unseen);
    let tgz = fed(&gzip(&tar(&[("zeros", &zeros), ("n", b"needle")])));
    assert!(tgz.is_unopened("more than"), "{:?}", tgz.unopened);
    let zip = fed(&zipped(&[("zeros", &zeros)]));
    assert!(zip.is_unopened("more than"), "{:?}", zip.unopened);
    let zst = fed(&zstd::encode_all(zeros.as_slice(), 1).unwrap());
    assert!(zst.is_unopened("more than"), "{:?}", zst.unopened);
    // Many that are each within their bounds: together they are not.
    let one = gzip(&zeros[..4 << 20]);
    let many: Vec<_> = (0..40).map(|_| ("n.gz", one.as_slice())).collect();
    let all = fed(&tar(&many));
    assert!(all.is_unopened("archives in the bundle"), "{:?}", all.unopened);
}

#[test]
fn z07_zips_that_lie_are_not_opened() {
    let eleven: Vec<_> =
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a"].map(|name| (name, &b"n"[..])).to_vec();
    assert!(fed(&zipped(&eleven)).is_unopened("more than 10 members"));
    assert!(fed(&zipped(&eleven[..10])).unopened.is_empty());

    // One content, listed twice under two names.
    let honest = zipped(&[("name-1", b"needle")]);
    let (directory, end) = (places(&honest, ENTRY)[0], places(&honest, b"PK\x05\x06")[0]);
    let mut entry = honest[directory..end].to_vec();
    let name = places(&entry, b"name-1")[0];
    entry[name + 5] = b'2';
    let mut double = [&honest[..end], &entry, &honest[end..]].concat();
    let end = end + entry.len();
    double[end + 8..end + 12].copy_from_slice(&[2, 0, 2, 0]);
    let length = u32::try_from(entry.len() * 2).unwrap();
    double[end + 12..end + 16].copy_from_slice(&length.to_le_bytes());
    let overlapping = fed(&double);
    assert!(overlapping.is_unopened("share bytes"), "{:?}", overlapping.unopened);
    assert_eq!(overlapping.totals.seen.count, 1, "what is not opened is fed as it is");

    let mut encrypted = zipped(&[("secret", b"needle"), ("open", b"hay")]);
    let (local, listed) = (places(&encrypted, b"PK\x03\x04")[0], places(&encrypted, ENTRY)[0]);
    encrypted[local + 6] |= 1;
    encrypted[listed + 8] |= 1;
    let encrypted = fed(&encrypted);
    assert_eq!(encrypted.unseen, [("x!secret".to_owned(), "it is encrypted".to_owned())]);
    assert_eq!(encrypted.totals.seen.count, 1);
}

#[test]
fn a_hundred_archives_within_each_other_end_at_the_depth_asked_for() {
    let (mut gz, mut zip) = (NEEDLE.to_vec(), NEEDLE.to_vec());
    for _ in 0..100 {
        (gz, zip) = (gzip(&gz), zipped(&[("z", &zip)]));
    }
    for bytes in [gz, zip] {
        let fed = fed(&bytes);
        assert!(fed.is_unopened("nested deeper than 3"), "{:?}", fed.unopened);
        assert_eq!((fed.totals.opened.count, fed.totals.leaves.count), (3, 1));
    }
}

#[test]
fn what_is_damaged_or_unknown_is_fed_as_it_is_and_said() {
    for (case, bytes) in [
        ("xz", &b"\xfd7zXZ\0 needle"[..]),
        ("7z", b"7z\xbc\xaf\x27\x1c needle"),
        ("rpm", b"\xed\xab\xee\xdb needle"),
        ("gzip", b"\x1f\x8b\x08 needle"),
        ("zstd", b"\x28\xb5\x2f\xfd needle"),
        ("zip", b"PK\x03\x04 needle"),
        ("ar", b"!<arch>\nneedle"),
    ] {
        let fed = fed(bytes);
        assert_eq!((fed.found, fed.unopened.len()), (vec!["x".to_owned()], 1), "{case}");
    }
    let sound = gzip(&tar(&[("n", NEEDLE), ("m", &[b'm'; 3000])]));
    let half = fed(&sound[..sound.len() - 12]);
    assert!(half.is_unopened("damaged") && half.found.contains(&"x!n".to_owned()), "{:?}", half.unopened);
    let garbage = fed(&[sound.as_slice(), b"needle"].concat());
    assert!(garbage.is_unopened("damaged") && garbage.found.contains(&"x".to_owned()));
    assert!(fed(&[ar(&[("a", b"b")]), b"rest".to_vec()].concat()).is_unopened("damaged"));
}

#[test]
fn what_is_too_large_is_not_seen_and_large_archives_are_opened_as_they_go_by() {
    let large = vec![b'n'; 3 << 20];
    let fed_large = fed(&large);
    assert!(fed_large.is_unseen("--max-size") && fed_large.totals.unseen.bytes == 3 << 20);
    // More than is held, and less than the scanner takes.
    assert_eq!(fed(&large[..1500 << 10]).totals.seen.bytes, 1500 << 10);
    // A tar above both: its members are seen.
    let files: Vec<_> = (0..4).map(|_| ("part", &large[..1 << 20])).chain([("n", NEEDLE)]).collect();
    let passing = fed(&tar(&files));
    assert_eq!((passing.found, passing.totals.leaves.count), (vec!["x!n".to_owned()], 5));
    assert_eq!((passing.totals.opened.count, passing.totals.opened_and_seen.count), (1, 0));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a", "b", "c"] {
        writer.start_file(name, stored).unwrap();
        writer.write_all(&large[..2 << 20]).unwrap();
    }
    let zip = fed(&writer.finish().unwrap().into_inner());
    assert!(zip.is_unopened("held in memory") && zip.is_unseen("--max-size"));
}

#[test]
fn when_the_engine_is_gone_the_rest_is_not_seen() {
    let bytes = tar(&(0..20).map(|_| ("n", NEEDLE)).collect::<Vec<_>>());
    let fed = with(5, |feeder| feeder.leaf("x".to_owned(), None, &mut bytes.as_slice(), 3).unwrap());
    assert_eq!((fed.totals.leaves.count, fed.totals.seen.count), (20, 5));
    assert!(fed.is_unseen("it is tired"));
}

#[test]
fn j24_names_are_text_of_bounded_length() {
    let long = "n".repeat(5000);
    let fed = fed(&zipped(&[(&long, NEEDLE), ("a\x1b[31m", NEEDLE)]));
    assert!(fed.found.iter().all(|path| path.len() < PATH + 10), "{:?}", fed.found);
    assert_eq!(text(b"a\xffb"), "a\\xffb");
    assert_eq!(joined("a", '!', &"é".repeat(2000)).chars().last(), Some('…'));
    for (path, name) in [("a/x.tar.gz", "x.tar"), ("x.zst", "x"), ("a!b.GZ", "content"), (".gz", "content")] {
        assert_eq!(member_name(path), name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_accounted_for(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        at in 0_usize..2000,
        kind in 0_usize..6,
    ) {
        let inner = tar(&[("n", NEEDLE), ("z", &zipped(&[("a", b"b"), ("c", b"d")]))]);
        let mut archive = match kind {
            0 => inner,
            1 => gzip(&inner),
            2 => zstd::encode_all(inner.as_slice(), 1).unwrap(),
            3 => zipped(&[("a", b"needle"), ("b.gz", &gzip(b"x"))]),
            4 => ar(&[("a", b"needle"), ("b", &gzip(b"x"))]),
            _ => Vec::new(),
        };
        let at = at % (archive.len() + 1);
        let end = archive.len().min(at + bytes.len());
        archive.splice(at..end, bytes);
        fed(&archive);
        layered(&archive);
    }
}
