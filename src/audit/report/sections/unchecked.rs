//! Section: what was not checked.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, out, say};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;
use std::collections::HashMap;

/// Checks that were not made, each with the reason.
pub(super) fn checks(facts: &ReportFacts<'_>) -> Vec<(Text, Text)> {
    let mut checks = Vec::new();
    let mut add = |is_missing: bool, what: &str, why: &str| {
        if is_missing {
            checks.push((say(what), say(why)));
        }
    };
    add(facts.changes.is_none(), "changes since an earlier bundle", "no earlier bundle was given (--since)");
    add(facts.vulnerabilities.is_none(), "known vulnerabilities", "no vulnerability data was given (--osv)");
    add(facts.verdict.is_none(), "policy", "no policy was given (--policy)");
    let is_unscanned = facts.own_scans().next().is_none();
    add(is_unscanned, "malware", "no ledger of a scan of this bundle was given (--ledger)");
    let upstream = "the keys of their signers are not in the trust root";
    add(!facts.evidence.is_empty(), "signatures in upstream evidence", upstream);
    let unnamed = "it is counted as files, and has no name, version or license";
    add(true, "software that no package list names", unnamed);
    let journal = "receipts and journals stay at the sites and are not part of this report";
    add(true, "what sites did with the bundle", journal);
    add(true, "whether a program does what it should", "nothing in the bundle was executed");
    for one in facts.vulnerabilities.iter().flat_map(|known| &known.not_checked) {
        let what = say(format!("vulnerabilities of {}", counted(one.packages, "package")));
        checks.push((what, out(&one.reason)));
    }
    for one in facts.changes.iter().flat_map(|changes| &changes.not_compared) {
        checks.push((say("changes: ").out(&one.what), out(&one.reason)));
    }
    for scan in facts.own_scans() {
        let gaps = scan.totals.unseen.count + scan.totals.unopened;
        if gaps > 0 {
            let what = say(format!("malware in {}", counted(gaps, "file")));
            checks.push((what, say("the scanner did not scan them: see Scan coverage")));
        }
    }
    for one in facts.verdict.iter().flat_map(|verdict| &verdict.not_checked) {
        checks.push((say(format!("{} of the policy at ", one.rule)).out(&one.at), out(&one.found)));
    }
    checks
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut table = Table::new(
        "Checks that were not made",
        Some(Basis::Observed),
        vec![Column::text("What"), Column::text("Why")],
    );
    for (what, why) in checks(facts) {
        table.row([Cell::from(what).tone(Tone::Unknown), why.into()]);
    }
    let mut blocks = vec![
        SectionPart::Paragraph {
            text: say(
                "The outcome of these checks is unknown. None of it counts as good anywhere in this report.",
            ),
        },
        SectionPart::Table(table),
    ];
    if facts.analysis.unchecked.is_empty() {
        blocks.push(SectionPart::Note {
            tone: Tone::Good,
            text: say("Every layer of the bundle was read completely."),
        });
        return blocks;
    }
    let owners: HashMap<_, _> = facts.layers().map(|(layer, names)| (layer.digest, names)).collect();
    let mut table = Table::new(
        "Parts of the bundle that could not be analyzed",
        Some(Basis::Observed),
        vec![Column::text("What"), Column::text("Why"), Column::text("In"), Column::number("Bytes")],
    );
    for unchecked in &facts.analysis.unchecked {
        let owner = unchecked.layer.and_then(|layer| owners.get(&layer));
        table.row([
            Cell::from(code(&unchecked.what)).tone(Tone::Unknown),
            out(&unchecked.reason).into(),
            owner.map_or_else(|| say("–"), |names| super::holders(names)).into(),
            unchecked.bytes.map_or_else(|| say("not known"), |bytes| say(ByteSize(bytes).to_string())).into(),
        ]);
    }
    blocks.push(SectionPart::Table(table));
    blocks
}
