//! Output to the terminal: data to standard output, messages and progress to standard error. No other module prints.

use super::context::Named;
use super::error::CliError;
use super::wrap::wrapped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use sealift_bundle::trust::verify::Warning;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::escaped::escape_json;
use sealift_bundle::value::printable::{Printable, without_deception};
use sealift_bundle::value::progress::Progress;
use serde::Serialize;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Version of the `--json` output: types and keys may be added; removing one requires a new version.
const JSON_VERSION: u32 = 1;

/// The output settings of a command.
#[allow(clippy::struct_excessive_bools, reason = "each is one flag, asked for once at the start")]
pub(super) struct Term {
    json: bool,
    quiet: bool,
    progress: bool,
    color: bool,
    /// Whether the locale can show more than ASCII.
    is_utf8: bool,
    /// The progress bar, if shown; it is suspended while a message is printed.
    bar: Mutex<Option<WeakProgressBar>>,
    stop: Arc<AtomicBool>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Output flags, accepted before and after the verb.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags are what they are; none is a safety switch")]
pub(super) struct TermArgs {
    /// Write JSON lines to standard output
    #[arg(long, global = true, display_order = 100)]
    json: bool,
    /// Print only results and errors
    #[arg(short, long, global = true, display_order = 101)]
    quiet: bool,
    /// Do not show a progress bar
    #[arg(long, global = true, display_order = 102)]
    no_progress: bool,
    /// When to use colors: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        display_order = 103
    )]
    color: Color,
}

impl Term {
    /// Reads the flags and the environment, and installs the signal handlers: Ctrl-C stops the operation.
    pub(super) fn new(args: &TermArgs) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ignored = ignored_signals();
        // A closed terminal (HUP) and Ctrl-\ (QUIT) too: partial files are removed before the process ends.
        let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
        // `nohup` and background jobs of a shell ignore some signals on purpose.
        for signal in signals.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0) {
            // A second signal ends the process at once. Without handlers, the signals have their default effect.
            let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop));
            let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
        }
        let terminal = io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let forced =
            std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let color = match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !no_color && (terminal || forced),
        };
        let progress = terminal && !args.json && !args.quiet && !args.no_progress;
        let bar = Mutex::new(None);
        Self { json: args.json, quiet: args.quiet, progress, color, is_utf8: is_utf8(), bar, stop }
    }

    /// True when standard output carries JSON lines.
    #[must_use]
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a question without a line break.
    pub(super) fn ask(question: &str) {
        let _ = write!(io::stderr(), "{question}");
    }

    /// Prints a message to standard error, unless `--quiet` is given.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            // A closed standard error must not fail the operation.
            self.above_the_bar(|| {
                let _ = writeln!(io::stderr(), "{line}");
            });
        }
    }

    /// Writes to standard error while the progress bar is suspended.
    fn above_the_bar(&self, write: impl FnOnce()) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref().and_then(WeakProgressBar::upgrade) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Prints a warning; `--quiet` does not silence it.
    pub(super) fn warn(&self, line: &str) {
        self.above_the_bar(|| {
            let _ = writeln!(io::stderr(), "{} {line}", self.paint("warning:", "33"));
        });
    }

    /// Prints the warnings of a verification.
    pub(super) fn warn_of(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.warn(&warning.to_string());
        }
    }

    /// Prints a result: text, or with `--json` one JSON object of this type.
    pub(super) fn data<T: Serialize>(&self, kind: &str, value: &T, text: &str) -> Result<(), CliError> {
        if !self.json {
            let width =
                rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
            // No width: not a terminal, or one that does not report it.
            return if width == 0 { self.text(text) } else { self.text(&wrapped(text, width)) };
        }
        let mut line = json!({ "type": kind, "version": JSON_VERSION });
        if let (Some(line), Ok(serde_json::Value::Object(value))) =
            (line.as_object_mut(), serde_json::to_value(value))
        {
            line.extend(value);
        }
        self.text(&escape_json(&format!("{line}\n")))
    }

    /// Writes text to standard output. A closed pipe (`| head`) is not an error.
    pub(super) fn text(&self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes()).and_then(|()| match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| CliError::Output { source }),
        })
    }

    /// Writes bytes to standard output.
    #[allow(clippy::unused_self, reason = "all output goes through the terminal")]
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        match io::stdout().write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| CliError::Output { source }),
        }
    }

    /// Prints an error: message, causes, subject and next step.
    pub(super) fn fail(&self, error: &CliError, named: &Named) {
        if self.json {
            return fail_in_json(error, named);
        }
        let code = error.code();
        let message = without_deception(&error.to_string());
        let mut text = format!("{} {message}\n", self.paint(&format!("error[{code}]:"), "31;1"));
        for cause in causes(error) {
            text += &format!("  because: {}\n", without_deception(&cause));
        }
        if let Some(subject) = named.subject(error) {
            text += &format!("  in: {}\n", Printable(subject));
        }
        if let Some(hint) = named.next_step(error) {
            text += &format!("  {} {hint}\n", self.paint("next:", "36"));
        }
        text += &format!("  {} sealift explain {code}\n", self.paint("more:", "36"));
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Applies a style where colours are enabled; colour never carries meaning alone.
    #[must_use]
    pub(super) fn paint(&self, text: &str, style: &str) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Starts a progress bar, and reports interruption to the operation.
    #[must_use]
    pub(super) fn watch(&self, what: &str) -> TerminalProgress {
        let target =
            if self.progress { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        // The bar takes the rest of the line, so that no terminal wraps it.
        let style = "{msg:10} {wide_bar} {binary_bytes:>11} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(if self.is_utf8 { style } else { style.progress_chars("=> ") });
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
        bar.set_message(what.to_owned());
        TerminalProgress { bar, color: self.color, stop: Arc::clone(&self.stop) }
    }
}

/// The signals ignored at process start, one bit per signal from the lowest.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or_default()
}

/// Whether the locale can show more than ASCII: the first of these that is set decides, as in C.
fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Prints an error without control characters or escape sequences.
pub(super) fn fail_plainly(text: &str) {
    let _ = io::stderr().write_all(without_deception(text).as_bytes());
}

/// Prints an error as one JSON line.
pub(super) fn fail_in_json(error: &CliError, named: &Named) {
    let code = error.code();
    let line = json!({
        "type": "error", "version": JSON_VERSION, "code": code.as_str(), "message": error.to_string(),
        "causes": causes(error), "subject": named.subject(error), "hint": named.next_step(error),
        "exit": code.class().exit(),
    });
    let _ = writeln!(io::stdout(), "{}", escape_json(&line.to_string()));
}

/// The causes of an error, without those whose text the message already contains.
fn causes(error: &CliError) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            causes.push(text.clone());
        }
        said = text;
        source = cause.source();
    }
    causes
}

/// The progress bar of a running operation.
pub(super) struct TerminalProgress {
    bar: ProgressBar,
    color: bool,
    stop: Arc<AtomicBool>,
}

impl TerminalProgress {
    /// Removes the bar before further output.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for TerminalProgress {
    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn expect(&self, total: u64) {
        // The position restarts at zero: some operations have two phases.
        self.bar.set_position(0);
        self.bar.set_length(total);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn note(&self, text: &str) {
        let text = without_deception(text);
        let word = if self.color { "\x1b[33mwarning:\x1b[0m" } else { "warning:" };
        self.bar.suspend(|| drop(writeln!(io::stderr(), "{word} {text}")));
    }
}

impl Drop for TerminalProgress {
    fn drop(&mut self) {
        self.done();
    }
}
