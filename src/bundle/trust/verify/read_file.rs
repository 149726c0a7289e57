//! Reads a single file of a bundle into memory.

use super::{OpenBundle, Sink, Verified};
use crate::format::BundleError;
use crate::inspect::{InspectError, cat};
use crate::trust::TrustError;

/// Keeps what a file holds, up to a limit.
struct Memory<'a> {
    bytes: &'a mut Vec<u8>,
    limit: u64,
}

impl OpenBundle<'_> {
    /// Reads one file of an item into memory. A file of more than `limit` bytes is an error: read that with [`cat`],
    /// piece by piece.
    pub fn read_file(&self, item: &str, path: &str, limit: u64) -> Result<Verified<Vec<u8>>, InspectError> {
        let mut bytes = Vec::new();
        cat(self, item, path, Memory { bytes: &mut bytes, limit })?;
        Ok(Verified(bytes))
    }
}

impl Sink for Memory<'_> {
    type Error = InspectError;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), InspectError> {
        let found = (self.bytes.len() + piece.len()) as u64;
        if found > self.limit {
            let what = "bytes of the file".to_owned();
            let error = BundleError::Limit { what, found, limit: self.limit };
            return Err(InspectError::Trust(TrustError::from(error)));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    fn finish(self) -> Result<(), InspectError> {
        Ok(())
    }
}
