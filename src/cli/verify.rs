//! `sealift verify`

use super::error::CliError;
use super::inspect::{head, holds};
use super::source::SourceArgs;
use super::term::Term;
use super::{ThreadArgs, conditions};
use crate::audit::inspect::{Overview, overview};
use crate::trust::approval::Approving;
use crate::trust::verify::{Conditions, Depth, Looking, Trusted, receive};
use crate::value::size::ByteSize;
use crate::value::words::quoted;
use serde::Serialize;

/// Believe a bundle, or say why not
///
/// Reads the whole bundle once, in constant memory; `-` reads it from standard input. Exit code 0 means: sealed by
/// the keys that the trust root asks for, and every byte is the one that was signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift verify air-gapped-2026.11.0.sealift --trust root.json\n  \
    dd if=/dev/nst0 bs=1M | sealift verify - --trust root.json --deep")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Decode every frame as well, and compare every file with its inventory
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Serialize)]
struct Outcome<'a> {
    verdict: &'static str,
    depth: &'static str,
    #[serde(flatten)]
    overview: &'a Overview,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let depth = if self.deep { Depth::Decoded } else { Depth::Stored };
        let root = self.source.bundle.root()?;
        let watch = term.watch("verifying");
        let approvals = self.source.bundle.approvals()?;
        let conditions =
            Conditions { approvals: Approving::Demanded(&approvals), ..conditions(&watch, self.threads)? };
        let source = self.source.open()?;
        let mut tape = source.tape(&watch)?;
        let trusted = Trusted::open(&mut tape, &root, &conditions)?;
        let contents = receive(&trusted, &mut tape, &conditions, &Looking(depth))?;
        let read = tape.position();
        drop(tape);
        drop(watch);
        term.warn_of(&trusted.warnings);
        let overview = overview(&trusted, &contents.items);
        let looked = match depth {
            Depth::Stored => "stored",
            Depth::Decoded => "decoded",
        };
        let text = human(term, &overview, depth, read);
        term.data("verdict", &Outcome { verdict: "believed", depth: looked, overview: &overview }, &text)?;
        if !self.source.bundle.is_pipe() {
            let (bundle, trust) = (quoted(&self.source.bundle.bundle), quoted(&self.source.bundle.trust));
            term.say(&format!("next: sealift unpack {bundle} --trust {trust} --to NEW-FOLDER"));
        }
        Ok(())
    }
}

fn human(term: &Term, overview: &Overview, depth: Depth, bytes: u64) -> String {
    let mut text = format!("{} {}-{}\n", term.paint("believed:", "32;1"), overview.name, overview.version);
    text += &head(overview);
    text += &format!("  created    {}", overview.created);
    text += &overview.expires.map_or_else(|| "\n".to_owned(), |expires| format!(", expires {expires}\n"));
    text += &format!("{}, {}\n", holds(overview.totals), ByteSize(overview.totals.bytes));
    text += &format!("  checked    every one of {bytes} bytes against the seal");
    text += match depth {
        Depth::Stored => "; frames were not decoded (`verify --deep` does)\n",
        Depth::Decoded => "; every frame decoded, every file compared\n",
    };
    text
}
