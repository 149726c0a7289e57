//! Byte counts in human-readable form.

use std::fmt;

/// A number of bytes; shown in powers of 1024 (`3.2 MiB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let text = match units.iter().find(|(_, shift)| self.0 >> shift > 0) {
            Some((unit, shift)) => {
                let tenths = (u128::from(self.0) * 10) >> shift;
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            }
            None => format!("{} B", self.0),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn units_are_powers_of_1024() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_677_722, "1.6 MiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>8}", ByteSize(7)), "     7 B");
    }
}
