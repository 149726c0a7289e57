//! Evidence about one bundle: everything that shows who sealed and approved it and what became of it, in a directory that
//! can be checked without this program.
//!
//! ```text
//! TARGET/VERIFY.txt            what is here, and how each is checked
//! TARGET/SHA256SUMS.evidence   every other file
//! TARGET/seal/...              roots, seal, statement, SHA256SUMS and VERIFY.txt, byte for byte as in the bundle
//! TARGET/roots.dsse.jsonl      only where the trust root is newer than what the bundle brings, or does not certify all of it
//! TARGET/approvals.dsse.jsonl  the approvals that count
//! TARGET/keys/ID.pub           the public keys that these roots and receipts name, in PEM
//! TARGET/site/journal.jsonl    the journal of the site
//! TARGET/receipts/...  reports/...  sboms/...
//! ```

mod text;

use super::SiteError;
use super::handle::Site;
use super::journal::{Journal, JournalHead};
use super::receipt::{Receipt, Signed as _};
use super::staging::Staging;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::member;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::key::{KeyId, PublicKey};
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::trust::verify::WholeBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::rel_path::RelPath;
use sealift_bundle::value::size::ByteSize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The list of what was exported.
pub(crate) const LIST: &str = "SHA256SUMS.evidence";
/// How to check it.
pub const VERIFY: &str = "VERIFY.txt";
const APPROVALS: &str = "approvals.dsse.jsonl";
const ROOTS: &str = "roots.dsse.jsonl";
const JOURNAL: &str = "site/journal.jsonl";
/// Bytes of the largest file that is carried along.
const CARRIED: u64 = 64 << 20;
/// Bytes of the longest journal.
const LONGEST: u64 = 256 << 20;

/// A file that is carried along under its own name. No one certifies it.
#[derive(Debug, Clone)]
pub struct EvidenceFile {
    path: PathBuf,
    name: RelPath,
    bytes: Vec<u8>,
}

/// A receipt that the key of its site signed.
#[derive(Debug, Clone)]
pub struct Proven {
    file: EvidenceFile,
    receipt: Receipt,
    key: PublicKey,
}

/// What there is about a bundle.
pub struct Evidence<'a> {
    /// The bundle, verified as a whole: what is damaged is not evidence.
    pub bundle: &'a WholeBundle<'a>,
    /// The trust root that was named.
    pub pinned: &'a PinnedRoot,
    /// The approvals that came with it, one envelope a line.
    pub approvals: Vec<u8>,
    /// The site that has it, or had.
    pub site: Option<&'a Site>,
    /// What sites say they did with it.
    pub receipts: Vec<Proven>,
    /// Reports about it.
    pub reports: Vec<EvidenceFile>,
    /// SBOMs of it.
    pub sboms: Vec<EvidenceFile>,
    /// What puts it together.
    pub tool: String,
    /// The limits.
    pub limits: &'a Limits,
}

/// What was exported.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Exported {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The digest of the list of all: what someone may write down elsewhere.
    pub list: Digest,
    /// How many approvals count.
    pub approvals: u64,
    /// How many keys are there.
    pub keys: u64,
}

impl EvidenceFile {
    /// Reads a file to carry it along.
    pub fn read(path: &Path) -> Result<Self, SiteError> {
        let wrong = |reason: String| SiteError::Evidence { path: path.to_owned(), reason };
        let bytes = atomic_file::read_bounded(path, CARRIED)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > CARRIED {
            return Err(wrong(format!("is larger than {}", ByteSize(CARRIED))));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.parse().map_err(|error| wrong(format!("cannot travel: {error}")))?;
        Ok(Self { path: path.to_owned(), name, bytes })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn refuse(&self, reason: impl Into<String>) -> SiteError {
        SiteError::Evidence { path: self.path.clone(), reason: reason.into() }
    }
}

impl Proven {
    /// Reads a receipt and trusts it with one of these keys.
    pub fn read(path: &Path, keys: &[PublicKey], limits: &Limits) -> Result<Self, SiteError> {
        let file = EvidenceFile::read(path)?;
        let in_file = |error: TrustError| SiteError::Trust(error.in_file(path));
        let envelope = Receipt::envelope(&file.bytes, limits).map_err(in_file)?;
        let signer = envelope.signatures().first().map(|signature| signature.key_id);
        let key = keys.iter().find(|key| Some(key.id()) == signer);
        let key = key.ok_or_else(|| file.refuse("is signed by a key that was not named with `--key`"))?;
        let receipt = Receipt::read(&file.bytes, key, limits).map_err(in_file)?;
        Ok(Self { receipt, key: key.clone(), file })
    }
}

impl Evidence<'_> {
    /// Writes all of it into a directory that is new or empty; nothing is there before everything is written.
    ///
    /// The bytes follow from what is given: no clock is asked.
    pub fn export(&self, target: &Path) -> Result<Exported, SiteError> {
        let staging = Staging::beside(target)?;
        let mut files = BTreeMap::new();
        for name in [member::ROOTS, member::SEAL, member::STATEMENT, member::SHA256SUMS, member::VERIFY] {
            files.insert(name.to_owned(), self.bundle.member(name)?.to_vec());
        }
        let roots = self.roots(&mut files)?;
        if roots.is_apart {
            files.insert(ROOTS.to_owned(), roots.bytes.clone());
        }
        let approvals = self.approvals()?;
        if !approvals.is_empty() {
            files.insert(APPROVALS.to_owned(), approvals.concat());
        }
        let journal = self.journal()?;
        let mut keys: BTreeMap<KeyId, PublicKey> = BTreeMap::new();
        for version in roots.file.versions() {
            keys.extend(version.proposal().keys().iter().map(|key| (key.id(), key.public().clone())));
        }
        for proven in &self.receipts {
            self.belongs(proven, journal.as_ref())?;
            keys.insert(proven.key.id(), proven.key.clone());
        }
        for (id, key) in &keys {
            files.insert(format!("keys/{id}.pub"), key.to_pem().into_bytes());
        }
        let receipts = self.receipts.iter().map(|proven| ("receipts", &proven.file));
        let reports = self.reports.iter().map(|report| ("reports", report));
        for (folder, file) in receipts.chain(reports).chain(self.sboms.iter().map(|sbom| ("sboms", sbom))) {
            if files.insert(format!("{folder}/{}", file.name), file.bytes.clone()).is_some() {
                return Err(file.refuse("has the name of another file that was named"));
            }
        }
        files.insert(VERIFY.to_owned(), self.text(&roots, approvals.len(), journal.as_ref()).into_bytes());
        if let Some(journal) = journal {
            files.insert(JOURNAL.to_owned(), journal.bytes);
        }
        let mut list = String::new();
        for (name, bytes) in &files {
            list += &format!("{}  {name}\n", Digest::of(bytes).hex());
        }
        let (approvals, keys) = (approvals.len() as u64, keys.len() as u64);
        let digest = Digest::of(list.as_bytes());
        files.insert(LIST.to_owned(), list.into_bytes());
        write(&staging, &files)?;
        staging.publish()?;
        let bytes = files.values().map(|bytes| bytes.len() as u64).sum();
        Ok(Exported { files: files.len() as u64, bytes, list: digest, approvals, keys })
    }

    /// The roots that lead to the one that the seal was verified with.
    ///
    /// Those of the bundle go along if the trust root that was named certifies each of them. Where it begins later than
    /// they do, nothing shows that the earlier ones are genuine, and they are left out.
    fn roots(&self, files: &mut BTreeMap<String, Vec<u8>>) -> Result<Roots, SiteError> {
        let verified = self.bundle.trusted.root().file();
        let carried = files.get(member::ROOTS).map(Vec::as_slice).unwrap_or_default();
        let file = RootFile::parse(carried, self.limits)?;
        let first = |file: &RootFile| file.versions().next().map(|first| first.proposal().version());
        let is_carried = first(&file) == first(verified);
        if is_carried && file.fingerprint() == verified.fingerprint() {
            return Ok(Roots { bytes: carried.to_vec(), file, is_carried, is_apart: false });
        }
        if !is_carried {
            files.remove(member::ROOTS);
        }
        Ok(Roots { bytes: verified.encode()?, file: verified.clone(), is_carried, is_apart: true })
    }

    /// The approvals that count, one a line.
    fn approvals(&self) -> Result<Vec<Vec<u8>>, SiteError> {
        let counted: BTreeSet<_> =
            self.bundle.trusted.approvals().approved.iter().map(|approved| approved.digest).collect();
        let mut lines = BTreeSet::new();
        for line in self.approvals.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let envelope = Envelope::parse(line, PayloadType::Approval, self.limits)?;
            if counted.contains(&envelope.payload_digest()) {
                lines.insert([line, b"\n"].concat());
            }
        }
        Ok(lines.into_iter().collect())
    }

    /// The journal of the site, if it speaks of the bundle.
    fn journal(&self) -> Result<Option<Exporting>, SiteError> {
        let Some(site) = self.site else { return Ok(None) };
        let path = site.journal();
        let refuse = |reason: String| SiteError::Evidence { path: path.clone(), reason };
        if site.journal_len > LONGEST {
            return Err(refuse(format!("is longer than {}", ByteSize(LONGEST))));
        }
        let mut bytes = atomic_file::read_bounded(&path, LONGEST)
            .map_err(|source| SiteError::JournalRead { path: path.clone(), source })?;
        // What was written since the site was looked at is not part of it.
        bytes.truncate(usize::try_from(site.journal_len).unwrap_or(usize::MAX));
        let mut heads = Vec::new();
        let mut speaks = false;
        let id = self.bundle.trusted.id();
        let journal = Journal::follow(bytes.as_slice(), &path, |entry, head| {
            heads.push(head.digest);
            speaks |= entry.act.statement() == Some(id);
        })?;
        if journal.head != site.head {
            return Err(SiteError::JournalFork { entry: site.head.entries });
        }
        if !speaks {
            return Err(refuse("never speaks of this bundle: it was not brought to that site".to_owned()));
        }
        Ok(Some(Exporting { bytes, heads }))
    }

    /// Refuses a receipt about another bundle, or one that the journal does not bear out.
    fn belongs(&self, proven: &Proven, journal: Option<&Exporting>) -> Result<(), SiteError> {
        let Proven { file, receipt, .. } = proven;
        if receipt.bundle.statement != self.bundle.trusted.id() {
            return Err(file.refuse(format!("is about another bundle, {}", receipt.bundle)));
        }
        let (Some(site), Some(journal)) = (self.site, journal) else { return Ok(()) };
        if receipt.site != site.state.site {
            // Another site has another journal, which is not here.
            return Ok(());
        }
        if site.state.key != Some(proven.key.id()) {
            return Err(file.refuse("is not signed by the key that the site was set up with"));
        }
        match [receipt.entry, receipt.journal].iter().find(|head| !journal.has(head)) {
            Some(head) => {
                Err(file.refuse(format!("names an entry {} that the journal does not have", head.entries)))
            }
            None => Ok(()),
        }
    }
}

/// Roots from the first that is known to the newest.
struct Roots {
    bytes: Vec<u8>,
    file: RootFile,
    /// Whether those in the bundle are in the directory.
    is_carried: bool,
    /// Whether they are others than those in the bundle.
    is_apart: bool,
}

/// A journal that goes along.
struct Exporting {
    bytes: Vec<u8>,
    /// The digest of each line.
    heads: Vec<Digest>,
}

impl Exporting {
    fn has(&self, head: &JournalHead) -> bool {
        let at = head.entries.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.heads.get(at)) == Some(&head.digest)
    }
}

fn write(staging: &Staging, files: &BTreeMap<String, Vec<u8>>) -> Result<(), SiteError> {
    let path = |name: &str| name.parse::<RelPath>().map_err(super::unpack::path_error);
    let mut folders = BTreeSet::new();
    for (name, bytes) in files {
        let name = path(name)?;
        if let Some(folder) = name.parent().filter(|folder| folders.insert((*folder).to_owned())) {
            staging.folder(&path(folder)?)?;
        }
        staging.file(&name, false)?.write_all(bytes).map_err(|source| staging.failed(&name, source))?;
    }
    for folder in &folders {
        staging.close_folder(&path(folder)?)?;
    }
    staging.complete()
}
