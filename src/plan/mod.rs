//! The connected side: manifest, lock and sources.
