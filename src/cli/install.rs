//! `sealift install`

use super::carrier::IdentityArgs;
use super::error::CliError;
use super::inspect::listed;
use super::site::{warn_of_clock, warn_of_no_inventory};
use super::source::SourceArgs;
use super::term::{Term, TerminalProgress};
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions};
use sealift_bundle::format::site_inputs::SiteSecret;
use sealift_bundle::format::statement::Predicate;
use sealift_bundle::inspect::{SignerLine, signers};
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use sealift_bundle::value::timestamp::Timestamp;
use sealift_bundle::value::word_fingerprint::WordFingerprint;
use sealift_site::handle::LockedSite;
use sealift_site::install::{InstallExtent, InstallOutcome};
use sealift_site::rendering::{Rendered, RenderedItem, Rendering};
use sealift_site::repair::Repaired;
use sealift_site::state::Decision;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Verify a bundle and put it into use at a site, atomically
///
/// The site decides by its pinned trust root and by the bundles it had before. Releases are kept side by side;
/// `SITE/current/SCENARIO` points to the one in use. After a failure or a power cut, either the old or the new release
/// is in use. Templates are rendered with `SITE/SCENARIO.parameters.toml`; the same bundle with other parameters is
/// another release.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift install /srv/sealift air-gapped-2026.11.0.sealift\n  \
    sealift install /srv/sealift air-gapped-2026.11.0.sealift --drill")]
pub(super) struct Args {
    /// The directory of the site
    pub(super) site: PathBuf,
    /// The bundle: a file, `-` (standard input), or `oci://...`
    bundle: PathBuf,
    /// Approvals of the bundle [default: BUNDLE.approvals, if it exists]
    #[arg(long, value_name = "FILE")]
    approvals: Vec<PathBuf>,
    /// Run all checks without installing, and record the drill in the journal
    #[arg(long)]
    drill: bool,
    /// Restore the release of this bundle if its files differ from those installed
    #[arg(long, conflicts_with = "drill")]
    repair: bool,
    #[cfg(feature = "registry")]
    #[command(flatten)]
    registry: super::registry::RegistryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    site: &'a Path,
    outcome: &'static str,
    scenario: &'a Name,
    release: &'a Name,
    folder: PathBuf,
    version: &'a Name,
    images: u64,
    statement: sealift_bundle::value::digest::Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_order: Option<&'a str>,
    signers: Vec<SignerLine>,
    root_version: u64,
    journal: sealift_site::journal::JournalHead,
    journal_words: String,
    pruned: Vec<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<Rendered>,
    #[serde(flatten)]
    open: Open<'a>,
}

/// What the site still has to provide for a bundle, and what the bundle leaves out.
#[derive(Serialize)]
pub(super) struct Open<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    secrets: &'a [SiteSecret],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    left_out: &'a [Name],
}

impl<'a> Open<'a> {
    pub(super) fn of(predicate: &'a Predicate) -> Self {
        Self { secrets: &predicate.needs.secrets, left_out: &predicate.selection.without }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for SiteSecret { name, description } in self.secrets {
            text += &format!("  still to provide: {name} - {}\n", Printable(description));
        }
        if !self.left_out.is_empty() {
            text += &format!("  left out: {}\n", listed(self.left_out));
        }
        text
    }
}

/// The rendered files of each item.
pub(super) fn rendered(rendering: &Rendering) -> String {
    let line = |RenderedItem { item, files, copied }| {
        let copied = match copied {
            0 => String::new(),
            copied => format!(", and {} copied that are not text", counted(copied, "file")),
        };
        format!("  rendered   {} of `{item}`{copied}\n", counted(files, "file"))
    };
    rendering.items().into_iter().map(line).collect()
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let source = SourceArgs {
            bundle: BundleArgs {
                bundle: self.bundle,
                trust: self.site.join("state.json"),
                approvals: self.approvals,
            },
            #[cfg(feature = "registry")]
            registry: self.registry,
        };
        let (bundle, repair) = (source.bundle.bundle.clone(), self.repair);
        let mut held = LockedSite::open(&self.site, &LIMITS)?;
        let extent = if self.drill { InstallExtent::Drill } else { InstallExtent::Install };
        let watch = term.watch("installing");
        let own = inspection_conditions(&watch, self.threads)?;
        warn_of_clock(term, &held.site, own.now);
        let approvals = source.bundle.approvals().map_err(|error| remembered(&mut held, own.now, error))?;
        let conditions = Conditions { approvals: ApprovalCheck::Demanded(&approvals), ..own };
        let seen = held.site.circumstances(&conditions);
        let opened = source.open_with(&self.identity, &held.site.root, &seen);
        let opened = opened.map_err(|error| remembered(&mut held, own.now, error))?;
        let mut tape = opened.tape(&watch).map_err(|error| remembered(&mut held, own.now, error))?;
        if repair {
            let repaired = held.repair(&mut tape, &conditions)?;
            drop(tape);
            TerminalProgress::done(&watch);
            term.warn_of(repaired.trusted.warnings());
            return tell_of_repair(term, &held, &repaired);
        }
        let installed = held.install(&mut tape, &conditions, extent)?;
        drop(tape);
        TerminalProgress::done(&watch);
        term.warn_of(installed.trusted.warnings());
        warn_of_no_inventory(term, &installed.release);
        let pruned = match extent {
            InstallExtent::Drill => Vec::new(),
            InstallExtent::Install => prune(term, &mut held, &installed, &conditions),
        };
        tell(term, &held, &installed, extent, pruned, &bundle)
    }
}

/// Records the rejection in the journal, even when the bundle failed before its seal was read.
fn remembered(held: &mut LockedSite, now: Timestamp, error: CliError) -> CliError {
    match held.remember_refusal(now, error.code(), &error.to_string(), None) {
        Ok(()) => error,
        Err(unwritten) => unwritten.into(),
    }
}

/// Removes releases beyond the number to keep. A failure is only a warning: the new release is in use already.
fn prune(
    term: &Term,
    held: &mut LockedSite,
    installed: &InstallOutcome,
    conditions: &Conditions<'_>,
) -> Vec<Name> {
    let keep = held.site.state.keep;
    let scenario = &installed.trusted.statement().predicate.scenario;
    match held.prune(conditions.now, scenario, keep) {
        Ok(gone) => gone.into_iter().map(|release| release.folder).collect(),
        Err(error) => {
            term.warn(&format!("cannot remove the oldest release: {error}"));
            Vec::new()
        }
    }
}

/// The outcome as JSON has it, and the first line of the text.
fn first_line(installed: &InstallOutcome, extent: InstallExtent, title: &str) -> (&'static str, String) {
    let release = &installed.release;
    match (extent, &installed.decision) {
        (InstallExtent::Drill, _) => {
            ("drilled", format!("drill passed: {title} would be installed; the site is unchanged\n"))
        }
        (InstallExtent::Install, Decision::Same | Decision::Here(_)) if installed.is_new => {
            ("installed", format!("reinstalled {title}: its directory was missing\n"))
        }
        (InstallExtent::Install, Decision::Same) => {
            ("same", format!("{title} is already in use; nothing to do\n"))
        }
        (InstallExtent::Install, Decision::Here(_)) => {
            ("switched", format!("{title} was already installed; switched to it\n"))
        }
        (InstallExtent::Install, Decision::OtherValues) => {
            ("installed", format!("installed {title} with other parameters\n"))
        }
        (InstallExtent::Install, Decision::OutOfOrder { .. }) if !installed.is_new => {
            ("switched", format!("{title} was already installed; switched to it\n"))
        }
        (InstallExtent::Install, Decision::First | Decision::Newer { .. } | Decision::OutOfOrder { .. }) => (
            "installed",
            format!(
                "installed {title}: {}, {}, {}\n",
                counted(release.files, "file"),
                counted(installed.images, "image"),
                ByteSize(release.bytes)
            ),
        ),
    }
}

fn tell(
    term: &Term,
    held: &LockedSite,
    installed: &InstallOutcome,
    extent: InstallExtent,
    pruned: Vec<Name>,
    bundle: &Path,
) -> Result<(), CliError> {
    let site = &held.site;
    let predicate = &installed.trusted.statement().predicate;
    let (scenario, release) = (&predicate.scenario, &installed.release);
    let title = format!("{}-{}", predicate.name, predicate.version);
    let (outcome, mut text) = first_line(installed, extent, &title);
    let out_of_order = match &installed.decision {
        Decision::OutOfOrder { reason } => Some(reason.as_str()),
        Decision::First
        | Decision::Same
        | Decision::Here(_)
        | Decision::OtherValues
        | Decision::Newer { .. } => None,
    };
    let folder = site.current(scenario);
    if let (Decision::Newer { gap: Some(gap) }, InstallExtent::Install) = (&installed.decision, extent) {
        term.say(&format!("note: {gap}."));
    }
    if let Some(reason) = out_of_order {
        text += &format!("  out of order, as permitted by the approvers: {}\n", Printable(reason));
    }
    if let Some(rendering) = &installed.rendering {
        text += &rendered(rendering);
    }
    let words = WordFingerprint(site.head.digest).to_string();
    text +=
        &format!("  in use     {}\n  journal    entry {}: {words}\n", folder.display(), site.head.entries);
    if site.state.root_version != installed.root_before {
        text += &format!(
            "  trusts     root version {} (was {}): {}\n",
            site.state.root_version,
            installed.root_before,
            WordFingerprint(site.state.root)
        );
    }
    for gone in &pruned {
        text += &format!("  removed    {gone}\n");
    }
    let open = Open::of(predicate);
    text += &open.text();
    let value = Line {
        site: site.folder(),
        outcome,
        scenario,
        release: &release.folder,
        folder,
        version: &predicate.version,
        images: installed.images,
        statement: installed.trusted.id(),
        before: installed.before.as_ref(),
        out_of_order,
        signers: signers(&installed.trusted),
        root_version: site.state.root_version,
        journal: site.head,
        journal_words: words,
        pruned,
        rendered: installed.rendering.as_ref().map(Rendering::record).transpose()?,
        open,
    };
    term.data("install", &value, &text)?;
    let shown = quoted(site.folder());
    term.say(&match extent {
        InstallExtent::Drill => {
            format!("next: sealift receipt new {shown} --drill --key KEY")
        }
        InstallExtent::Install => {
            format!("next: sealift status {shown}; to switch back: sealift rollback {shown}")
        }
    });
    // A pipe cannot be read again.
    if extent == InstallExtent::Install && installed.images > 0 && bundle.as_os_str() != "-" {
        term.say(&format!(
            "to load its images: sealift load {} --trust ROOT --registry HOST[:PORT]",
            quoted(bundle)
        ));
    }
    Ok(())
}

fn tell_of_repair(term: &Term, held: &LockedSite, repaired: &Repaired) -> Result<(), CliError> {
    let predicate = &repaired.trusted.statement().predicate;
    let title = format!("{}-{}", predicate.name, predicate.version);
    let words = WordFingerprint(held.site.head.digest).to_string();
    let mut text = match (&repaired.differences, repaired.is_changed()) {
        (_, false) => format!("{title}: no differences; nothing to repair\n"),
        (Some(found), true) => {
            format!("repaired {title}: {}\n", counted(found.len() as u64, "difference"))
        }
        (None, true) => format!("repaired {title}: the differences are unknown\n"),
    };
    if repaired.is_changed() {
        text += &format!("  release    {} (was {})\n", repaired.release.folder, repaired.from);
        text += &format!("  journal    entry {}: {words}\n", held.site.head.entries);
    }
    let value = serde_json::json!({
        "site": held.site.folder(), "outcome": if repaired.is_changed() { "repaired" } else { "whole" },
        "scenario": predicate.scenario, "release": repaired.release.folder, "from": repaired.from,
        "statement": repaired.trusted.id(), "differences": repaired.differences,
        "journal": held.site.head, "journal_words": words,
    });
    term.data("repair", &value, &text)?;
    term.say(&format!("next: sealift status {} --deep", quoted(held.site.folder())));
    Ok(())
}
