//! Patterns for origins, paths and names: `*` matches any characters, everything else matches itself.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern(String);

impl NamePattern {
    /// Takes a pattern as it is written.
    #[must_use]
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the whole text fits.
    ///
    /// The pieces between stars are looked for one behind the other, so that the time grows with the text alone.
    #[must_use]
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::NamePattern;

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_does() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("oci:quay.io/*", "oci:quay.io/x/y:1", true),
            ("oci:quay.io/*", "oci:quay.io.evil/x", false),
            ("*/usr/bin/su", "web/usr/bin/su", true),
            ("*/usr/bin/su", "web/usr/bin/sudo", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a.b.b.c", true),
            ("a*b*c", "a.c.b", false),
            ("a.c", "abc", false),
            ("a?", "ab", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(NamePattern::new(pattern).matches(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let (pattern, text) = ("a*".repeat(2000), "a".repeat(20_000));
        assert!(!NamePattern::new(&(pattern + "b")).matches(&text));
    }
}
