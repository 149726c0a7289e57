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

/// Check every version of a trust root and its signatures
///
/// Exit code 0: valid, without findings. 3: invalid, expired, a proposal, or the fingerprint does not match. 4: valid,
/// but expires within 30 days, or a single key is enough in a role. With `--fingerprint`, a match gives 0 even if there
/// are findings.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift trust check root.json --fingerprint 'the ten words read to you'")]
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
            text += &format!("  finding: {finding}\n");
        }
        let digest = *file.fingerprint().digest();
        let matches = self.fingerprint.as_ref().map(|typed| typed.is_of(&digest));
        let pinned = file.into_pinned();
        // An invalid file must not be reported as a match.
        if matches == Some(true) && pinned.is_ok() && reviewed.is_ok() {
            text += "  fingerprint matches\n";
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
        // With `--fingerprint`, the match decides the exit code; findings are for the root key holders.
        if count == 0 || matches == Some(true) { Ok(()) } else { Err(CliError::Findings { count }) }
    }
}
