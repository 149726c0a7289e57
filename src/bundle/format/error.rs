//! Errors of reading and writing bundles.

use super::member_reader::Tail;
use crate::codes;
use crate::next_step;
use crate::value::canonical::CanonicalError;
use crate::value::digest::Digest;
use crate::value::error_code::{Code, Fault};
use crate::value::next_step::{NextStep, Subject};
use crate::value::plural::counted;
use crate::value::printable::Printable;
use std::io;
use std::path::PathBuf;

/// An error about a bundle.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum BundleError {
    #[error("bundle `{}` not found", .path.display())]
    Missing { path: PathBuf },
    #[error("cannot read {what}")]
    Read { what: String, source: io::Error },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the bundle was written to `{}`, but its directory could not be synced to disk", .path.display())]
    NotSynced { path: PathBuf, source: io::Error },
    #[error("another sealift process is writing `{}`", .path.display())]
    Busy { path: PathBuf },
    #[error("`{}` already exists with different content", .path.display())]
    Exists { path: PathBuf },
    #[error("`{}` is {found}, not a regular file", .path.display())]
    NotAFile { path: PathBuf, found: &'static str },
    #[error("{}", ends_inside(.member, *.offset))]
    Truncated { member: String, offset: u64 },
    #[error("{}", behind(*offset, *tail))]
    Trailing { offset: u64, tail: Tail },
    #[error("{}", other_header(.expected, *.offset, .found))]
    Header { expected: String, offset: u64, found: String },
    #[error("the padding of `{member}` is not zero")]
    Padding { member: String },
    #[error("digest mismatch for {}: expected {expected}, found {found}", quoted(.member))]
    Digest { member: String, expected: Digest, found: Digest },
    #[error("the bundle changed while it was read: `{member}` differs from what was verified")]
    Changed { member: String },
    #[error("size mismatch for {what}: expected {expected} bytes, found {found}")]
    Size { what: String, expected: u64, found: u64 },
    #[error("{document} is invalid: {reason}")]
    Format { document: String, reason: String },
    #[error("{document} is not in canonical form")]
    Canonical { document: String, source: CanonicalError },
    #[error("{document} has type `{}`, which this version does not support", Printable(.found))]
    Version { document: &'static str, found: String },
    #[error("{what}: {found} exceeds the limit of {limit}")]
    Limit { what: String, found: u64, limit: u64 },
    #[error("in the tree of `{item}`")]
    Tree { item: String, source: super::tree::TreeError },
    #[error("frame {number} of {layer}: {reason}")]
    Frame { layer: String, number: usize, reason: String },
    #[error("{document}: {reason}")]
    Image { document: String, reason: String },
    #[error("`{}` does not match the lock: {reason}", Printable(.path.to_string_lossy()))]
    SourceChanged { path: PathBuf, reason: String },
    #[error("cannot read `{}`", Printable(.path.to_string_lossy()))]
    SourceRead { path: PathBuf, source: io::Error },
    #[error("the bundle is encrypted")]
    Encrypted,
    #[error("seal `{}` of the encrypted bundle not found", Printable(.path.to_string_lossy()))]
    NoSeal { path: PathBuf },
    #[error("invalid recipient {number}: expected `age1...`, found `{}`", Printable(.found))]
    Recipient { number: usize, found: String },
    #[error("expected 1 to {most} recipients, found {found}")]
    Recipients { found: usize, most: usize },
    #[error("invalid identity file `{}`: {reason}", Printable(.path.to_string_lossy()))]
    Identity { path: PathBuf, reason: String },
    #[error("the bundle is encrypted, and no identity was given")]
    NoIdentity,
    #[error("none of the given identities can decrypt the bundle")]
    NotForUs,
    #[error("the signed file is not an encrypted bundle: {reason}")]
    Age { reason: &'static str },
    #[error("the outer seal belongs to a different bundle: outside {outside}; inside {inside}")]
    OtherInside { outside: String, inside: String },
    #[error("interrupted")]
    Interrupted,
}

/// A member between backticks, unless it is a phrase with names that are quoted in it.
fn quoted(member: &str) -> String {
    if member.contains('`') { member.to_owned() } else { format!("`{member}`") }
}

/// Without even its first header, nothing says that it is a bundle.
fn ends_inside(member: &str, offset: u64) -> String {
    if offset == 0 {
        return format!("not a sealift bundle, or truncated: shorter than the 512-byte header of `{member}`");
    }
    format!("the bundle is truncated inside `{member}`, at byte {offset}")
}

fn other_header(expected: &str, offset: u64, found: &str) -> String {
    if offset == 0 {
        return format!(
            "not a sealift bundle: expected the header of `{expected}` at the start, found {found}"
        );
    }
    format!("expected the header of `{expected}` at byte {offset}, found {found}")
}

/// What follows the end at `offset`, for users.
fn behind(offset: u64, tail: Tail) -> String {
    let zeros = "as raw devices, tapes and block copies add them; the bundle ends at byte";
    match tail {
        Tail::Zeros(count) => {
            format!("the bundle is followed by {}, {zeros} {offset}", counted(count, "zero byte"))
        }
        Tail::ManyZeros => {
            format!("the bundle is followed by a large number of zero bytes, {zeros} {offset}")
        }
        Tail::Other => format!("unexpected data after the end of the bundle, at byte {offset}"),
    }
}

impl Fault for BundleError {
    fn code(&self) -> Code {
        match self {
            Self::Missing { .. } => codes::BUNDLE_MISSING,
            Self::Read { .. } => codes::BUNDLE_READ,
            Self::Write { .. } | Self::NotSynced { .. } => codes::BUNDLE_WRITE,
            Self::Busy { .. } => codes::BUNDLE_BUSY,
            Self::Exists { .. } => codes::BUNDLE_EXISTS,
            Self::NotAFile { .. } => codes::BUNDLE_NOT_A_FILE,
            Self::Truncated { .. } => codes::BUNDLE_TRUNCATED,
            Self::Trailing { .. } => codes::BUNDLE_TRAILING,
            Self::Header { .. } => codes::BUNDLE_HEADER,
            Self::Padding { .. } => codes::BUNDLE_PADDING,
            Self::Digest { .. } => codes::BUNDLE_DIGEST,
            Self::Changed { .. } => codes::BUNDLE_CHANGED,
            Self::Size { .. } => codes::BUNDLE_SIZE,
            Self::Canonical { source: CanonicalError::Length { .. }, .. } | Self::Limit { .. } => {
                codes::BUNDLE_LIMIT
            }
            Self::Format { .. } | Self::Canonical { .. } => codes::BUNDLE_FORMAT,
            Self::Version { .. } => codes::BUNDLE_VERSION,
            Self::Tree { .. } => codes::BUNDLE_TREE,
            Self::Frame { .. } => codes::BUNDLE_FRAME,
            Self::Image { .. } => codes::BUNDLE_IMAGE,
            Self::SourceChanged { .. } => codes::SOURCE_CHANGED,
            Self::SourceRead { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                codes::SOURCE_MISSING
            }
            Self::SourceRead { .. } => codes::SOURCE_UNREADABLE,
            Self::Encrypted => codes::CARRIER_ENCRYPTED,
            Self::NoSeal { .. } => codes::CARRIER_SEAL,
            Self::Recipient { .. } | Self::Recipients { .. } => codes::CARRIER_RECIPIENT,
            Self::Identity { .. } | Self::NoIdentity | Self::NotForUs => codes::CARRIER_IDENTITY,
            Self::Age { .. } | Self::OtherInside { .. } => codes::CARRIER_FORMAT,
            Self::Interrupted => codes::INTERRUPTED,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Missing { .. } => Some(next_step!["list the bundles here: `ls *.sealift`"]),
            Self::Truncated { offset: 0, .. } | Self::Header { offset: 0, .. } => {
                Some(next_step!["check that this is the right file; if it is, copy it again from its source"])
            }
            Self::Read { .. } | Self::Truncated { .. } | Self::Digest { .. } => {
                Some(next_step!["copy the bundle again from its source and re-run `verify`"])
            }
            Self::Changed { .. } => Some(next_step![
                "copy the bundle to a disk that only you can write to, and re-run the command"
            ]),
            Self::Write { .. } => Some(next_step![
                "free some space or choose another directory with `-o`, then re-run the command"
            ]),
            Self::NotSynced { path, .. } => {
                Some(next_step![format!("run `sync`, then verify it: `sealift verify {}`", path.display())])
            }
            Self::Busy { .. } => {
                Some(next_step!["wait for it to finish, or choose another directory with `-o`"])
            }
            Self::Exists { .. } => {
                Some(next_step!["raise `version` in the manifest, or move the old bundle away"])
            }
            Self::NotAFile { .. } => {
                Some(next_step!["pass the file itself, or pipe it in: `... | sealift verify -`"])
            }
            Self::SourceChanged { .. } => Some(next_step![
                "if the change is intended, run `sealift lock ",
                Subject::Manifest,
                "` and review the lock"
            ]),
            Self::Trailing { offset, tail: Tail::Zeros(_) | Tail::ManyZeros } => Some(next_step![format!(
                "cut off the padding of a copy with `truncate -s {offset} FILE`, or read only the bundle with `head -c {offset} DEVICE | sealift verify -`; the rest of the bundle has been verified"
            )]),
            Self::Trailing { tail: Tail::Other, .. }
            | Self::Header { .. }
            | Self::Padding { .. }
            | Self::Size { .. }
            | Self::Format { .. }
            | Self::Canonical { .. }
            | Self::Limit { .. }
            | Self::Tree { .. }
            | Self::Frame { .. }
            | Self::Image { .. }
            | Self::Age { .. }
            | Self::OtherInside { .. } => {
                Some(next_step!["do not use this bundle; keep the medium and contact the packer"])
            }
            Self::Encrypted => Some(next_step![
                "unpack it: `sealift unpack ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --identity FILE --to NEW-DIRECTORY`; or decrypt it, where plaintext is allowed, with `age -d -i FILE -o NAME.sealift NAME.sealift.age`"
            ]),
            Self::NoSeal { .. } => Some(next_step![
                "copy the seal from the source of the encrypted bundle; both files travel together"
            ]),
            Self::Recipient { .. } | Self::Recipients { .. } => {
                Some(next_step!["ask each site for the output of `age-keygen -y IDENTITY`"])
            }
            Self::Identity { .. } => Some(next_step!["pass the file that `age-keygen -o FILE` wrote"]),
            Self::NoIdentity => Some(next_step!["pass your identity with `--identity FILE`"]),
            Self::NotForUs => Some(next_step![
                "pass the matching identity with `--identity`, or ask the packer to encrypt for the recipient that `age-keygen -y IDENTITY` prints"
            ]),
            Self::Version { .. } => Some(next_step!["use a newer version of sealift"]),
            Self::SourceRead { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(next_step![
                "restore the file, or lock what is there now: `sealift lock ",
                Subject::Manifest,
                "`"
            ]),
            Self::SourceRead { .. } | Self::Interrupted => None,
        }
    }
}
