//! Policy, waivers, and what in this report is evidence for which control.

use super::super::document::{Block, Cell, Column, Table, Tone, say};
use super::super::facts::Facts;

/// What a row of the table rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rests {
    /// The seal and the bytes, which were checked.
    Seal,
    /// Approvals.
    Approvals,
    /// Observed content.
    Content,
    /// The comparison with an earlier bundle.
    Changes,
    /// Vulnerability data.
    Vulnerabilities,
    /// The ledger of a scan.
    Scan,
}

/// Controls, what they are about, and which section speaks to them.
///
/// NIST SP 800-53 rev. 5; Australian ISM, guidelines for data transfers; NERC CIP-010-4.
const CONTROLS: [(&str, &str, &str, Rests); 14] = [
    (
        "NIST 800-53 MP-5",
        "Media transport",
        "Signers, byte account: what left is what arrives, and who answers for it",
        Rests::Seal,
    ),
    (
        "NIST 800-53 SI-7",
        "Software, firmware and information integrity",
        "Byte account: every byte was compared with the seal",
        Rests::Seal,
    ),
    (
        "NIST 800-53 CM-14",
        "Signed components",
        "Signers: the threshold of packers signed the statement",
        Rests::Seal,
    ),
    ("NIST 800-53 SR-4", "Provenance", "Sources and upstream evidence", Rests::Content),
    ("NIST 800-53 CM-3", "Configuration change control", "Changes since the last approval", Rests::Changes),
    ("NIST 800-53 CM-8", "System component inventory", "Packages", Rests::Content),
    (
        "NIST 800-53 RA-5",
        "Vulnerability monitoring and scanning",
        "Known vulnerabilities",
        Rests::Vulnerabilities,
    ),
    ("NIST 800-53 SI-3", "Malicious code protection", "Scan coverage", Rests::Scan),
    (
        "ISM-0657",
        "Data imported by hand is scanned for malicious and active content",
        "Scan coverage, executables",
        Rests::Scan,
    ),
    (
        "ISM-0664",
        "Data for SECRET and TOP SECRET systems is reviewed and approved by a trusted source",
        "Approvals",
        Rests::Approvals,
    ),
    (
        "ISM-1586",
        "Data transfer logs record all imports and exports",
        "This report; at the site, receipt and journal",
        Rests::Seal,
    ),
    (
        "CIP-010-4 R1.1",
        "Baseline: operating system, software with versions, open ports",
        "Packages, how each image is started",
        Rests::Content,
    ),
    (
        "CIP-010-4 R1.2",
        "Changes to the baseline are authorised and documented",
        "Changes, approvals",
        Rests::Changes,
    ),
    (
        "CIP-010-4 R1.6",
        "Identity of the source and integrity of the software are verified",
        "Signers, byte account, upstream evidence",
        Rests::Seal,
    ),
];

pub(super) fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let mut table = Table::new(
        "What here is evidence for which control; whether a control is met is for its owner to say",
        None,
        vec![
            Column::text("Control"),
            Column::text("About"),
            Column::text("Where in this report"),
            Column::text("State of the evidence"),
        ],
    );
    for (control, about, place, rests) in CONTROLS {
        let (words, tone) = state(facts, rests);
        table.row([
            say(control).into(),
            say(about).into(),
            say(place).into(),
            Cell::from(say(words)).tone(tone),
        ]);
    }
    vec![
        Block::Unchecked {
            text: say("No policy was given, so nothing here was judged by one, and no waiver applies."),
            command: Some(
                facts.command("sealift report BUNDLE --trust ROOT --policy policy.toml -o report.html"),
            ),
        },
        Block::Table(table),
    ]
}

/// Whether there is evidence, and whether something is open.
fn state(facts: &Facts<'_>, rests: Rests) -> (&'static str, Tone) {
    let overview = facts.overview;
    match rests {
        Rests::Seal => ("checked", Tone::Good),
        Rests::Approvals if overview.approvals.is_empty() => ("none came with the bundle", Tone::Unknown),
        Rests::Approvals
            if overview.approvals_demanded.is_some_and(|asked| overview.approvals.len() < asked) =>
        {
            ("fewer than asked for", Tone::Attention)
        }
        Rests::Approvals => ("checked", Tone::Good),
        Rests::Content if facts.census.unchecked.is_empty() => ("observed", Tone::Good),
        Rests::Content => ("observed in part: see Not checked", Tone::Attention),
        Rests::Changes | Rests::Vulnerabilities | Rests::Scan => ("not checked", Tone::Unknown),
    }
}
