//! Turns a lock into a draft, which names the pinned files.
//!
//! Nothing is hashed here, because packing compares every byte with the lock.

use super::context::{FileRange, Task, Work, read_part, refuse_changed};
use super::error::PlanError;
use super::image_files::Members;
use super::lock::{Lock, LockedBlob, LockedImage, LockedReferrer, LockedTree, TreeSource};
use super::resolve::called;
use super::{image_registry, tree};
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::inventory;
use sealift_bundle::format::item::{ItemKind, Labels};
use sealift_bundle::format::member::blob_name;
use sealift_bundle::format::site_inputs::{Selection, SiteInputs};
use sealift_bundle::format::tree::Tree;
use sealift_bundle::pack::draft::{BlobSource, Draft, DraftImage, DraftItem, DraftTree};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::collections::HashSet;
use std::path::PathBuf;

impl Lock {
    /// What packing takes: every item with the places of its bytes. Asks no network; `lock` is the digest of the
    /// lock's text. For an audience, what it may not hold is left out, and listed by digest.
    pub fn draft(&self, lock: Digest, audience: Option<&Name>, work: &Work<'_>) -> Result<Draft, PlanError> {
        let (mut selection, needs) = match audience {
            None => (self.selection(), self.needs()),
            Some(asked) => self.heard_by(asked)?,
        };
        let mut travels = |labels: &Labels, content: &dyn Fn() -> Result<Digest, PlanError>| {
            if audience.is_none_or(|audience| labels.is_for(audience)) {
                return Ok(true);
            }
            selection.withheld.push(content()?);
            Ok::<_, PlanError>(false)
        };
        let mut items = Vec::new();
        let task = Task::new(work);
        for image in &self.image {
            if !travels(&image.head.labels, &|| Ok(image.digest))? {
                continue;
            }
            let item = locate_image(image, &task);
            items.push(item.map_err(|error| error.about(ItemKind::Image, &image.head.name))?);
        }
        for tree in self.trees() {
            if !travels(&tree.head.labels, &|| content_of(tree, work))? {
                continue;
            }
            let item = locate_tree(tree, work);
            items.push(item.map_err(|error| error.about(tree.head.kind, &tree.head.name))?);
        }
        selection.withheld.sort();
        selection.withheld.dedup();
        if items.is_empty() {
            let reason = "every item is withheld from this audience";
            return Err(PlanError::Empty { path: PathBuf::from(self.bundle.name.as_str()), reason });
        }
        leave_out(&mut items);
        for item in &mut items {
            // Who else may have it is nobody's business but the packer's.
            item.only_for(audience);
        }
        // What the manifest wants in front is in front; packing puts images before trees.
        items.sort_by_key(|item: &DraftItem| item.head().labels.priority);
        Ok(Draft {
            name: called(&self.bundle.name, audience)?,
            version: self.bundle.version.clone(),
            scenario: self.bundle.scenario.clone(),
            sequence: self.sequence,
            previous: self.previous,
            created: self.created,
            expires: self.expires,
            selection,
            needs,
            lock,
            items,
        })
    }

    /// What an audience hears of what was chosen and of what a site has to add.
    fn heard_by(&self, asked: &Name) -> Result<(Selection, SiteInputs), PlanError> {
        let Some(audience) = self.audience.iter().find(|audience| audience.name == *asked) else {
            let audiences = self.audience.iter().map(|audience| audience.name.clone()).collect();
            return Err(PlanError::Audience { asked: asked.clone(), audiences });
        };
        let mut selection = Selection { audience: Some(asked.clone()), ..self.selection() };
        let is_heard = |name: &Name| !audience.hidden_features.contains(name);
        selection.features.retain(is_heard);
        selection.without.retain(is_heard);
        let mut needs = self.needs();
        needs.parameters.retain(|one| !audience.hidden_parameters.contains(&one.name));
        needs.secrets.retain(|one| !audience.hidden_secrets.contains(&one.name));
        Ok((selection, needs))
    }
}

/// What one image leaves out, another may bring, if it is for this audience.
fn leave_out(items: &mut [DraftItem]) {
    let images = items.iter().filter_map(|item| match item {
        DraftItem::Image(image) => Some(image),
        DraftItem::Tree(_) => None,
    });
    let present: HashSet<_> = images.flat_map(|image| image.blobs.iter().map(|blob| blob.digest)).collect();
    for item in items {
        if let DraftItem::Image(image) = item {
            image.withheld.retain(|digest| !present.contains(digest));
        }
    }
}

/// What a tree holds, by digest.
fn content_of(locked: &LockedTree, work: &Work<'_>) -> Result<Digest, PlanError> {
    Ok(inventory::content_digest(&tree_of(locked, work)?)?)
}

fn tree_of(locked: &LockedTree, work: &Work<'_>) -> Result<Tree, PlanError> {
    Tree::with_names(locked.entries.clone(), locked.names, work.limits)
        .map_err(|source| PlanError::LockTree { item: locked.head.name.clone(), source })
}

fn locate_image(image: &LockedImage, task: &Task<'_>) -> Result<DraftItem, PlanError> {
    let work = task.work;
    let blobs = match image.location.path() {
        None => locate_pulled(image, work)?,
        Some(path) => {
            let members = task.members(path)?;
            image.blobs.iter().map(|blob| locate_blob(blob, &members, work)).collect::<Result<_, _>>()?
        }
    };
    Ok(DraftItem::Image(DraftImage {
        head: image.head.clone(),
        reference: image.reference.clone(),
        media_type: image.media_type.clone(),
        root: image.digest,
        blobs,
        withheld: image.withheld.clone(),
        referrers: image.referrers.iter().map(LockedReferrer::referrer).collect(),
    }))
}

/// Holds every image against the rules that packing and every reader hold it against, so that an image which cannot
/// travel is found when it is locked.
pub(super) fn check_images(images: &[LockedImage], task: &Task<'_>) -> Result<(), PlanError> {
    for image in images {
        let checked = locate_image(image, task).and_then(|item| match item {
            DraftItem::Image(image) => Ok(image.check(task.work.limits)?),
            DraftItem::Tree(_) => Ok(()),
        });
        checked.map_err(|error| error.about(ItemKind::Image, &image.head.name))?;
    }
    Ok(())
}

/// The blobs of a pulled image in the store; what the store has lost is pulled again.
fn locate_pulled(image: &LockedImage, work: &Work<'_>) -> Result<Vec<BlobSource>, PlanError> {
    let stored = |blob: &LockedBlob| {
        let path = work.store.get(&blob.digest)?;
        let whole = path.metadata().is_ok_and(|found| found.len() == blob.size);
        whole.then_some(BlobSource { digest: blob.digest, size: blob.size, path, offset: 0 })
    };
    let lost: Vec<_> = image.blobs.iter().filter(|blob| stored(blob).is_none()).collect();
    if !lost.is_empty() {
        let lost: Vec<_> = lost.iter().map(|blob| Blob { digest: blob.digest, size: blob.size }).collect();
        image_registry::restore(&image.reference, &lost, &Task::new(work))?;
    }
    let lost = |blob: &LockedBlob| PlanError::NotStored { what: format!("the blob {}", blob.digest) };
    image.blobs.iter().map(|blob| stored(blob).ok_or_else(|| lost(blob))).collect()
}

fn locate_blob(blob: &LockedBlob, members: &Members, work: &Work<'_>) -> Result<BlobSource, PlanError> {
    let (digest, size) = (blob.digest, blob.size);
    let name = blob.member.clone().unwrap_or_else(|| blob_name(&digest));
    // What is not in the source is a manifest that was made when a docker archive was locked.
    let stored = || work.store.get(&digest).map(|path| FileRange { path, offset: 0, size });
    let changed = |path: PathBuf, found: String| {
        let reason = format!("is not what the lock pins: {digest} {found}");
        PlanError::Changed { path, reason }
    };
    match members.find(&name)?.or_else(stored) {
        Some(FileRange { path, offset, size: found }) if found == size => {
            Ok(BlobSource { digest, size, path, offset })
        }
        Some(part) => Err(changed(part.path, format!("has {} bytes, expected {size}", part.size))),
        None => Err(changed(members.path.clone(), "is no longer there".to_owned())),
    }
}

/// The files of a tree and where each is.
pub(super) fn files(locked: &LockedTree, work: &Work<'_>) -> Result<(Tree, Vec<PathBuf>), PlanError> {
    let tree = tree_of(locked, work)?;
    let sources = match &locked.source {
        TreeSource::Path(path) => tree::sources(&work.folder.join(path), &tree)?,
        TreeSource::Url { .. } | TreeSource::Chart(_) | TreeSource::Git { .. } => downloads(&tree, work)?,
    };
    Ok((tree, sources))
}

/// A document of an image, as the lock pins it.
pub(super) fn document(image: &LockedImage, digest: &Digest, task: &Task<'_>) -> Result<Vec<u8>, PlanError> {
    let work = task.work;
    let missing = || PlanError::NotStored { what: format!("the document {digest}") };
    let blob = image.blobs.iter().find(|blob| blob.digest == *digest).ok_or_else(missing)?;
    let part = match image.location.path() {
        None => FileRange { path: work.store.get(digest).ok_or_else(missing)?, offset: 0, size: blob.size },
        Some(path) => {
            let members = task.members(path)?;
            let BlobSource { path, offset, size, .. } = locate_blob(blob, &members, work)?;
            FileRange { path, offset, size }
        }
    };
    let bytes = read_part(&part, work.limits.document)?;
    refuse_changed(&bytes, digest, &part.path)?;
    Ok(bytes)
}

fn locate_tree(locked: &LockedTree, work: &Work<'_>) -> Result<DraftItem, PlanError> {
    let (tree, sources) = files(locked, work)?;
    Ok(DraftItem::Tree(DraftTree { head: locked.head.clone(), tree, sources }))
}

/// The files of the store that hold what was downloaded.
fn downloads(tree: &Tree, work: &Work<'_>) -> Result<Vec<PathBuf>, PlanError> {
    let files = tree.files().map(|(entry, _)| match &entry.node {
        Node::File { sha256, .. } => work
            .store
            .get(sha256)
            .ok_or_else(|| PlanError::NotStored { what: format!("`{}` ({sha256})", entry.path) }),
        Node::Dir | Node::Link { .. } => Err(PlanError::NotStored { what: format!("`{}`", entry.path) }),
    });
    files.collect()
}
