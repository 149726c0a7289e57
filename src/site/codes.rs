//! Error codes of sites.

sealift_bundle::codes! {
    SITE_TARGET "site.target" Usage
        "The target exists and is not an empty directory, or is a link. Unpacking never overwrites anything: name a new directory."
    SITE_PARENT "site.parent" Usage
        "The parent directory of the target is missing; or it, the site or a directory above belongs to another user or is writable by others, who could replace what is written there. Choose a directory that only you can write to."
    SITE_SPACE "site.space" Failed
        "There is not enough space or there are not enough inodes for the bundle. Nothing was written."
    SITE_BUSY "site.busy" Failed
        "Another sealift process is unpacking to the same target."
    SITE_FOLDER "site.folder" Usage
        "The directory has no site, already has one, or its file system does not support links."
    SITE_UNFINISHED "site.unfinished" Failed
        "A transaction was recorded but could not be finished because the disk is full or failing. The release in use is complete, either the old or the new one. The next command that changes the site finishes the transaction first."
    SITE_READ "site.read" Failed
        "A file of the site cannot be read: permissions or a failing disk."
    SITE_STATE "site.state" Rejected
        "The state of the site is missing, damaged or older than its journal: edited by hand or restored from a backup. It is never treated as a first run, because that would let an old bundle in. `sealift site recover` rebuilds it from the journal and records a reason."
    SITE_JOURNAL "site.journal" Rejected
        "The journal was changed, truncated or replaced. Compare it with an export, or its last entry with one that was written down or is in a receipt."
    SITE_JOURNAL_WRITE "site.journal-write" Failed
        "The journal cannot be written, so nothing is installed: every change has to be recorded."
    SITE_ROOT "site.root" Rejected
        "The trust root is not the one that the journal of the site names, or its epoch is not above the earlier ones."
    SITE_SCENARIO "site.scenario" Rejected
        "The bundle is for a scenario that this site does not accept."
    SITE_ROLLBACK "site.rollback" Rejected
        "The number of the bundle is lower than one the site has had, or skips so many that all numbers in between would be lost. An old bundle has old vulnerabilities, so it is accepted only when an approver signs for exactly this one."
    SITE_EQUIVOCATION "site.equivocation" Rejected
        "Two different bundles have the same number in the same epoch. A packer never does that, so the keys may be compromised."
    SITE_RELEASE "site.release" Usage
        "The requested scenario or release is not installed at this site."
    SITE_RELEASE_CHANGED "site.release-changed" Findings
        "The files of a release differ from what was installed: changed, missing or added, or their list was changed. `sealift status SITE --deep` names each; `sealift install SITE BUNDLE --repair` restores them from the bundle."
    SITE_PARAMETERS "site.parameters" Usage
        "The parameters file cannot be read, sets something that the bundle does not ask for, has a value in the wrong format, or lacks a value. It is flat TOML, `name = \"text\"`, and can set only the parameters of the bundle."
    SITE_RENDERING "site.rendering" Findings
        "A template of the bundle cannot be rendered: it uses an undeclared parameter, is not a valid template, is too large, or exceeds the limits for templates. The packer has to fix it. Nothing was changed."
    SITE_WRITE "site.write" Failed
        "Writing failed: disk full, quota, permissions or a failing disk. The staging directory was removed and the target is unchanged, unless the message says that the target is complete and only its directory could not be synced."
    DOCTOR_LOOK "doctor.look" Failed
        "The directory, or its file system, could not be inspected, so nothing is known about it."
    DOCTOR_PROBLEMS "doctor.problems" Findings
        "Something prevents unpacking there. Each problem is listed with what to do about it; nothing was changed."
    EVIDENCE_INPUT "evidence.input" Usage
        "A file named for the evidence is about another bundle, has a name that is not portable, or is too large. Evidence contains only what belongs to one bundle."
}
