//! Section: sizes of items and layers.

use super::super::document::{Basis, Hue, Map, ReportGroup, SectionPart};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{code, grouped, out, say};
use super::holders;
use crate::analysis::LayerNode;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::size::ByteSize;
use std::collections::{BTreeMap, HashSet};

/// The largest files that are shown.
const LARGEST: usize = 20;
/// Areas of the map; what is smaller is one area together.
const AREAS: usize = 60;

/// The colour of a kind of item.
pub(super) const fn hue(kind: ItemKind) -> Hue {
    match kind {
        ItemKind::Image => Hue::One,
        ItemKind::Doc => Hue::Two,
        ItemKind::Config => Hue::Three,
        ItemKind::File => Hue::Four,
    }
}

/// Bytes for the user, and exactly.
pub(super) fn bytes(number: u64) -> String {
    if number < 1024 {
        return format!("{number} bytes");
    }
    format!("{} ({} bytes)", ByteSize(number), grouped(number))
}

/// A share of a whole, in percent.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(whole);
    match (part, thousandths) {
        (0, _) => "0 %".to_owned(),
        (_, 0) => "< 0.1 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

struct ItemShare<'a> {
    name: &'a str,
    kind: ItemKind,
    own: u64,
    shared: u64,
    unpacked: u64,
    files: u64,
    layers: Vec<(String, u64)>,
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut shares = shares(facts);
    let whole: u64 = shares.iter().map(|share| share.own).sum();
    let mut table = Table::new(
        "Items by the bytes of their layers",
        Some(Basis::Observed),
        vec![
            Column::text("Item"),
            Column::text("Kind"),
            Column::number("Stored"),
            Column::number("Share"),
            Column::number("Shared with items above"),
            Column::number("Unpacked"),
            Column::number("Files"),
        ],
    );
    shares.sort_by(|one, other| other.own.cmp(&one.own).then(one.name.cmp(other.name)));
    for share in &shares {
        table.row([
            Cell::from(out(share.name)).hue(hue(share.kind)),
            say(share.kind.as_str()).into(),
            say(ByteSize(share.own).to_string()).into(),
            say(percent(share.own, whole)).into(),
            say(ByteSize(share.shared).to_string()).into(),
            say(ByteSize(share.unpacked).to_string()).into(),
            Cell::count(share.files),
        ]);
    }
    vec![
        SectionPart::Paragraph {
            text: say(
                "Each layer is drawn once, within the first item that has it; lines within an item separate its layers. Sizes are compressed, as in the bundle.",
            ),
        },
        SectionPart::Map(Map { title: "Bytes of the layers by item", groups: groups(&shares) }),
        SectionPart::Table(table),
        SectionPart::Table(largest(facts)),
    ]
}

fn shares<'a>(facts: &ReportFacts<'a>) -> Vec<ItemShare<'a>> {
    let mut seen = HashSet::new();
    let items = facts.analysis.items.iter().map(|item| {
        let mut share = ItemShare {
            name: item.name.as_str(),
            kind: item.kind,
            own: 0,
            shared: 0,
            unpacked: 0,
            files: 0,
            layers: Vec::new(),
        };
        let mut here = HashSet::new();
        for view in &item.views {
            share.unpacked += view.sums.bytes;
            share.files += view.sums.files;
            for number in &view.layers {
                let Some(layer) = facts.analysis.layers.get(*number).filter(|_| here.insert(*number)) else {
                    continue;
                };
                if seen.insert(*number) {
                    share.own += layer.stored;
                    share.layers.push((layer.digest.short(), layer.stored));
                } else {
                    share.shared += layer.stored;
                }
            }
        }
        share.layers.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        share
    });
    items.collect()
}

fn groups(shares: &[ItemShare<'_>]) -> Vec<ReportGroup> {
    let with = shares.iter().filter(|share| share.own > 0);
    let group = |share: &ItemShare<'_>| ReportGroup {
        label: share.name.to_owned(),
        hue: hue(share.kind),
        parts: share.layers.iter().filter(|(_, stored)| *stored > 0).take(AREAS).cloned().collect(),
    };
    let mut groups: Vec<_> = with.clone().take(AREAS).map(group).collect();
    let (count, rest) = with.skip(AREAS).fold((0u64, 0), |(count, sum), share| (count + 1, sum + share.own));
    if rest > 0 {
        let label = format!("{count} smaller items");
        groups.push(ReportGroup { label: label.clone(), hue: Hue::Six, parts: vec![(label, rest)] });
    }
    groups
}

fn largest(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Largest files",
        Some(Basis::Observed),
        vec![Column::text("File"), Column::text("In"), Column::text("What it is"), Column::number("Size")],
    );
    let mut largest: BTreeMap<(u64, std::cmp::Reverse<&str>, usize), _> = BTreeMap::new();
    for (number, (layer, names)) in facts.layers().enumerate() {
        let names = std::rc::Rc::new(names);
        for entry in &layer.entries {
            let LayerNode::File { size, class, .. } = &entry.node else { continue };
            let key = (*size, std::cmp::Reverse(&*entry.path), number);
            if largest.len() < LARGEST || largest.first_key_value().is_some_and(|(least, _)| *least < key) {
                largest.insert(key, (class, std::rc::Rc::clone(&names)));
                if largest.len() > LARGEST {
                    largest.pop_first();
                }
            }
        }
    }
    for ((size, path, _), (class, names)) in largest.iter().rev() {
        table.row([
            code(path.0).into(),
            holders(names).into(),
            say(class.as_str()).into(),
            say(ByteSize(*size).to_string()).into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{bytes, percent};

    #[test]
    fn shares_are_never_shown_larger_than_they_are() {
        for (part, whole, text) in [
            (0, 10, "0 %"),
            (1, 10_000, "< 0.1 %"),
            (999, 1000, "99.9 %"),
            (9_999_999, 10_000_000, "99.9 %"),
            (10, 10, "100.0 %"),
            (1, 0, "–"),
            (u64::MAX, u64::MAX, "100.0 %"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
        assert_eq!((bytes(7).as_str(), bytes(2048).as_str()), ("7 bytes", "2.0 KiB (2,048 bytes)"));
    }
}
