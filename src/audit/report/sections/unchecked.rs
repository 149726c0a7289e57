//! What this report does not know.

use super::super::document::{Basis, Block, Cell, Column, Table, Tone, code, out, say};
use super::super::facts::Facts;
use crate::value::size::ByteSize;
use std::collections::HashMap;

/// A check that no run of this kind makes, with the reason.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<(&'static str, &'static str)> {
    let mut checks = vec![
        ("changes since the last approval", "no earlier bundle was given (--since)"),
        ("known vulnerabilities", "no vulnerability data was given (--osv)"),
        ("policy", "no policy was given (--policy)"),
        ("malware", "no ledger of a scan was given (--ledger)"),
    ];
    if !facts.evidence.is_empty() {
        checks.push((
            "signatures in upstream evidence",
            "the keys of those who signed are no part of the trust root",
        ));
    }
    checks.push((
        "software that no package list names",
        "it is counted as files, and has no name, version or licence",
    ));
    checks.push(("whether a program does what it should", "nothing of the bundle was run"));
    checks
}

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let mut table = Table::new(
        "Checks that were not made",
        Some(Basis::Observed),
        vec![Column::text("What"), Column::text("Why")],
    );
    for (what, why) in checks(facts) {
        table.row([Cell::from(say(what)).tone(Tone::Unknown), say(why).into()]);
    }
    let mut blocks = vec![
        Block::Paragraph {
            text: say("What stands here is unknown. None of it counts as good anywhere in this report."),
        },
        Block::Table(table),
    ];
    if facts.census.unchecked.is_empty() {
        blocks.push(Block::Note {
            tone: Tone::Good,
            text: say("Within the bundle nothing was passed over: every layer was read to its end."),
        });
        return blocks;
    }
    let owners: HashMap<_, _> = facts.layers().map(|(layer, names)| (layer.digest, names)).collect();
    let mut table = Table::new(
        "Parts of the bundle that were not looked at",
        Some(Basis::Observed),
        vec![Column::text("What"), Column::text("Why"), Column::text("In"), Column::number("Bytes")],
    );
    for unchecked in &facts.census.unchecked {
        let owner = unchecked.layer.and_then(|layer| owners.get(&layer));
        table.row([
            Cell::from(code(&unchecked.what)).tone(Tone::Unknown),
            out(&unchecked.reason).into(),
            owner.map_or_else(|| say("–"), |names| super::holders(names)).into(),
            unchecked.bytes.map_or_else(|| say("not known"), |bytes| say(ByteSize(bytes).to_string())).into(),
        ]);
    }
    blocks.push(Block::Table(table));
    blocks
}
