//! From a manifest to a lock: every source is read, hashed and pinned.

use super::error::PlanError;
use super::lock::{Lock, LockedBundle, LockedImage, LockedTree, VERSION};
use super::manifest::{ImageForm, ImageSource, Item, Manifest, Source};
use super::members::Members;
use super::pulling::{self, Pulled};
use super::work::{Task, Work};
use super::{archive, candidate, fetch, layout, tree};
use crate::bundle::entry::{Entry, Node};
use crate::bundle::item::ItemKind;
use crate::value::moment::Moment;
use crate::value::name::Name;
use std::collections::{HashMap, HashSet};

impl Lock {
    /// Pins every source of a manifest.
    ///
    /// When `before`, the lock that lies there, pins exactly the same, it is returned as it is, so that locking
    /// twice changes no byte. Otherwise the new lock is one further in sequence and of `now`.
    pub fn make(
        manifest: &Manifest,
        work: &Work<'_>,
        before: Option<&Self>,
        now: Moment,
    ) -> Result<Self, PlanError> {
        let task = Task::new(work);
        let (name, scenario, version) =
            (manifest.name.clone(), manifest.scenario.clone(), manifest.version.clone());
        let mut lock = Self {
            format: VERSION,
            manifest: manifest.digest,
            created: before.map_or(now, |before| before.created),
            sequence: manifest.sequence.or(before.map(|before| before.sequence)).unwrap_or(1),
            previous: before.and_then(|before| before.previous),
            expires: manifest.expires,
            bundle: LockedBundle { name, scenario, version },
            image: Vec::new(),
            doc: Vec::new(),
            config: Vec::new(),
            file: Vec::new(),
        };
        let limit = work.limits.items;
        if manifest.items.len() > limit {
            let (found, ceiling) = (manifest.items.len() as u64, limit as u64);
            return Err(PlanError::Limit { what: "items of the manifest".to_owned(), found, ceiling });
        }
        let pulled = pulling::pull(&manifest.items, &task)?;
        for item in &manifest.items {
            lock.add(item, &pulled, &task).map_err(|error| error.about(item.kind, &item.name))?;
        }
        lock.withhold();
        let mut called = HashMap::new();
        for image in &lock.image {
            if let Some(one) = called.insert(&image.reference, &image.name) {
                let (one, other) = (one.clone(), image.name.clone());
                let reference = Box::new(image.reference.clone());
                return Err(PlanError::SameReference { one, other, reference });
            }
        }
        let Some(before) = before.filter(|before| **before != lock) else { return Ok(lock) };
        lock.created = now;
        lock.sequence = manifest.sequence.unwrap_or(before.sequence.saturating_add(1));
        lock.previous = None;
        Ok(lock)
    }

    /// What one image leaves out, another may bring.
    fn withhold(&mut self) {
        let present: HashSet<_> =
            self.image.iter().flat_map(|image| image.blobs.iter().map(|blob| blob.digest)).collect();
        for image in &mut self.image {
            image.withheld.retain(|digest| !present.contains(digest));
        }
    }

    fn add(&mut self, item: &Item, pulled: &HashMap<Name, Pulled>, task: &Task<'_>) -> Result<(), PlanError> {
        match &item.source {
            // Everything that is to be pulled was pulled before.
            Source::Pull(_) => {
                self.image.extend(pulled.get(&item.name).map(|pulled| pulled_image(item, pulled)));
            }
            Source::Image(source) => self.image.push(pin_image(item, source, task)?),
            Source::Path { .. } | Source::Url { .. } => {
                let tree = pin_tree(item, task)?;
                match item.kind {
                    ItemKind::Doc => self.doc.push(tree),
                    ItemKind::Config => self.config.push(tree),
                    // Images have no trees: the manifest's grammar sees to that.
                    ItemKind::File | ItemKind::Image => self.file.push(tree),
                }
            }
        }
        Ok(())
    }
}

fn pulled_image(item: &Item, pulled: &Pulled) -> LockedImage {
    let pulled = pulled.clone();
    LockedImage {
        name: item.name.clone(),
        layout: None,
        archive: None,
        origin: pulled.origin,
        license: item.license.clone(),
        reference: pulled.reference,
        media_type: pulled.media_type,
        digest: pulled.digest,
        size: pulled.size,
        blobs: pulled.blobs,
        withheld: pulled.withheld,
        referrers: pulled.referrers,
    }
}

fn pin_image(item: &Item, source: &ImageSource, task: &Task<'_>) -> Result<LockedImage, PlanError> {
    let work = task.work;
    let members = Members::open(&work.folder.join(&source.path), work.limits, work.watch)?;
    let (image, blobs) = match source.form {
        ImageForm::Layout => {
            let candidates = layout::candidates(&members, work.limits)?;
            let chosen = candidate::choose(&candidates, source.select.as_deref(), &members.path)?;
            (chosen.clone(), layout::pin(&members, chosen, task)?)
        }
        ImageForm::Archive => archive::pin(&members, source, task)?,
    };
    let (form, path) = (source.form.as_str(), &source.path);
    let lost = match source.form {
        ImageForm::Layout => "",
        ImageForm::Archive => "; a docker archive does not keep the digest of the registry",
    };
    let keep = |wanted| (source.form == wanted).then(|| path.clone());
    Ok(LockedImage {
        name: item.name.clone(),
        layout: keep(ImageForm::Layout),
        archive: keep(ImageForm::Archive),
        origin: format!("{form} {path}{lost}"),
        license: item.license.clone(),
        reference: candidate::reference(&image, source, &members.path)?,
        media_type: image.media_type,
        digest: image.digest,
        size: image.size,
        blobs,
        withheld: Vec::new(),
        referrers: Vec::new(),
    })
}

fn pin_tree(item: &Item, task: &Task<'_>) -> Result<LockedTree, PlanError> {
    let (path, url, origin, entries) = match &item.source {
        Source::Path { path, patterns } => {
            let tree = tree::read(&task.work.folder.join(path), patterns, task)?;
            (Some(path.clone()), None, format!("path {path}"), tree.entries().to_vec())
        }
        Source::Url { url, sha256, file_name } => {
            let size = fetch::fetch(url, sha256, task)?;
            let node = Node::File { size, sha256: *sha256, executable: false };
            let entry = Entry { path: file_name.clone(), node };
            (None, Some(url.as_str().to_owned()), format!("url {url}"), vec![entry])
        }
        Source::Image(_) | Source::Pull(_) => (None, None, String::new(), Vec::new()),
    };
    let (name, license) = (item.name.clone(), item.license.clone());
    Ok(LockedTree { name, path, url, origin, license, entries })
}
