//! Vectors about trees in which everything behind the fault fits it: the stream is rendered from the bad entry, and the
//! table from the bad frame. So nothing but the rule that is named can refuse them.

use crate::vector_cases::{Case, Of, deep, docs, good};
use crate::vector_writer::{Item, Tree, raw_frame};
use sealift_bundle::format::member::padding;
use sealift_bundle::value::digest::Digest;

/// What to put at a path that need not be one.
enum Raw {
    Dir,
    /// With this mode.
    File(&'static str),
    Link(&'static str),
}

const CONTENT: &[u8] = b"content";

/// A header of section 2.3, with the differences of 6.4.
fn ustar(name: &[u8], mode: &str, size: usize, kind: u8, target: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("000{mode}").as_bytes());
    put(108, b"0000000\x000000000\0");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000\0        ");
    put(156, &[kind]);
    put(157, target);
    put(257, b"ustar\x0000");
    put(329, b"\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    header
}

/// As many whole characters as fit into 100 bytes.
fn cut(text: &str) -> &[u8] {
    let end = (0..=text.len().min(100)).rev().find(|end| text.is_char_boundary(*end)).unwrap();
    &text.as_bytes()[..end]
}

fn head(path: &str, mode: &str, size: usize, kind: u8, target: &str) -> Vec<u8> {
    let mut records = String::new();
    for (key, value) in [("linkpath", target), ("path", path)] {
        if value.len() > 100 {
            let rest = key.len() + value.len() + 3;
            let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap();
            records += &format!("{length} {key}={value}\n");
        }
    }
    let mut head = Vec::new();
    if !records.is_empty() {
        head.extend(ustar(b"././@PaxHeader", "0644", records.len(), b'x', b""));
        head.extend(records.as_bytes());
        head.extend(padding(records.len() as u64));
    }
    head.extend(ustar(cut(path), mode, size, kind, cut(target)));
    head
}

fn tree(entries: &[(&str, Raw)]) -> Tree {
    let (mut lines, mut stream) = (Vec::new(), Vec::new());
    for (path, raw) in entries {
        let quoted = serde_json::to_string(path).unwrap();
        match raw {
            Raw::Dir => {
                lines.push(format!(r#"{{"path":{quoted},"type":"dir"}}"#));
                stream.extend(head(&format!("{path}/"), "0755", 0, b'5', ""));
            }
            Raw::File(mode) => {
                let (size, digest) = (CONTENT.len(), Digest::of(CONTENT).hex());
                lines.push(format!(
                    r#"{{"path":{quoted},"type":"file","mode":"{mode}","size":{size},"sha256":"{digest}"}}"#
                ));
                stream.extend(head(path, mode, size, b'0', ""));
                stream.extend(CONTENT);
                stream.extend(padding(size as u64));
            }
            Raw::Link(target) => {
                lines.push(format!(r#"{{"path":{quoted},"type":"link","target":"{target}"}}"#));
                stream.extend(head(path, "0777", 0, b'2', target));
            }
        }
    }
    stream.extend([0; 1024]);
    let end = stream.len();
    Tree::from_stream("docs", "doc", lines, &stream, &[end])
}

pub fn cases(of: Of<'_>) -> Vec<Case> {
    let mut cases = path_cases(of);
    cases.extend(entry_cases(of));
    cases.extend(inventory_cases(of));
    cases.extend(frame_cases(of));
    cases
}

fn path_cases(of: Of<'_>) -> Vec<Case> {
    let one = |path: &str| of(vec![Item::Tree(tree(&[(path, Raw::File("0644"))]))]);
    let below = |paths: &[String]| {
        let (last, folders) = paths.split_last().unwrap();
        let mut entries: Vec<_> = folders.iter().map(|path| (path.as_str(), Raw::Dir)).collect();
        entries.push((last, Raw::File("0644")));
        of(vec![Item::Tree(tree(&entries))])
    };
    let nested = |part: &str, count: usize| -> Vec<String> {
        (1..=count).map(|count| vec![part; count].join("/")).collect()
    };
    let mut long = nested(&"x".repeat(204), 5);
    long.last_mut().unwrap().push('y');
    let path = |name, case, comment, path: &str| deep(name, case, "bundle.format", comment, one(path));
    vec![
        good(
            "ok-odd-paths",
            "letters of Unicode 15.0, an emoji, private use, spaces and quotes",
            of(vec![Item::Tree(tree(&[
                ("'a' b", Raw::File("0644")),
                ("\u{19b}", Raw::File("0644")),
                ("\u{430}\u{308}", Raw::File("0644")),
                ("\u{e000}", Raw::File("0644")),
                ("\u{1f600}", Raw::File("0755")),
            ]))]),
        ),
        path("path-dots", "P01", "a path that is `..`", ".."),
        path("path-dot-inside", "P02", "a path with a component that is `.`", "./a"),
        path("path-absolute", "P03", "an absolute path", "/a"),
        path("path-backslash", "P47", "a path with a backslash", "a\\b"),
        path("path-colon", "P48", "a path with a colon", "a:b"),
        path(
            "path-hidden-character",
            "P47",
            "a path with U+202E, which turns the direction of writing",
            "a\u{202e}b",
        ),
        path("path-control-character", "P47", "a path with U+0085, which is of category Cc", "a\u{85}b"),
        path("path-device-of-windows", "P48", "a path that Windows takes for a device", "nul.md"),
        path("path-trailing-dot", "P48", "a path whose end Windows drops", "a."),
        path("path-trailing-space", "P48", "a path that ends with a space", "a "),
        path("path-component-too-long", "P45", "a component of 256 bytes", &"r".repeat(256)),
        path("path-unicode-16", "P19", "a capital letter of Unicode 16.0", "\u{a7dc}"),
        path("path-noncharacter", "P19", "a noncharacter", "\u{fdd0}"),
        path("path-unicode-15-1", "P19", "a character of Unicode 15.1", "\u{2ffc}"),
        deep("path-too-long", "P45", "bundle.format", "a path of 1,025 bytes", below(&long)),
        deep("path-too-deep", "P45", "bundle.format", "a path of 65 components", below(&nested("a", 65))),
    ]
}

fn entry_cases(of: Of<'_>) -> Vec<Case> {
    let file = || Raw::File("0644");
    let entries = |name, case, code, comment, entries: &[(&str, Raw)]| {
        deep(name, case, code, comment, of(vec![Item::Tree(tree(entries))]))
    };
    let wrong = |name, case, comment, list: &[(&str, Raw)]| entries(name, case, "bundle.tree", comment, list);
    vec![
        wrong("entries-order", "P51", "two entries in the other order", &[("b", file()), ("a", file())]),
        wrong("entries-twice", "P18", "one path twice", &[("a", file()), ("a", file())]),
        wrong("entries-case-twins", "P19", "two names that differ in case", &[("A", file()), ("a", file())]),
        wrong(
            "entries-case-twins-of-a-sigma",
            "P19",
            "case is mapped character by character: a final sigma is a sigma",
            &[("\u{3b1}\u{3c2}", file()), ("\u{3b1}\u{3c3}", file())],
        ),
        wrong(
            "entries-case-twins-of-sharp-s",
            "P19",
            "the full mapping of `\u{df}` is `SS`",
            &[("ss", file()), ("\u{df}", file())],
        ),
        wrong("entries-no-folder", "P20", "a file in a folder that is not listed", &[("a/b", file())]),
        wrong("entries-below-a-file", "P20", "a file below a file", &[("a", file()), ("a/b", file())]),
        wrong(
            "link-leaves",
            "P08",
            "a link that leaves the tree, to something of the same name",
            &[("a", file()), ("b", Raw::Link("../a"))],
        ),
        wrong("link-absolute", "P07", "an absolute link", &[("b", Raw::Link("/b"))]),
        wrong("link-to-nothing", "P13", "a link to what is not there", &[("b", Raw::Link("a"))]),
        wrong(
            "link-to-a-link",
            "P09",
            "a link to a link",
            &[("a", file()), ("b", Raw::Link("a")), ("c", Raw::Link("b"))],
        ),
        wrong(
            "link-to-its-own-folder",
            "P14",
            "a link to a folder it lies in",
            &[("a", Raw::Dir), ("a/b", Raw::Link("../a"))],
        ),
        entries("entries-setuid", "P23", "bundle.format", "mode 4755", &[("a", Raw::File("4755"))]),
    ]
}

fn inventory_cases(of: Of<'_>) -> Vec<Case> {
    let packed = |pack: fn(&[u8], &[u8]) -> Vec<u8>| of(vec![Item::Tree(Tree { pack, ..docs() })]);
    let wide: fn(&[u8], &[u8]) -> Vec<u8> = |entries, frames| {
        let mut first = raw_frame(entries);
        first[4] = 0x80;
        first.insert(5, 0);
        [first, raw_frame(frames)].concat()
    };
    vec![
        good(
            "ok-inventory-in-many-frames",
            "each list of the inventory is cut into frames, inside lines too",
            packed(|entries, frames| {
                let pieces = entries.chunks(100).chain(frames.chunks(7));
                pieces.flat_map(raw_frame).collect()
            }),
        ),
        deep(
            "inventory-window",
            "Z06",
            "bundle.format",
            "a frame of the inventory is not a single segment",
            packed(wide),
        ),
        deep(
            "inventory-empty-frame",
            "Z12",
            "bundle.format",
            "a frame of the inventory holds nothing",
            packed(|entries, frames| {
                let empty = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
                [raw_frame(entries), empty.to_vec(), raw_frame(frames)].concat()
            }),
        ),
        deep(
            "inventory-lists-share-a-frame",
            "Z04",
            "bundle.format",
            "the second list does not begin with a frame",
            packed(|entries, frames| raw_frame(&[entries, frames].concat())),
        ),
        deep(
            "inventory-ends-early",
            "Z02",
            "bundle.format",
            "the second list is not there",
            packed(|entries, _| raw_frame(entries)),
        ),
        deep(
            "inventory-counts-one-more",
            "J13",
            "bundle.format",
            "the first line counts an entry that is not there",
            packed(|entries, frames| {
                let text =
                    std::str::from_utf8(entries).unwrap().replacen(r#""entries":5"#, r#""entries":6"#, 1);
                [raw_frame(text.as_bytes()), raw_frame(frames)].concat()
            }),
        ),
        deep(
            "inventory-line-more",
            "J13",
            "bundle.format",
            "a line of the inventory that its first line does not count",
            packed(|entries, frames| {
                let more = [entries, br#"{"path":"z","type":"dir"}"#, b"\n"].concat();
                [raw_frame(&more), raw_frame(frames)].concat()
            }),
        ),
        deep(
            "inventory-version",
            "J06",
            "bundle.version",
            "an inventory of version 2",
            packed(|entries, frames| {
                let text =
                    std::str::from_utf8(entries).unwrap().replacen(r#""inventory":1"#, r#""inventory":2"#, 1);
                [raw_frame(text.as_bytes()), raw_frame(frames)].concat()
            }),
        ),
    ]
}

/// A frame of these blocks: type, size, bytes.
fn frame(size: usize, blocks: &[(usize, usize, &[u8])]) -> Vec<u8> {
    let mut frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0][..], &(size as u32).to_le_bytes()].concat();
    for (number, (kind, len, bytes)) in blocks.iter().enumerate() {
        let head = len << 3 | kind << 1 | usize::from(number + 1 == blocks.len());
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(*bytes);
    }
    frame
}

/// A compressed block: so many times one literal `x` and a match of 65,539 bytes of them.
fn long_matches(count: u8) -> Vec<u8> {
    let mut block = vec![count << 3 | 1, b'x', count, 0x54, 1, 0, 52];
    block.extend(vec![0; 2 * usize::from(count)]);
    block.push(1);
    block
}

fn frame_cases(of: Of<'_>) -> Vec<Case> {
    // A file of nothing but `x`, and the frames around it; `middle` is the frame with its content.
    let xs = |len: usize, middle: Vec<u8>| {
        let content = vec![b'x'; len];
        let line = format!(
            r#"{{"path":"a","type":"file","mode":"0644","size":{len},"sha256":"{}"}}"#,
            Digest::of(&content).hex()
        );
        let head = head("a", "0644", len, b'0', "");
        let mut tree = Tree::from_stream("docs", "doc", vec![line], &head, &[512]);
        tree.push(&middle, len);
        let end = vec![0; padding(len as u64).len() + 1024];
        tree.push(&raw_frame(&end), end.len());
        of(vec![Item::Tree(tree)])
    };
    // The same file in frames of 512 bytes.
    let small = |len: usize| {
        let content = vec![b'x'; len];
        let line = format!(
            r#"{{"path":"a","type":"file","mode":"0644","size":{len},"sha256":"{}"}}"#,
            Digest::of(&content).hex()
        );
        let stream = [head("a", "0644", len, b'0', ""), content, vec![0; 1024]].concat();
        let cuts: Vec<_> = (1..=stream.len() / 512).map(|count| count * 512).collect();
        Tree::from_stream("docs", "doc", vec![line], &stream, &cuts)
    };
    let (mut swapped, mut shifted) = (small(1024), small(1024));
    let stored = 512 + 12;
    for (frame, from, to) in [(1, 1, 2), (2, 2, 1)] {
        let (from, to) = (format!(r#""offset":{},"#, from * stored), format!(r#""offset":{},"#, to * stored));
        assert!(swapped.frames[frame].contains(&from), "{}", swapped.frames[frame]);
        swapped.frames[frame] = swapped.frames[frame].replace(&from, &to);
    }
    for (frame, size) in [(1, r#""size":513"#), (2, r#""size":511"#)] {
        shifted.frames[frame] = shifted.frames[frame].replace(r#""size":512"#, size);
    }
    let padded: fn(Vec<u8>) -> Vec<u8> = |frame| {
        let mut padded = frame.clone();
        padded[9] &= !1;
        padded.extend([0; 3 * 2_820_000]);
        padded.extend([1, 0, 0]);
        padded
    };
    let table = |name, comment, tree| deep(name, "Z10", "bundle.format", comment, of(vec![Item::Tree(tree)]));
    let changed = |change: fn(Vec<u8>) -> Vec<u8>| of(vec![Item::Tree(docs().with_frame(change))]);
    let refused = |name, case, comment, recipe| deep(name, case, "bundle.frame", comment, recipe);
    let long = vec![b'x'; 200_000];
    vec![
        good(
            "ok-frame-of-long-matches",
            "a compressed block that makes 131,080 bytes out of two such blocks",
            xs(2 * 65_540, frame(2 * 65_540, &[(2, 10, &long_matches(1)), (2, 10, &long_matches(1))])),
        ),
        refused(
            "block-raw-too-large",
            "Z11",
            "a raw block of 200,000 bytes",
            xs(200_000, frame(200_000, &[(0, 200_000, &long)])),
        ),
        refused(
            "block-of-one-byte-too-large",
            "Z11",
            "a block of one byte, 150,000 times",
            xs(150_000, frame(150_000, &[(1, 150_000, b"x")])),
        ),
        refused(
            "block-makes-too-much",
            "Z11",
            "a compressed block that makes 196,620 bytes",
            xs(3 * 65_540, frame(3 * 65_540, &[(2, 14, &long_matches(3))])),
        ),
        refused(
            "block-of-no-known-type",
            "Z11",
            "the reserved type of a block",
            changed(|mut frame| {
                frame[9] |= 6;
                frame
            }),
        ),
        refused(
            "frame-reserved-bit",
            "Z11",
            "the reserved bit",
            changed(|mut frame| {
                frame[4] |= 8;
                frame
            }),
        ),
        refused(
            "frame-unused-bit",
            "Z11",
            "the unused bit",
            changed(|mut frame| {
                frame[4] |= 16;
                frame
            }),
        ),
        refused(
            "frame-of-another-magic",
            "Z03",
            "the magic number of an older format",
            changed(|mut frame| {
                frame[0] = 0x27;
                frame
            }),
        ),
        table("frames-swapped", "two frames of equal bytes, each with the offset of the other", swapped),
        Case {
            expect: "bundle.frame",
            ..table("frames-shifted", "a byte counted for the frame before the one it is in", shifted)
        },
        deep(
            "frame-of-empty-blocks",
            "Z07",
            "bundle.limit",
            "8 MiB and more of blocks with nothing in them",
            of(vec![Item::Tree(docs().with_frame(padded))]),
        ),
        table("frames-longer-than-the-stream", "512 zero bytes behind the end of the stream", {
            let (end, zeros) = (small(1024), raw_frame(&[0; 512]));
            let mut tree = end;
            tree.push(&zeros, 512);
            tree
        }),
        refused("frame-cut-off-in-its-header", "Z02", "five bytes", changed(|frame| frame[..5].to_vec())),
        refused(
            "frame-cut-off-in-a-block",
            "Z02",
            "it ends inside the header of a block",
            changed(|frame| frame[..11].to_vec()),
        ),
    ]
}
