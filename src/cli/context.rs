//! The paths given on the command line, so that error messages and next steps can quote them.

use super::BundleArgs;
use super::error::CliError;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::next_step::Subject;
use sealift_bundle::value::plural::quoted;

/// What a command operates on.
pub(super) enum Named {
    /// Nothing, or only what its errors name themselves.
    Nothing,
    /// A manifest.
    #[cfg(feature = "connected")]
    Manifest(std::path::PathBuf),
    /// A site.
    Site(std::path::PathBuf),
    /// A bundle and a trust root.
    Bundle(BundleArgs),
}

impl Named {
    /// The bundle, for an error about its content whose message does not name it.
    pub(super) fn subject(&self, error: &CliError) -> Option<String> {
        let bundle = match self {
            Self::Bundle(bundle) if error.is_about_a_bundle() => bundle,
            Self::Bundle(_) | Self::Nothing | Self::Site(_) => return None,
            #[cfg(feature = "connected")]
            Self::Manifest(_) => return None,
        };
        if bundle.is_pipe() {
            return Some("standard input".to_owned());
        }
        let path = bundle.bundle.to_string_lossy().into_owned();
        (!error.to_string().contains(&format!("`{path}`"))).then_some(path)
    }

    /// The next step after `error`, with the paths from the command line filled in.
    pub(super) fn next_step(&self, error: &CliError) -> Option<String> {
        error.hint().map(|step| step.render(|subject| self.name_of(subject)))
    }

    fn name_of(&self, subject: Subject) -> Option<String> {
        let path = match (self, subject) {
            (Self::Bundle(BundleArgs { bundle, .. }), Subject::Bundle) => bundle,
            (Self::Bundle(BundleArgs { trust, .. }), Subject::TrustRoot) => trust,
            (Self::Site(path), Subject::Site) => path,
            #[cfg(feature = "connected")]
            (Self::Manifest(path), Subject::Manifest) => path,
            #[cfg(feature = "connected")]
            (Self::Manifest(_), Subject::Bundle | Subject::TrustRoot | Subject::Site) => return None,
            (Self::Bundle(_), Subject::Manifest | Subject::Site)
            | (Self::Site(_), Subject::Bundle | Subject::TrustRoot | Subject::Manifest)
            | (Self::Nothing, _) => return None,
        };
        Some(quoted(path))
    }
}
