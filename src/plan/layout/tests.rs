use super::*;
use crate::plan::candidate::choose;
use crate::plan::sample::{Bench, LIMITS, LayoutMaker, tar_of, tar_with};
use crate::value::code::{Code, Fault as _};
use crate::value::watch::Unwatched;
use serde_json::json;
use std::fs;
use std::path::Path;

fn open(path: &Path) -> Result<Members, PlanError> {
    Members::open(path, &LIMITS, &Unwatched)
}

fn pinned(bench: &Bench, path: &Path, select: Option<&str>) -> Result<Vec<LockedBlob>, PlanError> {
    let members = open(path)?;
    let all = candidates(&members, &LIMITS)?;
    let chosen = choose(&all, select, path)?;
    bench.with(2, |work| pin(&members, chosen, &Task::new(work)))
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
    let all = candidates(&open(&folder).unwrap(), &LIMITS).unwrap();
    let names: Vec<_> = all.into_iter().map(|image| image.names).collect();
    assert_eq!(names, [vec!["tools/hello:1"], vec!["docker.io/a/b:1", "1", "x/y:2"]]);
    assert_eq!(pinned(&bench, &folder, None).unwrap_err().code(), Code::ManifestItem);
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
    let all = candidates(&open(&folder).unwrap(), &LIMITS).unwrap();
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
    refused(&bench, &folder, Code::SourceImage, &format!("blob {layer} of sha256:"));
    fs::write(&path, b"two!").unwrap();
    refused(&bench, &folder, Code::SourceImage, "has 4 bytes, and sha256:");
    fs::remove_file(&path).unwrap();
    refused(&bench, &folder, Code::SourceImage, &format!("blob {layer}, which sha256:"));
    // A document is compared before it is believed.
    let root = candidates(&open(&folder).unwrap(), &LIMITS).unwrap()[0].digest;
    let path = folder.join(blob_name(&root));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("schemaVersion\":2", "schemaVersion\":3")).unwrap();
    refused(&bench, &folder, Code::SourceImage, "of index.json has the digest");
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
    refused(&bench, &folder, Code::SourceLimit, "nested");

    let folder = bench.folder().join("sizes");
    let mut layout = LayoutMaker::new(&folder);
    let one = layout.manifest(b"x", &json!({}));
    let mut other = one.clone();
    other["size"] = json!(1);
    let index = layout.index(&[one, layout.index(&[other])]);
    layout.tag(index, "a/b:1");
    refused(&bench, &folder, Code::SourceImage, "bytes in one manifest and 1 in");
}

#[test]
fn what_is_no_layout() {
    let bench = Bench::new();
    let none = bench.file("none/x", "");
    refused(&bench, none.parent().unwrap(), Code::SourceImage, "`archive`, not `layout`");
    refused(
        &bench,
        &bench.file("text", "no tar, but much more than five hundred and twelve bytes".repeat(20)),
        Code::SourceImage,
        "as a tar",
    );
    refused(&bench, &bench.file("x.tar.gz", b"\x1f\x8b\x08\x00rest"), Code::SourceImage, "compressed");
    refused(&bench, &bench.folder().join("nowhere"), Code::SourceMissing, "nowhere");
    let old = bench.folder().join("old");
    LayoutMaker::new(&old);
    refused(&bench, &old, Code::SourceImage, "no `index.json`");
    fs::write(old.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    refused(&bench, &old, Code::SourceImage, "version 2.0.0");
}

#[test]
fn tars_with_two_members_of_one_name_or_a_cut_end_are_refused() {
    let bench = Bench::new();
    let tar = bench.folder().join("x.tar");
    tar_with(&tar, &[("oci-layout", b"1", ""), ("./oci-layout", b"2", "")]);
    refused(&bench, &tar, Code::SourceImage, "two members called `oci-layout`");
    tar_with(&tar, &[("a", &[7; 2000], "")]);
    fs::File::options().write(true).open(&tar).unwrap().set_len(1024).unwrap();
    refused(&bench, &tar, Code::SourceImage, "ends inside its member `a`");
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
