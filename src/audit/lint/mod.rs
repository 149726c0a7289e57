//! What would fail at the site, seen in the content before it travels.
//!
//! Every function here takes names and bytes and gives findings or mentions; none reads a file, and none writes.
//! A thing that could not be understood is said, never left out.

mod chart;
pub mod document;
mod expression;
mod holes;
pub mod hosts;
mod image_keys;
mod numbers;
mod patterns;
mod probable;
mod rules;
mod settings;
mod tarball;
mod watched;

pub mod finding;
pub mod json_in;
pub mod outward;
pub mod references;
pub mod secrets;

/// A file as `check` looks at it.
#[derive(Debug, Clone, Copy)]
pub struct LintFile<'a> {
    /// The item that it belongs to.
    pub item: &'a str,
    /// Its path within the item.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl LintFile<'_> {
    /// Whether its content begins as gzip does.
    #[must_use]
    pub fn is_gzip(&self) -> bool {
        tarball::is_gzip(self.bytes)
    }

    /// What a finding about the whole file is about: `ITEM/PATH`.
    #[must_use]
    pub fn about(&self) -> String {
        format!("{}/{}", self.item, self.path)
    }
}
