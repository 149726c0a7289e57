//! OCI distribution: pulls from registries, pushes to them, and serves bundles as one.
//!
//! The client is synchronous and uses `ureq`. It trusts nothing: manifests and blobs are compared with the requested
//! digest before they are used, lengths with what was announced, and credentials go only to the host they are for.

pub mod client;
pub mod codes;
pub mod credentials;
pub mod destination;
pub mod download;
pub mod endpoints;
pub mod error;
pub mod load;
pub mod proxies;
pub mod publish;
pub mod serve;
pub mod settings;

mod auth;
mod challenge;
mod http;
mod pull;
mod push;
mod push_blobs;
mod referrers;
mod response;
mod stream;
mod token;
mod upload;
mod waiting;

pub use client::Client;
pub use endpoints::{RegistryAccess, Repository};
pub use error::RegistryError;
pub use pull::Fetched;
pub use push::Taken;
pub use referrers::referrers_tag;
pub use upload::Upload;
