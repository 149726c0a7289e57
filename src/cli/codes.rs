//! Error codes of the command line, and the table of all codes.

use sealift_bundle::value::error_code::Code;

sealift_bundle::codes! {
    CHECK_FINDINGS "check.findings" NotAsWanted
        "`sealift check` found something that would fail at the site or must not be shipped. Fix each finding as described, or explain it in the manifest: `[[accept]]` with `finding`, `about` and `because`."
    CARRIER_UNOPENED "carrier.unopened" NotAsWanted
        "The outer seal and every encrypted byte are valid, but the content was not verified because no identity was given. Pass one with `--identity`, or check only the outside with `--outer`."
    TRUST_DIFFERENT "trust.different" NotAsWanted
        "Two trust roots differ. The differences are on standard output."
    TRUST_FINDINGS "trust.findings" NotAsWanted
        "The trust root is valid, but needs attention: it expires soon, or a single key can decide alone."
    CLI_OUTPUT "cli.output" CouldNot
        "Standard output could not be written, so the output may be incomplete."
    CLI_INPUT "cli.input" CouldNot
        "Standard input, the terminal or a file descriptor could not be read."
    CLI_DEMO "cli.demo" CouldNot
        "The demo failed. That is a bug: please report it."
    FLEET_REFUSED "fleet.refused" NotBelieved
        "A receipt or request was not signed by the named key, or is malformed. It was left out of the output. Ask the site for it again, over another channel."
    FLEET_CONFLICTS "fleet.conflicts" NotAsWanted
        "Receipts and requests contradict each other, the clock or the trust root: a forked journal, two bundles with one number, a record from the future, keys that do not match sites, or a revoked bundle in use. Each is listed with what to do."
    FLEET_UNCHECKED "fleet.unchecked" NotAsWanted
        "Something was not checked and is listed as such: records by a key that was not passed with `--key`, files that could not be read, or bundles without an SBOM."
    FLEET_NOBODY "fleet.nobody" NotAsWanted
        "No SBOM of a bundle that a site holds lists a component with that name and version. A misspelled name looks the same, so names that contain it are listed."
    DIFF_DIFFERENT "diff.different" NotAsWanted
        "The two differ. The differences are on standard output, most severe first; `--all` shows every list in full."
    DIFF_INCOMPLETE "diff.incomplete" Incomplete
        "Everything that was compared is equal, but something was not compared: see `not compared` for the reason. A lock, a receipt and a request have no content of their own; compare two bundles to compare everything."
    POLICY_VIOLATED "policy.violated" NotAsWanted
        "The bundle violates the policy. Each violation is listed with its rule. Fix it and pack again, or let approvers waive it with a reason and an expiry date: `sealift waive`."
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
