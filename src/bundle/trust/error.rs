//! Errors of keys, trust roots and seals.

use super::approval::CountedApprovals;
use super::chain::Fingerprint;
use super::key::KeyId;
use super::root::Role;
use super::threshold::{Shortfall, SignatureTally, Who};
use crate::codes;
use crate::format::BundleError;
use crate::next_step;
use crate::value::canonical::CanonicalError;
use crate::value::digest::Digest;
use crate::value::error_code::{Class, Code, Fault};
use crate::value::name::Name;
use crate::value::next_step::{NextStep, Subject};
use crate::value::plural::{counted, quoted};
use crate::value::printable::Printable;
use crate::value::timestamp::Timestamp;
use crate::value::word_fingerprint::TypedFingerprint;
use std::io;
use std::path::{Path, PathBuf};

/// An error about keys, trust roots and signatures.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TrustError {
    #[error("trust root `{}` not found", Printable(.path.to_string_lossy()))]
    Missing { path: PathBuf, source: io::Error },
    #[error("cannot read the trust root `{}`", Printable(.path.to_string_lossy()))]
    Read { path: PathBuf, source: io::Error },
    /// What is wrong with the content of a file that the user named.
    #[error("`{}`: {source}", Printable(.path.to_string_lossy()))]
    InFile { path: PathBuf, source: Box<Self> },
    #[error("{document} is not in canonical form")]
    Canonical { document: &'static str, source: CanonicalError },
    #[error("{document} is invalid: {reason}")]
    Format { document: &'static str, reason: String },
    #[error("{what}: {found} exceeds the limit of {limit}")]
    Limit { what: &'static str, found: u64, limit: u64 },
    #[error("invalid key id `{}`: expected 64 lower-case hexadecimal digits", Printable(.found))]
    KeyId { found: String },

    #[error("invalid trust root version {version}: {reason}")]
    Root { version: u64, reason: String },
    #[error("trust root version {version} is not a valid successor of version {}", .version.saturating_sub(1))]
    Step { version: u64, source: Box<TrustError> },
    #[error(
        "trust root version {version} was created at {created}, more than a day in the future: the clock shows {now}"
    )]
    Future { version: u64, created: Timestamp, now: Timestamp },
    #[error("the chain of trust roots has a gap: expected version {expected}, found {found}")]
    Sequence { expected: u64, found: u64 },
    #[error(
        "the bundle was sealed under a different trust root: your version {version} has fingerprint {pinned}, the bundle's has {found}"
    )]
    Foreign { version: u64, pinned: Fingerprint, found: Fingerprint },

    #[error("trust root version {version} is a proposal without enough signatures: {}", tallied(.tallies))]
    Unfinished { version: u64, tallies: Vec<SignatureTally> },
    #[error("the trust root does not match the fingerprint `{typed}`")]
    FingerprintDiffers { typed: TypedFingerprint },
    #[error("the file has trust root version {version} without the versions before it")]
    ChainMissing { version: u64 },
    #[error("cannot change the trust root: {reason}")]
    Change { reason: String },
    #[error(
        "the key {key} is not a root key of version {version} or of the version before it, so its signature would not count"
    )]
    NoPart { key: KeyId, version: u64 },

    #[error("invalid key: {reason}")]
    Key { reason: &'static str },
    #[error("the secret key does not match the public key: expected key {expected}, found {found}")]
    KeyMismatch { expected: KeyId, found: KeyId },
    #[error("the key file demands {found} to open, which exceeds the limit")]
    KeyFileCost { found: String },
    #[error("invalid key file: {reason}")]
    KeyFileForm { reason: &'static str },
    #[error("the key file is not encrypted")]
    KeyFilePlain,
    #[error("cannot read the key file `{}`", Printable(.path.to_string_lossy()))]
    KeyFileRead { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", Printable(.path.to_string_lossy()))]
    KeyFileWrite { path: PathBuf, source: io::Error },
    #[error("`{}` already exists, and key files are never overwritten", Printable(.path.to_string_lossy()))]
    KeyFileExists { path: PathBuf },
    #[error("`{}` is a link, a directory or a device, not a regular file", Printable(.path.to_string_lossy()))]
    KeyFileKind { path: PathBuf },
    #[error("`{}` is readable by others: its mode is {mode:04o}, expected 0600", Printable(.path.to_string_lossy()))]
    KeyFileMode { path: PathBuf, mode: u32 },
    #[error("wrong passphrase for this key")]
    Passphrase,
    #[error("the passphrase is empty")]
    PassphraseEmpty,
    #[error("the system returned no random bytes")]
    Entropy { source: getrandom::Error },

    #[error("no ssh-agent found: SSH_AUTH_SOCK is not set")]
    AgentUnknown,
    #[error("cannot ask the ssh-agent at `{}`", Printable(.socket.to_string_lossy()))]
    AgentFailed { socket: PathBuf, source: io::Error },
    #[error("invalid answer from the ssh-agent: {reason}")]
    AgentAnswer { reason: &'static str },
    #[error("the ssh-agent lists no keys: it holds none or is locked; expected key {key}")]
    AgentEmpty { key: KeyId },
    #[error("the ssh-agent does not hold key {key}, only {}", counted(*.held as u64, "other"))]
    AgentWithout { key: KeyId, held: usize },
    #[error("the ssh-agent holds key {key} but refused to sign with it")]
    AgentRefused { key: KeyId },
    #[error("the ssh-agent returned a signature that key {key} did not make")]
    AgentSignature { key: KeyId },

    #[error("the envelope has payload type `{}`, expected `{expected}`", Printable(.found))]
    PayloadType { expected: &'static str, found: String },
    #[error("signature {number} has {found} bytes, expected 64")]
    SignatureLength { number: usize, found: usize },
    #[error("signed by key {found}, expected {expected}")]
    OtherSigner { expected: KeyId, found: KeyId },
    #[error("invalid signature: key {key} did not sign this")]
    NotItsSignature { key: KeyId },
    #[error("a signature does not match the key id it carries: {who}")]
    Tampered { who: Who },
    #[error("{0}")]
    Threshold(Box<Shortfall>),

    #[error("{0}")]
    Unapproved(Box<CountedApprovals>),
    #[error("the trust root gives key {key} no approver role for scenario `{scenario}`")]
    NoApprover { key: KeyId, scenario: Name },
    #[error("the trust root gives key {key} no packer role for scenario `{scenario}`")]
    NoPacker { key: KeyId, scenario: Name },
    #[error("cannot read the approvals `{}`", Printable(.path.to_string_lossy()))]
    ApprovalsRead { path: PathBuf, source: io::Error },
    #[error("trust root version {version} revokes statement {statement}")]
    Revoked { version: u64, statement: Digest },
    #[error("the bundle requires trust root version {claimed}, the newest verified version is {newest}")]
    RootVersion { claimed: u64, newest: u64 },
    #[error("the bundle has epoch {claimed}, its trust root has epoch {expected}")]
    Epoch { claimed: u64, expected: u64 },
    #[error("{what} expired at {expired}; now is {now}")]
    Expired { what: String, expired: Timestamp, now: Timestamp },
    /// What was found while verified bytes were read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

fn tallied(tallies: &[SignatureTally]) -> String {
    let open = tallies.iter().filter(|tally| tally.lacks() > 0);
    open.map(SignatureTally::to_string).collect::<Vec<_>>().join("; ")
}

impl TrustError {
    /// Says which file it was about, where it does not say so already.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            Self::KeyFileRead { .. } | Self::KeyFileKind { .. } | Self::KeyFileMode { .. } => self,
            other => Self::InFile { path: path.to_owned(), source: Box::new(other) },
        }
    }
}

impl Fault for TrustError {
    fn code(&self) -> Code {
        match self {
            Self::InFile { source, .. } => source.code(),
            Self::Missing { .. } | Self::Read { .. } => codes::TRUST_MISSING,
            Self::Canonical { source: CanonicalError::Length { .. }, .. } | Self::Limit { .. } => {
                codes::TRUST_LIMIT
            }
            Self::Canonical { .. } | Self::Format { .. } | Self::KeyId { .. } => codes::TRUST_FORMAT,
            // Tampering stays tampering; every other reason why a step does not hold is the root's.
            Self::Step { source, .. } if matches!(**source, Self::Tampered { .. }) => codes::TRUST_TAMPERED,
            Self::Root { .. } | Self::Step { .. } | Self::Sequence { .. } => codes::TRUST_ROOT,
            Self::Foreign { .. } => codes::TRUST_FOREIGN,
            Self::Future { .. } => codes::TRUST_FUTURE,
            Self::Unfinished { .. } => codes::TRUST_UNFINISHED,
            Self::FingerprintDiffers { .. } => codes::TRUST_FINGERPRINT,
            Self::ChainMissing { .. } => codes::TRUST_CHAIN,
            Self::Change { .. } | Self::NoPart { .. } => codes::TRUST_CHANGE,
            Self::Key { .. } | Self::KeyMismatch { .. } | Self::KeyFileCost { .. } => codes::TRUST_KEY,
            Self::KeyFileForm { .. }
            | Self::KeyFilePlain
            | Self::KeyFileRead { .. }
            | Self::KeyFileWrite { .. }
            | Self::KeyFileExists { .. }
            | Self::KeyFileKind { .. }
            | Self::KeyFileMode { .. } => codes::TRUST_KEY_FILE,
            Self::Passphrase | Self::PassphraseEmpty => codes::TRUST_PASSPHRASE,
            Self::Entropy { .. } => codes::TRUST_ENTROPY,
            Self::AgentUnknown
            | Self::AgentFailed { .. }
            | Self::AgentAnswer { .. }
            | Self::AgentEmpty { .. }
            | Self::AgentWithout { .. }
            | Self::AgentRefused { .. }
            | Self::AgentSignature { .. } => codes::TRUST_AGENT,
            Self::PayloadType { .. } | Self::SignatureLength { .. } | Self::OtherSigner { .. } => {
                codes::TRUST_SIGNATURE
            }
            Self::Tampered { .. } | Self::NotItsSignature { .. } => codes::TRUST_TAMPERED,
            Self::Threshold(_) => codes::TRUST_THRESHOLD,
            Self::NoPacker { .. } => codes::TRUST_PACKER,
            Self::Unapproved(_) => codes::TRUST_UNAPPROVED,
            Self::NoApprover { .. } | Self::ApprovalsRead { .. } => codes::TRUST_APPROVER,
            Self::Revoked { .. } => codes::TRUST_REVOKED,
            Self::RootVersion { .. } | Self::Epoch { .. } => codes::TRUST_EPOCH,
            Self::Expired { .. } => codes::TRUST_EXPIRED,
            Self::Bundle(error) => error.code(),
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table with one row for each error")]
    fn hint(&self) -> Option<NextStep> {
        let text = match self {
            Self::InFile { path, source } if matches!(**source, Self::Unfinished { .. }) => {
                return Some(next_step![format!(
                    "each missing holder signs it: `sealift trust sign {} --key KEY`",
                    quoted(path)
                )]);
            }
            Self::InFile { source, .. } if matches!(**source, Self::FingerprintDiffers { .. }) => {
                return source.hint();
            }
            Self::InFile { source, .. } if matches!(**source, Self::Future { .. }) => return source.hint(),
            // The file itself, and not a bundle, is what is rejected.
            Self::InFile { source, .. }
                if source.code().class() == Class::Rejected && source.code() != codes::TRUST_KEY =>
            {
                next_step!["check that this is the right file; if it is, get it again from its author"]
            }
            Self::InFile { source, .. } => return source.hint(),
            Self::Missing { .. } | Self::Read { .. } => {
                next_step![
                    "get the trust root from the administrators of your signing keys, not from the medium that carries the bundle"
                ]
            }
            Self::Foreign { .. } => {
                next_step![
                    "compare both fingerprints with the administrators of your signing keys by telephone; do not install this bundle until they match"
                ]
            }
            Self::Canonical { .. }
            | Self::Format { .. }
            | Self::Limit { .. }
            | Self::Root { .. }
            | Self::Step { .. }
            | Self::Sequence { .. }
            | Self::PayloadType { .. }
            | Self::SignatureLength { .. }
            | Self::Tampered { .. }
            | Self::NotItsSignature { .. }
            | Self::Epoch { .. } => {
                next_step!["do not use this bundle; keep the medium and contact the packer"]
            }
            Self::Threshold(shortfall) if !shortfall.revoked.is_empty() => {
                next_step![
                    "a key that signed was revoked: ask for a newer bundle; if that key was stolen, keep this one as evidence"
                ]
            }
            Self::Threshold(shortfall) if shortfall.role == Role::Packer && !shortfall.found.is_empty() => {
                next_step![
                    "each missing packer runs `sealift cosign ",
                    Subject::Bundle,
                    " --trust ",
                    Subject::TrustRoot,
                    " --key KEY`; or pass all keys to one `pack`"
                ]
            }
            Self::Threshold(_) => {
                next_step!["more keys have to sign: pass each with its own `--key` to `pack` or `trust init`"]
            }
            Self::OtherSigner { .. } => {
                next_step!["pass the public key of the site that made it: `--key SITE.pub`"]
            }
            Self::Unapproved(_) => {
                next_step![
                    "each missing approver reviews the bundle and runs `sealift approve ",
                    Subject::Bundle,
                    " --trust ",
                    Subject::TrustRoot,
                    " --key KEY`; carry the resulting file along with the bundle"
                ]
            }
            Self::NoApprover { .. } => {
                next_step!["see who may approve: `sealift trust show ", Subject::TrustRoot, "`"]
            }
            Self::NoPacker { .. } => {
                next_step!["see who may pack: `sealift trust show ", Subject::TrustRoot, "`"]
            }
            Self::ApprovalsRead { .. } => {
                next_step!["pass a readable file of approvals: `--approvals FILE`"]
            }
            Self::KeyId { .. } => next_step!["show a key's id with `sealift key show KEY.pub`"],
            Self::Unfinished { .. } => {
                next_step![
                    "each missing holder signs it: `sealift trust sign ",
                    Subject::TrustRoot,
                    " --key KEY`"
                ]
            }
            Self::FingerprintDiffers { .. } => {
                next_step![
                    "call the administrators of your signing keys at a number you already had and ask for the right fingerprint; do not use this file until it matches"
                ]
            }
            Self::ChainMissing { .. } => {
                next_step![
                    "use the complete root file, which starts at version 1; sites need only the last line, packers need all of them"
                ]
            }
            Self::Change { .. } => {
                next_step!["see its current content: `sealift trust show ", Subject::TrustRoot, "`"]
            }
            Self::NoPart { .. } => {
                next_step!["see who has the role `root`: `sealift trust show ", Subject::TrustRoot, "`"]
            }
            Self::Key { .. } | Self::KeyFileCost { .. } => {
                next_step!["create a new key with `sealift key new NAME`"]
            }
            Self::KeyMismatch { .. } => next_step!["pass the secret key that belongs to the public key"],
            Self::KeyFileForm { .. } => {
                next_step![
                    "pass a key made by `sealift key new NAME` or `openssl genpkey -algorithm ed25519 -aes256 -out NAME.key`"
                ]
            }
            Self::KeyFilePlain => {
                next_step![
                    "encrypt it: `openssl pkcs8 -topk8 -scrypt -in OLD.key -out NEW.key && chmod 600 NEW.key`"
                ]
            }
            Self::KeyFileExists { .. } => next_step!["choose another file name, or move the old key away"],
            Self::KeyFileKind { .. } => next_step!["pass the key file itself"],
            Self::Bundle(error) => return error.hint(),
            Self::KeyFileMode { path, .. } => return Some(next_step![format!("chmod 600 {}", quoted(path))]),
            Self::Passphrase => {
                next_step!["try the passphrase again; check the keyboard layout and caps lock"]
            }
            Self::PassphraseEmpty => next_step!["choose a passphrase"],
            Self::RootVersion { .. } => next_step!["ask for the trust roots that belong to this bundle"],
            Self::Revoked { .. } => next_step!["ask for a newer bundle; this one was revoked"],
            Self::Future { .. } => {
                next_step![
                    "check the clock with `date -u`; if it is right, the trust root has to be created again with the right time"
                ]
            }
            Self::Expired { what, .. } if what.starts_with("trust root") => {
                next_step![
                    "check the clock with `date -u`; if it is right, ask the administrators of your signing keys for a newer trust root"
                ]
            }
            Self::Expired { .. } => {
                next_step!["check the clock with `date -u`; if it is right, ask for a newer bundle"]
            }
            Self::KeyFileRead { path, source } if source.kind() == io::ErrorKind::NotFound => {
                let name = quoted(path.with_extension(""));
                return Some(next_step![format!(
                    "pass an existing key file, or create one: `sealift key new {name}`"
                )]);
            }
            Self::KeyFileRead { .. } => next_step!["check the permissions of the file"],
            Self::KeyFileWrite { .. } => next_step!["check free space and permissions"],
            Self::AgentUnknown | Self::AgentFailed { .. } => {
                next_step!["start one and add the key: `eval \"$(ssh-agent)\" && ssh-add KEY`"]
            }
            Self::AgentEmpty { .. } => {
                next_step!["unlock it with `ssh-add -X`, or add the key with `ssh-add KEY`"]
            }
            Self::AgentWithout { .. } => {
                next_step!["add the key with `ssh-add KEY`; `ssh-add -L` lists the keys it holds"]
            }
            Self::AgentRefused { .. } => {
                next_step!["confirm the request of the agent, or add the key again with `ssh-add KEY`"]
            }
            Self::AgentAnswer { .. } | Self::AgentSignature { .. } => {
                next_step!["check what listens on that socket: `echo $SSH_AUTH_SOCK`; nothing was signed"]
            }
            Self::Entropy { .. } => return None,
        };
        Some(text)
    }
}
