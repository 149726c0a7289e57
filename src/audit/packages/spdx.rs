//! SPDX licence expressions (SPDX 3.0, annex "SPDX license expressions"), of what was found as a licence.

/// The identifiers of the SPDX licence list 3.28, the deprecated ones too, one a line (the list is CC0-1.0).
const LICENSES: &str = include_str!("spdx_licenses.txt");
/// Exceptions that packages really state. Another one makes no expression.
const EXCEPTIONS: [&str; 16] = [
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Autoconf-exception-generic",
    "Bison-exception-2.2",
    "Bootloader-exception",
    "Classpath-exception-2.0",
    "Font-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "LGPL-3.0-linking-exception",
    "Libtool-exception",
    "Linux-syscall-note",
    "LLVM-exception",
    "OCaml-LGPL-linking-exception",
    "OpenSSL-exception",
    "Qt-LGPL-exception-1.1",
];

/// One SPDX expression of all licences that were found, joined by `AND`, with identifiers as SPDX writes them.
///
/// None when there are none, and when one of them is no valid expression: nothing is guessed from names like `GPL-2+` or
/// `BSD`. References to licences that stand in another document (`LicenseRef-...`) make no expression either.
#[must_use]
pub fn spdx(licenses: &[String]) -> Option<String> {
    let mut expressions: Vec<String> = Vec::new();
    for license in licenses {
        let expression = expression(license)?;
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

/// What may stand next in an expression.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Operand,
    Exception,
    /// An operator; `WITH` only behind a licence.
    Operator {
        is_license: bool,
    },
}

fn expression(text: &str) -> Option<String> {
    let text = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_usize;
    let mut next = Next::Operand;
    let mut written = String::new();
    for token in text.split_ascii_whitespace() {
        let word = match (next, token) {
            (Next::Operand, "(") => {
                depth = depth.checked_add(1)?;
                "(".to_owned()
            }
            (Next::Operand, id) => {
                next = Next::Operator { is_license: true };
                license(id)?
            }
            (Next::Exception, id) => {
                next = Next::Operator { is_license: false };
                EXCEPTIONS.iter().find(|known| known.eq_ignore_ascii_case(id))?.to_string()
            }
            (Next::Operator { .. }, ")") => {
                depth = depth.checked_sub(1)?;
                next = Next::Operator { is_license: false };
                ")".to_owned()
            }
            (Next::Operator { is_license: true }, "WITH" | "with") => {
                next = Next::Exception;
                "WITH".to_owned()
            }
            (Next::Operator { .. }, "AND" | "and" | "OR" | "or") => {
                next = Next::Operand;
                token.to_ascii_uppercase()
            }
            (Next::Operator { .. }, _) => return None,
        };
        if !written.is_empty() && !written.ends_with('(') && word != ")" {
            written.push(' ');
        }
        written.push_str(&word);
    }
    (depth == 0 && matches!(next, Next::Operator { .. })).then_some(written)
}

/// An identifier as the list writes it; a `+` means that later versions will do.
fn license(id: &str) -> Option<String> {
    let known = |id: &str| LICENSES.lines().find(|known| known.eq_ignore_ascii_case(id));
    match (known(id), id.strip_suffix('+')) {
        (Some(known), _) => Some(known.to_owned()),
        (None, Some(version)) => Some(format!("{}+", known(version)?)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{LICENSES, spdx};

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

    #[test]
    fn the_list_has_each_identifier_once() {
        let mut ids: Vec<_> = LICENSES.lines().map(str::to_lowercase).collect();
        ids.sort();
        ids.dedup();
        assert!(ids.len() > 700 && ids.len() == LICENSES.lines().count());
    }
}
