//! Bills that travel with an image: kept as they are, and held against what was observed.

use super::is_read;
use crate::audit::census::{Census, View};
use crate::audit::inspect::AuditError;
use crate::audit::packages::purl;
use crate::bundle::oci::{self, Document};
use crate::trust::verify::{InPlace, Verified};
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Bytes of a bill that is read.
const LARGEST: u64 = 64 << 20;
/// Components of a bill that are compared.
const COMPONENTS: usize = 200_000;

/// A bill that somebody else made.
#[derive(Debug, Clone, Serialize)]
pub struct Carried {
    /// The item that it travels with.
    pub item: Name,
    /// What it says it is.
    pub media_type: String,
    /// What it hashes to.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// How it differs from what was observed, or why it was not compared.
    pub comparison: Comparison,
    /// The bill itself.
    #[serde(skip)]
    pub bytes: Option<Verified<Vec<u8>>>,
}

/// A carried bill beside what was observed; packages by their purl without qualifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Comparison {
    /// It was read.
    Compared {
        /// Packages in both.
        agreed: usize,
        /// Packages that are there and that it does not name.
        only_observed: BTreeSet<String>,
        /// Packages that it names and that were not found.
        only_carried: BTreeSet<String>,
    },
    /// It was not.
    NotCompared {
        /// Why.
        reason: String,
    },
}

/// The bills that travel as referrers of images.
pub fn carried(place: &InPlace<'_>, census: &Census, limits: &Limits) -> Result<Vec<Carried>, AuditError> {
    let mut all = Vec::new();
    for contents in &place.contents.items {
        let item = &contents.item;
        let views = census.items.iter().find(|census| census.name == item.head.name);
        let views = views.map(|item| item.views.as_slice()).unwrap_or_default();
        for referrer in &item.referrers {
            let document = place.document(referrer.root)?;
            let Ok(Document::Manifest { layers, .. }) = oci::parse(&referrer.media_type, &document, limits)
            else {
                continue;
            };
            // A bill of an index is about all of its platforms.
            let about = oci::subject(&document);
            let narrowed: Vec<&View> = views.iter().filter(|view| Some(view.manifest) == about).collect();
            let views = if narrowed.is_empty() { views.iter().collect() } else { narrowed };
            for layer in layers.into_iter().filter(|layer| is_read(&layer.media_type)) {
                let blob = layer.blob();
                let mut one = Carried {
                    item: item.head.name.clone(),
                    media_type: layer.media_type,
                    digest: blob.digest,
                    size: blob.size,
                    comparison: Comparison::NotCompared {
                        reason: format!("it has more than {LARGEST} bytes"),
                    },
                    bytes: None,
                };
                if blob.size <= LARGEST {
                    let bytes = place.whole(blob, LARGEST)?;
                    one.comparison = compare(&bytes, &views);
                    one.bytes = Some(bytes);
                }
                all.push(one);
            }
        }
    }
    Ok(all)
}

fn compare(bytes: &[u8], views: &[&View]) -> Comparison {
    let named = match serde_json::from_slice::<Value>(bytes) {
        Ok(bill) => purls(&bill),
        Err(error) => return Comparison::NotCompared { reason: format!("it is no JSON: {error}") },
    };
    let Some(named) = named else {
        return Comparison::NotCompared { reason: "it is neither CycloneDX nor SPDX 2 in JSON".to_owned() };
    };
    let observed = views
        .iter()
        .flat_map(|view| view.packages.iter().map(|found| bare(&purl(&found.package, view.system.as_ref()))));
    let observed: BTreeSet<String> = observed.collect();
    Comparison::Compared {
        agreed: observed.intersection(&named).count(),
        only_observed: observed.difference(&named).cloned().collect(),
        only_carried: named.difference(&observed).cloned().collect(),
    }
}

/// The packages that a bill names by purl, without those that say what the image or its system is.
fn purls(bill: &Value) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut take = |purl: &str| {
        if found.len() < COMPONENTS && !purl.starts_with("pkg:oci/") && !purl.starts_with("pkg:docker/") {
            found.insert(bare(purl));
        }
    };
    if bill.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        let mut pending: Vec<&Value> =
            bill.get("components").and_then(Value::as_array).into_iter().flatten().collect();
        while let Some(component) = pending.pop() {
            pending.extend(component.get("components").and_then(Value::as_array).into_iter().flatten());
            component.get("purl").and_then(Value::as_str).into_iter().for_each(&mut take);
        }
        return Some(found);
    }
    bill.get("spdxVersion").and_then(Value::as_str).filter(|version| version.starts_with("SPDX-2"))?;
    let packages = bill.get("packages").and_then(Value::as_array).into_iter().flatten();
    let references = packages.filter_map(|package| package.get("externalRefs")?.as_array()).flatten();
    references
        .filter(|reference| reference.get("referenceType").and_then(Value::as_str) == Some("purl"))
        .filter_map(|reference| reference.get("referenceLocator").and_then(Value::as_str))
        .for_each(take);
    Some(found)
}

/// A purl without qualifiers and subpath: programs differ in those.
fn bare(purl: &str) -> String {
    purl.split(['?', '#']).next().unwrap_or(purl).to_owned()
}
