//! Bills that others made and attached to an image in a registry: they travel, are compared and are kept as they are.

use crate::cli::Shop;
use crate::diff::layer;
use crate::registry::images::{Content, digest, with};
use crate::registry::pull::{LOCK, images, reference};
use crate::registry::real::Real;
use base64::Engine as _;
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const STATUS: &[u8] =
    b"Package: git\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.39.5-0+deb12u3\n\n\
Package: libstdc++6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.2.0-14+deb12u1\n";
const SYSTEM: &[u8] = b"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
const BABEL: &[u8] = br#"{"name":"@babel/core","version":"7.0.0"}"#;

/// As syft writes packages, and one that is not there; without `libstdc++6`.
fn cyclonedx() -> Vec<u8> {
    let library = |name: &str, purl: &str| json!({ "type": "library", "name": name, "purl": purl });
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [
            { "type": "container", "name": "app", "purl": "pkg:oci/app@sha256%3A00?arch=amd64" },
            library("git", "pkg:deb/debian/git@1%3A2.39.5-0+deb12u3?arch=amd64&upstream=git"),
            {
                "type": "application", "name": "app",
                "components": [
                    library("core", "pkg:npm/%40babel/core@7.0.0?package-id=1"),
                    library("ghost", "pkg:npm/ghost@1.3.0?package-id=2"),
                ],
            },
            { "type": "file", "name": "/etc/passwd" },
        ],
    });
    // With the spaces of its maker, which nobody may take away.
    format!("{bill:#}\n\n").into_bytes()
}

/// As trivy writes packages: all that are there.
fn spdx() -> Value {
    let package = |name: &str, purl: &str| {
        let purl = json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl });
        let cpe =
            json!({ "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x:x:1:*:*:*:*:*:*:*" });
        json!({ "name": name, "externalRefs": [cpe, purl] })
    };
    json!({
        "spdxVersion": "SPDX-2.3",
        "packages": [
            package("app", "pkg:oci/app@sha256%3A00"),
            package("git", "pkg:deb/debian/git@2.39.5-0%2Bdeb12u3?arch=amd64&distro=debian-12&epoch=1"),
            package("libstdc++6", "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64"),
            package("@babel/core", "pkg:npm/@babel/core@7.0.0"),
            { "name": "no purl" },
        ],
    })
}

/// A referrer whose artifact type and layer differ, as `oras attach --artifact-type` writes it.
fn attached(content: &mut Content, subject: &Value, kind: &str, layer: Value) -> Value {
    let config = content.blob("application/vnd.oci.empty.v1+json", b"{}");
    content.document(&json!({
        "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "artifactType": kind,
        "config": config, "layers": [layer], "subject": subject,
    }))
}

/// The line about a bill, and those below it.
fn said(err: &str, bill: &[u8]) -> Vec<String> {
    let short = Digest::of(bill).short().to_string();
    let mut lines = err.lines().skip_while(|line| !line.contains(&short));
    let first = lines.next().unwrap_or_else(|| panic!("nothing about {short}: {err}"));
    let (_, first) = first.split_once(&short).unwrap();
    let below = lines.take_while(|line| line.starts_with("  only"));
    std::iter::once(first).chain(below).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bills_of_others_travel_and_are_compared_with_what_is_there() {
    let mut content = Content::default();
    let files = layer(&[
        ("etc/os-release", 0o644, SYSTEM),
        ("var/lib/dpkg/status", 0o644, STATUS),
        ("app/node_modules/@babel/core/package.json", 0o644, BABEL),
    ]);
    let files = content.blob(oci::OCI_LAYER, &files);
    // What says that it is not an archive of files: programs that do not look at the type unpack it.
    let odd = content.blob("application/octet-stream", b"who knows\0 what");
    let image = content.manifest("amd64", &[files, odd], json!({}));
    content.tag(&image, "1");

    let (cyclonedx, spdx) = (cyclonedx(), spdx());
    let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1", "predicate": spdx }).to_string();
    let spdx = spdx.to_string().into_bytes();
    let [cut, other]: [&[u8]; 2] = [br#"{"bomFormat":"CycloneDX","components":["#, br#"{"artifacts":[]}"#];
    let plain = content.blob("application/json", &spdx);
    let attested = content.blob("application/vnd.in-toto+json", statement.as_bytes());
    let noted = json!({ "annotations": { "in-toto.io/predicate-type": "https://spdx.dev/Document" } });
    let attested = with(attested, noted);
    let payload = base64::engine::general_purpose::STANDARD.encode(&statement);
    let envelope =
        json!({ "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [] });
    let envelope = envelope.to_string().into_bytes();
    let signed = content.blob("application/vnd.dsse.envelope.v1+json", &envelope);
    let signed = with(signed, json!({ "annotations": { "predicateType": "https://spdx.dev/Document" } }));
    let referrers = [
        content.referrer(&image, "application/vnd.cyclonedx+json", &cyclonedx),
        attached(&mut content, &image, "application/spdx+json", plain),
        attached(&mut content, &image, "application/vnd.in-toto+json", attested),
        attached(&mut content, &image, "application/vnd.oci.image.config.v1+json", signed),
        content.referrer(&image, "application/vnd.cyclonedx+json", cut),
        content.referrer(&image, "application/vnd.syft+json", other),
        content.referrer(&image, "application/vnd.example.signature", b"no bill"),
        content.referrer(
            &image,
            "application/vnd.example.tool",
            b"#!/bin/sh\nexport DB_PASSWORD=Tr0ub4dor-and-3\n",
        ),
        // The same again, under another name.
        content.referrer(&image, "application/vnd.example.signature.again", b"no bill"),
        content.referrer(&image, "application/vnd.example.gzip", b"\x1f\x8b\x08\0 an archive"),
    ];
    content.refer(&image, &referrers);

    let (real, shop) = (Real::new(), Shop::new());
    real.push("app", &content);
    images(&shop, &[("app", reference(&real.open, "app:1"))]);
    shop.done(LOCK);
    let lock = String::from_utf8(shop.read("pulled.lock.toml")).unwrap();
    for referrer in &referrers {
        assert!(lock.contains(&digest(referrer).to_string()), "{lock}");
    }
    shop.done("sealift pack pulled.toml --key packer.key --store pulled --passphrase-fd 0 <<<pw");
    // What follows is done where there is no registry.
    drop(real);
    let told = shop.done("sealift sbom pulled-1.sealift --trust root.json -o bill.json --carried kept").err;
    assert!(told.contains("3 packages observed"), "{told}");
    let carries = |kind: &str, rest: &str| format!("attached to app ({kind}){rest}");
    assert_eq!(
        said(&told, &cyclonedx),
        [
            &carries(
                "application/vnd.cyclonedx+json",
                ": 2 packages agree, 1 only observed, 1 only in the SBOM"
            ),
            "only observed  pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1",
            "only in SBOM   pkg:npm/ghost@1.3.0",
        ]
    );
    let whole = ": 3 packages agree, 0 only observed, 0 only in the SBOM";
    assert_eq!(said(&told, &spdx), [carries("application/json", whole)]);
    assert_eq!(said(&told, statement.as_bytes()), [carries("application/vnd.in-toto+json", whole)]);
    assert_eq!(said(&told, &envelope), [carries("application/vnd.dsse.envelope.v1+json", whole)]);
    let [cut_said, other_said] = [cut, other].map(|bill| said(&told, bill).remove(0));
    let not = " was not compared: it is ";
    assert!(
        cut_said.starts_with(&carries("application/vnd.cyclonedx+json", &format!("{not}not JSON: EOF"))),
        "{cut_said}"
    );
    assert_eq!(
        other_said,
        carries("application/vnd.syft+json", &format!("{not}neither CycloneDX nor SPDX 2 in JSON"))
    );
    assert_eq!(told.matches(" attached to ").count(), 6, "{told}");

    let kept = std::fs::read_dir(shop.path("kept")).unwrap().map(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        (Digest::of(&bytes), bytes)
    });
    let kept: BTreeMap<Digest, Vec<u8>> = kept.collect();
    let bills: [&[u8]; 6] = [&cyclonedx, &spdx, statement.as_bytes(), &envelope, cut, other];
    let bills: BTreeMap<_, _> = bills.into_iter().map(|bill| (Digest::of(bill), bill.to_vec())).collect();
    assert!(kept == bills, "{:?}", kept.keys());
    // The analysis tells all of it by its content, each once; the archive and the odd layer stay unopened.
    assert!(told.contains("2 parts not analyzed"), "{told}");
    let analysis = shop.done("sealift analyze pulled-1.sealift --trust root.json").out;
    let (_, attached) =
        analysis.split_once("attached to image app\n").unwrap_or_else(|| panic!("{analysis}"));
    let lines: Vec<_> = attached.lines().map(str::trim).collect();
    let line = |bytes: &[u8], kind: &str, class: &str| {
        format!("{}  {kind}, {class} of {} B", Digest::of(bytes).short(), bytes.len())
    };
    assert_eq!(lines[0], "artifacts   10", "{analysis}");
    assert!(
        lines.contains(&line(b"no bill", "application/vnd.example.signature", "text").as_str()),
        "{analysis}"
    );
    assert!(
        attached.contains(", script of 45 B\n")
            && attached.contains("secrets     1\n")
            && attached.contains("attached: sha256:"),
        "{analysis}"
    );
    assert!(!analysis.contains("Tr0ub4dor-and-3"), "{analysis}");
    assert!(
        attached.contains("not checked 2\n")
            && attached.contains(": it is an archive beside the layers, and was not opened\n")
            && attached
                .contains(": it stands among the layers, and by its type it is not an archive of files\n"),
        "{analysis}"
    );
    // A folder that is there stays as it is.
    let again = shop.run("sealift sbom pulled-1.sealift --trust root.json -o bill.json --carried kept");
    assert!(again.code == Some(1) && again.err.contains("kept"), "{}", again.shown());
}
