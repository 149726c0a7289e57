//! Files: two lists of entries, sorted by path, told apart in one walk.

use super::rights::{Right, RightChange, rights_of};
use super::{Collected, Turn};
use crate::audit::census::capability::Capabilities;
use crate::audit::census::class::Class;
use crate::audit::census::{self, Census, View};
use crate::bundle::entry::{self, Entry};
use crate::value::digest::Digest;
use serde::Serialize;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Changes of one tree or view that are kept; behind them, they are only counted.
const KEPT: usize = 100_000;
/// Hard links that lead to hard links are followed so far.
const HOPS: usize = 8;

/// An entry of either side.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    pub(super) path: &'a str,
    pub(super) node: Node<'a>,
    /// The mode with its high bits.
    pub(super) mode: u16,
    /// Owner and group; trees have none.
    owner: (u64, u64),
    pub(super) capabilities: Option<Capabilities>,
    /// Whether it can be executed: by what it holds where that is known, else by its mode.
    executable: Option<&'static str>,
    /// The layer that has it.
    layer: Option<Digest>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Dir,
    File { size: u64, sha256: Digest },
    Link(&'a str),
    Special(&'a str),
}

/// An entry as it was or is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct State {
    /// What it is.
    pub what: &'static str,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What they hash to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Where a link leads, which device it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its mode, in octal digits.
    pub mode: String,
    /// Its owner and group.
    pub owner: String,
}

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
    pub from: Option<State>,
    /// As it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<State>,
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
pub(super) struct Known<'a> {
    pub(super) files: HashSet<Digest>,
    pub(super) rights: HashSet<(Right, &'a str, Option<Digest>)>,
}

impl Spot<'_> {
    /// What its bytes hash to.
    pub(super) fn sha256(&self) -> Option<Digest> {
        match self.node {
            Node::File { sha256, .. } => Some(sha256),
            Node::Dir | Node::Link(_) | Node::Special(_) => None,
        }
    }

    /// Its owner in words.
    pub(super) fn user(&self) -> String {
        if self.owner.0 == 0 { "root".to_owned() } else { format!("user {}", self.owner.0) }
    }

    /// Its group in words.
    pub(super) fn group(&self) -> String {
        if self.owner.1 == 0 { "group root".to_owned() } else { format!("group {}", self.owner.1) }
    }

    fn state(&self) -> State {
        let (what, size, target) = match self.node {
            Node::Dir => ("folder", None, None),
            Node::File { size, .. } => ("file", Some(size), None),
            Node::Link(target) => ("link", None, Some(target.to_owned())),
            Node::Special(what) => ("special", None, Some(what.to_owned())),
        };
        let (uid, gid) = self.owner;
        State {
            what,
            size,
            sha256: self.sha256(),
            target,
            mode: format!("{:04o}", self.mode),
            owner: format!("{uid}:{gid}"),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let permissions = |spot: &Self| (spot.mode, spot.owner, spot.capabilities);
        self.node == other.node
            && (matches!(self.node, Node::Link(_)) || permissions(self) == permissions(other))
    }
}

/// The entries of a tree. `classes` says what files are, by their digest.
pub(super) fn of_tree<'a>(entries: &'a [Entry], classes: &HashMap<Digest, &'a Class>) -> Vec<Spot<'a>> {
    let spot = |entry: &'a Entry| {
        let (node, mode, executable) = match &entry.node {
            entry::Node::Dir => (Node::Dir, 0o755, None),
            entry::Node::Link { target } => (Node::Link(target), 0o777, None),
            entry::Node::File { size, sha256, executable } => {
                let by_mode = executable.then_some("executable by its mode");
                let by_content = classes.get(sha256).map(|class| word(class));
                let node = Node::File { size: *size, sha256: *sha256 };
                (node, if *executable { 0o755 } else { 0o644 }, by_content.flatten().or(by_mode))
            }
        };
        let path = entry.path.as_str();
        Spot { path, node, mode, owner: (0, 0), capabilities: None, executable, layer: None }
    };
    entries.iter().map(spot).collect()
}

/// What something executable is, in words.
const fn word(class: &Class) -> Option<&'static str> {
    match class {
        Class::Script(_) => Some("script"),
        _ if class.is_executable() => Some(class.as_str()),
        _ => None,
    }
}

/// What the executable files of a census are, by their digests.
pub(super) fn classes(census: &Census) -> HashMap<Digest, &Class> {
    let mut classes = HashMap::new();
    for entry in census.layers.iter().flat_map(|layer| &layer.entries) {
        match &entry.node {
            census::Node::File { sha256, class, .. } if class.is_executable() => {
                classes.insert(*sha256, class);
            }
            _ => {}
        }
    }
    classes
}

/// The entries that can be seen in a view, by path.
pub(super) fn of_view<'a>(census: &'a Census, view: &'a View) -> Vec<Spot<'a>> {
    let mut all: Vec<(census::Spot, &census::Entry)> = census.entries(&view.visible).collect();
    if !all.is_sorted_by(|(_, one), (_, other)| one.path <= other.path) {
        all.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
    }
    let at = |path: &str| {
        let at = all.binary_search_by(|(_, entry)| (*entry.path).cmp(path)).ok()?;
        all.get(at).map(|(_, entry)| *entry)
    };
    let spot = |(place, entry): &(census::Spot, &'a census::Entry)| {
        let mut content = *entry;
        for _ in 0..HOPS {
            match &content.node {
                census::Node::Hardlink { target } => match at(target) {
                    Some(entry) => content = entry,
                    None => break,
                },
                _ => break,
            }
        }
        let (node, executable) = match &content.node {
            census::Node::File { size, sha256, class } => {
                (Node::File { size: *size, sha256: *sha256 }, word(class))
            }
            census::Node::Dir => (Node::Dir, None),
            census::Node::Symlink { target } | census::Node::Hardlink { target } => {
                (Node::Link(target), None)
            }
            census::Node::Special { what } => (Node::Special(what), None),
            // Nothing of these can be seen in a view.
            census::Node::Whiteout { .. } | census::Node::Opaque { .. } => return None,
        };
        let layer = census.layers.get(place.layer as usize).map(|layer| layer.digest);
        Some(Spot {
            path: &entry.path,
            node,
            // One file has one mode, whatever the entry of its other name says.
            mode: content.mode,
            owner: (content.uid, content.gid),
            capabilities: content.capabilities.as_deref().copied(),
            executable,
            layer,
        })
    };
    all.iter().filter_map(spot).collect()
}

/// Tells two lists apart. O(n log n) in their lengths.
pub(super) fn compare(item: &str, a: &[Spot<'_>], b: &[Spot<'_>], found: &mut Collected) -> FilesOf {
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

    let change = |turn, from: Option<&Spot<'_>>, to: Option<&Spot<'_>>| FileChange {
        turn,
        path: to.or(from).map(|spot| spot.path.to_owned()).unwrap_or_default(),
        before: (turn == Turn::Moved).then(|| from.map(|spot| spot.path.to_owned())).flatten(),
        from: from.map(Spot::state),
        to: to.map(Spot::state),
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
    gone: &mut Vec<&'b Spot<'a>>,
    new: &mut Vec<&'b Spot<'a>>,
) -> Vec<(&'b Spot<'a>, &'b Spot<'a>)> {
    // Every empty file is like every other, and none has moved.
    let content = |spot: &Spot<'_>| match spot.node {
        Node::File { size, sha256 } if size > 0 => Some(sha256),
        _ => None,
    };
    let mut by_content: HashMap<Digest, Vec<&'b Spot<'a>>> = HashMap::new();
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

fn privileges(item: &str, from: Option<&Spot<'_>>, to: Option<&Spot<'_>>, found: &mut Collected) {
    let (had, has) = (from.map(rights_of).unwrap_or_default(), to.map(rights_of).unwrap_or_default());
    let (before, after) = (from.map(|spot| spot.path), to.map(|spot| spot.path));
    let is_elsewhere = before != after;
    for (right, detail) in &has {
        let old = had.iter().find(|(other, _)| other == right).filter(|_| !is_elsewhere);
        let turn = match old {
            None => Turn::New,
            Some((_, old)) if old != detail => Turn::New,
            Some(_) if from.and_then(Spot::sha256) != to.and_then(Spot::sha256) => Turn::Changed,
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
    from: Option<&Spot<'_>>,
    to: Option<&Spot<'_>>,
    found: &mut Collected,
) {
    let was = from.and_then(|spot| spot.executable);
    let is = to.and_then(|spot| spot.executable);
    let is_same = from.and_then(Spot::sha256) == to.and_then(Spot::sha256);
    let (turn, class, spot) = match (was, is) {
        (None, Some(class)) => (Turn::New, class, to),
        (Some(class), None) => (Turn::Gone, class, from),
        (Some(_), Some(class)) if turn == Turn::Changed && !is_same => (Turn::Changed, class, to),
        (Some(_), Some(_)) | (None, None) => return,
    };
    let path = spot.map(|spot| spot.path.to_owned()).unwrap_or_default();
    found.executables.add(Executable { turn, path, class: class.to_owned() }, item);
}

/// Remembers what is there.
pub(super) fn learn<'a>(known: &mut Known<'a>, spots: &[Spot<'a>]) {
    for spot in spots {
        known.files.extend(spot.sha256());
        for (right, _) in rights_of(spot) {
            known.rights.insert((right, spot.path, spot.sha256()));
        }
    }
}

/// What of a new item the first side has nowhere.
pub(super) fn introduce(item: &str, spots: &[Spot<'_>], known: &Known<'_>, found: &mut Collected) {
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
        let spot = |entry: &census::Entry| {
            let sha256 = match &entry.node {
                census::Node::File { sha256, .. } => Some(*sha256),
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

/// A detail of a right, mostly one that needs no memory of its own.
pub(super) type Detail = Cow<'static, str>;
