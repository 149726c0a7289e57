//! Selects what is packed: one variant, some features, and what these items require.

use super::error::PlanError;
use super::manifest::{Constraint, ItemScope, Manifest, ManifestItem, Scoped};
use sealift_bundle::format::site_inputs::{Selection, SiteInputs};
use sealift_bundle::value::name::Name;
use std::collections::{BTreeSet, HashMap};

/// What the user asks for.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// One of the manifest's variants.
    pub variant: Option<Name>,
    /// Some of its features.
    pub features: Vec<Name>,
}

/// The part of a manifest that travels.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// What travels of it, in its order.
    pub items: Vec<&'a ManifestItem>,
    /// What was chosen, and what was left out.
    pub selection: Selection,
    /// What a site has to add.
    pub needs: SiteInputs,
}

impl Manifest {
    /// The part of the manifest that travels with this choice.
    pub fn choose(&self, choice: &Choice) -> Result<Chosen<'_>, PlanError> {
        let variant = match (&choice.variant, self.variants.as_slice()) {
            (None, []) => None,
            (Some(asked), variants) if variants.contains(asked) => Some(asked.clone()),
            (asked, variants) => {
                return Err(PlanError::Variant { asked: asked.clone(), variants: variants.to_vec() });
            }
        };
        let features = self.with_implied(&choice.features)?;
        let without = self.features.keys().filter(|name| !features.contains(*name)).cloned().collect();
        let selection =
            Selection { variant, features: features.into_iter().collect(), without, ..Selection::default() };
        let items = self.chosen_items(&selection)?;
        let counts = |scope: &ItemScope| scope.counts(&selection);
        let parameters = self.parameters.iter().filter(|one| counts(&one.scope)).map(|one| one.what.clone());
        let secrets = self.secrets.iter().filter(|one| counts(&one.scope)).map(|one| one.what.clone());
        let needs = SiteInputs { parameters: parameters.collect(), secrets: secrets.collect() };
        Ok(Chosen { manifest: self, items, selection, needs })
    }

    fn with_implied(&self, asked: &[Name]) -> Result<BTreeSet<Name>, PlanError> {
        let mut chosen = BTreeSet::new();
        let mut next = asked.to_vec();
        while let Some(name) = next.pop() {
            let Some(feature) = self.features.get(&name) else {
                let features = self.features.keys().cloned().collect();
                return Err(PlanError::Feature { asked: name, features });
            };
            if chosen.insert(name) {
                next.extend(feature.implies.iter().cloned());
            }
        }
        for name in &chosen {
            let excludes =
                self.features.get(name).map(|feature| feature.excludes.as_slice()).unwrap_or_default();
            if let Some(other) = excludes.iter().find(|other| chosen.contains(*other)) {
                return Err(PlanError::Excluded { one: name.clone(), other: other.clone() });
            }
        }
        Ok(chosen)
    }

    fn chosen_items(&self, selection: &Selection) -> Result<Vec<&ManifestItem>, PlanError> {
        let by_name: HashMap<&Name, &ManifestItem> =
            self.items.iter().map(|item| (&item.name, item)).collect();
        let mut chosen: BTreeSet<&Name> = BTreeSet::new();
        let mut next: Vec<&ManifestItem> =
            self.items.iter().filter(|item| item.scope.counts(selection)).collect();
        while let Some(item) = next.pop() {
            if !chosen.insert(&item.name) {
                continue;
            }
            for name in &item.requires {
                let Some(required) = by_name.get(name).copied() else { continue };
                if !required.scope.is_of_variant(selection.variant.as_ref()) {
                    let (by, name) = (item.name.clone(), name.clone());
                    return Err(PlanError::RequiredElsewhere {
                        by,
                        name,
                        variants: required.scope.variants.clone(),
                    });
                }
                next.push(required);
            }
        }
        Ok(self.items.iter().filter(|item| chosen.contains(&item.name)).collect())
    }
}

impl ItemScope {
    fn is_of_variant(&self, variant: Option<&Name>) -> bool {
        self.variants.is_empty() || variant.is_some_and(|variant| self.variants.contains(variant))
    }

    fn counts(&self, selection: &Selection) -> bool {
        let is_chosen = |feature: &Name| selection.features.binary_search(feature).is_ok();
        self.is_of_variant(selection.variant.as_ref())
            && (self.features.is_empty() || self.features.iter().any(is_chosen))
    }
}

impl<'a> Chosen<'a> {
    /// The constraints that count.
    pub fn constraints(&self) -> impl Iterator<Item = &'a Scoped<Constraint>> + '_ {
        self.manifest.constraints.iter().filter(|one| one.scope.counts(&self.selection))
    }

    /// The item of that name, where it travels.
    #[must_use]
    pub fn item(&self, name: &Name) -> Option<&'a ManifestItem> {
        self.items.iter().find(|item| item.name == *name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Choice;
    use crate::manifest::Manifest;
    use sealift_bundle::value::error_code::Fault as _;
    use std::path::Path;

    const TEXT: &str = r#"
        [bundle]
        name = "a"
        scenario = "s"
        version = "1"
        variants = ["linux", "docker"]
        [feature.calls]
        description = "voice"
        [feature.recording]
        description = "of calls"
        implies = ["calls"]
        [feature.silent]
        description = "no calls"
        excludes = ["calls"]
        [parameter.ice-host]
        description = "where calls arrive"
        format = "host"
        features = ["calls"]
        [[doc]]
        name = "always"
        path = "x"
        [[doc]]
        name = "rtcd"
        path = "x"
        features = ["calls"]
        requires = ["base"]
        [[doc]]
        name = "recorder"
        path = "x"
        features = ["recording"]
        variants = ["docker"]
        [[doc]]
        name = "base"
        path = "x"
        features = ["silent"]
        [[doc]]
        name = "lost"
        path = "x"
        features = ["silent"]
        requires = ["recorder"]
    "#;

    fn chosen(variant: Option<&str>, features: &[&str]) -> Result<String, String> {
        let manifest = Manifest::parse(TEXT, "a.toml", Path::new("/nowhere")).unwrap();
        let choice = Choice {
            variant: variant.map(|name| name.parse().unwrap()),
            features: features.iter().map(|name| name.parse().unwrap()).collect(),
        };
        let chosen =
            manifest.choose(&choice).map_err(|error| format!("{error}; {}", error.hint().unwrap()))?;
        let names: Vec<_> = chosen.items.iter().map(|item| item.name.as_str()).collect();
        Ok(format!("{} | {}", names.join(" "), chosen.needs.parameters.len()))
    }

    #[test]
    fn variants_and_features_choose_and_items_pull_in_others() {
        assert_eq!(chosen(Some("linux"), &[]).unwrap(), "always | 0");
        assert_eq!(chosen(Some("linux"), &["calls"]).unwrap(), "always rtcd base | 1");
        assert_eq!(chosen(Some("linux"), &["recording"]).unwrap(), "always rtcd base | 1");
        assert_eq!(chosen(Some("docker"), &["recording"]).unwrap(), "always rtcd recorder base | 1");
    }

    #[test]
    fn a_choice_that_is_none_names_what_there_is() {
        for (variant, features, said) in [
            (None, &[][..], "`linux`"),
            (Some("kubernetes"), &[], "`docker`"),
            (Some("linux"), &["cals"], "`recording`"),
            (Some("docker"), &["silent", "recording"], "`silent`"),
            (Some("linux"), &["silent"], "`lost` requires `recorder`"),
        ] {
            let error = chosen(variant, features).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
