//! `sealift init`

use super::LIMITS;
use super::error::CliError;
use super::term::Term;
use crate::bundle::place;
use crate::plan::{PlanError, init};
use crate::value::name::Name;
use crate::value::words::quoted;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a commented manifest made from what lies in a folder
///
/// Looks through the folder of the manifest: OCI layouts and docker archives become images, folders of documents and
/// configurations docs and configs, everything else files. Read it and change it; nothing is packed by it alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift init my-site.toml\n  sealift init my-site.toml --images images.txt"
)]
pub(super) struct Args {
    /// The manifest to write; it must not exist
    manifest: PathBuf,
    /// A plain list of images to pull, one reference a line
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let manifest = &self.manifest;
        if manifest.symlink_metadata().is_ok() {
            return Err(CliError::ManifestExists { path: manifest.clone() });
        }
        let folder = place::folder_of(manifest);
        let watch = term.watch("looking");
        let pulled = match &self.images {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| PlanError::Unreadable { path: path.clone(), source })?;
                init::references(&text, path)?
            }
            None => Vec::new(),
        };
        let text = init::manifest_for(folder, &name_for(manifest), &pulled, &LIMITS, &watch)?;
        drop(watch);
        place::write_new(manifest, text.as_bytes(), 0o644)
            .map_err(|source| CliError::Write { path: manifest.clone(), source })?;
        let shown = manifest.display();
        term.data("manifest", &json!({ "file": manifest }), &format!("{shown}\n"))?;
        term.say(&format!("next: read {shown}, change it, then: sealift lock {}", quoted(manifest)));
        Ok(())
    }
}

/// A bundle name made from the manifest's file name.
fn name_for(manifest: &Path) -> Name {
    let stem = manifest.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    name.parse().or_else(|_| "my-site".parse()).unwrap_or_else(|_| unreachable!("`my-site` is a name"))
}
