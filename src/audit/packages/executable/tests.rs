//! Executables with what Go and `cargo auditable` add to them. The files around these parts are made here.

use super::in_executable;
use crate::packages::{Ecosystem, Package};
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use std::io::Write as _;

fn words(numbers: &[(u64, usize)]) -> Vec<u8> {
    numbers.iter().flat_map(|(number, size)| number.to_le_bytes()[..*size].to_vec()).collect()
}

/// An ELF of 64 bits whose sections lie at `0x400000` and their offset, in one segment that may be written.
fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut content = Vec::new();
    let mut headers = vec![0; 64];
    let begin = 64 + 56 + 8;
    for (name, bytes) in sections.iter().chain([&(".shstrtab", &b""[..])]) {
        let at = begin + content.len();
        let name_at = names.len() as u64;
        names.extend([name.as_bytes(), b"\0"].concat());
        let bytes = if bytes.is_empty() { names.clone() } else { bytes.to_vec() };
        let size = bytes.len() as u64;
        headers.extend(words(&[
            (name_at, 4),
            (1, 4),
            (0, 8),
            (0x40_0000 + at as u64, 8),
            (at as u64, 8),
            (size, 8),
        ]));
        headers.extend(words(&[(0, 8), (16, 8), (0, 8)]));
        content.extend(bytes);
        content.resize(content.len().next_multiple_of(16), 0);
    }
    let table = (begin + content.len()) as u64;
    let count = sections.len() as u64 + 2;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend(words(&[
        (2, 2),
        (62, 2),
        (1, 4),
        (0, 8),
        (64, 8),
        (table, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (1, 2),
    ]));
    file.extend(words(&[(64, 2), (count, 2), (count - 1, 2)]));
    file.extend(words(&[
        (1, 4),
        (6, 4),
        (0, 8),
        (0x40_0000, 8),
        (0x40_0000, 8),
        (table, 8),
        (table, 8),
        (16, 8),
    ]));
    [file, vec![0; 8], content, headers].concat()
}

/// The same without names of sections.
fn stripped(mut elf: Vec<u8>) -> Vec<u8> {
    elf[40..48].fill(0);
    elf[60..64].fill(0);
    elf
}

fn pe(name: [u8; 8], flags: u64, content: &[u8]) -> Vec<u8> {
    let mut file = b"MZ".to_vec();
    file.resize(60, 0);
    file.extend(words(&[(64, 4)]));
    file.extend(b"PE\0\0");
    file.extend(words(&[(0x8664, 2), (1, 2), (0, 8), (0, 4), (112, 2), (2, 2)]));
    let mut optional = words(&[(0x20b, 2)]);
    optional.resize(112, 0);
    optional[24..32].copy_from_slice(&0x1_4000_0000_u64.to_le_bytes());
    file.extend(optional);
    file.extend(name);
    let (size, at) = (content.len() as u64, file.len() as u64 + 32);
    file.extend(words(&[(size, 4), (0x1000, 4), (size, 4), (at, 4), (0, 8), (0, 4), (flags, 4)]));
    [&file, content].concat()
}

fn macho(name: &str, content: &[u8]) -> Vec<u8> {
    let sized = |name: &str| {
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(16, 0);
        bytes
    };
    let (size, at) = (content.len() as u64, 32 + 72 + 80);
    let mut file = words(&[(0xfeed_facf, 4), (0x0100_0007, 4), (3, 4), (2, 4), (1, 4), (152, 4), (0, 8)]);
    file.extend(words(&[(0x19, 4), (152, 4)]));
    file.extend(sized("__DATA"));
    file.extend(words(&[(0x1000, 8), (size, 8), (at, 8), (size, 8), (3, 4), (3, 4), (1, 4), (0, 4)]));
    file.extend(sized(name));
    file.extend(sized("__DATA"));
    file.extend(words(&[(0x1000, 8), (size, 8), (at, 4), (0, 4), (0, 8), (0, 8), (0, 8)]));
    [&file, content].concat()
}

fn fat(machines: &[Vec<u8>]) -> Vec<u8> {
    let mut file = 0xcafe_babe_u32.to_be_bytes().to_vec();
    file.extend(u32::try_from(machines.len()).unwrap().to_be_bytes());
    let mut at = (8 + 20 * machines.len()).next_multiple_of(4096);
    let mut content = Vec::new();
    for machine in machines {
        let size = machine.len();
        for number in [0x0100_0007, 3, at, size, 12] {
            file.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
        at += size.next_multiple_of(4096);
        content.extend(machine);
        content.resize(content.len().next_multiple_of(4096), 0);
    }
    file.resize(file.len().next_multiple_of(4096), 0);
    [file, content].concat()
}

/// The section of a real program.
fn real() -> Vec<u8> {
    zstd::decode_all(&include_bytes!("../../../../tests/fixtures/packages/go.buildinfo.zst")[..]).unwrap()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn build_info(version: &str, modules: &str) -> Vec<u8> {
    let list = [&[7; 16], modules.as_bytes(), &[9; 16]].concat();
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    [info, varint(version.len()), version.as_bytes().to_vec(), varint(list.len()), list].concat()
}

fn list(bytes: &[u8]) -> Vec<String> {
    let packages = in_executable(bytes).unwrap();
    packages.iter().map(|package: &Package| format!("{} {}", package.name, package.version)).collect()
}

#[test]
fn a_real_list_of_modules_is_read_whole() {
    let found = in_executable(&elf(&[(".go.buildinfo", &real())])).unwrap();
    assert!(found.iter().all(|package| package.ecosystem == Ecosystem::Golang));
    let version =
        |name: &str| found.iter().find(|package| package.name == name).map(|package| &*package.version);
    assert!(version("stdlib").is_some_and(|version| version.starts_with("go1.")));
    assert!(version("github.com/anchore/syft").is_some() && version("github.com/spf13/cobra").is_some());
    assert_eq!(found.len(), MODULES);
}

/// What syft finds in itself: 187 modules, of which the standard library is one.
const MODULES: usize = 187;

#[test]
fn replaced_modules_are_what_replaced_them() {
    let modules = "path\tx/cmd\nmod\tx\t(devel)\t\ndep\ta/b\tv1.0.0\th1:x=\ndep\tc\tv1.0.0\n=>\td/e\tv2.0.0\th1:y=\n\
                   dep\tf\tv0.0.0\n=>\t./f\t(devel)\t\ndep\tg\t\t\nbuild\t-compiler=gc\n";
    let info = build_info("go1.22.3 X:y", modules);
    let expected = ["a/b v1.0.0", "d/e v2.0.0", "f (devel)", "g (devel)", "stdlib go1.22.3 X:y", "x (devel)"];
    assert_eq!(list(&elf(&[(".go.buildinfo", &info)])), expected);
    assert_eq!(list(&stripped(elf(&[(".go.buildinfo", &info)]))), expected);
    assert_eq!(list(&pe(*b".data\0\0\0", 0xc000_0040, &info)), expected);
    assert_eq!(list(&macho("__go_buildinfo", &info)), expected);
    assert_eq!(list(&fat(&[macho("__go_buildinfo", &info), macho("__go_buildinfo", &info)])), expected);
    assert_eq!(list(&elf(&[(".go.buildinfo", &build_info("go1.19.8", ""))])), ["stdlib go1.19.8"]);
    let debian = build_info("go1.19.8", "path\texample.com/x/cmd/y\nbuild\t-compiler=gc\n");
    assert_eq!(list(&elf(&[(".go.buildinfo", &debian)])), ["example.com/x/cmd/y (devel)", "stdlib go1.19.8"]);
}

#[test]
fn pointers_of_older_go_are_followed() {
    // Two heads of strings, and the strings, behind the head of the information at 0x400080.
    let list_text = [&[7; 16][..], b"mod\tx\tv1\t\n", &[9; 16]].concat();
    let base = 0x40_0080_u64;
    let mut info = b"\xff Go buildinf:\x08\x00".to_vec();
    info.extend(words(&[(base + 32, 8), (base + 48, 8)]));
    info.extend(words(&[(base + 64, 8), (6, 8), (base + 70, 8), (list_text.len() as u64, 8)]));
    info.extend(b"go1.17");
    info.extend(&list_text);
    assert_eq!(list(&elf(&[(".go.buildinfo", &info)])), ["stdlib go1.17", "x v1"]);
    info[16] = 0xff;
    info[20] = 0xff;
    assert!(in_executable(&elf(&[(".go.buildinfo", &info)])).unwrap_err().contains("lead nowhere"));
}

#[test]
fn the_magic_bytes_alone_make_no_go_program() {
    let info = build_info("go1.22.3", "mod\tx\tv1\t\n");
    // A constant of a program that reads such information.
    assert!(list(&elf(&[(".rodata", &info)])).is_empty());
    assert!(list(&pe(*b".rdata\0\0", 0x4000_0040, &info)).is_empty());
    let misplaced = [&[0; 8], info.as_slice()].concat();
    assert!(list(&pe(*b".data\0\0\0", 0xc000_0040, &misplaced)).is_empty());
    let mut decoy = b"\xff Go buildinf:\x08\x02".to_vec();
    decoy.resize(48, 0);
    assert_eq!(
        list(&pe(*b".data\0\0\0", 0xc000_0040, &[decoy.clone(), info].concat())),
        ["stdlib go1.22.3", "x v1"]
    );
    assert!(in_executable(&elf(&[(".go.buildinfo", &decoy)])).is_err());
    for bytes in
        [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe\0\0\0\x41\0\x10class of Java"]
    {
        assert!(list(bytes).is_empty(), "{bytes:?}");
    }
}

fn auditable(json: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(json).unwrap();
    zlib.finish().unwrap()
}

#[test]
fn crates_that_are_part_of_the_program_are_listed() {
    let json = br#"{"packages":[{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"app","version":"0.1.0","source":"local","dependencies":[0,2],"root":true},
        {"name":"libc","version":"0.2.0","source":"crates.io","kind":"runtime"}]}"#;
    let section = auditable(json);
    for file in
        [elf(&[(".dep-v0", &section)]), pe(*b".dep-v0\0", 0x4000_0040, &section), macho(".dep-v0", &section)]
    {
        assert_eq!(list(&file), ["app 0.1.0", "libc 0.2.0"]);
    }
}

#[test]
fn z07_a_list_of_crates_that_is_none_is_said_to_be_unread() {
    let bomb = auditable(&vec![b' '; (8 << 20) + 1]);
    for section in
        [&b"not zlib"[..], &auditable(b"{}"), &auditable(b"[]"), &auditable(&b"[".repeat(100_000)), &bomb]
    {
        let reason = in_executable(&elf(&[(".dep-v0", section)])).unwrap_err();
        assert!(reason.contains("Rust crates"), "{reason}");
    }
}

#[test]
fn z02_executables_cut_anywhere_give_nothing_else() {
    let info = build_info("go1.22.3", "mod\tx\tv1\t\n");
    for whole in [
        elf(&[(".go.buildinfo", &info)]),
        pe(*b".data\0\0\0", 0xc000_0040, &info),
        macho("__go_buildinfo", &info),
    ] {
        for cut in 0..whole.len() {
            let found = in_executable(&whole[..cut]).unwrap_or_default();
            assert!(found.iter().all(|package| package.name == "x" || package.name == "stdlib"), "{cut}");
        }
    }
}

proptest! {
    #[test]
    fn z01_flipped_bytes_never_stop_the_reader(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let info = build_info("go1.22.3", "mod\tx\tv1\t\ndep\ty\tv1\n=>\tz\tv2\n");
        let crates = auditable(br#"{"packages":[{"name":"cc","version":"1.0.0"}]}"#);
        for mut bytes in [
            elf(&[(".go.buildinfo", &info), (".dep-v0", &crates)]),
            stripped(elf(&[(".data", &info)])),
            pe(*b".data\0\0\0", 0xc000_0040, &info),
            fat(&[macho("__go_buildinfo", &info)]),
        ] {
            for (at, value) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let _ = in_executable(&bytes);
        }
    }
}
