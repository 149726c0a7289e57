//! Renders one template on its own thread.
//!
//! The engine counts its steps, but not all work: it compares two long texts in one step, and evaluates constants
//! before it starts to count. It cannot be stopped either. So the caller waits for the thread and abandons it when it
//! takes too long or the work is interrupted.

use super::{OUTPUT, TemplateObjection, Unfilled};
use minijinja::{Environment, ErrorKind};
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::progress::Progress;
use sealift_bundle::value::size::ByteSize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long a template may take. What templates are for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(20);
/// Bytes of the stack on which a template is filled.
const STACK: usize = 4 << 20;

pub(super) struct RenderJob {
    pub(super) environment: Environment<'static>,
    /// What the template may name.
    pub(super) known: BTreeSet<String>,
    pub(super) text: String,
}

pub(super) fn run(job: RenderJob, watch: &dyn Progress) -> Result<String, Unfilled> {
    let refused = |reason: String| Unfilled::Refused(TemplateObjection::new(None, reason));
    let (send, made) = sync_channel(1);
    let work = move || {
        // No one waits any more when this fails.
        let _ = send.send(fill(&job));
    };
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map_err(|error| refused(format!("there is no thread to fill it on: {error}")))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match made.recv_timeout(GLANCE) {
            Ok(outcome) => return outcome.map_err(Unfilled::Refused),
            Err(RecvTimeoutError::Timeout) if watch.is_stopped() => return Err(Unfilled::Interrupted),
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(refused(format!("it takes longer than {} seconds", PATIENCE.as_secs())));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(refused("the engine gave up on it; please report this".to_owned()));
            }
        }
    }
}

fn fill(RenderJob { environment, known, text }: &RenderJob) -> Result<String, TemplateObjection> {
    let failed = |error: &minijinja::Error| {
        let reason = match error.kind() {
            ErrorKind::OutOfFuel => "it does more than a template may do".to_owned(),
            kind => {
                let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                format!("it is not a template that can be filled in: {kind}{}", Printable(detail))
            }
        };
        TemplateObjection::new(error.line(), reason)
    };
    let template = environment.template_from_named_str("template", text).map_err(|error| failed(&error))?;
    // Also in parts that these values do not reach: what fails at one site has to fail at each.
    let named: BTreeSet<_> = template.undeclared_variables(false).into_iter().collect();
    if let Some(name) = named.difference(known).next() {
        let reason = match name.as_str() {
            "site" => "it names `site`, and only a site has a name: install it there".to_owned(),
            name => format!("it names `{}`, and the bundle has no such parameter", Printable(name)),
        };
        return Err(TemplateObjection {
            unknown: Some(name.clone()),
            ..TemplateObjection::new(line_with(text, name), reason)
        });
    }
    let mut made = BoundedOutput::default();
    let outcome = template.render_captured_to((), &mut made).map(drop);
    if made.is_full {
        let reason = format!("it makes more than {}, which is the limit", ByteSize(OUTPUT as u64));
        return Err(TemplateObjection::new(None, reason));
    }
    outcome.map_err(|error| failed(&error))?;
    String::from_utf8(made.bytes)
        .map_err(|_| TemplateObjection::new(None, "what it makes is not UTF-8".to_owned()))
}

/// Takes as much as a template may make.
#[derive(Default)]
struct BoundedOutput {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > OUTPUT {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first line that has this word, and rather one with a brace: the engine does not say where it saw it.
fn line_with(text: &str, word: &str) -> Option<usize> {
    let has = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|one| one == word);
    let at = |braces: bool| text.lines().position(|line| has(line) && (!braces || line.contains('{')));
    at(true).or_else(|| at(false)).map(|at| at + 1)
}
