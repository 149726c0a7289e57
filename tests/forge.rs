//! Bundles that no honest packer makes: a good one taken apart, changed, and put together again; and every way in
//! which one can be taken.

use crate::support::{self, Authorities, conditions};
use sealift_bundle::format::frame::{Encoder, Frame};
use sealift_bundle::format::member::{self, blob_name, member_header, padding};
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::format::statement::{Member, Predicate, Statement, Totals};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::{Conditions, Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_site::unpack::unpack;
use serde_json::Value;
use tempfile::TempDir;

/// A bundle in parts.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    /// What the statement says beside sizes, digests and totals.
    pub(crate) predicate: Predicate,
}

impl Forge {
    /// Takes a good bundle apart.
    pub(crate) fn of(bundle: &[u8]) -> Self {
        let members = split(bundle);
        let statement = members.iter().find(|(name, _)| name == member::STATEMENT).unwrap();
        let predicate = Statement::parse(&statement.1, &support::LIMITS).unwrap().predicate;
        Self { members, predicate }
    }

    /// The bundle as it is: every header fits its member, and nobody looks at digests and seal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in &self.members {
            bytes.extend(member_header(name, content.len() as u64));
            bytes.extend(content);
            bytes.extend(padding(content.len() as u64));
        }
        bytes.extend([0; 1024]);
        bytes
    }

    /// The bundle with sums, totals and statement made anew, and sealed by the packer everybody trusts.
    pub(crate) fn sealed(&self, authorities: &Authorities) -> Vec<u8> {
        self.sealed_with(authorities, |statement| statement)
    }

    /// As `sealed`, over a statement whose text was changed.
    pub(crate) fn sealed_with(
        &self,
        authorities: &Authorities,
        change: impl FnOnce(String) -> String,
    ) -> Vec<u8> {
        let mut forged = self.clone();
        let is_summed = |name: &str| name.starts_with("blobs/") || member::FIXED[1..].contains(&name);
        let summed = self.members.iter().filter(|(name, _)| is_summed(name));
        let sums = member::sums(summed.map(|(name, bytes)| (name.clone(), Digest::of(bytes))));
        forged.set(member::SHA256SUMS, sums);
        let fixed = member::FIXED.map(|name| {
            let bytes = forged.get(name);
            Member { name: name.to_owned(), size: bytes.len() as u64, sha256: Digest::of(bytes) }
        });
        let blobs: Vec<_> = self.members.iter().filter(|(name, _)| name.starts_with("blobs/")).collect();
        let index = serde_json::from_slice::<Value>(self.get(member::INDEX)).ok();
        let is_item = |entry: &&Value| entry["annotations"]["dev.sealift.referrer.of"].is_null();
        let items = index
            .and_then(|index| Some(index["manifests"].as_array()?.iter().filter(is_item).count() as u64));
        let mut predicate = self.predicate.clone();
        predicate.members = fixed.to_vec();
        predicate.totals = Totals {
            items: items.unwrap_or(predicate.totals.items),
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
        };
        let statement = String::from_utf8(Statement::new(predicate).encode().unwrap()).unwrap();
        let statement = change(statement).into_bytes();
        forged.set(member::SEAL, authorities.seal(&statement));
        forged.set(member::STATEMENT, statement);
        forged.bytes()
    }

    /// The content of a member.
    pub(crate) fn get(&self, name: &str) -> &[u8] {
        &self.members.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no `{name}`")).1
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.get(name).to_vec()).unwrap()
    }

    /// Other content for a member, and nothing else changes.
    pub(crate) fn set(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.members.iter_mut().find(|(found, _)| found == name).unwrap().1 = content.into();
    }

    /// As `set`, by replacing text that has to be there.
    pub(crate) fn edit(&mut self, name: &str, from: &str, to: &str) {
        self.set(name, replaced(&self.text(name), from, to));
    }

    /// Other content for a blob, with its digest and size put into every document that names it.
    pub(crate) fn swap(&mut self, old: Digest, content: Vec<u8>) {
        let new = Digest::of(&content);
        let slot = self.members.iter().position(|(name, _)| *name == blob_name(&old)).unwrap();
        let from = format!(r#""digest":"{old}","size":{}"#, self.members[slot].1.len());
        let to = format!(r#""digest":"{new}","size":{}"#, content.len());
        self.members[slot] = (blob_name(&new), content);
        let naming = |(name, bytes): &(String, Vec<u8>)| {
            let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains(&from))?;
            Some((name.clone(), text.replace(&from, &to)))
        };
        for (name, text) in self.members.iter().filter_map(naming).collect::<Vec<_>>() {
            match name.strip_prefix("blobs/sha256/") {
                Some(hex) => self.swap(Digest::from_hex(hex).unwrap(), text.into_bytes()),
                None => self.set(&name, text),
            }
        }
        let docker = self.text(member::MANIFEST).replace(&blob_name(&old), &blob_name(&new));
        self.set(member::MANIFEST, docker);
    }

    /// As `swap`, by replacing text in a document.
    pub(crate) fn swap_text(&mut self, old: Digest, from: &str, to: &str) {
        let text = replaced(&self.text(&blob_name(&old)), from, to);
        self.swap(old, text.into_bytes());
    }

    /// The root of an item.
    pub(crate) fn root(&self, item: &str) -> Digest {
        let index: Value = serde_json::from_slice(self.get(member::INDEX)).unwrap();
        let found = index["manifests"].as_array().unwrap().iter();
        let mut found = found.filter(|one| one["annotations"]["dev.sealift.item.name"] == item);
        digest(&found.next().unwrap()["digest"])
    }

    /// The configuration and the first layer of an item: of a tree, its inventory and its layer.
    pub(crate) fn parts(&self, item: &str) -> (Digest, Digest) {
        let manifest: Value = serde_json::from_slice(self.get(&blob_name(&self.root(item)))).unwrap();
        (digest(&manifest["config"]["digest"]), digest(&manifest["layers"][0]["digest"]))
    }

    /// The lines of a tree's inventory: entries and frames, without the two heads.
    pub(crate) fn inventory(&self, item: &str) -> (Vec<String>, Vec<String>) {
        let stored = self.get(&blob_name(&self.parts(item).0));
        let text = String::from_utf8(zstd::stream::decode_all(stored).unwrap()).unwrap();
        let (entries, frames) = text.split_once("{\"frames\":").unwrap();
        let lines = |text: &str| text.lines().skip(1).map(str::to_owned).collect();
        (lines(entries), lines(frames))
    }

    /// The tar stream of a tree.
    pub(crate) fn stream(&self, item: &str) -> Vec<u8> {
        zstd::stream::decode_all(self.get(&blob_name(&self.parts(item).1))).unwrap()
    }

    /// Another inventory for a tree.
    pub(crate) fn set_inventory(&mut self, item: &str, stored: Vec<u8>) {
        self.swap(self.parts(item).0, stored);
    }

    /// Other entries for a tree, whose frames stay.
    pub(crate) fn set_entries(&mut self, item: &str, entries: &[String]) {
        let (_, frames) = self.inventory(item);
        self.set_inventory(item, inventory(entries, &frames));
    }

    /// Another layer for a tree, whose entries stay.
    pub(crate) fn set_frames(&mut self, item: &str, frames: &[(Frame, Vec<u8>)]) {
        let (entries, _) = self.inventory(item);
        let layer = frames.iter().flat_map(|(_, stored)| stored.clone()).collect();
        self.set_inventory(item, inventory(&entries, &frame_lines(frames)));
        self.swap(self.parts(item).1, layer);
    }

    /// Another tar stream for a tree, in frames of at most so many bytes.
    pub(crate) fn set_stream(&mut self, item: &str, stream: &[u8], most: usize) {
        self.set_frames(item, &frames(stream, most));
    }
}

/// The members of a bundle.
pub(crate) fn split(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut members = Vec::new();
    let mut at = 0;
    while bundle[at] != 0 {
        let header = tar::Header::from_byte_slice(&bundle[at..at + 512]);
        let size = usize::try_from(header.entry_size().unwrap()).unwrap();
        let name = header.path().unwrap().to_str().unwrap().to_owned();
        members.push((name, bundle[at + 512..][..size].to_vec()));
        at += 512 + size.next_multiple_of(512);
    }
    members
}

fn digest(value: &Value) -> Digest {
    value.as_str().unwrap().parse().unwrap()
}

/// Text with a part replaced that has to be there.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in {text}");
    text.replace(from, to)
}

/// An inventory of these lines.
pub(crate) fn inventory(entries: &[String], frames: &[String]) -> Vec<u8> {
    let entries_head = format!(r#"{{"inventory":1,"entries":{}}}"#, entries.len());
    let frames_head = format!(r#"{{"frames":{}}}"#, frames.len());
    [lines(&entries_head, entries), lines(&frames_head, frames)].concat()
}

/// zstd frames with these lines, each short enough for a single segment.
pub(crate) fn lines(head: &str, rows: &[String]) -> Vec<u8> {
    let rows = rows.iter().map(|row| format!("{row}\n"));
    let text = format!("{head}\n{}", rows.collect::<String>());
    let frame = |piece: &[u8]| zstd::bulk::compress(piece, 1).unwrap();
    text.as_bytes().chunks(256 << 10).flat_map(frame).collect()
}

/// A tar stream in frames of at most so many bytes.
pub(crate) fn frames(stream: &[u8], most: usize) -> Vec<(Frame, Vec<u8>)> {
    let mut encoder = Encoder::new().unwrap();
    let mut pieces: Vec<_> =
        stream.chunks(most).map(|piece| frame(piece.len(), encoder.encode(piece).unwrap())).collect();
    place(&mut pieces);
    pieces
}

/// One frame, whatever its stored bytes are.
pub(crate) fn frame(size: usize, stored: Vec<u8>) -> (Frame, Vec<u8>) {
    let line =
        Frame { offset: 0, stored: stored.len() as u64, size: size as u64, sha256: Digest::of(&stored) };
    (line, stored)
}

/// Puts frames one behind the other.
pub(crate) fn place(frames: &mut [(Frame, Vec<u8>)]) {
    let mut at = 0;
    for (frame, _) in frames {
        frame.offset = at;
        at += frame.stored;
    }
}

pub(crate) fn frame_lines(frames: &[(Frame, Vec<u8>)]) -> Vec<String> {
    frames.iter().map(|(frame, _)| serde_json::to_string(frame).unwrap()).collect()
}

/// A way to take a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Pipe(Depth),
    File(Depth),
    UnpackPipe,
    UnpackFile,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::Pipe(Depth::Stored),
        Self::File(Depth::Stored),
        Self::Pipe(Depth::Decoded),
        Self::File(Depth::Decoded),
        Self::UnpackPipe,
        Self::UnpackFile,
    ];

    pub(crate) fn decodes(self) -> bool {
        !matches!(self, Self::Pipe(Depth::Stored) | Self::File(Depth::Stored))
    }
}

/// A site that looks at bundles, with a folder to write to.
pub(crate) struct Judge<'a> {
    authorities: &'a Authorities,
    pub(crate) conditions: Conditions<'static>,
    folder: TempDir,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(authorities: &'a Authorities) -> Self {
        Self { authorities, conditions: conditions(), folder: tempfile::tempdir().unwrap() }
    }

    /// Whether the bundle is verified this way, and if not, why. Whatever comes out, nothing is left behind.
    pub(crate) fn take(&self, way: Way, bundle: &[u8]) -> Result<(), Box<dyn Fault>> {
        let path = self.folder.path().join("bundle");
        let file;
        let mut tape = match way {
            Way::Pipe(_) | Way::UnpackPipe => support::pipe(bundle),
            Way::File(_) | Way::UnpackFile => {
                std::fs::write(&path, bundle).unwrap();
                file = support::open(&path);
                MemberReader::file(&file)
            }
        };
        match way {
            Way::Pipe(depth) | Way::File(depth) => {
                self.look(&mut tape, depth).map_err(|error| Box::new(error) as Box<dyn Fault>)
            }
            Way::UnpackPipe | Way::UnpackFile => self.unpack(&mut tape),
        }
    }

    fn look(&self, tape: &mut MemberReader<'_>, depth: Depth) -> Result<(), TrustError> {
        let trusted = Trusted::open(tape, &self.authorities.pinned, &self.conditions)?;
        verify_contents(&trusted, tape, &self.conditions, &Looking(depth)).map(drop)
    }

    fn unpack(&self, tape: &mut MemberReader<'_>) -> Result<(), Box<dyn Fault>> {
        let beside = self.folder.path().join("beside");
        std::fs::create_dir_all(&beside).unwrap();
        let target = beside.join("target");
        let outcome = unpack(tape, &self.authorities.pinned, &target, None, &self.conditions);
        if outcome.is_ok() {
            std::fs::remove_dir_all(&target).unwrap();
        }
        let left: Vec<_> =
            std::fs::read_dir(&beside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        outcome.map(drop).map_err(|error| Box::new(error) as Box<dyn Fault>)
    }

    /// The code with which the bundle is refused this way; nothing when it is verified.
    pub(crate) fn code(&self, way: Way, bundle: &[u8]) -> Option<Code> {
        self.take(way, bundle).err().map(|error| error.code())
    }

    /// Every way refuses the bundle with this code.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, bundle: &[u8], code: Code) {
        for way in Way::ALL {
            assert_eq!(self.code(way, bundle), Some(code), "{case}, {way:?}");
        }
    }

    /// Every stored byte is the signed one, and whoever decodes them refuses with this code.
    #[track_caller]
    pub(crate) fn refuses_decoded(&self, case: &str, bundle: &[u8], code: Code) {
        for way in Way::ALL {
            assert_eq!(self.code(way, bundle), way.decodes().then_some(code), "{case}, {way:?}");
        }
    }

    /// Every way trusts the bundle.
    #[track_caller]
    pub(crate) fn trusts(&self, case: &str, bundle: &[u8]) {
        for way in Way::ALL {
            assert_eq!(self.code(way, bundle), None, "{case}, {way:?}");
        }
    }
}

/// What a person reads about an error, down to its last cause.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The bytes of the sample bundle.
pub(crate) fn sample(authorities: &Authorities) -> Vec<u8> {
    packed(authorities, support::sample)
}

/// The bytes of a bundle made from a draft.
pub(crate) fn packed(
    authorities: &Authorities,
    draft: impl FnOnce(&std::path::Path) -> sealift_bundle::pack::draft::Draft,
) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let sealed = authorities.pack(&draft(folder.path()), folder.path());
    std::fs::read(sealed.path).unwrap()
}

#[test]
fn what_is_taken_apart_and_sealed_again_is_believed() {
    let authorities = Authorities::new();
    let judge = Judge::new(&authorities);
    let bundle = sample(&authorities);
    let mut forge = Forge::of(&bundle);
    assert_eq!(forge.bytes(), bundle);
    assert_eq!(forge.sealed(&authorities), bundle);
    judge.trusts("as it was", &bundle);
    // The same tree in many small frames, and in another spelling of the same lines.
    let stream = forge.stream("runbooks");
    forge.set_stream("runbooks", &stream, 700);
    let again = forge.sealed(&authorities);
    assert_ne!(again, bundle);
    judge.trusts("other frames", &again);
}
