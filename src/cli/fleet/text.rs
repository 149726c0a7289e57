//! The text output of `sealift fleet`.

use crate::cli::term::Term;
use sealift_audit::fleet::{
    FleetGroup, FleetOverview, FleetRow, Newest, NotedFile, age, bundle_label, in_use_label, lag_label,
};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use std::path::{Path, PathBuf};

/// Maximum number of files listed per kind; `--json` lists all.
const NAMED: usize = 10;

pub(super) fn text(term: &Term, fleet: &FleetOverview<'_>) -> String {
    let mut text = String::new();
    for said in &fleet.refused {
        let (file, why) = (shown(&said.file), Printable(&said.why));
        text += &format!("{} {file}: {why}\n", term.paint("REJECTED", "31;1"));
    }
    text += &conflicts(term, &fleet.verified, "");
    text += &group(&fleet.verified, fleet.verified.newest.iter());
    if fleet.unverified.records > 0 {
        text += &format!(
            "{} content of {} signed by keys not given with `--key`\n",
            term.paint("unverified:", "33;1"),
            counted(fleet.unverified.records, "record")
        );
        text += &conflicts(term, &fleet.unverified, "unverified ");
        // The newest bundle is known from the verified records above; only the scenarios of these records are listed here.
        let rows = &fleet.unverified.rows;
        let spoken = |newest: &&Newest| rows.iter().any(|row| row.scenario == newest.scenario);
        text += &group(&fleet.unverified, fleet.unverified.newest.iter().filter(spoken));
    }
    let verified = &fleet.verified;
    let copies = verified.copies + fleet.unverified.copies;
    let copies = if copies > 0 { format!(", {copies} of them duplicates") } else { String::new() };
    text += &format!(
        "{} of {} verified{copies}; {} behind\n",
        counted(verified.records, "record"),
        counted(verified.sites().len() as u64, "site"),
        verified.behind(),
    );
    for (files, what) in [
        (&fleet.others, "neither receipts nor requests"),
        (&fleet.sboms, "SBOMs, for `sealift fleet which`"),
        (&fleet.bundles_not_opened, "bundles not opened, because `--trust` is missing"),
    ] {
        text += &files_line(files, what);
    }
    for (list, what) in [(&fleet.set_aside, "set aside"), (&fleet.unread, "not read")] {
        text += &said_lines(list, what);
    }
    text
}

fn shown(path: &Path) -> String {
    Printable(path.to_string_lossy()).to_string()
}

fn said_lines(list: &[NotedFile], what: &str) -> String {
    let mut text = String::new();
    for said in list {
        text += &format!("{what}: {}: {}\n", shown(&said.file), Printable(&said.why));
    }
    text
}

fn files_line(files: &[PathBuf], what: &str) -> String {
    if files.is_empty() {
        return String::new();
    }
    let names: Vec<_> = files.iter().take(NAMED).map(|file| shown(file)).collect();
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{what}: {}: {}{more}\n", counted(files.len() as u64, "file"), names.join(", "))
}

fn conflicts(term: &Term, group: &FleetGroup, standing: &str) -> String {
    let line = |conflict: &sealift_audit::fleet::conflict::Conflict| {
        let title = format!("CONFLICT, {standing}{}:", conflict.title());
        format!("{} {conflict}\n  next: {}\n", term.paint(&title, "31;1"), conflict.advice())
    };
    group.conflicts.iter().map(line).collect()
}

fn group<'a>(group: &FleetGroup, newest: impl Iterator<Item = &'a Newest>) -> String {
    let mut text = String::new();
    let width = group.rows.iter().map(|row| row.name.as_str().len()).max().unwrap_or_default();
    for newest in newest {
        let (label, mark) = (bundle_label(newest.bundle.statement, newest.title.as_ref()), newest.bundle);
        text += &format!(
            "{}: the newest is {label}, epoch {}, sequence {}\n",
            newest.scenario, mark.epoch, mark.sequence
        );
        let rows = group.rows.iter().filter(|row| row.scenario == newest.scenario);
        let of: Vec<_> = rows.clone().map(in_use_label).collect();
        let widest = of.iter().map(String::len).max().unwrap_or_default();
        for (row, in_use) in rows.zip(&of) {
            text += &format!(
                "  {:<width$}  {}  {in_use:<widest$}  {:<14}  {}\n",
                row.name,
                row.site.short(),
                lag_label(row.lag),
                said(row)
            );
        }
    }
    for bare in &group.bare {
        text +=
            &format!("nothing installed: {}  {}, reported {}\n", bare.name, bare.site.short(), bare.issued);
    }
    text
}

fn said(row: &FleetRow) -> String {
    let mut text = format!("reported {}, at {}", age(row.age_days), row.issued);
    if let Some(installed) = row.installed {
        text += &format!("; installed {installed}");
    }
    if let Some(rehearsed) = row.rehearsed {
        text += &format!("; rehearsed sequence {}", rehearsed.sequence);
    }
    if row.older > 0 {
        text += &format!("; {}", counted(row.older, "older record"));
    }
    text
}
