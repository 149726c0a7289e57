//! Vectors of signatures that lenient verifiers of Ed25519 accept (RFC 8032, 5.1.7).

use crate::vector_cases::{Case, Of, bad, hello};
use crate::vector_writer::{STATEMENT_TYPE, base64, key};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use sealift_bundle::trust::envelope::pae;
use sealift_bundle::trust::key::Signer as _;
use sha2::{Digest as _, Sha256, Sha512};

/// The order of the base point, and numbers below it: 64 bits each, the lowest first.
const ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

fn plus(one: [u64; 4], other: [u64; 4]) -> [u64; 4] {
    let mut carry = false;
    std::array::from_fn(|at| {
        let (sum, first) = one[at].overflowing_add(other[at]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        carry = first || second;
        sum
    })
}

/// Both have to be below the order.
fn plus_modulo_order(one: [u64; 4], other: [u64; 4]) -> [u64; 4] {
    let sum = plus(one, other);
    if sum.iter().rev().lt(ORDER.iter().rev()) {
        return sum;
    }
    let mut borrow = false;
    std::array::from_fn(|at| {
        let (rest, first) = sum[at].overflowing_sub(ORDER[at]);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        rest
    })
}

/// A little-endian number of any length times one below the order, modulo the order.
fn times(number: &[u8], other: [u64; 4]) -> [u64; 4] {
    let mut product = [0; 4];
    for bit in (0..number.len() * 8).rev() {
        product = plus_modulo_order(product, product);
        if number[bit / 8] >> (bit % 8) & 1 == 1 {
            product = plus_modulo_order(product, other);
        }
    }
    product
}

fn limbs(bytes: &[u8]) -> [u64; 4] {
    std::array::from_fn(|at| u64::from_le_bytes(bytes[at * 8..][..8].try_into().unwrap()))
}

fn bytes(limbs: [u64; 4]) -> Vec<u8> {
    limbs.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// Replaces the one signature of a seal; `change` gets the signature and what is signed.
fn resigned(seal: &mut String, change: impl Fn(&[u8], &[u8]) -> Vec<u8>) {
    let read: serde_json::Value = serde_json::from_str(seal).unwrap();
    let old = read["signatures"][0]["sig"].as_str().unwrap();
    let payload = STANDARD.decode(read["payload"].as_str().unwrap()).unwrap();
    let new = change(&STANDARD.decode(old).unwrap(), &pae(STATEMENT_TYPE, &payload));
    *seal = seal.replace(old, &base64(&new));
}

/// A signature of `packer-1` whose `R` is the neutral element: `S` is the hash times the secret scalar, so the equation
/// holds. The seeds of the keys are public (tests/keys/README.md).
fn small_order(message: &[u8]) -> Vec<u8> {
    let mut secret = Sha512::digest(Sha256::digest(b"sealift test vectors: packer-1"))[..32].to_vec();
    secret[0] &= 248;
    secret[31] = secret[31] & 63 | 64;
    let public = key("packer-1").public().bytes();
    let neutral = [&[1][..], &[0; 31]].concat();
    let hash = Sha512::digest([&neutral[..], public, message].concat());
    let signature = [neutral, bytes(times(&hash, times(&secret, [1, 0, 0, 0])))].concat();
    let lenient = VerifyingKey::from_bytes(public).unwrap();
    let parsed = Signature::from_slice(&signature).unwrap();
    assert!(lenient.verify(message, &parsed).is_ok() && lenient.verify_strict(message, &parsed).is_err());
    signature
}

pub fn cases(of: Of<'_>) -> Vec<Case> {
    vec![
        bad(
            "seal-signature-r-of-small-order",
            "S07",
            "trust.tampered",
            "R is the neutral element, and the equation holds",
            of(vec![hello()]).seal(|seal| resigned(seal, |_, message| small_order(message))),
        ),
        bad(
            "seal-signature-s-above-the-order",
            "S03",
            "trust.tampered",
            "S is larger by the order of the group, and the equation holds",
            of(vec![hello()]).seal(|seal| {
                resigned(seal, |old, _| [&old[..32], &bytes(plus(limbs(&old[32..]), ORDER))].concat());
            }),
        ),
    ]
}
