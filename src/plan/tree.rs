//! Lists a directory or a file as a tree.

use super::context::{Task, each, hash_file, kind_of, kind_of_special, resolved};
use super::error::PlanError;
use super::folder::{Folder, FoundEntry};
use super::patterns::Patterns;
use rustix::fs::{FileType, OFlags};
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::tree::{Tree, TreeObjection};
use sealift_bundle::value::ValueError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::rel_path::{Names, PathObjection, RelPath};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How many objections to one tree are told.
const OBJECTIONS: usize = 100;
/// What git keeps beside the files of a clone.
const GIT: &str = ".git";

/// The tree of what is at `path`, with every file hashed.
///
/// `path` itself may be a link, because the user named it; links below it are never followed.
pub(super) fn read(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<Tree, PlanError> {
    let (folder, listing) = list(path, patterns, task)?;
    listing.check(path, patterns.names(), task)?;
    let mut entries = listing.hashed(&folder, path, task)?;
    entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Tree::with_names(entries, patterns.names(), task.work.limits)
        .map_err(|source| PlanError::Tree { path: path.to_owned(), source })
}

fn list(path: &Path, patterns: &Patterns, task: &Task<'_>) -> Result<(Folder, TreeListing), PlanError> {
    let found = fs::metadata(path).map_err(|source| PlanError::read(path, source))?;
    if found.is_dir() {
        let folder = Folder::open(path)?;
        let listing = TreeListing::of_folder(&folder, path, patterns, task)?;
        Ok((folder, listing))
    } else if found.is_file() {
        let listing = TreeListing::of_file(path, patterns, found.len())?;
        Ok((Folder::open(atomic_file::folder_of(&resolved(path)?))?, listing))
    } else {
        Err(PlanError::Type { path: path.to_owned(), found: kind_of_special(found.file_type()) })
    }
}

/// What is at `path` and is not among the entries that a lock pins; nothing is read.
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

/// Where the files of a tree lie: below the directory at `path`, or, when that is a file, at `path`. Links on the path
/// itself are resolved.
pub(super) fn sources(path: &Path, tree: &Tree) -> Result<Vec<PathBuf>, PlanError> {
    // Without links on it, a path stays as it was named, which reads better in messages.
    let path = if is_unlinked(path) { path.to_owned() } else { resolved(path)? };
    if path.is_file() {
        return Ok(tree.files().map(|_| path.clone()).collect());
    }
    Ok(tree.files().map(|(entry, _)| path.join(entry.path.as_str())).collect())
}

fn is_unlinked(path: &Path) -> bool {
    path.is_relative() && atomic_file::open_beneath(rustix::fs::CWD, path, OFlags::PATH).is_ok()
}

/// What was found, before files are read.
#[derive(Default)]
struct TreeListing {
    /// Names in the tree, and paths in the directory that was listed.
    files: Vec<(RelPath, PathBuf)>,
    links: Vec<(RelPath, String)>,
    folders: BTreeSet<String>,
    bytes: u64,
    /// What keeps it from traveling, as far as single names say that.
    objections: Vec<PlanError>,
}

impl TreeListing {
    fn of_file(path: &Path, patterns: &Patterns, size: u64) -> Result<Self, PlanError> {
        // `..` and `/` have no name, and are no files.
        let name = path.file_name().unwrap_or_default();
        if patterns.leave_out(Path::new(name)) || !patterns.take(Path::new(name)) {
            let reason = "its name does not match the patterns";
            return Err(PlanError::Empty { path: path.to_owned(), reason });
        }
        let real = PathBuf::from(resolved(path)?.file_name().unwrap_or_default());
        Ok(Self {
            files: vec![(travelling(name, path, Names::Linux)?, real)],
            bytes: size,
            ..Self::default()
        })
    }

    fn of_folder(
        folder: &Folder,
        path: &Path,
        patterns: &Patterns,
        task: &Task<'_>,
    ) -> Result<Self, PlanError> {
        let mut listing = Self::default();
        // Directories that are not empty on disk, whether or not what is in them belongs to the item.
        let mut filled = BTreeSet::new();
        let mut folders = Vec::new();
        folder.walk(&mut |found| {
            task.go_on()?;
            filled.extend(found.inner.parent().map(Path::to_owned));
            // The history of a clone is not a part of its files, and its settings may hold a password.
            let is_history = found.inner.file_name().is_some_and(|name| name == GIT) && !patterns.name_git();
            if is_history || patterns.leave_out(found.inner) {
                return Ok(false);
            }
            if found.kind.is_dir() {
                folders.push(found.inner.to_owned());
            } else if patterns.take(found.inner) {
                let name = travelling(found.inner.as_os_str(), &folder.shown(found.inner), Names::Linux);
                let added = name.and_then(|name| {
                    listing.keep_parents(&name);
                    listing.add(name, found, folder)
                });
                match added {
                    Err(error @ (PlanError::Name { .. } | PlanError::Type { .. })) => listing.object(error),
                    other => other?,
                }
            }
            let (count, limit) = (listing.len() + folders.len(), task.work.limits.entries);
            if count > limit {
                let what = format!("entries of `{}`", super::error::shown(path));
                return Err(PlanError::Limit { what, found: count as u64, limit: limit as u64 });
            }
            Ok(true)
        })?;
        if patterns.take_empty_folders() {
            for inner in folders.into_iter().filter(|inner| !filled.contains(inner)) {
                match travelling(inner.as_os_str(), &folder.shown(&inner), Names::Linux) {
                    Ok(name) => {
                        listing.keep_parents(&name);
                        listing.folders.insert(name.as_str().to_owned());
                    }
                    Err(error) => listing.object(error),
                }
            }
        }
        if listing.len() == 0 && listing.objections.is_empty() {
            let reason = if filled.is_empty() { "the folder is empty" } else { "the patterns leave nothing" };
            return Err(PlanError::Empty { path: path.to_owned(), reason });
        }
        Ok(listing)
    }

    fn object(&mut self, objection: PlanError) {
        if self.objections.len() < OBJECTIONS {
            self.objections.push(objection);
        }
    }

    /// Everything that keeps it from traveling, before a byte of it is read.
    fn check(&self, path: &Path, names: Names, task: &Task<'_>) -> Result<(), PlanError> {
        let file = Node::File { size: 0, sha256: Digest::of(b""), executable: false };
        let files = self.files.iter().map(|(path, _)| Entry { path: path.clone(), node: file.clone() });
        let links = self
            .links
            .iter()
            .map(|(path, target)| Entry { path: path.clone(), node: Node::Link { target: target.clone() } });
        let mut entries: Vec<Entry> = files.chain(links).collect();
        for folder in &self.folders {
            let name = travelling(OsStr::new(folder), path, Names::Linux)?;
            entries.push(Entry { path: name, node: Node::Dir });
        }
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let most = OBJECTIONS.saturating_sub(self.objections.len()).max(1);
        let of_tree = Tree::objections(&entries, names, task.work.limits, most).into_iter().map(|error| {
            match error.reason {
                TreeObjection::Name(objection) => unable(&path.join(&error.path), objection),
                _ => PlanError::Tree { path: path.to_owned(), source: error },
            }
        });
        let mut all: Vec<PlanError> = self.objections.iter().filter_map(again).chain(of_tree).collect();
        if all.len() > 1 {
            return Err(PlanError::Objections { path: path.to_owned(), errors: all });
        }
        all.pop().map_or(Ok(()), Err)
    }

    fn len(&self) -> usize {
        self.files.len() + self.links.len() + self.folders.len()
    }

    fn add(&mut self, name: RelPath, found: &FoundEntry<'_>, folder: &Folder) -> Result<(), PlanError> {
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
                    None => return Err(unable(Path::new(&target), PathObjection::Encoding)),
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
        let folders = self.folders.iter().map(|name| {
            Ok(Entry { path: travelling(OsStr::new(name), path, Names::Linux)?, node: Node::Dir })
        });
        files.chain(links).chain(folders).collect()
    }
}

/// An objection to a single name once more; errors are no values that can be copied.
fn again(error: &PlanError) -> Option<PlanError> {
    match error {
        PlanError::Name { path, objection } => {
            Some(PlanError::Name { path: path.clone(), objection: *objection })
        }
        PlanError::Type { path, found } => Some(PlanError::Type { path: path.clone(), found }),
        _ => None,
    }
}

/// The name an entry has in the tree; `at` is in place, for the message.
pub(super) fn travelling(name: &OsStr, at: &Path, names: Names) -> Result<RelPath, PlanError> {
    let Some(text) = name.to_str() else { return Err(unable(at, PathObjection::Encoding)) };
    RelPath::parse_for(text, names).map_err(|error| match error {
        ValueError::Path { reason, .. } => unable(at, reason),
        // Parsing a path fails in no other way.
        ValueError::Digest(_)
        | ValueError::Name { .. }
        | ValueError::ImageName { .. }
        | ValueError::Moment(_)
        | ValueError::Spoken { .. }
        | ValueError::Reason(_)
        | ValueError::Platform(_) => unable(at, PathObjection::Empty),
    })
}

/// Shows the bytes of a name that are no text as `\xNN`.
fn unable(path: &Path, objection: PathObjection) -> PlanError {
    use sealift_bundle::value::printable::Printable;
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
