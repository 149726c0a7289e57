//! `sealift diff`

mod open;

use self::open::{Opened, Whom};
use super::error::CliError;
use super::term::{Term, TerminalProgress};
use super::{BundleArgs, LIMITS, NO_APPROVALS, ThreadArgs, inspection_conditions, threads};
use sealift_audit::analysis::{BundleAnalysis, FileDigests, observe};
use sealift_audit::diff::{
    BundleDifference, DiffVerdict, LinesOutcome, ListExtent, Missing, Side, TEXT, TEXTS, TextChange,
    compare_sides, compare_texts, text,
};
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::path::{Path, PathBuf};

/// Compare two bundles, locks or sites, most severe changes first
///
/// Each input is a bundle, a lock, a site (the release in use, read from its directory), a receipt or a request. Two
/// bundles are compared in place, down to the files in their layers. Exit code 0: equal; 4: different; 5: no difference
/// found, but not everything could be compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    sealift diff air-gapped-2026.10.0.sealift air-gapped-2026.11.0.sealift --trust root.json\n  \
    sealift diff /srv/sealift air-gapped-2026.11.0.sealift\n  \
    sealift diff receipt.json air-gapped-2026.11.0.sealift --trust root.json --key office.pub")]
pub(super) struct Args {
    /// The old bundle, lock, site, receipt or request
    from: PathBuf,
    /// The new bundle, lock, site, receipt or request
    to: PathBuf,
    /// The trust root for bundles; repeat it for two roots
    ///
    /// If one input is a site, its pinned trust root is the default.
    #[arg(long, value_name = "ROOT")]
    trust: Vec<PathBuf>,
    /// The public key of the site that signed a receipt or request; repeat it for two keys
    #[arg(long, value_name = "PUB")]
    key: Vec<PathBuf>,
    /// The scenario; required for a site or request with several
    #[arg(long, value_name = "NAME")]
    scenario: Option<Name>,
    /// Show every list in full
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let watch = term.watch("comparing");
        let conditions = Conditions {
            approvals: ApprovalCheck::SkippedForInspection(&NO_APPROVALS),
            ..inspection_conditions(&watch, self.threads)?
        };
        let whom = Whom { trust: &self.trust, keys: &self.key, scenario: self.scenario.as_ref() };
        let [from, to] = open::both(&whom, [&self.from, &self.to], conditions)?;
        for warning in [&from, &to].into_iter().flat_map(Opened::warnings) {
            term.warn(&warning);
        }
        let (mut a, mut b) = (from.side(&watch)?, to.side(&watch)?);
        // The statement commits to every byte, so two bundles with the same statement are equal.
        if let (Opened::Bundle { place: old, .. }, Opened::Bundle { place: new, .. }) = (&from, &to)
            && a.statement != b.statement
        {
            let threads = threads(self.threads.threads);
            a.analysis = Some(observe(old, FileDigests::Taken, threads, &LIMITS)?);
            b.analysis = Some(observe(new, FileDigests::Taken, threads, &LIMITS)?);
        }
        let mut difference = compare_sides(&a, &b);
        texts(&mut difference, (&from, &a), (&to, &b))?;
        drop(watch);
        let extent = if self.all { ListExtent::All } else { ListExtent::Screen };
        term.data("diff", &difference, &text(&difference, extent))?;
        match difference.verdict {
            DiffVerdict::Equal => Ok(()),
            DiffVerdict::Different => Err(CliError::Changed),
            DiffVerdict::Incomplete => Err(CliError::Uncompared { missing: difference.not_compared.len() }),
        }
    }
}

/// The changes in a bundle since an older bundle or the release of a site; `analysis` is the analysis of the bundle.
pub(super) fn since(
    older: &Path,
    (bundle, place): (&BundleArgs, &OpenBundle<'_>),
    analysis: &mut BundleAnalysis,
    conditions: Conditions<'_>,
    watch: &TerminalProgress,
) -> Result<BundleDifference, CliError> {
    let label = bundle.bundle.to_string_lossy().into_owned();
    let to = Opened::Bundle { place: open::Held::Lent(place), label };
    let from = open::older(older, &bundle.trust, &to, conditions)?;
    let (mut a, mut b) = (from.side(watch)?, to.side(watch)?);
    if let Opened::Bundle { place, .. } = &from
        && a.statement != b.statement
    {
        a.analysis = Some(observe(place, FileDigests::Taken, conditions.threads, &LIMITS)?);
        // Borrowed: the analysis can have a million entries and is not cloned.
        b.analysis = Some(std::mem::take(analysis));
    }
    let mut difference = compare_sides(&a, &b);
    texts(&mut difference, (&from, &a), (&to, &b))?;
    if let Some(observed) = b.analysis {
        *analysis = observed;
    }
    Ok(difference)
}

/// Adds the changed lines of text files, if the content of both sides is available.
fn texts(
    difference: &mut BundleDifference,
    (from, a): (&Opened<'_>, &Side),
    (to, b): (&Opened<'_>, &Side),
) -> Result<(), CliError> {
    let wanted = difference.changed_texts();
    if let Some(side) =
        [(from, a), (to, b)].into_iter().find(|(one, _)| !one.has_content()).map(|(_, side)| side)
        && !wanted.is_empty()
    {
        difference.not_compared.push(Missing {
            what: "the lines of changed files".to_owned(),
            reason: format!(
                "`{}` is {}, which contains digests but no content",
                side.label,
                side.kind.as_str()
            ),
        });
        return Ok(());
    }
    let mut left = TEXTS;
    for one in wanted {
        let largest = one.sizes.0.max(one.sizes.1);
        let reason = if largest > TEXT {
            Some(format!("it has {largest} bytes, which exceeds the limit of {TEXT}"))
        } else if largest > left {
            Some(format!("the limit of {TEXTS} bytes of compared text is reached"))
        } else {
            None
        };
        difference.texts.push(if let Some(reason) = reason {
            TextChange {
                item: one.item.to_string(),
                path: one.path,
                outcome: LinesOutcome::Unread { reason },
            }
        } else {
            left -= largest;
            let old = from.read(&one.old_item, &one.path)?;
            let new = to.read(&one.item, &one.path)?;
            if (Digest::of(&old), Digest::of(&new)) == one.digests {
                compare_texts(one.item.as_str(), &one.path, &old, &new)
            } else {
                // The directory of a site can change during the comparison.
                let outcome = LinesOutcome::Unread { reason: "it changed during the comparison".to_owned() };
                TextChange { item: one.item.to_string(), path: one.path, outcome }
            }
        });
    }
    Ok(())
}
