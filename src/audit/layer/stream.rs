//! The decompressed bytes of a layer as a stream, hashed while they are read.

use sealift_bundle::value::digest::{Digest, Hasher};
use std::io::{self, Read};

/// Bytes decompressed at a time.
const CHUNK: usize = 256 << 10;
/// Bytes of a tar block.
pub(super) const BLOCK: usize = 512;

/// Reads forward, within a limit.
pub(super) struct LayerStream<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    hasher: Hasher,
    limit: u64,
    taken: u64,
    is_whole: bool,
    /// Damage behind the bytes that are at hand.
    broken: Option<io::Error>,
}

impl<R: Read> LayerStream<R> {
    pub(super) fn new(source: R, limit: u64) -> Self {
        let (buffer, hasher) = (vec![0; CHUNK], Hasher::new());
        Self { source, buffer, start: 0, end: 0, hasher, limit, taken: 0, is_whole: false, broken: None }
    }

    pub(super) fn position(&self) -> u64 {
        self.taken
    }

    /// Some bytes that come next; none at the end.
    fn available(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.is_whole {
            (self.start, self.end) = (0, 0);
            if let Some(error) = self.broken.take() {
                self.broken = Some(io::Error::new(error.kind(), "it is damaged further up"));
                return Err(error);
            }
            // Hashing wants more than the few bytes that a decoder gives at a time.
            while self.end < self.buffer.len() {
                match self.source.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                    Ok(0) => {
                        self.is_whole = true;
                        break;
                    }
                    Ok(count) => self.end += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // What came before the damage is looked at first.
                    Err(error) => {
                        self.broken = Some(error);
                        break;
                    }
                }
            }
            if self.end == 0 && self.broken.is_some() {
                return self.available();
            }
            self.hasher.update(self.buffer.get(..self.end).unwrap_or_default());
            if self.hasher.count() > self.limit {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it has more than {} bytes when it is decompressed", self.limit),
                ));
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// At most `most` of the bytes that come next; none at the end.
    pub(super) fn piece(&mut self, most: u64) -> io::Result<&[u8]> {
        let count = self.available()?.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let start = self.start;
        self.start += count;
        self.taken += count as u64;
        Ok(self.buffer.get(start..start + count).unwrap_or_default())
    }

    /// Fills a block; false at a clean end.
    pub(super) fn block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            let piece = self.piece((BLOCK - filled) as u64)?;
            match block.get_mut(filled..filled + piece.len()) {
                Some(place) if !piece.is_empty() => place.copy_from_slice(piece),
                _ if filled == 0 => return Ok(false),
                _ => return Err(cut()),
            }
            filled += piece.len();
        }
        Ok(true)
    }

    /// So many bytes, held in memory, and the padding behind them; `size` has been compared with a limit.
    pub(super) fn bytes(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut body = EntryContent::new(self, size);
        while let Some(piece) = body.piece()? {
            bytes.extend_from_slice(piece);
        }
        body.skip()?;
        Ok(bytes)
    }

    /// Reads to the end; how many of the bytes were not zero.
    pub(super) fn drain(&mut self) -> io::Result<u64> {
        let mut filled = 0;
        loop {
            let piece = self.piece(u64::MAX)?;
            if piece.is_empty() {
                return Ok(filled);
            }
            filled += piece.iter().filter(|byte| **byte != 0).count() as u64;
        }
    }

    /// How many bytes were read, and what they hash to if they were all.
    pub(super) fn finish(self) -> (u64, Option<Digest>) {
        let size = self.hasher.count();
        (size, self.is_whole.then(|| self.hasher.finish()))
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle of an entry")
}

/// What damage to a layer is called. An error of the medium, or one of ours that travels through `io::Error`, stays one.
pub(super) fn damage(error: io::Error) -> io::Result<String> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::FileTooLarge => Ok(error.to_string()),
        // zstd reports all of its errors in this way.
        io::ErrorKind::Other if !is_failed(&error) => Ok(error.to_string()),
        _ => Err(error),
    }
}

fn is_failed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<super::Failed>)
}

/// Where a body gets its bytes from, whatever decodes them.
pub(super) trait Pieces {
    fn next(&mut self, most: u64) -> io::Result<&[u8]>;
}

impl<R: Read> Pieces for LayerStream<R> {
    fn next(&mut self, most: u64) -> io::Result<&[u8]> {
        self.piece(most)
    }
}

/// The content of one entry.
pub struct EntryContent<'a> {
    stream: &'a mut dyn Pieces,
    left: u64,
    padding: u64,
}

impl<'a> EntryContent<'a> {
    pub(super) fn new(stream: &'a mut dyn Pieces, size: u64) -> Self {
        Self { stream, left: size, padding: size.next_multiple_of(BLOCK as u64) - size }
    }

    /// Bytes that are still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes, as many as are at hand; nothing behind the last.
    pub fn piece(&mut self) -> io::Result<Option<&[u8]>> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = self.stream.next(self.left)?;
        if piece.is_empty() {
            return Err(cut());
        }
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }

    /// Passes over what is left, and the padding.
    pub(super) fn skip(mut self) -> io::Result<()> {
        while self.piece()?.is_some() {}
        while self.padding > 0 {
            match self.stream.next(self.padding)?.len() {
                0 => return Err(cut()),
                count => self.padding -= count as u64,
            }
        }
        Ok(())
    }
}

impl Read for EntryContent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len() as u64);
        if most == 0 {
            return Ok(0);
        }
        let piece = self.stream.next(most)?;
        let Some(place) = buffer.get_mut(..piece.len()).filter(|place| !place.is_empty()) else {
            return Err(cut());
        };
        place.copy_from_slice(piece);
        self.left -= piece.len() as u64;
        Ok(piece.len())
    }
}
