//! `sealift util`

use super::error::CliError;
use super::term::Term;

/// Print shell completions, the manifest schema or the format specification
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the JSON Schema of manifests
    #[cfg(feature = "connected")]
    Schema,
    /// Print the specification of the bundle format
    Format,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        match self.verb {
            Verb::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(shell, &mut super::command(), "sealift", &mut text);
                term.bytes(&text)?;
                term.text("")
            }
            #[cfg(feature = "connected")]
            Verb::Schema => term.text(&sealift_plan::schema::json()),
            Verb::Format => term.text(concat!(
                include_str!("../bundle/FORMAT.md"),
                "\n",
                include_str!("../bundle/RULES.md"),
                "\n",
                include_str!("../bundle/WRITER.md"),
                "\n",
                include_str!("../bundle/POLICY.md"),
                "\n",
                include_str!("../bundle/SITE.md"),
                "\n",
                include_str!("../bundle/CARRIER.md")
            )),
        }
    }
}
