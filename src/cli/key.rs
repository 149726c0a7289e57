//! `sealift key`

use super::error::CliError;
use super::passphrase::PassphraseArgs;
use super::term::Term;
use sealift_bundle::trust::key::{PublicKey, Signer as _};
use sealift_bundle::trust::key_file;
use sealift_bundle::trust::secret::SecretKey;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make and show keys
///
/// A key can also stay in an `ssh-agent`, and so on a token that one knows: make it with `ssh-keygen -t ed25519 -f NAME`,
/// load it with `ssh-add`, and write `agent:NAME.pub` wherever a command takes `--key`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a key: NAME.key (encrypted, for you alone) and NAME.pub
    New {
        /// Path of the two files, without their endings
        name: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Show the id of a public key, in digits and in words
    Show {
        /// The public key: PEM, or the line that `ssh-keygen` writes
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

/// Reads a public key, and names the file when there is something wrong with it.
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
    term.say(&format!("wrote {} (keep it to yourself) and {}", secret.display(), public.display()));
    show(term, key.public(), &public)
}

fn show(term: &Term, key: &PublicKey, file: &Path) -> Result<(), CliError> {
    let (id, words) = (key.id().to_string(), key.id().spoken().to_string());
    let text = format!("{id}  {}\n  {words}\n", file.display());
    term.data("key", &json!({ "file": file, "id": id, "words": words }), &text)
}
