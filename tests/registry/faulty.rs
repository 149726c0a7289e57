//! Registries that send something else than they should. Nothing of it is verified, and nothing of it is kept.

use super::images::{Content, OCI_GZIP, Simple, digest, noise, simple, with};
use super::scripted::{Asked, Bench, Reply, Scripted, manifest_reply, repeated};
use sealift_bundle::format::oci;
use serde_json::json;
use std::time::{Duration, Instant};

fn sample() -> Simple {
    simple(&noise(300_000, 7))
}

type Script = Box<dyn Fn(&Asked, usize) -> Option<Reply> + Send + Sync>;

/// Answers to paths that end so.
fn at(end: impl ToString, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Script {
    let end = end.to_string();
    Box::new(move |asked, before| asked.path.ends_with(&end).then(|| reply(before)))
}

/// Locks `app:1` from a sound repository with one fault, and looks for words in the failure.
fn refused(content: Content, script: Script, words: &[&str]) {
    refused_as("app:1", content, script, words);
}

fn refused_as(reference: &str, content: Content, script: Script, words: &[&str]) {
    let (server, bench) = (Scripted::new(content, script), Bench::new());
    let said = bench.lock(&server, reference).expect_err(words[0]);
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(said.contains("next:"), "{said}");
    assert!(bench.is_sound(), "{said}");
}

#[test]
fn other_bytes_than_the_digest_says() {
    let sample = sample();
    for (wrong, what) in [(sample.config, "a blob of `app`"), (sample.layer, "a blob of `app`")] {
        let mut bytes = sample.content.bytes(&wrong).to_vec();
        bytes[0] ^= 1;
        let (server, bench) = (
            Scripted::new(sample.content.clone(), at(wrong, move |_| Reply::new(200, "", &bytes))),
            Bench::new(),
        );
        let said = bench.lock(&server, "app:1").unwrap_err();
        for word in ["[registry.content]", what, "digest mismatch", &wrong.to_string(), "next: re-run the"] {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
        assert!(bench.store.get(&wrong).is_none() && bench.is_sound());
        // Neither may it be gone on with.
        assert!(!bench.partial(&wrong).exists());
    }
    let mut bytes = sample.content.bytes(&sample.manifest).to_vec();
    bytes.push(b'\n');
    let pinned = format!("app@{}", sample.manifest);
    let script = at(sample.manifest, move |_| manifest_reply(&bytes, ""));
    refused_as(
        &pinned,
        sample.content.clone(),
        script,
        &["[registry.content]", "digest mismatch", &pinned[4..]],
    );
}

#[test]
fn other_lengths_than_announced() {
    let sample = sample();
    let bytes = sample.content.bytes(&sample.layer).to_vec();
    let more = [&bytes[..], b"x"].concat();
    let less = bytes[1..].to_vec();
    let words = |found: &'static str| ["[registry.content]", "expected 300000 bytes", found];
    let reply = |body: Vec<u8>| at(sample.layer, move |_| Reply::new(200, "", &body));
    refused(sample.content.clone(), reply(more.clone()), &words("300001 announced"));
    refused(sample.content.clone(), reply(less), &words("299999 announced"));
    let huge = at(sample.layer, |_| Reply::raw(200, "Content-Length: 18446744073709551615", b"x"));
    refused(sample.content.clone(), huge, &words("18446744073709551615 announced"));
    let endless = at(sample.layer, |_| Reply::endless("application/octet-stream"));
    refused(sample.content.clone(), endless, &words("found more"));
    let unannounced = at(sample.layer, move |_| Reply::raw(200, "", &more));
    refused(sample.content.clone(), unannounced, &words("found more"));
}

#[test]
fn manifests_that_are_too_long() {
    let (sample, words) =
        (sample(), ["[registry.content]", "bytes of manifest `1`", "exceeds the limit of 4194304"]);
    let begun = Instant::now();
    let announced = at("manifests/1", |_| {
        Reply::raw(200, &format!("Content-Type: {}\nContent-Length: 104857600", oci::OCI_MANIFEST), b"{")
    });
    refused(sample.content.clone(), announced, &words);
    refused(sample.content.clone(), at("manifests/1", |_| Reply::endless(oci::OCI_MANIFEST)), &words);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn manifests_that_are_none() {
    let sample = sample();
    let own = sample.content.bytes(&sample.manifest).to_vec();
    let page = b"<html><body>Please log in</body></html>";
    let served = |media_type: &'static str, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        at("manifests/1", move |_| Reply::new(200, &format!("Content-Type: {media_type}"), &bytes))
    };
    let none = "not an OCI or Docker (schema 2) manifest";
    refused(
        sample.content.clone(),
        served("text/html; charset=utf-8", page),
        &["[registry.content]", none, "`text/html`", "login page"],
    );
    refused(
        sample.content.clone(),
        served(oci::OCI_MANIFEST, page),
        &["[registry.content]", "expected value"],
    );
    refused(sample.content.clone(), served(oci::OCI_MANIFEST, b""), &["[registry.content]"]);
    let old = br#"{"schemaVersion":1,"name":"app","tag":"1","fsLayers":[],"signatures":[]}"#;
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    refused(sample.content.clone(), served(signed, old), &["[registry.content]", none, signed]);
    let lies = served(oci::OCI_INDEX, &own);
    refused(
        sample.content.clone(),
        lies,
        &["[registry.content]", "it calls itself", "and its parent calls it"],
    );
    let other = format!("Docker-Content-Digest: {}", sample.layer);
    let lies = at("manifests/1", move |_| manifest_reply(&own, &other));
    refused(
        sample.content.clone(),
        lies,
        &["[registry.content]", "digest mismatch", &sample.layer.to_string()],
    );
    let teapot = at("manifests/1", |_| Reply::new(418, "", b"\x1b[2Jshort\nand stout"));
    refused(sample.content.clone(), teapot, &["[registry.failed]", "status 418", "and stout"]);
}

#[test]
fn images_that_cannot_travel() {
    let mut content = Content::default();
    let foreign = content.blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"windows");
    let manifest = content.manifest("amd64", &[foreign], json!({}));
    content.tag(&manifest, "1");
    refused(content, at("-", |_| Reply::new(500, "", b"")), &["[registry.content]", "is a foreign layer"]);

    let mut content = simple(b"layer").content;
    let mut nested = with(
        json!({}),
        json!({ "mediaType": oci::OCI_MANIFEST, "size": content.documents.values().next().unwrap().1.len(),
        "digest": content.tags["1"].to_string() }),
    );
    for _ in 0..100 {
        nested = content.index(&[nested]);
    }
    content.tag(&nested, "1");
    let server = Scripted::new(content, |_, _| None);
    let said = Bench::new().lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[source.limit]") && said.contains("nested indexes"), "{said}");
    assert!(server.asked().len() < 12, "{}", server.asked().len());
}

#[test]
fn a_child_that_is_listed_a_thousand_times_is_fetched_once() {
    let sample = sample();
    let mut content = sample.content;
    let child = json!({ "mediaType": oci::OCI_MANIFEST, "digest": sample.manifest.to_string(),
        "size": content.bytes(&sample.manifest).len() });
    let index = content.index(&vec![child; 1000]);
    content.tag(&index, "many");
    let server = Scripted::new(content, |_, _| None);
    let lock = Bench::new().lock(&server, "app:many").unwrap();
    assert_eq!(lock.image[0].digest, digest(&index));
    assert_eq!(lock.image[0].blobs.len(), 4);
    assert!(repeated(&server.asked()).is_empty(), "{:?}", repeated(&server.asked()));
}

#[test]
fn more_documents_than_a_bundle_may_hold() {
    let mut content = Content::default();
    let layer = content.blob(OCI_GZIP, b"layer");
    // They add nothing but themselves.
    let same = |n: i32| json!({ "annotations": { "number": n.to_string() } });
    let children: Vec<_> =
        (0..40).map(|n| content.manifest("amd64", std::slice::from_ref(&layer), same(n))).collect();
    let index = content.index(&children);
    content.tag(&index, "1");
    let (server, mut bench) = (Scripted::new(content, |_, _| None), Bench::new());
    bench.limits.blobs = 10;
    let said = bench.lock(&server, "app:1").unwrap_err();
    assert!(said.contains("[source.limit]") && said.contains("blobs of one image"), "{said}");
    assert!(server.asked().len() < 15, "{}", server.asked().len());
}

#[test]
fn a_child_of_another_size_than_its_index_says() {
    let mut sample = sample();
    let child = json!({ "mediaType": oci::OCI_MANIFEST, "digest": sample.manifest.to_string(), "size": 5 });
    let index = sample.content.index(&[child]);
    sample.content.tag(&index, "1");
    refused(
        sample.content,
        at("-", |_| Reply::new(500, "", b"")),
        &["[registry.content]", "and its index says 5"],
    );
}

#[test]
fn statuses_that_pass_are_ridden_out() {
    let sample = sample();
    for (status, headers, least) in
        [(500, "", 0), (503, "", 0), (502, "", 0), (429, "", 0), (429, "Retry-After: 1", 1000)]
    {
        let passing = at(sample.layer, move |before| match before {
            0 => Reply::new(status, headers, b"later"),
            1 if least == 0 => Reply::new(status, headers, b"later"),
            _ => Reply::new(200, "", &noise(300_000, 7)),
        });
        let (server, bench, begun) =
            (Scripted::new(sample.content.clone(), passing), Bench::new(), Instant::now());
        bench.lock(&server, "app:1").unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(least), "{status} {headers}");
        assert_eq!(server.asked_for(&sample.layer.to_string()).len(), if least == 0 { 3 } else { 2 });
    }
}

#[test]
fn a_pause_that_is_too_long_is_cut_short() {
    let sample = sample();
    let passing = at(sample.layer, |before| match before {
        0 => Reply::new(429, "Retry-After: 18446744073709551615", b"next year"),
        _ => Reply::new(200, "", &noise(300_000, 7)),
    });
    let (server, mut bench, begun) = (Scripted::new(sample.content, passing), Bench::new(), Instant::now());
    bench.access.patience.longest = Duration::from_millis(300);
    bench.lock(&server, "app:1").unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn statuses_that_stay_are_errors() {
    let sample = sample();
    for status in [500, 503, 429] {
        let stays = move |_| {
            Reply::new(status, "Retry-After: 0", br#"{"errors":[{"code":"UNKNOWN","message":"no disk"}]}"#)
        };
        let words = format!("status {status}");
        let words =
            ["[registry.failed]", &words, "UNKNOWN no disk", "next: check that the registry is running"];
        let (server, bench) = (Scripted::new(sample.content.clone(), at("manifests/1", stays)), Bench::new());
        let said = bench.lock(&server, "app:1").unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(server.asked_for("manifests/1").len(), 3);
        // Signatures are not left out because a registry was busy. One that fails may be one that never can (F09).
        if status != 500 {
            let referrers = format!("referrers/{}", sample.manifest);
            refused(sample.content.clone(), at(referrers, stays), &words);
        }
    }
}

#[test]
fn a_registry_that_is_gone() {
    let sample = sample();
    let server = Scripted::new(sample.content, |_, _| None);
    let reference = format!("reference = \"{}/app:1\"", server.host);
    drop(server);
    let said = Bench::new().lock_with(&reference).unwrap_err();
    assert!(said.contains("[registry.failed]") && said.contains("cannot reach the registry"), "{said}");
}

#[test]
fn a_tar_of_another_size_in_two_manifests() {
    let mut content = Content::default();
    let layer = content.blob(OCI_GZIP, b"layer");
    let lying = with(layer.clone(), json!({ "size": 6 }));
    let one = content.manifest("amd64", &[layer], json!({}));
    let two = content.manifest("arm64", &[lying], json!({}));
    let index = content.index(&[one, two]);
    content.tag(&index, "1");
    refused(
        content,
        at("-", |_| Reply::new(500, "", b"")),
        &["[registry.content]", "5 bytes in one manifest and 6"],
    );
}
