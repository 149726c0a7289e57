//! Files of trees, as a browser wants them.
//!
//! A path is looked up in the signed inventory of its tree, and nowhere else: there is no folder it could leave.

use super::answer::Answer;
use super::body::{Body, PIECE};
use super::catalog::Bundle;
use super::error::ServeError;
use super::page;
use super::respond::Head;
use super::route::{self, NO_PAGE, NOT_BELIEVED, Refusal};
use super::state::State;
use crate::bundle::entry::{Entry, Node};
use crate::bundle::inventory::Inventory;
use crate::trust::verify::{Sink, Verified};
use hyper::StatusCode;
use hyper::body::Bytes;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore, mpsc};

/// Files up to this size are read as a whole before the answer begins; larger ones go on their way frame by frame.
const AT_ONCE: u64 = 1 << 20;
/// Small files that are read at one time: a frame may have 16 MiB, and so may what it is decoded from.
const SMALL: usize = 2;
/// Large files that are read at one time. Each goes as slowly as its client takes it, so small ones do not wait for it.
const LARGE: usize = 4;
/// Inventories that are kept; the pages of one document ask for the same one again and again.
const KEPT: usize = 4;

/// A believed inventory, and whose it is.
type Kept = (usize, String, Arc<Verified<Inventory>>);

/// What is at hand for reading trees.
pub(super) struct Shelf {
    inventories: Arc<Mutex<Vec<Kept>>>,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            inventories: Arc::default(),
            small: Arc::new(Semaphore::new(SMALL)),
            large: Arc::new(Semaphore::new(LARGE)),
        }
    }
}

/// The inventory of a tree; read again only when others were asked for meanwhile.
async fn inventory(
    state: &Arc<State>,
    number: usize,
    item: &str,
) -> Result<Arc<Verified<Inventory>>, Refusal> {
    // Whoever waits here finds what the one before has read. Only one inventory is parsed at a time.
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
    state: &Arc<State>,
    key: &str,
    item: &str,
    path: Option<&str>,
    head: &Head,
) -> Result<Answer, Refusal> {
    let found = state.bundles.iter().enumerate().find(|(_, bundle)| bundle.key == key);
    let (number, bundle) = found.ok_or(NO_PAGE)?;
    let inventory = inventory(state, number, item).await?;
    let tree = &inventory.tree;
    let base = format!("/files/{}/{}", route::encode(key), route::encode(item));
    let Some(path) = path else { return Ok(Answer::redirect(&format!("{base}/"))) };
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
                Answer::new(StatusCode::OK, media_type, body).with("content-security-policy", &policy);
            Ok(answer
                .with("content-length", &size.to_string())
                .with("referrer-policy", "no-referrer")
                .with("etag", &format!("\"{sha256}\"")))
        }
        Some(Entry { node: Node::File { .. } | Node::Link { .. }, .. }) => Err(NO_PAGE),
        Some(entry) if followed || !is_folder => {
            Ok(Answer::redirect(&format!("{base}/{}/", route::encode(entry.path.as_str()))))
        }
        Some(_) | None => folder(state, number, bundle, item, &inventory, name, head).await,
    }
}

/// A folder: its own front page, or a list of what is in it.
async fn folder(
    state: &Arc<State>,
    number: usize,
    bundle: &Bundle,
    item: &str,
    inventory: &Arc<Verified<Inventory>>,
    name: &str,
    head: &Head,
) -> Result<Answer, Refusal> {
    let below = if name.is_empty() { String::new() } else { format!("{name}/") };
    if let Some(entry @ Entry { node: Node::File { size, .. }, .. }) =
        inventory.tree.get(&format!("{below}index.html"))
    {
        let base = format!("/files/{}/{}", route::encode(&bundle.key), route::encode(item));
        let (media_type, policy) = dress("index.html", &base, head.host.as_deref());
        let body =
            if head.only { Body::empty() } else { content(state, number, item, inventory, entry).await? };
        let answer = Answer::new(StatusCode::OK, media_type, body).with("content-security-policy", &policy);
        return Ok(answer.with("content-length", &size.to_string()).with("referrer-policy", "no-referrer"));
    }
    Ok(page::folder(&bundle.key, item, &below, &inventory.tree))
}

/// The content of a file: as a whole and compared with its digest, or frame by frame, with its end held back until
/// the digest of the whole file is right.
async fn content(
    state: &Arc<State>,
    number: usize,
    item: &str,
    inventory: &Arc<Verified<Inventory>>,
    entry: &Entry,
) -> Result<Body, Refusal> {
    let Node::File { size, .. } = entry.node else { return Err(NO_PAGE) };
    let readers = if size <= AT_ONCE { &state.shelf.small } else { &state.shelf.large };
    let permit = Arc::clone(readers).acquire_owned().await.map_err(|_| NOT_BELIEVED)?;
    let (sender, mut pieces) = mpsc::channel(1);
    let (state, item, inventory, entry) =
        (Arc::clone(state), item.to_owned(), Arc::clone(inventory), entry.clone());
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let Some(bundle) = state.bundles.get(number) else { return };
        let sink = Post { sender, held: Vec::new(), at_once: size <= AT_ONCE };
        match bundle.place.read::<_, Ended>(&item, &inventory, &entry, sink) {
            Ok(()) | Err(Ended::Gone) => {}
            Err(Ended::Failed(error)) => state.report(number, &error),
        }
    });
    if size > AT_ONCE {
        return Ok(Body::Sent { pieces, left: size });
    }
    let whole = pieces.recv().await;
    work.await.map_err(|_| NOT_BELIEVED)?;
    whole.map(Body::Whole).ok_or(NOT_BELIEVED)
}

/// Hands on what is read, one piece behind.
struct Post {
    sender: mpsc::Sender<Bytes>,
    held: Vec<u8>,
    at_once: bool,
}

/// Why reading ended early.
enum Ended {
    /// The client is not there any more.
    Gone,
    /// The bundle is not what was signed, or could not be read.
    Failed(ServeError),
}

impl From<crate::trust::TrustError> for Ended {
    fn from(error: crate::trust::TrustError) -> Self {
        Self::Failed(error.into())
    }
}

impl Sink for Post {
    type Error = Ended;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), Ended> {
        if self.at_once {
            self.held.extend_from_slice(piece);
            return Ok(());
        }
        for part in piece.chunks(PIECE) {
            let before = std::mem::replace(&mut self.held, part.to_vec());
            if !before.is_empty() {
                self.sender.blocking_send(before.into()).map_err(|_| Ended::Gone)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Ended> {
        self.sender.blocking_send(self.held.into()).map_err(|_| Ended::Gone)
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
