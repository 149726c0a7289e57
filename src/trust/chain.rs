//! From the one root that a person chose to the newest that follows from it.

use super::TrustError;
use super::envelope::{Envelope, PayloadType};
use super::root::{Role, Root};
use super::threshold::count;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::serde_as_text;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::str::FromStr;

/// What a person compares before a root is trusted for the first time: SHA-256 of the root's payload, all 64
/// digits, in groups of four. `base64 -d` of `payload` in `root.json`, then `sha256sum`, shows the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// The digest itself.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.0
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

impl FromStr for Fingerprint {
    type Err = TrustError;

    /// All 64 digits, with or without the gaps; never a part of them.
    fn from_str(text: &str) -> Result<Self, TrustError> {
        let digits: String = text.chars().filter(|character| *character != ' ').collect();
        Digest::from_hex(&digits).map(Self).map_err(|_| TrustError::Fingerprint { found: text.to_owned() })
    }
}

serde_as_text!(Fingerprint);

/// A root in its envelope: well formed, and not yet believed.
///
/// Also what goes from hand to hand until enough have signed.
#[derive(Clone)]
pub struct SignedRoot {
    envelope: Envelope,
    root: Root,
}

impl SignedRoot {
    /// Reads one envelope. A line break at the end, which editors and `cat` like, is allowed.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self::from_envelope(Envelope::parse(bytes, PayloadType::Root, limits)?, limits)
    }

    /// A root that was just signed.
    pub fn from_envelope(envelope: Envelope, limits: &Limits) -> Result<Self, TrustError> {
        let root = Root::parse(envelope.payload(), limits)?;
        Ok(Self { envelope, root })
    }

    /// What the signers are asked to sign: a proposal until [`PinnedRoot`] or [`Chain`] says otherwise.
    #[must_use]
    pub fn proposal(&self) -> &Root {
        &self.root
    }

    /// The envelope, to write it or to add a signature.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What a person compares.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.envelope.payload_digest())
    }

    /// Enough of its own root keys signed it.
    fn stands_alone(&self) -> Result<(), TrustError> {
        count(&self.envelope, &self.root, Role::Root, None).map(drop)
    }

    /// Enough of the root keys before it and of its own signed it: the old ones, so that nobody else can
    /// follow; its own, so that nobody is locked out by keys that do not work (S22).
    fn follows(&self, previous: &Root) -> Result<(), TrustError> {
        let version = self.root.version();
        let expected = previous.version().saturating_add(1);
        if version != expected {
            return Err(TrustError::Sequence { expected, found: version });
        }
        if self.root.epoch() < previous.epoch() {
            let reason = format!("its epoch is lower than the {} before it", previous.epoch());
            return Err(TrustError::Root { version, reason });
        }
        count(&self.envelope, previous, Role::Root, None)
            .map(drop)
            .and_then(|()| self.stands_alone())
            .map_err(|source| TrustError::Step { version, source: Box::new(source) })
    }
}

/// A root that is trusted: one that a person chose by comparing its fingerprint, or one that follows from such a root.
#[derive(Clone)]
pub struct PinnedRoot(SignedRoot);

impl fmt::Debug for PinnedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedRoot(version {}, {})", self.root().version(), self.fingerprint())
    }
}

impl PinnedRoot {
    /// Reads a `root.json`: one envelope, signed by the threshold of its own root keys.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let signed = SignedRoot::parse(bytes, limits)?;
        signed.stands_alone()?;
        Ok(Self(signed))
    }

    /// Reads a `root.json` from a file.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, TrustError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TrustError::Missing { path: path.to_owned(), source },
            _ => TrustError::Read { path: path.to_owned(), source },
        };
        let ceiling = Envelope::encoded_len(PayloadType::Root, limits.root, limits.signatures);
        let mut bytes = Vec::new();
        // One byte for the line break, one to notice what is too long.
        let file = File::open(path).map_err(failed)?;
        file.take(ceiling.saturating_add(2)).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&bytes, limits).map_err(|error| error.in_file(path))
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// What a person compares.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// The envelope, which is also the line of the chain.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }
}

/// Every root from version 1, as it travels with each bundle: so a site that missed three rotations catches
/// up offline.
pub struct Chain(Vec<SignedRoot>);

impl Chain {
    /// Reads a chain: one envelope a line, versions 1, 2, 3, ... without a gap (S23). Believes nothing.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let document = "the chain of trust roots";
        let found = bytes.len() as u64;
        if found > limits.roots {
            return Err(TrustError::Limit { what: "bytes of trust roots", found, ceiling: limits.roots });
        }
        let Some(text) = bytes.strip_suffix(b"\n") else {
            let reason = "it has to end with a line break".to_owned();
            return Err(TrustError::Format { document, reason });
        };
        // Counted before anything is parsed.
        let lines = text.split(|byte| *byte == b'\n').count();
        if lines > limits.root_versions {
            let (found, ceiling) = (lines as u64, limits.root_versions as u64);
            return Err(TrustError::Limit { what: "versions of the trust root", found, ceiling });
        }
        let mut roots = Vec::with_capacity(lines);
        for (line, expected) in text.split(|byte| *byte == b'\n').zip(1..) {
            let envelope = Envelope::parse(line, PayloadType::Root, limits)?;
            let signed = SignedRoot::from_envelope(envelope, limits)?;
            let found = signed.root.version();
            if found != expected {
                return Err(TrustError::Sequence { expected, found });
            }
            roots.push(signed);
        }
        Ok(Self(roots))
    }

    /// Writes the chain.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        let mut bytes = Vec::new();
        for signed in &self.0 {
            bytes.extend(signed.envelope.encode()?);
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// The newest root that follows from the pinned one. The pinned one itself, if nothing newer follows.
    ///
    /// The whole chain must hold, from version 1 on, so that no byte of it can change unnoticed; but what it leads to
    /// counts only from the pinned version on. A chain that does not reach the pinned version has nothing to add.
    /// An expired root on the way is no obstacle (S25); the one that comes out is judged by the caller with
    /// [`Root::check_expiry`].
    pub fn anchor(&self, pinned: &PinnedRoot) -> Result<PinnedRoot, TrustError> {
        let version = pinned.root().version();
        let same = self.0.iter().find(|signed| signed.root.version() == version);
        if let Some(same) = same.filter(|same| !same.envelope.is_over(pinned.envelope().payload())) {
            let (pinned, found) = (pinned.fingerprint(), same.fingerprint());
            return Err(TrustError::Foreign { version, pinned, found });
        }
        self.verify()?;
        match (same, self.0.last()) {
            (Some(_), Some(newest)) => Ok(PinnedRoot(newest.clone())),
            (None, _) | (_, None) => Ok(pinned.clone()),
        }
    }

    /// The newest root of a chain that holds from its very beginning.
    pub fn verify(&self) -> Result<&Root, TrustError> {
        let (first, rest) = self.0.split_first().ok_or(TrustError::Sequence { expected: 1, found: 0 })?;
        first.stands_alone()?;
        rest.iter().try_fold(&first.root, |previous, signed| signed.follows(previous).map(|()| &signed.root))
    }
}
