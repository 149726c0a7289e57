//! Media and file systems that cannot do everything: read-only, without programs, without links or modes.

use crate::environment::{BUNDLE, PACK_TO, UNPACK, names, shop};
use crate::support;

/// Runs a script in which folders may be mounted, and ends with what it left in `out` and `to`.
fn mounted(script: &str) -> String {
    let script = script.replace('\'', r"'\''");
    format!(
        "alone='unshare -m'; unshare -m true 2>&- || alone='unshare -rm'
         $alone bash -c 'set -e; tool() {{ code=0; \"$@\" || code=$?; echo \"code:$code\"; }}; {script}'"
    )
}

#[test]
fn e06_read_only_media() {
    let (shop, bundle, listing) = shop();
    shop.done("mkdir medium; cp site.lock.toml saved.lock.toml");
    let medium = "mount -t tmpfs tmpfs medium; cp -a *.toml docs config demo root.json *.sealift medium; \
                  mount -o remount,ro medium; ! touch medium/x 2>&-";
    // Everything that only reads works from there.
    shop.done(&mounted(&format!(
        "{medium}
         for verb in 'verify --deep' inspect ls; do
             sealift $verb medium/{BUNDLE} --trust medium/root.json >/dev/null
         done
         sealift cat medium/{BUNDLE} --trust medium/root.json handbook/readme.md | cmp - docs/readme.md
         sealift unpack medium/{BUNDLE} --trust medium/root.json --to to/site
         cd medium
         sealift pack site.toml --key ../packer.key --store ../store --passphrase-fd 0 -o ../out <<<pw"
    )));
    assert!(support::listing(&shop.path("to/site")) == listing);
    assert!(shop.read(&format!("out/{BUNDLE}")) == bundle);
    // What would write there says so, and leaves nothing anywhere.
    shop.done("rm -rf out to; mkdir out to");
    let medium = medium.replace("mount -o remount", "rm medium/site.lock.toml; mount -o remount");
    for (command, code) in [
        (PACK_TO.replace("-o out", "-o medium/new"), "cli.write"),
        (PACK_TO.replace("-o out", "-o medium"), "bundle.write"),
        (UNPACK.replace("to/site", "medium/site"), "site.write"),
        ("sealift lock medium/site.toml --store store".to_owned(), "cli.write"),
        ("sealift init medium/new.toml".to_owned(), "cli.write"),
        ("sealift key new medium/new --passphrase-fd 0".to_owned(), "trust.key-file"),
    ] {
        let script = format!("{medium}; tool {command} <<<pw; ls -A medium out to");
        let outcome = shop.run(&mounted(&script));
        let exit = if code == "trust.key-file" { "code:2" } else { "code:1" };
        assert!(outcome.out.contains(exit), "{command} {}", outcome.shown());
        assert!(outcome.is(code), "{command}: not {code} {}", outcome.shown());
        assert!(outcome.err.contains("Read-only file system"), "{command} {}", outcome.shown());
        assert!(!outcome.out.contains("partial") && !outcome.out.contains("staging"), "{}", outcome.shown());
    }
    assert_eq!(names(&shop.path("out")), [""; 0]);
    assert_eq!(names(&shop.path("to")), [""; 0]);
}

#[test]
fn e06_a_target_where_no_program_runs() {
    let (shop, _, listing) = shop();
    shop.done("mkdir kept");
    shop.done(&mounted(&format!(
        "mount -t tmpfs -o noexec,nosuid,nodev,mode=755 tmpfs to
         {UNPACK}
         cp -a to/site kept/"
    )));
    assert!(support::listing(&shop.path("kept/site")) == listing);
}

/// vfat and exFAT cannot be mounted everywhere; strace gives the answers that their drivers give.
#[test]
fn e06_a_target_without_links_or_modes() {
    let (shop, bundle, listing) = shop();
    let strace = |call: &str, error: &str, command: &str| {
        format!("strace -f -o trace -e inject=?{call}:error={error} {command} <<<pw; grep -q INJECTED trace")
    };
    for (call, error, command, code) in [
        ("symlinkat", "EPERM", UNPACK, "site.write"),
        ("fchmod", "EPERM", UNPACK, "site.write"),
        ("flock", "EOPNOTSUPP", UNPACK, "site.write"),
        ("flock", "EOPNOTSUPP", PACK_TO, "bundle.write"),
    ] {
        let outcome = shop.fails(&strace(call, error, command), 1, code);
        assert!(outcome.err.contains("cannot write `"), "{}", outcome.shown());
        assert!(!shop.path("to/site").exists() && !shop.path("out").join(BUNDLE).exists());
        assert!(call == "flock" || names(&shop.path("to")).is_empty(), "{call}");
        // Where a lock cannot be had, what was just made may belong to another process, and is left; it is empty.
        shop.done("find out to -type f -size +0 | wc -l | grep -qx 0; rm -rf out to; mkdir out to");
    }
    // Without the flag that keeps a rename from replacing, and without newer calls, the outcome is the same.
    for (call, error) in
        [("renameat2", "EINVAL"), ("renameat2", "ENOSYS"), ("openat2", "ENOSYS"), ("openat2", "EPERM")]
    {
        shop.done(&strace(call, error, UNPACK));
        assert!(support::listing(&shop.path("to/site")) == listing, "{call} {error}");
        shop.done("rm -rf to; mkdir to");
    }
    for error in ["EINVAL", "ENOSYS"] {
        shop.done(&strace("renameat2", error, PACK_TO));
        assert!(shop.read(&format!("out/{BUNDLE}")) == bundle, "{error}");
        shop.done(&format!("echo other > out/{BUNDLE}"));
        shop.fails(&strace("renameat2", error, PACK_TO), 2, "bundle.exists");
        assert_eq!(shop.read(&format!("out/{BUNDLE}")), b"other\n", "{error}");
        shop.done("rm -rf out; mkdir out");
    }
}
