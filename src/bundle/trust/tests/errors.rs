//! Every error of this directory with its text, code and hint: all our English on one page.

use super::{key, name};
use crate::codes;
use crate::trust::TrustError;
use crate::trust::chain::SignedRoot;
use crate::trust::key::Signer as _;
use crate::trust::threshold::{SignatureTally, Who};
use crate::value::canonical::CanonicalError;
use crate::value::digest::Digest;
use crate::value::error_code::Fault as _;
use std::io;
use std::path::PathBuf;

fn refused() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn texts_codes_and_hints() {
    use TrustError as E;
    let path = || PathBuf::from("a\u{1b}.key");
    let id = key(1).public().id();
    let moment = || "2026-11-22T06:00:00Z".parse().unwrap();
    let print = || {
        let envelope = super::sign(&super::root(), &[1]);
        SignedRoot::from_envelope(envelope, &super::LIMITS).unwrap().fingerprint()
    };
    let tally = || SignatureTally {
        version: 1,
        needed: 1,
        signed: Vec::new(),
        missing: vec![Who { name: name("ada"), id: key(1).public().id() }],
    };
    let length = CanonicalError::Length { found: 2, limit: 1 };
    let who = Who { name: name("alice"), id };
    let inner = || Box::new(E::Passphrase);
    let table = [
        (
            E::Missing { path: path(), source: refused() },
            codes::TRUST_MISSING,
            "trust root `a\\u{1b}.key` not found",
        ),
        (E::Read { path: path(), source: refused() }, codes::TRUST_MISSING, "cannot read the trust root"),
        (
            E::KeyFilePlain.in_file(&path()),
            codes::TRUST_KEY_FILE,
            "`a\\u{1b}.key`: the key file is not encrypted",
        ),
        (E::KeyFileKind { path: path() }.in_file(&path()), codes::TRUST_KEY_FILE, "`a\\u{1b}.key` is a link"),
        (
            E::Canonical { document: "the seal", source: length },
            codes::TRUST_LIMIT,
            "the seal is not in canonical form",
        ),
        (
            E::Canonical { document: "the seal", source: CanonicalError::Spelling { at: 1 } },
            codes::TRUST_FORMAT,
            "the seal is not in canonical form",
        ),
        (
            E::Format { document: "the seal", reason: "x".into() },
            codes::TRUST_FORMAT,
            "the seal is invalid: x",
        ),
        (E::Limit { what: "keys", found: 2, limit: 1 }, codes::TRUST_LIMIT, "keys: 2 exceeds the limit of 1"),
        (E::KeyId { found: "\u{1b}".into() }, codes::TRUST_FORMAT, "invalid key id `\\u{1b}`: expected 64"),
        (
            E::Unfinished { version: 2, tallies: vec![tally()] },
            codes::TRUST_UNFINISHED,
            "trust root version 2 is a proposal without enough signatures: version 1 asks for 1 of its root keys; \
             1 more needed of: ada (",
        ),
        (
            E::FingerprintDiffers { typed: ["zoo"; 10].join(" ").parse().unwrap() },
            codes::TRUST_FINGERPRINT,
            "the trust root does not match the fingerprint `zoo zoo",
        ),
        (
            E::ChainMissing { version: 3 },
            codes::TRUST_CHAIN,
            "the file has trust root version 3 without the versions",
        ),
        (E::Change { reason: "x".into() }, codes::TRUST_CHANGE, "cannot change the trust root: x"),
        (E::NoPart { key: key(1).public().id(), version: 2 }, codes::TRUST_CHANGE, "the key "),
        (E::Root { version: 1, reason: "x".into() }, codes::TRUST_ROOT, "invalid trust root version 1: x"),
        (
            E::Step { version: 2, source: inner() },
            codes::TRUST_ROOT,
            "trust root version 2 is not a valid successor of version 1",
        ),
        (
            E::Step { version: 2, source: Box::new(E::Tampered { who: who.clone() }) },
            codes::TRUST_TAMPERED,
            "trust root version 2 is not a valid successor",
        ),
        (
            E::Sequence { expected: 1, found: 3 },
            codes::TRUST_ROOT,
            "the chain of trust roots has a gap: expected version 1",
        ),
        (
            E::Foreign { version: 1, pinned: print(), found: print() },
            codes::TRUST_FOREIGN,
            "the bundle was sealed under a different trust root",
        ),
        (E::Key { reason: "x" }, codes::TRUST_KEY, "invalid key: x"),
        (E::KeyMismatch { expected: id, found: id }, codes::TRUST_KEY, "the secret key does not match"),
        (E::KeyFileCost { found: "x".into() }, codes::TRUST_KEY, "the key file demands x to open"),
        (E::KeyFileForm { reason: "x" }, codes::TRUST_KEY_FILE, "invalid key file: x"),
        (E::KeyFilePlain, codes::TRUST_KEY_FILE, "the key file is not encrypted"),
        (
            E::KeyFileRead { path: path(), source: refused() },
            codes::TRUST_KEY_FILE,
            "cannot read the key file `a\\u{1b}.key`",
        ),
        (
            E::KeyFileWrite { path: path(), source: refused() },
            codes::TRUST_KEY_FILE,
            "cannot write `a\\u{1b}.key`",
        ),
        (E::KeyFileExists { path: path() }, codes::TRUST_KEY_FILE, "`a\\u{1b}.key` already exists"),
        (
            E::KeyFileKind { path: path() },
            codes::TRUST_KEY_FILE,
            "`a\\u{1b}.key` is a link, a directory or a device",
        ),
        (
            E::KeyFileMode { path: path(), mode: 0o644 },
            codes::TRUST_KEY_FILE,
            "`a\\u{1b}.key` is readable by others: its mode is 0644",
        ),
        (E::Passphrase, codes::TRUST_PASSPHRASE, "wrong passphrase for this key"),
        (E::PassphraseEmpty, codes::TRUST_PASSPHRASE, "the passphrase is empty"),
        (E::AgentUnknown, codes::TRUST_AGENT, "no ssh-agent found"),
        (
            E::AgentFailed { socket: path(), source: refused() },
            codes::TRUST_AGENT,
            "cannot ask the ssh-agent at `a\\u{1b}.key`",
        ),
        (E::AgentAnswer { reason: "x" }, codes::TRUST_AGENT, "invalid answer from the ssh-agent: x"),
        (
            E::AgentEmpty { key: id },
            codes::TRUST_AGENT,
            "the ssh-agent lists no keys: it holds none or is locked",
        ),
        (E::AgentWithout { key: id, held: 2 }, codes::TRUST_AGENT, "the ssh-agent does not hold key"),
        (E::AgentRefused { key: id }, codes::TRUST_AGENT, "the ssh-agent holds key"),
        (E::AgentSignature { key: id }, codes::TRUST_AGENT, "the ssh-agent returned a signature that key"),
        (
            E::Entropy { source: getrandom::Error::UNSUPPORTED },
            codes::TRUST_ENTROPY,
            "the system returned no random bytes",
        ),
        (
            E::PayloadType { expected: "a", found: "b".into() },
            codes::TRUST_SIGNATURE,
            "the envelope has payload type `b`, expected `a`",
        ),
        (
            E::SignatureLength { number: 1, found: 63 },
            codes::TRUST_SIGNATURE,
            "signature 1 has 63 bytes, expected 64",
        ),
        (
            E::Tampered { who },
            codes::TRUST_TAMPERED,
            "a signature does not match the key id it carries: alice (",
        ),
        (
            E::Revoked { version: 1, statement: Digest::of(b"") },
            codes::TRUST_REVOKED,
            "trust root version 1 revokes statement sha256:",
        ),
        (
            E::RootVersion { claimed: 2, newest: 1 },
            codes::TRUST_EPOCH,
            "the bundle requires trust root version 2",
        ),
        (E::Epoch { claimed: 2, expected: 1 }, codes::TRUST_EPOCH, "the bundle has epoch 2"),
        (
            E::Expired { what: "it".into(), expired: moment(), now: moment() },
            codes::TRUST_EXPIRED,
            "it expired at 2026-11-22T06:00:00Z",
        ),
    ];
    for (error, code, text) in table {
        let said = error.to_string();
        assert!(said.starts_with(text), "{said}");
        assert_eq!(error.code(), code, "{said}");
        assert!(
            !said.ends_with('.') && !error.hint().is_some_and(|hint| hint.to_string().ends_with('.')),
            "{said}"
        );
    }
}
