//! Another seal in front of the same content: what `cosign` does to a bundle.

use super::error::BundleError;
use super::member;
use super::pack::{Partial, push_member};
use super::place;
use super::read::Tape;
use crate::value::limits::Limits;
use crate::value::watch::Watch;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Bytes that are copied at once.
const PIECE: u64 = 1 << 20;

/// The seal of a bundle as it stands there. Nothing has been verified.
pub fn unverified_seal(file: &File, limits: &Limits) -> Result<Vec<u8>, BundleError> {
    let mut tape = Tape::file(file);
    tape.unbelieved(member::ROOTS, limits.roots)?;
    tape.unbelieved(member::SEAL, limits.seal)
}

/// Copies a bundle to `to` with this seal in the place of its own; a file that is there is replaced in one step.
///
/// The statement does not commit to the seal, so every byte behind it stays what it is. Whether the seal is one over the
/// statement is for the caller to know.
pub fn reseal(
    file: &File,
    seal: &[u8],
    to: &Path,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<u64, BundleError> {
    let mut tape = Tape::file(file);
    let roots = tape.unbelieved(member::ROOTS, limits.roots)?;
    tape.unbelieved(member::SEAL, limits.seal)?;
    let mut at = tape.position();
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = place::folder_of(to).join(format!(".{name}.partial"));
    let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
    let mut out = place::claim(&temporary)
        .map_err(cannot_write)?
        .ok_or_else(|| BundleError::Busy { path: to.to_owned() })?;
    let partial = Partial(temporary.clone());
    let mut head = Vec::new();
    push_member(&mut head, member::ROOTS, &roots);
    push_member(&mut head, member::SEAL, seal);
    out.write_all(&head).map_err(cannot_write)?;
    let read = |source| BundleError::Read { what: format!("`{}`", to.display()), source };
    let end = file.metadata().map_err(read)?.len();
    let size = (head.len() as u64).saturating_add(end.saturating_sub(at));
    watch.expect(end.saturating_sub(at));
    while at < end {
        if watch.is_stopped() {
            return Err(BundleError::Interrupted);
        }
        let most = PIECE.min(end - at);
        let piece = super::read::bytes_at(file, &name, at, most)?;
        out.write_all(&piece).map_err(cannot_write)?;
        at += most;
        watch.advance(most);
    }
    out.sync_all().map_err(cannot_write)?;
    std::fs::rename(&partial.0, to).map_err(cannot_write)?;
    // From here on the bundle is there, whatever happens.
    place::sync_folder(place::folder_of(to))
        .map_err(|source| BundleError::NotSynced { path: to.to_owned(), source })?;
    Ok(size)
}
