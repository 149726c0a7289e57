//! One manifest, three partners, two trust roots: each partner gets what it may hold, can prove what it got, and hears
//! of nothing else.

use crate::cli::Shop;
use crate::support::LIMITS;
use crate::vector_cases::PICTURE;
use crate::vector_writer::{MANIFEST, descriptor, manifest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_bundle::format::inventory::{Inventory, content_digest};
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

const COALITION: &str = r#"
[bundle]
name = "coalition"
scenario = "mission-partner"
version = "1"
variants = ["kubernetes", "linux"]

[audience.partner-a]
description = "the one with the bridge"

[audience.partner-b]
description = "the one with the harbour"

[audience.partner-c]
description = "the one with its own accreditor"
withholds = ["wide-model", "shared-note"]

[feature.weather]
description = "for everybody"

[feature.bridge]
description = "for partner-a alone"

[feature.harbour]
description = "for partner-b alone, and not chosen here"

[parameter.site-url]
description = "where people find the server"
format = "url"
default = "https://chat.example"

[parameter.bridge-host]
description = "where the bridge listens"
format = "host"
default = "bridge.example"
features = ["bridge", "harbour"]

[[secret]]
name = "bridge-token"
description = "made by the bridge"
features = ["bridge"]

[[secret]]
name = "licence"
description = "from the portal"

[[image]]
name = "server"
layout = "server"

[[image]]
name = "bridge-proxy"
layout = "proxy"
features = ["bridge"]
audience = ["partner-a"]

[[doc]]
name = "handbook"
path = "handbook"

[[doc]]
name = "forecast"
path = "forecast"
features = ["weather"]

[[doc]]
name = "orders-alpha"
path = "orders-alpha"
audience = ["partner-a"]
requires = ["map"]

[[doc]]
name = "orders-bravo"
path = "orders-bravo"
audience = ["partner-b"]

[[doc]]
name = "shared-note"
path = "shared-note"
audience = ["partner-a", "partner-c"]

[[doc]]
name = "map"
path = "map"
features = ["bridge"]
audience = ["partner-a"]

[[doc]]
name = "pilots"
path = "pilots"
features = ["harbour"]
audience = ["partner-b"]

[[config]]
name = "settings"
path = "settings"
template = true

[[file]]
name = "wide-model"
kind = "model"
path = "wide-model"
"#;

const KUBERNETES: &str = "coalition.toml --variant kubernetes --store store";
const LEAD: &str = "--key packer.key --passphrase-fd 0 <<<pw";

/// What each bundle holds, and what it says about the choice and about what a site adds.
const HELD: [(&str, &str, &str, &str); 4] = [
    (
        "",
        "server bridge-proxy handbook forecast orders-alpha orders-bravo shared-note map settings wide-model",
        "bridge weather / harbour",
        "bridge-host site-url / bridge-token licence",
    ),
    (
        "partner-a",
        "server bridge-proxy handbook forecast orders-alpha shared-note map settings wide-model",
        "bridge weather /",
        "bridge-host site-url / bridge-token licence",
    ),
    (
        "partner-b",
        "server handbook forecast orders-bravo settings wide-model",
        "weather / harbour",
        "bridge-host site-url / licence",
    ),
    ("partner-c", "server handbook forecast settings", "weather /", "site-url / licence"),
];

/// Words that stand in the bundle with everything, each with the partners that may read it.
const WORDS: [(&str, &str); 14] = [
    ("partner-a", "partner-a"),
    ("partner-b", "partner-b"),
    ("orders-alpha", "partner-a"),
    ("alpha.md", "partner-a"),
    ("go at dawn", "partner-a"),
    ("orders-bravo", "partner-b"),
    ("bravo.md", "partner-b"),
    ("bridge-proxy", "partner-a"),
    ("bridge-token", "partner-a"),
    ("made by the bridge", "partner-a"),
    ("shared-note", "partner-a"),
    ("wide-model", "partner-a partner-b"),
    ("weights.bin", "partner-a partner-b"),
    ("harbour", "partner-b"),
];

fn layout(shop: &Shop, name: &str, reference: &str, layer: &str) {
    let picture = PICTURE.replace("[]", &format!(r#"["{}"]"#, Digest::of(layer.as_bytes())));
    let root = manifest(&picture, &[layer]);
    let mut entry: Value = serde_json::from_str(&descriptor(MANIFEST, root.as_bytes())).unwrap();
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": reference });
    shop.done(&format!("mkdir -p {name}/blobs/sha256"));
    let put = |path: &str, bytes: &[u8]| std::fs::write(shop.path(format!("{name}/{path}")), bytes).unwrap();
    put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    put("index.json", json!({ "schemaVersion": 2, "manifests": [entry] }).to_string().as_bytes());
    for blob in [root.as_str(), &picture, layer] {
        put(&format!("blobs/sha256/{}", Digest::of(blob.as_bytes()).hex()), blob.as_bytes());
    }
}

/// A shop with the lock, and the bundles of everybody: those of the lead, of `partner-a` and of `partner-b` under the
/// lead's root, that of `partner-c` under its own, which asks for the lead's packer and its own accreditor.
fn coalition() -> Shop {
    let shop = Shop::new();
    std::fs::write(shop.path("coalition.toml"), COALITION).unwrap();
    layout(&shop, "server", "registry.example.com/server:1", "the server");
    layout(&shop, "proxy", "registry.example.com/bridge-proxy:1", "the proxy of the bridge");
    shop.done(
        "write() { mkdir -p $1; echo \"$3\" > $1/$2; }
         write handbook read.md 'read this'; write forecast sun.md 'it will be fine'
         write orders-alpha alpha.md 'go at dawn'; write orders-bravo bravo.md 'go at dusk'
         write shared-note note.md 'the two of us'; write map map.md 'here is the bridge'; write pilots pilots.md 'the pilots'
         write settings app.conf 'url = {{ site_url }}'; write wide-model weights.bin 'many numbers'
         for name in accreditor-root accreditor; do sealift key new $name --passphrase-fd 0 <<<pw; done
         sealift trust init --key accreditor-root.key --packer packer.pub --packer accreditor.pub --packer-threshold 2 \
             -o own.json --passphrase-fd 0 <<<pw",
    );
    shop.done(&format!("sealift lock {KUBERNETES} --feature bridge --feature weather"));
    shop.done(&format!("sealift pack {KUBERNETES} {LEAD}"));
    for partner in ["partner-a", "partner-b"] {
        shop.done(&format!("sealift pack {KUBERNETES} --audience {partner} {LEAD}"));
    }
    shop.fails(
        &format!("sealift pack {KUBERNETES} --audience partner-c --trust own.json {LEAD}"),
        3,
        "trust.threshold",
    );
    shop.done(&format!(
        "sealift pack {KUBERNETES} --audience partner-c --trust own.json --key accreditor.key {LEAD}"
    ));
    shop
}

fn bundle(audience: &str) -> String {
    match audience {
        "" => "coalition-kubernetes-1.sealift".to_owned(),
        audience => format!("coalition-kubernetes-{audience}-1.sealift"),
    }
}

fn root(audience: &str) -> &'static str {
    if audience == "partner-c" { "own.json" } else { "root.json" }
}

fn overview(shop: &Shop, audience: &str) -> Value {
    let script = format!("sealift inspect {} --trust {} --json", bundle(audience), root(audience));
    serde_json::from_str(&shop.done(&script).out).unwrap()
}

fn members(shop: &Shop, file: &str) -> BTreeMap<String, Vec<u8>> {
    let bytes = shop.read(file);
    let mut archive = tar::Archive::new(&bytes[..]);
    let members = archive.entries().unwrap().map(|member| {
        let (mut member, mut content) = (member.unwrap(), Vec::new());
        member.read_to_end(&mut content).unwrap();
        (member.path().unwrap().to_str().unwrap().to_owned(), content)
    });
    members.collect()
}

fn words(value: &Value) -> String {
    let words = value.as_array().into_iter().flatten();
    let words: Vec<_> = words.map(|word| word.as_str().or(word["name"].as_str()).unwrap()).collect();
    words.join(" ")
}

/// The digest of what an item of the bundle with everything holds, as a partner sees it withheld.
fn content(members: &BTreeMap<String, Vec<u8>>, item: &Value) -> Digest {
    let root: Digest = item["digest"].as_str().unwrap().parse().unwrap();
    if item["kind"] == "image" {
        return root;
    }
    let blob = |digest: &str| &members[&format!("blobs/{}", digest.replace(':', "/"))];
    let manifest: Value = serde_json::from_slice(blob(&root.to_string())).unwrap();
    let stored = blob(manifest["config"]["digest"].as_str().unwrap());
    let layer = manifest["layers"][0]["size"].as_u64().unwrap();
    let inventory = Inventory::parse(stored, "an item", layer, &LIMITS).unwrap();
    let digest = content_digest(&inventory.tree).unwrap();
    // Anybody can compute it: `zstd` shows the lines of both frames, and the first line says how many belong to the first.
    let mut lines = Vec::new();
    let mut first = zstd::stream::Decoder::with_buffer(&stored[..]).unwrap().single_frame();
    first.read_to_end(&mut lines).unwrap();
    assert_eq!(digest, Digest::of(&lines));
    digest
}

/// All bytes of a bundle as somebody could read them: as they lie there, and with every zstd frame and payload decoded.
fn readable(shop: &Shop, file: &str) -> Vec<Vec<u8>> {
    let mut texts = vec![shop.read(file)];
    for (name, content) in members(shop, file) {
        if content.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            texts.push(zstd::decode_all(&content[..]).unwrap());
        }
        if name.contains("dsse") {
            for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let envelope: Value = serde_json::from_slice(line).unwrap();
                texts.push(STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap());
            }
        }
    }
    texts
}

fn has(texts: &[Vec<u8>], word: &str) -> bool {
    texts.iter().any(|text| text.windows(word.len()).any(|part| part == word.as_bytes()))
}

#[test]
fn each_partner_holds_what_it_may_and_can_prove_it() {
    let shop = coalition();
    let all = members(&shop, &bundle(""));
    let full = overview(&shop, "");
    let contents: BTreeMap<String, Digest> = full["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["name"].as_str().unwrap().to_owned(), content(&all, item)))
        .collect();
    for (audience, items, choice, needs) in HELD {
        let seen = overview(&shop, audience);
        let (selection, asked) = (&seen["selection"], &seen["needs"]);
        let sorted = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        let held = sorted(items);
        assert_eq!(sorted(&words(&seen["items"])), held, "{audience}");
        let chosen = format!("{} / {}", words(&selection["features"]), words(&selection["without"]));
        assert_eq!(chosen.trim_end(), choice, "{audience}");
        let added = format!("{} / {}", words(&asked["parameters"]), words(&asked["secrets"]));
        assert_eq!(added, needs, "{audience}");
        let withheld: BTreeSet<Digest> =
            contents.iter().filter(|(name, _)| !held.contains(*name)).map(|(_, digest)| *digest).collect();
        let listed: Vec<_> = withheld.iter().map(Digest::to_string).collect();
        assert_eq!(words(&selection["withheld"]), listed.join(" "), "{audience}");
        // What is not withheld is the same, byte for byte.
        let own = members(&shop, &bundle(audience));
        for item in seen["items"].as_array().unwrap() {
            let name = item["name"].as_str().unwrap();
            assert_eq!(content(&own, item), contents[name], "{audience}: {name}");
        }
        for command in ["inspect", "verify --deep"] {
            let script = format!("sealift {command} {} --trust {}", bundle(audience), root(audience));
            let said = shop.done(&script).out;
            let line = match withheld.len() {
                0 => "  audience ".to_owned(),
                1 => format!("  audience   {audience}; 1 item withheld from it\n"),
                count => format!("  audience   {audience}; {count} items withheld from it\n"),
            };
            assert_eq!(said.contains(&line), !audience.is_empty(), "{said}");
        }
        // Each trusts its own root and no other.
        let other = if root(audience) == "own.json" { "root.json" } else { "own.json" };
        shop.fails(&format!("sealift verify {} --trust {other}", bundle(audience)), 3, "trust.foreign");
    }
    shop.fails(&format!("sealift pack {KUBERNETES} --audience partner-d {LEAD}"), 2, "manifest.choice");
}

#[test]
fn each_partner_installs_under_its_own_root() {
    let shop = coalition();
    for (audience, ..) in HELD {
        let own = root(audience);
        let site = if audience.is_empty() { "at-lead".to_owned() } else { format!("at-{audience}") };
        shop.done(&format!(
            "sealift site init {site} --trust {own} --scenario mission-partner \
                 --fingerprint \"$(sealift trust show {own} --json | jq -r .words)\"
             sealift install {site} {}",
            bundle(audience)
        ));
        let foreign = if own == "own.json" { bundle("partner-a") } else { bundle("partner-c") };
        shop.fails(&format!("sealift install {site} {foreign}"), 3, "trust.foreign");
        let current = format!("{site}/current/mission-partner");
        shop.done(&format!("grep -qx 'url = https://chat.example' {current}/rendered/settings/app.conf"));
        assert_eq!(shop.path(format!("{current}/file/wide-model")).exists(), audience != "partner-c");
        assert_eq!(
            shop.path(format!("{current}/doc/orders-bravo")).exists(),
            ["", "partner-b"].contains(&audience)
        );
    }
    // Who got one bundle does not get another of the same number, not even from the same packer.
    shop.fails(&format!("sealift install at-partner-b {}", bundle("partner-a")), 3, "site.equivocation");
}

/// Names of other partners, of what is withheld, of its files, and of the features, parameters and secrets that only it
/// needs, are nowhere.
#[test]
fn nothing_of_what_is_withheld_is_heard_of() {
    let shop = coalition();
    let full = readable(&shop, &bundle(""));
    for (word, _) in WORDS {
        assert!(has(&full, word), "{word} is not even in the bundle that has everything");
    }
    for audience in ["partner-a", "partner-b", "partner-c"] {
        let texts = readable(&shop, &bundle(audience));
        assert!(has(&texts, "read.md") && has(&texts, audience));
        for (word, may_read) in WORDS {
            assert!(may_read.contains(audience) || !has(&texts, word), "{audience} can read {word}");
        }
    }
}

#[test]
fn what_is_withheld_cannot_be_changed() {
    let shop = coalition();
    let overview = overview(&shop, "partner-c");
    let digest = overview["selection"]["withheld"][0].as_str().unwrap();
    let other = format!("{}{}", &digest[..70], if digest.ends_with('0') { "1" } else { "0" });
    let bytes = shop.read(&bundle("partner-c"));
    let swap = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    // In the copy of the statement, then in what was signed as well.
    let copy = swap(&bytes, digest.as_bytes(), other.as_bytes());
    let statement = members(&shop, &bundle("partner-c"))["seal/statement.json"].clone();
    let changed = swap(&statement, digest.as_bytes(), other.as_bytes());
    let signed = swap(&copy, STANDARD.encode(&statement).as_bytes(), STANDARD.encode(&changed).as_bytes());
    for (bytes, code) in [(copy, "bundle."), (signed, "trust.tampered")] {
        std::fs::write(shop.path("changed.sealift"), bytes).unwrap();
        for command in ["verify", "inspect"] {
            let said = shop.run(&format!("sealift {command} changed.sealift --trust own.json"));
            assert_eq!(said.code, Some(3), "{}", said.shown());
            assert!(said.err.contains(&format!("error[{code}")), "{}", said.shown());
        }
    }
}
