//! Marks of a blob that is read twice, so that the second read returns only what the first one hashed.

use super::error::BundleError;
use super::member_reader::bytes_at;
use crate::value::digest::Hasher;
use std::fs::File;

/// Bytes between two marks of a blob of ordinary size.
pub(super) const STEP: u64 = 256 << 10;
/// Marks of one blob, some 30 MB: blobs above 64 GiB get longer steps.
const MARKS: u64 = 1 << 18;

/// The states that the hash of a blob had at every step while all of it was read and compared with its digest.
///
/// With them, each piece of the blob can be checked when it is read again. The file may be rewritten at any time, so a
/// digest that was right a moment ago says nothing about the bytes that a second reading gives.
#[derive(Clone)]
pub(crate) struct Marks {
    step: u64,
    size: u64,
    states: Vec<Hasher>,
}

impl Marks {
    /// For a blob of so many bytes, of which none was read.
    pub(super) fn new(size: u64) -> Self {
        Self { step: Self::step(size), size, states: vec![Hasher::new()] }
    }

    /// Keeps the state of the hash where a step or the blob ends.
    pub(super) fn note(&mut self, state: &Hasher) {
        if state.count().is_multiple_of(self.step) || state.count() == self.size {
            self.states.push(state.clone());
        }
    }

    fn step(size: u64) -> u64 {
        size.div_ceil(MARKS).checked_next_power_of_two().map_or(u64::MAX, |step| step.max(STEP))
    }

    /// The state before the byte `at`, which begins a step or is the end.
    fn state(&self, at: u64) -> Option<Hasher> {
        let number = usize::try_from(at.div_ceil(self.step)).ok()?;
        self.states.get(number).filter(|state| state.count() == at).cloned()
    }

    /// Reads the rest of the step that the byte `at` is in again; only bytes that were hashed before come out.
    pub(crate) fn read_again(
        &self,
        file: &File,
        name: &str,
        offset: u64,
        at: u64,
    ) -> Result<Vec<u8>, BundleError> {
        if at >= self.size {
            return Ok(Vec::new());
        }
        let start = at - at % self.step;
        let end = start.saturating_add(self.step).min(self.size);
        let changed = || BundleError::Changed { member: name.to_owned() };
        let (mut found, expected) = self.state(start).zip(self.state(end)).ok_or_else(changed)?;
        let mut bytes = bytes_at(file, name, offset.saturating_add(start), end - start)?;
        found.update(&bytes);
        if found.finish() != expected.finish() {
            return Err(changed());
        }
        bytes.drain(..usize::try_from(at - start).unwrap_or(usize::MAX).min(bytes.len()));
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::member_reader::marked;
    use crate::value::digest::Digest;
    use crate::value::progress::NoProgress;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn f_sec_08_a_second_reading_gives_what_the_first_one_hashed() {
        let step = usize::try_from(STEP).unwrap();
        let file = tempfile::tempfile().unwrap();
        for size in [0, 1, step - 1, step, step + 1, 4 * step, 4 * step + 3] {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            file.write_all_at(&bytes, 100).unwrap();
            let each = |_: &[u8]| Ok::<_, BundleError>(());
            let size = size as u64;
            let marks = marked(&file, "it", 100, size, Digest::of(&bytes), &NoProgress, each).unwrap();
            let mut again = Vec::new();
            while again.len() < bytes.len() {
                again.extend(marks.read_again(&file, "it", 100, again.len() as u64).unwrap());
            }
            assert_eq!(again, bytes);
            assert!(marks.read_again(&file, "it", 100, size).unwrap().is_empty());
            for at in [0, 1, step / 2, step, step + 1].map(|at| at as u64).into_iter().filter(|at| *at < size)
            {
                let index = usize::try_from(at).unwrap();
                let found = marks.read_again(&file, "it", 100, at).unwrap();
                assert_eq!(found, bytes[index..][..found.len()], "{at} of {size}");
                // Another byte of the same step, also one that was not asked for.
                let other = at - at % STEP;
                let was = bytes[usize::try_from(other).unwrap()];
                file.write_all_at(&[!was], 100 + other).unwrap();
                let error = marks.read_again(&file, "it", 100, at).unwrap_err();
                assert!(matches!(error, BundleError::Changed { .. }), "{error}");
                file.write_all_at(&[was], 100 + other).unwrap();
            }
        }
    }

    #[test]
    fn steps_grow_with_the_blob_and_marks_do_not() {
        assert_eq!(Marks::step(0), STEP);
        assert_eq!(Marks::step(64 << 30), STEP);
        for size in [(64 << 30) + 1, 1 << 40, (1 << 53) - 1] {
            let step = Marks::step(size);
            assert!(step.is_multiple_of(STEP) && size.div_ceil(step) <= MARKS, "{size}: {step}");
        }
        assert_eq!(Marks::step(u64::MAX) % STEP, 0);
    }
}
