//! Leaves, and archives within each other: opened as data, within bounds, so that the engine sees what is in them.
//!
//! An archive is told by its content. What is opened to its end gives its members as leaves, and is fed as it is
//! too, where it can be held; everything else is a leaf itself. Whatever is not opened is said.

use super::super::census::class::{Archive, Class, HEAD};
use super::super::census::oddity::Kind;
use super::super::layer::{Body, Entry, Node, Visitor, text, walk};
use super::Settings;
use super::desk::{Desk, Job, Role};
use super::feed::{Bounded, damage, fill};
use super::ledger::PartNumber;
use flate2::bufread::MultiGzDecoder;
use memchr::memmem;
use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::Arc;
use zip::result::ZipError;

/// Bytes of a path in the ledger; names in archives may be as long as a file.
const PATH: usize = 2048;
/// Bytes of the window of a zstd frame: as for layers.
const WINDOW_LOG: u32 = 27;
/// Bytes in front of each member of an `ar`.
const AR_HEADER: usize = 60;
/// What begins an entry in the directory of a ZIP (APPNOTE 4.3.12).
const ZIP_ENTRY: &[u8] = b"PK\x01\x02";

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

/// Hands everything over to a [`Desk`].
pub(super) struct Feeder<'a> {
    desk: &'a Desk<'a>,
    settings: Settings<'a>,
    /// Decompressed bytes of archives that are left.
    all: Rc<Cell<u64>>,
    zip_held: usize,
    pub(super) part: PartNumber,
    /// Whether somebody wants it to stop.
    stop: &'a dyn Fn() -> io::Result<()>,
}

/// An archive that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Openable {
    Gzip,
    Zstd,
    Tar,
    Zip,
    Ar,
}

/// What a leaf is to us.
enum Inside {
    Nothing,
    Archive(Openable),
    /// An archive that is not opened.
    Closed(&'static str),
}

fn inside(head: &[u8]) -> Inside {
    match Class::of(head.get(..HEAD).unwrap_or(head)) {
        Class::Archive(Archive::Gzip) => Inside::Archive(Openable::Gzip),
        Class::Archive(Archive::Zstd) => Inside::Archive(Openable::Zstd),
        Class::Archive(Archive::Tar) => Inside::Archive(Openable::Tar),
        Class::Archive(Archive::Zip) => Inside::Archive(Openable::Zip),
        Class::Archive(Archive::Ar) => Inside::Archive(Openable::Ar),
        Class::Archive(
            archive @ (Archive::Bzip2
            | Archive::Xz
            | Archive::SevenZip
            | Archive::Cpio
            | Archive::Rpm
            | Archive::Squashfs),
        ) => Inside::Closed(archive.as_str()),
        _ if is_old_tar(head) => Inside::Archive(Openable::Tar),
        _ => Inside::Nothing,
    }
}

/// A tar of before POSIX has no mark, and a checksum.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512).filter(|block| block.first().is_some_and(|byte| *byte != 0)) else {
        return false;
    };
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    tar::Header::from_byte_slice(block).cksum().is_ok_and(|stated| stated == sum)
}

impl<'a> Feeder<'a> {
    /// Feeds a desk; the bundle has `stored` bytes.
    pub(super) fn new(
        desk: &'a Desk<'a>,
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

    /// A layer of `stored` bytes: its files are leaves. What is no layer is a leaf itself, and `again` reads it once
    /// more.
    pub(super) fn layer(
        &mut self,
        path: &str,
        separator: char,
        stored: u64,
        mut again: impl FnMut() -> Box<dyn Read + 'a>,
    ) -> io::Result<()> {
        let depth = self.settings.depth;
        let mut members = Members { feeder: self, container: path, separator, depth, count: 0 };
        let walked = walk(again(), stored, &mut members)?;
        let count = members.count;
        let trailing = walked.oddities.iter().find(|oddity| oddity.kind == Kind::ArchiveTrailing);
        match (walked.stopped, trailing) {
            (None, None) => {
                self.desk.count(|tally| tally.opened(self.part, stored));
                Ok(())
            }
            // Signatures and SBOMs are blobs of images too.
            (Some(_), _) if count == 0 => self.leaf(path.to_owned(), Some(stored), &mut *again(), depth),
            (stopped, trailing) => {
                let trailing = trailing.map(|oddity| oddity.detail.clone());
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
        let mut held = Vec::new();
        let is_whole = match fill(&mut held, self.settings.bounds.held, source) {
            Ok(is_whole) => is_whole,
            Err(error) => {
                let reason = damage(error)?;
                self.hand_in(path, Arc::new(held), Role::Rest(reason));
                return Ok(());
            }
        };
        let bytes = size.unwrap_or(held.len() as u64);
        let openable = match inside(&held) {
            Inside::Archive(openable) if depth > 0 => openable,
            other => {
                match other {
                    Inside::Nothing => {}
                    Inside::Archive(_) => {
                        let reason =
                            format!("it is nested deeper than {} archives (`--depth`)", self.settings.depth);
                        self.closed(path.clone(), bytes, reason);
                    }
                    Inside::Closed(what) => {
                        self.closed(path.clone(), bytes, format!("sealift does not open {what}"));
                    }
                }
                if is_whole {
                    self.hand_in(path, Arc::new(held), Role::Leaf);
                    return Ok(());
                }
                return self.desk.stream(self.part, path, size, &mut Cursor::new(held).chain(source));
            }
        };
        if is_whole || openable == Openable::Zip {
            self.held(path, size, held, is_whole, source, openable, depth - 1)
        } else {
            self.streamed(path, size, &mut Cursor::new(held).chain(source), openable, depth - 1)
        }
    }

    /// An archive that is small enough to be held, or has to be.
    #[allow(clippy::too_many_arguments, reason = "all of them say how far a leaf was read")]
    fn held(
        &mut self,
        path: String,
        size: Option<u64>,
        mut held: Vec<u8>,
        mut is_whole: bool,
        source: &mut dyn Read,
        openable: Openable,
        depth: u32,
    ) -> io::Result<()> {
        let most = self.settings.bounds.zip_held.saturating_sub(self.zip_held);
        if !is_whole && size.is_none_or(|size| size <= most as u64) {
            is_whole = match fill(&mut held, most, source) {
                Ok(is_whole) => is_whole,
                Err(error) => {
                    let reason = damage(error)?;
                    self.hand_in(path, Arc::new(held), Role::Rest(reason));
                    return Ok(());
                }
            };
        }
        if !is_whole {
            let reason = format!("it is a zip, and those are held in memory up to {most} bytes");
            self.closed(path.clone(), size.unwrap_or(held.len() as u64), reason);
            return self.desk.stream(self.part, path, size, &mut Cursor::new(held).chain(source));
        }
        self.zip_held += held.len();
        let held = Arc::new(held);
        let outcome = match openable {
            Openable::Zip => self.zip(&path, &held, depth),
            Openable::Gzip | Openable::Zstd | Openable::Tar | Openable::Ar => {
                self.open(&path, held.len() as u64, openable, &mut held.as_slice(), depth)
            }
        };
        self.zip_held -= held.len();
        let role = match outcome? {
            None => Role::Opened,
            Some(reason) => {
                self.closed(path.clone(), held.len() as u64, reason);
                Role::Leaf
            }
        };
        self.hand_in(path, held, role);
        Ok(())
    }

    /// An archive that is opened while it goes by, and so is not fed as it is.
    fn streamed(
        &mut self,
        path: String,
        size: Option<u64>,
        source: &mut dyn Read,
        openable: Openable,
        depth: u32,
    ) -> io::Result<()> {
        let mut counted = Counted { source, count: 0 };
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
        let ceiling = any.saturating_add(stored.saturating_mul(each));
        let mut bounded = Bounded::new(source, ceiling, Rc::clone(&self.all));
        let mut head = Vec::new();
        if let Err(error) = fill(&mut head, HEAD, &mut bounded) {
            damage(error)?;
        }
        let is_tar = matches!(inside(&head), Inside::Archive(Openable::Tar));
        let rest: &mut dyn Read = &mut Cursor::new(head).chain(&mut bounded);
        let stopped = if is_tar {
            self.tar(path, rest, depth)?
        } else {
            self.leaf(joined(path, '!', &member_name(path)), None, rest, depth)?;
            None
        };
        // To the end, where checksums are and what stands behind them.
        if let Err(error) = io::copy(&mut bounded, &mut io::sink()) {
            damage(error)?;
        }
        Ok(bounded.stopped.or(stopped))
    }

    fn tar(&mut self, path: &str, source: impl Read, depth: u32) -> io::Result<Option<String>> {
        let mut members = Members { feeder: self, container: path, separator: '!', depth, count: 0 };
        // Its bytes are within the ceilings of whatever holds it.
        let walked = walk(source, u64::MAX, &mut members)?;
        let trailing = walked.oddities.into_iter().find(|oddity| oddity.kind == Kind::ArchiveTrailing);
        Ok(walked.stopped.or(trailing.map(|oddity| oddity.detail)))
    }

    /// Opens an `ar`, as packages of Debian and static libraries are; says why it was not opened to its end.
    ///
    /// A mark, then members: sixty bytes of header, the content, and a byte where that is odd (ar(5)).
    fn ar(&mut self, path: &str, mut source: impl Read, depth: u32) -> io::Result<Option<String>> {
        let cut = || Ok(Some("it is damaged: it ends in the middle of a member".to_owned()));
        let mut skipped = 8;
        let mut number = 0_u64;
        loop {
            let mut header = Vec::new();
            if let Err(error) = Read::take(&mut source, skipped).read_to_end(&mut header).and_then(|_| {
                header.clear();
                Read::take(&mut source, AR_HEADER as u64).read_to_end(&mut header)
            }) {
                return damage(error).map(Some);
            }
            let (name, size) = match (header.len(), header.get(..16), header.get(48..58), header.get(58..)) {
                (0, ..) => return Ok(None),
                (AR_HEADER, Some(name), Some(size), Some(b"`\n")) => (name, std::str::from_utf8(size)),
                (AR_HEADER, ..) => return Ok(Some("it is damaged: a header is none".to_owned())),
                _ => return cut(),
            };
            let Some(size) = size.ok().and_then(|size| size.trim_end().parse::<u64>().ok()) else {
                return Ok(Some("it is damaged: the size of a member is no number".to_owned()));
            };
            number += 1;
            // Long names lie elsewhere in the archive; the number tells members apart.
            let name = format!("{number}:{}", text(name).trim_end_matches([' ', '/']));
            let mut member = Read::take(&mut source, size);
            self.leaf(joined(path, '!', &name), Some(size), &mut member, depth)?;
            if let Err(error) = io::copy(&mut member, &mut io::sink()) {
                return damage(error).map(Some);
            }
            if member.limit() > 0 {
                return cut();
            }
            skipped = size % 2;
        }
    }

    /// Opens a ZIP; says why it was not opened to its end.
    fn zip(&mut self, path: &str, bytes: &[u8], depth: u32) -> io::Result<Option<String>> {
        let most = self.settings.bounds.zip_members;
        // Before anything is made of its directory: each of its entries has this mark.
        if memmem::find_iter(bytes, ZIP_ENTRY).nth(most).is_some() {
            return Ok(Some(format!("it has more than {most} members")));
        }
        let mut archive = match zip::ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => archive,
            Err(error) => return Ok(Some(zip_reason(&error))),
        };
        match archive.has_overlapping_entries() {
            Ok(false) => {}
            Ok(true) => return Ok(Some("members of it share bytes, as in a bomb".to_owned())),
            Err(error) => return Ok(Some(zip_reason(&error))),
        }
        // Doubled names, members that the directory leaves out: programs differ in what they see.
        let mut stopped = archive.validate_header_consistency().err().map(|error| zip_reason(&error));
        let (any, each) = self.settings.bounds.archive;
        let own = Rc::new(Cell::new(any.saturating_add((bytes.len() as u64).saturating_mul(each))));
        for number in 0..archive.len() {
            (self.stop)()?;
            let raw = match archive.by_index_raw(number) {
                Ok(raw) => raw,
                Err(error) => {
                    stopped.get_or_insert(zip_reason(&error));
                    continue;
                }
            };
            if raw.is_dir() && raw.size() == 0 {
                continue;
            }
            let (size, stored) = (raw.size(), raw.compressed_size());
            let name = joined(path, '!', &text(raw.name_raw()));
            let unreadable = if raw.encrypted() { Some("it is encrypted".to_owned()) } else { None };
            drop(raw);
            let member = match (unreadable, archive.by_index(number)) {
                (None, Ok(member)) => member,
                (reason, outcome) => {
                    let reason = reason.or(outcome.err().map(|error| zip_reason(&error))).unwrap_or_default();
                    self.desk.count(|tally| tally.missed(self.part, name, stored, reason));
                    continue;
                }
            };
            // The size in the directory is a claim; what comes is counted.
            let left = own.get();
            let mut bounded =
                Bounded::new(Bounded::new(member, left, Rc::clone(&own)), size, Rc::clone(&self.all));
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

    fn hand_in(&self, path: String, bytes: Arc<Vec<u8>>, role: Role) {
        self.desk.hand_in(Job { part: self.part, path, bytes, role });
    }

    fn closed(&self, path: String, bytes: u64, reason: String) {
        self.desk.count(|tally| tally.left_closed(self.part, path, bytes, reason));
    }
}

fn zip_reason(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            "it is encrypted".to_owned()
        }
        other => format!("it is damaged, or of a kind that sealift does not open: {other}"),
    }
}

/// Counts what it reads.
struct Counted<'a> {
    source: &'a mut dyn Read,
    count: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// The entries of a tar, as leaves.
struct Members<'f, 'a, 'p> {
    feeder: &'f mut Feeder<'a>,
    container: &'p str,
    separator: char,
    depth: u32,
    count: u64,
}

impl Visitor for Members<'_, '_, '_> {
    fn entry(&mut self, entry: Entry, body: &mut Body<'_>) -> io::Result<()> {
        self.count += 1;
        let size = body.left();
        let is_file = matches!(entry.node, Node::File(_));
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

/// The path of something in something else, of bounded length.
pub(super) fn joined(container: &str, separator: char, name: &str) -> String {
    let mut path = format!("{container}{separator}{name}");
    if path.len() > PATH {
        let cut = path.floor_char_boundary(PATH);
        path.truncate(cut);
        path.push('…');
    }
    path
}

/// What a compressed file holds, after its name: `x.gz` holds `x`.
fn member_name(path: &str) -> String {
    let name = path.rsplit(['/', '!', ':']).next().unwrap_or_default();
    let stem = name
        .rsplit_once('.')
        .filter(|(stem, ending)| !stem.is_empty() && matches!(*ending, "gz" | "zst" | "zstd"));
    stem.map_or("content", |(stem, _)| stem).to_owned()
}

#[cfg(test)]
mod tests;
