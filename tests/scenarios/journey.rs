//! One bundle from its manifest to a site and into the site's registry.

use super::farm::Farm;
use super::rendered;
use crate::cli::Shop;
use crate::registry::engine::PODMAN;
use crate::registry::load::log_in;
use crate::registry::real::{Door, PASSWORD, Real};
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::site_inputs::Parameter;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::format::Format;
use sealift_bundle::value::name::Name;
use sealift_plan::lock::{Lock, LockedImage, TreeSource, path_for};
use sealift_plan::manifest::Manifest;
use sealift_plan::selection::Choice;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The item whose image says `hello from server` when it runs.
pub const SPEAKER: &str = "server";

/// Which features travel. Some exclude each other, so there are two ways to take all that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choosing {
    None,
    /// Where two exclude each other, the first of the alphabet.
    First,
    /// Where two exclude each other, the last of the alphabet.
    Last,
}

impl Choosing {
    pub const ALL: [Self; 3] = [Self::None, Self::First, Self::Last];

    pub fn words(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::First => "all, `ingress-f5`",
            Self::Last => "all, `ingress-nginx`",
        }
    }

    fn of(self, manifest: &Manifest, variant: Option<&Name>) -> Choice {
        let mut names: Vec<_> = match self {
            Self::None => Vec::new(),
            Self::First | Self::Last => manifest.features.keys().cloned().collect(),
        };
        if self == Self::Last {
            names.reverse();
        }
        let mut choice = Choice { variant: variant.cloned(), features: Vec::new() };
        for name in names {
            choice.features.push(name);
            if manifest.choose(&choice).is_err() {
                choice.features.pop();
            }
        }
        choice
    }
}

/// What `check` finds where no digest is published.
const FIRST_USE: &str = "source.first-use";

/// What `check` said.
pub struct Checked {
    /// How many files have no published digest.
    pub first_use: usize,
    /// What the manifest explains: rule, and about what.
    pub explained: BTreeSet<(String, String)>,
}

/// What one journey measured.
pub struct Row {
    pub items: usize,
    pub files: usize,
    pub bytes: u64,
    pub checked: Checked,
    pub pack: Duration,
    pub install: Duration,
}

/// A workshop with a copy of the manifests, and a site with a registry behind TLS and a password.
pub struct Traveller {
    farm: Arc<Farm>,
    shop: Shop,
    site: Real,
    host: String,
    scenario: String,
    manifest: Manifest,
}

impl Traveller {
    pub fn new(scenario: &str) -> Self {
        let (farm, shop, mut site) = (Farm::shared(), Shop::new(), Real::new());
        let host = site.start(Door::Tls);
        shop.done(&format!("cp -r {} manifests", farm.manifests().display()));
        log_in(&shop, &host, PASSWORD);
        std::fs::copy(site.path("ca.crt"), shop.path("ca.crt")).unwrap();
        let manifest = Manifest::open(&shop.path(format!("manifests/{scenario}.toml"))).unwrap();
        Self { farm, shop, site, host, scenario: scenario.to_owned(), manifest }
    }

    /// The variants, or that there are none.
    pub fn variants(&self) -> Vec<Option<Name>> {
        match self.manifest.variants.as_slice() {
            [] => vec![None],
            some => some.iter().cloned().map(Some).collect(),
        }
    }

    /// What the manifest explains, as [`Checked`] has it.
    pub fn explanations(&self) -> BTreeSet<(String, String)> {
        self.manifest.accepts.iter().map(|one| (one.finding.as_str().to_owned(), one.about.clone())).collect()
    }

    /// The whole way, with everything that has to hold on it.
    pub fn go(&self, variant: Option<&Name>, choosing: Choosing) -> Row {
        let choice = choosing.of(&self.manifest, variant);
        println!("{} {variant:?} {choosing:?}: {:?}", self.scenario, choice.features);
        let chosen = self.manifest.choose(&choice).unwrap();
        let lock = self.lock(&choice);
        let travelling: BTreeSet<_> = chosen.items.iter().map(|item| &item.name).collect();
        let locked: BTreeSet<_> = lock
            .image
            .iter()
            .map(|image| &image.head.name)
            .chain(lock.trees().map(|tree| &tree.head.name))
            .collect();
        assert_eq!(locked, travelling);
        assert_eq!(lock.features, chosen.selection.features);
        let checked = self.check(variant, &lock);

        let (bundle, pack) = self.pack(variant, &lock);
        let overview = self.json(&format!("sealift inspect {bundle} --trust root.json --json"));
        assert_eq!(overview["items"].as_array().unwrap().len(), travelling.len(), "{overview}");
        let (install, named) = self.install(&bundle, &lock);
        self.load(&bundle, &lock);
        for digest in named {
            assert!(
                self.is_at_the_site(&lock, &digest),
                "settings name {digest}, and the registry has it not"
            );
        }
        self.serve(&bundle, &lock);

        let bytes = std::fs::metadata(self.shop.path(&bundle)).unwrap().len();
        let entries = lock.trees().flat_map(|tree| &tree.entries);
        let files = entries.filter(|entry| matches!(entry.node, Node::File { .. })).count();
        self.shop.done(&format!("rm -rf {bundle} site settings"));
        Row { items: travelling.len(), files, bytes, checked, pack, install }
    }

    fn json(&self, script: &str) -> Value {
        let out = self.shop.done(script).out;
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{script}: {error}: {out}"))
    }

    fn words(variant: Option<&Name>) -> String {
        variant.map_or_else(String::new, |variant| format!(" --variant {variant}"))
    }

    fn file(&self) -> String {
        format!("manifests/{}.toml", self.scenario)
    }

    fn lock(&self, choice: &Choice) -> Lock {
        let features: String = choice.features.iter().map(|name| format!(" --feature {name}")).collect();
        let words = Self::words(choice.variant.as_ref());
        let path = path_for(&self.shop.path(self.file()), choice.variant.as_ref());
        // Another choice is not a next bundle of the one before.
        let _ = std::fs::remove_file(&path);
        let lock =
            format!("sealift lock {}{words}{features} --store store {}", self.file(), self.farm.mirrors);
        self.shop.done(&lock);
        self.shop.done(&format!("{lock} --check"));
        Lock::open(&path).unwrap()
    }

    /// What `check` says. Nothing may be left that is neither fixed nor explained, but for the files whose publishers say
    /// no digest: those stay a matter for whoever locks.
    fn check(&self, variant: Option<&Name>, lock: &Lock) -> Checked {
        let words = Self::words(variant);
        let outcome = self.shop.run(&format!("sealift check {}{words} --store store --json", self.file()));
        assert!(outcome.code == Some(4) && outcome.is("check.findings"), "{}", outcome.shown());
        let report: Value = serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let (first, others): (Vec<_>, Vec<_>) = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] != "note")
            .partition(|finding| finding["rule"] == FIRST_USE);
        let shown: Vec<_> = others.iter().map(|one| format!("{one}")).collect();
        assert!(shown.is_empty(), "{}:\n{}", self.scenario, shown.join("\n"));
        let explained: BTreeSet<_> = report["accepted"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["finding"], "rule"), text(&one["finding"], "about")))
            .collect();
        let pinned: BTreeSet<_> = lock
            .trees()
            .filter(|tree| matches!(tree.source, TreeSource::Url { pin: Some(_), .. }))
            .map(|tree| tree.head.name.to_string())
            .collect();
        let mut said: BTreeSet<_> = first.iter().map(|finding| text(finding, "about")).collect();
        said.extend(explained.iter().filter(|(rule, _)| rule == FIRST_USE).map(|(_, about)| about.clone()));
        assert_eq!(said, pinned);
        Checked { first_use: first.len(), explained }
    }

    fn pack(&self, variant: Option<&Name>, lock: &Lock) -> (String, Duration) {
        let words = Self::words(variant);
        let begun = Instant::now();
        self.shop.done(&format!(
            "sealift pack {}{words} --key packer.key --store store --passphrase-fd 0 <<<pw",
            self.file()
        ));
        let took = begun.elapsed();
        let bundle = format!("{}-{}.sealift", lock.bundle.name, lock.bundle.version);
        self.shop.done(&format!("sealift verify {bundle} --trust root.json --deep"));
        (bundle, took)
    }

    fn install(&self, bundle: &str, lock: &Lock) -> (Duration, Vec<Digest>) {
        self.shop.done(&format!(
            "sealift site init site --trust root.json --scenario {} \
             --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\"",
            self.scenario
        ));
        let set: String = lock.parameter.iter().filter_map(|parameter| self.value(parameter)).collect();
        let file = format!("site/{}.parameters.toml", self.scenario);
        std::fs::write(self.shop.path(file), set).unwrap();
        let begun = Instant::now();
        let installed = self.json(&format!("sealift install site {bundle} --json"));
        let took = begun.elapsed();
        let names = |key: &str| -> Vec<String> {
            let name = |one: &Value| one["name"].as_str().or(one.as_str()).unwrap().to_owned();
            installed[key].as_array().into_iter().flatten().map(name).collect()
        };
        let secrets: BTreeSet<_> = lock.secret.iter().map(|secret| secret.name.to_string()).collect();
        assert!(!secrets.is_empty());
        assert_eq!(names("secrets").into_iter().collect::<BTreeSet<_>>(), secrets, "{installed}");
        let without: Vec<_> = lock.without.iter().map(Name::to_string).collect();
        assert_eq!(names("left_out"), without, "{installed}");
        let release = self.shop.path(format!("site/current/{}", self.scenario));
        (took, rendered::all(&release, lock))
    }

    fn is_at_the_site(&self, lock: &Lock, digest: &Digest) -> bool {
        let url = |path: &str| format!("http://{}/v2/{path}/manifests/{digest}", self.site.open);
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
        let paths = lock.image.iter().map(|image| image.reference.path());
        paths.into_iter().any(|path| ureq::get(url(path)).header("accept", accept).call().is_ok())
    }

    /// A line of the site's parameters: its registry, and whatever else has no default.
    fn value(&self, parameter: &Parameter) -> Option<String> {
        let value = match (parameter.name.as_str(), &parameter.default, parameter.format) {
            ("registry", ..) => self.host.as_str(),
            (_, Some(_), _) => return None,
            (.., Format::Host) => "chat.site.internal",
            (.., Format::Registry) => "store.site.internal:8333",
            (.., Format::Url) => "https://chat.site.internal",
            (.., Format::Number) => "42",
            (.., Format::Path) => "/srv/site",
            (.., Format::Email) => "help@site.internal",
            (.., Format::Word) => "site-word",
            (.., Format::Text) => "words of the site",
            (.., Format::Choice) => &parameter.choices[0],
        };
        Some(format!("{} = \"{value}\"\n", parameter.name))
    }

    /// Into the site's registry. Debian's registry refuses an index that lists what did not travel, so it gets the one
    /// platform; which digest that is stands in the index of the lock.
    fn load(&self, bundle: &str, lock: &Lock) {
        self.shop.done(&format!(
            "sealift load {bundle} --trust root.json -o settings --registry {} --authfile auth.json --ca-cert ca.crt \
             --platform linux/amd64",
            self.host
        ));
        let mapping: Value = serde_json::from_slice(&self.shop.read("settings/mapping.json")).unwrap();
        let mapped = mapping["images"].as_array().unwrap();
        assert_eq!(mapped.len(), lock.image.len(), "{mapping}");
        for image in &lock.image {
            let one = mapped.iter().find(|one| one["from"] == image.reference.as_str());
            let one = one.unwrap_or_else(|| panic!("`{}` is not in {mapping}", image.reference));
            assert_eq!(one["index"], image.digest.to_string());
            let (path, tag) = (image.reference.path(), image.reference.tag().unwrap());
            assert_eq!(one["to"], format!("{}/{path}:{tag}", self.host));
            let arrived = self.manifest(&self.site.open, path, tag);
            assert_eq!(one["digest"], Digest::of(&arrived).to_string());
            assert_eq!(Digest::of(&arrived), self.amd64(image), "{}", image.head.name);
        }
    }

    /// The digest of what the index that was locked lists for the site's machines, as it is at the source.
    fn amd64(&self, image: &LockedImage) -> Digest {
        let path = image.reference.repository();
        let index = self.manifest(self.farm.registry(), path, &image.digest.to_string());
        assert_eq!(Digest::of(&index), image.digest);
        let index: Value = serde_json::from_slice(&index).unwrap();
        let listed = index["manifests"].as_array().unwrap();
        let found = listed.iter().find(|one| one["platform"]["architecture"] == "amd64").unwrap();
        found["digest"].as_str().unwrap().parse().unwrap()
    }

    fn manifest(&self, host: &str, path: &str, what: &str) -> Vec<u8> {
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
        let request = ureq::get(format!("http://{host}/v2/{path}/manifests/{what}")).header("accept", accept);
        request
            .call()
            .unwrap_or_else(|error| panic!("{path} {what}: {error}"))
            .body_mut()
            .read_to_vec()
            .unwrap()
    }

    /// Offered in place, the index is the one of the publisher, and what is pulled by its digest runs.
    fn serve(&self, bundle: &str, lock: &Lock) {
        let script = format!("exec sealift serve {bundle} --trust root.json --listen 127.0.0.1:0 --json");
        let mut server =
            self.shop.command(&script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        let host = format!("127.0.0.1:{port}");
        for image in &lock.image {
            let served = self.manifest(&host, image.reference.repository(), &image.digest.to_string());
            assert_eq!(Digest::of(&served), image.digest);
        }
        let one = lock.image.iter().find(|image| image.head.name.as_str() == SPEAKER).or(lock.image.first());
        if let Some(image) = one {
            let name = format!("{host}/{}@{}", image.reference.repository(), image.digest);
            self.shop.done(&format!(
                "rm -rf pulled; skopeo copy -q --src-tls-verify=false docker://{name} dir:pulled"
            ));
            let pulled = Digest::of(&self.shop.read("pulled/manifest.json"));
            assert_eq!(pulled, self.amd64(image));
            if image.head.name.as_str() == SPEAKER {
                let script = format!("{PODMAN} pull --tls-verify=false {name} >pulled.log; run {name}");
                assert_eq!(self.shop.done(&script).out, format!("hello from {SPEAKER}\n"));
            }
        }
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
