//! The secret patterns of `secrets.toml`, compiled.

use crate::finding::LintRule;
use crate::rules::{self, Source};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::ops::Range;
use std::sync::LazyLock;

/// How a match is judged further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Judge {
    /// The pattern says it all, unless it is an example.
    Shape,
    /// The value must not be a placeholder.
    Value,
    /// A name and a value: the name must be one of a secret, and the value no placeholder and no ordinary word.
    Assignment,
    /// Base64 that decodes to `USER:PASSWORD`.
    UserAndPassword,
    /// Long, and as mixed as only random bytes are.
    Random,
}

/// What `secrets.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRules {
    secret_name: SecretName,
    pattern: Vec<PatternRow>,
    pub(super) words: WordLists,
    pub(super) binary: Vec<BinaryFormat>,
}

pub(super) static RULES: LazyLock<SecretRules> = LazyLock::new(|| rules::parse(include_str!("secrets.toml")));

/// What the names of secrets have in them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretName {
    regex: String,
    keys: Vec<String>,
    before: usize,
    after: usize,
    near: String,
    within: usize,
    #[serde(rename = "source")]
    _source: Source,
}

/// How `regex` of a pattern refers to the one of the names of secrets.
const SECRET_NAME: &str = "{secret_name}";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternRow {
    #[serde(rename = "id")]
    _id: String,
    what: String,
    #[serde(default = "content_secret")]
    rule: LintRule,
    judge: Judge,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default = "before")]
    before: usize,
    #[serde(default = "after")]
    after: usize,
    #[serde(default)]
    near: String,
    #[serde(default)]
    within: usize,
    regex: String,
    #[serde(rename = "source")]
    _source: Source,
}

fn content_secret() -> LintRule {
    LintRule::ContentSecret
}

fn before() -> usize {
    256
}

fn after() -> usize {
    512
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WordLists {
    pub(super) about_endings: WordList,
    pub(super) about_beginnings: WordList,
    pub(super) placeholders: WordList,
    pub(super) no_secrets: WordList,
    pub(super) leads: WordList,
    pub(super) prose_endings: WordList,
    pub(super) prose_folders: WordList,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordList {
    words: Vec<String>,
    #[serde(rename = "source")]
    _source: Source,
}

impl WordList {
    pub(super) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.words.iter().any(|word| is(word))
    }
}

/// A binary format that holds private keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BinaryFormat {
    #[serde(rename = "id")]
    _id: String,
    /// Its first bytes.
    #[serde(deserialize_with = "hexadecimal")]
    pub(super) magic: Vec<u8>,
    pub(super) what: String,
    #[serde(rename = "source")]
    _source: Source,
}

fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect();
    bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| D::Error::custom("it is not hexadecimal"))
}

/// One shape. Its group `s` is the secret, its group `n` the name where there is one.
pub(super) struct SecretPattern {
    pub(super) what: &'static str,
    places: Keys,
    regex: String,
    pub(super) judge: Judge,
    pub(super) rule: LintRule,
}

/// Texts of which every match of a pattern has one, whatever its case. Most files have none, so that the pattern itself,
/// which is slow, sees only what stands around them.
struct Keys {
    any: &'static [String],
    /// Bytes in front of such a text at which a match may begin.
    before: usize,
    /// Bytes behind it at which a match may end; the rest of the line is seen as well.
    after: usize,
    /// Characters of which one stands within so many bytes behind such a text, if any are named.
    near: &'static str,
    within: usize,
}

fn patterns(rules: &'static SecretRules) -> Vec<SecretPattern> {
    let name = &rules.secret_name;
    let pattern = |row: &'static PatternRow| {
        let places = if row.regex.contains(SECRET_NAME) {
            let SecretName { before, after, within, .. } = *name;
            Keys { any: &name.keys, before, after, near: &name.near, within }
        } else {
            let PatternRow { before, after, within, .. } = *row;
            Keys { any: &row.keys, before, after, near: &row.near, within }
        };
        let regex = row.regex.replace(SECRET_NAME, &name.regex);
        SecretPattern { what: &row.what, places, regex, judge: row.judge, rule: row.rule }
    };
    rules.pattern.iter().map(pattern).collect()
}

/// The patterns, compiled, and the texts that tell where to look for them.
pub(super) struct Compiled {
    keys: AhoCorasick,
    /// The pattern of each text.
    of_key: Vec<usize>,
    pub(super) each: Vec<Regex>,
    pub(super) patterns: Vec<SecretPattern>,
}

/// Bytes that a line may go on behind what is in reach.
const LINE: usize = 64 << 10;

impl Compiled {
    fn new() -> Result<Self, String> {
        let regex = |pattern: &SecretPattern| {
            RegexBuilder::new(&pattern.regex).unicode(false).multi_line(true).build()
        };
        let patterns = patterns(&RULES);
        let each = patterns.iter().map(regex).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let all = || {
            patterns.iter().enumerate().flat_map(|(number, pattern)| {
                pattern.places.any.iter().map(move |key| (number, key.as_str()))
            })
        };
        // Every text of a bundle goes through it: the fastest kind, whose table is built once.
        let keys = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .ascii_case_insensitive(true)
            .build(all().map(|(_, key)| key));
        let of_key = all().map(|(number, _)| number).collect();
        Ok(Self { keys: keys.map_err(|error| error.to_string())?, of_key, each, patterns })
    }

    /// For each pattern the places where a match may be, in order and apart from each other.
    pub(super) fn windows(&self, bytes: &[u8]) -> Vec<Vec<Range<usize>>> {
        let mut windows: Vec<Vec<Range<usize>>> = vec![Vec::new(); self.patterns.len()];
        for hit in self.keys.find_overlapping_iter(bytes) {
            let Some(number) = self.of_key.get(hit.pattern().as_usize()) else { continue };
            let (Some(pattern), Some(windows)) = (self.patterns.get(*number), windows.get_mut(*number))
            else {
                continue;
            };
            let Keys { before, after, near, within, .. } = &pattern.places;
            let behind = bytes.get(hit.end()..bytes.len().min(hit.end() + after)).unwrap_or_default();
            let is_near = |byte: &u8| near.as_bytes().contains(byte);
            if !near.is_empty() && !behind.iter().take(*within).any(is_near) {
                continue;
            }
            let start = hit.start().saturating_sub(*before);
            let end = hit.end() + behind.len();
            match windows.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => windows.push(start..end),
            }
        }
        for windows in &mut windows {
            let mut whole: Vec<Range<usize>> = Vec::with_capacity(windows.len());
            for window in windows.drain(..) {
                // A window that ends within a word would make an end of it.
                let rest = bytes.get(window.end..bytes.len().min(window.end + LINE)).unwrap_or_default();
                let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let window = window.start..window.end + line;
                match whole.last_mut() {
                    Some(last) if last.end >= window.start => last.end = last.end.max(window.end),
                    _ => whole.push(window),
                }
            }
            *windows = whole;
        }
        windows
    }
}

/// Compiled at the first use. A test holds that they compile; should they not, a finding says so.
pub(super) static COMPILED: LazyLock<Result<Compiled, String>> = LazyLock::new(Compiled::new);

#[cfg(test)]
mod tests {
    use super::COMPILED;

    #[test]
    fn every_pattern_compiles_and_says_where_to_look_and_what_the_secret_is() {
        let compiled = COMPILED.as_ref().map_err(Clone::clone).unwrap();
        assert!(!compiled.each.is_empty());
        for (pattern, regex) in compiled.patterns.iter().zip(&compiled.each) {
            assert!(!pattern.places.any.is_empty() && !pattern.what.is_empty(), "{}", pattern.what);
            assert!(pattern.places.near.is_empty() == (pattern.places.within == 0), "{}", pattern.what);
            assert!(regex.capture_names().flatten().any(|name| name == "s"), "{}", pattern.what);
        }
    }
}
