//! Follows the chain of trust roots from the pinned one to the newest.

use super::TrustError;
use super::envelope::{Envelope, PayloadType};
use super::root::{Role, Root};
pub use super::root_file::PinnedRoot;
use super::threshold::{SignatureTally, count};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::word_fingerprint::WordFingerprint;
use std::fmt;

/// What the user compares before a root is trusted for the first time: SHA-256 of the root's payload, all 64
/// digits in groups of four, or ten words. `base64 -d` of `payload` in `root.json`, then `sha256sum`, shows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// The digest itself.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.0
    }

    /// The ten words.
    #[must_use]
    pub fn spoken(&self) -> WordFingerprint {
        WordFingerprint(self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.0.hex();
        for (at, digit) in hex.chars().enumerate() {
            let gap = if at > 0 && at % 4 == 0 { " " } else { "" };
            write!(f, "{gap}{digit}")?;
        }
        Ok(())
    }
}

/// A root in its envelope: well formed, and not yet verified.
///
/// Also what goes from hand to hand until enough have signed.
#[derive(Clone)]
pub struct SignedRoot {
    envelope: Envelope,
    root: Root,
}

impl SignedRoot {
    /// A root that was just signed.
    pub(crate) fn from_envelope(envelope: Envelope, limits: &Limits) -> Result<Self, TrustError> {
        let root = Root::parse(envelope.payload(), limits)?;
        Ok(Self { envelope, root })
    }

    /// What the signers are asked to sign: a proposal until [`RootFile`](super::root_file::RootFile) or [`Chain`] says otherwise.
    #[must_use]
    pub fn proposal(&self) -> &Root {
        &self.root
    }

    /// The envelope, to write it or to add a signature.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What the user compares.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.envelope.payload_digest())
    }

    /// Enough of its own root keys signed it.
    pub(super) fn stands_alone(&self) -> Result<(), TrustError> {
        count(&self.envelope, &self.root, Role::Root, None).map(drop)
    }

    /// Enough of the root keys before it and of its own signed it: the old ones, so that no one else can
    /// follow; its own, so that no one is locked out by keys that do not work (S22).
    fn follows(&self, previous: &Root) -> Result<(), TrustError> {
        let version = self.root.version();
        self.may_follow(previous)?;
        count(&self.envelope, previous, Role::Root, None)
            .map(drop)
            .and_then(|()| self.stands_alone())
            .map_err(|source| TrustError::Step { version, source: Box::new(source) })
    }

    /// What a root has to say to follow another one, anyone who signed it.
    fn may_follow(&self, previous: &Root) -> Result<(), TrustError> {
        let version = self.root.version();
        let expected = previous.version().saturating_add(1);
        if version != expected {
            return Err(TrustError::Sequence { expected, found: version });
        }
        if self.root.epoch() < previous.epoch() {
            let reason = format!("its epoch is lower than the {} before it", previous.epoch());
            return Err(TrustError::Root { version, reason });
        }
        if self.root.created() < previous.created() {
            let reason = format!("it was made before the root before it, at {}", previous.created());
            return Err(TrustError::Root { version, reason });
        }
        Ok(())
    }

    /// How far its signatures are: for the root before it, where there is one, and for itself.
    pub(super) fn tallies(&self, previous: Option<&Root>) -> Result<Vec<SignatureTally>, TrustError> {
        if let Some(previous) = previous {
            self.may_follow(previous)?;
        }
        let roots = previous.into_iter().chain([&self.root]);
        roots.map(|root| SignatureTally::of(&self.envelope, root)).collect()
    }
}

/// Reads one envelope a line; the last line may lack its line break.
pub(super) fn lines(bytes: &[u8], limits: &Limits) -> Result<Vec<SignedRoot>, TrustError> {
    let found = bytes.len() as u64;
    if found > limits.roots {
        return Err(TrustError::Limit { what: "bytes of trust roots", found, limit: limits.roots });
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    // Counted before anything is parsed.
    let lines = text.split(|byte| *byte == b'\n').count();
    if lines > limits.root_versions {
        let (found, limit) = (lines as u64, limits.root_versions as u64);
        return Err(TrustError::Limit { what: "versions of the trust root", found, limit });
    }
    let line = |line| SignedRoot::from_envelope(Envelope::parse(line, PayloadType::Root, limits)?, limits);
    text.split(|byte| *byte == b'\n').map(line).collect()
}

/// Versions 1, 2, 3, ... without a gap (S23).
pub(super) fn in_sequence(roots: &[SignedRoot]) -> Result<(), TrustError> {
    match roots.iter().zip(1..).find(|(signed, expected)| signed.root.version() != *expected) {
        Some((signed, expected)) => Err(TrustError::Sequence { expected, found: signed.root.version() }),
        None => Ok(()),
    }
}

/// Writes one envelope a line.
pub(super) fn write(roots: &[SignedRoot]) -> Result<Vec<u8>, TrustError> {
    Envelope::encode_lines(roots.iter().map(|signed| &signed.envelope))
}

/// The newest root of a chain that holds from its very beginning.
pub(super) fn newest(roots: &[SignedRoot]) -> Result<&Root, TrustError> {
    let (first, rest) = roots.split_first().ok_or(TrustError::Sequence { expected: 1, found: 0 })?;
    first.stands_alone()?;
    rest.iter().try_fold(&first.root, |previous, signed| signed.follows(previous).map(|()| &signed.root))
}

/// Every root from version 1, as it travels with each bundle: so a site that missed three rotations catches
/// up offline.
pub struct Chain(Vec<SignedRoot>);

impl Chain {
    /// Reads a chain: one envelope a line, versions 1, 2, 3, ... without a gap (S23). Verifies nothing.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        if !bytes.ends_with(b"\n") && bytes.len() as u64 <= limits.roots {
            let reason = "it has to end with a line break".to_owned();
            return Err(TrustError::Format { document: "the chain of trust roots", reason });
        }
        let roots = lines(bytes, limits)?;
        in_sequence(&roots)?;
        Ok(Self(roots))
    }

    /// Writes the chain.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        write(&self.0)
    }

    /// The pinned root with what follows from it; the pinned one alone if nothing newer follows.
    ///
    /// The whole chain must hold, from version 1 on, and every version that is pinned must be the one that is pinned. Nothing
    /// links what precedes the first pinned version: anyone who carries the bundle can write another past there and
    /// sign the pinned version with its keys as well. So none of it is in what comes out.
    /// An expired root on the way is not an obstacle (S25); the one that comes out is judged by the caller with
    /// [`Root::check_expiry`].
    pub fn anchor(&self, pinned: &PinnedRoot) -> Result<PinnedRoot, TrustError> {
        for known in pinned.file().versions() {
            let version = known.root.version();
            let found = self.0.iter().find(|signed| signed.root.version() == version);
            if let Some(found) = found.filter(|found| !found.envelope.is_over(known.envelope.payload())) {
                let (pinned, found) = (known.fingerprint(), found.fingerprint());
                return Err(TrustError::Foreign { version, pinned, found });
            }
        }
        self.verify()?;
        let version = pinned.root().version();
        let newer: Vec<_> = self.0.iter().filter(|signed| signed.root.version() > version).cloned().collect();
        if newer.is_empty() {
            return Ok(pinned.clone());
        }
        PinnedRoot::following(pinned.file().versions().cloned().chain(newer).collect())
    }

    /// The newest root of a chain that holds from its very beginning.
    pub fn verify(&self) -> Result<&Root, TrustError> {
        newest(&self.0)
    }
}
