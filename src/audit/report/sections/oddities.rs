//! What looks like a secret, and what is odd about names, links and archives.

use super::super::document::{Basis, Block, Cell, Column, Table, Tone, code, say, shown};
use super::super::facts::{Facts, named};
use super::{holders, privileges};
use crate::audit::census::Node;
use crate::audit::census::oddity::Group;
use crate::audit::lint::finding::Severity;
use crate::value::size::ByteSize;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let secrets = secrets(facts);
    if secrets.total == 0 {
        blocks.push(Block::Note {
            tone: Tone::Good,
            text: say("Nothing that was read looks like a password, a token or a private key."),
        });
    } else {
        blocks.push(Block::Table(secrets));
    }
    let (kinds, places) = privileges::oddities(facts, |kind| kind.group() != Group::Privilege);
    if kinds.total == 0 {
        blocks.push(Block::Note {
            tone: Tone::Good,
            text: say("No name deceives, no link leads out of its image, and every archive that was read can be read in one way only."),
        });
    } else {
        blocks.extend([Block::Table(kinds), Block::Table(places)]);
    }
    let buried = buried(facts);
    if buried.total > 0 {
        blocks.push(Block::Heading { text: "Deleted, and still there" });
        blocks.push(Block::Paragraph {
            text: say("A later layer takes these files away or replaces them. They travel all the same, and whoever has the bundle can read them."),
        });
        blocks.push(Block::Table(buried));
    }
    blocks
}

fn secrets(facts: &Facts<'_>) -> Table {
    let mut table = Table::new(
        "What looks like a secret; the texts are masked",
        Some(Basis::Observed),
        vec![Column::text("Where"), Column::text("What"), Column::text("What to do"), Column::text("In")],
    );
    for (finding, names) in facts.secrets() {
        let mut place = match &finding.place {
            Some(place) => code(&place.path),
            None => code(&finding.about),
        };
        if let Some(line) = finding.place.as_ref().and_then(|place| place.line) {
            place = place.say(format!(", line {line}"));
        }
        let tone = match finding.severity() {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Attention,
            Severity::Note => Tone::Plain,
        };
        table.row([
            Cell::from(place).tone(tone),
            shown(&finding.message).into(),
            shown(&finding.fix).into(),
            holders(&names).into(),
        ]);
    }
    table
}

fn buried(facts: &Facts<'_>) -> Table {
    let mut table = Table::new(
        "Files of lower layers that a later layer hides",
        Some(Basis::Observed),
        vec![Column::text("File"), Column::text("In"), Column::text("What it is"), Column::number("Size")],
    );
    for (item, view) in facts.images() {
        for (_, entry) in facts.census.entries(&view.buried) {
            if let Node::File { size, class, .. } = &entry.node {
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
