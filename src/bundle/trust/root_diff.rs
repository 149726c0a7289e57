//! The differences between two trust roots.

use super::key::KeyId;
use super::root::{ApprovalPolicy, Expiry, RoleEntry, Root};
use super::root_edit::KeyScope;
use crate::value::digest::Digest;
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One thing that is not the same in two trust roots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the text of each says what the fields are")]
pub enum RootDifference {
    Version { from: u64, to: u64 },
    Epoch { from: u64, to: u64 },
    Created { from: Timestamp, to: Timestamp },
    Expires { from: Option<Timestamp>, to: Option<Timestamp> },
    Expiry { from: Expiry, to: Expiry },
    Approvals { from: Option<ApprovalPolicy>, to: Option<ApprovalPolicy> },
    EntryIn { role: KeyScope, threshold: usize },
    EntryOut { role: KeyScope },
    Threshold { role: KeyScope, from: usize, to: usize },
    KeyIn { role: KeyScope, name: Name, key: KeyId },
    KeyOut { role: KeyScope, name: Name, key: KeyId },
    Renamed { key: KeyId, from: Name, to: Name },
    KeyRevoked { key: KeyId, name: Option<Name> },
    KeyRestored { key: KeyId },
    StatementRevoked { statement: Digest },
    StatementRestored { statement: Digest },
}

impl fmt::Display for RootDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date =
            |date: &Option<Timestamp>| date.map_or_else(|| "never".to_owned(), |date| date.to_string());
        match self {
            Self::Version { from, to } => write!(f, "~ version {from} -> {to}"),
            Self::Epoch { from, to } => {
                write!(f, "~ epoch {from} -> {to}: no bundle of epoch {from} is verified any more")
            }
            Self::Created { from, to } => write!(f, "~ made {from} -> {to}"),
            Self::Expires { from, to } => write!(f, "~ expires {} -> {}", date(from), date(to)),
            Self::Expiry { from, to } => write!(f, "~ past its date: {from} -> {to}"),
            Self::Approvals { from, to } => {
                let asked = |policy: &Option<ApprovalPolicy>| {
                    policy.as_ref().map_or_else(|| "none asked for".to_owned(), ToString::to_string)
                };
                write!(f, "~ approvals: {} -> {}", asked(from), asked(to))
            }
            Self::EntryIn { role, threshold } => write!(f, "+ {role}: {threshold} to sign"),
            Self::EntryOut { role } => write!(f, "- {role}: no entry of its own any more"),
            Self::Threshold { role, from, to } => write!(f, "~ {role}: {from} -> {to} to sign"),
            Self::KeyIn { role, name, key } => write!(f, "+ {role}: {name} {key}"),
            Self::KeyOut { role, name, key } => write!(f, "- {role}: {name} {key}"),
            Self::Renamed { key, from, to } => write!(f, "~ name of {key}: {from} -> {to}"),
            Self::KeyRevoked { key, name: Some(name) } => write!(f, "+ revoked key: {name} {key}"),
            Self::KeyRevoked { key, name: None } => write!(f, "+ revoked key: {key}"),
            Self::KeyRestored { key } => write!(f, "- revoked key: {key}"),
            Self::StatementRevoked { statement } => write!(f, "+ revoked statement: {statement}"),
            Self::StatementRestored { statement } => write!(f, "- revoked statement: {statement}"),
        }
    }
}

/// Everything that changes from `old` to `new`; nothing when they say the same.
#[must_use]
pub fn differences(old: &Root, new: &Root) -> Vec<RootDifference> {
    use RootDifference as D;
    let mut found = Vec::new();
    let (from, to) = (old.version(), new.version());
    found.extend((from != to).then_some(D::Version { from, to }));
    let (from, to) = (old.epoch(), new.epoch());
    found.extend((from != to).then_some(D::Epoch { from, to }));
    // A new version is always made later; of one and the same, that is all there may be to tell two apart.
    let (from, to) = (old.created(), new.created());
    found.extend((from != to && old.version() == new.version()).then_some(D::Created { from, to }));
    let (from, to) = (old.expires(), new.expires());
    found.extend((from != to).then_some(D::Expires { from, to }));
    let (from, to) = (old.policy().expiry, new.policy().expiry);
    found.extend((from != to).then_some(D::Expiry { from, to }));
    let (from, to) = (old.policy().approvals.clone(), new.policy().approvals.clone());
    found.extend((from != to).then_some(D::Approvals { from, to }));
    entries(old, new, &mut found);
    for key in new.keys() {
        let before = old.key(key.id()).filter(|before| before.name() != key.name());
        found.extend(before.map(|before| D::Renamed {
            key: key.id(),
            from: before.name().clone(),
            to: key.name().clone(),
        }));
    }
    let (was, is) = (old.revoked(), new.revoked());
    for key in is.keys.iter().filter(|key| !was.keys.contains(key)) {
        found.push(D::KeyRevoked { key: *key, name: old.key(*key).map(|key| key.name().clone()) });
    }
    let restored = was.keys.iter().filter(|key| !is.keys.contains(key));
    found.extend(restored.map(|key| D::KeyRestored { key: *key }));
    let withdrawn = is.statements.iter().filter(|statement| !was.statements.contains(statement));
    found.extend(withdrawn.map(|statement| D::StatementRevoked { statement: *statement }));
    let restored = was.statements.iter().filter(|statement| !is.statements.contains(statement));
    found.extend(restored.map(|statement| D::StatementRestored { statement: *statement }));
    found
}

fn entries(old: &Root, new: &Root, found: &mut Vec<RootDifference>) {
    use RootDifference as D;
    let of = |root: &Root| root.roles().iter().map(|entry| (KeyScope::from(entry), entry.clone())).collect();
    let (was, is): (BTreeMap<KeyScope, RoleEntry>, BTreeMap<KeyScope, RoleEntry>) = (of(old), of(new));
    let name = |root: &Root, id: KeyId| root.key(id).map(|key| key.name().clone());
    let keys = |entry: Option<&RoleEntry>| entry.map(|entry| entry.keys().to_vec()).unwrap_or_default();
    for (role, entry) in &is {
        let before = was.get(role);
        match before.map(RoleEntry::threshold) {
            None => found.push(D::EntryIn { role: role.clone(), threshold: entry.threshold() }),
            Some(from) if from != entry.threshold() => {
                found.push(D::Threshold { role: role.clone(), from, to: entry.threshold() });
            }
            Some(_) => {}
        }
        for id in keys(Some(entry)).into_iter().filter(|id| !keys(before).contains(id)) {
            found.extend(name(new, id).map(|name| D::KeyIn { role: role.clone(), name, key: id }));
        }
    }
    for (role, entry) in &was {
        let after = is.get(role);
        for id in keys(Some(entry)).into_iter().filter(|id| !keys(after).contains(id)) {
            found.extend(name(old, id).map(|name| D::KeyOut { role: role.clone(), name, key: id }));
        }
        if after.is_none() {
            found.push(D::EntryOut { role: role.clone() });
        }
    }
}
