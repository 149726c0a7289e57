//! What changed since a bundle that was approved before.

use super::super::document::{Block, say};
use super::super::facts::Facts;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let text = say("No earlier bundle was given, so this report does not say what is new.");
    let command = facts.command("sealift report BUNDLE --trust ROOT --since OLDER.sealift -o report.html");
    let mut blocks = vec![Block::Unchecked { text, command: Some(command) }];
    blocks.extend(facts.previous.map(|previous| Block::Paragraph {
        text: say("The statement names the one before it: ").code(previous.to_string()).say("."),
    }));
    if facts.previous.is_none() {
        let text = say("The statement names no bundle before it: it is the first, or ")
            .code("sealift lock --previous")
            .say(" was not given.");
        blocks.push(Block::Paragraph { text });
    }
    blocks
}
