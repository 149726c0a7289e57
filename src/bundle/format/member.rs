//! Members of the bundle file: their names, and the only valid header of each.

/// The trust-root chain from version 1, one envelope a line.
pub const ROOTS: &str = "seal/roots.dsse.jsonl";
/// The seal: every signature, over the statement.
pub const SEAL: &str = "seal/bundle.dsse.json";
/// Byte for byte the payload of the seal.
pub const STATEMENT: &str = "seal/statement.json";
/// Every member that follows, for users without the tool.
pub const SHA256SUMS: &str = "seal/SHA256SUMS";
/// How to check a bundle with openssl, sha256sum, tar and zstd.
pub const VERIFY: &str = "seal/VERIFY.txt";
/// Zeros: room that was kept for the members before the blobs and not used up.
pub const RESERVE: &str = "seal/RESERVE";
/// Marks an OCI image layout.
pub const OCI_LAYOUT: &str = "oci-layout";
/// The index.
pub const INDEX: &str = "index.json";
/// The same images in docker-archive form.
pub const MANIFEST: &str = "manifest.json";

/// The members that the statement lists, in order; the blobs follow them.
pub const FIXED: [&str; 6] = [SHA256SUMS, VERIFY, RESERVE, OCI_LAYOUT, INDEX, MANIFEST];

/// The only content of the member `oci-layout` (OCI image layout specification 1.0.0).
pub const OCI_LAYOUT_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The name of a blob's member.
#[must_use]
pub fn blob_name(digest: &crate::value::digest::Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The content of `SHA256SUMS`: one line a member, as `sha256sum -c` reads it.
#[must_use]
pub fn sums(members: impl Iterator<Item = (String, crate::value::digest::Digest)>) -> String {
    members.fold(String::new(), |lines, (name, digest)| lines + &format!("{}  {name}\n", digest.hex()))
}

/// Bytes of a member in the file: its header, its content, and zeros up to a full block.
#[must_use]
pub const fn span(size: u64) -> u64 {
    512 + size.next_multiple_of(512)
}

/// Zeros behind a content of `size` bytes.
#[must_use]
pub fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; 512] = [0; 512];
    let len = size.next_multiple_of(512) - size;
    ZEROS.get(..usize::try_from(len).unwrap_or_default()).unwrap_or_default()
}

/// The header of a member of the bundle: ustar, mode 0644, no owner, no time.
#[must_use]
pub fn member_header(name: &str, size: u64) -> [u8; 512] {
    header(name, tar::EntryType::Regular, 0o644, size, "")
}

/// A ustar header with nothing in it that is not an argument: user, group, time and device are zero, and
/// sizes of 8 GiB and more are in base 256 (as GNU tar, bsdtar and `CPython` write and read them).
///
/// `name` and `target` must have at most 100 bytes; longer ones are the business of pax records.
#[must_use]
pub fn header(name: &str, kind: tar::EntryType, mode: u32, size: u64, target: &str) -> [u8; 512] {
    let mut header = tar::Header::new_ustar();
    let ustar = header.as_old_mut();
    for (field, text) in [(&mut ustar.name, name), (&mut ustar.linkname, target)] {
        for (byte, value) in field.iter_mut().zip(text.bytes()) {
            *byte = value;
        }
    }
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

/// The size that a header states, if it is a header of this name at all.
///
/// Only for the two members before the seal is verified: their sizes are bounded by the caller.
#[must_use]
pub(crate) fn claimed_size(name: &str, block: &[u8; 512]) -> Option<u64> {
    let size = tar::Header::from_byte_slice(block).entry_size().ok()?;
    (member_header(name, size) == *block).then_some(size)
}

/// The name that a header seems to have, to tell the user what was found where something else belongs.
#[must_use]
pub(crate) fn describe(block: &[u8; 512]) -> String {
    use crate::value::printable::Printable;
    let name: Vec<u8> = block.iter().take(100).copied().take_while(|byte| *byte != 0).collect();
    match String::from_utf8(name) {
        _ if block.iter().all(|byte| *byte == 0) => "the end of the bundle".to_owned(),
        Ok(name) if block.get(257..262) == Some(b"ustar") && !name.is_empty() => {
            format!("a header of `{}`", Printable(name))
        }
        Ok(_) | Err(_) => "bytes that are no header".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p36_sizes_of_8_gib_and_more_are_base_256() {
        let small = member_header("x", (8 << 30) - 1);
        assert_eq!(&small[124..136], b"77777777777\0");
        let large = member_header("x", 8 << 30);
        assert_eq!(&large[124..136], &[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn p50_every_changed_byte_of_a_header_is_noticed() {
        let good = member_header(ROOTS, 4711);
        assert_eq!(claimed_size(ROOTS, &good), Some(4711));
        for at in 0..512 {
            for flip in [0x01, 0x20, 0x80] {
                let mut bad = good;
                bad[at] ^= flip;
                assert_eq!(claimed_size(ROOTS, &bad), None, "byte {at} ^ {flip:#x}");
            }
        }
        // P37: a fitting checksum does not help a size with another spelling.
        let mut spaces = tar::Header::from_byte_slice(&good).clone();
        spaces.as_old_mut().size.copy_from_slice(b"     11147 \0");
        spaces.set_cksum();
        assert_eq!(claimed_size(ROOTS, spaces.as_bytes()), None);
    }
}
