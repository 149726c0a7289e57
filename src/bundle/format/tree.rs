//! Trees: the rules for their entries, and the tar stream that they determine.

use super::entry::{Entry, Node};
use super::member::header;
use crate::value::limits::Limits;
use crate::value::printable::Printable;
use crate::value::rel_path::{Names, PathObjection, RelPath};
use crate::value::unicode::collision_key;
use std::collections::HashSet;

/// The bytes that close a tar stream: two zero blocks.
pub(crate) const END: u64 = 1024;

/// The entries of one item, known to be safe to write side by side.
///
/// Strictly increasing by the bytes of their paths, so that none comes twice and a directory comes before what is in
/// it; every directory is listed; nothing is below a file or a link; no two names are one name on a file system
/// that ignores case or Unicode form, unless the tree is for Linux alone; every link leads to a file or directory of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    entries: Vec<Entry>,
    names: Names,
}

/// An entry that may not stand where it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {reason}", Printable(.path))]
pub struct TreeError {
    /// The path of the entry.
    pub path: String,
    /// What is wrong with it.
    pub reason: TreeObjection,
}

/// Why an entry may not stand where it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeObjection {
    /// More entries than the limit.
    #[error("is the entry at which the tree passes the limit of {0} entries")]
    Count(usize),
    /// Not behind the entry before it, or the same path again.
    #[error("does not come after the entry before it")]
    Order,
    /// Its directory is not listed, or is not a directory.
    #[error("lies in `{}`, which is not a folder of the tree", Printable(.0))]
    Parent(String),
    /// Equal to another path on some file systems.
    #[error("and `{}` are one name where case or Unicode form is ignored", Printable(.0))]
    Collision(String),
    /// A link that leads nowhere, out of the tree, to another link, or to a directory it is in.
    #[error("is a link to `{}`, {reason}", Printable(.target))]
    Link {
        /// The target as it was found.
        target: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A name that some system refuses or reads differently.
    #[error("cannot travel: {0}")]
    Name(PathObjection),
    /// A number that no tar stream of this format holds.
    #[error("is larger than a bundle can hold")]
    Size,
}

impl Tree {
    /// Takes entries that are already in order, for every system.
    pub fn new(entries: Vec<Entry>, limits: &Limits) -> Result<Self, TreeError> {
        Self::with_names(entries, Names::Portable, limits)
    }

    /// Takes entries that are already in order, for the systems that `names` stands for.
    pub fn with_names(entries: Vec<Entry>, names: Names, limits: &Limits) -> Result<Self, TreeError> {
        match Self::objections(&entries, names, limits, 1).into_iter().next() {
            Some(objection) => Err(objection),
            None => Ok(Self { entries, names }),
        }
    }

    /// What keeps entries from being a tree, up to `most` objections.
    #[must_use]
    pub fn objections(entries: &[Entry], names: Names, limits: &Limits, most: usize) -> Vec<TreeError> {
        let wrong = |entry: &Entry, reason| TreeError { path: entry.path.as_str().to_owned(), reason };
        if let Some(entry) = entries.get(limits.entries) {
            return vec![wrong(entry, TreeObjection::Count(limits.entries))];
        }
        let mut found = Vec::new();
        let mut keys = std::collections::HashMap::with_capacity(entries.len());
        let mut dirs = HashSet::new();
        let mut total = END;
        let mut before: Option<&Entry> = None;
        for entry in entries {
            if found.len() >= most {
                return found;
            }
            if names.is_portable()
                && let Some(objection) = entry.path.portable_objection()
            {
                found.push(wrong(entry, TreeObjection::Name(objection)));
            }
            if before.replace(entry).is_some_and(|before| before.path >= entry.path) {
                found.push(wrong(entry, TreeObjection::Order));
            }
            if let Some(parent) = entry.path.parent().filter(|parent| !dirs.contains(parent)) {
                found.push(wrong(entry, TreeObjection::Parent(parent.to_owned())));
            }
            if names.is_portable()
                && let Some(twin) = keys.insert(collision_key(entry.path.as_str()), &entry.path)
            {
                found.push(wrong(entry, TreeObjection::Collision(twin.as_str().to_owned())));
            }
            if matches!(entry.node, Node::Dir) {
                dirs.insert(entry.path.as_str());
            }
            let sum = stream_len(entry).and_then(|len| total.checked_add(len));
            let Some(sum) = sum.filter(|total| *total <= limits.bytes) else {
                found.push(wrong(entry, TreeObjection::Size));
                return found;
            };
            total = sum;
        }
        for entry in entries {
            if found.len() >= most {
                return found;
            }
            if let Node::Link { target } = &entry.node
                && let Err(reason) = follow(entries, &entry.path, target, names)
            {
                found.push(wrong(entry, TreeObjection::Link { target: target.clone(), reason }));
            }
        }
        found
    }

    /// The systems that its names are for.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        find(&self.entries, path)
    }

    /// The entry that a link of this tree leads to.
    #[must_use]
    pub fn followed(&self, link: &RelPath, target: &str) -> Option<&Entry> {
        follow(&self.entries, link, target, self.names).ok()
    }

    /// Where each entry begins in the tar stream, and how long the stream is.
    #[must_use]
    pub(crate) fn positions(&self) -> (Vec<u64>, u64) {
        let mut at = 0;
        // `new` has added up the same numbers without overflow.
        let starts = self.entries.iter().map(|entry| {
            let start = at;
            at += stream_len(entry).unwrap_or_default();
            start
        });
        (starts.collect(), at + END)
    }

    /// Its regular files with their sizes, in order.
    pub fn files(&self) -> impl Iterator<Item = (&Entry, u64)> {
        self.entries.iter().filter_map(|entry| match entry.node {
            Node::File { size, .. } => Some((entry, size)),
            Node::Dir | Node::Link { .. } => None,
        })
    }
}

fn find<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    let at = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    entries.get(at)
}

/// Where a link leads. The target may go up and then down, never up again: so the words alone say where it leads,
/// whatever other links there are.
fn follow<'a>(
    entries: &'a [Entry],
    link: &RelPath,
    target: &str,
    names: Names,
) -> Result<&'a Entry, &'static str> {
    let mut base: Vec<&str> = link.components().collect();
    base.pop();
    let mut down = target;
    while let Some(rest) = down.strip_prefix("../") {
        base.pop().ok_or("which leaves the tree")?;
        down = rest;
    }
    let down = RelPath::parse_for(down, names)
        .map_err(|_| "which is not `../` any number of times and then a plain path")?;
    base.extend(down.components());
    let path = base.join("/");
    let entry = find(entries, &path).ok_or("which is not in the tree")?;
    match entry.node {
        Node::Link { .. } => Err("which is a link itself"),
        Node::Dir if link.as_str().starts_with(&format!("{path}/")) => Err("a folder that holds the link"),
        Node::File { .. } | Node::Dir => Ok(entry),
    }
}

/// Bytes of an entry in the tar stream: its headers, its content, and zeros up to a full block.
fn stream_len(entry: &Entry) -> Option<u64> {
    let content = match entry.node {
        Node::File { size, .. } => size.checked_next_multiple_of(512)?,
        Node::Dir | Node::Link { .. } => 0,
    };
    content.checked_add(head_len(entry))
}

/// Bytes of an entry's headers.
fn head_len(entry: &Entry) -> u64 {
    match pax_records(entry).len() as u64 {
        0 => 512,
        records => 1024 + records.next_multiple_of(512),
    }
}

/// The headers of an entry: one ustar header, with a pax header before it only when the path or the link target
/// is longer than the 100 bytes of its ustar field.
#[must_use]
pub fn head(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let records = pax_records(entry);
    if !records.is_empty() {
        bytes.extend(header(PAX_NAME, tar::EntryType::XHeader, 0o644, records.len() as u64, ""));
        bytes.extend(&records);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    let name = tar_name(entry);
    let (kind, mode, size, target) = match &entry.node {
        Node::Dir => (tar::EntryType::Directory, 0o755, 0, ""),
        Node::File { size, executable, .. } => {
            (tar::EntryType::Regular, if *executable { 0o755 } else { 0o644 }, *size, "")
        }
        Node::Link { target } => (tar::EntryType::Symlink, 0o777, 0, target.as_str()),
    };
    bytes.extend(header(cut(&name), kind, mode, size, cut(target)));
    bytes
}

/// The name in front of pax records; what `CPython`'s `tarfile` writes too.
const PAX_NAME: &str = "././@PaxHeader";

/// The path as tar knows it: directories end with a slash.
fn tar_name(entry: &Entry) -> String {
    let slash = if matches!(entry.node, Node::Dir) { "/" } else { "" };
    format!("{}{slash}", entry.path)
}

/// As many whole characters as fit into 100 bytes.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(100)).unwrap_or_default()
}

fn pax_records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    if let Node::Link { target } = &entry.node
        && target.len() > 100
    {
        records.extend(pax_record("linkpath", target));
    }
    let name = tar_name(entry);
    if name.len() > 100 {
        records.extend(pax_record("path", &name));
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where LENGTH counts itself (POSIX.1-2017, pax, "pax Header Block").
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::digest::Digest;

    fn dir(path: &str) -> Entry {
        Entry { path: path.parse().unwrap(), node: Node::Dir }
    }

    fn file(path: &str) -> Entry {
        let node = Node::File { size: 3, sha256: Digest::of(b"abc"), executable: false };
        Entry { path: path.parse().unwrap(), node }
    }

    fn link(path: &str, target: &str) -> Entry {
        Entry { path: path.parse().unwrap(), node: Node::Link { target: target.to_owned() } }
    }

    fn tree(entries: &[Entry]) -> Result<Tree, TreeObjection> {
        Tree::new(entries.to_vec(), &Limits::v1()).map_err(|error| error.reason)
    }

    #[test]
    fn p18_p19_p20_p51_order_doubles_and_twins() {
        assert!(tree(&[dir("a"), file("a-b"), file("a/b"), file("b")]).is_ok());
        assert_eq!(tree(&[file("b"), file("a")]), Err(TreeObjection::Order));
        assert_eq!(tree(&[file("a"), file("a")]), Err(TreeObjection::Order));
        assert_eq!(tree(&[file("A"), file("a")]), Err(TreeObjection::Collision("A".into())));
        assert_eq!(tree(&[file("e\u{301}"), file("é")]), Err(TreeObjection::Collision("e\u{301}".into())));
        assert_eq!(
            tree(&[dir("A"), file("A/x"), dir("a"), file("a/x")]),
            Err(TreeObjection::Collision("A".into()))
        );
        assert_eq!(tree(&[file("a"), file("a/b")]), Err(TreeObjection::Parent("a".into())));
        assert_eq!(tree(&[file("a/b")]), Err(TreeObjection::Parent("a".into())));
    }

    #[test]
    fn p07_to_p13_links() {
        let with = |target: &str| {
            tree(&[dir("a"), dir("a/b"), link("a/b/l", target), file("a/f"), link("m", "a/f")])
        };
        assert!(with("../f").is_ok());
        for target in [
            "/etc/passwd",
            "../../../x",
            "../../..",
            "..",
            "../b",
            ".",
            "",
            "l",
            "../../m",
            "nowhere",
            "../b/../f",
            "..//f",
            "../f/",
            "x\ny",
            "../../a",
        ] {
            assert!(matches!(with(target), Err(TreeObjection::Link { .. })), "{target:?}");
        }
        assert!(tree(&[dir("d"), file("d/x"), link("l", "d")]).is_ok());
        // P10, P11, P12: a link is not a directory, and no path comes twice.
        assert_eq!(tree(&[dir("d"), link("l", "d"), file("l/x")]), Err(TreeObjection::Parent("l".into())));
        assert_eq!(tree(&[dir("d"), link("l", "d"), dir("l")]), Err(TreeObjection::Order));
    }

    #[test]
    fn e13_counts_and_sizes_have_limits() {
        let limits = Limits { entries: 2, bytes: 4096, ..Limits::v1() };
        let reason = |entries| Tree::new(entries, &limits).map_err(|error| error.reason);
        assert_eq!(reason(vec![file("a"), file("b"), file("c")]), Err(TreeObjection::Count(2)));
        let node = Node::File { size: u64::MAX, sha256: Digest::of(b""), executable: false };
        assert_eq!(reason(vec![Entry { path: "a".parse().unwrap(), node }]), Err(TreeObjection::Size));
    }

    #[test]
    fn pax_records_count_themselves() {
        for len in [1, 90, 91, 92, 986, 987, 988, 989, 1000] {
            let record = pax_record("path", &"x".repeat(len));
            let text = String::from_utf8(record).unwrap();
            let (length, _) = text.split_once(' ').unwrap();
            assert_eq!(length.parse(), Ok(text.len()));
        }
    }

    #[test]
    fn heads_are_as_long_as_the_positions_say() {
        let long = "d".repeat(120);
        let tree = tree(&[dir("a"), file("a/f"), dir(&long), link(&format!("{long}/l"), "../a/f")]).unwrap();
        let (starts, total) = tree.positions();
        let mut at = 0;
        for (entry, start) in tree.entries().iter().zip(starts) {
            assert_eq!(at, start);
            assert_eq!(head(entry).len() as u64, head_len(entry));
            at += stream_len(entry).unwrap();
        }
        assert_eq!(total, at + 1024);
    }
}
