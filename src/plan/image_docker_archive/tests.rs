use super::*;
use crate::codes;
use crate::manifest::{ImageForm, Platforms};
use crate::test_support::{Bench, LIMITS, tar_with};
use sealift_bundle::value::error_code::Fault as _;
use serde_json::{Value, json};
use std::fs;

fn source(select: Option<&str>) -> ImageSource {
    let select = select.map(str::to_owned);
    ImageSource {
        form: ImageForm::Archive,
        path: "x.tar".to_owned(),
        select,
        reference: None,
        platforms: Platforms::All,
    }
}

fn pinned(bench: &Bench, select: Option<&str>) -> Result<(Candidate, Vec<LockedBlob>), PlanError> {
    bench.with(2, |work| {
        let members = Members::open(&bench.folder().join("x.tar"), work)?;
        let image = pin(&members, &source(select), &Task::new(work))?;
        Ok((image.root, image.blobs))
    })
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids } })
        .to_string()
        .into_bytes()
}

fn archive(bench: &Bench, listed: &Value, members: &[(&str, &[u8], &str)]) {
    let listed = listed.to_string();
    let mut all = members.to_vec();
    all.push(("manifest.json", listed.as_bytes(), ""));
    tar_with(&bench.folder().join("x.tar"), &all);
}

#[test]
fn layers_behind_links_and_several_images() {
    let bench = Bench::new();
    let (one, two) = (config(&[b"base", b"top"]), config(&[b"base"]));
    let names = [&one, &two].map(|config| format!("{}.json", Digest::of(config).hex()));
    let listed = json!([
        { "Config": names[0], "RepoTags": ["hello:1", "hello:latest"], "Layers": ["1/layer.tar", "2/layer.tar"] },
        { "Config": names[1], "RepoTags": null, "Layers": ["3/layer.tar"] },
    ]);
    let members: [(&str, &[u8], &str); 5] = [
        ("1/layer.tar", b"base", ""),
        ("2/layer.tar", b"top", ""),
        ("3/layer.tar", b"", "../1/layer.tar"),
        (&names[0], &one, ""),
        (&names[1], &two, ""),
    ];
    archive(&bench, &listed, &members);
    assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::MANIFEST_ITEM);
    let (image, blobs) = pinned(&bench, Some("hello:latest")).unwrap();
    assert_eq!(image.names, ["hello:1", "hello:latest"]);
    let member = |blob: &LockedBlob| blob.member.clone();
    assert_eq!(
        blobs.iter().map(member).collect::<Vec<_>>(),
        [None, Some(names[0].clone()), Some("1/layer.tar".to_owned()), Some("2/layer.tar".to_owned())]
    );
    // The manifest that was made is in the store, and another run makes the same.
    let made = bench.with(1, |work| fs::read_to_string(work.store.get(&image.digest).unwrap()).unwrap());
    let expected = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{OCI_LAYER}","digest":"{}","size":4}},{{"mediaType":"{OCI_LAYER}","digest":"{}","size":3}}]}}"#,
        Digest::of(&one),
        one.len(),
        Digest::of(b"base"),
        Digest::of(b"top"),
    );
    assert_eq!(made, expected);
    assert!(sealift_bundle::format::oci::parse(OCI_MANIFEST, made.as_bytes(), &LIMITS).is_ok());
    assert_eq!(pinned(&bench, Some("hello:1")).unwrap().0.digest, image.digest);
    // The other is selected by the digest of its configuration; its layer is behind a link.
    let (_, blobs) = pinned(&bench, Some(&Digest::of(&two).to_string())).unwrap();
    assert_eq!(blobs[2].digest, Digest::of(b"base"));
}

#[test]
fn compressed_layers_keep_their_bytes() {
    let bench = Bench::new();
    let (gzip, zstd) = (b"\x1f\x8b\x08rest".as_slice(), b"\x28\xb5\x2f\xfdrest".as_slice());
    let config = config(&[b"inflated", b"inflated too"]);
    let listed = json!([{ "Config": "c.json", "RepoTags": ["a:1"], "Layers": ["g", "z"] }]);
    archive(&bench, &listed, &[("c.json", &config, ""), ("g", gzip, ""), ("z", zstd, "")]);
    let (image, blobs) = pinned(&bench, None).unwrap();
    assert_eq!((blobs[2].digest, blobs[3].digest), (Digest::of(gzip), Digest::of(zstd)));
    let made = bench.with(1, |work| fs::read_to_string(work.store.get(&image.digest).unwrap()).unwrap());
    assert!(made.contains(OCI_LAYER_GZIP) && made.contains(OCI_LAYER_ZSTD));
}

type Listing<'a> = Vec<(&'a str, &'a [u8], &'a str)>;

#[test]
fn contradictions_are_refused() {
    let bench = Bench::new();
    let good = config(&[b"layer"]);
    let listed = |config: &str| json!([{ "Config": config, "RepoTags": ["a:1"], "Layers": ["l"] }]);
    let other = format!("{}.json", "0".repeat(64));
    let two = config(&[b"layer", b"more"]);
    let cases: [(&str, Value, Listing<'_>, &str); 7] = [
        ("layer changed", listed("c"), vec![("c", &good, ""), ("l", b"LAYER", "")], "its configuration says"),
        ("layer missing", listed("c"), vec![("c", &good, "")], "layer `l`"),
        ("layer too few", listed("c"), vec![("c", &two, ""), ("l", b"layer", "")], "has 2 layers"),
        ("configuration missing", listed("c"), vec![("l", b"layer", "")], "configuration `c`"),
        (
            "configuration changed",
            listed(&other),
            vec![(&other, &good, ""), ("l", b"layer", "")],
            "has the digest",
        ),
        ("no configuration", listed("c"), vec![("c", b"{}", ""), ("l", b"layer", "")], "cannot be read"),
        ("no list", json!({}), vec![("c", &good, "")], "`manifest.json` cannot be read"),
    ];
    for (case, listed, members, words) in cases {
        archive(&bench, &listed, &members);
        let error = pinned(&bench, None).unwrap_err();
        assert_eq!(error.code(), codes::SOURCE_IMAGE, "{case}: {error}");
        assert!(error.to_string().contains(words), "{case}: {error}");
    }
    tar_with(&bench.folder().join("x.tar"), &[("x", b"", "")]);
    assert!(pinned(&bench, None).unwrap_err().to_string().contains("`layout`, not `archive`"));
    archive(&bench, &json!([]), &[]);
    assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::SOURCE_EMPTY);
}

/// An archive that is a layout as well: blobs, the images of `index.json`, and those of `manifest.json`.
fn saved(bench: &Bench, blobs: &[&[u8]], index: &Value, listed: &Value) {
    let names: Vec<_> = blobs.iter().map(|blob| format!("blobs/sha256/{}", Digest::of(blob).hex())).collect();
    let (index, listed) = (index.to_string(), listed.to_string());
    let mut members: Listing<'_> = vec![
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, ""),
        ("index.json", index.as_bytes(), ""),
        ("manifest.json", listed.as_bytes(), ""),
    ];
    members.extend(names.iter().zip(blobs).map(|(name, blob)| (name.as_str(), *blob, "")));
    tar_with(&bench.folder().join("x.tar"), &members);
}

fn described(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(content).to_string(), "size": content.len() })
}

fn manifest_of(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let layers: Vec<_> = layers.iter().map(|layer| described(OCI_LAYER, layer)).collect();
    let config = described(OCI_CONFIG, config);
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    manifest.to_string().into_bytes()
}

fn at(content: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(content).hex())
}

#[test]
fn f_field_02_manifest_json_counts_where_the_layout_lost_layers() {
    let bench = Bench::new();
    let config = config(&[b"one", b"two"]);
    for layers in [&[][..], &[&b"two"[..], b"one"]] {
        let manifest = manifest_of(&config, layers);
        let index = json!({ "schemaVersion": 2, "manifests": [described(OCI_MANIFEST, &manifest)] });
        let right =
            json!([{ "Config": at(&config), "RepoTags": ["app:1"], "Layers": [at(b"one"), at(b"two")] }]);
        saved(&bench, &[&config, &manifest, b"one", b"two"], &index, &right);
        let (image, blobs) = pinned(&bench, None).unwrap();
        assert_eq!(
            blobs[2..].iter().map(|blob| blob.digest).collect::<Vec<_>>(),
            [b"one", b"two"].map(|layer| Digest::of(layer))
        );
        assert_eq!(image.names, ["app:1"]);
        // Wrong in both places.
        let wrong =
            json!([{ "Config": at(&config), "RepoTags": ["app:1"], "Layers": [at(b"two"), at(b"one")] }]);
        saved(&bench, &[&config, &manifest, b"one", b"two"], &index, &wrong);
        assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::SOURCE_IMAGE);
    }
    // Damage is not a contradiction, and what `manifest.json` says does not heal it.
    let manifest = manifest_of(&config, &[b"one", b"two"]);
    let index = json!({ "schemaVersion": 2, "manifests": [described(OCI_MANIFEST, &manifest)] });
    let listed =
        json!([{ "Config": at(&config), "RepoTags": ["app:1"], "Layers": [at(b"one"), at(b"two")] }]);
    saved(&bench, &[&config, &manifest, b"one"], &index, &listed);
    assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::SOURCE_IMAGE);
}

#[test]
fn f_field_23_images_that_only_manifest_json_lists_are_found() {
    let bench = Bench::new();
    let (one, two) = (config(&[b"one"]), config(&[b"two"]));
    let entry = |config: &[u8], layer: &[u8], tags: Value| json!({ "Config": at(config), "RepoTags": tags, "Layers": [at(layer)] });
    // Docker 25.0.1, `docker save ID`.
    let index = json!({ "schemaVersion": 2, "manifests": null });
    saved(&bench, &[&one, b"one"], &index, &json!([entry(&one, b"one", json!(null))]));
    assert_eq!(pinned(&bench, None).unwrap().1[2].digest, Digest::of(b"one"));
    // Two by digest, of which the index lists the first.
    let manifest = manifest_of(&one, &[b"one"]);
    let index = json!({ "schemaVersion": 2, "manifests": [described(OCI_MANIFEST, &manifest)] });
    let listed = json!([entry(&one, b"one", json!([])), entry(&two, b"two", json!(["<none>:<none>"]))]);
    saved(&bench, &[&one, &two, &manifest, b"one", b"two"], &index, &listed);
    assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::MANIFEST_ITEM);
    let (image, blobs) = pinned(&bench, Some(&Digest::of(&two).to_string())).unwrap();
    assert_eq!((blobs[2].digest, image.names.len()), (Digest::of(b"two"), 0));
    let (image, _) = pinned(&bench, Some(&Digest::of(&manifest).to_string())).unwrap();
    assert_eq!(image.digest, Digest::of(&manifest));
    // What is named by a digest has it.
    let listed = json!([{ "Config": at(&two), "RepoTags": ["a:1"], "Layers": [at(b"two")] }]);
    let (index, listed) = (json!({ "schemaVersion": 2, "manifests": [] }).to_string(), listed.to_string());
    let gzip = b"\x1f\x8b\x08 other bytes".as_slice();
    tar_with(
        &bench.folder().join("x.tar"),
        &[
            ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, ""),
            ("index.json", index.as_bytes(), ""),
            ("manifest.json", listed.as_bytes(), ""),
            (&at(&two), &two, ""),
            (&at(b"two"), gzip, ""),
        ],
    );
    assert_eq!(pinned(&bench, None).unwrap_err().code(), codes::SOURCE_IMAGE);
}
