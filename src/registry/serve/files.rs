//! Serves files of trees to a browser. A path is looked up in the signed inventory of its tree, so no path can leave
//! it.

use super::answer::ServeAnswer;
use super::body::{Body, BodySource, NextPiece, PIECE};
use super::catalog::ServedBundle;
use super::error::ServeError;
use super::page;
use super::respond::{ResponseHead, begin};
use super::route::{self, NO_PAGE, NOT_BELIEVED, Refusal};
use super::state::ServeState;
use hyper::StatusCode;
use hyper::body::Bytes;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::inventory::Inventory;
use sealift_bundle::format::member_reader::same_digest;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::{FramePart, Verified};
use sealift_bundle::value::digest::{Digest, Hasher};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use tokio::sync::{Mutex, Semaphore};

/// Frames that are decoded at one time: one may have 16 MiB, and so may what it is decoded from.
const DECODING: usize = 3;
/// Decoded frames that are kept. A client that takes a file as fast as it comes finds its frame here; one that lets others
/// go before has it decoded again.
const FRAMES: usize = 4;
/// Inventories that are kept; the pages of one document ask for the same one again and again.
const KEPT: usize = 4;

/// A verified inventory, and whose it is.
type ServedInventory = (usize, String, Arc<Verified<Inventory>>);

/// A decoded frame, which was compared with its digest, and where it is from.
struct DecodedFrame {
    bundle: usize,
    item: String,
    number: usize,
    content: Arc<Verified<Vec<u8>>>,
}

/// What is at hand for reading trees.
pub(super) struct Shelf {
    inventories: Arc<Mutex<Vec<ServedInventory>>>,
    frames: std::sync::Mutex<Vec<DecodedFrame>>,
    decoding: Arc<Semaphore>,
}

impl Default for Shelf {
    fn default() -> Self {
        let decoding = Arc::new(Semaphore::new(DECODING));
        Self { inventories: Arc::default(), frames: std::sync::Mutex::default(), decoding }
    }
}

/// The inventory of a tree; read again only when others were asked for meanwhile.
async fn inventory(
    state: &Arc<ServeState>,
    number: usize,
    item: &str,
) -> Result<Arc<Verified<Inventory>>, Refusal> {
    // Anyone who waits here finds what the one before has read. Only one inventory is parsed at a time.
    let mut kept = Arc::clone(&state.shelf.inventories).lock_owned().await;
    if let Some((.., found)) =
        kept.iter().find(|(bundle, name, _)| (*bundle, name.as_str()) == (number, item))
    {
        return Ok(Arc::clone(found));
    }
    let (state, item) = (Arc::clone(state), item.to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let bundle = state.bundles.get(number).ok_or(NO_PAGE)?;
        match bundle.place.inventory(&item) {
            Ok(Some(found)) => {
                kept.truncate(KEPT - 1);
                kept.insert(0, (number, item, Arc::clone(&found)));
                Ok(found)
            }
            Ok(None) => Err(NO_PAGE),
            Err(error) => {
                state.report(number, &error.into());
                Err(NOT_BELIEVED)
            }
        }
    });
    work.await.unwrap_or(Err(NOT_BELIEVED))
}

/// Answers `/files/BUNDLE/ITEM/PATH`.
pub(super) async fn answer(
    state: &Arc<ServeState>,
    (key, item): (&str, &str),
    path: Option<&str>,
    after: Option<&str>,
    head: &ResponseHead,
) -> Result<ServeAnswer, Refusal> {
    let found = state.bundles.iter().enumerate().find(|(_, bundle)| bundle.key == key);
    let (number, bundle) = found.ok_or(NO_PAGE)?;
    let inventory = inventory(state, number, item).await?;
    let tree = &inventory.tree;
    let base = format!("/files/{}/{}", route::encode(key), route::encode(item));
    let Some(path) = path else { return Ok(ServeAnswer::redirect(&format!("{base}/"))) };
    let (name, is_folder) = path.strip_suffix('/').map_or((path, path.is_empty()), |name| (name, true));
    let entry = if name.is_empty() { None } else { Some(tree.get(name).ok_or(NO_PAGE)?) };
    let (entry, followed) = match entry {
        Some(Entry { path, node: Node::Link { target } }) => {
            (Some(tree.followed(path, target).ok_or(NO_PAGE)?), true)
        }
        Some(_) | None => (entry, false),
    };
    match entry {
        Some(entry @ Entry { node: Node::File { size, sha256, .. }, .. }) if !is_folder => {
            let (media_type, policy) = dress(entry.path.file_name(), &base, head.host.as_deref());
            let body = if head.only {
                Body::empty()
            } else {
                content(state, number, item, &inventory, entry).await?
            };
            let answer =
                ServeAnswer::new(StatusCode::OK, media_type, body).with("content-security-policy", &policy);
            Ok(answer
                .with("content-length", &size.to_string())
                .with("referrer-policy", "no-referrer")
                .with("etag", &format!("\"{sha256}\"")))
        }
        Some(Entry { node: Node::File { .. } | Node::Link { .. }, .. }) => Err(NO_PAGE),
        Some(entry) if followed || !is_folder => {
            Ok(ServeAnswer::redirect(&format!("{base}/{}/", route::encode(entry.path.as_str()))))
        }
        Some(_) | None => folder(state, (number, bundle, item), &inventory, (name, after), head).await,
    }
}

/// A directory: its own front page, or a list of what is in it.
async fn folder(
    state: &Arc<ServeState>,
    (number, bundle, item): (usize, &ServedBundle, &str),
    inventory: &Arc<Verified<Inventory>>,
    (name, after): (&str, Option<&str>),
    head: &ResponseHead,
) -> Result<ServeAnswer, Refusal> {
    let below = if name.is_empty() { String::new() } else { format!("{name}/") };
    if let Some(entry @ Entry { node: Node::File { size, .. }, .. }) =
        inventory.tree.get(&format!("{below}index.html"))
    {
        let base = format!("/files/{}/{}", route::encode(&bundle.key), route::encode(item));
        let (media_type, policy) = dress("index.html", &base, head.host.as_deref());
        let body =
            if head.only { Body::empty() } else { content(state, number, item, inventory, entry).await? };
        let answer =
            ServeAnswer::new(StatusCode::OK, media_type, body).with("content-security-policy", &policy);
        return Ok(answer.with("content-length", &size.to_string()).with("referrer-policy", "no-referrer"));
    }
    Ok(page::folder((&bundle.key, item), &below, after, &inventory.tree))
}

/// The content of a file, piece by piece, with its end held back until the digest of the whole file is right.
async fn content(
    state: &Arc<ServeState>,
    number: usize,
    item: &str,
    inventory: &Arc<Verified<Inventory>>,
    entry: &Entry,
) -> Result<Body, Refusal> {
    let Node::File { size, sha256, .. } = entry.node else { return Err(NO_PAGE) };
    let bundle = state.bundles.get(number).ok_or(NO_PAGE)?;
    let parts = bundle.place.parts(inventory, entry).map_err(|error| {
        state.report(number, &error.into());
        NOT_BELIEVED
    })?;
    if size == 0 {
        return if sha256 == Digest::of(b"") { Ok(Body::empty()) } else { Err(NOT_BELIEVED) };
    }
    let source = ServedTreeFile {
        state: Arc::clone(state),
        bundle: number,
        item: item.to_owned(),
        path: entry.path.as_str().to_owned(),
        inventory: Arc::clone(inventory),
        parts: parts.into(),
        left: size,
        hasher: Hasher::new(),
        sha256,
    };
    begin(Box::new(source), size).await
}

/// A file of a tree that is on its way. It holds neither a thread nor a frame while its client takes nothing.
struct ServedTreeFile {
    state: Arc<ServeState>,
    bundle: usize,
    item: String,
    path: String,
    inventory: Arc<Verified<Inventory>>,
    /// What is still to come.
    parts: VecDeque<FramePart>,
    left: u64,
    hasher: Hasher,
    sha256: Digest,
}

impl ServedTreeFile {
    fn read(&mut self) -> Result<Option<Bytes>, ServeError> {
        let Some((number, mut part)) = self.parts.pop_front() else { return Ok(None) };
        let Some(frame) = self.frame(number)? else { return Ok(None) };
        let end = part.end.min(part.start.saturating_add(PIECE));
        let piece = frame.get(part.start..end).unwrap_or_default();
        self.hasher.update(piece);
        self.left = self.left.saturating_sub(piece.len() as u64);
        part.start = end;
        if !part.is_empty() {
            self.parts.push_front((number, part));
        }
        if self.left == 0 {
            let found = std::mem::take(&mut self.hasher).finish();
            let name = format!("{}/{}", self.item, self.path);
            same_digest(&name, self.sha256, found).map_err(TrustError::from)?;
        }
        Ok(Some(Bytes::copy_from_slice(piece)))
    }

    /// A decoded frame: one that is kept, or read now.
    fn frame(&self, number: usize) -> Result<Option<Arc<Verified<Vec<u8>>>>, ServeError> {
        let Some(ServedBundle { place, .. }) = self.state.bundles.get(self.bundle) else { return Ok(None) };
        let frames = || self.state.shelf.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |frame: &DecodedFrame| {
            (frame.bundle, frame.number) == (self.bundle, number) && frame.item == self.item
        };
        if let Some(found) = frames().iter().find(|frame| is_it(frame)) {
            return Ok(Some(Arc::clone(&found.content)));
        }
        let content = Arc::new(place.frame(&self.item, &self.inventory, number)?);
        let mut kept = frames();
        kept.truncate(FRAMES - 1);
        let (item, kept_content) = (self.item.clone(), Arc::clone(&content));
        kept.insert(0, DecodedFrame { bundle: self.bundle, item, number, content: kept_content });
        Ok(Some(content))
    }
}

impl BodySource for ServedTreeFile {
    fn next(mut self: Box<Self>) -> NextPiece {
        match self.read() {
            Ok(piece) => Some((piece?, self)),
            Err(error) => {
                self.state.report(self.bundle, &error);
                None
            }
        }
    }

    fn turns(&self) -> Option<Arc<Semaphore>> {
        Some(Arc::clone(&self.state.shelf.decoding))
    }
}

/// Media type of a file by the ending of its name, and what a page in it may do.
///
/// A page of a bundle sees images and style sheets of its own tree, runs no script, and reaches nothing else here:
/// `sandbox` gives it an origin of its own (CSP level 3). A PDF is shown by a part of the browser that a sandbox would
/// switch off, and gets none of the rest either.
fn dress(name: &str, base: &str, host: Option<&str>) -> (&'static str, String) {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let media_type = match ending.as_deref().unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "log" | "conf" | "cfg" | "ini" | "env" | "toml" | "yaml" | "yml" | "sh" | "xml"
        | "csv" => "text/plain; charset=utf-8",
        "" if matches!(name, "README" | "LICENSE" | "COPYING" | "NOTICE") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let policy = if media_type == "application/pdf" {
        "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'".to_owned()
    } else {
        let own = host.map_or_else(|| "'self'".to_owned(), |host| format!("{host}{base}/"));
        format!(
            "sandbox allow-downloads; default-src 'none'; img-src {own} data:; style-src {own} 'unsafe-inline'; \
             font-src {own} data:; media-src {own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    };
    (media_type, policy)
}

#[cfg(test)]
mod tests {
    use super::dress;

    #[test]
    fn what_a_browser_is_told() {
        for (name, expected) in [
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.tar.gz", "application/octet-stream"),
            ("README", "text/plain; charset=utf-8"),
            ("program", "application/octet-stream"),
            ("x.html.exe", "application/octet-stream"),
        ] {
            assert_eq!(dress(name, "/files/a/b", None).0, expected, "{name}");
        }
        for name in ["a.html", "a.svg", "a.js", "a"] {
            let (_, policy) = dress(name, "/files/a/b", Some("h:1"));
            assert!(policy.starts_with("sandbox") && !policy.contains("script"), "{policy}");
            assert!(policy.contains("img-src h:1/files/a/b/ "), "{policy}");
        }
    }
}
