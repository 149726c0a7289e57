//! From a folder or a file on this machine to a tree.

use super::error::PlanError;
use super::folder::{Folder, Found};
use super::patterns::Patterns;
use super::work::{Task, each, hash_file, kind_of, kind_of_special, resolved};
use crate::bundle::entry::{Entry, Node};
use crate::bundle::place;
use crate::bundle::tree::Tree;
use crate::value::ValueError;
use crate::value::rel_path::{Objection, RelPath};
use rustix::fs::FileType;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What git keeps beside the files of a clone.
const GIT: &str = ".git";

/// The tree of what lies at `path`, with every file hashed.
///
/// `path` itself may be a link, because a person named it; links below it are never followed.
pub(super) fn read(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<Tree, PlanError> {
    let (folder, listing) = list(path, patterns, task)?;
    let mut entries = listing.hashed(&folder, path, task)?;
    entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Tree::new(entries, task.work.limits).map_err(|source| PlanError::Tree { path: path.to_owned(), source })
}

fn list(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<(Folder, Listing), PlanError> {
    let found = fs::metadata(path).map_err(|source| PlanError::read(path, source))?;
    if found.is_dir() {
        let folder = Folder::open(path)?;
        let listing = Listing::of_folder(&folder, path, patterns, task)?;
        Ok((folder, listing))
    } else if found.is_file() {
        let listing = Listing::of_file(path, patterns, found.len())?;
        Ok((Folder::open(place::folder_of(&resolved(path)?))?, listing))
    } else {
        Err(PlanError::Type { path: path.to_owned(), found: kind_of_special(found.file_type()) })
    }
}

/// What lies at `path` and is not among the entries that a lock pins; nothing is read.
pub(super) fn added(
    path: &Path,
    patterns: &Patterns,
    entries: &[Entry],
    task: &Task<'_>,
) -> Result<Vec<String>, PlanError> {
    let (_, listing) = list(path, patterns, task)?;
    let pinned: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let files = listing.files.iter().map(|(name, _)| name.as_str());
    let links = listing.links.iter().map(|(name, _)| name.as_str());
    let found = files.chain(links).chain(listing.folders.iter().map(String::as_str));
    let mut added: Vec<_> = found.filter(|name| !pinned.contains(name)).map(str::to_owned).collect();
    added.sort_unstable();
    Ok(added)
}

/// Where the files of a tree lie: below the folder at `path`, or, when that is a file, at `path`. Links on the path
/// itself are resolved.
pub(super) fn sources(path: &Path, tree: &Tree) -> Result<Vec<PathBuf>, PlanError> {
    let path = resolved(path)?;
    if path.is_file() {
        return Ok(tree.files().map(|_| path.clone()).collect());
    }
    Ok(tree.files().map(|(entry, _)| path.join(entry.path.as_str())).collect())
}

/// What was found, before files are read.
#[derive(Default)]
struct Listing {
    /// Names in the tree, and paths in the folder that was listed.
    files: Vec<(RelPath, PathBuf)>,
    links: Vec<(RelPath, String)>,
    folders: BTreeSet<String>,
    bytes: u64,
}

impl Listing {
    fn of_file(path: &Path, patterns: &Patterns, size: u64) -> Result<Self, PlanError> {
        // `..` and `/` have no name, and are no files.
        let name = path.file_name().unwrap_or_default();
        if patterns.leave_out(Path::new(name)) || !patterns.take(Path::new(name)) {
            let reason = "its name does not match the patterns";
            return Err(PlanError::Empty { path: path.to_owned(), reason });
        }
        let real = PathBuf::from(resolved(path)?.file_name().unwrap_or_default());
        Ok(Self { files: vec![(travelling(name, path)?, real)], bytes: size, ..Self::default() })
    }

    fn of_folder(
        folder: &Folder,
        path: &Path,
        patterns: &Patterns,
        task: &Task<'_>,
    ) -> Result<Self, PlanError> {
        let mut listing = Self::default();
        // Folders that are not empty on disk, whether or not what is in them belongs to the item.
        let mut filled = BTreeSet::new();
        let mut folders = Vec::new();
        folder.walk(&mut |found| {
            task.go_on()?;
            filled.extend(found.inner.parent().map(Path::to_owned));
            // The history of a clone is no part of its files, and its settings may hold a password.
            let is_history = found.inner.file_name().is_some_and(|name| name == GIT) && !patterns.name_git();
            if is_history || patterns.leave_out(found.inner) {
                return Ok(false);
            }
            if found.kind.is_dir() {
                folders.push(found.inner.to_owned());
            } else if patterns.take(found.inner) {
                let name = travelling(found.inner.as_os_str(), &folder.shown(found.inner))?;
                listing.keep_parents(&name);
                listing.add(name, found, folder)?;
            }
            let (count, ceiling) = (listing.len() + folders.len(), task.work.limits.entries);
            if count > ceiling {
                let what = format!("entries of `{}`", super::error::shown(path));
                return Err(PlanError::Limit { what, found: count as u64, ceiling: ceiling as u64 });
            }
            Ok(true)
        })?;
        if patterns.take_empty_folders() {
            for inner in folders.into_iter().filter(|inner| !filled.contains(inner)) {
                let name = travelling(inner.as_os_str(), &folder.shown(&inner))?;
                listing.keep_parents(&name);
                listing.folders.insert(name.as_str().to_owned());
            }
        }
        if listing.len() == 0 {
            let reason = if filled.is_empty() { "the folder is empty" } else { "the patterns leave nothing" };
            return Err(PlanError::Empty { path: path.to_owned(), reason });
        }
        Ok(listing)
    }

    fn len(&self) -> usize {
        self.files.len() + self.links.len() + self.folders.len()
    }

    fn add(&mut self, name: RelPath, found: &Found<'_>, folder: &Folder) -> Result<(), PlanError> {
        let at = folder.shown(found.inner);
        match found.kind {
            FileType::RegularFile => {
                self.bytes = self.bytes.saturating_add(found.size);
                self.files.push((name, found.inner.to_owned()));
            }
            FileType::Symlink => {
                let target = found.target().map_err(|error| PlanError::read(&at, error.into()))?;
                match target.to_str() {
                    Some(target) => self.links.push((name, target.to_owned())),
                    None => return Err(unable(Path::new(&target), Objection::Encoding)),
                }
            }
            other => return Err(PlanError::Type { path: at, found: kind_of(other) }),
        }
        Ok(())
    }

    fn keep_parents(&mut self, name: &RelPath) {
        let mut inner = name.as_str();
        while let Some((parent, _)) = inner.rsplit_once('/') {
            if !self.folders.insert(parent.to_owned()) {
                break;
            }
            inner = parent;
        }
    }

    fn hashed(self, folder: &Folder, path: &Path, task: &Task<'_>) -> Result<Vec<Entry>, PlanError> {
        task.expect(self.bytes);
        let pinned = each(task, &self.files, |(_, inner), buffer| hash_file(folder, inner, task, buffer))?;
        let files = self.files.into_iter().zip(pinned).map(|((path, _), pinned)| {
            let (size, sha256, executable) = (pinned.size, pinned.sha256, pinned.executable);
            Ok(Entry { path, node: Node::File { size, sha256, executable } })
        });
        let links =
            self.links.into_iter().map(|(path, target)| Ok(Entry { path, node: Node::Link { target } }));
        let folders = self
            .folders
            .iter()
            .map(|name| Ok(Entry { path: travelling(OsStr::new(name), path)?, node: Node::Dir }));
        files.chain(links).chain(folders).collect()
    }
}

/// The name an entry has in the tree; `at` is where it lies, for the message.
pub(super) fn travelling(name: &OsStr, at: &Path) -> Result<RelPath, PlanError> {
    let Some(text) = name.to_str() else { return Err(unable(at, Objection::Encoding)) };
    text.parse().map_err(|error| match error {
        ValueError::Path { reason, .. } => unable(at, reason),
        // Parsing a path fails in no other way.
        ValueError::Digest(_)
        | ValueError::Name { .. }
        | ValueError::ImageName { .. }
        | ValueError::Moment(_)
        | ValueError::Spoken { .. }
        | ValueError::Reason(_)
        | ValueError::Platform(_) => unable(at, Objection::Empty),
    })
}

/// Shows the bytes of a name that are no text as `\xNN`.
fn unable(path: &Path, objection: Objection) -> PlanError {
    use crate::value::printable::Printable;
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        // Writing to a string does not fail.
        let _ = write!(shown, "{}", Printable(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    PlanError::Name { path: shown, objection }
}

#[cfg(test)]
mod tests;
