//! `sealift trust check`

use super::show::tally;
use crate::cli::error::CliError;
use crate::cli::term::Term;
use crate::cli::{LIMITS, now};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::trust::root_lint::findings;
use sealift_bundle::value::word_fingerprint::TypedFingerprint;
use serde_json::json;
use std::path::PathBuf;

/// Check every step of a trust root, who signed it, and whether it should be looked at
///
/// Exit code 0: it holds, and there is nothing to say. 3: it does not hold, has expired, is a proposal, or is another
/// one than was typed. 4: it holds, and expires within 30 days, or one key alone decides in a role. With
/// `--fingerprint`, a match is 0, whatever else there is to look at.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift trust check root.json --fingerprint 'ten words as somebody reads them to you'"
)]
pub(super) struct Args {
    /// The file of trust roots
    file: PathBuf,
    /// Compare the newest version with this fingerprint: all ten words, or all 64 digits
    #[arg(long, value_name = "WORDS")]
    fingerprint: Option<TypedFingerprint>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let file = RootFile::open(&self.file, &LIMITS)?;
        let mut text = format!("{}\n", self.file.display());
        let mut steps = Vec::new();
        for step in file.steps()? {
            let state = if step.tallies.iter().any(|tally| tally.lacks() > 0) { "proposal" } else { "holds" };
            text += &format!("  version {}, made {}: {state}\n", step.version, step.created);
            for counted in &step.tallies {
                text += &format!("    {counted}\n");
            }
            steps.push(json!({
                "root_version": step.version, "created": step.created, "state": state,
                "signatures": step.tallies.iter().map(tally).collect::<Vec<_>>(),
            }));
        }
        let reviewed = findings(file.last(), now()?);
        let found = reviewed.as_ref().map(Vec::as_slice).unwrap_or_default();
        for finding in found {
            text += &format!("  look at: {finding}\n");
        }
        let digest = *file.fingerprint().digest();
        let matches = self.fingerprint.as_ref().map(|typed| typed.is_of(&digest));
        let pinned = file.into_pinned();
        // Nobody reads a match into a file that does not hold.
        if matches == Some(true) && pinned.is_ok() && reviewed.is_ok() {
            text += "  fingerprint matches: this is the trust root that was read to you\n";
        }
        let value = json!({
            "file": self.file, "versions": steps, "findings": found, "fingerprint": digest,
            "fingerprint_matches": matches,
        });
        term.data("root-check", &value, &text)?;
        pinned.map_err(|error| error.in_file(&self.file))?;
        if let (Some(typed), Some(false)) = (self.fingerprint.clone(), matches) {
            return Err(TrustError::FingerprintDiffers { typed }.in_file(&self.file).into());
        }
        let count = reviewed?.len();
        // Whoever compares a fingerprint asks one question; what stands under `look at` is for the root holders.
        if count == 0 || matches == Some(true) { Ok(()) } else { Err(CliError::Findings { count }) }
    }
}
