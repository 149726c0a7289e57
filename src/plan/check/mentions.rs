//! Checks that the images which charts, configurations and software reference are packed.

use super::super::lock::Lock;
use super::super::selection::Chosen;
use super::contents::MentionAt;
use super::place;
use crate::lint::references::{How, normalised};
use sealift_audit::finding::{LintFinding, LintRule};
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::printable::Printable;

/// An image that travels, as it can be named.
struct CarriedImage {
    /// Registry and repository, with what short names leave out.
    repository: String,
    tag: Option<String>,
    digests: Vec<String>,
}

impl CarriedImage {
    fn all(lock: &Lock) -> Vec<Self> {
        let carried = |image: &super::super::lock::LockedImage| {
            let full = normalised(image.reference.as_str())?;
            let name: ImageName = full.parse().ok()?;
            let digests = image.blobs.iter().map(|blob| blob.digest.to_string()).collect();
            Some(Self {
                repository: name.repository().to_owned(),
                tag: image.reference.tag().map(str::to_owned),
                digests,
            })
        };
        lock.image.iter().filter_map(carried).collect()
    }

    /// The repository without its registry.
    fn path(&self) -> &str {
        self.repository.split_once('/').map_or(self.repository.as_str(), |(_, path)| path)
    }

    /// Whether this is the image that is meant; one in the site's registry is named without its own.
    fn is(&self, name: &ImageName, site: bool) -> bool {
        let repository = if site {
            let path = self.path();
            // Docker's own images may be called by their short names there.
            path == name.repository() || path.strip_prefix("library/") == Some(name.repository())
        } else {
            self.repository == name.repository()
        };
        let version = match (name.digest(), name.tag()) {
            (Some(digest), _) => self.digests.contains(&digest.to_string()),
            (None, Some(tag)) => self.tag.as_deref() == Some(tag),
            (None, None) => false,
        };
        repository && version
    }
}

/// Findings about images that are named and do not travel.
pub(super) fn missing(chosen: &Chosen<'_>, lock: &Lock, mentions: Vec<MentionAt>) -> Vec<LintFinding> {
    let carried = CarriedImage::all(lock);
    let mut findings = Vec::new();
    for MentionAt { item, mention } in mentions {
        let name: Option<ImageName> = mention.reference.parse().ok();
        let travels = name.is_some_and(|name| carried.iter().any(|one| one.is(&name, mention.site)));
        let about = if mention.reference.is_empty() { &mention.place.path } else { &mention.reference };
        let finding = match mention.how {
            _ if travels && mention.how != How::Chart => continue,
            How::Named => {
                let message = format!("`{item}` references this image, and it is not packed");
                LintFinding::new(LintRule::ReferenceMissing, about, message, fix_of(about, &carried))
            }
            How::Chart => {
                let message =
                    format!("a chart of `{item}` needs the chart `{about}`, which is not in its archive");
                let fix = "run `helm dependency build` before `helm package`, and lock again";
                LintFinding::new(LintRule::ChartDependency, about, message, fix)
            }
            How::Test => {
                let message = format!("a test of `{item}` references this image, and it is not packed");
                let fix = "skip the test at the site (`helm test` needs it), or list the image";
                LintFinding::new(LintRule::ReferenceTest, about, message, fix)
            }
            How::Unclear(reason) => {
                let message = format!("`{item}` references an image that could not be resolved: {reason}");
                let fix = "look it up, list the image if it is needed, and explain it with `[[accept]]`";
                LintFinding::new(LintRule::ReferenceUnclear, about, message, fix)
            }
        };
        findings.push(finding.at(mention.place));
    }
    for item in &chosen.items {
        for name in &item.pulls {
            let Some(full) = normalised(name.as_str()) else { continue };
            let travels = full.parse().is_ok_and(|name| carried.iter().any(|one| one.is(&name, false)));
            if !travels {
                let message = format!("`{}` pulls this image by itself, and it is not packed", item.name);
                let finding =
                    LintFinding::new(LintRule::ReferenceMissing, &full, message, fix_of(&full, &carried));
                findings.push(finding.at(place(&item.spot)));
            }
        }
    }
    findings
}

/// What to do about it; another tag that travels is said.
fn fix_of(reference: &str, carried: &[CarriedImage]) -> String {
    let name: Option<ImageName> = reference.parse().ok();
    let other = name.as_ref().and_then(|name| {
        let same =
            |one: &&CarriedImage| one.repository == name.repository() || one.path() == name.repository();
        carried.iter().find(same)?.tag.clone()
    });
    let general = "list it as an `[[image]]`, correct the name, or explain it with `[[accept]]`";
    match other {
        Some(tag) => format!("`{}` is packed: use that one, or {general}", Printable(tag)),
        None => general.to_owned(),
    }
}
