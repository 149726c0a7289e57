//! The scanner interface.

use super::ScanError;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Characters of the words of an engine that are kept.
const WORDS: usize = 200;

/// An engine that can be asked by several threads at once.
pub trait Scanner: Sync {
    /// Who it is. An engine that cannot say it is missing.
    fn identify(&self) -> Result<ScannerIdentity, ScanError>;

    /// Reads a leaf to its end and judges it. When the leaf cannot be read, the answer counts for nothing.
    fn look(&self, leaf: &mut dyn Read) -> ScanAnswer;

    /// Whether it makes sense to go on after an answer that was none.
    fn is_there(&self) -> bool;
}

/// What an engine says of one leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanAnswer {
    /// It knows nothing bad of it.
    Clean,
    /// It knows it by this name.
    Found(String),
    /// It takes none of this size.
    Limit(String),
    /// It could not say.
    Failed(String),
}

/// Who an engine is, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerIdentity {
    /// How it was named: `clamd:SOCKET`, `clamd:HOST:PORT`, or the words of a command.
    pub asked: String,
    /// Its name and version; without one where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The number of its signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The date of its signatures, as it writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated: Option<String>,
}

impl ScannerIdentity {
    /// Its name and version, or how it was asked where it says neither.
    #[must_use]
    pub fn name(&self) -> &str {
        self.version.as_deref().unwrap_or(&self.asked)
    }

    /// Reads a line like `ClamAV 1.4.6/27500/Tue Nov  5 08:23:00 2024`, which clamd and clamscan write; other engines
    /// have no slashes there. Without the signatures of its makers, it leaves out what follows the name.
    pub fn parse(asked: String, line: &str) -> Self {
        let line = first_line(line);
        let mut parts = line.splitn(3, '/').map(str::trim);
        let (name, number, date) = (parts.next(), parts.next(), parts.next());
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let (Some(name), Some(number), Some(date)) = (name, number.filter(is_number), date) {
            let (version, database) = (Some(name.to_owned()), Some(number.to_owned()));
            return Self { asked, version, database, dated: Some(date.to_owned()) };
        }
        Self { asked, version: Some(line).filter(|line| !line.is_empty()), database: None, dated: None }
    }
}

/// The first line of what an engine wrote, at most `WORDS` characters of it.
#[must_use]
pub fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(WORDS).collect()
}

/// Which engine the user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineArg {
    /// A running `clamd`: by its socket, by `HOST:PORT`, or where distributions have it.
    Clamd(Option<String>),
    /// A program that is started for each leaf.
    Command(CommandWords),
}

impl FromStr for EngineArg {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        match (text, text.strip_prefix("clamd:")) {
            ("clamd", _) => Ok(Self::Clamd(None)),
            (_, Some(place)) if !place.is_empty() => Ok(Self::Clamd(Some(place.to_owned()))),
            (_, Some(_)) => Err(ScanError::Words { asked: text.to_owned(), reason: "no socket is named" }),
            (_, None) => Ok(Self::Command(text.parse()?)),
        }
    }
}

/// The words of a command, split as a shell does and given to no shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWords(pub(super) Vec<String>);

impl FromStr for CommandWords {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        let wrong = |reason| ScanError::Words { asked: text.to_owned(), reason };
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                ' ' | '\t' | '\n' => words.extend(word.take()),
                '\'' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match characters.next().ok_or_else(|| wrong("a quote is not closed"))? {
                            '\'' => break,
                            other => word.push(other),
                        }
                    }
                }
                '"' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match characters.next().ok_or_else(|| wrong("a quote is not closed"))? {
                            '"' => break,
                            '\\' => match characters.next() {
                                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                                Some(other) => word.extend(['\\', other]),
                                None => return Err(wrong("a quote is not closed")),
                            },
                            '$' | '`' => {
                                return Err(wrong("no shell reads it, so nothing is filled in for `$`"));
                            }
                            other => word.push(other),
                        }
                    }
                }
                '\\' => {
                    let escaped = characters.next().ok_or_else(|| wrong("it ends with a backslash"))?;
                    word.get_or_insert_default().push(escaped);
                }
                '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '#' | '~' => {
                    return Err(wrong("no shell reads it; where one is wanted, say so: `sh -c '...'`"));
                }
                other => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        if words.first().is_none_or(String::is_empty) {
            return Err(wrong("it has no words"));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(wrong("it holds a byte of zero"));
        }
        Ok(Self(words))
    }
}

/// What opening an engine needs to know.
#[derive(Debug, Clone)]
pub struct Opening {
    /// How long it may take for one leaf.
    pub patience: Duration,
    /// Where the private directory is made that a command finds its leaf in.
    pub scratch: PathBuf,
    /// What says which version a command is.
    pub version: Option<CommandWords>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (text, expected) in [
            ("clamscan --no-summary {}", &["clamscan", "--no-summary", "{}"][..]),
            (
                r#"a 'b c' "d \"e\" \x" f\ g '' "$"#.trim_end_matches(" \"$"),
                &["a", "b c", "d \"e\" \\x", "f g", ""],
            ),
            ("sh -c 'grep -q x {} && exit 1; exit 0'", &["sh", "-c", "grep -q x {} && exit 1; exit 0"]),
            ("  a\tb\n", &["a", "b"]),
            ("a'b'\"c\"d", &["abcd"]),
        ] {
            assert_eq!(text.parse::<CommandWords>().unwrap().0, expected, "{text}");
        }
        for text in [
            "", "  ", "''", "a 'b", "a \"b", "a \\", "a | b", "a; b", "a $(b)", "a \"$b\"", "a > b", "a *",
            "a\0",
        ] {
            assert!(matches!(text.parse::<CommandWords>(), Err(ScanError::Words { .. })), "{text}");
        }
    }

    #[test]
    fn engines_are_told_by_their_first_word() {
        let clamd = |place: &str| EngineArg::Clamd(Some(place.to_owned()));
        assert_eq!("clamd".parse::<EngineArg>().unwrap(), EngineArg::Clamd(None));
        assert_eq!("clamd:/run/x y".parse::<EngineArg>().unwrap(), clamd("/run/x y"));
        assert_eq!("clamd:[::1]:3310".parse::<EngineArg>().unwrap(), clamd("[::1]:3310"));
        assert!(matches!("clamdscan {}".parse::<EngineArg>(), Ok(EngineArg::Command(_))));
        assert!("clamd:".parse::<EngineArg>().is_err());
    }

    #[test]
    fn an_engine_says_who_it_is() {
        let of = |line: &str| ScannerIdentity::parse("clamd".to_owned(), line);
        let full = of("ClamAV 1.4.6/27500/Tue Nov  5 08:23:00 2024\n");
        assert_eq!(full.version.as_deref(), Some("ClamAV 1.4.6"));
        assert_eq!(
            (full.database.as_deref(), full.dated.as_deref()),
            (Some("27500"), Some("Tue Nov  5 08:23:00 2024"))
        );
        assert_eq!(of("ClamAV 1.4.6").version.as_deref(), Some("ClamAV 1.4.6"));
        assert_eq!(of("Other/7 beta").version.as_deref(), Some("Other/7 beta"));
        assert_eq!(of("\n\n").version, None);
        assert_eq!(of(&"x".repeat(5000)).version.unwrap().len(), WORDS);
    }
}
