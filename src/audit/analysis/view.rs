//! The file system of an image after its layers are applied (OCI image spec 1.1, "Applying Changesets").

use super::{AnalysisFindings, Layer, LayerEntry, LayerNode, LayerSpot, Sums, View};
use crate::packages::{Ecosystem, PackageEvidence, System};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// The entries that can be seen and the files that are hidden, each sorted by path.
pub(super) fn apply(layers: &[Layer], order: &[usize]) -> (Vec<LayerSpot>, Vec<LayerSpot>) {
    let mut seen: BTreeMap<&str, LayerSpot> = BTreeMap::new();
    let mut hidden: Vec<(&str, LayerSpot)> = Vec::new();
    for &number in order {
        let Some(layer) = layers.get(number) else { continue };
        // What takes away does so to layers below alone, wherever it stands.
        for entry in &layer.entries {
            match &entry.node {
                LayerNode::Whiteout { target } => {
                    hide(&mut seen, &mut hidden, target);
                    hide_below(&mut seen, &mut hidden, target);
                }
                LayerNode::Opaque { target } => hide_below(&mut seen, &mut hidden, target),
                LayerNode::File { .. }
                | LayerNode::Dir
                | LayerNode::Symlink { .. }
                | LayerNode::Hardlink { .. }
                | LayerNode::Special { .. } => {}
            }
        }
        for (place, entry) in layer.entries.iter().enumerate() {
            if matches!(entry.node, LayerNode::Whiteout { .. } | LayerNode::Opaque { .. })
                || entry.path.is_empty()
            {
                continue;
            }
            if entry.node != LayerNode::Dir {
                hide_below(&mut seen, &mut hidden, &entry.path);
            }
            hide(&mut seen, &mut hidden, &entry.path);
            seen.insert(&entry.path, LayerSpot::new(number, place));
        }
    }
    let is_file = |spot: &LayerSpot| {
        entry(layers, *spot).is_some_and(|entry| matches!(entry.node, LayerNode::File { .. }))
    };
    hidden.retain(|(_, spot)| is_file(spot));
    hidden.sort();
    (seen.into_values().collect(), hidden.into_iter().map(|(_, spot)| spot).collect())
}

fn entry(layers: &[Layer], spot: LayerSpot) -> Option<&LayerEntry> {
    layers.get(spot.layer as usize)?.entries.get(spot.entry as usize)
}

fn hide<'a>(seen: &mut BTreeMap<&'a str, LayerSpot>, hidden: &mut Vec<(&'a str, LayerSpot)>, path: &str) {
    hidden.extend(seen.remove_entry(path));
}

fn hide_below<'a>(
    seen: &mut BTreeMap<&'a str, LayerSpot>,
    hidden: &mut Vec<(&'a str, LayerSpot)>,
    folder: &str,
) {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let range = (Bound::Included(prefix.as_str()), Bound::Unbounded);
    let below = seen.range::<str, _>(range).take_while(|(path, _)| path.starts_with(&prefix));
    let below: Vec<&str> = below.map(|(path, _)| *path).collect();
    for path in below {
        hide(seen, hidden, path);
    }
}

pub(super) fn sums(layers: &[Layer], visible: &[LayerSpot], shadowed: &[LayerSpot]) -> Sums {
    let mut sums = Sums::default();
    for entry in visible.iter().filter_map(|spot| entry(layers, *spot)) {
        if let LayerNode::File { size, class, .. } = &entry.node {
            sums.files += 1;
            sums.bytes += size;
            sums.executables += u64::from(class.is_executable());
        }
    }
    for entry in shadowed.iter().filter_map(|spot| entry(layers, *spot)) {
        if let LayerNode::File { size, .. } = &entry.node {
            sums.shadowed += 1;
            sums.shadowed_bytes += size;
        }
    }
    sums
}

/// The packages and the operating system that files announce which can be seen.
pub(super) fn announced(
    layers: &[Layer],
    view: &View,
) -> (Option<System>, Vec<AnalysisFindings>, Vec<String>) {
    let by_spot: HashMap<LayerSpot, Vec<&PackageEvidence>> = evidence(layers, view);
    let (mut system, mut root_users) = (None, Vec::new());
    let mut packages = Vec::new();
    let mut licenses: HashMap<&str, &[String]> = HashMap::new();
    for spot in &view.visible {
        let (Some(found), Some(entry), Some(layer)) =
            (by_spot.get(spot), entry(layers, *spot), layers.get(spot.layer as usize))
        else {
            continue;
        };
        for evidence in found {
            match evidence {
                PackageEvidence::Packages(found) => {
                    packages.extend(found.iter().map(|package| AnalysisFindings {
                        package: package.clone(),
                        path: entry.path.to_string(),
                        layer: layer.digest,
                    }));
                }
                PackageEvidence::Licenses { package, licenses: found } => {
                    licenses.insert(package, found);
                }
                PackageEvidence::System(found) => system = Some(found.clone()),
                PackageEvidence::RootUsers(found) => root_users.clone_from(found),
            }
        }
    }
    for found in &mut packages {
        let AnalysisFindings { package, .. } = found;
        if package.ecosystem == Ecosystem::Deb
            && package.licenses.is_empty()
            && let Some(found) = licenses.get(package.name.as_str())
        {
            package.licenses = found.to_vec();
        }
    }
    packages.sort();
    packages.dedup();
    (system, packages, root_users)
}

fn evidence<'a>(layers: &'a [Layer], view: &View) -> HashMap<LayerSpot, Vec<&'a PackageEvidence>> {
    let mut by_spot: HashMap<LayerSpot, Vec<&PackageEvidence>> = HashMap::new();
    for &number in &view.layers {
        for (entry, evidence) in
            layers.get(number).map(|layer| layer.announced.as_slice()).unwrap_or_default()
        {
            by_spot.entry(LayerSpot::new(number, *entry as usize)).or_default().push(evidence);
        }
    }
    by_spot
}
