//! `sealift fleet`

mod text;
mod which;

use super::error::CliError;
use super::key::public;
use super::term::Term;
use super::{LIMITS, ThreadArgs, inspection_conditions, write};
use sealift_audit::fleet::{self, FleetOverview};
use sealift_bundle::next_step;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::value::next_step::Subject;
use sealift_bundle::value::plural::quoted;
use std::path::PathBuf;

/// Show who holds what, from the receipts and requests of many sites
///
/// Reads every receipt and request below a folder. Those that a key named with `--key` signed are shown with what they
/// say: which bundle each site uses, how far it is behind, and how long ago it said so. Those by other keys are shown
/// apart, as unverified. Bundles get their names from statements and seals that lie there too, and with `--trust` from
/// bundles.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 everything was checked and fits together, 3 a record is not what its key signed, 4 records \
    contradict each other or could not be checked. Being behind is no fault.\n\nExamples:\n  \
    sealift fleet receipts --key office.pub --key ship.pub\n  \
    sealift fleet receipts --key office.pub --trust root.json --html fleet.html\n  \
    sealift fleet which openssl@3.0.17-1~deb12u2 receipts --key office.pub"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    looking: Option<LookingArgs>,
    /// Write a page as well, which needs no network and no script
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show which sites hold a component, from SBOMs beside the receipts
    Which(which::Args),
}

/// Where to look, and whom to trust.
#[derive(Debug, clap::Args)]
struct LookingArgs {
    /// The folder with receipts and requests; also SBOMs, statements and bundles
    folder: PathBuf,
    /// The public key of a site
    #[arg(long = "key", value_name = "SITE.pub")]
    keys: Vec<PathBuf>,
    /// The trust root, to look into the bundles that lie there and to see what is revoked
    #[arg(long, value_name = "ROOT")]
    trust: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        if let Some(Verb::Which(which)) = self.verb {
            return which.run(term);
        }
        let Some(looking) = self.looking else { return Ok(()) };
        let fleet = looking.fleet(term)?;
        if let Some(path) = &self.html {
            write(path, fleet::page(&fleet).as_bytes())?;
        }
        term.data("fleet", &fleet, &text::text(term, &fleet))?;
        if let Some(path) = &self.html {
            term.say(&format!("wrote {}", quoted(path)));
        }
        verdict(&fleet)
    }
}

impl LookingArgs {
    fn fleet(&self, term: &Term) -> Result<FleetOverview<'_>, CliError> {
        let keys = self.keys.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
        let root = self.trust.as_deref().map(|path| PinnedRoot::open(path, &LIMITS)).transpose()?;
        let watch = term.watch("reading");
        let conditions = inspection_conditions(&watch, ThreadArgs { threads: None })?;
        let fleet = FleetOverview::read(&self.folder, &keys, root, &conditions)?;
        if fleet.verified.records + fleet.unverified.records == 0 && fleet.refused.is_empty() {
            return Err(CliError::Usage {
                message: format!(
                    "there is neither a receipt nor a request below `{}`",
                    self.folder.display()
                ),
                hint: Some(next_step![
                    "a site makes one: `sealift receipt new ",
                    Subject::Site,
                    " --key SITE.key`"
                ]),
            });
        }
        Ok(fleet)
    }
}

/// The outcome of the command once everything is shown; the most severe comes first.
fn verdict(fleet: &FleetOverview<'_>) -> Result<(), CliError> {
    let conflicts = fleet.verified.conflicts.len() + fleet.unverified.conflicts.len();
    let what = fleet.unchecked();
    if !fleet.refused.is_empty() {
        Err(CliError::FleetRefused { count: fleet.refused.len() })
    } else if conflicts > 0 {
        Err(CliError::FleetConflicts { count: conflicts })
    } else if !what.is_empty() {
        Err(CliError::FleetUnchecked { what })
    } else {
        Ok(())
    }
}
