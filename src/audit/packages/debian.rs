//! The package database of dpkg, and the copyright file of each package.

use super::fields::{FieldPart, once, parts, text};
use super::found::{FoundPackages, licenses};
use super::{Ecosystem, Package, PackageSource};
use sealift_bundle::value::printable::Printable;

/// States (the third word of `Status`, dpkg(1)) in which none of a package's programs is on the disk.
const ABSENT: [&str; 2] = ["not-installed", "config-files"];

#[derive(Default)]
struct StatusEntry<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    status: Option<&'a str>,
    architecture: Option<&'a str>,
    source: Option<&'a str>,
}

/// The packages of `status`, or of a file in `status.d`.
///
/// Those whose files are there: every state but `not-installed` and `config-files`, whatever is wanted (`hold` too), and
/// a paragraph without `Status`, as `status.d` has them. `dpkg-query -W` lists those in state `config-files` as well.
pub(super) fn packages(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let text = text(bytes);
    let mut found = FoundPackages::default();
    let mut entry = StatusEntry::default();
    for part in parts(&text) {
        match part {
            FieldPart::Field(name, value) => {
                let fields = [
                    ("Package", &mut entry.name),
                    ("Version", &mut entry.version),
                    ("Status", &mut entry.status),
                    ("Architecture", &mut entry.architecture),
                    ("Source", &mut entry.source),
                ];
                for (known, slot) in fields {
                    if name.eq_ignore_ascii_case(known) {
                        once(slot, known, value)?;
                    }
                }
            }
            FieldPart::Odd => return Err("a line of it is not a field".to_owned()),
            FieldPart::End => {
                if let Some(package) = std::mem::take(&mut entry).package()? {
                    found.add(package)?;
                }
            }
        }
    }
    Ok(found.packages())
}

impl StatusEntry<'_> {
    fn package(self) -> Result<Option<Package>, String> {
        let state = self.status.and_then(|status| status.split_ascii_whitespace().nth(2));
        if self.status.is_some() && state.is_none() {
            return Err("a `Status` has no three words".to_owned());
        }
        if state.is_some_and(|state| ABSENT.contains(&state)) {
            return Ok(None);
        }
        let name = self.name.ok_or("a paragraph has no `Package`")?;
        let version =
            self.version.ok_or_else(|| format!("the package `{}` has no version", Printable(name)))?;
        let mut package = Package::new(Ecosystem::Deb, name.to_owned(), version.to_owned());
        package.architecture = self.architecture.map(str::to_owned);
        package.source = self
            .source
            .map(|source| origin(source, version))
            .filter(|source| (source.name.as_str(), source.version.as_str()) != (name, version));
        Ok(Some(package))
    }
}

/// `Source: NAME (VERSION)`; the version is there when it is not that of the package.
fn origin(text: &str, version: &str) -> PackageSource {
    let (name, version) = match text.split_once('(') {
        Some((name, rest)) => (name.trim_end(), rest.trim_end_matches(')').trim()),
        None => (text, version),
    };
    PackageSource { name: name.to_owned(), version: version.to_owned() }
}

/// The licences that a machine-readable copyright file (DEP-5) gives its `Files` paragraphs: the short names.
///
/// A copyright file of another form is prose; nothing is taken from it.
pub(super) fn copyright(bytes: &[u8]) -> Vec<String> {
    let text = text(bytes);
    let mut names = Vec::new();
    let mut is_machine_readable = false;
    let mut is_first = true;
    let (mut is_files, mut license) = (false, None);
    for part in parts(&text) {
        match part {
            FieldPart::Field(name, value) if is_first => {
                is_machine_readable |= ["Format", "Format-Specification"]
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known) && is_dep5(value));
            }
            FieldPart::Field(name, _) if name.eq_ignore_ascii_case("Files") => is_files = true,
            FieldPart::Field(name, value) if name.eq_ignore_ascii_case("License") => {
                license = value.lines().next();
            }
            FieldPart::Field(..) | FieldPart::Odd => {}
            FieldPart::End => {
                if std::mem::take(&mut is_first) && !is_machine_readable {
                    return Vec::new();
                }
                if let Some(short) = license.take()
                    && std::mem::take(&mut is_files)
                {
                    names.push(short);
                }
                is_files = false;
            }
        }
    }
    licenses(names.into_iter())
}

/// True for the addresses at which the format has stood.
fn is_dep5(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    address.contains("copyright-format") || address.contains("dep5")
}
