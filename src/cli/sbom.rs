//! `sealift sbom`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, threads, write};
use sealift_audit::analysis::{FileDigests, observe};
use sealift_audit::sbom::carried::{CarriedSbom, Comparison, carried};
use sealift_audit::sbom::{Subject, cyclonedx, spdx};
use sealift_bundle::inspect::overview;
use sealift_bundle::value::escaped::escape_json;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use std::path::{Path, PathBuf};

/// Maximum number of packages shown per list.
const SHOWN: usize = 20;

/// Write the SBOM of a bundle
///
/// Lists the packages observed in the layers (dpkg, apk, rpm, Go, Python, npm, Java and Rust), with licences as found.
/// SBOMs attached to the images are compared with it, and can be exported with `--carried`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift sbom air-gapped-2026.11.0.sealift --trust root.json -o air-gapped.cdx.json\n  sealift sbom air-gapped-2026.11.0.sealift --trust root.json --format spdx | jq '.packages | length'"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// Output format: CycloneDX 1.6 or SPDX 2.3, as JSON
    #[arg(long, value_name = "FORMAT", default_value = "cyclonedx")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Export the SBOMs attached to the images, unchanged, to this new directory
    #[arg(long, value_name = "NEW-DIR")]
    carried: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Cyclonedx,
    Spdx,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let threads = threads(self.threads.threads);
        let (overview, analysis, carried) = self.bundle.in_place(term, |place| {
            let analysis = observe(place, FileDigests::Left, threads, &LIMITS)?;
            let carried = carried(place, &analysis, &LIMITS)?;
            Ok((overview(&place.trusted, &place.contents.items), analysis, carried))
        })?;
        let subject = Subject { overview: &overview, analysis: &analysis };
        let bill = match self.format {
            Format::Cyclonedx => cyclonedx(subject),
            Format::Spdx => spdx(subject),
        };
        let text = escape_json(&format!("{bill:#}\n"));
        match &self.output {
            Some(path) => write(path, text.as_bytes())?,
            None => term.text(&text)?,
        }
        if let Some(folder) = &self.carried {
            keep(folder, &carried)?;
        }
        term.say(&format!("{} observed", counted(subject.packages() as u64, "package")));
        for one in &carried {
            say(term, one);
        }
        match analysis.unchecked.len() {
            0 => {}
            gaps => term.warn(&format!(
                "{} not analyzed: `sealift analyze` lists them",
                counted(gaps as u64, "part")
            )),
        }
        Ok(())
    }
}

fn keep(folder: &Path, carried: &[CarriedSbom]) -> Result<(), CliError> {
    std::fs::create_dir(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
    for one in carried {
        let Some(bytes) = &one.bytes else { continue };
        let path = folder.join(format!("{}-{}.json", one.item, one.digest.short()));
        if !path.exists() {
            write(&path, bytes)?;
        }
    }
    Ok(())
}

fn say(term: &Term, one: &CarriedSbom) {
    let name =
        format!("SBOM {} attached to {} ({})", one.digest.short(), one.item, Printable(&one.media_type));
    match &one.comparison {
        Comparison::NotCompared { reason } => {
            term.warn(&format!("{name} was not compared: {}", Printable(reason)));
        }
        Comparison::Compared { agreed, only_observed, only_carried } => {
            term.say(&format!(
                "{name}: {agreed} packages agree, {} only observed, {} only in the SBOM",
                only_observed.len(),
                only_carried.len()
            ));
            for (list, side) in [(only_observed, "only observed"), (only_carried, "only in SBOM ")] {
                for purl in list.iter().take(SHOWN) {
                    term.say(&format!("  {side}  {}", Printable(purl)));
                }
                if list.len() > SHOWN {
                    term.say(&format!("  {side}  and {} more", list.len() - SHOWN));
                }
            }
        }
    }
}
