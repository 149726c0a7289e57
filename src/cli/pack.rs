//! `sealift pack`

use super::error::CliError;
use super::inspect::holds;
use super::lock::{StoreArgs, VariantArgs, work};
use super::passphrase::{KeyArg, PassphraseArgs, borrowed};
use super::policy::{Judging, PolicyArgs};
use super::private::PrivateFolder;
use super::publish::put;
use super::registry::RegistryArgs;
use super::source::Address;
use super::term::{Term, TerminalProgress};
use super::{LIMITS, ThreadArgs, check, inspection_conditions, threads};
use sealift_audit::policy::Stage;
use sealift_bundle::next_step;
use sealift_bundle::pack::{Authority, FrameStore, Sealed, pack};
use sealift_bundle::store::Store;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::size::ByteSize;
use sealift_plan::PlanError;
use sealift_plan::lock::{Lock, path_for};
use sealift_plan::manifest::Manifest;
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

#[cfg(feature = "encryption")]
use {
    super::carrier::{RecipientArgs, carry},
    super::private::OwnerOnly,
    sealift_bundle::format::carrier::{encrypted_path, seal_path},
    sealift_bundle::format::encryption::{Recipients, refuse_taken},
    sealift_bundle::pack::draft::Draft,
    sealift_bundle::trust::key::Signer,
};

/// Make a sealed bundle from a lock
///
/// Reads only the lock beside the manifest and the sources it pins; a source that is no longer what the lock says is
/// an error. What `sealift check` calls an error stops it too, unless the manifest explains it (`[[accept]]`). The same lock, trust root and keys give the same bytes, on any machine and at any time. With recipients, the
/// bundle is encrypted and a seal of its own is beside it: NAME-VERSION.sealift.age and .age.seal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift pack my-site.toml --key packer.key -o out/")]
pub(super) struct Args {
    /// The manifest; its lock is beside it
    pub(super) manifest: PathBuf,
    #[command(flatten)]
    variant: VariantArgs,
    /// Make the bundle for this audience of the manifest: what it may not hold is left out and listed by digest
    #[arg(long, value_name = "NAME")]
    audience: Option<Name>,
    /// A packer's secret key, or `agent:PUB` for one that an ssh-agent holds; several where the trust root asks for several
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<KeyArg>,
    /// Leave room for this many signatures: the packers whose keys are not here sign later with `sealift cosign`
    #[arg(long, value_name = "N")]
    signatures: Option<NonZeroUsize>,
    /// The trust root that travels with the bundle, all versions of it
    #[arg(long, value_name = "ROOT", default_value = "root.json")]
    trust: PathBuf,
    /// The directory for NAME-VERSION.sealift, made if it is missing; or `oci://REGISTRY/REPOSITORY:TAG`
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
    #[cfg(feature = "encryption")]
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let judging = self.policy.read()?;
        let manifest = Manifest::open(&self.manifest)?;
        let path = path_for(&self.manifest, self.variant.variant.as_ref());
        let text = std::fs::read_to_string(&path)
            .map_err(|source| PlanError::LockRead { path: path.clone(), source })?;
        let lock = Lock::parse(&text, &path.to_string_lossy())?;
        lock.check_current(&manifest, &self.manifest)?;
        self.has_authority()?;
        let root = PinnedRoot::open(&self.trust, &LIMITS)?;
        // Checked before the work, and not after it.
        root.chain().map_err(|error| error.in_file(&self.trust))?;
        let destination = self.destination()?;
        let signers = self.passphrase.open(&self.keys)?;
        let signatures = self.signatures(signers.len())?;
        let store = self.store.open()?;
        let watch = term.watch("packing");
        let access = self.registry.access();
        let work = work(&self.manifest, &store, self.threads, &watch, &access);
        let draft = lock.draft(Digest::of(text.as_bytes()), self.audience.as_ref(), &work)?;
        let report = check::look(&manifest, &lock, self.audience.as_ref(), &work)?;
        check::refuse_errors(term, &report, &watch)?;
        let (keys, checked) = (borrowed(&signers), check::counts(&report));
        let job = PackJob {
            draft: &draft,
            root: &root,
            keys: &keys,
            signatures,
            store: &store,
            judging: judging.as_ref(),
            checked: &checked,
            watch: &watch,
        };
        match destination {
            Destination::Directory => self.to_directory(term, &job),
            Destination::Registry(address) => self.to_registry(term, &job, &address),
            #[cfg(feature = "encryption")]
            Destination::Encrypted(recipients) => self.to_encrypted(term, &job, &recipients),
        }
    }

    fn destination(&self) -> Result<Destination, CliError> {
        let address = Address::of(&self.output)?;
        #[cfg(feature = "encryption")]
        if let Some(recipients) = self.recipients.read()? {
            if address.is_some() {
                return Err(CliError::Usage {
                    message: "an encrypted bundle cannot be published to a registry".to_owned(),
                    hint: Some(next_step!["name a directory with `--output`, or leave out the recipients"]),
                });
            }
            return Ok(Destination::Encrypted(recipients));
        }
        Ok(address.map_or(Destination::Directory, Destination::Registry))
    }
}

/// Where the bundle goes.
enum Destination {
    Directory,
    Registry(Address),
    #[cfg(feature = "encryption")]
    Encrypted(Recipients),
}

/// Everything that packing needs, verified and opened.
struct PackJob<'a> {
    draft: &'a Draft,
    root: &'a PinnedRoot,
    keys: &'a [&'a dyn Signer],
    signatures: usize,
    store: &'a Store,
    judging: Option<&'a Judging>,
    checked: &'a check::Counts,
    watch: &'a TerminalProgress,
}

impl Args {
    fn to_directory(&self, term: &Term, job: &PackJob<'_>) -> Result<(), CliError> {
        let folder = self.output_folder()?;
        // A bundle that a policy rejects never gets its name.
        let aside = job.judging.map(|_| PrivateFolder::beside(&self.output)).transpose()?;
        let mut sealed = self.pack(job, aside.as_ref().map_or(folder, PrivateFolder::path))?;
        if let Some(judging) = job.judging {
            self.judge(term, judging, &sealed, job.root, job.watch)?;
        }
        if aside.is_some() {
            sealed = sealed.settle(folder)?;
        }
        job.watch.done();
        self.tell(term, &sealed, job.checked, (job.keys.len(), job.signatures))
    }

    fn to_registry(&self, term: &Term, job: &PackJob<'_>, address: &Address) -> Result<(), CliError> {
        let passing = PrivateFolder::in_store(job.store)?;
        let sealed = self.pack(job, passing.path())?;
        if let Some(judging) = job.judging {
            self.judge(term, judging, &sealed, job.root, job.watch)?;
        }
        job.watch.done();
        let file = sealift_bundle::format::member_reader::open(&sealed.path)?;
        put(
            term,
            (file, Some(sealed.statement)),
            job.root,
            address,
            &self.registry,
            self.threads,
            &self.trust,
        )
    }

    /// The output directory, created where it is missing.
    fn output_folder(&self) -> Result<&Path, CliError> {
        let output = self.output.as_path();
        std::fs::create_dir_all(output)
            .map_err(|source| CliError::Write { path: output.to_owned(), source })?;
        // In messages, a plain name reads better than `./NAME`.
        Ok(if output.as_os_str() == "." { Path::new("") } else { output })
    }

    fn pack(&self, job: &PackJob<'_>, folder: &Path) -> Result<Sealed, CliError> {
        let authority = Authority::new(job.root, job.keys, job.signatures, &LIMITS)?;
        let frames = FrameStore::open(&job.store.beside("frames"));
        let threads = threads(self.threads.threads);
        Ok(pack(job.draft, &authority, folder, frames.as_ref(), threads, &LIMITS, job.watch)?)
    }
}

impl Args {
    /// Says what was packed, and what comes next.
    fn tell(
        &self,
        term: &Term,
        sealed: &Sealed,
        checked: &check::Counts,
        (signed, signatures): (usize, usize),
    ) -> Result<(), CliError> {
        let shown = sealed.path.display();
        let value = json!({
            "file": sealed.path, "statement": sealed.statement, "size": sealed.size, "totals": sealed.totals,
            "check": checked,
        });
        let text = format!(
            "{shown}\n  statement  {}\n{}\n  size       {} ({} bytes)\n",
            sealed.statement,
            holds(sealed.totals),
            ByteSize(sealed.size),
            sealed.size,
        );
        term.data("packed", &value, &text)?;
        self.say_checked(term, checked);
        if signatures > signed {
            let (bundle, trust) = (quoted(&sealed.path), quoted(&self.trust));
            term.say(&format!(
                "next: {signed} of {signatures} signatures; another packer: sealift cosign {bundle} --trust {trust} --key OTHER.key"
            ));
            return Ok(());
        }
        term.say(&format!("next: sealift verify {} --trust {}", quoted(&sealed.path), quoted(&self.trust)));
        Ok(())
    }

    /// Whether there is a key and a trust root; on the first day no one has either.
    fn has_authority(&self) -> Result<(), CliError> {
        let day_one = "sealift key new root && sealift key new packer && sealift trust init --key root.key --packer packer.pub";
        let has_root = self.trust.symlink_metadata().is_ok();
        let message = match (self.keys.is_empty(), has_root) {
            (false, true) => return Ok(()),
            (true, true) => "no key to seal the bundle with".to_owned(),
            (_, false) => format!("no trust root at `{}`", self.trust.display()),
        };
        let hint = if has_root {
            "add `--key packer.key`; without a key yet: `sealift key new packer`, and the holders of the root keys add it: \
             `sealift trust add-key`"
                .to_owned()
        } else {
            format!("name it with `--trust`; without one yet: `{day_one}`, then add `--key packer.key`")
        };
        Err(CliError::Usage { message, hint: Some(hint.into()) })
    }

    /// How many signatures the seal will have. What lacks some is not yet a bundle that anything else can be done with.
    fn signatures(&self, keys: usize) -> Result<usize, CliError> {
        let asked = self.signatures.map_or(keys, NonZeroUsize::get);
        let wrong = |message: String, hint: &'static str| {
            Err(CliError::Usage { message, hint: Some(next_step![hint]) })
        };
        if asked < keys || asked > LIMITS.signatures {
            let most = LIMITS.signatures;
            return wrong(
                format!("`--signatures` is {asked}, expected {keys} to {most}"),
                "count the packers who sign",
            );
        }
        #[cfg(feature = "encryption")]
        let is_encrypted = self.recipients.read()?.is_some();
        #[cfg(not(feature = "encryption"))]
        let is_encrypted = false;
        if asked > keys
            && (is_encrypted || self.policy.read()?.is_some() || Address::of(&self.output)?.is_some())
        {
            return wrong(
                "a bundle that lacks signatures is not encrypted, published or judged by a policy".to_owned(),
                "pack it into a folder, `sealift cosign` it, and then `sealift publish` or `sealift policy check` it",
            );
        }
        Ok(asked)
    }

    fn say_checked(&self, term: &Term, checked: &check::Counts) {
        if let Some(words) = checked.words() {
            let (manifest, variant) = (quoted(&self.manifest), self.variant.words());
            term.say(&format!("check: {words}: sealift check {manifest}{variant}"));
        }
    }

    /// Holds a bundle against a policy before anybody gets it.
    fn judge(
        &self,
        term: &Term,
        judging: &Judging,
        sealed: &Sealed,
        root: &PinnedRoot,
        watch: &TerminalProgress,
    ) -> Result<(), CliError> {
        let conditions = inspection_conditions(watch, self.threads)?;
        let place =
            OpenBundle::open(sealift_bundle::format::member_reader::open(&sealed.path)?, root, conditions)?;
        place.must_be(sealed.statement)?;
        let judgement = judging.judge(&place, Stage::Packing, conditions.threads, conditions.now, watch)?;
        watch.done();
        term.data("policy", &judgement, &judgement.text(term))?;
        judgement.is_met()
    }
}

#[cfg(feature = "encryption")]
impl Args {
    /// Packs into a directory of its own, encrypts from there, and leaves nothing in the clear.
    fn to_encrypted(&self, term: &Term, job: &PackJob<'_>, recipients: &Recipients) -> Result<(), CliError> {
        let PackJob { draft, root, keys, watch, .. } = *job;
        let folder = self.output_folder()?;
        let to = encrypted_path(&folder.join(format!("{}-{}.sealift", draft.name, draft.version)));
        // It costs nothing to find out now, and an hour after packing.
        refuse_taken(&to)?;
        // In the clear it is beside the downloads it is made of, and never on the medium that travels.
        let passing = PrivateFolder::in_store(job.store)?;
        let authority = Authority::new(root, keys, keys.len(), &LIMITS)?;
        let sealed = {
            let _only_ours = OwnerOnly::begin();
            // Nothing of it is kept in the clear.
            pack(draft, &authority, passing.path(), None, threads(self.threads.threads), &LIMITS, watch)?
        };
        if let Some(judging) = job.judging {
            self.judge(term, judging, &sealed, root, watch)?;
        }
        let size = carry((draft, &sealed), &to, recipients, &authority, watch)?;
        passing.remove()?;
        watch.done();
        let beside = seal_path(&to);
        let value = json!({
            "file": to, "seal": beside, "statement": sealed.statement, "size": size, "totals": sealed.totals,
            "check": job.checked,
        });
        let text = format!(
            "{}\n{}\n  statement  {}\n{}\n  size       {} ({size} bytes), encrypted\n",
            to.display(),
            beside.display(),
            sealed.statement,
            holds(sealed.totals),
            ByteSize(size),
        );
        term.data("packed", &value, &text)?;
        self.say_checked(term, job.checked);
        let (file, trust) = (quoted(&to), quoted(&self.trust));
        term.say(&format!(
            "next: carry both files, then: sealift verify {file} --trust {trust} --identity FILE"
        ));
        Ok(())
    }
}
