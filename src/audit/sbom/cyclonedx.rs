//! CycloneDX 1.6 (ECMA-424) as JSON.

use super::{SbomComponent, Subject, image_purl, view_ref};
use crate::analysis::{ItemAnalysis, View};
use crate::packages::{Ecosystem, spdx as expression};
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The property that ties a bill to a bundle.
const STATEMENT: &str = "sealift:statement";
const ITEM: &str = "sealift:item";
const PLATFORM: &str = "sealift:platform";
const UNCHECKED: &str = "sealift:not-checked";

/// The bill of a bundle. The same bundle always gives the same bytes.
#[must_use]
pub fn cyclonedx(subject: Subject<'_>) -> Value {
    let Subject { overview, analysis } = subject;
    let root = overview.statement.to_string();
    let found = subject.components();
    let mut components: Vec<Value> =
        subject.views().map(|(item, view)| one_view(subject, item, view)).collect();
    components.extend(found.iter().map(|(purl, component)| one_package(purl, component)));
    let mut properties = vec![property(STATEMENT, &root)];
    properties.extend(analysis.unchecked.iter().map(|gap| {
        let layer = gap.layer.map_or_else(String::new, |layer| format!("{layer}: "));
        property(UNCHECKED, &format!("{layer}{}: {}", gap.what, gap.reason))
    }));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(&overview.statement)),
        "version": 1,
        "metadata": {
            "timestamp": overview.created,
            "lifecycles": [{ "phase": "post-build" }],
            "tools": { "components": [{
                "type": "application", "name": "sealift", "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "application", "bom-ref": root, "name": overview.name, "version": overview.version,
            },
            "properties": properties,
        },
        "components": components,
        "dependencies": dependencies(subject, &root, &found),
    })
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// A UUID made of a digest (RFC 9562, version 8): the same bundle has the same bill.
fn uuid(digest: &Digest) -> String {
    let hex = digest.hex();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

fn one_view(subject: Subject<'_>, item: &ItemAnalysis, view: &View) -> Value {
    let (name, platform) = (item.name.as_str(), view.platform.as_deref());
    let line = subject.overview.items.iter().find(|line| line.name == item.name);
    let purl = image_purl(subject, item, view);
    let mut component = json!({
        "type": if purl.is_some() { "container" } else { "data" },
        "bom-ref": view_ref(name, platform),
        "name": name,
        "hashes": [{ "alg": "SHA-256", "content": view.manifest.hex() }],
    });
    let mut set = |key: &str, value: Value| {
        if let Some(component) = component.as_object_mut() {
            component.insert(key.to_owned(), value);
        }
    };
    if let Some(version) = line.and_then(|line| line.version.as_ref()) {
        set("version", json!(version));
    }
    if let Some(license) = line.and_then(|line| line.license.as_ref()) {
        set("licenses", licenses(std::slice::from_ref(license)));
    }
    if let Some(purl) = purl {
        set("purl", json!(purl));
    }
    let mut properties = vec![property(ITEM, name)];
    properties.extend(platform.map(|platform| property(PLATFORM, platform)));
    if let Some(system) = &view.system {
        let version = system.version.as_deref().unwrap_or_default();
        set("description", json!(system.name));
        properties.push(property("sealift:system", format!("{} {version}", system.id).trim_end()));
    }
    set("properties", json!(properties));
    component
}

fn one_package(purl: &str, component: &SbomComponent<'_>) -> Value {
    let package = component.package;
    let items: BTreeSet<&str> = component.places.iter().map(|(item, ..)| *item).collect();
    let occurrences = component.places.iter().map(
        |(item, platform, path)| json!({ "location": path, "additionalContext": view_ref(item, *platform) }),
    );
    let occurrences: Vec<_> = occurrences.collect();
    let mut json = json!({
        "type": if package.ecosystem == Ecosystem::Golang && package.name == "stdlib" { "framework" } else { "library" },
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "evidence": { "occurrences": occurrences },
        "properties": items.into_iter().map(|item| property(ITEM, item)).collect::<Vec<_>>(),
    });
    if let Some(json) = json.as_object_mut() {
        if let Some(namespace) = &package.namespace {
            json.insert("group".to_owned(), json!(namespace));
        }
        if !package.licenses.is_empty() {
            json.insert("licenses".to_owned(), licenses(&package.licenses));
        }
    }
    json
}

/// One expression where the licences make one, otherwise their names as found.
fn licenses(found: &[String]) -> Value {
    expression(found).map_or_else(
        || found.iter().map(|name| json!({ "license": { "name": name } })).collect(),
        |expression| json!([{ "expression": expression }]),
    )
}

fn dependencies(subject: Subject<'_>, root: &str, found: &BTreeMap<String, SbomComponent<'_>>) -> Vec<Value> {
    let mut edges: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (purl, component) in found {
        for (item, platform, _) in &component.places {
            edges.entry(view_ref(item, *platform)).or_default().insert(purl);
        }
    }
    let views: BTreeSet<_> =
        subject.views().map(|(item, view)| view_ref(item.name.as_str(), view.platform.as_deref())).collect();
    let mut dependencies = vec![json!({ "ref": root, "dependsOn": views })];
    dependencies
        .extend(edges.into_iter().map(|(view, packages)| json!({ "ref": view, "dependsOn": packages })));
    dependencies
}
