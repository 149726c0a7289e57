//! `sealift trust`: one file a verb below it; here is what they share.

mod change;
mod check;
mod diff;
mod init;
mod proposal;
mod show;
mod sign;

use super::error::CliError;
use super::term::Term;

/// Make, change and show trust roots
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make version 1 of a trust root and sign it
    Init(init::Args),
    /// Propose a version that gives keys a role
    AddKey(change::AddKey),
    /// Propose a version without these keys, which are revoked
    RemoveKey(change::RemoveKey),
    /// Propose a version with a new key in the place of an old one, which is revoked
    Rotate(change::Rotate),
    /// Propose a version that withdraws bundles
    Revoke(change::Revoke),
    /// Propose a version with other dates, thresholds or rules
    Set(change::Set),
    /// Sign the proposal in a file of trust roots
    Sign(sign::Args),
    /// Show a trust root and its fingerprint
    Show(show::Args),
    /// Show what changes from one trust root to another; exit code 4 when they differ
    Diff(diff::Args),
    /// Check every step of a trust root, who signed it, and whether it should be looked at
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
