//! Whether an SPDX expression is one that the lists of a policy let through.

use super::form::LicensePolicy;
use crate::packages::spdx;

/// How deep brackets may stand within each other.
const DEPTH: u32 = 32;

/// What the lists say about a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is a way to use it that they let through.
    Good,
    /// Every way needs a licence that is refused.
    Denied,
    /// Every way needs one that is not on the list.
    Unlisted,
    /// Nothing is said, or nothing that is an expression.
    Unknown,
}

pub(super) fn judge(policy: &LicensePolicy, licenses: &[String]) -> Standing {
    let Some(expression) = spdx(licenses) else { return Standing::Unknown };
    let fits = |is_good: &dyn Fn(&str) -> bool| {
        let text = expression.replace('(', " ( ").replace(')', " ) ");
        let mut tokens: Vec<&str> = text.split_ascii_whitespace().rev().collect();
        either(&mut tokens, is_good, DEPTH)
    };
    let in_list = |list: &[String], id: &str| list.iter().any(|one| one.eq_ignore_ascii_case(id));
    // What is said of a licence with its exception goes before what is said of the licence.
    let denied = |id: &str| {
        let alone = id.split(' ').next().unwrap_or_default();
        in_list(&policy.deny, id) || (in_list(&policy.deny, alone) && !in_list(&policy.allow, id))
    };
    let listed = |id: &str| {
        let alone = id.split(' ').next().unwrap_or_default();
        policy.allow.is_empty() || in_list(&policy.allow, id) || in_list(&policy.allow, alone)
    };
    match (fits(&|id| !denied(id)), fits(&|id| !denied(id) && listed(id))) {
        (None, _) | (_, None) => Standing::Unknown,
        (_, Some(true)) => Standing::Good,
        (Some(false), _) => Standing::Denied,
        (Some(true), Some(false)) => Standing::Unlisted,
    }
}

/// One of several that `OR` joins; nothing when brackets are too deep.
fn either(tokens: &mut Vec<&str>, is_good: &dyn Fn(&str) -> bool, depth: u32) -> Option<bool> {
    let mut found = all(tokens, is_good, depth)?;
    while tokens.pop_if(|token| *token == "OR").is_some() {
        // Both sides are read to their ends.
        found |= all(tokens, is_good, depth)?;
    }
    Some(found)
}

fn all(tokens: &mut Vec<&str>, is_good: &dyn Fn(&str) -> bool, depth: u32) -> Option<bool> {
    let mut found = one(tokens, is_good, depth)?;
    while tokens.pop_if(|token| *token == "AND").is_some() {
        found &= one(tokens, is_good, depth)?;
    }
    Some(found)
}

fn one(tokens: &mut Vec<&str>, is_good: &dyn Fn(&str) -> bool, depth: u32) -> Option<bool> {
    let token = tokens.pop()?;
    if token == "(" {
        let found = either(tokens, is_good, depth.checked_sub(1)?);
        return found.filter(|_| tokens.pop() == Some(")"));
    }
    if tokens.pop_if(|token| *token == "WITH").is_some() {
        return Some(is_good(&format!("{token} WITH {}", tokens.pop()?)));
    }
    Some(is_good(token))
}

#[cfg(test)]
mod tests {
    use super::{Standing, judge};
    use crate::policy::form::{FormAnswer, LicensePolicy, PackageLicenses};

    #[test]
    fn an_expression_is_good_when_one_way_to_use_it_is() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let policy = |allow: &[&str], deny: &[&str]| LicensePolicy {
            allow: list(allow),
            deny: list(deny),
            unknown: FormAnswer::Refuse,
            packages: PackageLicenses::Skip,
        };
        let both = policy(
            &["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"],
            &["AGPL-3.0-only", "GPL-2.0-only"],
        );
        for (license, standing) in [
            ("MIT", Standing::Good),
            ("mit", Standing::Good),
            ("AGPL-3.0-only", Standing::Denied),
            ("AGPL-3.0-only OR MIT", Standing::Good),
            ("AGPL-3.0-only AND MIT", Standing::Denied),
            ("(AGPL-3.0-only OR MIT) AND Apache-2.0", Standing::Good),
            ("BSD-3-Clause", Standing::Unlisted),
            ("BSD-3-Clause AND MIT", Standing::Unlisted),
            ("GPL-2.0-only", Standing::Denied),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Standing::Good),
            ("BSD", Standing::Unknown),
            ("", Standing::Unknown),
        ] {
            assert_eq!(judge(&both, &list(&[license])), standing, "{license}");
        }
        assert_eq!(judge(&both, &[]), Standing::Unknown);
        assert_eq!(judge(&policy(&[], &["MIT"]), &list(&["BSD-3-Clause"])), Standing::Good);
        let deep = format!("{}MIT{}", "(".repeat(50_000), ")".repeat(50_000));
        assert_eq!(judge(&both, &list(&[&deep])), Standing::Unknown);
    }
}
