//! `sealift inspect`

use super::BundleArgs;
use super::error::CliError;
use super::term::Term;
use sealift_bundle::format::site_inputs::{Parameter, Selection, SiteInputs, SiteSecret};
use sealift_bundle::format::statement::Totals;
use sealift_bundle::inspect::{ItemLine, Overview, SignerLine, overview};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;

/// Show the content of a bundle, without unpacking it
///
/// Verifies the seal, the index and the manifests and reads nothing else, which takes milliseconds at any size. Layers
/// are not checked; use `sealift verify` for that.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let overview =
            self.bundle.in_place(term, |place| Ok(overview(&place.trusted, &place.contents.items)))?;
        term.data("bundle", &overview, &human(&overview))
    }
}

/// The signers, approvals and identity of a bundle.
pub(super) fn head(overview: &Overview) -> String {
    let signer = |signer: &SignerLine| {
        let SignerLine { name, role, key, words } = signer;
        format!("  sealed by  {name} ({role}, key {key})\n             {words}\n")
    };
    let mut text: String = overview.signers.iter().map(signer).collect();
    for approval in &overview.approvals {
        text += &format!(
            "  approved   by {} (approver, key {}) at {}",
            approval.name, approval.key, approval.approved
        );
        for condition in &approval.conditions {
            text += &format!(", {condition}");
        }
        text.push('\n');
        if let Some(reason) = &approval.out_of_order {
            text += &format!("             may be installed out of order: {}\n", Printable(reason));
        }
    }
    if let Some(demanded) = overview.approvals_demanded {
        text +=
            &format!("  approvals  {} of {demanded} required by the trust root\n", overview.approvals.len());
    }
    text += &format!("  statement  {}\n", overview.statement);
    text += &format!(
        "  scenario   {}, epoch {}, sequence {}\n",
        overview.scenario, overview.epoch, overview.sequence
    );
    text
}

/// The variant, features and audience of a bundle, and the parameters and secrets a site has to provide.
pub(super) fn chosen(overview: &Overview) -> String {
    let Selection { variant, features, without, audience, withheld } = &overview.selection;
    let mut text = String::new();
    if let Some(variant) = variant {
        text += &format!("  variant    {variant}\n");
    }
    if !features.is_empty() {
        text += &format!("  features   {}\n", listed(features));
    }
    if !without.is_empty() {
        text += &format!("  left out   {}, intentionally\n", listed(without));
    }
    if let Some(audience) = audience {
        let withheld = counted(withheld.len() as u64, "item");
        text += &format!("  audience   {audience}; {withheld} withheld from it\n");
    }
    let SiteInputs { parameters, secrets } = &overview.needs;
    for Parameter { name, description, format, choices, default } in parameters {
        let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        let choices = if choices.is_empty() { String::new() } else { format!(" of {}", choices.join(", ")) };
        let default = match default {
            Some(default) => format!("default `{}`", Printable(default)),
            None => "set by the site".to_owned(),
        };
        text += &format!("  parameter  {name} ({format}{choices}; {default}): {}\n", Printable(description));
    }
    for SiteSecret { name, description } in secrets {
        text += &format!("  secret     {name}: {}\n", Printable(description));
    }
    text
}

/// Joins names with commas.
pub(super) fn listed(names: &[Name]) -> String {
    let names: Vec<_> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

/// The properties of an item from the manifest, without its source.
fn labels(item: &ItemLine) -> String {
    let mut text = String::new();
    if let Some(kind) = item.file_kind {
        text += &format!("  {}", kind.as_str());
    }
    if let Some(version) = &item.version {
        text += &format!("  version {}", Printable(version));
    }
    if item.template {
        text += "  template";
    }
    if let Some(priority) = item.priority {
        text += &format!("  priority {priority}");
    }
    match item.audience.as_deref() {
        None => {}
        Some([]) => text += "  for no audience",
        Some(names) => text += &format!("  only for {}", listed(names)),
    }
    text
}

/// The number of items and blobs of a bundle.
pub(super) fn holds(totals: Totals) -> String {
    format!("  holds      {} in {}", counted(totals.items, "item"), counted(totals.blobs, "blob"))
}

fn human(overview: &Overview) -> String {
    let mut text = format!("{}-{}\n{}", overview.name, overview.version, head(overview));
    text += &format!("  created    {} by {}\n", overview.created, Printable(&overview.tool));
    if let Some(expires) = overview.expires {
        text += &format!("  expires    {expires}\n");
    }
    text += &format!("  lock       {}\n", overview.lock);
    text += &chosen(overview);
    text += &format!("{}, {}\n\n", holds(overview.totals), ByteSize(overview.totals.bytes));
    let width = overview.items.iter().map(|item| item.name.as_str().len()).max().unwrap_or_default();
    for item in &overview.items {
        let what = item.reference.as_ref().unwrap_or(&item.origin);
        text += &format!(
            "  {:6} {:width$}  {:>10}  {}",
            item.kind,
            item.name,
            ByteSize(item.stored),
            Printable(what)
        );
        if !item.platforms.is_empty() {
            text += &format!("  [{}]", Printable(item.platforms.join(", ")));
        }
        if !item.withheld.is_empty() {
            text += &format!("  {} left out", counted(item.withheld.len() as u64, "manifest"));
        }
        if !item.referrers.is_empty() {
            text += &format!("  with {}", counted(item.referrers.len() as u64, "referrer"));
        }
        text += &labels(item);
        text.push('\n');
    }
    text += "\nnot checked: the layers and files (`sealift verify` reads every byte)\n";
    text
}
