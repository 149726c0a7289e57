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

/// Show which site holds what, from receipts and requests
///
/// Reads every receipt and request below a directory, and shows for those signed by a key given with `--key` which
/// bundle each site uses, how far it is behind, and how old the record is. Records signed by other keys are listed
/// separately as unverified. Bundle names come from statements and seals in the directory, and with `--trust` from
/// bundles.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 everything was checked and fits together, 3 a record is not what its key signed, 4 records \
    contradict each other or could not be checked. Being behind is not a fault.\n\nExamples:\n  \
    sealift fleet receipts --key office.pub --key ship.pub\n  \
    sealift fleet receipts --key office.pub --trust root.json --html fleet.html\n  \
    sealift fleet which openssl@3.0.17-1~deb12u2 receipts --key office.pub"
)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    looking: Option<LookingArgs>,
    /// Also write an HTML page, self-contained and without scripts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Find the sites that hold a component, from SBOMs in the same directory
    Which(which::Args),
}

/// The directory to read, and the keys to verify it with.
#[derive(Debug, clap::Args)]
struct LookingArgs {
    /// Directory with receipts and requests; also SBOMs, statements and bundles
    folder: PathBuf,
    /// The public key of a site; repeatable
    #[arg(long = "key", value_name = "SITE.pub")]
    keys: Vec<PathBuf>,
    /// The trust root, to open the bundles in the directory and to find revoked ones
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
                message: format!("no receipts or requests found below `{}`", self.folder.display()),
                hint: Some(next_step![
                    "create one at a site: `sealift receipt new ",
                    Subject::Site,
                    " --key SITE.key`"
                ]),
            });
        }
        Ok(fleet)
    }
}

/// The exit status after the output: the most severe outcome.
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
