//! Progress and interruption of long work.

/// Sees the work go by and may ask it to stop; the library itself neither prints nor catches signals.
pub trait Progress: Sync {
    /// So many more bytes are done.
    fn advance(&self, bytes: u64);

    /// The work now consists of so many bytes in all.
    fn expect(&self, total: u64);

    /// True when the person wants the work to stop; asked at least once for every frame or mebibyte.
    fn is_stopped(&self) -> bool;

    /// Something that is allowed and that the operator should know; said once, beside the progress.
    fn note(&self, _text: &str) {}
}

/// Sees nothing and never stops.
#[derive(Debug, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _: u64) {}

    fn expect(&self, _: u64) {}

    fn is_stopped(&self) -> bool {
        false
    }
}
