//! Collects the packages of one file, within limits.

use super::Package;
use sealift_bundle::value::printable::Printable;

/// Packages of one file. All of Debian 12 has 63,000.
const MAX_PACKAGES: usize = 100_000;
/// Bytes of a name, a version, an architecture or a licence.
const MAX_TEXT: usize = 1024;
const MAX_LICENSES: usize = 256;

/// Collects the packages of one file and refuses what no package can be.
#[derive(Default)]
pub(super) struct FoundPackages(Vec<Package>);

impl FoundPackages {
    pub(super) fn add(&mut self, mut package: Package) -> Result<(), String> {
        if self.0.len() >= MAX_PACKAGES {
            return Err(format!("it announces more than {MAX_PACKAGES} packages"));
        }
        for text in [
            Some(&package.name),
            Some(&package.version),
            package.namespace.as_ref(),
            package.architecture.as_ref(),
            package.source.as_ref().map(|source| &source.name),
            package.source.as_ref().map(|source| &source.version),
        ]
        .into_iter()
        .flatten()
        {
            checked(text)?;
        }
        if package.name.is_empty() {
            return Err("a package has no name".to_owned());
        }
        if package.version.is_empty() {
            return Err(format!("the package `{}` has no version", Printable(&package.name)));
        }
        package.licenses = licenses(package.licenses.iter().map(String::as_str));
        self.0.push(package);
        Ok(())
    }

    /// All of them, in the order of the file.
    pub(super) fn packages(self) -> Vec<Package> {
        self.0
    }
}

fn checked(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT {
        return Err(format!("a name or version in it has {} bytes, more than {MAX_TEXT}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("a name or version in it holds control characters: `{}`", Printable(text)));
    }
    Ok(())
}

/// Licences as found: the first line of each, none twice, and no more of one package than are kept.
pub(super) fn licenses<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut licenses: Vec<String> = Vec::new();
    for text in found {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let line = line.get(..line.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        if line.is_empty() || licenses.iter().any(|known| known == line) {
            continue;
        }
        if licenses.len() >= MAX_LICENSES {
            break;
        }
        licenses.push(line.to_owned());
    }
    licenses
}
