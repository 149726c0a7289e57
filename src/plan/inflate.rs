//! Decompresses compressed archives into the store.

use super::context::{Work, open_regular};
use super::error::{PlanError, shown};
use sealift_bundle::store::StoreError;
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::progress::Progress;
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// How many times larger than the compressed file its content may be: gzip reaches 1,032.
const RATIO: u64 = 1100;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The program that undoes it.
    pub(super) const fn decompressor(self) -> &'static str {
        match self {
            Self::Gzip => "gunzip",
            Self::Zstd => "unzstd",
        }
    }
}

/// Where the content of a compressed file is in the store. It is unpacked once; what an earlier run has unpacked is
/// found again by the digest of the compressed file.
pub(super) fn inflated(path: &Path, compression: Compression, work: &Work<'_>) -> Result<PathBuf, PlanError> {
    let failed = |source| PlanError::read(path, source);
    let (compressed, size) = {
        let mut file = BoundedInflate::new(open_regular(path)?, u64::MAX, work.watch);
        let mut hasher = Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(|error| stopped(work).unwrap_or_else(|| failed(error)))?;
        (hasher.clone().finish(), hasher.count())
    };
    let memory = work.store.beside("inflated").join(compressed.hex());
    if let Some(known) = remembered(&memory, work) {
        return Ok(known);
    }
    let source = BufReader::new(Tee { inner: open_regular(path)?, hasher: Hasher::new() });
    let limit = size.saturating_mul(RATIO).saturating_add(64 << 20).min(work.limits.bytes);
    let (digest, inflated) = match compression {
        Compression::Gzip => {
            let mut content =
                BoundedInflate::new(flate2::bufread::MultiGzDecoder::new(source), limit, work.watch);
            let stored = work.store.put(&mut content, None);
            unchanged(path, content.inner.into_inner(), compressed, stored, work)?
        }
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(failed)?;
            let mut content = BoundedInflate::new(decoder, limit, work.watch);
            let stored = work.store.put(&mut content, None);
            unchanged(path, content.inner.finish(), compressed, stored, work)?
        }
    };
    let lost = || PlanError::NotStored { what: format!("the content of `{}`", shown(path)) };
    let found = work.store.get(&digest).ok_or_else(lost)?;
    // Where it cannot be written, the next run unpacks once more.
    let _ = fs::create_dir_all(work.store.beside("inflated")).and_then(|()| {
        sealift_bundle::format::atomic_file::replace(&memory, format!("{digest} {inflated}\n").as_bytes())
    });
    Ok(found)
}

/// What an earlier run has unpacked, when it is still there as a whole.
fn remembered(memory: &Path, work: &Work<'_>) -> Option<PathBuf> {
    let text = fs::read_to_string(memory).ok()?;
    let (digest, size) = text.trim_end().split_once(' ')?;
    let found = work.store.get(&digest.parse().ok()?)?;
    found.metadata().is_ok_and(|found| Some(found.len()) == size.parse().ok()).then_some(found)
}

/// What was stored, if the compressed file is still the one that was hashed.
fn unchanged(
    path: &Path,
    source: BufReader<Tee>,
    compressed: Digest,
    stored: Result<(Digest, u64), StoreError>,
    work: &Work<'_>,
) -> Result<(Digest, u64), PlanError> {
    let stored = match stored {
        Ok(stored) => stored,
        Err(StoreError::Read { source }) => {
            let reason = format!("it cannot be decompressed: {source}");
            return Err(stopped(work).unwrap_or(PlanError::Image { path: path.to_owned(), reason }));
        }
        Err(error) => return Err(error.into()),
    };
    let mut source = source.into_inner();
    io::copy(&mut source, &mut io::sink()).map_err(|error| PlanError::read(path, error))?;
    if source.hasher.finish() == compressed {
        return Ok(stored);
    }
    Err(PlanError::Changed { path: path.to_owned(), reason: "changed while it was read".to_owned() })
}

fn stopped(work: &Work<'_>) -> Option<PlanError> {
    work.watch.is_stopped().then_some(PlanError::Interrupted)
}

struct Tee {
    inner: fs::File,
    hasher: Hasher,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Ends with an error above a limit, and when the person wants to stop.
struct BoundedInflate<'a, R> {
    inner: R,
    left: u64,
    watch: &'a dyn Progress,
}

impl<'a, R> BoundedInflate<'a, R> {
    fn new(inner: R, limit: u64, watch: &'a dyn Progress) -> Self {
        Self { inner, left: limit, watch }
    }
}

impl<R: Read> Read for BoundedInflate<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_stopped() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.inner.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| {
            io::Error::other(
                "it expands to more than a thousand times its size, or to more than a bundle can hold",
            )
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::progress::NoProgress;

    #[test]
    fn f_field_r07_what_expands_too_much_is_an_error() {
        let read = |limit: u64| {
            io::copy(&mut BoundedInflate::new(&[0; 1000][..], limit, &NoProgress), &mut io::sink())
        };
        assert_eq!(read(1000).unwrap(), 1000);
        assert!(read(999).unwrap_err().to_string().contains("expands"));
    }
}
