//! Keeps compressed frames by the digest of their content, so that an unchanged tree is not compressed again.

use crate::format::atomic_file::{self, UnfinishedFile};
use crate::format::frame;
use crate::value::digest::{Digest, Hasher};
use rustix::fs::{FlockOperation, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, flock};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are kept from one pack to the next.
const KEPT: u64 = 4 << 30;
/// Bytes of the digest in front of a frame.
const DIGEST: usize = 32;
/// How the names of unfinished files begin.
const PARTIAL: &str = ".partial-";

/// The moment of the call, as the time of the last change.
const NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
};

/// A frame and the digest of its bytes.
pub(super) struct EncodedFrame {
    pub(super) stored: Vec<u8>,
    pub(super) sha256: Digest,
}

impl EncodedFrame {
    pub(super) fn of(stored: Vec<u8>) -> Self {
        Self { sha256: Digest::of(&stored), stored }
    }
}

/// A private directory of frames, each in a file behind its own digest.
///
/// It only saves time: what cannot be read, or is not what was written, is compressed again, and what cannot be written is
/// not kept. Nothing is synced to the disk for it.
pub struct FrameStore {
    folder: PathBuf,
    /// Bytes that are kept.
    kept: u64,
    /// What the frames are made with, which is part of every name.
    tag: String,
    /// Bytes that were added since it was opened.
    added: AtomicU64,
    next: AtomicU64,
}

impl FrameStore {
    /// Opens the directory, or makes it; nothing where it cannot be used, or where others can: a seal is put over what comes
    /// out of it.
    #[must_use]
    pub fn open(folder: &Path) -> Option<Self> {
        Self::with_limit(folder, KEPT)
    }

    fn with_limit(folder: &Path, kept: u64) -> Option<Self> {
        let _ = DirBuilder::new().mode(0o700).create(folder);
        let found = fs::symlink_metadata(folder).ok()?;
        let (is_ours, others) = (found.uid() == rustix::process::geteuid().as_raw(), found.mode() & 0o077);
        let is_private = found.is_dir() && is_ours && others == 0;
        let (tag, added, next) = (frame::parameters(), AtomicU64::new(0), AtomicU64::new(0));
        is_private.then(|| Self { folder: folder.to_owned(), kept, tag, added, next })
    }

    /// What a frame of this piece is called.
    pub(super) fn key(&self, piece: &[u8]) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(self.tag.as_bytes());
        hasher.update(&[0]);
        hasher.update(piece);
        hasher.finish()
    }

    /// The frame that was kept under a key, compared with its digest.
    pub(super) fn get(&self, key: &Digest) -> Option<EncodedFrame> {
        let file = atomic_file::open_regular(&self.path(key)).ok()?;
        let most = (DIGEST + frame::LONGEST) as u64;
        let len = file.metadata().ok().map(|found| found.len()).filter(|len| *len <= most)?;
        let mut bytes = Vec::with_capacity(usize::try_from(len).ok()?);
        (&file).take(most).read_to_end(&mut bytes).ok()?;
        if bytes.len() < DIGEST {
            return None;
        }
        let frame = EncodedFrame::of(bytes.split_off(DIGEST));
        if bytes != frame.sha256.bytes() {
            return None;
        }
        // What was used last is kept longest.
        let _ = rustix::fs::futimens(&file, &NOW);
        Some(frame)
    }

    /// Keeps a frame, if there is room.
    pub(super) fn put(&self, key: &Digest, frame: &EncodedFrame) {
        let len = (DIGEST + frame.stored.len()) as u64;
        // One pack replaces all that is kept, and no more than that.
        if self.added.fetch_add(len, Ordering::Relaxed).saturating_add(len) <= self.kept {
            let _ = self.write(key, frame);
        }
    }

    fn write(&self, key: &Digest, frame: &EncodedFrame) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let partial = self.folder.join(format!("{PARTIAL}{}-{number}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        let partial = UnfinishedFile(partial);
        // Held until it has its name, so that a file which no one holds was left behind.
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        file.write_all(frame.sha256.bytes())?;
        file.write_all(&frame.stored)?;
        fs::rename(&partial.0, self.path(key))
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    /// Removes what was not used for the longest time until the rest is within the limit, and what killed processes left.
    fn prune(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if !entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                kept.push((found.modified()?, found.len(), entry.path()));
                continue;
            }
            let is_held = |file: &fs::File| flock(file, FlockOperation::NonBlockingLockExclusive).is_err();
            if atomic_file::open_regular(&entry.path()).is_ok_and(|file| !is_held(&file)) {
                fs::remove_file(entry.path())?;
            }
        }
        kept.sort_unstable();
        let mut total: u64 = kept.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in kept {
            if total <= self.kept {
                break;
            }
            fs::remove_file(path)?;
            total -= len;
        }
        Ok(())
    }
}

impl Drop for FrameStore {
    fn drop(&mut self) {
        // Where it fails, another pack tries again.
        let _ = self.prune();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    fn frame(content: &[u8]) -> EncodedFrame {
        EncodedFrame::of(content.to_vec())
    }

    #[test]
    fn a_kept_frame_comes_back_whole_or_not_at_all() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("frames");
        let store = FrameStore::open(&folder).unwrap();
        let key = store.key(b"piece");
        assert!(store.get(&key).is_none());
        store.put(&key, &frame(b"frame"));
        assert_eq!(store.get(&key).unwrap().stored, b"frame");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(store.path(&key)).unwrap().mode() & 0o777, 0o600);
        let whole = fs::read(store.path(&key)).unwrap();
        for len in 0..whole.len() {
            fs::write(store.path(&key), &whole[..len]).unwrap();
            assert!(store.get(&key).is_none(), "{len} bytes");
            let mut changed = whole.clone();
            changed[len] ^= 1;
            fs::write(store.path(&key), &changed).unwrap();
            assert!(store.get(&key).is_none(), "byte {len}");
        }
        fs::remove_file(store.path(&key)).unwrap();
        std::os::unix::fs::symlink(folder.join("elsewhere"), store.path(&key)).unwrap();
        fs::write(folder.join("elsewhere"), &whole).unwrap();
        assert!(store.get(&key).is_none(), "a link");
        store.put(&key, &frame(b"frame"));
        assert!(store.get(&key).is_some(), "a frame replaces what lies in its place");
    }

    #[test]
    fn a_folder_that_others_can_use_is_not_used() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("frames");
        drop(FrameStore::open(&folder).unwrap());
        for mode in [0o755, 0o770] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert!(FrameStore::open(&folder).is_none(), "{mode:o}");
        }
        assert!(FrameStore::open(&top.path().join("not/here")).is_none());
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(FrameStore::open(&link).is_none());
    }

    #[test]
    fn what_was_used_last_is_kept_and_leftovers_go() {
        let top = tempfile::tempdir().unwrap();
        let open = |limit| FrameStore::with_limit(&top.path().join("frames"), limit).unwrap();
        let store = open(1 << 20);
        let keys = [b"1", b"2", b"3"].map(|piece| store.key(piece));
        let old = SystemTime::now() - Duration::from_hours(1);
        for (age, key) in keys.iter().enumerate() {
            store.put(key, &frame(&[0; 1000]));
            let file = File::options().write(true).open(store.path(key)).unwrap();
            file.set_modified(old + Duration::from_secs(age as u64)).unwrap();
        }
        let leftovers = ["killed", "held"].map(|name| top.path().join(format!("frames/{PARTIAL}{name}")));
        let [_, held] = leftovers.each_ref().map(|path| File::create(path).unwrap());
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(store.get(&keys[0]).is_some());
        drop(store);
        assert_eq!(leftovers.map(|path| path.exists()), [false, true]);
        drop(open(2500));
        let store = open(2500);
        assert_eq!(keys.map(|key| store.get(&key).is_some()), [true, false, true]);
        for piece in 0..10_u8 {
            store.put(&store.key(&[piece]), &frame(&[piece; 1000]));
        }
        assert_eq!((0..10_u8).filter(|piece| store.get(&store.key(&[*piece])).is_some()).count(), 2);
    }
}
