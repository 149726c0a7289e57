//! The state that all connections share.

use super::catalog::{Catalog, ServedBundle};
use super::error::ServeError;
use super::files::Shelf;
use super::hosts::Hosts;
use sealift_bundle::format::index::Blob;
use sealift_bundle::trust::verify::Proof;
use sealift_bundle::value::digest::Digest;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc};

/// Blobs that are read at one time only to prove them; each takes a buffer of 1 MiB and one thread.
const PROVING: usize = 4;

/// Pages and lists that are made at one time: what is made and does not have its share of the memory yet.
const MAKING: usize = 4;
/// Memory for answers that are held as a whole, in units of [`SHARE`]: 64 MiB.
const SHARES: usize = 64 << 10;
/// How long an answer waits for its share.
const PATIENCE: Duration = Duration::from_secs(10);
const SHARE: usize = 1 << 10;

/// The bundles, and what was found out about them since the start.
pub(super) struct ServeState {
    /// The bundles.
    pub bundles: Vec<ServedBundle>,
    /// What they offer.
    pub catalog: Catalog,
    /// Where this listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Inventories and readers of trees.
    pub shelf: Shelf,
    /// By which names it may be called.
    pub hosts: Hosts,
    making: Semaphore,
    shares: Arc<Semaphore>,
    proofs: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<Option<Proof>>>>>,
    proving: Arc<Semaphore>,
    reports: mpsc::Sender<String>,
}

impl ServeState {
    pub(super) fn new(
        (bundles, catalog): (Vec<ServedBundle>, Catalog),
        address: SocketAddr,
        secure: bool,
        hosts: Vec<String>,
        reports: mpsc::Sender<String>,
    ) -> Self {
        let (proofs, proving) = (Mutex::default(), Arc::new(Semaphore::new(PROVING)));
        let (making, shares) = (Semaphore::new(MAKING), Arc::new(Semaphore::new(SHARES)));
        let (shelf, hosts) = (Shelf::default(), Hosts::new(address, hosts));
        Self { bundles, catalog, address, secure, shelf, hosts, making, shares, proofs, proving, reports }
    }

    /// The turn to make a page or a list.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.making.acquire().await.ok()
    }

    /// Memory for so many bytes of an answer, once those who read other answers leave some.
    pub(super) async fn share(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let shares = u32::try_from(bytes.div_ceil(SHARE).min(SHARES)).ok()?;
        let share = Arc::clone(&self.shares).acquire_many_owned(shares);
        tokio::time::timeout(PATIENCE, share).await.ok()?.ok()
    }

    /// Tells the operator. When no one listens or too much is told at once, the client has been refused all the same.
    pub(super) fn report(&self, bundle: usize, error: &ServeError) {
        let name = self.bundles.get(bundle).map(|bundle| bundle.key.as_str()).unwrap_or_default();
        let _ = self.reports.try_send(format!("{name}: {error}; not handed out"));
    }

    /// Proves a blob, or remembers that it is proved; nothing, and the operator knows, when it is not what was signed.
    pub(super) async fn prove(self: &Arc<Self>, bundle: usize, blob: Blob) -> Option<Proof> {
        let cell = {
            let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(proofs.entry(blob.digest).or_default())
        };
        // Anyone who asks for the same blob meanwhile waits here, and finds it proved.
        let mut known = cell.lock_owned().await;
        let permit = Arc::clone(&self.proving).acquire_owned().await.ok()?;
        let state = Arc::clone(self);
        // The lock and the permit go along: a client that hangs up does not begin the work again.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let place = &state.bundles.get(bundle)?.place;
            if let Some(proof) = known.as_ref() {
                // Its pieces are compared again when they are read, so it holds whatever becomes of the file.
                return Some(proof.clone());
            }
            match place.prove(blob) {
                Ok(proof) => known.insert(proof).clone().into(),
                Err(error) => {
                    state.report(bundle, &error.into());
                    None
                }
            }
        });
        work.await.ok().flatten()
    }
}
