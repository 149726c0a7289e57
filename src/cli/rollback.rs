//! `sealift rollback` and `sealift prune`

use super::error::CliError;
use super::site::{warn_of_clock, warn_of_no_inventory};
use super::term::Term;
use super::{LIMITS, now, threads};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;
use sealift_bundle::value::word_fingerprint::WordFingerprint;
use sealift_site::SiteError;
use sealift_site::handle::{LockedSite, leftovers};
use sealift_site::release_inventory::Checking;
use serde_json::json;
use std::path::PathBuf;

/// Switch back to the previous release
///
/// Works without the bundle, without a network and on a full disk. Every file of the release is first compared with
/// what was installed. The site still remembers the newest bundle, so bundles older than that are rejected as before.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// The scenario; required if the site has several
    #[arg(long, value_name = "NAME")]
    scenario: Option<Name>,
    /// Switch to this release; `sealift status` lists the names
    #[arg(long, value_name = "RELEASE")]
    to: Option<Name>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let mut held = LockedSite::open(&self.site, &LIMITS)?;
        let clock = now()?;
        warn_of_clock(term, &held.site, clock);
        let found = held.site.state.meant(self.scenario.as_ref())?;
        let (scenario, from) = (found.name.clone(), found.current.clone());
        let nothing = || SiteError::NothingBefore { scenario: scenario.clone() };
        let to = self.to.or_else(|| found.before_current().map(|release| release.folder.clone()));
        let to = to.ok_or_else(nothing)?;
        let watch = term.watch("checking");
        let checking = Checking { threads: threads(None), watch: &watch };
        let release = held.switch(clock, &scenario, &to, checking)?;
        drop(watch);
        warn_of_no_inventory(term, &release);
        let head = WordFingerprint(held.site.head.digest).to_string();
        let text = format!(
            "{scenario}: {} in use (was {from})\n  in use     {}\n  journal    entry {}: {head}\n",
            release.folder,
            held.site.current(&scenario).display(),
            held.site.head.entries
        );
        let value = json!({
            "scenario": scenario, "from": from, "to": release.folder, "statement": release.mark.statement,
            "journal": held.site.head, "journal_words": head,
        });
        term.data("rollback", &value, &text)
    }
}

/// Remove the oldest releases that are not in use
#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// The scenario; required if the site has several
    #[arg(long, value_name = "NAME")]
    scenario: Option<Name>,
    /// Number of releases to keep [default: as configured for the site]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    keep: Option<u32>,
}

impl Prune {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        // Opening the site removes the leftovers of an interrupted installation, even if no release is installed.
        let left = leftovers(&self.site, &LIMITS)?;
        let mut held = LockedSite::open(&self.site, &LIMITS)?;
        let clock = now()?;
        warn_of_clock(term, &held.site, clock);
        if left.bytes > 0 {
            term.say(&format!("removed leftovers of an interrupted installation: {}", ByteSize(left.bytes)));
            if held.site.state.scenarios.is_empty() {
                return Ok(());
            }
        }
        let scenario = held.site.state.meant(self.scenario.as_ref())?.name.clone();
        let keep = self.keep.unwrap_or(held.site.state.keep);
        let gone = held.prune(clock, &scenario, keep)?;
        let mut text = format!("{scenario}: removed {}\n", counted(gone.len() as u64, "release"));
        for release in &gone {
            text += &format!("  {}  {}\n", release.folder, ByteSize(release.bytes));
        }
        let names: Vec<_> = gone.iter().map(|release| &release.folder).collect();
        term.data(
            "prune",
            &json!({ "scenario": scenario, "removed": names, "journal": held.site.head }),
            &text,
        )
    }
}
