//! Policies, known vulnerabilities and waivers as a person uses them.

use crate::cli::{Outcome, Shop};
use serde_json::Value;

/// Two approvers of whom one decides, an image with packages of Debian and npm, and the bundle of it.
const SETUP: &str = r#"
for name in carol dave; do key $name; done
sealift trust init --key root.key --packer packer.pub --approver carol.pub -o root.json --passphrase-fd 0 <<<pw
mkdir -p osv/npm files/node_modules/lodash
printf '{"name":"lodash","version":"4.17.20","license":"MIT"}' > files/node_modules/lodash/package.json
cat > osv/npm/GHSA-1.json <<'END'
{"id":"GHSA-1","aliases":["CVE-2021-2"],"modified":"2026-09-01T00:00:00Z","summary":"Command injection",
 "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
 "affected":[{"package":{"ecosystem":"npm","name":"lodash"},
   "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}
END
cat > site.toml <<'END'
[bundle]
name = "sample"
scenario = "air-gapped"
version = "2.0.0"

[[doc]]
name = "handbook"
path = "docs"

[[config]]
name = "server"
path = "config"

[[file]]
name = "app"
path = "files"
END
sealift lock site.toml --store store
printf '[policy]\nname = "strict"\n[content]\nconfig = ["script"]\nunread = "refuse"\n' > scripts.toml
printf '[policy]\nname = "plain"\n[size]\nbundle = 1000000000\n' > met.toml
printf '[policy]\nname = "known"\n[vulnerability]\nlimit = "medium"\nunscored = "refuse"\nunchecked = "refuse"\nvex = "counts"\n' > known.toml
"#;

const PACK: &str = "sealift pack site.toml --key packer.key --store store --passphrase-fd 0";
const CHECK: &str = "sealift policy check sample-2.0.0.sealift --trust root.json";

fn shop() -> Shop {
    let shop = Shop::new();
    let key = r#"
key() {
    openssl genpkey -algorithm ed25519 \
        | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:pw -out "$1.key"
    chmod 600 "$1.key"
    openssl pkey -in "$1.key" -passin pass:pw -pubout -out "$1.pub"
}
rm -f root.json
"#;
    shop.done(&format!("{key}{SETUP}"));
    shop
}

fn packed() -> Shop {
    let shop = shop();
    shop.done(&format!("{PACK} <<<pw"));
    shop
}

fn json(outcome: &Outcome, kind: &str) -> Value {
    let lines = outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.into_iter().find(|line| line["type"] == kind).unwrap_or_else(|| panic!("{}", outcome.shown()))
}

/// What a verdict says beside when it was asked.
fn gist(verdict: &Value) -> Value {
    let mut verdict = verdict.clone();
    for key in ["type", "version", "stage", "statement"] {
        verdict.as_object_mut().unwrap().remove(key);
    }
    verdict
}

#[test]
fn pack_approve_verify_and_check_give_the_same_verdict() {
    let shop = packed();
    let policy = "--policy scripts.toml --json";
    let checked = shop.fails(&format!("{CHECK} {policy}"), 4, "policy.violated");
    let expected = gist(&json(&checked, "policy"));
    assert_eq!(expected["violations"][0]["rule"], "content.script");
    assert_eq!(expected["violations"][0]["at"], "server/run.sh");
    assert_eq!(expected["is_met"], false);
    assert!(expected["rules"][0]["controls"]["nist"].is_array());

    let verify = format!("sealift verify sample-2.0.0.sealift --trust root.json {policy}");
    let verified = shop.fails(&verify, 4, "policy.violated");
    let verdict = json(&verified, "verdict");
    assert_eq!(verdict["verdict"], "verified");
    assert_eq!(gist(&verdict["policy"]), expected);

    let approve = "sealift approve sample-2.0.0.sealift --trust root.json --key carol.key --passphrase-fd 0";
    let approved = shop.fails(&format!("{approve} {policy} <<<pw"), 4, "policy.violated");
    assert_eq!(gist(&json(&approved, "policy")), expected);
    assert!(!shop.path("sample-2.0.0.sealift.approvals").exists(), "nothing was signed");

    let before = shop.read("sample-2.0.0.sealift");
    shop.done("mkdir out");
    let repacked = shop.fails(&format!("{PACK} -o out {policy} <<<pw"), 4, "policy.violated");
    assert_eq!(gist(&json(&repacked, "policy")), expected);
    assert_eq!(std::fs::read_dir(shop.path("out")).unwrap().count(), 0, "no bundle is left behind");

    // What is as the policy wants it is packed, byte for byte as without, and approved, and verified.
    shop.done(&format!("{PACK} -o out --policy met.toml <<<pw"));
    assert_eq!(shop.read("out/sample-2.0.0.sealift"), before);
    assert_eq!(std::fs::read_dir(shop.path("out")).unwrap().count(), 1);
    shop.done(&format!("{PACK} -o out --policy met.toml <<<pw"));
    shop.done(&format!("{approve} --policy met.toml <<<pw"));
    shop.done("sealift verify sample-2.0.0.sealift --trust root.json --policy met.toml");
}

#[test]
fn known_vulnerabilities_are_found_offline_and_without_data_nothing_is_good() {
    let shop = packed();
    let without = shop.fails(&format!("{CHECK} --policy known.toml"), 4, "policy.violated");
    assert!(without.out.contains("vulnerability.unchecked"), "{}", without.shown());
    assert!(without.out.contains("no data about vulnerabilities were given"), "{}", without.shown());

    let with = shop.fails(&format!("{CHECK} --policy known.toml --osv osv --json"), 4, "policy.violated");
    let verdict = json(&with, "policy");
    assert_eq!(verdict["violations"].as_array().unwrap().len(), 1);
    assert_eq!(verdict["violations"][0]["at"], "app/lodash");
    assert_eq!(verdict["violations"][0]["found"], "CVE-2021-2 4.17.20: critical (9.8)");
    assert_eq!(verdict["vulnerability_data"]["records"], 1);

    let vex = |why: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Vendor","timestamp":"2026-11-01T00:00:00Z","version":1,
                "statements":[{{"vulnerability":{{"name":"CVE-2021-2"}},"products":[{{"@id":"pkg:npm/lodash@4.17.20"}}],{why}"status":"not_affected"}}]}}"#
        )
    };
    let why = r#""justification":"vulnerable_code_not_in_execute_path","#;
    std::fs::write(shop.path("vex.json"), vex(why)).unwrap();
    std::fs::write(shop.path("bare.json"), vex("")).unwrap();
    let declared = shop.done(&format!("{CHECK} --policy known.toml --osv osv --vex vex.json"));
    let says = "declared   CVE-2021-2 is not_affected according to Vendor, unsigned";
    assert!(declared.out.contains(says), "{}", declared.shown());
    let bare = format!("{CHECK} --policy known.toml --osv osv --vex bare.json");
    let bare = shop.fails(&bare, 3, "vulnerability.vex");
    assert!(bare.err.contains("not affected by CVE-2021-2, and not why"), "{}", bare.shown());

    // A damaged record spoils the folder, and is named.
    shop.done("echo '{' > osv/npm/bad.json");
    let bad = shop.fails(&format!("{CHECK} --policy known.toml --osv osv"), 3, "vulnerability.data");
    assert!(bad.err.contains("npm/bad.json"), "{}", bad.shown());
    shop.fails(&format!("{CHECK} --policy known.toml --osv nowhere"), 1, "vulnerability.read");
}

#[test]
fn an_approver_waives_for_a_reason_until_a_day_and_nobody_else_does() {
    let shop = packed();
    let waive = "sealift waive sample-2.0.0.sealift --trust root.json --passphrase-fd 0 --reason agreed";
    let check = format!("{CHECK} --policy scripts.toml --waivers waivers.jsonl");
    let scripts = "--rule content.script --at 'server/*.sh'";
    shop.done(&format!("{waive} --key carol.key {scripts} --until 2099-01-01 -o waivers.jsonl <<<pw"));
    let waived = shop.done(&check);
    assert!(waived.out.contains("waived     content.script  server/run.sh"), "{}", waived.shown());
    assert!(waived.out.contains("by carol until 2099-01-01T00:00:00Z: agreed"), "{}", waived.shown());
    shop.done(
        "sealift verify sample-2.0.0.sealift --trust root.json --policy scripts.toml --waivers waivers.jsonl",
    );

    // Another place, another rule, somebody who is not an approver, a day that has gone, a rule that is none.
    shop.done(&format!(
        "{waive} --key carol.key --rule content.script --at 'web/*' --until 2099-01-01 -o other.jsonl <<<pw"
    ));
    shop.done(&format!(
        "{waive} --key carol.key --rule content.secret --until 2099-01-01 -o other.jsonl <<<pw"
    ));
    assert_eq!(shop.read("other.jsonl").iter().filter(|byte| **byte == b'\n').count(), 2);
    shop.fails(&check.replace("waivers.jsonl", "other.jsonl"), 4, "policy.violated");
    shop.fails(
        &format!("{waive} --key dave.key {scripts} --until 2099-01-01 -o x <<<pw"),
        2,
        "trust.approver",
    );
    shop.fails(&format!("{waive} --key carol.key {scripts} --until 2020-01-01 -o x <<<pw"), 2, "cli.usage");
    assert_eq!(
        shop.run(&format!("{waive} --key carol.key --rule content.no --until 2099-01-01 -o x <<<pw")).code,
        Some(2)
    );
    assert!(!shop.path("x").exists());

    // One that was changed afterwards is shown, and waives nothing.
    let line = String::from_utf8(shop.read("waivers.jsonl")).unwrap();
    let other = String::from_utf8(shop.read("other.jsonl")).unwrap();
    let signature =
        |line: &str| line.split("\"sig\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    std::fs::write(shop.path("forged.jsonl"), line.replace(&signature(&line), &signature(&other))).unwrap();
    let forged = shop.fails(&check.replace("waivers.jsonl", "forged.jsonl"), 4, "policy.violated");
    assert!(forged.out.contains("no waiver  ") && forged.out.contains("did not sign"), "{}", forged.shown());
    shop.fails(&check.replace("waivers.jsonl", "nowhere"), 2, "policy.read");
}

#[test]
fn the_policy_that_ships_is_understood_and_mistakes_have_their_line() {
    let shop = packed();
    let ships = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/policy.toml");
    let judged = shop.fails(&format!("{CHECK} --policy {ships} --osv osv"), 4, "policy.violated");
    for rule in ["seal.approvals", "scan.missing", "content.script", "vulnerability.limit"] {
        assert!(judged.out.contains(&format!("violated   {rule}")), "{rule}: {}", judged.shown());
    }
    let packing = shop.run(&format!("{CHECK} --stage pack --policy {ships} --osv osv"));
    assert!(
        packing.out.contains("later      seal.approvals, seal.conditions, scan.missing"),
        "{}",
        packing.shown()
    );

    shop.done("printf '[policy]\\nname = \"x\"\\n\\n[conten]\\n' > typo.toml");
    let typo = shop.fails(&format!("{CHECK} --policy typo.toml"), 2, "policy.form");
    assert!(typo.err.contains("line 4: unknown field `conten`"), "{}", typo.shown());
    shop.fails(&format!("{CHECK} --policy nowhere.toml"), 2, "policy.read");
    shop.done("echo '{}' > ledger.json");
    shop.fails(&format!("{CHECK} --policy met.toml --ledger ledger.json"), 3, "policy.ledger");
    assert_eq!(
        shop.run("sealift verify x --trust root.json --osv osv").code,
        Some(2),
        "data ask for a policy"
    );
    let piped = "sealift verify - --trust root.json --policy met.toml < sample-2.0.0.sealift";
    shop.fails(piped, 2, "cli.usage");
    let rules = shop.done("sealift policy rules");
    assert!(rules.out.contains("scan.missing\n  A scanner of this site"), "{}", rules.shown());
}

#[test]
fn a_local_scan_is_asked_for_and_counts_for_its_bundle_alone() {
    let shop = packed();
    shop.done("printf '[policy]\\nname = \"scanned\"\\n[scan]\\nunseen = \"refuse\"\\nmax_age_days = 1\\n' > scan.toml");
    let check = format!("{CHECK} --policy scan.toml");
    let without = shop.fails(&check, 4, "policy.violated");
    assert!(without.out.contains("violated   scan.missing"), "{}", without.shown());
    let engine = r#"--engine 'sh -c "grep -q EVIL; test \$? = 1"'"#;
    shop.done(&format!("sealift scan sample-2.0.0.sealift --trust root.json {engine} --ledger clean.json"));
    let with = shop.done(&format!("{check} --ledger clean.json"));
    assert!(with.out.contains("passed     4 rules"), "{}", with.shown());

    // A ledger of another bundle says nothing, and one of this bundle says what was found.
    shop.done(&format!(
        "echo EVIL > docs/evil.md; sed -i 's/2.0.0/2.0.1/' site.toml; sealift lock site.toml --store store; {PACK} <<<pw"
    ));
    let other = CHECK.replace("2.0.0", "2.0.1");
    let foreign =
        shop.fails(&format!("{other} --policy scan.toml --ledger clean.json"), 4, "policy.violated");
    assert!(foreign.out.contains("violated   scan.missing"), "{}", foreign.shown());
    let scan = format!("sealift scan sample-2.0.1.sealift --trust root.json {engine} --ledger evil.json");
    shop.fails(&scan, 4, "audit.scan-found");
    let evil = shop.fails(&format!("{other} --policy scan.toml --ledger evil.json"), 4, "policy.violated");
    assert!(evil.out.contains("violated   scan.found  handbook/evil.md"), "{}", evil.shown());
}
