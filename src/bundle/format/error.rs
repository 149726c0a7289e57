//! What can be wrong with a bundle, or go wrong while one is written.

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
    #[error("there is no bundle `{}`", .path.display())]
    Missing { path: PathBuf },
    #[error("cannot read {what}")]
    Read { what: String, source: io::Error },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the bundle is whole at `{}`, but its folder could not be made durable (synced)", .path.display())]
    NotSynced { path: PathBuf, source: io::Error },
    #[error("another sealift is writing `{}`", .path.display())]
    Busy { path: PathBuf },
    #[error("`{}` is already there and holds other bytes", .path.display())]
    Exists { path: PathBuf },
    #[error("`{}` is {found}, not a regular file", .path.display())]
    NotAFile { path: PathBuf, found: &'static str },
    #[error("{}", ends_inside(.member, *.offset))]
    Truncated { member: String, offset: u64 },
    #[error("{}", behind(*offset, *tail))]
    Trailing { offset: u64, tail: Tail },
    #[error("{}", other_header(.expected, *.offset, .found))]
    Header { expected: String, offset: u64, found: String },
    #[error("the bytes that fill up `{member}` are not zero")]
    Padding { member: String },
    #[error("{} does not have the digest that was signed: expected {expected}, found {found}", quoted(.member))]
    Digest { member: String, expected: Digest, found: Digest },
    #[error("the bundle changed while it was read: `{member}` is not what it was when it was verified")]
    Changed { member: String },
    #[error("{what} does not have the size that was signed: expected {expected} bytes, found {found}")]
    Size { what: String, expected: u64, found: u64 },
    #[error("{document} is not as the format wants it: {reason}")]
    Format { document: String, reason: String },
    #[error("{document} is not in canonical form")]
    Canonical { document: String, source: CanonicalError },
    #[error("{document} is of type `{}`, which this build does not know", Printable(.found))]
    Version { document: &'static str, found: String },
    #[error("{what}: found {found}, the ceiling is {ceiling}")]
    Limit { what: String, found: u64, ceiling: u64 },
    #[error("in the tree of `{item}`")]
    Tree { item: String, source: super::tree::TreeError },
    #[error("frame {number} of {layer}: {reason}")]
    Frame { layer: String, number: usize, reason: String },
    #[error("{document}: {reason}")]
    Image { document: String, reason: String },
    #[error("`{}` is not what the lock pins: {reason}", Printable(.path.to_string_lossy()))]
    SourceChanged { path: PathBuf, reason: String },
    #[error("cannot read `{}`", Printable(.path.to_string_lossy()))]
    SourceRead { path: PathBuf, source: io::Error },
    #[error("the bundle is encrypted")]
    Encrypted,
    #[error("the seal of the encrypted bundle is missing: there is no `{}`", Printable(.path.to_string_lossy()))]
    NoSeal { path: PathBuf },
    #[error("recipient {number} is not `age1...`: `{}`", Printable(.found))]
    Recipient { number: usize, found: String },
    #[error("a bundle is encrypted to 1 to {most} recipients, found {found}")]
    Recipients { found: usize, most: usize },
    #[error("`{}` is no identity file: {reason}", Printable(.path.to_string_lossy()))]
    Identity { path: PathBuf, reason: String },
    #[error("no identity was given for the encrypted bundle")]
    NoIdentity,
    #[error("the bundle is not encrypted to any of the identities given")]
    NotForUs,
    #[error("what is signed is no encrypted bundle: {reason}")]
    Age { reason: &'static str },
    #[error("the seal outside is for another bundle than the one inside: outside {outside}; inside {inside}")]
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
        return format!(
            "this is no sealift bundle, or it was cut off: it is shorter than the header of `{member}`, \
             the 512 bytes that come first"
        );
    }
    format!("the bundle ends inside `{member}`, at byte {offset}")
}

fn other_header(expected: &str, offset: u64, found: &str) -> String {
    if offset == 0 {
        return format!(
            "this is no sealift bundle: it does not begin with the header of `{expected}`, found {found}"
        );
    }
    format!("at byte {offset} the header of `{expected}` was expected, found {found}")
}

/// What stands behind the end at `offset`, for people.
fn behind(offset: u64, tail: Tail) -> String {
    let zeros = "as raw devices, tapes and block copies add them; the bundle ends at byte";
    match tail {
        Tail::Zeros(count) => {
            format!("the bundle is followed by {}, {zeros} {offset}", counted(count, "zero byte"))
        }
        Tail::ManyZeros => format!("the bundle is followed by very many zero bytes, {zeros} {offset}"),
        Tail::Other => format!("there are bytes behind the end of the bundle, at byte {offset}"),
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
            Self::Missing { .. } => Some(next_step!["look for it: `ls *.sealift`"]),
            Self::Truncated { offset: 0, .. } | Self::Header { offset: 0, .. } => Some(next_step![
                "look whether this is the right file; if it is, copy it again from its source"
            ]),
            Self::Read { .. } | Self::Truncated { .. } | Self::Digest { .. } => {
                Some(next_step!["copy the bundle again from its source, then verify it again"])
            }
            Self::Changed { .. } => Some(next_step![
                "copy the bundle to a disk that only you can write to, and run the same command again"
            ]),
            Self::Write { .. } => {
                Some(next_step!["free space or choose another folder with `-o`, then run the same command"])
            }
            Self::NotSynced { path, .. } => {
                Some(next_step![format!("run `sync`, then verify it: `sealift verify {}`", path.display())])
            }
            Self::Busy { .. } => Some(next_step!["wait for it to end, or write to another folder with `-o`"]),
            Self::Exists { .. } => {
                Some(next_step!["raise `version` in the manifest, or move the old bundle away"])
            }
            Self::NotAFile { .. } => {
                Some(next_step!["name the file itself, or pipe it in: `... | sealift verify -`"])
            }
            Self::SourceChanged { .. } => Some(next_step![
                "if the change is wanted: `sealift lock ",
                Subject::Manifest,
                "`, and review the lock"
            ]),
            Self::Trailing { offset, tail: Tail::Zeros(_) | Tail::ManyZeros } => Some(next_step![format!(
                "cut them off a copy, `truncate -s {offset} FILE`, or read no further, `head -c {offset} DEVICE | sealift verify -`; the rest of the bundle has been verified"
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
                Some(next_step!["do not use this bundle; keep the medium and tell whoever sealed it"])
            }
            Self::Encrypted => Some(next_step![
                "unpack it: `sealift unpack ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --identity FILE --to NEW-FOLDER`; or decrypt it with \
                 `age -d -i FILE -o NAME.sealift NAME.sealift.age`, where it may lie in the clear"
            ]),
            Self::NoSeal { .. } => Some(next_step![
                "copy it from where the encrypted bundle came from; both files travel together"
            ]),
            Self::Recipient { .. } | Self::Recipients { .. } => {
                Some(next_step!["ask each site for the line that `age-keygen -y IDENTITY` prints there"])
            }
            Self::Identity { .. } => Some(next_step!["name the file that `age-keygen -o FILE` wrote"]),
            Self::NoIdentity => Some(next_step!["name the file with your identity: `--identity FILE`"]),
            Self::NotForUs => Some(next_step![
                "name the right identity with `--identity`, or have it packed for the recipient that \
                 `age-keygen -y IDENTITY` prints"
            ]),
            Self::Version { .. } => Some(next_step!["read it with a newer sealift"]),
            Self::SourceRead { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(next_step![
                "put it back, or lock what is there now: `sealift lock ",
                Subject::Manifest,
                "`"
            ]),
            Self::SourceRead { .. } | Self::Interrupted => None,
        }
    }
}
