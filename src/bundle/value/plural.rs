//! Text for display, and quoting for a shell.

use super::printable::Printable;
use std::ffi::OsStr;

/// A number of things: `1 item`, `2 items`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// A word as a shell takes it: in quotes where it needs them.
#[must_use]
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = Printable(word.as_ref().to_string_lossy()).to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:@%,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{counted, quoted};

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "item")), ["0 items", "1 item", "2 items"]);
    }

    #[test]
    fn quotes_stand_only_where_a_shell_needs_them() {
        let words = [("a/b-1.0.toml", "a/b-1.0.toml"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")];
        for (word, shown) in words {
            assert_eq!(quoted(word), shown);
        }
    }
}
