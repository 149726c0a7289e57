//! Compares files: two lists of entries, sorted by path, in one pass.

use super::change::{ChangeKind, Executable, FileChange, FilesOf, Right, RightChange};
use super::change_set::ChangeSet;
use super::entry::{EntryNode, EntrySpot};
use super::privileges::rights_of;
use crate::analysis::{self, BundleAnalysis, View};
use sealift_bundle::value::digest::Digest;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// Changes of one tree or view that are kept; behind them, they are only counted.
const KEPT: usize = 100_000;
/// What the first side has anywhere, for what the second has in an item that is new.
#[derive(Debug, Default)]
pub(super) struct KnownFiles<'a> {
    pub(super) files: HashSet<Digest>,
    pub(super) rights: HashSet<(Right, &'a str, Option<Digest>)>,
}

impl<'a> KnownFiles<'a> {
    pub(super) fn add(&mut self, spots: &[EntrySpot<'a>]) {
        for spot in spots {
            self.files.extend(spot.sha256());
            for (right, _) in rights_of(spot) {
                self.rights.insert((right, spot.path, spot.sha256()));
            }
        }
    }
}

/// Tells two lists apart. O(n log n) in their lengths.
pub(super) fn compare_files(
    item: &str,
    a: &[EntrySpot<'_>],
    b: &[EntrySpot<'_>],
    found: &mut ChangeSet,
) -> FilesOf {
    let (mut gone, mut new, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.path.cmp(other.path),
        };
        match order {
            Ordering::Less => gone.extend(left.next()),
            Ordering::Greater => new.extend(right.next()),
            Ordering::Equal => {
                if let (Some(one), Some(other)) = (left.next(), right.next())
                    && !one.is_like(other)
                {
                    changed.push((one, other));
                }
            }
        }
    }
    let moved = take_moved(&mut gone, &mut new);

    let change = |turn, from: Option<&EntrySpot<'_>>, to: Option<&EntrySpot<'_>>| FileChange {
        turn,
        path: to.or(from).map(|spot| spot.path.to_owned()).unwrap_or_default(),
        before: (turn == ChangeKind::Moved).then(|| from.map(|spot| spot.path.to_owned())).flatten(),
        from: from.map(EntrySpot::state),
        to: to.map(EntrySpot::state),
        layer: to.and_then(|spot| spot.layer),
    };
    let pairs = gone.iter().map(|spot| (ChangeKind::Gone, Some(*spot), None));
    let pairs = pairs.chain(new.iter().map(|spot| (ChangeKind::New, None, Some(*spot))));
    let pairs = pairs.chain(changed.iter().map(|(from, to)| (ChangeKind::Changed, Some(*from), Some(*to))));
    let pairs = pairs.chain(moved.iter().map(|(from, to)| (ChangeKind::Moved, Some(*from), Some(*to))));
    let mut files = FilesOf { item: item.to_owned(), ..FilesOf::default() };
    let mut all: Vec<_> = pairs.collect();
    all.sort_by_key(|(_, from, to)| to.or(*from).map(|spot| spot.path));
    for (turn, from, to) in all {
        *files.counts.entry(turn).or_default() += 1;
        if let Some(layer) = to.and_then(|spot| spot.layer) {
            *files.layers.entry(layer).or_default() += 1;
        }
        compare_rights(item, from, to, found);
        compare_executables(item, turn, from, to, found);
        if files.changes.len() < KEPT {
            files.changes.push(change(turn, from, to));
        } else {
            files.unlisted += 1;
        }
    }
    files
}

/// Takes out of both what is one file under another path.
fn take_moved<'a, 'b>(
    gone: &mut Vec<&'b EntrySpot<'a>>,
    new: &mut Vec<&'b EntrySpot<'a>>,
) -> Vec<(&'b EntrySpot<'a>, &'b EntrySpot<'a>)> {
    // Every empty file is like every other, and none has moved.
    let content = |spot: &EntrySpot<'_>| match spot.node {
        EntryNode::File { size, sha256 } if size > 0 => sha256,
        _ => None,
    };
    let mut by_content: HashMap<Digest, Vec<&'b EntrySpot<'a>>> = HashMap::new();
    for spot in gone.iter().rev() {
        if let Some(sha256) = content(spot) {
            by_content.entry(sha256).or_default().push(spot);
        }
    }
    let mut pairs = Vec::new();
    new.retain(|spot| {
        let before = content(spot).and_then(|sha256| by_content.get_mut(&sha256)?.pop());
        pairs.extend(before.map(|before| (before, *spot)));
        before.is_none()
    });
    let taken: HashSet<&str> = pairs.iter().map(|(before, _)| before.path).collect();
    gone.retain(|spot| !taken.contains(spot.path));
    pairs
}

fn compare_rights(
    item: &str,
    from: Option<&EntrySpot<'_>>,
    to: Option<&EntrySpot<'_>>,
    found: &mut ChangeSet,
) {
    let (had, has) = (from.map(rights_of).unwrap_or_default(), to.map(rights_of).unwrap_or_default());
    let (before, after) = (from.map(|spot| spot.path), to.map(|spot| spot.path));
    let is_elsewhere = before != after;
    for (right, detail) in &has {
        let old = had.iter().find(|(other, _)| other == right).filter(|_| !is_elsewhere);
        let turn = match old {
            None => ChangeKind::New,
            Some((_, old)) if old != detail => ChangeKind::New,
            Some(_) if from.and_then(EntrySpot::sha256) != to.and_then(EntrySpot::sha256) => {
                ChangeKind::Changed
            }
            Some(_) => continue,
        };
        let from = old.filter(|(_, old)| old != detail).map(|(_, old)| old.to_string());
        let change =
            RightChange::of_path(turn, *right, after.unwrap_or_default(), from, Some(detail.to_string()));
        found.rights.add(change, item);
    }
    for (right, detail) in &had {
        if is_elsewhere || !has.iter().any(|(other, _)| other == right) {
            let path = before.unwrap_or_default();
            let change = RightChange::of_path(ChangeKind::Gone, *right, path, Some(detail.to_string()), None);
            found.rights.add(change, item);
        }
    }
}

fn compare_executables(
    item: &str,
    turn: ChangeKind,
    from: Option<&EntrySpot<'_>>,
    to: Option<&EntrySpot<'_>>,
    found: &mut ChangeSet,
) {
    let was = from.and_then(|spot| spot.executable);
    let is = to.and_then(|spot| spot.executable);
    let is_same = from.and_then(EntrySpot::sha256) == to.and_then(EntrySpot::sha256);
    let (turn, class, spot) = match (was, is) {
        (None, Some(class)) => (ChangeKind::New, class, to),
        (Some(class), None) => (ChangeKind::Gone, class, from),
        (Some(_), Some(class)) if turn == ChangeKind::Changed && !is_same => (ChangeKind::Changed, class, to),
        (Some(_), Some(_)) | (None, None) => return,
    };
    let path = spot.map(|spot| spot.path.to_owned()).unwrap_or_default();
    found.executables.add(Executable { turn, path, class: class.to_owned() }, item);
}

/// What of a new item the first side has nowhere.
pub(super) fn report_new_files(
    item: &str,
    spots: &[EntrySpot<'_>],
    known: &KnownFiles<'_>,
    found: &mut ChangeSet,
) {
    for spot in spots {
        let sha256 = spot.sha256();
        for (right, detail) in rights_of(spot) {
            if !known.rights.contains(&(right, spot.path, sha256)) {
                let change =
                    RightChange::of_path(ChangeKind::New, right, spot.path, None, Some(detail.to_string()));
                found.rights.add(change, item);
            }
        }
        if let (Some(class), Some(sha256)) = (spot.executable, sha256)
            && !known.files.contains(&sha256)
        {
            let path = spot.path.to_owned();
            found.executables.add(Executable { turn: ChangeKind::New, path, class: class.to_owned() }, item);
        }
    }
}

/// Files that a later layer hides, and that the first side does not have in this way.
pub(super) fn newly_shadowed(
    a: Option<(&BundleAnalysis, &View)>,
    b: (&BundleAnalysis, &View),
) -> Vec<String> {
    let paths = |(analysis, view): (&BundleAnalysis, &View)| -> Vec<(String, Option<Digest>)> {
        let spot = |entry: &analysis::LayerEntry| {
            let sha256 = match &entry.node {
                analysis::LayerNode::File { sha256, .. } => *sha256,
                _ => None,
            };
            (entry.path.to_string(), sha256)
        };
        analysis.entries(&view.shadowed).map(|(_, entry)| spot(entry)).collect()
    };
    let before: HashSet<_> = a.map(paths).unwrap_or_default().into_iter().collect();
    let new = paths(b).into_iter().filter(|spot| !before.contains(spot));
    let mut new: Vec<_> = new.map(|(path, _)| path).take(KEPT).collect();
    new.sort();
    new.dedup();
    new
}
