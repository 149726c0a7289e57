//! The words of a manifest and of its shared parts, as they stand in the file. The comments here are what an editor
//! shows while one is written.

mod items;
mod terms;

pub(super) use items::{Common, File, Image, Tree};
pub(super) use terms::{Accept, Audience, Constraint, Feature, Parameter, Secret};

use super::schema;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// Names with a table each, like `[feature.calls]`.
pub(super) type Tables<T> = BTreeMap<Spanned<String>, T>;

/// What should travel in one bundle: a table `[bundle]` and a list of items. A shared part begins with `[part]` instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "sealift manifest")]
#[schemars(extend("oneOf" = [{ "required": ["bundle"] }, { "required": ["part"] }]))]
pub(super) struct Manifest {
    /// Name, version and purpose of the bundle.
    #[serde(default)]
    #[schemars(with = "Option<BundleTable>")]
    pub(super) bundle: Option<BundleTable>,
    /// Makes the file a part that manifests include.
    #[serde(default)]
    #[schemars(with = "Option<PartTable>")]
    pub(super) part: Option<PartTable>,
    /// What can be chosen with `sealift lock --feature NAME`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Feature>")]
    pub(super) feature: Tables<Feature>,
    /// The only things that a site may set; they fill the templates among the configurations.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Parameter>")]
    pub(super) parameter: Tables<Parameter>,
    /// Who may get a bundle that leaves something out: `sealift pack --audience NAME`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Audience>")]
    pub(super) audience: Tables<Audience>,
    /// What never travels and is filled in at the site.
    #[serde(default)]
    pub(super) secret: Vec<Secret>,
    /// Which versions go together.
    #[serde(default)]
    pub(super) constraint: Vec<Constraint>,
    /// Findings of `sealift check` that are explained instead of fixed.
    #[serde(default)]
    pub(super) accept: Vec<Accept>,
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

/// Makes a file a part that manifests include.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartTable {
    /// What the part is for.
    #[schemars(with = "schema::Description")]
    pub(super) description: Spanned<String>,
    /// Further parts, relative to this file.
    #[serde(default)]
    #[schemars(with = "Vec<schema::Text>")]
    pub(super) include: Vec<Spanned<String>>,
}

/// Name, version and purpose of the bundle.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleTable {
    /// Name of the bundle; with the version it becomes the file name `NAME-VERSION.sealift`.
    #[schemars(with = "schema::NameText")]
    pub(super) name: Spanned<String>,
    /// The deployment pattern it serves, like `air-gapped`. A site counts the bundles of each scenario by itself.
    #[schemars(with = "schema::NameText")]
    pub(super) scenario: Spanned<String>,
    /// Version for users, like `2026.11.0`. Which bundle is newer is decided by `sequence` alone.
    #[schemars(with = "schema::NameText")]
    pub(super) version: Spanned<String>,
    /// After this moment sites no longer trust the bundle: UTC, whole seconds, like `2027-05-01T00:00:00Z`.
    #[serde(default)]
    #[schemars(with = "Option<schema::MomentText>")]
    pub(super) expires: Option<Spanned<String>>,
    /// Counts the bundles of a scenario; a site never goes back. Without it, `sealift lock` counts: one more than
    /// the lock before whenever anything in the lock changes, because two bundles never have one number. Gaps mean nothing.
    #[serde(default)]
    #[schemars(with = "Option<schema::Sequence>")]
    pub(super) sequence: Option<Spanned<u64>>,
    /// Shared parts, relative to this file. What they list belongs to the manifest.
    #[serde(default)]
    #[schemars(with = "Vec<schema::Text>")]
    pub(super) include: Vec<Spanned<String>>,
    /// Kinds of sites that need different items; one of them is chosen with `sealift lock --variant NAME`.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(super) variants: Vec<Spanned<String>>,
    /// The machines of the sites, like `linux/amd64`: `sealift check` finds images that lack one.
    #[serde(default)]
    #[schemars(with = "Vec<schema::Text>")]
    pub(super) platforms: Vec<Spanned<String>>,
    /// Hosts on the internet that configurations may name, like `login.microsoftonline.com` or `*.mission.example`:
    /// `sealift check` reports all others.
    #[serde(default)]
    #[schemars(with = "Vec<schema::Text>")]
    pub(super) egress: Vec<Spanned<String>>,
}
