//! Analyzes one layer.

use super::analysis_budget::{AnalysisBudget, HELD, SMALL};
use super::anomaly::{Anomaly, AnomalyKind};
use super::anomaly_limit::{LISTED, keep_first, shares};
use super::class::{FileClass, HEAD};
use super::file_purpose::{EmbeddedPackages, Purposes, Search};
use super::names;
use super::{FileDigests, Layer, LayerEntry, LayerNode, Unchecked};
use crate::finding::LintFile;
use crate::finding::LintFinding;
use crate::layer::{self, EntryContent, Visitor, Walked, walk};
use crate::packages::{self, PackageEvidence};
use crate::secrets;
use sealift_bundle::format::index::Blob;
use sealift_bundle::value::digest::{Digest, Hasher};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Anomalies that may come on top before what is above [`LISTED`] of a kind is dropped: some 10 MB.
const SLACK: usize = 50_000;

/// What one layer holds, and what of it was not looked at.
pub(super) fn analyze_layer(
    blob: Blob,
    source: impl Read,
    budget: &AnalysisBudget,
) -> io::Result<(Layer, Vec<Unchecked>)> {
    let mut analysis = LayerAnalysis {
        budget,
        layer: blob.digest,
        item: blob.digest.short(),
        entries: Vec::new(),
        anomalies: Vec::new(),
        secrets: Vec::new(),
        announced: Vec::new(),
        unchecked: Vec::new(),
        dropped: BTreeMap::new(),
        thinned: 0,
        unsearched: 0,
        unlisted: 0,
        buffer: Vec::new(),
    };
    let Walked { compression, size, diff_id, anomalies, stopped } = walk(source, blob.size, &mut analysis)?;
    analysis.thin();
    let LayerAnalysis {
        mut entries,
        anomalies: of_entries,
        secrets,
        announced,
        mut unchecked,
        mut dropped,
        ..
    } = analysis;
    let gap = |count: u64, what: &str| {
        let reason = format!("only {LISTED} are listed");
        Unchecked { layer: Some(blob.digest), what: format!("{count} more {what}"), reason, bytes: None }
    };
    if let Some(reason) = stopped {
        unchecked.push(Unchecked {
            layer: Some(blob.digest),
            what: "what follows in the layer".to_owned(),
            reason,
            bytes: None,
        });
    }
    entries.shrink_to_fit();
    let mut anomalies: Vec<_> = anomalies.into_iter().chain(of_entries).collect();
    names::doubles(&entries, &mut anomalies);
    anomalies.sort();
    let shares = shares(&anomalies);
    keep_first(&mut anomalies, |kind| shares.get(&kind).copied().unwrap_or_default(), &mut dropped);
    unchecked.extend(dropped.iter().map(|(kind, count)| gap(*count, &format!("anomalies of `{kind}`"))));
    let silent = [(analysis.unsearched, "files to search for secrets"), (analysis.unlisted, "things")];
    unchecked
        .extend(silent.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| gap(count, what)));
    let stored = blob.size;
    let layer = Layer {
        digest: blob.digest,
        stored,
        compression,
        size,
        diff_id,
        entries,
        anomalies,
        secrets,
        announced,
    };
    Ok((layer, unchecked))
}

struct LayerAnalysis<'a> {
    budget: &'a AnalysisBudget,
    layer: Digest,
    /// The layer, as findings name it.
    item: String,
    entries: Vec<LayerEntry>,
    anomalies: Vec<Anomaly>,
    secrets: Vec<LintFinding>,
    announced: Vec<(u32, PackageEvidence)>,
    unchecked: Vec<Unchecked>,
    /// Anomalies that were found and are no longer held, by kind.
    dropped: BTreeMap<AnomalyKind, u64>,
    /// Anomalies that were left when some were last dropped.
    thinned: usize,
    /// Files that were not searched because [`LISTED`] secrets were found before.
    unsearched: u64,
    /// Gaps above [`LISTED`].
    unlisted: u64,
    buffer: Vec<u8>,
}

impl Visitor for LayerAnalysis<'_> {
    fn entry(&mut self, entry: layer::TarEntry, body: &mut EntryContent<'_>) -> io::Result<()> {
        let layer::TarEntry { path, node, mode, uid, gid, capabilities, is_sparse, is_outside, anomalies } =
            entry;
        self.anomalies.extend(anomalies);
        names::examine(&path, &mut self.anomalies);
        let node = match node {
            layer::TarNode::File(size) => {
                let (sha256, class) = self.file(&path, size, body)?;
                if is_sparse {
                    self.skip(&path, "it is stored without its holes", Some(size));
                }
                LayerNode::File { size, sha256, class }
            }
            layer::TarNode::Dir => LayerNode::Dir,
            layer::TarNode::Symlink(target) => {
                if names::leads_outside(&path, &target) {
                    self.anomalies.push(Anomaly::new(
                        AnomalyKind::LinkOutside,
                        &path,
                        format!("it leads to {target}"),
                    ));
                }
                LayerNode::Symlink { target: target.into() }
            }
            layer::TarNode::Hardlink { path: target, is_outside } => {
                if is_outside {
                    self.anomalies.push(Anomaly::new(
                        AnomalyKind::LinkOutside,
                        &path,
                        format!("it is another name of {target}"),
                    ));
                }
                LayerNode::Hardlink { target: target.into() }
            }
            layer::TarNode::Char(major, minor) => {
                self.device(&path, &format!("character device {major}, {minor}"))
            }
            layer::TarNode::Block(major, minor) => {
                self.device(&path, &format!("block device {major}, {minor}"))
            }
            layer::TarNode::Fifo => LayerNode::Special { what: "named pipe".into() },
            layer::TarNode::Whiteout(target) => LayerNode::Whiteout { target: target.into() },
            layer::TarNode::Opaque(target) => LayerNode::Opaque { target: target.into() },
        };
        let mode = u16::try_from(mode & 0o7777).unwrap_or_default();
        let capabilities = capabilities.map(Box::new);
        let entry = LayerEntry { path: path.into(), node, mode, uid, gid, capabilities };
        self.privileges(&entry);
        if self.anomalies.len() > self.thinned + SLACK {
            self.thin();
        }
        if !is_outside {
            self.entries.push(entry);
        }
        Ok(())
    }
}

impl LayerAnalysis<'_> {
    /// Drops the anomalies that would not be listed anyway, so that a flood of them takes bounded memory.
    fn thin(&mut self) {
        self.anomalies.sort();
        keep_first(&mut self.anomalies, |_| LISTED, &mut self.dropped);
        self.thinned = self.anomalies.len();
    }

    fn device(&mut self, path: &str, what: &str) -> LayerNode {
        self.anomalies.push(Anomaly::new(AnomalyKind::Device, path, what));
        LayerNode::Special { what: what.into() }
    }

    fn privileges(&mut self, entry: &LayerEntry) {
        let LayerEntry { path, node, mode, uid, gid, capabilities } = entry;
        let mut say = |kind, detail: String| self.anomalies.push(Anomaly::new(kind, path, detail));
        match node {
            LayerNode::File { .. } => {
                if mode & 0o4000 != 0 {
                    say(AnomalyKind::Setuid, format!("mode {mode:04o}, of user {uid}"));
                }
                if mode & 0o2000 != 0 {
                    say(AnomalyKind::Setgid, format!("mode {mode:04o}, of group {gid}"));
                }
                if let Some(capabilities) = capabilities {
                    say(AnomalyKind::Capability, capabilities.to_string());
                }
                if mode & 0o002 != 0 {
                    say(AnomalyKind::WorldWritable, format!("file of mode {mode:04o}"));
                }
            }
            // In a sticky directory, everybody takes away only what is theirs.
            LayerNode::Dir if mode & 0o1002 == 0o002 => {
                say(AnomalyKind::WorldWritable, format!("folder of mode {mode:04o}"));
            }
            LayerNode::Dir
            | LayerNode::Symlink { .. }
            | LayerNode::Hardlink { .. }
            | LayerNode::Special { .. }
            | LayerNode::Whiteout { .. }
            | LayerNode::Opaque { .. } => {}
        }
    }

    fn skip(&mut self, path: &str, reason: &str, bytes: Option<u64>) {
        if self.unchecked.len() < LISTED {
            let (layer, what, reason) = (Some(self.layer), path.to_owned(), reason.to_owned());
            self.unchecked.push(Unchecked { layer, what, reason, bytes });
        } else {
            self.unlisted += 1;
        }
    }

    /// Hashes a file if asked to, tells what it is, and looks into it where that says something.
    fn file(
        &mut self,
        path: &str,
        size: u64,
        body: &mut EntryContent<'_>,
    ) -> io::Result<(Option<Digest>, FileClass)> {
        let mut held = std::mem::take(&mut self.buffer);
        held.clear();
        body.take(HEAD as u64).read_to_end(&mut held)?;
        let class = FileClass::of(&held);
        let purposes = Purposes::of(path, size, &class);
        let is_held = purposes.is_any() && size <= HELD;
        let budget = self.budget;
        let room = (is_held && size > SMALL).then(|| budget.room(size));
        if is_held {
            held.reserve_exact(usize::try_from(body.left()).unwrap_or_default());
        }
        let mut hasher = match budget.digests {
            FileDigests::Taken => Some(Hasher::new()),
            FileDigests::Left => None,
        };
        let mut hash = |bytes: &[u8]| hasher.iter_mut().for_each(|hasher| hasher.update(bytes));
        hash(&held);
        while let Some(piece) = body.piece()? {
            hash(piece);
            if is_held {
                held.extend_from_slice(piece);
            }
        }
        if is_held {
            self.understand(path, &held, &purposes);
        } else if purposes.is_any() {
            let reason = "it is larger than is held in memory; only its kind is known";
            self.skip(path, reason, Some(size));
        }
        match purposes.secrets {
            Search::TooLarge => self.skip(path, Search::TOO_LARGE, Some(size)),
            Search::Whole | Search::Nothing => {}
        }
        // What one large file took is given back.
        if held.capacity() as u64 <= 2 * SMALL {
            self.buffer = held;
        }
        drop(room);
        Ok((hasher.map(Hasher::finish), class))
    }

    fn understand(&mut self, path: &str, bytes: &[u8], purposes: &Purposes) {
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if let Some(database) = purposes.database {
            match packages::read(database, path, bytes) {
                Ok(evidence) => self.announced.push((place, evidence)),
                Err(reason) => {
                    self.skip(path, &format!("{}: {reason}", database.as_str()), Some(bytes.len() as u64));
                }
            }
        }
        let inside = match purposes.inside {
            Some(EmbeddedPackages::Executable) => packages::in_executable(bytes),
            Some(EmbeddedPackages::Jar) => packages::in_jar(path, bytes),
            None => Ok(Vec::new()),
        };
        match inside {
            Ok(packages) if packages.is_empty() => {}
            Ok(packages) => self.announced.push((place, PackageEvidence::Packages(packages))),
            Err(reason) => self.skip(path, &reason, Some(bytes.len() as u64)),
        }
        if purposes.secrets == Search::Whole && self.secrets.len() >= LISTED {
            self.unsearched += 1;
        } else if purposes.secrets == Search::Whole {
            self.secrets.extend(secrets::find(&LintFile { item: &self.item, path, bytes }));
        }
    }
}
