use super::*;
use crate::analysis::anomaly::AnomalyKind;
use proptest::prelude::*;

#[derive(Default)]
struct Seen(Vec<(TarEntry, Vec<u8>)>);

impl Visitor for Seen {
    fn entry(&mut self, entry: TarEntry, body: &mut EntryContent<'_>) -> io::Result<()> {
        let mut content = Vec::new();
        body.read_to_end(&mut content)?;
        self.0.push((entry, content));
        Ok(())
    }
}

/// One block with a right checksum.
fn header(flag: u8, name: &[u8], link: &[u8], size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name);
    bytes[157..157 + link.len()].copy_from_slice(link);
    bytes[156] = flag;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_cksum();
    header
}

fn entry(flag: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(flag, name.as_bytes(), link.as_bytes(), content.len() as u64).as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(b'0', name, "", content)
}

fn pax(records: &[u8]) -> Vec<u8> {
    entry(b'x', "pax", "", records)
}

fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() != length {
        length += 1;
    }
    format!("{length}{rest}")
}

fn closed(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.extend([0; 1024]);
    bytes
}

fn read(bytes: &[u8]) -> (Walked, Vec<(TarEntry, Vec<u8>)>) {
    let mut seen = Seen::default();
    let walked = walk(bytes, bytes.len() as u64, &mut seen).unwrap();
    (walked, seen.0)
}

/// The kinds of everything that was odd.
fn anomalies(bytes: &[u8]) -> Vec<AnomalyKind> {
    let (walked, seen) = read(bytes);
    let of_entries = seen.iter().flat_map(|(entry, _)| &entry.anomalies);
    walked.anomalies.iter().chain(of_entries).map(|anomaly| anomaly.kind).collect()
}

#[test]
fn three_ways_to_compress_give_the_same() {
    use std::io::Write as _;
    let plain = closed(&[file("a/b", b"hello"), entry(b'5', "c/", "", b"")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for (bytes, compression) in
        [(&plain, Compression::None), (&gzip, Compression::Gzip), (&zstd, Compression::Zstd)]
    {
        let (walked, seen) = read(bytes);
        assert_eq!(walked.compression, compression);
        assert_eq!(walked.diff_id, Some(Digest::of(&plain)));
        assert_eq!((walked.stopped, walked.anomalies), (None, Vec::new()));
        let seen: Vec<_> =
            seen.iter().map(|(entry, content)| (entry.path.as_str(), content.as_slice())).collect();
        assert_eq!(seen, [("a/b", &b"hello"[..]), ("c", b"")]);
    }
    // Two members of gzip one behind the other are one stream, as every engine has it.
    let (walked, _) = read(&[gzip.clone(), gzip].concat());
    assert_eq!(walked.diff_id, Some(Digest::of(&[plain.clone(), plain].concat())));
}

#[test]
fn what_takes_away_is_told_apart() {
    let layer = closed(&[
        file("a/.wh.b", b""),
        file("c/.wh..wh..opq", b""),
        file(".wh..wh.plnk", b""),
        file(".wh.d", b""),
    ]);
    let nodes: Vec<_> = read(&layer).1.into_iter().map(|(entry, _)| entry.node).collect();
    let expected = [
        TarNode::Whiteout("a/b".to_owned()),
        TarNode::Opaque("c".to_owned()),
        TarNode::File(0),
        TarNode::Whiteout("d".to_owned()),
    ];
    assert_eq!(nodes, expected);
}

#[test]
fn p01_to_p06_paths_that_lead_elsewhere_are_told_and_not_followed() {
    for (name, path, kind) in [
        ("../x", "../x", Some(AnomalyKind::PathOutside)),
        ("a/../../x", "a/../../x", Some(AnomalyKind::PathOutside)),
        ("d/../d/x", "d/../d/x", Some(AnomalyKind::PathOutside)),
        ("/abs", "abs", Some(AnomalyKind::PathAbsolute)),
        ("//abs", "abs", Some(AnomalyKind::PathAbsolute)),
        ("./x", "x", None),
        ("a//b", "a/b", None),
        ("./", "", None),
    ] {
        let (_, seen) = read(&closed(&[file(name, b"1")]));
        assert_eq!(seen[0].0.path, path, "{name}");
        assert_eq!(seen[0].0.is_outside, kind == Some(AnomalyKind::PathOutside), "{name}");
        assert_eq!(seen[0].0.anomalies.first().map(|anomaly| anomaly.kind), kind, "{name}");
    }
    // P04: the same in extended headers of both kinds.
    let long = closed(&[pax(record("path", "../x").as_bytes()), file("y", b"")]);
    assert_eq!(anomalies(&long), [AnomalyKind::PathOutside]);
    let long = closed(&[entry(b'L', "././@LongLink", "", b"../x\0"), file("y", b"")]);
    assert_eq!(anomalies(&long), [AnomalyKind::PathOutside]);
}

#[test]
fn p14_p21_p22_p40_links_devices_and_unknown_types() {
    let layer = closed(&[
        entry(b'1', "hard", "../../etc/passwd", b""),
        entry(b'3', "null", "", b""),
        entry(b'6', "pipe", "", b""),
        entry(b'Z', "what", "", b"abc"),
        file("after", b""),
    ]);
    let (walked, seen) = read(&layer);
    assert_eq!(walked.stopped, None);
    let nodes: Vec<_> = seen.iter().map(|(entry, _)| entry.node.clone()).collect();
    let hard = TarNode::Hardlink { path: "../../etc/passwd".to_owned(), is_outside: true };
    assert_eq!(nodes, [hard, TarNode::Char(0, 0), TarNode::Fifo, TarNode::File(3), TarNode::File(0)]);
    assert_eq!(anomalies(&layer), [AnomalyKind::ArchiveAmbiguous]);
}

#[test]
fn p25_capabilities_are_read() {
    // cap_net_bind_service=ep, as setcap of libcap writes it.
    let value = "\u{1}\u{0}\u{0}\u{2}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}";
    let layer =
        closed(&[pax(record("SCHILY.xattr.security.capability", value).as_bytes()), file("ping", b"")]);
    let (_, seen) = read(&layer);
    assert_eq!(seen[0].0.capabilities.unwrap().to_string(), "cap_net_bind_service=ep");
    let layer = closed(&[pax(record("SCHILY.xattr.security.capability", "x").as_bytes()), file("ping", b"")]);
    assert_eq!(anomalies(&layer), [AnomalyKind::ArchiveAmbiguous]);
}

#[test]
fn p26_to_p34_headers_that_programs_read_differently() {
    let size = |size: &str| pax(record("size", size).as_bytes());
    let twice = record("path", "a") + &record("path", "b");
    for (case, layer) in [
        ("P26", closed(&[size("3"), entry(b'0', "x", "", b"12345")])),
        ("P27", closed(&[pax(twice.as_bytes()), file("x", b"")])),
        ("P31", closed(&[entry(b'g', "g", "", record("path", "evil").as_bytes()), file("x", b"")])),
        ("P33", closed(&[pax(record("path", "a").as_bytes()), entry(b'L', "L", "", b"b"), file("x", b"")])),
        (
            "P34",
            closed(&[
                pax(record("path", "a").as_bytes()),
                pax(record("path", "b").as_bytes()),
                file("x", b""),
            ]),
        ),
        ("P34, at the end", closed(&[file("x", b""), pax(record("path", "a").as_bytes())])),
        (
            "P41",
            closed(&[
                entry(b'5', "d", "", b""),
                {
                    let mut header = header(b'2', b"l", b"t", 512);
                    header.set_cksum();
                    header.as_bytes().to_vec()
                },
                file("hidden", b""),
            ]),
        ),
    ] {
        assert!(
            anomalies(&layer).contains(&AnomalyKind::ArchiveAmbiguous),
            "{case}: {:?}",
            anomalies(&layer)
        );
    }
    // Go, and with it every engine, takes the last of two and the name of GNU; a global header counts for nothing.
    let name = |layer: Vec<u8>| read(&layer).1[0].0.path.clone();
    assert_eq!(name(closed(&[pax(twice.as_bytes()), file("x", b"")])), "b");
    assert_eq!(name(closed(&[entry(b'g', "g", "", record("path", "evil").as_bytes()), file("x", b"")])), "x");
}

#[test]
fn p28_p29_p30_p35_p36_p37_p42_damage_ends_the_walk_and_is_told() {
    let mut checksum = file("x", b"");
    checksum[148] ^= 1;
    let mut number = header(b'0', b"x", b"", 0);
    number.as_mut_bytes()[124..136].copy_from_slice(b"not a number");
    number.set_cksum();
    for (case, layer) in [
        ("P28", closed(&[pax(b"9 path=x"), file("x", b"")])),
        ("P28, no newline", closed(&[pax(b"8 path=xy"), file("x", b"")])),
        ("P29", closed(&[pax(record("size", "-1").as_bytes()), file("x", b"")])),
        ("P29, overflow", closed(&[pax(record("size", "99999999999999999999").as_bytes()), file("x", b"")])),
        ("P30", closed(&[pax(record("path", "a\0b").as_bytes()), file("x", b"")])),
        ("P35", closed(&[header(b'x', b"pax", b"", 1 << 40).as_bytes().to_vec()])),
        ("P36", closed(&[number.as_bytes().to_vec()])),
        ("P37", closed(&[checksum])),
        ("P42", file("x", &[1; 600])[..700].to_vec()),
        ("P42, a header", file("x", b"")[..300].to_vec()),
        ("many headers", closed(&vec![pax(b""); 17])),
    ] {
        let (walked, seen) = read(&layer);
        assert!(walked.stopped.is_some(), "{case}");
        assert!(seen.len() <= 1, "{case}");
    }
}

#[test]
fn p43_p44_ends_that_are_missing_or_not_the_end() {
    assert_eq!(anomalies(&file("x", b"")), [AnomalyKind::ArchiveUnclosed]);
    assert_eq!(anomalies(&[file("x", b""), vec![0; 512]].concat()), [AnomalyKind::ArchiveUnclosed]);
    let behind = [closed(&[file("x", b"")]), file("hidden", b"")].concat();
    assert_eq!(anomalies(&behind), [AnomalyKind::ArchiveTrailing]);
    // Zeros to fill a block of tape are none.
    assert_eq!(anomalies(&[closed(&[file("x", b"")]), vec![0; 9000]].concat()), []);
}

#[test]
fn p46_names_that_are_not_utf8_keep_their_bytes() {
    let mut header = header(b'0', b"caf\xe9", b"", 0);
    header.set_cksum();
    let (_, seen) = read(&closed(&[header.as_bytes().to_vec()]));
    assert_eq!(seen[0].0.path, "caf\\xe9");
}

#[test]
fn p39_sparse_files_are_told() {
    assert_eq!(anomalies(&closed(&[entry(b'S', "s", "", b"")])), [AnomalyKind::ArchiveSparse]);
    let modern = closed(&[pax(record("GNU.sparse.major", "1").as_bytes()), file("s", b"")]);
    assert_eq!(anomalies(&modern), [AnomalyKind::ArchiveSparse]);
}

/// Gives one byte at a time.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

#[test]
fn a_pipe_that_gives_single_bytes_changes_nothing() {
    let plain = closed(&[file("x", b"1")]);
    for layer in [zstd::encode_all(&plain[..], 1).unwrap(), plain, vec![0x28], Vec::new()] {
        let mut seen = Seen::default();
        let walked = walk(Dripping(&layer), layer.len() as u64, &mut seen).unwrap();
        assert_eq!((walked, seen.0), read(&layer));
    }
}

/// A header whose fields were changed, with a right checksum.
fn changed(flag: u8, name: &str, size: u64, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut header = header(flag, name.as_bytes(), b"", size);
    for (at, bytes) in fields {
        header.as_mut_bytes()[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn fields_that_were_left_empty_are_zero_as_in_go() {
    let empty: [(usize, &[u8]); 6] = [
        (100, &[0; 8]),
        (108, &[b' '; 8]),
        (116, &[0; 8]),
        (124, &[0; 12]),
        (329, &[0; 8]),
        (337, &[b' '; 8]),
    ];
    let layer = closed(&[changed(b'3', "null", 0, &empty), file("x", b"1")]);
    let (walked, seen) = read(&layer);
    assert_eq!(walked.stopped, None);
    assert_eq!(seen[0].0.node, TarNode::Char(0, 0));
    assert_eq!((seen[0].0.mode, seen[0].0.uid, seen[0].0.gid, seen.len()), (0, 0, 0, 2));
    for field in [(329, &b"nothing\0"[..]), (337, b"8\0\0\0\0\0\0\0"), (124, &[0xff; 12])] {
        let (walked, seen) = read(&closed(&[changed(b'3', "null", 0, &[field])]));
        assert!(walked.stopped.is_some() && seen.is_empty(), "{field:?}");
    }
}

#[test]
fn p29_a_size_that_no_file_has_ends_the_walk() {
    // Rounded up to whole blocks, it is not a number of 64 bits any more.
    for size in ["18446744073709551615", "9223372036854775808"] {
        let (walked, seen) = read(&closed(&[pax(record("size", size).as_bytes()), file("x", b"")]));
        assert!(walked.stopped.is_some() && seen.is_empty(), "{size}");
    }
    let (walked, _) = read(&closed(&[pax(record("size", "9223372036854775807").as_bytes()), file("x", b"")]));
    assert!(walked.stopped.unwrap().contains("in the middle"));
}

#[test]
fn names_that_programs_put_together_differently_are_those_of_go() {
    let name = |layer: Vec<u8>| read(&closed(&[layer])).1[0].0.path.clone();
    let posix: (usize, &[u8]) = (257, b"ustar\0");
    let prefix: (usize, &[u8]) = (345, b"etc");
    assert_eq!(name(changed(b'0', "passwd", 0, &[posix, (263, b"00"), prefix])), "etc/passwd");
    assert_eq!(name(changed(b'0', "passwd", 0, &[posix, (263, b"xx"), prefix])), "etc/passwd");
    // What star writes has a time at the end of a prefix that is shorter.
    let star = changed(b'0', "x", 0, &[posix, prefix, (348, &[b'/'; 128]), (476, b"1"), (508, b"tar\0")]);
    assert_eq!(name(star), "etc/x");
    // GNU has times there; where they are none, Go takes them for a prefix.
    assert_eq!(name(changed(b'0', "x", 0, &[(345, b"00000000000\0")])), "x");
    assert_eq!(name(changed(b'0', "x", 0, &[prefix])), "etc/x");
    let sparse = |version: &str| {
        let records = version.to_owned() + &record("GNU.sparse.name", "etc/passwd") + &record("path", "x");
        name([pax(records.as_bytes()), file("y", b"")].concat())
    };
    assert_eq!(sparse(&(record("GNU.sparse.major", "1") + &record("GNU.sparse.minor", "0"))), "etc/passwd");
    assert_eq!(sparse(&record("GNU.sparse.offset", "0")), "etc/passwd");
    assert_eq!(sparse(&(record("GNU.sparse.major", "2") + &record("GNU.sparse.minor", "0"))), "x");
    assert_eq!(sparse(""), "x");
}

#[test]
fn p41_blocks_that_programs_count_differently_are_those_of_go() {
    let names = |parts: &[Vec<u8>]| -> Vec<String> {
        read(&closed(parts)).1.into_iter().map(|(entry, _)| entry.path).collect()
    };
    // A directory by its name alone has no content, whatever its size says.
    let folder = [changed(0, "d/", 512, &[]), file("hidden", b"")];
    assert_eq!(names(&folder), ["d", "hidden"]);
    assert_eq!(anomalies(&closed(&folder)), [AnomalyKind::ArchiveAmbiguous]);
    // Any byte but zero says that another block of the list follows.
    let mut more = vec![0; 512];
    more[504] = 2;
    let sparse = [changed(b'S', "s", 0, &[(482, &[2])]), more, vec![0; 512], file("after", b"")];
    assert_eq!(names(&sparse), ["s", "after"]);
}

struct Passing;

impl Visitor for Passing {
    fn entry(&mut self, _: TarEntry, _: &mut EntryContent<'_>) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn names_end_at_a_limit_all_together() {
    let name = "n".repeat(1 << 19);
    let one = [pax(record("path", &name).as_bytes()), file("n", b"")].concat();
    let (walked, seen) = read(&zstd::encode_all(&one[..], 1).unwrap().repeat(300));
    assert_eq!(walked.stopped.unwrap(), "its paths have more than 134217728 bytes together");
    assert_eq!(seen.len(), 256);
}

#[test]
fn p52_bombs_end_at_a_limit() {
    use std::io::Write as _;
    // 4 GiB of zeros in a zstd stream of some hundred kilobytes.
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    let zeros = vec![0; 1 << 20];
    encoder.write_all(header(b'0', b"bomb", b"", 4 << 30).as_bytes()).unwrap();
    for _ in 0..2048 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let walked = walk(&bomb[..], bomb.len() as u64, &mut Passing).unwrap();
    assert!(walked.stopped.unwrap().contains("decompressed"));
    assert!(walked.size < 1200 << 20 && walked.diff_id.is_none());
}

struct Broken(u8);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(Failed::on_the_way(io::Error::other("the disk")));
        }
        self.0 -= 1;
        buffer.fill(0x20);
        Ok(buffer.len().min(100))
    }
}

#[test]
fn an_error_of_the_medium_is_no_damage() {
    for after in [0, 1, 20] {
        let error = walk(Broken(after), 1 << 20, &mut Seen::default()).unwrap_err();
        assert!(error.downcast::<Failed>().is_ok(), "{after}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        read(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..4096_usize, bit in 0..8_u8, end in 0..4096_usize) {
        let mut layer = closed(&[
            pax((record("path", "a/b") + &record("size", "700")).as_bytes()),
            file("x", &[7; 700]),
            entry(b'L', "L", "", &[b'n'; 300]),
            entry(b'2', "l", "t", b""),
        ]);
        let length = layer.len();
        layer[at % length] ^= 1 << bit;
        read(&layer);
        read(&layer[..end % length]);
    }
}
