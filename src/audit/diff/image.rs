//! Compares images, platform by platform.

use super::change::{ChangeKind, FilesOf, FindingChange, LayerChange, LayerState, LayerTurn, LayersOf};
use super::change_set::ChangeSet;
use super::entry;
use super::facts::{FactChange, Field};
use super::files::{self, KnownFiles};
use super::packages;
use super::privileges;
use crate::analysis::anomaly::AnomalyGroup;
use crate::analysis::config::ImageConfig;
use crate::analysis::{BundleAnalysis, ItemAnalysis, Layer, LayerEntry, View};
use crate::packages::{Package, System};
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::printable::{Printable, without_deception};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the first side has anywhere.
pub(super) struct Everything<'a> {
    pub(super) known: KnownFiles<'a>,
    packages: BTreeSet<&'a Package>,
    findings: BTreeSet<FindingChange>,
}

impl<'a> Everything<'a> {
    pub(super) fn of(analysis: &'a BundleAnalysis) -> Self {
        let mut all =
            Self { known: KnownFiles::default(), packages: BTreeSet::new(), findings: BTreeSet::new() };
        for view in analysis.items.iter().flat_map(|item| &item.views) {
            all.known.add(&entry::of_view(analysis, view));
            all.packages.extend(view.packages.iter().map(|found| &found.package));
            all.findings.extend(findings(analysis, view));
        }
        all
    }
}

/// How a view is called: its item, and its platform where the item has several.
fn place(item: &ItemAnalysis, other: Option<&ItemAnalysis>, view: &View) -> String {
    let several = item.views.len() > 1 || other.is_some_and(|other| other.views.len() > 1);
    match &view.platform {
        Some(platform) if several => format!("{} [{platform}]", item.name),
        Some(_) | None => item.name.to_string(),
    }
}

/// Tells the views of an image apart. `all` is what the first side has, for platforms that are new.
pub(super) fn compare_images(
    (a, before): (&BundleAnalysis, &ItemAnalysis),
    (b, now): (&BundleAnalysis, &ItemAnalysis),
    all: &Everything<'_>,
    found: &mut ChangeSet,
) {
    let pair = |view: &View| match (before.views.as_slice(), now.views.as_slice()) {
        ([only], [_]) => Some(only),
        _ => before.views.iter().find(|other| other.platform == view.platform),
    };
    for view in &now.views {
        let item = place(now, Some(before), view);
        match pair(view) {
            // The digest of a manifest commits to all that it names.
            Some(old) if old.manifest == view.manifest => {}
            Some(old) => compare_views(&item, (a, old), (b, view), found),
            None => report_new_view(&item, (b, view), all, found),
        }
    }
}

fn compare_views(
    item: &str,
    (a, old): (&BundleAnalysis, &View),
    (b, new): (&BundleAnalysis, &View),
    found: &mut ChangeSet,
) {
    let layers = compare_layers(item, (a, old), (b, new));
    if !layers.changes.is_empty() {
        found.layers.push(layers);
    }
    let mut files = files::compare_files(item, &entry::of_view(a, old), &entry::of_view(b, new), found);
    files.shadowed = files::newly_shadowed(Some((a, old)), (b, new));
    if files != (FilesOf { item: item.to_owned(), ..FilesOf::default() }) {
        found.files.push(files);
    }
    for change in packages::compare_packages(&old.packages, &new.packages) {
        found.packages.add(change, item);
    }
    if let Some(config) = &new.config {
        privileges::compare_start(item, old.config.as_ref(), config, found);
    }
    // Who runs as root is a right, and told with them.
    let is_root = |view: &View| view.config.as_ref().map(ImageConfig::runs_as_root);
    let is_told = |change: &FactChange| change.field == Field::User && is_root(old) != is_root(new);
    for change in compare_settings(old, new).into_iter().filter(|change| !is_told(change)) {
        found.settings.add(change, item);
    }
    compare_findings(item, (a, old), (b, new), found);
}

fn compare_findings(
    item: &str,
    (a, old): (&BundleAnalysis, &View),
    (b, new): (&BundleAnalysis, &View),
    found: &mut ChangeSet,
) {
    let (had, has) = (findings(a, old), findings(b, new));
    for one in has.difference(&had) {
        found.findings.add(one.clone(), item);
    }
    for one in had.difference(&has) {
        found.findings.add(FindingChange { turn: ChangeKind::Gone, ..one.clone() }, item);
    }
}

/// Tells the secrets and packages of a tree apart; its files are compared by its inventory.
pub(super) fn compare_trees(
    (a, before): (&BundleAnalysis, &ItemAnalysis),
    (b, now): (&BundleAnalysis, &ItemAnalysis),
    found: &mut ChangeSet,
) {
    for (old, new) in before.views.iter().zip(&now.views).filter(|(old, new)| old.manifest != new.manifest) {
        let item = now.name.as_str();
        for change in packages::compare_packages(&old.packages, &new.packages) {
            found.packages.add(change, item);
        }
        compare_findings(item, (a, old), (b, new), found);
    }
}

/// What an item, or a platform of one, brings that was nowhere before.
fn report_new_view(
    item: &str,
    (b, new): (&BundleAnalysis, &View),
    all: &Everything<'_>,
    found: &mut ChangeSet,
) {
    files::report_new_files(item, &entry::of_view(b, new), &all.known, found);
    let unknown: Vec<_> =
        new.packages.iter().filter(|found| !all.packages.contains(&found.package)).cloned().collect();
    for change in packages::compare_packages(&[], &unknown) {
        found.packages.add(change, item);
    }
    if let Some(config) = &new.config {
        privileges::compare_start(item, None, config, found);
    }
    for one in findings(b, new).difference(&all.findings) {
        found.findings.add(one.clone(), item);
    }
}

/// Every view of an item that is new.
pub(super) fn report_new_item(
    (b, item): (&BundleAnalysis, &ItemAnalysis),
    all: &Everything<'_>,
    found: &mut ChangeSet,
) {
    for view in &item.views {
        report_new_view(&place(item, None, view), (b, view), all, found);
    }
}

fn compare_settings(old: &View, new: &View) -> Vec<FactChange> {
    let facts = |view: &View| {
        let system = view.system.as_ref().map(|System { name, .. }| name.as_str());
        view.config.as_ref().map(|config| privileges::start_facts(config, system))
    };
    match (facts(old), facts(new)) {
        (Some(old), Some(new)) => old.changes_to(&new).0,
        _ => Vec::new(),
    }
}

/// Secrets and anomalies of all layers of a view, also those in files that another layer hides.
pub(super) fn findings(analysis: &BundleAnalysis, view: &View) -> BTreeSet<FindingChange> {
    let secrets = analysis.secrets(view).map(|finding| FindingChange {
        turn: ChangeKind::New,
        kind: finding.rule.as_str(),
        // Without the line: what only moved down is not new.
        path: finding.place.as_ref().map_or_else(|| finding.about.clone(), |place| place.path.clone()),
        message: finding.message.clone(),
    });
    // Rights are compared where they can be seen, by path.
    let odd = analysis.anomalies(view).filter(|anomaly| anomaly.kind.group() != AnomalyGroup::Privilege);
    let odd = odd.map(|anomaly| FindingChange {
        turn: ChangeKind::New,
        kind: anomaly.kind.as_str(),
        path: Printable(&anomaly.path).to_string(),
        message: without_deception(&anomaly.detail),
    });
    secrets.chain(odd).collect()
}

fn compare_layers(
    item: &str,
    (a, old): (&BundleAnalysis, &View),
    (b, new): (&BundleAnalysis, &View),
) -> LayersOf {
    let digests = |analysis: &BundleAnalysis, view: &View| -> BTreeSet<Digest> {
        analysis.layers_of(view).map(|layer| layer.digest).collect()
    };
    let (had, has) = (digests(a, old), digests(b, new));
    let gone: Vec<&Layer> = a.layers_of(old).filter(|layer| !has.contains(&layer.digest)).collect();
    let new: Vec<&Layer> = b.layers_of(new).filter(|layer| !had.contains(&layer.digest)).collect();
    let bytes: HashMap<Digest, &Layer> =
        gone.iter().filter_map(|layer| layer.diff_id.map(|diff_id| (diff_id, *layer))).collect();
    // Of a layer that was not read whole, no one knows what else it holds.
    let unread = |analysis: &BundleAnalysis| -> BTreeSet<Digest> {
        analysis.unchecked.iter().filter_map(|one| one.layer).collect()
    };
    let (unread_old, unread_new) = (unread(a), unread(b));
    let whole = gone.iter().filter(|layer| !new.is_empty() && !unread_old.contains(&layer.digest));
    let entries: HashMap<Digest, &Layer> = whole.map(|layer| (fingerprint(layer), *layer)).collect();
    let state = |layer: &Layer| LayerState { digest: layer.digest, stored: layer.stored };
    let mut changes = Vec::new();
    let mut explained = BTreeSet::new();
    for layer in new {
        let recompressed = layer.diff_id.and_then(|diff_id| bytes.get(&diff_id));
        let rebuilt =
            || (!unread_new.contains(&layer.digest)).then(|| entries.get(&fingerprint(layer))).flatten();
        let (turn, from) = match recompressed.map(|from| (LayerTurn::Recompressed, from)) {
            Some((turn, from)) => (turn, Some(*from)),
            None => rebuilt().map_or((LayerTurn::New, None), |from| (LayerTurn::Rebuilt, Some(*from))),
        };
        explained.extend(from.map(|from| from.digest));
        changes.push(LayerChange { turn, from: from.map(state), to: Some(state(layer)) });
    }
    let gone = gone.into_iter().filter(|layer| !explained.contains(&layer.digest));
    changes.extend(gone.map(|layer| LayerChange {
        turn: LayerTurn::Gone,
        from: Some(state(layer)),
        to: None,
    }));
    changes.sort();
    LayersOf { item: item.to_owned(), same: has.intersection(&had).count() as u64, changes }
}

/// A digest of what a layer holds, whatever the order and the times.
fn fingerprint(layer: &Layer) -> Digest {
    let mut entries: BTreeMap<&str, &LayerEntry> = BTreeMap::new();
    // Of a path that is there twice, the later entry counts.
    entries.extend(layer.entries.iter().map(|entry| (&*entry.path, entry)));
    let mut hasher = Hasher::new();
    for entry in entries.values() {
        hasher.update(format!("{entry:?}\n").as_bytes());
    }
    hasher.finish()
}
