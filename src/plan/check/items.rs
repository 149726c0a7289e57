//! Checks manifest and lock: tags, licenses, audiences, platforms, sizes.

use super::super::context::{Task, Work};
use super::super::error::PlanError;
use super::super::lock::{Lock, LockedImage, LockedTree, Pin, TreeSource};
use super::super::lock_to_draft;
use super::super::manifest::{Manifest, ManifestItem, Source};
use super::super::selection::Chosen;
use super::{TargetMedium, place};
use sealift_audit::finding::{LintFinding, LintRule};
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::oci::{self, OciDocument};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use std::collections::{BTreeSet, HashSet};

/// Findings that need no more than the manifest and the lock.
pub(super) fn labels(chosen: &Chosen<'_>, lock: &Lock) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    for item in &chosen.items {
        let about = |rule, message: String, fix: &str| {
            LintFinding::new(rule, item.name.as_str(), message, fix).at(place(&item.spot))
        };
        if let Some(tag) = moving_tag(item) {
            let message =
                format!("its tag `{}` is a moving tag; the lock pins its current target", Printable(tag));
            findings.push(about(
                LintRule::ImageMutableTag,
                message,
                "use a tag with a full version, or add the digest: `@sha256:...`",
            ));
        }
        if item.license.is_none() {
            findings.push(about(
                LintRule::LicenseMissing,
                "it states no license".to_owned(),
                "add `license = \"...\"`",
            ));
        }
        audiences(chosen, item, &mut findings, about);
    }
    let first_use =
        |tree: &&LockedTree| matches!(tree.source, TreeSource::Url { pin: Some(Pin::FirstUse), .. });
    for tree in lock.trees().filter(first_use) {
        let digest = tree.first_file().map(|digest| digest.to_string());
        let message = format!("no digest is published; the lock has {}", digest.unwrap_or_default());
        let fix = "compare the digest with one from another source, then pin it: `sha256 = \"...\"`";
        let finding = LintFinding::new(LintRule::SourceFirstUse, tree.head.name.as_str(), message, fix);
        let spot = chosen.item(&tree.head.name).map(|item| place(&item.spot));
        findings.push(match spot {
            Some(spot) => finding.at(spot),
            None => finding,
        });
    }
    findings
}

/// A tag without a full version, of an image that no digest pins.
fn moving_tag(item: &ManifestItem) -> Option<&str> {
    let Source::Pull(pull) = &item.source else { return None };
    let tag = pull.reference.tag().filter(|_| pull.reference.digest().is_none())?;
    let numbers = tag.trim_start_matches('v').split(['-', '_', '+']).next().unwrap_or_default();
    let is_dated = tag.bytes().filter(u8::is_ascii_digit).count() >= 6;
    let is_full = numbers.contains('.') && numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (!is_full && !is_dated).then_some(tag)
}

/// What an audience gets that it refuses, or gets without what it needs.
fn audiences(
    chosen: &Chosen<'_>,
    item: &ManifestItem,
    findings: &mut Vec<LintFinding>,
    about: impl Fn(LintRule, String, &str) -> LintFinding,
) {
    for (name, audience) in &chosen.manifest.audiences {
        if !item.labels.is_for(name) {
            continue;
        }
        let license = item.license.as_deref().unwrap_or_default();
        if let Some(refused) = refused(license, &audience.refuses) {
            let message =
                format!("it is packed for `{name}`, which rejects its license `{}`", Printable(refused));
            let fix =
                "leave that audience out of `audience` of the item, or name the item in its `withholds`";
            findings.push(about(LintRule::LicenseAudience, message, fix));
        }
        let lacking =
            |required: &&Name| chosen.item(required).is_some_and(|required| !required.labels.is_for(name));
        for required in item.requires.iter().filter(lacking) {
            let message = format!("it is packed for `{name}` without `{required}`, which it requires");
            let fix = "withhold both from that audience, or neither";
            findings.push(about(LintRule::AudienceConflict, message, fix));
        }
    }
}

/// The licence that makes every alternative of an SPDX expression one that is refused.
fn refused<'a>(license: &str, refuses: &'a [String]) -> Option<&'a String> {
    let has = |part: &str| {
        let mut words = part.split(|c: char| c.is_whitespace() || c == '(' || c == ')');
        refuses.iter().find(|refused| words.any(|word| word == refused.as_str()))
    };
    let found: Vec<_> = license.split(" OR ").map(has).collect();
    if found.iter().all(Option::is_some) { found.first().copied().flatten() } else { None }
}

/// Images that the machines of the sites cannot start.
pub(super) fn platforms(
    chosen: &Chosen<'_>,
    lock: &Lock,
    work: &Work<'_>,
) -> Result<Vec<LintFinding>, PlanError> {
    let mut findings = Vec::new();
    let task = Task::new(work);
    let wanted = &chosen.manifest.platforms;
    for image in lock.image.iter().filter(|_| !wanted.is_empty()) {
        let found = platforms_of(image, &task)?;
        let lacking: Vec<&Platform> =
            wanted.iter().filter(|wanted| !found.iter().any(|found| wanted.covers(found))).collect();
        let Some(item) = chosen.item(&image.head.name).filter(|_| !lacking.is_empty()) else { continue };
        let list = |names: Vec<String>| names.join(", ");
        let lacking = list(lacking.iter().map(|one| format!("`{one}`")).collect());
        let found = list(found.iter().map(|one| format!("`{}`", Printable(one))).collect());
        let found = if found.is_empty() { "none that it names".to_owned() } else { found };
        let message = format!("it is not packed for {lacking}; it is packed for {found}");
        let fix = "correct `platforms` of the image, or find an image for that platform";
        let finding = LintFinding::new(LintRule::ImagePlatform, item.name.as_str(), message, fix);
        findings.push(finding.at(place(&item.spot)));
    }
    Ok(findings)
}

/// The platforms of an image whose manifests travel.
fn platforms_of(image: &LockedImage, task: &Task<'_>) -> Result<BTreeSet<String>, PlanError> {
    let read = |digest| lock_to_draft::document(image, digest, task);
    let bytes = read(&image.digest)?;
    let unclear = |reason| PlanError::LockItem { item: image.head.name.clone(), reason };
    match oci::parse(&image.media_type, &bytes, task.work.limits).map_err(unclear)? {
        OciDocument::Index(children) => {
            let travels =
                |child: &&oci::Descriptor| image.blobs.iter().any(|blob| blob.digest == child.digest);
            Ok(children.iter().filter(travels).filter_map(|child| child.platform.clone()).collect())
        }
        OciDocument::Manifest { config, .. } => {
            let json: serde_json::Value = serde_json::from_slice(&read(&config.digest)?).unwrap_or_default();
            let word = |key: &str| json.get(key).and_then(serde_json::Value::as_str);
            let variant = word("variant").map(|variant| format!("/{variant}")).unwrap_or_default();
            Ok(word("os")
                .zip(word("architecture"))
                .map(|(os, arch)| format!("{os}/{arch}{variant}"))
                .into_iter()
                .collect())
        }
    }
}

/// The most bytes that the bundle can have: blobs once each, trees as they are.
pub(super) fn most_bytes(lock: &Lock) -> u64 {
    let mut known = HashSet::new();
    let blobs = lock.image.iter().flat_map(|image| &image.blobs);
    let blobs = blobs.filter(|blob| known.insert(blob.digest)).map(|blob| blob.size + 1024);
    let files = lock.trees().flat_map(|tree| &tree.entries).map(|entry| match &entry.node {
        Node::File { size, .. } => size + 1024,
        Node::Dir | Node::Link { .. } => 512,
    });
    blobs.chain(files).sum()
}

/// Whether a medium holds a bundle of that size.
pub(super) fn on_medium(manifest: &Manifest, medium: &TargetMedium, bytes: u64) -> Option<LintFinding> {
    let over = |limit: Option<u64>| limit.filter(|limit| bytes > *limit);
    let (rule, what, limit) = match (over(medium.file), over(medium.bytes)) {
        (Some(limit), _) => (LintRule::MediaFile, "and a file there has at most", limit),
        (None, Some(limit)) => (LintRule::MediaSize, "and it holds", limit),
        (None, None) => return None,
    };
    let message = format!(
        "the bundle has up to {}, {what} {} on `{}`",
        ByteSize(bytes),
        ByteSize(limit),
        Printable(&medium.name)
    );
    Some(LintFinding::new(
        rule,
        manifest.name.as_str(),
        message,
        "use a larger medium, leave out features, or narrow `platforms`",
    ))
}
