//! The path of a file within archives, as the ledger shows it.

/// Bytes of a path in the ledger; names in archives may be as long as a file.
pub(super) const PATH: usize = 2048;

/// The path of something in something else, of bounded length.
pub(super) fn joined(container: &str, separator: char, name: &str) -> String {
    let mut path = format!("{container}{separator}{name}");
    if path.len() > PATH {
        let cut = path.floor_char_boundary(PATH);
        path.truncate(cut);
        path.push('…');
    }
    path
}

/// What a compressed file holds, after its name: `x.gz` holds `x`.
pub(super) fn member_name(path: &str) -> String {
    let name = path.rsplit(['/', '!', ':']).next().unwrap_or_default();
    let stem = name
        .rsplit_once('.')
        .filter(|(stem, ending)| !stem.is_empty() && matches!(*ending, "gz" | "zst" | "zstd"));
    stem.map_or("content", |(stem, _)| stem).to_owned()
}
