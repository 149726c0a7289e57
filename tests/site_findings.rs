//! Sites as attackers, full disks and tired operators meet them. The names carry the numbers of the findings.

use crate::cli::{Outcome, Shop};
use crate::environment::{alone, names};
use crate::site;
use std::sync::OnceLock;

/// A copy of a shop with a site and with bundles 1.0.0, 1.1.0 and 1.2.0, which is made once.
fn shop() -> Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(site::shop).copy()
}

/// The same with 1.0.0 and 1.1.0 installed; 1.1.0 is in use.
fn installed() -> Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    let make = || {
        let shop = shop();
        done(&shop, "sealift install site sample-1.0.0.sealift; sealift install site sample-1.1.0.sealift");
        shop
    };
    SHOP.get_or_init(make).copy()
}

fn done(shop: &Shop, script: &str) -> Outcome {
    site::done(shop, script)
}

fn fails(shop: &Shop, script: &str, exit: i32, code: &str) -> Outcome {
    shop.fails(&format!("{}\n{script}", site::MAKE), exit, code)
}

/// The release in use.
fn in_use(shop: &Shop) -> String {
    let link = std::fs::read_link(shop.path("site/current/air-gapped")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.out.contains(word) || outcome.err.contains(word), "no {word:?}: {}", outcome.shown());
    }
}

const FIRST: &str = "site/releases/air-gapped/1.0.0-*";
const BLOB: &str = "images/blobs/sha256/$(ls site/store/blobs/sha256 | head -1)";

#[test]
fn f_sec_12_a_write_to_the_release_in_use_is_found_when_another_comes_into_use() {
    let shop = installed();
    let modes =
        done(&shop, "stat -c %a site/store/blobs/sha256/* site/current/air-gapped/images/blobs/sha256/*");
    assert!(modes.out.lines().all(|mode| mode == "444"), "{}", modes.shown());
    // One inode, or not: what was written to the release in use must not come into use with the former one.
    done(
        &shop,
        &format!(
            "f=site/current/air-gapped/{BLOB}; chmod u+w $f; printf x | dd of=$f conv=notrunc status=none"
        ),
    );
    let before = in_use(&shop);
    let back = fails(&shop, "sealift rollback site", 4, "site.release-changed");
    says(&back, &["images/blobs/sha256/", "--repair"]);
    fails(&shop, "sealift install site sample-1.1.0.sealift", 4, "site.release-changed");
    assert_eq!(in_use(&shop), before);
    // The store is hashed too: a new release gets the right bytes.
    done(
        &shop,
        "sealift install site sample-1.2.0.sealift; sealift unpack sample-1.2.0.sealift --trust root.json --to whole; diff -r whole site/current/air-gapped/.",
    );
}

#[test]
fn f_sec_12_what_is_hashed_is_the_copy_that_is_used() {
    let shop = installed();
    // A reflink that lies: the kernel says that the bytes are shared, and they are not there.
    done(
        &shop,
        "strace -f -o trace -e inject=ioctl:retval=0 sealift install site sample-1.2.0.sealift
         grep -q 'FICLONE.*INJECTED' trace
         sealift unpack sample-1.2.0.sealift --trust root.json --to whole; diff -r whole site/current/air-gapped/.
         sealift status site --deep",
    );
}

#[test]
fn f_sec_12_blobs_stay_while_a_release_has_them() {
    let shop = installed();
    done(&shop, "sealift prune site --keep 1; test $(ls site/store/blobs/sha256 | wc -l) -gt 2");
    let stray = format!("site/store/blobs/sha256/{}", "0".repeat(64));
    done(
        &shop,
        &format!("echo x > {stray}; sealift install site sample-1.2.0.sealift; sealift prune site --keep 1"),
    );
    assert!(!shop.path(&stray).exists());
    done(&shop, "sealift status site --deep; test $(ls site/inventories | wc -l) = 1");
}

#[test]
fn f_sec_23_sites_below_folders_that_others_may_change_are_refused() {
    let shop = installed();
    done(&shop, "mkdir open; mv site open/");
    let all = [
        "sealift status open/site",
        "sealift install open/site sample-1.2.0.sealift",
        "sealift rollback open/site",
        "sealift prune open/site --keep 1",
        "sealift journal verify open/site",
        "init open/other",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to open/site/new",
    ];
    for change in ["chmod 777 open", "chmod 770 open; chgrp 12345 open", "chmod 755 open; chown 12345 open"] {
        done(&shop, change);
        for command in all {
            let refused = fails(&shop, command, 2, "site.parent");
            says(&refused, &["open`"]);
        }
        done(&shop, "chmod 755 open; chown 0:0 open");
    }
    // With the sticky bit, nobody renames what belongs to another.
    done(&shop, "chmod 1777 open; sealift rollback open/site");
}

#[test]
fn f_sec_23_links_do_not_hide_a_folder_that_others_may_change() {
    let shop = installed();
    done(
        &shop,
        "mkdir -p open/real; mv site open/real/; ln -s open/real link; mkdir other; ln -s ../open/real/site other/site; chmod 777 open",
    );
    fails(&shop, "sealift status link/site", 2, "site.parent");
    done(&shop, "chmod 755 open; sealift status link/site");
    // By its name, too: whoever may write where the link stands decides where it leads.
    done(&shop, "mkdir loose; ln -s ../open/real loose/link; chmod 777 loose");
    fails(&shop, "sealift status loose/link/site", 2, "site.parent");
}

#[test]
fn f_sec_23_root_reads_the_site_of_another_user_and_does_not_change_it() {
    let shop = installed();
    done(&shop, "chown -R 12345 site");
    done(&shop, "sealift status site; sealift journal verify site");
    for command in [
        "sealift rollback site",
        "sealift install site sample-1.2.0.sealift",
        "sealift prune site --keep 1",
        "sealift site set site --add-scenario ddil",
    ] {
        let refused = fails(&shop, command, 2, "site.parent");
        says(&refused, &["user id 12345", "sudo -u '#12345'"]);
    }
    // A folder of the site that is another's is not written to either.
    done(&shop, "chown -R 0 site; chown 12345 site/releases/air-gapped");
    fails(&shop, "sealift rollback site", 2, "site.parent");
}

#[test]
fn f_sec_23_a_journal_that_is_a_link_is_not_written_to() {
    let shop = installed();
    done(
        &shop,
        "mv site/journal.jsonl elsewhere; ln -s ../elsewhere site/journal.jsonl; sha256sum elsewhere > sum",
    );
    let refused = shop.run("sealift rollback site");
    assert!(matches!(refused.code, Some(1..=3)), "{}", refused.shown());
    done(&shop, "sha256sum -c sum");
}

#[test]
fn f_fmt_22_a_refusal_names_the_bundle_once_its_seal_is_verified() {
    let shop = installed();
    // Withdrawn bundles are found out behind the seal.
    done(
        &shop,
        "bad=$(sealift inspect sample-1.2.0.sealift --trust root.json --json | jq -r .statement); echo $bad > bad
         sealift trust revoke root.json $bad -o next.json --key root.key --passphrase-fd 0 <<<pw; sealift site trust site next.json",
    );
    fails(&shop, "sealift install site sample-1.2.0.sealift", 3, "trust.revoked");
    done(&shop, "test $(tail -1 site/journal.jsonl | jq -r .act.refused.statement) = $(cat bad)");
    done(
        &shop,
        "sealift trust init --key root.key --packer packer.pub --approver carol.pub --require-approvals -o strict.json --passphrase-fd 0 <<<pw
         cp strict.json root.json; init strict; make 2.0.0 1
         sealift install strict sample-2.0.0.sealift || true
         tail -1 strict/journal.jsonl | jq -e '.act.refused.code == \"trust.unapproved\"'
         s=$(tail -1 strict/journal.jsonl | jq -r .act.refused.statement)
         test $s = $(sealift inspect sample-2.0.0.sealift --trust root.json --json | jq -r .statement)",
    );
}

#[test]
fn f_fmt_23_a_damaged_copy_of_a_release_that_is_there_is_refused() {
    let shop = installed();
    done(
        &shop,
        "for v in 1.0.0 1.1.0; do cp sample-$v.sealift bad-$v; size=$(stat -c %s bad-$v)
         printf '\\377' | dd of=bad-$v bs=1 seek=$((size - 3000)) conv=notrunc status=none; head -c $((size - 2000)) sample-$v.sealift > cut-$v; done",
    );
    let journal = shop.read("site/journal.jsonl").len();
    for name in ["bad-1.1.0", "cut-1.1.0"] {
        let refused = shop.run(&format!("sealift install site {name}"));
        assert_eq!(refused.code, Some(3), "{name}: {}", refused.shown());
    }
    // The newest, which is there and not in use.
    done(&shop, "sealift rollback site");
    let refused = shop.run("sealift install site bad-1.1.0");
    assert_eq!(refused.code, Some(3), "{}", refused.shown());
    assert!(in_use(&shop).starts_with("1.0.0"), "{}", in_use(&shop));
    assert!(shop.read("site/journal.jsonl").len() > journal, "refusals are remembered");
    done(&shop, "sealift install site sample-1.1.0.sealift");
}

#[test]
fn f_new_b_damage_in_a_release_is_found_and_repaired() {
    let shop = installed();
    let whole = done(&shop, "sealift status site --deep");
    says(&whole, &["1.0.0-", "1.1.0-", "no differences"]);
    done(
        &shop,
        &format!(
            "cp -a site kept; r=$(echo {FIRST}); echo changed >> $r/doc/handbook/runbook.md; echo new > $r/doc/extra; rm $r/images/oci-layout
             chmod 755 $r/images/index.json; mkdir $r/doc/more; echo deep > $r/doc/more/file; rm site/current/air-gapped/doc/handbook/runbook.md
             ln -s /etc/passwd site/current/air-gapped/doc/handbook/runbook.md"
        ),
    );
    let found = fails(&shop, "sealift status site --deep", 4, "site.release-changed");
    says(
        &found,
        &[
            "changed  doc/handbook/runbook.md",
            "added    doc/extra",
            "added    doc/more",
            "missing  images/oci-layout",
            "mode     images/index.json",
        ],
    );
    assert!(!found.out.contains("doc/more/file"), "{}", found.shown());
    let json =
        shop.run("sealift status site --deep --json | head -1 | jq -c '[.checked[].differences | length]'");
    assert_eq!(json.out.trim(), "[5,1]", "{}", json.shown());
    // Both are restored, the one in use and the other, and what is in use stays the same bundle.
    let first = done(&shop, "sealift install site sample-1.0.0.sealift --repair");
    says(&first, &["repaired sample-1.0.0: 5 differences"]);
    assert!(in_use(&shop).starts_with("1.1.0-"));
    done(
        &shop,
        "sealift install site sample-1.1.0.sealift --repair; sealift status site --deep; sealift journal verify site",
    );
    done(
        &shop,
        "for v in 1.0.0 1.1.0; do sealift unpack sample-$v.sealift --trust root.json --to whole-$v; done
         diff -r whole-1.1.0 site/current/air-gapped/.; sealift rollback site; diff -r whole-1.0.0 site/current/air-gapped/.
         test $(ls -A site/releases/air-gapped | wc -l) = 2",
    );
    let again = done(&shop, "sealift install site sample-1.0.0.sealift --repair");
    says(&again, &["nothing to repair"]);
    // A second repair takes the first name again.
    done(
        &shop,
        "rm site/current/air-gapped/doc/handbook/runbook.md; sealift install site sample-1.0.0.sealift --repair; sealift status site --deep",
    );
    assert!(!in_use(&shop).ends_with("-r"), "{}", in_use(&shop));
    // What is not installed, or not verified, repairs nothing.
    fails(&shop, "sealift install site sample-1.2.0.sealift --repair", 2, "site.release");
    done(
        &shop,
        "echo x >> site/current/air-gapped/doc/handbook/runbook.md; head -c 3000 sample-1.0.0.sealift > cut",
    );
    let cut = shop.run("sealift install site cut --repair");
    assert_eq!(cut.code, Some(3), "{}", cut.shown());
}

#[test]
fn f_new_b_a_lost_or_changed_inventory_is_no_whole_release() {
    let shop = installed();
    done(&shop, "for f in site/inventories/*; do echo '[]' > $f; done");
    fails(&shop, "sealift status site --deep", 4, "site.release-changed");
    fails(&shop, "sealift rollback site", 4, "site.release-changed");
    done(&shop, "rm -r site/inventories");
    fails(&shop, "sealift rollback site", 4, "site.release-changed");
    done(
        &shop,
        "for v in 1.0.0 1.1.0; do sealift install site sample-$v.sealift --repair; done; sealift status site --deep; sealift rollback site",
    );
}

#[test]
fn f_new_b_a_repair_that_is_killed_leaves_the_old_or_the_new_release() {
    let shop = installed();
    done(&shop, "echo x >> site/current/air-gapped/doc/handbook/runbook.md; cp -a site kept");
    let mut new = 0;
    for call in ["renameat2", "rename", "fsync", "symlink", "unlink"] {
        for when in 1..40 {
            let script = format!(
                "strace -f -o trace -e inject=?{call}:signal=KILL:when={when} sealift install site sample-1.1.0.sealift --repair --threads 1"
            );
            let outcome = shop.run(&script);
            done(&shop, "sealift status site; sealift prune site; sealift journal verify site");
            let link = shop.path("site/current/air-gapped");
            assert!(link.join("doc/handbook/runbook.md").exists(), "{call} {when}");
            new += usize::from(in_use(&shop).ends_with("-r"));
            done(
                &shop,
                "sealift install site sample-1.1.0.sealift --repair; sealift status site --deep; rm -rf site; cp -a kept site",
            );
            if outcome.code == Some(0) {
                break;
            }
        }
    }
    assert!(new >= 5, "{new}");
}

/// Runs a script with `small`, a file system in memory of this kind, with the shop's files beside it.
fn on_a_small_disk(shop: &Shop, options: &str, script: &str) -> Outcome {
    let alone = alone(shop);
    std::fs::write(shop.path("script"), format!("set -euo pipefail\n{}\n{script}", site::MAKE)).unwrap();
    shop.run(&format!(
        "mkdir -p small; {alone} bash -c 'set -e; mount -t tmpfs -o {options},mode=755 tmpfs small; exec bash script'"
    ))
}

const INSTALL_SMALL: &str =
    "init small/site; for v in 1.0.0 1.1.0 1.2.0; do sealift install -q small/site sample-$v.sealift; done";

#[test]
fn f_new_b_rollback_and_prune_work_on_a_full_disk() {
    let shop = shop();
    // Bytes run out, or inodes do.
    for (options, fill, is_full) in [
        (
            "size=3m",
            "head -c 9m /dev/zero > small/fill 2>/dev/null || true",
            "! echo x > small/more 2>/dev/null",
        ),
        (
            "size=9m,nr_inodes=220",
            "i=0; while : > small/fill-$i; do i=$((i + 1)); done 2>/dev/null || true",
            "! : > small/more 2>/dev/null",
        ),
    ] {
        let outcome = on_a_small_disk(
            &shop,
            options,
            &format!(
                "{INSTALL_SMALL}; {fill}
                 full() {{ rm -f small/more; {is_full}; rm -f small/more; }}
                 full; sealift rollback small/site; readlink small/site/current/air-gapped | grep -q /1.1.0-
                 {fill}; full; sealift rollback small/site; readlink small/site/current/air-gapped | grep -q /1.0.0-
                 {fill}; full; sealift prune small/site --keep 1; test $(ls small/site/releases/air-gapped | wc -l) = 1
                 sealift journal verify small/site; sealift status small/site --deep"
            ),
        );
        assert_eq!(outcome.code, Some(0), "{options}: {}", outcome.shown());
    }
}

#[test]
fn f_new_b_a_rollback_that_is_killed_on_a_full_disk_is_finished_there() {
    let shop = shop();
    done(&shop, &INSTALL_SMALL.replace("small/site", "kept"));
    let mut new = 0;
    for call in ["unlink", "rename", "fsync", "write"] {
        for when in [1, 2, 3, 5, 7] {
            let outcome = on_a_small_disk(
                &shop,
                "size=2m",
                &format!(
                    "cp -a kept small/site; sealift prune -q small/site --keep 3; sealift rollback -q small/site
                     head -c 9m /dev/zero > small/fill 2>/dev/null || true
                     strace -f -o trace -e inject=?{call}:signal=KILL:when={when} sealift rollback small/site || true
                     sealift status small/site; sealift journal verify small/site
                     v=$(readlink small/site/current/air-gapped); case $v in */1.0.0-*) echo new;; */1.1.0-*) echo old;; *) exit 9;; esac
                     rm small/fill; sealift rollback small/site --to $(basename small/site/releases/air-gapped/1.0.0-*)
                     sealift status small/site --deep; test ! -e small/site/pending.json"
                ),
            );
            assert_eq!(outcome.code, Some(0), "{call} {when}: {}", outcome.shown());
            new += usize::from(outcome.out.lines().any(|line| line == "new"));
        }
    }
    assert!(new >= 2, "{new}");
}

#[test]
fn f_new_b_installing_leaves_the_reserve_alone() {
    let shop = installed();
    let blocks = |shop: &Shop| done(shop, "stat -c %b site/reserve/space").out.trim().parse::<u64>().unwrap();
    assert!(blocks(&shop) * 512 >= 128 << 10);
    done(&shop, "rm -r site/reserve; sealift install site sample-1.2.0.sealift");
    assert!(blocks(&shop) * 512 >= 128 << 10);
    // A copy may have lost its blocks; the next act brings them back.
    done(&shop, "truncate -s 0 site/reserve/space; sealift rollback site");
    assert!(blocks(&shop) * 512 >= 128 << 10);
}

#[test]
fn f_new_b_ten_words_that_match_are_said_to_match() {
    let shop = shop();
    let check = "sealift trust check root.json --fingerprint \"$(words)\"";
    let outcome = done(&shop, check);
    says(&outcome, &["fingerprint matches", "finding: "]);
    assert!(!outcome.err.contains("error"), "{}", outcome.shown());
    let json = done(&shop, &format!("{check} --json"));
    says(&json, &["\"fingerprint_matches\":true"]);
    let other = fails(
        &shop,
        "sealift trust check root.json --fingerprint \"$(words | awk '{print $2, $1, $3, $4, $5, $6, $7, $8, $9, $10}')\"",
        3,
        "trust.fingerprint",
    );
    assert!(!other.out.contains("matches:"), "{}", other.shown());
    fails(&shop, "sealift trust check root.json", 4, "trust.findings");
}

#[test]
fn f_new_b_a_misspelled_scenario_is_noticed_and_can_be_changed() {
    let shop = shop();
    let typo = "sealift site init typo --trust root.json --fingerprint \"$(words)\" --scenario air-gaped";
    says(
        &done(&shop, typo),
        &[
            "did you mean `air-gapped`?",
            "site set typo --add-scenario air-gapped --remove-scenario air-gaped",
        ],
    );
    let refused = fails(&shop, "sealift install typo sample-1.0.0.sealift", 3, "site.scenario");
    says(&refused, &["sealift site set typo --add-scenario air-gapped"]);
    let set = done(&shop, "sealift site set typo --add-scenario air-gapped --remove-scenario air-gaped");
    says(&set, &["accepts air-gapped\n"]);
    let journal = done(&shop, "sealift install typo sample-1.0.0.sealift; sealift journal verify typo");
    says(&journal, &["takes air-gapped in place of air-gaped"]);
    fails(&shop, "sealift site set typo --remove-scenario air-gapped", 2, "site.release");
    fails(&shop, "sealift site set typo --remove-scenario ddil", 2, "site.release");
    // The same again is not an act.
    let before = shop.read("typo/journal.jsonl");
    done(&shop, "sealift site set typo --add-scenario air-gapped");
    assert_eq!(shop.read("typo/journal.jsonl"), before);
}

#[test]
fn f_new_b_doctor_takes_the_root_of_the_site_and_counts_what_is_shared() {
    let shop = installed();
    let needed = |folder: &str| {
        let found = done(
            &shop,
            &format!(
                "sealift doctor {folder} sample-1.2.0.sealift --json | jq -r '.checks[] | select(.name == \"space\").found'"
            ),
        );
        let (size, unit) = found.out.split_once(" are needed").unwrap().0.split_once(' ').unwrap();
        let unit = if unit == "KiB" {
            1024.0
        } else {
            assert_eq!(unit, "B");
            1.0
        };
        size.parse::<f64>().unwrap() * unit
    };
    let (here, elsewhere) = (needed("site"), needed("new --trust root.json"));
    assert!(here < elsewhere, "{here} {elsewhere}");
    let text = done(&shop, "sealift doctor site sample-1.2.0.sealift");
    says(&text, &["next: sealift install site sample-1.2.0.sealift"]);
    let wrong = fails(&shop, "sealift doctor new sample-1.2.0.sealift", 2, "cli.usage");
    says(&wrong, &["`new` is not a site", "--trust ROOT"]);
    let small = on_a_small_disk(
        &shop,
        "size=1m",
        "init small/site; head -c 900k /dev/zero > small/fill || true; sealift doctor small/site sample-1.0.0.sealift; true",
    );
    says(&small, &["sealift prune small/site --keep 1"]);
}

#[test]
fn f_new_b_an_installation_counts_images_and_says_how_to_load_them() {
    let shop = shop();
    let first = done(&shop, "sealift install site sample-1.0.0.sealift");
    says(
        &first,
        &[
            "installed sample-1.0.0: 1 file, 1 image, ",
            "sealift load sample-1.0.0.sealift --trust ROOT --registry ",
        ],
    );
    let json = done(&shop, "sealift install site sample-1.1.0.sealift --json | jq .images");
    assert_eq!(json.out.trim(), "1");
    let piped = done(&shop, "sealift install site - < sample-1.2.0.sealift");
    assert!(!piped.err.contains("sealift load"), "{}", piped.shown());
    let plain = done(
        &shop,
        "sed '/image/,/layout/d' site-1.0.0-sample.toml | sed 's/1.0.0\"$/1.9.0\"/; s/sequence = 1/sequence = 9/; s/tree-1.9.0/tree-1.0.0/; s/path = .*/path = \"tree-1.0.0-sample\"/' > plain.toml
         sealift lock -q plain.toml --store store; sealift pack -q plain.toml --key packer.key --store store --passphrase-fd 0 <<<pw
         sealift load sample-1.9.0.sealift --trust root.json --registry localhost:1; sealift install site sample-1.9.0.sealift",
    );
    says(
        &plain,
        &["nothing to load: the bundle has no images", "installed sample-1.9.0: 1 file, 0 images, "],
    );
    assert!(!plain.err.contains("sealift load"), "{}", plain.shown());
}

#[test]
fn f_new_b_every_command_that_writes_the_journal_warns_of_a_clock_that_is_behind() {
    use crate::support::Authorities;
    let shop = shop();
    // A root from more than a day ahead is refused, so this one is from a few hours ahead.
    let ahead = shop.done("date -u -d '+20 hours' +%Y-%m-%dT%H:%M:%SZ").out;
    let late = Authorities::with(|terms| terms.created = ahead.trim().parse().unwrap());
    std::fs::write(shop.path("late.json"), &late.chain).unwrap();
    done(
        &shop,
        "sealift site init ahead --trust late.json --fingerprint \"$(sealift trust show late.json --json | jq -r .words)\" --scenario air-gapped",
    );
    for command in [
        "sealift status ahead",
        "sealift install ahead sample-1.0.0.sealift",
        "sealift rollback ahead",
        "sealift prune ahead",
        "sealift site set ahead --add-scenario other",
        "sealift site trust ahead late.json",
    ] {
        let outcome = shop.run(command);
        assert!(outcome.err.contains("warning: the clock shows 20"), "{command}: {}", outcome.shown());
    }
}

#[test]
fn f_new_b_what_an_interrupted_installation_left_is_shown_and_removed() {
    let shop = installed();
    let kill =
        "strace -f -o trace -e inject=?syncfs:signal=KILL:when=1 sealift install site sample-1.2.0.sealift";
    let killed = shop.run(kill);
    assert_eq!(killed.code, None, "{}", killed.shown());
    let status = done(&shop, "sealift status site");
    says(&status, &["an interrupted installation left ", "sealift prune site"]);
    says(&done(&shop, "sealift status site --json"), &["\"left_behind\":{\"bytes\":"]);
    says(&done(&shop, "sealift prune site"), &["removed leftovers of an interrupted installation"]);
    assert!(!done(&shop, "sealift status site").out.contains("interrupted"));
    // Where nothing is installed yet, too.
    done(&shop, "init fresh");
    let killed = shop.run(&kill.replace(" site ", " fresh "));
    assert_eq!(killed.code, None, "{}", killed.shown());
    done(
        &shop,
        "sealift status fresh | grep -q interrupted; sealift prune fresh; test -z \"$(ls -A fresh/releases/air-gapped)\"",
    );
}

#[test]
fn f_new_b_an_expired_root_is_refused_and_shown() {
    let shop = shop();
    done(
        &shop,
        "sealift trust init --key root.key --packer packer.pub --expires $(date -u -d '+3 seconds' +%FT%TZ) -o short.json --passphrase-fd 0 <<<pw
         short() { sealift site init $1 --trust short.json --fingerprint \"$(sealift trust show short.json --json | jq -r .words)\" --scenario air-gapped; }
         short now; sealift status now | grep expires | (! grep EXPIRED); sleep 3.2",
    );
    says(&done(&shop, "sealift status now"), &[": EXPIRED, ask the root key holders for a newer one"]);
    let refused = fails(
        &shop,
        "sealift site init late --trust short.json --fingerprint \"$(sealift trust show short.json --json | jq -r .words)\" --scenario air-gapped",
        3,
        "trust.expired",
    );
    says(&refused, &["for a newer trust root"]);
    assert!(!shop.path("late").exists());
}

#[test]
fn f_new_b_lost_memory_is_told_apart_and_names_the_next_step() {
    let shop = installed();
    done(&shop, "cp -a site kept; cp -a site earlier");
    let recover =
        |words: &str| format!("sealift site recover site --trust root.json --reason lost --head \"{words}\"");
    let words = |entry: u32| {
        format!("$(sed -n {entry}p site/journal.jsonl | tr -d '\\n' | sha256sum | cut -d' ' -f1)")
    };
    done(&shop, "rm site/state.json");
    let lost = fails(&shop, "sealift status site", 3, "site.state");
    says(&lost, &["sealift journal verify site/journal.jsonl"]);
    done(&shop, "sealift journal verify site/journal.jsonl");
    let earlier = fails(&shop, &recover(&words(2)), 3, "site.journal");
    says(&earlier, &["it did at entry 2, and now has 3"]);
    let never = fails(&shop, &recover(&"0".repeat(64)), 3, "site.journal");
    says(&never, &["never ended with"]);
    done(&shop, &recover(&words(3)));
    // The journal, and both.
    done(&shop, "rm -rf site; cp -a kept site; rm site/journal.jsonl");
    for command in
        ["sealift status site", "sealift install site sample-1.2.0.sealift", &recover(&"0".repeat(64))]
    {
        let lost = fails(&shop, command, 3, "site.journal");
        says(&lost, &["the journal of the site is missing", "sealift journal export"]);
    }
    done(&shop, "rm site/state.json");
    for command in ["sealift status site", "sealift install site sample-1.2.0.sealift", "init site"] {
        let lost = fails(&shop, command, 3, "site.state");
        says(&lost, &["both `state.json` and `journal.jsonl`", "from a backup"]);
    }
    fails(&shop, "sealift status nowhere", 2, "site.folder");
}

#[test]
fn f_new_b_bars_are_ascii_in_the_c_locale_and_fit_the_line() {
    let shop = installed();
    let on_a_terminal = |locale: &str, command: &str| {
        let inner = format!("stty cols 80 rows 24; export LC_ALL={locale}; {command}");
        shop.run(&format!("script -qefc '{inner}' /dev/null")).out
    };
    let slow = "strace -f -o trace -e inject=fsync:delay_enter=400000 sealift install site sample-1.2.0.sealift --threads 1";
    let text = on_a_terminal("C", slow);
    assert!(text.contains("installing") && text.contains(" left"), "{text:?}");
    assert!(text.is_ascii(), "{text:?}");
    // Escape sequences aside, no line of it is wider than the terminal.
    let plain = without_escapes(&text);
    for line in plain.split(['\r', '\n']).filter(|line| line.ends_with(" left")) {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
    done(&shop, "rm -r site; init site; sealift install site sample-1.0.0.sealift");
    assert!(!on_a_terminal("C.UTF-8", slow).is_ascii());
    // Ten words are broken between words; a pipe gets them in one line.
    let status = without_escapes(&on_a_terminal("C", "sealift status site"));
    assert!(status.lines().all(|line| line.trim_end().chars().count() <= 80), "{status:?}");
    let piped = done(&shop, "sealift status site").out;
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&status), words(&piped));
}

/// A text without escape sequences.
fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out += before;
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    out + rest
}

#[test]
fn f_new_b_the_folder_of_a_site_follows_the_umask() {
    let shop = shop();
    for (umask, mode) in [("077", "700"), ("022", "755"), ("000", "755"), ("027", "750")] {
        done(&shop, &format!("umask {umask}; init site-{umask}; test $(stat -c %a site-{umask}) = {mode}"));
    }
    done(&shop, "umask 077; sealift install site-077 sample-1.0.0.sealift; sealift status site-077 --deep");
    assert!(names(&shop.path("site-077/current")).contains(&"air-gapped".to_owned()));
}

#[test]
fn f_new_b_damage_names_the_item() {
    let shop = installed();
    done(
        &shop,
        "cp sample-1.2.0.sealift flip; at=$(grep -aboP '\\x28\\xb5\\x2f\\xfd' flip | tail -1 | cut -d: -f1)
         printf X | dd of=flip bs=1 seek=$((at + 20)) conv=notrunc status=none",
    );
    // Which of its parts lies at that byte, the inventory, the frame or the blob, depends on their digests.
    for verb in ["sealift install site flip", "sealift verify flip --trust root.json"] {
        says(&fails(&shop, verb, 3, "bundle.digest"), &["digest mismatch for ", "`handbook`"]);
    }
}
