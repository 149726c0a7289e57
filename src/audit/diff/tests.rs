use super::*;
use crate::analysis::anomaly::{Anomaly, AnomalyKind as Odd};
use crate::analysis::class::FileClass;
use crate::analysis::config::ImageConfig;
use crate::analysis::{
    Attached, BundleAnalysis, ItemAnalysis, Layer, LayerEntry, LayerNode, LayerSpot, Sums, Unchecked, View,
};
use crate::finding::{LintFinding, LintRule};
use crate::layer::Compression;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A file of a layer whose class its content tells.
fn file(path: &str, mode: u16, content: &str) -> LayerEntry {
    let bytes = content.as_bytes();
    let (size, sha256, class) = (bytes.len() as u64, Digest::of(bytes), FileClass::of(bytes));
    entry(path, mode, LayerNode::File { size, sha256: Some(sha256), class })
}

fn entry(path: &str, mode: u16, node: LayerNode) -> LayerEntry {
    LayerEntry { path: path.into(), node, mode, uid: 0, gid: 0, capabilities: None }
}

fn layer(name: &str, entries: Vec<LayerEntry>) -> Layer {
    Layer {
        digest: Digest::of(name.as_bytes()),
        stored: 1000,
        compression: Compression::Gzip,
        size: 4000,
        diff_id: Some(Digest::of(format!("diff of {name}").as_bytes())),
        entries,
        anomalies: Vec::new(),
        secrets: Vec::new(),
        announced: Vec::new(),
    }
}

/// An image of one platform in which every entry can be seen.
fn image(name: &str, layers: Vec<Layer>, config: ImageConfig) -> Side {
    let mut visible: Vec<(String, LayerSpot)> = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        for (number, entry) in layer.entries.iter().enumerate() {
            let spot = LayerSpot { layer: at.try_into().unwrap(), entry: number.try_into().unwrap() };
            visible.push((entry.path.to_string(), spot));
        }
    }
    visible.sort();
    let print = format!("{:?}{config:?}", layers.iter().map(|layer| layer.digest).collect::<Vec<_>>());
    let manifest = Digest::of(print.as_bytes());
    let view = View {
        platform: Some("linux/amd64".to_owned()),
        manifest,
        config: Some(config),
        layers: (0..layers.len()).collect(),
        system: None,
        packages: Vec::new(),
        visible: visible.into_iter().map(|(_, spot)| spot).collect(),
        shadowed: Vec::new(),
        sums: Sums::default(),
        anomalies: Vec::new(),
        secrets: Vec::new(),
    };
    let name: Name = name.parse().unwrap();
    let item = ItemAnalysis { name: name.clone(), kind: ItemKind::Image, root: manifest, views: vec![view] };
    let mut side = Side::new(InputKind::Bundle, "x.sealift".to_owned());
    side.statement = Some(manifest);
    let mut facts = ItemFacts::default();
    facts.put(Field::Reference, Some("registry.example.com/app:1"));
    let item_of =
        DiffItem { kind: ItemKind::Image, digest: Some(manifest), facts, stored: Some(1000), tree: None };
    side.items = Some(BTreeMap::from([(name, item_of)]));
    side.analysis =
        Some(BundleAnalysis { items: vec![item], layers, attached: Vec::new(), unchecked: Vec::new() });
    side
}

fn config(user: &str) -> ImageConfig {
    ImageConfig {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        user: user.to_owned(),
        entrypoint: vec!["/app".to_owned()],
        ..ImageConfig::default()
    }
}

const PROGRAM: &str = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0";

#[test]
fn what_matters_most_comes_first() {
    let base = || vec![file("usr/bin/su", 0o4755, PROGRAM), file("etc/passwd", 0o644, "root\n")];
    let a = image("app", vec![layer("one", base())], config("app"));
    let mut new = base();
    new.push(file("usr/bin/backdoor", 0o4755, "#!/bin/sh\n"));
    new.push(file("etc/shadow", 0o666, "x"));
    new.push(entry("dev/sda", 0o660, LayerNode::Special { what: "block device 8:0".into() }));
    let mut two = layer("two", new);
    two.anomalies.push(Anomaly::new(Odd::NameControl, "a\u{1b}[31m", "it has \u{202e}"));
    let mut other = config("");
    other.ports.push("22/tcp".to_owned());
    other.entrypoint = vec!["/app".to_owned(), "--shell".to_owned()];
    other.env.push("DB_PASSWORD=Tr0ub4dor-and-3".to_owned());
    let b = image("app", vec![two], other);
    let found = compare_sides(&a, &b);
    assert_eq!(found.verdict, DiffVerdict::Different);
    let text = text(&found, ListExtent::Screen);
    let expected = [
        "rights: 6 gained, 0 with other content, 0 lost",
        "  ! runs as root: app -> root, as no user is named  in app",
        "  ! setuid usr/bin/backdoor: root  in app",
        "  ! device dev/sda: block device 8:0  in app",
        "  ! world-writable etc/shadow: file  in app",
        "  ! port: 22/tcp  in app",
        "  ! starts: /app -> /app --shell  in app",
        "executables: 1 new",
        "  + usr/bin/backdoor  script  in app",
        "secrets and anomalies: 1 new",
        "  ! name.control a\\u{1b}[31m: it has \\u{202e}  in app",
        "same tag, new digest",
        "how images are started",
        "  + environment DB_PASSWORD: (not shown: it looks like a secret)  in app",
        "layers of app: 0 as before",
        "files of app: 3 new",
    ];
    let mut from = 0;
    for line in expected {
        let at =
            text[from..].find(line).unwrap_or_else(|| panic!("`{line}` is missing, or earlier:\n{text}"));
        from += at + line.len();
    }
    assert!(!text.contains("Tr0ub") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    let json = serde_json::to_string(&found).unwrap();
    assert!(!json.contains("Tr0ub"), "{json}");
    // The other way round, what was gained is lost.
    let back = compare_sides(&b, &a);
    let lost: Vec<_> = back.rights.iter().filter(|at| at.change.turn == ChangeKind::Gone).collect();
    assert_eq!(lost.len(), 5, "{lost:?}");
}

#[test]
fn a_layer_that_was_only_built_anew_is_said_to_be() {
    let entries = || vec![file("a", 0o644, "a"), file("b", 0o755, PROGRAM)];
    let a = image("app", vec![layer("gzip", entries()), layer("times", entries())], config("app"));
    let mut zstd = layer("zstd", entries());
    zstd.diff_id = a.analysis.as_ref().unwrap().layers[0].diff_id;
    let mut turned = entries();
    turned.reverse();
    let b = image("app", vec![zstd, layer("other times", turned)], config("app"));
    let found = compare_sides(&a, &b);
    let turns: Vec<_> = found.layers[0].changes.iter().map(|change| change.turn).collect();
    assert_eq!(turns, [LayerTurn::Recompressed, LayerTurn::Rebuilt]);
    assert!(found.files.is_empty() && found.rights.is_empty() && found.executables.is_empty());
    assert_eq!(found.verdict, DiffVerdict::Different);
}

#[test]
fn a_file_under_another_path_has_moved_and_a_right_goes_with_it() {
    let a = image(
        "app",
        vec![layer("one", vec![file("old/su", 0o4755, PROGRAM), file("e", 0o644, "")])],
        config("x"),
    );
    let b = image(
        "app",
        vec![layer("two", vec![file("f", 0o644, ""), file("new/su", 0o4755, PROGRAM)])],
        config("x"),
    );
    let found = compare_sides(&a, &b);
    let turns: Vec<_> = found.files[0].changes.iter().map(|one| (one.turn, one.path.as_str())).collect();
    // Empty files are like each other, and no sign of a move.
    assert_eq!(turns, [(ChangeKind::Gone, "e"), (ChangeKind::New, "f"), (ChangeKind::Moved, "new/su")]);
    assert_eq!(found.files[0].changes[2].before.as_deref(), Some("old/su"));
    let rights: Vec<_> = found.rights.iter().map(|at| (at.change.turn, at.change.path.as_str())).collect();
    assert_eq!(rights, [(ChangeKind::New, "new/su"), (ChangeKind::Gone, "old/su")]);
    assert!(found.executables.is_empty());
}

#[test]
fn a_new_image_is_told_by_what_it_brings_that_was_nowhere() {
    let base = || layer("base", vec![file("usr/bin/su", 0o4755, PROGRAM)]);
    let a = image("app", vec![base()], config("app"));
    let mut b = image("app", vec![base()], config("app"));
    let own = layer("own", vec![file("usr/bin/new", 0o4755, "#!/bin/sh\n")]);
    let more = image("more", vec![base(), own], config("more"));
    b.statement = Some(Digest::of(b"another"));
    b.items.as_mut().unwrap().extend(more.items.unwrap());
    // The layers of the second image follow those of the first.
    let (analysis, mut added) = (b.analysis.as_mut().unwrap(), more.analysis.unwrap());
    for view in &mut added.items[0].views {
        view.layers = vec![1, 2];
        view.visible.iter_mut().for_each(|spot| spot.layer += 1);
    }
    analysis.layers.extend(added.layers);
    analysis.items.extend(added.items);
    let found = compare_sides(&a, &b);
    let rights: Vec<_> = found.rights.iter().map(|at| (at.change.right, at.change.path.as_str())).collect();
    assert_eq!(rights, [(Right::Setuid, "usr/bin/new"), (Right::Start, "")]);
    assert!(found.rights.iter().all(|at| at.items == ["more"]));
    let paths: Vec<_> = found.executables.iter().map(|at| at.change.path.as_str()).collect();
    assert_eq!(paths, ["usr/bin/new"]);
    assert_eq!(found.items.len(), 1);
    assert_eq!((found.items[0].turn, found.items[0].name.as_str()), (ChangeKind::New, "more"));
}

#[test]
fn what_was_not_looked_at_is_not_equal() {
    let mut side = image("app", vec![layer("one", vec![file("a", 0o644, "a")])], config("app"));
    let mut other = side.clone();
    assert_eq!(compare_sides(&side, &other).verdict, DiffVerdict::Equal);
    // A lock of the same content: no one has sealed it.
    other.kind = InputKind::Lock;
    (other.statement, other.analysis) = (None, None);
    let found = compare_sides(&other, &side);
    assert_eq!(found.verdict, DiffVerdict::Incomplete);
    assert!(
        text(&found, ListExtent::Screen)
            .contains("? the statement, and with it who sealed it: `x.sealift` is a lock")
    );
    // Another digest, and nothing to look into.
    other.items.as_mut().unwrap().values_mut().for_each(|item| item.digest = Some(Digest::of(b"other")));
    let found = compare_sides(&other, &side);
    assert_eq!(found.verdict, DiffVerdict::Different);
    let missing = text(&found, ListExtent::Screen);
    assert!(missing.contains("? layers, packages, files and rights of the image `app`"), "{missing}");
    // A receipt names the bundle, whose statement commits to every byte.
    let mut receipt = Side::new(InputKind::Receipt, "receipt.json".to_owned());
    receipt.statement = side.statement;
    assert_eq!(compare_sides(&receipt, &side).verdict, DiffVerdict::Equal);
    receipt.statement = Some(Digest::of(b"other"));
    assert_eq!(compare_sides(&receipt, &side).verdict, DiffVerdict::Different);
    // A layer that the observer could not read.
    let unread = Unchecked {
        layer: Some(Digest::of(b"new")),
        what: "the layer".to_owned(),
        reason: "it is damaged".to_owned(),
        bytes: None,
    };
    side.analysis.as_mut().unwrap().unchecked.push(unread);
    let mut before = side.clone();
    before.statement = Some(Digest::of(b"before"));
    before.analysis.as_mut().unwrap().unchecked.clear();
    assert!(compare_sides(&before, &side).not_compared.iter().any(|one| one.reason == "it is damaged"));
}

#[test]
fn e13_many_entries_take_time_in_proportion() {
    let side = |count: u32, salt: &str| {
        let entries = (0..count).map(|at| file(&format!("usr/share/{at:07}"), 0o644, &format!("{salt}{at}")));
        image("app", vec![layer(salt, entries.collect())], config("app"))
    };
    let time = |count| {
        let (a, b) = (side(count, "a"), side(count, "b"));
        let start = Instant::now();
        let found = compare_sides(&a, &b);
        let shown = text(&found, ListExtent::Screen);
        let took = start.elapsed();
        assert_eq!(found.files[0].counts.get(&ChangeKind::Changed), Some(&u64::from(count)));
        assert!(shown.lines().count() < 60, "one screen: {shown}");
        took
    };
    let (few, many) = (time(4000), time(32_000));
    // Eight times as many; if the time grew with the square, it would be 64 times as long.
    assert!(many < few * 8 * 4 + Duration::from_secs(2), "4,000 entries: {few:?}; 32,000: {many:?}");
}

#[test]
fn programs_and_secrets_beside_layers_come_and_go() {
    let side = |contents: &[&str]| {
        let mut side = image("app", vec![layer("one", Vec::new())], config("app"));
        let attached = contents.iter().map(|content| Attached {
            item: "app".parse().unwrap(),
            manifest: Digest::of(b"referrer"),
            digest: Digest::of(content.as_bytes()),
            media_type: "application/x".to_owned(),
            size: content.len() as u64,
            class: FileClass::of(content.as_bytes()),
            secrets: vec![LintFinding::new(
                LintRule::ContentSecret,
                "attached",
                format!("in {content}"),
                "take it out",
            )],
        });
        side.analysis.as_mut().unwrap().attached = attached.collect();
        side
    };
    let found = compare_sides(&side(&["#!/bin/sh", "same"]), &side(&["same", "bill", "#!/bin/ash"]));
    let programs: Vec<_> =
        found.executables.iter().map(|at| (at.change.turn, at.change.path.clone())).collect();
    let path = |content: &str| format!("attached: {}", Digest::of(content.as_bytes()));
    assert_eq!(programs, [(ChangeKind::New, path("#!/bin/ash")), (ChangeKind::Gone, path("#!/bin/sh"))]);
    let secrets: Vec<_> =
        found.findings.iter().map(|at| (at.change.turn, at.change.message.as_str())).collect();
    assert_eq!(
        secrets,
        [
            (ChangeKind::New, "in bill"),
            (ChangeKind::New, "in #!/bin/ash"),
            (ChangeKind::Gone, "in #!/bin/sh")
        ]
    );
}

#[test]
fn a_layer_that_was_not_read_is_like_no_other() {
    let a = image("app", vec![layer("one", Vec::new())], config("app"));
    let mut b = image("app", vec![layer("two", Vec::new())], config("app"));
    b.analysis.as_mut().unwrap().unchecked.push(Unchecked {
        layer: Some(Digest::of(b"two")),
        what: "what follows".to_owned(),
        reason: "it is damaged".to_owned(),
        bytes: None,
    });
    let found = compare_sides(&a, &b);
    let turns: Vec<_> = found.layers[0].changes.iter().map(|change| change.turn).collect();
    assert_eq!(turns, [LayerTurn::New, LayerTurn::Gone]);
}

#[test]
fn files_that_were_not_hashed_are_not_taken_for_equal() {
    let a = image("app", vec![layer("one", vec![file("bin/app", 0o755, "one")])], config("app"));
    let hashed = image("app", vec![layer("two", vec![file("bin/app", 0o755, "two")])], config("app"));
    assert_eq!(compare_sides(&a, &hashed).files.len(), 1);
    let mut b = hashed;
    let node = LayerNode::File { size: 3, sha256: None, class: FileClass::of(b"two") };
    b.analysis.as_mut().unwrap().layers[0].entries = vec![entry("bin/app", 0o755, node)];
    let found = compare_sides(&a, &b);
    assert_eq!(found.verdict, DiffVerdict::Different);
    assert!(found.not_compared.iter().any(|one| one.what.contains("files")), "{:?}", found.not_compared);
}
