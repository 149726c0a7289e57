//! A private directory beside the target, which becomes the target in one rename.

use super::SiteError;
use super::ownership::refuse_unsafe_parent;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, StatVfs};
use rustix::io::Errno;
use sealift_bundle::format::atomic_file::{self, folder_of};
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::rel_path::RelPath;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// An exclusive directory beside the target, held by its handle; everything is written beneath that handle.
///
/// Dropping it without [`Staging::publish`] removes all of it. After a `kill -9` it is left behind, and the next one
/// to the same target clears it away.
pub(crate) struct Staging {
    root: OwnedFd,
    path: PathBuf,
    target: PathBuf,
    readers: Readers,
    published: bool,
    /// Set once the file system has shown that it has no reflinks.
    no_reflink: AtomicBool,
}

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Everybody on this machine: the tree has the modes with which it was packed, whatever the umask is.
    All,
    /// Its owner alone: it was encrypted on its way here.
    Owner,
}

/// What a file system has left for anyone who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeSpace {
    pub(super) bytes: u64,
    /// Inodes, where their number is fixed.
    pub(super) inodes: Option<u64>,
    pub(super) block: u64,
}

impl FreeSpace {
    pub(super) fn of(vfs: &StatVfs) -> Self {
        Self {
            bytes: vfs.f_bavail.saturating_mul(vfs.f_frsize),
            // File systems without a fixed number of inodes say 0 of 0.
            inodes: (vfs.f_files > 0).then_some(vfs.f_favail),
            block: vfs.f_frsize,
        }
    }

    /// Bytes that so many files with so many bytes take here.
    pub(super) fn needed(&self, bytes: u64, files: u64) -> u64 {
        // Each file may leave most of its last block unused, and each directory takes one.
        bytes.saturating_add(files.saturating_mul(self.block))
    }
}

impl Staging {
    /// Prepares to fill `target`, which must not exist, or be an empty directory.
    pub(crate) fn beside(target: &Path) -> Result<Self, SiteError> {
        let wrong = |found| SiteError::Target { path: target.to_owned(), found };
        let name = target.file_name().ok_or_else(|| wrong("no name for a new folder"))?;
        let parent = folder_of(target);
        refuse_unsafe_parent(parent)?;
        refuse_taken(target)?;
        let path = parent.join(staging_name(&name.to_string_lossy()));
        let root = loop {
            match rustix::fs::mkdir(&path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(source) => return Err(write_error(&path, source.into())),
            }
            let root = match open_folder(CWD, &path) {
                // Another process has just finished with it.
                Err(Errno::NOENT) => continue,
                other => other.map_err(|source| write_error(&path, source.into()))?,
            };
            match rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Err(SiteError::Busy { path: target.to_owned() }),
                other => other.map_err(|source| write_error(&path, source.into()))?,
            }
            let held = rustix::fs::fstat(&root).map_err(|source| write_error(&path, source.into()))?;
            if rustix::fs::lstat(&path)
                .is_ok_and(|now| (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino))
            {
                // What a killed process left behind, or what someone put there: not ours to trust.
                if held.st_uid != rustix::process::geteuid().as_raw() {
                    return Err(write_error(&path, Errno::PERM.into()));
                }
                break root;
            }
        };
        let staging = Self {
            root,
            path,
            target: target.to_owned(),
            readers: Readers::All,
            published: false,
            no_reflink: AtomicBool::new(false),
        };
        // Anyone who held the lock until now may just have filled the target.
        refuse_taken(target)?;
        staging.clear()?;
        // A umask takes bits away, never adds them: the modes are set once everything is written.
        rustix::fs::fchmod(&staging.root, Mode::RWXU)
            .map_err(|source| write_error(&staging.path, source.into()))?;
        Ok(staging)
    }

    /// The same, for these readers.
    pub(super) fn read_by(self, readers: Readers) -> Self {
        let mut staging = self;
        staging.readers = readers;
        staging
    }

    /// Refuses before the first byte when the file system cannot hold so much.
    pub(crate) fn refuse_without_space(&self, bytes: u64, files: u64) -> Result<(), SiteError> {
        let vfs =
            rustix::fs::fstatvfs(&self.root).map_err(|source| write_error(&self.path, source.into()))?;
        let room = FreeSpace::of(&vfs);
        let path = self.target.clone();
        let needed = room.needed(bytes, files);
        if needed > room.bytes {
            return Err(SiteError::Space { path, needed, free: room.bytes });
        }
        match room.inodes {
            Some(free) if files > free => Err(SiteError::Inodes { path, needed: files, free }),
            Some(_) | None => Ok(()),
        }
    }

    /// Makes a directory; the one it is in is there.
    pub(crate) fn folder(&self, path: &RelPath) -> Result<(), SiteError> {
        let parent = self.open_parent(path)?;
        rustix::fs::mkdirat(&parent, path.file_name(), Mode::RWXU)
            .map_err(|source| self.failed(path, source.into()))
    }

    /// Makes a file, which must be new.
    pub(crate) fn file(&self, path: &RelPath, executable: bool) -> Result<File, SiteError> {
        self.create(path, file_mode(executable))
    }

    /// Makes a file for a blob, which no one writes to again.
    pub(crate) fn blob(&self, path: &RelPath) -> Result<File, SiteError> {
        self.create(path, BLOB_MODE)
    }

    fn create(&self, path: &RelPath, mode: Mode) -> Result<File, SiteError> {
        let parent = self.open_parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = self.readers.keep(mode);
        let failed = |source: Errno| self.failed(path, source.into());
        let file = rustix::fs::openat(&parent, path.file_name(), flags, mode).map_err(failed)?;
        // Whatever the umask is, the tree is the one that was packed.
        rustix::fs::fchmod(&file, mode).map_err(failed)?;
        Ok(File::from(file))
    }

    /// Makes a link, which must be new.
    pub(crate) fn link(&self, path: &RelPath, target: &str) -> Result<(), SiteError> {
        let parent = self.open_parent(path)?;
        rustix::fs::symlinkat(target, &parent, path.file_name())
            .map_err(|source| self.failed(path, source.into()))
    }

    /// Takes over a blob that is elsewhere on this file system, if it has this digest; false where that cannot be
    /// done.
    ///
    /// A reflink where the file system can, so that a write to one copy never shows in the other; else a further name.
    /// What is hashed is the copy in this directory, so a change behind its back is found.
    pub(crate) fn share(&self, path: &RelPath, from: &Path, digest: &Digest) -> Result<bool, SiteError> {
        let parent = self.open_parent(path)?;
        let failed = |source: Errno| self.failed(path, source.into());
        if !self.reflink(&parent, path, from)? {
            match rustix::fs::linkat(CWD, from, &parent, path.file_name(), AtFlags::empty()) {
                Ok(()) => {}
                Err(errno) if CANNOT_LINK.contains(&errno) => return Ok(false),
                Err(source) => return Err(failed(source)),
            }
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, path.file_name(), flags, Mode::empty()).map_err(failed)?;
        // Blobs of sites of before could be written by their owner.
        rustix::fs::fchmod(&file, BLOB_MODE).map_err(failed)?;
        let mut hasher = Hasher::new();
        io::copy(&mut File::from(file), &mut hasher).map_err(|source| self.failed(path, source))?;
        if hasher.finish() == *digest {
            return Ok(true);
        }
        rustix::fs::unlinkat(&parent, path.file_name(), AtFlags::empty()).map_err(failed)?;
        Ok(false)
    }

    /// Makes a file that shares its bytes with another one until either is written; false where that cannot be done.
    fn reflink(&self, parent: &OwnedFd, path: &RelPath, from: &Path) -> Result<bool, SiteError> {
        if self.no_reflink.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let Ok(source) = atomic_file::open_regular(from) else { return Ok(false) };
        let file = self.create(path, BLOB_MODE)?;
        if rustix::fs::ioctl_ficlone(&file, &source).is_ok() {
            return Ok(true);
        }
        self.no_reflink.store(true, Ordering::Relaxed);
        rustix::fs::unlinkat(parent, path.file_name(), AtFlags::empty())
            .map_err(|source| self.failed(path, source.into()))?;
        Ok(false)
    }

    /// Gives a directory that is complete the mode in which it stays.
    pub(crate) fn close_folder(&self, path: &RelPath) -> Result<(), SiteError> {
        let failed = |source: Errno| self.failed(path, source.into());
        let folder = self.beneath(path.as_str()).map_err(failed)?;
        rustix::fs::fchmod(&folder, self.readers.keep(folder_mode())).map_err(failed)
    }

    /// Makes everything last, and gives the directory the mode in which it stays.
    pub(crate) fn complete(&self) -> Result<(), SiteError> {
        let failed = |source: Errno| write_error(&self.target, source.into());
        rustix::fs::fchmod(&self.root, self.readers.keep(folder_mode())).map_err(failed)?;
        // One call for the whole file system: a sync for each of 50,000 files would take minutes.
        rustix::fs::syncfs(&self.root).map_err(failed)
    }

    /// Leaves the directory where it is, for anyone who has written down what becomes of it.
    pub(crate) fn hand_over(mut self) {
        self.published = true;
    }

    /// Gives what is complete the name of the target, in one step.
    pub(crate) fn publish(mut self) -> Result<(), SiteError> {
        let failed = |source: io::Error| write_error(&self.target, source);
        let outcome =
            match rustix::fs::renameat_with(CWD, &self.path, CWD, &self.target, RenameFlags::NOREPLACE) {
                // There is an empty directory (`rename` replaces only empty ones), or no such flag on this file system.
                Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::rename(&self.path, &self.target)
                }
                other => other,
            };
        outcome.map_err(|source| failed(source.into()))?;
        // From here on the target is there, whatever happens.
        self.published = true;
        atomic_file::sync_folder(folder_of(&self.target))
            .map_err(|source| SiteError::NotSynced { path: self.target.clone(), source })
    }

    fn open_parent(&self, path: &RelPath) -> Result<OwnedFd, SiteError> {
        let parent = match path.parent() {
            None => open_folder(&self.root, ".".as_ref()),
            Some(parent) => self.beneath(parent),
        };
        parent.map_err(|source| self.failed(path, source.into()))
    }

    /// Opens a directory beneath the root; no link is followed, wherever it leads and anyone who puts it there meanwhile.
    fn beneath(&self, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            // Kernels before 5.6, and sandboxes that do not know the call: component by component.
            Err(Errno::NOSYS | Errno::PERM) => {
                let mut folder = open_folder(&self.root, ".".as_ref())?;
                for component in path.split('/') {
                    folder = open_folder(&folder, component.as_ref())?;
                }
                Ok(folder)
            }
            other => other,
        }
    }

    fn clear(&self) -> Result<(), SiteError> {
        remove_content(&self.root).map_err(|source| write_error(&self.path, source.into()))
    }

    /// The path as it will be once published, for messages.
    #[must_use]
    pub(crate) fn shown(&self, path: &RelPath) -> PathBuf {
        self.target.join(path.as_str())
    }

    /// An error about a path beneath the staging directory.
    #[must_use]
    pub(crate) fn failed(&self, path: &RelPath, source: io::Error) -> SiteError {
        write_error(&self.shown(path), source)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            let _ = self.clear();
            let _ = rustix::fs::unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
        }
    }
}

impl Readers {
    /// What of a mode is for them.
    const fn keep(self, mode: Mode) -> Mode {
        match self {
            Self::All => mode,
            Self::Owner => mode.intersection(Mode::RWXU),
        }
    }
}

/// Blobs are named by their content, so no one has a reason to write to them.
pub(super) const BLOB_MODE: Mode = Mode::RUSR.union(Mode::RGRP).union(Mode::ROTH);

const fn folder_mode() -> Mode {
    Mode::RWXU.union(Mode::RGRP).union(Mode::XGRP).union(Mode::ROTH).union(Mode::XOTH)
}

const fn file_mode(executable: bool) -> Mode {
    if executable { folder_mode() } else { Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH) }
}

fn open_folder(at: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// Another file system, one without hard links, or a file with too many of them.
pub(super) const CANNOT_LINK: [Errno; 4] = [Errno::XDEV, Errno::PERM, Errno::OPNOTSUPP, Errno::MLINK];

/// What the staging directory of a target is called.
pub(super) fn staging_name(target: &str) -> String {
    format!(".{target}.sealift-staging")
}

/// Whether a name is that of a staging directory.
pub(super) fn is_staging(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".sealift-staging")
}

/// Removes a directory with all that is in it, following no link; nothing when there is none.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let folder = match open_folder(CWD, path) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    remove_content(&folder)?;
    Ok(rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
}

/// Removes what is in a directory, following no link.
fn remove_content(folder: &OwnedFd) -> Result<(), Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    for name in names {
        match rustix::fs::unlinkat(folder, &name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = rustix::fs::openat(folder, &name, flags, Mode::empty())?;
                // What someone mounted there is not ours to remove.
                if rustix::fs::fstat(&below)?.st_dev != rustix::fs::fstat(folder)?.st_dev {
                    return Err(Errno::XDEV);
                }
                remove_content(&below)?;
                rustix::fs::unlinkat(folder, &name, AtFlags::REMOVEDIR)?;
            }
            other => other?,
        }
    }
    Ok(())
}

/// The target must not exist, or be an empty directory.
fn refuse_taken(target: &Path) -> Result<(), SiteError> {
    let wrong = |found| SiteError::Target { path: target.to_owned(), found };
    match target.symlink_metadata() {
        Ok(found) if found.is_symlink() => return Err(wrong("a link")),
        Ok(found) if !found.is_dir() => return Err(wrong("not a folder")),
        Ok(_) => {
            let mut entries = std::fs::read_dir(target).map_err(|source| write_error(target, source))?;
            if entries.next().is_some() {
                return Err(wrong("not empty"));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(write_error(target, source)),
    }
    Ok(())
}

fn write_error(path: &Path, source: io::Error) -> SiteError {
    SiteError::Write { path: path.to_owned(), source }
}
