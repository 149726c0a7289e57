//! `sealift evidence`
use super::BundleArgs;
use super::error::CliError;
use super::term::Term;
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
}
impl Args {
    pub(super) fn run(self, _term: &Term) -> Result<(), CliError> {
        Ok(())
    }
    pub(super) fn bundle(&self) -> &BundleArgs {
        &self.bundle
    }
}
