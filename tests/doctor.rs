//! `sealift doctor` as an operator runs it: on folders and machines that have what it takes, and on those that do not.

use crate::cli::{Outcome, PACK, Shop};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const DOCTOR: &str = "sealift doctor to sample-1.0.0.sealift --trust root.json";

fn shop() -> Shop {
    let shop = Shop::packed();
    shop.done("mkdir to");
    shop
}

/// A script in which file systems may be mounted, and limits lowered.
fn alone(script: &str) -> String {
    let script = script.replace('\'', r"'\''");
    format!(
        "alone='unshare -m'; unshare -m true 2>&- || alone='unshare -rm'
         $alone bash -c 'set -e; {script}'"
    )
}

/// Name to outcome, of every check.
fn outcomes(outcome: &Outcome) -> BTreeMap<String, String> {
    let line = outcome.out.lines().next().unwrap_or_default();
    let report: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", outcome.shown()));
    assert_eq!((&report["type"], &report["version"]), (&"doctor".into(), &1.into()), "{}", outcome.shown());
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        assert_eq!(check["outcome"] == "ok", check.get("fix").is_none(), "{check}");
    }
    let count = |outcome| checks.iter().filter(|check| check["outcome"] == outcome).count();
    assert_eq!(report["problems"], count("problem"));
    assert_eq!(report["warnings"], count("warning"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.iter().map(|check| (text(&check["name"]), text(&check["outcome"]))).collect()
}

/// Runs it and compares everything that is not ok; memory and group depend on who else works on the machine.
fn finds(shop: &Shop, script: &str, expected: &[(&str, &str)]) -> Outcome {
    let outcome = shop.run(script);
    let found = outcomes(&outcome);
    assert_eq!(found.len(), 28, "{}", outcome.shown());
    let found: Vec<_> = found
        .iter()
        .filter(|(name, outcome)| *outcome != "ok" && *name != "memory")
        .map(|(name, outcome)| (name.as_str(), outcome.as_str()))
        .collect();
    assert_eq!(found, expected, "{script}\n{}", outcome.shown());
    let is_problem = expected.iter().any(|(_, outcome)| *outcome == "problem");
    assert_eq!(outcome.code, Some(if is_problem { 4 } else { 0 }), "{}", outcome.shown());
    assert_eq!(outcome.is("doctor.problems"), is_problem, "{}", outcome.shown());
    outcome
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A machine with so much memory, for `--system`.
const MACHINE: &str = "mkdir -p box/proc/self box/proc/sys/crypto box/sys/fs/cgroup/user
    echo 'MemAvailable: 900000000 kB' > box/proc/meminfo
    echo 0::/user > box/proc/self/cgroup
    echo 0 > box/proc/sys/crypto/fips_enabled";

#[test]
fn a_good_folder() {
    let shop = shop();
    shop.done(MACHINE);
    snapbox::assert_data_eq!(
        shop.run(&format!("{DOCTOR} --system box")).shown(),
        snapbox::str![[r#"
exit 0
--- stdout
ready: to, for sample-1.0.0
  ok: read-only, space, inodes, memory, open-files, file-size, others, create, lock, sync, rename, hard-links, links, switch, modes, remove, programs, letter-case, unicode, large-files, long-names, characters, architecture, clock, expiry, fips, kernel, parameters
--- stderr
next: sealift unpack sample-1.0.0.sealift --trust root.json --to to/NEW-DIR

"#]]
    );
    assert!(is_empty(&shop.path("to")));
    finds(&shop, &format!("{DOCTOR} --json"), &[]);
    // One that is not there yet is looked at in the folder that would hold it, and is not made.
    let outcome = shop.done(&DOCTOR.replace(" to ", " to/new "));
    assert!(outcome.out.contains("to/new") && outcome.out.contains("checked in to"), "{}", outcome.shown());
    assert!(outcome.err.contains("--to to/new\n"), "{}", outcome.shown());
    assert!(is_empty(&shop.path("to")));
    let next = outcome.err.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    shop.done(next);
    assert!(shop.path("to/new/doc/handbook/readme.md").exists());
}

#[test]
fn without_a_bundle_only_what_is_there_is_shown() {
    let shop = shop();
    let unknown = ["architecture", "clock", "expiry", "inodes", "parameters", "space"]
        .map(|name| (name, "not checked"));
    let seen = shop.run("sealift doctor to --json");
    let inodes = outcomes(&seen)["inodes"] != "ok";
    let unknown: Vec<_> = unknown.into_iter().filter(|(name, _)| inodes || *name != "inodes").collect();
    let outcome = finds(&shop, "sealift doctor to --json", &unknown);
    assert!(
        outcome.out.contains("are free; how much is needed depends on the bundle"),
        "{}",
        outcome.shown()
    );
    for alone in ["sealift doctor to sample-1.0.0.sealift", "sealift doctor to --trust root.json"] {
        assert_eq!(shop.run(alone).code, Some(2), "{alone}");
    }
}

#[test]
fn a_folder_where_nothing_fits() {
    let shop = shop();
    shop.done(MACHINE);
    let script = "mount -t tmpfs -o size=16k,nr_inodes=8,mode=777 tmpfs to";
    let script = alone(&format!(
        "{script}; ulimit -n 60; sealift doctor to sample-1.0.0.sealift --trust root.json --system box"
    ));
    snapbox::assert_data_eq!(
        shop.run(&script).shown(),
        snapbox::str![[r#"
exit 4
--- stdout
not ready: to: 4 problems, for sample-1.0.0
  problem  space         <size> are needed, <size> are free
                         fix: free <size> there (`du -xh to | sort -h | tail`), or name a folder on another disk
  problem  inodes        25 are needed, 7 are free
                         fix: remove small files there (`du -x --inodes to | sort -n | tail`), or name a folder on another disk
  problem  open-files    60 files may be open at once
                         fix: `ulimit -n 256`
  problem  others        the folder can be written by everybody, who could swap what is unpacked there
                         fix: `chmod o-w to`, or choose a folder that only you can write to
  ok: read-only, memory, file-size, create, lock, sync, rename, hard-links, links, switch, modes, remove, programs, letter-case, unicode, large-files, long-names, characters, architecture, clock, expiry, fips, kernel, parameters
--- stderr
error[doctor.problems]: `to` is not ready: 4 problems
  next: follow the advice beside each problem, then re-run the command
  more: sealift explain doctor.problems

"#]]
    );
}

#[test]
fn e01_little_space_and_few_inodes() {
    let shop = shop();
    let mount = |options: &str| {
        alone(&format!(
            "mount -t tmpfs -o {options},mode=755 tmpfs to; code=0; {DOCTOR} --json || code=$?
             ls -A to | grep . && exit 99; exit $code"
        ))
    };
    finds(&shop, &mount("size=40k"), &[("space", "problem")]);
    finds(&shop, &mount("nr_inodes=20"), &[("inodes", "problem")]);
    finds(&shop, &mount("size=16M,nr_inodes=1000"), &[]);
    // What it says is what happens.
    for size in (4..400).step_by(44) {
        let fits = |command: &str| {
            let mount = format!("mount -t tmpfs -o size={size}k,mode=755 tmpfs to");
            shop.run(&alone(&format!("{mount}; {command}"))).code == Some(0)
        };
        let unpack = "sealift unpack sample-1.0.0.sealift --trust root.json --to to/new";
        assert_eq!(fits(DOCTOR), fits(unpack), "{size}");
    }
}

#[test]
fn e06_file_systems_that_cannot_do_everything() {
    let shop = shop();
    let untried = ["characters", "create", "hard-links", "letter-case", "links", "lock", "modes"];
    let mut read_only = untried.map(|name| (name, "not checked")).to_vec();
    read_only.push(("read-only", "problem"));
    read_only.extend(["remove", "rename", "switch", "sync", "unicode"].map(|name| (name, "not checked")));
    finds(&shop, &alone(&format!("mount -t tmpfs -o ro tmpfs to; {DOCTOR} --json")), &read_only);
    finds(
        &shop,
        &alone(&format!("mount -t tmpfs -o noexec,mode=755 tmpfs to; {DOCTOR} --json")),
        &[("programs", "warning")],
    );
    // The same from the folder that may not be written: what follows from writing cannot be known.
    let closed: Vec<_> = read_only
        .iter()
        .filter(|(name, _)| *name != "read-only")
        .map(|&(name, outcome)| (name, if name == "create" { "problem" } else { outcome }))
        .collect();
    // vfat and exFAT cannot be mounted everywhere; strace gives the answers that their drivers give.
    for (call, error, expected) in [
        ("symlinkat", "EPERM", &[("links", "problem"), ("switch", "not checked")][..]),
        ("linkat", "EPERM", &[("hard-links", "warning")]),
        ("fchmod", "EPERM", &[("modes", "problem")]),
        ("flock", "EOPNOTSUPP", &[("lock", "problem")]),
        ("renameat2", "EINVAL", &[("rename", "warning")]),
        ("syncfs", "EIO", &[("sync", "problem")]),
        ("ftruncate", "EFBIG", &[]),
        ("openat2", "ENOSYS", &[]),
        ("mkdirat", "EACCES", &closed),
    ] {
        let script = format!(
            "code=0; strace -f -o trace -e inject=?{call}:error={error} {DOCTOR} --json || code=$?
             grep -q INJECTED trace; exit $code"
        );
        finds(&shop, &script, expected);
        assert!(is_empty(&shop.path("to")), "{call}");
    }
}

#[test]
fn what_cannot_be_removed_is_said() {
    let shop = shop();
    let script = format!("strace -f -o trace -e inject=?unlinkat:error=EPERM {DOCTOR} --json");
    let outcome = finds(&shop, &script, &[("remove", "problem")]);
    assert!(outcome.out.contains("rm -r to/.sealift-doctor-*"), "{}", outcome.shown());
    shop.done("rm -r to/.sealift-doctor-*");
    finds(&shop, &format!("{DOCTOR} --json"), &[]);
}

#[test]
fn others_who_could_rename_what_is_there() {
    let shop = shop();
    shop.done("chmod 777 to");
    finds(&shop, &format!("{DOCTOR} --json"), &[("others", "problem")]);
    shop.done("chmod 1777 to");
    finds(&shop, &format!("{DOCTOR} --json"), &[]);
    shop.done("mkdir to/mine; chmod 777 to");
    finds(&shop, &format!("{} --json", DOCTOR.replace(" to ", " to/mine ")), &[("others", "problem")]);
}

#[test]
fn e11_limits_of_the_process_and_of_its_group() {
    let shop = shop();
    finds(&shop, &format!("ulimit -n 128; {DOCTOR} --json"), &[("open-files", "warning")]);
    finds(&shop, &format!("ulimit -n 32; {DOCTOR} --json"), &[("open-files", "problem")]);
    // The kernel would end whoever writes more.
    finds(&shop, &format!("ulimit -f 1000; {DOCTOR} --json"), &[]);
    shop.done(&format!(
        "head -c 100000 /dev/zero > docs/zeros; sealift lock site.toml --store store; rm *.sealift; {PACK}"
    ));
    finds(&shop, &format!("ulimit -f 50; {DOCTOR} --json"), &[("file-size", "problem")]);
    shop.done(MACHINE);
    let memory = |outcome: &Outcome| outcomes(outcome)["memory"].clone();
    let json = format!("{DOCTOR} --system box --json");
    assert_eq!(memory(&shop.done(&json)), "ok");
    let outcome = shop.run(&format!("echo 20000000 > box/sys/fs/cgroup/user/memory.max; {json}"));
    assert_eq!((memory(&outcome).as_str(), outcome.code), ("problem", Some(4)));
    let outcome =
        shop.done(&format!("echo max > box/sys/fs/cgroup/user/memory.max; rm box/proc/meminfo; {json}"));
    assert_eq!(memory(&outcome), "not checked");
    let outcome = shop.done(&format!("echo 1 > box/proc/sys/crypto/fips_enabled; {json}"));
    assert_eq!(outcomes(&outcome)["fips"], "warning");
}

/// Makes the image of the demonstration one for an architecture that this machine does not have.
const FOREIGN: &str = r#"
put() { printf %s "$1" > blob; hex=$(sha256sum < blob | cut -d' ' -f1); size=${#1}; mv blob $blobs/$hex; }
blobs=demo/hello/blobs/sha256
manifest=$(jq -r '.manifests[0].digest' demo/hello/index.json | cut -d: -f2)
config=$(jq -r .config.digest $blobs/$manifest | cut -d: -f2)
put "$(jq -c '.architecture = "mips64"' $blobs/$config)"
put "$(jq -c ".config.digest = \"sha256:$hex\" | .config.size = $size" $blobs/$manifest)"
jq -c ".manifests[0].digest = \"sha256:$hex\" | .manifests[0].size = $size | del(.manifests[0].platform)" \
    demo/hello/index.json > index.json
mv index.json demo/hello/index.json
sealift lock site.toml --store store
rm *.sealift
"#;

#[test]
fn a_bundle_for_another_machine() {
    let shop = shop();
    shop.done(&format!("{FOREIGN}{PACK}"));
    let outcome = finds(&shop, &format!("{DOCTOR} --json"), &[("architecture", "warning")]);
    assert!(
        outcome.out.contains("`hello` is for linux/mips64, this machine is linux/"),
        "{}",
        outcome.shown()
    );
}

#[test]
fn a_bundle_for_another_time() {
    let shop = shop();
    shop.done(
        "sed -i \"s/^version.*/&\\nexpires = \\\"$(date -u -d '+10 days 12 hours' +%FT%TZ)\\\"/\" site.toml",
    );
    shop.done(&format!("sealift lock site.toml --store store; rm *.sealift; {PACK}"));
    let outcome = finds(&shop, &format!("{DOCTOR} --json"), &[("expiry", "warning")]);
    assert!(outcome.out.contains("in 10 days"), "{}", outcome.shown());
    // The clock of whoever locked was ahead; or the one here was never set.
    shop.done("sed -i '/^expires/d' site.toml; sealift lock site.toml --store store");
    shop.done(&format!(
        "sed -i 's/^created = .*/created = \"2090-01-01T00:00:00Z\"/' site.lock.toml; rm *.sealift; {PACK}"
    ));
    let outcome = finds(&shop, &format!("{DOCTOR} --json"), &[("clock", "warning")]);
    assert!(outcome.out.contains("date -u -s"), "{}", outcome.shown());
}

#[test]
fn a_bundle_that_is_not_believed_and_a_folder_that_is_not_there() {
    let shop = shop();
    shop.done("sed s/handbook/handbooz/ sample-1.0.0.sealift > damaged.sealift");
    let outcome = shop.fails("sealift doctor to damaged.sealift --trust root.json", 3, "bundle.digest");
    assert!(outcome.err.contains("in: damaged.sealift") && outcome.out.is_empty(), "{}", outcome.shown());
    shop.fails("sealift doctor no/where", 2, "site.parent");
    shop.fails("sealift doctor site.toml", 2, "site.parent");
    shop.fails("sealift doctor to nowhere.sealift --trust root.json", 2, "bundle.missing");
    shop.fails("strace -o trace -e inject=statfs:error=EIO sealift doctor to", 1, "doctor.look");
    assert!(is_empty(&shop.path("to")));
}
