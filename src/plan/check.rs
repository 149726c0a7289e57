//! `check`: finds what would fail at the site, before anything is packed.
//!
//! It reads the selection of a manifest, its lock and the pinned content, without a network. What it could not check
//! is reported.

mod constraints;
mod contents;
mod items;
mod mentions;

use super::context::{Task, Work};
use super::error::PlanError;
use super::lock::Lock;
use super::manifest::{Manifest, Source};
use super::selection::Chosen;
use super::tree;
use sealift_audit::finding::{FindingPlace, LintFinding, LintSeverity, sort};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::printable::Printable;
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// What is to be fixed, most severe first.
    pub findings: Vec<LintFinding>,
    /// What the manifest explains.
    pub accepted: Vec<Accepted>,
    /// Files that were looked through.
    pub files: u64,
    /// Files that were not, because they are too large to be texts that the user wrote.
    pub unread: u64,
    /// The most bytes that the bundle can have: trees count as they are, without compression.
    pub bytes: u64,
}

/// A finding that the manifest explains.
#[derive(Debug, Clone, Serialize)]
pub struct Accepted {
    /// The finding.
    pub finding: LintFinding,
    /// Why it is not a fault.
    pub because: String,
}

/// What the bundle is carried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMedium {
    /// Its display name.
    pub name: String,
    /// How many bytes it holds, where that is known.
    pub bytes: Option<u64>,
    /// How many bytes a file on it may have.
    pub file: Option<u64>,
}

impl CheckReport {
    /// How many findings there are of a severity.
    #[must_use]
    pub fn count(&self, severity: LintSeverity) -> usize {
        self.findings.iter().filter(|finding| finding.severity() == severity).count()
    }

    /// Whether there is nothing to fix: notes are only worth knowing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.count(LintSeverity::Error) == 0 && self.count(LintSeverity::Warning) == 0
    }
}

/// Looks for what would fail at the site. For an audience, what it does not get is not read: it may not be here.
pub fn check(
    chosen: &Chosen<'_>,
    lock: &Lock,
    audience: Option<&Name>,
    medium: Option<&TargetMedium>,
    work: &Work<'_>,
) -> Result<CheckReport, PlanError> {
    refuse_added(chosen.manifest, lock, audience, work)?;
    let contents = contents::ScannedContent::look(chosen, lock, audience, work)?;
    let mut findings = contents.findings;
    findings.extend(mentions::missing(chosen, lock, contents.mentions));
    // A constraint may compare what one audience does not get; it is judged for the whole.
    if audience.is_none() {
        findings.extend(constraints::broken(chosen, lock, work)?);
    }
    findings.extend(items::labels(chosen, lock));
    findings.extend(items::platforms(chosen, lock, work)?);
    let bytes = items::most_bytes(lock);
    findings.extend(medium.and_then(|medium| items::on_medium(chosen.manifest, medium, bytes)));
    sort(&mut findings);
    let (accepted, findings) = accept(chosen.manifest, findings);
    Ok(CheckReport { findings, accepted, files: contents.files, unread: contents.unread, bytes })
}

/// An error when a directory holds more by now than the lock pins: it would stay behind without a word.
fn refuse_added(
    manifest: &Manifest,
    lock: &Lock,
    audience: Option<&Name>,
    work: &Work<'_>,
) -> Result<(), PlanError> {
    let task = Task::new(work);
    for tree in lock.trees() {
        if audience.is_some_and(|audience| !tree.head.labels.is_for(audience)) {
            continue;
        }
        let Some(item) = manifest.items.iter().find(|item| item.name == tree.head.name) else { continue };
        let Source::Path { path, patterns } = &item.source else { continue };
        let path = work.folder.join(path);
        let added = tree::added(&path, patterns, &tree.entries, &task);
        let names = added.map_err(|error| error.about(tree.head.kind, &tree.head.name))?;
        if !names.is_empty() {
            return Err(PlanError::Added { path, names });
        }
    }
    Ok(())
}

/// Puts what the manifest explains aside.
fn accept(manifest: &Manifest, findings: Vec<LintFinding>) -> (Vec<Accepted>, Vec<LintFinding>) {
    let (mut accepted, mut rest) = (Vec::new(), Vec::new());
    for finding in findings {
        let explains = |one: &&super::manifest::AcceptedFinding| {
            one.finding == finding.rule && Printable(&one.about).to_string() == finding.about
        };
        match manifest.accepts.iter().find(explains) {
            Some(one) => accepted.push(Accepted { finding, because: one.because.clone() }),
            None => rest.push(finding),
        }
    }
    (accepted, rest)
}

/// A place in a manifest.
fn place(spot: &super::manifest::ManifestSpot) -> FindingPlace {
    FindingPlace::new(&spot.file, Some(spot.line))
}
