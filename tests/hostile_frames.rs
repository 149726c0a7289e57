//! Z01 to Z19: media that lie and frames that are not what the inventory says, under a seal that is good.

use crate::forge::{self, Forge, Judge};
use crate::support::{self, Authorities, Put, conditions};
use sealift_bundle::codes;
use sealift_bundle::format::frame::Frame;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::{self, blob_name};
use sealift_bundle::format::member_reader::{self, MemberReader};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::{Conditions, Depth, Looking, OpenBundle, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::Progress;
use sealift_site::unpack::unpack;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

/// Frames with their stored bytes.
type Frames = Vec<(Frame, Vec<u8>)>;

/// A good bundle with one tree, `t`, whose stream has 8 KiB.
fn good(authorities: &Authorities) -> Forge {
    let text: Vec<u8> = (0..6000_u32).flat_map(|n| n.to_string().into_bytes()).take(5500).collect();
    Forge::of(&forge::packed(authorities, |folder| {
        let mut draft = support::draft();
        let entries = [("a", Put::File(b"hello")), ("z", Put::File(&text))];
        draft.items = vec![support::tree(folder, "t", ItemKind::File, &entries)];
        draft
    }))
}

/// A frame of one raw block, with this descriptor and these bytes behind it.
fn raw_frame(descriptor: u8, fields: &[u8], content: &[u8]) -> Vec<u8> {
    let block = content.len() << 3 | 1;
    [&[0x28, 0xb5, 0x2f, 0xfd, descriptor], fields, &block.to_le_bytes()[..3], content].concat()
}

#[test]
fn z03_to_z11_a_frame_is_exactly_one_plain_frame() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let good = good(&authorities);
    let stream = good.stream("t");
    let len = stream.len();
    let size = u32::try_from(len).unwrap().to_le_bytes();
    let plain = raw_frame(0xa0, &size, &stream);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
    let compressed = |set: &dyn Fn(&mut zstd::bulk::Compressor<'_>)| {
        let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
        set(&mut compressor);
        compressor.compress(&stream).unwrap()
    };
    let damaged = |at: usize, bytes: &[u8]| {
        let mut frame = plain.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let sealed = |stored: Vec<u8>, claimed: usize| {
        let mut forge = good.clone();
        forge.set_frames("t", &[forge::frame(claimed, stored)]);
        forge.sealed(&authorities)
    };
    judge.trusts("a frame of raw blocks", &sealed(plain.clone(), len));
    let wrong_checksum = {
        let mut frame = compressed(&|c| c.include_checksum(true).unwrap());
        *frame.last_mut().unwrap() ^= 1;
        frame
    };
    for (case, stored) in [
        ("Z02 cut off", plain[..plain.len() - 1].to_vec()),
        ("Z02 cut off in its header", plain[..5].to_vec()),
        ("Z03 a byte behind it", [&plain[..], b"x"].concat()),
        ("Z03 zeros behind it", [&plain[..], &[0; 512]].concat()),
        ("Z04 another frame behind it", [&plain[..], &raw_frame(0x20, &[0], b"")].concat()),
        ("Z04 two frames instead of one", [&raw_frame(0x60, &[0, 1], &stream[..512])[..], &plain].concat()),
        ("Z05 a skippable frame behind it", [&plain[..], &skippable].concat()),
        ("Z05 a skippable frame before it", [&skippable[..], &plain].concat()),
        ("Z05 nothing but a skippable frame", skippable.to_vec()),
        ("Z06 a window of 8 MiB", raw_frame(0x80, &[&[13 << 3][..], &size].concat(), &stream)),
        ("Z06 a window of 2 GiB", raw_frame(0x80, &[&[21 << 3][..], &size].concat(), &stream)),
        ("Z08 a dictionary", raw_frame(0xa1, &[&[7][..], &size].concat(), &stream)),
        ("Z09 a checksum", compressed(&|c| c.include_checksum(true).unwrap())),
        ("Z09 a wrong checksum", wrong_checksum),
        ("Z10 no content size", compressed(&|c| c.include_contentsize(false).unwrap())),
        ("Z10 a content size too small", damaged(5, &(len - 1).to_le_bytes()[..4])),
        ("Z10 a content size too large", damaged(5, &(len + 1).to_le_bytes()[..4])),
        ("Z10 less content than it says", raw_frame(0xa0, &size, &stream[..len - 1])),
        ("Z10 more content than it says", raw_frame(0xa0, &size, &[&stream[..], b"x"].concat())),
        ("Z11 a block of the reserved type", damaged(9, &[plain[9] | 6])),
        ("Z11 no last block", damaged(9, &[plain[9] & !1])),
        ("Z11 the reserved bit", damaged(4, &[0xa8])),
        ("Z11 the unused bit", damaged(4, &[0xb0])),
        ("Z12 no bytes at all", Vec::new()),
    ] {
        judge.refuses_decoded(case, &sealed(stored, len), codes::BUNDLE_FRAME);
    }
}

#[test]
fn z07_z10_z12_the_list_of_frames_adds_up() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let good = good(&authorities);
    let stream = good.stream("t");
    let refuses = |case: &str, code, change: &dyn Fn(&mut Frames)| {
        let mut frames = forge::frames(&stream, 4096);
        change(&mut frames);
        let mut forge = good.clone();
        forge.set_frames("t", &frames);
        judge.refuses_decoded(case, &forge.sealed(&authorities), code);
    };
    refuses("Z01 a digest of something else", codes::BUNDLE_DIGEST, &|frames| {
        frames[1].0.sha256 = Digest::of(b"");
    });
    refuses("Z10 a gap", codes::BUNDLE_FORMAT, &|frames| frames[1].0.offset += 1);
    refuses("Z10 an overlap", codes::BUNDLE_FORMAT, &|frames| frames[1].0.offset -= 1);
    refuses("Z10 a beginning that is none", codes::BUNDLE_FORMAT, &|frames| frames[0].0.offset = 1);
    refuses("Z10 an offset of 2^64 - 1", codes::BUNDLE_FORMAT, &|frames| frames[1].0.offset = u64::MAX);
    refuses("Z10 more stored than there is", codes::BUNDLE_FORMAT, &|frames| frames[1].0.stored += 1);
    refuses("Z10 less stored than there is", codes::BUNDLE_FORMAT, &|frames| frames[1].0.stored -= 1);
    refuses("Z07 more than 8 MiB", codes::BUNDLE_LIMIT, &|frames| frames[1].0.size = (8 << 20) + 1);
    refuses("Z07 2^64 - 1 bytes", codes::BUNDLE_LIMIT, &|frames| frames[1].0.size = u64::MAX);
    refuses("Z07 2^64 - 1 stored bytes", codes::BUNDLE_LIMIT, &|frames| frames[1].0.stored = u64::MAX);
    refuses("Z12 an empty frame", codes::BUNDLE_FORMAT, &|frames| frames[1].0.size = 0);
    refuses("Z10 sizes that shift a byte", codes::BUNDLE_FRAME, &|frames| {
        frames[0].0.size += 1;
        frames[1].0.size -= 1;
    });
    refuses("Z10 too much", codes::BUNDLE_FORMAT, &|frames| frames[1].0.size += 1);
    refuses("Z12 no frames", codes::BUNDLE_FORMAT, &|frames| frames.clear());
    refuses("Z12 one too few", codes::BUNDLE_FORMAT, &|frames| drop(frames.pop()));
    refuses("Z04 one too many", codes::BUNDLE_FORMAT, &|frames| {
        frames.push(frames[0].clone());
        forge::place(frames);
    });
    // 2 GB of zeros are 61 kB as a frame; 64 MB of them are enough here.
    let mut bomb = good.clone();
    let zeros = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    bomb.set_frames("t", &[forge::frame(stream.len(), zeros)]);
    judge.refuses_decoded("Z07 a bomb", &bomb.sealed(&authorities), codes::BUNDLE_FRAME);
}

#[test]
fn z03_to_z07_an_inventory_is_two_plain_frames() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let good = good(&authorities);
    let (entries, frames) = good.inventory("t");
    let first = forge::lines(r#"{"inventory":1,"entries":2}"#, &entries);
    let second = forge::lines(r#"{"frames":1}"#, &frames);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
    let sealed = |stored: Vec<u8>| {
        let mut forge = good.clone();
        forge.set_inventory("t", stored);
        forge.sealed(&authorities)
    };
    judge.trusts("the same lines, packed in another way", &sealed([&first[..], &second].concat()));
    let endless = zstd::bulk::compress(&vec![b'['; 64 << 20], 3).unwrap();
    let wide = {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        io::Write::write_all(
            &mut encoder,
            format!("{{\"inventory\":1,\"entries\":2}}\n{}\n", entries.join("\n")).as_bytes(),
        )
        .unwrap();
        encoder.finish().unwrap()
    };
    for (case, stored) in [
        ("Z12 empty", Vec::new()),
        ("Z02 one frame", first.clone()),
        ("Z02 cut off", [&first[..], &second[..second.len() - 1]].concat()),
        ("Z03 a byte behind it", [&first[..], &second, b"x"].concat()),
        ("Z04 a third frame", [&first[..], &second, &second].concat()),
        ("Z05 a skippable frame behind it", [&first[..], &second, &skippable].concat()),
        ("Z05 a skippable frame before it", [&skippable[..], &first, &second].concat()),
        ("Z05 a skippable frame in between", [&first[..], &skippable, &second].concat()),
        ("Z05 a skippable frame at its end", [&first[..], &skippable].concat()),
        ("Z06 a window of 128 MiB", [&wide[..], &second].concat()),
        ("Z07 a line without end", [&endless[..], &second].concat()),
        ("Z13 frames first", [&second[..], &first].concat()),
        ("plain text", b"{\"inventory\":1,\"entries\":0}\n".to_vec()),
    ] {
        judge.refuses_decoded(case, &sealed(stored), codes::BUNDLE_FORMAT);
    }
    let limits: &'static Limits = Box::leak(Box::new(Limits { inventory: 100, ..Limits::v1() }));
    let mut tight = Judge::new(&authorities);
    tight.conditions.limits = limits;
    tight.refuses("an inventory above its limit", &good.sealed(&authorities), codes::BUNDLE_LIMIT);
}

#[test]
fn z16_only_a_regular_file_is_opened_and_nothing_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), b"x").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    std::os::unix::fs::symlink("file", path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    assert!(member_reader::open(&path("file")).is_ok());
    let code = |path: &std::path::Path| member_reader::open(path).unwrap_err().code();
    for name in ["folder", "link", "dangling", "fifo", "socket"] {
        assert_eq!(code(&path(name)), codes::BUNDLE_NOT_A_FILE, "{name}");
    }
    for device in ["/dev/zero", "/dev/null", "/proc/self/exe", "/proc/self/fd/0", "/dev/stdin"] {
        assert_eq!(code(device.as_ref()), codes::BUNDLE_NOT_A_FILE, "{device}");
    }
    assert!(member_reader::open(&path("missing")).is_err());
    // A file of /proc calls itself regular and empty; what it gives is not a bundle, and ends.
    let authorities = Authorities::new();
    let file = support::open("/proc/self/maps".as_ref());
    let error =
        Trusted::open(&mut MemberReader::file(&file), &authorities.pinned, &conditions()).unwrap_err();
    assert_eq!(error.code(), codes::BUNDLE_HEADER);
}

/// Does something when it is asked for the `left`th time whether to stop.
struct Meddler<F> {
    left: AtomicIsize,
    deed: F,
}

impl<F: Fn() -> bool + Sync> Meddler<F> {
    fn new(at: isize, deed: F) -> Self {
        Self { left: AtomicIsize::new(at), deed }
    }

    fn came_to_it(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }
}

impl<F: Fn() -> bool + Sync> Progress for Meddler<F> {
    fn advance(&self, _: u64) {}

    fn expect(&self, _: u64) {}

    fn is_stopped(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 1 && (self.deed)()
    }
}

/// Where the layer of the tree `t` begins.
fn layer_at(forge: &Forge, bundle: &[u8]) -> usize {
    let name = blob_name(&forge.parts("t").1);
    let header = member::member_header(&name, forge.get(&name).len() as u64);
    bundle.windows(512).position(|window| window == header).unwrap() + 512
}

#[test]
fn z17_z18_a_file_that_changes_while_it_is_read_is_refused() {
    let authorities = Authorities::new();
    let forge = good(&authorities);
    let bundle = forge.sealed(&authorities);
    let layer = layer_at(&forge, &bundle);
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("bundle"), folder.path().join("target"));
    let mut seen = BTreeSet::new();
    for name in ["shrinks", "grows", "changes"] {
        for at in 1.. {
            std::fs::write(&path, &bundle).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            let watch = Meddler::new(at, || {
                match name {
                    "shrinks" => file.set_len(layer as u64 + 1),
                    "grows" => file.write_all_at(&[0], bundle.len() as u64),
                    _ => file.write_all_at(&[!bundle[layer + 20]], layer as u64 + 20),
                }
                .unwrap();
                false
            });
            let conditions = Conditions { watch: &watch, ..conditions() };
            let outcome =
                unpack(&mut MemberReader::file(&file), &authorities.pinned, &target, None, &conditions);
            let entries = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(entries, 1 + usize::from(outcome.is_ok()), "{name} at {at}");
            if outcome.is_ok() {
                std::fs::remove_dir_all(&target).unwrap();
            }
            if !watch.came_to_it() {
                break;
            }
            let outcome = outcome.map_or_else(|error| error.code().as_str(), |_| "unseen");
            seen.insert(format!("{name}: {outcome}"));
        }
    }
    // What grows behind an end that was already read is not looked at by anybody.
    let expected =
        ["changes: bundle.digest", "grows: bundle.trailing", "grows: unseen", "shrinks: bundle.truncated"];
    assert_eq!(seen, expected.map(str::to_owned).into());
}

#[test]
fn z17_z19_nobody_waits_for_a_frame_that_never_comes() {
    let authorities: &'static Authorities = Box::leak(Box::new(Authorities::new()));
    let mut forge = good(authorities);
    let stream = forge.stream("t");
    forge.set_stream("t", &stream, 512);
    let bundle = forge.sealed(authorities);
    let layer = layer_at(&forge, &bundle) as u64;
    for (name, expected) in
        [("a person stops it", codes::INTERRUPTED), ("the medium fails", codes::BUNDLE_TRUNCATED)]
    {
        for at in 1.. {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&bundle, 0).unwrap();
            let (done, outcome) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let watch = Meddler::new(at, || {
                    // Time for another thread to read the frame behind this one.
                    std::thread::sleep(Duration::from_millis(50));
                    if name == "the medium fails" {
                        file.set_len(layer).unwrap();
                    }
                    name == "a person stops it"
                });
                let conditions = Conditions { watch: &watch, ..conditions() };
                let mut tape = MemberReader::file(&file);
                let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions).unwrap();
                let outcome = verify_contents(&trusted, &mut tape, &conditions, &Looking(Depth::Decoded));
                let _ = done.send((watch.came_to_it(), outcome.err().map(|error| error.code())));
            });
            let outcome = outcome.recv_timeout(Duration::from_secs(5));
            let (came_to_it, code) = outcome.unwrap_or_else(|_| panic!("{name} at {at}: it waits for ever"));
            if !came_to_it {
                break;
            }
            assert!(code.is_none_or(|code| code == expected), "{name} at {at}: {code:?}");
        }
    }
}

#[test]
fn z18_what_is_replaced_after_verifying_is_hashed_when_it_is_used() {
    let authorities = Authorities::new();
    let forge = good(&authorities);
    let bundle = forge.sealed(&authorities);
    let (folder, judge) = (tempfile::tempdir().unwrap(), Judge::new(&authorities));
    judge.trusts("Z18 before", &bundle);
    let path = folder.path().join("bundle");
    std::fs::write(&path, &bundle).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let place = OpenBundle::open(file.try_clone().unwrap(), &authorities.pinned, conditions()).unwrap();
    let inventory = place.inventory("t").unwrap().unwrap();
    let entry = inventory.tree.get("z").unwrap();
    let sink = Looking(Depth::Decoded);
    place.read::<_, TrustError>("t", &inventory, entry, sink).unwrap();
    let at = layer_at(&forge, &bundle) as u64 + 20;
    file.write_all_at(&[!bundle[at as usize]], at).unwrap();
    let error = place.read::<_, TrustError>("t", &inventory, entry, sink).unwrap_err();
    assert_eq!(error.code(), codes::BUNDLE_DIGEST);
    judge.refuses("Z18 after", &std::fs::read(&path).unwrap(), codes::BUNDLE_DIGEST);
}

/// Gives so many bytes, one at a time and with interruptions, and then fails.
struct Failing<'a> {
    bytes: &'a [u8],
    piece: usize,
    interrupt: bool,
    error: Option<io::ErrorKind>,
}

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        match self.error {
            _ if self.interrupt => Err(io::ErrorKind::Interrupted.into()),
            Some(kind) if self.bytes.is_empty() => Err(kind.into()),
            _ => {
                let most = self.piece.min(buffer.len()).min(self.bytes.len());
                let (now, later) = self.bytes.split_at(most);
                buffer[..most].copy_from_slice(now);
                self.bytes = later;
                Ok(most)
            }
        }
    }
}

#[test]
fn z19_a_medium_that_fails_is_told_apart_from_one_that_lies() {
    let authorities = Authorities::new();
    let bundle = good(&authorities).sealed(&authorities);
    let take = |len: usize, piece, error| {
        let mut tape = MemberReader::pipe(Failing { bytes: &bundle[..len], piece, interrupt: false, error });
        let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions())?;
        verify_contents(&trusted, &mut tape, &conditions(), &Looking(Depth::Decoded)).map(drop)
    };
    // E04: short reads and interruptions are no failures.
    take(bundle.len(), 7, None).unwrap();
    for len in (0..=bundle.len()).step_by(97).chain([bundle.len()]) {
        let error = take(len, 4096, Some(io::ErrorKind::Other)).unwrap_err();
        assert_eq!(error.code(), codes::BUNDLE_READ, "{len}");
        let said = forge::said(&error);
        assert!(said.contains(" at byte "), "where: {said}");
    }
    // A handle that cannot be read, and a folder.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bundle"), &bundle).unwrap();
    let deaf = File::options().write(true).open(folder.path().join("bundle")).unwrap();
    for file in [deaf, File::open(folder.path()).unwrap()] {
        let error =
            Trusted::open(&mut MemberReader::file(&file), &authorities.pinned, &conditions()).unwrap_err();
        assert_eq!(error.code(), codes::BUNDLE_READ);
    }
}
