//! Error codes of the format, of trust, and of what every crate can run into.

crate::codes! {
    VALUE_DIGEST "value.digest" WrongUse
        "A digest is not `sha256:` followed by 64 lower-case hexadecimal digits. Copy it whole; shortened digests are never accepted."
    VALUE_PATH "value.path" WrongUse
        "A path has something in it that some system on the way would refuse or read differently. Rename the file; the message says which rule it breaks."
    VALUE_NAME "value.name" WrongUse
        "A name is not 1 to 64 characters of `a-z 0-9 . _ -` with a letter or digit at both ends. Names become file names on every system, so the rule is narrow."
    VALUE_IMAGE_NAME "value.image-name" WrongUse
        "An image reference does not follow `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`."
    VALUE_MOMENT "value.time" WrongUse
        "A time is not RFC 3339 in UTC and whole seconds, years 1970 to 9998, like `2026-11-22T06:00:00Z`."
    VALUE_SPOKEN "value.fingerprint" WrongUse
        "A fingerprint is typed as all ten words of it or as all 64 digits. A part of it is never accepted: whoever wants to deceive needs to match only that part."
    VALUE_REASON "value.reason" WrongUse
        "A reason is one line of 1 to 500 characters that can all be seen, with a letter or a digit among them. It goes into a signed document or a journal, where an auditor has to be able to read it."
    VALUE_PLATFORM "value.platform" WrongUse
        "A platform is not `OS/ARCHITECTURE` with an optional variant, like `linux/amd64` or `linux/arm64/v8`."
    SOURCE_MISSING "source.missing" WrongUse
        "A file, folder or image that the manifest or the lock names is not there."
    SOURCE_UNREADABLE "source.unreadable" CouldNot
        "A source is there and cannot be read: permissions, a failing disk, a vanished mount."
    SOURCE_CHANGED "source.changed" NotBelieved
        "A source is not what the lock pinned, or changed while it was read. Nothing was packed. If the change is wanted, run `sealift lock` and review it."
    SOURCE_DIGEST "source.digest" NotBelieved
        "A download does not have the SHA-256 that the manifest pins. Somebody changed the file or the pin; find out which before you go on."
    STORE_IO "store.io" CouldNot
        "The local store could not be read or written. Check the space and permissions of the folder named."
    BUNDLE_MISSING "bundle.missing" WrongUse
        "There is no bundle of that name. Check the path, and whether the medium is mounted."
    BUNDLE_READ "bundle.read" CouldNot
        "The medium or the pipe failed while the bundle was read. This says nothing about what was signed: try another drive, or copy the bundle anew."
    BUNDLE_WRITE "bundle.write" CouldNot
        "The bundle could not be written: disk full, read-only folder, failing disk. The unfinished file was removed; or the message says that the bundle is whole and only its folder could not be synced."
    BUNDLE_BUSY "bundle.busy" CouldNot
        "Another sealift writes the same bundle at this moment. Wait for it, or write to another folder."
    BUNDLE_EXISTS "bundle.exists" WrongUse
        "A bundle of that name is already there with other bytes. A bundle is never overwritten: raise the version, or move the old one away."
    BUNDLE_NOT_A_FILE "bundle.not-a-file" WrongUse
        "A bundle is read from a regular file, or from standard input with `-`. Links, folders, pipes by name and devices are not followed."
    BUNDLE_TRUNCATED "bundle.truncated" NotBelieved
        "The bundle ends too early: an interrupted copy or a medium that was pulled out. Copy it again."
    BUNDLE_TRAILING "bundle.trailing" NotBelieved
        "There is something behind the end of the bundle. Nothing may follow the two closing blocks, because nobody signed it. Zero bytes there are what raw devices, tapes and block copies add: cut them off at the byte that the message names, or read no further. Anything else was put there by somebody."
    BUNDLE_HEADER "bundle.header" NotBelieved
        "A member of the bundle is missing, extra, doubled, reordered or damaged: its 512-byte header is not the one that belongs here."
    BUNDLE_PADDING "bundle.padding" NotBelieved
        "The bytes that fill a member up to a full block are not zero. Nobody signed them, so they may hold nothing."
    BUNDLE_DIGEST "bundle.digest" NotBelieved
        "A member of the bundle does not have the digest that was signed: damaged on the way, or changed. Copy the bundle again; if it persists, treat the source as suspect."
    BUNDLE_CHANGED "bundle.changed" NotBelieved
        "The bundle file was rewritten while the command read it: what was verified at first is no longer what the file holds. Nothing was published. Copy the bundle to a disk that only you can write to, and run the command again."
    BUNDLE_SIZE "bundle.size" NotBelieved
        "Something in the bundle does not have the size that was signed."
    BUNDLE_FORMAT "bundle.format" NotBelieved
        "A document in the bundle is not in its one canonical form: unknown or doubled keys, other types, other order, other white space."
    BUNDLE_VERSION "bundle.version" NotBelieved
        "The bundle says it is of a format or type this build does not know. A newer sealift may read it."
    BUNDLE_LIMIT "bundle.limit" NotBelieved
        "A number in the bundle is above its ceiling. FORMAT.md lists the ceilings; they keep a hostile bundle from using up the machine."
    BUNDLE_TREE "bundle.tree" NotBelieved
        "The list of a tree's entries breaks a rule: order, doubled names, a path that cannot travel, a link that leaves the tree."
    BUNDLE_FRAME "bundle.frame" NotBelieved
        "A frame is not exactly one zstd frame of the announced size with a window of at most 8 MiB."
    BUNDLE_IMAGE "bundle.image" NotBelieved
        "An image in the bundle is described in a way that could be read differently by other tools: unknown media types, foreign layers, nesting too deep."
    CARRIER_ENCRYPTED "carrier.encrypted" WrongUse
        "The bundle is encrypted, and this command reads only what is not. `verify` and `unpack` decrypt with `--identity`, from the file whose seal lies beside it."
    CARRIER_SEAL "carrier.seal" WrongUse
        "An encrypted bundle travels with a second file, its seal, called as it and `.seal`. Without that, nothing says who made it, and nothing is decrypted."
    CARRIER_RECIPIENT "carrier.recipient" WrongUse
        "A recipient is not the public half of an age identity, `age1...`, or there are none or too many. Recipients of ssh keys and plugins are not taken."
    CARRIER_IDENTITY "carrier.identity" WrongUse
        "An identity file cannot be used, none was given, or the bundle is encrypted to somebody else."
    CARRIER_FORMAT "carrier.format" NotBelieved
        "Packers signed the encrypted file, and it is not one: no binary age file, damaged before it was signed, or with another bundle inside than the seal outside says."
    TRUST_MISSING "trust.missing" WrongUse
        "The trust root named is not there. Get it from whoever runs the signing, by another way than the bundle, and compare its fingerprint with a person."
    TRUST_FORMAT "trust.format" NotBelieved
        "A trust root or seal is not in its canonical form."
    TRUST_LIMIT "trust.limit" NotBelieved
        "A trust root, a chain of roots or a seal is larger than its ceiling."
    TRUST_ROOT "trust.root" NotBelieved
        "A trust root breaks a rule: thresholds that cannot be met, keys listed twice, unknown key types, versions that skip, or too few signatures of the roots before and after."
    TRUST_FOREIGN "trust.foreign" NotBelieved
        "The bundle was sealed under another trust root than the one you gave. It may be for another organisation, or an attempt to bring its own trust."
    TRUST_UNFINISHED "trust.unfinished" NotBelieved
        "The last line of the trust root file is a proposal: a next version that too few root keys have signed. Nobody believes it until enough keys of the version before it and of itself have; `sealift trust sign FILE --key KEY` adds a signature."
    TRUST_FINGERPRINT "trust.fingerprint" NotBelieved
        "The trust root is another one than the fingerprint that was typed. Either the fingerprint was misheard, or somebody put another trust root in its place. The right one comes from a person, never from the medium."
    TRUST_CHAIN "trust.chain" WrongUse
        "Bundles carry every version of the trust root from the first on, so that a site which missed some catches up. This file has only the newest. That is enough for a site, and not for packing and not for the next version."
    TRUST_CHANGE "trust.change" WrongUse
        "The trust root cannot be changed like that: a key that is not there or was revoked, a threshold that could no longer be met, a signature that would not count. Nothing was written."
    TRUST_KEY "trust.key" NotBelieved
        "A key cannot be used: a weak or malformed public key, a secret key whose public half differs, a derivation cost above the ceiling."
    TRUST_PASSPHRASE "trust.passphrase" WrongUse
        "The passphrase does not open the key file."
    TRUST_KEY_FILE "trust.key-file" WrongUse
        "A key file is missing, already there, readable by others, or not of the expected kind."
    TRUST_SIGNATURE "trust.signature" NotBelieved
        "A signature is not well formed, or the envelope is for another type of payload."
    TRUST_TAMPERED "trust.tampered" NotBelieved
        "A signature carries the id of a key you trust, and that key did not make it; or such a key made it, and it carries another id. This is not noise: the seal or what it covers was changed."
    TRUST_THRESHOLD "trust.threshold" NotBelieved
        "Too few keys of the role have signed. The message says who did, who is missing, and which signatures do not count."
    TRUST_UNAPPROVED "trust.unapproved" NotBelieved
        "The trust root demands approvals, and too few of those that came with the bundle count. The message says who is missing, and why an approval does not count: too old, for another bundle, without a condition that the policy asks for."
    TRUST_APPROVER "trust.approver" WrongUse
        "The key has no approver role for the scenario of this bundle, or the file of approvals named cannot be read."
    TRUST_PACKER "trust.packer" WrongUse
        "The key has no packer role for the scenario of this bundle, so its signature would not count."
    TRUST_REVOKED "trust.revoked" NotBelieved
        "The trust root revokes this bundle."
    TRUST_EPOCH "trust.epoch" NotBelieved
        "The bundle claims an epoch or a root version that its trust root does not have."
    TRUST_FUTURE "trust.future" NotBelieved
        "A trust root says it was made more than a day after now. Either the clock here is behind, or the root was made with a clock that was ahead; following it would make the site reject everything older for good."
    TRUST_EXPIRED "trust.expired" NotBelieved
        "The bundle or the trust root is past its expiry date. Check the clock; if it is right, ask for a newer bundle."
    TRUST_AGENT "trust.agent" CouldNot
        "The ssh-agent did not sign: it is not there, is locked, does not hold the key, refused, or gave something else than a signature of that key. Nothing was sealed."
    TRUST_ENTROPY "trust.entropy" CouldNot
        "The system gave no random bytes, so no key was made."
    AUDIT_NOT_FOUND "audit.not-found" WrongUse
        "The bundle has no such item or file. `sealift ls BUNDLE` shows what it has."
    CLI_USAGE "cli.usage" WrongUse
        "The command was called in a way that does not make sense."
    CLI_WRITE "cli.write" CouldNot
        "A file could not be written: no space, no permission, or the folder is not there. Nothing is half-written."
    INTERRUPTED "interrupted" Interrupted
        "You stopped it. Nothing is half-written; the same command can simply be run again."
}
