//! Section: timeline.

use super::super::document::{Basis, SectionPart, Timeline, TimelineEvent};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, say};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds since 1970 of a time as RFC 3339 writes it, with the time in whole seconds.
fn time(text: &str) -> Option<(i64, String)> {
    let exact: jiff::Timestamp = text.parse().ok()?;
    let whole = jiff::Timestamp::from_second(exact.as_second()).ok()?;
    Some((whole.as_second(), whole.to_string()))
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let overview = facts.overview;
    let mut events: Vec<TimelineEvent> = Vec::new();
    let mut add = |moment: Timestamp, what: Text, basis| {
        if let Some((second, when)) = time(&moment.to_string()) {
            events.push(TimelineEvent { second, when, what, basis });
        }
    };
    add(overview.created, say("the lock was written"), Basis::Carried);
    for approval in &overview.approvals {
        add(approval.approved, say("approved by ").out(approval.name.as_str()), Basis::Carried);
    }
    if let Some(expires) = overview.expires {
        add(expires, say("the bundle expires"), Basis::Carried);
    }
    add(facts.written, say("this report was written"), Basis::Observed);
    for scan in facts.own_scans() {
        add(scan.ended, say("scanned by ").out(scan.engine.name()), Basis::Declared);
    }
    let data = facts.vulnerabilities.and_then(|known| known.data.as_ref());
    if let Some(newest) = data.and_then(|data| data.newest) {
        add(newest, say("the newest record of the vulnerability data"), Basis::Declared);
    }
    let (built, unclear) = built(facts);
    for ((second, when), names) in built {
        let names: Vec<_> = names.into_iter().collect();
        let what = match names.as_slice() {
            [one] => say("built: ").out(*one),
            [one, other] => say("built: ").out(*one).say(", ").out(*other),
            [one, rest @ ..] => {
                say("built: ").out(*one).say(format!(" and {}", counted(rest.len() as u64, "more image")))
            }
            [] => continue,
        };
        events.push(TimelineEvent { second, when, what, basis: Basis::Declared });
    }
    events.sort_by(|one, other| one.second.cmp(&other.second).then_with(|| one.when.cmp(&other.when)));
    let mut table = Table::new(
        "Timeline",
        None,
        vec![Column::text("When"), Column::text("What"), Column::text("Source")],
    );
    for event in &events {
        table.row([say(&event.when).into(), event.what.clone().into(), Cell::basis(event.basis)]);
    }
    let mut blocks =
        vec![SectionPart::Timeline(Timeline { title: "Timeline", events }), SectionPart::Table(table)];
    if !unclear.is_empty() {
        let text = say("These do not say when they were built: ").list(unclear, "");
        blocks.push(SectionPart::Paragraph { text });
    }
    blocks
}

type Built<'a> = BTreeMap<(i64, String), BTreeSet<&'a str>>;

/// When images were built, as their configurations say, and the images that do not say.
fn built<'a>(facts: &ReportFacts<'a>) -> (Built<'a>, BTreeSet<&'a str>) {
    let (mut built, mut unclear) = (Built::new(), BTreeSet::new());
    for (item, view) in facts.images() {
        let created = view.config.as_ref().and_then(|config| config.created.as_deref());
        match created.and_then(time) {
            Some(time) => {
                built.entry(time).or_default().insert(item.name.as_str());
            }
            None => {
                unclear.insert(item.name.as_str());
            }
        }
    }
    (built, unclear)
}
