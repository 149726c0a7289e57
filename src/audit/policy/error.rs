//! Errors of policies and of the files they need.

use crate::codes;
use sealift_bundle::next_step;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::next_step::{NextStep, Subject};
use sealift_bundle::value::printable::Printable;
use std::io;
use std::path::PathBuf;

/// An error about a policy, or about a file that it needs.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PolicyError {
    #[error("cannot read {what} `{}`", Printable(.path.to_string_lossy()))]
    Read { what: &'static str, path: PathBuf, source: io::Error },
    #[error("invalid policy `{}`: {}", Printable(.path.to_string_lossy()), .wrong.join("; "))]
    Form { path: PathBuf, wrong: Vec<String> },
    #[error("invalid scan ledger `{}`: {}", Printable(.path.to_string_lossy()), Printable(.reason))]
    Ledger { path: PathBuf, reason: String },
}

impl Fault for PolicyError {
    fn code(&self) -> Code {
        match self {
            Self::Read { .. } => codes::POLICY_READ,
            Self::Form { .. } => codes::POLICY_FORM,
            Self::Ledger { .. } => codes::POLICY_LEDGER,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        let text = match self {
            Self::Read { .. } => next_step!["pass a file that exists and is readable"],
            Self::Form { .. } => {
                next_step![
                    "list every key: `sealift policy reference`, and every rule: `sealift policy rules`"
                ]
            }
            Self::Ledger { .. } => {
                next_step![
                    "create one with `sealift scan ",
                    Subject::Bundle,
                    " --trust ",
                    Subject::TrustRoot,
                    " --engine ENGINE --ledger FILE`"
                ]
            }
        };
        Some(text)
    }
}
