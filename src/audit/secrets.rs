//! Finds secrets and invitations in content. Findings show at most four characters of a secret, and its length.

mod judge;
mod patterns;
mod text;

pub use text::text_of;

use super::finding::{FindingPlace, LintFile, LintFinding, LintRule};
use judge::{holds, is_prose};
use patterns::{COMPILED, RULES, SecretPattern};
use sealift_bundle::value::printable::Printable;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes of a file that is looked through; above, it is said that it was not.
pub const MAX_BYTES: usize = 16 << 20;
/// Findings in one file that are listed.
const MAX_LISTED: usize = 20;

/// Looks through a text, or the beginning of a binary, for secrets and invitations.
#[must_use]
pub fn find(file: &LintFile<'_>) -> Vec<LintFinding> {
    match look(file) {
        Looked::Key(what) => {
            let message = format!("the file is {what}");
            vec![
                LintFinding::new(
                    LintRule::ContentSecret,
                    &file.about(),
                    message,
                    fix_of(LintRule::ContentSecret),
                )
                .at(FindingPlace::new(file.path, None)),
            ]
        }
        Looked::Unread(reason) => {
            let fix = "look through it with another tool, and explain it with `[[accept]]`";
            vec![
                LintFinding::new(LintRule::ContentUnread, &file.about(), reason, fix)
                    .at(FindingPlace::new(file.path, None)),
            ]
        }
        Looked::Text(bytes, claimed) => report(file, &bytes, claimed),
    }
}

/// The lines of a text, counted from 0, that show a part of a secret or invitation; `None` where no one can say, because
/// the file is a key or was not looked through.
#[must_use]
pub(crate) fn lines(file: &LintFile<'_>) -> Option<BTreeSet<usize>> {
    let Looked::Text(bytes, mut claimed) = look(file) else { return None };
    claimed.sort_by_key(|(range, _)| range.start);
    let (mut lines, mut line, mut counted, mut covered) = (BTreeSet::new(), 0, 0, 0);
    for (range, _) in claimed {
        if range.end <= covered {
            continue;
        }
        let breaks =
            |range: Range<usize>| memchr::memchr_iter(b'\n', bytes.get(range).unwrap_or_default()).count();
        line += breaks(counted..range.start);
        counted = range.start;
        let rest = bytes.get(range.start..).unwrap_or_default();
        // Of a key of several lines, the pattern claims only the beginning.
        let end = if rest.starts_with(b"-----BEGIN") {
            memchr::memmem::find(rest, b"-----END").map_or(bytes.len(), |end| range.start + end)
        } else if rest.starts_with(b"PuTTY") {
            bytes.len()
        } else {
            range.end
        };
        covered = end;
        lines.extend(line..=line + breaks(range.start..end));
    }
    Some(lines)
}

/// What was seen in a file: the places are those of the secrets, with the pattern that each has.
enum Looked<'a> {
    Key(&'static str),
    Unread(String),
    Text(Cow<'a, [u8]>, Vec<(Range<usize>, &'static SecretPattern)>),
}

fn look<'a>(file: &LintFile<'a>) -> Looked<'a> {
    if let Some(what) = binary_key(file.bytes) {
        return Looked::Key(what);
    }
    if file.bytes.len() > MAX_BYTES {
        let size = file.bytes.len();
        return Looked::Unread(format!(
            "the file was not looked through: it has {size} bytes, and {MAX_BYTES} are at most"
        ));
    }
    let compiled = match &*COMPILED {
        Ok(compiled) => compiled,
        Err(error) => return Looked::Unread(format!("the file was not looked through: {error}")),
    };
    // What Windows writes in UTF-16 holds the same secrets.
    let wide = file.bytes.starts_with(b"\xff\xfe") || file.bytes.starts_with(b"\xfe\xff");
    let bytes = match wide.then(|| text_of(file.bytes)).flatten() {
        Some(text) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(file.bytes),
    };
    let is_prose = is_prose(file.path);

    let mut claimed: Vec<(Range<usize>, &SecretPattern)> = Vec::new();
    for (index, windows) in compiled.windows(&bytes).into_iter().enumerate() {
        let (Some(pattern), Some(regex)) = (compiled.patterns.get(index), compiled.each.get(index)) else {
            continue;
        };
        for Range { start: mut at, end } in windows {
            // What is in front of a window is seen, so that its beginning is not a beginning of a word.
            let seen = bytes.get(..end).unwrap_or_default();
            while at <= seen.len()
                && let Some(captures) = regex.captures_at(seen, at)
            {
                at = captures.get(0).map_or(usize::MAX, |whole| whole.end().max(whole.start() + 1));
                let Some(secret) = captures.name("s") else { continue };
                let range = secret.range();
                let name =
                    captures.name("n").map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
                let is_claimed =
                    claimed.iter().any(|(other, _)| other.start < range.end && range.start < other.end);
                let value = String::from_utf8_lossy(secret.as_bytes());
                if !is_claimed && holds(pattern.judge, name.as_deref(), &value, is_prose) {
                    claimed.push((range, pattern));
                }
            }
        }
    }
    Looked::Text(bytes, claimed)
}

fn report(
    file: &LintFile<'_>,
    bytes: &[u8],
    mut claimed: Vec<(Range<usize>, &SecretPattern)>,
) -> Vec<LintFinding> {
    claimed.sort_by_key(|(range, _)| range.start);
    let (mut line, mut counted) = (1_u32, 0);
    let mut found = Vec::new();
    for (range, pattern) in claimed.iter().take(MAX_LISTED) {
        let breaks =
            bytes.get(counted..range.start).unwrap_or_default().iter().filter(|byte| **byte == b'\n');
        line = line.saturating_add(u32::try_from(breaks.count()).unwrap_or(u32::MAX));
        counted = range.start;
        let secret = String::from_utf8_lossy(bytes.get(range.clone()).unwrap_or_default());
        let message = format!("it looks like {}: {}", pattern.what, masked(&secret));
        found.push(
            LintFinding::new(pattern.rule, &file.about(), message, fix_of(pattern.rule))
                .at(FindingPlace::new(file.path, line)),
        );
    }
    if claimed.len() > MAX_LISTED {
        let more = claimed.len() - MAX_LISTED;
        let message = format!("{more} more places look like secrets");
        found.push(
            LintFinding::new(
                LintRule::ContentSecret,
                &file.about(),
                message,
                fix_of(LintRule::ContentSecret),
            )
            .at(FindingPlace::new(file.path, None)),
        );
    }
    super::finding::sort(&mut found);
    found
}

fn fix_of(rule: LintRule) -> &'static str {
    if rule == LintRule::ContentInvitation {
        "take it out and send it to the one it is for, by another way than the bundle"
    } else {
        "take it out, name the hole with `[[secret]]`, and make a new secret if this one was ever used; explain an example with `[[accept]]`"
    }
}

/// At most a quarter of it, at most four characters, and how long it is.
fn masked(secret: &str) -> String {
    let secret = secret.trim_matches(['"', '\'']);
    let length = secret.chars().count();
    let start: String = secret.chars().take((length / 4).min(4)).collect();
    format!("`{}..` of {length} characters", Printable(start))
}

fn binary_key(bytes: &[u8]) -> Option<&'static str> {
    if let Some(format) = RULES.binary.iter().find(|format| bytes.starts_with(&format.magic)) {
        return Some(&format.what);
    }
    // DER: a sequence whose length has two bytes, and a version: 3 is PKCS#12, 0 is PKCS#1 or PKCS#8.
    match bytes {
        [0x30, 0x82, _, _, 0x02, 0x01, 0x03, 0x30, ..] => Some("a PKCS#12 store of keys"),
        [0x30, 0x82, _, _, 0x02, 0x01, 0x00, 0x30 | 0x02, ..] => Some("a private key"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
