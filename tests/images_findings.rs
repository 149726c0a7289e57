//! What sealift judges of an image is what engines run.

use crate::cli::Shop;
use crate::diff::{layer, layout};
use sealift_audit::analysis::config::ImageConfig;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

/// Puts the bundle of a vector into a shop, with the root that it is sealed under.
fn vector(shop: &Shop, name: &str) -> String {
    let bytes = std::fs::read(format!("tests/vectors/{name}.sealift-vector")).unwrap();
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let dictionary = std::fs::read("tests/vectors/dictionary.sealift").unwrap();
    let mut bundle = Vec::new();
    zstd::Decoder::with_dictionary(&bytes[end + 2..], &dictionary).unwrap().read_to_end(&mut bundle).unwrap();
    std::fs::write(shop.path(format!("{name}.sealift")), bundle).unwrap();
    std::fs::copy("tests/vectors/roots/one.json", shop.path("one.json")).unwrap();
    format!("{name}.sealift --trust one.json")
}

const MANIFEST: &str = "[bundle]\nname = \"app\"\nscenario = \"office\"\nversion = \"1.0\"\n\n[[image]]\nname = \"app\"\n\
                    reference = \"registry.example.com/app:1\"\nlayout = \"image\"\n";

/// A shop with the folder `image`, an OCI layout of one image, and a manifest that takes it.
fn shop(config: Value, layers: &[Vec<u8>]) -> Shop {
    let shop = Shop::new();
    layout(&shop.path("image"), config, layers);
    std::fs::write(shop.path("app.toml"), MANIFEST).unwrap();
    shop
}

const LOCK: &str = "sealift lock app.toml --store store";

fn pack(shop: &Shop) {
    shop.done(&format!(
        "{LOCK}\nsealift pack app.toml --key packer.key --store store --passphrase-fd 0 <<<pw"
    ));
}

/// Changes the manifest and the configuration of the layout, and everything that names them.
fn rewrite(shop: &Shop, manifest: impl Fn(String) -> String, config: impl Fn(String) -> String) {
    let folder = shop.path("image");
    let blob = |digest: &str| folder.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    let put = |text: &str| {
        let digest = Digest::of(text.as_bytes()).to_string();
        std::fs::write(blob(&digest), text).unwrap();
        (digest, text.len())
    };
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mut index: Value = serde_json::from_str(&read(&folder.join("index.json"))).unwrap();
    let text = read(&blob(index["manifests"][0]["digest"].as_str().unwrap()));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let (digest, size) = put(&config(read(&blob(document["config"]["digest"].as_str().unwrap()))));
    document["config"]["digest"] = json!(digest);
    document["config"]["size"] = json!(size);
    let (digest, size) = put(&manifest(document.to_string()));
    index["manifests"][0]["digest"] = json!(digest);
    index["manifests"][0]["size"] = json!(size);
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

fn change<'a>(from: &'a str, to: &'a str) -> impl Fn(String) -> String + 'a {
    move |text| {
        assert!(text.contains(from), "{from}: {text}");
        text.replacen(from, to, 1)
    }
}

#[test]
fn f_sec_09_lock_refuses_an_image_that_engines_read_differently() {
    let user = json!({ "User": "1000", "Labels": { "Maintainer": "a", "maintainer": "b" } });
    let shop = shop(user, &[layer(&[("app", 0o755, b"good")])]);
    shop.done(LOCK);
    let same = |text: String| text;
    rewrite(&shop, same, change(r#""User":"1000""#, r#""User":"1000","user":"0""#));
    let refused = shop.fails(LOCK, 3, "bundle.image");
    assert!(refused.shown().contains("ambiguous key `user`"), "{}", refused.shown());

    rewrite(&shop, same, change(r#","user":"0""#, ""));
    shop.done(LOCK);
    let index = std::fs::read_to_string(shop.path("image/index.json")).unwrap();
    std::fs::write(shop.path("image/index.json"), index.replacen('{', r#"{"Manifests":[],"#, 1)).unwrap();
    let refused = shop.run(LOCK);
    assert!(refused.shown().contains("ambiguous key `Manifests`"), "{}", refused.shown());
    std::fs::write(shop.path("image/index.json"), index).unwrap();
    rewrite(&shop, change(r#""layers":"#, r#""Layers":[],"layers":"#), same);
    let refused = shop.run(LOCK);
    assert!(refused.shown().contains("ambiguous key `Layers`"), "{}", refused.shown());
}

#[test]
fn f_fmt_3_1_no_command_takes_a_bundle_that_engines_read_differently() {
    let shop = Shop::new();
    std::fs::write(
        shop.path("p.toml"),
        "[policy]\nname = \"p\"\n[content]\nimage = [\"root-user\"]\nunread = \"allow\"\n",
    )
    .unwrap();
    for name in [
        "document-key-case",
        "document-key-long-s",
        "config-key-case",
        "config-key-long-s",
        "config-not-utf8",
    ] {
        let bundle = vector(&shop, name);
        for command in [
            format!("sealift verify {bundle}"),
            format!("sealift verify --deep {bundle}"),
            format!("sealift analyze {bundle}"),
            format!("sealift policy check {bundle} --policy p.toml"),
            format!("sealift sbom {bundle}"),
            format!("sealift unpack {bundle} --to out"),
            format!("sealift load {bundle} --registry 127.0.0.1:1 --plain-http 127.0.0.1:1"),
        ] {
            let refused = shop.run(&command);
            assert!(refused.is("bundle.image"), "{command}: {}", refused.shown());
        }
        assert!(!shop.path("out").exists());
    }
    let bundle = vector(&shop, "ok-document-maps");
    shop.done(&format!("sealift verify --deep {bundle} && sealift analyze {bundle}"));
}

#[test]
fn f_sec_10_root_is_root_in_every_spelling() {
    let user = |user: &str| {
        let config = json!({ "os": "linux", "architecture": "amd64", "config": { "User": user } });
        ImageConfig::parse(Digest::of(b""), config.to_string().as_bytes()).unwrap().runs_as_root()
    };
    for root in [
        "",
        "0",
        "root",
        "00",
        "0000",
        "+0",
        "-0",
        "+00",
        "0:0",
        "00:1",
        "+0:users",
        "root:1000",
        ":1000",
        "-1",
        "4294967296",
        "4294967296:4294967296",
        "2147483648",
        "99999999999999999999",
    ] {
        assert!(user(root), "{root}");
    }
    for other in
        ["1", "01", "+1", "1000:0", "2147483647", "nobody", "root2", "0x0", "0o0", "1_0", "+", "-", "٠"]
    {
        assert!(!user(other), "{other}");
    }
}

#[test]
fn f_sec_10_a_policy_refuses_root_in_another_spelling() {
    let shop = shop(json!({ "User": "00:1" }), &[layer(&[("app", 0o755, b"x")])]);
    pack(&shop);
    std::fs::write(
        shop.path("p.toml"),
        "[policy]\nname = \"p\"\n[content]\nimage = [\"root-user\"]\nunread = \"allow\"\n",
    )
    .unwrap();
    let check = "sealift policy check app-1.0.sealift --trust root.json --policy p.toml";
    let refused = shop.fails(check, 4, "policy.violated");
    assert!(refused.shown().contains("content.root-user"), "{}", refused.shown());
}

#[test]
fn f_sec_10_a_policy_refuses_a_name_that_the_image_gives_to_root() {
    let users = b"root:x:0:0::/:\napp:x:1000:1000\ntoor:x:00:0\nbroken:x\napp:x:0:0\nlate:x:7:7\n";
    let below = layer(&[("etc/passwd", 0o644, b"late:x:0:0\n")]);
    let above = layer(&[("etc/passwd", 0o644, users)]);
    let policy = "[policy]\nname = \"p\"\n[content]\nimage = [\"root-user\"]\nunread = \"allow\"\n";
    let shop = Shop::new();
    for (user, exit) in [("toor", 4), ("broken:1000", 4), ("app", 0), ("late", 0), ("nobody", 0)] {
        let _ = std::fs::remove_dir_all(shop.path("image"));
        let _ = std::fs::remove_file(shop.path("app-1.0.sealift"));
        layout(&shop.path("image"), json!({ "User": user }), &[below.clone(), above.clone()]);
        std::fs::write(shop.path("app.toml"), MANIFEST).unwrap();
        std::fs::write(shop.path("p.toml"), policy).unwrap();
        pack(&shop);
        let check = "sealift policy check app-1.0.sealift --trust root.json --policy p.toml";
        let outcome = shop.run(check);
        assert_eq!(outcome.code, Some(exit), "{user}: {}", outcome.shown());
    }
}

#[test]
fn f_sec_11_a_flood_of_what_is_allowed_hides_nothing_that_is_forbidden() {
    let names: Vec<String> = (0..10_050).map(|number| format!("a/{number:06}\u{7}")).collect();
    let mut files: Vec<(&str, u32, &[u8])> =
        names.iter().map(|name| (name.as_str(), 0o666, b"".as_slice())).collect();
    files.push(("usr/bin/zz", 0o4755, b"\x7fELF"));
    let mut flood = layer(&files);
    flood.truncate(flood.len() - 1024);
    let mut archive = tar::Builder::new(flood);
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    archive.append_link(&mut link, "zzz", "../../../etc/shadow").unwrap();
    let mut device = tar::Header::new_ustar();
    device.set_entry_type(tar::EntryType::Char);
    device.set_size(0);
    device.set_device_major(1).unwrap();
    device.set_device_minor(1).unwrap();
    archive.append_data(&mut device, "dev/mem", std::io::empty()).unwrap();
    let shop = shop(json!({ "User": "1000" }), &[archive.into_inner().unwrap()]);
    pack(&shop);
    for forbidden in ["setuid", "device", "outside"] {
        let policy =
            format!("[policy]\nname = \"p\"\n[content]\nimage = [\"{forbidden}\"]\nunread = \"allow\"\n");
        std::fs::write(shop.path("p.toml"), policy).unwrap();
        let check = "sealift policy check app-1.0.sealift --trust root.json --policy p.toml";
        let refused = shop.fails(check, 4, "policy.violated");
        assert!(refused.shown().contains(&format!("content.{forbidden}")), "{}", refused.shown());
    }
    // What is not listed is said, by kind.
    let said = shop.done("sealift analyze app-1.0.sealift --trust root.json --json").out;
    assert!(said.contains("more anomalies of `privilege.world-writable`"), "{said:.2000}");
    assert!(said.contains("more anomalies of `name.control`"), "{said:.2000}");
}

#[test]
fn f_sec_21_json_for_programs_has_no_characters_that_deceive() {
    let evil = "\u{9b}2J\u{202e}\u{200b}\u{7f}end";
    let file = format!("bin/{evil}");
    let package = format!("{{\"name\":\"n{evil}\",\"version\":\"1\"}}");
    let config = json!({ "User": evil, "Labels": { evil: evil }, "Env": [format!("A={evil}")] });
    let layer =
        layer(&[(&file, 0o4755, b"\x7fELF"), ("app/node_modules/x/package.json", 0o644, package.as_bytes())]);
    let shop = shop(config, &[layer]);
    pack(&shop);
    let bundle = "app-1.0.sealift --trust root.json";
    let mut told = 0;
    for command in [
        format!("sealift analyze {bundle} --json"),
        format!("sealift diff app-1.0.sealift {bundle} --json"),
        format!("sealift report {bundle} --json"),
        format!("sealift sbom {bundle}"),
        format!("sealift sbom {bundle} --format spdx"),
    ] {
        let out = shop.done(&command).out;
        let deceives = |c: char| c != '\n' && sealift_bundle::value::printable::is_deceptive(c);
        assert!(!out.chars().any(deceives), "{command}: {out:?}");
        let values = serde_json::Deserializer::from_str(&out).into_iter::<Value>();
        told += values.filter(|value| holds(value.as_ref().unwrap(), evil)).count();
    }
    assert!(told >= 3, "the content is the same: {told}");
    // Errors are for programs as well.
    let failed = shop.run(&format!("sealift verify '{evil}.sealift' --trust root.json --json"));
    assert!(failed.out.contains("\\u202e") && !failed.out.contains('\u{202e}'), "{}", failed.out);
}

fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.contains(wanted),
        Value::Array(all) => all.iter().any(|one| holds(one, wanted)),
        Value::Object(all) => all.iter().any(|(key, one)| key.contains(wanted) || holds(one, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(feature = "registry")]
mod pulled {
    use crate::registry::images::{Content, OCI_GZIP, digest, with};
    use crate::registry::scripted::{Bench, Reply, Scripted};
    use sealift_bundle::format::oci;
    use serde_json::{Value, json};

    const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

    #[test]
    fn f_field_17_what_an_index_lists_of_an_unknown_type_is_withheld() {
        let mut content = Content::default();
        let layer = content.blob(OCI_GZIP, b"layer");
        let amd64 = content.manifest("amd64", &[layer], json!({}));
        let amd64 = with(amd64, json!({ "platform": { "os": "linux", "architecture": "amd64" } }));
        let artifact = content.blob(ARTIFACT, b"{}");
        // It names a platform as well, which the image does not have because of that.
        let artifact = with(artifact, json!({ "platform": { "os": "linux", "architecture": "s390x" } }));
        let index = content.index(&[amd64.clone(), artifact.clone()]);
        content.tag(&index, "1");
        let server = Scripted::new(content, |_, _| None);
        let reference = format!("reference = \"{}/app:1\"", server.host);
        for keys in ["", "\nplatforms = [\"linux/amd64\"]"] {
            let lock = Bench::new().lock_with(&format!("{reference}{keys}")).unwrap();
            assert_eq!(lock.image[0].withheld, [digest(&artifact)]);
            assert!(lock.image[0].blobs.iter().any(|blob| blob.digest == digest(&amd64)));
        }
        let missing =
            Bench::new().lock_with(&format!("{reference}\nplatforms = [\"linux/s390x\"]")).unwrap_err();
        assert!(missing.contains("linux/s390x"), "{missing}");
        assert!(server.asked_for(&digest(&artifact).to_string()).is_empty());
    }

    #[test]
    fn f_field_17_a_referrer_of_an_unknown_type_stays_and_the_lock_says_so() {
        let mut content = Content::default();
        let layer = content.blob(OCI_GZIP, b"layer");
        let image = content.manifest("amd64", &[layer], json!({}));
        content.tag(&image, "1");
        let artifact = content.blob(ARTIFACT, b"{}");
        let subject = digest(&image);
        let server = Scripted::new(content, move |asked, _| {
            let list: &[&Value] =
                if asked.path.ends_with(&format!("/referrers/{subject}")) { &[&artifact] } else { &[] };
            let index = json!({ "schemaVersion": 2, "mediaType": oci::OCI_INDEX, "manifests": list });
            let head = format!("Content-Type: {}", oci::OCI_INDEX);
            asked.path.contains("/referrers/").then(|| Reply::new(200, &head, index.to_string().as_bytes()))
        });
        let lock = Bench::new().lock(&server, "app:1").unwrap();
        assert!(lock.image[0].referrers.is_empty());
        let origin = &lock.image[0].head.origin;
        assert!(origin.ends_with(", without 1 referrer of an unknown media type"), "{origin}");
    }

    #[test]
    fn f_fmt_3_10_a_manifest_that_an_index_lists_with_two_sizes_is_not_pulled() {
        let mut content = Content::default();
        let layer = content.blob(OCI_GZIP, b"layer");
        let one = content.manifest("amd64", &[layer], json!({}));
        let size = one["size"].as_u64().unwrap();
        let other = with(one.clone(), json!({ "size": size + 1 }));
        let index = content.index(&[one, other]);
        content.tag(&index, "1");
        let server = Scripted::new(content, |_, _| None);
        let refused = Bench::new().lock(&server, "app:1").unwrap_err();
        assert!(
            refused.contains(&format!("it has {size} bytes, and an index says {}", size + 1)),
            "{refused}"
        );
    }
}
