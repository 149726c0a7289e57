//! `sealift report`

use super::diff::since;
use super::error::CliError;
use super::policy::read_waivers;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions, write};
use sealift_audit::account::ByteAccount;
use sealift_audit::analysis::{FileDigests, observe};
use sealift_audit::policy::ledger;
use sealift_audit::policy::{AuditPolicy, PolicyFacts, Stage, judge, with_sbom};
use sealift_audit::report::facts::{ReportFacts, evidence};
use sealift_audit::report::markdown::markdown;
use sealift_audit::report::page::html;
use sealift_audit::report::sections::report;
use sealift_audit::vulnerability::vex::Vex;
use sealift_audit::vulnerability::{OsvData, assess};
use sealift_bundle::format::member;
use sealift_bundle::format::member_reader;
use sealift_bundle::inspect::overview;
use sealift_bundle::next_step;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::{Conditions, Depth, OpenBundle};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::size::ByteSize;
use std::path::{Path, PathBuf};

/// Write a one-page HTML report for an approver
///
/// Verifies every byte, analyzes every layer in place, and reports separately what was observed, what others signed,
/// what was only declared, and what was not checked. The page is self-contained and has no scripts.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift report air-gapped-2026.11.0.sealift --trust root.json -o report.html\n  \
    sealift report air-gapped-2026.11.0.sealift --trust root.json --markdown report.md\n  \
    sealift report air-gapped-2026.11.0.sealift --trust root.json --json | jq .sections"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// Write the HTML page to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the report as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Show the changes since this bundle, or since the release in use at this site
    #[arg(long, value_name = "OLDER")]
    since: Option<PathBuf>,
    /// Look up packages in this directory of OSV records from osv.dev
    #[arg(long, value_name = "DIR")]
    osv: Option<PathBuf>,
    /// An OpenVEX document with a vendor's statements on vulnerabilities; repeatable
    #[arg(long, value_name = "FILE", requires = "osv")]
    vex: Vec<PathBuf>,
    /// Also check the bundle against this policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Waivers signed by approvers, from `sealift waive`; repeatable
    #[arg(long, value_name = "FILE", requires = "policy")]
    waivers: Vec<PathBuf>,
    /// The ledger of a scan, from `sealift scan`; repeatable
    #[arg(long, value_name = "FILE")]
    ledger: Vec<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        if self.output.is_none() && self.markdown.is_none() && !term.is_json() {
            return Err(CliError::Usage {
                message: "no output file given".to_owned(),
                hint: Some(next_step!["pass `-o report.html` for a page, or `--markdown FILE` for a ticket"]),
            });
        }
        let root = self.bundle.root()?;
        let policy = self.policy.as_ref().map(|path| AuditPolicy::open(path)).transpose()?;
        let vex = self.vex.iter().map(|path| Vex::open(path)).collect::<Result<Vec<_>, _>>()?;
        let scans = self.ledger.iter().map(|path| ledger::open(path)).collect::<Result<Vec<_>, _>>()?;
        let waivers = read_waivers(&self.waivers)?;
        let approvals = self.bundle.approvals()?;
        let watch = term.watch("verifying");
        let conditions = Conditions {
            approvals: ApprovalCheck::SkippedForInspection(&approvals),
            ..inspection_conditions(&watch, self.threads)?
        };
        let file = member_reader::open(&self.bundle.bundle)?;
        let place = OpenBundle::open_whole(file, &root, conditions, Depth::Stored)?;
        let (trusted, contents) = (&place.trusted, &place.contents);
        let account = ByteAccount::of(trusted, contents, place.size);
        let digests = if self.since.is_some() { FileDigests::Taken } else { FileDigests::Left };
        let mut analysis = observe(&place, digests, conditions.threads, &LIMITS)?;
        let evidence = evidence(&place)?;
        let changes = self
            .since
            .as_ref()
            .map(|older| since(older, (&self.bundle, &place), &mut analysis, conditions, &watch));
        let changes = changes.transpose()?;
        let data = self.osv.as_ref().map(|folder| OsvData::open(folder, &analysis, &watch)).transpose()?;
        let vulnerabilities = assess(&analysis, data.as_ref(), &vex, conditions.now);
        watch.done();
        term.warn_of(trusted.warnings());
        let overview = overview(trusted, &contents.items);
        let verdict = policy.map(|policy| {
            let bundle = (trusted.id(), &trusted.statement().predicate.scenario);
            let waivers = waivers.judge(trusted.root().root(), bundle, conditions.now, &LIMITS)?;
            let facts = PolicyFacts {
                overview: &overview,
                analysis: &analysis,
                vulnerabilities: &vulnerabilities,
                scans: &scans,
                with_sbom: &with_sbom(&place)?,
                stage: Stage::ApprovalCheck,
            };
            Ok::<_, CliError>(judge(&policy, &facts, &waivers, conditions.now))
        });
        let verdict = verdict.transpose()?;
        let predicate = &trusted.statement().predicate;
        let sums = trusted.statement().member(member::SHA256SUMS);
        let document = report(&ReportFacts {
            written: conditions.now,
            bundle: &quoted(&self.bundle.bundle),
            trust: &quoted(&self.bundle.trust),
            overview: &overview,
            previous: predicate.previous,
            sums: sums.map_or_else(|| Digest::of(b""), |sums| sums.sha256),
            account: &account,
            analysis: &analysis,
            evidence: &evidence,
            changes: changes.as_ref(),
            vulnerabilities: data.is_some().then_some(&vulnerabilities),
            verdict: verdict.as_ref(),
            scans: &scans,
        });
        let mut text = format!("report of {}-{}\n", overview.name, overview.version);
        for (path, content) in [(&self.output, &html as &dyn Fn(&_) -> String), (&self.markdown, &markdown)] {
            if let Some(path) = path {
                text += &written(path, &content(&document))?;
            }
        }
        term.data("report", &document, &text)?;
        // The page is written even if the policy check fails; the check decides the exit code.
        match verdict {
            Some(verdict) if !verdict.is_met => Err(CliError::Violated { count: verdict.violations.len() }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes a file and returns a line about it.
fn written(path: &Path, content: &str) -> Result<String, CliError> {
    write(path, content.as_bytes())?;
    Ok(format!("  written    {} ({})\n", quoted(path), ByteSize(content.len() as u64)))
}
