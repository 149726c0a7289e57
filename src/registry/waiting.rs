//! Runs blocking work on its own thread, so that an interruption is noticed while a host or a helper is silent.

use super::error::RegistryError;
use sealift_bundle::format::BundleError;
use sealift_bundle::value::progress::Progress;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often someone looks whether to stop.
pub(crate) const GLANCE: Duration = Duration::from_millis(50);
/// Bytes handed over at a time.
const STEP: usize = 256 << 10;

/// Does something that may block. After the wish to stop it is left alone and ends with its own timeout, or with the
/// process.
pub(crate) fn watched<T: Send + 'static>(
    watch: &dyn Progress,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RegistryError> {
    let (sender, receiver) = sync_channel(1);
    let worker = start(move || drop(sender.send(work())))?;
    loop {
        match receiver.recv_timeout(GLANCE) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) if watch.is_stopped() => return Err(RegistryError::Interrupted),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return match worker.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => Err(RegistryError::Interrupted),
                };
            }
        }
    }
}

fn start(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RegistryError> {
    let worker = std::thread::Builder::new().name("request".to_owned()).spawn(work);
    worker.map_err(|source| RegistryError::Thread { source })
}

/// The error for those who read: the wish to stop is recognised there.
pub(super) fn in_io(error: RegistryError) -> io::Error {
    match error {
        RegistryError::Interrupted => io::Error::other(BundleError::Interrupted),
        other => io::Error::other(other),
    }
}

/// A body that is read on a thread of its own, a little ahead.
pub(crate) struct Pump<'a> {
    receiver: Receiver<io::Result<Vec<u8>>>,
    watch: &'a dyn Progress,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        mut reader: impl Read + Send + 'static,
        watch: &'a dyn Progress,
    ) -> Result<Self, RegistryError> {
        let (sender, receiver) = sync_channel(2);
        start(move || {
            loop {
                let mut piece = vec![0; STEP];
                let read = reader.read(&mut piece).map(|read| {
                    piece.truncate(read);
                    piece
                });
                let last = !read.as_ref().is_ok_and(|piece| !piece.is_empty());
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        })?;
        Ok(Self { receiver, watch, piece: Vec::new(), at: 0, ended: false })
    }
}

impl Read for Pump<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended && !buffer.is_empty() {
            match self.receiver.recv_timeout(GLANCE) {
                Ok(piece) => {
                    (self.piece, self.at) = (piece?, 0);
                    self.ended = self.piece.is_empty();
                }
                Err(RecvTimeoutError::Timeout) if self.watch.is_stopped() => {
                    return Err(in_io(RegistryError::Interrupted));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let read = self.piece.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::progress::NoProgress;
    use std::time::Instant;

    struct Stopped;

    impl Progress for Stopped {
        fn advance(&self, _: u64) {}
        fn expect(&self, _: u64) {}
        fn is_stopped(&self) -> bool {
            true
        }
    }

    #[test]
    fn f_field_r9_what_is_silent_is_left_when_asked_to_stop() {
        let begun = Instant::now();
        let silent = || std::thread::sleep(Duration::from_secs(20));
        assert!(matches!(watched(&Stopped, silent), Err(RegistryError::Interrupted)));
        let (reader, _writer) = io::pipe().unwrap();
        let error = Pump::new(reader, &Stopped).unwrap().read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("interrupted"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_is_pumped_arrives_whole() {
        let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut back = Vec::new();
        Pump::new(io::Cursor::new(bytes.clone()), &NoProgress).unwrap().read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        assert_eq!(watched(&NoProgress, || 7).unwrap(), 7);
    }
}
