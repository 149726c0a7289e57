//! Vectors about trust roots that break one rule, and about approvals. The root in question is version 2 of a chain; it
//! is signed by enough, and the bundle is sealed under it, so nothing but the rule that is named can refuse it.

use crate::vector_cases::{Case, bad, good, hello};
use crate::vector_writer::{Recipe, base64, id, key, seal};
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::value::digest::Digest;
use std::collections::BTreeMap;

const ROOT_TYPE: &str = "application/vnd.sealift.root.v1+json";
const APPROVAL_TYPE: &str = "application/vnd.sealift.approval.v1+json";

/// A key as a root lists it: its id, and the line.
fn listed(bytes: &[u8], name: &str) -> (String, String) {
    let prefix = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    let id = Digest::of(&[&prefix[..], bytes].concat()).hex().to_string();
    let public = base64(bytes);
    let line = format!(r#"{{"id":"{id}","type":"ed25519","public":"{public}","name":"{name}"}}"#);
    (id, line)
}

/// A root before it is text.
struct Shape {
    version: String,
    epoch: String,
    created: String,
    expires: String,
    keys: Vec<(String, String)>,
    roles: Vec<String>,
    revoked: String,
    policy: String,
}

fn role(name: &str, threshold: usize, keys: &[String]) -> String {
    let keys: Vec<_> = keys.iter().map(|id| format!(r#""{id}""#)).collect();
    format!(r#"{{"role":"{name}","threshold":{threshold},"keys":[{}]}}"#, keys.join(","))
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    ids.sort();
    ids
}

impl Shape {
    fn good() -> Self {
        let names = ["root-1", "packer-1", "packer-2", "packer-3"];
        let mut keys: Vec<_> = names.iter().map(|name| listed(key(name).public().bytes(), name)).collect();
        keys.sort();
        Self {
            version: "2".to_owned(),
            epoch: "1".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            expires: String::new(),
            keys,
            roles: vec![
                role("root", 1, &[id("root-1")]),
                role("packer", 1, &sorted(&["packer-1", "packer-2"])),
                role("approver", 1, &[id("packer-3")]),
            ],
            revoked: r#"{"keys":[],"statements":[]}"#.to_owned(),
            policy: r#"{"expiry":"refuse"}"#.to_owned(),
        }
    }

    fn text(&self) -> String {
        let Self { version, epoch, created, expires, keys, roles, revoked, policy } = self;
        let keys: Vec<_> = keys.iter().map(|(_, line)| line.as_str()).collect();
        format!(
            r#"{{"_type":"https://sealift.dev/root/v1","version":{version},"epoch":{epoch},"created":"{created}",{expires}"keys":[{}],"roles":[{}],"revoked":{revoked},"policy":{policy}}}"#,
            keys.join(","),
            roles.join(",")
        )
    }

    fn add_key(&mut self, bytes: &[u8], name: &str) {
        self.keys.push(listed(bytes, name));
        self.keys.sort();
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A bundle with so many trust roots, of which all but the first revoke this.
fn chain(roots: &BTreeMap<&'static str, Vec<u8>>, count: u64, revoked: &str) -> Recipe {
    let line = |version: u64| {
        let mut shape = Shape { version: version.to_string(), ..Shape::good() };
        shape.revoked = revoked.to_owned();
        seal(ROOT_TYPE, &shape.text(), &[("root-1", id("root-1"))]).into_bytes()
    };
    let lines: Vec<_> = std::iter::once(roots["one.json"].clone()).chain((2..=count).map(line)).collect();
    let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
    Recipe { root_version: count, ..Recipe::of(&lines, vec![hello()]) }
}

/// A bundle with trust roots of a little more than 4 MiB: with the envelope of a carrier, still no more than a seal may have.
pub fn chain_above_the_limit(roots: &BTreeMap<&'static str, Vec<u8>>) -> Recipe {
    let revoked: Vec<_> = (0..3019).map(|number| format!(r#""sha256:{number:064}""#)).collect();
    chain(roots, 15, &format!(r#"{{"keys":[],"statements":[{}]}}"#, revoked.join(",")))
}

pub fn cases(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Case> {
    let mut cases = shape_cases(roots);
    cases.extend(approval_cases(roots));
    cases
}

fn shape_cases(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Case> {
    let under = |text: &str| {
        let line = seal(ROOT_TYPE, text, &[("root-1", id("root-1"))]);
        Recipe { root_version: 2, ..Recipe::of(&[&roots["one.json"], line.as_bytes()], vec![hello()]) }
    };
    let with = |edit: &dyn Fn(&mut Shape)| {
        let mut shape = Shape::good();
        edit(&mut shape);
        under(&shape.text())
    };
    let edited = |from: &str, to: &str| {
        let text = Shape::good().text();
        assert!(text.contains(from), "{from}");
        under(&text.replacen(from, to, 1))
    };
    let rule = |name, comment, edit: &dyn Fn(&mut Shape)| bad(name, "S30", "trust.root", comment, with(edit));
    let weak = |name, comment, bytes: Vec<u8>| {
        bad(name, "S31", "trust.key", comment, with(&|root| root.add_key(&bytes, "weak")))
    };
    let form = |name, comment, recipe| bad(name, "J05", "trust.format", comment, recipe);
    let mut one = vec![0; 32];
    one[0] = 1;
    let mut two = vec![0; 32];
    two[0] = 2;
    let mut three_and_p = vec![0xff; 32];
    (three_and_p[0], three_and_p[31]) = (0xf0, 0x7f);
    let many = with(&|root| {
        for number in 0..253u8 {
            let key = ed25519_dalek::SigningKey::from_bytes(&[number; 32]).verifying_key();
            root.add_key(key.as_bytes(), &format!("key-{number}"));
        }
    });
    // What version 2 breaks does not matter for the bundle: it is judged by version 3.
    let then_good = |edit: &dyn Fn(&mut Shape)| {
        let mut shape = Shape::good();
        edit(&mut shape);
        let lines = [shape.text(), Shape { version: "3".to_owned(), ..Shape::good() }.text()]
            .map(|text| seal(ROOT_TYPE, &text, &[("root-1", id("root-1"))]));
        let chain = [&roots["one.json"][..], lines[0].as_bytes(), lines[1].as_bytes()];
        Recipe { root_version: 3, ..Recipe::of(&chain, vec![hello()]) }
    };
    let asks = |policy: &str| {
        let policy = format!(r#"{{"expiry":"refuse","approvals":{policy}}}"#);
        then_good(&move |root: &mut Shape| root.policy = policy.clone())
    };
    vec![
        good("ok-root-with-approver", "version 2 has four keys and three roles", with(&|_| ())),
        good(
            "ok-root-a-day-ahead",
            "version 2 was made exactly a day after now",
            with(&|root| root.created = "2026-11-23T06:00:00Z".to_owned()),
        ),
        bad(
            "root-made-tomorrow",
            "J17",
            "trust.future",
            "version 2 was made a day and a second after now",
            with(&|root| root.created = "2026-11-23T06:00:01Z".to_owned()),
        ),
        weak("root-key-off-the-curve", "a key that is no point of the curve", two),
        weak("root-key-of-small-order", "a key that is the neutral element", one),
        weak(
            "root-key-with-a-small-component",
            "a key with a component of order 8",
            hex("40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f"),
        ),
        weak("root-key-not-canonical", "a key whose y is 3 plus the prime", three_and_p),
        bad(
            "root-key-of-31-bytes",
            "S30",
            "trust.root",
            "a key of 31 bytes, which would be a good one with a zero byte behind them",
            with(&|root| {
                root.add_key(&[19; 31], "short");
            }),
        ),
        bad("root-257-keys", "S24", "trust.limit", "257 keys", many),
        bad(
            "root-257-versions",
            "S24",
            "trust.limit",
            "257 trust roots",
            chain(roots, 257, Shape::good().revoked.as_str()),
        ),
        bad(
            "root-chain-of-a-limit",
            "S24",
            "bundle.limit",
            "trust roots of more than 4 MiB",
            chain_above_the_limit(roots),
        ),
        form("root-conditions-empty", "a list of conditions with none in it", asks(r#"{"conditions":[]}"#)),
        bad(
            "root-conditions-order",
            "S30",
            "trust.root",
            "conditions in another order",
            asks(r#"{"conditions":["b","a"]}"#),
        ),
        form(
            "root-revokes-an-object",
            "an object in the place of an array",
            with(&|root| {
                root.revoked = r#"{"keys":{},"statements":[]}"#.to_owned();
            }),
        ),
        rule("root-key-with-another-id", "an id that is not that of its key", &|root| {
            let (id, line) = listed(key("stranger").public().bytes(), "stranger");
            let other = "0".repeat(64);
            root.keys.insert(0, (other.clone(), line.replace(&id, &other)));
        }),
        rule("root-keys-order", "keys in another order than that of their ids", &|root| root.keys.swap(0, 1)),
        rule("root-two-keys-of-one-name", "two keys of one name", &|root| {
            root.add_key(key("stranger").public().bytes(), "packer-1");
        }),
        bad(
            "root-key-of-another-type",
            "S31",
            "trust.root",
            "a key of a type that version 1 does not have",
            edited(r#""type":"ed25519""#, r#""type":"ed448""#),
        ),
        rule("root-expires-before-it-was-made", "it expires at the second it was made", &|root| {
            root.created = "2026-11-23T00:00:00Z".to_owned();
            root.expires = r#""expires":"2026-11-23T00:00:00Z","#.to_owned();
        }),
        rule("root-revoked-keys-order", "revoked keys in another order", &|root| {
            root.revoked =
                format!(r#"{{"keys":["{}","{}"],"statements":[]}}"#, "b".repeat(64), "a".repeat(64));
        }),
        rule("root-revoked-statement-twice", "a statement revoked twice", &|root| {
            let digest = format!("sha256:{}", "a".repeat(64));
            root.revoked = format!(r#"{{"keys":[],"statements":["{digest}","{digest}"]}}"#);
        }),
        rule("root-revokes-a-listed-key", "a key is listed and revoked", &|root| {
            root.revoked = format!(r#"{{"keys":["{}"],"statements":[]}}"#, id("packer-1"));
        }),
        rule("root-threshold-0", "a threshold of 0", &|root| {
            root.roles[2] = role("approver", 0, &[id("packer-3")]);
        }),
        rule("root-threshold-too-high", "a threshold above the number of keys", &|root| {
            root.roles[2] = role("approver", 2, &[id("packer-3")]);
        }),
        rule("root-role-keys-order", "keys of a role in another order", &|root| {
            let mut keys = sorted(&["packer-1", "packer-2"]);
            keys.reverse();
            root.roles[1] = role("packer", 1, &keys);
        }),
        rule("root-role-of-an-unknown-key", "a role names a key that is not listed", &|root| {
            root.roles[2] = role("approver", 1, &[id("stranger")]);
        }),
        rule("root-scenarios-order", "scenarios of a role in another order", &|root| {
            let entry = role("approver", 1, &[id("packer-3")]);
            root.roles[2] = entry.replace("]}", r#"],"scenarios":["b","a"]}"#);
        }),
        form(
            "root-scenarios-empty",
            "a role for no scenario",
            with(&|root| {
                let entry = role("approver", 1, &[id("packer-3")]);
                root.roles[2] = entry.replace("]}", r#"],"scenarios":[]}"#);
            }),
        ),
        rule("root-roles-order", "the approver stands before the packer", &|root| root.roles.swap(1, 2)),
        rule("root-two-entries-for-a-scenario", "two entries name one scenario", &|root| {
            let entry = role("approver", 1, &[id("packer-3")]);
            root.roles.push(entry.replace("]}", r#"],"scenarios":["a"]}"#));
            root.roles.push(entry.replace("]}", r#"],"scenarios":["a","b"]}"#));
        }),
        rule("root-second-root-role", "a second entry for the role root", &|root| {
            let entry = role("root", 1, &[id("root-1")]);
            root.roles.insert(1, entry.replace("]}", r#"],"scenarios":["a"]}"#));
        }),
        bad(
            "root-without-packer",
            "S30",
            "trust.root",
            "version 2 has no packer, and version 3 has one again",
            then_good(&|root| drop(root.roles.remove(1))),
        ),
        rule("root-packs-and-approves", "a key that may pack and approve", &|root| {
            root.roles[2] = role("approver", 1, &[id("packer-1")]);
        }),
        bad(
            "root-approvals-without-approver",
            "S30",
            "trust.root",
            "version 2 asks for approvals and has no approver; version 3 does not ask",
            then_good(&|root| {
                root.roles.remove(2);
                root.policy = r#"{"expiry":"refuse","approvals":{}}"#.to_owned();
            }),
        ),
        bad(
            "root-type-of-version-2",
            "J06",
            "trust.root",
            "the document calls itself version 2 of a trust root",
            edited("sealift.dev/root/v1", "sealift.dev/root/v2"),
        ),
        form(
            "root-unknown-key",
            "a key that this format does not have",
            edited(r#""epoch""#, r#""note":1,"epoch""#),
        ),
        form("root-unknown-policy", "a policy that there is not", edited(r#""refuse""#, r#""ignore""#)),
        form(
            "root-unknown-role",
            "a role that there is not",
            edited(r#""role":"approver""#, r#""role":"auditor""#),
        ),
        form("root-year-0000", "a time in the year 0000", edited("2026-01-01", "0000-01-01")),
        form(
            "root-year-9999",
            "a time in the year 9999",
            edited(r#""keys""#, r#""expires":"9999-12-31T23:59:59Z","keys""#),
        ),
        form("root-leap-second", "the second 60", edited("2026-01-01T00:00:00Z", "2026-06-30T23:59:60Z")),
        form("root-lower-case-time", "`t` and `z`", edited("2026-01-01T00:00:00Z", "2026-01-01t00:00:00z")),
        rule("root-epoch-0", "epochs begin with 1", &|root| root.epoch = "0".to_owned()),
    ]
}

fn approval_cases(roots: &BTreeMap<&'static str, Vec<u8>>) -> Vec<Case> {
    let plain = || Recipe::of(&[&roots["approved.json"]], vec![hello()]);
    let statement = Digest::of(plain().unsealed().0.as_bytes()).to_string();
    let text = |approved: &str, conditions: &str, more: &str| {
        format!(
            r#"{{"_type":"https://sealift.dev/approval/v1","statement":"{statement}","scenario":"air-gapped","approved":"{approved}","conditions":{conditions}{more}}}"#
        )
    };
    let right = || text("2026-11-20T00:00:00Z", r#"["scan"]"#, "");
    let signed = |text: &str, name: &'static str| seal(APPROVAL_TYPE, text, &[(name, id(name))]) + "\n";
    let by = |first: &str, second: &str| signed(first, "packer-2") + &signed(second, "packer-3");
    let judged = |name, expect, comment, file: String| Case {
        approvals: Some(file.into_bytes()),
        root: "approved.json",
        ..bad(name, "-", expect, comment, plain())
    };
    let aside =
        |name, comment, second: String| judged(name, "trust.unapproved", comment, by(&right(), &second));
    let refused =
        |name, comment, second: String| judged(name, "trust.format", comment, by(&right(), &second));
    let flipped = {
        let mut line = signed(&right(), "packer-3");
        let at = line.find(r#""sig":""#).unwrap() + 10;
        let other = if &line[at..=at] == "A" { "B" } else { "A" };
        line.replace_range(at..=at, other);
        line
    };
    vec![
        judged("ok-approved", "ok", "two approvers state what the policy asks for", by(&right(), &right())),
        judged(
            "ok-approved-with-more",
            "ok",
            "one states more, one gives a reason, and a stranger's approval, which is not JSON, is set aside",
            by(
                &text("2026-10-23T06:00:01Z", r#"["read","scan"]"#, ""),
                &text("2026-11-22T06:00:00Z", r#"["scan"]"#, r#","out_of_order":"why""#),
            ) + &signed("no JSON", "stranger"),
        ),
        judged(
            "ok-approved-again",
            "ok",
            "an approver takes the place of what it said before, which had no condition",
            signed(&text("2026-11-20T00:00:00Z", "[]", ""), "packer-2") + &by(&right(), &right()),
        ),
        judged("approval-missing", "trust.unapproved", "no approvals", String::new()),
        judged("approval-of-one", "trust.unapproved", "one approver of two", signed(&right(), "packer-2")),
        judged(
            "approval-of-one-twice",
            "trust.unapproved",
            "one approver, twice",
            signed(&right(), "packer-2")
                + &signed(&text("2026-11-21T00:00:00Z", r#"["scan"]"#, ""), "packer-2"),
        ),
        judged(
            "approval-of-a-packer",
            "trust.unapproved",
            "the second approval is by the packer",
            signed(&right(), "packer-2") + &signed(&right(), "packer-1"),
        ),
        aside(
            "approval-of-another-bundle",
            "another statement",
            right().replace(&statement[7..17], "0000000000"),
        ),
        aside("approval-for-another-scenario", "another scenario", right().replace("air-gapped", "ddil")),
        aside("approval-without-condition", "a condition is missing", text("2026-11-20T00:00:00Z", "[]", "")),
        aside("approval-too-old", "30 days old", text("2026-10-23T06:00:00Z", r#"["scan"]"#, "")),
        aside(
            "approval-later-than-now",
            "a second later than now",
            text("2026-11-22T06:00:01Z", r#"["scan"]"#, ""),
        ),
        judged(
            "approval-tampered",
            "trust.tampered",
            "a signature under an approver's id that it did not make",
            signed(&right(), "packer-2") + &flipped,
        ),
        refused("approval-space", "a payload with white space", right().replace(":\"air", ": \"air")),
        refused(
            "approval-conditions-order",
            "conditions in another order",
            text("2026-11-20T00:00:00Z", r#"["scan","read"]"#, ""),
        ),
        refused(
            "approval-reason-of-spaces",
            "a reason of white space",
            text("2026-11-20T00:00:00Z", r#"["scan"]"#, r#","out_of_order":"  ""#),
        ),
        refused(
            "approval-reason-hidden",
            "a reason with a character that cannot be seen",
            text("2026-11-20T00:00:00Z", r#"["scan"]"#, ",\"out_of_order\":\"urgent\u{200b}\""),
        ),
        refused(
            "approval-of-a-later-version",
            "version 2 of an approval",
            right().replace("approval/v1", "approval/v2"),
        ),
        judged(
            "approval-of-another-type",
            "trust.signature",
            "a trust root in the place of an approval",
            by(&right(), &right()) + &seal(ROOT_TYPE, &right(), &[("packer-2", id("packer-2"))]) + "\n",
        ),
        judged(
            "approval-33-lines",
            "trust.limit",
            "33 approvals",
            by(&right(), &right()) + &signed(&right(), "stranger").repeat(31),
        ),
    ]
}
