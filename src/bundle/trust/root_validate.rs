//! The rules that every trust root has to keep.

use super::TrustError;
use super::root::{KeyEntry, Role, RoleEntry, Root};
use std::collections::BTreeSet;

/// Keys in one root: with every signature checked against every key, still a moment's work.
const MAX_KEYS: usize = 256;

impl Root {
    /// Refuses a root that breaks a rule, and names the rule.
    pub(super) fn keep_rules(&self) -> Result<(), TrustError> {
        let version = self.version;
        if self.keys.len() > MAX_KEYS {
            let (found, limit) = (self.keys.len() as u64, MAX_KEYS as u64);
            return Err(TrustError::Limit { what: "keys in a trust root", found, limit });
        }
        self.broken_rule()
            .or_else(|| self.roles.iter().find_map(|entry| self.broken_role(entry)))
            .or_else(|| self.broken_roles())
            .map_or(Ok(()), |reason| Err(TrustError::Root { version, reason }))
    }

    fn broken_rule(&self) -> Option<String> {
        // JSON readers of others lose numbers above 2^53; no one rotates a root that often.
        let countable = 1..1 << 53;
        if !countable.contains(&self.version) || !countable.contains(&self.epoch) {
            return Some("version and epoch have to be at least 1 and below 2^53".to_owned());
        }
        if self.expires.is_some_and(|expires| expires <= self.created) {
            return Some("it expires before it was made".to_owned());
        }
        if !is_ascending(self.keys.iter().map(KeyEntry::id)) {
            return Some("its keys are not in the order of their ids, each once".to_owned());
        }
        let mut names = BTreeSet::new();
        if let Some(key) = self.keys.iter().find(|key| !names.insert(&key.name)) {
            return Some(format!("two keys have the name `{}`", key.name));
        }
        if !is_ascending(&self.revoked.keys) || !is_ascending(&self.revoked.statements) {
            return Some("what it revokes is not in order, each once".to_owned());
        }
        let both = self.keys.iter().find(|key| self.is_revoked_key(&key.id))?;
        Some(format!("the key of `{}` is listed and revoked", both.name))
    }

    fn broken_role(&self, entry: &RoleEntry) -> Option<String> {
        let RoleEntry { role, threshold, keys, scenarios } = entry;
        if *threshold == 0 || *threshold > keys.len() {
            return Some(format!("the {role} role asks for {threshold} of {} keys", keys.len()));
        }
        if !is_ascending(keys) || !is_ascending(scenarios) {
            return Some(format!("keys or scenarios of the {role} role are not in order, each once"));
        }
        let unknown = keys.iter().find(|id| self.key(**id).is_none())?;
        Some(format!("the {role} role names the key {unknown}, which is not listed"))
    }

    /// Exactly one entry has to decide for every role and scenario, or two readers could see two rules.
    fn broken_roles(&self) -> Option<String> {
        if !is_ascending(self.roles.iter().map(RoleEntry::place)) {
            return Some("its roles are not in order, each once".to_owned());
        }
        let of = |role| self.roles.iter().filter(move |entry| entry.role == role);
        if of(Role::Root).count() != 1 || of(Role::Root).any(|entry| !entry.scenarios.is_empty()) {
            return Some("it needs exactly one root role, for all scenarios".to_owned());
        }
        if of(Role::Packer).count() == 0 {
            return Some("no key may seal bundles: it has no packer role".to_owned());
        }
        if let Some(policy) = &self.policy.approvals {
            if of(Role::Approver).count() == 0 {
                return Some("its policy asks for approvals, and it has no approver role".to_owned());
            }
            if !is_ascending(&policy.conditions) {
                return Some("the conditions of its policy are not in order, each once".to_owned());
            }
            if policy.max_age_days == Some(0) {
                return Some("its policy has approvals that are too old at once".to_owned());
            }
        }
        // Anyone who approves has to be someone else than anyone who packs, or nothing was approved.
        let packs = |id| of(Role::Packer).any(|entry| entry.keys.contains(id));
        let both = of(Role::Approver).flat_map(|entry| &entry.keys).find(|id| packs(id));
        if let Some(key) = both.and_then(|id| self.key(*id)) {
            return Some(format!("`{}` may pack and approve", key.name));
        }
        [Role::Packer, Role::Approver].into_iter().find_map(|role| {
            let mut named = BTreeSet::new();
            let twice = of(role).flat_map(|entry| &entry.scenarios).any(|name| !named.insert(name));
            let general = of(role).filter(|entry| entry.scenarios.is_empty()).count();
            (twice || general > 1)
                .then(|| format!("two entries of the {role} role are for the same scenario"))
        })
    }
}

/// Strictly ascending: one order, nothing twice.
fn is_ascending<T: Ord>(values: impl IntoIterator<Item = T>) -> bool {
    let mut values = values.into_iter();
    let Some(mut last) = values.next() else { return true };
    values.all(|value| {
        let ascends = last < value;
        last = value;
        ascends
    })
}
