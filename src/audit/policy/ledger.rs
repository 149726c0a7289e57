//! What a policy asks of the ledger that `sealift scan` wrote. Nobody signed it: it says what whoever ran the scan says.

use super::error::PolicyError;
use crate::audit::scan::{Identity, Ledger};
use crate::bundle::place;
use crate::value::moment::Moment;
use std::path::Path;
use std::time::SystemTime;

/// Reads a ledger.
pub fn open(path: &Path) -> Result<Ledger, PolicyError> {
    let bytes = place::read_bounded(path, Ledger::CEILING).map_err(|source| PolicyError::Read {
        what: "the ledger",
        path: path.to_owned(),
        source,
    })?;
    Ledger::parse(&bytes).map_err(|reason| PolicyError::Ledger { path: path.to_owned(), reason })
}

/// The name of an engine, as a policy compares it.
pub(super) fn name(engine: &Identity) -> &str {
    engine.version.as_deref().unwrap_or(&engine.asked)
}

<<<<<<< HEAD
/// Sums.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Totals {
    /// What the engine judged.
    pub seen: Count,
    /// What it did not judge.
    pub unseen: Count,
    /// In how many something was found.
    pub found: u64,
    /// Archives that were not opened to their end.
    pub unopened: u64,
}

/// How many, and their bytes.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Something that the engine knows.
#[derive(Debug, Clone, Deserialize)]
pub struct Finding {
    /// Where.
    pub path: String,
    /// What the engine calls it.
    pub signature: String,
}

/// Something into which nobody looked.
#[derive(Debug, Clone, Deserialize)]
pub struct Gap {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl Scan {
    /// Reads a ledger.
    pub fn open(path: &Path) -> Result<Self, PolicyError> {
        let bytes = place::read_bounded(path, CEILING).map_err(|source| PolicyError::Read {
            what: "the ledger",
            path: path.to_owned(),
            source,
        })?;
        let wrong = |reason: String| PolicyError::Ledger { path: path.to_owned(), reason };
        if bytes.len() as u64 > CEILING {
            return Err(wrong(format!("it has more than {CEILING} bytes")));
        }
        let scan: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if scan.kind != TYPE {
            return Err(wrong("its type is not one this build knows".to_owned()));
        }
        Ok(scan)
    }
}

impl Engine {
    /// Its name, as a policy compares it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.version.as_deref().unwrap_or(&self.asked)
    }

    /// When its signatures were made: RFC 3339, or as `ClamAV` writes it (`Tue Nov  5 08:23:00 2024`, in UTC).
    #[must_use]
    pub fn database_date(&self) -> Option<Moment> {
        let text = self.dated.as_deref()?.trim();
        let moment = |stamp: jiff::Timestamp| Moment::of(SystemTime::from(stamp));
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return moment(stamp);
        }
        let words: Vec<_> = text.split_whitespace().skip(1).collect();
        let civil = jiff::civil::DateTime::strptime("%b %d %H:%M:%S %Y", words.join(" ")).ok()?;
        moment(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
=======
/// When the signatures of an engine were made: RFC 3339, or as `ClamAV` writes it (`Tue Nov  5 08:23:00 2024`, in UTC).
pub(super) fn database_date(engine: &Identity) -> Option<Moment> {
    let text = engine.dated.as_deref()?.trim();
    let moment = |stamp: jiff::Timestamp| Moment::of(SystemTime::from(stamp));
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return moment(stamp);
>>>>>>> wt-policy
    }
    let words: Vec<_> = text.split_whitespace().skip(1).collect();
    let civil = jiff::civil::DateTime::strptime("%b %d %H:%M:%S %Y", words.join(" ")).ok()?;
    moment(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{database_date, open};
    use crate::audit::scan::Identity;

    #[test]
    fn signatures_have_the_date_that_the_engine_writes() {
        for (dated, moment) in [
            ("Tue Nov  5 08:23:00 2024", Some("2024-11-05T08:23:00Z")),
            ("2024-11-05T08:23:00Z", Some("2024-11-05T08:23:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            let dated = Some(dated.to_owned());
            let engine = Identity { asked: String::new(), version: None, database: None, dated };
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
