//! Checks the content of a bundle against what a policy forbids for each kind of item.

use super::form::{ContentPolicy, Forbidden, FormAnswer};
use super::rule::PolicyRule;
use super::verdict::Docket;
use crate::analysis::anomaly::{Anomaly, AnomalyGroup, AnomalyKind};
use crate::analysis::class::FileClass;
use crate::analysis::{Attached, BundleAnalysis, ItemAnalysis, LayerEntry, LayerNode, View};
use sealift_bundle::format::item::ItemKind;
use std::collections::BTreeSet;

pub(super) fn judge(policy: &ContentPolicy, analysis: &BundleAnalysis, docket: &mut Docket<'_>) {
    for forbidden in policy.all() {
        docket.ask(rule_of(forbidden));
    }
    for item in &analysis.items {
        let forbidden = policy.of(item.kind);
        if forbidden.is_empty() {
            continue;
        }
        // A layer of several platforms counts once. One that several items share counts for each of them: a waiver for
        // one item must not cover another.
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        for view in &item.views {
            of_view(forbidden, item, view, analysis, docket);
            for number in &view.layers {
                if seen.insert(*number)
                    && let Some(layer) = analysis.layers.get(*number)
                {
                    let at = |path: &str| format!("{}/{path}", item.name);
                    of_anomalies(forbidden, &layer.anomalies, &at, docket);
                    if forbidden.contains(&Forbidden::Secret) {
                        for secret in &layer.secrets {
                            docket.violate(PolicyRule::ContentSecret, at(&secret.about), &secret.message);
                        }
                    }
                    for entry in &layer.entries {
                        of_entry(forbidden, entry, &at, docket);
                    }
                }
            }
        }
    }
    for attached in &analysis.attached {
        of_attached(policy, attached, docket);
    }
    docket.ask(PolicyRule::ContentUnread);
    for gap in &analysis.unchecked {
        match policy.unread {
            FormAnswer::Refuse => docket.violate(PolicyRule::ContentUnread, &gap.what, &gap.reason),
            FormAnswer::Allow => docket.pass_over(PolicyRule::ContentUnread, &gap.what, &gap.reason),
        }
    }
}

/// What is about an image as a whole, and what its layers hide in each other.
fn of_view(
    forbidden: &[Forbidden],
    item: &ItemAnalysis,
    view: &View,
    analysis: &BundleAnalysis,
    docket: &mut Docket<'_>,
) {
    let at = |_: &str| match &view.platform {
        Some(platform) => format!("{} [{platform}]", item.name),
        None => item.name.to_string(),
    };
    of_anomalies(forbidden, &view.anomalies, &at, docket);
    if forbidden.contains(&Forbidden::RootUser)
        && let Some(config) = view.config.as_ref().filter(|config| config.runs_as_root())
    {
        let found = if config.user.is_empty() { "it names no user" } else { "its user is root" };
        docket.violate(PolicyRule::ContentRootUser, at(""), found);
    }
    if forbidden.contains(&Forbidden::Secret) {
        for secret in &view.secrets {
            docket.violate(PolicyRule::ContentSecret, at(""), &secret.message);
        }
    }
    if forbidden.contains(&Forbidden::Shadowed) {
        for (_, entry) in analysis.entries(&view.shadowed) {
            let at = format!("{}/{}", item.name, entry.path);
            docket.violate(PolicyRule::ContentBuried, at, "a later layer hides it");
        }
    }
}

fn of_anomalies(
    forbidden: &[Forbidden],
    anomalies: &[Anomaly],
    at: &dyn Fn(&str) -> String,
    docket: &mut Docket<'_>,
) {
    for anomaly in anomalies {
        let class = match (anomaly.kind, anomaly.kind.group()) {
            (AnomalyKind::Setuid, _) => Forbidden::Setuid,
            (AnomalyKind::Setgid, _) => Forbidden::Setgid,
            (AnomalyKind::Capability, _) => Forbidden::Capability,
            (AnomalyKind::WorldWritable, _) => Forbidden::WorldWritable,
            (AnomalyKind::Device, _) => Forbidden::Device,
            (_, AnomalyGroup::Name) => Forbidden::OddName,
            (_, AnomalyGroup::Path) => Forbidden::Outside,
            (_, AnomalyGroup::Archive) => Forbidden::Ambiguous,
            (_, AnomalyGroup::Image) => Forbidden::Altered,
            // A new privilege is not let through because no one gave it a name here.
            (_, AnomalyGroup::Privilege) => Forbidden::Setuid,
        };
        if forbidden.contains(&class) {
            let found = if anomaly.detail.is_empty() { anomaly.kind.why() } else { &anomaly.detail };
            docket.violate(rule_of(class), at(&anomaly.path), found);
        }
    }
}

fn of_entry(
    forbidden: &[Forbidden],
    entry: &LayerEntry,
    at: &dyn Fn(&str) -> String,
    docket: &mut Docket<'_>,
) {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    let is_there = !matches!(entry.node, LayerNode::Whiteout { .. } | LayerNode::Opaque { .. });
    if forbidden.contains(&Forbidden::Hidden) && is_there && name.starts_with('.') && name.len() > 1 {
        docket.violate(PolicyRule::ContentHidden, at(&entry.path), "its name begins with a point");
    }
    if let LayerNode::File { class, .. } = &entry.node {
        of_class(forbidden, class, &|| at(&entry.path), docket);
    }
}

fn of_class(forbidden: &[Forbidden], class: &FileClass, at: &dyn Fn() -> String, docket: &mut Docket<'_>) {
    let rule = match class {
        FileClass::Script(_) if forbidden.contains(&Forbidden::Script) => PolicyRule::ContentScript,
        class if class.is_executable() && forbidden.contains(&Forbidden::Executable) => {
            PolicyRule::ContentExecutable
        }
        FileClass::Archive(_) if forbidden.contains(&Forbidden::NestedArchive) => {
            PolicyRule::ContentNestedArchive
        }
        _ => return,
    };
    docket.violate(rule, at(), class.as_str());
}

/// What travels beside the layers of an image is forbidden what its files are.
fn of_attached(policy: &ContentPolicy, attached: &Attached, docket: &mut Docket<'_>) {
    let Attached { item, digest, class, secrets, .. } = attached;
    let (forbidden, at) = (policy.of(ItemKind::Image), || format!("{item}, attached: {digest}"));
    of_class(forbidden, class, &at, docket);
    if forbidden.contains(&Forbidden::Secret) {
        for secret in secrets {
            docket.violate(PolicyRule::ContentSecret, at(), &secret.message);
        }
    }
}

const fn rule_of(forbidden: Forbidden) -> PolicyRule {
    match forbidden {
        Forbidden::Setuid => PolicyRule::ContentSetuid,
        Forbidden::Setgid => PolicyRule::ContentSetgid,
        Forbidden::Capability => PolicyRule::ContentCapability,
        Forbidden::WorldWritable => PolicyRule::ContentWorldWritable,
        Forbidden::Device => PolicyRule::ContentDevice,
        Forbidden::RootUser => PolicyRule::ContentRootUser,
        Forbidden::Executable => PolicyRule::ContentExecutable,
        Forbidden::Script => PolicyRule::ContentScript,
        Forbidden::Secret => PolicyRule::ContentSecret,
        Forbidden::OddName => PolicyRule::ContentOddName,
        Forbidden::Outside => PolicyRule::ContentOutside,
        Forbidden::Ambiguous => PolicyRule::ContentAmbiguous,
        Forbidden::NestedArchive => PolicyRule::ContentNestedArchive,
        Forbidden::Hidden => PolicyRule::ContentHidden,
        Forbidden::Shadowed => PolicyRule::ContentBuried,
        Forbidden::Altered => PolicyRule::ContentAltered,
    }
}
