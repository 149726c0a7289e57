//! Error codes of the command line, and the table of all codes.

use sealift_bundle::value::error_code::Code;

sealift_bundle::codes! {
    CHECK_FINDINGS "check.findings" Findings
        "`sealift check` found content that would fail at the site or must not be shipped. Fix each finding as described, or accept it in the manifest: `[[accept]]` with `finding`, `about` and `because`."
    CARRIER_UNOPENED "carrier.unopened" Findings
        "The outer seal and every encrypted byte are verified, but the content is not, because no identity was given. Pass one with `--identity`, or accept the outer check alone with `--outer`."
    TRUST_DIFFERENT "trust.different" Findings
        "Two trust roots differ. The differences are on standard output."
    TRUST_FINDINGS "trust.findings" Findings
        "The trust root is valid, but needs attention: it expires soon, or a single key is enough in a role. Plan a new version with `sealift trust set` or `sealift trust add-key`."
    CLI_OUTPUT "cli.output" Failed
        "Writing to standard output failed, so the output may be incomplete. Check free space and permissions where it is redirected."
    CLI_INPUT "cli.input" Failed
        "Standard input, the terminal, a file descriptor or an input file could not be read."
    CLI_DEMO "cli.demo" Failed
        "A step of the demo failed. This is a bug: please report it."
    FLEET_REFUSED "fleet.refused" Rejected
        "A receipt or request does not carry a valid signature of the given key, or is malformed. It was left out of the result. Request it again from the site over another channel."
    FLEET_CONFLICTS "fleet.conflicts" Findings
        "Receipts and requests contradict each other, the clock or the trust root: a forked journal, two bundles with the same sequence number, a record from the future, mismatched keys and sites, or a revoked bundle in use. Each conflict is listed with advice."
    FLEET_UNCHECKED "fleet.unchecked" Findings
        "Some input was not checked, and is listed: records signed by a key that was not passed with `--key`, unreadable files, or bundles without an SBOM."
    FLEET_NOBODY "fleet.nobody" Findings
        "No SBOM of a bundle held by a site contains a component of that name and version. A misspelled name gives the same result, so similar names are listed."
    DIFF_DIFFERENT "diff.different" Findings
        "The two inputs differ. The differences are on standard output, most severe first; `--all` shows every list in full."
    DIFF_INCOMPLETE "diff.incomplete" Incomplete
        "No difference was found, but some parts were not compared: they are listed under `not compared`, with the reason. A lock, a receipt and a request contain no content; compare two bundles for a complete answer."
    POLICY_VIOLATED "policy.violated" Findings
        "The bundle violates the policy. Each violation is listed with its rule. Fix it and pack again, or have approvers waive it with a reason and an expiry date: `sealift waive`."
}

/// Every code that this build knows, grouped by where it is raised.
pub(super) fn all() -> impl Iterator<Item = Code> {
    let tables = [
        sealift_bundle::codes::ALL,
        #[cfg(feature = "connected")]
        sealift_plan::codes::ALL,
        sealift_site::codes::ALL,
        #[cfg(feature = "registry")]
        sealift_registry::codes::ALL,
        sealift_audit::codes::ALL,
        ALL,
    ];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_dotted_and_explained() {
        let texts: BTreeSet<_> = super::all().map(sealift_bundle::value::error_code::Code::as_str).collect();
        assert_eq!(texts.len(), super::all().count());
        for code in super::all() {
            assert!(
                code.as_str().bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-')),
                "{code}"
            );
            assert!(code.explanation().ends_with('.'), "{code}");
        }
    }
}
