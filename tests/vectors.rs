//! The vectors in `tests/vectors/`: that they are what the cases say, and that each gives its code, however it is read.
//!
//! `SEALIFT_WRITE_VECTORS=1 cargo test --test all vectors` writes them anew; a change in format version 1 is a defect.

use crate::support::{self, LIMITS, conditions};
use crate::vector_carriers::carriers;
use crate::vector_cases::{Case, cases};
use crate::vector_records::{Record, journals, receipts};
use crate::vector_writer::pinned;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{ApprovalCheck, Approvals};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::verify::{Conditions, Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::error_code::Fault as _;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

const FOLDER: &str = "tests/vectors";
/// A bundle as it is: the first vector in full, and what the others are packed against.
const DICTIONARY: &str = "tests/vectors/dictionary.sealift";
const SUFFIX: &str = "sealift-vector";

/// A vector as it lies in its file.
struct Vector {
    head: BTreeMap<String, String>,
    bundle: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let text = std::str::from_utf8(&bytes[..end]).unwrap();
        let head = text.lines().map(|line| {
            let (key, value) = line.split_once(": ").unwrap();
            (key.to_owned(), value.to_owned())
        });
        let dictionary = std::fs::read(DICTIONARY).unwrap();
        let mut bundle = Vec::new();
        let mut decoder = zstd::Decoder::with_dictionary(&bytes[end + 2..], &dictionary).unwrap();
        decoder.read_to_end(&mut bundle).unwrap();
        Self { head: head.collect(), bundle }
    }

    fn write(path: &Path, head: &str, bundle: &[u8]) {
        let dictionary = std::fs::read(DICTIONARY).unwrap();
        let mut encoder = zstd::Encoder::with_dictionary(head.as_bytes().to_vec(), 19, &dictionary).unwrap();
        encoder.write_all(bundle).unwrap();
        std::fs::write(path, encoder.finish().unwrap()).unwrap();
    }
}

/// The bundle of a vector.
pub fn bundle(name: &str) -> Vec<u8> {
    Vector::read(Path::new(&format!("{FOLDER}/{name}.{SUFFIX}"))).bundle
}

fn file_of(case: &Case) -> (String, String) {
    let Case { name, case, comment, expect, depth, root, now, approvals, .. } = case;
    let beside = approvals.as_ref().map_or_else(String::new, |_| format!("approvals: approvals/{name}\n"));
    let head = format!(
        "expect: {expect}\ndepth: {depth}\ncase: {case}\ncomment: {comment}\nroot: roots/{root}\nnow: {now}\n{beside}compressed: zstd -D dictionary.sealift\n\n"
    );
    (format!("{name}.{SUFFIX}"), head)
}

fn file_of_record(record: &Record) -> (String, String) {
    let Record { name, kind, expect, depth, comment, beside, .. } = record;
    let head = format!(
        "expect: {expect}\nkind: {kind}\ndepth: {depth}\ncase: -\ncomment: {comment}\n{beside}compressed: zstd -D dictionary.sealift\n\n"
    );
    (format!("{name}.{SUFFIX}"), head)
}

fn verify(
    tape: &mut MemberReader<'_>,
    root: &PinnedRoot,
    conditions: &Conditions<'_>,
    depth: Depth,
) -> Result<(), TrustError> {
    let trusted = Trusted::open(tape, root, conditions)?;
    verify_contents(&trusted, tape, conditions, &Looking(depth)).map(drop)
}

fn vectors() -> Vec<(String, Vector)> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == SUFFIX))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), Vector::read(&path)))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn vectors_are_what_the_cases_make() {
    // Unoptimized, the functions that list the cases need more stack than a thread of the test runner has.
    let all = std::thread::Builder::new().stack_size(64 << 20).spawn(compare_vectors_with_cases);
    all.unwrap().join().unwrap();
}

fn compare_vectors_with_cases() {
    let (roots, cases) = cases();
    let write = std::env::var_os("SEALIFT_WRITE_VECTORS").is_some();
    if write {
        for (name, _) in vectors() {
            std::fs::remove_file(format!("{FOLDER}/{name}.{SUFFIX}")).unwrap();
        }
        std::fs::create_dir_all(format!("{FOLDER}/roots")).unwrap();
        let _ = std::fs::remove_dir_all(format!("{FOLDER}/approvals"));
        std::fs::create_dir_all(format!("{FOLDER}/approvals")).unwrap();
    }
    for (name, root) in &roots {
        let path = format!("{FOLDER}/roots/{name}");
        if write {
            std::fs::write(&path, root).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == *root, "{name}");
    }
    let dictionary = cases.iter().find(|case| case.name == "ok-three-kinds").unwrap().recipe.make();
    if write {
        std::fs::write(DICTIONARY, &dictionary).unwrap();
    }
    assert!(std::fs::read(DICTIONARY).unwrap() == dictionary, "{DICTIONARY}");
    for case in &cases {
        let (name, head) = file_of(case);
        let (path, bundle) = (format!("{FOLDER}/{name}"), case.recipe.make());
        let beside = format!("{FOLDER}/approvals/{}", case.name);
        if write {
            Vector::write(Path::new(&path), &head, &bundle);
            if let Some(approvals) = &case.approvals {
                std::fs::write(&beside, approvals).unwrap();
            }
        }
        assert_eq!(std::fs::read(&beside).ok(), case.approvals, "{name}: other approvals");
        let found = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.starts_with(head.as_bytes()), "{name}: another header");
        assert!(Vector::read(Path::new(&path)).bundle == bundle, "{name}: another bundle");
    }
    let records = [receipts(), journals(), carriers(&roots)].concat();
    for record in &records {
        let (name, head) = file_of_record(record);
        let path = format!("{FOLDER}/{name}");
        let beside = format!("{FOLDER}/carriers/{}.age", record.name);
        if write {
            Vector::write(Path::new(&path), &head, &record.bytes);
            if let Some(encrypted) = &record.encrypted {
                std::fs::write(&beside, encrypted).unwrap();
            }
        }
        assert_eq!(std::fs::read(&beside).ok(), record.encrypted, "{name}: another encrypted file");
        let found = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.starts_with(head.as_bytes()), "{name}: another header");
        assert!(Vector::read(Path::new(&path)).bundle == record.bytes, "{name}: other bytes");
    }
    assert_eq!(
        vectors().len(),
        cases.len() + records.len(),
        "files that no case makes, or two cases of one name"
    );
}

#[test]
fn vectors_give_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (name, Vector { head, bundle }) in vectors() {
        if let Some(kind) = head.get("kind") {
            for (depth, code) in crate::vector_judges::codes(kind, &head, &bundle, folder.path()) {
                let seen = head["depth"] == "stored" || depth == "decrypted";
                let expected = if seen { head["expect"].as_str() } else { "ok" };
                if code != expected {
                    wrong.push(format!("{name}, {depth}: expected {expected}, found {code}"));
                }
            }
            continue;
        }
        let root = pinned(&std::fs::read(format!("{FOLDER}/{}", head["root"])).unwrap());
        let approvals = head.get("approvals").map(|file| std::fs::read(format!("{FOLDER}/{file}")).unwrap());
        let approvals = Approvals::parse(&approvals.unwrap_or_default(), &LIMITS);
        let read = approvals.as_ref().ok().cloned().unwrap_or_else(Approvals::none);
        let conditions = Conditions {
            now: head["now"].parse().unwrap(),
            approvals: ApprovalCheck::Demanded(&read),
            ..conditions()
        };
        let path = folder.path().join(&name);
        std::fs::write(&path, &bundle).unwrap();
        let file = support::open(&path);
        for (depth, word) in [(Depth::Stored, "stored"), (Depth::Decoded, "decoded")] {
            let seen = head["depth"] == "stored" || word == "decoded";
            let expected = if seen { head["expect"].as_str() } else { "ok" };
            for (way, mut tape) in [("file", MemberReader::file(&file)), ("pipe", support::pipe(&bundle))] {
                let outcome = match &approvals {
                    Ok(_) => verify(&mut tape, &root, &conditions, depth).map_err(|error| error.code()),
                    Err(error) => Err(error.code()),
                };
                let code = outcome.as_ref().map_or_else(|code| code.as_str(), |()| "ok");
                if code != expected {
                    wrong.push(format!("{name}, {word}, {way}: expected {expected}, found {outcome:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the second reader says of every vector, and which vectors each of its rules is needed by.
fn second_reader() -> (&'static str, &'static str) {
    static SAID: OnceLock<String> = OnceLock::new();
    let said = SAID.get_or_init(|| {
        let output = Command::new("python3").args(["tests/second_reader.py", "--rules", FOLDER]).output();
        let output = output.expect("python3 runs the second reader, with openssl and zstd beside it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    said.split_once("\n\n").unwrap()
}

#[test]
fn a_second_reader_comes_to_the_same_end() {
    let lines = second_reader().0.lines();
    let said: BTreeMap<&str, &str> = lines.map(|line| line.split_once(' ').unwrap()).collect();
    let mut count = 0;
    for (name, Vector { head, .. }) in vectors() {
        let said = said[name.as_str()];
        assert!(said.starts_with("ok") || said.starts_with("refused: "), "{name}: {said}");
        // The second reader has no identity.
        let expected = head["expect"] == "ok" || head["depth"] == "decrypted";
        assert_eq!(said.starts_with("ok"), expected, "{name}: {said}");
        count += 1;
    }
    assert_eq!(said.len(), count);
}

/// Each rule of the second reader is switched off once: some vector has to notice, or the rule has to say why none can.
#[test]
fn f_fmt_2_every_rule_of_the_second_reader_is_needed_by_a_vector() {
    let rules: Vec<&str> = second_reader().1.lines().collect();
    assert!(rules.len() > 150, "{rules:?}");
    let wrong: Vec<&str> = rules
        .into_iter()
        .filter(|line| (line.split(' ').nth(1) == Some("bare")) != line.contains("# not alone: "))
        .collect();
    assert!(wrong.is_empty(), "rules without a vector, or with one and an excuse:\n{}", wrong.join("\n"));
}

/// Bundles that a released sealift packed, each with the trust root beside it.
#[test]
fn kept_bundles_still_verify() {
    let root = pinned(&std::fs::read("tests/bundles/root.json").unwrap());
    let mut kept = 0;
    for entry in std::fs::read_dir("tests/bundles").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sealift") {
            continue;
        }
        let file = support::open(&path);
        verify(&mut MemberReader::file(&file), &root, &conditions(), Depth::Decoded).unwrap();
        let target = tempfile::tempdir().unwrap();
        let unpacked = target.path().join("out");
        sealift_site::unpack::unpack(&mut MemberReader::file(&file), &root, &unpacked, None, &conditions())
            .unwrap();
        assert_eq!(std::fs::read(unpacked.join("doc/runbooks/readme.md")).unwrap(), b"read me\n");
        kept += 1;
    }
    assert_eq!(kept, 1);
}

/// Writes the kept bundle of this version, once.
#[test]
#[ignore = "run once for each released version: it makes a file that is never changed again"]
fn keep_a_bundle() {
    use crate::vector_writer::key;
    use sealift_bundle::pack::{Authority, pack};
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::read("tests/vectors/roots/one.json").unwrap();
    let mut draft = support::sample(folder.path());
    let (name, reference) = ("hello", "registry.example.com/tools/hello:1");
    draft.items[1] = support::signed_image(folder.path(), name, reference, &[b"layer one", b"layer two"]);
    let (pinned, packer) = (PinnedRoot::parse(&root, &LIMITS).unwrap(), key("packer-1"));
    let keys: [&dyn Signer; 1] = [packer];
    let authority = Authority::new(&pinned, &keys, 1, &LIMITS).unwrap();
    let sealed = pack(
        &draft,
        &authority,
        folder.path(),
        None,
        1,
        &LIMITS,
        &sealift_bundle::value::progress::NoProgress,
    )
    .unwrap();
    let name = format!("tests/bundles/v1-{}.sealift", env!("CARGO_PKG_VERSION"));
    assert!(!Path::new(&name).exists(), "`{name}` is kept already");
    std::fs::create_dir_all("tests/bundles").unwrap();
    std::fs::copy(sealed.path, &name).unwrap();
    std::fs::write("tests/bundles/root.json", root).unwrap();
}
