//! The result of comparing two sides.

use super::change::{
    ChangeAt, ChangeKind, Executable, FilesOf, FindingChange, ItemChange, LayersOf, Missing, RightChange,
};
use super::entry::EntryState;
use super::facts::FactChange;
use super::input::DiffHead;
use super::lines::TextChange;
use super::packages::PackageChange;
use sealift_bundle::trust::root_diff::RootDifference as RootChange;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use serde::Serialize;
use std::collections::BTreeMap;

/// How two sides relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiffVerdict {
    /// Everything is the same.
    Equal,
    /// Something is not the same.
    Different,
    /// All that was compared is the same, and something was not compared.
    Incomplete,
}

/// What a site that holds the first side lacks of the second, by blobs of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BlobSums {
    /// Blobs that both have.
    pub common: u64,
    /// Their bytes.
    pub common_bytes: u64,
    /// Blobs that only the second has.
    pub new: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// Blobs that only the first has.
    pub gone: u64,
    /// Their bytes.
    pub gone_bytes: u64,
}

/// Everything that is not the same, the most severe first.
#[derive(Debug, Clone, Serialize)]
pub struct BundleDifference {
    /// How the two relate.
    pub verdict: DiffVerdict,
    /// The first side.
    pub a: DiffHead,
    /// The second side.
    pub b: DiffHead,
    /// Rights gained, lost, and given to other content.
    pub rights: Vec<ChangeAt<RightChange>>,
    /// Programs, libraries and scripts.
    pub executables: Vec<ChangeAt<Executable>>,
    /// Secrets and anomalies.
    pub findings: Vec<ChangeAt<FindingChange>>,
    /// What the sides say of themselves.
    pub facts: Vec<FactChange>,
    /// What changes from the trust root of the first side to that of the second.
    pub root: Vec<RootChange>,
    /// Items.
    pub items: Vec<ItemChange>,
    /// Packages.
    pub packages: Vec<ChangeAt<PackageChange>>,
    /// How images are started, beside what is a right.
    pub settings: Vec<ChangeAt<FactChange>>,
    /// Texts, line by line.
    pub texts: Vec<TextChange>,
    /// Layers.
    pub layers: Vec<LayersOf>,
    /// Files.
    pub files: Vec<FilesOf>,
    /// Blobs of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<BlobSums>,
    /// What was not compared.
    pub not_compared: Vec<Missing>,
}

/// A text that both sides have and that is not the same: its item and path on each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedText {
    /// The item on the first side.
    pub old_item: Name,
    /// The item on the second side.
    pub item: Name,
    /// The path.
    pub path: String,
    /// The sizes of both.
    pub sizes: (u64, u64),
    /// The digests of both.
    pub digests: (Digest, Digest),
}

impl BundleDifference {
    pub(super) fn has_changes(&self, a: Option<Digest>, b: Option<Digest>) -> bool {
        let lists = [
            self.rights.len(),
            self.executables.len(),
            self.findings.len(),
            self.facts.len(),
            self.root.len(),
            self.items.len(),
            self.packages.len(),
            self.settings.len(),
            self.layers.len(),
            self.files.len(),
        ];
        let lost = self.blobs.is_some_and(|blobs| blobs.new + blobs.gone > 0);
        lists.iter().any(|len| *len > 0) || (a == b && lost) || matches!((a, b), (Some(a), Some(b)) if a != b)
    }

    /// The files of trees that are on both sides under one path with other content.
    #[must_use]
    pub fn changed_texts(&self) -> Vec<ChangedText> {
        let before: BTreeMap<&Name, &Name> = self
            .items
            .iter()
            .filter_map(|item| item.before.as_ref().map(|before| (&item.name, before)))
            .collect();
        let mut texts = Vec::new();
        for files in &self.files {
            let Ok(item) = files.item.parse::<Name>() else { continue };
            for change in &files.changes {
                let sizes = |state: &Option<EntryState>| {
                    state.as_ref().and_then(|state| state.size.zip(state.sha256))
                };
                if let (ChangeKind::Changed, Some((old, before_digest)), Some((new, digest)), None) =
                    (change.turn, sizes(&change.from), sizes(&change.to), change.layer)
                    && before_digest != digest
                {
                    texts.push(ChangedText {
                        old_item: before.get(&item).copied().unwrap_or(&item).clone(),
                        item: item.clone(),
                        path: change.path.clone(),
                        sizes: (old, new),
                        digests: (before_digest, digest),
                    });
                }
            }
        }
        texts
    }
}
