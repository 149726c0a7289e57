//! What packers, approvers and auditors ran into: each test carries the number of the finding.

use crate::cli::Shop;
use serde_json::Value;

/// Docker archives made of tar files: `img NAME LAYER...`, and `layer FILE FOLDER`.
const IMAGES: &str = r#"
layer() { tar --sort=name --owner=0 --group=0 --mtime=@0 -C "$2" -cf "$1" .; }
img() {
    local name=$1 ids= list= files= digest config; shift
    for layer; do
        digest=$(sha256sum < "$layer" | cut -c-64); cp "$layer" "$digest.tar"
        ids+=",\"sha256:$digest\""; list+=",\"$digest.tar\""; files+=" $digest.tar"
    done
    printf '{"architecture":"amd64","os":"linux","config":{%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' "${CONFIG-}" "${ids#,}" > config.json
    config=$(sha256sum < config.json | cut -c-64); mv config.json "$config.json"
    printf '[{"Config":"%s.json","RepoTags":["r.example.com/%s:1"],"Layers":[%s]}]' "$config" "$name" "${list#,}" > manifest.json
    tar -cf "$name.tar" manifest.json "$config.json" $files
    rm -f manifest.json "$config.json"
}
mkdir -p base/var/lib/dpkg base/usr/bin top/app
printf 'Package: openssl\nStatus: install ok installed\nVersion: 3.0.1\nArchitecture: amd64\n\n' > base/var/lib/dpkg/status
mkdir -p base/etc; printf 'ID=debian\nVERSION_ID="12"\n' > base/etc/os-release
for n in 01 02 03 04 05 06 07 08 09 10 11 12; do echo x > base/usr/bin/known$n; chmod 4755 base/usr/bin/known$n; done
echo x > base/usr/bin/zhelper; chmod 2755 base/usr/bin/zhelper
printf 'hello' > top/app/main
layer base.layer base; layer top.layer top
img web base.layer; CONFIG='"ExposedPorts":{"2222/tcp":{}}' img db base.layer top.layer
cat > two.toml <<'END'
[bundle]
name = "two"
scenario = "air-gapped"
version = "1"

[[image]]
name = "web"
archive = "web.tar"
license = "MIT"

[[image]]
name = "db"
archive = "db.tar"
license = "MIT"
END
sealift lock two.toml --store store
sealift pack two.toml --key packer.key --store store --passphrase-fd 0 <<<pw
"#;

/// A shop with an approver and `two-1.sealift`: two images on one base.
fn two() -> Shop {
    let shop = Shop::new();
    shop.done(
        "key() {
            openssl genpkey -algorithm ed25519 \
                | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:pw -out $1.key
            chmod 600 $1.key; openssl pkey -in $1.key -passin pass:pw -pubout -out $1.pub
         }
         key carol; key site
         sealift trust init --key root.key --packer packer.pub --approver carol.pub -o with.json --passphrase-fd 0 <<<pw
         mv with.json root.json",
    );
    shop.done(IMAGES);
    shop
}

/// A manifest with this behind its head, locked; and `check` of it as JSON.
fn check(files: &str, manifest: &str) -> (Shop, Vec<String>) {
    let shop = Shop::new();
    shop.done(files);
    let head = "[bundle]\nname = \"try\"\nscenario = \"air-gapped\"\nversion = \"1\"\n";
    std::fs::write(shop.path("try.toml"), format!("{head}{manifest}")).unwrap();
    shop.done("sealift lock try.toml --store store");
    let outcome = shop.run("sealift check try.toml --store store --json");
    let value: Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let findings = value["findings"].as_array().unwrap();
    let found = findings.iter().map(|one| format!("{} {}", word(one, "rule"), word(one, "about"))).collect();
    (shop, found)
}

const CONFIG: &str = "[[config]]\nname = \"c\"\npath = \"c\"\nlicense = \"MIT\"\n";
const CHART: &str = "[[file]]\nname = \"x\"\nkind = \"chart\"\npath = \"f\"\nlicense = \"MIT\"\n";

#[test]
fn f_new_c_an_sbom_of_images_that_share_a_base_is_read_again() {
    let shop = two();
    shop.done(
        "words() { sealift trust show root.json --json | jq -r .words; }
         sealift site init site --key site.pub --trust root.json --fingerprint \"$(words)\" --scenario air-gapped
         sealift install site two-1.sealift
         mkdir in; sealift receipt new site --key site.key -o in/site.json --passphrase-fd 0 <<<pw
         sealift sbom two-1.sealift --trust root.json > two.cdx.json
         jq -e '[.components[] | select(.name == \"openssl\") | .properties[].value] == [\"db\", \"web\"]' two.cdx.json",
    );
    let which = "sealift fleet which openssl in --key site.pub";
    // Nothing was looked up, so nobody is said not to hold it.
    let unknown = shop.fails(which, 4, "fleet.unchecked");
    assert!(
        unknown.out.starts_with("openssl: unknown, no usable SBOM of what 1 site holds\n"),
        "{}",
        unknown.shown()
    );
    shop.done("echo '{}' > in/bad.cdx.json");
    let unknown = shop.fails(which, 4, "fleet.unchecked");
    assert!(!unknown.out.contains("held by 0"), "{}", unknown.shown());
    let held = shop.done(&format!("rm in/bad.cdx.json; cp two.cdx.json in; {which}"));
    assert!(held.out.starts_with("openssl: held by 1 site\n"), "{}", held.shown());
    assert!(held.out.contains("      openssl 3.0.1 in db, web\n"), "{}", held.shown());
    shop.done("sealift evidence export two-1.sealift --trust root.json --to evidence --sbom two.cdx.json");
}

#[test]
fn f_new_c_the_analysis_cuts_no_privilege() {
    let shop = two();
    let analysis = shop.done("sealift analyze two-1.sealift --trust root.json");
    for name in ["known01", "known12", "zhelper"] {
        assert_eq!(
            analysis.out.matches(&format!("usr/bin/{name} ")).count(),
            2,
            "{name}\n{}",
            analysis.shown()
        );
    }
}

#[test]
fn f_new_c_an_approver_sees_what_is_signed() {
    let shop = two();
    shop.done(
        "echo y > base/usr/bin/fresh; chmod 4755 base/usr/bin/fresh; layer() { tar --sort=name --owner=0 --group=0 --mtime=@0 -C $2 -cf $1 .; }
         mkdir keep; mv two-1.sealift keep",
    );
    let again = IMAGES.replace("version = \"1\"", "version = \"2\"");
    shop.done(&again);
    let approve = "sealift approve two-2.sealift --trust root.json --key carol.key";
    let said = shop.done(&format!("{approve} --since keep/two-1.sealift --passphrase-fd 0 <<<pw"));
    for word in [
        "  scenario   air-gapped, epoch 1, sequence ",
        "  items      2 items",
        "    image  web  r.example.com/web:1\n",
        "  privileges 14\n",
        "usr/bin/fresh (",
        "  in db, web\n",
        "  listens    db: 2222/tcp\n",
        "  secrets    0\n",
        "changes\n",
    ] {
        assert!(said.err.contains(word), "{word}\n{}", said.shown());
    }
    assert!(said.err.contains("! setuid usr/bin/fresh"), "{}", said.shown());
    // It is shown before anything is asked: without a terminal the passphrase cannot be had, and the summary is there.
    let before = shop.run(&format!("{approve} < /dev/null"));
    assert_ne!(before.code, Some(0));
    assert!(
        before.err.contains("privileges 14") && before.err.contains("not compared"),
        "{}",
        before.shown()
    );
}

#[test]
fn f_new_c_a_waiver_for_one_image_does_not_cover_another_on_the_same_base() {
    let shop = two();
    shop.done(
        "printf '[policy]\nname = \"p\"\n[content]\nimage = [\"setgid\"]\nunread = \"allow\"\n' > p.toml
         sealift waive two-1.sealift --trust root.json --key carol.key --rule content.setgid --at 'db/*' --reason tested \
            --until 2099-01-01 -o waivers.jsonl --passphrase-fd 0 <<<pw",
    );
    let judged = shop.fails(
        "sealift policy check two-1.sealift --trust root.json --policy p.toml --waivers waivers.jsonl",
        4,
        "policy.violated",
    );
    assert!(judged.out.contains("violated   content.setgid  web/usr/bin/zhelper"), "{}", judged.shown());
    assert!(!judged.out.contains("violated   content.setgid  db/"), "{}", judged.shown());
    assert!(judged.out.contains("db/usr/bin/zhelper"), "{}", judged.shown());
}

#[test]
fn f_new_c_the_report_names_its_signer_and_checks_no_log() {
    let shop = two();
    shop.done("sealift report two-1.sealift --trust root.json -o report.html --markdown report.md --json > report.json");
    let json: Value = serde_json::from_slice(&shop.read("report.json")).unwrap();
    let sealed =
        json["identity"].as_array().unwrap().iter().find(|fact| fact["name"] == "Sealed by").unwrap();
    assert!(sealed["value"].to_string().contains("packer"), "{sealed}");
    let titles: Vec<_> =
        json["sections"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert!(
        titles.contains(&"Changes")
            && !titles.iter().any(|title| title.contains("approval") && title.contains("since"))
    );
    let text = String::from_utf8(shop.read("report.md")).unwrap();
    let row = text.lines().find(|line| line.contains("ISM-1586")).unwrap();
    assert!(row.contains("(?) not checked"), "{row}");
    for role in ["Prepared by", "Reviewed by", "Approved by"] {
        assert!(text.contains(&format!("| {role} ")), "{role}\n{text}");
    }
    // Words stay whole where columns are narrow; only what is long may break.
    let page = String::from_utf8(shop.read("report.html")).unwrap();
    assert!(page.contains("overflow-wrap: break-word; min-width: 6rem"), "style");
    let cells = page.split("<td").skip(1).map(|cell| cell.split("</td>").next().unwrap());
    for cell in cells.filter(|cell| cell.contains("class=\"long\"")) {
        let words = cell.split(['<', '>', ' ', '\n']).map(str::len).max().unwrap();
        assert!(words > 20, "{cell}");
    }
    assert!(page.contains("class=\"long\""), "digests may break");
}

#[test]
fn f_new_c_the_policy_reference_is_in_the_program() {
    let shop = Shop::new();
    shop.done("sealift policy reference > all.toml; grep -q '^\\[content\\]' all.toml; printf '[policy]\nname = 1\n' > bad.toml");
    let said = shop.run("sealift verify x --trust root.json --policy bad.toml");
    assert!(said.err.contains("`sealift policy reference`"), "{}", said.shown());
}

#[test]
fn f_new_c_a_head_that_matches_is_confirmed() {
    let shop = two();
    shop.done(
        "words() { sealift trust show root.json --json | jq -r .words; }
         sealift site init site --key site.pub --trust root.json --fingerprint \"$(words)\" --scenario air-gapped
         sealift journal verify site --json | jq -r .journal_words > head
         sealift journal export site > old.jsonl
         sealift install site two-1.sealift",
    );
    let said = shop.done("sealift journal verify site --head \"$(cat head)\" --since old.jsonl");
    assert!(
        said.out.contains("matches: the journal contains `") && said.out.contains(" before its end"),
        "{}",
        said.shown()
    );
    assert!(said.out.contains("matches: the journal begins with the "), "{}", said.shown());
    let now = shop.done(
        "sealift journal verify site --head \"$(sealift journal verify site --json | jq -r .journal_words)\"",
    );
    assert!(now.out.contains("matches: the journal ends with `"), "{}", now.shown());
}

#[test]
fn f_new_a_02_pack_on_the_first_day_names_the_way_to_keys() {
    let shop = Shop::new();
    let none = shop.fails("sealift pack site.toml --store store", 2, "cli.usage");
    assert!(
        none.err.contains("no key to seal") && none.err.contains("sealift key new packer"),
        "{}",
        none.shown()
    );
    let none =
        shop.fails("rm root.json; sealift pack site.toml --store store --key packer.key", 2, "cli.usage");
    for word in ["no trust root at `root.json`", "sealift key new root", "sealift trust init --key root.key"]
    {
        assert!(none.err.contains(word), "{word}\n{}", none.shown());
    }
}

#[test]
fn f_new_a_03_pack_refuses_errors_unless_they_are_explained() {
    let (shop, found) = check(
        "mkdir c; printf 'services:\\n  a:\\n    image: r.example.com/a:1\\n' > c/compose.yaml",
        CONFIG,
    );
    assert_eq!(found, ["reference.missing r.example.com/a:1"]);
    let pack = "sealift pack try.toml --key packer.key --store store --passphrase-fd 0 <<<pw";
    let refused = shop.fails(pack, 4, "check.findings");
    assert!(refused.out.contains("reference.missing  r.example.com/a:1"), "{}", refused.shown());
    assert!(refused.err.contains("cannot pack: `check` found 1 error"), "{}", refused.shown());
    shop.done("test ! -e try-1.sealift");
    shop.done(
        "printf '[[accept]]\\nfinding = \"reference.missing\"\\nabout = \"r.example.com/a:1\"\\nbecause = \"it is there\"\\n' >> try.toml
         sealift lock try.toml --store store",
    );
    let packed = shop.done(pack);
    assert!(
        packed.err.contains("check: 0 warnings, 0 notes, 1 accepted in the manifest: sealift check try.toml"),
        "{}",
        packed.shown()
    );
}

#[test]
fn f_new_a_05_explain_knows_what_check_analysis_and_policies_say() {
    let shop = Shop::new();
    for (code, word) in [
        ("reference.missing", "(check, error)"),
        ("image.mutable-tag", "(check, warning)"),
        ("privilege.setuid", "(analyze)"),
        ("scan.missing", "(policy)"),
        ("check.findings", "(exit code 4)"),
    ] {
        let said = shop.done(&format!("sealift explain {code}"));
        assert!(said.out.starts_with(&format!("{code} {word}\n\n")), "{}", said.shown());
    }
    // What a policy and `check` both have stands twice.
    assert_eq!(shop.done("sealift explain content.secret").out.matches("content.secret (").count(), 2);
    let all = shop.done("sealift explain").out;
    assert!(all.lines().all(|line| line.split_whitespace().count() > 4), "{all}");
    let typo = shop.fails("sealift explain image.mutable-tags", 2, "cli.usage");
    assert!(typo.err.contains("did you mean `image.mutable-tag`?"), "{}", typo.shown());
}

#[test]
fn f_new_a_08_a_folder_with_nothing_but_its_readme_is_found() {
    let files = "mkdir -p c d/sub; echo put packages here > c/README.md; touch d/sub/.gitkeep";
    let (_, found) =
        check(files, &format!("{CONFIG}[[file]]\nname = \"d\"\npath = \"d\"\nlicense = \"MIT\"\n"));
    assert_eq!(found, ["content.empty c", "content.empty d"]);
    let (_, found) = check("mkdir c; echo x > c/README.md; echo x > c/a.deb", CONFIG);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn f_new_a_10_two_packers_seal_one_after_the_other() {
    let shop = Shop::new();
    shop.done(
        "key() {
            openssl genpkey -algorithm ed25519 \
                | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:$2 -out $1.key
            chmod 600 $1.key; openssl pkey -in $1.key -passin pass:$2 -pubout -out $1.pub
         }
         key bob other; key carol pw
         sealift trust init --key root.key --packer packer.pub --packer bob.pub --packer carol.pub --packer-threshold 2 -o two.json --passphrase-fd 0 <<<pw
         mkdir both one",
    );
    let pack = "sealift pack site.toml --trust two.json --store store --passphrase-fd 0 --key packer.key";
    // With both keys at once, on a machine that has both (carol's passphrase is the packer's).
    shop.done(&format!("{pack} --key carol.key -o both <<<pw"));
    let alone = shop.fails(&format!("{pack} -o one <<<pw"), 3, "trust.threshold");
    assert!(alone.err.contains("sealift cosign"), "{}", alone.shown());
    let first = shop.done(&format!("{pack} --signatures 2 -o one <<<pw"));
    assert!(
        first
            .err
            .contains("next: 1 of 2 signatures; another packer: sealift cosign one/sample-1.0.0.sealift"),
        "{}",
        first.shown()
    );
    // Nobody takes it for a bundle, and the error names who is missing and the command.
    for command in ["verify", "inspect", "approve --key carol.key", "unpack --to new"] {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let refused = shop.fails(
            &format!("sealift {verb} one/sample-1.0.0.sealift --trust two.json {rest}"),
            3,
            "trust.threshold",
        );
        assert!(refused.err.contains("2 needed, 1 found"), "{}", refused.shown());
        assert!(
            refused.err.contains("sealift cosign one/sample-1.0.0.sealift --trust two.json --key KEY"),
            "{}",
            refused.shown()
        );
    }
    shop.done("cp one/sample-1.0.0.sealift lacks.sealift");
    let cosign = "sealift cosign one/sample-1.0.0.sealift --trust two.json --passphrase-fd 0";
    // A key without the role, and a byte that is not what was signed.
    shop.fails(&format!("{cosign} --key root.key <<<pw"), 2, "trust.packer");
    shop.done("cmp one/sample-1.0.0.sealift lacks.sealift");
    let damaged = shop.run(
        "cp lacks.sealift bad.sealift; printf X | dd of=bad.sealift bs=1 seek=$(($(stat -c %s bad.sealift) - 3000)) conv=notrunc status=none
         sealift cosign bad.sealift --trust two.json --passphrase-fd 0 --key carol.key <<<pw",
    );
    assert_eq!(damaged.code, Some(3), "{}", damaged.shown());
    shop.done("cmp -n 20000 bad.sealift lacks.sealift");
    let second = shop.done(&format!("{cosign} --key carol.key <<<pw"));
    assert!(
        second.out.starts_with("one/sample-1.0.0.sealift: 2 of 2 signatures by packers\n"),
        "{}",
        second.shown()
    );
    shop.done("cmp one/sample-1.0.0.sealift both/sample-1.0.0.sealift");
    let verified = shop.done("sealift verify --deep one/sample-1.0.0.sealift --trust two.json");
    assert_eq!(verified.out.matches("sealed by").count(), 2, "{}", verified.shown());
    // A third one may, and one who has signed changes nothing.
    shop.done(&format!(
        "{cosign} --key carol.key <<<pw; cmp one/sample-1.0.0.sealift both/sample-1.0.0.sealift"
    ));
    shop.done(&format!(
        "{cosign} --key bob.key <<<other; sealift verify one/sample-1.0.0.sealift --trust two.json"
    ));
    shop.done("test -z \"$(ls -A one | grep -v '^sample-1.0.0.sealift$')\"");
    shop.fails(&format!("{pack} --signatures 1 --key carol.key -o one <<<pw"), 2, "cli.usage");
}

#[test]
fn f_new_a_11_verbs_of_other_tools_lead_to_ours() {
    let shop = Shop::new();
    for (word, tip) in [
        ("version", "sealift --version"),
        ("list", "sealift ls BUNDLE"),
        ("create", "sealift pack my.toml"),
        ("extract", "sealift unpack"),
    ] {
        let said = shop.run(&format!("sealift {word}"));
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("tip: ") && said.err.contains(tip), "{}", said.shown());
        assert!(!said.err.contains("similar"), "{}", said.shown());
        let json = shop.run(&format!("sealift {word} --json"));
        assert!(json.out.contains(tip), "{}", json.shown());
    }
    assert!(shop.run("sealift verfy").err.contains("'verify'"));
}

#[test]
fn f_new_a_13_a_short_passphrase_is_said_to_be_one() {
    let shop = Shop::new();
    let short = shop.done("sealift key new short --passphrase-fd 0 <<<abcde");
    assert!(
        short.err.contains("warning: the passphrase of short.key has fewer than 8 characters"),
        "{}",
        short.shown()
    );
    let long = shop.done("sealift key new long --passphrase-fd 0 <<<'eight ch'");
    assert!(!long.err.contains("warning"), "{}", long.shown());
    // At a terminal it is refused, and no key is written.
    let refused = shop.run("script -qec 'sealift key new typed' /dev/null <<< abcde");
    assert!(refused.out.contains("at least 8 characters"), "{}", refused.shown());
    shop.done("test ! -e typed.key");
}

#[test]
fn f_field_18_images_in_arguments_texts_and_unusual_keys_are_said() {
    let files = r#"mkdir c; cat > c/op.yaml <<'Y'
apiVersion: apps/v1
kind: Deployment
spec: {template: {spec: {containers: [{name: op, image: "r.example.com/op:1", args: ["--reloader=quay.example.com/p/reloader:v0.68.0"], env: [{name: SIDECAR_IMG, value: "r.example.com/sidecar:1"}]}]}}}
---
apiVersion: v1
kind: ConfigMap
data: {helperPod.yaml: "kind: Pod\nspec:\n  containers:\n  - name: h\n    image: r.example.com/helper:1\n"}
---
kind: Cluster
spec: {initImage: "busybox:1.36", image: {name: "r.example.com/named", tag: "1"}, imageRepository: r.example.com/split, imageTag: "1"}
Y
printf 'docker run --rm r.example.com/script:1\n# r.example.com/comment:1\n' > c/start.sh"#;
    let (_, mut found) = check(files, CONFIG);
    found.sort();
    assert_eq!(
        found,
        [
            "reference.missing r.example.com/helper:1",
            "reference.missing r.example.com/named:1",
            "reference.missing r.example.com/op:1",
            "reference.unclear docker.io/library/busybox:1.36",
            "reference.unclear quay.example.com/p/reloader:v0.68.0",
            "reference.unclear r.example.com/script:1",
            "reference.unclear r.example.com/sidecar:1",
            "reference.unclear r.example.com/split:1",
        ]
    );
}

/// Packs a chart of these files into `f/c.tgz`.
fn chart(files: &[(&str, &str)]) -> String {
    let mut script = "mkdir -p f c/templates\n".to_owned();
    for (path, text) in files {
        script += &format!("mkdir -p $(dirname c/{path}); cat > c/{path} <<'EOF'\n{text}\nEOF\n");
    }
    script + "tar czf f/c.tgz c\n"
}

#[test]
fn f_field_18_templates_are_read_in_flow_style_across_lines_and_in_arguments() {
    let template = "kind: Pod\nspec:\n  containers:\n  - {name: n, image: \"r.example.com/flow:{{ .Chart.AppVersion }}\"}\n  - name: next\n    image:\n      r.example.com/next:1\n  - name: folded\n    image: >-\n      r.example.com/folded:1\n    args:\n    - --x=r.example.com/argument:1\n  - {\"name\":\"j\",\"image\":\"r.example.com/json:1\"}\n";
    let (_, mut found) = check(
        &chart(&[
            ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: \"7\""),
            ("values.yaml", "reloader: r.example.com/value:1\nargs: [\"--y=r.example.com/listed:1\"]"),
            ("templates/a.yaml", template),
        ]),
        CHART,
    );
    found.sort();
    assert_eq!(
        found,
        [
            "reference.missing r.example.com/flow:7",
            "reference.missing r.example.com/folded:1",
            "reference.missing r.example.com/json:1",
            "reference.missing r.example.com/next:1",
            "reference.unclear r.example.com/argument:1",
            "reference.unclear r.example.com/listed:1",
            "reference.unclear r.example.com/value:1",
        ]
    );
}

#[test]
fn f_field_19_a_chart_that_lacks_a_chart_it_names_is_an_error() {
    let about = "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- name: redis\n  version: 1.0.0\n  condition: redis.enabled\n  repository: https://charts.example.com";
    let off = ("values.yaml", "redis: {enabled: false}");
    let (_, found) = check(&chart(&[("Chart.yaml", about), off]), CHART);
    assert_eq!(found, ["chart.dependency redis"]);
    let below = ("charts/redis/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 1.0.0");
    let (_, found) = check(&chart(&[("Chart.yaml", about), off, below]), CHART);
    assert!(found.is_empty(), "{found:?}");
    // Charts of the first version name them in a file of their own.
    let old = ("Chart.yaml", "apiVersion: v1\nname: c\nversion: 1.0.0");
    let (_, found) = check(&chart(&[old, ("requirements.yaml", "dependencies:\n- name: mysql")]), CHART);
    assert_eq!(found, ["chart.dependency mysql"]);
}

#[test]
fn f_field_20_numbers_are_tags_as_helm_prints_them() {
    let (_, mut found) = check(
        &chart(&[
            ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: 2.10"),
            (
                "values.yaml",
                "image: {repository: r.example.com/x, tag: 1.10}\nother: {repository: r.example.com/y, tag: \"1.10\"}\nday: {repository: r.example.com/z, tag: 20230101}",
            ),
            (
                "templates/a.yaml",
                "image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n---\nimage: \"{{ .Values.other.repository }}:{{ .Values.other.tag }}\"\n---\nimage: \"r.example.com/app:{{ .Chart.AppVersion }}\"\n---\nimage: \"{{ .Values.day.repository }}:{{ .Values.day.tag }}\"",
            ),
        ]),
        CHART,
    );
    found.sort();
    assert_eq!(
        found,
        [
            "reference.missing r.example.com/app:2.1",
            "reference.missing r.example.com/x:1.1",
            "reference.missing r.example.com/y:1.10",
            "reference.unclear r.example.com/z:2.0230101e+07",
        ]
    );
}

#[test]
fn f_field_r12_charts_made_on_windows_are_read_and_an_item_without_a_chart_is_said() {
    let script = r#"mkdir f; python3 - <<'PY'
import tarfile, io
with tarfile.open("f/c.tgz", "w:gz") as tar:
    for name, text in [("c\\Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("c\\templates\\a.yaml", "image: r.example.com/win:1\n")]:
        info = tarfile.TarInfo(name); info.size = len(text); tar.addfile(info, io.BytesIO(text.encode()))
PY"#;
    let (_, found) = check(script, CHART);
    assert_eq!(found, ["reference.missing r.example.com/win:1"]);
    let (_, found) = check("mkdir -p f x; echo x > x/y; tar czf f/c.tgz x", CHART);
    assert_eq!(found, ["reference.unclear f/c.tgz"]);
}

#[test]
fn f_field_26_init_completes_short_names_and_reports_all_bad_lines() {
    let shop = Shop::new();
    let bad = shop.fails("mkdir n; printf 'rancher/rancher:v2.8.0\\nnginx\\nA:1\\n' > n/images.txt; sealift init n/my.toml --images n/images.txt", 2, "manifest.value");
    assert!(bad.err.contains("line 2") && bad.err.contains("line 3"), "{}", bad.shown());
    shop.done(
        "printf 'rancher/rancher:v2.8.0\\n' > n/images.txt; sealift init n/my.toml --images n/images.txt",
    );
    let text = String::from_utf8(shop.read("n/my.toml")).unwrap();
    assert!(text.contains("reference = \"docker.io/rancher/rancher:v2.8.0\"\n"), "{text}");
    // F-NEW A12: the list itself is not a document of the bundle.
    assert!(!text.contains("[[doc]]") && text.contains("#   images.txt: "), "{text}");
}

#[test]
fn f_new_a_01_init_lists_the_images_that_files_name() {
    let shop = Shop::new();
    shop.done("mkdir n; printf 'services:\\n  web:\\n    image: nginx:1.27\\n' > n/compose.yaml; sealift init n/my.toml");
    let text = String::from_utf8(shop.read("n/my.toml")).unwrap();
    assert!(text.contains("[[image]]\nname = \"nginx\"\nreference = \"docker.io/library/nginx:1.27\"   # named by compose.yaml:3\n"), "{text}");
}

#[test]
fn f_peers_3_the_time_of_a_lock_can_be_given() {
    let shop = Shop::new();
    shop.done("rm site.lock.toml; SOURCE_DATE_EPOCH=1700000000 sealift lock site.toml --store store; grep -q 'created = \"2023-11-14T22:13:20Z\"' site.lock.toml");
    shop.fails("SOURCE_DATE_EPOCH=yesterday sealift lock site.toml --store store", 2, "cli.usage");
}
