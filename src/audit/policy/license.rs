//! Decides whether an SPDX expression is allowed by the license lists of a policy.

use super::form::LicensePolicy;
use crate::packages::{parse_expression, parse_license, spdx};
use ::spdx::LicenseReq;

/// What the lists say about a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LicenseVerdict {
    /// There is a way to use it that they let through.
    Good,
    /// Every way needs a licence that is refused.
    Denied,
    /// Every way needs one that is not on the list.
    Unlisted,
    /// Nothing is said, or nothing that is an expression.
    Unknown,
}

pub(super) fn judge(policy: &LicensePolicy, licenses: &[String]) -> LicenseVerdict {
    let list = |texts: &[String]| texts.iter().map(|text| parse_license(text)).collect::<Option<Vec<_>>>();
    let expression = spdx(licenses).and_then(|text| parse_expression(&text));
    // A list that cannot be read lets nothing through.
    let (Some(expression), Some(allow), Some(deny)) = (expression, list(&policy.allow), list(&policy.deny))
    else {
        return LicenseVerdict::Unknown;
    };
    let alone = |license: &LicenseReq| LicenseReq { addition: None, ..license.clone() };
    // What is said of a licence with its exception goes before what is said of the licence.
    let is_denied = |license: &LicenseReq| {
        deny.contains(license) || (deny.contains(&alone(license)) && !allow.contains(license))
    };
    let is_listed =
        |license: &LicenseReq| allow.is_empty() || allow.contains(license) || allow.contains(&alone(license));
    if expression.evaluate(|license| !is_denied(license) && is_listed(license)) {
        LicenseVerdict::Good
    } else if expression.evaluate(|license| !is_denied(license)) {
        LicenseVerdict::Unlisted
    } else {
        LicenseVerdict::Denied
    }
}

#[cfg(test)]
mod tests {
    use super::{LicenseVerdict, judge};
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
            ("MIT", LicenseVerdict::Good),
            ("mit", LicenseVerdict::Good),
            ("AGPL-3.0-only", LicenseVerdict::Denied),
            ("AGPL-3.0-only OR MIT", LicenseVerdict::Good),
            ("AGPL-3.0-only AND MIT", LicenseVerdict::Denied),
            ("(AGPL-3.0-only OR MIT) AND Apache-2.0", LicenseVerdict::Good),
            ("BSD-3-Clause", LicenseVerdict::Unlisted),
            ("BSD-3-Clause AND MIT", LicenseVerdict::Unlisted),
            ("GPL-2.0-only", LicenseVerdict::Denied),
            ("GPL-2.0-only WITH Classpath-exception-2.0", LicenseVerdict::Good),
            ("BSD", LicenseVerdict::Unknown),
            ("", LicenseVerdict::Unknown),
        ] {
            assert_eq!(judge(&both, &list(&[license])), standing, "{license}");
        }
        assert_eq!(judge(&both, &[]), LicenseVerdict::Unknown);
        // The old and the new way to write the same.
        for (denied, found) in [("GPL-3.0-or-later", "GPL-3.0+"), ("GPL-3.0+", "GPL-3.0-or-later")] {
            assert_eq!(judge(&policy(&[], &[denied]), &list(&[found])), LicenseVerdict::Denied, "{found}");
        }
        assert_eq!(judge(&policy(&[], &["MIT"]), &list(&["BSD-3-Clause"])), LicenseVerdict::Good);
        let deep = format!("{}MIT{}", "(".repeat(50_000), ")".repeat(50_000));
        assert_eq!(judge(&both, &list(&[&deep])), LicenseVerdict::Unknown);
    }
}
