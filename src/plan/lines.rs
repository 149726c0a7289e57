//! Entries of a lock, line by line.
//!
//! A tree has one line for each entry, up to a million of them, and a general TOML parser takes ten times as long for
//! these as for reading the files' headers. Lines exactly as `sealift lock` lays them are read here; anything else is
//! left to the general parser, which also draws the mistakes.

use super::lock::Lock;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::printable::is_deceptive;
use std::fmt::Write as _;

/// Parses the text of a lock whose entries are laid as `sealift lock` lays them; nothing when something is different
/// anywhere.
pub(super) fn parse(text: &str) -> Option<Lock> {
    // Without strings over several lines, every line begins outside of a string and means what it seems to mean.
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut short = String::new();
    let mut blocks: Vec<Option<Vec<Entry>>> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "entries = [" {
            // A number in the place of the entries leads back to them, whatever the order of the tables.
            writeln!(short, "entries = [{{ path = \"{}\", type = \"dir\" }}]", blocks.len()).ok()?;
            let mut block = Vec::new();
            loop {
                // Without the closing bracket the lock is cut off.
                match lines.next()? {
                    "]" => break,
                    line => block.push(entry(line)?),
                }
            }
            blocks.push(Some(block));
        } else if line.starts_with("entries") {
            return None;
        } else {
            short.push_str(line);
            short.push('\n');
        }
    }
    let mut lock: Lock = toml::from_str(&short).ok()?;
    for tree in lock.doc.iter_mut().chain(&mut lock.config).chain(&mut lock.file) {
        let number: usize = tree.entries.first()?.path.as_str().parse().ok()?;
        tree.entries = blocks.get_mut(number)?.take()?;
    }
    Some(lock)
}

/// One line of `entries`.
fn entry(line: &str) -> Option<Entry> {
    let (path, rest) = line.strip_prefix("  { path = \"")?.split_once("\", type = \"")?;
    let rest = rest.strip_suffix(" },")?;
    // A path that every system takes has neither quotes nor backslashes, so it is the same with and without the escapes of
    // TOML. All others are left to the general parser.
    let path = path.parse().ok()?;
    let node = if rest == "dir\"" {
        Node::Dir
    } else if let Some(rest) = rest.strip_prefix("file\", mode = \"") {
        let (mode, rest) = rest.split_once("\", size = ")?;
        let (size, sha256) = rest.split_once(", sha256 = \"")?;
        let executable = match mode {
            "0644" => false,
            "0755" => true,
            _ => return None,
        };
        Node::File {
            size: number(size)?,
            sha256: Digest::from_hex(sha256.strip_suffix('"')?).ok()?,
            executable,
        }
    } else {
        let target = rest.strip_prefix("link\", target = \"")?.strip_suffix('"')?;
        if target.contains(['"', '\\']) || target.contains(is_deceptive) {
            return None;
        }
        Node::Link { target: target.to_owned() }
    };
    Some(Entry { path, node })
}

/// A number as it is laid: digits, without a sign and without zeros in front, in the range of TOML.
fn number(digits: &str) -> Option<u64> {
    let number: i64 = digits.parse().ok()?;
    if number.to_string() == digits { u64::try_from(number).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::entry;
    use sealift_bundle::format::entry::Entry;

    #[derive(serde::Deserialize)]
    struct Block {
        entries: Vec<Entry>,
    }

    /// Whatever this reader accepts, the general parser reads in the same way.
    #[test]
    fn both_readers_agree() {
        let digest = "0".repeat(64);
        let file = format!(
            "  {{ path = \"a/b\", type = \"file\", mode = \"0644\", size = 3, sha256 = \"{digest}\" }},"
        );
        let good = [
            file.clone(),
            file.replace("0644", "0755").replace("a/b", "ä ' b"),
            "  { path = \"a\", type = \"dir\" },".to_owned(),
            "  { path = \"a\", type = \"link\", target = \"../b\" },".to_owned(),
        ];
        for line in good {
            let toml: Block = toml::from_str(&format!("entries = [\n{line}\n]")).unwrap();
            assert_eq!(entry(&line).as_ref(), toml.entries.first(), "{line}");
            assert!(entry(&line).is_some(), "{line}");
        }
        for line in [
            file.replace("= 3", "= +3"),
            file.replace("= 3", "= 03"),
            file.replace("= 3", "= -3"),
            file.replace("= 3", "= 0x3"),
            file.replace("= 3", "= 9223372036854775808"),
            file.replace("a/b", "../b"),
            file.replace("a/b", "a\\u0062"),
            file.replace("0644", "4755"),
            file.replace("  {", "{"),
            format!("{file} # x"),
            format!("  #{file}"),
            file.replace('0', "A"),
            "  { path = \"a\", type = \"link\", target = \"b\\u0000\" },".to_owned(),
            "  { path = \"a\", type = \"link\", target = \"b\", mode = \"0644\" },".to_owned(),
            "  { path = \"a\", type = \"dir\", size = 3 },".to_owned(),
            String::new(),
        ] {
            assert_eq!(entry(&line), None, "{line}");
        }
    }
}
