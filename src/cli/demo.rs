//! `sealift demo`: a guided tour with temporary keys, on content built into the program.

use super::error::CliError;
use super::lock::work;
use super::term::Term;
use super::{LIMITS, ThreadArgs, inspection_conditions, now, threads};
use sealift_bundle::format::member_reader::{self, MemberReader};
use sealift_bundle::pack::draft::Draft;
use sealift_bundle::pack::{Authority, Sealed, pack};
use sealift_bundle::store::Store;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::trust::root::{Expiry, Grant, Revoked, Role, Root, RootDraft, RootPolicy};
use sealift_bundle::trust::secret::SecretKey;
use sealift_bundle::trust::verify::{Depth, Looking, OpenBundle, Trusted, verify_contents};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;
use sealift_plan::lock::{Lock, path_for};
use sealift_plan::manifest::Manifest;
use sealift_plan::selection::Choice;
use sealift_registry::RegistryAccess;
use sealift_site::unpack::unpack;
use serde_json::json;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Run a guided tour in a temporary directory: pack, verify, reject a changed byte, unpack
///
/// Needs no network, no container engine, no keys and no privileges. All files are removed at the end, unless `--keep`
/// is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Work in this new directory and keep all files
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

const MANIFEST: &str = r#"[bundle]
name = "demo"
scenario = "air-gapped"
version = "1.0.0"

[[image]]
name = "hello"
layout = "hello"

[[doc]]
name = "handbook"
path = "docs"

[[config]]
name = "server"
path = "config"
"#;

const FILES: [(&str, &str); 4] = [
    ("docs/format.md", include_str!("../bundle/FORMAT.md")),
    ("docs/checking-without-sealift.txt", include_str!("../bundle/VERIFY.txt")),
    (
        "config/server.env",
        "MM_SERVICESETTINGS_ENABLELINKPREVIEWS=false\nMM_LOGSETTINGS_ENABLEDIAGNOSTICS=false\n",
    ),
    ("config/offline.json", "{\"ServiceSettings\":{\"EnableGifPicker\":false}}\n"),
];

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let temporary;
        let folder = if let Some(folder) = &self.keep {
            fs::create_dir(folder).map_err(|source| written(folder, source))?;
            folder.as_path()
        } else {
            temporary = tempfile::tempdir().map_err(|source| written(&std::env::temp_dir(), source))?;
            temporary.path()
        };
        Demo { term, folder, steps: std::cell::Cell::new(0) }.run()?;
        term.say("next: sealift init my-site.toml, in a directory with the content to pack");
        Ok(())
    }
}

struct Demo<'a> {
    term: &'a Term,
    folder: &'a Path,
    steps: std::cell::Cell<u32>,
}

impl Demo<'_> {
    fn run(&self) -> Result<(), CliError> {
        let (packer, root) = keys()?;
        let root_file = self.folder.join("root.json");
        write(&root_file, &root.chain()?)?;
        self.step(
            "key new, trust init",
            &format!("one packer can sign bundles; fingerprint {}", root.fingerprint()),
        )?;

        let draft = self.draft()?;
        let items = counted(draft.items.len() as u64, "item");
        self.step("lock demo.toml", &format!("{items}, each source pinned to digest and size"))?;

        let watch = self.term.watch("packing");
        let authority = Authority::new(&root, &[&packer], 1, &LIMITS)?;
        let bundle = pack(&draft, &authority, self.folder, None, threads(None), &LIMITS, &watch)?;
        drop(watch);
        let name = shown(&bundle.path);
        self.step(
            "pack demo.toml",
            &format!("{name}, {}, one file with its seal in front", ByteSize(bundle.size)),
        )?;

        let Verdict { checked, signer } = self.verify(&bundle, &root)?;
        self.step(
            &format!("verify {name}"),
            &format!("verified: sealed by {signer}, {checked} bytes checked"),
        )?;

        let config = self.cat(&bundle, &root)?;
        self.step(&format!("cat {name} server/offline.json"), config.trim_end())?;

        let (at, code) = self.flip(&bundle, &root)?;
        self.step(
            &format!("verify damaged-{name}"),
            &format!("byte {at} changed: rejected, {code}, exit code 3"),
        )?;

        let target = self.folder.join("site");
        let watch = self.term.watch("unpacking");
        let file = member_reader::open(&bundle.path)?;
        let conditions = inspection_conditions(&watch, ThreadArgs { threads: None })?;
        let unpacked = unpack(&mut MemberReader::file(&file), &root, &target, None, &conditions)?;
        drop(watch);
        for (path, content) in FILES {
            let path = match path.strip_prefix("docs/") {
                Some(path) => format!("doc/handbook/{path}"),
                None => path.replace("config/", "config/server/"),
            };
            if fs::read(target.join(&path)).map_err(|source| written(&target, source))? != content.as_bytes()
            {
                return Err(failed(&format!("comparing {path} with its source")));
            }
        }
        let what = format!(
            "{} and 1 image, identical to the sources, written atomically",
            counted(unpacked.files, "file")
        );
        self.step(&format!("unpack {name} --to site"), &what)
    }

    fn step(&self, command: &str, outcome: &str) -> Result<(), CliError> {
        self.steps.set(self.steps.get() + 1);
        let number = self.steps.get();
        let text = format!("{number}. sealift {}\n   {outcome}\n", self.term.paint(command, "1"));
        self.term.data("step", &json!({ "number": number, "command": command, "outcome": outcome }), &text)
    }

    fn draft(&self) -> Result<Draft, CliError> {
        for (path, content) in FILES {
            write(&self.folder.join(path), content.as_bytes())?;
        }
        write_image(&self.folder.join("hello"))?;
        let manifest = self.folder.join("demo.toml");
        write(&manifest, MANIFEST.as_bytes())?;
        let store = Store::open(&self.folder.join("store"))?;
        let watch = self.term.watch("locking");
        let access = RegistryAccess::default();
        let work = work(&manifest, &store, ThreadArgs { threads: None }, &watch, &access);
        let opened = Manifest::open(&manifest)?;
        let lock = Lock::make(&opened.choose(&Choice::default())?, &work, None, now()?)?;
        let text = lock.to_toml();
        write(&path_for(&manifest, None), text.as_bytes())?;
        Ok(lock.draft(Digest::of(text.as_bytes()), None, &work)?)
    }

    fn verify(&self, bundle: &Sealed, root: &PinnedRoot) -> Result<Verdict, CliError> {
        let watch = self.term.watch("verifying");
        let file = member_reader::open(&bundle.path)?;
        let mut tape = MemberReader::file(&file);
        let conditions = inspection_conditions(&watch, ThreadArgs { threads: None })?;
        let trusted = Trusted::open(&mut tape, root, &conditions)?;
        verify_contents(&trusted, &mut tape, &conditions, &Looking(Depth::Decoded))?;
        let signers: Vec<_> = trusted.signers().iter().map(|signer| signer.name.to_string()).collect();
        Ok(Verdict { checked: tape.position(), signer: signers.join(", ") })
    }

    fn cat(&self, bundle: &Sealed, root: &PinnedRoot) -> Result<String, CliError> {
        let watch = self.term.watch("reading");
        let file = member_reader::open(&bundle.path)?;
        let place =
            OpenBundle::open(file, root, inspection_conditions(&watch, ThreadArgs { threads: None })?)?;
        let text = place.read_file("server", "offline.json", LIMITS.document)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Changes one byte of the last layer in a copy, and checks that it is rejected.
    fn flip(&self, bundle: &Sealed, root: &PinnedRoot) -> Result<(u64, &'static str), CliError> {
        let copy = self.folder.join(format!("damaged-{}", shown(&bundle.path)));
        fs::copy(&bundle.path, &copy).map_err(|source| written(&copy, source))?;
        // The block before the two blocks that end the bundle: the end of its last layer.
        let at = bundle.size - 1024 - 512;
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&copy)
            .map_err(|source| written(&copy, source))?;
        let mut byte = [0];
        let flipped = file.read_exact_at(&mut byte, at).and_then(|()| file.write_all_at(&[!byte[0]], at));
        flipped.map_err(|source| written(&copy, source))?;
        let damaged = Sealed { path: copy, ..bundle.clone() };
        match self.verify(&damaged, root) {
            Ok(_) => Err(failed("rejecting the changed byte")),
            Err(error) => Ok((at, error.code().as_str())),
        }
    }
}

struct Verdict {
    checked: u64,
    signer: String,
}

/// A packer's key and a trust root with it; the secret keys are never written to disk.
fn keys() -> Result<(SecretKey, PinnedRoot), CliError> {
    let (signer, packer) = (SecretKey::generate()?, SecretKey::generate()?);
    let grant = |role, name: &str, key: &SecretKey| {
        let name = name.parse().map_err(|_| failed("naming a key"))?;
        Ok::<_, CliError>(Grant {
            role,
            threshold: 1,
            keys: vec![(name, key.public().clone())],
            scenarios: Vec::new(),
        })
    };
    let root = Root::new_v1(RootDraft {
        epoch: 1,
        created: now()?,
        expires: None,
        grants: vec![grant(Role::Root, "demo-root", &signer)?, grant(Role::Packer, "demo-packer", &packer)?],
        revoked: Revoked::default(),
        policy: RootPolicy { expiry: Expiry::Refuse, approvals: None },
    })?;
    let pinned = PinnedRoot::parse(&root.sign(&[&signer])?.encode()?, &LIMITS)?;
    Ok((packer, pinned))
}

/// An OCI layout with one image of one layer with one file.
fn write_image(folder: &Path) -> Result<(), CliError> {
    let layer = layer().map_err(|source| written(folder, source))?;
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        write(&folder.join("blobs/sha256").join(digest.hex()), bytes)?;
        Ok::<_, CliError>((digest, bytes.len()))
    };
    let (layer_digest, layer_size) = put(&layer)?;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/hello.txt"] },
        "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
    });
    let (config_digest, config_size) = put(config.to_string().as_bytes())?;
    let descriptor = |media_type: &str, digest: Digest, size: usize| json!({ "mediaType": format!("application/vnd.oci.image.{media_type}"), "digest": digest, "size": size });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config_digest, config_size),
        "layers": [descriptor("layer.v1.tar", layer_digest, layer_size)],
    });
    let (digest, size) = put(manifest.to_string().as_bytes())?;
    let mut root = descriptor("manifest.v1+json", digest, size);
    if let Some(root) = root.as_object_mut() {
        let name = json!({ "org.opencontainers.image.ref.name": "registry.example.com/demo/hello:1" });
        root.insert("annotations".to_owned(), name);
    }
    write(
        &folder.join("index.json"),
        json!({ "schemaVersion": 2, "manifests": [root] }).to_string().as_bytes(),
    )?;
    write(&folder.join("oci-layout"), sealift_bundle::format::member::OCI_LAYOUT_CONTENT)
}

fn layer() -> io::Result<Vec<u8>> {
    let content = b"hello from the other side\n";
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut layer = tar::Builder::new(Vec::new());
    layer.append_data(&mut header, "hello.txt", &content[..])?;
    layer.into_inner()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| written(folder, source))?;
    }
    fs::File::create(path).and_then(|mut file| file.write_all(bytes)).map_err(|source| written(path, source))
}

fn written(path: &Path, source: io::Error) -> CliError {
    CliError::Write { path: path.to_owned(), source }
}

fn failed(step: &str) -> CliError {
    CliError::Demo { step: step.to_owned() }
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
