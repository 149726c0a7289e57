//! Describes a new trust root, and builds it.

use super::TrustError;
use super::key::PublicKey;
use super::root::{Expiry, KeyEntry, Revoked, Role, RoleEntry, Root, RootPolicy};
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use std::collections::BTreeMap;

/// Keys to be given a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// How many keys have to sign.
    pub threshold: usize,
    /// The keys and who holds them.
    pub keys: Vec<(Name, PublicKey)>,
    /// The scenarios it is for; none means every scenario that no other grant of the role names.
    pub scenarios: Vec<Name>,
}

/// Everything that users decide about a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDraft {
    /// Grows when sequence numbers of bundles start over.
    pub epoch: u64,
    /// When the root was made.
    pub created: Timestamp,
    /// When it stops being verified.
    pub expires: Option<Timestamp>,
    /// Who may do what.
    pub grants: Vec<Grant>,
    /// What is verified no longer.
    pub revoked: Revoked,
    /// What else is decided.
    pub policy: RootPolicy,
}

impl RootDraft {
    /// A first root in which one key has the roles `root` and `packer`: enough to try things out, too little for a
    /// site, because anyone who has the key can replace it.
    #[must_use]
    pub fn single_key(holder: &Name, key: &PublicKey, created: Timestamp) -> Self {
        let grant = |role| Grant {
            role,
            threshold: 1,
            keys: vec![(holder.clone(), key.clone())],
            scenarios: Vec::new(),
        };
        Self {
            epoch: 1,
            created,
            expires: None,
            grants: vec![grant(Role::Root), grant(Role::Packer)],
            revoked: Revoked::default(),
            policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
        }
    }
}

impl Root {
    /// The first root.
    pub fn new_v1(terms: RootDraft) -> Result<Self, TrustError> {
        Self::from_terms(1, terms)
    }

    /// The root that follows this one.
    pub fn next(&self, terms: RootDraft) -> Result<Self, TrustError> {
        Self::from_terms(self.version.saturating_add(1), terms)
    }

    fn from_terms(version: u64, terms: RootDraft) -> Result<Self, TrustError> {
        let mut keys = BTreeMap::new();
        let mut roles = Vec::with_capacity(terms.grants.len());
        for grant in terms.grants {
            let mut ids = Vec::with_capacity(grant.keys.len());
            for (name, public) in grant.keys {
                let id = public.id();
                ids.push(id);
                let entry = keys.entry(id).or_insert_with(|| KeyEntry { id, public, name: name.clone() });
                if entry.name != name {
                    let reason = format!("one key has two names, `{}` and `{name}`", entry.name);
                    return Err(TrustError::Root { version, reason });
                }
            }
            let mut scenarios = grant.scenarios;
            ids.sort();
            scenarios.sort();
            roles.push(RoleEntry { role: grant.role, threshold: grant.threshold, keys: ids, scenarios });
        }
        roles.sort_by(|one, other| one.place().cmp(&other.place()));
        let RootDraft { epoch, created, expires, mut revoked, policy, .. } = terms;
        revoked.keys.sort();
        revoked.statements.sort();
        let keys = keys.into_values().collect();
        let root = Self { version, epoch, created, expires, keys, roles, revoked, policy };
        root.keep_rules()?;
        Ok(root)
    }

    /// What was decided about this root: the start for the next one.
    #[must_use]
    pub fn terms(&self) -> RootDraft {
        let grant = |entry: &RoleEntry| Grant {
            role: entry.role,
            threshold: entry.threshold,
            keys: entry
                .keys
                .iter()
                .filter_map(|id| self.key(*id))
                .map(|key| (key.name.clone(), key.public.clone()))
                .collect(),
            scenarios: entry.scenarios.clone(),
        };
        RootDraft {
            epoch: self.epoch,
            created: self.created,
            expires: self.expires,
            grants: self.roles.iter().map(grant).collect(),
            revoked: self.revoked.clone(),
            policy: self.policy.clone(),
        }
    }
}
