//! The words for bundles, lags and ages that the page and the terminal share.

use super::{FleetRow, Lag, Title};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::counted;

/// `NAME-VERSION` of a bundle, or the beginning of its digest where no title is known.
#[must_use]
pub fn bundle_label(statement: Digest, title: Option<&Title>) -> String {
    match title {
        Some(title) => format!("{}-{}", title.name, title.version),
        None => format!("bundle {}", statement.short()),
    }
}

/// The label of the bundle that a site uses.
#[must_use]
pub fn in_use_label(row: &FleetRow) -> String {
    row.in_use.map_or_else(|| "(not told)".to_owned(), |in_use| bundle_label(in_use, row.title.as_ref()))
}

/// How far a site is behind the newest bundle of its scenario.
#[must_use]
pub fn lag_label(lag: Lag) -> String {
    match lag {
        Lag::Newest => "newest".to_owned(),
        Lag::Behind { numbers } => format!("{numbers} behind"),
        Lag::Epoch => "an epoch behind".to_owned(),
        Lag::Unknown => "not known".to_owned(),
    }
}

/// How long ago a record was made, in days.
#[must_use]
pub fn age(days: i64) -> String {
    match days {
        ..0 => "in the future".to_owned(),
        0 => "today".to_owned(),
        days => format!("{} ago", counted(days.unsigned_abs(), "day")),
    }
}
