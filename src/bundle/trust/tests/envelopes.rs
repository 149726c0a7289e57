//! S01, S02, S11, S12, S14, S28, S29 and the envelope's one spelling.

use super::{LIMITS, code, key, root, sign};
use crate::codes;
use crate::trust::envelope::{Envelope, PayloadType, pae};
use crate::trust::key::Signer;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

const KIND: PayloadType = PayloadType::Statement;

fn sealed(payload: &[u8], numbers: &[u8]) -> Envelope {
    let keys: Vec<_> = numbers.iter().map(|n| key(*n)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    Envelope::sign(KIND, payload.to_vec(), &signers).unwrap()
}

fn parse(text: &str) -> Result<Envelope, crate::trust::TrustError> {
    Envelope::parse(text.as_bytes(), KIND, &LIMITS)
}

/// An envelope around the payload `hi` with these texts in its places.
fn with(payload: &str, id: &str, sig: &str) -> String {
    format!(
        r#"{{"payloadType":"{}","payload":"{payload}","signatures":[{{"keyid":"{id}","sig":"{sig}"}}]}}"#,
        KIND.as_str()
    )
}

#[test]
fn s01_s02_signatures_of_other_lengths() {
    let id = key(1).public().id().to_string();
    for length in [0, 1, 63, 65, 128] {
        let text = with("aGk=", &id, &STANDARD.encode(vec![7; length]));
        assert_eq!(code(parse(&text)), codes::TRUST_SIGNATURE, "{length}");
    }
    assert!(parse(&with("aGk=", &id, &STANDARD.encode([7; 64]))).is_ok());
}

#[test]
fn s11_the_type_is_part_of_what_is_signed() {
    let envelope = sealed(b"{}", &[1]);
    let bytes = envelope.encode().unwrap();
    assert_eq!(code(Envelope::parse(&bytes, PayloadType::Root, &LIMITS)), codes::TRUST_SIGNATURE);
    // Relabelled, it can be read, and no one has signed it.
    let relabelled = String::from_utf8(bytes).unwrap().replace(KIND.as_str(), PayloadType::Root.as_str());
    let relabelled = Envelope::parse(relabelled.as_bytes(), PayloadType::Root, &LIMITS).unwrap();
    assert!(key(1).public().verify(&envelope.pae(), &envelope.signatures()[0].bytes));
    assert!(!key(1).public().verify(&relabelled.pae(), &relabelled.signatures()[0].bytes));
    // The vector of the DSSE protocol document.
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

proptest! {
    #[test]
    fn s12_pae_is_injective(
        (a, x) in (".{0,12}", prop::collection::vec(any::<u8>(), 0..12)),
        (b, y) in (".{0,12}", prop::collection::vec(any::<u8>(), 0..12)),
        cut in 0_usize..12,
    ) {
        prop_assert_eq!(pae(&a, &x) == pae(&b, &y), a == b && x == y);
        // The same characters, cut elsewhere.
        let text = format!("{a} 3 {b}");
        if let Some((left, right)) = text.split_at_checked(cut) {
            prop_assert_eq!(pae(left, right.as_bytes()) == pae(&a, b.as_bytes()), left == a && right == b);
        }
    }

    #[test]
    fn envelopes_have_one_spelling_and_a_known_length(payload: Vec<u8>, count in 0_u8..5) {
        let numbers: Vec<u8> = (1..=count).collect();
        let bytes = sealed(&payload, &numbers).encode().unwrap();
        let again = Envelope::parse(&bytes, KIND, &LIMITS).unwrap();
        prop_assert!(again.is_over(&payload));
        prop_assert_eq!(&again.encode().unwrap(), &bytes);
        let length = Envelope::encoded_len(KIND, payload.len() as u64, numbers.len());
        prop_assert_eq!(length, bytes.len() as u64);
    }
}

#[test]
fn s14_no_signatures_are_well_formed_null_is_not() {
    let none = sealed(b"{}", &[]).encode().unwrap();
    assert!(Envelope::parse(&none, KIND, &LIMITS).is_ok(), "counted, and then refused: see `thresholds.rs`");
    let none = String::from_utf8(none).unwrap();
    for other in ["null", "{}", "\"\"", "[null]", "[[]]", "[{}]"] {
        let text = none.replace("\"signatures\":[]", &format!("\"signatures\":{other}"));
        assert_eq!(code(parse(&text)), codes::TRUST_FORMAT, "{other}");
    }
    assert_eq!(code(parse(&none.replace(",\"signatures\":[]", ""))), codes::TRUST_FORMAT);
}

#[test]
fn s28_too_many_signatures_or_too_large_ones() {
    let one = sealed(b"{}", &[1]);
    let text = String::from_utf8(one.encode().unwrap()).unwrap();
    let (head, tail) = text.split_once("[{").unwrap();
    let signature = format!("{{{}", tail.strip_suffix("]}").unwrap());
    let times = |count| format!("{head}[{}]}}", vec![signature.clone(); count].join(","));
    assert!(parse(&times(32)).is_ok());
    assert_eq!(code(parse(&times(33))), codes::TRUST_LIMIT);
    let id = key(1).public().id().to_string();
    assert_eq!(code(parse(&with("aGk=", &id, &STANDARD.encode(vec![0; 1 << 20])))), codes::TRUST_LIMIT);
    let large = STANDARD.encode(vec![b' '; (1 << 20) + 1]);
    assert_eq!(code(parse(&with(&large, &id, &STANDARD.encode([7; 64])))), codes::TRUST_LIMIT);
    assert_eq!(code(parse(&" ".repeat((2 << 20) + 1))), codes::TRUST_LIMIT);
    let full = STANDARD.encode(vec![b' '; 1 << 20]);
    assert!(parse(&with(&full, &id, &STANDARD.encode([7; 64]))).is_ok());
}

#[test]
fn s29_base64_has_one_spelling() {
    let id = key(1).public().id().to_string();
    let good = STANDARD.encode([0xfb; 64]);
    assert!(good.contains('+') && parse(&with("aGk=", &id, &good)).is_ok());
    for payload in ["aGk", "aGl=", "aGk= ", "aG k=", "aGk=\\n", "aGk==", "=", "aGk=aGk=", "a-_="] {
        assert_eq!(code(parse(&with(payload, &id, &good))), codes::TRUST_FORMAT, "{payload}");
    }
    for sig in [good.replace('+', "-"), good.replace('=', ""), format!("{good} ")] {
        assert_eq!(code(parse(&with("aGk=", &id, &sig))), codes::TRUST_FORMAT, "{sig}");
    }
    // The stray bits behind the last byte.
    assert!(good.ends_with("+w=="));
    assert_eq!(code(parse(&with("aGk=", &id, &good.replace("+w==", "+x==")))), codes::TRUST_FORMAT);
}

#[test]
fn other_key_ids_and_orders_are_refused() {
    let good = STANDARD.encode([7; 64]);
    for id in ["", "alice", &"A".repeat(64), &"a".repeat(63)] {
        assert_eq!(code(parse(&with("aGk=", id, &good))), codes::TRUST_FORMAT, "{id}");
    }
    let two = String::from_utf8(sealed(b"{}", &[1, 2]).encode().unwrap()).unwrap();
    let (head, tail) = two.split_once('[').unwrap();
    let (first, second) = tail.strip_suffix("]}").unwrap().split_once("},").unwrap();
    let swapped = format!("{head}[{second},{first}}}]}}");
    assert_eq!(code(parse(&swapped)), codes::TRUST_FORMAT);
}

#[test]
fn signing_again_replaces() {
    let envelope = sign(&root(), &[1, 2]);
    let again = envelope.clone().cosign(&key(1)).unwrap();
    assert!(again == envelope);
}
