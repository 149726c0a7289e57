//! The files of an image source: of a directory, or of a tar.

use super::context::{
    FileRange, Task, Work, hash_part, open_regular, read_part, resolved as real_path, resolved_within,
};
use super::error::PlanError;
use super::image_docker_archive::Saved;
use super::image_select::{Candidate, Candidates};
use super::inflate::{Compression, inflated};
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::Progress;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many links are followed from one member of a tar to the next.
const HOPS: usize = 8;

/// Where the members of an image source lie.
pub(super) struct Members {
    /// The directory or the tar.
    pub(super) path: PathBuf,
    /// What a tar holds; a directory is looked into when it is asked.
    tar: Option<BTreeMap<String, ImageFile>>,
    /// The images of a layout, once they were looked for.
    pub(super) listed: OnceLock<Candidates>,
    /// What the indexes among them list, once one of it was asked for.
    pub(super) children: OnceLock<HashMap<Digest, Candidate>>,
    /// What `manifest.json` lists, once it was read.
    pub(super) saved: OnceLock<Saved>,
    /// What was hashed in this run: images share layers.
    hashed: Mutex<HashMap<FileRange, Digest>>,
}

#[derive(PartialEq, Eq)]
enum ImageFile {
    File(FileRange),
    /// To another member, by its full name.
    Link(String),
}

impl Members {
    /// Opens a directory, or reads the headers of a tar; one that is compressed with gzip or zstd is unpacked into the store.
    pub(super) fn open(path: &Path, work: &Work<'_>) -> Result<Self, PlanError> {
        Self::open_with(path, Some(work), work.limits, work.watch)
    }

    /// The same without a store, where a compressed tar is an error.
    pub(super) fn peek(path: &Path, limits: &Limits, watch: &dyn Progress) -> Result<Self, PlanError> {
        Self::open_with(path, None, limits, watch)
    }

    fn open_with(
        path: &Path,
        work: Option<&Work<'_>>,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Self, PlanError> {
        // The user named it, so a link is followed once; from here on it is the thing itself.
        let path = real_path(path)?;
        let tar = if path.is_dir() {
            None
        } else {
            let content = match (compression(&path)?, work) {
                (None, _) => path.clone(),
                (Some(compression), Some(work)) => inflated(&path, compression, work)?,
                (Some(compression), None) => {
                    let with = compression.decompressor();
                    return Err(PlanError::Compressed { path, with });
                }
            };
            Some(scan(&path, &content, limits, watch)?)
        };
        Ok(Self {
            path,
            tar,
            listed: OnceLock::new(),
            children: OnceLock::new(),
            saved: OnceLock::new(),
            hashed: Mutex::new(HashMap::new()),
        })
    }

    /// The digest of a part that was hashed in this run.
    pub(super) fn known(&self, part: &FileRange) -> Option<Digest> {
        self.hashed.lock().unwrap_or_else(PoisonError::into_inner).get(part).copied()
    }

    /// The digest of a part, hashed once a run.
    pub(super) fn digest(
        &self,
        part: &FileRange,
        task: &Task<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Digest, PlanError> {
        if let Some(known) = self.known(part) {
            return Ok(known);
        }
        let found = hash_part(part, task, buffer)?;
        self.hashed.lock().unwrap_or_else(PoisonError::into_inner).insert(part.clone(), found);
        Ok(found)
    }

    /// The place of a member.
    pub(super) fn find(&self, name: &str) -> Result<Option<FileRange>, PlanError> {
        match &self.tar {
            None => self.find_file(name),
            Some(members) => {
                let mut name = name;
                for _ in 0..HOPS {
                    match members.get(name) {
                        Some(ImageFile::File(part)) => return Ok(Some(part.clone())),
                        Some(ImageFile::Link(target)) => name = target,
                        None => return Ok(None),
                    }
                }
                Ok(None)
            }
        }
    }

    /// The content of a small member.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PlanError> {
        self.find(name)?.map(|part| read_part(&part, limit)).transpose()
    }

    /// An error about this source.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> PlanError {
        PlanError::Image { path: self.path.clone(), reason: reason.into() }
    }

    fn find_file(&self, name: &str) -> Result<Option<FileRange>, PlanError> {
        // Names of members come from documents in the source: nothing above the directory is ever looked at.
        if resolved("", name).as_deref() != Some(name) {
            return Ok(None);
        }
        // Archives that were taken apart hold links from one layer to another; none leads out of the directory.
        let path = match resolved_within(&self.path, Path::new(name)) {
            Ok(path) => path,
            Err(PlanError::Missing { .. }) => return Ok(None),
            Err(PlanError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotADirectory => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let file = open_regular(&path)?;
        let size = file.metadata().map_err(|source| PlanError::read(&path, source))?.len();
        Ok(Some(FileRange { path, offset: 0, size }))
    }
}

/// How a file is compressed as a whole, if it is in one of the ways that are read.
fn compression(path: &Path) -> Result<Option<Compression>, PlanError> {
    let mut magic = Vec::new();
    let read = open_regular(path)?.take(4).read_to_end(&mut magic);
    read.map_err(|source| PlanError::read(path, source))?;
    let with = match magic.as_slice() {
        [0x1f, 0x8b, ..] => return Ok(Some(Compression::Gzip)),
        [0x28, 0xb5, 0x2f, 0xfd] => return Ok(Some(Compression::Zstd)),
        [0xfd, b'7', b'z', b'X'] => "unxz",
        [b'B', b'Z', b'h', _] => "bunzip2",
        _ => return Ok(None),
    };
    Err(PlanError::Compressed { path: path.to_owned(), with })
}

/// Reads the headers of a tar and passes over the contents. `path` is what was named, `content` where its tar is.
fn scan(
    path: &Path,
    content: &Path,
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<BTreeMap<String, ImageFile>, PlanError> {
    let failed = |source| PlanError::read(path, source);
    let wrong = |reason: String| PlanError::Image { path: path.to_owned(), reason };
    let file = open_regular(content)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut members = BTreeMap::new();
    let mut archive = tar::Archive::new(file);
    let no_tar = |error: io::Error| wrong(format!("as a tar it cannot be read: {error}"));
    for entry in archive.entries_with_seek().map_err(no_tar)? {
        if watch.is_stopped() {
            return Err(PlanError::Interrupted);
        }
        let entry = entry.map_err(no_tar)?;
        let kind = entry.header().entry_type();
        let Some(name) = text(&entry.path_bytes()).and_then(|name| resolved("", &name)) else { continue };
        let link = || entry.link_name_bytes().and_then(|target| text(&target));
        let member = if kind.is_file() {
            let (offset, size) = (entry.raw_file_position(), entry.size());
            if offset.checked_add(size).is_none_or(|end| end > length) {
                return Err(wrong(format!("it ends inside its member `{name}`")));
            }
            Some(ImageFile::File(FileRange { path: content.to_owned(), offset, size }))
        } else if kind.is_symlink() {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            link().and_then(|target| resolved(folder, &target)).map(ImageFile::Link)
        } else if kind.is_hard_link() {
            link().and_then(|target| resolved("", &target)).map(ImageFile::Link)
        } else {
            None
        };
        let Some(member) = member else { continue };
        match members.get(&name) {
            None => {
                members.insert(name, member);
            }
            // P18: tools differ in which of the two they take. Some writers repeat a member as it is.
            Some(first) => {
                if !is_same(first, &member).map_err(failed)? {
                    return Err(wrong(format!("it has two different members called `{name}`")));
                }
            }
        }
        let limit = limits.entries;
        if members.len() > limit {
            let what = format!("members of `{}`", super::error::shown(path));
            return Err(PlanError::Limit { what, found: members.len() as u64, limit: limit as u64 });
        }
    }
    Ok(members)
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A path without `.`, `..` and doubled slashes, or nothing when it leads out or nowhere.
fn resolved(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    if parts.is_empty() { None } else { Some(parts.join("/")) }
}

/// Whether two members are equal, byte for byte.
fn is_same(one: &ImageFile, other: &ImageFile) -> io::Result<bool> {
    match (one, other) {
        (ImageFile::File(one), ImageFile::File(other)) if one.size == other.size => {
            Ok(digest_of(one)? == digest_of(other)?)
        }
        (ImageFile::Link(_), ImageFile::Link(_)) => Ok(one == other),
        _ => Ok(false),
    }
}

fn digest_of(part: &FileRange) -> io::Result<Digest> {
    let mut file = sealift_bundle::format::atomic_file::open_unlinked(&part.path)?;
    file.seek(SeekFrom::Start(part.offset))?;
    let mut hasher = Hasher::new();
    io::copy(&mut file.take(part.size), &mut hasher)?;
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn names_of_members_never_lead_out() {
        for (folder, path, expected) in [
            ("", "./a//b/", Some("a/b")),
            ("a", "../b/layer.tar", Some("b/layer.tar")),
            ("a", "../../b", None),
            ("", "/etc/passwd", None),
            ("", ".", None),
        ] {
            assert_eq!(resolved(folder, path).as_deref(), expected, "{path}");
        }
    }
}
