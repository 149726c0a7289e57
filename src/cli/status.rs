//! `sealift status`

use super::error::CliError;
use super::site::warn_of_clock;
use super::term::Term;
use super::{LIMITS, now, threads};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use sealift_bundle::value::word_fingerprint::WordFingerprint;
use sealift_site::SiteError;
use sealift_site::handle::{Site, leftovers};
use sealift_site::release_inventory::{Checking, ReleaseCheck, ReleaseDifference};
use sealift_site::state::SiteScenario;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Show what a site trusts and has installed
///
/// Completes a transaction that was interrupted by a power cut.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// Hash every file of every release and compare it with what was installed; exit code 4 on differences
    #[arg(long)]
    deep: bool,
}

/// Maximum number of differences listed; `--json` lists all.
const SHOWN: usize = 20;

/// The result of comparing a release with what was installed.
#[derive(Serialize)]
struct Checked<'a> {
    scenario: &'a Name,
    release: &'a Name,
    /// `whole`, `changed` or `not checked`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    differences: Vec<ReleaseDifference>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let site = Site::look(&self.site, &LIMITS)?;
        let state = &site.state;
        let now = now()?;
        let names: Vec<_> = state.accepts.iter().map(ToString::to_string).collect();
        let mut text = format!("site `{}` at {}\n", state.name, site.folder().display());
        text += &format!("  accepts    {}\n", names.join(", "));
        text +=
            &format!("  trusts     root version {}, {}\n", state.root_version, WordFingerprint(state.root));
        if let Some(expires) = site.root.root().expires() {
            let is_past = expires <= now.max(state.time_floor);
            let note = if is_past { ": EXPIRED, ask the root key holders for a newer one" } else { "" };
            text += &format!("             expires {expires}{note}\n");
        }
        let words = WordFingerprint(site.head.digest).to_string();
        text += &format!("  journal    entry {} of {}: {words}\n", site.head.entries, site.time);
        warn_of_clock(term, &site, now);
        for scenario in &state.scenarios {
            text += &show(&site, scenario);
        }
        for missing in state.accepts.iter().filter(|name| state.scenario(name).is_none()) {
            text += &format!("\n{missing}: nothing installed yet\n");
        }
        let left = leftovers(&self.site, &LIMITS)?;
        if left.bytes > 0 {
            let size = ByteSize(left.bytes);
            text += &if left.is_running {
                format!("\nan installation is running: {size} so far\n")
            } else {
                format!(
                    "\nan interrupted installation left {size} behind: the next command that changes the site removes \
                     it, as `sealift prune {}` does\n",
                    quoted(site.folder())
                )
            };
        }
        let checked = if self.deep { deep(term, &site)? } else { Vec::new() };
        for one in &checked {
            text += &shown(one);
        }
        let mut value = json!({
            "site": site.folder(), "id": state.site, "name": state.name, "accepts": state.accepts,
            "keep": state.keep, "root_version": state.root_version, "root": state.root,
            "time_floor": state.time_floor, "journal": site.head, "journal_words": words,
            "scenarios": state.scenarios,
        });
        if let Some(value) = value.as_object_mut() {
            let left = (left.bytes > 0).then(|| json!({ "bytes": left.bytes, "running": left.is_running }));
            value.extend(left.map(|left| ("left_behind".to_owned(), left)));
            value.extend(self.deep.then(|| ("checked".to_owned(), json!(checked))));
        }
        term.data("status", &value, &text)?;
        let changed = checked.iter().filter(|one| one.outcome == "changed");
        let releases: Vec<_> = changed.map(|one| one.release.clone()).collect();
        if releases.is_empty() { Ok(()) } else { Err(SiteError::ReleasesChanged { releases }.into()) }
    }
}

/// Compares every release with what was installed.
fn deep<'a>(term: &Term, site: &'a Site) -> Result<Vec<Checked<'a>>, CliError> {
    let watch = term.watch("checking");
    let checking = Checking { threads: threads(None), watch: &watch };
    let mut all = Vec::new();
    for scenario in &site.state.scenarios {
        for release in &scenario.releases {
            let mut one = Checked {
                scenario: &scenario.name,
                release: &release.folder,
                outcome: "changed",
                reason: None,
                differences: Vec::new(),
            };
            let is_there = site.release(&scenario.name, &release.folder).is_dir();
            let outcome = is_there.then(|| site.check_release(&scenario.name, release, checking));
            match outcome.transpose() {
                Ok(None) => one.reason = Some("its directory is missing".to_owned()),
                Ok(Some(ReleaseCheck::Compared(found))) => {
                    one.outcome = if found.is_empty() { "whole" } else { "changed" };
                    one.differences = found;
                }
                Ok(Some(ReleaseCheck::NoInventory)) => {
                    one.outcome = "not checked";
                    one.reason =
                        Some("it was installed by an older sealift, which kept no file list".to_owned());
                }
                Err(error @ SiteError::InventoryDamaged { .. }) => one.reason = Some(error.to_string()),
                Err(error) => return Err(error.into()),
            }
            all.push(one);
        }
    }
    Ok(all)
}

fn shown(one: &Checked<'_>) -> String {
    let title = format!("\n{} {}: ", one.scenario, one.release);
    let mut text = match (&one.reason, one.differences.len() as u64) {
        (Some(reason), _) => format!("{title}{}: {reason}\n", one.outcome),
        (None, 0) => format!("{title}no differences\n"),
        (None, count) => format!("{title}{}\n", counted(count, "difference")),
    };
    for ReleaseDifference { path, change } in one.differences.iter().take(SHOWN) {
        text += &format!("  {change:8} {}\n", Printable(path));
    }
    if let Some(more) = one.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("  and {more} more: `--json` lists all\n");
    }
    text
}

fn show(site: &Site, scenario: &SiteScenario) -> String {
    let mut text = format!("\n{}: highest {}\n", scenario.name, scenario.highest);
    for release in scenario.releases.iter().rev() {
        let is_current = release.folder == scenario.current;
        let is_there = site.release(&scenario.name, &release.folder).is_dir();
        let note = match site.root.root().is_revoked_statement(&release.mark.statement) {
            true => "  REVOKED",
            false if is_there => "",
            false => "  DIRECTORY MISSING",
        };
        text += &format!(
            "  {} {}  {}-{}, epoch {}, sequence {}, {}, installed {}{note}\n",
            if is_current { "*" } else { " " },
            release.folder,
            release.bundle,
            release.version,
            release.mark.epoch,
            release.mark.sequence,
            ByteSize(release.bytes),
            release.installed,
        );
    }
    text + &format!("  * in use: {}\n", site.current(&scenario.name).display())
}
