//! Arguments that commands share, and what they lead to.

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

/// The bundle to read, and whom to trust.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct BundleArgs {
    /// The bundle: a file, and where it is read from front to back also `-` (standard input) or `oci://...`
    pub(super) bundle: PathBuf,
    /// The trust root; get it by another way than the bundle
    #[arg(long, value_name = "ROOT")]
    pub(super) trust: PathBuf,
    /// Approvals that came with it; BUNDLE.approvals if there is such a file
    #[arg(long, value_name = "FILE")]
    pub(super) approvals: Vec<PathBuf>,
}

impl BundleArgs {
    pub(super) fn root(&self) -> Result<PinnedRoot, CliError> {
        Ok(PinnedRoot::open(&self.trust, &LIMITS)?)
    }

    /// Where the approvals of the bundle are kept.
    pub(super) fn approvals_path(&self) -> PathBuf {
        if let Some(path) = self.approvals.first() {
            return path.clone();
        }
        let mut path = self.bundle.clone().into_os_string();
        path.push(".approvals");
        path.into()
    }

    /// The approvals that came with the bundle.
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

    /// Opens the bundle where it lies and does this work with it.
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

/// How many threads work: as asked, or one for each core.
pub(super) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// How many threads to use.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ThreadArgs {
    /// Work on so many threads; one for each core if not given
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
}

/// The circumstances of this run, for looking into a bundle: who lets one in replaces the check of approvals.
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
