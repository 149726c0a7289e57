//! Referrers: signatures, attestations and SBOMs that a registry has for an image.

use super::client::{Action, Ask, Client, ClientTarget, locked};
use super::endpoints::Repository;
use super::error::RegistryError;
use super::pull::{Fetched, body, text};
use super::push::{head_of, optional};
use sealift_bundle::format::index::{Blob, Referrer};
use sealift_bundle::format::oci;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::progress::Progress;
use serde::Deserialize;
use ureq::Body;
use ureq::http::{Method, Response};

/// Suffixes of the tags under which cosign keeps what it has to say about a digest.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];
/// Pages of referrers that are read.
const PAGES: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersResponse {
    manifests: Vec<TaggedReferrer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaggedReferrer {
    media_type: String,
    digest: Digest,
    size: u64,
}

/// The tag that stands for what refers to a digest where the referrers API is missing (OCI distribution 1.1,
/// "Referrers Tag Schema").
#[must_use]
pub fn referrers_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl Client {
    /// What refers to a digest: by the referrers API, by its tag where that is missing, and cosign's tags.
    pub fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let mut found = self.subject_referrers(repository, subject, limits, watch)?;
        for suffix in COSIGN {
            let tag = format!("{}.{suffix}", referrers_tag(subject));
            if let Some(fetched) = self.optional_manifest(repository, &tag, limits, watch)? {
                let root = Blob { digest: fetched.digest, size: fetched.bytes.len() as u64 };
                found.push(Referrer { media_type: fetched.media_type, root, tag: Some(tag) });
            }
        }
        Ok(found)
    }

    /// What has a digest as its `subject`.
    pub(super) fn subject_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Vec<Referrer>, RegistryError> {
        match self.listed_referrers(repository, subject, limits, watch)? {
            Some(found) => Ok(found),
            None => self.tagged_referrers(repository, subject, limits, watch),
        }
    }

    /// By the referrers API; nothing when the registry does not have it.
    fn listed_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let target = self.target(repository, Action::Pull, watch)?;
        let what = format!("list of what refers to {subject} in `{}`", target.endpoint.path);
        let mut url = target.endpoint.url(&format!("referrers/{subject}"));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let mut ask = Ask::new(Method::GET, url.clone(), what.clone());
            ask.headers.push(("accept", oci::OCI_INDEX.to_owned()));
            let Some(response) = self.ask_optional(&target, &ask, watch)? else {
                self.without(&target, "401 or 403", watch);
                return Ok(None);
            };
            let status = response.status().as_u16();
            // Registries without it answer in many ways; only an index is an answer.
            let is_index =
                text(&response, "content-type").is_some_and(|kind| kind.starts_with(oci::OCI_INDEX));
            if is_busy(status) {
                return Err(self.refused(&target, &ask, response));
            }
            if status != 200 || !is_index {
                if matches!(status, 401 | 403 | 500..) {
                    self.without(&target, &status.to_string(), watch);
                }
                return Ok(None);
            }
            let next = text(&response, "link").and_then(|link| next_page(&link));
            let bytes = body(response, limits.document, &target.endpoint.host, &what, watch)?;
            found.extend(self.listed(&target, &bytes, watch));
            check_count(&found, &what, limits)?;
            match next {
                Some(next) => url = format!("{}{next}", target.endpoint.origin()),
                None => return Ok(Some(found)),
            }
        }
        let (found, limit) = (PAGES as u64 + 1, PAGES as u64);
        Err(RegistryError::Limit { what: format!("pages of the {what}"), found, limit })
    }

    fn tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let what = "list of referrers";
        match self.optional_manifest(repository, &referrers_tag(subject), limits, watch)? {
            // GitLab reads the tag as the digest and answers with the subject itself.
            Some(fetched) if fetched.media_type == oci::OCI_INDEX && fetched.digest != *subject => {
                let target = self.target(repository, Action::Pull, watch)?;
                let found = self.listed(&target, &fetched.bytes, watch);
                check_count(&found, what, limits)?;
                Ok(found)
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// A manifest that need not be there, under a tag. Registries say in many ways that it is not; only what they serve
    /// as a manifest is one. Asked by `HEAD` first, which registries with a limit on pulls do not count.
    pub(super) fn optional_manifest(
        &self,
        repository: &Repository,
        tag: &str,
        limits: &Limits,
        watch: &dyn Progress,
    ) -> Result<Option<Fetched>, RegistryError> {
        let target = self.target(repository, Action::Pull, watch)?;
        let ask = head_of(&target, tag);
        let Some(response) = self.ask_optional(&target, &ask, watch)? else {
            self.without(&target, "401 or 403", watch);
            return Ok(None);
        };
        match response.status().as_u16() {
            404 => return Ok(None),
            status if is_busy(status) => return Err(self.refused(&target, &ask, response)),
            status @ (401 | 403 | 500) => {
                self.without(&target, &status.to_string(), watch);
                return Ok(None);
            }
            // It is there, or the registry does not answer `HEAD`.
            _ => {}
        }
        match self.manifest(repository, tag, limits, watch) {
            Err(RegistryError::Denied { status, .. } | RegistryError::Status { status, .. })
                if !is_busy(status) =>
            {
                if !matches!(status, 400 | 405) {
                    self.without(&target, &status.to_string(), watch);
                }
                Ok(None)
            }
            // Something else than a manifest, like a page.
            Err(RegistryError::Document { .. }) => Ok(None),
            Err(RegistryError::Unreachable { reason, .. }) if reason.starts_with("it ") => Ok(None),
            other => other,
        }
    }

    /// Asks what a registry need not answer; one that failed at that before is not asked twice.
    fn ask_optional(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        watch: &dyn Progress,
    ) -> Result<Option<Response<Body>>, RegistryError> {
        let known = locked(&self.reluctant).contains(&target.endpoint.host);
        if known { self.send_optional(target, ask, watch) } else { optional(self.send(target, ask, watch)) }
    }

    /// The entries of a list of referrers; one that cannot be read has none.
    fn listed(&self, target: &ClientTarget, bytes: &[u8], watch: &dyn Progress) -> Vec<Referrer> {
        let referrer = |one: TaggedReferrer| {
            let root = Blob { digest: one.digest, size: one.size };
            Referrer { media_type: one.media_type, root, tag: None }
        };
        match serde_json::from_slice::<ReferrersResponse>(bytes) {
            Ok(listing) => listing.manifests.into_iter().map(referrer).collect(),
            Err(error) => {
                let (host, path) = (&target.endpoint.host, &target.endpoint.path);
                self.note(
                    watch,
                    format!("`{host}` has a list of referrers of `{path}` that cannot be read, so none were taken: {error}"),
                );
                Vec::new()
            }
        }
    }

    /// Says that a registry did not want to say what refers to an image.
    fn without(&self, target: &ClientTarget, status: &str, watch: &dyn Progress) {
        let (host, path) = (&target.endpoint.host, &target.endpoint.path);
        let text = format!(
            "`{host}` answers with status {status} when asked for signatures, attestations and SBOMs of `{path}`; none were \
             taken where it did (`referrers = false` does not ask)"
        );
        locked(&self.reluctant).insert(host.clone());
        self.note(watch, text);
    }
}

/// Statuses of a registry that is busy: whether something is there is not known.
fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

fn check_count(found: &[Referrer], what: &str, limits: &Limits) -> Result<(), RegistryError> {
    if found.len() <= limits.items {
        return Ok(());
    }
    let (found, limit) = (found.len() as u64, limits.items as u64);
    Err(RegistryError::Limit { what: format!("entries of the {what}"), found, limit })
}

/// `</v2/...>; rel="next"` (RFC 8288), on the same host only.
fn next_page(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    (rest.contains("next") && address.starts_with('/') && !address.starts_with("//"))
        .then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn the_next_page_is_on_the_same_host() {
        assert_eq!(
            next_page("</v2/a/referrers/x?n=1>; rel=\"next\"").as_deref(),
            Some("/v2/a/referrers/x?n=1")
        );
        assert_eq!(next_page("<https://evil.org/v2/>; rel=\"next\""), None);
        assert_eq!(next_page("<//evil.org/v2/>; rel=\"next\""), None);
        assert_eq!(next_page("</v2/x>; rel=\"prev\""), None);
    }
}
