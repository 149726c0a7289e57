//! Root files: pinned by sites, packed by packers, and passed on by root holders until enough of them have signed.

use super::TrustError;
use super::chain::{Fingerprint, SignedRoot, in_sequence, lines, newest, write};
use super::envelope::Envelope;
use super::key::Signer;
use super::root::{Role, Root, RootDraft};
use super::threshold::SignatureTally;
use crate::value::limits::Limits;
use crate::value::timestamp::Timestamp;
use crate::value::word_fingerprint::TypedFingerprint;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// A root that is trusted: one that the user chose by comparing its fingerprint, or one that follows from such a root.
/// With it the versions before it, if its file has them.
#[derive(Clone)]
pub struct PinnedRoot(RootFile);

impl fmt::Debug for PinnedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedRoot(version {}, {})", self.root().version(), self.fingerprint())
    }
}

impl PinnedRoot {
    /// The last of a chain that begins with what is pinned.
    pub(super) fn following(roots: Vec<SignedRoot>) -> Result<Self, TrustError> {
        RootFile::of(roots)?.into_pinned()
    }

    /// Reads a `root.json`: one envelope of any version, or a chain from version 1 on. The newest is the one trusted.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        RootFile::parse(bytes, limits)?.into_pinned()
    }

    /// Reads a `root.json` from a file.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, TrustError> {
        RootFile::open(path, limits)?.into_pinned().map_err(|error| error.in_file(path))
    }

    /// Reads a `root.json` for the first time: only if its fingerprint is the one that the user typed, who has it by
    /// another way than the file.
    pub fn compared(bytes: &[u8], typed: &TypedFingerprint, limits: &Limits) -> Result<Self, TrustError> {
        let pinned = Self::parse(bytes, limits)?;
        if typed.is_of(pinned.fingerprint().digest()) {
            return Ok(pinned);
        }
        // The one expected is not named: it would be copied from here, and nothing would have been compared.
        Err(TrustError::FingerprintDiffers { typed: typed.clone() })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Root {
        self.0.last()
    }

    /// What the user compares.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// The envelope, which is also the line of the chain.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        self.0.last.envelope()
    }

    /// The file that it is in, with the versions that are known to lead to it or from the pinned one to it.
    #[must_use]
    pub fn file(&self) -> &RootFile {
        &self.0
    }

    /// Every version from the first on, as it travels with bundles; an error where the file has only the newest.
    pub fn chain(&self) -> Result<Vec<u8>, TrustError> {
        match self.0.versions().next() {
            Some(first) if first.proposal().version() == 1 => self.0.encode(),
            Some(_) | None => Err(TrustError::ChainMissing { version: self.root().version() }),
        }
    }
}

/// A version in a file, and who signed it.
#[derive(Debug, Clone)]
pub struct RootVersion {
    /// Its version.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// How far its signatures are: for the version before it, if the file has it, and for itself.
    pub tallies: Vec<SignatureTally>,
}

/// A file of trust roots. Its last line may be a proposal: a root that too few have signed, which no one trusts.
#[derive(Clone)]
pub struct RootFile {
    roots: Vec<SignedRoot>,
    last: SignedRoot,
    tallies: Vec<SignatureTally>,
}

impl RootFile {
    /// Reads a file of trust roots from its bytes: one envelope of any version, or a chain from version 1 on, one a
    /// line. Every step but the last has to hold.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let roots = lines(bytes, limits)?;
        if let [_, _, ..] = roots.as_slice() {
            in_sequence(&roots)?;
        }
        Self::of(roots)
    }

    /// Reads a file of trust roots.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, TrustError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TrustError::Missing { path: path.to_owned(), source },
            _ => TrustError::Read { path: path.to_owned(), source },
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        // One byte more, to notice what is too long.
        file.take(limits.roots.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&bytes, limits).map_err(|error| error.in_file(path))
    }

    /// Version 1, as these users want it, signed by those who are there.
    pub fn first(terms: RootDraft, signers: &[&dyn Signer], limits: &Limits) -> Result<Self, TrustError> {
        let envelope = drawn_up(None, terms)?.sign(signers)?;
        Self::of(vec![SignedRoot::from_envelope(envelope, limits)?])
    }

    /// One version, or several that follow from each other.
    fn of(mut roots: Vec<SignedRoot>) -> Result<Self, TrustError> {
        let last = roots.pop().ok_or(TrustError::Sequence { expected: 1, found: 0 })?;
        let mut tallies = Vec::new();
        if roots.is_empty() {
            // Without the version before it, no one can tell who else has to sign.
            if last.proposal().version() > 1 {
                last.stands_alone()?;
            }
            tallies.extend(last.tallies(None)?);
        } else {
            tallies.extend(last.tallies(Some(newest(&roots)?))?);
        }
        Ok(Self { roots, last, tallies })
    }

    /// The root to trust; an error for a proposal, which names who has yet to sign it.
    pub fn into_pinned(self) -> Result<PinnedRoot, TrustError> {
        if self.is_proposal() {
            let version = self.last().version();
            return Err(TrustError::Unfinished { version, tallies: self.tallies });
        }
        Ok(PinnedRoot(self))
    }

    /// Whether too few have signed the last line.
    #[must_use]
    pub fn is_proposal(&self) -> bool {
        self.tallies.iter().any(|tally| tally.lacks() > 0)
    }

    /// The root in the last line, which may be a proposal.
    #[must_use]
    pub fn last(&self) -> &Root {
        self.last.proposal()
    }

    /// What the user compares of the root in the last line.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.last.fingerprint()
    }

    /// The newest version that holds; nothing when the file is a proposal of version 1.
    #[must_use]
    pub fn newest(&self) -> Option<&Root> {
        if self.is_proposal() { self.before() } else { Some(self.last()) }
    }

    /// The version before the last line, if the file has it.
    #[must_use]
    pub fn before(&self) -> Option<&Root> {
        self.roots.last().map(SignedRoot::proposal)
    }

    /// Every version in the file, the oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &SignedRoot> {
        self.roots.iter().chain([&self.last])
    }

    /// How far the signatures of the last line are: for the version before it, if the file has it, and for itself.
    #[must_use]
    pub fn tallies(&self) -> &[SignatureTally] {
        &self.tallies
    }

    /// Every version in the file with who signed it, the oldest first.
    pub fn steps(&self) -> Result<Vec<RootVersion>, TrustError> {
        let mut previous = None;
        let mut steps = Vec::new();
        for signed in self.versions() {
            let root = signed.proposal();
            let tallies = signed.tallies(previous)?;
            steps.push(RootVersion { version: root.version(), created: root.created(), tallies });
            previous = Some(root);
        }
        Ok(steps)
    }

    /// The same file with these terms proposed as the next version; in place of a proposal that is still open,
    /// whose signatures are dropped with it.
    ///
    /// `now` is when they are proposed. A clock that is behind gives the time of the version before.
    pub fn propose(
        mut self,
        mut terms: RootDraft,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Self, TrustError> {
        if !self.is_proposal() {
            self.roots.push(self.last.clone());
        }
        in_sequence(&self.roots).map_err(|_| TrustError::ChainMissing { version: self.last().version() })?;
        terms.created = self.before().map_or(now, |before| now.max(before.created()));
        let next = drawn_up(self.before(), terms)?;
        self.roots.push(SignedRoot::from_envelope(next.sign(&[])?, limits)?);
        Self::parse(&write(&self.roots)?, limits)
    }

    /// The same file with these signatures on its proposal.
    pub fn sign(mut self, signers: &[&dyn Signer], limits: &Limits) -> Result<Self, TrustError> {
        if !self.is_proposal() {
            let version = self.last().version();
            return Err(TrustError::Change {
                reason: format!("version {version} is signed by enough already"),
            });
        }
        let mut envelope = self.last.envelope().clone();
        for signer in signers {
            let key = signer.public().id();
            let counts =
                |root: &Root| root.entry(Role::Root, None).is_some_and(|entry| entry.keys().contains(&key));
            if !counts(self.last()) && !self.before().is_some_and(counts) {
                return Err(TrustError::NoPart { key, version: self.last().version() });
            }
            envelope = envelope.cosign(*signer)?;
        }
        self.roots.push(SignedRoot::from_envelope(envelope, limits)?);
        Self::parse(&write(&self.roots)?, limits)
    }

    /// Writes the file: one envelope a line.
    pub fn encode(&self) -> Result<Vec<u8>, TrustError> {
        let mut bytes = write(&self.roots)?;
        bytes.extend(write(std::slice::from_ref(&self.last))?);
        Ok(bytes)
    }
}

/// The root that these terms make, behind another one or as the first.
fn drawn_up(before: Option<&Root>, terms: RootDraft) -> Result<Root, TrustError> {
    terms.can_be_met()?;
    let root = match before {
        Some(before) => before.next(terms),
        None => Root::new_v1(terms),
    };
    // What users asked for breaks a rule; no one has to be disbelieved for that.
    root.map_err(|error| match error {
        TrustError::Root { reason, .. } => TrustError::Change { reason },
        other => other,
    })
}
