//! Section: what a malware scanner scanned and what it found.

use super::super::document::{Basis, Fact, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{code, grouped, out, say};
use crate::scan::Ledger;
use sealift_bundle::value::size::ByteSize;
use std::collections::BTreeMap;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut blocks: Vec<_> = facts.own_scans().flat_map(scan).collect();
    let others = facts.scans.len() - facts.own_scans().count();
    if others > 0 {
        let text = say(format!("{others} of the given ledgers are about other bundles and were ignored."));
        blocks.push(SectionPart::Note { tone: Tone::Attention, text });
    }
    if facts.own_scans().next().is_none() {
        blocks.push(SectionPart::Unchecked {
            text: say("No scan ledger of this bundle was given, so nothing is known about malware in it. sealift does not detect malware itself: it submits the content to the scanner of the site and records what that scanner saw."),
            command: Some(facts.command("sealift scan BUNDLE --trust ROOT --engine clamd --ledger ledger.json")),
        });
    }
    blocks
}

/// How a scan came out, and in how few words.
pub(super) fn outcome(scan: &Ledger) -> (Tone, String) {
    let gaps = scan.totals.unseen.count + scan.totals.unopened;
    match (&scan.failure, scan.totals.found, gaps) {
        (Some(_), ..) => (Tone::Bad, "the scanner failed".to_owned()),
        (None, 0, 0) => (Tone::Good, "nothing found".to_owned()),
        (None, 0, gaps) => (Tone::Attention, format!("{} not seen", grouped(gaps))),
        (None, found, _) => (Tone::Bad, format!("{} found", grouped(found))),
    }
}

fn scan(scan: &Ledger) -> Vec<SectionPart> {
    let fact = |name, value| Fact { name, basis: Basis::Declared, value };
    let optional = |text: Option<&String>| text.map_or_else(|| say("it does not say"), out);
    let totals = scan.totals;
    let (tone, words) = outcome(scan);
    let seen = format!(
        "{words}. The scanner scanned {} files of {} and did not scan {} of {}; {} archives were not opened completely.",
        grouped(totals.seen.count),
        ByteSize(totals.seen.bytes),
        grouped(totals.unseen.count),
        ByteSize(totals.unseen.bytes),
        grouped(totals.unopened)
    );
    let mut blocks = vec![
        SectionPart::Note { tone, text: say("The ledger is not signed; it says: ").say(seen) },
        SectionPart::Facts {
            facts: vec![
                fact("Engine", out(scan.engine.name())),
                fact("Signatures of", optional(scan.engine.dated.as_ref())),
                fact("Ended", say(scan.ended.to_string())),
            ],
        },
    ];
    if let Some(failure) = &scan.failure {
        blocks.push(SectionPart::Note { tone: Tone::Bad, text: say("The scanner failed: ").out(failure) });
    }
    let mut found = Table::new(
        "What the scanner found",
        Some(Basis::Declared),
        vec![Column::text("File"), Column::text("Name given by the scanner")],
    );
    for one in &scan.found {
        found.row([Cell::from(code(&one.path)).tone(Tone::Bad), out(&one.signature).into()]);
    }
    let mut reasons: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    let unseen = scan.unseen.iter().map(|gap| (&gap.reason, &gap.path));
    for (reason, path) in unseen.chain(scan.unopened.iter().map(|gap| (&gap.reason, &gap.path))) {
        reasons.entry(reason).or_insert((0, path)).0 += 1;
    }
    let mut unseen = Table::new(
        "What the scanner did not scan",
        Some(Basis::Declared),
        vec![Column::text("Why"), Column::number("How often"), Column::text("Such as")],
    );
    for (reason, (count, path)) in reasons {
        unseen.row([Cell::from(out(reason)).tone(Tone::Unknown), Cell::count(count), code(path).into()]);
    }
    blocks.extend([found, unseen].into_iter().filter(|table| table.total > 0).map(SectionPart::Table));
    blocks
}
