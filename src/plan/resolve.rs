//! Locks a manifest: every source is read, hashed and pinned.

use super::context::{Task, Work};
use super::error::PlanError;
use super::image_registry::{self, Pulled};
use super::lock::{
    ImageLocation, Lock, LockedAudience, LockedBundle, LockedImage, LockedTree, Pin, TreeSource, VERSION,
};
use super::manifest::{ImageForm, ImageSource, ItemScope, ManifestItem, Platforms, Source};
use super::selection::Chosen;
use super::{chart, fetch, git, image_docker_archive, image_oci_layout, image_select, lock_to_draft, tree};
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::rel_path::Names;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::{BTreeSet, HashMap};

impl Lock {
    /// Pins every source of what was chosen from a manifest.
    ///
    /// When `before`, the lock that is there, pins exactly the same, it is returned as it is, so that locking
    /// twice changes no byte. Otherwise the new lock is one further in sequence and of `now`.
    pub fn make(
        chosen: &Chosen<'_>,
        work: &Work<'_>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let task = Task::new(work);
        let (manifest, selection) = (chosen.manifest, &chosen.selection);
        let name = called(&manifest.name, selection.variant.as_ref())?;
        let (scenario, version) = (manifest.scenario.clone(), manifest.version.clone());
        let mut lock = Self {
            format: VERSION,
            manifest: manifest.digest,
            created: before.map_or(now, |before| before.created),
            sequence: manifest.sequence.or(before.map(|before| before.sequence)).unwrap_or(1),
            previous: before.and_then(|before| before.previous),
            expires: manifest.expires,
            variant: selection.variant.clone(),
            features: selection.features.clone(),
            without: selection.without.clone(),
            audience: manifest.audiences.keys().map(|name| audience(chosen, name)).collect(),
            parameter: chosen.needs.parameters.clone(),
            secret: chosen.needs.secrets.clone(),
            bundle: LockedBundle { name, scenario, version },
            image: Vec::new(),
            doc: Vec::new(),
            config: Vec::new(),
            file: Vec::new(),
        };
        let limit = work.limits.items;
        if chosen.items.len() > limit {
            let (found, limit) = (chosen.items.len() as u64, limit as u64);
            return Err(PlanError::Limit { what: "items of the manifest".to_owned(), found, limit });
        }
        // Anyone who corrects sources wants to know of all that fail, and not of one in each run.
        let (pulled, mut errors) = image_registry::pull(&chosen.items, &task)?;
        for item in &chosen.items {
            match lock.add(item, &pulled, before, &task).map_err(|error| error.about(item.kind, &item.name)) {
                Err(PlanError::Interrupted) => return Err(PlanError::Interrupted),
                Err(error) => errors.push(error),
                Ok(()) => {}
            }
        }
        if errors.len() > 1 {
            return Err(PlanError::Unpinned { errors });
        }
        if let Some(error) = errors.pop() {
            return Err(error);
        }
        if let Some(before) = before {
            lock.keep_origins(before);
        }
        let mut called = HashMap::new();
        for image in &lock.image {
            if let Some(one) = called.insert(&image.reference, &image.head.name) {
                let (one, other) = (one.clone(), image.head.name.clone());
                let reference = Box::new(image.reference.clone());
                return Err(PlanError::SameReference { one, other, reference });
            }
        }
        lock_to_draft::check_images(&lock.image, &task)?;
        let Some(before) = before.filter(|before| **before != lock) else { return Ok(lock) };
        lock.created = now;
        lock.sequence = manifest.sequence.unwrap_or(before.sequence.saturating_add(1));
        lock.previous = None;
        Ok(lock)
    }

    /// What an earlier lock pins in the same way keeps the origin that it has there: the same bytes, found in the store or
    /// at another mirror by now, came from where they came from.
    fn keep_origins(&mut self, before: &Self) {
        let plain = |origin: &str| origin.split(BY_WAY_OF).next().unwrap_or_default().to_owned();
        let images: HashMap<_, _> = before.image.iter().map(|image| (&image.head.name, image)).collect();
        for image in &mut self.image {
            let Some(known) = images.get(&image.head.name).copied() else { continue };
            if plain(&known.head.origin) == plain(&image.head.origin) {
                let mut same = image.clone();
                same.head.origin.clone_from(&known.head.origin);
                if same == *known {
                    *image = same;
                }
            }
        }
        let trees: HashMap<_, _> = before.trees().map(|tree| (&tree.head.name, tree)).collect();
        for tree in self.doc.iter_mut().chain(&mut self.config).chain(&mut self.file) {
            let known = trees.get(&tree.head.name).copied();
            let same = |known: &&LockedTree| {
                plain(&known.head.origin) == plain(&tree.head.origin) && known.entries == tree.entries
            };
            if let Some(known) = known.filter(same) {
                tree.head.origin.clone_from(&known.head.origin);
            }
        }
    }

    fn add(
        &mut self,
        item: &ManifestItem,
        pulled: &HashMap<Name, Pulled>,
        before: Option<&Self>,
        task: &Task<'_>,
    ) -> Result<(), PlanError> {
        match &item.source {
            // Everything that is to be pulled was pulled before.
            Source::Pull(_) => {
                self.image.extend(pulled.get(&item.name).map(|pulled| pulled_image(item, pulled)));
            }
            Source::Image(source) => self.image.push(pin_image(item, source, task)?),
            Source::Path { .. } | Source::Url { .. } | Source::Git { .. } | Source::Chart { .. } => {
                let tree = pin_tree(item, before, task)?;
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

/// What an audience does not hear of: a feature whose items it may not have, and what belongs to such features alone.
fn audience(chosen: &Chosen<'_>, name: &Name) -> LockedAudience {
    let manifest = chosen.manifest;
    let is_hidden = |feature: &&Name| {
        let mut items = manifest.items.iter().filter(|item| item.scope.features.contains(feature)).peekable();
        items.peek().is_some() && !items.any(|item| item.labels.is_for(name))
    };
    let hidden: BTreeSet<_> = manifest.features.keys().filter(is_hidden).collect();
    let belongs = |scope: &ItemScope| {
        !scope.features.is_empty() && scope.features.iter().all(|feature| hidden.contains(feature))
    };
    let parameters = manifest.parameters.iter().filter(|one| belongs(&one.scope)).map(|one| &one.what.name);
    let secrets = manifest.secrets.iter().filter(|one| belongs(&one.scope)).map(|one| &one.what.name);
    LockedAudience {
        name: name.clone(),
        hidden_features: hidden.iter().copied().cloned().collect(),
        hidden_parameters: parameters.cloned().collect(),
        hidden_secrets: secrets.cloned().collect(),
    }
}

fn pulled_image(item: &ManifestItem, pulled: &Pulled) -> LockedImage {
    let pulled = pulled.clone();
    LockedImage {
        head: item.head(pulled.origin),
        location: ImageLocation::Store,
        reference: pulled.reference,
        media_type: pulled.media_type,
        digest: pulled.digest,
        size: pulled.size,
        blobs: pulled.blobs,
        withheld: pulled.withheld,
        referrers: pulled.referrers,
    }
}

fn pin_image(item: &ManifestItem, source: &ImageSource, task: &Task<'_>) -> Result<LockedImage, PlanError> {
    let work = task.work;
    let members = task.members(&source.path)?;
    let image = match source.form {
        ImageForm::Layout => {
            let candidates = image_oci_layout::candidates(&members, work.limits)?;
            let chosen =
                image_oci_layout::choose(&members, candidates, source.select.as_deref(), work.limits)?;
            image_oci_layout::pin(&members, &chosen, &source.platforms, task)?
        }
        ImageForm::Archive => image_docker_archive::pin(&members, source, task)?,
    };
    let (form, path) = (source.form.as_str(), &source.path);
    let lost = match source.form {
        ImageForm::Layout => "",
        ImageForm::Archive => "; a docker archive does not keep the digest of the registry",
    };
    let missing = match image.missing {
        0 => String::new(),
        count => format!("; it does not hold {} that its index lists", counted(count as u64, "manifest")),
    };
    let narrowed = match &source.platforms {
        Platforms::Narrow(platform) => format!(", narrowed to {platform}"),
        Platforms::All | Platforms::Sparse(_) => String::new(),
    };
    let location = match source.form {
        ImageForm::Layout => ImageLocation::Layout(path.clone()),
        ImageForm::Archive => ImageLocation::Archive(path.clone()),
    };
    Ok(LockedImage {
        head: item.head(format!("{form} {path}{narrowed}{lost}{missing}")),
        location,
        reference: image_select::reference(&image.root, source, &members.path)?,
        media_type: image.root.media_type,
        digest: image.root.digest,
        size: image.root.size,
        blobs: image.blobs,
        withheld: image.withheld,
        referrers: Vec::new(),
    })
}

/// Stands in an origin between the place that was named and the mirror that was asked.
const BY_WAY_OF: &str = ", by way of the mirror ";

/// What an origin says of the mirror that content came from, if it came from one.
pub(super) fn by_way_of(mirror: Option<String>) -> String {
    mirror.map_or_else(String::new, |mirror| format!("{BY_WAY_OF}{mirror}"))
}

/// The name of a bundle for a variant, or for an audience.
pub(super) fn called(name: &Name, word: Option<&Name>) -> Result<Name, PlanError> {
    let Some(word) = word else { return Ok(name.clone()) };
    let name = format!("{name}-{word}");
    name.parse().map_err(|error: sealift_bundle::value::ValueError| PlanError::LongName {
        name,
        reason: error.to_string(),
    })
}

fn pin_tree(item: &ManifestItem, before: Option<&Lock>, task: &Task<'_>) -> Result<LockedTree, PlanError> {
    let one_file =
        |path, (sha256, size)| vec![Entry { path, node: Node::File { size, sha256, executable: false } }];
    let (origin, source, names, entries) = match &item.source {
        Source::Path { path, patterns } => {
            let found = tree::read(&task.work.folder.join(path), patterns, task)?;
            let source = TreeSource::Path(path.clone());
            (format!("path {path}"), source, patterns.names(), found.entries().to_vec())
        }
        Source::Url { url, sha256, file_name } => {
            let pin = sha256.is_none().then_some(Pin::FirstUse);
            let source = TreeSource::Url { url: url.as_str().to_owned(), pin };
            let known = sha256.or_else(|| pinned_before(before, item, &source));
            let found = fetch::fetch(url, known.as_ref(), task)?;
            let first = if pin.is_some() { ", pinned when it was first used" } else { "" };
            let mirror = by_way_of(fetch::mirror_of(&found.0, task));
            let entries = one_file(file_name.clone(), found);
            (format!("url {url}{first}{mirror}"), source, Names::Portable, entries)
        }
        Source::Chart { place, version } => {
            let source = TreeSource::Chart(place.to_string());
            let known = pinned_before(before, item, &source);
            let stored = known.map(|known| task.work.store.checked(&known)).transpose()?.flatten();
            let found = match known.zip(stored) {
                Some((known, (_, size))) => (known, size),
                None => chart::fetch(place, version, known, task)?,
            };
            let mirror = by_way_of(fetch::mirror_of(&found.0, task));
            let entries = one_file(chart::file_name(place, version)?, found);
            (format!("chart {place} {version}{mirror}"), source, Names::Portable, entries)
        }
        Source::Git { url, commit, patterns } => {
            let (found, mirror) = git::read(url, commit, patterns, task)?;
            let source = TreeSource::Git { url: url.as_str().to_owned(), commit: commit.to_string() };
            let origin = format!("git {url} {commit}{}", by_way_of(mirror));
            (origin, source, patterns.names(), found.entries().to_vec())
        }
        Source::Image(_) | Source::Pull(_) => {
            let reason = "an image is not a tree".to_owned();
            return Err(PlanError::LockItem { item: item.name.clone(), reason });
        }
    };
    Ok(LockedTree { head: item.head(origin), source, names, entries })
}

/// What the lock before says about the same source of one file. What was pinned stays pinned until the lock is removed.
fn pinned_before(before: Option<&Lock>, item: &ManifestItem, source: &TreeSource) -> Option<Digest> {
    let place = |source: &TreeSource| match source {
        TreeSource::Url { url, .. } => Some(url.clone()),
        TreeSource::Chart(chart) => Some(chart.clone()),
        TreeSource::Path(_) | TreeSource::Git { .. } => None,
    };
    let same = |one: &&LockedTree| {
        one.head.name == item.name
            && place(&one.source) == place(source)
            && one.head.labels.version == item.labels.version
    };
    before?.trees().find(same)?.first_file()
}
