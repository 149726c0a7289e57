//! `sealift explain`

use super::error::CliError;
use super::term::Term;
use crate::value::code::Code;
use serde_json::json;

/// Explain an error code
///
/// Without a code: all of them, with the exit code that goes with each.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code, as it stands in brackets behind `error`
    code: Option<String>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let Some(asked) = self.code else {
            for code in Code::ALL {
                show(term, *code, &format!("{:24} exit {:3}\n", code, code.class().exit()))?;
            }
            return Ok(());
        };
        let code = Code::ALL.iter().find(|code| code.as_str() == asked).ok_or_else(|| CliError::Usage {
            message: format!("there is no error code `{asked}`"),
            hint: Some(match nearest(&asked) {
                Some(code) => format!("did you mean `{code}`? All of them: `sealift explain`"),
                None => "see all of them: `sealift explain`".to_owned(),
            }),
        })?;
        show(term, *code, &format!("{code} (exit code {})\n\n{}\n", code.class().exit(), code.explanation()))
    }
}

/// The code that was probably meant.
fn nearest(asked: &str) -> Option<Code> {
    let distance = |code: &Code| strsim::damerau_levenshtein(asked, code.as_str());
    let nearest = Code::ALL.iter().copied().min_by_key(distance)?;
    (distance(&nearest) <= nearest.as_str().len() / 3).then_some(nearest)
}

fn show(term: &Term, code: Code, text: &str) -> Result<(), CliError> {
    let value =
        json!({ "code": code.as_str(), "exit": code.class().exit(), "explanation": code.explanation() });
    term.data("explanation", &value, text)
}
