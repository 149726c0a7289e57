//! A fleet: receipts and requests of several sites in one folder, good and bad; and who holds a component.

use crate::cli::{Outcome, Shop};
use crate::site::{done, shop};
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::secret::{Passphrase, SecretKey};

/// Three sites with a key each: `site` has 1.2.0, `ship` 1.1.0 after 1.0.0, `desert` 1.0.0. Their records are in `in`.
const SITES: &str = r#"
for name in ship desert; do sealift key new $name --passphrase-fd 0 <<<pw; init $name --key $name.pub; done
sealift install site sample-1.2.0.sealift
sealift install ship sample-1.0.0.sealift
sealift install desert sample-1.0.0.sealift
mkdir -p in/sub
receipt() { sealift receipt new "$1" --key "${3-$1}.key" -o "$2" --passphrase-fd 0 <<<pw; }
receipt site in/site.json
receipt ship in/ship-1.json
receipt desert in/sub/desert.json
sealift install ship sample-1.1.0.sealift
receipt ship in/ship-2.json
"#;

const RECEIPT: &str =
    r#"receipt() { sealift receipt new "$1" --key "${3-$1}.key" -o "$2" --passphrase-fd 0 <<<pw; }"#;
const KEYS: &str = "--key site.pub --key ship.pub --key desert.pub";

fn fleet_shop() -> Shop {
    let shop = shop();
    done(&shop, SITES);
    shop
}

fn ended(shop: &Shop, script: &str, exit: i32, code: &str) -> Outcome {
    let outcome = shop.run(script);
    assert_eq!(outcome.code, Some(exit), "{script}\n{}", outcome.shown());
    assert!(exit == 0 || outcome.is(code), "{script}: not {code}\n{}", outcome.shown());
    outcome
}

/// What `jq` makes of the JSON of a command that ends in this way.
fn json(shop: &Shop, script: &str, exit: i32, filter: &str) -> String {
    let outcome = shop.run(&format!(
        "{script} --json > out.json || test $? = {exit}; head -1 out.json | jq -cr '{filter}'"
    ));
    assert_eq!(outcome.code, Some(0), "{script}\n{}", outcome.shown());
    outcome.out
}

fn key(shop: &Shop, name: &str) -> SecretKey {
    let pem = String::from_utf8(shop.read(&format!("{name}.key"))).unwrap();
    SecretKey::from_encrypted_pem(&pem, &Passphrase::new("pw".to_owned().into())).unwrap()
}

/// Signs what `change` makes of the receipt in a file, as a site could.
fn forged(shop: &Shop, from: &str, to: &str, signer: &str, change: impl Fn(String) -> String) {
    let bytes = shop.read(from);
    let envelope = Envelope::parse(&bytes, PayloadType::Receipt, &crate::support::LIMITS).unwrap();
    let payload = String::from_utf8(envelope.unverified_payload().to_vec()).unwrap();
    let changed = change(payload.clone());
    assert!(changed != payload || signer != from, "nothing was changed");
    let signed = Envelope::sign(PayloadType::Receipt, changed.into_bytes(), &[&key(shop, signer)]).unwrap();
    std::fs::write(shop.path(to), signed.encode().unwrap()).unwrap();
}

#[test]
fn a_fleet_shows_who_holds_what_and_who_is_behind() {
    let shop = fleet_shop();
    let outcome = shop.done(&format!("sealift fleet in {KEYS}"));
    let lines: Vec<_> = outcome.out.lines().collect();
    assert!(lines[0].starts_with("air-gapped: the newest is bundle "), "{}", outcome.shown());
    assert!(lines[0].ends_with(", epoch 1, sequence 3"), "{}", outcome.shown());
    // The furthest behind comes first; the older of two records of a site only counts.
    for (line, (name, lag)) in
        lines[1..4].iter().zip([("desert", "2 behind"), ("ship", "1 behind"), ("site", "newest")])
    {
        assert!(line.trim_start().starts_with(name) && line.contains(lag), "{line}\n{}", outcome.shown());
        assert!(line.contains("reported today, at ") && line.contains("; installed "), "{line}");
        assert_eq!(line.contains("; 1 older record"), name == "ship", "{line}");
    }
    assert_eq!(lines[4], "4 records of 3 sites verified; 2 behind", "{}", outcome.shown());
    // A bundle gets its name from its statement, whoever has it: the digest says that it is the one.
    done(
        &shop,
        "tar -xOf sample-1.0.0.sealift seal/statement.json > in/one.json
         tar -xOf sample-1.1.0.sealift seal/bundle.dsse.json > in/two.json; echo notes > in/notes.txt",
    );
    let named = shop.done(&format!("sealift fleet in {KEYS}"));
    assert!(
        named.out.contains("sample-1.0.0  ") && named.out.contains("sample-1.1.0  "),
        "{}",
        named.shown()
    );
    assert!(named.out.contains("neither receipts nor requests: 1 file: in/notes.txt"), "{}", named.shown());
    // A bundle that nobody has yet is the newest, once the trust root trusts it.
    done(&shop, "make 1.5.0 9; cp sample-1.5.0.sealift in/; cp sample-1.2.0.sealift in/sub/");
    let closed = shop.done(&format!("sealift fleet in {KEYS}"));
    assert!(closed.out.contains("because `--trust` is missing: 2 files"), "{}", closed.shown());
    let filter = "[.verified.rows[] | [.name, .title.version, .number.sequence, .lag.is, .lag.numbers]]";
    let rows = json(&shop, &format!("sealift fleet in {KEYS} --trust root.json"), 0, filter);
    assert_eq!(
        rows,
        "[[\"desert\",\"1.0.0\",1,\"behind\",8],[\"ship\",\"1.1.0\",2,\"behind\",7],[\"site\",\"1.2.0\",3,\"behind\",6]]\n"
    );
    // Requests say the same, and what is kept besides.
    done(&shop, "sealift request new ship --key ship.key -o in/ship-3.json --passphrase-fd 0 <<<pw");
    let kept = json(
        &shop,
        &format!("sealift fleet in {KEYS}"),
        0,
        ".verified.rows[] | select(.name == \"ship\") | [.older, (.kept | length)]",
    );
    assert_eq!(kept, "[2,1]\n");
    // A site that has nothing is there too.
    done(
        &shop,
        "sealift key new bare --passphrase-fd 0 <<<pw; init bare --key bare.pub; sealift request new bare --key bare.key -o in/bare.json --passphrase-fd 0 <<<pw",
    );
    let bare = shop.done(&format!("sealift fleet in {KEYS} --key bare.pub"));
    assert!(
        bare.out.contains("nothing installed: bare  ") && bare.out.contains(" of 4 sites verified"),
        "{}",
        bare.shown()
    );
}

#[test]
fn unverified_and_verified_never_mix() {
    let shop = fleet_shop();
    // Without a key there is something to see, and it is not a success.
    let outcome = ended(&shop, "sealift fleet in", 4, "fleet.unchecked");
    assert!(
        outcome.out.starts_with("unverified: content of 4 records signed by keys not given"),
        "{}",
        outcome.shown()
    );
    assert!(outcome.out.ends_with("0 records of 0 sites verified; 0 behind\n"), "{}", outcome.shown());
    // A stranger says that `site` has a bundle of a number far ahead: it stands apart, and nobody verified is behind it.
    forged(&shop, "in/site.json", "in/lie.json", "carol", |text| {
        text.replace("\"sequence\":3", "\"sequence\":99")
    });
    let script = format!("sealift fleet in {KEYS}");
    let outcome = ended(&shop, &script, 4, "fleet.conflicts");
    assert!(outcome.out.contains("epoch 1, sequence 3\n"), "{}", outcome.shown());
    assert!(outcome.out.contains("CONFLICT, unverified "), "{}", outcome.shown());
    let filter = "[(.verified | [.records, (.conflicts | length), (.newest[].bundle.sequence)]), (.unverified | [.records, (.rows | length)])]";
    assert_eq!(json(&shop, &script, 4, filter), "[[4,0,3],[1,1]]\n");
    // The same by the key of another site is one key for two sites, and two for one.
    forged(&shop, "in/site.json", "in/lie.json", "ship", |text| {
        text.replace("\"name\":\"site\"", "\"name\":\"sits\"")
    });
    assert_eq!(json(&shop, &script, 4, "[.verified.conflicts[].conflict]"), "[\"keys\",\"shared_key\"]\n");
}

#[test]
fn what_is_not_what_its_key_signed_is_refused_and_the_rest_is_shown() {
    let shop = fleet_shop();
    done(
        &shop,
        r#"jq -cj '.signatures[0].sig |= (.[0:20] + (if .[20:21] == "A" then "B" else "A" end) + .[21:])' in/site.json > in/bent.json
           jq . in/ship-1.json > in/pretty.json
           jq -cj '.signatures += .signatures' in/ship-1.json > in/twice.json
           jq -cj '.signatures = []' in/ship-1.json > in/nobody.json
           head -c 700 in/ship-1.json > in/cut.json
           rm in/site.json"#,
    );
    let script = format!("sealift fleet in {KEYS}");
    let outcome = ended(&shop, &script, 3, "fleet.refused");
    for (file, why) in [
        ("bent", "invalid signature"),
        ("pretty", "not in canonical form"),
        ("twice", "it has 2 signatures, expected one"),
        ("nobody", "it has 0 signatures, expected one"),
        ("cut", "not in canonical form"),
    ] {
        let line = outcome.out.lines().find(|line| line.starts_with(&format!("REJECTED in/{file}.json: ")));
        assert!(line.is_some_and(|line| line.contains(why)), "{file}: {}", outcome.shown());
    }
    assert!(outcome.out.contains("3 records of 2 sites verified"), "{}", outcome.shown());
    assert!(outcome.err.contains("5 files"), "{}", outcome.shown());
    let codes = json(&shop, &script, 3, "[.refused[].code] | unique");
    assert_eq!(codes, "[\"trust.format\",\"trust.tampered\"]\n");
    // A bundle that is not what was sealed is refused as well, and one that is revoked names nothing and is not an attack.
    done(
        &shop,
        "rm in/bent.json in/pretty.json in/twice.json in/nobody.json in/cut.json
         head -c 3000 sample-1.0.0.sealift > in/cut.sealift",
    );
    ended(&shop, &format!("{script} --trust root.json"), 3, "fleet.refused");
    done(
        &shop,
        "rm in/cut.sealift; cp sample-1.0.0.sealift in/
         id=$(tar -xOf sample-1.0.0.sealift seal/statement.json | sha256sum | cut -c-64)
         sealift trust revoke root.json sha256:$id -o next.json --key root.key --passphrase-fd 0 <<<pw",
    );
    let revoked = ended(&shop, &format!("{script} --trust next.json"), 4, "fleet.conflicts");
    assert!(revoked.out.contains("CONFLICT, revoked bundle in use: desert "), "{}", revoked.shown());
    assert!(revoked.out.contains("set aside: in/sample-1.0.0.sealift: "), "{}", revoked.shown());
}

#[test]
fn e14_forks_twins_and_dates_to_come_are_loud() {
    let shop = fleet_shop();
    let script = format!("sealift fleet in {KEYS}");
    let kinds = || json(&shop, &script, 4, "[.verified.conflicts[].conflict]");
    // Somebody brought back the folder of a site from a backup and went on with it.
    done(
        &shop,
        &format!(
            "{RECEIPT}
             cp -a desert fork; sealift install desert sample-1.1.0.sealift; sealift install fork sample-1.2.0.sealift
             receipt desert in/a.json; receipt fork in/b.json desert"
        ),
    );
    assert_eq!(kinds(), "[\"fork\"]\n");
    let outcome = ended(&shop, &script, 4, "fleet.conflicts");
    assert!(
        outcome.out.starts_with("CONFLICT, forked journal: the journal of desert "),
        "{}",
        outcome.shown()
    );
    assert!(
        outcome.out.contains("says `in/a.json`") && outcome.out.contains("says `in/b.json`"),
        "{}",
        outcome.shown()
    );
    // Two bundles with one number.
    done(
        &shop,
        &format!(
            "{RECEIPT}
             rm in/a.json in/b.json; make 1.2.0 3 twin; sealift install ship twin-1.2.0.sealift; receipt ship in/a.json"
        ),
    );
    assert_eq!(kinds(), "[\"equivocation\"]\n");
    // A site whose clock is ahead.
    done(&shop, "rm in/a.json");
    let ahead = |text: String| {
        let at = text.find("\"issued\":\"").unwrap() + 10;
        format!("{}2999-01-01T00:00:00Z{}", &text[..at], &text[at + 20..])
    };
    forged(&shop, "in/ship-2.json", "in/ship-2.json", "ship", ahead);
    assert_eq!(kinds(), "[\"future\"]\n");
    let outcome = ended(&shop, &script, 4, "fleet.conflicts");
    assert!(outcome.out.contains("reported in the future, at 2999-"), "{}", outcome.shown());
}

#[test]
fn hostile_folders_are_read_within_bounds() {
    let shop = fleet_shop();
    ended(&shop, "sealift fleet nowhere", 2, "fleet.folder");
    ended(&shop, "mkdir none; sealift fleet none", 2, "cli.usage");
    // Z16: nothing but regular files is opened, and no link is followed; what was left out is said.
    done(
        &shop,
        "mkfifo in/pipe; ln -s ../site.key in/key; ln -s / in/root; : > in/empty; head -c 3000000 /dev/zero > in/zeros
         printf '{\"payloadType\":\"application/vnd.sealift.receipt.v1+json\",\"payload\":\"' > in/long.json
         head -c 40000000 /dev/zero | tr '\\0' A >> in/long.json",
    );
    let script = format!("timeout 60 sealift fleet in {KEYS}");
    let outcome = ended(&shop, &script, 3, "fleet.refused");
    assert!(
        outcome.out.contains("REJECTED in/long.json: a receipt is not in canonical form: it has "),
        "{}",
        outcome.shown()
    );
    for line in ["not read: in/key: it is a link", "not read: in/root: ", "not read: in/pipe: it is not a "] {
        assert!(outcome.out.contains(line), "{line}\n{}", outcome.shown());
    }
    assert!(outcome.out.contains("2 files: in/empty, in/zeros"), "{}", outcome.shown());
    done(&shop, "rm in/long.json");
    let outcome = ended(&shop, &script, 4, "fleet.unchecked");
    assert!(outcome.err.contains("3 files that could not be looked at"), "{}", outcome.shown());
    // J24, J08: names that deceive, and folders without end.
    done(
        &shop,
        "rm in/pipe in/key in/root; touch $'in/a\\e[31mred\\nline'; d=in; for i in $(seq 20); do d=$d/d; done; mkdir -p $d; cp in/ship-1.json $d/x.json",
    );
    let outcome = ended(&shop, &script, 4, "fleet.unchecked");
    assert!(
        outcome.out.contains("in/a\\u{1b}[31mred\\u{a}line") && !outcome.out.contains('\x1b'),
        "{}",
        outcome.shown()
    );
    assert!(outcome.out.contains("it lies more than 16 folders deep"), "{}", outcome.shown());
}

#[test]
fn the_page_is_one_file_that_loads_and_runs_nothing() {
    let shop = fleet_shop();
    done(&shop, "touch 'in/<script>alert(1)<script>' 'in/\" onload=\"x'");
    forged(&shop, "in/site.json", "in/lie.json", "carol", |text| {
        text.replace("\"sequence\":3", "\"sequence\":99")
    });
    let outcome = ended(&shop, &format!("sealift fleet in {KEYS} --html fleet.html"), 4, "fleet.conflicts");
    assert!(outcome.err.contains("wrote fleet.html"), "{}", outcome.shown());
    let page = String::from_utf8(shop.read("fleet.html")).unwrap();
    assert!(page.contains("in/&lt;script&gt;alert(1)&lt;script&gt;"), "{page}");
    assert!(page.contains("in/&quot; onload=&quot;x"), "{page}");
    for bad in ["<script", " onload=\"", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(bad), "{bad}\n{page}");
    }
    for good in ["<h1>Who holds what</h1>", "2 behind", "Unverified", "One bundle, two numbers", "<time>"] {
        assert!(page.contains(good), "{good}\n{page}");
    }
    // Every element that is opened is closed.
    for name in
        ["main", "section", "table", "tr", "td", "th", "svg", "dl", "dd", "span", "small", "code", "time"]
    {
        let opened = page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
        assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "{name}");
    }
}

/// Writes an SBOM about the bundle of this version.
const SBOM: &str = r#"
sbom() { # version file components
    id=$(tar -xOf "sample-$1.sealift" seal/statement.json | sha256sum | cut -c-64)
    printf '{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"properties":[{"name":"sealift:statement","value":"sha256:%s"}]},"components":[%s]}' "$id" "$3" > "$2"
}
deb() { printf '{"type":"library","name":"%s","version":"%s","purl":"pkg:deb/debian/%s@%s","properties":[{"name":"sealift:item","value":"hello"}]}' "$1" "$2" "$1" "$2"; }
"#;

#[test]
fn which_site_holds_a_component() {
    let shop = fleet_shop();
    done(
        &shop,
        &format!(
            "{SBOM} sbom 1.0.0 in/one.cdx.json \"$(deb openssl 3.0.1),$(deb zlib1g 1.2)\"; sbom 1.1.0 in/two.cdx.json \"$(deb openssl 3.0.2)\""
        ),
    );
    let which = |what: &str| format!("sealift fleet which {what} in {KEYS}");
    // The bundle of `site` has no SBOM here: never 0 while something was not looked into.
    let outcome = ended(&shop, &which("openssl"), 4, "fleet.unchecked");
    assert!(
        outcome.out.starts_with("openssl: held by at least 2 sites; unknown for 1 site\n  desert  "),
        "{}",
        outcome.shown()
    );
    assert!(
        outcome.out.contains("      openssl 3.0.1 in hello\n      source: in/one.cdx.json (sha256:"),
        "{}",
        outcome.shown()
    );
    assert!(
        outcome.out.contains("not checked, because the bundle has no SBOM:\n  site  "),
        "{}",
        outcome.shown()
    );
    assert!(outcome.err.contains("not checked: 1 bundle without an SBOM"), "{}", outcome.shown());
    done(&shop, &format!("{SBOM} sbom 1.2.0 in/three.cdx.json \"$(deb openssl 3.0.3)\""));
    for (what, exit, sites) in [
        ("openssl", 0, "[\"desert\",\"ship\",\"site\"]\n"),
        ("openssl@3.0.2", 0, "[\"ship\"]\n"),
        ("pkg:deb/debian/openssl@3.0.3", 0, "[\"site\"]\n"),
        ("zlib1g", 0, "[\"desert\"]\n"),
        ("openss", 4, "[]\n"),
        ("openssl@3", 4, "[]\n"),
    ] {
        assert_eq!(json(&shop, &which(what), exit, "[.holders[].name]"), sites, "{what}");
    }
    let nobody = ended(&shop, &which("openss"), 4, "fleet.nobody");
    assert!(
        nobody.out.contains("similar names: openssl@3.0.1, openssl@3.0.2, openssl@3.0.3"),
        "{}",
        nobody.shown()
    );
    // What is kept for going back is held too.
    done(&shop, "sealift request new ship --key ship.key -o in/ship-3.json --passphrase-fd 0 <<<pw");
    let kept = shop.done(&which("zlib1g"));
    assert!(
        kept.out.contains("held by 2 sites") && kept.out.contains("kept but not in use"),
        "{}",
        kept.shown()
    );
    // SBOMs that cannot be used are named, and the answer is not whole.
    done(&shop, "echo '{}' > in/bad.cdx.json; jq -c 'del(.metadata)' in/one.cdx.json > in/loose.cdx.json");
    let outcome = ended(&shop, &which("openssl"), 4, "fleet.unchecked");
    assert!(
        outcome.out.contains("not used: in/bad.cdx.json: it is not an SBOM in CycloneDX"),
        "{}",
        outcome.shown()
    );
    assert!(
        outcome.out.contains("not used: in/loose.cdx.json: does not name its bundle"),
        "{}",
        outcome.shown()
    );
    // Sites whose records nobody checked are marked.
    let outcome = ended(&shop, "sealift fleet which openssl@3.0.2 in --key site.pub", 4, "fleet.unchecked");
    assert!(
        outcome.out.lines().any(|line| line.starts_with("  ship  ") && line.ends_with(", unverified")),
        "{}",
        outcome.shown()
    );
}
