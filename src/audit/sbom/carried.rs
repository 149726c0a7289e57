//! SBOMs that come with an image: kept as they are, and compared with what was observed.

use super::{is_bill_layer, refers_as_bill};
use crate::analysis::{BundleAnalysis, View};
use crate::packages::{comparable, purl};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_bundle::format::oci::{self, OciDocument};
use sealift_bundle::inspect::InspectError;
use sealift_bundle::trust::verify::{OpenBundle, Verified};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a bill that is read.
const LARGEST: u64 = 64 << 20;
/// Components of a bill that are compared.
const COMPONENTS: usize = 200_000;

/// A bill that someone else made.
#[derive(Debug, Clone, Serialize)]
pub struct CarriedSbom {
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
pub fn carried(
    place: &OpenBundle<'_>,
    analysis: &BundleAnalysis,
    limits: &Limits,
) -> Result<Vec<CarriedSbom>, InspectError> {
    let mut all = Vec::new();
    for contents in &place.contents.items {
        let item = &contents.item;
        let views = analysis.items.iter().find(|analysis| analysis.name == item.head.name);
        let views = views.map(|item| item.views.as_slice()).unwrap_or_default();
        for referrer in &item.referrers {
            let document = place.document(referrer.root)?;
            let Ok(OciDocument::Manifest { layers, .. }) =
                oci::parse(&referrer.media_type, &document, limits)
            else {
                continue;
            };
            let said = serde_json::from_slice::<Value>(&document).unwrap_or_default();
            let is_whole = refers_as_bill(referrer.tag.as_deref(), &said);
            let said = said.get("layers").and_then(Value::as_array).into_iter().flatten();
            // A bill of an index is about all of its platforms.
            let about = oci::subject(&document).or_else(|| referrer.tagged_subject());
            let narrowed: Vec<&View> = views.iter().filter(|view| Some(view.manifest) == about).collect();
            let views = if narrowed.is_empty() { views.iter().collect() } else { narrowed };
            let bills = layers.into_iter().zip(said).filter(|(_, said)| is_whole || is_bill_layer(said));
            for (layer, _) in bills {
                let blob = layer.blob();
                let mut one = CarriedSbom {
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
    let named = match purls(bytes) {
        Ok(named) => named,
        Err(reason) => return Comparison::NotCompared { reason },
    };
    let observed = views.iter().flat_map(|view| {
        view.packages.iter().map(|found| keyed(&purl(&found.package, view.system.as_ref())))
    });
    let observed: BTreeMap<String, String> = observed.collect();
    let only = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>| {
        these.iter().filter(|(key, _)| !those.contains_key(*key)).map(|(_, purl)| purl.clone()).collect()
    };
    Comparison::Compared {
        agreed: observed.keys().filter(|key| named.contains_key(*key)).count(),
        only_observed: only(&observed, &named),
        only_carried: only(&named, &observed),
    }
}

/// The packages that a bill names by purl, without those that say what the image is; by what they are compared by.
fn purls(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let json = |bytes: &[u8]| -> Result<Value, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))
    };
    let mut said = json(bytes)?;
    // A signed envelope (DSSE) has a statement within, and a statement the bill. No one has checked the signature.
    if said.get("payloadType").and_then(Value::as_str) == Some("application/vnd.in-toto+json") {
        let payload = said.get("payload").and_then(Value::as_str).unwrap_or_default();
        let payload =
            STANDARD.decode(payload).map_err(|error| format!("its payload is not base64: {error}"))?;
        said = json(&payload)?;
    }
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let bill = match said.get("predicate") {
        Some(bill) if text("_type").starts_with("https://in-toto.io/Statement/") => bill,
        _ => &said,
    };
    let text = |key: &str| bill.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut named = Vec::new();
    if text("bomFormat") == "CycloneDX" {
        let mut pending: Vec<&Value> = list(bill, "components").collect();
        while let Some(component) = pending.pop() {
            pending.extend(list(component, "components"));
            named.extend(component.get("purl").and_then(Value::as_str));
        }
    } else if text("spdxVersion").starts_with("SPDX-2") {
        let references = list(bill, "packages").flat_map(|package| list(package, "externalRefs"));
        let purls =
            references.filter(|reference| reference.get("referenceType") == Some(&Value::from("purl")));
        named.extend(purls.filter_map(|reference| reference.get("referenceLocator")?.as_str()));
    } else {
        return Err("it is neither CycloneDX nor SPDX 2 in JSON".to_owned());
    }
    named.retain(|purl| !purl.starts_with("pkg:oci/") && !purl.starts_with("pkg:docker/"));
    if named.len() > COMPONENTS {
        return Err(format!("it names {} packages, more than {COMPONENTS}", named.len()));
    }
    Ok(named.into_iter().map(keyed).collect())
}

fn list<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// What a purl is compared by, and itself without qualifiers: programs differ in those.
fn keyed(purl: &str) -> (String, String) {
    let subpath = purl.split_once('#').map_or_else(String::new, |(_, subpath)| format!("#{subpath}"));
    let front = purl.split(['?', '#']).next().unwrap_or_default();
    (comparable(purl), format!("{front}{subpath}"))
}

#[cfg(test)]
mod tests {
    use super::purls;

    #[test]
    fn what_is_no_bill_is_said_to_be_none() {
        let deep =
            r#"{"bomFormat":"CycloneDX","components":["#.to_owned() + &r#"{"components":["#.repeat(200);
        for (bill, why) in [
            ("", "not JSON"),
            ("<bom/>", "not JSON"),
            (r#"{"bomFormat":"CycloneDX"}{"#, "not JSON"),
            (deep.as_str(), "recursion limit"),
            ("[]", "neither"),
            (r#"{"bomFormat":1,"spdxVersion":["SPDX-2.3"]}"#, "neither"),
            (r#"{"spdxVersion":"SPDX-3.0"}"#, "neither"),
            (r#"{"predicate":{"bomFormat":"CycloneDX"}}"#, "neither"),
            (r#"{"_type":"https://in-toto.io/Statement/v1","predicate":"SPDXVersion: SPDX-2.2"}"#, "neither"),
            (r#"{"payloadType":"application/vnd.in-toto+json","payload":"!"}"#, "not base64"),
            (r#"{"payloadType":"application/vnd.in-toto+json"}"#, "not JSON"),
        ] {
            let said = purls(bill.as_bytes()).unwrap_err();
            assert!(said.contains(why), "{bill}: {said}");
        }
    }

    #[test]
    fn parts_of_a_bill_that_are_of_another_kind_name_nothing() {
        for bill in [
            r#"{"bomFormat":"CycloneDX","components":{"purl":"pkg:npm/a@1"}}"#,
            r#"{"bomFormat":"CycloneDX","components":[7,{"purl":7},{"components":[[]]}]}"#,
            r#"{"spdxVersion":"SPDX-2.3","packages":[{"externalRefs":[{"referenceType":"purl"},7]},{"externalRefs":7}]}"#,
            r#"{"bomFormat":"CycloneDX","components":[{"purl":"pkg:oci/a@sha256:0"},{"purl":"pkg:docker/a@1"}]}"#,
        ] {
            assert!(purls(bill.as_bytes()).unwrap().is_empty(), "{bill}");
        }
    }

    #[test]
    fn j08_a_bill_of_too_many_packages_is_not_compared() {
        let many: Vec<String> =
            (0..=super::COMPONENTS).map(|number| format!(r#"{{"purl":"pkg:npm/a@{number}"}}"#)).collect();
        let bill = format!(r#"{{"bomFormat":"CycloneDX","components":[{}]}}"#, many.join(","));
        assert!(purls(bill.as_bytes()).unwrap_err().contains("more than 200000"));
    }
}
