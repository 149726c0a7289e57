//! What can go wrong between here and a registry.

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
    #[error("`{}` does not say which registry it is in", Printable(.reference))]
    NoRegistry { reference: String },
    #[error("cannot reach the registry `{host}`: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("`{host}` stopped in the middle of {what}: {reason}")]
    Cut { host: String, what: String, reason: String },
    #[error("`{host}` answers with status {status} to {what}{}", quoted(.said))]
    Status { host: String, status: u16, what: String, said: String },
    #[error("`{host}` has no {what}")]
    NotFound { host: String, what: String },
    #[error("`{host}` refuses {what} to {who} (status {status}){}", quoted(.said))]
    Denied { host: String, status: u16, what: String, who: String, said: String },
    #[error("`{host}` asks for credentials in a way that is not understood: {reason}")]
    Challenge { host: String, reason: String },
    #[error("`{host}` sent {what} with another digest: expected {expected}, found {found}")]
    Digest { host: String, what: String, expected: Digest, found: Digest },
    #[error("`{host}` sent {what} with another length: expected {expected} bytes, found {found}")]
    Length { host: String, what: String, expected: u64, found: String },
    #[error("`{host}` sent {what} that cannot be used: {reason}")]
    Document { host: String, what: String, reason: String },
    #[error("{what}: found {found}, the ceiling is {ceiling}")]
    Limit { what: String, found: u64, ceiling: u64 },
    #[error("the credential helper `{helper}` failed: {reason}")]
    Helper { helper: String, reason: String },
    #[error("cannot use the file of credentials `{}`: {reason}", .path.display())]
    Credentials { path: PathBuf, reason: String },
    #[error("cannot use the certificates in `{}`: {reason}", .path.display())]
    Certificates { path: PathBuf, reason: String },
    #[error("cannot read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use the proxy that `{variable}` names: {reason}")]
    Proxy { variable: String, reason: &'static str },
    #[error("cannot start a thread")]
    Thread { source: io::Error },
    #[error("`{host}` takes no blob in several pieces")]
    NoPieces { host: String },
    #[error("`{host}` wants everything that an index lists, and of `{item}` not everything is in the bundle")]
    Sparse { host: String, item: Name },
    #[error("`{host}` has forgotten an upload that was cut: {cause}")]
    Forgotten { host: String, cause: Box<RegistryError> },
    #[error("`{one}` and `{other}` would both become `{reference}`")]
    Collision { one: Name, other: Name, reference: String },
    #[error("the bundle has no image called `{}`", Printable(.name))]
    NoImage { name: String },
    #[error("{} of {of} images did not arrive", .missing.len())]
    Incomplete { missing: Vec<Name>, of: usize },
    #[error("all images arrived, but {} that refer to them did not", counted(*.missing as u64, "signature, attestation or SBOM"))]
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
                    "name the registry as its certificate does, or give it a certificate for `{host}`; look at it with `openssl s_client -connect {host}`"
                )]);
            }
            Self::Unreachable { reason, .. } if reason.contains("(through the proxy") => {
                next_step!["check that the proxy is up; name hosts that are reached without it in `NO_PROXY`"]
            }
            Self::Unreachable { host, reason } if reason.contains("ertificate") => {
                return Some(next_step![format!(
                    "name the authority that vouches for it: `--ca-cert FILE`; look at it with `openssl s_client -connect {host}`"
                )]);
            }
            Self::Status { status: 413, .. } => {
                next_step![
                    "raise the limit for the size of a request at the registry and at the proxy in front of it (nginx: `client_max_body_size 0`)"
                ]
            }
            Self::Status { status: 404, what, .. } if what.starts_with("the upload of") => {
                next_step![
                    "create the repository, or its project, at the registry first; some registries do not do that by themselves"
                ]
            }
            Self::Proxy { .. } => {
                next_step![
                    "name an HTTP proxy, like `http://proxy.site:3128`, or name the host in `NO_PROXY`"
                ]
            }
            Self::Thread { .. } => next_step!["raise the limit of processes (`ulimit -u`) or of memory"],
            Self::Unreachable { .. } | Self::Cut { .. } | Self::Status { .. } => {
                next_step![
                    "look whether the registry is up, then run the same command again: what has arrived is kept"
                ]
            }
            Self::NotFound { .. } => {
                next_step!["check the spelling and the tag; some registries also say this to strangers"]
            }
            Self::Denied { host, .. } => return Some(next_step![format!("log in: `podman login {host}`")]),
            Self::Document { reason, .. } if reason.contains("distribution.manifest.v1") => {
                next_step![
                    "push the image again with a tool of today (`skopeo copy` from the old registry does); this form has been obsolete since 2017"
                ]
            }
            Self::Document { reason, .. } if reason.contains("is a foreign layer") => {
                next_step![
                    "images with foreign layers, which old Windows images have, do not travel: use a base image of 2023 or later, or \
                 convert it first with `regctl image mod --external-urls-rm`"
                ]
            }
            Self::Challenge { .. } | Self::Document { .. } | Self::Limit { .. } => {
                next_step![
                    "look whether this address is a registry, and not a login page or a proxy in front of it"
                ]
            }
            Self::Digest { .. } | Self::Length { .. } => {
                next_step![
                    "run the same command again; if it stays, the registry or something on the way changes content"
                ]
            }
            Self::Helper { .. } => next_step!["run the helper by hand, or log in anew with `podman login`"],
            Self::Credentials { .. } => {
                next_step!["log in anew with `podman login`, or name another file in `REGISTRY_AUTH_FILE`"]
            }
            Self::Certificates { .. } | Self::Read { .. } => {
                next_step!["name a PEM file with the certificate of the authority"]
            }
            Self::NoPieces { .. } => next_step!["report this: the blob should have been sent whole"],
            Self::Sparse { .. } => {
                next_step![
                    "publish to a registry that takes sparse indexes, or pack without `platforms`, or with `narrow = true`"
                ]
            }
            Self::Collision { .. } => next_step!["keep the names of their registries: `--full-names`"],
            Self::NoImage { .. } => next_step![
                "see what it has: `sealift inspect ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                "`"
            ],
            Self::WithoutReferrers { .. } => {
                next_step!["the reasons stand above; `--referrers leave` loads the images without them"]
            }
            Self::Incomplete { .. } => {
                next_step!["the reasons stand above; what has arrived is not sent again"]
            }
            Self::Forgotten { cause, .. } => return cause.hint(),
            Self::Trust(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Interrupted => return None,
        };
        Some(text)
    }
}
