//! `manifests/COVERAGE.md` names what there is, and the manifests name only what exists.

use super::SCENARIOS;
use super::farm::source;
use sealift_bundle::value::name::Name;
use sealift_plan::manifest::{ConstraintRule, Manifest};
use std::collections::{BTreeMap, BTreeSet};

fn manifests() -> Vec<Manifest> {
    SCENARIOS.map(|name| Manifest::open(&source().join(format!("{name}.toml"))).unwrap()).into()
}

#[test]
fn what_covers_a_row_exists() {
    let manifests = manifests();
    let all = |names: fn(&Manifest) -> Vec<String>| manifests.iter().flat_map(names).collect::<BTreeSet<_>>();
    let items = all(|manifest| manifest.items.iter().map(|item| item.name.to_string()).collect());
    let configs = all(|manifest| {
        let configs = manifest.items.iter().filter(|item| item.kind.as_str() == "config");
        configs.map(|item| format!("config:{}", item.name)).collect()
    });
    let constraints = all(|manifest| {
        manifest.constraints.iter().map(|one| format!("constraint:{}", one.what.item)).collect()
    });
    let secrets =
        all(|manifest| manifest.secrets.iter().map(|one| format!("secret:{}", one.what.name)).collect());
    let text = std::fs::read_to_string(source().join("COVERAGE.md")).unwrap();
    let mut named = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [row, covered, why] = cells[..] else { panic!("not three cells: {line}") };
        if covered == "left out" {
            assert!(!why.is_empty(), "`{row}` is left out without a reason");
            continue;
        }
        for name in covered.split(", ") {
            let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("no name in backticks: {line}"));
            let there = [&items, &configs, &constraints, &secrets].iter().any(|names| names.contains(name));
            assert!(there, "`{name}` covers `{row}`, and no manifest has it");
            named.insert(name.strip_prefix("config:").unwrap_or(name).to_owned());
        }
    }
    // And nothing travels that no row asks for.
    let forgotten: Vec<_> = items.difference(&named).filter(|name| !name.starts_with("runbook")).collect();
    assert_eq!(forgotten, Vec::<&String>::new(), "items that COVERAGE.md does not name");
}

#[test]
fn constraints_hold_items_of_some_scenario() {
    // A part is checked with the scenarios that include it: a constraint is the same wherever it comes from.
    let mut found: BTreeMap<(String, u32), BTreeMap<Name, bool>> = BTreeMap::new();
    for manifest in manifests() {
        let has = |name: &Name| manifest.items.iter().any(|item| item.name == *name);
        for constraint in &manifest.constraints {
            let what = &constraint.what;
            let other = match &what.rule {
                ConstraintRule::SameAs(name) | ConstraintRule::Read { from: name, .. } => Some(name),
                ConstraintRule::Version(_) | ConstraintRule::Present | ConstraintRule::Absent => None,
            };
            let with = what.with.as_ref().map(|(name, _)| name);
            let names = found.entry((constraint.spot.file.clone(), constraint.spot.line)).or_default();
            for name in [Some(&what.item), other, with].into_iter().flatten() {
                *names.entry(name.clone()).or_default() |= has(name);
            }
        }
    }
    assert!(found.len() > 40, "{}", found.len());
    let missing: Vec<_> = found
        .iter()
        .flat_map(|(spot, names)| names.iter().map(move |(name, has)| (spot, name, has)))
        .filter(|one| !one.2)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The page that comes first says what a site has to set, and where.
#[test]
fn what_a_site_has_to_set_stands_in_the_runbook() {
    for manifest in manifests() {
        let page = source().join(format!("runbooks/{}/00-what-arrives.md", manifest.scenario));
        let text = std::fs::read_to_string(page).unwrap();
        let file = format!("/{}.parameters.toml`", manifest.scenario);
        assert!(text.contains(&file), "{}: no `{file}", manifest.scenario);
        let asked = manifest.parameters.iter().filter(|one| one.what.default.is_none());
        let names: BTreeSet<_> = asked.map(|one| one.what.name.as_str()).collect();
        let is_there =
            |name: &&&str| text.contains(&format!("`{name}`")) || text.contains(&format!("{name} = "));
        let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
        assert!(names.len() > 2 && missing.is_empty(), "{}: {missing:?}", manifest.scenario);
    }
}
