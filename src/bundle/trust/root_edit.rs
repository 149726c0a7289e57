//! Edits a trust root. The result is a proposal, see [`RootFile::propose`](super::root_file::RootFile::propose).

use super::TrustError;
use super::key::{KeyId, PublicKey};
use super::root::{Grant, Role, RoleEntry, RootDraft};
use crate::value::digest::Digest;
use crate::value::name::Name;
use crate::value::plural::counted;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One entry of a root: a role, and the scenarios it is for; none means every scenario that no other entry of the role
/// names. Written `packer`, or `packer@air-gapped,ddil`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyScope {
    /// The role.
    pub role: Role,
    /// The scenarios, in order.
    pub scenarios: Vec<Name>,
}

impl KeyScope {
    /// A role for these scenarios, in whatever order they come.
    #[must_use]
    pub fn new(role: Role, mut scenarios: Vec<Name>) -> Self {
        scenarios.sort();
        Self { role, scenarios }
    }

    fn is_of(&self, grant: &Grant) -> bool {
        *self == Self::new(grant.role, grant.scenarios.clone())
    }
}

impl From<&RoleEntry> for KeyScope {
    fn from(entry: &RoleEntry) -> Self {
        Self { role: entry.role(), scenarios: entry.scenarios().to_vec() }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenarios: Vec<_> = self.scenarios.iter().map(Name::as_str).collect();
        let at = if scenarios.is_empty() { "" } else { "@" };
        f.pad(&format!("{}{at}{}", self.role, scenarios.join(",")))
    }
}

impl FromStr for KeyScope {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let (role, scenarios) = text.split_once('@').map_or((text, None), |(role, rest)| (role, Some(rest)));
        let roles = [Role::Root, Role::Packer, Role::Approver];
        let role = roles.into_iter().find(|known| known.to_string() == role);
        let role = role.ok_or_else(|| {
            refused(format!(
                "`{text}` is not a role: write `packer`, `approver` or `root`, or `packer@SCENARIO`"
            ))
        })?;
        let scenarios: Result<_, _> =
            scenarios.into_iter().flat_map(|rest| rest.split(',')).map(str::parse).collect();
        Ok(Self::new(role, scenarios.map_err(|error: crate::value::ValueError| refused(error.to_string()))?))
    }
}

impl Serialize for KeyScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn refused(reason: String) -> TrustError {
    TrustError::Change { reason }
}

impl RootDraft {
    /// Gives keys a role. A new entry asks for one of them, if no other threshold is named; an entry that is there
    /// keeps its threshold then.
    pub fn add(
        &mut self,
        scope: &KeyScope,
        keys: Vec<(Name, PublicKey)>,
        threshold: Option<usize>,
    ) -> Result<(), TrustError> {
        let revoked = keys.iter().find(|(_, key)| self.revoked.keys.contains(&key.id()));
        if let Some((name, _)) = revoked {
            return Err(refused(format!(
                "the key `{name}` was revoked, and does not come back; make a new one"
            )));
        }
        if !self.grants.iter().any(|grant| scope.is_of(grant)) {
            let scenarios = scope.scenarios.clone();
            self.grants.push(Grant { role: scope.role, threshold: 1, keys: Vec::new(), scenarios });
        }
        let Some(grant) = self.grants.iter_mut().find(|grant| scope.is_of(grant)) else { return Ok(()) };
        for (name, key) in keys {
            if grant.keys.iter().any(|(_, known)| *known == key) {
                return Err(refused(format!("`{name}` has the role `{scope}` already")));
            }
            grant.keys.push((name, key));
        }
        grant.threshold = threshold.unwrap_or(grant.threshold);
        Ok(())
    }

    /// Takes a key out of every role and revokes it.
    pub fn remove(&mut self, key: KeyId) -> Result<(), TrustError> {
        let listed = self.listed();
        for grant in &mut self.grants {
            grant.keys.retain(|(_, known)| known.id() != key);
        }
        self.revoke_unlisted(&listed);
        if listed.contains(&key) { Ok(()) } else { Err(refused(format!("there is no key {key}"))) }
    }

    /// Puts a new key in place of an old one, in all its roles, and revokes the old one.
    pub fn rotate(&mut self, old: KeyId, new: &(Name, PublicKey)) -> Result<(), TrustError> {
        let listed = self.listed();
        let (name, key) = (&new.0, new.1.id());
        if listed.contains(&key) || self.revoked.keys.contains(&key) {
            return Err(refused(format!("the key `{name}` is not new: it is listed, or was revoked")));
        }
        let places = self.grants.iter_mut().flat_map(|grant| &mut grant.keys);
        places.filter(|(_, known)| known.id() == old).for_each(|place| place.clone_from(new));
        self.revoke_unlisted(&listed);
        if listed.contains(&old) { Ok(()) } else { Err(refused(format!("there is no key {old}"))) }
    }

    /// Withdraws the bundle with this statement.
    pub fn withdraw(&mut self, statement: Digest) -> Result<(), TrustError> {
        if self.revoked.statements.contains(&statement) {
            return Err(refused(format!("the statement {statement} is revoked already")));
        }
        self.revoked.statements.push(statement);
        Ok(())
    }

    /// Says how many keys of an entry have to sign. 0 takes the entry away; keys that have no other role are revoked.
    pub fn set_threshold(&mut self, scope: &KeyScope, threshold: usize) -> Result<(), TrustError> {
        let Some(at) = self.grants.iter().position(|grant| scope.is_of(grant)) else {
            let known: Vec<_> = self
                .grants
                .iter()
                .map(|grant| format!("`{}`", KeyScope::new(grant.role, grant.scenarios.clone())))
                .collect();
            return Err(refused(format!("there is no entry `{scope}`; there is {}", known.join(", "))));
        };
        let listed = self.listed();
        if threshold == 0 {
            self.grants.remove(at);
            self.revoke_unlisted(&listed);
        } else if let Some(grant) = self.grants.get_mut(at) {
            grant.threshold = threshold;
        }
        Ok(())
    }

    /// Refuses thresholds that the keys which are left cannot meet, and says how to change them.
    pub(super) fn can_be_met(&self) -> Result<(), TrustError> {
        let Some(grant) = self.grants.iter().find(|grant| grant.threshold > grant.keys.len()) else {
            return Ok(());
        };
        let scope = KeyScope::new(grant.role, grant.scenarios.clone());
        let (needed, left) = (grant.threshold, grant.keys.len());
        let spare = grant.role == Role::Approver
            || self.grants.iter().any(|other| other.role == grant.role && !scope.is_of(other));
        let way = match left {
            0 if spare => format!("add a key first, or take the entry away: `--threshold {scope}=0`"),
            0 => "add a key first".to_owned(),
            left => format!("add a key first, or ask for fewer: `--threshold {scope}={left}`"),
        };
        Err(refused(format!(
            "`{scope}` asks for {}, and {left} would be left; {way}",
            counted(needed as u64, "key")
        )))
    }

    fn listed(&self) -> BTreeSet<KeyId> {
        self.grants.iter().flat_map(|grant| &grant.keys).map(|(_, key)| key.id()).collect()
    }

    /// Revokes the keys that were listed and are no longer, so that errors can say why a signature does not count.
    fn revoke_unlisted(&mut self, before: &BTreeSet<KeyId>) {
        let now = self.listed();
        self.revoked.keys.extend(before.difference(&now));
    }
}
