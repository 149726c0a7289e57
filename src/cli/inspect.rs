//! `sealift inspect`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, ThreadArgs, conditions};
use crate::audit::inspect::{Overview, overview};
use crate::bundle::read;
use crate::trust::verify::InPlace;
use crate::value::printable::Printable;
use crate::value::size::ByteSize;

/// Show what is in a bundle, in place
///
/// Checks the seal, the index and the manifests, and reads nothing else: the same few milliseconds at any size. It
/// does not look at the layers; `sealift verify` does.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.bundle.root()?;
        let watch = term.watch("reading");
        let file = read::open(&self.bundle.bundle)?;
        let place = InPlace::open(file, &root, conditions(&watch, ThreadArgs { threads: None })?)?;
        watch.done();
        term.warn_of(&place.trusted.warnings);
        let overview = overview(&place.trusted, &place.contents.items);
        term.data("bundle", &overview, &human(&overview))
    }
}

fn human(overview: &Overview) -> String {
    let mut text = format!("{}-{}\n", overview.name, overview.version);
    text += &format!("  statement  {}\n", overview.statement);
    text += &format!(
        "  scenario   {}, epoch {}, sequence {}\n",
        overview.scenario, overview.epoch, overview.sequence
    );
    text += &format!("  created    {} by {}\n", overview.created, Printable(&overview.tool));
    if let Some(expires) = overview.expires {
        text += &format!("  expires    {expires}\n");
    }
    text += &format!("  lock       {}\n", overview.lock);
    for signer in &overview.signers {
        text += &format!("  sealed by  {} ({}, key {})\n", signer.name, signer.role, signer.key);
    }
    let totals = overview.totals;
    text += &format!(
        "  holds      {} items in {} blobs, {}\n\n",
        totals.items,
        totals.blobs,
        ByteSize(totals.bytes)
    );
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
        text.push('\n');
    }
    text += "\nnot checked: the contents (`sealift verify` reads every byte)\n";
    text
}
