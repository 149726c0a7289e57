//! `sealift verify`

use super::carrier::{Encrypted, IdentityArgs};
use super::error::CliError;
use super::inspect::{chosen, head, holds};
use super::policy::{Judgement, PolicyArgs};
use super::source::{Source, SourceArgs};
use super::term::Term;
use super::{ThreadArgs, inspection_conditions};
use sealift_audit::policy::Stage;
use sealift_bundle::inspect::{Overview, overview};
use sealift_bundle::next_step;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::carrier::VerifiedCarrier;
use sealift_bundle::trust::verify::{Conditions, Depth, OpenBundle, verify_stream};
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::size::ByteSize;
use serde::Serialize;
use serde_json::json;

/// Verify a bundle's signatures and every byte of it
///
/// Reads the bundle once, in constant memory; `-` reads it from standard input. Exit code 0 means that the bundle is
/// sealed by the keys the trust root requires and that every byte is as signed. The content of an encrypted bundle is
/// verified with `--identity`; without it, only the outer seal and the encrypted bytes are, and the exit code is 4.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift verify air-gapped-2026.11.0.sealift --trust root.json\n  \
    dd if=/dev/nst0 bs=1M | sealift verify - --trust root.json --deep")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Check only the outer seal and the encrypted bytes of an encrypted bundle
    #[arg(long, conflicts_with = "deep")]
    outer: bool,
    /// Also decode every frame and compare every file with its inventory
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Serialize)]
struct Outcome<'a> {
    verdict: &'static str,
    depth: &'static str,
    #[serde(flatten)]
    overview: &'a Overview,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a Judgement>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let depth = if self.deep { Depth::Decoded } else { Depth::Stored };
        let judging = self.policy.read()?;
        let root = self.source.bundle.root()?;
        let watch = term.watch("verifying");
        let approvals = self.source.bundle.approvals()?;
        let conditions = Conditions {
            approvals: ApprovalCheck::Demanded(&approvals),
            ..inspection_conditions(&watch, self.threads)?
        };
        let source = self.source.open_with(&self.identity, &root, &conditions)?;
        if judging.is_some() && !matches!(source, Source::File(_)) {
            return Err(CliError::Usage {
                message: "`--policy` needs random access: expected an unencrypted bundle file".to_owned(),
                hint: Some(next_step!["copy the bundle into a file first, or verify it without `--policy`"]),
            });
        }
        match &source {
            Source::Encrypted(encrypted) if self.outer || !encrypted.has_identity() => {
                encrypted.carried.check(&encrypted.file, &conditions)?;
                drop(watch);
                return self.outside(term, encrypted);
            }
            Source::Encrypted(_) => {}
            _ if self.outer => {
                return Err(CliError::Usage {
                    message: "`--outer` needs an encrypted bundle, and this one is not encrypted".to_owned(),
                    hint: Some(next_step!["run the command without `--outer`"]),
                });
            }
            _ => {}
        }
        let (trusted, contents, read, judgement) = match (&judging, source) {
            // The seal and the policy are checked on the same open file, so that it cannot be swapped between the two.
            (Some(judging), Source::File(file)) => {
                let whole = OpenBundle::open_whole(file, &root, conditions, depth)?;
                let judgement =
                    judging.judge(&whole, Stage::Verifying, conditions.threads, conditions.now, &watch)?;
                let (read, place) = (whole.size, whole.into_place());
                (place.trusted, place.contents, read, Some(judgement))
            }
            (_, source) => {
                let mut tape = source.tape(&watch)?;
                let (trusted, contents) = verify_stream(&mut tape, &root, &conditions, depth)?;
                (trusted, contents, tape.position(), None)
            }
        };
        drop(watch);
        term.warn_of(trusted.warnings());
        let overview = overview(&trusted, &contents.items);
        let looked = match depth {
            Depth::Stored => "stored",
            Depth::Decoded => "decoded",
        };
        let mut text = human(term, &overview, depth, read);
        text += &judgement.as_ref().map(|judgement| judgement.text(term)).unwrap_or_default();
        let outcome =
            Outcome { verdict: "verified", depth: looked, overview: &overview, policy: judgement.as_ref() };
        term.data("verdict", &outcome, &text)?;
        if let Some(judgement) = &judgement {
            judgement.is_met()?;
        }
        if !self.source.bundle.is_pipe() {
            let (bundle, trust) = (quoted(&self.source.bundle.bundle), quoted(&self.source.bundle.trust));
            term.say(&format!("next: sealift unpack {bundle} --trust {trust} --to NEW-DIR"));
        }
        Ok(())
    }
}

impl Args {
    /// Prints the result of the outer check, and that the content was not verified.
    fn outside(&self, term: &Term, encrypted: &Encrypted) -> Result<(), CliError> {
        let VerifiedCarrier { carrier, signers, root_version, warnings } = &encrypted.carried;
        term.warn_of(warnings);
        let file = self.source.bundle.bundle.display();
        let mut text = format!("{} outer seal of {file}\n", term.paint("verified:", "32;1"));
        for signer in signers {
            text += &format!("  sealed by  {} ({}, key {})\n", signer.name, signer.role, signer.key);
        }
        text += &format!("  scenario   {}\n  created    {}\n", carrier.scenario, carrier.created);
        text += &format!("  checked    all {} encrypted bytes against the outer seal\n", carrier.size);
        text += "  unverified the content, which is encrypted\n";
        let signers: Vec<_> = signers
            .iter()
            .map(|signer| {
                json!({
                    "name": signer.name, "role": signer.role.to_string(), "key": signer.key.to_string(),
                })
            })
            .collect();
        let value = json!({
            "verdict": "verified", "depth": "outer", "sha256": carrier.sha256, "size": carrier.size,
            "scenario": carrier.scenario, "created": carrier.created, "root_version": root_version,
            "signers": signers,
        });
        term.data("verdict", &value, &text)?;
        if self.outer { Ok(()) } else { Err(CliError::Unopened) }
    }
}

fn human(term: &Term, overview: &Overview, depth: Depth, bytes: u64) -> String {
    let mut text = format!("{} {}-{}\n", term.paint("verified:", "32;1"), overview.name, overview.version);
    text += &head(overview);
    text += &format!("  created    {}", overview.created);
    text += &overview.expires.map_or_else(|| "\n".to_owned(), |expires| format!(", expires {expires}\n"));
    text += &chosen(overview);
    text += &format!("{}, {}\n", holds(overview.totals), ByteSize(overview.totals.bytes));
    text += &format!("  checked    all {bytes} bytes against the seal");
    text += match depth {
        Depth::Stored => "; frames were not decoded (`verify --deep` does)\n",
        Depth::Decoded => "; every frame decoded, every file compared\n",
    };
    text
}
