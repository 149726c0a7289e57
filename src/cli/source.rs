//! The source of a bundle: a file, standard input or a registry.

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

/// The prefix of a bundle's address in a registry.
#[cfg(feature = "registry")]
const SCHEME: &str = "oci://";

/// A bundle that is read once, from start to end.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
}

/// An opened source; member readers borrow from it.
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
    /// Opens a file, or creates the client for a registry.
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

    /// As `open`, for encrypted bundles too: their outer seal is verified here, before anything is decrypted.
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
                message:
                    "`--identity` needs an encrypted bundle in a file, with its seal in the same directory"
                        .to_owned(),
                hint: Some(next_step!["copy both files and pass the one that ends in `.age`"]),
            }),
            other => Ok(other),
        }
    }
}

impl Source {
    /// A reader of the bundle from start to end.
    pub(super) fn tape<'a>(&'a self, watch: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        match self {
            Self::File(file) => Ok(MemberReader::file(file)),
            Self::Pipe => Ok(MemberReader::pipe(std::io::stdin())),
            Self::Encrypted(encrypted) => encrypted.tape(watch),
            #[cfg(feature = "registry")]
            Self::Registry { client, place } => Ok(MemberReader::pipe(place.reader(client, watch)?)),
        }
    }

    /// The bundle as a file with random access; a bundle from a pipe or a registry is first copied to an unnamed
    /// temporary file.
    #[cfg(feature = "registry")]
    pub(super) fn into_file(self, watch: &dyn Progress) -> Result<File, CliError> {
        let elsewhere = match self {
            Self::File(file) => return Ok(file),
            other => other,
        };
        let mut reader: Box<dyn std::io::Read + '_> = match &elsewhere {
            // Plaintext of an encrypted bundle is written to disk only where the bundle is unpacked.
            Self::Encrypted(_) => return Err(sealift_bundle::format::BundleError::Encrypted.into()),
            Self::File(_) | Self::Pipe => Box::new(std::io::stdin()),
            Self::Registry { client, place } => Box::new(place.reader(client, watch)?),
        };
        let here = || std::path::PathBuf::from("./(temporary file)");
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
    /// Parses a path that begins with `oci://`; `None` for any other path.
    pub(super) fn of(path: &std::path::Path) -> Result<Option<Self>, CliError> {
        path.to_str().and_then(|text| text.strip_prefix(SCHEME)).map(Self::parse).transpose()
    }

    fn parse(text: &str) -> Result<Self, CliError> {
        let name: ImageName = text.parse().map_err(|error| CliError::Usage {
            message: format!("`{SCHEME}{text}` is not a bundle address: {error}"),
            hint: Some(next_step![format!(
                "use the form `{SCHEME}registry.site:5000/bundles/air-gapped:2026.11.0`"
            )]),
        })?;
        Ok(Self { repository: Repository::of(&name)?, name })
    }

    /// Its tag, or its digest.
    pub(super) fn reference(&self) -> Option<String> {
        self.name.digest().map(|digest| digest.to_string()).or(self.name.tag().map(str::to_owned))
    }

    /// A reader of the bytes of the bundle file.
    pub(super) fn reader<'a>(
        &self,
        client: &'a Client,
        watch: &'a dyn Progress,
    ) -> Result<Reader<'a>, CliError> {
        let reference = self.reference().ok_or_else(|| CliError::Usage {
            message: format!("`{SCHEME}{}` has no tag", self.name),
            hint: Some(next_step!["add the tag of the published bundle: `:VERSION`"]),
        })?;
        Ok(Reader::open(client, &self.repository, &reference, &LIMITS, watch)?)
    }
}
