//! `sealift evidence`

use super::error::CliError;
use super::key::public;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions};
use sealift_audit::components::{ComponentQuery, search};
use sealift_bundle::format::member_reader;
use sealift_bundle::trust::approval::ApprovalCheck;
use sealift_bundle::trust::verify::{Conditions, Depth, OpenBundle};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::word_fingerprint::WordFingerprint;
use sealift_site::SiteError;
use sealift_site::evidence::{Evidence, EvidenceFile, Proven, VERIFY};
use sealift_site::handle::Site;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Export the evidence that a bundle was verified, for later audits
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Verify a bundle and write the evidence about it to a new directory
    ///
    /// Exports seal, statement, trust roots, approvals, keys, the journal of a site, receipts, reports and SBOMs, with a
    /// VERIFY.txt that explains how to check them with only openssl, sha256sum, jq and base64. Input that fails
    /// verification is not exported. The same input gives the same bytes: no export date is recorded.
    #[command(
        after_help = "Example:\n  sealift evidence export air-gapped-2026.11.0.sealift --trust root.json --to evidence \\\n    \
        --site /srv/sealift --receipt receipt.json --key site.pub --report report.html"
    )]
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The target directory; it must be missing or empty
    #[arg(long, value_name = "NEW-DIR")]
    to: PathBuf,
    /// Include the journal of this site
    #[arg(long, value_name = "SITE")]
    site: Option<PathBuf>,
    /// Include a receipt for this bundle; repeatable
    #[arg(long = "receipt", value_name = "FILE", requires = "keys")]
    receipts: Vec<PathBuf>,
    /// The public key of a site, to verify its receipts; repeatable
    #[arg(long = "key", value_name = "SITE.pub")]
    keys: Vec<PathBuf>,
    /// Include a report, unchanged; repeatable
    #[arg(long = "report", value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// Include an SBOM of this bundle (`*.cdx.json`), unchanged; repeatable
    #[arg(long = "sbom", value_name = "FILE")]
    sboms: Vec<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let Verb::Export(export) = self.verb;
        export.run(term)
    }

    pub(super) fn bundle(&self) -> &BundleArgs {
        let Verb::Export(export) = &self.verb;
        &export.bundle
    }
}

impl Export {
    fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.bundle.root()?;
        let keys = self.keys.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
        let receipts = self.receipts.iter().map(|file| Proven::read(file, &keys, &LIMITS));
        let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
        let carried = |files: &[PathBuf]| {
            files.iter().map(|file| EvidenceFile::read(file)).collect::<Result<Vec<_>, _>>()
        };
        let (reports, sboms) = (carried(&self.reports)?, carried(&self.sboms)?);
        let site = self.site.as_deref().map(|site| Site::look(site, &LIMITS)).transpose()?;
        let watch = term.watch("verifying");
        let approvals = self.bundle.approvals()?;
        let conditions = Conditions {
            approvals: ApprovalCheck::Demanded(&approvals),
            ..inspection_conditions(&watch, self.threads)?
        };
        let file = member_reader::open(&self.bundle.bundle)?;
        // The whole bundle is verified first: there is no evidence for a damaged bundle.
        let bundle = OpenBundle::open_whole(file, &root, conditions, Depth::Stored)?;
        watch.done();
        term.warn_of(bundle.trusted.warnings());
        for (path, sbom) in self.sboms.iter().zip(&sboms) {
            refuse_foreign(path, sbom.bytes(), bundle.trusted.id())?;
        }
        let evidence = Evidence {
            bundle: &bundle,
            pinned: &root,
            approvals: approvals.encode()?,
            site: site.as_ref(),
            receipts,
            reports,
            sboms,
            tool: format!("sealift {}", env!("CARGO_PKG_VERSION")),
            limits: &LIMITS,
        };
        let exported = evidence.export(&self.to)?;
        let predicate = &bundle.trusted.statement().predicate;
        let text = format!(
            "exported the evidence about {}-{} to {}: {}\n  statement  {}\n  list       {}\n             {}\n",
            predicate.name,
            predicate.version,
            self.to.display(),
            counted(exported.files, "file"),
            bundle.trusted.id(),
            exported.list,
            WordFingerprint(exported.list)
        );
        let value = json!({ "folder": self.to, "statement": bundle.trusted.id(), "exported": exported });
        term.data("evidence", &value, &text)?;
        term.say(&format!(
            "record the digest of the list elsewhere; to check the evidence, follow {}",
            quoted(self.to.join(VERIFY))
        ));
        Ok(())
    }
}

/// Rejects an SBOM that is not about this bundle.
fn refuse_foreign(path: &Path, bytes: &[u8], expected: Digest) -> Result<(), SiteError> {
    let refuse = |reason: String| Err(SiteError::Evidence { path: path.to_owned(), reason });
    match search(bytes, &ComponentQuery::parse("")) {
        Err(error) => refuse(format!("cannot be read as an SBOM: {error}")),
        Ok(findings) => match findings.statement {
            Some(found) if found == expected => Ok(()),
            Some(found) => refuse(format!("is about another bundle, {found}")),
            None => refuse("does not name its bundle".to_owned()),
        },
    }
}
