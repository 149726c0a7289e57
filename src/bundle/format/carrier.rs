//! The encrypted carrier: a bundle file encrypted as a whole, and the signed document about it.
//!
//! The seal inside can be seen only with an identity, so the encrypted file has its own seal, which says nothing
//! about the content but the scenario.

use super::error::BundleError;
use super::member_reader;
use crate::value::canonical;
use crate::value::digest::{Digest, bare};
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What the document says it is.
const TYPE: &str = "https://sealift.dev/carrier/v1";
/// How the name of an encrypted bundle ends.
const ENDING: &str = ".age";
/// How an age file begins (age-encryption.org/v1), and how one in ASCII armor does.
const BEGINNINGS: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE"];

/// What is signed about an encrypted bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    #[serde(rename = "_type")]
    kind: String,
    /// Digest of the encrypted file.
    #[serde(with = "bare")]
    pub sha256: Digest,
    /// Bytes of the encrypted file.
    pub size: u64,
    /// The scenario of the bundle inside; decides whose signatures count.
    pub scenario: Name,
    /// When the lock of the bundle inside was written.
    pub created: Timestamp,
}

impl Carrier {
    /// Says this about an encrypted file.
    #[must_use]
    pub fn new(sha256: Digest, size: u64, scenario: Name, created: Timestamp) -> Self {
        Self { kind: TYPE.to_owned(), sha256, size, scenario, created }
    }

    /// Reads the document, in its one spelling.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let document = "the seal of the encrypted bundle";
        let carrier: Self = canonical::decode(bytes, limits.carrier)
            .map_err(|source| BundleError::Canonical { document: document.to_owned(), source })?;
        if carrier.kind != TYPE {
            return Err(BundleError::Version { document, found: carrier.kind });
        }
        if carrier.size > limits.bytes {
            let what = "bytes of the encrypted bundle".to_owned();
            return Err(BundleError::Limit { what, found: carrier.size, limit: limits.bytes });
        }
        Ok(carrier)
    }

    /// Writes the document.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let document = "the seal of the encrypted bundle".to_owned();
        canonical::encode(self).map_err(|source| BundleError::Canonical { document, source })
    }
}

/// What an encrypted bundle is called.
#[must_use]
pub fn encrypted_path(bundle: &Path) -> PathBuf {
    with_ending(bundle, ENDING)
}

/// What the seal beside an encrypted bundle is called.
#[must_use]
pub fn seal_path(encrypted: &Path) -> PathBuf {
    with_ending(encrypted, ".seal")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Whether a file means to be an encrypted bundle, by its name or by its beginning.
pub fn is_encrypted(path: &Path, file: &File) -> Result<bool, BundleError> {
    let mut first = [0; 32];
    let count = file.read_at(&mut first, 0).map_err(|source| {
        let what = format!("`{}`", path.display());
        BundleError::Read { what, source }
    })?;
    let named = path.as_os_str().to_string_lossy().ends_with(ENDING);
    Ok(named || begins_encrypted(first.get(..count).unwrap_or_default()))
}

/// Whether bytes begin as an age file does.
#[must_use]
pub(crate) fn begins_encrypted(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning))
}

/// Opens the seal beside an encrypted bundle.
pub(crate) fn open_seal(encrypted: &Path) -> Result<File, BundleError> {
    member_reader::open(&seal_path(encrypted)).map_err(|error| match error {
        BundleError::Missing { path } => BundleError::NoSeal { path },
        other => other,
    })
}
