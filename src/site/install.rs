//! Installing: verified, staged, and put into use in one step, or nothing.

use super::SiteError;
use super::commit::{Moves, Spot};
use super::journal::{Act, Under};
use super::open::Held;
use super::staging::Staging;
use super::state::{Decision, Mark, Release, Scenario, State};
use super::unpack::{Staged, stage};
use crate::bundle::read::Tape;
use crate::trust::verify::{Conditions, Trusted};
use crate::value::code::{Class, Fault as _};
use crate::value::digest::Digest;
use crate::value::moment::Moment;
use crate::value::name::Name;
use std::fs;

/// What became of an installation.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Who sealed the bundle, and its statement.
    pub trusted: Trusted,
    /// What it was to the site.
    pub decision: Decision,
    /// The release that is in use now.
    pub release: Release,
    /// The release that was in use before.
    pub before: Option<Name>,
}

/// How far an installation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// To the end.
    Install,
    /// Everything is verified, judged and written to the disk, and then taken away again.
    Drill,
}

impl Held {
    /// Installs a bundle, and remembers it; or remembers why not.
    pub fn install(
        &mut self,
        tape: &mut Tape<'_>,
        conditions: &Conditions<'_>,
        extent: Extent,
    ) -> Result<Installed, SiteError> {
        let now = conditions.now;
        let mut statement = None;
        match self.try_install(tape, conditions, extent, &mut statement) {
            Err(error) if is_to_be_remembered(&error) => {
                let act = Act::Refused {
                    code: error.code().as_str().to_owned(),
                    message: error.to_string(),
                    statement,
                };
                let (state, root) = (self.site.state.clone(), self.site.root.clone());
                match self.commit(now, act, state, root, Moves::default()) {
                    Ok(()) => Err(error),
                    Err(unwritten) => Err(SiteError::RefusedAndNotWritten {
                        error: Box::new(error),
                        unwritten: unwritten.to_string(),
                    }),
                }
            }
            other => other,
        }
    }

    fn try_install(
        &mut self,
        tape: &mut Tape<'_>,
        conditions: &Conditions<'_>,
        extent: Extent,
        statement: &mut Option<Digest>,
    ) -> Result<Installed, SiteError> {
        // Found out before the work, and not after it.
        self.refuse_unwritable_journal()?;
        let conditions = self.site.circumstances(conditions);
        let trusted = Trusted::open(tape, &self.site.root, &conditions)?;
        *statement = Some(trusted.id);
        let predicate = &trusted.statement.predicate;
        let permit = trusted.approvals.out_of_order();
        let decision = self.site.state.decide(predicate, trusted.id, permit)?;
        let name = predicate.scenario.clone();
        let here = self.site.state.scenario(&name).and_then(|scenario| {
            scenario.releases.iter().find(|release| release.mark.statement == trusted.id).cloned()
        });
        let before = self.site.state.scenario(&name).map(|scenario| scenario.current.clone());
        let release = match here.filter(|release| self.site.release(&name, &release.folder).is_dir()) {
            Some(here) => {
                if extent == Extent::Install {
                    // Does nothing when it is in use already.
                    self.switch(conditions.now, &name, &here.folder)?;
                }
                here
            }
            None => self.bring(&trusted, tape, &conditions, extent)?,
        };
        Ok(Installed { trusted, decision, release, before })
    }

    /// Stages a bundle and puts it into use.
    fn bring(
        &mut self,
        trusted: &Trusted,
        tape: &mut Tape<'_>,
        conditions: &Conditions<'_>,
        extent: Extent,
    ) -> Result<Release, SiteError> {
        let predicate = &trusted.statement.predicate;
        let scenario = predicate.scenario.clone();
        let mark = Mark::of(predicate, trusted.id);
        let folder = folder_name(&predicate.version, trusted.id)?;
        let target = self.site.release(&scenario, &folder);
        let parent = crate::bundle::place::folder_of(&target).to_owned();
        fs::create_dir_all(&parent).map_err(|source| SiteError::Write { path: parent.clone(), source })?;
        let store = self.site.store()?;
        let Staged { staging, files, bytes, .. } =
            stage(trusted, tape, conditions, Staging::beside(&target)?, Some(&store))?;
        let release = Release {
            folder: folder.clone(),
            bundle: predicate.name.clone(),
            version: predicate.version.clone(),
            mark,
            installed: conditions.now,
            files,
            bytes,
        };
        let names = |names: &mut dyn Iterator<Item = &Name>| names.cloned().collect::<Vec<_>>();
        let (act, moves) = match extent {
            Extent::Drill => {
                let act = Act::Drilled { scenario, bundle: mark, under: Under::of(&trusted.root) };
                (act, Moves::default())
            }
            Extent::Install => {
                let act = Act::Installed {
                    scenario: scenario.clone(),
                    release: folder.clone(),
                    bundle: mark,
                    under: Under::of(&trusted.root),
                    signers: names(&mut trusted.signers.iter().map(|signer| &signer.name)),
                    approvers: names(&mut trusted.approvals.approved.iter().map(|one| &one.who.name)),
                    out_of_order: trusted.approvals.out_of_order().map(str::to_owned),
                };
                let spot = Spot { scenario, folder };
                (act, Moves { place: Some(spot.clone()), switch: Some(spot), remove: Vec::new() })
            }
        };
        match extent {
            Extent::Drill => {
                drop(staging);
                let (state, root) = (self.site.state.clone(), self.site.root.clone());
                self.commit(conditions.now, act, state, root, moves)?;
            }
            Extent::Install => {
                let state = self.site.state.after_install(trusted, release.clone());
                let outcome = self.commit(conditions.now, act, state, trusted.root.clone(), moves);
                // Once decided, the folder is no longer this function's to remove.
                match outcome {
                    Ok(()) | Err(SiteError::Unfinished { .. }) => staging.hand_over(),
                    Err(_) => drop(staging),
                }
                outcome?;
            }
        }
        Ok(release)
    }

    fn refuse_unwritable_journal(&self) -> Result<(), SiteError> {
        let path = self.site.journal();
        super::journal::open_for_writing(&path)
            .map(drop)
            .map_err(|source| SiteError::JournalWrite { path, source })
    }
}

impl State {
    /// What the site knows once this bundle is in use.
    fn after_install(&self, trusted: &Trusted, release: Release) -> Self {
        let mut state = self.clone();
        let predicate = &trusted.statement.predicate;
        let root = trusted.root.root();
        state.root = *trusted.root.fingerprint().digest();
        state.root_version = root.version();
        let approved = trusted.approvals.approved.iter().map(|one| one.approval.approved);
        let dates = [predicate.created, root.created()];
        state.time_floor = dates.into_iter().chain(approved).fold(state.time_floor, Moment::max);
        let folder = release.folder.clone();
        let mark = release.mark;
        let known = state.scenarios.iter_mut().find(|scenario| scenario.name == predicate.scenario);
        if let Some(scenario) = known {
            scenario.releases.retain(|before| before.folder != folder);
            scenario.releases.push(release);
            scenario.current = folder;
            // A bundle that was let in out of order does not lower what later ones are compared with.
            if mark.is_above(&scenario.highest) {
                scenario.highest = mark;
            }
        } else {
            let name = predicate.scenario.clone();
            state.scenarios.push(Scenario { name, highest: mark, current: folder, releases: vec![release] });
            state.scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        }
        state
    }
}

/// Version and first digits of the statement: readable, and never the same for two bundles that a site would take.
fn folder_name(version: &Name, statement: Digest) -> Result<Name, SiteError> {
    // A name has 64 characters at most.
    let version: String = version.as_str().chars().take(48).collect();
    let version = version.trim_end_matches(['.', '-', '_']);
    format!("{version}-{}", statement.short())
        .parse()
        .map_err(|error: crate::value::ValueError| SiteError::StateDamaged { reason: error.to_string() })
}

/// What somebody has to be able to look up later: that a bundle was refused, and why. Not that a person pressed
/// Ctrl-C, or that the journal itself cannot be written.
fn is_to_be_remembered(error: &SiteError) -> bool {
    match error {
        SiteError::JournalWrite { .. } | SiteError::Unfinished { .. } => false,
        other => match other.code().class() {
            Class::Interrupted => false,
            Class::CouldNot
            | Class::WrongUse
            | Class::NotBelieved
            | Class::NotAsWanted
            | Class::Incomplete => true,
        },
    }
}
