//! S21 to S25: from root to root.

use super::{LIMITS, code, grant, root, sign, terms};
use crate::codes;
use crate::trust::chain::{Chain, PinnedRoot};
use crate::trust::envelope::Envelope;
use crate::trust::root::{Role, Root, RootDraft};

fn lines(envelopes: &[&Envelope]) -> Vec<u8> {
    envelopes.iter().flat_map(|one| [one.encode().unwrap(), b"\n".to_vec()].concat()).collect()
}

fn chain(envelopes: &[&Envelope]) -> Chain {
    let bytes = lines(envelopes);
    let chain = Chain::parse(&bytes, &LIMITS).unwrap();
    assert_eq!(chain.encode().unwrap(), bytes);
    chain
}

fn pin(envelope: &Envelope) -> PinnedRoot {
    PinnedRoot::parse(&envelope.encode().unwrap(), &LIMITS).unwrap()
}

/// Terms under which this root key, and packer key 2, decide.
fn under(root_key: u8) -> RootDraft {
    terms(vec![grant(Role::Root, 1, &[root_key], &[]), grant(Role::Packer, 1, &[2], &[])])
}

/// Three roots: the root key changes from 1 to 11 to 12.
fn three() -> (Root, Root, Root) {
    let first = Root::new_v1(under(1)).unwrap();
    let second = first.next(under(11)).unwrap();
    let third = second.next(under(12)).unwrap();
    (first, second, third)
}

#[test]
fn a_site_that_missed_rotations_catches_up() {
    let (first, second, third) = three();
    let (one, two, three) = (sign(&first, &[1]), sign(&second, &[1, 11]), sign(&third, &[11, 12]));
    let all = chain(&[&one, &two, &three]);
    assert_eq!(all.verify().unwrap(), &third);
    for (pinned, version) in [(&one, 1), (&two, 2), (&three, 3)] {
        let pinned = pin(pinned);
        assert_eq!(pinned.root().version(), version);
        assert_eq!(all.anchor(&pinned).unwrap().root(), &third, "pinned version {version}");
    }
    // A bundle older than the pinned root has nothing to add.
    let (old, pinned) = (chain(&[&one]), pin(&three));
    assert_eq!(old.anchor(&pinned).unwrap().root(), &third);
    // A line break at the end of a root.json is what editors leave.
    assert!(PinnedRoot::parse(&lines(&[&one]), &LIMITS).is_ok());
    // A file may have every version: the newest is what is trusted.
    let file = lines(&[&one, &two, &three]);
    let pinned = PinnedRoot::parse(&file, &LIMITS).unwrap();
    assert_eq!((pinned.root(), pinned.chain().unwrap()), (&third, file));
    assert_eq!(code(pin(&three).chain()), codes::TRUST_CHAIN);
}

#[test]
fn s22_the_old_and_the_new_keys_sign_a_step() {
    let (first, second, _) = three();
    let (one, pinned) = (sign(&first, &[1]), pin(&sign(&first, &[1])));
    for signers in [&[1][..], &[11], &[], &[2], &[12]] {
        let chain = chain(&[&one, &sign(&second, signers)]);
        assert_eq!(code(chain.anchor(&pinned)), codes::TRUST_ROOT, "{signers:?}");
        assert_eq!(code(chain.verify()), codes::TRUST_ROOT, "{signers:?}");
    }
    // The threshold of each, not one key of each.
    let pair = |old, new| {
        let first = terms(vec![grant(Role::Root, 2, old, &[]), grant(Role::Packer, 1, &[2], &[])]);
        let next = terms(vec![grant(Role::Root, 2, new, &[]), grant(Role::Packer, 1, &[2], &[])]);
        let first = Root::new_v1(first).unwrap();
        let second = first.next(next).unwrap();
        (first, second)
    };
    let (first, second) = pair(&[1, 11, 12], &[12, 13]);
    let one = sign(&first, &[1, 11]);
    for (signers, holds) in [(&[1, 12, 13][..], true), (&[12, 13], false), (&[1, 11, 12], false)] {
        let chain = chain(&[&one, &sign(&second, signers)]);
        assert_eq!(chain.anchor(&pin(&one)).is_ok(), holds, "{signers:?}");
    }
}

#[test]
fn s22_a_tampered_step_is_tampering() {
    let (first, second, _) = three();
    let one = sign(&first, &[1]);
    let two = String::from_utf8(sign(&second, &[1, 11]).encode().unwrap()).unwrap();
    let other =
        String::from_utf8(sign(&second.next(under(11)).unwrap(), &[1, 11]).encode().unwrap()).unwrap();
    let signatures =
        |text: &str| text.split_once("\"signatures\"").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let grafted = format!("{}\"signatures\"{}", signatures(&two).0, signatures(&other).1);
    let bytes = [lines(&[&one]), grafted.into_bytes(), b"\n".to_vec()].concat();
    let chain = Chain::parse(&bytes, &LIMITS).unwrap();
    assert_eq!(code(chain.anchor(&pin(&one))), codes::TRUST_TAMPERED);
}

#[test]
fn a_pinned_root_is_signed_by_its_own_keys() {
    for signers in [&[][..], &[2], &[9]] {
        let bytes = sign(&root(), signers).encode().unwrap();
        assert_eq!(code(PinnedRoot::parse(&bytes, &LIMITS)), codes::TRUST_UNFINISHED, "{signers:?}");
    }
    // Of a version by itself, no one can say who else should have signed.
    let (_, second, _) = three();
    assert_eq!(code(PinnedRoot::parse(&lines(&[&sign(&second, &[1])]), &LIMITS)), codes::TRUST_THRESHOLD);
}

#[test]
fn s23_versions_without_gap_repeat_or_end() {
    let (first, second, third) = three();
    let (one, two, three) = (sign(&first, &[1]), sign(&second, &[1, 11]), sign(&third, &[11, 12]));
    for order in [vec![&one, &three], vec![&one, &one], vec![&two], vec![&one, &two, &two], vec![&two, &one]]
    {
        assert_eq!(code(Chain::parse(&lines(&order), &LIMITS)), codes::TRUST_ROOT);
    }
    let good = lines(&[&one, &two]);
    for bad in
        [&good[..good.len() - 1], b"", b"\n", &[&good[..], b"\n"].concat(), &[b"\n", &good[..]].concat()]
    {
        assert_eq!(code(Chain::parse(bad, &LIMITS)), codes::TRUST_FORMAT);
    }
    let windows = String::from_utf8(good).unwrap().replace('\n', "\r\n");
    assert_eq!(code(Chain::parse(windows.as_bytes(), &LIMITS)), codes::TRUST_FORMAT);
}

#[test]
fn s24_chains_have_an_end() {
    assert_eq!(code(Chain::parse(&b"{}\n".repeat(257), &LIMITS)), codes::TRUST_LIMIT);
    assert_eq!(code(Chain::parse(&b"{}\n".repeat(10_000), &LIMITS)), codes::TRUST_LIMIT);
    assert_eq!(code(Chain::parse(&vec![b'x'; (4 << 20) + 1], &LIMITS)), codes::TRUST_LIMIT);
    let mut long = vec![b'x'; 400 << 10];
    long.push(b'\n');
    assert_eq!(code(Chain::parse(&long, &LIMITS)), codes::TRUST_LIMIT);
}

#[test]
fn s25_an_expired_root_on_the_way_is_no_obstacle() {
    let mut expired = under(1);
    expired.expires = "2026-11-22T06:00:01Z".parse().ok();
    let first = Root::new_v1(expired).unwrap();
    let second = first.next(under(11)).unwrap();
    let one = sign(&first, &[1]);
    let (chain, pinned) = (chain(&[&one, &sign(&second, &[1, 11])]), pin(&one));
    let anchor = chain.anchor(&pinned).unwrap();
    let anchor = anchor.root();
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(anchor.check_expiry(now).unwrap(), None);
    assert_eq!(code(first.check_expiry(now)), codes::TRUST_EXPIRED);
}

#[test]
fn j15_the_epoch_never_falls() {
    let mut high = under(1);
    high.epoch = 2;
    let first = Root::new_v1(high).unwrap();
    let second = first.next(under(1)).unwrap();
    let one = sign(&first, &[1]);
    assert_eq!(code(chain(&[&one, &sign(&second, &[1])]).anchor(&pin(&one))), codes::TRUST_ROOT);
}

#[test]
fn another_root_of_the_same_version_is_foreign() {
    let ours = sign(&Root::new_v1(under(1)).unwrap(), &[1]);
    let theirs = Root::new_v1(under(21)).unwrap();
    let their_second = theirs.next(under(21)).unwrap();
    let (one, two) = (sign(&theirs, &[21]), sign(&their_second, &[21]));
    let bundle = chain(&[&one, &two]);
    assert!(bundle.verify().is_ok(), "it is a good chain, of others");
    assert_eq!(code(bundle.anchor(&pin(&ours))), codes::TRUST_FOREIGN);
    // The older part of a chain decides nothing, and must hold all the same: no byte of a bundle is left to chance.
    let (first, second, _) = three();
    let pinned = pin(&sign(&second, &[1, 11]));
    assert_eq!(code(chain(&[&one, &two]).anchor(&pinned)), codes::TRUST_FOREIGN);
    let mixed = chain(&[&one, &sign(&second, &[1, 11])]);
    assert_eq!(code(mixed.anchor(&pinned)), codes::TRUST_ROOT);
    assert_eq!(code(mixed.verify()), codes::TRUST_ROOT);
    drop(first);
}
