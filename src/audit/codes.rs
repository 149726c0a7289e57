//! Error codes of analyses, policies and scans.

sealift_bundle::codes! {
    AUDIT_SCAN_ENGINE "audit.scan-engine" CouldNot
        "The malware engine is not there, or failed before it was done. What it did not see stands in the ledger as not seen; nothing can be concluded about it."
    AUDIT_SCAN_FOUND "audit.scan-found" NotAsWanted
        "The malware engine of this site knows something in the bundle. The seal is a separate matter: it says who made the bundle, not that it is harmless. The ledger has path, digest and the engine's name for each."
    AUDIT_SCAN_INCOMPLETE "audit.scan-incomplete" NotAsWanted
        "The malware engine found nothing, and did not see everything: leaves above its limits, encrypted, damaged or nested too deep, or archives of a kind that sealift does not open. The ledger names each with its bytes and the reason; whether that is good enough is for a person to decide."
    AUDIT_SCAN_SELF_TEST "audit.scan-self-test" NotAsWanted
        "A marker that the engine should know was not found where sealift feeds it. The engine does not know the marker, or its limits are lower than `--max-size` says, and then it calls files clean that it did not read to their end."
    VULNERABILITY_READ "vulnerability.read" CouldNot
        "A folder of OSV records, or a file in it, or a document of openvex.dev could not be read: it is not there, may not be read, is a link, or the disk fails."
    VULNERABILITY_DATA "vulnerability.data" NotBelieved
        "A file in the folder of OSV records is no record or no archive of records, or is too large; or there is none at all. Nothing was compared: with a part of the data, nobody would know what is missing."
    VULNERABILITY_VEX "vulnerability.vex" NotBelieved
        "A document of openvex.dev breaks its specification, or says that something is not affected and not why. Nothing of it was used."
    POLICY_READ "policy.read" WrongUse
        "A policy, a ledger of a scan or a file of waivers that was named is not there, or cannot be read."
    POLICY_FORM "policy.form" WrongUse
        "The policy is not TOML, has a key that no policy has, or a value that breaks its rule. An unknown key is refused instead of ignored: an ignored key is a rule that silently is not there."
    POLICY_LEDGER "policy.ledger" NotBelieved
        "A ledger is not what `sealift scan` writes."
    FLEET_FOLDER "fleet.folder" WrongUse
        "The folder with receipts and requests cannot be read, or there is more below it than sealift looks at. Name a folder that has only what the sites sent."
}
