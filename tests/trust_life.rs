//! The life of a trust root, from the command line: who is added, removed, rotated and revoked, who has to sign that,
//! and what sites trust afterwards.

use crate::cli::{Outcome, Shop};

/// Three people with root keys of whom two sign, one packer, an approver; and what every test types all the time.
const PEOPLE: &str = r#"
for name in ada ben cy dee eli; do
    openssl genpkey -algorithm ed25519 \
        | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:pw -out $name.key
    chmod 600 $name.key
    openssl pkey -in $name.key -passin pass:pw -pubout -out $name.pub
done
sealift trust init --key ada.key --key ben.key --root cy.pub --root-threshold 2 --packer packer.pub \
    --approver dee.pub -o trust.json --passphrase-fd 0 <<<pw
cp trust.json v1.json
"#;

/// A shop with the trust root `trust.json`, and the words that stand for commands.
struct Life(Shop);

impl Life {
    fn new() -> Self {
        let shop = Shop::new();
        shop.done(PEOPLE);
        Self(shop)
    }

    fn script(script: &str) -> String {
        format!(
            "trust() {{ sealift trust \"$@\" --passphrase-fd 0 <<<pw; }}
             sign() {{ trust sign trust.next.json $(printf -- '--key %s.key ' \"$@\"); }}
             adopt() {{ mv trust.next.json trust.json; }}
             pack() {{ rm -f sample-1.0.0.sealift
                 sealift pack site.toml --key $1.key --trust $2 --store store --passphrase-fd 0 <<<pw; }}
             {script}"
        )
    }

    fn done(&self, script: &str) -> Outcome {
        self.0.done(&Self::script(script))
    }

    fn fails(&self, script: &str, exit: i32, code: &str) -> Outcome {
        self.0.fails(&Self::script(script), exit, code)
    }

    /// Runs what has to fail, and looks for these words in what it says.
    fn refuses(&self, script: &str, exit: i32, code: &str, words: &[&str]) {
        let outcome = self.fails(script, exit, code);
        for words in words {
            assert!(outcome.err.contains(words), "not `{words}` in:\n{}", outcome.shown());
        }
    }

    fn lines(&self, name: &str) -> usize {
        self.0.read(name).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
    }
}

fn says(outcome: &Outcome, words: &[&str]) {
    let text = format!("{}{}", outcome.out, outcome.err);
    for words in words {
        assert!(text.contains(words), "not `{words}` in:\n{}", outcome.shown());
    }
}

#[test]
fn s21_a_stolen_packer_key_is_replaced_and_a_site_learns_of_it_from_the_next_bundle() {
    let life = Life::new();
    // The thief has the packer's key, and a copy of the trust root as it was.
    life.done("pack packer v1.json; mv sample-1.0.0.sealift stolen.sealift");
    says(
        &life.done("trust rotate trust.json --old packer --new eli.pub --key ada.key"),
        &[
            "~ version 1 -> 2",
            "+ packer: eli",
            "- packer: packer",
            "+ revoked key: packer",
            "1 more needed of: ben (",
        ],
    );
    life.refuses(
        "sealift verify stolen.sealift --trust trust.next.json",
        3,
        "trust.unfinished",
        &[
            "version 1 asks for 2 of its root keys; signed: ada (",
            "1 more needed of: ben (",
            "sealift trust sign trust.next.json --key KEY",
        ],
    );
    life.fails("pack eli trust.next.json", 3, "trust.unfinished");
    says(&life.done("sign ben"), &["next: mv trust.next.json trust.json", "to sign: version 2, "]);
    life.done("adopt; pack eli trust.json");
    assert_eq!(life.lines("trust.json"), 2);
    // The site has pinned version 1 and was offline all along. The new bundle brings version 2.
    says(
        &life.done("sealift verify sample-1.0.0.sealift --trust v1.json"),
        &["sealed by  eli (packer, key "],
    );
    for trust in ["trust.json", "newest.json"] {
        life.done("tail -1 trust.json > newest.json");
        life.refuses(
            &format!("sealift verify stolen.sealift --trust {trust}"),
            3,
            "trust.threshold",
            &["packer keys", "missing: eli (", "revoked: "],
        );
        life.done(&format!("sealift verify sample-1.0.0.sealift --trust {trust}"));
    }
    // A thief who keeps version 2 away from the site is verified there: nobody has told the site, and a bundle cannot
    // say what is missing from it. FORMAT.md, section 0, says so; a site that remembers what it has seen is told once.
    life.done("sealift verify stolen.sealift --trust v1.json");
}

#[test]
fn a_site_catches_up_with_four_versions_at_once() {
    let life = Life::new();
    life.done("trust rotate trust.json --old packer --new eli.pub --key ada.key --key ben.key; adopt");
    life.done(
        "trust remove-key trust.json ada --key ada.key --key cy.key --threshold root=2; sign ben; adopt",
    );
    // Two of ada, ben and cy made version 3; only ben and cy are left for version 4.
    life.done("trust add-key trust.json --role root dee.pub --key ben.key; sign cy; adopt");
    life.fails("trust set trust.json --never-expires --key ben.key", 2, "trust.change");
    life.done("pack eli trust.json");
    assert_eq!(life.lines("trust.json"), 4);
    let verified = life.done("sealift --json verify sample-1.0.0.sealift --trust v1.json");
    says(&verified, &[r#""root_version":4"#, r#""verdict":"verified""#]);
    let shown = life.done("sealift trust show trust.json");
    says(&shown, &["trust root version 4", "root         2 of 3", "(ada)", "(packer)", "revoked key  "]);
    // Whoever pinned any version on the way follows too, with the line alone or with all up to it.
    for version in 2..=4 {
        life.done(&format!("sed -n {version}p trust.json > one.json; head -{version} trust.json > all.json"));
        life.done("for file in one all; do sealift verify sample-1.0.0.sealift --trust $file.json; done");
    }
    // Another trust root of version 1 has the same keys, and is another one.
    life.done("trust init --key ada.key --key ben.key --root cy.pub --root-threshold 2 --packer eli.pub -o foreign.json");
    life.fails("sealift verify sample-1.0.0.sealift --trust foreign.json", 3, "trust.foreign");
    // Packing needs them all.
    life.refuses("pack eli one.json", 2, "trust.chain", &["without the versions before it", "next: "]);
    life.fails("trust add-key one.json --role packer dee.pub", 2, "trust.chain");
}

#[test]
fn s22_enough_of_the_old_and_enough_of_the_new_keys_sign() {
    let life = Life::new();
    // Version 2 has two other root keys; dee and eli come, ada and ben go.
    let change = "rm -f trust.next.json
        trust add-key trust.json --role root eli.pub dee.pub
        trust remove-key trust.next.json ada ben";
    for (signers, open) in
        [("ada ben", "version 2 asks"), ("dee eli", "version 1 asks"), ("ada dee", "version 1 asks")]
    {
        life.done(&format!("{change}; sign {signers}"));
        for command in ["sealift verify absent.sealift --trust", "sealift trust check"] {
            life.refuses(&format!("{command} trust.next.json"), 3, "trust.unfinished", &[open]);
        }
    }
    // What too few have signed is not a step for the next version, whoever puts it into a bundle.
    life.done("mv trust.next.json middle.json; trust set v1.json --when-expired warn --key ada.key --key ben.key -o other.json");
    life.done("(cat middle.json; sed -n 2p other.json) > twice.json");
    life.fails("sealift verify absent.sealift --trust twice.json", 3, "trust.root");
    life.done(&format!(
        "{change}; sign ada ben; sign dee eli; sealift trust diff trust.json trust.next.json || [ $? = 4 ]"
    ));
    life.done("sealift trust show trust.next.json | grep 'trust root version 2'");
    // Somebody who has no part in it does not sign it.
    life.done("rm trust.next.json; trust revoke trust.json sha256:$(printf %064d 0)");
    life.refuses("sign eli", 2, "trust.change", &["not a root key of version 2"]);
    life.done("sign ada ben");
    life.refuses("sign cy", 2, "trust.change", &["signed by enough already"]);
}

#[test]
fn s23_versions_neither_skip_nor_repeat() {
    let life = Life::new();
    life.done(
        "for date in 2097 2098; do
        trust set trust.json --expires $date-01-01T00:00:00Z --key ada.key --key ben.key; adopt; done",
    );
    for (lines, code) in [
        ("1p;3p", "trust.root"),
        ("1p;2p;2p", "trust.root"),
        ("2p;3p", "trust.root"),
        ("2p;1p", "trust.root"),
        ("1p;1p", "trust.root"),
    ] {
        life.done(&format!(
            "for one in $(tr ';' ' ' <<<'{lines}'); do sed -n $one trust.json; done > bad.json"
        ));
        for command in ["trust show", "trust check", "verify absent.sealift --trust"] {
            life.refuses(&format!("sealift {command} bad.json"), 3, code, &["expected version"]);
        }
    }
    life.done("sed 's/$/\\r/' trust.json > bad.json");
    life.fails("sealift trust show bad.json", 3, "trust.format");
    life.done("head -c 4300000 /dev/zero | tr '\\0' x > bad.json");
    life.fails("sealift trust show bad.json", 3, "trust.limit");
}

#[test]
fn j20_a_bundle_is_withdrawn() {
    let life = Life::new();
    life.done(
        "pack packer trust.json; mv sample-1.0.0.sealift old.sealift
        sealift --json verify old.sealift --trust v1.json | jq -r .statement > statement",
    );
    says(
        &life.done("trust revoke trust.json $(cat statement) --key ada.key --key ben.key; adopt"),
        &["+ revoked statement: sha256:", "next: mv trust.next.json trust.json"],
    );
    life.refuses("sealift verify old.sealift --trust trust.json", 3, "trust.revoked", &["version 2 revokes"]);
    life.refuses("trust revoke trust.json $(cat statement)", 2, "trust.change", &["revoked already"]);
    assert_eq!(life.0.run(&Life::script("trust revoke trust.json sha256:abcd")).code, Some(2));
    life.done(
        "sed -i s/1.0.0/1.0.1/ site.toml; sealift lock site.toml --store store; pack packer trust.json",
    );
    life.done("sealift verify sample-1.0.1.sealift --trust v1.json");
    life.done("sealift verify old.sealift --trust v1.json");
}

#[test]
fn s20_a_packer_for_some_scenarios_seals_no_other() {
    let life = Life::new();
    life.done(
        "trust init --key ada.key --packer packer.pub --packer ddil,out-of-band=eli.pub --packer ddil,out-of-band=dee.pub \
         --packer-threshold ddil,out-of-band=2 --epoch 7 -o limited.json",
    );
    says(&life.done("sealift trust show limited.json"), &["epoch 7", "packer@ddil,out-of-band 2 of 2"]);
    life.refuses(
        "pack eli limited.json",
        3,
        "trust.threshold",
        &["for scenario `air-gapped`", "without that role: eli"],
    );
    life.done("pack packer limited.json");
    life.done("sed -i 's/air-gapped/ddil/' site.toml; sealift lock site.toml --store store");
    life.refuses("pack packer limited.json", 3, "trust.threshold", &["scenario `ddil`: 2 needed"]);
    life.fails("pack eli limited.json", 3, "trust.threshold");
    life.done("rm -f sample-1.0.0.sealift
        sealift pack site.toml --key eli.key --key dee.key --trust limited.json --store store --passphrase-fd 0 <<<pw
        sealift verify sample-1.0.0.sealift --trust limited.json");
    // The same by changing a root that had one packer for everything.
    life.done(
        "trust add-key trust.json --role packer --scenario ddil eli.pub --key ada.key --key ben.key; adopt",
    );
    life.fails("pack packer trust.json", 3, "trust.threshold");
    life.done("pack eli trust.json; sealift verify sample-1.0.0.sealift --trust v1.json");
    life.refuses(
        "trust remove-key trust.json eli",
        2,
        "trust.change",
        &["`packer@ddil` asks for 1 key, and 0 would be left", "--threshold packer@ddil=0"],
    );
    says(
        &life.done("trust remove-key trust.json eli --threshold packer@ddil=0"),
        &["- packer@ddil: eli", "- packer@ddil: no entry of its own any more", "+ revoked key: eli"],
    );
}

#[test]
fn several_changes_make_one_version_and_every_mistake_says_what_to_do() {
    let life = Life::new();
    life.done("trust add-key trust.json --role packer eli.pub --threshold 2 --key ada.key");
    // The file that waits for signatures is not written over by the next change; it is what is changed.
    life.refuses(
        "trust set trust.json --new-epoch",
        2,
        "cli.usage",
        &["trust.next.json` already exists", "to change the open proposal, pass trust.next.json"],
    );
    says(
        &life.done("trust set trust.next.json --new-epoch --expires 2097-01-01T00:00:00Z"),
        &[
            "signatures were removed: ada",
            "~ version 1 -> 2",
            "~ epoch 1 -> 2",
            "+ packer: eli",
            "~ packer: 1 -> 2 to sign",
            "version 1 asks for 2 of its root keys; 2 more needed of: ada",
        ],
    );
    life.done("trust set trust.next.json --new-epoch --never-expires --threshold packer=1");
    life.refuses("trust set trust.next.json --new-epoch", 2, "trust.change", &["nothing would change"]);
    says(
        &life.done("sign cy ben; cat trust.next.json | wc -l"),
        &["~ epoch 1 -> 2", "next: mv trust.next.json trust.json"],
    );
    assert_eq!(life.lines("trust.next.json"), 2);
    life.done("adopt");
    for (command, code, words) in [
        (
            "remove-key trust.json packer dee --threshold packer=2",
            "trust.change",
            "`packer` asks for 2 keys, and 1 would be left",
        ),
        ("remove-key trust.json dee", "trust.change", "--threshold approver=0"),
        ("remove-key trust.json ada ben", "trust.change", "--threshold root=1"),
        ("remove-key trust.json ada ben cy --threshold root=0", "trust.change", "exactly one root role"),
        ("remove-key trust.json nobody", "cli.usage", "holders: ada, ben, cy, dee, eli, packer"),
        ("remove-key trust.json root.pub", "cli.usage", "key root.pub not found"),
        ("add-key trust.json --role packer eli.pub", "trust.change", "`eli` has the role `packer` already"),
        ("add-key trust.json --role witness root.pub", "cli.usage", ""),
        ("add-key trust.json --role packer root.key", "trust.key", ""),
        ("rotate trust.json --old eli --new dee.pub", "trust.change", "`dee` is not new"),
        ("rotate trust.json --old root.pub --new root.pub", "cli.usage", "key root.pub not found"),
        ("set trust.json --threshold packer=3", "trust.change", "--threshold packer=2"),
        ("set trust.json --threshold packer@ddil=1", "trust.change", "there is no entry `packer@ddil`"),
        ("set trust.json --expires 1999-01-01T00:00:00Z", "trust.change", "expires before it was made"),
        ("set trust.json", "trust.change", "nothing would change"),
        ("sign trust.json --key ada.key", "trust.change", "version 2 is signed by enough already"),
        ("set absent.json --new-epoch", "trust.missing", ""),
    ] {
        let outcome = life.0.run(&Life::script(&format!("trust {command}")));
        let usage = code == "cli.usage" && outcome.code == Some(2);
        assert!(outcome.is(code) || usage, "{command}: not {code}\n{}", outcome.shown());
        assert!(outcome.err.contains(words), "{command}: not `{words}`\n{}", outcome.shown());
        assert!(!life.0.path("trust.next.json").exists(), "{command} wrote something");
    }
    // A revoked key does not come back.
    life.done("trust remove-key trust.json eli --key ada.key --key ben.key; adopt");
    life.refuses(
        "trust add-key trust.json --role packer eli.pub",
        2,
        "trust.change",
        &["was revoked, and does not come back"],
    );
    // By id, and by file, as well as by name.
    life.done("id=$(sealift key show packer.pub | cut -d' ' -f1); key=$(sealift key show dee.pub)
        trust rotate trust.json --old $id --new root.pub; trust remove-key trust.next.json dee.pub --threshold approver=0");
}

#[test]
fn the_holders_of_a_first_version_sign_where_they_are() {
    let life = Life::new();
    says(
        &life.done("trust init --key ada.key --root ben.pub --root cy.pub --root-threshold 2 --packer eli.pub -o first.json"),
        &["proposal of trust root version 1", "1 more needed of: ", "next: missing key holders run: sealift trust sign first.json --key KEY"],
    );
    life.refuses(
        "pack eli first.json",
        3,
        "trust.unfinished",
        &["`first.json`: trust root version 1 is a proposal"],
    );
    says(
        &life.done("trust sign first.json --key cy.key"),
        &["trust root version 1", "send the file to each site"],
    );
    life.done("pack eli first.json; sealift verify sample-1.0.0.sealift --trust first.json");
    life.fails(
        "trust init --key ada.key --root ben.pub --root-threshold 3 --packer eli.pub -o x.json",
        2,
        "trust.change",
    );
}

#[test]
fn approvals_are_asked_for_by_a_version_like_any_other() {
    let life = Life::new();
    says(
        &life.done("trust set trust.json --require-approvals --approval-max-age-days 90 --approval-condition sbom-read \
                    --approval-condition malware-scan --key ada.key --key ben.key"),
        &["~ approvals: none asked for -> asked for, at most 90 days old, stating malware-scan, sbom-read"],
    );
    life.done("adopt; sealift trust show trust.json | grep 'approvals    asked for, at most 90 days'");
    // A bundle that brings this version is verified where its approval is too, and nowhere else.
    life.done("pack packer trust.json");
    for trust in ["v1.json", "trust.json"] {
        life.fails(&format!("sealift verify sample-1.0.0.sealift --trust {trust}"), 3, "trust.unapproved");
    }
    life.done(
        "sealift approve sample-1.0.0.sealift --trust trust.json --key dee.key --condition malware-scan \
                   --condition sbom-read --passphrase-fd 0 <<<pw
               sealift verify sample-1.0.0.sealift --trust v1.json",
    );
    life.refuses(
        "trust remove-key trust.json dee --threshold approver=0",
        2,
        "trust.change",
        &["has no approver role"],
    );
    says(
        &life.done("trust set trust.json --no-approvals"),
        &["at most 90 days old, stating malware-scan, sbom-read -> none asked for"],
    );
    life.fails("trust init --key ada.key --packer eli.pub --require-approvals -o x.json", 2, "trust.change");
    life.done("trust init --key ada.key --packer eli.pub --approver dee.pub --require-approvals -o y.json");
    for alone in ["--approval-max-age-days 90", "--approval-condition malware-scan"] {
        assert_eq!(
            life.0.run(&Life::script(&format!("trust set trust.json {alone}"))).code,
            Some(2),
            "{alone}"
        );
    }
}

#[test]
fn s06_a_tampered_signature_is_tampering_also_in_a_proposal() {
    let life = Life::new();
    life.done("trust set trust.json --when-expired warn --key ada.key; trust set v1.json --new-epoch --key ada.key -o other.json");
    // The signature of ada over the other proposal, below this one.
    life.done(
        r#"sig() { sed -n 2p $1 | sed 's/.*"sig":"\([^"]*\)".*/\1/'; }
        sed -i "2s#$(sig trust.next.json)#$(sig other.json)#" trust.next.json"#,
    );
    for command in [
        "trust show trust.next.json",
        "trust check trust.next.json",
        "verify absent.sealift --trust trust.next.json",
    ] {
        life.fails(&format!("sealift {command}"), 3, "trust.tampered");
    }
    life.fails("sign ben", 3, "trust.tampered");
}

#[test]
fn diff_and_check_answer_with_their_exit_codes() {
    let life = Life::new();
    life.done("sealift trust diff trust.json v1.json");
    life.done("trust set trust.json --expires 2097-01-01T00:00:00Z --threshold approver=1 --key ada.key; cp trust.next.json open.json");
    let differ = life.fails("sealift trust diff trust.json trust.next.json", 4, "trust.different");
    says(&differ, &["~ version 1 -> 2", "~ expires never -> 2097-01-01T00:00:00Z"]);
    let json = life.fails("sealift --json trust diff trust.json trust.next.json", 4, "trust.different");
    says(&json, &[r#"{"change":"expires","from":null,"to":"2097-01-01T00:00:00Z"}"#]);
    // One packer and one approver, each alone.
    let one = life.fails("sealift trust check trust.json", 4, "trust.findings");
    says(
        &one,
        &[
            "version 1, made ",
            ": holds",
            "version 1 asks for 2 of its root keys; signed: ",
            "one key alone decides as `packer`",
            "one key alone decides as `approver`",
        ],
    );
    life.fails("sealift trust check trust.next.json", 3, "trust.unfinished");
    let two = life.done("sign ben; adopt; trust add-key trust.json --role packer cy.pub eli.pub --threshold 2 --key ada.key --key ben.key
        adopt; trust remove-key trust.json dee --threshold approver=0 --key ada.key --key ben.key; adopt; sealift trust check trust.json");
    says(&two, &["version 4, made ", ": holds"]);
    for (expires, more, code) in [
        ("@$(( $(date +%s) + 20 * 86400 ))", "", Some("trust.findings")),
        ("@$(( $(date +%s) + 40 * 86400 ))", "", None),
        // Time enough for a slow machine to sign, and then waited for.
        ("@$(( $(date +%s) + 8 ))", "; sleep 9", Some("trust.expired")),
        ("@$(( $(date +%s) + 8 ))", "--when-expired warn; sleep 9", Some("trust.findings")),
    ] {
        let outcome = life.0.run(&Life::script(&format!(
            "rm -f trust.next.json; date=$(date -u -d {expires} +%Y-%m-%dT%H:%M:%SZ)
             trust set trust.json --key ada.key --key ben.key --expires $date {more}
             sealift trust check trust.next.json"
        )));
        let exit = code.map_or(0, |code| if code == "trust.expired" { 3 } else { 4 });
        assert_eq!(outcome.code, Some(exit), "{expires} {more}\n{}", outcome.shown());
        assert!(code.is_none_or(|code| outcome.is(code)), "{expires} {more}\n{}", outcome.shown());
    }
}

#[test]
fn a_person_compares_the_fingerprint_in_words_or_digits() {
    let life = Life::new();
    life.done(
        "sealift --json trust show trust.json | jq -r .words > words
        sealift trust show trust.json | sed -n 's/^  fingerprint *//p' > digits
        sealift trust show trust.json | grep -F \"$(cat words)\"",
    );
    for good in [
        "\"$(cat words)\"",
        "\"$(tr a-z A-Z < words | sed 's/ /   /g')\"",
        "\"$(cat digits)\"",
        "$(tr -d ' ' < digits)",
    ] {
        // The trust root is the right one; that one key alone packs is another matter.
        let matched = life.done(&format!("sealift trust check trust.json --fingerprint {good}"));
        says(&matched, &["fingerprint matches"]);
    }
    let zoo = ["zoo"; 10].join(" ");
    let other =
        life.fails(&format!("sealift trust check trust.json --fingerprint '{zoo}'"), 3, "trust.fingerprint");
    let words = String::from_utf8(life.0.read("words")).unwrap();
    assert!(!other.err.contains(words.trim()) && !other.out.contains(words.trim()), "{}", other.shown());
    says(&other, &["call the administrators of your signing keys"]);
    for part in [
        "$(cut -d' ' -f1-9 words)",
        "$(cut -c1-74 digits)",
        "$(cat words) zoo",
        "not the words of the list by any means at all",
    ] {
        let outcome =
            life.0.run(&Life::script(&format!("sealift trust check trust.json --fingerprint \"{part}\"")));
        assert_eq!(outcome.code, Some(2), "{}", outcome.shown());
        says(&outcome, &["expected all ten words, or all 64 digits"]);
    }
    // The words of a packer's key are those that `verify` shows.
    life.done("pack packer trust.json
        words=$(sealift --json trust show trust.json | jq -r '.roles[] | select(.role == \"packer\").keys[0].words')
        sealift key show packer.pub | grep -F \"$words\"
        sealift verify sample-1.0.0.sealift --trust trust.json | grep -F \"$words\"
        sealift inspect sample-1.0.0.sealift --trust trust.json | grep -F \"$words\"");
}
