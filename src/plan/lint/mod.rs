//! Finds what would fail at the site in the content.
//!
//! Every function takes names and bytes and returns findings or image references; none reads or writes a file. What
//! cannot be parsed is reported, never left out.

mod chart;
pub(crate) mod document;
mod expression;
mod holes;
pub(crate) mod hosts;
mod image_keys;
mod numbers;
mod probable;
mod settings;
mod tarball;
mod watched;

pub(crate) mod json_in;
pub(crate) mod outward;
pub(crate) mod references;
