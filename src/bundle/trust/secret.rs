//! Secret keys: generated, encrypted, opened, wiped.

use super::TrustError;
use super::key::{PublicKey, Signer, pem_body, to_pem};
use ed25519_dalek::{Signer as _, SigningKey};
use pkcs8::der::{Decode as _, Encode as _, asn1::OctetStringRef};
use pkcs8::pkcs5::{self, pbes2};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// What precedes the 32 bytes of the seed in PKCS#8 version 1 (RFC 5958, RFC 8410).
///
/// Version 1, because OpenSSL 3.0 cannot load version 2, which `ed25519-dalek` would write.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// scrypt as OWASP recommends it in 16 MiB. OpenSSL's command line refuses a larger N.
const SCRYPT: (u64, u16, u16) = (1 << 14, 8, 6);

/// What a key file may cost to open (S30): five times the time and four times the memory of our own.
const MAX_SCRYPT_WORK: u64 = 1 << 22;
const MAX_SCRYPT_BYTES: u64 = 64 << 20;
/// PBKDF2 iterations: six times what OWASP recommends.
const MAX_ITERATIONS: u32 = 4_000_000;

/// What opens a key file; wiped from memory.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes over a text as a passphrase. The text is used as it is, to the last byte.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

/// A secret key. It cannot be shown, copied or serialised, and is wiped from memory.
// In a box, so that moving the value leaves no copies of the seed on the stack.
pub struct SecretKey {
    key: Box<SigningKey>,
    public: PublicKey,
}

impl SecretKey {
    /// Makes a new key from the random bytes of the system.
    pub fn generate() -> Result<Self, TrustError> {
        Self::from_seed(&*random::<32>()?)
    }

    pub(super) fn from_seed(seed: &[u8; 32]) -> Result<Self, TrustError> {
        let key = Box::new(SigningKey::from_bytes(seed));
        let public = PublicKey::from_bytes(key.verifying_key().as_bytes())?;
        Ok(Self { key, public })
    }

    /// The key as PEM: PKCS#8 version 1, encrypted with PBES2 (RFC 8018), scrypt (RFC 7914) and AES-256-CBC.
    ///
    /// `openssl pkey -in FILE` reads it.
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase) -> Result<String, TrustError> {
        if passphrase.0.is_empty() {
            return Err(TrustError::PassphraseEmpty);
        }
        let defect = |_| TrustError::KeyFileForm { reason: "it could not be encoded" };
        let salt = random::<16>()?;
        let (cost_parameter, block_size, parallelization) = SCRYPT;
        let scrypt = pbes2::ScryptParams {
            salt: pbes2::Salt::new(salt.as_slice()).map_err(defect)?,
            cost_parameter,
            block_size,
            parallelization,
            key_length: None,
        };
        let parameters = pbes2::Parameters {
            kdf: pbes2::Kdf::Scrypt(scrypt),
            encryption: pbes2::EncryptionScheme::Aes256Cbc { iv: *random::<16>()? },
        };
        let plain = Zeroizing::new([PKCS8_PREFIX.as_slice(), self.key.as_bytes()].concat());
        let sealed = parameters
            .encrypt(passphrase.0.as_bytes(), &plain)
            .map_err(|_| TrustError::KeyFileForm { reason: "it could not be encrypted" })?;
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: pkcs5::EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetStringRef::new(&sealed).map_err(defect)?,
        };
        Ok(to_pem(LABEL, &info.to_der().map_err(defect)?))
    }

    /// Opens a key from PEM, as written here or by `openssl genpkey -algorithm ed25519 -aes256`.
    ///
    /// What deriving the key would cost is read from the file and bounded before it is spent (S30).
    pub fn from_encrypted_pem(pem: &str, passphrase: &Passphrase) -> Result<Self, TrustError> {
        if pem.starts_with("-----BEGIN PRIVATE KEY-----") {
            return Err(TrustError::KeyFilePlain);
        }
        let form = |reason| TrustError::KeyFileForm { reason };
        let der = pem_body(LABEL, pem).ok_or(form("it is not PEM with the label `ENCRYPTED PRIVATE KEY`"))?;
        let info = EncryptedPrivateKeyInfoRef::from_der(&der)
            .map_err(|_| form("it is not PKCS#8 encrypted by a scheme known here"))?;
        let parameters =
            info.encryption_algorithm.pbes2().ok_or(form("it is encrypted by a scheme older than PBES2"))?;
        bound(parameters)?;
        // From here on only a wrong passphrase is left to be wrong: a wrong key gives bad padding or, once in
        // 256 times, rubbish.
        let plain = parameters
            .decrypt(passphrase.0.as_bytes(), info.encrypted_data.as_bytes())
            .map(Zeroizing::new)
            .map_err(|error| match error {
                pkcs5::Error::DecryptFailed => TrustError::Passphrase,
                _ => form("its encryption has parameters that do not fit together"),
            })?;
        let plain = PrivateKeyInfoRef::from_der(&plain).map_err(|_| TrustError::Passphrase)?;
        if plain.algorithm.oid != pkcs8::ObjectIdentifier::new_unwrap("1.3.101.112") {
            return Err(form("the key in it is not an Ed25519 key"));
        }
        let seed = plain
            .private_key
            .as_bytes()
            .strip_prefix(&[0x04, 0x20])
            .and_then(|seed| <&[u8; 32]>::try_from(seed).ok())
            .ok_or(form("the Ed25519 key in it is not 32 bytes"))?;
        let secret = Self::from_seed(seed)?;
        match plain.public_key {
            Some(public) if public.as_bytes() != Some(secret.public.bytes().as_slice()) => {
                Err(TrustError::Key { reason: "the public half in the file is not that of the secret half" })
            }
            _ => Ok(secret),
        }
    }
}

impl Signer for SecretKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], TrustError> {
        Ok(self.key.sign(message).to_bytes())
    }
}

/// Refuses encryption that is unknown, or would cost too much time or memory to open.
fn bound(parameters: &pbes2::Parameters) -> Result<(), TrustError> {
    let cost = |found: String| Err(TrustError::KeyFileCost { found });
    let form = |reason| Err(TrustError::KeyFileForm { reason });
    match &parameters.kdf {
        pbes2::Kdf::Scrypt(scrypt) => {
            let (n, r, p) =
                (scrypt.cost_parameter, u64::from(scrypt.block_size), u64::from(scrypt.parallelization));
            let work = n.checked_mul(r).and_then(|work| work.checked_mul(p));
            let bytes = n.checked_add(p).and_then(|rows| rows.checked_mul(128 * r));
            let fits = |found: Option<u64>, limit| found.is_some_and(|found| found <= limit);
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return form("its scrypt parameters are not possible ones");
            }
            if !fits(work, MAX_SCRYPT_WORK) || !fits(bytes, MAX_SCRYPT_BYTES) {
                return cost(format!("scrypt with N {n}, r {r}, p {p}"));
            }
        }
        pbes2::Kdf::Pbkdf2(pbkdf2) => {
            use pbes2::Pbkdf2Prf::{HmacWithSha256, HmacWithSha384, HmacWithSha512};
            if !matches!(pbkdf2.prf, HmacWithSha256 | HmacWithSha384 | HmacWithSha512) {
                return form("its passphrase is hashed with SHA-1 or SHA-224");
            }
            if pbkdf2.iteration_count > MAX_ITERATIONS {
                return cost(format!("PBKDF2 with {} iterations", pbkdf2.iteration_count));
            }
        }
        _ => return form("its passphrase is hashed in an unknown way"),
    }
    match parameters.encryption {
        pbes2::EncryptionScheme::Aes128Cbc { .. }
        | pbes2::EncryptionScheme::Aes192Cbc { .. }
        | pbes2::EncryptionScheme::Aes256Cbc { .. } => Ok(()),
        _ => form("it is encrypted with another cipher than AES in CBC mode"),
    }
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, TrustError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|source| TrustError::Entropy { source })?;
    Ok(bytes)
}
