//! Sources for tests.

use super::context::Work;
use sealift_bundle::store::Store;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::NoProgress;
use sealift_registry::RegistryAccess;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const LIMITS: Limits = Limits::v1();

/// A directory for sources and a store beside it.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    access: RegistryAccess,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let pause = std::time::Duration::from_millis(1);
        let mut access = RegistryAccess::default();
        (access.patience.attempts, access.patience.pause, access.patience.longest) = (3, pause, pause);
        Self { folder, store, access }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub(super) fn with<T>(&self, threads: usize, act: impl FnOnce(&Work<'_>) -> T) -> T {
        let folder = self.folder();
        act(&Work {
            folder: &folder,
            store: &self.store,
            threads,
            limits: &LIMITS,
            watch: &NoProgress,
            access: &self.access,
        })
    }

    /// Writes a file and the directories above it.
    pub(super) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

/// An OCI image layout in a directory.
pub(super) struct LayoutMaker {
    pub(super) path: PathBuf,
    listed: Vec<Value>,
}

impl LayoutMaker {
    pub(super) fn new(path: &Path) -> Self {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
        Self { path: path.to_owned(), listed: Vec::new() }
    }

    pub(super) fn blob(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = Digest::of(content);
        fs::write(self.path.join("blobs/sha256").join(digest.hex()), content).unwrap();
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": content.len() })
    }

    /// A manifest with one layer; `more` is added to it.
    pub(super) fn manifest(&self, layer: &[u8], more: &Value) -> Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", layer);
        let mut manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    pub(super) fn index(&self, children: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
        self.blob(INDEX, index.to_string().as_bytes())
    }

    pub(super) fn list(&mut self, mut descriptor: Value, annotations: &Value) {
        descriptor.as_object_mut().unwrap().insert("annotations".to_owned(), annotations.clone());
        self.listed.push(descriptor);
        let index = json!({ "schemaVersion": 2, "manifests": self.listed });
        fs::write(self.path.join("index.json"), index.to_string()).unwrap();
    }

    pub(super) fn tag(&mut self, descriptor: Value, name: &str) {
        self.list(descriptor, &json!({ "org.opencontainers.image.ref.name": name }));
    }
}

/// Packs a directory as a tar, with the names that `tar` gives: `./` in front.
pub(super) fn tar_of(folder: &Path, to: &Path) {
    let mut builder = tar::Builder::new(fs::File::create(to).unwrap());
    builder.append_dir_all(".", folder).unwrap();
    builder.finish().unwrap();
}

/// A tar of files and links: a target that is not empty makes a link.
pub(super) fn tar_with(to: &Path, members: &[(&str, &[u8], &str)]) {
    let mut builder = tar::Builder::new(fs::File::create(to).unwrap());
    for (name, content, target) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        if target.is_empty() {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        } else {
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, name, target).unwrap();
        }
    }
    builder.finish().unwrap();
}
