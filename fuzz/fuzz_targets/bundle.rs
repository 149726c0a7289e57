//! The verifier: whatever the bytes, a file and a pipe come to the same end, and a statement is verified only together
//! with the bytes that it was sealed for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{ApprovalCheck, Approvals};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::{Conditions, Depth, Looking, OpenBundle, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::NoProgress;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

static LIMITS: Limits = Limits::v1();
static NO_APPROVALS: Approvals = Approvals::none();
static WORLD: OnceLock<World> = OnceLock::new();

/// What stays the same for all inputs.
struct World {
    pinned: PinnedRoot,
    /// The bundles of the vectors that verify, each without its trust roots, by statement.
    good: HashMap<Digest, Vec<Vec<u8>>>,
    /// Where inputs stand that are read as a file.
    file: File,
}

fuzz_target!(
    init: {
        assert!(WORLD.set(World::new()).is_ok());
        sealift_fuzz::seeds(|| vectors().into_iter().map(|(name, _, bundle)| (name, bundle)).collect());
    },
    |data: &[u8]| {
        let world = WORLD.get().expect("it was made before the first input");
        let file = &world.file;
        file.set_len(0).and_then(|()| file.write_all_at(data, 0)).expect("the file takes bytes");
        let found = verify(&mut MemberReader::file(file), &world.pinned);
        let piped = verify(&mut MemberReader::pipe(data), &world.pinned);
        // Of two faults either may be told first.
        assert_eq!(found.as_ref().ok(), piped.as_ref().ok(), "{found:?}, {piped:?}");
        // In place only the layers are not looked at.
        let in_place = OpenBundle::open(file.try_clone().expect("the file is open"), &world.pinned, conditions());
        let Ok(statement) = found else { return };
        assert_eq!(in_place.expect("what is verified whole can be opened").trusted.id(), statement);
        // A statement that is not among the good ones is that of a vector whose fault was fixed.
        if let Some(good) = world.good.get(&statement) {
            assert!(good.iter().any(|good| *good == without_roots(data)), "{statement} came with other bytes");
        }
    }
);

fn conditions() -> Conditions<'static> {
    Conditions {
        now: "2026-11-22T06:00:00Z".parse().expect("a moment"),
        threads: 1,
        approvals: ApprovalCheck::Demanded(&NO_APPROVALS),
        limits: &LIMITS,
        watch: &NoProgress,
    }
}

fn verify(tape: &mut MemberReader<'_>, pinned: &PinnedRoot) -> Result<Digest, TrustError> {
    let trusted = Trusted::open(tape, pinned, &conditions())?;
    verify_contents(&trusted, tape, &conditions(), &Looking(Depth::Decoded))?;
    Ok(trusted.id())
}

/// What follows the first member, the trust roots: they certify themselves.
fn without_roots(bundle: &[u8]) -> Vec<u8> {
    let size = tar::Header::from_byte_slice(&bundle[..512]).entry_size().expect("it was read before");
    let size = usize::try_from(size).expect("it was read before");
    bundle[512 + size.next_multiple_of(512)..].to_vec()
}

/// The name of every vector, the text before it, and its bundle.
fn vectors() -> Vec<(String, String, Vec<u8>)> {
    let dictionary = sealift_fuzz::file("tests/vectors/dictionary.sealift");
    let vector = |(name, bytes): (String, Vec<u8>)| {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").expect("a vector has a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("it is a text");
        let mut bundle = Vec::new();
        let mut decoder =
            zstd::Decoder::with_dictionary(&bytes[end + 2..], &dictionary).expect("it is whole");
        decoder.read_to_end(&mut bundle).expect("it is whole");
        (name, head, bundle)
    };
    sealift_fuzz::files("tests/vectors", ".sealift-vector").into_iter().map(vector).collect()
}

impl World {
    fn new() -> Self {
        let root = sealift_fuzz::file("tests/vectors/roots/one.json");
        let pinned = PinnedRoot::parse(&root, &LIMITS).expect("the root is whole");
        let mut good = HashMap::<_, Vec<_>>::new();
        for (_, head, bundle) in vectors() {
            if head.starts_with("expect: ok\n")
                && let Ok(statement) = verify(&mut MemberReader::pipe(&bundle[..]), &pinned)
            {
                good.entry(statement).or_default().push(without_roots(&bundle));
            }
        }
        assert!(good.len() > 10, "{} vectors verify", good.len());
        let path = std::env::temp_dir().join(format!("sealift-fuzz-{}", std::process::id()));
        let mut options = File::options();
        let file =
            options.read(true).write(true).create_new(true).open(&path).expect("there is a place for files");
        std::fs::remove_file(path).expect("what was made can be removed");
        Self { pinned, good, file }
    }
}
