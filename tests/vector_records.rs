//! Vectors of receipts and journals (SITE.md, 16.3 and 17): one fault each, and those in which nothing is wrong.
//!
//! A receipt is signed after it was broken, and a line of a journal hashed after it was broken, so nothing but the named
//! rule can refuse it.

use crate::vector_writer::{base64, id, key, seal};
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::value::digest::Digest;

#[derive(Clone)]
/// A vector of something that is not a bundle.
pub struct Record {
    pub name: &'static str,
    pub kind: &'static str,
    pub expect: &'static str,
    pub depth: &'static str,
    pub comment: &'static str,
    /// Lines of the header, between `comment` and `compressed`.
    pub beside: String,
    pub bytes: Vec<u8>,
    /// The encrypted file that belongs to it, where no other vector has the same one.
    pub encrypted: Option<Vec<u8>>,
}

pub fn change(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

const RECEIPT_TYPE: &str = "application/vnd.sealift.receipt.v1+json";
/// The site signs with this key.
const SITE: &str = "stranger";

const BUNDLE: &str = r#"{"epoch":1,"sequence":7,"statement":"sha256:fc1e45c606af0e3dc7cd324375da5544a5b105e9668c05995a0a42a6228f5b5d"}"#;
const UNDER: &str = r#"{"root_version":1,"root":"sha256:d62ea82d5fb1d8dbe0b345b325c28c24d4e450b2bf71ff612b4092b59b744e52","policy":{"expiry":"refuse"}}"#;
const ASKING: &str = r#"{"root_version":1,"root":"sha256:d62ea82d5fb1d8dbe0b345b325c28c24d4e450b2bf71ff612b4092b59b744e52","policy":{"expiry":"warn","approvals":{"max_age_days":0,"conditions":["b","a"]}}}"#;

/// A receipt with all keys that may be there.
fn full() -> String {
    let (list, head) = (Digest::of(b"list"), Digest::of(b"line"));
    format!(
        r#"{{"_type":"https://sealift.dev/receipt/v1","site":"{}","name":"site","issued":"2026-11-22T06:00:01Z","outcome":"installed","scenario":"air-gapped","bundle":{BUNDLE},"time":"2026-11-22T06:00:00Z","out_of_order":"asked for","under":{UNDER},"current":"{}","entry":{{"entries":2,"digest":"{head}"}},"journal":{{"entries":9007199254740991,"digest":"{head}"}},"held":{{"blobs":3,"bytes":2628,"list":"{list}"}}}}"#,
        Digest::of(b"site"),
        Digest::of(b"statement"),
    )
}

/// A receipt without the keys that may be left out.
fn short() -> String {
    let text = full();
    let text = change(&text, r#""out_of_order":"asked for","#, "");
    let text = change(&text, &format!(r#""current":"{}","#, Digest::of(b"statement")), "");
    let held = text.find(r#","held""#).unwrap();
    change(&change(&format!("{}}}", &text[..held]), "installed", "drilled"), UNDER, ASKING)
}

fn receipt(name: &'static str, expect: &'static str, comment: &'static str, text: &str) -> Record {
    let beside = format!("key: {}\n", base64(key(SITE).public().bytes()));
    let bytes = text.as_bytes().to_vec();
    Record { name, kind: "receipt", expect, depth: "stored", comment, beside, bytes, encrypted: None }
}

pub fn receipts() -> Vec<Record> {
    let signed_by = |payload: &str, signers: &[(&str, String)]| seal(RECEIPT_TYPE, payload, signers);
    let sign = |payload: &str| signed_by(payload, &[(SITE, id(SITE))]);
    let form = |name, comment, from: &str, to: &str| {
        receipt(name, "trust.format", comment, &sign(&change(&full(), from, to)))
    };
    let (good, twice) = (sign(&full()), [(SITE, id(SITE)), (SITE, id(SITE))]);
    let payload = good.find(r#""payload":""#).unwrap() + 100;
    let other = if &good[payload..=payload] == "A" { "B" } else { "A" };
    let flipped = [&good[..payload], other, &good[payload + 1..]].concat();
    let request = seal("application/vnd.sealift.request.v1+json", &full(), &twice[..1]);
    let held = r#""held":{"blobs":3,"bytes":2628"#;
    vec![
        receipt(
            "ok-receipt",
            "ok",
            "a receipt with all keys, and a line break behind it",
            &(good.clone() + "\n"),
        ),
        receipt(
            "ok-receipt-short",
            "ok",
            "a receipt of a drill, with no key that may be left out",
            &sign(&short()),
        ),
        receipt(
            "receipt-of-another-key",
            "trust.signature",
            "another key than that of the site signed",
            &signed_by(&full(), &[("packer-1", id("packer-1"))]),
        ),
        receipt(
            "receipt-under-another-id",
            "trust.signature",
            "the site signed, under the id of another key",
            &signed_by(&full(), &[(SITE, id("packer-1"))]),
        ),
        receipt(
            "receipt-under-the-id-of-the-site",
            "trust.tampered",
            "another key signed, under the id of the site",
            &signed_by(&full(), &[("packer-1", id(SITE))]),
        ),
        receipt("receipt-payload-flipped", "trust.tampered", "one character of the payload", &flipped),
        receipt("receipt-unsigned", "trust.format", "no signature", &signed_by(&full(), &[])),
        receipt(
            "receipt-signed-twice",
            "trust.format",
            "the signature of the site, twice",
            &signed_by(&full(), &twice),
        ),
        receipt("receipt-of-another-type", "trust.signature", "well signed, as a request", &request),
        receipt(
            "receipt-relabelled",
            "trust.tampered",
            "signed as a request, then called a receipt",
            &change(&request, ".request.", ".receipt."),
        ),
        receipt(
            "receipt-two-line-breaks",
            "trust.format",
            "two line breaks behind it",
            &(good.clone() + "\n\n"),
        ),
        receipt("receipt-two", "trust.format", "a second receipt behind it", &format!("{good}\n{good}")),
        receipt(
            "receipt-envelope-space",
            "trust.format",
            "a space behind a colon of the envelope",
            &change(&good, r#""payload":"#, r#""payload": "#),
        ),
        form("receipt-space", "a space behind a colon of the payload", r#""name":"#, r#""name": "#),
        form("receipt-version", "another `_type`", "receipt/v1", "receipt/v2"),
        form("receipt-unknown-key", "a key that is not known", r#","held""#, r#","place":"here","held""#),
        form("receipt-key-missing", "no `time`", r#""time":"2026-11-22T06:00:00Z","#, ""),
        form("receipt-key-twice", "`name` twice", r#""name":"site""#, r#""name":"site","name":"site""#),
        form(
            "receipt-key-order",
            "`outcome` behind `scenario`",
            r#""outcome":"installed","scenario":"air-gapped""#,
            r#""scenario":"air-gapped","outcome":"installed""#,
        ),
        form("receipt-null", "`null` in the place of a reason", r#""asked for""#, "null"),
        form("receipt-reason-number", "a number in the place of a reason", r#""asked for""#, "7"),
        form("receipt-bundle-array", "an array in the place of a mark", BUNDLE, "[1,7]"),
        form("receipt-outcome", "an outcome that no receipt has", r#""installed""#, r#""switched""#),
        form("receipt-scenario", "a scenario that is not a name", "air-gapped", "Air-gapped"),
        form("receipt-time", "a leap second", "06:00:00Z", "06:00:60Z"),
        form("receipt-digest-bare", "a digest without `sha256:`", r#""list":"sha256:"#, r#""list":""#),
        form(
            "receipt-sequence-2-53",
            "a sequence above 2^53 - 1",
            r#""sequence":7"#,
            r#""sequence":9007199254740992"#,
        ),
        form("receipt-bytes-2-53", "bytes above 2^53 - 1", held, &held.replace("2628", "9007199254740992")),
        form(
            "receipt-entries-2-53",
            "entries above 2^53 - 1",
            r#""entries":2"#,
            r#""entries":9007199254740992"#,
        ),
        form("receipt-number-1-0", "a number with a fraction", r#""blobs":3"#, r#""blobs":3.0"#),
        form("receipt-policy", "a policy that no root has", r#""expiry":"refuse""#, r#""expiry":"never""#),
        form(
            "receipt-policy-conditions-empty",
            "a list of conditions with none in it",
            r#""expiry":"refuse""#,
            r#""expiry":"refuse","approvals":{"conditions":[]}"#,
        ),
    ]
}

/// What happened at a site, every act once, and what it then knew.
fn acts() -> Vec<String> {
    let digest = Digest::of(b"values");
    let (hex, scenario) = (digest.hex(), r#""scenario":"air-gapped""#);
    let (release, other) = ("1.0.0-fc1e45c606af", "1.1.0-0123456789ab");
    vec![
        r#"{"founded":{"compared":"ten words, by hand"}}"#.to_owned(),
        r#"{"accepting":{"added":["air-gapped"],"removed":["ddil"]}}"#.to_owned(),
        format!(
            r#"{{"installed":{{{scenario},"release":"{release}","bundle":{BUNDLE},"under":{UNDER},"signers":["packer"],"approvers":[],"out_of_order":"asked for","rendered":{{"parameters":"{digest}","values":{{"host":"a","port":""}},"count":1,"files":[{{"path":"server/a.conf","sha256":"{hex}"}}],"list":"{digest}"}}}}}}"#
        ),
        format!(
            r#"{{"installed":{{{scenario},"release":"{release}","bundle":{BUNDLE},"under":{ASKING},"signers":[],"approvers":["carol"]}}}}"#
        ),
        format!(r#"{{"switched":{{{scenario},"from":"{release}","to":"{other}","out_of_order":"again"}}}}"#),
        format!(r#"{{"pruned":{{{scenario},"releases":["{other}"]}}}}"#),
        format!(
            r#"{{"repaired":{{{scenario},"from":"{release}","to":"{release}-r","bundle":{BUNDLE},"under":{UNDER},"differences":2}}}}"#
        ),
        r#"{"trusted":{"recovery":""}}"#.to_owned(),
        r#"{"trusted":{}}"#.to_owned(),
        r#"{"recovered":{"reason":"the disk was lost"}}"#.to_owned(),
        format!(r#"{{"drilled":{{{scenario},"bundle":{BUNDLE},"under":{UNDER}}}}}"#),
        format!(
            r#"{{"refused":{{"code":"trust.revoked","message":"it is revoked","statement":"{digest}"}}}}"#
        ),
        r#"{"refused":{"code":"bundle.digest","message":""}}"#.to_owned(),
    ]
}

fn state() -> String {
    let digest = Digest::of(b"state");
    format!(
        r#"{{"site":"{digest}","name":"site","accepts":["air-gapped"],"keep":3,"key":"{}","root_version":1,"root":"{digest}","time_floor":"2026-11-22T05:00:00Z","scenarios":[{{"name":"air-gapped","highest":{BUNDLE},"current":"1.0.0-fc1e45c606af","releases":[{{"folder":"1.0.0-fc1e45c606af","bundle":"sample","version":"1.0.0","mark":{BUNDLE},"installed":"2026-11-22T06:00:00Z","files":1,"bytes":2646,"parameters":"{digest}","inventory":"{digest}"}}],"permits":["{digest}"]}}]}}"#,
        id(SITE),
    )
}

/// A journal with these acts; `edit` changes a line, by its number, before the next one is chained to it.
fn journal_of(acts: &[String], edit: impl Fn(usize, String) -> String) -> String {
    let mut journal = String::new();
    let mut previous = String::new();
    for (at, act) in acts.iter().enumerate() {
        let number = at + 1;
        let line = format!(
            r#"{{"number":{number},{previous}"time":"2026-11-22T06:00:00Z","act":{act},"state":{}}}"#,
            state()
        );
        let line = edit(number, line);
        previous = format!(r#""previous":"{}","#, Digest::of(line.as_bytes()));
        journal += &(line + "\n");
    }
    journal
}

fn journal(name: &'static str, comment: &'static str, text: &str) -> Record {
    let (expect, bytes) = ("site.journal", text.as_bytes().to_vec());
    let (depth, beside) = ("stored", String::new());
    Record { name, kind: "journal", expect, depth, comment, beside, bytes, encrypted: None }
}

pub fn journals() -> Vec<Record> {
    let acts = acts();
    let good = journal_of(&acts, |_, line| line);
    let few: Vec<String> = [&acts[0], &acts[2], &acts[5]].map(Clone::clone).to_vec();
    let short = journal_of(&few, |_, line| line);
    // The same change in line 2 of 3, and line 3 follows from what results.
    let second = |name, comment, from: &str, to: &str| {
        let edit = |number, line: String| if number == 2 { change(&line, from, to) } else { line };
        journal(name, comment, &journal_of(&few, edit))
    };
    let (lines, [one, two, three]) = split(&short);
    let padded = |len: usize| {
        let long = |fill: usize| format!(r#"{{"refused":{{"code":"a","message":"{}"}}}}"#, "x".repeat(fill));
        let text = |fill| journal_of(&[long(fill)], |_, line| line);
        text(len + 1 - text(0).len())
    };
    let ok = |name, comment, text: &str| Record { expect: "ok", ..journal(name, comment, text) };
    let bare = change(&state(), &format!(r#""key":"{}","#, id(SITE)), "");
    let bare = format!(r#"{}[]}}"#, &bare[..bare.find(r#"[{"name""#).unwrap()]);
    let mut cases = vec![
        ok("ok-journal", "every act", &good),
        ok(
            "ok-journal-founded",
            "one line, of a site without a key and with nothing installed",
            &change(&journal_of(&few[..1], |_, line| line), &state(), &bare),
        ),
        ok("ok-journal-line-of-the-limit", "a line of 4 MiB without its line break", &padded(4 << 20)),
        journal("journal-line-above-the-limit", "a line of 4 MiB and one byte", &padded((4 << 20) + 1)),
        journal("journal-empty", "no line", ""),
        journal("journal-last-line-break-missing", "the last line has no line break", lines),
        journal("journal-empty-line", "an empty line behind the last one", &format!("{short}\n")),
        journal(
            "journal-line-missing",
            "the second of three lines is left out",
            &format!("{one}\n{three}\n"),
        ),
        journal("journal-line-twice", "the last line stands there twice", &format!("{short}{three}\n")),
        journal(
            "journal-lines-swapped",
            "the last two lines are swapped",
            &format!("{one}\n{three}\n{two}\n"),
        ),
        journal("journal-first-line-missing", "the first line is left out", &format!("{two}\n{three}\n")),
        journal(
            "journal-line-changed",
            "the reason in line 2 is another one",
            &change(&short, "asked for", "asked For"),
        ),
        journal(
            "journal-line-changed-number",
            "line 3 follows from line 2 and says it is line 4",
            &change(&short, r#""number":3"#, r#""number":4"#),
        ),
        journal(
            "journal-previous-in-line-1",
            "line 1 names a line before it",
            &journal_of(&few[..1], |_, line| {
                change(&line, r#""time""#, &format!(r#""previous":"{}","time""#, Digest::of(b"")))
            }),
        ),
        second("journal-previous-missing", "line 2 names no line before it", &previous_of(two), ""),
        second(
            "journal-of-another-site",
            "line 2 is of another site",
            &Digest::of(b"state").to_string(),
            &Digest::of(b"other").to_string(),
        ),
        second("journal-space", "a space behind a colon", r#""act":"#, r#""act": "#),
        second(
            "journal-unknown-act",
            "an act that is not known",
            r#""installed":{"scenario""#,
            r#""fixed":{"scenario""#,
        ),
        second("journal-two-acts", "two acts in one line", r#""act":{"#, r#""act":{"trusted":{},"#),
        second(
            "journal-signers-text",
            "a text in the place of the signers",
            r#""signers":["packer"]"#,
            r#""signers":"packer""#,
        ),
        second("journal-act-key-missing", "an installation without its approvers", r#""approvers":[],"#, ""),
        second(
            "journal-unknown-key-of-a-state",
            "a key of the state that is not known",
            r#""keep":3"#,
            r#""keep":3,"keys":3"#,
        ),
        second(
            "journal-keep-2-32",
            "a number of releases above 2^32 - 1",
            r#""keep":3"#,
            r#""keep":4294967296"#,
        ),
        second(
            "journal-bytes-2-53",
            "bytes above 2^53 - 1",
            r#""bytes":2646"#,
            r#""bytes":9007199254740992"#,
        ),
        second("journal-permits-empty", "a list of permits with none in it", &permits(), r#","permits":[]"#),
        second(
            "journal-values-order",
            "values not in the order of their names",
            r#""host":"a","port":"""#,
            r#""port":"","host":"a""#,
        ),
        second("journal-value-name", "a value whose name is not one", r#""host":"#, r#""Host":"#),
        second(
            "journal-values-array",
            "an array in the place of the values",
            r#"{"host":"a","port":""}"#,
            "[]",
        ),
        second("journal-time", "a day that no calendar has", "2026-11-22T06:00:00Z", "2026-11-31T06:00:00Z"),
    ];
    let removed = few[..1].iter().cloned().chain([r#"{"accepting":{"added":[]}}"#.to_owned()]);
    let removed: Vec<_> = removed.collect();
    cases.push(journal(
        "journal-accepting-empty",
        "an empty list of scenarios in the place of none",
        &journal_of(&removed, |_, line| line),
    ));
    cases
}

fn permits() -> String {
    format!(r#","permits":["{}"]"#, Digest::of(b"state"))
}

/// `"previous":"...",` as it stands in a line.
fn previous_of(line: &str) -> String {
    let at = line.find(r#""previous""#).unwrap();
    let end = line.find(r#""time""#).unwrap();
    line[at..end].to_owned()
}

/// A journal of three lines without its last line break, and its lines.
fn split(journal: &str) -> (&str, [&str; 3]) {
    let lines = journal.strip_suffix('\n').unwrap();
    let parts: Vec<_> = lines.split('\n').collect();
    (lines, parts.try_into().unwrap())
}
