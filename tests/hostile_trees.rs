//! P01 to P52: trees that a trusted packer has signed and that are still not fit to be written.

use crate::forge::{self, Forge, Judge, Way};
use crate::hostile_streams::{A, X, Z, good};
use crate::support::{self, Authorities, Put, conditions};
use sealift_bundle::codes;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::{blob_name, header};
use sealift_bundle::trust::verify::Depth;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_site::unpack::unpack;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};
use tar::EntryType;

fn file(path: &str) -> String {
    let empty = Digest::of(b"").hex();
    format!(r#"{{"path":{},"type":"file","mode":"0644","size":0,"sha256":"{empty}"}}"#, json(path))
}

fn dir(path: &str) -> String {
    format!(r#"{{"path":{},"type":"dir"}}"#, json(path))
}

fn link(path: &str, target: &str) -> String {
    format!(r#"{{"path":{},"type":"link","target":{}}}"#, json(path), json(target))
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn p01_to_p48_paths_that_some_system_reads_differently() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let long = vec!["a".repeat(250); 5].join("/");
    let deep = vec!["a"; 65].join("/");
    let component = "a".repeat(256);
    for (case, paths) in [
        ("P01 out", &["../x", "../../etc/passwd", ".."][..]),
        ("P02 in and out", &["a/../../x", "a/..", "a/../b"]),
        ("P03 absolute", &["/abs", "//abs", "/"]),
        ("P05 other spellings", &["d/../d/x", "./x", "a//b", "a/", "a/.", "./", "a/./b"]),
        ("P06 none", &["", ".", "..", "/."]),
        ("P19 twins that would be one elsewhere", &["a.", "a ", "a\u{200d}b", "a\u{200c}", "\u{feff}a"]),
        ("P30 NUL", &["a\0b", "\0", "a\0/../x"]),
        ("P45 too long", &[&long, &deep, &component]),
        (
            "P47 hidden",
            &["a\nb", "a\tb", "a\x1bb", "a\x7f", "a\u{85}", "a\u{202e}b", "a\u{200b}b", "a\\b", "..\\x"],
        ),
        (
            "P48 Windows",
            &["CON", "aux.txt", "d/nul", "COM¹", "lpt9.log", "x:y", "a.", "a?", "a*", "<", "\"", "|"],
        ),
    ] {
        for path in paths {
            for entry in [file(path), dir(path), link(path, "a")] {
                let mut forge = good.clone();
                forge.set_entries("t", &[entry]);
                judge.refuses_decoded(
                    &format!("{case} {path:?}"),
                    &forge.sealed(&authorities),
                    codes::BUNDLE_FORMAT,
                );
            }
        }
    }
    // P46: the list is text, and what is not UTF-8 cannot stand in it.
    let mut forge = good.clone();
    let (first, second) =
        (b"{\"inventory\":1,\"entries\":1}\n".to_vec(), forge::lines(r#"{"frames":0}"#, &[]));
    let line = [&first[..], &file("a@b").into_bytes(), b"\n"].concat();
    let line: Vec<u8> = line.into_iter().map(|byte| if byte == b'@' { 0xff } else { byte }).collect();
    forge.set_inventory("t", [zstd::bulk::compress(&line, 1).unwrap(), second].concat());
    judge.refuses_decoded("P46", &forge.sealed(&authorities), codes::BUNDLE_FORMAT);
}

#[test]
fn p07_to_p20_entries_that_may_not_stand_together() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let to = |target: &str| vec![file("a"), dir("d"), link("d/l", target), link("m", "a")];
    let long = "x/".repeat(2100) + "x";
    let mut cases = vec![
        ("P08 write through a link", vec![dir("d"), link("l", "d"), file("l/x")]),
        ("P09 a chain", vec![file("a"), link("b", "a"), link("c", "b")]),
        ("P10 a link and a file", vec![file("a"), link("b", "a"), file("b")]),
        ("P10 a file and a link", vec![file("a"), file("b"), link("b", "a")]),
        ("P11 a link and a folder", vec![dir("a"), link("b", "a"), dir("b")]),
        ("P12 a folder and a link", vec![dir("a"), dir("b"), link("b", "a")]),
        ("P13 a loop", vec![link("a", "b"), link("b", "a")]),
        ("P13 a link to itself", vec![link("a", "a")]),
        ("P18 twice the same", vec![file("a"), file("a")]),
        ("P19 case", vec![file("A"), file("a")]),
        ("P19 Unicode form", vec![file("e\u{301}"), file("\u{e9}")]),
        ("P19 case of a folder", vec![dir("A"), file("A/x"), dir("a"), file("a/y")]),
        ("P19 sharp s", vec![file("STRASSE"), file("straße")]),
        ("P20 a file and something below it", vec![file("a"), file("a/b")]),
        ("P20 a folder and a file", vec![dir("a"), file("a")]),
        ("P20 a file and a folder", vec![file("a"), dir("a")]),
        ("P20 a folder that is not listed", vec![file("a/b")]),
        ("P51 another order", vec![file("b"), file("a")]),
        ("P51 a folder behind what is in it", vec![file("a/b"), dir("a")]),
    ];
    for (case, target) in [
        ("P07 absolute", "/etc/passwd"),
        ("P08 escaping", "../../../x"),
        ("P08 escaping to the item beside it", "../../s/x"),
        ("P08 the tree itself", ".."),
        ("P08 up again", "../d/../a"),
        ("P09 to a link", "../m"),
        ("P13 a folder that holds it", "../d"),
        ("P13 nothing of the tree", "../nowhere"),
        ("P13 more than 4,096 bytes", &long),
        ("P13 empty", ""),
        ("P13 a dot", "."),
        ("P05 a spelling", "..//a"),
        ("P05 a trailing slash", "../a/"),
        ("P47 a line break", "../a\n"),
        ("P30 NUL", "../a\0"),
        ("P47 a backslash", "..\\a"),
    ] {
        cases.push((case, to(target)));
    }
    for (case, entries) in cases {
        let mut forge = good.clone();
        forge.set_entries("t", &entries);
        judge.refuses_decoded(case, &forge.sealed(&authorities), codes::BUNDLE_TREE);
    }
}

#[test]
fn p14_to_p25_entries_of_other_types_and_with_other_keys() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let refuses = |case: &str, line: &str| {
        let mut forge = good.clone();
        forge.set_entries("t", &[line.to_owned()]);
        judge.refuses_decoded(case, &forge.sealed(&authorities), codes::BUNDLE_FORMAT);
    };
    for kind in [
        "hardlink",
        "char",
        "block",
        "fifo",
        "socket",
        "door",
        "whiteout",
        "sparse",
        "contiguous",
        "File",
        "",
    ] {
        refuses(
            &format!("P14 P21 P22 P39 P40 {kind}"),
            &format!(r#"{{"path":"b","type":"{kind}","target":"a"}}"#),
        );
        refuses(&format!("P21 P22 {kind} alone"), &format!(r#"{{"path":"b","type":"{kind}"}}"#));
    }
    for mode in ["4755", "2755", "1755", "0666", "0777", "0000", "644", "0600", "-1"] {
        refuses(&format!("P23 {mode}"), &forge::replaced(&file("a"), "0644", mode));
    }
    for key in [
        r#""uid":0"#,
        r#""gid":1000"#,
        r#""uname":"root""#,
        r#""mtime":0"#,
        r#""xattrs":{}"#,
        r#""acl":"""#,
        r#""caps":1"#,
    ] {
        refuses(
            &format!("P24 P25 {key}"),
            &forge::replaced(&file("a"), ",\"size\"", &format!(",{key},\"size\"")),
        );
    }
    for (case, line) in [
        ("P41 a folder with a size", r#"{"path":"a","type":"dir","size":1}"#.to_owned()),
        ("P49 a folder with a mode", r#"{"path":"a","type":"dir","mode":"0000"}"#.to_owned()),
        ("P41 a link with a size", r#"{"path":"a","type":"link","size":1,"target":"b"}"#.to_owned()),
        ("P14 a file with a target", forge::replaced(&file("a"), "}", ",\"target\":\"b\"}")),
        ("P36 a negative size", forge::replaced(&file("a"), "\"size\":0", "\"size\":-1")),
        ("P36 a size of 2^64", forge::replaced(&file("a"), "\"size\":0", "\"size\":18446744073709551616")),
        ("J01 a doubled key", forge::replaced(&file("a"), "\"size\":0", "\"size\":0,\"size\":0")),
        ("J03 an escaped path", forge::replaced(&file("a"), "\"a\"", "\"\\u0061\"")),
        ("J04 an array", format!(r#"["a","file","0644",0,"{}",null]"#, Digest::of(b"").hex())),
        ("J21 upper case", forge::replaced(&file("a"), "e3b0", "E3B0")),
        ("J07 white space", forge::replaced(&file("a"), ",\"size\"", ", \"size\"")),
        ("J08 a line of 9 kB", forge::replaced(&file("a"), "\"a\"", &json(&"a".repeat(9000)))),
    ] {
        refuses(case, &line);
    }
    let mut forge = good.clone();
    forge.set_entries("t", &[forge::replaced(&file("a"), "\"size\":0", "\"size\":9223372036854775807")]);
    judge.refuses_decoded("P36 E13 a size of 2^63 - 1", &forge.sealed(&authorities), codes::BUNDLE_TREE);
    // E13: more entries than there may be, and fewer or more lines than are announced.
    for (case, head, code) in [
        ("E13 too many", r#"{"inventory":1,"entries":1048577}"#, codes::BUNDLE_LIMIT),
        ("E13 2^64 - 1", r#"{"inventory":1,"entries":18446744073709551615}"#, codes::BUNDLE_LIMIT),
        ("P51 one less", r#"{"inventory":1,"entries":4}"#, codes::BUNDLE_FORMAT),
        ("P51 one more", r#"{"inventory":1,"entries":6}"#, codes::BUNDLE_FORMAT),
        ("J06 version", r#"{"inventory":2,"entries":5}"#, codes::BUNDLE_VERSION),
    ] {
        let (entries, frames) = good.inventory("t");
        let stored = [forge::lines(head, &entries), forge::lines(r#"{"frames":1}"#, &frames)].concat();
        let mut forge = good.clone();
        forge.set_inventory("t", stored);
        judge.refuses_decoded(case, &forge.sealed(&authorities), code);
    }
}

/// A few MiB in which all sizes fit together, and one file is said to have 1 TiB.
#[test]
fn e13_one_claim_of_a_tebibyte() {
    let authorities = Authorities::new();
    let (judge, mut forge) = (Judge::new(&authorities), good(&authorities));
    let (claim, piece) = (1_usize << 40, 8 << 20);
    forge.set_entries("t", &[forge::replaced(&file("a"), "\"size\":0", &format!("\"size\":{claim}"))]);
    let mut frames: Vec<_> = (0..claim / piece).map(|_| forge::frame(piece, vec![0])).collect();
    frames.push(forge::frame(512 + 1024, vec![0]));
    forge::place(&mut frames);
    forge.set_frames("t", &frames);
    let bundle = forge.sealed(&authorities);
    let begun = Instant::now();
    for way in Way::ALL {
        let code = judge.code(way, &bundle);
        let expected = match way {
            Way::Pipe(Depth::Stored) | Way::File(Depth::Stored) => code.is_none(),
            Way::Pipe(Depth::Decoded) | Way::File(Depth::Decoded) => code == Some(codes::BUNDLE_FRAME),
            // Before the first byte, unless there is a disk that has room for it.
            Way::UnpackPipe | Way::UnpackFile => {
                matches!(code, Some(sealift_site::codes::SITE_SPACE | codes::BUNDLE_FRAME))
            }
        };
        assert!(expected, "{way:?}: {code:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn p51_every_file_is_there_with_its_content() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let stream = good.stream("t");
    for (case, at) in [("a", A + 512), ("d/x", X + 512), ("z", Z + 512 + 5000)] {
        for most in [512, 1 << 20] {
            let mut changed = stream.clone();
            changed[at] ^= 1;
            let mut forge = good.clone();
            forge.set_stream("t", &changed, most);
            judge.refuses_decoded(&format!("P51 {case}"), &forge.sealed(&authorities), codes::BUNDLE_DIGEST);
        }
    }
    // Two trees that share a layer, and list different things.
    let sample = Forge::of(&forge::sample(&authorities));
    let (entries, frames) = sample.inventory("server");
    for more in [true, false] {
        let mut forge = sample.clone();
        let (mut entries, mut frames) = (entries.clone(), frames.clone());
        if more {
            entries.push(file("s"));
            let layer = forge.get(&blob_name(&forge.parts("server").1)).len();
            let size = 512;
            frames.push(format!(
                r#"{{"offset":{layer},"stored":0,"size":{size},"sha256":"{}"}}"#,
                Digest::of(b"").hex()
            ));
        } else {
            entries.pop();
        }
        forge.set_inventory("server", forge::inventory(&entries, &frames));
        let bundle = forge.sealed(&authorities);
        assert!(Way::ALL[2..].iter().all(|way| judge.code(*way, &bundle).is_some()), "P51 more: {more}");
    }
}

/// What is unpacked is all there is, or the bundle is refused.
#[track_caller]
fn complete_or_refused(authorities: &Authorities, bundle: &[u8], path: &str, content: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    if unpack(&mut support::pipe(bundle), &authorities.pinned, &target, None, &conditions()).is_ok() {
        let found = std::fs::read(target.join(path)).ok();
        let found_len = found.as_ref().map(Vec::len);
        assert!(
            found.as_deref() == Some(content),
            "unpacked: {found_len:?} instead of {} bytes",
            content.len()
        );
    }
}

#[test]
fn p51_a_layer_that_is_also_a_configuration_does_not_vanish() {
    let authorities = Authorities::new();
    let mut forge = Forge::of(&forge::sample(&authorities));
    let (config, _) = forge.parts("hello");
    let (_, layer) = forge.parts("runbooks");
    let at = forge.members.iter().position(|(name, _)| *name == blob_name(&layer)).unwrap();
    let (_, bytes) = forge.members.remove(at);
    forge.swap(config, bytes);
    let bundle = forge.sealed(&authorities);
    complete_or_refused(&authorities, &bundle, "doc/runbooks/readme.md", b"read me\n");
}

#[test]
fn p51_a_large_configuration_of_an_image_does_not_vanish() {
    let authorities = Authorities::new();
    let mut forge = Forge::of(&forge::sample(&authorities));
    let content = vec![b' '; 5 << 20];
    forge.swap(forge.parts("hello").0, content.clone());
    let path = format!("images/{}", blob_name(&Digest::of(&content)));
    complete_or_refused(&authorities, &forge.sealed(&authorities), &path, &content);
}

#[test]
fn p52_what_is_inside_a_file_is_nobodys_business() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let inner = forge::sample(&authorities);
    let bomb = zstd::bulk::compress(&vec![0; 32 << 20], 19).unwrap();
    let polyglot =
        [b"#!/bin/sh\nexit 0\n", &header("../../x", EntryType::Regular, 0o4755, 0, "")[..], &[0; 1024]]
            .concat();
    let bundle = forge::packed(&authorities, |folder| {
        let mut draft = support::draft();
        let entries = [
            ("bomb.zst", Put::File(&bomb)),
            ("inner.sealift", Put::File(&inner)),
            ("polyglot", Put::Program(&polyglot)),
        ];
        draft.items = vec![support::tree(folder, "t", ItemKind::File, &entries)];
        draft
    });
    judge.trusts("P52", &bundle);
}

#[test]
fn p16_p17_e07_only_a_new_or_empty_folder_in_a_safe_place_is_filled() {
    let authorities = Authorities::new();
    let bundle = forge::sample(&authorities);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |target: &std::path::Path| {
        let outcome = unpack(&mut support::pipe(&bundle), &authorities.pinned, target, None, &conditions());
        outcome.err().map(|error| error.code())
    };
    for name in ["outside", "full", "empty", "open", "sticky", "holder"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    symlink(at("outside"), at("full/doc")).unwrap();
    symlink(at("outside"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    std::fs::write(at("file"), b"mine").unwrap();
    std::fs::set_permissions(at("open"), PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::set_permissions(at("sticky"), PermissionsExt::from_mode(0o1777)).unwrap();
    let before = support::listing(folder.path());
    for (case, target, code) in [
        ("P16 E07 links in the target", at("full"), sealift_site::codes::SITE_TARGET),
        ("P17 the target is a link", at("link"), sealift_site::codes::SITE_TARGET),
        ("P17 the target is a link to nothing", at("dangling"), sealift_site::codes::SITE_TARGET),
        ("E07 the target is a file", at("file"), sealift_site::codes::SITE_TARGET),
        ("P17 the target has no name", at("empty").join(".."), sealift_site::codes::SITE_TARGET),
        ("P17 everybody may write beside it", at("open/new"), sealift_site::codes::SITE_PARENT),
        ("the parent is not there", at("missing/new"), sealift_site::codes::SITE_PARENT),
    ] {
        assert_eq!(run(&target), Some(code), "{case}");
        assert_eq!(support::listing(folder.path()), before, "{case}");
    }
    assert!(run(&at("file/new")).is_some(), "the parent is a file");
    // P16: the staging place is taken by a link, or by what somebody left there.
    symlink(at("outside"), at("holder/.one.sealift-staging")).unwrap();
    assert_eq!(run(&at("holder/one")), Some(sealift_site::codes::SITE_WRITE));
    std::fs::create_dir_all(at("holder/.two.sealift-staging/doc")).unwrap();
    symlink(at("outside"), at("holder/.two.sealift-staging/config")).unwrap();
    symlink(at("outside"), at("holder/.two.sealift-staging/doc/runbooks")).unwrap();
    for target in ["holder/two", "empty", "sticky/new"] {
        assert_eq!(run(&at(target)), None, "{target}");
        assert!(at(target).join("doc/runbooks/readme.md").is_file(), "{target}");
        assert!(at(target).join("config").symlink_metadata().unwrap().is_dir(), "{target}");
        assert_eq!(run(&at(target)), Some(sealift_site::codes::SITE_TARGET), "{target} again");
    }
    assert_eq!(std::fs::read_dir(at("outside")).unwrap().count(), 0);
}
