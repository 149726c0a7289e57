//! `sealift lock`

use super::error::CliError;
use super::registry::RegistryArgs;
use super::term::{Term, TerminalProgress};
use super::{LIMITS, ThreadArgs, now, threads, write};
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::store::Store;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_plan::lock::{Lock, path_for};
use sealift_plan::manifest::Manifest;
use sealift_plan::selection::Choice;
use sealift_plan::{PlanError, Work};
use sealift_registry::RegistryAccess;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Pin every source of a manifest to digest and size
///
/// Reads everything the manifest names, fetches what lies behind a `url`, and writes MANIFEST.lock.toml beside it.
/// Packing reads only the lock. Locking again without a change leaves the lock as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift lock my-site.toml && git diff my-site.lock.toml")]
pub(super) struct Args {
    /// The manifest
    pub(super) manifest: PathBuf,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// The statement of the bundle before this one, as `sealift verify` shows it
    #[arg(long, value_name = "DIGEST")]
    previous: Option<Digest>,
    /// Say whether the lock is current, and change nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// What of the manifest travels.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ChoiceArgs {
    #[command(flatten)]
    pub(super) variant: VariantArgs,
    /// A feature of the manifest that travels; several may be named
    #[arg(long = "feature", value_name = "NAME")]
    features: Vec<Name>,
    /// All features of the manifest travel
    #[arg(long, conflicts_with = "features")]
    all_features: bool,
}

/// Which variant of the manifest travels.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct VariantArgs {
    /// The variant of the manifest that travels, where it has several
    #[arg(long = "variant", value_name = "NAME")]
    pub(super) variant: Option<Name>,
}

impl VariantArgs {
    /// The same words again, for the next command.
    pub(super) fn words(&self) -> String {
        self.variant.as_ref().map_or_else(String::new, |variant| format!(" --variant {variant}"))
    }
}

impl ChoiceArgs {
    pub(super) fn choice(&self, manifest: &Manifest) -> Choice {
        let all = || manifest.features.keys().cloned().collect();
        let features = if self.all_features { all() } else { self.features.clone() };
        Choice { variant: self.variant.variant.clone(), features }
    }
}

/// Where downloads are kept.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct StoreArgs {
    /// The local store; `$XDG_CACHE_HOME/sealift` if not given
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    pub(super) fn open(&self) -> Result<Store, CliError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = || {
            variable("XDG_CACHE_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| variable("HOME").map(|home| home.join(".cache")))
                .map(|cache| cache.join("sealift"))
        };
        let folder = self.store.clone().or_else(cache).ok_or_else(|| CliError::Usage {
            message: "neither `XDG_CACHE_HOME` nor `HOME` is set, so there is no place for the store"
                .to_owned(),
            hint: Some(next_step!["name one: `--store FOLDER`"]),
        })?;
        let store = Store::open(&folder)?;
        if self.store.is_none() {
            // The cache of one person; a store that was named may be shared.
            store.close_to_others()?;
        }
        Ok(store)
    }
}

/// What reading sources may use.
pub(super) fn work<'a>(
    manifest: &'a Path,
    store: &'a Store,
    asked: ThreadArgs,
    watch: &'a TerminalProgress,
    access: &'a RegistryAccess,
) -> Work<'a> {
    Work {
        folder: atomic_file::folder_of(manifest),
        store,
        threads: threads(asked.threads),
        limits: &LIMITS,
        watch,
        access,
    }
}

/// When the lock says it was written: now, or what `SOURCE_DATE_EPOCH` says (reproducible-builds.org).
fn lock_time() -> Result<Timestamp, CliError> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return now();
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let time = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    time.and_then(Timestamp::of).ok_or_else(|| CliError::Usage {
        message: format!(
            "`SOURCE_DATE_EPOCH` is `{}`, expected seconds since 1970",
            Printable(text.to_string_lossy())
        ),
        hint: Some(next_step!["unset it, or take the time of a commit: `git log -1 --format=%ct`"]),
    })
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let manifest = Manifest::open(&self.manifest)?;
        let choice = self.choice.choice(&manifest);
        let chosen = manifest.choose(&choice)?;
        let path = path_for(&self.manifest, choice.variant.as_ref());
        let before = match path.symlink_metadata() {
            Err(_) if !self.check => None,
            Ok(_) | Err(_) => Some(Lock::open(&path)?),
        };
        let store = self.store.open()?;
        let watch = term.watch("locking");
        let access = self.registry.access();
        let work = work(&self.manifest, &store, self.threads, &watch, &access);
        let mut lock = Lock::make(&chosen, &work, before.as_ref(), lock_time()?)?;
        drop(watch);
        if let Some(previous) = self.previous {
            lock = lock.after(previous);
        }
        let text = lock.to_toml();
        let current = std::fs::read_to_string(&path).is_ok_and(|old| old == text);
        if self.check && !current {
            let same = before.is_some_and(|lock| lock.manifest == manifest.digest);
            let what = if same { "what is pinned for the manifest" } else { "the manifest" };
            return Err(PlanError::LockStale { what, manifest: self.manifest, lock: path }.into());
        }
        if !current {
            write(&path, text.as_bytes())?;
        }
        let (items, sequence) = (chosen.items.len(), lock.sequence);
        let state = if current { "unchanged" } else { "written" };
        let value = json!({ "file": path, "state": state, "items": items, "sequence": sequence });
        term.data(
            "lock",
            &value,
            &format!("{}: {state}, {}, sequence {sequence}\n", path.display(), counted(items as u64, "item")),
        )?;
        let (manifest, variant) = (quoted(&self.manifest), self.choice.variant.words());
        term.say(&format!("next: review it, then: sealift check {manifest}{variant}"));
        Ok(())
    }
}
