//! Reads a bundle member by member, from a file in place or from a pipe in one pass.
//!
//! Every call says what must come next and its digest, and returns those bytes or an error. Only `trust/verify` uses
//! it, because only there it is known what to expect.

use super::atomic_file;
use super::carrier::{Carrier, begins_encrypted};
use super::error::BundleError;
use super::marks::{Marks, STEP};
use super::member::{self, member_header, padding};
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::progress::Progress;
use crate::value::timestamp::Timestamp;
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes read at a time.
pub(crate) const CHUNK: usize = 1 << 20;

/// A bundle being read from front to back.
pub struct MemberReader<'a> {
    medium: ReadSource<'a>,
    at: u64,
    /// What the seal outside says about the bundle inside.
    carrier: Option<&'a Carrier>,
}

enum ReadSource<'a> {
    File(&'a File),
    Pipe(Box<dyn Read + Send + 'a>),
}

/// Opens a bundle file: a regular file, not a link.
pub fn open(path: &Path) -> Result<File, BundleError> {
    atomic_file::open_regular(path).map_err(|source| {
        let found = rustix::fs::lstat(path).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let found = match found {
            Err(rustix::io::Errno::NOENT) => return BundleError::Missing { path: path.to_owned() },
            Ok(FileType::Symlink) => "a link",
            Ok(FileType::Directory) => "a folder",
            Ok(FileType::Fifo) => "a pipe",
            Ok(FileType::Socket) => "a socket",
            Ok(FileType::CharacterDevice | FileType::BlockDevice) => "a device",
            Ok(_) | Err(_) => return BundleError::Read { what: format!("`{}`", path.display()), source },
        };
        BundleError::NotAFile { path: path.to_owned(), found }
    })
}

/// The members before the statement, as they are there. Nothing has been verified: it is for a copy with another seal.
pub struct UnverifiedFront {
    /// The chain of trust roots.
    pub roots: Vec<u8>,
    /// The seal.
    pub seal: Vec<u8>,
    /// The byte at which the statement's header begins.
    pub end: u64,
}

impl UnverifiedFront {
    /// Reads the two members.
    pub fn read(file: &File, limits: &Limits) -> Result<Self, BundleError> {
        let mut tape = MemberReader::file(file);
        let roots = tape.unverified(member::ROOTS, limits.roots)?;
        let seal = tape.unverified(member::SEAL, limits.seal)?;
        Ok(Self { roots, seal, end: tape.position() })
    }
}

impl<'a> MemberReader<'a> {
    /// A file, read in place: content can be passed over and read later.
    #[must_use]
    pub fn file(file: &'a File) -> Self {
        Self { medium: ReadSource::File(file), at: 0, carrier: None }
    }

    /// A pipe, a tape or a diode: every byte comes once.
    #[must_use]
    pub fn pipe(reader: impl Read + Send + 'a) -> Self {
        Self { medium: ReadSource::Pipe(Box::new(reader)), at: 0, carrier: None }
    }

    /// What comes out of an encrypted carrier, about which this was signed.
    #[must_use]
    pub fn carried(reader: impl Read + Send + 'a, carrier: &'a Carrier) -> Self {
        Self { carrier: Some(carrier), ..Self::pipe(reader) }
    }

    /// Whether the bundle was encrypted on its way here.
    #[must_use]
    pub fn was_encrypted(&self) -> bool {
        self.carrier.is_some()
    }

    /// Refuses a bundle that another seal outside belongs to, where there is one.
    pub(crate) fn must_carry(&self, scenario: &Name, created: Timestamp) -> Result<(), BundleError> {
        match self.carrier {
            Some(outside) if outside.scenario != *scenario || outside.created != created => {
                let outside = format!("scenario `{}`, created {}", outside.scenario, outside.created);
                let inside = format!("scenario `{scenario}`, created {created}");
                Err(BundleError::OtherInside { outside, inside })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The file, where there is one to read again.
    #[must_use]
    pub fn as_file(&self) -> Option<&'a File> {
        match self.medium {
            ReadSource::File(file) => Some(file),
            ReadSource::Pipe(_) => None,
        }
    }

    /// The byte that comes next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at
    }

    fn fill(&mut self, buffer: &mut [u8], member: &str) -> Result<(), BundleError> {
        let offset = self.at;
        let outcome = match &mut self.medium {
            ReadSource::File(file) => file.read_exact_at(buffer, self.at),
            ReadSource::Pipe(reader) => reader.read_exact(buffer),
        };
        outcome.map_err(|source| read_error(source, member, offset))?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn block(&mut self, member: &str) -> Result<[u8; 512], BundleError> {
        let mut block = [0; 512];
        self.fill(&mut block, member)?;
        Ok(block)
    }

    /// Reads a member whose size nothing verified has named yet: its header may state any size up to the limit.
    pub fn unverified(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, BundleError> {
        let offset = self.at;
        let block = self.block(name)?;
        if offset == 0 && begins_encrypted(&block) {
            return Err(BundleError::Encrypted);
        }
        let Some(size) = member::claimed_size(name, &block) else {
            let found = member::describe(&block);
            return Err(BundleError::Header { expected: name.to_owned(), offset, found });
        };
        if size > limit {
            return Err(BundleError::Limit { what: format!("bytes of `{name}`"), found: size, limit });
        }
        let bytes = self.bytes(name, size)?;
        self.padding(name, size)?;
        Ok(bytes)
    }

    /// Passes the one header that belongs here.
    pub fn header(&mut self, name: &str, size: u64) -> Result<(), BundleError> {
        let offset = self.at;
        let block = self.block(name)?;
        if block == member_header(name, size) {
            return Ok(());
        }
        let found = member::describe(&block);
        Err(BundleError::Header { expected: name.to_owned(), offset, found })
    }

    /// The next bytes, not hashed; `size` has been compared with a limit.
    pub fn bytes(&mut self, name: &str, size: u64) -> Result<Vec<u8>, BundleError> {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        self.fill(&mut bytes, name)?;
        Ok(bytes)
    }

    /// Passes the zeros behind a member of `size` bytes.
    pub fn padding(&mut self, name: &str, size: u64) -> Result<(), BundleError> {
        let expected = padding(size);
        let mut found = [0; 512];
        let found = found.get_mut(..expected.len()).unwrap_or_default();
        self.fill(found, name)?;
        if found == expected { Ok(()) } else { Err(BundleError::Padding { member: name.to_owned() }) }
    }

    /// A whole member, held in memory; `size` has been compared with a limit.
    pub fn member(&mut self, name: &str, size: u64, digest: Digest) -> Result<Vec<u8>, BundleError> {
        self.header(name, size)?;
        let bytes = self.bytes(name, size)?;
        same_digest(name, digest, Digest::of(&bytes))?;
        self.padding(name, size)?;
        Ok(bytes)
    }

    /// A whole member, seen chunk by chunk; what `each` does with a chunk must count for nothing until this returns.
    pub fn chunks<E: From<BundleError>>(
        &mut self,
        name: &str,
        size: u64,
        digest: Digest,
        watch: &dyn Progress,
        each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.header(name, size)?;
        let found = hash(size, watch, |chunk| self.fill(chunk, name), each, |_| ())?;
        same_digest(name, digest, found)?;
        Ok(self.padding(name, size)?)
    }

    /// Passes over a member of a file without reading its content; returns where that begins.
    pub fn pass(&mut self, name: &str, size: u64) -> Result<u64, BundleError> {
        self.header(name, size)?;
        let begins = self.at;
        self.at += size;
        self.padding(name, size)?;
        Ok(begins)
    }

    /// Passes the two zero blocks, behind which nothing may follow.
    pub fn end(&mut self) -> Result<(), BundleError> {
        for _ in 0..2 {
            let offset = self.at;
            let block = self.block("the two closing blocks")?;
            if block != [0; 512] {
                let (expected, found) = ("the two closing blocks".to_owned(), member::describe(&block));
                return Err(BundleError::Header { expected, offset, found });
            }
        }
        match self.tail() {
            Ok(None) => Ok(()),
            Ok(Some(tail)) => Err(BundleError::Trailing { offset: self.at, tail }),
            Err(source) => Err(read_error(source, "the end of the bundle", self.at)),
        }
    }

    /// What follows the end, if anything does.
    fn tail(&mut self) -> io::Result<Option<Tail>> {
        let mut buffer = vec![0; CHUNK];
        let mut zeros = 0;
        loop {
            let offset = self.at + zeros;
            let outcome = match &mut self.medium {
                ReadSource::File(file) => file.read_at(&mut buffer, offset),
                ReadSource::Pipe(reader) => reader.read(&mut buffer),
            };
            let read = match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => buffer.get(..other?).unwrap_or_default(),
            };
            if read.is_empty() {
                return Ok((zeros > 0).then_some(Tail::Zeros(zeros)));
            }
            if read.iter().any(|byte| *byte != 0) {
                return Ok(Some(Tail::Other));
            }
            zeros += read.len() as u64;
            // A raw device may go on for terabytes, and what is behind the first of it changes nothing.
            if zeros >= PADDING {
                return Ok(Some(Tail::ManyZeros));
            }
        }
    }
}

/// What follows the end of a bundle, where nothing should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// So many bytes, all zero, and then the end.
    Zeros(u64),
    /// More zeros than were looked at.
    ManyZeros,
    /// Something else.
    Other,
}

/// How many bytes behind the end are looked at: more than any tape or device pads a block to.
const PADDING: u64 = 64 << 20;

/// Reads a part of a file chunk by chunk and compares its digest.
pub(crate) fn part<E: From<BundleError>>(
    file: &File,
    name: &str,
    offset: u64,
    size: u64,
    digest: Digest,
    watch: &dyn Progress,
    each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let found = hash(size, watch, from(file, name, offset), each, |_| ())?;
    Ok(same_digest(name, digest, found)?)
}

/// As `part`, and gives what it takes to read it again.
pub(crate) fn marked<E: From<BundleError>>(
    file: &File,
    name: &str,
    offset: u64,
    size: u64,
    digest: Digest,
    watch: &dyn Progress,
    each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Marks, E> {
    let mut marks = Marks::new(size);
    let found = hash(size, watch, from(file, name, offset), each, |state| marks.note(state))?;
    same_digest(name, digest, found)?;
    Ok(marks)
}

fn from(file: &File, name: &str, mut position: u64) -> impl FnMut(&mut [u8]) -> Result<(), BundleError> {
    move |chunk| {
        fill_at(file, name, position, chunk)?;
        position += chunk.len() as u64;
        Ok(())
    }
}

fn hash<E: From<BundleError>>(
    size: u64,
    watch: &dyn Progress,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), BundleError>,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
    mut mark: impl FnMut(&Hasher),
) -> Result<Digest, E> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(CHUNK).min(CHUNK)];
    while hasher.count() < size {
        if watch.is_stopped() {
            return Err(BundleError::Interrupted.into());
        }
        let most = usize::try_from(size - hasher.count()).unwrap_or(CHUNK).min(CHUNK);
        let chunk = buffer.get_mut(..most).unwrap_or_default();
        fill(chunk)?;
        for step in chunk.chunks(usize::try_from(STEP).unwrap_or(CHUNK)) {
            hasher.update(step);
            mark(&hasher);
        }
        each(chunk)?;
        watch.advance(most as u64);
    }
    Ok(hasher.finish())
}

/// Bytes of a file at a place, not hashed; `size` has been compared with a limit.
pub(crate) fn bytes_at(file: &File, name: &str, offset: u64, size: u64) -> Result<Vec<u8>, BundleError> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    fill_at(file, name, offset, &mut bytes)?;
    Ok(bytes)
}

/// The same, into a buffer.
pub(crate) fn fill_at(file: &File, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), BundleError> {
    file.read_exact_at(buffer, offset).map_err(|source| read_error(source, name, offset))
}

/// Compares two digests of a member.
pub fn same_digest(name: &str, expected: Digest, found: Digest) -> Result<(), BundleError> {
    if expected == found {
        return Ok(());
    }
    Err(BundleError::Digest { member: name.to_owned(), expected, found })
}

fn read_error(source: io::Error, member: &str, offset: u64) -> BundleError {
    // What a reader of ours found out travels through `io::Error`.
    let source = match source.downcast::<BundleError>() {
        Ok(error) => return error,
        Err(source) => source,
    };
    match source.kind() {
        io::ErrorKind::UnexpectedEof => BundleError::Truncated { member: member.to_owned(), offset },
        _ => BundleError::Read { what: format!("`{member}` at byte {offset} of the bundle"), source },
    }
}
