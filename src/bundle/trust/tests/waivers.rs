//! Waivers count when approvers of the scenario signed them and their end has not come.

use super::{LIMITS, grant, key, name, root, terms};
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::root::{Role, Root};
use crate::trust::waiver::{CountedWaivers, Waiver, WaiverScope, Waivers};
use crate::value::digest::Digest;
use crate::value::timestamp::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn bundle() -> Digest {
    Digest::of(b"bundle")
}

fn waiver(scenario: &str, statement: Option<Digest>, until: &str) -> Waiver {
    let scope = WaiverScope {
        scenario: name(scenario),
        statement,
        rule: name("content.setuid"),
        at: Some("web/usr/bin/su".to_owned()),
    };
    Waiver::new(scope, at("2026-11-01T00:00:00Z"), at(until), "needed by the vendor".parse().unwrap())
}

fn judged(root: &Root, envelopes: Vec<Envelope>) -> CountedWaivers {
    let mut waivers = Waivers::none();
    for envelope in envelopes {
        waivers.add(envelope).unwrap();
    }
    let waivers = Waivers::parse(&waivers.encode().unwrap(), &LIMITS).unwrap();
    waivers.judge(root, (bundle(), &name("air-gapped")), at("2026-11-22T00:00:00Z"), &LIMITS).unwrap()
}

#[test]
fn an_approver_waives_for_the_bundle_or_the_scenario_until_the_day_that_is_said() {
    let late = "2026-12-01T00:00:00Z";
    for (waiver, signer, why) in [
        (waiver("air-gapped", Some(bundle()), late), 5, None),
        (waiver("air-gapped", None, late), 5, None),
        (waiver("air-gapped", None, "2026-11-22T00:00:00Z"), 5, Some("until 2026-11-22T00:00:00Z")),
        (waiver("other", None, late), 5, Some("for the scenario `other`")),
        (waiver("air-gapped", Some(Digest::of(b"x")), late), 5, Some("for another bundle")),
        (waiver("air-gapped", None, late), 2, Some("has no approver role")),
        (waiver("air-gapped", None, late), 9, Some("is unknown to the trust root")),
    ] {
        let found = judged(&root(), vec![waiver.sign(&key(signer), &LIMITS).unwrap()]);
        match why {
            None => assert_eq!((found.granted.len(), found.set_aside.len()), (1, 0)),
            Some(why) => {
                assert!(found.granted.is_empty(), "{why}");
                assert!(found.set_aside[0].why.contains(why), "{why}: {}", found.set_aside[0].why);
            }
        }
    }
}

#[test]
fn s17_a_waiver_that_its_key_did_not_sign_waives_nothing_and_is_listed() {
    let good = waiver("air-gapped", None, "2026-12-01T00:00:00Z");
    let line = good.sign(&key(5), &LIMITS).unwrap().encode().unwrap();
    let other = waiver("air-gapped", None, "2027-12-01T00:00:00Z").sign(&key(5), &LIMITS).unwrap();
    let part = |bytes: &[u8], name: &str| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (_, rest) = text.split_once(&format!("\"{name}\":\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let forged = String::from_utf8(line.clone())
        .unwrap()
        .replace(&part(&line, "payload"), &part(&other.encode().unwrap(), "payload"));
    let forged = Envelope::parse(forged.as_bytes(), PayloadType::Waiver, &LIMITS).unwrap();
    let found = judged(&root(), vec![forged]);
    assert!(found.granted.is_empty());
    assert_eq!(found.set_aside[0].why, "did not sign a waiver that says so");
}

#[test]
fn as_many_approvers_as_the_root_asks_for_have_to_say_the_same() {
    let root = Root::new_v1(terms(vec![
        grant(Role::Root, 1, &[1], &[]),
        grant(Role::Packer, 1, &[2], &[]),
        grant(Role::Approver, 2, &[5, 6, 7], &[]),
    ]))
    .unwrap();
    let sign = |waiver: &Waiver, number| waiver.sign(&key(number), &LIMITS).unwrap();
    let (short, long) = (
        waiver("air-gapped", None, "2026-12-01T00:00:00Z"),
        waiver("air-gapped", None, "2027-12-01T00:00:00Z"),
    );
    let alone = judged(&root, vec![sign(&short, 5), sign(&long, 5)]);
    assert!(alone.granted.is_empty());
    assert!(alone.set_aside[0].why.contains("2 approvers have to say so"));
    let both = judged(&root, vec![sign(&long, 5), sign(&short, 6)]);
    assert_eq!(both.granted[0].who.len(), 2);
    assert_eq!(both.granted[0].waiver.until, short.until, "what both say ends with the first");
    let expired = waiver("air-gapped", None, "2026-11-02T00:00:00Z");
    assert!(judged(&root, vec![sign(&long, 5), sign(&expired, 6)]).granted.is_empty());
}

#[test]
fn a_waiver_without_a_reason_or_an_end_to_come_is_not_signed() {
    let good = waiver("air-gapped", None, "2026-12-01T00:00:00Z");
    let changes: [fn(&mut Waiver); 4] = [
        |waiver| waiver.reason = " ".to_owned(),
        |waiver| waiver.reason = "a\u{202e}b".to_owned(),
        |waiver| waiver.at = Some(String::new()),
        |waiver| waiver.until = waiver.issued,
    ];
    for change in changes {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(bad.sign(&key(5), &LIMITS).is_err());
    }
    // S11: an approval is not a waiver.
    let envelope = good.sign(&key(5), &LIMITS).unwrap().encode().unwrap();
    assert!(Envelope::parse(&envelope, PayloadType::Approval, &LIMITS).is_err());
    let many = [envelope.as_slice(), b"\n"].concat().repeat(1025);
    assert!(Waivers::parse(&many, &LIMITS).is_err());
}
