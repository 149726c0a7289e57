//! The keys that name images, from `rules/images.toml`.

use sealift_audit::rules::{self, Source};
use sealift_bundle::value::image_name::ImageName;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageRules {
    key: Vec<KeyRow>,
    variable: Vec<VariableRow>,
    ending: Vec<EndingRow>,
    resource: Vec<OperatorResource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    name: String,
    #[serde(rename = "source")]
    _source: Source,
}

/// A variable with this prefix always names an image; one with this suffix, when all of it looks like that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableRow {
    prefix: Option<String>,
    suffix: Option<String>,
    #[serde(rename = "source")]
    _source: Source,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndingRow {
    text: String,
    #[serde(rename = "source")]
    _source: Source,
}

/// A resource of an operator that has the image in `spec.image` and its tag or digest in `spec.version`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorResource {
    group: String,
    kinds: Vec<String>,
    /// The image that the operator uses where the resource names none.
    pub(super) image: String,
    #[serde(rename = "source")]
    _source: Source,
}

static RULES: LazyLock<ImageRules> = LazyLock::new(|| rules::parse(include_str!("rules/images.toml")));

/// Keys that hold an image in Kubernetes, compose files and `CloudNativePG`.
pub(super) fn is_image_key(key: &str) -> bool {
    RULES.key.iter().any(|row| row.name == key)
}

/// Whether an environment variable of this name may hold an image, whatever its value.
pub(super) fn is_image_variable(name: &str) -> bool {
    let fits = |row: &VariableRow| {
        row.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix.as_str()))
            || row.suffix.as_ref().is_some_and(|suffix| name.ends_with(suffix.as_str()))
    };
    RULES.variable.iter().any(fits)
}

/// Environment variables that name images. A word without `/` and `:` is a part of a name that a compose file puts
/// together, as `MATTERMOST_IMAGE` of mattermost/docker; the whole is found there.
pub(super) fn names_image(name: &str, value: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let fits = |row: &VariableRow| {
        row.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix.as_str()))
            || row.suffix.as_ref().is_some_and(|suffix| name.ends_with(suffix.as_str()))
                && name.chars().all(upper)
                && value.contains(['/', ':'])
    };
    RULES.variable.iter().any(fits)
}

/// A key that ends as names of images do, with a value that can be one: `initImage: busybox:1`.
pub(super) fn is_image_by_name(key: &str, value: &str) -> bool {
    let ends = RULES.ending.iter().any(|row| key.ends_with(&row.text));
    let name: Option<ImageName> = value.parse().ok().filter(|_| ends);
    name.is_some_and(|name: ImageName| name.tag().is_some() || name.digest().is_some())
}

/// The resource of an operator that this is, if it is one.
pub(super) fn operator_resource(group: &str, kind: &str) -> Option<&'static OperatorResource> {
    RULES
        .resource
        .iter()
        .find(|row| group.contains(&row.group) && row.kinds.iter().any(|known| known == kind))
}
