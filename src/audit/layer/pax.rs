//! Extended headers (POSIX.1-2017, pax, "pax Extended Header").

use super::super::analysis::anomaly::{Anomaly, AnomalyKind};
use std::collections::BTreeMap;

/// What of an extended header says something about the next entry.
#[derive(Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    /// The path of a sparse file of a version that Go knows; it wins over any other.
    pub(super) sparse_path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) capability: Option<Vec<u8>>,
    pub(super) is_sparse: bool,
}

/// Reads the records. The last of several with one key counts, and an empty value takes the key away, as Go has it.
pub(super) fn records(bytes: &[u8], anomalies: &mut Vec<Anomaly>) -> Result<Records, String> {
    let mut all = BTreeMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (key, value, behind) = record(rest).ok_or("an extended header makes no sense")?;
        if all.insert(key, value).is_some() {
            let detail = format!("an extended header has `{}` twice", String::from_utf8_lossy(key));
            anomalies.push(Anomaly::new(AnomalyKind::ArchiveAmbiguous, "", detail));
        }
        rest = behind;
    }
    let text =
        |key: &str| all.get(key.as_bytes()).filter(|value| !value.is_empty()).map(|value| value.to_vec());
    for key in ["path", "linkpath", "GNU.sparse.name"] {
        if text(key).is_some_and(|value| value.contains(&0)) {
            return Err(format!("`{key}` of an extended header holds a zero byte"));
        }
    }
    let number = |key: &str| match text(key) {
        None => Ok(None),
        Some(value) => {
            let value = String::from_utf8_lossy(&value).into_owned();
            value.parse().map(Some).map_err(|_| format!("`{key}` of an extended header is not a number"))
        }
    };
    let size = number("size")?;
    if size.is_some_and(|size| i64::try_from(size).is_err()) {
        return Err("`size` of an extended header is larger than any file".to_owned());
    }
    Ok(Records {
        path: text("path"),
        sparse_path: text("GNU.sparse.name").filter(|_| {
            let version = (text("GNU.sparse.major"), text("GNU.sparse.minor"));
            match (version.0.as_deref(), version.1.as_deref()) {
                (Some(b"0"), Some(b"0" | b"1")) | (Some(b"1"), Some(b"0")) => true,
                (None, None) => {
                    text("GNU.sparse.map").is_some() || all.contains_key(&b"GNU.sparse.offset"[..])
                }
                _ => false,
            }
        }),
        link: text("linkpath"),
        size,
        uid: number("uid")?,
        gid: number("gid")?,
        capability: text("SCHILY.xattr.security.capability"),
        is_sparse: all.keys().any(|key| key.starts_with(b"GNU.sparse.")),
    })
}

/// `LENGTH KEY=VALUE\n`, where the length counts all of it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
    let (record, behind) = (bytes.get(space + 1..length)?, bytes.get(length..)?);
    let (line, [b'\n']) = record.split_at_checked(record.len().checked_sub(1)?)? else { return None };
    let equals = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some((line.get(..equals)?, line.get(equals + 1..)?, behind))
}
