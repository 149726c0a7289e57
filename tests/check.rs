//! `sealift check`: what would fail at the site, as the packer sees it.

use crate::cli::{Outcome, Shop};
use serde_json::Value;

const HEAD: &str = "[bundle]\nname = \"try\"\nscenario = \"air-gapped\"\nversion = \"1.0.0\"\n";

/// A folder with this manifest behind the head, locked; and what `check` says with these words behind it.
fn checked(files: &str, manifest: &str, words: &str) -> (Shop, Outcome) {
    let shop = Shop::new();
    shop.done(files);
    std::fs::write(shop.path("try.toml"), format!("{HEAD}{manifest}")).unwrap();
    shop.done("sealift lock try.toml --store store --all-features");
    let outcome = shop.run(&format!("sealift check try.toml --store store {words}"));
    (shop, outcome)
}

/// The rules and what they are about, from the JSON of `check`.
fn found(files: &str, manifest: &str, words: &str) -> Vec<String> {
    let (_, outcome) = checked(files, manifest, &format!("--json {words}"));
    let value: Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
    let findings = value["findings"].as_array().unwrap();
    assert_eq!(outcome.code, Some(if findings.iter().any(|one| one["severity"] != "note") { 4 } else { 0 }));
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    findings.iter().map(|one| format!("{} {}", word(one, "rule"), word(one, "about"))).collect()
}

#[test]
fn findings_say_what_where_why_and_what_to_do() {
    let (_, outcome) = checked(
        "mkdir set\nprintf 'services:\\n  db:\\n    image: postgres:13-alpine\\n' > set/compose.yaml\n\
         printf 'SITE={{ site_ulr }}\\n' > set/site.env",
        r#"
[[config]]
name = "site"
path = "set/"
template = true
license = "MIT"

[[file]]
name = "recorder"
path = "docs/readme.md"
version = "v0.9.0"

[[constraint]]
item = "recorder"
version = "=0.8.13"
with = "site"
because = "the plugin asks for exactly this recorder"
"#,
        "",
    );
    snapbox::assert_data_eq!(
        outcome.shown(),
        snapbox::str![[r#"
exit 4
--- stdout
error    reference.missing  docker.io/library/postgres:13-alpine
         `site` references this image, and it is not packed
         at set/compose.yaml:3
         why: An image is referenced but not packed, so the site cannot start what needs it.
         fix: list it as an `[[image]]`, correct the name, or explain it with `[[accept]]`

error    constraint.broken  recorder
         `recorder` is 0.9.0, and has to be =0.8.13: the plugin asks for exactly this recorder
         at try.toml:18
         why: Two items are packed in versions that are not compatible with each other.
         fix: change the version of one of them in the manifest, and lock again

error    parameter.undeclared  site/site.env
         it names `site_ulr`, and the bundle has no such parameter
         at set/site.env:1
         why: A template uses an undeclared parameter, so no site can set it.
         fix: declare it, `[parameter.NAME]`, or correct the name in the template

note     license.missing  recorder
         it states no license
         at try.toml:13
         why: An item does not state the license under which it may be redistributed.
         fix: add `license = "..."`

3 errors, 0 warnings, 1 note; 0 accepted in the manifest
3 files checked, 0 too large to check; up to <size> in total
--- stderr
error[check.findings]: check failed: 3 errors and 0 warnings
  next: fix each finding as described, lock and check again; or accept it in the manifest with `[[accept]]`
  more: sealift explain check.findings

"#]]
    );
}

#[test]
fn explained_findings_are_set_aside_and_stay_in_the_record() {
    let manifest = r#"
[[config]]
name = "site"
path = "set/compose.yaml"
license = "MIT"

[[accept]]
finding = "reference.missing"
about = "docker.io/library/postgres:13-alpine"
because = "the site has it"
"#;
    let files = "mkdir set\nprintf 'services:\\n  db:\\n    image: postgres:13-alpine\\n' > set/compose.yaml";
    let (shop, outcome) = checked(files, manifest, "--json");
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    let value: Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
    assert_eq!(value["accepted"][0]["because"], "the site has it");
    assert_eq!(value["accepted"][0]["finding"]["rule"], "reference.missing");
    let sarif = shop.done("sealift check try.toml --store store --format sarif").out;
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(result["suppressions"][0]["justification"], "the site has it");
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "set/compose.yaml");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
}

#[test]
fn images_that_software_asks_for_by_itself_have_to_travel() {
    let manifest = r#"
[[image]]
name = "hello"
layout = "demo/hello"
license = "MIT"
pulls = ["postgres:13", "quay.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000"]
"#;
    let expected = [
        "reference.missing docker.io/library/postgres:13",
        "reference.missing quay.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ];
    assert_eq!(found("", manifest, ""), expected);
}

#[test]
fn compose_files_count_whatever_kind_of_item_they_are() {
    let files = "mkdir set\nprintf 'services:\\n  db:\\n    image: postgres:13-alpine\\n' > set/compose.yaml";
    let manifest = "[[file]]\nname = \"set\"\npath = \"set/\"\nlicense = \"MIT\"\n";
    assert_eq!(found(files, manifest, ""), ["reference.missing docker.io/library/postgres:13-alpine"]);
}

#[test]
fn images_in_the_registry_of_the_site_are_known_by_path_and_tag() {
    let files = "name=$(sealift inspect demo/demo-1.0.0.sealift --trust demo/root.json --json | head -1 \
                 | jq -r '.items[] | select(.kind == \"image\") | .reference')\n\
                 path=${name#*/}\nmkdir set\n\
                 printf 'services:\\n  a:\\n    image: \"{{ registry }}/%s\"\\n' \"$path\" > set/compose.yaml\n\
                 printf 'services:\\n  a:\\n    image: \"{{ registry }}/%s\"\\n' \"${path%:*}:other\" > set/other.yaml";
    let manifest = r#"
[parameter.registry]
description = "the registry of the site"
format = "registry"

[[image]]
name = "hello"
layout = "demo/hello"
license = "MIT"

[[config]]
name = "site"
path = "set/"
template = true
license = "MIT"
"#;
    let found = found(files, manifest, "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("reference.missing ") && found[0].ends_with(":other"), "{found:?}");
}

#[test]
fn a_platform_that_an_image_lacks_is_found() {
    let manifest = |platform: &str| {
        format!(
            "platforms = [\"{platform}\"]\n[[image]]\nname = \"hello\"\nlayout = \"demo/hello\"\nlicense = \"MIT\"\n"
        )
    };
    assert_eq!(found("", &manifest("linux/s390x"), ""), ["image.platform hello"]);
    assert_eq!(found("", &manifest("linux/amd64"), ""), [""; 0]);
}

#[test]
fn versions_are_read_out_of_a_carried_plugin() {
    let files = r#"mkdir calls
printf '{"id":"com.mattermost.calls","version":"1.11.6","props":{"calls_recorder_version":"v0.8.13","min_rtcd_version":"v0.17.0"}}' > calls/plugin.json
tar -czf calls.tar.gz calls"#;
    let manifest = |recorder: &str, rtcd: &str| {
        format!(
            r#"
[[file]]
name = "calls-plugin"
path = "calls.tar.gz"
kind = "plugin"
license = "Apache-2.0"

[[file]]
name = "recorder"
path = "docs/readme.md"
version = "{recorder}"
license = "MIT"

[[file]]
name = "rtcd"
path = "docs/readme.md"
version = "{rtcd}"
license = "MIT"

[[constraint]]
item = "recorder"
read_from = "calls-plugin"
read_file = "plugin.json"
read_key = "props.calls_recorder_version"
read_as = "exact"
because = "the plugin starts exactly this recorder"

[[constraint]]
item = "rtcd"
read_from = "calls-plugin"
read_file = "plugin.json"
read_key = "props.min_rtcd_version"
read_as = "minimum"
because = "the plugin does not start with an older one"
"#
        )
    };
    assert_eq!(found(files, &manifest("v0.8.13", "1.2.6"), ""), [""; 0]);
    assert_eq!(
        found(files, &manifest("v0.9.0", "v0.16.9"), ""),
        ["constraint.broken recorder", "constraint.broken rtcd"]
    );
    assert_eq!(found(files, &manifest("latest", "v1"), ""), ["constraint.unknown recorder"]);
}

#[test]
fn what_has_to_travel_and_what_must_not() {
    let item = |name: &str, version: &str| {
        format!(
            "[[file]]\nname = \"{name}\"\npath = \"docs/readme.md\"\nversion = \"{version}\"\nlicense = \"MIT\"\n"
        )
    };
    let rules = r#"
[[constraint]]
item = "icu"
present = true
with = "search"
because = "search does not start without it"
[[constraint]]
item = "icu"
same_as = "search"
because = "the plug-in has to be of the same version"
[[constraint]]
item = "old"
absent = true
with = "search"
with_version = ">=9"
because = "version 9 does not know it"
"#;
    // A manifest speaks of items that it has; features decide whether they travel.
    let optional = |name: &str| item(name, "9.1.0").replace("license", "features = [\"never\"]\nlicense");
    let feature = "[feature.never]\ndescription = \"x\"\nexcludes = []\n";
    let with = |items: &str| format!("{feature}{items}{rules}");
    let whole = item("search", "9.1.0") + &item("icu", "9.1.0") + &optional("old");
    let shop = Shop::new();
    let found = |manifest: String| {
        std::fs::write(shop.path("try.toml"), format!("{HEAD}{manifest}")).unwrap();
        shop.done("rm -f try.lock.toml; sealift lock try.toml --store store");
        let outcome = shop.run("sealift check try.toml --store store --json");
        let value: Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
        let findings = value["findings"].as_array().unwrap().clone();
        findings.iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(with(&whole)), [""; 0]);
    assert_eq!(
        found(with(&(item("search", "9.1.0") + &optional("icu") + &item("old", "1")))),
        [
            "`icu` is not packed, but has to be: search does not start without it",
            "`old` is packed, but must not be with `search`: version 9 does not know it"
        ]
    );
    assert_eq!(
        found(with(&(item("search", "9.2.0") + &item("icu", "9.1.0") + &optional("old")))),
        ["`icu` is 9.1.0, and `search` is 9.2.0: the plug-in has to be of the same version"]
    );
    assert_eq!(found(with(&(item("search", "8.0") + &item("icu", "8.0") + &item("old", "1")))), [""; 0]);
}

#[test]
fn audiences_get_what_they_need_and_nothing_they_refuse() {
    let manifest = r#"
[audience.partner-a]
description = "a partner"
refuses = ["LicenseRef-Enterprise"]
withholds = ["base"]

[[doc]]
name = "guide"
path = "docs"
requires = ["base"]
license = "MIT OR LicenseRef-Enterprise"

[[doc]]
name = "base"
path = "docs"
license = "LicenseRef-Enterprise"

[[doc]]
name = "shared"
path = "docs"
license = "LicenseRef-Enterprise AND MIT"
"#;
    assert_eq!(found("", manifest, ""), ["audience.conflict guide", "license.audience shared"]);
}

#[test]
fn media_have_a_size_and_a_largest_file() {
    let manifest = "[[doc]]\nname = \"guide\"\npath = \"docs\"\nlicense = \"MIT\"\n";
    assert_eq!(found("", manifest, "--media 100"), ["media.size try"]);
    assert_eq!(found("", manifest, "--media dvd"), [""; 0]);
    let large = "truncate -s 4294967296 docs/large.bin";
    assert_eq!(
        found(large, manifest, "--media usb-fat32"),
        ["media.file try", "content.unread guide/large.bin"]
    );
    let (shop, _) = checked("", manifest, "");
    assert_eq!(shop.run("sealift check try.toml --store store --media floppy").code, Some(2));
}

#[test]
fn a_lock_that_is_not_current_is_not_checked() {
    let (shop, _) = checked("", "[[doc]]\nname = \"guide\"\npath = \"docs\"\nlicense = \"MIT\"\n", "");
    shop.done("echo '# later' >> try.toml");
    shop.fails("sealift check try.toml --store store", 2, "lock.stale");
    shop.done("sealift lock try.toml --store store; echo changed >> docs/readme.md");
    shop.fails("sealift check try.toml --store store", 3, "source.changed");
}
