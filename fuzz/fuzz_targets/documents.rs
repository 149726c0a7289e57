//! Documents from outside: whatever the bytes, an answer; and what has to be written in one way only is read in no
//! other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sealift_audit::analysis::config::ImageConfig;
use sealift_audit::analysis::{AnalysisFindings, BundleAnalysis, ItemAnalysis, Sums, View};
use sealift_audit::packages::{Ecosystem, Package, System};
use sealift_audit::policy::AuditPolicy;
use sealift_audit::vulnerability::vex::Vex;
use sealift_audit::vulnerability::{OsvData, assess};
use sealift_bundle::format::index::Index;
use sealift_bundle::format::inventory::{Inventory, encode_entries, encode_frames};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::oci;
use sealift_bundle::format::statement::Statement;
use sealift_bundle::trust::approval::{Approval, Approvals};
use sealift_bundle::trust::chain::{Chain, PinnedRoot};
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::trust::secret::{Passphrase, SecretKey};
use sealift_bundle::trust::waiver::{Waiver, WaiverScope, Waivers};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::NoProgress;
use sealift_plan::lock::Lock;
use sealift_plan::manifest::Manifest;
use sealift_site::receipt::{Receipt, Request, Signed as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static LIMITS: Limits = Limits::v1();
static CENSUS: LazyLock<BundleAnalysis> = LazyLock::new(analysis);
/// Where one record lies that is read as a folder of records.
static RECORDS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("sealift-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is a place for folders");
    folder
});

type Reader = fn(&[u8]);
const READERS: [(&str, Reader); 17] = [
    ("statement", |bytes| {
        if let Ok(statement) = Statement::parse(bytes, &LIMITS) {
            assert_eq!(statement.encode().expect("what was read can be written"), bytes);
        }
    }),
    ("index", |bytes| {
        if let Ok(index) = Index::parse(bytes, &LIMITS) {
            assert_eq!(index.encode().expect("what was read can be written"), bytes);
        }
    }),
    ("inventory", |bytes| {
        // The size of the layer, then the inventory as it is stored.
        let Some((layer, stored)) = bytes.split_first_chunk() else { return };
        if let Ok(inventory) =
            Inventory::parse(stored, "item", u64::from(u32::from_le_bytes(*layer)), &LIMITS)
        {
            encode_entries(&inventory.tree).expect("what was read can be written");
            encode_frames(&inventory.frames).expect("what was read can be written");
        }
    }),
    ("oci-index", |bytes| drop(oci::parse(oci::OCI_INDEX, bytes, &LIMITS))),
    ("oci-manifest", |bytes| {
        if oci::parse(oci::OCI_MANIFEST, bytes, &LIMITS).is_ok() {
            drop((oci::subject(bytes), oci::ReferrerEntry::of(oci::OCI_MANIFEST, bytes)));
        }
    }),
    ("image-config", |bytes| {
        if let Ok(config) = ImageConfig::parse(Digest::of(bytes), bytes) {
            let _ = config.runs_as_root();
        }
    }),
    ("chain", |bytes| {
        if let Ok(chain) = Chain::parse(bytes, &LIMITS) {
            assert_eq!(chain.encode().expect("what was read can be written"), bytes);
            drop(chain.verify());
        }
    }),
    ("root", |bytes| {
        if let Ok(root) = RootFile::parse(bytes, &LIMITS) {
            root.encode().expect("what was read can be written");
            drop(PinnedRoot::parse(bytes, &LIMITS));
        }
    }),
    ("seal", |bytes| {
        if let Ok(envelope) = Envelope::parse(bytes, PayloadType::Statement, &LIMITS) {
            assert_eq!(envelope.encode().expect("what was read can be written"), bytes);
        }
    }),
    ("approvals", |bytes| {
        if let Ok(approvals) = Approvals::parse(bytes, &LIMITS) {
            approvals.encode().expect("what was read can be written");
        }
    }),
    ("waivers", |bytes| {
        if let Ok(waivers) = Waivers::parse(bytes, &LIMITS) {
            waivers.encode().expect("what was read can be written");
        }
    }),
    ("receipt", |bytes| drop((Receipt::of(bytes, &LIMITS), Request::of(bytes, &LIMITS)))),
    ("osv", |bytes| {
        std::fs::write(RECORDS.join("record.json"), bytes).expect("the folder takes files");
        if let Ok(data) = OsvData::open(&RECORDS, &CENSUS, &NoProgress) {
            drop(assess(&CENSUS, Some(&data), &[], "2026-11-22T12:00:00Z".parse().expect("a moment")));
        }
    }),
    ("vex", |bytes| {
        let path = RECORDS.join("vex");
        std::fs::write(&path, bytes).expect("the folder takes files");
        drop(Vex::open(&path));
    }),
    ("policy", |bytes| drop(AuditPolicy::parse(bytes))),
    ("manifest", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Err(error) = Manifest::parse(text, "manifest.toml", Path::new("/nowhere"))
        {
            assert!(!error.to_string().is_empty());
        }
    }),
    ("lock", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Err(error) = Lock::parse(text, "manifest.lock.toml")
        {
            assert!(!error.to_string().is_empty());
        }
    }),
];

fuzz_target!(init: sealift_fuzz::seeds(seeds), |data: &[u8]| {
    let Some((which, bytes)) = sealift_fuzz::choice(data, READERS.len()) else { return };
    READERS[which].1(bytes);
});

/// One package of each kind, as an image of Debian might have it.
fn analysis() -> BundleAnalysis {
    let package = |(ecosystem, name, version): (Ecosystem, &str, &str)| AnalysisFindings {
        package: Package {
            ecosystem,
            namespace: (ecosystem == Ecosystem::Maven).then(|| "g".to_owned()),
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: None,
            source: None,
            licenses: Vec::new(),
        },
        path: "file".to_owned(),
        layer: Digest::of(b"layer"),
    };
    let packages = [
        (Ecosystem::Deb, "curl", "1:7.88.1-10+deb12u5"),
        (Ecosystem::Golang, "golang.org/x/net", "v0.1.0"),
        (Ecosystem::Pypi, "flask", "3.0.dev1"),
        (Ecosystem::Npm, "lodash", "4.17.20-rc.1"),
        (Ecosystem::Maven, "a", "1.0-SNAPSHOT"),
        (Ecosystem::Cargo, "time", "0.1.0+x"),
    ];
    let view = |id: &str, version: &str, packages: &[(Ecosystem, &str, &str)]| View {
        platform: None,
        manifest: Digest::of(b"manifest"),
        config: None,
        layers: Vec::new(),
        system: Some(System { id: id.to_owned(), version: Some(version.to_owned()), name: id.to_owned() }),
        packages: packages.iter().copied().map(package).collect(),
        visible: Vec::new(),
        shadowed: Vec::new(),
        sums: Sums::default(),
        anomalies: Vec::new(),
        secrets: Vec::new(),
    };
    let views = vec![
        view("debian", "12", &packages),
        view("alpine", "3.19.1", &[(Ecosystem::Apk, "busybox", "1.36.1_rc2-r5")]),
        view("rocky", "9.3", &[(Ecosystem::Rpm, "bash", "0:5.1.8-6.el9~1")]),
        view("sles", "15.5", &[(Ecosystem::Rpm, "bash", "4.4-150400.25.22")]),
    ];
    let root = Digest::of(b"root");
    let item = ItemAnalysis { name: "web".parse().expect("a name"), kind: ItemKind::Image, root, views };
    BundleAnalysis { items: vec![item], ..BundleAnalysis::default() }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |reader: &str, name: &str, bytes: &[u8]| {
        let which = READERS.iter().position(|(known, _)| *known == reader).expect("it is a reader");
        let which = u8::try_from(which).expect("there are few");
        seeds.push((format!("{reader}-{name}"), [&[which][..], bytes].concat()));
    };
    let members = members(&sealift_fuzz::file("tests/vectors/dictionary.sealift"));
    for (number, (path, bytes)) in members.iter().enumerate() {
        let name = number.to_string();
        if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            // An inventory stands before the layers; the size that the last of them has fits at least one.
            for (_, layer) in &members {
                let size = u32::try_from(layer.len()).expect("they are small").to_le_bytes();
                if Inventory::parse(bytes, "item", layer.len() as u64, &LIMITS).is_ok() {
                    add("inventory", &name, &[&size[..], bytes].concat());
                }
            }
        }
        if Statement::parse(bytes, &LIMITS).is_ok() {
            add("statement", &name, bytes);
        } else if Index::parse(bytes, &LIMITS).is_ok() {
            add("index", &name, bytes);
        } else if oci::parse(oci::OCI_MANIFEST, bytes, &LIMITS).is_ok() {
            add("oci-manifest", &name, bytes);
        } else if Chain::parse(bytes, &LIMITS).is_ok() {
            add("chain", &name, bytes);
        } else if Envelope::parse(bytes, PayloadType::Statement, &LIMITS).is_ok() {
            add("seal", &name, bytes);
        } else if path.contains("blobs/") && bytes.starts_with(b"{") {
            add("image-config", &name, bytes);
        }
    }
    add("oci-index", "one", format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":1,"platform":{{"architecture":"amd64","os":"linux"}}}}]}}"#, oci::OCI_INDEX, oci::OCI_MANIFEST, Digest::of(b"")).as_bytes());
    for (name, bytes) in sealift_fuzz::files("tests/vectors/roots", ".json") {
        add("root", &name, &bytes);
    }
    for (name, bytes) in sealift_fuzz::files("manifests", ".toml") {
        add(if name == "policy.toml" { "policy" } else { "manifest" }, &name, &bytes);
    }
    for folder in ["valid", "invalid"] {
        for (name, bytes) in sealift_fuzz::files(&format!("tests/manifests/{folder}"), ".toml") {
            add("manifest", &format!("{folder}-{name}"), &bytes);
        }
    }
    signed(&mut add);
    let (digest, at) = (Digest::of(b"x"), "2026-11-22T06:00:00Z");
    add(
        "receipt",
        "receipt",
        format!(r#"{{"_type":"https://sealift.dev/receipt/v1","site":"{digest}","name":"site","issued":"{at}","outcome":"installed","scenario":"air-gapped","bundle":{{"epoch":1,"sequence":1,"statement":"{digest}"}},"time":"{at}","under":{{"root_version":1,"root":"{digest}","policy":{{"expiry":"refuse"}}}},"current":"{digest}","entry":{{"entries":2,"digest":"{digest}"}},"journal":{{"entries":2,"digest":"{digest}"}},"held":{{"blobs":3,"bytes":2628,"list":"{digest}"}}}}"#).as_bytes(),
    );
    add(
        "receipt",
        "request",
        format!(r#"{{"_type":"https://sealift.dev/request/v1","site":"{digest}","name":"site","issued":"{at}","root_version":1,"root":"{digest}","journal":{{"entries":2,"digest":"{digest}"}},"scenarios":[],"blobs":[{{"digest":"{digest}","size":1}}]}}"#).as_bytes(),
    );
    let hex = digest.hex();
    add(
        "lock",
        "one",
        format!("lock = 1\nmanifest = \"{digest}\"\ncreated = \"{at}\"\nsequence = 1\n\n[bundle]\nname = \"a\"\nscenario = \"s\"\nversion = \"1\"\n\n[[doc]]\nname = \"d\"\npath = \"d/\"\norigin = \"path d/\"\nentries = [\n  {{ path = \"a.md\", type = \"file\", mode = \"0644\", size = 4, sha256 = \"{hex}\" }},\n]\n").as_bytes(),
    );
    add("osv", "ranges", br#"{"id":"GHSA-1","aliases":["CVE-1"],"modified":"2026-09-01T00:00:00Z","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]},{"package":{"ecosystem":"Debian:12","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"8~rc1-1"}]}],"versions":["1"]}],"database_specific":{"severity":"HIGH"}}"#);
    for (ecosystem, name, fixed) in [
        ("Alpine:v3.19", "busybox", "1.36.1_p2-r6"),
        ("Rocky Linux:9", "bash", "1:5^2-7.el9"),
        ("Maven", "g:a", "1.0.0.Final-alpha-1"),
        ("PyPI", "flask", "1!3.0rc1.post2.dev3+local.1"),
        ("Go", "golang.org/x/net", "0.17.0"),
        ("crates.io", "time", "0.2.23"),
    ] {
        add("osv", name.rsplit('/').next().unwrap_or(name), format!(r#"{{"id":"X","modified":"2026-09-01T00:00:00.5Z","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0.1"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#).as_bytes());
    }
    add("vex", "one", br#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Vendor","timestamp":"2026-11-01T00:00:00.5Z","version":1,"statements":[{"vulnerability":{"name":"CVE-1","aliases":["GHSA-1"]},"products":[{"@id":"pkg:deb/debian/curl@1%3A2?arch=amd64#x","subcomponents":[{"@id":"pkg:npm/%40a/b"}]}],"status":"not_affected","justification":"component_not_present"}]}"#);
    seeds
}

/// The members of a bundle.
fn members(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(bundle);
    let entries = archive.entries().expect("it is an archive");
    let member = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.expect("it is an archive");
        let path = entry.path().expect("it has a path").to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("it is whole");
        (path, bytes)
    };
    entries.map(member).collect()
}

/// Documents that people sign.
fn signed(add: &mut impl FnMut(&str, &str, &[u8])) {
    let pem = String::from_utf8(sealift_fuzz::file("tests/keys/packer-1.key")).expect("it is a text");
    let passphrase = Passphrase::new(String::from("vectors").into());
    let key = SecretKey::from_encrypted_pem(&pem, &passphrase).expect("the key is whole");
    let (scenario, at) =
        ("air-gapped".parse().expect("a name"), "2026-11-22T06:00:00Z".parse().expect("a moment"));
    let approval =
        Approval::new(Digest::of(b"x"), scenario, at, vec!["malware-scan".parse().expect("a name")]);
    let approvals =
        approval.sign(&key, &LIMITS).and_then(|signed| signed.encode()).expect("it can be signed");
    add("approvals", "one", &[&approvals[..], b"\n"].concat());
    let scope = WaiverScope {
        scenario: "air-gapped".parse().expect("a name"),
        statement: Some(Digest::of(b"x")),
        rule: "content".parse().expect("a name"),
        at: Some("web/*".to_owned()),
    };
    let until = "2027-01-01T00:00:00Z".parse().expect("a moment");
    let waivers = Waiver::new(scope, at, until, "because".parse().expect("a reason")).sign(&key, &LIMITS);
    let waivers = waivers.and_then(|signed| signed.encode()).expect("it can be signed");
    add("waivers", "one", &[&waivers[..], b"\n"].concat());
}
