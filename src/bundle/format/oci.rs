//! OCI image indexes and manifests. Their bytes are kept as they are; only what they announce is parsed.

use super::image_json::{self, ImageJson};
use super::index::Blob;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::printable::Printable;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker image manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The four media types of documents.
pub const DOCUMENTS: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer that is a plain tar.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer that is a tar compressed with zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The platform of what runs on none: the attestations that `BuildKit` lists in an index.
pub const NO_PLATFORM: &str = "unknown/unknown";

/// A blob as a document names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: String,
    /// What they hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// `os/architecture[/variant]`, where the document says so; [`NO_PLATFORM`] whatever its variant.
    pub platform: Option<String>,
}

impl Descriptor {
    /// The blob it names.
    #[must_use]
    pub fn blob(&self) -> Blob {
        Blob { digest: self.digest, size: self.size }
    }
}

/// What an index or a manifest announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OciDocument {
    /// An index (or manifest list): further documents. A child of another media type is one that only an index which
    /// does not travel whole may list, because it has to be withheld.
    Index(Vec<Descriptor>),
    /// A manifest: one configuration and its layers.
    Manifest {
        /// The configuration.
        config: Descriptor,
        /// The layers, lowest first.
        layers: Vec<Descriptor>,
    },
}

/// True for the media types of documents that announce further blobs.
#[must_use]
pub fn is_document(media_type: &str) -> bool {
    DOCUMENTS.contains(&media_type)
}

/// Whether a configuration of this media type is that of an image. Engines run what has one of these; all else is an
/// artifact (OCI image spec 1.1, "Guidelines for Artifact Usage").
#[must_use]
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

/// Reads an index or manifest of the media type that its parent stated.
///
/// Both kinds of keys in one document, a media type inside that differs from the one outside, foreign layers, sizes above
/// the limit, and all that [`image_json`] refuses are refused: other tools would read such a document in another way
/// (CVE-2021-41190). An index may list media types that are unknown here (OCI image spec 1.1, "Image Index"): anyone who
/// reads the index decides whether such a child may be withheld.
pub fn parse(media_type: &str, bytes: &[u8], limits: &Limits) -> Result<OciDocument, String> {
    if bytes.len() as u64 > limits.document {
        return Err(format!("it has {} bytes, the limit is {}", bytes.len(), limits.document));
    }
    image_json::check(ImageJson::Document, bytes)?;
    let Object(raw) =
        serde_json::from_slice::<Object<RawDocument>>(bytes).map_err(|error| error.to_string())?;
    if raw.schema_version != 2 {
        return Err(format!("its schemaVersion is {}, expected 2", raw.schema_version));
    }
    if raw.media_type.as_ref().is_some_and(|inner| inner != media_type) {
        return Err(format!(
            "it calls itself `{}`, and its parent calls it `{}`",
            Printable(raw.media_type.unwrap_or_default()),
            Printable(media_type)
        ));
    }
    let descriptor = |Object(raw): Object<RawDescriptor>| raw.check(limits);
    match (media_type, raw.manifests, raw.config, raw.layers) {
        (OCI_INDEX | DOCKER_LIST, Some(manifests), None, None) => {
            Ok(OciDocument::Index(manifests.into_iter().map(descriptor).collect::<Result<_, _>>()?))
        }
        (OCI_MANIFEST | DOCKER_MANIFEST, None, Some(config), Some(layers)) => Ok(OciDocument::Manifest {
            config: descriptor(config)?,
            layers: layers.into_iter().map(descriptor).collect::<Result<_, _>>()?,
        }),
        (OCI_INDEX | DOCKER_LIST, ..) => {
            Err("an index has `manifests` and neither `config` nor `layers`".to_owned())
        }
        (OCI_MANIFEST | DOCKER_MANIFEST, ..) => {
            Err("a manifest has `config` and `layers` and no `manifests`".to_owned())
        }
        _ => Err(format!("`{}` is not a media type of an image index or manifest", Printable(media_type))),
    }
}

/// The digest that a document is about, if it is about one; for documents that [`parse`] has read.
#[must_use]
pub fn subject(bytes: &[u8]) -> Option<Digest> {
    let Object(raw) = serde_json::from_slice::<Object<RawDocument>>(bytes).ok()?;
    raw.subject.map(|Object(subject)| subject.digest)
}

/// How a list of referrers names a document that [`parse`] has read (OCI distribution 1.1, "Listing Referrers").
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrerEntry {
    /// What it is.
    pub media_type: String,
    /// What it hashes to.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// What kind of artifact it is: that of its configuration where it states none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its annotations, where they are of the form that the specification gives them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl ReferrerEntry {
    /// What a document says of itself.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |pointer: &str| document.pointer(pointer)?.as_str().filter(|text| !text.is_empty());
        let annotations = document.get("annotations").cloned().map(serde_json::from_value);
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: text("/artifactType").or_else(|| text("/config/mediaType")).map(str::to_owned),
            annotations: annotations.and_then(Result::ok).unwrap_or_default(),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDocument {
    schema_version: u64,
    media_type: Option<String>,
    manifests: Option<Vec<Object<RawDescriptor>>>,
    config: Option<Object<RawDescriptor>>,
    layers: Option<Vec<Object<RawDescriptor>>>,
    subject: Option<Object<RawSubject>>,
}

#[derive(serde::Deserialize)]
struct RawSubject {
    digest: Digest,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    urls: Option<Vec<IgnoredAny>>,
    platform: Option<Object<RawPlatform>>,
}

#[derive(serde::Deserialize)]
struct RawPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl RawPlatform {
    /// `os/architecture[/variant]`. Go writes no `variant` that is empty, so an empty one is none.
    fn name(&self) -> String {
        let Self { os, architecture, variant } = self;
        let name = format!("{os}/{architecture}");
        match variant.as_deref().filter(|variant| !variant.is_empty() && name != NO_PLATFORM) {
            Some(variant) => format!("{name}/{variant}"),
            None => name,
        }
    }
}

impl RawDescriptor {
    fn check(self, limits: &Limits) -> Result<Descriptor, String> {
        let foreign = self.media_type.contains("nondistributable") || self.media_type.contains(".foreign.");
        if foreign || self.urls.is_some_and(|urls| !urls.is_empty()) {
            return Err(format!(
                "{} is a foreign layer: its bytes are to be fetched from somewhere else",
                self.digest
            ));
        }
        if self.size > limits.bytes {
            return Err(format!("{} has {} bytes, the limit is {}", self.digest, self.size, limits.bytes));
        }
        let platform = self.platform.map(|Object(platform)| platform.name());
        Ok(Descriptor { media_type: self.media_type, digest: self.digest, size: self.size, platform })
    }
}

/// A JSON object; serde would fill a struct from an array as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMap<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OnlyMap(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn manifest() -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{D}","size":2}},"layers":[{{"mediaType":"{OCI_LAYER}","digest":"{D}","size":9,"annotations":{{}}}}]}}"#
        )
    }

    fn refused(text: &str) -> bool {
        parse(OCI_MANIFEST, text.as_bytes(), &Limits::v1()).is_err()
    }

    #[test]
    fn a_manifest_announces_its_blobs() {
        let document = parse(OCI_MANIFEST, manifest().as_bytes(), &Limits::v1()).unwrap();
        assert!(
            matches!(document, OciDocument::Manifest { layers, .. } if layers.len() == 1 && layers[0].size == 9)
        );
    }

    #[test]
    fn j23_documents_that_other_tools_would_read_differently() {
        let good = manifest();
        for (case, text) in [
            ("digest that is a path", good.replace(D, "sha256:../../x")),
            ("digest of 63", good.replace(D, &D[..D.len() - 1])),
            ("size -1", good.replace("\"size\":9", "\"size\":-1")),
            ("size 1e3", good.replace("\"size\":9", "\"size\":1e3")),
            ("size 2^53", good.replace("\"size\":9", "\"size\":9007199254740992")),
            ("urls", good.replace("\"annotations\":{}", "\"urls\":[\"https://x\"]")),
            (
                "foreign layer",
                good.replace(OCI_LAYER, "application/vnd.oci.image.layer.nondistributable.v1.tar"),
            ),
            ("manifest and index at once", good.replace("\"config\"", "\"manifests\":[],\"config\"")),
            ("another media type inside", good.replace(OCI_MANIFEST, OCI_INDEX)),
            ("doubled key", good.replace("\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2")),
            (
                "J04 array for a descriptor",
                good.replace(
                    &format!(r#"{{"mediaType":"{OCI_CONFIG}","digest":"{D}","size":2}}"#),
                    &format!(r#"["{OCI_CONFIG}","{D}",2,null,null]"#),
                ),
            ),
            ("no config", good.replace("config", "konfig")),
            ("two subjects", good.replace("\"config\"", "\"subject\":null,\"subject\":null,\"config\"")),
            (
                "a subject that is a text",
                good.replace("\"config\"", &format!("\"subject\":\"{D}\",\"config\"")),
            ),
            ("a subject without a digest", good.replace("\"config\"", "\"subject\":{\"size\":2},\"config\"")),
            ("schema 1", good.replace("\"schemaVersion\":2", "\"schemaVersion\":1")),
            ("trailing", format!("{good}x")),
            (
                "5 MB of annotations",
                good.replace(
                    "\"annotations\":{}",
                    &format!("\"annotations\":{{\"a\":\"{}\"}}", "x".repeat(5 << 20)),
                ),
            ),
        ] {
            assert_ne!(text, good, "{case}");
            assert!(refused(&text), "{case}");
        }
    }
}
