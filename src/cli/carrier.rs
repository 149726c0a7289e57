//! Encrypted bundles: recipients for packing, identities for opening, and the outer seal.

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

/// The identity that decrypts a bundle.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct IdentityArgs {
    /// Decrypt the bundle with this age identity file (`age-keygen`)
    #[cfg(feature = "encryption")]
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
}

/// An encrypted bundle whose outer seal is verified.
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
    #[allow(clippy::unused_self, reason = "used with the encryption feature")]
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

    /// Combines an encrypted bundle with the identity, if one is given.
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
    /// Whether the content can be decrypted.
    #[cfg(feature = "encryption")]
    pub(super) fn has_identity(&self) -> bool {
        self.identities.is_some()
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "used with the encryption feature")]
    pub(super) fn has_identity(&self) -> bool {
        false
    }

    /// A reader of the decrypted bundle.
    #[cfg(feature = "encryption")]
    pub(super) fn tape<'a>(&'a self, watch: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        let identities = self.identities.as_ref().ok_or(BundleError::NoIdentity)?;
        Ok(self.carried.tape(&self.file, identities, &super::LIMITS, watch)?)
    }

    #[cfg(not(feature = "encryption"))]
    #[allow(clippy::unused_self, reason = "used with the encryption feature")]
    pub(super) fn tape<'a>(&'a self, _: &'a dyn Progress) -> Result<MemberReader<'a>, CliError> {
        Err(CliError::Usage {
            message: "this build has no support for encrypted bundles".to_owned(),
            hint: Some(next_step!["build with `--features encryption`"]),
        })
    }
}

/// The recipients of an encrypted bundle.
#[cfg(all(feature = "encryption", feature = "connected"))]
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RecipientArgs {
    /// Encrypt the bundle to this age recipient, `age1...`; repeatable
    #[arg(long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Encrypt the bundle to the recipients in this file, one per line
    #[arg(long = "recipients-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[cfg(all(feature = "encryption", feature = "connected"))]
impl RecipientArgs {
    /// The recipients given, or `None` to pack without encryption.
    pub(super) fn read(&self) -> Result<Option<Recipients>, CliError> {
        let mut lines = self.recipients.clone();
        for path in &self.files {
            let text = std::fs::read_to_string(path).map_err(|source| CliError::Input {
                what: format!("the recipients file `{}`", path.display()),
                hint: "pass a text file with one `age1...` per line",
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

/// Encrypts a sealed bundle to `to`, signs the outer seal with the same keys, and returns the bytes written.
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
