//! A JSON file of an item, by itself or inside an archive, that states a version.

use super::document::MAX_BYTES;
use super::tarball;
use sealift_bundle::value::printable::Printable;
use serde_json::Value;

/// Why a JSON file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// The archive is damaged, or beyond the bounds.
    #[error("the archive cannot be read: {0}")]
    Archive(String),
    /// No file of that name.
    #[error("the archive has no `{}`", Printable(.0))]
    Missing(String),
    /// Several files of that name, none of them above the others.
    #[error("the archive has several `{}`: {}", Printable(.file), Printable(.paths.join(", ")))]
    Several {
        /// What was looked for.
        file: String,
        /// Where it was found.
        paths: Vec<String>,
    },
    /// Larger than is read.
    #[error("`{}` is larger than is read", Printable(.0))]
    Large(String),
    /// No JSON.
    #[error("`{}` is not JSON: {reason}", Printable(.file))]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says.
        reason: String,
    },
}

/// Reads JSON: the bytes themselves, or the file of that name in a `.tar.gz`, whatever directory it is in.
///
/// Of several files of that name the one nearest to the root counts, which is the plugin's own `plugin.json`.
pub(crate) fn json_in(bytes: &[u8], file: &str) -> Result<Value, JsonError> {
    if !tarball::is_gzip(bytes) {
        return parse(bytes, file);
    }
    let name = |path: &str| path.rsplit('/').next() == Some(file);
    let mut found = tarball::members(bytes, name).map_err(JsonError::Archive)?;
    let depth = |path: &str| path.split('/').count();
    found.sort_by_key(|member| depth(&member.path));
    let mut found = found.into_iter();
    let first = found.next().ok_or_else(|| JsonError::Missing(file.to_owned()))?;
    if let Some(second) = found.next().filter(|second| depth(&second.path) == depth(&first.path)) {
        return Err(JsonError::Several { file: file.to_owned(), paths: vec![first.path, second.path] });
    }
    match first.bytes {
        Some(bytes) => parse(&bytes, &first.path),
        None => Err(JsonError::Large(first.path)),
    }
}

fn parse(bytes: &[u8], file: &str) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::Large(file.to_owned()));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| JsonError::Syntax { file: file.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::super::tarball::packed;
    use super::{JsonError, json_in};
    use proptest::prelude::*;

    /// The shape of the Calls plugin's manifest.
    const PLUGIN: &[u8] = br#"{
      "id": "com.mattermost.calls", "version": "1.11.6", "min_server_version": "10.0.0",
      "props": {
        "min_rtcd_version": "v0.17.0", "min_offloader_version": "v0.9.0",
        "calls_recorder_version": "v0.8.13", "calls_transcriber_version": "v0.7.2"
      }
    }"#;

    #[test]
    fn the_locks_of_a_plugin_are_read() {
        let archive = packed(&[
            ("com.mattermost.calls/server/dist/plugin-linux-amd64", b"ELF"),
            ("com.mattermost.calls/webapp/x/plugin.json", b"{}"),
            ("com.mattermost.calls/plugin.json", PLUGIN),
        ]);
        for bytes in [&archive[..], PLUGIN] {
            let json = json_in(bytes, "plugin.json").unwrap();
            assert_eq!(json.pointer("/props/calls_recorder_version").unwrap(), "v0.8.13");
        }
    }

    #[test]
    fn what_is_not_there_or_no_json_is_said() {
        let archive = packed(&[("a/plugin.json", b"{"), ("b/other.json", b"1"), ("c/other.json", b"2")]);
        assert_eq!(json_in(&archive, "x.json"), Err(JsonError::Missing("x.json".to_owned())));
        assert!(matches!(json_in(&archive, "plugin.json"), Err(JsonError::Syntax { .. })));
        assert!(matches!(json_in(&archive, "other.json"), Err(JsonError::Several { .. })));
        assert!(matches!(json_in(&archive[..20], "x"), Err(JsonError::Archive(_))));
        assert!(matches!(json_in(&vec![b'['; 10 << 20], "x"), Err(JsonError::Syntax { .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), file in "[\\PC]{0,10}") {
            let _ = json_in(&bytes, &file);
        }
    }
}
