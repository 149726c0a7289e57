//! Encrypts a finished bundle file, and reads it decrypted: age format, version 1, X25519 recipients
//! (<https://c2sp.org/age>).
//!
//! age releases plaintext in pieces and says only at the end whether it was complete. So plaintext goes only into a
//! `MemberReader`, which ends only after the whole encrypted file was verified.

use super::atomic_file::{self, UnfinishedFile};
use super::carrier::Carrier;
use super::error::BundleError;
use super::member_reader::CHUNK;
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use crate::value::progress::Progress;
use age::x25519;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// More recipients than sites that share one bundle; their header stays below its limit.
const MOST: usize = 128;

/// Who can read an encrypted bundle.
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// Reads recipients, one a line as in the files of `age -R`: `age1...`, comments behind `#`, empty lines.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, BundleError> {
        let mut recipients = Vec::new();
        for (number, line) in lines.into_iter().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let found = || BundleError::Recipient { number: number + 1, found: line.to_owned() };
            recipients.push(line.parse().map_err(|_| found())?);
        }
        if recipients.is_empty() || recipients.len() > MOST {
            return Err(BundleError::Recipients { found: recipients.len(), most: MOST });
        }
        Ok(Self(recipients))
    }
}

/// What opens an encrypted bundle: secret keys, wiped from memory.
pub struct Identities(Vec<x25519::Identity>);

impl Identities {
    /// Reads the text of an identity file as `age-keygen` writes it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, BundleError> {
        let refuse = |reason: String| BundleError::Identity { path: path.to_owned(), reason };
        if super::carrier::begins_encrypted(text.as_bytes()) {
            let reason = "it is itself encrypted with a passphrase: write it decrypted with `age -d` first";
            return Err(refuse(reason.to_owned()));
        }
        let mut identities = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // Nothing of the line is shown: it may be a secret with a typing mistake.
            identities.push(
                line.parse()
                    .map_err(|_| refuse(format!("line {} is not `AGE-SECRET-KEY-1...`", number + 1)))?,
            );
        }
        match identities.len() {
            0 => Err(refuse("there is no `AGE-SECRET-KEY-1...` in it".to_owned())),
            1..=MOST => Ok(Self(identities)),
            many => Err(refuse(format!("there are {many} identities in it, the limit is {MOST}"))),
        }
    }

    /// Those of both.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// Writes a bundle encrypted to `to`, with the seal that `seal` makes of its digest and size beside it.
///
/// The encrypted file gets its name last. It has other bytes each time, so one that is there is never overwritten.
pub fn encrypt<E: From<BundleError>>(
    bundle: &File,
    to: &Path,
    recipients: &Recipients,
    watch: &dyn Progress,
    seal: impl FnOnce(Digest, u64) -> Result<Vec<u8>, E>,
) -> Result<u64, E> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let temporary = atomic_file::folder_of(to).join(format!(".{name}.partial"));
    let cannot_write = |source| BundleError::Write { path: to.to_owned(), source };
    let file = atomic_file::claim(&temporary)
        .map_err(cannot_write)?
        .ok_or_else(|| BundleError::Busy { path: to.to_owned() })?;
    let _partial = UnfinishedFile(temporary.clone());
    // Asked while no one else can give it the name: the seal that is there belongs to what is there.
    refuse_taken(to)?;
    let all = recipients.0.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all)
        .map_err(|_| BundleError::Age { reason: "these recipients do not go together" })?;
    let output = HashedFile { file: &file, hasher: Hasher::new() };
    let mut output = encryptor.wrap_output(output).map_err(cannot_write)?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    watch.expect(bundle.metadata().map_err(cannot_write)?.len());
    loop {
        if watch.is_stopped() {
            return Err(BundleError::Interrupted.into());
        }
        let read = bundle.read_at(&mut buffer, at).map_err(|source| {
            let what = "the bundle that is to be encrypted".to_owned();
            BundleError::Read { what, source }
        })?;
        if read == 0 {
            break;
        }
        output.write_all(buffer.get(..read).unwrap_or_default()).map_err(cannot_write)?;
        at += read as u64;
        watch.advance(read as u64);
    }
    let hasher = output.finish().map_err(cannot_write)?.hasher;
    file.sync_all().map_err(cannot_write)?;
    let size = hasher.count();
    let seal = seal(hasher.finish(), size)?;
    let beside = super::carrier::seal_path(to);
    let named = atomic_file::replace(&beside, &seal).and_then(|()| atomic_file::rename_new(&temporary, to));
    if let Err(source) = named {
        let _ = std::fs::remove_file(&beside);
        return Err(cannot_write(source).into());
    }
    atomic_file::sync_folder(atomic_file::folder_of(to))
        .map_err(|source| BundleError::NotSynced { path: to.to_owned(), source })?;
    Ok(size)
}

/// Refuses to write where an encrypted bundle is already.
pub fn refuse_taken(to: &Path) -> Result<(), BundleError> {
    match to.symlink_metadata() {
        Ok(_) => Err(BundleError::Exists { path: to.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// A file and the digest of what was written to it.
struct HashedFile<'a> {
    file: &'a File,
    hasher: Hasher,
}

impl Write for HashedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The content of an encrypted file. It ends only when the whole file was read and is the one that `carrier` names.
pub struct Plain<'a> {
    stream: age::stream::StreamReader<BufReader<Shared<'a>>>,
    cipher: Shared<'a>,
    carrier: &'a Carrier,
    is_done: bool,
}

/// The encrypted file, hashed as it is read.
struct Cipher<'a> {
    file: &'a File,
    hasher: Hasher,
    /// How far may be read; the header is bounded before it is parsed.
    most: u64,
    watch: &'a dyn Progress,
}

/// Reads a file from its beginning, wherever its cursor stands.
struct FileCursor<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FileCursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[derive(Clone)]
struct Shared<'a>(Arc<Mutex<Cipher<'a>>>);

impl Cipher<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, BundleError> {
        if self.watch.is_stopped() {
            return Err(BundleError::Interrupted);
        }
        let (at, left) = (self.hasher.count(), self.most.saturating_sub(self.hasher.count()));
        if left == 0 && !buffer.is_empty() {
            let what = "bytes of the header of the encrypted bundle".to_owned();
            return Err(BundleError::Limit { what, found: at + 1, limit: self.most });
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), at).map_err(|source| {
            let what = format!("byte {at} of the encrypted bundle");
            BundleError::Read { what, source }
        })?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Typed through `io::Error`, so that nothing in between can take it for something else.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next(buffer).map_err(io::Error::other)
    }
}

impl Shared<'_> {
    /// Reads what is left, and compares the whole with what was signed.
    fn compare(&self, carrier: &Carrier) -> Result<(), BundleError> {
        let mut cipher = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cipher.most = u64::MAX;
        let mut buffer = vec![0; CHUNK];
        // One that grew while it was read is refused for its size, and not followed for ever.
        while cipher.hasher.count() <= carrier.size && cipher.next(&mut buffer)? > 0 {}
        super::member_reader::same_digest(
            "the encrypted bundle",
            carrier.sha256,
            cipher.hasher.clone().finish(),
        )
    }

    /// The beginning of the file, at most as long as a header may be.
    fn header(&self) -> Result<Vec<u8>, BundleError> {
        let cipher = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut header = Vec::new();
        let mut reader = FileCursor { file: cipher.file, at: 0 }.take(cipher.most);
        reader.read_to_end(&mut header).map_err(|source| {
            let what = "the header of the encrypted bundle".to_owned();
            BundleError::Read { what, source }
        })?;
        Ok(header)
    }

    /// What an error of age means: if the file is not the signed one, that; otherwise what it was made into.
    fn judge(&self, carrier: &Carrier, error: BundleError) -> BundleError {
        self.compare(carrier).err().unwrap_or(error)
    }
}

/// Refuses recipients of another kind, and another number of them, than CARRIER.md allows. `header` is the beginning of
/// the encrypted file; whether it is a well-formed header is for age to say.
fn check_stanzas(header: &[u8]) -> Result<(), BundleError> {
    let (mut recipients, mut grease) = (0, 0);
    for line in header.split(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            break;
        }
        let Some(stanza) = line.strip_prefix(b"-> ") else { continue };
        let kind = stanza.split(|byte| *byte == b' ').next().unwrap_or_default();
        if kind == b"X25519" {
            recipients += 1;
        } else if kind.ends_with(b"-grease") {
            grease += 1;
        } else {
            return Err(BundleError::Age { reason: "it has a recipient that is not an X25519 key" });
        }
    }
    if recipients == 0 || recipients > MOST {
        return Err(BundleError::Age { reason: "it is encrypted to more than 128 recipients, or to none" });
    }
    if grease > 1 {
        return Err(BundleError::Age { reason: "it has more than one stanza of grease" });
    }
    Ok(())
}

impl<'a> Plain<'a> {
    /// Reads the header of an encrypted file and finds the identity that opens it.
    pub fn open(
        file: &'a File,
        carrier: &'a Carrier,
        identities: &Identities,
        limits: &Limits,
        watch: &'a dyn Progress,
    ) -> Result<Self, BundleError> {
        let cipher = Cipher { file, hasher: Hasher::new(), most: limits.age_header, watch };
        let cipher = Shared(Arc::new(Mutex::new(cipher)));
        let reader = BufReader::with_capacity(CHUNK, cipher.clone());
        let judged = |error| cipher.judge(carrier, error);
        let decryptor = age::Decryptor::new_buffered(reader).map_err(|error| judged(meaning(error)))?;
        check_stanzas(&cipher.header()?).map_err(judged)?;
        cipher.0.lock().unwrap_or_else(PoisonError::into_inner).most = u64::MAX;
        let all = identities.0.iter().map(|identity| identity as &dyn age::Identity);
        let stream = decryptor.decrypt(all).map_err(|error| judged(meaning(error)))?;
        Ok(Self { stream, cipher, carrier, is_done: false })
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.is_empty() {
            return Ok(0);
        }
        match self.stream.read(buffer) {
            Ok(0) => {
                self.cipher.compare(self.carrier).map_err(io::Error::other)?;
                self.is_done = true;
                Ok(0)
            }
            Ok(count) => Ok(count),
            Err(error) => Err(io::Error::other(self.cipher.judge(self.carrier, of_io(error)))),
        }
    }
}

/// Our own error, or age's about the bytes.
fn of_io(error: io::Error) -> BundleError {
    error
        .downcast::<BundleError>()
        .unwrap_or(BundleError::Age { reason: "its content is cut off, changed or longer than it should be" })
}

fn meaning(error: age::DecryptError) -> BundleError {
    match error {
        age::DecryptError::Io(error) => of_io(error),
        age::DecryptError::NoMatchingKeys => BundleError::NotForUs,
        age::DecryptError::InvalidMac => BundleError::Age { reason: "its header is not authentic" },
        age::DecryptError::UnknownFormat => BundleError::Age { reason: "it is of an unknown version" },
        _ => BundleError::Age { reason: "it is not a binary age file with a well-formed header" },
    }
}

#[cfg(test)]
mod tests {
    use super::check_stanzas;

    #[test]
    fn f_sec_24_only_1_to_128_x25519_recipients() {
        let header = |stanzas: &[(&str, usize)]| {
            let mut text = String::from("age-encryption.org/v1\n");
            for (stanza, count) in stanzas {
                text += &format!("-> {stanza}\nYm9keQ\n").repeat(*count);
            }
            check_stanzas(format!("{text}--- bWFj\n-> scrypt behind the header").as_bytes())
        };
        assert!(header(&[("X25519 share", 1)]).is_ok());
        assert!(header(&[("X25519 share", 128), ("x!-grease y", 1)]).is_ok());
        for bad in [
            &[("X25519 share", 129)][..],
            &[],
            &[("x!-grease y", 1)],
            &[("X25519 share", 1), ("ssh-ed25519 a b", 1)],
            &[("X25519 share", 1), ("scrypt a 18", 1)],
            &[("X25519 share", 1), ("a-grease", 2)],
            &[("X25519 share", 1), ("X25519-more", 1)],
        ] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }
}
