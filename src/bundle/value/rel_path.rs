//! Paths inside a tree.

use super::printable::is_deceptive;
use super::unicode::is_assigned;
use super::{ValueError, serde_as_text};
use std::fmt;
use std::str::FromStr;

/// The path of an entry in a tree: relative, `/`-separated UTF-8 that every system the tree may land on
/// reads in the same way.
///
/// At most 1,024 bytes, 64 components, 255 bytes a component. It is not a file system path: it becomes one
/// only beneath an opened directory, component by component.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(String);

/// Why a path cannot travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathObjection {
    /// No name at all.
    #[error("it is empty")]
    Empty,
    /// The name is not UTF-8.
    #[error("its name is not UTF-8")]
    Encoding,
    /// `/x`.
    #[error("it is absolute")]
    Absolute,
    /// `a//b` or `a/`.
    #[error("it has an empty component")]
    EmptyComponent,
    /// `.` or `..`.
    #[error("it has a `.` or `..` component")]
    Dots,
    /// Over 1,024 bytes, 64 components, or 255 bytes in one.
    #[error("it is longer than 1,024 bytes, 64 components or 255 bytes in one component")]
    Length,
    /// Control, bidirectional, or zero-width characters.
    #[error("it has a character that cannot be seen")]
    Hidden,
    /// A character of a Unicode version after 15.0, or none at all.
    #[error("it has a character that Unicode 15.0 does not have, so systems do not agree on its letter case")]
    Unassigned,
    /// One of `\ : * ? " < > |`, which Windows, FAT and exFAT refuse.
    #[error("it has one of the characters \\ : * ? \" < > |, which Windows, FAT and exFAT refuse")]
    Reserved,
    /// A component that Windows and FAT would silently shorten.
    #[error("a component ends with a dot or a space, which Windows and FAT drop")]
    TrailingDot,
    /// `con`, `aux.txt`, `com1` and so on.
    #[error("a component is a device name on Windows")]
    Device,
}

/// The systems on which the names in a tree have to mean the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Names {
    /// Windows, macOS, FAT and exFAT too.
    #[default]
    Portable,
    /// Linux alone: names that other systems refuse, shorten or take for one another may travel.
    Linux,
}

impl Names {
    /// True for the names that need not be said.
    #[must_use]
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(crate) fn is_portable(&self) -> bool {
        *self == Self::Portable
    }
}

impl RelPath {
    /// Reads a path for trees of these systems. What leads out of a tree, or deceives who reads it, is refused on every
    /// system; only [`Names::Portable`] refuses what Linux alone can hold.
    pub fn parse_for(text: &str, names: Names) -> Result<Self, ValueError> {
        let objection = match names {
            Names::Portable => objection(text),
            Names::Linux => danger(text),
        };
        match objection {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(ValueError::Path { path: text.to_owned(), reason }),
        }
    }

    /// Why the path cannot travel to every system.
    #[must_use]
    pub(crate) fn portable_objection(&self) -> Option<PathObjection> {
        objection(&self.0)
    }

    /// The path as text, for showing and comparing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Another path below this one. Each keeps the limits on its own, for they are about what travels; both
    /// together may be longer.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(format!("{self}/{below}"))
    }

    /// Its components, from the outermost to the last.
    #[must_use]
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The path of the directory it is in, unless it is at the top.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// Its last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }
}

/// True for a component that Windows takes for a device, with any extension (`aux.txt`).
#[must_use]
pub(crate) fn is_device_name(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$") {
        return true;
    }
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let mut digits = port.unwrap_or_default().chars();
    // RUSTSEC-2024-0445: superscript digits name the same ports.
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// Why a path is refused for every system.
fn danger(text: &str) -> Option<PathObjection> {
    if text.is_empty() {
        return Some(PathObjection::Empty);
    }
    if text.starts_with('/') {
        return Some(PathObjection::Absolute);
    }
    if text.len() > 1024 || text.split('/').count() > 64 || text.split('/').any(|part| part.len() > 255) {
        return Some(PathObjection::Length);
    }
    text.split('/').find_map(|part| match part {
        "" => Some(PathObjection::EmptyComponent),
        "." | ".." => Some(PathObjection::Dots),
        _ if part.chars().any(|character| is_deceptive(character) && !is_joiner(character)) => {
            Some(PathObjection::Hidden)
        }
        _ => None,
    })
}

/// U+200C and U+200D, which several scripts are written with.
const fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Why a path is refused where it has to mean the same on every system.
fn objection(text: &str) -> Option<PathObjection> {
    let first = danger(text);
    if first.is_some() {
        return first;
    }
    text.split('/').find_map(|part| match part {
        _ if part.chars().any(is_deceptive) => Some(PathObjection::Hidden),
        _ if !part.chars().all(is_assigned) => Some(PathObjection::Unassigned),
        _ if part.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) => Some(PathObjection::Reserved),
        _ if part.ends_with(['.', ' ']) => Some(PathObjection::TrailingDot),
        _ if is_device_name(part) => Some(PathObjection::Device),
        _ => None,
    })
}

impl FromStr for RelPath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse_for(text, Names::Portable)
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

serde_as_text!(RelPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: PathObjection) {
        assert_eq!(objection(text), Some(expected), "{text:?}");
    }

    #[test]
    fn ordinary_paths_are_accepted() {
        for good in
            ["a", "a/b.md", ".hidden", "..a", "a..b", "Größe/日本語.txt", "common.txt", "com10", "a b"]
        {
            assert_eq!(objection(good), None, "{good}");
        }
    }

    #[test]
    fn p01_p02_p05_p06_dots_and_empty_components() {
        for text in ["../x", "a/../../x", "d/../d/x", "./x", ".", "..", "a/.", "a/.."] {
            refused(text, PathObjection::Dots);
        }
        for text in ["a//b", "a/"] {
            refused(text, PathObjection::EmptyComponent);
        }
        refused("", PathObjection::Empty);
    }

    #[test]
    fn p03_absolute() {
        for text in ["/abs", "//abs", "/"] {
            refused(text, PathObjection::Absolute);
        }
    }

    #[test]
    fn p45_lengths() {
        refused(&"a".repeat(256), PathObjection::Length);
        refused(&vec!["a"; 65].join("/"), PathObjection::Length);
        refused(&vec!["a".repeat(200); 6].join("/"), PathObjection::Length);
        assert_eq!(objection(&vec!["a"; 64].join("/")), None);
    }

    #[test]
    fn p47_hidden_characters_and_backslash() {
        for text in ["a\nb", "a\tb", "a\x1bb", "a\x7fb", "a\u{202e}b", "a\u{200b}b", "a\u{85}b", "\0"] {
            refused(text, PathObjection::Hidden);
        }
        refused("a\\b", PathObjection::Reserved);
    }

    #[test]
    fn p48_names_of_windows() {
        for text in ["CON", "x/AUX.txt", "COM¹", "lpt0.log", "nul .txt", "CONIN$"] {
            refused(text, PathObjection::Device);
        }
        for text in ["x:y", "a?", "a*", "a|b", "<a", "a>", "\"a\""] {
            refused(text, PathObjection::Reserved);
        }
        for text in ["a.", "a ", "a./b"] {
            refused(text, PathObjection::TrailingDot);
        }
    }

    #[test]
    fn f_fmt_3_6_characters_that_unicode_15_0_does_not_have() {
        for text in ["a\u{a7dc}", "\u{1c89}/b", "\u{fdd0}", "\u{10d50}"] {
            refused(text, PathObjection::Unassigned);
        }
    }

    #[test]
    fn f_field_r01_names_for_linux_alone_are_still_refused_where_they_are_dangerous() {
        for text in
            ["a:b", "a\\b", "what?", "a*", "<a>", "dot.", "space ", "CON", "می\u{200c}خواهم", "a\u{200d}b"]
        {
            assert!(RelPath::parse_for(text, Names::Linux).is_ok(), "{text:?}");
            assert!(RelPath::parse_for(text, Names::Portable).is_err(), "{text:?}");
            let path = RelPath::parse_for(text, Names::Linux).unwrap();
            assert!(path.portable_objection().is_some(), "{text:?}");
        }
        for text in [
            "..",
            "a/../b",
            "/a",
            "",
            "a//b",
            "a\0b",
            "a\nb",
            "a\x1bb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{feff}",
        ] {
            assert!(RelPath::parse_for(text, Names::Linux).is_err(), "{text:?}");
        }
    }
}
