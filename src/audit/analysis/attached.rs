//! Artifacts attached to an image that are not layers: signatures, attestations, SBOMs, documentation.
//!
//! They are identified by their content like any file and searched for secrets; archives among them are not opened.

use super::class::{FileClass, HEAD};
use super::file_purpose::Search;
use super::observe::failed;
use super::{Attached, Unchecked};
use crate::finding::LintFile;
use crate::finding::LintFinding;
use crate::layer::{Compression, Stored};
use crate::secrets;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::Descriptor;
use sealift_bundle::inspect::InspectError;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io::Read as _;

/// Characters of a type that are kept: RFC 6838 has at most 127 in each of its halves.
const TYPE: usize = 255;

/// Where a manifest names a blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum BlobRole {
    /// Among the layers of an image, without being an archive of files by its type. Programs that do not look at the type
    /// unpack it.
    Layer,
    /// Elsewhere.
    Beside,
}

/// What manifests name beside layers, each once for an item and standing.
#[derive(Default)]
pub(super) struct AttachedBlobs {
    named: Vec<(Name, Digest, Descriptor, BlobRole)>,
    known: HashSet<(Name, Digest, BlobRole)>,
}

/// What a blob is, anyone who names it.
#[derive(Clone)]
struct BlobFacts {
    class: FileClass,
    secrets: Vec<LintFinding>,
    unread: Option<&'static str>,
}

impl AttachedBlobs {
    /// Remembers what this manifest of this item names.
    pub(super) fn push(&mut self, item: &Name, manifest: Digest, mut named: Descriptor, standing: BlobRole) {
        // The empty configuration of artifacts says nothing (OCI image spec 1.1, "Guidance for an Empty Descriptor").
        if named.digest != Digest::of(b"{}") && self.known.insert((item.clone(), named.digest, standing)) {
            named.media_type = named.media_type.chars().take(TYPE).collect();
            self.named.push((item.clone(), manifest, named, standing));
        }
    }

    /// Looks at each blob once, in whatever number of items it is. What is a layer elsewhere was looked at as one.
    pub(super) fn look(
        self,
        place: &OpenBundle<'_>,
        layers: &HashMap<Digest, usize>,
        unchecked: &mut Vec<Unchecked>,
    ) -> Result<Vec<Attached>, InspectError> {
        let mut told: HashMap<Digest, BlobFacts> = HashMap::new();
        let mut all = Vec::with_capacity(self.named.len());
        for (item, manifest, named, standing) in self.named {
            if standing == BlobRole::Beside && layers.contains_key(&named.digest) {
                continue;
            }
            let blob = named.blob();
            let Descriptor { media_type, digest, size, .. } = named;
            let BlobFacts { class, secrets, unread } = match told.entry(digest) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => new.insert(look(place, blob)?).clone(),
            };
            let unpacked = match (standing, &class) {
                (BlobRole::Beside, _) | (_, FileClass::Empty | FileClass::Text | FileClass::Script(_)) => {
                    None
                }
                (BlobRole::Layer, _) => {
                    Some("it stands among the layers, and by its type it is not an archive of files")
                }
            };
            if let Some(reason) = unpacked.or(unread) {
                let (what, reason) = (format!("{item}: {digest}"), reason.to_owned());
                unchecked.push(Unchecked { layer: None, what, reason, bytes: Some(size) });
            }
            all.push(Attached { item, manifest, digest, media_type, size, class, secrets });
        }
        Ok(all)
    }
}

/// Proves a blob against its digest, then tells what it is.
fn look(place: &OpenBundle<'_>, blob: Blob) -> Result<BlobFacts, InspectError> {
    let failed = |error| failed(blob, error);
    let mut source = Stored::prove(place, blob)?;
    let mut bytes = Vec::new();
    source.by_ref().take(HEAD as u64).read_to_end(&mut bytes).map_err(failed)?;
    let class = FileClass::of(&bytes);
    let mut found = Vec::new();
    let is_packed = matches!(class, FileClass::Archive(_)) || Compression::of(&bytes) != Compression::None;
    let unread = match (is_packed, Search::of(&class, blob.size)) {
        (true, _) => Some("it is an archive beside the layers, and was not opened"),
        (_, Search::TooLarge) => Some(Search::TOO_LARGE),
        (_, Search::Nothing) => None,
        (_, Search::Whole) => {
            source.read_to_end(&mut bytes).map_err(failed)?;
            let (item, path) = (blob.digest.short(), format!("attached: {}", blob.digest));
            found = secrets::find(&LintFile { item: &item, path: &path, bytes: &bytes });
            None
        }
    };
    Ok(BlobFacts { class, secrets: found, unread })
}

#[cfg(test)]
mod tests {
    use super::{AttachedBlobs, BlobRole, TYPE};
    use sealift_bundle::format::oci::Descriptor;
    use sealift_bundle::value::digest::Digest;

    #[test]
    fn a_blob_is_kept_once_for_each_standing_and_its_type_is_cut() {
        let named = |content: &[u8]| Descriptor {
            media_type: "ä".repeat(1 << 20),
            digest: Digest::of(content),
            size: content.len() as u64,
            platform: None,
        };
        let (item, manifest) = ("web".parse().unwrap(), Digest::of(b"manifest"));
        let mut loose = AttachedBlobs::default();
        // A signature that names a layer before the image does takes nothing from what is said of the layer.
        for standing in [BlobRole::Beside, BlobRole::Beside, BlobRole::Layer] {
            loose.push(&item, manifest, named(b"blob"), standing);
            loose.push(&item, manifest, named(b"{}"), standing);
        }
        assert!(loose.named.iter().map(|(.., standing)| *standing).eq([BlobRole::Beside, BlobRole::Layer]));
        assert!(loose.named.iter().all(|(_, _, named, _)| named.media_type.chars().count() == TYPE));
    }
}
