//! Decides whether a pattern match is a secret or only looks like one.

use super::patterns::{Judge, RULES};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Bits in a character of what a machine made up; the threshold of the general rule of gitleaks.
const RANDOM: f64 = 3.5;

/// Texts for users and for compilers, where a password is more often spoken of than set.
pub(super) fn is_prose(path: &str) -> bool {
    let shared = path.strip_prefix("usr/share/").and_then(|rest| rest.split('/').next());
    if shared.is_some_and(|folder| RULES.words.prose_folders.any(|known| known == folder)) {
        return true;
    }
    let ending = path.rsplit('.').next().unwrap_or_default();
    RULES.words.prose_endings.any(|known| ending.eq_ignore_ascii_case(known))
}

pub(super) fn holds(judge: Judge, name: Option<&str>, value: &str, is_prose: bool) -> bool {
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

fn is_secret(name: &str, value: &str, is_prose: bool) -> bool {
    let name = name.to_ascii_lowercase();
    let quoted = value.starts_with(['"', '\'']);
    let value = value.trim_matches(['"', '\'']).trim_end_matches('\\');
    let begins = |name: &str| RULES.words.about_beginnings.any(|word| name.starts_with(word));
    let of_mattermost = name.strip_prefix("mm_").and_then(|rest| rest.split_once('_'));
    let is_about = RULES.words.about_endings.any(|word| name.ends_with(word))
        || begins(&name)
        || of_mattermost.is_some_and(|(_, key)| begins(key));
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

/// True for what is in place of a secret: a hole, a variable, a path, a word that says so.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let first = value.chars().next();
    let enclosed = |open: char, close: char| value.starts_with(open) && value.ends_with(close);
    first.is_none_or(|first| value.chars().all(|character| character == first))
        || RULES.words.no_secrets.any(|word| word == value)
        || RULES.words.placeholders.any(|word| value.contains(word))
        || enclosed('<', '>')
        || enclosed('%', '%')
        || enclosed('@', '@')
        || enclosed('[', ']')
        // Variables, paths, tags of YAML, schemes that lead to a secret kept elsewhere.
        || value.starts_with(['$', '/', '~', '!', '<', '*', '&', '{'])
        || RULES.words.leads.any(|start| value.starts_with(start))
}

/// Bits in a character, after Shannon.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for character in text.chars() {
        *counts.entry(character).or_insert(0_u32) += 1;
    }
    let total = f64::from(counts.values().sum::<u32>());
    counts.values().map(|count| f64::from(*count) / total).map(|share| -share * share.log2()).sum()
}
