//! Errors of manifests, locks and sources.

use super::diagnostic::Diagnostic;
use crate::codes;
use sealift_bundle::format::BundleError;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::tree::{TreeError, TreeObjection};
use sealift_bundle::next_step;
use sealift_bundle::store::StoreError;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::{Code, Fault};
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::next_step::{NextStep, Subject};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::rel_path::PathObjection;
use sealift_registry::RegistryError;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the connected side.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PlanError {
    #[error("{0}")]
    Syntax(Box<Diagnostic>),
    #[error("{0}")]
    UnknownKey(Box<Diagnostic>),
    #[error("{0}")]
    Value(Box<Diagnostic>),
    #[error("{0}")]
    Item(Box<Diagnostic>),
    #[error("{0}")]
    Duplicate(Box<Diagnostic>),
    #[error("invalid image list `{}`: line {line}: {reason}", shown(.path))]
    List { path: PathBuf, line: usize, reason: String },
    #[error("cannot read the manifest `{}`", shown(.path))]
    ManifestRead { path: PathBuf, source: io::Error },
    #[error("refusing to overwrite existing files: {}", listed(.taken))]
    Taken { taken: Vec<String> },
    #[error("cannot write `{}`", shown(.path))]
    Write { path: PathBuf, source: io::Error },

    #[error("{}", chosen_of(.asked.as_ref(), "variant", .variants))]
    Variant { asked: Option<Name>, variants: Vec<Name> },
    #[error("{}", chosen_of(Some(.asked), "feature", .features))]
    Feature { asked: Name, features: Vec<Name> },
    #[error("the features `{one}` and `{other}` exclude each other")]
    Excluded { one: Name, other: Name },
    #[error("`{by}` requires `{name}`, which exists only for {}", names(.variants))]
    RequiredElsewhere { by: Name, name: Name, variants: Vec<Name> },
    #[error("{}", chosen_of(Some(.asked), "audience", .audiences))]
    Audience { asked: Name, audiences: Vec<Name> },
    #[error("the bundle would be named `{name}`, and {reason}")]
    LongName { name: String, reason: String },

    #[error("{0}")]
    LockSyntax(Box<Diagnostic>),
    #[error("the lock has version {}, this sealift supports version {known}", Printable(.found))]
    LockVersion { found: String, known: u64 },
    #[error("the images `{one}` and `{other}` would both be named `{reference}` at the site")]
    SameReference { one: Name, other: Name, reference: Box<ImageName> },
    #[error("the lock entry of `{item}` is damaged: {reason}")]
    LockItem { item: Name, reason: String },
    #[error("the lock entry of `{item}` is damaged")]
    LockTree { item: Name, source: TreeError },
    #[error("cannot read the lock `{}`", shown(.path))]
    LockRead { path: PathBuf, source: io::Error },
    #[error("{what} `{}` has changed since the lock `{}` was written", shown(.manifest), shown(.lock))]
    LockStale { what: &'static str, manifest: PathBuf, lock: PathBuf },

    #[error("cannot pin the {kind} `{name}`")]
    Pin { kind: ItemKind, name: Name, source: Box<Self> },
    #[error("`{}` not found", shown(.path))]
    Missing { path: PathBuf },
    #[error("{what} is not in the store")]
    NotStored { what: String },
    #[error("`{}` has no content: {reason}", shown(.path))]
    Empty { path: PathBuf, reason: &'static str },
    #[error("cannot read `{}`", shown(.path))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` {reason}", shown(.path))]
    Changed { path: PathBuf, reason: String },
    #[error("`{}` is {found}, which cannot be packed", shown(.path))]
    Type { path: PathBuf, found: &'static str },
    #[error("`{}` is outside of `{}`, and nothing outside of it is read", shown(.path), shown(.root))]
    Outside { path: PathBuf, root: PathBuf },
    #[error("`{document}` leads to `{address}`: {reason}")]
    LeadsOut { document: String, address: String, reason: &'static str },
    #[error("`{}` is a Git LFS pointer, not the file it stands for", shown(.path))]
    Lfs { path: PathBuf, next: &'static str },
    #[error("`{}` contains {} that the lock does not pin: {}", shown(.path), counted(.names.len() as u64, "entry"), listed(.names))]
    Added { path: PathBuf, names: Vec<String> },
    #[error("`{}` not found in the mirror of `{}`", Printable(.url), shown(.path))]
    NotMirrored { url: String, path: PathBuf },
    #[error("{} cannot be pinned:{}", counted(.errors.len() as u64, "source"), each_of(.errors))]
    Unpinned { errors: Vec<Self> },
    #[error("the tree at `{}` cannot be packed:{}", shown(.path), each_of(.errors))]
    Objections { path: PathBuf, errors: Vec<Self> },
    #[error("`{path}` cannot be packed: {objection}")]
    Name { path: String, objection: PathObjection },
    #[error("the tree at `{}` cannot be packed", shown(.path))]
    Tree { path: PathBuf, source: TreeError },
    #[error("invalid image source `{}`: {reason}", shown(.path))]
    Image { path: PathBuf, reason: String },
    #[error("inconsistent image in `{}`: {reason}", shown(.path))]
    Layers { path: PathBuf, reason: String },
    #[error("`{}` has no image for `{wanted}`; it has {}", shown(.path), listed(.found))]
    NotForPlatform { path: PathBuf, wanted: String, found: Vec<String> },
    #[error("`{}` is a compressed archive", shown(.path))]
    Compressed { path: PathBuf, with: &'static str },
    #[error("`{}` contains several images: {}", shown(.path), listed(.names))]
    Several { path: PathBuf, names: Vec<String> },
    #[error("`{}` has no image `{}`; it has {}", shown(.path), Printable(.select), listed(.names))]
    NotSelected { path: PathBuf, select: String, names: Vec<String> },
    #[error("the image in `{}` has no name that could be used at the site", shown(.path))]
    Nameless { path: PathBuf, found: Option<String> },
    #[error("digest mismatch for `{}`: expected {expected}, found {found}", Printable(.url))]
    Digest { url: String, expected: Digest, found: Digest },
    #[error("cannot fetch `{}`: {reason}", Printable(.url))]
    Fetch { url: String, reason: String },
    #[error("cannot read files from the repository `{url}`: {reason}")]
    Git { url: String, reason: String },
    #[error("the chart repository `{url}` {reason}")]
    Chart { url: String, reason: String },
    #[error("{what}: {found} exceeds the limit of {limit}")]
    Limit { what: String, found: u64, limit: u64 },
    #[error("`{reference}` is not available for `{wanted}`; it is available for {}", listed(.found))]
    NoPlatform { reference: Box<ImageName>, wanted: String, found: Vec<String> },
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("interrupted")]
    Interrupted,
}

/// A word that was asked for, and those that there are.
fn chosen_of(asked: Option<&Name>, what: &str, all: &[Name]) -> String {
    match (asked, all) {
        (Some(asked), []) => format!("unknown {what} `{asked}`: the manifest has none"),
        (Some(asked), all) => format!("unknown {what} `{asked}`; the manifest has {}", names(all)),
        (None, all) => format!("the manifest has several {what}s: {}", names(all)),
    }
}

fn names(all: &[Name]) -> String {
    all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Errors with what caused them, one a line, and what to do about each where that differs.
fn each_of(errors: &[PlanError]) -> String {
    let is_one = one_hint(errors).is_some();
    let mut text = String::new();
    for error in errors {
        text += &format!("\n  {error}");
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        if let Some(hint) = error.hint().filter(|_| !is_one) {
            text += &format!("\n    next: {hint}");
        }
    }
    text
}

/// What to do about names that only some systems refuse.
const RENAME: &str = "rename it, or list it in `exclude` of the item; if all sites run Linux, declare that in the item: `names = \"linux\"`";

/// True for what Linux has nothing against.
fn is_of_systems(objection: PathObjection) -> bool {
    matches!(objection, PathObjection::Reserved | PathObjection::TrailingDot | PathObjection::Device)
}

/// The next step that several errors have in common.
fn one_hint(errors: &[PlanError]) -> Option<NextStep> {
    let mut hints = errors.iter().map(PlanError::hint);
    let first = hints.next()?;
    if hints.all(|hint| hint == first) { first } else { None }
}

/// A path as users may see it.
pub(super) fn shown(path: &Path) -> String {
    Printable(path.to_string_lossy()).to_string()
}

/// Up to ten names from outside.
fn listed(names: &[String]) -> String {
    let mut parts: Vec<String> = names.iter().take(10).map(|name| format!("`{}`", Printable(name))).collect();
    if names.len() > 10 {
        parts.push(format!("and {} more", names.len() - 10));
    }
    if parts.is_empty() { "none with a name".to_owned() } else { parts.join(", ") }
}

impl PlanError {
    /// An error of reading at `path`.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, source },
        }
    }

    /// Says which item it was about; an interruption is about none.
    pub(super) fn about(self, kind: ItemKind, name: &Name) -> Self {
        match self {
            Self::Interrupted | Self::Registry(RegistryError::Interrupted) => Self::Interrupted,
            other => Self::Pin { kind, name: name.clone(), source: Box::new(other) },
        }
    }
}

impl Fault for PlanError {
    fn code(&self) -> Code {
        match self {
            Self::Syntax(_) => codes::MANIFEST_SYNTAX,
            Self::UnknownKey(_) => codes::MANIFEST_UNKNOWN_KEY,
            Self::Value(_) | Self::List { .. } => codes::MANIFEST_VALUE,
            Self::Item(_) | Self::Several { .. } | Self::Nameless { .. } => codes::MANIFEST_ITEM,
            Self::Duplicate(_) | Self::SameReference { .. } => codes::MANIFEST_DUPLICATE,
            Self::Variant { .. }
            | Self::Feature { .. }
            | Self::Excluded { .. }
            | Self::RequiredElsewhere { .. }
            | Self::Audience { .. }
            | Self::LongName { .. } => codes::MANIFEST_CHOICE,
            Self::ManifestRead { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                codes::MANIFEST_MISSING
            }
            Self::LockRead { source, .. } if source.kind() == io::ErrorKind::NotFound => codes::LOCK_MISSING,
            Self::Taken { .. } => codes::MANIFEST_EXISTS,
            Self::Write { .. } => sealift_bundle::codes::CLI_WRITE,
            Self::ManifestRead { .. } | Self::LockRead { .. } | Self::Unreadable { .. } => {
                sealift_bundle::codes::SOURCE_UNREADABLE
            }
            Self::LockSyntax(_)
            | Self::LockVersion { .. }
            | Self::LockItem { .. }
            | Self::LockTree { .. } => codes::LOCK_SYNTAX,
            Self::LockStale { .. } => codes::LOCK_STALE,
            Self::Pin { source, .. } => source.code(),
            Self::Missing { .. }
            | Self::NotMirrored { .. }
            | Self::NotStored { .. }
            | Self::NotSelected { .. }
            | Self::NotForPlatform { .. }
            | Self::NoPlatform { .. } => sealift_bundle::codes::SOURCE_MISSING,
            Self::Empty { .. } => codes::SOURCE_EMPTY,
            Self::Changed { .. } | Self::Added { .. } => sealift_bundle::codes::SOURCE_CHANGED,
            Self::Type { .. } => codes::SOURCE_TYPE,
            Self::Objections { errors, .. } => errors.first().map_or(codes::SOURCE_NAME, Self::code),
            Self::Lfs { .. } => codes::SOURCE_LFS,
            Self::Unpinned { errors } => {
                errors.first().map_or(sealift_bundle::codes::SOURCE_MISSING, Self::code)
            }
            Self::Outside { .. } | Self::LeadsOut { .. } => codes::SOURCE_OUTSIDE,
            Self::Name { .. } => codes::SOURCE_NAME,
            Self::Tree { source, .. } => match source.reason {
                TreeObjection::Name(_) => codes::SOURCE_NAME,
                TreeObjection::Collision(_) => codes::SOURCE_COLLISION,
                TreeObjection::Link { .. } => codes::SOURCE_LINK,
                TreeObjection::Count(_) | TreeObjection::Size => codes::SOURCE_LIMIT,
                // The walk sorts and lists every directory; only a tree that changes meanwhile comes here.
                TreeObjection::Order | TreeObjection::Parent(_) => sealift_bundle::codes::SOURCE_CHANGED,
            },
            Self::Image { .. } | Self::Layers { .. } | Self::Compressed { .. } => codes::SOURCE_IMAGE,
            Self::Digest { .. } => sealift_bundle::codes::SOURCE_DIGEST,
            Self::Fetch { .. } | Self::Git { .. } | Self::Chart { .. } => codes::SOURCE_FETCH,
            Self::Limit { .. } => codes::SOURCE_LIMIT,
            Self::Bundle(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Registry(error) => error.code(),
            Self::Interrupted => sealift_bundle::codes::INTERRUPTED,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table with one row for each error")]
    fn hint(&self) -> Option<NextStep> {
        let text = match self {
            Self::Syntax(drawing) => {
                let known = "fix what is marked; `sealift util schema` lists every key and its type";
                return Some(drawing.next_step().map_or_else(|| next_step![known], NextStep::from));
            }
            Self::UnknownKey(drawing)
            | Self::Value(drawing)
            | Self::Item(drawing)
            | Self::Duplicate(drawing) => return drawing.next_step().map(NextStep::from),
            Self::ManifestRead { path, source } if source.kind() == io::ErrorKind::NotFound => {
                return Some(next_step![format!(
                    "create one from the files in the directory: `sealift init {}`",
                    shown(path)
                )]);
            }
            Self::Taken { .. } => {
                next_step!["choose a file in another directory, or move the existing files away"]
            }
            Self::Write { .. } => next_step!["check free space and permissions"],
            Self::Variant { variants, .. } => {
                return variants
                    .first()
                    .map(|first| next_step![format!("choose one, for example `--variant {first}`")]);
            }
            Self::Feature { .. } => next_step!["choose features of the manifest: `--feature NAME`"],
            Self::Excluded { .. } => next_step!["leave out one of them"],
            Self::RequiredElsewhere { .. } => {
                next_step!["correct `requires` of one, or `variants` of the other"]
            }
            Self::Audience { .. } => {
                next_step!["define it in the manifest, `[audience.NAME]`, and lock again"]
            }
            Self::LongName { .. } => next_step!["shorten `name` of the table `[bundle]`"],
            Self::List { .. } => next_step!["write one reference per line: `REGISTRY/REPOSITORY:TAG`"],
            Self::SameReference { .. } => {
                next_step!["give one of them its own `reference` in the manifest"]
            }
            Self::LockRead { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                next_step!["pin every source first: `sealift lock ", Subject::Manifest, "`"]
            }
            Self::LockSyntax(_) | Self::LockItem { .. } | Self::LockTree { .. } => {
                next_step!["lock again: `sealift lock ", Subject::Manifest, "`"]
            }
            Self::LockVersion { .. } => {
                next_step![
                    "use the sealift version that wrote it, or lock again: `sealift lock ",
                    Subject::Manifest,
                    "`"
                ]
            }
            Self::LockStale { .. } | Self::NotStored { .. } => {
                next_step!["run `sealift lock ", Subject::Manifest, "`, and review the changes in the lock"]
            }
            Self::Pin { source, .. } => return source.hint(),
            Self::Missing { .. } => {
                next_step!["correct the path in the manifest; it is relative to the manifest's directory"]
            }
            Self::Empty { .. } => {
                next_step!["correct `path`, `include` or `exclude` of the item, or remove the item"]
            }
            Self::Changed { .. } => {
                next_step!["wait until nothing writes there, then re-run the command"]
            }
            Self::Type { .. } => {
                next_step!["list it in `exclude` of the item, or move it out of the directory"]
            }
            Self::Objections { errors, .. } => {
                let all = next_step!["fix all of them, or list them in `exclude` of the item"];
                return Some(one_hint(errors).unwrap_or(all));
            }
            Self::Lfs { next, .. } => {
                return Some(next_step![format!("{next}, or list the file in `exclude` of the item")]);
            }
            Self::Added { .. } => {
                next_step![
                    "run `sealift lock ",
                    Subject::Manifest,
                    "` and review what is new, or list it in `exclude` of the item"
                ]
            }
            Self::NotMirrored { .. } => next_step!["put the file into the mirror directory"],
            Self::Unpinned { errors } => {
                let all = next_step!["fix all of them, then re-run the command"];
                return Some(one_hint(errors).unwrap_or(all));
            }
            Self::Outside { .. } => {
                next_step![
                    "find out who put the link or the address there; copy the intended file into the directory"
                ]
            }
            Self::LeadsOut { .. } => {
                next_step!["ask its maintainer; or download the file yourself and use `path`"]
            }
            Self::Name { objection, .. } if is_of_systems(*objection) => next_step![RENAME],
            Self::Name { .. } => next_step!["rename it, or list it in `exclude` of the item"],
            Self::Tree { source, .. } => next_step![tree_hint(&source.reason)],
            Self::Image { .. } | Self::Layers { .. } => {
                next_step![
                    "export the image again with another version of the tool, or with `skopeo copy --all FROM oci:DIRECTORY:NAME`, and use `layout`"
                ]
            }
            Self::Compressed { path, with } => {
                return Some(next_step![format!("decompress it: `{with} {}`", shown(path))]);
            }
            Self::Several { names, .. } | Self::NotSelected { names, .. } => {
                return names.first().map(|name| {
                    next_step![format!(
                        "choose one in the `[[image]]` table: `select = \"{}\"`",
                        Printable(name)
                    )]
                });
            }
            Self::Nameless { found, .. } => {
                let tag = found.as_ref().map_or_else(|| "TAG".to_owned(), |tag| Printable(tag).to_string());
                return Some(next_step![format!(
                    "name it in the `[[image]]` table: `reference = \"REGISTRY/REPOSITORY:{tag}\"`"
                )]);
            }
            Self::Digest { .. } => {
                next_step![
                    "find out who changed the file or the pin; compare with the digest that the publisher announces"
                ]
            }
            Self::Git { .. } => {
                next_step![
                    "try it by hand: `git ls-remote URL`; git has to be installed and able to reach the repository"
                ]
            }
            Self::Chart { .. } => {
                next_step!["compare name and version with the index of the repository: `URL/index.yaml`"]
            }
            Self::Fetch { .. } => {
                next_step!["re-run the command; or download the file yourself and use `path`"]
            }
            Self::Limit { .. } => next_step!["split it into several items or bundles"],
            Self::Bundle(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Registry(error) => return error.hint(),
            Self::NoPlatform { .. } | Self::NotForPlatform { .. } => {
                next_step!["correct `platforms` of the image"]
            }
            Self::ManifestRead { .. }
            | Self::LockRead { .. }
            | Self::Unreadable { .. }
            | Self::Interrupted => {
                return None;
            }
        };
        Some(text)
    }
}

const fn tree_hint(objection: &TreeObjection) -> &'static str {
    match objection {
        TreeObjection::Name(_) => RENAME,
        TreeObjection::Collision(_) => {
            "rename one of the two, or list it in `exclude` of the item; if all sites run Linux, declare that in the item: `names = \"linux\"`"
        }
        TreeObjection::Link { .. } => "replace the link by a copy, or list it in `exclude` of the item",
        TreeObjection::Count(_) | TreeObjection::Size => "split it into several items or bundles",
        TreeObjection::Order | TreeObjection::Parent(_) => {
            "wait until nothing writes there, then re-run the command"
        }
    }
}
