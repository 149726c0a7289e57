//! Section: sources, and the evidence from upstream.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::ReportFacts;
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, code, out, say};
use sealift_bundle::value::size::ByteSize;

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let mut blocks = vec![SectionPart::Table(items(facts))];
    let withheld = withheld(facts);
    if withheld.total > 0 {
        blocks.push(SectionPart::Table(withheld));
    }
    blocks.push(SectionPart::Heading { text: "Evidence from upstream" });
    if facts.evidence.is_empty() {
        blocks.push(SectionPart::Paragraph {
            text: say("No image comes with a signature, attestation or SBOM."),
        });
    } else {
        blocks.push(SectionPart::Table(evidence(facts)));
        blocks.push(SectionPart::Unchecked {
            text: say("The signatures in this evidence were not checked here, because the keys of their signers are not in the trust root."),
            command: None,
        });
    }
    let attached = attached(facts);
    if attached.total > 0 {
        blocks.push(SectionPart::Table(attached));
    }
    let needs = needs(facts);
    if needs.total > 0 {
        blocks.push(SectionPart::Heading { text: "What the site has to supply" });
        blocks.push(SectionPart::Table(needs));
    }
    blocks
}

fn items(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Items",
        None,
        vec![
            Column::text("Item").on(Basis::Carried),
            Column::text("Origin").on(Basis::Declared),
            Column::text("Version").on(Basis::Declared),
            Column::text("Licence").on(Basis::Declared),
            Column::text("Digest").on(Basis::Observed),
            Column::number("Stored").on(Basis::Observed),
        ],
    );
    for item in &facts.overview.items {
        let mut name = out(item.name.as_str()).say(format!(" ({})", item.kind));
        if let Some(names) = &item.audience {
            name = name.say("; only for ").list(names.iter().map(ToString::to_string), "nobody");
        }
        let optional = |text: &Option<String>| text.as_ref().map_or_else(|| say("–"), out);
        let license = match &item.license {
            Some(license) => out(license).into(),
            None => Cell::from(say("not stated")).tone(Tone::Attention),
        };
        let origin = match &item.reference {
            Some(reference) if !item.origin.contains(reference.as_str()) => {
                out(&item.origin).say("; called ").out(reference)
            }
            Some(_) | None => out(&item.origin),
        };
        table.row([
            name.into(),
            origin.into(),
            optional(&item.version).into(),
            license,
            code(item.digest.to_string()).into(),
            say(ByteSize(item.stored).to_string()).into(),
        ]);
    }
    table
}

fn withheld(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Left out intentionally",
        Some(Basis::Carried),
        vec![Column::text("Item"), Column::text("What"), Column::text("Digest")],
    );
    for item in &facts.overview.items {
        for digest in &item.withheld {
            table.row([
                out(item.name.as_str()).into(),
                say("a platform that its index lists").into(),
                code(digest.to_string()).into(),
            ]);
        }
    }
    for digest in &facts.overview.selection.withheld {
        table.row([
            say("–").into(),
            say("an item that the audience does not get").into(),
            code(digest.to_string()).into(),
        ]);
    }
    table
}

fn evidence(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Signatures, attestations and SBOMs that came with images",
        Some(Basis::Carried),
        vec![
            Column::text("Image"),
            Column::text("It seems to be"),
            Column::text("Type"),
            Column::text("Digest"),
            Column::text("It says of itself"),
        ],
    );
    for evidence in facts.evidence {
        let referring = &evidence.referring;
        let notes = referring.annotations.iter().map(|(key, value)| format!("{key}={value}"));
        table.row([
            out(evidence.item.as_str()).into(),
            say(evidence.seems()).into(),
            out(referring.artifact_type.as_deref().unwrap_or(&referring.media_type)).into(),
            code(referring.digest.to_string()).into(),
            Text::default().list(notes, "–").into(),
        ]);
    }
    table
}

fn attached(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Artifacts attached to images",
        None,
        vec![
            Column::text("Image").on(Basis::Carried),
            Column::text("It is said to be").on(Basis::Declared),
            Column::text("Its content is").on(Basis::Observed),
            Column::text("Digest").on(Basis::Observed),
            Column::number("Bytes").on(Basis::Observed),
        ],
    );
    for attached in &facts.analysis.attached {
        let class = Cell::from(say(attached.class.as_str()));
        table.row([
            out(attached.item.as_str()).into(),
            out(&attached.media_type).into(),
            if attached.class.is_executable() { class.tone(Tone::Attention) } else { class },
            code(attached.digest.to_string()).into(),
            say(ByteSize(attached.size).to_string()).into(),
        ]);
    }
    table
}

fn needs(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Parameters and secrets that are not in the bundle",
        Some(Basis::Carried),
        vec![Column::text("Name"), Column::text("What"), Column::text("Default"), Column::text("Meaning")],
    );
    for parameter in &facts.overview.needs.parameters {
        table.row([
            out(parameter.name.to_string()).into(),
            say(format!("parameter, {}", parameter.format)).into(),
            parameter.default.as_ref().map_or_else(|| say("set by the site"), out).into(),
            out(&parameter.description).into(),
        ]);
    }
    for secret in &facts.overview.needs.secrets {
        table.row([
            out(secret.name.to_string()).into(),
            say("secret").into(),
            say("never in the bundle").into(),
            out(&secret.description).into(),
        ]);
    }
    table
}
