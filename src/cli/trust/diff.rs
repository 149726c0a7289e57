//! `sealift trust diff`

use super::show::lines;
use crate::cli::LIMITS;
use crate::cli::error::CliError;
use crate::cli::term::Term;
use sealift_bundle::trust::root_diff::differences;
use sealift_bundle::trust::root_file::RootFile;
use serde_json::json;
use std::path::PathBuf;

/// Show what changes from one trust root to another; exit code 4 when they differ
///
/// Compares the last versions in the two files, also one that is still a proposal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust diff root.json root.next.json")]
pub(super) struct Args {
    /// The old file of trust roots
    old: PathBuf,
    /// The new one
    new: PathBuf,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let (old, new) = (RootFile::open(&self.old, &LIMITS)?, RootFile::open(&self.new, &LIMITS)?);
        let found = differences(old.last(), new.last());
        let value = json!({
            "old": self.old, "new": self.new, "changes": found,
            "old_fingerprint": old.fingerprint().digest(), "new_fingerprint": new.fingerprint().digest(),
        });
        let text = if found.is_empty() { "the same trust root\n".to_owned() } else { lines(&found) };
        term.data("root-diff", &value, &text)?;
        if found.is_empty() { Ok(()) } else { Err(CliError::Different { count: found.len() }) }
    }
}
