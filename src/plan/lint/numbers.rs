//! Numbers as Helm reads them: YAML becomes JSON, JSON numbers become `float64`, and a template prints that.
//!
//! So `tag: 1.10` is the tag `1.1`, and `tag: 20240101` is `2.0240101e+07`.

/// How plain scalars that are numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Numbers {
    /// As they are written.
    #[default]
    Kept,
    /// As a template prints a value of `values.yaml`.
    Values,
    /// As a text of `Chart.yaml`, where whole numbers stay as they are.
    Metadata,
}

impl Numbers {
    /// A plain scalar as it is printed, if that differs from what is written.
    pub(super) fn printed(self, text: &str) -> Option<String> {
        if self == Self::Kept || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let printed = match (whole(text), self) {
            (Some(whole), Self::Metadata) => whole.to_string(),
            #[allow(clippy::cast_precision_loss, reason = "it is what Helm loses")]
            (Some(whole), _) => printed(whole as f64),
            (None, _) => printed(fraction(text)?),
        };
        (printed != text).then_some(printed)
    }
}

/// A whole number as YAML 1.1 has it: decimal, octal with `0` in front, `0x`, `0o` and `0b`, with underscores.
fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits = digits.strip_prefix('+').filter(|_| sign == 1).unwrap_or(digits);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let based = [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, base)| Some((digits.strip_prefix(prefix)?, base)));
    let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty()).map(|rest| (rest, 8));
    let (digits, base) = based.or(octal).unwrap_or((&digits, 10));
    i64::from_str_radix(digits, base).ok().map(|number| sign * number)
}

/// A number with a point or an exponent. The beginning of a commit, `1234e56`, is one as well.
fn fraction(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if is_number { text.parse().ok() } else { None }
}

/// A `float64` as Go prints it: the shortest digits, with an exponent where that is below -4, or 6 and more.
fn printed(number: f64) -> String {
    if !number.is_finite() {
        return "+Inf".to_owned();
    }
    let shortest = format!("{number:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    /// Measured with Helm; most are in its issues 1707, 9162 and 12195.
    #[test]
    fn f_field_20_numbers_are_what_helm_makes_of_them() {
        for (written, values, metadata) in [
            ("1.10", "1.1", "1.1"),
            ("20230101", "2.0230101e+07", "20230101"),
            ("356136738", "3.56136738e+08", "356136738"),
            ("999999", "999999", "999999"),
            ("1000000", "1e+06", "1000000"),
            ("2e3", "2000", "2000"),
            ("72044e011", "7.2044e+15", "7.2044e+15"),
            ("0.00001", "1e-05", "1e-05"),
            ("010", "8", "8"),
            ("0x10", "16", "16"),
            ("1_0", "10", "10"),
            ("-1.50", "-1.5", "-1.5"),
            ("1e999", "+Inf", "+Inf"),
            ("1.2.3", "1.2.3", "1.2.3"),
            ("v1.10", "v1.10", "v1.10"),
            ("1234e5f", "1234e5f", "1234e5f"),
            ("08", "8", "8"),
            ("e5", "e5", "e5"),
            ("-", "-", "-"),
        ] {
            let printed = |numbers: Numbers| numbers.printed(written).unwrap_or_else(|| written.to_owned());
            assert_eq!(printed(Numbers::Values), values, "{written}");
            assert_eq!(printed(Numbers::Metadata), metadata, "{written}");
            assert_eq!(printed(Numbers::Kept), written);
        }
    }
}
