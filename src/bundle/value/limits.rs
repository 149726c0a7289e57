//! Limits: every length read from a bundle is compared with one before it is allocated, added or sought to.

const MIB: u64 = 1 << 20;

/// The largest of everything a bundle may hold. FORMAT.md lists the same table; a reader refuses what is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the trust-root chain.
    pub roots: u64,
    /// Trust roots in the chain.
    pub root_versions: usize,
    /// Bytes of one trust root's payload.
    pub root: u64,
    /// Bytes of one approval's payload.
    pub approval: u64,
    /// Bytes of a receipt's or request's payload.
    pub record: u64,
    /// Bytes of the seal.
    pub seal: u64,
    /// Signatures in one envelope.
    pub signatures: usize,
    /// Bytes of the statement.
    pub statement: u64,
    /// Bytes of the document that is signed about an encrypted bundle.
    pub carrier: u64,
    /// Bytes of the header of an encrypted bundle.
    pub age_header: u64,
    /// Bytes of `index.json`, of `manifest.json` and of `SHA256SUMS`.
    pub index: u64,
    /// Bytes of `seal/RESERVE`.
    pub reserve: u64,
    /// Bytes of one OCI manifest or index inside the bundle.
    pub document: u64,
    /// How deep OCI indexes may be nested below `index.json`.
    pub nesting: usize,
    /// Items in a bundle, and referrers of its images.
    pub items: usize,
    /// Blobs in a bundle.
    pub blobs: usize,
    /// Bytes of one blob, and of all together: the largest integer that every JSON reader keeps exact.
    pub bytes: u64,
    /// Bytes of a stored inventory.
    pub inventory: u64,
    /// Bytes of one of the two lists of an inventory when decoded.
    pub inventory_text: u64,
    /// Bytes of one line of an inventory.
    pub line: usize,
    /// Entries in one tree.
    pub entries: usize,
    /// Frames in one tree.
    pub frames: usize,
    /// Entries in all trees of a bundle: a tree counts as often as items have it.
    pub all_entries: u64,
    /// Frames in all trees of a bundle, counted in the same way.
    pub all_frames: u64,
    /// Bytes of a frame when decoded, which is also its zstd window.
    pub frame: u64,
    /// Bytes of a frame as stored.
    pub frame_stored: u64,
}

impl Limits {
    /// The limits of format version 1.
    #[must_use]
    pub const fn v1() -> Self {
        Self {
            roots: 4 * MIB,
            root_versions: 256,
            root: 256 << 10,
            approval: 8 << 10,
            record: 16 * MIB,
            seal: 2 * MIB,
            signatures: 32,
            statement: MIB,
            carrier: 4 << 10,
            age_header: 16 << 10,
            index: 16 * MIB,
            reserve: 256 * MIB,
            document: 4 * MIB,
            nesting: 4,
            items: 4096,
            blobs: 65_536,
            bytes: (1 << 53) - 1,
            inventory: 128 * MIB,
            inventory_text: 512 * MIB,
            line: 8 << 10,
            entries: 1 << 20,
            frames: 1 << 20,
            all_entries: 1 << 21,
            all_frames: 1 << 21,
            frame: 8 * MIB,
            frame_stored: 8 * MIB + (64 << 10),
        }
    }
}
