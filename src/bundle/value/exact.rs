//! Numbers in signed documents: at most 2^53 - 1, because not every JSON reader keeps larger ones exact (FORMAT.md, 1).

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

const MAX: u64 = (1 << 53) - 1;

/// For `deserialize_with`: a number that every JSON reader keeps exact.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > MAX {
        return Err(D::Error::invalid_value(Unexpected::Unsigned(number), &"a number of at most 2^53 - 1"));
    }
    Ok(number)
}

/// For `deserialize_with`: the same where the number may be absent.
pub fn deserialize_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserialize(deserializer).map(Some)
}
