//! The package database of apk: `installed`, fields with one-letter names.

use super::fields::{FieldPart, once, parts, text};
use super::found::FoundPackages;
use super::{Ecosystem, Package, PackageSource};

/// The packages of `installed`, virtual ones too, as `apk info` lists them.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let text = text(bytes);
    let mut found = FoundPackages::default();
    let [mut name, mut version, mut architecture, mut license, mut origin] = [None; 5];
    for part in parts(&text) {
        match part {
            FieldPart::Field("P", value) => once(&mut name, "P", value)?,
            FieldPart::Field("V", value) => once(&mut version, "V", value)?,
            FieldPart::Field("A", value) => once(&mut architecture, "A", value)?,
            FieldPart::Field("L", value) => once(&mut license, "L", value)?,
            FieldPart::Field("o", value) => once(&mut origin, "o", value)?,
            FieldPart::Field(..) => {}
            FieldPart::Odd => return Err("a line of it is not a field".to_owned()),
            FieldPart::End => {
                let name = name.take().ok_or("a paragraph has no name (`P`)")?;
                let version = version.take().unwrap_or_default();
                let mut package = Package::new(Ecosystem::Apk, name.to_owned(), version.to_owned());
                package.architecture = architecture.take().map(str::to_owned);
                package.source = origin
                    .take()
                    .filter(|origin| !origin.is_empty() && *origin != name)
                    .map(|origin| PackageSource { name: origin.to_owned(), version: version.to_owned() });
                package.licenses = license.take().map(str::to_owned).into_iter().collect();
                found.add(package)?;
            }
        }
    }
    Ok(found.packages())
}
