//! What a manifest or index is, and its subject.

use super::error::ServeError;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::{self, Descriptor, OciDocument, ReferrerEntry};
use sealift_bundle::trust::TrustError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;

/// A document as it is offered.
pub(super) struct ServedDocument {
    /// As a list of referrers names it; its media type is the one that its parent states.
    pub referring: ReferrerEntry,
    /// The document it is about (`subject`).
    pub subject: Option<Digest>,
    /// Every blob it names.
    pub parts: Vec<Digest>,
}

/// A document and what it names.
pub(super) struct Announced {
    /// What it says.
    pub about: ServedDocument,
    /// Further documents, each with its media type.
    pub documents: Vec<(String, Blob)>,
    /// Other blobs.
    pub blobs: Vec<Blob>,
}

pub(super) fn announced(
    media_type: &str,
    blob: Blob,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Announced, ServeError> {
    let wrong = |reason| BundleError::Image { document: format!("the document {}", blob.digest), reason };
    let document = oci::parse(media_type, bytes, limits).map_err(|reason| TrustError::from(wrong(reason)))?;
    let (documents, blobs): (Vec<_>, Vec<_>) = match &document {
        OciDocument::Index(children) => {
            (children.iter().map(|child| (child.media_type.clone(), child.blob())).collect(), Vec::new())
        }
        OciDocument::Manifest { config, layers } => {
            (Vec::new(), std::iter::once(config).chain(layers).map(Descriptor::blob).collect())
        }
    };
    let about = ServedDocument {
        referring: ReferrerEntry::of(media_type, bytes),
        subject: oci::subject(bytes),
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

    fn about(change: impl FnOnce(String) -> String) -> ServedDocument {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/x","digest":"{D}","size":2}},"layers":[],"artifactType":"application/spdx","subject":{{"digest":"{D}"}},"annotations":{{"a":"b"}}}}"#
        );
        let blob = Blob { digest: Digest::of(b""), size: 0 };
        announced(oci::OCI_MANIFEST, blob, change(text).as_bytes(), &Limits::v1()).unwrap().about
    }

    #[test]
    fn the_type_of_an_artifact_falls_back_to_its_configuration() {
        let whole = about(|text| text);
        assert_eq!(whole.referring.artifact_type.as_deref(), Some("application/spdx"));
        assert_eq!((whole.subject, whole.referring.annotations.len()), (Some(D.parse().unwrap()), 1));
        assert_eq!(
            about(|text| text.replace("application/spdx", "")).referring.artifact_type.as_deref(),
            Some("application/x")
        );
        let other = about(|text| text.replace("artifactType", "artifactTypo"));
        assert_eq!(other.referring.artifact_type.as_deref(), Some("application/x"));
    }

    #[test]
    fn odd_annotations_do_not_hide_the_image() {
        assert_eq!(about(|text| text.replace(r#""b""#, "7")).parts.len(), 1);
    }
}
