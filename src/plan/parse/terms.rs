//! Converts labels, scopes, parameters and constraints.

use super::super::error::PlanError;
use super::super::grammar::{self, Common};
use super::super::manifest::{
    AcceptedFinding, Constraint, ConstraintRule, ItemScope, ManifestAudience, ManifestFeature, ManifestItem,
    Scoped, Source,
};
use super::super::requirement::Requirement;
use super::Text;
use sealift_audit::finding::LintRule;
use sealift_bundle::format::item::{FileKind, ItemKind, LAST_PRIORITY, Labels, PRIORITY};
use sealift_bundle::format::site_inputs::{Parameter, SiteSecret, is_description};
use sealift_bundle::value::format::Format;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::suggestion::did_you_mean;
use std::collections::HashSet;
use toml::Spanned;

/// The names that a manifest and its parts declare.
#[derive(Default)]
pub(crate) struct KnownNames {
    pub(crate) variants: Vec<Name>,
    pub(crate) features: HashSet<Name>,
    pub(crate) audiences: HashSet<Name>,
    pub(crate) items: HashSet<Name>,
}

impl Text<'_> {
    /// Names that have to be among the known ones.
    fn known<'k>(
        self,
        words: &[Spanned<String>],
        known: impl IntoIterator<Item = &'k Name> + Clone,
        otherwise: &str,
        help: &str,
    ) -> Result<Vec<Name>, PlanError> {
        let mut names = Vec::with_capacity(words.len());
        for word in words {
            let name: Name = self.word(word)?;
            if !known.clone().into_iter().any(|one| *one == name) {
                let help = did_you_mean(name.as_str(), known.into_iter().map(Name::as_str))
                    .unwrap_or_else(|| help.to_owned());
                return Err(self.item(&word.span(), otherwise, &help));
            }
            names.push(name);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(crate) fn item_names(
        self,
        words: &[Spanned<String>],
        known: &KnownNames,
    ) -> Result<Vec<Name>, PlanError> {
        self.known(
            words,
            &known.items,
            "there is no item of this name",
            "name an item of the manifest or of a part that it includes",
        )
    }

    fn features(self, words: &[Spanned<String>], known: &KnownNames) -> Result<Vec<Name>, PlanError> {
        let help = "describe it: `[feature.NAME]` with a `description`";
        self.known(words, &known.features, "this feature is described nowhere", help)
    }

    fn scope(
        self,
        variants: &[Spanned<String>],
        features: &[Spanned<String>],
        known: &KnownNames,
    ) -> Result<ItemScope, PlanError> {
        // A part may have something for variants that only other manifests know.
        let variants = if self.is_part {
            self.words(variants)?
        } else {
            let help = "name it in `variants` of the table `[bundle]`";
            self.known(variants, &known.variants, "the manifest has no variant of this name", help)?
        };
        Ok(ItemScope { variants, features: self.features(features, known)? })
    }

    fn description(self, word: &Spanned<String>) -> Result<String, PlanError> {
        if is_description(word.get_ref()) {
            return Ok(word.get_ref().clone());
        }
        Err(self.value(&word.span(), "this is one line of at most 500 bytes, and no character in it hides"))
    }

    fn version(self, word: &Spanned<String>) -> Result<String, PlanError> {
        let text = word.get_ref();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(text.clone());
        }
        Err(self.value(&word.span(), "a version is letters, digits, `.`, `_`, `+` and `-`"))
    }

    pub(crate) fn file_kind(self, word: &Spanned<String>) -> Result<FileKind, PlanError> {
        FileKind::from_word(word.get_ref()).ok_or_else(|| {
            let title =
                "a file is a `package`, `plugin`, `chart`, `model`, `certificate`, `evidence` or `tool`";
            self.value(&word.span(), title)
        })
    }

    /// An item with what every item can say.
    pub(crate) fn listed(
        self,
        kind: ItemKind,
        common: Common<'_>,
        source: Source,
        known: &KnownNames,
    ) -> Result<ManifestItem, PlanError> {
        let declared = common.version.map(|version| self.version(version)).transpose()?;
        let tag = match &source {
            Source::Pull(pull) => pull.reference.tag().map(str::to_owned),
            Source::Image(image) => image.reference.as_ref().and_then(|name| name.tag().map(str::to_owned)),
            Source::Chart { version, .. } => Some(version.clone()),
            Source::Path { .. } | Source::Url { .. } | Source::Git { .. } => None,
        };
        let priority = match common.priority {
            None => PRIORITY,
            Some(word) => {
                u8::try_from(*word.get_ref()).ok().filter(|number| *number <= LAST_PRIORITY).ok_or_else(
                    || self.value(&word.span(), "a `priority` is a number from 0, which is first, to 99"),
                )?
            }
        };
        let audience = |words: &[Spanned<String>]| {
            let help = "describe it: `[audience.NAME]` with a `description`";
            self.known(words, &known.audiences, "this audience is described nowhere", help)
        };
        let labels = Labels {
            version: declared.or(tag),
            file_kind: None,
            audience: common.audience.map(audience).transpose()?,
            priority,
            template: false,
            ..Labels::default()
        };
        let pulls: Vec<ImageName> = self.words(common.pulls)?;
        Ok(ManifestItem {
            name: self.word(common.name)?,
            kind,
            license: common.license.map(|license| self.license(license)).transpose()?,
            labels,
            scope: self.scope(common.variants, common.features, known)?,
            requires: self.item_names(common.requires, known)?,
            pulls,
            source,
            spot: self.spot(&common.name.span()),
        })
    }

    pub(crate) fn feature(
        self,
        feature: &grammar::Feature,
        known: &KnownNames,
    ) -> Result<ManifestFeature, PlanError> {
        Ok(ManifestFeature {
            description: self.description(&feature.description)?,
            implies: self.features(&feature.implies, known)?,
            excludes: self.features(&feature.excludes, known)?,
        })
    }

    pub(crate) fn audience(self, audience: &grammar::Audience) -> Result<ManifestAudience, PlanError> {
        let refuses =
            audience.refuses.iter().map(|license| self.license(license)).collect::<Result<_, _>>()?;
        Ok(ManifestAudience { description: self.description(&audience.description)?, refuses })
    }

    pub(crate) fn parameter(
        self,
        name: Name,
        parameter: &grammar::Parameter,
        known: &KnownNames,
    ) -> Result<Scoped<Parameter>, PlanError> {
        let format = *parameter.format.get_ref();
        for choice in &parameter.choices {
            if !Format::Text.fits(choice.get_ref(), &[]) {
                let title = format!("a choice is {}", Format::Text.looks_like());
                return Err(self.value(&choice.span(), &title));
            }
        }
        match (format, parameter.choices.first()) {
            (Format::Choice, None) => {
                let help = "add `choices = [\"...\", \"...\"]`";
                return Err(self.item(&parameter.format.span(), "a choice needs `choices`", help));
            }
            (Format::Choice, Some(_)) | (_, None) => {}
            (_, Some(choice)) => {
                let help = "take them out, or write `format = \"choice\"`";
                return Err(self.item(&choice.span(), "`choices` belong to the format `choice`", help));
            }
        }
        let choices: Vec<String> = parameter.choices.iter().map(|choice| choice.get_ref().clone()).collect();
        if let Some(default) =
            parameter.default.as_ref().filter(|word| !format.fits(word.get_ref(), &choices))
        {
            return Err(self.value(&default.span(), &format!("this is not {}", format.looks_like())));
        }
        let default = parameter.default.as_ref().map(|word| word.get_ref().clone());
        let what = Parameter {
            name,
            description: self.description(&parameter.description)?,
            format,
            choices,
            default,
        };
        let scope = self.scope(&parameter.variants, &parameter.features, known)?;
        Ok(Scoped { scope, what, spot: self.spot(&parameter.description.span()) })
    }

    pub(crate) fn secret(
        self,
        secret: &grammar::Secret,
        known: &KnownNames,
    ) -> Result<Scoped<SiteSecret>, PlanError> {
        let description = self.description(&secret.description)?;
        let what = SiteSecret { name: self.word(&secret.name)?, description };
        let scope = self.scope(&secret.variants, &secret.features, known)?;
        Ok(Scoped { scope, what, spot: self.spot(&secret.name.span()) })
    }

    fn requirement(self, word: &Spanned<String>) -> Result<Requirement, PlanError> {
        Requirement::parse(word.get_ref()).map_err(|reason| {
            let title = format!("this asks for no version: {reason}; write `=1.2.3`, `>=14` or `>=7, <8`");
            self.value(&word.span(), &title)
        })
    }

    /// The name of an item; a part may speak of items that only other manifests have.
    fn other(self, word: &Spanned<String>, known: &KnownNames) -> Result<Name, PlanError> {
        if self.is_part {
            return self.word(word);
        }
        self.item_names(std::slice::from_ref(word), known)?;
        self.word(word)
    }

    pub(crate) fn constraint(
        self,
        raw: &grammar::Constraint,
        known: &KnownNames,
    ) -> Result<Scoped<Constraint>, PlanError> {
        let place = raw.item.span();
        let is_true = |word: &Spanned<bool>| {
            let help = "write `true`, or take it out";
            if *word.get_ref() {
                Ok(())
            } else {
                Err(self.item(&word.span(), "the only value is `true`", help))
            }
        };
        let mut rules = Vec::new();
        if let Some(version) = &raw.version {
            rules.push(ConstraintRule::Version(self.requirement(version)?));
        }
        if let Some(name) = &raw.same_as {
            rules.push(ConstraintRule::SameAs(self.other(name, known)?));
        }
        if let Some(word) = &raw.present {
            is_true(word)?;
            rules.push(ConstraintRule::Present);
        }
        if let Some(word) = &raw.absent {
            is_true(word)?;
            rules.push(ConstraintRule::Absent);
        }
        match (&raw.read_from, &raw.read_file, &raw.read_key, &raw.read_as) {
            (Some(from), Some(file), Some(key), Some(bound)) => rules.push(ConstraintRule::Read {
                from: self.other(from, known)?,
                file: self.path_as_written(file)?,
                key: key.get_ref().clone(),
                bound: *bound.get_ref(),
            }),
            (None, None, None, None) => {}
            _ => {
                let title = "`read_from`, `read_file`, `read_key` and `read_as` belong together";
                return Err(self.item(&place, title, "add what is missing"));
            }
        }
        let mut rules = rules.into_iter();
        let (Some(rule), None) = (rules.next(), rules.next()) else {
            let title =
                "a constraint says one thing: `version`, `same_as`, `present`, `absent` or `read_from`";
            return Err(self.item(&place, title, "keep one of them, or make two constraints"));
        };
        let with = match (&raw.with, &raw.with_version) {
            (Some(with), version) => {
                let version = version.as_ref().map(|version| self.requirement(version)).transpose()?;
                Some((self.other(with, known)?, version))
            }
            (None, Some(version)) => {
                let help = "add `with = \"ITEM\"`";
                return Err(self.item(&version.span(), "`with_version` needs `with`", help));
            }
            (None, None) => None,
        };
        let because = self.description(&raw.because)?;
        let what = Constraint { item: self.other(&raw.item, known)?, rule, with, because };
        Ok(Scoped { scope: self.scope(&raw.variants, &raw.features, known)?, what, spot: self.spot(&place) })
    }

    fn path_as_written(self, word: &Spanned<String>) -> Result<String, PlanError> {
        Text { folder: std::path::Path::new(""), ..self }.path(word)
    }

    fn rule(self, word: &Spanned<String>) -> Result<LintRule, PlanError> {
        let text = word.get_ref().as_str();
        if let Some(rule) = LintRule::ALL.iter().find(|rule| rule.as_str() == text) {
            return Ok(*rule);
        }
        let help = did_you_mean(text, LintRule::ALL.iter().map(|rule| rule.as_str())).unwrap_or_default();
        Err(self.item(&word.span(), "`sealift check` has no finding of this name", &help))
    }

    /// A host, or with `*.` in front all hosts below one.
    pub(crate) fn egress(self, word: &Spanned<String>) -> Result<String, PlanError> {
        let host = word.get_ref();
        if Format::Host.fits(host.strip_prefix("*.").unwrap_or(host), &[]) {
            return Ok(host.clone());
        }
        Err(self.value(&word.span(), "this is not a host, like `login.site.example` or `*.site.example`"))
    }

    pub(crate) fn accept(self, accept: &grammar::Accept) -> Result<AcceptedFinding, PlanError> {
        Ok(AcceptedFinding {
            finding: self.rule(&accept.finding)?,
            about: self.description(&accept.about)?,
            because: self.description(&accept.because)?,
            spot: self.spot(&accept.finding.span()),
        })
    }
}
