//! Error codes of the format, of trust, and those that all crates share.

crate::codes! {
    VALUE_DIGEST "value.digest" Usage
        "A digest is `sha256:` followed by 64 lower-case hexadecimal digits. Copy it whole; shortened digests are never accepted."
    VALUE_PATH "value.path" Usage
        "A path contains something that a system on the way would reject or read differently. Rename the file; the message names the rule."
    VALUE_NAME "value.name" Usage
        "A name has 1 to 64 characters of `a-z 0-9 . _ -`, with a letter or digit at both ends. Names become file names on every system, so the rule is narrow."
    VALUE_IMAGE_NAME "value.image-name" Usage
        "An image reference does not follow `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`."
    VALUE_MOMENT "value.time" Usage
        "A time is RFC 3339 in UTC and whole seconds, years 1970 to 9998, like `2026-11-22T06:00:00Z`."
    VALUE_SPOKEN "value.fingerprint" Usage
        "A fingerprint has to be typed whole: all ten words or all 64 digits. A part is never accepted, because an attacker would have to match only that part."
    VALUE_REASON "value.reason" Usage
        "A reason is one line of 1 to 500 visible characters with at least one letter or digit. It goes into a signed document or a journal, where an auditor has to be able to read it."
    VALUE_PLATFORM "value.platform" Usage
        "A platform is `OS/ARCHITECTURE` with an optional variant, like `linux/amd64` or `linux/arm64/v8`."
    SOURCE_MISSING "source.missing" Usage
        "A file, directory or image that the manifest or the lock names was not found."
    SOURCE_UNREADABLE "source.unreadable" Failed
        "A source exists but cannot be read: permissions, a failing disk or a lost mount."
    SOURCE_CHANGED "source.changed" Rejected
        "A source differs from the lock, or changed while it was read. Nothing was packed. If the change is intended, run `sealift lock` and review the lock."
    SOURCE_DIGEST "source.digest" Rejected
        "A download does not have the SHA-256 that the manifest pins. Either the file or the pin was changed; find out which before you continue."
    STORE_IO "store.io" Failed
        "The local store could not be read or written. Check free space and permissions of the directory named."
    BUNDLE_MISSING "bundle.missing" Usage
        "The bundle was not found. Check the path, and that the medium is mounted."
    BUNDLE_READ "bundle.read" Failed
        "The medium or the pipe failed while the bundle was read. The signatures are not in question: try another drive, or copy the bundle again."
    BUNDLE_WRITE "bundle.write" Failed
        "The bundle could not be written: disk full, read-only directory or failing disk. The unfinished file was removed, unless the message says that the bundle is complete and only its directory could not be synced."
    BUNDLE_BUSY "bundle.busy" Failed
        "Another sealift process is writing the same bundle. Wait for it, or write to another directory."
    BUNDLE_EXISTS "bundle.exists" Usage
        "A bundle with that name and different content already exists. Bundles are never overwritten: raise the version, or move the old one away."
    BUNDLE_NOT_A_FILE "bundle.not-a-file" Usage
        "A bundle is read from a regular file, or from standard input with `-`. Links, directories, named pipes and devices are not followed."
    BUNDLE_TRUNCATED "bundle.truncated" Rejected
        "The bundle ends too early: the copy was interrupted or the medium was removed. Copy it again."
    BUNDLE_TRAILING "bundle.trailing" Rejected
        "Nothing may follow the two closing blocks of a bundle, because it would not be signed. Raw devices, tapes and block copies add zero bytes: cut them off at the byte that the message names, or read only up to it. Anything else was added deliberately."
    BUNDLE_HEADER "bundle.header" Rejected
        "A member of the bundle is missing, extra, duplicated, reordered or damaged: its 512-byte header is not the expected one."
    BUNDLE_PADDING "bundle.padding" Rejected
        "The padding of a member is not zero. Padding is not signed, so it must not carry data."
    BUNDLE_DIGEST "bundle.digest" Rejected
        "A member of the bundle does not have the signed digest: it was damaged or changed on the way. Copy the bundle again; if the error persists, treat the source as suspect."
    BUNDLE_CHANGED "bundle.changed" Rejected
        "The bundle file was rewritten while the command read it, so it no longer contains what was verified. Nothing was published. Copy the bundle to a disk that only you can write to, and re-run the command."
    BUNDLE_SIZE "bundle.size" Rejected
        "Something in the bundle does not have the signed size."
    BUNDLE_FORMAT "bundle.format" Rejected
        "A document in the bundle is not in canonical form: unknown or duplicate keys, other types, another order or white space."
    BUNDLE_VERSION "bundle.version" Rejected
        "The bundle has a format or type that this version does not support. A newer sealift may read it."
    BUNDLE_LIMIT "bundle.limit" Rejected
        "A number in the bundle exceeds its limit. FORMAT.md lists the limits; they keep a hostile bundle from exhausting the machine."
    BUNDLE_TREE "bundle.tree" Rejected
        "The list of a tree's entries breaks a rule: order, duplicate names, a path that is not portable, or a link that leads out of the tree."
    BUNDLE_FRAME "bundle.frame" Rejected
        "A frame is not exactly one zstd frame of the announced size with a window of at most 8 MiB."
    BUNDLE_IMAGE "bundle.image" Rejected
        "Other tools could read a description of an image in the bundle differently: unknown media types, foreign layers or nesting that is too deep."
    CARRIER_ENCRYPTED "carrier.encrypted" Usage
        "The bundle is encrypted, and this command reads only plaintext bundles. `verify` and `unpack` decrypt with `--identity`; the seal file has to be in the same directory."
    CARRIER_SEAL "carrier.seal" Usage
        "An encrypted bundle travels with a second file, its seal: the same name with `.seal` appended. Without it the origin is unknown, and nothing is decrypted."
    CARRIER_RECIPIENT "carrier.recipient" Usage
        "A recipient is not the public half of an age identity (`age1...`), or there are none or too many. SSH keys and plugins are not supported as recipients."
    CARRIER_IDENTITY "carrier.identity" Usage
        "An identity file cannot be used, none was given, or the bundle is encrypted to other recipients."
    CARRIER_FORMAT "carrier.format" Rejected
        "Packers signed this file, but it is not a valid encrypted bundle: not a binary age file, damaged before it was signed, or it contains another bundle than the outer seal says."
    TRUST_MISSING "trust.missing" Usage
        "The trust root was not found. Get it from the administrators of your signing keys, not from the medium that carries the bundle, and compare its fingerprint with them."
    TRUST_FORMAT "trust.format" Rejected
        "A trust root or seal is not in its canonical form."
    TRUST_LIMIT "trust.limit" Rejected
        "A trust root, a chain of roots or a seal exceeds its size limit."
    TRUST_ROOT "trust.root" Rejected
        "A trust root breaks a rule: thresholds that cannot be met, duplicate keys, unknown key types, skipped versions, or not enough signatures of the roots before and after."
    TRUST_FOREIGN "trust.foreign" Rejected
        "The bundle was sealed under a different trust root than the one you gave. It may be meant for another organization, or be an attempt to bring its own trust root."
    TRUST_UNFINISHED "trust.unfinished" Rejected
        "The last line of the root file is a proposal: a next version without enough signatures. It is not trusted until enough root keys of the previous version and of the new one have signed it; `sealift trust sign FILE --key KEY` adds a signature."
    TRUST_FINGERPRINT "trust.fingerprint" Rejected
        "The trust root does not match the fingerprint that was typed. Either the fingerprint was misheard, or the trust root was replaced. Get the right fingerprint from the administrators of your signing keys, never from the medium."
    TRUST_CHAIN "trust.chain" Usage
        "Bundles carry every version of the trust root, so that a site that missed some can catch up. This file has only the newest version, which is enough for a site but not for packing or for making the next version."
    TRUST_CHANGE "trust.change" Usage
        "The trust root cannot be changed like this: a key is missing or revoked, a threshold could no longer be met, or a signature would not count. Nothing was written."
    TRUST_KEY "trust.key" Rejected
        "A key cannot be used: a weak or malformed public key, a secret key that does not match its public key, or a key derivation cost above the limit."
    TRUST_PASSPHRASE "trust.passphrase" Usage
        "The passphrase does not open the key file."
    TRUST_KEY_FILE "trust.key-file" Usage
        "A key file is missing, already exists, is readable by others, or is not of a supported type."
    TRUST_SIGNATURE "trust.signature" Rejected
        "A signature is malformed, or the envelope has another payload type."
    TRUST_TAMPERED "trust.tampered" Rejected
        "A signature carries the id of a trusted key that did not make it, or a trusted key made it under another id. This is tampering: the seal or its content was changed."
    TRUST_THRESHOLD "trust.threshold" Rejected
        "Not enough keys of the role have signed. The message says who signed, who is missing, and which signatures do not count."
    TRUST_UNAPPROVED "trust.unapproved" Rejected
        "The trust root demands approvals, and not enough of those that came with the bundle count. The message says who is missing and why an approval does not count: too old, for another bundle, or without a required condition."
    TRUST_APPROVER "trust.approver" Usage
        "The key has no approver role for the scenario of this bundle, or the file of approvals cannot be read."
    TRUST_PACKER "trust.packer" Usage
        "The key has no packer role for the scenario of this bundle, so its signature would not count."
    TRUST_REVOKED "trust.revoked" Rejected
        "The trust root revokes this bundle."
    TRUST_EPOCH "trust.epoch" Rejected
        "The bundle has an epoch or requires a root version that its trust root does not have."
    TRUST_FUTURE "trust.future" Rejected
        "A trust root was created more than a day in the future. Either this clock is behind, or the root was made with a clock that was ahead; following it would make the site reject everything older for good."
    TRUST_EXPIRED "trust.expired" Rejected
        "The bundle or the trust root has expired. Check the clock; if it is right, ask for a newer bundle."
    TRUST_AGENT "trust.agent" Failed
        "The ssh-agent did not sign: it is not running, is locked, does not hold the key, refused, or returned a signature of another key. Nothing was sealed."
    TRUST_ENTROPY "trust.entropy" Failed
        "The system returned no random bytes, so no key was created."
    AUDIT_NOT_FOUND "audit.not-found" Usage
        "The bundle has no such item or file. `sealift ls BUNDLE` lists them."
    CLI_USAGE "cli.usage" Usage
        "The command line is invalid."
    CLI_WRITE "cli.write" Failed
        "A file could not be written: no space, no permission, or the directory is missing. Nothing was half-written."
    INTERRUPTED "interrupted" Interrupted
        "The command was interrupted. Nothing was half-written; run the same command again."
}
