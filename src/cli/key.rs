//! `sealift key`

use super::error::CliError;
use super::passphrase::PassphraseArgs;
use super::term::Term;
use sealift_bundle::trust::key::{PublicKey, Signer as _};
use sealift_bundle::trust::key_file;
use sealift_bundle::trust::secret::SecretKey;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Create and show keys
///
/// A key can also be held by an `ssh-agent`, and so by a hardware token that the agent supports: create it with
/// `ssh-keygen -t ed25519 -f NAME`, load it with `ssh-add`, and pass `--key agent:NAME.pub`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create a key pair: NAME.key (secret, encrypted with a passphrase) and NAME.pub
    New {
        /// Path of the two files, without the extension
        name: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Show the id of a public key, in hexadecimal and in words
    Show {
        /// The public key: PEM, or the one-line format of `ssh-keygen`
        file: PathBuf,
    },
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::New { name, passphrase } => new(term, &name, &passphrase),
            Verb::Show { file } => show(term, &public(&file)?, &file),
        }
    }
}

/// Reads a public key; errors name the file.
pub(super) fn public(file: &Path) -> Result<PublicKey, CliError> {
    Ok(key_file::read_public(file).map_err(|error| error.in_file(file))?)
}

fn new(term: &Term, name: &Path, passphrase: &PassphraseArgs) -> Result<(), CliError> {
    let ending = |ending: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let (secret, public) = (ending(".key"), ending(".pub"));
    for path in [&secret, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(sealift_bundle::trust::TrustError::KeyFileExists { path: path.clone() }.into());
        }
    }
    let key = SecretKey::generate()?;
    let pem = key.to_encrypted_pem(&passphrase.choose(term, &secret.display().to_string())?)?;
    key_file::write_secret(&secret, &pem)?;
    key_file::write_public(&public, key.public())?;
    term.say(&format!("wrote {} (secret, do not share) and {}", secret.display(), public.display()));
    show(term, key.public(), &public)
}

fn show(term: &Term, key: &PublicKey, file: &Path) -> Result<(), CliError> {
    let (id, words) = (key.id().to_string(), key.id().spoken().to_string());
    let text = format!("{id}  {}\n  {words}\n", file.display());
    term.data("key", &json!({ "file": file, "id": id, "words": words }), &text)
}
