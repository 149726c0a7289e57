//! The keys of everything but items: choices, parameters, secrets, constraints.

use super::super::manifest::ReadAs;
use super::super::schema;
use schemars::JsonSchema;
use sealift_bundle::value::format::Format;
use serde::Deserialize;
use toml::Spanned;

/// Adds when something counts.
macro_rules! scoped {
    ($(#[$attribute:meta])* $name:ident { $($field:tt)* }) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])*
        pub(in crate) struct $name {
            $($field)*
            /// Only for these variants of the manifest.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate) variants: Vec<Spanned<String>>,
            /// Only when one of these features is chosen.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate) features: Vec<Spanned<String>>,
        }
    };
}

/// What can be chosen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    /// What one gets with it.
    #[schemars(with = "schema::Description")]
    pub(crate) description: Spanned<String>,
    /// Features that are chosen with it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(crate) implies: Vec<Spanned<String>>,
    /// Features that cannot be chosen together with it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(crate) excludes: Vec<Spanned<String>>,
}

scoped! {
    /// A value that a site may set.
    Parameter {
        /// What it is for.
        #[schemars(with = "schema::Description")]
        pub(in crate) description: Spanned<String>,
        /// What its value looks like.
        #[schemars(with = "Format")]
        pub(in crate) format: Spanned<Format>,
        /// What its value may be, with the format `choice`.
        #[serde(default)]
        #[schemars(with = "Vec<schema::Text>")]
        pub(in crate) choices: Vec<Spanned<String>>,
        /// Its value where the site sets none. Without it, the site has to.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) default: Option<Spanned<String>>,
    }
}

/// Someone who may not have everything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audience {
    /// Who that is.
    #[schemars(with = "schema::Description")]
    pub(crate) description: Spanned<String>,
    /// Licences of items that must not reach it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::License>")]
    pub(crate) refuses: Vec<Spanned<String>>,
    /// Items that it does not get, for items of shared parts, which name no audience themselves.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(crate) withholds: Vec<Spanned<String>>,
}

scoped! {
    /// A hole that is filled at the site.
    Secret {
        /// Its name, unique among the secrets.
        #[schemars(with = "schema::NameText")]
        pub(in crate) name: Spanned<String>,
        /// What belongs there, and where it comes from.
        #[schemars(with = "schema::Description")]
        pub(in crate) description: Spanned<String>,
    }
}

scoped! {
    /// What an item has to be where it travels: one of `version`, `same_as`, `present`, `absent` and `read_from`.
    #[schemars(extend("oneOf" = [
        { "required": ["version"] }, { "required": ["same_as"] }, { "required": ["present"] }, { "required": ["absent"] },
        { "required": ["read_from", "read_file", "read_key", "read_as"] }
    ]))]
    Constraint {
        /// The item.
        #[schemars(with = "schema::NameText")]
        pub(in crate) item: Spanned<String>,
        /// Versions it may have, like `=0.8.13`, `>=14` or `>=7, <8`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) version: Option<Spanned<String>>,
        /// An item whose version it has to have.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate) same_as: Option<Spanned<String>>,
        /// `true`: it has to travel.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate) present: Option<Spanned<bool>>,
        /// `true`: it must not travel.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate) absent: Option<Spanned<bool>>,
        /// A file item that says which version it has to have.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate) read_from: Option<Spanned<String>>,
        /// A JSON file in that item, or in the archive that it is, like `plugin.json`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) read_file: Option<Spanned<String>>,
        /// Where in the JSON file the version stands, like `props.calls_recorder_version`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) read_key: Option<Spanned<String>>,
        /// Whether it has to be that version, or that one or a later one.
        #[serde(default)]
        #[schemars(with = "Option<ReadAs>")]
        pub(in crate) read_as: Option<Spanned<ReadAs>>,
        /// Only where this item travels too.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate) with: Option<Spanned<String>>,
        /// Only where `with` has such a version.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate) with_version: Option<Spanned<String>>,
        /// Why.
        #[schemars(with = "schema::Description")]
        pub(in crate) because: Spanned<String>,
    }
}

/// A finding of `sealift check` that is explained.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    /// Its rule, like `reference.missing`.
    #[schemars(with = "schema::Text")]
    pub(crate) finding: Spanned<String>,
    /// What it is about, as `sealift check` shows it.
    #[schemars(with = "schema::Text")]
    pub(crate) about: Spanned<String>,
    /// Why it is not a fault here.
    #[schemars(with = "schema::Description")]
    pub(crate) because: Spanned<String>,
}
