//! Error codes of manifests, locks and sources.

sealift_bundle::codes! {
    MANIFEST_SYNTAX "manifest.syntax" WrongUse
        "The manifest or lock is not TOML, or a value has the wrong type. The drawing shows the place."
    MANIFEST_UNKNOWN_KEY "manifest.unknown-key" WrongUse
        "The manifest has a key that no table of this format has. It is refused instead of ignored, because an ignored key is content that silently does not travel."
    MANIFEST_VALUE "manifest.value" WrongUse
        "A value in the manifest breaks a rule of its type: a name, a digest, a pattern, an address."
    MANIFEST_ITEM "manifest.item" WrongUse
        "An item has no source, several sources, or keys that do not go together."
    MANIFEST_DUPLICATE "manifest.duplicate" WrongUse
        "Two items have the same name. A name is how people and tools point at an item, so it is unique over all kinds."
    MANIFEST_CHOICE "manifest.choice" WrongUse
        "A manifest can have variants, of which one travels, features, of which some do, and audiences, which do not get everything. What was asked for is not among them, or does not go together."
    MANIFEST_MISSING "manifest.missing" WrongUse
        "There is no manifest of that name. `sealift init FILE` writes one from what lies in the folder."
    MANIFEST_EXISTS "manifest.exists" WrongUse
        "`init` overwrites nothing, neither a manifest nor what a scenario brings along. Name another file, or one in another folder, or move away what is in the way."
    LOCK_MISSING "lock.missing" WrongUse
        "Packing reads only the lock, and there is none beside the manifest. Run `sealift lock MANIFEST`."
    LOCK_STALE "lock.stale" WrongUse
        "The manifest has changed since the lock was written, so the lock does not say what it would pin now. Run `sealift lock MANIFEST` and review the difference."
    LOCK_SYNTAX "lock.syntax" WrongUse
        "The lock is damaged or was written by hand. Run `sealift lock MANIFEST` again."
    SOURCE_EMPTY "source.empty" WrongUse
        "A source matches nothing. An item without content is almost always a wrong path or pattern."
    SOURCE_TYPE "source.type" WrongUse
        "A tree holds something that is neither a file, a folder nor a link inside the tree: a FIFO, a socket, a device. It cannot travel."
    SOURCE_LFS "source.lfs" WrongUse
        "A file of a source is a pointer of Git LFS: a short text in the place of a large file that is kept elsewhere. It would arrive instead of the file. Fetch the files with `git lfs pull` in a clone, and name that folder with `path`."
    SOURCE_OUTSIDE "source.outside" NotBelieved
        "A link in a source, or an address in a document that was downloaded, leads out of the place that the manifest names: to another file of this machine, or to a weaker protocol. It is not followed, because whoever made the source would decide what of this machine ends up in the bundle."
    SOURCE_NAME "source.name" WrongUse
        "A name in a tree would be refused or read differently by some system on the way: not UTF-8, reserved on Windows, invisible characters."
    SOURCE_LINK "source.link" WrongUse
        "A symbolic link leaves its tree, points at nothing in it, or points at another link. Links travel only when they mean the same thing everywhere."
    SOURCE_COLLISION "source.collision" WrongUse
        "Two names in one folder are one name on a file system that ignores case or Unicode form. One of them would be lost there."
    SOURCE_IMAGE "source.image" NotBelieved
        "An image source is not a well-formed OCI layout or docker archive, or a blob in it does not have the digest or size that its manifest states."
    SOURCE_FETCH "source.fetch" CouldNot
        "A download failed. The next run goes on where it stopped, if the server can do that; files already in the store are not fetched again."
    SOURCE_LIMIT "source.limit" WrongUse
        "A source is larger or has more parts than a bundle can hold. FORMAT.md lists the ceilings. Split it into several items or bundles."
}
