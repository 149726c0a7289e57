//! What is known of secrets, settings, hosts and images: the TOML files in `rules/`, where each row has its source.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// Parses a file of `rules/`.
#[allow(clippy::expect_used, reason = "the files are part of the program, and a test parses each of them")]
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("a file of rules is valid")
}

/// The document that a row comes from. It is there for readers of the file; a row without one is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source;

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address = String::deserialize(deserializer)?;
        let is_address = address.strip_prefix("https://").is_some_and(|rest| rest.contains('.'));
        is_address.then_some(Self).ok_or_else(|| D::Error::custom("a source is an address with https"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// What makes a row the only one of its kind.
    const IDENTITY: [&str; 9] =
        ["id", "key", "unwanted", "domain", "name", "prefix", "suffix", "text", "group"];

    #[test]
    fn each_row_has_a_source_and_is_there_once() {
        for text in [
            include_str!("rules/hosts.toml"),
            include_str!("rules/images.toml"),
            include_str!("rules/secrets.toml"),
            include_str!("rules/settings.toml"),
        ] {
            let file: toml::Table = text.parse().unwrap();
            for (kind, rows) in file.iter().filter_map(|(kind, rows)| Some((kind, rows.as_array()?))) {
                let mut seen = BTreeSet::new();
                for row in rows {
                    let identity: Vec<_> =
                        IDENTITY.iter().map(|key| row.get(key).map(ToString::to_string)).collect();
                    assert!(identity.iter().any(Option::is_some) && seen.insert(identity), "{kind}: {row}");
                    assert!(row.get("source").and_then(toml::Value::as_str).is_some(), "{kind}: {row}");
                }
            }
        }
    }

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
