//! Sites while something goes wrong: killed at every step, disks that fail or are full. What is in use is old or new,
//! never between, and running the same command again succeeds.

use crate::cli::{Outcome, Shop};
use crate::environment::{alone, each, names};
use crate::site;
use crate::support;

/// The system calls with which a site is read and changed.
const CALLS: [&str; 24] = [
    "open",
    "openat",
    "openat2",
    "mkdir",
    "mkdirat",
    "statx",
    "flock",
    "fstatfs",
    "pread64",
    "read",
    "write",
    "pwrite64",
    "ftruncate",
    "fchmod",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "syncfs",
    "fsync",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
];

/// A shop with a site that has 1.0.0 and, by these commands, more; and what `site` then holds.
fn prepared(more: &str) -> Shop {
    let shop = site::shop();
    site::done(&shop, &format!("sealift install site sample-1.0.0.sealift; {more}; cp -a site kept"));
    shop
}

/// Which release is in use, with what its document says; the release is whole.
fn in_use(shop: &Shop, case: &str) -> String {
    let link = std::fs::read_link(shop.path("site/current/air-gapped"));
    let link = link.unwrap_or_else(|error| panic!("{case}: nothing is in use: {error}"));
    let folder = shop.path("site/current").join(&link);
    assert!(folder.is_dir(), "{case}: {} is in use and not there", link.display());
    let version = link.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    let whole = shop.path(format!("whole-{version}"));
    assert!(support::listing(&folder) == support::listing(&whole), "{case}: {version} is not whole");
    version
}

/// The site as its owner finds it afterwards: sound, with nothing half-done lying about.
fn sound(shop: &Shop, case: &str) {
    let outcome = shop.run("sealift journal verify site && sealift status site");
    assert_eq!(outcome.code, Some(0), "{case}: {}", outcome.shown());
    for folder in ["site", "site/current", "site/releases/air-gapped"] {
        for name in names(&shop.path(folder)) {
            assert!(!name.starts_with('.') && name != "pending.json", "{case}: {folder}/{name}");
        }
    }
    let remembered = outcome.out.lines().filter(|line| line.contains("installed 2")).count();
    assert_eq!(
        names(&shop.path("site/releases/air-gapped")).len(),
        remembered,
        "{case}: {}",
        outcome.shown()
    );
}

fn afresh(shop: &Shop) {
    std::fs::remove_dir_all(shop.path("site")).unwrap();
    shop.done("cp -a kept site");
}

/// Runs `command` once for each call with the fault, and each time once more without; returns how often something was
/// hit, how often the site was old afterwards, and how often new.
fn disturbed(
    shop: &Shop,
    command: &str,
    fault: &str,
    (old, new): (&str, &str),
    mut judge: impl FnMut(&str, &Outcome),
) -> [usize; 3] {
    let mut counts = [0; 3];
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        let to = format!("whole-{version}");
        if !shop.path(&to).exists() {
            shop.done(&format!("sealift unpack sample-{version}.sealift --trust root.json --to {to}"));
        }
    }
    for call in CALLS {
        counts[0] += each(shop, command, call, fault, |case, outcome| {
            let case = format!("{command}, {case}");
            judge(&case, outcome);
            let found = in_use(shop, &case);
            assert!(found == old || found == new, "{case}: {found} is in use");
            counts[if found == new { 2 } else { 1 }] += 1;
            // Looking finishes what was decided, and what is in use is whole then too.
            let looked = shop.run("sealift status site");
            assert_eq!(looked.code, Some(0), "{case}: {}", looked.shown());
            let found = in_use(shop, &case);
            assert!(found == old || found == new, "{case}: {found} is in use");
            // Whatever was decided is finished first; whatever was not can be done again.
            let again = shop.run(command);
            let is_done = again.code == Some(0) || again.is("site.release");
            assert!(is_done, "{case}: again: {}", again.shown());
            assert_eq!(in_use(shop, &case), new, "{case}: again: {}", again.shown());
            sound(shop, &case);
            afresh(shop);
        });
    }
    counts
}

const INSTALL: &str = "sealift install site sample-1.1.0.sealift --threads 1";

fn killed(case: &str, outcome: &Outcome) {
    assert!(matches!(outcome.code, None | Some(0)), "{case}: {}", outcome.shown());
}

#[test]
fn e02_install_killed_at_every_step() {
    let shop = prepared(":");
    let counts = disturbed(&shop, INSTALL, "signal=KILL", ("1.0.0", "1.1.0"), killed);
    println!("install: {} crash points, {} old, {} new", counts[0], counts[1], counts[2]);
    assert!(counts[0] >= 150 && counts[1] >= 100 && counts[2] >= 10, "{counts:?}");
}

#[test]
fn e02_rollback_killed_at_every_step() {
    let shop = prepared("sealift install site sample-1.1.0.sealift");
    let back = "sealift rollback site --to $(basename $(readlink site/releases/air-gapped/1.0.0-* || echo site/releases/air-gapped/1.0.0-*))";
    let back = shop.done(&format!("echo {back}")).out;
    let counts = disturbed(&shop, back.trim(), "signal=KILL", ("1.1.0", "1.0.0"), killed);
    println!("rollback: {} crash points, {} old, {} new", counts[0], counts[1], counts[2]);
    assert!(counts[0] >= 40 && counts[1] >= 20 && counts[2] >= 5, "{counts:?}");
}

#[test]
fn e02_prune_killed_at_every_step() {
    let shop =
        prepared("sealift install site sample-1.1.0.sealift; sealift install site sample-1.2.0.sealift");
    let counts = disturbed(&shop, "sealift prune site --keep 1", "signal=KILL", ("1.2.0", "1.2.0"), killed);
    println!("prune: {} crash points", counts[0]);
    assert!(counts[0] >= 60, "{counts:?}");
}

#[test]
fn e01_calls_that_fail() {
    let shop = prepared(":");
    let mut all = [0; 3];
    for fault in ["error=ENOSPC", "error=EIO"] {
        let counts = disturbed(&shop, INSTALL, fault, ("1.0.0", "1.1.0"), |case, outcome| {
            // A call that fails may be one whose failure does not matter: asking about a file that need not be there,
            // advice, the terminal. 127 is what the loader of programs says.
            assert!(matches!(outcome.code, Some(0..=3 | 127)), "{case}: {}", outcome.shown());
        });
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    println!("failing calls: {} points, {} old, {} new", all[0], all[1], all[2]);
    assert!(all[0] >= 300 && all[1] >= 150, "{all:?}");
}

#[test]
fn e01_disks_that_are_really_full() {
    let shop = prepared(":");
    site::done(
        &shop,
        "for v in 1.0.0 1.1.0; do sealift unpack sample-$v.sealift --trust root.json --to whole-$v; done",
    );
    let alone = alone(&shop);
    let mut full = 0;
    let sizes = (28..80).step_by(2).map(|pages| format!("size={}k", pages * 4));
    let inodes = (20..70).step_by(2).map(|inodes| format!("nr_inodes={inodes}"));
    for options in sizes.chain(inodes) {
        let outcome = shop.run(&format!(
            "{alone} bash -c 'set -e; rm -rf site; mkdir site; mount -t tmpfs -o {options},mode=755 tmpfs site
             cp -a kept/. site 2>/dev/null || exit 77
             code=0; {INSTALL} || code=$?
             v=$(basename $(readlink site/current/air-gapped)); diff -r whole-${{v%-*}} site/current/air-gapped/. >&2 || exit 99
             mount -o remount,size=64m,nr_inodes=9999 site
             {INSTALL} >&2 || exit 98; sealift journal verify site >&2 || exit 97; exit $code'"
        ));
        match outcome.code {
            Some(77 | 0) => {}
            Some(1) => full += 1,
            _ => panic!("{options}: {}", outcome.shown()),
        }
    }
    println!("{full} full disks");
    assert!(full >= 8, "{full}");
}

#[test]
fn what_a_power_cut_leaves_is_finished_by_looking() {
    let shop = prepared(":");
    shop.done("sealift unpack sample-1.1.0.sealift --trust root.json --to whole-1.1.0");
    // The act is decided, and the machine stops before its first step.
    let mut left = 0;
    for when in 1..40 {
        shop.run(&format!("strace -f -o trace -e inject=fsync:signal=KILL:when={when} {INSTALL}"));
        left += usize::from(shop.path("site/pending.json").exists());
        shop.done("sealift status site; test ! -e site/pending.json; sealift prune site");
        sound(&shop, &format!("cut at sync {when}"));
        afresh(&shop);
    }
    assert!(left >= 2, "{left} acts were left pending");
}
