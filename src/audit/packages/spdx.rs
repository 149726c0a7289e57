//! SPDX license expressions (SPDX 3.0, annex "SPDX license expressions"), of what was found as a license.
//!
//! The lists of licenses and exceptions and the grammar are those of the crate `spdx`, which wants identifiers in their
//! own case; here they are brought into it.

use spdx::expression::Expression;
use spdx::identifiers::{EXCEPTIONS, LICENSES};
use spdx::{LicenseReq, ParseMode};

/// Bytes of the longest text that is read as an expression.
const LONGEST: usize = 4096;

/// Deprecated identifiers are found in packages more often than new ones; nothing is guessed.
const MODE: ParseMode =
    ParseMode { allow_deprecated: true, allow_postfix_plus_on_gpl: true, ..ParseMode::STRICT };

/// One SPDX expression of all licences that were found, joined by `AND`, with identifiers as SPDX writes them.
///
/// None when there are none, and when one of them is not a valid expression: nothing is guessed from names like `GPL-2+` or
/// `BSD`. References to licences that are in another document (`LicenseRef-...`) make no expression either.
#[must_use]
pub fn spdx(licenses: &[String]) -> Option<String> {
    let mut expressions: Vec<String> = Vec::new();
    for license in licenses {
        let expression = canonical(license)?;
        if !expressions.contains(&expression) {
            expressions.push(expression);
        }
    }
    match expressions.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let closed = |one: &String| if one.contains(" OR ") { format!("({one})") } else { one.clone() };
            Some(several.iter().map(closed).collect::<Vec<_>>().join(" AND "))
        }
    }
}

/// Parses an expression that [`spdx()`] made. `GPL-2.0+` and `GPL-2.0-or-later` are the same in it.
pub(crate) fn parse_expression(text: &str) -> Option<Expression> {
    Expression::parse_mode(text, MODE).ok()
}

/// Parses one license, with or without an exception.
pub(crate) fn parse_license(text: &str) -> Option<LicenseReq> {
    let expression = parse_expression(text)?;
    let mut requirements = expression.requirements();
    match (requirements.next(), requirements.next()) {
        (Some(one), None) => Some(one.req.clone()),
        _ => None,
    }
}

fn canonical(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.replace('(', " ( ").replace(')', " ) ");
    let mut written = String::new();
    for word in text.split_ascii_whitespace() {
        let word = match word {
            "(" | ")" => word.to_owned(),
            "AND" | "and" | "OR" | "or" | "WITH" | "with" => word.to_ascii_uppercase(),
            id => identifier(id)?,
        };
        if !written.is_empty() && !written.ends_with('(') && word != ")" {
            written.push(' ');
        }
        written.push_str(&word);
    }
    parse_expression(&written).map(|_| written)
}

/// The identifier of a license or an exception as the list writes it; a `+` means that later versions will do.
fn identifier(id: &str) -> Option<String> {
    let find = |id: &str| {
        let known = LICENSES.iter().map(|one| one.name).chain(EXCEPTIONS.iter().map(|one| one.name));
        known.into_iter().find(|known| known.eq_ignore_ascii_case(id))
    };
    match (find(id), id.strip_suffix('+')) {
        (Some(known), _) => Some(known.to_owned()),
        (None, Some(version)) => Some(format!("{}+", find(version)?)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::spdx;
    use proptest::prelude::*;

    fn of(licenses: &[&str]) -> Option<String> {
        spdx(&licenses.iter().map(|license| (*license).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn valid_expressions_are_written_as_spdx_writes_them() {
        for (found, expression) in [
            (&["MIT"][..], "MIT"),
            (&["mit or apache-2.0"], "MIT OR Apache-2.0"),
            (&["GPL-2.0+", "GPL-2.0+"], "GPL-2.0+"),
            (&["EPL-1.0+"], "EPL-1.0+"),
            (&["MIT", "(BSD-3-Clause OR ISC)"], "MIT AND ((BSD-3-Clause OR ISC))"),
            (
                &["GPL-2.0-or-later WITH Classpath-exception-2.0"],
                "GPL-2.0-or-later WITH Classpath-exception-2.0",
            ),
            (&["((MIT) AND Zlib)"], "((MIT) AND Zlib)"),
        ] {
            assert_eq!(of(found).as_deref(), Some(expression));
        }
    }

    #[test]
    fn what_is_no_expression_is_not_guessed() {
        for found in [
            &[][..],
            &[""],
            &["GPL-2+"],
            &["BSD"],
            &["MIT", "BSD"],
            &["MIT OR"],
            &["(MIT"],
            &["MIT)"],
            &["()"],
            &["MIT MIT"],
            &["MIT And Zlib"],
            &["(MIT) WITH LLVM-exception"],
            &["MIT WITH nothing"],
            &["LicenseRef-x"],
            &["SEE LICENSE IN LICENSE"],
            &["MIT++"],
        ] {
            assert_eq!(of(found), None, "{found:?}");
        }
        assert!(of(&["(".repeat(100_000).as_str()]).is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(
            words in proptest::collection::vec(
                prop_oneof![Just("MIT"), Just("GPL-2.0+"), Just("LLVM-exception"), Just("AND"), Just("or"), Just("WITH"),
                    Just("("), Just(")"), Just("+"), Just("LicenseRef-x"), Just("é")],
                0..12,
            ),
            text in "\\PC{0,40}",
        ) {
            for text in [words.join(" "), words.concat(), text] {
                if let Some(expression) = of(&[&text]) {
                    prop_assert_eq!(of(&[&expression]), Some(expression.clone()));
                    prop_assert!(super::parse_expression(&expression).is_some());
                }
            }
        }
    }
}
