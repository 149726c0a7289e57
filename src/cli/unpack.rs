//! `sealift unpack`

use super::carrier::IdentityArgs;
use super::error::CliError;
use super::install::Open;
use super::source::SourceArgs;
use super::term::Term;
use super::{ThreadArgs, inspection_conditions};
use sealift_bundle::inspect::overview;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::size::ByteSize;
use sealift_site::parameters::Given;
use sealift_site::rendering::{Rendered, Rendering};
use sealift_site::unpack::unpack;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Verify a bundle and write its content to a new directory
///
/// Trees become files below `doc/`, `config/` and `file/`; images become one OCI image layout below `images/`. The
/// directory appears only after everything is verified and written. With `--parameters`, templates are rendered below
/// `rendered/`. With `--identity`, an encrypted bundle is decrypted; the plaintext is written nowhere else.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift unpack air-gapped-2026.11.0.sealift --trust root.json --to site\n  \
    cat /media/*/air-gapped.sealift | sealift unpack - --trust root.json --to site"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// The target directory; it must be missing or empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Values for the template parameters: flat TOML, `name = "text"`
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Serialize)]
struct Outcome<'a> {
    folder: &'a Path,
    files: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<Rendered>,
    #[serde(flatten)]
    overview: &'a sealift_bundle::inspect::Overview,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.source.bundle.root()?;
        let given = self.parameters.as_deref().map(Given::read).transpose()?;
        let watch = term.watch("unpacking");
        let approvals = self.source.bundle.approvals()?;
        let conditions = Conditions {
            approvals: ApprovalCheck::Demanded(&approvals),
            ..inspection_conditions(&watch, self.threads)?
        };
        let source = self.source.open_with(&self.identity, &root, &conditions)?;
        let mut tape = source.tape(&watch)?;
        let unpacked = unpack(&mut tape, &root, &self.to, given.as_ref(), &conditions)?;
        drop(tape);
        drop(watch);
        term.warn_of(unpacked.trusted.warnings());
        let overview = overview(&unpacked.trusted, &unpacked.contents.items);
        let images: Vec<_> = overview.items.iter().filter_map(|item| item.reference.as_deref()).collect();
        let mut text = format!(
            "unpacked {}-{} to {}: {} and {}, {}\n",
            overview.name,
            overview.version,
            self.to.display(),
            counted(unpacked.files, "file"),
            counted(images.len() as u64, "image"),
            ByteSize(unpacked.bytes),
        );
        if let Some(rendering) = &unpacked.rendering {
            text += &super::install::rendered(rendering);
        }
        text += &Open::of(&unpacked.trusted.statement().predicate).text();
        let (files, bytes) = (unpacked.files, unpacked.bytes);
        let rendered = unpacked.rendering.as_ref().map(Rendering::record).transpose()?;
        let outcome = Outcome { folder: &self.to, files, bytes, rendered, overview: &overview };
        term.data("unpacked", &outcome, &text)?;
        let templates = overview.items.iter().filter(|item| item.template);
        let templates: Vec<_> = templates.map(|item| format!("`{}`", item.name)).collect();
        if given.is_none() && !templates.is_empty() {
            term.say(&format!(
                "note: the templates of {} were not rendered; pass `--parameters FILE` to render them",
                templates.join(", ")
            ));
        }
        if let Some(image) = images.first() {
            let mut from = self.to.join("images").into_os_string();
            from.push(format!(":{image}"));
            term.say(&format!(
                "next: skopeo copy oci:{} docker://REGISTRY/{}",
                quoted(from),
                without_registry(image)
            ));
        }
        Ok(())
    }
}

/// The name of an image without its registry and digest.
fn without_registry(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
        Some(_) | None => name,
    }
}
