//! Canonical JSON: documents with exactly one encoding.

use super::escaped::escape_json;
use serde::{Serialize, de::DeserializeOwned};

/// A document that is not in its canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// Longer than its limit; nothing was parsed.
    #[error("it has {found} bytes, the limit is {limit}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not JSON of the expected shape.
    #[error("it is not JSON of the expected shape: {0}")]
    Shape(#[source] serde_json::Error),
    /// JSON of the right shape, spelled differently.
    #[error("it is not in canonical form: byte {at} differs from what writing it again gives")]
    Spelling {
        /// Offset of the first byte that differs.
        at: usize,
    },
}

/// Writes a document in its canonical form: compact JSON, keys in the order of the type, absent keys left out.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    serde_json::to_vec(value).map_err(CanonicalError::Shape)
}

/// The canonical form of a document that users open as it is: what [`escape_json`] escapes is escaped in it.
pub fn encode_escaped<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let text = serde_json::to_string(value).map_err(CanonicalError::Shape)?;
    Ok(escape_json(&text).into_bytes())
}

/// Reads what [`encode_escaped`] writes, and no other spelling of it.
pub fn decode_escaped<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    limit: u64,
) -> Result<T, CanonicalError> {
    decode_as(bytes, limit, encode_escaped)
}

/// Reads a document that must be in its canonical form.
///
/// Writing it again must give the identical bytes. That one rule refuses doubled keys (of which
/// `serde_json` silently keeps the last in maps), arrays in place of objects (which serde accepts for
/// structs), unknown keys, `1.0` for `1`, other escapes, other order, white space, a byte order mark, and
/// anything before or behind the document.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, CanonicalError> {
    decode_as(bytes, limit, encode)
}

fn decode_as<T: DeserializeOwned>(
    bytes: &[u8],
    limit: u64,
    encode: impl Fn(&T) -> Result<Vec<u8>, CanonicalError>,
) -> Result<T, CanonicalError> {
    let found = bytes.len() as u64;
    if found > limit {
        return Err(CanonicalError::Length { found, limit });
    }
    let value: T = serde_json::from_slice(bytes).map_err(CanonicalError::Shape)?;
    let again = encode(&value)?;
    if again == bytes {
        return Ok(value);
    }
    let at = again.iter().zip(bytes).take_while(|(one, other)| one == other).count();
    Err(CanonicalError::Spelling { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        a: u64,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        map: BTreeMap<String, String>,
    }

    #[test]
    fn one_spelling_only() {
        assert!(decode::<Sample>(br#"{"a":1}"#, 100).is_ok());
        assert!(decode::<Sample>(br#"{"a":1,"map":{"k":"v"}}"#, 100).is_ok());
        for (case, text) in [
            ("J01 doubled key", r#"{"a":1,"a":1}"#),
            ("J02 doubled key in a map", r#"{"a":1,"map":{"k":"v","k":"v"}}"#),
            ("J03 doubled key by escape", r#"{"a":1,"\u0061":1}"#),
            ("J03 escaped key", r#"{"\u0061":1}"#),
            ("J04 array for a struct", "[1]"),
            ("J05 unknown key", r#"{"a":1,"b":2}"#),
            ("J07 trailing bytes", "{\"a\":1}\n"),
            ("J07 two documents", r#"{"a":1}{"a":1}"#),
            ("J07 byte order mark", "\u{feff}{\"a\":1}"),
            ("J09 exponent", r#"{"a":1e0}"#),
            ("J09 fraction", r#"{"a":1.0}"#),
            ("J09 minus zero", r#"{"a":-0}"#),
            ("J09 2^64", r#"{"a":18446744073709551616}"#),
            ("J10 lone surrogate", r#"{"a":1,"map":{"k":"\ud800"}}"#),
            ("white space", r#"{"a": 1}"#),
            ("empty map", r#"{"a":1,"map":{}}"#),
            ("null", r#"{"a":null}"#),
        ] {
            assert!(decode::<Sample>(text.as_bytes(), 100).is_err(), "{case}");
        }
        assert!(decode::<Sample>(b"{\"a\":1,\"map\":{\"k\":\"\xff\"}}", 100).is_err(), "J10 invalid UTF-8");
    }

    #[test]
    fn j08_j11_limits_come_before_parsing() {
        let deep = "[".repeat(100_000);
        assert!(matches!(decode::<Sample>(deep.as_bytes(), 1000), Err(CanonicalError::Length { .. })));
        assert!(matches!(decode::<Sample>(deep.as_bytes(), 1 << 20), Err(CanonicalError::Shape(_))));
    }
}
