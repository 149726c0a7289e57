//! Names that deceive.

use super::oddity::{Kind, Oddity};
use crate::value::printable::is_deceptive;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use unicode_normalization::UnicodeNormalization as _;

/// Bytes of a path that Linux takes (`PATH_MAX`), and of one of its names (`NAME_MAX`).
const LONGEST: (usize, usize) = (4096, 255);

/// What is odd about one path, seen by itself.
pub fn examine(path: &str, found: &mut Vec<Oddity>) {
    let mut say = |kind, detail: &str| found.push(Oddity::new(kind, path, detail));
    if path.len() > LONGEST.0 || path.split('/').any(|name| name.len() > LONGEST.1) {
        say(Kind::NameLong, "longer than 4,096 bytes, or 255 in one name");
    }
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    if path.bytes().all(is_plain) {
        return;
    }
    if path.chars().any(is_deceptive) {
        say(Kind::NameControl, "it holds characters that cannot be seen");
    }
    if escapes_bytes(path) {
        say(Kind::NameEncoding, "its bytes are not UTF-8, and are shown as \\xNN");
    }
    if path.split('/').any(is_mixed) {
        say(Kind::NameLookalike, "letters of several scripts stand in one name");
    }
}

/// Whether a path has a byte as the layer reader writes those that are not UTF-8.
fn escapes_bytes(path: &str) -> bool {
    path.match_indices("\\x").any(|(at, _)| {
        path.get(at + 2..at + 4).is_some_and(|hex| {
            let high = hex.bytes().next().is_some_and(|byte| byte >= b'8');
            high && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        })
    })
}

/// Latin letters beside those of scripts that have the same shapes (UTS 39, "Mixed-Script Detection", for the scripts
/// whose letters are taken for Latin ones).
fn is_mixed(name: &str) -> bool {
    let is_twin_of_latin = |letter: char| {
        matches!(letter,
            '\u{0370}'..='\u{03ff}' | '\u{1f00}'..='\u{1fff}' // Greek
            | '\u{0400}'..='\u{052f}' // Cyrillic
            | '\u{0530}'..='\u{058f}' // Armenian
            | '\u{13a0}'..='\u{13ff}' // Cherokee
            | '\u{ff21}'..='\u{ff5a}' // wide Latin
            | '\u{1d400}'..='\u{1d7ff}') // letters of mathematics
    };
    name.chars().any(|letter| letter.is_ascii_alphabetic()) && name.chars().any(is_twin_of_latin)
}

/// Paths of one layer that are one path where case or Unicode form is ignored.
pub fn twins<'a>(paths: impl Iterator<Item = &'a str>, found: &mut Vec<Oddity>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for path in paths {
        let folded = if path.is_ascii() {
            path.to_ascii_lowercase()
        } else {
            path.nfkc().flat_map(char::to_lowercase).collect()
        };
        match seen.entry(folded) {
            Entry::Vacant(place) => {
                place.insert(path);
            }
            Entry::Occupied(place) if *place.get() != path => {
                found.push(Oddity::new(Kind::NameTwin, path, format!("and {}", place.get())));
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Whether a link at `path` leads out of the folder that holds all others. A target that begins with `/` begins there,
/// as in a container.
#[must_use]
pub fn leads_outside(path: &str, target: &str) -> bool {
    let mut depth = if target.starts_with('/') { 0 } else { path.split('/').count() - 1 };
    for component in target.split('/').filter(|component| !matches!(*component, "" | ".")) {
        if component == ".." {
            match depth.checked_sub(1) {
                Some(higher) => depth = higher,
                None => return true,
            }
        } else {
            depth += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p47_names_that_deceive_are_told() {
        for (path, kind) in [
            ("usr/bin/ls\u{202e}", Kind::NameControl),
            ("a\nb", Kind::NameControl),
            ("b\u{430}sh", Kind::NameLookalike),
            ("\\xff", Kind::NameEncoding),
            (&"x".repeat(256), Kind::NameLong),
        ] {
            let mut found = Vec::new();
            examine(path, &mut found);
            assert!(found.iter().any(|oddity| oddity.kind == kind), "{path:?}: {found:?}");
        }
        for path in ["usr/share/Ünïcode", "дом", "a\\b", "a b", "x\\x41"] {
            let mut found = Vec::new();
            examine(path, &mut found);
            assert_eq!(found, [], "{path}");
        }
    }

    #[test]
    fn p19_twins_are_told_and_equal_paths_are_not() {
        let mut found = Vec::new();
        twins(["etc/Passwd", "etc/passwd", "etc/passwd", "e\u{301}", "\u{e9}"].into_iter(), &mut found);
        let found: Vec<_> = found.iter().map(|oddity| oddity.path.as_str()).collect();
        assert_eq!(found, ["etc/passwd", "etc/passwd", "\u{e9}"]);
    }

    #[test]
    fn p07_p08_links_that_lead_outside() {
        for (path, target, is) in [
            ("a", "../x", true),
            ("a/b", "../x", false),
            ("a/b", "../../x", true),
            ("a/b", "/etc/x", false),
            ("a/b", "/../x", true),
            ("a/b/c", "../../../etc/../x", true),
            ("a", "b/../..", true),
        ] {
            assert_eq!(leads_outside(path, target), is, "{path} -> {target}");
        }
    }
}
