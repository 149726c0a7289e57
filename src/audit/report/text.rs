//! Texts that know which of their parts come from outside.

use serde::{Serialize, Serializer};
use std::fmt;

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words of this program, and numbers.
    Say(String),
    /// As `Say`, and important.
    Strong(String),
    /// Text from outside.
    Out(String),
    /// Text from outside that was made printable where it was found.
    Shown(String),
    /// Text of a machine: a path, a digest, a command. From outside as well.
    Code(String),
}

impl Span {
    /// What is written, as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Say(text) | Self::Strong(text) | Self::Out(text) | Self::Shown(text) | Self::Code(text) => {
                text
            }
        }
    }
}

/// Text made of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

#[must_use]
pub(crate) fn say(words: impl Into<String>) -> Text {
    Text::default().say(words)
}

#[must_use]
pub(crate) fn out(text: impl Into<String>) -> Text {
    Text::default().out(text)
}

#[must_use]
pub(crate) fn code(text: impl Into<String>) -> Text {
    Text::default().code(text)
}

/// Text from outside that was made printable where it was found.
#[must_use]
pub(crate) fn shown(text: impl Into<String>) -> Text {
    Text(vec![Span::Shown(text.into())])
}

impl Text {
    /// Adds words of this program.
    #[must_use]
    pub fn say(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Say(words.into()));
        self
    }

    /// Adds important words of this program.
    #[must_use]
    pub(crate) fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Strong(words.into()));
        self
    }

    /// Adds text from outside.
    #[must_use]
    pub fn out(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Out(text.into()));
        self
    }

    /// Adds text of a machine.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }

    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds these texts with commas between them; `none` where there are none.
    #[must_use]
    pub fn list<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>, none: &str) -> Self {
        let before = self.0.len();
        for text in texts {
            if self.0.len() > before {
                self = self.say(", ");
            }
            self = self.out(text);
        }
        if self.0.len() == before && !none.is_empty() { self.say(none) } else { self }
    }

    /// True when there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.as_str().is_empty())
    }
}

impl fmt::Display for Text {
    /// As it is: for texts in which everything is of this program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|span| f.write_str(span.as_str()))
    }
}

impl Serialize for Text {
    /// As one string, as it is: JSON escapes by itself.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number with commas: `1,234,567`.
#[must_use]
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
