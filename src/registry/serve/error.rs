//! Errors of serving bundles.

use crate::codes;
use sealift_bundle::inspect::InspectError;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::next_step::NextStep;
use std::io;
use std::net::SocketAddr;

/// An error of serving bundles.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A bundle is rejected, or could not be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A bundle does not have what was asked for.
    #[error(transparent)]
    Audit(#[from] InspectError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as it was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the TLS certificate and key: {reason}")]
    Tls {
        /// What is wrong with them.
        reason: String,
    },
    /// One name for different things.
    #[error("`{name}` is {one} in the bundle {first}, and {other} in the bundle {second}")]
    Conflict {
        /// The name: a repository with its tag, or a bundle with its version.
        name: String,
        /// What it means in the first bundle.
        one: String,
        /// The first bundle.
        first: String,
        /// What it means in the second.
        other: String,
        /// The second bundle.
        second: String,
    },
}

impl Fault for ServeError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Listen { .. } => codes::SERVE_LISTEN,
            Self::Tls { .. } => codes::SERVE_TLS,
            Self::Conflict { .. } => codes::SERVE_CONFLICT,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Trust(error) => error.hint(),
            Self::Audit(error) => error.hint(),
            Self::Listen { .. } => Some(next_step!["choose another address: `--listen 127.0.0.1:5001`"]),
            Self::Tls { .. } => Some(next_step!["inspect them: `openssl x509 -in CERT -noout -text`"]),
            Self::Conflict { .. } => Some(next_step!["serve one of them, or each with its own `--listen`"]),
        }
    }
}
