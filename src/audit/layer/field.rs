//! Fields of a header, as `reader.go` of Go's `archive/tar` reads them.

use super::stream::BLOCK;

/// A number: octal digits between zeros and spaces, where nothing stands for 0, or base 256 behind a high bit.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // A negative number is written as the complement of what it lacks to -1.
            let inverted = if first & 0x40 == 0 { 0 } else { 0xff };
            let number = rest.iter().try_fold(i64::from((first ^ inverted) & 0x7f), |number, byte| {
                number.checked_mul(256).map(|number| number | i64::from(byte ^ inverted))
            })?;
            Some(if inverted == 0 { number } else { !number })
        }
        _ => octal(field),
    }
}

/// A number that is in octal digits.
pub(super) fn octal(field: &[u8]) -> Option<i64> {
    let is_filled = |byte: &u8| !matches!(byte, 0 | b' ');
    let (Some(start), Some(last)) = (field.iter().position(is_filled), field.iter().rposition(is_filled))
    else {
        return Some(0);
    };
    let digits = string(field.get(start..=last)?);
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    i64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// What precedes the first zero.
pub(super) fn string(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name that a header has by itself, with its prefix where the format has one.
pub(super) fn name(block: &[u8; BLOCK]) -> Vec<u8> {
    let at = |start: usize, end: usize| block.get(start..end).unwrap_or_default();
    let time_is_wrong = |field: &[u8]| field.first() != Some(&0) && number(field).is_none();
    let prefix = match (at(257, 263), at(263, 265)) {
        (b"ustar\0", _) if at(508, 512) == b"tar\0" => string(at(345, 476)),
        (b"ustar\0", _) => string(at(345, 500)),
        // Old versions of Go wrote a prefix where GNU has times.
        (b"ustar ", b" \0") if time_is_wrong(at(345, 357)) || time_is_wrong(at(357, 369)) => {
            Some(string(at(345, 500))).filter(|prefix| prefix.is_ascii()).unwrap_or_default()
        }
        _ => b"",
    };
    let name = string(at(0, 100));
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

/// The numbers of a device; headers older than POSIX have none.
pub(super) fn device(block: &[u8; BLOCK]) -> Option<(i64, i64)> {
    match block.get(257..265)? {
        [b'u', b's', b't', b'a', b'r', 0, ..] | b"ustar  \0" => {
            Some((number(block.get(329..337)?)?, number(block.get(337..345)?)?))
        }
        _ => Some((0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_go_reads() {
        for (field, read) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 644 \0 \0", Some(0o644)),
            (b"\0\0\0", Some(0)),
            (b"  ", Some(0)),
            (b"", Some(0)),
            (b"\0 12", Some(0o12)),
            (b"12\x003", Some(0o12)),
            (b"8", None),
            (b"+7", None),
            (b"-1", None),
            (b"1 2", None),
            (b"\x80\0\0\0\0\0\0\x07", Some(7)),
            (b"\x80\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\xff\xff\xff\xff", Some(-1)),
            (b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", Some(i64::MIN)),
        ] {
            assert_eq!(number(field), read, "{field:?}");
        }
        assert_eq!(octal(b"\x80\x01"), None);
    }
}
