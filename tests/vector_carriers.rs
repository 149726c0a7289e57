//! Vectors of encrypted carriers (CARRIER.md): seals outside, and encrypted files that a packer signed as they are.
//!
//! Encrypting gives other bytes each time, so `carriers/minimal.age` was made once: it is the bundle of `ok-minimal`,
//! encrypted to the identity in `tests/keys/carrier.age-identity`.

use crate::vector_records::{Record, change};
use crate::vector_roots::chain_above_the_limit;
use crate::vector_writer::{id, seal};
use sealift_bundle::value::digest::Digest;
use std::collections::BTreeMap;

pub const MINIMAL: &str = "tests/vectors/carriers/minimal.age";
#[cfg(feature = "encryption")]
pub const IDENTITY: &str = "tests/keys/carrier.age-identity";
const CARRIER_TYPE: &str = "application/vnd.sealift.carrier.v1+json";
const NOW: &str = "2026-11-22T06:00:00Z";

fn payload(file: &[u8]) -> String {
    format!(
        r#"{{"_type":"https://sealift.dev/carrier/v1","sha256":"{}","size":{},"scenario":"air-gapped","created":"2026-11-01T00:00:00Z"}}"#,
        Digest::of(file).hex(),
        file.len()
    )
}

fn carrier(name: &'static str, expect: &'static str, comment: &'static str, bytes: Vec<u8>) -> Record {
    let beside = format!("root: roots/one.json\nnow: {NOW}\nencrypted: carriers/minimal.age\n");
    Record { name, kind: "carrier", expect, depth: "stored", comment, beside, bytes, encrypted: None }
}

/// The same vector with another pinned root.
fn pinning(mut record: Record, root: &str) -> Record {
    record.beside = change(&record.beside, "one.json", root);
    record
}

fn signed(payload: &str, signers: &[(&str, String)]) -> String {
    seal(CARRIER_TYPE, payload, signers) + "\n"
}

pub fn carriers(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Record> {
    let file = std::fs::read(MINIMAL).unwrap();
    let text = payload(&file);
    let packer = [("packer-1", id("packer-1"))];
    let under = |root: &str, line: &str| [&roots[root][..], b"\n", line.as_bytes()].concat();
    let one = |line: &str| under("one.json", line);
    let plain = signed(&text, &packer);
    let form = |name, expect, comment, from: &str, to: &str| {
        carrier(name, expect, comment, one(&signed(&change(&text, from, to), &packer)))
    };
    let inside = |name, comment, from: &str, to: &str| Record {
        depth: "decrypted",
        ..form(name, "carrier.format", comment, from, to)
    };
    let stranger = [("stranger", id("stranger"))];
    let at = plain.find(r#""sig":""#).unwrap() + 10;
    let other = if &plain[at..=at] == "A" { "B" } else { "A" };
    let flipped = [&plain[..at], other, &plain[at + 1..]].concat();
    let twice = [packer[0].clone(), packer[0].clone()];
    let mut cases = vec![
        carrier("ok-carrier", "ok", "the bundle of `ok-minimal`, encrypted", one(&plain)),
        carrier(
            "ok-carrier-newer-root",
            "ok",
            "version 2 comes with the seal",
            [
                &roots["one.json"][..],
                b"\n",
                &roots["two.json"],
                b"\n",
                signed(&text, &[("packer-2", id("packer-2"))]).as_bytes(),
            ]
            .concat(),
        ),
        pinning(
            Record {
                depth: "decrypted",
                ..carrier(
                    "carrier-other-root-inside",
                    "trust.foreign",
                    "a root that is past its date and only warns; the bundle inside has another one",
                    under("expired-warn.json", &plain),
                )
            },
            "expired-warn.json",
        ),
        carrier("carrier-empty", "trust.format", "an empty seal", Vec::new()),
        carrier("carrier-without-roots", "trust.format", "only the envelope", plain.clone().into_bytes()),
        carrier("carrier-without-envelope", "trust.format", "only a trust root", one("")),
        carrier(
            "carrier-without-line-break",
            "trust.format",
            "no line break at the end",
            one(plain.trim_end()),
        ),
        carrier(
            "carrier-line-behind",
            "trust.signature",
            "an empty line behind the envelope",
            one(&(plain.clone() + "\n")),
        ),
        carrier("carrier-of-another-type", "trust.signature", "well signed, as a statement", {
            one(&(seal("application/vnd.in-toto+json", &text, &packer) + "\n"))
        }),
        carrier(
            "carrier-envelope-space",
            "trust.format",
            "a space in the envelope",
            one(&change(&plain, r#""sig":"#, r#""sig": "#)),
        ),
        carrier(
            "carrier-signature-flipped",
            "trust.tampered",
            "one character of the signature",
            one(&flipped),
        ),
        carrier("carrier-unsigned", "trust.threshold", "no signature", one(&signed(&text, &[]))),
        carrier(
            "carrier-by-a-stranger",
            "trust.threshold",
            "an unknown key signed",
            one(&signed(&text, &stranger)),
        ),
        carrier(
            "carrier-by-the-root-key",
            "trust.threshold",
            "the root key signed, which may not pack",
            one(&signed(&text, &[("root-1", id("root-1"))])),
        ),
        pinning(
            carrier(
                "carrier-same-key-twice",
                "trust.threshold",
                "one packer twice, where two are needed",
                under("two-of-three.json", &signed(&text, &twice)),
            ),
            "two-of-three.json",
        ),
        pinning(
            carrier(
                "carrier-for-another-scenario",
                "trust.threshold",
                "the packer that signed may only pack for `ddil`",
                under("limited.json", &plain),
            ),
            "limited.json",
        ),
        carrier(
            "carrier-chain-of-a-limit",
            "trust.limit",
            "trust roots of more than 4 MiB",
            [&chain_above_the_limit(roots).chain[..], plain.as_bytes()].concat(),
        ),
        carrier("carrier-foreign-root", "trust.foreign", "another trust root than the pinned one", {
            under("foreign.json", &plain)
        }),
        pinning(
            carrier(
                "carrier-root-expired",
                "trust.expired",
                "the trust root is past its date",
                under("expired.json", &plain),
            ),
            "expired.json",
        ),
        form("carrier-version", "bundle.version", "another `_type`", "carrier/v1", "carrier/v2"),
        form(
            "carrier-unknown-key",
            "bundle.format",
            "a key that is not known",
            r#""size""#,
            r#""name":"a","size""#,
        ),
        form(
            "carrier-key-missing",
            "bundle.format",
            "no `created`",
            r#","created":"2026-11-01T00:00:00Z""#,
            "",
        ),
        form(
            "carrier-digest-with-its-name",
            "bundle.format",
            "a digest with `sha256:`",
            r#""sha256":""#,
            r#""sha256":"sha256:"#,
        ),
        form("carrier-scenario", "bundle.format", "a scenario that is not a name", "air-gapped", "-"),
        form("carrier-created", "bundle.format", "a time with a fraction", "00:00:00Z", "00:00:00.0Z"),
        form(
            "carrier-size-2-53",
            "bundle.limit",
            "a size above 2^53 - 1",
            &format!(r#""size":{}"#, file.len()),
            r#""size":9007199254740992"#,
        ),
        form(
            "carrier-size",
            "bundle.size",
            "a size that is not that of the encrypted file",
            &format!(r#""size":{}"#, file.len()),
            &format!(r#""size":{}"#, file.len() + 1),
        ),
        form(
            "carrier-digest",
            "bundle.digest",
            "a digest that is not that of the encrypted file",
            &Digest::of(&file).hex().to_string(),
            &Digest::of(b"").hex().to_string(),
        ),
        inside(
            "carrier-other-scenario-inside",
            "the bundle inside is for another scenario",
            "air-gapped",
            "ddil",
        ),
        inside(
            "carrier-other-time-inside",
            "the bundle inside was created earlier",
            "2026-11-01",
            "2026-11-02",
        ),
    ];
    cases.extend(encrypted(&file).map(|(name, expect, comment, bytes)| {
        let line = signed(&payload(&bytes), &packer);
        let mut record = Record { depth: "decrypted", ..carrier(name, expect, comment, one(&line)) };
        record.beside = change(&record.beside, "minimal.age", &format!("{name}.age"));
        Record { encrypted: Some(bytes), ..record }
    }));
    cases
}

/// Encrypted files that are not what CARRIER.md says, each signed as it is.
fn encrypted(file: &[u8]) -> [(&'static str, &'static str, &'static str, Vec<u8>); 6] {
    let head = file.windows(5).position(|part| part == b"\n--- ").unwrap();
    let stanzas = std::str::from_utf8(&file[..=head]).unwrap();
    let rest = &file[head + 1..][..200];
    let with = |stanzas: &str| [stanzas.as_bytes(), rest].concat();
    let long = format!("{stanzas}{}", format!("-> x {}\n\n", "A".repeat(1000)).repeat(17));
    [
        (
            "carrier-age-version",
            "carrier.format",
            "age of another version",
            with(&change(stanzas, "/v1", "/v2")),
        ),
        (
            "carrier-passphrase",
            "carrier.format",
            "encrypted with a passphrase",
            with(
                "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
            ),
        ),
        ("carrier-armor", "carrier.format", "an encrypted file in ASCII armor", {
            [
                &b"-----BEGIN AGE ENCRYPTED FILE-----\n"[..],
                &[b'A'; 64],
                b"\n-----END AGE ENCRYPTED FILE-----\n",
            ]
            .concat()
        }),
        ("carrier-header-above-the-limit", "bundle.limit", "a header of more than 16 KiB", with(&long)),
        ("carrier-header-cut-off", "carrier.format", "a file that ends in its header", file[..head].to_vec()),
        ("carrier-cut-off", "carrier.format", "a file that ends in its content", file[..4000].to_vec()),
    ]
}
