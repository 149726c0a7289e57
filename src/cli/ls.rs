//! `sealift ls`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, ThreadArgs, conditions};
use crate::audit::inspect::{EntryLine, inventories};
use crate::bundle::entry::Node;
use crate::bundle::read;
use crate::trust::verify::InPlace;
use crate::value::printable::Printable;

/// List the files in a bundle, in place
///
/// One line a file, folder or link: mode, size, digest and path, the path beginning with the item.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// Only this item
    item: Option<String>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.bundle.root()?;
        let watch = term.watch("reading");
        let file = read::open(&self.bundle.bundle)?;
        let place = InPlace::open(file, &root, conditions(&watch, ThreadArgs { threads: None })?)?;
        term.warn_of(&place.trusted.warnings);
        for (item, inventory) in inventories(&place, self.item.as_deref())? {
            let mut text = String::new();
            for entry in inventory.tree.entries() {
                let path = format!("{item}/{}", entry.path);
                let line = match &entry.node {
                    Node::Dir => format!("dir  {:>12}  {:12}  {}/\n", "-", "-", Printable(path)),
                    Node::Link { target } => {
                        format!(
                            "link {:>12}  {:12}  {} -> {}\n",
                            "-",
                            "-",
                            Printable(path),
                            Printable(target)
                        )
                    }
                    Node::File { size, sha256, executable } => {
                        let mode = if *executable { "0755" } else { "0644" };
                        format!("{mode} {size:>12}  {}  {}\n", sha256.short(), Printable(path))
                    }
                };
                if term.is_json() {
                    term.data("entry", &EntryLine { item: item.as_str(), entry }, "")?;
                } else {
                    text += &line;
                }
            }
            if !term.is_json() {
                term.text(&text)?;
            }
        }
        Ok(())
    }
}
