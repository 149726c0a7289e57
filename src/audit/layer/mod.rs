//! Reads layers of images and trees as data.
//!
//! Nothing here writes: paths, links and devices of a layer are reported, never followed. Where programs read an
//! archive differently, this reads it like Go's `archive/tar`, which Docker, containerd and Podman use, and reports
//! it.

mod compression;
mod field;
mod header;
mod pax;
mod stored;
mod stream;

pub use compression::Compression;
pub(crate) use header::text;
pub use header::{TarEntry, TarNode};
pub(crate) use stored::Stored;
pub use stream::EntryContent;

use super::analysis::anomaly::{Anomaly, AnomalyKind};
use header::{Extended, Next};
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::digest::Digest;
use std::io::{self, Read};
use stream::LayerStream;

/// Entries of one layer that are looked at: as many as a tree of a bundle may have.
const ENTRIES: usize = 1 << 20;
/// Bytes of their paths and of what links lead to, together: a hundred for each of a million entries, and some.
const NAMES: usize = 128 << 20;
/// Decompressed bytes of a layer that are looked at in any case, and for each byte as stored beyond: DEFLATE makes at most
/// 1,032 of one (RFC 1951), real layers hardly ever more than 20.
const BYTES: (u64, u64) = (1 << 30, 100);

/// Takes what a layer holds, entry by entry.
pub trait Visitor {
    /// The next entry; what of `body` is not read is passed over.
    ///
    /// An error is one of reading; it ends the walk.
    fn entry(&mut self, entry: TarEntry, body: &mut EntryContent<'_>) -> io::Result<()>;
}

/// What was learned of a layer as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// How it was compressed.
    pub compression: Compression,
    /// Bytes when decompressed, so far as they were read.
    pub size: u64,
    /// What they hash to; `None` when they were not read to the end.
    pub diff_id: Option<Digest>,
    /// What is odd about the archive as a whole.
    pub anomalies: Vec<Anomaly>,
    /// Why the archive was not read to its end, if it was not.
    pub stopped: Option<String>,
}

/// Reads a layer of `stored` bytes.
///
/// Damage ends the walk and is told in [`Walked::stopped`]; an error comes only from `source` or the visitor.
pub fn walk(source: impl Read, stored: u64, visitor: &mut impl Visitor) -> io::Result<Walked> {
    let (compression, decoded) = compression::decoded(source)?;
    let mut stream = LayerStream::new(decoded, BYTES.0.saturating_add(stored.saturating_mul(BYTES.1)));
    let mut anomalies = Vec::new();
    let outcome = entries(&mut stream, visitor, &mut anomalies);
    let mut stopped = match outcome {
        Ok(()) => None,
        Err(Stop::Damage(reason)) => Some(reason),
        Err(Stop::Read(error)) => Some(stream::damage(error)?),
    };
    // To the end all the same: the digest of the whole is what the configuration of an image names.
    match stream.drain() {
        Ok(filled) => {
            if filled > 0 && stopped.is_none() {
                let detail = format!("{filled} bytes that are not zero stand behind the end of the archive");
                anomalies.push(Anomaly::new(AnomalyKind::ArchiveTrailing, "", detail));
            }
        }
        Err(error) => {
            let reason = stream::damage(error)?;
            stopped.get_or_insert(reason);
        }
    }
    let (size, diff_id) = stream.finish();
    Ok(Walked { compression, size, diff_id, anomalies, stopped })
}

/// An error of the medium or of who looks on, on its way through `io::Error`: no damage to the layer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Failed(pub Box<dyn std::error::Error + Send + Sync>);

impl Failed {
    /// Wraps an error for the way.
    pub(crate) fn on_the_way(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
        io::Error::other(Self(Box::new(error)))
    }

    /// The error of a bundle at the end of its way; any other comes out as one of reading.
    pub(crate) fn arrived(error: io::Error) -> Result<TrustError, io::Error> {
        let Self(inner) = error.downcast::<Self>()?;
        inner.downcast().map(|error: Box<TrustError>| *error).map_err(io::Error::other)
    }
}

/// Why a walk ends before the end.
enum Stop {
    /// What was read makes no sense.
    Damage(String),
    /// Reading, decompressing or the visitor failed.
    Read(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn entries<R: Read>(
    stream: &mut LayerStream<R>,
    visitor: &mut impl Visitor,
    anomalies: &mut Vec<Anomaly>,
) -> Result<(), Stop> {
    let mut extended = Extended::default();
    let mut names: usize = 0;
    for _ in 0..ENTRIES {
        match header::next(stream, &mut extended, anomalies).map_err(|stop| stop.at(stream.position()))? {
            Next::Entry(entry, size) => {
                names += entry.path.len() + entry.node.target().len();
                if names > NAMES {
                    return Err(Stop::Damage(format!("its paths have more than {NAMES} bytes together")));
                }
                let mut body = EntryContent::new(stream, size);
                visitor.entry(entry, &mut body)?;
                body.skip()?;
            }
            Next::End => return Ok(()),
        }
    }
    Err(Stop::Damage(format!("it has more than {ENTRIES} entries")))
}

impl Stop {
    fn at(self, position: u64) -> Self {
        match self {
            Self::Damage(reason) => Self::Damage(format!("{reason} (before byte {position} of the archive)")),
            read @ Self::Read(_) => read,
        }
    }
}

#[cfg(test)]
mod tests;
