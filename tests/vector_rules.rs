//! Vectors for rules about the seal, the statement, the index and documents that no other vector needs alone.

use crate::vector_cases::{Case, Of, PICTURE, bad, docs, good, hello, replace};
use crate::vector_writer::{
    INDEX, Image, Item, LAYER, MANIFEST, Recipe, Tree, base64, descriptor, image, image_index, manifest,
};
use sealift_bundle::value::digest::Digest;
use std::collections::BTreeMap;

pub fn cases(roots: &BTreeMap<&'static str, Vec<u8>>, of: Of<'_>) -> Vec<Case> {
    let mut cases = seal_and_statement(roots, of);
    cases.extend(index_and_documents(of));
    cases
}

fn seal_and_statement(roots: &BTreeMap<&'static str, Vec<u8>>, of: Of<'_>) -> Vec<Case> {
    let plain = || of(vec![hello(), Item::Tree(docs())]);
    let edit = |from, to| plain().statement(replace(from, to));
    let flipped = Recipe::of(&[&roots["two-of-three.json"]], vec![hello()])
        .signers(&["packer-1", "packer-2", "packer-3"])
        .seal(|seal| {
            let at = seal.find(r#""sig":""#).unwrap() + 10;
            let other = if &seal[at..=at] == "A" { "B" } else { "A" };
            seal.replace_range(at..=at, other);
        });
    let short = plain().seal(|seal| {
        let end = seal.rfind("]}").unwrap();
        let sig = base64(&[0; 63]);
        seal.insert_str(end, &format!(r#",{{"keyid":"{}","sig":"{sig}"}}"#, "f".repeat(64)));
    });
    let backwards = Recipe::of(&[&roots["expired-warn.json"]], vec![hello()])
        .statement(replace(r#""root_version""#, r#""expires":"2026-10-01T00:00:00Z","root_version""#));
    let seventh = plain()
        .parts(|parts| {
            let line = |name: &str, bytes: &[u8]| format!("{}  {name}\n", Digest::of(bytes).hex());
            let mut sums = [
                line("seal/VERIFY.txt", parts.verify.as_bytes()),
                line("seal/RESERVE", &parts.reserve),
                line("oci-layout", parts.layout.as_bytes()),
                line("index.json", parts.index.as_bytes()),
                line("manifest.json", parts.docker.as_bytes()),
                line("more.json", b"{}"),
            ]
            .concat();
            for blob in &parts.blobs {
                sums += &line(&format!("blobs/sha256/{}", Digest::of(blob).hex()), blob);
            }
            parts.sums = Some(sums);
        })
        .statement(|text| {
            let at = text.find(r#"],"totals""#).unwrap();
            let digest = Digest::of(b"{}").hex();
            text.insert_str(at, &format!(r#",{{"name":"more.json","size":2,"sha256":"{digest}"}}"#));
        })
        .members(|members| {
            let at = members.iter().position(|(name, _)| name == "manifest.json").unwrap();
            members.insert(at + 1, ("more.json".to_owned(), b"{}".to_vec()));
        });
    vec![
        bad(
            "seal-third-signature-flipped",
            "Z01",
            "trust.tampered",
            "two of three are enough, and the other one is false",
            flipped,
        )
        .root("two-of-three.json"),
        bad(
            "seal-unknown-signature-short",
            "S13",
            "trust.signature",
            "63 bytes under an id that nobody has",
            short,
        ),
        bad(
            "statement-expires-first-under-a-warning",
            "J17",
            "bundle.format",
            "it expires before it was created, under a root that only warns",
            backwards,
        )
        .root("expired-warn.json"),
        bad(
            "statement-seventh-member",
            "P51",
            "bundle.format",
            "a fixed member that the format does not have",
            seventh,
        ),
        bad(
            "statement-key-missing",
            "J05",
            "bundle.format",
            "a key that has to be there is not",
            edit(r#","tool":{"name":"vectors","version":"1"}"#, ""),
        ),
        bad(
            "statement-name-of-a-device",
            "P48",
            "bundle.format",
            "a name that Windows takes for a device",
            edit(r#""name":"vector""#, r#""name":"con""#),
        ),
        bad(
            "statement-year-1969",
            "J17",
            "bundle.format",
            "a time before 1970",
            edit("2026-11-01T00:00:00Z", "1969-12-31T23:59:59Z"),
        ),
        bad(
            "member-verify-of-a-limit",
            "J11",
            "bundle.limit",
            "VERIFY.txt has 1 MiB and a byte",
            plain().parts(|parts| parts.verify = "x".repeat((1 << 20) + 1)),
        ),
    ]
}

fn index_and_documents(of: Of<'_>) -> Vec<Case> {
    let edit = |from, to| of(vec![hello(), Item::Tree(docs())]).index(replace(from, to));
    let wrong = |name, case, comment, recipe| bad(name, case, "bundle.format", comment, recipe);
    let with_notes = |notes: String| {
        of(vec![hello(), Item::Tree(docs())]).index(move |text| {
            let from = r#""dev.sealift.item.origin":"vectors"}}"#;
            assert!(text.contains(from));
            *text = text.replacen(from, &format!(r#""dev.sealift.item.origin":"vectors",{notes}}}}}"#), 1);
        })
    };
    let many: Vec<_> = (10..27).map(|number| format!(r#""x-{number}":"""#)).collect();
    let named = |reference: String| {
        let reference: &'static str = Box::leak(reference.into_boxed_str());
        of(vec![image("hello", reference, PICTURE, &["layer one"])])
    };
    let other = |name| Item::Tree(Tree::new(name, "doc", &[("a", crate::support::Put::File(b"a"))]));
    let large = manifest(PICTURE, &["layer one"]);
    let large = format!(r#"{{"annotations":{{"a":"{}"}},{}"#, "x".repeat(4 << 20), &large[1..]);
    let large = Image::new("large", "r.example/large:1", MANIFEST, large, &[PICTURE, "layer one"]);
    let config = PICTURE.to_owned() + &" ".repeat(4 << 20);
    let both = {
        let child = manifest(PICTURE, &["layer one"]);
        let root = image_index(&[(MANIFEST, &child, Some(("linux", "amd64")))]);
        let root = format!(r#"{},"layers":[]}}"#, root.strip_suffix('}').unwrap());
        Image::new("both", "r.example/both:1", INDEX, root, &[&child, PICTURE, "layer one"])
    };
    let two_types = {
        let child = manifest(PICTURE, &["layer one"])
            .replace(&format!(r#""mediaType":"{MANIFEST}","config""#), r#""config""#);
        let docker = "application/vnd.docker.distribution.manifest.v2+json";
        let list = [descriptor(MANIFEST, child.as_bytes()), descriptor(docker, child.as_bytes())].join(",");
        let root = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{list}]}}"#);
        Image::new("types", "r.example/types:1", INDEX, root, &[&child, PICTURE, "layer one"])
    };
    let shared = {
        let tree = docs();
        // Of a type whose content no reader looks at.
        let config = descriptor("application/vnd.example.config.v1+json", &tree.layer);
        let layer = descriptor(LAYER, b"layer one");
        let root =
            format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{layer}]}}"#);
        let mut image = Image::new("shared", "r.example/shared:1", MANIFEST, root, &["layer one"]);
        image.blobs.insert(0, tree.layer.clone());
        vec![Item::Image(image), Item::Tree(tree)]
    };
    vec![
        bad(
            "tree-layer-is-also-a-configuration",
            "P51",
            "bundle.image",
            "an image has the layer of a tree as its configuration",
            of(shared),
        ),
        good(
            "ok-free-annotations",
            "annotations that version 1 keeps and gives no meaning",
            of(vec![hello(), Item::Tree(docs())]).index(|text| {
                *text = text.replace(r#"tools/hello:1"}}"#, r#"tools/hello:1","x-a":"of an image"}}"#);
                *text = text.replace(
                    r#"item.origin":"vectors"}}"#,
                    r#"item.origin":"vectors","x-a":"","x-b.c":"of a tree"}}"#,
                );
                assert!(text.contains("of an image") && text.contains("of a tree"), "{text}");
            }),
        ),
        wrong("index-17-free-annotations", "J05", "17 annotations with `x-`", with_notes(many.join(","))),
        wrong(
            "index-free-annotation-too-long",
            "J11",
            "1,025 bytes",
            with_notes(format!(r#""x-a":"{}""#, "x".repeat(1025))),
        ),
        wrong(
            "index-free-annotation-hidden",
            "J24",
            "U+202E in an annotation with `x-`",
            with_notes("\"x-a\":\"\u{202e}\"".to_owned()),
        ),
        wrong("index-free-annotation-name", "J05", "`x-` and no name", with_notes(r#""x-A":"""#.to_owned())),
        wrong(
            "index-annotations-order",
            "J07",
            "annotations in another order",
            edit(
                r#""dev.sealift.item.kind":"doc","dev.sealift.item.name":"docs""#,
                r#""dev.sealift.item.name":"docs","dev.sealift.item.kind":"doc""#,
            ),
        ),
        wrong(
            "index-annotation-number",
            "J04",
            "an annotation that is a number",
            edit(r#""dev.sealift.item.origin":"vectors"}}]"#, r#""dev.sealift.item.origin":1}}]"#),
        ),
        wrong(
            "index-annotations-array",
            "J04",
            "an array of annotations",
            of(vec![hello(), Item::Tree(docs())]).index(|text| {
                let at = text.rfind(r#""annotations":{"#).unwrap() + 14;
                let end = text.rfind("}]}").unwrap();
                text.replace_range(at..end, "[]");
            }),
        ),
        wrong(
            "index-schema-3",
            "J23",
            "schemaVersion 3",
            edit(r#""schemaVersion":2"#, r#""schemaVersion":3"#),
        ),
        wrong(
            "index-artifact-type-of-another-kind",
            "J13",
            "a config that calls its artifact a doc",
            edit(r#"item.kind":"doc""#, r#"item.kind":"config""#),
        ),
        wrong(
            "index-two-trees-of-one-name",
            "J13",
            "two trees of one name",
            of(vec![Item::Tree(docs()), other("docs")]),
        ),
        wrong(
            "index-reference-twice",
            "J13",
            "two images of one reference",
            of(vec![
                image("one", "r.example/a:1", PICTURE, &["layer one"]),
                image("two", "r.example/a:1", PICTURE, &["layer two"]),
            ]),
        ),
        wrong(
            "index-reference-too-long",
            "J23",
            "a reference of 256 bytes",
            named(format!("r.example/{}:1", "a".repeat(244))),
        ),
        wrong("index-reference-dots", "J23", "two dots in a row", named("r.example/a..b:1".to_owned())),
        wrong(
            "index-reference-port-080",
            "J23",
            "a port with a zero in front",
            named("r.example:080/a:1".to_owned()),
        ),
        wrong(
            "index-reference-ipv6-wrong",
            "J23",
            "an IPv6 address with two gaps",
            named("[1::2::3]:5000/a:1".to_owned()),
        ),
        wrong(
            "index-reference-ipv6-spelling",
            "J23",
            "an IPv6 address with a zero in front",
            named("[2001:0db8::1]:5000/a:1".to_owned()),
        ),
        wrong("index-reference-port-0", "J23", "port 0", named("r.example:0/a:1".to_owned())),
        wrong("index-reference-port-65536", "J23", "port 65536", named("r.example:65536/a:1".to_owned())),
        good("ok-reference-port-65535", "the last port", named("r.example:65535/a:1".to_owned())),
        bad(
            "image-document-of-a-limit",
            "J23",
            "bundle.limit",
            "a manifest of more than 4 MiB",
            of(vec![Item::Image(large)]),
        ),
        bad(
            "image-configuration-of-a-limit",
            "J23",
            "bundle.limit",
            "a configuration of more than 4 MiB",
            of(vec![image("large", "r.example/large:1", &config, &["layer one"])]),
        ),
        bad(
            "image-index-with-layers",
            "J23",
            "bundle.image",
            "an index with `layers`",
            of(vec![Item::Image(both)]),
        ),
        bad(
            "image-two-types-of-one-document",
            "J23",
            "bundle.image",
            "one document under two media types",
            of(vec![Item::Image(two_types)]),
        ),
    ]
}
