//! DSSE envelopes: a payload and the signatures over it.
//!
//! Format and pre-authentication encoding: <https://github.com/secure-systems-lab/dsse>, version 1.0.2.

use super::TrustError;
use super::key::{KeyId, PublicKey, Signer};
use crate::value::canonical;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a payload is. It is signed along with it, so that a statement can never be taken for a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadType {
    /// An in-toto statement: what a bundle holds.
    Statement,
    /// A trust root.
    Root,
    /// What an approver says about a bundle.
    Approval,
    /// What a site did with a bundle.
    Receipt,
    /// What a site holds.
    Request,
    /// What is said about an encrypted bundle.
    Carrier,
    /// What an approver lets through.
    Waiver,
}

impl PayloadType {
    /// The type as it is signed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "application/vnd.in-toto+json",
            Self::Root => "application/vnd.sealift.root.v1+json",
            Self::Approval => "application/vnd.sealift.approval.v1+json",
            Self::Receipt => "application/vnd.sealift.receipt.v1+json",
            Self::Request => "application/vnd.sealift.request.v1+json",
            Self::Carrier => "application/vnd.sealift.carrier.v1+json",
            Self::Waiver => "application/vnd.sealift.waiver.v1+json",
        }
    }

    /// Bytes of the largest payload.
    const fn payload_limit(self, limits: &Limits) -> u64 {
        match self {
            Self::Statement => limits.statement,
            Self::Root => limits.root,
            Self::Approval | Self::Waiver => limits.approval,
            Self::Receipt | Self::Request => limits.record,
            Self::Carrier => limits.carrier,
        }
    }

    /// Bytes of the largest envelope.
    fn envelope_limit(self, limits: &Limits) -> u64 {
        match self {
            Self::Statement => limits.seal,
            Self::Root | Self::Approval | Self::Receipt | Self::Request | Self::Carrier | Self::Waiver => {
                Envelope::encoded_len(self, self.payload_limit(limits), limits.signatures)
            }
        }
    }

    /// Bytes of the longest file with so many envelopes, one a line.
    pub(super) fn file_limit(self, most: usize, limits: &Limits) -> u64 {
        self.envelope_limit(limits).saturating_add(1).saturating_mul(most as u64)
    }

    /// Writes a payload of this type in its one spelling.
    pub fn encode(self, payload: &impl Serialize) -> Result<Vec<u8>, TrustError> {
        canonical::encode(payload)
            .map_err(|source| TrustError::Canonical { document: self.document(), source })
    }

    /// Reads a payload of this type in its one spelling.
    pub fn decode<T: Serialize + DeserializeOwned>(
        self,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<T, TrustError> {
        canonical::decode(payload, self.payload_limit(limits))
            .map_err(|source| TrustError::Canonical { document: self.document(), source })
    }

    /// What users call the document.
    #[must_use]
    pub const fn document(self) -> &'static str {
        match self {
            Self::Statement => "the seal",
            Self::Root => "the envelope of a trust root",
            Self::Approval => "an approval",
            Self::Receipt => "a receipt",
            Self::Request => "a request",
            Self::Carrier => "the seal of the encrypted bundle",
            Self::Waiver => "a waiver",
        }
    }
}

/// One signature, not yet known to be anybody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The key that it says made it: a hint, never a proof.
    pub key_id: KeyId,
    pub(super) bytes: [u8; 64],
}

/// A payload with its signatures.
///
/// The payload is not handed out: `trust` gives it to who may have it.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    kind: PayloadType,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeForm {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<SignatureForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureForm {
    keyid: KeyId,
    sig: String,
}

impl Envelope {
    /// Reads an envelope for a payload of the expected type. Verifies nothing.
    ///
    /// Signatures are in the order of key id, then bytes. None at all is well formed, and fails where they
    /// are counted.
    pub fn parse(bytes: &[u8], kind: PayloadType, limits: &Limits) -> Result<Self, TrustError> {
        let document = kind.document();
        let form: EnvelopeForm = canonical::decode(bytes, kind.envelope_limit(limits))
            .map_err(|source| TrustError::Canonical { document, source })?;
        if form.payload_type != kind.as_str() {
            // As much as the user reads.
            let found = form.payload_type.chars().take(100).collect();
            return Err(TrustError::PayloadType { expected: kind.as_str(), found });
        }
        let count = form.signatures.len();
        if count > limits.signatures {
            let (found, limit) = (count as u64, limits.signatures as u64);
            return Err(TrustError::Limit { what: "signatures in an envelope", found, limit });
        }
        let payload = decode(&form.payload, kind, "bytes of a payload", kind.payload_limit(limits))?;
        let mut signatures = Vec::with_capacity(count);
        for (at, signature) in form.signatures.iter().enumerate() {
            let raw = decode(&signature.sig, kind, "bytes of a signature", 4096)?;
            let bytes = <[u8; 64]>::try_from(raw.as_slice())
                .map_err(|_| TrustError::SignatureLength { number: at + 1, found: raw.len() })?;
            signatures.push(Signature { key_id: signature.keyid, bytes });
        }
        if !signatures.is_sorted() {
            let reason = "its signatures are not in the order of their key ids".to_owned();
            return Err(TrustError::Format { document, reason });
        }
        Ok(Self { kind, payload, signatures })
    }

    /// Reads a file of envelopes, one a line; the last line may lack its line break.
    pub(super) fn parse_lines(
        bytes: &[u8],
        kind: PayloadType,
        limits: &Limits,
    ) -> impl Iterator<Item = Result<Self, TrustError>> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(move |line| Self::parse(line.strip_suffix(b"\n").unwrap_or(line), kind, limits))
    }

    /// Writes a file of envelopes, one a line.
    pub(super) fn encode_lines<'a>(
        envelopes: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Vec<u8>, TrustError> {
        let mut bytes = Vec::new();
        for envelope in envelopes {
            bytes.extend(envelope.encode()?);
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// Signs a payload with every signer.
    pub fn sign(kind: PayloadType, payload: Vec<u8>, signers: &[&dyn Signer]) -> Result<Self, TrustError> {
        let mut envelope = Self { kind, payload, signatures: Vec::new() };
        for signer in signers {
            envelope = envelope.cosign(*signer)?;
        }
        Ok(envelope)
    }

    /// Adds a signature, in place of one that the same key made before.
    pub fn cosign(mut self, signer: &dyn Signer) -> Result<Self, TrustError> {
        let key_id = signer.public().id();
        let bytes = signer.sign(&self.pae())?;
        self.signatures.retain(|signature| signature.key_id != key_id);
        self.signatures.push(Signature { key_id, bytes });
        self.signatures.sort();
        Ok(self)
    }

    /// Writes the envelope: compact JSON in its one spelling.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        let form = EnvelopeForm {
            payload_type: self.kind.as_str().to_owned(),
            payload: STANDARD.encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|signature| SignatureForm {
                    keyid: signature.key_id,
                    sig: STANDARD.encode(signature.bytes),
                })
                .collect(),
        };
        canonical::encode(&form)
            .map_err(|source| TrustError::Canonical { document: self.kind.document(), source })
    }

    /// Bytes of an envelope with a payload of so many bytes and so many signatures, exactly: the packer
    /// keeps the room free before anybody has signed.
    #[must_use]
    pub fn encoded_len(kind: PayloadType, payload: u64, signatures: usize) -> u64 {
        const SIGNATURE: u64 = r#"{"keyid":"","sig":""},"#.len() as u64 + 64 + 88;
        let frame = r#"{"payloadType":"","payload":"","signatures":[]}"#.len() + kind.as_str().len();
        let signatures = (signatures as u64).saturating_mul(SIGNATURE).saturating_sub(1);
        (frame as u64).saturating_add(payload.div_ceil(3).saturating_mul(4)).saturating_add(signatures)
    }

    /// The signatures, as they came.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether exactly these bytes are the payload: for approvals, which are signatures over the same
    /// statement in another envelope, and for the copy of the statement that travels beside the seal.
    #[must_use]
    pub fn is_over(&self, payload: &[u8]) -> bool {
        self.payload == payload
    }

    /// The digest of the payload; for a statement, what identifies the bundle once it is verified.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The payload, if it is this key that signed it, and no one else.
    pub fn signed_by(&self, key: &PublicKey) -> Result<&[u8], TrustError> {
        match self.signatures.as_slice() {
            [only] if only.key_id != key.id() => {
                Err(TrustError::OtherSigner { expected: key.id(), found: only.key_id })
            }
            [only] if key.verify(&self.pae(), &only.bytes) => Ok(&self.payload),
            [only] => Err(TrustError::NotItsSignature { key: only.key_id }),
            _ => {
                let reason = format!("it has {} signatures, expected one", self.signatures.len());
                Err(TrustError::Format { document: self.kind.document(), reason })
            }
        }
    }

    /// The payload that no one here certifies: for showing what a file says, marked as no more than that.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, for the functions of this directory that decide whether it may be verified.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that are signed.
    pub(super) fn pae(&self) -> Vec<u8> {
        pae(self.kind.as_str(), &self.payload)
    }
}

/// DSSE's pre-authentication encoding: type and payload, each behind its length, so that no byte can move
/// from one to the other (S12).
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Base64 in its one spelling (RFC 4648, section 4: padded, no white space, no stray bits; S29).
pub(super) fn decode(
    text: &str,
    kind: PayloadType,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, TrustError> {
    let found = text.len() as u64 / 4 * 3;
    if found > limit.saturating_add(2) {
        return Err(TrustError::Limit { what, found, limit });
    }
    let bytes = STANDARD.decode(text).map_err(|error| {
        let reason = format!("{what} are not canonical base64: {error}");
        TrustError::Format { document: kind.document(), reason }
    })?;
    match bytes.len() as u64 {
        found if found > limit => Err(TrustError::Limit { what, found, limit }),
        _ => Ok(bytes),
    }
}
