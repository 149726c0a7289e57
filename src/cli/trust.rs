//! `sealift trust`

use super::error::CliError;
use super::key::public;
use super::passphrase::{KeyArg, PassphraseArgs, borrowed};
use super::term::Term;
use super::{LIMITS, now};
use crate::bundle::place;
use crate::trust::chain::PinnedRoot;
use crate::trust::key::PublicKey;
use crate::trust::root::{Expiry, Grant, Policy, Revoked, Role, Root, Terms};
use crate::trust::threshold::count;
use crate::value::moment::Moment;
use crate::value::name::Name;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make and show trust roots
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make version 1 of a trust root and sign it
    Init(Init),
    /// Show a trust root and its fingerprint
    Show {
        /// The trust root
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The name of each key file, without its ending, becomes the name of its holder.\n\n\
    Example:\n  sealift trust init --key root.key --packer packer.pub --approver officer.pub")]
struct Init {
    /// A secret key that signs the root and has the role `root`, or `agent:PUB` for one that an ssh-agent holds
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<KeyArg>,
    /// A further key with the role `root`, which does not sign now
    #[arg(long = "root", value_name = "PUB")]
    roots: Vec<PathBuf>,
    /// A key that may seal bundles
    #[arg(long = "packer", value_name = "PUB", required = true)]
    packers: Vec<PathBuf>,
    /// A key that may approve bundles
    #[arg(long = "approver", value_name = "PUB")]
    approvers: Vec<PathBuf>,
    /// How many root keys must sign a root
    #[arg(long, value_name = "N", default_value_t = 1)]
    root_threshold: usize,
    /// How many packers must seal a bundle
    #[arg(long, value_name = "N", default_value_t = 1)]
    packer_threshold: usize,
    /// How many approvers must approve a bundle
    #[arg(long, value_name = "N", default_value_t = 1)]
    approver_threshold: usize,
    /// When the root stops being believed, like 2027-11-22T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<Moment>,
    /// Only warn of what has expired, for sites whose clock nobody sets
    #[arg(long)]
    warn_when_expired: bool,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "root.json")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Init(init) => init.run(term),
            Verb::Show { file } => show(term, &PinnedRoot::open(&file, &LIMITS)?, &file),
        }
    }
}

impl Init {
    fn run(self, term: &Term) -> Result<(), CliError> {
        if self.output.symlink_metadata().is_ok() {
            return Err(CliError::Usage {
                message: format!(
                    "`{}` is already there, and a trust root is never overwritten",
                    self.output.display()
                ),
                hint: Some("name another file with `--output`, or move the old one away".to_owned()),
            });
        }
        let signers = self.passphrase.open(&self.keys)?;
        let mut roots = Vec::new();
        for (key, signer) in self.keys.iter().zip(&signers) {
            roots.push((holder(key.path())?, signer.public().clone()));
        }
        roots.extend(holders(&self.roots)?);
        let grant = |role, threshold, keys| Grant { role, threshold, keys, scenarios: Vec::new() };
        let mut grants = vec![
            grant(Role::Root, self.root_threshold, roots),
            grant(Role::Packer, self.packer_threshold, holders(&self.packers)?),
        ];
        if !self.approvers.is_empty() {
            term.warn("approvers are recorded, but no command of this version asks for their approval yet");
            grants.push(grant(Role::Approver, self.approver_threshold, holders(&self.approvers)?));
        }
        let root = Root::new_v1(Terms {
            epoch: 1,
            created: now()?,
            expires: self.expires,
            grants,
            revoked: Revoked::default(),
            policy: Policy { expiry: if self.warn_when_expired { Expiry::Warn } else { Expiry::Refuse } },
        })?;
        let envelope = root.sign(&borrowed(&signers))?;
        count(&envelope, &root, Role::Root, None)?;
        let bytes = envelope.encode()?;
        let pinned = PinnedRoot::parse(&bytes, &LIMITS)?;
        place::write_new(&self.output, &bytes, 0o644)
            .map_err(|source| CliError::Write { path: self.output.clone(), source })?;
        show(term, &pinned, &self.output)?;
        term.say("next: give the file to each site, and read it the fingerprint by another way");
        Ok(())
    }
}

fn holders(paths: &[PathBuf]) -> Result<Vec<(Name, PublicKey)>, CliError> {
    paths.iter().map(|path| Ok((holder(path)?, public(path)?))).collect()
}

/// The name of a key's holder: the name of its file.
fn holder(path: &Path) -> Result<Name, CliError> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.parse().map_err(|error| CliError::Usage {
        message: format!("`{}` gives no name for the holder of the key: {error}", path.display()),
        hint: Some(
            "rename the file; its name, without the ending, becomes the name in the trust root".to_owned(),
        ),
    })
}

fn show(term: &Term, pinned: &PinnedRoot, file: &Path) -> Result<(), CliError> {
    let root = pinned.root();
    let mut text =
        format!("{}: trust root version {}, epoch {}", file.display(), root.version(), root.epoch());
    text += &root.expires().map_or_else(|| "\n".to_owned(), |expires| format!(", expires {expires}\n"));
    text += &format!("  fingerprint  {}\n", pinned.fingerprint());
    let mut roles = Vec::new();
    for entry in root.roles() {
        let (role, needed) = (entry.role(), entry.threshold());
        text += &format!("  {role:12} {needed} of {}", entry.keys().len());
        if !entry.scenarios().is_empty() {
            let scenarios: Vec<_> = entry.scenarios().iter().map(Name::as_str).collect();
            text += &format!(", only for {}", scenarios.join(", "));
        }
        text.push('\n');
        let mut keys = Vec::new();
        for id in entry.keys() {
            let name = root.key(*id).map(|key| key.name().to_string()).unwrap_or_default();
            text += &format!("    {name:10} {id}\n");
            keys.push(json!({ "name": name, "id": id.to_string() }));
        }
        let scenarios = entry.scenarios();
        roles.push(
            json!({ "role": role.to_string(), "threshold": needed, "keys": keys, "scenarios": scenarios }),
        );
    }
    let value = json!({
        "file": file, "root_version": root.version(), "epoch": root.epoch(), "expires": root.expires(),
        "fingerprint": pinned.fingerprint().digest(), "roles": roles,
    });
    term.data("root", &value, &text)
}
