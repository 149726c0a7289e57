//! What changed from one to the other, as somebody sees who approved the first last month and gets the second now.

use crate::cli::Shop;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::path::Path;

const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0program";

/// An archive of these files.
pub fn layer(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// An OCI layout with one image of these layers.
pub fn layout(folder: &Path, config: Value, layers: &[Vec<u8>]) {
    std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(folder.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        (digest, bytes.len())
    };
    let kind = |of: &str| format!("application/vnd.oci.image.{of}");
    let blob = |of: &str, bytes: &[u8]| {
        let (digest, size) = put(bytes);
        json!({ "mediaType": kind(of), "digest": digest, "size": size })
    };
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind("manifest.v1+json"),
        "config": blob("config.v1+json", config.to_string().as_bytes()),
        "layers": layers.iter().map(|layer| blob("layer.v1.tar", layer)).collect::<Vec<_>>(),
    });
    let mut root = blob("manifest.v1+json", manifest.to_string().as_bytes());
    root["annotations"] = json!({ "org.opencontainers.image.ref.name": "registry.example.com/app:1" });
    let index = json!({ "schemaVersion": 2, "manifests": [root] });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn status(packages: &[(&str, &str)]) -> Vec<u8> {
    let one = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n")
    };
    packages.iter().map(one).collect::<String>().into_bytes()
}

const SETTINGS: &str = "listen = 8065\nsite_url = https://chat.example.com\ndb_password = \"Tr0ub4dor-and-3\"\nlog = info\nlocale = en\n";

/// A shop with `app-1.0.sealift` and `app-1.1.sealift`, and the locks of both.
fn shop() -> Shop {
    let shop = Shop::new();
    let base = |packages: &[(&str, &str)]| {
        layer(&[
            ("usr/bin/su", 0o4755, PROGRAM),
            ("usr/bin/app", 0o755, &[PROGRAM, packages[0].1.as_bytes()].concat()),
            ("var/lib/dpkg/status", 0o644, &status(packages)),
        ])
    };
    let old = json!({ "User": "app", "Entrypoint": ["/usr/bin/app"], "Env": ["MODE=safe", "TZ=UTC"] });
    let packages = [("curl", "7.88.1-10"), ("openssl", "3.0.13-1"), ("tar", "1.34"), ("vim", "9.0")];
    layout(&shop.path("image-1.0"), old, &[base(&packages)]);
    let new = json!({
        "Entrypoint": ["/usr/bin/app"], "Cmd": ["--shell"], "Env": ["MODE=fast", "TZ=UTC"],
        "ExposedPorts": { "22/tcp": {} },
    });
    let packages = [("curl", "7.88.1-11"), ("nmap", "7.93"), ("openssl", "3.0.11-1"), ("tar", "1.34")];
    let extra = layer(&[("usr/bin/backdoor", 0o4755, b"#!/bin/sh\n"), ("opt/shared", 0o666, b"x")]);
    layout(&shop.path("image-1.1"), new, &[base(&packages), extra]);
    for (version, settings, guide) in [
        ("1.0", SETTINGS.to_owned(), "guide/install.md"),
        ("1.1", SETTINGS.replace("info", "debug").replace("Tr0ub4dor", "c0rrect-h0rse"), "guide/setup.md"),
    ] {
        for (path, content) in [
            ("server/app.conf", settings.as_str()),
            ("server/logo.png", if version == "1.0" { "\u{89}PNG\0one" } else { "\u{89}PNG\0two" }),
            (&format!("docs/{guide}"), "# Install\n"),
        ] {
            let path = shop.path(format!("{version}/{path}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let more = if version == "1.1" { "[[doc]]\nname = \"extra\"\npath = \"docs\"\n" } else { "" };
        let sequence = if version == "1.0" { 1 } else { 2 };
        let manifest = format!(
            "[bundle]\nname = \"app\"\nscenario = \"air-gapped\"\nversion = \"{version}\"\nsequence = {sequence}\n\n\
             [[image]]\nname = \"app\"\nlayout = \"image-{version}\"\n\n[[config]]\nname = \"server\"\n\
             path = \"{version}/server\"\n\n[[doc]]\nname = \"handbook\"\npath = \"{version}/docs\"\n\n{more}\
             [[accept]]\nfinding = \"content.secret\"\nabout = \"server/app.conf\"\nbecause = \"it shows how lines are masked\"\n"
        );
        std::fs::write(shop.path(format!("app-{version}.toml")), manifest).unwrap();
        shop.done(&format!(
            "sealift lock -q app-{version}.toml --store store
             sed -i 's/^created = .*/created = \"2026-11-0{sequence}T00:00:00Z\"/' app-{version}.lock.toml
             sealift pack -q app-{version}.toml --key packer.key --store store --passphrase-fd 0 <<<pw"
        ));
    }
    shop
}

/// A site with `app-1.0` in use, and its receipt and request.
fn with_site(shop: &Shop) {
    shop.done(
        "sealift key new office --passphrase-fd 0 <<<pw
         sealift site init site --trust root.json --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\" --scenario air-gapped --key office.pub
         sealift install site app-1.0.sealift
         sealift receipt new site --key office.key --passphrase-fd 0 <<<pw
         sealift request new site --key office.key --passphrase-fd 0 <<<pw",
    );
}

#[test]
fn an_approver_sees_what_matters_first() {
    let shop = shop();
    let outcome =
        shop.fails("sealift diff app-1.0.sealift app-1.1.sealift --trust root.json", 4, "diff.different");
    snapbox::assert_data_eq!(
        outcome.shown(),
        snapbox::str![[r#"
exit 4
--- stdout
from  app-1.0.sealift (a bundle, app-1.0 of <time>, statement <hex>)
to    app-1.1.sealift (a bundle, app-1.1 of <time>, statement <hex>)

rights: 5 gained, 0 with other content, 0 lost
  ! runs as root: app -> root, as no user is named  in app
  ! setuid usr/bin/backdoor: root  in app
  ! world-writable opt/shared: file  in app
  ! port: 22/tcp  in app
  ! starts: /usr/bin/app -> /usr/bin/app --shell  in app

executables: 1 new, 1 changed
  + usr/bin/backdoor  script  in app
  ~ usr/bin/app  ELF shared  in app

secrets and anomalies: 1 new, 1 gone
  ! content.secret app.conf: it looks like a secret: `c0rr..` of 19 characters  in server
  - content.secret app.conf: it looks like a secret: `Tr0..` of 15 characters  in server

same tag, new digest
  ! app registry.example.com/app:1: <hex> -> <hex>

packages: 1 down, 1 new, 1 up, 1 gone
  ! DOWN deb openssl 3.0.13-1 -> 3.0.11-1  in app
  + deb nmap amd64 7.93  in app
  ~ deb curl 7.88.1-10 -> 7.88.1-11  in app
  - deb vim amd64 9.0  in app

the bundle
  ~ version: 1.0 -> 1.1
  ~ sequence: 1 -> 2
  ~ created: <time> -> <time>
  ~ lock: sha256:<hex> -> sha256:<hex>

items: 1 new, 3 changed
  + doc extra  path docs  <size>
  ~ image app: <hex> -> <hex>  <size> -> <size> (+<size>)
      ~ origin: layout image-1.0 -> layout image-1.1
  ~ doc handbook: <hex> -> <hex>
      ~ origin: path 1.0/docs -> path 1.1/docs
  ~ config server: <hex> -> <hex>  <number> B -> <number> B (+4 B)
      ~ origin: path 1.0/server -> path 1.1/server

how images are started
  ~ environment MODE: safe -> fast  in app

server/app.conf: 2 lines added, 2 removed
  @ line 1 -> 1
    listen = <number>
    site_url = https://chat.example.com
  - (not shown: it looks like a secret)
  - log = info
  + (not shown: it looks like a secret)
  + log = debug
    locale = en

server/logo.png: no text, so no lines to compare

layers of app: 0 as before
  + layer <hex>  <size>
  + layer <hex>  <size>
  - layer <hex>  <size>

files of handbook: 1 moved
  > guide/setup.md, before `guide/install.md`

files of server: 2 changed
  ~ app.conf  105 B -> 110 B (+5 B)
  ~ logo.png  other content

files of app: 2 new, 2 changed
  2 paths of these from layer <hex>
  2 paths of these from layer <hex>

sizes
  all items: <size> -> <size> (+<size>)
  blobs of images: 0 in both (0 B), 4 only in the second (<size>), 3 only in the first (<size>)

not compared
  ? usr/bin/app (layer <hex>) in `app-1.0.sealift`: it is not a valid executable: Invalid ELF header size or alignment
  ? usr/bin/app (layer <hex>) in `app-1.1.sealift`: it is not a valid executable: Invalid ELF header size or alignment

different
--- stderr
error[diff.different]: inputs differ
  next: review the differences; `--all` shows every list in full
  more: sealift explain diff.different

"#]]
    );
    assert!(!outcome.out.contains("Tr0ub") && !outcome.out.contains("c0rrect"), "{}", outcome.out);
    let again = shop.run("sealift diff app-1.0.sealift app-1.1.sealift --trust root.json --threads 1");
    assert_eq!(again.out, outcome.out, "the same, whatever the number of threads");

    let all = shop.run("sealift diff app-1.0.sealift app-1.1.sealift --trust root.json --all").out;
    assert!(all.contains("+ opt/shared  1 B"), "{all}");

    let json = shop.run("sealift diff app-1.0.sealift app-1.1.sealift --trust root.json --json");
    let line: Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["verdict"]), (&json!("diff"), &json!("different")));
    let down: Vec<_> =
        line["packages"].as_array().unwrap().iter().filter(|one| one["step"] == "down").collect();
    assert_eq!(down.len(), 1, "{line}");
    assert_eq!((&down[0]["name"], &down[0]["items"]), (&json!("openssl"), &json!(["app"])));
    assert_eq!(line["items"][1]["same_tag"], true, "{}", line["items"]);
    assert!(!json.out.contains("Tr0ub"), "{}", json.out);
}

#[test]
fn a_bundle_is_equal_to_its_copy() {
    let shop = shop();
    let outcome = shop
        .done("cp app-1.0.sealift copy.sealift; sealift diff app-1.0.sealift copy.sealift --trust root.json");
    assert!(outcome.out.ends_with("\nequal\n"), "{}", outcome.out);
    // Two roots, each for its own: here they are one.
    shop.done("sealift diff app-1.0.sealift copy.sealift --trust root.json --trust root.json");
    for (script, exit, code) in [
        ("sealift diff app-1.0.sealift copy.sealift", 2, "cli.usage"),
        ("sealift diff app-1.0.sealift copy.sealift --trust root.json --key packer.pub", 2, "cli.usage"),
        (
            "sealift diff app-1.0.sealift app-1.0.lock.toml --trust root.json --trust root.json",
            2,
            "cli.usage",
        ),
        ("sealift diff app-1.0.sealift nowhere --trust root.json", 2, "bundle.missing"),
        ("sealift diff app-1.0.sealift docs --trust root.json", 2, "site.folder"),
        (
            "head -c 20000 copy.sealift > cut.sealift; sealift diff app-1.0.sealift cut.sealift --trust root.json",
            3,
            "bundle.truncated",
        ),
    ] {
        shop.fails(script, exit, code);
    }
}

#[test]
fn a_lock_says_what_it_knows_and_no_more() {
    let shop = shop();
    let same =
        shop.fails("sealift diff app-1.0.lock.toml app-1.0.sealift --trust root.json", 5, "diff.incomplete");
    snapbox::assert_data_eq!(
        same.shown(),
        snapbox::str![[r#"
exit 5
--- stdout
from  app-1.0.lock.toml (a lock, app-1.0 of <time>)
to    app-1.0.sealift (a bundle, app-1.0 of <time>, statement <hex>)

not compared
  ? sealed by, epoch, root version, audience, withheld, made by: `app-1.0.lock.toml` is a lock, which does not say it
  ? the statement, and with it who sealed it: `app-1.0.lock.toml` is a lock, which does not say it

equal as far as compared
--- stderr
error[diff.incomplete]: comparison is incomplete: no difference found, 2 parts not compared
  next: see `not compared` in the output; for a complete comparison, compare two bundles
  more: sealift explain diff.incomplete

"#]]
    );
    let other =
        shop.fails("sealift diff app-1.0.lock.toml app-1.1.sealift --trust root.json", 4, "diff.different");
    for said in [
        "same tag, new digest",
        "? layers, packages, files and rights of the image `app`: `app-1.0.lock.toml` is a lock",
        "? the lines of changed files",
    ] {
        assert!(other.out.contains(said), "{said}: {}", other.out);
    }
    let locks = shop.fails("sealift diff app-1.0.lock.toml app-1.1.lock.toml", 4, "diff.different");
    assert!(locks.out.contains("+ doc extra"), "{}", locks.out);
}

#[test]
fn a_site_is_what_lies_on_its_disk() {
    let shop = shop();
    with_site(&shop);
    // The site itself says whom it trusts.
    let same = shop.done("sealift diff site app-1.0.sealift");
    assert!(same.out.ends_with("\nequal\n"), "{}", same.out);
    let update = shop.fails("sealift diff site app-1.1.sealift", 4, "diff.different");
    snapbox::assert_data_eq!(
        update.shown(),
        snapbox::str![[r#"
exit 4
--- stdout
from  site (a site, app-1.0, statement <hex>)
to    app-1.1.sealift (a bundle, app-1.1 of <time>, statement <hex>)

same tag, new digest
  ! app registry.example.com/app:1: <hex> -> <hex>

the bundle
  ~ version: 1.0 -> 1.1
  ~ sequence: 1 -> 2

items: 1 new, 3 changed
  + doc extra  path docs  <size>
  ~ image app: <hex> -> <hex>
      ~ origin: layout image-1.0 -> layout image-1.1
  ~ doc handbook
  ~ config server

server/app.conf: 2 lines added, 2 removed
  @ line 1 -> 1
    listen = <number>
    site_url = https://chat.example.com
  - (not shown: it looks like a secret)
  - log = info
  + (not shown: it looks like a secret)
  + log = debug
    locale = en

server/logo.png: no text, so no lines to compare

files of handbook: 1 moved
  > guide/setup.md, before `guide/install.md`

files of server: 2 changed
  ~ app.conf  105 B -> 110 B (+5 B)
  ~ logo.png  other content

sizes
  blobs of images: 0 in both (0 B), 4 only in the second (<size>), 3 only in the first (<size>)

not compared
  ? layers, packages, files and rights of the image `app`: `site` is a site, whose images were not opened
  ? of the items: version, audience, reference, origin, licence, kind of file, template, priority, platform: `site` is a site, which does not say it
  ? sealed by, root version, expires, variant, feature, left out, audience, withheld, parameter, secret, created, previous, lock, made by: `site` is a site, which does not say it

different
--- stderr
error[diff.different]: inputs differ
  next: review the differences; `--all` shows every list in full
  more: sealift explain diff.different

"#]]
    );

    shop.done(
        "cd site/current/air-gapped; chmod -R u+w .; sed -i s/info/debug/ config/server/app.conf; echo x > stray
         blob=$(ls -S images/blobs/sha256 | head -1); cp images/blobs/sha256/$blob blob; printf x >> blob; mv blob images/blobs/sha256/$blob",
    );
    let drifted = shop.fails("sealift diff app-1.0.sealift site", 4, "diff.different");
    for said in
        ["+ on the disk stray: no bundle has it", "+ log = debug", "+ on the disk images/blobs/sha256/"]
    {
        assert!(drifted.out.contains(said), "{said}: {}", drifted.out);
    }
    assert!(!drifted.out.contains("not compared"), "{}", drifted.out);
}

#[test]
fn a_receipt_and_a_request_name_a_bundle() {
    let shop = shop();
    with_site(&shop);
    shop.done("sealift diff receipt.json app-1.0.sealift --trust root.json --key office.pub");
    shop.done("sealift diff request.json app-1.0.sealift --trust root.json --key office.pub");
    shop.done("sealift diff receipt.json request.json --key office.pub");
    let other = "sealift diff receipt.json app-1.1.sealift --trust root.json --key office.pub";
    let other = shop.fails(other, 4, "diff.different");
    assert!(
        other.out.contains("? the items and all that is in them: `receipt.json` is a receipt"),
        "{}",
        other.out
    );
    let request = "sealift diff request.json app-1.1.sealift --trust root.json --key office.pub";
    let request = shop.fails(request, 4, "diff.different");
    assert!(request.out.contains("blobs of images: 0 in both"), "{}", request.out);
    shop.fails("sealift diff receipt.json app-1.0.sealift --trust root.json", 2, "cli.usage");
    shop.fails(
        "sealift diff receipt.json app-1.0.sealift --trust root.json --key packer.pub",
        3,
        "trust.signature",
    );
}
