//! The statement: the small signed document that commits to every byte of the bundle.

use super::error::BundleError;
use super::member;
use super::site_inputs::{self, Selection, SiteInputs};
use crate::value::canonical;
use crate::value::digest::{Digest, bare};
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// in-toto Statement, version 1.
pub const TYPE: &str = "https://in-toto.io/Statement/v1";
/// The predicate that this build writes and reads; names the format and its version.
pub(crate) const PREDICATE_TYPE: &str = "https://sealift.dev/bundle/v1";

/// An in-toto Statement v1 about one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// What is said about the bundle.
    pub predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    #[serde(with = "bare")]
    sha256: Digest,
}

/// What the statement says about a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The bundle's name.
    pub name: Name,
    /// The bundle's version.
    pub version: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// The trust root's epoch.
    pub epoch: u64,
    /// Counts the bundles of a scenario within an epoch.
    pub sequence: u64,
    /// The statement before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When the lock was written.
    pub created: Timestamp,
    /// After this moment the bundle is no longer to be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Which part of its manifest it carries.
    #[serde(default, skip_serializing_if = "Selection::is_whole")]
    pub selection: Selection,
    /// What a site has to add to it.
    #[serde(default, skip_serializing_if = "SiteInputs::is_nothing")]
    pub needs: SiteInputs,
    /// Version of the trust root it was sealed under.
    pub root_version: u64,
    /// Digest of the lock.
    pub lock: Digest,
    /// The members before the blobs, in order.
    pub members: Vec<Member>,
    /// What all of it adds up to.
    pub totals: Totals,
    /// What made it.
    pub tool: Tool,
}

/// A member before the blobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    #[serde(with = "bare")]
    pub sha256: Digest,
}

/// Sums over the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Items in the index.
    pub items: u64,
    /// Blobs, each counted once.
    pub blobs: u64,
    /// Bytes of all blobs.
    pub bytes: u64,
}

/// What made a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Always `sealift` here; another writer says its own name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Statement {
    /// The statement about these members.
    #[must_use]
    pub fn new(predicate: Predicate) -> Self {
        let subject = |name: &&str| {
            let member = predicate.members.iter().find(|member| member.name == **name)?;
            Some(Subject { name: (*name).to_owned(), digest: SubjectDigest { sha256: member.sha256 } })
        };
        Self {
            kind: TYPE.to_owned(),
            subject: [member::INDEX, member::SHA256SUMS].iter().filter_map(subject).collect(),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        canonical::encode(self)
            .map_err(|source| BundleError::Canonical { document: "the statement".to_owned(), source })
    }

    /// Reads a statement from bytes that a trusted key has signed.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let document = || "the statement".to_owned();
        let wrong = |reason: &str| BundleError::Format { document: document(), reason: reason.to_owned() };
        if bytes.len() as u64 <= limits.statement
            && let Ok(head) = serde_json::from_slice::<StatementHead>(bytes)
            && (head.kind != TYPE || head.predicate_type != PREDICATE_TYPE)
        {
            // Told apart before the rest is parsed: a later format has other keys.
            let found = format!("{} {}", head.kind, head.predicate_type);
            return Err(BundleError::Version { document: "the statement", found });
        }
        let statement: Self = canonical::decode(bytes, limits.statement)
            .map_err(|source| BundleError::Canonical { document: document(), source })?;
        let predicate = &statement.predicate;
        if !predicate.members.iter().map(|member| member.name.as_str()).eq(member::FIXED) {
            return Err(wrong("its members are not those of this format, in their order"));
        }
        if Self::new(predicate.clone()).subject != statement.subject {
            return Err(wrong(
                "its subjects are not `index.json` and `seal/SHA256SUMS` with the digests of its members",
            ));
        }
        if predicate.sequence == 0 || predicate.epoch == 0 || predicate.root_version == 0 {
            return Err(wrong("epoch, sequence and root_version count from 1"));
        }
        if predicate.expires.is_some_and(|expires| expires <= predicate.created) {
            return Err(wrong("it expires before it was created"));
        }
        site_inputs::check(&predicate.selection, &predicate.needs, limits).map_err(wrong)?;
        let numbers = [predicate.epoch, predicate.sequence, predicate.root_version, predicate.totals.bytes];
        if let Some(found) = numbers.into_iter().find(|number| *number > limits.bytes) {
            return Err(BundleError::Limit {
                what: "a number in the statement".to_owned(),
                found,
                limit: limits.bytes,
            });
        }
        for member in &predicate.members {
            let limit = match member.name.as_str() {
                member::INDEX | member::MANIFEST | member::SHA256SUMS => limits.index,
                member::RESERVE => limits.reserve,
                _ => limits.statement,
            };
            if member.size > limit {
                return Err(BundleError::Limit {
                    what: format!("bytes of `{}`", member.name),
                    found: member.size,
                    limit,
                });
            }
        }
        Ok(statement)
    }

    /// The member of that name; `parse` has seen that all are there.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.predicate.members.iter().find(|member| member.name == name)
    }
}

/// The two keys that say what kind of statement it is.
#[derive(Deserialize)]
struct StatementHead {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}
