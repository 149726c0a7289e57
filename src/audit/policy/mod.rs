//! Policies: what an organization accepts, with the same verdict in `pack`, `approve` and `verify`.
//!
//! A policy applies after the trust root: it can reject what the root trusts, but not the other way round.

mod content;
mod error;
mod form;
pub mod ledger;
mod license;
pub(crate) mod pattern;
pub mod rule;
mod sbom;
#[cfg(test)]
mod tests;
mod verdict;

pub use error::PolicyError;
pub use form::{AuditPolicy, Forbidden, FormAnswer};
pub use sbom::with_sbom;
pub use verdict::{AsideLine, PolicyVerdict, RuleLine, Stage, Violation, Waived};

use self::form::{LicensePolicy, ScanPolicy, SealPolicy, SizePolicy, VexPolicy, VulnerabilityPolicy};
use self::license::LicenseVerdict;
use self::rule::PolicyRule;
use self::verdict::Docket;
use super::analysis::BundleAnalysis;
use super::scan::Ledger;
use super::vulnerability::{Vulnerabilities, VulnerablePlace};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::inspect::Overview;
use sealift_bundle::trust::waiver::CountedWaivers;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::BTreeSet;

/// Everything about a bundle that a policy asks for.
#[derive(Clone, Copy)]
pub struct PolicyFacts<'a> {
    /// What follows from the seal.
    pub overview: &'a Overview,
    /// What was observed.
    pub analysis: &'a BundleAnalysis,
    /// What is known about its packages.
    pub vulnerabilities: &'a Vulnerabilities,
    /// Ledgers of scans.
    pub scans: &'a [Ledger],
    /// Images with which a list of their components travels.
    pub with_sbom: &'a BTreeSet<Name>,
    /// When it is judged.
    pub stage: Stage,
}

/// Judges a bundle. Of equal facts, `pack`, `approve` and `verify` give the same verdict.
#[must_use]
pub fn judge(
    policy: &AuditPolicy,
    facts: &PolicyFacts<'_>,
    waivers: &CountedWaivers,
    now: Timestamp,
) -> PolicyVerdict {
    let mut docket = Docket::new(waivers);
    if let Some(seal) = &policy.seal {
        seals(seal, facts, &mut docket);
    }
    if let Some(origins) = &policy.origins {
        docket.ask(PolicyRule::OriginAllowed);
        for item in &facts.overview.items {
            if !origins.iter().any(|pattern| pattern.matches(&item.origin)) {
                docket.violate(PolicyRule::OriginAllowed, item.name.to_string(), &item.origin);
            }
        }
    }
    if let Some(content) = &policy.content {
        content::judge(content, facts.analysis, &mut docket);
    }
    if let Some(vulnerability) = &policy.vulnerability {
        vulnerabilities(vulnerability, facts.vulnerabilities, &mut docket);
    }
    if let Some(license) = &policy.license {
        licenses(license, facts, &mut docket);
    }
    if let Some(size) = &policy.size {
        sizes(size, facts.overview, &mut docket);
    }
    platforms(policy, facts.analysis, &mut docket);
    if let Some(scan) = &policy.scan {
        scans(scan, facts, now, &mut docket);
    }
    if let Some(sbom) = &policy.sbom {
        docket.ask(PolicyRule::SbomMissing);
        let images = facts.overview.items.iter().filter(|item| item.kind == ItemKind::Image);
        for item in images.filter(|item| !facts.with_sbom.contains(&item.name)) {
            let found = "no list of its components travels with it";
            match sbom.missing {
                FormAnswer::Refuse => docket.violate(PolicyRule::SbomMissing, item.name.to_string(), found),
                FormAnswer::Allow => docket.pass_over(PolicyRule::SbomMissing, item.name.to_string(), found),
            }
        }
    }
    docket.close((policy.name.clone(), policy.digest), facts.overview.statement, facts.stage)
}

/// The place of what is about the bundle as a whole.
const BUNDLE: &str = "bundle";

fn seals(policy: &SealPolicy, facts: &PolicyFacts<'_>, docket: &mut Docket<'_>) {
    let Overview { signers, approvals, .. } = facts.overview;
    if let Some(needed) = policy.packers {
        docket.ask(PolicyRule::SealPackers);
        if signers.len() < needed {
            docket.violate(
                PolicyRule::SealPackers,
                BUNDLE,
                format!("{} of {needed}", counted(signers.len() as u64, "packer")),
            );
        }
    }
    let asks = [
        (policy.approvals.is_some(), PolicyRule::SealApprovals),
        (!policy.conditions.is_empty(), PolicyRule::SealConditions),
    ];
    for (_, rule) in asks.into_iter().filter(|(is_asked, _)| *is_asked) {
        docket.ask(rule);
        if facts.stage < Stage::Verifying {
            docket.postpone(rule);
        }
    }
    if facts.stage < Stage::Verifying {
        return;
    }
    if let Some(needed) = policy.approvals.filter(|needed| approvals.len() < *needed) {
        let found = format!("{} of {needed}", counted(approvals.len() as u64, "approval"));
        docket.violate(PolicyRule::SealApprovals, BUNDLE, found);
    }
    for approval in approvals {
        for missing in policy.conditions.iter().filter(|wanted| !approval.conditions.contains(wanted)) {
            docket.violate(
                PolicyRule::SealConditions,
                approval.name.to_string(),
                format!("`{missing}` is not stated"),
            );
        }
    }
}

fn vulnerabilities(policy: &VulnerabilityPolicy, found: &Vulnerabilities, docket: &mut Docket<'_>) {
    for rule in [
        PolicyRule::VulnerabilityLimit,
        PolicyRule::VulnerabilityUnscored,
        PolicyRule::VulnerabilityUnchecked,
    ] {
        docket.ask(rule);
    }
    for one in &found.found {
        let counts = |place: &&VulnerablePlace| policy.vex == VexPolicy::Shown || place.is_open();
        let items: BTreeSet<_> = one.places.iter().filter(counts).map(|place| &place.item).collect();
        for item in items {
            let at = format!("{item}/{}", one.package.name);
            let text = format!("{} {}: {}", one.id, one.package.version, one.severity.shown());
            match (one.severity.level, policy.unscored) {
                (Some(level), _) if level > policy.limit => {
                    docket.violate(PolicyRule::VulnerabilityLimit, at, text);
                }
                (Some(_), _) => {}
                (None, FormAnswer::Refuse) => docket.violate(PolicyRule::VulnerabilityUnscored, at, text),
                (None, FormAnswer::Allow) => docket.pass_over(PolicyRule::VulnerabilityUnscored, at, text),
            }
        }
    }
    for gap in &found.not_checked {
        let text = format!("{}: {}", counted(gap.packages, "package"), gap.reason);
        let at = gap.examples.first().map_or(BUNDLE, String::as_str);
        match policy.unchecked {
            FormAnswer::Refuse => docket.violate(PolicyRule::VulnerabilityUnchecked, at, text),
            FormAnswer::Allow => docket.pass_over(PolicyRule::VulnerabilityUnchecked, at, text),
        }
    }
    // Without packages there is nothing to compare; without data that is said all the same.
    if found.data.is_none() && found.not_checked.is_empty() {
        docket.pass_over(
            PolicyRule::VulnerabilityUnchecked,
            BUNDLE,
            "no data were given, and no package was found",
        );
    }
    if let Some(days) = policy.max_age_days {
        docket.ask(PolicyRule::VulnerabilityAge);
        match found.age_days {
            Some(age) if (0..=i64::from(days)).contains(&age) => {}
            Some(age) if age < 0 => {
                docket.violate(
                    PolicyRule::VulnerabilityAge,
                    BUNDLE,
                    "the data are of a day that has yet to come",
                );
            }
            Some(age) => {
                let found = format!("the data are {} old", counted(age.unsigned_abs(), "day"));
                docket.violate(PolicyRule::VulnerabilityAge, BUNDLE, found);
            }
            None if found.data.is_none() && policy.unchecked == FormAnswer::Allow => {
                docket.pass_over(PolicyRule::VulnerabilityAge, BUNDLE, "no data were given");
            }
            None => docket.violate(PolicyRule::VulnerabilityAge, BUNDLE, "no data were given"),
        }
    }
}

fn licenses(policy: &LicensePolicy, facts: &PolicyFacts<'_>, docket: &mut Docket<'_>) {
    for rule in [PolicyRule::LicenseDenied, PolicyRule::LicenseUnlisted, PolicyRule::LicenseUnknown] {
        docket.ask(rule);
    }
    let mut hold = |at: String, licenses: &[String]| {
        let shown = || if licenses.is_empty() { "none is stated".to_owned() } else { licenses.join(", ") };
        match (license::judge(policy, licenses), policy.unknown) {
            (LicenseVerdict::Good, _) => {}
            (LicenseVerdict::Denied, _) => docket.violate(PolicyRule::LicenseDenied, at, shown()),
            (LicenseVerdict::Unlisted, _) => docket.violate(PolicyRule::LicenseUnlisted, at, shown()),
            (LicenseVerdict::Unknown, FormAnswer::Refuse) => {
                docket.violate(PolicyRule::LicenseUnknown, at, shown());
            }
            (LicenseVerdict::Unknown, FormAnswer::Allow) => {
                docket.pass_over(PolicyRule::LicenseUnknown, at, shown());
            }
        }
    };
    for item in &facts.overview.items {
        let stated: Vec<_> = item.license.iter().cloned().collect();
        hold(item.name.to_string(), &stated);
    }
    if policy.packages == form::PackageLicenses::Skip {
        return;
    }
    for item in &facts.analysis.items {
        let packages: BTreeSet<_> =
            item.views.iter().flat_map(|view| &view.packages).map(|found| &found.package).collect();
        for package in packages {
            hold(format!("{}/{}", item.name, package.name), &package.licenses);
        }
    }
}

fn sizes(policy: &SizePolicy, overview: &Overview, docket: &mut Docket<'_>) {
    let found = |bytes: u64, most: u64| format!("{}, at most {}", ByteSize(bytes), ByteSize(most));
    if let Some(most) = policy.bundle {
        docket.ask(PolicyRule::SizeBundle);
        if overview.totals.bytes > most {
            docket.violate(PolicyRule::SizeBundle, BUNDLE, found(overview.totals.bytes, most));
        }
    }
    if let Some(most) = policy.item {
        docket.ask(PolicyRule::SizeItem);
        for item in overview.items.iter().filter(|item| item.stored > most) {
            docket.violate(PolicyRule::SizeItem, item.name.to_string(), found(item.stored, most));
        }
    }
}

fn platforms(policy: &AuditPolicy, analysis: &BundleAnalysis, docket: &mut Docket<'_>) {
    for wanted in &policy.platforms {
        docket.ask(PolicyRule::PlatformMissing);
        for item in analysis.items.iter().filter(|item| item.kind == ItemKind::Image) {
            let is_there = item.views.iter().any(|view| {
                let stated = view.platform.as_deref().is_some_and(|platform| wanted.covers(platform));
                let config = view.config.as_ref();
                stated
                    || config.is_some_and(|config| {
                        wanted.covers(&format!("{}/{}", config.os, config.architecture))
                    })
            });
            if !is_there {
                docket.violate(
                    PolicyRule::PlatformMissing,
                    item.name.to_string(),
                    format!("it is missing for {wanted}"),
                );
            }
        }
    }
}

fn scans(policy: &ScanPolicy, facts: &PolicyFacts<'_>, now: Timestamp, docket: &mut Docket<'_>) {
    let asks_age = policy.max_age_days.is_some() || policy.signatures_max_age_days.is_some();
    let rules = [PolicyRule::ScanMissing, PolicyRule::ScanFound, PolicyRule::ScanUnseen];
    let rules = rules.into_iter().chain(asks_age.then_some(PolicyRule::ScanAge));
    if facts.stage == Stage::Packing {
        return rules.for_each(|rule| docket.postpone(rule));
    }
    rules.for_each(|rule| docket.ask(rule));
    let is_asked = |scan: &&Ledger| {
        scan.statement == facts.overview.statement
            && scan.failure.is_none()
            && policy.engine.as_ref().is_none_or(|engine| engine.matches(scan.engine.name()))
    };
    // The latest counts, and what any of them found.
    let fitting: Vec<_> = facts.scans.iter().filter(is_asked).collect();
    let Some(scan) = fitting.iter().max_by_key(|scan| scan.ended) else {
        let found = match facts.scans.len() {
            0 => "no ledger was given".to_owned(),
            _ => "no ledger is of this bundle, by such an engine, and without a failure".to_owned(),
        };
        docket.violate(PolicyRule::ScanMissing, BUNDLE, found);
        return;
    };
    for scan in &fitting {
        for finding in &scan.found {
            docket.violate(PolicyRule::ScanFound, &finding.path, &finding.signature);
        }
        if scan.totals.found > 0 && scan.found.is_empty() {
            docket.violate(
                PolicyRule::ScanFound,
                BUNDLE,
                format!("{} that are not listed", scan.totals.found),
            );
        }
    }
    unseen(policy, scan, docket);
    let too_old = |of: Option<Timestamp>, days: Option<u32>| {
        let days = days?;
        let age = of.map(|of| of.days_until(now));
        if age.is_some_and(|age| (0..=i64::from(days)).contains(&age)) { None } else { Some(age) }
    };
    let shown = |age: Option<i64>| match age {
        None => "not dated".to_owned(),
        Some(age) if age < 0 => "of a day that has yet to come".to_owned(),
        Some(age) => format!("{} old", counted(age.unsigned_abs(), "day")),
    };
    if let Some(age) = too_old(Some(scan.ended), policy.max_age_days) {
        docket.violate(PolicyRule::ScanAge, BUNDLE, format!("the scan is {}", shown(age)));
    }
    if let Some(age) = too_old(ledger::database_date(&scan.engine), policy.signatures_max_age_days) {
        docket.violate(
            PolicyRule::ScanAge,
            BUNDLE,
            format!("the signatures of its engine are {}", shown(age)),
        );
    }
}

fn unseen(policy: &ScanPolicy, scan: &Ledger, docket: &mut Docket<'_>) {
    let unseen = scan.unseen.iter().map(|gap| (gap.path.clone(), gap.reason.clone()));
    let listed = unseen.chain(scan.unopened.iter().map(|gap| (gap.path.clone(), gap.reason.clone())));
    let total = scan.totals.unseen.count.saturating_add(scan.totals.unopened);
    let rest = total.saturating_sub((scan.unseen.len() + scan.unopened.len()) as u64);
    let rest = (rest > 0).then(|| (BUNDLE.to_owned(), format!("{rest} that are not listed")));
    for (at, found) in listed.chain(rest) {
        match policy.unseen {
            FormAnswer::Refuse => docket.violate(PolicyRule::ScanUnseen, at, found),
            FormAnswer::Allow => docket.pass_over(PolicyRule::ScanUnseen, at, found),
        }
    }
}
