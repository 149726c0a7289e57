//! A source directory, held open: everything in it is opened beneath its handle, and links are never followed.
//!
//! Anyone who can write to the directory can replace a part of it by a link between listing and reading (Z16). Opened
//! by path, such a link would lead to files that only the packer may read, and they would be sealed and shipped.

use super::context::{kind_of, not_a_file};
use super::error::PlanError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sealift_bundle::format::atomic_file::open_beneath;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

pub(super) struct Folder {
    /// As it was named, for messages.
    path: PathBuf,
    handle: OwnedFd,
}

/// Something that was listed in a directory.
pub(super) struct FoundEntry<'a> {
    /// Its path, relative to the directory that is walked.
    pub(super) inner: &'a Path,
    pub(super) kind: FileType,
    /// Bytes of a regular file.
    pub(super) size: u64,
    parent: &'a OwnedFd,
}

impl Folder {
    /// Opens the directory at `path`; the path itself may lead over links, because the user named it.
    pub(super) fn open(path: &Path) -> Result<Self, PlanError> {
        Ok(Self { path: path.to_owned(), handle: open_folder(path)? })
    }

    /// Where something in it is, for messages.
    pub(super) fn shown(&self, inner: &Path) -> PathBuf {
        self.path.join(inner)
    }

    /// Opens a regular file in it.
    pub(super) fn file(&self, inner: &Path) -> Result<(File, Stat), PlanError> {
        regular_beneath(&self.handle, inner, || self.shown(inner))
    }

    /// Shows everything in it to `visit`, a directory before what is in it; what `visit` does not enter is left out.
    pub(super) fn walk(
        &self,
        visit: &mut dyn FnMut(&FoundEntry<'_>) -> Result<bool, PlanError>,
    ) -> Result<(), PlanError> {
        let mut pending = vec![PathBuf::new()];
        while let Some(below) = pending.pop() {
            let failed = |error: Errno| match error {
                Errno::LOOP => not_a_file(&self.shown(&below), error),
                error => PlanError::read(&self.shown(&below), error.into()),
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let name = if below.as_os_str().is_empty() { Path::new(".") } else { &below };
            let parent = open_beneath(&self.handle, name, flags).map_err(failed)?;
            let mut names = Vec::new();
            for entry in Dir::read_from(&parent).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name().to_owned().into_bytes();
                if !matches!(name.as_slice(), b"." | b"..") {
                    names.push(OsString::from_vec(name));
                }
            }
            names.sort_unstable();
            for name in names {
                let inner = below.join(&name);
                let stat = rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(|error| PlanError::read(&self.shown(&inner), error.into()))?;
                let kind = FileType::from_raw_mode(stat.st_mode);
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                let enter = visit(&FoundEntry { inner: &inner, kind, size, parent: &parent })?;
                if enter && kind.is_dir() {
                    pending.push(inner);
                }
            }
        }
        Ok(())
    }
}

/// A handle of the directory at `path`, which may lead over links.
pub(super) fn open_folder(path: &Path) -> Result<OwnedFd, PlanError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(path, flags, Mode::empty());
    handle.map_err(|error| PlanError::read(path, error.into()))
}

/// Opens a regular file beneath a directory; `shown` is in place, for messages.
pub(super) fn regular_beneath(
    folder: impl AsFd,
    inner: &Path,
    shown: impl Fn() -> PathBuf,
) -> Result<(File, Stat), PlanError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match open_beneath(folder, inner, flags) {
        Ok(file) => File::from(file),
        Err(error) => return Err(not_a_file(&shown(), error)),
    };
    let found = rustix::fs::fstat(&file).map_err(|error| PlanError::read(&shown(), error.into()))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok((file, found)),
        other => Err(PlanError::Type { path: shown(), found: kind_of(other) }),
    }
}

impl FoundEntry<'_> {
    /// Where a symbolic link leads.
    pub(super) fn target(&self) -> Result<OsString, Errno> {
        let name = self.inner.file_name().unwrap_or_default();
        Ok(OsString::from_vec(rustix::fs::readlinkat(self.parent, name, Vec::new())?.into_bytes()))
    }
}
