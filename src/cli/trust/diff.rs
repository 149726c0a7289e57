//! `sealift trust diff`

use super::show::lines;
use crate::cli::LIMITS;
use crate::cli::error::CliError;
use crate::cli::term::Term;
use sealift_bundle::trust::root_diff::differences;
use sealift_bundle::trust::root_file::RootFile;
use serde_json::json;
use std::path::PathBuf;

/// Compare two trust roots; exit code 4 if they differ
///
/// Compares the last version in each file, including a proposal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust diff root.json root.next.json")]
pub(super) struct Args {
    /// The old trust root file
    old: PathBuf,
    /// The new trust root file
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
        let text = if found.is_empty() { "trust roots are identical\n".to_owned() } else { lines(&found) };
        term.data("root-diff", &value, &text)?;
        if found.is_empty() { Ok(()) } else { Err(CliError::Different { count: found.len() }) }
    }
}
