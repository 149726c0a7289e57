//! Checks whether the packed versions are compatible.

use super::super::context::{Work, read_pinned};
use super::super::error::PlanError;
use super::super::lock::Lock;
use super::super::lock_to_draft;
use super::super::manifest::{Constraint, ConstraintRule, ManifestItem, ReadAs, Scoped};
use super::super::requirement::{Requirement, version_of};
use super::super::selection::Chosen;
use super::place;
use crate::lint::json_in::json_in;
use sealift_audit::finding::{LintFinding, LintRule};
use sealift_bundle::format::entry::Node;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::printable::Printable;
use semver::{Op, Version};

/// Bytes of the largest file that is read for a version in it.
const LARGEST: u64 = 512 << 20;

/// Why a constraint does not hold, or could not be looked at.
enum ConstraintFailure {
    Broken(String),
    Unknown(String),
}

/// Findings about constraints that do not hold.
pub(super) fn broken(
    chosen: &Chosen<'_>,
    lock: &Lock,
    work: &Work<'_>,
) -> Result<Vec<LintFinding>, PlanError> {
    let mut findings = Vec::new();
    for scoped in chosen.constraints() {
        let Scoped { what: constraint, spot, .. } = scoped;
        let outcome = match counts(chosen, constraint) {
            Ok(false) => continue,
            Ok(true) => holds(chosen, lock, constraint, work)?,
            Err(fault) => Err(fault),
        };
        let (rule, reason, fix) = match outcome {
            Ok(()) => continue,
            Err(ConstraintFailure::Broken(reason)) => {
                let fix = "change the version of one of them in the manifest, and lock again";
                (LintRule::ConstraintBroken, reason, fix)
            }
            Err(ConstraintFailure::Unknown(reason)) => {
                let fix =
                    "state the version in the manifest, `version = \"...\"`, or explain it with `[[accept]]`";
                (LintRule::ConstraintUnknown, reason, fix)
            }
        };
        let message = format!("{reason}: {}", constraint.because);
        let finding = LintFinding::new(rule, constraint.item.as_str(), message, fix);
        findings.push(finding.at(place(spot)));
    }
    Ok(findings)
}

/// Whether what the constraint speaks of travels.
fn counts(chosen: &Chosen<'_>, constraint: &Constraint) -> Result<bool, ConstraintFailure> {
    if chosen.item(&constraint.item).is_none() && !matches!(constraint.rule, ConstraintRule::Present) {
        return Ok(false);
    }
    match &constraint.with {
        None => Ok(true),
        Some((name, requirement)) => match (chosen.item(name), requirement) {
            (None, _) => Ok(false),
            (Some(_), None) => Ok(true),
            (Some(item), Some(requirement)) => Ok(requirement.takes(&version(item)?)),
        },
    }
}

fn version(item: &ManifestItem) -> Result<Version, ConstraintFailure> {
    let unknown = |what: String| ConstraintFailure::Unknown(format!("`{}` has {what}", item.name));
    let Some(text) = &item.labels.version else { return Err(unknown("no version".to_owned())) };
    version_of(text)
        .ok_or_else(|| unknown(format!("the version `{}`, which has no numbers to compare", Printable(text))))
}

fn takes(requirement: &Requirement, item: &ManifestItem) -> Result<(), ConstraintFailure> {
    let found = version(item)?;
    if requirement.takes(&found) {
        return Ok(());
    }
    Err(ConstraintFailure::Broken(format!("`{}` is {found}, and has to be {requirement}", item.name)))
}

fn holds(
    chosen: &Chosen<'_>,
    lock: &Lock,
    constraint: &Constraint,
    work: &Work<'_>,
) -> Result<Result<(), ConstraintFailure>, PlanError> {
    let Some(item) = chosen.item(&constraint.item) else {
        // Whatever else it might be, an item that is missing is only missed by this rule.
        let name = &constraint.item;
        return Ok(Err(ConstraintFailure::Broken(format!("`{name}` is not packed, but has to be"))));
    };
    let outcome = match &constraint.rule {
        ConstraintRule::Present => Ok(()),
        ConstraintRule::Absent => {
            let with =
                constraint.with.as_ref().map(|(name, _)| format!(" with `{name}`")).unwrap_or_default();
            Err(ConstraintFailure::Broken(format!("`{}` is packed, but must not be{with}", item.name)))
        }
        ConstraintRule::Version(requirement) => takes(requirement, item),
        ConstraintRule::SameAs(other) => match chosen.item(other) {
            None => Ok(()),
            Some(other) => same(item, other),
        },
        ConstraintRule::Read { from, file, key, bound } => match chosen.item(from) {
            None => {
                Err(ConstraintFailure::Unknown(format!("`{from}`, which states the version, is not packed")))
            }
            Some(_) => match said(lock, from, file, key, work)? {
                Ok(version) => {
                    let op = match bound {
                        ReadAs::Exact => Op::Exact,
                        ReadAs::Minimum => Op::GreaterEq,
                    };
                    takes(&Requirement::of(&version, op), item)
                }
                Err(reason) => {
                    Err(ConstraintFailure::Unknown(format!("`{from}` does not state the version: {reason}")))
                }
            },
        },
    };
    Ok(outcome)
}

fn same(item: &ManifestItem, other: &ManifestItem) -> Result<(), ConstraintFailure> {
    let (one, two) = (version(item)?, version(other)?);
    if one == two {
        return Ok(());
    }
    Err(ConstraintFailure::Broken(format!("`{}` is {one}, and `{}` is {two}", item.name, other.name)))
}

/// The version that a JSON file in an item says; the inner error is why it says none.
fn said(
    lock: &Lock,
    from: &Name,
    file: &str,
    key: &str,
    work: &Work<'_>,
) -> Result<Result<Version, String>, PlanError> {
    let Some(tree) = lock.trees().find(|tree| tree.head.name == *from) else {
        return Ok(Err("it is an image".to_owned()));
    };
    let (checked, sources) = lock_to_draft::files(tree, work)?;
    let ends = |path: &str| path.rsplit('/').next() == Some(file);
    let files: Vec<_> = checked.files().zip(&sources).collect();
    let named = files.iter().find(|((entry, _), _)| ends(entry.path.as_str()));
    let Some(((entry, size), source)) = named.or(files.first().filter(|_| files.len() == 1)) else {
        return Ok(Err(format!("it has no `{}`", Printable(file))));
    };
    if *size > LARGEST {
        return Ok(Err("it is too large to be analyzed".to_owned()));
    }
    let Node::File { sha256, .. } = &entry.node else { return Ok(Err("it is not a file".to_owned())) };
    let bytes = read_pinned(source, *size, sha256)?;
    let json = match json_in(&bytes, file) {
        Ok(json) => json,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let value = key.split('.').try_fold(&json, |value, key| value.get(key));
    let text = value.and_then(serde_json::Value::as_str).and_then(version_of);
    Ok(text.ok_or_else(|| format!("`{}` has no version under `{}`", Printable(file), Printable(key))))
}
