//! What every verb that proposes a version takes and does.

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

/// Which trust root to change, and where the proposal goes.
#[derive(Debug, clap::Args)]
pub(super) struct ProposalArgs {
    /// The file of trust roots; one with an open proposal has that proposal changed
    root: PathBuf,
    /// Where to write it; if not given, NAME.next.json beside NAME.json, or the file that has the open proposal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A secret root key that signs the proposal at once
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<KeyArg>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl ProposalArgs {
    /// Makes a proposal of what `change` makes of the terms, and says who has to sign it.
    pub(super) fn propose(
        &self,
        term: &Term,
        change: impl FnOnce(&RootFile, &mut RootDraft) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let file = RootFile::open(&self.root, &LIMITS)?;
        let mut terms = file.last().terms();
        change(&file, &mut terms)?;
        if terms == file.last().terms() {
            let reason = "it is so already".to_owned();
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
                "the proposal is another one now, so these signatures were dropped: {}",
                names.join(", ")
            ));
        }
        report(term, &file, &output)
    }
}

/// What is asked of approvers.
#[derive(Debug, clap::Args)]
pub(super) struct ApprovalArgs {
    /// Trust only bundles that approvers have approved, as many as the threshold of their role says
    #[arg(long)]
    require_approvals: bool,
    /// Days after which an approval counts no longer
    #[arg(long, value_name = "N", requires = "require_approvals")]
    approval_max_age_days: Option<NonZeroU32>,
    /// Something that each approval has to state, like `malware-scan`; several may be named
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
        message: format!("`{}` is already there, and a trust root is never overwritten", output.display()),
        hint: Some(next_step![format!(
            "if it is an open proposal, change that one: name {} as the trust root; or name another file with `--output`",
            quoted(output)
        )]),
    }
}

/// Who signed the last line, each once.
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

/// The name of a key's holder: the name of its file.
pub(super) fn holder(path: &Path) -> Result<Name, CliError> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.parse().map_err(|error| CliError::Usage {
        message: format!("`{}` gives no name for the holder of the key: {error}", path.display()),
        hint: Some(next_step![
            "rename the file; its name, without the ending, becomes the name in the trust root"
        ]),
    })
}

/// The key that a person means by its holder's name, its id, or its public key.
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
        message: format!("the trust root has no key {}", quoted(word)),
        hint: Some(next_step![format!(
            "name a holder, a key id or a .pub file; the holders are {}",
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
    /// Reads one as it is typed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scope, number) = text.split_once('=').ok_or("expected ROLE=N, like `packer=2`")?;
        let scope = scope.parse().map_err(|error: TrustError| error.to_string())?;
        let number = number.parse().map_err(|_| format!("`{number}` is no number of keys"))?;
        Ok(Self { scope, number })
    }

    /// Writes it into the terms.
    pub(super) fn set(&self, terms: &mut RootDraft) -> Result<(), TrustError> {
        terms.set_threshold(&self.scope, self.number)
    }
}
