//! From one registry through a bundle into another, and what people do with the second one.

use super::engine::{Daemon, PODMAN};
use super::images::{digest, simple};
use super::pull::{LOCK, images, reference};
use super::real::{Door, PASSWORD, Real, USER};
use super::runnable::{Image, greeter, hello};
use crate::cli::{Outcome, Shop};
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};

pub const PACK: &str = "sealift pack pulled.toml --key packer.key --store pulled --passphrase-fd 0 <<<pw";
pub const LOAD: &str = "sealift load pulled-1.sealift --trust root.json -o settings --registry";

/// Two images that share a layer, a document and a configuration in a bundle.
pub struct Carried {
    pub shop: Shop,
    pub hello: Image,
    pub greeter: Image,
    /// Where they came from.
    pub source: Option<Real>,
    pub from: String,
}

pub fn carried(platforms: &str) -> Carried {
    let (real, shop) = (Real::new(), Shop::new());
    let (hello, greeter) = (hello(&shop), greeter(&shop));
    real.push("tools/hello", &hello.content);
    real.push("apps/greeter", &greeter.content);
    let from = real.open.clone();
    let trees =
        "\n\n[[doc]]\nname = \"handbook\"\npath = \"docs\"\n[[config]]\nname = \"server\"\npath = \"config\"";
    images(
        &shop,
        &[
            ("hello", format!("{}\n{platforms}", reference(&from, "tools/hello:1"))),
            ("greeter", reference(&from, "apps/greeter:2") + trees),
        ],
    );
    shop.done(LOCK);
    shop.done(PACK);
    Carried { shop, hello, greeter, source: Some(real), from }
}

/// Writes the file of credentials for a host.
pub fn log_in(shop: &Shop, host: &str, password: &str) {
    let script = format!("printf '{USER}:{password}' | base64 -w0");
    let auth = shop.done(&script).out;
    let file = json!({ "auths": { (host): { "auth": auth } } });
    std::fs::write(shop.path("auth.json"), file.to_string()).unwrap();
}

fn mapping(shop: &Shop) -> Value {
    serde_json::from_slice(&shop.read("settings/mapping.json")).unwrap()
}

/// The digest of what a name leads to, as skopeo sees it.
fn seen(shop: &Shop, flags: &str, name: &str) -> Digest {
    shop.done(&format!("skopeo inspect --raw {flags} docker://{name} > seen"));
    Digest::of(&shop.read("seen"))
}

fn at(host: &str, image: &Image, path: &str, tag: &str) -> [String; 2] {
    [format!("{host}/{path}:{tag}"), format!("{host}/{path}@{}", image.root)]
}

fn full_loop(door: Door) {
    let (carried, mut site) = (carried(""), Real::new());
    let shop = &carried.shop;
    let host = if door == Door::Open { site.open.clone() } else { site.start(door) };
    let (mut load, mut flags) = (format!("{LOAD} {host}"), "--tls-verify=false".to_owned());
    if door == Door::Tls {
        log_in(shop, &host, PASSWORD);
        std::fs::create_dir(shop.path("certificates")).unwrap();
        std::fs::copy(site.path("ca.crt"), shop.path("certificates/ca.crt")).unwrap();
        load += " --authfile auth.json --ca-cert certificates/ca.crt";
        flags = "--cert-dir certificates --authfile auth.json".to_owned();
    }
    shop.done("sealift verify pulled-1.sealift --trust root.json --deep");
    let outcome = shop.done(&load);
    assert!(outcome.out.contains("with 2 referrers"), "{}", outcome.out);
    for (image, path, tag, greeting) in [
        (&carried.hello, "tools/hello", "1", "hello from hello\n"),
        (&carried.greeter, "apps/greeter", "2", "hello from greeter\n"),
    ] {
        for name in at(&host, image, path, tag) {
            assert_eq!(seen(shop, &flags, &name), image.root, "{name}");
            shop.done(&format!("{PODMAN} podman rmi -af; pull {flags} {name}"));
            assert_eq!(shop.done(&format!("{PODMAN} run {name}")).out, greeting, "{name}");
        }
    }
    // What refers to the image: found by its tag, and by the list that this registry does not keep by itself.
    let (root, content) = (carried.hello.root, &carried.hello.content);
    let signature = content.tags[&format!("sha256-{}.sig", root.hex())];
    let repository = format!("{host}/tools/hello");
    assert_eq!(seen(shop, &flags, &format!("{repository}:sha256-{}.sig", root.hex())), signature);
    seen(shop, &flags, &format!("{repository}:sha256-{}", root.hex()));
    let listed: Value = serde_json::from_slice(&shop.read("seen")).unwrap();
    let listed = listed["manifests"].as_array().unwrap();
    assert!(listed.len() == 1 && listed[0]["artifactType"] == "application/spdx+json", "{listed:?}");
    assert_eq!(seen(shop, &flags, &format!("{repository}@{}", digest(&listed[0]))), digest(&listed[0]));

    let again = shop.done(&load);
    assert!(again.out.contains("pushed 0 blobs, 0 B;"), "{}", again.out);
    assert!(!again.out.contains("under this tag"), "{}", again.out);
    seen(shop, &flags, &format!("{repository}:sha256-{}", root.hex()));
    assert_eq!(serde_json::from_slice::<Value>(&shop.read("seen")).unwrap()["manifests"], json!(listed));
}

#[test]
fn from_registry_to_registry() {
    full_loop(Door::Open);
}

#[test]
fn from_registry_to_registry_with_tls_and_a_password() {
    full_loop(Door::Tls);
}

#[test]
fn settings_let_old_names_work() {
    let (mut carried, site) = (carried(""), Real::new());
    // What the images came from is out of reach.
    drop(carried.source.take());
    let (shop, from, host) = (&carried.shop, &carried.from, &site.open);
    shop.done(&format!("{LOAD} {host}/mirror/one"));
    let shown = shop.done(
        "cd settings; find . -type f | LC_ALL=C sort | while read -r file; do echo \"--- $file\"; cat \"$file\"; done",
    );
    let shown = [(&carried.hello.root, "<hello>"), (&carried.greeter.root, "<greeter>")]
        .into_iter()
        .fold(shown.out, |text, (digest, word)| text.replace(&digest.to_string(), word));
    let statement = mapping(shop)["statement"].as_str().unwrap().to_owned();
    let shown = shown.replace(from, "<from>").replace(host, "<site>").replace(&statement, "<statement>");
    snapbox::assert_data_eq!(shown, snapbox::file!["settings.txt"]);

    shop.done(&format!(
        "{PODMAN} cp settings/registries.conf podman/registries.conf
         pull {from}/tools/hello:1; pull {from}/apps/greeter@{}",
        carried.greeter.root
    ));
    let hello = format!("{from}/tools/hello:1");
    assert_eq!(shop.done(&format!("{PODMAN} run {hello}")).out, "hello from hello\n");
    let containerd = Daemon::containerd(shop);
    let ctr = "ctr -a $PWD/ctd.sock -n site";
    shop.done(&format!("{ctr} images pull --hosts-dir settings/containerd --snapshotter native {hello}"));
    let said = shop.done(&format!("{ctr} run --rm --snapshotter native {hello} one")).out;
    assert_eq!(said, "hello from hello\n");
    drop(containerd);
}

#[test]
fn an_index_that_is_not_whole() {
    let (carried, site) = (carried("platforms = [\"linux/amd64\"]"), Real::new());
    let (shop, host) = (&carried.shop, &site.open);
    let load = format!("{LOAD} {host}");
    let outcome = shop.fails(&load, 4, "registry.refused");
    for words in
        ["not pushed: the registry wants everything that the index lists", "1 of 2 images were not pushed"]
    {
        assert!(format!("{}{}", outcome.out, outcome.err).contains(words), "{}", outcome.shown());
    }
    let missed = &mapping(shop)["not_pushed"];
    assert!(missed[0]["name"] == "hello" && missed.as_array().unwrap().len() == 1, "{missed}");
    assert!(missed[0]["reason"].as_str().unwrap().contains("`--platform OS/ARCHITECTURE`"), "{missed}");
    let flags = "--tls-verify=false";
    assert_eq!(seen(shop, flags, &format!("{host}/apps/greeter:2")), carried.greeter.root);

    let outcome = shop.fails(&format!("{load} --platform linux/arm64"), 4, "registry.refused");
    assert!(outcome.out.contains("not pushed"), "{}", outcome.shown());
    let outcome = shop.done(&format!("{load} --platform linux/amd64"));
    assert!(
        outcome.out.contains(&format!("one platform of the index {}", carried.hello.root)),
        "{}",
        outcome.out
    );
    let arrived = seen(shop, flags, &format!("{host}/tools/hello:1"));
    let image = &mapping(shop)["images"][0];
    assert_eq!(image["digest"], arrived.to_string());
    assert_eq!(image["index"], carried.hello.root.to_string());
    shop.done(&format!("{PODMAN} pull {flags} {host}/tools/hello:1"));
    assert_eq!(shop.done(&format!("{PODMAN} run {host}/tools/hello:1")).out, "hello from hello\n");
}

#[test]
fn what_is_wanted_and_what_it_is_called() {
    let (carried, site) = (carried(""), Real::new());
    let (shop, from, host) = (&carried.shop, &carried.from, &site.open);
    let flags = "--tls-verify=false";
    shop.done(&format!("{LOAD} {host}/sub/folder --full-names --only greeter"));
    let name = format!("{host}/sub/folder/{}/apps/greeter:2", from.replace(':', "-"));
    assert_eq!(mapping(shop)["images"].as_array().unwrap().len(), 1);
    assert_eq!(mapping(shop)["images"][0]["to"], name);
    assert_eq!(seen(shop, flags, &name), carried.greeter.root);
    let outcome = shop.done(&format!("curl -s http://{host}/v2/_catalog"));
    assert!(!outcome.out.contains("hello"), "{}", outcome.out);
    let outcome = shop.fails(&format!("{LOAD} {host} --only nobody"), 2, "registry.name");
    assert!(outcome.err.contains("the bundle has no image `nobody`"), "{}", outcome.err);
    let outcome = shop.run(&format!("{LOAD} https://{host}"));
    assert!(outcome.code == Some(2) && outcome.err.contains("without `https://`"), "{}", outcome.err);

    // A tag that leads somewhere else is moved, and said so.
    let other = simple(b"other");
    site.push("apps/greeter", &{
        let mut content = other.content.clone();
        content.tags = [("2".to_owned(), other.manifest)].into();
        content
    });
    let outcome = shop.done(&format!("{LOAD} {host} --only greeter"));
    assert!(outcome.out.contains(&format!("replaced {} under this tag", other.manifest)), "{}", outcome.out);
    assert_eq!(mapping(shop)["images"][0]["replaced"], other.manifest.to_string());
}

#[test]
fn two_images_of_one_name() {
    let (one, two, site, shop) = (Real::new(), Real::new(), Real::new(), Shop::new());
    one.push("app", &simple(b"one").content);
    two.push("app", &simple(b"two").content);
    let named = |real: &Real| reference(&real.open, "app:1");
    images(&shop, &[("one", named(&one)), ("two", named(&two))]);
    shop.done(LOCK);
    shop.done(PACK);
    let outcome = shop.fails(&format!("{LOAD} {}", site.open), 2, "registry.name");
    let words = format!("`one` and `two` would both become `{}/app:1`", site.open);
    assert!(outcome.err.contains(&words) && outcome.err.contains("`--full-names`"), "{}", outcome.err);
    assert!(!shop.path("settings").exists());
    shop.done(&format!("{LOAD} {} --full-names", site.open));
    assert_eq!(mapping(&shop)["images"].as_array().unwrap().len(), 2);
}

#[test]
fn strangers() {
    let (carried, mut site) = (carried(""), Real::new());
    let shop = &carried.shop;
    let (password, tls) = (site.start(Door::Password), site.start(Door::Tls));
    std::fs::copy(site.path("ca.crt"), shop.path("ca.crt")).unwrap();
    let refused = |load: &str, exit: i32, code: &str, words: &[&str]| -> Outcome {
        let outcome = shop.fails(load, exit, code);
        for word in words {
            assert!(outcome.err.contains(word), "no `{word}` in {}", outcome.err);
        }
        assert!(
            !outcome.err.contains("0ther-than-this") && !shop.path("settings").exists(),
            "{}",
            outcome.err
        );
        outcome
    };
    refused(&format!("{LOAD} {password}"), 1, "registry.denied", &["401", "podman login"]);
    log_in(shop, &password, "0ther-than-this");
    let denied = ["401", "`pusher`", "podman login"];
    refused(&format!("{LOAD} {password} --authfile auth.json"), 1, "registry.denied", &denied);
    log_in(shop, &tls, PASSWORD);
    let unknown = ["ertificate", "`--ca-cert FILE`"];
    refused(&format!("{LOAD} {tls} --authfile auth.json"), 1, "registry.failed", &unknown);
    let missing = format!("{LOAD} {tls} --authfile auth.json --ca-cert nowhere.pem");
    refused(&missing, 2, "registry.certificates", &["nowhere.pem", "next: pass a PEM file"]);
    std::fs::write(shop.path("auth.json"), "{").unwrap();
    let damaged = format!("{LOAD} {password} --authfile auth.json");
    refused(&damaged, 2, "registry.credentials", &["auth.json"]);
    assert!(!site.path("data/docker/registry/v2/blobs").exists());
}
