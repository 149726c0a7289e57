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

/// Find what would fail at an isolated site
///
/// Checks the manifest, its lock and the pinned content, without a network: images that charts and configurations
/// reference but the bundle does not contain, incompatible versions, settings that need the internet, secrets, mutable
/// tags, platforms, licences, templates and sizes. Findings accepted in the manifest (`[[accept]]`) are not reported.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift check my-site.toml\n  \
    sealift check air-gapped.toml --variant linux --media dvd --format sarif > findings.sarif")]
pub(super) struct Args {
    /// The manifest; its lock is in the same directory
    pub(super) manifest: PathBuf,
    #[command(flatten)]
    variant: VariantArgs,
    /// Transfer medium: `dvd`, `dvd-dl`, `bd25`, `bd50`, `bd100`, `usb-fat32`, or bytes
    #[arg(long, value_name = "MEDIUM", value_parser = medium)]
    media: Option<TargetMedium>,
    /// Output format of the findings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

/// Output format of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text, or JSON with `--json`
    Text,
    /// SARIF 2.1.0, for code review tools
    Sarif,
}

/// Parses a medium. Capacities: ECMA-267 and ECMA-268 (DVD), white papers of the Blu-ray Disc Association; a file on
/// FAT32 is smaller than 4 GiB.
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

/// The number of findings of `check`, for a command that does not list them.
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
    /// A summary, if there are warnings or accepted findings.
    pub(super) fn words(&self) -> Option<String> {
        let Self { warnings, notes, accepted } = *self;
        (warnings + accepted > 0).then(|| {
            format!(
                "{}, {}, {accepted} accepted in the manifest",
                counted(warnings as u64, "warning"),
                counted(notes as u64, "note")
            )
        })
    }
}

/// Runs the check on a lock, without a transfer medium.
pub(super) fn look(
    manifest: &Manifest,
    lock: &Lock,
    audience: Option<&Name>,
    work: &Work<'_>,
) -> Result<CheckReport, CliError> {
    let choice = Choice { variant: lock.variant.clone(), features: lock.features.clone() };
    Ok(check(&manifest.choose(&choice)?, lock, audience, None, work)?)
}

/// Fails if the check found errors, and prints them.
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
        // The check uses no network, so the defaults do.
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
        "{}; {} accepted in the manifest\n{} checked, {} too large to check; up to {} in total",
        counts.join(", "),
        report.accepted.len(),
        counted(report.files, "file"),
        report.unread,
        ByteSize(report.bytes),
    );
    text
}

/// Formats a finding; the reason for a rule is printed with its first finding.
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
