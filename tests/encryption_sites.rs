//! Encrypted bundles as people pack and unpack them, beside the program `age`.

use crate::cli::Shop;
use crate::environment::names;

/// A shop with identities of two sites and the bundle in the clear, to compare with.
fn shop() -> Shop {
    let shop = Shop::packed();
    let tools = shop.run("command -v age && command -v age-keygen");
    assert_eq!(tools.code, Some(0), "this test needs age: apt-get install age");
    shop.done(
        "for site in north south; do age-keygen -o $site.txt; age-keygen -y $site.txt > $site.pub; done 2>/dev/null
         mkdir clear out; mv sample-1.0.0.sealift clear/",
    );
    shop
}

const PACK: &str = "sealift pack site.toml --key packer.key --store store --passphrase-fd 0 -o out \
     --recipient $(cat north.pub) --recipients-file south.pub <<<pw";
const OUT: &str = "out/sample-1.0.0.sealift.age";

#[test]
fn packed_for_two_sites_and_unpacked_there() {
    let shop = shop();
    // Of what was packed in the clear before, compressed pieces were kept; of this, none is.
    shop.done("[ $(stat -c %a store/frames) = 700 ]; rm -r store/frames");
    let packed = shop.done(PACK);
    assert!(!shop.path("store/frames").exists());
    assert!(packed.out.contains("encrypted") && packed.err.contains("--identity"), "{}", packed.shown());
    let both = ["sample-1.0.0.sealift.age", "sample-1.0.0.sealift.age.seal"];
    assert_eq!(names(&shop.path("out")), both);
    // The other program opens it, and inside is what packing without recipients gives.
    shop.done(&format!("age -d -i south.txt {OUT} | cmp - clear/sample-1.0.0.sealift"));
    for site in ["north", "south"] {
        let verified =
            shop.done(&format!("sealift verify {OUT} --trust root.json --identity {site}.txt --deep"));
        assert!(verified.out.contains("verified: sample-1.0.0"), "{}", verified.shown());
        shop.done(&format!("sealift unpack {OUT} --trust root.json --identity {site}.txt --to {site}"));
    }
    shop.done("sealift unpack clear/*.sealift --trust root.json --to expected; diff -r north expected; diff -r south north");
    // As without encryption, no network is reached for.
    shop.done(&format!(
        "strace -f -e trace=network -o trace sealift unpack {OUT} --trust root.json --identity north.txt --to traced
         grep -q 'exited with 0' trace; ! grep -v -e +++ -e --- trace"
    ));
    // One that is not encrypted needs no identity, and may be given one.
    shop.done("sealift verify clear/*.sealift --trust root.json --identity north.txt");
    // It has other bytes each time, so it is not written again.
    shop.fails(PACK, 2, "bundle.exists");
    assert_eq!(names(&shop.path("out")), both);
    shop.done(&format!("sealift verify {OUT} --trust root.json --outer"));
    // A whole folder of names, and nothing of it in the clear anywhere.
    shop.done("! grep -rl 'read me' out");
    let json = shop.done(&format!("sealift verify {OUT} --trust root.json --outer --json"));
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((value["depth"].as_str(), value["scenario"].as_str()), (Some("outer"), Some("air-gapped")));
}

/// The commands of CARRIER.md, section 18.
#[test]
fn the_outside_is_checked_with_common_tools() {
    let shop = shop();
    shop.done(PACK);
    let (_, block) = include_str!("../src/bundle/CARRIER.md").rsplit_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let script = format!("cp packer.pub out; cd out\n{}", block.replace("NAME-VERSION", "sample-1.0.0"));
    let outcome = shop.done(&script);
    assert!(outcome.out.contains("Verified Successfully"), "{}", outcome.shown());
    assert!(outcome.out.contains("sample-1.0.0.sealift.age: OK"), "{}", outcome.shown());
    shop.done(&format!("printf x | dd of={OUT} bs=1 seek=9000 conv=notrunc status=none"));
    assert_eq!(shop.run(&script).code, Some(1));
    // No signature of that key.
    assert_eq!(shop.run(&script.replace("packer.pub", "root.pub")).code, Some(4));
}

#[test]
fn without_an_identity_only_the_outside_is_believed() {
    let shop = shop();
    shop.done(PACK);
    let verify = format!("sealift verify {OUT} --trust root.json");
    let outcome = shop.fails(&verify, 4, "carrier.unopened");
    assert!(outcome.out.contains("unverified the content"), "{}", outcome.shown());
    assert!(outcome.err.contains(&format!("{verify} --identity FILE")), "{}", outcome.shown());
    shop.done(&format!("{verify} --outer"));
    shop.fails("sealift verify clear/*.sealift --trust root.json --outer", 2, "cli.usage");
    shop.fails(&format!("sealift unpack {OUT} --trust root.json --to site"), 2, "carrier.identity");
    shop.done("age-keygen -o stranger.txt 2>/dev/null");
    shop.fails(&format!("{verify} --identity stranger.txt"), 2, "carrier.identity");
    shop.fails(&format!("{verify} --identity nowhere.txt"), 2, "carrier.identity");
    shop.fails(&format!("{verify} --identity root.json"), 2, "trust.key-file");
    shop.fails(&format!("chmod 644 north.txt; {verify} --identity north.txt"), 2, "trust.key-file");
    shop.done("chmod 600 north.txt");
    // Damaged: also without an identity, and also with the wrong one.
    shop.done(&format!("cp {OUT} good; printf x | dd of={OUT} bs=1 seek=9000 conv=notrunc status=none"));
    for more in ["", "--outer", "--identity north.txt", "--identity stranger.txt"] {
        shop.fails(&format!("{verify} {more}"), 3, "bundle.digest");
    }
    shop.fails(
        &format!("sealift unpack {OUT} --trust root.json --identity north.txt --to site"),
        3,
        "bundle.digest",
    );
    shop.done(&format!("test ! -e site; cp good {OUT}; mv {OUT}.seal away"));
    for more in ["", "--outer", "--identity north.txt"] {
        let outcome = shop.fails(&format!("{verify} {more}"), 2, "carrier.seal");
        assert!(outcome.err.contains(&format!("{OUT}.seal")), "{}", outcome.shown());
    }
    // Somebody with an identity and without a packer key encrypts it to somebody else.
    shop.done(&format!("mv away {OUT}.seal; age -d -i north.txt good | age -R south.pub > {OUT}"));
    for more in ["--outer", "--identity south.txt"] {
        let outcome = shop.run(&format!("{verify} {more}"));
        assert_eq!(outcome.code, Some(3), "{}", outcome.shown());
    }
}

#[test]
fn what_reads_in_place_says_that_it_is_encrypted() {
    let shop = shop();
    shop.done(PACK);
    // Also under a name that hides it.
    shop.done(&format!("cp {OUT} hidden.sealift"));
    for verb in ["inspect", "ls", "cat", "serve", "load", "publish"] {
        let more = match verb {
            "cat" => "handbook/readme.md",
            "load" => "--registry 127.0.0.1:1",
            "publish" => "oci://127.0.0.1:1/x",
            _ => "",
        };
        for file in [OUT, "hidden.sealift"] {
            let outcome = shop.fails(
                &format!("sealift {verb} {file} --trust root.json {more}"),
                2,
                "carrier.encrypted",
            );
            assert!(outcome.err.contains("--identity FILE --to NEW-DIRECTORY"), "{}", outcome.shown());
        }
    }
    shop.fails(&format!("sealift verify - --trust root.json < {OUT}"), 2, "carrier.encrypted");
    shop.fails(&format!("sealift verify - --trust root.json --identity north.txt < {OUT}"), 2, "cli.usage");
    shop.fails("sealift verify hidden.sealift --trust root.json --identity north.txt", 2, "carrier.seal");
}

#[test]
fn packing_for_somebody_leaves_nothing_when_it_fails() {
    let shop = shop();
    let pack = PACK.replace("$(cat north.pub)", "age1nobody");
    let outcome = shop.fails(&pack, 2, "carrier.recipient");
    assert!(outcome.err.contains("age-keygen -y"), "{}", outcome.shown());
    let registry = PACK.replace("-o out", "-o oci://127.0.0.1:1/x/y:1");
    shop.fails(&registry, 2, "cli.usage");
    shop.fails(&PACK.replace("--recipients-file south.pub", "--recipients-file nowhere"), 1, "cli.input");
    assert_eq!(names(&shop.path("out")), [""; 0]);
    // A disk that fills at any write, also while it is encrypted.
    shop.done("sealift key new other --passphrase-fd 0 <<<pw");
    shop.fails(&PACK.replace("packer.key", "other.key"), 3, "trust.threshold");
    assert_eq!(names(&shop.path("out")), [""; 0]);
    let command = PACK.replace(" <<<pw", " --threads 1").replace("$(cat north.pub)", &{
        String::from_utf8(shop.read("north.pub")).unwrap().trim().to_owned()
    });
    let mut failures = 0;
    for (call, error) in [("write", "ENOSPC"), ("pwrite64", "ENOSPC"), ("fsync", "EIO"), ("renameat2", "EIO")]
    {
        crate::environment::each(&shop, &command, call, &format!("error={error}"), |inject, outcome| {
            let found = names(&shop.path("out"));
            if outcome.code == Some(0) {
                assert_eq!(found.len(), 2, "{inject}");
            } else {
                failures += 1;
                assert_eq!(outcome.code, Some(1), "{inject} {}", outcome.shown());
                let is_whole = found.iter().any(|name| name.ends_with(".age"));
                let is_nothing = found.iter().all(|name| name.ends_with(".seal"));
                assert!(is_whole || is_nothing, "{inject} {found:?}");
                let is_in_the_clear =
                    found.iter().any(|name| name.ends_with(".sealift") || name.contains("partial"));
                assert!(!is_in_the_clear, "{inject} {found:?}");
            }
            for name in found {
                std::fs::remove_file(shop.path("out").join(name)).unwrap();
            }
        });
    }
    assert!(failures > 10, "{failures}");
}
