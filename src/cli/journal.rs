//! `sealift journal`

use super::LIMITS;
use super::error::CliError;
use super::term::Term;
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::word_fingerprint::{TypedFingerprint, WordFingerprint};
use sealift_site::SiteError;
use sealift_site::handle::Site;
use sealift_site::journal::{Journal, JournalEntry, JournalHead};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Verify and export the journal of a site
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Verify the hash chain of the journal, and that its head is the one recorded by the site
    Verify {
        /// The directory of the site, or an exported journal
        site: PathBuf,
        /// A head recorded earlier or in a receipt, which the journal must contain: ten words, or 64 digits
        #[arg(long, value_name = "WORDS")]
        head: Vec<TypedFingerprint>,
        /// An earlier export, with which the journal must begin
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Write the journal to standard output, one JSON document per line
    Export {
        /// The directory of the site
        site: PathBuf,
    },
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Verify { site, head, since } => verify(term, &site, &head, since.as_deref()),
            Verb::Export { site } => {
                let site = Site::look(&site, &LIMITS)?;
                let path = site.journal();
                let bytes = atomic_file::read_bounded(&path, u64::MAX - 1)
                    .map_err(|source| SiteError::JournalRead { path, source })?;
                term.bytes(&bytes)?;
                term.say(&format!(
                    "ends with entry {}: {}",
                    site.head.entries,
                    WordFingerprint(site.head.digest)
                ));
                Ok(())
            }
        }
    }

    pub(super) fn site(&self) -> &Path {
        let (Verb::Verify { site, .. } | Verb::Export { site }) = &self.verb;
        site
    }
}

fn verify(
    term: &Term,
    place: &Path,
    heads: &[TypedFingerprint],
    since: Option<&Path>,
) -> Result<(), CliError> {
    let mut earlier: Vec<Digest> = Vec::new();
    if let Some(since) = since {
        Journal::read(since, |_, head| earlier.push(head.digest))?;
    }
    let (mut passed, mut fork) = (vec![None; heads.len()], None);
    let mut lines = String::new();
    let each = |entry: &JournalEntry, head: &JournalHead| {
        for (at, typed) in passed.iter_mut().zip(heads) {
            if typed.is_of(&head.digest) {
                *at = Some(head.entries);
            }
        }
        let before = usize::try_from(head.entries - 1).ok().and_then(|at| earlier.get(at));
        if before.is_some_and(|before| *before != head.digest) && fork.is_none() {
            fork = Some(head.entries);
        }
        lines += &format!("  {:>4}  {}  {}\n", entry.number, entry.time, entry.act);
    };
    let journal = if place.is_dir() {
        let site = Site::look(place, &LIMITS)?;
        Journal::read(&site.journal(), each)?
    } else {
        Journal::read(place, each)?
    };
    if let Some(entry) = fork {
        return Err(SiteError::JournalFork { entry }.into());
    }
    if journal.head.entries < earlier.len() as u64 {
        let (expected, found) = (earlier.len() as u64, journal.head.entries);
        return Err(SiteError::JournalShort { expected, found }.into());
    }
    for (at, typed) in passed.iter().zip(heads) {
        if let Some(at) = at {
            lines += &format!("passed entry {at}, which is `{typed}`\n");
        }
    }
    if let Some((_, missing)) = passed.iter().zip(heads).find(|(at, _)| at.is_none()) {
        return Err(SiteError::NotPassed { head: missing.to_string() }.into());
    }
    for (typed, at) in heads.iter().zip(&passed) {
        let Some(at) = at else { continue };
        lines += &match journal.head.entries - at {
            0 => format!("matches: the journal ends with `{typed}`, entry {at}\n"),
            later => {
                format!("matches: the journal contains `{typed}` at entry {at}, {later} before its end\n")
            }
        };
    }
    if since.is_some() {
        let entries = counted(earlier.len() as u64, "entry").replace("entrys", "entries");
        lines += &format!("matches: the journal begins with the {entries} of the earlier export\n");
    }
    let words = WordFingerprint(journal.head.digest).to_string();
    let text = format!(
        "{lines}{}, hash chain verified\n  ends with  {words}\n             {}\n",
        counted(journal.head.entries, "entry").replace("entrys", "entries"),
        journal.head.digest
    );
    let value = json!({
        "verdict": "whole", "journal": journal.head, "journal_words": words, "passed": passed,
        "site": journal.last.state.site,
    });
    term.data("journal", &value, &text)
}
