//! What travels: the bundle, its parts and its bytes.
//!
//! [`FORMAT.md`](https://docs.rs/crate/sealift/latest/source/src/bundle/FORMAT.md) beside this file is the
//! specification; the comments here say why. This folder knows no manifest, no site and no trust root.

pub mod carrier;
mod cutter;
pub mod draft;
#[cfg(feature = "encryption")]
pub mod encryption;
pub mod entry;
pub mod error;
pub mod frame;
mod front;
pub mod image_json;
pub mod index;
pub mod inventory;
pub mod item;
pub mod marks;
pub mod member;
pub mod needs;
pub mod oci;
pub mod order;
pub mod pack;
mod parts;
pub mod payload;
pub mod place;
pub mod read;
pub mod reseal;
pub mod statement;
pub mod stream;
pub mod tree;

pub use error::BundleError;
