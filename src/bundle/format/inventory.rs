//! Inventories: the entries of a tree, and its frames.
//!
//! An inventory is JSON lines in zstd frames, which `zstd -dc` shows: first the entries, which are known before
//! anything is compressed, then the frames.

use super::entry::Entry;
use super::error::BundleError;
use super::frame::{self, Decoder, Frame};
use super::tree::{Tree, TreeObjection};
use crate::value::canonical::{self, CanonicalError};
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use crate::value::rel_path::Names;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Media type of an inventory.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.sealift.inventory.v1+zstd";

/// zstd level of inventories. They are small; level 9 keeps 50,000 entries below 2.3 MB.
const LEVEL: i32 = 9;

/// The signed list of a tree's entries and frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The entries.
    pub tree: Tree,
    /// The frames, in the order of the layer.
    pub frames: Vec<Frame>,
}

/// First line of the entries.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntriesHead {
    inventory: u64,
    entries: u64,
    /// Said only where the names are not for every system.
    #[serde(default, skip_serializing_if = "Names::is_portable")]
    names: Names,
}

impl EntriesHead {
    fn of(tree: &Tree) -> Self {
        Self { inventory: 1, entries: tree.entries().len() as u64, names: tree.names() }
    }
}

/// First line of the frames.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FramesHead {
    frames: u64,
}

/// The first list of an inventory, compressed: the entries.
pub fn encode_entries(tree: &Tree) -> Result<Vec<u8>, BundleError> {
    packed(&EntriesHead::of(tree), tree.entries())
}

/// What a tree holds, whatever frames it is cut into: SHA-256 of the first list of its inventory, decoded.
pub fn content_digest(tree: &Tree) -> Result<Digest, BundleError> {
    let mut hasher = Hasher::new();
    lines(&EntriesHead::of(tree), tree.entries(), |text| {
        hasher.update(text);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// The second list of an inventory, compressed: the frames.
pub fn encode_frames(frames: &[Frame]) -> Result<Vec<u8>, BundleError> {
    packed(&FramesHead { frames: frames.len() as u64 }, frames)
}

/// The most bytes that the second list can have for so many frames.
#[must_use]
pub(crate) fn most_frame_bytes(frames: u64) -> u64 {
    // The longest line names three numbers of 16 digits and a digest; zstd never adds more than 1/128 and a header.
    let text = 64 + frames * 160;
    text + text / 128 + 512
}

/// Bytes of a list in each of its frames but the last.
const PIECE: usize = 8 << 20;

fn packed<H: Serialize, T: Serialize>(head: &H, rows: &[T]) -> Result<Vec<u8>, BundleError> {
    let memory = |source| BundleError::Read { what: "memory".to_owned(), source };
    let mut zstd = zstd::bulk::Compressor::new(LEVEL).map_err(memory)?;
    zstd.set_parameter(frame::WINDOW).map_err(memory)?;
    let (mut packed, mut piece) = (Vec::new(), Vec::new());
    lines(head, rows, |text| {
        piece.extend_from_slice(text);
        while let Some((full, rest)) = piece.split_at_checked(PIECE) {
            packed.extend(zstd.compress(full).map_err(memory)?);
            piece = rest.to_vec();
        }
        Ok(())
    })?;
    if !piece.is_empty() {
        packed.extend(zstd.compress(&piece).map_err(memory)?);
    }
    Ok(packed)
}

/// The lines of a list, piece by piece.
fn lines<H: Serialize, T: Serialize>(
    head: &H,
    rows: &[T],
    mut put: impl FnMut(&[u8]) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let spelling = |source| BundleError::Canonical { document: "an inventory".to_owned(), source };
    let mut text = canonical::encode(head).map_err(spelling)?;
    text.push(b'\n');
    for row in rows {
        if text.len() > 64 << 10 {
            put(&text)?;
            text.clear();
        }
        text.extend(canonical::encode(row).map_err(spelling)?);
        text.push(b'\n');
    }
    put(&text)
}

/// What the trees of a bundle have together, as far as they are known.
///
/// Items may share an inventory, so a bundle of a few hundred kilobytes could name billions of entries.
#[derive(Debug, Default)]
pub(crate) struct TreeTotals {
    entries: u64,
    frames: u64,
}

impl TreeTotals {
    /// Adds the entries and frames that so many items have each; refuses what is above the limits.
    pub(crate) fn add(
        &mut self,
        (entries, frames): (usize, usize),
        items: u64,
        limits: &Limits,
    ) -> Result<(), BundleError> {
        let sum = |before: u64, each: usize| before.saturating_add((each as u64).saturating_mul(items));
        self.entries = sum(self.entries, entries);
        self.frames = sum(self.frames, frames);
        for (what, found, limit) in
            [("entries", self.entries, limits.all_entries), ("frames", self.frames, limits.all_frames)]
        {
            if found > limit {
                let what = format!("{what} of all trees together");
                return Err(BundleError::Limit { what, found, limit });
            }
        }
        Ok(())
    }
}

impl Inventory {
    /// Entries and frames.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.tree.entries().len(), self.frames.len())
    }

    /// Reads an inventory whose stored bytes are already known to be the signed ones.
    ///
    /// `layer` is the size of the layer that the manifest states.
    pub fn parse(stored: &[u8], item: &str, layer: u64, limits: &Limits) -> Result<Self, BundleError> {
        let document = format!("the inventory of `{item}`");
        let limit = limits.inventory;
        if stored.len() as u64 > limit {
            return Err(BundleError::Limit { what: document, found: stored.len() as u64, limit });
        }
        let count = |what: &str, found: u64, limit: usize| {
            let fits = usize::try_from(found).ok().filter(|found| *found <= limit);
            fits.ok_or_else(|| BundleError::Limit {
                what: format!("{what} of `{item}`"),
                found,
                limit: limit as u64,
            })
        };

        let mut reader = LineReader::new(stored, &document, limits)?;
        let head: EntriesHead = reader.next()?;
        if head.inventory != 1 {
            return Err(BundleError::Version { document: "an inventory", found: head.inventory.to_string() });
        }
        let names = head.names;
        let entries: Vec<Entry> = reader.take(count("entries", head.entries, limits.entries)?)?;
        reader.left = limits.inventory_text;
        let head: FramesHead = reader.next()?;
        let frames: Vec<Frame> = reader.take(count("frames", head.frames, limits.frames)?)?;
        let wrong = |reason| BundleError::Format { document: document.clone(), reason };
        if !reader.stored.is_empty() {
            return Err(wrong("there is something behind its second list".to_owned()));
        }

        let tree = Tree::with_names(entries, names, limits).map_err(|source| match source.reason {
            // As any other text that is not a path of such a tree.
            TreeObjection::Name(_) => wrong(source.to_string()),
            _ => BundleError::Tree { item: item.to_owned(), source },
        })?;
        frame::check_table(&frames, layer, tree.positions().1, limits)?;
        Ok(Self { tree, frames })
    }
}

/// JSON lines out of zstd frames, each in canonical form, each bounded, none read ahead of its limit.
struct LineReader<'a> {
    /// Frames that are not decoded yet.
    stored: &'a [u8],
    decoder: Decoder,
    /// The decoded frame that is being read, and how far.
    text: Vec<u8>,
    at: usize,
    document: &'a str,
    limits: &'a Limits,
    line: Vec<u8>,
    /// Bytes of lines of this list that may still come.
    left: u64,
}

impl<'a> LineReader<'a> {
    fn new(stored: &'a [u8], document: &'a str, limits: &'a Limits) -> Result<Self, BundleError> {
        let decoder =
            Decoder::new().map_err(|source| BundleError::Read { what: "memory".to_owned(), source })?;
        let left = limits.inventory_text;
        Ok(Self { stored, decoder, text: Vec::new(), at: 0, document, limits, line: Vec::new(), left })
    }

    fn wrong(&self, reason: String) -> BundleError {
        BundleError::Format { document: self.document.to_owned(), reason }
    }

    fn decode_next_frame(&mut self) -> Result<(), BundleError> {
        let (frame, size) = frame::first(self.stored).map_err(|reason| self.wrong(reason))?;
        if size == 0 {
            return Err(self.wrong("it has an empty frame".to_owned()));
        }
        let text = self.decoder.decode(frame, size, self.limits);
        self.text = text.map_err(|reason| self.wrong(reason))?;
        self.at = 0;
        self.stored = self.stored.get(frame.len()..).unwrap_or_default();
        Ok(())
    }

    fn next<T: Serialize + DeserializeOwned>(&mut self) -> Result<T, BundleError> {
        let limit = self.limits.line as u64;
        let most = self.limits.line.saturating_add(1);
        self.line.clear();
        while self.line.last() != Some(&b'\n') {
            if self.at == self.text.len() {
                self.decode_next_frame()?;
            }
            let rest = self.text.get(self.at..).unwrap_or_default();
            let rest = rest.get(..most.saturating_sub(self.line.len())).unwrap_or(rest);
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            self.line.extend_from_slice(rest.get(..end).unwrap_or_default());
            self.at += end;
            if self.line.len() == most && self.line.last() != Some(&b'\n') {
                return Err(self.wrong(format!("a line has more than {limit} bytes")));
            }
        }
        let read = self.line.len() as u64;
        self.left = self.left.checked_sub(read).ok_or_else(|| BundleError::Limit {
            what: format!("bytes of {} when decoded", self.document),
            found: self.limits.inventory_text + 1,
            limit: self.limits.inventory_text,
        })?;
        self.line.pop();
        canonical::decode(&self.line, limit).map_err(|source: CanonicalError| BundleError::Canonical {
            document: self.document.to_owned(),
            source,
        })
    }

    /// Exactly `count` lines, the last of which ends a frame.
    fn take<T: Serialize + DeserializeOwned>(&mut self, count: usize) -> Result<Vec<T>, BundleError> {
        // No capacity in advance: the count is a claim until the lines are there.
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(self.next()?);
        }
        if self.at == self.text.len() {
            Ok(rows)
        } else {
            Err(self.wrong(format!("there is something behind its {count} lines")))
        }
    }
}
