//! The words of a manifest, as they stand in the file. The comments here are what an editor shows while one is
//! written.

use super::schema;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// What should travel in one bundle: a table `[bundle]` and a list of items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "sealift manifest")]
#[schemars(extend("anyOf" = [
    { "required": ["image"] }, { "required": ["doc"] }, { "required": ["config"] }, { "required": ["file"] }
]))]
pub(super) struct Manifest {
    /// Name, version and purpose of the bundle.
    pub(super) bundle: Bundle,
    /// Container images, carried byte for byte.
    #[serde(default)]
    pub(super) image: Vec<Image>,
    /// Documents: runbooks, manuals, drawings.
    #[serde(default)]
    pub(super) doc: Vec<Tree>,
    /// Configurations: settings, values, policies. Never secrets.
    #[serde(default)]
    pub(super) config: Vec<Tree>,
    /// Files of any other sort: packages, models, tools.
    #[serde(default)]
    pub(super) file: Vec<File>,
}

/// Name, version and purpose of the bundle.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bundle {
    /// Name of the bundle; with the version it becomes the file name `NAME-VERSION.sealift`.
    #[schemars(with = "schema::NameText")]
    pub(super) name: Spanned<String>,
    /// The deployment pattern it serves, like `air-gapped`. A site counts the bundles of each scenario by itself.
    #[schemars(with = "schema::NameText")]
    pub(super) scenario: Spanned<String>,
    /// Version for people, like `2026.11.0`. Which bundle is newer is decided by `sequence` alone.
    #[schemars(with = "schema::NameText")]
    pub(super) version: Spanned<String>,
    /// After this moment sites no longer believe the bundle: UTC, whole seconds, like `2027-05-01T00:00:00Z`.
    #[serde(default)]
    #[schemars(with = "Option<schema::MomentText>")]
    pub(super) expires: Option<Spanned<String>>,
    /// Counts the bundles of a scenario; a site never goes back. Without it, `sealift lock` counts: one more than
    /// the lock before.
    #[serde(default)]
    #[schemars(with = "Option<schema::Sequence>")]
    pub(super) sequence: Option<Spanned<u64>>,
}

/// A container image: pulled from the registry that `reference` names, or out of an OCI image layout or a docker archive
/// on this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["layout"] }, { "required": ["archive"] },
    { "required": ["reference"], "not": { "anyOf": [{ "required": ["layout"] }, { "required": ["archive"] }] } }
]))]
pub(super) struct Image {
    /// Name of the item, unique in the manifest.
    #[schemars(with = "schema::NameText")]
    pub(super) name: Spanned<String>,
    /// OCI image layout: a folder with `oci-layout` and `index.json`, or a tar of one. Relative to this file. Digests
    /// stay as the registry served them.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) layout: Option<Spanned<String>>,
    /// Tar written by `docker save` or `podman save`. Relative to this file. Such an archive has lost the digest that
    /// the registry served; where you can, use `layout`.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) archive: Option<Spanned<String>>,
    /// Which image, when the source holds several: the name it has there, or its digest.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) select: Option<Spanned<String>>,
    /// Alone: the image to pull, with its registry, like `registry.example.com/tools/hello:1`; the lock keeps the digest
    /// that its tag leads to. Beside `layout` or `archive`: what the image is called at the site; without it, the name
    /// found there.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) reference: Option<Spanned<String>>,
    /// Of an image that is pulled, only these platforms, like `linux/amd64`. The index travels byte for byte, and the
    /// other platforms are recorded as left out.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Text>>")]
    pub(super) platforms: Option<Vec<Spanned<String>>>,
    /// Take the manifest of the one platform instead of the index. This changes the digest, and is recorded.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(super) narrow: Option<Spanned<bool>>,
    /// `false`: leave the signatures, attestations and SBOMs behind that the registry has for the image.
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    pub(super) referrers: Option<Spanned<bool>>,
    /// Licence of the content, as an SPDX expression like `Apache-2.0`.
    #[serde(default)]
    #[schemars(with = "Option<schema::License>")]
    pub(super) license: Option<Spanned<String>>,
}

/// A folder or a file on this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    /// Name of the item, unique in the manifest.
    #[schemars(with = "schema::NameText")]
    pub(super) name: Spanned<String>,
    /// A folder, or a single file. Relative to this file.
    #[schemars(with = "schema::Text")]
    pub(super) path: Spanned<String>,
    /// Only files whose path in the folder matches one of these patterns: `*` within a folder, `**` over folders.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Text>>")]
    pub(super) include: Option<Vec<Spanned<String>>>,
    /// No files and folders whose path matches one of these patterns.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Text>>")]
    pub(super) exclude: Option<Vec<Spanned<String>>>,
    /// Licence of the content, as an SPDX expression like `Apache-2.0`.
    #[serde(default)]
    #[schemars(with = "Option<schema::License>")]
    pub(super) license: Option<Spanned<String>>,
}

/// A folder or a file on this machine, or a file that is downloaded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["path"] }, { "required": ["url", "sha256"] }]))]
pub(super) struct File {
    /// Name of the item, unique in the manifest.
    #[schemars(with = "schema::NameText")]
    pub(super) name: Spanned<String>,
    /// A folder, or a single file. Relative to this file.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) path: Option<Spanned<String>>,
    /// Only files whose path in the folder matches one of these patterns: `*` within a folder, `**` over folders.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Text>>")]
    pub(super) include: Option<Vec<Spanned<String>>>,
    /// No files and folders whose path matches one of these patterns.
    #[serde(default)]
    #[schemars(with = "Option<Vec<schema::Text>>")]
    pub(super) exclude: Option<Vec<Spanned<String>>>,
    /// Address of a download: `https://`, `http://` or `file://`, without user and password.
    #[serde(default)]
    #[schemars(with = "Option<schema::Url>")]
    pub(super) url: Option<Spanned<String>>,
    /// SHA-256 of the download: 64 hexadecimal digits.
    #[serde(default)]
    #[schemars(with = "Option<schema::Sha256>")]
    pub(super) sha256: Option<Spanned<String>>,
    /// File name of the download in the bundle; without it: the last part of the address.
    #[serde(default)]
    #[schemars(with = "Option<schema::Text>")]
    pub(super) rename: Option<Spanned<String>>,
    /// Licence of the content, as an SPDX expression like `Apache-2.0`.
    #[serde(default)]
    #[schemars(with = "Option<schema::License>")]
    pub(super) license: Option<Spanned<String>>,
}
