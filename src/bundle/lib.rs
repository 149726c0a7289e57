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
//! # Verify a bundle
//!
//! ```
//! use sealift_bundle::{Conditions, PinnedRoot, value::limits::Limits, verify};
//! use std::{fs::File, path::Path};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = Path::new("../../tests/bundles");
//! let root = PinnedRoot::open(&directory.join("root.json"), &Limits::v1())?;
//! let now = "2026-12-01T00:00:00Z".parse()?;
//! let file = File::open(directory.join("v1-0.1.0.sealift"))?;
//! let bundle = verify(file, &root, Conditions::at(now))?; // every byte
//! let readme = bundle.read_file("runbooks", "readme.md", 1 << 20)?;
//! assert_eq!(*readme, b"read me\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Pack and seal one
//!
//! ```
//! use sealift_bundle::pack::draft::{Draft, DraftItem, DraftTree};
//! use sealift_bundle::trust::{key::Signer as _, root::RootDraft, root_file::RootFile, secret::SecretKey};
//! use sealift_bundle::value::{limits::Limits, progress::NoProgress};
//! use sealift_bundle::{Authority, format::item::ItemKind, pack::pack};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::env::temp_dir().join(format!("sealift-doctest-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # std::fs::write(directory.join("notes.md"), "notes")?;
//! let (limits, created) = (Limits::v1(), "2026-12-01T00:00:00Z".parse()?);
//! let key = SecretKey::generate()?;
//! let root = RootDraft::single_key(&"alice".parse()?, key.public(), created);
//! let root = RootFile::first(root, &[&key], &limits)?.into_pinned()?;
//! let mut draft = Draft::new("notes".parse()?, "1.0".parse()?, "air-gapped".parse()?, created);
//! let (item, path) = ("notes".parse()?, "notes.md".parse()?);
//! let notes = DraftTree::of_file(item, ItemKind::Doc, path, directory.join("notes.md"), &limits)?;
//! draft.items.push(DraftItem::Tree(notes));
//! let authority = Authority::new(&root, &[&key], 1, &limits)?;
//! let sealed = pack(&draft, &authority, &directory, None, 2, &limits, &NoProgress)?;
//! assert!(sealed.path.ends_with("notes-1.0.sealift"));
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(())
//! # }
//! ```
//!
//! `FORMAT.md` beside this file is the specification. No module here opens a socket, prints, exits, asks the clock or
//! reads the environment: anyone who calls hands these in.

pub mod codes;
pub mod format;
pub mod inspect;
pub mod pack;
pub mod store;
pub mod trust;
pub mod value;

pub use format::BundleError;
pub use pack::Authority;
pub use trust::TrustError;
pub use trust::chain::PinnedRoot;
pub use trust::verify::{Conditions, OpenBundle, Verified, verify};
