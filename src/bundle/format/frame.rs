//! Frames: the zstd-compressed pieces of a tree's tar stream.

use super::error::BundleError;
use crate::value::digest::{Digest, bare};
use crate::value::limits::Limits;
use serde::{Deserialize, Serialize};
use std::io;
use zstd::zstd_safe::CParameter;

/// zstd level; with `TABLES` part of the format's promise that packing twice gives equal bytes.
const LEVEL: i32 = 3;
/// What differs from the level's own parameters: tables of 256 KiB that stay in the processor's cache, and matches
/// from 6 bytes on. Measured on 600 MB of documents, binaries and text: 0.84 of the time, 0.995 of the bytes.
const TABLES: [CParameter; 4] =
    [WINDOW, CParameter::HashLog(16), CParameter::ChainLog(16), CParameter::MinMatch(6)];
/// No piece is longer, so zstd makes every frame a single segment: its window is its content, and no match can reach
/// behind it. Decoders do not agree on what such a match means (FORMAT.md, 6.5).
pub(super) const WINDOW: CParameter = CParameter::WindowLog(23);
/// A piece whose samples do not shrink below 31/32 is stored.
const PROBE: usize = 16 << 10;
/// RFC 8878, section 3.1.1.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878, section 3.1.1.2.4: a block holds at most 128 KiB.
const BLOCK: usize = 128 << 10;

/// One piece of a tree's tar stream, as the inventory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Where it begins in the layer.
    pub offset: u64,
    /// Its bytes as stored.
    pub stored: u64,
    /// Its bytes when decoded.
    pub size: u64,
    /// Digest of the bytes as stored.
    #[serde(with = "bare")]
    pub sha256: Digest,
}

/// Makes frames; keeps the compressor's memory from one to the next.
pub struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
    probe: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    /// An encoder for one thread.
    pub fn new() -> io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(LEVEL)?;
        for parameter in TABLES {
            zstd.set_parameter(parameter)?;
        }
        Ok(Self { zstd, probe: zstd::bulk::Compressor::new(1)? })
    }

    /// One zstd frame of the piece: compressed, or in raw blocks where compressing would not pay.
    pub fn encode(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        if self.shrinks(piece)? { self.compress(piece) } else { Ok(store(piece)) }
    }

    /// A frame of a piece that [shrinks](Self::shrinks).
    pub(crate) fn compress(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let frame = self.zstd.compress(piece)?;
        Ok(if frame.len() < stored_len(piece.len()) { frame } else { store(piece) })
    }

    /// Whether samples from the beginning, the middle and the end shrink. Compressing what is already
    /// compressed costs 275 s of CPU for 1.9 % on gzip layers, and gains nothing at level 3.
    pub(crate) fn shrinks(&mut self, piece: &[u8]) -> io::Result<bool> {
        if piece.len() < 8 * PROBE {
            return Ok(true);
        }
        let spots = [0, piece.len() / 4, piece.len() / 2, piece.len() / 4 * 3, piece.len() - PROBE];
        for at in spots {
            let sample = piece.get(at..at + PROBE).unwrap_or_default();
            if self.probe.compress(sample)?.len() < PROBE / 32 * 31 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const fn stored_len(len: usize) -> usize {
    9 + len + 3 * if len == 0 { 1 } else { len.div_ceil(BLOCK) }
}

/// Everything that decides which frame is made of a piece.
pub(crate) fn parameters() -> String {
    format!("level {LEVEL}, {TABLES:?}, zstd {}", zstd::zstd_safe::version_number())
}

/// Bytes of the longest frame of a piece.
pub(crate) const LONGEST: usize = stored_len(8 << 20);

/// A frame of raw blocks: a single segment, content size in four bytes (RFC 8878, sections 3.1.1.1 and 3.1.1.2).
pub(crate) fn store(piece: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(stored_len(piece.len()));
    frame.extend(MAGIC);
    frame.push(0b1010_0000);
    // A piece has at most 8 MiB.
    frame.extend(u32::try_from(piece.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut blocks = piece.chunks(BLOCK).peekable();
    if piece.is_empty() {
        frame.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let head = u32::try_from(block.len()).unwrap_or(u32::MAX) << 3 | u32::from(blocks.peek().is_none());
        frame.extend(head.to_le_bytes().iter().take(3));
        frame.extend(block);
    }
    frame
}

/// Reads frames back; keeps the decompressor's memory from one to the next.
pub(crate) struct Decoder(zstd::zstd_safe::DCtx<'static>);

impl Decoder {
    /// A decoder for one thread.
    pub(crate) fn new() -> io::Result<Self> {
        zstd::zstd_safe::DCtx::try_create().map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// The content of a frame whose stored bytes are already known to be the signed ones.
    ///
    /// `stored` must be exactly one frame as FORMAT.md 6.5 allows it, whose header states exactly `size` bytes; the
    /// zstd library alone would accept several frames, skippable ones, and blocks that other decoders refuse.
    pub(crate) fn decode(&mut self, stored: &[u8], size: u64, limits: &Limits) -> Result<Vec<u8>, String> {
        let header = Header::parse(stored)?;
        if header.content != size {
            return Err(format!("its header states {} bytes, expected {size}", header.content));
        }
        if size > limits.frame {
            return Err(format!("it has {size} bytes, the limit is {}", limits.frame));
        }
        let behind = stored.len().saturating_sub(header.check_blocks(stored)?);
        if behind != 0 {
            return Err(format!("there are {behind} bytes behind it"));
        }
        let size = usize::try_from(size).map_err(|_| "it does not fit into memory".to_owned())?;
        let content = self.decompress(stored, header.len, size)?;
        if content.len() == size {
            Ok(content)
        } else {
            Err(format!("it holds {} bytes, expected {size}", content.len()))
        }
    }

    /// Decodes in zstd's streaming mode: only that refuses a compressed block that makes more than a block may hold.
    ///
    /// The library takes a short cut without that check where it sees a whole frame at once, so the header goes first.
    fn decompress(&mut self, stored: &[u8], header: usize, size: usize) -> Result<Vec<u8>, String> {
        use zstd::zstd_safe::{InBuffer, OutBuffer, ResetDirective, get_error_name};
        let failed = |code| get_error_name(code).to_owned();
        self.0.reset(ResetDirective::SessionOnly).map_err(failed)?;
        let mut content = vec![0; size];
        let mut output = OutBuffer::around(content.as_mut_slice());
        let (header, blocks) = stored.split_at_checked(header).ok_or("it is cut off in its header")?;
        self.0.decompress_stream(&mut output, &mut InBuffer::around(header)).map_err(failed)?;
        let mut input = InBuffer::around(blocks);
        loop {
            let before = (input.pos(), output.pos());
            match self.0.decompress_stream(&mut output, &mut input).map_err(failed)? {
                0 => break,
                _ if before == (input.pos(), output.pos()) => {
                    return Err(format!("it does not end with {size} bytes"));
                }
                _ => {}
            }
        }
        if input.pos() != blocks.len() {
            return Err("it ends before its last block".to_owned());
        }
        let made = output.pos();
        content.truncate(made);
        Ok(content)
    }
}

/// The first frame of `stored`, and the bytes it holds when decoded.
pub(super) fn first(stored: &[u8]) -> Result<(&[u8], u64), String> {
    let header = Header::parse(stored)?;
    let frame = stored.get(..header.check_blocks(stored)?).ok_or("it is cut off")?;
    Ok((frame, header.content))
}

/// What a frame says of itself (RFC 8878, section 3.1.1.1), as far as this format allows it to.
struct Header {
    /// Its own bytes.
    len: usize,
    /// Bytes of the content, which are also those of the window.
    content: u64,
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, String> {
        let rest = frame.strip_prefix(&MAGIC).ok_or("it does not begin like a zstd frame")?;
        let (descriptor, rest) = rest.split_first().ok_or("it is cut off in its header")?;
        if descriptor & 0b0001_1000 != 0 {
            return Err("it uses a reserved bit or the unused one".to_owned());
        }
        if descriptor & 0b0000_0111 != 0 {
            return Err(
                "it has a checksum or a dictionary, and frames of this format have neither".to_owned()
            );
        }
        if descriptor & 0b0010_0000 == 0 {
            return Err("it is not a single segment, so its window is not its content".to_owned());
        }
        let (bytes, bias) = match descriptor >> 6 {
            0 => (1, 0),
            1 => (2, 256),
            2 => (4, 0),
            _ => (8, 0),
        };
        let field = rest.get(..bytes).ok_or("it is cut off in its header")?;
        let content = field.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let content = content.checked_add(bias).ok_or("its content size overflows")?;
        Ok(Self { len: MAGIC.len() + 1 + bytes, content })
    }

    /// Walks the blocks and says where the frame ends. Each block keeps to `Block_Maximum_Size` (RFC 8878, section
    /// 3.1.1.2.4), as it is stored and, if it is raw or of one byte, as it is decoded.
    fn check_blocks(&self, frame: &[u8]) -> Result<usize, String> {
        let most = self.content.min(BLOCK as u64);
        let mut at = self.len;
        loop {
            let head = frame.get(at..).and_then(|rest| rest.first_chunk::<3>()).ok_or("it is cut off")?;
            let [low, middle, high] = *head;
            let head = u32::from_le_bytes([low, middle, high, 0]);
            let size = head >> 3;
            if u64::from(size) > most {
                return Err(format!("a block has {size} bytes, the limit is {most}"));
            }
            let stored = match head >> 1 & 3 {
                1 => 1,
                0 | 2 => usize::try_from(size).map_err(|_| "it does not fit into memory".to_owned())?,
                _ => return Err("it has a block of a reserved type".to_owned()),
            };
            at = at.saturating_add(3).saturating_add(stored);
            if at > frame.len() {
                return Err("it is cut off".to_owned());
            }
            if head & 1 == 1 {
                return Ok(at);
            }
        }
    }
}

/// Frames must lie one behind the other, and together be the layer and the stream.
pub(crate) fn check_table(
    frames: &[Frame],
    layer: u64,
    stream: u64,
    limits: &Limits,
) -> Result<(), BundleError> {
    let wrong = |reason: String| BundleError::Format { document: "the list of frames".to_owned(), reason };
    if frames.len() > limits.frames {
        return Err(BundleError::Limit {
            what: "frames of one tree".to_owned(),
            found: frames.len() as u64,
            limit: limits.frames as u64,
        });
    }
    let (mut stored, mut size) = (0u64, 0u64);
    for (number, frame) in frames.iter().enumerate() {
        if frame.offset != stored {
            return Err(wrong(format!("frame {number} begins at {}, expected {stored}", frame.offset)));
        }
        if frame.size == 0 {
            return Err(wrong(format!("frame {number} is empty")));
        }
        for (what, found, limit) in
            [("decoded", frame.size, limits.frame), ("stored", frame.stored, limits.frame_stored)]
        {
            if found > limit {
                return Err(BundleError::Limit {
                    what: format!("bytes of frame {number} as {what}"),
                    found,
                    limit,
                });
            }
        }
        stored += frame.stored;
        size += frame.size;
    }
    for (what, found, expected) in [("the layer", stored, layer), ("the tar stream", size, stream)] {
        if found != expected {
            return Err(wrong(format!("together they have {found} bytes of {what}, expected {expected}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::chunker::tests::noise;

    fn decode(stored: &[u8], size: usize) -> Result<Vec<u8>, String> {
        Decoder::new().unwrap().decode(stored, size as u64, &Limits::v1())
    }

    #[test]
    fn pieces_come_back_compressed_or_stored() {
        let mut encoder = Encoder::new().unwrap();
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 8 << 20] {
            for piece in [noise(len), vec![b'a'; len]] {
                let frame = encoder.encode(&piece).unwrap();
                assert!(frame.len() <= stored_len(len));
                assert_eq!(decode(&frame, len).as_deref(), Ok(&piece[..]), "{len}");
                assert_eq!(decode(&store(&piece), len).as_deref(), Ok(&piece[..]), "stored {len}");
            }
        }
        assert_eq!(encoder.encode(&noise(1 << 20)).unwrap().len(), stored_len(1 << 20), "noise is stored");
    }

    #[test]
    fn z03_z04_z05_nothing_may_follow_a_frame() {
        let frame = Encoder::new().unwrap().encode(&[7; 5000]).unwrap();
        assert!(decode(&frame, 5000).is_ok());
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
        for tail in [&b"x"[..], &[0; 4], &frame, &skippable] {
            assert!(decode(&[&frame[..], tail].concat(), 5000).is_err());
            assert!(decode(&[&frame[..], tail].concat(), 10_000).is_err());
        }
        assert!(decode(&[&skippable[..], &frame].concat(), 5000).is_err());
        assert!(decode(&skippable, 0).is_err());
    }

    #[test]
    fn z02_z12_truncated_at_every_length() {
        let frame = Encoder::new().unwrap().encode(&noise(300)).unwrap();
        for len in 0..frame.len() {
            assert!(decode(&frame[..len], 300).is_err(), "{len}");
        }
    }

    #[test]
    fn z06_z07_z08_z09_z10_headers_that_lie_or_ask_for_too_much() {
        let piece = vec![b'a'; 1 << 20];
        let with = |set: &dyn Fn(&mut zstd::bulk::Compressor<'_>)| {
            let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
            set(&mut compressor);
            compressor.compress(&piece).unwrap()
        };
        let checksum = with(&|c| c.include_checksum(true).unwrap());
        assert!(decode(&checksum, piece.len()).is_err(), "Z09 checksum");
        let unsized_ = with(&|c| c.include_contentsize(false).unwrap());
        assert!(decode(&unsized_, piece.len()).is_err(), "no content size");

        let good = store(&piece);
        let window = [&MAGIC[..], &[0x80, 10 << 3], &good[5..]].concat();
        assert!(decode(&window, piece.len()).unwrap_err().contains("single segment"), "Z06");
        for lie in [0, 1, piece.len() - 1, piece.len() + 1] {
            assert!(decode(&good, lie).is_err(), "Z10 {lie}");
            let mut header = good.clone();
            header[5..9].copy_from_slice(&u32::try_from(lie).unwrap().to_le_bytes());
            assert!(decode(&header, lie).is_err(), "Z10 header {lie}");
        }
        let mut dictionary = good.clone();
        dictionary[4] |= 1;
        assert!(decode(&dictionary, piece.len()).is_err(), "Z08");
        let bomb = store(&vec![0; (8 << 20) + 1]);
        assert!(decode(&bomb, (8 << 20) + 1).unwrap_err().contains("limit"), "Z07");
    }

    #[test]
    fn f_fmt_3_2_every_frame_that_is_written_is_a_single_segment() {
        let mut encoder = Encoder::new().unwrap();
        for len in [1, 300, 3 << 20, 8 << 20] {
            let text: Vec<u8> = noise(64 << 10).into_iter().cycle().take(len).collect();
            for frame in [encoder.encode(&text).unwrap(), encoder.encode(&noise(len)).unwrap()] {
                assert_eq!(frame[4] & 0b0010_0000, 0b0010_0000, "{len}");
                assert!(decode(&frame, len).is_ok(), "{len}");
            }
        }
    }

    #[test]
    fn f_fmt_3_3_blocks_keep_to_their_maximum() {
        let frame = |size: u32, blocks: &[(u32, u32, &[u8])]| {
            let mut frame = [&MAGIC[..], &[0xa0], &size.to_le_bytes()].concat();
            for (number, (kind, len, bytes)) in blocks.iter().enumerate() {
                let head = len << 3 | kind << 1 | u32::from(number + 1 == blocks.len());
                frame.extend(&head.to_le_bytes()[..3]);
                frame.extend(*bytes);
            }
            frame
        };
        let large = noise(200_000);
        for (name, frame, size) in [
            ("raw", frame(200_000, &[(0, 200_000, &large)]), 200_000),
            ("one byte", frame(150_000, &[(1, 150_000, b"a")]), 150_000),
            ("above the content", frame(1, &[(2, 2, b"aa")]), 1),
            ("reserved", frame(1, &[(3, 1, b"a")]), 1),
        ] {
            let refused = decode(&frame, size).unwrap_err();
            assert!(refused.contains("block"), "{name}: {refused}");
        }
        let within = frame(131_073, &[(1, 131_072, b"a"), (0, 1, b"b")]);
        assert!(decode(&within, 131_073).is_ok());
    }

    /// A frame of one compressed block: `count` times one literal `x` and a match of 65,539 bytes at offset 1.
    fn long_matches(count: u8) -> (Vec<u8>, usize) {
        let mut block = vec![count << 3 | 1, b'x', count, 0x54, 1, 0, 52];
        // For each sequence 16 more bits of its match length, all zero; then the bit that ends the stream.
        block.extend(vec![0; 2 * usize::from(count)]);
        block.push(1);
        let size = 65_540 * usize::from(count);
        let head = u32::try_from(block.len()).unwrap() << 3 | 2 << 1 | 1;
        let size_field = u32::try_from(size).unwrap().to_le_bytes();
        ([&MAGIC[..], &[0xa0], &size_field, &head.to_le_bytes()[..3], &block].concat(), size)
    }

    #[test]
    fn f_fmt_3_3_a_compressed_block_makes_no_more_than_a_block_may_hold() {
        let (frame, size) = long_matches(1);
        assert_eq!(decode(&frame, size).unwrap(), vec![b'x'; size]);
        let (frame, size) = long_matches(3);
        assert!(decode(&frame, size).is_err());
    }

    #[test]
    fn z11_damaged_blocks_never_panic() {
        let frame = Encoder::new().unwrap().encode(&b"some text, some text, other text ".repeat(40)).unwrap();
        for at in 0..frame.len() {
            for flip in [1, 0x10, 0xff] {
                let mut bad = frame.clone();
                bad[at] ^= flip;
                let _ = decode(&bad, 33 * 40);
            }
        }
    }
}
