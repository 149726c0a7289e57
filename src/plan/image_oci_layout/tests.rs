use super::*;
use crate::codes;
use crate::test_support::{Bench, LIMITS, LayoutMaker, MANIFEST, tar_of, tar_with};
use sealift_bundle::value::error_code::{Code, Fault as _};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn open(path: &Path) -> Result<Members, PlanError> {
    Bench::new().with(1, |work| Members::open(path, work))
}

fn pinned(bench: &Bench, path: &Path, select: Option<&str>) -> Result<Vec<LockedBlob>, PlanError> {
    let members = open(path)?;
    let all = candidates(&members, &LIMITS)?;
    let chosen = choose(&members, all, select, &LIMITS)?;
    bench.with(2, |work| pin(&members, &chosen, &Platforms::All, &Task::new(work))).map(|image| image.blobs)
}

#[track_caller]
fn refused(bench: &Bench, path: &Path, code: Code, words: &str) {
    let error = pinned(bench, path, None).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// Two platforms and an attestation in one index.
fn several(path: &Path) -> LayoutMaker {
    let mut layout = LayoutMaker::new(path);
    let children = [b"one".as_slice(), b"two", b"attested"].map(|layer| layout.manifest(layer, &json!({})));
    let index = layout.index(&children);
    layout.tag(index, "tools/hello:1");
    layout
}

#[test]
fn every_blob_of_an_index_is_pinned_in_a_folder_and_in_a_tar() {
    let bench = Bench::new();
    let folder = bench.folder().join("hello");
    several(&folder);
    let tar = bench.folder().join("hello.tar");
    tar_of(&folder, &tar);
    let blobs = pinned(&bench, &folder, None).unwrap();
    // The index, three manifests, three layers, and the one configuration that they share.
    assert_eq!(blobs.len(), 8);
    assert_eq!(blobs, pinned(&bench, &tar, None).unwrap());
    let members = open(&tar).unwrap();
    for blob in blobs {
        let part = members.find(&blob_name(&blob.digest)).unwrap().unwrap();
        assert_eq!(Digest::of(&read_part(&part, 1 << 20).unwrap()), blob.digest);
    }
}

#[test]
fn referrers_are_no_images_and_names_are_collected() {
    let bench = Bench::new();
    let folder = bench.folder().join("hello");
    let mut layout = several(&folder);
    let subject = layout.manifest(b"one", &json!({}));
    let signature = layout.manifest(b"signature", &json!({ "subject": subject }));
    layout.list(signature, &json!({}));
    let hex = "0".repeat(64);
    let fallback = layout.index(&[]);
    layout.tag(fallback, &format!("tools/hello:sha256-{hex}"));
    let other = layout.manifest(b"other", &json!({}));
    layout.tag(other.clone(), &format!("sha256-{hex}.sig"));
    layout.list(
        other.clone(),
        &json!({ "io.containerd.image.name": "docker.io/a/b:1", "org.opencontainers.image.ref.name": "1" }),
    );
    layout.tag(other, "x/y:2");
    let members = open(&folder).unwrap();
    let all = candidates(&members, &LIMITS).unwrap();
    let names: Vec<_> = all.iter().map(|image| image.names.clone()).collect();
    assert_eq!(names, [vec!["tools/hello:1"], vec!["docker.io/a/b:1", "1", "x/y:2"]]);
    assert_eq!(pinned(&bench, &folder, None).unwrap_err().code(), codes::MANIFEST_ITEM);
    assert_eq!(pinned(&bench, &folder, Some("x/y:2")).unwrap().len(), 3);
}

#[test]
fn docker_25_names_come_from_manifest_json() {
    let bench = Bench::new();
    let folder = bench.folder().join("saved");
    let mut layout = LayoutMaker::new(&folder);
    let manifest = layout.manifest(b"layer", &json!({}));
    layout.tag(manifest, "1");
    let config = Digest::of(b"{}").hex();
    let listed =
        json!([{ "Config": format!("blobs/sha256/{config}"), "RepoTags": ["hello:1"], "Layers": [] }]);
    fs::write(folder.join("manifest.json"), listed.to_string()).unwrap();
    let members = open(&folder).unwrap();
    let all = candidates(&members, &LIMITS).unwrap();
    assert_eq!(all[0].names, ["1", "hello:1"]);
}

#[test]
fn missing_and_changed_blobs_are_named_with_who_names_them() {
    let bench = Bench::new();
    let folder = bench.folder().join("hello");
    several(&folder);
    let layer = Digest::of(b"two");
    let path = folder.join(blob_name(&layer));
    fs::write(&path, b"owt").unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, &format!("blob {layer} of sha256:"));
    fs::write(&path, b"two!").unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, "has 4 bytes, and sha256:");
    fs::remove_file(&path).unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, &format!("blob {layer}, which sha256:"));
    // A document is compared before it is verified.
    let root = candidates(&open(&folder).unwrap(), &LIMITS).unwrap()[0].digest;
    let path = folder.join(blob_name(&root));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("schemaVersion\":2", "schemaVersion\":3")).unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, "of index.json has the digest");
}

#[test]
fn j23_nesting_media_types_and_contradicting_sizes() {
    let bench = Bench::new();
    let folder = bench.folder().join("deep");
    let mut layout = LayoutMaker::new(&folder);
    let mut inner = layout.manifest(b"x", &json!({}));
    for _ in 0..=LIMITS.nesting {
        inner = layout.index(&[inner]);
    }
    layout.tag(inner, "a/b:1");
    refused(&bench, &folder, codes::SOURCE_LIMIT, "nested");

    let folder = bench.folder().join("sizes");
    let mut layout = LayoutMaker::new(&folder);
    let one = layout.manifest(b"x", &json!({}));
    let mut other = one.clone();
    other["size"] = json!(1);
    let index = layout.index(&[one, layout.index(&[other])]);
    layout.tag(index, "a/b:1");
    refused(&bench, &folder, codes::SOURCE_IMAGE, "bytes in one manifest and 1 in");
}

#[test]
fn what_is_no_layout() {
    let bench = Bench::new();
    let none = bench.file("none/x", "");
    refused(&bench, none.parent().unwrap(), codes::SOURCE_IMAGE, "`archive`, not `layout`");
    refused(
        &bench,
        &bench.file("text", "no tar, but much more than five hundred and twelve bytes".repeat(20)),
        codes::SOURCE_IMAGE,
        "as a tar",
    );
    refused(&bench, &bench.file("x.tar.gz", b"\x1f\x8b\x08\x00rest"), codes::SOURCE_IMAGE, "decompressed");
    refused(&bench, &bench.file("x.tar.xz", b"\xfd7zXZ"), codes::SOURCE_IMAGE, "compressed");
    refused(&bench, &bench.folder().join("nowhere"), sealift_bundle::codes::SOURCE_MISSING, "nowhere");
    let old = bench.folder().join("old");
    LayoutMaker::new(&old);
    refused(&bench, &old, codes::SOURCE_IMAGE, "no `index.json`");
    fs::write(old.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    refused(&bench, &old, codes::SOURCE_IMAGE, "version 2.0.0");
}

#[test]
fn tars_with_two_members_of_one_name_or_a_cut_end_are_refused() {
    let bench = Bench::new();
    let tar = bench.folder().join("x.tar");
    tar_with(&tar, &[("oci-layout", b"1", ""), ("./oci-layout", b"2", "")]);
    refused(&bench, &tar, codes::SOURCE_IMAGE, "two different members called `oci-layout`");
    tar_with(&tar, &[("a", &[7; 2000], "")]);
    fs::File::options().write(true).open(&tar).unwrap().set_len(1024).unwrap();
    refused(&bench, &tar, codes::SOURCE_IMAGE, "ends inside its member `a`");
    // Links that lead out of the tar, to nothing or to themselves name no member.
    tar_with(
        &tar,
        &[("a", b"", "../../etc/passwd"), ("b", b"", "b"), ("c", b"", "nothing"), ("d", b"x", "")],
    );
    let members = open(&tar).unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(members.find(name).unwrap(), None, "{name}");
    }
    assert!(members.find("d").unwrap().is_some());
}

/// An image of one platform, as an index lists it.
fn child(layout: &LayoutMaker, platform: &str, layer: &[u8]) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    let mut child = layout.manifest(layer, &json!({}));
    child["platform"] = json!({ "os": os, "architecture": architecture });
    child
}

fn with_platforms(bench: &Bench, path: &Path, platforms: &Platforms) -> Result<PinnedImage, PlanError> {
    let members = open(path)?;
    let chosen = choose(&members, candidates(&members, &LIMITS)?, None, &LIMITS)?;
    bench.with(2, |work| pin(&members, &chosen, platforms, &Task::new(work)))
}

fn digest_of(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

#[test]
fn f_field_03_manifests_that_an_archive_does_not_hold_are_withheld() {
    let bench = Bench::new();
    let folder = bench.folder().join("saved");
    let mut layout = LayoutMaker::new(&folder);
    let amd = child(&layout, "linux/amd64", b"amd");
    let arm = child(&layout, "linux/arm64", b"arm");
    let attestation = child(&layout, "unknown/unknown", b"attestation");
    let index = layout.index(&[amd.clone(), arm.clone(), attestation.clone()]);
    layout.tag(index, "docker.io/library/app:1");
    for gone in [&arm, &attestation] {
        fs::remove_file(folder.join(blob_name(&digest_of(gone)))).unwrap();
    }
    let image = with_platforms(&bench, &folder, &Platforms::All).unwrap();
    let mut withheld = vec![digest_of(&arm), digest_of(&attestation)];
    withheld.sort();
    assert_eq!((image.withheld, image.missing), (withheld, 2));
    // The index, one manifest, its configuration and its layer.
    assert_eq!(image.blobs.len(), 4);
    let sparse = |platform: &str| Platforms::Sparse(vec![platform.parse().unwrap()]);
    assert!(with_platforms(&bench, &folder, &sparse("linux/amd64")).is_ok());
    let error = with_platforms(&bench, &folder, &sparse("linux/arm64")).unwrap_err();
    assert_eq!(error.code(), sealift_bundle::codes::SOURCE_MISSING);
    assert!(error.to_string().contains("`linux/amd64`"), "{error}");
    // A layer that is missing below a manifest that is there is damage.
    fs::remove_file(folder.join(blob_name(&Digest::of(b"amd")))).unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, "is missing");
    fs::remove_file(folder.join(blob_name(&digest_of(&amd)))).unwrap();
    refused(&bench, &folder, codes::SOURCE_IMAGE, "holds none of the manifests");
}

#[test]
fn f_field_03_platforms_of_a_layout_are_chosen() {
    let bench = Bench::new();
    let folder = bench.folder().join("both");
    let mut layout = LayoutMaker::new(&folder);
    let (amd, arm) = (child(&layout, "linux/amd64", b"amd"), child(&layout, "linux/arm64", b"arm"));
    let index = layout.index(&[amd.clone(), arm.clone()]);
    layout.tag(index, "app:1");
    let platform = "linux/arm64".parse::<Platform>().unwrap();
    let image = with_platforms(&bench, &folder, &Platforms::Sparse(vec![platform.clone()])).unwrap();
    assert_eq!((image.withheld, image.missing), (vec![digest_of(&amd)], 0));
    let image = with_platforms(&bench, &folder, &Platforms::Narrow(platform)).unwrap();
    assert_eq!((image.root.digest, image.blobs.len()), (digest_of(&arm), 3));
    assert_eq!(image.root.names, ["app:1"]);
    // The digest of a manifest in the index selects that manifest.
    let blobs = pinned(&bench, &folder, Some(&digest_of(&arm).to_string())).unwrap();
    assert_eq!((blobs[0].digest, blobs.len()), (digest_of(&arm), 3));
}

#[test]
fn f_field_02_an_image_that_lost_a_layer_is_refused() {
    let bench = Bench::new();
    let folder = bench.folder().join("lost");
    let mut layout = LayoutMaker::new(&folder);
    let config = json!({ "rootfs": { "type": "layers", "diff_ids": [Digest::of(b"app").to_string()] } });
    let config = layout.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] });
    let manifest = layout.blob(MANIFEST, manifest.to_string().as_bytes());
    layout.tag(manifest, "app:1");
    refused(
        &bench,
        &folder,
        codes::SOURCE_IMAGE,
        "lists 0 layers, and its configuration says that there are 1",
    );
}

#[test]
fn f_field_r15_equal_members_of_one_name_are_one_member() {
    let bench = Bench::new();
    let tar = bench.folder().join("x.tar");
    tar_with(&tar, &[("a", b"same", ""), ("./a", b"same", ""), ("l", b"", "a"), ("l", b"", "a")]);
    let members = open(&tar).unwrap();
    assert_eq!(members.read("l", 10).unwrap().unwrap(), b"same");
    tar_with(&tar, &[("a", b"same", ""), ("a", b"", "b")]);
    assert_eq!(open(&tar).err().unwrap().code(), codes::SOURCE_IMAGE);
}

#[test]
fn f_field_r07_compressed_tars_are_read() {
    let bench = Bench::new();
    let folder = bench.folder().join("hello");
    several(&folder);
    let tar = bench.folder().join("hello.tar");
    tar_of(&folder, &tar);
    let content = fs::read(&tar).unwrap();
    let expected = pinned(&bench, &tar, None).unwrap();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &content).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::bulk::compress(&content, 1).unwrap();
    for (name, compressed) in [("x.tar.gz", &gzip), ("x.tar.zst", &zstd)] {
        let path = bench.file(name, compressed);
        let blobs = bench.with(2, |work| {
            let members = Members::open(&path, work).unwrap();
            let chosen = choose(&members, candidates(&members, &LIMITS).unwrap(), None, &LIMITS).unwrap();
            let image = pin(&members, &chosen, &Platforms::All, &Task::new(work)).unwrap();
            // It was unpacked once, and is found again.
            assert_eq!(
                work.store.get(&Digest::of(&content)).unwrap().metadata().unwrap().len(),
                content.len() as u64
            );
            assert!(work.store.beside("inflated").join(Digest::of(compressed).hex()).is_file());
            assert!(Members::open(&path, work).is_ok());
            image.blobs
        });
        assert_eq!(blobs, expected, "{name}");
        let cut = bench.file(name, &compressed[..compressed.len() - 20]);
        let error = bench.with(1, |work| Members::open(&cut, work).err().unwrap());
        assert_eq!(error.code(), codes::SOURCE_IMAGE, "{error}");
        assert!(error.to_string().contains("cannot be decompressed"), "{error}");
    }
}

#[test]
fn f_field_r10_a_layout_is_looked_through_once_for_all_its_images() {
    let bench = Bench::new();
    several(&bench.folder().join("hello"));
    bench.with(1, |work| {
        let task = Task::new(work);
        let (one, other) = (task.members("hello").unwrap(), task.members("hello").unwrap());
        assert!(std::sync::Arc::ptr_eq(&one, &other));
        let (first, second) = (candidates(&one, &LIMITS).unwrap(), candidates(&other, &LIMITS).unwrap());
        assert!(std::ptr::eq(first, second));
        let image = pin(&one, &first[0], &Platforms::All, &task).unwrap();
        for blob in &image.blobs {
            let part = one.find(&blob_name(&blob.digest)).unwrap().unwrap();
            assert_eq!(one.known(&part), Some(blob.digest));
        }
    });
}

#[test]
fn a_manifest_inside_an_index_is_selected_by_its_digest() {
    let bench = Bench::new();
    let folder = bench.folder().join("hello");
    let mut layout = LayoutMaker::new(&folder);
    let children = [b"one".as_slice(), b"two"].map(|layer| layout.manifest(layer, &json!({})));
    let (index, other) = (layout.index(&children), layout.index(&children[1..]));
    layout.tag(index, "tools/hello:1");
    layout.tag(other, "tools/other:1");
    let members = open(&folder).unwrap();
    let all = candidates(&members, &LIMITS).unwrap();
    for child in &children {
        let digest = digest_of(child);
        let chosen = choose(&members, all, Some(&digest.to_string()), &LIMITS).unwrap();
        assert_eq!((chosen.digest, &chosen.names[..]), (digest, &["tools/hello:1".to_owned()][..]));
    }
    let unknown = Digest::of(b"unknown").to_string();
    let error = choose(&members, all, Some(&unknown), &LIMITS).unwrap_err();
    assert!(matches!(error, PlanError::NotSelected { .. }), "{error}");
}
