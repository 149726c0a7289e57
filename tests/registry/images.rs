//! Small images, made by hand.

use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const OCI_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// What a repository holds.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// Media type and bytes.
    pub documents: BTreeMap<Digest, (String, Vec<u8>)>,
    /// The digests of the documents in the order in which they were made.
    pub order: Vec<Digest>,
    pub tags: BTreeMap<String, Digest>,
}

/// The digest in a descriptor.
pub fn digest(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

/// A descriptor with more in it.
pub fn with(mut descriptor: Value, more: Value) -> Value {
    descriptor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    descriptor
}

/// Bytes that nobody can foresee or compress.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

impl Content {
    pub fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.blobs.insert(digest, bytes.to_vec());
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    }

    /// An index or a manifest; its own media type says which.
    pub fn document(&mut self, document: &Value) -> Value {
        let (media_type, bytes) =
            (document["mediaType"].as_str().unwrap(), document.to_string().into_bytes());
        let digest = Digest::of(&bytes);
        let descriptor =
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() });
        self.documents.insert(digest, (media_type.to_owned(), bytes));
        self.order.push(digest);
        descriptor
    }

    /// A manifest of an architecture with these layers.
    pub fn manifest(&mut self, architecture: &str, layers: &[Value], more: Value) -> Value {
        let config = json!({ "os": "linux", "architecture": architecture, "rootfs": { "type": "layers" } });
        let config = self.blob(oci::OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "config": config, "layers": layers,
        });
        self.document(&with(manifest, more))
    }

    pub fn index(&mut self, manifests: &[Value]) -> Value {
        self.document(&json!({ "schemaVersion": 2, "mediaType": oci::OCI_INDEX, "manifests": manifests }))
    }

    /// Says something about a document, as signatures and SBOMs do.
    pub fn referrer(&mut self, subject: &Value, kind: &str, text: &[u8]) -> Value {
        let config = self.blob("application/vnd.oci.empty.v1+json", b"{}");
        let layer = self.blob(kind, text);
        self.document(&json!({
            "schemaVersion": 2, "mediaType": oci::OCI_MANIFEST, "artifactType": kind,
            "config": config, "layers": [layer], "subject": subject,
        }))
    }

    /// Puts referrers under the tag that stands for the missing API.
    pub fn refer(&mut self, subject: &Value, referrers: &[Value]) {
        let index = self.index(referrers);
        self.tag(&index, &format!("sha256-{}", digest(subject).hex()));
    }

    pub fn tag(&mut self, descriptor: &Value, tag: &str) {
        self.tags.insert(tag.to_owned(), digest(descriptor));
    }

    /// The bytes of a blob or document.
    pub fn bytes(&self, digest: &Digest) -> &[u8] {
        self.blobs.get(digest).unwrap_or_else(|| &self.documents[digest].1)
    }
}

/// One manifest with a configuration and a layer, as `1`.
pub struct Simple {
    pub content: Content,
    pub manifest: Digest,
    pub config: Digest,
    pub layer: Digest,
}

pub fn simple(layer: &[u8]) -> Simple {
    let mut content = Content::default();
    let layer = content.blob(OCI_GZIP, layer);
    let manifest = content.manifest("amd64", std::slice::from_ref(&layer), json!({}));
    content.tag(&manifest, "1");
    let (manifest, layer) = (digest(&manifest), digest(&layer));
    let config = *content.blobs.keys().find(|digest| **digest != layer).unwrap();
    Simple { content, manifest, config, layer }
}

/// An image for two platforms, with the attestation of its builder, and everything that refers to it.
pub struct Many {
    pub content: Content,
    pub index: Value,
    pub amd64: Value,
    pub arm64: Value,
    pub attestation: Value,
    /// SBOM, signature of the SBOM, cosign's signature.
    pub referrers: Vec<Value>,
}

pub fn many() -> Many {
    let mut content = Content::default();
    let base = content.blob(OCI_GZIP, &noise(50_000, 1));
    let zstd = content.blob(oci::OCI_LAYER_ZSTD, &noise(3000, 2));
    let other = content.blob(OCI_GZIP, &noise(4000, 3));
    let amd64 = content.manifest("amd64", &[base.clone(), zstd], json!({}));
    let arm64 = content.manifest("arm64", &[base, other], json!({}));
    let statement = content.blob("application/vnd.in-toto+json", b"{\"built\":\"here\"}");
    let attestation =
        content.manifest("unknown", &[statement], json!({ "annotations": { "about": "amd64" } }));
    let platform = |os: &str, architecture: &str| json!({ "os": os, "architecture": architecture });
    let index = content.index(&[
        with(amd64.clone(), json!({ "platform": platform("linux", "amd64") })),
        with(
            arm64.clone(),
            json!({ "platform": with(platform("linux", "arm64"), json!({ "variant": "v8" })) }),
        ),
        with(attestation.clone(), json!({ "platform": platform("unknown", "unknown") })),
    ]);
    content.tag(&index, "1");
    let sbom = content.referrer(&index, "application/spdx+json", b"{\"spdxVersion\":\"SPDX-2.3\"}");
    let signature = content.referrer(&sbom, "application/vnd.example.signature", b"of the SBOM");
    content.refer(&index, std::slice::from_ref(&sbom));
    content.refer(&sbom, std::slice::from_ref(&signature));
    let payload = content.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{\"critical\":{}}");
    let cosign = content.manifest("", &[payload], json!({}));
    content.tag(&cosign, &format!("sha256-{}.sig", digest(&index).hex()));
    Many { content, index, amd64, arm64, attestation, referrers: vec![sbom, signature, cosign] }
}

/// A manifest list as Docker writes it; one of its layers is that of [`many`].
pub fn docker_list() -> (Content, Value) {
    let mut content = Content::default();
    let layer = content.blob(DOCKER_LAYER, &noise(50_000, 1));
    let config = content.blob(DOCKER_CONFIG, b"{\"os\":\"linux\",\"architecture\":\"amd64\"}");
    let manifest = content.document(&json!({
        "schemaVersion": 2, "mediaType": oci::DOCKER_MANIFEST, "config": config, "layers": [layer],
    }));
    let platform = json!({ "platform": { "os": "linux", "architecture": "amd64" } });
    let list = content.document(&json!({
        "schemaVersion": 2, "mediaType": oci::DOCKER_LIST, "manifests": [with(manifest, platform)],
    }));
    content.tag(&list, "2");
    (content, list)
}
