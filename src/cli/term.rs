//! The terminal. Data goes to standard output, talk and progress to standard error, and nothing else prints.

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

/// Version of the JSON lines that `--json` writes: types and keys may come, none may go without a new number.
const JSON_VERSION: u32 = 1;

/// How a command speaks.
#[allow(clippy::struct_excessive_bools, reason = "each is one flag, asked for once at the start")]
pub(super) struct Term {
    json: bool,
    quiet: bool,
    progress: bool,
    color: bool,
    /// Whether the locale can show more than ASCII.
    is_utf8: bool,
    /// The bar on the screen, if there is one: talk must not leave a copy of it behind.
    bar: Mutex<Option<WeakProgressBar>>,
    stop: Arc<AtomicBool>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the flags before or behind the verb ask for.
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
    /// Speaks as the flags and the environment ask; Ctrl-C asks the work to stop.
    pub(super) fn new(args: &TermArgs) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ignored = ignored_signals();
        // A closed terminal (HUP) and Ctrl-\ (QUIT) too: what is half-written is removed before the process ends.
        let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
        // `nohup` and shells that start work behind them ignore some of them on purpose.
        for signal in signals.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0) {
            // Second signal: the person means it. Without the handlers, the signals end the process as always.
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

    /// A question, with the cursor behind it.
    pub(super) fn ask(question: &str) {
        let _ = write!(io::stderr(), "{question}");
    }

    /// Talk: one line for a person.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            // A closed standard error is no reason to stop working.
            self.above_the_bar(|| {
                let _ = writeln!(io::stderr(), "{line}");
            });
        }
    }

    /// Writes to standard error with the bar out of the way.
    fn above_the_bar(&self, write: impl FnOnce()) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref().and_then(WeakProgressBar::upgrade) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Talk about what is allowed and should be said all the same; `--quiet` does not silence it.
    pub(super) fn warn(&self, line: &str) {
        self.above_the_bar(|| {
            let _ = writeln!(io::stderr(), "{} {line}", self.paint("warning:", "33"));
        });
    }

    /// Says everything that verifying found worth saying.
    pub(super) fn warn_of(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.warn(&warning.to_string());
        }
    }

    /// Data: text for a person, or one JSON object of this type for a program.
    pub(super) fn data<T: Serialize>(&self, kind: &str, value: &T, text: &str) -> Result<(), CliError> {
        if !self.json {
            let width =
                rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
            // No width is no terminal, or one that does not tell.
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

    /// Text to standard output. A reader that went away early (`| head`) is no failure.
    pub(super) fn text(&self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes()).and_then(|()| match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| CliError::Output { source }),
        })
    }

    /// Bytes to standard output.
    #[allow(clippy::unused_self, reason = "who speaks has a terminal to speak to")]
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        match io::stdout().write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| CliError::Output { source }),
        }
    }

    /// An error: what, why, where, and what to do next.
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

    /// Text in bold or colour, where there are colours; they never carry meaning alone.
    #[must_use]
    pub(super) fn paint(&self, text: &str, style: &str) -> String {
        if self.color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Watches work: a bar on a terminal, and the wish to stop.
    #[must_use]
    pub(super) fn watch(&self, what: &str) -> TerminalProgress {
        let target =
            if self.progress { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        // The bar takes what the numbers leave of the line, so that no terminal wraps it.
        let style = "{msg:10} {wide_bar} {binary_bytes:>11} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(if self.is_utf8 { style } else { style.progress_chars("=> ") });
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
        bar.set_message(what.to_owned());
        TerminalProgress { bar, color: self.color, stop: Arc::clone(&self.stop) }
    }
}

/// The signals that this process was told to ignore when it was started, one bit each from the lowest on.
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

/// An error as text that cannot do anything to the terminal.
pub(super) fn fail_plainly(text: &str) {
    let _ = io::stderr().write_all(without_deception(text).as_bytes());
}

/// An error as one JSON line.
pub(super) fn fail_in_json(error: &CliError, named: &Named) {
    let code = error.code();
    let line = json!({
        "type": "error", "version": JSON_VERSION, "code": code.as_str(), "message": error.to_string(),
        "causes": causes(error), "subject": named.subject(error), "hint": named.next_step(error),
        "exit": code.class().exit(),
    });
    let _ = writeln!(io::stdout(), "{}", escape_json(&line.to_string()));
}

/// Every cause below an error that says something its effect has not said.
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

/// Work under way.
pub(super) struct TerminalProgress {
    bar: ProgressBar,
    color: bool,
    stop: Arc<AtomicBool>,
}

impl TerminalProgress {
    /// Takes the bar away, so that talk has the line for itself.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for TerminalProgress {
    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn expect(&self, total: u64) {
        // What is expected now begins at nothing: some work has two parts.
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
