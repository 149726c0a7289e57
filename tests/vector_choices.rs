//! Vectors about what a bundle was made for, what a site has to add, and what items say about themselves.

use crate::support::Put;
use crate::vector_cases::{Case, bad, docs, good, hello};
use crate::vector_writer::{Item, Recipe, Tree};

const CHOICE: &str = r#""variant":"kubernetes","features":["calls","push"],"without":["recording","search"]"#;
const PARAMETERS: &str = r#"{"name":"a-host","description":"an address","format":"host","default":"::1"},{"name":"b-registry","description":"where images are","format":"registry","default":"[::1]:5000/mirror/hub"},{"name":"c-url","description":"where people go","format":"url","default":"http://127.0.0.1:8065/a?b=c"},{"name":"d-number","description":"a port","format":"number","default":"8065"},{"name":"e-path","description":"a folder","format":"path","default":"/srv/data"},{"name":"f-email","description":"who helps","format":"email","default":"help+x@site.example"},{"name":"g-word","description":"a region","format":"word","default":"us-gov_1.a"},{"name":"h-text","description":"words, also beyond ASCII: é","format":"text","default":"Süd, 2. Etage"},{"name":"i-choice","description":"one of two","format":"choice","choices":["one","or two"],"default":"or two"},{"name":"j-asked","description":"the site has to say it","format":"choice","choices":["b","a"]}"#;
const SECRETS: &str = r#"{"name":"licence","description":"from the portal"},{"name":"tokens","description":"made at the site"}"#;

/// A bundle whose statement also has these keys, behind `created`.
fn saying(items: Vec<Item>, of: &dyn Fn(Vec<Item>) -> Recipe, keys: String) -> Recipe {
    of(items).statement(move |text| {
        assert!(text.contains(r#","root_version""#));
        *text = text.replacen(r#","root_version""#, &format!(r#",{keys},"root_version""#), 1);
    })
}

/// The same index with more annotations of one item: before its kind, and behind its origin.
fn noting(text: &mut String, item: (&str, &str), before: &str, behind: &str) {
    let (kind, name) = item;
    let plain = format!(
        r#""dev.sealift.item.kind":"{kind}","dev.sealift.item.name":"{name}","dev.sealift.item.origin":"vectors""#
    );
    assert!(text.contains(&plain), "{plain}");
    *text = text.replacen(&plain, &format!("{before}{plain}{behind}"), 1);
}

fn tool() -> Item {
    Item::Tree(Tree::new("tool", "file", &[("run", Put::Program(b"#!/bin/sh\n"))]))
}

fn settings() -> Item {
    Item::Tree(Tree::new("settings", "config", &[("app.conf", Put::File(b"port = {{ d_number }}\n"))]))
}

pub fn cases(of: &dyn Fn(Vec<Item>) -> Recipe) -> Vec<Case> {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let withheld = format!(r#""audience":"partner-a","withheld":["{}","{}"]"#, digest("0"), digest("f"));
    let whole = format!(
        r#""selection":{{{CHOICE},{withheld}}},"needs":{{"parameters":[{PARAMETERS}],"secrets":[{SECRETS}]}}"#
    );
    let items = vec![hello(), Item::Tree(docs()), settings(), tool()];
    let mut cases = vec![good(
        "ok-made-for-somebody",
        "a variant, features, an audience and what is withheld from it, parameters of every format, secrets, and items with all annotations",
        saying(items, of, whole).index(|text| {
            let first = r#""dev.sealift.item.audience":"partner-a","#;
            noting(text, ("image", "hello"), first, r#","dev.sealift.item.priority":"0""#);
            let reference = r#""org.opencontainers.image.ref.name":"registry.example.com/tools/hello:1""#;
            assert!(text.contains(reference));
            let version = format!(r#"{reference},"org.opencontainers.image.version":"1.0""#);
            *text = text.replacen(reference, &version, 1);
            noting(text, ("doc", "docs"), r#""dev.sealift.item.audience":"","#, "");
            let template = r#","dev.sealift.item.template":"true""#;
            noting(text, ("config", "settings"), r#""dev.sealift.item.audience":"partner-a,partner-b","#, template);
            let kind = r#""dev.sealift.item.file-kind":"tool","#;
            let behind = r#","dev.sealift.item.priority":"99","org.opencontainers.image.licenses":"MIT","org.opencontainers.image.version":"any text""#;
            noting(text, ("file", "tool"), kind, behind);
        }),
    )];
    let many: Vec<_> = (0..4097).map(|number| format!(r#""f{number:04}""#)).collect();
    let many = format!(r#""features":[{}]"#, many.join(","));
    let turned = format!(r#""audience":"a","withheld":["{}","{}"]"#, digest("f"), digest("0"));
    let twice = format!(r#""audience":"a","withheld":["{}","{}"]"#, digest("0"), digest("0"));
    let nobody = format!(r#""withheld":["{}"]"#, digest("0"));
    let selections = [
        ("selection-empty", "J07", "a selection that says nothing", ""),
        ("selection-list-empty", "J07", "a list of features with nothing in it", r#""features":[]"#),
        ("selection-unknown-key", "J05", "a key that this format does not have", r#""note":"x""#),
        ("selection-key-order", "J07", "two keys in another order", r#""features":["a"],"variant":"b""#),
        ("selection-variant", "-", "a variant that is not a name", r#""variant":"Linux""#),
        ("selection-features-order", "-", "features out of order", r#""features":["b","a"]"#),
        ("selection-features-twice", "-", "a feature twice", r#""features":["a","a"]"#),
        ("selection-without-order", "-", "what was left out, out of order", r#""without":["b","a"]"#),
        ("selection-chosen-and-left-out", "-", "a feature is both", r#""features":["a"],"without":["a"]"#),
        ("selection-withheld-order", "-", "what is withheld, out of order", &turned),
        ("selection-withheld-twice", "-", "one digest is withheld twice", &twice),
        ("selection-withheld-from-nobody", "-", "something is withheld, and no audience is named", &nobody),
        ("selection-of-a-limit", "J23", "one feature more than a bundle may have items", &many),
    ];
    for (name, case, comment, keys) in selections {
        let recipe = saying(vec![tool()], of, format!(r#""selection":{{{keys}}}"#));
        cases.push(bad(name, case, "bundle.format", comment, recipe));
    }
    let parameter = |rest: &str| format!(r#""parameters":[{{"name":"a","description":"b",{rest}}}]"#);
    let described = |text: &str| format!(r#""secrets":[{{"name":"a","description":"{text}"}}]"#);
    let two = |list: &str, rest: &str| {
        let one = |name| format!(r#"{{"name":"{name}","description":"c"{rest}}}"#);
        format!(r#""{list}":[{},{}]"#, one("b"), one("a"))
    };
    let needs = [
        ("needs-empty", "J07", "needs that say nothing", String::new()),
        ("needs-list-empty", "J07", "a list of secrets with nothing in it", r#""secrets":[]"#.to_owned()),
        (
            "needs-unknown-key",
            "J05",
            "a parameter with a key more",
            parameter(r#""format":"word","note":"x""#),
        ),
        ("needs-parameters-order", "-", "parameters out of order", two("parameters", r#","format":"word""#)),
        (
            "needs-parameters-twice",
            "-",
            "a parameter twice",
            two("parameters", r#","format":"word""#).replace(r#""b""#, r#""a""#),
        ),
        ("needs-secrets-order", "-", "secrets out of order", two("secrets", "")),
        ("needs-format", "J05", "a format that there is not", parameter(r#""format":"regex""#)),
        ("needs-choice-without-choices", "-", "a choice of nothing", parameter(r#""format":"choice""#)),
        (
            "needs-choices-of-a-word",
            "-",
            "a word with choices",
            parameter(r#""format":"word","choices":["a"]"#),
        ),
        (
            "needs-choice-with-a-quote",
            "J20",
            "a choice that could leave its place in a configuration",
            parameter(r#""format":"choice","choices":["it's"]"#),
        ),
        (
            "needs-default-host",
            "J20",
            "a host with a hyphen at its end",
            parameter(r#""format":"host","default":"a-""#),
        ),
        (
            "needs-default-registry",
            "J20",
            "a registry with a tag",
            parameter(r#""format":"registry","default":"r.example/a:1""#),
        ),
        (
            "needs-default-url",
            "J20",
            "an address of another scheme",
            parameter(r#""format":"url","default":"file:///etc""#),
        ),
        (
            "needs-default-number",
            "J20",
            "a number below nothing",
            parameter(r#""format":"number","default":"-1""#),
        ),
        (
            "needs-default-path",
            "J20",
            "a path that leads up",
            parameter(r#""format":"path","default":"/a/../b""#),
        ),
        (
            "needs-default-email",
            "J20",
            "a mail address without a user",
            parameter(r#""format":"email","default":"@b.example""#),
        ),
        ("needs-default-word", "J20", "two words", parameter(r#""format":"word","default":"a b""#)),
        ("needs-default-text", "J20", "a text with a brace", parameter(r#""format":"text","default":"{a""#)),
        (
            "needs-default-choice",
            "J20",
            "none of the choices",
            parameter(r#""format":"choice","choices":["a"],"default":"b""#),
        ),
        (
            "needs-default-too-long",
            "J23",
            "256 characters",
            parameter(&format!(r#""format":"word","default":"{}""#, "a".repeat(256))),
        ),
        ("needs-description-empty", "-", "a secret without a description", described("")),
        ("needs-description-too-long", "J23", "a description of 501 bytes", described(&"a".repeat(501))),
        (
            "needs-description-hides",
            "J24",
            "a description with a character that turns the direction",
            described("a\u{202e}b"),
        ),
        ("needs-description-of-two-lines", "J24", "a description with a line break", described(r"a\nb")),
    ];
    for (name, case, comment, keys) in needs {
        let recipe = saying(vec![tool()], of, format!(r#""needs":{{{keys}}}"#));
        cases.push(bad(name, case, "bundle.format", comment, recipe));
    }
    let notes = [
        (
            "index-audience-order",
            "-",
            "audiences out of order",
            "doc",
            r#""dev.sealift.item.audience":"b,a","#,
            "",
        ),
        (
            "index-audience-twice",
            "-",
            "an audience twice",
            "doc",
            r#""dev.sealift.item.audience":"a,a","#,
            "",
        ),
        (
            "index-audience-no-name",
            "-",
            "an audience that is not a name",
            "doc",
            r#""dev.sealift.item.audience":"A","#,
            "",
        ),
        (
            "index-audience-comma",
            "J07",
            "a comma behind the last audience",
            "doc",
            r#""dev.sealift.item.audience":"a,","#,
            "",
        ),
        (
            "index-file-kind",
            "J05",
            "a kind of file that there is not",
            "file",
            r#""dev.sealift.item.file-kind":"program","#,
            "",
        ),
        (
            "index-file-kind-of-a-doc",
            "J05",
            "a doc with a kind of file",
            "doc",
            r#""dev.sealift.item.file-kind":"tool","#,
            "",
        ),
        (
            "index-priority-100",
            "-",
            "a priority above 99",
            "doc",
            "",
            r#","dev.sealift.item.priority":"100""#,
        ),
        (
            "index-priority-50",
            "J07",
            "the priority that goes without saying",
            "doc",
            "",
            r#","dev.sealift.item.priority":"50""#,
        ),
        (
            "index-priority-07",
            "J07",
            "a priority with a zero in front",
            "doc",
            "",
            r#","dev.sealift.item.priority":"07""#,
        ),
        (
            "index-template-of-a-doc",
            "J05",
            "a doc that is a template",
            "doc",
            "",
            r#","dev.sealift.item.template":"true""#,
        ),
        (
            "index-template-false",
            "J07",
            "a config that says it is not a template",
            "config",
            "",
            r#","dev.sealift.item.template":"false""#,
        ),
    ];
    for (name, case, comment, kind, before, behind) in notes {
        let (item, called) = match kind {
            "doc" => (Item::Tree(docs()), "docs"),
            "config" => (settings(), "settings"),
            _ => (tool(), "tool"),
        };
        let recipe = of(vec![item]).index(move |text| noting(text, (kind, called), before, behind));
        cases.push(bad(name, case, "bundle.format", comment, recipe));
    }
    cases
}
