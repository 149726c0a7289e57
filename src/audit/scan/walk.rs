//! Walks every file of a bundle: documents, configurations and manifests, and the files of each layer once.

use super::super::layer::{Failed, Stored};
use super::archives::Feeder;
use super::engine::Scanner;
use super::ledger::{Count, Ledger, LedgerHead, LedgerPart};
use super::queue::MemoryBudget;
use super::{ScanError, Settings};
use sealift_bundle::format::BundleError;
use sealift_bundle::format::blob_order::ImageParts;
use sealift_bundle::format::index::Blob;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::progress::Progress;
use std::collections::HashSet;
use std::io::{self, Read};

/// Feeds everything in a bundle to an engine.
///
/// Each blob is compared with its digest before a byte of it is decompressed. When the scanner fails on the way, the
/// ledger lists everything behind as not seen.
pub fn scan(
    place: &OpenBundle<'_>,
    engine: &dyn Scanner,
    settings: &Settings<'_>,
    watch: &dyn Progress,
) -> Result<Ledger, ScanError> {
    let started = (settings.clock)();
    let identity = engine.identify()?;
    let predicate = &place.trusted.statement().predicate;
    watch.expect(predicate.totals.bytes);
    let desk = MemoryBudget::new(engine, settings.max_size);
    let stop = || {
        if watch.is_stopped() {
            Err(Failed::on_the_way(TrustError::from(BundleError::Interrupted)))
        } else {
            Ok(())
        }
    };
    let parts = desk.staffed(settings.threads, || {
        let feeder = Feeder::new(&desk, *settings, predicate.totals.bytes, &stop);
        let layers = place.contents.layers.iter().map(|blob| blob.digest).collect();
        BundleScan { place, feeder, layers }.all().inspect_err(|_| desk.abandon())
    })?;
    let (tally, failure) = desk.close();
    let head = LedgerHead {
        statement: place.trusted.id(),
        name: predicate.name.clone(),
        version: predicate.version.clone(),
        engine: identity,
        depth: settings.depth,
        max_size: settings.max_size,
        started,
        ended: (settings.clock)(),
        failure,
    };
    Ok(Ledger::new(head, parts, tally))
}

struct BundleScan<'a> {
    place: &'a OpenBundle<'a>,
    feeder: Feeder<'a>,
    layers: HashSet<Digest>,
}

impl<'a> BundleScan<'a> {
    fn all(mut self) -> Result<Vec<LedgerPart>, ScanError> {
        let place = self.place;
        let mut own = part(None);
        for member in place.trusted.front().iter().chain(&place.trusted.statement().predicate.members) {
            let bytes = place.member(&member.name)?;
            let depth = self.feeder.depth();
            let fed = self.feeder.leaf(member.name.clone(), Some(member.size), &mut bytes.as_slice(), depth);
            fed.map_err(failed)?;
            own.stored += Count { count: 1, bytes: member.size };
        }
        let mut parts = vec![own];
        let mut known = HashSet::new();
        for contents in &place.contents.items {
            let head = &contents.item.head;
            let mut part = part(Some(head.name.clone()));
            self.feeder.part = parts.len();
            let root = contents.item.root;
            let (blobs, is_tree) = match &contents.parts {
                ImageParts::Image { blobs, .. } => (blobs.clone(), false),
                ImageParts::Tree { inventory, layer } => (vec![root, *inventory, *layer], true),
            };
            for blob in blobs {
                if !known.insert(blob.digest) {
                    part.shared += 1;
                    continue;
                }
                self.blob(head.name.as_str(), blob, is_tree)?;
                part.stored += Count { count: 1, bytes: blob.size };
            }
            parts.push(part);
        }
        Ok(parts)
    }

    fn blob(&mut self, item: &str, blob: Blob, is_tree: bool) -> Result<(), ScanError> {
        let stored = Stored::prove(self.place, blob)?;
        let path = format!("{item}:{}", blob.digest.short());
        let again = || Box::new(stored.clone()) as Box<dyn Read + 'a>;
        let fed = match (self.layers.contains(&blob.digest), is_tree) {
            // There is one layer in a tree, and its files are those of the item.
            (true, true) => self.feeder.layer(item, '/', blob.size, again),
            (true, false) => self.feeder.layer(&path, ':', blob.size, again),
            (false, _) => {
                let depth = self.feeder.depth();
                self.feeder.leaf(path, Some(blob.size), &mut *again(), depth)
            }
        };
        fed.map_err(failed)
    }
}

fn part(item: Option<sealift_bundle::value::name::Name>) -> LedgerPart {
    LedgerPart { item, stored: Count::default(), shared: 0, account: super::ledger::ScanAccount::default() }
}

/// An error of ours, as it comes out of its way through `io::Error`.
fn failed(error: io::Error) -> ScanError {
    match Failed::arrived(error) {
        Ok(error) => error.into(),
        Err(source) => BundleError::Read { what: "the bundle".to_owned(), source }.into(),
    }
}
