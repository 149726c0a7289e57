//! A registry in memory that takes everything, except where a script says that it has a habit.

use super::images::{Content, OCI_GZIP, noise, with};
use super::listening::{Asked, Line, Listening};
use super::pull::{LOCK, images, reference};
use super::scripted::{Reply, Scripted};
use crate::cli::Shop;
use sealift_bundle::value::digest::Digest;
use serde_json::json;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// What has arrived, by repository and name.
#[derive(Default)]
pub struct Kept {
    pub blobs: HashMap<(String, String), Vec<u8>>,
    pub manifests: HashMap<(String, String), (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    begun: usize,
}

/// Until it is dropped.
pub struct Odd {
    pub host: String,
    pub kept: Arc<Mutex<Kept>>,
    listening: Listening,
}

/// One request with its body, and its path taken apart: `/v2/REPOSITORY/KIND/NAME?QUERY`.
pub struct Request<'a> {
    pub asked: &'a Asked,
    pub body: &'a [u8],
    pub repository: String,
    pub kind: &'static str,
    pub name: String,
    pub query: String,
    pub kept: Arc<Mutex<Kept>>,
}

impl Request<'_> {
    pub fn is(&self, method: &str, kind: &str) -> bool {
        self.asked.method == method && self.kind == kind
    }
}

impl Odd {
    pub fn new(habit: impl Fn(&Request<'_>) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", habit)
    }

    pub fn at(address: &str, habit: impl Fn(&Request<'_>) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let mine = Arc::clone(&kept);
        let listening = Listening::at(address, Duration::from_secs(20), move |asked, _, line| {
            let Line { reader, stream } = line;
            let mut body = vec![0; asked.len()];
            reader.read_exact(&mut body)?;
            let request = taken_apart(asked, &body, Arc::clone(&mine));
            let reply = habit(&request).unwrap_or_else(|| mine.lock().unwrap().answer(&request));
            stream.write_all(reply.bytes())
        });
        Self { host: listening.host.clone(), kept, listening }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.listening.asked()
    }

    pub fn count(&self, method: &str, words: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.contains(words)).count()
    }

    /// The digest that a tag leads to.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<Digest> {
        let kept = self.kept.lock().unwrap();
        kept.manifests.get(&(repository.to_owned(), tag.to_owned())).map(|(_, bytes)| Digest::of(bytes))
    }
}

fn taken_apart<'a>(asked: &'a Asked, body: &'a [u8], kept: Arc<Mutex<Kept>>) -> Request<'a> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let path = path.trim_start_matches("/v2/");
    let kinds = ["/blobs/uploads/", "/blobs/", "/manifests/", "/referrers/"];
    let found = kinds.into_iter().find_map(|kind| Some((kind, path.split_once(kind)?)));
    let (kind, (repository, name)) = found.unwrap_or(("", (path, "")));
    let (repository, name, query) = (repository.to_owned(), name.to_owned(), query.to_owned());
    Request { asked, body, repository, kind: kind.trim_matches('/'), name, query, kept }
}

impl Kept {
    fn answer(&mut self, request: &Request<'_>) -> Reply {
        let missing = || Reply::new(404, "", b"");
        let Request { repository, name, body, .. } = request;
        let key = (repository.clone(), name.clone());
        match (request.asked.method.as_str(), request.kind) {
            ("POST", "blobs/uploads") => {
                self.begun += 1;
                let id = format!("u{}", self.begun);
                self.uploads.insert(id.clone(), Vec::new());
                Reply::new(202, &format!("Location: /v2/{repository}/blobs/uploads/{id}"), b"")
            }
            ("PATCH", "blobs/uploads") => {
                let upload = self.uploads.entry(name.clone()).or_default();
                upload.extend_from_slice(body);
                let range = format!("Range: 0-{}", upload.len().saturating_sub(1));
                Reply::new(202, &format!("Location: /v2/{repository}/blobs/uploads/{name}\n{range}"), b"")
            }
            ("PUT", "blobs/uploads") => {
                let mut bytes = self.uploads.remove(name).unwrap_or_default();
                bytes.extend_from_slice(body);
                let digest = request.query.replace("digest=", "").replace("%3A", ":");
                if Digest::of(&bytes).to_string() != digest {
                    return Reply::new(400, "", b"");
                }
                self.blobs.insert((repository.clone(), digest), bytes);
                Reply::new(201, "", b"")
            }
            ("PUT", "manifests") => {
                let digest = Digest::of(body).to_string();
                let kept = (request.asked.header("content-type").unwrap().to_owned(), body.to_vec());
                self.manifests.insert(key, kept.clone());
                self.manifests.insert((repository.clone(), digest), kept);
                Reply::new(201, "", b"")
            }
            (_, "manifests") => match self.manifests.get(&key) {
                Some((kind, bytes)) => {
                    let digest = Digest::of(bytes);
                    Reply::new(200, &format!("Content-Type: {kind}\nDocker-Content-Digest: {digest}"), bytes)
                }
                None => missing(),
            },
            (_, "blobs") => self.blobs.get(&key).map_or_else(missing, |bytes| Reply::new(200, "", bytes)),
            ("GET", "") => Reply::new(200, "", b"{}"),
            _ => missing(),
        }
    }
}

/// A bundle of four images: `one`, with a signature and an SBOM, and `two` share a layer; `large` takes several pieces;
/// `hub` has another name of Docker Hub. Commands of several tests may read it at the same time.
pub fn bundle() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let shop = Shop::new();
        let mut content = Content::default();
        let shared = content.blob(OCI_GZIP, &noise(3000, 1));
        let large = content.blob(OCI_GZIP, &noise(9 << 20, 2));
        let one = content.manifest("amd64", std::slice::from_ref(&shared), json!({}));
        let two = content.manifest("arm64", &[shared], json!({}));
        let large = content.manifest("amd64", &[large], json!({}));
        let sbom = content.referrer(&one, "application/spdx+json", b"{\"spdxVersion\":\"SPDX-2.3\"}");
        content.refer(&one, std::slice::from_ref(&sbom));
        let payload = content.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{\"critical\":{}}");
        let signature = content.manifest("", &[payload], json!({}));
        content.tag(&signature, &format!("sha256-{}.sig", super::images::digest(&one).hex()));
        for (tag, manifest) in [("one", &one), ("two", &two), ("large", &large)] {
            content.tag(&with(manifest.clone(), json!({})), tag);
        }
        let source = Scripted::new(content, |_, _| None);
        let image = |name: &str| (reference(&source.host, &format!("app/{name}:{name}")), name.to_owned());
        let list: Vec<_> = ["one", "two", "large"].into_iter().map(image).collect();
        let mut all: Vec<_> = list.iter().map(|(keys, name)| (name.as_str(), keys.clone())).collect();
        all.push((
            "hub",
            "layout = \"demo/hello\"\nreference = \"index.docker.io/library/hello:1\"".to_owned(),
        ));
        images(&shop, &all);
        shop.done(LOCK);
        shop.done(super::load::PACK);
        shop
    })
}
