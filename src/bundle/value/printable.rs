//! Text from outside, escaped for display.

use std::fmt;

/// Shows a string from a bundle, a file name or a registry without letting it move the cursor, change
/// colours, hide or reorder what stands around it.
///
/// Control characters (C0, DEL, C1), the characters that change writing direction, those without width,
/// and line separators appear as `\u{..}`; a backslash is doubled, so that the text is unambiguous.
#[derive(Debug, Clone, Copy)]
pub struct Printable<T>(pub T);

/// True for a character that the user cannot see, or that changes how others are seen.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

impl<T: AsRef<str>> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for character in self.0.as_ref().chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                hidden if is_deceptive(hidden) => write!(f, "{}", hidden.escape_unicode())?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// Escapes only what deceives, and leaves line breaks and backslashes: for texts of our own that may quote others.
#[must_use]
pub fn without_deception(text: &str) -> String {
    let plain = |character: char| match character {
        '\n' => character.to_string(),
        hidden if is_deceptive(hidden) => hidden.escape_unicode().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn j24_terminal_escapes_are_shown_escaped() {
        let text = Printable("a\x1b[31m\u{202e}b\n\u{9b}\\é").to_string();
        assert_eq!(text, "a\\u{1b}[31m\\u{202e}b\\u{a}\\u{9b}\\\\é");
    }
}
