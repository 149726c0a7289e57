//! `sealift init`

use super::LIMITS;
use super::error::CliError;
use super::term::Term;
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_plan::scenarios::ReferenceScenario;
use sealift_plan::{PlanError, init};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a commented manifest for the content of a directory
///
/// Scans the directory of the manifest. OCI layouts, docker archives, and images referenced by compose files, Kubernetes
/// resources and charts become images; directories of documents and configurations become docs and configs; everything
/// else becomes files. Review and edit the result: nothing is packed yet. With `--scenario`, writes the reference
/// manifest of that scenario, with the parts, configurations and runbooks it refers to.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift init my-site.toml\n  sealift init my-site.toml --images images.txt\n  \
                  sealift init site/my-site.toml --scenario air-gapped"
)]
pub(super) struct Args {
    /// The manifest to write; it must not exist yet
    manifest: PathBuf,
    /// A list of images to pull, one reference per line
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Write the reference manifest for this scenario, with the files it refers to
    #[arg(long, value_name = "NAME", conflicts_with = "images")]
    scenario: Option<Reference>,
}

/// The reference scenarios.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reference {
    /// A second server for when the first one cannot be trusted
    OutOfBand,
    /// A lead organisation, and partners from whom some content is withheld
    MissionPartner,
    /// An enterprise and its edge sites, with intermittent links
    Ddil,
    /// Alongside Teams and Outlook, also in national clouds
    SovereignMicrosoft,
    /// No connection to the internet
    AirGapped,
}

impl Reference {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfBand => "out-of-band",
            Self::MissionPartner => "mission-partner",
            Self::Ddil => "ddil",
            Self::SovereignMicrosoft => "sovereign-microsoft",
            Self::AirGapped => "air-gapped",
        }
    }
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let manifest = &self.manifest;
        if manifest.symlink_metadata().is_ok() {
            return Err(CliError::ManifestExists { path: manifest.clone() });
        }
        if let Some(scenario) = self.scenario {
            return self.reference(term, scenario);
        }
        let folder = atomic_file::folder_of(manifest);
        let watch = term.watch("scanning");
        let pulled = match &self.images {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| PlanError::Unreadable { path: path.clone(), source })?;
                init::references(&text, path)?
            }
            None => Vec::new(),
        };
        let text = init::manifest_for(
            folder,
            &name_for(manifest),
            (self.images.as_deref(), &pulled),
            &LIMITS,
            &watch,
        )?;
        drop(watch);
        atomic_file::write_new(manifest, text.as_bytes(), 0o644)
            .map_err(|source| CliError::Write { path: manifest.clone(), source })?;
        let shown = manifest.display();
        term.data("manifest", &json!({ "file": manifest }), &format!("{shown}\n"))?;
        term.say(&format!("next: review and edit {shown}, then: sealift lock {}", quoted(manifest)));
        Ok(())
    }
}

impl Args {
    fn reference(&self, term: &Term, scenario: Reference) -> Result<(), CliError> {
        let manifest = &self.manifest;
        let found = ReferenceScenario::of(scenario.as_str())?;
        found.write(manifest)?;
        let (shown, count) = (manifest.display(), found.count());
        let value = json!({ "file": manifest, "scenario": scenario.as_str(), "beside": count });
        let text =
            format!("{shown}\n  scenario   {}, with {}\n", scenario.as_str(), counted(count as u64, "file"));
        term.data("manifest", &value, &text)?;
        let mut next = format!("sealift lock {}", quoted(manifest));
        if let Some(first) = found.variants.first() {
            next += &format!(" --variant {first}");
        }
        if let Some((_, others)) = found.variants.split_first().filter(|(_, others)| !others.is_empty()) {
            next += &format!("   (or {})", others.join(", "));
        }
        term.say(&format!(
            "next: fill the directories below `content` as described in their README.md, then: {next}"
        ));
        Ok(())
    }
}

/// Derives a bundle name from the manifest's file name.
fn name_for(manifest: &Path) -> Name {
    let stem = manifest.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    name.parse().or_else(|_| "my-site".parse()).unwrap_or_else(|_| unreachable!("`my-site` is a name"))
}
