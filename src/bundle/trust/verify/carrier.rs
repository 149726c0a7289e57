//! Verifies the seal beside an encrypted bundle, before anything is decrypted and without an identity.

use super::seal::{SealSigner, Warning};
use super::{Conditions, Verified};
use crate::format::BundleError;
use crate::format::carrier::Carrier;
use crate::format::member_reader;
use crate::trust::TrustError;
use crate::trust::chain::{Chain, PinnedRoot};
use crate::trust::envelope::{Envelope, PayloadType};
use crate::trust::root::Role;
use crate::trust::threshold::trust;
use crate::value::limits::Limits;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

#[cfg(feature = "encryption")]
use crate::format::{
    encryption::{Identities, Plain},
    member_reader::MemberReader,
};
#[cfg(feature = "encryption")]
use crate::value::progress::Progress;

/// An encrypted bundle whose own seal is verified. Of its content, nothing is.
#[derive(Debug, Clone)]
pub struct VerifiedCarrier {
    /// What was signed about the file.
    pub carrier: Verified<Carrier>,
    /// Who signed.
    pub signers: Vec<SealSigner>,
    /// Version of the trust root that was asked.
    pub root_version: u64,
    /// What is allowed, and should be said all the same.
    pub warnings: Vec<Warning>,
}

/// The seal of an encrypted bundle: the chain of trust roots, and behind it one line with the envelope.
pub fn encode(chain: &[u8], envelope: &Envelope) -> Result<Vec<u8>, TrustError> {
    Ok([chain, &envelope.encode()?, b"\n"].concat())
}

fn limit(limits: &Limits) -> u64 {
    let envelope = Envelope::encoded_len(PayloadType::Carrier, limits.carrier, limits.signatures);
    limits.roots.saturating_add(envelope).saturating_add(1)
}

impl VerifiedCarrier {
    /// Reads the seal beside an encrypted bundle, and trusts it or says why not.
    pub fn open(
        encrypted: &Path,
        pinned: &PinnedRoot,
        conditions: &Conditions<'_>,
    ) -> Result<Self, TrustError> {
        let file = crate::format::carrier::open_seal(encrypted)?;
        let mut seal = Vec::new();
        file.take(limit(conditions.limits).saturating_add(1)).read_to_end(&mut seal).map_err(|source| {
            let what = "the seal of the encrypted bundle".to_owned();
            BundleError::Read { what, source }
        })?;
        Self::parse(&seal, pinned, conditions)
    }

    /// Verifies the bytes of a seal, or says why not.
    pub fn parse(seal: &[u8], pinned: &PinnedRoot, conditions: &Conditions<'_>) -> Result<Self, TrustError> {
        let limits = conditions.limits;
        let (found, limit) = (seal.len() as u64, limit(limits));
        if found > limit {
            return Err(TrustError::Limit { what: "bytes of the seal of an encrypted bundle", found, limit });
        }
        let lines = seal.strip_suffix(b"\n").unwrap_or_default();
        let cut = lines.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let Some((chain, envelope)) = cut.and_then(|cut| lines.split_at_checked(cut)) else {
            let reason = "it has to be lines with trust roots and one with the envelope".to_owned();
            return Err(TrustError::Format { document: "the seal of the encrypted bundle", reason });
        };
        let chain = Chain::parse(chain, limits)?;
        let anchored = chain.anchor(pinned)?;
        let root = anchored.root();
        if root.version() > pinned.root().version() {
            root.check_created(conditions.now)?;
        }
        let envelope = Envelope::parse(envelope, PayloadType::Carrier, limits)?;
        let verified = trust(&envelope, root, Role::Packer, |payload| {
            let carrier = Carrier::parse(payload, limits)?;
            Ok::<_, TrustError>((carrier.scenario.clone(), carrier))
        })?;
        let expired = root.check_expiry(conditions.now)?;
        let what = format!("the trust root version {}", root.version());
        Ok(Self {
            signers: verified.signers().iter().map(SealSigner::packer).collect(),
            carrier: Verified(verified.into_value()),
            root_version: root.version(),
            warnings: expired.map(|expired| Warning::Expired { what, expired }).into_iter().collect(),
        })
    }

    /// Compares the encrypted file with its seal, and decrypts nothing.
    pub fn check(&self, file: &File, conditions: &Conditions<'_>) -> Result<(), BundleError> {
        self.same_size(file)?;
        conditions.watch.expect(self.carrier.size);
        let Carrier { sha256, size, .. } = *self.carrier;
        member_reader::part(file, "the encrypted bundle", 0, size, sha256, conditions.watch, |_| Ok(()))
    }

    /// The bundle inside, decrypted as it is read from front to back. It ends only when the whole encrypted file was the
    /// one that was signed; before that, nothing of it may be used.
    #[cfg(feature = "encryption")]
    pub fn tape<'a>(
        &'a self,
        file: &'a File,
        identities: &Identities,
        limits: &Limits,
        watch: &'a dyn Progress,
    ) -> Result<MemberReader<'a>, BundleError> {
        self.same_size(file)?;
        let plain = Plain::open(file, &self.carrier, identities, limits, watch)?;
        Ok(MemberReader::carried(plain, &self.carrier))
    }

    /// The first thing to see, and it costs nothing.
    fn same_size(&self, file: &File) -> Result<(), BundleError> {
        let what = "the encrypted bundle".to_owned();
        let found = match file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(source) => return Err(BundleError::Read { what, source }),
        };
        let expected = self.carrier.size;
        if found == expected { Ok(()) } else { Err(BundleError::Size { what, expected, found }) }
    }
}
