//! The command line: one file a verb. Here, and only here, the clock, the environment and the terminal are asked.

mod approve;
mod args;
mod carrier;
mod cat;
mod census;
#[cfg(feature = "connected")]
mod check;
mod codes;
mod context;
mod cosign;
mod diff;
mod doctor;
mod error;
mod evidence;
mod explain;
mod fleet;
mod inspect;
mod install;
mod journal;
mod key;
mod ls;
mod passphrase;
mod policy;
#[cfg(feature = "registry")]
mod publish;
#[cfg(feature = "registry")]
mod pull;
mod receipt;
mod report;
mod rollback;
mod sbom;
mod scan;
mod site;
mod status;
mod term;
mod tips;
mod trust;
mod unpack;
mod util;
mod verify;
mod waive;
mod wrap;

#[cfg(feature = "connected")]
mod demo;
#[cfg(feature = "connected")]
mod init;
#[cfg(feature = "registry")]
mod load;
#[cfg(feature = "connected")]
mod lock;
#[cfg(feature = "connected")]
mod pack;
#[cfg(feature = "connected")]
mod private;
#[cfg(feature = "registry")]
mod registry;
#[cfg(feature = "connected")]
mod sarif;
#[cfg(feature = "registry")]
mod serve;
mod source;

use args::{BundleArgs, NO_APPROVALS, ThreadArgs, inspection_conditions, threads};
use clap::{Parser, Subcommand};
use context::Named;
use error::CliError;
use sealift_bundle::format::atomic_file;
use sealift_bundle::next_step;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::printable::is_deceptive;
use sealift_bundle::value::timestamp::Timestamp;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;
use term::{Term, TermArgs};

/// Carry documents, container images and configurations across an air gap in one signed bundle
#[derive(Parser)]
#[command(name = "sealift", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done and true, 1 could not, 2 wrong use, 3 not believed, 4 believed but not as \
    wanted, 5 incomplete, 130 interrupted. Any other code is a failure.\n\n\
    Examples:\n  sealift demo\n  sealift verify air-gapped-2026.11.0.sealift --trust root.json"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    term: TermArgs,
}

#[derive(Subcommand)]
enum Verb {
    #[cfg(feature = "connected")]
    /// Show the whole story in a temporary folder: pack, verify, one flipped byte refused, unpack
    Demo(demo::Args),
    /// Write a commented manifest made from what lies in a folder
    #[cfg(feature = "connected")]
    Init(init::Args),
    /// Pin every source of a manifest to digest and size
    #[cfg(feature = "connected")]
    Lock(lock::Args),
    /// Find what would fail at the site
    #[cfg(feature = "connected")]
    Check(check::Args),
    /// Make a sealed bundle from a lock
    #[cfg(feature = "connected")]
    Pack(pack::Args),
    /// Believe a bundle, or say why not
    Verify(verify::Args),
    /// Show what is in a bundle, in place
    Inspect(inspect::Args),
    Census(census::Args),
    /// Write one page for whoever approves a bundle
    Report(report::Args),
    Sbom(sbom::Args),
    /// List the files in a bundle, in place
    Ls(ls::Args),
    /// Write one file of a bundle to standard output, in place
    Cat(cat::Args),
    /// Feed everything in a bundle to this site's malware engine
    Scan(scan::Args),
    /// Show what changed from one bundle to another, the gravest first
    Diff(diff::Args),
    /// Add a packer's signature to a sealed bundle
    Cosign(cosign::Args),
    /// Approve a bundle: sign a file beside it
    Approve(approve::Args),
    /// Judge a bundle by a policy, and show what policies can ask for
    Policy(policy::Args),
    /// Let something through that a policy refuses, for a reason and until a day
    Waive(waive::Args),
    /// Verify a bundle and write what it holds into a new folder
    Unpack(unpack::Args),
    /// Set up a site, and decide whom it trusts
    Site(site::Args),
    /// Verify a bundle and put it into use at a site, in one step or not at all
    Install(install::Args),
    /// Put the release before the one in use into use again
    Rollback(rollback::Args),
    /// Remove the oldest releases that are not in use
    Prune(rollback::Prune),
    /// Show what a site trusts, has installed, and remembers
    Status(status::Args),
    /// Check and export the journal of a site
    Journal(journal::Args),
    /// Make and check receipts: what a site verified and installed, signed by the site
    Receipt(receipt::Args),
    /// Make and check requests: what a site holds, signed by the site
    Request(receipt::RequestArgs),
    /// Show who holds what, from the receipts and requests of many sites
    Fleet(fleet::Args),
    /// Put together what shows in ten years that a bundle was believed, and why
    Evidence(evidence::Args),
    /// Look whether a bundle can be unpacked here, and what to do if not
    Doctor(doctor::Args),
    /// Verify a bundle and push its images into a registry
    #[cfg(feature = "registry")]
    Load(load::Args),
    /// Put a bundle into a registry, as an index with its items and its seal beside it
    #[cfg(feature = "registry")]
    Publish(publish::Args),
    /// Bring a bundle that was published back into a file
    #[cfg(feature = "registry")]
    Pull(pull::Args),
    /// Offer bundles as a read-only registry and a page, in place
    #[cfg(feature = "registry")]
    Serve(serve::Args),
    /// Make and show keys
    Key(key::Args),
    /// Make, change and show trust roots
    Trust(trust::Args),
    /// Explain an error code
    Explain(explain::Args),
    /// Print completions and other things that come with the tool
    Util(util::Args),
}

impl Verb {
    /// What its errors may name.
    fn named(&self) -> Named {
        match self {
            #[cfg(feature = "connected")]
            Self::Lock(args) => Named::Manifest(args.manifest.clone()),
            #[cfg(feature = "connected")]
            Self::Check(args) => Named::Manifest(args.manifest.clone()),
            #[cfg(feature = "connected")]
            Self::Pack(args) => Named::Manifest(args.manifest.clone()),
            #[cfg(feature = "connected")]
            Self::Demo(_) | Self::Init(_) => Named::Nothing,
            Self::Verify(args) => Named::Bundle(args.source.bundle.clone()),
            Self::Inspect(args) => Named::Bundle(args.bundle.clone()),
            Self::Census(args) => Named::Bundle(args.bundle.clone()),
            Self::Report(args) => Named::Bundle(args.bundle.clone()),
            Self::Sbom(args) => Named::Bundle(args.bundle.clone()),
            Self::Ls(args) => Named::Bundle(args.bundle.clone()),
            Self::Cat(args) => Named::Bundle(args.bundle.clone()),
            Self::Scan(args) => args.bundle().map_or(Named::Nothing, Named::Bundle),
            Self::Cosign(args) => Named::Bundle(args.bundle.clone()),
            Self::Approve(args) => Named::Bundle(args.bundle.clone()),
            Self::Policy(args) => {
                args.bundle().map_or(Named::Nothing, |bundle| Named::Bundle(bundle.clone()))
            }
            Self::Waive(args) => Named::Bundle(args.bundle.clone()),
            Self::Unpack(args) => Named::Bundle(args.source.bundle.clone()),
            Self::Site(args) => Named::Site(args.site().to_owned()),
            Self::Install(args) => Named::Site(args.site.clone()),
            Self::Rollback(args) => Named::Site(args.site.clone()),
            Self::Prune(args) => Named::Site(args.site.clone()),
            Self::Status(args) => Named::Site(args.site.clone()),
            Self::Receipt(args) => args.site().map_or(Named::Nothing, |site| Named::Site(site.to_owned())),
            Self::Request(args) => args.site().map_or(Named::Nothing, |site| Named::Site(site.to_owned())),
            Self::Journal(args) => Named::Site(args.site().to_owned()),
            Self::Evidence(args) => Named::Bundle(args.bundle().clone()),
            Self::Doctor(args) => args.named().map_or(Named::Nothing, Named::Bundle),
            #[cfg(feature = "registry")]
            Self::Load(args) => Named::Bundle(args.source.bundle.clone()),
            #[cfg(feature = "registry")]
            Self::Publish(args) => Named::Bundle(args.bundle.clone()),
            #[cfg(feature = "registry")]
            Self::Pull(args) => Named::Bundle(args.source.bundle.clone()),
            #[cfg(feature = "registry")]
            Self::Serve(_) => Named::Nothing,
            Self::Diff(_)
            | Self::Fleet(_)
            | Self::Key(_)
            | Self::Trust(_)
            | Self::Explain(_)
            | Self::Util(_) => Named::Nothing,
        }
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(error),
    };
    no_core_dumps();
    let term = Term::new(&cli.term);
    let named = cli.verb.named();
    let outcome = match cli.verb {
        #[cfg(feature = "connected")]
        Verb::Demo(args) => args.run(&term),
        #[cfg(feature = "connected")]
        Verb::Init(args) => args.run(&term),
        #[cfg(feature = "connected")]
        Verb::Lock(args) => args.run(&term),
        #[cfg(feature = "connected")]
        Verb::Check(args) => args.run(&term),
        #[cfg(feature = "connected")]
        Verb::Pack(args) => args.run(&term),
        Verb::Verify(args) => args.run(&term),
        Verb::Inspect(args) => args.run(&term),
        Verb::Census(args) => args.run(&term),
        Verb::Report(args) => args.run(&term),
        Verb::Sbom(args) => args.run(&term),
        Verb::Ls(args) => args.run(&term),
        Verb::Cat(args) => args.run(&term),
        Verb::Scan(args) => args.run(&term),
        Verb::Diff(args) => args.run(&term),
        Verb::Cosign(args) => args.run(&term),
        Verb::Approve(args) => args.run(&term),
        Verb::Policy(args) => args.run(&term),
        Verb::Waive(args) => args.run(&term),
        Verb::Unpack(args) => args.run(&term),
        Verb::Site(args) => args.run(&term),
        Verb::Install(args) => args.run(&term),
        Verb::Rollback(args) => args.run(&term),
        Verb::Prune(args) => args.run(&term),
        Verb::Status(args) => args.run(&term),
        Verb::Journal(args) => args.run(&term),
        Verb::Receipt(args) => args.run(&term),
        Verb::Request(args) => args.run(&term),
        Verb::Fleet(args) => args.run(&term),
        Verb::Evidence(args) => args.run(&term),
        Verb::Doctor(args) => args.run(&term),
        #[cfg(feature = "registry")]
        Verb::Load(args) => args.run(&term),
        #[cfg(feature = "registry")]
        Verb::Publish(args) => args.run(&term),
        #[cfg(feature = "registry")]
        Verb::Pull(args) => args.run(&term),
        #[cfg(feature = "registry")]
        Verb::Serve(args) => args.run(&term),
        Verb::Key(args) => args.run(&term),
        Verb::Trust(args) => args.run(&term),
        Verb::Explain(args) => args.run(&term),
        Verb::Util(args) => args.run(&term),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term.fail(&error, &named);
            error.code().class().into()
        }
    }
}

/// Keeps keys and passphrases out of core dumps; handlers of dumps such as systemd-coredump keep to this limit too.
///
/// `PR_SET_DUMPABLE` would also keep a debugger of the same user out, who can read the key files anyway, and would take
/// `/dev/fd/N` and `/dev/stdout` away from everybody but root.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Where a sandbox forbids it, there is nothing else to be done about it.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// A command line that is none; also `--help` and `--version`, which are no mistakes.
fn misused(mut error: clap::Error) -> ExitCode {
    tips::add(&mut error);
    let is_json = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
    let text = error.render().to_string();
    if !is_json && error.use_stderr() && text.chars().any(|c| c != '\n' && is_deceptive(c)) {
        // clap repeats what was typed or pasted, escape sequences and all.
        term::fail_plainly(&text);
        return sealift_bundle::value::error_code::Class::WrongUse.into();
    }
    if !is_json || !error.use_stderr() {
        error.exit();
    }
    let mut parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = parts.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let hint = parts.next().map(|hint| hint.trim_start_matches("tip: ").to_owned().into());
    let error = CliError::Usage { message, hint };
    term::fail_in_json(&error, &Named::Nothing);
    error.code().class().into()
}

static LIMITS: Limits = Limits::v1();

/// Writes a file in one step, in the place of one that is there, or into a device or pipe.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    atomic_file::write_out(path, bytes).map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// What the clock says, in whole seconds.
fn now() -> Result<Timestamp, CliError> {
    Timestamp::of(SystemTime::now()).ok_or_else(|| CliError::Usage {
        message: "the clock shows a year that no calendar has".to_owned(),
        hint: Some(next_step!["set the clock: `date -u -s ...`"]),
    })
}
