//! What would fail at the site, seen in the content before it travels.
//!
//! Every function here takes names and bytes and gives findings or mentions; none reads a file, and none writes.
//! A thing that could not be understood is said, never left out.

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
