//! `ar`, as packages of Debian and static libraries are (ar(5)).

use super::super::super::layer::text;
use std::io::{self, Read};

/// Bytes of the mark that an `ar` begins with.
const MARK: u64 = 8;
/// Bytes in front of each member.
const HEADER: usize = 60;

/// An `ar` that is read from front to back: a mark, then members, each of a header, the content, and a byte where that
/// is odd.
///
/// Reading gives the content of the member that [`Ar::next`] came to.
pub(super) struct Ar<R> {
    source: R,
    /// Bytes of the member that were not read.
    left: u64,
    /// Bytes behind the member, in front of the next header.
    gap: u64,
    /// Members so far.
    number: u64,
}

/// A member of an `ar`.
pub(super) struct ArMember {
    pub(super) name: String,
    pub(super) size: u64,
}

impl<R: Read> Ar<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, left: 0, gap: MARK, number: 0 }
    }

    /// The next member, if there is one. An error is one of the source, or says what is damaged.
    pub(super) fn next(&mut self) -> io::Result<Option<ArMember>> {
        let damaged = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let cut = "it ends in the middle of a member";
        io::copy(self, &mut io::sink())?;
        if self.left > 0 {
            return damaged(cut);
        }
        io::copy(&mut Read::take(&mut self.source, self.gap), &mut io::sink())?;
        let mut header = Vec::new();
        Read::take(&mut self.source, HEADER as u64).read_to_end(&mut header)?;
        let (name, size) = match (header.len(), header.get(..16), header.get(48..58), header.get(58..)) {
            (0, ..) => return Ok(None),
            (HEADER, Some(name), Some(size), Some(b"`\n")) => (name, std::str::from_utf8(size)),
            (HEADER, ..) => return damaged("a header is none"),
            _ => return damaged(cut),
        };
        let Some(size) = size.ok().and_then(|size| size.trim_end().parse::<u64>().ok()) else {
            return damaged("the size of a member is not a number");
        };
        self.number += 1;
        (self.left, self.gap) = (size, size % 2);
        // Long names lie elsewhere in the archive; the number tells members apart.
        let name = format!("{}:{}", self.number, text(name).trim_end_matches([' ', '/']));
        Ok(Some(ArMember { name, size }))
    }
}

impl<R: Read> Read for Ar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = Read::take(&mut self.source, self.left).read(buffer)?;
        self.left -= count as u64;
        Ok(count)
    }
}
