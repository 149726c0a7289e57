//! Section: packers and approvers.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Column, Table};
use super::super::text::{Text, code, out, say};
use sealift_bundle::value::plural::counted;

/// Boxes for approvers on a printed report, at most.
const BOXES: usize = 8;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let overview = facts.overview;
    let mut signers = Table::new(
        "Keys of the trust root that sealed this bundle",
        Some(Basis::Carried),
        vec![Column::text("Name"), Column::text("Role"), Column::text("Key"), Column::text("Key in words")],
    );
    for signer in &overview.signers {
        signers.row([
            out(signer.name.as_str()).into(),
            out(&signer.role).into(),
            code(&signer.key).into(),
            out(&signer.words).into(),
        ]);
    }
    let mut blocks = vec![
        SectionPart::Paragraph {
            text: say(format!(
                "Every signature below was checked against version {} of the trust root. Compare the words of a key with its holder by telephone or in person, not over the channel that the bundle came through.",
                overview.root_version
            )),
        },
        SectionPart::Table(signers),
    ];
    let given = overview.approvals.len();
    match overview.approvals_demanded {
        Some(demanded) => {
            let tone = if given >= demanded { Tone::Good } else { Tone::Attention };
            let text = say(format!("{given} of {demanded} approvals required by the trust root."));
            blocks.push(SectionPart::Note { tone, text });
        }
        None if given == 0 => blocks.push(SectionPart::Paragraph {
            text: say("The trust root requires no approvals, and none came with the bundle."),
        }),
        None => {}
    }
    if given > 0 {
        blocks.push(SectionPart::Table(approvals(facts)));
    }
    for warning in &overview.warnings {
        blocks.push(SectionPart::Note { tone: Tone::Attention, text: out(warning) });
    }
    if overview.approvals_demanded.is_some_and(|demanded| given < demanded) {
        blocks.push(SectionPart::Paragraph { text: say("An approver signs with:") });
        blocks.push(SectionPart::Commands {
            lines: vec![facts.command("sealift approve BUNDLE --trust ROOT --key APPROVER.key")],
        });
    }
    blocks
}

/// The holders of the keys that sealed the bundle, each with its key.
pub(super) fn names(facts: &ReportFacts<'_>) -> Text {
    let mut text = Text::default();
    for (at, signer) in facts.overview.signers.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        text = text.say(comma).out(signer.name.as_str()).say(" (key ").code(&signer.key).say(")");
    }
    text
}

/// Boxes to sign on a printed report. They are a record for users: sealift checks signatures of keys alone.
pub(super) fn boxes(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let overview = facts.overview;
    let mut table = Table::new(
        "To sign by hand on a printed copy",
        None,
        vec![
            Column::text("Role"),
            Column::text("Name"),
            Column::text("Decision"),
            Column::text("Date"),
            Column::text("Signature"),
        ],
    );
    let approvers = overview.approvals_demanded.unwrap_or(0).max(overview.approvals.len()).clamp(1, BOXES);
    for role in
        ["Prepared by", "Reviewed by"].into_iter().chain(std::iter::repeat_n("Approved by", approvers))
    {
        table.row([say(role).into(), say("").into(), say("").into(), say("").into(), say("").into()]);
    }
    let text = say("About the statement ").code(overview.statement.to_string()).say(
        ". A signature by hand has no effect in sealift: sites check approvals that are signed with a key.",
    );
    vec![SectionPart::Paragraph { text }, SectionPart::Table(table)]
}

fn approvals(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Approvals",
        Some(Basis::Carried),
        vec![
            Column::text("Approver"),
            Column::text("When"),
            Column::text("Stated"),
            Column::text("Out of order"),
            Column::text("Key"),
        ],
    );
    for approval in &facts.overview.approvals {
        table.row([
            out(approval.name.as_str()).into(),
            say(approval.approved.to_string()).into(),
            Text::default().list(approval.conditions.iter().map(ToString::to_string), "nothing else").into(),
            approval.out_of_order.as_ref().map_or_else(|| say("no"), |why| say("yes: ").out(why)).into(),
            code(&approval.key).into(),
        ]);
    }
    table
}

/// Approvals in a few words.
pub(super) fn approvals_in_words(facts: &ReportFacts<'_>) -> String {
    let given = facts.overview.approvals.len();
    match facts.overview.approvals_demanded {
        Some(demanded) => format!("{given} of {demanded}"),
        None if given == 0 => "none".to_owned(),
        None => counted(given as u64, "approval"),
    }
}
