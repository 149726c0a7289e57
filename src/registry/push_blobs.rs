//! Pushes the blobs of a bundle file: each once, several in parallel.

use super::client::locked;
use super::endpoints::Repository;
use super::error::RegistryError;
use super::load::Load;
use sealift_bundle::format::index::Blob;
use sealift_bundle::trust::verify::{BlobSink, Verified};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::parallel;
use sealift_bundle::value::progress::Progress;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Requests under way at a time.
const CONNECTIONS: usize = 4;

/// What became of all blobs.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) blobs: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Blobs that did not have to be sent.
    pub(super) present: u64,
    /// What did not arrive where, and why.
    pub(super) refused: HashMap<(Digest, Repository), String>,
    /// The first of those reasons.
    pub(super) first: Option<RegistryError>,
    /// Why no more was sent, when the registry could not be reached any more.
    pub(super) gone: Option<String>,
}

impl Sent {
    fn add(&mut self, one: Self) {
        self.blobs += one.blobs;
        self.bytes += one.bytes;
        self.present += one.present;
        self.refused.extend(one.refused);
        self.first = self.first.take().or(one.first);
        self.gone = self.gone.take().or(one.gone);
    }
}

enum Brought {
    Sent,
    There,
}

/// The reason why one image does not arrive, for an error that does not concern them all.
pub(super) fn image_alone(error: RegistryError) -> Result<(String, RegistryError), RegistryError> {
    match error {
        // The bundle, this machine, or the operator.
        RegistryError::Interrupted
        | RegistryError::Trust(_)
        | RegistryError::Store(_)
        | RegistryError::Thread { .. }
        | RegistryError::Certificates { .. }
        | RegistryError::Read { .. } => Err(error),
        other => Ok((reason(&other), other)),
    }
}

/// What is wrong, and what to do about it where that is more than trying again.
fn reason(error: &RegistryError) -> String {
    match error.hint().filter(|_| !is_unreachable(error)) {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

pub(super) fn is_unreachable(error: &RegistryError) -> bool {
    match error {
        RegistryError::Unreachable { .. } => true,
        RegistryError::Forgotten { cause, .. } => is_unreachable(cause),
        _ => false,
    }
}

impl Load<'_> {
    /// Sends every blob to the repositories that need it. Before the first one is sent, the whole bundle is verified;
    /// where they have everything, its layers are not even read. A blob that a repository refuses does not keep the others from
    /// arriving; once the registry is gone, no more are sent.
    pub(super) fn send_all<'r>(
        &self,
        blobs: impl Iterator<Item = (Blob, &'r Repository)>,
    ) -> Result<Sent, RegistryError> {
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
        let there = self.there(&wanted);
        if there.len() < wanted.len() {
            self.place.verify_rest()?;
        }
        self.watch.expect(wanted.iter().map(|(blob, _)| blob.size).sum());
        let sent = Mutex::new(Sent::default());
        let send = |(): &mut (), (blob, repositories): &(Blob, Vec<&Repository>)| {
            if there.contains(&blob.digest) {
                self.watch.advance(blob.size);
                locked(&sent).present += repositories.len() as u64;
                return Ok(());
            }
            let gone = locked(&sent).gone.clone();
            let one = self.blob(*blob, repositories, gone)?;
            locked(&sent).add(one);
            Ok(())
        };
        let outcome = parallel::map(CONNECTIONS, &wanted, || (), send);
        outcome.map(|_| sent.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The blobs that all their repositories have, up to the first that one of them lacks.
    fn there(&self, wanted: &[(Blob, Vec<&Repository>)]) -> HashSet<Digest> {
        let there = Mutex::new(HashSet::new());
        let ask = |(): &mut (), (blob, repositories): &(Blob, Vec<&Repository>)| {
            // An error is reported when the blob is to be sent.
            let has = |repository: &&Repository| self.client.has_blob(repository, *blob, self.watch);
            if repositories.iter().all(|repository| has(repository).unwrap_or(false)) {
                locked(&there).insert(blob.digest);
                Ok(())
            } else {
                Err(())
            }
        };
        // The first that is missing ends the search.
        let _: Result<Vec<()>, ()> = parallel::map(CONNECTIONS, wanted, || (), ask);
        there.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Brings one blob to its repositories; what they refuse is noted in the outcome. An error is one that concerns more
    /// than this blob.
    fn blob(
        &self,
        blob: Blob,
        repositories: &[&Repository],
        mut gone: Option<String>,
    ) -> Result<Sent, RegistryError> {
        let mut sent = Sent::default();
        let mut holder: Option<&Repository> = None;
        for repository in repositories {
            let mut fail = |reason: String| sent.refused.insert((blob.digest, (*repository).clone()), reason);
            if let Some(gone) = &gone {
                fail(gone.clone());
                continue;
            }
            match self.bring(blob, repository, holder) {
                Ok(Brought::Sent) => {
                    sent.blobs += 1;
                    sent.bytes += blob.size;
                    holder = holder.or(Some(repository));
                }
                Ok(Brought::There) => {
                    sent.present += 1;
                    holder = holder.or(Some(repository));
                }
                Err(error) => {
                    let (reason, error) = image_alone(error)?;
                    fail(reason.clone());
                    if is_unreachable(&error) && !self.client.is_up(repository, self.watch)? {
                        gone = Some(reason);
                    }
                    sent.first.get_or_insert(error);
                }
            }
        }
        // Sent bytes are counted as they are read from the bundle.
        if sent.blobs == 0 {
            self.watch.advance(blob.size);
        }
        sent.gone = gone;
        Ok(sent)
    }

    fn bring(
        &self,
        blob: Blob,
        repository: &Repository,
        holder: Option<&Repository>,
    ) -> Result<Brought, RegistryError> {
        let there = self.client.has_blob(repository, blob, self.watch)?
            || match holder {
                Some(from) => self.client.mount(repository, blob, from, self.watch)?,
                None => false,
            };
        if there {
            return Ok(Brought::There);
        }
        self.send(repository, blob).map(|()| Brought::Sent)
    }

    fn send(&self, repository: &Repository, blob: Blob) -> Result<(), RegistryError> {
        self.client.insist(self.watch, || {
            if self.client.takes_only_whole(repository) {
                return self.send_whole(repository, blob);
            }
            let upload = self.client.upload(repository, blob, self.watch);
            match upload.and_then(|upload| self.place.stream(blob, upload)) {
                Err(RegistryError::NoPieces { .. }) => {
                    self.client.takes_no_pieces(repository);
                    self.send_whole(repository, blob)
                }
                other => other,
            }
        })
    }

    fn send_whole(&self, repository: &Repository, blob: Blob) -> Result<(), RegistryError> {
        let (sender, receiver) = sync_channel(2);
        let reader = Pipe { receiver, piece: Vec::new(), at: 0 };
        std::thread::scope(|scope| {
            let feeding = scope.spawn(|| self.place.stream(blob, Feed { sender, watch: self.watch }));
            let pushed = self.client.upload_whole(repository, blob, reader, self.watch);
            let fed = feeding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match fed {
                // The registry's reason counts more than that no one listens any more.
                Err(RegistryError::Interrupted) | Ok(()) => pushed,
                Err(error) => Err(error),
            }
        })
    }
}

/// Puts pieces into a channel.
struct Feed<'a> {
    sender: SyncSender<Vec<u8>>,
    watch: &'a dyn Progress,
}

impl BlobSink for Feed<'_> {
    type Error = RegistryError;

    fn write_unverified(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        let mut piece = bytes.to_vec();
        loop {
            match self.sender.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) if !self.watch.is_stopped() => piece = back,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    return Err(RegistryError::Interrupted);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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
