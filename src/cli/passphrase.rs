//! Opens signing keys: key files, and keys held by an `ssh-agent`. Passphrases come from the terminal or a file
//! descriptor, never from an argument or the environment.

use super::error::CliError;
use super::term::Term;
use sealift_bundle::next_step;
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::key_file;
use sealift_bundle::trust::secret::{Passphrase, SecretKey};
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The value of `--key`.
#[derive(Debug, Clone)]
pub(super) enum KeyArg {
    /// A file with a secret key.
    File(PathBuf),
    /// `agent:PUB`: the public key file of a key held by an `ssh-agent`.
    Agent(PathBuf),
}

impl From<OsString> for KeyArg {
    fn from(text: OsString) -> Self {
        match text.as_bytes().strip_prefix(b"agent:") {
            Some(path) => Self::Agent(OsString::from_vec(path.to_vec()).into()),
            None => Self::File(text.into()),
        }
    }
}

impl KeyArg {
    /// The key file, secret or public; its name is the name of the key holder.
    pub(super) fn path(&self) -> &Path {
        let (Self::File(path) | Self::Agent(path)) = self;
        path
    }
}

/// Minimum length in characters of the passphrase of a new key (NIST SP 800-63B, section 5.1.1.2).
const SHORTEST: usize = 8;

fn is_short(passphrase: &str) -> bool {
    passphrase.chars().count() < SHORTEST
}

/// The source of a passphrase.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from this file descriptor, up to the first line break (0: standard input)
    #[arg(long, value_name = "FD")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
    /// Reads the passphrase of an existing key.
    pub(super) fn read(&self, what: &str) -> Result<Passphrase, CliError> {
        match self.passphrase_fd {
            Some(fd) => from_descriptor(fd),
            None => prompt(&format!("passphrase for {what}: ")),
        }
        .map(Passphrase::new)
    }

    /// Reads the passphrase of a new key, typed twice at a terminal.
    ///
    /// A short passphrase is an error at the terminal, but only a warning from a descriptor, where another program chose it.
    pub(super) fn choose(&self, term: &Term, what: &str) -> Result<Passphrase, CliError> {
        if let Some(fd) = self.passphrase_fd {
            let given = from_descriptor(fd)?;
            if is_short(&given) {
                term.warn(&format!(
                    "the passphrase of {what} has fewer than {SHORTEST} characters and can be guessed by anyone who obtains the file"
                ));
            }
            return Ok(Passphrase::new(given));
        }
        let first = prompt(&format!("new passphrase for {what}: "))?;
        if is_short(&first) {
            return Err(CliError::Usage {
                message: format!("the passphrase is too short: expected at least {SHORTEST} characters"),
                hint: Some(next_step![
                    "choose a longer passphrase, for example four or more unrelated words"
                ]),
            });
        }
        if *prompt("repeat the passphrase: ")? != *first {
            let message = "the passphrases do not match".to_owned();
            return Err(CliError::Usage { message, hint: Some(next_step!["run the command again"]) });
        }
        Ok(Passphrase::new(first))
    }

    /// Opens these keys for signing. With a descriptor, all key files share one passphrase; keys held by an agent need
    /// none.
    pub(super) fn open(&self, keys: &[KeyArg]) -> Result<Vec<Box<dyn Signer>>, CliError> {
        let mut shared = None;
        keys.iter()
            .map(|key| match key {
                KeyArg::File(path) => Ok(Box::new(self.open_file(path, &mut shared)?) as Box<dyn Signer>),
                KeyArg::Agent(path) => held_by_agent(path),
            })
            .collect()
    }

    fn open_file(&self, path: &Path, shared: &mut Option<Passphrase>) -> Result<SecretKey, CliError> {
        let pem = key_file::read_secret(path).map_err(|error| error.in_file(path))?;
        let asked;
        let passphrase = match (&shared, self.passphrase_fd) {
            (Some(passphrase), _) => passphrase,
            (None, Some(_)) => shared.insert(self.read("")?),
            (None, None) => {
                asked = self.read(&path.display().to_string())?;
                &asked
            }
        };
        Ok(SecretKey::from_encrypted_pem(&pem, passphrase).map_err(|error| error.in_file(path))?)
    }
}

/// Borrows the signers, as the signing functions take them.
pub(super) fn borrowed(signers: &[Box<dyn Signer>]) -> Vec<&dyn Signer> {
    signers.iter().map(|signer| &**signer).collect()
}

/// Long enough for an agent that asks the user to confirm.
#[cfg(feature = "agent")]
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(2);

#[cfg(feature = "agent")]
fn held_by_agent(path: &Path) -> Result<Box<dyn Signer>, CliError> {
    use sealift_net::agent::{Agent, AgentKey};
    let public = super::key::public(path)?;
    let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    let socket = socket.ok_or(sealift_bundle::trust::TrustError::AgentUnknown)?;
    Ok(Box::new(AgentKey::new(Agent { socket: socket.into(), patience: PATIENCE }, public)))
}

#[cfg(not(feature = "agent"))]
fn held_by_agent(path: &Path) -> Result<Box<dyn Signer>, CliError> {
    Err(CliError::Usage {
        message: format!("this build has no ssh-agent support, needed for `{}`", path.display()),
        hint: Some(next_step!["pass a secret key file, or build with `--features agent`"]),
    })
}

fn prompt(question: &str) -> Result<Zeroizing<String>, CliError> {
    let text = rpassword::prompt_password(question).map_err(|source| CliError::Input {
        what: "the passphrase from the terminal".to_owned(),
        hint: "without a terminal, pass it through a file descriptor: `--passphrase-fd 3 3< FILE`",
        source,
    })?;
    Ok(Zeroizing::new(text))
}

/// Maximum number of bytes read from a descriptor.
const MOST: usize = 4096;

fn from_descriptor(fd: u32) -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Input {
        what: format!("the passphrase from file descriptor {fd}"),
        hint: "open the descriptor for reading in the shell: `--passphrase-fd 3 3< FILE`",
        source,
    };
    let mut file = std::fs::File::open(format!("/dev/fd/{fd}")).map_err(failed)?;
    // Allocated at full size: a growing buffer would leave copies in memory that are not wiped.
    let mut bytes = Zeroizing::new([0; MOST]);
    let mut count = 0;
    while let Some(free) = bytes.get_mut(count..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed(source)),
        }
    }
    let read = bytes.get(..count).unwrap_or_default();
    let end = read.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(count);
    let line = std::str::from_utf8(read.get(..end).unwrap_or_default());
    let line = line.map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
    let mut text = Zeroizing::new(String::with_capacity(line.len()));
    text.push_str(line);
    Ok(text)
}
