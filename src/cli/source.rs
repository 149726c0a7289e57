//! Where a bundle comes from: a file, standard input, or a registry.

use super::BundleArgs;
use super::carrier::{Encrypted, IdentityArgs};
use super::error::CliError;
use sealift_bundle::format::carrier::is_encrypted;
use sealift_bundle::format::member_reader::{self, MemberReader};
use sealift_bundle::next_step;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::trust::verify::carrier::VerifiedCarrier;
use sealift_bundle::value::progress::Progress;
use std::fs::File;

#[cfg(feature = "registry")]
use {
    super::LIMITS,
    super::registry::RegistryArgs,
    sealift_bundle::value::image_name::ImageName,
    sealift_registry::{Client, Repository, publish::Reader},
};

/// How the address of a bundle in a registry begins.
#[cfg(feature = "registry")]
const SCHEME: &str = "oci://";

/// A bundle that is read from front to back.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
}

/// An opened source; tapes borrow from it.
pub(super) enum Source {
    File(File),
    Pipe,
    Encrypted(Box<Encrypted>),
    #[cfg(feature = "registry")]
    Registry {
        client: Box<Client>,
        place: Address,
    },
}

impl SourceArgs {
    /// Opens a file, or gets ready to ask a registry.
    pub(super) fn open(&self) -> Result<Source, CliError> {
        #[cfg(feature = "registry")]
        if let Some(place) = Address::of(&self.bundle.bundle)? {
            let client = Box::new(Client::new(self.registry.access())?);
            return Ok(Source::Registry { client, place });
        }
        if self.bundle.is_pipe() {
            return Ok(Source::Pipe);
        }
        Ok(Source::File(member_reader::open(&self.bundle.bundle)?))
    }

    /// As `open`, and an encrypted bundle too: its seal outside is verified here, before anything is decrypted.
    pub(super) fn open_with(
        &self,
        identity: &IdentityArgs,
        root: &PinnedRoot,
        conditions: &Conditions<'_>,
    ) -> Result<Source, CliError> {
        let path = &self.bundle.bundle;
        match self.open()? {
            Source::File(file) if is_encrypted(path, &file)? => {
                let carried = VerifiedCarrier::open(path, root, conditions)?;
                Ok(Source::Encrypted(Box::new(identity.with(file, carried)?)))
            }
            Source::File(file) => Ok(Source::File(file)),
            _ if identity.is_given() => Err(CliError::Usage {
                message: "an encrypted bundle is read from a file, with its seal beside it".to_owned(),
                hint: Some(next_step!["copy both files here and name the one that ends in `.age`"]),
            }),
            other => Ok(other),
        }
    }
}

impl Source {
    /// The bundle from front to back.
    pub(super) fn tape<'a>(&'a self, watch: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        match self {
            Self::File(file) => Ok(MemberReader::file(file)),
            Self::Pipe => Ok(MemberReader::pipe(std::io::stdin())),
            Self::Encrypted(encrypted) => encrypted.tape(watch),
            #[cfg(feature = "registry")]
            Self::Registry { client, place } => Ok(MemberReader::pipe(place.reader(client, watch)?)),
        }
    }

    /// The bundle as a file that can be read in any order; what comes from elsewhere is written to a file without a
    /// name first.
    #[cfg(feature = "registry")]
    pub(super) fn into_file(self, watch: &dyn Progress) -> Result<File, CliError> {
        let elsewhere = match self {
            Self::File(file) => return Ok(file),
            other => other,
        };
        let mut reader: Box<dyn std::io::Read + '_> = match &elsewhere {
            // What was encrypted is written in the clear only where it is unpacked.
            Self::Encrypted(_) => return Err(sealift_bundle::format::BundleError::Encrypted.into()),
            Self::File(_) | Self::Pipe => Box::new(std::io::stdin()),
            Self::Registry { client, place } => Box::new(place.reader(client, watch)?),
        };
        let here = || std::path::PathBuf::from("./(a file without a name)");
        let failed = |source| CliError::Write { path: here(), source };
        let mut file = tempfile::tempfile_in(".").map_err(failed)?;
        std::io::copy(&mut reader, &mut file).map_err(failed)?;
        Ok(file)
    }
}

/// `oci://REGISTRY/REPOSITORY:TAG`
#[cfg(feature = "registry")]
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) repository: Repository,
    pub(super) name: ImageName,
}

#[cfg(feature = "registry")]
impl Address {
    /// The address that a path is, if it is one.
    pub(super) fn of(path: &std::path::Path) -> Result<Option<Self>, CliError> {
        path.to_str().and_then(|text| text.strip_prefix(SCHEME)).map(Self::parse).transpose()
    }

    fn parse(text: &str) -> Result<Self, CliError> {
        let name: ImageName = text.parse().map_err(|error| CliError::Usage {
            message: format!("`{SCHEME}{text}` is no address of a bundle: {error}"),
            hint: Some(next_step![format!(
                "write it like `{SCHEME}registry.site:5000/bundles/air-gapped:2026.11.0`"
            )]),
        })?;
        Ok(Self { repository: Repository::of(&name)?, name })
    }

    /// Its tag, or its digest.
    pub(super) fn reference(&self) -> Option<String> {
        self.name.digest().map(|digest| digest.to_string()).or(self.name.tag().map(str::to_owned))
    }

    /// The bytes of the bundle file.
    pub(super) fn reader<'a>(
        &self,
        client: &'a Client,
        watch: &'a dyn Progress,
    ) -> Result<Reader<'a>, CliError> {
        let reference = self.reference().ok_or_else(|| CliError::Usage {
            message: format!("`{SCHEME}{}` names no tag", self.name),
            hint: Some(next_step!["add the tag under which the bundle was published: `:VERSION`"]),
        })?;
        Ok(Reader::open(client, &self.repository, &reference, &LIMITS, watch)?)
    }
}
