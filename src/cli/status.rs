//! `sealift status`

use super::error::CliError;
use super::term::Term;
use super::{LIMITS, now};
use crate::site::open::Site;
use crate::site::state::Scenario;
use crate::value::size::ByteSize;
use crate::value::spoken::Spoken;
use serde_json::json;
use std::path::PathBuf;

/// Show what a site trusts, has installed, and remembers
///
/// Finishes an act that a power cut has left unfinished.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The site
    pub(super) site: PathBuf,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let site = Site::look(&self.site, &LIMITS)?;
        let state = &site.state;
        let names: Vec<_> = state.accepts.iter().map(ToString::to_string).collect();
        let mut text = format!("site `{}` at {}\n", state.name, site.folder().display());
        text += &format!("  takes      {}\n", names.join(", "));
        text += &format!("  trusts     root version {}, {}\n", state.root_version, Spoken(state.root));
        if let Some(expires) = site.root.root().expires() {
            text += &format!("             expires {expires}\n");
        }
        let words = Spoken(site.head.digest).to_string();
        text += &format!("  journal    entry {} of {}: {words}\n", site.head.entries, site.time);
        let now = now()?;
        if let Some(floor) = site.clock_is_behind(now) {
            term.warn(&format!("the clock shows {now}, and this site has seen signatures of {floor}"));
        }
        for scenario in &state.scenarios {
            text += &show(&site, scenario);
        }
        for missing in state.accepts.iter().filter(|name| state.scenario(name).is_none()) {
            text += &format!("\n{missing}: nothing installed yet\n");
        }
        let value = json!({
            "site": site.folder(), "id": state.site, "name": state.name, "accepts": state.accepts,
            "keep": state.keep, "root_version": state.root_version, "root": state.root,
            "time_floor": state.time_floor, "journal": site.head, "journal_words": words,
            "scenarios": state.scenarios,
        });
        term.data("status", &value, &text)
    }
}

fn show(site: &Site, scenario: &Scenario) -> String {
    let mut text = format!("\n{}: highest {}\n", scenario.name, scenario.highest);
    for release in scenario.releases.iter().rev() {
        let is_current = release.folder == scenario.current;
        let is_there = site.release(&scenario.name, &release.folder).is_dir();
        let note = match site.root.root().is_revoked_statement(&release.mark.statement) {
            true => "  REVOKED",
            false if is_there => "",
            false => "  FOLDER IS GONE",
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
