//! `sealift policy`, and the policy check shared with `pack`, `approve` and `verify`.

use super::error::CliError;
use super::term::{Term, TerminalProgress};
use super::{BundleArgs, LIMITS, ThreadArgs, threads};
use sealift_audit::analysis::{FileDigests, observe};
use sealift_audit::policy::ledger;
use sealift_audit::policy::rule::PolicyRule;
use sealift_audit::policy::{
    AuditPolicy, PolicyError, PolicyFacts, PolicyVerdict, RuleLine, Stage, Violation, judge, with_sbom,
};
use sealift_audit::scan::Ledger;
use sealift_audit::vulnerability::vex::{Declared, Vex};
use sealift_audit::vulnerability::{Identity, OsvData, assess};
use sealift_bundle::format::atomic_file;
use sealift_bundle::inspect::overview;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::trust::waiver::Waivers;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A policy with every key; a test parses it.
const REFERENCE: &str = include_str!("../../manifests/policy.toml");

/// Check a bundle against a policy, and list the rules a policy can use
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Check a bundle against a policy; exit code 4 on violations
    Check(Box<CheckArgs>),
    /// List every rule, with its meaning and the controls it supports
    Rules,
    /// Print a commented policy with every key
    Reference,
}

/// Check a bundle against a policy
///
/// Verifies the seal, opens every layer in place, looks packages up in the given vulnerability data, and lists the
/// violations. `pack`, `approve` and `verify` come to the same result with the same files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift policy check air-gapped-2026.11.0.sealift --trust root.json --policy policy.toml --osv osv/"
)]
struct CheckArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Check as `pack`, `approve` or `verify` does; rules that apply at a later stage are skipped
    #[arg(long, value_enum, default_value = "verify")]
    stage: StageArg,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StageArg {
    /// Before scans and approvals
    Pack,
    /// Before an approver signs
    Approve,
    /// Before the bundle is accepted
    Verify,
}

/// An optional policy, in addition to the trust root.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PolicyArgs {
    /// Also check the bundle against this policy; exit code 4 on violations
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// The data for a policy check.
#[derive(Debug, Clone, clap::Args)]
struct DataArgs {
    /// Directory of OSV records from osv.dev
    ///
    /// It contains `all.zip` of each ecosystem, or the extracted records.
    #[arg(long, value_name = "DIR", requires = "policy")]
    osv: Option<PathBuf>,
    /// OpenVEX document with a vendor's statements; repeatable
    #[arg(long, value_name = "FILE", requires = "policy")]
    vex: Vec<PathBuf>,
    /// Waivers signed by approvers, from `sealift waive`; repeatable
    #[arg(long, value_name = "FILE", requires = "policy")]
    waivers: Vec<PathBuf>,
    /// The ledger of a scan, from `sealift scan`; repeatable
    #[arg(long, value_name = "FILE", requires = "policy")]
    ledger: Vec<PathBuf>,
}

/// A policy and its data, read before any work begins.
pub(super) struct Judging {
    policy: AuditPolicy,
    osv: Option<PathBuf>,
    vex: Vec<Vex>,
    waivers: Waivers,
    scans: Vec<Ledger>,
}

/// A verdict, with the data it is based on.
#[derive(Serialize)]
pub(super) struct Judgement {
    #[serde(flatten)]
    verdict: PolicyVerdict,
    /// The vulnerability data used.
    #[serde(skip_serializing_if = "Option::is_none")]
    vulnerability_data: Option<Identity>,
    /// Vendor statements about the vulnerabilities found.
    declared: Vec<Declared>,
}

impl Args {
    /// The bundle, for `policy check`.
    pub(super) fn bundle(&self) -> Option<&BundleArgs> {
        match &self.verb {
            Verb::Check(args) => Some(&args.bundle),
            Verb::Rules | Verb::Reference => None,
        }
    }

    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Check(args) => args.run(term),
            Verb::Rules => rules(term),
            Verb::Reference => term.data("policy_reference", &json!({ "toml": REFERENCE }), REFERENCE),
        }
    }
}

impl CheckArgs {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let judging = self.data.read(&self.policy)?;
        let stage = match self.stage {
            StageArg::Pack => Stage::Packing,
            StageArg::Approve => Stage::ApprovalCheck,
            StageArg::Verify => Stage::Verifying,
        };
        let watch = term.watch("checking");
        let judgement = self.bundle.in_place(term, |place| {
            judging.judge(place, stage, threads(self.threads.threads), super::now()?, &watch)
        })?;
        drop(watch);
        term.data("policy", &judgement, &judgement.text(term))?;
        judgement.is_met()
    }
}

impl PolicyArgs {
    /// Reads the policy and its data, if one is given.
    pub(super) fn read(&self) -> Result<Option<Judging>, CliError> {
        self.policy.as_ref().map(|policy| self.data.read(policy)).transpose()
    }
}

impl DataArgs {
    fn read(&self, policy: &Path) -> Result<Judging, CliError> {
        let waivers = read_waivers(&self.waivers)?;
        Ok(Judging {
            policy: AuditPolicy::open(policy)?,
            osv: self.osv.clone(),
            vex: self.vex.iter().map(|path| Vex::open(path)).collect::<Result<_, _>>()?,
            waivers,
            scans: self.ledger.iter().map(|path| ledger::open(path)).collect::<Result<_, _>>()?,
        })
    }
}

/// Reads several files of waivers into one list.
pub(super) fn read_waivers(paths: &[PathBuf]) -> Result<Waivers, CliError> {
    let mut waivers = Waivers::none();
    for path in paths {
        let read = |source| PolicyError::Read { what: "the waivers", path: path.clone(), source };
        let bytes = atomic_file::read_bounded(path, Waivers::limit(&LIMITS)).map_err(read)?;
        waivers.extend(Waivers::parse(&bytes, &LIMITS).map_err(|error| error.in_file(path))?)?;
    }
    Ok(waivers)
}

impl Judging {
    /// Analyzes the bundle and checks it against the policy.
    pub(super) fn judge(
        &self,
        place: &OpenBundle<'_>,
        stage: Stage,
        threads: usize,
        now: Timestamp,
        watch: &TerminalProgress,
    ) -> Result<Judgement, CliError> {
        let trusted = &place.trusted;
        let bundle = (trusted.id(), &trusted.statement().predicate.scenario);
        let waivers = self.waivers.judge(trusted.root().root(), bundle, now, &LIMITS)?;
        let analysis = observe(place, FileDigests::Left, threads, &LIMITS)?;
        let data = self.osv.as_ref().map(|folder| OsvData::open(folder, &analysis, watch)).transpose()?;
        let vulnerabilities = assess(&analysis, data.as_ref(), &self.vex, now);
        let facts = PolicyFacts {
            overview: &overview(trusted, &place.contents.items),
            analysis: &analysis,
            vulnerabilities: &vulnerabilities,
            scans: &self.scans,
            with_sbom: &with_sbom(place)?,
            stage,
        };
        let verdict = judge(&self.policy, &facts, &waivers, now);
        Ok(Judgement {
            verdict,
            vulnerability_data: vulnerabilities.data,
            declared: vulnerabilities.declared,
        })
    }
}

impl Judgement {
    /// Fails if the bundle violates the policy.
    pub(super) fn is_met(&self) -> Result<(), CliError> {
        if self.verdict.is_met {
            Ok(())
        } else {
            Err(CliError::Violated { count: self.verdict.violations.len() })
        }
    }

    /// The text output.
    pub(super) fn text(&self, term: &Term) -> String {
        let verdict = &self.verdict;
        let outcome = if verdict.is_met { term.paint("met", "32;1") } else { term.paint("not met", "31;1") };
        let mut text =
            format!("policy     {}: {outcome}\n  text       {}\n", verdict.policy, verdict.policy_digest);
        if let Some(data) = &self.vulnerability_data {
            let newest = data.newest.map(|newest| format!(", the newest of {newest}")).unwrap_or_default();
            text += &format!("  OSV data   {}\n", data.digest);
            text += &format!("             {}{newest}\n", counted(data.records, "record"));
        }
        let line = |title: &str, one: &Violation| {
            let (at, found) = (Printable(&one.at), Printable(&one.found));
            format!("  {title:<11}{}  {at}: {found}\n", one.rule)
        };
        let mut explained = None;
        for one in &verdict.violations {
            text += &line("violated", one);
            if explained.replace(one.rule) != Some(one.rule) {
                text += &format!("             expected: {}\n", one.rule.sentence());
            }
        }
        for one in &verdict.waived {
            text += &line("waived", &one.violation);
            let by: Vec<_> = one.by.iter().map(sealift_bundle::value::name::Name::as_str).collect();
            text += &format!(
                "             by {} until {}: {}\n",
                by.join(", "),
                one.until,
                Printable(&one.reason)
            );
        }
        for one in &verdict.not_checked {
            text += &line("unchecked", one);
        }
        for (rule, count) in &verdict.unlisted {
            text += &format!("  and {count} more of {rule}\n");
        }
        for one in &self.declared {
            text += &format!(
                "  declared   {} is {} according to {}, unsigned ({})\n",
                Printable(&one.vulnerability),
                one.status.as_str(),
                Printable(&one.author),
                Printable(&one.document)
            );
        }
        for aside in &verdict.set_aside {
            text += &format!("  no waiver  {} {}\n", Printable(&aside.who), Printable(&aside.why));
        }
        let names =
            |rules: &[PolicyRule]| rules.iter().map(|rule| rule.as_str()).collect::<Vec<_>>().join(", ");
        if !verdict.later.is_empty() {
            text += &format!("  later      {}\n", names(&verdict.later));
        }
        text + &format!("  passed     {}\n", counted(verdict.passed.len() as u64, "rule"))
    }
}

fn rules(term: &Term) -> Result<(), CliError> {
    let lines: Vec<_> = PolicyRule::ALL
        .iter()
        .map(|rule| RuleLine { rule: *rule, sentence: rule.sentence(), controls: rule.controls() })
        .collect();
    let mut text = String::new();
    for RuleLine { rule, sentence, controls } in &lines {
        let all = [("NIST 800-53", controls.nist), ("ISM", controls.ism), ("NERC", controls.cip)];
        let all = all.into_iter().filter(|(_, list)| !list.is_empty());
        let all: Vec<_> = all.map(|(title, list)| format!("{title}: {}", list.join(", "))).collect();
        text += &format!("{rule}\n  {sentence}\n  {}\n", all.join("; "));
    }
    term.data("rules", &json!({ "rules": lines }), &text)
}
