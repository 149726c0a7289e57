//! Section: packages and licenses.

use super::super::document::{Basis, SectionPart, Tone};
use super::super::facts::{ReportFacts, named};
use super::super::table::{Cell, Column, Table};
use super::super::text::{Text, grouped, out, say};
use crate::packages::{Ecosystem, Package};
use sealift_bundle::value::name::Name;
use std::collections::{BTreeMap, BTreeSet};

/// Licences of one package that are shown with it.
const LICENSES: usize = 4;

/// Packages of all views, each once, with the items that have them.
pub(super) fn distinct<'a>(facts: &ReportFacts<'a>) -> BTreeMap<&'a Package, BTreeSet<&'a Name>> {
    let mut packages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (item, view) in facts.views() {
        for found in &view.packages {
            packages.entry(&found.package).or_default().insert(&item.name);
        }
    }
    packages
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let packages = distinct(facts);
    let mut blocks = vec![SectionPart::Table(systems(facts))];
    if packages.is_empty() {
        blocks.push(SectionPart::Paragraph { text: say("No package was found. Software that was built without a package manager is not detected here.") });
    } else {
        blocks.extend([SectionPart::Table(licenses(&packages)), SectionPart::Table(list(&packages))]);
    }
    blocks.push(SectionPart::Heading { text: "Known vulnerabilities" });
    blocks.extend(super::vulnerabilities::blocks(facts));
    blocks
}

/// The operating system and the number of packages of each view.
fn systems(facts: &ReportFacts<'_>) -> Table {
    let mut table = Table::new(
        "Operating systems and packages",
        Some(Basis::Observed),
        vec![
            Column::text("Item"),
            Column::text("Operating system"),
            Column::number("Packages"),
            Column::text("Of them"),
        ],
    );
    for (item, view) in facts.views() {
        if view.config.is_none() && view.packages.is_empty() && view.system.is_none() {
            continue;
        }
        let mut kinds: BTreeMap<Ecosystem, u64> = BTreeMap::new();
        for found in &view.packages {
            *kinds.entry(found.package.ecosystem).or_default() += 1;
        }
        let system = view.system.as_ref().map_or_else(|| say("it does not say"), |system| out(&system.name));
        let kinds: Vec<_> =
            kinds.into_iter().map(|(kind, count)| format!("{} {}", grouped(count), kind.as_str())).collect();
        table.row([
            named(item, view).into(),
            system.into(),
            Cell::count(view.packages.len() as u64),
            say(if kinds.is_empty() { "–".to_owned() } else { kinds.join(", ") }).into(),
        ]);
    }
    table
}

/// How many packages have which licence.
fn licenses(packages: &BTreeMap<&Package, BTreeSet<&Name>>) -> Table {
    let mut table = Table::new(
        "Licenses, as declared by the packages",
        Some(Basis::Declared),
        vec![Column::text("Licence"), Column::number("Packages")],
    );
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut without = 0;
    for package in packages.keys() {
        without += u64::from(package.licenses.is_empty());
        for license in package.licenses.iter().collect::<BTreeSet<_>>() {
            *counts.entry(license).or_default() += 1;
        }
    }
    if without > 0 {
        let cell = Cell::from(say("none found")).tone(Tone::Attention);
        table.row([cell, Cell::count(without)]);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    for (license, count) in counts {
        table.row([out(license).into(), Cell::count(count)]);
    }
    table
}

fn list(packages: &BTreeMap<&Package, BTreeSet<&Name>>) -> Table {
    let mut table = Table::new(
        "Packages, as declared by files in the layers",
        Some(Basis::Observed),
        vec![
            Column::text("Package"),
            Column::text("Version"),
            Column::text("Kind"),
            Column::text("Licence"),
            Column::text("In"),
        ],
    );
    for (package, names) in packages {
        let name = match &package.namespace {
            Some(namespace) => out(namespace).say("/").out(&package.name),
            None => out(&package.name),
        };
        let names: Vec<_> = names.iter().copied().collect();
        let kind = match &package.architecture {
            Some(architecture) => say(package.ecosystem.as_str()).say(" ").out(architecture),
            None => say(package.ecosystem.as_str()),
        };
        let more = package.licenses.len().saturating_sub(LICENSES);
        let licenses = Text::default().list(package.licenses.iter().take(LICENSES), "–");
        let licenses = if more > 0 { licenses.say(format!(" and {more} more")) } else { licenses };
        table.row([
            name.into(),
            out(&package.version).into(),
            kind.into(),
            licenses.into(),
            super::holders(&names).into(),
        ]);
    }
    table
}
