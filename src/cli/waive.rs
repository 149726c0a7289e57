//! `sealift waive`

use super::error::CliError;
use super::passphrase::{KeyArg, PassphraseArgs};
use super::policy::read_waivers;
use super::term::Term;
use super::{BundleArgs, LIMITS, now, write};
use sealift_audit::policy::rule::PolicyRule;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::root::Role;
use sealift_bundle::trust::waiver::{Waiver, WaiverScope, Waivers};
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::reason::Reason;
use sealift_bundle::value::timestamp::Timestamp;
use serde_json::json;
use std::path::PathBuf;

/// Waive a policy violation, with a reason and an expiry date
///
/// A waiver is signed by an approver, and takes effect when as many approvers as the trust root requires have signed the
/// same waiver. It is appended to the output file. It applies to this bundle, or to every bundle of its scenario.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift waive air-gapped-2026.11.0.sealift --trust root.json --key carol.key \
    --rule content.setuid --at 'web/usr/bin/*' --until 2027-02-01 --reason 'vendor fix due in January' -o waivers.jsonl"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// The secret key of an approver, or `agent:PUB` for a key held by an ssh-agent
    #[arg(long, value_name = "KEY")]
    key: KeyArg,
    /// The rule, like `content.setuid`; `sealift policy rules` lists them
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: PolicyRule,
    /// Only for locations that match, as shown in violations; `*` matches any characters
    #[arg(long, value_name = "PATTERN")]
    at: Option<String>,
    /// Expiry: a date like 2027-02-01, or a time like 2027-02-01T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = moment)]
    until: Timestamp,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// The scope of the waiver
    #[arg(long = "for", value_enum, default_value = "bundle")]
    whole: Whole,
    /// The file of waivers to append to; created if missing
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Whole {
    /// Only this bundle
    Bundle,
    /// Every bundle of the scenario
    Scenario,
}

fn rule(text: &str) -> Result<PolicyRule, String> {
    PolicyRule::of(text).ok_or_else(|| "unknown rule; `sealift policy rules` lists all".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole
        .parse()
        .map_err(|_| "expected a date like `2027-02-01`, or a time like `2027-02-01T12:00:00Z`".to_owned())
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let now = now()?;
        if self.until <= now {
            return Err(CliError::Usage {
                message: format!(
                    "invalid `--until`: expected a future date, found {} (now: {now})",
                    self.until
                ),
                hint: Some(next_step!["pass a future date"]),
            });
        }
        let mut waivers = match self.output.symlink_metadata() {
            Ok(_) => read_waivers(std::slice::from_ref(&self.output))?,
            Err(_) => Waivers::none(),
        };
        self.bundle.in_place(term, |place| {
            let keys = self.passphrase.open(std::slice::from_ref(&self.key))?;
            let Some(signer) = keys.first().map(|key| &**key) else { return Ok(()) };
            let trusted = &place.trusted;
            let predicate = &trusted.statement().predicate;
            let scenario = predicate.scenario.clone();
            let root = trusted.root().root();
            let id = signer.public().id();
            let may = root
                .entry(Role::Approver, Some(&scenario))
                .is_some_and(|entry| entry.keys().contains(&id));
            let who = root
                .key(id)
                .filter(|_| may)
                .ok_or(TrustError::NoApprover { key: id, scenario: scenario.clone() })?;
            let scope = WaiverScope {
                scenario: scenario.clone(),
                statement: (self.whole == Whole::Bundle).then_some(trusted.id()),
                // Every rule id is a valid name.
                rule: self.rule.as_str().parse().map_err(|error: sealift_bundle::value::ValueError| {
                    CliError::Usage { message: error.to_string(), hint: None }
                })?,
                at: self.at.clone(),
            };
            let waiver = Waiver::new(scope, now, self.until, self.reason.clone());
            waivers.add(waiver.sign(signer, &LIMITS)?)?;
            let path = &self.output;
            write(path, &waivers.encode()?)?;
            let what = match self.whole {
                Whole::Bundle => format!("{}-{}", predicate.name, predicate.version),
                Whole::Scenario => format!("every bundle of `{scenario}`"),
            };
            let at = self.at.as_ref().map(|at| format!(" at {}", Printable(at))).unwrap_or_default();
            let text = format!(
                "{} waives {}{at} for {what} until {}; in {}\n",
                who.name(),
                self.rule,
                self.until,
                path.display()
            );
            let value = json!({
                "file": path, "approver": who.name(), "key": id.to_string(), "rule": self.rule, "at": self.at,
                "scenario": scenario, "statement": waiver.statement, "until": self.until, "reason": self.reason.as_str(),
            });
            term.data("waived", &value, &text)?;
            let (bundle, trust) = (quoted(&self.bundle.bundle), quoted(&self.bundle.trust));
            term.say(&format!(
                "next: sealift policy check {bundle} --trust {trust} --policy FILE --waivers {}",
                quoted(path)
            ));
            Ok(())
        })
    }
}
