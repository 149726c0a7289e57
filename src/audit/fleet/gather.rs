//! Reads a directory of records, statements, bundles and SBOMs, and sorts the files by kind.

use super::FleetError;
use super::{FleetRecord, Title, Titles};
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::statement::{self, Statement};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::{KeyId, PublicKey};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::size::ByteSize;
use sealift_site::receipt::{Receipt, Request, Signed};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Files that are looked at, at most.
const FILES: u64 = 100_000;
/// How deep directories are followed.
const DEPTH: usize = 16;
/// Bytes that are read of all of them together, at most.
const BYTES: u64 = 2 << 30;
/// Bytes at the beginning of a file that say what it is.
const HEAD: u64 = 512;

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Records that a named key signed.
    pub verified: Vec<FleetRecord>,
    /// Records by keys that no one named: what files say.
    pub declared: Vec<FleetRecord>,
    /// Records that are rejected, and why.
    pub refused: Vec<RejectedRecord>,
    /// What bundles are called.
    pub titles: Titles,
    /// Files whose name is that of a bundle. No one has looked into them.
    pub bundles: Vec<PathBuf>,
    /// Files whose name is that of an SBOM. No one has looked into them.
    pub sboms: Vec<PathBuf>,
    /// Everything else.
    pub others: Vec<PathBuf>,
    /// What could not be looked at, and why.
    pub unread: Vec<UnreadFile>,
}

/// A record that is rejected.
#[derive(Debug)]
pub struct RejectedRecord {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub error: TrustError,
}

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadFile {
    /// The file or directory.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// What a file is by its beginning.
enum FleetFileKind {
    Receipt,
    Request,
    Seal,
    Statement,
}

/// Reads every record below a directory. Links are not followed, and nothing but regular files is opened.
///
/// A record is verified if it names one of `keys` as its signer. One that does and that this key did not sign is
/// refused; so is what begins like a record and is none.
pub fn gather(folder: &Path, keys: &[PublicKey], limits: &Limits) -> Result<Gathered, FleetError> {
    let keys: BTreeMap<KeyId, &PublicKey> = keys.iter().map(|key| (key.id(), key)).collect();
    let mut gathered = Gathered::default();
    let mut left = BYTES;
    for file in files(folder, &mut gathered.unread)? {
        let ends = |ending: &str| file.as_os_str().as_encoded_bytes().ends_with(ending.as_bytes());
        if ends(".sealift") {
            gathered.bundles.push(file);
        } else if ends(".cdx.json") {
            gathered.sboms.push(file);
        } else {
            match read(&file, &mut left, limits) {
                Ok(None) => gathered.others.push(file),
                Ok(Some((kind, bytes))) => gathered.take(file, &kind, &bytes, &keys, limits),
                Err(HeadRead::Full) => {
                    let path = folder.to_owned();
                    return Err(FleetError::Limit { path, what: format!("{} of records", ByteSize(BYTES)) });
                }
                Err(HeadRead::Failed(error)) => {
                    gathered.unread.push(UnreadFile { file, why: error.to_string() });
                }
            }
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn take(
        &mut self,
        file: PathBuf,
        kind: &FleetFileKind,
        bytes: &[u8],
        keys: &BTreeMap<KeyId, &PublicKey>,
        limits: &Limits,
    ) {
        let record = match kind {
            FleetFileKind::Receipt => record(bytes, keys, limits, |key, id, receipt: Receipt| {
                FleetRecord::of_receipt(file.clone(), key, id, receipt)
            }),
            FleetFileKind::Request => record(bytes, keys, limits, |key, id, request: Request| {
                FleetRecord::of_request(file.clone(), key, id, request)
            }),
            FleetFileKind::Seal => {
                let payload = Envelope::parse(bytes, PayloadType::Statement, limits);
                let payload = payload.as_ref().map(Envelope::unverified_payload).unwrap_or_default();
                return self.name(file, payload, limits);
            }
            FleetFileKind::Statement => return self.name(file, bytes, limits),
        };
        match record {
            Ok((true, record)) => self.verified.push(record),
            Ok((false, record)) => self.declared.push(record),
            Err(error) => self.refused.push(RejectedRecord { file, error }),
        }
    }

    /// Takes a name from a statement. No one has to have signed it: records name bundles by the digest of their statement,
    /// and these are the bytes with that digest, or they are not.
    fn name(&mut self, file: PathBuf, payload: &[u8], limits: &Limits) {
        match Statement::parse(payload, limits) {
            Ok(statement) => {
                self.titles.insert(Digest::of(payload), Title::of(&statement.predicate));
            }
            Err(_) => self.others.push(file),
        }
    }
}

/// Reads a record; true when a named key signed it.
fn record<T: Signed>(
    bytes: &[u8],
    keys: &BTreeMap<KeyId, &PublicKey>,
    limits: &Limits,
    make: impl Fn(KeyId, Digest, T) -> FleetRecord,
) -> Result<(bool, FleetRecord), TrustError> {
    let envelope = T::envelope(bytes, limits)?;
    let [only] = envelope.signatures() else {
        let reason = format!("it has {} signatures, expected one", envelope.signatures().len());
        return Err(TrustError::Format { document: T::PAYLOAD.document(), reason });
    };
    let (signer, id) = (only.key_id, envelope.payload_digest());
    match keys.get(&signer) {
        Some(key) => Ok((true, make(signer, id, T::of(envelope.signed_by(key)?, limits)?))),
        None => Ok((false, make(signer, id, T::of(envelope.unverified_payload(), limits)?))),
    }
}

enum HeadRead {
    /// More than all files together may have.
    Full,
    Failed(io::Error),
}

impl From<io::Error> for HeadRead {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// What a file is, and its bytes if that is something.
fn read(path: &Path, left: &mut u64, limits: &Limits) -> Result<Option<(FleetFileKind, Vec<u8>)>, HeadRead> {
    let mut file = atomic_file::open_regular(path)?;
    let mut bytes = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut bytes)?;
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let kind = if has(PayloadType::Receipt.as_str()) {
        FleetFileKind::Receipt
    } else if has(PayloadType::Request.as_str()) {
        FleetFileKind::Request
    } else if has(PayloadType::Statement.as_str()) {
        FleetFileKind::Seal
    } else if has(statement::TYPE) {
        FleetFileKind::Statement
    } else {
        return Ok(None);
    };
    // An envelope is a third longer than what is in it. What is longer is refused where it is parsed.
    let limit = limits.record.max(limits.seal).saturating_mul(2);
    file.take(limit).read_to_end(&mut bytes)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or(HeadRead::Full)?;
    Ok(Some((kind, bytes)))
}

/// The regular files below a directory, by path.
fn files(folder: &Path, unread: &mut Vec<UnreadFile>) -> Result<Vec<PathBuf>, FleetError> {
    let failed = |source| FleetError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    let mut seen = 0_u64;
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((below, depth)) = open.pop() {
        let skip = |why: &str| UnreadFile { file: below.clone(), why: why.to_owned() };
        if depth > DEPTH {
            unread.push(skip(&format!("it lies more than {DEPTH} folders deep")));
            continue;
        }
        let entries = match fs::read_dir(&below) {
            Err(error) if depth == 0 => return Err(failed(error)),
            Err(error) => {
                unread.push(skip(&error.to_string()));
                continue;
            }
            Ok(entries) => entries,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            seen += 1;
            if seen > FILES {
                let path = folder.to_owned();
                return Err(FleetError::Limit { path, what: format!("{FILES} files") });
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_file() => files.push(path),
                Ok(kind) if kind.is_dir() => open.push((path, depth + 1)),
                Ok(kind) => {
                    let why = if kind.is_symlink() { "it is a link" } else { "it is not a regular file" };
                    unread.push(UnreadFile { file: path, why: why.to_owned() });
                }
                Err(error) => unread.push(UnreadFile { file: path, why: error.to_string() }),
            }
        }
    }
    files.sort();
    unread.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(files)
}
