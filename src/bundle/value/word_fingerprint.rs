//! Fingerprints that can be read aloud: ten words instead of 64 digits.

use super::ValueError;
use super::digest::Digest;
use std::fmt;
use std::str::FromStr;

/// The English list of BIP-39: 2,048 words of three to eight letters that differ in their first four.
const LIST: &str = include_str!("spoken.txt");

/// How many words a digest has: 110 bits, so that no one finds another document with the same ten.
const WORDS: u32 = 10;

/// Bits of a word: its number in the list.
const BITS: u32 = 11;

/// A digest as ten words: its first 110 bits, the highest first, 11 bits a word, each the number of a word in the
/// English list of BIP-39.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordFingerprint(pub Digest);

impl fmt::Display for WordFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let front = self.0.bytes().iter().take(16).fold(0, |front, byte| front << 8 | u128::from(*byte));
        for number in 1..=WORDS {
            let at = front >> (u128::BITS - BITS * number) & ((1 << BITS) - 1);
            let word = usize::try_from(at).ok().and_then(|at| LIST.lines().nth(at)).unwrap_or_default();
            let gap = if number > 1 { " " } else { "" };
            write!(f, "{gap}{word}")?;
        }
        Ok(())
    }
}

/// What the user typed to name a digest: all ten words, or all 64 digits; never a part of them.
///
/// ```
/// use sealift_bundle::value::{digest::Digest, word_fingerprint::{TypedFingerprint, WordFingerprint}};
/// let digest = Digest::of(b"abc");
/// assert_eq!(WordFingerprint(digest).to_string(), "risk scheme quiz bulk brother vivid agree chimney tattoo uniform");
/// let typed: TypedFingerprint = "  Risk scheme QUIZ bulk brother vivid agree chimney tattoo uniform".parse().unwrap();
/// assert!(typed.is_of(&digest) && !typed.is_of(&Digest::of(b"")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedFingerprint(String);

impl TypedFingerprint {
    /// Whether it names this digest.
    #[must_use]
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.0 == WordFingerprint(*digest).to_string() || self.0 == digest.hex()
    }
}

impl fmt::Display for TypedFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TypedFingerprint {
    type Err = ValueError;

    /// Capital letters, gaps between digits and more than one space between words are as users type.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |reason| ValueError::Spoken { found: text.to_owned(), reason };
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split_whitespace().collect();
        let digits = parts.concat();
        if Digest::from_hex(&digits).is_ok() {
            return Ok(Self(digits));
        }
        if let Some(stranger) = parts.iter().find(|part| LIST.lines().all(|word| word != **part)) {
            return Err(wrong(format!(
                "`{}` is not a word of the list",
                super::printable::Printable(stranger)
            )));
        }
        match u32::try_from(parts.len()) {
            Ok(WORDS) => Ok(Self(parts.join(" "))),
            _ => Err(wrong(format!("it has {} words", parts.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_that_of_bip_39() {
        let digest = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda";
        assert_eq!(Digest::of(LIST.as_bytes()).hex(), digest, "the english.txt of the BIP");
        assert_eq!(LIST.lines().count(), 1 << BITS);
    }

    #[test]
    fn words_are_the_first_110_bits() {
        let of = |hex: &str| WordFingerprint(Digest::from_hex(hex).unwrap()).to_string();
        assert_eq!(of(&"0".repeat(64)), ["abandon"; 10].join(" "));
        assert_eq!(of(&"f".repeat(64)), ["zoo"; 10].join(" "));
        // The 27 hexadecimal digits and two bits behind them are all that counts.
        assert_eq!(of(&format!("ffe{}", "0".repeat(61))), format!("zoo {}", ["abandon"; 9].join(" ")));
        assert_eq!(
            of(&format!("{}4{}", "0".repeat(27), "0".repeat(36))),
            format!("{} ability", ["abandon"; 9].join(" "))
        );
        assert_eq!(of(&format!("{}3{}", "0".repeat(27), "f".repeat(36))), ["abandon"; 10].join(" "));
    }

    #[test]
    fn all_of_it_or_nothing_is_typed() {
        let digest = Digest::of(b"root");
        let (words, hex) = (WordFingerprint(digest).to_string(), digest.hex());
        let groups: Vec<&str> = (0..16).map(|at| &hex[at * 4..at * 4 + 4]).collect();
        for good in [
            words.clone(),
            words.to_uppercase(),
            words.replace(' ', "  \t"),
            hex.clone(),
            hex.to_uppercase(),
            groups.join(" "),
        ] {
            assert!(good.parse::<TypedFingerprint>().unwrap().is_of(&digest), "{good}");
        }
        assert!(
            !WordFingerprint(Digest::of(b"")).to_string().parse::<TypedFingerprint>().unwrap().is_of(&digest)
        );
        let nine = words.rsplit_once(' ').unwrap().0;
        for bad in [
            "",
            " ",
            nine,
            &format!("{words} zoo"),
            &hex[..63],
            &format!("{hex}0"),
            &groups[..15].join(" "),
            &words.replacen(&words[..4], "xyzzy", 1),
        ] {
            assert!(bad.parse::<TypedFingerprint>().is_err(), "{bad}");
        }
    }
}
