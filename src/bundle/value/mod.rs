//! Value types: every text from outside is parsed into one of these types first.
//!
//! Nothing here reads a file, reads the clock or knows what a bundle is.

pub mod canonical;
pub mod digest;
pub mod error_code;
pub mod escaped;
pub mod exact;
pub mod format;
pub mod html;
pub mod image_name;
pub mod limits;
pub mod name;
pub mod next_step;
pub mod parallel;
pub mod percent;
pub mod platform;
pub mod plural;
pub mod printable;
pub mod progress;
pub mod reason;
pub mod rel_path;
pub mod size;
pub mod suggestion;
pub mod timestamp;
pub mod unicode;
pub mod word_fingerprint;

use crate::codes;
use error_code::{Code, Fault};

/// A text that is not the word it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not `sha256:` and 64 lower-case hexadecimal digits.
    #[error("`{}` is not a digest: expected `sha256:` and 64 lower-case hexadecimal digits", printable::Printable(.0))]
    Digest(String),
    /// A path that some system would refuse or read differently.
    #[error("path `{}` cannot travel: {reason}", printable::Printable(.path))]
    Path {
        /// The path as it was found.
        path: String,
        /// What is wrong with it.
        reason: rel_path::PathObjection,
    },
    /// Not a name of an item, a bundle or a scenario.
    #[error("`{}` is not a name: {reason}", printable::Printable(.name))]
    Name {
        /// The name as it was found.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// Not a container image reference.
    #[error("`{}` is not an image reference: {reason}", printable::Printable(.reference))]
    ImageName {
        /// The reference as it was found.
        reference: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// Not a UTC timestamp in whole seconds.
    #[error("`{}` is not a time: expected RFC 3339 in UTC and whole seconds, years 1970 to 9998, like `2026-11-22T06:00:00Z`", printable::Printable(.0))]
    Moment(String),
    /// Neither ten words nor 64 digits.
    #[error("`{}` is not a fingerprint: expected all ten words, or all 64 digits; {reason}", printable::Printable(.found))]
    Spoken {
        /// What was typed.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a reason.
    #[error("this is no reason: {0}")]
    Reason(&'static str),
    /// Not a platform of an image.
    #[error("`{}` is not a platform: expected `OS/ARCHITECTURE`, like `linux/amd64`, with an optional `/VARIANT`", printable::Printable(.0))]
    Platform(String),
}

impl Fault for ValueError {
    fn code(&self) -> Code {
        match self {
            Self::Digest(_) => codes::VALUE_DIGEST,
            Self::Path { .. } => codes::VALUE_PATH,
            Self::Name { .. } => codes::VALUE_NAME,
            Self::ImageName { .. } => codes::VALUE_IMAGE_NAME,
            Self::Moment(_) => codes::VALUE_MOMENT,
            Self::Spoken { .. } => codes::VALUE_SPOKEN,
            Self::Reason(_) => codes::VALUE_REASON,
            Self::Platform(_) => codes::VALUE_PLATFORM,
        }
    }

    fn hint(&self) -> Option<next_step::NextStep> {
        None
    }
}

/// Lets a value be read and written by serde as its text.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
