//! Classifies a file of an archive by its content: another archive, or a file to submit.

use super::super::super::analysis::class::{Archive, FileClass, HEAD};

/// An archive that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Openable {
    Gzip,
    Zstd,
    Tar,
    Zip,
    Ar,
}

/// What a leaf is to us.
pub(super) enum ArchiveKind {
    Nothing,
    Archive(Openable),
    /// An archive that is not opened.
    Closed(&'static str),
}

impl ArchiveKind {
    /// What begins with these bytes; [`HEAD`] of them are enough.
    pub(super) fn of(head: &[u8]) -> Self {
        match FileClass::of(head.get(..HEAD).unwrap_or(head)) {
            FileClass::Archive(Archive::Gzip) => Self::Archive(Openable::Gzip),
            FileClass::Archive(Archive::Zstd) => Self::Archive(Openable::Zstd),
            FileClass::Archive(Archive::Tar) => Self::Archive(Openable::Tar),
            FileClass::Archive(Archive::Zip) => Self::Archive(Openable::Zip),
            FileClass::Archive(Archive::Ar) => Self::Archive(Openable::Ar),
            FileClass::Archive(
                archive @ (Archive::Bzip2
                | Archive::Xz
                | Archive::SevenZip
                | Archive::Cpio
                | Archive::Rpm
                | Archive::Squashfs),
            ) => Self::Closed(archive.as_str()),
            _ if is_old_tar(head) => Self::Archive(Openable::Tar),
            _ => Self::Nothing,
        }
    }
}

/// A tar of before POSIX has no mark, and a checksum.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512).filter(|block| block.first().is_some_and(|byte| *byte != 0)) else {
        return false;
    };
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    tar::Header::from_byte_slice(block).cksum().is_ok_and(|stated| stated == sum)
}
