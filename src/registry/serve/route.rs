//! Parses a request: method, path and query. Paths become names that are looked up, never paths of a file system.

use super::catalog::{ListPage, Reference};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::percent;

/// A request that means something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AskedRoute {
    /// `/v2/`: does this speak the protocol?
    Version,
    /// A manifest or index.
    Manifest(Repo, Reference),
    /// A blob; its digest may be of an algorithm that no bundle has.
    Blob(Repo, Digest),
    /// The tags of a repository.
    Tags(Repo, ListPage),
    /// What is about a document, all or of one type.
    Referrers(Repo, Digest, Option<String>),
    /// The names of all repositories.
    Catalog(ListPage),
    /// The page that lists the bundles.
    Overview,
    /// `/files/BUNDLE/ITEM/PATH`; a path of a directory ends with a slash, the empty path is the tree itself.
    File {
        /// `NAME-VERSION`.
        bundle: String,
        /// The item.
        item: String,
        /// The path in its tree, or nothing when the address has no slash behind the item.
        path: Option<String>,
        /// In a list of a directory: the name behind which it begins.
        after: Option<String>,
    },
}

/// The repository a request is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repo {
    /// Its name.
    pub name: String,
    /// The registry that the client wants to reach through this one: containerd's `?ns=`.
    pub origin: Option<String>,
}

/// A request that is refused, with a code of the OCI distribution spec 1.1, section "Error Codes".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// For the user.
    pub message: &'static str,
}

impl AskedRoute {
    /// Whether the answer is made as a whole: a list or a page.
    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::Tags(..) | Self::Referrers(..) | Self::Catalog(_) | Self::Overview => true,
            Self::File { path, .. } => {
                path.as_ref().is_none_or(|path| path.is_empty() || path.ends_with('/'))
            }
            Self::Version | Self::Manifest(..) | Self::Blob(..) => false,
        }
    }
}

impl Refusal {
    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }
}

pub(super) const READ_ONLY: Refusal = Refusal::new(405, "UNSUPPORTED", "this registry is read-only");
pub(super) const NO_NAME: Refusal = Refusal::new(404, "NAME_UNKNOWN", "no bundle here has this repository");
pub(super) const NO_MANIFEST: Refusal =
    Refusal::new(404, "MANIFEST_UNKNOWN", "the repository has no such manifest");
pub(super) const NO_BLOB: Refusal = Refusal::new(404, "BLOB_UNKNOWN", "the repository has no such blob");
/// No such page or file.
pub(super) const NO_PAGE: Refusal = Refusal::new(404, "NOT_FOUND", "there is nothing here; the list is at /");
/// The client calls this server by a name that may be someone else's.
pub(super) const OTHER_HOST: Refusal = Refusal::new(
    421,
    "DENIED",
    "this server is not known by that name; the operator allows it with `sealift serve --host NAME`",
);
/// Too much is being sent.
pub(super) const BUSY: Refusal =
    Refusal::new(503, "TOOMANYREQUESTS", "too many clients read large pages; try again in a moment");
/// What is asked for is there, and is not what was signed.
pub(super) const NOT_BELIEVED: Refusal = Refusal::new(
    500,
    "UNKNOWN",
    "the bundle could not be read or is not what was signed; nothing of it is handed out",
);

const BAD_PATH: Refusal = Refusal::new(400, "NAME_INVALID", "the path is not percent-encoded UTF-8");
const BAD_DIGEST: Refusal = Refusal::new(400, "DIGEST_INVALID", "the digest is not well formed");
const BAD_NUMBER: Refusal = Refusal::new(400, "PAGINATION_NUMBER_INVALID", "`n` is not a number");

pub(super) fn route(method: &str, path: &str, query: Option<&str>) -> Result<AskedRoute, Refusal> {
    if !matches!(method, "GET" | "HEAD") {
        return Err(READ_ONLY);
    }
    let path = percent::decoded(path).ok_or(BAD_PATH)?;
    let query = RouteQuery(query.unwrap_or_default());
    if matches!(path.as_str(), "/v2" | "/v2/") {
        return Ok(AskedRoute::Version);
    }
    if path == "/" {
        return Ok(AskedRoute::Overview);
    }
    if let Some(rest) = path.strip_prefix("/v2/") {
        return registry(rest, &query);
    }
    let rest = path.strip_prefix("/files/").ok_or(NO_PAGE)?;
    let (bundle, rest) = rest.split_once('/').ok_or(NO_PAGE)?;
    let (item, path) =
        rest.split_once('/').map_or((rest, None), |(item, path)| (item, Some(path.to_owned())));
    Ok(AskedRoute::File { bundle: bundle.to_owned(), item: item.to_owned(), path, after: query.get("after") })
}

fn registry(rest: &str, query: &RouteQuery<'_>) -> Result<AskedRoute, Refusal> {
    if rest == "_catalog" {
        return Ok(AskedRoute::Catalog(query.page()?));
    }
    let repo = |name: &str| Repo { name: name.to_owned(), origin: query.get("ns") };
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Ok(AskedRoute::Tags(repo(name), query.page()?));
    }
    let (front, last) = rest.rsplit_once('/').ok_or(NO_NAME)?;
    let (name, kind) = front.rsplit_once('/').ok_or(NO_NAME)?;
    match kind {
        "manifests" if last.contains(':') => {
            Ok(AskedRoute::Manifest(repo(name), Reference::Digest(digest(last, NO_MANIFEST)?)))
        }
        "manifests" => Ok(AskedRoute::Manifest(repo(name), Reference::Tag(last.to_owned()))),
        "blobs" => Ok(AskedRoute::Blob(repo(name), digest(last, NO_BLOB)?)),
        "referrers" => {
            Ok(AskedRoute::Referrers(repo(name), digest(last, NO_MANIFEST)?, query.get("artifactType")))
        }
        _ => Err(NO_NAME),
    }
}

/// A digest of this algorithm; `unknown` is the answer to one of another that the specification knows (OCI image spec
/// 1.1, section "Registered Algorithms"), for no bundle has those.
fn digest(text: &str, unknown: Refusal) -> Result<Digest, Refusal> {
    text.parse().map_err(|_| match text.strip_prefix("sha512:") {
        Some(digits)
            if digits.len() == 128
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            unknown
        }
        Some(_) | None => BAD_DIGEST,
    })
}

/// The part of an address behind `?`.
struct RouteQuery<'a>(&'a str);

impl RouteQuery<'_> {
    /// The first value of a key. A plus sign stays one: media types have them, and nothing asked for has spaces.
    fn get(&self, key: &str) -> Option<String> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(found, _)| *found == key)
            .and_then(|(_, value)| percent::decoded(value))
            .filter(|value| !value.is_empty())
    }

    fn page(&self) -> Result<ListPage, Refusal> {
        let count = self.get("n").map(|count| count.parse().map_err(|_| BAD_NUMBER)).transpose()?;
        Ok(ListPage { count, last: self.get("last") })
    }
}

/// Escapes everything that has a meaning in an address, but not the slash.
pub(super) fn encode(text: &str) -> String {
    percent::encoded(text, b"/")
}

/// The bytes that a `Range` header asks for, of `size`: first byte and the byte behind the last.
///
/// Nothing when there is no range to follow: none, several, or of a form that RFC 9110, section 14.2, lets a server
/// ignore. An error when no byte of it is there.
pub(super) fn range(header: Option<&str>, size: u64) -> Result<Option<std::ops::Range<u64>>, ()> {
    let Some((first, last)) =
        header.and_then(|text| text.trim().strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let wanted = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(count) => size - count.min(size)..size,
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            (_, _) => return Ok(None),
        },
    };
    if wanted.is_empty() { Err(()) } else { Ok(Some(wanted)) }
}

#[cfg(test)]
mod tests;
