//! What npm installs with every package: `package.json`.

use super::found::FoundPackages;
use super::{Ecosystem, Package};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Description {
    name: Option<String>,
    version: Option<String>,
    license: Option<Value>,
    /// As it was before npm 2.
    licenses: Option<Value>,
}

/// The package of a `package.json`; none where it has no name or no version, as the markers that switch a directory to
/// another module system have none.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // A list would be taken for an object without names.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err("it is not a JSON object".to_owned());
    }
    let description: Description = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not a valid `package.json`: {error}"))?;
    let mut found = FoundPackages::default();
    if let (Some(name), Some(version)) = (description.name, description.version)
        && !name.is_empty()
        && !version.is_empty()
    {
        let (namespace, name) = match name.split_once('/') {
            Some((scope, rest)) if scope.starts_with('@') => (Some(scope.to_owned()), rest.to_owned()),
            _ => (None, name),
        };
        let mut package = Package::new(Ecosystem::Npm, name, version);
        package.namespace = namespace;
        for license in [description.license, description.licenses].iter().flatten() {
            match license {
                Value::Array(several) => package.licenses.extend(several.iter().filter_map(named)),
                one => package.licenses.extend(named(one)),
            }
        }
        found.add(package)?;
    }
    Ok(found.packages())
}

/// `"MIT"`, or `{"type": "MIT", "url": ...}`.
fn named(license: &Value) -> Option<String> {
    license.as_str().or_else(|| license.get("type")?.as_str()).map(str::to_owned)
}
