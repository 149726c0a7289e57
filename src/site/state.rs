//! The state of a site, and the rules for sequence numbers.

use super::SiteError;
use sealift_bundle::format::statement::Predicate;
use sealift_bundle::trust::approval::Permit;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far a number may jump. A packer who skips this many has made a mistake, or wants to lock the site out of all
/// numbers in between (J14); an approver can let it in.
const MAX_JUMP: u64 = 1_000_000;

/// What a site remembers between two acts; each entry of the journal holds all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteState {
    /// Which site it is: random, made once.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// The scenarios it takes; in order, each once.
    pub accepts: Vec<Name>,
    /// How many releases of each scenario are kept.
    pub keep: u32,
    /// The id of the key with which the site signs receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<sealift_bundle::trust::key::KeyId>,
    /// Version of the pinned trust root.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub root_version: u64,
    /// Its fingerprint: the digest of its payload.
    pub root: Digest,
    /// No clock is verified that shows an earlier time: the latest date that verified signatures cover.
    pub time_floor: Timestamp,
    /// What is installed; by scenario, each once.
    pub scenarios: Vec<SiteScenario>,
}

/// What is installed of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteScenario {
    /// Its name.
    pub name: Name,
    /// The highest number that was ever installed, and the bundle that had it.
    pub highest: ReleaseMark,
    /// The release that is in use.
    pub current: Name,
    /// The releases that are there, in the order in which they came into use.
    pub releases: Vec<Release>,
    /// The approvals by which a bundle was let in out of order: each counts once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<Digest>,
}

/// Where a bundle is among the bundles of its scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseMark {
    /// The epoch of the trust root.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub epoch: u64,
    /// The number within the epoch.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub sequence: u64,
    /// The bundle.
    pub statement: Digest,
}

impl ReleaseMark {
    /// Of a verified bundle.
    #[must_use]
    pub fn of(predicate: &Predicate, statement: Digest) -> Self {
        Self { epoch: predicate.epoch, sequence: predicate.sequence, statement }
    }

    /// Whether its number is higher.
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        self.number() > other.number()
    }

    fn number(&self) -> (u64, u64) {
        (self.epoch, self.sequence)
    }
}

impl fmt::Display for ReleaseMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}, sequence {} ({})", self.epoch, self.sequence, self.statement.short())
    }
}

/// One bundle as installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The name of its directory: version, the first digits of the statement, and those of the values for its parameters.
    pub folder: Name,
    /// The name of the bundle.
    pub bundle: Name,
    /// Its version.
    pub version: Name,
    /// Its number and statement.
    pub mark: ReleaseMark,
    /// When it was installed, by the clock of the site.
    pub installed: Timestamp,
    /// Files of its trees.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub files: u64,
    /// Bytes of its trees and images.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub bytes: u64,
    /// The digest of the values for its parameters, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Digest>,
    /// The digest of the inventory of all that was installed; absent for releases of versions that kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Digest>,
}

/// What a new bundle is to a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The first of its scenario.
    First,
    /// The one that is in use.
    Same,
    /// The newest, which is there and not in use.
    Here(Name),
    /// The one that is in use, or the newest, which is there; but not with these values for its parameters.
    OtherValues,
    /// A newer one.
    Newer {
        /// The site has the bundle that it follows on, or does not know of any in between.
        gap: Option<Gap>,
    },
    /// One that approvers let in out of order.
    OutOfOrder {
        /// Why.
        reason: String,
    },
}

/// Bundles that were made and never installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What the site has.
    pub has: ReleaseMark,
    /// The bundle that the new one follows on, where it says so.
    pub follows: Option<Digest>,
    /// How many numbers lie between.
    pub numbers: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.numbers {
            0 => write!(f, "the bundle has the next number")?,
            1 => write!(f, "one number lies between")?,
            numbers => write!(f, "{numbers} numbers lie between")?,
        }
        if let Some(follows) = &self.follows {
            write!(f, "; it follows on the bundle {}, which this site never had", follows.short())?;
        }
        write!(f, ". This site has {}. A bundle is whole by itself, so nothing is missing", self.has)
    }
}

impl SiteState {
    /// What is installed of a scenario.
    #[must_use]
    pub fn scenario(&self, name: &Name) -> Option<&SiteScenario> {
        self.scenarios.iter().find(|scenario| scenario.name == *name)
    }

    /// The one scenario that is meant, when only one can be.
    pub fn meant(&self, asked: Option<&Name>) -> Result<&SiteScenario, SiteError> {
        let all = || self.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        match (asked, self.scenarios.as_slice()) {
            (Some(name), _) => self
                .scenario(name)
                .ok_or_else(|| SiteError::NoScenario { asked: Some(name.clone()), installed: all() }),
            (None, [only]) => Ok(only),
            (None, _) => Err(SiteError::NoScenario { asked: None, installed: all() }),
        }
    }

    /// Judges a bundle whose seal is verified, by the number that it has; `permit` is why approvers let it in out of
    /// order, if they do. `parameters` is the digest of the values that it would be rendered with.
    pub(crate) fn decide(
        &self,
        predicate: &Predicate,
        statement: Digest,
        parameters: Option<Digest>,
        permit: Option<&Permit>,
    ) -> Result<Decision, SiteError> {
        let name = &predicate.scenario;
        if self.accepts.binary_search(name).is_err() {
            return Err(SiteError::Scenario { found: name.clone(), accepts: self.accepts.clone() });
        }
        let found = ReleaseMark::of(predicate, statement);
        let permitted = |refusal: SiteError| match permit {
            Some(permit) if self.has_used(name, permit) => Err(SiteError::PermitUsed { found }),
            Some(permit) => Ok(Decision::OutOfOrder { reason: permit.reason.clone() }),
            None => Err(refusal),
        };
        let Some(scenario) = self.scenario(name) else {
            return if predicate.sequence > MAX_JUMP {
                permitted(SiteError::Jump { found, from: 0 })
            } else {
                Ok(Decision::First)
            };
        };
        let highest = scenario.highest;
        let is_it = |release: &&Release| release.mark.statement == statement;
        let in_use = scenario.release(&scenario.current).filter(is_it);
        // After going back. One that is older still is there too, and is gone back to by name, not by accident.
        let is_here = highest.statement == statement && scenario.releases.iter().any(|one| is_it(&one));
        if in_use.is_some() || is_here {
            return Ok(match scenario.with(statement, parameters) {
                Some(here) if here.folder == scenario.current => Decision::Same,
                Some(here) => Decision::Here(here.folder.clone()),
                None => Decision::OtherValues,
            });
        }
        if found.number() == highest.number() && found.statement != highest.statement {
            return Err(SiteError::Equivocation { found, highest });
        }
        if found.number() < highest.number() {
            return permitted(SiteError::Older { found, highest });
        }
        let from = if found.epoch == highest.epoch { highest.sequence } else { 0 };
        let numbers = found.sequence.saturating_sub(from).saturating_sub(1);
        if numbers >= MAX_JUMP {
            return permitted(SiteError::Jump { found, from });
        }
        let follows = predicate.previous.filter(|previous| *previous != highest.statement);
        let gap = (numbers > 0 || follows.is_some()).then_some(Gap { has: highest, follows, numbers });
        Ok(Decision::Newer { gap })
    }
}

impl SiteState {
    fn has_used(&self, scenario: &Name, permit: &Permit) -> bool {
        let used = self.scenario(scenario).map(|scenario| scenario.permits.as_slice()).unwrap_or_default();
        permit.approvals.iter().any(|approval| used.contains(approval))
    }
}

impl SiteScenario {
    /// The release with that directory.
    #[must_use]
    pub fn release(&self, folder: &Name) -> Option<&Release> {
        self.releases.iter().find(|release| release.folder == *folder)
    }

    /// The release of a bundle with these values for its parameters.
    #[must_use]
    pub fn with(&self, statement: Digest, parameters: Option<Digest>) -> Option<&Release> {
        let is_it = |one: &&Release| one.mark.statement == statement && one.parameters == parameters;
        self.releases.iter().find(is_it)
    }

    /// The release that was in use before the one in use.
    #[must_use]
    pub fn before_current(&self) -> Option<&Release> {
        let at = self.releases.iter().position(|release| release.folder == self.current)?;
        self.releases.get(at.checked_sub(1)?)
    }
}
