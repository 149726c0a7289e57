//! `sealift pull`

use super::error::CliError;
use super::source::SourceArgs;
use super::term::Term;
use super::{ThreadArgs, inspection_conditions};
use sealift_bundle::format::BundleError;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::next_step;
use sealift_bundle::trust::verify::{Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::plural::quoted;
use serde_json::json;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

/// Download a published bundle into a file
///
/// Verifies the bundle during the download; the file appears only after all of it is verified. It is byte for byte the
/// file that was published.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sealift pull oci://registry.site:5000/bundles/air-gapped:2026.11.0 --trust root.json"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Output directory for NAME-VERSION.sealift
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Keeps what is read from it.
struct Tee<R> {
    reader: R,
    file: std::fs::File,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.file.write_all(buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.source.bundle.root()?;
        let place =
            super::source::Address::of(&self.source.bundle.bundle)?.ok_or_else(|| CliError::Usage {
                message: format!("invalid registry address {}", quoted(&self.source.bundle.bundle)),
                hint: Some(next_step![
                    "use the form `oci://registry.site:5000/bundles/air-gapped:2026.11.0`"
                ]),
            })?;
        let client = sealift_registry::Client::new(self.source.registry.access())?;
        let watch = term.watch("pulling");
        let conditions = inspection_conditions(&watch, self.threads)?;
        let failed = |source| CliError::Write { path: self.output.clone(), source };
        std::fs::create_dir_all(&self.output).map_err(failed)?;
        let file = tempfile::Builder::new().prefix(".pull-").suffix(".partial").tempfile_in(&self.output);
        let file = file.map_err(failed)?;
        let reader = place.reader(&client, &watch)?;
        let tee = Tee { reader, file: file.reopen().map_err(failed)? };
        let mut tape = MemberReader::pipe(tee);
        let trusted = Trusted::open(&mut tape, &root, &conditions)?;
        verify_contents(&trusted, &mut tape, &conditions, &Looking(Depth::Stored))?;
        let size = tape.position();
        drop(tape);
        drop(watch);
        term.warn_of(trusted.warnings());
        let predicate = &trusted.statement().predicate;
        let path = self.output.join(format!("{}-{}.sealift", predicate.name, predicate.version));
        let written = |source| CliError::Write { path: path.clone(), source };
        file.as_file().sync_all().map_err(written)?;
        atomic_file::rename_new(file.path(), &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BundleError::Exists { path: path.clone() }.into(),
            _ => written(error),
        })?;
        atomic_file::sync_folder(&self.output).map_err(written)?;
        let value = json!({ "file": path, "statement": trusted.id(), "size": size });
        let text = format!("{}\n  statement  {}\n  size       {size} bytes\n", path.display(), trusted.id());
        term.data("pulled", &value, &text)?;
        let trust = quoted(&self.source.bundle.trust);
        term.say(&format!("next: sealift unpack {} --trust {trust} --to NEW-DIR", quoted(&path)));
        Ok(())
    }
}
