//! Answers a request.

use super::answer::ServeAnswer;
use super::body::{self, Body, BodySource, NextPiece, PIECE};
use super::catalog::{HeldBundle, ListPage, ServedRepository};
use super::route::{
    self, AskedRoute, NO_BLOB, NO_MANIFEST, NO_NAME, NOT_BELIEVED, OTHER_HOST, Refusal, Repo,
};
use super::state::ServeState;
use super::{files, page};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use sealift_bundle::format::oci::OCI_INDEX;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::verify::{BlobProgress, Proof};
use sealift_bundle::value::digest::Digest;
use serde_json::json;
use std::ops::Range;
use std::sync::Arc;

/// What of a request counts beside its address.
pub(super) struct ResponseHead {
    /// HEAD: the head of the answer without its content.
    pub only: bool,
    /// The host and port by which the client knows this server, where it is of the form of one.
    pub host: Option<String>,
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

/// Answers a request; its content is not looked at.
pub(super) async fn respond<B>(state: Arc<ServeState>, request: Request<B>) -> Response<Body> {
    let is_head = request.method() == Method::HEAD;
    let text = |name: HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let head = ResponseHead {
        only: is_head,
        host: text(HOST).filter(|host| is_host(host)),
        range: text(RANGE).filter(|_| !is_head),
        if_range: text(IF_RANGE),
        if_none_match: text(IF_NONE_MATCH),
    };
    let uri = request.uri();
    let answer = match route::route(request.method().as_str(), uri.path(), uri.query()) {
        Ok(_) if !state.hosts.allow(head.host.as_deref()) => Err(OTHER_HOST),
        Ok(asked) => {
            // Held until the answer has its share of the memory.
            let _turn = if asked.is_list() { state.turn().await } else { None };
            match answer(&state, asked, &head).await {
                Ok(answer) if is_head => Ok(answer),
                Ok(answer) => answer.within(&state).await,
                Err(refusal) => Err(refusal),
            }
        }
        Err(refusal) => Err(refusal),
    };
    let answer = answer.unwrap_or_else(ServeAnswer::from);
    let answer = if uri.path().starts_with("/v2") {
        // The first says to old engines what this is. The others keep pages of the bundles away from here.
        answer
            .with("docker-distribution-api-version", "registry/2.0")
            .with("cross-origin-resource-policy", "same-origin")
            .with("content-security-policy", "sandbox; default-src 'none'")
    } else {
        answer
    };
    answer.finish(is_head)
}

/// True for a name or address with an optional port, and nothing that could mean more in a page or a header.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (1..=255).contains(&text.len()) && text.bytes().all(plain)
}

async fn answer(
    state: &Arc<ServeState>,
    asked: AskedRoute,
    head: &ResponseHead,
) -> Result<ServeAnswer, Refusal> {
    match asked {
        AskedRoute::Version => Ok(ServeAnswer::json("application/json", &json!({}))),
        AskedRoute::Manifest(repo, reference) => {
            let repository = repository(state, &repo)?;
            let (held, about) = state.catalog.manifest(repository, &reference).ok_or(NO_MANIFEST)?;
            blob(state, held, &about.referring.media_type, head).await
        }
        AskedRoute::Blob(repo, digest) => {
            let repository = repository(state, &repo)?;
            let held = state.catalog.blob(repository, &digest).ok_or(NO_BLOB)?;
            // A manifest may call its layers anything, `text/html` too: here they are only bytes.
            blob(state, held, "application/octet-stream", head).await
        }
        AskedRoute::Tags(repo, page) => {
            let (tags, more) = repository(state, &repo)?.tags(&page);
            let list = ServeAnswer::json("application/json", &json!({ "name": repo.name, "tags": tags }));
            Ok(linked(list, &format!("/v2/{}/tags/list", repo.name), &page, &tags, more))
        }
        AskedRoute::Referrers(repo, digest, artifact_type) => {
            repository(state, &repo)?;
            Ok(referrers(state, &digest, artifact_type.as_deref()))
        }
        AskedRoute::Catalog(page) => {
            let (names, more) = state.catalog.names(&page);
            let list = ServeAnswer::json("application/json", &json!({ "repositories": names }));
            Ok(linked(list, "/v2/_catalog", &page, &names, more))
        }
        AskedRoute::Overview => Ok(page::overview(state, head.host.as_deref())),
        AskedRoute::File { bundle, item, path, after } => {
            files::answer(state, (&bundle, &item), path.as_deref(), after.as_deref(), head).await
        }
    }
}

fn repository<'a>(state: &'a ServeState, repo: &Repo) -> Result<&'a ServedRepository, Refusal> {
    state.catalog.repository(&repo.name, repo.origin.as_deref()).ok_or(NO_NAME)
}

/// Says where the next part of a list is (RFC 8288).
fn linked(answer: ServeAnswer, address: &str, page: &ListPage, names: &[&str], more: bool) -> ServeAnswer {
    match (page.count, names.last().filter(|_| more)) {
        (Some(count), Some(last)) => {
            let (address, last) = (route::encode(address), route::encode(last));
            answer.with("link", &format!("<{address}?n={count}&last={last}>; rel=\"next\""))
        }
        (_, _) => answer,
    }
}

/// An index of what is about a document (OCI distribution spec 1.1, section "Listing Referrers").
fn referrers(state: &ServeState, digest: &Digest, artifact_type: Option<&str>) -> ServeAnswer {
    let mut manifests = state.catalog.referrers(digest);
    manifests.retain(|found| artifact_type.is_none() || found.artifact_type.as_deref() == artifact_type);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let answer = ServeAnswer::json(OCI_INDEX, &index);
    if artifact_type.is_some() { answer.with("oci-filters-applied", "artifactType") } else { answer }
}

/// A blob or a part of it.
///
/// The whole of it begins at once, and its last piece waits until the digest of all is right. A part could be all
/// that a client ever sees, so the whole is proved before any part is sent.
async fn blob(
    state: &Arc<ServeState>,
    held: &HeldBundle,
    media_type: &str,
    head: &ResponseHead,
) -> Result<ServeAnswer, Refusal> {
    let (blob, bundle) = (held.blob, held.bundle);
    let digest = blob.digest.to_string();
    let tag = format!("\"{digest}\"");
    let dressed = |answer: ServeAnswer| {
        answer.with("docker-content-digest", &digest).with("etag", &tag).with("accept-ranges", "bytes")
    };
    let listed = |text: &String| {
        text.split(',').any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*")
    };
    if head.if_none_match.as_ref().is_some_and(listed) {
        return Ok(dressed(ServeAnswer::new(StatusCode::NOT_MODIFIED, media_type, Body::empty())));
    }
    let range = head.range.as_deref().filter(|_| head.if_range.as_ref().is_none_or(|wanted| *wanted == tag));
    let Ok(range) = route::range(range, blob.size) else {
        let answer = ServeAnswer::new(StatusCode::RANGE_NOT_SATISFIABLE, "text/plain", Body::empty());
        return Ok(dressed(answer).with("content-range", &format!("bytes */{}", blob.size)));
    };
    if head.only {
        let answer = ServeAnswer::new(StatusCode::OK, media_type, Body::empty());
        return Ok(dressed(answer).with("content-length", &blob.size.to_string()));
    }
    let Some(range) = range else {
        let source =
            Box::new(WholeBlob { state: Arc::clone(state), bundle, reading: BlobProgress::of(blob) });
        let body = begin(source, blob.size).await?;
        return Ok(dressed(ServeAnswer::new(StatusCode::OK, media_type, body)));
    };
    let proof = state.prove(bundle, blob).await.ok_or(NOT_BELIEVED)?;
    let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.size);
    let len = range.end - range.start;
    let source = Box::new(PartOfBlob { state: Arc::clone(state), bundle, proof, range });
    let answer = ServeAnswer::new(StatusCode::PARTIAL_CONTENT, media_type, begin(source, len).await?);
    Ok(dressed(answer).with("content-range", &content_range))
}

/// Reads the first piece, so that what fails at once is an error and not an answer that breaks off.
pub(super) async fn begin(source: Box<dyn BodySource>, len: u64) -> Result<Body, Refusal> {
    let first = body::begin(source).wait().await;
    Ok(Body::pieces(first.ok_or(NOT_BELIEVED)?, len))
}

struct WholeBlob {
    state: Arc<ServeState>,
    bundle: usize,
    reading: BlobProgress,
}

impl BodySource for WholeBlob {
    fn next(mut self: Box<Self>) -> NextPiece {
        let place = &self.state.bundles.get(self.bundle)?.place;
        match place.next_piece(&mut self.reading, PIECE) {
            Ok(piece) => Some((Bytes::from(piece?), self)),
            Err(error) => {
                self.state.report(self.bundle, &error.into());
                None
            }
        }
    }
}

struct PartOfBlob {
    state: Arc<ServeState>,
    bundle: usize,
    proof: Proof,
    range: Range<u64>,
}

impl PartOfBlob {
    fn read(&mut self) -> Result<Option<Vec<u8>>, TrustError> {
        let Some(bundle) = self.state.bundles.get(self.bundle) else { return Ok(None) };
        let left = self.range.end.saturating_sub(self.range.start);
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = bundle.place.read_again(&self.proof, self.range.start)?;
        let piece = piece.get(..most).unwrap_or(&piece).to_vec();
        self.range.start += piece.len() as u64;
        Ok(Some(piece))
    }
}

impl BodySource for PartOfBlob {
    fn next(mut self: Box<Self>) -> NextPiece {
        match self.read() {
            Ok(piece) => Some((Bytes::from(piece?), self)),
            Err(error) => {
                self.state.report(self.bundle, &error.into());
                None
            }
        }
    }
}
