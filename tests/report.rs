//! The report: what it says of real bundles, that nothing from outside becomes markup in it, and what it looks like.

use crate::cli::Shop;
use crate::support::{self, Authorities, LIMITS, conditions};
use sealift_audit::account::ByteAccount;
use sealift_audit::analysis::anomaly::{Anomaly, AnomalyKind};
use sealift_audit::analysis::class::{Elf, FileClass};
use sealift_audit::analysis::config::ImageConfig;
use sealift_audit::analysis::{
    AnalysisFindings, Attached, BundleAnalysis, ItemAnalysis, Layer, LayerEntry, LayerNode, LayerSpot, Sums,
    Unchecked, View,
};
use sealift_audit::diff::{
    self, BundleDifference, ChangeAt, ChangeKind, DiffHead, DiffLines, Executable, FactChange, Field,
    FilesOf, FindingChange, Hunk, HunkLine, ItemChange, LineMark, LinesOutcome, Missing, PackageChange,
    PackageStep, Right, RightChange, TextChange,
};
use sealift_audit::finding::{FindingPlace, LintFinding, LintRule};
use sealift_audit::layer::Compression;
use sealift_audit::packages::{Ecosystem, Package, System};
use sealift_audit::policy::{self, AsideLine, PolicyVerdict, Stage, Violation, Waived};
use sealift_audit::report::document::{ReportDocument, SectionPart};
use sealift_audit::report::facts::{ReportEvidence, ReportFacts};
use sealift_audit::report::markdown::markdown;
use sealift_audit::report::page::html;
use sealift_audit::report::sections::report;
use sealift_audit::scan::Ledger;
use sealift_audit::vulnerability::severity::Severity;
use sealift_audit::vulnerability::vex::{Declared, Status};
use sealift_audit::vulnerability::{NotChecked, Vulnerabilities, Vulnerability};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::oci::ReferrerEntry;
use sealift_bundle::format::site_inputs::{Parameter, Selection, SiteInputs, SiteSecret};
use sealift_bundle::format::statement::Totals;
use sealift_bundle::inspect::{ApprovalLine, ItemLine, Overview, SignerLine};
use sealift_bundle::trust::verify::{Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::format::Format;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What people write who want a page, a ticket or a terminal to do something.
fn bad(place: &str) -> String {
    format!(
        "{place}<script>alert(1)</script>\"'& onload=x `b` ``c`` | \\| [l](javascript:alert(1)) ![i](http://x/) @all *e* \
         <!-- --> ]]> &lt; {{{{x}}}} \u{202e}\u{200b}\u{1b}[31m\u{0}\r\n# h\n| a | b |\n</style></title></svg>"
    )
}

/// Everything that a report is made from, with the worst in every text, and so many rows in every list.
struct Hostile {
    overview: Overview,
    analysis: BundleAnalysis,
    account: ByteAccount,
    evidence: Vec<ReportEvidence>,
    bundle: String,
    changes: BundleDifference,
    vulnerabilities: Vulnerabilities,
    verdict: PolicyVerdict,
    scans: Vec<Ledger>,
}

/// What changed, what is known, what was judged and scanned, each with the worst in every text.
fn asked(rows: usize) -> (BundleDifference, Vulnerabilities, PolicyVerdict, Vec<Ledger>) {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let name = |text: &str| text.parse::<sealift_bundle::value::name::Name>().unwrap();
    let time = || "2026-11-20T00:00:00Z".parse::<Timestamp>().unwrap();
    let at = || vec![bad("in"), bad("in 2"), bad("in 3"), bad("in 4")];
    let fact = |number: usize| FactChange {
        field: Field::Environment,
        key: bad(&format!("key {number}")),
        from: Some(bad("from")),
        to: Some(bad("to")),
    };
    let head = |label: &str| DiffHead {
        kind: diff::InputKind::Bundle,
        label: bad(label),
        statement: Some(digest("a")),
        name: Some(bad("older name")),
        version: Some(bad("older version")),
        created: Some(bad("created")),
        items: None,
        stored: None,
    };
    let each = |make: &dyn Fn(usize) -> FactChange| (0..rows).map(make).collect::<Vec<_>>();
    let package = Package {
        ecosystem: Ecosystem::Deb,
        namespace: None,
        name: bad("weak package"),
        version: bad("weak version"),
        architecture: Some(bad("weak architecture")),
        source: None,
        licenses: Vec::new(),
    };
    let changes = BundleDifference {
        verdict: diff::DiffVerdict::Different,
        a: head("older"),
        b: head("newer"),
        rights: (0..rows)
            .map(|number| ChangeAt {
                change: RightChange {
                    turn: ChangeKind::New,
                    right: Right::Setuid,
                    path: bad(&format!("right {number}")),
                    from: Some(bad("from")),
                    to: Some(bad("to")),
                },
                items: at(),
            })
            .collect(),
        executables: vec![ChangeAt {
            change: Executable { turn: ChangeKind::Changed, path: bad("program"), class: bad("class") },
            items: at(),
        }],
        findings: vec![ChangeAt {
            change: FindingChange {
                turn: ChangeKind::New,
                kind: "content.secret",
                path: bad("found path"),
                message: bad("found message"),
            },
            items: at(),
        }],
        facts: each(&fact),
        root: Vec::new(),
        items: vec![ItemChange {
            turn: ChangeKind::Changed,
            kind: ItemKind::Image,
            name: name("app"),
            before: Some(name("app-before")),
            same_tag: true,
            reference: Some(bad("reference")),
            from: Some(digest("a")),
            to: Some(digest("b")),
            stored_from: Some(1),
            stored_to: Some(2),
            repacked: false,
            facts: vec![fact(0)],
        }],
        packages: vec![ChangeAt {
            change: PackageChange {
                step: PackageStep::Down,
                ecosystem: Ecosystem::Deb,
                name: bad("moved package"),
                architecture: Some(bad("architecture")),
                from: Some(bad("from")),
                to: Some(bad("to")),
            },
            items: at(),
        }],
        settings: vec![ChangeAt { change: fact(0), items: at() }],
        texts: vec![
            TextChange {
                item: bad("text item"),
                path: bad("text path"),
                outcome: LinesOutcome::Lines(DiffLines {
                    added: 1,
                    removed: 1,
                    hunks: vec![Hunk {
                        old: 1,
                        new: 1,
                        lines: vec![HunkLine { mark: LineMark::New, text: bad("line") + "```" }],
                    }],
                    unlisted: 0,
                    coarse: false,
                }),
            },
            TextChange {
                item: bad("unread item"),
                path: bad("unread path"),
                outcome: LinesOutcome::Unread { reason: bad("unread reason") },
            },
        ],
        layers: Vec::new(),
        files: vec![FilesOf { item: bad("files of"), ..FilesOf::default() }],
        blobs: None,
        not_compared: vec![Missing { what: bad("not compared"), reason: bad("no comparison") }],
    };
    let known = (0..rows).map(|number| Vulnerability {
        id: bad(&format!("weakness {number}")),
        aliases: vec![bad("alias")],
        summary: Some(bad("summary")),
        severity: Severity::default(),
        package: package.clone(),
        fixed: vec![bad("fixed")],
        published: None,
        modified: None,
        places: Vec::new(),
    });
    let vulnerabilities = Vulnerabilities {
        data: None,
        age_days: Some(3),
        compared: 1,
        found: known.collect(),
        declared: vec![Declared {
            document: bad("document"),
            digest: digest("vex"),
            author: bad("author"),
            said: None,
            vulnerability: bad("vulnerability"),
            status: Status::NotAffected,
            justification: Some(bad("justification")),
            impact: Some(bad("impact")),
            action: Some(bad("action")),
        }],
        declared_unused: 0,
        not_checked: vec![NotChecked { reason: bad("gap"), packages: 2, examples: vec![bad("example")] }],
    };
    let violation = |number: usize| Violation {
        rule: policy::rule::PolicyRule::ContentSecret,
        at: bad(&format!("violated {number}")),
        found: bad("violation"),
    };
    let verdict = PolicyVerdict {
        policy: name("office"),
        policy_digest: digest("policy"),
        statement: digest("statement"),
        stage: Stage::ApprovalCheck,
        is_met: false,
        violations: (0..rows).map(violation).collect(),
        waived: vec![Waived {
            violation: violation(0),
            reason: bad("waiver"),
            until: time(),
            by: vec![name("carol")],
        }],
        not_checked: vec![violation(1)],
        later: Vec::new(),
        passed: Vec::new(),
        unlisted: BTreeMap::new(),
        set_aside: vec![AsideLine { who: bad("whose"), why: bad("aside") }],
        rules: Vec::new(),
    };
    let one = serde_json::json!({ "count": 1, "bytes": 1 });
    let gap = serde_json::json!({ "path": bad("unseen path"), "bytes": 1, "reason": bad("unseen reason") });
    let scan = serde_json::json!({
        "_type": "https://sealift.dev/scan/v1", "statement": digest("statement"), "name": "sample", "version": "1.0",
        "engine": { "asked": bad("engine"), "dated": bad("dated") }, "depth": 1, "max_size": 1, "started": time(),
        "ended": time(), "outcome": "engine-failed", "failure": bad("failure"),
        "totals": {
            "leaves": one, "seen": one, "unseen": one, "opened": one, "opened_and_seen": one, "found": 1, "unopened": 1,
        },
        "parts": [],
        "found": [{ "path": bad("found in"), "signature": bad("signature"), "bytes": 1, "sha256": digest("found") }],
        "unseen": [gap], "unopened": [gap],
    });
    (changes, vulnerabilities, verdict, vec![serde_json::from_value(scan).unwrap()])
}

impl Hostile {
    fn new(rows: usize) -> Self {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let name = |text: &str| text.parse().unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let entry = |number: usize| LayerEntry {
            path: bad(&format!("path {number}")).into(),
            node: LayerNode::File {
                size: 1000 + number as u64,
                sha256: Some(digest("x")),
                class: if number.is_multiple_of(2) {
                    FileClass::Script(bad("interpreter").into())
                } else {
                    FileClass::Elf(Elf::Program)
                },
            },
            mode: 0o4755,
            uid: 0,
            gid: 0,
            capabilities: None,
        };
        let package = |number: usize| Package {
            ecosystem: Ecosystem::Npm,
            namespace: Some(bad("namespace")),
            name: bad(&format!("package {number}")),
            version: bad("version"),
            architecture: Some(bad("architecture")),
            source: None,
            licenses: vec![bad("license"), bad(&format!("license {number}"))],
        };
        let anomaly = |number: usize| {
            let kind = AnomalyKind::ALL[number % AnomalyKind::ALL.len()];
            Anomaly::new(kind, &bad(&format!("odd {number}")), bad("detail"))
        };
        let secret = |number: usize| {
            let mut found =
                LintFinding::new(LintRule::ContentSecret, &bad("about"), bad("message"), bad("fix"));
            if number.is_multiple_of(2) {
                found = found.at(FindingPlace { path: bad(&format!("place {number}")), line: Some(7) });
            }
            found
        };
        let view = |platform: &str| View {
            platform: Some(bad(platform)),
            manifest: digest("manifest"),
            config: Some(ImageConfig {
                user: bad("user"),
                created: Some(bad("created")),
                entrypoint: vec![bad("entrypoint")],
                cmd: vec![bad("cmd")],
                env: vec![bad("env")],
                working_dir: bad("dir"),
                ports: vec![bad("port")],
                volumes: vec![bad("volume")],
                labels: BTreeMap::from([(bad("key"), bad("value"))]),
                history: vec![bad("history")],
                ..ImageConfig::default()
            }),
            layers: vec![0],
            system: Some(System { id: bad("id"), version: Some(bad("v")), name: bad("system") }),
            packages: (0..rows)
                .map(|number| AnalysisFindings {
                    package: package(number),
                    path: bad("found"),
                    layer: digest("layer"),
                })
                .collect(),
            visible: Vec::new(),
            shadowed: (0..rows as u32).map(|entry| LayerSpot { layer: 0, entry }).collect(),
            sums: Sums { files: 7, bytes: 9000, executables: 3, shadowed: 1, shadowed_bytes: 10 },
            anomalies: vec![anomaly(0)],
            secrets: vec![secret(0)],
        };
        let analysis = BundleAnalysis {
            items: vec![ItemAnalysis {
                name: name("app"),
                kind: ItemKind::Image,
                root: digest("index"),
                views: vec![view("linux/amd64"), view("linux/arm64")],
            }],
            layers: vec![Layer {
                digest: digest("layer"),
                stored: 500_000,
                compression: Compression::Gzip,
                size: 900_000,
                diff_id: None,
                entries: (0..rows).map(entry).collect(),
                anomalies: (0..rows).map(anomaly).collect(),
                secrets: (0..rows).map(secret).collect(),
                announced: Vec::new(),
            }],
            attached: vec![Attached {
                item: name("app"),
                manifest: digest("referrer"),
                digest: digest("attached"),
                media_type: bad("attached"),
                size: 8,
                class: FileClass::Script(bad("attached to").into()),
                secrets: vec![secret(1)],
            }],
            unchecked: (0..rows)
                .map(|number| Unchecked {
                    layer: Some(digest("layer")),
                    what: bad(&format!("what {number}")),
                    reason: bad("reason"),
                    bytes: Some(12),
                })
                .collect(),
        };
        let overview = Overview {
            statement: digest("statement"),
            name: name("sample"),
            version: name("1.0"),
            scenario: name("air-gapped"),
            epoch: 1,
            sequence: 2,
            created: time("2026-11-01T00:00:00Z"),
            expires: Some(time("2027-11-01T00:00:00Z")),
            lock: digest("lock"),
            tool: bad("tool"),
            root_version: 1,
            signers: vec![SignerLine {
                name: name("packer"),
                role: bad("role"),
                key: bad("key"),
                words: bad("words"),
            }],
            approvals: vec![ApprovalLine {
                name: name("approver"),
                key: bad("key"),
                approved: time("2026-11-02T00:00:00Z"),
                conditions: vec![name("malware-scan")],
                out_of_order: Some(bad("out of order")),
            }],
            approvals_demanded: Some(2),
            warnings: vec![bad("warning")],
            selection: Selection { withheld: vec![digest("withheld")], ..Selection::default() },
            needs: SiteInputs {
                parameters: vec![Parameter {
                    name: name("host"),
                    description: bad("description"),
                    format: Format::Text,
                    choices: vec![bad("choice")],
                    default: Some(bad("default")),
                }],
                secrets: vec![SiteSecret { name: name("password"), description: bad("description") }],
            },
            totals: Totals { items: 1, blobs: 3, bytes: 500_000 },
            items: vec![ItemLine {
                name: name("app"),
                kind: ItemKind::Image,
                origin: bad("origin"),
                license: Some(bad("license")),
                version: Some(bad("version")),
                file_kind: None,
                audience: Some(vec![name("partner")]),
                priority: None,
                template: false,
                reference: Some(bad("reference")),
                digest: digest("index"),
                platforms: vec![bad("platform")],
                withheld: vec![digest("arm64")],
                referrers: vec![digest("referrer")],
                blobs: 3,
                stored: 500_000,
            }],
        };
        let evidence = ReportEvidence {
            item: name("app"),
            referring: ReferrerEntry {
                media_type: bad("media type"),
                digest: digest("referrer"),
                size: 12,
                artifact_type: Some(bad("artifact type")),
                annotations: BTreeMap::from([(bad("key"), bad("value"))]),
            },
            tag: Some(bad("tag")),
        };
        let account = ByteAccount { size: 1, shares: Vec::new() };
        let (changes, vulnerabilities, verdict, scans) = asked(rows);
        let bundle = bad("bundle.sealift");
        let evidence = vec![evidence];
        Self { overview, analysis, account, evidence, bundle, changes, vulnerabilities, verdict, scans }
    }

    fn document(&self) -> ReportDocument {
        report(&ReportFacts {
            written: support::today(),
            bundle: &self.bundle,
            trust: "root.json",
            overview: &self.overview,
            previous: Some(Digest::of(b"previous")),
            sums: Digest::of(b"sums"),
            account: &self.account,
            analysis: &self.analysis,
            evidence: &self.evidence,
            changes: Some(&self.changes),
            vulnerabilities: Some(&self.vulnerabilities),
            verdict: Some(&self.verdict),
            scans: &self.scans,
        })
    }
}

/// What a reader of the page sees; fails where something is wrong with it.
fn seen(page: &Path) -> String {
    let output =
        Command::new("python3").args(["tests/page_check.py".as_ref(), page.as_os_str()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What Chromium makes of a page with scripts switched off; the pictures lie in `folder` then.
fn browse(page: &Path, folder: &Path, pictures: &[&str]) -> serde_json::Value {
    let mut command = Command::new("python3");
    command.arg("tests/browser.py").args([page, folder]).args(pictures).env("HOME", folder);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs python3 and chromium: {told}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["asked"], serde_json::json!([format!("file://{}", page.display())]), "it loads nothing");
    for (name, widths) in told["widths"].as_object().unwrap() {
        assert_eq!(widths[0], widths[1], "{name} has to be scrolled sideways");
    }
    told
}

#[test]
fn j24_nothing_from_outside_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let document = Hostile::new(30).document();
    let text = html(&document);
    for part in ["<script", "<!--", "onload=\"", "javascript:alert(1)\"", "\u{202e}", "\u{1b}", "\0"] {
        assert!(!text.contains(part), "{part:?}");
    }
    let page = folder.path().join("page.html");
    std::fs::write(&page, &text).unwrap();
    let words = seen(&page);
    // It is shown all the same: every place where a text from outside is said.
    for place in [
        "path 0",
        "interpreter",
        "package 7",
        "namespace",
        "version",
        "license 9",
        "odd 3",
        "detail",
        "place 2",
        "message",
        "fix",
        "linux/arm64",
        "user",
        "entrypoint",
        "cmd",
        "port",
        "system",
        "what 3",
        "reason",
        "tool",
        "role",
        "key",
        "words",
        "out of order",
        "warning",
        "origin",
        "reference",
        "default",
        "description",
        "artifact type",
        "value",
        "bundle.sealift",
        "right 3",
        "program",
        "class",
        "found message",
        "key 3",
        "moved package",
        "text path",
        "line",
        "unread reason",
        "files of",
        "not compared",
        "older version",
        "weakness 3",
        "weak package",
        "fixed",
        "justification",
        "author",
        "gap",
        "example",
        "violated 3",
        "violation",
        "waiver",
        "whose",
        "engine",
        "dated",
        "failure",
        "signature",
        "unseen reason",
        "unseen path",
    ] {
        let shown = format!("{place}<script>alert(1)</script>\"'&");
        assert!(words.contains(&shown), "{place} is not shown");
    }
    // As the browser reads it, there are no other elements than those that were written.
    let told = browse(&page, folder.path(), &["phone:light:360:1"]);
    let elements = told["elements"].as_object().unwrap();
    assert!(elements.len() > 30);
    for (element, count) in elements {
        let written = [format!("<{element}>"), format!("<{element} ")];
        let written: usize = written.iter().map(|start| text.matches(start.as_str()).count()).sum();
        assert_eq!(count.as_u64(), Some(written as u64), "{element}");
    }
}

/// A text of Markdown without what stands in fences and in code spans (CommonMark 6.1: a run of backticks opens a span
/// that the next run of the same length ends).
fn outside_code(text: &str) -> String {
    let mut lines = Vec::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let run: String = line.chars().take_while(|character| *character == '`').collect();
        match &fence {
            Some(open) if run.len() >= open.len() && line == run => fence = None,
            Some(_) => {}
            None if run.len() >= 3 && !line[run.len()..].contains('`') => fence = Some(run),
            None => lines.push(line),
        }
    }
    assert!(fence.is_none(), "a fence is not closed");
    let mut outside = String::new();
    for line in lines {
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            // What a backslash escapes opens nothing.
            if rest[..at].chars().rev().take_while(|character| *character == '\\').count() % 2 == 1 {
                outside += &rest[..=at];
                rest = &rest[at + 1..];
                continue;
            }
            outside += &rest[..at];
            let run = rest[at..].chars().take_while(|character| *character == '`').count();
            let after = &rest[at + run..];
            let mut end = None;
            let mut from = 0;
            while let Some(next) = after[from..].find('`') {
                let here = from + next;
                let length = after[here..].chars().take_while(|character| *character == '`').count();
                if length == run {
                    end = Some(here + run);
                    break;
                }
                from = here + length;
            }
            let end = end.unwrap_or_else(|| panic!("a code span is not closed: {line}"));
            rest = &after[end..];
        }
        outside += rest;
        outside.push('\n');
    }
    outside
}

#[test]
fn j24_markdown_keeps_what_comes_from_outside_in_code_spans() {
    let text = markdown(&Hostile::new(30).document());
    let outside = outside_code(&text);
    for part in ["<", "alert", "javascript", "@all", "http", "\u{202e}", "\u{1b}", "\0", "\r", "{{"] {
        let plain = outside.replace("\\<", "");
        assert!(!plain.contains(part), "{part:?}");
    }
    assert!(text.contains("alert(1)"));
    // Every row of a table has as many cells as its head, however a reader counts escaped bars.
    let mut cells = None;
    for line in text.lines() {
        if !line.starts_with("| ") {
            cells = None;
            continue;
        }
        let mut bars = 0;
        let mut backslashes = 0;
        for character in line.chars() {
            bars += usize::from(character == '|' && backslashes % 2 == 0);
            backslashes = if character == '\\' { backslashes + 1 } else { 0 };
        }
        assert_eq!(*cells.get_or_insert(bars), bars, "{line}");
    }
}

#[test]
fn ten_thousand_of_everything_are_counted_and_the_page_stays_small() {
    let hostile = Hostile::new(10_000);
    let started = Instant::now();
    let document = hostile.document();
    let page = html(&document);
    let text = markdown(&document);
    let took = started.elapsed();
    println!("10,000 of everything: page {} bytes, Markdown {} bytes, {took:?}", page.len(), text.len());
    assert!(page.len() < 5_000_000, "{}", page.len());
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(page.contains("9,600 more are not shown here"), "it says how many there are");
    let full = document.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
        SectionPart::Table(table) => Some((table.rows.len() as u64, table.total)),
        _ => None,
    });
    assert!(full.clone().all(|(rows, total)| rows == total), "`--json` has every row");
    assert!(full.filter(|(rows, _)| *rows >= 10_000).count() >= 5);
    // Equal facts, equal bytes.
    assert_eq!(page, html(&hostile.document()));
}

#[test]
fn every_byte_of_every_bundle_belongs_to_something() {
    let authorities = Authorities::new();
    let folder = tempfile::tempdir().unwrap();
    let mut drafts = [support::draft(), support::sample(folder.path()), support::draft()];
    drafts[2].items = vec![
        support::signed_image(folder.path(), "app", "registry.example.com/app:1", &[b"one", b"two"]),
        support::tree(folder.path(), "same-a", ItemKind::Doc, &[("a", support::Put::File(b"a"))]),
        support::tree(folder.path(), "same-b", ItemKind::File, &[("a", support::Put::File(b"a"))]),
        support::tree(folder.path(), "empty", ItemKind::Config, &[]),
    ];
    for (number, draft) in drafts.iter().enumerate() {
        let place = folder.path().join(format!("out-{number}"));
        std::fs::create_dir(&place).unwrap();
        let sealed = authorities.pack(draft, &place);
        account_of(&sealed.path, &authorities.pinned);
    }
    let pinned =
        sealift_bundle::trust::chain::PinnedRoot::open(Path::new("tests/bundles/root.json"), &LIMITS)
            .unwrap();
    account_of(Path::new("tests/bundles/v1-0.1.0.sealift"), &pinned);
}

fn account_of(path: &Path, pinned: &sealift_bundle::trust::chain::PinnedRoot) {
    let file = support::open(path);
    let mut tape = sealift_bundle::format::member_reader::MemberReader::file(&file);
    let conditions = sealift_bundle::trust::verify::Conditions {
        approvals: sealift_bundle::trust::approval::ApprovalCheck::SkippedForInspection(
            &sealift_bundle::trust::approval::Approvals::none(),
        ),
        ..conditions()
    };
    let trusted = Trusted::open(&mut tape, pinned, &conditions).unwrap();
    let contents = verify_contents(&trusted, &mut tape, &conditions, &Looking(Depth::Stored)).unwrap();
    let size = std::fs::metadata(path).unwrap().len();
    assert_eq!(tape.position(), size, "{}", path.display());
    let account = ByteAccount::of(&trusted, &contents, size);
    assert!(account.is_exact(), "{}: {account:?}", path.display());
    let blobs: u64 = account
        .shares
        .iter()
        .filter(|share| {
            let what = share.what.as_str();
            what.contains("layers")
                || what.contains("configurations")
                || what.contains("invent")
                || what.contains("manifests")
        })
        .map(|share| share.bytes)
        .sum();
    assert_eq!(blobs, trusted.statement().predicate.totals.bytes, "{}", path.display());
}

#[test]
fn a_real_bundle_becomes_a_page_and_a_ticket() {
    let shop = Shop::packed();
    shop.fails("sealift report sample-1.0.0.sealift --trust root.json", 2, "cli.usage");
    shop.done("sealift report sample-1.0.0.sealift --trust root.json -o report.html --markdown report.md");
    let words = seen(&shop.path("report.html"));
    let inspected = shop.done("sealift inspect sample-1.0.0.sealift --trust root.json --json").out;
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    for text in [inspected["statement"].as_str().unwrap(), inspected["signers"][0]["words"].as_str().unwrap()]
    {
        assert!(words.contains(text), "{text}");
    }
    let size = shop.read("sample-1.0.0.sealift").len() as u64;
    let json = shop.done("sealift report sample-1.0.0.sealift --trust root.json --json").out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let section = |id: &str| {
        let sections = json["sections"].as_array().unwrap();
        sections
            .iter()
            .find(|section| section["id"] == id)
            .unwrap_or_else(|| panic!("no section {id}"))
            .clone()
    };
    let order: Vec<_> =
        json["sections"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(
        order,
        [
            "in-short",
            "changes",
            "size",
            "privileges",
            "packages",
            "findings",
            "sources",
            "signers",
            "scan",
            "bytes",
            "timeline",
            "policy",
            "unchecked",
            "without-us",
            "signatures"
        ]
    );
    let bytes = section("bytes");
    let table = bytes["blocks"].as_array().unwrap().iter().find(|block| block["type"] == "table").unwrap();
    let numbers: Vec<u64> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[2].as_str().unwrap().replace(',', "").parse().unwrap())
        .collect();
    let (sum, parts) = numbers.split_last().unwrap();
    assert_eq!((*sum, parts.iter().sum::<u64>()), (size, size));
    // What was not asked for was not checked, and is never called good.
    for id in ["changes", "packages", "scan", "policy"] {
        assert!(
            section(id)["blocks"].as_array().unwrap().iter().any(|block| block["type"] == "unchecked"),
            "{id}"
        );
    }
    for light in json["strip"].as_array().unwrap() {
        if ["Changes", "Vulnerabilities", "Malware", "Policy"].contains(&light["title"].as_str().unwrap()) {
            assert_eq!(light["tone"], "unknown", "{light}");
        }
    }
    // The commands against us, with the digests of this very bundle, are commands that work.
    let text = String::from_utf8(shop.read("report.md")).unwrap();
    let (_, without_us) = text.split_once("How to check this without sealift").unwrap();
    let commands: Vec<_> =
        without_us.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(commands.len(), 3);
    let script = format!(
        "mkdir check; cp sample-1.0.0.sealift check/; cp packer.pub check/; cd check\n{}",
        commands.concat()
    );
    let outcome = shop.done(&script);
    assert!(outcome.out.contains("Signature Verified Successfully"), "{}", outcome.shown());
    // Twice the same, but for the time.
    shop.done("sealift report sample-1.0.0.sealift --trust root.json --markdown again.md");
    let without_time = |name: &str| {
        let text = String::from_utf8(shop.read(name)).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.contains("this report was written") && !line.starts_with("Written "));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    snapbox::Assert::new().eq(without_time("again.md"), snapbox::Data::text(without_time("report.md")));
}

/// The tables of a section in the JSON of a report, by their captions.
fn captions(json: &serde_json::Value, id: &str) -> Vec<String> {
    let section = json["sections"].as_array().unwrap().iter().find(|section| section["id"] == id).unwrap();
    let tables = section["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "table");
    tables.map(|table| table["caption"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_asked_for_is_checked_and_a_policy_has_the_last_word() {
    let shop = Shop::packed();
    shop.done(
        r#"printf 'level=quiet\nport=1\n' > config/app.conf
        sed -i 's/version = "1.0.0"/version = "1.0.1"/' site.toml
        sealift lock site.toml --store store
        sealift pack site.toml --key packer.key --store store --passphrase-fd 0 <<<pw
        mkdir osv; printf '{"id":"X-1","modified":"2026-01-01T00:00:00Z","affected":[]}' > osv/x.json
        printf '%s\n' '[policy]' 'name = "office"' '[content]' 'config = ["script"]' 'unread = "refuse"' > policy.toml
        printf '#!/bin/sh\ncat > /dev/null\n' > engine; chmod +x engine
        sealift scan sample-1.0.1.sealift --trust root.json --engine "$PWD/engine" --ledger ledger.json || true"#,
    );
    let report = "sealift report sample-1.0.1.sealift --trust root.json --since sample-1.0.0.sealift --osv osv \
                  --policy policy.toml --ledger ledger.json -o report.html";
    shop.fails(report, 4, "policy.violated");
    let words = seen(&shop.path("report.html"));
    for text in ["Compared with sample 1.0.0", "content.script", "office", "The ledger is not signed"] {
        assert!(words.contains(text), "{text}: {words}");
    }
    let outcome = shop.run(&format!("{report} --json | head -1"));
    let json: serde_json::Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
    assert!(captions(&json, "changes").iter().any(|caption| caption == "Files"), "{json}");
    assert!(captions(&json, "policy").iter().any(|caption| caption == "Policy violations"));
    for light in json["strip"].as_array().unwrap() {
        assert_ne!(light["tone"], "unknown", "{light}");
    }
    // The ledger of another bundle says nothing about this one.
    let other = "sealift report sample-1.0.0.sealift --trust root.json --ledger ledger.json --json";
    let json: serde_json::Value = serde_json::from_str(&shop.done(other).out).unwrap();
    let malware = json["strip"].as_array().unwrap().iter().find(|light| light["title"] == "Malware").unwrap();
    assert_eq!(malware["tone"], "unknown");
}

#[test]
fn a_damaged_bundle_gets_no_report() {
    let shop = Shop::packed();
    shop.done("sed 's/handbook/handbooc/' sample-1.0.0.sealift > damaged.sealift");
    let outcome = shop.run("sealift report damaged.sealift --trust root.json -o report.html");
    assert_eq!(outcome.code, Some(3), "{}", outcome.shown());
    assert!(!shop.path("report.html").exists());
}

/// The pixels of an image as Chromium writes it, still filtered: enough to see whether there is anything in it.
fn colours(png: &Path) -> usize {
    let script = "import sys,zlib\nd=open(sys.argv[1],'rb').read()\np,b=8,b''\nwhile p<len(d):\n n=int.from_bytes(d[p:p+4],'big')\n if d[p+4:p+8]==b'IDAT': b+=d[p+8:p+8+n]\n p+=12+n\nprint(len(set(zlib.decompress(b))))";
    let output = Command::new("python3").args(["-c", script]).arg(png).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_browser_shows_it_in_light_and_dark_on_a_phone_enlarged_and_on_paper() {
    let shop = Shop::packed();
    shop.done("sealift report sample-1.0.0.sealift --trust root.json -o report.html");
    // A window of 1280 pixels at 200 % is one of 640.
    let pictures =
        ["light:light:1280:1", "dark:dark:1280:1", "phone:light:360:1", "enlarged:light:640:2", "paper"];
    browse(&shop.path("report.html"), &shop.path(""), &pictures);
    for name in ["light", "dark", "phone", "enlarged"] {
        let colours = colours(&shop.path(format!("{name}.png")));
        assert!(colours > 60, "{name} shows nothing: {colours}");
    }
    assert_ne!(shop.read("light.png"), shop.read("dark.png"), "dark is as light");
    assert!(shop.read("paper.pdf").starts_with(b"%PDF"));
}
