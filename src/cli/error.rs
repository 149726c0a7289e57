//! The errors of the command line: those of the crates below, and its own, with their messages and next steps.

use super::codes;
use sealift_audit::fleet::FleetError;
use sealift_audit::policy::PolicyError;
use sealift_audit::scan::ScanError;
use sealift_audit::vulnerability::VulnerabilityError;
use sealift_bundle::format::BundleError;
use sealift_bundle::inspect::InspectError;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::next_step::{NextStep, Subject};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_site::SiteError;
use std::io;
use std::path::PathBuf;

/// An error of a command.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub(super) enum CliError {
    #[cfg(feature = "connected")]
    #[error(transparent)]
    Plan(#[from] sealift_plan::PlanError),
    #[cfg(feature = "connected")]
    #[error(transparent)]
    Store(#[from] sealift_bundle::store::StoreError),
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(#[from] sealift_registry::RegistryError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Audit(#[from] InspectError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error(transparent)]
    Vulnerability(#[from] VulnerabilityError),
    #[error("policy check failed: {}", counted(*.count as u64, "violation"))]
    Violated { count: usize },
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Serve(#[from] sealift_registry::serve::ServeError),
    #[error("{message}")]
    Usage { message: String, hint: Option<NextStep> },
    #[cfg(feature = "connected")]
    #[error("`{}` already exists, and a manifest is never overwritten", .path.display())]
    ManifestExists { path: PathBuf },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("trust roots differ: {}", counted(*.count as u64, "difference"))]
    Different { count: usize },
    #[error("inputs differ")]
    Changed,
    #[error("comparison is incomplete: no difference found, {} not compared", counted(*.missing as u64, "part"))]
    Uncompared { missing: usize },
    #[error("the trust root is valid, with {}", counted(*.count as u64, "finding"))]
    Findings { count: usize },
    #[cfg(feature = "connected")]
    #[error("check failed: {} and {}", counted(*.errors as u64, "error"), counted(*.warnings as u64, "warning"))]
    Check { errors: usize, warnings: usize },
    #[cfg(feature = "connected")]
    #[error("cannot pack: `check` found {}", counted(*.errors as u64, "error"))]
    NotPacked { errors: usize },
    #[error(
        "the content was not verified: no identity was given, and only the outer seal and the encrypted bytes were checked"
    )]
    Unopened,
    #[error("rejected and left out of the result: {}", counted(*.count as u64, "file"))]
    FleetRefused { count: usize },
    #[error("receipts and requests contradict each other: {}", counted(*.count as u64, "conflict"))]
    FleetConflicts { count: usize },
    #[error("not checked: {}", .what.join(", "))]
    FleetUnchecked { what: Vec<String> },
    #[error("no SBOM of an installed bundle contains `{}`", Printable(.asked))]
    FleetNobody { asked: String },
    #[error("cannot write to standard output")]
    Output { source: io::Error },
    #[error("cannot read {what}")]
    Input { what: String, hint: &'static str, source: io::Error },
    #[cfg(feature = "connected")]
    #[error("the demo failed at: {step}")]
    Demo { step: String },
}

impl CliError {
    /// True when the error is about the content of a bundle, so that the message names the bundle.
    pub(super) fn is_about_a_bundle(&self) -> bool {
        let is_about = match self {
            Self::Bundle(_) | Self::Audit(_) | Self::Unopened | Self::Violated { .. } => true,
            Self::Trust(error) => !matches!(
                error,
                TrustError::Missing { .. } | TrustError::Read { .. } | TrustError::InFile { .. }
            ),
            Self::Site(error) => matches!(error, SiteError::Trust(_) | SiteError::Rendering { .. }),
            Self::Scan(error) => matches!(error, ScanError::Trust(_)),
            Self::Usage { .. }
            | Self::Policy(_)
            | Self::Fleet(_)
            | Self::Vulnerability(_)
            | Self::Write { .. }
            | Self::Output { .. }
            | Self::Input { .. }
            | Self::Different { .. }
            | Self::Findings { .. }
            | Self::FleetRefused { .. }
            | Self::FleetConflicts { .. }
            | Self::FleetUnchecked { .. }
            | Self::FleetNobody { .. }
            | Self::Changed
            | Self::Uncompared { .. } => false,
            #[cfg(feature = "registry")]
            Self::Serve(_) => false,
            #[cfg(feature = "registry")]
            Self::Registry(error) => {
                matches!(error, sealift_registry::RegistryError::Trust(_))
            }
            #[cfg(feature = "connected")]
            Self::Plan(_)
            | Self::Store(_)
            | Self::ManifestExists { .. }
            | Self::Check { .. }
            | Self::NotPacked { .. }
            | Self::Demo { .. } => false,
        };
        is_about && self.code() != sealift_bundle::codes::INTERRUPTED
    }
}

impl Fault for CliError {
    fn code(&self) -> Code {
        match self {
            #[cfg(feature = "connected")]
            Self::Plan(error) => error.code(),
            #[cfg(feature = "connected")]
            Self::Store(error) => error.code(),
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.code(),
            Self::Bundle(error) => error.code(),
            Self::Trust(error) => error.code(),
            Self::Site(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Scan(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Fleet(error) => error.code(),
            Self::Vulnerability(error) => error.code(),
            Self::Violated { .. } => codes::POLICY_VIOLATED,
            #[cfg(feature = "registry")]
            Self::Serve(error) => error.code(),
            Self::Usage { .. } => sealift_bundle::codes::CLI_USAGE,
            #[cfg(feature = "connected")]
            Self::ManifestExists { .. } => sealift_plan::codes::MANIFEST_EXISTS,
            Self::Different { .. } => codes::TRUST_DIFFERENT,
            Self::Changed => codes::DIFF_DIFFERENT,
            Self::Uncompared { .. } => codes::DIFF_INCOMPLETE,
            Self::Findings { .. } => codes::TRUST_FINDINGS,
            #[cfg(feature = "connected")]
            Self::Check { .. } | Self::NotPacked { .. } => codes::CHECK_FINDINGS,
            Self::Write { .. } => sealift_bundle::codes::CLI_WRITE,
            Self::Output { .. } => codes::CLI_OUTPUT,
            Self::Unopened => codes::CARRIER_UNOPENED,
            Self::FleetRefused { .. } => codes::FLEET_REFUSED,
            Self::FleetConflicts { .. } => codes::FLEET_CONFLICTS,
            Self::FleetUnchecked { .. } => codes::FLEET_UNCHECKED,
            Self::FleetNobody { .. } => codes::FLEET_NOBODY,
            Self::Input { .. } => codes::CLI_INPUT,
            #[cfg(feature = "connected")]
            Self::Demo { .. } => codes::CLI_DEMO,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            #[cfg(feature = "connected")]
            Self::Plan(error) => error.hint(),
            #[cfg(feature = "connected")]
            Self::Store(error) => error.hint(),
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Trust(error) => error.hint(),
            Self::Site(error) => error.hint(),
            Self::Audit(error) => error.hint(),
            Self::Scan(error) => error.hint(),
            Self::Policy(error) => error.hint(),
            Self::Fleet(error) => error.hint(),
            Self::Vulnerability(error) => error.hint(),
            Self::Violated { .. } => Some(next_step![
                "fix the violations and pack again, or have an approver waive them: `sealift waive`"
            ]),
            #[cfg(feature = "registry")]
            Self::Serve(error) => error.hint(),
            Self::Usage { hint, .. } => hint.clone(),
            #[cfg(feature = "connected")]
            Self::ManifestExists { .. } => {
                Some(next_step!["choose another file name, or move the existing file away"])
            }
            Self::Changed => Some(next_step!["review the differences; `--all` shows every list in full"]),
            Self::Uncompared { .. } => Some(next_step![
                "see `not compared` in the output; for a complete comparison, compare two bundles"
            ]),
            Self::Different { .. } => Some(next_step![
                "review the differences; if they are as agreed, have the root key holders sign the new version"
            ]),
            Self::Findings { .. } => Some(next_step![
                "plan the next version: `sealift trust set ",
                Subject::TrustRoot,
                "` or `sealift trust add-key ",
                Subject::TrustRoot,
                "`"
            ]),
            Self::Write { .. } => Some(next_step!["check free space and permissions at that path"]),
            Self::Output { .. } => Some(next_step![
                "check free space and permissions where standard output is redirected, then run the command again"
            ]),
            Self::Unopened => Some(next_step![
                "verify the content: `sealift verify ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --identity FILE`; or accept the outer check alone: `--outer`"
            ]),
            Self::Input { hint, .. } => Some(next_step![*hint]),
            Self::FleetRefused { .. } => Some(next_step![
                "request each file again from its site over another channel, before sending anything there"
            ]),
            Self::FleetConflicts { .. } => Some(next_step!["follow the advice below each conflict"]),
            Self::FleetUnchecked { .. } => Some(next_step![
                "pass the keys of the sites with `--key SITE.pub`, and add an SBOM of each bundle to the directory"
            ]),
            Self::FleetNobody { .. } => {
                Some(next_step!["check the spelling: SBOMs use the package names of the distribution"])
            }
            #[cfg(feature = "connected")]
            Self::Check { .. } => Some(next_step![
                "fix each finding as described, lock and check again; or accept it in the manifest with `[[accept]]`"
            ]),
            #[cfg(feature = "connected")]
            Self::NotPacked { .. } => Some(next_step![
                "fix each finding as described, lock and pack again; or accept it in the manifest with `[[accept]]`"
            ]),
            #[cfg(feature = "connected")]
            Self::Demo { .. } => None,
        }
    }
}
