//! `sealift trust add-key`, `remove-key`, `rotate`, `revoke` and `set`, which propose a new version.

use super::proposal::{ApprovalArgs, ProposalArgs, Threshold, holder, holders, who};
use crate::cli::error::CliError;
use crate::cli::key::public;
use crate::cli::term::Term;
use sealift_bundle::trust::root::{Expiry, Role};
use sealift_bundle::trust::root_edit::KeyScope;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Propose a version that gives keys a role
///
/// The file name of each key, without the extension, becomes the name of its holder. With `--scenario`, the keys have
/// the role only for those scenarios; in a scenario with an entry of its own, only the keys of that entry have the role.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift trust add-key root.json --role packer gus.pub --key ada.key\n  \
    sealift trust add-key root.json --role packer --scenario air-gapped eli.pub fay.pub --threshold 2"
)]
pub(super) struct AddKey {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The role: `packer`, `approver` or `root`
    #[arg(long, value_parser = role)]
    role: Role,
    /// Limit the role to this scenario; repeatable
    #[arg(long = "scenario", value_name = "SCENARIO")]
    scenarios: Vec<Name>,
    /// The public keys
    #[arg(value_name = "PUB", required = true)]
    added: Vec<PathBuf>,
    /// New threshold: how many keys of the role must sign
    #[arg(long, value_name = "N")]
    threshold: Option<NonZeroUsize>,
}

impl AddKey {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let keys = holders(&self.added)?;
        let scope = KeyScope::new(self.role, self.scenarios);
        self.proposal
            .propose(term, |_, terms| Ok(terms.add(&scope, keys, self.threshold.map(NonZeroUsize::get))?))
    }
}

fn role(text: &str) -> Result<Role, String> {
    match text.parse::<KeyScope>() {
        Ok(scope) if scope.scenarios.is_empty() => Ok(scope.role),
        Ok(_) => Err("pass scenarios with `--scenario`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Propose a version that revokes keys
///
/// A key loses all its roles. If fewer keys are left than the threshold of a role, set a new one with `--threshold`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift trust remove-key root.json eli --threshold packer=1 --key ada.key"
)]
pub(super) struct RemoveKey {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The keys: holder names, key ids or .pub files
    #[arg(value_name = "WHO", required = true)]
    removed: Vec<String>,
    /// New threshold of a role, like `packer=1` or `packer@air-gapped=1`; 0 removes the entry
    #[arg(long = "threshold", value_name = "ROLE=N", value_parser = Threshold::parse)]
    thresholds: Vec<Threshold>,
}

impl RemoveKey {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        self.proposal.propose(term, |_, terms| {
            let keys: Vec<_> = self.removed.iter().map(|word| who(terms, word)).collect::<Result<_, _>>()?;
            keys.into_iter().try_for_each(|key| terms.remove(key))?;
            Ok(self.thresholds.iter().try_for_each(|threshold| threshold.set(terms))?)
        })
    }
}

/// Propose a version that replaces a key and revokes the old one
///
/// The new key gets all roles of the old one. Under the new version, bundles sealed only by the old key are rejected;
/// pack them again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift trust rotate root.json --old dee --new new/dee.pub --key ada.key"
)]
pub(super) struct Rotate {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The old key: holder name, key id or .pub file
    #[arg(long, value_name = "WHO")]
    old: String,
    /// The new public key; its file name becomes the name of the holder
    #[arg(long, value_name = "PUB")]
    new: PathBuf,
}

impl Rotate {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let new = (holder(&self.new)?, public(&self.new)?);
        self.proposal.propose(term, |_, terms| Ok(terms.rotate(who(terms, &self.old)?, &new)?))
    }
}

/// Propose a version that revokes bundles
///
/// A bundle is identified by the digest of its statement, as shown by `verify` and `inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust revoke root.json sha256:21a0... --key ada.key")]
pub(super) struct Revoke {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The statement digests of the bundles
    #[arg(value_name = "STATEMENT", required = true)]
    statements: Vec<Digest>,
}

impl Revoke {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        self.proposal.propose(term, |_, terms| {
            Ok(self.statements.into_iter().try_for_each(|statement| terms.withdraw(statement))?)
        })
    }
}

/// Propose a version with other dates, thresholds or policies
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift trust set root.json --expires 2028-11-22T00:00:00Z --key ada.key\n  \
    sealift trust set root.json --require-approvals --approval-max-age-days 90 --approval-condition malware-scan\n  \
    sealift trust set root.json --threshold packer=2 --threshold approver@air-gapped=0"
)]
pub(super) struct Set {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// Expiry date of the root, like 2027-11-22T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "never_expires")]
    expires: Option<Timestamp>,
    /// Remove the expiry date of the root
    #[arg(long)]
    never_expires: bool,
    /// Handling of expired roots and bundles: `refuse`, or `warn` for sites without a reliable clock
    #[arg(long, value_name = "refuse|warn", value_parser = expiry)]
    when_expired: Option<Expiry>,
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// Require no approvals
    #[arg(long, conflicts_with = "require_approvals")]
    no_approvals: bool,
    /// Threshold of a role, like `packer=2` or `packer@air-gapped=2`; 0 removes the entry
    #[arg(long = "threshold", value_name = "ROLE=N", value_parser = Threshold::parse)]
    thresholds: Vec<Threshold>,
    /// Start a new epoch: sequence numbers restart, and all bundles sealed before are rejected
    #[arg(long)]
    new_epoch: bool,
}

impl Set {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        self.proposal.propose(term, |file, terms| {
            if self.expires.is_some() || self.never_expires {
                terms.expires = self.expires;
            }
            terms.policy.expiry = self.when_expired.unwrap_or(terms.policy.expiry);
            if self.no_approvals {
                terms.policy.approvals = None;
            }
            if let Some(policy) = self.approvals.policy() {
                terms.policy.approvals = Some(policy);
            }
            if self.new_epoch {
                // Based on the version in force, so that repeating the option starts only one epoch.
                let epoch = file.newest().map_or(terms.epoch, sealift_bundle::trust::root::Root::epoch);
                terms.epoch = epoch.saturating_add(1);
            }
            Ok(self.thresholds.iter().try_for_each(|threshold| threshold.set(terms))?)
        })
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    let known = [Expiry::Refuse, Expiry::Warn].into_iter().find(|known| known.to_string() == text);
    known.ok_or_else(|| "expected `refuse` or `warn`".to_owned())
}
