//! Inventories: what a tree holds and which frames it is made of.
//!
//! An inventory is JSON lines in two zstd frames, so that `zstd -dc` shows it to anybody: first the entries,
//! which are known before anything is compressed, then the frames.

use super::entry::Entry;
use super::error::BundleError;
use super::frame::{self, Frame};
use super::tree::{Tree, TreeObjection};
use crate::value::canonical::{self, CanonicalError};
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use crate::value::rel_path::Names;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{self, BufRead, BufReader, Read as _};

/// Media type of an inventory.
pub const MEDIA_TYPE: &str = "application/vnd.sealift.inventory.v1+zstd";

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

/// The first zstd frame of an inventory: the entries.
pub fn encode_entries(tree: &Tree) -> Result<Vec<u8>, BundleError> {
    packed(&EntriesHead::of(tree), tree.entries())
}

/// What a tree holds, whatever frames it is cut into: SHA-256 of the first frame of its inventory, decoded.
pub fn content_digest(tree: &Tree) -> Result<Digest, BundleError> {
    let mut hasher = Hasher::new();
    lines(&EntriesHead::of(tree), tree.entries(), |text| {
        hasher.update(text);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// The second zstd frame of an inventory: the frames.
pub fn encode_frames(frames: &[Frame]) -> Result<Vec<u8>, BundleError> {
    packed(&FramesHead { frames: frames.len() as u64 }, frames)
}

/// The most bytes that the second frame can have for so many frames.
#[must_use]
pub fn most_frame_bytes(frames: u64) -> u64 {
    // The longest line names three numbers of 16 digits and a digest; zstd never adds more than 1/128 and a header.
    let text = 64 + frames * 160;
    text + text / 128 + 512
}

fn packed<H: Serialize, T: Serialize>(head: &H, rows: &[T]) -> Result<Vec<u8>, BundleError> {
    let memory = |source| BundleError::Read { what: "memory".to_owned(), source };
    let mut packed = zstd::stream::Encoder::new(Vec::new(), LEVEL).map_err(memory)?;
    packed.include_checksum(false).map_err(memory)?;
    lines(head, rows, |text| io::Write::write_all(&mut packed, text).map_err(memory))?;
    packed.finish().map_err(memory)
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

impl Inventory {
    /// Reads an inventory whose stored bytes are already known to be the signed ones.
    ///
    /// `layer` is the size of the layer that the manifest states.
    pub fn parse(stored: &[u8], item: &str, layer: u64, limits: &Limits) -> Result<Self, BundleError> {
        let document = format!("the inventory of `{item}`");
        let ceiling = limits.inventory;
        if stored.len() as u64 > ceiling {
            return Err(BundleError::Limit { what: document, found: stored.len() as u64, ceiling });
        }
        let wrong = |reason: String| BundleError::Format { document: document.clone(), reason };
        let split = zstd::zstd_safe::find_frame_compressed_size(stored)
            .map_err(|code| wrong(zstd::zstd_safe::get_error_name(code).to_owned()))?;
        let (first, second) =
            stored.split_at_checked(split).ok_or_else(|| wrong("it is cut off".to_owned()))?;
        let one = zstd::zstd_safe::find_frame_compressed_size(second)
            .map_err(|code| wrong(zstd::zstd_safe::get_error_name(code).to_owned()))?;
        if one != second.len() {
            return Err(wrong("there is something behind its second frame".to_owned()));
        }
        let count = |what: &str, found: u64, ceiling: usize| {
            let fits = usize::try_from(found).ok().filter(|found| *found <= ceiling);
            fits.ok_or_else(|| BundleError::Limit {
                what: format!("{what} of `{item}`"),
                found,
                ceiling: ceiling as u64,
            })
        };

        let mut reader = Lines::new(first, &document, limits)?;
        let head: EntriesHead = reader.next()?;
        if head.inventory != 1 {
            return Err(BundleError::Version { document: "an inventory", found: head.inventory.to_string() });
        }
        let names = head.names;
        let entries: Vec<Entry> = reader.take(count("entries", head.entries, limits.entries)?)?;
        let mut reader = Lines::new(second, &document, limits)?;
        let head: FramesHead = reader.next()?;
        let frames: Vec<Frame> = reader.take(count("frames", head.frames, limits.frames)?)?;

        let tree = Tree::with_names(entries, names, limits).map_err(|source| match source.reason {
            // As any other text that is no path of such a tree.
            TreeObjection::Name(_) => wrong(source.to_string()),
            _ => BundleError::Tree { item: item.to_owned(), source },
        })?;
        frame::check_table(&frames, layer, tree.positions().1, limits)?;
        Ok(Self { tree, frames })
    }
}

/// JSON lines out of one zstd frame, each in canonical form, each bounded, none read ahead of its limit.
struct Lines<'a> {
    text: BufReader<zstd::stream::Decoder<'static, &'a [u8]>>,
    document: &'a str,
    limits: &'a Limits,
    line: Vec<u8>,
    /// Bytes of lines that may still come.
    left: u64,
}

impl<'a> Lines<'a> {
    fn new(frame: &'a [u8], document: &'a str, limits: &'a Limits) -> Result<Self, BundleError> {
        let wrong = |error: io::Error| BundleError::Format {
            document: document.to_owned(),
            reason: error.to_string(),
        };
        let mut decoder = zstd::stream::Decoder::with_buffer(frame).map_err(wrong)?.single_frame();
        decoder.window_log_max(limits.window.ilog2()).map_err(wrong)?;
        Ok(Self {
            text: BufReader::with_capacity(64 << 10, decoder),
            document,
            limits,
            line: Vec::new(),
            left: limits.inventory_text,
        })
    }

    fn next<T: Serialize + DeserializeOwned>(&mut self) -> Result<T, BundleError> {
        let ceiling = self.limits.line as u64;
        let wrong = |reason: String| BundleError::Format { document: self.document.to_owned(), reason };
        self.line.clear();
        let mut bounded = (&mut self.text).take(ceiling + 1);
        bounded.read_until(b'\n', &mut self.line).map_err(|error| wrong(error.to_string()))?;
        let read = self.line.len() as u64;
        self.left = self.left.checked_sub(read).ok_or_else(|| BundleError::Limit {
            what: format!("bytes of {} when decoded", self.document),
            found: self.limits.inventory_text + 1,
            ceiling: self.limits.inventory_text,
        })?;
        if self.line.pop() != Some(b'\n') {
            let reason = format!("it ends early, or a line has more than {ceiling} bytes");
            return Err(wrong(reason));
        }
        canonical::decode(&self.line, ceiling).map_err(|source: CanonicalError| BundleError::Canonical {
            document: self.document.to_owned(),
            source,
        })
    }

    /// Exactly `count` lines and nothing behind them.
    fn take<T: Serialize + DeserializeOwned>(&mut self, count: usize) -> Result<Vec<T>, BundleError> {
        // No capacity in advance: the count is a claim until the lines are there.
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(self.next()?);
        }
        match self.text.fill_buf() {
            Ok([]) => Ok(rows),
            Ok(_) | Err(_) => Err(BundleError::Format {
                document: self.document.to_owned(),
                reason: format!("there is something behind its {count} lines"),
            }),
        }
    }
}
