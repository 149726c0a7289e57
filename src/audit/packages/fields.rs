//! Paragraphs of `Name: value` fields, as dpkg, apk, Python and Java write them.

use std::borrow::Cow;

/// Bytes as text, with a question mark for what is none: never longer than the bytes, which may be many.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(if chunk.invalid().is_empty() { "" } else { "?" });
    }
    Cow::Owned(text)
}

/// A part of such a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FieldPart<'a> {
    /// A name and its value, with the lines that go on with it as they are in the text.
    Field(&'a str, &'a str),
    /// A line that is not a field and goes on with none.
    Odd,
    /// A paragraph ends: at an empty line, or at the end of the text.
    End,
}

/// The parts of a text in their order; nothing is kept but the place where it stands.
pub(super) fn parts(text: &str) -> impl Iterator<Item = FieldPart<'_>> {
    let mut rest = text;
    let mut is_open = false;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return std::mem::take(&mut is_open).then_some(FieldPart::End);
            }
            let (line, after) = first_line(rest);
            if line.trim_end_matches(['\r', '\n']).is_empty() {
                rest = after;
                if std::mem::take(&mut is_open) {
                    return Some(FieldPart::End);
                }
                continue;
            }
            is_open = true;
            let field = line.split_once(':').filter(|(name, _)| !name.is_empty() && !goes_on(name));
            let Some((name, _)) = field else {
                rest = after;
                return Some(FieldPart::Odd);
            };
            let mut end = line.len();
            let mut following = after;
            while goes_on(following) {
                let (more, after) = first_line(following);
                end = end.saturating_add(more.len());
                following = after;
            }
            let value = rest.get(name.len().saturating_add(1)..end).unwrap_or_default();
            rest = following;
            return Some(FieldPart::Field(name, value.trim()));
        }
    })
}

fn goes_on(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

fn first_line(text: &str) -> (&str, &str) {
    let end = memchr::memchr(b'\n', text.as_bytes()).map_or(text.len(), |at| at.saturating_add(1));
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Keeps the value of a field that may stand once.
pub(super) fn once<'a>(slot: &mut Option<&'a str>, name: &str, value: &'a str) -> Result<(), String> {
    match slot.replace(value) {
        Some(_) => Err(format!("a paragraph has `{name}` twice")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldPart, parts, text};

    #[test]
    fn what_is_no_text_takes_no_more_room() {
        assert_eq!(text(b"a\xffb\xc3"), "a?b?");
        assert_eq!(text("é".as_bytes()), "é");
    }

    #[test]
    fn fields_go_on_and_paragraphs_end() {
        let text = "\n\nA: 1\r\nB:\n two\n\tthree\n\n\nodd\nC:3";
        let found: Vec<_> = parts(text).collect();
        assert_eq!(
            found,
            [
                FieldPart::Field("A", "1"),
                FieldPart::Field("B", "two\n\tthree"),
                FieldPart::End,
                FieldPart::Odd,
                FieldPart::Field("C", "3"),
                FieldPart::End
            ]
        );
        assert_eq!(parts("").count() + parts("\n\r\n").count(), 0);
        assert_eq!(
            parts(" x: y\n:z\n").collect::<Vec<_>>(),
            [FieldPart::Odd, FieldPart::Odd, FieldPart::End]
        );
    }
}
