//! From a real registry into a bundle, and out of it.

use super::images::{Many, digest, docker_list, many, simple};
use super::real::Real;
use crate::cli::Shop;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const LOCK: &str = "sealift lock pulled.toml --store pulled";
pub const CARRY: &str = "rm -rf site *.sealift
sealift pack pulled.toml --key packer.key --store pulled --passphrase-fd 0 <<<pw
sealift verify pulled-1.sealift --trust root.json --deep
sealift unpack pulled-1.sealift --trust root.json --to site";

/// Writes a manifest of images; each has a name and further keys.
pub fn images(shop: &Shop, images: &[(&str, String)]) {
    let mut text = "[bundle]\nname = \"pulled\"\nscenario = \"air-gapped\"\nversion = \"1\"\n".to_owned();
    for (name, keys) in images {
        text += &format!("\n[[image]]\nname = \"{name}\"\n{keys}\n");
    }
    std::fs::write(shop.path("pulled.toml"), text).unwrap();
}

pub fn reference(host: &str, rest: &str) -> String {
    format!("reference = \"{host}/{rest}\"")
}

fn lock_text(shop: &Shop) -> String {
    String::from_utf8(shop.read("pulled.lock.toml")).unwrap()
}

/// The digests that the unpacked index lists, and the blobs beside it.
fn unpacked(shop: &Shop) -> (Vec<Digest>, BTreeSet<Digest>) {
    let index: Value = serde_json::from_slice(&shop.read("site/images/index.json")).unwrap();
    let listed = index["manifests"].as_array().unwrap().iter().map(digest).collect();
    let names = std::fs::read_dir(shop.path("site/images/blobs/sha256")).unwrap();
    let blobs = names.map(|entry| {
        let entry = entry.unwrap();
        let digest: Digest = format!("sha256:{}", entry.file_name().to_str().unwrap()).parse().unwrap();
        assert_eq!(Digest::of(&std::fs::read(entry.path()).unwrap()), digest);
        digest
    });
    (listed, blobs.collect())
}

/// Everything of an image but the indexes of its referrers, which only the registry needs.
fn whole(many: &Many) -> BTreeSet<Digest> {
    let indexes: BTreeSet<_> =
        many.content.tags.iter().filter(|(tag, _)| tag.len() == 71).map(|(_, digest)| *digest).collect();
    let all = many.content.blobs.keys().chain(many.content.documents.keys()).copied();
    all.filter(|digest| !indexes.contains(digest)).collect()
}

#[test]
fn from_a_tag_to_files() {
    let (real, shop, many, (docker, list)) = (Real::new(), Shop::new(), many(), docker_list());
    real.push("team/app", &many.content);
    real.push("old", &docker);
    images(&shop, &[("app", reference(&real.open, "team/app:1")), ("old", reference(&real.open, "old:2"))]);
    let outcome = shop.done(LOCK);
    assert!(outcome.out.contains("pulled.lock.toml: written, 2 items, sequence 1"), "{}", outcome.out);
    let text = lock_text(&shop);
    for wanted in std::iter::once(&many.index).chain(&many.referrers).chain([&list]) {
        assert!(text.contains(&digest(wanted).to_string()), "{wanted} is not in {text}");
    }
    assert!(text.contains(&format!("sha256-{}.sig", digest(&many.index).hex())), "{text}");
    // Each blob was asked for once, even the layer of both images.
    for blob in many.content.blobs.keys().chain(docker.blobs.keys()) {
        assert_eq!(real.asked(&real.open, &format!("/blobs/{blob} HTTP")), 1, "{blob}");
    }
    let again = shop.done(LOCK);
    assert!(again.out.contains("unchanged, 2 items"), "{}", again.out);
    assert_eq!(lock_text(&shop), text);
    shop.done(&format!("{LOCK} --check"));
    shop.done(CARRY);
    let (listed, blobs) = unpacked(&shop);
    for wanted in [&many.index, &list] {
        assert!(listed.contains(&digest(wanted)), "{listed:?}");
    }
    let expected: BTreeSet<_> = whole(&many)
        .into_iter()
        .chain(docker.blobs.into_keys())
        .chain(docker.documents.into_keys())
        .collect();
    assert!(blobs == expected, "{:?}", blobs.symmetric_difference(&expected).collect::<Vec<_>>());
    for blob in many.content.blobs.keys() {
        assert_eq!(real.asked(&real.open, &format!("/blobs/{blob} HTTP")), 1, "{blob}");
    }

    // By digest, and without a tag.
    let pinned = format!("team/app@{}", digest(&many.index));
    images(&shop, &[("app", reference(&real.open, &pinned))]);
    shop.done(LOCK);
    shop.done(CARRY);
    assert!(unpacked(&shop).0.contains(&digest(&many.index)));
    // What nobody pushed.
    for (wrong, words) in [
        ("team/app:2", "has no manifest `2` in `team/app`"),
        ("nobody/app:1", "has no manifest `1` in `nobody/app`"),
        (&format!("team/app@{}", Digest::of(b"x")), "has no manifest `sha256:"),
    ] {
        images(&shop, &[("app", reference(&real.open, wrong))]);
        let outcome = shop.fails(LOCK, 2, "registry.missing");
        assert!(outcome.err.contains(words), "{}", outcome.err);
        assert!(outcome.err.contains("check the spelling and the tag"), "{}", outcome.err);
    }
}

/// What one image leaves out, another brings, but not to somebody who does not get the other.
#[test]
fn a_part_of_an_image_whose_other_part_is_withheld() {
    let (real, shop, many) = (Real::new(), Shop::new(), many());
    real.push("app", &many.content);
    real.push("other", &many.content);
    let part = |name: &str, platform: &str, more: &str| {
        let reference = reference(&real.open, &format!("{name}:1"));
        format!("{reference}\nplatforms = [\"linux/{platform}\"]\n{more}")
    };
    let audiences = "audience = [\"lead\"]\n[audience.lead]\ndescription = \"us\"\n[audience.partner]\ndescription = \"them\"";
    images(&shop, &[("app", part("app", "amd64", "")), ("other", part("other", "arm64", audiences))]);
    shop.done(LOCK);
    shop.done(CARRY);
    let arm64 = digest(&many.arm64);
    assert!(unpacked(&shop).1.contains(&arm64));
    shop.done(
        "sealift pack pulled.toml --key packer.key --store pulled --audience partner --passphrase-fd 0 <<<pw
         sealift verify pulled-partner-1.sealift --trust root.json --deep",
    );
    let seen = shop.done("sealift inspect pulled-partner-1.sealift --trust root.json --json").out;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(seen["items"][0]["withheld"], json!([arm64]));
}

#[test]
fn a_part_of_an_image() {
    let (real, shop, many) = (Real::new(), Shop::new(), many());
    real.push("app", &many.content);
    let app = |more: &str| images(&shop, &[("app", format!("{}\n{more}", reference(&real.open, "app:1")))]);
    let (index, amd64, arm64) = (digest(&many.index), digest(&many.amd64), digest(&many.arm64));

    // The index as it is, with one platform and the attestation.
    app("platforms = [\"linux/amd64\"]");
    shop.done(LOCK);
    assert!(lock_text(&shop).contains("withheld"), "{}", lock_text(&shop));
    shop.done(CARRY);
    let (listed, blobs) = unpacked(&shop);
    assert!(listed.contains(&index));
    assert!(blobs.contains(&amd64) && blobs.contains(&digest(&many.attestation)) && !blobs.contains(&arm64));
    assert!(many.referrers.iter().all(|referrer| blobs.contains(&digest(referrer))));

    // The manifest of one platform.
    app("platforms = [\"linux/arm64\"]\nnarrow = true");
    shop.done(LOCK);
    let text = lock_text(&shop);
    assert!(text.contains(&format!("narrowed to linux/arm64 from the index {index}")), "{text}");
    shop.done(CARRY);
    let (listed, blobs) = unpacked(&shop);
    assert!(listed.contains(&arm64) && !blobs.contains(&index) && !blobs.contains(&amd64));

    // Without what refers to it.
    app("referrers = false");
    shop.done(LOCK);
    shop.done(CARRY);
    let (_, blobs) = unpacked(&shop);
    assert!(blobs.contains(&arm64) && many.referrers.iter().all(|one| !blobs.contains(&digest(one))));

    for (more, words) in [
        (
            "platforms = [\"linux/s390x\"]",
            "is not available for `linux/s390x`; it is available for `linux/amd64`, `linux/arm64/v8`",
        ),
        ("platforms = [\"windows/amd64\"]\nnarrow = true", "is not available for `windows/amd64`"),
        ("platforms = [\"linux/amd64\", \"linux/arm64/v7\"]", "is not available for `linux/arm64/v7`"),
    ] {
        app(more);
        let outcome = shop.fails(LOCK, 2, "source.missing");
        assert!(outcome.err.contains(words), "{}", outcome.err);
        assert!(outcome.err.contains("next: correct `platforms` of the image"), "{}", outcome.err);
    }
}

#[test]
fn what_the_lock_says_is_packed() {
    let (real, shop) = (Real::new(), Shop::new());
    let (first, mut second) = (simple(b"first"), simple(b"second"));
    real.push("app", &first.content);
    images(&shop, &[("app", reference(&real.open, "app:1"))]);
    shop.done(LOCK);
    let text = lock_text(&shop);
    // The tag is moved and the store is lost.
    let more = second.content.manifest("arm64", &[], json!({}));
    second.content.tag(&more, "other");
    real.push("app", &second.content);
    shop.done("rm -rf pulled");
    shop.done(CARRY);
    let (listed, blobs) = unpacked(&shop);
    assert!(listed.contains(&first.manifest), "{listed:?}");
    assert_eq!(blobs, BTreeSet::from([first.manifest, first.config, first.layer]));
    let outcome = shop.fails(&format!("{LOCK} --check"), 2, "lock.stale");
    assert!(
        outcome.err.contains("what is pinned for the manifest `pulled.toml` has changed"),
        "{}",
        outcome.err
    );
    assert_eq!(lock_text(&shop), text);
    // A blob that went bad in the store does not get into a bundle.
    let blob = shop.path("pulled/blobs/sha256").join(first.layer.hex());
    std::fs::write(&blob, b"FIRST").unwrap();
    let outcome = shop.run(CARRY);
    assert!(outcome.code != Some(0) && !shop.path("pulled-1.sealift").exists(), "{}", outcome.shown());
    // Locking takes up the new image.
    let outcome = shop.done(LOCK);
    assert!(outcome.out.contains("written, 1 item, sequence 2"), "{}", outcome.out);
    assert!(lock_text(&shop).contains(&second.manifest.to_string()));
}
