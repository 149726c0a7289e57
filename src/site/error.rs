//! What can go wrong on the isolated side.

use crate::bundle::BundleError;
use crate::trust::TrustError;
use crate::value::code::{Code, Fault};
use crate::value::size::ByteSize;
use crate::value::words::{counted, quoted};
use std::io;
use std::path::PathBuf;

/// An error while a bundle is unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SiteError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("`{}` is {found}", .path.display())]
    Target { path: PathBuf, found: &'static str },
    #[error("there is no folder `{}` to unpack into", .path.display())]
    NoParent { path: PathBuf },
    #[error("`{}` {reason}", .path.display())]
    Parent { path: PathBuf, reason: &'static str },
    #[error("`{}` has too little space: the bundle needs {}, {} are free", .path.display(), ByteSize(*.needed), ByteSize(*.free))]
    Space { path: PathBuf, needed: u64, free: u64 },
    #[error("`{}` has too few inodes: the bundle needs {needed}, {free} are free", .path.display())]
    Inodes { path: PathBuf, needed: u64, free: u64 },
    #[error("another sealift is unpacking to `{}`", .path.display())]
    Busy { path: PathBuf },
    #[error("cannot look at `{}`", .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("`{}` is not ready: {}", .path.display(), counted(*.problems, "problem"))]
    Unfit { path: PathBuf, problems: u64 },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("everything is unpacked to `{}`, but its folder could not be made durable (synced)", .path.display())]
    NotSynced { path: PathBuf, source: io::Error },
}

impl From<BundleError> for SiteError {
    fn from(error: BundleError) -> Self {
        Self::Trust(error.into())
    }
}

impl Fault for SiteError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Target { .. } => Code::SiteTarget,
            Self::NoParent { .. } | Self::Parent { .. } => Code::SiteParent,
            Self::Space { .. } | Self::Inodes { .. } => Code::SiteSpace,
            Self::Busy { .. } => Code::SiteBusy,
            Self::Look { .. } => Code::DoctorLook,
            Self::Unfit { .. } => Code::DoctorProblems,
            Self::Write { .. } | Self::NotSynced { .. } => Code::SiteWrite,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Trust(error) => error.hint(),
            Self::Target { .. } => Some("name a folder that does not exist yet: `--to NEW`".to_owned()),
            Self::NoParent { path } => Some(format!("make it first: `mkdir -p {}`", quoted(path))),
            Self::Parent { .. } => Some("choose a folder that only you can write to".to_owned()),
            Self::Space { .. } | Self::Inodes { .. } => {
                Some("free space there, or name a folder on another disk with `--to`".to_owned())
            }
            Self::Busy { .. } => Some("wait for it to end, or name another folder with `--to`".to_owned()),
            Self::Look { .. } => {
                Some("run it as whoever will unpack there, or name another folder".to_owned())
            }
            Self::Unfit { .. } => Some("do what stands beside each problem, then run it again".to_owned()),
            Self::Write { .. } => {
                Some("nothing was left behind; mend the cause and run the same command".to_owned())
            }
            Self::NotSynced { .. } => Some("run `sync`; there is nothing to unpack again".to_owned()),
        }
    }
}
