//! `sealift explain`

use super::codes;
use super::error::CliError;
use super::term::Term;
use sealift_audit::analysis::anomaly::AnomalyKind;
use sealift_audit::finding;
use sealift_audit::policy::rule;
use sealift_bundle::next_step;
use sealift_bundle::value::suggestion::did_you_mean;
use serde_json::{Value, json};

/// Explain an error code, or a finding of `check`, `analyze` or a policy
///
/// Without a code, lists all codes, one per line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An error code, as printed in `error[CODE]`, or the name of a finding, like `image.mutable-tag`
    code: Option<String>,
}

/// A code with its explanation.
struct Known {
    code: &'static str,
    /// Where the code comes from: its exit code, or the command that reports it.
    what: String,
    explanation: &'static str,
    json: Value,
}

/// Every code, those of errors first. A name that `check` and policies share is listed once for each.
fn all() -> impl Iterator<Item = Known> {
    let errors = codes::all().map(|code| {
        let (exit, explanation) = (code.class().exit(), code.explanation());
        Known {
            code: code.as_str(),
            what: format!("exit code {exit}"),
            explanation,
            json: json!({ "code": code.as_str(), "exit": exit, "explanation": explanation }),
        }
    });
    let known =
        |code: &'static str, of: &'static str, severity: Option<&str>, explanation: &'static str| Known {
            code,
            what: severity.map_or_else(|| of.to_owned(), |severity| format!("{of}, {severity}")),
            explanation,
            json: json!({ "code": code, "of": of, "severity": severity, "explanation": explanation }),
        };
    let findings = finding::LintRule::ALL.iter();
    let findings =
        findings.map(move |rule| known(rule.as_str(), "check", Some(rule.severity().as_str()), rule.why()));
    let anomalies =
        AnomalyKind::ALL.iter().map(move |kind| known(kind.as_str(), "analyze", None, kind.why()));
    let rules =
        rule::PolicyRule::ALL.iter().map(move |rule| known(rule.as_str(), "policy", None, rule.sentence()));
    errors.chain(findings).chain(anomalies).chain(rules)
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let Some(asked) = self.code else {
            for known in all() {
                let first = known.explanation.split_once(". ").map_or(known.explanation, |(first, _)| first);
                let first = first.trim_end_matches('.');
                term.data(
                    "explanation",
                    &known.json,
                    &format!("{:24} {:15} {first}\n", known.code, known.what),
                )?;
            }
            return Ok(());
        };
        let found: Vec<_> = all().filter(|known| known.code == asked).collect();
        if found.is_empty() {
            return Err(CliError::Usage {
                message: format!("unknown code `{asked}`"),
                hint: Some(match did_you_mean(&asked, all().map(|known| known.code)) {
                    Some(question) => next_step![format!("{question} List all codes: `sealift explain`")],
                    None => next_step!["list all codes: `sealift explain`"],
                }),
            });
        }
        for known in found {
            let text = format!("{} ({})\n\n{}\n", known.code, known.what, known.explanation);
            term.data("explanation", &known.json, &text)?;
        }
        Ok(())
    }
}
