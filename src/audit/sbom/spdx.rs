//! SPDX 2.3 as JSON.

use super::{Subject, image_purl, view_ref};
use crate::packages::spdx as expression;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What SPDX says of what no one has found out.
const UNKNOWN: &str = "NOASSERTION";

/// The bill of a bundle. The same bundle always gives the same bytes.
#[must_use]
pub fn spdx(subject: Subject<'_>) -> Value {
    let Subject { overview, analysis } = subject;
    let root = "SPDXRef-bundle";
    let mut packages =
        vec![package(root, overview.name.as_str(), Some(overview.version.as_str()), None, &[])];
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", root)];
    let mut views = BTreeMap::new();
    for (item, view) in subject.views() {
        let name = item.name.as_str();
        let reference = view_ref(name, view.platform.as_deref());
        let id = id("item", &reference);
        let line = overview.items.iter().find(|line| line.name == item.name);
        let license = line.and_then(|line| line.license.clone());
        let purl = image_purl(subject, item, view);
        let version = line.and_then(|line| line.version.as_deref());
        let mut one = package(&id, name, version, purl.as_deref(), license.as_slice());
        if let Some(one) = one.as_object_mut() {
            let sum = json!([{ "algorithm": "SHA256", "checksumValue": view.manifest.hex() }]);
            one.insert("checksums".to_owned(), sum);
        }
        packages.push(one);
        relationships.push(relation(root, "CONTAINS", &id));
        views.insert(reference, id);
    }
    for (purl, component) in subject.components() {
        let id = id("package", &purl);
        let found = component.package;
        let name = found
            .namespace
            .as_ref()
            .map_or_else(|| found.name.clone(), |space| format!("{space}/{}", found.name));
        let mut one = package(&id, &name, Some(&found.version), Some(&purl), &found.licenses);
        let places: Vec<_> = component
            .places
            .iter()
            .map(|(item, platform, path)| format!("{}:/{path}", view_ref(item, *platform)))
            .collect();
        if let Some(one) = one.as_object_mut() {
            one.insert("sourceInfo".to_owned(), json!(format!("announced by {}", places.join(", "))));
        }
        packages.push(one);
        let mut holders: Vec<_> =
            component.places.iter().map(|(item, platform, _)| view_ref(item, *platform)).collect();
        holders.dedup();
        let holders = holders.iter().filter_map(|holder| views.get(holder));
        relationships.extend(holders.map(|holder| relation(holder, "CONTAINS", &id)));
    }
    let gaps = analysis.unchecked.len();
    let comment = match gaps {
        0 => "everything was looked at".to_owned(),
        _ => format!("{gaps} things were not looked at: see `sealift analyze`"),
    };
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{}-{}", overview.name, overview.version),
        "documentNamespace": format!("https://sealift.dev/spdx/{}", overview.statement.hex()),
        "comment": format!("observed in the bundle with the statement {}; {comment}", overview.statement),
        "creationInfo": {
            "created": overview.created,
            "creators": [format!("Tool: sealift-{}", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relationships,
    })
}

/// An identifier within the document: letters, digits, `.` and `-` alone.
fn id(kind: &str, of: &str) -> String {
    format!("SPDXRef-{kind}-{}", Digest::of(of.as_bytes()).short())
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn package(id: &str, name: &str, version: Option<&str>, purl: Option<&str>, licenses: &[String]) -> Value {
    let declared = expression(licenses);
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": declared.as_deref().unwrap_or(UNKNOWN),
        "copyrightText": UNKNOWN,
    });
    let mut set = |key: &str, value: Value| {
        if let Some(package) = package.as_object_mut() {
            package.insert(key.to_owned(), value);
        }
    };
    if let Some(version) = version {
        set("versionInfo", json!(version));
    }
    if declared.is_none() && !licenses.is_empty() {
        set("licenseComments", json!(format!("as found: {}", licenses.join("; "))));
    }
    if let Some(purl) = purl {
        set(
            "externalRefs",
            json!([{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl,
            }]),
        );
    }
    package
}
