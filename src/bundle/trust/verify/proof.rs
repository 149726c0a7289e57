//! Blobs that are read twice: once to verify their digest, and once to use their content.

use super::{Depth, Looking, Receiver, SharedInventory, Verified};
use crate::format::BundleError;
use crate::format::blob_order::Contents;
use crate::format::entry::Entry;
use crate::format::index::Blob;
use crate::format::marks::Marks;
use crate::format::member::blob_name;
use crate::trust::TrustError;
use crate::value::digest::Digest;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

/// A blob of which every byte was compared with its digest, and what it takes to recognize each piece of it later.
#[derive(Clone)]
pub struct Proof {
    blob: Blob,
    marks: Arc<Marks>,
}

impl Proof {
    pub(super) fn new(blob: Blob, marks: Marks) -> Self {
        Self { blob, marks: Arc::new(marks) }
    }

    /// The blob.
    #[must_use]
    pub fn blob(&self) -> Blob {
        self.blob
    }

    /// Bytes of the blob, which begins at `offset` of the file, from its byte `at` on; none at its end.
    pub(super) fn read_again(
        &self,
        file: &File,
        offset: u64,
        at: u64,
    ) -> Result<Verified<Vec<u8>>, BundleError> {
        Ok(Verified(self.marks.read_again(file, &blob_name(&self.blob.digest), offset, at)?))
    }
}

/// The proofs of a bundle.
#[derive(Default)]
pub struct Proofs(Mutex<HashMap<Digest, Proof>>);

impl Proofs {
    pub(super) fn keep(&self, proof: Proof) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(proof.blob.digest, proof);
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Proof> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

/// Keeps nothing but the proofs.
pub(super) struct Proving {
    pub(super) depth: Depth,
    pub(super) proofs: Proofs,
}

impl Receiver for Proving {
    type Error = TrustError;
    type File = Looking;
    type Blob = Looking;

    fn depth(&self) -> Depth {
        self.depth
    }

    fn takes_content(&self) -> bool {
        false
    }

    fn begin(&self, _: &Verified<Contents>, _: &[SharedInventory]) -> Result<(), TrustError> {
        Ok(())
    }

    fn create(&self, _: usize, _: &Entry) -> Result<Looking, TrustError> {
        Ok(Looking(self.depth))
    }

    fn blob(&self, _: &Blob) -> Result<Option<Looking>, TrustError> {
        Ok(None)
    }

    fn proofs(&self) -> Option<&Proofs> {
        Some(&self.proofs)
    }
}
