//! Replaces the seal of a bundle, as `cosign` does.

use super::push_member;
use crate::format::atomic_file::{self, UnfinishedFile};
use crate::format::error::BundleError;
use crate::format::member;
use crate::format::member_reader::UnverifiedFront;
use crate::value::limits::Limits;
use crate::value::progress::Progress;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// Copies a bundle to `to` with this seal in place of its own; a file that is there is replaced in one step.
///
/// The statement does not commit to the seal, so every byte behind it stays what it is. Whether the seal is one over the
/// statement is for the caller to know.
pub fn reseal(
    file: &File,
    seal: &[u8],
    to: &Path,
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<u64, BundleError> {
    let UnverifiedFront { roots, end: mut at, .. } = UnverifiedFront::read(file, limits)?;
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = atomic_file::folder_of(to).join(format!(".{name}.partial"));
    let cannot_write = |source| BundleError::Write { path: temporary.clone(), source };
    let mut out = atomic_file::claim(&temporary)
        .map_err(cannot_write)?
        .ok_or_else(|| BundleError::Busy { path: to.to_owned() })?;
    let partial = UnfinishedFile(temporary.clone());
    let mut head = Vec::new();
    push_member(&mut head, member::ROOTS, &roots);
    push_member(&mut head, member::SEAL, seal);
    out.write_all(&head).map_err(cannot_write)?;
    let read = |source| BundleError::Read { what: format!("`{}`", to.display()), source };
    let end = file.metadata().map_err(read)?.len();
    let size = (head.len() as u64).saturating_add(end.saturating_sub(at));
    watch.expect(end.saturating_sub(at));
    let mut buffer = vec![0; PIECE];
    while at < end {
        if watch.is_stopped() {
            return Err(BundleError::Interrupted);
        }
        let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        file.read_exact_at(piece, at).map_err(read)?;
        out.write_all(piece).map_err(cannot_write)?;
        at += most as u64;
        watch.advance(most as u64);
    }
    out.sync_all().map_err(cannot_write)?;
    std::fs::rename(&partial.0, to).map_err(cannot_write)?;
    // From here on the bundle is there, whatever happens.
    atomic_file::sync_folder(atomic_file::folder_of(to))
        .map_err(|source| BundleError::NotSynced { path: to.to_owned(), source })?;
    Ok(size)
}
