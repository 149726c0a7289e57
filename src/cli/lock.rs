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

/// Pin every source of a manifest to a digest and size
///
/// Reads every source of the manifest, downloads every `url`, and writes MANIFEST.lock.toml in the same directory.
/// `pack` reads only the lock. Locking again without a change leaves the lock unchanged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift lock my-site.toml && git diff my-site.lock.toml")]
pub(super) struct Args {
    /// The manifest
    pub(super) manifest: PathBuf,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// The statement digest of the previous bundle, as shown by `sealift verify`
    #[arg(long, value_name = "DIGEST")]
    previous: Option<Digest>,
    /// Check whether the lock is current, without changing it
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// The variant and features of the manifest to include.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ChoiceArgs {
    #[command(flatten)]
    pub(super) variant: VariantArgs,
    /// Include this feature of the manifest; repeatable
    #[arg(long = "feature", value_name = "NAME")]
    features: Vec<Name>,
    /// Include all features of the manifest
    #[arg(long, conflicts_with = "features")]
    all_features: bool,
}

/// The variant of the manifest to use.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct VariantArgs {
    /// The variant of the manifest; required if it has several
    #[arg(long = "variant", value_name = "NAME")]
    pub(super) variant: Option<Name>,
}

impl VariantArgs {
    /// The arguments as text, for the next command.
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

/// The local store of downloads.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct StoreArgs {
    /// The local store of downloads [default: `$XDG_CACHE_HOME/sealift`]
    #[arg(long, value_name = "DIR")]
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
            message: "cannot locate the store: neither `XDG_CACHE_HOME` nor `HOME` is set".to_owned(),
            hint: Some(next_step!["pass a directory: `--store DIR`"]),
        })?;
        let store = Store::open(&folder)?;
        if self.store.is_none() {
            // The default store is the cache of one user; a store given with `--store` may be shared.
            store.close_to_others()?;
        }
        Ok(store)
    }
}

/// The context for reading sources.
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

/// The creation time of the lock: now, or `SOURCE_DATE_EPOCH` (reproducible-builds.org).
fn lock_time() -> Result<Timestamp, CliError> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return now();
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let time = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    time.and_then(Timestamp::of).ok_or_else(|| CliError::Usage {
        message: format!(
            "invalid `SOURCE_DATE_EPOCH`: expected seconds since 1970, found `{}`",
            Printable(text.to_string_lossy())
        ),
        hint: Some(next_step!["unset it, or use the time of a commit: `git log -1 --format=%ct`"]),
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
