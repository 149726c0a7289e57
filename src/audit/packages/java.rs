//! Java archives: what Maven wrote into them, else their manifest and the name of the file.

use super::fields::{FieldPart, parts, text};
use super::found::FoundPackages;
use super::{Ecosystem, Package};
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

/// Archives within archives: a jar in a war in an ear is the second.
const MAX_DEPTH: usize = 4;
const MAX_MEMBERS: usize = 100_000;
/// Bytes of a manifest or of properties.
const MAX_TEXT: u64 = 1 << 20;
/// Bytes of archives in archives that are held at once.
const MAX_NESTED: u64 = 128 << 20;
/// Bytes that are decompressed for one file in all.
const MAX_BYTES: u64 = 1 << 30;
/// How archives of Java are called.
const EXTENSIONS: [&str; 7] = ["jar", "war", "ear", "par", "sar", "hpi", "jpi"];
/// What begins the record of a zip that may have more members than a number of two bytes can say.
const LARGE: &[u8] = b"PK\x06\x07";
/// What begins the entry of a member in the directory of a zip.
const ENTRY: &[u8] = b"PK\x01\x02";

/// Packages of a Java archive and of those in it, to a depth of four.
///
/// Of each archive: every `pom.properties` of Maven; where none is of the archive itself, the name and the version in the
/// name of its file (`NAME-VERSION.jar`) or in its manifest. An archive without a version anywhere announces nothing, and
/// a zip without manifest and without `pom.properties` is not a Java archive.
///
/// # Errors
/// Why it, or an archive in it, could not be read, for the user.
pub fn in_jar(path: &str, bytes: &[u8]) -> Result<Vec<Package>, String> {
    let mut reading = JarScan { found: FoundPackages::default(), left: MAX_BYTES };
    reading.archive(path, bytes, 0, MAX_NESTED)?;
    let mut packages = reading.found.packages();
    packages.sort();
    packages.dedup();
    Ok(packages)
}

struct JarScan {
    found: FoundPackages,
    left: u64,
}

impl JarScan {
    fn archive(&mut self, path: &str, bytes: &[u8], depth: usize, room: u64) -> Result<(), String> {
        // An entry takes more memory than bytes of the file. Without this record there are at most 65,535 of them; with it
        // they are counted before they are read.
        let is_large = memchr::memmem::find(bytes, LARGE).is_some();
        if is_large
            && memchr::memmem::find_iter(bytes, ENTRY).take(MAX_MEMBERS.saturating_add(1)).count()
                > MAX_MEMBERS
        {
            return Err(format!("it has more than {MAX_MEMBERS} members"));
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(path, &error))?;
        let mut manifest = None;
        let mut poms = Vec::new();
        for index in 0..archive.len() {
            let Some(name) = archive.name_for_index(index) else { continue };
            let name = name.map_err(|error| broken(path, &error))?.into_owned();
            if name.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
                let bytes = self.member(&mut archive, index, MAX_TEXT, path)?;
                manifest = Some(JarManifest::of(&text(&bytes)));
            } else if name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties") {
                let bytes = self.member(&mut archive, index, MAX_TEXT, path)?;
                poms.extend(pom(&text(&bytes)));
            } else if is_archive(&name) {
                if depth >= MAX_DEPTH {
                    return Err(format!("it holds archives in archives deeper than {MAX_DEPTH}"));
                }
                let nested = self.member(&mut archive, index, room, path)?;
                let room = room.saturating_sub(nested.len() as u64);
                self.archive(&name, &nested, depth.saturating_add(1), room)?;
            }
        }
        let Some(manifest) = manifest.or_else(|| (!poms.is_empty()).then(JarManifest::default)) else {
            return Ok(());
        };
        for mut package in own(path, &manifest, &poms).into_iter().chain(poms) {
            package.licenses.clone_from(&manifest.licenses);
            self.found.add(package)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        archive: &mut ZipArchive<Cursor<&[u8]>>,
        index: usize,
        most: u64,
        path: &str,
    ) -> Result<Vec<u8>, String> {
        let member = archive.by_index(index).map_err(|error| broken(path, &error))?;
        let most = most.min(self.left);
        let mut bytes = Vec::new();
        member.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| broken(path, &error))?;
        let size = bytes.len() as u64;
        if size > most {
            return Err(format!("a member of it has more than {most} bytes, which is more than is read"));
        }
        self.left = self.left.saturating_sub(size);
        Ok(bytes)
    }
}

fn broken(path: &str, error: &dyn std::error::Error) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    format!("`{}` is not a valid archive: {error}", sealift_bundle::value::printable::Printable(name))
}

fn is_archive(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, found)| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// The archive itself, when none of the `poms` is its own.
fn own(path: &str, manifest: &JarManifest, poms: &[Package]) -> Option<Package> {
    let file = path.rsplit('/').next()?;
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let named = split(stem);
    // `geronimo-annotation-1.3-spec.jar` is that of the artifact `geronimo-annotation_1.3_spec`.
    let is_whole = |pom: &Package| pom.name.replace('_', "-") == stem.replace('_', "-");
    let is_own = |name: &str| poms.iter().any(|pom| pom.name == name || is_whole(pom));
    if !poms.is_empty() && named.is_none_or(|(name, _)| is_own(name)) {
        return None;
    }
    let (name, version) = match (named, &manifest.version) {
        (Some((name, version)), _) => (name, version.to_owned()),
        (None, Some(version)) => (manifest.name.as_deref().unwrap_or(stem), version.clone()),
        (None, None) => return None,
    };
    let mut package = Package::new(Ecosystem::Maven, name.to_owned(), version);
    package.namespace.clone_from(&manifest.group);
    Some(package)
}

/// `NAME-VERSION`: a version begins with a digit.
fn split(stem: &str) -> Option<(&str, &str)> {
    let (at, _) = stem.match_indices('-').find(|(at, _)| {
        stem.get(at.saturating_add(1)..)
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
    })?;
    let (name, version) = stem.split_at_checked(at)?;
    (!name.is_empty()).then_some((name, version.trim_start_matches('-')))
}

/// What Maven says of an archive; nothing where it is not complete.
fn pom(text: &str) -> Option<Package> {
    let [mut group, mut artifact, mut version] = [None; 3];
    for line in text.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let slot = match key.trim() {
            "groupId" => &mut group,
            "artifactId" => &mut artifact,
            "version" => &mut version,
            _ => continue,
        };
        *slot = Some(value.trim()).filter(|value| !value.is_empty());
    }
    let mut package = Package::new(Ecosystem::Maven, artifact?.to_owned(), version?.to_owned());
    package.namespace = group.map(str::to_owned);
    Some(package)
}

/// What a manifest (the JAR file specification; `OSGi` Core 3.2) says of its archive.
#[derive(Default)]
struct JarManifest {
    name: Option<String>,
    group: Option<String>,
    version: Option<String>,
    licenses: Vec<String>,
}

impl JarManifest {
    fn of(text: &str) -> Self {
        let [mut title, mut bundle, mut vendor, mut license] = [const { None }; 4];
        let mut versions = [const { None }; 3];
        for part in parts(text) {
            let (name, value) = match part {
                FieldPart::Field(name, value) => (name, value),
                FieldPart::Odd => continue,
                // What follows is about members of the archive.
                FieldPart::End => break,
            };
            let [implementation, of_bundle, specification] = &mut versions;
            let slot = match name {
                "Implementation-Title" => &mut title,
                "Bundle-SymbolicName" => &mut bundle,
                "Implementation-Vendor-Id" => &mut vendor,
                "Bundle-License" => &mut license,
                "Implementation-Version" => implementation,
                "Bundle-Version" => of_bundle,
                "Specification-Version" => specification,
                _ => continue,
            };
            // A line has at most 72 bytes and goes on after a space.
            let value = value.replace("\r\n ", "").replace("\n ", "");
            // Values of OSGi go on with attributes.
            let value = value.split(';').next().unwrap_or_default().trim().trim_matches('"');
            *slot = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        // A title is often a sentence, and no name.
        let title = title.filter(|title: &String| !title.contains(char::is_whitespace));
        Self {
            name: title.or(bundle),
            group: vendor.filter(|vendor| !vendor.contains(char::is_whitespace)),
            version: versions.into_iter().flatten().next(),
            licenses: license.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
