//! `sealift trust show`, and the output shared by the other subcommands.

use crate::cli::LIMITS;
use crate::cli::error::CliError;
use crate::cli::term::Term;
use sealift_bundle::trust::key::KeyId;
use sealift_bundle::trust::root_diff::{RootDifference, differences};
use sealift_bundle::trust::root_edit::KeyScope;
use sealift_bundle::trust::root_file::RootFile;
use sealift_bundle::trust::threshold::SignatureTally;
use sealift_bundle::value::plural::quoted;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Indentation of the words of a fingerprint.
const BELOW: &str = "               ";

/// Show a trust root and its fingerprint
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trust root file; its last version is shown
    file: PathBuf,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let file = RootFile::open(&self.file, &LIMITS)?;
        show(term, &file, &self.file)?;
        if file.is_proposal() {
            term.say(&next(&file, &self.file));
        }
        Ok(())
    }
}

/// Prints the written version, the missing signatures and the next command.
pub(super) fn report(term: &Term, file: &RootFile, path: &Path) -> Result<(), CliError> {
    if file.before().is_none() {
        show(term, file, path)?;
    } else {
        let mut value = about(file, path);
        let found = file.before().map(|before| differences(before, file.last())).unwrap_or_default();
        if let Some(value) = value.as_object_mut() {
            value.insert("changes".to_owned(), json!(found));
        }
        let text = format!("{}{}{}", head(file, path), changes(file), signatures(file));
        term.data("proposal", &value, &text)?;
    }
    term.say(&next(file, path));
    Ok(())
}

/// The changes of the last version, if the file has the version before it.
pub(super) fn changes(file: &RootFile) -> String {
    file.before().map(|before| lines(&differences(before, file.last()))).unwrap_or_default()
}

/// Differences, one per line; new keys also in words, for comparison.
pub(super) fn lines(found: &[RootDifference]) -> String {
    let mut text = String::new();
    for one in found {
        text += &format!("  {one}\n");
        if let RootDifference::KeyIn { key, .. } = one {
            text += &format!("{BELOW}{}\n", key.spoken());
        }
    }
    text
}

fn show(term: &Term, file: &RootFile, path: &Path) -> Result<(), CliError> {
    let root = file.last();
    let mut text = head(file, path);
    if let Some(expires) = root.expires() {
        let otherwise = root.policy().expiry;
        text += &format!("  expires      {expires}; when expired: {otherwise}\n");
    }
    if let Some(approvals) = &root.policy().approvals {
        text += &format!("  approvals    {approvals}\n");
    }
    for entry in root.roles() {
        let scope = KeyScope::from(entry);
        text += &format!("  {scope:12} {} of {}\n", entry.threshold(), entry.keys().len());
        for id in entry.keys() {
            let name = root.key(*id).map(|key| key.name().to_string()).unwrap_or_default();
            text += &format!("    {name:10} {id}\n{BELOW}{}\n", id.spoken());
        }
    }
    for id in &root.revoked().keys {
        text += &format!(
            "  revoked key  {id}{}\n",
            former(file, *id).map(|name| format!(" ({name})")).unwrap_or_default()
        );
    }
    for statement in &root.revoked().statements {
        text += &format!("  revoked      {statement}\n");
    }
    text += &signatures(file);
    term.data("root", &about(file, path), &text)
}

fn head(file: &RootFile, path: &Path) -> String {
    let root = file.last();
    let what = if file.is_proposal() { "proposal of trust root" } else { "trust root" };
    format!(
        "{}: {what} version {}, epoch {}, created {}\n  fingerprint  {}\n{BELOW}{}\n",
        path.display(),
        root.version(),
        root.epoch(),
        root.created(),
        file.fingerprint(),
        file.fingerprint().spoken()
    )
}

fn signatures(file: &RootFile) -> String {
    file.tallies().iter().fold(String::new(), |text, tally| text + &format!("  {tally}\n"))
}

/// The name of a revoked key's holder, if an older version in the file has it.
fn former(file: &RootFile, id: KeyId) -> Option<String> {
    file.versions().filter_map(|signed| signed.proposal().key(id)).last().map(|key| key.name().to_string())
}

fn about(file: &RootFile, path: &Path) -> Value {
    let root = file.last();
    let key = |id: &KeyId| {
        let name = root.key(*id).map(|key| key.name().to_string()).unwrap_or_default();
        json!({ "name": name, "id": id.to_string(), "words": id.spoken().to_string() })
    };
    let role = |entry: &sealift_bundle::trust::root::RoleEntry| {
        json!({
            "role": entry.role().to_string(), "threshold": entry.threshold(), "scenarios": entry.scenarios(),
            "keys": entry.keys().iter().map(key).collect::<Vec<_>>(),
        })
    };
    json!({
        "file": path, "state": if file.is_proposal() { "proposal" } else { "holds" },
        "root_version": root.version(), "epoch": root.epoch(), "created": root.created(), "expires": root.expires(),
        "fingerprint": file.fingerprint().digest(), "words": file.fingerprint().spoken().to_string(),
        "roles": root.roles().iter().map(role).collect::<Vec<_>>(),
        "revoked": root.revoked(), "policy": root.policy(),
        "signatures": file.tallies().iter().map(tally).collect::<Vec<_>>(),
    })
}

/// The state of the signatures, as JSON.
pub(super) fn tally(tally: &SignatureTally) -> Value {
    json!({
        "root_version": tally.version, "needed": tally.needed,
        "signed": tally.signed.iter().map(|who| &who.name).collect::<Vec<_>>(),
        "missing": tally.missing.iter().map(|who| &who.name).collect::<Vec<_>>(),
    })
}

/// The next step for this file.
fn next(file: &RootFile, path: &Path) -> String {
    let shown = quoted(path);
    if file.is_proposal() {
        return format!("next: missing key holders run: sealift trust sign {shown} --key KEY");
    }
    if file.before().is_none() {
        return "next: send the file to each site, and read out the fingerprint over another channel"
            .to_owned();
    }
    let to = path.to_string_lossy().strip_suffix(".next.json").map(|stem| quoted(format!("{stem}.json")));
    let to = to.map_or_else(|| "replace the old file with it".to_owned(), |to| format!("mv {shown} {to}"));
    format!("next: {to}, and distribute it to all packers; sites receive it with the next bundle")
}
