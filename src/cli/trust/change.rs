//! `sealift trust add-key`, `remove-key`, `rotate`, `revoke` and `set`: the verbs that propose a version.

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
/// The name of each key file, without its ending, becomes the name of its holder. With `--scenario`, the keys have the
/// role only there; and where an entry names a scenario, only its keys have the role there.
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
    /// A scenario that the role is for; several may be named
    #[arg(long = "scenario", value_name = "SCENARIO")]
    scenarios: Vec<Name>,
    /// The public keys
    #[arg(value_name = "PUB", required = true)]
    added: Vec<PathBuf>,
    /// How many keys of the role must sign from now on
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
        Ok(_) => Err("name scenarios with `--scenario`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Propose a version without these keys, which are revoked
///
/// A key loses every role it has. Where fewer keys are left than have to sign, say how many it takes from now on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift trust remove-key root.json eli --threshold packer=1 --key ada.key"
)]
pub(super) struct RemoveKey {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The keys: names of holders, key ids or .pub files
    #[arg(value_name = "WHO", required = true)]
    removed: Vec<String>,
    /// How many keys of a role must sign from now on, like `packer=1` or `packer@air-gapped=1`; 0 takes an entry away
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

/// Propose a version with a new key in the place of an old one, which is revoked
///
/// The new key has every role of the old one. Bundles that only the old key sealed are rejected any more by who
/// has the new version; pack them again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift trust rotate root.json --old dee --new new/dee.pub --key ada.key"
)]
pub(super) struct Rotate {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The old key: the name of its holder, its id or its .pub file
    #[arg(long, value_name = "WHO")]
    old: String,
    /// The new public key; the name of the file becomes the name of its holder
    #[arg(long, value_name = "PUB")]
    new: PathBuf,
}

impl Rotate {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let new = (holder(&self.new)?, public(&self.new)?);
        self.proposal.propose(term, |_, terms| Ok(terms.rotate(who(terms, &self.old)?, &new)?))
    }
}

/// Propose a version that withdraws bundles
///
/// A bundle is named by the digest of its statement, which `verify` and `inspect` show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust revoke root.json sha256:21a0... --key ada.key")]
pub(super) struct Revoke {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// The digests of their statements
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

/// Propose a version with other dates, thresholds or rules
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift trust set root.json --expires 2028-11-22T00:00:00Z --key ada.key\n  \
    sealift trust set root.json --require-approvals --approval-max-age-days 90 --approval-condition malware-scan\n  \
    sealift trust set root.json --threshold packer=2 --threshold approver@air-gapped=0"
)]
pub(super) struct Set {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// When the root stops being verified, like 2027-11-22T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "never_expires")]
    expires: Option<Timestamp>,
    /// The root has no expiry date
    #[arg(long)]
    never_expires: bool,
    /// What becomes of roots and bundles past their expiry date: `refuse`, or `warn` for sites whose clock nobody sets
    #[arg(long, value_name = "refuse|warn", value_parser = expiry)]
    when_expired: Option<Expiry>,
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// Ask for no approvals
    #[arg(long, conflicts_with = "require_approvals")]
    no_approvals: bool,
    /// How many keys of a role must sign, like `packer=2` or `packer@air-gapped=2`; 0 takes an entry away
    #[arg(long = "threshold", value_name = "ROLE=N", value_parser = Threshold::parse)]
    thresholds: Vec<Threshold>,
    /// Begin a new epoch: sequence numbers start over, and no bundle that was sealed before is verified any more
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
                // Counted from what is in force, so that asking twice begins one epoch.
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
