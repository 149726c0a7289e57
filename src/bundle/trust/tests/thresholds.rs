//! S14 to S21: who signed.

use super::{LIMITS, code, grant, key, name, root, terms};
use crate::codes;
use crate::trust::TrustError;
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::key::Signer;
use crate::trust::root::{Role, Root};
use crate::trust::threshold::{Shortfall, count, trust};
use crate::value::name::Name;
use base64::{Engine as _, engine::general_purpose::STANDARD};

const KIND: PayloadType = PayloadType::Statement;

fn sealed(numbers: &[u8]) -> Envelope {
    let keys: Vec<_> = numbers.iter().map(|n| key(*n)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    Envelope::sign(KIND, b"ddil".to_vec(), &signers).unwrap()
}

/// An envelope over `ddil` with exactly these pairs of key id and signature.
fn forged(signatures: &[(u8, [u8; 64])]) -> Envelope {
    let mut entries: Vec<_> =
        signatures.iter().map(|(n, bytes)| (key(*n).public().id().to_string(), *bytes)).collect();
    entries.sort();
    let list: Vec<String> = entries
        .iter()
        .map(|(id, bytes)| format!(r#"{{"keyid":"{id}","sig":"{}"}}"#, STANDARD.encode(bytes)))
        .collect();
    let payload = STANDARD.encode("ddil");
    let text = format!(
        r#"{{"payloadType":"{}","payload":"{payload}","signatures":[{}]}}"#,
        KIND.as_str(),
        list.join(",")
    );
    Envelope::parse(text.as_bytes(), KIND, &LIMITS).unwrap()
}

fn signature(number: u8) -> [u8; 64] {
    key(number).sign(&sealed(&[]).pae()).unwrap()
}

fn ask(envelope: &Envelope, root: &Root) -> Result<Vec<String>, TrustError> {
    let who = count(envelope, root, Role::Packer, Some(&name("ddil")))?;
    Ok(who.into_iter().map(|who| who.name.to_string()).collect())
}

fn shortfall<T>(result: Result<T, TrustError>) -> Shortfall {
    match result {
        Err(TrustError::Threshold(shortfall)) => *shortfall,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was accepted"),
    }
}

#[test]
fn enough_have_signed() {
    let mut who = ask(&sealed(&[2, 4]), &root()).unwrap();
    who.sort();
    assert_eq!(who, ["holder-2", "holder-4"]);
    assert_eq!(ask(&sealed(&[2, 3, 4]), &root()).unwrap().len(), 3);
}

#[test]
fn s14_zero_signatures() {
    let missed = shortfall(ask(&sealed(&[]), &root()));
    assert_eq!((missed.needed, missed.found.len(), missed.missing.len()), (Some(2), 0, 3));
}

#[test]
fn s15_one_key_counts_once() {
    for times in [1, 2, 32] {
        let envelope = forged(&vec![(2, signature(2)); times]);
        let missed = shortfall(ask(&envelope, &root()));
        assert_eq!(missed.found.len(), 1);
    }
    // Once under its own id and once under a stranger's: no one signs like that.
    let twice = ask(&forged(&[(2, signature(2)), (99, signature(2))]), &root());
    assert_eq!(code(twice), codes::TRUST_TAMPERED);
}

#[test]
fn s17_a_known_id_on_a_foreign_signature_is_tampering() {
    let good = [(2, signature(2)), (3, signature(3))];
    for spoofed in [2, 3, 4, 5, 1] {
        // Even beside a threshold that is met, and for a key of another role.
        let envelope = forged(&[good[0], good[1], (spoofed, signature(99))]);
        assert_eq!(code(ask(&envelope, &root())), codes::TRUST_TAMPERED, "{spoofed}");
        let verified = trust(&envelope, &root(), Role::Packer, |_| -> Result<(Name, ()), TrustError> {
            panic!("nothing is read")
        });
        assert_eq!(code(verified), codes::TRUST_TAMPERED);
    }
    let mut flipped = signature(2);
    flipped[5] ^= 1;
    let said = ask(&forged(&[(2, flipped), (3, signature(3))]), &root()).unwrap_err().to_string();
    assert!(said.contains("holder-2 ("), "{said}");
}

#[test]
fn s18_unknown_keys_are_ignored_and_named() {
    assert_eq!(ask(&sealed(&[2, 3, 99]), &root()).unwrap().len(), 2);
    assert!(ask(&forged(&[(2, signature(2)), (3, signature(3)), (99, [7; 64])]), &root()).is_ok());
    let missed = shortfall(ask(&sealed(&[98, 99]), &root()));
    assert_eq!(missed.unknown.len(), 2);
    let missed = shortfall(ask(&sealed(&[2, 99]), &root()));
    let text = missed.to_string();
    assert!(text.starts_with(
        "too few packer keys signed for scenario `ddil`: 2 needed, 1 found; signed: holder-2 ("
    ));
    assert!(text.contains("; missing: ") && text.contains("holder-4 ("), "{text}");
    assert!(text.ends_with(&format!("; unknown: {}", key(99).public().id().short())), "{text}");
    // A trusted key's signature under an unknown id: someone changed the id.
    assert_eq!(code(ask(&forged(&[(98, signature(2)), (3, signature(3))]), &root())), codes::TRUST_TAMPERED);
}

#[test]
fn s20_keys_of_other_roles_and_scenarios() {
    let missed = shortfall(ask(&sealed(&[2, 1, 5]), &root()));
    assert_eq!((missed.found.len(), missed.elsewhere.len()), (1, 2));
    let scoped = Root::new_v1(terms(vec![
        grant(Role::Root, 1, &[1], &[]),
        grant(Role::Packer, 1, &[2], &["ddil"]),
        grant(Role::Packer, 1, &[3], &["air-gapped"]),
    ]))
    .unwrap();
    assert!(ask(&sealed(&[2]), &scoped).is_ok());
    let missed = shortfall(ask(&sealed(&[3]), &scoped));
    assert_eq!((missed.found.len(), missed.elsewhere.len()), (0, 1));
    let nobody = count(&sealed(&[2, 3]), &scoped, Role::Packer, Some(&name("sovereign")));
    assert_eq!(
        shortfall(nobody).to_string().split(',').next(),
        Some("no packer key may sign for scenario `sovereign`")
    );
    assert_eq!(shortfall(count(&sealed(&[2]), &scoped, Role::Packer, None)).needed, None);
}

#[test]
fn s21_revoked_keys_are_named_as_such() {
    let before = root();
    let mut wanted = before.terms();
    wanted.grants[1] = grant(Role::Packer, 2, &[3, 4], &[]);
    wanted.revoked.keys.push(key(2).public().id());
    let after = before.next(wanted).unwrap();
    assert!(ask(&sealed(&[2, 3]), &before).is_ok(), "the root before it still knows it");
    let missed = shortfall(ask(&sealed(&[2, 3]), &after));
    assert_eq!(missed.revoked, [key(2).public().id()]);
    assert!(missed.to_string().contains("; revoked: "));
    assert!(ask(&sealed(&[2, 3, 4]), &after).is_ok(), "its signature does not spoil those of others");
}

/// Reads a payload that is nothing but the name of a scenario.
fn read(payload: &[u8]) -> Result<(Name, usize), TrustError> {
    let text = std::str::from_utf8(payload).unwrap();
    let scenario =
        text.parse().map_err(|_| TrustError::Format { document: "it", reason: text.to_owned() })?;
    Ok((scenario, payload.len()))
}

#[test]
fn only_a_met_threshold_gives_a_payload() {
    let verified = trust(&sealed(&[2, 3]), &root(), Role::Packer, read).unwrap();
    assert_eq!((verified.payload(), *verified.value(), verified.signers().len()), (&b"ddil"[..], 4, 2));
    assert_eq!(code(trust(&sealed(&[2]), &root(), Role::Packer, read)), codes::TRUST_THRESHOLD);
    // No one of the role signed: the payload is not even read.
    for signers in [&[][..], &[1], &[5], &[99]] {
        let unread = trust(&sealed(signers), &root(), Role::Packer, |_| -> Result<(Name, ()), TrustError> {
            panic!("nothing is read")
        });
        let missed = shortfall(unread);
        assert_eq!((missed.needed, missed.missing.len()), (Some(2), 3));
    }
}

#[test]
fn s20_the_scenario_in_the_payload_decides_whose_keys_count() {
    let scoped = Root::new_v1(terms(vec![
        grant(Role::Root, 1, &[1], &[]),
        grant(Role::Packer, 1, &[2], &[]),
        grant(Role::Packer, 2, &[2, 3], &["ddil"]),
    ]))
    .unwrap();
    // Key 2 alone may seal anything but this scenario.
    assert_eq!(code(trust(&sealed(&[2]), &scoped, Role::Packer, read)), codes::TRUST_THRESHOLD);
    assert!(trust(&sealed(&[2, 3]), &scoped, Role::Packer, read).is_ok());
}

#[test]
fn s13_the_payload_is_compared_byte_for_byte() {
    assert!(sealed(&[2]).is_over(b"ddil"));
    assert!(!sealed(&[2]).is_over(b"ddil "));
}
