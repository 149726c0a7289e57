//! The scanner self-test: a harmless marker in every kind of container.
//!
//! Each case is scanned twice: as a whole, as a scanner at a transfer desk would see it, and as `scan` submits it.

use super::archives::Feeder;
use super::engine::{ScanAnswer, Scanner, ScannerIdentity};
use super::queue::MemoryBudget;
use super::stream::HashedContent;
use super::{ScanError, Settings};
use flate2::Compression;
use flate2::write::GzEncoder;
use sealift_bundle::format::member::{OCI_LAYOUT, OCI_LAYOUT_CONTENT, blob_name, header, padding};
use sealift_bundle::value::digest::Digest;
use serde::Serialize;
use std::io::{self, Cursor, Read, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The test file of EICAR, in two pieces, so that no engine takes this program for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
/// Levels of archives within each other that are tried.
const LEVELS: u32 = 6;

/// What the scanner is known to find.
#[derive(Debug, Clone)]
pub struct TestMarker {
    bytes: Vec<u8>,
    /// Whether it is found only as a whole file.
    stands_alone: bool,
}

impl TestMarker {
    /// The test file that every engine with the signatures of its makers knows (eicar.org). It counts only where a
    /// file begins with it and holds nothing else.
    #[must_use]
    pub fn eicar() -> Self {
        Self { bytes: EICAR.concat().into_bytes(), stands_alone: true }
    }

    /// Something that a signature of one's own finds anywhere in a file.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, stands_alone: false }
    }
}

/// The result of a self-test.
#[derive(Debug, Clone, Serialize)]
pub struct SelfTest {
    /// The engine.
    pub engine: ScannerIdentity,
    /// How many archives within each other sealift opened.
    pub depth: u32,
    /// Bytes of the largest leaf that the scanner was asked about.
    pub max_size: u64,
    /// The cases.
    pub rows: Vec<SelfTestRow>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfTestRow {
    /// Where the marker is.
    pub case: String,
    /// Whether the scanner finds it in the whole.
    pub alone: Answered,
    /// Whether it is found as sealift feeds it.
    pub fed: Answered,
    /// What it has to be at least.
    pub expected: Answered,
}

/// The result of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// The marker was found.
    Yes,
    /// Everything was called clean.
    No,
    /// The marker was not found, and it was said that not everything was seen.
    Limit,
    /// The marker cannot be planted there.
    Skipped,
}

impl Answered {
    /// The word as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Limit => "limit",
            Self::Skipped => "-",
        }
    }
}

impl SelfTestRow {
    /// Whether sealift kept less than it promises.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        match self.expected {
            Answered::Yes => self.fed != Answered::Yes,
            Answered::Limit => self.fed == Answered::No,
            Answered::No | Answered::Skipped => false,
        }
    }
}

impl SelfTest {
    /// Whether everything was found that sealift shows to the scanner, and everything else was said.
    pub fn judge(&self) -> Result<(), ScanError> {
        match self.rows.iter().filter(|row| row.is_missed()).count() as u64 {
            0 => Ok(()),
            missed => Err(ScanError::SelfTest { missed }),
        }
    }
}

/// Content of a case, read as often as it is wanted.
enum Content {
    Held(Vec<u8>),
    /// So many points, and the marker behind them.
    Long(u64, Vec<u8>),
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Long(points, marker) => points + marker.len() as u64,
        }
    }

    fn read(&self) -> Box<dyn Read + '_> {
        match self {
            Self::Held(bytes) => Box::new(bytes.as_slice()),
            Self::Long(points, marker) => Box::new(io::repeat(b'.').take(*points).chain(marker.as_slice())),
        }
    }
}

/// How sealift comes to see the content of a case.
enum MarkerWrapping {
    File,
    /// The layer within what the scanner sees alone.
    Layer(Vec<u8>),
}

/// Plants the marker everywhere and asks the scanner for it.
pub fn self_test(
    engine: &dyn Scanner,
    settings: &Settings<'_>,
    marker: &TestMarker,
) -> Result<SelfTest, ScanError> {
    let identity = engine.identify()?;
    let built =
        |error: io::Error| ScanError::Unreachable { reason: format!("a case could not be made: {error}") };
    let mut rows = Vec::new();
    for (case, level, way, content) in cases(marker, settings).map_err(built)? {
        let Some(content) = content else {
            let skipped = Answered::Skipped;
            rows.push(SelfTestRow { case, alone: skipped, fed: skipped, expected: skipped });
            continue;
        };
        let fits = level <= settings.depth && content.size() <= settings.max_size;
        rows.push(SelfTestRow {
            case,
            alone: alone(engine, &content),
            fed: fed(engine, settings, &content, &way),
            expected: if fits { Answered::Yes } else { Answered::Limit },
        });
    }
    Ok(SelfTest { engine: identity, depth: settings.depth, max_size: settings.max_size, rows })
}

fn alone(engine: &dyn Scanner, content: &Content) -> Answered {
    let mut source = content.read();
    match engine.look(&mut HashedContent::new(&mut *source, u64::MAX)) {
        ScanAnswer::Clean => Answered::No,
        ScanAnswer::Found(_) => Answered::Yes,
        ScanAnswer::Limit(_) | ScanAnswer::Failed(_) => Answered::Limit,
    }
}

fn fed(engine: &dyn Scanner, settings: &Settings<'_>, content: &Content, way: &MarkerWrapping) -> Answered {
    let desk = MemoryBudget::new(engine, settings.max_size);
    let outcome = desk.staffed(1, || {
        let mut feeder = Feeder::new(&desk, *settings, content.size(), &|| Ok(()));
        match way {
            MarkerWrapping::File => {
                feeder.leaf("marker".to_owned(), Some(content.size()), &mut *content.read(), settings.depth)
            }
            MarkerWrapping::Layer(layer) => {
                let again = || Box::new(Cursor::new(layer.clone())) as Box<dyn Read>;
                feeder.layer("image", ':', layer.len() as u64, again)
            }
        }
    });
    let (tally, failure) = desk.close();
    let totals = tally.totals();
    match totals.found {
        0 if outcome.is_err() || failure.is_some() => Answered::Limit,
        0 if totals.unseen.count + totals.unopened > 0 => Answered::Limit,
        0 => Answered::No,
        _ => Answered::Yes,
    }
}

type Case = (String, u32, MarkerWrapping, Option<Content>);

fn cases(marker: &TestMarker, settings: &Settings<'_>) -> io::Result<Vec<Case>> {
    let file = marker.bytes.as_slice();
    let text = text();
    // A compressor leaves what is short as it is, so that anybody sees it; in a text it does not.
    let tar = |files: &[(&str, &[u8])]| tar(&[&[("LICENSE", text.as_slice())], files].concat());
    let single = if marker.stands_alone { file.to_vec() } else { [&text, file].concat() };
    let held =
        |case: &str, level, bytes| (case.to_owned(), level, MarkerWrapping::File, Some(Content::Held(bytes)));
    let targz = |bytes: &[u8]| gzip(&tar(&[("marker.txt", bytes)]));
    let config = format!("{{\"comment\":\"{}\"}}\n", String::from_utf8_lossy(file));
    let config = (!marker.stands_alone).then(|| Content::Held(config.into_bytes()));
    let mut cases = vec![
        held("a file", 0, file.to_vec()),
        ("a value in a configuration".to_owned(), 0, MarkerWrapping::File, config),
        held("gz", 1, gzip(&single)?),
        held("zst", 1, zstd::encode_all(single.as_slice(), 3)?),
        held("tar", 1, tar(&[("marker.txt", file)])),
        held("tar.gz", 1, targz(file)?),
        held("tar.zst", 1, zstd::encode_all(tar(&[("marker.txt", file)]).as_slice(), 3)?),
        held("zip", 1, zipped("marker.txt", file)?),
        held("zip in zip", 2, zipped("inner.zip", &zipped("marker.txt", file)?)?),
        held("zip in tar.gz", 2, gzip(&tar(&[("inner.zip", &zipped("marker.txt", file)?)]))?),
        held("tar.gz in tar.gz", 2, gzip(&tar(&[("inner.tar.gz", &targz(file)?)]))?),
    ];
    for level in 3..=LEVELS {
        let mut bytes = file.to_vec();
        for _ in 0..level {
            bytes = targz(&bytes)?;
        }
        cases.push(held(&format!("{level} tar.gz within each other"), level, bytes));
    }
    let layer = tar(&[("etc/motd", b"hello\n"), ("opt/marker", file)]);
    // As a tree has it: every frame by itself.
    let (first, second) = layer.split_at(4096);
    let frames = [zstd::encode_all(first, 3)?, zstd::encode_all(second, 3)?].concat();
    for (case, layer) in [
        ("tar+gzip", gzip(&layer)?),
        ("tar+zstd", zstd::encode_all(layer.as_slice(), 3)?),
        ("tar+zstd in frames", frames),
    ] {
        let name = blob_name(&Digest::of(&layer));
        let whole = tar(&[(OCI_LAYOUT, OCI_LAYOUT_CONTENT), (&name, &layer)]);
        cases.push((
            format!("a layer ({case}) in a bundle file"),
            0,
            MarkerWrapping::Layer(layer),
            Some(Content::Held(whole)),
        ));
    }
    let points = settings.max_size.checked_sub(file.len() as u64).filter(|_| !marker.stands_alone);
    for (case, more) in
        [("the end of a file of the largest size", 0), ("the end of a file of one byte more", 1)]
    {
        let content = points.map(|points| Content::Long(points + more, file.to_vec()));
        cases.push((case.to_owned(), 0, MarkerWrapping::File, content));
    }
    Ok(cases)
}

/// Some kibibytes in which hardly a line is like another.
fn text() -> Vec<u8> {
    let line = |number: u32| {
        let words = Digest::of(&number.to_be_bytes()).hex();
        format!("{number}. {}\n", words.replace(['0', '5', 'a'], " "))
    };
    (0..200).flat_map(|number| line(number).into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let size = content.len() as u64;
        bytes.extend(header(name, tar::EntryType::Regular, 0o644, size, ""));
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(padding(size));
    }
    bytes.extend([0; 1024]);
    bytes
}

fn zipped(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).map_err(io::Error::other)?;
    writer.write_all(bytes)?;
    Ok(writer.finish().map_err(io::Error::other)?.into_inner())
}
