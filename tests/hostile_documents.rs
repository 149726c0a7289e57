//! J01 to J24: documents that a trusted key has signed and that are still not as the format wants them.

use crate::forge::{self, Forge, Judge, Way, replaced};
use crate::support::{Authorities, LIMITS};
use sealift_bundle::codes;
use sealift_bundle::format::blob_order::BlobOrder;
use sealift_bundle::format::index::{Blob, Index, IndexItem};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::{self, blob_name};
use sealift_bundle::format::oci;
use sealift_bundle::trust::verify::Depth;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::printable::is_deceptive;

fn setup() -> (Authorities, Forge) {
    let authorities = Authorities::new();
    let forge = Forge::of(&forge::sample(&authorities));
    (authorities, forge)
}

#[test]
fn j01_to_j17_statements_have_one_spelling_and_keep_their_rules() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let refuses = |case: &str, code, change: &dyn Fn(&str) -> String| {
        judge.refuses(case, &good.sealed_with(&authorities, |text| change(&text)), code);
    };
    let totals = |text: &str| {
        text[text.find("\"totals\":").unwrap() + 9..].split_once('}').unwrap().0.to_owned() + "}"
    };
    for (case, from, to) in [
        ("J01 doubled key", r#""sequence":1"#, r#""sequence":1,"sequence":1"#),
        ("J01 doubled key, other value", r#""sequence":1"#, r#""sequence":2,"sequence":1"#),
        ("J03 doubled key by escape", r#""sequence":1"#, r#""sequence":1,"\u0073equence":1"#),
        ("J03 escaped key", r#""sequence":1"#, r#""\u0073equence":1"#),
        ("J03 escaped value", r#""air-gapped""#, r#""\u0061ir-gapped""#),
        ("J05 unknown key", r#""sequence":1"#, r#""sequence":1,"other":1"#),
        ("J05 unknown key outside", r#"{"_type""#, r#"{"other":1,"_type""#),
        ("J05 missing key", r#""sequence":1,"#, ""),
        ("J09 fraction", r#""sequence":1"#, r#""sequence":1.0"#),
        ("J09 exponent", r#""sequence":1"#, r#""sequence":1e0"#),
        ("J09 minus zero", r#""sequence":1"#, r#""sequence":-0"#),
        ("J09 negative", r#""sequence":1"#, r#""sequence":-1"#),
        ("J09 2^64", r#""sequence":1"#, r#""sequence":18446744073709551616"#),
        ("J09 text", r#""sequence":1"#, r#""sequence":"1""#),
        ("J09 zero", r#""sequence":1"#, r#""sequence":0"#),
        ("J09 epoch zero", r#""epoch":1"#, r#""epoch":0"#),
        ("J09 root version zero", r#""root_version":1"#, r#""root_version":0"#),
        ("J10 lone surrogate", r#""air-gapped""#, r#""\ud800""#),
        ("J10 other direction", r#""air-gapped""#, "\"air\u{202e}gapped\""),
        ("J10 control character", r#""air-gapped""#, r#""air\u001bgapped""#),
        ("J13 member twice", r#"{"name":"seal/VERIFY.txt""#, r#"{"name":"seal/RESERVE""#),
        ("J13 unknown member", r#"{"name":"seal/VERIFY.txt""#, r#"{"name":"seal/VERIFY.TXT""#),
        ("J16 scenario that is a path", r#""air-gapped""#, r#""../air""#),
        ("J16 scenario in capitals", r#""air-gapped""#, r#""Air-gapped""#),
        ("J16 empty scenario", r#""air-gapped""#, r#""""#),
        ("J16 device name", r#""air-gapped""#, r#""nul""#),
        ("J17 year 10000", r#""2026-11-01T00:00:00Z""#, r#""10000-01-01T00:00:00Z""#),
        ("J17 local time", r#""2026-11-01T00:00:00Z""#, r#""2026-11-01T00:00:00+01:00""#),
        ("J17 fraction", r#""2026-11-01T00:00:00Z""#, r#""2026-11-01T00:00:00.5Z""#),
        (
            "J17 expires before it was made",
            r#""root_version""#,
            r#""expires":"2026-10-31T00:00:00Z","root_version""#,
        ),
        (
            "J17 expires when it was made",
            r#""root_version""#,
            r#""expires":"2026-11-01T00:00:00Z","root_version""#,
        ),
        ("J21 other algorithm", r#""lock":"sha256:"#, r#""lock":"md5:"#),
        ("J21 sha512", r#""digest":{"sha256""#, r#""digest":{"sha512""#),
        ("J21 65 digits", r#""lock":"sha256:"#, r#""lock":"sha256:0"#),
        ("J21 path", r#""lock":"sha256:"#, r#""lock":"sha256:../"#),
        (
            "subject of something else",
            r#"{"name":"index.json","digest""#,
            r#"{"name":"manifest.json","digest""#,
        ),
        ("white space", r#""sequence":1"#, r#""sequence": 1"#),
        ("null", r#""sequence":1,"#, r#""sequence":1,"previous":null,"#),
        ("volumes (J22), which this version does not have", r#""totals""#, r#""volumes":[],"totals""#),
    ] {
        refuses(case, codes::BUNDLE_FORMAT, &|text| replaced(text, from, to));
    }
    for (case, from, to) in [
        ("J06 type", "in-toto.io/Statement/v1", "in-toto.io/Statement/v0.1"),
        ("J06 predicate type", "sealift.dev/bundle/v1", "sealift.dev/bundle/v2"),
        (
            "J06 predicate of something else",
            "https://sealift.dev/bundle/v1",
            "https://slsa.dev/provenance/v1",
        ),
    ] {
        refuses(case, codes::BUNDLE_VERSION, &|text| replaced(text, from, to));
    }
    let format = codes::BUNDLE_FORMAT;
    refuses("J04 an array for totals", format, &|text| {
        let object = totals(text);
        let numbers: Vec<_> =
            object.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
        replaced(text, &object, &format!("[{}]", numbers.join(",")))
    });
    refuses("J07 a line break behind it", format, &|text| format!("{text}\n"));
    refuses("J07 two documents", format, &|text| format!("{text}{text}"));
    refuses("J07 byte order mark", format, &|text| format!("\u{feff}{text}"));
    refuses("J07 nothing", format, &|_| String::new());
    refuses("J08 deep", format, &|_| "[".repeat(100_000));
    refuses("J08 a long text", format, &|text| replaced(text, "air-gapped", &"a".repeat(900_000)));
    refuses("J11 too long", codes::TRUST_LIMIT, &|text| text.to_owned() + &" ".repeat(1 << 20));
    refuses("J09 2^53", codes::BUNDLE_LIMIT, &|text| {
        replaced(text, r#""sequence":1"#, r#""sequence":9007199254740992"#)
    });
    refuses("J13 other totals", format, &|text| replaced(text, "\"items\":3", "\"items\":4"));
    refuses("J13 other bytes", format, &|text| replaced(text, "\"bytes\":", "\"bytes\":1"));
    refuses("J21 upper case", format, &|text| {
        let hex = good.predicate.lock.hex();
        replaced(text, &hex, &hex.to_uppercase())
    });
    refuses("J21 63 digits", format, &|text| {
        let hex = good.predicate.lock.hex();
        replaced(text, &hex, &hex[1..])
    });
    refuses("J15 a later epoch", codes::TRUST_EPOCH, &|text| replaced(text, r#""epoch":1"#, r#""epoch":2"#));
    refuses("J15 a later root", codes::TRUST_EPOCH, &|text| {
        replaced(text, r#""root_version":1"#, r#""root_version":2"#)
    });
    // J12: the digest is right and the size is wrong, and the other way round.
    refuses("J12 size", codes::BUNDLE_HEADER, &|text| {
        replaced(text, "\"seal/VERIFY.txt\",\"size\":", "\"seal/VERIFY.txt\",\"size\":1")
    });
    refuses("J12 size above its limit", codes::BUNDLE_LIMIT, &|text| {
        replaced(text, "\"seal/VERIFY.txt\",\"size\":", "\"seal/VERIFY.txt\",\"size\":999")
    });
    let verify = Digest::of(good.get(member::VERIFY)).hex();
    refuses("J12 digest", codes::BUNDLE_DIGEST, &|text| replaced(text, &verify, &Digest::of(b"").hex()));
}

#[test]
fn j12_j13_members_that_follow_from_others_are_those_that_follow() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let refuses = |case: &str, code, change: &dyn Fn(&mut Forge)| {
        let mut forge = good.clone();
        change(&mut forge);
        judge.refuses(case, &forge.sealed(&authorities), code);
    };
    let format = codes::BUNDLE_FORMAT;
    refuses("J06 another layout version", format, &|forge| forge.edit(member::OCI_LAYOUT, "1.0.0", "1.1.0"));
    refuses("a reserve that holds something", format, &|forge| {
        let mut bytes = forge.get(member::RESERVE).to_vec();
        *bytes.last_mut().unwrap() = 1;
        forge.set(member::RESERVE, bytes);
    });
    refuses("J13 an image less for docker", format, &|forge| forge.set(member::MANIFEST, "[]"));
    refuses("J13 another tag for docker", format, &|forge| {
        forge.edit(member::MANIFEST, "hello:1", "hello:2");
    });
    refuses("P01 a layer of docker that leads out", format, &|forge| {
        forge.edit(member::MANIFEST, "blobs/sha256/", "../../sha256/");
    });
    refuses("J13 a blob that nothing names", codes::BUNDLE_FORMAT, &|forge| {
        forge.members.push((blob_name(&Digest::of(b"x")), b"x".to_vec()));
    });
    refuses("J23 a blob that is not there", codes::BUNDLE_FORMAT, &|forge| drop(forge.members.pop()));
    // SHA256SUMS that people would read, with a line more, a line less, a line changed.
    let sealed = Forge::of(&good.sealed(&authorities));
    let sums = sealed.text(member::SHA256SUMS);
    let extra = format!("{}  seal/extra\n", Digest::of(b"").hex());
    let first = sums.lines().next().unwrap();
    for (case, other) in [
        ("a line more", format!("{sums}{extra}")),
        ("a line less", sums[first.len() + 1..].to_owned()),
        ("another name", replaced(&sums, "oci-layout", "oci-layput")),
        ("digest mismatch", replaced(&sums, &first[..64], &Digest::of(b"").hex())),
    ] {
        let (old, new) = (Digest::of(sums.as_bytes()).hex(), Digest::of(other.as_bytes()).hex());
        let change = |text: String| {
            let text = replaced(&text, &old, &new);
            let size = |len: usize| format!("\"seal/SHA256SUMS\",\"size\":{len},");
            replaced(&text, &size(sums.len()), &size(other.len()))
        };
        let members = forge::split(&sealed.sealed_with(&authorities, change));
        let mut forge = Forge { members, predicate: sealed.predicate.clone() };
        forge.set(member::SHA256SUMS, other);
        judge.refuses(case, &forge.bytes(), codes::BUNDLE_FORMAT);
    }
}

#[test]
fn j01_to_j23_the_index_has_one_spelling_and_keeps_its_rules() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let refuses = |case: &str, code, change: &dyn Fn(&str) -> String| {
        let mut forge = good.clone();
        let text = change(&forge.text(member::INDEX));
        forge.set(member::INDEX, text);
        judge.refuses(case, &forge.sealed(&authorities), code);
    };
    let (hello, size) = (good.root("hello"), good.get(&blob_name(&good.root("hello"))).len());
    let digest_only = format!(r#""digest":"{hello}""#);
    let with_size = format!(r#"{digest_only},"size":{size}"#);
    let sized = |size: &str| format!(r#"{digest_only},"size":{size}"#);
    let kind = r#""dev.sealift.item.kind":"doc""#;
    for (case, from, to) in [
        ("J01 doubled key", r#"{"schemaVersion":2"#, r#"{"schemaVersion":2,"schemaVersion":2"#),
        ("J02 doubled key in a map", kind, &format!("{kind},{kind}")),
        ("J02 doubled key in a map, other value", kind, &format!(r#""dev.sealift.item.kind":"file",{kind}"#)),
        ("J03 escaped", kind, r#""dev.sealift.item.kind":"\u0064oc""#),
        ("J05 unknown key", &with_size, &format!(r#"{with_size},"urls":[]"#)),
        ("J05 unknown annotation", kind, &format!(r#"{kind},"dev.sealift.item.kinds":"doc""#)),
        (
            "J05 a tree with a reference",
            kind,
            &format!(r#"{kind},"org.opencontainers.image.ref.name":"a/b:1""#),
        ),
        (
            "J05 a tree with a name for containerd",
            kind,
            &format!(r#"{kind},"io.containerd.image.name":"a/b:1""#),
        ),
        ("J05 a kind that is none", kind, r#""dev.sealift.item.kind":"chart""#),
        ("J05 a kind that its type is not of", kind, r#""dev.sealift.item.kind":"file""#),
        ("J06 schema 1", r#"{"schemaVersion":2"#, r#"{"schemaVersion":1"#),
        ("J06 media type", oci::OCI_INDEX, oci::DOCKER_LIST),
        ("J06 artifact type", "application/vnd.sealift.doc.v1", "application/vnd.sealift.doc.v2"),
        ("J07 trailing", r#""manifests""#, r#" "manifests""#),
        ("J09 size -1", &with_size, &sized("-1")),
        ("J09 size 1e3", &with_size, &sized("1e3")),
        ("J09 size 2^64", &with_size, &sized("18446744073709551616")),
        ("J13 two items of one name", r#"item.name":"runbooks""#, r#"item.name":"server""#),
        ("J16 a name that is a path", r#"item.name":"runbooks""#, r#"item.name":"../runbooks""#),
        ("J16 a name with a slash", r#"item.name":"runbooks""#, r#"item.name":"a/b""#),
        (
            "J16 a reference that is none",
            r#"ref.name":"registry.example.com/tools/hello:1"#,
            r#"ref.name":"registry.example.com/../hello:1"#,
        ),
        ("J21 md5", &digest_only, r#""digest":"md5:00""#),
        ("J23 digest that is a path", &digest_only, r#""digest":"sha256:../../x""#),
        ("J24 terminal escapes in a name", r#"item.name":"runbooks""#, r#"item.name":"run\u001b[31mbooks""#),
    ] {
        refuses(case, codes::BUNDLE_FORMAT, &|text| replaced(text, from, to));
    }
    refuses("J12 size off by one", codes::BUNDLE_HEADER, &|text| {
        replaced(text, &with_size, &sized(&(size + 1).to_string()))
    });
    refuses("J12 another digest", codes::BUNDLE_HEADER, &|text| {
        replaced(text, &hello.hex(), &Digest::of(b"").hex())
    });
    refuses("J09 size 2^53 - 1", codes::BUNDLE_LIMIT, &|text| {
        replaced(text, &with_size, &sized("9007199254740991"))
    });
    refuses("J23 a root of another type", codes::BUNDLE_IMAGE, &|text| {
        replaced(text, oci::OCI_MANIFEST, "text/html")
    });
    refuses("J23 a manifest called an index", codes::BUNDLE_IMAGE, &|text| {
        text.replacen(oci::OCI_MANIFEST, oci::OCI_INDEX, 1)
    });
    refuses("J08 deep", codes::BUNDLE_FORMAT, &|_| "[".repeat(100_000));
    let parts = |text: &str| -> (String, Vec<String>, String) {
        let (head, rest) = text.split_once("\"manifests\":[").unwrap();
        let items = rest.strip_suffix("]}").unwrap().replace("},{", "}\n{");
        (format!("{head}\"manifests\":["), items.lines().map(str::to_owned).collect(), "]}".to_owned())
    };
    let with_items = |text: &str, change: &dyn Fn(&mut Vec<String>)| {
        let (head, mut items, tail) = parts(text);
        change(&mut items);
        head + &items.join(",") + &tail
    };
    refuses("J04 an array for an item", codes::BUNDLE_FORMAT, &|text| {
        with_items(text, &|items| items[1] = "[]".to_owned())
    });
    refuses("J13 an item twice", codes::BUNDLE_FORMAT, &|text| {
        with_items(text, &|items| items.push(items[1].clone()))
    });
    refuses("J13 an image behind a tree", codes::BUNDLE_FORMAT, &|text| {
        with_items(text, &|items| items.swap(0, 1))
    });
    refuses("J13 a reference twice", codes::BUNDLE_FORMAT, &|text| {
        with_items(text, &|items| {
            items.insert(1, replaced(&items[0], "name\":\"hello\"", "name\":\"hallo\""));
        })
    });
    refuses("J13 trees in another order", codes::BUNDLE_HEADER, &|text| {
        with_items(text, &|items| items.swap(1, 2))
    });
    refuses("J08 4097 items", codes::BUNDLE_LIMIT, &|text| {
        with_items(text, &|items| {
            let more = (0..4097).map(|n| replaced(&items[1], "\"runbooks\"", &format!("\"r{n}\"")));
            *items = more.collect();
        })
    });
    refuses("J11 an index of 16 MiB and more", codes::BUNDLE_LIMIT, &|text| {
        text.to_owned() + &" ".repeat(16 << 20)
    });
}

#[test]
fn j23_manifests_that_other_tools_would_read_differently() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let image = |case: &str, code, from: &str, to: &str| {
        let mut forge = good.clone();
        forge.swap_text(forge.root("hello"), from, to);
        judge.refuses(case, &forge.sealed(&authorities), code);
    };
    let (config, layer) = good.parts("hello");
    let quoted = format!("\"{layer}\",\"size\":9");
    let with = |text: &str| format!("\"{layer}\",\"size\":{text}");
    for (case, from, to) in [
        ("J01 doubled key", r#"{"schemaVersion":2"#, r#"{"schemaVersion":2,"schemaVersion":2"#),
        ("J06 schema 1", r#"{"schemaVersion":2"#, r#"{"schemaVersion":1"#),
        ("J06 another media type inside", oci::OCI_MANIFEST, oci::OCI_INDEX),
        ("J09 size -1", quoted.as_str(), with("-1").as_str()),
        ("J09 size 1e1", &quoted, &with("1e1")),
        ("J09 size 2^53", &quoted, &with("9007199254740992")),
        ("J21 md5", layer.to_string().as_str(), "md5:00"),
        ("J23 a digest that is a path", &layer.to_string(), "sha256:../../x"),
        ("J23 bytes from somewhere else", &quoted, &with(r#"9,"urls":["https://example.com"]"#)),
        ("J23 foreign layer", oci::OCI_LAYER, "application/vnd.oci.image.layer.nondistributable.v1.tar"),
        ("J23 manifest and index at once", r#","config""#, r#","manifests":[],"config""#),
        ("J23 no configuration", r#""config""#, r#""konfig""#),
        ("J04 an array for a descriptor", r#""layers":["#, r#""layers":[["a","b",1],"#),
        (
            "J12 two sizes for one blob",
            r#""layers":["#,
            &format!(r#""layers":[{{"mediaType":"x","digest":"{layer}","size":10}},"#),
        ),
        ("J07 trailing", r#"{"schemaVersion""#, r#"{}{"schemaVersion""#),
    ] {
        image(case, codes::BUNDLE_IMAGE, from, to);
    }
    image("J12 a layer one byte longer", codes::BUNDLE_FORMAT, &quoted, &with("10"));
    image("J23 a layer that is not there", codes::BUNDLE_FORMAT, &layer.hex(), &Digest::of(b"").hex());
    image(
        "J23 a configuration that is a layer too large",
        codes::BUNDLE_LIMIT,
        &format!("\"{config}\",\"size\":78"),
        &format!("\"{config}\",\"size\":134217729"),
    );
    let annotations = format!(r#""annotations":{{"a":"{}"}},"config""#, "x".repeat(5 << 20));
    image("J23 5 MB of annotations", codes::BUNDLE_LIMIT, r#""config""#, &annotations);

    let tree = |case: &str, from: &str, to: &str| {
        let mut forge = good.clone();
        forge.swap_text(forge.root("runbooks"), from, to);
        judge.refuses(case, &forge.sealed(&authorities), codes::BUNDLE_FORMAT);
    };
    tree("J05 unknown key in a tree's manifest", r#""layers""#, r#""subject":null,"layers""#);
    tree("J05 another name", r#"name":"runbooks""#, r#"name":"runbook""#);
    tree("J05 another layer type", "tar+zstd", "tar");
    tree("J05 another inventory type", "inventory.v1", "inventory.v2");
    tree("J05 another artifact type", "sealift.doc.v1", "sealift.file.v1");
    let (_, layer) = good.parts("runbooks");
    let again =
        format!(r#""layers":[{{"mediaType":"{}","digest":"{layer}","size":1}},"#, oci::OCI_LAYER_ZSTD);
    tree("J05 two layers", r#""layers":["#, &again);
}

#[test]
fn j08_j23_indexes_are_nested_four_deep_and_no_deeper() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let root = good.root("hello");
    let manifest = (root, good.get(&blob_name(&root)).len());
    for (depth, accepted) in [(4, true), (5, false), (100, false)] {
        let (mut child, mut media_type, mut nested) = (manifest, oci::OCI_MANIFEST, Vec::new());
        for _ in 0..depth {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{media_type}","digest":"{}","size":{}}}]}}"#,
                oci::OCI_INDEX,
                child.0,
                child.1
            );
            child = (Digest::of(text.as_bytes()), text.len());
            media_type = oci::OCI_INDEX;
            nested.push((blob_name(&child.0), text.into_bytes()));
        }
        let mut forge = good.clone();
        let index = forge.text(member::INDEX);
        let index = replaced(
            &index,
            &format!(r#""digest":"{root}","size":{}"#, manifest.1),
            &format!(r#""digest":"{}","size":{}"#, child.0, child.1),
        );
        forge.set(member::INDEX, index.replacen(oci::OCI_MANIFEST, oci::OCI_INDEX, 1));
        let at = forge.members.iter().position(|(name, _)| *name == blob_name(&root)).unwrap();
        forge.members.splice(at..at, nested.into_iter().rev());
        let bundle = forge.sealed(&authorities);
        let case = format!("J23 {depth} deep");
        if accepted {
            judge.trusts(&case, &bundle);
        } else {
            judge.refuses(&case, &bundle, codes::BUNDLE_LIMIT);
        }
    }
}

/// Each of these bundles is small, and a walk that went down every path of it would not come to an end.
#[test]
fn j08_walking_below_an_image_takes_as_long_as_its_documents() {
    let index = |children: &[(Blob, String)]| {
        let child = |(child, platform): &(Blob, String)| {
            let (digest, size) = (child.digest, child.size);
            format!(r#"{{"mediaType":"{}","digest":"{digest}","size":{size}{platform}}}"#, oci::OCI_INDEX)
        };
        let children: Vec<_> = children.iter().map(child).collect();
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","))
    };
    let blob = |text: &str| Blob { digest: Digest::of(text.as_bytes()), size: text.len() as u64 };
    let named = |child: Blob, count: usize| -> Vec<_> {
        let platform = |n| format!(r#","platform":{{"os":"linux","architecture":"a{n}"}}"#);
        (0..count).map(|n| (child, platform(n))).collect()
    };
    // Three levels, each of which names the next one 15,000 times and never alike.
    let bottom = index(&[]);
    let middle = index(&named(blob(&bottom), 15_000));
    let root = index(&named(blob(&middle), 15_000));
    let texts = [root, middle, bottom].map(|text| (blob(&text), text));
    let item = |number: usize| IndexItem {
        head: crate::support::head(&format!("i{number}"), ItemKind::Image),
        reference: Some(format!("a/b:{number}").parse().unwrap()),
        media_type: oci::OCI_INDEX.to_owned(),
        root: texts[0].0,
        withheld: Vec::new(),
        referrers: Vec::new(),
    };
    let walk = |items: usize| {
        let index = Index::new((0..items).map(item).collect());
        let mut order = BlobOrder::new(index, &LIMITS);
        while let Some(due) = order.next_document().unwrap() {
            order.take(texts.iter().find(|(blob, _)| *blob == due).unwrap().1.as_bytes()).unwrap();
        }
        order.finish().map(|contents| contents.documents.len())
    };
    assert_eq!(walk(1).unwrap(), 3);
    assert_eq!(walk(8).unwrap(), 3);
    // Nine images make 270,027 references.
    assert_eq!(walk(9).unwrap_err().code(), codes::BUNDLE_LIMIT);
    assert_eq!(walk(4096).unwrap_err().code(), codes::BUNDLE_LIMIT);
}

#[test]
fn j24_no_message_moves_the_cursor() {
    let (authorities, good) = setup();
    let judge = Judge::new(&authorities);
    let escape = r"\u001b]0;owned\u0007\u202e";
    let listen = |case: &str, bundle: &[u8]| {
        let error = judge.take(Way::Pipe(Depth::Decoded), bundle).expect_err(case);
        // What stands below an error is escaped where it is printed; its own message is printed as it is.
        let said = error.to_string();
        assert!(!said.chars().any(is_deceptive), "{case}: {}", said.escape_debug());
    };
    let statement = |from: &str, to: &str| good.sealed_with(&authorities, |text| replaced(&text, from, to));
    listen("a scenario", &statement("air-gapped", escape));
    listen("a type", &statement("https://in-toto.io", escape));
    listen("a version", &statement("\"1.0\"", &format!("\"{escape}\"")));
    listen("a moment", &statement("2026-11-01T", escape));
    listen("a member", &statement("seal/VERIFY.txt", escape));
    let index = |from: &str, to: &str| {
        let mut forge = good.clone();
        forge.edit(member::INDEX, from, to);
        forge.sealed(&authorities)
    };
    listen("a kind", &index("kind\":\"doc\"", &format!("kind\":\"{escape}\"")));
    listen("a name of an item", &index("name\":\"server\"", &format!("name\":\"{escape}\"")));
    listen("a reference", &index("ref.name\":\"registry", &format!("ref.name\":\"{escape}")));
    listen(
        "what is withheld",
        &index("\"io.containerd", &format!("\"dev.sealift.item.withheld\":\"{escape}\",\"io.containerd")),
    );
    let raw = "\u{1b}]0;owned\u{7}\u{202e}";
    let mut header = good.clone();
    header.members[4].0 = raw.to_owned();
    listen("a member's header", &header.bytes());
    let mut forge = good.clone();
    forge.swap_text(forge.root("hello"), oci::OCI_MANIFEST, escape);
    listen("a media type", &forge.sealed(&authorities));
    let mut entries = good.inventory("runbooks").0;
    entries[0] = entries[0].replace("empty", escape);
    let mut forge = good.clone();
    forge.set_entries("runbooks", &entries);
    listen("a path", &forge.sealed(&authorities));
    let key = format!("{{\"{escape}\":1,");
    listen("an unknown key", &statement("{\"_type\"", &format!("{key}\"_type\"")));
    let mut seal = good.clone();
    seal.edit(member::SEAL, "{\"payloadType\"", &format!("{key}\"payloadType\""));
    listen("an unknown key of the seal, which nobody certifies yet", &seal.bytes());
    let mut manifest = good.clone();
    manifest.swap_text(manifest.root("hello"), ":2,", &format!(":\"{escape}\","));
    listen("a text for a number", &manifest.sealed(&authorities));
}
