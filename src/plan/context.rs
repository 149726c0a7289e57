//! Opens and hashes sources, on several threads.

use super::error::PlanError;
use super::folder::{Folder, open_folder, regular_beneath};
use super::image_files::Members;
use rustix::fs::{CWD, FileType, Stat};
use sealift_bundle::format::BundleError;
use sealift_bundle::store::Store;
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::parallel;
use sealift_bundle::value::progress::Progress;
use sealift_registry::RegistryAccess;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes read at a time.
const STEP: usize = 1 << 18;

/// Bytes below which a file may be a pointer of Git LFS.
pub(super) const LFS_POINTER: usize = 1024;

/// What locking may use.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The manifest's directory: paths in the manifest are relative to it.
    pub folder: &'a Path,
    /// Keeps downloads, and manifests made for images that had none.
    pub store: &'a Store,
    /// How many threads read and hash.
    pub threads: usize,
    /// Limits of what a bundle may hold.
    pub limits: &'a Limits,
    /// Sees the bytes go by.
    pub watch: &'a dyn Progress,
    /// How registries and downloads are reached.
    pub access: &'a RegistryAccess,
}

/// Work under way: adds up how much there is to do.
pub(super) struct Task<'a> {
    pub(super) work: &'a Work<'a>,
    expected: AtomicU64,
    /// Image sources that were opened: one can hold a thousand images.
    opened: Mutex<HashMap<PathBuf, Arc<Members>>>,
}

impl<'a> Task<'a> {
    pub(super) fn new(work: &'a Work<'a>) -> Self {
        Self { work, expected: AtomicU64::new(0), opened: Mutex::default() }
    }

    /// The image source at a path, relative to the directory of the manifest; opened once.
    pub(super) fn members(&self, path: &str) -> Result<Arc<Members>, PlanError> {
        let path = self.work.folder.join(path);
        let mut opened = self.opened.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = opened.get(&path) {
            return Ok(Arc::clone(known));
        }
        let members = Arc::new(Members::open(&path, self.work)?);
        opened.insert(path, Arc::clone(&members));
        Ok(members)
    }

    /// So many more bytes will be read.
    pub(super) fn expect(&self, bytes: u64) {
        // `fetch_add` wraps, and a sum that wrong only makes a wrong progress bar.
        let before = self.expected.fetch_add(bytes, Ordering::Relaxed);
        self.work.watch.expect(before.saturating_add(bytes));
    }

    /// So many bytes have been read; an error when the person wants to stop.
    pub(super) fn advance(&self, bytes: usize) -> Result<(), PlanError> {
        self.work.watch.advance(bytes as u64);
        self.go_on()
    }

    /// An error when the person wants to stop.
    pub(super) fn go_on(&self) -> Result<(), PlanError> {
        if self.work.watch.is_stopped() { Err(PlanError::Interrupted) } else { Ok(()) }
    }
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FileRange {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A file whose content is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PinnedFile {
    pub(super) size: u64,
    pub(super) sha256: Digest,
    pub(super) executable: bool,
}

/// Opens a regular file whose path was resolved before.
///
/// Z16: a link or a FIFO that has taken the place of a file, or of a directory above it, since then is neither followed nor
/// waited for.
pub(super) fn open_regular(path: &Path) -> Result<File, PlanError> {
    let opened = match path.strip_prefix("/") {
        Ok(below) => regular_beneath(&open_folder(Path::new("/"))?, below, || path.to_owned()),
        Err(_) => regular_beneath(CWD, path, || path.to_owned()),
    };
    opened.map(|(file, _)| file)
}

/// Resolves the links on a path that the user named.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, PlanError> {
    std::fs::canonicalize(path).map_err(|source| PlanError::read(path, source))
}

/// Where `inner` is in the directory `root`, both resolved; an error when a link or `..` leads out of it.
pub(super) fn resolved_within(root: &Path, inner: &Path) -> Result<PathBuf, PlanError> {
    let (root, path) = (resolved(root)?, resolved(&root.join(inner))?);
    if path.starts_with(&root) { Ok(path) } else { Err(PlanError::Outside { path, root }) }
}

/// Why something could not be opened as a file.
pub(super) fn not_a_file(path: &Path, error: rustix::io::Errno) -> PlanError {
    let kind = |found| PlanError::Type { path: path.to_owned(), found };
    match error {
        rustix::io::Errno::LOOP if path.is_symlink() => kind("a symbolic link"),
        rustix::io::Errno::LOOP => kind("behind a symbolic link"),
        rustix::io::Errno::NXIO => kind("a socket or a device without a driver"),
        error => PlanError::read(path, error.into()),
    }
}

/// True for what is in place of a file that is kept in Git LFS (git-lfs/spec.md: less than 1,024 bytes, the version
/// first).
pub(super) fn is_lfs_pointer(content: &[u8]) -> bool {
    let has = |line: &str| std::str::from_utf8(content).is_ok_and(|text| text.contains(line));
    content.len() < LFS_POINTER
        && content.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
        && has("\noid sha256:")
        && has("\nsize ")
}

pub(super) fn kind_of(found: FileType) -> &'static str {
    match found {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Unknown => "of an unknown type",
    }
}

/// What a listed entry is that is neither file, directory nor link.
pub(super) fn kind_of_special(found: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match found {
        fifo if fifo.is_fifo() => "a FIFO",
        socket if socket.is_socket() => "a socket",
        device if device.is_char_device() => "a character device",
        device if device.is_block_device() => "a block device",
        _ => "of an unknown type",
    }
}

/// Hashes a whole file of a directory; an error when it changes meanwhile (Z17).
pub(super) fn hash_file(
    folder: &Folder,
    inner: &Path,
    task: &Task<'_>,
    buffer: &mut Vec<u8>,
) -> Result<PinnedFile, PlanError> {
    let path = folder.shown(inner);
    let failed = |source| PlanError::read(&path, source);
    let changed = |reason: String| PlanError::Changed { path: path.clone(), reason };
    let (mut file, before) = folder.file(inner).map_err(|error| match error {
        PlanError::Missing { .. } => changed("vanished while the folder was read".to_owned()),
        other => other,
    })?;
    let len = u64::try_from(before.st_size).unwrap_or_default();
    let mut hasher = Hasher::new();
    loop {
        let read = read_some(&mut file, buffer).map_err(failed)?;
        if read.is_empty() {
            break;
        }
        if len < LFS_POINTER as u64 && is_lfs_pointer(read) {
            return Err(PlanError::Lfs { path, next: "run `git lfs pull` in its folder and lock again" });
        }
        hasher.update(read);
        task.advance(read.len())?;
        // What is written behind its end meanwhile shows in its size.
        if hasher.count() == len {
            break;
        }
    }
    let after = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
    if hasher.count() != len {
        let count = hasher.count();
        return Err(changed(format!("changed while it was read: it had {len} bytes and gave {count}")));
    }
    let stamp = |found: &Stat| {
        (found.st_size, found.st_mtime, found.st_mtime_nsec, found.st_ctime, found.st_ctime_nsec)
    };
    if stamp(&before) != stamp(&after) {
        return Err(changed("changed while it was read".to_owned()));
    }
    Ok(PinnedFile { size: len, sha256: hasher.finish(), executable: before.st_mode & 0o111 != 0 })
}

/// Hashes a part of a file.
pub(super) fn hash_part(
    part: &FileRange,
    task: &Task<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Digest, PlanError> {
    let failed = |source| PlanError::read(&part.path, source);
    let mut file = open_regular(&part.path)?;
    file.seek(SeekFrom::Start(part.offset)).map_err(failed)?;
    let mut rest = file.take(part.size);
    let mut hasher = Hasher::new();
    loop {
        let read = read_some(&mut rest, buffer).map_err(failed)?;
        if read.is_empty() {
            break;
        }
        hasher.update(read);
        task.advance(read.len())?;
    }
    if hasher.count() == part.size {
        return Ok(hasher.finish());
    }
    let reason = "ended earlier than when it was listed".to_owned();
    Err(PlanError::Changed { path: part.path.clone(), reason })
}

/// Reads a small part of a file.
pub(super) fn read_part(part: &FileRange, limit: u64) -> Result<Vec<u8>, PlanError> {
    if part.size > limit {
        let what = format!("bytes of a document in `{}`", super::error::shown(&part.path));
        return Err(PlanError::Limit { what, found: part.size, limit });
    }
    let failed = |source| PlanError::read(&part.path, source);
    let mut file = open_regular(&part.path)?;
    file.seek(SeekFrom::Start(part.offset)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(part.size).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Reads a whole file that a lock pins; an error when it is another one now.
pub(super) fn read_pinned(path: &Path, size: u64, sha256: &Digest) -> Result<Vec<u8>, PlanError> {
    // What packing says of such a file, and what to do about it.
    let failed = |source| BundleError::SourceRead { path: path.to_owned(), source };
    let changed = |reason: String| BundleError::SourceChanged { path: path.to_owned(), reason };
    let file = match open_regular(path) {
        Err(PlanError::Missing { .. }) => return Err(failed(rustix::io::Errno::NOENT.into()).into()),
        opened => opened?,
    };
    let found = file.metadata().map_err(failed)?.len();
    if found != size {
        return Err(changed(format!("it has {found} bytes, expected {size}")).into());
    }
    // One byte more shows that it grows.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default().saturating_add(1));
    file.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match Digest::of(&bytes) {
        found if found == *sha256 => Ok(bytes),
        found => Err(changed(format!("its digest is {found}, expected {sha256}")).into()),
    }
}

/// An error when bytes are not those that a lock pins.
pub(super) fn refuse_changed(bytes: &[u8], sha256: &Digest, path: &Path) -> Result<(), PlanError> {
    if Digest::of(bytes) == *sha256 {
        return Ok(());
    }
    Err(PlanError::Changed { path: path.to_owned(), reason: "is not what the lock pins".to_owned() })
}

fn read_some<'b>(reader: &mut dyn io::Read, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    buffer.resize(STEP, 0);
    loop {
        match reader.read(buffer) {
            Ok(len) => return Ok(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Calls `one` for each of `items`, with a buffer of its thread, on the threads of the task; see [`parallel::map`].
pub(super) fn each<T: Sync, R: Send>(
    task: &Task<'_>,
    items: &[T],
    one: impl Fn(&T, &mut Vec<u8>) -> Result<R, PlanError> + Sync,
) -> Result<Vec<R>, PlanError> {
    each_on(task.work.threads, items, one)
}

/// As [`each`], on so many threads.
pub(super) fn each_on<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    one: impl Fn(&T, &mut Vec<u8>) -> Result<R, PlanError> + Sync,
) -> Result<Vec<R>, PlanError> {
    parallel::map(threads, items, Vec::new, |buffer, item| one(item, buffer))
}
