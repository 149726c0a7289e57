//! Bundles that live in a registry: byte for byte the file that was published, and nothing when something is wrong.

use super::engine::PODMAN;
use super::front::Front;
use super::load::{Carried, LOAD, PACK, carried, log_in};
use super::pull::LOCK;
use super::real::{Door, PASSWORD, Real};
use crate::cli::Shop;
use sealift_bundle::value::digest::Digest;
use serde_json::Value;

const PUBLISH: &str = "sealift publish --trust root.json";
const PULL: &str = "rm -rf back; sealift pull --trust root.json -o back";

/// Publishes with `--json` and gives back what it says.
fn published(shop: &Shop, bundle: &str, to: &str) -> Value {
    let outcome = shop.done(&format!("{PUBLISH} --json {bundle} {to}"));
    let line = outcome.out.lines().find(|line| line.contains("\"published\"")).unwrap();
    serde_json::from_str(line).unwrap()
}

/// The file of a blob in the data of a registry.
fn blob_file(site: &Real, digest: &str) -> std::path::PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    site.path(&format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
}

/// Packs the next version, with one document changed or none.
fn next_version(carried: &Carried, document: Option<&str>) {
    let shop = &carried.shop;
    shop.done("sed -i 's/^version = \"1\"/version = \"2\"/' pulled.toml");
    if let Some(text) = document {
        std::fs::write(shop.path("docs/readme.md"), text).unwrap();
    }
    shop.done(LOCK);
    shop.done(PACK);
}

fn there_and_back(door: Door) {
    let (carried, mut site, other) = (carried(""), Real::new(), Real::new());
    let shop = &carried.shop;
    let host = if door == Door::Open { site.open.clone() } else { site.start(door) };
    let mut flags = String::new();
    if door == Door::Tls {
        log_in(shop, &host, PASSWORD);
        std::fs::copy(site.path("ca.crt"), shop.path("ca.crt")).unwrap();
        flags = "--authfile auth.json --ca-cert ca.crt".to_owned();
    }
    let address = format!("oci://{host}/bundles/pulled");
    let outcome = shop.done(&format!("{PUBLISH} pulled-1.sealift {address} {flags}"));
    assert!(outcome.out.starts_with(&format!("{address}:1\n")), "{}", outcome.out);
    shop.done(&format!("sealift verify --deep {address}:1 --trust root.json {flags}"));
    shop.done(&format!("{PULL} {address}:1 {flags}; cmp pulled-1.sealift back/pulled-1.sealift"));
    assert_eq!(shop.done("ls -A back").out, "pulled-1.sealift\n");
    shop.done(&format!(
        "sealift unpack {address}:1 --trust root.json --to far {flags}
         sealift unpack pulled-1.sealift --trust root.json --to near
         diff -r far near"
    ));
    let again = shop.done(&format!("{PUBLISH} pulled-1.sealift {address} {flags}"));
    assert!(again.out.contains("sent       0 blobs, 0 B;"), "{}", again.out);
    if door == Door::Open {
        let load = LOAD.replace("pulled-1.sealift", &format!("{address}:1"));
        shop.done(&format!("{load} {}", other.open));
        let raw = shop.done(&format!(
            "skopeo inspect --raw --tls-verify=false docker://{}/tools/hello:1 > seen",
            other.open
        ));
        assert_eq!((Digest::of(&shop.read("seen")), raw.code), (carried.hello.root, Some(0)));
        // An image of the bundle, as an image.
        let image = format!("{host}/bundles/pulled@{}", carried.hello.root);
        shop.done(&format!("{PODMAN} pull --tls-verify=false {image}"));
        assert_eq!(shop.done(&format!("{PODMAN} run {image}")).out, "hello from hello\n");
    }
}

#[test]
fn there_and_back_in_the_open() {
    there_and_back(Door::Open);
}

#[test]
fn there_and_back_with_tls_and_a_password() {
    there_and_back(Door::Tls);
}

#[test]
fn the_next_bundle_sends_only_what_is_new() {
    let (carried, site) = (carried(""), Real::new());
    let (shop, front) = (&carried.shop, Front::noting(&site.open));
    let address = format!("oci://{}/bundles/pulled", front.host);
    let first = published(shop, "pulled-1.sealift", &address);
    front.forget();
    next_version(&carried, Some("read me again\n"));
    let second = published(shop, "pulled-2.sealift", &address);
    // The inventory and the content of one tree.
    assert_eq!((second["sent"].as_u64(), first["index"] == second["index"]), (Some(2), false), "{second}");
    for blob in carried.hello.content.blobs.keys().chain(carried.greeter.content.blobs.keys()) {
        let empty = *blob == Digest::of(b"{}");
        assert!(empty || front.count("PUT", &blob.to_string()) == 0, "{blob}");
    }
    let sent: usize = front.asked().iter().map(|asked| asked.len()).sum();
    let size = std::fs::metadata(shop.path("pulled-2.sealift")).unwrap().len();
    assert!((sent as u64) < size / 4, "{sent} of {size}");
    for version in [1, 2] {
        let name = format!("pulled-{version}.sealift");
        shop.done(&format!("{PULL} {address}:{version}; cmp {name} back/{name}"));
    }
}

#[test]
fn two_versions_of_the_same_content() {
    let (carried, site) = (carried(""), Real::new());
    let shop = &carried.shop;
    let address = format!("oci://{}/bundles/pulled", site.open);
    let first = published(shop, "pulled-1.sealift", &address);
    next_version(&carried, None);
    let second = published(shop, "pulled-2.sealift", &format!("{address}:two"));
    assert_eq!(first["index"], second["index"]);
    assert_ne!(first["seal"], second["seal"]);
    for (tag, name) in [("1", "pulled-1.sealift"), ("two", "pulled-2.sealift")] {
        shop.done(&format!("{PULL} {address}:{tag}; cmp {name} back/{name}"));
    }
    let index = first["index"].as_str().unwrap();
    let outcome = shop.fails(&format!("{PULL} {address}@{index}"), 3, "registry.content");
    assert!(outcome.err.contains("several seals; name the tag"), "{}", outcome.err);
}

#[test]
fn packed_into_a_registry() {
    let (carried, site) = (carried(""), Real::new());
    let (shop, address) = (&carried.shop, format!("oci://{}/bundles/pulled", site.open));
    shop.done("mv pulled-1.sealift before");
    shop.done(&format!("{} -o {address} <<<pw", PACK.trim_end_matches("<<<pw")));
    shop.done(&format!("{PULL} {address}:1; sealift verify back/pulled-1.sealift --trust root.json --deep"));
    assert_eq!(shop.run("ls | grep -c '[.]sealift$'").out, "0\n");
}

#[test]
fn what_is_no_bundle_leaves_nothing() {
    let (carried, site) = (carried(""), Real::new());
    let (shop, repository) = (&carried.shop, format!("oci://{}/bundles/pulled", site.open));
    let address = format!("{repository}:1");
    let done = published(shop, "pulled-1.sealift", &repository);
    site.push("tools/hello", &carried.hello.content);
    let nothing = |from: &str, exit: i32, code: &str, words: &[&str]| {
        for command in
            [PULL, "sealift unpack --trust root.json --to back", "sealift verify --trust root.json"]
        {
            let outcome = shop.fails(&format!("rm -rf back; {command} {from}"), exit, code);
            for word in words {
                assert!(outcome.err.contains(word), "{command}: no `{word}` in {}", outcome.err);
            }
            assert_eq!(shop.run("ls -A back 2>/dev/null").out, "", "{command} {from}");
        }
    };
    nothing(
        &format!("{repository}:2"),
        2,
        "registry.missing",
        &["has no manifest `2`", "check the spelling"],
    );
    nothing(
        &format!("oci://{}/nobody:1", site.open),
        2,
        "registry.missing",
        &["has no manifest `1` in `nobody`"],
    );
    let image = format!("oci://{}/tools/hello:1", site.open);
    nothing(&image, 3, "registry.content", &["nothing there is the seal of a bundle"]);
    let outcome = shop.fails(&format!("{PULL} {repository}"), 2, "cli.usage");
    assert!(outcome.err.contains("has no tag"), "{}", outcome.err);

    // Bytes that are not what they were: of a layer, of the seal.
    let seal = std::fs::read(blob_file(&site, done["seal"].as_str().unwrap())).unwrap();
    let seal: Value = serde_json::from_slice(&seal).unwrap();
    let member = |name: &str| {
        let layers = seal["layers"].as_array().unwrap().iter();
        let found = layers.filter(|layer| layer["annotations"]["org.opencontainers.image.title"] == name);
        found.map(|layer| layer["digest"].as_str().unwrap().to_owned()).next().unwrap()
    };
    let largest = carried.hello.content.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    for (blob, code) in [
        (largest.0.to_string(), "bundle.digest"),
        (member("seal/bundle.dsse.json"), "seal.signature"),
        (member("seal/SHA256SUMS"), "bundle.digest"),
    ] {
        let path = blob_file(&site, &blob);
        let sound = std::fs::read(&path).unwrap();
        let mut bytes = sound.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let outcome = shop.run(&format!("{PULL} {address}"));
        assert_eq!(outcome.code, Some(3), "{blob} {code} {}", outcome.shown());
        assert_eq!(shop.run("ls -A back").out, "", "{blob}");
        std::fs::remove_file(&path).unwrap();
        let outcome = shop.run(&format!("{PULL} {address}"));
        assert!(matches!(outcome.code, Some(1..=3)) && outcome.err.contains("next:"), "{}", outcome.shown());
        assert_eq!(shop.run("ls -A back").out, "", "{blob}");
        std::fs::write(&path, &sound).unwrap();
    }
    shop.done(&format!("{PULL} {address}"));

    let seal = done["seal"].as_str().unwrap();
    shop.done(&format!("curl -fsS -X DELETE http://{}/v2/bundles/pulled/manifests/{seal}", site.open));
    nothing(&address, 2, "registry.missing", &[seal]);
}
