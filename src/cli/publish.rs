//! `sealift publish`

use super::error::CliError;
use super::registry::RegistryArgs;
use super::source::Address;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions};
use sealift_bundle::format::member_reader;
use sealift_bundle::next_step;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::size::ByteSize;
use sealift_registry::publish::publish;
use sealift_registry::{Client, RegistryError};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Push a bundle to a registry, with its seal as a referrer
///
/// The bundle is verified first and pushed as an index of its items. Blobs that the repository already has, for example
/// from an earlier bundle, are skipped. Its images can be pulled by digest; `verify`, `unpack`, `load` and `pull` read
/// the bundle back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift publish air-gapped-2026.11.0.sealift oci://registry.site:5000/bundles/air-gapped \
    --trust root.json"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// Target, like `oci://registry.site/bundles/air-gapped:2026.11.0` [default tag: bundle version]
    to: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.bundle.root()?;
        let file = member_reader::open(&self.bundle.bundle)?;
        let to = Address::of(&self.to)?.ok_or_else(|| CliError::Usage {
            message: format!("invalid registry address {}", quoted(&self.to)),
            hint: Some(next_step!["use the form `oci://registry.site:5000/bundles/air-gapped`"]),
        })?;
        put(term, (file, None), &root, &to, &self.registry, self.threads, &self.bundle.trust)
    }
}

/// Verifies a bundle file and publishes it, if it has the expected statement.
pub(super) fn put(
    term: &Term,
    (file, expected): (File, Option<Digest>),
    root: &PinnedRoot,
    to: &Address,
    registry: &RegistryArgs,
    threads: ThreadArgs,
    trust: &Path,
) -> Result<(), CliError> {
    let watch = term.watch("publishing");
    let place = OpenBundle::open(file, root, inspection_conditions(&watch, threads)?)?;
    if let Some(statement) = expected {
        place.must_be(statement)?;
    }
    term.warn_of(place.trusted.warnings());
    let trusted = place.trusted.clone();
    let client = Client::new(registry.access())?;
    let version = trusted.statement().predicate.version.to_string();
    if to.name.digest().is_some() {
        return Err(RegistryError::Document {
            host: to.repository.host.clone(),
            what: "an address with a digest".to_owned(),
            reason: "the digest follows from the bundle; use a tag".to_owned(),
        }
        .into());
    }
    let tag = to.name.tag().unwrap_or(&version);
    let done = publish(&place, &client, &to.repository, tag, &LIMITS, &watch)?;
    drop(place);
    drop(watch);
    let address = format!("oci://{}:{tag}", to.repository);
    let value = json!({
        "address": address, "index": done.index, "seal": done.seal, "statement": trusted.id(),
        "sent": done.sent, "sent_bytes": done.sent_bytes, "present": done.present,
    });
    let text = format!(
        "{address}\n  statement  {}\n  index      {}\n  seal       {}\n  sent       {}, {}; {} already in the registry\n",
        trusted.id(),
        done.index,
        done.seal,
        counted(done.sent, "blob"),
        ByteSize(done.sent_bytes),
        done.present,
    );
    term.data("published", &value, &text)?;
    term.say(&format!("next: sealift verify {address} --trust {}", quoted(trust)));
    Ok(())
}
