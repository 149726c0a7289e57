//! The queue of files: threads submit them to the scanner and count the results.

use super::engine::{ScanAnswer, Scanner};
use super::ledger::{FoundMalware, LedgerFailure, PartNumber, ScanTally};
use super::stream::HashedContent;
use sealift_bundle::value::digest::Digest;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// Bytes of leaves that wait; a larger one waits alone.
const WAITING: usize = 64 << 20;
const QUEUE: usize = 1024;

/// What a piece of content is to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ContentRole {
    /// A leaf.
    Leaf,
    /// A leaf that ended before its end, for this reason: what is left of it is fed all the same.
    Rest(String),
    /// An archive that was opened to its end: its members are the leaves.
    Opened,
}

/// Content in memory that waits to be judged.
pub(super) struct ScanJob {
    pub(super) part: PartNumber,
    pub(super) path: String,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) role: ContentRole,
}

/// Takes leaves from one thread and has others ask the scanner.
pub(super) struct MemoryBudget<'a> {
    engine: &'a dyn Scanner,
    max_size: u64,
    queue: Mutex<Queue>,
    changed: Condvar,
    tally: Mutex<ScanTally>,
    failure: OnceLock<LedgerFailure>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<ScanJob>,
    bytes: usize,
    is_closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> MemoryBudget<'a> {
    pub(super) fn new(engine: &'a dyn Scanner, max_size: u64) -> Self {
        let (queue, tally) = (Mutex::default(), Mutex::default());
        Self { engine, max_size, queue, changed: Condvar::new(), tally, failure: OnceLock::new() }
    }

    /// Does this work while so many threads ask the scanner about what it hands in.
    pub(super) fn staffed<T>(&self, threads: usize, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while let Some(job) = self.take() {
                        self.settle(&job);
                    }
                });
            }
            let closing = Closing(self);
            let done = work();
            drop(closing);
            done
        })
    }

    fn take(&self) -> Option<ScanJob> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.bytes -= job.bytes.len();
                self.changed.notify_all();
                return Some(job);
            }
            if queue.is_closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands in content; waits while too much is waiting.
    pub(super) fn hand_in(&self, job: ScanJob) {
        let mut queue = lock(&self.queue);
        while !queue.jobs.is_empty() && (queue.jobs.len() >= QUEUE || queue.bytes + job.bytes.len() > WAITING)
        {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.bytes += job.bytes.len();
        queue.jobs.push_back(job);
        self.changed.notify_all();
    }

    fn settle(&self, job: &ScanJob) {
        let ScanJob { part, path, bytes, role } = job;
        let size = bytes.len() as u64;
        let (judged, digest) = self.judge(&mut bytes.as_slice(), Some(size));
        self.note(*part, path.clone(), size, role.clone(), judged, || {
            digest.unwrap_or_else(|| Digest::of(bytes))
        });
    }

    /// Feeds content that is too large to be held, in this thread. An error is one of reading it.
    pub(super) fn stream(
        &self,
        part: PartNumber,
        path: String,
        size: Option<u64>,
        source: &mut dyn Read,
    ) -> std::io::Result<()> {
        let mut watched = HashedContent::new(source, self.max_size);
        let judged = if size.is_some_and(|size| size > self.max_size) {
            Err(self.too_large())
        } else {
            self.ask(&mut watched)
        };
        let judged = match judged {
            _ if watched.is_over => Err(self.too_large()),
            Ok(ScanAnswer::Found(name)) => {
                watched.drain();
                Ok(ScanAnswer::Found(name))
            }
            other => other,
        };
        if let Some(error) = watched.error.take() {
            let bytes = size.unwrap_or(watched.count());
            return match super::stream::damage(error) {
                Ok(reason) => {
                    lock(&self.tally).missed(part, path, bytes, reason);
                    Ok(())
                }
                Err(error) => {
                    lock(&self.tally).missed(part, path, bytes, "it could not be read".to_owned());
                    Err(error)
                }
            };
        }
        let bytes = size.unwrap_or(watched.count());
        self.note(part, path, bytes, ContentRole::Leaf, judged, || watched.digest());
        Ok(())
    }

    fn too_large(&self) -> String {
        format!("it has more than {} bytes (`--max-size`)", self.max_size)
    }

    /// The engine's answer about content in memory.
    pub(super) fn judge(
        &self,
        bytes: &mut &[u8],
        size: Option<u64>,
    ) -> (Result<ScanAnswer, String>, Option<Digest>) {
        if size.is_some_and(|size| size > self.max_size) {
            return (Err(self.too_large()), None);
        }
        // There is nothing in it that could be known.
        if bytes.is_empty() {
            return (Ok(ScanAnswer::Clean), None);
        }
        let mut watched = HashedContent::new(bytes, self.max_size);
        let judged = self.ask(&mut watched);
        let digest = watched.is_at_end().then(|| watched.digest());
        (judged, digest)
    }

    /// Asks the scanner, as long as it is there.
    fn ask(&self, leaf: &mut HashedContent<'_>) -> Result<ScanAnswer, String> {
        let gone = |failure: &LedgerFailure| Err(format!("the scanner had failed: {}", failure.0));
        if let Some(failure) = self.failure.get() {
            return gone(failure);
        }
        match self.engine.look(leaf) {
            ScanAnswer::Failed(reason) if leaf.error.is_none() && !leaf.is_over => {
                if !self.engine.is_there() {
                    let _ = self.failure.set(LedgerFailure(reason.clone()));
                }
                Err(format!("the scanner could not decide: {reason}"))
            }
            ScanAnswer::Limit(reason) => Err(reason),
            // A leaf that was not read to its end was not judged, whatever the scanner says.
            ScanAnswer::Clean if !leaf.is_at_end() && leaf.error.is_none() => {
                Err("the scanner did not read it completely".to_owned())
            }
            answer => Ok(answer),
        }
    }

    fn note(
        &self,
        part: PartNumber,
        path: String,
        bytes: u64,
        role: ContentRole,
        judged: Result<ScanAnswer, String>,
        digest: impl FnOnce() -> Digest,
    ) {
        let mut tally = lock(&self.tally);
        let found = match &judged {
            Ok(ScanAnswer::Found(signature)) => Some(signature.clone()),
            Ok(ScanAnswer::Clean | ScanAnswer::Limit(_) | ScanAnswer::Failed(_)) | Err(_) => None,
        };
        match (role, judged) {
            (ContentRole::Leaf, Ok(_)) => tally.saw(part, bytes),
            (ContentRole::Rest(_), Ok(_)) if found.is_some() => tally.saw(part, bytes),
            (ContentRole::Rest(reason), _) | (ContentRole::Leaf, Err(reason)) => {
                tally.missed(part, path.clone(), bytes, reason);
            }
            (ContentRole::Opened, Ok(_)) => {
                tally.opened(part, bytes);
                tally.saw_opened(part, bytes);
            }
            (ContentRole::Opened, Err(_)) => tally.opened(part, bytes),
        }
        if let Some(signature) = found {
            tally.found(part, FoundMalware { path, signature, bytes, sha256: digest() });
        }
    }

    /// Forgets what waits, because someone wants it to stop.
    pub(super) fn abandon(&self) {
        let mut queue = lock(&self.queue);
        queue.jobs.clear();
        queue.bytes = 0;
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut ScanTally)) {
        change(&mut lock(&self.tally));
    }

    /// What was counted, and why the scanner failed, if it did.
    pub(super) fn close(self) -> (ScanTally, Option<LedgerFailure>) {
        let tally = self.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        (tally, self.failure.into_inner())
    }
}

/// Sends the threads home, also when the work panics.
struct Closing<'a, 'b>(&'b MemoryBudget<'a>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.queue).is_closed = true;
        self.0.changed.notify_all();
    }
}
