//! `sealift scan`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, ThreadArgs, now, threads};
use sealift_audit::scan::{
    Bounds, Command, CommandWords, Count, DEEPEST, EngineArg, Ledger, Opening, ScanAccount, ScanOutcome,
    Scanner, ScannerIdentity, SelfTest, Settings, TestMarker, scan, self_test,
};
use sealift_bundle::format::atomic_file;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use sealift_bundle::value::timestamp::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum number of lines shown per list; the ledger has all.
const SHOWN: usize = 20;
/// Maximum size of a marker in bytes.
const MARKER: u64 = 64 << 10;

/// Run a malware scanner over everything in a bundle
///
/// sealift detects no malware itself. It submits each file, document and archive member separately to the scanner of the
/// site, and writes a ledger of what was scanned and what was not. Exit code 0 means that everything was opened and
/// scanned and nothing was found, which is what an approver needs to state the condition `malware-scan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A scanner command exits with 0 for nothing found, 1 for found, and any other code for an error, like clamscan. `{}` in it \
    stands for the path of a file in a private folder; without it, the bytes come on standard input. No shell reads \
    it.\n\nExamples:\n  \
    sealift scan air-gapped-2026.11.0.sealift --trust root.json --engine clamd --ledger scan.json\n  \
    sealift scan air-gapped-2026.11.0.sealift --trust root.json --engine 'clamscan --no-summary {}' \\\n    \
    --engine-version 'clamscan --version'\n  \
    sealift scan --self-test --engine clamd\n  \
    sealift approve air-gapped-2026.11.0.sealift --trust root.json --key carol.key --condition malware-scan"
)]
pub(super) struct Args {
    /// The bundle file
    #[arg(required_unless_present = "self_test")]
    bundle: Option<PathBuf>,
    /// The trust root; obtain it over another channel than the bundle
    #[arg(long, value_name = "ROOT", required_unless_present = "self_test")]
    trust: Option<PathBuf>,
    /// The scanner: `clamd`, `clamd:SOCKET`, `clamd:HOST:PORT`, or a command
    #[arg(long, value_name = "ENGINE")]
    engine: EngineArg,
    /// A command that prints the version of the scanner and its signatures; not needed for clamd
    #[arg(long, value_name = "COMMAND")]
    engine_version: Option<CommandWords>,
    /// Write the ledger to this file
    #[arg(long, value_name = "FILE", conflicts_with = "self_test")]
    ledger: Option<PathBuf>,
    /// Maximum nesting depth of archives to open
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=i64::from(DEEPEST)))]
    depth: u32,
    /// Size in bytes of the largest file the scanner reads completely
    ///
    /// For `clamd`, the lowest of `StreamMaxLength`, `MaxFileSize` and `MaxScanSize`.
    #[arg(long, value_name = "BYTES", default_value_t = 100 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    max_size: u64,
    /// Timeout for the scan of one file
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    #[command(flatten)]
    threads: ThreadArgs,
    /// Test the scanner with a harmless marker in every kind of container
    #[arg(long, conflicts_with_all = ["bundle", "trust"])]
    self_test: bool,
    /// A text or file matched by one of your own signatures [default: the EICAR test file]
    #[arg(long, value_name = "FILE|TEXT", requires = "self_test")]
    marker: Option<String>,
}

impl Args {
    /// The bundle, unless this is a self-test.
    pub(super) fn bundle(&self) -> Option<BundleArgs> {
        let (bundle, trust) = (self.bundle.clone()?, self.trust.clone()?);
        Some(BundleArgs { bundle, trust, approvals: Vec::new() })
    }

    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let bundle = self.bundle();
        let opening = Opening {
            patience: Duration::from_secs(u64::from(self.timeout)),
            scratch: std::env::temp_dir(),
            version: self.engine_version,
        };
        let engine = open(self.engine, opening)?;
        let started = now()?;
        // If the clock leaves the supported range during the scan, the start time is used.
        let clock = || now().unwrap_or(started);
        let settings = Settings {
            depth: self.depth,
            max_size: self.max_size,
            threads: threads(self.threads.threads),
            bounds: Bounds::v1(),
            clock: &clock as &dyn Fn() -> Timestamp,
        };
        match bundle {
            Some(bundle) => run_scan(term, &bundle, &*engine, &settings, self.ledger.as_deref()),
            None => run_self_test(term, &*engine, &settings, self.marker.as_deref()),
        }
    }
}

fn run_scan(
    term: &Term,
    bundle: &BundleArgs,
    engine: &dyn Scanner,
    settings: &Settings<'_>,
    file: Option<&Path>,
) -> Result<(), CliError> {
    if let Some(file) = file {
        writable(file)?;
    }
    let ledger = bundle.in_place(term, |place| {
        let watch = term.watch("scanning");
        Ok(scan(place, engine, settings, &watch)?)
    })?;
    term.data("scan", &ledger, &human(&ledger))?;
    if let Some(file) = file {
        let write = |source| CliError::Write { path: file.to_owned(), source };
        let bytes = ledger.encode().map_err(|error| write(io::Error::other(error)))?;
        atomic_file::write_out(file, &bytes).map_err(write)?;
        term.say(&format!("{}: the ledger", quoted(file)));
    }
    Ok(ledger.judge()?)
}

/// Checked before the scan, which can take an hour.
fn writable(file: &Path) -> Result<(), CliError> {
    let folder = atomic_file::folder_of(file);
    let write = |source| CliError::Write { path: file.to_owned(), source };
    if file.is_dir() {
        return Err(write(io::ErrorKind::IsADirectory.into()));
    }
    if !folder.is_dir() {
        return Err(write(io::ErrorKind::NotFound.into()));
    }
    Ok(())
}

fn run_self_test(
    term: &Term,
    engine: &dyn Scanner,
    settings: &Settings<'_>,
    marker: Option<&str>,
) -> Result<(), CliError> {
    let marker = match marker {
        None => TestMarker::eicar(),
        Some(text) if Path::new(text).is_file() => {
            let bytes = atomic_file::read_bounded(Path::new(text), MARKER).map_err(|source| {
                CliError::Input { what: quoted(text), hint: "pass a small file", source }
            })?;
            TestMarker::of(bytes)
        }
        Some(text) => TestMarker::of(text.as_bytes().to_vec()),
    };
    let test = self_test(engine, settings, &marker)?;
    term.data("scan-self-test", &test, &table(&test))?;
    Ok(test.judge()?)
}

fn human(ledger: &Ledger) -> String {
    let ScanAccount { leaves, seen, unseen, opened, opened_and_seen, found, unopened } = ledger.totals;
    let sum = |count: Count| format!("{}, {}", counted(count.count, "file"), ByteSize(count.bytes));
    let verdict = match ledger.outcome {
        ScanOutcome::Clean => "nothing found, everything scanned",
        ScanOutcome::Found => "FOUND",
        ScanOutcome::Incomplete => "nothing found, but not everything was scanned",
        ScanOutcome::EngineFailed => "the scanner failed",
    };
    let mut text = format!("{}-{}: {verdict}\n", ledger.name, ledger.version);
    text += &format!("  statement  {}\n{}", ledger.statement, who(&ledger.engine));
    text += &format!(
        "  submitted  {} of {} and the bundle\n",
        sum(leaves),
        counted(ledger.parts.len() as u64 - 1, "item")
    );
    text += &format!("  scanned    {}\n  unscanned  {}\n", sum(seen), sum(unseen));
    text += &format!(
        "  opened     {}, {} of them also submitted whole; {} not opened (depth {})\n",
        counted(opened.count, "archive"),
        opened_and_seen.count,
        unopened,
        ledger.depth
    );
    text += &format!("  found      {found}\n");
    let lines = ledger.found.iter().map(|found| {
        format!("{}  {} ({})", Printable(&found.signature), Printable(&found.path), found.sha256)
    });
    text += &list("found", lines);
    let lines = ledger.unseen.iter().map(|leaf| {
        format!("{}  {}: {}", Printable(&leaf.path), ByteSize(leaf.bytes), Printable(&leaf.reason))
    });
    text += &list("not scanned", lines);
    let lines = ledger.unopened.iter().map(|archive| {
        format!("{}  {}: {}", Printable(&archive.path), ByteSize(archive.bytes), Printable(&archive.reason))
    });
    text += &list("not opened by sealift (submitted whole; the scanner may have opened it)", lines);
    text
}

fn who(engine: &ScannerIdentity) -> String {
    let mut text = match &engine.version {
        Some(version) => format!("  scanner    {} ({})", Printable(version), Printable(&engine.asked)),
        None => format!("  scanner    {}, version unknown (`--engine-version`)", Printable(&engine.asked)),
    };
    if let (Some(database), Some(dated)) = (&engine.database, &engine.dated) {
        text += &format!("\n  signatures {} of {}", Printable(database), Printable(dated));
    } else if engine.version.is_some() {
        text += "\n  signatures unknown";
    }
    text + "\n"
}

fn list(title: &str, lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(SHOWN);
    if lines.len() == 0 {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for line in lines.take(SHOWN) {
        text += &format!("  {line}\n");
    }
    if more > 0 {
        text += &format!("  and {more} more: `--ledger FILE` lists all\n");
    }
    text
}

fn table(test: &SelfTest) -> String {
    let mut text = format!("self-test\n{}", who(&test.engine));
    text += &format!("  depth      {}\n  largest    {}\n\n", test.depth, ByteSize(test.max_size));
    let width = test.rows.iter().map(|row| row.case.len()).max().unwrap_or_default();
    text += &format!("  {:width$}  alone  with sealift\n", "where the marker is");
    for row in &test.rows {
        let missed = if row.is_missed() { "  MISSED" } else { "" };
        text += &format!("  {:width$}  {:5}  {}{missed}\n", row.case, row.alone.as_str(), row.fed.as_str());
    }
    text += "\nyes: found; no: reported clean; limit: not found, reported as incomplete; -: not applicable\n";
    text
}

fn open(asked: EngineArg, opening: Opening) -> Result<Box<dyn Scanner>, CliError> {
    match asked {
        #[cfg(feature = "clamd")]
        EngineArg::Clamd(place) => Ok(Box::new(sealift_net::clamd::Clamd::new(place, opening.patience)?)),
        #[cfg(not(feature = "clamd"))]
        EngineArg::Clamd(_) => {
            let reason = "this build has no support for `clamd`: the feature `clamd` is disabled";
            Err(sealift_audit::scan::ScanError::Words { asked: "clamd".to_owned(), reason }.into())
        }
        EngineArg::Command(words) => Ok(Box::new(Command::new(words, opening)?)),
    }
}
