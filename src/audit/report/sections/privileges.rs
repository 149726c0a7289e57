//! Section: what can execute, as which user and with which privileges.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::{ReportFacts, named};
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, out, say};
use super::holders;
use crate::analysis::LayerNode;
use crate::analysis::anomaly::{AnomalyGroup, AnomalyKind};
use crate::analysis::class::FileClass;
use crate::analysis::config::ImageConfig;
use sealift_bundle::value::size::ByteSize;
use std::collections::BTreeMap;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut blocks = Vec::new();
    if facts.images().next().is_none() {
        blocks.push(SectionPart::Paragraph {
            text: say("The bundle has no image, so it starts no container."),
        });
    } else {
        blocks.push(SectionPart::Table(starts(facts)));
    }
    let (kinds, places) = anomalies(facts, |kind| kind.group() == AnomalyGroup::Privilege);
    if kinds.total == 0 {
        blocks.push(SectionPart::Note {
            tone: Tone::Good,
            text: say("No file in the layers is setuid or setgid, has capabilities, is a device, or is writable by every user."),
        });
    } else {
        blocks.extend([SectionPart::Table(kinds), SectionPart::Table(places)]);
    }
    let (classes, interpreters) = executables(facts);
    blocks.push(SectionPart::Table(classes));
    if interpreters.total > 0 {
        blocks.push(SectionPart::Table(interpreters));
    }
    blocks
}

/// How each image is started.
fn starts(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "How each image is started, according to its configuration",
        Some(Basis::Observed),
        vec![
            Column::text("Image"),
            Column::text("Runs as"),
            Column::text("Starts"),
            Column::text("Ports"),
            Column::number("Executables"),
        ],
    );
    for (item, view) in facts.images() {
        let Some(config) = &view.config else { continue };
        let user: Cell = if config.runs_as_root() {
            let how = if config.user.is_empty() { say("root, no user is set") } else { out(&config.user) };
            Cell::from(how).tone(Tone::Attention)
        } else {
            out(&config.user).into()
        };
        table.row([
            named(item, view).into(),
            user,
            started(config).into(),
            Text::default().list(&config.ports, "none").into(),
            Cell::count(view.sums.executables),
        ]);
    }
    table
}

/// The command line of a container.
fn started(config: &ImageConfig) -> Text {
    let words: Vec<_> = config.entrypoint.iter().chain(&config.cmd).map(String::as_str).collect();
    if words.is_empty() { say("nothing by itself") } else { code(words.join(" ")) }
}

/// How often each kind of anomaly was found, and where.
pub(super) fn anomalies(facts: &ReportFacts<'_>, is_wanted: impl Fn(AnomalyKind) -> bool) -> (Table, Table) {
    let mut counts: BTreeMap<AnomalyKind, u64> = BTreeMap::new();
    let mut places = Table::new(
        "Where",
        Some(Basis::Observed),
        vec![Column::text("Path"), Column::text("What"), Column::text("Found"), Column::text("In")],
    );
    for (anomaly, names) in facts.anomalies().filter(|(anomaly, _)| is_wanted(anomaly.kind)) {
        *counts.entry(anomaly.kind).or_default() += 1;
        let path =
            if anomaly.path.is_empty() { say("the image or layer as a whole") } else { code(&anomaly.path) };
        places.row([
            path.into(),
            say(anomaly.kind.as_str()).into(),
            out(&anomaly.detail).into(),
            holders(&names).into(),
        ]);
    }
    let mut kinds = Table::new(
        "What was found, and why it matters",
        Some(Basis::Observed),
        vec![Column::text("What"), Column::number("How often"), Column::text("Why it matters")],
    );
    for (kind, count) in counts {
        kinds.row([
            Cell::from(say(kind.as_str())).tone(Tone::Attention),
            Cell::count(count),
            say(kind.why()).into(),
        ]);
    }
    (kinds, places)
}

/// Files that can be executed, by what they are, and scripts by who reads them.
fn executables(facts: &ReportFacts<'_>) -> (Table, Table) {
    let mut classes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut interpreters: BTreeMap<&str, u64> = BTreeMap::new();
    for layer in &facts.analysis.layers {
        for entry in &layer.entries {
            let LayerNode::File { size, class, .. } = &entry.node else { continue };
            if !class.is_executable() {
                continue;
            }
            let (count, bytes) = classes.entry(class.as_str()).or_default();
            *count += 1;
            *bytes += size;
            if let FileClass::Script(interpreter) = class {
                *interpreters.entry(interpreter).or_default() += 1;
            }
        }
    }
    let mut by_class = Table::new(
        "Executable files, identified by their content, each layer counted once",
        Some(Basis::Observed),
        vec![Column::text("What it is"), Column::number("Files"), Column::number("Bytes")],
    );
    let mut classes: Vec<_> = classes.into_iter().collect();
    classes.sort_by_key(|(_, count, ..)| std::cmp::Reverse(*count));
    for (class, (count, bytes)) in classes {
        by_class.row([say(class).into(), Cell::count(count), say(ByteSize(bytes).to_string()).into()]);
    }
    if by_class.total == 0 {
        by_class.row([say("none").into(), Cell::count(0), say("0 B").into()]);
    }
    let mut by_reader = Table::new(
        "Scripts by interpreter",
        Some(Basis::Observed),
        vec![Column::text("Program"), Column::number("Scripts")],
    );
    let mut interpreters: Vec<_> = interpreters.into_iter().collect();
    interpreters.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    for (interpreter, count) in interpreters {
        by_reader.row([code(interpreter).into(), Cell::count(count)]);
    }
    (by_class, by_reader)
}
