//! Section: the byte account.

use super::super::document::{Basis, Hue, SectionPart, Stack, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{grouped, say};
use super::size::percent;
use crate::account::Use;

/// The colour of a use, and the name of all uses that have it.
const fn hue(what: Use) -> (Hue, &'static str) {
    match what {
        Use::ImageLayers => (Hue::One, "images"),
        Use::DocLayers => (Hue::Two, "documents"),
        Use::ConfigLayers => (Hue::Three, "configurations"),
        Use::FileLayers => (Hue::Four, "files"),
        Use::ImageConfigs | Use::Inventories | Use::Manifests => (Hue::Six, "lists and manifests"),
        Use::Seal | Use::Instructions | Use::Layout => (Hue::Five, "seal and instructions"),
        Use::Reserve | Use::Headers | Use::Padding | Use::End => (Hue::Zero, "headers and zeros"),
    }
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let account = facts.account;
    let mut table = Table::new(
        "What every byte of the file belongs to",
        Some(Basis::Observed),
        vec![Column::text("Use"), Column::number("Pieces"), Column::number("Bytes"), Column::number("Share")],
    );
    let mut parts: Vec<(&'static str, u64, Hue)> = Vec::new();
    for share in &account.shares {
        let (hue, name) = hue(share.what);
        match parts.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, bytes, _)) => *bytes += share.bytes,
            None => parts.push((name, share.bytes, hue)),
        }
        table.row([
            Cell::from(say(share.what.as_str())).hue(hue),
            Cell::count(share.pieces),
            Cell::count(share.bytes),
            say(percent(share.bytes, account.size)).into(),
        ]);
    }
    let accounted = account.accounted();
    table.row([
        say("").strong("Sum").into(),
        say("").into(),
        say("").strong(grouped(accounted)).into(),
        say(percent(accounted, account.size)).into(),
    ]);
    let size = grouped(account.size);
    let note = if account.is_exact() {
        let text = say(format!("The sum is the size of the file: {size} bytes. "))
            .say("Every byte was read and compared with what the seal commits to.");
        SectionPart::Note { tone: Tone::Good, text }
    } else {
        let text =
            say(format!("The file has {size} bytes, and {} of them are accounted for.", grouped(accounted)));
        SectionPart::Note { tone: Tone::Bad, text }
    };
    vec![note, SectionPart::Stack(Stack { title: "Shares of the file", parts }), SectionPart::Table(table)]
}
