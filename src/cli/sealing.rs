//! Packing a draft and sealing it, for `pack` and `demo`.

use super::error::CliError;
use super::{LIMITS, term::Progress};
use sealift_bundle::format::draft::Draft;
use sealift_bundle::format::pack::{Authority, Sealed, pack};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::chain::{Chain, PinnedRoot};
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::Role;
use sealift_bundle::trust::threshold::count;
use std::path::Path;

/// Packs a draft under a trust root and seals it with these keys.
///
/// The far side's first question is asked here already: is the seal one that the trust root believes? Where room is kept
/// for more `signatures` than there are keys, packers who sign later are what it lacks.
pub(super) fn seal(
    draft: &Draft,
    root: &PinnedRoot,
    keys: &[&dyn Signer],
    signatures: usize,
    folder: &Path,
    threads: usize,
    watch: &Progress,
) -> Result<Sealed, CliError> {
    let roots = roots(root)?;
    // A seal of nothing: it costs a second to find out now that keys are missing, and an hour after packing.
    let rehearsal = Envelope::sign(PayloadType::Statement, Vec::new(), keys)?;
    match count(&rehearsal, root.root(), Role::Packer, Some(&draft.scenario)) {
        Err(TrustError::Threshold(lacks)) if signatures > keys.len() && lacks.found.len() == keys.len() => {}
        counted => drop(counted?),
    }
    let seal_len = |len: usize| {
        let len = Envelope::encoded_len(PayloadType::Statement, len as u64, signatures.max(keys.len()));
        usize::try_from(len).unwrap_or(usize::MAX)
    };
    let authority = Authority {
        roots: &roots,
        root_version: root.root().version(),
        epoch: root.root().epoch(),
        seal_len: &seal_len,
    };
    let unsealed = pack(draft, &authority, folder, threads, &LIMITS, watch)?;
    let envelope = Envelope::sign(PayloadType::Statement, unsealed.statement().to_vec(), keys)?;
    Ok(unsealed.seal(&envelope.encode()?)?)
}

/// The chain of trust roots that travels.
pub(super) fn roots(root: &PinnedRoot) -> Result<Vec<u8>, CliError> {
    let roots = root.chain()?;
    Chain::parse(&roots, &LIMITS)?.verify()?;
    Ok(roots)
}
