//! Reasons for an exception: text that goes into a signed document or a journal, where an auditor reads it years
//! later.

use super::ValueError;
use super::printable::is_deceptive;
use std::fmt;
use std::str::FromStr;

/// Characters of the longest reason: a paragraph, and no place to hide a file in.
pub(crate) const LONGEST: usize = 500;

/// A reason that says something: not blank, at most 500 characters, all of which can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says why a text is no reason, if it is none. Readers of signed documents ask this too.
    #[must_use]
    pub(crate) fn fault(text: &str) -> Option<&'static str> {
        if text.contains(is_deceptive) {
            return Some("it has characters that cannot be seen");
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Some("it is empty");
        }
        (text.chars().count() > LONGEST).then_some("it has more than 500 characters")
    }
}

impl FromStr for Reason {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match Self::fault(text) {
            Some(fault) => Err(ValueError::Reason(fault)),
            None => Ok(Self(text.trim().to_owned())),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Reason};

    #[test]
    fn f_sec_20_a_reason_says_something() {
        let blank = ["", "  ", "\t\n", "...", "\u{200b}", "\u{a0}\u{2003}"];
        let deceptive = ["lost\u{200b}", "a\u{1b}[2Jb", "a\u{202e}b", "two\nlines", "a\u{9b}b"];
        for bad in blank.into_iter().chain(deceptive) {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(LONGEST + 1).parse::<Reason>().is_err());
        assert!("\u{e9}".repeat(LONGEST).parse::<Reason>().is_ok());
        assert_eq!(
            " all keys lost, ticket 7 ".parse::<Reason>().unwrap().as_str(),
            "all keys lost, ticket 7"
        );
    }
}
