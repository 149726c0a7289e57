//! S06, S16, S19, S31 and the other rules that a root keeps.

use super::{LIMITS, code, grant, key, name, root, sign, terms};
use crate::codes;
use crate::trust::TrustError;
use crate::trust::chain::SignedRoot;
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::key::Signer as _;
use crate::trust::root::{Expiry, Role, Root};
use crate::trust::root_file::RootFile;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The root of `super::root` as JSON, changed, signed and read again.
fn changed(from: &str, to: &str) -> Result<Root, TrustError> {
    let text = String::from_utf8(sign(&root(), &[]).payload().to_vec()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    let envelope = Envelope::sign(PayloadType::Root, text.replacen(from, to, 1).into_bytes(), &[&key(1)])?;
    SignedRoot::from_envelope(envelope, &LIMITS).map(|signed| signed.proposal().clone())
}

#[test]
fn a_root_has_one_spelling() {
    let text = String::from_utf8(sign(&root(), &[]).payload().to_vec()).unwrap();
    assert!(text.starts_with(
        r#"{"_type":"https://sealift.dev/root/v1","version":1,"epoch":1,"created":"2026-11-22T06:00:00Z","keys":[{"id":""#
    ));
    assert!(text.contains(r#"{"role":"root","threshold":1,"keys":["#), "{text}");
    assert!(
        text.ends_with(r#""revoked":{"keys":[],"statements":[]},"policy":{"expiry":"refuse"}}"#),
        "{text}"
    );
    assert_eq!(changed("epoch", "epoch").unwrap(), root());
    assert_eq!(Root::new_v1(root().terms()).unwrap(), root());
    for (from, to) in [
        ("{\"_type\"", "{ \"_type\""),
        ("\"epoch\":1", "\"epoch\":1,\"extra\":1"),
        ("\"epoch\":1", "\"epoch\":1.0"),
        ("\"policy\"", "\"Policy\""),
        ("\"refuse\"", "\"ignore\""),
        ("\"role\":\"approver\"", "\"role\":\"witness\""),
        ("\"threshold\":2", "\"threshold\":-1"),
        ("\"threshold\":2", "\"threshold\":99999999999999999999"),
        ("]},{\"role\":\"packer\"", "],\"scenarios\":[]},{\"role\":\"packer\""),
    ] {
        assert_eq!(code(changed(from, to)), codes::TRUST_FORMAT, "{to}");
    }
}

#[test]
fn s06_weak_keys_are_refused_when_the_root_is_read() {
    let good = STANDARD.encode(key(1).public().bytes());
    let mut weak = [0; 32];
    weak[0] = 1;
    assert_eq!(code(changed(&good, &STANDARD.encode(weak))), codes::TRUST_KEY);
    assert_eq!(code(changed(&good, &STANDARD.encode([1; 31]))), codes::TRUST_ROOT);
    assert_eq!(code(changed(&good, &STANDARD.encode([1; 64]))), codes::TRUST_LIMIT);
}

#[test]
fn s16_one_key_has_one_id_and_stands_once() {
    let (one, two) = (key(1), key(2));
    // The same key under another id.
    let (from, to) = (STANDARD.encode(two.public().bytes()), STANDARD.encode(one.public().bytes()));
    assert_eq!(code(changed(&from, &to)), codes::TRUST_ROOT);
    // The same key twice, id and all.
    let entry = |n: u8, holder: &str| {
        let public = STANDARD.encode(key(n).public().bytes());
        format!(
            r#"{{"id":"{}","type":"ed25519","public":"{public}","name":"{holder}"}}"#,
            key(n).public().id()
        )
    };
    let listed = entry(1, "holder-1");
    assert_eq!(code(changed(&listed, &format!("{listed},{}", entry(1, "twin")))), codes::TRUST_ROOT);
    // One name for two keys; one key with two names.
    assert_eq!(code(changed("holder-1", "holder-2")), codes::TRUST_ROOT);
    let mut wanted = root().terms();
    wanted.grants[1].keys[0] = (name("other"), one.public().clone());
    assert_eq!(code(Root::new_v1(wanted)), codes::TRUST_ROOT);
    // One key twice in a role, to meet its threshold alone.
    let double = terms(vec![grant(Role::Root, 1, &[1], &[]), grant(Role::Packer, 2, &[2, 2], &[])]);
    assert_eq!(code(Root::new_v1(double)), codes::TRUST_ROOT);
}

#[test]
fn s19_thresholds_that_make_no_sense() {
    for threshold in [0, 4, usize::MAX] {
        let wanted =
            terms(vec![grant(Role::Root, 1, &[1], &[]), grant(Role::Packer, threshold, &[2, 3, 4], &[])]);
        assert_eq!(code(Root::new_v1(wanted)), codes::TRUST_ROOT, "{threshold}");
    }
    assert_eq!(code(changed("\"threshold\":2", "\"threshold\":0")), codes::TRUST_ROOT);
    let nobody = terms(vec![grant(Role::Root, 1, &[1], &[]), grant(Role::Packer, 0, &[], &[])]);
    assert_eq!(code(Root::new_v1(nobody)), codes::TRUST_ROOT);
}

#[test]
fn s23_s31_versions_types_and_kinds_of_keys() {
    for (from, to) in [
        ("\"version\":1", "\"version\":0"),
        ("\"version\":1", "\"version\":18446744073709551615"),
        ("\"epoch\":1", "\"epoch\":0"),
        ("root/v1", "root/v2"),
        ("\"type\":\"ed25519\"", "\"type\":\"ml-dsa-65\""),
        ("\"type\":\"ed25519\"", "\"type\":\"Ed25519\""),
    ] {
        assert_eq!(code(changed(from, to)), codes::TRUST_ROOT, "{to}");
    }
}

#[test]
fn roles_leave_no_doubt_who_decides() {
    let (root_role, packer) = (grant(Role::Root, 1, &[1], &[]), grant(Role::Packer, 1, &[2], &[]));
    let good = vec![
        root_role.clone(),
        packer.clone(),
        grant(Role::Packer, 1, &[3], &["ddil"]),
        grant(Role::Approver, 1, &[4], &["sovereign", "ddil"]),
    ];
    let root = Root::new_v1(terms(good)).unwrap();
    let decides =
        |role, scenario: &str| root.entry(role, Some(&name(scenario))).map(|entry| entry.keys().to_vec());
    assert_eq!(decides(Role::Packer, "ddil"), Some(vec![key(3).public().id()]));
    assert_eq!(decides(Role::Packer, "air-gapped"), Some(vec![key(2).public().id()]));
    assert_eq!(decides(Role::Approver, "air-gapped"), None);
    for (case, grants) in [
        ("no packer", vec![root_role.clone()]),
        ("no root", vec![packer.clone()]),
        ("two roots", vec![root_role.clone(), grant(Role::Root, 1, &[3], &[]), packer.clone()]),
        ("a root for a scenario", vec![grant(Role::Root, 1, &[1], &["ddil"]), packer.clone()]),
        ("two for all", vec![root_role.clone(), packer.clone(), grant(Role::Packer, 1, &[3], &[])]),
        (
            "two for one scenario",
            vec![
                root_role.clone(),
                grant(Role::Packer, 1, &[2], &["ddil", "x"]),
                grant(Role::Packer, 1, &[3], &["ddil"]),
            ],
        ),
    ] {
        assert_eq!(code(Root::new_v1(terms(grants))), codes::TRUST_ROOT, "{case}");
    }
}

#[test]
fn listed_means_not_revoked_and_known() {
    let mut wanted = root().terms();
    wanted.revoked.keys = vec![key(9).public().id()];
    assert!(Root::new_v1(wanted.clone()).unwrap().is_revoked_key(&key(9).public().id()));
    wanted.revoked.keys.push(key(2).public().id());
    assert_eq!(code(Root::new_v1(wanted)), codes::TRUST_ROOT);
    let (known, stranger) = (key(5).public().id().to_string(), key(9).public().id().to_string());
    let role = |id: &str| format!(r#""role":"approver","threshold":1,"keys":["{id}"]"#);
    assert_eq!(code(changed(&role(&known), &role(&stranger))), codes::TRUST_ROOT);
    // A key that no role uses is not a fault.
    let text = format!(",{{{}}}", role(&known));
    assert!(changed(&text, "").is_ok());
}

#[test]
fn s24_too_many_keys_or_bytes() {
    let many: Vec<u8> = (2..=255).collect();
    let wanted =
        |rest: &[u8]| terms(vec![grant(Role::Root, 1, &[1], &[]), grant(Role::Packer, 1, rest, &[])]);
    assert!(Root::new_v1(wanted(&many)).is_ok());
    let large = vec![b' '; (256 << 10) + 1];
    let envelope = Envelope::sign(PayloadType::Root, large, &[]).unwrap();
    let bytes = envelope.encode().unwrap();
    assert_eq!(code(RootFile::parse(&bytes, &LIMITS)), codes::TRUST_LIMIT);
    assert_eq!(code(RootFile::parse(&vec![b' '; 100 << 20], &LIMITS)), codes::TRUST_LIMIT);
}

#[test]
fn s25_j17_expiry_is_judged_as_the_policy_says() {
    let moment = |text: &str| text.parse().unwrap();
    let mut wanted = root().terms();
    wanted.expires = Some(moment("2026-11-22T06:00:00Z"));
    assert_eq!(code(Root::new_v1(wanted.clone())), codes::TRUST_ROOT, "expires when it is made");
    wanted.expires = Some(moment("2027-11-22T06:00:00Z"));
    let refuses = Root::new_v1(wanted.clone()).unwrap();
    assert_eq!(refuses.check_expiry(moment("2027-11-22T05:59:59Z")).unwrap(), None);
    assert_eq!(code(refuses.check_expiry(moment("2027-11-22T06:00:00Z"))), codes::TRUST_EXPIRED);
    wanted.policy.expiry = Expiry::Warn;
    let warns = Root::new_v1(wanted).unwrap();
    assert_eq!(warns.check_expiry(moment("2028-01-01T00:00:00Z")).unwrap(), warns.expires());
    assert_eq!(root().check_expiry(moment("9998-12-30T22:00:00Z")).unwrap(), None);
}

#[test]
fn j20_revoked_statements_are_known() {
    let digest = crate::value::digest::Digest::of(b"statement");
    let mut wanted = root().terms();
    wanted.revoked.statements.push(digest);
    assert!(Root::new_v1(wanted).unwrap().is_revoked_statement(&digest));
    assert!(!root().is_revoked_statement(&digest));
}
