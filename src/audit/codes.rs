//! Error codes of analyses, policies and scans.

sealift_bundle::codes! {
    AUDIT_SCAN_ENGINE "audit.scan-engine" Failed
        "The malware scanner was not found, or failed before it finished. The ledger lists what was not scanned; nothing can be concluded about it."
    AUDIT_SCAN_FOUND "audit.scan-found" Findings
        "The malware scanner found something in the bundle. The seal is a separate matter: it says who made the bundle, not that it is harmless. The ledger has path, digest and the scanner's name for each finding."
    AUDIT_SCAN_INCOMPLETE "audit.scan-incomplete" Findings
        "The malware scanner found nothing, but did not see everything: files above its limits, encrypted, damaged or nested too deep, or unsupported archives. The ledger lists each with its size and the reason; decide whether that is acceptable."
    AUDIT_SCAN_SELF_TEST "audit.scan-self-test" Findings
        "The scanner did not find a marker that it should know. Either it has no signature for the marker, or its limits are lower than `--max-size`; then it reports files as clean that it did not read completely."
    VULNERABILITY_READ "vulnerability.read" Failed
        "A directory of OSV records, a file in it, or an OpenVEX document could not be read: missing, no permission, a link, or a failing disk."
    VULNERABILITY_DATA "vulnerability.data" Rejected
        "A file in the directory of OSV records is invalid or too large, or there are no records at all. Nothing was compared, because with partial data it would be unclear what is missing."
    VULNERABILITY_VEX "vulnerability.vex" Rejected
        "A document does not follow OpenVEX, or marks something as not affected without a justification. Nothing of it was used."
    POLICY_READ "policy.read" Usage
        "A policy, a scan ledger or a file of waivers was not found or cannot be read."
    POLICY_FORM "policy.form" Usage
        "The policy is not valid TOML, or has an unknown key or an invalid value. An unknown key is rejected instead of ignored, because an ignored key would be a rule that is silently not checked."
    POLICY_LEDGER "policy.ledger" Rejected
        "The file is not a ledger written by `sealift scan`."
    FLEET_FOLDER "fleet.folder" Usage
        "The directory with receipts and requests cannot be read, or contains too much. Name a directory that contains only what the sites sent."
}
