//! Finds images that files of a directory reference, as `check` does.

use crate::lint::references::{How, Mention, Variables, is_chart, mentions, variables};
use sealift_audit::finding::LintFile;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::printable::Printable;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Files of one directory that are read.
const FILES: usize = 1000;
/// Bytes of the largest text, and of the largest chart.
const TEXT: u64 = 4 << 20;
const CHART: u64 = 64 << 20;

#[derive(Default)]
pub(super) struct MentionedImages {
    /// Images, each with the first place that names it.
    pub(super) images: BTreeMap<ImageName, String>,
    /// What could not be resolved: place, text and reason, safe to show.
    pub(super) unclear: Vec<String>,
}

/// Looks through what becomes configurations and files; documents may name images that no one runs.
pub(super) fn look(folder: &Path, found: &[(PathBuf, ItemKind)]) -> MentionedImages {
    let files: Vec<(String, Vec<u8>)> = found
        .iter()
        .filter(|(_, kind)| *kind != ItemKind::Doc)
        .flat_map(|(path, _)| files(path))
        .chain(std::iter::once(folder.join(".env")))
        .filter_map(|path| Some((name(folder, &path), read(&path)?)))
        .collect();
    let mut known = Variables::new();
    for (path, bytes) in &files {
        known.extend(variables(&LintFile { item: "", path, bytes }));
    }
    let mut mentioned = MentionedImages::default();
    for (path, bytes) in &files {
        let is_other_archive = bytes.starts_with(b"\x1f\x8b") && !is_chart(bytes);
        if !is_other_archive {
            for one in mentions(&LintFile { item: "", path, bytes }, &known) {
                mentioned.take(&one);
            }
        }
    }
    mentioned
}

/// Whether everything at a path is a packed chart.
pub(super) fn are_charts(path: &Path) -> bool {
    let mut files = files(path).peekable();
    files.peek().is_some() && files.all(|file| read(&file).is_some_and(|bytes| is_chart(&bytes)))
}

fn files(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = WalkDir::new(path).sort_by_file_name().into_iter().flatten();
    let files = entries.filter(|entry| entry.file_type().is_file()).take(FILES);
    files.map(walkdir::DirEntry::into_path)
}

/// The content of a file that may name images; nothing of one that is too large or cannot be read.
fn read(path: &Path) -> Option<Vec<u8>> {
    let is_archive = path.extension().is_some_and(|ending| ending == "tgz" || ending == "gz");
    let most = if is_archive { CHART } else { TEXT };
    let bytes = atomic_file::read_bounded(path, most).ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

fn name(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

impl MentionedImages {
    fn take(&mut self, mention: &Mention) {
        let line = mention.place.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = format!("{}{line}", mention.place.path);
        let mut unclear = |reason: &str| {
            self.unclear.push(format!("{place}: {}: {reason}", Printable(&mention.reference)));
        };
        match (&mention.how, mention.reference.parse::<ImageName>()) {
            (How::Named, _) if mention.site => {
                unclear("the registry of the site; name the one it comes from");
            }
            (How::Named, Ok(image)) => {
                self.images.entry(image).or_insert(place);
            }
            (How::Named, Err(error)) => unclear(&error.to_string()),
            (How::Unclear(reason), _) => unclear(reason),
            (How::Chart, _) => unclear("a chart that is not in the archive"),
            (How::Test, _) => {}
        }
    }
}
