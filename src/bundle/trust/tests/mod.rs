//! Rows S01 to S31 of the hostile cases, and the promises of this directory. The names carry the numbers.

mod chains;
mod ed25519;
mod envelopes;
mod errors;
mod key_files;
mod roots;
mod thresholds;
mod waivers;

use super::key::Signer;
use super::root::{Expiry, Grant, Revoked, Role, Root, RootDraft, RootPolicy};
use super::secret::SecretKey;
use super::{TrustError, envelope::Envelope};
use crate::value::error_code::{Code, Fault as _};
use crate::value::limits::Limits;
use crate::value::name::Name;

const LIMITS: Limits = Limits::v1();

/// A throw-away key, always the same for a number.
fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32]).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn grant(role: Role, threshold: usize, keys: &[u8], scenarios: &[&str]) -> Grant {
    Grant {
        role,
        threshold,
        keys: keys.iter().map(|n| (name(&format!("holder-{n}")), key(*n).public().clone())).collect(),
        scenarios: scenarios.iter().map(|text| name(text)).collect(),
    }
}

fn terms(grants: Vec<Grant>) -> RootDraft {
    RootDraft {
        epoch: 1,
        created: "2026-11-22T06:00:00Z".parse().unwrap(),
        expires: None,
        grants,
        revoked: Revoked::default(),
        policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
    }
}

/// Root key 1, packer keys 2, 3 and 4 of which two have to sign, approver key 5.
fn root() -> Root {
    Root::new_v1(terms(vec![
        grant(Role::Root, 1, &[1], &[]),
        grant(Role::Packer, 2, &[2, 3, 4], &[]),
        grant(Role::Approver, 1, &[5], &[]),
    ]))
    .unwrap()
}

fn sign(root: &Root, numbers: &[u8]) -> Envelope {
    let keys: Vec<SecretKey> = numbers.iter().map(|n| key(*n)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    root.sign(&signers).unwrap()
}

/// The code of what has to be an error.
fn code<T>(result: Result<T, TrustError>) -> Code {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.code(),
    }
}
