//! The sections of a report.

mod account;
mod anomalies;
mod changes;
mod controls;
mod origins;
mod packages;
mod policy;
mod privileges;
mod scan;
mod signers;
mod size;
mod summary;
mod timeline;
mod unchecked;
mod vulnerabilities;
mod without_us;

use super::document::{Basis, Fact, ReportDocument, Section};
use super::facts::ReportFacts;
use super::text::{code, out, say};
use sealift_bundle::value::name::Name;

/// The report of a bundle. Equal facts give equal reports.
#[must_use]
pub fn report(facts: &ReportFacts<'_>) -> ReportDocument {
    let overview = facts.overview;
    let section = |id, title, blocks| Section { id, title, blocks };
    let fact = |name, basis, value| Fact { name, basis, value };
    ReportDocument {
        name: overview.name.to_string(),
        version: overview.version.to_string(),
        written: facts.written,
        tool: concat!("sealift ", env!("CARGO_PKG_VERSION")).to_owned(),
        verdict: summary::verdict(facts),
        identity: vec![
            fact("Statement", Basis::Observed, code(overview.statement.to_string())),
            fact(
                "Scenario",
                Basis::Carried,
                out(overview.scenario.as_str())
                    .say(format!(", epoch {}, sequence {}", overview.epoch, overview.sequence)),
            ),
            fact("Sealed by", Basis::Carried, signers::names(facts)),
            fact("Packed by", Basis::Declared, out(&overview.tool)),
            fact("File", Basis::Observed, say(size::bytes(facts.account.size))),
        ],
        strip: summary::strip(facts),
        sections: vec![
            section("in-short", "In short", summary::blocks(facts)),
            section("changes", changes::title(facts), changes::blocks(facts)),
            section("size", "What takes up the space", size::blocks(facts)),
            section("privileges", "What can execute, and as whom", privileges::blocks(facts)),
            section("packages", "Packages, licences, vulnerabilities", packages::blocks(facts)),
            section("findings", "Secrets and anomalies", anomalies::blocks(facts)),
            section("sources", "Sources and upstream evidence", origins::blocks(facts)),
            section("signers", "Signers and approvals", signers::blocks(facts)),
            section("scan", "Scan coverage", scan::blocks(facts)),
            section("bytes", "Byte account", account::blocks(facts)),
            section("timeline", "Timeline", timeline::blocks(facts)),
            section("policy", "Policy, waivers and controls", controls::blocks(facts)),
            section("unchecked", "Not checked", unchecked::blocks(facts)),
            section("without-us", "How to check this without sealift", without_us::blocks(facts)),
            section("signatures", "Signatures on paper", signers::boxes(facts)),
        ],
        everything: facts.command("sealift report BUNDLE --trust ROOT --json"),
    }
}

/// The names of the items that have a layer: the first, and how many more.
fn holders(names: &[&Name]) -> super::text::Text {
    match names {
        [] => say("–"),
        [one] => out(one.as_str()),
        [one, rest @ ..] => out(one.as_str()).say(format!(" and {} more", rest.len())),
    }
}
