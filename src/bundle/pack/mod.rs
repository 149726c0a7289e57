//! Packs and seals a draft into a bundle file.
//!
//! The front of a bundle commits to everything after it, yet every byte is written once. So space is reserved for the
//! largest possible front, the layers are written after it, and the unused space becomes the member `seal/RESERVE`,
//! which holds zeros.

mod assemble;
pub(crate) mod chunker;
pub mod draft;
mod frame_store;
mod header_members;
pub mod reseal;
pub(crate) mod stream;
mod write_blobs;

use crate::format::atomic_file::{self, UnfinishedFile};
use crate::format::error::BundleError;
use crate::format::member::{self, member_header, padding};
use crate::format::statement::{Statement, Totals};
use crate::trust::TrustError;
use crate::trust::chain::{Chain, PinnedRoot};
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::key::Signer;
use crate::trust::root::{Role, Root};
use crate::trust::threshold::count;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::progress::Progress;
use assemble::DraftParts;
use draft::Draft;
pub use frame_store::FrameStore;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use write_blobs::LayersToWrite;

/// Who seals a bundle, and under which trust root.
pub struct Authority<'a> {
    root: &'a Root,
    chain: Vec<u8>,
    keys: Vec<&'a dyn Signer>,
    signatures: usize,
}

impl<'a> Authority<'a> {
    /// Reads the chain of trust roots that travels with the bundle.
    ///
    /// `signatures` is how many signatures the seal has room for: more than there are keys where other packers sign
    /// later.
    pub fn new(
        root: &'a PinnedRoot,
        keys: &[&'a dyn Signer],
        signatures: usize,
        limits: &Limits,
    ) -> Result<Self, TrustError> {
        let chain = root.chain()?;
        Chain::parse(&chain, limits)?.verify()?;
        Ok(Self { root: root.root(), chain, keys: keys.to_vec(), signatures: signatures.max(keys.len()) })
    }

    /// The trust roots, as the member `seal/roots.dsse.jsonl`.
    #[must_use]
    pub fn chain(&self) -> &[u8] {
        &self.chain
    }

    /// The keys that sign now.
    #[must_use]
    pub fn keys(&self) -> &[&dyn Signer] {
        &self.keys
    }

    /// Checks that these keys may seal bundles of a scenario, by a seal of nothing: it costs a second to find out now
    /// that keys are missing, and an hour after packing.
    fn check(&self, scenario: &Name) -> Result<(), TrustError> {
        let rehearsal = Envelope::sign(PayloadType::Statement, Vec::new(), &self.keys)?;
        match count(&rehearsal, self.root, Role::Packer, Some(scenario)) {
            Err(TrustError::Threshold(lacks))
                if self.signatures > self.keys.len() && lacks.found.len() == self.keys.len() =>
            {
                Ok(())
            }
            counted => counted.map(drop),
        }
    }

    /// Bytes of the longest seal over a statement of so many bytes.
    fn seal_len(&self, statement: usize) -> u64 {
        Envelope::encoded_len(PayloadType::Statement, statement as u64, self.signatures)
    }
}

/// A bundle that lacks only its seal, under a temporary name; dropping it removes the file.
struct Unsealed {
    file: File,
    partial: UnfinishedFile,
    path: PathBuf,
    front: Vec<u8>,
    statement: Vec<u8>,
    totals: Totals,
    end: u64,
}

/// A bundle at its final name.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The bundle file.
    pub path: PathBuf,
    /// Its identity: the digest of its statement.
    pub statement: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What its blobs add up to.
    pub totals: Totals,
}

/// Packs a draft into `folder` as `NAME-VERSION.sealift`, and seals it.
///
/// Equal drafts under equal authorities give equal bytes, whatever the time, the directory or the number of threads. A
/// bundle with the same bytes that is already there is left as it is; one with other bytes is an error. Fails before
/// any work where the keys do not suffice. With `frames`, what an earlier pack has compressed is not compressed again.
pub fn pack(
    draft: &Draft,
    authority: &Authority<'_>,
    folder: &Path,
    frames: Option<&FrameStore>,
    threads: usize,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Sealed, TrustError> {
    authority.check(&draft.scenario)?;
    let unsealed = write_unsealed(draft, authority, folder, frames, threads, limits, progress)?;
    let seal = Envelope::sign(PayloadType::Statement, unsealed.statement.clone(), &authority.keys)?;
    Ok(unsealed.seal(authority, &seal.encode()?)?)
}

/// Writes everything but the seal into a temporary file in `folder`.
fn write_unsealed(
    draft: &Draft,
    authority: &Authority<'_>,
    folder: &Path,
    frames: Option<&FrameStore>,
    threads: usize,
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<Unsealed, BundleError> {
    let file_name = format!("{}-{}.sealift", draft.name, draft.version);
    let path = folder.join(&file_name);
    let temporary = folder.join(format!(".{file_name}.partial"));
    let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
    let file = atomic_file::claim(&temporary)
        .map_err(cannot_write)?
        .ok_or_else(|| BundleError::Busy { path: path.clone() })?;
    let partial = UnfinishedFile(temporary.clone());

    let parts = DraftParts::of(draft, limits)?;
    let room = parts.room(draft, authority)?;
    if room > limits.reserve {
        let what = "bytes to keep for the front of the bundle; split it into several".to_owned();
        return Err(BundleError::Limit { what, found: room, limit: limits.reserve });
    }
    let layers = parts.image_layers()?;
    let streams: u64 = parts.distinct.iter().map(|tree| tree.tree.positions().1).sum();
    watch.expect(layers.iter().map(|layer| layer.size).sum::<u64>() + streams);
    let payload = LayersToWrite {
        file: &file,
        path: &temporary,
        start: room,
        layers: &layers,
        trees: &parts.distinct,
        frames,
        threads: threads.max(1),
        watch,
    };
    let written = payload.write()?;
    let (front, statement) = parts.front(draft, authority, room, &written, limits)?;
    file.write_all_at(&[0; 1024], written.end).map_err(cannot_write)?;
    // What a reader would refuse must not get a name.
    let totals = Statement::parse(&statement, limits)?.predicate.totals;
    Ok(Unsealed { file, partial, path, front, statement, totals, end: written.end + 1024 })
}

impl Unsealed {
    /// Puts the seal in, makes the file last, and gives it its name.
    ///
    /// A seal may be shorter than the room that was kept for it: packers who sign later make it that long.
    fn seal(self, authority: &Authority<'_>, seal: &[u8]) -> Result<Sealed, BundleError> {
        let (expected, found) = (authority.seal_len(self.statement.len()), seal.len() as u64);
        if found > expected {
            return Err(BundleError::Size { what: "the seal".to_owned(), expected, found });
        }
        let mut head = Vec::new();
        for (name, bytes) in [
            (member::ROOTS, &authority.chain[..]),
            (member::SEAL, seal),
            (member::STATEMENT, &self.statement),
        ] {
            push_member(&mut head, name, bytes);
        }
        let temporary = &self.partial.0;
        let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
        // No gap may be left where signatures are still missing.
        let shift = member::span(expected) - member::span(found);
        let from = (head.len() + self.front.len()) as u64 + shift;
        move_down(&self.file, from, self.end, shift).map_err(cannot_write)?;
        let end = self.end - shift;
        self.file.write_all_at(&head, 0).map_err(cannot_write)?;
        self.file.write_all_at(&self.front, head.len() as u64).map_err(cannot_write)?;
        self.file.set_len(end).map_err(cannot_write)?;
        self.file.sync_all().map_err(cannot_write)?;
        give_name(&self.file, temporary, &self.path)?;
        let statement = Digest::of(&self.statement);
        Ok(Sealed { path: self.path.clone(), statement, size: end, totals: self.totals })
    }
}

/// Moves the bytes from `from` to `end` towards the beginning.
fn move_down(file: &File, from: u64, end: u64, by: u64) -> io::Result<()> {
    let (mut at, mut buffer) = (from, vec![0; 1 << 20]);
    while by > 0 && at < end {
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        file.write_all_at(piece, at - by)?;
        at += most as u64;
    }
    Ok(())
}

impl Sealed {
    /// Moves the bundle into another directory of the same file system, as if it had been packed there.
    pub fn settle(self, folder: &Path) -> Result<Self, BundleError> {
        let path = folder.join(self.path.file_name().unwrap_or_default());
        let file = atomic_file::open_regular(&self.path)
            .map_err(|source| BundleError::Write { path: self.path.clone(), source })?;
        give_name(&file, &self.path, &path)?;
        Ok(Self { path, ..self })
    }
}

/// Gives a whole file its final name, for good.
///
/// A bundle with the same bytes that is already there is left as it is; one with other bytes is an error.
fn give_name(file: &File, from: &Path, to: &Path) -> Result<(), BundleError> {
    let cannot_write = |source| BundleError::Write { path: from.to_owned(), source };
    match atomic_file::rename_new(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !same_bytes(file, to).map_err(cannot_write)? {
                return Err(BundleError::Exists { path: to.to_owned() });
            }
        }
        other => other.map_err(cannot_write)?,
    }
    // From here on the bundle is there, whatever happens.
    atomic_file::sync_folder(atomic_file::folder_of(to))
        .map_err(|source| BundleError::NotSynced { path: to.to_owned(), source })
}

fn same_bytes(file: &File, path: &Path) -> io::Result<bool> {
    let other = atomic_file::open_regular(path)?;
    let (mut one, mut two) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let len = file.metadata()?.len();
    if other.metadata()?.len() != len {
        return Ok(false);
    }
    let mut at = 0;
    while at < len {
        let most = usize::try_from(len - at).unwrap_or(usize::MAX).min(one.len());
        file.read_exact_at(one.get_mut(..most).unwrap_or_default(), at)?;
        other.read_exact_at(two.get_mut(..most).unwrap_or_default(), at)?;
        if one.get(..most) != two.get(..most) {
            return Ok(false);
        }
        at += most as u64;
    }
    Ok(true)
}

pub(super) fn push_member(into: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let size = bytes.len() as u64;
    into.extend(member_header(name, size));
    into.extend(bytes);
    into.extend(padding(size));
}
