//! Warnings about a valid trust root, for example that one key decides alone.

use super::TrustError;
use super::root::{Role, Root};
use super::root_edit::KeyScope;
use crate::value::timestamp::Timestamp;
use serde::Serialize;
use std::fmt;

/// An expiry date is near when it is no more than so many days away: time for a ceremony.
const NEAR: u32 = 30;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum RootFinding {
    /// Past its expiry date, under a policy that only warns.
    Expired {
        /// Its expiry date.
        expired: Timestamp,
    },
    /// Its expiry date is near.
    ExpiresSoon {
        /// Its expiry date.
        expires: Timestamp,
    },
    /// One key alone has the say: anyone who steals it has it too.
    OneKey {
        /// In which role.
        role: KeyScope,
        /// How many keys have it, each of them alone.
        keys: usize,
    },
    /// Every root key is needed: when one is lost, no version can follow.
    NoneToSpare {
        /// How many root keys there are.
        keys: usize,
    },
}

impl fmt::Display for RootFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { expired } => write!(f, "it expired at {expired}; it says to warn of that only"),
            Self::ExpiresSoon { expires } => write!(f, "it expires at {expires}, within {NEAR} days"),
            Self::OneKey { role, keys: 1 } => write!(f, "one key alone decides as `{role}`"),
            Self::OneKey { role, keys } => write!(f, "each of {keys} keys alone decides as `{role}`"),
            Self::NoneToSpare { keys: 1 } => write!(f, "if the root key is lost, no version can follow"),
            Self::NoneToSpare { keys } => {
                write!(f, "all {keys} root keys have to sign: if one is lost, no version can follow")
            }
        }
    }
}

/// What to look at in this root; an error when it has expired and says that this is to be refused.
pub fn findings(root: &Root, now: Timestamp) -> Result<Vec<RootFinding>, TrustError> {
    let mut found = Vec::new();
    if let Some(expired) = root.check_expiry(now)? {
        found.push(RootFinding::Expired { expired });
    } else if let Some(expires) = root.expires() {
        let is_near = now.plus_days(NEAR).is_none_or(|near| expires <= near);
        found.extend(is_near.then_some(RootFinding::ExpiresSoon { expires }));
    }
    for entry in root.roles() {
        let (keys, role) = (entry.keys().len(), KeyScope::from(entry));
        found.extend((entry.threshold() == 1).then_some(RootFinding::OneKey { role, keys }));
        let is_tight = entry.role() == Role::Root && entry.threshold() == keys;
        found.extend(is_tight.then_some(RootFinding::NoneToSpare { keys }));
    }
    Ok(found)
}
