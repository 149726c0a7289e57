//! The comparison of records, without files: what wins, what is behind, what contradicts.

use super::conflict::Conflict;
use super::*;
use sealift_site::journal::JournalHead;
use sealift_site::receipt::{InstalledRelease, RenderedOutcome};

fn moment(day: u32) -> Timestamp {
    format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn mark(sequence: u64, statement: &str) -> ReleaseMark {
    ReleaseMark { epoch: 1, sequence, statement: digest(statement) }
}

/// A receipt of a site whose journal has so many entries, for the bundle with that number.
fn did(site: &str, entries: u64, bundle: ReleaseMark, day: u32) -> FleetRecord {
    let head = JournalHead { entries, digest: digest(&format!("{site} {entries}")) };
    FleetRecord {
        file: format!("{site}-{entries}-{day}.json").into(),
        key: digest(&format!("key of {site}")).hex().parse().unwrap(),
        id: digest(&format!("{site} {entries} {bundle} {day}")),
        site: digest(site),
        name: name(site),
        issued: moment(day),
        journal: head,
        root_version: 1,
        says: Says::Did {
            outcome: RenderedOutcome::Installed,
            scenario: name("ddil"),
            bundle,
            time: moment(day),
            current: Some(bundle.statement),
            entry: head,
        },
    }
}

fn group(records: Vec<FleetRecord>) -> FleetGroup {
    of(records, &Titles::new(), &[])
}

fn of(records: Vec<FleetRecord>, titles: &Titles, bundles: &[(Name, ReleaseMark)]) -> FleetGroup {
    FleetGroup::of(records, KnownBundles { titles, bundles, root: None, now: moment(22) })
}

fn kinds(group: &FleetGroup) -> Vec<&'static str> {
    group.conflicts.iter().map(Conflict::title).collect()
}

#[test]
fn the_longest_journal_wins_and_clocks_decide_nothing() {
    // The clock of the site went back between the two.
    let group = group(vec![did("ship", 5, mark(2, "b"), 1), did("ship", 3, mark(1, "a"), 20)]);
    let [row] = group.rows.as_slice() else { panic!("{group:?}") };
    assert_eq!((row.in_use, row.older, row.age_days), (Some(digest("b")), 1, 21));
    assert_eq!((row.lag, row.installed), (Lag::Newest, Some(moment(1))));
    assert!(group.conflicts.is_empty(), "{group:?}");
}

#[test]
fn a_copy_counts_once() {
    let mut copy = did("ship", 3, mark(1, "a"), 1);
    copy.file = "copy.json".into();
    let group = group(vec![did("ship", 3, mark(1, "a"), 1), copy]);
    assert_eq!((group.records, group.copies, group.rows[0].older), (1, 1, 0));
    assert!(group.conflicts.is_empty());
}

#[test]
fn the_furthest_behind_comes_first() {
    let mut old = did("old-epoch", 2, mark(9, "z"), 20);
    if let Says::Did { bundle, .. } = &mut old.says {
        bundle.epoch = 0;
    }
    let mut silent = did("silent", 2, mark(1, "a"), 20);
    if let Says::Did { current, .. } = &mut silent.says {
        *current = None;
    }
    let records = vec![
        did("first", 2, mark(4, "d"), 20),
        did("third", 2, mark(1, "a"), 20),
        did("second", 2, mark(3, "c"), 20),
        old,
        silent,
    ];
    let group = group(records);
    let lags: Vec<_> = group.rows.iter().map(|row| (row.name.as_str(), row.lag)).collect();
    let behind = |numbers| Lag::Behind { numbers };
    let expected = [
        ("old-epoch", Lag::Epoch),
        ("third", behind(3)),
        ("second", behind(1)),
        ("silent", Lag::Unknown),
        ("first", Lag::Newest),
    ];
    assert_eq!(lags, expected);
    assert_eq!((group.behind(), group.newest[0].bundle), (3, mark(4, "d")));
}

#[test]
fn a_bundle_that_nobody_has_makes_all_behind() {
    let bundles = [(name("ddil"), mark(7, "g")), (name("other"), mark(1, "h"))];
    let group = of(vec![did("ship", 2, mark(4, "d"), 20)], &Titles::new(), &bundles);
    assert_eq!(group.rows[0].lag, Lag::Behind { numbers: 3 });
    assert_eq!(group.newest.len(), 2);
}

#[test]
fn going_back_and_rehearsing_show() {
    let mut back = did("ship", 6, mark(3, "c"), 20);
    if let Says::Did { current, .. } = &mut back.says {
        *current = Some(digest("a"));
    }
    let mut drill = did("ship", 7, mark(4, "d"), 21);
    if let Says::Did { outcome, current, .. } = &mut drill.says {
        (*outcome, *current) = (RenderedOutcome::Drilled, Some(digest("a")));
    }
    let group = group(vec![did("ship", 2, mark(1, "a"), 2), back, drill]);
    let row = &group.rows[0];
    assert_eq!((row.in_use, row.installed), (Some(digest("a")), Some(moment(2))));
    assert_eq!((row.rehearsed, row.lag, row.older), (Some(mark(4, "d")), Lag::Behind { numbers: 3 }, 2));
}

#[test]
fn a_request_says_what_is_kept_and_an_empty_one_that_nothing_is_there() {
    let mut asks = did("ship", 9, mark(1, "a"), 21);
    asks.says = Says::Holds(vec![InstalledRelease {
        scenario: name("ddil"),
        highest: mark(2, "b"),
        current: digest("b"),
        releases: vec![digest("a"), digest("b")],
    }]);
    let mut empty = did("new", 1, mark(1, "a"), 21);
    empty.says = Says::Holds(Vec::new());
    let group = group(vec![did("ship", 3, mark(1, "a"), 2), asks, empty]);
    let row = &group.rows[0];
    assert_eq!(row.held().collect::<Vec<_>>(), [digest("b"), digest("a")]);
    assert_eq!((row.kept.as_slice(), row.installed), ([digest("a")].as_slice(), None));
    assert_eq!((group.bare.len(), group.bare[0].name.as_str(), group.sites().len()), (1, "new", 2));
}

#[test]
fn of_a_receipt_and_a_request_of_one_second_the_request_is_taken() {
    // Whichever of the two has the higher digest.
    for last in [false, true] {
        let receipt = did("ship", 3, mark(2, "b"), 2);
        let mut asks = receipt.clone();
        asks.id = Digest::from_hex(&if last { "f" } else { "0" }.repeat(64)).unwrap();
        asks.says = Says::Holds(vec![InstalledRelease {
            scenario: name("ddil"),
            highest: mark(2, "b"),
            current: digest("b"),
            releases: vec![digest("a"), digest("b")],
        }]);
        let row = &group(vec![receipt, asks]).rows[0];
        assert_eq!((row.kept.as_slice(), row.older), ([digest("a")].as_slice(), 1));
    }
}

#[test]
fn contradictions_are_found_and_nothing_else() {
    let a = || did("ship", 3, mark(1, "a"), 2);
    // One place of the journal, two lines.
    let mut fork = did("ship", 3, mark(2, "b"), 3);
    fork.journal.digest = digest("elsewhere");
    assert_eq!(kinds(&group(vec![a(), fork])), ["forked journal"]);
    // One number, two bundles; the sites need not be the same.
    assert_eq!(kinds(&group(vec![a(), did("desert", 3, mark(1, "b"), 2)])), ["two bundles, one number"]);
    assert_eq!(
        kinds(&of(vec![a()], &Titles::new(), &[(name("ddil"), mark(1, "b"))])),
        ["two bundles, one number"]
    );
    // One bundle, two numbers.
    assert_eq!(kinds(&group(vec![a(), did("desert", 3, mark(2, "a"), 2)])), ["one bundle, two numbers"]);
    let title = Title {
        name: name("x"),
        version: name("1"),
        scenario: name("ddil"),
        epoch: 1,
        sequence: 8,
        created: moment(1),
    };
    let titles = Titles::from([(digest("a"), title)]);
    let found = of(vec![a()], &titles, &[]);
    assert_eq!(kinds(&found), ["one bundle, two numbers"]);
    assert_eq!(found.rows[0].number, Some(Number { epoch: 1, sequence: 8 }), "the statement is what counts");
    // Keys.
    let mut other = did("ship", 4, mark(1, "a"), 3);
    other.key = digest("another key").hex().parse().unwrap();
    assert_eq!(kinds(&group(vec![a(), other])), ["two keys, one site"]);
    let mut shared = did("desert", 4, mark(1, "a"), 3);
    shared.key = a().key;
    assert_eq!(kinds(&group(vec![a(), shared])), ["one key, two sites"]);
    // The clock: at the second itself it is not in the future.
    assert_eq!(kinds(&group(vec![did("ship", 3, mark(1, "a"), 23)])), ["from the future"]);
    assert!(kinds(&group(vec![did("ship", 3, mark(1, "a"), 22)])).is_empty());
    // Every conflict can be read, and says what to do.
    for conflict in [&group(vec![a(), did("desert", 3, mark(1, "b"), 2)]).conflicts[0], &found.conflicts[0]] {
        assert!(conflict.to_string().contains("ddil") && !conflict.advice().is_empty(), "{conflict}");
    }
}

#[test]
fn many_records_are_compared_in_a_moment() {
    let records: Vec<_> =
        (0..20_000).map(|at| did(&format!("s{}", at % 500), at, mark(at, &format!("{at}")), 2)).collect();
    let begun = std::time::Instant::now();
    let group = group(records);
    assert_eq!((group.rows.len(), group.records), (500, 20_000));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
