//! Encrypted bundles: for whom one is packed, what opens one, and its seal outside.

use super::error::CliError;
use sealift_bundle::format::member_reader::MemberReader;
#[cfg(not(feature = "encryption"))]
use sealift_bundle::next_step;
use sealift_bundle::trust::verify::carrier::VerifiedCarrier;
use sealift_bundle::value::progress::Progress;
use std::fs::File;

#[cfg(feature = "encryption")]
use {
    sealift_bundle::format::BundleError,
    sealift_bundle::format::encryption::Identities,
    sealift_bundle::trust::{TrustError, key_file::read_secret},
    std::path::PathBuf,
};

#[cfg(all(feature = "encryption", feature = "connected"))]
use {
    sealift_bundle::format::carrier::Carrier,
    sealift_bundle::format::encryption::{Recipients, encrypt},
    sealift_bundle::pack::draft::Draft,
    sealift_bundle::pack::{Authority, Sealed},
    sealift_bundle::trust::envelope::{Envelope, PayloadType},
    sealift_bundle::trust::verify::carrier::encode,
    std::path::Path,
};

/// What opens an encrypted bundle.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct IdentityArgs {
    /// A file with an age identity (`age-keygen -o FILE`), for a bundle that is encrypted; its seal lies beside it
    #[cfg(feature = "encryption")]
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
}

/// An encrypted bundle whose seal outside is verified.
pub(super) struct Encrypted {
    pub(super) file: File,
    pub(super) carried: VerifiedCarrier,
    #[cfg(feature = "encryption")]
    identities: Option<Identities>,
}

impl IdentityArgs {
    #[cfg(feature = "encryption")]
    pub(super) fn is_given(&self) -> bool {
        !self.identities.is_empty()
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "the other build looks at it")]
    pub(super) fn is_given(&self) -> bool {
        false
    }

    #[cfg(feature = "encryption")]
    fn read(&self) -> Result<Option<Identities>, CliError> {
        let mut all: Option<Identities> = None;
        for path in &self.identities {
            let text = read_secret(path).map_err(|error| match error {
                TrustError::KeyFileRead { path, source } => {
                    BundleError::Identity { path, reason: source.to_string() }.into()
                }
                other => CliError::from(other.in_file(path)),
            })?;
            let identities = Identities::parse(path, &text)?;
            match &mut all {
                Some(all) => all.append(identities),
                None => all = Some(identities),
            }
        }
        Ok(all)
    }

    /// An encrypted bundle, with what may open it.
    #[cfg_attr(not(feature = "encryption"), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    pub(super) fn with(&self, file: File, carried: VerifiedCarrier) -> Result<Encrypted, CliError> {
        Ok(Encrypted {
            file,
            carried,
            #[cfg(feature = "encryption")]
            identities: self.read()?,
        })
    }
}

impl Encrypted {
    /// Whether somebody may look inside.
    #[cfg(feature = "encryption")]
    pub(super) fn has_identity(&self) -> bool {
        self.identities.is_some()
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "the other build looks at it")]
    pub(super) fn has_identity(&self) -> bool {
        false
    }

    /// The bundle inside.
    #[cfg(feature = "encryption")]
    pub(super) fn tape<'a>(&'a self, watch: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        let identities = self.identities.as_ref().ok_or(BundleError::NoIdentity)?;
        Ok(self.carried.tape(&self.file, identities, &super::LIMITS, watch)?)
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "the other build looks at it")]
    pub(super) fn tape<'a>(&'a self, _: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        Err(CliError::Usage {
            message: "this build cannot decrypt".to_owned(),
            hint: Some(next_step!["build with `--features encryption`"]),
        })
    }
}

/// For whom a bundle is encrypted.
#[cfg(all(feature = "encryption", feature = "connected"))]
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RecipientArgs {
    /// Encrypt the bundle to this age recipient, `age1...`; may be given several times
    #[arg(long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Encrypt the bundle to the recipients in this file, one a line
    #[arg(long = "recipients-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[cfg(all(feature = "encryption", feature = "connected"))]
impl RecipientArgs {
    /// Everybody who is named; nothing when nobody is.
    pub(super) fn read(&self) -> Result<Option<Recipients>, CliError> {
        let mut lines = self.recipients.clone();
        for path in &self.files {
            let text = std::fs::read_to_string(path).map_err(|source| CliError::Input {
                what: format!("the recipients file `{}`", path.display()),
                hint: "name a text file with one `age1...` a line",
                source,
            })?;
            lines.extend(text.lines().map(str::to_owned));
        }
        if self.recipients.is_empty() && self.files.is_empty() {
            return Ok(None);
        }
        Ok(Some(Recipients::parse(lines.iter().map(String::as_str))?))
    }
}

/// Encrypts a sealed bundle file to `to` and seals the outside with the same keys; gives the bytes written.
#[cfg(all(feature = "encryption", feature = "connected"))]
pub(super) fn carry(
    (draft, sealed): (&Draft, &Sealed),
    to: &Path,
    recipients: &Recipients,
    authority: &Authority<'_>,
    watch: &dyn Progress,
) -> Result<u64, CliError> {
    let bundle = sealift_bundle::format::member_reader::open(&sealed.path)?;
    encrypt(&bundle, to, recipients, watch, |sha256, size| {
        let carrier = Carrier::new(sha256, size, draft.scenario.clone(), draft.created);
        let envelope = Envelope::sign(PayloadType::Carrier, carrier.encode()?, authority.keys())?;
        Ok(encode(authority.chain(), &envelope)?)
    })
}
