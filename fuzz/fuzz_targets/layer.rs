//! Layers: whatever the bytes, a walk ends, hands out no more than it says, and says the same however they arrive.

#![no_main]

use flate2::{Compression as Level, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use sealift_audit::layer::{Compression, EntryContent, TarEntry, TarNode, Visitor, walk};
use sealift_bundle::value::digest::Digest;
use std::io::{self, Read, Write as _};

fuzz_target!(init: sealift_fuzz::seeds(seeds), |data: &[u8]| {
    let stored = data.len() as u64;
    let mut checking = Checking::default();
    let walked = walk(data, stored, &mut checking).expect("memory can be read");
    assert!(checking.bytes <= walked.size);
    assert!(checking.entries as u64 <= walked.size / 512);
    assert!(walked.diff_id.is_some() || walked.stopped.is_some());
    if walked.compression == Compression::None {
        assert_eq!((walked.size, walked.diff_id), (stored, Some(Digest::of(data))));
    }
    let mut passing = Passing(0);
    let again = walk(Dripping(data), stored, &mut passing).expect("memory can be read");
    // Where a stream is damaged, how it arrives decides how many bytes a decoder gives before it says so.
    if walked.diff_id.is_some() {
        assert_eq!((again, passing.0), (walked, checking.entries));
    } else {
        assert_eq!(again.diff_id, None);
    }
});

/// Reads bodies in several ways and looks at what comes with them.
#[derive(Default)]
struct Checking {
    entries: usize,
    bytes: u64,
}

impl Visitor for Checking {
    fn entry(&mut self, entry: TarEntry, body: &mut EntryContent<'_>) -> io::Result<()> {
        let path = &entry.path;
        let normal = |name: &str| !matches!(name, "" | ".");
        assert!(path.is_empty() || path.split('/').all(normal), "{path:?}");
        assert!(entry.is_outside || path.split('/').all(|name| name != ".."), "{path:?}");
        assert!(!path.contains('\0') && entry.mode <= 0o7777);
        let size = body.left();
        match &entry.node {
            TarNode::File(stated) => assert_eq!(*stated, size),
            TarNode::Symlink(target) => assert!(!target.contains('\0')),
            TarNode::Hardlink { path, is_outside } => {
                assert!(!path.starts_with('/') && !path.contains('\0'));
                assert!(*is_outside || path.split('/').all(|name| name != ".."));
            }
            TarNode::Whiteout(path) | TarNode::Opaque(path) => assert!(!path.starts_with('/')),
            TarNode::Dir | TarNode::Char(..) | TarNode::Block(..) | TarNode::Fifo => {}
        }
        let mut buffer = [0; 700];
        let mut taken = 0;
        loop {
            let count = match self.entries % 3 {
                0 => match body.piece() {
                    Ok(piece) => piece.map_or(0, <[u8]>::len),
                    Err(_) => break,
                },
                1 => match body.read(&mut buffer) {
                    Ok(count) => count,
                    Err(_) => break,
                },
                // What is not read is passed over.
                _ => 0,
            };
            taken += count as u64;
            assert_eq!(body.left(), size - taken);
            if count == 0 {
                assert!(self.entries % 3 == 2 || taken == size);
                break;
            }
        }
        self.entries += 1;
        self.bytes += taken;
        Ok(())
    }
}

/// Counts entries and reads none.
struct Passing(usize);

impl Visitor for Passing {
    fn entry(&mut self, _: TarEntry, _: &mut EntryContent<'_>) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

/// Gives a few bytes at a time.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1 + self.0.len() % 97);
        self.0.read(&mut buffer[..most])
    }
}

fn header(flag: u8, name: &str, link: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.as_old_mut().linkflag = [flag];
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size as u64);
    header.set_cksum();
    header
}

fn entry(flag: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = [header(flag, name, link, content.len()).as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::best());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let file = |name: &str| entry(b'0', name, "", b"content\n");
    let mut sparse = header(b'S', "sparse", "", 8);
    sparse.as_mut_bytes()[482] = 1;
    sparse.set_cksum();
    let mut far = header(b'0', "far", "", 0);
    far.as_old_mut().size = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0];
    far.set_cksum();
    let mut ustar = tar::Header::new_ustar();
    ustar.set_path("prefix/name").expect("a short path");
    ustar.as_ustar_mut().expect("it is one").prefix[..3].copy_from_slice(b"etc");
    ustar.set_cksum();
    let capability = "SCHILY.xattr.security.capability=\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\n";
    let plain = [
        (
            "plain",
            [entry(b'5', "etc/", "", b""), file("etc/hosts"), entry(b'2', "l", "etc/hosts", b"")].concat(),
        ),
        ("links", [file("a"), entry(b'1', "b", "a", b""), entry(b'1', "c", "../a", b"")].concat()),
        (
            "special",
            [entry(b'3', "null", "", b""), entry(b'4', "disk", "", b""), entry(b'6', "p", "", b"")].concat(),
        ),
        ("whiteouts", [file("etc/.wh.passwd"), file("var/.wh..wh..opq"), file(".wh..wh.plnk")].concat()),
        ("pax", [entry(b'x', "p", "", b"12 path=a/b\n9 size=8\n15 GNU.sparse=\n"), file("x")].concat()),
        (
            "pax-numbers",
            [entry(b'x', "p", "", b"9 uid=77\n9 gid=78\n14 linkpath=t\n"), entry(b'2', "x", "y", b"")]
                .concat(),
        ),
        ("capability", [entry(b'x', "p", "", format!("57 {capability}").as_bytes()), file("ping")].concat()),
        ("global", [entry(b'g', "g", "", b"13 comment=x\n"), file("x")].concat()),
        (
            "long",
            [
                entry(b'L', "././@LongLink", "", &[b'n'; 200]),
                entry(b'K', "././@LongLink", "", &[b'k'; 200]),
                entry(b'2', "x", "y", b""),
            ]
            .concat(),
        ),
        ("sparse", [sparse.as_bytes(), &[0; 512][..], b"content\n", &[0; 504]].concat()),
        ("base-256", [far.as_bytes(), &[7; 4096][..], &file("x")].concat()),
        ("ustar", [ustar.as_bytes().to_vec(), file("x")].concat()),
    ];
    let mut seeds = Vec::new();
    for (name, mut bytes) in plain {
        bytes.extend([0; 1024]);
        seeds.push((format!("{name}.gz"), gzip(&bytes)));
        seeds.push((format!("{name}.zst"), zstd::encode_all(&bytes[..], 3).expect("memory takes bytes")));
        seeds.push((name.to_owned(), bytes));
    }
    seeds
}
