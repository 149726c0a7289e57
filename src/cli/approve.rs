//! `sealift approve`

mod summary;

use super::diff::since;
use super::error::CliError;
use super::inspect::head;
use super::passphrase::{KeyArg, PassphraseArgs};
use super::policy::PolicyArgs;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions, write};
use sealift_audit::policy::Stage;
use sealift_bundle::format::member_reader;
use sealift_bundle::inspect::overview;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{Approval, Approvals};
use sealift_bundle::trust::root::Role;
use sealift_bundle::trust::verify::{Depth, OpenBundle};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::reason::Reason;
use serde_json::json;
use std::path::PathBuf;

/// Approve a bundle: sign a file that travels beside it
///
/// Verifies and decodes the whole bundle first, and shows what is about to be signed: the items, files that gain
/// privileges, possible secrets, and with `--since` the changes. The approval names the bundle's statement, so it stays
/// valid when the bundle is copied, and is added to BUNDLE.approvals. With `--policy`, a bundle that violates the policy
/// is not approved.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift approve air-gapped-2026.11.0.sealift --trust root.json --key carol.key\n  \
    sealift approve air-gapped-2026.11.0.sealift --trust root.json --key carol.key --condition malware-scan\n  \
    sealift approve air-gapped-2026.11.0.sealift --trust root.json --key carol.key --since air-gapped-2026.10.0.sealift"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// The secret key of an approver, or `agent:PUB` for a key held by an ssh-agent
    #[arg(long, value_name = "KEY")]
    key: KeyArg,
    /// State that this condition is met, like `malware-scan`; the trust root lists those required
    #[arg(long = "condition", value_name = "NAME")]
    conditions: Vec<Name>,
    /// Allow sites to install it out of order, for this reason
    #[arg(long, value_name = "REASON")]
    out_of_order: Option<Reason>,
    /// Show the changes since this bundle, or since the release in use at this site
    #[arg(long, value_name = "OLDER")]
    since: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let judging = self.policy.read()?;
        let root = self.bundle.root()?;
        let path = self.bundle.approvals_path();
        let is_first = path.symlink_metadata().is_err();
        let mut approvals = if is_first { Approvals::none() } else { self.bundle.approvals()? };
        let watch = term.watch("verifying");
        let conditions = inspection_conditions(&watch, self.threads)?;
        let file = member_reader::open(&self.bundle.bundle)?;
        // From here on, this statement is checked and signed, even if the file is replaced.
        let place = OpenBundle::open_whole(file, &root, conditions, Depth::Decoded)?;
        let (trusted, contents) = (&place.trusted, &place.contents);
        watch.done();
        term.warn_of(trusted.warnings());
        let scenario = trusted.statement().predicate.scenario.clone();
        let overview = overview(trusted, &contents.items);
        term.say(&format!("{}-{}\n{}", overview.name, overview.version, head(&overview).trim_end()));
        let mut analysis = summary::look(&place, self.since.is_some(), conditions.threads)?;
        let changes = self
            .since
            .as_ref()
            .map(|older| since(older, (&self.bundle, &place), &mut analysis, conditions, &watch));
        let changes = changes.transpose()?;
        term.say(summary::summary(&overview, &analysis, changes.as_ref()).trim_end());
        drop(analysis);
        if let Some(judging) = &judging {
            let judgement =
                judging.judge(&place, Stage::ApprovalCheck, conditions.threads, conditions.now, &watch)?;
            term.data("policy", &judgement, &judgement.text(term))?;
            judgement.is_met()?;
        }

        let keys = self.passphrase.open(std::slice::from_ref(&self.key))?;
        let Some(signer) = keys.first().map(|key| &**key) else { return Ok(()) };
        let id = signer.public().id();
        let known = trusted.root().root();
        let may =
            known.entry(Role::Approver, Some(&scenario)).is_some_and(|entry| entry.keys().contains(&id));
        let who = known
            .key(id)
            .filter(|_| may)
            .ok_or(TrustError::NoApprover { key: id, scenario: scenario.clone() })?;
        if let Some(policy) = &known.policy().approvals
            && let Some(missing) = policy.conditions.iter().find(|wanted| !self.conditions.contains(wanted))
        {
            return Err(CliError::Usage {
                message: format!(
                    "missing condition `{missing}`: the trust root requires it in every approval"
                ),
                hint: Some(next_step![format!("once the condition is met, add `--condition {missing}`")]),
            });
        }
        let mut approval = Approval::new(trusted.id(), scenario.clone(), conditions.now, self.conditions);
        approval.out_of_order = self.out_of_order.map(String::from);
        approvals.add(approval.sign(signer, &LIMITS)?, &LIMITS);
        write(&path, &approvals.encode()?)?;
        let judged = approvals.judge(known, (trusted.id(), &scenario), conditions.now, &LIMITS)?;
        let found = judged.approved.len();
        let text = format!(
            "{} approved {}-{}; {} in {}\n",
            who.name(),
            overview.name,
            overview.version,
            counted(found as u64, "approval"),
            path.display()
        );
        let value = json!({
            "file": path, "statement": trusted.id(), "approver": who.name(), "key": id.to_string(),
            "approvals": found, "demanded": judged.demanded(),
        });
        term.data("approved", &value, &text)?;
        match judged.demanded() {
            Some(needed) if found < needed => {
                let more = counted((needed - found) as u64, "more approval");
                term.say(&format!("next: {more} required, {needed} in total"));
            }
            Some(_) | None => {
                term.say(&format!("next: copy {} along with the bundle", quoted(&path)));
            }
        }
        Ok(())
    }
}
