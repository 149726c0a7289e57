//! Reads from executables (ELF, PE, Mach-O) what they were built from.

use super::found::FoundPackages;
use super::{Package, golang, rust};
use object::elf::{FileHeader32, FileHeader64, PF_W, PT_LOAD};
use object::macho::{MachHeader32, MachHeader64};
use object::pe::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE, ImageNtHeaders32, ImageNtHeaders64};
use object::read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _};
use object::read::macho::{FatArch, MachHeader, MachOFatFile32, MachOFatFile64, Section as _, Segment};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader as _};
use object::{Endianness, FileKind};

/// Machines for which one Mach-O file holds a program; Apple's have two.
const MAX_MACHINES: usize = 16;

/// Packages that an executable says it was built from: Go's build information, and the list that `cargo auditable` adds.
///
/// None where it says nothing, and where the bytes are no executable.
///
/// # Errors
/// Why what it says could not be read, for the user.
pub fn in_executable(bytes: &[u8]) -> Result<Vec<Package>, String> {
    let mut found = FoundPackages::default();
    for image in images(bytes).map_err(|error| format!("it is not a valid executable: {error}"))? {
        golang::packages(&image, &mut found)?;
        if let Some(section) = image.rust {
            rust::packages(section, &mut found)?;
        }
    }
    // A file for two machines says it twice.
    let mut packages = found.packages();
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// What is needed of the program for one machine.
#[derive(Default)]
pub(super) struct Image<'a> {
    /// The section that Go keeps for its build information.
    pub(super) go: Option<&'a [u8]>,
    /// The data that a program may change, where Go keeps it in files without names of sections.
    pub(super) data: Option<&'a [u8]>,
    /// The section of `cargo auditable`.
    rust: Option<&'a [u8]>,
    /// What is at which address when it runs.
    loaded: Vec<(u64, &'a [u8])>,
}

impl<'a> Image<'a> {
    /// `size` bytes at an address.
    pub(super) fn at(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        let size = usize::try_from(size).ok()?;
        self.loaded.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(size)?)
        })
    }
}

fn images(bytes: &[u8]) -> object::Result<Vec<Image<'_>>> {
    // What has no known beginning is not an executable.
    let Ok(kind) = FileKind::parse(bytes) else { return Ok(Vec::new()) };
    Ok(match kind {
        FileKind::Elf32 => vec![elf::<FileHeader32<Endianness>>(bytes)?],
        FileKind::Elf64 => vec![elf::<FileHeader64<Endianness>>(bytes)?],
        FileKind::Pe32 => vec![pe::<ImageNtHeaders32>(bytes)?],
        FileKind::Pe64 => vec![pe::<ImageNtHeaders64>(bytes)?],
        FileKind::MachO32 => vec![macho::<MachHeader32<Endianness>>(bytes)?],
        FileKind::MachO64 => vec![macho::<MachHeader64<Endianness>>(bytes)?],
        // A class file of Java begins as such a file does, with a version where the count of machines stands.
        FileKind::MachOFat32 => match MachOFatFile32::parse(bytes) {
            Ok(file) if file.arches().len() <= MAX_MACHINES => fat(file.arches(), bytes)?,
            _ => Vec::new(),
        },
        FileKind::MachOFat64 => match MachOFatFile64::parse(bytes) {
            Ok(file) if file.arches().len() <= MAX_MACHINES => fat(file.arches(), bytes)?,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
}

fn elf<E: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Image<'_>> {
    let header = E::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.section_headers(endian, bytes)?;
    let mut image = Image::default();
    // Names are compared where they stand: to look each up to its end takes long when none of many ends.
    let names = match header.shstrndx(endian, bytes) {
        Ok(index) => usize::try_from(index).ok().and_then(|index| sections.get(index)),
        Err(_) => None,
    };
    let names = names.map_or(Ok(&[][..]), |section| section.data(endian, bytes))?;
    for section in sections {
        let name = usize::try_from(section.sh_name(endian)).ok().and_then(|at| names.get(at..));
        let name = name.unwrap_or_default();
        if name.starts_with(b".go.buildinfo\0") {
            image.go = Some(section.data(endian, bytes)?);
        } else if name.starts_with(b".dep-v0\0") {
            image.rust = Some(section.data(endian, bytes)?);
        }
    }
    for program in header.program_headers(endian, bytes)? {
        if program.p_type(endian) != PT_LOAD {
            continue;
        }
        // A debugging file has the headers of the program it belongs to and not its content.
        let Ok(data) = program.data(endian, bytes) else { continue };
        if names.is_empty() && image.data.is_none() && program.p_flags(endian).contains(PF_W) {
            image.data = Some(data);
        }
        image.loaded.push((program.p_vaddr(endian).into(), data));
    }
    Ok(image)
}

fn pe<P: ImageNtHeaders>(bytes: &[u8]) -> object::Result<Image<'_>> {
    let mut offset = object::pe::ImageDosHeader::parse(bytes)?.nt_headers_offset().into();
    let (header, _) = P::parse(bytes, &mut offset)?;
    let base = header.optional_header().image_base();
    let mut image = Image::default();
    for section in header.sections(bytes, offset)?.iter() {
        let Ok(data) = section.pe_data(bytes) else { continue };
        let flags = section.characteristics.get(object::LittleEndian);
        if section.raw_name() == b".dep-v0" {
            image.rust = Some(data);
        }
        let is_data = flags.contains(IMAGE_SCN_MEM_WRITE) && !flags.contains(IMAGE_SCN_MEM_EXECUTE);
        if is_data && image.data.is_none() && !data.is_empty() {
            image.data = Some(data);
        }
        let address = section.virtual_address.get(object::LittleEndian);
        image.loaded.push((base.saturating_add(address.into()), data));
    }
    Ok(image)
}

fn fat<'a, F: FatArch>(machines: &[F], bytes: &'a [u8]) -> object::Result<Vec<Image<'a>>> {
    let mut images = Vec::new();
    for machine in machines {
        let bytes = machine.data(bytes)?;
        match FileKind::parse(bytes) {
            Ok(FileKind::MachO32) => images.push(macho::<MachHeader32<Endianness>>(bytes)?),
            Ok(FileKind::MachO64) => images.push(macho::<MachHeader64<Endianness>>(bytes)?),
            _ => {}
        }
    }
    Ok(images)
}

fn macho<M: MachHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Image<'_>> {
    let header = M::parse(bytes, 0)?;
    let endian = header.endian()?;
    let mut image = Image::default();
    let mut commands = header.load_commands(endian, bytes, 0)?;
    while let Some(command) = commands.next()? {
        let Some((segment, sections)) = M::Segment::from_command(command)? else { continue };
        if let Ok(data) = segment.data(endian, bytes) {
            image.loaded.push((segment.vmaddr(endian).into(), data));
        }
        for section in segment.section_offsets(endian, segment.sections(endian, sections)?) {
            let (section, offset) = section?;
            match section.name() {
                b"__go_buildinfo" => image.go = Some(section.data(endian, bytes, offset)?),
                b".dep-v0" => image.rust = Some(section.data(endian, bytes, offset)?),
                _ => {}
            }
        }
    }
    Ok(image)
}

#[cfg(test)]
mod tests;
