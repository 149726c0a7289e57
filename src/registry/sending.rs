//! Sending blobs out of a bundle file: each once, several at a time.

use super::access::Repository;
use super::error::RegistryError;
use super::load::Load;
use crate::bundle::index::Blob;
use crate::trust::verify::{BlobSink, Verified};
use crate::value::digest::Digest;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Requests under way at a time.
const CONNECTIONS: usize = 4;

impl Load<'_> {
    /// How many blobs were sent, their bytes, and how many did not have to be.
    pub(super) fn send_all<'r>(
        &self,
        blobs: impl Iterator<Item = (Blob, &'r Repository)>,
    ) -> Result<(u64, u64, u64), RegistryError> {
        let mut wanted: BTreeMap<Digest, (Blob, Vec<&Repository>)> = BTreeMap::new();
        for (blob, repository) in blobs {
            let (_, repositories) = wanted.entry(blob.digest).or_insert_with(|| (blob, Vec::new()));
            if !repositories.contains(&repository) {
                repositories.push(repository);
            }
        }
        let mut wanted: Vec<_> = wanted.into_values().collect();
        // The largest first, so that the end is not one long wait.
        wanted.sort_by_key(|(blob, _)| std::cmp::Reverse(blob.size));
        self.watch.expect(wanted.iter().map(|(blob, _)| blob.size).sum());
        let next = AtomicUsize::new(0);
        let tally = Mutex::new((Ok(()), 0, 0, 0));
        let work = || {
            while let Some((blob, repositories)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.blob(*blob, repositories);
                let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match outcome {
                    Ok((sent, present)) => {
                        tally.1 += sent;
                        tally.2 += sent * blob.size;
                        tally.3 += present;
                    }
                    Err(error) => {
                        // The others end what they have begun.
                        next.store(wanted.len(), Ordering::Relaxed);
                        if tally.0.is_ok() {
                            tally.0 = Err(error);
                        }
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..CONNECTIONS.min(wanted.len()) {
                scope.spawn(work);
            }
            work();
        });
        let (outcome, sent, bytes, present) =
            tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.map(|()| (sent, bytes, present))
    }

    /// How often a blob was sent, and how often that was not necessary.
    fn blob(&self, blob: Blob, repositories: &[&Repository]) -> Result<(u64, u64), RegistryError> {
        let (mut sent, mut present) = (0, 0);
        let mut holder: Option<&Repository> = None;
        for repository in repositories {
            let there = self.client.has_blob(repository, blob, self.watch)?
                || match holder {
                    Some(from) => self.client.mount(repository, blob, from, self.watch)?,
                    None => false,
                };
            if there {
                present += 1;
            } else {
                self.send(repository, blob)?;
                sent += 1;
            }
            holder = holder.or(Some(repository));
        }
        // Sent bytes are counted as they are read from the bundle.
        if sent == 0 {
            self.watch.advance(blob.size);
        }
        Ok((sent, present))
    }

    fn send(&self, repository: &Repository, blob: Blob) -> Result<(), RegistryError> {
        self.client.insist(self.watch, || {
            let pieces = self.place.stream(blob, self.client.upload(repository, blob, self.watch)?);
            match pieces {
                Err(RegistryError::NoPieces { .. }) => self.send_whole(repository, blob),
                other => other,
            }
        })
    }

    fn send_whole(&self, repository: &Repository, blob: Blob) -> Result<(), RegistryError> {
        let (sender, receiver) = sync_channel(2);
        let mut reader = Pipe { receiver, piece: Vec::new(), at: 0 };
        std::thread::scope(|scope| {
            let feeding = scope.spawn(|| self.place.stream(blob, Feed(sender)));
            let pushed = self.client.upload_whole(repository, blob, &mut reader, self.watch);
            drop(reader);
            let fed = feeding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match fed {
                // The registry's reason counts more than that nobody listens any more.
                Err(RegistryError::Interrupted) | Ok(()) => pushed,
                Err(error) => Err(error),
            }
        })
    }
}

/// Puts pieces into a channel.
struct Feed(SyncSender<Vec<u8>>);

impl BlobSink for Feed {
    type Error = RegistryError;

    fn quarantine(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.0.send(bytes.to_vec()).map_err(|_| RegistryError::Interrupted)
    }

    fn keep(self, _: &Verified<Blob>) -> Result<(), RegistryError> {
        Ok(())
    }
}

/// Reads pieces from a channel.
struct Pipe {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let read = self.piece.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
