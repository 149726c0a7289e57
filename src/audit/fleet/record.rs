//! The facts of receipts and requests that are compared.

use sealift_bundle::trust::key::KeyId;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::journal::JournalHead;
use sealift_site::receipt::{InstalledRelease, Receipt, RenderedOutcome, Request};
use sealift_site::state::ReleaseMark;
use std::path::PathBuf;

/// What one receipt or request says, without the blobs that it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetRecord {
    /// The file it was read from.
    pub file: PathBuf,
    /// The key that it names as its signer.
    pub key: KeyId,
    /// The digest of what is signed.
    pub id: Digest,
    /// The site.
    pub site: Digest,
    /// Its display name.
    pub name: Name,
    /// When it was made, by the clock of the site.
    pub issued: Timestamp,
    /// Where the journal of the site then ended.
    pub journal: JournalHead,
    /// The newest trust root that it speaks of.
    pub root_version: u64,
    /// What it says of bundles.
    pub says: Says,
}

/// What a record says of bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// A receipt: one act.
    Did {
        /// What the site did.
        outcome: RenderedOutcome,
        /// The scenario.
        scenario: Name,
        /// The bundle.
        bundle: ReleaseMark,
        /// When.
        time: Timestamp,
        /// The bundle in use when the receipt was made.
        current: Option<Digest>,
        /// The line of the journal that says it.
        entry: JournalHead,
    },
    /// A request: everything that is installed.
    Holds(Vec<InstalledRelease>),
}

impl FleetRecord {
    pub(super) fn of_receipt(file: PathBuf, key: KeyId, id: Digest, receipt: Receipt) -> Self {
        let Receipt {
            site,
            name,
            issued,
            outcome,
            scenario,
            bundle,
            time,
            under,
            current,
            entry,
            journal,
            ..
        } = receipt;
        let says = Says::Did { outcome, scenario, bundle, time, current, entry };
        Self { file, key, id, site, name, issued, journal, root_version: under.root_version, says }
    }

    pub(super) fn of_request(file: PathBuf, key: KeyId, id: Digest, request: Request) -> Self {
        let Request { site, name, issued, root_version, journal, scenarios, .. } = request;
        Self { file, key, id, site, name, issued, journal, root_version, says: Says::Holds(scenarios) }
    }

    /// The bundles that it gives a number, each with its scenario.
    #[must_use]
    pub fn marks(&self) -> Vec<(&Name, ReleaseMark)> {
        match &self.says {
            Says::Did { scenario, bundle, .. } => vec![(scenario, *bundle)],
            Says::Holds(all) => all.iter().map(|one| (&one.scenario, one.highest)).collect(),
        }
    }

    /// What sorts the records of one site: the one with the longer journal is newer, whatever its clock says. Of two of
    /// the same second the request is taken, which says everything that the receipt says of what is there, and more.
    pub(super) fn age(&self) -> (u64, Timestamp, bool, Digest) {
        (self.journal.entries, self.issued, matches!(self.says, Says::Holds(_)), self.id)
    }
}
