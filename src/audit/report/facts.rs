//! The input of a report.

use crate::account::ByteAccount;
use crate::analysis::anomaly::Anomaly;
use crate::analysis::{BundleAnalysis, ItemAnalysis, Layer, View};
use crate::diff::BundleDifference;
use crate::finding::LintFinding;
use crate::policy::PolicyVerdict;
use crate::sbom::is_bill;
use crate::scan::Ledger;
use crate::vulnerability::Vulnerabilities;
use sealift_bundle::format::oci::ReferrerEntry;
use sealift_bundle::inspect::{InspectError, Overview};
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known about a bundle when a report of it is written.
#[derive(Debug, Clone, Copy)]
pub struct ReportFacts<'a> {
    /// When it is written.
    pub written: Timestamp,
    /// The bundle file as a shell takes it.
    pub bundle: &'a str,
    /// The trust root as a shell takes it.
    pub trust: &'a str,
    /// Who sealed it, and what it lists.
    pub overview: &'a Overview,
    /// The statement before this one.
    pub previous: Option<Digest>,
    /// What the list of digests in it hashes to.
    pub sums: Digest,
    /// What every byte of it belongs to.
    pub account: &'a ByteAccount,
    /// What was observed in it.
    pub analysis: &'a BundleAnalysis,
    /// What came along with the images from upstream.
    pub evidence: &'a [ReportEvidence],
    /// What is new since a bundle or site that was named.
    pub changes: Option<&'a BundleDifference>,
    /// What is known about its packages, where data were given.
    pub vulnerabilities: Option<&'a Vulnerabilities>,
    /// The result of judging it by a policy, where one was given.
    pub verdict: Option<&'a PolicyVerdict>,
    /// Ledgers of scans that were given.
    pub scans: &'a [Ledger],
}

/// Something that came along with an image: a signature, an attestation, an SBOM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportEvidence {
    /// The image.
    pub item: Name,
    /// What the manifest says of itself.
    #[serde(flatten)]
    pub referring: ReferrerEntry,
    /// The tag that leads to it in a registry, where it has no subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl ReportEvidence {
    /// What it seems to be, by its type and tag.
    #[must_use]
    pub(crate) fn seems(&self) -> &'static str {
        let kind = self.referring.artifact_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let suffix =
            self.tag.as_deref().and_then(|tag| tag.rsplit_once('.')).map_or("", |(_, suffix)| suffix);
        let names = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        if is_bill(&kind) || kind.contains("sbom") || suffix == "sbom" {
            "SBOM"
        } else if names(&["in-toto", "attest", "slsa", "vex"]) || suffix == "att" {
            "attestation"
        } else if names(&["signature", "cosign", "notary", "sigstore", "simplesigning"]) || suffix == "sig" {
            "signature"
        } else {
            "other"
        }
    }
}

/// What came along with the images of a bundle, in its order. No one has checked the signatures in it.
pub fn evidence(place: &OpenBundle<'_>) -> Result<Vec<ReportEvidence>, InspectError> {
    let mut all = Vec::new();
    for contents in &place.contents.items {
        let item = &contents.item;
        for referrer in &item.referrers {
            let bytes = place.document(referrer.root)?;
            all.push(ReportEvidence {
                item: item.head.name.clone(),
                referring: ReferrerEntry::of(&referrer.media_type, &bytes),
                tag: referrer.tag.clone(),
            });
        }
    }
    Ok(all)
}

impl<'a> ReportFacts<'a> {
    /// Every view with its item.
    pub fn views(&self) -> impl Iterator<Item = (&'a ItemAnalysis, &'a View)> + use<'a> {
        self.analysis.items.iter().flat_map(|item| item.views.iter().map(move |view| (item, view)))
    }

    /// Every view of an image with its item.
    pub fn images(&self) -> impl Iterator<Item = (&'a ItemAnalysis, &'a View)> + use<'a> {
        self.views().filter(|(_, view)| view.config.is_some())
    }

    /// Every layer with the names of the items that have it.
    pub fn layers(&self) -> impl Iterator<Item = (&'a Layer, Vec<&'a Name>)> + use<'a> {
        let mut owners: BTreeMap<usize, Vec<&Name>> = BTreeMap::new();
        for (item, view) in self.views() {
            for number in &view.layers {
                let names = owners.entry(*number).or_default();
                if names.last() != Some(&&item.name) {
                    names.push(&item.name);
                }
            }
        }
        let layers = self.analysis.layers.iter().enumerate();
        layers.map(move |(number, layer)| (layer, owners.remove(&number).unwrap_or_default()))
    }

    /// Everything odd, each with the items that have it: what is odd in a layer counts once, however many have it.
    pub fn anomalies(&self) -> impl Iterator<Item = (&'a Anomaly, Vec<&'a Name>)> + use<'a> {
        let in_layers = self
            .layers()
            .flat_map(|(layer, names)| layer.anomalies.iter().map(move |anomaly| (anomaly, names.clone())));
        let in_views = self
            .views()
            .flat_map(|(item, view)| view.anomalies.iter().map(|anomaly| (anomaly, vec![&item.name])));
        in_layers.chain(in_views)
    }

    /// Everything that looks like a secret, each with the items that have it.
    pub fn secrets(&self) -> impl Iterator<Item = (&'a LintFinding, Vec<&'a Name>)> + use<'a> {
        let in_layers = self
            .layers()
            .flat_map(|(layer, names)| layer.secrets.iter().map(move |secret| (secret, names.clone())));
        let in_views = self
            .views()
            .flat_map(|(item, view)| view.secrets.iter().map(|secret| (secret, vec![&item.name])));
        let mut attached: BTreeMap<_, (_, Vec<&Name>)> = BTreeMap::new();
        for one in &self.analysis.attached {
            attached.entry(one.digest).or_insert((&one.secrets, Vec::new())).1.push(&one.item);
        }
        let attached = attached
            .into_values()
            .flat_map(|(secrets, names)| secrets.iter().map(move |secret| (secret, names.clone())));
        in_layers.chain(in_views).chain(attached)
    }

    /// Ledgers of scans of this very bundle.
    pub(crate) fn own_scans(&self) -> impl Iterator<Item = &'a Ledger> + use<'a> {
        let statement = self.overview.statement;
        self.scans.iter().filter(move |scan| scan.statement == statement)
    }

    /// A command about this bundle, like `report BUNDLE --trust ROOT --json`, with its real names.
    #[must_use]
    pub fn command(&self, words: &str) -> String {
        words.replace("BUNDLE", self.bundle).replace("ROOT", self.trust)
    }
}

/// The name of an item and, where it has one, the platform of the view.
#[must_use]
pub(crate) fn named(item: &ItemAnalysis, view: &View) -> super::text::Text {
    let name = super::text::out(item.name.as_str());
    match &view.platform {
        Some(platform) if item.views.len() > 1 => name.say(" ").out(platform),
        Some(_) | None => name,
    }
}
