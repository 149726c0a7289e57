//! Selects the paths of a directory that belong to an item.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sealift_bundle::value::rel_path::Names;
use std::path::Path;

/// The patterns `include` and `exclude` of an item, matched against paths in the tree.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
    name_git: bool,
    names: Names,
}

/// A pattern that is none.
#[derive(Debug)]
pub(super) struct PatternMistake {
    /// 0 for `include`, 1 for `exclude`.
    pub(super) list: usize,
    pub(super) number: usize,
    /// What is wrong with it.
    pub(super) reason: String,
}

impl Patterns {
    /// Takes the patterns; without `include` everything belongs.
    pub(super) fn new(
        include: Option<&[String]>,
        exclude: Option<&[String]>,
    ) -> Result<Self, PatternMistake> {
        let set = |list: usize, patterns: &[String]| {
            let wrong = |number, error: &globset::Error| {
                let reason = error.kind().to_string();
                PatternMistake { list, number, reason }
            };
            let mut builder = GlobSetBuilder::new();
            for (number, pattern) in patterns.iter().enumerate() {
                let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
                builder.add(glob.map_err(|error| wrong(number, &error))?);
            }
            builder.build().map_err(|error| wrong(0, &error))
        };
        Ok(Self {
            include: include.map(|patterns| set(0, patterns)).transpose()?,
            exclude: set(1, exclude.unwrap_or_default())?,
            name_git: include
                .into_iter()
                .flatten()
                .any(|pattern| pattern.split('/').any(|part| part == ".git")),
            names: Names::Portable,
        })
    }

    /// The same, for trees whose names are for these systems.
    pub(super) fn with_names(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// The systems that the names of the tree are for.
    pub(super) fn names(&self) -> Names {
        self.names
    }

    /// True when `include` names `.git`, which stays behind otherwise.
    pub(super) fn name_git(&self) -> bool {
        self.name_git
    }

    /// True for a file or directory that, with everything below it, does not belong.
    pub(super) fn leave_out(&self, path: &Path) -> bool {
        self.exclude.is_match(path)
    }

    /// True for a file or link that belongs, unless it or a directory above it is left out.
    pub(super) fn take(&self, path: &Path) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(path))
    }

    /// True when directories belong although nothing that belongs is in them.
    pub(super) fn take_empty_folders(&self) -> bool {
        self.include.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use std::path::Path;

    #[test]
    fn a_star_stays_in_its_folder_and_two_go_over_folders() {
        let patterns = {
            let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let mistake = Patterns::new(None, Some(&list(&["a", "[z"]))).unwrap_err();
            assert_eq!((mistake.list, mistake.number), (1, 1));
            Patterns::new(Some(&list(&["*.md", "a/**/*.txt"])), Some(&list(&["drafts"]))).unwrap()
        };
        for (path, expected) in
            [("x.md", true), ("a/x.md", false), ("a/x.txt", true), ("a/b/c/x.txt", true), ("x.txt", false)]
        {
            assert_eq!(patterns.take(Path::new(path)), expected, "{path}");
        }
        assert!(patterns.leave_out(Path::new("drafts")));
        assert!(!patterns.leave_out(Path::new("a/drafts")));
    }
}
