//! What all connections share.

use super::catalog::{Bundle, Catalog};
use super::error::ServeError;
use super::files::Shelf;
use crate::bundle::index::Blob;
use crate::trust::verify::Proof;
use crate::value::digest::Digest;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc};

/// Blobs that are read at one time only to prove them; each takes a buffer of 1 MiB and one thread.
const PROVING: usize = 4;

/// The bundles, and what was found out about them since the start.
pub(super) struct State {
    /// The bundles.
    pub bundles: Vec<Bundle>,
    /// What they offer.
    pub catalog: Catalog,
    /// Where this listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Inventories and readers of trees.
    pub shelf: Shelf,
    proofs: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<Option<Proof>>>>>,
    proving: Arc<Semaphore>,
    reports: mpsc::Sender<String>,
}

impl State {
    pub(super) fn new(
        (bundles, catalog): (Vec<Bundle>, Catalog),
        address: SocketAddr,
        secure: bool,
        reports: mpsc::Sender<String>,
    ) -> Self {
        let (proofs, proving) = (Mutex::default(), Arc::new(Semaphore::new(PROVING)));
        Self { bundles, catalog, address, secure, shelf: Shelf::default(), proofs, proving, reports }
    }

    /// Tells the operator. When nobody listens or too much is told at once, the client has been refused all the same.
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
        // Whoever asks for the same blob meanwhile waits here, and finds it proved.
        let mut known = cell.lock_owned().await;
        let permit = Arc::clone(&self.proving).acquire_owned().await.ok()?;
        let state = Arc::clone(self);
        // The lock and the permit go along: a client that hangs up does not begin the work anew.
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
