use super::*;
use crate::codes;
use crate::context::Work;
use crate::test_support::{Bench, LIMITS};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Code, Fault as _};
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::{NoProgress, Progress};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

fn patterns(include: Option<&[&str]>, exclude: Option<&[&str]>) -> Patterns {
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Patterns::new(include.map(owned).as_deref(), exclude.map(owned).as_deref()).unwrap()
}

fn read_with(bench: &Bench, path: &str, patterns: &Patterns) -> Result<Tree, PlanError> {
    bench.with(3, |work| read(&work.folder.join(path), patterns, &Task::new(work)))
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.entries().iter().map(|entry| entry.path.as_str()).collect()
}

#[track_caller]
fn refused(bench: &Bench, path: &str, expected: Code) -> String {
    let error = read_with(bench, path, &Patterns::default()).unwrap_err();
    assert_eq!(error.code(), expected, "{error}");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

#[test]
fn everything_is_listed_and_hashed() {
    let bench = Bench::new();
    bench.file("t/b/c.md", "c");
    bench.file("t/b-x", "");
    let run = bench.file("t/run.sh", "#!/bin/sh\n");
    fs::set_permissions(run, fs::Permissions::from_mode(0o710)).unwrap();
    fs::create_dir_all(bench.folder().join("t/empty/deep")).unwrap();
    symlink("../run.sh", bench.folder().join("t/b/link")).unwrap();
    let tree = read_with(&bench, "t", &Patterns::default()).unwrap();
    assert_eq!(paths(&tree), ["b", "b-x", "b/c.md", "b/link", "empty", "empty/deep", "run.sh"]);
    let node = |path: &str| tree.get(path).unwrap().node.clone();
    assert_eq!(node("b/c.md"), Node::File { size: 1, sha256: Digest::of(b"c"), executable: false });
    assert!(matches!(node("run.sh"), Node::File { executable: true, .. }));
    assert_eq!(node("b/link"), Node::Link { target: "../run.sh".to_owned() });
    let files = sources(&bench.folder().join("t"), &tree).unwrap();
    assert_eq!(files, ["b-x", "b/c.md", "run.sh"].map(|path| bench.folder().join("t").join(path)));
}

#[test]
fn patterns_choose_and_their_folders_come_along() {
    let bench = Bench::new();
    for path in ["t/a/x.md", "t/a/x.txt", "t/drafts/y.md", "t/z.md"] {
        bench.file(path, path);
    }
    fs::create_dir(bench.folder().join("t/empty")).unwrap();
    let chosen = |include: Option<&[&str]>, exclude: Option<&[&str]>| {
        let tree = read_with(&bench, "t", &patterns(include, exclude)).unwrap();
        paths(&tree).join(" ")
    };
    assert_eq!(chosen(Some(&["**/*.md"]), None), "a a/x.md drafts drafts/y.md z.md");
    assert_eq!(chosen(Some(&["*.md"]), None), "z.md");
    assert_eq!(chosen(None, Some(&["drafts", "a/*.txt"])), "a a/x.md empty z.md");
    // A directory that the patterns have emptied is not one that was empty.
    assert_eq!(chosen(None, Some(&["drafts/**", "**/x.*"])), "empty z.md");
    let error = read_with(&bench, "t", &patterns(Some(&["*.pdf"]), None)).unwrap_err();
    assert_eq!(error.code(), codes::SOURCE_EMPTY);
}

#[test]
fn a_single_file_and_links_that_were_named() {
    let bench = Bench::new();
    bench.file("real/x.md", "x");
    symlink("real/x.md", bench.folder().join("named.md")).unwrap();
    symlink("real", bench.folder().join("folder")).unwrap();
    let tree = read_with(&bench, "named.md", &Patterns::default()).unwrap();
    assert_eq!(paths(&tree), ["named.md"]);
    let real = fs::canonicalize(bench.folder().join("real/x.md")).unwrap();
    assert_eq!(sources(&bench.folder().join("named.md"), &tree).unwrap(), [real]);
    let tree = read_with(&bench, "folder", &Patterns::default()).unwrap();
    assert_eq!(paths(&tree), ["x.md"]);
    assert!(sources(&bench.folder().join("folder"), &tree).unwrap()[0].is_file());
}

#[test]
fn p21_p22_z16_what_is_no_file_is_refused() {
    let bench = Bench::new();
    let fifo = bench.file("t/x", "").with_file_name("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644), 0)
        .unwrap();
    assert!(refused(&bench, "t", codes::SOURCE_TYPE).contains("a FIFO"));
    assert!(refused(&bench, "t/fifo", codes::SOURCE_TYPE).contains("a FIFO"));
    assert_eq!(paths(&read_with(&bench, "t", &patterns(None, Some(&["fifo"]))).unwrap()), ["x"]);
    // One that takes the place of a file after the directory was listed: no one waits for a writer.
    let hashed = bench.with(1, |work| {
        let folder = Folder::open(fifo.parent().unwrap()).unwrap();
        hash_file(&folder, Path::new("fifo"), &Task::new(work), &mut Vec::new())
    });
    assert_eq!(hashed.unwrap_err().code(), codes::SOURCE_TYPE);
    fs::remove_file(&fifo).unwrap();
    let socket = UnixListener::bind(bench.folder().join("t/socket")).unwrap();
    assert!(refused(&bench, "t", codes::SOURCE_TYPE).contains("a socket"));
    drop(socket);
}

#[test]
fn names_that_cannot_travel_are_shown_and_refused() {
    let bench = Bench::new();
    for (name, shown) in [
        (&b"caf\xe9"[..], "caf\\xe9"),
        (b"a\x1b[31m", "\\u{1b}"),
        (b"con.txt", "con.txt"),
        (b"a:b", "a:b"),
        (b"dot.", "dot."),
    ] {
        let folder = bench.folder().join("t");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(OsStr::from_bytes(name)), "").unwrap();
        let text = refused(&bench, "t", codes::SOURCE_NAME);
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains('\x1b'));
    }
    let _ = fs::remove_dir_all(bench.folder().join("t"));
    fs::create_dir_all(bench.folder().join("t").join(OsStr::from_bytes(b"\xff"))).unwrap();
    refused(&bench, "t", codes::SOURCE_NAME);
}

#[test]
fn p07_to_p13_p19_links_and_twins() {
    let bench = Bench::new();
    bench.file("t/d/x", "x");
    for target in ["/etc/passwd", "../../outside", "nowhere", "link", "."] {
        let link = bench.folder().join("t/link");
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        let text = refused(&bench, "t", codes::SOURCE_LINK);
        assert!(text.contains("`link`"), "{text}");
    }
    fs::remove_file(bench.folder().join("t/link")).unwrap();
    bench.file("t/D", "twin");
    refused(&bench, "t", codes::SOURCE_COLLISION);
}

#[test]
fn missing_empty_and_unreadable() {
    let bench = Bench::new();
    refused(&bench, "nowhere", sealift_bundle::codes::SOURCE_MISSING);
    fs::create_dir(bench.folder().join("t")).unwrap();
    refused(&bench, "t", codes::SOURCE_EMPTY);
    bench.file("f", "");
    // A file where a directory should be fails for root as well.
    refused(&bench, "f/x", sealift_bundle::codes::SOURCE_UNREADABLE);
    if !rustix::process::geteuid().is_root() {
        let secret = bench.file("t/secret", "");
        fs::set_permissions(secret, fs::Permissions::from_mode(0o000)).unwrap();
        refused(&bench, "t", sealift_bundle::codes::SOURCE_UNREADABLE);
    }
}

#[test]
fn z17_a_file_that_changes_while_it_is_read_is_refused() {
    struct Grow(PathBuf);
    impl Progress for Grow {
        fn advance(&self, _: u64) {
            fs::write(&self.0, "longer than before").unwrap();
        }
        fn expect(&self, _: u64) {}
        fn is_stopped(&self) -> bool {
            false
        }
    }
    let bench = Bench::new();
    let path = bench.file("t/x", "short");
    let grow = Grow(path);
    let error = bench.with(1, |work| {
        let work = Work { watch: &grow, ..*work };
        read(&work.folder.join("t"), &Patterns::default(), &Task::new(&work)).unwrap_err()
    });
    assert_eq!(error.code(), sealift_bundle::codes::SOURCE_CHANGED);
}

#[test]
fn limits_and_interruption() {
    struct Stopped;
    impl Progress for Stopped {
        fn advance(&self, _: u64) {}
        fn expect(&self, _: u64) {}
        fn is_stopped(&self) -> bool {
            true
        }
    }
    let bench = Bench::new();
    for path in ["t/a", "t/b", "t/c"] {
        bench.file(path, "");
    }
    let limits = Limits { entries: 2, ..LIMITS };
    let code = |limits: &Limits, watch: &dyn Progress| {
        bench.with(1, |work| {
            let work = Work { limits, watch, ..*work };
            let tree = read(&work.folder.join("t"), &Patterns::default(), &Task::new(&work));
            tree.map_err(|error| error.code())
        })
    };
    assert_eq!(code(&limits, &NoProgress), Err(codes::SOURCE_LIMIT));
    assert_eq!(code(&LIMITS, &Stopped), Err(sealift_bundle::codes::INTERRUPTED));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = Bench::new();
    for number in 0..200 {
        bench.file(&format!("t/{}/{number}", number % 7), format!("{number}"));
    }
    let with = |threads| {
        bench.with(threads, |work| {
            read(&work.folder.join("t"), &Patterns::default(), &Task::new(work)).unwrap()
        })
    };
    let one = with(1);
    assert_eq!(one.files().count(), 200);
    assert_eq!(one, with(8));
    assert_eq!(one, with(0));
}

#[test]
fn f_sec_03_a_folder_that_becomes_a_link_after_it_was_listed_leads_nowhere() {
    struct Swap(PathBuf);
    impl Progress for Swap {
        fn advance(&self, _: u64) {}
        // Said once the directory was listed, and before a file of it is read.
        fn expect(&self, _: u64) {
            if fs::rename(self.0.join("t/d"), self.0.join("moved")).is_ok() {
                symlink("../private", self.0.join("t/d")).unwrap();
            }
        }
        fn is_stopped(&self) -> bool {
            false
        }
    }
    let bench = Bench::new();
    bench.file("t/d/secret", "placeholder");
    bench.file("private/secret", "private");
    let swap = Swap(bench.folder());
    let error = bench.with(1, |work| {
        let work = Work { watch: &swap, ..*work };
        read(&work.folder.join("t"), &Patterns::default(), &Task::new(&work)).unwrap_err()
    });
    assert_eq!(error.code(), codes::SOURCE_TYPE, "{error}");
    assert!(error.to_string().contains("behind a symbolic link"), "{error}");
}

#[test]
fn f_field_r01_everything_that_keeps_a_tree_from_traveling_is_told_at_once() {
    let bench = Bench::new();
    for name in ["a:b", "what?", "dir/CON", "README", "readme", "fine"] {
        bench.file(&format!("t/{name}"), "x");
    }
    fs::write(bench.folder().join("t").join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    symlink("/etc/passwd", bench.folder().join("t/out")).unwrap();
    let error = read_with(&bench, "t", &Patterns::default()).unwrap_err();
    let text = error.to_string();
    for part in ["a:b", "what?", "dir/CON", "`readme`", "caf\\xe9", "`out`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("fine"), "{text}");
    assert!(text.contains("names = \"linux\""), "{text}");
    // The choice lets through what Linux has nothing against, and nothing else.
    let linux = || Patterns::default().with_names(Names::Linux);
    let text = read_with(&bench, "t", &linux()).unwrap_err().to_string();
    assert!(text.contains("caf\\xe9") && text.contains("`out`"), "{text}");
    assert!(!text.contains("a:b") && !text.contains("readme"), "{text}");
    fs::remove_file(bench.folder().join("t/out")).unwrap();
    fs::remove_file(bench.folder().join("t").join(OsStr::from_bytes(b"caf\xe9"))).unwrap();
    let tree = read_with(&bench, "t", &linux()).unwrap();
    assert_eq!(tree.names(), Names::Linux);
    assert!(tree.get("dir/CON").is_some() && tree.get("README").is_some() && tree.get("readme").is_some());
}
