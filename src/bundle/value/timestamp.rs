//! Points in time.

use super::{ValueError, serde_as_text};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// A point in time: RFC 3339 in UTC and whole seconds, years 1970 to 9998, like `2026-11-22T06:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

/// The years that every library for times agrees on: some end a day before the year 10000, some begin with 1970.
const YEARS: std::ops::RangeInclusive<&str> = "1970"..="9998";

impl Timestamp {
    /// The second in which `time` is, or nothing when it is outside the years 1970 to 9998.
    #[must_use]
    pub fn of(time: SystemTime) -> Option<Self> {
        let exact = jiff::Timestamp::try_from(time).ok()?;
        jiff::Timestamp::from_second(exact.as_second()).ok().map(Self).filter(Self::is_within)
    }

    /// The moment so many days of 24 hours later; nothing when that is beyond the year 9998.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Option<Self> {
        let days = jiff::SignedDuration::from_hours(i64::from(days).checked_mul(24)?);
        self.0.checked_add(days).ok().map(Self).filter(Self::is_within)
    }

    fn is_within(&self) -> bool {
        // Other years have a sign and more digits.
        let text = self.to_string();
        text.len() >= 20 && text.get(..4).is_some_and(|year| YEARS.contains(&year))
    }

    /// Whole days from here to `later`; negative when that is earlier.
    #[must_use]
    pub fn days_until(self, later: Self) -> i64 {
        (later.0.as_second() - self.0.as_second()).div_euclid(86_400)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Timestamp {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Moment(text.to_owned());
        let moment = Self(text.parse().map_err(|_| wrong())?);
        // `2026-11-22T06:00:00Z`: other years have a sign and more digits.
        if text.len() != 20 {
            return Err(wrong());
        }
        // One spelling for one moment: offsets, fractions and lower-case letters are refused.
        if moment.is_within() && moment.0.subsec_nanosecond() == 0 && moment.to_string() == text {
            Ok(moment)
        } else {
            Err(wrong())
        }
    }
}

serde_as_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn j17_only_one_spelling_and_four_digit_years() {
        for good in ["2026-11-22T06:00:00Z", "1970-01-01T00:00:00Z", "9998-12-31T23:59:59Z"] {
            assert_eq!(good.parse::<Timestamp>().map(|moment| moment.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "2026-11-22T06:00:00+00:00",
            "2026-11-22t06:00:00z",
            "2026-11-22T06:00:00.5Z",
            "2026-11-22",
            // f_fmt_3_9 and f_sec_24
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2026-06-30T23:59:60Z",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_whole_and_may_lie_behind() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let noon = at("2026-11-22T12:00:00Z");
        for (later, days) in [
            ("2026-11-22T12:00:00Z", 0),
            ("2026-11-23T11:59:59Z", 0),
            ("2026-11-23T12:00:00Z", 1),
            ("2026-11-22T11:59:59Z", -1),
            ("1970-01-01T00:00:00Z", -20_780),
        ] {
            assert_eq!(noon.days_until(at(later)), days, "{later}");
        }
    }
}
