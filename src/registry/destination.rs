//! The target registry of `load`: names of images there, and the result for each.

use super::endpoints::{Repository, host_and_port};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::platform::Platform;
use serde::Serialize;
use std::net::Ipv6Addr;

/// Where images go.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Host and port of the site's registry.
    pub host: String,
    /// What precedes every repository there; may be empty.
    pub prefix: String,
    /// What a repository is called there.
    pub names: TargetNames,
    /// What becomes of what refers to an image.
    pub referrers: ReferrerSupport,
    /// For an index that is not whole, where the registry wants it whole: the platform whose manifest is taken.
    pub fallback: Option<Platform>,
}

/// What a repository is called at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetNames {
    /// The repository's path, without the registry it came from.
    Path,
    /// The registry it came from and the path, so that images of several registries never meet.
    Full,
}

impl Destination {
    /// The repository of an image at the site.
    pub(super) fn repository(&self, name: &ImageName) -> Repository {
        let (source, path) = match Repository::of(name) {
            Ok(from) => (Some(from.host), from.path),
            Err(_) => (None, name.path().to_owned()),
        };
        let folder = self.folder(source.as_deref());
        Repository::at(&self.host, &if folder.is_empty() { path } else { format!("{folder}/{path}") })
    }

    /// What is at the site before the repositories that came from one registry; may be empty.
    pub(super) fn folder(&self, source: Option<&str>) -> String {
        let named = source.filter(|_| self.names == TargetNames::Full).map(folder_name);
        let prefix = Some(self.prefix.clone()).filter(|prefix| !prefix.is_empty());
        prefix.into_iter().chain(named).collect::<Vec<_>>().join("/")
    }
}

/// A registry as a part of a repository: `host-5000`, and an address as all of its groups, `ipv6-fd00-0-0-0-0-0-0-1`.
fn folder_name(source: &str) -> String {
    let (host, port) = host_and_port(source);
    let port = port.map_or_else(String::new, |port| format!("-{port}"));
    match host.parse::<Ipv6Addr>() {
        Ok(address) => {
            let groups = address.segments().map(|group| format!("{group:x}")).join("-");
            format!("ipv6-{groups}{port}")
        }
        Err(_) => format!("{}{port}", host.replace(':', "-")),
    }
}

/// What became of one image.
#[derive(Debug, Clone, Serialize)]
pub struct LoadedImage {
    /// The item.
    pub name: Name,
    /// What the image was called.
    pub from: ImageName,
    /// What it is called at the site, by tag where it has one.
    pub to: String,
    /// The repository at the site.
    pub repository: String,
    /// What the site's tag leads to.
    pub digest: Digest,
    /// The digest in the bundle, when only the manifest of one platform was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// What the tag led to before, when that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
    /// Signatures, attestations and SBOMs that went with it.
    pub referrers: usize,
    /// Signatures, attestations and SBOMs that the registry did not take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers_not_pushed: Vec<RefusedReferrer>,
}

/// A signature, attestation or SBOM that did not arrive.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedReferrer {
    /// Its manifest.
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// What becomes of signatures, attestations and SBOMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferrerSupport {
    /// They go with their image.
    Push,
    /// They stay in the bundle.
    Leave,
}

/// An image that did not arrive.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedImage {
    /// The item.
    pub name: Name,
    /// What the image is called.
    pub from: ImageName,
    /// Why.
    pub reason: String,
}

/// What became of all images, and what was sent for them.
#[derive(Debug, Clone, Serialize)]
pub struct PushOutcome {
    /// What arrived.
    pub loaded: Vec<LoadedImage>,
    /// What did not.
    pub refused: Vec<RefusedImage>,
    /// Blobs that were sent.
    pub sent: u64,
    /// Bytes of those blobs.
    pub sent_bytes: u64,
    /// Blobs that were there, or that the registry took over from another of its repositories.
    pub present: u64,
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn f_field_r11_a_registry_is_a_part_of_a_repository() {
        for (source, folder) in [
            ("r.org", "r.org"),
            ("r.org:5000", "r.org-5000"),
            ("[::1]:5000", "ipv6-0-0-0-0-0-0-0-1-5000"),
            ("[fd00::1]", "ipv6-fd00-0-0-0-0-0-0-1"),
        ] {
            assert_eq!(folder_name(source), folder);
            format!("site/{folder}/app:1").parse::<sealift_bundle::value::image_name::ImageName>().unwrap();
        }
    }
}
