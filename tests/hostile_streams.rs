//! P04 to P51: tar streams that differ from what their inventory renders, under a seal that is good.

use crate::forge::{self, Forge, Judge, Way};
use crate::support::{self, Authorities, Put};
use sealift_bundle::codes;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::header;
use sealift_bundle::format::tree;
use sealift_bundle::trust::verify::Depth;
use tar::EntryType;

/// A bundle with one tree, `t`: `a`, a folder `d` with `d/x` in it, a link `l` to `a`, and `z`, which is long.
pub(crate) fn good(authorities: &Authorities) -> Forge {
    let text: Vec<u8> = (0..6000_u32).flat_map(|n| n.to_string().into_bytes()).take(8192).collect();
    Forge::of(&forge::packed(authorities, |folder| {
        let mut draft = support::draft();
        let entries = [
            ("a", Put::File(b"hello")),
            ("d", Put::Dir),
            ("d/x", Put::File(b"x")),
            ("l", Put::Link("a")),
            ("z", Put::File(&text)),
        ];
        draft.items = vec![support::tree(folder, "t", ItemKind::File, &entries)];
        draft
    }))
}

/// Where the headers of the good tree stand in its stream.
pub(crate) const A: usize = 0;
pub(crate) const D: usize = 1024;
pub(crate) const X: usize = 1536;
pub(crate) const L: usize = 2560;
pub(crate) const Z: usize = 3072;

/// A stream with something at a place of it, with the length that the inventory asks for and with its own.
fn insert(stream: &[u8], at: usize, what: &[u8]) -> [Vec<u8>; 2] {
    let longer = [&stream[..at], what, &stream[at..]].concat();
    [longer[..stream.len()].to_vec(), longer]
}

/// A stream with bytes changed in the header at `at`, its checksum put right.
fn patch(stream: &[u8], at: usize, field: usize, bytes: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    stream[at + field..at + field + bytes.len()].copy_from_slice(bytes);
    let mut fixed = tar::Header::from_byte_slice(&stream[at..at + 512]).clone();
    fixed.set_cksum();
    stream[at..at + 512].copy_from_slice(fixed.as_bytes());
    stream
}

/// A pax or GNU header with a body.
fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
    let head = header("././@PaxHeader", EntryType::new(kind), 0o644, body.len() as u64, "");
    let mut block = [&head[..], body].concat();
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// The stream comes instead of the good one, in one frame and in frames of a block.
fn refuses_streams(
    judge: &Judge<'_>,
    authorities: &Authorities,
    good: &Forge,
    case: &str,
    streams: &[Vec<u8>],
) {
    for stream in streams {
        for most in [512, 1 << 20] {
            let mut forge = good.clone();
            forge.set_stream("t", stream, most);
            let bundle = forge.sealed(authorities);
            for (number, way) in Way::ALL.into_iter().enumerate() {
                let code = judge.code(way, &bundle);
                // What stands where the end should be is the frame's fault, what stands around an entry the stream's.
                let refused = matches!(code, Some(codes::BUNDLE_FORMAT | codes::BUNDLE_FRAME));
                assert!(if number < 2 { code.is_none() } else { refused }, "{case}, {way:?}: {code:?}");
            }
        }
    }
}

#[test]
fn p26_to_p44_tar_streams_that_are_not_the_rendered_one() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let stream = good.stream("t");
    let refuses =
        |case: &str, streams: &[Vec<u8>]| refuses_streams(&judge, &authorities, &good, case, streams);
    let pax = |body: &[u8]| insert(&stream, A, &extension(b'x', body));
    for (case, body) in [
        ("P04 a path in pax", &b"16 path=../../x\n"[..]),
        ("P26 a size in pax", b"13 size=1024\n"),
        ("P26 a size of none in pax", b"10 size=0\n"),
        ("P27 a key twice", b"8 path=a\n8 path=b\n"),
        ("P28 a length that is wrong", b"99 path=a\n"),
        ("P28 no line break", b"8 path=a"),
        ("P29 a negative size", b"11 size=-1\n"),
        ("P29 a size that overflows", b"28 size=18446744073709551616\n"),
        ("P30 NUL", b"11 path=a\0b\n"),
        ("P32 linkpath", b"17 linkpath=/etc\n"),
        ("P25 attributes", b"30 SCHILY.xattr.user.mime=text\n"),
        ("P39 sparse 1.0", b"22 GNU.sparse.major=1\n"),
        ("nothing", b""),
    ] {
        refuses(case, &pax(body));
    }
    let long_name = extension(b'L', b"../../x\0");
    let one = extension(b'x', b"8 path=a\n");
    refuses("P04 a GNU name", &insert(&stream, A, &long_name));
    refuses("P04 a GNU link target", &insert(&stream, L, &extension(b'K', b"/etc/passwd\0")));
    refuses("P31 a global header", &insert(&stream, A, &extension(b'g', b"8 path=b\n")));
    refuses("P33 pax and GNU names", &insert(&stream, A, &[&one[..], &long_name].concat()));
    refuses("P34 two pax headers", &insert(&stream, A, &[&one[..], &one].concat()));
    refuses("P34 one at the end", &insert(&stream, stream.len() - 1024, &one));
    refuses(
        "P35 1 TiB of pax",
        &insert(&stream, A, &header("././@PaxHeader", EntryType::XHeader, 0o644, 1 << 40, "")),
    );
    refuses("P51 a file more", &insert(&stream, Z, &header("m", EntryType::Regular, 0o644, 0, "")));
    refuses(
        "P51 a file more at the end",
        &insert(&stream, stream.len() - 1024, &header("zz", EntryType::Regular, 0o644, 0, "")),
    );
    refuses(
        "P44 a file behind the end",
        &[[&stream[..], &header("zz", EntryType::Regular, 0o644, 0, "")].concat()],
    );
    refuses("P43 three closing blocks", &[[&stream[..], &[0; 512]].concat()]);
    refuses("P43 one closing block", &[stream[..stream.len() - 512].to_vec()]);
    refuses("P43 none", &[stream[..stream.len() - 1024].to_vec()]);
    refuses("P42 a header cut off", &[stream[..Z + 100].to_vec()]);
    refuses("P42 a body cut off", &[stream[..Z + 600].to_vec()]);
    refuses("P51 a file less", &[[&stream[..A], &stream[D..]].concat()]);

    for (case, at, field, bytes) in [
        ("P04 the ustar prefix", A, 345, &b"../.."[..]),
        ("P01 another name", A, 0, b"../x"),
        ("P03 an absolute name", A, 0, b"/x"),
        ("P05 a dot before the name", A, 0, b"./a"),
        ("P07 another target", L, 157, b"/etc"),
        ("P14 a hard link", L, 156, b"1"),
        ("P15 a hard link to itself", L, 156, b"1l"),
        ("P21 a device", A, 156, b"3"),
        ("P21 a block device", A, 156, b"4"),
        ("P22 a pipe", A, 156, b"6"),
        ("P38 a file as old tars write it", A, 156, b"\0"),
        ("P40 contiguous", A, 156, b"7"),
        ("P40 incremental", D, 156, b"D"),
        ("P40 a volume", A, 156, b"V"),
        ("P40 of no known type", A, 156, b"Z"),
        ("P39 GNU sparse", A, 156, b"S"),
        ("P20 a folder for a file", A, 156, b"5"),
        ("P12 a link for a folder", D, 156, b"2"),
        ("P23 setuid", A, 100, b"0004755\0"),
        ("P23 for everybody", A, 100, b"0000666\0"),
        ("P49 a folder without rights", D, 100, b"0000000\0"),
        ("P24 an owner", A, 108, b"0001750\0"),
        ("P24 a group", A, 116, b"0001750\0"),
        ("P24 an owner by name", A, 265, b"root\0"),
        ("P36 a larger size", A, 124, b"00000000006\0"),
        ("P36 no size", A, 124, b"00000000000\0"),
        ("P36 a size in base 256", A, 124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
        ("P36 a negative size", A, 124, &[0xff; 12]),
        ("P36 a size of blanks", A, 124, b"         5 \0"),
        ("P36 a size that is none", A, 124, b"xxxxxxxxxxx\0"),
        ("P41 a folder with a size", D, 124, b"00000002000\0"),
        ("P41 a link with a size", L, 124, b"00000002000\0"),
        ("P38 no magic", A, 257, &[0; 8]),
        ("P38 GNU magic", A, 257, b"ustar  \0"),
        ("P38 star", A, 508, b"tar\0"),
        ("P38 version of NUL", A, 263, &[0, 0]),
        ("a time", A, 136, b"00000000001\0"),
        ("a device number", A, 329, b"0000001\0"),
    ] {
        let patched = patch(&stream, at, field, bytes);
        assert_ne!(patched, stream, "{case}");
        refuses(case, &[patched]);
    }
    let changed = |at: usize, bytes: &[u8]| {
        let mut stream = stream.clone();
        stream[at..at + bytes.len()].copy_from_slice(bytes);
        vec![stream]
    };
    refuses("P37 a wrong checksum", &changed(A + 148, b"000000\0 "));
    refuses("P37 a checksum in another spelling", &changed(A + 154, b" \0"));
    refuses("padding of a file", &changed(A + 512 + 5, b"!"));
    refuses("P52 something in the padding of the last file", &changed(X + 512 + 1, &stream[A..A + 300]));
    let swapped = [&stream[..D], &stream[L..Z], &stream[D..L], &stream[Z..]].concat();
    refuses("P51 another order", &[swapped]);
    let twice = [&stream[..D], &stream[..D], &stream[D..]].concat();
    refuses("P18 a file twice", &[twice[..stream.len()].to_vec(), twice]);
}

#[test]
fn p44_the_closing_blocks_hold_nothing() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let mut stream = good.stream("t");
    let len = stream.len();
    for at in [len - 1024, len - 513, len - 512, len - 1] {
        stream[at] = 1;
        let mut forge = good.clone();
        forge.set_stream("t", &stream, 1 << 20);
        judge.refuses_decoded(&format!("P44 {at}"), &forge.sealed(&authorities), codes::BUNDLE_FRAME);
        stream[at] = 0;
    }
}

#[test]
fn p50_every_changed_byte_of_a_header_is_noticed() {
    let authorities = Authorities::new();
    let (judge, good) = (Judge::new(&authorities), good(&authorities));
    let stream = good.stream("t");
    let mut refused = 0;
    for at in [A, D, L] {
        for field in 0..512 {
            let mut forge = good.clone();
            let changed =
                [&stream[..at + field], &[stream[at + field] ^ 1], &stream[at + field + 1..]].concat();
            forge.set_stream("t", &changed, 1 << 20);
            let code = judge.code(Way::Pipe(Depth::Decoded), &forge.sealed(&authorities));
            assert_eq!(code, Some(codes::BUNDLE_FORMAT), "byte {field} of the header at {at}");
            refused += 1;
        }
    }
    assert_eq!(refused, 3 * 512);
}

#[test]
fn p26_pax_records_are_those_of_long_names_and_no_others() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let long = "n".repeat(120);
    let good = Forge::of(&forge::packed(&authorities, |folder| {
        let mut draft = support::draft();
        draft.items = vec![support::tree(folder, "t", ItemKind::File, &[(&long, Put::File(b"hello"))])];
        draft
    }));
    judge.trusts("a long name", &good.sealed(&authorities));
    let stream = good.stream("t");
    let records = format!("130 path={long}\n");
    assert!(stream[512..].starts_with(records.as_bytes()));
    for (case, other) in [
        ("P27 twice", "18 comment=nothing\n"),
        ("P04 another path", "130 path=../"),
        ("P28 another length", "131 path="),
        ("P31 another key", "130 patj="),
    ] {
        let mut changed = stream.clone();
        changed[512..512 + other.len()].copy_from_slice(other.as_bytes());
        refuses_streams(&judge, &authorities, &good, case, &[changed]);
    }
    refuses_streams(&judge, &authorities, &good, "P31 global", &[patch(&stream, 0, 156, b"g")]);
    refuses_streams(
        &judge,
        &authorities,
        &good,
        "P26 another size",
        &[patch(&stream, 0, 124, b"00000001000\0")],
    );
    let mut behind = stream.clone();
    behind[512 + records.len()..][..9].copy_from_slice(b"8 size=9\n");
    refuses_streams(&judge, &authorities, &good, "P26 a record behind the end of the records", &[behind]);
    // A short name needs no records, so it may not have any.
    let name = "n".repeat(100);
    let entry = Entry { path: name.parse().unwrap(), node: Node::Dir };
    assert_eq!(tree::head(&entry).len(), 3 * 512, "a folder of 100 bytes and a slash");
    let node = Node::Link { target: "a".to_owned() };
    assert_eq!(tree::head(&Entry { path: name.parse().unwrap(), node }).len(), 512, "100 bytes fit");
}
