//! Error codes of sites.

sealift_bundle::codes! {
    SITE_TARGET "site.target" WrongUse
        "The target exists and is not an empty folder, or is a link. Unpacking never writes over anything: name a new folder."
    SITE_PARENT "site.parent" WrongUse
        "The folder that would hold the target is missing, or it, the site or a folder above belongs to another user or can be written by others, who could swap what is put there. Choose a folder that only you can write to."
    SITE_SPACE "site.space" CouldNot
        "There is not enough space or there are not enough inodes for what the bundle holds. Nothing was written."
    SITE_BUSY "site.busy" CouldNot
        "Another sealift unpacks to the same target at this moment."
    SITE_FOLDER "site.folder" WrongUse
        "There is no site in the folder, there is one already, or its file system has no links."
    SITE_UNFINISHED "site.unfinished" CouldNot
        "An act was decided and written down, and could not be carried out to its end: a full or failing disk. What is in use is whole, old or new. The next command that changes the site finishes it first."
    SITE_READ "site.read" CouldNot
        "A file of the site cannot be read: permissions or a failing disk."
    SITE_STATE "site.state" NotBelieved
        "What the site remembers is missing, damaged, or older than its journal: changed by hand, or brought back from a backup. It is never taken for a first run, because that would let an old bundle in. `sealift site recover` sets it up again from the journal, for a reason that is recorded."
    SITE_JOURNAL "site.journal" NotBelieved
        "The journal was changed, cut short, or is another one than the site wrote. Compare it with an export, or its head with what was written down or stands in a receipt."
    SITE_JOURNAL_WRITE "site.journal-write" CouldNot
        "The journal cannot be written, so nothing is installed: what cannot be recorded does not happen."
    SITE_ROOT "site.root" NotBelieved
        "The trust root is not the one that the site's journal names, or its epoch does not leave the numbers of before behind."
    SITE_SCENARIO "site.scenario" NotBelieved
        "The bundle is for a scenario that this site does not take."
    SITE_ROLLBACK "site.rollback" NotBelieved
        "The number of the bundle is lower than one the site has had, or jumps so far that every number in between would be lost. An old bundle has old faults, so it is let in only when an approver signs for exactly this one."
    SITE_EQUIVOCATION "site.equivocation" NotBelieved
        "Two different bundles have the same number in the same epoch. A packer never does that, so somebody else may hold the keys."
    SITE_RELEASE "site.release" WrongUse
        "The scenario or the release asked for is not installed at this site."
    SITE_RELEASE_CHANGED "site.release-changed" NotAsWanted
        "The files of a release are not those that were installed: changed, missing or added since, or the list of them was changed. `sealift status SITE --deep` names each; `sealift install SITE BUNDLE --repair` restores them from the bundle."
    SITE_PARAMETERS "site.parameters" WrongUse
        "The file of parameters cannot be read, says something that the bundle does not ask for, has a value of another format, or leaves a value out. It is flat TOML, `name = \"text\"`, and can set the parameters of the bundle and nothing else."
    SITE_RENDERING "site.rendering" NotAsWanted
        "A template of the bundle cannot be filled in: it names a parameter that is not declared, is no template, is too large, or does more than a template may do. The bundle is what its packer made; the packer has to mend it. Nothing was changed."
    SITE_WRITE "site.write" CouldNot
        "Writing failed: disk full, quota, permissions, failing disk. The staging folder was removed and the target is as it was before; or the message says that the target is whole and only its folder could not be synced."
    DOCTOR_LOOK "doctor.look" CouldNot
        "The folder, or the file system it lies in, could not be looked at, so nothing is known about it."
    DOCTOR_PROBLEMS "doctor.problems" NotAsWanted
        "Something stands in the way of unpacking there. Each problem is listed with what to do about it; nothing was changed."
    EVIDENCE_INPUT "evidence.input" WrongUse
        "What was named for the evidence is not about this bundle, has no name that travels, or is too large. Evidence has only what belongs together."
}
