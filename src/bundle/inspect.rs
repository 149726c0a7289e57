//! Shows what is in a bundle, in place.

use crate::codes;
use crate::format::blob_order::{ImageParts, ItemContents};
use crate::format::entry::{Entry, Node};
use crate::format::item::{FileKind, ItemKind, PRIORITY};
use crate::format::site_inputs::{Selection, SiteInputs};
use crate::format::statement::Totals;
use crate::next_step;
use crate::trust::TrustError;
use crate::trust::approval::Approved;
use crate::trust::verify::{OpenBundle, SharedInventory, Sink, Trusted};
use crate::value::digest::Digest;
use crate::value::error_code::{Code, Fault};
use crate::value::name::Name;
use crate::value::next_step::{NextStep, Subject};
use crate::value::timestamp::Timestamp;
use serde::Serialize;

/// An error of looking something up.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The bundle is rejected, or could not be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No item of that name, or no file of that path in it.
    #[error("the bundle has no {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// It is there, and has no content to show.
    #[error("`{what}` is {found}")]
    NoFile {
        /// What was looked for.
        what: String,
        /// What it is instead.
        found: &'static str,
    },
    /// A layer could not be read.
    #[error("cannot read the layer {what}")]
    Read {
        /// The layer.
        what: Digest,
        /// Why.
        source: std::io::Error,
    },
}

impl Fault for InspectError {
    fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::NotFound { .. } | Self::NoFile { .. } => codes::AUDIT_NOT_FOUND,
            Self::Read { .. } => codes::BUNDLE_READ,
        }
    }

    fn hint(&self) -> Option<NextStep> {
        match self {
            Self::Trust(error) => error.hint(),
            Self::NotFound { .. } | Self::NoFile { .. } => Some(next_step![
                "see the files of the bundle: `sealift ls ",
                Subject::Bundle,
                " --trust ",
                Subject::TrustRoot,
                "`"
            ]),
            Self::Read { .. } => None,
        }
    }
}

/// A bundle at a glance; everything in it follows from the seal.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// Its identity: the digest of its statement.
    pub statement: Digest,
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Name,
    /// The deployment pattern it serves.
    pub scenario: Name,
    /// The epoch of the trust root it was sealed under.
    pub epoch: u64,
    /// Its number within the scenario and epoch.
    pub sequence: u64,
    /// When its lock was written.
    pub created: Timestamp,
    /// After this moment it is no longer to be verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Digest of the lock it was made from.
    pub lock: Digest,
    /// What made it.
    pub tool: String,
    /// Version of the trust root that was asked.
    pub root_version: u64,
    /// Who sealed it.
    pub signers: Vec<SignerLine>,
    /// Approvals that count.
    pub approvals: Vec<ApprovalLine>,
    /// How many approvals the policy of the trust root demands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_demanded: Option<usize>,
    /// What is allowed and should be said all the same.
    pub warnings: Vec<String>,
    /// Which part of its manifest it carries.
    #[serde(skip_serializing_if = "Selection::is_whole")]
    pub selection: Selection,
    /// What a site has to add to it.
    #[serde(skip_serializing_if = "SiteInputs::is_nothing")]
    pub needs: SiteInputs,
    /// Sums over the blobs.
    pub totals: Totals,
    /// What it holds.
    pub items: Vec<ItemLine>,
}

/// A trusted key that sealed a bundle.
#[derive(Debug, Clone, Serialize)]
pub struct SignerLine {
    /// The name of its holder in the trust root.
    pub name: Name,
    /// The role it signed in.
    pub role: String,
    /// The id of the key.
    pub key: String,
    /// The id in ten words.
    pub words: String,
}

/// What an approver said about a bundle.
#[derive(Debug, Clone, Serialize)]
pub struct ApprovalLine {
    /// The name of the approver in the trust root.
    pub name: Name,
    /// The id of the key.
    pub key: String,
    /// When.
    pub approved: Timestamp,
    /// What the approver stated.
    pub conditions: Vec<Name>,
    /// Why the bundle may be installed out of order, if it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<String>,
}

/// An item of a bundle.
#[derive(Debug, Clone, Serialize)]
pub struct ItemLine {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: ItemKind,
    /// Where it came from, as the lock declares it.
    pub origin: String,
    /// Its licence, as the manifest declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Its version, as declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What a file item is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_kind: Option<FileKind>,
    /// The only audiences that may have it; without a list everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<Name>>,
    /// Its place among items of its kind, where the manifest says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Whether its texts are templates that a site fills.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// What the image is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Digest of its index or manifest.
    pub digest: Digest,
    /// The platforms of an image, where its index names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Manifests that an index of the image lists and that were left out when it was locked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Digest>,
    /// Signatures, attestations and SBOMs that travel with the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<Digest>,
    /// Blobs it consists of.
    pub blobs: u64,
    /// Bytes of those blobs as stored; blobs that items share count for each.
    pub stored: u64,
}

/// What a seal says, and who made it.
#[must_use]
pub fn signers(trusted: &Trusted) -> Vec<SignerLine> {
    let line = |signer: &crate::trust::verify::SealSigner| SignerLine {
        name: signer.name.clone(),
        role: signer.role.to_string(),
        key: signer.key.to_string(),
        words: signer.key.spoken().to_string(),
    };
    trusted.signers().iter().map(line).collect()
}

/// A bundle at a glance, from its seal, index and manifests alone.
#[must_use]
pub fn overview(trusted: &Trusted, items: &[ItemContents]) -> Overview {
    let predicate = &trusted.statement().predicate;
    Overview {
        statement: trusted.id(),
        name: predicate.name.clone(),
        version: predicate.version.clone(),
        scenario: predicate.scenario.clone(),
        epoch: predicate.epoch,
        sequence: predicate.sequence,
        created: predicate.created,
        expires: predicate.expires,
        lock: predicate.lock,
        tool: format!("{} {}", predicate.tool.name, predicate.tool.version),
        root_version: trusted.root().root().version(),
        signers: signers(trusted),
        approvals: trusted.approvals().approved.iter().map(approval_line).collect(),
        approvals_demanded: trusted.approvals().demanded(),
        warnings: trusted.warnings().iter().map(ToString::to_string).collect(),
        selection: predicate.selection.clone(),
        needs: predicate.needs.clone(),
        totals: predicate.totals,
        items: items.iter().map(item_line).collect(),
    }
}

fn approval_line(approved: &Approved) -> ApprovalLine {
    let Approved { who, approval, .. } = approved;
    ApprovalLine {
        name: who.name.clone(),
        key: who.id.to_string(),
        approved: approval.approved,
        conditions: approval.conditions.clone(),
        out_of_order: approval.out_of_order.clone(),
    }
}

fn item_line(contents: &ItemContents) -> ItemLine {
    let item = &contents.item;
    let labels = &item.head.labels;
    let (platforms, blobs) = match &contents.parts {
        ImageParts::Image { blobs, platforms } => (platforms.clone(), blobs.clone()),
        ImageParts::Tree { inventory, layer } => (Vec::new(), vec![item.root, *inventory, *layer]),
    };
    ItemLine {
        name: item.head.name.clone(),
        kind: item.head.kind,
        origin: item.head.origin.clone(),
        license: item.head.license.clone(),
        version: labels.version.clone(),
        file_kind: labels.file_kind,
        audience: labels.audience.clone(),
        priority: (labels.priority != PRIORITY).then_some(labels.priority),
        template: labels.template,
        reference: item.reference.as_ref().map(ToString::to_string),
        digest: item.root.digest,
        platforms,
        withheld: item.withheld.clone(),
        referrers: item.referrers.iter().map(|referrer| referrer.root.digest).collect(),
        blobs: blobs.len() as u64,
        stored: blobs.iter().map(|blob| blob.size).sum(),
    }
}

/// A file, directory or link of one item.
#[derive(Debug, Clone, Serialize)]
pub struct EntryLine<'a> {
    /// The item.
    pub item: &'a str,
    /// The entry.
    #[serde(flatten)]
    pub entry: &'a Entry,
}

/// The inventories of the trees in a bundle, or of the one called `item`.
pub fn inventories(
    place: &OpenBundle<'_>,
    item: Option<&str>,
) -> Result<Vec<(Name, SharedInventory)>, InspectError> {
    let mut found = Vec::new();
    for contents in &place.contents.items {
        let name = &contents.item.head.name;
        if item.is_some_and(|item| item != name.as_str()) {
            continue;
        }
        if let Some(inventory) = place.inventory(name.as_str())? {
            found.push((name.clone(), inventory));
        }
    }
    match item {
        Some(item) if found.is_empty() => Err(no_tree(place, item)),
        Some(_) | None => Ok(found),
    }
}

/// Why there is no tree of that name.
fn no_tree(place: &OpenBundle<'_>, item: &str) -> InspectError {
    if place.contents.items.iter().any(|of| of.item.head.name.as_str() == item) {
        let found = "an image, and its layers are carried unopened";
        return InspectError::NoFile { what: item.to_owned(), found };
    }
    InspectError::NotFound { what: format!("item `{item}`") }
}

/// Reads one file of one item to `sink`, by its frames alone.
pub fn cat<S, E>(place: &OpenBundle<'_>, item: &str, path: &str, sink: S) -> Result<(), E>
where
    S: Sink<Error = E>,
    E: From<InspectError> + From<TrustError>,
{
    let inventory = place.inventory(item).map_err(InspectError::from)?;
    let inventory = inventory.ok_or_else(|| no_tree(place, item))?;
    // `ls` shows directories with a slash behind them.
    let mut entry = inventory.tree.get(path.trim_end_matches('/'));
    if let Some(Entry { path, node: Node::Link { target } }) = entry {
        entry = inventory.tree.followed(path, target);
    }
    match entry {
        Some(file @ Entry { node: Node::File { .. }, .. }) => place.read(item, &inventory, file, sink),
        Some(Entry { node: Node::Dir, .. }) => {
            Err(InspectError::NoFile { what: format!("{item}/{path}"), found: "a folder" }.into())
        }
        Some(Entry { node: Node::Link { .. }, .. }) | None => {
            Err(InspectError::NotFound { what: format!("file `{path}` in `{item}`") }.into())
        }
    }
}
