//! Registries: what speaks the OCI distribution protocol.

pub mod serve;
