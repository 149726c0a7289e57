//! `sealift load`

use super::error::CliError;
use super::source::SourceArgs;
use super::term::Term;
use super::{LIMITS, ThreadArgs, inspection_conditions};
use sealift_bundle::format::atomic_file;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;
use sealift_registry::destination::{Destination, PushOutcome, ReferrerSupport, TargetNames};
use sealift_registry::load::Load;
use sealift_registry::settings::{self, Origin};
use sealift_registry::{Client, RegistryError};
use std::path::PathBuf;

/// Verify a bundle and push its images to the site's registry
///
/// Pushes directly from the bundle, without unpacking it. Blobs that the registry already has are skipped, so an
/// interrupted load can be resumed by running it again. The new names are written to `mapping.json`, together with
/// configuration for containerd, podman, CRI-O, Docker and Kubernetes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift load air-gapped-2026.11.0.sealift --trust root.json --registry registry.site:5000\n  \
    sealift load air-gapped-2026.11.0.sealift --trust root.json --registry registry.site/mirror --ca-cert site-ca.pem"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// The registry, and an optional prefix for its repositories
    #[arg(long = "registry", value_name = "HOST[:PORT][/PREFIX]", value_parser = destination)]
    to: (String, String),
    /// Push only the image of this item; repeatable
    #[arg(long, value_name = "ITEM")]
    only: Vec<String>,
    /// Keep the original registry in the new image name
    #[arg(long)]
    full_names: bool,
    /// Push only this platform of an incomplete index that the registry rejects
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Handling of signatures, attestations and SBOMs of the images
    #[arg(long, value_name = "WHAT", default_value = "push")]
    referrers: Carried,
    /// Directory for mapping.json and the configuration [default: NAME-VERSION.load]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Handling of artifacts that refer to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Carried {
    /// Push them with their image
    Push,
    /// Do not push them
    Leave,
}

/// A writable directory. If it was created here and stays empty, it is removed again.
struct Prepared {
    folder: PathBuf,
    made: bool,
    used: bool,
}

impl Prepared {
    fn new(folder: PathBuf) -> Result<Self, CliError> {
        let failed = |source| CliError::Write { path: folder.clone(), source };
        let made = !folder.exists();
        std::fs::create_dir_all(&folder).map_err(failed)?;
        tempfile::tempfile_in(&folder).map_err(failed)?;
        Ok(Self { folder, made, used: false })
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if self.made && !self.used {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

fn destination(text: &str) -> Result<(String, String), String> {
    if text.contains("://") {
        return Err("expected a host without `https://`".to_owned());
    }
    let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
    let prefix = prefix.trim_end_matches('/');
    // Parsed as an image reference, which defines host and repository.
    let probe = if prefix.is_empty() { format!("{host}/x") } else { format!("{host}/{prefix}/x") };
    match probe.parse::<sealift_bundle::value::image_name::ImageName>() {
        Ok(name) if name.registry() == Some(host) => Ok((host.to_owned(), prefix.to_owned())),
        Ok(_) => Err(format!(
            "invalid registry host `{host}`: for a name without a dot, add a port, for example `{host}:443`"
        )),
        Err(error) => Err(error.to_string()),
    }
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.source.bundle.root()?;
        let watch = term.watch("loading");
        let approvals = self.source.bundle.approvals()?;
        let conditions = Conditions {
            approvals: ApprovalCheck::Demanded(&approvals),
            ..inspection_conditions(&watch, self.threads)?
        };
        let file = self.source.open()?.into_file(&watch)?;
        let place = OpenBundle::open(file, &root, conditions)?;
        term.warn_of(place.trusted.warnings());
        let predicate = &place.trusted.statement().predicate;
        let origin = Origin {
            bundle: format!("{}-{}", predicate.name, predicate.version),
            statement: place.trusted.id(),
        };
        // Before the first request: a load whose mapping cannot be written is of no use.
        let folder = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.load", origin.bundle)));
        let mut prepared = Prepared::new(folder)?;
        let client = Client::new(self.source.registry.access())?;
        let destination = Destination {
            host: self.to.0.clone(),
            prefix: self.to.1.clone(),
            names: if self.full_names { TargetNames::Full } else { TargetNames::Path },
            referrers: match self.referrers {
                Carried::Push => ReferrerSupport::Push,
                Carried::Leave => ReferrerSupport::Leave,
            },
            fallback: self.platform.clone(),
        };
        let load = Load {
            place: &place,
            client: &client,
            destination: &destination,
            limits: &LIMITS,
            watch: &watch,
        };
        let outcome = load.run(&self.only)?;
        prepared.used = true;
        let folder = &prepared.folder;
        drop(place);
        drop(watch);
        let plain = client.is_plain(&destination.host);
        for (name, text) in settings::all(&origin, &destination, &outcome, plain) {
            let path = folder.join(name);
            let failed = |source| CliError::Write { path: path.clone(), source };
            std::fs::create_dir_all(atomic_file::folder_of(&path)).map_err(failed)?;
            atomic_file::replace(&path, text.as_bytes()).map_err(failed)?;
        }
        term.data("loaded", &outcome, &human(&outcome))?;
        term.say(&format!("configuration for this site: {}", folder.display()));
        let missing = outcome.loaded.iter().map(|image| image.referrers_not_pushed.len()).sum();
        match (outcome.refused.is_empty(), missing) {
            (true, 0) => return Ok(()),
            (true, missing) => return Err(RegistryError::WithoutReferrers { missing }.into()),
            (false, _) => {}
        }
        let of = outcome.loaded.len() + outcome.refused.len();
        let missing = outcome.refused.into_iter().map(|refused| refused.name).collect();
        Err(RegistryError::Incomplete { missing, of }.into())
    }
}

fn human(outcome: &PushOutcome) -> String {
    if outcome.loaded.is_empty() && outcome.refused.is_empty() {
        return "nothing to load: the bundle has no images\n".to_owned();
    }
    let mut text = String::new();
    for image in &outcome.loaded {
        text += &format!("{}\n  -> {}\n     {}\n", image.from, image.to, image.digest);
        if let Some(index) = image.index {
            text += &format!(
                "     one platform of the index {index}: the digest differs from that of the index\n"
            );
        }
        if let Some(replaced) = image.replaced {
            text += &format!("     replaced {replaced} under this tag\n");
        }
        if image.referrers > 0 {
            text += &format!("     with {}\n", counted(image.referrers as u64, "referrer"));
        }
        for referrer in &image.referrers_not_pushed {
            text += &format!("     referrer {} not pushed: {}\n", referrer.digest, referrer.reason);
        }
    }
    for image in &outcome.refused {
        text += &format!("{}\n  not pushed: {}\n", image.from, image.reason);
    }
    let sent = ByteSize(outcome.sent_bytes);
    text += &format!(
        "pushed {}, {sent}; {} already in the registry\n",
        counted(outcome.sent, "blob"),
        outcome.present
    );
    text
}
