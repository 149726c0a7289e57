//! Verification: the one place where untrusted bytes become verified ones. Start at [`verify`].
//!
//! [`Verified`] can be made only here. What writes, shows or hands on anything of a bundle takes it, and so
//! cannot be called with unverified bytes.

pub mod carrier;
mod frames;
mod open_bundle;
mod proof;
mod read_file;
mod seal;
mod stream;
mod trees;

pub use open_bundle::{BlobProgress, FramePart, OpenBundle, WholeBundle};
pub use proof::{Proof, Proofs};
pub use seal::{SealSigner, Trusted, Warning};
pub use stream::verify_contents;
pub use trees::SharedInventory;

use super::TrustError;
use super::approval::{ApprovalCheck, Approvals};
use super::chain::PinnedRoot;
use crate::format::BundleError;
use crate::format::blob_order::Contents;
use crate::format::entry::Entry;
use crate::format::index::Blob;
use crate::format::member_reader::MemberReader;
use crate::value::limits::Limits;
use crate::value::progress::{NoProgress, Progress};
use crate::value::timestamp::Timestamp;
use std::fs::File;
use std::ops::Deref;

/// A value that follows from a seal which the threshold of trusted keys has made.
///
/// ```compile_fail
/// use sealift_bundle::{trust::verify::Verified, value::digest::Digest};
/// let forged: Verified<Digest> = Verified(Digest::of(b"")); // the field is private
/// ```
/// ```
/// use sealift_bundle::{trust::verify::Verified, value::digest::Digest};
/// fn takes_proof(_: &Verified<Digest>) {}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The value, from here on without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Under which circumstances a bundle is judged and read.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    /// What the clock says.
    pub now: Timestamp,
    /// How many threads hash and decode; a pipe is read by one.
    pub threads: usize,
    /// What is asked of approvers.
    pub approvals: ApprovalCheck<'a>,
    /// The limits.
    pub limits: &'a Limits,
    /// Sees the bytes go by.
    pub watch: &'a dyn Progress,
}

impl Conditions<'static> {
    /// The strictest conditions at a moment: no approvals are at hand, the limits of format version 1, two threads.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        static NO_APPROVALS: Approvals = Approvals::none();
        static LIMITS: Limits = Limits::v1();
        Self {
            now,
            threads: 2,
            approvals: ApprovalCheck::Demanded(&NO_APPROVALS),
            limits: &LIMITS,
            watch: &NoProgress,
        }
    }
}

/// Verifies a bundle file: its seal, every stored byte, every frame and every file.
///
/// What is read from the result later is compared with what was verified here, so the file cannot become another
/// bundle meanwhile.
pub fn verify<'a>(
    file: File,
    root: &PinnedRoot,
    conditions: Conditions<'a>,
) -> Result<OpenBundle<'a>, TrustError> {
    Ok(OpenBundle::open_whole(file, root, conditions, Depth::Decoded)?.into_place())
}

/// Verifies a bundle as it comes through a pipe, or in place; keeps nothing of it.
pub fn verify_stream(
    reader: &mut MemberReader<'_>,
    root: &PinnedRoot,
    conditions: &Conditions<'_>,
    depth: Depth,
) -> Result<(Trusted, Verified<Contents>), TrustError> {
    let trusted = Trusted::open(reader, root, conditions)?;
    let contents = verify_contents(&trusted, reader, conditions, &Looking(depth))?;
    Ok((trusted, contents))
}

/// How much of a bundle someone wants to have looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The digest of every stored byte.
    Stored,
    /// As well every frame decoded and every file compared with its inventory.
    Decoded,
}

/// Someone to whom the content of a bundle goes while it is verified.
///
/// What arrives may be written to a staging place of one's own. Until [`verify_contents`] has returned, it must not appear
/// anywhere else.
pub trait Receiver: Sync {
    /// What goes wrong on this side.
    type Error: From<TrustError> + From<BundleError> + Send;
    /// Takes the content of one file of a tree.
    type File: Sink<Error = Self::Error> + Send;
    /// Takes the content of one blob of an image.
    type Blob: BlobSink<Error = Self::Error> + Send;

    /// How much of the bundle has to be verified.
    fn depth(&self) -> Depth;

    /// Whether content is wanted at all. Where it is not, nothing is held for it, and a tree that several items have is
    /// looked at once.
    fn takes_content(&self) -> bool {
        true
    }

    /// Everything but the layers is verified: the moment to look for space and to make directories. There is one
    /// inventory for each tree, in order; none at [`Depth::Stored`].
    fn begin(&self, contents: &Verified<Contents>, trees: &[SharedInventory]) -> Result<(), Self::Error>;

    /// A file of the tree of that number begins.
    fn create(&self, tree: usize, entry: &Entry) -> Result<Self::File, Self::Error>;

    /// A blob of an image begins; `None` when it is not wanted.
    fn blob(&self, blob: &Blob) -> Result<Option<Self::Blob>, Self::Error>;

    /// Where to keep the proofs of layers, for a receiver that reads them again.
    fn proofs(&self) -> Option<&Proofs> {
        None
    }
}

/// Takes the content of a file, piece by piece.
pub trait Sink {
    /// What goes wrong on this side.
    type Error;

    /// Takes the next bytes of the file, in order.
    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), Self::Error>;

    /// The file is whole, and its digest is that of the inventory.
    fn finish(self) -> Result<(), Self::Error>;
}

/// Takes the content of a blob into quarantine, and keeps it only for a proof.
pub trait BlobSink {
    /// What goes wrong on this side.
    type Error;

    /// The next bytes, which no one certifies yet.
    fn write_unverified(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// The bytes are those of this blob.
    fn keep(self, proof: &Verified<Blob>) -> Result<(), Self::Error>;
}

/// Looks and keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct Looking(pub Depth);

impl Receiver for Looking {
    type Error = TrustError;
    type File = Self;
    type Blob = Self;

    fn depth(&self) -> Depth {
        self.0
    }

    fn takes_content(&self) -> bool {
        false
    }

    fn begin(&self, _: &Verified<Contents>, _: &[SharedInventory]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn create(&self, _: usize, _: &Entry) -> Result<Self, Self::Error> {
        Ok(*self)
    }

    fn blob(&self, _: &Blob) -> Result<Option<Self>, Self::Error> {
        Ok(None)
    }
}

impl Sink for Looking {
    type Error = TrustError;

    fn write(&mut self, _: &Verified<&[u8]>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn finish(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl BlobSink for Looking {
    type Error = TrustError;

    fn write_unverified(&mut self, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn keep(self, _: &Verified<Blob>) -> Result<(), Self::Error> {
        Ok(())
    }
}
