//! Errors and outcomes of scanning.

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
    /// The bundle is rejected, or could not be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The engine as it was asked for is none.
    #[error("invalid scanner `{}`: {reason}", Printable(.asked))]
    Words {
        /// As it was asked for.
        asked: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The engine is missing.
    #[error("the scanner does not answer: {}", Printable(.reason))]
    Unreachable {
        /// What was tried, and the result of it.
        reason: String,
    },
    /// The engine failed before it was done; the ledger has what it saw.
    #[error("the scanner failed: {}; {} of {}", Printable(.reason), counted(*.unseen, "file not scanned"), .leaves)]
    EngineFailed {
        /// What happened.
        reason: String,
        /// Leaves that it did not see.
        unseen: u64,
        /// All leaves.
        leaves: u64,
    },
    /// The private directory for leaves cannot be used.
    #[error("cannot use the temporary directory `{}`", .path.display())]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine found something.
    #[error("the scanner found something in {}{}", if *.found == 1 { "1 place".to_owned() } else { format!("{} places", .found) }, beside(*.unseen, *.unopened))]
    Found {
        /// Leaves in which.
        found: u64,
        /// Leaves that it did not see.
        unseen: u64,
        /// Archives into which no one looked but perhaps the scanner.
        unopened: u64,
    },
    /// The engine found nothing, and did not see everything.
    #[error("the scanner found nothing in what it scanned{}", beside(*.unseen, *.unopened))]
    Incomplete {
        /// Leaves that it did not see.
        unseen: u64,
        /// Archives into which no one looked but perhaps the scanner.
        unopened: u64,
    },
    /// A marker was not found where it has to be.
    #[error("the marker was not found in {} where it should have been", counted(*.missed, "case"))]
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
                next_step!["start the scanner, or pass its socket: `--engine clamd:SOCKET`"]
            }
            Self::EngineFailed { .. } => {
                next_step!["check the log of the scanner, restart it and scan again"]
            }
            Self::Scratch { .. } => {
                next_step![
                    "use a directory with free space that only you can write to: `TMPDIR=DIRECTORY sealift scan ...`"
                ]
            }
            Self::Found { .. } => {
                next_step!["do not accept the bundle; show the ledger to the packer"]
            }
            Self::Incomplete { .. } => {
                next_step![
                    "review what was not scanned and why; raise the scanner's limits and `--max-size`, `--depth`, or decide that it is acceptable"
                ]
            }
            Self::SelfTest { .. } => {
                next_step![
                    "if no case finds it, pass a text that the scanner has a signature for: `--marker FILE`; if large files miss it, the scanner's limits are lower than `--max-size`"
                ]
            }
        };
        Some(hint)
    }
}
