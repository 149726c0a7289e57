//! The words around the items: what can be chosen, what a site adds, and what has to fit together.

use super::super::manifest::ReadAs;
use super::super::schema;
use crate::value::format::Format;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// Adds when something counts.
macro_rules! scoped {
    ($(#[$attribute:meta])* $name:ident { $($field:tt)* }) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])*
        pub(in crate::plan) struct $name {
            $($field)*
            /// Only for these variants of the manifest.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate::plan) variants: Vec<Spanned<String>>,
            /// Only when one of these features is chosen.
            #[serde(default)]
            #[schemars(with = "Vec<schema::NameText>")]
            pub(in crate::plan) features: Vec<Spanned<String>>,
        }
    };
}

/// What can be chosen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Feature {
    /// What one gets with it.
    #[schemars(with = "schema::Description")]
    pub(in crate::plan) description: Spanned<String>,
    /// Features that are chosen with it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(in crate::plan) implies: Vec<Spanned<String>>,
    /// Features that cannot be chosen together with it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(in crate::plan) excludes: Vec<Spanned<String>>,
}

scoped! {
    /// A value that a site may set.
    Parameter {
        /// What it is for.
        #[schemars(with = "schema::Description")]
        pub(in crate::plan) description: Spanned<String>,
        /// What its value looks like.
        #[schemars(with = "Format")]
        pub(in crate::plan) format: Spanned<Format>,
        /// What its value may be, with the format `choice`.
        #[serde(default)]
        #[schemars(with = "Vec<schema::Text>")]
        pub(in crate::plan) choices: Vec<Spanned<String>>,
        /// Its value where the site sets none. Without it, the site has to.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate::plan) default: Option<Spanned<String>>,
    }
}

/// Somebody who may not have everything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Audience {
    /// Who that is.
    #[schemars(with = "schema::Description")]
    pub(in crate::plan) description: Spanned<String>,
    /// Licences of items that must not reach it.
    #[serde(default)]
    #[schemars(with = "Vec<schema::License>")]
    pub(in crate::plan) refuses: Vec<Spanned<String>>,
    /// Items that it does not get, for items of shared parts, which name no audience themselves.
    #[serde(default)]
    #[schemars(with = "Vec<schema::NameText>")]
    pub(in crate::plan) withholds: Vec<Spanned<String>>,
}

scoped! {
    /// A hole that is filled at the site.
    Secret {
        /// Its name, unique among the secrets.
        #[schemars(with = "schema::NameText")]
        pub(in crate::plan) name: Spanned<String>,
        /// What belongs there, and where it comes from.
        #[schemars(with = "schema::Description")]
        pub(in crate::plan) description: Spanned<String>,
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
        pub(in crate::plan) item: Spanned<String>,
        /// Versions it may have, like `=0.8.13`, `>=14` or `>=7, <8`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate::plan) version: Option<Spanned<String>>,
        /// An item whose version it has to have.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate::plan) same_as: Option<Spanned<String>>,
        /// `true`: it has to travel.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate::plan) present: Option<Spanned<bool>>,
        /// `true`: it must not travel.
        #[serde(default)]
        #[schemars(with = "Option<bool>")]
        pub(in crate::plan) absent: Option<Spanned<bool>>,
        /// A file item that says which version it has to have.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate::plan) read_from: Option<Spanned<String>>,
        /// A JSON file in that item, or in the archive that it is, like `plugin.json`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate::plan) read_file: Option<Spanned<String>>,
        /// Where in the JSON file the version stands, like `props.calls_recorder_version`.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate::plan) read_key: Option<Spanned<String>>,
        /// Whether it has to be that version, or that one or a later one.
        #[serde(default)]
        #[schemars(with = "Option<ReadAs>")]
        pub(in crate::plan) read_as: Option<Spanned<ReadAs>>,
        /// Only where this item travels too.
        #[serde(default)]
        #[schemars(with = "Option<schema::NameText>")]
        pub(in crate::plan) with: Option<Spanned<String>>,
        /// Only where `with` has such a version.
        #[serde(default)]
        #[schemars(with = "Option<schema::Text>")]
        pub(in crate::plan) with_version: Option<Spanned<String>>,
        /// Why.
        #[schemars(with = "schema::Description")]
        pub(in crate::plan) because: Spanned<String>,
    }
}

/// A finding of `sealift check` that is explained.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::plan) struct Accept {
    /// Its rule, like `reference.missing`.
    #[schemars(with = "schema::Text")]
    pub(in crate::plan) finding: Spanned<String>,
    /// What it is about, as `sealift check` shows it.
    #[schemars(with = "schema::Text")]
    pub(in crate::plan) about: Spanned<String>,
    /// Why it is no fault here.
    #[schemars(with = "schema::Description")]
    pub(in crate::plan) because: Spanned<String>,
}
