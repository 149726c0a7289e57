//! Observing a bundle: each layer once, on several threads, and every image as its layers make it.

use super::attached::Loose;
use super::config::ImageConfig;
use super::look::{Desk, look};
use super::oddity::{Kind, Oddity};
use super::{Census, FileDigests, ItemCensus, Layer, Sums, Unchecked, View, view};
use crate::audit::inspect::AuditError;
use crate::audit::layer::{Failed, Stored};
use crate::audit::lint::{File, secrets};
use crate::bundle::index::Blob;
use crate::bundle::oci::{self, Descriptor, Document};
use crate::bundle::order::{ItemContents, Parts};
use crate::trust::verify::InPlace;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::name::Name;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Looks at everything a bundle holds. Each layer is proved against its digest before the first byte of it is decoded.
pub fn observe(
    place: &InPlace<'_>,
    digests: FileDigests,
    threads: usize,
    limits: &Limits,
) -> Result<Census, AuditError> {
    let mut draft = Draft {
        place,
        limits,
        blobs: Vec::new(),
        numbers: HashMap::new(),
        loose: Loose::default(),
        unchecked: Vec::new(),
    };
    let mut items = Vec::new();
    for contents in &place.contents.items {
        items.push(draft.item(contents)?);
    }
    let Draft { blobs, loose, mut unchecked, .. } = draft;
    let mut layers = Vec::with_capacity(blobs.len());
    for (layer, gaps) in look_at_all(place, &blobs, digests, threads)? {
        layers.push(layer);
        unchecked.extend(gaps);
    }
    let attached = loose.look(place, &mut unchecked)?;
    for view in items.iter_mut().flat_map(|item| &mut item.views) {
        finish(view, &layers);
    }
    unchecked.sort();
    Ok(Census { items, layers, attached, unchecked })
}

/// What the documents of a bundle say, before any layer is looked at.
struct Draft<'a, 'b> {
    place: &'a InPlace<'b>,
    limits: &'a Limits,
    blobs: Vec<Blob>,
    numbers: HashMap<Digest, usize>,
    loose: Loose,
    unchecked: Vec<Unchecked>,
}

impl Draft<'_, '_> {
    fn layer(&mut self, blob: Blob) -> usize {
        *self.numbers.entry(blob.digest).or_insert_with(|| {
            self.blobs.push(blob);
            self.blobs.len() - 1
        })
    }

    fn item(&mut self, contents: &ItemContents) -> Result<ItemCensus, AuditError> {
        let item = &contents.item;
        let mut views = Vec::new();
        match &contents.parts {
            Parts::Tree { layer, .. } => {
                let layers = vec![self.layer(*layer)];
                views.push(empty(None, item.root.digest, None, layers));
            }
            Parts::Image { .. } => {
                let name = &item.head.name;
                self.document(name, &item.media_type, item.root, None, &mut views)?;
                for referrer in &item.referrers {
                    self.attached(name, &referrer.media_type, referrer.root)?;
                }
            }
        }
        Ok(ItemCensus { name: item.head.name.clone(), kind: item.head.kind, root: item.root.digest, views })
    }

    /// The images below an index or manifest. How deep they are nested was held against its ceiling before.
    fn document(
        &mut self,
        item: &Name,
        media_type: &str,
        blob: Blob,
        platform: Option<&str>,
        views: &mut Vec<View>,
    ) -> Result<(), AuditError> {
        let bytes = self.place.document(blob)?;
        match oci::parse(media_type, &bytes, self.limits) {
            Err(reason) => self.unreadable(item, blob, reason),
            Ok(Document::Index(children)) => {
                for child in children {
                    if let Some(blob) = self.place.blob(&child.digest) {
                        self.document(item, &child.media_type, blob, child.platform.as_deref(), views)?;
                    }
                }
            }
            Ok(Document::Manifest { config, layers }) if oci::is_image_config(&config.media_type) => {
                views.push(self.image(item, blob.digest, platform, &config, &layers)?);
            }
            Ok(Document::Manifest { config, layers }) => self.lay(item, blob.digest, config, layers),
        }
        Ok(())
    }

    /// What a referrer names: nothing of it becomes part of a file system, whatever it calls itself.
    fn attached(&mut self, item: &Name, media_type: &str, blob: Blob) -> Result<(), AuditError> {
        match oci::parse(media_type, &self.place.document(blob)?, self.limits) {
            Err(reason) => self.unreadable(item, blob, reason),
            Ok(Document::Index(children)) => {
                for child in children {
                    if let Some(blob) = self.place.blob(&child.digest) {
                        self.attached(item, &child.media_type, blob)?;
                    }
                }
            }
            Ok(Document::Manifest { config, layers }) => self.lay(item, blob.digest, config, layers),
        }
        Ok(())
    }

    /// Remembers what a manifest names for later.
    fn lay(&mut self, item: &Name, manifest: Digest, config: Descriptor, layers: Vec<Descriptor>) {
        for named in std::iter::once(config).chain(layers) {
            self.loose.push(item, manifest, named);
        }
    }

    /// A document that the verifier has read before.
    fn unreadable(&mut self, item: &Name, blob: Blob, reason: String) {
        let what = format!("{item}: {}", blob.digest);
        self.unchecked.push(Unchecked { layer: None, what, reason, bytes: Some(blob.size) });
    }

    fn image(
        &mut self,
        item: &Name,
        manifest: Digest,
        platform: Option<&str>,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<View, AuditError> {
        let mut numbers = Vec::new();
        for layer in layers {
            if is_layer(layer) {
                numbers.push(self.layer(layer.blob()));
            } else {
                self.loose.push(item, manifest, layer.clone());
            }
        }
        let bytes = self.place.document(config.blob())?;
        let path = "configuration of the image";
        let found = secrets::find(&File { item: item.as_str(), path, bytes: &bytes });
        let parsed = match ImageConfig::parse(config.digest, &bytes) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                let (what, bytes) = (format!("{item}: {path}"), Some(config.size));
                self.unchecked.push(Unchecked { layer: None, what, reason, bytes });
                None
            }
        };
        let stated = parsed.as_ref().map(|config| format!("{}/{}", config.os, config.architecture));
        let platform = platform.map(str::to_owned).or(stated);
        Ok(View { secrets: found, ..empty(platform, manifest, parsed, numbers) })
    }
}

fn empty(
    platform: Option<String>,
    manifest: Digest,
    config: Option<ImageConfig>,
    layers: Vec<usize>,
) -> View {
    View {
        platform,
        manifest,
        config,
        layers,
        system: None,
        packages: Vec::new(),
        visible: Vec::new(),
        buried: Vec::new(),
        sums: Sums::default(),
        oddities: Vec::new(),
        secrets: Vec::new(),
    }
}

fn is_layer(layer: &Descriptor) -> bool {
    layer.media_type.contains(".tar") || layer.media_type.ends_with("diff.tar.gzip")
}

fn finish(view: &mut View, layers: &[Layer]) {
    (view.visible, view.buried) = view::apply(layers, &view.layers);
    view.sums = view::sums(layers, &view.visible, &view.buried);
    (view.system, view.packages) = view::announced(layers, view);
    let Some(config) = &view.config else { return };
    let found: Vec<_> = view.layers.iter().filter_map(|layer| layers.get(*layer)).collect();
    if found.len() != config.diff_ids.len() {
        let detail =
            format!("it has {} layers, and its configuration names {}", found.len(), config.diff_ids.len());
        view.oddities.push(Oddity::new(Kind::DiffId, "", detail));
    }
    for (layer, stated) in found.iter().zip(&config.diff_ids) {
        if layer.diff_id.is_some_and(|found| found != *stated) {
            let detail = format!("the layer {} should unpack to {}", layer.digest, stated);
            view.oddities.push(Oddity::new(Kind::DiffId, "", detail));
        }
    }
}

type Looked = (Layer, Vec<Unchecked>);

/// Looks at the layers, the largest first so that no core is left with a large one at the end.
fn look_at_all(
    place: &InPlace<'_>,
    blobs: &[Blob],
    digests: FileDigests,
    threads: usize,
) -> Result<Vec<Looked>, AuditError> {
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_by_key(|number| std::cmp::Reverse(blobs.get(*number).map(|blob| blob.size)));
    let (desk, next) = (Desk::new(digests), AtomicUsize::new(0));
    let done: Mutex<Vec<(usize, Result<Looked, AuditError>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, blobs.len().max(1)) {
            scope.spawn(|| {
                while let Some(number) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(blob) = blobs.get(*number) else { return };
                    let looked = look_at(place, *blob, &desk);
                    if looked.is_err() {
                        next.store(order.len(), Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*number, looked));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, looked)| looked).collect()
}

fn look_at(place: &InPlace<'_>, blob: Blob, desk: &Desk) -> Result<Looked, AuditError> {
    look(blob, Stored::prove(place, blob)?, desk).map_err(|error| match Failed::arrived(error) {
        Ok(error) => error.into(),
        Err(source) => AuditError::Read { what: blob.digest, source },
    })
}
