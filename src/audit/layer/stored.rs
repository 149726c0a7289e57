//! Stored blobs of a bundle, verified before they are decompressed.

use super::Failed;
use sealift_bundle::format::index::Blob;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::{OpenBundle, Proof};
use std::io::{self, Read};

/// A proved blob, read from front to back.
///
/// Its digest was right before anything takes a byte of it for what it says it is, and each piece is compared again when it
/// is read: anyone who can write to the file cannot show one content to the digest and another one here.
#[derive(Clone)]
pub(crate) struct Stored<'a> {
    place: &'a OpenBundle<'a>,
    proof: Proof,
    next: u64,
    piece: io::Cursor<Vec<u8>>,
}

impl<'a> Stored<'a> {
    /// Compares a blob with its digest.
    pub(crate) fn prove(place: &'a OpenBundle<'a>, blob: Blob) -> Result<Self, TrustError> {
        Ok(Self { place, proof: place.prove(blob)?, next: 0, piece: io::Cursor::default() })
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        let piece = self.place.read_again(&self.proof, self.next).map_err(Failed::on_the_way)?;
        self.next += piece.len() as u64;
        self.piece = io::Cursor::new(piece.to_vec());
        self.piece.read(buffer)
    }
}
