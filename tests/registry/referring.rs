//! Signatures and SBOMs, as registries list them.

use super::images::{Many, digest, many, simple};
use super::scripted::{Asked, Bench, Reply, Scripted};
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};

/// What the referrers API answers.
fn listing(referrers: &[&Value], more: &str) -> Reply {
    let index = json!({ "schemaVersion": 2, "mediaType": oci::OCI_INDEX, "manifests": referrers });
    Reply::new(
        200,
        format!("Content-Type: {}\n{more}", oci::OCI_INDEX).trim_end(),
        index.to_string().as_bytes(),
    )
}

/// The image without the tags that stand for the API.
fn without_tags() -> Many {
    let mut many = many();
    many.content.tags.retain(|tag, _| !tag.starts_with("sha256-"));
    many
}

fn about(asked: &Asked, subject: &Value) -> bool {
    asked.path.contains(&format!("/referrers/{}", digest(subject)))
}

#[test]
fn a_registry_with_the_referrers_api() {
    let many = without_tags();
    let (index, referrers) = (many.index.clone(), many.referrers.clone());
    let second = many.amd64.clone();
    let server = Scripted::new(many.content, move |asked, _| {
        let nothing = asked.path.contains("/referrers/").then(|| listing(&[], ""));
        match asked.path.split_once('?') {
            // The SBOM on the second page.
            None if about(asked, &index) => {
                let next = format!("Link: <{}?page=2>; rel=\"next\"", asked.path);
                Some(listing(&[], &next))
            }
            Some((_, "page=2")) => {
                Some(listing(&[&referrers[0]], "Link: <http://127.0.0.1:1/>; rel=\"next\""))
            }
            None if about(asked, &referrers[0]) => Some(listing(&[&referrers[1]], "")),
            _ if about(asked, &second) => Some(listing(&[], "")),
            _ => nothing,
        }
    });
    let lock = Bench::new().lock(&server, "app:1").unwrap();
    let found: Vec<Digest> = lock.image[0].referrers.iter().map(|referrer| referrer.digest).collect();
    assert_eq!(found, [digest(&many.referrers[0]), digest(&many.referrers[1])]);
    // Whoever has the API is not asked for the tag that stands for it.
    assert!(server.asked_for(&format!("sha256-{}", digest(&many.index).hex())).is_empty());
}

#[test]
fn pages_without_an_end() {
    let many = without_tags();
    let server = Scripted::new(many.content, move |asked, _| {
        let path = asked.path.split('?').next().unwrap_or_default();
        let next = format!("Link: <{path}?again>; rel=\"next\"");
        asked.path.contains("/referrers/").then(|| listing(&[], &next))
    });
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[registry.content]") && said.contains("exceeds the limit of 64"), "{said}");
}

#[test]
fn what_is_listed_and_refers_to_something_else() {
    let many = without_tags();
    let (index, sbom) = (many.index.clone(), many.referrers[0].clone());
    let attestation = many.attestation.clone();
    for (listed, words) in [
        (json!({ "mediaType": oci::OCI_MANIFEST, "digest": sbom["digest"], "size": 1 }), "its index says 1"),
        (
            json!({ "mediaType": oci::OCI_INDEX, "digest": sbom["digest"], "size": sbom["size"] }),
            "calls itself",
        ),
    ] {
        let index = index.clone();
        let server = Scripted::new(many.content.clone(), move |asked, _| {
            about(asked, &index).then(|| listing(&[&listed], ""))
        });
        let said = Bench::new().lock(&server, "app:1").unwrap_err();
        assert!(said.contains("[registry.") && said.contains(words), "{said}");
        assert!(said.contains("cannot pin the image `app`"), "{said}");
    }
    // What belongs to the image anyway is not a referrer. Nor is the signature of the SBOM in the place of the SBOM, or
    // what the registry does not have: a list is no more than a hint (F10).
    let lost = simple(b"stranger").content.index(&[]);
    for listed in [attestation, many.referrers[1].clone(), lost] {
        let index = index.clone();
        let server = Scripted::new(many.content.clone(), move |asked, _| {
            about(asked, &index).then(|| listing(&[&listed], ""))
        });
        assert!(Bench::new().lock(&server, "app:1").unwrap().image[0].referrers.is_empty());
    }
}

#[test]
fn pages_in_the_place_of_the_referrers_api() {
    // Registries without it answer in many ways; then, the tags count.
    for (status, media_type, body) in [
        (404, "text/plain", "404 page not found"),
        (400, "application/json", "{}"),
        (405, "text/html", "<html>"),
        (200, "text/html", "<html>"),
        (200, "application/json", "{}"),
    ] {
        let many = many();
        let server = Scripted::new(many.content, move |asked, _| {
            let reply = || Reply::new(status, &format!("Content-Type: {media_type}"), body.as_bytes());
            asked.path.contains("/referrers/").then(reply)
        });
        let lock = Bench::new().lock(&server, "app:1").unwrap();
        assert_eq!(lock.image[0].referrers.len(), 3, "{status} {media_type}");
    }
}
