//! Compares text files line by line.

use super::redact::HIDDEN;
use crate::finding::LintFile;
use crate::secrets;
use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};
use std::collections::BTreeSet;

/// Bytes of the largest text that is compared line by line.
pub const TEXT: u64 = 1 << 20;
/// Bytes of all texts that are.
pub const TEXTS: u64 = 64 << 20;
/// Lines that are searched for what stayed, behind the ones at both ends that are the same; above, the time would grow
/// faster than the text (measured: 20,000 lines of two kinds take 0.1 s, 350,000 take 4 s).
const LINES: usize = 20_000;
/// Lines of a text that are listed.
const LISTED: usize = 5000;
/// Characters of a line that are kept.
const WIDTH: usize = 400;
const CONTEXT: usize = 3;

/// What became of the text of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextChange {
    /// The item.
    pub item: String,
    /// The path in it.
    pub path: String,
    /// What came out.
    #[serde(flatten)]
    pub outcome: LinesOutcome,
}

/// What comparing line by line came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum LinesOutcome {
    /// These lines are not the same.
    Lines(DiffLines),
    /// One of them is not a text: not UTF-8, or with a byte of zero.
    Binary,
    /// The texts were not compared line by line.
    Unread {
        /// Why.
        reason: String,
    },
}

/// The lines in which two texts differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DiffLines {
    /// How many came.
    pub added: u64,
    /// How many went.
    pub removed: u64,
    /// The places, in order.
    pub hunks: Vec<Hunk>,
    /// Lines that are counted and not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Whether so many lines changed that they are taken for replaced as a whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub coarse: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Lines that stand together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// The first line in the old text, counted from 1.
    pub old: usize,
    /// The first line in the new text.
    pub new: usize,
    /// The lines.
    pub lines: Vec<HunkLine>,
}

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HunkLine {
    /// Where it stands.
    pub mark: LineMark,
    /// What it says, without its end; never a secret.
    pub text: String,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineMark {
    /// In both.
    Both,
    /// In the old text.
    Old,
    /// In the new text.
    New,
}

/// Compares two texts line by line, in bounded time and always with the same result.
#[must_use]
pub fn compare_texts(item: &str, path: &str, old: &[u8], new: &[u8]) -> TextChange {
    let done = |outcome| TextChange { item: item.to_owned(), path: path.to_owned(), outcome };
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let (Some(before), Some(after)) = (text(old), text(new)) else { return done(LinesOutcome::Binary) };
    let secret = |bytes| secrets::lines(&LintFile { item, path, bytes });
    let (Some(hide_old), Some(hide_new)) = (secret(old), secret(new)) else {
        let reason = "it is a key, or was not looked through for secrets".to_owned();
        return done(LinesOutcome::Unread { reason });
    };
    let split = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (before, after) = (split(before), split(after));
    done(LinesOutcome::Lines(of_lines((&before, &hide_old), (&after, &hide_new))))
}

type Text<'a> = (&'a [&'a str], &'a BTreeSet<usize>);

fn of_lines((old, hide_old): Text<'_>, (new, hide_new): Text<'_>) -> DiffLines {
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let head = same(&mut old.iter().zip(new));
    let rest = old.len().min(new.len()) - head;
    let tail = same(&mut old.iter().rev().zip(new.iter().rev()).take(rest));
    let longest = old.len().max(new.len()) - head - tail;
    let mut lines = DiffLines { coarse: longest > LINES, ..DiffLines::default() };
    let shown = |mark, number: usize| {
        let (text, hidden) = match mark {
            LineMark::New => (new.get(number), hide_new.contains(&number)),
            LineMark::Both | LineMark::Old => (old.get(number), hide_old.contains(&number)),
        };
        let text = text.copied().unwrap_or_default();
        let shown = match text.strip_suffix('\n') {
            Some(text) => cut(text),
            None => format!("{} (no line break)", cut(text)),
        };
        HunkLine { mark, text: if hidden { HIDDEN.to_owned() } else { shown } }
    };
    if lines.coarse {
        lines.removed = (old.len() - head - tail) as u64;
        lines.added = (new.len() - head - tail) as u64;
        let removed = (head..old.len() - tail).map(|number| (LineMark::Old, number));
        let added = (head..new.len() - tail).map(|number| (LineMark::New, number));
        let half = |all: &mut dyn Iterator<Item = (LineMark, usize)>| {
            all.take(LISTED / 2).map(|(mark, number)| shown(mark, number)).collect::<Vec<_>>()
        };
        let mut listed = half(&mut { removed });
        listed.extend(half(&mut { added }));
        lines.unlisted = lines.removed + lines.added - listed.len() as u64;
        lines.hunks.push(Hunk { old: head + 1, new: head + 1, lines: listed });
        return lines;
    }
    let found = TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(old, new);
    let mut listed = 0;
    for group in found.grouped_ops(CONTEXT) {
        let mut hunk: Option<Hunk> = None;
        for change in group.iter().flat_map(|op| found.iter_changes(op)) {
            let (mark, number) = match change.tag() {
                ChangeTag::Equal => (LineMark::Both, change.old_index()),
                ChangeTag::Delete => (LineMark::Old, change.old_index()),
                ChangeTag::Insert => (LineMark::New, change.new_index()),
            };
            lines.added += u64::from(mark == LineMark::New);
            lines.removed += u64::from(mark == LineMark::Old);
            if listed == LISTED {
                lines.unlisted += u64::from(mark != LineMark::Both);
                continue;
            }
            listed += 1;
            let first = || {
                let start = |range: Option<std::ops::Range<usize>>| range.map_or(0, |range| range.start) + 1;
                let op = group.first();
                Hunk {
                    old: start(op.map(similar::DiffOp::old_range)),
                    new: start(op.map(similar::DiffOp::new_range)),
                    lines: Vec::new(),
                }
            };
            hunk.get_or_insert_with(first).lines.push(shown(mark, number.unwrap_or_default()));
        }
        lines.hunks.extend(hunk);
    }
    lines
}

/// A line that is not a wall.
fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        None => line.to_owned(),
        Some((at, _)) => {
            let more = line.get(at..).unwrap_or_default().chars().count();
            format!("{}.. ({more} more characters)", line.get(..at).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn lines(old: &str, new: &str) -> DiffLines {
        match compare_texts("server", "app.conf", old.as_bytes(), new.as_bytes()).outcome {
            LinesOutcome::Lines(lines) => lines,
            other => panic!("{other:?}"),
        }
    }

    fn shown(lines: &DiffLines) -> Vec<String> {
        let line = |line: &HunkLine| {
            let mark = match line.mark {
                LineMark::Both => ' ',
                LineMark::Old => '-',
                LineMark::New => '+',
            };
            format!("{mark}{}", line.text)
        };
        lines.hunks.iter().flat_map(|hunk| &hunk.lines).map(line).collect()
    }

    #[test]
    fn changed_lines_stand_with_three_around_them() {
        let old = (1..=20).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
        let new = old.replace("line 10\n", "line ten\n");
        let found = lines(&old, &new);
        assert_eq!((found.added, found.removed, found.hunks.len()), (1, 1, 1));
        assert_eq!((found.hunks[0].old, found.hunks[0].new), (7, 7));
        let expected =
            [" line 7", " line 8", " line 9", "-line 10", "+line ten", " line 11", " line 12", " line 13"];
        assert_eq!(shown(&found), expected);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let key = |letter: char| {
            let body = format!("{}\n", letter.to_string().repeat(64)).repeat(10);
            format!("name = x\n-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\nend\n")
        };
        let old = format!("db_password = \"Tr0ub4dor-and-3\"\nport = 1\n{}", key('A'));
        let new = format!("db_password = \"c0rrect-h0rse-9\"\nport = 2\n{}", key('B'));
        let text = shown(&lines(&old, &new)).join("\n");
        assert!(text.contains("-port = 1\n") && text.contains("+port = 2"), "{text}");
        assert!(text.contains(HIDDEN), "{text}");
        for secret in ["Tr0ub", "c0rrect", "AAAA", "BBBB"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn pathological_texts_take_bounded_time() {
        let mut state = 1_u64;
        let mut noise = |kinds: u64, lines: usize| -> String {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{}\n", (state >> 33) % kinds)
            };
            (0..lines).map(|_| next()).collect()
        };
        for (kinds, count) in [(2, 20_000), (2, 400_000), (1000, 20_000), (1000, 250_000)] {
            let (old, new) = (noise(kinds, count), noise(kinds, count));
            let start = Instant::now();
            let found = lines(&old, &new);
            assert!(start.elapsed() < Duration::from_secs(20), "{kinds} {count}: {:?}", start.elapsed());
            let listed: usize = found.hunks.iter().map(|hunk| hunk.lines.len()).sum();
            assert!(listed <= LISTED && found.added > 0, "{kinds} {count}");
            assert_eq!(found.coarse, count > LINES);
        }
        let wall = "x".repeat(1 << 20);
        let found = lines(&wall, &format!("{wall}y"));
        assert!(shown(&found).iter().all(|line| line.len() < 500), "a line of a megabyte is cut");
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let outcome = |old: &[u8], new: &[u8]| compare_texts("server", "logo.png", old, new).outcome;
        assert_eq!(outcome(b"\x89PNG\xff", b"text"), LinesOutcome::Binary);
        assert_eq!(outcome(b"a\0b", b"text"), LinesOutcome::Binary);
    }
}
