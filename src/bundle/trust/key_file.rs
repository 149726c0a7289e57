//! Key files: never overwritten, and read only if no other user can read them.

use super::TrustError;
use super::key::PublicKey;
use crate::format::atomic_file;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// No key file is longer.
const MAX_BYTES: u64 = 16 << 10;

/// Writes a secret key that only the owner can read, to a name that is not taken.
pub fn write_secret(path: &Path, pem: &str) -> Result<(), TrustError> {
    write_new(path, pem.as_bytes(), 0o600)
}

/// Writes a public key, to a name that is not taken.
pub fn write_public(path: &Path, key: &PublicKey) -> Result<(), TrustError> {
    write_new(path, key.to_pem().as_bytes(), 0o644)
}

/// Reads the PEM of a secret key; refuses a file that others can read, a link, and what is not a file.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, TrustError> {
    let file = open_regular(path, OFlags::NOFOLLOW)?;
    let mode = file.metadata().map_err(|source| unreadable(path, source))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TrustError::KeyFileMode { path: path.to_owned(), mode });
    }
    read_text(path, file)
}

/// Reads a public key: PEM, or the line that `ssh-keygen` writes.
pub fn read_public(path: &Path) -> Result<PublicKey, TrustError> {
    let text = read_text(path, open_regular(path, OFlags::empty())?)?;
    // Also `ecdsa-sha2-...` and `sk-ssh-...`, to say about them what is wrong.
    if ["ssh-", "ecdsa-", "sk-"].iter().any(|first| text.starts_with(first)) {
        PublicKey::from_ssh(&text)
    } else {
        PublicKey::from_pem(&text)
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TrustError> {
    atomic_file::write_new(path, bytes, mode).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => TrustError::KeyFileExists { path: path.to_owned() },
        _ => TrustError::KeyFileWrite { path: path.to_owned(), source },
    })
}

/// Opens a regular file without waiting on a pipe that has its name.
fn open_regular(path: &Path, flags: OFlags) -> Result<File, TrustError> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|source| {
        if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            TrustError::KeyFileKind { path: path.to_owned() }
        } else {
            unreadable(path, source)
        }
    })?;
    match file.metadata() {
        Ok(found) if found.is_file() => Ok(file),
        Ok(_) => Err(TrustError::KeyFileKind { path: path.to_owned() }),
        Err(source) => Err(unreadable(path, source)),
    }
}

fn read_text(path: &Path, file: File) -> Result<Zeroizing<String>, TrustError> {
    // Of its full size from the start: a text that grows leaves copies behind that no one wipes.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default() + 64));
    let count =
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|source| unreadable(path, source))?;
    if count as u64 > MAX_BYTES {
        return Err(TrustError::KeyFileForm { reason: "it is longer than any key file" });
    }
    Ok(text)
}

fn unreadable(path: &Path, source: io::Error) -> TrustError {
    TrustError::KeyFileRead { path: path.to_owned(), source }
}
