//! The input of a comparison as plain data: what each side is and contains.

use super::facts::{Field, ItemFacts};
use crate::analysis::BundleAnalysis;
use sealift_bundle::format::blob_order::{Contents, ImageParts};
use sealift_bundle::format::entry::Entry;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::item::{FileKind, ItemHead, ItemKind, PRIORITY};
use sealift_bundle::format::site_inputs::{Parameter, Selection, SiteInputs, SiteSecret};
use sealift_bundle::inspect::{InspectError, Overview, SignerLine, inventories, overview};
use sealift_bundle::trust::root::Root;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::size::ByteSize;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// A sealed bundle.
    Bundle,
    /// A lock: what a bundle will hold.
    Lock,
    /// A site: the release that it uses.
    Site,
    /// What a site says it did.
    Receipt,
    /// What a site says it holds.
    Request,
}

impl InputKind {
    /// The word for it, with its article.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "a bundle",
            Self::Lock => "a lock",
            Self::Site => "a site",
            Self::Receipt => "a receipt",
            Self::Request => "a request",
        }
    }
}

/// One of the two.
#[derive(Debug, Clone)]
pub struct Side {
    /// What it is.
    pub kind: InputKind,
    /// What it was called by who asked.
    pub label: String,
    /// The bundle it is about, where there is one yet.
    pub statement: Option<Digest>,
    /// What it says of itself.
    pub facts: ItemFacts,
    /// What it holds, by name; `None` where it does not say.
    pub items: Option<BTreeMap<Name, DiffItem>>,
    /// Its blobs of images, where it lists them.
    pub blobs: Option<BTreeMap<Digest, u64>>,
    /// What was observed in it.
    pub analysis: Option<BundleAnalysis>,
    /// The trust root by which it was verified.
    pub root: Option<Root>,
    /// What of it could not be read, and why.
    pub unread: Vec<(String, String)>,
}

/// Why something could not be compared.
pub(super) fn why_only_one(a: &Side, b: &Side) -> String {
    let rank = |kind| match kind {
        InputKind::Bundle => 0,
        InputKind::Lock => 1,
        InputKind::Site => 2,
        InputKind::Request => 3,
        InputKind::Receipt => 4,
    };
    let poorer = if rank(a.kind) >= rank(b.kind) { a } else { b };
    format!("`{}` is {}, which does not say it", poorer.label, poorer.kind.as_str())
}

/// An item of a side.
#[derive(Debug, Clone)]
pub struct DiffItem {
    /// What it is.
    pub kind: ItemKind,
    /// Digest of its index or manifest, where it is known.
    pub digest: Option<Digest>,
    /// What the side says of it.
    pub facts: ItemFacts,
    /// Bytes of its blobs as they travel, where they are known.
    pub stored: Option<u64>,
    /// The entries of a tree, in order.
    pub tree: Option<Vec<Entry>>,
}

impl Side {
    /// A side of which nothing is known yet.
    #[must_use]
    pub fn new(kind: InputKind, label: String) -> Self {
        let mut facts = ItemFacts::default();
        facts.put_all(Field::Disk, std::iter::empty::<&str>());
        Self {
            kind,
            label,
            statement: None,
            facts,
            items: None,
            blobs: None,
            analysis: None,
            root: None,
            unread: Vec::new(),
        }
    }

    /// What was observed in it, if its files can be distinguished from those of another.
    pub(super) fn observed(&self) -> Option<&BundleAnalysis> {
        self.analysis.as_ref().filter(|analysis| analysis.has_file_digests())
    }

    /// A bundle, with its inventories and without what has to be observed in its layers.
    pub fn of_bundle(place: &OpenBundle<'_>, label: String) -> Result<Self, InspectError> {
        let overview = overview(&place.trusted, &place.contents.items);
        let predicate = &place.trusted.statement().predicate;
        let mut side = Self::new(InputKind::Bundle, label);
        side.statement = Some(overview.statement);
        let facts = &mut side.facts;
        say_overview(facts, &overview);
        facts.put(Field::Previous, predicate.previous);
        facts.put(Field::RootVersion, Some(predicate.root_version));
        let mut trees: HashMap<Name, Vec<Entry>> = HashMap::new();
        for (name, inventory) in inventories(place, None)? {
            trees.insert(name, inventory.tree.entries().to_vec());
        }
        let items = overview.items.iter().zip(&place.contents.items).map(|(line, contents)| {
            let item = &contents.item;
            let mut facts = facts_of(&item.head, item.reference.as_ref());
            if line.kind == ItemKind::Image {
                say_referrers(&mut facts, &item.withheld, item.referrers.iter().map(|one| one.root.digest));
                facts.put_all(Field::Platform, &line.platforms);
            }
            let (digest, stored, tree) = (Some(line.digest), Some(line.stored), trees.remove(&line.name));
            (line.name.clone(), DiffItem { kind: line.kind, digest, facts, stored, tree })
        });
        side.items = Some(items.collect());
        side.blobs = Some(image_blobs(&place.contents).map(|blob| (blob.digest, blob.size)).collect());
        side.root = Some(place.trusted.root().root().clone());
        Ok(side)
    }
}

fn image_blobs(contents: &Contents) -> impl Iterator<Item = Blob> + '_ {
    let of = |parts: &ImageParts| match parts {
        ImageParts::Image { blobs, .. } => blobs.clone(),
        ImageParts::Tree { .. } => Vec::new(),
    };
    contents.items.iter().flat_map(move |item| of(&item.parts))
}

fn say_overview(facts: &mut ItemFacts, overview: &Overview) {
    facts.put(Field::Scenario, Some(&overview.scenario));
    facts.put(Field::Name, Some(&overview.name));
    facts.put(Field::Version, Some(&overview.version));
    facts.put(Field::Epoch, Some(overview.epoch));
    facts.put(Field::Sequence, Some(overview.sequence));
    facts.put(Field::Created, Some(overview.created));
    facts.put(Field::Expires, overview.expires);
    facts.put(Field::Lock, Some(overview.lock));
    facts.put(Field::Tool, Some(&overview.tool));
    let signer = |line: &SignerLine| (format!("{} ({}, key {})", line.name, line.role, line.key), "");
    facts.put_named(Field::Signer, overview.signers.iter().map(signer));
    say_selection(facts, &overview.selection);
    facts.put(Field::Audience, overview.selection.audience.as_ref());
    facts.put_all(Field::Withheld, &overview.selection.withheld);
    say_needs(facts, &overview.needs);
}

/// States what of a manifest was chosen.
pub fn say_selection(facts: &mut ItemFacts, selection: &Selection) {
    facts.put(Field::Variant, selection.variant.as_ref());
    facts.put_all(Field::Feature, &selection.features);
    facts.put_all(Field::LeftOut, &selection.without);
}

/// States what a site has to add.
pub fn say_needs(facts: &mut ItemFacts, needs: &SiteInputs) {
    let parameter = |one: &Parameter| {
        let Parameter { name, description, format, choices, default } = one;
        let choices = if choices.is_empty() { String::new() } else { format!(" of {}", choices.join(", ")) };
        let default = default.as_ref().map(|value| format!(", default `{value}`")).unwrap_or_default();
        (name.clone(), format!("{format}{choices}{default}: {description}"))
    };
    facts.put_named(Field::Parameter, needs.parameters.iter().map(parameter));
    let secret = |SiteSecret { name, description }: &SiteSecret| (name.clone(), description.clone());
    facts.put_named(Field::Secret, needs.secrets.iter().map(secret));
}

/// What is declared of an item.
#[must_use]
pub fn facts_of(head: &ItemHead, reference: Option<&ImageName>) -> ItemFacts {
    let mut facts = ItemFacts::default();
    let labels = &head.labels;
    facts.put(Field::Reference, reference);
    facts.put(Field::Origin, Some(&head.origin));
    facts.put(Field::License, head.license.as_ref());
    facts.put(Field::Version, labels.version.as_ref());
    facts.put(Field::FileKind, labels.file_kind.map(FileKind::as_str));
    facts.put(Field::Priority, (labels.priority != PRIORITY).then_some(labels.priority));
    facts.put(Field::Template, labels.template.then_some("yes"));
    let names = |names: &Vec<Name>| {
        let names: Vec<_> = names.iter().map(Name::as_str).collect();
        if names.is_empty() { "nobody".to_owned() } else { format!("only {}", names.join(", ")) }
    };
    facts.put(Field::Audience, labels.audience.as_ref().map(names));
    facts
}

/// States what an image comes without, and what travels about it.
pub fn say_referrers(facts: &mut ItemFacts, withheld: &[Digest], referrers: impl Iterator<Item = Digest>) {
    facts.put_all(Field::Withheld, withheld);
    facts.put_all(Field::Referrer, referrers);
}

/// What a side is, for the first lines of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffHead {
    /// What it is.
    pub kind: InputKind,
    /// What it was called by who asked.
    pub label: String,
    /// The bundle it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// The name of the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When its lock was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// How many items it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Bytes of its items as they travel; what items share counts for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<u64>,
}

impl DiffHead {
    /// Of this side.
    #[must_use]
    pub fn of(side: &Side) -> Self {
        let fact = |field| side.facts.get(field).map(str::to_owned);
        let stored = |items: &BTreeMap<Name, DiffItem>| {
            items
                .values()
                .map(|item| item.stored)
                .try_fold(0_u64, |sum, size| Some(sum.saturating_add(size?)))
        };
        Self {
            kind: side.kind,
            label: side.label.clone(),
            statement: side.statement,
            name: fact(Field::Name),
            version: fact(Field::Version),
            created: fact(Field::Created),
            items: side.items.as_ref().map(|items| items.len() as u64),
            stored: side.items.as_ref().and_then(stored),
        }
    }

    /// Its size for users.
    #[must_use]
    pub fn size(&self) -> Option<ByteSize> {
        self.stored.map(ByteSize)
    }
}
