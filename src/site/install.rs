//! Installs a bundle: verified, staged, and put into use in one step, or not at all.

use super::SiteError;
use super::handle::{self, LockedSite};
use super::journal::{Act, Under};
use super::parameters::{Given, Values};
use super::release_inventory::{Checking, ReleaseInventory};
use super::rendering::{Renderer, Rendering};
use super::staging::Staging;
use super::state::{Decision, Release, ReleaseMark, SiteScenario, SiteState};
use super::transaction::{Moves, TransactionStep, is_there};
use super::unpack::{Staged, path_error, stage};
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::blob_order::Contents;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::trust::approval::Permit;
use sealift_bundle::trust::verify::{Conditions, Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Class, Code, Fault as _};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;

/// Characters of an error that the journal keeps.
const MESSAGE: usize = 1000;

/// What became of an installation.
#[derive(Debug, Clone)]
pub struct InstallOutcome {
    /// Who sealed the bundle, and its statement.
    pub trusted: Trusted,
    /// What it was to the site.
    pub decision: Decision,
    /// The release that is in use now.
    pub release: Release,
    /// Whether its directory is new.
    pub is_new: bool,
    /// Version of the trust root that was pinned before.
    pub root_before: u64,
    /// The release that was in use before.
    pub before: Option<Name>,
    /// What was rendered just now, where the bundle has templates.
    pub rendering: Option<Rendering>,
    /// How many images the bundle has.
    pub images: u64,
}

/// How far an installation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallExtent {
    /// To the end.
    Install,
    /// Everything is verified, judged and written to the disk, and then taken away again.
    Drill,
}

impl LockedSite {
    /// Installs a bundle, and remembers it; or remembers why not.
    pub fn install(
        &mut self,
        tape: &mut MemberReader<'_>,
        conditions: &Conditions<'_>,
        extent: InstallExtent,
    ) -> Result<InstallOutcome, SiteError> {
        let mut statement = None;
        let outcome = self.try_install(tape, conditions, extent, &mut statement);
        self.remembered(outcome, conditions.now, statement)
    }

    /// Writes into the journal why a bundle was refused, where it was.
    pub(super) fn remembered<T>(
        &mut self,
        outcome: Result<T, SiteError>,
        now: Timestamp,
        statement: Option<Digest>,
    ) -> Result<T, SiteError> {
        match outcome {
            Err(error) if is_to_be_remembered(&error) => {
                match self.remember_refusal(now, error.code(), &error.to_string(), statement) {
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

    /// Writes into the journal that a bundle was refused.
    pub fn remember_refusal(
        &mut self,
        now: Timestamp,
        code: Code,
        message: &str,
        statement: Option<Digest>,
    ) -> Result<(), SiteError> {
        let code = code.as_str().to_owned();
        // What comes from a bundle no one trusts may be as long as it likes.
        let message = message.chars().take(MESSAGE).collect();
        let (state, root) = (self.site.state.clone(), self.site.root.clone());
        self.commit(now, Act::Refused { code, message, statement }, state, root, Moves::default())
    }

    fn try_install(
        &mut self,
        tape: &mut MemberReader<'_>,
        conditions: &Conditions<'_>,
        extent: InstallExtent,
        statement: &mut Option<Digest>,
    ) -> Result<InstallOutcome, SiteError> {
        // Found out before the work, and not after it.
        self.refuse_unwritable_journal()?;
        let (clock, root_before) = (conditions.now, self.site.state.root_version);
        let conditions = self.site.circumstances(conditions);
        let trusted = Trusted::open_noting(tape, &self.site.root, &conditions, statement)?;
        let predicate = &trusted.statement().predicate;
        let permit = trusted.approvals().permit();
        let given = Given::of_site(self.site.folder(), &predicate.scenario);
        let values = given.and_then(|given| Values::resolve(&predicate.needs, &given));
        let mark = values.as_ref().ok().and_then(Values::mark);
        // That a bundle is not for this site is said before what it asks for.
        let decision = self.site.state.decide(predicate, trusted.id(), mark, permit.as_ref())?;
        let values = values?;
        let name = predicate.scenario.clone();
        let (before, known) = match self.site.state.scenario(&name) {
            Some(scenario) => (Some(scenario.current.clone()), scenario.with(trusted.id(), mark).cloned()),
            None => (None, None),
        };
        let here = known.clone().filter(|release| self.site.release(&name, &release.folder).is_dir());
        let is_new = here.is_none();
        let mut rendering = None;
        let images;
        let release = match (extent, here) {
            (InstallExtent::Install, Some(here)) => {
                // Nothing is said of a medium that was not read to its end, also where its release already exists.
                let contents = verify_contents(&trusted, tape, &conditions, &Looking(Depth::Stored))?;
                images = images_of(&contents);
                // The chain of roots is not part of what the statement covers: the same bundle may bring a newer one.
                if trusted.root().root().version() > self.site.state.root_version {
                    self.trust(clock, trusted.root().clone(), None)?;
                }
                let permit = permit_of(&decision, permit.as_ref());
                // Does nothing when it is in use already, but for comparing it with what was installed.
                let checking = Checking { threads: conditions.threads, watch: conditions.watch };
                self.switch_for(clock, &name, &here.folder, permit, checking)?;
                here
            }
            (InstallExtent::Install, None) => {
                let folder = match known {
                    Some(gone) => gone.folder,
                    None => folder_name(&predicate.version, trusted.id(), mark)?,
                };
                let (staged, release) = self.stage(&trusted, tape, &conditions, clock, &folder, values)?;
                images = images_of(&staged.contents);
                rendering.clone_from(&staged.rendering);
                self.put_into_use(&trusted, clock, staged, &release, permit_of(&decision, permit.as_ref()))?;
                release
            }
            (InstallExtent::Drill, _) => {
                let folder = "drill".parse().map_err(path_error)?;
                let (staged, release) = self.stage(&trusted, tape, &conditions, clock, &folder, values)?;
                drop(staged.staging);
                images = images_of(&staged.contents);
                rendering = staged.rendering;
                let bundle = release.mark;
                let act = Act::Drilled { scenario: name, bundle, under: Under::of(trusted.root()) };
                let (state, root) = (self.site.state.clone(), self.site.root.clone());
                self.commit(clock, act, state, root, Moves::default())?;
                release
            }
        };
        Ok(InstallOutcome { trusted, decision, release, is_new, root_before, before, rendering, images })
    }

    /// Verifies what follows the seal, and writes it beside the releases.
    pub(super) fn stage(
        &self,
        trusted: &Trusted,
        tape: &mut MemberReader<'_>,
        conditions: &Conditions<'_>,
        clock: Timestamp,
        folder: &Name,
        values: Values,
    ) -> Result<(Staged, Release), SiteError> {
        let predicate = &trusted.statement().predicate;
        let target = self.site.release(&predicate.scenario, folder);
        handle::make_folder(atomic_file::folder_of(&target))?;
        if is_there(&target).map_err(|source| SiteError::StateRead { path: target.clone(), source })? {
            // The journal knows of no release with this name that is whole: it is what someone else has left.
            return Err(SiteError::Stray { path: target });
        }
        let store = self.site.store()?;
        let parameters = values.mark();
        let renderer = Renderer::new(values, Some(&self.site.state.name))?;
        let staging = Staging::beside(&target)?;
        let staged = stage(trusted, tape, conditions, staging, Some(&store), Some(renderer))?;
        let inventory = ReleaseInventory::new(staged.entries.clone()).write(self.site.folder())?;
        let release = Release {
            folder: folder.clone(),
            bundle: predicate.name.clone(),
            version: predicate.version.clone(),
            mark: ReleaseMark::of(predicate, trusted.id()),
            installed: clock,
            files: staged.files,
            bytes: staged.bytes,
            parameters,
            inventory: Some(inventory),
        };
        Ok((staged, release))
    }

    fn put_into_use(
        &mut self,
        trusted: &Trusted,
        clock: Timestamp,
        staged: Staged,
        release: &Release,
        permit: Option<&Permit>,
    ) -> Result<(), SiteError> {
        let scenario = trusted.statement().predicate.scenario.clone();
        let folder = release.folder.clone();
        let act = Act::Installed {
            scenario: scenario.clone(),
            release: folder.clone(),
            bundle: release.mark,
            under: Under::of(trusted.root()),
            signers: trusted.signers().iter().map(|signer| signer.name.clone()).collect(),
            approvers: trusted.approvals().approved.iter().map(|one| one.who.name.clone()).collect(),
            out_of_order: permit.map(|permit| permit.reason.clone()),
            rendered: staged.rendering.as_ref().map(Rendering::record).transpose()?.map(Box::new),
        };
        let spot = TransactionStep { scenario, folder };
        let moves = Moves { place: Some(spot.clone()), switch: Some(spot), remove: Vec::new() };
        let state = self.site.state.after_install(trusted, release.clone(), permit, clock);
        let outcome = self.commit(clock, act, state, trusted.root().clone(), moves);
        // Once decided, the directory is no longer this function's to remove.
        match outcome {
            Ok(()) | Err(SiteError::Unfinished { .. }) => staged.staging.hand_over(),
            Err(_) => drop(staged.staging),
        }
        outcome
    }

    pub(super) fn refuse_unwritable_journal(&self) -> Result<(), SiteError> {
        let path = self.site.journal();
        super::journal::open_for_writing(&path)
            .map(drop)
            .map_err(|source| SiteError::JournalWrite { path, source })
    }
}

impl SiteState {
    /// What the site knows once this bundle is in use.
    fn after_install(
        &self,
        trusted: &Trusted,
        release: Release,
        permit: Option<&Permit>,
        clock: Timestamp,
    ) -> Self {
        let mut state = self.clone();
        let predicate = &trusted.statement().predicate;
        let root = trusted.root().root();
        state.root = *trusted.root().fingerprint().digest();
        state.root_version = root.version();
        // A date to come, which one packer may write, would be the end of everything that expires before it.
        let made = Some(predicate.created).filter(|made| *made <= clock);
        state.time_floor = state.time_floor.max(root.created()).max(made.unwrap_or(root.created()));
        let mark = release.mark;
        if state.scenario(&predicate.scenario).is_none() {
            let (name, current) = (predicate.scenario.clone(), release.folder.clone());
            let scenario =
                SiteScenario { name, highest: mark, current, releases: Vec::new(), permits: Vec::new() };
            state.scenarios.push(scenario);
            state.scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        }
        if let Some(scenario) = state.scenarios.iter_mut().find(|one| one.name == predicate.scenario) {
            // The one that was in use stands right before the new one: going back leads there, and it is kept longest.
            let was = scenario.release(&scenario.current).cloned();
            scenario.releases.retain(|one| one.folder != release.folder && one.folder != scenario.current);
            scenario.releases.extend(was.filter(|was| was.folder != release.folder));
            scenario.current = release.folder.clone();
            scenario.releases.push(release);
            // A bundle that was let in out of order does not lower what later ones are compared with.
            if mark.is_above(&scenario.highest) {
                scenario.highest = mark;
            }
            scenario.permits.extend(permit.into_iter().flat_map(|permit| &permit.approvals));
        }
        state
    }
}

fn images_of(contents: &Contents) -> u64 {
    contents.items.iter().filter(|item| item.item.head.kind == ItemKind::Image).count() as u64
}

/// The permit, where it is what decided.
fn permit_of<'a>(decision: &Decision, permit: Option<&'a Permit>) -> Option<&'a Permit> {
    match decision {
        Decision::OutOfOrder { .. } => permit,
        Decision::First
        | Decision::Same
        | Decision::Here(_)
        | Decision::OtherValues
        | Decision::Newer { .. } => None,
    }
}

/// Version, first digits of the statement, and of the values for its parameters: readable, and never the same for two
/// bundles that a site would take.
pub(super) fn folder_name(
    version: &Name,
    statement: Digest,
    values: Option<Digest>,
) -> Result<Name, SiteError> {
    let values = values.map(|digest| format!("-{}", digest.short())).unwrap_or_default();
    // A name has 64 characters at most.
    let version: String = version.as_str().chars().take(48 - values.len()).collect();
    let version = version.trim_end_matches(['.', '-', '_']);
    format!("{version}-{}{values}", statement.short()).parse().map_err(
        |error: sealift_bundle::value::ValueError| SiteError::StateDamaged { reason: error.to_string() },
    )
}

/// What someone has to be able to look up later: that a bundle was refused, and why. Not that the user pressed
/// Ctrl-C, or that the journal itself cannot be written.
fn is_to_be_remembered(error: &SiteError) -> bool {
    match error {
        SiteError::JournalWrite { .. } | SiteError::Unfinished { .. } => false,
        other => match other.code().class() {
            Class::Interrupted => false,
            Class::Failed | Class::Usage | Class::Rejected | Class::Findings | Class::Incomplete => true,
        },
    }
}
