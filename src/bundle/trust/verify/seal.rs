//! Verifies the first three members: from the pinned root to a verified statement.

use super::{Conditions, Verified};
use crate::format::member;
use crate::format::member_reader::MemberReader;
use crate::format::statement::{Member, Statement};
use crate::trust::TrustError;
use crate::trust::approval::{ApprovalCheck, CountedApprovals};
use crate::trust::chain::{Chain, PinnedRoot};
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::key::KeyId;
use crate::trust::root::{Role, Root};
use crate::trust::threshold::{Enough, Who, verify_with};
use crate::value::digest::Digest;
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use std::fmt;

/// A bundle whose seal is verified, and what that rests on.
#[derive(Debug, Clone)]
pub struct Trusted {
    pub(super) statement: Verified<Statement>,
    /// The bundle's identity: the digest of the statement.
    pub(super) id: Digest,
    pub(super) signers: Vec<SealSigner>,
    pub(super) approvals: CountedApprovals,
    /// The trust root that was asked: the pinned one, or the newest that follows from it.
    pub(super) root: PinnedRoot,
    /// What is allowed, and should be said all the same.
    pub(super) warnings: Vec<Warning>,
    /// The members in front of those that the statement lists: roots, seal and statement.
    pub(super) front: [Member; 3],
}

/// A trusted key that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealSigner {
    /// The name of its holder in the trust root.
    pub name: Name,
    /// The role it signed in.
    pub role: Role,
    /// The id of the key.
    pub key: KeyId,
}

impl SealSigner {
    pub(super) fn packer(who: &Who) -> Self {
        Self { name: who.name.clone(), role: Role::Packer, key: who.id }
    }
}

/// What is allowed, and should be said all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Past its expiry date, under a policy that only warns.
    Expired {
        /// What it is.
        what: String,
        /// Its expiry date.
        expired: Timestamp,
    },
    /// Created later than the clock says it is now.
    FromTheFuture {
        /// When it says it was created.
        created: Timestamp,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { what, expired } => {
                write!(f, "{what} expired at {expired}; the trust root only warns of that")
            }
            Self::FromTheFuture { created } => {
                write!(f, "the bundle says it was made at {created}, which the clock here has yet to reach")
            }
        }
    }
}

impl Trusted {
    /// What was signed.
    #[must_use]
    pub fn statement(&self) -> &Verified<Statement> {
        &self.statement
    }

    /// The bundle's identity: the digest of the statement.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Who signed.
    #[must_use]
    pub fn signers(&self) -> &[SealSigner] {
        &self.signers
    }

    /// What approvers say.
    #[must_use]
    pub fn approvals(&self) -> &CountedApprovals {
        &self.approvals
    }

    /// The trust root that was asked: the pinned one, or the newest that follows from it.
    #[must_use]
    pub fn root(&self) -> &PinnedRoot {
        &self.root
    }

    /// What is allowed, and should be said all the same.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The members in front of those that the statement lists: roots, seal and statement.
    #[must_use]
    pub fn front(&self) -> &[Member; 3] {
        &self.front
    }
}

impl Trusted {
    /// Reads roots, seal and statement, and trusts them or says why not.
    ///
    /// Only the sizes of the first two members are taken from headers that no one certifies, and they are bounded.
    pub fn open(
        tape: &mut MemberReader<'_>,
        pinned: &PinnedRoot,
        conditions: &Conditions<'_>,
    ) -> Result<Self, TrustError> {
        Self::open_noting(tape, pinned, conditions, &mut None)
    }

    /// As [`Trusted::open`] for a bundle that still lacks signatures: one packer is enough. It is for the packer who is about
    /// to sign what this makes readable, and nothing that comes of it may be used in another way.
    pub fn open_before_threshold(
        tape: &mut MemberReader<'_>,
        pinned: &PinnedRoot,
        conditions: &Conditions<'_>,
    ) -> Result<Self, TrustError> {
        Self::open_with(tape, pinned, conditions, Enough::OneForTheNextSigner, &mut None)
    }

    /// As `open`; `sealed` is set to the bundle's identity once its seal is verified, also if the bundle is rejected
    /// after that: revoked, expired, not approved.
    pub fn open_noting(
        tape: &mut MemberReader<'_>,
        pinned: &PinnedRoot,
        conditions: &Conditions<'_>,
        sealed: &mut Option<Digest>,
    ) -> Result<Self, TrustError> {
        Self::open_with(tape, pinned, conditions, Enough::Threshold, sealed)
    }

    fn open_with(
        tape: &mut MemberReader<'_>,
        pinned: &PinnedRoot,
        conditions: &Conditions<'_>,
        enough: Enough,
        sealed: &mut Option<Digest>,
    ) -> Result<Self, TrustError> {
        let limits = conditions.limits;
        let roots = tape.unverified(member::ROOTS, limits.roots)?;
        let seal = tape.unverified(member::SEAL, limits.seal)?;
        let chain = Chain::parse(&roots, limits)?;
        let anchored = chain.anchor(pinned)?;
        let root = anchored.root();
        if root.version() > pinned.root().version() {
            root.check_created(conditions.now)?;
        }
        let envelope = Envelope::parse(&seal, PayloadType::Statement, limits)?;
        let verified = verify_with(&envelope, root, Role::Packer, enough, |payload| {
            let statement = Statement::parse(payload, limits)?;
            Ok::<_, TrustError>((statement.predicate.scenario.clone(), statement))
        })?;
        let predicate = &verified.value().predicate;
        let id = Digest::of(verified.payload());
        *sealed = Some(id);
        tape.must_carry(&predicate.scenario, predicate.created)?;
        let (ApprovalCheck::Demanded(approvals) | ApprovalCheck::SkippedForInspection(approvals)) =
            conditions.approvals;
        let bundle = (id, &verified.value().predicate.scenario);
        let approvals = approvals.judge(root, bundle, conditions.now, limits)?;
        let warnings = judge(verified.value(), id, root, conditions.now)?;
        if let ApprovalCheck::Demanded(_) = conditions.approvals {
            approvals.suffices()?;
        }
        // S13: the statement beside the seal is the one inside it.
        tape.member(member::STATEMENT, verified.payload().len() as u64, id)?;
        let member = |name: &str, bytes: &[u8]| Member {
            name: name.to_owned(),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        };
        let front = [
            member(member::ROOTS, &roots),
            member(member::SEAL, &seal),
            member(member::STATEMENT, verified.payload()),
        ];
        Ok(Self {
            signers: verified.signers().iter().map(SealSigner::packer).collect(),
            statement: Verified(verified.into_value()),
            id,
            approvals,
            root: anchored,
            warnings,
            front,
        })
    }
}

/// What the root says about a statement that its packers have signed.
fn judge(statement: &Statement, id: Digest, root: &Root, now: Timestamp) -> Result<Vec<Warning>, TrustError> {
    let predicate = &statement.predicate;
    if root.is_revoked_statement(&id) {
        return Err(TrustError::Revoked { version: root.version(), statement: id });
    }
    if predicate.root_version > root.version() {
        return Err(TrustError::RootVersion { claimed: predicate.root_version, newest: root.version() });
    }
    // J15: an epoch begins with a new root, and ends every bundle of the epochs before it.
    if predicate.epoch != root.epoch() {
        return Err(TrustError::Epoch { claimed: predicate.epoch, expected: root.epoch() });
    }
    let name = format!("the bundle `{}-{}`", predicate.name, predicate.version);
    let mut warnings = Vec::new();
    if let Some(expired) = root.check_expiry(now)? {
        warnings
            .push(Warning::Expired { what: format!("the trust root version {}", root.version()), expired });
    }
    if let Some(expired) = root.judge_expiry(&name, predicate.expires, now)? {
        warnings.push(Warning::Expired { what: name, expired });
    }
    if predicate.created > now {
        warnings.push(Warning::FromTheFuture { created: predicate.created });
    }
    Ok(warnings)
}
