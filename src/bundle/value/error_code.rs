//! Every error code, what it means and what to do: the whole English of failure on one page.

use std::fmt;
use std::process::ExitCode;

/// What a caller can do about an error; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It could not be done: disk, network, permission. Exit code 1.
    CouldNot,
    /// Wrong use: flags, manifest, a file missing by name. Exit code 2.
    WrongUse,
    /// Not believed: signature, digest, policy, format. Exit code 3.
    NotBelieved,
    /// Believed, but not as wanted: findings, differences. Exit code 4.
    NotAsWanted,
    /// Incomplete: a volume or the base is missing. Exit code 5.
    Incomplete,
    /// Interrupted by a person; nothing is half-written. Exit code 130.
    Interrupted,
}

impl Class {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::CouldNot => 1,
            Self::WrongUse => 2,
            Self::NotBelieved => 3,
            Self::NotAsWanted => 4,
            Self::Incomplete => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Class> for ExitCode {
    fn from(class: Class) -> Self {
        Self::from(class.exit())
    }
}

/// An error that a person or a script can act on.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// Its stable code.
    fn code(&self) -> Code;

    /// The next step, as a command or an action, where one is known.
    fn hint(&self) -> Option<String>;
}

macro_rules! codes {
    ($($name:ident $text:literal $class:ident $explanation:literal)*) => {
        /// A stable, dotted error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $explanation] $name,)* }

        impl Code {
            /// Every code, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What a caller can do about it.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// What it means and what to do, for `sealift explain`.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$name => $explanation,)* }
            }
        }
    };
}

codes! {
    ValueDigest "value.digest" WrongUse
        "A digest is not `sha256:` followed by 64 lower-case hexadecimal digits. Copy it whole; shortened digests are never accepted."
    ValuePath "value.path" WrongUse
        "A path has something in it that some system on the way would refuse or read differently. Rename the file; the message says which rule it breaks."
    ValueName "value.name" WrongUse
        "A name is not 1 to 64 characters of `a-z 0-9 . _ -` with a letter or digit at both ends. Names become file names on every system, so the rule is narrow."
    ValueImageName "value.image-name" WrongUse
        "An image reference does not follow `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`."
    ValueMoment "value.time" WrongUse
        "A time is not RFC 3339 in UTC and whole seconds, years 1970 to 9998, like `2026-11-22T06:00:00Z`."
    ValueSpoken "value.fingerprint" WrongUse
        "A fingerprint is typed as all ten words of it or as all 64 digits. A part of it is never accepted: whoever wants to deceive needs to match only that part."
    ValueReason "value.reason" WrongUse
        "A reason is one line of 1 to 500 characters that can all be seen, with a letter or a digit among them. It goes into a signed document or a journal, where an auditor has to be able to read it."
    ValuePlatform "value.platform" WrongUse
        "A platform is not `OS/ARCHITECTURE` with an optional variant, like `linux/amd64` or `linux/arm64/v8`."

    ManifestSyntax "manifest.syntax" WrongUse
        "The manifest or lock is not TOML, or a value has the wrong type. The drawing shows the place."
    ManifestUnknownKey "manifest.unknown-key" WrongUse
        "The manifest has a key that no table of this format has. It is refused instead of ignored, because an ignored key is content that silently does not travel."
    ManifestValue "manifest.value" WrongUse
        "A value in the manifest breaks a rule of its type: a name, a digest, a pattern, an address."
    ManifestItem "manifest.item" WrongUse
        "An item has no source, several sources, or keys that do not go together."
    ManifestDuplicate "manifest.duplicate" WrongUse
        "Two items have the same name. A name is how people and tools point at an item, so it is unique over all kinds."
    ManifestChoice "manifest.choice" WrongUse
        "A manifest can have variants, of which one travels, features, of which some do, and audiences, which do not get everything. What was asked for is not among them, or does not go together."
    ManifestMissing "manifest.missing" WrongUse
        "There is no manifest of that name. `sealift init FILE` writes one from what lies in the folder."
    ManifestExists "manifest.exists" WrongUse
        "`init` overwrites nothing, neither a manifest nor what a scenario brings along. Name another file, or one in another folder, or move away what is in the way."
    CheckFindings "check.findings" NotAsWanted
        "`sealift check` found something that would fail at the site or must not travel. Mend each finding as it says, or explain it in the manifest: `[[accept]]` with `finding`, `about` and `because`."
    LockMissing "lock.missing" WrongUse
        "Packing reads only the lock, and there is none beside the manifest. Run `sealift lock MANIFEST`."
    LockStale "lock.stale" WrongUse
        "The manifest has changed since the lock was written, so the lock does not say what it would pin now. Run `sealift lock MANIFEST` and review the difference."
    LockSyntax "lock.syntax" WrongUse
        "The lock is damaged or was written by hand. Run `sealift lock MANIFEST` again."
    SourceMissing "source.missing" WrongUse
        "A file, folder or image that the manifest or the lock names is not there."
    SourceEmpty "source.empty" WrongUse
        "A source matches nothing. An item without content is almost always a wrong path or pattern."
    SourceUnreadable "source.unreadable" CouldNot
        "A source is there and cannot be read: permissions, a failing disk, a vanished mount."
    SourceChanged "source.changed" NotBelieved
        "A source is not what the lock pinned, or changed while it was read. Nothing was packed. If the change is wanted, run `sealift lock` and review it."
    SourceType "source.type" WrongUse
        "A tree holds something that is neither a file, a folder nor a link inside the tree: a FIFO, a socket, a device. It cannot travel."
    SourceLfs "source.lfs" WrongUse
        "A file of a source is a pointer of Git LFS: a short text in the place of a large file that is kept elsewhere. It would arrive instead of the file. Fetch the files with `git lfs pull` in a clone, and name that folder with `path`."
    SourceOutside "source.outside" NotBelieved
        "A link in a source, or an address in a document that was downloaded, leads out of the place that the manifest names: to another file of this machine, or to a weaker protocol. It is not followed, because whoever made the source would decide what of this machine ends up in the bundle."
    SourceName "source.name" WrongUse
        "A name in a tree would be refused or read differently by some system on the way: not UTF-8, reserved on Windows, invisible characters."
    SourceLink "source.link" WrongUse
        "A symbolic link leaves its tree, points at nothing in it, or points at another link. Links travel only when they mean the same thing everywhere."
    SourceCollision "source.collision" WrongUse
        "Two names in one folder are one name on a file system that ignores case or Unicode form. One of them would be lost there."
    SourceImage "source.image" NotBelieved
        "An image source is not a well-formed OCI layout or docker archive, or a blob in it does not have the digest or size that its manifest states."
    SourceDigest "source.digest" NotBelieved
        "A download does not have the SHA-256 that the manifest pins. Somebody changed the file or the pin; find out which before you go on."
    SourceFetch "source.fetch" CouldNot
        "A download failed. The next run goes on where it stopped, if the server can do that; files already in the store are not fetched again."
    SourceLimit "source.limit" WrongUse
        "A source is larger or has more parts than a bundle can hold. FORMAT.md lists the ceilings. Split it into several items or bundles."
    StoreIo "store.io" CouldNot
        "The local store could not be read or written. Check the space and permissions of the folder named."

    BundleMissing "bundle.missing" WrongUse
        "There is no bundle of that name. Check the path, and whether the medium is mounted."
    BundleRead "bundle.read" CouldNot
        "The medium or the pipe failed while the bundle was read. This says nothing about what was signed: try another drive, or copy the bundle anew."
    BundleWrite "bundle.write" CouldNot
        "The bundle could not be written: disk full, read-only folder, failing disk. The unfinished file was removed; or the message says that the bundle is whole and only its folder could not be synced."
    BundleBusy "bundle.busy" CouldNot
        "Another sealift writes the same bundle at this moment. Wait for it, or write to another folder."
    BundleExists "bundle.exists" WrongUse
        "A bundle of that name is already there with other bytes. A bundle is never overwritten: raise the version, or move the old one away."
    BundleNotAFile "bundle.not-a-file" WrongUse
        "A bundle is read from a regular file, or from standard input with `-`. Links, folders, pipes by name and devices are not followed."
    BundleTruncated "bundle.truncated" NotBelieved
        "The bundle ends too early: an interrupted copy or a medium that was pulled out. Copy it again."
    BundleTrailing "bundle.trailing" NotBelieved
        "There is something behind the end of the bundle. Nothing may follow the two closing blocks, because nobody signed it. Zero bytes there are what raw devices, tapes and block copies add: cut them off at the byte that the message names, or read no further. Anything else was put there by somebody."
    BundleHeader "bundle.header" NotBelieved
        "A member of the bundle is missing, extra, doubled, reordered or damaged: its 512-byte header is not the one that belongs here."
    BundlePadding "bundle.padding" NotBelieved
        "The bytes that fill a member up to a full block are not zero. Nobody signed them, so they may hold nothing."
    BundleDigest "bundle.digest" NotBelieved
        "A member of the bundle does not have the digest that was signed: damaged on the way, or changed. Copy the bundle again; if it persists, treat the source as suspect."
    BundleChanged "bundle.changed" NotBelieved
        "The bundle file was rewritten while the command read it: what was verified at first is no longer what the file holds. Nothing was published. Copy the bundle to a disk that only you can write to, and run the command again."
    BundleSize "bundle.size" NotBelieved
        "Something in the bundle does not have the size that was signed."
    BundleFormat "bundle.format" NotBelieved
        "A document in the bundle is not in its one canonical form: unknown or doubled keys, other types, other order, other white space."
    BundleVersion "bundle.version" NotBelieved
        "The bundle says it is of a format or type this build does not know. A newer sealift may read it."
    BundleLimit "bundle.limit" NotBelieved
        "A number in the bundle is above its ceiling. FORMAT.md lists the ceilings; they keep a hostile bundle from using up the machine."
    BundleTree "bundle.tree" NotBelieved
        "The list of a tree's entries breaks a rule: order, doubled names, a path that cannot travel, a link that leaves the tree."
    BundleFrame "bundle.frame" NotBelieved
        "A frame is not exactly one zstd frame of the announced size with a window of at most 8 MiB."
    BundleImage "bundle.image" NotBelieved
        "An image in the bundle is described in a way that could be read differently by other tools: unknown media types, foreign layers, nesting too deep."

    CarrierEncrypted "carrier.encrypted" WrongUse
        "The bundle is encrypted, and this command reads only what is not. `verify` and `unpack` decrypt with `--identity`, from the file whose seal lies beside it."
    CarrierSeal "carrier.seal" WrongUse
        "An encrypted bundle travels with a second file, its seal, called as it and `.seal`. Without that, nothing says who made it, and nothing is decrypted."
    CarrierRecipient "carrier.recipient" WrongUse
        "A recipient is not the public half of an age identity, `age1...`, or there are none or too many. Recipients of ssh keys and plugins are not taken."
    CarrierIdentity "carrier.identity" WrongUse
        "An identity file cannot be used, none was given, or the bundle is encrypted to somebody else."
    CarrierFormat "carrier.format" NotBelieved
        "Packers signed the encrypted file, and it is not one: no binary age file, damaged before it was signed, or with another bundle inside than the seal outside says."
    CarrierUnopened "carrier.unopened" NotAsWanted
        "The seal outside and every encrypted byte are right, and the content was not looked at, because no identity was given. Give one with `--identity`, or ask for no more with `--outer`."

    TrustMissing "trust.missing" WrongUse
        "The trust root named is not there. Get it from whoever runs the signing, by another way than the bundle, and compare its fingerprint with a person."
    TrustFormat "trust.format" NotBelieved
        "A trust root or seal is not in its canonical form."
    TrustLimit "trust.limit" NotBelieved
        "A trust root, a chain of roots or a seal is larger than its ceiling."
    TrustRoot "trust.root" NotBelieved
        "A trust root breaks a rule: thresholds that cannot be met, keys listed twice, unknown key types, versions that skip, or too few signatures of the roots before and after."
    TrustForeign "trust.foreign" NotBelieved
        "The bundle was sealed under another trust root than the one you gave. It may be for another organisation, or an attempt to bring its own trust."
    TrustUnfinished "trust.unfinished" NotBelieved
        "The last line of the trust root file is a proposal: a next version that too few root keys have signed. Nobody believes it until enough keys of the version before it and of itself have; `sealift trust sign FILE --key KEY` adds a signature."
    TrustFingerprint "trust.fingerprint" NotBelieved
        "The trust root is another one than the fingerprint that was typed. Either the fingerprint was misheard, or somebody put another trust root in its place. The right one comes from a person, never from the medium."
    TrustChain "trust.chain" WrongUse
        "Bundles carry every version of the trust root from the first on, so that a site which missed some catches up. This file has only the newest. That is enough for a site, and not for packing and not for the next version."
    TrustChange "trust.change" WrongUse
        "The trust root cannot be changed like that: a key that is not there or was revoked, a threshold that could no longer be met, a signature that would not count. Nothing was written."
    TrustDifferent "trust.different" NotAsWanted
        "Two trust roots differ. What differs is on standard output."
    TrustFindings "trust.findings" NotAsWanted
        "The trust root holds, and something about it should be looked at: it expires soon, or one key alone decides."
    TrustKey "trust.key" NotBelieved
        "A key cannot be used: a weak or malformed public key, a secret key whose public half differs, a derivation cost above the ceiling."
    TrustPassphrase "trust.passphrase" WrongUse
        "The passphrase does not open the key file."
    TrustKeyFile "trust.key-file" WrongUse
        "A key file is missing, already there, readable by others, or not of the expected kind."
    TrustSignature "trust.signature" NotBelieved
        "A signature is not well formed, or the envelope is for another type of payload."
    TrustTampered "trust.tampered" NotBelieved
        "A signature carries the id of a key you trust, and that key did not make it; or such a key made it, and it carries another id. This is not noise: the seal or what it covers was changed."
    TrustThreshold "trust.threshold" NotBelieved
        "Too few keys of the role have signed. The message says who did, who is missing, and which signatures do not count."
    TrustUnapproved "trust.unapproved" NotBelieved
        "The trust root demands approvals, and too few of those that came with the bundle count. The message says who is missing, and why an approval does not count: too old, for another bundle, without a condition that the policy asks for."
    TrustApprover "trust.approver" WrongUse
        "The key has no approver role for the scenario of this bundle, or the file of approvals named cannot be read."
    TrustPacker "trust.packer" WrongUse
        "The key has no packer role for the scenario of this bundle, so its signature would not count."
    TrustRevoked "trust.revoked" NotBelieved
        "The trust root revokes this bundle."
    TrustEpoch "trust.epoch" NotBelieved
        "The bundle claims an epoch or a root version that its trust root does not have."
    TrustFuture "trust.future" NotBelieved
        "A trust root says it was made more than a day after now. Either the clock here is behind, or the root was made with a clock that was ahead; following it would make the site reject everything older for good."
    TrustExpired "trust.expired" NotBelieved
        "The bundle or the trust root is past its expiry date. Check the clock; if it is right, ask for a newer bundle."
    TrustAgent "trust.agent" CouldNot
        "The ssh-agent did not sign: it is not there, is locked, does not hold the key, refused, or gave something else than a signature of that key. Nothing was sealed."
    TrustEntropy "trust.entropy" CouldNot
        "The system gave no random bytes, so no key was made."

    SiteTarget "site.target" WrongUse
        "The target exists and is not an empty folder, or is a link. Unpacking never writes over anything: name a new folder."
    SiteParent "site.parent" WrongUse
        "The folder that would hold the target is missing, or it, the site or a folder above belongs to another user or can be written by others, who could swap what is put there. Choose a folder that only you can write to."
    SiteSpace "site.space" CouldNot
        "There is not enough space or there are not enough inodes for what the bundle holds. Nothing was written."
    SiteBusy "site.busy" CouldNot
        "Another sealift unpacks to the same target at this moment."
    SiteFolder "site.folder" WrongUse
        "There is no site in the folder, there is one already, or its file system has no links."
    SiteUnfinished "site.unfinished" CouldNot
        "An act was decided and written down, and could not be carried out to its end: a full or failing disk. What is in use is whole, old or new. The next command that changes the site finishes it first."
    SiteRead "site.read" CouldNot
        "A file of the site cannot be read: permissions or a failing disk."
    SiteState "site.state" NotBelieved
        "What the site remembers is missing, damaged, or older than its journal: changed by hand, or brought back from a backup. It is never taken for a first run, because that would let an old bundle in. `sealift site recover` sets it up again from the journal, for a reason that is recorded."
    SiteJournal "site.journal" NotBelieved
        "The journal was changed, cut short, or is another one than the site wrote. Compare it with an export, or its head with what was written down or stands in a receipt."
    SiteJournalWrite "site.journal-write" CouldNot
        "The journal cannot be written, so nothing is installed: what cannot be recorded does not happen."
    SiteRoot "site.root" NotBelieved
        "The trust root is not the one that the site's journal names, or its epoch does not leave the numbers of before behind."
    SiteScenario "site.scenario" NotBelieved
        "The bundle is for a scenario that this site does not take."
    SiteRollback "site.rollback" NotBelieved
        "The number of the bundle is lower than one the site has had, or jumps so far that every number in between would be lost. An old bundle has old faults, so it is let in only when an approver signs for exactly this one."
    SiteEquivocation "site.equivocation" NotBelieved
        "Two different bundles have the same number in the same epoch. A packer never does that, so somebody else may hold the keys."
    SiteRelease "site.release" WrongUse
        "The scenario or the release asked for is not installed at this site."
    SiteReleaseChanged "site.release-changed" NotAsWanted
        "The files of a release are not those that were installed: changed, missing or added since, or the list of them was changed. `sealift status SITE --deep` names each; `sealift install SITE BUNDLE --repair` restores them from the bundle."
    SiteParameters "site.parameters" WrongUse
        "The file of parameters cannot be read, says something that the bundle does not ask for, has a value of another format, or leaves a value out. It is flat TOML, `name = \"text\"`, and can set the parameters of the bundle and nothing else."
    SiteRendering "site.rendering" NotAsWanted
        "A template of the bundle cannot be filled in: it names a parameter that is not declared, is no template, is too large, or does more than a template may do. The bundle is what its packer made; the packer has to mend it. Nothing was changed."
    SiteWrite "site.write" CouldNot
        "Writing failed: disk full, quota, permissions, failing disk. The staging folder was removed and the target is as it was before; or the message says that the target is whole and only its folder could not be synced."

    DoctorLook "doctor.look" CouldNot
        "The folder, or the file system it lies in, could not be looked at, so nothing is known about it."
    DoctorProblems "doctor.problems" NotAsWanted
        "Something stands in the way of unpacking there. Each problem is listed with what to do about it; nothing was changed."

    RegistryName "registry.name" WrongUse
        "An image reference does not say which registry it is in. Short names mean different images on different machines, so none is guessed."
    RegistryFailed "registry.failed" CouldNot
        "A registry could not be reached or failed while it answered. What has arrived is kept, and the next run goes on from there."
    RegistryMissing "registry.missing" WrongUse
        "A registry does not have the repository, tag or blob that was asked for. Some registries also say this to those who may not see it."
    RegistryDenied "registry.denied" CouldNot
        "A registry wants to know who asks, or does not allow it to whoever asks. Credentials are taken from where `podman login` and `docker login` keep them."
    RegistryContent "registry.content" NotBelieved
        "A registry sent something else than what was asked for: another digest, another length, or a document that is no manifest. Nothing of it was kept."
    RegistryCredentials "registry.credentials" WrongUse
        "A file of credentials or a credential helper cannot be used."
    RegistryCertificates "registry.certificates" WrongUse
        "A file of certificates cannot be read or holds none."
    RegistryProxy "registry.proxy" WrongUse
        "A request would go through a proxy that an environment variable names and that cannot be used: its address is no `http://HOST:PORT`, or it is a SOCKS proxy. `NO_PROXY` names hosts that are reached without a proxy; loopback always is."
    RegistryRefused "registry.refused" NotAsWanted
        "The registry did not take all of the bundle's images, or not all that refers to them. The message and `mapping.json` say what arrived and what is missing."

    AuditNotFound "audit.not-found" WrongUse
        "The bundle has no such item or file. `sealift ls BUNDLE` shows what it has."

    CliUsage "cli.usage" WrongUse
        "The command was called in a way that does not make sense."
    CliWrite "cli.write" CouldNot
        "A file could not be written: no space, no permission, or the folder is not there. Nothing is half-written."
    CliOutput "cli.output" CouldNot
        "Standard output could not be written, so what you see may be incomplete."
    CliInput "cli.input" CouldNot
        "Standard input, the terminal or a file descriptor could not be read."
    CliDemo "cli.demo" CouldNot
        "The demonstration did not go as it should. That is a defect: please report it."
    Interrupted "interrupted" Interrupted
        "You stopped it. Nothing is half-written; the same command can simply be run again."

    ServeListen "serve.listen" CouldNot
        "The address could not be listened on: another program has it, this machine does not have it, or a port below 1024 needs more rights."
    ServeTls "serve.tls" WrongUse
        "The certificate or the key for TLS cannot be used: not PEM, without a certificate or a private key, or the two do not belong together."
    ServeConflict "serve.conflict" WrongUse
        "Two of the bundles give one name to different things. Whoever pulls by that name would not know what comes, so nothing is served. Serve one of the two, or each at an address of its own."

    FleetFolder "fleet.folder" WrongUse
        "The folder with receipts and requests cannot be read, or there is more below it than sealift looks at. Name a folder that has only what the sites sent."
    FleetRefused "fleet.refused" NotBelieved
        "A receipt or request is not what the named key signed, or begins like one and is none. It was left out of everything that is shown. Ask the site for it again, by another way."
    FleetConflicts "fleet.conflicts" NotAsWanted
        "Receipts and requests contradict each other, the clock or the trust root: a forked journal, two bundles with one number, a record from the future, keys and sites that do not go together, or a revoked bundle in use. Each is listed with what to do."
    FleetUnchecked "fleet.unchecked" NotAsWanted
        "Something was not checked, and is listed as such: records by a key that was not named with `--key`, files that could not be read, or bundles without an SBOM."
    FleetNobody "fleet.nobody" NotAsWanted
        "No SBOM of a bundle that a site holds has a component of that name and version. A misspelled name looks the same, so names that contain it are listed."
    EvidenceInput "evidence.input" WrongUse
        "What was named for the evidence is not about this bundle, has no name that travels, or is too large. Evidence has only what belongs together."
    AuditScanEngine "audit.scan-engine" CouldNot
        "The malware engine is not there, or failed before it was done. What it did not see stands in the ledger as not seen; nothing can be concluded about it."
    AuditScanFound "audit.scan-found" NotAsWanted
        "The malware engine of this site knows something in the bundle. The seal is a separate matter: it says who made the bundle, not that it is harmless. The ledger has path, digest and the engine's name for each."
    AuditScanIncomplete "audit.scan-incomplete" NotAsWanted
        "The malware engine found nothing, and did not see everything: leaves above its limits, encrypted, damaged or nested too deep, or archives of a kind that sealift does not open. The ledger names each with its bytes and the reason; whether that is good enough is for a person to decide."
    AuditScanSelfTest "audit.scan-self-test" NotAsWanted
        "A marker that the engine should know was not found where sealift feeds it. The engine does not know the marker, or its limits are lower than `--max-size` says, and then it calls files clean that it did not read to their end."
    DiffDifferent "diff.different" NotAsWanted
        "The two are not the same. What differs is on standard output, the gravest first; `--all` shows every list to its end."
    DiffIncomplete "diff.incomplete" Incomplete
        "All that was compared is the same, and something was not compared: it stands under `not compared`, with the reason. A lock, a receipt and a request have no content of their own; compare two bundles to know all."
    VulnerabilityRead "vulnerability.read" CouldNot
        "A folder of OSV records, or a file in it, or a document of openvex.dev could not be read: it is not there, may not be read, is a link, or the disk fails."
    VulnerabilityData "vulnerability.data" NotBelieved
        "A file in the folder of OSV records is no record or no archive of records, or is too large; or there is none at all. Nothing was compared: with a part of the data, nobody would know what is missing."
    VulnerabilityVex "vulnerability.vex" NotBelieved
        "A document of openvex.dev breaks its specification, or says that something is not affected and not why. Nothing of it was used."
    PolicyRead "policy.read" WrongUse
        "A policy, a ledger of a scan or a file of waivers that was named is not there, or cannot be read."
    PolicyForm "policy.form" WrongUse
        "The policy is not TOML, has a key that no policy has, or a value that breaks its rule. An unknown key is refused instead of ignored: an ignored key is a rule that silently is not there."
    PolicyLedger "policy.ledger" NotBelieved
        "A ledger is not what `sealift scan` writes."
    PolicyViolated "policy.violated" NotAsWanted
        "The bundle is not as the policy wants it. Each violation is listed with its rule. Mend it and pack again, or let approvers waive it for a reason and until a day: `sealift waive`."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_dotted_and_explained() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(
                code.as_str().bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-')),
                "{code}"
            );
            assert!(code.explanation().ends_with('.'), "{code}");
        }
    }
}
