//! Passphrases: from the terminal or a file descriptor, never from an argument or the environment.

use super::error::CliError;
use crate::trust::key_file;
use crate::trust::secret::{Passphrase, SecretKey};
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Where the passphrase of a key comes from.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from this file descriptor (0 is standard input), up to the first line break
    #[arg(long, value_name = "FD")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
    /// The passphrase of an existing key.
    pub(super) fn read(&self, what: &str) -> Result<Passphrase, CliError> {
        match self.passphrase_fd {
            Some(fd) => from_descriptor(fd),
            None => prompt(&format!("passphrase for {what}: ")),
        }
        .map(Passphrase::new)
    }

    /// The passphrase of a new key; a person types it twice.
    pub(super) fn choose(&self, what: &str) -> Result<Passphrase, CliError> {
        if self.passphrase_fd.is_some() {
            return self.read(what);
        }
        let first = prompt(&format!("new passphrase for {what}: "))?;
        if *prompt("the same again: ")? != *first {
            let message = "the two passphrases differ".to_owned();
            return Err(CliError::Usage { message, hint: Some("run the same command again".to_owned()) });
        }
        Ok(Passphrase::new(first))
    }

    /// Opens secret keys; with a descriptor, all of them have the one passphrase.
    pub(super) fn open(&self, paths: &[impl AsRef<Path>]) -> Result<Vec<SecretKey>, CliError> {
        let mut shared = None;
        let mut keys = Vec::new();
        for path in paths {
            let path = path.as_ref();
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
            let key = SecretKey::from_encrypted_pem(&pem, passphrase).map_err(|error| error.in_file(path))?;
            keys.push(key);
        }
        Ok(keys)
    }
}

fn prompt(question: &str) -> Result<Zeroizing<String>, CliError> {
    let text = rpassword::prompt_password(question).map_err(|source| CliError::Input {
        what: "the passphrase from the terminal".to_owned(),
        hint: "without a terminal, give it through a file descriptor: `--passphrase-fd 3 3< FILE`",
        source,
    })?;
    Ok(Zeroizing::new(text))
}

fn from_descriptor(fd: u32) -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Input {
        what: format!("the passphrase from file descriptor {fd}"),
        hint: "open the descriptor for reading in the shell: `--passphrase-fd 3 3< FILE`",
        source,
    };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(format!("/dev/fd/{fd}")).map_err(failed)?;
    file.take(4096).read_to_string(&mut text).map_err(failed)?;
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    text.truncate(end);
    Ok(text)
}
