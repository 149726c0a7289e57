//! JSON that is safe to show in a terminal or an editor.

use super::printable::is_deceptive;
use std::fmt::Write as _;

/// Writes the characters of a JSON text that cannot be seen, or that change how others are seen, as `\uXXXX`.
///
/// The text says the same as before to every JSON parser: outside of its strings it has none of these characters, but for
/// the white space that JSON allows, which stays.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character >= ' ' && is_deceptive(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape_json;
    use serde_json::{Value, json};

    #[test]
    fn f_sec_21_no_character_of_json_deceives_and_its_content_stays() {
        let text = "\u{1b}[31m\u{7f}\u{9b}2J \u{202e}\u{2066}\u{200b}\u{feff}\u{e0041} é 漢 😀 \\u202e \n\"";
        let value = json!({ text: [text, 1] });
        for written in [value.to_string(), format!("{value:#}")] {
            let escaped = escape_json(&written);
            assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
            assert!(!escaped.chars().any(|c| c != '\n' && super::is_deceptive(c)), "{escaped}");
            assert!(escaped.contains(r"\u009b2J \u202e\u2066\u200b\ufeff\udb40\udc41 é 漢 😀"), "{escaped}");
            assert!(escaped.contains(r"[31m\u007f"), "{escaped}");
        }
    }
}
