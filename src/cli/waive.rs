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

/// Let something through that a policy refuses, for a reason and until a day
///
/// An approver signs; as many have to say the same as the trust root asks of approvers. It goes into the file behind what
/// is there. A waiver is for this bundle alone, or for every one of its scenario.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift waive air-gapped-2026.11.0.sealift --trust root.json --key carol.key \
    --rule content.setuid --at 'web/usr/bin/*' --until 2027-02-01 --reason 'vendor fixes it in January' -o waivers.jsonl"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// The secret key of an approver, or `agent:PUB` for one that an ssh-agent holds
    #[arg(long, value_name = "KEY")]
    key: KeyArg,
    /// The rule, like `content.setuid`; `sealift policy rules` lists them
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: PolicyRule,
    /// Only at such places, as violations name them; `*` stands for any characters
    #[arg(long, value_name = "PATTERN")]
    at: Option<String>,
    /// From then on it waives nothing: a day like 2027-02-01, or a moment like 2027-02-01T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = moment)]
    until: Timestamp,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// What it is for
    #[arg(long = "for", value_enum, default_value = "bundle")]
    whole: Whole,
    /// The file of waivers; it is added to, and made if it is not there
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Whole {
    /// This bundle alone
    Bundle,
    /// Every bundle of its scenario
    Scenario,
}

fn rule(text: &str) -> Result<PolicyRule, String> {
    PolicyRule::of(text).ok_or_else(|| "no such rule; `sealift policy rules` lists all".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "expected a day like `2027-02-01`, or `2027-02-01T12:00:00Z`".to_owned())
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let now = now()?;
        if self.until <= now {
            return Err(CliError::Usage {
                message: format!("a waiver until {} would waive nothing: now is {now}", self.until),
                hint: Some(next_step!["name a day to come"]),
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
                // Names of rules are names.
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
