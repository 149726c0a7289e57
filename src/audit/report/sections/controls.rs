//! Section: policy, waivers, and which part of the report is evidence for which control.

use super::super::document::{SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::say;

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
    /// Receipts and the journal of a site, which no report is given.
    Journal,
}

/// A control: its name, who sets it, what it is about, where this report speaks to it, and what that rests on.
type Control = (&'static str, &'static str, &'static str, &'static str, Rests);

const NIST: &str = "NIST SP 800-53 r5";
const ISM: &str = "Australian ISM";
const CIP: &str = "NERC CIP-010-4";

const CONTROLS: [Control; 14] = [
    (
        "MP-5",
        NIST,
        "Media transport",
        "Signers, byte account: what left is what arrives, and who answers for it",
        Rests::Seal,
    ),
    (
        "SI-7",
        NIST,
        "Software, firmware and information integrity",
        "Byte account: every byte was compared with the seal",
        Rests::Seal,
    ),
    (
        "CM-14",
        NIST,
        "Signed components",
        "Signers: the threshold of packers signed the statement",
        Rests::Seal,
    ),
    ("SR-4", NIST, "Provenance", "Sources and upstream evidence", Rests::Content),
    ("CM-3", NIST, "Configuration change control", "Changes", Rests::Changes),
    ("CM-8", NIST, "System component inventory", "Packages", Rests::Content),
    ("RA-5", NIST, "Vulnerability monitoring and scanning", "Known vulnerabilities", Rests::Vulnerabilities),
    ("SI-3", NIST, "Malicious code protection", "Scan coverage", Rests::Scan),
    (
        "ISM-0657",
        ISM,
        "Data imported by hand is scanned for malicious and active content",
        "Scan coverage, executables",
        Rests::Scan,
    ),
    (
        "ISM-0664",
        ISM,
        "Data for SECRET and TOP SECRET systems is reviewed and approved by a trusted source",
        "Approvals",
        Rests::Approvals,
    ),
    (
        "ISM-1586",
        ISM,
        "Data transfer logs record all imports and exports",
        "Nowhere: only the receipts and the journal of the site",
        Rests::Journal,
    ),
    (
        "R1.1",
        CIP,
        "Baseline: operating system, software with versions, open ports",
        "Packages, how each image is started",
        Rests::Content,
    ),
    (
        "R1.2",
        CIP,
        "Changes to the baseline are authorised and documented",
        "Changes, approvals",
        Rests::Changes,
    ),
    (
        "R1.6",
        CIP,
        "Identity of the source and integrity of the software are verified",
        "Signers, byte account, upstream evidence",
        Rests::Seal,
    ),
];

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut table = Table::new(
        "What here is evidence for which control; whether a control is met is for its owner to say",
        None,
        vec![
            Column::text("Control"),
            Column::text("Of"),
            Column::text("About"),
            Column::text("Where in this report"),
            Column::text("State"),
        ],
    );
    for (control, standard, about, place, rests) in CONTROLS {
        let (words, tone) = state(facts, rests);
        table.row([
            say(control).into(),
            say(standard).into(),
            say(about).into(),
            say(place).into(),
            Cell::from(say(words)).tone(tone),
        ]);
    }
    let mut blocks = super::policy::blocks(facts);
    blocks.push(SectionPart::Table(table));
    blocks
}

/// Whether there is evidence, and whether something is open.
fn state(facts: &ReportFacts<'_>, rests: Rests) -> (&'static str, Tone) {
    let overview = facts.overview;
    match rests {
        Rests::Approvals if overview.approvals.is_empty() => ("none came with the bundle", Tone::Unknown),
        Rests::Approvals
            if overview.approvals_demanded.is_some_and(|asked| overview.approvals.len() < asked) =>
        {
            ("fewer than asked for", Tone::Attention)
        }
        Rests::Seal | Rests::Approvals => ("checked", Tone::Good),
        Rests::Content if facts.analysis.unchecked.is_empty() => ("observed", Tone::Good),
        Rests::Content => ("observed in part: see Not checked", Tone::Attention),
        Rests::Changes if facts.changes.is_some() => ("observed", Tone::Good),
        Rests::Vulnerabilities if facts.vulnerabilities.is_some() => ("observed", Tone::Good),
        Rests::Scan if facts.own_scans().next().is_some() => {
            ("declared: the ledger is not signed", Tone::Attention)
        }
        Rests::Changes | Rests::Vulnerabilities | Rests::Scan | Rests::Journal => {
            ("not checked", Tone::Unknown)
        }
    }
}
