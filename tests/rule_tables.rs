//! The embedded tables of secrets, settings, hosts and images.

use std::collections::BTreeSet;

/// What makes a row the only one of its kind.
const IDENTITY: [&str; 9] = ["id", "key", "unwanted", "domain", "name", "prefix", "suffix", "text", "group"];

#[test]
fn each_row_has_a_source_and_is_there_once() {
    for text in [
        include_str!("../src/plan/lint/rules/hosts.toml"),
        include_str!("../src/plan/lint/rules/images.toml"),
        include_str!("../src/audit/secrets/secrets.toml"),
        include_str!("../src/plan/lint/rules/settings.toml"),
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
