//! Vectors of images that do not travel whole, and of what travels with them: names, withheld manifests, referrers.

use crate::vector_cases::{Case, Of, PICTURE, bad, docs, good, hello, replace};
use crate::vector_writer::{
    INDEX, Image, Item, MANIFEST, Recipe, about, descriptor, image, image_index, manifest, tag,
};
use sealift_bundle::value::digest::Digest;

const SIGNATURE: &str = "a signature";

fn arm() -> String {
    manifest(&PICTURE.replace("amd64", "arm64"), &["layer arm"])
}

fn amd() -> String {
    manifest(PICTURE, &["layer one"])
}

fn platforms() -> String {
    image_index(&[(MANIFEST, &arm(), Some(("linux", "arm64"))), (MANIFEST, &amd(), Some(("linux", "amd64")))])
}

/// An image of two platforms that travels with one.
fn sparse() -> Image {
    Image::new(
        "sparse",
        "registry.example.com/tools/sparse:1",
        INDEX,
        platforms(),
        &[&amd(), PICTURE, "layer one"],
    )
    .withholding(&[&arm()])
}

/// The image `hello`.
fn plain() -> Image {
    let Item::Image(image) = hello() else { unreachable!() };
    image
}

/// A signature that states what it is about.
fn signature() -> String {
    about(MANIFEST, &plain().root, &[SIGNATURE])
}

/// The image `hello` and its signature.
fn signed() -> Image {
    plain().with_referrer(&signature(), None, &[SIGNATURE])
}

/// The image `hello` and a manifest without a subject, below a tag.
fn tagged(tag: Option<String>) -> Image {
    plain().with_referrer(&manifest("{}", &[SIGNATURE]), tag, &[SIGNATURE])
}

pub fn cases(of: Of<'_>) -> Vec<Case> {
    let mut cases = good_cases(of);
    cases.extend(name_cases(of));
    cases.extend(withheld_cases(of));
    cases.extend(referrer_cases(of));
    cases.extend(tag_cases(of));
    cases
}

fn good_cases(of: Of<'_>) -> Vec<Case> {
    let one = |image: Image| of(vec![Item::Image(image), Item::Tree(docs())]);
    let (signature, child) = (signature(), about(MANIFEST, &amd(), &[SIGNATURE]));
    let further = about(MANIFEST, &signature, &["a time stamp"]);
    let other = Image { name: "other", reference: "registry.example.com/tools/other:1", ..sparse() };
    vec![
        good("ok-withheld", "an index of two platforms that travels with one", one(sparse())),
        good(
            "ok-withheld-by-two",
            "two images have one index, and both say what it lists and the bundle does not have",
            of(vec![Item::Image(sparse()), Item::Image(other)]),
        ),
        good(
            "ok-withheld-and-signed",
            "an index that does not travel whole, and a signature of a manifest that does",
            one(sparse().with_referrer(&child, None, &[SIGNATURE])),
        ),
        good("ok-referrer", "a signature that states what it is about", one(signed())),
        good(
            "ok-referrer-by-tag",
            "a signature that only its tag connects with the image",
            one(tagged(tag(&plain().root, "sig"))),
        ),
        good(
            "ok-referrer-of-a-referrer",
            "something about a signature of the image",
            one(signed().with_referrer(&further, None, &["a time stamp"])),
        ),
        good(
            "ok-referrer-twice",
            "one manifest below two tags of two images that are equal: it stands once",
            of(vec![
                Item::Image(tagged(tag(&plain().root, "sig"))),
                Item::Image(Image {
                    name: "other",
                    reference: "registry.example.com/tools/other:1",
                    ..tagged(tag(&plain().root, "att"))
                }),
            ]),
        ),
    ]
}

fn name_cases(of: Of<'_>) -> Vec<Case> {
    let edit = |from, to| of(vec![hello()]).index(replace(from, to));
    vec![
        bad(
            "index-containerd-name-missing",
            "J05",
            "bundle.format",
            "an image that containerd would find no name for",
            edit(r#""io.containerd.image.name":"registry.example.com/tools/hello:1","#, ""),
        ),
        bad(
            "index-containerd-name-differs",
            "J13",
            "bundle.format",
            "an image that containerd would give another name",
            edit(r#"containerd.image.name":"registry"#, r#"containerd.image.name":"other"#),
        ),
    ]
}

fn withheld_cases(of: Of<'_>) -> Vec<Case> {
    let one = |image: Image| of(vec![Item::Image(image)]);
    let with = |change: fn(String) -> String| {
        let whole = Image { blobs: Vec::new(), ..sparse().withholding(&[&arm(), &amd()]) };
        one(Image { withheld: whole.withheld.clone().map(change), ..whole })
    };
    let silent = Image {
        name: "silent",
        reference: "registry.example.com/tools/silent:1",
        withheld: None,
        ..sparse()
    };
    let arm_image =
        image("arm", "registry.example.com/tools/arm:1", &PICTURE.replace("amd64", "arm64"), &["layer arm"]);
    vec![
        bad(
            "withheld-not-listed",
            "-",
            "bundle.image",
            "an image withholds a manifest that its index does not list",
            one(sparse().withholding(&[&arm(), "no manifest of it"])),
        ),
        bad(
            "withheld-of-a-manifest",
            "-",
            "bundle.image",
            "an image that has no index withholds a manifest",
            one(plain().withholding(&["no manifest of it"])),
        ),
        bad(
            "withheld-and-present",
            "-",
            "bundle.image",
            "what one image withholds is another image of the bundle",
            of(vec![Item::Image(sparse()), arm_image]),
        ),
        bad(
            "withheld-and-a-layer",
            "-",
            "bundle.image",
            "what one image withholds is a layer of another",
            of(vec![
                Item::Image(sparse()),
                image("layered", "registry.example.com/tools/layered:1", PICTURE, &[&arm()]),
            ]),
        ),
        bad(
            "withheld-in-silence",
            "-",
            "bundle.image",
            "two images have one index, and only one says what the bundle does not have",
            of(vec![Item::Image(sparse()), Item::Image(silent)]),
        ),
        bad(
            "withheld-order",
            "-",
            "bundle.format",
            "withheld manifests in the other order",
            with(|list| {
                let (one, two) = list.split_once(',').unwrap();
                format!("{two},{one}")
            }),
        ),
        bad(
            "withheld-twice",
            "-",
            "bundle.format",
            "one withheld manifest twice",
            with(|list| format!("{list},{}", &list[72..])),
        ),
        bad("withheld-empty", "-", "bundle.format", "a list of nothing", with(|_| String::new())),
        bad("withheld-space", "-", "bundle.format", "a space behind a comma", with(|list| list.replace(',', ", "))),
        bad(
            "withheld-by-a-tree",
            "-",
            "bundle.format",
            "a tree that withholds something",
            of(vec![Item::Tree(docs())]).index(replace(
                r#"item.origin":"vectors""#,
                r#"item.origin":"vectors","dev.sealift.item.withheld":"sha256:0000000000000000000000000000000000000000000000000000000000000000""#,
            )),
        ),
    ]
}

fn referrer_cases(of: Of<'_>) -> Vec<Case> {
    let one = |image: Image| of(vec![Item::Image(image)]);
    let edit = |from, to| one(signed()).index(replace(from, to));
    let of_hello = r#""dev.sealift.referrer.of":"hello""#;
    let (signature, unsaid) = (signature(), manifest("{}", &[SIGNATURE]));
    let further = about(MANIFEST, &signature, &["a time stamp"]);
    let elsewhere = about(MANIFEST, "no document of it", &[SIGNATURE]);
    let layer = about(MANIFEST, "layer one", &[SIGNATURE]);
    let other = image("other", "registry.example.com/tools/other:1", PICTURE, &["layer three"]);
    let text = unsaid.replacen(r#""config""#, r#""subject":"hello","config""#, 1);
    let twice = signature.replacen(r#""config""#, r#""subject":null,"config""#, 1);
    vec![
        bad(
            "referrer-behind-a-tree",
            "-",
            "bundle.format",
            "a referrer of an image behind a tree",
            of(vec![hello(), Item::Tree(docs())]).index(behind(&signature, "hello")),
        ),
        bad(
            "referrer-of-a-tree",
            "-",
            "bundle.format",
            "a referrer of a tree",
            of(vec![Item::Tree(docs())]).index(behind(&signature, "docs")),
        ),
        bad(
            "referrer-of-another-name",
            "-",
            "bundle.format",
            "a referrer behind one image that names another",
            of(vec![other, Item::Image(signed())])
                .index(replace(of_hello, r#""dev.sealift.referrer.of":"other""#)),
        ),
        bad(
            "referrer-extra-annotation",
            "-",
            "bundle.format",
            "a referrer with an annotation of an item",
            edit(of_hello, r#""dev.sealift.item.origin":"vectors","dev.sealift.referrer.of":"hello""#),
        ),
        bad(
            "referrer-artifact-type",
            "-",
            "bundle.format",
            "a descriptor of a referrer with `artifactType`",
            edit(
                r#""annotations":{"dev.sealift.referrer"#,
                r#""artifactType":"a/b","annotations":{"dev.sealift.referrer"#,
            ),
        ),
        bad(
            "referrer-without-subject",
            "-",
            "bundle.image",
            "a referrer that does not say what it is about",
            one(plain().with_referrer(&unsaid, None, &[SIGNATURE])),
        ),
        bad(
            "referrer-subject-elsewhere",
            "-",
            "bundle.image",
            "a referrer about something that the bundle does not have",
            one(plain().with_referrer(&elsewhere, None, &[SIGNATURE])),
        ),
        bad(
            "referrer-subject-of-another-image",
            "-",
            "bundle.image",
            "a referrer behind one image that is about another",
            of(vec![
                Item::Image(Image {
                    name: "other",
                    reference: "registry.example.com/tools/other:1",
                    ..sparse().with_referrer(&signature, None, &[SIGNATURE])
                }),
                hello(),
            ]),
        ),
        bad(
            "referrer-subject-is-a-layer",
            "-",
            "bundle.image",
            "a referrer about a layer of its image",
            one(plain().with_referrer(&layer, None, &[SIGNATURE])),
        ),
        bad(
            "referrer-subject-is-withheld",
            "-",
            "bundle.image",
            "a referrer about a manifest that is withheld",
            one(sparse().with_referrer(&about(MANIFEST, &arm(), &[SIGNATURE]), None, &[SIGNATURE])),
        ),
        bad(
            "referrer-subject-comes-later",
            "-",
            "bundle.image",
            "a referrer before the referrer that it is about",
            one(plain().with_referrer(&further, None, &["a time stamp"]).with_referrer(
                &signature,
                None,
                &[SIGNATURE],
            )),
        ),
        bad(
            "referrer-subject-is-a-text",
            "-",
            "bundle.image",
            "a subject that is not an object",
            one(plain().with_referrer(&text, tag(&plain().root, "sig"), &[SIGNATURE])),
        ),
        bad(
            "referrer-subject-twice",
            "J01",
            "bundle.image",
            "a referrer with two subjects",
            one(plain().with_referrer(&twice, tag(&plain().root, "sig"), &[SIGNATURE])),
        ),
        bad(
            "referrers-of-a-limit",
            "J08",
            "bundle.limit",
            "an image and 4096 referrers: an entry more than there may be",
            one(signed()).index(|text| {
                let at = text.find(r#",{"mediaType""#).unwrap();
                let referrer = text[at..].strip_suffix("]}").unwrap().to_owned();
                text.insert_str(at, &referrer.repeat(4095));
            }),
        ),
        bad(
            "references-of-a-limit",
            "J08",
            "bundle.limit",
            "a manifest of 20,000 layers below 14 entries of the index",
            one({
                let large = about(MANIFEST, &plain().root, &vec!["layer one"; 20_000]);
                (0..14).fold(plain(), |image, _| image.with_referrer(&large, None, &[]))
            }),
        ),
    ]
}

/// Puts a referrer behind everything else.
fn behind(root: &str, name: &str) -> impl Fn(&mut String) + 'static {
    let plain = descriptor(MANIFEST, root.as_bytes());
    let plain = plain.strip_suffix('}').unwrap();
    let referrer = format!(r#",{plain},"annotations":{{"dev.sealift.referrer.of":"{name}"}}}}]}}"#);
    move |text| *text = format!("{}{referrer}", text.strip_suffix("]}").unwrap())
}

fn tag_cases(of: Of<'_>) -> Vec<Case> {
    let one = |image: Image| of(vec![Item::Image(image)]);
    let digits = Digest::of(plain().root.as_bytes()).hex();
    let wrong = |tag: String| -> Recipe { one(tagged(Some(tag))) };
    let second = about(MANIFEST, &plain().root, &["another signature"]);
    vec![
        bad(
            "referrer-tag-without-suffix",
            "-",
            "bundle.format",
            "a tag without a suffix",
            wrong(format!("sha256-{digits}")),
        ),
        bad(
            "referrer-tag-suffix-empty",
            "-",
            "bundle.format",
            "a tag with a dot and nothing behind it",
            wrong(format!("sha256-{digits}.")),
        ),
        bad(
            "referrer-tag-suffix-too-long",
            "-",
            "bundle.format",
            "a suffix of 33 letters",
            wrong(format!("sha256-{digits}.{}", "s".repeat(33))),
        ),
        bad(
            "referrer-tag-suffix",
            "-",
            "bundle.format",
            "a suffix with a digit",
            wrong(format!("sha256-{digits}.sig2")),
        ),
        bad(
            "referrer-tag-upper-case",
            "-",
            "bundle.format",
            "digits in upper case",
            wrong(format!("sha256-{}.sig", digits.to_uppercase())),
        ),
        bad("referrer-tag-latest", "-", "bundle.format", "a tag of an image", wrong("latest".to_owned())),
        bad(
            "referrer-tag-elsewhere",
            "-",
            "bundle.image",
            "a tag about something that the bundle does not have, on a signature that states the image",
            one(plain().with_referrer(&signature(), tag("no document of it", "sig"), &[SIGNATURE])),
        ),
        bad(
            "referrer-tag-twice",
            "-",
            "bundle.format",
            "two referrers of an image below one tag",
            one(tagged(tag(&plain().root, "sig")).with_referrer(
                &second,
                tag(&plain().root, "sig"),
                &["another signature"],
            )),
        ),
    ]
}
