//! Signs with keys that an `ssh-agent` holds; the secret keys never leave it.
//!
//! The protocol is draft-ietf-sshm-ssh-agent, in OpenSSH the file `PROTOCOL.agent`. The agent is not trusted: its
//! answers are limited in size and time, and a signature counts only after it was verified here.

use crate::deadline::DeadlineStream;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::key::{PublicKey, Signer};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of the longest message, either way: what OpenSSH's agent takes.
const MAX_BYTES: u64 = 256 << 10;

// Numbers of messages: draft-ietf-sshm-ssh-agent, section 6.1.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Where an `ssh-agent` listens, and how long it may take.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its socket.
    pub socket: PathBuf,
    /// For one answer; an agent may have to ask its owner first.
    pub patience: Duration,
}

/// A key that an agent holds.
///
/// What sealift signs begins with the letters `DSSEv1`, what `ssh` signs with the length of a session id and so with a
/// zero byte, what `ssh-keygen -Y sign` signs with `SSHSIG`: a signature for one is never one for another.
pub struct AgentKey {
    agent: Agent,
    public: PublicKey,
}

impl AgentKey {
    /// A key by its public half. The agent is not asked before it has to sign.
    #[must_use]
    pub fn new(agent: Agent, public: PublicKey) -> Self {
        Self { agent, public }
    }

    /// Why the agent did not sign: it does not hold the key, or does not want to.
    fn refusal(&self) -> TrustError {
        let key = self.public.id();
        match self.agent.ask(&[REQUEST_IDENTITIES]).and_then(|answer| identities(&answer)) {
            Ok(held) if held.is_empty() => TrustError::AgentEmpty { key },
            Ok(held) if held.contains(&self.public.to_ssh()) => TrustError::AgentRefused { key },
            Ok(held) => TrustError::AgentWithout { key, held: held.len() },
            Err(error) => error,
        }
    }
}

impl Signer for AgentKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], TrustError> {
        // Without flags: those are for RSA.
        let request =
            [&[SIGN_REQUEST], string(&self.public.to_ssh()).as_slice(), &string(message), &[0; 4]].concat();
        let answer = self.agent.ask(&request)?;
        if answer == [FAILURE] {
            return Err(self.refusal());
        }
        let signature = signature(&answer)?;
        if self.public.verify(message, &signature) {
            Ok(signature)
        } else {
            Err(TrustError::AgentSignature { key: self.public.id() })
        }
    }
}

impl Agent {
    /// Sends one message and reads the one that answers it.
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, TrustError> {
        let what = "bytes of a message to an ssh-agent";
        let found = request.len() as u64;
        if found > MAX_BYTES {
            return Err(TrustError::Limit { what, found, limit: MAX_BYTES });
        }
        let failed = |source| TrustError::AgentFailed { socket: self.socket.clone(), source };
        let end = Instant::now() + self.patience;
        let mut line = DeadlineStream::to_socket(&self.socket, end).map_err(failed)?;
        line.write_all(&string(request)).map_err(failed)?;
        let mut length = [0; 4];
        line.read_exact(&mut length).map_err(failed)?;
        let length = u32::from_be_bytes(length);
        if u64::from(length) > MAX_BYTES {
            return Err(TrustError::AgentAnswer { reason: "it is longer than any answer" });
        }
        let mut answer = vec![0; usize::try_from(length).unwrap_or_default()];
        line.read_exact(&mut answer).map_err(failed)?;
        Ok(answer)
    }
}

/// The signature in an answer to `SIGN_REQUEST`.
fn signature(answer: &[u8]) -> Result<[u8; 64], TrustError> {
    let mut answer = Answer(answer);
    answer.kind(SIGN_RESPONSE)?;
    let mut signature = Answer(answer.string()?);
    answer.end()?;
    if signature.string()? != PublicKey::SSH_TYPE.as_bytes() {
        return Err(TrustError::AgentAnswer { reason: "its signature is not of the type `ssh-ed25519`" });
    }
    let raw = signature.string()?;
    signature.end()?;
    raw.try_into().map_err(|_| TrustError::AgentAnswer { reason: "its signature does not have 64 bytes" })
}

/// The keys in an answer to `REQUEST_IDENTITIES`, as SSH writes them.
fn identities(answer: &[u8]) -> Result<Vec<Vec<u8>>, TrustError> {
    let mut answer = Answer(answer);
    answer.kind(IDENTITIES_ANSWER)?;
    let mut keys = Vec::new();
    for _ in 0..answer.number()? {
        keys.push(answer.string()?.to_vec());
        let _comment = answer.string()?;
    }
    answer.end()?;
    Ok(keys)
}

/// A string as SSH writes it: its length in four bytes, then its bytes (RFC 4251, section 5).
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// What is left of an answer.
struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TrustError> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(TrustError::AgentAnswer { reason: "it ends too early" })?;
        self.0 = rest;
        Ok(taken)
    }

    fn kind(&mut self, expected: u8) -> Result<(), TrustError> {
        if self.take(1)? == [expected] {
            Ok(())
        } else {
            Err(TrustError::AgentAnswer { reason: "it answers another question" })
        }
    }

    fn number(&mut self) -> Result<u32, TrustError> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn string(&mut self) -> Result<&'a [u8], TrustError> {
        let length = self.number()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn end(&self) -> Result<(), TrustError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(TrustError::AgentAnswer { reason: "it goes on behind its end" })
        }
    }
}
