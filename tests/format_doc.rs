//! What FORMAT.md shows is what the code does: the table of limits, and every example.

use crate::vector_writer::raw_frame;
use sealift::bundle::entry::{Entry, Node};
use sealift::bundle::tree;
use sealift::value::limits::Limits;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;

const FORMAT: &str = include_str!("../src/bundle/FORMAT.md");
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
    let rows = FORMAT.lines().skip_while(|line| *line != "| limit | ceiling | of what |").skip(2);
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
    assert_eq!(values, expected);
    // Keys stand in the order in which they are stored; `Value` has forgotten it.
    let stored = [root, member("seal/statement.json"), member("index.json"), doc];
    for (shown, stored) in shown[1..].iter().zip(stored) {
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
        node: Node::File { size: 1, sha256: sealift::value::digest::Digest::of(b"a"), executable: false },
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
            assert_eq!(shown, sealift::value::digest::hex(&bytes[at..at + 16]), "{line}");
        }
    }
}
