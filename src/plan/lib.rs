//! The connected side: what should travel, where it lies, and the lock that pins it.
//!
//! [`Manifest`](manifest::Manifest) -> [`Lock`](lock::Lock) -> [`Draft`](sealift_bundle::format::draft::Draft). Everything
//! that can be wrong with a source is found when it is locked, with its path, and not at the site.

mod archive;
mod candidate;
mod chart;
mod composing;
mod drawing;
mod folder;
mod git;
mod grammar;
mod inflate;
mod laying;
mod layout;
mod lines;
mod locating;
mod members;
mod patterns;
mod pinning;
mod pulling;
mod reading;
mod rootfs;
#[cfg(test)]
mod sample;
mod tree;
mod work;

pub mod address;
pub mod check;
pub mod choosing;
pub mod commit;
pub mod error;
mod fetch;
pub mod init;
pub mod lock;
pub mod manifest;
pub mod requirement;
pub mod scenarios;
pub mod schema;

pub use drawing::Drawing;
pub use error::PlanError;
pub use work::Work;
