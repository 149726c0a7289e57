//! Checks the ledger of `sealift scan` against a policy. The ledger is not signed.

use super::error::PolicyError;
use crate::scan::{Ledger, ScannerIdentity};
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::timestamp::Timestamp;
use std::path::Path;
use std::time::SystemTime;

/// Reads a ledger.
pub fn open(path: &Path) -> Result<Ledger, PolicyError> {
    let bytes = atomic_file::read_bounded(path, Ledger::MAX_BYTES).map_err(|source| PolicyError::Read {
        what: "the ledger",
        path: path.to_owned(),
        source,
    })?;
    Ledger::parse(&bytes).map_err(|reason| PolicyError::Ledger { path: path.to_owned(), reason })
}

/// When the signatures of an engine were made: RFC 3339, or as `ClamAV` writes it (`Tue Nov  5 08:23:00 2024`, in UTC).
pub(super) fn database_date(engine: &ScannerIdentity) -> Option<Timestamp> {
    let text = engine.dated.as_deref()?.trim();
    let moment = |stamp: jiff::Timestamp| Timestamp::of(SystemTime::from(stamp));
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return moment(stamp);
    }
    let words: Vec<_> = text.split_whitespace().skip(1).collect();
    let civil = jiff::civil::DateTime::strptime("%b %d %H:%M:%S %Y", words.join(" ")).ok()?;
    moment(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{database_date, open};
    use crate::scan::ScannerIdentity;

    #[test]
    fn signatures_have_the_date_that_the_engine_writes() {
        for (dated, moment) in [
            ("Tue Nov  5 08:23:00 2024", Some("2024-11-05T08:23:00Z")),
            ("2024-11-05T08:23:00Z", Some("2024-11-05T08:23:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            let dated = Some(dated.to_owned());
            let engine = ScannerIdentity { asked: String::new(), version: None, database: None, dated };
            let found = database_date(&engine).map(|moment| moment.to_string());
            assert_eq!(found.as_deref(), moment);
        }
    }

    #[test]
    fn a_file_that_is_no_ledger_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.json");
        for text in ["", "{}", "[]", r#"{"_type":"x"}"#, &"[".repeat(100_000)] {
            std::fs::write(&path, text).unwrap();
            assert!(open(&path).unwrap_err().to_string().contains("l.json"));
        }
    }
}
