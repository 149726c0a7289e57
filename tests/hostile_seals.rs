//! S11 to S28: seals and trust roots in front of a bundle whose content is good.

use crate::forge::{self, Forge, Judge, Way};
use crate::support::{Authorities, LIMITS};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealift_bundle::codes;
use sealift_bundle::format::member;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::{Expiry, Grant, Role, Root, RootDraft};
use sealift_bundle::trust::secret::SecretKey;
use sealift_bundle::trust::verify::Depth;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Code;

fn setup(change: impl FnOnce(&mut RootDraft)) -> (Authorities, Forge) {
    let authorities = Authorities::with(change);
    let forge = Forge::of(&forge::sample(&authorities));
    (authorities, forge)
}

fn grant(role: Role, threshold: usize, keys: &[&SecretKey], scenarios: &[&str]) -> Grant {
    let named =
        |(n, key): (usize, &&SecretKey)| (format!("extra-{role}-{n}").parse().unwrap(), key.public().clone());
    let scenarios = scenarios.iter().map(|name| name.parse().unwrap()).collect();
    Grant { role, threshold, keys: keys.iter().enumerate().map(named).collect(), scenarios }
}

fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

/// The bundle under a seal of these signers.
fn signed(forge: &Forge, signers: &[&dyn Signer]) -> Vec<u8> {
    let statement = forge.get(member::STATEMENT).to_vec();
    with_seal(forge, Envelope::sign(PayloadType::Statement, statement, signers).unwrap().encode().unwrap())
}

fn with_seal(forge: &Forge, seal: impl Into<Vec<u8>>) -> Vec<u8> {
    let mut forge = forge.clone();
    forge.set(member::SEAL, seal);
    forge.bytes()
}

/// The bundle with another chain of roots in front.
fn with_roots(forge: &Forge, roots: &[&[u8]]) -> Vec<u8> {
    let mut forge = forge.clone();
    forge.set(member::ROOTS, roots.iter().flat_map(|root| [root, &b"\n"[..]].concat()).collect::<Vec<u8>>());
    forge.bytes()
}

/// The root that follows, with changed terms, signed by these.
fn next(authorities: &Authorities, change: impl FnOnce(&mut RootDraft), signers: &[&dyn Signer]) -> Vec<u8> {
    let root = authorities.pinned.root();
    let mut terms = root.terms();
    change(&mut terms);
    root.next(terms).unwrap().sign(signers).unwrap().encode().unwrap()
}

#[test]
fn s01_to_s13_the_seal_is_over_this_type_and_this_statement() {
    let (authorities, good) = setup(|_| {});
    let judge = Judge::new(&authorities);
    let seal = good.text(member::SEAL);
    let statement = good.get(member::STATEMENT).to_vec();
    let sig = seal[seal.find("\"sig\":\"").unwrap() + 7..].split_once('"').unwrap().0.to_owned();
    let with_sig = |bytes: &[u8]| with_seal(&good, seal.replace(&sig, &STANDARD.encode(bytes)));
    let raw = STANDARD.decode(&sig).unwrap();
    for len in [0, 1, 63] {
        judge.refuses(&format!("S01 {len} bytes"), &with_sig(&raw[..len]), codes::TRUST_SIGNATURE);
    }
    judge.refuses("S02 appended", &with_sig(&[&raw[..], &[0]].concat()), codes::TRUST_SIGNATURE);
    judge.refuses("S02 prepended", &with_sig(&[&[0], &raw[..]].concat()), codes::TRUST_SIGNATURE);
    judge.refuses("S04 zeros", &with_sig(&[0; 64]), codes::TRUST_TAMPERED);
    let root = Envelope::sign(PayloadType::Root, statement.clone(), &[&authorities.packer])
        .unwrap()
        .encode()
        .unwrap();
    judge.refuses("S11 signed as a root", &with_seal(&good, root.clone()), codes::TRUST_SIGNATURE);
    let (one, other) = (PayloadType::Root.as_str(), PayloadType::Statement.as_str());
    let relabelled = String::from_utf8(root).unwrap().replace(one, other);
    judge.refuses(
        "S11 signed as a root and relabelled",
        &with_seal(&good, relabelled),
        codes::TRUST_TAMPERED,
    );
    for (case, payload_type) in
        [("shorter", &other[..other.len() - 1]), ("of another", "text/html"), ("none", "")]
    {
        let seal = seal.replace(other, payload_type);
        judge.refuses(&format!("S12 a type that is {case}"), &with_seal(&good, seal), codes::TRUST_SIGNATURE);
    }
    let mut shifted = STANDARD.encode([b" ", &statement[..]].concat());
    shifted = seal.replace(&STANDARD.encode(&statement), &shifted);
    judge.refuses("S12 a byte shifted into the payload", &with_seal(&good, shifted), codes::TRUST_TAMPERED);
    let mut beside = good.clone();
    beside.edit(member::STATEMENT, "\"sequence\":1", "\"sequence\":2");
    judge.refuses("S13 another statement beside it", &beside.bytes(), codes::BUNDLE_DIGEST);
    beside.edit(member::STATEMENT, "\"sequence\":2", "\"sequence\":22");
    judge.refuses("S13 a longer statement beside it", &beside.bytes(), codes::BUNDLE_HEADER);
}

#[test]
fn s14_to_s18_signatures_are_counted_by_key() {
    let (second, third, stranger) = (key(), key(), key());
    let (authorities, good) = setup(|terms| {
        terms.grants[1].threshold = 2;
        terms.grants[1].keys.push(("second".parse().unwrap(), second.public().clone()));
        terms.grants[1].keys.push(("third".parse().unwrap(), third.public().clone()));
    });
    let judge = Judge::new(&authorities);
    let first = &authorities.packer;
    judge.trusts("two of three", &signed(&good, &[first, &third]));
    judge.trusts("S18 beside an unknown key", &signed(&good, &[first, &second, &stranger]));
    for (case, signers) in [
        ("S14 nobody", &[][..]),
        ("one of two", &[first as &dyn Signer][..]),
        ("S18 unknown keys only", &[&stranger, &key()]),
        ("S18 one known and one unknown", &[&second, &stranger]),
        ("S20 a root key", &[first, &authorities.root]),
    ] {
        judge.refuses(case, &signed(&good, signers), codes::TRUST_THRESHOLD);
    }
    let once = Forge::of(&with_seal(&good, good.get(member::SEAL))).text(member::SEAL);
    let (head, signature) = once.split_once('[').unwrap();
    let signature = signature.strip_suffix("]}").unwrap();
    let with = |signatures: &str| with_seal(&good, format!("{head}{signatures}}}"));
    for (case, signatures) in [("null", "null"), ("an object", "{}"), ("a text", "\"\""), ("arrays", "[[]]")]
    {
        judge.refuses(&format!("S14 {case}"), &with(signatures), codes::TRUST_FORMAT);
    }
    for times in [2, 32] {
        let many = format!("[{}]", vec![signature; times].join(","));
        judge.refuses(&format!("S15 one key {times} times"), &with(&many), codes::TRUST_THRESHOLD);
    }
    judge.refuses(
        "S28 33 signatures",
        &with(&format!("[{}]", vec![signature; 33].join(","))),
        codes::TRUST_LIMIT,
    );
    // S17: the id of a trusted key on a signature that it did not make.
    let id = |key: &SecretKey| key.public().id().to_string();
    let foreign = String::from_utf8(signed_seal(&good, &[&stranger])).unwrap();
    for spoofed in [first, &second, &authorities.root] {
        let seal = foreign.replace(&id(&stranger), &id(spoofed));
        judge.refuses("S17", &with_seal(&good, seal), codes::TRUST_TAMPERED);
    }
    let mut enough = [
        (id(first), sign(&good, first)),
        (id(&second), sign(&good, &second)),
        (id(&third), sign(&good, &stranger)),
    ];
    enough.sort();
    let list: Vec<_> =
        enough.iter().map(|(id, sig)| format!(r#"{{"keyid":"{id}","sig":"{sig}"}}"#)).collect();
    judge.refuses("S17 beside enough others", &with(&format!("[{}]", list.join(","))), codes::TRUST_TAMPERED);
}

fn signed_seal(forge: &Forge, signers: &[&dyn Signer]) -> Vec<u8> {
    Forge::of(&signed(forge, signers)).get(member::SEAL).to_vec()
}

/// The signature of one key, as text.
fn sign(forge: &Forge, key: &SecretKey) -> String {
    let seal = String::from_utf8(signed_seal(forge, &[key])).unwrap();
    seal[seal.find("\"sig\":\"").unwrap() + 7..].split_once('"').unwrap().0.to_owned()
}

#[test]
fn s20_keys_of_other_roles_and_scenarios_do_not_count() {
    let (approver, ddil) = (key(), key());
    let (authorities, good) = setup(|terms| {
        terms.grants.push(grant(Role::Approver, 1, &[&approver], &[]));
        terms.grants.push(grant(Role::Packer, 1, &[&ddil], &["ddil"]));
    });
    let judge = Judge::new(&authorities);
    judge.trusts("the packer", &good.bytes());
    for (case, signer) in
        [("S20 approver", &approver), ("S20 root", &authorities.root), ("S20 other scenario", &ddil)]
    {
        judge.refuses(case, &signed(&good, &[signer]), codes::TRUST_THRESHOLD);
    }
    // J16: the packer for every other scenario may not seal the one that has its own.
    let mut forge = good.clone();
    forge.predicate.scenario = "ddil".parse().unwrap();
    let foreign = forge.sealed(&authorities);
    judge.refuses("J16 scenario of another packer", &foreign, codes::TRUST_THRESHOLD);
    judge.trusts("its own packer", &signed(&Forge::of(&foreign), &[&ddil]));
}

#[test]
fn s21_s22_s23_the_newest_root_decides() {
    let (authorities, good) = setup(|_| {});
    let judge = Judge::new(&authorities);
    let first = authorities.chain.strip_suffix(b"\n").unwrap();
    let (newer, new_root) = (key(), key());
    let revoke = |terms: &mut RootDraft| {
        terms.grants[1] = grant(Role::Packer, 1, &[&newer], &[]);
        terms.revoked.keys.push(authorities.packer.public().id());
    };
    let second = next(&authorities, revoke, &[&authorities.root]);
    judge.refuses(
        "S21 a key of the root before",
        &with_roots(&good, &[first, &second]),
        codes::TRUST_THRESHOLD,
    );
    let mut rotated = Forge::of(&with_roots(&good, &[first, &second]));
    judge.trusts("a key of the newest root", &signed(&rotated, &[&newer]));
    rotated.set(member::ROOTS, authorities.chain.clone());
    judge.refuses(
        "S21 a key of a root that does not travel",
        &signed(&rotated, &[&newer]),
        codes::TRUST_THRESHOLD,
    );

    let rekeyed = |terms: &mut RootDraft| terms.grants[0] = grant(Role::Root, 1, &[&new_root], &[]);
    let old_only = next(&authorities, rekeyed, &[&authorities.root]);
    let new_only = next(&authorities, rekeyed, &[&new_root]);
    let both = next(&authorities, rekeyed, &[&authorities.root, &new_root]);
    judge.trusts("S22 both", &with_roots(&good, &[first, &both]));
    judge.refuses("S22 the old one only", &with_roots(&good, &[first, &old_only]), codes::TRUST_ROOT);
    judge.refuses("S22 the new one only", &with_roots(&good, &[first, &new_only]), codes::TRUST_ROOT);
    judge.refuses("S23 a version skipped", &with_roots(&good, &[&second]), codes::TRUST_ROOT);
    judge.refuses("S23 a version twice", &with_roots(&good, &[first, first]), codes::TRUST_ROOT);
    judge.refuses("S23 backwards", &with_roots(&good, &[&second, first]), codes::TRUST_ROOT);
    judge.refuses("no root at all", &with_roots(&good, &[]), codes::TRUST_FORMAT);
    let stranger = Authorities::new();
    let foreign = stranger.chain.strip_suffix(b"\n").unwrap();
    judge.refuses("the root of somebody else", &with_roots(&good, &[foreign]), codes::TRUST_FOREIGN);
    let unrelated = next(&stranger, |_| {}, &[&stranger.root]);
    judge.refuses(
        "S22 a root of somebody else behind ours",
        &with_roots(&good, &[first, &unrelated]),
        codes::TRUST_ROOT,
    );

    // J20: a statement that the newest root revokes.
    let id = Digest::of(good.get(member::STATEMENT));
    let withdrawn = next(&authorities, |terms| terms.revoked.statements.push(id), &[&authorities.root]);
    judge.refuses("J20", &with_roots(&good, &[first, &withdrawn]), codes::TRUST_REVOKED);
    // J15: an epoch ends with the root that begins the next one.
    let later = next(&authorities, |terms| terms.epoch = 2, &[&authorities.root]);
    judge.refuses("J15", &with_roots(&good, &[first, &later]), codes::TRUST_EPOCH);
    // A site that pinned the newer root does not go back.
    let site = Authorities { pinned: PinnedRoot::parse(&second, &LIMITS).unwrap(), ..authorities };
    let judge = Judge::new(&site);
    judge.refuses("S21 an older chain", &good.bytes(), codes::TRUST_THRESHOLD);
}

#[test]
fn s24_s28_everything_before_the_seal_is_believed_is_bounded() {
    let (authorities, good) = setup(|_| {});
    let judge = Judge::new(&authorities);
    let first = authorities.chain.strip_suffix(b"\n").unwrap();
    judge.refuses("S24 257 roots", &with_roots(&good, &vec![first; 257]), codes::TRUST_LIMIT);
    judge.refuses("S24 10,000 roots", &with_roots(&good, &vec![&b""[..]; 10_000]), codes::TRUST_LIMIT);
    judge.refuses("S24 a long root", &with_roots(&good, &[&vec![b' '; 1 << 20]]), codes::TRUST_LIMIT);
    // Only the header is there: what it claims is refused before it is read.
    for (case, claimed) in
        [("S24 4 MiB and one", (4 << 20) + 1), ("S24 100 MB", 100 << 20), ("2^60", 1 << 60)]
    {
        judge.refuses(case, &member::member_header(member::ROOTS, claimed), codes::BUNDLE_LIMIT);
    }
    let front = &good.bytes()[..member::span(good.get(member::ROOTS).len() as u64) as usize];
    let claims = [front, &member::member_header(member::SEAL, (2 << 20) + 1)].concat();
    judge.refuses("S28 a seal of 2 MiB and one", &claims, codes::BUNDLE_LIMIT);
    let seal = good.text(member::SEAL);
    let sig = sign(&good, &authorities.packer);
    let large = seal.replace(&sig, &STANDARD.encode(vec![0; 1 << 20]));
    judge.refuses("S28 a signature of 1 MB", &with_seal(&good, large), codes::TRUST_LIMIT);
    judge.refuses("J08 a deep seal", &with_seal(&good, "[".repeat(100_000)), codes::TRUST_FORMAT);
    judge.refuses("J07 a line break", &with_seal(&good, format!("{seal}\n")), codes::TRUST_FORMAT);
    judge.refuses(
        "S29 white space",
        &with_seal(&good, seal.replace(&sig, &format!("{sig} "))),
        codes::TRUST_FORMAT,
    );
}

#[test]
fn s25_j17_what_has_expired_is_refused_unless_the_root_only_warns() {
    let date = |text: &str| Some(text.parse().unwrap());
    for (policy, refused) in [(Expiry::Refuse, true), (Expiry::Warn, false)] {
        let (authorities, good) = setup(|terms| {
            terms.expires = date("2027-01-01T00:00:00Z");
            terms.policy.expiry = policy;
        });
        let mut judge = Judge::new(&authorities);
        let mut forge = good.clone();
        forge.predicate.expires = date("2026-12-01T00:00:00Z");
        let bundle = forge.sealed(&authorities);
        let mut at = |now: &str, expected: Option<Code>| {
            judge.conditions.now = now.parse().unwrap();
            for way in Way::ALL {
                assert_eq!(judge.code(way, &bundle), expected, "{policy:?} {now} {way:?}");
            }
        };
        at("2026-11-30T23:59:59Z", None);
        at("2026-12-01T00:00:00Z", refused.then_some(codes::TRUST_EXPIRED));
        at("2027-06-01T00:00:00Z", refused.then_some(codes::TRUST_EXPIRED));
        at("9998-12-30T22:00:00Z", refused.then_some(codes::TRUST_EXPIRED));
        // A clock that nobody set trusts in a bundle from the future, and says so.
        at("1970-01-01T00:00:00Z", None);
    }
    // S25: an expired root on the way is not an obstacle, the last one is.
    let (authorities, good) = setup(|terms| terms.expires = date("2026-06-01T00:00:00Z"));
    let judge = Judge::new(&authorities);
    let first = authorities.chain.strip_suffix(b"\n").unwrap();
    judge.refuses("S25 the last one", &good.bytes(), codes::TRUST_EXPIRED);
    let second = next(&authorities, |terms| terms.expires = None, &[&authorities.root]);
    judge.trusts("S25 one on the way", &with_roots(&good, &[first, &second]));
    assert!(Root::new_v1(RootDraft { grants: Vec::new(), ..authorities.pinned.root().terms() }).is_err());
    assert_eq!(judge.code(Way::Pipe(Depth::Stored), &[]), Some(codes::BUNDLE_TRUNCATED));
}
