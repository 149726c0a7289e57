//! Section: the verdict of the policy.

use super::super::document::{Basis, Fact, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, out, say};
use crate::policy::{PolicyVerdict, Stage, Violation};

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let Some(verdict) = facts.verdict else {
        return vec![SectionPart::Unchecked {
            text: say("No policy was given, so none was checked and no waiver applies."),
            command: Some(
                facts.command("sealift report BUNDLE --trust ROOT --policy policy.toml -o report.html"),
            ),
        }];
    };
    let (tone, words) = if verdict.is_met {
        (Tone::Good, "The bundle meets the policy.")
    } else {
        (Tone::Bad, "The bundle violates the policy.")
    };
    let stage = match verdict.stage {
        Stage::Packing => "when it is packed",
        Stage::ApprovalCheck => "before it is approved",
        Stage::Verifying => "when a site accepts it",
    };
    let fact = |name, basis, value| Fact { name, basis, value };
    let mut blocks = vec![
        SectionPart::Note { tone, text: say(words) },
        SectionPart::Facts {
            facts: vec![
                fact("Policy", Basis::Declared, out(verdict.policy.as_str())),
                fact("Its digest", Basis::Observed, code(verdict.policy_digest.to_string())),
                fact("Judged as", Basis::Observed, say(stage)),
            ],
        },
    ];
    let tables = [
        list("Policy violations", Tone::Bad, &verdict.violations),
        waived(verdict),
        aside(verdict),
        list("Not checked, but allowed by the policy", Tone::Unknown, &verdict.not_checked),
        rules(verdict),
    ];
    blocks.extend(tables.into_iter().filter(|table| table.total > 0).map(SectionPart::Table));
    for (rule, count) in &verdict.unlisted {
        let text = say(format!("{count} more of {rule} are counted and not listed."));
        blocks.push(SectionPart::Paragraph { text });
    }
    blocks
}

fn list(caption: &'static str, tone: Tone, violations: &[Violation]) -> Table {
    let columns = vec![Column::text("Rule"), Column::text("Where"), Column::text("Found")];
    let mut table = Table::new(caption, Some(Basis::Observed), columns);
    for one in violations {
        table.row([
            Cell::from(say(one.rule.as_str())).tone(tone),
            code(&one.at).into(),
            out(&one.found).into(),
        ]);
    }
    table
}

fn waived(verdict: &PolicyVerdict) -> Table {
    let mut table = Table::new(
        "Waivers that approvers signed",
        Some(Basis::Carried),
        vec![
            Column::text("Rule"),
            Column::text("Where"),
            Column::text("Found"),
            Column::text("Reason of the waiver"),
            Column::text("Until"),
            Column::text("By"),
        ],
    );
    for one in &verdict.waived {
        table.row([
            Cell::from(say(one.violation.rule.as_str())).tone(Tone::Attention),
            code(&one.violation.at).into(),
            out(&one.violation.found).into(),
            out(&one.reason).into(),
            say(one.until.to_string()).into(),
            Text::default().list(one.by.iter().map(ToString::to_string), "–").into(),
        ]);
    }
    table
}

fn aside(verdict: &PolicyVerdict) -> Table {
    let columns = vec![Column::text("Whose"), Column::text("Why it does not count")];
    let mut table = Table::new("Waivers that do not count", Some(Basis::Observed), columns);
    for one in &verdict.set_aside {
        table.row([out(&one.who).into(), out(&one.why).into()]);
    }
    table
}

fn rules(verdict: &PolicyVerdict) -> Table {
    let mut table = Table::new(
        "Rules that the policy sets",
        Some(Basis::Observed),
        vec![
            Column::text("Rule"),
            Column::text("It says"),
            Column::text("State"),
            Column::text("Helps to meet"),
        ],
    );
    let has = |list: &[Violation], rule| list.iter().any(|one| one.rule == rule);
    for line in &verdict.rules {
        let (tone, state) = if has(&verdict.violations, line.rule) {
            (Tone::Bad, "violated")
        } else if verdict.later.contains(&line.rule) {
            (Tone::Unknown, "can only be kept later")
        } else if verdict.waived.iter().any(|one| one.violation.rule == line.rule) {
            (Tone::Attention, "waived")
        } else if has(&verdict.not_checked, line.rule) {
            (Tone::Unknown, "not checked in part")
        } else {
            (Tone::Good, "kept")
        };
        let controls = line.controls;
        let all = controls.nist.iter().chain(controls.ism).chain(controls.cip).copied().collect::<Vec<_>>();
        table.row([
            say(line.rule.as_str()).into(),
            say(line.sentence).into(),
            Cell::from(say(state)).tone(tone),
            say(all.join(", ")).into(),
        ]);
    }
    table
}
