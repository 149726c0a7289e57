//! Every rule with facts made by hand: kept, broken, let through, waived, and asked for later.

use super::rule::PolicyRule;
use super::{AuditPolicy, PolicyFacts, PolicyVerdict, Stage, judge};
use crate::analysis::anomaly::{Anomaly, AnomalyKind};
use crate::analysis::class::{Archive, FileClass};
use crate::analysis::config::ImageConfig;
use crate::analysis::{
    AnalysisFindings, Attached, BundleAnalysis, ItemAnalysis, Layer, LayerEntry, LayerNode, LayerSpot, Sums,
    Unchecked, View,
};
use crate::finding::{LintFinding, LintRule};
use crate::layer::Compression;
use crate::packages::{Ecosystem, Package};
use crate::scan::Ledger;
use crate::vulnerability::severity::{Level, Severity};
use crate::vulnerability::vex::Status;
use crate::vulnerability::{self, Identity, NotChecked, Vulnerabilities, Vulnerability};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::site_inputs::{Selection, SiteInputs};
use sealift_bundle::format::statement::Totals;
use sealift_bundle::inspect::{ApprovalLine, ItemLine, Overview, SignerLine};
use sealift_bundle::trust::key::KeyId;
use sealift_bundle::trust::threshold::Who;
use sealift_bundle::trust::waiver::{CountedWaivers, Granted, Waiver, WaiverScope};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn file(path: &str, class: FileClass) -> LayerEntry {
    let node = LayerNode::File { size: 1, sha256: Some(Digest::of(path.as_bytes())), class };
    LayerEntry { path: path.into(), node, mode: 0o644, uid: 0, gid: 0, capabilities: None }
}

/// Everything that can be wrong, in an image `web`, documents `handbook` and a configuration `server`.
struct World {
    overview: Overview,
    analysis: BundleAnalysis,
    vulnerabilities: Vulnerabilities,
    scans: Vec<Ledger>,
    with_sbom: BTreeSet<Name>,
}

fn layer(anomalies: Vec<Anomaly>, entries: Vec<LayerEntry>) -> Layer {
    Layer {
        digest: Digest::of(b"layer"),
        stored: 1,
        compression: Compression::None,
        size: 1,
        diff_id: None,
        entries,
        anomalies,
        secrets: vec![LintFinding::new(LintRule::ContentSecret, "etc/key", "a private key", "take it out")],
        announced: Vec::new(),
    }
}

fn view(platform: Option<&str>, number: usize) -> View {
    View {
        platform: platform.map(str::to_owned),
        manifest: Digest::of(b"manifest"),
        config: None,
        layers: vec![number],
        system: None,
        packages: Vec::new(),
        visible: Vec::new(),
        shadowed: Vec::new(),
        sums: Sums::default(),
        anomalies: Vec::new(),
        secrets: Vec::new(),
    }
}

fn item_line(item: &str, kind: ItemKind, license: Option<&str>) -> ItemLine {
    ItemLine {
        name: name(item),
        kind,
        origin: format!("oci:registry.example/{item}"),
        license: license.map(str::to_owned),
        version: None,
        file_kind: None,
        audience: None,
        priority: None,
        template: false,
        reference: None,
        digest: Digest::of(item.as_bytes()),
        platforms: Vec::new(),
        withheld: Vec::new(),
        referrers: Vec::new(),
        blobs: 1,
        stored: 1000,
    }
}

fn scan(found: &str, unseen: u64, ended: &str, dated: &str) -> Ledger {
    let (statement, count) = (Digest::of(b"statement"), r#"{"count":1,"bytes":1}"#);
    let text = format!(
        r#"{{"_type":"https://sealift.dev/scan/v1","statement":"{statement}","name":"sample","version":"1",
            "engine":{{"asked":"clamd:x","version":"ClamAV 1.4","dated":"{dated}"}},"depth":3,"max_size":1,
            "started":"{ended}","ended":"{ended}","outcome":"clean",
            "totals":{{"leaves":{count},"seen":{count},"unseen":{{"count":{unseen},"bytes":1}},"opened":{count},
            "opened_and_seen":{count},"found":0,"unopened":0}},"parts":[],"found":[{found}],"unseen":[],"unopened":[]}}"#
    );
    serde_json::from_str(&text).unwrap()
}

#[allow(clippy::too_many_lines, reason = "one thing after the other that can be wrong")]
fn world() -> World {
    let package = Package {
        ecosystem: Ecosystem::Npm,
        namespace: None,
        name: "lodash".to_owned(),
        version: "4.17.20".to_owned(),
        architecture: None,
        source: None,
        licenses: vec!["AGPL-3.0-only".to_owned()],
    };
    let odd = |kind: AnomalyKind, path: &str| Anomaly::new(kind, path, "");
    let anomalies = AnomalyKind::ALL.iter().filter(|kind| **kind != AnomalyKind::DiffId);
    let image = View {
        config: Some(
            ImageConfig::parse(Digest::of(b""), br#"{"os":"linux","architecture":"amd64"}"#).unwrap(),
        ),
        packages: vec![AnalysisFindings {
            package: package.clone(),
            path: "p".to_owned(),
            layer: Digest::of(b"l"),
        }],
        shadowed: vec![LayerSpot { layer: 0, entry: 0 }],
        anomalies: vec![odd(AnomalyKind::DiffId, "")],
        ..view(None, 0)
    };
    let mut texts = layer(
        Vec::new(),
        vec![
            file("run.sh", FileClass::Script("/bin/sh".into())),
            file("x.class", FileClass::JavaClass),
            file("a.zip", FileClass::Archive(Archive::Zip)),
            file("guide/.hidden", FileClass::Text),
        ],
    );
    texts.secrets.clear();
    let analysis_item = |item: &str, kind, view| ItemAnalysis {
        name: name(item),
        kind,
        root: Digest::of(b"root"),
        views: vec![view],
    };
    let place = vulnerability::VulnerablePlace {
        item: name("web"),
        platform: None,
        path: "p".to_owned(),
        images: [Digest::of(b"manifest"); 2],
        status: None,
        statement: None,
    };
    let vulnerability = |id: &str, level| Vulnerability {
        id: id.to_owned(),
        aliases: Vec::new(),
        summary: None,
        severity: Severity { level, ..Severity::default() },
        package: package.clone(),
        fixed: Vec::new(),
        published: None,
        modified: None,
        places: vec![place.clone()],
    };
    let signer = SignerLine {
        name: name("packer"),
        role: "packer".to_owned(),
        key: String::new(),
        words: String::new(),
    };
    let approval = ApprovalLine {
        name: name("carol"),
        key: String::new(),
        approved: now(),
        conditions: vec![name("read")],
        out_of_order: None,
    };
    World {
        overview: Overview {
            statement: Digest::of(b"statement"),
            name: name("sample"),
            version: name("1"),
            scenario: name("air-gapped"),
            epoch: 1,
            sequence: 1,
            created: now(),
            expires: None,
            lock: Digest::of(b"lock"),
            tool: String::new(),
            root_version: 1,
            signers: vec![signer],
            approvals: vec![approval],
            approvals_demanded: None,
            warnings: Vec::new(),
            selection: Selection::default(),
            needs: SiteInputs::default(),
            totals: Totals { items: 3, blobs: 3, bytes: 3000 },
            items: vec![
                item_line("web", ItemKind::Image, Some("MIT")),
                item_line("handbook", ItemKind::Doc, Some("AGPL-3.0-only")),
                item_line("server", ItemKind::Config, None),
            ],
        },
        analysis: BundleAnalysis {
            items: vec![
                analysis_item("web", ItemKind::Image, image),
                analysis_item("handbook", ItemKind::Doc, view(None, 1)),
                analysis_item("server", ItemKind::Config, view(None, 1)),
            ],
            layers: vec![
                layer(
                    anomalies.map(|kind| odd(*kind, "usr/bin/x")).collect(),
                    vec![file("old", FileClass::Text)],
                ),
                texts,
            ],
            unchecked: vec![Unchecked {
                layer: None,
                what: "web/a.rpm".to_owned(),
                reason: "it is damaged".to_owned(),
                bytes: None,
            }],
            attached: Vec::new(),
        },
        vulnerabilities: Vulnerabilities {
            data: Some(Identity {
                digest: Digest::of(b"data"),
                files: 1,
                records: 1,
                withdrawn: 0,
                newest: Some(at("2026-11-01T00:00:00Z")),
                ecosystems: BTreeMap::new(),
            }),
            age_days: Some(21),
            compared: 1,
            found: vec![
                vulnerability("CVE-1", Some(Level::Critical)),
                vulnerability("CVE-2", Some(Level::Medium)),
                vulnerability("CVE-3", None),
            ],
            declared: Vec::new(),
            declared_unused: 0,
            not_checked: vec![NotChecked {
                reason: "no data about `Go`".to_owned(),
                packages: 2,
                examples: vec!["net 1".to_owned()],
            }],
        },
        scans: Vec::new(),
        with_sbom: BTreeSet::new(),
    }
}

impl World {
    fn at_stage(&self, policy: &str, stage: Stage, waivers: &CountedWaivers) -> PolicyVerdict {
        let policy = AuditPolicy::parse(format!("[policy]\nname = \"test\"\n{policy}").as_bytes())
            .unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let facts = PolicyFacts {
            overview: &self.overview,
            analysis: &self.analysis,
            vulnerabilities: &self.vulnerabilities,
            scans: &self.scans,
            with_sbom: &self.with_sbom,
            stage,
        };
        judge(&policy, &facts, waivers, now())
    }

    fn judged(&self, policy: &str) -> PolicyVerdict {
        self.at_stage(policy, Stage::Verifying, &CountedWaivers::default())
    }
}

/// `RULE AT`, of each violation.
fn violated(verdict: &PolicyVerdict) -> Vec<String> {
    verdict.violations.iter().map(|one| format!("{} {}", one.rule, one.at)).collect()
}

#[test]
fn each_rule_refuses_what_it_is_about_and_names_the_place() {
    let world = world();
    for (policy, expected) in [
        ("[seal]\npackers = 2", &["seal.packers bundle"][..]),
        ("[seal]\npackers = 1\napprovals = 1", &[]),
        (
            "[seal]\napprovals = 2\nconditions = [\"malware-scan\", \"read\"]",
            &["seal.approvals bundle", "seal.conditions carol"],
        ),
        (
            "[origin]\nallow = [\"oci:registry.example/w*\", \"oci:registry.example/server\"]",
            &["origin.allowed handbook"],
        ),
        ("[content]\nimage = [\"setuid\"]\nunread = \"allow\"", &["content.setuid web/usr/bin/x"]),
        ("[content]\ndoc = [\"setuid\"]\nunread = \"allow\"", &[]),
        (
            "[content]\nimage = [\"setgid\", \"capability\", \"world-writable\", \"device\"]\nunread = \"allow\"",
            &[
                "content.setgid web/usr/bin/x",
                "content.capability web/usr/bin/x",
                "content.world-writable web/usr/bin/x",
                "content.device web/usr/bin/x",
            ],
        ),
        (
            "[content]\nimage = [\"root-user\", \"secret\", \"shadowed\", \"altered\"]\nunread = \"refuse\"",
            &[
                "content.root-user web",
                "content.secret web/etc/key",
                "content.shadowed web/old",
                "content.altered web",
                "content.unread web/a.rpm",
            ],
        ),
        ("[content]\nconfig = [\"script\"]\nunread = \"allow\"", &["content.script server/run.sh"]),
        (
            "[content]\nconfig = [\"executable\"]\nunread = \"allow\"",
            &["content.executable server/run.sh", "content.executable server/x.class"],
        ),
        (
            "[content]\ndoc = [\"script\", \"executable\", \"nested-archive\", \"hidden\"]\nunread = \"allow\"",
            &[
                "content.executable handbook/x.class",
                "content.script handbook/run.sh",
                "content.nested-archive handbook/a.zip",
                "content.hidden handbook/guide/.hidden",
            ],
        ),
        (
            "[license]\ndeny = [\"AGPL-3.0-only\"]\nunknown = \"refuse\"\npackages = \"skip\"",
            &["license.denied handbook", "license.unknown server"],
        ),
        (
            "[license]\ndeny = [\"AGPL-3.0-only\"]\nunknown = \"allow\"\npackages = \"check\"",
            &["license.denied handbook", "license.denied web/lodash"],
        ),
        (
            "[license]\nallow = [\"MIT\"]\nunknown = \"allow\"\npackages = \"skip\"",
            &["license.unlisted handbook"],
        ),
        ("[size]\nbundle = 2999\nitem = 1000", &["size.bundle bundle"]),
        ("[size]\nbundle = 3000\nitem = 999", &["size.item handbook", "size.item server", "size.item web"]),
        ("[platform]\nrequire = [\"linux/amd64\", \"linux/arm64\"]", &["platform.missing web"]),
        ("[sbom]\nmissing = \"refuse\"", &["sbom.missing web"]),
        ("[scan]\nunseen = \"refuse\"", &["scan.missing bundle"]),
    ] {
        let verdict = world.judged(policy);
        assert_eq!(violated(&verdict), expected, "{policy}");
        assert_eq!(verdict.is_met, expected.is_empty());
        assert!(!verdict.rules.is_empty());
    }
    let names =
        world.judged("[content]\nimage = [\"odd-name\", \"outside\", \"ambiguous\"]\nunread = \"allow\"");
    assert_eq!(names.violations.len(), 5 + 3 + 5);
}

const VULNERABILITY: &str = "[vulnerability]\nlimit = \"medium\"\nunscored = \"refuse\"\nunchecked = \"refuse\"\nvex = \"counts\"\nmax_age_days = 20";

#[test]
fn vulnerabilities_break_the_limit_and_what_is_not_known_is_never_good() {
    let mut world = world();
    assert_eq!(
        violated(&world.judged(VULNERABILITY)),
        [
            "vulnerability.limit web/lodash",
            "vulnerability.unscored web/lodash",
            "vulnerability.unchecked net 1",
            "vulnerability.age bundle"
        ]
    );
    let lenient = VULNERABILITY.replace("refuse", "allow").replace("20", "21").replace("medium", "critical");
    let verdict = world.judged(&lenient);
    assert!(verdict.is_met);
    let open: Vec<_> = verdict.not_checked.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(open, ["vulnerability.unscored", "vulnerability.unchecked"]);
    assert_eq!(verdict.passed, [PolicyRule::VulnerabilityLimit, PolicyRule::VulnerabilityAge]);

    // What a vendor says counts where the policy says so.
    for one in &mut world.vulnerabilities.found {
        one.places[0].status = Some(Status::NotAffected);
    }
    let kept = violated(&world.judged(VULNERABILITY));
    assert!(!kept.iter().any(|one| one.contains("limit")), "{kept:?}");
    let shown = violated(&world.judged(&VULNERABILITY.replace("counts", "shown")));
    assert!(shown.iter().any(|one| one.contains("limit")), "{shown:?}");

    // Without data nothing is good, whether there are packages or not.
    world.vulnerabilities = Vulnerabilities {
        data: None,
        age_days: None,
        compared: 0,
        found: Vec::new(),
        declared: Vec::new(),
        declared_unused: 0,
        not_checked: Vec::new(),
    };
    assert_eq!(violated(&world.judged(VULNERABILITY)), ["vulnerability.age bundle"]);
    let verdict = world.judged(&lenient);
    assert_eq!(verdict.not_checked.len(), 2);
    assert!(!verdict.passed.contains(&PolicyRule::VulnerabilityUnchecked));
}

#[test]
fn a_scan_counts_for_its_bundle_with_what_it_found_missed_and_how_old_it_is() {
    let policy =
        "[scan]\nengine = \"ClamAV*\"\nunseen = \"refuse\"\nmax_age_days = 7\nsignatures_max_age_days = 3";
    let (fresh, dated) = ("2026-11-20T00:00:00Z", "Fri Nov 20 08:23:00 2026");
    let changed = |change: fn(&mut Ledger)| {
        let mut scan = scan("", 0, fresh, dated);
        change(&mut scan);
        scan
    };
    let found =
        &format!(r#"{{"path":"web/eicar","signature":"Eicar","bytes":68,"sha256":"{}"}}"#, Digest::of(b""));
    for (scans, expected) in [
        (vec![scan("", 0, fresh, dated)], &[][..]),
        (vec![scan(found, 0, fresh, dated)], &["scan.found web/eicar"]),
        // A later scan does not undo what one found.
        (
            vec![scan(found, 0, "2026-11-19T00:00:00Z", dated), scan("", 0, fresh, dated)],
            &["scan.found web/eicar"],
        ),
        (vec![scan("", 2, fresh, dated)], &["scan.unseen bundle"]),
        (vec![scan("", 0, "2026-11-10T00:00:00Z", dated)], &["scan.age bundle"]),
        (vec![scan("", 0, "2026-11-30T00:00:00Z", dated)], &["scan.age bundle"]),
        (vec![scan("", 0, fresh, "Fri Nov  6 08:23:00 2026")], &["scan.age bundle"]),
        (vec![scan("", 0, fresh, "soon")], &["scan.age bundle"]),
        (vec![changed(|scan| scan.statement = Digest::of(b"other"))], &["scan.missing bundle"]),
        (vec![changed(|scan| scan.failure = Some("it died".to_owned()))], &["scan.missing bundle"]),
    ] {
        let world = World { scans, ..world() };
        assert_eq!(violated(&world.judged(policy)), expected);
    }
    let other = World { scans: vec![scan("", 0, fresh, dated)], ..world() };
    assert_eq!(
        violated(&other.judged("[scan]\nengine = \"Other*\"\nunseen = \"allow\"")),
        ["scan.missing bundle"]
    );
}

#[test]
fn what_can_only_come_later_is_said_to_be_later_and_is_not_kept() {
    let world = world();
    let policy = "[seal]\napprovals = 9\nconditions = [\"x\"]\n[scan]\nunseen = \"refuse\"";
    let none = CountedWaivers::default();
    let packing = world.at_stage(policy, Stage::Packing, &none);
    assert!(packing.is_met && packing.passed.is_empty());
    assert_eq!(packing.later.len(), 5);
    let approving = world.at_stage(policy, Stage::ApprovalCheck, &none);
    assert_eq!(violated(&approving), ["scan.missing bundle"]);
    assert_eq!(approving.later, [PolicyRule::SealApprovals, PolicyRule::SealConditions]);
}

fn waiver(rule: &str, at_place: Option<&str>) -> CountedWaivers {
    let scope = WaiverScope {
        scenario: name("air-gapped"),
        statement: None,
        rule: name(rule),
        at: at_place.map(str::to_owned),
    };
    let waiver = Waiver::new(scope, now(), at("2026-12-01T00:00:00Z"), "agreed".parse().unwrap());
    let id: KeyId = "0".repeat(64).parse().unwrap();
    let who = vec![Who { name: name("carol"), id }];
    CountedWaivers { granted: vec![Granted { waiver, who }], set_aside: Vec::new() }
}

#[test]
fn a_waiver_lets_through_its_rule_at_its_places_and_nothing_else() {
    let world = world();
    let policy = "[content]\nconfig = [\"executable\"]\nunread = \"allow\"";
    for (waiver, left) in [
        (waiver("content.executable", None), 0),
        (waiver("content.executable", Some("server/*.sh")), 1),
        (waiver("content.executable", Some("*.sh*")), 1),
        (waiver("content.executable", Some("web/*")), 2),
        (waiver("content.script", None), 2),
    ] {
        let verdict = world.at_stage(policy, Stage::Verifying, &waiver);
        assert_eq!((verdict.violations.len(), verdict.waived.len()), (left, 2 - left));
        assert_eq!(verdict.is_met, left == 0);
        assert!(!verdict.passed.contains(&PolicyRule::ContentExecutable), "waived is not kept");
    }
    let verdict = world.at_stage(policy, Stage::Verifying, &waiver("content.executable", None));
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["waived"][0]["rule"], "content.executable");
    assert_eq!(json["waived"][0]["by"][0], "carol");
    assert_eq!(json["waived"][0]["reason"], "agreed");
}

#[test]
fn what_travels_beside_layers_is_forbidden_what_files_are() {
    let mut world = world();
    let digest = Digest::of(b"attached");
    world.analysis.attached.push(Attached {
        item: name("web"),
        manifest: Digest::of(b"referrer"),
        digest,
        media_type: "text/plain".to_owned(),
        size: 9,
        class: FileClass::Script("/bin/sh".into()),
        secrets: vec![LintFinding::new(LintRule::ContentSecret, "attached", "a token", "take it out")],
    });
    let at = format!("web, attached: {digest}");
    for (forbidden, rules) in
        [("script", &["content.script"][..]), ("executable", &["content.executable"]), ("setuid", &[])]
    {
        let verdict = world.judged(&format!("[content]\nimage = [\"{forbidden}\"]\nunread = \"allow\""));
        let of_it: Vec<_> = verdict.violations.iter().filter(|one| one.at == at).collect();
        assert_eq!(of_it.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), rules, "{forbidden}");
    }
    let verdict = world.judged("[content]\nimage = [\"secret\"]\nunread = \"allow\"");
    assert!(verdict.violations.iter().any(|one| one.at == at && one.found == "a token"), "{verdict:?}");
    // What is forbidden in documents alone is not asked of it.
    let verdict = world.judged("[content]\ndoc = [\"script\", \"secret\"]\nunread = \"allow\"");
    assert!(verdict.violations.iter().all(|one| one.at != at), "{verdict:?}");
}

#[test]
fn a_million_violations_are_counted_and_a_thousand_listed() {
    let mut world = world();
    let anomaly = Anomaly::new(AnomalyKind::Setuid, "x", "");
    world.analysis.layers[0].anomalies = vec![anomaly; 1_000_000];
    let verdict = world.judged("[content]\nimage = [\"setuid\"]\nunread = \"allow\"");
    assert_eq!(verdict.violations.len(), 1_000);
    assert_eq!(verdict.unlisted.get("content.setuid"), Some(&999_000));
}
