//! The connected side: manifest, lock, sources, check.
//!
//! [`Manifest`](manifest::Manifest) -> [`Lock`](lock::Lock) -> [`Draft`](sealift_bundle::pack::draft::Draft).
//! Everything that can be wrong with a source is found when it is locked, and not at the site.

mod chart;
pub mod codes;
mod context;
mod diagnostic;
mod folder;
mod git;
mod grammar;
mod image_docker_archive;
mod image_files;
mod image_oci_layout;
mod image_registry;
mod image_select;
mod include;
mod inflate;
mod lint;
mod lock_items;
mod lock_to_draft;
mod lock_writer;
mod parse;
mod patterns;
mod resolve;
mod rootfs;
#[cfg(test)]
mod test_support;
mod tree;

pub(crate) mod address;
pub mod check;
pub(crate) mod commit;
pub mod error;
mod fetch;
pub mod init;
pub mod lock;
pub mod manifest;
pub(crate) mod requirement;
pub mod scenarios;
pub mod schema;
pub mod selection;

pub use context::Work;
pub use diagnostic::Diagnostic;
pub use error::PlanError;
