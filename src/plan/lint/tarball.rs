//! Reads `.tgz` archives in memory, within limits. Nothing is written.

use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// Bytes of an archive when it is decompressed, that of archives within it included.
const MAX_BYTES: u64 = 256 << 20;
const MAX_MEMBERS: usize = 50_000;
/// Bytes of one member that is kept.
const MAX_MEMBER: u64 = 8 << 20;
/// Bytes of all members that are kept.
const MAX_KEPT: usize = 64 << 20;

/// A file of an archive.
pub(super) struct ArchiveMember {
    pub(super) path: String,
    /// Nothing where the file is larger than is read.
    pub(super) bytes: Option<Vec<u8>>,
}

/// True for bytes that begin as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b")
}

/// The files of an archive whose paths are wanted, in their order; of several with one path each.
///
/// Charts that were packed on Windows have paths with `\`, and Helm reads them. Links, devices and directories are no files. What a damaged archive gave before the damage is not used.
pub(super) fn members(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<ArchiveMember>, String> {
    let broken = |error: std::io::Error| format!("it is not a valid `.tar.gz`: {error}");
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes).take(MAX_BYTES));
    let mut found = Vec::new();
    let mut kept = 0_usize;
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        if count >= MAX_MEMBERS {
            return Err(format!("it has more than {MAX_MEMBERS} members"));
        }
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // Archives that were made on Windows may have backslashes between directories.
        let path = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        let path = path.trim_start_matches("./").to_owned();
        if !wanted(&path) {
            continue;
        }
        if entry.size() > MAX_MEMBER {
            found.push(ArchiveMember { path, bytes: None });
            continue;
        }
        let mut content = Vec::new();
        entry.by_ref().take(MAX_MEMBER).read_to_end(&mut content).map_err(broken)?;
        kept = kept.saturating_add(content.len());
        if kept > MAX_KEPT {
            return Err(format!("it holds more than {MAX_KEPT} bytes that would have to be read"));
        }
        found.push(ArchiveMember { path, bytes: Some(content) });
    }
    // To the end, where gzip keeps its checksum.
    let mut rest = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(broken)?;
    if rest.limit() == 0 {
        return Err(format!("it has more than {MAX_BYTES} bytes when it is decompressed"));
    }
    Ok(found)
}

/// Packs files as `helm package` does.
#[cfg(test)]
pub(super) fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, MAX_MEMBER, members, packed};
    use proptest::prelude::*;
    use std::io::Write as _;

    #[test]
    fn wanted_files_come_out() {
        let archive = packed(&[("a\\x.json", b"1"), ("a/y", b"2"), ("./z.json", b"3")]);
        let found = members(&archive, |path| path.contains("json")).unwrap();
        let list: Vec<_> = found.iter().map(|m| (m.path.as_str(), m.bytes.as_deref())).collect();
        assert_eq!(list, [("a/x.json", Some(&b"1"[..])), ("z.json", Some(b"3"))]);
    }

    #[test]
    fn z07_a_gzip_bomb_is_refused_and_a_large_member_is_said() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut header = tar::Header::new_ustar();
        header.set_path("x").unwrap();
        header.set_size(MAX_BYTES * 2);
        header.set_cksum();
        gzip.write_all(header.as_bytes()).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..(MAX_BYTES >> 20) + 2 {
            gzip.write_all(&zeros).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        assert!(members(&bomb, |_| true).is_err());
        let large = vec![0; usize::try_from(MAX_MEMBER).unwrap() + 1];
        let found = members(&packed(&[("x", &large)]), |_| true).unwrap();
        assert!(found.len() == 1 && found[0].bytes.is_none());
    }

    #[test]
    fn p07_links_are_no_files_and_p42_cut_archives_are_refused() {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "x", "/etc/passwd").unwrap();
        let archive = builder.into_inner().unwrap().finish().unwrap();
        assert!(members(&archive, |_| true).unwrap().is_empty());
        let sound = packed(&[("x", &[7; 5000])]);
        for cut in [10, sound.len() / 2, sound.len() - 9] {
            assert!(members(&sound[..cut], |_| true).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = members(&bytes, |_| true);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&bytes).unwrap();
            let _ = members(&gzip.finish().unwrap(), |_| true);
        }
    }
}
