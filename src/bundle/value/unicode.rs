//! Unicode 15.0: the characters that paths may have, and which paths are equal where case and form are ignored.
//!
//! The version is part of the format (FORMAT.md, 6.3), so that no verdict depends on the compiler that built the
//! reader. Normalization and case pairs of assigned characters never change (Unicode's stability policies), so it is
//! enough to reject characters that 15.0 does not have.

use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization as _;

/// Ranges of code points, hexadecimal and ascending: all that `DerivedAge.txt` of Unicode 15.0.0 lists, without
/// surrogates and noncharacters.
const ASSIGNED: &str = include_str!("unicode-15.0.txt");

/// Whether Unicode 15.0 has the character; private use counts, noncharacters do not.
#[must_use]
pub(crate) fn is_assigned(character: char) -> bool {
    static RANGES: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
    if character.is_ascii() {
        return true;
    }
    let ranges = RANGES.get_or_init(ranges);
    let code = u32::from(character);
    let behind = ranges.partition_point(|(first, _)| *first <= code);
    behind.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| code <= *last)
}

fn ranges() -> Vec<(u32, u32)> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((number(first)?, number(last)?))
    };
    ASSIGNED.split_whitespace().filter_map(range).collect()
}

/// What a path becomes on a file system that ignores case and Unicode form; two paths with equal keys are one file there
/// (APFS, NTFS, FAT, and directories of ext4 made with `casefold`).
#[must_use]
pub fn collision_key(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    // Upper case first: it is the full mapping (ß to SS, ﬁ to FI), and lower case then meets equal text. Character by
    // character: what `str::to_lowercase` makes of a sigma depends on the letters around it.
    path.nfd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::{collision_key, is_assigned, ranges};

    #[test]
    fn f_fmt_3_6_the_table_is_unicode_15_0() {
        let ranges = ranges();
        assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "ascending, with gaps");
        // Graphic and format characters of 15.0, controls, private use.
        let count: u32 = ranges.iter().map(|(first, last)| last - first + 1).sum();
        assert_eq!(count, 149_186 + 65 + 137_468);
        for new in ['\u{1fae8}', '\u{31350}', '\u{e000}', 'a', 'é', '\u{1f600}'] {
            assert!(is_assigned(new), "{new:?}");
        }
        // 15.1, 16.0, 17.0, a noncharacter, never assigned.
        for later in ['\u{2ffc}', '\u{a7dc}', '\u{1c89}', '\u{a7d2}', '\u{fdd0}', '\u{0378}', '\u{10ffff}'] {
            assert!(!is_assigned(later), "{later:?}");
        }
    }

    #[test]
    fn f_fmt_3_6_the_tables_of_compiler_and_crate_are_not_older() {
        assert!(char::UNICODE_VERSION >= (15, 0, 0));
        assert!(unicode_normalization::UNICODE_VERSION >= (15, 0, 0));
    }

    #[test]
    fn p19_twins_on_other_file_systems_have_one_key() {
        for (one, other) in [("README", "readme"), ("é", "e\u{301}"), ("straße", "STRASSE"), ("Σας", "σασ")]
        {
            assert_eq!(collision_key(one), collision_key(other), "{one} {other}");
        }
        // U+019B is as old as Unicode itself, and Unicode 16.0 gave it a capital letter.
        assert_eq!(collision_key("\u{19b}"), "\u{19b}");
    }
}
