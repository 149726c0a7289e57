//! `sealift check`

use super::error::CliError;
use super::lock::{StoreArgs, VariantArgs, work};
use super::term::{Term, TerminalProgress};
use super::{ThreadArgs, sarif};
use sealift_audit::finding::{LintFinding, LintSeverity};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::size::ByteSize;
use sealift_plan::Work;
use sealift_plan::check::{CheckReport, TargetMedium, check};
use sealift_plan::lock::{Lock, path_for};
use sealift_plan::manifest::Manifest;
use sealift_plan::selection::Choice;
use sealift_registry::RegistryAccess;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Find what would fail at the site
///
/// Looks at the manifest, its lock and what the lock pins, without a network: images that charts and configurations name
/// and nobody carries, versions that do not go together, settings that call out, secrets, tags that move, platforms,
/// licences, templates and sizes. Findings that the manifest explains (`[[accept]]`) are set aside.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift check my-site.toml\n  \
    sealift check air-gapped.toml --variant linux --media dvd --format sarif > findings.sarif")]
pub(super) struct Args {
    /// The manifest; its lock lies beside it
    pub(super) manifest: PathBuf,
    #[command(flatten)]
    variant: VariantArgs,
    /// What the bundle is carried on: `dvd`, `dvd-dl`, `bd25`, `bd50`, `bd100`, `usb-fat32`, or a number of bytes
    #[arg(long, value_name = "MEDIUM", value_parser = medium)]
    media: Option<TargetMedium>,
    /// How the findings are written to standard output
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, or with `--json` as JSON
    Text,
    /// SARIF 2.1.0, which code review tools show beside the lines
    Sarif,
}

/// Capacities: ECMA-267 and ECMA-268 (DVD), the white papers of the Blu-ray Disc Association; a file on FAT32 has less
/// than 4 GiB.
fn medium(text: &str) -> Result<TargetMedium, String> {
    let (bytes, file) = match text {
        "dvd" => (Some(4_700_372_992), None),
        "dvd-dl" => (Some(8_543_666_176), None),
        "bd25" => (Some(25_025_314_816), None),
        "bd50" => (Some(50_050_629_632), None),
        "bd100" => (Some(100_103_356_416), None),
        "usb-fat32" => (None, Some(u64::from(u32::MAX))),
        number => match number.replace('_', "").parse() {
            Ok(bytes) => (Some(bytes), None),
            Err(_) => {
                return Err(
                    "expected `dvd`, `dvd-dl`, `bd25`, `bd50`, `bd100`, `usb-fat32` or a number of bytes"
                        .to_owned(),
                );
            }
        },
    };
    Ok(TargetMedium { name: text.to_owned(), bytes, file })
}

/// How much `check` found, for a command that does not list it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Counts {
    warnings: usize,
    notes: usize,
    accepted: usize,
}

pub(super) fn counts(report: &CheckReport) -> Counts {
    Counts {
        warnings: report.count(LintSeverity::Warning),
        notes: report.count(LintSeverity::Note),
        accepted: report.accepted.len(),
    }
}

impl Counts {
    /// In a few words, if there is anything that somebody should read.
    pub(super) fn words(&self) -> Option<String> {
        let Self { warnings, notes, accepted } = *self;
        (warnings + accepted > 0).then(|| {
            format!(
                "{}, {}, {accepted} explained in the manifest",
                counted(warnings as u64, "warning"),
                counted(notes as u64, "note")
            )
        })
    }
}

/// Looks at what a lock pins, for a medium that nobody named.
pub(super) fn look(
    manifest: &Manifest,
    lock: &Lock,
    audience: Option<&Name>,
    work: &Work<'_>,
) -> Result<CheckReport, CliError> {
    let choice = Choice { variant: lock.variant.clone(), features: lock.features.clone() };
    Ok(check(&manifest.choose(&choice)?, lock, audience, None, work)?)
}

/// Nothing is packed that is known to fail at the site, or that must not travel.
pub(super) fn refuse_errors(
    term: &Term,
    report: &CheckReport,
    watch: &TerminalProgress,
) -> Result<(), CliError> {
    let errors: Vec<_> =
        report.findings.iter().filter(|finding| finding.severity() == LintSeverity::Error).collect();
    if errors.is_empty() {
        return Ok(());
    }
    watch.done();
    let mut text = String::new();
    let mut explained = HashSet::new();
    for finding in &errors {
        // Writing to a string does not fail.
        let _ = lay(&mut text, finding, explained.insert(finding.rule));
    }
    term.data("check", report, &text)?;
    Err(CliError::NotPacked { errors: errors.len() })
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let manifest = Manifest::open(&self.manifest)?;
        let lock = Lock::open(&path_for(&self.manifest, self.variant.variant.as_ref()))?;
        lock.check_current(&manifest, &self.manifest)?;
        let choice = Choice { variant: lock.variant.clone(), features: lock.features.clone() };
        let chosen = manifest.choose(&choice)?;
        let store = self.store.open()?;
        let watch = term.watch("checking");
        // Nothing is asked for over a network, so nothing says how.
        let access = RegistryAccess::default();
        let work = work(&self.manifest, &store, ThreadArgs { threads: None }, &watch, &access);
        let report = check(&chosen, &lock, None, self.media.as_ref(), &work)?;
        drop(watch);
        match self.format {
            Format::Text => term.data("check", &report, &text_of(&report))?,
            Format::Sarif => term.text(&sarif::document(&report))?,
        }
        if report.is_clean() {
            let (manifest, variant) = (quoted(&self.manifest), self.variant.words());
            term.say(&format!("next: sealift pack {manifest}{variant} --key packer.key"));
            return Ok(());
        }
        Err(CliError::Check {
            errors: report.count(LintSeverity::Error),
            warnings: report.count(LintSeverity::Warning),
        })
    }
}

fn text_of(report: &CheckReport) -> String {
    let mut text = String::new();
    let mut explained = HashSet::new();
    for finding in &report.findings {
        // Writing to a string does not fail.
        let _ = lay(&mut text, finding, explained.insert(finding.rule));
    }
    let counts = [LintSeverity::Error, LintSeverity::Warning, LintSeverity::Note]
        .map(|severity| counted(report.count(severity) as u64, severity.as_str()));
    let _ = writeln!(
        text,
        "{}; {} explained in the manifest\n{} looked through, {} too large for that; up to {} in all",
        counts.join(", "),
        report.accepted.len(),
        counted(report.files, "file"),
        report.unread,
        ByteSize(report.bytes),
    );
    text
}

/// A finding; the reason for its rule stands with the first of each.
fn lay(text: &mut String, finding: &LintFinding, is_first: bool) -> std::fmt::Result {
    writeln!(text, "{:<8} {}  {}", finding.severity().as_str(), finding.rule, finding.about)?;
    writeln!(text, "         {}", finding.message)?;
    if let Some(place) = &finding.place {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        writeln!(text, "         at {}{line}", place.path)?;
    }
    if is_first {
        writeln!(text, "         why: {}", finding.rule.why())?;
    }
    writeln!(text, "         fix: {}\n", finding.fix)
}
