//! Vectors of image documents that parsers read differently, and of those that only look so.

use crate::vector_cases::{Case, Of, PICTURE, bad, good};
use crate::vector_writer::{
    CONFIG, INDEX, Image, Item, LAYER, MANIFEST, descriptor, image, image_index, manifest,
};

const NAME: &str = "registry.example.com/tools/hello:1";
/// A configuration with the objects that engines read.
const FULL: &str = r#"{"architecture":"amd64","os":"linux","config":{"User":"1000","Cmd":["/bin/app"],"ExposedPorts":{"80/tcp":{}},"Labels":{"Maintainer":"a"}},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"a"}]}"#;
/// What an index may list that no version of this format knows.
const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// An image with this configuration.
fn configured(config: &str) -> Item {
    image("hello", NAME, config, &["layer one"])
}

/// An image with this manifest.
fn manifested(root: String) -> Item {
    Item::Image(Image::new("hello", NAME, MANIFEST, root, &[PICTURE, "layer one", "layer two"]))
}

/// An image with this index of two platforms.
fn indexed(root: String) -> Image {
    Image::new(
        "hello",
        NAME,
        INDEX,
        root,
        &[&amd(), &arm(), PICTURE, &arm_picture(), "layer one", "layer arm"],
    )
}

fn amd() -> String {
    manifest(PICTURE, &["layer one"])
}

fn arm_picture() -> String {
    PICTURE.replace("amd64", "arm64")
}

fn arm() -> String {
    manifest(&arm_picture(), &["layer arm"])
}

fn change(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

pub fn cases(of: Of<'_>) -> Vec<Case> {
    let mut cases = good_cases(of);
    cases.extend(manifest_cases(of));
    cases.extend(config_cases(of));
    cases.extend(index_cases(of));
    cases
}

fn good_cases(of: Of<'_>) -> Vec<Case> {
    let maps = FULL
        .replace(r#""Maintainer":"a""#, r#""Maintainer":"a","maintainer":"b","größe":"ſ","K":"1","k":"2""#)
        .replace(r#""80/tcp":{}"#, r#""80/tcp":{},"80/TCP":{}"#);
    let annotated = change(
        &amd(),
        r#""layers""#,
        r#""annotations":{"A":"1","a":"2"},"x":{"y":[1e3,"\ud83d\ude00"]},"layers""#,
    );
    let deep =
        change(&amd(), r#""layers""#, &format!(r#""x":{}{},"layers""#, "[".repeat(63), "]".repeat(63)));
    let artifact = "an artifact";
    let listing = image_index(&[(MANIFEST, &amd(), Some(("linux", "amd64"))), (ARTIFACT, artifact, None)]);
    let partial = Image::new("hello", NAME, INDEX, listing, &[&amd(), PICTURE, "layer one"]);
    let unknown = image_index(&[
        (MANIFEST, &amd(), Some(("unknown", "unknown"))),
        (MANIFEST, &arm(), Some(("linux", "arm64"))),
    ]);
    let unknown = change(&unknown, r#""os":"unknown""#, r#""os":"unknown","variant":"x""#);
    let empty = image_index(&[
        (MANIFEST, &arm(), Some(("linux", "arm64"))),
        (MANIFEST, &amd(), Some(("linux", "amd64"))),
    ]);
    let empty = change(&empty, r#""architecture":"amd64""#, r#""architecture":"amd64","variant":"""#);
    vec![
        good(
            "ok-document-maps",
            "keys of labels, ports and annotations differ in case only",
            of(vec![configured(&maps)]),
        ),
        good(
            "ok-document-unknown-keys",
            "a manifest with keys that this format does not know",
            of(vec![manifested(annotated)]),
        ),
        good("ok-document-depth", "a manifest whose values are nested 64 deep", of(vec![manifested(deep)])),
        good(
            "ok-withheld-of-an-unknown-type",
            "what an index lists and the bundle does not have is of an unknown media type",
            of(vec![Item::Image(partial.withholding(&[artifact]))]),
        ),
        good(
            "ok-platform-unknown-with-a-variant",
            "a manifest for unknown/unknown with a variant is none that engines load",
            of(vec![Item::Image(indexed(unknown))]),
        ),
        good(
            "ok-platform-with-an-empty-variant",
            "linux/amd64 with an empty variant is linux/amd64",
            of(vec![Item::Image(indexed(empty))]),
        ),
    ]
}

fn manifest_cases(of: Of<'_>) -> Vec<Case> {
    let with = |name, comment, from: &str, to: &str| {
        bad(name, "J23", "bundle.image", comment, of(vec![manifested(change(&amd(), from, to))]))
    };
    let evil = format!(r#"[{}]"#, descriptor(LAYER, b"layer two"));
    let deep = format!(r#""x":{}{},"layers""#, "[".repeat(64), "]".repeat(64));
    vec![
        with(
            "document-key-case",
            "`LAYERS` beside `layers`: Go reads it as `layers`",
            r#""layers""#,
            &format!(r#""LAYERS":{evil},"layers""#),
        ),
        with(
            "document-key-long-s",
            "`layers` with U+017F beside `layers`: Go reads it as `layers`",
            r#""layers""#,
            &format!(r#""layer\u017f":{evil},"layers""#),
        ),
        with(
            "document-key-of-an-index-in-another-case",
            "`Manifests` in a manifest: Go reads it as `manifests`",
            r#""layers""#,
            r#""Manifests":[],"layers""#,
        ),
        with(
            "document-key-in-another-case",
            "`Size` in the place of `size` in a subject, of which nothing is read but the digest",
            r#""layers""#,
            &format!(r#""subject":{},"layers""#, descriptor(MANIFEST, b"hello").replace("size", "Size")),
        ),
        with(
            "document-key-not-ascii",
            "an unknown key with U+212A",
            r#""layers""#,
            r#""\u212aey":1,"layers""#,
        ),
        with(
            "document-key-twice-in-an-unknown-object",
            "two equal keys in an object that nothing reads",
            r#""layers""#,
            r#""x":[{"y":{"a":1,"a":2}}],"layers""#,
        ),
        with(
            "document-keys-fold-in-an-unknown-object",
            "two keys that differ in case in an object that nothing reads",
            r#""layers""#,
            r#""x":[{"y":{"a":1,"A":2}}],"layers""#,
        ),
        with(
            "document-annotation-twice",
            "one annotation twice",
            r#""layers""#,
            r#""annotations":{"a":"1","\u0061":"2"},"layers""#,
        ),
        with(
            "document-annotations-are-an-array",
            "an array in the place of annotations",
            r#""layers""#,
            r#""annotations":[],"layers""#,
        ),
        with("document-depth", "a manifest whose values are nested 65 deep", r#""layers""#, &deep),
    ]
}

fn config_cases(of: Of<'_>) -> Vec<Case> {
    let plain =
        |name, comment, config: &str| bad(name, "J23", "bundle.image", comment, of(vec![configured(config)]));
    let with = |name, comment, from, to| plain(name, comment, &change(FULL, from, to));
    let bytes = {
        let wrong = [br#"{"os":"linux","author":""#.as_slice(), b"\xff", br#""}"#].concat();
        let root = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{},"layers":[]}}"#,
            descriptor(CONFIG, &wrong)
        );
        let mut image = Image::new("hello", NAME, MANIFEST, root, &[]);
        image.blobs.push(wrong);
        bad(
            "config-not-utf8",
            "J23",
            "bundle.image",
            "a configuration with a byte that is not UTF-8 in a text that nothing reads",
            of(vec![Item::Image(image)]),
        )
    };
    vec![
        bytes,
        with(
            "config-key-case",
            "`user` beside `User` in a configuration: Go reads it as `User`",
            r#""User":"1000""#,
            r#""User":"1000","user":"0""#,
        ),
        with(
            "config-key-long-s",
            "`User` with U+017F beside `User` in a configuration",
            r#""User":"1000""#,
            r#""User":"1000","U\u017fer":"0""#,
        ),
        with(
            "config-key-in-another-case",
            "`cmd` in the place of `Cmd` in a configuration",
            r#""Cmd""#,
            r#""cmd""#,
        ),
        with(
            "config-key-twice",
            "`User` twice in a configuration",
            r#""User":"1000""#,
            r#""User":"1000","User":"0""#,
        ),
        with(
            "config-label-twice",
            "one label twice in a configuration",
            r#""Maintainer":"a""#,
            r#""Maintainer":"a","Maintainer":"b""#,
        ),
        with(
            "config-diff-ids-case",
            "`Diff_ids` beside `diff_ids` in a configuration",
            r#""diff_ids":[]"#,
            r#""diff_ids":[],"Diff_ids":["a"]"#,
        ),
        with(
            "config-history-is-an-object",
            "an object in the place of the history",
            r#"[{"created_by":"a"}]"#,
            r#"{"created_by":"a"}"#,
        ),
        with(
            "config-lone-surrogate",
            "half a surrogate pair in a text that nothing reads",
            r#""history""#,
            r#""x":"\ud800","history""#,
        ),
        plain("config-not-json", "a configuration that is not JSON", "a configuration"),
        plain("config-is-an-array", "a configuration that is an array", "[]"),
        plain("config-number-beyond-a-double", "a number that no double holds", r#"{"x":1e999}"#),
        plain("config-is-a-number", "a configuration that is a number", "7"),
    ]
}

fn index_cases(of: Of<'_>) -> Vec<Case> {
    let one = |image| of(vec![Item::Image(image)]);
    let amd = amd();
    let child = (MANIFEST, amd.as_str(), Some(("linux", "amd64")));
    let twice = image_index(&[child, child]);
    let at = twice.rfind(r#","platform""#).unwrap();
    let other_size = format!("{}0{}", &twice[..at], &twice[at..]);
    let listing = image_index(&[child, (ARTIFACT, "an artifact", None)]);
    let arm = arm();
    let number = image_index(&[(MANIFEST, &arm, Some(("linux", "arm64"))), child]);
    let number = change(&number, r#""architecture":"amd64""#, r#""architecture":"amd64","variant":8"#);
    // The manifest for arm64 names that for amd64 as its configuration.
    let confused = manifest(&amd, &["layer arm"]);
    let both = image_index(&[child, (MANIFEST, &confused, Some(("linux", "arm64")))]);
    let mut confusing = indexed(both);
    confusing.blobs.push(confused.into_bytes());
    vec![
        bad(
            "document-of-two-sizes",
            "J23",
            "bundle.image",
            "an index lists one manifest twice, with two sizes",
            one(indexed(other_size)),
        ),
        bad(
            "index-platform-variant-is-a-number",
            "J23",
            "bundle.image",
            "a variant of a platform is a number",
            one(indexed(number)),
        ),
        bad(
            "index-lists-an-unknown-type",
            "J23",
            "bundle.image",
            "an index lists a media type that is unknown, and the image does not withhold it",
            one(indexed(listing)),
        ),
        bad(
            "config-is-a-document",
            "J23",
            "bundle.image",
            "the configuration of one manifest is another manifest",
            one(confusing),
        ),
    ]
}
