//! Encrypted carriers: what goes in comes out, for those it was encrypted to; and nothing comes out of a changed one.

use crate::environment::{names, noise};
use crate::support::{self, Authorities, LIMITS, Put, conditions};
use age::secrecy::ExposeSecret as _;
use age::x25519;
use sealift_bundle::codes;
use sealift_bundle::format::carrier::{Carrier, encrypted_path, seal_path};
use sealift_bundle::format::encryption::{Identities, Plain, Recipients, encrypt};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::secret::SecretKey;
use sealift_bundle::trust::verify::carrier::{VerifiedCarrier, encode};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Class, Code, Fault as _};
use sealift_bundle::value::progress::NoProgress;
use sealift_site::SiteError;
use sealift_site::unpack::unpack;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The ciphertext of a whole chunk (c2sp.org/age).
const STORED_CHUNK: usize = (64 << 10) + 16;

fn recipients(of: &[&x25519::Identity]) -> Recipients {
    let lines: Vec<String> = of.iter().map(|identity| identity.to_public().to_string()).collect();
    Recipients::parse(lines.iter().map(String::as_str)).unwrap()
}

fn identities(of: &[&x25519::Identity]) -> Identities {
    let lines: Vec<String> =
        of.iter().map(|identity| identity.to_string().expose_secret().to_owned()).collect();
    Identities::parse(Path::new("identity"), &lines.join("\n")).unwrap()
}

fn sealed_by(authorities: &Authorities, keys: &[&dyn Signer], carrier: &Carrier) -> Vec<u8> {
    let envelope = Envelope::sign(PayloadType::Carrier, carrier.encode().unwrap(), keys).unwrap();
    encode(&authorities.chain, &envelope).unwrap()
}

/// An encrypted bundle, and a place to unpack it to.
struct Case {
    folder: tempfile::TempDir,
    authorities: Authorities,
    identity: x25519::Identity,
    other: x25519::Identity,
    path: PathBuf,
    plain: Vec<u8>,
}

impl Case {
    /// The sample bundle, with this file in it as well.
    fn new(content: &[u8]) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
        let authorities = Authorities::new();
        let mut draft = support::sample(folder.path());
        if !content.is_empty() {
            draft.items.push(support::tree(
                folder.path(),
                "big",
                ItemKind::File,
                &[("big", Put::File(content))],
            ));
        }
        let sealed = authorities.pack(&draft, folder.path());
        let (identity, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        let path = encrypted_path(&sealed.path);
        let plain = std::fs::read(&sealed.path).unwrap();
        encrypt::<TrustError>(
            &support::open(&sealed.path),
            &path,
            &recipients(&[&other, &identity]),
            &NoProgress,
            |sha256, size| {
                let carrier = Carrier::new(sha256, size, draft.scenario.clone(), draft.created);
                Ok(sealed_by(&authorities, &[&authorities.packer], &carrier))
            },
        )
        .unwrap();
        std::fs::remove_file(&sealed.path).unwrap();
        std::fs::create_dir(folder.path().join("to")).unwrap();
        Self { folder, authorities, identity, other, path, plain }
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    fn seal(&self) -> Vec<u8> {
        std::fs::read(seal_path(&self.path)).unwrap()
    }

    /// Unpacks as the command line does.
    fn unpack(&self, file: &File, seal: &[u8], identities: &Identities) -> Result<(), SiteError> {
        let carried = VerifiedCarrier::parse(seal, &self.authorities.pinned, &conditions())?;
        let mut tape = carried.tape(file, identities, &LIMITS, &NoProgress)?;
        let target = self.folder.path().join("to/site");
        unpack(&mut tape, &self.authorities.pinned, &target, None, &conditions()).map(drop)
    }

    /// Has to be refused, and nothing may be left behind.
    fn refused(&self, case: &str, file: &File, seal: &[u8]) -> Code {
        let error = self.unpack(file, seal, &identities(&[&self.identity])).expect_err(case);
        assert_eq!(error.code().class(), Class::Rejected, "{case}: {error}");
        assert_eq!(names(&self.folder.path().join("to")), [""; 0], "{case}");
        error.code()
    }

    fn refused_bytes(&self, case: &str, bytes: &[u8], seal: &[u8]) -> Code {
        let mut file = tempfile::tempfile_in(self.folder.path()).unwrap();
        file.write_all(bytes).unwrap();
        let outer = VerifiedCarrier::parse(seal, &self.authorities.pinned, &conditions())
            .map_err(|error| error.code())
            .and_then(|carried| carried.check(&file, &conditions()).map_err(|error| error.code()));
        assert!(outer.is_err(), "{case}: its outside is verified");
        self.refused(case, &file, seal)
    }

    /// A seal of a packer over any file.
    fn reseal(&self, bytes: &[u8], scenario: &str, created: &str) -> Vec<u8> {
        let (scenario, created) = (scenario.parse().unwrap(), created.parse().unwrap());
        let carrier = Carrier::new(Digest::of(bytes), bytes.len() as u64, scenario, created);
        sealed_by(&self.authorities, &[&self.authorities.packer], &carrier)
    }
}

#[test]
fn each_recipient_unpacks_what_was_packed() {
    let case = Case::new(&noise(300 << 10, 7));
    let file = support::open(&case.path);
    let target = case.folder.path().join("to/site");
    let mut plain = support::pipe(&case.plain);
    let expected = case.folder.path().join("expected");
    unpack(&mut plain, &case.authorities.pinned, &expected, None, &conditions()).unwrap();
    // The same, but for its owner alone (f_field_R2); the mode of a link says nothing.
    let is_link = |mode: u32| mode & 0o170_000 == 0o120_000;
    let private = |mode: u32| if is_link(mode) { mode } else { mode & !0o077 };
    let expected: Vec<_> = support::listing(&expected)
        .into_iter()
        .map(|(path, mode, content)| (path, private(mode), content))
        .collect();
    let stranger = x25519::Identity::generate();
    for who in [&[&case.identity][..], &[&case.other], &[&stranger, &case.identity]] {
        case.unpack(&file, &case.seal(), &identities(who)).unwrap();
        assert!(support::listing(&target) == expected);
        std::fs::remove_dir_all(&target).unwrap();
    }
    let error = case.unpack(&file, &case.seal(), &identities(&[&stranger])).unwrap_err();
    assert_eq!(error.code(), codes::CARRIER_IDENTITY, "{error}");
    // Who damages it gets no "not for you" out of it.
    let mut bytes = case.bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let mut damaged = tempfile::tempfile().unwrap();
    damaged.write_all(&bytes).unwrap();
    let error = case.unpack(&damaged, &case.seal(), &identities(&[&stranger])).unwrap_err();
    assert_eq!(error.code(), codes::BUNDLE_DIGEST, "{error}");
    let carried = VerifiedCarrier::parse(&case.seal(), &case.authorities.pinned, &conditions()).unwrap();
    carried.check(&file, &conditions()).unwrap();
    assert_eq!(carried.signers[0].name.as_str(), "packer");
}

#[test]
fn z20_every_byte_of_the_encrypted_file_and_of_its_seal() {
    let case = Case::new(b"");
    let (mut bytes, mut seal) = (case.bytes(), case.seal());
    assert!(bytes.len() < STORED_CHUNK, "{}", bytes.len());
    let file = OpenOptions::new().read(true).write(true).open(&case.path).unwrap();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        let code = case.refused(&format!("byte {at}"), &file, &seal);
        *codes.entry(code.to_string()).or_default() += 1;
        bytes[at] ^= 1 << (at % 8);
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(codes, BTreeMap::from([("bundle.digest".to_owned(), bytes.len())]));
    for at in 0..seal.len() {
        seal[at] ^= 1 << (at % 8);
        case.refused(&format!("byte {at} of the seal"), &file, &seal);
        seal[at] ^= 1 << (at % 8);
    }
    case.unpack(&file, &seal, &identities(&[&case.identity])).unwrap();
    println!("{} bytes of the file, {} of the seal", bytes.len(), seal.len());
    assert!(bytes.len() > 15_000 && seal.len() > 1_500, "{} {}", bytes.len(), seal.len());
}

#[test]
fn z20_cut_grown_and_damaged_in_any_chunk() {
    let case = Case::new(&noise(300 << 10, 7));
    let (bytes, seal) = (case.bytes(), case.seal());
    let text = String::from_utf8_lossy(&bytes[..1000]).into_owned();
    let header = text.find("\n--- ").unwrap() + 49;
    assert_eq!(bytes[header - 1], b'\n');
    let start = header + 16;
    let edges: Vec<usize> =
        (0..).map(|chunk| start + chunk * STORED_CHUNK).take_while(|edge| *edge < bytes.len()).collect();
    assert!(edges.len() > 4, "{edges:?}");
    let mut cuts: Vec<usize> = vec![0, 1, 21, 22, header - 1, header, header + 1, start - 1, bytes.len() - 1];
    for edge in &edges {
        cuts.extend([edge - 1, *edge, edge + 1, edge + 15, edge + 16, edge + 17]);
    }
    for cut in cuts.into_iter().filter(|cut| *cut < bytes.len()) {
        let code = case.refused_bytes(&format!("cut at {cut}"), &bytes[..cut], &seal);
        assert_eq!(code, codes::BUNDLE_SIZE);
        // Even where packers had signed the cut one.
        let signed = case.reseal(&bytes[..cut], "air-gapped", "2026-11-01T00:00:00Z");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes[..cut]).unwrap();
        case.refused(&format!("signed, cut at {cut}"), &file, &signed);
    }
    for more in [&b"\0"[..], b"more", &bytes, &[0; STORED_CHUNK]] {
        let grown = [&bytes[..], more].concat();
        assert_eq!(case.refused_bytes("grown", &grown, &seal), codes::BUNDLE_SIZE);
        let signed = case.reseal(&grown, "air-gapped", "2026-11-01T00:00:00Z");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&grown).unwrap();
        let code = case.refused("signed, grown", &file, &signed);
        assert!(matches!(code, codes::CARRIER_FORMAT), "{code}");
    }
    // In each chunk: what came before it was decrypted and staged, and goes.
    for edge in &edges {
        for at in [*edge, edge + 9, (edge + STORED_CHUNK).min(bytes.len()) - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(case.refused_bytes(&format!("byte {at}"), &damaged, &seal), codes::BUNDLE_DIGEST);
        }
    }
    let mut swapped = bytes.clone();
    swapped[edges[1]..edges[3]].rotate_left(STORED_CHUNK);
    assert_eq!(case.refused_bytes("chunks swapped", &swapped, &seal), codes::BUNDLE_DIGEST);
}

/// Encrypts without a seal, as anybody can.
fn encrypted(plain: &[u8], to: &x25519::Identity) -> Vec<u8> {
    let recipient = to.to_public();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut bytes = Vec::new();
    let mut writer = encryptor.wrap_output(&mut bytes).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn z20_what_somebody_without_a_packer_key_can_make() {
    let case = Case::new(b"");
    let two = Case::new(b"another one");
    let (bytes, seal) = (case.bytes(), case.seal());
    // The same bundle, encrypted again: by another recipient, who can decrypt it.
    let again = encrypted(&case.plain, &case.identity);
    case.refused_bytes("encrypted again", &again, &seal);
    // With a seal by somebody else, or by nobody.
    let of = |keys: &[&dyn Signer], bytes: &[u8]| {
        let created = "2026-11-01T00:00:00Z".parse().unwrap();
        let carrier =
            Carrier::new(Digest::of(bytes), bytes.len() as u64, "air-gapped".parse().unwrap(), created);
        sealed_by(&case.authorities, keys, &carrier)
    };
    let refused = |case_name: &str, seal: &[u8], code: Code| {
        assert_eq!(case.refused_bytes(case_name, &bytes, seal), code, "{case_name}");
    };
    refused("sealed by nobody", &of(&[], &bytes), codes::TRUST_THRESHOLD);
    refused("sealed by a stranger", &of(&[&SecretKey::generate().unwrap()], &bytes), codes::TRUST_THRESHOLD);
    refused("sealed by a root key", &of(&[&case.authorities.root], &bytes), codes::TRUST_THRESHOLD);
    refused("sealed under another root", &two.seal(), codes::TRUST_FOREIGN);
    // The right seal, and something missing, doubled or in another place.
    let lines: Vec<&[u8]> = seal.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 2);
    refused("only the roots", lines[0], codes::TRUST_FORMAT);
    refused("only the envelope", lines[1], codes::TRUST_FORMAT);
    refused("nothing", b"", codes::TRUST_FORMAT);
    refused("a line break", b"\n", codes::TRUST_FORMAT);
    refused("the other way round", &[lines[1], lines[0]].concat(), codes::TRUST_SIGNATURE);
    refused("without its line break", &seal[..seal.len() - 1], codes::TRUST_FORMAT);
    refused("with one more", &[&seal[..], b"\n"].concat(), codes::TRUST_SIGNATURE);
    refused("the envelope twice", &[&seal[..], lines[1]].concat(), codes::TRUST_SIGNATURE);
    refused("too long", &vec![b'\n'; 5 << 20], codes::TRUST_LIMIT);
    // A seal of the bundle inside is none of the file outside.
    let mut statement = Envelope::sign(PayloadType::Statement, b"{}".to_vec(), &[&case.authorities.packer])
        .unwrap()
        .encode()
        .unwrap();
    statement.push(b'\n');
    refused("another type", &[lines[0], &statement].concat(), codes::TRUST_SIGNATURE);
}

#[test]
fn z20_seals_of_two_bundles_swapped() {
    let case = Case::new(b"");
    let bytes = case.bytes();
    // Another bundle of the same packers.
    let other = encrypted(&case.plain, &case.identity);
    let seal = case.reseal(&other, "air-gapped", "2026-11-01T00:00:00Z");
    case.refused_bytes("the other's seal", &bytes, &seal);
    case.refused_bytes("the other's file", &other, &case.seal());
    // And those of packers, that say something else than the bundle inside.
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    for (scenario, created) in [("sovereign", "2026-11-01T00:00:00Z"), ("air-gapped", "2026-11-01T00:00:01Z")]
    {
        let seal = case.reseal(&bytes, scenario, created);
        let code = case.refused("another scenario or time outside", &file, &seal);
        assert_eq!(code, codes::CARRIER_FORMAT);
    }
    // What packers signed without looking: no age file, armor, another bundle's front, an unfinished header.
    let armor = [&b"-----BEGIN AGE ENCRYPTED FILE-----\n"[..], &[b'A'; 600]].concat();
    let endless = [&b"age-encryption.org/v1\n-> X25519 "[..], &vec![b'A'; 100 << 10]].concat();
    let many = [&b"age-encryption.org/v1\n"[..], &b"-> a b\n\n".repeat(4_000)].concat();
    for (name, bytes, expected) in [
        ("plain", case.plain.clone(), codes::CARRIER_FORMAT),
        ("armor", armor, codes::CARRIER_FORMAT),
        ("version", [&b"age-encryption.org/v2\n"[..], &bytes[22..]].concat(), codes::CARRIER_FORMAT),
        ("endless", endless, codes::BUNDLE_LIMIT),
        ("many stanzas", many, codes::BUNDLE_LIMIT),
        ("nothing in it", encrypted(b"", &case.identity), codes::BUNDLE_TRUNCATED),
        ("no bundle in it", encrypted(&[b'x'; 4000], &case.identity), codes::BUNDLE_HEADER),
        (
            "more behind the bundle",
            encrypted(&[&case.plain[..], b"x"].concat(), &case.identity),
            codes::BUNDLE_TRAILING,
        ),
    ] {
        let seal = case.reseal(&bytes, "air-gapped", "2026-11-01T00:00:00Z");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        assert_eq!(case.refused(name, &file, &seal), expected, "{name}");
    }
}

/// Where the sources of the crate `age` lie; the CCTV test kit comes with them.
fn kit() -> PathBuf {
    // Those of one platform are all that has to be there.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let age = packages.iter().find(|package| package["name"] == "age").unwrap();
    Path::new(age["manifest_path"].as_str().unwrap()).with_file_name("tests/testdata/testkit")
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let program = "import sys,zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3");
    let mut stdin = python.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Whether the header has a stanza that is neither an X25519 recipient nor grease.
fn has_other_recipients(file: &[u8]) -> bool {
    let header = file.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"---"));
    let kinds = header.filter_map(|line| line.strip_prefix(b"-> "));
    let mut kinds = kinds.map(|stanza| stanza.split(|byte| *byte == b' ').next().unwrap());
    kinds.any(|kind| kind != b"X25519" && !kind.ends_with(b"-grease"))
}

#[test]
fn z20_the_test_kit_of_age() {
    let (mut good, mut bad) = (0, 0);
    for entry in std::fs::read_dir(kit()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let get = |key: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
        let mut body = bytes[end + 2..].to_vec();
        if get("compressed") == Some("zlib") {
            body = inflated(&body);
        }
        let mine: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("identity: ")).collect();
        let stranger = x25519::Identity::generate();
        let mine = match mine.as_slice() {
            [] => identities(&[&stranger]),
            lines => Identities::parse(&path, &lines.join("\n")).unwrap(),
        };
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&body).unwrap();
        let created = "2026-11-01T00:00:00Z".parse().unwrap();
        let carrier = Carrier::new(Digest::of(&body), body.len() as u64, "kit".parse().unwrap(), created);
        let mut content = Vec::new();
        let outcome = Plain::open(&file, &carrier, &mine, &LIMITS, &NoProgress).and_then(|mut plain| {
            plain.read_to_end(&mut content).map(drop).map_err(|error| error.downcast().unwrap())
        });
        let for_us = get("armored").is_none() && get("passphrase").is_none();
        match (get("expect").unwrap(), outcome) {
            ("success", Ok(())) if for_us => {
                assert_eq!(Digest::of(&content).hex(), get("payload").unwrap(), "{name}");
                good += 1;
            }
            // Passphrases and armor are not read at all.
            ("success", Err(_)) if !for_us => bad += 1,
            // f_sec_24: recipients of other types are not read either.
            ("success", Err(_)) if has_other_recipients(&body) => bad += 1,
            ("success", other) => panic!("{name}: {:?}", other.err()),
            // Written by old programs, and read by `age` on purpose.
            (_, Ok(())) if ["stanza_missing_body", "stanza_missing_final_line"].contains(&&*name) => {
                good += 1
            }
            (expected, Ok(())) => panic!("{name}: expected {expected}"),
            (_, Err(error)) => {
                let code = error.code();
                assert!(matches!(code, codes::CARRIER_FORMAT | codes::CARRIER_IDENTITY), "{name}: {error}");
                bad += 1;
            }
        }
    }
    println!("{good} good, {bad} bad");
    assert!(good >= 10 && good + bad >= 120, "{good} good, {bad} bad");
}

#[test]
fn recipients_and_identities_are_read_strictly() {
    let identity = x25519::Identity::generate();
    let (public, secret) = (identity.to_public().to_string(), identity.to_string());
    let secret = secret.expose_secret();
    let code =
        |lines: &[&str]| Recipients::parse(lines.iter().copied()).map(drop).map_err(|error| error.code());
    assert_eq!(code(&["# a comment", "", &public]), Ok(()));
    let many = vec![public.as_str(); 129];
    for bad in [
        &[][..],
        &["# nobody"],
        &["age1"],
        &[&public[..61]],
        &[&public.to_uppercase()[..], "x"],
        &[secret],
        &["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhKO3cWqmUMDxmq6gKGgGPNHmYDqBDgnvO6YZJwLYg4"],
        &["age1yubikey1qfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfzqfz"],
        &many,
    ] {
        assert_eq!(code(bad), Err(codes::CARRIER_RECIPIENT), "{bad:?}");
    }
    let path = Path::new("id");
    let read = |text: &str| Identities::parse(path, text).map(drop);
    assert!(read(&format!("# created: today\n# public key: {public}\n{secret}\n")).is_ok());
    let mistyped = secret.replace("KEY-1", "KEY-1X");
    for bad in
        ["", "# nothing\n", &public, &mistyped, "age-encryption.org/v1\n-> scrypt x 18\n", &secret[1..]]
    {
        let error = read(bad).unwrap_err();
        assert_eq!(error.code(), codes::CARRIER_IDENTITY, "{error}");
        assert!(!error.to_string().contains(&secret[20..40]), "{error}");
    }
}
