//! Errors of reading a directory of receipts and requests.

use crate::codes;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::next_step::NextStep;
use std::io;
use std::path::PathBuf;

/// Why a directory of receipts and requests cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum FleetError {
    #[error("cannot read the directory `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` contains more than {what}", .path.display())]
    Limit { path: PathBuf, what: String },
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Fault for FleetError {
    fn code(&self) -> Code {
        match self {
            Self::Read { .. } | Self::Limit { .. } => codes::FLEET_FOLDER,
            Self::Trust(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Read { .. } => {
                Some(next_step!["name the directory that has the receipts: `sealift fleet FOLDER`"])
            }
            Self::Limit { .. } => Some(next_step!["name a directory that contains only what the sites sent"]),
            Self::Trust(error) => error.hint(),
        }
    }
}
