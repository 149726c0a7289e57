//! `sealift fleet which`

use super::LookingArgs;
use crate::cli::error::CliError;
use crate::cli::term::Term;
use sealift_audit::components::{ComponentQuery, Items, SearchedComponent, search};
use sealift_audit::fleet::{
    FleetError, FleetOverview, FleetRow, NotedFile, Titles, bundle_label, in_use_label,
};
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Maximum size of an SBOM in bytes.
const SBOM: u64 = 64 << 20;
/// Maximum size of all SBOMs in bytes.
const SBOMS: u64 = 4 << 30;
/// Maximum number of components shown per site; `--json` has more.
const SHOWN: usize = 20;

/// Find the sites that hold a component, from SBOMs in the same directory
///
/// Reads every file that ends in `.cdx.json`: `CycloneDX` SBOMs that name their bundle, as written by `sealift sbom`.
/// SBOMs are not signed, so the file and its digest are shown with each result.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 some site holds it, and every bundle was checked; 4 no site does, or a bundle \
    has no SBOM here, or a record is unverified; 3 a record is not what its key signed.\n\nExamples:\n  \
    sealift fleet which log4j-core receipts --key office.pub\n  \
    sealift fleet which pkg:deb/debian/openssl@3.0.17-1~deb12u2 receipts --key office.pub"
)]
pub(super) struct Args {
    /// A name, GROUP/NAME or purl; with a version, only that version
    #[arg(value_name = "NAME[@VERSION]")]
    component: String,
    #[command(flatten)]
    looking: LookingArgs,
}

/// The matches in one SBOM.
#[derive(Serialize)]
struct Sbom {
    file: PathBuf,
    sha256: Digest,
    components: u64,
    matching: u64,
    found: Vec<SearchedComponent>,
}

/// A site that holds the component.
#[derive(Serialize)]
struct Holder<'a> {
    verified: bool,
    #[serde(flatten)]
    of: Bundle<'a>,
    said_by: Vec<&'a Sbom>,
}

/// A bundle that a site holds.
#[derive(Clone, Serialize)]
struct Bundle<'a> {
    site: Digest,
    name: &'a str,
    scenario: &'a str,
    statement: Digest,
    #[serde(rename = "bundle")]
    label: String,
    in_use: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<sealift_bundle::value::timestamp::Timestamp>,
}

#[derive(Serialize)]
struct Answer<'a> {
    asked: String,
    holders: Vec<Holder<'a>>,
    /// Bundles whose SBOMs do not name it.
    clear: Vec<Bundle<'a>>,
    /// Bundles without an SBOM.
    not_checked: Vec<Bundle<'a>>,
    /// SBOMs that do not name a bundle or could not be parsed.
    not_used: Vec<NotedFile>,
    /// Names that contain the requested name.
    like: BTreeSet<String>,
    #[serde(flatten)]
    fleet: &'a FleetOverview<'a>,
}

/// The matches in all SBOMs of a directory.
#[derive(Default)]
struct Sboms {
    of: BTreeMap<Digest, Vec<Sbom>>,
    not_used: Vec<NotedFile>,
    like: BTreeSet<String>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let query = ComponentQuery::parse(&self.component);
        let fleet = self.looking.fleet(term)?;
        let sboms = read(&fleet, &query)?;
        let mut answer = Answer {
            asked: query.to_string(),
            holders: Vec::new(),
            clear: Vec::new(),
            not_checked: Vec::new(),
            not_used: sboms.not_used,
            like: sboms.like,
            fleet: &fleet,
        };
        for (verified, group) in [(true, &fleet.verified), (false, &fleet.unverified)] {
            for row in &group.rows {
                for statement in row.held() {
                    let of = bundle(row, statement, &fleet.titles);
                    match sboms.of.get(&statement) {
                        None => answer.not_checked.push(of),
                        Some(all) => {
                            let said_by: Vec<_> = all.iter().filter(|sbom| sbom.matching > 0).collect();
                            if said_by.is_empty() {
                                answer.clear.push(of);
                            } else {
                                answer.holders.push(Holder { verified, of, said_by });
                            }
                        }
                    }
                }
            }
        }
        term.data("fleet_which", &answer, &text(term, &answer))?;
        answer.verdict()
    }
}

fn bundle<'a>(row: &'a FleetRow, statement: Digest, titles: &Titles) -> Bundle<'a> {
    let is_in_use = row.in_use == Some(statement);
    Bundle {
        site: row.site,
        name: row.name.as_str(),
        scenario: row.scenario.as_str(),
        statement,
        label: if is_in_use { in_use_label(row) } else { bundle_label(statement, titles.get(&statement)) },
        in_use: is_in_use,
        installed: row.installed.filter(|_| is_in_use),
    }
}

/// Searches every SBOM.
fn read(fleet: &FleetOverview<'_>, query: &ComponentQuery) -> Result<Sboms, CliError> {
    let mut sboms = Sboms::default();
    let mut left = SBOMS;
    for file in &fleet.sboms {
        let mut skip = |why: String| sboms.not_used.push(NotedFile { file: file.clone(), code: None, why });
        let bytes = match atomic_file::read_bounded(file, SBOM) {
            Ok(bytes) if bytes.len() as u64 > SBOM => {
                skip(format!("larger than {}", ByteSize(SBOM)));
                continue;
            }
            Ok(bytes) => bytes,
            Err(error) => {
                skip(error.to_string());
                continue;
            }
        };
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| FleetError::Limit {
            path: fleet.folder.to_owned(),
            what: format!("{} of SBOMs", ByteSize(SBOMS)),
        })?;
        match search(&bytes, query) {
            Err(error) => skip(error.to_string()),
            Ok(findings) => match findings.statement {
                None => skip("does not name its bundle".to_owned()),
                Some(statement) => {
                    sboms.like.extend(findings.like);
                    sboms.of.entry(statement).or_default().push(Sbom {
                        file: file.clone(),
                        sha256: Digest::of(&bytes),
                        components: findings.components,
                        matching: findings.matching,
                        found: findings.found,
                    });
                }
            },
        }
    }
    Ok(sboms)
}

impl Answer<'_> {
    fn verdict(&self) -> Result<(), CliError> {
        // Problems with the records affect this answer too.
        let mut what = match super::verdict(self.fleet) {
            Err(CliError::FleetUnchecked { what }) => what,
            other => other.map(|()| Vec::new())?,
        };
        if !self.not_checked.is_empty() {
            let bundles: BTreeSet<_> = self.not_checked.iter().map(|one| one.statement).collect();
            what.push(format!("{} without an SBOM", counted(bundles.len() as u64, "bundle")));
        }
        if !self.not_used.is_empty() {
            what.push(format!("{} that could not be used", counted(self.not_used.len() as u64, "SBOM")));
        }
        if !what.is_empty() {
            Err(CliError::FleetUnchecked { what })
        } else if self.holders.is_empty() {
            Err(CliError::FleetNobody { asked: self.asked.clone() })
        } else {
            Ok(())
        }
    }
}

fn shown(path: &Path) -> String {
    Printable(path.to_string_lossy()).to_string()
}

fn line(of: &Bundle<'_>) -> String {
    let mut text = format!("  {}  {}  {}  {}", of.name, of.site.short(), of.scenario, of.label);
    if !of.in_use {
        text += ", kept but not in use";
    }
    if let Some(installed) = of.installed {
        text += &format!(", installed {installed}");
    }
    text
}

/// A summary. It gives an exact number of sites only if every bundle has an SBOM: a bundle without one may hold the
/// component too.
fn headline(answer: &Answer<'_>) -> String {
    let count = |sites: BTreeSet<Digest>| counted(sites.len() as u64, "site");
    let held = count(answer.holders.iter().map(|holder| holder.of.site).collect());
    if answer.not_checked.is_empty() {
        return format!("held by {held}");
    }
    let unknown = count(answer.not_checked.iter().map(|of| of.site).collect());
    match (answer.holders.is_empty(), answer.clear.is_empty()) {
        (true, true) => {
            format!("unknown, no usable SBOM of what {unknown} holds").replace("sites holds", "sites hold")
        }
        (true, false) => {
            let clear = count(answer.clear.iter().map(|of| of.site).collect());
            format!("not named in the SBOMs of {clear}; unknown for {unknown}")
        }
        (false, _) => format!("held by at least {held}; unknown for {unknown}"),
    }
}

fn places(items: &Items) -> String {
    let names: Vec<_> = items.names.iter().take(SHOWN).map(|name| Printable(name).to_string()).collect();
    if names.is_empty() {
        return String::new();
    }
    let more = items.more.saturating_add((items.names.len() - names.len()) as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" in {}{more}", names.join(", "))
}

fn text(term: &Term, answer: &Answer<'_>) -> String {
    let mut text = format!("{}: {}\n", Printable(&answer.asked), headline(answer));
    for holder in &answer.holders {
        let standing = if holder.verified { "" } else { ", unverified" };
        text += &format!("{}{standing}\n", line(&holder.of));
        for sbom in &holder.said_by {
            for found in sbom.found.iter().take(SHOWN) {
                let version = found.version.as_deref().unwrap_or("(no version)");
                let name = found
                    .group
                    .as_ref()
                    .map_or(found.name.clone(), |group| format!("{group}/{}", found.name));
                let items = places(&found.items);
                text += &format!("      {} {}{items}\n", Printable(name), Printable(version));
            }
            let more = sbom.matching.saturating_sub(SHOWN as u64);
            if more > 0 {
                text += &format!("      and {more} more\n");
            }
            text += &format!("      source: {} ({})\n", shown(&sbom.file), sbom.sha256);
        }
    }
    for of in &answer.clear {
        text += &format!("{}: not named in its SBOM\n", line(of));
    }
    if !answer.not_checked.is_empty() {
        text += &format!("{}\n", term.paint("not checked, because the bundle has no SBOM:", "33;1"));
        for of in &answer.not_checked {
            text += &format!("{}\n      {}\n", line(of), of.statement);
        }
    }
    for said in &answer.not_used {
        text += &format!("not used: {}: {}\n", shown(&said.file), Printable(&said.why));
    }
    if answer.holders.is_empty() && !answer.like.is_empty() {
        let like: Vec<_> = answer.like.iter().take(SHOWN).map(|name| Printable(name).to_string()).collect();
        text += &format!("similar names: {}\n", like.join(", "));
    }
    text += "note: SBOMs are not signed; this result is only as reliable as their origin\n";
    text
}
