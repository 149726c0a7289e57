//! What changed from one to the other: two bundles, or a bundle and what a lock, a site or a receipt says.
//!
//! A digest that is the same on both sides stands for all that it commits to, and nothing below it is looked at. What
//! only one side knows is not compared, and is said: an absence of knowledge is never taken for equality.
//!
//! Start at [`compare_sides()`]: `items` and `image` compare what two sides have, `files`, `packages` and `privileges` what is
//! in it, and all of them add to a `change_set`. The types of what is found are in `change`, below them.

mod change;
mod change_set;
mod compare_sides;
mod difference;
mod entry;
mod facts;
mod files;
mod format;
mod image;
mod input;
mod items;
mod lines;
mod packages;
mod privileges;
mod redact;
mod text;

pub use change::{
    ChangeAt, ChangeKind, Executable, FileChange, FilesOf, FindingChange, ItemChange, LayerChange,
    LayerState, LayerTurn, LayersOf, Missing, Right, RightChange,
};
pub use compare_sides::compare_sides;
pub use difference::{BlobSums, BundleDifference, ChangedText, DiffVerdict};
pub use entry::EntryState;
pub use facts::{FactChange, Field, ItemFacts};
pub use input::{DiffHead, DiffItem, InputKind, Side, facts_of, say_needs, say_referrers, say_selection};
pub use lines::{DiffLines, Hunk, HunkLine, LineMark, LinesOutcome, TEXT, TEXTS, TextChange, compare_texts};
pub use packages::{PackageChange, PackageStep};
pub use text::{ListExtent, text};

#[cfg(test)]
mod tests;
