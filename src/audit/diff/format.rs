//! Renders a change as one line of text.

use super::change::{ChangeKind, FileChange};
use super::entry::EntryState;
use super::facts::FactChange;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use std::fmt::Write as _;

/// Items that are named behind a change.
const NAMES: usize = 4;

pub(super) fn mark(turn: ChangeKind) -> char {
    match turn {
        ChangeKind::New => '+',
        ChangeKind::Gone => '-',
        ChangeKind::Changed => '~',
        ChangeKind::Moved => '>',
    }
}

pub(super) fn word(turn: ChangeKind) -> &'static str {
    match turn {
        ChangeKind::New => "new",
        ChangeKind::Gone => "gone",
        ChangeKind::Changed => "changed",
        ChangeKind::Moved => "moved",
    }
}

pub(super) fn turns(all: impl Iterator<Item = ChangeKind>) -> String {
    let mut counts = std::collections::BTreeMap::<ChangeKind, u64>::new();
    all.for_each(|turn| *counts.entry(turn).or_default() += 1);
    let counts: Vec<_> = counts.into_iter().map(|(turn, count)| format!("{count} {}", word(turn))).collect();
    counts.join(", ")
}

/// In which items, as far as there is room.
pub(super) fn names(items: &[String]) -> String {
    let shown: Vec<_> = items.iter().take(NAMES).map(|item| Printable(item).to_string()).collect();
    let more = items.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("  in {}{more}", shown.join(", "))
}

pub(super) fn arrow(from: Option<&str>, to: Option<&str>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{} -> {}", Printable(from), Printable(to)),
        (Some(one), None) | (None, Some(one)) => Printable(one).to_string(),
        (None, None) => String::new(),
    }
}

pub(super) fn digests(from: Option<Digest>, to: Option<Digest>) -> String {
    arrow(from.map(|digest| digest.short()).as_deref(), to.map(|digest| digest.short()).as_deref())
}

pub(super) fn sizes(from: Option<u64>, to: Option<u64>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => String::new(),
        (Some(from), Some(to)) if to > from => {
            format!("{} -> {} (+{})", ByteSize(from), ByteSize(to), ByteSize(to - from))
        }
        (Some(from), Some(to)) => {
            format!("{} -> {} (-{})", ByteSize(from), ByteSize(to), ByteSize(from - to))
        }
        (Some(one), None) | (None, Some(one)) => ByteSize(one).to_string(),
        (None, None) => String::new(),
    }
}

pub(super) fn fact(change: &FactChange) -> String {
    let FactChange { field, key, from, to } = change;
    let mark = match (from, to) {
        (None, _) => '+',
        (_, None) => '-',
        (Some(_), Some(_)) => '~',
    };
    let key = if key.is_empty() { String::new() } else { format!(" {}", Printable(key)) };
    let values = arrow(from.as_deref(), to.as_deref());
    let values = if values.is_empty() { values } else { format!(": {values}") };
    format!("{mark} {}{key}{values}", field.as_str())
}

pub(super) fn file(change: &FileChange) -> String {
    let FileChange { turn, path, before, from, to, .. } = change;
    let mut line = format!("{} {}", mark(*turn), Printable(path));
    if let Some(before) = before {
        let _ = write!(line, ", before `{}`", Printable(before));
    }
    let (Some(from), Some(to)) = (from, to) else {
        let one = from.as_ref().or(to.as_ref());
        let _ = write!(line, "{}", one.map(described).unwrap_or_default());
        return line;
    };
    let mut what = Vec::new();
    if from.what != to.what {
        what.push(format!("{} -> {}", from.what, to.what));
    }
    if from.sha256 != to.sha256 && from.what == to.what {
        what.push(match sizes(from.size, to.size) {
            same if same.is_empty() => "other content".to_owned(),
            sizes => sizes,
        });
    }
    if from.target != to.target {
        what.push(arrow(from.target.as_deref(), to.target.as_deref()));
    }
    if from.what == to.what && from.what != "link" {
        let pairs = [("mode", &from.mode, &to.mode), ("owner", &from.owner, &to.owner)];
        let pairs = pairs.into_iter().filter(|(_, from, to)| from != to);
        what.extend(pairs.map(|(name, from, to)| format!("{name} {from} -> {to}")));
    }
    if !what.is_empty() {
        let _ = write!(line, "  {}", what.join(", "));
    }
    line
}

fn described(state: &EntryState) -> String {
    match (state.size, &state.target) {
        (Some(size), _) => format!("  {}", ByteSize(size)),
        (None, Some(target)) => format!("  {} {}", state.what, Printable(target)),
        (None, None) => format!("  {}", state.what),
    }
}
