//! `sealift trust sign`

use super::show::{changes, report};
use crate::cli::error::CliError;
use crate::cli::passphrase::{KeyArg, PassphraseArgs, borrowed};
use crate::cli::term::Term;
use crate::cli::{LIMITS, write};
use sealift_bundle::trust::root_file::RootFile;
use std::path::PathBuf;

/// Sign the proposal in a trust root file
///
/// Shows the changes of the proposal, asks for the passphrase, and adds the signature to the file. A version becomes
/// valid when enough root keys of the version before it, and enough of its own, have signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust sign root.next.json --key ben.key")]
pub(super) struct Args {
    /// The trust root file with the proposal as its last version
    file: PathBuf,
    /// A secret root key; repeatable
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<KeyArg>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let file = RootFile::open(&self.file, &LIMITS)?;
        // Checked before the passphrase prompt.
        let created = file.last().check_created(crate::cli::now()?);
        created.map_err(|error| error.in_file(&self.file))?;
        let mut text =
            format!("to sign: version {}, {}\n", file.last().version(), file.fingerprint().spoken());
        text += &changes(&file);
        term.say(text.trim_end());
        let signers = self.passphrase.open(&self.keys)?;
        let signers = borrowed(&signers);
        let file = file.sign(&signers, &LIMITS)?;
        write(&self.file, &file.encode()?)?;
        report(term, &file, &self.file)
    }
}
