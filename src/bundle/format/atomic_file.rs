//! Files that appear at their final name completely or not at all.

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The temporary name of a file that is being written; dropping it removes the file, unless that was renamed.
pub(crate) struct UnfinishedFile(pub(crate) PathBuf);

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        // After a rename the name is free, or another process has claimed it and holds its lock.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens a regular file for reading, without following a link at its end and without waiting for a FIFO's writer.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(io::ErrorKind::InvalidInput)) }
}

/// Opens what is at a relative path beneath an open directory. No component of the path may be a link, so the result
/// is beneath that directory even when someone swaps a part of the path for a link at this moment.
pub fn open_beneath(folder: impl AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let folder = folder.as_fd();
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(folder, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, and sandboxes that do not know the call: component by component.
        Err(Errno::NOSYS | Errno::PERM) => open_each(folder, path, flags),
        other => other,
    }
}

fn open_each(folder: std::os::fd::BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name());
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(folder, ".", step, Mode::empty())?;
    for component in parent.components() {
        let name = match component {
            std::path::Component::Normal(name) => name,
            std::path::Component::CurDir => continue,
            _ => return Err(Errno::XDEV),
        };
        at = rustix::fs::openat(&at, name, step, Mode::empty())?;
    }
    rustix::fs::openat(&at, name.unwrap_or(".".as_ref()), flags, Mode::empty())
}

/// Opens a regular file at an absolute path on which no component is a link, without waiting for a FIFO's writer.
///
/// For files whose path was resolved before: a directory that is swapped for a link later leads nowhere.
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    let opened = match path.strip_prefix("/") {
        Ok(below) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = rustix::fs::open("/", flags, Mode::empty())?;
            open_beneath(root, below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
        }
        Err(_) => open_beneath(CWD, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY),
    };
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => {
            let reason = "it is a symbolic link, or lies behind one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(io::ErrorKind::InvalidInput)) }
}

/// The bytes of a small regular file; one more than the limit at most, so that what is too long is noticed.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Moves `from` to `to`, which must not exist; both are in the same directory.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems without the flag (some network ones): the check and the move are two steps there.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_err() => std::fs::rename(from, to),
        Err(Errno::INVAL | Errno::NOSYS) => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
        other => Ok(other?),
    }
}

/// Asks the disk to begin writing what was just written, so that the sync at the end has little left to do.
pub(crate) fn begin_writing(file: &File, offset: u64, len: u64) {
    // On Linux this advice starts the writing of dirty pages at once; clean ones there are none yet. It is advice:
    // where it is not taken, the sync takes longer.
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
}

/// Writes a file in one go and onto the disk, to a name that is not taken, or leaves nothing.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_folder(folder_of(path)));
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Replaces a file in one step; anyone who reads it sees the old or the new.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = Path::new(&temporary);
    // What a killed process left behind.
    let _ = std::fs::remove_file(temporary);
    write_new(temporary, bytes, 0o644)?;
    std::fs::rename(temporary, path)?;
    sync_folder(folder_of(path))
}

/// Writes what someone asked to have at `path`: a file is replaced in one step, also behind a link; devices and pipes like
/// `/dev/stdout` are written to, and stay what they are.
pub fn write_out(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if found.is_file() => replace(&path.canonicalize()?, bytes),
        Ok(_) => OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, bytes),
        Err(error) => Err(error),
    }
}

/// The directory that a path is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename in `folder` last through a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates `path`, or takes over what a killed process left there, and holds it locked: nothing when another
/// process has it.
pub(crate) fn claim(path: &Path) -> io::Result<Option<File>> {
    loop {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            other => other?,
        }
        // Between opening and locking, its owner may have moved it to its final name.
        let same = path
            .symlink_metadata()
            .is_ok_and(|now| file.metadata().is_ok_and(|held| held.ino() == now.ino()));
        if same {
            file.set_len(0)?;
            return Ok(Some(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::FileType;
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    #[test]
    fn f_sec_03_nothing_is_opened_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("d/e")).unwrap();
        std::fs::write(at("d/e/f"), "x").unwrap();
        symlink("d", at("l")).unwrap();
        symlink("f", at("d/e/g")).unwrap();
        assert!(open_unlinked(&at("d/e/f")).is_ok());
        let root = rustix::fs::open(folder.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        for (path, expected) in [
            ("d/e/f", Ok(())),
            ("l/e/f", Err(Errno::LOOP)),
            ("d/e/g", Err(Errno::LOOP)),
            ("../f", Err(Errno::XDEV)),
        ] {
            let path = Path::new(path);
            assert_eq!(open_beneath(&root, path, OFlags::RDONLY).map(drop), expected, "{path:?}");
            // Without the system call, a link for a directory is seen as no directory.
            assert_eq!(
                open_each(root.as_fd(), path, OFlags::RDONLY | OFlags::NOFOLLOW).is_ok(),
                expected.is_ok()
            );
        }
        for path in ["l/e/f", "d/e/g", "d/e"] {
            assert_eq!(open_unlinked(&at(path)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
        }
    }

    #[test]
    fn what_is_no_file_stays_what_it_is_when_it_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // A pipe, as `/dev/stdout` is one, and by a link, as that is one too.
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        symlink("pipe", at("to-pipe")).unwrap();
        for name in ["pipe", "to-pipe"] {
            let pipe = at("pipe");
            let reader = std::thread::spawn(move || std::fs::read(pipe).unwrap());
            write_out(&at(name), b"content").unwrap();
            assert_eq!(reader.join().unwrap(), b"content");
            assert!(at("pipe").symlink_metadata().unwrap().file_type().is_fifo());
        }
        std::fs::write(at("file"), "old").unwrap();
        symlink("file", at("to-file")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        for name in ["new", "file", "to-file", "dangling"] {
            write_out(&at(name), name.as_bytes()).unwrap();
            assert_eq!(std::fs::read(at(name)).unwrap(), name.as_bytes());
        }
        assert!(at("to-file").symlink_metadata().unwrap().is_symlink());
        assert!(write_out(folder.path(), b"").is_err());
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["dangling", "file", "new", "pipe", "to-file", "to-pipe"]);
    }
}
