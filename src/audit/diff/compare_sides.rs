//! Compares two sides: their metadata, their items, and what was observed in them. Start here.

use super::change::{ChangeKind, Executable, FindingChange, Missing};
use super::change_set::ChangeSet;
use super::difference::{BlobSums, BundleDifference, DiffVerdict};
use super::input::{DiffHead, InputKind, Side, why_only_one};
use super::{image, items};
use crate::analysis::{BundleAnalysis, LayerNode, Unchecked};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::trust::root_diff::differences;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Tells two sides apart. O(n log n) in the number of their entries and packages.
///
/// The texts of files are not here: read those that [`BundleDifference::changed_texts`] names, compare them with
/// [`super::compare_texts`] and add them.
#[must_use]
pub fn compare_sides(a: &Side, b: &Side) -> BundleDifference {
    let mut found = ChangeSet::default();
    let is_same_bundle = a.statement.is_some() && a.statement == b.statement;
    let (facts, unknown) = a.facts.changes_to(&b.facts);
    if !unknown.is_empty() {
        let fields: Vec<_> = unknown.iter().map(|field| field.as_str()).collect();
        found.missing.push(Missing { what: fields.join(", "), reason: why_only_one(a, b) });
    }
    if a.statement.is_some() != b.statement.is_some() {
        let what = "the statement, and with it who sealed it".to_owned();
        found.missing.push(Missing { what, reason: why_only_one(a, b) });
    }
    let matched = items::compare_items(a, b, &mut found);
    match &matched {
        Some(matched) => compare_contents(a, b, matched, &mut found),
        None => found.missing.push(Missing {
            what: "the items and all that is in them".to_owned(),
            reason: why_only_one(a, b),
        }),
    }
    // The statement commits to every byte, so nothing that a side does not know can be otherwise.
    if is_same_bundle {
        found.missing.clear();
    }
    for (side, what, reason) in unread(a).chain(unread(b)) {
        found.missing.push(Missing { what: format!("{what} in `{side}`"), reason: reason.to_owned() });
    }
    let root = match (&a.root, &b.root) {
        (Some(old), Some(new)) => differences(old, new),
        _ => Vec::new(),
    };
    found.missing.sort();
    found.missing.dedup();
    found
        .items
        .sort_by(|one, other| (one.turn, one.kind, &one.name).cmp(&(other.turn, other.kind, &other.name)));
    let mut difference = BundleDifference {
        verdict: DiffVerdict::Equal,
        a: DiffHead::of(a),
        b: DiffHead::of(b),
        rights: found.rights.into_list(),
        executables: found.executables.into_list(),
        findings: found.findings.into_list(),
        facts,
        root,
        items: found.items,
        packages: found.packages.into_list(),
        settings: found.settings.into_list(),
        texts: Vec::new(),
        layers: found.layers,
        files: found.files,
        // A request lists the whole store of a site, so what it has beside the bundle is not a difference.
        blobs: compare_blobs(a, b).filter(|_| !is_same_bundle || [a.kind, b.kind].contains(&InputKind::Site)),
        not_compared: found.missing,
    };
    difference.verdict = if difference.has_changes(a.statement, b.statement) {
        DiffVerdict::Different
    } else if difference.not_compared.is_empty() {
        DiffVerdict::Equal
    } else {
        DiffVerdict::Incomplete
    };
    difference
}

fn unread(side: &Side) -> impl Iterator<Item = (&str, &str, &str)> {
    side.unread.iter().map(|(what, reason)| (side.label.as_str(), what.as_str(), reason.as_str()))
}

/// Compares what was observed in images.
fn compare_contents(a: &Side, b: &Side, matched: &items::Matched<'_>, found: &mut ChangeSet) {
    let images = matched.pairs.iter().filter(|pair| pair.b.kind == ItemKind::Image);
    let changed: Vec<_> = images.filter(|pair| pair.a.digest != pair.b.digest).collect();
    let (Some(old), Some(new)) = (a.observed(), b.observed()) else {
        for pair in changed {
            let what = format!("layers, packages, files and rights of the image `{}`", pair.name);
            let poorer = if a.observed().is_none() { a } else { b };
            let reason =
                format!("`{}` is {}, whose images were not opened", poorer.label, poorer.kind.as_str());
            found.missing.push(Missing { what, reason });
        }
        return;
    };
    let names = |analysis: &BundleAnalysis| -> BTreeMap<Name, usize> {
        analysis.items.iter().enumerate().map(|(at, item)| (item.name.clone(), at)).collect()
    };
    let (in_old, in_new) = (names(old), names(new));
    let all = LazyCell::new(|| image::Everything::of(old));
    for pair in matched.pairs.iter().filter(|pair| pair.a.digest != pair.b.digest) {
        // A pair can have two names; the analysis has each under its own.
        let before = old.items.get(in_old.get(pair.before).copied().unwrap_or(usize::MAX));
        let now = new.items.get(in_new.get(pair.name).copied().unwrap_or(usize::MAX));
        match (pair.b.kind, before, now) {
            (_, None, _) | (_, _, None) => found.missing.push(Missing {
                what: format!("the content of `{}`", pair.name),
                reason: "it was not observed".to_owned(),
            }),
            (ItemKind::Image, Some(before), Some(now)) => {
                image::compare_images((old, before), (new, now), &all, found);
            }
            (_, Some(before), Some(now)) => image::compare_trees((old, before), (new, now), found),
        }
    }
    for name in &matched.new {
        if let Some(item) = new.items.get(in_new.get(*name).copied().unwrap_or(usize::MAX)) {
            image::report_new_item((new, item), &all, found);
        }
    }
    report_attached(old, new, ChangeKind::Gone, found);
    report_attached(new, old, ChangeKind::New, found);
    report_unchecked(a, old, new, found);
    report_unchecked(b, new, old, found);
}

/// Programs and secrets beside the layers of images that only one side has.
fn report_attached(
    analysis: &BundleAnalysis,
    other: &BundleAnalysis,
    turn: ChangeKind,
    found: &mut ChangeSet,
) {
    let shared: BTreeSet<Digest> = other.attached.iter().map(|one| one.digest).collect();
    for one in analysis.attached.iter().filter(|one| !shared.contains(&one.digest)) {
        let (item, path) = (one.item.as_str(), format!("attached: {}", one.digest));
        for secret in &one.secrets {
            let (kind, message) = (secret.rule.as_str(), secret.message.clone());
            found.findings.add(FindingChange { turn, kind, path: path.clone(), message }, item);
        }
        if one.class.is_executable() {
            found.executables.add(Executable { turn, path, class: one.class.as_str().to_owned() }, item);
        }
    }
}

/// What an observer did not look at, where the other side has not the very same.
fn report_unchecked(side: &Side, analysis: &BundleAnalysis, other: &BundleAnalysis, found: &mut ChangeSet) {
    let shared: BTreeSet<Digest> = other.layers.iter().map(|layer| layer.digest).collect();
    let unlooked: BTreeSet<_> = contents_of(other).into_iter().map(|(one, of)| (&one.what, of)).collect();
    for (one, of) in contents_of(analysis) {
        // What both have with the same digest is the same, whatever is in it.
        let in_both = one.layer.is_some_and(|layer| shared.contains(&layer));
        let is_named = one.layer.is_none() || of.is_some();
        let is_unlooked = is_named && unlooked.contains(&(&one.what, of));
        if !in_both && !is_unlooked {
            let layer = one.layer.map(|layer| format!(" (layer {})", layer.short())).unwrap_or_default();
            let what = format!("{}{layer} in `{}`", one.what, side.label);
            found.missing.push(Missing { what, reason: one.reason.clone() });
        }
    }
}

/// What was not looked at, with the digest of the file where it is one.
fn contents_of(analysis: &BundleAnalysis) -> Vec<(&Unchecked, Option<Digest>)> {
    let layers: BTreeSet<Digest> = analysis.unchecked.iter().filter_map(|one| one.layer).collect();
    let mut files: HashMap<(Digest, &str), Digest> = HashMap::new();
    for layer in analysis.layers.iter().filter(|layer| layers.contains(&layer.digest)) {
        files.extend(layer.entries.iter().filter_map(|entry| match &entry.node {
            LayerNode::File { sha256: Some(sha256), .. } => Some(((layer.digest, &*entry.path), *sha256)),
            _ => None,
        }));
    }
    let of = |one: &Unchecked| files.get(&(one.layer?, one.what.as_str())).copied();
    analysis.unchecked.iter().map(|one| (one, of(one))).collect()
}

fn compare_blobs(a: &Side, b: &Side) -> Option<BlobSums> {
    let (a, b) = (a.blobs.as_ref()?, b.blobs.as_ref()?);
    let mut blobs = BlobSums { common: 0, common_bytes: 0, new: 0, new_bytes: 0, gone: 0, gone_bytes: 0 };
    for (digest, size) in b {
        let (count, bytes) = if a.contains_key(digest) {
            (&mut blobs.common, &mut blobs.common_bytes)
        } else {
            (&mut blobs.new, &mut blobs.new_bytes)
        };
        *count += 1;
        *bytes = bytes.saturating_add(*size);
    }
    for (_, size) in a.iter().filter(|(digest, _)| !b.contains_key(digest)) {
        blobs.gone += 1;
        blobs.gone_bytes = blobs.gone_bytes.saturating_add(*size);
    }
    Some(blobs)
}
