//! Deceptive names: invisible characters, mixed scripts, names that collide.

use super::anomaly::{Anomaly, AnomalyKind};
use super::{LayerEntry, LayerNode};
use sealift_bundle::value::printable::is_deceptive;
use sealift_bundle::value::unicode::collision_key;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

/// Bytes of a path that Linux takes (`PATH_MAX`), and of one of its names (`NAME_MAX`).
const LONGEST: (usize, usize) = (4096, 255);

/// What is odd about one path, seen by itself.
pub fn examine(path: &str, found: &mut Vec<Anomaly>) {
    let mut say = |kind, detail: &str| found.push(Anomaly::new(kind, path, detail));
    if path.len() > LONGEST.0 || path.split('/').any(|name| name.len() > LONGEST.1) {
        say(AnomalyKind::NameLong, "longer than 4,096 bytes, or 255 in one name");
    }
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    if path.bytes().all(is_plain) {
        return;
    }
    if path.chars().any(is_deceptive) {
        say(AnomalyKind::NameControl, "it holds characters that cannot be seen");
    }
    if escapes_bytes(path) {
        say(AnomalyKind::NameEncoding, "its bytes are not UTF-8, and are shown as \\xNN");
    }
    if path.split('/').any(is_mixed) {
        say(AnomalyKind::NameLookalike, "letters of several scripts stand in one name");
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

/// Paths that one layer has twice, and those that are one path where case or Unicode form is ignored.
///
/// They are distinguished by short digests first: a layer has up to a million of them.
pub fn doubles(entries: &[LayerEntry], found: &mut Vec<Anomaly>) {
    let keys = RandomState::new();
    let key = |entry: &LayerEntry| keys.hash_one(collision_key(&entry.path));
    let mut order: Vec<(u64, u32)> = entries.iter().map(key).zip(0..).collect();
    order.sort_unstable();
    for same in order.chunk_by(|(a, _), (b, _)| a == b).filter(|same| same.len() > 1) {
        let mut groups: BTreeMap<String, Vec<&LayerEntry>> = BTreeMap::new();
        for entry in same.iter().filter_map(|(_, place)| entries.get(*place as usize)) {
            groups.entry(collision_key(&entry.path)).or_default().push(entry);
        }
        for group in groups.values() {
            told_apart(group, found);
        }
    }
}

/// Entries whose paths are one where case or Unicode form is ignored, in the order of the layer.
fn told_apart(group: &[&LayerEntry], found: &mut Vec<Anomaly>) {
    let mut last: HashMap<&str, &LayerEntry> = HashMap::new();
    for entry in group {
        let before = last.insert(&entry.path, entry);
        // Directories may come twice.
        if before.is_some_and(|before| before.node != LayerNode::Dir || entry.node != LayerNode::Dir) {
            found.push(Anomaly::new(
                AnomalyKind::ArchiveTwice,
                &entry.path,
                "the last one counts for most programs",
            ));
        }
        if let Some(first) = group.first().filter(|first| first.path != entry.path) {
            found.push(Anomaly::new(AnomalyKind::NameTwin, &entry.path, format!("and {}", first.path)));
        }
    }
}

/// Whether a link at `path` leads out of the directory that holds all others. A target that begins with `/` begins there,
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
            ("usr/bin/ls\u{202e}", AnomalyKind::NameControl),
            ("a\nb", AnomalyKind::NameControl),
            ("b\u{430}sh", AnomalyKind::NameLookalike),
            ("\\xff", AnomalyKind::NameEncoding),
            (&"x".repeat(256), AnomalyKind::NameLong),
        ] {
            let mut found = Vec::new();
            examine(path, &mut found);
            assert!(found.iter().any(|anomaly| anomaly.kind == kind), "{path:?}: {found:?}");
        }
        for path in ["usr/share/Ünïcode", "дом", "a\\b", "a b", "x\\x41"] {
            let mut found = Vec::new();
            examine(path, &mut found);
            assert_eq!(found, [], "{path}");
        }
    }

    #[test]
    fn p18_p19_doubles_and_twins_are_told() {
        let of = |node: &LayerNode, path: &str| LayerEntry {
            path: path.into(),
            node: node.clone(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            capabilities: None,
        };
        let pipe = LayerNode::Special { what: "named pipe".into() };
        let paths = ["etc/Passwd", "etc/passwd", "etc/passwd", "e\u{301}", "\u{e9}", "other"];
        let mut entries: Vec<_> = paths.iter().map(|path| of(&pipe, path)).collect();
        entries.extend([
            of(&LayerNode::Dir, "etc"),
            of(&LayerNode::Dir, "etc"),
            of(&pipe, "etc"),
            of(&pipe, "alone"),
        ]);
        let mut found = Vec::new();
        doubles(&entries, &mut found);
        let mut found: Vec<_> = found.iter().map(|anomaly| (anomaly.path.as_str(), anomaly.kind)).collect();
        found.sort();
        assert_eq!(
            found,
            [
                ("etc", AnomalyKind::ArchiveTwice),
                ("etc/passwd", AnomalyKind::NameTwin),
                ("etc/passwd", AnomalyKind::NameTwin),
                ("etc/passwd", AnomalyKind::ArchiveTwice),
                ("\u{e9}", AnomalyKind::NameTwin)
            ]
        );
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
