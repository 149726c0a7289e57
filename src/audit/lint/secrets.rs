//! Secrets and invitations in content. What is found is never repeated: four characters at most, and the length.

use super::File;
use super::finding::{Finding, Place, Rule};
use super::patterns::{COMPILED, Judge, PATTERNS};
use super::settings::text_of;
use crate::value::printable::Printable;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes of a file that is looked through; above, it is said that it was not.
pub const MAX_BYTES: usize = 16 << 20;
/// Findings in one file that are listed.
const MAX_LISTED: usize = 20;
/// Bits in a character of what a machine made up; the threshold of the general rule of gitleaks.
const RANDOM: f64 = 3.5;

/// Binary formats that hold private keys, by their first bytes.
const BINARY: [(&[u8], &str); 5] = [
    (b"\xfe\xed\xfe\xed\x00\x00\x00", "a key store of Java"),
    (b"\xce\xce\xce\xce\x00\x00\x00", "a key store of Java"),
    (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "a database of KeePass"),
    (b"\x05\x02\x00\x00\x00", "a keytab of Kerberos"),
    (b"\x30\x77\x02\x01\x01\x04\x20", "a private key"),
];

/// Looks through a text, or the beginning of a binary, for secrets and invitations.
#[must_use]
pub fn find(file: &File<'_>) -> Vec<Finding> {
    match look(file) {
        Looked::Key(what) => {
            let message = format!("the file is {what}");
            vec![
                Finding::new(Rule::ContentSecret, &file.about(), message, fix_of(Rule::ContentSecret))
                    .at(Place::new(file.path, None)),
            ]
        }
        Looked::Unread(reason) => {
            let fix = "look through it with another tool, and explain it with `[[accept]]`";
            vec![
                Finding::new(Rule::ContentUnread, &file.about(), reason, fix).at(Place::new(file.path, None)),
            ]
        }
        Looked::Text(bytes, claimed) => report(file, &bytes, claimed),
    }
}

/// The lines of a text, counted from 0, that show a part of a secret or invitation; `None` where nobody can say, because
/// the file is a key or was not looked through.
#[must_use]
pub fn lines(file: &File<'_>) -> Option<BTreeSet<usize>> {
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
    Text(Cow<'a, [u8]>, Vec<(Range<usize>, usize)>),
}

fn look<'a>(file: &File<'a>) -> Looked<'a> {
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

    let mut claimed: Vec<(Range<usize>, usize)> = Vec::new();
    for (index, windows) in compiled.windows(&bytes).into_iter().enumerate() {
        let (Some(pattern), Some(regex)) = (PATTERNS.get(index), compiled.each.get(index)) else {
            continue;
        };
        for Range { start: mut at, end } in windows {
            // What stands in front of a window is seen, so that its beginning is no beginning of a word.
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
                    claimed.push((range, index));
                }
            }
        }
    }
    Looked::Text(bytes, claimed)
}

fn report(file: &File<'_>, bytes: &[u8], mut claimed: Vec<(Range<usize>, usize)>) -> Vec<Finding> {
    claimed.sort_by_key(|(range, _)| range.start);
    let (mut line, mut counted) = (1_u32, 0);
    let mut found = Vec::new();
    for (range, index) in claimed.iter().take(MAX_LISTED) {
        let Some(pattern) = PATTERNS.get(*index) else { continue };
        let breaks =
            bytes.get(counted..range.start).unwrap_or_default().iter().filter(|byte| **byte == b'\n');
        line = line.saturating_add(u32::try_from(breaks.count()).unwrap_or(u32::MAX));
        counted = range.start;
        let secret = String::from_utf8_lossy(bytes.get(range.clone()).unwrap_or_default());
        let message = format!("it looks like {}: {}", pattern.what, masked(&secret));
        found.push(
            Finding::new(pattern.rule, &file.about(), message, fix_of(pattern.rule))
                .at(Place::new(file.path, line)),
        );
    }
    if claimed.len() > MAX_LISTED {
        let more = claimed.len() - MAX_LISTED;
        let message = format!("{more} more places look like secrets");
        found.push(
            Finding::new(Rule::ContentSecret, &file.about(), message, fix_of(Rule::ContentSecret))
                .at(Place::new(file.path, None)),
        );
    }
    super::finding::sort(&mut found);
    found
}

fn fix_of(rule: Rule) -> &'static str {
    if rule == Rule::ContentInvitation {
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
    if let Some((_, what)) = BINARY.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(what);
    }
    // DER: a sequence whose length has two bytes, and a version: 3 is PKCS#12, 0 is PKCS#1 or PKCS#8.
    match bytes {
        [0x30, 0x82, _, _, 0x02, 0x01, 0x03, 0x30, ..] => Some("a PKCS#12 store of keys"),
        [0x30, 0x82, _, _, 0x02, 0x01, 0x00, 0x30 | 0x02, ..] => Some("a private key"),
        _ => None,
    }
}

/// Folders of `/usr/share` that distributions fill with texts and libraries of scripting languages (FHS 3.0, 4.11).
const SHARED: [&str; 8] = ["doc", "help", "info", "lintian", "locale", "man", "perl", "perl5"];

/// Texts for people and for compilers, where a password is more often spoken of than set.
fn is_prose(path: &str) -> bool {
    let shared = path.strip_prefix("usr/share/").and_then(|rest| rest.split('/').next());
    if shared.is_some_and(|folder| SHARED.contains(&folder)) {
        return true;
    }
    let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(
        ending.as_str(),
        "md" | "rst"
            | "txt"
            | "html"
            | "htm"
            | "adoc"
            | "svg"
            | "po"
            | "xliff"
            | "rs"
            | "go"
            | "js"
            | "jsx"
            | "ts"
            | "tsx"
            | "py"
            | "java"
            | "c"
            | "h"
            | "cc"
            | "css"
            | "map"
            | "pl"
            | "pm"
            | "pod"
            | "sample"
    )
}

fn holds(judge: Judge, name: Option<&str>, value: &str, is_prose: bool) -> bool {
    match judge {
        Judge::Shape => {
            !value.ends_with("EXAMPLE") && !value.contains("xxxxxxxx") && !value.contains("XXXXXXXX")
        }
        Judge::Value => !is_placeholder(value),
        Judge::Assignment => is_secret(name.unwrap_or_default(), value, is_prose),
        Judge::UserAndPassword => {
            let decoded =
                STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).unwrap_or_default();
            let text = String::from_utf8_lossy(&decoded);
            text.split_once(':').is_some_and(|(_, password)| !is_placeholder(password))
        }
        Judge::Random => {
            let has = |is: fn(&char) -> bool| value.chars().any(|character| is(&character));
            has(char::is_ascii_uppercase)
                && has(char::is_ascii_lowercase)
                && has(char::is_ascii_digit)
                && entropy(value) >= RANDOM + 0.5
        }
    }
}

/// Endings of names that are about a secret, and are none. Model: the allow list of `generic-api-key` in gitleaks.
const ABOUT: [&str; 63] = [
    "file",
    "files",
    "path",
    "name",
    "names",
    "id",
    "ids",
    "url",
    "uri",
    "endpoint",
    "length",
    "size",
    "ref",
    "key_ref",
    "expiry",
    "expiration",
    "expires",
    "ttl",
    "age",
    "days",
    "hours",
    "minutes",
    "seconds",
    "timeout",
    "type",
    "policy",
    "enabled",
    "enable",
    "required",
    "lifetime",
    "count",
    "limit",
    "max",
    "min",
    "field",
    "attribute",
    "claim",
    "header",
    "class",
    "issuer",
    "audience",
    "algorithm",
    "alg",
    "provider",
    "mode",
    "scheme",
    "format",
    "prefix",
    "suffix",
    "label",
    "title",
    "description",
    "hint",
    "mount",
    "secretname",
    "store",
    "lowercase",
    "uppercase",
    "number",
    "symbol",
    "tokens",
    "authentication",
    "encryption",
];

fn is_secret(name: &str, value: &str, is_prose: bool) -> bool {
    let name = name.to_ascii_lowercase();
    let quoted = value.starts_with(['"', '\'']);
    let value = value.trim_matches(['"', '\'']).trim_end_matches('\\');
    let begins = ["enable", "require", "allow", "use", "max", "min", "has", "is_", "disable", "existing"];
    let is_about =
        ABOUT.iter().any(|word| name.ends_with(word)) || begins.iter().any(|word| name.starts_with(word));
    let of_mattermost = name.strip_prefix("mm_").and_then(|rest| rest.split_once('_'));
    let is_about =
        is_about || of_mattermost.is_some_and(|(_, key)| begins.iter().any(|word| key.starts_with(word)));
    // Code: a call, a type, a place in memory.
    let is_code = value.contains(['(', ')', '[', ']', '|', '`'])
        || (!quoted && (value.starts_with(':') || value.ends_with([':', '.'])));
    // A page, and not a way in with a password.
    let is_page = value.contains("://") && !value.contains(['@', '?', '#']);
    if is_about || is_code || is_page || value.contains(char::is_control) || is_placeholder(value) {
        return false;
    }
    let is_password = ["passw", "passphrase", "bind_pw", "bindpw"].iter().any(|word| name.contains(word));
    let is_word = value.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '.' | '-' | ' '));
    let is_number = value.chars().all(|c| c.is_ascii_digit() || c == '.');
    let length = value.chars().count();
    match (is_password, is_prose) {
        // What is written as a password is one, whatever it looks like.
        (true, false) => length >= 4 && !value.contains(' ') && !(is_number && value.contains('.')),
        (true, true) => length >= 8 && !is_word && !value.contains(' ') && entropy(value) >= 3.0,
        (false, false) => length >= 8 && !is_word && !is_number && entropy(value) >= 3.0,
        (false, true) => {
            length >= 16 && !is_word && !is_number && !value.contains(' ') && entropy(value) >= RANDOM
        }
    }
}

/// Words within values that stand for something else.
const PLACEHOLDERS: [&str; 22] = [
    "change",
    "example",
    "placeholder",
    "your",
    "dummy",
    "sample",
    "redacted",
    "insert",
    "todo",
    "replace",
    "fill",
    "xxxx",
    "****",
    "....",
    "{{",
    "${",
    "$(",
    "}}",
    "secretkeyref",
    "valuefrom",
    "not-a-",
    "put-",
];

/// Words that are no secret by themselves.
const WORDS: [&str; 18] = [
    "password",
    "passwd",
    "pass",
    "passphrase",
    "secret",
    "token",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "default",
    "string",
    "user",
    "username",
    "undefined",
    "empty",
    "~",
];

/// True for what stands in the place of a secret: a hole, a variable, a path, a word that says so.
fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let first = value.chars().next();
    let enclosed = |open: char, close: char| value.starts_with(open) && value.ends_with(close);
    first.is_none_or(|first| value.chars().all(|character| character == first))
        || WORDS.contains(&value.as_str())
        || PLACEHOLDERS.iter().any(|word| value.contains(word))
        || enclosed('<', '>')
        || enclosed('%', '%')
        || enclosed('@', '@')
        || enclosed('[', ']')
        // Variables, paths, tags of YAML, schemes that lead to a secret kept elsewhere.
        || value.starts_with(['$', '/', '~', '!', '<', '*', '&', '{'])
        || ["./", "../", "file:", "env:", "vault:", "secret:", "op://", "vault://", "c:\\"].iter().any(|start| value.starts_with(start))
}

/// Bits in a character, after Shannon.
fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for character in text.chars() {
        *counts.entry(character).or_insert(0_u32) += 1;
    }
    let total = f64::from(counts.values().sum::<u32>());
    counts.values().map(|count| f64::from(*count) / total).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests;
