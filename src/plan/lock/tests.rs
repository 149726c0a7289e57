use super::*;
use crate::codes;
use crate::manifest::Manifest;
use crate::selection::Choice;
use crate::test_support::{Bench, LayoutMaker, tar_with};
use sealift_bundle::format::entry::Node;
use sealift_bundle::pack::draft::DraftItem;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::rel_path::RelPath;
use serde_json::json;
use std::fs;

const HEAD: &str = "[bundle]\nname = \"a\"\nscenario = \"s\"\nversion = \"1\"\n";

/// One item of every kind and source.
fn full(bench: &Bench) -> String {
    let mut layout = LayoutMaker::new(&bench.folder().join("hello"));
    let manifest = layout.manifest(b"layer", &json!({}));
    layout.tag(manifest, "tools/hello:1");
    let config = json!({ "rootfs": { "diff_ids": [Digest::of(b"old").to_string()] } }).to_string();
    let listed = json!([{ "Config": "c", "RepoTags": ["old:1"], "Layers": ["l"] }]).to_string();
    let members: [(&str, &[u8], &str); 3] =
        [("c", config.as_bytes(), ""), ("l", b"old", ""), ("manifest.json", listed.as_bytes(), "")];
    tar_with(&bench.folder().join("old.tar"), &members);
    bench.file("runbooks/a/one.md", "one");
    bench.file("runbooks/quote ' and umlaut ä.md", "two");
    std::os::unix::fs::symlink("a/one.md", bench.folder().join("runbooks/link")).unwrap();
    bench.file("settings.yaml", "a: 1");
    let download = bench.file("download.bin", "downloaded");
    format!(
        "{HEAD}expires = \"2030-01-01T00:00:00Z\"\n\
         [[image]]\nname = \"hello\"\nlayout = \"hello\"\nlicense = \"MIT\"\n\
         [[image]]\nname = \"old\"\narchive = \"old.tar\"\n\
         [[doc]]\nname = \"runbooks\"\npath = \"runbooks/\"\n\
         [[config]]\nname = \"server\"\npath = \"settings.yaml\"\n\
         [[file]]\nname = \"package\"\nurl = \"file://{}\"\nsha256 = \"{}\"\nrename = \"package.bin\"\n",
        download.display(),
        Digest::of(b"downloaded").hex()
    )
}

fn make(bench: &Bench, manifest: &str, before: Option<&Lock>, now: &str) -> Lock {
    let manifest = Manifest::parse(manifest, "a.toml", &bench.folder()).unwrap();
    let chosen = manifest.choose(&Choice::default()).unwrap();
    bench.with(2, |work| Lock::make(&chosen, work, before, now.parse().unwrap()).unwrap())
}

const NOW: &str = "2026-11-22T06:00:00Z";
const LATER: &str = "2026-11-23T06:00:00Z";

#[test]
fn a_lock_is_text_and_back() {
    let bench = Bench::new();
    let manifest = full(&bench);
    let lock = make(&bench, &manifest, None, NOW);
    let text = lock.to_toml();
    assert_eq!(Lock::parse(&text, "a.lock.toml").unwrap(), lock, "{text}");
    assert!(text.starts_with(
        "# written by `sealift lock`; review it, do not edit it\nlock = 1\nmanifest = \"sha256:"
    ));
    assert!(
        text.contains(
            "origin = \"archive old.tar; a docker archive does not keep the digest of the registry\""
        )
    );
    let line = format!(
        "{{\"path\":\"a/one.md\",\"type\":\"file\",\"mode\":\"0644\",\"size\":3,\"sha256\":\"{}\"}}\n",
        Digest::of(b"one").hex()
    );
    assert!(text.contains(&line), "{text}");
    let parsed = |text: &str| Manifest::parse(text, "a.toml", &bench.folder()).unwrap();
    assert!(lock.check_current(&parsed(&manifest), Path::new("a.toml")).is_ok());
    let other = parsed(&format!("{manifest}\n"));
    let stale = lock.check_current(&other, Path::new("a.toml")).unwrap_err();
    assert_eq!(stale.code(), codes::LOCK_STALE);
    assert_eq!(path_for(Path::new("x/my-site.toml"), None), Path::new("x/my-site.lock.toml"));
}

#[test]
fn a_lock_that_is_laid_differently_is_the_same_lock() {
    let bench = Bench::new();
    let lock = make(&bench, &full(&bench), None, NOW);
    let text = lock.to_toml();
    let other = text
        .replace("origin = \"path runbooks/\"", "origin = \"\"\"path runbooks/\"\"\"")
        .replace("{\"path\"", " { \"path\"");
    assert_ne!(other, text);
    assert_eq!(Lock::parse(&other, "a.lock.toml").unwrap(), lock);
    // Tables in another order keep their entries.
    let (head, file) = text.split_at(text.find("\n[[file]]").unwrap());
    let at = head.find("\n[[doc]]").unwrap();
    let (head, others) = head.split_at(at);
    assert_eq!(Lock::parse(&format!("{head}{file}{others}"), "a.lock.toml").unwrap(), lock);
}

#[test]
fn fifty_thousand_entries_and_names_that_would_end_their_string_come_back() {
    let bench = Bench::new();
    let mut lock = make(&bench, &full(&bench), None, NOW);
    lock.doc[0].entries = (0..50_000)
        .map(|number| {
            let node =
                Node::File { size: number, sha256: Digest::of(&number.to_le_bytes()), executable: false };
            Entry { path: format!("file-{number:05}").parse().unwrap(), node }
        })
        .collect();
    let path = |name| RelPath::parse_for(name, Names::Linux).unwrap();
    lock.doc[0].entries.push(Entry { path: path("x'''y"), node: Node::Dir });
    let target = "x\u{202e}\u{1f600}y".to_owned();
    lock.doc[0].entries.push(Entry { path: path("z"), node: Node::Link { target } });
    let text = lock.to_toml();
    assert!(!text.contains('\u{202e}'), "a review would not see it");
    assert_eq!(Lock::parse(&text, "a.lock.toml").unwrap(), lock);
}

#[test]
fn locking_twice_changes_no_byte_and_changes_count() {
    let bench = Bench::new();
    let manifest = full(&bench);
    let first = make(&bench, &manifest, None, NOW);
    assert_eq!((first.sequence, first.created.to_string().as_str()), (1, NOW));
    let statement = Digest::of(b"statement");
    let first = first.after(statement);
    let again = make(&bench, &manifest, Some(&first), LATER);
    assert_eq!(again.to_toml(), first.to_toml());
    bench.file("settings.yaml", "a: 2");
    let second = make(&bench, &manifest, Some(&first), LATER);
    assert_eq!((second.sequence, second.created.to_string().as_str(), second.previous), (2, LATER, None));
    // Even a comment makes another lock, another statement, and so another number.
    let third = make(&bench, &format!("{manifest}# x\n"), Some(&second), LATER);
    assert_eq!(third.sequence, 3);
    let numbered = manifest.replace("expires", "sequence = 40\nexpires");
    assert_eq!(make(&bench, &numbered, Some(&third), LATER).sequence, 40);
}

#[test]
fn a_draft_finds_every_pinned_byte() {
    let bench = Bench::new();
    let lock = make(&bench, &full(&bench), None, NOW);
    // What was downloaded is in the store: the network is not asked again.
    fs::remove_file(bench.folder().join("download.bin")).unwrap();
    let digest = Digest::of(lock.to_toml().as_bytes());
    let draft = bench.with(1, |work| lock.draft(digest, None, work).unwrap());
    assert_eq!((draft.lock, draft.items.len()), (digest, 5));
    for item in &draft.items {
        match item {
            DraftItem::Image(image) => {
                assert!(image.blobs.iter().any(|blob| blob.digest == image.root));
                for blob in &image.blobs {
                    let bytes = fs::read(&blob.path).unwrap();
                    let start = usize::try_from(blob.offset).unwrap();
                    let end = start + usize::try_from(blob.size).unwrap();
                    assert_eq!(Digest::of(&bytes[start..end]), blob.digest);
                }
            }
            DraftItem::Tree(tree) => {
                assert_eq!(tree.tree.files().count(), tree.sources.len());
                for ((_, size), path) in tree.tree.files().zip(&tree.sources) {
                    assert_eq!(fs::metadata(path).unwrap().len(), size);
                }
            }
        }
    }
}

#[test]
fn a_draft_says_what_is_gone() {
    let bench = Bench::new();
    let lock = make(&bench, &full(&bench), None, NOW);
    let code = || bench.with(1, |work| lock.draft(lock.manifest, None, work).unwrap_err().code());
    let image = lock.image[1].digest;
    let made = bench.with(1, |work| work.store.get(&image).unwrap());
    let layer = bench.folder().join("hello/blobs/sha256").join(Digest::of(b"layer").hex());
    fs::write(bench.with(1, |work| work.store.get(&Digest::of(b"downloaded")).unwrap()), "x").unwrap();
    fs::remove_file(bench.with(1, |work| work.store.get(&Digest::of(b"downloaded")).unwrap())).unwrap();
    assert_eq!(code(), sealift_bundle::codes::SOURCE_MISSING);
    fs::remove_dir_all(bench.folder().join("runbooks")).unwrap();
    assert_eq!(code(), sealift_bundle::codes::SOURCE_MISSING);
    fs::remove_file(made).unwrap();
    assert_eq!(code(), sealift_bundle::codes::SOURCE_CHANGED);
    fs::write(&layer, "longer layer").unwrap();
    assert_eq!(code(), sealift_bundle::codes::SOURCE_CHANGED);
    fs::remove_dir_all(bench.folder().join("hello")).unwrap();
    assert_eq!(code(), sealift_bundle::codes::SOURCE_MISSING);
}

#[test]
fn errors_of_sources_name_the_item() {
    let bench = Bench::new();
    let text = format!("{HEAD}[[doc]]\nname = \"runbooks\"\npath = \"runbooks\"\n");
    let manifest = Manifest::parse(&text, "a.toml", &bench.folder()).unwrap();
    let chosen = manifest.choose(&Choice::default()).unwrap();
    let error = bench.with(1, |work| Lock::make(&chosen, work, None, NOW.parse().unwrap()).unwrap_err());
    assert_eq!(error.to_string(), "cannot pin the doc `runbooks`");
    assert_eq!(error.code(), sealift_bundle::codes::SOURCE_MISSING);
    assert!(error.hint().is_some());
}

#[test]
fn damaged_locks_are_refused() {
    let bench = Bench::new();
    let good = make(&bench, &full(&bench), None, NOW).to_toml();
    let digest = Digest::of(b"one").hex();
    for (case, text) in [
        ("unknown key", good.replace("sequence", "sequenze = 1\nsequence")),
        ("unknown key in an entry", good.replace("\"mode\":", "\"owner\":0,\"mode\":")),
        ("upper-case digest", good.replace(&digest, &digest.to_uppercase())),
        ("path that leads out", good.replace("\"a/one.md\"", "\"../one.md\"")),
        ("other mode", good.replace("0644", "4755")),
        ("sequence 0", good.replace("sequence = 1", "sequence = 0")),
        (
            "two sources",
            good.replace("path = \"runbooks/\"", "path = \"runbooks/\"\nurl = \"https://x.org/x\""),
        ),
        ("two items of one name", good.replace("name = \"server\"", "name = \"runbooks\"")),
        ("image without its root", good.replace("\nblobs = [\n", "\nblobs = []\nblobz = [\n")),
        ("cut off behind an entry", good.trim_end().trim_end_matches("'''").to_owned()),
        ("cut off in an entry", format!("{}'''\n", good.trim_end().trim_end_matches("}\n'''"))),
        ("no TOML", "lock = 1\n[".to_owned()),
        ("empty", String::new()),
        ("newer", good.replace("lock = 1\n", "lock = 2\nnew = true\n")),
    ] {
        assert_ne!(text, good, "{case}");
        let error = Lock::parse(&text, "a.lock.toml").expect_err(case);
        assert_eq!(error.code(), codes::LOCK_SYNTAX, "{case}: {error}");
        assert!(error.hint().unwrap().to_string().contains("sealift lock"));
    }
    assert!(matches!(Lock::parse("lock = 2\nx = 1", ""), Err(PlanError::LockVersion { .. })));
    let error = Lock::open(Path::new("/nowhere/a.lock.toml")).unwrap_err();
    assert_eq!(error.code(), codes::LOCK_MISSING);
}

#[test]
fn p20_a_lock_with_a_bad_tree_is_refused_by_the_draft() {
    let bench = Bench::new();
    let mut lock = make(&bench, &full(&bench), None, NOW);
    lock.doc[0].entries.reverse();
    assert_eq!(
        bench.with(1, |work| lock.draft(lock.manifest, None, work).unwrap_err().code()),
        codes::LOCK_SYNTAX
    );
}

/// An archive of `docker save` with so many images, each of one own layer, and the manifest that takes them all.
fn saved(bench: &Bench, count: usize) -> String {
    let mut members: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut listed, mut manifest) = (Vec::new(), HEAD.to_owned());
    for number in 0..count {
        let layer = format!("layer {number}").into_bytes();
        let config = json!({ "rootfs": { "diff_ids": [Digest::of(&layer).to_string()] } }).to_string();
        listed.push(json!({
            "Config": format!("{number}.json"), "RepoTags": [format!("app:{number}")], "Layers": [format!("{number}")],
        }));
        members.push((format!("{number}.json"), config.into_bytes()));
        members.push((number.to_string(), layer));
        manifest +=
            &format!("[[image]]\nname = \"i{number}\"\narchive = \"saved.tar\"\nselect = \"app:{number}\"\n");
    }
    members.push(("manifest.json".to_owned(), json!(listed).to_string().into_bytes()));
    let members: Vec<_> = members.iter().map(|(name, content)| (name.as_str(), &content[..], "")).collect();
    tar_with(&bench.folder().join("saved.tar"), &members);
    manifest
}

/// How often this thread asked the kernel to read.
fn reads() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

#[test]
fn lock_reads_an_archive_once_for_all_its_images() {
    let taken = |count: usize| {
        let bench = Bench::new();
        let manifest = Manifest::parse(&saved(&bench, count), "a.toml", &bench.folder()).unwrap();
        let chosen = manifest.choose(&Choice::default()).unwrap();
        let before = reads();
        let lock = bench.with(1, |work| Lock::make(&chosen, work, None, NOW.parse().unwrap()).unwrap());
        for (number, image) in lock.image.iter().enumerate() {
            assert_eq!(image.blobs[2].digest, Digest::of(format!("layer {number}").as_bytes()));
        }
        reads() - before
    };
    let (fifty, hundred) = (taken(50), taken(100));
    assert!(hundred < 2 * fifty + 50, "{fifty} reads for 50 images, {hundred} for 100");
}
