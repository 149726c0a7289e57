//! Image references as texts: completed, without the registry of a site, with variables replaced.

use crate::lint::holes::{HOLE, filled};
use sealift_bundle::value::image_name::ImageName;
use std::collections::BTreeMap;

/// What variables in compose files stand for: those of `.env` files beside them.
pub(crate) type Variables = BTreeMap<String, String>;

/// A reference with registry and tag: short names as the tools of Docker and containerd complete them.
#[must_use]
pub(crate) fn normalised(reference: &str) -> Option<String> {
    let name: ImageName = reference.trim().parse().ok()?;
    let registry = match name.registry() {
        None | Some("index.docker.io" | "registry-1.docker.io") => "docker.io",
        Some(registry) => registry,
    };
    let path = name.path();
    let library = if registry == "docker.io" && !path.contains('/') { "library/" } else { "" };
    Some(format!("{registry}/{library}{path}{}", version_of(&name)))
}

/// What follows the site's registry in a reference that begins with a hole: `mattermost/x:1` of
/// `{{ registry }}/mattermost/x:1`.
#[must_use]
pub(crate) fn below_site(reference: &str) -> Option<String> {
    let filled = filled(reference.trim());
    let (first, rest) = filled.split_once('/')?;
    let is_hole = first.starts_with(HOLE) && !rest.contains(HOLE);
    let name: ImageName = rest.parse().ok().filter(|_| is_hole)?;
    Some(format!("{}{}", name.repository(), version_of(&name)))
}

/// Tag and digest as they stand, or the tag that is meant where there is neither.
fn version_of(name: &ImageName) -> String {
    match (name.tag(), name.digest()) {
        (Some(tag), Some(digest)) => format!(":{tag}@{digest}"),
        (Some(tag), None) => format!(":{tag}"),
        (None, Some(digest)) => format!("@{digest}"),
        (None, None) => ":latest".to_owned(),
    }
}

/// Fills `$X`, `${X}`, `${X:-default}` and `${X-default}`, as compose does.
///
/// # Errors
///
/// The first variable that is set nowhere.
pub(super) fn interpolated(text: &str, variables: &Variables) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (inner, after) = match from.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or_else(|| from.to_owned())?,
            None => from.split_at(from.find(|c| !is_name(c)).unwrap_or(from.len())),
        };
        let name_end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
        let (name, operator) = inner.split_at(name_end);
        let default = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'));
        let value = variables.get(name).filter(|value| !value.is_empty()).map(String::as_str).or(default);
        out.push_str(value.ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
