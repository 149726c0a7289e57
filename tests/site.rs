//! Sites: installed, gone back, pruned, rehearsed; the rules of the counter; what somebody did to their memory.

use crate::cli::Shop;
use crate::environment::{alone, names};
use crate::support;

/// Makes `NAME-VERSION.sealift` with this number, and other content for each version.
pub const MAKE: &str = r#"
make() { # version sequence [name]
    mkdir -p "tree-$1-${3-sample}"; echo "runbook of $1 ${3-}" > "tree-$1-${3-sample}/runbook.md"
    cat > "site-$1-${3-sample}.toml" <<END
[bundle]
name = "${3-sample}"
scenario = "${scenario-air-gapped}"
version = "$1"
sequence = $2

[[image]]
name = "hello"
layout = "demo/hello"

[[doc]]
name = "handbook"
path = "tree-$1-${3-sample}"
END
    sealift lock -q "site-$1-${3-sample}.toml" --store store >&2
    sealift pack -q "site-$1-${3-sample}.toml" --trust "${trust-root.json}" --key "${packer-packer.key}" --store store --passphrase-fd 0 <<<pw >&2
}
words() { sealift trust show root.json --json | jq -r .words; }
init() { sealift site init "$@" --trust root.json --fingerprint "$(words)" --scenario air-gapped; }
"#;

/// A shop with an approver, a site, and bundles 1.0.0, 1.1.0 and 1.2.0.
pub fn shop() -> Shop {
    let shop = Shop::new();
    done(
        &shop,
        "for name in carol site; do sealift key new $name --passphrase-fd 0 <<<pw; done
         sealift trust init --key root.key --packer packer.pub --approver carol.pub -o with-approver.json --passphrase-fd 0 <<<pw
         mv with-approver.json root.json
         make 1.0.0 1; make 1.1.0 2; make 1.2.0 3
         init site --key site.pub",
    );
    shop
}

pub fn done(shop: &Shop, script: &str) -> crate::cli::Outcome {
    shop.done(&format!("{MAKE}\n{script}"))
}

fn fails(shop: &Shop, script: &str, exit: i32, code: &str) -> crate::cli::Outcome {
    shop.fails(&format!("{MAKE}\n{script}"), exit, code)
}

/// What the release in use has in its one document.
fn runbook(shop: &Shop) -> String {
    String::from_utf8(shop.read("site/current/air-gapped/doc/handbook/runbook.md")).unwrap()
}

fn releases(shop: &Shop) -> usize {
    names(&shop.path("site/releases/air-gapped")).len()
}

#[test]
fn releases_come_and_go() {
    let shop = shop();
    let first = done(&shop, "sealift install site sample-1.0.0.sealift");
    assert!(first.out.starts_with("installed sample-1.0.0: 1 file, 1 image, "), "{}", first.shown());
    assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
    // The same again changes nothing, not even the journal.
    let journal = shop.read("site/journal.jsonl");
    let again = done(&shop, "sealift install site sample-1.0.0.sealift");
    assert!(again.out.contains("is already in use"), "{}", again.shown());
    assert_eq!(shop.read("site/journal.jsonl"), journal);
    done(&shop, "sealift install site - < sample-1.1.0.sealift");
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.1.0 \n", 2));
    // Images are on the disk once, however many releases have them.
    done(
        &shop,
        "for blob in site/store/blobs/sha256/*; do test $(stat -c %h $blob) = 3; cmp $blob site/current/air-gapped/images/blobs/sha256/$(basename $blob); done
         skopeo inspect oci:site/current/air-gapped/images:$(jq -r '.manifests[0].annotations[\"org.opencontainers.image.ref.name\"]' site/current/air-gapped/images/index.json) > /dev/null",
    );
    // Back, without the bundle and without a network; and what is newest is there and comes into use again.
    let back = done(&shop, "rm sample-1.0.0.sealift; unshare -rn sealift rollback site");
    assert!(back.out.contains("1.0.0-") && back.out.contains("in use (was 1.1.0-"), "{}", back.shown());
    assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
    fails(&shop, "sealift rollback site", 2, "site.release");
    let newest = done(&shop, "sealift install site sample-1.1.0.sealift");
    assert!(newest.out.contains("was already installed; switched to it"), "{}", newest.shown());
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.1.0 \n", 2));
    // One more than the site keeps goes.
    done(&shop, "sealift install site sample-1.2.0.sealift");
    let pruned = done(&shop, "make 1.3.0 4; sealift install site sample-1.3.0.sealift");
    assert!(pruned.out.contains("removed    1.0.0-"), "{}", pruned.shown());
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.3.0 \n", 3));
    let pruned = done(&shop, "sealift prune site --keep 1");
    assert!(pruned.out.starts_with("air-gapped: removed 2 releases"), "{}", pruned.shown());
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.3.0 \n", 1));
    done(&shop, "for blob in site/store/blobs/sha256/*; do test $(stat -c %h $blob) = 2; done");
    fails(&shop, "sealift rollback site --to 1.0.0-0123456789ab", 2, "site.release");
    let status = done(&shop, "sealift status site");
    assert!(
        status.out.contains("highest epoch 1, sequence 4") && status.out.contains("* 1.3.0-"),
        "{}",
        status.shown()
    );
    let journal = done(&shop, "sealift journal verify site");
    let acts = [
        "founded",
        "installed",
        "installed",
        "switched",
        "switched",
        "installed",
        "installed",
        "pruned",
        "pruned",
    ];
    let lines: Vec<_> = journal.out.lines().take(acts.len()).collect();
    for (line, act) in lines.iter().zip(acts) {
        assert!(line.contains(act), "{line}: not {act}\n{}", journal.shown());
    }
    assert!(journal.out.contains("9 entries, hash chain verified"), "{}", journal.shown());
}

#[test]
fn the_first_trust_is_compared() {
    let shop = Shop::new();
    let init = "sealift site init site --trust root.json --scenario air-gapped";
    fails(&shop, init, 1, "cli.input");
    let short = shop.run(&format!("{MAKE}\n{init} --fingerprint \"$(words | cut -d' ' -f1-9)\""));
    assert!(short.code == Some(2) && short.err.contains("it has 9 words"), "{}", short.shown());
    fails(&shop, &format!("{init} --fingerprint {}", "ab".repeat(32)), 3, "trust.fingerprint");
    assert!(!shop.path("site/state.json").exists());
    done(&shop, &format!("{init} --fingerprint \"$(words | tr a-z A-Z)\""));
    fails(&shop, &format!("{init} --fingerprint \"$(words)\""), 2, "site.folder");
    done(&shop, "mkdir full; touch full/mine");
    fails(&shop, "init full", 2, "site.target");
    fails(&shop, "sealift status full", 2, "site.folder");
    fails(&shop, "sealift status nowhere", 2, "site.folder");
    done(&shop, "init open; chmod 777 open");
    fails(&shop, "sealift status open", 2, "site.parent");
}

#[test]
fn j14_lower_numbers_need_an_approver() {
    let shop = shop();
    done(&shop, "sealift install site sample-1.1.0.sealift");
    // Lower.
    let older = fails(&shop, "sealift install site sample-1.0.0.sealift", 3, "site.rollback");
    assert!(
        older.err.contains("it has epoch 1, sequence 1") && older.err.contains("--out-of-order"),
        "{}",
        older.shown()
    );
    // The same number, another bundle.
    done(&shop, "make 1.1.0 2 twin");
    fails(&shop, "sealift install site twin-1.1.0.sealift", 3, "site.equivocation");
    // A jump far ahead would lock out every number in between; the largest there is too.
    for (version, sequence) in [("9.0.0", "1000000000"), ("9.0.1", "9007199254740991")] {
        done(&shop, &format!("make {version} {sequence}"));
        fails(&shop, &format!("sealift install site sample-{version}.sealift"), 3, "site.rollback");
    }
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.1.0 \n", 1));
    // A plain approval is not a permit; a permit for one bundle is none for another.
    let approve = "sealift approve --trust root.json --key carol.key --passphrase-fd 0 <<<pw";
    done(&shop, &format!("{approve} sample-1.0.0.sealift"));
    fails(&shop, "sealift install site sample-1.0.0.sealift", 3, "site.rollback");
    done(
        &shop,
        &format!(
            "{approve} sample-1.2.0.sealift --out-of-order 'test'; cp sample-1.2.0.sealift.approvals other"
        ),
    );
    fails(&shop, "sealift install site sample-1.0.0.sealift --approvals other", 3, "site.rollback");
    done(&shop, &format!("{approve} sample-1.0.0.sealift --out-of-order 'the database of 1.1 is broken'"));
    let back = done(&shop, "sealift install site sample-1.0.0.sealift");
    assert!(
        back.out.contains("out of order, as permitted by the approvers: the database of 1.1 is broken"),
        "{}",
        back.shown()
    );
    assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
    // What was the highest stays known: the permit was for one bundle, once.
    done(&shop, "make 1.0.1 1 older");
    fails(&shop, "sealift install site older-1.0.1.sealift", 3, "site.rollback");
    done(&shop, "sealift install site sample-1.2.0.sealift");
    let used = fails(&shop, "sealift install site sample-1.0.0.sealift", 3, "site.rollback");
    assert!(used.err.contains("was already used at this site and is valid once"), "{}", used.shown());
    let journal = done(&shop, "sealift journal verify site");
    assert_eq!(journal.out.matches("refused [site.").count(), 8, "{}", journal.shown());
    // A gap is explained, and is not an obstacle.
    let gap = done(&shop, "make 1.7.0 9; sealift install site sample-1.7.0.sealift");
    assert!(
        gap.err.contains("5 numbers lie between") && gap.err.contains("A bundle is whole by itself"),
        "{}",
        gap.shown()
    );
}

#[test]
fn j15_j16_other_epochs_and_scenarios() {
    let shop = shop();
    done(&shop, "sealift install site sample-1.1.0.sealift");
    done(&shop, "scenario=ddil make 2.0.0 5");
    fails(&shop, "sealift install site sample-2.0.0.sealift", 3, "site.scenario");
    // A new epoch begins with a new root, counts from 1 again, and ends the bundles of the one before.
    done(
        &shop,
        "sealift trust set root.json --new-epoch -o root.next.json --key root.key --passphrase-fd 0 <<<pw
         cp root.next.json next.json
         trust=next.json make 3.0.0 1; trust=next.json make 3.1.0 2",
    );
    fails(&shop, "sealift verify sample-1.2.0.sealift --trust next.json", 3, "trust.epoch");
    done(&shop, "sealift install site sample-3.0.0.sealift");
    fails(&shop, "sealift install site sample-1.2.0.sealift", 3, "trust.epoch");
    let status = done(&shop, "sealift status site");
    assert!(
        status.out.contains("root version 2") && status.out.contains("highest epoch 2, sequence 1"),
        "{}",
        status.shown()
    );
}

/// Opens a site in this process. A command that another test starts in that moment has its lock until it begins.
fn lone(site: &std::path::Path) -> sealift_site::handle::LockedSite {
    for _ in 0..500 {
        match sealift_site::handle::LockedSite::open(site, &support::LIMITS) {
            Err(sealift_site::SiteError::SiteBusy { .. }) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            other => return other.unwrap(),
        }
    }
    panic!("the site stays busy")
}

#[test]
fn j18_no_clock_is_believed_that_shows_an_earlier_time() {
    use sealift_bundle::trust::verify::Conditions;
    let shop = shop();
    done(&shop, "sealift install site sample-1.0.0.sealift");
    let install = |name: &str, now: &str| {
        let mut held = lone(&shop.path("site"));
        let file = support::open(&shop.path(name));
        let mut tape = sealift_bundle::format::member_reader::MemberReader::file(&file);
        let conditions = Conditions { now: now.parse().unwrap(), ..support::conditions() };
        let extent = sealift_site::install::InstallExtent::Install;
        let outcome = held.install(&mut tape, &conditions, extent).map(drop);
        (outcome, held.site.state.time_floor)
    };
    done(
        &shop,
        "sed -i 's/^version/expires = \"2030-01-01T00:00:00Z\"\\nversion/' site-1.1.0-sample.toml site-1.2.0-sample.toml
         rm sample-1.[12].0.sealift
         for v in 1.1.0 1.2.0; do sealift lock -q site-$v-sample.toml --store store; sealift pack -q site-$v-sample.toml --key packer.key --store store --passphrase-fd 0 <<<pw; done",
    );
    use sealift_bundle::value::error_code::Fault as _;
    // Far ahead: what has an expiry date is past it. The floor follows signatures, not the clock, so it is not poisoned.
    for late in ["2038-01-19T03:14:08Z", "2200-01-01T00:00:00Z"] {
        assert_eq!(install("sample-1.1.0.sealift", late).0.unwrap_err().code().as_str(), "trust.expired");
    }
    // Far behind: the floor is what counts.
    let (outcome, floor) = install("sample-1.1.0.sealift", "1970-01-01T00:00:00Z");
    outcome.unwrap();
    assert!(floor > "2026-01-01T00:00:00Z".parse().unwrap(), "{floor}");
    install("sample-1.2.0.sealift", "1999-01-01T00:00:00Z").0.unwrap();
    assert_eq!(runbook(&shop), "runbook of 1.2.0 \n");
}

#[test]
fn j19_memory_that_does_not_fit_is_refused() {
    let shop = shop();
    done(
        &shop,
        "sealift install site sample-1.0.0.sealift; cp -a site before; sealift install site sample-1.1.0.sealift; cp -a site good",
    );
    let head = done(&shop, "sealift status site --json | jq -r .journal_words").out;
    let cases = [
        ("missing", "rm site/state.json", "site.state"),
        ("truncated", "truncate -s -9 site/state.json", "site.state"),
        ("empty", ": > site/state.json", "site.state"),
        ("an older backup of the state", "cp before/state.json site/", "site.state"),
        ("an older backup of the journal", "cp before/journal.jsonl site/", "site.journal"),
        ("the state of another site", "init other; cp other/state.json site/", "site.journal"),
        ("the journal of another site", "init other; cp other/journal.jsonl site/", "site.journal"),
        ("a lowered number", "sed -i '$s/\"sequence\":2/\"sequence\":1/g' site/journal.jsonl", "site.journal"),
        ("a state that is edited", "sed -i 's/\"entries\":3/\"entries\":2/' site/state.json", "site.journal"),
        ("another root", "sealift trust init --key root.key --packer packer.pub -o mine.json --passphrase-fd 0 <<<pw
           jq -c --rawfile root mine.json '.root=$root' site/state.json | tr -d '\\n' > x; mv x site/state.json", "site.state"),
        ("E14 the last line is gone", "sed -i '$d' site/journal.jsonl", "site.journal"),
        ("E14 a line in the middle is gone", "sed -i 2d site/journal.jsonl", "site.journal"),
        ("E14 a line is doubled", "sed -i 2p site/journal.jsonl", "site.journal"),
        ("E14 half a line at the end", "head -c 50 good/journal.jsonl >> site/journal.jsonl", "site.journal"),
        ("E14 an edited time", "sed -i '2s/\"time\":\"2/\"time\":\"3/' site/journal.jsonl", "site.journal"),
        ("E14 no journal", "rm site/journal.jsonl", "site.journal"),
        ("E14 a fork", "cp -a before fork; sealift install fork sample-1.2.0.sealift; cp fork/journal.jsonl site/", "site.journal"),
    ];
    for (case, damage, code) in cases {
        done(&shop, damage);
        let site = support::listing(&shop.path("site"));
        for verb in ["install site sample-1.2.0.sealift", "rollback site", "prune site", "status site"] {
            let outcome = shop.run(&format!("sealift {verb}"));
            assert!(
                outcome.code.is_some_and(|code| code == 3 || code == 1) && outcome.is(code),
                "{case}, {verb}: {}",
                outcome.shown()
            );
        }
        assert!(support::listing(&shop.path("site")) == site, "{case}: the site was changed");
        done(&shop, "rm -rf site other fork mine.json; cp -a good site");
    }
    // The way back: from the journal, for somebody who knows where it ended.
    done(&shop, "rm site/state.json");
    let recover = "sealift site recover site --trust root.json --reason 'the disk was changed'";
    fails(&shop, &format!("{recover} --head \"$(words)\""), 3, "site.journal");
    let other = "sealift trust init --key root.key --packer packer.pub -o other.json --passphrase-fd 0 <<<pw";
    let wrong = recover.replace("root.json", "other.json");
    fails(&shop, &format!("{other}; {wrong} --head '{}'", head.trim()), 3, "site.root");
    done(&shop, &format!("{recover} --head '{}'", head.trim()));
    done(&shop, "sealift install site sample-1.2.0.sealift");
    fails(
        &shop,
        "sealift install site sample-1.0.0.sealift.old || sealift install site sample-1.1.0.sealift && false || sealift install site sample-1.0.0.sealift",
        3,
        "site.rollback",
    );
    let journal = done(&shop, "sealift journal verify site");
    assert!(journal.out.contains("recovered: the disk was changed"), "{}", journal.shown());
}

#[test]
fn e14_a_journal_that_cannot_be_written_refuses() {
    let shop = shop();
    done(&shop, "sealift install site sample-1.0.0.sealift");
    let alone = alone(&shop);
    let refused = fails(
        &shop,
        &format!(
            "{alone} bash -c 'mount --bind site/journal.jsonl site/journal.jsonl && mount -o remount,bind,ro site/journal.jsonl && sealift install site sample-1.1.0.sealift'"
        ),
        1,
        "site.journal-write",
    );
    assert!(
        refused.err.contains("nothing is installed unless the journal can record it"),
        "{}",
        refused.shown()
    );
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.0.0 \n", 1));
    done(&shop, "sealift install site sample-1.1.0.sealift");
}

#[test]
fn journals_are_compared_with_what_was_written_down() {
    let shop = shop();
    let words =
        |shop: &Shop| done(shop, "sealift status site --json | jq -r .journal_words").out.trim().to_owned();
    done(
        &shop,
        "sealift install site sample-1.0.0.sealift; sealift journal export site > early.jsonl; cp -a site fork",
    );
    let early = words(&shop);
    done(&shop, "sealift install site sample-1.1.0.sealift; sealift journal export site > late.jsonl");
    done(&shop, &format!("sealift journal verify site --head '{early}' --since early.jsonl"));
    done(&shop, &format!("sealift journal verify late.jsonl --head '{early}'"));
    // Somebody brought the whole site back from a backup, and went on from there.
    done(&shop, "sealift install fork sample-1.2.0.sealift");
    let late = words(&shop);
    fails(&shop, &format!("sealift journal verify fork --head '{late}'"), 3, "site.journal");
    let fork = fails(&shop, "sealift journal verify fork --since late.jsonl", 3, "site.journal");
    assert!(fork.err.contains("its entry 3 is not the one"), "{}", fork.shown());
    fails(&shop, "sealift journal verify early.jsonl --since late.jsonl", 3, "site.journal");
}

#[test]
fn a_drill_changes_nothing_and_leaves_a_signed_record() {
    let shop = shop();
    done(&shop, "sealift install site sample-1.0.0.sealift");
    let before = support::listing(&shop.path("site/releases"));
    let drill = done(&shop, "sealift install site sample-1.1.0.sealift --drill");
    assert!(drill.out.contains("would be installed; the site is unchanged"), "{}", drill.shown());
    assert!(support::listing(&shop.path("site/releases")) == before);
    assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
    done(&shop, "sealift receipt new site --key site.key -o drill.json --drill --passphrase-fd 0 <<<pw");
    let receipt = done(&shop, "sealift receipt check drill.json --key site.pub");
    assert!(receipt.out.contains("drilled (rehearsed, not installed)"), "{}", receipt.shown());
    // What would be refused is refused.
    done(&shop, "sealift install site sample-1.1.0.sealift");
    fails(
        &shop,
        "sealift install site sample-1.0.0.sealift --drill; sealift rollback site",
        3,
        "site.rollback",
    );
}

#[test]
fn receipts_and_requests_are_signed_by_the_site() {
    let shop = shop();
    fails(&shop, "sealift receipt new site --key site.key --passphrase-fd 0 <<<pw", 2, "site.release");
    done(&shop, "sealift install site sample-1.0.0.sealift");
    let sign = "--key site.key --passphrase-fd 0 <<<pw";
    let made = done(&shop, &format!("sealift receipt new site --qr {sign}"));
    assert!(made.err.contains("fits one QR code") && made.out.contains('█'), "{}", made.shown());
    assert!(String::from_utf8(shop.read("receipt.json.svg")).unwrap().contains("<svg"));
    let shown = done(&shop, "sealift receipt check receipt.json --key site.pub");
    assert!(shown.out.contains("installed air-gapped") && shown.out.contains("blobs, "), "{}", shown.shown());
    done(&shop, &format!("sealift receipt new site --without-inventory -o less.json {sign}"));
    let shown = done(&shop, "sealift receipt check less.json --key site.pub");
    assert!(shown.out.contains("(not included)") && !shown.out.contains("blobs"), "{}", shown.shown());
    done(&shop, &format!("sealift request new site {sign}"));
    let request =
        done(&shop, "sealift request check request.json --key site.pub --json | jq '.request.blobs|length'");
    assert_eq!(request.out.trim(), names(&shop.path("site/store/blobs/sha256")).len().to_string());
    // Another key, and every kind of change.
    fails(&shop, "sealift receipt new site --key carol.key --passphrase-fd 0 <<<pw", 3, "trust.key");
    fails(&shop, "sealift receipt check receipt.json --key carol.pub", 3, "trust.signature");
    fails(&shop, "sealift receipt check request.json --key site.pub", 3, "trust.signature");
    let receipt = shop.read("receipt.json");
    let key = sealift_bundle::trust::key_file::read_public(&shop.path("site.pub")).unwrap();
    let read = |bytes: &[u8]| {
        use sealift_site::receipt::{Receipt, Signed as _};
        Receipt::read(bytes, &key, &support::LIMITS)
    };
    assert!(read(&receipt).is_ok());
    for at in 0..receipt.len() {
        let mut changed = receipt.clone();
        changed[at] ^= 1;
        assert!(read(&changed).is_err(), "byte {at}");
        assert!(read(&receipt[..at]).is_err(), "{at} bytes");
    }
}

#[test]
fn e09_two_installs_at_once() {
    let shop = shop();
    done(
        &shop,
        "mkfifo slow; sealift install site - < slow & first=$!
         exec 9> slow; head -c 20000 sample-1.0.0.sealift >&9
         until ls -l /proc/$first/fd | grep -q site/lock; do sleep 0.05; done; sleep 0.3
         second=0; sealift install site sample-1.1.0.sealift 2> err || second=$?
         test $second = 1; grep -q 'site.busy' err
         sealift status site > /dev/null
         tail -c +20001 sample-1.0.0.sealift >&9; exec 9>&-; wait $first",
    );
    assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
}

/// The story that this is all for, as a person types it; `cargo test stolen -- --nocapture` prints it.
#[test]
fn s21_a_stolen_packer_key() {
    let shop = Shop::new();
    let story = r##"
        for name in alice bob carol pat quinn; do sealift key new -q $name --passphrase-fd 0 <<<pw > /dev/null; done
        tell() { echo; echo "\$ $*"; "$@" <<<pw 2>&1; }
        refused() { tell "$@" && exit 1 || echo "(exit $?)"; }
        rm root.json
        echo "# Version 1: two of three root holders, and one packer, pat."
        tell sealift trust init --key alice.key --key bob.key --root carol.pub --root-threshold 2 --packer pat.pub --passphrase-fd 0
        packer=pat.key make 1.0.0 1
        tell init site
        tell sealift install site sample-1.0.0.sealift
        echo; echo "# The key of pat is stolen. The thief seals what he likes."
        packer=pat.key make 1.1.0 2
        mv sample-1.1.0.sealift thief.sealift
        echo; echo "# Two of the three make version 2: pat's key is revoked, quinn packs now."
        tell sealift trust rotate root.json --old pat --new quinn.pub -o root.next.json
        tell sealift trust sign root.next.json --key alice.key --passphrase-fd 0
        tell sealift trust sign root.next.json --key carol.key --passphrase-fd 0
        cp root.json old.json; mv root.next.json root.json
        packer=quinn.key make 1.2.0 3
        echo; echo "# The site was offline all along. It sees version 2 first inside the next bundle."
        tell sealift install site sample-1.2.0.sealift
        echo; echo "# Then comes the thief's bundle, with whatever number he gives it."
        refused sealift install site thief.sealift
        trust=old.json packer=pat.key make 9.0.0 9
        refused sealift install site sample-9.0.0.sealift
        tell sealift journal verify site
    "##;
    let story = done(&shop, story).out;
    println!("{story}");
    let (before, after) = story.split_once("sealift install site thief.sealift").unwrap();
    assert!(before.contains("installed sample-1.2.0"), "{story}");
    assert!(before.contains("trusts     root version 2 (was 1): "), "{story}");
    assert_eq!(after.matches("error[trust.threshold]").count(), 2, "{story}");
    assert_eq!(after.matches("(exit 3)").count(), 2, "{story}");
    assert!(after.contains("revoked: "), "{story}");
    let status = done(&shop, "sealift status site");
    assert!(status.out.contains("root version 2") && status.out.contains("* 1.2.0-"), "{}", status.shown());
}

#[test]
fn a_receipt_for_200_items_fits_one_qr_code() {
    let shop = shop();
    done(
        &shop,
        "mkdir many; cd many
         printf '[bundle]\nname = \"many\"\nscenario = \"air-gapped\"\nversion = \"1.0.0\"\n' > many.toml
         for n in $(seq 200); do mkdir $n; echo $n > $n/text; printf '[[doc]]\nname = \"item-%s\"\npath = \"%s\"\n' $n $n >> many.toml; done
         sealift lock -q many.toml --store store
         sealift pack -q many.toml --trust ../root.json --key ../packer.key --store store --passphrase-fd 0 -o .. <<<pw
         cd ..; sealift approve many-1.0.0.sealift --trust root.json --key carol.key --passphrase-fd 0 <<<pw
         sealift install site many-1.0.0.sealift
         sealift receipt new site --key site.key --qr --passphrase-fd 0 <<<pw > /dev/null",
    );
    let len = shop.read("receipt.json").len();
    println!("a receipt for 200 items has {len} bytes");
    assert!(len < sealift_site::receipt::RECEIPT_BYTES, "{len}");
}

#[test]
fn approvals_are_demanded_where_the_root_says_so() {
    let shop = shop();
    let pw = "--passphrase-fd 0 <<<pw";
    done(
        &shop,
        &format!(
            "for name in dan eve; do sealift key new $name {pw}; done
             sealift trust add-key root.json --role approver dan.pub --threshold 2 -o next.json
             sealift trust set next.json --require-approvals --approval-max-age-days 30 --approval-condition malware-scan -o next.json --key root.key {pw}
             mv next.json root.json; rm sample-*; make 2.0.0 5; cp sample-2.0.0.sealift twin.sealift"
        ),
    );
    let (verify, bundle) = ("sealift verify sample-2.0.0.sealift --trust root.json", "sample-2.0.0.sealift");
    let none = fails(&shop, verify, 3, "trust.unapproved");
    assert!(
        none.err.contains("2 needed, 0 found; missing: ") && none.err.contains("carol"),
        "{}",
        none.shown()
    );
    fails(&shop, &format!("sealift install site {bundle}"), 3, "trust.unapproved");
    fails(&shop, &format!("sealift unpack {bundle} --trust root.json --to x"), 3, "trust.unapproved");
    // Who looks, looks.
    done(
        &shop,
        &format!("sealift inspect {bundle} --trust root.json; sealift ls {bundle} --trust root.json"),
    );
    let approve = |who: &str, more: &str| {
        format!("sealift approve {bundle} --trust root.json --key {who}.key {more} {pw}")
    };
    // A condition that the root asks for, and somebody who is not an approver.
    fails(&shop, &approve("carol", ""), 2, "cli.usage");
    fails(&shop, &approve("eve", "--condition malware-scan"), 2, "trust.approver");
    fails(&shop, &approve("packer", "--condition malware-scan"), 2, "trust.approver");
    // S15: one approver twice is one approver.
    done(&shop, &approve("carol", "--condition malware-scan"));
    done(&shop, &approve("carol", "--condition malware-scan"));
    done(&shop, &format!("cat {bundle}.approvals {bundle}.approvals > twice"));
    let one = fails(&shop, &format!("{verify} --approvals twice"), 3, "trust.unapproved");
    assert!(one.err.contains("2 needed, 1 found; missing: dan"), "{}", one.shown());
    done(
        &shop,
        &format!(
            "cp {bundle}.approvals carol; {}",
            approve("dan", "--condition malware-scan --condition change-board")
        ),
    );
    let both = done(&shop, verify);
    assert!(both.out.contains("by carol (approver") && both.out.contains("malware-scan"), "{}", both.shown());
    // Bound to the statement: the same bundle under another name or from a pipe is approved, another is not.
    done(&shop, &format!("sealift verify twin.sealift --trust root.json --approvals {bundle}.approvals"));
    done(&shop, &format!("sealift verify - --trust root.json --approvals {bundle}.approvals < twin.sealift"));
    done(&shop, "make 2.1.0 6");
    let other = fails(
        &shop,
        &format!("sealift verify sample-2.1.0.sealift --trust root.json --approvals {bundle}.approvals"),
        3,
        "trust.unapproved",
    );
    assert!(other.err.contains("approved another bundle"), "{}", other.shown());
    // In pieces, from several files; a signature that is none ends it (S17).
    done(
        &shop,
        &format!("grep -v -F -f carol {bundle}.approvals > dan; {verify} --approvals carol --approvals dan"),
    );
    done(&shop, r#"jq -c --slurpfile dan dan '.signatures[0].sig=$dan[0].signatures[0].sig' carol > forged"#);
    fails(&shop, &format!("{verify} --approvals forged --approvals dan"), 3, "trust.tampered");
    done(&shop, "head -c 100 carol > half");
    fails(&shop, &format!("{verify} --approvals half"), 3, "trust.format");
    // Too old.
    let late = support::conditions();
    let late = sealift_bundle::trust::verify::Conditions { now: late.now.plus_days(400).unwrap(), ..late };
    let approvals = sealift_bundle::trust::approval::Approvals::parse(
        &shop.read(&format!("{bundle}.approvals")),
        &support::LIMITS,
    )
    .unwrap();
    let late = sealift_bundle::trust::verify::Conditions {
        approvals: sealift_bundle::trust::approval::ApprovalCheck::Demanded(&approvals),
        ..late
    };
    let root =
        sealift_bundle::trust::chain::PinnedRoot::parse(&shop.read("root.json"), &support::LIMITS).unwrap();
    let file = support::open(&shop.path(bundle));
    let outcome = sealift_bundle::trust::verify::Trusted::open(
        &mut sealift_bundle::format::member_reader::MemberReader::file(&file),
        &root,
        &late,
    );
    assert!(outcome.unwrap_err().to_string().contains("which counted until"));
    // The site learns of the policy inside the bundle, and installs.
    done(&shop, &format!("sealift install site {bundle}"));
    let journal = String::from_utf8(shop.read("site/journal.jsonl")).unwrap();
    assert!(
        journal.contains(r#""approvers":["carol","dan"]"#)
            || journal.contains(r#""approvers":["dan","carol"]"#),
        "{journal}"
    );
}

#[test]
fn lost_root_keys_and_what_a_person_decides() {
    let shop = shop();
    let pw = "--passphrase-fd 0 <<<pw";
    done(&shop, "sealift install site sample-1.0.0.sealift");
    // A newer root may come by itself.
    done(
        &shop,
        &format!(
            "cp root.json v1.json; sealift trust add-key root.json --role packer site.pub -o next.json --key root.key {pw}; sealift site trust site next.json"
        ),
    );
    let again = done(&shop, "sealift site trust site next.json");
    assert!(again.out.contains("is already pinned"), "{}", again.shown());
    fails(
        &shop,
        "sealift site trust site v1.json --fingerprint \"$(words)\" --reason 'an old one'",
        3,
        "site.root",
    );
    // The root keys are lost: another root, another epoch, and a person who compares.
    done(&shop, &format!("sealift key new fresh {pw}; sealift trust init --key fresh.key --packer packer.pub -o same-epoch.json {pw}
        sealift trust init --key fresh.key --packer packer.pub --epoch 2 -o fresh.json {pw}"));
    fails(&shop, "sealift site trust site fresh.json", 2, "cli.usage");
    let reason = "--reason 'two of three key holders left'";
    fails(&shop, &format!("sealift site trust site fresh.json {reason}"), 1, "cli.input");
    fails(
        &shop,
        &format!("sealift site trust site fresh.json {reason} --fingerprint \"$(words)\""),
        3,
        "trust.fingerprint",
    );
    let of = |file: &str| format!("\"$(sealift trust show {file} --json | jq -r .words)\"");
    fails(
        &shop,
        &format!("sealift site trust site same-epoch.json {reason} --fingerprint {}", of("same-epoch.json")),
        3,
        "site.root",
    );
    done(&shop, &format!("sealift site trust site fresh.json {reason} --fingerprint {}", of("fresh.json")));
    fails(&shop, "sealift install site sample-1.1.0.sealift", 3, "trust.foreign");
    done(&shop, "trust=fresh.json make 3.0.0 1; sealift install site sample-3.0.0.sealift");
    let journal = done(&shop, "sealift journal verify site");
    assert!(
        journal.out.contains("pinned another trust root: two of three key holders left"),
        "{}",
        journal.shown()
    );
}

#[test]
fn j20_what_was_withdrawn_does_not_come_back() {
    let shop = shop();
    done(
        &shop,
        "sealift install site sample-1.0.0.sealift; sealift install site sample-1.1.0.sealift
         bad=$(sealift inspect sample-1.0.0.sealift --trust root.json --json | jq -r .statement)
         sealift trust revoke root.json $bad -o next.json --key root.key --passphrase-fd 0 <<<pw; cp root.json old.json; mv next.json root.json
         make 1.3.0 4; sealift install site sample-1.3.0.sealift",
    );
    fails(
        &shop,
        "sealift rollback site --to $(basename site/releases/air-gapped/1.0.0-*)",
        3,
        "trust.revoked",
    );
    fails(&shop, "sealift install site sample-1.0.0.sealift", 3, "trust.revoked");
    assert!(done(&shop, "sealift status site").out.contains("REVOKED"));
    done(&shop, "sealift rollback site");
    assert_eq!(runbook(&shop), "runbook of 1.1.0 \n");
}

#[test]
fn the_same_bundle_with_newer_roots_brings_them() {
    let shop = shop();
    done(
        &shop,
        "sealift install site sample-1.0.0.sealift
         sealift trust add-key root.json --role packer site.pub -o next.json --key root.key --passphrase-fd 0 <<<pw",
    );
    // The statement is the same, so is the seal; only what travels in front of it has grown.
    let mut forge = crate::forge::Forge::of(&shop.read("sample-1.0.0.sealift"));
    forge.set("seal/roots.dsse.jsonl", shop.read("next.json"));
    std::fs::write(shop.path("again.sealift"), forge.bytes()).unwrap();
    let again = done(&shop, "sealift install site again.sealift");
    assert!(again.out.contains("already in use"), "{}", again.shown());
    assert!(done(&shop, "sealift status site").out.contains("root version 2"));
}

#[test]
fn a_release_whose_folder_is_gone_is_installed_again() {
    let shop = shop();
    done(&shop, "sealift install site sample-1.0.0.sealift; rm -rf site/releases/air-gapped/1.0.0-*");
    let anew = done(&shop, "sealift install site sample-1.0.0.sealift");
    assert!(anew.out.contains("reinstalled sample-1.0.0: its directory was missing"), "{}", anew.shown());
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.0.0 \n", 1));
}

#[test]
fn a_journal_that_is_shorter_than_before_an_act_is_damaged_at_the_line_that_is_missing() {
    let shop = shop();
    done(
        &shop,
        "sealift install site sample-1.0.0.sealift
         jq -jcn --arg line \"$(tail -1 site/journal.jsonl)\" --rawfile state site/state.json '{journal_len: 9999999, line: $line, state: $state}' > site/pending.json",
    );
    let outcome = shop.run("sealift status site");
    assert!(
        outcome.code != Some(0) && outcome.err.contains("line 3 of the journal is damaged: the file has "),
        "{}",
        outcome.shown()
    );
}

#[test]
fn j11_what_nobody_believes_does_not_fill_the_journal() {
    let shop = shop();
    let mut forge = crate::forge::Forge::of(&shop.read("sample-1.0.0.sealift"));
    let seal = String::from_utf8(forge.members[1].1.clone()).unwrap();
    let long = seal.replace("application/vnd.in-toto+json", &"\u{80}".repeat(500_000));
    forge.members[1].1 = long.into_bytes();
    std::fs::write(shop.path("long.sealift"), forge.bytes()).unwrap();
    let refused = fails(&shop, "sealift install site long.sealift", 3, "trust.signature");
    assert!(refused.err.len() < 5000, "{} bytes of error", refused.err.len());
    assert!(shop.read("site/journal.jsonl").len() < 10_000);
    done(&shop, "sealift install site sample-1.0.0.sealift; sealift journal verify site");
}

#[test]
fn e10_modes_are_what_they_should_be_whatever_the_umask() {
    for umask in ["000", "002", "077"] {
        let shop = shop();
        done(
            &shop,
            &format!(
                "umask {umask}; init fresh; sealift install fresh sample-1.0.0.sealift; sealift install fresh sample-1.1.0.sealift; sealift status fresh"
            ),
        );
        let open = done(&shop, "find fresh ! -type l -perm /022");
        assert_eq!(open.out, "", "umask {umask}");
    }
}

#[test]
fn e12_standard_output_that_is_full_or_closed() {
    let shop = shop();
    for closed in ["> /dev/full", ">&-"] {
        let outcome = shop.run(&format!("sealift install site sample-1.0.0.sealift {closed}"));
        assert!(matches!(outcome.code, Some(0 | 1)), "{closed} {}", outcome.shown());
        assert_eq!(runbook(&shop), "runbook of 1.0.0 \n");
        done(&shop, "sealift journal verify site; rm -rf site; init site");
    }
}

#[test]
fn an_encrypted_bundle_is_installed_and_leaves_nothing_in_the_clear() {
    let shop = shop();
    done(
        &shop,
        "age-keygen -q -o id 2> /dev/null || age-keygen -o id 2> /dev/null
         sealift pack -q site-1.1.0-sample.toml --key packer.key --store store --passphrase-fd 0 -o out --recipient \"$(age-keygen -y id)\" <<<pw",
    );
    let install = "sealift install site out/sample-1.1.0.sealift.age";
    let sealed = shop.run(install);
    assert!(sealed.code != Some(0), "{}", sealed.shown());
    done(&shop, "age-keygen -o other 2> /dev/null");
    let wrong = shop.run(&format!("{install} --identity other"));
    assert!(wrong.code != Some(0), "{}", wrong.shown());
    assert!(names(&shop.path("site/releases")).is_empty() || releases(&shop) == 0);
    done(&shop, &format!("{install} --identity id"));
    assert_eq!(runbook(&shop), "runbook of 1.1.0 \n");
    // One bit of the encrypted file: refused, and the site is as it was.
    done(
        &shop,
        "sealift pack -q site-1.2.0-sample.toml --key packer.key --store store --passphrase-fd 0 -o out --recipient \"$(age-keygen -y id)\" <<<pw
         printf '\\x01' | dd of=out/sample-1.2.0.sealift.age bs=1 seek=9000 conv=notrunc status=none",
    );
    let flipped = shop.run("sealift install site out/sample-1.2.0.sealift.age --identity id");
    assert_eq!(flipped.code, Some(3), "{}", flipped.shown());
    assert_eq!((runbook(&shop).as_str(), releases(&shop)), ("runbook of 1.1.0 \n", 1));
    done(&shop, "sealift journal verify site");
}

#[test]
fn e05_parts_of_a_site_on_other_file_systems() {
    let shop = shop();
    let alone = alone(&shop);
    done(
        &shop,
        "for v in 1.0.0 1.1.0; do sealift unpack sample-$v.sealift --trust root.json --to whole-$v; done",
    );
    for part in ["store/blobs/sha256", "releases", "current"] {
        done(
            &shop,
            &format!(
                "init fresh; {alone} bash -c 'set -e; mount -t tmpfs -o mode=755 tmpfs fresh/{part}
                 for v in 1.0.0 1.1.0; do sealift install fresh sample-$v.sealift; diff -r whole-$v fresh/current/air-gapped/.; done
                 sealift rollback fresh; diff -r whole-1.0.0 fresh/current/air-gapped/.; sealift journal verify fresh'
                 rm -rf fresh"
            ),
        );
    }
}
