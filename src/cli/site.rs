//! `sealift site`

use super::error::CliError;
use super::key::public;
use super::term::Term;
use super::{LIMITS, now};
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::chain::{Chain, PinnedRoot};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::reason::Reason;
use sealift_bundle::value::suggestion::closest;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_bundle::value::word_fingerprint::{TypedFingerprint, WordFingerprint};
use sealift_site::handle::{LockedSite, Site};
use sealift_site::lifecycle::{self, Charter};
use sealift_site::state::Release;
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

/// Set up a site and manage the trust root it pins
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Set up a site in a new directory
    Init(Init),
    /// Pin a newer trust root, or replace it after a loss of keys
    Trust(Trust),
    /// Rebuild the state of a site from its journal
    Recover(Recover),
    /// Change which scenarios the site accepts
    Set(Set),
}

#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// Accept this scenario from now on
    #[arg(long, value_name = "NAME", required_unless_present = "remove_scenario")]
    add_scenario: Vec<Name>,
    /// Stop accepting this scenario; nothing of it may be installed
    #[arg(long, value_name = "NAME")]
    remove_scenario: Vec<Name>,
}

/// The reference scenarios. Other names are valid too, but a name similar to one of these is probably a typo.
const SCENARIOS: [&str; 5] = ["out-of-band", "mission-partner", "ddil", "sovereign-microsoft", "air-gapped"];

/// Warns if a scenario is probably misspelled.
fn warn_of_typos(term: &Term, site: &Path, scenarios: &[Name]) {
    for scenario in scenarios {
        let name = scenario.as_str();
        if let Some(known) = closest(name, SCENARIOS).filter(|known| *known != name) {
            term.warn(&format!(
                "`{scenario}` is not a scenario that sealift knows; did you mean `{known}`? To change it: \
                 `sealift site set {} --add-scenario {known} --remove-scenario {scenario}`",
                quoted(site)
            ));
        }
    }
}

/// Warns if the clock is behind the signatures the site has seen: wrong times would stay in the journal.
pub(super) fn warn_of_clock(term: &Term, site: &Site, now: Timestamp) {
    if let Some(floor) = site.clock_is_behind(now) {
        term.warn(&format!(
            "the clock shows {now}, but this site has seen signatures from {floor}: set the clock (`date -u -s ...`)"
        ));
    }
}

/// Warns if a release could not be compared with what was installed before it was put into use.
pub(super) fn warn_of_no_inventory(term: &Term, release: &Release) {
    if release.inventory.is_none() {
        term.warn(&format!(
            "the files of {} were not compared with what was installed: an older sealift kept no list of them; \
             `sealift install SITE BUNDLE --repair` writes them anew",
            release.folder
        ));
    }
}

/// A trust root, and the fingerprint that confirms it.
#[derive(Debug, clap::Args)]
pub(super) struct FirstTrust {
    /// The trust root
    #[arg(long = "trust", value_name = "ROOT")]
    root: PathBuf,
    /// Its fingerprint, from the root key holders: ten words, or 64 digits [default: prompt]
    #[arg(long, value_name = "WORDS")]
    fingerprint: Option<TypedFingerprint>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift site init /srv/sealift --trust root.json --scenario air-gapped")]
pub(super) struct Init {
    /// The site directory; it must be missing or empty
    ///
    /// Its mode follows the umask; files in it are readable by every user who can enter it.
    pub(super) site: PathBuf,
    #[command(flatten)]
    first: FirstTrust,
    /// Accept this scenario; repeatable
    #[arg(long = "scenario", value_name = "NAME", required = true)]
    scenarios: Vec<Name>,
    /// The name of the site [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    /// Number of releases to keep per scenario
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    keep: u32,
    /// Public half of the key that signs receipts and requests
    #[arg(long, value_name = "PUB")]
    key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Trust {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// A file with all root versions up to the newest; with `--reason`, any root
    root: PathBuf,
    /// Replace the root after a loss of root keys, for this reason
    ///
    /// Needed when too few root keys are left to sign the next version. The reason is recorded in the journal, and the
    /// fingerprint is required as for a new site.
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
    /// The fingerprint of the new root, from its key holders: ten words, or 64 digits
    #[arg(long, value_name = "WORDS", requires = "reason")]
    fingerprint: Option<TypedFingerprint>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Recover {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// The trust root pinned according to the journal
    #[arg(long = "trust", value_name = "ROOT")]
    root: PathBuf,
    /// The last known head of the journal, from notes or a receipt: ten words, or 64 digits
    #[arg(long, value_name = "WORDS")]
    head: TypedFingerprint,
    /// The reason, recorded in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Init(init) => init.run(term),
            Verb::Trust(trust) => trust.run(term),
            Verb::Recover(recover) => recover.run(term),
            Verb::Set(set) => set.run(term),
        }
    }

    pub(super) fn site(&self) -> &Path {
        match &self.verb {
            Verb::Init(Init { site, .. })
            | Verb::Trust(Trust { site, .. })
            | Verb::Recover(Recover { site, .. })
            | Verb::Set(Set { site, .. }) => site,
        }
    }
}

impl FirstTrust {
    /// Returns the root after its fingerprint was confirmed.
    fn compared(&self) -> Result<(PinnedRoot, String), CliError> {
        let (typed, how) = match &self.fingerprint {
            Some(typed) => (typed.clone(), "on the command line"),
            None => (ask()?, "on the terminal"),
        };
        let bytes =
            atomic_file::read_bounded(&self.root, LIMITS.roots).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => TrustError::Missing { path: self.root.clone(), source },
                _ => TrustError::Read { path: self.root.clone(), source },
            })?;
        let root =
            PinnedRoot::compared(&bytes, &typed, &LIMITS).map_err(|error| error.in_file(&self.root))?;
        Ok((root, how.to_owned()))
    }
}

/// Prompts for a fingerprint. That of the file is not shown: it would be copied instead of compared.
fn ask() -> Result<TypedFingerprint, CliError> {
    let input = |source| CliError::Input {
        what: "the fingerprint from the terminal".to_owned(),
        hint: "without a terminal, pass it with `--fingerprint`",
        source,
    };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(input(std::io::Error::other("standard input is not a terminal")));
    }
    Term::ask(
        "Fingerprint of the trust root, as read to you by the root key holders\n(ten words, or 64 digits): ",
    );
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(input)?;
    line.trim().parse().map_err(|error: sealift_bundle::value::ValueError| CliError::Usage {
        message: error.to_string(),
        hint: Some(next_step!["ask for the fingerprint again and enter it in full"]),
    })
}

impl Init {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let (root, compared) = self.first.compared()?;
        let name = match self.name {
            Some(name) => name,
            None => folder_name(&self.site)?,
        };
        let key = self.key.as_deref().map(public).transpose()?.map(|key| key.id());
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|source| TrustError::Entropy { source })?;
        let charter = Charter {
            site: Digest::of(&random),
            name,
            accepts: self.scenarios,
            keep: self.keep,
            key,
            compared,
        };
        let now = now()?;
        let scenarios = charter.accepts.clone();
        if let Some(expired) = root.root().check_expiry(now)? {
            term.warn(&format!("the trust root expired at {expired}; its policy only warns about expiry"));
        }
        lifecycle::init(&self.site, &root, charter, now)?;
        warn_of_typos(term, &self.site, &scenarios);
        let site = Site::look(&self.site, &LIMITS)?;
        let head = WordFingerprint(site.head.digest).to_string();
        let value = json!({
            "site": site.folder(), "id": site.state.site, "name": site.state.name, "accepts": site.state.accepts,
            "root_version": site.state.root_version, "root": site.state.root, "head": site.head.digest,
            "head_words": head,
        });
        let text = format!(
            "site `{}` at {}\n  trusts     root version {}, {}\n  journal    {head}\n",
            site.state.name,
            site.folder().display(),
            site.state.root_version,
            WordFingerprint(site.state.root),
        );
        term.data("site", &value, &text)?;
        term.say(&format!("next: sealift install {} BUNDLE", quoted(&self.site)));
        Ok(())
    }
}

fn folder_name(site: &Path) -> Result<Name, CliError> {
    let name = site.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.parse().map_err(|error| CliError::Usage {
        message: format!("cannot derive a site name from `{name}`: {error}"),
        hint: Some(next_step!["pass a name with `--name`"]),
    })
}

impl Trust {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let mut held = LockedSite::open(&self.site, &LIMITS)?;
        warn_of_clock(term, &held.site, now()?);
        let root = if self.reason.is_some() {
            FirstTrust { root: self.root.clone(), fingerprint: self.fingerprint }.compared()?.0
        } else {
            let found = PinnedRoot::open(&self.root, &LIMITS)?;
            let chain = found.chain().and_then(|chain| Chain::parse(&chain, &LIMITS));
            let root = chain.and_then(|chain| chain.anchor(&held.site.root));
            let root = root.map_err(|error| error.in_file(&self.root))?;
            if root.fingerprint() != found.fingerprint() {
                return Err(CliError::Usage {
                    message: format!(
                        "`{}` ends before the pinned root version {}",
                        self.root.display(),
                        held.site.state.root_version
                    ),
                    hint: Some(next_step![
                        "pass a file with every version up to a newer one; after a loss of keys, pass any root with `--reason`"
                    ]),
                });
            }
            root
        };
        let before = held.site.state.root_version;
        if root.fingerprint() != held.site.root.fingerprint() {
            let now = now()?;
            if root.root().expires().is_some_and(|expires| expires <= now) {
                term.warn("this trust root has expired: ask the root key holders for a newer one");
            }
            held.trust(now, root, self.reason)?;
        }
        let Site { state, head, .. } = &held.site;
        let mut text = if before == state.root_version {
            format!("root version {before} is already pinned; the file has no newer version\n")
        } else {
            format!("pinned root version {}: {}\n", state.root_version, WordFingerprint(state.root))
        };
        let value = json!({ "root_version": state.root_version, "root": state.root, "head": head.digest });
        text += &format!("journal: {}\n", WordFingerprint(head.digest));
        term.data("trusted", &value, &text)
    }
}

impl Recover {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let root = PinnedRoot::open(&self.root, &LIMITS)?;
        let site = lifecycle::recover(&self.site, &root, &self.head, self.reason, now()?, &LIMITS)?;
        let value = json!({ "site": site.folder(), "head": site.head.digest, "entries": site.head.entries });
        let text = format!(
            "recovered the site from its journal; entry {}: {}\n",
            site.head.entries,
            WordFingerprint(site.head.digest)
        );
        term.data("recovered", &value, &text)?;
        term.say(&format!("next: sealift status {}", quoted(&self.site)));
        Ok(())
    }
}

impl Set {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let mut held = LockedSite::open(&self.site, &LIMITS)?;
        let now = now()?;
        warn_of_clock(term, &held.site, now);
        held.accept(now, &self.add_scenario, &self.remove_scenario)?;
        warn_of_typos(term, &self.site, &self.add_scenario);
        let Site { state, head, .. } = &held.site;
        let names: Vec<_> = state.accepts.iter().map(ToString::to_string).collect();
        let text = format!(
            "site `{}` accepts {}\n  journal    entry {}: {}\n",
            state.name,
            if names.is_empty() { "no scenario".to_owned() } else { names.join(", ") },
            head.entries,
            WordFingerprint(head.digest)
        );
        let value = json!({ "site": held.site.folder(), "accepts": state.accepts, "journal": head });
        term.data("site", &value, &text)
    }
}
