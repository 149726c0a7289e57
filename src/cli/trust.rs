//! `sealift trust`, one file per subcommand.

mod change;
mod check;
mod diff;
mod init;
mod proposal;
mod show;
mod sign;

use super::error::CliError;
use super::term::Term;

/// Create, change and show trust roots
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create version 1 of a trust root and sign it
    Init(init::Args),
    /// Propose a version that gives keys a role
    AddKey(change::AddKey),
    /// Propose a version that revokes keys
    RemoveKey(change::RemoveKey),
    /// Propose a version that replaces a key and revokes the old one
    Rotate(change::Rotate),
    /// Propose a version that revokes bundles
    Revoke(change::Revoke),
    /// Propose a version with other dates, thresholds or policies
    Set(change::Set),
    /// Sign the proposal in a file of trust roots
    Sign(sign::Args),
    /// Show a trust root and its fingerprint
    Show(show::Args),
    /// Compare two trust roots; exit code 4 if they differ
    Diff(diff::Args),
    /// Check every version of a trust root and its signatures
    Check(check::Args),
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Init(args) => args.run(term),
            Verb::AddKey(args) => args.run(term),
            Verb::RemoveKey(args) => args.run(term),
            Verb::Rotate(args) => args.run(term),
            Verb::Revoke(args) => args.run(term),
            Verb::Set(args) => args.run(term),
            Verb::Sign(args) => args.run(term),
            Verb::Show(args) => args.run(term),
            Verb::Diff(args) => args.run(term),
            Verb::Check(args) => args.run(term),
        }
    }
}
