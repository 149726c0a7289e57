//! `sealift ls`

use super::BundleArgs;
use super::error::CliError;
use super::term::Term;
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::inventory::Inventory;
use sealift_bundle::inspect::{EntryLine, inventories};
use sealift_bundle::value::printable::Printable;

/// List the files in a bundle, without unpacking it
///
/// One line per file, directory or link: mode, size, digest and path. The path begins with the name of the item.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// List only this item
    item: Option<String>,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        self.bundle.in_place(term, |place| {
            let trees = inventories(place, self.item.as_deref())?;
            trees.iter().try_for_each(|(item, inventory)| list(term, item.as_str(), inventory))
        })
    }
}

fn list(term: &Term, item: &str, inventory: &Inventory) -> Result<(), CliError> {
    let mut text = String::new();
    for entry in inventory.tree.entries() {
        if term.is_json() {
            term.data("entry", &EntryLine { item, entry }, "")?;
            continue;
        }
        let path = Printable(format!("{item}/{}", entry.path));
        text += &match &entry.node {
            Node::Dir => format!("dir  {:>12}  {:12}  {path}/\n", "-", "-"),
            Node::Link { target } => {
                format!("link {:>12}  {:12}  {path} -> {}\n", "-", "-", Printable(target))
            }
            Node::File { size, sha256, executable } => {
                let mode = if *executable { "0755" } else { "0644" };
                format!("{mode} {size:>12}  {}  {path}\n", sha256.short())
            }
        };
    }
    term.text(&text)
}
