//! Suggests the known word that an unknown one probably meant.

/// The closest of the known words, where it is close: at most two changes away, or a third of its letters.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|known| (strsim::damerau_levenshtein(word, known), known));
    let (distance, known) = distances.min()?;
    let letters = known.chars().count();
    (distance <= 2.max(letters / 3) && distance < letters).then_some(known)
}

/// ``did you mean `WORD`?``, where a known word is close.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, known).map(|known| format!("did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::{closest, did_you_mean};

    #[test]
    fn a_word_is_suggested_only_when_it_is_close() {
        let known = ["bundle", "image", "doc", "id"];
        for (word, found) in [
            ("imagee", Some("image")),
            ("bundel", Some("bundle")),
            ("dco", Some("doc")),
            ("parameters", None),
            ("xy", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), found, "{word}");
        }
        assert_eq!(closest("a", []), None);
        assert_eq!(did_you_mean("imgae", known).as_deref(), Some("did you mean `image`?"));
    }
}
