//! Finds out what works in a directory by trying it.

use super::super::SiteError;
use super::super::ownership::refuse_unsafe_parent;
use super::super::staging::FreeSpace;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, StatVfsMountFlags};
use rustix::io::Errno;
use sealift_bundle::format::atomic_file::folder_of;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// The result of trying something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried<T = ()> {
    /// It went.
    Did(T),
    /// It did not, for this reason.
    Failed(String),
    /// It was not tried, for this reason.
    Skipped(String),
}

impl<T> From<Result<T, Errno>> for Tried<T> {
    fn from(result: Result<T, Errno>) -> Self {
        match result {
            Ok(value) => Self::Did(value),
            Err(error) => Self::Failed(std::io::Error::from(error).to_string()),
        }
    }
}

impl<T> Tried<T> {
    /// What follows from making something, where nothing could be made.
    fn untried() -> Self {
        Self::Skipped("nothing could be made there".to_owned())
    }
}

/// The smallest file that FAT cannot hold.
pub(super) const FAT_END: u64 = 1 << 32;

/// How names beyond ASCII fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `é` and `e` with an accent behind it are two names.
    Kept,
    /// They are one.
    Folded,
    /// There are no such names.
    Refused,
}

/// What was found out about a directory.
#[derive(Debug, Clone)]
pub(super) struct DirectoryFacts {
    pub(super) path: PathBuf,
    /// The kind of file system, where it has a known name.
    pub(super) file_system: Option<&'static str>,
    pub(super) room: FreeSpace,
    pub(super) read_only: bool,
    pub(super) no_programs: bool,
    /// Bytes of the longest name.
    pub(super) name_max: u64,
    /// No one else may rename what is in it, or a directory above it.
    pub(super) own: Tried,
    pub(super) create: Tried,
    pub(super) lock: Tried,
    pub(super) sync: Tried,
    /// True when the rename keeps from replacing by itself.
    pub(super) rename: Tried<bool>,
    pub(super) hard_links: Tried,
    pub(super) links: Tried,
    pub(super) switch: Tried,
    /// True when the executable bit is what it was set to.
    pub(super) modes: Tried<bool>,
    pub(super) remove: Tried,
    /// True when `A` and `a` are two names.
    pub(super) letter_case: Tried<bool>,
    pub(super) spelling: Tried<Spelling>,
    pub(super) large_files: Tried,
    /// Names that are refused or come back as others.
    pub(super) refused: Tried<Vec<&'static str>>,
    /// True when the kernel has it.
    pub(super) openat2: bool,
}

impl DirectoryFacts {
    /// Looks at a directory, or at the one that would hold it; `largest` is the largest file that should fit, `limit` the
    /// largest that this process may write.
    pub(super) fn look(folder: &Path, largest: u64, limit: Option<u64>) -> Result<Self, SiteError> {
        let path = match folder.symlink_metadata() {
            Ok(_) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => folder_of(folder),
            Err(source) => return Err(SiteError::Look { path: folder.to_owned(), source }),
        };
        let unseen = |source: Errno| SiteError::Look { path: path.to_owned(), source: source.into() };
        let own = owned(path)?;
        let vfs = rustix::fs::statvfs(path).map_err(unseen)?;
        let kind = kind(path).map_err(unseen)?;
        let shop = Workshop::open(path);
        let create = match &shop {
            Ok(shop) => shop.write("file").into(),
            Err(Errno::ROFS) => Tried::Skipped("the file system is read-only".to_owned()),
            Err(error) => Err(*error).into(),
        };
        let mut place = Self {
            path: path.to_owned(),
            file_system: kind.map(|(_, name)| name),
            room: FreeSpace::of(&vfs),
            read_only: vfs.f_flag.contains(StatVfsMountFlags::RDONLY),
            no_programs: vfs.f_flag.contains(StatVfsMountFlags::NOEXEC),
            name_max: vfs.f_namemax,
            own,
            create,
            lock: Tried::untried(),
            sync: Tried::untried(),
            rename: Tried::untried(),
            hard_links: Tried::untried(),
            links: Tried::untried(),
            switch: Tried::untried(),
            modes: Tried::untried(),
            remove: Tried::untried(),
            letter_case: Tried::untried(),
            spelling: Tried::untried(),
            large_files: Tried::untried(),
            refused: Tried::untried(),
            openat2: openat2(path),
        };
        let Ok(shop) = shop else { return Ok(place) };
        if place.create == Tried::Did(()) {
            place.lock = rustix::fs::flock(&shop.folder, FlockOperation::NonBlockingLockExclusive).into();
            place.sync = shop.sync().into();
            place.rename = shop.rename().into();
            place.hard_links = shop.hard_link().into();
            place.links = rustix::fs::symlinkat("file", &shop.folder, "link").into();
            place.switch = match place.links {
                Tried::Did(()) => shop.switch().into(),
                Tried::Failed(_) | Tried::Skipped(_) => {
                    Tried::Skipped("no link could be made there".to_owned())
                }
            };
            place.modes = shop.modes().into();
            place.letter_case = shop.tells_apart("letter", "LETTER").into();
            place.spelling = shop.spelling().into();
            place.refused = shop.refused(&["a:b", "dot."]).into();
            place.large_files = large_files(kind.map(|(kind, _)| kind), &shop, largest, limit);
        }
        place.remove = match shop.close() {
            Ok(()) => Tried::Did(()),
            Err(error) => Tried::Failed(error.to_string()),
        };
        Ok(place)
    }
}

/// Whether a directory is there, and others are kept from renaming what is in it.
fn owned(path: &Path) -> Result<Tried, SiteError> {
    match refuse_unsafe_parent(path) {
        Ok(()) => Ok(Tried::Did(())),
        Err(SiteError::Parent { path: wrong, reason }) if path.is_dir() => Ok(Tried::Failed(match wrong {
            wrong if wrong == path => format!("the folder {reason}"),
            above => format!("`{}` {reason}", above.display()),
        })),
        Err(SiteError::StateRead { path, source }) => Err(SiteError::Look { path, source }),
        Err(other) => Err(other),
    }
}

/// Whether the kernel has the call, and lets this process use it.
fn openat2(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
    !matches!(opened, Err(Errno::NOSYS | Errno::PERM))
}

/// File systems that are distinguished by more than their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileSystemKind {
    Fat,
    ExFat,
    Other,
}

/// The kind and the name of a file system, by the magic numbers of statfs(2) and linux/magic.h.
fn kind(path: &Path) -> Result<Option<(FileSystemKind, &'static str)>, Errno> {
    #[allow(clippy::useless_conversion, reason = "the type differs between architectures")]
    let magic = i64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or_default() & 0xffff_ffff;
    Ok(match magic {
        0x4d44 => Some((FileSystemKind::Fat, "FAT")),
        0x2011_bab0 => Some((FileSystemKind::ExFat, "exFAT")),
        0xef53 => Some((FileSystemKind::Other, "ext4")),
        0x5846_5342 => Some((FileSystemKind::Other, "xfs")),
        0x9123_683e => Some((FileSystemKind::Other, "btrfs")),
        0x0102_1994 => Some((FileSystemKind::Other, "tmpfs")),
        0x2fc1_2fc1 => Some((FileSystemKind::Other, "zfs")),
        0x794c_7630 => Some((FileSystemKind::Other, "overlay")),
        0x6969 => Some((FileSystemKind::Other, "NFS")),
        0xff53_4d42 | 0xfe53_4d42 => Some((FileSystemKind::Other, "SMB")),
        0x5346_544e | 0x7366_746e => Some((FileSystemKind::Other, "NTFS")),
        0x6573_5546 => Some((FileSystemKind::Other, "FUSE")),
        0x7371_7368 => Some((FileSystemKind::Other, "squashfs")),
        0x9660 => Some((FileSystemKind::Other, "ISO 9660")),
        _ => None,
    })
}

/// Whether a file of that length, and at least of 4 GiB, can be.
fn large_files(kind: Option<FileSystemKind>, shop: &Workshop, largest: u64, limit: Option<u64>) -> Tried {
    match kind {
        // Neither has holes, so a length is not tried there: it would be written.
        Some(FileSystemKind::Fat) => return Tried::Failed("FAT holds no file of 4 GiB or more".to_owned()),
        Some(FileSystemKind::ExFat) => return Tried::Did(()),
        Some(FileSystemKind::Other) | None => {}
    }
    let length = largest.max(FAT_END);
    // Beyond that limit the kernel ends the process.
    if limit.is_some_and(|limit| limit < length) {
        return Tried::Skipped("this process may not write files so large".to_owned());
    }
    let made = shop.file("large").and_then(|file| rustix::fs::ftruncate(file, length));
    shop.remove("large");
    match made {
        Err(error @ (Errno::FBIG | Errno::INVAL)) => Err(error).into(),
        Err(error) => Tried::Skipped(std::io::Error::from(error).to_string()),
        Ok(()) => Tried::Did(()),
    }
}

/// A directory of our own, for trying things in; dropping it removes it.
struct Workshop {
    path: PathBuf,
    folder: OwnedFd,
}

impl Workshop {
    fn open(place: &Path) -> Result<Self, Errno> {
        let path = place.join(format!(".sealift-doctor-{}", std::process::id()));
        rustix::fs::mkdir(&path, Mode::RWXU)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, &path, flags, Mode::empty()) {
            Ok(folder) => Ok(Self { path, folder }),
            Err(error) => {
                let _ = rustix::fs::rmdir(&path);
                Err(error)
            }
        }
    }

    /// Makes a file, which must be new.
    fn file(&self, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.folder, name, flags, Mode::RUSR | Mode::WUSR)
    }

    fn write(&self, name: &str) -> Result<(), Errno> {
        rustix::io::write(self.file(name)?, b"sealift doctor\n").map(drop)
    }

    fn sync(&self) -> Result<(), Errno> {
        let file = self.file("synced")?;
        rustix::io::write(&file, b"sealift doctor\n")?;
        rustix::fs::fsync(&file)?;
        rustix::fs::fsync(&self.folder)?;
        // What `unpack` asks for: once for all files.
        rustix::fs::syncfs(&self.folder)?;
        self.remove("synced");
        Ok(())
    }

    fn rename(&self) -> Result<bool, Errno> {
        self.write("old")?;
        let at = self.folder.as_fd();
        let is_known = match rustix::fs::renameat_with(at, "old", at, "new", RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(at, "old", at, "new").map(|()| false)?,
            other => other.map(|()| true)?,
        };
        self.remove("new");
        Ok(is_known)
    }

    fn hard_link(&self) -> Result<(), Errno> {
        rustix::fs::linkat(&self.folder, "file", &self.folder, "hard-link", AtFlags::empty())
    }

    fn switch(&self) -> Result<(), Errno> {
        let at = self.folder.as_fd();
        rustix::fs::symlinkat("new", at, "next")?;
        rustix::fs::renameat(at, "next", at, "link")?;
        let target = rustix::fs::readlinkat(at, "link", Vec::new())?;
        self.remove("link");
        if target.as_bytes() == b"new" { Ok(()) } else { Err(Errno::IO) }
    }

    fn modes(&self) -> Result<bool, Errno> {
        let file = self.file("program")?;
        let mut kept = true;
        for bits in [0o755, 0o644] {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(bits))?;
            kept &= rustix::fs::fstat(&file)?.st_mode & 0o777 == bits;
        }
        self.remove("program");
        Ok(kept)
    }

    fn tells_apart(&self, one: &str, other: &str) -> Result<bool, Errno> {
        self.file(one)?;
        let are_two = match self.file(other) {
            Err(Errno::EXIST) => false,
            made => {
                made?;
                self.remove(other);
                true
            }
        };
        self.remove(one);
        Ok(are_two)
    }

    fn spelling(&self) -> Result<Spelling, Errno> {
        match self.tells_apart("\u{e9}", "e\u{301}") {
            Ok(true) => Ok(Spelling::Kept),
            Ok(false) => Ok(Spelling::Folded),
            Err(Errno::INVAL | Errno::ILSEQ) => Ok(Spelling::Refused),
            Err(other) => Err(other),
        }
    }

    /// Those of the names that are not taken, or are not in the directory as they were given.
    fn refused(&self, names: &[&'static str]) -> Result<Vec<&'static str>, Errno> {
        let mut refused = Vec::new();
        for name in names {
            let kept = match self.file(name) {
                Ok(_) => self.lists(name)?,
                Err(Errno::INVAL | Errno::ILSEQ | Errno::PERM | Errno::ACCESS | Errno::NOENT) => false,
                Err(other) => return Err(other),
            };
            if kept {
                self.remove(name);
            } else {
                refused.push(*name);
            }
        }
        Ok(refused)
    }

    fn lists(&self, name: &str) -> Result<bool, Errno> {
        for entry in rustix::fs::Dir::read_from(&self.folder)? {
            if entry?.file_name().to_bytes() == name.as_bytes() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes room for what is tried next, for there may be few inodes. What stays goes with the directory, or is said then.
    fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
    }

    /// Removes it, and says so when that cannot be done.
    fn close(self) -> std::io::Result<()> {
        std::fs::remove_dir_all(&self.path)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // After `close` there is nothing left to remove.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::{DirectoryFacts, Spelling, Tried};
    use crate::SiteError;

    #[test]
    fn what_is_tried_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let place = DirectoryFacts::look(folder.path(), 5 << 30, None).unwrap();
        assert_eq!(place.create, Tried::Did(()));
        assert_eq!(place.rename, Tried::Did(true));
        assert_eq!(place.modes, Tried::Did(true));
        assert_eq!(place.remove, Tried::Did(()));
        assert_eq!(place.letter_case, Tried::Did(true));
        assert_eq!(place.spelling, Tried::Did(Spelling::Kept));
        assert_eq!(place.large_files, Tried::Did(()));
        assert_eq!(place.refused, Tried::Did(Vec::new()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let small = DirectoryFacts::look(&folder.path().join("new"), 0, Some(1 << 20)).unwrap();
        assert!(matches!(small.large_files, Tried::Skipped(_)));
        assert_eq!(small.path, folder.path());
        let nowhere = DirectoryFacts::look(&folder.path().join("no/where"), 0, None);
        assert!(matches!(nowhere, Err(SiteError::NoParent { .. })));
    }
}
