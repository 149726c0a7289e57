//! The command line, one file per verb; start with `verbs.rs`. Only this module reads the clock, the environment and
//! the terminal; the crates take them as parameters.

mod analyze;
mod approve;
mod args;
mod carrier;
mod cat;

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
mod manual;
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
mod verbs;
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
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
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
use verbs::Verb;

/// Carry documents, container images and configurations across an air gap in one signed bundle
#[derive(Parser)]
#[command(name = "sealift", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 success, 1 failed, 2 usage error, 3 rejected, 4 verified but with findings, \
    5 incomplete, 130 interrupted.\n\n\
    Examples:\n  sealift demo\n  sealift verify air-gapped-2026.11.0.sealift --trust root.json"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    term: TermArgs,
}

/// The clap command, for the parser, the help and the completions.
fn command() -> clap::Command {
    verbs::with_groups(Cli::command())
}

/// Runs the command that the process was started with.
#[must_use]
pub(crate) fn main() -> ExitCode {
    let parsed = command().try_get_matches().and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return misused(error),
    };
    no_core_dumps();
    let term = Term::new(&cli.term);
    let named = cli.verb.named();
    match cli.verb.run(&term) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term.fail(&error, &named);
            error.code().class().into()
        }
    }
}

/// Disables core dumps, which would contain keys and passphrases; dump handlers such as systemd-coredump obey the limit.
///
/// `PR_SET_DUMPABLE` would also stop debuggers of the same user, who can read the key files anyway, but would make
/// `/dev/fd/N` and `/dev/stdout` accessible to root only.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // A sandbox may forbid it; there is no fallback.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Prints a usage error, or the text of `--help` and `--version`, which clap also returns as an error.
fn misused(mut error: clap::Error) -> ExitCode {
    tips::add(&mut error);
    let is_json = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
    let text = error.render().to_string();
    if !is_json && error.use_stderr() && text.chars().any(|c| c != '\n' && is_deceptive(c)) {
        // clap echoes the arguments unescaped, including terminal escape sequences.
        term::fail_plainly(&text);
        return sealift_bundle::value::error_code::Class::Usage.into();
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

/// Writes a file atomically, replacing an existing one, or writes into a device or pipe.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    atomic_file::write_out(path, bytes).map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// The current time, in whole seconds.
fn now() -> Result<Timestamp, CliError> {
    Timestamp::of(SystemTime::now()).ok_or_else(|| CliError::Usage {
        message: "the system clock is outside the supported range of years".to_owned(),
        hint: Some(next_step!["set the clock: `date -u -s ...`"]),
    })
}
