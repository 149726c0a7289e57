//! What Go writes into every program: its own version, and the modules (Go's package `debug/buildinfo`).

use super::executable::Image;
use super::found::FoundPackages;
use super::{Ecosystem, Package};
use crate::packages::bytes::{ByteOrder, byte, part};

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Where it begins, a multiple of this from the start of the data; and the bytes of its head.
const ALIGNMENT: usize = 16;
const HEAD: usize = 32;
/// The strings follow the head; without this bit stand pointers to them in it.
const INLINE: u8 = 2;
const BIG_ENDIAN: u8 = 1;
/// Bytes of the version of Go.
const MAX_VERSION: usize = 256;
/// Bytes of the marks around the list of modules.
const MARK: usize = 16;

/// The modules, the main one among them, and the standard library as `stdlib` with the version of Go.
///
/// Of a module that was replaced, what replaced it; by a directory, the name of the module with the version that Go gives
/// (`(devel)`). A program that was built without modules, as Debian builds them, names its main package alone: that is
/// listed in place of the main module.
pub(super) fn packages(image: &Image<'_>, found: &mut FoundPackages) -> Result<(), String> {
    let Some((version, modules)) = build_info(image)? else { return Ok(()) };
    found.add(Package::new(Ecosystem::Golang, "stdlib".to_owned(), version.to_owned()))?;
    let mut last: Option<(&str, &str)> = None;
    let mut main = None;
    for line in modules.lines() {
        let mut columns = line.split('\t');
        let (kind, name) = (columns.next(), columns.next().unwrap_or_default());
        let version = columns.next().unwrap_or_default();
        match kind {
            // What was built from files has no name.
            Some("path") if name != "command-line-arguments" => main = Some((name, "")),
            Some("mod") => main = Some((name, version)),
            Some("dep") => module(last.replace((name, version)), found)?,
            Some("=>") => {
                let before = last.map_or(name, |(before, _)| before);
                let is_folder = name.starts_with(['.', '/']) || name.contains('\\');
                last = Some((if is_folder { before } else { name }, version));
            }
            _ => {}
        }
    }
    module(last, found)?;
    module(main, found)
}

fn module(module: Option<(&str, &str)>, found: &mut FoundPackages) -> Result<(), String> {
    let Some((name, version)) = module else { return Ok(()) };
    // Builders that know no version leave it empty; Go says this.
    let version = if version.is_empty() { "(devel)" } else { version };
    found.add(Package::new(Ecosystem::Golang, name.to_owned(), version.to_owned()))
}

/// The version of Go and the list of modules.
///
/// Programs that read such information hold the magic bytes themselves, so that they are verified only where Go puts
/// them, and where a version follows.
fn build_info<'a>(image: &Image<'a>) -> Result<Option<(&'a str, &'a str)>, String> {
    let Some(data) = image.go.or(image.data) else { return Ok(None) };
    let mut why = "Go's section for it is empty".to_owned();
    for at in memchr::memmem::find_iter(data, MAGIC).filter(|at| at.is_multiple_of(ALIGNMENT)) {
        match strings(image, data.get(at..).unwrap_or_default()) {
            Ok((version, modules)) => {
                let modules = modules
                    .len()
                    .checked_sub(MARK)
                    .and_then(|end| modules.get(MARK..end))
                    .filter(|list| list.ends_with(b"\n"))
                    .unwrap_or_default();
                let modules =
                    std::str::from_utf8(modules).map_err(|_| "its list of Go modules is not text")?;
                return Ok(Some((version, modules)));
            }
            Err(reason) => why = reason,
        }
    }
    match image.go {
        Some(_) => Err(format!("Go's build information in it could not be read: {why}")),
        None => Ok(None),
    }
}

fn strings<'a>(image: &Image<'a>, info: &'a [u8]) -> Result<(&'a str, &'a [u8]), String> {
    let flags = byte(info, 15)?;
    let (version, modules) = if flags & INLINE != 0 {
        let (version, rest) = inline(info.get(HEAD..).unwrap_or_default())?;
        (version, inline(rest)?.0)
    } else {
        let order = if flags & BIG_ENDIAN != 0 { ByteOrder::Big } else { ByteOrder::Little };
        let size = usize::from(byte(info, 14)?);
        let pointed = |at| pointed(image, order, size, info, at);
        (pointed(16)?, pointed(size.saturating_add(16))?)
    };
    if version.len() > MAX_VERSION {
        return Err("the version of Go has too many bytes".to_owned());
    }
    let version = std::str::from_utf8(version).map_err(|_| "the version of Go is not text")?;
    if !version.starts_with("go") && !version.starts_with("devel") {
        return Err("no version of Go stands where it should".to_owned());
    }
    Ok((version, modules))
}

/// A string behind its length (a varint of seven bits a byte), and what follows.
fn inline(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        let shift = u32::try_from(index).unwrap_or_default().saturating_mul(7);
        length |= usize::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            let text = part(bytes, index.saturating_add(1), length)?;
            let end = index.saturating_add(1).saturating_add(length);
            return Ok((text, bytes.get(end..).unwrap_or_default()));
        }
    }
    Err("a string in it has no length".to_owned())
}

/// A string as Go before 1.18 gave it: a pointer to a pointer and a length.
fn pointed<'a>(
    image: &Image<'a>,
    order: ByteOrder,
    size: usize,
    info: &[u8],
    at: usize,
) -> Result<&'a [u8], String> {
    let number = |bytes: &[u8], at| match size {
        4 => order.u32(bytes, at).map(u64::from),
        8 => order.u64(bytes, at),
        _ => Err("pointers in it have no known size".to_owned()),
    };
    let nowhere = "it is of Go before 1.18, and its pointers lead nowhere";
    let head = image.at(number(info, at)?, (size as u64).saturating_mul(2)).ok_or(nowhere)?;
    Ok(image.at(number(head, 0)?, number(head, size)?).ok_or(nowhere)?)
}
