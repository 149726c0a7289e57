//! `sealift cat`

use super::BundleArgs;
use super::error::CliError;
use super::term::Term;
use sealift_bundle::inspect::cat;
use sealift_bundle::next_step;
use sealift_bundle::trust::verify::{Sink, Verified};
use sealift_bundle::value::next_step::Subject;

/// Write one file of a bundle to standard output
///
/// Reads only the frames that contain the file, and checks each before decoding it. Output of a file with several
/// frames starts before the last frame is checked: use it only if the exit code is 0.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift cat air-gapped-2026.11.0.sealift --trust root.json runbooks/install.md"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// ITEM/PATH, as listed by `sealift ls`
    file: String,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let (item, path) =
            self.file.split_once('/').filter(|(_, path)| !path.is_empty()).ok_or_else(|| {
                CliError::Usage {
                    message: format!("invalid file name: expected ITEM/PATH, found `{}`", self.file),
                    hint: Some(next_step![
                        "list the files: `sealift ls ",
                        Subject::Bundle,
                        " --trust ",
                        Subject::TrustRoot,
                        "`"
                    ]),
                }
            })?;
        self.bundle.in_place(term, |place| cat(place, item, path, Stdout(term)))
    }
}

struct Stdout<'a>(&'a Term);

impl Sink for Stdout<'_> {
    type Error = CliError;

    fn write(&mut self, piece: &Verified<&[u8]>) -> Result<(), CliError> {
        self.0.bytes(piece)
    }

    fn finish(self) -> Result<(), CliError> {
        self.0.text("")
    }
}
