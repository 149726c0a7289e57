//! Entries of a tree.

use crate::value::digest::Digest;
use crate::value::rel_path::{Names, RelPath};
use serde::{Deserialize, Serialize};

/// One file, directory or link of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EntryJson", into = "EntryJson")]
pub struct Entry {
    /// Where it is in the tree.
    pub path: RelPath,
    /// What it is.
    pub node: Node,
}

/// What an entry is. Owners, times and every other permission do not travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory, mode 0755.
    Dir,
    /// A regular file.
    File {
        /// Its length in bytes.
        size: u64,
        /// The digest of its content.
        sha256: Digest,
        /// True for mode 0755, false for 0644.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Relative to the directory of the link; leads to a file or directory of the same tree.
        target: String,
    },
}

/// An entry as it is written: one JSON object on a line, in an inventory and in a lock.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryJson {
    #[serde(deserialize_with = "any_path")]
    path: RelPath,
    r#type: EntryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<BareDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// A path for some system; for which one is said in the list that the entry is in, and
/// [`Tree::with_names`](super::tree::Tree::with_names) compares.
fn any_path<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<RelPath, D::Error> {
    let text = String::deserialize(deserializer)?;
    RelPath::parse_for(&text, Names::Linux).map_err(serde::de::Error::custom)
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct BareDigest(#[serde(with = "crate::value::digest::bare")] Digest);

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryKind {
    Dir,
    File,
    Link,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Mode {
    #[serde(rename = "0644")]
    Plain,
    #[serde(rename = "0755")]
    Executable,
}

impl From<Entry> for EntryJson {
    fn from(entry: Entry) -> Self {
        let line = Self {
            path: entry.path,
            r#type: EntryKind::Dir,
            mode: None,
            size: None,
            sha256: None,
            target: None,
        };
        match entry.node {
            Node::Dir => line,
            Node::File { size, sha256, executable } => Self {
                r#type: EntryKind::File,
                mode: Some(if executable { Mode::Executable } else { Mode::Plain }),
                size: Some(size),
                sha256: Some(BareDigest(sha256)),
                ..line
            },
            Node::Link { target } => Self { r#type: EntryKind::Link, target: Some(target), ..line },
        }
    }
}

impl TryFrom<EntryJson> for Entry {
    type Error = &'static str;

    fn try_from(line: EntryJson) -> Result<Self, Self::Error> {
        let node = match (line.r#type, line.mode, line.size, line.sha256, line.target) {
            (EntryKind::Dir, None, None, None, None) => Node::Dir,
            (EntryKind::File, Some(mode), Some(size), Some(BareDigest(sha256)), None) => {
                Node::File { size, sha256, executable: matches!(mode, Mode::Executable) }
            }
            (EntryKind::Link, None, None, None, Some(target)) => Node::Link { target },
            (EntryKind::Dir, ..) => return Err("a `dir` has only a path"),
            (EntryKind::File, ..) => return Err("a `file` has a path, a mode, a size and a sha256"),
            (EntryKind::Link, ..) => return Err("a `link` has a path and a target"),
        };
        Ok(Self { path: line.path, node })
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;
    use crate::value::canonical;

    #[test]
    fn entries_have_exactly_the_keys_of_their_type() {
        let digest = "0".repeat(64);
        let good = format!(r#"{{"path":"a/b","type":"file","mode":"0644","size":3,"sha256":"{digest}"}}"#);
        assert!(canonical::decode::<Entry>(good.as_bytes(), 1000).is_ok());
        for (case, line) in [
            ("P21 device", r#"{"path":"a","type":"char"}"#.to_owned()),
            ("P23 setuid", good.replace("0644", "4755")),
            ("P23 world-writable", good.replace("0644", "0666")),
            ("P14 hard link", r#"{"path":"a","type":"hardlink","target":"b"}"#.to_owned()),
            ("P41 folder with a size", r#"{"path":"a","type":"dir","size":1}"#.to_owned()),
            ("P24 owner", good.replace("\"size\"", "\"uid\":0,\"size\"")),
            ("P01 dots", good.replace("a/b", "../b")),
            ("J21 upper case", good.replace(&digest, &"A".repeat(64))),
            ("J09 negative size", good.replace(":3,", ":-3,")),
            ("file without digest", r#"{"path":"a","type":"file","mode":"0644","size":3}"#.to_owned()),
            ("link without target", r#"{"path":"a","type":"link"}"#.to_owned()),
        ] {
            assert!(canonical::decode::<Entry>(line.as_bytes(), 1000).is_err(), "{case}: {line}");
        }
    }
}
