//! `sealift serve`

use super::NO_APPROVALS;
use super::error::CliError;
use super::term::{Term, TerminalProgress};
use super::{LIMITS, now, threads};
use sealift_bundle::format::member_reader;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::{Conditions, OpenBundle};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::progress::{NoProgress, Progress as _};
use sealift_bundle::value::size::ByteSize;
use sealift_registry::serve::{Library, Operator, Options, Server, TlsIdentity};
use serde::Serialize;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Serve bundles as a read-only registry and a web page
///
/// Images can be pulled under their original names, with or without the registry; documents can be read in a browser.
/// The seal, the index and the manifests are verified at the start, everything else when it is served: a response whose
/// content differs from what was signed is never completed. Stop it with Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift serve air-gapped-2026.11.0.sealift --trust root.json\n  \
    sealift serve *.sealift --trust root.json --listen 0.0.0.0:5443 --tls-cert site.pem --tls-key site.key")]
pub(super) struct Args {
    /// The bundle files
    #[arg(required = true)]
    bundles: Vec<PathBuf>,
    /// The trust root; obtain it over another channel than the bundles
    #[arg(long, value_name = "ROOT")]
    trust: PathBuf,
    /// Listen on this address and port; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Serve over TLS with this certificate chain
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Also accept this host name, for example behind a proxy
    ///
    /// A server on a loopback address rejects host names with a dot, which protects it against DNS rebinding by other
    /// web pages.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

#[derive(Serialize)]
struct Listening<'a> {
    url: &'a str,
    port: u16,
    bundles: Vec<Line<'a>>,
    repositories: Vec<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    statement: Digest,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = PinnedRoot::open(&self.trust, &LIMITS)?;
        let threads = threads(None);
        let conditions = Conditions {
            now: now()?,
            threads,
            approvals: ApprovalCheck::SkippedForInspection(&NO_APPROVALS),
            limits: &LIMITS,
            watch: &NoProgress,
        };
        let mut places = Vec::new();
        for bundle in &self.bundles {
            let place = OpenBundle::open(member_reader::open(bundle)?, &root, conditions)?;
            term.warn_of(place.trusted.warnings());
            places.push(place);
        }
        let library = Library::new(places, &LIMITS)?;
        for warning in library.warnings() {
            term.warn(warning);
        }
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => {
                Some(TlsIdentity { certificates: pem(certificates)?, key: private_pem(key)? })
            }
            (_, _) => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        if tls.is_none() && !self.listen.ip().is_loopback() {
            term.warn(
                "plain HTTP on an address that others reach: anyone on that network can read everything here, and \
                 anyone between can change what a client without digests pulls (`--tls-cert`, `--tls-key`)",
            );
        }
        let server = Server::bind(&Options { listen: self.listen, tls, threads, hosts: self.hosts })?;
        announce(term, &library, &format!("{scheme}://{}/", server.address()), server.address().port())?;
        let watch = term.watch("serving");
        // There is no progress to show; it is used only for interruption.
        watch.done();
        server.run(library, &Console { term, watch });
        term.say("stopped");
        Ok(())
    }
}

/// Prints one line per bundle, and the address.
fn announce(term: &Term, library: &Library, url: &str, port: u16) -> Result<(), CliError> {
    let mut text = String::new();
    let mut bundles = Vec::new();
    for (name, place) in library.bundles() {
        let totals = place.trusted.statement().predicate.totals;
        text += &format!(
            "{name}  {}  {} items, {}\n",
            place.trusted.id().short(),
            totals.items,
            ByteSize(totals.bytes)
        );
        bundles.push(Line { name, statement: place.trusted.id() });
    }
    text += &format!("listening on {url}\n");
    let listening = Listening { url, port, bundles, repositories: library.repositories() };
    term.data("listening", &listening, &text)
}

fn pem(path: &Path) -> Result<Vec<u8>, CliError> {
    let hint = "check the path and its permissions";
    std::fs::read(path).map_err(|source| CliError::Input {
        what: format!("`{}`", path.display()),
        source,
        hint,
    })
}

/// Reads a TLS key. It may be group-readable: some systems have a group for TLS servers.
fn private_pem(path: &Path) -> Result<Vec<u8>, CliError> {
    let bytes = pem(path)?;
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o7777);
    let is_private = bytes.windows(11).any(|part| part == b"PRIVATE KEY");
    if is_private && mode & 0o007 != 0 {
        return Err(TrustError::KeyFileMode { path: path.to_owned(), mode }.into());
    }
    Ok(bytes)
}

struct Console<'a> {
    term: &'a Term,
    watch: TerminalProgress,
}

impl Operator for Console<'_> {
    fn warn(&self, line: &str) {
        self.term.warn(line);
    }

    fn is_stopped(&self) -> bool {
        self.watch.is_stopped()
    }
}
