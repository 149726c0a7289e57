//! Blobs of a bundle as they are stored, for whoever decompresses them.

use super::Failed;
use crate::bundle::index::Blob;
use crate::trust::TrustError;
use crate::trust::verify::{InPlace, Verified};
use std::io::{self, Read};

/// A proved blob, read from front to back.
#[derive(Clone)]
pub(crate) struct Stored<'a> {
    place: &'a InPlace<'a>,
    blob: Verified<Blob>,
    at: u64,
}

impl<'a> Stored<'a> {
    /// Compares a blob with its digest, before anybody takes a byte of it for what it says it is.
    pub(crate) fn prove(place: &'a InPlace<'a>, blob: Blob) -> Result<Self, TrustError> {
        Ok(Self { place, blob: place.prove(blob)?, at: 0 })
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.place.fill(&self.blob, self.at, buffer).map_err(Failed::on_the_way)?;
        self.at += count as u64;
        Ok(count)
    }
}
