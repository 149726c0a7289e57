//! What FORMAT.md shows is what the code does: the table of limits, and every example.

use crate::vector_writer::raw_frame;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::tree;
use sealift_bundle::value::limits::Limits;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;

/// All documents of the format, in the order in which its examples are compared.
const FORMAT: &str = concat!(
    include_str!("../src/bundle/FORMAT.md"),
    include_str!("../src/bundle/POLICY.md"),
    include_str!("../src/bundle/SITE.md"),
    include_str!("../src/bundle/CARRIER.md"),
    include_str!("../src/bundle/WRITER.md"),
    include_str!("../src/bundle/RULES.md"),
);
const BUNDLE: &str = "tests/bundles/v1-0.1.0.sealift";

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let parts = FORMAT.split("\n```").enumerate().filter(|(number, _)| number % 2 == 1).map(|(_, part)| part);
    parts
        .filter_map(|part| part.split_once('\n'))
        .filter(|(tag, _)| *tag == language)
        .map(|(_, text)| text)
        .collect()
}

/// Members of the kept bundle, by name and in order.
fn members() -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(std::fs::File::open(BUNDLE).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn member(name: &str) -> Vec<u8> {
    members().into_iter().find(|(other, _)| other == name).unwrap().1
}

/// The blob that a descriptor names.
fn blob(descriptor: &Value) -> Vec<u8> {
    member(&descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/"))
}

#[test]
fn the_table_of_limits_is_the_type() {
    let rows = FORMAT.lines().skip_while(|line| *line != "| limit | value | of what |").skip(2);
    let table: BTreeMap<&str, u64> = rows
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`'), cells[2].parse().unwrap())
        })
        .collect();
    // The names of the fields are those of `Debug`, so that no field can be forgotten here.
    let code = format!("{:?}", Limits::v1());
    let fields = code.strip_prefix("Limits { ").unwrap().strip_suffix(" }").unwrap();
    let fields: BTreeMap<&str, u64> = fields
        .split(", ")
        .map(|field| field.split_once(": ").unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    assert_eq!(table, fields);
}

/// The table of rules in RULES.md: its vectors are there, and each gives one of the codes beside it.
#[test]
fn f_fmt_4_each_rule_has_its_code_and_its_vectors() {
    let cells = |line: &'static str| line.split(" | ").collect::<Vec<_>>();
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect::<Vec<_>>();
    let mut rules = std::collections::BTreeSet::new();
    for cells in FORMAT.lines().filter(|line| line.starts_with("| R-")).map(cells) {
        let [rule, _, codes, vectors] = cells[..] else { panic!("{cells:?}") };
        assert!(rules.insert(rule), "{rule} stands there twice");
        let stated = format!("[{}]", rule.trim_start_matches("| "));
        // The tables of SITE.md and CARRIER.md stand in the sections whose rules they list.
        let beside = ["| R-16", "| R-17", "| R-18"].iter().any(|section| rule.starts_with(section));
        assert!(beside || FORMAT.contains(&stated), "{stated} does not stand in the text");
        let section = rule.trim_start_matches("| R-").rsplit_once('-').unwrap().0;
        let heading = |hashes, end| FORMAT.contains(&format!("\n{hashes} {section}{end} "));
        assert!(heading("##", ".") || heading("###", ""), "{rule}: no such section");
        let mut found: Vec<String> = Vec::new();
        for vector in quoted(vectors) {
            let bytes = std::fs::read(format!("tests/vectors/{vector}.sealift-vector"));
            let bytes = bytes.unwrap_or_else(|error| panic!("{rule}: {vector}: {error}"));
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
            found.push(String::from_utf8(line.to_vec()).unwrap().replace("expect: ", ""));
        }
        found.sort();
        found.dedup();
        let mut codes = quoted(codes);
        codes.sort_unstable();
        assert_eq!(found, codes, "{rule}");
    }
    assert!(rules.len() > 70, "{rules:?}");
}

#[test]
fn the_listing_is_that_of_the_kept_bundle() {
    let listing = blocks("console")[0].lines().skip(1);
    let members = members();
    assert_eq!(listing.clone().count(), members.len());
    for (line, (name, content)) in listing.zip(members) {
        assert!(line.starts_with("-rw-r--r-- 0/0 "), "{line}");
        assert!(line.ends_with(&format!(" {} 1970-01-01 00:00 {name}", content.len())), "{line}");
    }
}

#[test]
fn the_documents_are_those_of_the_kept_bundle() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let shown = blocks("json");
    let values: Vec<Value> = shown.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let index = parse(&member("index.json"));
    let root = parse(&std::fs::read("tests/bundles/root.json").unwrap());
    let root = STANDARD.decode(root["payload"].as_str().unwrap()).unwrap();
    let mut seal = parse(&member("seal/bundle.dsse.json"));
    seal["payload"] = format!("{}...", &seal["payload"].as_str().unwrap()[..24]).into();
    let doc = blob(&index["manifests"][3]);
    let docker = parse(&member("manifest.json"));
    let expected = [seal, parse(&root), parse(&member("seal/statement.json")), index, parse(&doc), docker];
    let of_bundles: Vec<_> = values.into_iter().filter(|value| !is_of_a_site(value)).collect();
    assert_eq!(of_bundles, expected);
    // Keys stand in the order in which they are stored; `Value` has forgotten it.
    let stored = [root, member("seal/statement.json"), member("index.json"), doc];
    let shown = shown.iter().filter(|text| !is_of_a_site(&serde_json::from_str(text).unwrap()));
    for (shown, stored) in shown.skip(1).zip(stored) {
        let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(plain(shown), plain(std::str::from_utf8(&stored).unwrap()));
    }
    let inventory =
        zstd::decode_all(&blob(&parse(&blob(&parse(&member("index.json"))["manifests"][3]))["config"])[..])
            .unwrap();
    assert!(blocks("").contains(&std::str::from_utf8(&inventory).unwrap().trim_end()));
    let verify = include_str!("../src/bundle/VERIFY.txt");
    assert_eq!(blocks("text"), [verify.trim_end()]);
}

#[test]
fn the_dumps_are_bytes_of_the_format() {
    let header = std::fs::read(BUNDLE).unwrap()[..512].to_vec();
    let folder = Entry { path: "d".repeat(150).parse().unwrap(), node: Node::Dir };
    let mut stream = tree::head(&Entry {
        path: "a".parse().unwrap(),
        node: Node::File {
            size: 1,
            sha256: sealift_bundle::value::digest::Digest::of(b"a"),
            executable: false,
        },
    });
    stream.push(b'a');
    stream.resize(2048, 0);
    let dumps: Vec<&str> = blocks("").into_iter().filter(|text| text.starts_with("00000000: ")).collect();
    let bytes = [header, tree::head(&folder), raw_frame(&stream)];
    assert_eq!(dumps.len(), bytes.len());
    for (dump, bytes) in dumps.into_iter().zip(bytes) {
        for line in dump.lines().filter(|line| line.len() > 3) {
            let (at, rest) = line.split_once(": ").unwrap();
            let at = usize::from_str_radix(at, 16).unwrap();
            let shown: String = rest[..39].chars().filter(|c| *c != ' ').collect();
            assert_eq!(shown, sealift_bundle::value::digest::hex(&bytes[at..at + 16]), "{line}");
        }
    }
}

/// Whether a document is an approval or what a site writes: those have random ids and times, so their shape is compared.
fn is_of_a_site(value: &Value) -> bool {
    let kind = value["_type"].as_str().unwrap_or_default();
    let kinds =
        ["approval", "site", "receipt", "request"].map(|kind| format!("https://sealift.dev/{kind}/v1"));
    kinds.iter().any(|known| known == kind) || value.get("act").is_some()
}

/// Bytes of a text behind its first quote, the last one included.
fn text_len(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap() + 1
}

/// A document without white space, with `""` for every text and `0` for every number: its keys stay, in their order.
fn shape(text: &str) -> String {
    let (mut shape, mut rest) = (String::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' => 1 + text_len(&rest[1..]),
            '0'..='9' => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            _ => 1,
        };
        let (token, behind) = rest.split_at(len);
        rest = behind.trim_start();
        shape += match first {
            '"' if !rest.starts_with(':') => "\"\"",
            '0'..='9' => "0",
            _ => token,
        };
    }
    shape
}

#[test]
fn a_site_writes_documents_of_the_shape_that_is_shown() {
    let shop = crate::site::shop();
    let payload = |file: &str| format!("jq -r .payload {file} | base64 -d");
    let made = crate::site::done(
        &shop,
        &format!(
            "approve() {{ sealift approve -q $1 --trust root.json --key carol.key --passphrase-fd 0 \"${{@:2}}\" <<<pw >&2; }}
             sign() {{ sealift $1 new -q site --key site.key --passphrase-fd 0 <<<pw >&2; }}
             approve sample-1.0.0.sealift --condition malware-scan
             sealift install -q site sample-1.0.0.sealift >&2; sign receipt; sign request
             approve sample-1.1.0.sealift --condition malware-scan --out-of-order reason
             {}; echo; cat site/state.json; echo; sed -n 2p site/journal.jsonl; {}; echo
             {} | jq -c '.blobs |= .[:1]'",
            payload("sample-1.1.0.sealift.approvals"),
            payload("receipt.json"),
            payload("request.json"),
        ),
    );
    let shown: Vec<_> = blocks("json")
        .into_iter()
        .filter(|text| is_of_a_site(&serde_json::from_str(text).unwrap()))
        .map(shape)
        .collect();
    let made: Vec<_> = made.out.lines().map(shape).collect();
    assert_eq!(shown, made);
}

#[test]
fn a_second_reader_judges_approvals_alike() {
    let shop = crate::site::shop();
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second_reader.py");
    crate::site::done(
        &shop,
        r#"for name in dan eve; do sealift key new -q $name --passphrase-fd 0 <<<pw; done
        change() { sealift trust -q "$@" --key root.key --passphrase-fd 0 <<<pw; }
        change add-key root.json dan.pub --role approver --threshold 2 -o lax.json
        change set lax.json --require-approvals --approval-condition scan --approval-max-age-days 90 -o strict.json
        change add-key root.json eve.pub --role approver -o eve.json
        approve() { # file key bundle root arguments
            : > $1; sealift approve -q $3 --trust $4.json --key $2.key --approvals $1 --passphrase-fd 0 "${@:5}" <<<pw; }
        zero=sample-1.0.0.sealift one=sample-1.1.0.sealift
        for who in carol dan; do
            approve ${who}0 $who $zero strict --condition scan --condition read
            approve permit-$who $who $zero strict --condition scan --out-of-order why
        done
        approve dan1 dan $one strict --condition scan; approve bare dan $zero lax; approve stranger eve $zero eve
        : > none; cat carol0 carol0 > twice; cat carol0 dan0 > both; cat carol0 bare > bare-one; cat carol0 dan1 > other
        cat stranger both > three; cat carol0 permit-dan > half; cat permit-carol permit-dan > permit
        cat dan0 bare carol0 > replaced; sed 's/"sig":"A/"sig":"B/; t; s/"sig":"./"sig":"A/' both > forged
        sed 's/.","signatures/A&/' both > spoiled"#,
    );
    let verified = ["both", "half", "permit", "three"];
    for case in ["none", "carol0", "twice", "bare-one", "other", "replaced", "forged", "spoiled"]
        .iter()
        .chain(&verified)
    {
        let bundle = "sample-1.0.0.sealift";
        let ours = shop.run(&format!("sealift verify -q {bundle} --trust strict.json --approvals {case}"));
        let now = "$(date -u +%Y-%m-%dT%H:%M:%SZ)";
        let theirs = shop.done(&format!("python3 {reader} {bundle} strict.json {now} {case}")).out;
        assert_eq!(ours.code == Some(0), verified.contains(case), "{case}: {}", ours.shown());
        assert_eq!(ours.code == Some(0), theirs.starts_with("ok"), "{case}: {theirs}");
        assert_eq!(theirs.contains("out of order"), *case == "permit", "{case}: {theirs}");
        let late = shop
            .done(&format!(
                "python3 {reader} {bundle} strict.json $(date -u -d '90 days' +%Y-%m-%dT%H:%M:%SZ) {case}"
            ))
            .out;
        assert!(late.starts_with("refused"), "{case}: {late}");
        let lax = shop.done(&format!("python3 {reader} {bundle} lax.json {now} {case}")).out;
        let ours = shop.run(&format!("sealift verify -q {bundle} --trust lax.json --approvals {case}"));
        assert_eq!(ours.code == Some(0), lax.starts_with("ok"), "{case}: {lax}\n{}", ours.shown());
    }
}

#[test]
fn a_second_reader_keeps_the_rules_of_approval_policies() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sealift_bundle::trust::chain::PinnedRoot;
    use sealift_bundle::trust::envelope::{Envelope, PayloadType};
    use sealift_bundle::trust::key::Signer as _;
    // Packer 2 packs, packer 1 for one scenario alone, packer 3 approves.
    let root: Value =
        serde_json::from_slice(&std::fs::read("tests/vectors/roots/limited.json").unwrap()).unwrap();
    let payload = String::from_utf8(STANDARD.decode(root["payload"].as_str().unwrap()).unwrap()).unwrap();
    let with = |approvals: &str| {
        let policy = format!(r#""policy":{{"expiry":"refuse","approvals":{approvals}}}"#);
        let changed = payload.replace(r#""policy":{"expiry":"refuse"}"#, &policy);
        assert_ne!(changed, payload);
        changed
    };
    let approver = payload.find(r#",{"role":"approver""#).unwrap();
    let behind = payload.find(r#"],"revoked""#).unwrap();
    let entry = payload[approver..behind].to_owned();
    let packer_1 = crate::vector_writer::key("packer-1").public().id().to_string();
    let packer_3 = crate::vector_writer::key("packer-3").public().id().to_string();
    let both = entry.replace(&packer_3, &packer_1);
    assert_ne!(both, entry);
    let cases = [
        (true, payload.clone()),
        (false, payload.replace(&entry, &both)),
        (true, with("{}")),
        (true, with(r#"{"max_age_days":1}"#)),
        (true, with(r#"{"max_age_days":4294967295,"conditions":["a","b"]}"#)),
        (true, with(r#"{"conditions":["a"]}"#)),
        (false, with("{}").replace(&entry, "")),
        (false, with("{}").replace(&entry, &both)),
        (false, with("null")),
        (false, with("[]")),
        (false, with("true")),
        (false, with(r#"{"max_age_days":0}"#)),
        (false, with(r#"{"max_age_days":4294967296}"#)),
        (false, with(r#"{"max_age_days":1.0}"#)),
        (false, with(r#"{"max_age_days":null}"#)),
        (false, with(r#"{"max_age_days":true}"#)),
        (false, with(r#"{"conditions":[]}"#)),
        (false, with(r#"{"conditions":["b","a"]}"#)),
        (false, with(r#"{"conditions":["a","a"]}"#)),
        (false, with(r#"{"conditions":["A"]}"#)),
        (false, with(r#"{"conditions":"a"}"#)),
        (false, with(r#"{"conditions":["a"],"max_age_days":1}"#)),
        (false, with(r#"{"threshold":1}"#)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut reader = std::process::Command::new("python3");
    reader.env("PYTHONDONTWRITEBYTECODE", "1").current_dir("tests").args([
        "-c",
        "import sys, second_reader as reader
for path in sys.argv[1:]:
    try:
        reader.open_root(open(path, 'rb').read())
        print('ok')
    except reader.Refused as why:
        print('refused:', why)",
    ]);
    for (at, (_, payload)) in cases.iter().enumerate() {
        let signer = crate::vector_writer::key("root-1");
        let envelope = Envelope::sign(PayloadType::Root, payload.clone().into_bytes(), &[signer]).unwrap();
        let path = folder.path().join(at.to_string());
        std::fs::write(&path, envelope.encode().unwrap()).unwrap();
        reader.arg(path);
    }
    let output = reader.output().unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), cases.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for (at, ((good, payload), theirs)) in cases.iter().zip(theirs.lines()).enumerate() {
        let bytes = std::fs::read(folder.path().join(at.to_string())).unwrap();
        let ours = PinnedRoot::parse(&bytes, &Limits::v1());
        assert_eq!(ours.is_ok(), *good, "{payload}\n{ours:?}");
        assert_eq!(theirs == "ok", *good, "{payload}\n{theirs}");
    }
}
