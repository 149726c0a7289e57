//! `sealift report`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, conditions};
use crate::audit::account::Account;
use crate::audit::census::observe;
use crate::audit::inspect::overview;
use crate::audit::report::facts::{Facts, evidence};
use crate::audit::report::markdown::markdown;
use crate::audit::report::page::html;
use crate::audit::report::sections::report;
use crate::bundle::member;
use crate::bundle::place;
use crate::bundle::read::{self, Tape};
use crate::trust::approval::Approving;
use crate::trust::verify::{Conditions, Depth, InPlace, Looking, Trusted, receive};
use crate::value::digest::Digest;
use crate::value::size::ByteSize;
use crate::value::words::quoted;
use std::path::{Path, PathBuf};

/// Write one page for whoever approves a bundle
///
/// Reads and proves every byte, opens every layer in place, and writes what was observed, what others signed and what was
/// only typed, each under its own name, and what was not checked. The page needs no network and has no script.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealift report air-gapped-2026.11.0.sealift --trust root.json -o report.html\n  \
    sealift report air-gapped-2026.11.0.sealift --trust root.json --markdown report.md\n  \
    sealift report air-gapped-2026.11.0.sealift --trust root.json --json | jq .sections"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// Write the page to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the same as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        if self.output.is_none() && self.markdown.is_none() && !term.is_json() {
            return Err(CliError::Usage {
                message: "there is nothing to write the report to".to_owned(),
                hint: Some(
                    "name a file for the page with `-o report.html`, or for a ticket with `--markdown`"
                        .to_owned(),
                ),
            });
        }
        let root = self.bundle.root()?;
        let approvals = self.bundle.approvals()?;
        let watch = term.watch("verifying");
        let conditions =
            Conditions { approvals: Approving::Shown(&approvals), ..conditions(&watch, self.threads)? };
        let file = read::open(&self.bundle.bundle)?;
        let mut tape = Tape::file(&file);
        let trusted = Trusted::open(&mut tape, &root, &conditions)?;
        let contents = receive(&trusted, &mut tape, &conditions, &Looking(Depth::Stored))?;
        let account = Account::of(&trusted, &contents, tape.position());
        drop(tape);
        let place = InPlace::open(file, &root, conditions)?;
        let census = observe(&place, conditions.threads, &LIMITS)?;
        let evidence = evidence(&place)?;
        watch.done();
        term.warn_of(&trusted.warnings);
        let overview = overview(&trusted, &contents.items);
        let predicate = &trusted.statement.predicate;
        let sums = trusted.statement.member(member::SHA256SUMS);
        let document = report(&Facts {
            written: conditions.now,
            bundle: &quoted(&self.bundle.bundle),
            trust: &quoted(&self.bundle.trust),
            overview: &overview,
            previous: predicate.previous,
            sums: sums.map_or_else(|| Digest::of(b""), |sums| sums.sha256),
            account: &account,
            census: &census,
            evidence: &evidence,
        });
        let mut text = format!("report of {}-{}\n", overview.name, overview.version);
        for (path, content) in [(&self.output, &html as &dyn Fn(&_) -> String), (&self.markdown, &markdown)] {
            if let Some(path) = path {
                text += &write(path, &content(&document))?;
            }
        }
        term.data("report", &document, &text)
    }
}

/// Writes a file, and says so.
fn write(path: &Path, content: &str) -> Result<String, CliError> {
    place::replace(path, content.as_bytes())
        .map_err(|source| CliError::Write { path: path.to_owned(), source })?;
    Ok(format!("  written    {} ({})\n", quoted(path), ByteSize(content.len() as u64)))
}
