//! From a manifest to a lock: every source is read, hashed and pinned.

use super::context::{Task, Work};
use super::error::PlanError;
use super::image_registry::{self, Pulled};
use super::lock::{Lock, LockedAudience, LockedBundle, LockedImage, LockedTree, VERSION};
use super::manifest::{ImageForm, ImageSource, Item, Platforms, Scope, Source};
use super::selection::Chosen;
use super::{chart, fetch, git, image_docker_archive, image_oci_layout, image_select, lock_to_draft, tree};
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::item::{ItemKind, PRIORITY};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::rel_path::Names;
use sealift_bundle::value::timestamp::Timestamp;
use std::collections::{BTreeSet, HashMap};

impl Lock {
    /// Pins every source of what was chosen from a manifest.
    ///
    /// When `before`, the lock that lies there, pins exactly the same, it is returned as it is, so that locking
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
            let (found, ceiling) = (chosen.items.len() as u64, limit as u64);
            return Err(PlanError::Limit { what: "items of the manifest".to_owned(), found, ceiling });
        }
        // Whoever corrects sources wants to know of all that fail, and not of one in each run.
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
            if let Some(one) = called.insert(&image.reference, &image.name) {
                let (one, other) = (one.clone(), image.name.clone());
                let reference = Box::new(image.reference.clone());
                return Err(PlanError::SameReference { one, other, reference });
            }
        }
        lock_to_draft::check_images(&lock.image, work)?;
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
        for image in &mut self.image {
            let known = before.image.iter().find(|known| known.name == image.name);
            if let Some(known) = known.filter(|known| plain(&known.origin) == plain(&image.origin)) {
                let same = LockedImage { origin: known.origin.clone(), ..image.clone() };
                if same == *known {
                    *image = same;
                }
            }
        }
        for tree in self.doc.iter_mut().chain(&mut self.config).chain(&mut self.file) {
            let known = before.trees().map(|(_, known)| known).find(|known| known.name == tree.name);
            let same_place = |known: &&LockedTree| plain(&known.origin) == plain(&tree.origin);
            if let Some(known) = known.filter(same_place).filter(|known| known.entries == tree.entries) {
                tree.origin.clone_from(&known.origin);
            }
        }
    }

    fn add(
        &mut self,
        item: &Item,
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
    let belongs = |scope: &Scope| {
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

fn pulled_image(item: &Item, pulled: &Pulled) -> LockedImage {
    let pulled = pulled.clone();
    LockedImage {
        name: item.name.clone(),
        layout: None,
        archive: None,
        origin: pulled.origin,
        license: item.license.clone(),
        version: item.labels.version.clone(),
        audience: item.labels.audience.clone(),
        priority: place_of(item),
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
    let keep = |wanted| (source.form == wanted).then(|| path.clone());
    Ok(LockedImage {
        name: item.name.clone(),
        layout: keep(ImageForm::Layout),
        archive: keep(ImageForm::Archive),
        origin: format!("{form} {path}{narrowed}{lost}{missing}"),
        license: item.license.clone(),
        version: item.labels.version.clone(),
        audience: item.labels.audience.clone(),
        priority: place_of(item),
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

/// The place of an item that has one of its own.
fn place_of(item: &Item) -> Option<u8> {
    Some(item.labels.priority).filter(|place| *place != PRIORITY)
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

fn pin_tree(item: &Item, before: Option<&Lock>, task: &Task<'_>) -> Result<LockedTree, PlanError> {
    let mut tree = LockedTree {
        name: item.name.clone(),
        path: None,
        url: None,
        pin: None,
        chart: None,
        git: None,
        commit: None,
        origin: String::new(),
        license: item.license.clone(),
        kind: item.labels.file_kind,
        version: item.labels.version.clone(),
        audience: item.labels.audience.clone(),
        priority: place_of(item),
        template: item.labels.template,
        names: Names::Portable,
        entries: Vec::new(),
    };
    let one_file =
        |path, (sha256, size)| vec![Entry { path, node: Node::File { size, sha256, executable: false } }];
    match &item.source {
        Source::Path { path, patterns } => {
            tree.names = patterns.names();
            tree.entries = tree::read(&task.work.folder.join(path), patterns, task)?.entries().to_vec();
            tree.origin = format!("path {path}");
            tree.path = Some(path.clone());
        }
        Source::Url { url, sha256, file_name } => {
            tree.url = Some(url.as_str().to_owned());
            tree.origin = format!("url {url}");
            if sha256.is_none() {
                tree.pin = Some("first-use".to_owned());
                tree.origin += ", pinned when it was first used";
            }
            let known = sha256.or_else(|| pinned_before(before, &tree));
            let found = fetch::fetch(url, known.as_ref(), task)?;
            tree.origin += &by_way_of(fetch::mirror_of(&found.0, task));
            tree.entries = one_file(file_name.clone(), found);
        }
        Source::Chart { place, version } => {
            tree.chart = Some(place.to_string());
            tree.origin = format!("chart {place} {version}");
            let known = pinned_before(before, &tree);
            let stored = known.map(|known| task.work.store.checked(&known)).transpose()?.flatten();
            let found = match known.zip(stored) {
                Some((known, (_, size))) => (known, size),
                None => chart::fetch(place, version, known, task)?,
            };
            tree.origin += &by_way_of(fetch::mirror_of(&found.0, task));
            tree.entries = one_file(chart::file_name(place, version)?, found);
        }
        Source::Git { url, commit, patterns } => {
            tree.names = patterns.names();
            tree.git = Some(url.as_str().to_owned());
            tree.commit = Some(commit.to_string());
            let (found, mirror) = git::read(url, commit, patterns, task)?;
            tree.origin = format!("git {url} {commit}{}", by_way_of(mirror));
            tree.entries = found.entries().to_vec();
        }
        // Images have no trees: the manifest's grammar sees to that.
        Source::Image(_) | Source::Pull(_) => {}
    }
    Ok(tree)
}

/// What the lock before says about the same source of one file. What was pinned stays pinned until a person removes
/// the lock.
fn pinned_before(before: Option<&Lock>, tree: &LockedTree) -> Option<Digest> {
    let same = |one: &&LockedTree| {
        one.name == tree.name && one.url == tree.url && one.chart == tree.chart && one.version == tree.version
    };
    before?.trees().map(|(_, tree)| tree).find(same)?.first_file()
}
