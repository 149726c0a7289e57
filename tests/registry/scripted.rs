//! A registry that serves a small repository as it should, except where a script says otherwise.

pub use super::listening::Asked;

use super::images::Content;
use super::listening::Listening;
use sealift_bundle::format::oci;
use sealift_bundle::store::Store;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::NoProgress;
use sealift_plan::Work;
use sealift_plan::lock::Lock;
use sealift_plan::manifest::Manifest;
use sealift_plan::selection::Choice;
use sealift_registry::RegistryAccess;
use sealift_registry::endpoints::Patience;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// What is sent, and what happens then.
pub struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

enum Then {
    Close,
    /// The same again and again, until nobody listens.
    Repeat(Vec<u8>),
    /// Nothing, for a while.
    Hold,
}

impl Reply {
    /// A status, headers in lines, and a body without its length.
    pub fn raw(status: u16, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
        let headers: String = headers.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        Self { bytes: [head.as_bytes(), headers.as_bytes(), b"\r\n", body].concat(), then: Then::Close }
    }

    /// What goes over the line.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As `raw`, with its length.
    pub fn new(status: u16, headers: &str, body: &[u8]) -> Self {
        Self::raw(status, format!("{headers}\nContent-Length: {}", body.len()).trim_start(), body)
    }

    pub fn redirect(to: &str) -> Self {
        Self::new(307, &format!("Location: {to}"), b"")
    }

    /// So many bytes of it, and the connection is cut.
    pub fn cut(mut self, lost: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - lost);
        self
    }

    /// Nothing, for a while.
    pub fn silence() -> Self {
        Self { bytes: Vec::new(), then: Then::Hold }
    }

    pub fn hold(self) -> Self {
        Self { then: Then::Hold, ..self }
    }

    /// A body in chunks, without an end.
    pub fn endless(media_type: &str) -> Self {
        let head = Self::raw(200, &format!("Content-Type: {media_type}\nTransfer-Encoding: chunked"), b"");
        let chunk = [b"10000\r\n", vec![b' '; 0x10000].as_slice(), b"\r\n"].concat();
        Self { then: Then::Repeat(chunk), ..head }
    }
}

/// A registry, until it is dropped.
pub struct Scripted {
    pub host: String,
    listening: Listening,
}

impl Scripted {
    /// The script is told how often the same path was asked for before; where it says nothing, the content is served.
    pub fn new(
        content: Content,
        script: impl Fn(&Asked, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listening = Listening::new(Duration::from_secs(20), move |asked, before, line| {
            let before = before.iter().filter(|one| one.path == asked.path).count();
            let reply = script(asked, before).unwrap_or_else(|| content.answer(asked));
            line.stream.write_all(&reply.bytes)?;
            match reply.then {
                Then::Close => {}
                Then::Repeat(bytes) => while line.stream.write_all(&bytes).is_ok() {},
                Then::Hold => drop(line.reader.read(&mut [0])),
            }
            Ok(())
        });
        Self { host: listening.host.clone(), listening }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.listening.asked()
    }

    /// The requests whose path ends so.
    pub fn asked_for(&self, end: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.ends_with(end)).collect()
    }
}

impl Content {
    /// What a sound registry answers.
    pub fn answer(&self, asked: &Asked) -> Reply {
        let missing =
            || Reply::new(404, "Content-Type: application/json", br#"{"errors":[{"code":"MISSING"}]}"#);
        let name = asked.path.rsplit('/').next().unwrap_or_default();
        let digest = name.parse::<Digest>().ok();
        if asked.path.contains("/manifests/") {
            let digest = digest.or_else(|| self.tags.get(name).copied());
            let Some((digest, (media_type, bytes))) =
                digest.and_then(|digest| Some((digest, self.documents.get(&digest)?)))
            else {
                return missing();
            };
            return Reply::new(
                200,
                &format!("Content-Type: {media_type}\nDocker-Content-Digest: {digest}"),
                bytes,
            );
        }
        let Some(bytes) = digest.and_then(|digest| self.blobs.get(&digest)) else { return missing() };
        let from = asked
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match from {
            Some(from) => Reply::new(
                206,
                &format!("Content-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
                &bytes[from..],
            ),
            None => Reply::new(200, "Content-Type: application/octet-stream", bytes),
        }
    }
}

/// A folder that images are locked in.
pub struct Bench {
    pub folder: TempDir,
    pub store: Store,
    pub access: RegistryAccess,
    pub limits: Limits,
}

/// A failure: its code, all its words and its next step.
pub type Said = String;

impl Bench {
    /// Three attempts, without much of a pause.
    pub fn new() -> Self {
        let (pause, longest) = (Duration::from_millis(5), Duration::from_secs(2));
        let access = RegistryAccess {
            patience: Patience { attempts: 3, pause, longest },
            ..RegistryAccess::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store, access, limits: Limits::v1() }
    }

    /// Locks one image; `reference` begins after the host.
    pub fn lock(&self, server: &Scripted, reference: &str) -> Result<Lock, Said> {
        self.lock_with(&format!("reference = \"{}/{reference}\"", server.host))
    }

    /// Locks one image that has these keys.
    pub fn lock_with(&self, keys: &str) -> Result<Lock, Said> {
        let text = format!(
            "[bundle]\nname = \"sample\"\nscenario = \"air-gapped\"\nversion = \"1\"\n[[image]]\nname = \"app\"\n{keys}\n"
        );
        let work = Work {
            folder: self.folder.path(),
            store: &self.store,
            threads: 2,
            limits: &self.limits,
            watch: &NoProgress,
            access: &self.access,
        };
        let manifest = Manifest::parse(&text, "site.toml", Path::new("/nowhere")).unwrap();
        let chosen = manifest.choose(&Choice::default()).unwrap();
        Lock::make(&chosen, &work, None, crate::support::today()).map_err(|error| said(&error))
    }

    /// The file that holds what has arrived of a blob.
    pub fn partial(&self, digest: &Digest) -> std::path::PathBuf {
        self.folder.path().join(format!("store/blobs/sha256/.partial-{}", digest.hex()))
    }

    /// Compares everything in the store with its name.
    pub fn is_sound(&self) -> bool {
        is_sound(&self.folder.path().join("store"))
    }
}

/// True when every blob of a store is what its name says.
pub fn is_sound(store: &Path) -> bool {
    std::fs::read_dir(store.join("blobs/sha256")).unwrap().all(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        name.starts_with('.') || Digest::of(&std::fs::read(entry.path()).unwrap()).hex() == name
    })
}

/// A failure with everything that is below it.
pub fn said(error: &dyn Fault) -> Said {
    let mut text = format!("[{}]", error.code());
    let mut link: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = link {
        text += &format!(" {error};");
        link = error.source();
    }
    text + &error.hint().map_or_else(String::new, |hint| format!(" next: {hint}"))
}

/// A blob's or manifest's correct answer, changed.
pub fn manifest_reply(bytes: &[u8], more: &str) -> Reply {
    Reply::new(200, format!("Content-Type: {}\n{more}", oci::OCI_MANIFEST).trim_end(), bytes)
}

/// Counts what was asked for more than once.
pub fn repeated(asked: &[Asked]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for one in asked {
        *counts.entry(one.path.clone()).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}
