//! Section: possible secrets, and anomalies of names, links and archives.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::{ReportFacts, named};
use super::super::table::{Cell, Column, Table};
use super::super::text::{code, say, shown};
use super::{holders, privileges};
use crate::analysis::LayerNode;
use crate::analysis::anomaly::AnomalyGroup;
use crate::finding::{LintFinding, LintSeverity};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::size::ByteSize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Different advice that is given.
const FIXES: usize = 5;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut blocks = Vec::new();
    let secrets = secrets(facts);
    if secrets.total == 0 {
        blocks.push(SectionPart::Note {
            tone: Tone::Good,
            text: say("Nothing that was read looks like a password, a token or a private key."),
        });
    } else {
        blocks.push(SectionPart::Table(secrets));
        let fixes: BTreeSet<_> = facts.secrets().map(|(finding, _)| finding.fix.as_str()).collect();
        for fix in fixes.into_iter().take(FIXES) {
            blocks.push(SectionPart::Paragraph { text: say("What to do: ").and(shown(fix)).say(".") });
        }
    }
    let (kinds, places) = privileges::anomalies(facts, |kind| kind.group() != AnomalyGroup::Privilege);
    if kinds.total == 0 {
        blocks.push(SectionPart::Note {
            tone: Tone::Good,
            text: say("No name is deceptive, no link leads out of its image, and all programs read the archives in the same way."),
        });
    } else {
        blocks.extend([SectionPart::Table(kinds), SectionPart::Table(places)]);
    }
    let shadowed = shadowed(facts);
    if shadowed.total > 0 {
        blocks.push(SectionPart::Heading { text: "Deleted, but still in the bundle" });
        blocks.push(SectionPart::Paragraph {
            text: say("A later layer deletes or replaces these files. They are still in the bundle, and anyone who has it can read them."),
        });
        blocks.push(SectionPart::Table(shadowed));
    }
    blocks
}

/// Lines of one file that are named.
const LINES: usize = 6;

/// Findings in one file of the same items, and the first of them.
struct InFile<'a> {
    lines: Vec<u32>,
    count: u64,
    first: &'a LintFinding,
}

fn secrets(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Possible secrets; the texts are masked",
        Some(Basis::Observed),
        vec![Column::text("File"), Column::number("Places"), Column::text("What"), Column::text("In")],
    );
    let trees: HashSet<_> = facts
        .analysis
        .items
        .iter()
        .filter(|item| item.kind != ItemKind::Image)
        .map(|item| &item.name)
        .collect();
    // What someone wrote for this bundle comes before what came with an image.
    let mut files: BTreeMap<(bool, LintSeverity, &str, Vec<&Name>), InFile<'_>> = BTreeMap::new();
    for (finding, names) in facts.secrets() {
        let is_upstream = !names.iter().any(|name| trees.contains(name));
        let place = finding.place.as_ref().map_or(finding.about.as_str(), |place| &place.path);
        let key = (is_upstream, finding.severity(), place, names);
        let file = files.entry(key).or_insert(InFile { lines: Vec::new(), count: 0, first: finding });
        file.count += 1;
        file.lines.extend(finding.place.as_ref().and_then(|place| place.line));
    }
    for ((_, severity, place, names), InFile { mut lines, count, first }) in files {
        lines.sort_unstable();
        lines.dedup();
        let mut place = shown(place);
        if !lines.is_empty() {
            let named: Vec<_> = lines.iter().take(LINES).map(u32::to_string).collect();
            let word = if lines.len() == 1 { "line" } else { "lines" };
            place = place.say(format!(", {word} {}", named.join(", ")));
            if lines.len() > LINES {
                place = place.say(format!(" and {} more", lines.len() - LINES));
            }
        }
        let tone = match severity {
            LintSeverity::Error => Tone::Bad,
            LintSeverity::Warning => Tone::Attention,
            LintSeverity::Note => Tone::Plain,
        };
        let what = shown(&first.message);
        let what = if count > 1 { what.say(", among others") } else { what };
        table.row([Cell::from(place).tone(tone), Cell::count(count), what.into(), holders(&names).into()]);
    }
    table
}

fn shadowed(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Files of lower layers that a later layer deletes or replaces",
        Some(Basis::Observed),
        vec![Column::text("File"), Column::text("In"), Column::text("What it is"), Column::number("Size")],
    );
    for (item, view) in facts.images() {
        for (_, entry) in facts.analysis.entries(&view.shadowed) {
            if let LayerNode::File { size, class, .. } = &entry.node {
                table.row([
                    code(&*entry.path).into(),
                    named(item, view).into(),
                    say(class.as_str()).into(),
                    say(ByteSize(*size).to_string()).into(),
                ]);
            }
        }
    }
    table
}
