//! The JSON Schema of manifests, for editors.

use super::grammar;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// The schema as it is kept in `manifests/schema.json`: JSON Schema draft 7 without references, which is what the
/// TOML plug-ins of editors read.
#[must_use]
pub fn json() -> String {
    let settings = SchemaSettings::draft07()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<grammar::Manifest>();
    // A value that is already JSON is always written.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// TOML has no null: a key that is not needed is left out.
fn without_null(schema: &mut Schema) {
    if schema.get("default").is_some_and(serde_json::Value::is_null) {
        schema.remove("default");
    }
    let one = schema.get("type").and_then(|types| match types.as_array()?.as_slice() {
        [one, null] if null == "null" => Some(one.clone()),
        _ => None,
    });
    if let Some(one) = one {
        schema.insert("type".to_owned(), one);
    }
}

/// Types that exist for their schema alone; the rules themselves are those of `value/`.
macro_rules! words {
    ($($name:ident $schema:tt)*) => {
        $(pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })*
    };
}

words! {
    NameText { "type": "string", "maxLength": 64, "pattern": "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$" }
    MomentText { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" }
    Sequence { "type": "integer", "minimum": 1 }
    Text { "type": "string", "minLength": 1 }
    License { "type": "string", "pattern": "^[ -~]{1,256}$" }
    Description { "type": "string", "minLength": 1, "maxLength": 500 }
    VersionText { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$" }
    PriorityNumber { "type": "integer", "minimum": 0, "maximum": 99 }
    GitUrl { "type": "string", "pattern": "^(https|file)://" }
    Commit { "type": "string", "pattern": "^[0-9a-f]{40}$" }
    Pin { "const": "first-use" }
    SystemNames { "const": "linux" }
    Url { "type": "string", "pattern": "^(https?|file)://" }
    Sha256 { "type": "string", "pattern": "^[0-9a-f]{64}$" }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_in_the_folder_of_manifests_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/schema.json");
        if std::env::var_os("SEALIFT_WRITE_SCHEMA").is_some() {
            std::fs::write(path, super::json()).unwrap();
        }
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == super::json(),
            "manifests/schema.json is not current; write it anew with\n\
             SEALIFT_WRITE_SCHEMA=1 cargo test -p sealift-plan --lib schema"
        );
    }
}
