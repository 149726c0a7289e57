//! Headers of a tar stream, as they are found in layers.

use super::super::analysis::capability::Capabilities;
use super::field::{self, number};
use super::pax::{self, Records};
use super::stream::{BLOCK, LayerStream};
use super::{
    super::analysis::anomaly::{Anomaly, AnomalyKind},
    Stop,
};
use std::io::Read;

/// Bytes of a long name or an extended header; real ones have some hundred.
const LONGEST: u64 = 1 << 20;
/// Headers that may precede one entry.
const PRELUDE: usize = 16;
/// What begins the name of a file that takes another away (OCI image spec, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// The name of a file that empties its directory.
const OPAQUE: &str = ".wh..wh..opq";

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Its path without slashes at the ends; empty for the directory that holds all others. Bytes that are not UTF-8 stand
    /// as `\xNN`.
    pub path: String,
    /// What it is.
    pub node: TarNode,
    /// Its mode, with the bits for set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Capabilities that a program gets when it is started.
    pub capabilities: Option<Capabilities>,
    /// Whether the body holds the file without its holes, and so not as it will be.
    pub is_sparse: bool,
    /// Whether the path leads out of the directory that holds all others; such an entry is not a part of any view.
    pub is_outside: bool,
    /// What is odd about it.
    pub anomalies: Vec<Anomaly>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarNode {
    /// A file of so many bytes.
    File(u64),
    /// A directory.
    Dir,
    /// A link to a path.
    Symlink(String),
    /// Another name of a file.
    Hardlink {
        /// The path of the file.
        path: String,
        /// Whether it leads out of the directory that holds all others.
        is_outside: bool,
    },
    /// A character device.
    Char(i64, i64),
    /// A block device.
    Block(i64, i64),
    /// A named pipe.
    Fifo,
    /// The entry of this path is taken away.
    Whiteout(String),
    /// Everything in this directory that came from layers below is taken away.
    Opaque(String),
}

impl TarNode {
    /// What a link leads to and what is taken away; empty for the others.
    pub(super) fn target(&self) -> &str {
        match self {
            Self::Symlink(target)
            | Self::Hardlink { path: target, .. }
            | Self::Whiteout(target)
            | Self::Opaque(target) => target,
            Self::File(_) | Self::Dir | Self::Char(..) | Self::Block(..) | Self::Fifo => "",
        }
    }
}

pub(super) enum Next {
    Entry(TarEntry, u64),
    End,
}

/// What headers in front of an entry say about it.
#[derive(Default)]
pub(super) struct Extended {
    records: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extended {
    fn is_empty(&self) -> bool {
        self.records.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }
}

/// Reads up to the next entry.
pub(super) fn next<R: Read>(
    stream: &mut LayerStream<R>,
    extended: &mut Extended,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Next, Stop> {
    let mut block = [0; BLOCK];
    for _ in 0..PRELUDE {
        let dangling = |anomalies: &mut Vec<Anomaly>| {
            if !extended.is_empty() {
                let detail = "an extended header stands behind the last entry";
                anomalies.push(Anomaly::new(AnomalyKind::ArchiveAmbiguous, "", detail));
            }
        };
        if !stream.block(&mut block)? {
            dangling(anomalies);
            let detail = "the two blocks that close an archive are missing";
            anomalies.push(Anomaly::new(AnomalyKind::ArchiveUnclosed, "", detail));
            return Ok(Next::End);
        }
        if block == [0; BLOCK] {
            dangling(anomalies);
            if !stream.block(&mut block)? || block != [0; BLOCK] {
                let detail = "only one of the two blocks that close an archive is there";
                anomalies.push(Anomaly::new(AnomalyKind::ArchiveUnclosed, "", detail));
            }
            return Ok(Next::End);
        }
        let header = tar::Header::from_byte_slice(&block);
        checksum(header)?;
        let flag = block.get(156).copied().unwrap_or_default();
        let size = number(&header.as_old().size).and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| damage("the size of an entry is not a number"))?;
        match flag {
            b'x' | b'L' | b'K' | b'g' => {
                if size > LONGEST {
                    return Err(damage(&format!(
                        "an extended header has {size} bytes, {LONGEST} are at most"
                    )));
                }
                let bytes = stream.bytes(size)?;
                take(flag, &bytes, extended, anomalies)?;
            }
            _ => return entry(stream, &block, (flag, size), std::mem::take(extended)),
        }
    }
    Err(damage(&format!("more than {PRELUDE} extended headers stand in front of one entry")))
}

fn take(flag: u8, bytes: &[u8], extended: &mut Extended, anomalies: &mut Vec<Anomaly>) -> Result<(), Stop> {
    let name = || {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Some(bytes.get(..end).unwrap_or_default().to_vec()).filter(|name| !name.is_empty())
    };
    let twice = match flag {
        b'x' => extended.records.replace(pax::records(bytes, anomalies).map_err(Stop::Damage)?).is_some(),
        b'L' => std::mem::replace(&mut extended.long_name, name()).is_some(),
        b'K' => std::mem::replace(&mut extended.long_link, name()).is_some(),
        _ => {
            let detail = "a global extended header, which some programs apply to all entries and Go to none";
            anomalies.push(Anomaly::new(AnomalyKind::ArchiveAmbiguous, "", detail));
            false
        }
    };
    if twice {
        let detail = "two extended headers of one kind stand in front of one entry";
        anomalies.push(Anomaly::new(AnomalyKind::ArchiveAmbiguous, "", detail));
    }
    Ok(())
}

fn damage(reason: &str) -> Stop {
    Stop::Damage(reason.to_owned())
}

fn checksum(header: &tar::Header) -> Result<(), Stop> {
    let sum = |signed: bool| {
        let bytes = header.as_bytes().iter().enumerate();
        bytes.fold(0_i64, |sum, (at, byte)| {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            sum + if signed { i64::from(byte.cast_signed()) } else { i64::from(byte) }
        })
    };
    let stated = field::octal(&header.as_old().cksum)
        .ok_or_else(|| damage("the checksum of a header is not a number"))?;
    // Old programs added the bytes up as signed numbers.
    if sum(false) == stated || sum(true) == stated {
        return Ok(());
    }
    Err(damage("the checksum of a header is wrong"))
}

fn entry<R: Read>(
    stream: &mut LayerStream<R>,
    block: &[u8; BLOCK],
    (flag, stated): (u8, u64),
    extended: Extended,
) -> Result<Next, Stop> {
    let Extended { records, long_name, long_link } = extended;
    let old = tar::Header::from_byte_slice(block).as_old();
    let records = records.unwrap_or_default();
    let mut anomalies = Vec::new();
    let ambiguous = |anomalies: &mut Vec<Anomaly>, path: &str, detail: String| {
        anomalies.push(Anomaly::new(AnomalyKind::ArchiveAmbiguous, path, detail));
    };
    // Go lets the name of GNU win over that of pax.
    let both = long_name.is_some() && records.path.is_some();
    let name = long_name.or(records.path).unwrap_or_else(|| field::name(block));
    let link = long_link.or(records.link).unwrap_or_else(|| field::string(&old.linkname).to_vec());
    let link = text(&link);
    let is_folder_by_name = flag == 0 && name.ends_with(b"/");
    let name = records.sparse_path.unwrap_or(name);
    let Normal { path, is_outside, is_absolute } = normal(&name);
    if both {
        ambiguous(&mut anomalies, &path, "it has one name from GNU and one from pax".to_owned());
    }
    let mut size = records.size.unwrap_or(stated);
    if size != stated && stated != 0 && stated < 0o7_7777_7777 {
        ambiguous(&mut anomalies, &path, format!("one header gives it {stated} bytes, and one {size}"));
    }
    if is_absolute {
        anomalies.push(Anomaly::new(AnomalyKind::PathAbsolute, &path, "the path begins with `/`"));
    }
    if is_outside {
        anomalies.push(Anomaly::new(
            AnomalyKind::PathOutside,
            &path,
            format!("the path is `{}`", text(&name)),
        ));
    }
    let (major, minor) =
        field::device(block).ok_or_else(|| damage("the device number of an entry is not a number"))?;
    let mut is_sparse = records.is_sparse;
    let node = match flag {
        _ if is_folder_by_name => TarNode::Dir,
        0 | b'0' | b'7' => whiteout(&path).unwrap_or(TarNode::File(size)),
        b'S' => {
            is_sparse = true;
            sparse_map(stream, block)?;
            TarNode::File(size)
        }
        b'1' => {
            let Normal { path, is_outside, .. } = normal(link.as_bytes());
            TarNode::Hardlink { path, is_outside }
        }
        b'2' => TarNode::Symlink(link),
        b'3' => TarNode::Char(major, minor),
        b'4' => TarNode::Block(major, minor),
        b'5' => TarNode::Dir,
        b'6' => TarNode::Fifo,
        other => {
            let other = char::from(other).escape_default();
            ambiguous(
                &mut anomalies,
                &path,
                format!("it is of the unknown type `{other}`, and some programs make it a file"),
            );
            TarNode::File(size)
        }
    };
    let has_content = matches!(node, TarNode::File(_) | TarNode::Whiteout(_) | TarNode::Opaque(_));
    if !has_content && size > 0 {
        let detail = format!(
            "it is not a file and has {size} bytes, which some programs read as its content and others as entries"
        );
        ambiguous(&mut anomalies, &path, detail);
        size = 0;
    }
    if is_sparse {
        anomalies.push(Anomaly::new(
            AnomalyKind::ArchiveSparse,
            &path,
            "the file is stored without its holes",
        ));
    }
    let (Some(mode), Some(uid), Some(gid)) = (number(&old.mode), number(&old.uid), number(&old.gid)) else {
        return Err(damage("the mode or owner of an entry is not a number"));
    };
    let capabilities = records.capability.map(|value| Capabilities::parse(&value));
    let capabilities = match capabilities {
        Some(Ok(capabilities)) => Some(capabilities),
        Some(Err(reason)) => {
            ambiguous(&mut anomalies, &path, reason.to_owned());
            None
        }
        None => None,
    };
    let mode = u32::try_from(mode & 0o7777).unwrap_or_default();
    let uid = records.uid.unwrap_or(uid.cast_unsigned());
    let gid = records.gid.unwrap_or(gid.cast_unsigned());
    let entry = TarEntry { path, node, mode, uid, gid, capabilities, is_sparse, is_outside, anomalies };
    Ok(Next::Entry(entry, size))
}

/// Passes over the blocks that list more pieces of a sparse file.
fn sparse_map<R: Read>(stream: &mut LayerStream<R>, header: &[u8; BLOCK]) -> Result<(), Stop> {
    if header.get(257..265) != Some(b"ustar  \0") {
        return Err(damage("a sparse file has no header of GNU"));
    }
    let mut more = header.get(482).is_some_and(|byte| *byte != 0);
    let mut block = [0; BLOCK];
    while more {
        if !stream.block(&mut block)? {
            return Err(damage("it ends in the list of a sparse file"));
        }
        more = block.get(504).is_some_and(|byte| *byte != 0);
    }
    Ok(())
}

fn whiteout(path: &str) -> Option<TarNode> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == OPAQUE {
        return Some(TarNode::Opaque(folder.to_owned()));
    }
    let name = name.strip_prefix(WHITEOUT)?;
    // What AUFS noted for itself takes nothing away.
    let is_noted = name.starts_with(WHITEOUT) || name.is_empty();
    let taken = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    (!is_noted).then_some(TarNode::Whiteout(taken))
}

struct Normal {
    path: String,
    is_outside: bool,
    is_absolute: bool,
}

/// The path without what means nothing.
fn normal(name: &[u8]) -> Normal {
    let whole = text(name);
    let mut path = String::with_capacity(whole.len());
    let mut is_outside = false;
    for component in whole.split('/').filter(|component| !matches!(*component, "" | ".")) {
        is_outside |= component == "..";
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(component);
    }
    Normal { path, is_outside, is_absolute: name.starts_with(b"/") }
}

/// A name as text; bytes that are not UTF-8 as `\xNN`.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}
