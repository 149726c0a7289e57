//! Files: two lists of entries, sorted by path, told apart in one walk.

use super::Turn;
use super::compare::Collected;
use super::entry::{EntryNode, EntrySpot, EntryState};
use super::privileges::{Right, RightChange, rights_of};
use crate::analysis::{self, Census, View};
use sealift_bundle::value::digest::Digest;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Changes of one tree or view that are kept; behind them, they are only counted.
const KEPT: usize = 100_000;
/// A path that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileChange {
    /// What happened.
    pub turn: Turn,
    /// The path; of what moved, the new one.
    pub path: String,
    /// The old path of what moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// As it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<EntryState>,
    /// As it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<EntryState>,
    /// The layer that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Digest>,
}

/// What became of the files of a tree, or of one platform of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FilesOf {
    /// The item, with its platform where it has several.
    pub item: String,
    /// How many paths are new, changed, moved and gone.
    pub counts: BTreeMap<Turn, u64>,
    /// How many of the new, changed and moved ones come from each layer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<Digest, u64>,
    /// The changes, by path.
    pub changes: Vec<FileChange>,
    /// Changes that are counted and not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Files that a later layer hides and that travel all the same, where they did not before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buried: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A program, library or script that was not there, or is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Executable {
    /// What happened.
    pub turn: Turn,
    /// The path.
    pub path: String,
    /// What it is.
    pub class: String,
}

/// What the first side has anywhere, for what the second has in an item that is new.
#[derive(Debug, Default)]
pub(super) struct KnownFiles<'a> {
    pub(super) files: HashSet<Digest>,
    pub(super) rights: HashSet<(Right, &'a str, Option<Digest>)>,
}

/// Tells two lists apart. O(n log n) in their lengths.
pub(super) fn compare(
    item: &str,
    a: &[EntrySpot<'_>],
    b: &[EntrySpot<'_>],
    found: &mut Collected,
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
    let moved = moved(&mut gone, &mut new);

    let change = |turn, from: Option<&EntrySpot<'_>>, to: Option<&EntrySpot<'_>>| FileChange {
        turn,
        path: to.or(from).map(|spot| spot.path.to_owned()).unwrap_or_default(),
        before: (turn == Turn::Moved).then(|| from.map(|spot| spot.path.to_owned())).flatten(),
        from: from.map(EntrySpot::state),
        to: to.map(EntrySpot::state),
        layer: to.and_then(|spot| spot.layer),
    };
    let pairs = gone.iter().map(|spot| (Turn::Gone, Some(*spot), None));
    let pairs = pairs.chain(new.iter().map(|spot| (Turn::New, None, Some(*spot))));
    let pairs = pairs.chain(changed.iter().map(|(from, to)| (Turn::Changed, Some(*from), Some(*to))));
    let pairs = pairs.chain(moved.iter().map(|(from, to)| (Turn::Moved, Some(*from), Some(*to))));
    let mut files = FilesOf { item: item.to_owned(), ..FilesOf::default() };
    let mut all: Vec<_> = pairs.collect();
    all.sort_by_key(|(_, from, to)| to.or(*from).map(|spot| spot.path));
    for (turn, from, to) in all {
        *files.counts.entry(turn).or_default() += 1;
        if let Some(layer) = to.and_then(|spot| spot.layer) {
            *files.layers.entry(layer).or_default() += 1;
        }
        privileges(item, from, to, found);
        executables(item, turn, from, to, found);
        if files.changes.len() < KEPT {
            files.changes.push(change(turn, from, to));
        } else {
            files.unlisted += 1;
        }
    }
    files
}

/// Takes out of both what is one file under another path.
fn moved<'a, 'b>(
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

fn privileges(item: &str, from: Option<&EntrySpot<'_>>, to: Option<&EntrySpot<'_>>, found: &mut Collected) {
    let (had, has) = (from.map(rights_of).unwrap_or_default(), to.map(rights_of).unwrap_or_default());
    let (before, after) = (from.map(|spot| spot.path), to.map(|spot| spot.path));
    let is_elsewhere = before != after;
    for (right, detail) in &has {
        let old = had.iter().find(|(other, _)| other == right).filter(|_| !is_elsewhere);
        let turn = match old {
            None => Turn::New,
            Some((_, old)) if old != detail => Turn::New,
            Some(_) if from.and_then(EntrySpot::sha256) != to.and_then(EntrySpot::sha256) => Turn::Changed,
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
            let change = RightChange::of_path(Turn::Gone, *right, path, Some(detail.to_string()), None);
            found.rights.add(change, item);
        }
    }
}

fn executables(
    item: &str,
    turn: Turn,
    from: Option<&EntrySpot<'_>>,
    to: Option<&EntrySpot<'_>>,
    found: &mut Collected,
) {
    let was = from.and_then(|spot| spot.executable);
    let is = to.and_then(|spot| spot.executable);
    let is_same = from.and_then(EntrySpot::sha256) == to.and_then(EntrySpot::sha256);
    let (turn, class, spot) = match (was, is) {
        (None, Some(class)) => (Turn::New, class, to),
        (Some(class), None) => (Turn::Gone, class, from),
        (Some(_), Some(class)) if turn == Turn::Changed && !is_same => (Turn::Changed, class, to),
        (Some(_), Some(_)) | (None, None) => return,
    };
    let path = spot.map(|spot| spot.path.to_owned()).unwrap_or_default();
    found.executables.add(Executable { turn, path, class: class.to_owned() }, item);
}

pub(super) fn learn<'a>(known: &mut KnownFiles<'a>, spots: &[EntrySpot<'a>]) {
    for spot in spots {
        known.files.extend(spot.sha256());
        for (right, _) in rights_of(spot) {
            known.rights.insert((right, spot.path, spot.sha256()));
        }
    }
}

/// What of a new item the first side has nowhere.
pub(super) fn introduce(item: &str, spots: &[EntrySpot<'_>], known: &KnownFiles<'_>, found: &mut Collected) {
    for spot in spots {
        let sha256 = spot.sha256();
        for (right, detail) in rights_of(spot) {
            if !known.rights.contains(&(right, spot.path, sha256)) {
                let change =
                    RightChange::of_path(Turn::New, right, spot.path, None, Some(detail.to_string()));
                found.rights.add(change, item);
            }
        }
        if let (Some(class), Some(sha256)) = (spot.executable, sha256)
            && !known.files.contains(&sha256)
        {
            let path = spot.path.to_owned();
            found.executables.add(Executable { turn: Turn::New, path, class: class.to_owned() }, item);
        }
    }
}

/// Files that a later layer hides, and that the first side does not have in this way.
pub(super) fn buried(a: Option<(&Census, &View)>, b: (&Census, &View)) -> Vec<String> {
    let paths = |(census, view): (&Census, &View)| -> Vec<(String, Option<Digest>)> {
        let spot = |entry: &analysis::LayerEntry| {
            let sha256 = match &entry.node {
                analysis::LayerNode::File { sha256, .. } => *sha256,
                _ => None,
            };
            (entry.path.to_string(), sha256)
        };
        census.entries(&view.buried).map(|(_, entry)| spot(entry)).collect()
    };
    let before: HashSet<_> = a.map(paths).unwrap_or_default().into_iter().collect();
    let new = paths(b).into_iter().filter(|spot| !before.contains(spot));
    let mut new: Vec<_> = new.map(|(path, _)| path).take(KEPT).collect();
    new.sort();
    new.dedup();
    new
}
