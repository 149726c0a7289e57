//! How much of the bundle an engine has looked at.

use super::super::document::{Block, say};
use super::super::facts::Facts;

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    vec![Block::Unchecked {
        text: say(
            "No ledger of a scan was given, so nothing is known about malware in this bundle. This program looks for no malware by itself: it feeds the engine of the site, and says what that engine has seen.",
        ),
        command: Some(facts.command("sealift scan BUNDLE --trust ROOT --engine clamd --ledger ledger.json")),
    }]
}
