//! Percent-encoding (RFC 3986, section 2.1).

/// The text with every escape resolved; nothing unless each is complete and the whole is UTF-8.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? << 4 | digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text with every byte escaped but letters, digits, `-._~` (section 2.3) and those that its place allows as well.
#[must_use]
pub fn encoded(text: &str, allowed: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || allowed.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{decoded, encoded};

    #[test]
    fn escapes_are_undone_by_decoding() {
        for text in ["a b/c?d#e%f", "ä\"<'>", "plain-._~"] {
            assert_eq!(decoded(&encoded(text, b"/")).as_deref(), Some(text));
        }
        assert!(!encoded("a\"b c?#", b"/").contains(['"', ' ', '?', '#']));
        assert_eq!(encoded("a:/b", b"/"), "a%3A/b");
    }

    #[test]
    fn what_is_half_an_escape_or_no_utf_8_is_nothing() {
        for text in ["%", "a%4", "%zz", "%+1", "%ff", "%c3%28"] {
            assert_eq!(decoded(text), None, "{text}");
        }
        assert_eq!(decoded("%41%c3%A4").as_deref(), Some("Aä"));
    }
}
