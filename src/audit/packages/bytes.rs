//! Reads numbers and slices at an offset of untrusted bytes.

/// What is said of bytes that end before what they announce.
pub(super) const CUT: &str = "it ends before what it announces";

/// `size` bytes from `at` on.
pub(super) fn part(bytes: &[u8], at: usize, size: usize) -> Result<&[u8], String> {
    at.checked_add(size).and_then(|end| bytes.get(at..end)).ok_or_else(|| CUT.to_owned())
}

/// Bytes of a fixed number from `at` on.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    part(bytes, at, N)?.try_into().map_err(|_| CUT.to_owned())
}

/// One byte.
pub(super) fn byte(bytes: &[u8], at: usize) -> Result<u8, String> {
    bytes.get(at).copied().ok_or_else(|| CUT.to_owned())
}

/// Which end of a number stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// A number of two bytes.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Result<u16, String> {
        let bytes = array(bytes, at)?;
        Ok(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    /// A number of four bytes.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Result<u32, String> {
        let bytes = array(bytes, at)?;
        Ok(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    /// A number of four bytes that is an offset, a size or a count.
    pub(super) fn length(self, bytes: &[u8], at: usize) -> Result<usize, String> {
        usize::try_from(self.u32(bytes, at)?).map_err(|_| CUT.to_owned())
    }

    /// A number of eight bytes.
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Result<u64, String> {
        let bytes = array(bytes, at)?;
        Ok(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// Bytes that may still be read. A file whose parts lie over one another announces more bytes than it has.
pub(super) struct Budget(usize);

impl Budget {
    /// As many as the file has.
    pub(super) const fn of(bytes: &[u8]) -> Self {
        Self(bytes.len())
    }

    /// Takes `size` away.
    pub(super) fn spend(&mut self, size: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(size).ok_or("its parts lie over one another")?;
        Ok(())
    }
}
