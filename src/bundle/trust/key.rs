//! Public keys and signature verification: Ed25519 (RFC 8032) only.

use super::TrustError;
use crate::value::digest::Digest;
use crate::value::serde_as_text;
use crate::value::word_fingerprint::WordFingerprint;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use std::fmt;
use std::str::FromStr;

/// What precedes the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What precedes the 32 bytes of an Ed25519 key in SSH: the type, and the length of the key (RFC 8709, section 4).
const SSH_PREFIX: [u8; 19] = *b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

/// The id of a key: SHA-256 of its DER form, 64 hexadecimal digits.
///
/// `openssl pkey -pubin -in KEY.pub -outform DER | sha256sum` shows the same digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Digest);

impl KeyId {
    /// The first twelve digits, for users to recognise a key by; never an identity.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.short()
    }

    /// The id as ten words, for users to compare.
    #[must_use]
    pub fn spoken(&self) -> WordFingerprint {
        WordFingerprint(self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.hex())
    }
}

impl FromStr for KeyId {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Digest::from_hex(text).map(Self).map_err(|_| TrustError::KeyId { found: text.to_owned() })
    }
}

serde_as_text!(KeyId);

/// A public key that can be trusted to be one: a canonical point of the prime-order group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// A key from its 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// Refuses what no honest key generation makes: points of small order, for which signatures exist that
    /// fit every message; points with a small-order component, on which verifiers disagree; and second
    /// spellings of a point, which would give one key two ids.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, TrustError> {
        let refuse = |reason| TrustError::Key { reason };
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| refuse("it is not a point of the curve"))?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(refuse("it is not the canonical spelling of its point"));
        }
        if key.is_weak() {
            return Err(refuse("it is a weak key: its point has small order"));
        }
        if !point.is_torsion_free() {
            return Err(refuse("it is a weak key: its point has a small-order component"));
        }
        Ok(Self(key))
    }

    /// A key from PEM: `-----BEGIN PUBLIC KEY-----` around the 44 bytes of RFC 8410, and nothing else.
    pub(crate) fn from_pem(text: &str) -> Result<Self, TrustError> {
        let der = pem_body("PUBLIC KEY", text).ok_or(TrustError::Key {
            reason: "it is neither PEM with the label `PUBLIC KEY` nor the line of a `.pub` of `ssh-keygen`",
        })?;
        let raw = der
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|raw| <&[u8; 32]>::try_from(raw).ok())
            .ok_or(TrustError::Key { reason: "it is not an Ed25519 key of 44 bytes (RFC 8410)" })?;
        Self::from_bytes(raw)
    }

    /// The type of an Ed25519 key in SSH (RFC 8709).
    pub const SSH_TYPE: &str = "ssh-ed25519";

    /// A key from the one line that `ssh-keygen` writes: `ssh-ed25519`, base64, and a comment that counts for nothing.
    pub(crate) fn from_ssh(line: &str) -> Result<Self, TrustError> {
        let refuse = |reason| TrustError::Key { reason };
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.contains(|character: char| character.is_ascii_control()) {
            return Err(refuse("it is more than one line"));
        }
        let mut words = line.splitn(3, ' ');
        if words.next() != Some(Self::SSH_TYPE) {
            return Err(refuse("it is a key for SSH, and not of the type `ssh-ed25519`"));
        }
        let blob = words
            .next()
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(refuse("what stands behind `ssh-ed25519` is not base64"))?;
        let raw = blob
            .get(SSH_PREFIX.len()..)
            .and_then(|raw| <&[u8; 32]>::try_from(raw).ok())
            .filter(|_| blob.starts_with(&SSH_PREFIX))
            .ok_or(refuse("it is not an Ed25519 key of 51 bytes (RFC 8709)"))?;
        Self::from_bytes(raw)
    }

    /// The 51 bytes of RFC 8709, section 4.
    #[must_use]
    pub fn to_ssh(&self) -> Vec<u8> {
        [SSH_PREFIX.as_slice(), self.bytes()].concat()
    }

    /// The key as PEM, as `openssl pkey -pubout` writes it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        to_pem("PUBLIC KEY", &self.der())
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The 44 bytes of RFC 8410.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.bytes()].concat()
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.der()))
    }

    /// Whether this key made this signature over this message.
    ///
    /// Strict: no second encodings, no small-order points, no cofactor. Plain verification accepts 122
    /// signatures of the CCTV set, this none.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Makes signatures: a key in memory, or one that an `ssh-agent` holds.
pub trait Signer {
    /// The public half, by whose id a seal names the signature.
    fn public(&self) -> &PublicKey;

    /// Signs a message, as RFC 8032 has it for Ed25519 without a context.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], TrustError>;
}

/// The bytes between the two lines of a PEM text (RFC 7468), if there is one such text and nothing else.
pub(super) fn pem_body(label: &str, text: &str) -> Option<Vec<u8>> {
    let body = text
        .trim_ascii_end()
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    if !body.starts_with(['\r', '\n']) || !body.ends_with('\n') {
        return None;
    }
    let joined: String = body.lines().collect();
    STANDARD.decode(joined).ok()
}

/// PEM text with lines of 64 characters (RFC 7468).
pub(super) fn to_pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut column = 0;
    for character in STANDARD.encode(der).chars() {
        if column == 64 {
            text.push('\n');
            column = 0;
        }
        text.push(character);
        column += 1;
    }
    text + &format!("\n-----END {label}-----\n")
}
