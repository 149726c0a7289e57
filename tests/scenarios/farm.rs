//! Everything that the manifests name, as stand-ins under the real names: a registry, a web server and repositories of
//! git on loopback, and the manifests with the few values that a stand-in cannot have.

use super::{SCENARIOS, charts, stand_ins};
use crate::cli::Shop;
use crate::registry::images::Content;
use crate::registry::real::{Real, free_port};
use crate::registry::runnable::speaking;
use sealift_bundle::value::digest::Digest;
use sealift_plan::manifest::{ChartPlace, Manifest, ManifestItem, PullSource, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Items whose image really runs; the one that says its name is [`super::journey::SPEAKER`].
const RUN: [&str; 3] = ["server", "postgres-13", "nginx"];
/// How many values of each kind a stand-in cannot have: digests of downloads, digests of images, commits.
const REPLACED: [(&str, usize); 3] = [("sha256", 1), ("@sha256", 2), ("commit", 7)];

pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}

/// The farm, until the last test that uses it is over.
pub struct Farm {
    shop: Shop,
    registry: Real,
    web: Child,
    /// The flags that lead `lock` here.
    pub mirrors: String,
}

static FARM: Mutex<Weak<Farm>> = Mutex::new(Weak::new());

impl Farm {
    /// One for all tests that run at the same time.
    pub fn shared() -> Arc<Self> {
        let mut farm = FARM.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        farm.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Building::default().build());
            *farm = Arc::downgrade(&new);
            new
        })
    }

    /// The manifests as they are locked here.
    pub fn manifests(&self) -> PathBuf {
        self.shop.path("manifests")
    }

    /// Host and port of the registry of stand-ins.
    pub fn registry(&self) -> &str {
        &self.registry.open
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let _ = self.web.kill();
        let _ = self.web.wait();
    }
}

/// What is to be replaced in the manifests: kind, old, new.
type Replaced = BTreeSet<(&'static str, String, String)>;

#[derive(Default)]
struct Building {
    replaced: Replaced,
    registries: BTreeSet<String>,
    hosts: BTreeSet<String>,
    /// Packed charts of each repository, by name and version.
    charts: BTreeMap<String, BTreeMap<(String, String), Vec<u8>>>,
}

impl Building {
    fn build(mut self) -> Farm {
        let (shop, registry) = (Shop::new(), Real::new());
        let items = SCENARIOS
            .iter()
            .flat_map(|scenario| Manifest::open(&source().join(format!("{scenario}.toml"))).unwrap().items);
        // One item may be in several manifests.
        let items: BTreeMap<String, ManifestItem> =
            items.map(|item| (format!("{} {:?}", item.name, item.source), item)).collect();
        for item in items.values() {
            match &item.source {
                Source::Pull(pull) => self.image(item, pull, &shop, &registry),
                Source::Url { url, sha256, .. } => self.download(item, url.as_str(), *sha256, &shop),
                _ => {}
            }
        }
        // Charts have the digests of the stand-ins in their values.
        for item in items.values() {
            if let Source::Chart { place, version } = &item.source {
                self.chart(place, version, &registry);
            }
        }
        self.repositories(&shop);
        self.indexes(&shop);
        self.manifests(&shop);
        let port = free_port();
        let mirrors = self.flags(&shop, registry.open.as_str(), port);
        let web = web(&shop.path("web"), port);
        Farm { shop, registry, web, mirrors }
    }

    fn image(&mut self, item: &ManifestItem, pull: &PullSource, shop: &Shop, registry: &Real) {
        let (reference, name) = (&pull.reference, item.name.as_str());
        let tag = reference.tag().expect(name);
        let content = if RUN.contains(&name) {
            speaking(shop, name, tag).content
        } else {
            stand_ins::image(name, tag).0
        };
        if let Some(digest) = reference.digest() {
            self.replaced.insert(("@sha256", digest.to_string(), content.tags[tag].to_string()));
        }
        self.push(registry, reference.repository(), &content);
    }

    fn push(&mut self, registry: &Real, repository: &str, content: &Content) {
        self.registries.insert(repository.split('/').next().unwrap().to_owned());
        registry.push(repository, content);
    }

    fn download(&mut self, item: &ManifestItem, url: &str, sha256: Option<Digest>, shop: &Shop) {
        let bytes = stand_ins::download(item, url);
        if let Some(sha256) = sha256 {
            self.replaced.insert(("sha256", sha256.hex(), Digest::of(&bytes).hex()));
        }
        self.serve(shop, url, &bytes);
    }

    /// Puts a file where the web server, or the folder in its place, has that address.
    fn serve(&mut self, shop: &Shop, url: &str, bytes: &[u8]) {
        let place = url.strip_prefix("https://").unwrap();
        self.hosts.insert(place.split('/').next().unwrap().to_owned());
        let path = shop.path("web").join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn chart(&mut self, place: &ChartPlace, version: &str, registry: &Real) {
        let pins: Vec<_> = self.replaced.iter().map(|(_, old, new)| (old.clone(), new.clone())).collect();
        match place {
            ChartPlace::Repository { url, name } => {
                let packed = charts::packed(name, version, &pins);
                let key = (name.clone(), version.to_owned());
                self.charts.entry(url.as_str().to_owned()).or_default().insert(key, packed);
            }
            ChartPlace::Registry(reference) => {
                let name = reference.path().rsplit('/').next().unwrap();
                let packed = charts::packed(name, version, &pins);
                let content = stand_ins::chart_in_a_registry(name, version, &packed);
                self.push(registry, reference.repository(), &content);
            }
        }
    }

    /// `index.yaml` of each repository of charts. Most publishers keep the charts themselves with their releases.
    fn indexes(&mut self, shop: &Shop) {
        for (repository, charts) in std::mem::take(&mut self.charts) {
            let mut index = "apiVersion: v1\nentries:\n".to_owned();
            for ((name, version), packed) in charts {
                let url = match repository.as_str() {
                    "https://helm.mattermost.com" | "https://helm.elastic.co" => {
                        format!("{repository}/{name}-{version}.tgz")
                    }
                    _ => format!("https://github.com/charts/releases/download/{name}-{version}.tgz"),
                };
                index += &format!(
                    "  {name}:\n  - apiVersion: v2\n    digest: {}\n    name: {name}\n    urls:\n    - {url}\n    version: {version}\n",
                    Digest::of(&packed).hex()
                );
                self.serve(shop, &url, &packed);
            }
            self.serve(shop, &format!("{repository}/index.yaml"), index.as_bytes());
        }
    }

    /// A repository for each that a manifest names, with a file for each pattern and one that no pattern takes.
    fn repositories(&mut self, shop: &Shop) {
        let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for text in texts(&source(), "toml") {
            let table: toml::Table = std::fs::read_to_string(text).unwrap().parse().unwrap();
            let items = table.values().filter_map(toml::Value::as_array).flatten();
            for item in items.filter(|item| item.get("git").is_some()) {
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                let include = item["include"].as_array().unwrap().iter();
                let patterns = include.map(|pattern| pattern.as_str().unwrap().to_owned());
                found.entry((text("git"), text("commit"))).or_default().extend(patterns);
            }
        }
        assert_eq!(found.len(), 2, "{found:?}");
        for (number, ((url, commit), patterns)) in found.into_iter().enumerate() {
            let place = url.strip_prefix("https://").unwrap();
            self.hosts.insert(place.split('/').next().unwrap().to_owned());
            let folder = shop.path(format!("repository-{number}"));
            let paths = patterns.iter().map(|pattern| {
                pattern.replace("/**/", "/guide/").replace("**", "conf.d/default.conf").replace('*', "")
            });
            for path in paths.chain(["source/images/picture.png".to_owned()]) {
                let file = folder.join(&path);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text_of(&path)).unwrap();
            }
            let made = shop.done(&format!(
                "cd {}; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
                 git init -q; git add .
                 git -c user.name=test -c user.email=test@example.org commit -q --date=@0 -m pages
                 git rev-parse HEAD; mkdir -p \"$(dirname {2}/web/{1})\"; git clone -q --bare . {2}/web/{1}",
                folder.display(),
                place,
                shop.path("").display()
            ));
            self.replaced.insert(("commit", commit, made.out.trim().to_owned()));
        }
    }

    /// A copy of the manifests, with what had to be replaced, and with what a packer puts into the folders.
    fn manifests(&self, shop: &Shop) {
        shop.done(&format!("cp -r {} manifests", source().display()));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for path in
            texts(&shop.path("manifests"), "toml").into_iter().chain(texts(&shop.path("manifests"), "yaml"))
        {
            let mut text = std::fs::read_to_string(&path).unwrap();
            for (kind, old, new) in &self.replaced {
                *counts.entry(kind).or_default() += text.matches(old).count();
                text = text.replace(old, new);
            }
            std::fs::write(path, text).unwrap();
        }
        assert_eq!(counts, REPLACED.into(), "values that a stand-in cannot have");
        for (path, text) in CONTENT {
            let path = shop.path("manifests/content").join(path);
            assert!(path.parent().unwrap().join("README.md").is_file(), "{}", path.display());
            std::fs::write(path, text).unwrap();
        }
    }

    fn flags(&self, shop: &Shop, registry: &str, port: u16) -> String {
        let web = shop.path("web").display().to_string();
        let mirror = |host: &String| match host.as_str() {
            "github.com" => format!("--mirror github.com=file://{web}/github.com "),
            host => format!("--mirror {host}=127.0.0.1:{port}/{host} "),
        };
        let pull = |host: &String| format!("--mirror {host}={registry}/{host} ");
        assert!(self.registries.is_disjoint(&self.hosts));
        self.registries.iter().map(pull).chain(self.hosts.iter().map(mirror)).collect()
    }
}

/// What a packer puts into the folders below `content`, as their READMEs say.
const CONTENT: [(&str, &[u8]); 11] = [
    ("certificates/site-ca.pem", b"-----BEGIN CERTIFICATE-----\nc3RhbmQtaW4=\n-----END CERTIFICATE-----\n"),
    (
        "certificates/partners/partner-a/ca.pem",
        b"-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n",
    ),
    (
        "certificates/partners/partner-b/ca.pem",
        b"-----BEGIN CERTIFICATE-----\nYg==\n-----END CERTIFICATE-----\n",
    ),
    (
        "certificates/partners/partner-c/ca.pem",
        b"-----BEGIN CERTIFICATE-----\nYw==\n-----END CERTIFICATE-----\n",
    ),
    ("evidence/scan.json", b"{\"findings\":[]}\n"),
    ("linux-packages/postgresql_17_amd64.deb", b"!<arch>\npostgresql"),
    ("docker-packages/docker.io_26_amd64.deb", b"!<arch>\ndocker"),
    ("models/chat/weights.gguf", b"GGUF\x03\x00\x00\x00 stand-in"),
    ("models/chat/TERMS.txt", b"terms of the model\n"),
    ("models/embedding/weights.gguf", b"GGUF\x03\x00\x00\x00 small stand-in"),
    ("models/translation/en_de.argosmodel", b"stand-in"),
];

/// What a file of a repository says.
fn text_of(path: &str) -> String {
    match path {
        "docker-compose.yml" => COMPOSE.to_owned(),
        "env.example" => ENV.to_owned(),
        other => format!("A stand-in for {other}.\n"),
    }
}

const COMPOSE: &str = r#"services:
  postgres:
    image: postgres:${POSTGRES_IMAGE_TAG}
    restart: ${RESTART_POLICY}
  mattermost:
    image: mattermost/${MATTERMOST_IMAGE}:${MATTERMOST_IMAGE_TAG}
    depends_on: [postgres]
  nginx:
    image: nginx:${NGINX_IMAGE_TAG}
"#;
const ENV: &str = "POSTGRES_IMAGE_TAG=13-alpine\nNGINX_IMAGE_TAG=alpine\nMATTERMOST_IMAGE=mattermost-enterprise-edition\nMATTERMOST_IMAGE_TAG=9.11.2\nRESTART_POLICY=unless-stopped\n";

/// Files with that ending, in a folder and below.
pub fn texts(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        // The example has every key, and names nothing that is anywhere.
        .filter(|path| !path.ends_with("example.toml"))
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    found.sort();
    found
}

fn web(folder: &Path, port: u16) -> Child {
    let child = Command::new("python3")
        .args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"])
        .arg(folder)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs apt-get install python3");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "the web server does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}
