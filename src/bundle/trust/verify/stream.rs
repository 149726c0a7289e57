//! Verifies everything after the seal: from a file on all cores, from a pipe in one pass, with the same checks.

use super::frames::{Frames, Layout};
use super::proof::Proof;
use super::seal::Trusted;
use super::trees::{self, SharedInventory};
use super::{BlobSink, Conditions, Depth, Receiver, Verified};
use crate::format::BundleError;
use crate::format::blob_order::{BlobOrder, Contents, ImageParts};
use crate::format::frame::Decoder;
use crate::format::index::{Blob, Index, docker_manifest};
use crate::format::inventory::TreeTotals;
use crate::format::member::{self, blob_name};
use crate::format::member_reader::{self, MemberReader, same_digest};
use crate::format::statement::{Member, Statement, Totals};
use crate::value::digest::{Digest, Hasher};
use crate::value::limits::Limits;
use crate::value::progress::NoProgress;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Reads the whole bundle behind its seal, every stored byte once, and hands its content to `receiver`.
pub fn verify_contents<R: Receiver>(
    trusted: &Trusted,
    tape: &mut MemberReader<'_>,
    conditions: &Conditions<'_>,
    receiver: &R,
) -> Result<Verified<Contents>, R::Error> {
    let Conditions { limits, watch, .. } = *conditions;
    let statement = &trusted.statement;
    watch.expect(statement.predicate.totals.bytes);
    let index = fixed_members(statement, tape, conditions)?;

    let mut order = BlobOrder::new(index, limits);
    let mut kept = HashMap::new();
    while let Some(due) = order.next_document()? {
        let bytes = tape.member(&blob_name(&due.digest), due.size, due.digest)?;
        watch.advance(due.size);
        order.take(&bytes)?;
        if receiver.depth() == Depth::Decoded && receiver.takes_content() {
            kept.insert(due.digest, bytes);
        }
    }
    let contents = Verified(order.finish()?);
    derived_members(statement, &contents)?;
    let wanted = image_blobs(&contents);
    kept.retain(|digest, _| wanted.contains(digest));

    let mut inventories = Inventories::of(&contents);
    for config in &contents.configs {
        let name = blob_name(&config.digest);
        let is_decoded = receiver.depth() == Depth::Decoded;
        if is_decoded || contents.image_configs.contains(&config.digest) {
            let bytes = tape.member(&name, config.size, config.digest)?;
            contents.check_config(config, &bytes)?;
            watch.advance(config.size);
            if is_decoded {
                inventories.take(config.digest, &bytes, limits)?;
            }
            if is_decoded && receiver.takes_content() && wanted.contains(&config.digest) {
                kept.insert(config.digest, bytes);
            }
        } else {
            tape.chunks(&name, config.size, config.digest, watch, |_| Ok::<_, BundleError>(()))?;
        }
    }
    let parsed = inventories.in_order(&contents);
    receiver.begin(&contents, &parsed)?;
    for blob in
        contents.documents.iter().chain(&contents.configs).filter(|blob| wanted.contains(&blob.digest))
    {
        if let (Some(bytes), Some(mut sink)) = (kept.get(&blob.digest), receiver.blob(blob)?) {
            sink.write_unverified(bytes)?;
            sink.keep(&Verified(*blob))?;
        }
    }
    drop(kept);

    let mut layouts = HashMap::new();
    let mut frames = Vec::new();
    for (number, ((name, inventory, layer), parsed)) in trees(&contents).zip(&parsed).enumerate() {
        let (layout, is_new) = match layouts.entry((inventory.digest, layer)) {
            Entry::Occupied(known) => (Arc::clone(known.get()), false),
            Entry::Vacant(new) => (Arc::clone(new.insert(Arc::new(Layout::of(parsed)))), true),
        };
        if is_new || receiver.takes_content() {
            frames.push((layer, Frames::new(number, name, (parsed, layout), receiver, limits)));
        }
    }
    drop(layouts);
    let mut by_layer: HashMap<Blob, Vec<&Frames<'_, R>>> = HashMap::new();
    for (layer, frames) in &frames {
        by_layer.entry(*layer).or_default().push(frames);
    }
    let layers = LayerReader {
        contents: &contents,
        frames: &frames,
        by_layer,
        wanted: &wanted,
        owners: owners(&contents),
        conditions,
        receiver,
    };
    match tape.as_file() {
        Some(file) => layers.read_file(file, tape)?,
        None => layers.read_pipe(tape)?,
    }
    for (_, frames) in &frames {
        frames.finish()?;
    }
    Ok(contents)
}

/// The inventories of a bundle, parsed as they come, each once.
struct Inventories<'a> {
    /// How many items have each, and what the first of them is called.
    due: BTreeMap<trees::TreeKey, (&'a str, u64)>,
    parsed: HashMap<trees::TreeKey, SharedInventory>,
    totals: TreeTotals,
}

impl<'a> Inventories<'a> {
    fn of(contents: &'a Contents) -> Self {
        let shares = trees::shares(contents);
        let mut due = BTreeMap::new();
        for (name, inventory, layer) in trees(contents) {
            let key = trees::key(inventory, layer);
            due.entry(key).or_insert((name, shares.get(&key).copied().unwrap_or(1)));
        }
        Self { due, parsed: HashMap::new(), totals: TreeTotals::default() }
    }

    /// Takes the bytes of a blob, which may be an inventory.
    fn take(&mut self, digest: Digest, bytes: &[u8], limits: &Limits) -> Result<(), BundleError> {
        for (key, (name, items)) in self.due.range((digest, 0)..=(digest, u64::MAX)) {
            let found = trees::parse(bytes, name, (key.1, *items), &mut self.totals, limits)?;
            self.parsed.insert(*key, found);
        }
        Ok(())
    }

    /// One for each tree; none if they were not parsed.
    fn in_order(&self, contents: &Contents) -> Vec<SharedInventory> {
        let of = |inventory, layer| self.parsed.get(&trees::key(inventory, layer)).cloned();
        trees(contents).filter_map(|(_, inventory, layer)| of(inventory, layer)).collect()
    }
}

/// The trees with their inventories and layers, in order.
fn trees(contents: &Contents) -> impl Iterator<Item = (&str, Blob, Blob)> {
    contents.items.iter().filter_map(|item| match item.parts {
        ImageParts::Tree { inventory, layer } => Some((item.item.head.name.as_str(), inventory, layer)),
        ImageParts::Image { .. } => None,
    })
}

fn image_blobs(contents: &Contents) -> HashSet<Digest> {
    let images = contents.items.iter().filter_map(|item| match &item.parts {
        ImageParts::Image { blobs, .. } => Some(blobs),
        ImageParts::Tree { .. } => None,
    });
    images.flatten().map(|blob| blob.digest).collect()
}

fn owners(contents: &Contents) -> HashMap<Digest, (usize, usize)> {
    let mut owners: HashMap<_, _> = contents.layers.iter().map(|layer| (layer.digest, (0, 0))).collect();
    let mut own = |digest: &Digest, number: usize| {
        if let Some((first, count)) = owners.get_mut(digest) {
            *first = if *count == 0 { number } else { *first };
            *count += 1;
        }
    };
    for (number, item) in contents.items.iter().enumerate() {
        match &item.parts {
            ImageParts::Image { blobs, .. } => blobs.iter().for_each(|blob| own(&blob.digest, number)),
            ImageParts::Tree { layer, .. } => own(&layer.digest, number),
        }
    }
    owners
}

/// The members between the statement and the blobs.
fn fixed_members(
    statement: &Statement,
    tape: &mut MemberReader<'_>,
    conditions: &Conditions<'_>,
) -> Result<Index, BundleError> {
    let Conditions { limits, watch, .. } = *conditions;
    let mut index = None;
    for Member { name, size, sha256 } in &statement.predicate.members {
        match name.as_str() {
            member::INDEX => index = Some(Index::parse(&tape.member(name, *size, *sha256)?, limits)?),
            member::OCI_LAYOUT if tape.member(name, *size, *sha256)? != member::OCI_LAYOUT_CONTENT => {
                return Err(not_derived(name));
            }
            member::OCI_LAYOUT => {}
            member::RESERVE => {
                let mut is_zero = true;
                tape.chunks(name, *size, *sha256, &NoProgress, |chunk| {
                    is_zero &= chunk.iter().all(|byte| *byte == 0);
                    Ok::<_, BundleError>(())
                })?;
                if !is_zero {
                    return Err(not_derived(name));
                }
            }
            _ => tape.chunks(name, *size, *sha256, &NoProgress, |_| Ok::<_, BundleError>(()))?,
        }
        if watch.is_stopped() {
            return Err(BundleError::Interrupted);
        }
    }
    index.ok_or_else(|| not_derived(member::INDEX))
}

/// What follows from the index must be what was signed: `manifest.json`, which `docker load` reads instead of the
/// index, `SHA256SUMS`, which users read, and the totals.
pub(super) fn derived_members(statement: &Statement, contents: &Contents) -> Result<(), BundleError> {
    let signed = |name| statement.member(name).map(|member| member.sha256);
    if signed(member::MANIFEST) != Some(Digest::of(&docker_manifest(&contents.docker)?)) {
        return Err(not_derived(member::MANIFEST));
    }
    let mut sums = Hasher::new();
    let fixed = statement.predicate.members.iter().skip(1).map(|member| (member.name.clone(), member.sha256));
    let blobs = contents.blobs().map(|blob| (blob_name(&blob.digest), blob.digest));
    for line in fixed.chain(blobs) {
        let _ = sums.write_all(member::sums(std::iter::once(line)).as_bytes());
    }
    if signed(member::SHA256SUMS) != Some(sums.finish()) {
        return Err(not_derived(member::SHA256SUMS));
    }
    let found = Totals {
        items: contents.items.len() as u64,
        blobs: contents.blobs().count() as u64,
        bytes: contents
            .blobs()
            .map(|blob| u128::from(blob.size))
            .sum::<u128>()
            .try_into()
            .unwrap_or(u64::MAX),
    };
    if found != statement.predicate.totals {
        let reason =
            format!("its totals are {:?}, and the index makes {found:?}", statement.predicate.totals);
        return Err(BundleError::Format { document: "the statement".to_owned(), reason });
    }
    Ok(())
}

fn not_derived(name: &str) -> BundleError {
    BundleError::Format {
        document: format!("`{name}`"),
        reason: "it is not what the index makes of it".to_owned(),
    }
}

struct LayerReader<'a, R: Receiver> {
    contents: &'a Contents,
    /// The frames of each tree, with the layer they are in.
    frames: &'a [(Blob, Frames<'a, R>)],
    /// The same by layer, so that thousands of trees are not gone through once for each layer.
    by_layer: HashMap<Blob, Vec<&'a Frames<'a, R>>>,
    wanted: &'a HashSet<Digest>,
    /// The first item that each layer belongs to, and how many there are.
    owners: HashMap<Digest, (usize, usize)>,
    conditions: &'a Conditions<'a>,
    receiver: &'a R,
}

enum ReadJob<'a, R: Receiver> {
    /// A whole layer at a place of the file.
    Layer { blob: Blob, at: u64 },
    /// One frame of a tree at a place of the file.
    Frame { frames: &'a Frames<'a, R>, number: usize, at: u64, stored: u64 },
}

impl<'a, R: Receiver> LayerReader<'a, R> {
    /// One pass: each layer as it comes.
    fn read_pipe(&self, tape: &mut MemberReader<'_>) -> Result<(), R::Error> {
        let watch = self.conditions.watch;
        let mut decoder = decoder()?;
        for layer in &self.contents.layers {
            let name = blob_name(&layer.digest);
            let Some(trees) = self.by_layer.get(layer) else {
                let mut sink = self.sink(layer)?;
                tape.chunks(&name, layer.size, layer.digest, watch, |chunk| match &mut sink {
                    Some(sink) => sink.write_unverified(chunk),
                    None => Ok(()),
                })?;
                if let Some(sink) = sink {
                    sink.keep(&Verified(*layer))?;
                }
                continue;
            };
            tape.header(&name, layer.size)?;
            let mut whole = Hasher::new();
            let mut sink = self.sink(layer)?;
            // Trees that share a layer hold the same, so their frames are the same.
            let lengths: Vec<_> = trees.first().map(|frames| frames.stored().collect()).unwrap_or_default();
            for (number, stored) in lengths.into_iter().enumerate() {
                if watch.is_stopped() {
                    return Err(BundleError::Interrupted.into());
                }
                let bytes = tape.bytes(&name, stored)?;
                whole.update(&bytes);
                if let Some(sink) = &mut sink {
                    sink.write_unverified(&bytes)?;
                }
                for frames in trees {
                    frames.take(number, &bytes, &mut decoder)?;
                }
                watch.advance(stored);
            }
            same_digest(&self.shown(layer), layer.digest, whole.finish())?;
            if let Some(sink) = sink {
                sink.keep(&Verified(*layer))?;
            }
            tape.padding(&name, layer.size)?;
        }
        Ok(tape.end()?)
    }

    /// A layer as errors name it: by its blob, and by an item that it belongs to.
    fn shown(&self, layer: &Blob) -> String {
        let name = blob_name(&layer.digest);
        let Some((item, count)) = self.owners.get(&layer.digest) else { return name };
        let Some(head) = self.contents.items.get(*item).map(|item| &item.item.head) else { return name };
        let others = if *count > 1 { "others and of " } else { "" };
        format!("`{name}` of {others}{} `{}`", head.kind, head.name)
    }

    fn sink(&self, layer: &Blob) -> Result<Option<R::Blob>, R::Error> {
        if self.wanted.contains(&layer.digest) { self.receiver.blob(layer) } else { Ok(None) }
    }

    /// First every header and the end, then the content on all cores.
    fn read_file(&self, file: &std::fs::File, tape: &mut MemberReader<'_>) -> Result<(), R::Error> {
        let mut whole = Vec::new();
        let mut pieces = Vec::new();
        for layer in &self.contents.layers {
            let at = tape.pass(&blob_name(&layer.digest), layer.size)?;
            whole.push(ReadJob::Layer { blob: *layer, at });
            for frames in self.by_layer.get(layer).into_iter().flatten() {
                let mut offset = at;
                for (number, stored) in frames.stored().enumerate() {
                    pieces.push(ReadJob::Frame { frames: *frames, number, at: offset, stored });
                    offset += stored;
                }
            }
        }
        tape.end()?;
        // The longest first, so that no core is left with a long one at the end; frames keep their order.
        whole.sort_by_key(|job| {
            std::cmp::Reverse(if let ReadJob::Layer { blob, .. } = job { blob.size } else { 0 })
        });
        let jobs: Vec<ReadJob<'a, R>> = whole.into_iter().chain(pieces).collect();
        let (next, failed, first) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..self.conditions.threads.clamp(1, jobs.len().max(1)) {
                scope.spawn(|| {
                    let outcome = self.work(file, &jobs, &next, &failed);
                    if let Err(error) = outcome {
                        failed.store(true, Ordering::Relaxed);
                        self.frames.iter().for_each(|(_, frames)| frames.abandon());
                        first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                    }
                });
            }
        });
        match first.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    fn work(
        &self,
        file: &std::fs::File,
        jobs: &[ReadJob<'a, R>],
        next: &AtomicUsize,
        failed: &AtomicBool,
    ) -> Result<(), R::Error> {
        let watch = self.conditions.watch;
        let mut decoder = decoder()?;
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            if watch.is_stopped() {
                return Err(BundleError::Interrupted.into());
            }
            match job {
                ReadJob::Layer { blob, at } => {
                    let mut sink = self.sink(blob)?;
                    let name = self.shown(blob);
                    let each = |chunk: &[u8]| match &mut sink {
                        Some(sink) => sink.write_unverified(chunk),
                        None => Ok(()),
                    };
                    if let Some(proofs) = self.receiver.proofs() {
                        let marks =
                            member_reader::marked(file, &name, *at, blob.size, blob.digest, watch, each)?;
                        proofs.keep(Proof::new(*blob, marks));
                    } else {
                        member_reader::part(file, &name, *at, blob.size, blob.digest, watch, each)?;
                    }
                    if let Some(sink) = sink {
                        sink.keep(&Verified(*blob))?;
                    }
                }
                ReadJob::Frame { frames, number, at, stored } => {
                    let bytes = member_reader::bytes_at(file, frames.name, *at, *stored)?;
                    frames.take(*number, &bytes, &mut decoder)?;
                }
            }
        }
        Ok(())
    }
}

fn decoder() -> Result<Decoder, BundleError> {
    Decoder::new().map_err(|source| BundleError::Read { what: "memory for decoding".to_owned(), source })
}
