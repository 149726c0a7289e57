//! Entries of trees and images in one form, for comparison.

use crate::analysis::capability::Capabilities;
use crate::analysis::class::FileClass;
use crate::analysis::{self, BundleAnalysis, View};
use sealift_bundle::format::entry::{self, Entry};
use sealift_bundle::value::digest::Digest;
use serde::Serialize;
use std::collections::HashMap;

/// Hard links that lead to hard links are followed so far.
const HOPS: usize = 8;

/// An entry of either side.
#[derive(Debug, Clone)]
pub(super) struct EntrySpot<'a> {
    pub(super) path: &'a str,
    pub(super) node: EntryNode<'a>,
    /// The mode with its high bits.
    pub(super) mode: u16,
    /// Owner and group; trees have none.
    pub(super) owner: (u64, u64),
    pub(super) capabilities: Option<Capabilities>,
    /// Whether it can be executed: by what it holds where that is known, else by its mode.
    pub(super) executable: Option<&'static str>,
    /// The layer that has it.
    pub(super) layer: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryNode<'a> {
    Dir,
    File { size: u64, sha256: Option<Digest> },
    Link(&'a str),
    Special(&'a str),
}

/// An entry as it was or is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EntryState {
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

impl EntrySpot<'_> {
    /// What its bytes hash to.
    pub(super) fn sha256(&self) -> Option<Digest> {
        match self.node {
            EntryNode::File { sha256, .. } => sha256,
            EntryNode::Dir | EntryNode::Link(_) | EntryNode::Special(_) => None,
        }
    }

    pub(super) fn user(&self) -> String {
        if self.owner.0 == 0 { "root".to_owned() } else { format!("user {}", self.owner.0) }
    }

    pub(super) fn group(&self) -> String {
        if self.owner.1 == 0 { "group root".to_owned() } else { format!("group {}", self.owner.1) }
    }

    pub(super) fn state(&self) -> EntryState {
        let (what, size, target) = match self.node {
            EntryNode::Dir => ("folder", None, None),
            EntryNode::File { size, .. } => ("file", Some(size), None),
            EntryNode::Link(target) => ("link", None, Some(target.to_owned())),
            EntryNode::Special(what) => ("special", None, Some(what.to_owned())),
        };
        let (uid, gid) = self.owner;
        EntryState {
            what,
            size,
            sha256: self.sha256(),
            target,
            mode: format!("{:04o}", self.mode),
            owner: format!("{uid}:{gid}"),
        }
    }

    /// Whether nothing that counts differs.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let permissions = |spot: &Self| (spot.mode, spot.owner, spot.capabilities);
        self.node == other.node
            && (matches!(self.node, EntryNode::Link(_)) || permissions(self) == permissions(other))
    }
}

/// The entries of a tree. `classes` says what files are, by their digest.
pub(super) fn of_tree<'a>(
    entries: &'a [Entry],
    classes: &HashMap<Digest, &'a FileClass>,
) -> Vec<EntrySpot<'a>> {
    let spot = |entry: &'a Entry| {
        let (node, mode, executable) = match &entry.node {
            entry::Node::Dir => (EntryNode::Dir, 0o755, None),
            entry::Node::Link { target } => (EntryNode::Link(target), 0o777, None),
            entry::Node::File { size, sha256, executable } => {
                let by_mode = executable.then_some("executable by its mode");
                let by_content = classes.get(sha256).map(|class| word(class));
                let node = EntryNode::File { size: *size, sha256: Some(*sha256) };
                (node, if *executable { 0o755 } else { 0o644 }, by_content.flatten().or(by_mode))
            }
        };
        let path = entry.path.as_str();
        EntrySpot { path, node, mode, owner: (0, 0), capabilities: None, executable, layer: None }
    };
    entries.iter().map(spot).collect()
}

/// What something executable is, in words.
const fn word(class: &FileClass) -> Option<&'static str> {
    match class {
        FileClass::Script(_) => Some("script"),
        _ if class.is_executable() => Some(class.as_str()),
        _ => None,
    }
}

/// What the executable files of a analysis are, by their digests.
pub(super) fn classes(analysis: &BundleAnalysis) -> HashMap<Digest, &FileClass> {
    let mut classes = HashMap::new();
    for entry in analysis.layers.iter().flat_map(|layer| &layer.entries) {
        match &entry.node {
            analysis::LayerNode::File { sha256: Some(sha256), class, .. } if class.is_executable() => {
                classes.insert(*sha256, class);
            }
            _ => {}
        }
    }
    classes
}

/// The entries that can be seen in a view, by path.
pub(super) fn of_view<'a>(analysis: &'a BundleAnalysis, view: &'a View) -> Vec<EntrySpot<'a>> {
    let mut all: Vec<(analysis::LayerSpot, &analysis::LayerEntry)> =
        analysis.entries(&view.visible).collect();
    if !all.is_sorted_by(|(_, one), (_, other)| one.path <= other.path) {
        all.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
    }
    let at = |path: &str| {
        let at = all.binary_search_by(|(_, entry)| (*entry.path).cmp(path)).ok()?;
        all.get(at).map(|(_, entry)| *entry)
    };
    let spot = |(place, entry): &(analysis::LayerSpot, &'a analysis::LayerEntry)| {
        let mut content = *entry;
        for _ in 0..HOPS {
            match &content.node {
                analysis::LayerNode::Hardlink { target } => match at(target) {
                    Some(entry) => content = entry,
                    None => break,
                },
                _ => break,
            }
        }
        let (node, executable) = match &content.node {
            analysis::LayerNode::File { size, sha256, class } => {
                (EntryNode::File { size: *size, sha256: *sha256 }, word(class))
            }
            analysis::LayerNode::Dir => (EntryNode::Dir, None),
            analysis::LayerNode::Symlink { target } | analysis::LayerNode::Hardlink { target } => {
                (EntryNode::Link(target), None)
            }
            analysis::LayerNode::Special { what } => (EntryNode::Special(what), None),
            // Nothing of these can be seen in a view.
            analysis::LayerNode::Whiteout { .. } | analysis::LayerNode::Opaque { .. } => return None,
        };
        let layer = analysis.layers.get(place.layer as usize).map(|layer| layer.digest);
        Some(EntrySpot {
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
