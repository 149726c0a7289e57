//! Waivers: signed exceptions of approvers to a policy, with a reason and an expiry date.
//!
//! A waiver is for one bundle or one scenario, for one rule, and optionally for certain places. As many approvers
//! have to sign it as the trust root requires. It does not change whether a bundle is verified.

use super::TrustError;
use super::approval::SetAside;
use super::envelope::{Envelope, PayloadType};
use super::key::{KeyId, Signer};
use super::root::{Role, RoleEntry, Root};
use super::threshold::{Who, signers};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::printable::{Printable, is_deceptive};
use crate::value::reason::Reason;
use crate::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const TYPE: &str = "https://sealift.dev/waiver/v1";
const PAYLOAD: PayloadType = PayloadType::Waiver;
const MOST: usize = 1024;

/// What an approver lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    #[serde(rename = "_type")]
    kind: String,
    /// The scenario, for which the approver has the role.
    pub scenario: Name,
    /// The bundle, by the digest of its statement; without one, every bundle of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// The rule of the policy.
    pub rule: Name,
    /// Where: a pattern in which `*` stands for any characters; without one, everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When it was written.
    pub issued: Timestamp,
    /// From this moment on it waives nothing.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// What a waiver is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaiverScope {
    /// The scenario.
    pub scenario: Name,
    /// One bundle, or every one of the scenario.
    pub statement: Option<Digest>,
    /// The rule.
    pub rule: Name,
    /// The places, or everywhere.
    pub at: Option<String>,
}

impl Waiver {
    /// A waiver of this scope.
    #[must_use]
    pub fn new(scope: WaiverScope, issued: Timestamp, until: Timestamp, reason: Reason) -> Self {
        let WaiverScope { scenario, statement, rule, at } = scope;
        Self { kind: TYPE.to_owned(), scenario, statement, rule, at, issued, until, reason: reason.into() }
    }

    /// Signs it.
    pub fn sign(&self, signer: &dyn Signer, limits: &Limits) -> Result<Envelope, TrustError> {
        let payload = PAYLOAD.encode(self)?;
        Self::parse(&payload, limits)?;
        Envelope::sign(PAYLOAD, payload, &[signer])
    }

    fn parse(payload: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let waiver: Self = PAYLOAD.decode(payload, limits)?;
        let document = PAYLOAD.document();
        let wrong = |reason: &str| Err(TrustError::Format { document, reason: reason.to_owned() });
        if waiver.kind != TYPE {
            return wrong("its type is not one this build knows");
        }
        if let Some(fault) = Reason::fault(&waiver.reason) {
            return wrong(&format!("its reason is none: {fault}"));
        }
        if waiver.at.as_ref().is_some_and(|at| at.is_empty() || at.contains(is_deceptive)) {
            return wrong("its place is empty, or has characters that cannot be seen");
        }
        if waiver.until <= waiver.issued {
            return wrong("it ends before it begins");
        }
        Ok(waiver)
    }

    fn scope(&self) -> WaiverScope {
        WaiverScope {
            scenario: self.scenario.clone(),
            statement: self.statement,
            rule: self.rule.clone(),
            at: self.at.clone(),
        }
    }

    /// Why it does not count for this bundle now, if it does not.
    fn fault(&self, statement: Digest, scenario: &Name, now: Timestamp) -> Option<String> {
        let place = self.at.as_deref().unwrap_or("everywhere");
        let what = format!("waived `{}` ({})", self.rule, Printable(place));
        if self.scenario != *scenario {
            return Some(format!("{what} for the scenario `{}`", self.scenario));
        }
        if let Some(other) = self.statement.filter(|one| *one != statement) {
            return Some(format!("{what} for another bundle, {other}"));
        }
        if self.until <= now {
            return Some(format!("{what} until {}, and now is {now}", self.until));
        }
        (self.issued > now).then(|| format!("{what} from {} on, and now is {now}", self.issued))
    }
}

/// Waivers as they came: one envelope a line. No one trusts them yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Waivers(Vec<Envelope>);

impl Waivers {
    /// No waivers.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Bytes of the longest file of waivers.
    #[must_use]
    pub fn limit(limits: &Limits) -> u64 {
        PAYLOAD.file_limit(MOST, limits)
    }

    /// Reads a file of waivers. Verifies nothing.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let (found, limit) = (bytes.len() as u64, Self::limit(limits));
        if found > limit {
            return Err(TrustError::Limit { what: "bytes of waivers", found, limit });
        }
        let mut waivers = Self::none();
        for envelope in Envelope::parse_lines(bytes, PAYLOAD, limits) {
            waivers.add(envelope?)?;
        }
        Ok(waivers)
    }

    /// Writes them.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        Envelope::encode_lines(&self.0)
    }

    /// Adds one.
    pub fn add(&mut self, envelope: Envelope) -> Result<(), TrustError> {
        if self.0.len() == MOST {
            let (found, limit) = (MOST as u64 + 1, MOST as u64);
            return Err(TrustError::Limit { what: "waivers", found, limit });
        }
        self.0.push(envelope);
        Ok(())
    }

    /// All of these as well.
    pub fn extend(&mut self, others: Self) -> Result<(), TrustError> {
        others.0.into_iter().try_for_each(|envelope| self.add(envelope))
    }

    /// Which of them count for this bundle now, and why others do not.
    ///
    /// A waiver that was not signed by its key, or by no approver of the scenario, waives nothing and is listed.
    pub fn judge(
        &self,
        root: &Root,
        bundle: (Digest, &Name),
        now: Timestamp,
        limits: &Limits,
    ) -> Result<CountedWaivers, TrustError> {
        let (statement, scenario) = bundle;
        let entry = root.entry(Role::Approver, Some(scenario));
        let may = |who: &Who| entry.is_some_and(|entry| entry.keys().contains(&who.id));
        let mut scopes: BTreeMap<WaiverScope, BTreeMap<KeyId, (Who, Waiver)>> = BTreeMap::new();
        let mut set_aside = Vec::new();
        let mut aside = |who: String, why: String| set_aside.push(SetAside { who, why });
        for envelope in &self.0 {
            let all = match signers(envelope, root) {
                Ok(all) => all,
                Err(TrustError::Tampered { who }) => {
                    aside(who.to_string(), "did not sign a waiver that says so".to_owned());
                    continue;
                }
                Err(other) => return Err(other),
            };
            let (approvers, others): (Vec<_>, Vec<_>) = all.into_iter().partition(may);
            if approvers.is_empty() {
                for who in &others {
                    aside(who.to_string(), "has no approver role for this scenario".to_owned());
                }
                for signature in envelope.signatures().iter().filter(|_| others.is_empty()) {
                    let is_revoked = root.is_revoked_key(&signature.key_id);
                    let why = if is_revoked { "is revoked" } else { "is unknown to the trust root" };
                    aside(format!("the key {}", signature.key_id.short()), why.to_owned());
                }
                continue;
            }
            let waiver = Waiver::parse(envelope.payload(), limits)?;
            let fault = waiver.fault(statement, scenario, now);
            for who in approvers {
                if let Some(why) = &fault {
                    aside(who.to_string(), why.clone());
                    continue;
                }
                let said = scopes.entry(waiver.scope()).or_default();
                // Of two by one key, the one that ends later.
                if said.get(&who.id).is_none_or(|(_, before)| before.until < waiver.until) {
                    said.insert(who.id, (who, waiver.clone()));
                }
            }
        }
        let needed = entry.map_or(usize::MAX, RoleEntry::threshold).max(1);
        let mut granted = Vec::new();
        for (scope, said) in scopes {
            let found = said.len();
            let who: Vec<_> = said.values().map(|(who, _)| who.clone()).collect();
            let first_to_end = said.into_values().map(|(_, waiver)| waiver).min_by_key(|waiver| waiver.until);
            match first_to_end {
                Some(waiver) if found >= needed => granted.push(Granted { waiver, who }),
                Some(_) | None => {
                    let why = format!("waived `{}`, and {needed} approvers have to say so", scope.rule);
                    set_aside
                        .extend(who.iter().map(|who| SetAside { who: who.to_string(), why: why.clone() }));
                }
            }
        }
        Ok(CountedWaivers { granted, set_aside })
    }
}

/// A waiver that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What it says; of several that say the same, the one that ends first.
    pub waiver: Waiver,
    /// Who says it.
    pub who: Vec<Who>,
}

/// Waivers, as the trust root sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountedWaivers {
    /// Those that count.
    pub granted: Vec<Granted>,
    /// Those that do not.
    pub set_aside: Vec<SetAside>,
}
