//! Counts signatures: the only function that does, and the only way to a payload.

use super::TrustError;
use super::envelope::Envelope;
use super::key::KeyId;
use super::root::{Role, RoleEntry, Root};
use crate::value::name::Name;
use std::collections::BTreeSet;
use std::fmt;

/// The holder of a key, as the trust root names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// The name in the trust root.
    pub name: Name,
    /// The id of the key.
    pub id: KeyId,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id.short())
    }
}

/// Why too few have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// The role that was asked for.
    pub role: Role,
    /// The scenario it was asked for.
    pub scenario: Option<Name>,
    /// How many keys have to sign; nothing when no key may.
    pub needed: Option<usize>,
    /// Keys of the role that signed.
    pub found: Vec<Who>,
    /// Keys of the role that did not.
    pub missing: Vec<Who>,
    /// Keys that signed, are known, and have another role or scenario.
    pub elsewhere: Vec<Who>,
    /// Revoked keys that signatures name.
    pub revoked: Vec<KeyId>,
    /// Unknown keys that signatures name.
    pub unknown: Vec<KeyId>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role;
        match (self.needed, &self.scenario) {
            (Some(needed), Some(scenario)) => {
                write!(f, "too few {role} keys signed for scenario `{scenario}`: {needed} needed")?;
            }
            (Some(needed), None) => write!(f, "too few {role} keys signed: {needed} needed")?,
            (None, Some(scenario)) => write!(f, "no {role} key may sign for scenario `{scenario}`")?,
            (None, None) => write!(f, "there are no {role} keys")?,
        }
        write!(f, ", {} found", self.found.len())?;
        list(f, "signed", &self.found)?;
        list(f, "missing", &self.missing)?;
        list(f, "signed without that role", &self.elsewhere)?;
        list(f, "revoked", self.revoked.iter().map(KeyId::short))?;
        list(f, "unknown", self.unknown.iter().map(KeyId::short))
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    of: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (at, one) in of.into_iter().enumerate() {
        if at == 0 { write!(f, "; {title}: {one}")? } else { write!(f, ", {one}")? }
    }
    Ok(())
}

/// The keys of `role` that signed this envelope, if they are as many as the root asks for.
///
/// For each trusted key of the role, not for each signature, it is asked whether any signature verifies: so
/// a signature listed twice counts once (S15). A signature that carries the id of a key of the root, of whatever
/// role, and was not made by it is tampering and ends everything (S17); so is one that was made by such a key and
/// carries another id, for no one signs like that.
pub fn count(
    envelope: &Envelope,
    root: &Root,
    role: Role,
    scenario: Option<&Name>,
) -> Result<Vec<Who>, TrustError> {
    let entry = root.entry(role, scenario);
    let signers = signers(envelope, root)?;
    let in_role = |who: &Who| entry.is_some_and(|entry| entry.keys().contains(&who.id));
    let (found, elsewhere): (Vec<Who>, Vec<Who>) = signers.into_iter().partition(in_role);
    let needed = entry.map(RoleEntry::threshold);
    // The second half cannot happen in a root that keeps its rules; no rule elsewhere is relied on here.
    if needed.is_some_and(|needed| found.len() >= needed && needed > 0) {
        return Ok(found);
    }
    let missing = entry.into_iter().flat_map(RoleEntry::keys).copied().collect();
    Err(shortfall(envelope, root, role, scenario, (needed, missing), (found, elsewhere)))
}

/// How far the signatures under a trust root are, for the threshold of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureTally {
    /// The version whose root keys are counted.
    pub version: u64,
    /// How many of them have to sign.
    pub needed: usize,
    /// Those that did.
    pub signed: Vec<Who>,
    /// Those that did not.
    pub missing: Vec<Who>,
}

impl SignatureTally {
    /// Counts the root keys of `root` that signed this envelope. Too few is not an error; tampering is.
    pub(super) fn of(envelope: &Envelope, root: &Root) -> Result<Self, TrustError> {
        let entry = root.entry(Role::Root, None);
        let mut signed = match count(envelope, root, Role::Root, None) {
            Ok(signed) => signed,
            Err(TrustError::Threshold(shortfall)) => shortfall.found,
            Err(other) => return Err(other),
        };
        let ids = entry.into_iter().flat_map(RoleEntry::keys);
        let mut missing: Vec<Who> = ids
            .filter_map(|id| root.key(*id))
            .map(|key| Who { name: key.name().clone(), id: key.id() })
            .filter(|who| !signed.contains(who))
            .collect();
        // By name, for users.
        signed.sort();
        missing.sort();
        let needed = entry.map_or(usize::MAX, RoleEntry::threshold);
        Ok(Self { version: root.version(), needed, signed, missing })
    }

    /// How many more have to sign.
    #[must_use]
    pub fn lacks(&self) -> usize {
        self.needed.saturating_sub(self.signed.len())
    }
}

impl fmt::Display for SignatureTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, needed, signed, .. } = self;
        write!(f, "version {version} asks for {needed} of its root keys")?;
        list(f, "signed", signed)?;
        if self.lacks() > 0 {
            list(f, &format!("{} more needed of", self.lacks()), &self.missing)?;
        }
        Ok(())
    }
}

/// Every key of the root that signed, whatever its role; each key once.
pub(super) fn signers(envelope: &Envelope, root: &Root) -> Result<Vec<Who>, TrustError> {
    let message = envelope.pae();
    let mut seen = BTreeSet::new();
    let mut signers = Vec::new();
    for key in root.keys() {
        let who = || Who { name: key.name().clone(), id: key.id() };
        let mut signed = false;
        for signature in envelope.signatures() {
            // A signature under the id of another key is that key's affair; asking all of them about all of
            // them would only be work for nothing. Under an unknown id it may be anybody's, also this key's.
            if signature.key_id != key.id() && root.key(signature.key_id).is_some() {
                continue;
            }
            let verifies = key.public().verify(&message, &signature.bytes);
            // Its own id and not its signature, or its signature and not its own id: someone changed one of them.
            if verifies != (signature.key_id == key.id()) {
                return Err(TrustError::Tampered { who: who() });
            }
            signed |= verifies;
        }
        if signed && seen.insert(*key.public().bytes()) {
            signers.push(who());
        }
    }
    Ok(signers)
}

fn shortfall(
    envelope: &Envelope,
    root: &Root,
    role: Role,
    scenario: Option<&Name>,
    (needed, asked): (Option<usize>, BTreeSet<KeyId>),
    (found, elsewhere): (Vec<Who>, Vec<Who>),
) -> TrustError {
    let ids: BTreeSet<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    let strangers = ids.into_iter().filter(|id| root.key(*id).is_none());
    let (revoked, unknown) = strangers.partition(|id| root.is_revoked_key(id));
    let missing = asked
        .into_iter()
        .filter_map(|id| root.key(id))
        .map(|key| Who { name: key.name().clone(), id: key.id() })
        .filter(|who| !found.contains(who))
        .collect();
    let scenario = scenario.cloned();
    let shortfall = Shortfall { role, scenario, needed, found, missing, elsewhere, revoked, unknown };
    TrustError::Threshold(Box::new(shortfall))
}

/// A payload whose signatures were counted, with what was read from it. Only [`trust`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified<T> {
    value: T,
    payload: Vec<u8>,
    signers: Vec<Who>,
}

impl<T> Verified<T> {
    /// What was read from the payload.
    #[must_use]
    pub(crate) fn value(&self) -> &T {
        &self.value
    }

    /// The payload, byte for byte.
    #[must_use]
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The keys of the role that signed it.
    #[must_use]
    pub(crate) fn signers(&self) -> &[Who] {
        &self.signers
    }

    /// What was read, on its own.
    #[must_use]
    pub(crate) fn into_value(self) -> T {
        self.value
    }
}

/// How many keys of a role are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enough {
    /// As many as the root asks for.
    Threshold,
    /// One: only for the packer who signs next, and whose signature is still missing.
    OneForTheNextSigner,
}

/// Hands out what an envelope holds, if enough keys of `role` signed it for the scenario it is for.
///
/// Which keys count depends on the scenario, and the scenario is in the payload. So `read` is called in
/// between: after at least one key that has the role for some scenario was found to have signed, and before
/// they are counted for the scenario that `read` returns. It should do nothing but parse: what it returns
/// comes out of here only when the count is met.
pub(crate) fn trust<T, E: From<TrustError>>(
    envelope: &Envelope,
    root: &Root,
    role: Role,
    read: impl FnOnce(&[u8]) -> Result<(Name, T), E>,
) -> Result<Verified<T>, E> {
    verify_with(envelope, root, role, Enough::Threshold, read)
}

/// As [`trust`], with as many keys as `enough` says.
pub(super) fn verify_with<T, E: From<TrustError>>(
    envelope: &Envelope,
    root: &Root,
    role: Role,
    enough: Enough,
    read: impl FnOnce(&[u8]) -> Result<(Name, T), E>,
) -> Result<Verified<T>, E> {
    let signers = signers(envelope, root)?;
    let entries = || root.roles().iter().filter(|entry| entry.role() == role);
    if !signers.iter().any(|who| entries().any(|entry| entry.keys().contains(&who.id))) {
        let needed = entries().map(RoleEntry::threshold).min();
        let asked = entries().flat_map(RoleEntry::keys).copied().collect();
        return Err(shortfall(envelope, root, role, None, (needed, asked), (Vec::new(), signers)).into());
    }
    let (scenario, value) = read(envelope.payload())?;
    let signers = match (count(envelope, root, role, Some(&scenario)), enough) {
        (Err(TrustError::Threshold(shortfall)), Enough::OneForTheNextSigner)
            if !shortfall.found.is_empty() =>
        {
            shortfall.found
        }
        (counted, _) => counted?,
    };
    Ok(Verified { value, payload: envelope.payload().to_vec(), signers })
}
