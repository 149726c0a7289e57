//! Finds lists in an expression.

/// Words behind which a bracket begins a list and does not look something up.
const BEFORE_VALUES: [&str; 9] = ["and", "else", "elif", "if", "in", "is", "not", "or", "recursive"];

#[derive(Clone, Copy, PartialEq)]
enum Before<'a> {
    /// The beginning, an operator or something that opens.
    Operator,
    Word(&'a str),
    /// A text, or something that closes.
    Value,
}

#[derive(Clone, Copy, PartialEq)]
enum OpenBracket {
    List,
    Item,
    Parenthesis,
}

/// Refuses lists that do not stand right behind `in`, lists that are multiplied, and commas that would make one.
pub(super) fn check(expression: &str, is_block: bool) -> Result<(), &'static str> {
    let mut before = Before::Operator;
    let mut open = Vec::new();
    let (mut has_list, mut has_product) = (false, false);
    let tag = expression.trim_start_matches(['-', '+']).trim_start();
    let is_with = is_block && tag.split_whitespace().next() == Some("with");
    let mut is_first = is_block;
    let mut rest = tag;
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '"' | '\'' => text_length(rest, character),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = behind;
        before = match character {
            c if c.is_whitespace() => continue,
            '"' | '\'' => Before::Value,
            // The word that says what the tag does.
            c if is_word(c) && is_first => Before::Operator,
            c if is_word(c) => Before::Word(token),
            '[' => {
                let is_list = match before {
                    Before::Operator => true,
                    Before::Word(word) => BEFORE_VALUES.contains(&word),
                    Before::Value => false,
                };
                if is_list && before != Before::Word("in") {
                    return Err("a list stands somewhere else than right behind `in`");
                }
                has_list |= is_list;
                open.push(if is_list { OpenBracket::List } else { OpenBracket::Item });
                Before::Operator
            }
            '(' => {
                open.push(OpenBracket::Parenthesis);
                Before::Operator
            }
            ']' | ')' => {
                open.pop();
                Before::Value
            }
            ',' if open.last() == Some(&OpenBracket::List) || (is_with && open.is_empty()) => {
                Before::Operator
            }
            ',' => return Err("a comma stands outside of a list"),
            _ => {
                has_product |= character == '*';
                Before::Operator
            }
        };
        is_first = false;
    }
    if has_list && has_product { Err("a list and a `*` stand in one tag") } else { Ok(()) }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Bytes of the text at the beginning, with both its quotes.
fn text_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn f_sec_18_lists_stand_behind_in() {
        for good in [
            "mode",
            "- mode -",
            "mode == 'a[, b' ~ \"*\"",
            "mode[0] ~ mode[1:3] ~ 'abc'[::-1]",
            "mode in ['a', 'b']",
            "mode not in ['a'] and not (other in ['b',])",
            "('a' ~ mode)[0]",
            "loop.index * 10",
        ] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        for good in [
            "for x in ['a', 'b']",
            "- if mode in ['a'] -",
            "with a = 1, b = mode",
            "set a = mode ~ '[1]'",
            "else",
        ] {
            assert_eq!(check(good, true), Ok(()), "{good}");
        }
        for bad in [
            "5 in [0] * 100000000",
            "5 in 100000000 * [0]",
            "5 in ([0] * 9)",
            "[0]",
            "'' ~ [0]",
            "mode in [[0], [1]]",
            "mode in ['a'] + ['b']",
            "mode and ['a']",
            "not [0]",
            "1 if mode else [0]",
            "loop.cycle('a', 'b')",
            "(1, 2)",
            "1, 2",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
        for bad in
            ["set l = [0]", "if [0] == [0]", "for x in 1, 2", "with a = (1, 2)", "with a = [0]", "elif [0]"]
        {
            assert!(check(bad, true).is_err(), "{bad}");
        }
    }
}
