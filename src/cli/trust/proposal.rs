//! Arguments and operations shared by all subcommands that propose a version.

use super::show::report;
use crate::cli::error::CliError;
use crate::cli::key::public;
use crate::cli::passphrase::{KeyArg, PassphraseArgs, borrowed};
use crate::cli::term::Term;
use crate::cli::{LIMITS, now, write};
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::key::{KeyId, PublicKey};
use sealift_bundle::trust::root::{ApprovalPolicy, RootDraft};
use sealift_bundle::trust::root_edit::KeyScope;
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::quoted;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// The trust root to change, and the output file of the proposal.
#[derive(Debug, clap::Args)]
pub(super) struct ProposalArgs {
    /// The trust root file; if it has an open proposal, that is changed
    root: PathBuf,
    /// Output file [default: NAME.next.json for NAME.json, or the file with the open proposal]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign the proposal with this secret root key; repeatable
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<KeyArg>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl ProposalArgs {
    /// Applies `change`, writes the proposal, and prints who has to sign it.
    pub(super) fn propose(
        &self,
        term: &Term,
        change: impl FnOnce(&RootFile, &mut RootDraft) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let file = RootFile::open(&self.root, &LIMITS)?;
        let mut terms = file.last().terms();
        change(&file, &mut terms)?;
        if terms == file.last().terms() {
            let reason = "nothing would change".to_owned();
            return Err(TrustError::Change { reason }.into());
        }
        let (is_proposal, dropped) = (file.is_proposal(), signed(&file));
        let mut file = file.propose(terms, now()?, &LIMITS)?;
        if !self.keys.is_empty() {
            let signers = self.passphrase.open(&self.keys)?;
            let signers = borrowed(&signers);
            file = file.sign(&signers, &LIMITS)?;
        }
        let bytes = file.encode()?;
        let output = match &self.output {
            Some(output) => output.clone(),
            None if is_proposal => self.root.clone(),
            None => self.root.with_extension("next.json"),
        };
        if is_proposal && output == self.root {
            write(&output, &bytes)?;
        } else {
            atomic_file::write_new(&output, &bytes, 0o644).map_err(|source| taken(&output, source))?;
        }
        if is_proposal && !dropped.is_empty() {
            let names: Vec<_> = dropped.iter().map(Name::as_str).collect();
            term.warn(&format!(
                "the proposal changed, so these signatures were removed: {}",
                names.join(", ")
            ));
        }
        report(term, &file, &output)
    }
}

/// The approval policy.
#[derive(Debug, clap::Args)]
pub(super) struct ApprovalArgs {
    /// Require approvals, as many as the threshold of the role `approver`
    #[arg(long)]
    require_approvals: bool,
    /// Days until an approval expires
    #[arg(long, value_name = "N", requires = "require_approvals")]
    approval_max_age_days: Option<NonZeroU32>,
    /// A condition that each approval has to state, like `malware-scan`; repeatable
    #[arg(long = "approval-condition", value_name = "NAME", requires = "require_approvals")]
    approval_conditions: Vec<Name>,
}

impl ApprovalArgs {
    /// The policy, if approvals are to be required.
    pub(super) fn policy(&self) -> Option<ApprovalPolicy> {
        let mut conditions = self.approval_conditions.clone();
        conditions.sort();
        conditions.dedup();
        let max_age_days = self.approval_max_age_days.map(NonZeroU32::get);
        self.require_approvals.then_some(ApprovalPolicy { max_age_days, conditions })
    }
}

fn taken(output: &Path, source: io::Error) -> CliError {
    if source.kind() != io::ErrorKind::AlreadyExists {
        return CliError::Write { path: output.to_owned(), source };
    }
    CliError::Usage {
        message: format!("`{}` already exists, and a trust root is never overwritten", output.display()),
        hint: Some(next_step![format!(
            "to change the open proposal, pass {} as the trust root; otherwise choose another file with `--output`",
            quoted(output)
        )]),
    }
}

/// The holders that signed the last version, without duplicates.
fn signed(file: &RootFile) -> Vec<Name> {
    let mut names: Vec<Name> =
        file.tallies().iter().flat_map(|tally| &tally.signed).map(|who| who.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Public keys and the names of their holders.
pub(super) fn holders(paths: &[PathBuf]) -> Result<Vec<(Name, PublicKey)>, CliError> {
    paths.iter().map(|path| Ok((holder(path)?, public(path)?))).collect()
}

/// The name of the key holder, from the file name.
pub(super) fn holder(path: &Path) -> Result<Name, CliError> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.parse().map_err(|error| CliError::Usage {
        message: format!("cannot derive a key holder name from `{}`: {error}", path.display()),
        hint: Some(next_step![
            "rename the file; its name without the extension becomes the name in the trust root"
        ]),
    })
}

/// Finds a key by holder name, key id or public key file.
pub(super) fn who(terms: &RootDraft, word: &str) -> Result<KeyId, CliError> {
    let keys = || terms.grants.iter().flat_map(|grant| &grant.keys);
    if let Some((_, key)) = keys().find(|(name, _)| name.as_str() == word) {
        return Ok(key.id());
    }
    let id = match word.parse() {
        Ok(id) => id,
        Err(_) if Path::new(word).exists() => public(Path::new(word))?.id(),
        Err(_) => return Err(unknown(terms, word)),
    };
    if keys().any(|(_, key)| key.id() == id) { Ok(id) } else { Err(unknown(terms, word)) }
}

fn unknown(terms: &RootDraft, word: &str) -> CliError {
    let mut names: Vec<_> =
        terms.grants.iter().flat_map(|grant| &grant.keys).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    CliError::Usage {
        message: format!("key {} not found in the trust root", quoted(word)),
        hint: Some(next_step![format!(
            "pass a holder name, a key id or a .pub file; holders: {}",
            names.join(", ")
        )]),
    }
}

/// A threshold of an entry: `ROLE=N`, or `ROLE@SCENARIO,...=N`.
#[derive(Debug, Clone)]
pub(super) struct Threshold {
    scope: KeyScope,
    number: usize,
}

impl Threshold {
    /// Parses a command-line value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scope, number) = text.split_once('=').ok_or("expected ROLE=N, like `packer=2`")?;
        let scope = scope.parse().map_err(|error: TrustError| error.to_string())?;
        let number = number.parse().map_err(|_| format!("invalid number of keys `{number}`"))?;
        Ok(Self { scope, number })
    }

    /// Applies the threshold to the draft.
    pub(super) fn set(&self, terms: &mut RootDraft) -> Result<(), TrustError> {
        terms.set_threshold(&self.scope, self.number)
    }
}
