//! The bundle format: its documents, members and bytes.
//!
//! [`FORMAT.md`](https://docs.rs/crate/sealift/latest/source/src/bundle/FORMAT.md) beside this file is the
//! specification; the comments here say why. Nothing here knows a manifest, a site or a trust root.

pub mod atomic_file;
pub mod blob_order;
pub mod carrier;
#[cfg(feature = "encryption")]
pub mod encryption;
pub mod entry;
pub mod error;
pub mod frame;
pub mod image_json;
pub mod index;
pub mod inventory;
pub mod item;
pub(crate) mod marks;
pub mod member;
pub mod member_reader;
pub mod oci;
pub mod site_inputs;
pub mod statement;
pub mod tree;

pub use error::BundleError;
