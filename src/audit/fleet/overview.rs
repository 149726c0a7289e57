//! Everything that a directory of receipts, requests, bundles and SBOMs says about a fleet.

use super::gather::{Gathered, UnreadFile, gather};
use super::{FleetError, FleetGroup, KnownBundles, Title, Titles};
use sealift_bundle::codes;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::member_reader::{self, MemberReader};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::key::PublicKey;
use sealift_bundle::trust::verify::{Conditions, Trusted};
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_site::state::ReleaseMark;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What the files of one directory say about many sites, with everything that could not be used.
#[derive(Serialize)]
pub struct FleetOverview<'a> {
    /// The directory.
    pub folder: &'a Path,
    /// The time that ages are counted from.
    pub now: Timestamp,
    /// Records that named keys signed.
    pub verified: FleetGroup,
    /// Records by other keys.
    pub unverified: FleetGroup,
    /// Records and bundles that were rejected.
    pub refused: Vec<NotedFile>,
    /// Bundles that were valid once: expired, revoked, or of an earlier epoch.
    pub set_aside: Vec<NotedFile>,
    /// Bundles that were not opened because no trust root was given.
    pub bundles_not_opened: Vec<PathBuf>,
    /// Files that could not be read.
    pub unread: Vec<NotedFile>,
    /// SBOMs of bundles, not read yet.
    pub sboms: Vec<PathBuf>,
    /// Files of other kinds.
    pub others: Vec<PathBuf>,
    /// Names of bundles by the digest of their statement.
    #[serde(skip)]
    pub titles: Titles,
}

/// A file that was not used, with the reason.
#[derive(Serialize)]
pub struct NotedFile {
    /// Its path.
    pub file: PathBuf,
    /// The error code, where an error is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The reason.
    pub why: String,
}

/// The outcome of opening every bundle of the directory.
#[derive(Default)]
struct OpenedBundles {
    known: Vec<(Name, ReleaseMark)>,
    refused: Vec<NotedFile>,
    set_aside: Vec<NotedFile>,
    not_opened: Vec<PathBuf>,
}

impl NotedFile {
    fn of(file: &Path, error: &TrustError) -> Self {
        let because = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { file: file.to_owned(), code: Some(error.code().as_str()), why: format!("{error}{because}") }
    }
}

/// Verifies the seals of the bundles in the directory; also returns the newest trust root that one of them brought.
fn open_bundles(
    files: Vec<PathBuf>,
    root: Option<PinnedRoot>,
    titles: &mut Titles,
    conditions: &Conditions<'_>,
) -> Result<(OpenedBundles, Option<PinnedRoot>), FleetError> {
    let Some(pinned) = root else {
        return Ok((OpenedBundles { not_opened: files, ..OpenedBundles::default() }, None));
    };
    let (mut bundles, mut newest) = (OpenedBundles::default(), pinned.clone());
    for file in files {
        let opened = member_reader::open(&file).map_err(TrustError::from);
        let trusted =
            opened.and_then(|open| Trusted::open(&mut MemberReader::file(&open), &pinned, conditions));
        match trusted {
            Ok(trusted) => {
                let predicate = &trusted.statement().predicate;
                titles.insert(trusted.id(), Title::of(predicate));
                bundles.known.push((predicate.scenario.clone(), ReleaseMark::of(predicate, trusted.id())));
                if trusted.root().root().version() > newest.root().version() {
                    newest = trusted.root().clone();
                }
            }
            Err(TrustError::Bundle(BundleError::Interrupted)) => {
                return Err(TrustError::Bundle(BundleError::Interrupted).into());
            }
            // A bundle that was valid once is not an attack: sites may still hold it.
            Err(error)
                if [codes::TRUST_EXPIRED, codes::TRUST_EPOCH, codes::TRUST_REVOKED]
                    .contains(&error.code()) =>
            {
                bundles.set_aside.push(NotedFile::of(&file, &error));
            }
            Err(error) => bundles.refused.push(NotedFile::of(&file, &error)),
        }
    }
    Ok((bundles, Some(newest)))
}

impl<'a> FleetOverview<'a> {
    /// Reads every record below `folder` and verifies those that `keys` signed.
    ///
    /// With `root`, bundles that lie there are opened too; they give names to statements, and the newest trust root among
    /// them says what is revoked. Ages are counted from the time in `conditions`.
    ///
    /// # Errors
    ///
    /// The directory cannot be read, or has more in it than is looked at.
    pub fn read(
        folder: &'a Path,
        keys: &[PublicKey],
        root: Option<PinnedRoot>,
        conditions: &Conditions<'_>,
    ) -> Result<Self, FleetError> {
        let now = conditions.now;
        let Gathered { verified, declared, refused, mut titles, bundles, sboms, others, unread } =
            gather(folder, keys, conditions.limits)?;
        let (bundles, root) = open_bundles(bundles, root, &mut titles, conditions)?;
        let known = KnownBundles {
            titles: &titles,
            bundles: &bundles.known,
            root: root.as_ref().map(PinnedRoot::root),
            now,
        };
        let verified = FleetGroup::of(verified, known);
        let both: Vec<_> = bundles.known.iter().cloned().chain(verified.bundles()).collect();
        let unverified = FleetGroup::of(declared, KnownBundles { bundles: &both, ..known });
        let mut rejected: Vec<_> = refused.iter().map(|one| NotedFile::of(&one.file, &one.error)).collect();
        rejected.extend(bundles.refused);
        Ok(Self {
            folder,
            now,
            verified,
            unverified,
            refused: rejected,
            set_aside: bundles.set_aside,
            bundles_not_opened: bundles.not_opened,
            unread: unread
                .into_iter()
                .map(|UnreadFile { file, why }| NotedFile { file, code: None, why })
                .collect(),
            sboms,
            others,
            titles,
        })
    }

    /// What was asked for and could not be checked, one phrase each.
    #[must_use]
    pub fn unchecked(&self) -> Vec<String> {
        let mut what = Vec::new();
        if self.unverified.records > 0 {
            what.push(format!("{} by keys that were not named", counted(self.unverified.records, "record")));
        }
        if !self.unread.is_empty() {
            what.push(format!("{} that could not be looked at", counted(self.unread.len() as u64, "file")));
        }
        what
    }
}
