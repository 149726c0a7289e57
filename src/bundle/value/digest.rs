//! SHA-256 digests and the one way to compute them.

use super::{ValueError, serde_as_text};
use sha2::Digest as _;
use std::fmt;
use std::io;
use std::str::FromStr;

/// The SHA-256 (FIPS 180-4) of some bytes; written `sha256:` and 64 lower-case hexadecimal digits,
/// as in the OCI image specification.
///
/// There is no default, no empty and no shortened digest, and no other algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes held in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 hexadecimal digits alone, as in blob file names and `SHA256SUMS`.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// A digest from its 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Digest(text.to_owned());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair
                .iter()
                .try_fold(0, |value, digit| Some(value << 4 | nibble(*digit)?))
                .ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }

    /// The first twelve digits, for users to recognise a digest by; never an identity.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.hex();
        text.truncate(12);
        text
    }

    /// The digest as it is in a set or a key: 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Lower-case hexadecimal digits of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_prefix("sha256:").ok_or_else(|| ValueError::Digest(text.to_owned()))?;
        Self::from_hex(digits).map_err(|_| ValueError::Digest(text.to_owned()))
    }
}

serde_as_text!(Digest);

/// For fields named `sha256`, which hold the bare digits: `#[serde(with = "bare")]`.
pub mod bare {
    use super::Digest;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::borrow::Cow;

    /// Writes the 64 digits.
    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    /// Reads the 64 digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Digest::from_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// SHA-256 of bytes that come in pieces; counts them too.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    count: u64,
}

impl Hasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.count += bytes.len() as u64;
    }

    /// How many bytes it has seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest of all bytes seen.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.state.finalize().into())
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_and_round_trip() {
        let digest = Digest::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<Digest>(), Ok(digest));
    }

    #[test]
    fn j21_other_algorithms_cases_and_lengths_are_refused() {
        let good = Digest::of(b"").hex();
        for text in [
            format!("md5:{}", &good[..32]),
            format!("sha512:{good}{good}"),
            format!("sha256:{}", good.to_uppercase()),
            format!("sha256:{}", &good[..63]),
            format!("sha256:{good}0"),
            format!("SHA256:{good}"),
            good.clone(),
            "sha256:../../x".to_owned(),
            String::new(),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
