//! What can go wrong on the isolated side.

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
    #[error("there is no folder `{}` to unpack into", .path.display())]
    NoParent { path: PathBuf },
    #[error("`{}` {reason}", .path.display())]
    Parent { path: PathBuf, reason: &'static str },
    #[error("`{}` has too little space: the bundle needs {}, {} are free", .path.display(), ByteSize(*.needed), ByteSize(*.free))]
    Space { path: PathBuf, needed: u64, free: u64 },
    #[error("`{}` has too few inodes: the bundle needs {needed}, {free} are free", .path.display())]
    Inodes { path: PathBuf, needed: u64, free: u64 },
    #[error("another sealift is unpacking to `{}`", .path.display())]
    Busy { path: PathBuf },
    #[error("cannot look at `{}`", .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("`{}` is not ready: {}", .path.display(), counted(*.problems, "problem"))]
    Unfit { path: PathBuf, problems: u64 },
    #[error("{}", unread(.path, *.is_link))]
    ParametersRead { path: PathBuf, is_link: bool, source: io::Error },
    #[error("`{}`: {}", .path.display(), .wrong.join("; "))]
    Parameters { path: PathBuf, wrong: Vec<String> },
    #[error(
        "the bundle asks for {} that `{}` does not set:\n{}",
        counted(.missing.len() as u64, "value"), .path.display(), .missing.join("\n")
    )]
    ParametersMissing { path: PathBuf, missing: Vec<String> },
    #[error("`{}`{}: {reason}", Printable(.file), .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Rendering { file: String, line: Option<usize>, reason: String },
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("everything is unpacked to `{}`, but its folder could not be made durable (synced)", .path.display())]
    NotSynced { path: PathBuf, source: io::Error },

    #[error("`{}` belongs to the user with the id {owner}, who could change it meanwhile", .path.display())]
    OtherOwner { path: PathBuf, owner: u32 },
    #[error("there is no site at `{}`", .path.display())]
    NoSite { path: PathBuf },
    #[error("there is a site at `{}` already", .path.display())]
    SiteExists { path: PathBuf },
    #[error("another sealift is changing the site `{}`", .path.display())]
    SiteBusy { path: PathBuf },
    #[error("the file system of `{}` has no hard or symbolic links", .path.display())]
    NoLinks { path: PathBuf, source: io::Error },
    #[error("an act of the site `{}` was begun and is not finished", .path.display())]
    Pending { path: PathBuf },
    #[error("the act is decided, and could not be finished at the site `{}`", .path.display())]
    Unfinished { path: PathBuf, source: io::Error },
    #[error("cannot read `{}`", .path.display())]
    StateRead { path: PathBuf, source: io::Error },
    #[error("the site `{}` has lost its `state.json`", .path.display())]
    StateMissing { path: PathBuf },
    #[error("the site `{}` has lost both its `state.json` and its `journal.jsonl`", .path.display())]
    MemoryLost { path: PathBuf },
    #[error("what the site remembers is damaged: {}", Printable(.reason))]
    StateDamaged { reason: String },
    #[error("`state.json` is older than the journal: it knows {knows} entries, the journal has {found}")]
    StateOld { knows: u64, found: u64 },
    #[error("the journal was cut short: it had {expected} entries, and has {found}")]
    JournalShort { expected: u64, found: u64 },
    #[error(
        "the journal is another one than the site wrote: its entry {entry} is not the one that the site remembers"
    )]
    JournalFork { entry: u64 },
    #[error("the journal never ended with `{}`", Printable(.head))]
    NotPassed { head: String },
    #[error(
        "the journal does not end with `{}`: it did at entry {entry}, and now has {entries}",
        Printable(.head)
    )]
    PassedEarlier { head: String, entry: u64, entries: u64 },
    #[error("the site has lost its journal: there is no `{}`", .path.display())]
    JournalMissing { path: PathBuf },
    #[error("the site would remember {found} bytes, and a line of its journal holds {ceiling}")]
    EntryLong { found: u64, ceiling: u64 },
    #[error("line {line} of the journal is damaged: {}", Printable(.reason))]
    JournalDamaged { line: u64, reason: String },
    #[error("cannot read the journal `{}`", .path.display())]
    JournalRead { path: PathBuf, source: io::Error },
    #[error("cannot write the journal `{}`", .path.display())]
    JournalWrite { path: PathBuf, source: io::Error },
    #[error("{error}; and the journal could not say so: {unwritten}")]
    RefusedAndNotWritten { error: Box<Self>, unwritten: String },
    #[error(
        "the journal says that trust root version {version} with the digest {expected} is pinned, this one has {found}"
    )]
    OtherRoot { expected: Digest, version: u64, found: Digest },
    #[error("a root that does not follow from the pinned one needs an epoch above {pinned}, it has {found}")]
    EpochNotNew { found: u64, pinned: u64 },

    #[error("the bundle is for scenario `{found}`, this site takes {}", list(.accepts))]
    Scenario { found: Name, accepts: Vec<Name> },
    #[error("the bundle is older than what this site had: it has {found}, the site had {highest}")]
    Older { found: ReleaseMark, highest: ReleaseMark },
    #[error("two bundles have the same number: this one is {found}, the site had {highest}")]
    Equivocation { found: ReleaseMark, highest: ReleaseMark },
    #[error("the bundle jumps from sequence {from}: it has {found}")]
    Jump { found: ReleaseMark, from: u64 },
    #[error("the permission for {found} was used here already, and counts once")]
    PermitUsed { found: ReleaseMark },
    #[error("`{}` stands where a release belongs, and the site knows nothing of it", .path.display())]
    Stray { path: PathBuf },
    #[error("{}", no_scenario(.asked.as_ref(), .installed))]
    NoScenario { asked: Option<Name>, installed: Vec<Name> },
    #[error("scenario `{scenario}` has no release `{asked}`; there are {}", list(.there))]
    NoRelease { scenario: Name, asked: Name, there: Vec<Name> },
    #[error("scenario `{scenario}` has no release before the one in use")]
    NothingBefore { scenario: Name },
    #[error("the folder of the release is gone: `{}`", .path.display())]
    ReleaseGone { path: PathBuf },
    #[error(
        "release `{release}` is not what was installed: {}, the first is `{}` ({})",
        counted(*.count, "difference"), Printable(&.first.path), .first.change
    )]
    ReleaseChanged { release: Name, count: u64, first: ReleaseDifference },
    #[error("{} not what was installed: {}", if .releases.len() == 1 { "a release is" } else { "releases are" }, list(.releases))]
    ReleasesChanged { releases: Vec<Name> },
    #[error("the inventory `{}` cannot be used: {}", .path.display(), Printable(.reason))]
    InventoryDamaged { path: PathBuf, reason: String },
    #[error("scenario `{scenario}` has releases at this site")]
    ScenarioInUse { scenario: Name },
    #[error("the site does not take scenario `{scenario}`; it takes {}", list(.accepts))]
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
        format!("`{path}` is a link, and parameters are read from a file")
    } else {
        format!("cannot read `{path}`")
    }
}

fn no_scenario(asked: Option<&Name>, installed: &[Name]) -> String {
    match asked {
        _ if installed.is_empty() => "nothing is installed at this site".to_owned(),
        Some(asked) => format!("scenario `{asked}` is not installed here; there are {}", list(installed)),
        None => format!("there are several scenarios here: {}", list(installed)),
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
            Self::Target { .. } => Some(next_step!["name a folder that does not exist yet: `--to NEW`"]),
            Self::NoParent { path } => {
                Some(next_step![format!("make it first: `mkdir -p {}`", quoted(path))])
            }
            Self::Parent { .. } => Some(next_step!["choose a folder that only you can write to"]),
            Self::OtherOwner { owner, .. } => {
                Some(next_step![format!("run the command as that user: `sudo -u '#{owner}' sealift ...`")])
            }
            Self::Space { .. } | Self::Inodes { .. } => Some(next_step![
                "free space there, at a site also with `sealift prune ",
                Subject::Site,
                " --keep 1`; or choose a folder on another disk"
            ]),
            Self::Busy { .. } => Some(next_step!["wait for it to end, or choose another folder"]),
            Self::Look { .. } => {
                Some(next_step!["run it as whoever will unpack there, or name another folder"])
            }
            Self::Unfit { .. } => Some(next_step!["do what stands beside each problem, then run it again"]),
            Self::Write { .. } => {
                Some(next_step!["nothing was left behind; mend the cause and run the same command"])
            }
            Self::ParametersRead { .. } => {
                Some(next_step!["put a plain file there that you can read; nothing was changed"])
            }
            Self::Parameters { .. } => Some(next_step![
                "mend it and run the same command; what may be set: `sealift inspect ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                "`"
            ]),
            Self::ParametersMissing { path, .. } => Some(next_step![format!(
                "add these lines to {}, fill them in, and run the same command",
                quoted(path)
            )]),
            Self::Rendering { .. } => Some(next_step![
                "tell the packer, who mends the template and seals another bundle; nothing was changed"
            ]),
            Self::NoSite { path } => Some(next_step![
                format!("set it up: `sealift site init {} --trust ", quoted(path)),
                Subject::TrustRoot,
                " --scenario NAME`"
            ]),
            Self::SiteExists { .. } => Some(next_step!["name another folder"]),
            Self::SiteBusy { .. } => Some(next_step!["wait for it to end"]),
            Self::NoLinks { .. } => {
                Some(next_step!["choose a folder on ext4, xfs, btrfs or another file system with links"])
            }
            Self::Pending { path } | Self::Unfinished { path, .. } => Some(next_step![format!(
                "mend the cause (`df -h {0}; ls -ld {0}`), then `sealift status {0}` finishes it",
                quoted(path)
            )]),
            Self::StateRead { .. } | Self::JournalRead { .. } => {
                Some(next_step!["look at the permissions and the disk"])
            }
            Self::StateMissing { .. } | Self::StateDamaged { .. } | Self::StateOld { .. } => {
                Some(next_step![
                    "find out who changed it; then set it up again from the journal: `sealift site recover ",
                    Subject::Site,
                    " --trust ",
                    Subject::TrustRoot,
                    " --head WORDS --reason TEXT`; WORDS are where the journal ended, as written down or in a receipt; if nobody wrote them down, `sealift journal verify ",
                    Subject::Site,
                    "/journal.jsonl` shows every entry: compare them with what was done here"
                ])
            }
            Self::MemoryLost { .. } => Some(next_step![
                "bring both back from a backup; without one, set up a new site in another folder and install the newest bundle there"
            ]),
            Self::JournalMissing { .. } => Some(next_step![
                "bring it back: from a backup, or from `sealift journal export` if nothing was done since; without either, set up a new site in another folder and install the newest bundle there"
            ]),
            Self::PassedEarlier { entry, .. } => Some(next_step![
                format!("if what stands behind entry {entry} was done here (`sealift journal verify "),
                Subject::Site,
                "/journal.jsonl`), give the words of the end"
            ]),
            Self::JournalShort { .. }
            | Self::JournalFork { .. }
            | Self::JournalDamaged { .. }
            | Self::NotPassed { .. } => Some(next_step![
                "do not install anything; keep the folder, compare the journal with an export or a receipt, and bring back the journal that was there"
            ]),
            Self::JournalWrite { .. } => Some(next_step![
                "nothing is installed that the journal cannot say; look at the space and permissions there"
            ]),
            Self::OtherRoot { .. } => Some(next_step!["name the trust root that the journal says is pinned"]),
            Self::EpochNotNew { pinned, .. } => Some(next_step![format!(
                "make the new root with `sealift trust init --epoch {}`, so that no bundle of before counts",
                pinned.saturating_add(1)
            )]),
            Self::Scenario { found, .. } => Some(next_step![
                "bring the bundle to the site that it is for; if this site should take it: `sealift site set ",
                Subject::Site,
                format!(" --add-scenario {found}`")
            ]),
            Self::Older { .. } => Some(next_step![
                "to use a release that is here: `sealift rollback ",
                Subject::Site,
                "`; to install this bundle all the same, an approver signs `sealift approve ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --key KEY --out-of-order REASON`"
            ]),
            Self::Jump { .. } => Some(next_step![
                "ask whoever sealed it whether the number is right; an approver can let it in: `sealift approve ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                " --key KEY --out-of-order REASON`"
            ]),
            Self::EntryLong { .. } => {
                Some(next_step!["keep fewer releases: `sealift prune ", Subject::Site, " --keep 1`"])
            }
            Self::PermitUsed { .. } => Some(next_step![
                "the approver looks again, and signs again: `sealift approve ",
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
                "one of the two was sealed behind somebody's back: keep both, install neither, and call whoever runs the signing"
            ]),
            Self::NoScenario { .. } => Some(next_step![
                "see what is there: `sealift status ",
                Subject::Site,
                "`; name one with `--scenario`"
            ]),
            Self::NoRelease { .. } | Self::NothingBefore { .. } => {
                Some(next_step!["see the releases: `sealift status ", Subject::Site, "`"])
            }
            Self::ReleaseGone { .. } => Some(next_step!["install its bundle again"]),
            Self::ReleaseChanged { .. } | Self::ReleasesChanged { .. } | Self::InventoryDamaged { .. } => {
                Some(next_step![
                    "see all of it: `sealift status ",
                    Subject::Site,
                    " --deep`; find out who changed it; restore it from its bundle: `sealift install ",
                    Subject::Site,
                    " ",
                    Subject::Bundle,
                    " --repair`"
                ])
            }
            Self::ScenarioInUse { .. } => {
                Some(next_step!["a scenario is taken back only while nothing of it is installed"])
            }
            Self::NotAccepted { .. } => {
                Some(next_step!["see what it takes: `sealift status ", Subject::Site, "`"])
            }
            Self::Evidence { .. } => {
                Some(next_step!["name what belongs to this bundle, or leave it out; nothing was written"])
            }
            Self::NotSynced { .. } => Some(next_step!["run `sync`; there is nothing to unpack again"]),
        }
    }
}
