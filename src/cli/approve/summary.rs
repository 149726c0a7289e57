//! The summary of a bundle for an approver, shown before the passphrase prompt.

use crate::cli::LIMITS;
use crate::cli::error::CliError;
use sealift_audit::analysis::anomaly::{AnomalyGroup, AnomalyKind};
use sealift_audit::analysis::{BundleAnalysis, FileDigests, observe};
use sealift_audit::diff::{BundleDifference, ListExtent, text};
use sealift_bundle::inspect::Overview;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of secrets listed; the rest is counted. Privileges are always listed in full.
const SECRETS: usize = 20;

/// Analyzes every layer in place; file digests are needed only for a comparison.
pub(super) fn look(
    place: &OpenBundle<'_>,
    compares: bool,
    threads: usize,
) -> Result<BundleAnalysis, CliError> {
    let digests = if compares { FileDigests::Taken } else { FileDigests::Left };
    Ok(observe(place, digests, threads, &LIMITS)?)
}

/// The items, the changes, the privileges, and the findings that need a decision.
pub(super) fn summary(
    overview: &Overview,
    analysis: &BundleAnalysis,
    changes: Option<&BundleDifference>,
) -> String {
    let mut text = items(overview);
    text += &privileges(analysis);
    text += &starts(analysis);
    text += &secrets(analysis);
    text += &others(analysis);
    text += &match changes {
        Some(changes) => format!("\nchanges\n{}", self::text(changes, ListExtent::Screen)),
        None => "  changes    not compared: `--since OLDER` shows the changes since an earlier bundle\n"
            .to_owned(),
    };
    text
}

fn items(overview: &Overview) -> String {
    let mut text = format!(
        "  items      {}, {}\n",
        counted(overview.items.len() as u64, "item"),
        ByteSize(overview.totals.bytes)
    );
    for item in &overview.items {
        let what = item.reference.as_ref().unwrap_or(&item.origin);
        text += &format!("    {:6} {}  {}\n", item.kind, item.name, Printable(what));
    }
    text
}

/// Anomalies, each with the items that contain it.
fn anomalies(analysis: &BundleAnalysis) -> BTreeMap<(AnomalyKind, String, String), BTreeSet<&str>> {
    let mut found: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for item in &analysis.items {
        for view in &item.views {
            for anomaly in analysis.anomalies(view) {
                let key = (anomaly.kind, anomaly.path.clone(), anomaly.detail.clone());
                found.entry(key).or_default().insert(item.name.as_str());
            }
        }
    }
    found
}

fn in_items(items: &BTreeSet<&str>) -> String {
    format!("  in {}", items.iter().copied().collect::<Vec<_>>().join(", "))
}

fn privileges(analysis: &BundleAnalysis) -> String {
    let all = anomalies(analysis);
    let of = all.iter().filter(|((kind, ..), _)| kind.group() == AnomalyGroup::Privilege);
    let (writable, rights): (Vec<_>, Vec<_>) =
        of.partition(|((kind, ..), _)| *kind == AnomalyKind::WorldWritable);
    let mut text = format!("  privileges {}\n", rights.len());
    for ((kind, path, detail), items) in rights {
        text += &format!("    {kind:24} {} ({}){}\n", Printable(path), Printable(detail), in_items(items));
    }
    if !writable.is_empty() {
        let paths = counted(writable.len() as u64, "path");
        text += &format!("    {:24} {paths}: `sealift analyze` lists them\n", AnomalyKind::WorldWritable);
    }
    text
}

/// The users that images run as, and the ports they expose.
fn starts(analysis: &BundleAnalysis) -> String {
    let (mut roots, mut ports) = (BTreeSet::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for item in &analysis.items {
        for config in item.views.iter().filter_map(|view| view.config.as_ref()) {
            if config.runs_as_root() {
                roots.insert(item.name.as_str());
            }
            for port in &config.ports {
                ports.entry(item.name.as_str()).or_default().insert(port);
            }
        }
    }
    let mut text = String::new();
    if !roots.is_empty() {
        text += &format!("  as root    {}\n", roots.into_iter().collect::<Vec<_>>().join(", "));
    }
    for (item, ports) in ports {
        let ports = ports.into_iter().collect::<Vec<_>>().join(", ");
        text += &format!("  listens    {item}: {}\n", Printable(ports));
    }
    text
}

fn secrets(analysis: &BundleAnalysis) -> String {
    let mut found: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
    for item in &analysis.items {
        for secret in item.views.iter().flat_map(|view| analysis.secrets(view)) {
            let place = secret.place.as_ref().map_or(secret.about.as_str(), |place| place.path.as_str());
            let key = (secret.rule.as_str(), format!("{place}: {}", secret.message));
            found.entry(key).or_default().insert(item.name.as_str());
        }
    }
    for attached in &analysis.attached {
        for secret in &attached.secrets {
            let key =
                (secret.rule.as_str(), format!("attached {}: {}", attached.digest.short(), secret.message));
            found.entry(key).or_default().insert(attached.item.as_str());
        }
    }
    let mut text = format!("  secrets    {}\n", found.len());
    for ((rule, what), items) in found.iter().take(SECRETS) {
        text += &format!("    {rule:24} {what}{}\n", in_items(items));
    }
    if let Some(more) = found.len().checked_sub(SECRETS).filter(|more| *more > 0) {
        text += &format!("    and {more} more: `sealift analyze` lists them\n");
    }
    text
}

fn others(analysis: &BundleAnalysis) -> String {
    let mut counts: BTreeMap<AnomalyKind, u64> = BTreeMap::new();
    for ((kind, ..), _) in anomalies(analysis) {
        if kind.group() != AnomalyGroup::Privilege {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let mut text = String::new();
    if !counts.is_empty() {
        let counts: Vec<_> = counts.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        text += &format!("  findings   {}\n", counts.join(", "));
    }
    if !analysis.unchecked.is_empty() {
        let parts = counted(analysis.unchecked.len() as u64, "part");
        text +=
            &format!("  unchecked  {parts} of the content could not be read: `sealift analyze` lists them\n");
    }
    text
}
