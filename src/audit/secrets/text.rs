//! Text in the encodings that configuration files have.

/// The text of a file: UTF-8, or UTF-16 with a mark, which the registry editor of Windows writes.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Option<String> {
    let decode = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes.get(2..)?.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(from).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => decode(u16::from_le_bytes),
        [0xfe, 0xff, ..] => decode(u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}
