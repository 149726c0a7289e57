//! Restores a changed release from its bundle.

use super::SiteError;
use super::handle::LockedSite;
use super::install::folder_name;
use super::journal::{Act, Under};
use super::parameters::{Given, Values};
use super::release_inventory::{Checking, ReleaseCheck, ReleaseDifference};
use super::state::Release;
use super::transaction::{Moves, TransactionStep};
use super::unpack::path_error;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::trust::verify::{Conditions, Trusted};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;

/// The result of a repair.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// Who sealed the bundle, and its statement.
    pub trusted: Trusted,
    /// The release as it is now.
    pub release: Release,
    /// The directory that it had before.
    pub from: Name,
    /// What was not as it was installed; nothing where that could not be known.
    pub differences: Option<Vec<ReleaseDifference>>,
}

impl Repaired {
    /// False if the release was whole and nothing was done.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.from != self.release.folder
    }
}

impl LockedSite {
    /// Restores the release of a bundle, in use or not, or leaves it alone if every file of it is as it was installed.
    ///
    /// The restored release is a new directory, which takes the place of the old one in the same step as an installation.
    pub fn repair(
        &mut self,
        tape: &mut MemberReader<'_>,
        conditions: &Conditions<'_>,
    ) -> Result<Repaired, SiteError> {
        let mut statement = None;
        let outcome = self.try_repair(tape, conditions, &mut statement);
        self.remembered(outcome, conditions.now, statement)
    }

    fn try_repair(
        &mut self,
        tape: &mut MemberReader<'_>,
        conditions: &Conditions<'_>,
        statement: &mut Option<Digest>,
    ) -> Result<Repaired, SiteError> {
        self.refuse_unwritable_journal()?;
        let clock = conditions.now;
        let conditions = self.site.circumstances(conditions);
        let trusted = Trusted::open_noting(tape, &self.site.root, &conditions, statement)?;
        let predicate = &trusted.statement().predicate;
        let name = predicate.scenario.clone();
        let given = Given::of_site(self.site.folder(), &name)?;
        let values = Values::resolve(&predicate.needs, &given)?;
        let installed = self.site.state.meant(Some(&name))?;
        let old = installed.with(trusted.id(), values.mark()).cloned();
        let asked = folder_name(&predicate.version, trusted.id(), values.mark())?;
        let there = || installed.releases.iter().map(|release| release.folder.clone()).collect();
        let old =
            old.ok_or_else(|| SiteError::NoRelease { scenario: name.clone(), asked, there: there() })?;
        let is_current = installed.current == old.folder;
        let differences = self.differences(&name, &old, &conditions)?;
        if differences.as_ref().is_some_and(Vec::is_empty) {
            let from = old.folder.clone();
            return Ok(Repaired { trusted, release: old, from, differences });
        }
        let folder = other_folder(&old.folder)?;
        let (staged, mut release) = self.stage(&trusted, tape, &conditions, clock, &folder, values)?;
        release.installed = old.installed;
        let act = Act::Repaired {
            scenario: name.clone(),
            from: old.folder.clone(),
            to: folder.clone(),
            bundle: release.mark,
            under: Under::of(trusted.root()),
            differences: differences.as_ref().map(|found| found.len() as u64),
        };
        let mut state = self.site.state.clone();
        if let Some(changed) = state.scenarios.iter_mut().find(|one| one.name == name) {
            for one in changed.releases.iter_mut().filter(|one| one.folder == old.folder) {
                *one = release.clone();
            }
            if is_current {
                changed.current.clone_from(&folder);
            }
        }
        let spot = |folder: &Name| TransactionStep { scenario: name.clone(), folder: folder.clone() };
        let (place, remove) = (Some(spot(&folder)), vec![spot(&old.folder)]);
        let moves = Moves { switch: place.clone().filter(|_| is_current), place, remove };
        let outcome = self.commit(clock, act, state, self.site.root.clone(), moves);
        // Once decided, the directory is no longer this function's to remove.
        match outcome {
            Ok(()) | Err(SiteError::Unfinished { .. }) => staged.staging.hand_over(),
            Err(_) => drop(staged.staging),
        }
        outcome.map(|()| Repaired { trusted, release, from: old.folder, differences })
    }

    /// How a release differs from what was installed; nothing where that cannot be known.
    fn differences(
        &self,
        scenario: &Name,
        release: &Release,
        conditions: &Conditions<'_>,
    ) -> Result<Option<Vec<ReleaseDifference>>, SiteError> {
        if !self.site.release(scenario, &release.folder).is_dir() {
            return Ok(None);
        }
        let checking = Checking { threads: conditions.threads, watch: conditions.watch };
        match self.site.check_release(scenario, release, checking) {
            Ok(ReleaseCheck::Compared(found)) => Ok(Some(found)),
            Ok(ReleaseCheck::NoInventory) | Err(SiteError::InventoryDamaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The other one of the two names that a release can have: a restored one stands beside the old one for a moment.
fn other_folder(folder: &Name) -> Result<Name, SiteError> {
    let name = folder.as_str();
    let other = name.strip_suffix("-r").map_or_else(|| format!("{name}-r"), ToOwned::to_owned);
    other.parse().map_err(path_error)
}
