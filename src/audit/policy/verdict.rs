//! The verdict of checking a bundle against a policy.

use super::rule::{Controls, PolicyRule};
use sealift_bundle::trust::approval::SetAside;
use sealift_bundle::trust::waiver::{CountedWaivers, Granted};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use super::pattern::NamePattern;

/// Lines of one rule that are listed; what is beyond is counted.
const LINES: usize = 1_000;

/// When a bundle is judged. What can only come later is not held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is being packed: no one has scanned or approved it yet.
    Packing,
    /// An approver is about to sign.
    ApprovalCheck,
    /// It is to be let in.
    Verifying,
}

/// Whether a bundle is as a policy wants it, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyVerdict {
    /// The name of the policy.
    pub policy: Name,
    /// The digest of its text.
    pub policy_digest: Digest,
    /// The bundle.
    pub statement: Digest,
    /// When it was judged.
    pub stage: Stage,
    /// Whether nothing is violated.
    pub is_met: bool,
    /// What is not as the policy wants it.
    pub violations: Vec<Violation>,
    /// What is not, and was waived.
    pub waived: Vec<Waived>,
    /// What was not looked at, and that the policy lets through.
    pub not_checked: Vec<Violation>,
    /// Rules that can only be kept later.
    pub later: Vec<PolicyRule>,
    /// Rules that are kept.
    pub passed: Vec<PolicyRule>,
    /// How many further lines each rule has beyond those that are listed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unlisted: BTreeMap<&'static str, u64>,
    /// Waivers that waive nothing, and why.
    pub set_aside: Vec<AsideLine>,
    /// Every rule that the policy sets: what it says, and the controls that it helps to meet.
    pub rules: Vec<RuleLine>,
}

/// Something that is not as a rule wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: PolicyRule,
    /// What it is about: the bundle, an item, `ITEM/PATH`, or a package in an item. Waivers name places like this.
    pub at: String,
    /// What was found.
    pub found: String,
}

/// Something that a waiver lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waived {
    /// What it is.
    #[serde(flatten)]
    pub violation: Violation,
    /// Why it is let through.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
    /// By whom.
    pub by: Vec<Name>,
}

/// A waiver that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsideLine {
    /// Whose it is.
    pub who: String,
    /// Why it does not count.
    pub why: String,
}

/// A rule with what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// Its name.
    pub rule: PolicyRule,
    /// What it says.
    pub sentence: &'static str,
    /// Controls.
    pub controls: Controls,
}

/// A verdict while it grows.
pub(super) struct Docket<'a> {
    waivers: Vec<(Option<NamePattern>, &'a Granted)>,
    set_aside: &'a [SetAside],
    asked: BTreeSet<PolicyRule>,
    later: BTreeSet<PolicyRule>,
    counts: BTreeMap<(PolicyRule, List), usize>,
    violations: Vec<Violation>,
    waived: Vec<Waived>,
    not_checked: Vec<Violation>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Violations,
    Waived,
    NotChecked,
}

impl<'a> Docket<'a> {
    pub(super) fn new(waivers: &'a CountedWaivers) -> Self {
        let pattern = |granted: &'a Granted| (granted.waiver.at.as_deref().map(NamePattern::new), granted);
        Self {
            waivers: waivers.granted.iter().map(pattern).collect(),
            set_aside: &waivers.set_aside,
            asked: BTreeSet::new(),
            later: BTreeSet::new(),
            counts: BTreeMap::new(),
            violations: Vec::new(),
            waived: Vec::new(),
            not_checked: Vec::new(),
        }
    }

    /// The policy sets this rule.
    pub(super) fn ask(&mut self, rule: PolicyRule) {
        self.asked.insert(rule);
    }

    /// The policy sets this rule, and it can only be kept later.
    pub(super) fn postpone(&mut self, rule: PolicyRule) {
        self.ask(rule);
        self.later.insert(rule);
    }

    /// Something is not as a rule wants it, unless a waiver lets it through.
    pub(super) fn violate(&mut self, rule: PolicyRule, at: impl Into<String>, found: impl Into<String>) {
        self.ask(rule);
        let at = at.into();
        let waiver = self.waivers.iter().find(|(pattern, granted)| {
            granted.waiver.rule.as_str() == rule.as_str()
                && pattern.as_ref().is_none_or(|pattern| pattern.matches(&at))
        });
        let waiver = waiver.map(|(_, granted)| *granted);
        let list = if waiver.is_some() { List::Waived } else { List::Violations };
        if !self.has_room(rule, list) {
            return;
        }
        let violation = Violation { rule, at, found: found.into() };
        match waiver {
            None => self.violations.push(violation),
            Some(Granted { waiver, who }) => self.waived.push(Waived {
                violation,
                reason: waiver.reason.clone(),
                until: waiver.until,
                by: who.iter().map(|who| who.name.clone()).collect(),
            }),
        }
    }

    /// Something was not looked at, and the policy lets that through.
    pub(super) fn pass_over(&mut self, rule: PolicyRule, at: impl Into<String>, found: impl Into<String>) {
        self.ask(rule);
        if self.has_room(rule, List::NotChecked) {
            self.not_checked.push(Violation { rule, at: at.into(), found: found.into() });
        }
    }

    fn has_room(&mut self, rule: PolicyRule, list: List) -> bool {
        let count = self.counts.entry((rule, list)).or_default();
        *count += 1;
        *count <= LINES
    }

    pub(super) fn close(
        mut self,
        (policy, policy_digest): (Name, Digest),
        statement: Digest,
        stage: Stage,
    ) -> PolicyVerdict {
        self.violations.sort();
        self.waived.sort_by(|one, other| one.violation.cmp(&other.violation));
        self.not_checked.sort();
        let is_listed =
            |rule: &PolicyRule| self.counts.keys().any(|(of, _)| of == rule) || self.later.contains(rule);
        let mut unlisted = BTreeMap::new();
        for ((rule, _), count) in &self.counts {
            if *count > LINES {
                *unlisted.entry(rule.as_str()).or_default() += (count - LINES) as u64;
            }
        }
        PolicyVerdict {
            policy,
            policy_digest,
            statement,
            stage,
            is_met: self.violations.is_empty(),
            passed: self.asked.iter().filter(|rule| !is_listed(rule)).copied().collect(),
            later: self.later.into_iter().collect(),
            unlisted,
            set_aside: self
                .set_aside
                .iter()
                .map(|aside| AsideLine { who: aside.who.clone(), why: aside.why.clone() })
                .collect(),
            rules: self
                .asked
                .iter()
                .map(|rule| RuleLine { rule: *rule, sentence: rule.sentence(), controls: rule.controls() })
                .collect(),
            violations: self.violations,
            waived: self.waived,
            not_checked: self.not_checked,
        }
    }
}
