//! `sealift pack`

use super::error::CliError;
use super::inspect::holds;
use super::lock::{StoreArgs, work};
use super::passphrase::{KeyArg, PassphraseArgs, borrowed};
use super::publish::put;
use super::registry::RegistryArgs;
use super::sealing::seal;
use super::source::Address;
use super::term::Term;
use super::{LIMITS, ThreadArgs, threads};
use crate::plan::PlanError;
use crate::plan::lock::{Lock, path_for};
use crate::trust::chain::PinnedRoot;
use crate::value::digest::Digest;
use crate::value::size::ByteSize;
use crate::value::words::quoted;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a sealed bundle from a lock
///
/// Reads only the lock beside the manifest and the sources it pins; a source that is no longer what the lock says is
/// an error. The same lock, trust root and keys give the same bytes, on any machine and at any time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift pack my-site.toml --key packer.key -o out/")]
pub(super) struct Args {
    /// The manifest; its lock lies beside it
    pub(super) manifest: PathBuf,
    /// A packer's secret key, or `agent:PUB` for one that an ssh-agent holds; several where the trust root asks for several
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<KeyArg>,
    /// The trust root that travels with the bundle
    #[arg(long, value_name = "ROOT", default_value = "root.json")]
    trust: PathBuf,
    /// The folder for NAME-VERSION.sealift, made if it is not there; or `oci://REGISTRY/REPOSITORY:TAG`
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// A folder for a bundle on its way to a registry, removed afterwards.
fn passing_folder() -> Result<tempfile::TempDir, CliError> {
    let made = tempfile::Builder::new().prefix(".sealift-").tempdir_in(".");
    made.map_err(|source| CliError::Write { path: PathBuf::from("."), source })
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let manifest = std::fs::read_to_string(&self.manifest)
            .map_err(|source| PlanError::ManifestRead { path: self.manifest.clone(), source })?;
        let path = path_for(&self.manifest);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| PlanError::LockRead { path: path.clone(), source })?;
        let lock = Lock::parse(&text, &path.to_string_lossy())?;
        lock.check_current(&self.manifest, &manifest)?;
        let root = PinnedRoot::open(&self.trust, &LIMITS)?;
        let signers = self.passphrase.open(&self.keys)?;
        let store = self.store.open()?;
        let watch = term.watch("packing");
        let access = self.registry.access();
        let draft = lock.draft(
            Digest::of(text.as_bytes()),
            &work(&self.manifest, &store, self.threads, &watch, &access),
        )?;
        let to = Address::of(&self.output)?;
        let passing = match &to {
            Some(_) => Some(passing_folder()?),
            None => None,
        };
        let output = passing.as_ref().map_or(self.output.as_path(), tempfile::TempDir::path);
        std::fs::create_dir_all(output)
            .map_err(|source| CliError::Write { path: self.output.clone(), source })?;
        // Here, a plain name reads better than `./NAME`.
        let folder = if output.as_os_str() == "." { Path::new("") } else { output };
        let sealed = seal(&draft, &root, &borrowed(&signers), folder, threads(self.threads.threads), &watch)?;
        drop(watch);
        if let Some(to) = &to {
            let file = crate::bundle::read::open(&sealed.path)?;
            return put(term, file, &root, to, &self.registry, self.threads, &self.trust);
        }
        let shown = sealed.path.display();
        let value = json!({
            "file": sealed.path, "statement": sealed.statement, "size": sealed.size, "totals": sealed.totals,
        });
        let text = format!(
            "{shown}\n  statement  {}\n{}\n  size       {} ({} bytes)\n",
            sealed.statement,
            holds(sealed.totals),
            ByteSize(sealed.size),
            sealed.size,
        );
        term.data("packed", &value, &text)?;
        term.say(&format!("next: sealift verify {} --trust {}", quoted(&sealed.path), quoted(&self.trust)));
        Ok(())
    }
}
