//! Section: changes since an earlier bundle or release.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, out, say, shown};
use crate::diff::{
    BundleDifference, ChangeAt, ChangeKind, DiffVerdict, FactChange, Hunk, LineMark, LinesOutcome,
    PackageStep, TextChange,
};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;

/// Texts whose lines are shown, and lines of each.
const TEXTS: usize = 12;
const LINES: usize = 60;

/// What was compared: that an older bundle was given says nothing about whether it was approved.
pub(super) fn title(facts: &ReportFacts<'_>) -> &'static str {
    if facts.changes.is_some() { "Changes since the earlier bundle" } else { "Changes" }
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let Some(difference) = facts.changes else { return unknown(facts) };
    let mut blocks = vec![sides(difference)];
    let tables = [
        rights(difference),
        executables(difference),
        findings(difference),
        items(difference),
        packages(difference),
        settings(difference),
        statements(difference),
        root(difference),
        files(difference),
    ];
    blocks.extend(tables.into_iter().filter(|table| table.total > 0).map(SectionPart::Table));
    blocks.extend(difference.texts.iter().take(TEXTS).map(text));
    if difference.texts.len() > TEXTS {
        let more = counted((difference.texts.len() - TEXTS) as u64, "more text");
        let diff = facts.command("sealift diff OLDER BUNDLE --trust ROOT --all");
        blocks.push(SectionPart::Paragraph { text: say(format!("{more} changed: ")).code(diff) });
    }
    if let Some(blobs) = &difference.blobs {
        let text = say(format!(
            "Of the blobs of images, {} ({}) are as before, {} ({}) are new, and {} ({}) are gone.",
            blobs.common,
            ByteSize(blobs.common_bytes),
            blobs.new,
            ByteSize(blobs.new_bytes),
            blobs.gone,
            ByteSize(blobs.gone_bytes)
        ));
        blocks.push(SectionPart::Paragraph { text });
    }
    if !difference.not_compared.is_empty() {
        let mut table = Table::new(
            "What was not compared",
            Some(Basis::Observed),
            vec![Column::text("What"), Column::text("Why")],
        );
        for one in &difference.not_compared {
            table.row([Cell::from(out(&one.what)).tone(Tone::Unknown), out(&one.reason).into()]);
        }
        blocks.push(SectionPart::Table(table));
    }
    blocks
}

/// Nothing was given to compare with.
fn unknown(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let text = say("No earlier bundle was given, so this report does not say what is new.");
    let command = facts.command("sealift report BUNDLE --trust ROOT --since OLDER.sealift -o report.html");
    let text_of_previous = match facts.previous {
        Some(previous) => say("The statement names the one before it: ").code(previous.to_string()).say("."),
        None => say("The statement names no bundle before it: it is the first, or ")
            .code("sealift lock --previous")
            .say(" was not given."),
    };
    vec![
        SectionPart::Unchecked { text, command: Some(command) },
        SectionPart::Paragraph { text: text_of_previous },
    ]
}

/// What was compared, and how it came out.
fn sides(difference: &BundleDifference) -> SectionPart {
    let side = |head: &crate::diff::DiffHead| {
        let name = match (&head.name, &head.version) {
            (Some(name), Some(version)) => out(format!("{name} {version}")),
            _ => out(&head.label),
        };
        head.statement.map_or(name.clone(), |statement| name.say(" (").code(statement.short()).say(")"))
    };
    let compared = say("Compared with ").and(side(&difference.a)).say(": ");
    let (tone, outcome) = match difference.verdict {
        DiffVerdict::Equal => (Tone::Good, "no differences were found."),
        DiffVerdict::Different => (Tone::Plain, "the differences are listed below, most severe first."),
        DiffVerdict::Incomplete => {
            (Tone::Attention, "no differences were found, but not everything could be compared.")
        }
    };
    SectionPart::Note { tone, text: compared.say(outcome) }
}

fn turn(turn: ChangeKind) -> &'static str {
    match turn {
        ChangeKind::New => "new",
        ChangeKind::Changed => "changed",
        ChangeKind::Moved => "moved",
        ChangeKind::Gone => "gone",
    }
}

/// A value; a member of a set has none of its own.
fn optional(text: Option<&String>) -> Text {
    match text {
        None => say("–"),
        Some(text) if text.is_empty() => say("yes"),
        Some(text) => out(text),
    }
}

fn holders<T>(at: &ChangeAt<T>) -> Text {
    match at.items.as_slice() {
        [one, rest @ ..] if rest.len() > 2 => out(one).say(format!(" and {} more", rest.len())),
        items => Text::default().list(items, "–"),
    }
}

fn observed(caption: &'static str, columns: Vec<Column>) -> Table {
    Table::new(caption, Some(Basis::Observed), columns)
}

fn rights(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Privileges that were gained, lost, or given to other content",
        vec![
            Column::text("Right"),
            Column::text("Turn"),
            Column::text("Path"),
            Column::text("Before"),
            Column::text("Now"),
            Column::text("In"),
        ],
    );
    for at in &difference.rights {
        let change = &at.change;
        let tone = if change.turn == ChangeKind::New { Tone::Attention } else { Tone::Plain };
        let path = if change.path.is_empty() { say("the image") } else { code(&change.path) };
        table.row([
            Cell::from(say(change.right.as_str())).tone(tone),
            say(turn(change.turn)).into(),
            path.into(),
            optional(change.from.as_ref()).into(),
            optional(change.to.as_ref()).into(),
            holders(at).into(),
        ]);
    }
    table
}

fn executables(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Programs, libraries and scripts that are new or changed",
        vec![Column::text("Path"), Column::text("Turn"), Column::text("What it is"), Column::text("In")],
    );
    for at in &difference.executables {
        table.row([
            code(&at.change.path).into(),
            say(turn(at.change.turn)).into(),
            out(&at.change.class).into(),
            holders(at).into(),
        ]);
    }
    table
}

fn findings(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Secrets and anomalies that appeared or disappeared",
        vec![Column::text("Path"), Column::text("Turn"), Column::text("What"), Column::text("In")],
    );
    for at in &difference.findings {
        let change = &at.change;
        let tone = if change.turn == ChangeKind::New { Tone::Attention } else { Tone::Plain };
        let path = if change.path.is_empty() { say("the layer as a whole") } else { shown(&change.path) };
        table.row([
            Cell::from(path).tone(tone),
            say(turn(change.turn)).into(),
            say(format!("{}: ", change.kind)).and(shown(&change.message)).into(),
            holders(at).into(),
        ]);
    }
    table
}

fn items(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Items",
        vec![
            Column::text("Item"),
            Column::text("Turn"),
            Column::text("Digest before"),
            Column::text("Digest now"),
            Column::number("Stored before"),
            Column::number("Stored now"),
        ],
    );
    for item in &difference.items {
        let mut name = out(item.name.as_str()).say(format!(" ({})", item.kind));
        if let Some(before) = &item.before {
            name = name.say(", before: ").out(before.as_str());
        }
        let mut name = Cell::from(name);
        if item.same_tag {
            let text = name.text.say(": same tag, different image");
            name = Cell::from(text).tone(Tone::Attention);
        }
        let digest = |digest: Option<sealift_bundle::value::digest::Digest>| {
            digest.map_or_else(|| say("–"), |digest| code(digest.short()))
        };
        let size = |bytes: Option<u64>| {
            say(bytes.map_or_else(|| "–".to_owned(), |bytes| ByteSize(bytes).to_string()))
        };
        let what = if item.repacked { "repacked, same content" } else { turn(item.turn) };
        table.row([
            name,
            say(what).into(),
            digest(item.from).into(),
            digest(item.to).into(),
            size(item.stored_from).into(),
            size(item.stored_to).into(),
        ]);
    }
    table
}

fn packages(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Packages",
        vec![
            Column::text("Package"),
            Column::text("Step"),
            Column::text("Before"),
            Column::text("Now"),
            Column::text("In"),
        ],
    );
    for at in &difference.packages {
        let change = &at.change;
        let (step, tone) = match change.step {
            PackageStep::Down => ("down", Tone::Attention),
            PackageStep::New => ("new", Tone::Plain),
            PackageStep::Up => ("up", Tone::Plain),
            PackageStep::Same => ("same, written differently", Tone::Plain),
            PackageStep::Gone => ("gone", Tone::Plain),
            PackageStep::License => ("different license", Tone::Plain),
        };
        table.row([
            out(&change.name).say(format!(" ({})", change.ecosystem.as_str())).into(),
            Cell::from(say(step)).tone(tone),
            optional(change.from.as_ref()).into(),
            optional(change.to.as_ref()).into(),
            holders(at).into(),
        ]);
    }
    table
}

fn fact(change: &FactChange) -> [Cell; 3] {
    let name = if change.key.is_empty() {
        say(change.field.as_str())
    } else {
        say(change.field.as_str()).say(" ").out(&change.key)
    };
    [name.into(), optional(change.from.as_ref()).into(), optional(change.to.as_ref()).into()]
}

fn settings(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "How images are started",
        vec![Column::text("What"), Column::text("Before"), Column::text("Now"), Column::text("In")],
    );
    for at in &difference.settings {
        let [name, from, to] = fact(&at.change);
        table.row([name, from, to, holders(at).into()]);
    }
    table
}

fn statements(difference: &BundleDifference) -> Table {
    let columns = vec![Column::text("What"), Column::text("Before"), Column::text("Now"), Column::text("Of")];
    let mut table = Table::new("What the statements and items say", Some(Basis::Carried), columns);
    for change in &difference.facts {
        let [name, from, to] = fact(change);
        table.row([name, from, to, say("the bundle").into()]);
    }
    for item in &difference.items {
        for change in &item.facts {
            let [name, from, to] = fact(change);
            table.row([name, from, to, out(item.name.as_str()).into()]);
        }
    }
    table
}

fn root(difference: &BundleDifference) -> Table {
    let mut table = Table::new("The trust root", Some(Basis::Carried), vec![Column::text("What changed")]);
    for change in &difference.root {
        table.row([out(change.to_string()).into()]);
    }
    table
}

fn files(difference: &BundleDifference) -> Table {
    let mut table = observed(
        "Files",
        vec![
            Column::text("Item"),
            Column::number("New"),
            Column::number("Changed"),
            Column::number("Moved"),
            Column::number("Gone"),
            Column::number("Hidden, but still in the bundle"),
        ],
    );
    for files in &difference.files {
        let count = |turn| Cell::count(files.counts.get(&turn).copied().unwrap_or_default());
        table.row([
            out(&files.item).into(),
            count(ChangeKind::New),
            count(ChangeKind::Changed),
            count(ChangeKind::Moved),
            count(ChangeKind::Gone),
            Cell::count(files.shadowed.len() as u64),
        ]);
    }
    table
}

/// The lines of one text that came and went.
fn text(change: &TextChange) -> SectionPart {
    let title = code(format!("{}/{}", change.item, change.path));
    match &change.outcome {
        LinesOutcome::Binary => SectionPart::Paragraph { text: title.say(": not a text file") },
        LinesOutcome::Unread { reason } => {
            SectionPart::Unchecked { text: title.say(": ").out(reason), command: None }
        }
        LinesOutcome::Lines(lines) => {
            let title = title.say(format!(
                ": {} added, {} removed",
                counted(lines.added, "line"),
                counted(lines.removed, "line")
            ));
            let mut all: Vec<_> = lines.hunks.iter().flat_map(hunk).collect();
            if all.len() > LINES {
                let more = all.len() - LINES;
                all.truncate(LINES);
                all.push(format!("@ and {more} more"));
            }
            SectionPart::Lines { title, lines: all }
        }
    }
}

fn hunk(hunk: &Hunk) -> impl Iterator<Item = String> {
    let head = format!("@ line {} before, {} now", hunk.old, hunk.new);
    let lines = hunk.lines.iter().map(|line| {
        let sign = match line.mark {
            LineMark::Both => ' ',
            LineMark::Old => '-',
            LineMark::New => '+',
        };
        format!("{sign} {}", line.text)
    });
    std::iter::once(head).chain(lines)
}
