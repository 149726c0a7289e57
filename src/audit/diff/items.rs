//! Compares items: added, removed, renamed and changed.

use super::change::{ChangeKind, FilesOf, ItemChange, Missing};
use super::change_set::ChangeSet;
use super::entry::{self, EntrySpot};
use super::facts::Field;
use super::files;
use super::input::{DiffItem, Side, why_only_one};
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An item on both sides.
pub(super) struct Pair<'a> {
    pub(super) before: &'a Name,
    pub(super) name: &'a Name,
    pub(super) a: &'a DiffItem,
    pub(super) b: &'a DiffItem,
}

/// Items on both sides, and the names of those that only the second has.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) new: Vec<&'a Name>,
}

type Items = BTreeMap<Name, DiffItem>;

/// An item with its name.
type NamedItem<'a> = (&'a Name, &'a DiffItem);

/// Finds out which item is which: by name and kind, then by reference, then by content.
fn match_items<'a>(a: &'a Items, b: &'a Items) -> Vec<(Option<NamedItem<'a>>, Option<NamedItem<'a>>)> {
    let mut left: BTreeMap<&Name, &DiffItem> = a.iter().collect();
    let mut found = Vec::new();
    let mut rest = Vec::new();
    for (name, item) in b {
        match left.remove(name) {
            Some(old) if old.kind == item.kind => found.push((Some((name, old)), Some((name, item)))),
            Some(old) => {
                left.insert(name, old);
                rest.push((name, item));
            }
            None => rest.push((name, item)),
        }
    }
    for key in [reference, content] {
        let mut by_key: HashMap<(ItemKind, String), Vec<&Name>> = HashMap::new();
        for (name, item) in &left {
            if let Some(key) = key(item) {
                by_key.entry((item.kind, key)).or_default().push(name);
            }
        }
        rest.retain(|(name, item)| {
            let old = key(item).and_then(|key| by_key.get_mut(&(item.kind, key))?.pop());
            let Some((old, before)) = old.and_then(|old| left.remove_entry(old)) else { return true };
            found.push((Some((old, before)), Some((*name, *item))));
            false
        });
    }
    found.extend(left.into_iter().map(|old| (Some(old), None)));
    found.extend(rest.into_iter().map(|new| (None, Some(new))));
    found
}

fn reference(item: &DiffItem) -> Option<String> {
    item.facts.get(Field::Reference).map(str::to_owned)
}

/// What an item holds, whatever it is called; nothing for what could be anything.
fn content(item: &DiffItem) -> Option<String> {
    match (&item.tree, item.digest) {
        (Some(entries), _) => {
            let mut hasher = sealift_bundle::value::digest::Hasher::new();
            for entry in entries {
                hasher.update(format!("{entry:?}\n").as_bytes());
            }
            (!entries.is_empty()).then(|| hasher.finish().to_string())
        }
        (None, digest) => digest.map(|digest| digest.to_string()),
    }
}

/// Compares what both sides say of their items, and the files of trees.
pub(super) fn compare_items<'a>(a: &'a Side, b: &'a Side, found: &mut ChangeSet) -> Option<Matched<'a>> {
    let (Some(old), Some(new)) = (&a.items, &b.items) else { return None };
    // What files are is told by content, where both sides were looked at; one alone would make differences of its own.
    let (classes_a, classes_b) = match (a.observed(), b.observed()) {
        (Some(a), Some(b)) => (entry::classes(a), entry::classes(b)),
        _ => (HashMap::new(), HashMap::new()),
    };
    let known: BTreeSet<Digest> =
        old.values().filter_map(|item| item.tree.as_ref()).flat_map(|entries| digests(entries)).collect();
    let mut unknown = BTreeSet::new();
    let mut all = Matched { pairs: Vec::new(), new: Vec::new() };
    for pair in match_items(old, new) {
        let (before, now) = pair;
        let change = match (before, now) {
            (Some((name, item)), None) => Some(one_sided_change(ChangeKind::Gone, name, item)),
            (None, Some((name, item))) => {
                all.new.push(name);
                let spots = item.tree.as_ref().map(|tree| entry::of_tree(tree, &classes_b));
                report_new_tree(name, &spots.unwrap_or_default(), &known, found);
                Some(one_sided_change(ChangeKind::New, name, item))
            }
            (Some((old_name, before)), Some((name, now))) => {
                let change = compare_pair((old_name, before), (name, now), &mut unknown);
                if let (Some(old), Some(new)) = (&before.tree, &now.tree) {
                    let (old, new) = (entry::of_tree(old, &classes_a), entry::of_tree(new, &classes_b));
                    let files = files::compare_files(name.as_str(), &old, &new, found);
                    if files != (FilesOf { item: name.to_string(), ..FilesOf::default() }) {
                        found.files.push(files);
                    }
                }
                all.pairs.push(Pair { before: old_name, name, a: before, b: now });
                change
            }
            (None, None) => None,
        };
        found.items.extend(change);
    }
    if !unknown.is_empty() {
        let fields: Vec<_> = unknown.iter().map(|field| field.as_str()).collect();
        let what = format!("of the items: {}", fields.join(", "));
        found.missing.push(Missing { what, reason: why_only_one(a, b) });
    }
    Some(all)
}

fn digests(entries: &[Entry]) -> impl Iterator<Item = Digest> + '_ {
    entries.iter().filter_map(|entry| match entry.node {
        Node::File { sha256, .. } => Some(sha256),
        Node::Dir | Node::Link { .. } => None,
    })
}

/// The executables of a tree that is new.
fn report_new_tree(name: &Name, spots: &[EntrySpot<'_>], known: &BTreeSet<Digest>, found: &mut ChangeSet) {
    let known = files::KnownFiles { files: known.iter().copied().collect(), ..files::KnownFiles::default() };
    files::report_new_files(name.as_str(), spots, &known, found);
}

fn one_sided_change(turn: ChangeKind, name: &Name, item: &DiffItem) -> ItemChange {
    let (digest, stored) = (item.digest, item.stored);
    let is_new = turn == ChangeKind::New;
    let named = item.facts.get(Field::Reference).or_else(|| item.facts.get(Field::Origin));
    ItemChange {
        turn,
        kind: item.kind,
        name: name.clone(),
        before: None,
        same_tag: false,
        reference: named.map(str::to_owned),
        from: digest.filter(|_| !is_new),
        to: digest.filter(|_| is_new),
        stored_from: stored.filter(|_| !is_new),
        stored_to: stored.filter(|_| is_new),
        repacked: false,
        facts: Vec::new(),
    }
}

fn compare_pair(
    (old_name, before): (&Name, &DiffItem),
    (name, now): (&Name, &DiffItem),
    unknown: &mut BTreeSet<Field>,
) -> Option<ItemChange> {
    let (facts, mut missing) = before.facts.changes_to(&now.facts);
    let other_digest = match (before.digest, now.digest) {
        (Some(old), Some(new)) => old != new,
        _ => false,
    };
    let other_tree = match (&before.tree, &now.tree) {
        (Some(old), Some(new)) => Some(old != new),
        _ => None,
    };
    let differs = other_tree.unwrap_or(other_digest);
    // Its platforms follow from the content of an image.
    if before.digest.is_some() && before.digest == now.digest {
        missing.remove(&Field::Platform);
    }
    unknown.extend(missing);
    if facts.is_empty() && !other_digest && !differs && old_name == name {
        return None;
    }
    let is_moved = old_name != name && !differs;
    let tag = |item: &DiffItem| item.facts.get(Field::Reference).map(str::to_owned);
    Some(ItemChange {
        turn: if is_moved { ChangeKind::Moved } else { ChangeKind::Changed },
        kind: now.kind,
        name: name.clone(),
        before: (old_name != name).then(|| old_name.clone()),
        same_tag: differs && now.kind == ItemKind::Image && tag(before).is_some() && tag(before) == tag(now),
        reference: tag(now),
        from: before.digest,
        to: now.digest,
        stored_from: before.stored,
        stored_to: now.stored,
        repacked: other_digest && other_tree == Some(false),
        facts,
    })
}
