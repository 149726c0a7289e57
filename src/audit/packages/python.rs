//! What Python installs beside every distribution: `METADATA`, `PKG-INFO`.

use super::fields::{FieldPart, parts, text};
use super::found::{FoundPackages, licenses};
use super::{Ecosystem, Package};

/// The distribution that core metadata describe (packaging.python.org, "Core metadata").
///
/// The licence is `License-Expression` where there is one; without it the first line of `License` and what the
/// classifiers name.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let text = text(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let [mut name, mut version, mut expression, mut license] = [None; 4];
    let mut classified = Vec::new();
    for part in parts(text) {
        match part {
            // Of several with one name Python takes the first.
            FieldPart::Field(field, value) => {
                let is = |known: &str| field.eq_ignore_ascii_case(known);
                if is("Name") {
                    name = name.or(Some(value));
                } else if is("Version") {
                    version = version.or(Some(value));
                } else if is("License-Expression") {
                    expression = expression.or(Some(value));
                } else if is("License") {
                    license = license.or(Some(value));
                } else if is("Classifier") {
                    let below = value.strip_prefix("License ::");
                    classified.extend(below.and_then(|rest| rest.rsplit("::").next()));
                }
            }
            FieldPart::Odd => {}
            // What follows the first paragraph is the description.
            FieldPart::End => break,
        }
    }
    let mut package = Package::new(
        Ecosystem::Pypi,
        name.ok_or("it has no `Name`")?.to_owned(),
        version.ok_or("it has no `Version`")?.to_owned(),
    );
    package.licenses = if let Some(expression) = expression {
        vec![expression.to_owned()]
    } else {
        let stated = license.filter(|license| !license.eq_ignore_ascii_case("unknown"));
        licenses(stated.into_iter().chain(classified))
    };
    let mut found = FoundPackages::default();
    found.add(package)?;
    Ok(found.packages())
}
