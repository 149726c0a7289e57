//! The isolated side: what is believed is written here, and nowhere else.

pub mod doctor;
pub mod error;
pub mod staging;
pub mod unpack;

pub use error::SiteError;
