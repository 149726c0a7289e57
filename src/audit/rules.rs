//! Reads tables of knowledge: embedded TOML files in which each row names the document that it comes from.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// Parses an embedded table.
///
/// # Panics
///
/// The text is not valid, which a test of each table excludes.
#[must_use]
#[allow(clippy::expect_used, reason = "the files are part of the program, and a test parses each of them")]
pub fn parse<T: DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("a file of rules is valid")
}

/// The address of the document that a row comes from; a row without one is rejected.
#[derive(Debug, Clone, Copy)]
pub struct Source;

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address = String::deserialize(deserializer)?;
        let is_address = address.strip_prefix("https://").is_some_and(|rest| rest.contains('.'));
        is_address.then_some(Self).ok_or_else(|| D::Error::custom("a source is an address with https"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_source_is_an_address() {
        #[derive(Debug, serde::Deserialize)]
        struct Row {
            #[serde(rename = "source")]
            _source: super::Source,
        }
        assert!(toml::from_str::<Row>("source = \"https://www.rfc-editor.org/rfc/rfc6761\"").is_ok());
        for bad in ["", "source = \"\"", "source = \"known\"", "source = \"http://a.b\""] {
            assert!(toml::from_str::<Row>(bad).is_err(), "{bad}");
        }
    }
}
