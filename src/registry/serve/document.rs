//! What a manifest or index says beyond its blobs: what it is, and what it is about.

use super::error::ServeError;
use crate::bundle::BundleError;
use crate::bundle::index::Blob;
use crate::bundle::oci::{self, Document};
use crate::trust::TrustError;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A document as it is offered.
pub(super) struct About {
    /// As its parent states it.
    pub media_type: String,
    /// The document it is about (`subject`).
    pub subject: Option<Digest>,
    /// What kind of artifact it is: its `artifactType`, or else the media type of its configuration.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Every blob it names.
    pub parts: Vec<Digest>,
}

/// The keys of a manifest or index that matter here (OCI image spec 1.1, sections "Image Manifest" and "Image Index").
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw {
    artifact_type: Option<String>,
    subject: Option<Subject>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

/// A document and what it names.
pub(super) struct Announced {
    /// What it says.
    pub about: About,
    /// Further documents, each with its media type.
    pub documents: Vec<(String, Blob)>,
    /// Other blobs.
    pub blobs: Vec<Blob>,
}

/// Reads a document.
pub(super) fn announced(
    media_type: &str,
    blob: Blob,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Announced, ServeError> {
    let wrong = |reason| BundleError::Image { document: format!("the document {}", blob.digest), reason };
    let document = oci::parse(media_type, bytes, limits).map_err(|reason| TrustError::from(wrong(reason)))?;
    // An image may have a `subject` or annotations of a form that no specification knows, and is an image all the same.
    let raw: Raw = serde_json::from_slice(bytes).unwrap_or_default();
    let as_blob = |descriptor: &oci::Descriptor| Blob { digest: descriptor.digest, size: descriptor.size };
    let mut artifact_type = raw.artifact_type.filter(|text| !text.is_empty());
    let (documents, blobs): (Vec<_>, Vec<_>) = match &document {
        Document::Index(children) => {
            let children = children.iter().map(|child| (child.media_type.clone(), as_blob(child)));
            (children.collect(), Vec::new())
        }
        Document::Manifest { config, layers } => {
            artifact_type = artifact_type.or_else(|| Some(config.media_type.clone()));
            (Vec::new(), std::iter::once(config).chain(layers).map(as_blob).collect())
        }
    };
    let about = About {
        media_type: media_type.to_owned(),
        subject: raw.subject.map(|subject| subject.digest),
        artifact_type,
        annotations: raw.annotations.unwrap_or_default(),
        parts: documents
            .iter()
            .map(|(_, blob)| blob.digest)
            .chain(blobs.iter().map(|blob| blob.digest))
            .collect(),
    };
    Ok(Announced { about, documents, blobs })
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn about(change: impl FnOnce(String) -> String) -> About {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"{D}","size":2}},"layers":[],"artifactType":"application/spdx","subject":{{"digest":"{D}"}},"annotations":{{"a":"b"}}}}"#
        );
        let blob = Blob { digest: Digest::of(b""), size: 0 };
        announced(oci::OCI_MANIFEST, blob, change(text).as_bytes(), &Limits::v1()).unwrap().about
    }

    #[test]
    fn the_type_of_an_artifact_falls_back_to_its_configuration() {
        let whole = about(|text| text);
        assert_eq!(whole.artifact_type.as_deref(), Some("application/spdx"));
        assert_eq!((whole.subject, whole.annotations.len()), (Some(D.parse().unwrap()), 1));
        assert_eq!(
            about(|text| text.replace("application/spdx", "")).artifact_type.as_deref(),
            Some("application/x")
        );
        let other = about(|text| text.replace("artifactType", "artifactTypo"));
        assert_eq!(other.artifact_type.as_deref(), Some("application/x"));
    }

    #[test]
    fn odd_annotations_do_not_hide_the_image() {
        assert_eq!(about(|text| text.replace(r#""b""#, "7")).parts.len(), 1);
    }
}
