//! Errors in a text, shown at their place.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use sealift_bundle::value::printable::is_deceptive;
use std::fmt;
use std::ops::Range;

/// A mistake with its file, line and column, the line itself and a mark under the words that are wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    title: String,
    picture: String,
    help: Option<String>,
}

impl Diagnostic {
    /// The message and the drawing below it, without a trailing line break and without colour.
    #[must_use]
    pub fn new(file: &str, text: &str, span: Range<usize>, title: &str) -> Self {
        Self::with_earlier(file, text, span, title, None)
    }

    /// The same, and a second place with a label.
    #[must_use]
    pub(crate) fn with_earlier(
        file: &str,
        text: &str,
        span: Range<usize>,
        title: &str,
        earlier: Option<(Range<usize>, &str)>,
    ) -> Self {
        let (title, file) = (visible(title), visible(file));
        let mut snippet =
            Snippet::source(text).path(&file).annotation(AnnotationKind::Primary.span(within(text, span)));
        if let Some((place, label)) = earlier {
            snippet = snippet.annotation(AnnotationKind::Context.span(within(text, place)).label(label));
        }
        let report = [Level::ERROR.primary_title(title.as_str()).element(snippet)];
        let rendered = Renderer::plain().decor_style(DecorStyle::Ascii).render(&report);
        // The first line repeats the title; anyone who prints errors puts that in front.
        let picture = rendered.split_once('\n').map_or("", |(_, picture)| picture);
        Self { title, picture: picture.trim_end().to_owned(), help: None }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The next step, where one is known.
    #[must_use]
    pub(crate) fn next_step(&self) -> Option<String> {
        self.help.clone()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.title, self.picture)
    }
}

/// Nothing that moves the cursor. Backslashes stay single here, because messages of the parsers hold words that
/// were made visible before.
fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_deceptive(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A span on whole characters of the text, cut to its first line when it goes over several.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len())).max(start);
    let line_end = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |len| start + len);
    start..line_end
}

#[cfg(test)]
mod tests {
    use super::Diagnostic;

    #[test]
    fn the_place_is_shown_with_line_and_column() {
        let drawing = Diagnostic::new("a.toml", "one = 1\ntwo = é\n", 14..16, "not a value");
        assert_eq!(drawing.to_string(), "not a value\n --> a.toml:2:7\n  |\n2 | two = é\n  |       ^");
    }

    #[test]
    fn j24_places_outside_and_escapes_do_no_harm() {
        for span in [0..0, 3..400, 400..500, 1..2] {
            let drawing = Diagnostic::new("\x1b[2J", "é\x1b[31m\u{202e}", span, "\x1b[1mtitle").to_string();
            assert!(!drawing.contains(['\x1b', '\u{202e}']), "{drawing:?}");
        }
        assert!(Diagnostic::new("a", "", 0..0, "empty").to_string().contains("a:1:1"));
    }
}
