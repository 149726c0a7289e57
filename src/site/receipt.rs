//! Receipts of what a site installed, and requests for more, signed with the site's key.

use super::SiteError;
use super::handle::{STORE, Site};
use super::journal::{Act, Journal, JournalEntry, JournalHead, Under};
use super::state::ReleaseMark;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::{PublicKey, Signer};
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs;
use std::io;

/// Bytes of the largest receipt that fits one QR code: version 40 at level L holds 2,953 (ISO/IEC 18004, table 7), and
/// a reader wants some room.
pub const RECEIPT_BYTES: usize = 2500;

/// What a site did with one bundle. Small enough for one QR code, whatever the bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    #[serde(rename = "_type")]
    kind: String,
    /// The site.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// When the receipt was made, by the clock of the site.
    pub issued: Timestamp,
    /// What the site did.
    pub outcome: RenderedOutcome,
    /// The scenario.
    pub scenario: Name,
    /// The bundle: its number and statement.
    pub bundle: ReleaseMark,
    /// When the site did it.
    pub time: Timestamp,
    /// Why it was let in out of order, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<String>,
    /// The trust root under which it was verified.
    pub under: Under,
    /// The bundle that was in use when the receipt was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Digest>,
    /// The entry of the journal that says it.
    pub entry: JournalHead,
    /// Where the journal ended when the receipt was made.
    pub journal: JournalHead,
    /// What the store holds; left out by sites that may not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldRelease>,
}

/// What a site did with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenderedOutcome {
    /// It was verified whole, installed and put into use.
    Installed,
    /// It was verified whole and written, and then taken away again.
    Drilled,
}

/// The blobs of a store, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldRelease {
    /// How many.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub blobs: u64,
    /// Their bytes.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub bytes: u64,
    /// The digest of the list as a [`Request`] has it.
    pub list: Digest,
}

/// What a site holds, so that the next bundle can leave it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(rename = "_type")]
    kind: String,
    /// The site.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// When it was made, by the clock of the site.
    pub issued: Timestamp,
    /// Version of the pinned trust root.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub root_version: u64,
    /// The fingerprint of that root.
    pub root: Digest,
    /// Where the journal ended.
    pub journal: JournalHead,
    /// What is installed.
    pub scenarios: Vec<InstalledRelease>,
    /// The blobs in the store, by digest.
    pub blobs: Vec<HeldBlob>,
}

/// What a site has of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledRelease {
    /// Its name.
    pub scenario: Name,
    /// The highest number the site has had.
    pub highest: ReleaseMark,
    /// The bundle in use.
    pub current: Digest,
    /// The bundles whose releases are there.
    pub releases: Vec<Digest>,
}

/// A blob in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldBlob {
    /// What it is.
    pub digest: Digest,
    /// Its bytes.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub size: u64,
}

/// A document that a site signs.
pub trait Signed: Serialize + DeserializeOwned {
    /// The type that its signature is bound to.
    const PAYLOAD: PayloadType;
    /// Its `_type`.
    const TYPE: &'static str;

    /// What its `_type` says.
    fn kind(&self) -> &str;

    /// Signs it with the key of the site.
    fn sign(&self, signer: &dyn Signer) -> Result<Envelope, TrustError> {
        Envelope::sign(Self::PAYLOAD, Self::PAYLOAD.encode(self)?, &[signer])
    }

    /// The envelope in a file.
    fn envelope(bytes: &[u8], limits: &Limits) -> Result<Envelope, TrustError> {
        Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(bytes), Self::PAYLOAD, limits)
    }

    /// Reads one that this key signed.
    fn read(bytes: &[u8], key: &PublicKey, limits: &Limits) -> Result<Self, TrustError> {
        Self::of(Self::envelope(bytes, limits)?.signed_by(key)?, limits)
    }

    /// What a payload says, anyone who certifies it.
    fn of(payload: &[u8], limits: &Limits) -> Result<Self, TrustError> {
        let found: Self = Self::PAYLOAD.decode(payload, limits)?;
        if found.kind() != Self::TYPE {
            let reason = "its type is not one this build knows".to_owned();
            return Err(TrustError::Format { document: Self::PAYLOAD.document(), reason });
        }
        Ok(found)
    }
}

impl Signed for Receipt {
    const PAYLOAD: PayloadType = PayloadType::Receipt;
    const TYPE: &'static str = "https://sealift.dev/receipt/v1";

    fn kind(&self) -> &str {
        &self.kind
    }
}

impl Signed for Request {
    const PAYLOAD: PayloadType = PayloadType::Request;
    const TYPE: &'static str = "https://sealift.dev/request/v1";

    fn kind(&self) -> &str {
        &self.kind
    }
}

/// Whether a receipt tells what the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InventoryDetail {
    /// It does, summed up.
    Told,
    /// It does not: for sites that may not tell.
    Withheld,
}

impl Site {
    /// The receipt for the last bundle of a scenario with which this was done here.
    pub fn receipt(
        &self,
        scenario: &Name,
        outcome: RenderedOutcome,
        inventory: InventoryDetail,
        now: Timestamp,
    ) -> Result<Receipt, SiteError> {
        let mut found: Option<(JournalEntry, JournalHead)> = None;
        Journal::read(&self.journal(), |entry, head| {
            let is_meant = match &entry.act {
                Act::Installed { scenario: of, .. } => {
                    of == scenario && outcome == RenderedOutcome::Installed
                }
                Act::Drilled { scenario: of, .. } => of == scenario && outcome == RenderedOutcome::Drilled,
                Act::Founded { .. }
                | Act::Switched { .. }
                | Act::Pruned { .. }
                | Act::Trusted { .. }
                | Act::Recovered { .. }
                | Act::Repaired { .. }
                | Act::Accepting { .. }
                | Act::Refused { .. } => false,
            };
            if is_meant {
                found = Some((entry.clone(), *head));
            }
        })?;
        let nothing = || SiteError::NoScenario { asked: Some(scenario.clone()), installed: Vec::new() };
        let (entry, head) = found.ok_or_else(nothing)?;
        let (bundle, under, out_of_order) = match entry.act {
            Act::Installed { bundle, under, out_of_order, .. } => (bundle, under, out_of_order),
            Act::Drilled { bundle, under, .. } => (bundle, under, None),
            Act::Founded { .. }
            | Act::Switched { .. }
            | Act::Pruned { .. }
            | Act::Trusted { .. }
            | Act::Recovered { .. }
            | Act::Repaired { .. }
            | Act::Accepting { .. }
            | Act::Refused { .. } => return Err(nothing()),
        };
        let held = match inventory {
            InventoryDetail::Withheld => None,
            InventoryDetail::Told => Some(summed_up(&self.blobs()?)?),
        };
        Ok(Receipt {
            kind: Receipt::TYPE.to_owned(),
            site: self.state.site,
            name: self.state.name.clone(),
            issued: now,
            outcome,
            scenario: scenario.clone(),
            bundle,
            time: entry.time,
            out_of_order,
            under,
            current: self
                .state
                .scenario(scenario)
                .and_then(|found| found.release(&found.current).map(|release| release.mark.statement)),
            entry: head,
            journal: self.head,
            held,
        })
    }

    /// The request for what this site does not hold yet.
    pub fn request(&self, now: Timestamp) -> Result<Request, SiteError> {
        let scenarios = self.state.scenarios.iter().map(|scenario| InstalledRelease {
            scenario: scenario.name.clone(),
            highest: scenario.highest,
            current: scenario
                .release(&scenario.current)
                .map_or(scenario.highest.statement, |release| release.mark.statement),
            releases: scenario.releases.iter().map(|release| release.mark.statement).collect(),
        });
        Ok(Request {
            kind: Request::TYPE.to_owned(),
            site: self.state.site,
            name: self.state.name.clone(),
            issued: now,
            root_version: self.state.root_version,
            root: self.state.root,
            journal: self.head,
            scenarios: scenarios.collect(),
            blobs: self.blobs()?,
        })
    }

    /// What the store holds, by digest. Names and sizes; anyone who relies on a blob compares its digest.
    fn blobs(&self) -> Result<Vec<HeldBlob>, SiteError> {
        let path = self.folder().join(STORE).join("blobs/sha256");
        let failed = |source| SiteError::StateRead { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut blobs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if let Ok(digest) = Digest::from_hex(&entry.file_name().to_string_lossy()) {
                blobs.push(HeldBlob { digest, size: entry.metadata().map_err(failed)?.len() });
            }
        }
        blobs.sort();
        Ok(blobs)
    }
}

fn summed_up(blobs: &[HeldBlob]) -> Result<HeldRelease, SiteError> {
    let list =
        canonical::encode(&blobs).map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
    Ok(HeldRelease {
        blobs: blobs.len() as u64,
        bytes: blobs.iter().map(|blob| blob.size).sum(),
        list: Digest::of(&list),
    })
}
