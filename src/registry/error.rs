//! Errors of registries.

use crate::codes;
use sealift_bundle::next_step;
use sealift_bundle::store::StoreError;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::next_step::{NextStep, Subject};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use std::io;
use std::path::PathBuf;

/// An error of talking to a registry. No variant ever holds a password or a token.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RegistryError {
    #[error("`{}` does not name a registry", Printable(.reference))]
    NoRegistry { reference: String },
    #[error("cannot reach the registry `{host}`: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("`{host}` closed the connection in the middle of {what}: {reason}")]
    Cut { host: String, what: String, reason: String },
    #[error("`{host}` answered {what} with status {status}{}", quoted(.said))]
    Status { host: String, status: u16, what: String, said: String },
    #[error("`{host}` has no {what}")]
    NotFound { host: String, what: String },
    #[error("`{host}` denied {what} to {who} (status {status}){}", quoted(.said))]
    Denied { host: String, status: u16, what: String, who: String, said: String },
    #[error("unsupported authentication challenge from `{host}`: {reason}")]
    Challenge { host: String, reason: String },
    #[error("digest mismatch for {what} from `{host}`: expected {expected}, found {found}")]
    Digest { host: String, what: String, expected: Digest, found: Digest },
    #[error("size mismatch for {what} from `{host}`: expected {expected} bytes, found {found}")]
    Length { host: String, what: String, expected: u64, found: String },
    #[error("{what} from `{host}` is invalid: {reason}")]
    Document { host: String, what: String, reason: String },
    #[error("{what}: {found} exceeds the limit of {limit}")]
    Limit { what: String, found: u64, limit: u64 },
    #[error("the credential helper `{helper}` failed: {reason}")]
    Helper { helper: String, reason: String },
    #[error("cannot use the credentials file `{}`: {reason}", .path.display())]
    Credentials { path: PathBuf, reason: String },
    #[error("cannot use the certificates in `{}`: {reason}", .path.display())]
    Certificates { path: PathBuf, reason: String },
    #[error("cannot read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use the proxy that `{variable}` names: {reason}")]
    Proxy { variable: String, reason: &'static str },
    #[error("cannot start a thread")]
    Thread { source: io::Error },
    #[error("`{host}` does not accept a blob in several chunks")]
    NoPieces { host: String },
    #[error("`{host}` requires everything that an index lists, and the bundle does not have all of `{item}`")]
    Sparse { host: String, item: Name },
    #[error("`{host}` dropped an interrupted upload: {cause}")]
    Forgotten { host: String, cause: Box<RegistryError> },
    #[error("`{one}` and `{other}` would both become `{reference}`")]
    Collision { one: Name, other: Name, reference: String },
    #[error("the bundle has no image `{}`", Printable(.name))]
    NoImage { name: String },
    #[error("{} of {of} images were not pushed", .missing.len())]
    Incomplete { missing: Vec<Name>, of: usize },
    #[error("all images were pushed, but {} that refer to them were not", counted(*.missing as u64, "signature, attestation or SBOM"))]
    WithoutReferrers { missing: usize },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("interrupted")]
    Interrupted,
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {}", Printable(text)) }
}

impl Fault for RegistryError {
    fn code(&self) -> Code {
        match self {
            Self::NoRegistry { .. } | Self::Collision { .. } | Self::NoImage { .. } => codes::REGISTRY_NAME,
            Self::Unreachable { .. }
            | Self::Cut { .. }
            | Self::Status { .. }
            | Self::NoPieces { .. }
            | Self::Thread { .. } => codes::REGISTRY_FAILED,
            Self::Proxy { .. } => codes::REGISTRY_PROXY,
            Self::NotFound { .. } => codes::REGISTRY_MISSING,
            Self::Denied { .. } | Self::Challenge { .. } => codes::REGISTRY_DENIED,
            Self::Digest { .. } | Self::Length { .. } | Self::Document { .. } | Self::Limit { .. } => {
                codes::REGISTRY_CONTENT
            }
            Self::Helper { .. } | Self::Credentials { .. } => codes::REGISTRY_CREDENTIALS,
            Self::Certificates { .. } | Self::Read { .. } => codes::REGISTRY_CERTIFICATES,
            Self::Incomplete { .. } | Self::WithoutReferrers { .. } | Self::Sparse { .. } => {
                codes::REGISTRY_REFUSED
            }
            Self::Forgotten { cause, .. } => cause.code(),
            Self::Trust(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Interrupted => sealift_bundle::codes::INTERRUPTED,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table with one row for each error")]
    fn hint(&self) -> Option<NextStep> {
        let text = match self {
            Self::NoRegistry { reference } => {
                let library = if reference.contains('/') { "" } else { "library/" };
                return Some(next_step![format!(
                    "write it in full, for example `docker.io/{library}{}`",
                    Printable(reference)
                )]);
            }
            Self::Unreachable { host, reason }
                if reason.contains("ertificate not valid for name") || reason.contains("NotValidForName") =>
            {
                return Some(next_step![format!(
                    "use the name in the registry's certificate, or issue a certificate for `{host}`; inspect it with `openssl s_client -connect {host}`"
                )]);
            }
            Self::Unreachable { reason, .. } if reason.contains("(through the proxy") => {
                next_step![
                    "check that the proxy is running; list hosts that are reached without it in `NO_PROXY`"
                ]
            }
            Self::Unreachable { host, reason } if reason.contains("ertificate") => {
                return Some(next_step![format!(
                    "pass the certificate authority with `--ca-cert FILE`; inspect the certificate with `openssl s_client -connect {host}`"
                )]);
            }
            Self::Status { status: 413, .. } => {
                next_step![
                    "raise the request size limit of the registry and of the proxy in front of it (nginx: `client_max_body_size 0`)"
                ]
            }
            Self::Status { status: 404, what, .. } if what.starts_with("the upload of") => {
                next_step![
                    "create the repository, or its project, in the registry first; some registries do not create them on push"
                ]
            }
            Self::Proxy { .. } => {
                next_step!["use an HTTP proxy, like `http://proxy.site:3128`, or list the host in `NO_PROXY`"]
            }
            Self::Thread { .. } => next_step!["raise the limit of processes (`ulimit -u`) or of memory"],
            Self::Unreachable { .. } | Self::Cut { .. } | Self::Status { .. } => {
                next_step![
                    "check that the registry is running, then re-run the command: what was transferred is kept"
                ]
            }
            Self::NotFound { .. } => {
                next_step![
                    "check the spelling and the tag; some registries also answer this without credentials"
                ]
            }
            Self::Denied { host, .. } => return Some(next_step![format!("log in: `podman login {host}`")]),
            Self::Document { reason, .. } if reason.contains("distribution.manifest.v1") => {
                next_step![
                    "push the image again with a current tool (`skopeo copy` from the old registry does); this manifest format has been obsolete since 2017"
                ]
            }
            Self::Document { reason, .. } if reason.contains("is a foreign layer") => {
                next_step![
                    "images with foreign layers, such as old Windows images, are not supported: use a base image of 2023 or later, or convert it first with `regctl image mod --external-urls-rm`"
                ]
            }
            Self::Challenge { .. } | Self::Document { .. } | Self::Limit { .. } => {
                next_step![
                    "check that this address is a registry, and not a login page or a proxy in front of it"
                ]
            }
            Self::Digest { .. } | Self::Length { .. } => {
                next_step![
                    "re-run the command; if the error persists, the registry or a proxy changes content"
                ]
            }
            Self::Helper { .. } => next_step!["run the helper by hand, or log in again with `podman login`"],
            Self::Credentials { .. } => {
                next_step!["log in again with `podman login`, or name another file in `REGISTRY_AUTH_FILE`"]
            }
            Self::Certificates { .. } | Self::Read { .. } => {
                next_step!["pass a PEM file with the certificate of the authority"]
            }
            Self::NoPieces { .. } => {
                next_step!["please report this: the blob should have been sent in one request"]
            }
            Self::Sparse { .. } => {
                next_step![
                    "publish to a registry that accepts sparse indexes, or pack without `platforms`, or with `narrow = true`"
                ]
            }
            Self::Collision { .. } => next_step!["keep the registry names: `--full-names`"],
            Self::NoImage { .. } => next_step![
                "list its images: `sealift inspect ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                "`"
            ],
            Self::WithoutReferrers { .. } => {
                next_step!["see the reasons above; `--referrers leave` loads the images without them"]
            }
            Self::Incomplete { .. } => {
                next_step!["see the reasons above; what was pushed is not sent again"]
            }
            Self::Forgotten { cause, .. } => return cause.hint(),
            Self::Trust(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Interrupted => return None,
        };
        Some(text)
    }
}
