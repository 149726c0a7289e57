//! The trust root: a signed, versioned document that says which keys may do what.

use super::TrustError;
use super::envelope::{Envelope, PayloadType};
use super::key::{KeyId, PublicKey, Signer};
pub use super::root_draft::{Grant, RootDraft};
use super::root_json::RootForm;
use crate::value::canonical;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::plural::counted;
use crate::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs trust roots.
    Root,
    /// Seals bundles.
    Packer,
    /// Approves bundles that were sealed.
    Approver,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Root => "root",
            Self::Packer => "packer",
            Self::Approver => "approver",
        })
    }
}

/// What becomes of something past its expiry date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// It is rejected.
    Refuse,
    /// It is verified, with a warning: for sites whose clock no one sets.
    Warn,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
        })
    }
}

/// What the root decides beside keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootPolicy {
    /// What becomes of roots and bundles past their expiry date.
    pub expiry: Expiry,
    /// What is asked of approvers before a bundle is verified, unpacked or installed; nothing when none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalPolicy>,
}

/// Which approvals count. How many it takes is the threshold of the role `approver`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// Days after which an approval counts no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// What each approval has to state, like `malware-scan`; in order, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Name>,
}

impl fmt::Display for ApprovalPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked for")?;
        if let Some(days) = self.max_age_days {
            write!(f, ", at most {} old", counted(days.into(), "day"))?;
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            let gap = if at > 0 { "," } else { ", stating" };
            write!(f, "{gap} {condition}")?;
        }
        Ok(())
    }
}

/// What is verified no longer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Keys, so that errors can say why a signature does not count.
    pub keys: Vec<KeyId>,
    /// Bundles, by the digest of their statement.
    pub statements: Vec<Digest>,
}

/// A key and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    pub(super) id: KeyId,
    pub(super) public: PublicKey,
    pub(super) name: Name,
}

impl KeyEntry {
    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Who holds it.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }
}

/// Which keys have a role, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleEntry {
    pub(super) role: Role,
    pub(super) threshold: usize,
    pub(super) keys: Vec<KeyId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scenarios: Vec<Name>,
}

impl RoleEntry {
    /// Where it is among the roles: root, packer, approver; then by scenarios, the general one first.
    pub(super) fn place(&self) -> (Role, &[Name]) {
        (self.role, &self.scenarios)
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// How many keys have to sign.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The keys that may.
    #[must_use]
    pub fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// The scenarios it is for; none means every scenario that no other entry of the role names.
    #[must_use]
    pub fn scenarios(&self) -> &[Name] {
        &self.scenarios
    }
}

/// A trust root that keeps its rules. Whether it is verified is decided by [`chain`](super::chain).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub(super) version: u64,
    pub(super) epoch: u64,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) keys: Vec<KeyEntry>,
    pub(super) roles: Vec<RoleEntry>,
    pub(super) revoked: Revoked,
    pub(super) policy: RootPolicy,
}

impl Root {
    /// Signs this root. The result is a `root.json`, and a line of the chain.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, TrustError> {
        let payload = canonical::encode(&RootForm::from(self))
            .map_err(|source| TrustError::Canonical { document: "a trust root", source })?;
        Envelope::sign(PayloadType::Root, payload, signers)
    }

    /// Reads a root and looks at its rules. Verifies nothing.
    pub(super) fn parse(payload: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let form: RootForm = canonical::decode(payload, limits.root)
            .map_err(|source| TrustError::Canonical { document: "a trust root", source })?;
        let root = form.into_root()?;
        root.keep_rules()?;
        Ok(root)
    }

    /// Its version: 1, 2, 3, ...
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Its epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When it was made.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it stops being verified.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Its keys, by id.
    #[must_use]
    pub fn keys(&self) -> &[KeyEntry] {
        &self.keys
    }

    /// Its roles.
    #[must_use]
    pub fn roles(&self) -> &[RoleEntry] {
        &self.roles
    }

    /// What it revokes.
    #[must_use]
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// What else it decides.
    #[must_use]
    pub fn policy(&self) -> &RootPolicy {
        &self.policy
    }

    /// The key with that id.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&KeyEntry> {
        let at = self.keys.binary_search_by_key(&id, KeyEntry::id).ok()?;
        self.keys.get(at)
    }

    /// Whether the key was revoked.
    #[must_use]
    pub(crate) fn is_revoked_key(&self, id: &KeyId) -> bool {
        self.revoked.keys.binary_search(id).is_ok()
    }

    /// The one entry that decides who has a role for a scenario: the one that names the scenario, or else
    /// the one that names none.
    #[must_use]
    pub fn entry(&self, role: Role, scenario: Option<&Name>) -> Option<&RoleEntry> {
        let entries = || self.roles.iter().filter(|entry| entry.role == role);
        let named = scenario.and_then(|name| entries().find(|entry| entry.scenarios.contains(name)));
        named.or_else(|| entries().find(|entry| entry.scenarios.is_empty()))
    }

    /// Whether the bundle with this statement was revoked (J20).
    #[must_use]
    pub fn is_revoked_statement(&self, statement: &Digest) -> bool {
        self.revoked.statements.binary_search(statement).is_ok()
    }

    /// Refuses a root that was made more than a day after now. Sites take `created` for a time that has passed, and no
    /// later root may have an earlier one: a root from a clock that was years ahead would lock them for good.
    pub fn check_created(&self, now: Timestamp) -> Result<(), TrustError> {
        // Without a date a day from now, nothing can be later than that.
        if now.plus_days(1).is_some_and(|latest| self.created > latest) {
            let (version, created) = (self.version, self.created);
            return Err(TrustError::Future { version, created, now });
        }
        Ok(())
    }

    /// Judges the root's own expiry date: nothing when it is not past, the date when it is past and the
    /// policy only warns.
    pub fn check_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, TrustError> {
        self.judge_expiry(&format!("trust root version {}", self.version), self.expires, now)
    }

    /// Judges the expiry date of something under this root. At the date itself it is past.
    pub(crate) fn judge_expiry(
        &self,
        what: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, TrustError> {
        let past = expires.filter(|expires| *expires <= now);
        match (self.policy.expiry, past) {
            (Expiry::Refuse, Some(date)) => {
                Err(TrustError::Expired { what: what.to_owned(), expired: date, now })
            }
            (Expiry::Refuse | Expiry::Warn, past) => Ok(past),
        }
    }
}
