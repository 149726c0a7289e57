//! What travels: the bundle, its parts and its bytes.
//!
//! [`FORMAT.md`](https://docs.rs/crate/sealift/latest/source/src/bundle/FORMAT.md) beside this file is the
//! specification; the comments here say why. This folder knows no manifest, no site and no trust root.

mod assemble;
pub mod atomic_file;
pub mod blob_order;
pub mod carrier;
mod chunker;
pub mod draft;
#[cfg(feature = "encryption")]
pub mod encryption;
pub mod entry;
pub mod error;
pub mod frame;
mod header_members;
pub mod image_json;
pub mod index;
pub mod inventory;
pub mod item;
pub mod marks;
pub mod member;
pub mod member_reader;
pub mod oci;
pub mod pack;
pub mod reseal;
pub mod site_inputs;
pub mod statement;
pub mod stream;
pub mod tree;
pub mod write_blobs;

pub use error::BundleError;
