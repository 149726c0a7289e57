//! `sealift fleet`

mod page;
mod text;
mod which;

use super::error::CliError;
use super::key::public;
use super::term::Term;
use super::{LIMITS, ThreadArgs, inspection_conditions, now, write};
use sealift_bundle::codes;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::member_reader::{self, MemberReader};
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::Trusted;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::next_step::Subject;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::fleet::gather::{Gathered, Unread, gather};
use sealift_site::fleet::{FleetGroup, KnownBundles, Title, Titles};
use sealift_site::state::ReleaseMark;
use serde::Serialize;
use std::path::{Path, PathBuf};

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

/// Where to look, and whom to believe.
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

/// What was found, compared.
#[derive(Serialize)]
struct Fleet<'a> {
    folder: &'a Path,
    now: Timestamp,
    /// Records that named keys signed.
    verified: FleetGroup,
    /// Records by other keys.
    unverified: FleetGroup,
    /// What is not believed.
    refused: Vec<Said>,
    /// Bundles that the trust root does not believe any longer.
    set_aside: Vec<Said>,
    /// Bundles that nobody looked into, for want of a trust root.
    bundles_not_opened: Vec<PathBuf>,
    /// What could not be looked at.
    unread: Vec<Said>,
    sboms: Vec<PathBuf>,
    /// Files that are nothing of this.
    others: Vec<PathBuf>,
    #[serde(skip)]
    titles: Titles,
}

/// A file, and what there is to say about it.
#[derive(Serialize)]
struct Said {
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    why: String,
}

/// What the bundles of a folder tell.
#[derive(Default)]
struct Bundles {
    known: Vec<(Name, ReleaseMark)>,
    refused: Vec<Said>,
    set_aside: Vec<Said>,
    not_opened: Vec<PathBuf>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        if let Some(Verb::Which(which)) = self.verb {
            return which.run(term);
        }
        let Some(looking) = self.looking else { return Ok(()) };
        let fleet = looking.fleet(term)?;
        if let Some(path) = &self.html {
            write(path, page::page(&fleet).as_bytes())?;
        }
        term.data("fleet", &fleet, &text::text(term, &fleet))?;
        if let Some(path) = &self.html {
            term.say(&format!("wrote {}", quoted(path)));
        }
        fleet.verdict()
    }
}

impl LookingArgs {
    fn fleet(&self, term: &Term) -> Result<Fleet<'_>, CliError> {
        let keys = self.keys.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
        let root = self.trust.as_deref().map(|path| PinnedRoot::open(path, &LIMITS)).transpose()?;
        let now = now()?;
        let Gathered { verified, declared, refused, mut titles, bundles, sboms, others, unread } =
            gather(&self.folder, &keys, &LIMITS)?;
        let (bundles, root) = open(term, bundles, root, &mut titles)?;
        let known = KnownBundles {
            titles: &titles,
            bundles: &bundles.known,
            root: root.as_ref().map(PinnedRoot::root),
            now,
        };
        let verified = FleetGroup::of(verified, known);
        let both: Vec<_> = bundles.known.iter().cloned().chain(verified.bundles()).collect();
        let unverified = FleetGroup::of(declared, KnownBundles { bundles: &both, ..known });
        let mut said: Vec<_> = refused.iter().map(|one| Said::of(&one.file, &one.error)).collect();
        said.extend(bundles.refused);
        let fleet = Fleet {
            folder: &self.folder,
            now,
            verified,
            unverified,
            refused: said,
            set_aside: bundles.set_aside,
            bundles_not_opened: bundles.not_opened,
            unread: unread.into_iter().map(|Unread { file, why }| Said { file, code: None, why }).collect(),
            sboms,
            others,
            titles,
        };
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

impl Said {
    fn of(file: &Path, error: &TrustError) -> Self {
        let because = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { file: file.to_owned(), code: Some(error.code().as_str()), why: format!("{error}{because}") }
    }
}

/// Believes the bundles that lie there, or says why not; also gives the newest trust root that one of them brought.
fn open(
    term: &Term,
    files: Vec<PathBuf>,
    root: Option<PinnedRoot>,
    titles: &mut Titles,
) -> Result<(Bundles, Option<PinnedRoot>), CliError> {
    let Some(pinned) = root else {
        return Ok((Bundles { not_opened: files, ..Bundles::default() }, None));
    };
    let watch = term.watch("reading");
    let conditions = inspection_conditions(&watch, ThreadArgs { threads: None })?;
    let (mut bundles, mut newest) = (Bundles::default(), pinned.clone());
    for file in files {
        let opened = member_reader::open(&file).map_err(TrustError::from);
        let trusted =
            opened.and_then(|open| Trusted::open(&mut MemberReader::file(&open), &pinned, &conditions));
        match trusted {
            Ok(trusted) => {
                let predicate = &trusted.statement().predicate;
                titles.insert(trusted.id(), Title::of(predicate));
                bundles.known.push((predicate.scenario.clone(), ReleaseMark::of(predicate, trusted.id())));
                if trusted.root().root().version() > newest.root().version() {
                    newest = trusted.root().clone();
                }
            }
            Err(TrustError::Bundle(BundleError::Interrupted)) => {
                return Err(TrustError::Bundle(BundleError::Interrupted).into());
            }
            // What was believed once and is over is no attack: sites may well hold it still.
            Err(error)
                if [codes::TRUST_EXPIRED, codes::TRUST_EPOCH, codes::TRUST_REVOKED]
                    .contains(&error.code()) =>
            {
                bundles.set_aside.push(Said::of(&file, &error));
            }
            Err(error) => bundles.refused.push(Said::of(&file, &error)),
        }
    }
    Ok((bundles, Some(newest)))
}

impl Fleet<'_> {
    /// What was asked for and could not be checked.
    fn unchecked(&self) -> Vec<String> {
        let mut what = Vec::new();
        if self.unverified.records > 0 {
            what.push(format!("{} by keys that were not named", counted(self.unverified.records, "record")));
        }
        if !self.unread.is_empty() {
            what.push(format!("{} that could not be looked at", counted(self.unread.len() as u64, "file")));
        }
        what
    }

    /// What becomes of the command once everything is shown; the gravest comes first.
    fn verdict(&self) -> Result<(), CliError> {
        let conflicts = self.verified.conflicts.len() + self.unverified.conflicts.len();
        let what = self.unchecked();
        if !self.refused.is_empty() {
            Err(CliError::FleetRefused { count: self.refused.len() })
        } else if conflicts > 0 {
            Err(CliError::FleetConflicts { count: conflicts })
        } else if !what.is_empty() {
            Err(CliError::FleetUnchecked { what })
        } else {
            Ok(())
        }
    }
}
