//! The tags of a template, before the engine sees them.
//!
//! A list follows `in`, and nowhere else. Elsewhere the engine would join, repeat and nest lists without counting
//! what that costs: `5 in [0] * 100000000` is one step of it, and `[[...], ...]` in a variable grows with every tag.
//!
//! The engine takes an expression of any length, and its stack grows with it: half a megabyte of minus signs would end
//! the process. So no tag may be long, and no `if` may have very many branches. What a tag is, is read here as the engine reads it (minijinja 3, `lexer.rs`):
//! its end stands outside of strings. Braces in a tag, where the two could differ, are refused.

mod expression;

/// Bytes of the longest tag.
const LONGEST: usize = 500;
/// How many `elif` a template may have: each is deeper than the one before it.
const ELIFS: usize = 100;

/// Refuses what the engine should not see; the error has the line, and says why.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let (mut at, mut elifs) = (0, 0);
    while let Some((start, mark)) = next(text, at) {
        let inside = start + 2;
        let wrong = |reason: String| (line_of(text, start), reason);
        at = match mark {
            // Without an end, the engine says so itself.
            b'#' => match find(text, inside, "#}") {
                Some(end) => end + 2,
                None => return Ok(()),
            },
            b'%' if basic(text, inside, "raw").is_some() => {
                let mut at = inside;
                loop {
                    let Some(found) = find(text, at, "{%") else { return Ok(()) };
                    at = found + 2;
                    if let Some(end) = basic(text, at, "endraw") {
                        break end;
                    }
                }
            }
            _ => {
                let end = end_of(text, inside, mark).ok_or_else(|| {
                    wrong("a tag has braces in it, or no end; texts with braces stand between `{% raw %}` and `{% endraw %}`".to_owned())
                })?;
                if end - start > LONGEST {
                    return Err(wrong(format!(
                        "a tag has {} bytes, and the limit is {LONGEST}",
                        end - start
                    )));
                }
                let expression = text.get(inside..end.saturating_sub(2)).unwrap_or_default();
                expression::check(expression, mark == b'%').map_err(|reason| wrong(reason.to_owned()))?;
                elifs += usize::from(text.get(inside..end).is_some_and(|tag| tag.contains("elif")));
                if elifs > ELIFS {
                    return Err(wrong(format!("it has more than {ELIFS} `elif`")));
                }
                end
            }
        };
    }
    Ok(())
}

/// Where the next tag or comment begins, and its second character.
fn next(text: &str, from: usize) -> Option<(usize, u8)> {
    let bytes = text.as_bytes().get(from..)?;
    let at = bytes.windows(2).position(|pair| matches!(pair, [b'{', b'{' | b'%' | b'#']))?;
    Some((from + at, *bytes.get(at + 1)?))
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| from + at)
}

/// Where a tag ends that begins at `from`, if it has an end and no brace before it.
fn end_of(text: &str, from: usize, mark: u8) -> Option<usize> {
    let closing = if mark == b'{' { b'}' } else { mark };
    let mut string = None;
    let mut bytes = text.as_bytes().iter().enumerate().skip(from).peekable();
    while let Some((at, byte)) = bytes.next() {
        match (string, *byte) {
            (Some(_), b'\\') => drop(bytes.next()),
            (Some(delimiter), byte) if byte == delimiter => string = None,
            (None, b'"' | b'\'') => string = Some(*byte),
            (None, byte) if byte == closing && bytes.peek().is_some_and(|(_, next)| **next == b'}') => {
                return Some(at + 2);
            }
            (None, b'{' | b'}') => return None,
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// Where a tag that consists of this one word ends, if that is what is at `from`.
fn basic(text: &str, from: usize, word: &str) -> Option<usize> {
    let signs = ['-', '+'];
    let rest = text.get(from..)?;
    let rest = rest.strip_prefix(signs).unwrap_or(rest).trim_ascii_start();
    let rest = rest.strip_prefix(word)?.trim_ascii_start();
    let rest = rest.strip_prefix(signs).unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, check};

    #[test]
    fn tags_end_where_the_engine_ends_them() {
        let long = "+1".repeat(LONGEST);
        for good in [
            String::new(),
            "{".to_owned(),
            "a { b } {{ c }} {% if d %}{% endif %}".to_owned(),
            "{{ '}}' }}{{ \"{%\" }}{{ 'it\\'s }}' }}".to_owned(),
            "{{- a -}}{%- if b +%}".to_owned(),
            format!("{{# {long} #}}"),
            format!("{{% raw %}}{{{{ {long} }}}}{{% endraw %}}{{{{ a }}}}"),
            format!("{{%-  raw -%}}{{% end {long}{{%- endraw +%}}"),
            format!("{{{{ a }}}}{long}{{{{ b }}}}"),
            "{# no end".to_owned(),
        ] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        for (bad, line) in [
            (format!("\n{{{{ 1{long} }}}}"), 2),
            (format!("{{% if 1{long} %}}"), 1),
            // What looks like an end and is none.
            (format!("{{{{ '}}}}'{long} }}}}"), 1),
            (format!("{{{{ 'a\\'}}}}'{long} }}}}"), 1),
            (format!("{{% set a = '%}}'{long} %}}"), 1),
            // What looks like the beginning of what is skipped.
            (format!("{{% rawx %}}{{{{ 1{long} }}}}"), 1),
            (format!("{{% 'raw' %}}\n\n{{{{ 1{long} }}}}{{% endraw %}}"), 3),
            (format!("{{{{ '{{#' }}}}\n{{{{ 1{long} }}}}"), 2),
            (format!("{{# a #}}\n{{{{ 1{long} }}}}"), 2),
            (format!("{{% raw %}}\n{{% endraw %}}\n{{{{ 1{long} }}}}"), 3),
            ("{{ {'a': 1} }}".to_owned(), 1),
            ("{{ a } }}".to_owned(), 1),
            ("{{ a".to_owned(), 1),
            ("\n{{ 'a }}".to_owned(), 2),
        ] {
            assert_eq!(check(&bad).map_err(|(line, _)| line), Err(line), "{bad}");
        }
    }
}
