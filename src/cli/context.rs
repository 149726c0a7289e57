//! What a command line names, so that the words about an error can name it too.

use super::BundleArgs;
use super::error::CliError;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::plural::quoted;

/// What a command works on.
pub(super) enum Named {
    /// Nothing that its errors leave out.
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
    /// The bundle, for an error about what is in it that does not name it.
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

    /// The next step, with names in the place of the capital words.
    pub(super) fn hint(&self, error: &CliError) -> Option<String> {
        let hint = error.hint()?;
        Some(match self {
            Self::Nothing => hint,
            Self::Site(path) => hint.replace(" SITE", &format!(" {}", quoted(path))),
            #[cfg(feature = "connected")]
            Self::Manifest(path) => {
                hint.replace("sealift lock MANIFEST", &format!("sealift lock {}", quoted(path)))
            }
            Self::Bundle(BundleArgs { bundle, trust, .. }) => {
                hint.replace("BUNDLE --trust ROOT", &format!("{} --trust {}", quoted(bundle), quoted(trust)))
            }
        })
    }
}
