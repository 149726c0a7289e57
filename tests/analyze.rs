//! What the content of a bundle is and may do, and its bill of materials.

use crate::cli::Shop;
use crate::diff::{layer, layout};
use sealift_bundle::format::oci::{OCI_INDEX, OCI_MANIFEST};
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0program";

/// A shop with `app-1.0.sealift`, which has an image of these layers.
fn shop(config: Value, layers: &[Vec<u8>]) -> Shop {
    let shop = Shop::new();
    layout(&shop.path("image"), config, layers);
    pack(&shop);
    shop
}

/// Packs the folder `image`.
fn pack(shop: &Shop) {
    let manifest = "[bundle]\nname = \"app\"\nscenario = \"office\"\nversion = \"1.0\"\n\n[[image]]\nname = \"app\"\n\
                    reference = \"registry.example.com/app:1\"\nlayout = \"image\"\n";
    std::fs::write(shop.path("app.toml"), manifest).unwrap();
    shop.done(
        "sealift lock app.toml --store store
        sealift pack app.toml --key packer.key --store store --passphrase-fd 0 <<<pw",
    );
}

/// An entry that is not a file: its header alone.
fn special(kind: tar::EntryType, path: &str, target: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_path(path).unwrap();
    if !target.is_empty() {
        header.set_link_name(target).unwrap();
    }
    header.set_cksum();
    archive.append(&header, std::io::empty()).unwrap();
    archive.into_inner().unwrap()
}

#[test]
fn a_analysis_tells_what_an_officer_asks() {
    let mut odd = special(tar::EntryType::Char, "dev/mem", "");
    odd.truncate(512);
    let mut link = special(tar::EntryType::Symlink, "etc/out", "../../etc/shadow");
    link.truncate(512);
    let below = layer(&[
        ("usr/bin/su", 0o4755, PROGRAM),
        ("usr/bin/run", 0o755, b"#!/usr/bin/env python3\n"),
        ("etc/app.env", 0o666, b"DB_PASSWORD=Tr0ub4dor-and-3\n"),
        ("etc/old.key", 0o600, b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBxCzx\n"),
        ("etc/Twin", 0o644, b"1"),
        ("etc/twin", 0o644, b"2"),
    ]);
    let above = [odd, link, layer(&[("etc/.wh.old.key", 0o644, b""), ("new", 0o644, b"3")])].concat();
    let config = json!({ "Entrypoint": ["/usr/bin/run"], "ExposedPorts": { "22/tcp": {} } });
    let shop = shop(config, &[below, above]);
    let shown = shop.done("sealift analyze app-1.0.sealift --trust root.json").out;
    for text in [
        "runs as     no user set, which is root",
        "starts      /usr/bin/run",
        "listens     22/tcp",
        "shadowed    1 of",
        "executable  1 ELF shared, 1 script for python3",
        "privilege.setuid         usr/bin/su (mode 4755, of user 0)",
        "privilege.world-writable etc/app.env",
        "privilege.device         dev/mem (character device 0, 0)",
        "name.twin                etc/twin (and etc/Twin)",
        "link.outside             etc/out (it leads to ../../etc/shadow)",
        "etc/app.env:1: it looks like a secret: `Tr0",
        "etc/old.key:1: it looks like a private key",
        // It begins like a program and is none.
        "usr/bin/su: it is not a valid executable",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    assert!(!shown.contains("Tr0ub4dor"), "{shown}");
    // Every entry of every layer, for programs.
    let json = shop.done("sealift analyze app-1.0.sealift --trust root.json --json").out;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "analysis");
    let paths: Vec<_> = lines[1..].iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), 10, "{paths:?}");
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let mut cut = layer(&[("a", 0o644, &[1; 2000])]);
    cut.truncate(1500);
    let shop = shop(json!({}), &[cut]);
    let shown = shop.done("sealift analyze app-1.0.sealift --trust root.json").out;
    assert!(
        shown.contains("not checked 1") && shown.contains("it ends in the middle of an entry"),
        "{shown}"
    );
    let bill = shop.run("sealift sbom app-1.0.sealift --trust root.json");
    assert!(bill.err.contains("1 part not analyzed"), "{}", bill.shown());
    let bill: Value = serde_json::from_str(&bill.out).unwrap();
    let properties = bill["metadata"]["properties"].as_array().unwrap();
    assert!(properties.iter().any(|property| property["name"] == "sealift:not-checked"), "{properties:?}");
}

/// Name and version of each package that this machine has, as dpkg lists it.
fn installed() -> BTreeSet<(String, String)> {
    let listed = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n"])
        .output()
        .unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("ii") || line.starts_with("hi"));
    let words = lines.map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    words.map(|words| (words[1].clone(), words[2].clone())).collect()
}

#[test]
fn a_bill_names_what_dpkg_names() {
    let status = std::fs::read("/var/lib/dpkg/status").unwrap();
    let system = std::fs::read("/usr/lib/os-release").unwrap();
    let copyright = std::fs::read("/usr/share/doc/tar/copyright").unwrap_or_default();
    let shop = shop(
        json!({}),
        &[layer(&[
            ("var/lib/dpkg/status", 0o644, &status),
            ("usr/lib/os-release", 0o644, &system),
            ("usr/share/doc/tar/copyright", 0o644, &copyright),
        ])],
    );
    shop.done("sealift sbom app-1.0.sealift --trust root.json -o one.json");
    shop.done("sealift sbom app-1.0.sealift --trust root.json --threads 1 > two.json");
    let one = std::fs::read(shop.path("one.json")).unwrap();
    assert_eq!(one, std::fs::read(shop.path("two.json")).unwrap());
    let bill: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(bill["specVersion"], "1.6");
    let components = bill["components"].as_array().unwrap();
    let packages = components.iter().filter(|component| component["type"] == "library");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named: BTreeSet<_> =
        packages.clone().map(|one| (text(&one["name"]), text(&one["version"]))).collect();
    assert_eq!(named, installed());
    for package in packages {
        let purl = text(&package["purl"]);
        assert!(purl.starts_with("pkg:deb/debian/") && purl.contains("distro=debian-"), "{purl}");
    }
    let statement = bill["metadata"]["properties"][0]["value"].as_str().unwrap();
    let inspected = shop.done("sealift inspect app-1.0.sealift --trust root.json --json").out;
    assert!(inspected.contains(statement));
    // The same in SPDX: the bundle, the image, and the packages.
    let spdx = shop.done("sealift sbom app-1.0.sealift --trust root.json --format spdx").out;
    let spdx: Value = serde_json::from_str(&spdx).unwrap();
    assert_eq!(spdx["spdxVersion"], "SPDX-2.3");
    let purls = components.iter().filter(|component| component["type"] == "library").count();
    assert_eq!(spdx["packages"].as_array().unwrap().len(), purls + 2);
}

#[test]
fn a_text_that_is_too_large_to_search_is_named() {
    let text = b"PASSWORD=hunter2-of-mine\n".repeat((17 << 20) / 25);
    let shop = shop(json!({}), &[layer(&[("var/log/all.log", 0o644, &text), ("small", 0o644, b"x")])]);
    let shown = shop.done("sealift analyze app-1.0.sealift --trust root.json").out;
    let gap = "var/log/all.log: it is a text of more than 16 MiB, and was not searched for secrets\n";
    assert!(shown.contains("not checked 1\n") && shown.ends_with(gap), "{shown}");
}

/// A walk that went down every path would not come to an end.
#[test]
fn j08_indexes_that_name_each_other_often_are_walked_once() {
    let shop = Shop::new();
    let folder = shop.path("image");
    layout(&folder, json!({}), &[layer(&[("run", 0o755, b"#!/bin/sh\n")])]);
    let mut index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let notes = index["manifests"][0]["annotations"].take();
    index["manifests"][0].as_object_mut().unwrap().remove("annotations");
    let mut child = index["manifests"][0].clone();
    for _ in 0..3 {
        let named = |number: u32| {
            let mut child = child.clone();
            child["platform"] = json!({ "os": "linux", "architecture": format!("a{number}") });
            child
        };
        // The manifest is there once.
        let count = if child["mediaType"] == OCI_MANIFEST { 1 } else { 3000 };
        let text = json!({ "schemaVersion": 2, "manifests": (0..count).map(named).collect::<Vec<_>>() });
        let bytes = text.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        std::fs::write(folder.join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
        child = json!({ "mediaType": OCI_INDEX, "digest": digest, "size": bytes.len() });
    }
    child["annotations"] = notes;
    index["manifests"] = json!([child]);
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    pack(&shop);
    let shown = shop.done("sealift analyze app-1.0.sealift --trust root.json").out;
    assert_eq!(shown.matches("image app").count(), 1, "{shown}");
    assert!(shown.ends_with("everything was analyzed\n"), "{shown}");
}
