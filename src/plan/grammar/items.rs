//! The keys of items.

use super::super::schema;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// Adds what every item can say. `serde` cannot put a table together from two and refuse unknown keys as well.
macro_rules! item {
    ($(#[$attribute:meta])* $name:ident { $($field:tt)* }) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])*
        pub(in crate) struct $name {
            $($field)*
            /// Licence of the content, as an SPDX expression like `Apache-2.0`.
            #[serde(default)]
            #[schemars(with = "Option<schema::License>")]
            pub(in crate) license: Option<Spanned<String>>,
            /// Its version, which constraints compare; without it, the tag of an image.
            #[serde(default)]
            #[schemars(with = "Option<schema::VersionText>")]
            pub(in crate) version: Option<Spanned<String>>,
            /// Only for these variants of the manifest.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate) variants: Vec<Spanned<String>>,
            /// Only when one of these features is chosen, or another item requires it.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate) features: Vec<Spanned<String>>,
            /// Items that have to travel with it, whatever features are chosen.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate) requires: Vec<Spanned<String>>,
            /// The only audiences that may have it; without it everybody.
            #[serde(default)]
            #[schemars(with = "Option<Vec<schema::NameText>>")]
            pub(in crate) audience: Option<Vec<Spanned<String>>>,
            /// Its place in the bundle, 0 to 99; lower is earlier, and 50 is where items stand that say nothing.
            #[serde(default)]
            #[schemars(with = "Option<schema::PriorityNumber>")]
            pub(in crate) priority: Option<Spanned<u64>>,
        }
    };
}

item! {
    /// A container image: pulled from the registry that `reference` names, or out of an OCI image layout or a docker archive
    /// on this machine.
    #[schemars(extend("oneOf" = [
        { "required": ["layout"] }, { "required": ["archive"] },
        { "required": ["reference"], "not": { "anyOf": [{ "required": ["layout"] }, { "required": ["archive"] }] } }
    ]))]
    Image {
        /// Name of the item, unique in the manifest.
        #[schemars(with = "schema::NameText")]
        pub(in crate) name: Spanned<String>,
        /// OCI image layout: a folder with `oci-layout` and `index.json`, or a tar of one. Relative to this file. Digests
        /// stay as the registry served them.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) layout: Option<Spanned<String>>,
        /// Tar written by `docker save` or `podman save`. Relative to this file. Such an archive has lost the digest that
        /// the registry served; where you can, use `layout`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) archive: Option<Spanned<String>>,
        /// Which image, when the source holds several: the name it has there, or its digest.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) select: Option<Spanned<String>>,
        /// Alone: the image to pull, with its registry, like `registry.example.com/tools/hello:1`; the lock keeps the digest
        /// that its tag leads to. Beside `layout` or `archive`: what the image is called at the site; without it, the name
        /// found there.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) reference: Option<Spanned<String>>,
        /// Only these platforms of the image, like `linux/amd64`. The index travels byte for byte, and the other platforms
        /// are recorded as left out.
        #[serde(default)]
        #[schemars(with = "Option<Vec<schema::Text>>")]
        pub(in crate) platforms: Option<Vec<Spanned<String>>>,
        /// Take the manifest of the one platform instead of the index. This changes the digest, and is recorded.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate) narrow: Option<Spanned<bool>>,
        /// `false`: leave the signatures, attestations and SBOMs behind that the registry has for the image.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate) referrers: Option<Spanned<bool>>,
        /// Images that this software asks for by itself, like `postgres:13`: `sealift check` looks whether they travel.
        #[serde(default)]
        #[schemars(with = "Vec<schema::Text>")]
        pub(in crate) pulls: Vec<Spanned<String>>,
    }
}

item! {
    /// A folder or a file on this machine, or files of a git commit.
    #[schemars(extend("oneOf" = [{ "required": ["path"] }, { "required": ["git", "commit"] }]))]
    Tree {
        /// Name of the item, unique in the manifest.
        #[schemars(with = "schema::NameText")]
        pub(in crate) name: Spanned<String>,
        /// A folder, or a single file. Relative to this file. `.git` of a clone stays behind unless `include` names it.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) path: Option<Spanned<String>>,
        /// A git repository, `https://` or `file://`, of which one commit travels. Submodules do not.
        #[serde(default)]
        #[schemars(with = "Option<schema::GitUrl>")]
        pub(in crate) git: Option<Spanned<String>>,
        /// The commit: 40 hexadecimal digits.
        #[serde(default)]
        #[schemars(with = "Option<schema::Commit>")]
        pub(in crate) commit: Option<Spanned<String>>,
        /// Of a configuration: its texts are templates, which the site fills with its parameters, like `{{ registry }}`.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate) template: Option<Spanned<bool>>,
        /// Only files whose path in the folder matches one of these patterns: `*` within a folder, `**` over folders.
        #[serde(default)]
        #[schemars(with = "Option<Vec<schema::Text>>")]
        pub(in crate) include: Option<Vec<Spanned<String>>>,
        /// No files and folders whose path matches one of these patterns.
        #[serde(default)]
        #[schemars(with = "Option<Vec<schema::Text>>")]
        pub(in crate) exclude: Option<Vec<Spanned<String>>>,
        /// `linux`: all sites have Linux, so names may travel that Windows, macOS or FAT refuse or take for one another.
        #[serde(default)]
        #[schemars(with = "Option<schema::SystemNames>")]
        pub(in crate) names: Option<Spanned<String>>,
    }
}

item! {
    /// A folder or a file on this machine, a file that is downloaded, a Helm chart, or files of a git commit.
    #[schemars(extend("oneOf" = [
        { "required": ["path"] }, { "required": ["url"] }, { "required": ["chart", "version"] },
        { "required": ["git", "commit"] }
    ]))]
    File {
        /// Name of the item, unique in the manifest.
        #[schemars(with = "schema::NameText")]
        pub(in crate) name: Spanned<String>,
        /// What the file is good for.
        #[serde(default)]
        #[schemars(with = "Option<sealift_bundle::format::item::FileKind>")]
        pub(in crate) kind: Option<Spanned<String>>,
        /// A folder, or a single file. Relative to this file. `.git` of a clone stays behind unless `include` names it.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) path: Option<Spanned<String>>,
        /// Only files whose path in the folder matches one of these patterns: `*` within a folder, `**` over folders.
        #[serde(default)]
        #[schemars(with = "Option<Vec<schema::Text>>")]
        pub(in crate) include: Option<Vec<Spanned<String>>>,
        /// No files and folders whose path matches one of these patterns.
        #[serde(default)]
        #[schemars(with = "Option<Vec<schema::Text>>")]
        pub(in crate) exclude: Option<Vec<Spanned<String>>>,
        /// `linux`: all sites have Linux, so names may travel that Windows, macOS or FAT refuse or take for one another.
        #[serde(default)]
        #[schemars(with = "Option<schema::SystemNames>")]
        pub(in crate) names: Option<Spanned<String>>,
        /// Address of a download: `https://`, `http://` or `file://`, without user and password.
        #[serde(default)]
        #[schemars(with = "Option<schema::Url>")]
        pub(in crate) url: Option<Spanned<String>>,
        /// A git repository, `https://` or `file://`, of which one commit travels. Submodules do not.
        #[serde(default)]
        #[schemars(with = "Option<schema::GitUrl>")]
        pub(in crate) git: Option<Spanned<String>>,
        /// The commit: 40 hexadecimal digits.
        #[serde(default)]
        #[schemars(with = "Option<schema::Commit>")]
        pub(in crate) commit: Option<Spanned<String>>,
        /// A Helm chart: its name in the `repository`, or `oci://REGISTRY/REPOSITORY`; with its `version`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) chart: Option<Spanned<String>>,
        /// The HTTP repository of the chart.
        #[serde(default)]
        #[schemars(with = "Option<schema::Url>")]
        pub(in crate) repository: Option<Spanned<String>>,
        /// `first-use`: no one publishes a SHA-256 of the download, so what the first lock finds is pinned. `sealift check`
        /// reminds of it.
        #[serde(default)]
        #[schemars(with = "Option<schema::Pin>")]
        pub(in crate) pin: Option<Spanned<String>>,
        /// SHA-256 of the download: 64 hexadecimal digits.
        #[serde(default)]
        #[schemars(with = "Option<schema::Sha256>")]
        pub(in crate) sha256: Option<Spanned<String>>,
        /// File name of the download in the bundle; without it: the last part of the address.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) rename: Option<Spanned<String>>,
        /// Images that this software asks for by itself, like `postgres:13`: `sealift check` looks whether they travel.
        #[serde(default)]
        #[schemars(with = "Vec<schema::Text>")]
        pub(in crate) pulls: Vec<Spanned<String>>,
    }
}

/// What every item can say.
#[derive(Clone, Copy)]
pub(crate) struct Common<'a> {
    pub(crate) name: &'a Spanned<String>,
    pub(crate) license: Option<&'a Spanned<String>>,
    pub(crate) version: Option<&'a Spanned<String>>,
    pub(crate) variants: &'a [Spanned<String>],
    pub(crate) features: &'a [Spanned<String>],
    pub(crate) requires: &'a [Spanned<String>],
    pub(crate) audience: Option<&'a [Spanned<String>]>,
    pub(crate) priority: Option<&'a Spanned<u64>>,
    pub(crate) pulls: &'a [Spanned<String>],
}

macro_rules! common {
    ($($item:ident $pulls:expr,)*) => {
        $(impl $item {
            /// What it says as every item can.
            pub(in crate) fn common(&self) -> Common<'_> {
                let pulls: fn(&Self) -> &[Spanned<String>] = $pulls;
                Common {
                    name: &self.name,
                    license: self.license.as_ref(),
                    version: self.version.as_ref(),
                    variants: &self.variants,
                    features: &self.features,
                    requires: &self.requires,
                    audience: self.audience.as_deref(),
                    priority: self.priority.as_ref(),
                    pulls: pulls(self),
                }
            }
        })*
    };
}

common! {
    Image |image| &image.pulls,
    Tree |_| &[],
    File |file| &file.pulls,
}
