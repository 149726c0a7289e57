//! Analyzes a bundle: each layer once, on several threads, and then every image as the result of its layers.

use super::analysis_budget::AnalysisBudget;
use super::analyze_layer::analyze_layer;
use super::anomaly::{Anomaly, AnomalyKind};
use super::attached::{AttachedBlobs, BlobRole};
use super::config::ImageConfig;
use super::{BundleAnalysis, FileDigests, ItemAnalysis, Layer, Sums, Unchecked, View, view};
use crate::finding::LintFile;
use crate::layer::{Failed, Stored};
use crate::secrets;
use sealift_bundle::format::blob_order::{ImageParts, ItemContents};
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::{self, Descriptor, OciDocument};
use sealift_bundle::inspect::InspectError;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::parallel;
use std::collections::{HashMap, HashSet};
use std::io;

/// Looks at everything a bundle holds. Each layer is proved against its digest before the first byte of it is decoded.
pub fn observe(
    place: &OpenBundle<'_>,
    digests: FileDigests,
    threads: usize,
    limits: &Limits,
) -> Result<BundleAnalysis, InspectError> {
    let mut draft = AnalysisDraft {
        place,
        limits,
        blobs: Vec::new(),
        numbers: HashMap::new(),
        loose: AttachedBlobs::default(),
        walked: HashSet::new(),
        unchecked: Vec::new(),
    };
    let mut items = Vec::new();
    for contents in &place.contents.items {
        items.push(draft.item(contents)?);
    }
    let AnalysisDraft { blobs, numbers, loose, mut unchecked, .. } = draft;
    let mut layers = Vec::with_capacity(blobs.len());
    for (layer, gaps) in look_at_all(place, &blobs, digests, threads)? {
        layers.push(layer);
        unchecked.extend(gaps);
    }
    let attached = loose.look(place, &numbers, &mut unchecked)?;
    finish_all(&mut items, &layers, &mut unchecked);
    unchecked.sort();
    Ok(BundleAnalysis { items, layers, attached, unchecked })
}

/// What the documents of a bundle say, before any layer is looked at.
struct AnalysisDraft<'a, 'b> {
    place: &'a OpenBundle<'b>,
    limits: &'a Limits,
    blobs: Vec<Blob>,
    numbers: HashMap<Digest, usize>,
    loose: AttachedBlobs,
    /// Documents of the item.
    walked: HashSet<Digest>,
    unchecked: Vec<Unchecked>,
}

impl AnalysisDraft<'_, '_> {
    fn layer(&mut self, blob: Blob) -> usize {
        *self.numbers.entry(blob.digest).or_insert_with(|| {
            self.blobs.push(blob);
            self.blobs.len() - 1
        })
    }

    fn item(&mut self, contents: &ItemContents) -> Result<ItemAnalysis, InspectError> {
        let item = &contents.item;
        self.walked.clear();
        let mut views = Vec::new();
        match &contents.parts {
            ImageParts::Tree { layer, .. } => {
                let layers = vec![self.layer(*layer)];
                views.push(empty(None, item.root.digest, None, layers));
            }
            ImageParts::Image { .. } => {
                let name = &item.head.name;
                self.walk(name, &item.media_type, item.root, Some(&mut views))?;
                // Nothing of a referrer becomes part of a file system, whatever it calls itself.
                for referrer in &item.referrers {
                    self.walk(name, &referrer.media_type, referrer.root, None)?;
                }
            }
        }
        Ok(ItemAnalysis { name: item.head.name.clone(), kind: item.head.kind, root: item.root.digest, views })
    }

    /// Every document at and below a root, each once and under the first platform that it is named with: a few small
    /// indexes can name each other along billions of paths.
    fn walk(
        &mut self,
        item: &Name,
        media_type: &str,
        root: Blob,
        mut views: Option<&mut Vec<View>>,
    ) -> Result<(), InspectError> {
        let mut stack = vec![(media_type.to_owned(), root, None)];
        while let Some((media_type, blob, platform)) = stack.pop() {
            if !self.walked.insert(blob.digest) {
                continue;
            }
            let bytes = self.place.document(blob)?;
            match (oci::parse(&media_type, &bytes, self.limits), views.as_mut()) {
                (Err(reason), _) => {
                    // The verifier has read it before.
                    let what = format!("{item}: {}", blob.digest);
                    self.unchecked.push(Unchecked { layer: None, what, reason, bytes: Some(blob.size) });
                }
                (Ok(OciDocument::Index(children)), _) => {
                    let here = children.into_iter().rev().filter_map(|child| {
                        self.place.blob(&child.digest).map(|blob| (child.media_type, blob, child.platform))
                    });
                    stack.extend(here);
                }
                (Ok(OciDocument::Manifest { config, layers }), Some(views))
                    if oci::is_image_config(&config.media_type) =>
                {
                    views.push(self.image(item, blob.digest, platform.as_deref(), &config, &layers)?);
                }
                (Ok(OciDocument::Manifest { config, layers }), _) => {
                    for named in std::iter::once(config).chain(layers) {
                        self.loose.push(item, blob.digest, named, BlobRole::Beside);
                    }
                }
            }
        }
        Ok(())
    }

    fn image(
        &mut self,
        item: &Name,
        manifest: Digest,
        platform: Option<&str>,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<View, InspectError> {
        let mut numbers = Vec::new();
        for layer in layers {
            if is_layer(layer) {
                numbers.push(self.layer(layer.blob()));
            } else {
                self.loose.push(item, manifest, layer.clone(), BlobRole::Layer);
            }
        }
        let bytes = self.place.document(config.blob())?;
        let path = "configuration of the image";
        let found = secrets::find(&LintFile { item: item.as_str(), path, bytes: &bytes });
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
        shadowed: Vec::new(),
        sums: Sums::default(),
        anomalies: Vec::new(),
        secrets: Vec::new(),
    }
}

fn is_layer(layer: &Descriptor) -> bool {
    layer.media_type.to_ascii_lowercase().contains(".tar")
}

/// Entries of layers that are laid upon each other in all views, beside [`SHARED`] times those that there are: so many
/// platforms and images as are made can share a layer, and a manifest that lists one 20,000 times is not one of them.
const LAID: usize = 16_000_000;
const SHARED: usize = 8;

fn finish_all(items: &mut [ItemAnalysis], layers: &[Layer], unchecked: &mut Vec<Unchecked>) {
    let all: usize = layers.iter().map(|layer| layer.entries.len()).sum();
    let mut left = LAID.saturating_add(all.saturating_mul(SHARED));
    for item in items {
        for view in &mut item.views {
            let of = |number: &usize| layers.get(*number).map_or(0, |layer| layer.entries.len());
            let wanted: usize = view.layers.iter().map(of).fold(0, usize::saturating_add);
            if let Some(rest) = left.checked_sub(wanted) {
                left = rest;
                finish(view, layers);
                continue;
            }
            // Each layer was looked at all the same.
            let mut seen = HashSet::new();
            view.layers.retain(|number| seen.insert(*number));
            unchecked.push(Unchecked {
                layer: None,
                what: format!("{}: {}", item.name, view.manifest),
                reason: "what its layers make together was not worked out: they are listed too often"
                    .to_owned(),
                bytes: None,
            });
        }
    }
}

fn finish(view: &mut View, layers: &[Layer]) {
    (view.visible, view.shadowed) = view::apply(layers, &view.layers);
    view.sums = view::sums(layers, &view.visible, &view.shadowed);
    let (system, packages, root_users) = view::announced(layers, view);
    (view.system, view.packages) = (system, packages);
    let Some(config) = &mut view.config else { return };
    config.root_users = root_users;
    let found: Vec<_> = view.layers.iter().filter_map(|layer| layers.get(*layer)).collect();
    if found.len() != config.diff_ids.len() {
        let detail =
            format!("it has {} layers, and its configuration names {}", found.len(), config.diff_ids.len());
        view.anomalies.push(Anomaly::new(AnomalyKind::DiffId, "", detail));
    }
    for (layer, stated) in found.iter().zip(&config.diff_ids) {
        if layer.diff_id.is_some_and(|found| found != *stated) {
            let detail = format!("the layer {} should unpack to {}", layer.digest, stated);
            view.anomalies.push(Anomaly::new(AnomalyKind::DiffId, "", detail));
        }
    }
}

type Looked = (Layer, Vec<Unchecked>);

/// Looks at the layers, the largest first so that no core is left with a large one at the end.
fn look_at_all(
    place: &OpenBundle<'_>,
    blobs: &[Blob],
    digests: FileDigests,
    threads: usize,
) -> Result<Vec<Looked>, InspectError> {
    let mut order: Vec<(usize, Blob)> = blobs.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.size));
    let budget = AnalysisBudget::new(digests);
    let analyzed = parallel::map(
        threads,
        &order,
        || (),
        |(), (number, blob)| look_at(place, *blob, &budget).map(|looked| (*number, looked)),
    );
    let mut analyzed = analyzed?;
    analyzed.sort_by_key(|(number, _)| *number);
    Ok(analyzed.into_iter().map(|(_, looked)| looked).collect())
}

fn look_at(place: &OpenBundle<'_>, blob: Blob, budget: &AnalysisBudget) -> Result<Looked, InspectError> {
    analyze_layer(blob, Stored::prove(place, blob)?, budget).map_err(|error| failed(blob, error))
}

/// What went wrong while a blob was read.
pub(super) fn failed(blob: Blob, error: io::Error) -> InspectError {
    match Failed::arrived(error) {
        Ok(error) => error.into(),
        Err(source) => InspectError::Read { what: blob.digest, source },
    }
}

#[cfg(test)]
mod tests {
    use super::{empty, finish_all};
    use crate::analysis::class::FileClass;
    use crate::analysis::{ItemAnalysis, Layer, LayerEntry, LayerNode};
    use crate::layer::Compression;
    use sealift_bundle::format::item::ItemKind;
    use sealift_bundle::value::digest::Digest;

    #[test]
    fn j08_a_layer_that_is_listed_a_thousand_times_is_not_laid_a_thousand_times() {
        let file = |number: u32| LayerEntry {
            path: format!("{number}").into(),
            node: LayerNode::File { size: 1, sha256: None, class: FileClass::Text },
            mode: 0o644,
            uid: 0,
            gid: 0,
            capabilities: None,
        };
        let digest = Digest::of(b"layer");
        let layers = [Layer {
            digest,
            stored: 1,
            compression: Compression::None,
            size: 1,
            diff_id: None,
            entries: (0..20_000).map(file).collect(),
            anomalies: Vec::new(),
            secrets: Vec::new(),
            announced: Vec::new(),
        }];
        let often = empty(None, Digest::of(b"often"), None, vec![0; 1000]);
        let once = empty(None, Digest::of(b"once"), None, vec![0]);
        let mut items = [ItemAnalysis {
            name: "web".parse().unwrap(),
            kind: ItemKind::Image,
            root: digest,
            views: vec![often, once],
        }];
        let mut unchecked = Vec::new();
        finish_all(&mut items, &layers, &mut unchecked);
        let [often, once] = items[0].views.as_slice() else { panic!("{items:?}") };
        assert_eq!((often.layers.as_slice(), often.visible.len()), ([0].as_slice(), 0));
        assert_eq!((once.visible.len(), once.sums.files), (20_000, 20_000));
        assert_eq!(unchecked.len(), 1);
        assert_eq!(unchecked[0].what, format!("web: {}", often.manifest));
    }
}
