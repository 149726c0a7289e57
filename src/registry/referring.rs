//! Signatures, attestations and SBOMs: what a registry has that refers to something.

use super::access::Repository;
use super::client::{Action, Ask, Client, is_passing};
use super::error::RegistryError;
use super::pull::{body, text};
use crate::bundle::index::{Blob, Referrer};
use crate::bundle::oci;
use crate::value::digest::Digest;
use crate::value::limits::Limits;
use crate::value::watch::Watch;
use serde::Deserialize;
use ureq::http::Method;

/// Suffixes of the tags under which cosign keeps what it has to say about a digest.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];
/// Pages of referrers that are read.
const PAGES: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    manifests: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
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
        watch: &dyn Watch,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let mut found = self.subject_referrers(repository, subject, limits, watch)?;
        for suffix in COSIGN {
            let tag = format!("{}.{suffix}", referrers_tag(subject));
            if let Some(fetched) = self.manifest(repository, &tag, limits, watch)? {
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
        watch: &dyn Watch,
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
        watch: &dyn Watch,
    ) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let target = self.target(repository, Action::Pull)?;
        let what = format!("list of what refers to {subject} in `{}`", target.endpoint.path);
        let mut url = target.endpoint.url(&format!("referrers/{subject}"));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let mut ask = Ask::new(Method::GET, url.clone(), what.clone());
            ask.headers.push(("accept", oci::OCI_INDEX.to_owned()));
            let response = self.send(&target, &ask, watch)?;
            // Registries without it answer in many ways; only an index is an answer.
            let is_index =
                text(&response, "content-type").is_some_and(|kind| kind.starts_with(oci::OCI_INDEX));
            if is_passing(response.status().as_u16()) {
                return Err(self.refused(&target, &ask, response));
            }
            if response.status() != 200 || !is_index {
                return Ok(None);
            }
            let next = text(&response, "link").and_then(|link| next_page(&link));
            let bytes = body(response, limits.document, &target.endpoint.host, &what)?;
            found.extend(parse_listing(&bytes, &target.endpoint.host, &what)?);
            match next {
                Some(next) => url = format!("{}{next}", target.endpoint.origin()),
                None => return Ok(Some(found)),
            }
        }
        let (found, ceiling) = (PAGES as u64 + 1, PAGES as u64);
        Err(RegistryError::Limit { what: format!("pages of the {what}"), found, ceiling })
    }

    fn tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Vec<Referrer>, RegistryError> {
        match self.manifest(repository, &referrers_tag(subject), limits, watch)? {
            Some(fetched) if fetched.media_type == oci::OCI_INDEX => {
                parse_listing(&fetched.bytes, &repository.host, "the list of referrers")
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

fn parse_listing(bytes: &[u8], host: &str, what: &str) -> Result<Vec<Referrer>, RegistryError> {
    let listing: Listing = serde_json::from_slice(bytes).map_err(|error| RegistryError::Document {
        host: host.to_owned(),
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    let referrer = |one: Listed| {
        let root = Blob { digest: one.digest, size: one.size };
        Referrer { media_type: one.media_type, root, tag: None }
    };
    Ok(listing.manifests.into_iter().map(referrer).collect())
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
