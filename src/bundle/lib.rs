//! The bundle format of sealift: one signed, compressed file that carries documents, container images and
//! configurations across an air gap, and lets the far side prove what arrived.
//!
//! | word | meaning |
//! |---|---|
//! | scenario | a deployment pattern |
//! | manifest | TOML that lists the items of one scenario: what should travel |
//! | item | one thing a manifest names: an `image`, a `doc`, a `config` or a `file` |
//! | lock | the manifest with every source pinned to digest and size; packing reads only the lock |
//! | bundle | what travels; identified by the digest of its statement |
//! | statement | the small JSON document that is signed; commits to every byte of the bundle |
//! | seal | the DSSE envelope: the statement with its signatures |
//! | index | the OCI image index at the root of the bundle |
//! | tree | the files of one `doc`, `config` or `file` item |
//! | inventory | the signed list of a tree's entries and frames |
//! | frame | one bounded, compressed, individually hashed piece of a tree |
//! | blob | bytes named by their SHA-256 |
//! | trust root | the signed file that says which keys may do what; has a version |
//! | role | `root`, `packer`, `approver` |
//!
//! `FORMAT.md` beside this file is the specification. No module here opens a socket, prints, exits, asks the clock or
//! reads the environment: whoever calls hands these in.

pub mod codes;
pub mod format;
pub mod inspect;
pub mod pack;
pub mod store;
pub mod trust;
pub mod value;
