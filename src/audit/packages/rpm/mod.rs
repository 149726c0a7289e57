//! The package database of rpm: headers of installed packages, in one of three formats.

mod bdb;
mod ndb;
mod sqlite;

pub(super) use bdb::each as bdb;
pub(super) use ndb::each as ndb;
pub(super) use sqlite::each as sqlite;

use super::bytes::{ByteOrder, part};
use super::found::FoundPackages;
use super::{Ecosystem, Package, PackageSource};

/// What is done with each header of a database; an error ends the reading.
pub(super) type Each<'a> = dyn FnMut(&[u8]) -> Result<(), String> + 'a;

/// Bytes of one entry of a header's index: tag, type, offset, count.
const ENTRY: usize = 16;

// Tags (rpm's `rpmtag.h`) and types of values.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
const SOURCE: u32 = 1044;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const I18N: u32 = 9;

/// The packages of a database.
///
/// Without `gpg-pubkey`: rpm keeps the keys it trusts among its packages, and they are no software.
pub(super) fn packages(
    bytes: &[u8],
    each: fn(&[u8], &mut Each<'_>) -> Result<(), String>,
) -> Result<Vec<Package>, String> {
    let mut found = FoundPackages::default();
    each(bytes, &mut |header| {
        let package = package(header)?;
        if package.name == "gpg-pubkey" { Ok(()) } else { found.add(package) }
    })?;
    Ok(found.packages())
}

/// The package of one header, as it is in a database: counts of entries and bytes, entries, bytes.
fn package(header: &[u8]) -> Result<Package, String> {
    let count = ByteOrder::Big.length(header, 0)?;
    let size = ByteOrder::Big.length(header, 4)?;
    let entries = part(header, 8, count.saturating_mul(ENTRY))?;
    let data = part(header, entries.len().saturating_add(8), size)?;
    let [mut name, mut version, mut release, mut license, mut architecture, mut source] = [const { None }; 6];
    let mut epoch = None;
    for entry in entries.chunks_exact(ENTRY) {
        let tag = ByteOrder::Big.u32(entry, 0)?;
        if tag == EPOCH {
            let at = value(entry, &[INT32])?;
            epoch = Some(ByteOrder::Big.u32(data, at)?);
            continue;
        }
        let slot = match tag {
            NAME => &mut name,
            VERSION => &mut version,
            RELEASE => &mut release,
            LICENSE => &mut license,
            ARCH => &mut architecture,
            SOURCE => &mut source,
            _ => continue,
        };
        // Each of them is read once: a header of nothing but names takes no longer than another.
        if slot.is_some() {
            return Err("a header has a tag twice".to_owned());
        }
        let rest = data.get(value(entry, &[STRING, STRINGS, I18N])?..).unwrap_or_default();
        let end = memchr::memchr(0, rest).ok_or("a text in a header does not end")?;
        *slot = Some(String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned());
    }
    let name = name.ok_or("a header has no name")?;
    let version = version.ok_or("a header has no version")?;
    let full = match (epoch, release) {
        (Some(epoch), Some(release)) => format!("{epoch}:{version}-{release}"),
        (None, Some(release)) => format!("{version}-{release}"),
        (Some(epoch), None) => format!("{epoch}:{version}"),
        (None, None) => version,
    };
    let mut package = Package::new(Ecosystem::Rpm, name, full);
    package.architecture = architecture;
    package.licenses = license.into_iter().collect();
    package.source = source.and_then(|file| origin(&file)).filter(|source| {
        let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
        (source.name.as_str(), source.version.as_str()) != (package.name.as_str(), version)
    });
    Ok(package)
}

/// Where the value of an entry begins, if it is of one of `types`.
fn value(entry: &[u8], types: &[u32]) -> Result<usize, String> {
    if !types.contains(&ByteOrder::Big.u32(entry, 4)?) {
        return Err("a header has a value of an unexpected type".to_owned());
    }
    ByteOrder::Big.length(entry, 8)
}

/// The source package, by the name of its file: `NAME-VERSION-RELEASE.src.rpm`.
fn origin(file: &str) -> Option<PackageSource> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (release, _) = stem.rmatch_indices('-').nth(1)?;
    let (name, version) = stem.split_at_checked(release)?;
    Some(PackageSource { name: name.to_owned(), version: version.trim_start_matches('-').to_owned() })
}

#[cfg(test)]
mod tests;
