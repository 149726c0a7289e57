//! The isolated side: writes verified content, and nothing else.

pub mod codes;
pub mod contents;
pub mod doctor;
pub mod error;
pub mod evidence;
mod gc;
pub mod handle;
pub mod install;
pub mod journal;
pub mod lifecycle;
mod ownership;
pub mod parameters;
pub mod receipt;
pub mod release_inventory;
pub mod rendering;
pub mod repair;
mod reserve;
pub(crate) mod staging;
pub mod state;
mod transaction;
pub mod unpack;

pub use error::SiteError;
