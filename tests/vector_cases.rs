//! What the vectors are: one fault each, and bundles in which nothing is wrong.

use crate::support::Put;
use crate::vector_writer::{
    INDEX, Image, Item, LAYER, MANIFEST, Members, Parts, Recipe, Tree, id, image, image_index, key, manifest,
    raw_frame, stream,
};
use crate::{
    vector_choices, vector_documents, vector_images, vector_roots, vector_rules, vector_signatures,
    vector_trees,
};
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::{
    ApprovalPolicy, Expiry, Grant, Revoked, Role, Root, RootDraft, RootPolicy,
};
use sealift_bundle::value::digest::Digest;
use std::collections::BTreeMap;

/// One vector.
pub struct Case {
    pub name: &'static str,
    pub case: &'static str,
    pub comment: &'static str,
    pub expect: &'static str,
    pub depth: &'static str,
    pub root: &'static str,
    pub now: &'static str,
    pub recipe: Recipe,
    /// What lies in the file of approvals, where there is one.
    pub approvals: Option<Vec<u8>>,
}

impl Case {
    pub fn root(mut self, root: &'static str) -> Self {
        self.root = root;
        self
    }
}

const NOW: &str = "2026-11-22T06:00:00Z";
pub const PICTURE: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;

/// A bundle in which nothing is wrong.
pub fn good(name: &'static str, comment: &'static str, recipe: Recipe) -> Case {
    Case {
        name,
        case: "-",
        comment,
        expect: "ok",
        depth: "stored",
        root: "one.json",
        now: NOW,
        recipe,
        approvals: None,
    }
}

/// A fault that a reader meets without decoding anything.
pub fn bad(
    name: &'static str,
    case: &'static str,
    expect: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Case {
    Case { case, expect, ..good(name, comment, recipe) }
}

/// A fault that a reader meets when it decodes the trees.
pub fn deep(
    name: &'static str,
    case: &'static str,
    expect: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Case {
    Case { depth: "decoded", ..bad(name, case, expect, comment, recipe) }
}

pub fn grant(role: Role, threshold: usize, keys: &[&str], scenarios: &[&str]) -> Grant {
    let keys = keys.iter().map(|name| (name.parse().unwrap(), key(name).public().clone())).collect();
    Grant { role, threshold, keys, scenarios: scenarios.iter().map(|name| name.parse().unwrap()).collect() }
}

pub fn terms(root: &str, packers: &[&str], threshold: usize) -> RootDraft {
    RootDraft {
        epoch: 1,
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
        expires: None,
        grants: vec![grant(Role::Root, 1, &[root], &[]), grant(Role::Packer, threshold, packers, &[])],
        revoked: Revoked::default(),
        policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
    }
}

fn sign(root: &Root, names: &[&str]) -> Vec<u8> {
    let signers: Vec<&dyn Signer> = names.iter().map(|name| key(name) as &dyn Signer).collect();
    root.sign(&signers).unwrap().encode().unwrap()
}

pub fn first(terms: RootDraft) -> Vec<u8> {
    sign(&Root::new_v1(terms).unwrap(), &["root-1"])
}

pub fn docs() -> Tree {
    Tree::new(
        "docs",
        "doc",
        &[
            ("empty", Put::Dir),
            ("guide", Put::Dir),
            ("guide/install.md", Put::File(b"1. verify\n2. unpack\n")),
            ("readme.md", Put::File(b"read me\n")),
            ("start.md", Put::Link("guide/install.md")),
        ],
    )
}

/// The same tree under another name.
fn twin() -> Tree {
    Tree { name: "twin", ..docs() }
}

pub fn hello() -> Item {
    image("hello", "registry.example.com/tools/hello:1", PICTURE, &["layer one", "layer two"])
}

pub fn replace(from: &'static str, to: &'static str) -> impl Fn(&mut String) + 'static {
    move |text| {
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
    }
}

/// Where the header of a member stands.
fn header(bytes: &[u8], name: &str) -> usize {
    bytes.chunks(512).position(|block| block.starts_with(name.as_bytes())).unwrap() * 512
}

/// Makes the checksum of a header fit again.
fn checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
}

fn blob(members: &Members, number: usize) -> usize {
    members.iter().enumerate().filter(|(_, (name, _))| name.starts_with("blobs/")).nth(number).unwrap().0
}

/// Every trust root that a reader pins, and every vector.
pub fn cases() -> (BTreeMap<&'static str, Vec<u8>>, Vec<Case>) {
    let one = Root::new_v1(terms("root-1", &["packer-1"], 1)).unwrap();
    let two = one.next(terms("root-2", &["packer-2"], 1)).unwrap();
    let mut limited = terms("root-1", &["packer-2"], 1);
    limited.grants.push(grant(Role::Packer, 1, &["packer-1"], &["ddil"]));
    limited.grants.push(grant(Role::Approver, 1, &["packer-3"], &[]));
    let expired = |expiry| {
        let expires = Some("2026-06-01T00:00:00Z".parse().unwrap());
        first(RootDraft {
            expires,
            policy: RootPolicy { expiry, approvals: None },
            ..terms("root-1", &["packer-1"], 1)
        })
    };
    let approved = |threshold| {
        let policy = ApprovalPolicy { max_age_days: Some(30), conditions: vec!["scan".parse().unwrap()] };
        let mut terms = terms("root-1", &["packer-1"], 1);
        terms.grants.push(grant(Role::Approver, threshold, &["packer-2", "packer-3"], &[]));
        terms.policy.approvals = Some(policy);
        first(terms)
    };
    let roots = BTreeMap::from([
        ("approved.json", approved(2)),
        ("one.json", sign(&one, &["root-1"])),
        ("two.json", sign(&two, &["root-1", "root-2"])),
        (
            "one-and-two.json",
            [sign(&one, &["root-1"]), sign(&two, &["root-1", "root-2"])]
                .map(|line| [line, b"\n".to_vec()].concat())
                .concat(),
        ),
        ("two-of-three.json", first(terms("root-1", &["packer-1", "packer-2", "packer-3"], 2))),
        ("limited.json", first(limited)),
        ("expired.json", expired(Expiry::Refuse)),
        ("expired-warn.json", expired(Expiry::Warn)),
        ("foreign.json", sign(&Root::new_v1(terms("root-2", &["packer-1"], 1)).unwrap(), &["root-2"])),
    ]);
    let mut cases = good_cases(&roots);
    cases.extend(seal_cases(&roots));
    cases.extend(root_cases(&roots, &one, &two));
    let of = |items: Vec<Item>| Recipe::of(&[&roots["one.json"]], items);
    cases.extend(statement_cases(&of));
    cases.extend(member_cases(&of));
    cases.extend(index_cases(&of));
    cases.extend(vector_choices::cases(&of));
    cases.extend(vector_images::cases(&of));
    cases.extend(vector_documents::cases(&of));
    cases.extend(inventory_cases(&of));
    cases.extend(frame_cases(&of));
    cases.extend(vector_trees::cases(&of));
    cases.extend(vector_roots::cases(&roots));
    cases.extend(vector_rules::cases(&roots, &of));
    cases.extend(vector_signatures::cases(&of));
    (roots, cases)
}

fn good_cases(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Case> {
    let of = |items: Vec<Item>| Recipe::of(&[&roots["one.json"]], items);
    let config =
        Tree::new("server", "config", &[("empty", Put::File(b"")), ("run.sh", Put::Program(b"#!/bin/sh\n"))]);
    let long = "d".repeat(150);
    let paths = [
        format!("{long}/{}", "f".repeat(99)),
        format!("{}é", "u".repeat(99)),
        format!("z/{}", "l".repeat(99)),
    ];
    let target = format!("../{}", paths[0]);
    let pax = Tree::new(
        "long",
        "file",
        &[
            (&long, Put::Dir),
            (&paths[0], Put::File(b"both the folder and the file need pax records")),
            (&paths[1], Put::File(b"the ustar field is cut at a whole character")),
            ("z", Put::Dir),
            (&paths[2], Put::Link(&target)),
        ],
    );
    let (arm, attestation) = (PICTURE.replace("amd64", "arm64"), r#"{"attests":"nothing"}"#);
    let (arm, amd) = (manifest(&arm, &["layer one", "layer arm"]), manifest(PICTURE, &["layer one"]));
    let about = manifest(attestation, &["in-toto"]);
    let platforms = image_index(&[
        (MANIFEST, &arm, Some(("linux", "arm64"))),
        (MANIFEST, &amd, Some(("linux", "amd64"))),
        (MANIFEST, &about, Some(("unknown", "unknown"))),
    ]);
    let arm_config = PICTURE.replace("amd64", "arm64");
    let all = [&arm, &amd, &about, PICTURE, &arm_config, attestation, "layer one", "layer arm", "in-toto"];
    let wide = Item::Image(Image::new("wide", "docker.io/tools/wide:2", INDEX, platforms, &all));
    let large: Vec<u8> = (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (lines, bytes) = stream(&[("a", Put::File(&large)), ("b", Put::File(b"")), ("c", Put::File(b"c"))]);
    // Inside a header, inside a file, between padding and header, inside the end.
    let cuts = [100, 5000, 5001, 512 + 9216, bytes.len() - 700, bytes.len()];
    let cut = Tree::from_stream("cut", "file", lines, &bytes, &cuts);
    vec![
        good(
            "ok-minimal",
            "one doc with one file",
            of(vec![Item::Tree(Tree::new("docs", "doc", &[("a", Put::File(b"a"))]))]),
        ),
        good(
            "ok-empty-tree",
            "a tree without entries, and no image",
            of(vec![Item::Tree(Tree::new("none", "file", &[]))]),
        ),
        good(
            "ok-three-kinds",
            "an image, a doc and a config",
            of(vec![hello(), Item::Tree(docs()), Item::Tree(config)]),
        ),
        good(
            "ok-shared-layer",
            "two images share a configuration and a layer: each blob stands once",
            of(vec![
                hello(),
                image("other", "registry.example.com/tools/other:1", PICTURE, &["layer three", "layer one"]),
            ]),
        ),
        good(
            "ok-identical-trees",
            "two trees share inventory and layer",
            of(vec![Item::Tree(docs()), Item::Tree(twin())]),
        ),
        good(
            "ok-long-paths",
            "paths and a link target above 100 bytes: pax records",
            of(vec![Item::Tree(pax)]),
        ),
        good(
            "ok-frames-cut-anywhere",
            "frames end inside headers, files, padding and end blocks",
            of(vec![Item::Tree(cut)]),
        ),
        good(
            "ok-image-index",
            "two platforms and an attestation; manifest.json shows linux/amd64",
            of(vec![wide]),
        ),
        good(
            "ok-nested-four-deep",
            "four indexes, one below the other: as many as there may be",
            of(vec![nested(4)]),
        ),
        good(
            "ok-two-of-three",
            "two of three packers signed",
            Recipe::of(&[&roots["two-of-three.json"]], vec![hello()]).signers(&["packer-1", "packer-3"]),
        )
        .root("two-of-three.json"),
        good(
            "ok-unknown-signature-beside",
            "an unknown key signed as well: ignored",
            of(vec![hello()]).signers(&["packer-1", "stranger"]),
        ),
        good(
            "ok-root-rotated",
            "version 1 is pinned, version 2 travels along and is followed",
            Recipe {
                root_version: 2,
                ..Recipe::of(&[&roots["one.json"], &roots["two.json"]], vec![hello()])
            }
            .signers(&["packer-2"]),
        ),
        good(
            "ok-pinned-newer-than-chain",
            "version 2 is pinned, the bundle brings only version 1: the pinned one decides",
            of(vec![hello()]).signers(&["packer-2"]),
        )
        .root("two.json"),
        good(
            "ok-pinned-file-of-two-versions",
            "the file that is pinned has versions 1 and 2: the newest counts",
            of(vec![hello()]).signers(&["packer-2"]),
        )
        .root("one-and-two.json"),
        good(
            "ok-expired-with-warning",
            "the trust root is past its date, and its policy is to warn",
            Recipe::of(&[&roots["expired-warn.json"]], vec![hello()]),
        )
        .root("expired-warn.json"),
    ]
}

fn seal_cases(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Case> {
    let plain = || Recipe::of(&[&roots["one.json"]], vec![hello()]);
    let two_of_three = || Recipe::of(&[&roots["two-of-three.json"]], vec![hello()]);
    let spoofed = Recipe { signers: vec![("stranger", id("packer-1"))], ..plain() };
    let root_type = Recipe { payload_type: "application/vnd.sealift.root.v1+json", ..plain() };
    vec![
        bad(
            "seal-signature-flipped",
            "Z01",
            "trust.tampered",
            "one bit of the signature",
            plain().seal(|seal| {
                let at = seal.find(r#""sig":""#).unwrap() + 10;
                let other = if &seal[at..=at] == "A" { "B" } else { "A" };
                seal.replace_range(at..=at, other);
            }),
        ),
        bad(
            "seal-payload-flipped",
            "Z01",
            "trust.tampered",
            "one character of the payload",
            plain().seal(|seal| {
                let at = seal.find(r#""payload":""#).unwrap() + 100;
                let other = if &seal[at..=at] == "A" { "B" } else { "A" };
                seal.replace_range(at..=at, other);
            }),
        ),
        bad("seal-of-another-type", "S11", "trust.signature", "well signed, as a trust root", root_type),
        bad(
            "seal-relabelled",
            "S11",
            "trust.tampered",
            "signed as a trust root, then called a statement",
            Recipe {
                payload_type: "application/vnd.sealift.root.v1+json",
                ..plain()
                    .seal(replace("application/vnd.sealift.root.v1+json", "application/vnd.in-toto+json"))
            },
        ),
        bad(
            "seal-signature-short",
            "S01",
            "trust.signature",
            "a signature of 63 bytes",
            plain().seal(|seal| {
                // 88 characters of base64 for 64 bytes become 84 for 63.
                let end = seal.find(r#""}]}"#).unwrap();
                seal.replace_range(end - 4..end, "");
            }),
        ),
        bad(
            "seal-base64-stray-bits",
            "S29",
            "trust.format",
            "the last digit of a signature has bits that nobody reads",
            plain().seal(|seal| {
                let at = seal.find(r#"=="}]}"#).unwrap() - 1;
                let next = (seal.as_bytes()[at] + 1) as char;
                seal.replace_range(at..=at, &next.to_string());
            }),
        ),
        bad(
            "seal-with-space",
            "J07",
            "trust.format",
            "a space behind a colon",
            plain().seal(replace(r#""keyid":"#, r#""keyid": "#)),
        ),
        bad(
            "seal-unsigned",
            "S14",
            "trust.threshold",
            "no signature at all",
            Recipe { signers: Vec::new(), ..plain() },
        ),
        bad(
            "seal-below-threshold",
            "S18",
            "trust.threshold",
            "one of three packers signed, two are needed",
            two_of_three(),
        )
        .root("two-of-three.json"),
        bad(
            "seal-same-key-twice",
            "S15",
            "trust.threshold",
            "one packer's signature, listed twice, where two are needed",
            two_of_three().signers(&["packer-1", "packer-1"]),
        )
        .root("two-of-three.json"),
        bad(
            "seal-same-key-two-ids",
            "S17",
            "trust.tampered",
            "one packer signed under its own id and a made-up one",
            Recipe {
                signers: vec![("packer-1", id("packer-1")), ("packer-1", id("stranger"))],
                ..two_of_three()
            },
        )
        .root("two-of-three.json"),
        bad(
            "seal-by-a-stranger",
            "S18",
            "trust.threshold",
            "only an unknown key signed",
            plain().signers(&["stranger"]),
        ),
        bad(
            "seal-by-another-role",
            "S20",
            "trust.threshold",
            "the root key signed, which may not seal",
            plain().signers(&["root-1"]),
        ),
        bad(
            "seal-for-another-scenario",
            "S20",
            "trust.threshold",
            "the packer that signed may only seal for `ddil`",
            Recipe::of(&[&roots["limited.json"]], vec![hello()]),
        )
        .root("limited.json"),
        bad(
            "seal-spoofed-id",
            "S17",
            "trust.tampered",
            "a stranger's signature under a packer's id",
            spoofed,
        ),
        bad(
            "seal-signatures-unsorted",
            "-",
            "trust.format",
            "signatures not in the order of their key ids",
            two_of_three().signers(&["packer-1", "packer-3"]).seal(|seal| {
                let at = seal.find(r#""signatures":["#).unwrap() + 14;
                let (head, tail) = seal.split_at(at);
                let (one, other) = tail.trim_end_matches("]}").split_once("},{").unwrap();
                *seal = format!("{head}{{{other},{one}}}]}}");
            }),
        )
        .root("two-of-three.json"),
        bad(
            "seal-33-signatures",
            "S28",
            "trust.limit",
            "one signature more than the limit",
            Recipe { signers: (0..33).map(|_| ("packer-1", id("packer-1"))).collect(), ..plain() },
        ),
    ]
}

fn root_cases(roots: &BTreeMap<&'static str, Vec<u8>>, one: &Root, two: &Root) -> Vec<Case> {
    let plain = || Recipe::of(&[&roots["one.json"]], vec![hello()]);
    let second = |chain: &[&[u8]], signer| {
        Recipe { root_version: 2, ..Recipe::of(chain, vec![hello()]) }.signers(&[signer])
    };
    let sealed = |root: &[u8], signer| second(&[&roots["one.json"], root], signer);
    let three = two.next(terms("root-2", &["packer-2"], 1)).unwrap();
    let revoked = |keys: Vec<&str>, statements: Vec<Digest>| {
        let keys = keys.iter().map(|name| key(name).public().id()).collect();
        let next = one
            .next(RootDraft { revoked: Revoked { keys, statements }, ..terms("root-1", &["packer-2"], 1) });
        sign(&next.unwrap(), &["root-1"])
    };
    let withdrawn = {
        let (statement, _) = sealed(&roots["two.json"], "packer-2").unsealed();
        revoked(Vec::new(), vec![Digest::of(statement.as_bytes())])
    };
    let lower = {
        let higher = |epoch| RootDraft { epoch, ..terms("root-1", &["packer-1"], 1) };
        let two = one.next(higher(2)).unwrap();
        let three = two.next(higher(1)).unwrap();
        Recipe {
            root_version: 3,
            ..Recipe::of(
                &[&roots["one.json"], &sign(&two, &["root-1"]), &sign(&three, &["root-1"])],
                vec![hello()],
            )
        }
    };
    let older = {
        let created = "2025-12-31T23:59:59Z".parse().unwrap();
        let two = one.next(RootDraft { created, ..terms("root-1", &["packer-1"], 1) }).unwrap();
        sealed(&sign(&two, &["root-1"]), "packer-1")
    };
    vec![
        bad(
            "root-foreign",
            "-",
            "trust.foreign",
            "the bundle brings another version 1 than the pinned one",
            Recipe::of(&[&roots["foreign.json"]], vec![hello()]),
        ),
        bad(
            "root-gap",
            "S23",
            "trust.root",
            "version 3 stands behind version 1",
            second(&[&roots["one.json"], &sign(&three, &["root-1", "root-2"])], "packer-2"),
        ),
        bad(
            "root-repeated",
            "S23",
            "trust.root",
            "version 1 stands there twice",
            sealed(&roots["one.json"], "packer-1"),
        ),
        bad(
            "root-not-signed-by-the-one-before",
            "S22",
            "trust.root",
            "version 2 is signed by its own keys alone",
            sealed(&sign(two, &["root-2"]), "packer-2"),
        ),
        bad(
            "root-not-signed-by-itself",
            "S22",
            "trust.root",
            "version 2 is signed by the keys of version 1 alone",
            sealed(&sign(two, &["root-1"]), "packer-2"),
        ),
        bad("root-made-earlier", "-", "trust.root", "version 2 was made a second before version 1", older),
        bad("root-epoch-lower", "J15", "trust.root", "the epoch goes from 2 back to 1", lower),
        bad(
            "root-without-line-break",
            "-",
            "trust.format",
            "the chain does not end with a line break",
            Recipe { chain: roots["one.json"].clone(), ..plain() },
        ),
        bad(
            "root-before-the-pinned-one",
            "S22",
            "trust.threshold",
            "version 2 is pinned; version 1, which decides nothing, is not signed by its own key",
            second(&[&sign(one, &["stranger"]), &roots["two.json"]], "packer-2"),
        )
        .root("two.json"),
        bad(
            "root-expired",
            "S25",
            "trust.expired",
            "the trust root is past its date",
            Recipe::of(&[&roots["expired.json"]], vec![hello()]),
        )
        .root("expired.json"),
        bad(
            "root-revokes-key",
            "S21",
            "trust.threshold",
            "version 2 revokes the packer that signed",
            sealed(&revoked(vec!["packer-1"], Vec::new()), "packer-1"),
        ),
        bad(
            "root-revokes-statement",
            "J20",
            "trust.revoked",
            "version 2 revokes this very bundle",
            sealed(&withdrawn, "packer-2"),
        ),
    ]
}

pub type Of<'a> = &'a dyn Fn(Vec<Item>) -> Recipe;

fn statement_cases(of: Of<'_>) -> Vec<Case> {
    let plain = || of(vec![hello()]);
    let edit = |from, to| plain().statement(replace(from, to));
    vec![
        bad(
            "statement-expired",
            "J17",
            "trust.expired",
            "the bundle is past its date, to the second",
            edit(r#""root_version""#, r#""expires":"2026-11-22T06:00:00Z","root_version""#),
        ),
        bad(
            "statement-expires-before-created",
            "J17",
            "bundle.format",
            "it expires before it was created",
            edit(r#""root_version""#, r#""expires":"2026-10-01T00:00:00Z","root_version""#),
        ),
        bad(
            "statement-epoch",
            "J15",
            "trust.epoch",
            "epoch 2 under a trust root of epoch 1",
            edit(r#""epoch":1"#, r#""epoch":2"#),
        ),
        bad(
            "statement-root-version",
            "-",
            "trust.epoch",
            "trust root version 2, where version 1 is the newest",
            edit(r#""root_version":1"#, r#""root_version":2"#),
        ),
        bad(
            "statement-sequence-0",
            "J14",
            "bundle.format",
            "sequence numbers begin with 1",
            edit(r#""sequence":1"#, r#""sequence":0"#),
        ),
        bad(
            "statement-sequence-2-53",
            "J14",
            "bundle.limit",
            "a number that not every reader keeps exact",
            edit(r#""sequence":1"#, r#""sequence":9007199254740992"#),
        ),
        bad(
            "statement-version",
            "J06",
            "bundle.version",
            "a later format",
            edit("sealift.dev/bundle/v1", "sealift.dev/bundle/v2"),
        ),
        bad(
            "statement-key-twice",
            "J01",
            "bundle.format",
            "a doubled key",
            edit(r#""epoch":1"#, r#""epoch":1,"epoch":1"#),
        ),
        bad(
            "statement-unknown-key",
            "J05",
            "bundle.format",
            "a key that this format does not have",
            edit(r#""epoch":1"#, r#""epoch":1,"note":1"#),
        ),
        bad(
            "statement-key-order",
            "J07",
            "bundle.format",
            "two keys in another order",
            edit(r#""epoch":1,"sequence":1"#, r#""sequence":1,"epoch":1"#),
        ),
        bad(
            "statement-key-escaped",
            "J03",
            "bundle.format",
            "a key spelled with an escape",
            edit(r#""epoch""#, r#""\u0065poch""#),
        ),
        bad(
            "statement-array",
            "J04",
            "bundle.format",
            "an array in the place of an object",
            edit(r#""tool":{"name":"vectors","version":"1"}"#, r#""tool":["vectors","1"]"#),
        ),
        bad(
            "statement-number-1-0",
            "J09",
            "bundle.format",
            "a number with a fraction",
            edit(r#""epoch":1"#, r#""epoch":1.0"#),
        ),
        bad(
            "statement-trailing-newline",
            "J07",
            "bundle.format",
            "a line break behind the document",
            plain().statement(|text| text.push('\n')),
        ),
        bad(
            "statement-digest-upper-case",
            "J21",
            "bundle.format",
            "a digest in upper case",
            plain().statement(|text| {
                let at = text.find(r#""lock":"sha256:"#).unwrap() + 15;
                let upper = text[at..at + 64].to_uppercase();
                text.replace_range(at..at + 64, &upper);
            }),
        ),
        bad(
            "statement-name",
            "J16",
            "bundle.format",
            "a name that is not a safe file name",
            edit(r#""name":"vector""#, r#""name":"../vector""#),
        ),
        bad(
            "statement-time",
            "J17",
            "bundle.format",
            "a time with an offset",
            edit("2026-11-01T00:00:00Z", "2026-11-01T00:00:00+00:00"),
        ),
        bad(
            "statement-subject",
            "-",
            "bundle.format",
            "the subjects are not the digests of the members",
            plain().statement(|text| {
                let at = text.find(r#""sha256":""#).unwrap() + 10;
                text.replace_range(at..at + 4, "0000");
            }),
        ),
        bad(
            "statement-totals",
            "J13",
            "bundle.format",
            "one blob more than there is",
            edit(r#""blobs":4"#, r#""blobs":5"#),
        ),
        bad(
            "statement-member-too-large",
            "J11",
            "bundle.limit",
            "the statement gives index.json 16 MiB and a byte",
            plain().statement(|text| {
                let at = text.find(r#"{"name":"index.json","size":"#).unwrap() + 28;
                let end = at + text[at..].find(',').unwrap();
                text.replace_range(at..end, "16777217");
            }),
        ),
        bad(
            "statement-not-that-of-the-seal",
            "S13",
            "bundle.digest",
            "seal/statement.json is not the payload",
            plain().members(|members| {
                members[2].1 = String::from_utf8(members[2].1.clone())
                    .unwrap()
                    .replace(r#""epoch":1"#, r#""epoch":2"#)
                    .into();
            }),
        ),
    ]
}

fn member_cases(of: Of<'_>) -> Vec<Case> {
    let plain = || of(vec![hello(), Item::Tree(docs())]);
    vec![
        bad(
            "member-reordered",
            "P51",
            "bundle.header",
            "two layers in the other order",
            plain().members(|members| {
                let at = blob(members, 4);
                members.swap(at, at + 1);
            }),
        ),
        bad(
            "member-missing",
            "P51",
            "bundle.header",
            "a layer is not there",
            plain().members(|members| drop(members.remove(blob(members, 4)))),
        ),
        bad(
            "member-doubled",
            "P51",
            "bundle.header",
            "a layer stands there twice",
            plain().members(|members| {
                let at = blob(members, 4);
                members.insert(at, members[at].clone());
            }),
        ),
        bad(
            "member-added",
            "P51",
            "bundle.header",
            "a file that nobody announced stands at the end",
            plain().members(|members| members.push(("extra".to_owned(), b"x".to_vec()))),
        ),
        bad(
            "member-of-a-limit",
            "S24",
            "bundle.limit",
            "the chain of trust roots says it has 4 MiB and a byte",
            Recipe { chain: vec![b'x'; (4 << 20) + 1], ..plain() },
        ),
        bad(
            "header-mode",
            "P50",
            "bundle.header",
            "mode 0600 in the header of a layer, with a fitting checksum",
            plain().bytes(|bytes| {
                let at = header(bytes, "index.json");
                bytes[at + 100..at + 108].copy_from_slice(b"0000600\0");
                checksum(&mut bytes[at..at + 512]);
            }),
        ),
        bad(
            "header-time",
            "P50",
            "bundle.header",
            "a time in the first header",
            plain().bytes(|bytes| {
                bytes[146] = b'1';
                checksum(&mut bytes[..512]);
            }),
        ),
        bad(
            "header-size-spelled-otherwise",
            "P36",
            "bundle.header",
            "the right size with spaces in the place of zeros",
            plain().bytes(|bytes| {
                let at = header(bytes, "oci-layout");
                bytes[at + 124] = b' ';
                checksum(&mut bytes[at..at + 512]);
            }),
        ),
        bad(
            "header-checksum",
            "P37",
            "bundle.header",
            "a checksum that does not fit",
            plain().bytes(|bytes| {
                let at = header(bytes, "manifest.json");
                bytes[at + 153] ^= 1;
            }),
        ),
        bad(
            "padding-not-zero",
            "P50",
            "bundle.padding",
            "a byte that fills up a member is not zero",
            plain().bytes(|bytes| {
                let at = header(bytes, "oci-layout");
                bytes[at + 1023] = 1;
            }),
        ),
        bad(
            "end-trailing-byte",
            "P44",
            "bundle.trailing",
            "one byte behind the end",
            plain().bytes(|bytes| bytes.push(0)),
        ),
        bad(
            "end-missing",
            "P43",
            "bundle.truncated",
            "no closing block at all",
            plain().bytes(|bytes| bytes.truncate(bytes.len() - 1024)),
        ),
        bad(
            "end-one-block",
            "P43",
            "bundle.truncated",
            "one closing block",
            plain().bytes(|bytes| bytes.truncate(bytes.len() - 512)),
        ),
        bad(
            "end-not-zero",
            "P43",
            "bundle.header",
            "a closing block that is not zero",
            plain().bytes(|bytes| *bytes.last_mut().unwrap() = 1),
        ),
        bad(
            "end-inside-a-layer",
            "Z02",
            "bundle.truncated",
            "cut off inside the last layer",
            plain().bytes(|bytes| bytes.truncate(bytes.len() - 3000)),
        ),
        bad(
            "blob-digest-of-a-layer",
            "Z01",
            "bundle.digest",
            "one byte of a layer",
            plain().members(|members| {
                let at = blob(members, 4);
                members[at].1[0] ^= 1;
            }),
        ),
        bad(
            "blob-digest-of-a-document",
            "Z01",
            "bundle.digest",
            "one byte of a manifest",
            plain().members(|members| {
                let at = blob(members, 0);
                members[at].1[20] ^= 1;
            }),
        ),
        bad(
            "blob-size",
            "J12",
            "bundle.header",
            "a layer with a byte more than its manifest says",
            plain().members(|members| {
                let at = blob(members, 4);
                members[at].1.push(0);
            }),
        ),
        bad(
            "reserve-not-zero",
            "-",
            "bundle.format",
            "a byte in seal/RESERVE, signed",
            plain().parts(|parts| parts.reserve[650] = 1),
        ),
        bad(
            "layout-differs",
            "-",
            "bundle.format",
            "another oci-layout, signed",
            plain().parts(|parts| parts.layout = r#"{"imageLayoutVersion":"1.0.1"}"#.to_owned()),
        ),
        bad(
            "docker-differs",
            "-",
            "bundle.format",
            "manifest.json gives an image another name than the index",
            plain().parts(|parts| parts.docker = parts.docker.replace("hello", "hallo")),
        ),
        bad(
            "sums-differ",
            "-",
            "bundle.format",
            "SHA256SUMS lacks a line, signed",
            plain().parts(|parts: &mut Parts| {
                parts.sums = Some(format!("{}  oci-layout\n", Digest::of(parts.layout.as_bytes()).hex()))
            }),
        ),
    ]
}

/// An image below so many indexes.
fn nested(indexes: usize) -> Item {
    let bottom = manifest(PICTURE, &["layer"]);
    let (mut blobs, mut root, mut kind) = (vec![PICTURE.to_owned(), "layer".to_owned()], bottom, MANIFEST);
    for _ in 0..indexes {
        let above = image_index(&[(kind, &root, None)]);
        blobs.push(std::mem::replace(&mut root, above));
        kind = INDEX;
    }
    let blobs: Vec<_> = blobs.iter().map(String::as_str).collect();
    Item::Image(Image::new("nested", "example.com/nested:1", kind, root, &blobs))
}

/// An image whose manifest was edited.
fn edited(from: &str, to: &str) -> Item {
    let Item::Image(image) = hello() else { unreachable!() };
    assert!(image.root.contains(from), "{from}");
    Item::Image(Image { root: image.root.replacen(from, to, 1), ..image })
}

fn index_cases(of: Of<'_>) -> Vec<Case> {
    let plain = || of(vec![hello(), Item::Tree(docs())]);
    let edit = |from, to| plain().index(replace(from, to));
    let config_digest = Digest::of(PICTURE.as_bytes());
    vec![
        bad(
            "index-name-twice",
            "J13",
            "bundle.format",
            "two items of one name",
            edit(r#"item.name":"docs""#, r#"item.name":"hello""#),
        ),
        bad(
            "index-image-behind-a-tree",
            "P51",
            "bundle.format",
            "an image behind a tree",
            of(vec![Item::Tree(docs()), hello()]),
        ),
        bad(
            "index-unknown-annotation",
            "J05",
            "bundle.format",
            "an annotation that this format does not have",
            edit(r#""annotations":{"#, r#""annotations":{"a":"b","#),
        ),
        bad(
            "index-unknown-kind",
            "J05",
            "bundle.format",
            "an item of kind `chart`",
            edit(r#"item.kind":"doc""#, r#"item.kind":"chart""#),
        ),
        bad(
            "index-reference",
            "J16",
            "bundle.format",
            "an image reference with upper case",
            plain().index(|text| *text = text.replace("tools/hello", "Tools/hello")),
        ),
        bad(
            "tree-manifest-differs",
            "-",
            "bundle.format",
            "the manifest of a tree carries another name than the index",
            edit(r#"item.name":"docs""#, r#"item.name":"dots""#),
        ),
        bad(
            "document-of-a-limit",
            "J23",
            "bundle.limit",
            "a manifest of 4 MiB and a byte is announced",
            plain().index(|text| {
                let at = text.find(r#""size":"#).unwrap() + 7;
                let end = at + text[at..].find(',').unwrap();
                text.replace_range(at..end, "4194305");
            }),
        ),
        bad(
            "configuration-of-a-limit",
            "J23",
            "bundle.limit",
            "the configuration of an image of 4 MiB and a byte is announced",
            of(vec![edited(r#""size":78}"#, r#""size":4194305}"#)]),
        ),
        bad(
            "tree-manifest-of-another-tree",
            "J13",
            "bundle.image",
            "two trees have one manifest, which can carry the name of only one of them",
            of(vec![Item::Tree(docs()), Item::Tree(twin())]).index(|text| {
                let digest = |tree: Tree| Digest::of(tree.manifest().as_bytes()).to_string();
                *text = text.replace(&digest(twin()), &digest(docs()));
            }),
        ),
        bad(
            "tree-manifest-of-an-image",
            "J13",
            "bundle.image",
            "an image has the manifest of a tree, which is right for the tree",
            of(vec![
                Item::Image(Image {
                    blobs: vec![docs().inventory(), docs().layer],
                    ..Image::new(
                        "hello",
                        "registry.example.com/tools/hello:1",
                        MANIFEST,
                        docs().manifest(),
                        &[],
                    )
                }),
                Item::Tree(docs()),
            ]),
        ),
        bad(
            "tree-layer-is-a-configuration",
            "P51",
            "bundle.image",
            "the layer of a tree is the configuration of an image, so its frames do not stand among the layers",
            of(vec![hello(), {
                let mut tree = docs();
                tree.layer = PICTURE.into();
                Item::Tree(tree)
            }]),
        ),
        bad(
            "image-foreign-layer",
            "J23",
            "bundle.image",
            "a layer that is to be fetched from elsewhere",
            of(vec![edited(LAYER, "application/vnd.oci.image.layer.nondistributable.v1.tar")]),
        ),
        bad(
            "image-urls",
            "J23",
            "bundle.image",
            "a layer with an address to fetch it from",
            of(vec![edited(r#""size":9}"#, r#""size":9,"urls":["https://example.com/"]}"#)]),
        ),
        bad(
            "image-size-disagrees",
            "J12",
            "bundle.image",
            "two documents give one layer different sizes",
            of(vec![hello(), {
                let Item::Image(image) = edited(r#""size":9}"#, r#""size":10}"#) else { unreachable!() };
                Item::Image(Image { name: "other", reference: "example.com/other:1", ..image })
            }]),
        ),
        bad(
            "image-media-type-inside",
            "J23",
            "bundle.image",
            "a manifest that calls itself an index",
            of(vec![edited(MANIFEST, INDEX)]),
        ),
        bad(
            "image-manifest-and-index",
            "J23",
            "bundle.image",
            "`manifests` beside `layers` (CVE-2021-41190)",
            of(vec![edited(r#""config""#, r#""manifests":[],"config""#)]),
        ),
        bad(
            "image-schema-1",
            "J23",
            "bundle.image",
            "schemaVersion 1",
            of(vec![edited(r#""schemaVersion":2"#, r#""schemaVersion":1"#)]),
        ),
        bad(
            "image-digest-is-a-path",
            "J23",
            "bundle.image",
            "a digest that is not a digest",
            of(vec![edited(&config_digest.hex(), "../../etc/passwd")]),
        ),
        bad(
            "image-nested-too-deep",
            "J23",
            "bundle.limit",
            "five indexes, one below the other",
            of(vec![nested(5)]),
        ),
    ]
}

fn inventory_cases(of: Of<'_>) -> Vec<Case> {
    let doc = |tree: Tree| of(vec![Item::Tree(tree)]);
    let edit = |from: &str, to: &str| doc(docs().with_entry(from, to));
    let mut behind = docs();
    behind.behind = raw_frame(b"{}\n");
    let mut gap = {
        let (lines, bytes) = stream(&[("a", Put::File(b"a"))]);
        Tree::from_stream("docs", "doc", lines, &bytes, &[700, bytes.len()])
    };
    gap.frames[1] = gap.frames[1].replacen(r#"{"offset":7"#, r#"{"offset":8"#, 1);
    assert!(gap.frames[1].contains(r#""offset":8"#));
    let mut unlisted = docs();
    unlisted.layer.push(0);
    let mut large = docs();
    large.frames[0] = r#"{"offset":0,"stored":9,"size":8388609,"sha256":"#.to_owned()
        + &large.frames[0][large.frames[0].len() - 67..];
    let mut digest = docs();
    let at = digest.frames[0].len() - 10;
    digest.frames[0].replace_range(at..at + 4, "0000");
    vec![
        deep(
            "inventory-unicode-twins",
            "P19",
            "bundle.tree",
            "two names that differ in Unicode form",
            doc(Tree::new(
                "docs",
                "doc",
                &[("cafe\u{301}", Put::File(b"e")), ("caf\u{e9}", Put::File(b"e"))],
            )),
        ),
        deep(
            "inventory-device",
            "P21",
            "bundle.format",
            "an entry that is a device",
            edit(r#""path":"empty","type":"dir""#, r#""path":"empty","type":"char""#),
        ),
        deep(
            "inventory-space",
            "J07",
            "bundle.format",
            "a line that is not canonical",
            edit(r#""type":"dir""#, r#""type": "dir""#),
        ),
        deep("inventory-third-frame", "Z04", "bundle.format", "a third frame", doc(behind)),
        deep(
            "frames-gap",
            "-",
            "bundle.format",
            "a frame that does not begin where the one before it ends",
            doc(gap),
        ),
        deep(
            "frames-short-of-the-layer",
            "-",
            "bundle.format",
            "a byte of the layer that no frame has",
            doc(unlisted),
        ),
        deep("frames-of-a-limit", "Z07", "bundle.limit", "a frame of 8 MiB and a byte", doc(large)),
        deep("frames-digest", "Z01", "bundle.digest", "the table gives a frame another digest", doc(digest)),
    ]
}

fn frame_cases(of: Of<'_>) -> Vec<Case> {
    let doc = |tree: Tree| of(vec![Item::Tree(tree)]);
    let frame = |change: fn(Vec<u8>) -> Vec<u8>| doc(docs().with_frame(change));
    let streamed = |change: &dyn Fn(&mut Vec<u8>)| {
        let entries = [("a", Put::File(&b"content of a"[..])), ("b", Put::File(&b"content of b"[..]))];
        let (lines, mut bytes) = stream(&entries);
        change(&mut bytes);
        doc(Tree::from_stream("docs", "doc", lines, &bytes, &[bytes.len()]))
    };
    vec![
        deep(
            "frame-skippable-behind",
            "Z05",
            "bundle.frame",
            "a skippable frame behind it",
            frame(|mut frame| {
                frame.extend([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]);
                frame
            }),
        ),
        deep(
            "frame-skippable-before",
            "Z05",
            "bundle.frame",
            "a skippable frame before it",
            frame(|frame| [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9], &frame[..]].concat()),
        ),
        deep(
            "frame-second-behind",
            "Z04",
            "bundle.frame",
            "a second frame, of no content, behind it",
            frame(|mut frame| {
                frame.extend([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]);
                frame
            }),
        ),
        deep(
            "frame-cut-off",
            "Z02",
            "bundle.frame",
            "its last byte is missing",
            frame(|mut frame| {
                frame.pop();
                frame
            }),
        ),
        deep(
            "frame-checksum",
            "Z09",
            "bundle.frame",
            "a checksum, which is right",
            frame(|mut frame| {
                let content = zstd::decode_all(&frame[..]).unwrap();
                let mut other = zstd::bulk::Compressor::new(1).unwrap();
                other.include_checksum(true).unwrap();
                let other = other.compress(&content).unwrap();
                frame[4] |= 4;
                frame.extend(&other[other.len() - 4..]);
                frame
            }),
        ),
        deep(
            "frame-dictionary",
            "Z08",
            "bundle.frame",
            "the id of a dictionary",
            frame(|mut frame| {
                frame[4] |= 1;
                frame.insert(5, 7);
                frame
            }),
        ),
        deep(
            "frame-window",
            "Z06",
            "bundle.frame",
            "a window of 8 MiB instead of a single segment",
            frame(|mut frame| {
                frame[4] = 0x80;
                frame.insert(5, 13 << 3);
                frame
            }),
        ),
        deep(
            "frame-without-size",
            "Z10",
            "bundle.frame",
            "it does not state the size of its content",
            frame(|mut frame| {
                frame[4] = 0;
                frame.splice(5..9, [13 << 3]);
                frame
            }),
        ),
        deep(
            "frame-size-lies",
            "Z10",
            "bundle.frame",
            "it states one byte more than it holds",
            frame(|mut frame| {
                frame[5] += 1;
                frame
            }),
        ),
        deep(
            "stream-owner",
            "P24",
            "bundle.format",
            "a header with an owner",
            streamed(&|bytes| {
                bytes[114] = b'1';
                checksum(&mut bytes[..512]);
            }),
        ),
        deep(
            "stream-other-name",
            "P51",
            "bundle.format",
            "a header with another name than the inventory",
            streamed(&|bytes| {
                bytes[0] = b'x';
                checksum(&mut bytes[..512]);
            }),
        ),
        deep(
            "stream-padding",
            "P50",
            "bundle.format",
            "a byte behind a file is not zero",
            streamed(&|bytes| bytes[1000] = 1),
        ),
        deep(
            "stream-file-differs",
            "Z01",
            "bundle.digest",
            "a file that does not have the digest of the inventory",
            streamed(&|bytes| bytes[512] = b'C'),
        ),
        deep(
            "stream-end",
            "P43",
            "bundle.frame",
            "an end that is not zero",
            streamed(&|bytes| *bytes.last_mut().unwrap() = 1),
        ),
    ]
}
