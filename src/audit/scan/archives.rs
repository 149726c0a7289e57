//! Opens archives within archives as data, within limits, so that the scanner sees every member.
//!
//! An archive is detected by its content. Members of a fully opened archive are submitted one by one, and the archive
//! itself too if it fits into memory. Everything that is not opened is reported.

mod ar;
mod inside;
mod path;
mod zip_archive;

use super::super::analysis::anomaly::AnomalyKind;
use super::super::analysis::class::HEAD;
use super::super::layer::{EntryContent, TarEntry, TarNode, Visitor, walk};
use super::Settings;
use super::ledger::PartNumber;
use super::queue::{ContentRole, MemoryBudget, ScanJob};
use super::stream::{BoundedReader, CountingReader, damage, fill};
use ar::Ar;
use flate2::bufread::MultiGzDecoder;
use inside::{ArchiveKind, Openable};
use path::{joined, member_name};
use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::Arc;
use zip_archive::{Zip, ZipMember};

/// Bytes of the window of a zstd frame: as for layers.
const WINDOW_LOG: u32 = 27;

/// What opening archives may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a leaf that is held in memory, to be judged while the next is read.
    pub held: usize,
    /// Bytes of all ZIP archives that are open within each other: those cannot be read from front to back.
    pub zip_held: usize,
    /// Members of a ZIP.
    pub zip_members: usize,
    /// Decompressed bytes of one archive in any case, and for each of its own bytes beyond: as for layers.
    pub archive: (u64, u64),
    /// Decompressed bytes of all archives in a bundle in any case, and for each byte of the bundle beyond.
    pub all: (u64, u64),
}

impl Bounds {
    /// The bounds as the command line has them.
    #[must_use]
    pub const fn v1() -> Self {
        let archive = (1 << 30, 100);
        Self { held: 16 << 20, zip_held: 256 << 20, zip_members: 200_000, archive, all: (16 << 30, 100) }
    }
}

/// Hands everything over to a [`MemoryBudget`].
pub(super) struct Feeder<'a> {
    desk: &'a MemoryBudget<'a>,
    settings: Settings<'a>,
    /// Decompressed bytes of archives that are left.
    all: Rc<Cell<u64>>,
    zip_held: usize,
    pub(super) part: PartNumber,
    /// Whether someone wants it to stop.
    stop: &'a dyn Fn() -> io::Result<()>,
}

/// A leaf, as far as it was read.
struct ArchiveMember<'s> {
    path: String,
    /// Its bytes, where someone has said how many.
    size: Option<u64>,
    /// What was read.
    held: Vec<u8>,
    /// Whether that is all of it.
    is_whole: bool,
    /// Where the rest is.
    source: &'s mut dyn Read,
}

impl<'s> ArchiveMember<'s> {
    fn new(path: String, size: Option<u64>, source: &'s mut dyn Read) -> Self {
        Self { path, size, held: Vec::new(), is_whole: false, source }
    }

    /// Its bytes, so far as they are known.
    fn bytes(&self) -> u64 {
        self.size.unwrap_or(self.held.len() as u64)
    }

    /// Reads on until so many bytes are held or all of it is; says what is damaged.
    fn hold(&mut self, most: usize) -> io::Result<Option<String>> {
        match fill(&mut self.held, most, self.source) {
            Ok(is_whole) => {
                self.is_whole = is_whole;
                Ok(None)
            }
            Err(error) => damage(error).map(Some),
        }
    }

    /// From its beginning to its end.
    fn read(self) -> impl Read + 's {
        Cursor::new(self.held).chain(self.source)
    }
}

impl<'a> Feeder<'a> {
    /// Feeds a desk; the bundle has `stored` bytes.
    pub(super) fn new(
        desk: &'a MemoryBudget<'a>,
        settings: Settings<'a>,
        stored: u64,
        stop: &'a dyn Fn() -> io::Result<()>,
    ) -> Self {
        let (any, each) = settings.bounds.all;
        let all = Rc::new(Cell::new(any.saturating_add(stored.saturating_mul(each))));
        Self { desk, settings, all, zip_held: 0, part: 0, stop }
    }

    /// How many archives within each other are opened.
    pub(super) fn depth(&self) -> u32 {
        self.settings.depth
    }

    /// A layer of `stored` bytes: its files are leaves. What is not a layer is a leaf itself, and `again` reads it once
    /// more.
    pub(super) fn layer(
        &mut self,
        path: &str,
        separator: char,
        stored: u64,
        mut again: impl FnMut() -> Box<dyn Read + 'a>,
    ) -> io::Result<()> {
        let depth = self.settings.depth;
        let mut members = MemberCursor { feeder: self, container: path, separator, depth, count: 0 };
        let walked = walk(again(), stored, &mut members)?;
        let count = members.count;
        let trailing = walked.anomalies.iter().find(|anomaly| anomaly.kind == AnomalyKind::ArchiveTrailing);
        match (walked.stopped, trailing) {
            (None, None) => {
                self.desk.count(|tally| tally.opened(self.part, stored));
                Ok(())
            }
            // Signatures and SBOMs are blobs of images too.
            (Some(_), _) if count == 0 => self.leaf(path.to_owned(), Some(stored), &mut *again(), depth),
            (stopped, trailing) => {
                let trailing = trailing.map(|anomaly| anomaly.detail.clone());
                self.closed(path.to_owned(), stored, stopped.or(trailing).unwrap_or_default());
                self.desk.stream(self.part, path.to_owned(), Some(stored), &mut *again())
            }
        }
    }

    /// A leaf, or an archive of leaves. An error is one of the medium or a wish to stop.
    pub(super) fn leaf(
        &mut self,
        path: String,
        size: Option<u64>,
        source: &mut dyn Read,
        depth: u32,
    ) -> io::Result<()> {
        (self.stop)()?;
        let mut leaf = ArchiveMember::new(path, size, source);
        if let Some(reason) = leaf.hold(self.settings.bounds.held)? {
            self.hand_in(leaf, ContentRole::Rest(reason));
            return Ok(());
        }
        match ArchiveKind::of(&leaf.held) {
            ArchiveKind::Archive(openable) if depth > 0 => return self.archive(leaf, openable, depth - 1),
            ArchiveKind::Archive(_) => {
                let reason = format!("it is nested deeper than {} archives (`--depth`)", self.settings.depth);
                self.closed(leaf.path.clone(), leaf.bytes(), reason);
            }
            ArchiveKind::Closed(what) => {
                self.closed(leaf.path.clone(), leaf.bytes(), format!("sealift does not open {what}"));
            }
            ArchiveKind::Nothing => {}
        }
        if leaf.is_whole {
            self.hand_in(leaf, ContentRole::Leaf);
            return Ok(());
        }
        self.stream(leaf)
    }

    /// An archive that is held where it is small enough or has to be, and else opened while it goes by.
    fn archive(&mut self, mut leaf: ArchiveMember<'_>, openable: Openable, depth: u32) -> io::Result<()> {
        if !leaf.is_whole && openable != Openable::Zip {
            return self.streamed(leaf, openable, depth);
        }
        let most = self.settings.bounds.zip_held.saturating_sub(self.zip_held);
        if !leaf.is_whole
            && leaf.size.is_none_or(|size| size <= most as u64)
            && let Some(reason) = leaf.hold(most)?
        {
            self.hand_in(leaf, ContentRole::Rest(reason));
            return Ok(());
        }
        if !leaf.is_whole {
            let reason = format!("it is a zip, and those are held in memory up to {most} bytes");
            self.closed(leaf.path.clone(), leaf.bytes(), reason);
            return self.stream(leaf);
        }
        let stored = leaf.held.len();
        self.zip_held += stored;
        let outcome = match openable {
            Openable::Zip => self.zip(&leaf.path, &leaf.held, depth),
            Openable::Gzip | Openable::Zstd | Openable::Tar | Openable::Ar => {
                self.open(&leaf.path, stored as u64, openable, &mut leaf.held.as_slice(), depth)
            }
        };
        self.zip_held -= stored;
        let role = match outcome? {
            None => ContentRole::Opened,
            Some(reason) => {
                self.closed(leaf.path.clone(), stored as u64, reason);
                ContentRole::Leaf
            }
        };
        self.hand_in(leaf, role);
        Ok(())
    }

    /// An archive that is opened while it goes by, and so is not fed as it is.
    fn streamed(&mut self, leaf: ArchiveMember<'_>, openable: Openable, depth: u32) -> io::Result<()> {
        let (path, size) = (leaf.path.clone(), leaf.size);
        let mut source = leaf.read();
        let mut counted = CountingReader::new(&mut source);
        let outcome = self.open(&path, size.unwrap_or(u64::MAX), openable, &mut counted, depth)?;
        let bytes = size.unwrap_or(counted.count);
        match outcome {
            None => self.desk.count(|tally| tally.opened(self.part, bytes)),
            Some(reason) => {
                self.closed(path.clone(), bytes, reason.clone());
                self.desk.count(|tally| tally.missed(self.part, path, bytes, reason));
            }
        }
        Ok(())
    }

    /// Opens an archive that can be read from front to back; says why it was not opened to its end.
    fn open(
        &mut self,
        path: &str,
        stored: u64,
        openable: Openable,
        source: &mut dyn Read,
        depth: u32,
    ) -> io::Result<Option<String>> {
        let source = BufReader::with_capacity(64 << 10, source);
        match openable {
            Openable::Gzip => self.decompressed(path, stored, MultiGzDecoder::new(source), depth),
            Openable::Zstd => {
                let mut zstd = zstd::stream::read::Decoder::with_buffer(source)?;
                zstd.window_log_max(WINDOW_LOG)?;
                self.decompressed(path, stored, zstd, depth)
            }
            Openable::Tar => self.tar(path, source, depth),
            Openable::Ar => self.ar(path, source, depth),
            Openable::Zip => Ok(Some("a zip cannot be read from front to back".to_owned())),
        }
    }

    /// What a compressed file gives: a tar, or one member.
    fn decompressed(
        &mut self,
        path: &str,
        stored: u64,
        source: impl Read,
        depth: u32,
    ) -> io::Result<Option<String>> {
        let (any, each) = self.settings.bounds.archive;
        let limit = any.saturating_add(stored.saturating_mul(each));
        let mut bounded = BoundedReader::new(source, limit, Rc::clone(&self.all));
        let mut head = Vec::new();
        if let Err(error) = fill(&mut head, HEAD, &mut bounded) {
            damage(error)?;
        }
        let is_tar = matches!(ArchiveKind::of(&head), ArchiveKind::Archive(Openable::Tar));
        let rest: &mut dyn Read = &mut Cursor::new(head).chain(&mut bounded);
        let stopped = if is_tar {
            self.tar(path, rest, depth)?
        } else {
            self.leaf(joined(path, '!', &member_name(path)), None, rest, depth)?;
            None
        };
        // To the end, where checksums are and what follows them.
        if let Err(error) = io::copy(&mut bounded, &mut io::sink()) {
            damage(error)?;
        }
        Ok(bounded.stopped.or(stopped))
    }

    fn tar(&mut self, path: &str, source: impl Read, depth: u32) -> io::Result<Option<String>> {
        let mut members = MemberCursor { feeder: self, container: path, separator: '!', depth, count: 0 };
        // Its bytes are within the limits of whatever holds it.
        let walked = walk(source, u64::MAX, &mut members)?;
        let trailing =
            walked.anomalies.into_iter().find(|anomaly| anomaly.kind == AnomalyKind::ArchiveTrailing);
        Ok(walked.stopped.or(trailing.map(|anomaly| anomaly.detail)))
    }

    /// Opens an `ar`; says why it was not opened to its end.
    fn ar(&mut self, path: &str, source: impl Read, depth: u32) -> io::Result<Option<String>> {
        let mut ar = Ar::new(source);
        loop {
            match ar.next() {
                Ok(Some(member)) => {
                    self.leaf(joined(path, '!', &member.name), Some(member.size), &mut ar, depth)?;
                }
                Ok(None) => return Ok(None),
                Err(error) => return damage(error).map(Some),
            }
        }
    }

    /// Opens a ZIP; says why it was not opened to its end.
    fn zip(&mut self, path: &str, bytes: &[u8], depth: u32) -> io::Result<Option<String>> {
        let mut zip = match Zip::open(bytes, self.settings.bounds.zip_members) {
            Ok(zip) => zip,
            Err(reason) => return Ok(Some(reason)),
        };
        let mut stopped = zip.doubt.take();
        let (any, each) = self.settings.bounds.archive;
        let own = Rc::new(Cell::new(any.saturating_add((bytes.len() as u64).saturating_mul(each))));
        for number in 0..zip.len() {
            (self.stop)()?;
            let ZipMember { name, size, stored, content } = match zip.member(number) {
                Ok(Some(member)) => member,
                Ok(None) => continue,
                Err(reason) => {
                    stopped.get_or_insert(reason);
                    continue;
                }
            };
            let name = joined(path, '!', &name);
            let content = match content {
                Ok(content) => content,
                Err(reason) => {
                    self.desk.count(|tally| tally.missed(self.part, name, stored, reason));
                    continue;
                }
            };
            // The size in the directory is a claim; what comes is counted.
            let left = own.get();
            let mut bounded = BoundedReader::new(
                BoundedReader::new(content, left, Rc::clone(&own)),
                size,
                Rc::clone(&self.all),
            );
            self.leaf(name, Some(size), &mut bounded, depth)?;
            if let Err(error) = io::copy(&mut bounded, &mut io::sink()) {
                damage(error)?;
            }
            if let Some(reason) = bounded.stopped.take() {
                stopped.get_or_insert(reason);
                if own.get() == 0 || self.all.get() == 0 {
                    break;
                }
            }
        }
        Ok(stopped)
    }

    fn hand_in(&self, leaf: ArchiveMember<'_>, role: ContentRole) {
        self.desk.hand_in(ScanJob { part: self.part, path: leaf.path, bytes: Arc::new(leaf.held), role });
    }

    /// Feeds a leaf that is too large to be held.
    fn stream(&self, leaf: ArchiveMember<'_>) -> io::Result<()> {
        let (path, size) = (leaf.path.clone(), leaf.size);
        self.desk.stream(self.part, path, size, &mut leaf.read())
    }

    fn closed(&self, path: String, bytes: u64, reason: String) {
        self.desk.count(|tally| tally.left_closed(self.part, path, bytes, reason));
    }
}

/// The entries of a tar, as leaves.
struct MemberCursor<'f, 'a, 'p> {
    feeder: &'f mut Feeder<'a>,
    container: &'p str,
    separator: char,
    depth: u32,
    count: u64,
}

impl Visitor for MemberCursor<'_, '_, '_> {
    fn entry(&mut self, entry: TarEntry, body: &mut EntryContent<'_>) -> io::Result<()> {
        self.count += 1;
        let size = body.left();
        let is_file = matches!(entry.node, TarNode::File(_));
        // Whatever an entry says it is: where it has bytes, they are fed.
        if !is_file && size == 0 {
            return Ok(());
        }
        let path = joined(self.container, self.separator, &entry.path);
        if entry.is_sparse {
            let reason = "it is stored without its holes, and was fed so".to_owned();
            self.feeder.closed(path.clone(), size, reason);
        }
        self.feeder.leaf(path, Some(size), body, self.depth)
    }
}

#[cfg(test)]
mod tests;
