//! Opens the two inputs of `sealift diff` and verifies each with its trust root or key.

use crate::cli::LIMITS;
use crate::cli::error::CliError;
use crate::cli::key::public;
use sealift_audit::diff::{DiffItem, Field, InputKind, Side, facts_of, say_referrers};
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::index::Index;
use sealift_bundle::format::member_reader;
use sealift_bundle::next_step;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::PayloadType;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::Progress;
use sealift_site::contents::FoundRelease;
use sealift_site::handle::Site;
use sealift_site::receipt::{Receipt, RenderedOutcome, Request, Signed};
use sealift_site::state::{Release, SiteScenario};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};

#[cfg(feature = "connected")]
use {
    sealift_audit::diff::{say_needs, say_selection},
    sealift_bundle::format::item::ItemKind,
    sealift_bundle::value::digest::Digest,
    sealift_plan::lock::Lock,
};

/// Number of bytes read to detect the kind of a file.
const HEAD: u64 = 4096;

/// The trust roots and keys to verify the inputs with.
pub(super) struct Whom<'a> {
    pub(super) trust: &'a [PathBuf],
    pub(super) keys: &'a [PathBuf],
    pub(super) scenario: Option<&'a Name>,
}

/// A bundle opened for the comparison, or borrowed from the caller.
pub(super) enum Held<'a> {
    Own(Box<OpenBundle<'a>>),
    Lent(&'a OpenBundle<'a>),
}

impl<'a> Deref for Held<'a> {
    type Target = OpenBundle<'a>;

    fn deref(&self) -> &OpenBundle<'a> {
        match self {
            Self::Own(place) => place,
            Self::Lent(place) => place,
        }
    }
}

/// One verified input.
pub(super) enum Opened<'a> {
    Bundle {
        place: Held<'a>,
        label: String,
    },
    #[cfg(feature = "connected")]
    Lock {
        lock: Box<Lock>,
        digest: Digest,
        label: String,
    },
    Site {
        site: Box<Site>,
        label: String,
        about: Option<Name>,
    },
    Receipt {
        receipt: Box<Receipt>,
        label: String,
    },
    Request {
        request: Box<Request>,
        label: String,
        about: Option<Name>,
    },
}

/// Detects the kind of a file by its first bytes.
fn kind_of(path: &Path) -> Result<InputKind, CliError> {
    if path.is_dir() {
        return Ok(InputKind::Site);
    }
    let mut head = Vec::new();
    member_reader::open(path)?.take(HEAD).read_to_end(&mut head).map_err(|source| input(path, source))?;
    let text = String::from_utf8_lossy(&head);
    let is_of = |kind: PayloadType| text.starts_with('{') && text.contains(kind.as_str());
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    Ok(if is_of(PayloadType::Receipt) {
        InputKind::Receipt
    } else if is_of(PayloadType::Request) {
        InputKind::Request
    } else if first.is_some_and(|line| line.starts_with("lock = ")) {
        InputKind::Lock
    } else {
        // For anything else, the bundle reader reports what is wrong.
        InputKind::Bundle
    })
}

fn input(path: &Path, source: std::io::Error) -> CliError {
    CliError::Input {
        what: format!("`{}`", path.display()),
        hint: "pass a bundle, a lock, a site, a receipt or a request",
        source,
    }
}

/// Assigns the values of a flag to the two inputs; `wants` says which of them need one.
fn shared<'a>(
    flag: &str,
    given: &'a [PathBuf],
    wants: [bool; 2],
) -> Result<[Option<&'a PathBuf>; 2], CliError> {
    let wanted = wants.into_iter().filter(|wants| *wants).count();
    let wrong = |message: String| CliError::Usage { message, hint: None };
    match (given, wanted) {
        ([], _) => Ok([None, None]),
        ([_, ..], 0) => Err(wrong(format!("`{flag}` is given, but neither input needs it"))),
        ([one], _) => Ok(wants.map(|wants| wants.then_some(one))),
        ([first, second], 2) => Ok([Some(first), Some(second)]),
        _ => Err(wrong(format!("`{flag}` is given {} times: expected at most {wanted}", given.len()))),
    }
}

/// Opens both inputs. A bundle compared with a site is verified with the site's pinned trust root, unless another is given.
pub(super) fn both<'a>(
    whom: &Whom<'_>,
    paths: [&PathBuf; 2],
    conditions: Conditions<'a>,
) -> Result<[Opened<'a>; 2], CliError> {
    let [from, to] = paths;
    let kinds = [kind_of(from)?, kind_of(to)?];
    let [trust_from, trust_to] = shared("--trust", whom.trust, kinds.map(|kind| kind == InputKind::Bundle))?;
    let signed = kinds.map(|kind| matches!(kind, InputKind::Receipt | InputKind::Request));
    let [key_from, key_to] = shared("--key", whom.keys, signed)?;
    let mut pinned = None;
    for (kind, path) in kinds.into_iter().zip(paths) {
        if kind == InputKind::Site {
            pinned = Some(Site::look(path, &LIMITS)?.root);
        }
    }
    let open = |kind, path: &PathBuf, trust, key| one(kind, path, trust, key, pinned.as_ref(), conditions);
    let [kind_from, kind_to] = kinds;
    let both = [open(kind_from, from, trust_from, key_from)?, open(kind_to, to, trust_to, key_to)?];
    let scenario = whom.scenario.cloned().or_else(|| both.iter().find_map(Opened::scenario));
    Ok(both.map(|one| one.about(scenario.clone())))
}

/// Opens the older input for a bundle that is already open; reopening that bundle could yield a replaced file.
pub(super) fn older<'a>(
    path: &Path,
    trust: &PathBuf,
    newer: &Opened<'_>,
    conditions: Conditions<'a>,
) -> Result<Opened<'a>, CliError> {
    let opened = one(kind_of(path)?, path, Some(trust), None, None, conditions)?;
    Ok(opened.about(newer.scenario()))
}

fn one<'a>(
    kind: InputKind,
    path: &Path,
    trust: Option<&PathBuf>,
    key: Option<&PathBuf>,
    pinned: Option<&PinnedRoot>,
    conditions: Conditions<'a>,
) -> Result<Opened<'a>, CliError> {
    let label = path.to_string_lossy().into_owned();
    Ok(match kind {
        InputKind::Bundle => {
            let root = match (trust, pinned) {
                (Some(path), _) => PinnedRoot::open(path, &LIMITS)?,
                (None, Some(pinned)) => pinned.clone(),
                (None, None) => return Err(nobody("a bundle", "--trust ROOT", "its trust root")),
            };
            let place = OpenBundle::open(member_reader::open(path)?, &root, conditions)?;
            Opened::Bundle { place: Held::Own(Box::new(place)), label }
        }
        InputKind::Site => Opened::Site { site: Box::new(Site::look(path, &LIMITS)?), label, about: None },
        InputKind::Lock => lock(path, &label)?,
        InputKind::Receipt => Opened::Receipt { receipt: Box::new(signed(path, key, "a receipt")?), label },
        InputKind::Request => {
            Opened::Request { request: Box::new(signed(path, key, "a request")?), label, about: None }
        }
    })
}

fn nobody(what: &str, flag: &str, whose: &str) -> CliError {
    CliError::Usage {
        message: format!("cannot verify {what}: `{flag}` is missing"),
        hint: Some(next_step![format!("pass {whose}: `{flag}`")]),
    }
}

fn signed<T: Signed>(path: &Path, key: Option<&PathBuf>, what: &str) -> Result<T, CliError> {
    let key = key.ok_or_else(|| nobody(what, "--key PUB", "the public key of the site"))?;
    let limit = LIMITS.record.saturating_mul(2);
    let bytes = atomic_file::read_bounded(path, limit).map_err(|source| input(path, source))?;
    Ok(T::read(&bytes, &public(key)?, &LIMITS).map_err(|error| error.in_file(path))?)
}

#[cfg(feature = "connected")]
fn lock<'a>(path: &Path, label: &str) -> Result<Opened<'a>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| input(path, source))?;
    let digest = Digest::of(text.as_bytes());
    Ok(Opened::Lock { lock: Box::new(Lock::parse(&text, label)?), digest, label: label.to_owned() })
}

#[cfg(not(feature = "connected"))]
fn lock<'a>(_: &Path, label: &str) -> Result<Opened<'a>, CliError> {
    Err(CliError::Usage {
        message: format!("cannot read lock `{label}`: this build does not support locks"),
        hint: Some(next_step!["compare bundles, or use the build for the connected side"]),
    })
}

impl Opened<'_> {
    /// The warnings about this input.
    pub(super) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Bundle { place, label } => {
                let said = place.trusted.warnings().iter();
                said.map(|warning| format!("{label}: {warning}")).collect()
            }
            Self::Receipt { receipt, label } if receipt.outcome == RenderedOutcome::Drilled => {
                vec![format!("{label}: receipt of a drill, the bundle was not installed")]
            }
            Self::Receipt { receipt, label }
                if receipt.current.is_some_and(|current| current != receipt.bundle.statement) =>
            {
                vec![format!("{label}: another bundle was in use when it was made")]
            }
            _ => Vec::new(),
        }
    }

    /// The scenario, if the input has exactly one.
    pub(super) fn scenario(&self) -> Option<Name> {
        match self {
            Self::Bundle { place, .. } => Some(place.trusted.statement().predicate.scenario.clone()),
            #[cfg(feature = "connected")]
            Self::Lock { lock, .. } => Some(lock.bundle.scenario.clone()),
            Self::Receipt { receipt, .. } => Some(receipt.scenario.clone()),
            Self::Site { about, .. } | Self::Request { about, .. } => about.clone(),
        }
    }

    /// The same input, restricted to this scenario if it has several.
    fn about(mut self, scenario: Option<Name>) -> Self {
        match &mut self {
            Self::Site { about, .. } | Self::Request { about, .. } => *about = scenario,
            #[cfg(feature = "connected")]
            Self::Lock { .. } => {}
            Self::Bundle { .. } | Self::Receipt { .. } => {}
        }
        self
    }

    /// Whether the content of its files is available.
    pub(super) fn has_content(&self) -> bool {
        matches!(self, Self::Bundle { .. } | Self::Site { .. })
    }

    /// Reads a file of a tree.
    pub(super) fn read(&self, item: &Name, path: &str) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        match self {
            // Larger files are not compared line by line.
            Self::Bundle { place, .. } => {
                bytes = place.read_file(item.as_str(), path, sealift_audit::diff::TEXT)?.into_inner();
            }
            Self::Site { site, about, .. } => {
                let scenario = site.state.meant(about.as_ref())?;
                let folder = site.release(&scenario.name, &scenario.current);
                // An item name is unique across the three kinds.
                for kind in ["doc", "config", "file"] {
                    let file = folder.join(kind).join(item.as_str()).join(path);
                    if file.symlink_metadata().is_ok() {
                        bytes = atomic_file::read_bounded(&file, sealift_audit::diff::TEXT)
                            .map_err(|source| input(&file, source))?;
                    }
                }
            }
            #[cfg(feature = "connected")]
            Self::Lock { .. } => {}
            Self::Receipt { .. } | Self::Request { .. } => {}
        }
        Ok(bytes)
    }

    /// The comparable content of the input.
    pub(super) fn side(&self, watch: &dyn Progress) -> Result<Side, CliError> {
        match self {
            Self::Bundle { place, label } => Ok(Side::of_bundle(place, label.clone())?),
            #[cfg(feature = "connected")]
            Self::Lock { lock, digest, label } => Ok(of_lock(lock, *digest, label)),
            Self::Site { site, label, about } => {
                let scenario = site.state.meant(about.as_ref())?;
                of_site(site, scenario, label, watch)
            }
            Self::Receipt { receipt, label } => {
                let mut side = Side::new(InputKind::Receipt, label.clone());
                side.statement = Some(receipt.bundle.statement);
                side.facts.put(Field::Scenario, Some(&receipt.scenario));
                side.facts.put(Field::Epoch, Some(receipt.bundle.epoch));
                side.facts.put(Field::Sequence, Some(receipt.bundle.sequence));
                Ok(side)
            }
            Self::Request { request, label, about } => {
                let is_meant = |name: &Name| about.as_ref().is_none_or(|about| about == name);
                let mut meant = request.scenarios.iter().filter(|installed| is_meant(&installed.scenario));
                let (Some(installed), None) = (meant.next(), meant.next()) else {
                    return Err(CliError::Usage {
                        message: format!("`{label}` has several scenarios, and none is selected"),
                        hint: Some(next_step!["select one: `--scenario NAME`"]),
                    });
                };
                let mut side = Side::new(InputKind::Request, label.clone());
                side.statement = Some(installed.current);
                side.facts.put(Field::Scenario, Some(&installed.scenario));
                side.blobs = Some(request.blobs.iter().map(|blob| (blob.digest, blob.size)).collect());
                Ok(side)
            }
        }
    }
}

/// The release in use at a site, read from disk.
fn of_site(
    site: &Site,
    scenario: &SiteScenario,
    label: &str,
    watch: &dyn Progress,
) -> Result<Side, CliError> {
    let mut side = Side::new(InputKind::Site, label.to_owned());
    side.root = Some(site.root.root().clone());
    side.facts.put(Field::Scenario, Some(&scenario.name));
    if let Some(release) = scenario.release(&scenario.current) {
        let Release { bundle, version, mark, .. } = release;
        side.statement = Some(mark.statement);
        side.facts.put(Field::Name, Some(bundle));
        side.facts.put(Field::Version, Some(version));
        side.facts.put(Field::Epoch, Some(mark.epoch));
        side.facts.put(Field::Sequence, Some(mark.sequence));
    }
    let found = site.contents(&scenario.name, &scenario.current, &LIMITS, watch)?;
    let FoundRelease { trees, images, blobs, wrong } = found;
    side.facts.put_all(Field::Disk, wrong);
    let mut items = BTreeMap::new();
    for (kind, name, entries) in trees {
        let facts = sealift_audit::diff::ItemFacts::default();
        items.insert(name, DiffItem { kind, digest: None, facts, stored: None, tree: Some(entries) });
    }
    for image in images.iter().flat_map(Index::items) {
        let mut facts = facts_of(&image.head, image.reference.as_ref());
        say_referrers(&mut facts, &image.withheld, image.referrers.iter().map(|one| one.root.digest));
        let (kind, digest) = (image.head.kind, Some(image.root.digest));
        items.insert(image.head.name.clone(), DiffItem { kind, digest, facts, stored: None, tree: None });
    }
    side.items = Some(items);
    side.blobs = Some(blobs);
    Ok(side)
}

#[cfg(feature = "connected")]
fn of_lock(lock: &Lock, digest: Digest, label: &str) -> Side {
    let mut side = Side::new(InputKind::Lock, label.to_owned());
    let facts = &mut side.facts;
    facts.put(Field::Scenario, Some(&lock.bundle.scenario));
    facts.put(Field::Name, Some(&lock.bundle.name));
    facts.put(Field::Version, Some(&lock.bundle.version));
    facts.put(Field::Sequence, Some(lock.sequence));
    facts.put(Field::Created, Some(lock.created));
    facts.put(Field::Previous, lock.previous);
    facts.put(Field::Expires, lock.expires);
    facts.put(Field::Lock, Some(digest));
    say_selection(facts, &lock.selection());
    say_needs(facts, &lock.needs());
    let mut items = BTreeMap::new();
    let mut blobs = BTreeMap::new();
    for image in &lock.image {
        let mut facts = facts_of(&image.head, Some(&image.reference));
        say_referrers(&mut facts, &image.withheld, image.referrers.iter().map(|one| one.digest));
        blobs.extend(image.blobs.iter().map(|blob| (blob.digest, blob.size)));
        let stored = Some(image.blobs.iter().map(|blob| blob.size).sum());
        let item = DiffItem { kind: ItemKind::Image, digest: Some(image.digest), facts, stored, tree: None };
        items.insert(image.head.name.clone(), item);
    }
    for tree in lock.trees() {
        let kind = tree.head.kind;
        let facts = facts_of(&tree.head, None);
        let tree_of = Some(tree.entries.clone());
        items.insert(
            tree.head.name.clone(),
            DiffItem { kind, digest: None, facts, stored: None, tree: tree_of },
        );
    }
    side.items = Some(items);
    side.blobs = Some(blobs);
    side
}
