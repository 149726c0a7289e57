//! Which images come with an SBOM from their maker: carried, not observed.

use crate::sbom::{is_bill_layer, refers_as_bill};
use sealift_bundle::format::blob_order::ImageParts;
use sealift_bundle::inspect::InspectError;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::name::Name;
use serde_json::Value;
use std::collections::BTreeSet;

/// Images with a referrer that is such a list, or an attestation of one.
pub fn with_sbom(place: &OpenBundle<'_>) -> Result<BTreeSet<Name>, InspectError> {
    let mut found = BTreeSet::new();
    for contents in &place.contents.items {
        if !matches!(contents.parts, ImageParts::Image { .. }) {
            continue;
        }
        for referrer in &contents.item.referrers {
            let tag = referrer.tag.as_deref();
            if is_sbom(tag, &place.document(referrer.root)?) {
                found.insert(contents.item.head.name.clone());
                break;
            }
        }
    }
    Ok(found)
}

/// Whether a referrer, or one of its layers, is a list of components.
fn is_sbom(tag: Option<&str>, manifest: &[u8]) -> bool {
    let manifest = serde_json::from_slice::<Value>(manifest).unwrap_or_default();
    let mut layers = manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
    refers_as_bill(tag, &manifest) || layers.any(is_bill_layer)
}

#[cfg(test)]
mod tests {
    use super::is_sbom;

    #[test]
    fn lists_of_components_are_told_by_what_they_say_they_are() {
        for (manifest, is_one) in [
            (r#"{"artifactType":"application/spdx+json"}"#, true),
            (r#"{"layers":[{"mediaType":"application/vnd.cyclonedx+json"}]}"#, true),
            (
                r#"{"layers":[{"mediaType":"application/vnd.in-toto+json","annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"}}]}"#,
                true,
            ),
            (
                r#"{"layers":[{"mediaType":"application/vnd.dsse.envelope.v1+json","annotations":{"predicateType":"https://cyclonedx.org/bom"}}]}"#,
                true,
            ),
            (
                r#"{"artifactType":"application/vnd.dev.cosign.artifact.sig.v1+json","layers":[{"mediaType":7}]}"#,
                false,
            ),
            (r#"{"layers":7}"#, false),
            ("", false),
        ] {
            assert_eq!(is_sbom(None, manifest.as_bytes()), is_one, "{manifest}");
        }
        assert!(is_sbom(Some("sha256-abc.sbom"), b"{}") && !is_sbom(Some("sha256-abc.sig"), b"{}"));
    }
}
