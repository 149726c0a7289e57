//! Replaces template placeholders so that ordinary parsers can read a file.

/// Words that begin a tag which renders to nothing by itself, in minijinja and in Go templates.
const SILENT: [&str; 14] = [
    "if", "else", "elif", "end", "endif", "for", "endfor", "range", "with", "endwith", "set", "define",
    "block", "fail",
];

/// What is in place of a hole: a word in YAML, a number in JSON and TOML, a host that is in no network, and
/// neither yes nor no.
pub(super) const HOLE: &str = "90909090909";

/// Puts a neutral word in place of each `{{ hole }}`, and nothing in place of `{% tags %}` and `{# comments #}`.
///
/// Line breaks stay, so that a line of the result is the line of the template.
pub(super) fn filled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = split_at(rest, rest.find('{')) {
        out.push_str(before);
        rest = from;
        let Some((close, is_hole)) = opening(from) else {
            out.push('{');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        // A hole that is never closed is not a hole.
        let Some((tag, after)) = split_at(from, from.find(close).map(|at| at + close.len())) else {
            break;
        };
        let silent = !is_hole || is_silent(tag);
        if !silent {
            out.push_str(HOLE);
        }
        out.extend(tag.chars().filter(|character| *character == '\n'));
        rest = after;
    }
    let done = text.len() - rest.len();
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// A text as users know it, with its holes.
pub(super) fn restored(text: &str) -> String {
    text.replace(HOLE, "{{ .. }}")
}

fn split_at(text: &str, at: Option<usize>) -> Option<(&str, &str)> {
    at.and_then(|at| text.split_at_checked(at))
}

/// What closes the tag that the text begins with, and whether that tag is an expression.
fn opening(text: &str) -> Option<(&'static str, bool)> {
    let tags = [("{{", "}}", true), ("{%", "%}", false), ("{#", "#}", false)];
    tags.iter().find(|(open, ..)| text.starts_with(open)).map(|(_, close, is_hole)| (*close, *is_hole))
}

fn is_silent(tag: &str) -> bool {
    let inner = tag.trim_start_matches(['{', '-']).trim_start();
    let word = inner.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    SILENT.contains(&word) || inner.starts_with("/*") || inner.contains(":=")
}

#[cfg(test)]
mod tests {
    use super::{filled, restored};
    use proptest::prelude::*;

    #[test]
    fn a_hole_becomes_a_word_and_lines_stay() {
        for (template, text) in [
            ("image: {{ registry }}/a:1\n", "image: 90909090909/a:1\n"),
            ("a: {{\n x }}\nb: 1", "a: 90909090909\n\nb: 1"),
            ("{% if x %}a{% endif %}{# no\n #}b", "a\nb"),
            ("  {{- if .Values.x }}\n  a: 1\n  {{- end }}\n", "  \n  a: 1\n  \n"),
            ("{{- $x := 1 }}{{/* c */}}", ""),
            ("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}}"),
            ("${HOME} {x}", "${HOME} {x}"),
            ("never {{ closed", "never {{ closed"),
            ("", ""),
        ] {
            assert_eq!(filled(template), text, "{template}");
        }
        assert_eq!(restored(&filled("a{{ b }}c")), "a{{ .. }}c");
    }

    proptest! {
        #[test]
        fn lines_stay_whatever_the_text(text in "[{}%#\\-a\n ]{0,80}") {
            prop_assert_eq!(filled(&text).matches('\n').count(), text.matches('\n').count());
        }
    }
}
