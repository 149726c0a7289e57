//! What goes wrong while scanning, and what a scan can end with.

use crate::codes;
use sealift_bundle::format::BundleError;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::next_step::NextStep;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use std::io;
use std::path::PathBuf;

/// An error of scanning.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The bundle is not believed, or could not be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The engine as it was asked for is none.
    #[error("`{}` names no engine: {reason}", Printable(.asked))]
    Words {
        /// As it was asked for.
        asked: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The engine is not there.
    #[error("the engine does not answer: {}", Printable(.reason))]
    Unreachable {
        /// What was tried, and what came of it.
        reason: String,
    },
    /// The engine failed before it was done; the ledger has what it saw.
    #[error("the engine failed: {}; {} of {}", Printable(.reason), counted(*.unseen, "leaf not seen"), .leaves)]
    EngineFailed {
        /// What happened.
        reason: String,
        /// Leaves that it did not see.
        unseen: u64,
        /// All leaves.
        leaves: u64,
    },
    /// The private folder for leaves cannot be used.
    #[error("cannot use the temporary folder `{}`", .path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine found something.
    #[error("the engine found something in {}{}", if *.found == 1 { "1 place".to_owned() } else { format!("{} places", .found) }, beside(*.unseen, *.unopened))]
    Found {
        /// Leaves in which.
        found: u64,
        /// Leaves that it did not see.
        unseen: u64,
        /// Archives into which nobody looked but perhaps the engine.
        unopened: u64,
    },
    /// The engine found nothing, and did not see everything.
    #[error("the engine found nothing in what it saw{}", beside(*.unseen, *.unopened))]
    Incomplete {
        /// Leaves that it did not see.
        unseen: u64,
        /// Archives into which nobody looked but perhaps the engine.
        unopened: u64,
    },
    /// A marker was not found where it has to be.
    #[error("the marker was not found in {} where sealift should have shown it", counted(*.missed, "case"))]
    SelfTest {
        /// In how many cases.
        missed: u64,
    },
}

/// What a scan left open.
fn beside(unseen: u64, unopened: u64) -> String {
    let of = |number: u64, thing: &str, what: &str| {
        (number > 0).then(|| {
            format!(
                "{} {what}",
                if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
            )
        })
    };
    let open = [of(unseen, "file or member", "not seen"), of(unopened, "archive", "not opened")];
    open.into_iter().flatten().fold(String::new(), |text, part| text + "; " + &part)
}

impl From<BundleError> for ScanError {
    fn from(error: BundleError) -> Self {
        Self::Trust(error.into())
    }
}

impl Fault for ScanError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Words { .. } => sealift_bundle::codes::CLI_USAGE,
            Self::Unreachable { .. } | Self::EngineFailed { .. } => codes::AUDIT_SCAN_ENGINE,
            Self::Scratch { .. } => sealift_bundle::codes::CLI_WRITE,
            Self::Found { .. } => codes::AUDIT_SCAN_FOUND,
            Self::Incomplete { .. } => codes::AUDIT_SCAN_INCOMPLETE,
            Self::SelfTest { .. } => codes::AUDIT_SCAN_SELF_TEST,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        let hint = match self {
            Self::Trust(error) => return error.hint(),
            Self::Words { .. } => {
                next_step![
                    "`--engine clamd`, `--engine clamd:/run/clamav/clamd.ctl`, `--engine clamd:HOST:PORT`, or a \
                program: `--engine \"clamscan --no-summary {}\"`"
                ]
            }
            Self::Unreachable { .. } => {
                next_step!["start the engine, or name its socket: `--engine clamd:SOCKET`"]
            }
            Self::EngineFailed { .. } => {
                next_step!["look at the log of the engine, start it again and scan again"]
            }
            Self::Scratch { .. } => {
                next_step![
                    "name a folder with space that only you can write to: `TMPDIR=FOLDER sealift scan ...`"
                ]
            }
            Self::Found { .. } => {
                next_step!["do not let the bundle in; show the ledger to whoever packed it"]
            }
            Self::Incomplete { .. } => {
                next_step![
                    "read what was not seen and why; raise the engine's limits and `--max-size`, `--depth`, or have a person decide"
                ]
            }
            Self::SelfTest { .. } => {
                next_step![
                    "where no case finds it, give a text that the engine has a signature for: `--marker FILE`; where large \
                files miss it, the engine's limits are lower than `--max-size`"
                ]
            }
        };
        Some(hint)
    }
}
