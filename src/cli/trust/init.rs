//! `sealift trust init`

use super::proposal::{ApprovalArgs, holder, holders};
use super::show::report;
use crate::cli::error::CliError;
use crate::cli::passphrase::{KeyArg, PassphraseArgs, borrowed};
use crate::cli::term::Term;
use crate::cli::{LIMITS, now};
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::{Expiry, Revoked, Role, RootDraft, RootPolicy};
use sealift_bundle::trust::root_edit::KeyScope;
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

/// Create version 1 of a trust root and sign it
///
/// The file name of each key, without the extension, becomes the name of its holder. If root keys are on other machines,
/// pass the local ones with `--key` and the others with `--root`; those sign later with `trust sign`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift trust init --key root.key --packer packer.pub --approver officer.pub\n  \
    sealift trust init --key ada.key --root ben.pub --root cy.pub --root-threshold 2 --packer dee.pub \\\n    \
    --packer air-gapped,ddil=eli.pub --packer air-gapped,ddil=fay.pub --packer-threshold air-gapped,ddil=2"
)]
pub(super) struct Args {
    /// A secret key that signs the root and has the role `root`
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<KeyArg>,
    /// Another key with the role `root`, which signs later; repeatable
    #[arg(long = "root", value_name = "PUB")]
    roots: Vec<PathBuf>,
    /// A key that may seal bundles, of all scenarios or only of those listed
    #[arg(long = "packer", value_name = "[SCENARIO,..=]PUB", required = true, value_parser = limited::<PathBuf>)]
    packers: Vec<Limited<PathBuf>>,
    /// A key that may approve bundles, of all scenarios or only of those listed
    #[arg(long = "approver", value_name = "[SCENARIO,..=]PUB", value_parser = limited::<PathBuf>)]
    approvers: Vec<Limited<PathBuf>>,
    /// How many root keys must sign a root [default: 1]
    #[arg(long, value_name = "N")]
    root_threshold: Option<NonZeroUsize>,
    /// How many packers must seal a bundle [default: 1]
    #[arg(long, value_name = "[SCENARIO,..=]N", value_parser = limited::<NonZeroUsize>)]
    packer_threshold: Vec<Limited<NonZeroUsize>>,
    /// How many approvers must approve a bundle [default: 1]
    #[arg(long, value_name = "[SCENARIO,..=]N", value_parser = limited::<NonZeroUsize>)]
    approver_threshold: Vec<Limited<NonZeroUsize>>,
    /// Expiry date of the root, like 2027-11-22T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// Only warn about expired roots and bundles, for sites without a reliable clock
    #[arg(long)]
    warn_when_expired: bool,
    #[command(flatten)]
    approvals: ApprovalArgs,
    /// The first epoch; must be higher than that of a trust root being replaced
    #[arg(long, value_name = "N", default_value_t = 1)]
    epoch: u64,
    /// Output file
    #[arg(short, long, value_name = "FILE", default_value = "root.json")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A value for all scenarios, or only for those listed: `WORD` or `SCENARIO,...=WORD`.
#[derive(Debug, Clone)]
struct Limited<T> {
    scenarios: Vec<Name>,
    of: T,
}

fn limited<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<Limited<T>, String> {
    let named = text.split_once('=').and_then(|(scenarios, rest)| {
        let names: Result<Vec<Name>, _> = scenarios.split(',').map(str::parse).collect();
        Some((names.ok()?, rest))
    });
    let (scenarios, rest) = named.unwrap_or((Vec::new(), text));
    Ok(Limited { scenarios, of: rest.parse().map_err(|error: T::Err| error.to_string())? })
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        if self.output.symlink_metadata().is_ok() {
            return Err(CliError::Usage {
                message: format!(
                    "`{}` already exists, and a trust root is never overwritten",
                    self.output.display()
                ),
                hint: Some(next_step!["choose another file with `--output`, or move the existing file away"]),
            });
        }
        let signers = self.passphrase.open(&self.keys)?;
        let signers = borrowed(&signers);
        let file = RootFile::first(self.terms(&signers)?, &signers, &LIMITS)?;
        atomic_file::write_new(&self.output, &file.encode()?, 0o644)
            .map_err(|source| CliError::Write { path: self.output.clone(), source })?;
        report(term, &file, &self.output)
    }

    fn terms(&self, signers: &[&dyn Signer]) -> Result<RootDraft, CliError> {
        let expiry = if self.warn_when_expired { Expiry::Warn } else { Expiry::Refuse };
        let mut terms = RootDraft {
            epoch: self.epoch,
            created: now()?,
            expires: self.expires,
            grants: Vec::new(),
            revoked: Revoked::default(),
            policy: RootPolicy { expiry, approvals: self.approvals.policy() },
        };
        let everywhere = KeyScope::new(Role::Root, Vec::new());
        for (key, signer) in self.keys.iter().zip(signers) {
            terms.add(&everywhere, vec![(holder(key.path())?, signer.public().clone())], None)?;
        }
        terms.add(&everywhere, holders(&self.roots)?, self.root_threshold.map(NonZeroUsize::get))?;
        for (role, keys, thresholds) in [
            (Role::Packer, &self.packers, &self.packer_threshold),
            (Role::Approver, &self.approvers, &self.approver_threshold),
        ] {
            for key in keys {
                let scope = KeyScope::new(role, key.scenarios.clone());
                terms.add(&scope, holders(std::slice::from_ref(&key.of))?, None)?;
            }
            for threshold in thresholds {
                let scope = KeyScope::new(role, threshold.scenarios.clone());
                terms.set_threshold(&scope, threshold.of.get())?;
            }
        }
        Ok(terms)
    }
}
