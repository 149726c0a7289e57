//! Error codes of manifests, locks and sources.

sealift_bundle::codes! {
    MANIFEST_SYNTAX "manifest.syntax" Usage
        "The manifest or lock is not valid TOML, or a value has the wrong type. The message marks the place."
    MANIFEST_UNKNOWN_KEY "manifest.unknown-key" Usage
        "The manifest has an unknown key. It is rejected instead of ignored, because an ignored key would silently leave out content."
    MANIFEST_VALUE "manifest.value" Usage
        "A value in the manifest is invalid: a name, a digest, a pattern or an address."
    MANIFEST_ITEM "manifest.item" Usage
        "An item has no source, several sources, or keys that cannot be combined."
    MANIFEST_DUPLICATE "manifest.duplicate" Usage
        "Two items have the same name. Items are referred to by name, so it is unique over all kinds."
    MANIFEST_CHOICE "manifest.choice" Usage
        "A manifest can have variants, of which one is packed; features, of which some are; and audiences, which do not get everything. The requested ones do not exist or cannot be combined."
    MANIFEST_MISSING "manifest.missing" Usage
        "The manifest was not found. `sealift init FILE` creates one from the files in the directory."
    MANIFEST_EXISTS "manifest.exists" Usage
        "`init` never overwrites a manifest or the files of a scenario. Choose another file name or directory, or move the existing files away."
    LOCK_MISSING "lock.missing" Usage
        "Packing reads only the lock, and there is none beside the manifest. Run `sealift lock MANIFEST`."
    LOCK_STALE "lock.stale" Usage
        "The manifest has changed since the lock was written. Run `sealift lock MANIFEST` and review the difference."
    LOCK_SYNTAX "lock.syntax" Usage
        "The lock is damaged or was edited by hand. Run `sealift lock MANIFEST` again."
    SOURCE_EMPTY "source.empty" Usage
        "A source matches no files. An empty item almost always has a wrong path or pattern."
    SOURCE_TYPE "source.type" Usage
        "A tree contains something other than files, directories and links inside the tree: a FIFO, a socket or a device. It cannot be packed."
    SOURCE_LFS "source.lfs" Usage
        "A file of a source is a Git LFS pointer: a short text in place of a large file that is stored elsewhere. Fetch the files with `git lfs pull` in a clone, and use that directory as `path`."
    SOURCE_OUTSIDE "source.outside" Rejected
        "A link in a source, or an address in a downloaded document, leads out of the place that the manifest names: to another file of this machine, or to a weaker protocol. It is not followed, because the author of the source would then decide which files of this machine end up in the bundle."
    SOURCE_NAME "source.name" Usage
        "A system on the way would reject a name in a tree or read it differently: not UTF-8, reserved on Windows, or invisible characters."
    SOURCE_LINK "source.link" Usage
        "A symbolic link leaves its tree, points at nothing in it, or points at another link. Only links that mean the same everywhere can be packed."
    SOURCE_COLLISION "source.collision" Usage
        "Two names in one directory are the same on a file system that ignores case or Unicode form. One of them would be lost there."
    SOURCE_IMAGE "source.image" Rejected
        "An image source is not a valid OCI layout or Docker archive, or a blob in it does not have the digest or size that its manifest states."
    SOURCE_FETCH "source.fetch" Failed
        "A download failed. The next run resumes it if the server supports that; files already in the store are not fetched again."
    SOURCE_LIMIT "source.limit" Usage
        "A source is larger or has more parts than a bundle may have. FORMAT.md lists the limits. Split it into several items or bundles."
}
