//! Approvals: what approvers say about one bundle, signed, in a file beside it.
//!
//! An approval names the statement, which commits to every byte: cutting a bundle, carrying it another way or
//! publishing it changes nothing about it. It is not a further signature in the seal, for it has a date, may state
//! conditions, and may let a bundle in that is older than what a site has; and so that nobody's signature as a packer
//! can be taken for an approval.

use super::TrustError;
use super::envelope::{Envelope, PayloadType};
use super::key::{KeyId, Signer};
use super::root::{ApprovalPolicy, Role, RoleEntry, Root};
use super::threshold::{Who, signers};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::printable::Printable;
use crate::value::reason::Reason;
use crate::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

const TYPE: &str = "https://sealift.dev/approval/v1";
const PAYLOAD: PayloadType = PayloadType::Approval;

/// What an approver says about one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    #[serde(rename = "_type")]
    kind: String,
    /// The bundle: the digest of its statement.
    pub statement: Digest,
    /// The scenario, for which the approver has the role.
    pub scenario: Name,
    /// When it was approved.
    pub approved: Timestamp,
    /// What the approver states, like `malware-scan`; in order, each once.
    pub conditions: Vec<Name>,
    /// Why the bundle may be installed although its number is lower than what a site has, or far higher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<String>,
}

impl Approval {
    /// An approval of this bundle.
    #[must_use]
    pub fn new(statement: Digest, scenario: Name, approved: Timestamp, mut conditions: Vec<Name>) -> Self {
        conditions.sort();
        conditions.dedup();
        Self { kind: TYPE.to_owned(), statement, scenario, approved, conditions, out_of_order: None }
    }

    /// Signs it.
    pub fn sign(&self, signer: &dyn Signer, limits: &Limits) -> Result<Envelope, TrustError> {
        let payload = PAYLOAD.encode(self)?;
        Self::parse(&payload, limits)?;
        Envelope::sign(PAYLOAD, payload, &[signer])
    }

    fn parse(payload: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let approval: Self = PAYLOAD.decode(payload, limits)?;
        let document = PAYLOAD.document();
        let wrong = |reason: &str| Err(TrustError::Format { document, reason: reason.to_owned() });
        if approval.kind != TYPE {
            return wrong("its type is not one this build knows");
        }
        if !approval.conditions.is_sorted_by(|one, other| one < other) {
            return wrong("its conditions are not in order, each once");
        }
        if let Some(fault) = approval.out_of_order.as_deref().and_then(Reason::fault) {
            return wrong(&format!("its reason for going out of order is none: {fault}"));
        }
        Ok(approval)
    }
}

/// The approvals of a bundle as they came: one envelope a line, each by one approver. No one trusts them yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Approvals(Vec<Envelope>);

impl Approvals {
    /// No approvals.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Bytes of the longest file of approvals.
    #[must_use]
    pub fn limit(limits: &Limits) -> u64 {
        PAYLOAD.file_limit(limits.signatures, limits)
    }

    /// Reads a file of approvals. Verifies nothing.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let (found, limit) = (bytes.len() as u64, Self::limit(limits));
        if found > limit {
            return Err(TrustError::Limit { what: "bytes of approvals", found, limit });
        }
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
        if lines > limits.signatures {
            let (found, limit) = (lines as u64, limits.signatures as u64);
            return Err(TrustError::Limit { what: "approvals", found, limit });
        }
        let mut approvals = Self::none();
        for envelope in Envelope::parse_lines(bytes, PAYLOAD, limits) {
            approvals.add(envelope?, limits);
        }
        Ok(approvals)
    }

    /// Writes them.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        Envelope::encode_lines(&self.0)
    }

    /// Adds one, in place of what the same key said of the same bundle before.
    pub fn add(&mut self, envelope: Envelope, limits: &Limits) {
        let of = |envelope: &Envelope| {
            let keys: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
            (keys, Approval::parse(envelope.payload(), limits).ok().map(|approval| approval.statement))
        };
        self.0.retain(|before| of(before) != of(&envelope));
        self.0.push(envelope);
    }

    /// All of these as well; which of them count is judged later.
    pub fn extend(&mut self, others: Self, limits: &Limits) {
        others.0.into_iter().for_each(|envelope| self.add(envelope, limits));
    }

    /// Who of the role `approver` approved this bundle, and whose approval does not count and why.
    ///
    /// A key counts once, whatever it signed. A signature that carries the id of a key of the root and was not made by
    /// it is tampering, as in a seal.
    pub fn judge(
        &self,
        root: &Root,
        bundle: (Digest, &Name),
        now: Timestamp,
        limits: &Limits,
    ) -> Result<CountedApprovals, TrustError> {
        let (statement, scenario) = bundle;
        let entry = root.entry(Role::Approver, Some(scenario));
        let mut approved = BTreeMap::new();
        let mut set_aside = Vec::new();
        for envelope in &self.0 {
            let all = signers(envelope, root)?;
            let may = |who: &&Who| entry.is_some_and(|entry| entry.keys().contains(&who.id));
            let approvers: Vec<_> = all.iter().filter(may).collect();
            if approvers.is_empty() {
                let known = all.iter().map(|who| (who.to_string(), "has no approver role for this scenario"));
                let strangers = envelope.signatures().iter().filter(|_| all.is_empty()).map(|signature| {
                    let revoked = root.is_revoked_key(&signature.key_id);
                    let why = if revoked { "is revoked" } else { "is unknown to the trust root" };
                    (format!("the key {}", signature.key_id.short()), why)
                });
                let aside = |(who, why): (String, &str)| SetAside { who, why: why.to_owned() };
                set_aside.extend(known.chain(strangers).map(aside));
                continue;
            }
            let approval = Approval::parse(envelope.payload(), limits)?;
            let fault = fault(&approval, root.policy().approvals.as_ref(), statement, scenario, now);
            for who in approvers {
                match &fault {
                    None => {
                        approved.insert(
                            who.id,
                            Approved {
                                who: who.clone(),
                                approval: approval.clone(),
                                digest: envelope.payload_digest(),
                            },
                        );
                    }
                    Some(why) => set_aside.push(SetAside { who: who.to_string(), why: why.clone() }),
                }
            }
        }
        let approved: Vec<_> = approved.into_values().collect();
        Ok(CountedApprovals {
            statement,
            is_demanded: root.policy().approvals.is_some(),
            threshold: entry.map(RoleEntry::threshold),
            missing: entry
                .into_iter()
                .flat_map(RoleEntry::keys)
                .filter(|id| !approved.iter().any(|one: &Approved| one.who.id == **id))
                .filter_map(|id| root.key(*id))
                .map(|key| Who { name: key.name().clone(), id: key.id() })
                .collect(),
            approved,
            set_aside,
        })
    }
}

/// Why an approval does not count, if it does not.
fn fault(
    approval: &Approval,
    policy: Option<&ApprovalPolicy>,
    statement: Digest,
    scenario: &Name,
    now: Timestamp,
) -> Option<String> {
    if approval.statement != statement || approval.scenario != *scenario {
        return Some(format!("approved another bundle, {}", approval.statement));
    }
    let policy = policy?;
    if let Some(days) = policy.max_age_days {
        // Where age counts, no one gets more of it by a date to come.
        if approval.approved > now {
            return Some(format!("approved at {}, and now is {now}", approval.approved));
        }
        if let Some(end) = approval.approved.plus_days(days).filter(|end| *end <= now) {
            return Some(format!("approved at {}, which counted until {end}", approval.approved));
        }
    }
    let missing = policy.conditions.iter().find(|wanted| !approval.conditions.contains(wanted))?;
    Some(format!("approved without stating `{missing}`"))
}

/// Enough approvers let a bundle in out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Why.
    pub reason: String,
    /// The approvals that say so, by the digest of what was signed: a site lets each count once.
    pub approvals: Vec<Digest>,
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Whose it is.
    pub who: Who,
    /// What it says.
    pub approval: Approval,
    /// The digest of what was signed.
    pub digest: Digest,
}

/// An approval that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Whose it is.
    pub who: String,
    /// Why it does not count.
    pub why: String,
}

/// What approvers say about a bundle, as the trust root sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedApprovals {
    /// Approvals that count, by key.
    pub approved: Vec<Approved>,
    /// Approvals that do not.
    pub set_aside: Vec<SetAside>,
    /// Approvers that have said nothing that counts.
    pub missing: Vec<Who>,
    /// The bundle: the digest of its statement, which packers have signed.
    pub(crate) statement: Digest,
    /// Whether the policy demands any.
    is_demanded: bool,
    /// How many approvers of this scenario decide together.
    threshold: Option<usize>,
}

impl CountedApprovals {
    /// How many the policy demands.
    #[must_use]
    pub fn demanded(&self) -> Option<usize> {
        self.threshold.filter(|_| self.is_demanded)
    }

    /// Refuses what the policy of the trust root does not let through.
    pub(super) fn suffices(&self) -> Result<(), TrustError> {
        // A policy that demands approvals for a scenario that has no approvers lets nothing through.
        let is_met = self.threshold.is_some_and(|needed| needed > 0 && self.approved.len() >= needed);
        if is_met || !self.is_demanded { Ok(()) } else { Err(TrustError::Unapproved(Box::new(self.clone()))) }
    }

    /// The permission to let the bundle in out of order, if enough approvers give it.
    #[must_use]
    pub fn permit(&self) -> Option<Permit> {
        let needed = self.threshold.filter(|needed| *needed > 0)?;
        let permitting = || self.approved.iter().filter(|one| one.approval.out_of_order.is_some());
        let reason = permitting().find_map(|one| one.approval.out_of_order.clone())?;
        let approvals: Vec<_> = permitting().map(|one| one.digest).collect();
        (approvals.len() >= needed).then_some(Permit { reason, approvals })
    }
}

impl fmt::Display for CountedApprovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.demanded() {
            Some(needed) => write!(f, "too few approvals: {needed} needed, {} found", self.approved.len())?,
            None => write!(f, "approvals are needed, and no approver is named for this scenario")?,
        }
        for (at, who) in self.missing.iter().enumerate() {
            if at == 0 { write!(f, "; missing: {who}")? } else { write!(f, ", {who}")? }
        }
        for one in &self.set_aside {
            write!(f, "; does not count: {} {}", one.who, Printable(&one.why))?;
        }
        Ok(())
    }
}

/// What is asked of approvers when a bundle is opened.
#[derive(Clone, Copy)]
pub enum ApprovalCheck<'a> {
    /// What the policy of the trust root demands has to be met by these.
    Demanded(&'a Approvals),
    /// They are counted and shown, and not required: for commands that inspect a bundle, approve it or carry it on.
    /// Nothing may be installed or unpacked under this check.
    SkippedForInspection(&'a Approvals),
}
