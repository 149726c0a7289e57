//! Looking at one layer.

use super::anomaly::{Anomaly, AnomalyKind};
use super::class::{Archive, FileClass, HEAD};
use super::names;
use super::{FileDigests, Layer, LayerEntry, LayerNode, Unchecked};
use crate::layer::{self, Body, Visitor, Walked, walk};
use crate::lint::finding::LintFinding;
use crate::lint::{LintFile, secrets};
use crate::packages::{self, Database, PackageEvidence};
use sealift_bundle::format::index::Blob;
use sealift_bundle::value::digest::{Digest, Hasher};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of a file that is held in memory to be understood.
const HELD: u64 = 128 << 20;
/// Bytes of a file that each thread may hold at once; larger ones have to find room.
const SMALL: u64 = 8 << 20;
/// Room for larger files, in bytes: one of the largest, and others beside it. With it and the entries of a layer, a census
/// stays below 256 MiB.
const ROOM: u64 = 160 << 20;
/// Bytes of a file that is neither text nor code and may be a store of keys.
const KEYS: u64 = 64 << 10;
/// Oddities, secrets and gaps of one layer that are listed.
const LISTED: usize = 10_000;
/// Oddities that may come on top before what is above [`LISTED`] of a kind is dropped: some 10 MB.
const SLACK: usize = 50_000;

/// What the threads that look at layers share: the room for large files, and what is asked of each.
pub(super) struct AnalysisBudget {
    digests: FileDigests,
    left: Mutex<u64>,
    freed: Condvar,
}

impl AnalysisBudget {
    pub(super) fn new(digests: FileDigests) -> Self {
        Self { digests, left: Mutex::new(ROOM), freed: Condvar::new() }
    }

    /// Waits until there is room for so many bytes, at most [`HELD`]. Each thread asks for one file at a time.
    fn room(&self, bytes: u64) -> Room<'_> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left =
            self.freed.wait_while(left, |left| *left < bytes).unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Room { desk: self, bytes }
    }
}

/// Room that was given, until it is dropped.
struct Room<'a> {
    desk: &'a AnalysisBudget,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        *self.desk.left.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.desk.freed.notify_all();
    }
}

/// What one layer holds, and what of it was not looked at.
pub(super) fn look(
    blob: Blob,
    source: impl Read,
    desk: &AnalysisBudget,
) -> io::Result<(Layer, Vec<Unchecked>)> {
    let mut looking = Looking {
        desk,
        layer: blob.digest,
        item: blob.digest.short(),
        entries: Vec::new(),
        oddities: Vec::new(),
        secrets: Vec::new(),
        announced: Vec::new(),
        unchecked: Vec::new(),
        dropped: BTreeMap::new(),
        thinned: 0,
        unsearched: 0,
        unlisted: 0,
        buffer: Vec::new(),
    };
    let Walked { compression, size, diff_id, oddities, stopped } = walk(source, blob.size, &mut looking)?;
    looking.thin();
    let Looking { mut entries, oddities: of_entries, secrets, announced, mut unchecked, mut dropped, .. } =
        looking;
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
    let mut oddities: Vec<_> = oddities.into_iter().chain(of_entries).collect();
    names::doubles(&entries, &mut oddities);
    oddities.sort();
    let shares = shares(&oddities);
    keep_first(&mut oddities, |kind| shares.get(&kind).copied().unwrap_or_default(), &mut dropped);
    unchecked.extend(dropped.iter().map(|(kind, count)| gap(*count, &format!("oddities of `{kind}`"))));
    let silent = [(looking.unsearched, "files to search for secrets"), (looking.unlisted, "things")];
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
        oddities,
        secrets,
        announced,
    };
    Ok((layer, unchecked))
}

/// How many oddities of each kind are listed, at most [`LISTED`] together. A policy forbids some kinds and not others, so
/// a kind of which there are few is listed whole, however many there are of another.
fn shares(oddities: &[Anomaly]) -> BTreeMap<AnomalyKind, usize> {
    let mut counts: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    for oddity in oddities {
        *counts.entry(oddity.kind).or_default() += 1;
    }
    let mut rarest: Vec<_> = counts.into_iter().collect();
    rarest.sort_by_key(|(_, count)| *count);
    let (mut left, mut kinds) = (LISTED, rarest.len());
    let share = |(kind, count): (AnomalyKind, usize)| {
        let share = count.min(left / kinds.max(1));
        (left, kinds) = (left - share, kinds - 1);
        (kind, share)
    };
    rarest.into_iter().map(share).collect()
}

/// Keeps the first `most` oddities of each kind, and counts the others.
fn keep_first(
    oddities: &mut Vec<Anomaly>,
    most: impl Fn(AnomalyKind) -> usize,
    dropped: &mut BTreeMap<AnomalyKind, u64>,
) {
    let mut seen: BTreeMap<AnomalyKind, usize> = BTreeMap::new();
    oddities.retain(|oddity| {
        let seen = seen.entry(oddity.kind).or_default();
        *seen += 1;
        let is_kept = *seen <= most(oddity.kind);
        if !is_kept {
            *dropped.entry(oddity.kind).or_default() += 1;
        }
        is_kept
    });
    oddities.shrink_to_fit();
}

struct Looking<'a> {
    desk: &'a AnalysisBudget,
    layer: Digest,
    /// The layer, as findings name it.
    item: String,
    entries: Vec<LayerEntry>,
    oddities: Vec<Anomaly>,
    secrets: Vec<LintFinding>,
    announced: Vec<(u32, PackageEvidence)>,
    unchecked: Vec<Unchecked>,
    /// Oddities that were found and are no longer held, by kind.
    dropped: BTreeMap<AnomalyKind, u64>,
    /// Oddities that were left when some were last dropped.
    thinned: usize,
    /// Files that were not searched because [`LISTED`] secrets were found before.
    unsearched: u64,
    /// Gaps above [`LISTED`].
    unlisted: u64,
    buffer: Vec<u8>,
}

impl Visitor for Looking<'_> {
    fn entry(&mut self, entry: layer::TarEntry, body: &mut Body<'_>) -> io::Result<()> {
        let layer::TarEntry { path, node, mode, uid, gid, capabilities, is_sparse, is_outside, oddities } =
            entry;
        self.oddities.extend(oddities);
        names::examine(&path, &mut self.oddities);
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
                    self.oddities.push(Anomaly::new(
                        AnomalyKind::LinkOutside,
                        &path,
                        format!("it leads to {target}"),
                    ));
                }
                LayerNode::Symlink { target: target.into() }
            }
            layer::TarNode::Hardlink { path: target, is_outside } => {
                if is_outside {
                    self.oddities.push(Anomaly::new(
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
        if self.oddities.len() > self.thinned + SLACK {
            self.thin();
        }
        if !is_outside {
            self.entries.push(entry);
        }
        Ok(())
    }
}

impl Looking<'_> {
    /// Drops the oddities that would not be listed anyway, so that a flood of them takes bounded memory.
    fn thin(&mut self) {
        self.oddities.sort();
        keep_first(&mut self.oddities, |_| LISTED, &mut self.dropped);
        self.thinned = self.oddities.len();
    }

    fn device(&mut self, path: &str, what: &str) -> LayerNode {
        self.oddities.push(Anomaly::new(AnomalyKind::Device, path, what));
        LayerNode::Special { what: what.into() }
    }

    fn privileges(&mut self, entry: &LayerEntry) {
        let LayerEntry { path, node, mode, uid, gid, capabilities } = entry;
        let mut say = |kind, detail: String| self.oddities.push(Anomaly::new(kind, path, detail));
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
            // In a sticky folder, everybody takes away only what is theirs.
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
        body: &mut Body<'_>,
    ) -> io::Result<(Option<Digest>, FileClass)> {
        let mut held = std::mem::take(&mut self.buffer);
        held.clear();
        body.take(HEAD as u64).read_to_end(&mut held)?;
        let class = FileClass::of(&held);
        let purposes = Purposes::of(path, size, &class);
        let is_held = purposes.is_any() && size <= HELD;
        let desk = self.desk;
        let room = (is_held && size > SMALL).then(|| desk.room(size));
        if is_held {
            held.reserve_exact(usize::try_from(body.left()).unwrap_or_default());
        }
        let mut hasher = match desk.digests {
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
            Some(Inside::Executable) => packages::in_executable(bytes),
            Some(Inside::Jar) => packages::in_jar(path, bytes),
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

/// What a file is held in memory for.
struct Purposes {
    database: Option<Database>,
    inside: Option<Inside>,
    secrets: Search,
}

/// Whether a file is searched for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// From its beginning to its end.
    Whole,
    /// It should be, and is too large.
    TooLarge,
    /// What it is holds none that could be told.
    Nothing,
}

impl Search {
    pub(super) const TOO_LARGE: &str = "it is a text of more than 16 MiB, and was not searched for secrets";

    pub(super) fn of(class: &FileClass, size: u64) -> Self {
        match class {
            FileClass::Text | FileClass::Script(_) if size <= secrets::MAX_BYTES as u64 => Self::Whole,
            FileClass::Text | FileClass::Script(_) => Self::TooLarge,
            FileClass::Data if size <= KEYS => Self::Whole,
            FileClass::Data
            | FileClass::Empty
            | FileClass::Elf(_)
            | FileClass::Pe
            | FileClass::MachO
            | FileClass::Wasm
            | FileClass::PythonCode
            | FileClass::JavaClass
            | FileClass::Archive(_) => Self::Nothing,
        }
    }
}

enum Inside {
    Executable,
    Jar,
}

impl Purposes {
    fn of(path: &str, size: u64, class: &FileClass) -> Self {
        let inside = match class {
            FileClass::Elf(_) | FileClass::Pe | FileClass::MachO => Some(Inside::Executable),
            FileClass::Archive(Archive::Zip) if is_jar(path) => Some(Inside::Jar),
            _ => None,
        };
        Self { database: Database::of(path), inside, secrets: Search::of(class, size) }
    }

    fn is_any(&self) -> bool {
        self.database.is_some() || self.inside.is_some() || self.secrets == Search::Whole
    }
}

/// A ZIP that Java reads, by its name: their content is like that of any other ZIP.
fn is_jar(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    ["jar", "war", "ear", "jpi", "hpi", "sar", "par"].iter().any(|jar| ending.eq_ignore_ascii_case(jar))
}

#[cfg(test)]
mod tests {
    use super::{Anomaly, AnomalyKind, LISTED, keep_first, shares};
    use std::collections::BTreeMap;

    #[test]
    fn f_sec_11_a_flood_of_one_kind_leaves_the_others_whole() {
        let odd = |kind, number: usize| Anomaly::new(kind, &number.to_string(), "");
        let mut oddities: Vec<_> =
            (0..30_000).map(|number| odd(AnomalyKind::WorldWritable, number)).collect();
        oddities.extend((0..30_000).map(|number| odd(AnomalyKind::NameControl, number)));
        oddities.push(odd(AnomalyKind::Device, 0));
        oddities.extend((0..4_000).map(|number| odd(AnomalyKind::LinkOutside, number)));
        oddities.sort();
        let (shares, mut dropped) = (shares(&oddities), BTreeMap::new());
        keep_first(&mut oddities, |kind| shares[&kind], &mut dropped);
        assert_eq!(oddities.len(), LISTED);
        let kept = |kind| oddities.iter().filter(|oddity| oddity.kind == kind).count();
        assert_eq!((kept(AnomalyKind::Device), kept(AnomalyKind::LinkOutside)), (1, 3_333));
        assert_eq!((kept(AnomalyKind::WorldWritable), kept(AnomalyKind::NameControl)), (3_333, 3_333));
        assert_eq!(dropped[&AnomalyKind::WorldWritable], 26_667);
        assert_eq!(dropped.values().sum::<u64>() + LISTED as u64, 64_001);
        assert!(!dropped.contains_key(&AnomalyKind::Device));
    }
}
