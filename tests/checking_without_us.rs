//! What other tools make of a bundle: the commands of its own `seal/VERIFY.txt`, and tools for images.

use crate::cli::{Outcome, PACK, Shop};
use crate::support;

/// The indented lines of the bundle's own instructions, in a fresh folder.
fn follow(shop: &Shop, bundle: &str, packer: &str) -> Outcome {
    // What is damaged may not even be read; whoever checks has the instructions of the bundle as it was sent.
    let text = shop
        .done("tar -xOf sample-1.0.0.sealift seal/VERIFY.txt")
        .out
        .replace("sample-1.0.0.sealift", bundle);
    let mut script =
        format!("rm -rf check; mkdir check; cp {bundle} check/; cp {packer} check/packer.pub; cd check\n");
    let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("     ")).collect();
    assert!(commands.len() >= 12, "{text}");
    for command in commands {
        // The one placeholder: the manifest of the item that is looked at.
        let manifest = r#"$(jq -er '.manifests[] | select(.annotations | tostring | contains("handbook")).digest' index.json | cut -d: -f2)"#;
        script += &command.replace("blobs/sha256/MANIFEST", &format!("blobs/sha256/{manifest}"));
        script += "\n";
    }
    shop.run(&script)
}

fn flip(shop: &Shop, at: &str) {
    shop.done(&format!(
        "cp sample-1.0.0.sealift flipped.sealift
         size=$(stat -c %s flipped.sealift); at=$(({at}))
         byte=$(od -An -tu1 -j $at -N 1 flipped.sealift)
         printf \"\\\\x$(printf %x $((byte ^ 1)))\" | dd of=flipped.sealift bs=1 seek=$at conv=notrunc status=none
         ! cmp -s sample-1.0.0.sealift flipped.sealift"
    ));
}

#[test]
fn its_own_instructions_lead_to_belief() {
    let shop = Shop::packed();
    let outcome = follow(&shop, "sample-1.0.0.sealift", "packer.pub");
    assert_eq!(outcome.code, Some(0), "{}", outcome.shown());
    assert!(outcome.out.contains("Signature Verified Successfully"), "{}", outcome.shown());
    assert!(outcome.out.contains("seal/SHA256SUMS: OK"), "{}", outcome.shown());
    // And what lies there then is what was packed.
    let (item, source) = (support::listing(&shop.path("check/item")), support::listing(&shop.path("docs")));
    assert_eq!(item, source);
    assert_eq!(item.len(), 5);
}

#[test]
fn its_own_instructions_refuse_a_flipped_byte_and_a_wrong_key() {
    let shop = Shop::packed();
    let statement = "$(grep -abo 'in-toto.io/Statement' sample-1.0.0.sealift | tail -1 | cut -d: -f1)";
    for at in [statement, "size / 2", "size - 2600", "size - 1600"] {
        flip(&shop, at);
        let outcome = follow(&shop, "flipped.sealift", "packer.pub");
        assert_ne!(outcome.code, Some(0), "{at}: {}", outcome.shown());
        let ours = shop.run("sealift verify flipped.sealift --trust root.json");
        assert_eq!(ours.code, Some(3), "{at}: {}", ours.shown());
    }
    let outcome = follow(&shop, "sample-1.0.0.sealift", "root.pub");
    assert_ne!(outcome.code, Some(0), "{}", outcome.shown());
}

#[test]
fn two_of_three_packers_are_checked_one_by_one() {
    let shop = Shop::new();
    shop.done(
        "for name in one two three; do sealift key new $name --passphrase-fd 0 <<<pw; done
         sealift trust init --key root.key --packer one.pub --packer two.pub --packer three.pub \
            --packer-threshold 2 -o three.json --passphrase-fd 0 <<<pw",
    );
    let pack = "sealift pack site.toml --trust three.json --store store --passphrase-fd 0";
    shop.fails(&format!("{pack} --key one.key <<<pw"), 3, "trust.threshold");
    shop.done(&format!("{pack} --key one.key --key three.key <<<pw"));
    shop.done("sealift verify sample-1.0.0.sealift --trust three.json");
    for signer in ["one.pub", "three.pub"] {
        let outcome = follow(&shop, "sample-1.0.0.sealift", signer);
        assert_eq!(outcome.code, Some(0), "{signer}: {}", outcome.shown());
    }
    let outcome = follow(&shop, "sample-1.0.0.sealift", "two.pub");
    assert_ne!(outcome.code, Some(0), "{}", outcome.shown());
}

#[test]
fn tools_for_images_read_the_bundle_and_what_is_unpacked() {
    let shop = Shop::new();
    let has = shop.run("command -v skopeo");
    assert_eq!(has.code, Some(0), "this test needs skopeo: apt-get install skopeo");
    shop.done(PACK);
    shop.done("sealift unpack sample-1.0.0.sealift --trust root.json --to site");
    let reference = "registry.example.com/demo/hello:1";
    let inspect = "skopeo --tmpdir $PWD inspect --no-tags";
    for source in [
        format!("oci-archive:sample-1.0.0.sealift:{reference}"),
        format!("oci:site/images:{reference}"),
        format!("docker-archive:sample-1.0.0.sealift:{reference}"),
    ] {
        let outcome = shop.done(&format!("{inspect} {source}"));
        assert!(outcome.out.contains("\"Architecture\": \"amd64\""), "{source}\n{}", outcome.out);
        assert!(outcome.out.contains("\"Layers\": ["), "{source}\n{}", outcome.out);
        shop.done(&format!("rm -rf copy; skopeo --tmpdir $PWD --insecure-policy copy {source} dir:copy"));
    }
    // The digest stays that of the source.
    let digest = shop.done(&format!("{inspect} --format '{{{{.Digest}}}}' oci:site/images:{reference}")).out;
    let source = shop.done("jq -er '.manifests[0].digest' demo/hello/index.json").out;
    assert_eq!(digest, source);
}
