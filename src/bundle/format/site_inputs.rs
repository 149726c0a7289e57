//! The selection a bundle was made for, and what a site has to supply: parameters and secrets.

use crate::value::digest::Digest;
use crate::value::format::Format;
use crate::value::limits::Limits;
use crate::value::name::Name;
use crate::value::printable::is_deceptive;
use serde::{Deserialize, Serialize};

/// Bytes of the longest description.
pub(crate) const DESCRIPTION: usize = 500;

/// Which part of a manifest a bundle carries. Nothing chosen and nothing left out: the statement does not mention it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The variant that was chosen, where the manifest has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Name>,
    /// The features that were chosen, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Name>,
    /// The features that the manifest has and that were left out on purpose, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Name>,
    /// Whom the bundle was made for, where not everybody may have everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Name>,
    /// The items that this audience does not get, each by the digest of its content, ascending: of an image, its index
    /// or manifest; of a tree, the lines of its entries ([`content_digest`](super::inventory::content_digest)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Digest>,
}

impl Selection {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// What a site has to add to a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteInputs {
    /// What a site may set, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What never travels and is filled in at the site, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SiteSecret>,
}

/// A value that a site may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// What its value looks like.
    pub format: Format,
    /// What its value may be, where the format is `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Its value where the site sets none; without it, the site has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A hole that is filled at the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSecret {
    /// Its name.
    pub name: Name,
    /// What belongs there, and where it comes from.
    pub description: String,
}

impl SiteInputs {
    /// Whether the site has nothing to add.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.parameters.is_empty() && self.secrets.is_empty()
    }
}

/// Whether a text can be a description: one line that hides nothing.
#[must_use]
pub fn is_description(text: &str) -> bool {
    (1..=DESCRIPTION).contains(&text.len()) && !text.contains(is_deceptive)
}

/// The rules that the types do not hold; the error says which is broken.
pub(super) fn check(selection: &Selection, needs: &SiteInputs, limits: &Limits) -> Result<(), &'static str> {
    let rising = |names: &[Name]| names.is_sorted_by(|one, other| one < other);
    if !rising(&selection.features) || !rising(&selection.without) {
        return Err("its features are not in ascending order");
    }
    if selection.features.iter().any(|name| selection.without.binary_search(name).is_ok()) {
        return Err("a feature is both chosen and left out");
    }
    if !selection.withheld.is_sorted_by(|one, other| one < other) {
        return Err("what it withholds is not in ascending order");
    }
    if selection.audience.is_none() && !selection.withheld.is_empty() {
        return Err("it withholds items from no audience");
    }
    let counts = [selection.features.len(), selection.without.len(), selection.withheld.len()];
    let needed = [needs.parameters.len(), needs.secrets.len()];
    if counts.into_iter().chain(needed).any(|count| count > limits.items) {
        return Err("it has more features, parameters or secrets than a bundle may have items");
    }
    if !needs.parameters.is_sorted_by(|one, other| one.name < other.name)
        || !needs.secrets.is_sorted_by(|one, other| one.name < other.name)
    {
        return Err("its parameters or secrets are not in ascending order");
    }
    for parameter in &needs.parameters {
        if (parameter.format == Format::Choice) == parameter.choices.is_empty() {
            return Err("a parameter has choices without being one, or is a choice without any");
        }
        if parameter.choices.iter().any(|choice| !Format::Text.fits(choice, &[])) {
            return Err("a choice of a parameter is not plain text");
        }
        let default = parameter.default.as_ref();
        if default.is_some_and(|value| !parameter.format.fits(value, &parameter.choices)) {
            return Err("the default of a parameter does not have its format");
        }
    }
    let descriptions = needs.parameters.iter().map(|one| &one.description);
    let mut descriptions = descriptions.chain(needs.secrets.iter().map(|one| &one.description));
    if descriptions.any(|text| !is_description(text)) {
        return Err("a description is empty, too long, or has characters that cannot be seen");
    }
    Ok(())
}
