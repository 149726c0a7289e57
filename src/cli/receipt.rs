//! `sealift receipt` and `sealift request`

use super::error::CliError;
use super::key::public;
use super::passphrase::{KeyArg, PassphraseArgs};
use super::term::Term;
use super::{LIMITS, now, write};
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::key::{KeyId, Signer};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::word_fingerprint::WordFingerprint;
use sealift_site::handle::Site;
use sealift_site::receipt::{InventoryDetail, RECEIPT_BYTES, Receipt, RenderedOutcome, Request, Signed};
use sealift_site::state::SiteState;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Create and check receipts: what a site installed, signed by the site
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create a receipt for the last installation of a scenario
    New {
        /// The directory of the site
        site: PathBuf,
        #[command(flatten)]
        signing: Signing,
        /// The scenario; required if the site accepts several
        #[arg(long, value_name = "NAME")]
        scenario: Option<Name>,
        /// Create it for the last drill instead of the last installation
        #[arg(long)]
        drill: bool,
        /// Leave out what the store holds
        #[arg(long)]
        without_inventory: bool,
        /// Print a QR code, and write it to FILE.svg
        #[arg(long)]
        qr: bool,
        /// Output file
        #[arg(short, long, value_name = "FILE", default_value = "receipt.json")]
        output: PathBuf,
    },
    /// Verify a receipt and show it
    Check {
        /// The receipt
        file: PathBuf,
        /// The public key of the site
        #[arg(long, value_name = "PUB")]
        key: PathBuf,
    },
}

/// The key of the site.
#[derive(Debug, clap::Args)]
struct Signing {
    /// The secret key of the site, or `agent:PUB` for a key held by an ssh-agent
    #[arg(long, value_name = "KEY")]
    key: KeyArg,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Create and check requests: what a site holds, signed by the site
#[derive(Debug, clap::Args)]
pub(super) struct RequestArgs {
    #[command(subcommand)]
    verb: RequestVerb,
}

#[derive(Debug, clap::Subcommand)]
enum RequestVerb {
    /// Create a request with what the site holds
    New {
        /// The directory of the site
        site: PathBuf,
        #[command(flatten)]
        signing: Signing,
        /// Output file
        #[arg(short, long, value_name = "FILE", default_value = "request.json")]
        output: PathBuf,
    },
    /// Verify a request and show it
    Check {
        /// The request
        file: PathBuf,
        /// The public key of the site
        #[arg(long, value_name = "PUB")]
        key: PathBuf,
    },
}

impl Signing {
    /// Opens the site's signing key and runs `work` with it.
    fn with<T>(
        &self,
        state: &SiteState,
        work: impl FnOnce(&dyn Signer) -> Result<T, TrustError>,
    ) -> Result<T, CliError> {
        let keys = self.passphrase.open(std::slice::from_ref(&self.key))?;
        let key = keys.first().ok_or(TrustError::KeyFileForm { reason: "no key given" })?;
        let found = key.public().id();
        match state.key {
            Some(expected) if expected == found => Ok(work(&**key)?),
            Some(expected) => Err(TrustError::KeyMismatch { expected, found }.into()),
            None => Err(no_key(found)),
        }
    }
}

fn no_key(found: KeyId) -> CliError {
    CliError::Usage {
        message: format!("the site was set up without a key: expected key {found} in its configuration"),
        hint: Some(next_step!["set up the site with `sealift site init ... --key SITE.pub`"]),
    }
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::New { site, signing, scenario, drill, without_inventory, qr, output } => {
                let site = Site::look(&site, &LIMITS)?;
                let inventory =
                    if without_inventory { InventoryDetail::Withheld } else { InventoryDetail::Told };
                let outcome = if drill { RenderedOutcome::Drilled } else { RenderedOutcome::Installed };
                let scenario = match (&scenario, site.state.accepts.as_slice()) {
                    (Some(scenario), _) | (None, [scenario]) => scenario.clone(),
                    (None, _) => site.state.meant(None)?.name.clone(),
                };
                let receipt = site.receipt(&scenario, outcome, inventory, now()?)?;
                let bytes = signing.with(&site.state, |key| receipt.sign(key)?.encode())?;
                write(&output, &bytes)?;
                let code = if qr { Some(code(&bytes, &output)?) } else { None };
                show(term, &receipt, bytes.len(), &output, code.as_deref())?;
                let fits = if bytes.len() <= RECEIPT_BYTES {
                    "fits one QR code"
                } else {
                    "too long for one QR code"
                };
                term.say(&format!("{} in {}: {fits}", counted(bytes.len() as u64, "byte"), quoted(&output)));
                Ok(())
            }
            Verb::Check { file, key } => {
                let (receipt, len) = read::<Receipt>(&file, &key)?;
                show(term, &receipt, len, &file, None)
            }
        }
    }

    pub(super) fn site(&self) -> Option<&Path> {
        match &self.verb {
            Verb::New { site, .. } => Some(site),
            Verb::Check { .. } => None,
        }
    }
}

impl RequestArgs {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let (request, len, file) = match self.verb {
            RequestVerb::New { site, signing, output } => {
                let site = Site::look(&site, &LIMITS)?;
                let request = site.request(now()?)?;
                let bytes = signing.with(&site.state, |key| request.sign(key)?.encode())?;
                write(&output, &bytes)?;
                (request, bytes.len(), output)
            }
            RequestVerb::Check { file, key } => {
                let (request, len) = read::<Request>(&file, &key)?;
                (request, len, file)
            }
        };
        let held: u64 = request.blobs.iter().map(|blob| blob.size).sum();
        let mut text =
            format!("request of `{}` ({}), {}\n", request.name, request.site.short(), request.issued);
        for installed in &request.scenarios {
            text += &format!("  {}  highest {}\n", installed.scenario, installed.highest);
        }
        text += &format!(
            "  holds      {}, {}\n  root       version {}\n  journal    entry {}: {}\n",
            counted(request.blobs.len() as u64, "blob"),
            sealift_bundle::value::size::ByteSize(held),
            request.root_version,
            request.journal.entries,
            WordFingerprint(request.journal.digest)
        );
        term.data("request", &json!({ "file": file, "bytes": len, "request": request }), &text)
    }

    pub(super) fn site(&self) -> Option<&Path> {
        match &self.verb {
            RequestVerb::New { site, .. } => Some(site),
            RequestVerb::Check { .. } => None,
        }
    }
}

fn read<T: Signed>(file: &Path, key: &Path) -> Result<(T, usize), CliError> {
    let key = public(key)?;
    let bytes = atomic_file::read_bounded(file, LIMITS.record.saturating_mul(2)).map_err(|source| {
        CliError::Input {
            what: format!("`{}`", file.display()),
            hint: "pass the file written by the site",
            source,
        }
    })?;
    let found = T::read(&bytes, &key, &LIMITS).map_err(|error| error.in_file(file))?;
    Ok((found, bytes.len()))
}

/// Renders the QR code for the terminal, and writes it to an SVG file for printing.
fn code(bytes: &[u8], output: &Path) -> Result<String, CliError> {
    let code = QrCode::with_error_correction_level(bytes, EcLevel::L).map_err(|_| CliError::Usage {
        message: format!("too large for one QR code: {}", counted(bytes.len() as u64, "byte")),
        hint: Some(next_step!["transfer the file instead"]),
    })?;
    let mut path = output.as_os_str().to_owned();
    path.push(".svg");
    let svg = code.render::<svg::Color<'_>>().min_dimensions(600, 600).build();
    write(Path::new(&path), svg.as_bytes())?;
    // Always dark on light, as many QR readers require.
    let dark = unicode::Dense1x2::Light;
    Ok(code.render::<unicode::Dense1x2>().dark_color(dark).light_color(unicode::Dense1x2::Dark).build())
}

fn show(term: &Term, receipt: &Receipt, len: usize, file: &Path, code: Option<&str>) -> Result<(), CliError> {
    let did = match receipt.outcome {
        RenderedOutcome::Installed => "installed",
        RenderedOutcome::Drilled => "drilled (rehearsed, not installed)",
    };
    let mut text = format!(
        "site `{}` ({}) {did} {} at {}\n  bundle     {}\n             {}\n",
        receipt.name,
        receipt.site.short(),
        receipt.scenario,
        receipt.time,
        receipt.bundle,
        receipt.bundle.statement,
    );
    if let Some(reason) = &receipt.out_of_order {
        text += &format!(
            "  out of order, as permitted by the approvers: {}\n",
            sealift_bundle::value::printable::Printable(reason)
        );
    }
    if let Some(current) = receipt.current.filter(|current| *current != receipt.bundle.statement) {
        text += &format!("  in use     another bundle: {current}\n");
    }
    text += &format!(
        "  root       version {}, {}\n  journal    recorded in entry {}; ended with entry {}: {}\n",
        receipt.under.root_version,
        WordFingerprint(receipt.under.root),
        receipt.entry.entries,
        receipt.journal.entries,
        WordFingerprint(receipt.journal.digest)
    );
    text += &match &receipt.held {
        Some(held) => format!(
            "  holds      {}, {}\n",
            counted(held.blobs, "blob"),
            sealift_bundle::value::size::ByteSize(held.bytes)
        ),
        None => "  holds      (not included)\n".to_owned(),
    };
    text += code.unwrap_or_default();
    if code.is_some() {
        text.push('\n');
    }
    term.data("receipt", &json!({ "file": file, "bytes": len, "receipt": receipt }), &text)
}
