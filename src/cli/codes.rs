//! Error codes of the command line, and the table of all codes.

use sealift_bundle::value::error_code::Code;

sealift_bundle::codes! {
    CHECK_FINDINGS "check.findings" NotAsWanted
        "`sealift check` found something that would fail at the site or must not travel. Mend each finding as it says, or explain it in the manifest: `[[accept]]` with `finding`, `about` and `because`."
    CARRIER_UNOPENED "carrier.unopened" NotAsWanted
        "The seal outside and every encrypted byte are right, and the content was not looked at, because no identity was given. Give one with `--identity`, or ask for no more with `--outer`."
    TRUST_DIFFERENT "trust.different" NotAsWanted
        "Two trust roots differ. What differs is on standard output."
    TRUST_FINDINGS "trust.findings" NotAsWanted
        "The trust root holds, and something about it should be looked at: it expires soon, or one key alone decides."
    CLI_OUTPUT "cli.output" CouldNot
        "Standard output could not be written, so what you see may be incomplete."
    CLI_INPUT "cli.input" CouldNot
        "Standard input, the terminal or a file descriptor could not be read."
    CLI_DEMO "cli.demo" CouldNot
        "The demonstration did not go as it should. That is a defect: please report it."
    FLEET_REFUSED "fleet.refused" NotBelieved
        "A receipt or request is not what the named key signed, or begins like one and is none. It was left out of everything that is shown. Ask the site for it again, by another way."
    FLEET_CONFLICTS "fleet.conflicts" NotAsWanted
        "Receipts and requests contradict each other, the clock or the trust root: a forked journal, two bundles with one number, a record from the future, keys and sites that do not go together, or a revoked bundle in use. Each is listed with what to do."
    FLEET_UNCHECKED "fleet.unchecked" NotAsWanted
        "Something was not checked, and is listed as such: records by a key that was not named with `--key`, files that could not be read, or bundles without an SBOM."
    FLEET_NOBODY "fleet.nobody" NotAsWanted
        "No SBOM of a bundle that a site holds has a component of that name and version. A misspelled name looks the same, so names that contain it are listed."
    DIFF_DIFFERENT "diff.different" NotAsWanted
        "The two are not the same. What differs is on standard output, the gravest first; `--all` shows every list to its end."
    DIFF_INCOMPLETE "diff.incomplete" Incomplete
        "All that was compared is the same, and something was not compared: it stands under `not compared`, with the reason. A lock, a receipt and a request have no content of their own; compare two bundles to know all."
    POLICY_VIOLATED "policy.violated" NotAsWanted
        "The bundle is not as the policy wants it. Each violation is listed with its rule. Mend it and pack again, or let approvers waive it for a reason and until a day: `sealift waive`."
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
