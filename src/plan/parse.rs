//! Converts the grammar of a manifest to values; each error marks its place in the file.

mod sources;
mod terms;

use super::diagnostic::Diagnostic;
use super::error::PlanError;
use super::include::tidy;
use super::manifest::ManifestSpot;
use sealift_bundle::value::ValueError;
use sealift_bundle::value::suggestion::did_you_mean;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use toml::Spanned;

pub(super) use terms::KnownNames;

/// A text and the name of its file.
#[derive(Clone, Copy)]
#[allow(clippy::struct_field_names, reason = "the text of a text has no better name")]
pub(super) struct Text<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    /// What paths in it are relative to, as seen from the directory of the manifest.
    pub(super) folder: &'a Path,
    /// Whether it is a part of several manifests, not all of which have everything that it names.
    pub(super) is_part: bool,
}

impl<'a> Text<'a> {
    /// A text that stands by itself.
    pub(super) fn of(file: &'a str, text: &'a str) -> Self {
        Self { file, text, folder: Path::new(""), is_part: false }
    }
}

impl Text<'_> {
    pub(super) fn draw(self, span: Range<usize>, title: &str) -> Diagnostic {
        Diagnostic::new(self.file, self.text, span, title)
    }

    /// Draws an error of the TOML parser.
    pub(super) fn draw_toml(self, error: &toml::de::Error) -> Diagnostic {
        self.draw(error.span().unwrap_or(0..0), error.message())
    }

    /// From TOML to the words of a grammar.
    pub(super) fn parse<T: DeserializeOwned>(self) -> Result<T, PlanError> {
        toml::from_str(self.text).map_err(|error: toml::de::Error| {
            let drawing = self.draw_toml(&error);
            // These are serde's own words; what the text contributes comes behind them.
            if let Some(rest) = error.message().strip_prefix("unknown field `") {
                let other = "take it out; `sealift util schema` has every key of every table";
                let drawing = drawing.help(nearest(rest).or_else(|| Some(other.to_owned())));
                PlanError::UnknownKey(Box::new(drawing))
            } else if let Some(rest) = error.message().strip_prefix("missing field `") {
                let key = rest.trim_end_matches('`');
                let help = format!("add `{key} = \"...\"` to the table");
                PlanError::Item(Box::new(drawing.help(Some(help))))
            } else {
                let table = error.message() == "invalid type: map, expected a sequence";
                let help = "items are lists: write the name of the table in two brackets, like `[[doc]]`";
                PlanError::Syntax(Box::new(drawing.help(table.then(|| help.to_owned()))))
            }
        })
    }

    pub(super) fn value(self, place: &Range<usize>, title: &str) -> PlanError {
        PlanError::Value(Box::new(self.draw(place.clone(), title)))
    }

    pub(super) fn item(self, place: &Range<usize>, title: &str, help: &str) -> PlanError {
        PlanError::Item(Box::new(self.draw(place.clone(), title).help(Some(help.to_owned()))))
    }

    pub(super) fn duplicate(self, place: &Range<usize>, title: &str, help: &str) -> PlanError {
        PlanError::Duplicate(Box::new(self.draw(place.clone(), title).help(Some(help.to_owned()))))
    }

    /// The place of a word, for those who come later.
    pub(super) fn spot(self, place: &Range<usize>) -> ManifestSpot {
        let before = self.text.get(..place.start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ManifestSpot { file: self.file.to_owned(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }

    /// Several words of `value/`.
    pub(super) fn words<T: FromStr<Err = ValueError>>(
        self,
        words: &[Spanned<String>],
    ) -> Result<Vec<T>, PlanError> {
        words.iter().map(|word| self.word(word)).collect()
    }

    /// A word of `value/`.
    pub(super) fn word<T: FromStr<Err = ValueError>>(self, word: &Spanned<String>) -> Result<T, PlanError> {
        word.get_ref().parse().map_err(|error: ValueError| self.value(&word.span(), &error.to_string()))
    }

    pub(super) fn sequence(self, sequence: &Spanned<u64>) -> Result<u64, PlanError> {
        match *sequence.get_ref() {
            0 => Err(self.value(&sequence.span(), "`sequence` counts from 1")),
            // TOML and JSON readers elsewhere do not all go further.
            number if number > i64::MAX as u64 => {
                Err(self.value(&sequence.span(), "`sequence` is too large"))
            }
            number => Ok(number),
        }
    }

    pub(super) fn license(self, license: &Spanned<String>) -> Result<String, PlanError> {
        let text = license.get_ref();
        if (1..=256).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Ok(text.clone())
        } else {
            Err(self.value(&license.span(), "a licence is 1 to 256 characters of ASCII, like `Apache-2.0`"))
        }
    }

    /// A path, as seen from the directory of the manifest.
    pub(super) fn path(self, path: &Spanned<String>) -> Result<String, PlanError> {
        let text = path.get_ref();
        if text.is_empty() || text.contains(sealift_bundle::value::printable::is_deceptive) {
            return Err(self.value(&path.span(), "the path is empty or has a character that cannot be seen"));
        }
        if self.folder.as_os_str().is_empty() {
            return Ok(text.clone());
        }
        // Every directory of a composition came out of such a text.
        Ok(tidy(&self.folder.join(text)).to_string_lossy().into_owned())
    }
}

/// Keys that other tools have for the same, and the keys here.
const MEANT: [(&str, &str); 16] = [
    ("image", "reference"),
    ("ref", "reference"),
    ("tag", "reference"),
    ("tarball", "archive"),
    ("tar", "archive"),
    ("repo", "repository"),
    ("digest", "sha256"),
    ("checksum", "sha256"),
    ("source", "path"),
    ("folder", "path"),
    ("directory", "path"),
    ("file", "path"),
    ("rev", "commit"),
    ("ignore", "exclude"),
    ("platform", "platforms"),
    ("feature", "features"),
];

/// `imagee`, expected one of `bundle`, `image`...: the word that was probably meant.
fn nearest(rest: &str) -> Option<String> {
    let (word, expected) = rest.rsplit_once("`, expected ")?;
    let known = expected.split('`').skip(1).step_by(2);
    let meant =
        MEANT.iter().find(|(other, meant)| *other == word && known.clone().any(|known| known == *meant));
    if let Some((_, meant)) = meant {
        return Some(format!("did you mean `{meant}`?"));
    }
    did_you_mean(word, known)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let rest = |word: &str| format!("{word}`, expected one of `bundle`, `image`, `doc`");
        assert_eq!(nearest(&rest("imagee")).as_deref(), Some("did you mean `image`?"));
        assert_eq!(nearest(&rest("bundel")).as_deref(), Some("did you mean `bundle`?"));
        assert_eq!(nearest(&rest("parameters")), None);
        // f_new_a_04
        let image = "image`, expected one of `name`, `layout`, `archive`, `select`, `reference`, `platforms`";
        assert_eq!(nearest(image).as_deref(), Some("did you mean `reference`?"));
    }
}
