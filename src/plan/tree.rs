//! From a folder or a file on this machine to a tree.

use super::error::PlanError;
use super::patterns::Patterns;
use super::work::{Task, each, hash_file, kind_of_special};
use crate::bundle::entry::{Entry, Node};
use crate::bundle::tree::Tree;
use crate::value::ValueError;
use crate::value::rel_path::{Objection, RelPath};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The tree of what lies at `path`, with every file hashed.
///
/// `path` itself may be a link, because a person named it; links below it are never followed.
pub(super) fn read(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<Tree, PlanError> {
    let found = fs::metadata(path).map_err(|source| PlanError::read(path, source))?;
    let listing = if found.is_dir() {
        Listing::of_folder(path, patterns, task)?
    } else if found.is_file() {
        Listing::of_file(path, patterns, found.len())?
    } else {
        return Err(PlanError::Type { path: path.to_owned(), found: kind_of_special(found.file_type()) });
    };
    let mut entries = listing.hashed(path, task)?;
    entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Tree::new(entries, task.work.limits).map_err(|source| PlanError::Tree { path: path.to_owned(), source })
}

/// Where the files of a tree lie: below the folder at `path`, or, when that is a file, at `path`.
pub(super) fn sources(path: &Path, tree: &Tree) -> Result<Vec<PathBuf>, PlanError> {
    let failed = |source| PlanError::read(path, source);
    if fs::metadata(path).map_err(failed)?.is_file() {
        // Whoever opens it follows no links; this one was named by a person.
        let file = fs::canonicalize(path).map_err(failed)?;
        return Ok(tree.files().map(|_| file.clone()).collect());
    }
    Ok(tree.files().map(|(entry, _)| path.join(entry.path.as_str())).collect())
}

/// What was found, before files are read.
#[derive(Default)]
struct Listing {
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
        let file = fs::canonicalize(path).map_err(|source| PlanError::read(path, source))?;
        Ok(Self { files: vec![(travelling(name, path)?, file)], bytes: size, ..Self::default() })
    }

    fn of_folder(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<Self, PlanError> {
        let mut listing = Self::default();
        // Folders that are not empty on disk, whether or not what is in them belongs to the item.
        let mut filled = BTreeSet::new();
        let mut folders = Vec::new();
        let mut walk = WalkDir::new(path).min_depth(1).into_iter();
        while let Some(entry) = walk.next() {
            task.go_on()?;
            let entry = entry.map_err(|error| unreadable(path, error))?;
            let inner = entry.path().strip_prefix(path).unwrap_or(entry.path()).to_owned();
            filled.extend(inner.parent().map(Path::to_owned));
            let kind = entry.file_type();
            if patterns.leave_out(&inner) {
                if kind.is_dir() {
                    walk.skip_current_dir();
                }
            } else if kind.is_dir() {
                folders.push((inner, entry.into_path()));
            } else if patterns.take(&inner) {
                let name = travelling(inner.as_os_str(), entry.path())?;
                listing.keep_parents(&name);
                listing.add(name, &entry)?;
            }
            let (found, ceiling) = (listing.len() + folders.len(), task.work.limits.entries);
            if found > ceiling {
                let what = format!("entries of `{}`", super::error::shown(path));
                return Err(PlanError::Limit { what, found: found as u64, ceiling: ceiling as u64 });
            }
        }
        if patterns.take_empty_folders() {
            for (inner, at) in folders.into_iter().filter(|(inner, _)| !filled.contains(inner)) {
                let name = travelling(inner.as_os_str(), &at)?;
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

    fn add(&mut self, name: RelPath, entry: &walkdir::DirEntry) -> Result<(), PlanError> {
        let at = entry.path();
        let kind = entry.file_type();
        if kind.is_file() {
            self.bytes += entry.metadata().map_err(|error| unreadable(at, error))?.len();
            self.files.push((name, at.to_owned()));
        } else if kind.is_symlink() {
            let target = fs::read_link(at).map_err(|source| PlanError::read(at, source))?;
            match target.to_str() {
                Some(target) => self.links.push((name, target.to_owned())),
                None => return Err(unable(&target, Objection::Encoding)),
            }
        } else {
            return Err(PlanError::Type { path: at.to_owned(), found: kind_of_special(kind) });
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

    fn hashed(self, path: &Path, task: &Task<'_>) -> Result<Vec<Entry>, PlanError> {
        task.expect(self.bytes);
        let pinned = each(task, &self.files, |(_, at), buffer| hash_file(at, task, buffer))?;
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

fn unreadable(path: &Path, error: walkdir::Error) -> PlanError {
    let path = error.path().unwrap_or(path).to_owned();
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("the folder holds itself"));
    PlanError::read(&path, source)
}

#[cfg(test)]
mod tests;
