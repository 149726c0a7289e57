//! Section: known vulnerabilities of the packages.

use super::super::document::{Basis, Fact, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, grouped, out, say};
use crate::vulnerability::severity::Level;
use crate::vulnerability::vex::Status;
use crate::vulnerability::{Identity, Vulnerabilities, Vulnerability, VulnerablePlace};
use sealift_bundle::value::plural::counted;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let Some(known) = facts.vulnerabilities else {
        return vec![SectionPart::Unchecked {
            text: say(
                "No vulnerability data was given, so nothing is known about vulnerabilities of these packages.",
            ),
            command: Some(
                facts.command("sealift report BUNDLE --trust ROOT --osv OSV-FOLDER -o report.html"),
            ),
        }];
    };
    let mut blocks: Vec<_> = known.data.iter().map(|data| asked(known, data)).collect();
    if known.found.is_empty() {
        let text =
            say(format!("None of the {} compared is in the data.", counted(known.compared, "package")));
        blocks.push(SectionPart::Note { tone: Tone::Good, text });
    } else {
        blocks.push(SectionPart::Table(found(known)));
    }
    if !known.declared.is_empty() {
        blocks.push(SectionPart::Table(said(known)));
    }
    if !known.not_checked.is_empty() {
        blocks.push(SectionPart::Table(gaps(known)));
    }
    blocks
}

fn asked(known: &Vulnerabilities, data: &Identity) -> SectionPart {
    let fact = |name, basis, value| Fact { name, basis, value };
    let age =
        known.age_days.map_or_else(|| say("not known"), |days| say(counted(days.unsigned_abs(), "day")));
    let newest = data.newest.map_or_else(|| say("not known"), |newest| say(newest.to_string()));
    SectionPart::Facts {
        facts: vec![
            fact("Data", Basis::Observed, code(data.digest.to_string())),
            fact("Records", Basis::Observed, say(grouped(data.records))),
            fact("Newest record", Basis::Declared, newest),
            fact("Age of the data", Basis::Declared, age),
            fact("Packages compared", Basis::Observed, say(grouped(known.compared))),
        ],
    }
}

/// Whether someone still has to do something about it.
pub(super) fn is_open(one: &Vulnerability) -> bool {
    one.places.iter().any(VulnerablePlace::is_open)
}

/// How severe it is for a reader.
fn tone(one: &Vulnerability) -> Tone {
    match one.severity.level {
        _ if !is_open(one) => Tone::Plain,
        Some(Level::Critical | Level::High) => Tone::Bad,
        Some(Level::Medium | Level::Low | Level::None) | None => Tone::Attention,
    }
}

fn found(known: &Vulnerabilities) -> Table {
    let mut table = Table::new(
        "Packages with known vulnerabilities",
        Some(Basis::Observed),
        vec![
            Column::text("Vulnerability"),
            Column::text("Severity"),
            Column::text("Package"),
            Column::text("Fixed in"),
            Column::text("In"),
            Column::text("OpenVEX statement"),
        ],
    );
    for one in &known.found {
        let name = out(&one.id);
        let name = one.summary.iter().fold(name, |name, summary| name.say(": ").out(summary));
        let mut items: Vec<_> = one.places.iter().map(|place| place.item.as_str()).collect();
        items.dedup();
        let said = one.places.iter().filter_map(|place| place.status).map(Status::as_str);
        let mut said: Vec<_> = said.collect();
        said.sort_unstable();
        said.dedup();
        let package = out(&one.package.name).say(" ").out(&one.package.version);
        let package = one.package.architecture.iter().fold(package, |text, built| text.say(" ").out(built));
        table.row([
            name.into(),
            Cell::from(say(one.severity.shown())).tone(tone(one)),
            package.into(),
            Text::default().list(&one.fixed, "nothing yet").into(),
            Text::default().list(items, "–").into(),
            Text::default().list(said, "–").into(),
        ]);
    }
    table
}

fn said(known: &Vulnerabilities) -> Table {
    let mut table = Table::new(
        "Statements of OpenVEX documents, which are not signed",
        Some(Basis::Declared),
        vec![
            Column::text("Vulnerability"),
            Column::text("Status"),
            Column::text("Why"),
            Column::text("Who says it"),
            Column::text("Document"),
        ],
    );
    for one in &known.declared {
        let why = [&one.justification, &one.impact, &one.action].into_iter().flatten();
        table.row([
            out(&one.vulnerability).into(),
            say(one.status.as_str()).into(),
            Text::default().list(why, "–").into(),
            out(&one.author).into(),
            out(&one.document).into(),
        ]);
    }
    table
}

fn gaps(known: &Vulnerabilities) -> Table {
    let mut table = Table::new(
        "Packages that were not compared",
        Some(Basis::Observed),
        vec![Column::text("Why"), Column::number("Packages"), Column::text("Such as")],
    );
    for one in &known.not_checked {
        table.row([
            Cell::from(out(&one.reason)).tone(Tone::Unknown),
            Cell::count(one.packages),
            Text::default().list(&one.examples, "–").into(),
        ]);
    }
    table
}
