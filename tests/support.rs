//! Bundles made in a few lines, sealed with throw-away keys.

use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::index::{Blob, Referrer};
use sealift_bundle::format::item::{ItemHead, ItemKind, Labels};
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::format::oci::{OCI_INDEX, OCI_MANIFEST};
use sealift_bundle::format::site_inputs::{Selection, SiteInputs};
use sealift_bundle::format::tree::Tree;
use sealift_bundle::pack::draft::{BlobSource, Draft, DraftImage, DraftItem, DraftTree};
use sealift_bundle::pack::{Authority, FrameStore, Sealed, pack};
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{ApprovalCheck, Approvals};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::Signer;
use sealift_bundle::trust::root::{Expiry, Grant, Revoked, Role, Root, RootDraft, RootPolicy};
use sealift_bundle::trust::secret::SecretKey;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::NoProgress;
use sealift_bundle::value::timestamp::Timestamp;
use std::path::{Path, PathBuf};

/// The limits of version 1.
pub static LIMITS: Limits = Limits::v1();
static NO_APPROVALS: Approvals = Approvals::none();

/// The day on which every test happens.
pub fn today() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

/// Two threads, the real limits, nobody watching.
pub fn conditions() -> Conditions<'static> {
    Conditions {
        now: today(),
        threads: 2,
        approvals: ApprovalCheck::Demanded(&NO_APPROVALS),
        limits: &LIMITS,
        watch: &NoProgress,
    }
}

/// A trust root with one key in each role.
pub struct Authorities {
    pub root: SecretKey,
    pub packer: SecretKey,
    pub chain: Vec<u8>,
    pub pinned: PinnedRoot,
    /// How many packers the root asks for.
    pub signatures: usize,
}

impl Authorities {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// As `new`, with terms changed.
    pub fn with(change: impl FnOnce(&mut RootDraft)) -> Self {
        let (root, packer) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let grant = |role, key: &SecretKey, name: &str| Grant {
            role,
            threshold: 1,
            keys: vec![(name.parse().unwrap(), key.public().clone())],
            scenarios: Vec::new(),
        };
        let mut terms = RootDraft {
            epoch: 1,
            created: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires: None,
            grants: vec![grant(Role::Root, &root, "root"), grant(Role::Packer, &packer, "packer")],
            revoked: Revoked::default(),
            policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
        };
        change(&mut terms);
        let packers = terms.grants.iter().filter(|grant| grant.role == Role::Packer);
        let signatures = packers.map(|grant| grant.threshold).max().unwrap_or(1);
        let envelope = Root::new_v1(terms).unwrap().sign(&[&root]).unwrap().encode().unwrap();
        let pinned = PinnedRoot::parse(&envelope, &LIMITS).unwrap();
        let chain = [&envelope[..], b"\n"].concat();
        Self { root, packer, chain, pinned, signatures }
    }

    /// Packs and seals a draft.
    pub fn pack(&self, draft: &Draft, folder: &Path) -> Sealed {
        self.pack_with(draft, folder, 2)
    }

    pub fn pack_with(&self, draft: &Draft, folder: &Path, threads: usize) -> Sealed {
        self.try_pack(draft, folder, threads, &LIMITS).unwrap()
    }

    pub fn try_pack(
        &self,
        draft: &Draft,
        folder: &Path,
        threads: usize,
        limits: &Limits,
    ) -> Result<Sealed, TrustError> {
        let authority = Authority::new(&self.pinned, &[&self.packer], self.signatures, limits)?;
        pack(draft, &authority, folder, None, threads, limits, &NoProgress)
    }

    /// Packs and seals a draft with frames of earlier packs.
    pub fn pack_from(
        &self,
        draft: &Draft,
        folder: &Path,
        frames: Option<&FrameStore>,
        threads: usize,
    ) -> Sealed {
        let authority = Authority::new(&self.pinned, &[&self.packer], self.signatures, &LIMITS).unwrap();
        pack(draft, &authority, folder, frames, threads, &LIMITS, &NoProgress).unwrap()
    }

    /// A seal over any bytes.
    pub fn seal(&self, statement: &[u8]) -> Vec<u8> {
        Envelope::sign(PayloadType::Statement, statement.to_vec(), &[&self.packer]).unwrap().encode().unwrap()
    }
}

/// A draft that items can be added to.
pub fn draft() -> Draft {
    Draft {
        name: "sample".parse().unwrap(),
        version: "1.0".parse().unwrap(),
        scenario: "air-gapped".parse().unwrap(),
        sequence: 1,
        previous: None,
        created: "2026-11-01T00:00:00Z".parse().unwrap(),
        expires: None,
        selection: Selection::default(),
        needs: SiteInputs::default(),
        lock: Digest::of(b"lock"),
        items: Vec::new(),
    }
}

pub fn head(name: &str, kind: ItemKind) -> ItemHead {
    ItemHead {
        name: name.parse().unwrap(),
        kind,
        origin: "test".to_owned(),
        license: None,
        labels: Labels::default(),
    }
}

/// What to put at a path of a tree.
pub enum Put<'a> {
    Dir,
    File(&'a [u8]),
    Program(&'a [u8]),
    Link(&'a str),
}

/// A tree whose files are written below `folder`.
pub fn tree(folder: &Path, name: &str, kind: ItemKind, entries: &[(&str, Put<'_>)]) -> DraftItem {
    let base = folder.join(format!("source-{name}"));
    let mut sources = Vec::new();
    let entries = entries.iter().map(|(path, put)| {
        let mut file = |content: &[u8], executable| {
            let source = base.join(path);
            std::fs::create_dir_all(source.parent().unwrap()).unwrap();
            std::fs::write(&source, content).unwrap();
            sources.push(source);
            Node::File { size: content.len() as u64, sha256: Digest::of(content), executable }
        };
        let node = match put {
            Put::Dir => Node::Dir,
            Put::File(content) => file(content, false),
            Put::Program(content) => file(content, true),
            Put::Link(target) => Node::Link { target: (*target).to_owned() },
        };
        Entry { path: path.parse().unwrap(), node }
    });
    let tree = Tree::new(entries.collect(), &LIMITS).unwrap();
    DraftItem::Tree(DraftTree { head: head(name, kind), tree, sources })
}

/// An image of one platform with these layers, its blobs as files below `folder`.
pub fn image(folder: &Path, name: &str, reference: &str, layers: &[&[u8]]) -> DraftItem {
    let mut blobs = Vec::new();
    let mut put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let path = folder.join(format!("blob-{}", digest.hex()));
        std::fs::write(&path, bytes).unwrap();
        blobs.push(BlobSource { digest, size: bytes.len() as u64, path, offset: 0 });
        (digest, bytes.len())
    };
    let (config, config_size) =
        put(br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#);
    let layers: Vec<String> = layers
        .iter()
        .map(|layer| {
            let (digest, size) = put(layer);
            format!(r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":{size}}}"#)
        })
        .collect();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":{config_size}}},"layers":[{}]}}"#,
        layers.join(",")
    );
    let (root, _) = put(manifest.as_bytes());
    DraftItem::Image(DraftImage {
        head: head(name, ItemKind::Image),
        reference: reference.parse().unwrap(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        root,
        blobs,
        withheld: Vec::new(),
        referrers: Vec::new(),
    })
}

/// An image of two platforms that travels with one, with a signature that only its tag connects with it, and with a
/// statement about that signature.
pub fn signed_image(folder: &Path, name: &str, reference: &str, layers: &[&[u8]]) -> DraftItem {
    let DraftItem::Image(plain) = image(folder, name, reference, layers) else { unreachable!() };
    let mut blobs = plain.blobs;
    let mut put = |text: String| {
        let (digest, size) = (Digest::of(text.as_bytes()), text.len() as u64);
        let path = folder.join(format!("blob-{}", digest.hex()));
        std::fs::write(&path, text).unwrap();
        blobs.push(BlobSource { digest, size, path, offset: 0 });
        Blob { digest, size }
    };
    let about = |config: Blob, layer: Blob, subject: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"text/plain","digest":"{}","size":{}}}]{subject}}}"#,
            config.digest, config.size, layer.digest, layer.size
        )
    };
    let (amd, arm) = (plain.root, Digest::of(b"a manifest that does not travel"));
    let amd_size = std::fs::metadata(folder.join(format!("blob-{}", amd.hex()))).unwrap().len();
    let root = put(format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","digest":"{amd}","size":{amd_size},"platform":{{"architecture":"amd64","os":"linux"}}}},{{"mediaType":"{OCI_MANIFEST}","digest":"{arm}","size":31,"platform":{{"architecture":"arm64","os":"linux"}}}}]}}"#
    ));
    let (config, layer) = (put("{}".to_owned()), put("signature".to_owned()));
    let signature = put(about(config, layer, ""));
    let subject = format!(
        r#","subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":{}}}"#,
        signature.digest, signature.size
    );
    let layer = put("time stamp".to_owned());
    let stamp = put(about(config, layer, &subject));
    let tag = Some(format!("sha256-{}.sig", root.digest.hex()));
    let media_type = OCI_MANIFEST.to_owned();
    DraftItem::Image(DraftImage {
        media_type: OCI_INDEX.to_owned(),
        root: root.digest,
        blobs,
        withheld: vec![arm],
        referrers: vec![
            Referrer { media_type: media_type.clone(), root: signature, tag },
            Referrer { media_type, root: stamp, tag: None },
        ],
        ..plain
    })
}

/// A small bundle with an image, a doc and a config.
pub fn sample(folder: &Path) -> Draft {
    let mut draft = draft();
    draft.items = vec![
        tree(
            folder,
            "runbooks",
            ItemKind::Doc,
            &[
                ("empty", Put::Dir),
                ("guide", Put::Dir),
                ("guide/install.md", Put::File(b"# Install\n\n1. verify\n2. unpack\n")),
                ("readme.md", Put::File(b"read me\n")),
                ("start.md", Put::Link("guide/install.md")),
            ],
        ),
        image(folder, "hello", "registry.example.com/tools/hello:1", &[b"layer one", b"layer two"]),
        tree(
            folder,
            "server",
            ItemKind::Config,
            &[("empty.conf", Put::File(b"")), ("run.sh", Put::Program(b"#!/bin/sh\nexit 0\n"))],
        ),
    ];
    draft
}

/// A tape over a file held in memory or on disk.
pub fn open(path: &Path) -> std::fs::File {
    sealift_bundle::format::member_reader::open(path).unwrap()
}

/// Everything below a folder: path, kind and mode, content.
pub fn listing(folder: &Path) -> Vec<(String, u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        for entry in std::fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            let metadata = entry.path().symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                std::fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                pending.push(path.clone());
                Vec::new()
            } else {
                std::fs::read(entry.path()).unwrap()
            };
            found.push((path.to_string_lossy().into_owned(), metadata.permissions().mode(), content));
        }
    }
    found.sort();
    found
}

/// A tape over bytes, as from a pipe.
pub fn pipe(bytes: &[u8]) -> MemberReader<'_> {
    MemberReader::pipe(bytes)
}
