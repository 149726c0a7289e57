//! Evidence: what is exported is verified, is the same every time, and its own instructions find every changed byte.

use crate::cli::{Outcome, Shop};
use crate::site::{done, shop};
use crate::support;

const EXPORT: &str = "sealift evidence export sample-1.1.0.sealift --trust root.json --site site \
    --receipt receipt.json --key site.pub --report report.html --sbom sample.cdx.json";

/// A shop with everything that evidence can have: approvals, a newer root, a journal, a receipt, a report and an SBOM.
fn evidence_shop() -> Shop {
    let shop = shop();
    done(
        &shop,
        r#"sealift install site sample-1.0.0.sealift
           sealift trust set root.json --require-approvals --approval-condition malware-scan -o next.json --key root.key --passphrase-fd 0 <<<pw
           mv next.json root.json
           rm sample-1.1.0.sealift; make 1.1.0 2
           sealift approve sample-1.1.0.sealift --trust root.json --key carol.key --condition malware-scan --passphrase-fd 0 <<<pw
           sealift install site sample-1.1.0.sealift
           sealift receipt new site --key site.key -o receipt.json --passphrase-fd 0 <<<pw
           echo '<h1>fine</h1>' > report.html
           id=$(tar -xOf sample-1.1.0.sealift seal/statement.json | sha256sum | cut -c-64)
           printf '{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":[{"name":"sealift:statement","value":"sha256:%s"}]},"components":[]}' $id > sample.cdx.json"#,
    );
    shop
}

/// The commands of the instructions in `from`, run in `folder`; from the second step on, if `is_signed` is all that
/// counts.
fn follow(shop: &Shop, from: &str, folder: &str, is_signed: bool) -> Outcome {
    let text = String::from_utf8(shop.read(&format!("{from}/VERIFY.txt"))).unwrap();
    let text = if is_signed { text.split_once("\n2. ").unwrap().1.to_owned() } else { text };
    let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("     ")).collect();
    assert!(commands.len() > 40, "{text}");
    // None of it is this program.
    shop.run(&format!("cd {folder}\nsealift() {{ exit 99; }}\n{}", commands.join("\n")))
}

#[test]
fn its_own_instructions_lead_to_belief() {
    let shop = evidence_shop();
    let outcome = shop.done(&format!("{EXPORT} --to evidence"));
    assert!(
        outcome.out.starts_with("exported the evidence about sample-1.1.0 to evidence: 16 files\n"),
        "{}",
        outcome.shown()
    );
    let followed = follow(&shop, "evidence", "evidence", false);
    assert_eq!(followed.code, Some(0), "{}", followed.shown());
    for said in [
        "Signature Verified Successfully",
        "seal/SHA256SUMS: OK",
        "stating malware-scan",
        "site installed it at ",
    ] {
        assert!(followed.out.contains(said), "{said}\n{}", followed.shown());
    }
    // The tools that they name are the tools that they use.
    let text = String::from_utf8(shop.read("evidence/VERIFY.txt")).unwrap();
    assert!(!text.contains('@'), "{text}");
    for fact in [
        "sample-1.1.0, scenario air-gapped, epoch 1, sequence 2",
        "approved    by carol at ",
        "by sealift",
        "What is here",
    ] {
        let is_there = text.contains(fact) || (fact == "by sealift" && text.contains("sealift 0."));
        assert!(is_there, "{fact}\n{text}");
    }
    // The same again gives the same bytes, whenever it is done.
    shop.done(&format!("sleep 1.1; {EXPORT} --to again"));
    assert_eq!(support::listing(&shop.path("evidence")), support::listing(&shop.path("again")));
    // Nothing is written over.
    shop.fails(&format!("{EXPORT} --to evidence"), 2, "site.target");
}

#[test]
fn the_least_evidence_is_seal_roots_and_keys() {
    let shop = Shop::packed();
    shop.done("sealift evidence export sample-1.0.0.sealift --trust root.json --to least");
    let followed = follow(&shop, "least", "least", false);
    assert_eq!(followed.code, Some(0), "{}", followed.shown());
    let text = String::from_utf8(shop.read("least/VERIFY.txt")).unwrap();
    assert!(
        text.contains("there is no receipt here") && text.contains("there is no approval here"),
        "{text}"
    );
    // A root that is newer than the bundle goes along.
    shop.done(
        "sealift trust set root.json --expires 2999-01-01T00:00:00Z -o next.json --key root.key --passphrase-fd 0 <<<pw
         sealift evidence export sample-1.0.0.sealift --trust next.json --to newer; test -e newer/roots.dsse.jsonl",
    );
    let followed = follow(&shop, "newer", "newer", false);
    assert_eq!(followed.code, Some(0), "{}", followed.shown());
}

#[test]
fn every_changed_byte_is_noticed() {
    let shop = evidence_shop();
    shop.done(&format!("{EXPORT} --to evidence"));
    let files = shop.done("cd evidence; find . -type f -printf '%P\\n' | LC_ALL=C sort").out;
    // What somebody signed is found by its signature too, also if the list was made anew.
    let is_signed = |file: &str| {
        !["VERIFY.txt", "SHA256SUMS.evidence", "reports/report.html", "sboms/sample.cdx.json"].contains(&file)
    };
    assert_eq!(files.lines().count(), 16, "{files}");
    for file in files.lines() {
        // In the middle of a key, of a name in the SBOM that nothing but its list holds, and of everything else.
        let place = match file {
            file if file.ends_with(".pub") => "60",
            "sboms/sample.cdx.json" => "2",
            _ => "size / 2",
        };
        shop.done(&format!(
            "rm -rf bent; cp -a evidence bent; cd bent; size=$(stat -c %s '{file}'); at=$(({place}))
             byte=$(od -An -tu1 -j $at -N 1 '{file}')
             printf \"\\\\x$(printf %x $((byte ^ 1)))\" | dd of='{file}' bs=1 seek=$at conv=notrunc status=none
             ! cmp -s '{file}' '../evidence/{file}'"
        ));
        let followed = follow(&shop, "evidence", "bent", false);
        assert_ne!(followed.code, Some(0), "{file}: {}", followed.shown());
        let followed = follow(&shop, "evidence", "bent", true);
        assert_eq!(followed.code != Some(0), is_signed(file), "{file}: {}", followed.shown());
    }
    // Files that are gone, new, or links are noticed as well.
    for change in [
        "rm reports/report.html",
        "touch new",
        "mkdir x; touch x/.hidden",
        "ln -s VERIFY.txt link",
        "mv reports/report.html reports/other.html",
    ] {
        shop.done(&format!("rm -rf bent; cp -a evidence bent; cd bent; {change}"));
        let followed = follow(&shop, "evidence", "bent", false);
        assert_ne!(followed.code, Some(0), "{change}: {}", followed.shown());
    }
}

#[test]
fn whoever_makes_the_list_anew_still_needs_the_keys() {
    let shop = evidence_shop();
    shop.done(&format!("{EXPORT} --to evidence"));
    // Another packer, another approver, an older line of the journal, a receipt by another key.
    for (case, change) in [
        ("S17 a statement by nobody", "sed -i s/sample/simple/ seal/statement.json"),
        (
            "S20 a seal by an approver's key",
            r#"id=$(jq -r .signatures[0].keyid approvals.dsse.jsonl); jq -cj --arg id $id '.signatures[0].keyid = $id' seal/bundle.dsse.json > x; mv x seal/bundle.dsse.json"#,
        ),
        (
            "S14 no signature",
            r#"jq -cj '.signatures = []' seal/bundle.dsse.json > x; mv x seal/bundle.dsse.json"#,
        ),
        (
            "an approval of nobody",
            r#"jq -c '.signatures = []' approvals.dsse.jsonl > x; mv x approvals.dsse.jsonl"#,
        ),
        ("E14 a line of the journal is gone", "sed -i 2d site/journal.jsonl"),
        ("E14 the end of the journal is gone", "sed -i '$d' site/journal.jsonl"),
        ("E14 an edited time", "sed -i '2s/\"time\":\"2/\"time\":\"3/' site/journal.jsonl"),
        (
            "S22 a root without its signatures",
            r#"sed -i '2s/"sig":"..../"sig":"AAAA/' seal/roots.dsse.jsonl"#,
        ),
        ("S23 a root that is left out", "sed -i 1d seal/roots.dsse.jsonl"),
        (
            "another key under the id of one",
            "for key in keys/*; do cp $key ../one; done; for key in keys/*; do cp ../one $key; done",
        ),
    ] {
        shop.done(&format!("rm -rf bent; cp -a evidence bent; cd bent; {change}"));
        let followed = follow(&shop, "evidence", "bent", true);
        assert_ne!(followed.code, Some(0), "{case}: {}", followed.shown());
    }
}

#[test]
fn what_is_not_believed_or_does_not_belong_is_not_exported() {
    let shop = evidence_shop();
    let base = "sealift evidence export sample-1.1.0.sealift --trust root.json --to evidence";
    let with = |more: &str| format!("{base} {more}");
    for (case, script, exit, code) in [
        (
            "a flipped byte",
            "cp sample-1.1.0.sealift.approvals bent.sealift.approvals; cp sample-1.1.0.sealift bent.sealift; size=$(stat -c %s bent.sealift)
             printf X | dd of=bent.sealift bs=1 seek=$((size - 3000)) conv=notrunc status=none
             sealift evidence export bent.sealift --trust root.json --to evidence"
                .to_owned(),
            3,
            "bundle.digest",
        ),
        ("too few approvals", "mv sample-1.1.0.sealift.approvals x; trap 'mv x sample-1.1.0.sealift.approvals' EXIT; ".to_owned() + base, 3, "trust.unapproved"),
        ("a receipt without its key", with("--receipt receipt.json"), 2, ""),
        ("a receipt by another key", with("--receipt receipt.json --key carol.pub"), 2, "evidence.input"),
        (
            "a receipt that was changed",
            "sed 's/\"sig\":\"..../\"sig\":\"AAAA/' receipt.json > bent.json; ".to_owned() + &with("--receipt bent.json --key site.pub"),
            3,
            "trust.tampered",
        ),
        (
            "a receipt about another bundle",
            "sealift install site sample-1.2.0.sealift --approvals p || true; make 1.4.0 7; sealift approve sample-1.4.0.sealift --trust root.json --key carol.key --condition malware-scan --passphrase-fd 0 <<<pw
             sealift install site sample-1.4.0.sealift; sealift receipt new site --key site.key -o later.json --passphrase-fd 0 <<<pw; "
                .to_owned()
                + &with("--receipt later.json --key site.pub"),
            2,
            "evidence.input",
        ),
        ("an SBOM about another bundle", "sed 's/sha256:./sha256:0/; s/sha256:0\\(.\\)/sha256:1\\1/' sample.cdx.json | tr a b > other.cdx.json; ".to_owned() + &with("--sbom other.cdx.json"), 2, "evidence.input"),
        ("a site that never had it", "init other; ".to_owned() + &with("--site other"), 2, "evidence.input"),
        ("a name twice", "mkdir -p d; cp report.html d/; ".to_owned() + &with("--report report.html --report d/report.html"), 2, "evidence.input"),
        ("a link", "ln -sf report.html link; ".to_owned() + &with("--report link"), 2, "evidence.input"),
    ] {
        let outcome = done_or(&shop, &script);
        assert_eq!(outcome.code, Some(exit), "{case}: {}", outcome.shown());
        assert!(code.is_empty() || outcome.is(code), "{case}: not {code}: {}", outcome.shown());
        assert!(!shop.path("evidence").exists(), "{case}: something was written");
        assert!(!shop.path(".evidence.sealift-staging").exists(), "{case}: something was left");
    }
}

/// Runs a script with the helpers of the tests of sites, whatever becomes of it.
fn done_or(shop: &Shop, script: &str) -> Outcome {
    shop.run(&format!("{}\n{script}", crate::site::MAKE))
}
