//! OCI distribution: pulling from registries, pushing into them, and being one.
//!
//! The client is synchronous and stands on `ureq`. It believes nothing: manifests and blobs are compared with the
//! digest they were asked by before anything is made of them, lengths with what was announced, and credentials go only
//! to the host they are for.

pub mod access;
pub mod client;
pub mod credentials;
pub mod destination;
pub mod download;
pub mod error;
pub mod load;
pub mod proxies;
pub mod publish;
pub mod serve;
pub mod settings;

mod answer;
mod challenge;
mod http;
mod proof;
mod pull;
mod push;
mod referring;
mod secrets;
mod sending;
mod stream;
mod upload;
mod waiting;

pub use access::{Access, Repository};
pub use client::Client;
pub use error::RegistryError;
pub use pull::Fetched;
pub use push::Taken;
pub use referring::referrers_tag;
pub use upload::Upload;
