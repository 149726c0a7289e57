//! A second writer of bundles, for vectors: every stage can be broken before the next one is made from it.
//!
//! It stands on FORMAT.md, not on `pack`: frames are raw blocks, `VERIFY.txt` is one line, the tool has another name.
//! So vectors stay the same when zstd, the text of `VERIFY.txt` or the version of sealift change.

use crate::support::{LIMITS, Put};
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::member::{member_header, padding};
use sealift_bundle::format::tree;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::pae;
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::trust::secret::{Passphrase, SecretKey};
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::Digest;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The throw-away key of that name, out of `tests/keys/`.
pub fn key(name: &str) -> &'static SecretKey {
    static KEYS: OnceLock<HashMap<&str, SecretKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let names = ["root-1", "root-2", "packer-1", "packer-2", "packer-3", "stranger"];
        let open = |name| {
            let pem = std::fs::read_to_string(format!("tests/keys/{name}.key")).unwrap();
            let passphrase = Passphrase::new(String::from("vectors").into());
            (name, SecretKey::from_encrypted_pem(&pem, &passphrase).unwrap())
        };
        names.into_iter().map(open).collect()
    });
    &keys[name]
}

pub fn id(name: &str) -> String {
    key(name).public().id().to_string()
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A seal over `payload`, as the format spells it; `signers` are the name of the key and the id that is claimed.
pub fn seal(kind: &str, payload: &str, signers: &[(&str, String)]) -> String {
    let message = pae(kind, payload.as_bytes());
    let sign = |(name, id): &(&str, String)| (id.clone(), key(name).sign(&message).unwrap());
    let mut signatures: Vec<_> = signers.iter().map(sign).collect();
    signatures.sort();
    let signatures: Vec<_> =
        signatures.iter().map(|(id, sig)| format!(r#"{{"keyid":"{id}","sig":"{}"}}"#, base64(sig))).collect();
    let payload = base64(payload.as_bytes());
    format!(r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":[{}]}}"#, signatures.join(","))
}

/// A zstd frame of raw blocks; a single segment, content size in four bytes.
pub fn raw_frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0][..], &(bytes.len() as u32).to_le_bytes()].concat();
    let blocks: Vec<_> = bytes.chunks(128 << 10).collect();
    for (number, block) in blocks.iter().enumerate() {
        let head = (block.len() as u32) << 3 | u32::from(number + 1 == blocks.len());
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(*block);
    }
    frame
}

/// A doc, config or file before it is a manifest and two blobs.
#[derive(Clone)]
pub struct Tree {
    pub name: &'static str,
    pub kind: &'static str,
    /// Lines of the inventory's first frame, without its head.
    pub entries: Vec<String>,
    /// Lines of its second frame, without its head.
    pub frames: Vec<String>,
    /// What stands behind its second frame.
    pub behind: Vec<u8>,
    pub layer: Vec<u8>,
    /// Makes the stored inventory of the text of its two lists.
    pub pack: fn(&[u8], &[u8]) -> Vec<u8>,
}

impl Tree {
    pub fn new(name: &'static str, kind: &'static str, entries: &[(&str, Put<'_>)]) -> Self {
        let (entries, stream) = stream(entries);
        let cuts = [stream.len()];
        Self::from_stream(name, kind, entries, &stream, &cuts)
    }

    /// A tree whose stream is cut at these places; the last is its length.
    pub fn from_stream(
        name: &'static str,
        kind: &'static str,
        entries: Vec<String>,
        stream: &[u8],
        cuts: &[usize],
    ) -> Self {
        let mut tree = Self {
            name,
            kind,
            entries,
            frames: Vec::new(),
            behind: Vec::new(),
            layer: Vec::new(),
            pack: |entries, frames| [raw_frame(entries), raw_frame(frames)].concat(),
        };
        let mut from = 0;
        for cut in cuts {
            tree.push(&raw_frame(&stream[from..*cut]), cut - from);
            from = *cut;
        }
        tree
    }

    /// One more frame, listed as having `size` bytes.
    pub fn push(&mut self, frame: &[u8], size: usize) {
        let (offset, stored, sha256) = (self.layer.len(), frame.len(), Digest::of(frame).hex());
        self.frames
            .push(format!(r#"{{"offset":{offset},"stored":{stored},"size":{size},"sha256":"{sha256}"}}"#));
        self.layer.extend(frame);
    }

    /// The same tree with one other frame, listed as it is.
    pub fn with_frame(mut self, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Self {
        let (frame, size) = (change(std::mem::take(&mut self.layer)), self.stream_len());
        self.frames.clear();
        self.push(&frame, size);
        self
    }

    fn stream_len(&self) -> usize {
        let size = |line: &String| serde_json::from_str::<Value>(line).unwrap()["size"].as_u64().unwrap();
        self.frames.iter().map(size).sum::<u64>() as usize
    }

    /// The same tree with one text of its inventory replaced.
    pub fn with_entry(mut self, from: &str, to: &str) -> Self {
        assert!(self.entries.iter().any(|line| line.contains(from)), "{from}");
        for line in &mut self.entries {
            *line = line.replace(from, to);
        }
        self
    }

    pub fn inventory(&self) -> Vec<u8> {
        let text = |head: String, lines: &[String]| {
            let all = std::iter::once(head).chain(lines.iter().cloned()).map(|line| line + "\n");
            all.collect::<String>().into_bytes()
        };
        let entries = text(format!(r#"{{"inventory":1,"entries":{}}}"#, self.entries.len()), &self.entries);
        let frames = text(format!(r#"{{"frames":{}}}"#, self.frames.len()), &self.frames);
        [(self.pack)(&entries, &frames), self.behind.clone()].concat()
    }

    fn artifact_type(&self) -> String {
        format!("application/vnd.sealift.{}.v1", self.kind)
    }

    pub fn manifest(&self) -> String {
        let inventory = descriptor("application/vnd.sealift.inventory.v1+zstd", &self.inventory());
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+zstd", &self.layer);
        let (kind, name) = (self.artifact_type(), self.name);
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"{kind}","config":{inventory},"layers":[{layer}],"annotations":{{"dev.sealift.item.name":"{name}"}}}}"#
        )
    }
}

/// The lines of an inventory and the tar stream of these entries.
pub fn stream(entries: &[(&str, Put<'_>)]) -> (Vec<String>, Vec<u8>) {
    let (mut lines, mut stream) = (Vec::new(), Vec::new());
    for (path, put) in entries {
        let file = |content: &[u8], executable| Node::File {
            size: content.len() as u64,
            sha256: Digest::of(content),
            executable,
        };
        let (node, content) = match put {
            Put::Dir => (Node::Dir, &b""[..]),
            Put::File(content) => (file(content, false), *content),
            Put::Program(content) => (file(content, true), *content),
            Put::Link(target) => (Node::Link { target: (*target).to_owned() }, &b""[..]),
        };
        let entry = Entry { path: path.parse().unwrap(), node };
        lines.push(String::from_utf8(canonical::encode(&entry).unwrap()).unwrap());
        stream.extend(tree::head(&entry));
        stream.extend(content);
        stream.extend(padding(content.len() as u64));
    }
    stream.extend([0; 1024]);
    (lines, stream)
}

/// An item of any kind.
#[derive(Clone)]
pub enum Item {
    Tree(Tree),
    Image(Image),
}

/// An image before it is listed in the index.
#[derive(Clone)]
pub struct Image {
    pub name: &'static str,
    pub reference: &'static str,
    pub media_type: &'static str,
    pub root: String,
    /// Everything but the roots of the image and of its referrers.
    pub blobs: Vec<Vec<u8>>,
    /// The annotation, where there is one.
    pub withheld: Option<String>,
    pub referrers: Vec<Referrer>,
}

/// A manifest that is about an image, and the tag that leads to it.
#[derive(Clone)]
pub struct Referrer {
    pub root: String,
    pub tag: Option<String>,
}

impl Image {
    pub fn new(
        name: &'static str,
        reference: &'static str,
        media_type: &'static str,
        root: String,
        blobs: &[&str],
    ) -> Self {
        let blobs = blobs.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self { name, reference, media_type, root, blobs, withheld: None, referrers: Vec::new() }
    }

    /// The same image without these documents that its index lists.
    pub fn withholding(mut self, documents: &[&str]) -> Self {
        let mut digests: Vec<_> =
            documents.iter().map(|text| Digest::of(text.as_bytes()).to_string()).collect();
        digests.sort();
        self.withheld = Some(digests.join(","));
        self
    }

    /// The same image with one more referrer, whose configuration is `{}`.
    pub fn with_referrer(mut self, root: &str, tag: Option<String>, layers: &[&str]) -> Self {
        self.blobs.extend(std::iter::once(&"{}").chain(layers).map(|text| text.as_bytes().to_vec()));
        self.referrers.push(Referrer { root: root.to_owned(), tag });
        self
    }
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, Digest::of(bytes), bytes.len())
}

pub fn manifest(config: &str, layers: &[&str]) -> String {
    let layers: Vec<_> = layers.iter().map(|layer| descriptor(LAYER, layer.as_bytes())).collect();
    let config = descriptor(CONFIG, config.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{}]}}"#,
        layers.join(",")
    )
}

/// An index; each child is its bytes and, where it has one, its platform.
pub fn image_index(children: &[(&str, &str, Option<(&str, &str)>)]) -> String {
    let child = |(media_type, bytes, platform): &(&str, &str, Option<(&str, &str)>)| {
        let platform = platform.map_or_else(String::new, |(os, architecture)| {
            format!(r#","platform":{{"architecture":"{architecture}","os":"{os}"}}"#)
        });
        format!("{}{platform}}}", descriptor(media_type, bytes.as_bytes()).trim_end_matches('}'))
    };
    let children: Vec<_> = children.iter().map(child).collect();
    format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, children.join(","))
}

/// An image of one platform.
pub fn image(name: &'static str, reference: &'static str, config: &str, layers: &[&str]) -> Item {
    let root = manifest(config, layers);
    let blobs: Vec<_> = std::iter::once(config).chain(layers.iter().copied()).collect();
    Item::Image(Image::new(name, reference, MANIFEST, root, &blobs))
}

/// A manifest with these layers that is about another document.
pub fn about(media_type: &str, subject: &str, layers: &[&str]) -> String {
    let subject = descriptor(media_type, subject.as_bytes());
    format!(r#"{},"subject":{subject}}}"#, manifest("{}", layers).strip_suffix('}').unwrap())
}

/// The tag under which signatures of a document lie.
pub fn tag(subject: &str, suffix: &str) -> Option<String> {
    Some(format!("sha256-{}.{suffix}", Digest::of(subject.as_bytes()).hex()))
}

impl Item {
    /// The item as the index lists it, its referrers behind it.
    fn descriptors(&self) -> String {
        let annotated = |media_type: &str, root: &str, artifact: &str, annotations: &[(&str, &str)]| {
            let plain = descriptor(media_type, root.as_bytes());
            let annotations: Vec<_> =
                annotations.iter().map(|(key, value)| format!(r#""{key}":"{value}""#)).collect();
            let plain = plain.strip_suffix('}').unwrap();
            format!(r#"{plain}{artifact},"annotations":{{{}}}}}"#, annotations.join(","))
        };
        let item = |kind, name| {
            vec![
                ("dev.sealift.item.kind", kind),
                ("dev.sealift.item.name", name),
                ("dev.sealift.item.origin", "vectors"),
            ]
        };
        match self {
            Self::Image(image) => {
                let mut annotations = item("image", image.name);
                annotations.extend(image.withheld.as_deref().map(|list| ("dev.sealift.item.withheld", list)));
                annotations.push(("io.containerd.image.name", image.reference));
                annotations.push(("org.opencontainers.image.ref.name", image.reference));
                let mut all = vec![annotated(image.media_type, &image.root, "", &annotations)];
                for referrer in &image.referrers {
                    let mut annotations = vec![("dev.sealift.referrer.of", image.name)];
                    annotations.extend(referrer.tag.as_deref().map(|tag| ("dev.sealift.referrer.tag", tag)));
                    all.push(annotated(MANIFEST, &referrer.root, "", &annotations));
                }
                all.join(",")
            }
            Self::Tree(tree) => {
                let artifact = format!(r#","artifactType":"{}""#, tree.artifact_type());
                annotated(MANIFEST, &tree.manifest(), &artifact, &item(tree.kind, tree.name))
            }
        }
    }

    fn blobs(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Image(image) => {
                let roots = std::iter::once(&image.root).chain(image.referrers.iter().map(|one| &one.root));
                roots.map(|root| root.clone().into_bytes()).chain(image.blobs.clone()).collect()
            }
            Self::Tree(tree) => vec![tree.manifest().into_bytes(), tree.inventory(), tree.layer.clone()],
        }
    }
}

/// Everything behind the statement, before it is counted and listed.
pub struct Parts {
    pub index: String,
    pub docker: String,
    pub layout: String,
    pub verify: String,
    pub reserve: Vec<u8>,
    /// In the announced order.
    pub blobs: Vec<Vec<u8>>,
    /// What stands in `SHA256SUMS`, where it is not what belongs there.
    pub sums: Option<String>,
}

pub type Edit<T> = Box<dyn Fn(&mut T)>;
pub type Members = Vec<(String, Vec<u8>)>;

/// How to make a bundle, and what to break at which stage.
pub struct Recipe {
    pub chain: Vec<u8>,
    pub root_version: u64,
    pub items: Vec<Item>,
    pub signers: Vec<(&'static str, String)>,
    pub payload_type: &'static str,
    pub index: Edit<String>,
    pub parts: Edit<Parts>,
    pub statement: Edit<String>,
    pub seal: Edit<String>,
    pub members: Edit<Members>,
    pub bytes: Edit<Vec<u8>>,
}

fn nothing<T>() -> Edit<T> {
    Box::new(|_| {})
}

impl Recipe {
    pub fn of(chain: &[&[u8]], items: Vec<Item>) -> Self {
        Self {
            chain: chain.iter().flat_map(|root| [root, &b"\n"[..]].concat()).collect(),
            root_version: 1,
            items,
            signers: vec![("packer-1", id("packer-1"))],
            payload_type: STATEMENT_TYPE,
            index: nothing(),
            parts: nothing(),
            statement: nothing(),
            seal: nothing(),
            members: nothing(),
            bytes: nothing(),
        }
    }

    pub fn signers(mut self, names: &[&'static str]) -> Self {
        self.signers = names.iter().map(|name| (*name, id(name))).collect();
        self
    }

    pub fn index(mut self, edit: impl Fn(&mut String) + 'static) -> Self {
        self.index = Box::new(edit);
        self
    }

    pub fn parts(mut self, edit: impl Fn(&mut Parts) + 'static) -> Self {
        self.parts = Box::new(edit);
        self
    }

    pub fn statement(mut self, edit: impl Fn(&mut String) + 'static) -> Self {
        self.statement = Box::new(edit);
        self
    }

    pub fn seal(mut self, edit: impl Fn(&mut String) + 'static) -> Self {
        self.seal = Box::new(edit);
        self
    }

    pub fn members(mut self, edit: impl Fn(&mut Members) + 'static) -> Self {
        self.members = Box::new(edit);
        self
    }

    pub fn bytes(mut self, edit: impl Fn(&mut Vec<u8>) + 'static) -> Self {
        self.bytes = Box::new(edit);
        self
    }

    /// The statement, and the members behind it.
    pub fn unsealed(&self) -> (String, Members) {
        let manifests: Vec<_> = self.items.iter().map(Item::descriptors).collect();
        let mut index =
            format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, manifests.join(","));
        (self.index)(&mut index);
        let known: HashMap<String, Vec<u8>> = self
            .items
            .iter()
            .flat_map(Item::blobs)
            .map(|blob| (Digest::of(&blob).to_string(), blob))
            .collect();
        let mut walk =
            Walk { known: &known, found: Default::default(), docker: Vec::new(), withheld: Vec::new() };
        walk.index(&index);
        let mut parts = Parts {
            docker: format!("[{}]", walk.docker.join(",")),
            blobs: walk.blobs(),
            layout: r#"{"imageLayoutVersion":"1.0.0"}"#.to_owned(),
            verify: "See FORMAT.md.\n".to_owned(),
            reserve: vec![0; 700],
            sums: None,
            index,
        };
        (self.parts)(&mut parts);
        let name = |blob: &Vec<u8>| format!("blobs/sha256/{}", Digest::of(blob).hex());
        let mut members: Members = vec![
            ("seal/VERIFY.txt".to_owned(), parts.verify.into_bytes()),
            ("seal/RESERVE".to_owned(), parts.reserve),
            ("oci-layout".to_owned(), parts.layout.into_bytes()),
            ("index.json".to_owned(), parts.index.into_bytes()),
            ("manifest.json".to_owned(), parts.docker.into_bytes()),
        ];
        members.extend(parts.blobs.iter().map(|blob| (name(blob), blob.clone())));
        let line = |(name, bytes): &(String, Vec<u8>)| format!("{}  {name}\n", Digest::of(bytes).hex());
        let sums = parts.sums.unwrap_or_else(|| members.iter().map(line).collect());
        members.insert(0, ("seal/SHA256SUMS".to_owned(), sums.into_bytes()));
        let listed: Vec<_> = members[..6]
            .iter()
            .map(|(name, bytes)| {
                format!(
                    r#"{{"name":"{name}","size":{},"sha256":"{}"}}"#,
                    bytes.len(),
                    Digest::of(bytes).hex()
                )
            })
            .collect();
        let mut statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"index.json","digest":{{"sha256":"{}"}}}},{{"name":"seal/SHA256SUMS","digest":{{"sha256":"{}"}}}}],"predicateType":"https://sealift.dev/bundle/v1","predicate":{{"name":"vector","version":"1","scenario":"air-gapped","epoch":1,"sequence":1,"created":"2026-11-01T00:00:00Z","root_version":{},"lock":"{}","members":[{}],"totals":{{"items":{},"blobs":{},"bytes":{}}},"tool":{{"name":"vectors","version":"1"}}}}}}"#,
            Digest::of(&members[4].1).hex(),
            Digest::of(&members[0].1).hex(),
            self.root_version,
            Digest::of(b"lock"),
            listed.join(","),
            self.items.len(),
            parts.blobs.len(),
            parts.blobs.iter().map(Vec::len).sum::<usize>(),
        );
        (self.statement)(&mut statement);
        (statement, members)
    }

    /// The bytes of the bundle.
    pub fn make(&self) -> Vec<u8> {
        let (statement, rest) = self.unsealed();
        let mut seal = seal(self.payload_type, &statement, &self.signers);
        (self.seal)(&mut seal);
        let mut members: Members = vec![
            ("seal/roots.dsse.jsonl".to_owned(), self.chain.clone()),
            ("seal/bundle.dsse.json".to_owned(), seal.into_bytes()),
            ("seal/statement.json".to_owned(), statement.into_bytes()),
        ];
        members.extend(rest);
        (self.members)(&mut members);
        let mut bytes = Vec::new();
        for (name, content) in &members {
            let size = content.len() as u64;
            bytes.extend(member_header(name, size));
            bytes.extend(content);
            bytes.extend(padding(size));
        }
        bytes.extend([0; 1024]);
        (self.bytes)(&mut bytes);
        bytes
    }
}

/// The announced order, found by walking the documents.
struct Walk<'a> {
    known: &'a HashMap<String, Vec<u8>>,
    /// Documents, configurations, layers.
    found: [Vec<String>; 3],
    docker: Vec<String>,
    withheld: Vec<String>,
}

impl Walk<'_> {
    fn index(&mut self, index: &str) {
        let index: Value = serde_json::from_str(index).unwrap();
        let mut manifests = Vec::new();
        let lists = index["manifests"].as_array().unwrap().iter();
        let lists = lists.filter_map(|item| item["annotations"]["dev.sealift.item.withheld"].as_str());
        self.withheld = lists.flat_map(|list| list.split(',')).map(str::to_owned).collect();
        for item in index["manifests"].as_array().unwrap() {
            let mut images = Vec::new();
            self.document(item, &mut manifests, &mut images);
            let reference = &item["annotations"]["org.opencontainers.image.ref.name"];
            let amd64 = images.iter().find(|(platform, _)| platform == "linux/amd64");
            if let (Some(reference), Some((_, image))) = (reference.as_str(), amd64.or(images.first())) {
                let path =
                    |blob: &Value| blob["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
                let config = path(&image["config"]);
                let layers: Vec<_> = image["layers"].as_array().unwrap().iter().map(path).collect();
                let layers = Value::from(layers);
                self.docker
                    .push(format!(r#"{{"Config":"{config}","RepoTags":["{reference}"],"Layers":{layers}}}"#));
            }
        }
        let all: Vec<Value> = manifests;
        for manifest in &all {
            self.due(1, &manifest["config"]);
        }
        for layer in all.iter().flat_map(|manifest| manifest["layers"].as_array().unwrap()) {
            self.due(2, layer);
        }
    }

    fn document(
        &mut self,
        descriptor: &Value,
        manifests: &mut Vec<Value>,
        images: &mut Vec<(String, Value)>,
    ) {
        let digest = descriptor["digest"].as_str().unwrap();
        let Some(bytes) = self.known.get(digest) else { return };
        let document: Value = serde_json::from_slice(bytes).unwrap();
        let new = self.due(0, descriptor);
        if let Some(children) = document["manifests"].as_array() {
            let is_here = |child: &&Value| !self.withheld.iter().any(|digest| child["digest"] == **digest);
            for child in children.iter().filter(is_here).collect::<Vec<_>>() {
                self.document(child, manifests, images);
            }
        } else {
            let part = |key: &str| descriptor["platform"][key].as_str().unwrap_or_default().to_owned();
            let platform = format!("{}/{}", part("os"), part("architecture"));
            if document["config"]["mediaType"] == CONFIG && platform != "unknown/unknown" {
                images.push((platform, document.clone()));
            }
            if new {
                manifests.push(document);
            }
        }
    }

    fn due(&mut self, group: usize, descriptor: &Value) -> bool {
        let digest = descriptor["digest"].as_str().unwrap().to_owned();
        let new = !self.found.iter().flatten().any(|other| *other == digest);
        if new {
            self.found[group].push(digest);
        }
        new
    }

    fn blobs(&self) -> Vec<Vec<u8>> {
        self.found.iter().flatten().filter_map(|digest| self.known.get(digest)).cloned().collect()
    }
}

/// The root that a file holds.
pub fn pinned(bytes: &[u8]) -> PinnedRoot {
    PinnedRoot::parse(bytes, &LIMITS).unwrap()
}
