//! Sets up a site, rolls back, prunes, and pins another trust root.

use super::SiteError;
use super::handle::{
    self, CURRENT, INVENTORIES, JOURNAL, LOCK, LockedSite, RELEASES, RESERVE, STATE, STORE, Site,
};
use super::journal::{Act, Journal, JournalEntry};
use super::ownership;
use super::release_inventory::{self, Checking};
use super::state::{Release, SiteState};
use super::transaction::{self, Moves, PendingTransaction, TransactionStep};
use sealift_bundle::format::atomic_file;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::Permit;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::reason::Reason;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_bundle::value::word_fingerprint::TypedFingerprint;
use std::fs;
use std::io;
use std::path::Path;

/// What users decide when a site is set up.
#[derive(Debug, Clone)]
pub struct Charter {
    /// Which site it is; random.
    pub site: sealift_bundle::value::digest::Digest,
    /// Its display name.
    pub name: Name,
    /// The scenarios that it takes.
    pub accepts: Vec<Name>,
    /// How many releases of each scenario it keeps.
    pub keep: u32,
    /// The key with which it signs receipts.
    pub key: Option<sealift_bundle::trust::key::KeyId>,
    /// How the fingerprint of the root was compared.
    pub compared: String,
}

/// Sets up a site in a directory that does not exist or is empty.
pub fn init(folder: &Path, root: &PinnedRoot, charter: Charter, now: Timestamp) -> Result<(), SiteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SiteError::Write { path, source }
    };
    ownership::refuse_unsafe_parent(atomic_file::folder_of(folder))?;
    // A root that is past its date, and refuses what is past its date, would let no bundle in.
    root.root().check_expiry(now)?;
    handle::make_site_folder(folder)?;
    if transaction::is_there(&folder.join(STATE)).map_err(failed(folder))? {
        return Err(SiteError::SiteExists { path: folder.to_owned() });
    }
    let mut names = fs::read_dir(folder).map_err(failed(folder))?;
    let ours =
        [LOCK, "state.json.partial", JOURNAL, RELEASES, CURRENT, STORE, INVENTORIES, RESERVE, ".probe"];
    let is_ours = |name: &std::ffi::OsStr| ours.iter().any(|known| name == *known);
    if names.any(|entry| entry.is_ok_and(|entry| !is_ours(&entry.file_name()))) {
        return Err(SiteError::Target { path: folder.to_owned(), found: "not empty" });
    }
    root.root().check_created(now)?;
    let _lock = handle::lock(folder)?;
    // The journal comes first: one without a state is what a set-up that was cut short has left, or, once something was
    // installed, a site that has lost its memory.
    let journal = folder.join(JOURNAL);
    let has_journal = transaction::is_there(&journal).map_err(failed(&journal))?;
    if handle::has_releases(folder) {
        let path = folder.to_owned();
        return Err(if has_journal {
            SiteError::StateMissing { path }
        } else {
            SiteError::MemoryLost { path }
        });
    }
    if has_journal {
        fs::remove_file(&journal).map_err(failed(&journal))?;
    }
    probe(folder)?;
    let blobs = [STORE, "store/blobs", "store/blobs/sha256"];
    for name in [RELEASES, CURRENT].iter().chain(&blobs) {
        handle::make_folder(&folder.join(name))?;
    }
    let Charter { site, name, mut accepts, keep, key, compared } = charter;
    accepts.sort();
    accepts.dedup();
    let state = SiteState {
        site,
        name,
        accepts,
        keep,
        key,
        root_version: root.root().version(),
        root: *root.fingerprint().digest(),
        time_floor: root.root().created(),
        scenarios: Vec::new(),
    };
    let (line, head) = JournalEntry::after(None, now, Act::Founded { compared }, state)?;
    transaction::found(folder, &line, head, root)
}

/// Links of both kinds are what a site consists of; a file system without them is refused at once.
fn probe(folder: &Path) -> Result<(), SiteError> {
    let probe = folder.join(".probe");
    let (file, hard, soft) = (probe.join("file"), probe.join("hard"), probe.join("soft"));
    let attempt = || -> io::Result<()> {
        fs::create_dir_all(&probe)?;
        atomic_file::replace(&file, b"")?;
        fs::hard_link(&file, &hard)?;
        std::os::unix::fs::symlink("file", &soft)
    };
    let _ = fs::remove_dir_all(&probe);
    let outcome = attempt();
    let _ = fs::remove_dir_all(&probe);
    outcome.map_err(|source| SiteError::NoLinks { path: folder.to_owned(), source })
}

/// Sets up what a site remembers again, from its journal: when `state.json` is lost, or does not fit.
///
/// The journal has to be whole, and the root has to be the one that it names last. What a journal cannot show, the user
/// has to certify: that nothing is missing at its end. So `head` is where it ended, as the user wrote it down.
pub fn recover(
    folder: &Path,
    root: &PinnedRoot,
    head: &TypedFingerprint,
    reason: Reason,
    now: Timestamp,
    limits: &Limits,
) -> Result<Site, SiteError> {
    ownership::refuse_unsafe_site(folder, ownership::FolderAccess::Change)?;
    let lock = handle::lock(folder)?;
    if let Some(pending) = PendingTransaction::load(folder)? {
        transaction::finish(folder, &pending)?;
    }
    let mut passed = None;
    let journal = Journal::of_site(folder, |_, now| {
        passed = passed.or_else(|| head.is_of(&now.digest).then_some(now.entries));
    })?;
    if !head.is_of(&journal.head.digest) {
        let (head, entries) = (head.to_string(), journal.head.entries);
        return Err(match passed {
            Some(entry) => SiteError::PassedEarlier { head, entry, entries },
            None => SiteError::NotPassed { head },
        });
    }
    let state = journal.last.state;
    if state.root != *root.fingerprint().digest() {
        return Err(SiteError::OtherRoot {
            expected: state.root,
            version: state.root_version,
            found: *root.fingerprint().digest(),
        });
    }
    let (line, head) =
        JournalEntry::after(Some(&journal.head), now, Act::Recovered { reason: reason.into() }, state)?;
    transaction::refound(folder, journal.len, &line, head, root)?;
    drop(lock);
    Site::look(folder, limits)
}

impl LockedSite {
    /// Puts a release into use that is there.
    ///
    /// Every file of it is compared with what was installed first: it may have been changed while it was not in use.
    pub fn switch(
        &mut self,
        now: Timestamp,
        scenario: &Name,
        to: &Name,
        checking: Checking<'_>,
    ) -> Result<Release, SiteError> {
        self.switch_for(now, scenario, to, None, checking)
    }

    /// As `switch`, and where approvers permit it, with their word for it.
    pub(super) fn switch_for(
        &mut self,
        now: Timestamp,
        scenario: &Name,
        to: &Name,
        permit: Option<&Permit>,
        checking: Checking<'_>,
    ) -> Result<Release, SiteError> {
        let found = self.site.state.meant(Some(scenario))?;
        let missing = || SiteError::NoRelease {
            scenario: scenario.clone(),
            asked: to.clone(),
            there: found.releases.iter().map(|release| release.folder.clone()).collect(),
        };
        let release = found.release(to).cloned().ok_or_else(missing)?;
        if !self.site.release(scenario, to).is_dir() {
            return Err(SiteError::ReleaseGone { path: self.site.release(scenario, to) });
        }
        let root = self.site.root.root();
        if root.is_revoked_statement(&release.mark.statement) {
            return Err(
                TrustError::Revoked { version: root.version(), statement: release.mark.statement }.into()
            );
        }
        let from = found.current.clone();
        self.site.refuse_changed_release(scenario, &release, checking)?;
        if from == *to {
            return Ok(release);
        }
        let mut state = self.site.state.clone();
        if let Some(changed) = state.scenarios.iter_mut().find(|one| one.name == *scenario) {
            changed.current = to.clone();
            changed.permits.extend(permit.into_iter().flat_map(|permit| &permit.approvals));
        }
        let out_of_order = permit.map(|permit| permit.reason.clone());
        let act = Act::Switched { scenario: scenario.clone(), from, to: to.clone(), out_of_order };
        let spot = TransactionStep { scenario: scenario.clone(), folder: to.clone() };
        let root = self.site.root.clone();
        self.commit(now, act, state, root, Moves { switch: Some(spot), ..Moves::default() })?;
        Ok(release)
    }

    /// Removes the oldest releases of a scenario that are not in use, down to so many; returns those that went.
    pub fn prune(&mut self, now: Timestamp, scenario: &Name, keep: u32) -> Result<Vec<Release>, SiteError> {
        let found = self.site.state.meant(Some(scenario))?;
        let spare = found.releases.len().saturating_sub(usize::try_from(keep.max(1)).unwrap_or(usize::MAX));
        let gone: Vec<Release> = found
            .releases
            .iter()
            .filter(|release| release.folder != found.current)
            .take(spare)
            .cloned()
            .collect();
        if gone.is_empty() {
            return Ok(gone);
        }
        let mut state = self.site.state.clone();
        if let Some(changed) = state.scenarios.iter_mut().find(|one| one.name == *scenario) {
            changed.releases.retain(|release| !gone.contains(release));
        }
        let releases: Vec<Name> = gone.iter().map(|release| release.folder.clone()).collect();
        let spot = |folder: &Name| TransactionStep { scenario: scenario.clone(), folder: folder.clone() };
        let remove = releases.iter().map(spot).collect();
        let act = Act::Pruned { scenario: scenario.clone(), releases };
        let root = self.site.root.clone();
        self.commit(now, act, state, root, Moves { remove, ..Moves::default() })?;
        release_inventory::drop_unused(&self.site.folder, &self.site.state);
        Ok(gone)
    }

    /// Takes more scenarios, or none of some any more. Nothing may be installed of those.
    pub fn accept(&mut self, now: Timestamp, added: &[Name], removed: &[Name]) -> Result<(), SiteError> {
        let mut state = self.site.state.clone();
        for scenario in removed {
            if state.scenario(scenario).is_some() {
                return Err(SiteError::ScenarioInUse { scenario: scenario.clone() });
            }
            let Ok(at) = state.accepts.binary_search(scenario) else {
                return Err(SiteError::NotAccepted { scenario: scenario.clone(), accepts: state.accepts });
            };
            state.accepts.remove(at);
        }
        let mut news = added.to_vec();
        news.retain(|scenario| state.accepts.binary_search(scenario).is_err());
        state.accepts.extend_from_slice(&news);
        state.accepts.sort();
        state.accepts.dedup();
        if state.accepts == self.site.state.accepts {
            return Ok(());
        }
        let act = Act::Accepting { added: news, removed: removed.to_vec() };
        let root = self.site.root.clone();
        self.commit(now, act, state, root, Moves::default())
    }

    /// Pins a root that follows from the pinned one, or, for this reason, one that need not: then anyone who calls has had
    /// the user compare its fingerprint, and its epoch begins again, so that no number of before counts.
    pub fn trust(
        &mut self,
        now: Timestamp,
        root: PinnedRoot,
        recovery: Option<Reason>,
    ) -> Result<(), SiteError> {
        let pinned = self.site.root.root();
        if recovery.is_some() && root.root().epoch() <= pinned.epoch() {
            return Err(SiteError::EpochNotNew { found: root.root().epoch(), pinned: pinned.epoch() });
        }
        root.root().check_created(now)?;
        let mut state = self.site.state.clone();
        state.root = *root.fingerprint().digest();
        state.root_version = root.root().version();
        state.time_floor = match recovery {
            None => state.time_floor.max(root.root().created()),
            // The user decides again, also about a date that should never have been signed.
            Some(_) => root.root().created(),
        };
        self.commit(now, Act::Trusted { recovery: recovery.map(String::from) }, state, root, Moves::default())
    }
}
