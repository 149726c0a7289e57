//! Errors of the isolated side.

use super::release_inventory::ReleaseDifference;
use super::state::ReleaseMark;
use crate::codes;
use sealift_bundle::format::BundleError;
use sealift_bundle::next_step;
use sealift_bundle::store::StoreError;
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::next_step::{NextStep, Subject};
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use std::io;
use std::path::PathBuf;

/// An error while a bundle is unpacked or installed, or while a site is looked at.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SiteError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("`{}` is {found}", .path.display())]
    Target { path: PathBuf, found: &'static str },
    #[error("directory `{}` not found", .path.display())]
    NoParent { path: PathBuf },
    #[error("`{}` {reason}", .path.display())]
    Parent { path: PathBuf, reason: &'static str },
    #[error("not enough space at `{}`: the bundle needs {}, {} are free", .path.display(), ByteSize(*.needed), ByteSize(*.free))]
    Space { path: PathBuf, needed: u64, free: u64 },
    #[error("not enough inodes at `{}`: the bundle needs {needed}, {free} are free", .path.display())]
    Inodes { path: PathBuf, needed: u64, free: u64 },
    #[error("another sealift process is unpacking to `{}`", .path.display())]
    Busy { path: PathBuf },
    #[error("cannot inspect `{}`", .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("`{}` is not ready: {}", .path.display(), counted(*.problems, "problem"))]
    Unfit { path: PathBuf, problems: u64 },
    #[error("{}", unread(.path, *.is_link))]
    ParametersRead { path: PathBuf, is_link: bool, source: io::Error },
    #[error("`{}`: {}", .path.display(), .wrong.join("; "))]
    Parameters { path: PathBuf, wrong: Vec<String> },
    #[error(
        "the bundle needs {} that `{}` does not set:\n{}",
        counted(.missing.len() as u64, "value"), .path.display(), .missing.join("\n")
    )]
    ParametersMissing { path: PathBuf, missing: Vec<String> },
    #[error("`{}`{}: {reason}", Printable(.file), .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Rendering { file: String, line: Option<usize>, reason: String },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("everything was unpacked to `{}`, but its directory could not be synced to disk", .path.display())]
    NotSynced { path: PathBuf, source: io::Error },

    #[error("`{}` belongs to user id {owner}, who could change it in the meantime", .path.display())]
    OtherOwner { path: PathBuf, owner: u32 },
    #[error("no site found at `{}`", .path.display())]
    NoSite { path: PathBuf },
    #[error("a site already exists at `{}`", .path.display())]
    SiteExists { path: PathBuf },
    #[error("another sealift process is changing the site `{}`", .path.display())]
    SiteBusy { path: PathBuf },
    #[error("the file system of `{}` does not support hard or symbolic links", .path.display())]
    NoLinks { path: PathBuf, source: io::Error },
    #[error("a transaction of the site `{}` was started and not finished", .path.display())]
    Pending { path: PathBuf },
    #[error("a transaction of the site `{}` was recorded but could not be finished", .path.display())]
    Unfinished { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`", .path.display())]
    StateRead { path: PathBuf, source: io::Error },
    #[error("`state.json` of the site `{}` is missing", .path.display())]
    StateMissing { path: PathBuf },
    #[error("both `state.json` and `journal.jsonl` of the site `{}` are missing", .path.display())]
    MemoryLost { path: PathBuf },
    #[error("the state of the site is damaged: {}", Printable(.reason))]
    StateDamaged { reason: String },
    #[error("`state.json` is older than the journal: it covers {knows} entries, the journal has {found}")]
    StateOld { knows: u64, found: u64 },
    #[error("the journal was truncated: expected {expected} entries, found {found}")]
    JournalShort { expected: u64, found: u64 },
    #[error("the journal was replaced: its entry {entry} is not the one recorded in the state")]
    JournalFork { entry: u64 },
    #[error("the journal never ended with `{}`", Printable(.head))]
    NotPassed { head: String },
    #[error(
        "the journal does not end with `{}`: it did at entry {entry}, and now has {entries} entries",
        Printable(.head)
    )]
    PassedEarlier { head: String, entry: u64, entries: u64 },
    #[error("the journal of the site is missing: `{}` not found", .path.display())]
    JournalMissing { path: PathBuf },
    #[error(
        "the state of the site would be {found} bytes, which exceeds the limit of {limit} for a journal entry"
    )]
    EntryLong { found: u64, limit: u64 },
    #[error("line {line} of the journal is damaged: {}", Printable(.reason))]
    JournalDamaged { line: u64, reason: String },
    #[error("cannot read the journal `{}`", .path.display())]
    JournalRead { path: PathBuf, source: io::Error },
    #[error("cannot write the journal `{}`", .path.display())]
    JournalWrite { path: PathBuf, source: io::Error },
    #[error("{error}; and this could not be recorded in the journal: {unwritten}")]
    RefusedAndNotWritten { error: Box<Self>, unwritten: String },
    #[error("the journal pins trust root version {version} with digest {expected}, found {found}")]
    OtherRoot { expected: Digest, version: u64, found: Digest },
    #[error("a root that does not succeed the pinned one needs an epoch above {pinned}, found {found}")]
    EpochNotNew { found: u64, pinned: u64 },

    #[error("the bundle is for scenario `{found}`, this site accepts {}", list(.accepts))]
    Scenario { found: Name, accepts: Vec<Name> },
    #[error("the bundle is older than one this site had: it has {found}, the site had {highest}")]
    Older { found: ReleaseMark, highest: ReleaseMark },
    #[error("two bundles have the same number: this one is {found}, the site had {highest}")]
    Equivocation { found: ReleaseMark, highest: ReleaseMark },
    #[error("the bundle skips sequence numbers: from {from} to {found}")]
    Jump { found: ReleaseMark, from: u64 },
    #[error("the permission for {found} was already used at this site and is valid once")]
    PermitUsed { found: ReleaseMark },
    #[error("unexpected entry `{}` among the releases", .path.display())]
    Stray { path: PathBuf },
    #[error("{}", no_scenario(.asked.as_ref(), .installed))]
    NoScenario { asked: Option<Name>, installed: Vec<Name> },
    #[error("scenario `{scenario}` has no release `{asked}`; the releases are {}", list(.there))]
    NoRelease { scenario: Name, asked: Name, there: Vec<Name> },
    #[error("scenario `{scenario}` has no release before the one in use")]
    NothingBefore { scenario: Name },
    #[error("the directory of the release is missing: `{}`", .path.display())]
    ReleaseGone { path: PathBuf },
    #[error(
        "release `{release}` differs from what was installed: {}, the first is `{}` ({})",
        counted(*.count, "difference"), Printable(&.first.path), .first.change
    )]
    ReleaseChanged { release: Name, count: u64, first: ReleaseDifference },
    #[error("{} different from what was installed: {}", if .releases.len() == 1 { "a release is" } else { "releases are" }, list(.releases))]
    ReleasesChanged { releases: Vec<Name> },
    #[error("invalid inventory `{}`: {}", .path.display(), Printable(.reason))]
    InventoryDamaged { path: PathBuf, reason: String },
    #[error("scenario `{scenario}` has releases at this site")]
    ScenarioInUse { scenario: Name },
    #[error("this site does not accept scenario `{scenario}`; it accepts {}", list(.accepts))]
    NotAccepted { scenario: Name, accepts: Vec<Name> },

    #[error("`{}` {reason}", .path.display())]
    Evidence { path: PathBuf, reason: String },
}

fn list(names: &[Name]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn unread(path: &std::path::Path, is_link: bool) -> String {
    let path = path.display();
    if is_link {
        format!("`{path}` is a link; parameters are read from a regular file")
    } else {
        format!("cannot read `{path}`")
    }
}

fn no_scenario(asked: Option<&Name>, installed: &[Name]) -> String {
    match asked {
        _ if installed.is_empty() => "nothing is installed at this site".to_owned(),
        Some(asked) => format!("scenario `{asked}` is not installed here; installed are {}", list(installed)),
        None => format!("several scenarios are installed here: {}", list(installed)),
    }
}

impl From<BundleError> for SiteError {
    fn from(error: BundleError) -> Self {
        Self::Trust(error.into())
    }
}

impl Fault for SiteError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::RefusedAndNotWritten { error, .. } => error.code(),
            Self::Target { .. } => codes::SITE_TARGET,
            Self::NoParent { .. } | Self::Parent { .. } | Self::OtherOwner { .. } => codes::SITE_PARENT,
            Self::Space { .. } | Self::Inodes { .. } => codes::SITE_SPACE,
            Self::Look { .. } => codes::DOCTOR_LOOK,
            Self::Unfit { .. } => codes::DOCTOR_PROBLEMS,
            Self::Write { .. } | Self::NotSynced { .. } => codes::SITE_WRITE,
            Self::ParametersRead { .. } | Self::Parameters { .. } | Self::ParametersMissing { .. } => {
                codes::SITE_PARAMETERS
            }
            Self::Rendering { .. } => codes::SITE_RENDERING,
            Self::NoSite { .. } | Self::SiteExists { .. } | Self::NoLinks { .. } | Self::Stray { .. } => {
                codes::SITE_FOLDER
            }
            Self::Busy { .. } | Self::SiteBusy { .. } => codes::SITE_BUSY,
            Self::Pending { .. } | Self::Unfinished { .. } => codes::SITE_UNFINISHED,
            Self::StateRead { .. } | Self::JournalRead { .. } => codes::SITE_READ,
            Self::StateMissing { .. }
            | Self::MemoryLost { .. }
            | Self::StateDamaged { .. }
            | Self::StateOld { .. } => codes::SITE_STATE,
            Self::JournalShort { .. }
            | Self::JournalFork { .. }
            | Self::JournalDamaged { .. }
            | Self::JournalMissing { .. }
            | Self::PassedEarlier { .. }
            | Self::NotPassed { .. } => codes::SITE_JOURNAL,
            Self::JournalWrite { .. } | Self::EntryLong { .. } => codes::SITE_JOURNAL_WRITE,
            Self::OtherRoot { .. } | Self::EpochNotNew { .. } => codes::SITE_ROOT,
            Self::Scenario { .. } => codes::SITE_SCENARIO,
            Self::Older { .. } | Self::Jump { .. } | Self::PermitUsed { .. } => codes::SITE_ROLLBACK,
            Self::Equivocation { .. } => codes::SITE_EQUIVOCATION,
            Self::NoScenario { .. }
            | Self::NoRelease { .. }
            | Self::NothingBefore { .. }
            | Self::ScenarioInUse { .. }
            | Self::NotAccepted { .. }
            | Self::ReleaseGone { .. } => codes::SITE_RELEASE,
            Self::ReleaseChanged { .. } | Self::ReleasesChanged { .. } | Self::InventoryDamaged { .. } => {
                codes::SITE_RELEASE_CHANGED
            }
            Self::Evidence { .. } => codes::EVIDENCE_INPUT,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table with one row for each error")]
    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Trust(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::RefusedAndNotWritten { error, .. } => error.hint(),
            Self::Target { .. } => Some(next_step!["name a directory that does not exist yet: `--to NEW`"]),
            Self::NoParent { path } => {
                Some(next_step![format!("create it first: `mkdir -p {}`", quoted(path))])
            }
            Self::Parent { .. } => Some(next_step!["choose a directory that only you can write to"]),
            Self::OtherOwner { owner, .. } => {
                Some(next_step![format!("run the command as that user: `sudo -u '#{owner}' sealift ...`")])
            }
            Self::Space { .. } | Self::Inodes { .. } => Some(next_step![
                "free some space, at a site also with `sealift prune ",
                Subject::Site,
                " --keep 1`; or choose a directory on another disk"
            ]),
            Self::Busy { .. } => Some(next_step!["wait for it to finish, or choose another directory"]),
            Self::Look { .. } => {
                Some(next_step!["run it as the user who will unpack there, or name another directory"])
            }
            Self::Unfit { .. } => {
                Some(next_step!["follow the advice beside each problem, then re-run the command"])
            }
            Self::Write { .. } => {
                Some(next_step!["nothing was left behind; fix the cause and re-run the command"])
            }
            Self::ParametersRead { .. } => {
                Some(next_step!["put a regular, readable file there; nothing was changed"])
            }
            Self::Parameters { .. } => Some(next_step![
                "fix it and re-run the command; list what can be set: `sealift inspect ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                "`"
            ]),
            Self::ParametersMissing { path, .. } => Some(next_step![format!(
                "add these lines to {}, fill them in, and re-run the command",
                quoted(path)
            )]),
            Self::Rendering { .. } => Some(next_step![
                "ask the packer to fix the template and seal a new bundle; nothing was changed"
            ]),
            Self::NoSite { path } => Some(next_step![
                format!("set it up: `sealift site init {} --trust ", quoted(path)),
                Subject::TrustRoot,
                " --scenario NAME`"
            ]),
            Self::SiteExists { .. } => Some(next_step!["choose another directory"]),
            Self::SiteBusy { .. } => Some(next_step!["wait for it to finish"]),
            Self::NoLinks { .. } => {
                Some(next_step!["choose a directory on ext4, xfs, btrfs or another file system with links"])
            }
            Self::Pending { path } | Self::Unfinished { path, .. } => Some(next_step![format!(
                "fix the cause (`df -h {0}; ls -ld {0}`), then run `sealift status {0}` to finish it",
                quoted(path)
            )]),
            Self::StateRead { .. } | Self::JournalRead { .. } => {
                Some(next_step!["check the permissions and the disk"])
            }
            Self::StateMissing { .. } | Self::StateDamaged { .. } | Self::StateOld { .. } => {
                Some(next_step![
                    "find out who changed it; then rebuild the state from the journal: `sealift site recover ",
                    Subject::Site,
                    " --trust ",
                    Subject::TrustRoot,
                    " --head WORDS --reason TEXT`; WORDS identify the last entry, as written down or in a receipt; if they were not written down, `sealift journal verify ",
                    Subject::Site,
                    "/journal.jsonl` lists every entry: compare them with what was done here"
                ])
            }
            Self::MemoryLost { .. } => Some(next_step![
                "restore both from a backup; without one, set up a new site in another directory and install the newest bundle there"
            ]),
            Self::JournalMissing { .. } => Some(next_step![
                "restore it from a backup, or from `sealift journal export` if nothing was done since; without either, set up a new site in another directory and install the newest bundle there"
            ]),
            Self::PassedEarlier { entry, .. } => Some(next_step![
                format!("if everything after entry {entry} was done here (`sealift journal verify "),
                Subject::Site,
                "/journal.jsonl`), pass the words of the last entry"
            ]),
            Self::JournalShort { .. }
            | Self::JournalFork { .. }
            | Self::JournalDamaged { .. }
            | Self::NotPassed { .. } => Some(next_step![
                "do not install anything; keep the directory, compare the journal with an export or a receipt, and restore the original journal"
            ]),
            Self::JournalWrite { .. } => Some(next_step![
                "nothing is installed unless the journal can record it; check free space and permissions"
            ]),
            Self::OtherRoot { .. } => Some(next_step!["pass the trust root that the journal names"]),
            Self::EpochNotNew { pinned, .. } => Some(next_step![format!(
                "create the new root with `sealift trust init --epoch {}`, so that no earlier bundle is accepted",
                pinned.saturating_add(1)
            )]),
            Self::Scenario { found, .. } => Some(next_step![
                "take the bundle to the site it is for; to accept it at this site: `sealift site set ",
                Subject::Site,
                format!(" --add-scenario {found}`")
            ]),
            Self::Older { .. } => Some(next_step![
                "to use an installed release: `sealift rollback ",
                Subject::Site,
                "`; to install this bundle anyway, an approver signs `sealift approve ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --key KEY --out-of-order REASON`"
            ]),
            Self::Jump { .. } => Some(next_step![
                "ask the packer whether the number is right; an approver can permit it: `sealift approve ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --key KEY --out-of-order REASON`"
            ]),
            Self::EntryLong { .. } => {
                Some(next_step!["keep fewer releases: `sealift prune ", Subject::Site, " --keep 1`"])
            }
            Self::PermitUsed { .. } => Some(next_step![
                "the approver reviews the bundle and signs again: `sealift approve ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --key KEY --out-of-order REASON`"
            ]),
            Self::Stray { path } => Some(next_step![format!(
                "find out who put it there, and move it away: `mv {} /somewhere/else`",
                quoted(path)
            )]),
            Self::Equivocation { .. } => Some(next_step![
                "one of the two was not sealed by the real packer: keep both, install neither, and call the administrators of your signing keys"
            ]),
            Self::NoScenario { .. } => Some(next_step![
                "see what is installed: `sealift status ",
                Subject::Site,
                "`; choose one with `--scenario`"
            ]),
            Self::NoRelease { .. } | Self::NothingBefore { .. } => {
                Some(next_step!["list the releases: `sealift status ", Subject::Site, "`"])
            }
            Self::ReleaseGone { .. } => Some(next_step!["install its bundle again"]),
            Self::ReleaseChanged { .. } | Self::ReleasesChanged { .. } | Self::InventoryDamaged { .. } => {
                Some(next_step![
                    "list all differences: `sealift status ",
                    Subject::Site,
                    " --deep`; find out who changed it; restore it from its bundle: `sealift install ",
                    Subject::Site,
                    " ",
                    Subject::Bundle,
                    " --repair`"
                ])
            }
            Self::ScenarioInUse { .. } => {
                Some(next_step!["a scenario can only be removed while nothing of it is installed"])
            }
            Self::NotAccepted { .. } => {
                Some(next_step!["see what it accepts: `sealift status ", Subject::Site, "`"])
            }
            Self::Evidence { .. } => {
                Some(next_step!["pass only what belongs to this bundle; nothing was written"])
            }
            Self::NotSynced { .. } => Some(next_step!["run `sync`; there is no need to unpack again"]),
        }
    }
}
