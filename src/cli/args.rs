//! Arguments shared by many verbs, and the functions that read them.

use super::error::CliError;
use super::term::{Term, TerminalProgress};
use super::{LIMITS, now};
use sealift_bundle::format::{atomic_file, member_reader};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{ApprovalCheck, Approvals};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) static NO_APPROVALS: Approvals = Approvals::none();

/// A bundle and the trust root to verify it with.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct BundleArgs {
    /// The bundle file; verbs that read it once also take `-` or `oci://...`
    ///
    /// `-` is standard input, `oci://REGISTRY/REPOSITORY:TAG` a published bundle.
    pub(super) bundle: PathBuf,
    /// The trust root; obtain it over another channel than the bundle
    #[arg(long, value_name = "ROOT")]
    pub(super) trust: PathBuf,
    /// Approvals of the bundle [default: BUNDLE.approvals, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) approvals: Vec<PathBuf>,
}

impl BundleArgs {
    pub(super) fn root(&self) -> Result<PinnedRoot, CliError> {
        Ok(PinnedRoot::open(&self.trust, &LIMITS)?)
    }

    /// The file to which approvals of the bundle are written.
    pub(super) fn approvals_path(&self) -> PathBuf {
        if let Some(path) = self.approvals.first() {
            return path.clone();
        }
        let mut path = self.bundle.clone().into_os_string();
        path.push(".approvals");
        path.into()
    }

    /// Reads the approvals of the bundle. The default file may be missing; a file given as an argument may not.
    pub(super) fn approvals(&self) -> Result<Approvals, CliError> {
        let mut all = Approvals::none();
        let beside = [self.approvals_path()];
        let is_named = !self.approvals.is_empty();
        for path in if is_named { self.approvals.as_slice() } else { &beside } {
            match atomic_file::read_bounded(path, Approvals::limit(&LIMITS)) {
                Ok(bytes) => {
                    let found = Approvals::parse(&bytes, &LIMITS).map_err(|error| error.in_file(path))?;
                    all.extend(found, &LIMITS);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => {}
                Err(source) => return Err(TrustError::ApprovalsRead { path: path.clone(), source }.into()),
            }
        }
        Ok(all)
    }

    /// Opens the bundle in place, without unpacking it, and runs `work` on it.
    pub(super) fn in_place<T>(
        &self,
        term: &Term,
        work: impl FnOnce(&OpenBundle<'_>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let root = self.root()?;
        let watch = term.watch("reading");
        let file = member_reader::open(&self.bundle)?;
        let approvals = self.approvals()?;
        let conditions = Conditions {
            approvals: ApprovalCheck::SkippedForInspection(&approvals),
            ..inspection_conditions(&watch, ThreadArgs { threads: None })?
        };
        let place = OpenBundle::open(file, &root, conditions)?;
        term.warn_of(place.trusted.warnings());
        work(&place)
    }

    pub(super) fn is_pipe(&self) -> bool {
        self.bundle.as_os_str() == "-"
    }
}

/// The number of threads: as given, or one per core.
pub(super) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// The number of threads.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ThreadArgs {
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
}

/// The conditions for inspecting a bundle. They skip the approval check: verbs that accept a bundle must replace it.
pub(super) fn inspection_conditions(
    watch: &TerminalProgress,
    asked: ThreadArgs,
) -> Result<Conditions<'_>, CliError> {
    Ok(Conditions {
        now: now()?,
        threads: threads(asked.threads),
        approvals: ApprovalCheck::SkippedForInspection(&NO_APPROVALS),
        limits: &LIMITS,
        watch,
    })
}
