//! Compares lines that look like secrets without showing them.

use crate::finding::LintFile;
use crate::secrets;
use std::borrow::Cow;

/// A line of someone's text, or in its place that it is not shown.
pub(super) fn masked(line: &str) -> Cow<'_, str> {
    let file = LintFile { item: "image", path: "config", bytes: line.as_bytes() };
    if secrets::find(&file).is_empty() { Cow::Borrowed(line) } else { Cow::Owned(HIDDEN.to_owned()) }
}

/// What is in place of a secret. Neither its length nor a digest: short ones can be guessed from both.
pub(super) const HIDDEN: &str = "(not shown: it looks like a secret)";
