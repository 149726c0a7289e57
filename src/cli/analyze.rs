//! `sealift analyze`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, threads};
use sealift_audit::analysis::anomaly::{Anomaly, AnomalyGroup, AnomalyKind};
use sealift_audit::analysis::class::FileClass;
use sealift_audit::analysis::{
    Attached, BundleAnalysis, FileDigests, ItemAnalysis, LayerEntry, LayerNode, Unchecked, View, observe,
};
use sealift_audit::finding::LintFinding;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Maximum number of lines per list without `--all`.
const SHOWN: usize = 10;

/// Analyze the content of a bundle: executables, privileges, packages, secrets
///
/// Opens every layer in place and lists executables, users and privileges, packages, possible secrets, deceptive names
/// and links, and content that could not be analyzed. Nothing is written or unpacked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift analyze air-gapped-2026.11.0.sealift --trust root.json\n  sealift analyze air-gapped-2026.11.0.sealift --trust root.json --json | jq 'select(.type == \"entry\")'"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// Show every list in full
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let threads = threads(self.threads.threads);
        // File digests appear only in the list of entries.
        let digests = if term.is_json() { FileDigests::Taken } else { FileDigests::Left };
        let analysis = self.bundle.in_place(term, |place| Ok(observe(place, digests, threads, &LIMITS)?))?;
        if term.is_json() {
            return list(term, &analysis);
        }
        let most = if self.all { usize::MAX } else { SHOWN };
        term.text(&human(&analysis, most))
    }
}

/// One entry of a layer, as `--json` lists it.
#[derive(Serialize)]
struct EntryLine<'a> {
    layer: sealift_bundle::value::digest::Digest,
    #[serde(flatten)]
    entry: &'a LayerEntry,
}

/// The analysis, then one line for every entry of every layer.
fn list(term: &Term, analysis: &BundleAnalysis) -> Result<(), CliError> {
    term.data("analysis", analysis, "")?;
    for layer in &analysis.layers {
        for entry in &layer.entries {
            term.data("entry", &EntryLine { layer: layer.digest, entry }, "")?;
        }
    }
    Ok(())
}

fn human(analysis: &BundleAnalysis, most: usize) -> String {
    let mut text = String::new();
    let mut beside: BTreeMap<&Name, Vec<&Attached>> = BTreeMap::new();
    analysis.attached.iter().for_each(|one| beside.entry(&one.item).or_default().push(one));
    for item in &analysis.items {
        for view in &item.views {
            text += &one(analysis, item, view, most);
        }
        text += &beside.get(&item.name).map_or_else(String::new, |of| attached(of, item, most));
    }
    text += &gaps(&analysis.unchecked, most);
    text
}

fn one(analysis: &BundleAnalysis, item: &ItemAnalysis, view: &View, most: usize) -> String {
    let mut text = format!("{} {}", item.kind, item.name);
    if let Some(platform) = &view.platform {
        let _ = write!(text, ", {}", Printable(platform));
    }
    let sums = view.sums;
    let _ = writeln!(
        text,
        "\n  files       {} of {} in {}",
        sums.files,
        ByteSize(sums.bytes),
        counted(view.layers.len() as u64, "layer")
    );
    if sums.shadowed > 0 {
        let _ = writeln!(
            text,
            "  shadowed    {} of {} shadowed by upper layers, but still in the bundle",
            sums.shadowed,
            ByteSize(sums.shadowed_bytes)
        );
    }
    text += &how_it_runs(view);
    text += &classes(analysis, view);
    let mut packages: BTreeMap<&str, u64> = BTreeMap::new();
    for found in &view.packages {
        *packages.entry(found.package.ecosystem.as_str()).or_default() += 1;
    }
    if !packages.is_empty() {
        let packages: Vec<_> = packages.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let _ = writeln!(text, "  packages    {}", packages.join(", "));
    }
    let anomalies: Vec<&Anomaly> = analysis.anomalies(view).collect();
    let secrets: Vec<&LintFinding> = analysis.secrets(view).collect();
    for (group, title) in [
        (AnomalyGroup::Privilege, "privileges"),
        (AnomalyGroup::Name, "names"),
        (AnomalyGroup::Path, "paths"),
        (AnomalyGroup::Archive, "archives"),
        (AnomalyGroup::Image, "image"),
    ] {
        let of = anomalies.iter().filter(|anomaly| anomaly.kind.group() == group);
        let (most, of) = by_severity(of.copied().collect(), most);
        let lines = of.iter().map(|Anomaly { kind, path, detail }| {
            format!("{kind:24} {} ({})", Printable(path), Printable(detail))
        });
        text += &lines_of(title, &lines.collect::<Vec<_>>(), most);
    }
    text += &secrets_of(&secrets, most);
    text
}

/// Sorts severe anomalies first, and returns how many to show: those that grant privileges are never cut, because the
/// one that matters may be the last. World-writable files come after them and are cut.
fn by_severity(mut of: Vec<&Anomaly>, most: usize) -> (usize, Vec<&Anomaly>) {
    of.sort_by_key(|anomaly| anomaly.kind == AnomalyKind::WorldWritable);
    let gives = |anomaly: &&&Anomaly| {
        anomaly.kind.group() == AnomalyGroup::Privilege && anomaly.kind != AnomalyKind::WorldWritable
    };
    let severe = of.iter().filter(gives).count();
    (most.max(severe), of)
}

fn secrets_of(secrets: &[&LintFinding], most: usize) -> String {
    let lines = secrets.iter().map(|finding| {
        let place = finding.place.as_ref().map_or_else(String::new, |place| {
            place.line.map_or_else(|| place.path.clone(), |line| format!("{}:{line}", place.path))
        });
        format!("{:24} {place}: {}", finding.rule.as_str(), finding.message)
    });
    // Each secret needs a decision, so none is cut.
    lines_of("secrets", &lines.collect::<Vec<_>>(), most.max(secrets.len()))
}

/// Artifacts attached to an image, besides its layers.
fn attached(of: &[&Attached], item: &ItemAnalysis, most: usize) -> String {
    let lines = of.iter().map(|Attached { digest, media_type, size, class, .. }| {
        format!("{}  {}, {} of {}", digest.short(), Printable(media_type), class.as_str(), ByteSize(*size))
    });
    let lines: Vec<_> = lines.collect();
    let secrets: Vec<_> = of.iter().flat_map(|one| &one.secrets).collect();
    format!(
        "attached to {} {}\n{}{}",
        item.kind,
        item.name,
        lines_of("artifacts", &lines, most),
        secrets_of(&secrets, most)
    )
}

fn how_it_runs(view: &View) -> String {
    let mut text = String::new();
    if let Some(system) = &view.system {
        let _ = writeln!(text, "  system      {}", Printable(&system.name));
    }
    let Some(config) = &view.config else { return text };
    let root = if config.runs_as_root() { ", which is root" } else { "" };
    let user = if config.user.is_empty() { "no user set" } else { config.user.as_str() };
    let _ = writeln!(text, "  runs as     {}{root}", Printable(user));
    let start: Vec<_> =
        config.entrypoint.iter().chain(&config.cmd).map(|word| Printable(word).to_string()).collect();
    if !start.is_empty() {
        let _ = writeln!(text, "  starts      {}", start.join(" "));
    }
    if !config.ports.is_empty() {
        let _ = writeln!(text, "  listens     {}", Printable(config.ports.join(", ")));
    }
    text
}

/// Executables, by class and script interpreter.
fn classes(analysis: &BundleAnalysis, view: &View) -> String {
    let mut count: BTreeMap<String, u64> = BTreeMap::new();
    for (_, entry) in analysis.entries(&view.visible) {
        let LayerNode::File { class, .. } = &entry.node else { continue };
        let name = match class {
            FileClass::Script(interpreter) => {
                format!("script for {}", Printable(interpreter.rsplit('/').next().unwrap_or_default()))
            }
            class if class.is_executable() => class.as_str().to_owned(),
            _ => continue,
        };
        *count.entry(name).or_default() += 1;
    }
    if count.is_empty() {
        return String::new();
    }
    let mut count: Vec<_> = count.into_iter().collect();
    count.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    let words: Vec<_> = count.into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!("  executable  {}\n", words.join(", "))
}

fn lines_of(title: &str, lines: &[String], most: usize) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("  {title:11} {}\n", lines.len());
    lines.iter().take(most).for_each(|line| text += &format!("    {line}\n"));
    if let Some(more) = lines.len().checked_sub(most).filter(|more| *more > 0) {
        let _ = writeln!(text, "    and {more} more: `--all`");
    }
    text
}

fn gaps(unchecked: &[Unchecked], most: usize) -> String {
    let lines = unchecked.iter().map(|Unchecked { layer, what, reason, .. }| {
        let layer = layer.map_or_else(String::new, |layer| format!("{}: ", layer.short()));
        format!("{layer}{}: {}", Printable(what), Printable(reason))
    });
    match lines_of("not checked", &lines.collect::<Vec<_>>(), most) {
        none if none.is_empty() => "everything was analyzed\n".to_owned(),
        some => some,
    }
}
