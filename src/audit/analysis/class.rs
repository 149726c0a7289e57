//! File classes, detected by content and never by name.

use serde::Serialize;

/// Bytes of the beginning of a file by which it is told.
pub const HEAD: usize = 1024;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "class", content = "of", rename_all = "kebab-case")]
pub enum FileClass {
    /// No bytes.
    Empty,
    /// A program or library for Linux and its like.
    Elf(Elf),
    /// A program or library for Windows.
    Pe,
    /// A program or library for macOS.
    MachO,
    /// A text that begins with `#!`, and who reads it.
    Script(Box<str>),
    /// A module of WebAssembly.
    Wasm,
    /// Compiled Python.
    PythonCode,
    /// A compiled class of Java.
    JavaClass,
    /// An archive or compressed file.
    Archive(Archive),
    /// Text without a byte of zero in its beginning.
    Text,
    /// Anything else.
    Data,
}

/// What an ELF file is for (`e_type`, System V ABI).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Elf {
    /// It is started.
    Program,
    /// It is loaded by others, or started: today's programs are of this type too.
    Shared,
    /// Part of a program, like a module of the kernel.
    Object,
    /// None of these.
    Other,
}

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// 7-Zip.
    SevenZip,
    /// ZIP; jars are of this kind.
    Zip,
    /// A tar.
    Tar,
    /// ar; packages of Debian are of this kind.
    Ar,
    /// cpio.
    Cpio,
    /// A package of rpm.
    Rpm,
    /// A file system of squashfs.
    Squashfs,
}

impl FileClass {
    /// Tells what a file is by its first bytes, at most [`HEAD`] of them.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        let at = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
        match head {
            [] => Self::Empty,
            [0x7f, b'E', b'L', b'F', _, endian, ..] => Self::Elf(elf(head, *endian)),
            [b'M', b'Z', ..] if is_pe(head) => Self::Pe,
            // The last are fat binaries; classes of Java begin alike, with a version of 45 or more there.
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=30, ..] => Self::MachO,
            [0xca, 0xfe, 0xba, 0xbe, ..] => Self::JavaClass,
            [b'#', b'!', rest @ ..] => interpreter(rest).map_or(Self::Text, Self::Script),
            [0, b'a', b's', b'm', ..] => Self::Wasm,
            // A version of CPython, then a carriage return and a line feed (importlib, MAGIC_NUMBER).
            [_, _, 0x0d, 0x0a, ..] if is_python(head) => Self::PythonCode,
            [0x1f, 0x8b, 8, ..] => Self::Archive(Archive::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Archive(Archive::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Archive(Archive::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Archive(Archive::Xz),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Self::Archive(Archive::SevenZip),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Archive(Archive::Zip),
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Self::Archive(Archive::Ar),
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] => Self::Archive(Archive::Cpio),
            [0xed, 0xab, 0xee, 0xdb, ..] => Self::Archive(Archive::Rpm),
            [b'h', b's', b'q', b's', ..] => Self::Archive(Archive::Squashfs),
            _ if at(257, b"ustar") => Self::Archive(Archive::Tar),
            _ if head.contains(&0) => Self::Data,
            _ => Self::Text,
        }
    }

    /// Whether something can be executed: by the machine, or by a program that reads it.
    #[must_use]
    pub const fn is_executable(&self) -> bool {
        match self {
            Self::Elf(_)
            | Self::Pe
            | Self::MachO
            | Self::Script(_)
            | Self::Wasm
            | Self::PythonCode
            | Self::JavaClass => true,
            Self::Empty | Self::Archive(_) | Self::Text | Self::Data => false,
        }
    }

    /// What it is, in a word or two.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Elf(Elf::Program) => "ELF program",
            Self::Elf(Elf::Shared) => "ELF shared",
            Self::Elf(Elf::Object) => "ELF object",
            Self::Elf(Elf::Other) => "ELF",
            Self::Pe => "Windows program",
            Self::MachO => "macOS program",
            Self::Script(_) => "script",
            Self::Wasm => "WebAssembly",
            Self::PythonCode => "Python code",
            Self::JavaClass => "Java class",
            Self::Archive(archive) => archive.as_str(),
            Self::Text => "text",
            Self::Data => "data",
        }
    }
}

impl Archive {
    /// The name as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::SevenZip => "7z",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Ar => "ar",
            Self::Cpio => "cpio",
            Self::Rpm => "rpm",
            Self::Squashfs => "squashfs",
        }
    }
}

fn elf(head: &[u8], endian: u8) -> Elf {
    match (endian, head.get(16..18)) {
        (1, Some([kind, 0])) | (2, Some([0, kind])) => match kind {
            1 => Elf::Object,
            2 => Elf::Program,
            3 => Elf::Shared,
            _ => Elf::Other,
        },
        _ => Elf::Other,
    }
}

/// The header that `MZ` leads to is within the beginning, and is one.
fn is_pe(head: &[u8]) -> bool {
    let Some([a, b, c, d]) = head.get(60..64) else { return false };
    let at = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    // Where it is further up, the file is taken for what it says it is.
    at >= HEAD || head.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

/// A version that some `CPython` had, and flags, a time or hash behind it.
fn is_python(head: &[u8]) -> bool {
    let version = u16::from_le_bytes([head.first().copied().unwrap_or(0), head.get(1).copied().unwrap_or(0)]);
    // 2.7 is 62211; 3.0 is 3000, and 3.15 will stay below 3700.
    (3000..3800).contains(&version) || (62000..62300).contains(&version)
}

/// The program that a script names, without `/usr/bin/env`.
fn interpreter(rest: &[u8]) -> Option<Box<str>> {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line.get(..line.len().min(256))?).ok()?;
    let mut words = line.split_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.find(|word| !word.starts_with('-') && !word.contains('=')).unwrap_or(program);
    }
    Some(program.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_content() {
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar\0");
        for (head, class) in [
            (&b""[..], FileClass::Empty),
            (b"hello\n", FileClass::Text),
            (b"a\0b", FileClass::Data),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0", FileClass::Elf(Elf::Shared)),
            (b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02", FileClass::Elf(Elf::Program)),
            (b"\x7fELF\x02\x01", FileClass::Elf(Elf::Other)),
            (b"#!/bin/sh\necho", FileClass::Script("/bin/sh".into())),
            (b"#! /usr/bin/env -S A=1 python3 -u\n", FileClass::Script("python3".into())),
            (b"#!", FileClass::Text),
            (b"MZ", FileClass::Text),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", FileClass::JavaClass),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", FileClass::MachO),
            (b"\xa7\x0d\x0d\x0a\0\0\0\0", FileClass::PythonCode),
            (b"PK\x03\x04", FileClass::Archive(Archive::Zip)),
            (&tar, FileClass::Archive(Archive::Tar)),
        ] {
            assert_eq!(FileClass::of(head), class, "{head:?}");
        }
    }
}
