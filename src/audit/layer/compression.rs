//! Detects the compression of a layer by its first bytes, as container engines do, and not by its media type.

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// Bytes of the zstd window of a layer: what `zstd -d` takes without being told (RFC 8878, 3.1.1.1.2 recommends 8 MiB,
/// and containerd writes no more).
const WINDOW_LOG: u32 = 27;
/// Bytes by which a compression is told.
const FIRST: u64 = 4;
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// How the bytes of a layer were compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The compression that bytes begin with.
    #[must_use]
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The name as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

pub(super) enum Decoded<R: BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, R>>),
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
            Self::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

/// What is decoded: the first bytes, which were looked at, and the others.
type Source<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Looks at the first bytes and decodes.
pub(super) fn decoded<R: Read>(mut source: R) -> io::Result<(Compression, Decoded<Source<R>>)> {
    let mut first = Vec::new();
    // A pipe may give them one by one.
    source.by_ref().take(FIRST).read_to_end(&mut first)?;
    let compression = Compression::of(&first);
    let source = BufReader::with_capacity(CHUNK, Cursor::new(first).chain(source));
    let decoded = match compression {
        Compression::None => Decoded::Plain(source),
        Compression::Gzip => Decoded::Gzip(Box::new(MultiGzDecoder::new(source))),
        Compression::Zstd => {
            let mut zstd = zstd::stream::read::Decoder::with_buffer(source)?;
            zstd.window_log_max(WINDOW_LOG)?;
            Decoded::Zstd(Box::new(zstd))
        }
    };
    Ok((compression, decoded))
}
