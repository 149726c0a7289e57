//! The architecture, read off the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Each source of the program, behind the crate that it belongs to.
pub fn all_sources() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let part = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    sources(&root).into_iter().map(|path| (part(&path), path)).collect()
}

#[test]
fn a_file_reads_in_one_sitting() {
    for (_, path) in all_sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}

/// Words that earlier texts used for a thing that has a word of the field: verified, severity, fix, limit, analysis,
/// anomaly, shadowed.
#[test]
fn no_text_uses_a_retired_word() {
    let retired = regex::Regex::new(
        r"(?i-u:\b(believe[ds]?|believing|vouch[a-z]*|graver|gravest|mend(ed|s|ing)?|ceilings?|census|oddit(y|ies)|buried)\b)",
    );
    let retired = retired.unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "docs", "manifests", "keys"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(walkdir::WalkDir::new).map(Result::unwrap);
    let texts = files
        .filter(|file| file.file_type().is_file())
        .filter_map(|file| Some((file.path().to_owned(), fs::read_to_string(file.path()).ok()?)));
    for (path, text) in texts.chain([(root.join("README.md"), include_str!("../README.md").to_owned())]) {
        // The word list of BIP-39 is what it is.
        if !path.ends_with("value/spoken.txt") {
            let found = retired.find(&text).map(|found| found.as_str());
            assert_eq!(found, None, "{}", path.display());
        }
    }
}

#[test]
fn only_the_terminal_prints() {
    for (_, path) in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        for word in ["println!", "eprintln!", "print!(", "io::stdout()", "io::stderr()"] {
            let allowed = path.ends_with("cli/term.rs");
            assert!(allowed || !text.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn only_the_command_line_asks_clock_and_environment() {
    for (part, path) in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["SystemTime::now", "env::var", "env::current_dir", "env::temp_dir"] {
            let allowed = part == "cli" || path.to_string_lossy().contains("/tests");
            assert!(allowed || !code.contains(word), "{} uses {word}", path.display());
        }
    }
}

/// Numbers of cases that tests carry in their names: `F-sec-06` of `f_sec_06_load_pushes_...`.
fn cases_of_tests() -> BTreeSet<String> {
    let number = r"fn f_((?:sec|field|peers|new_[abc])(?:_suspected|_r?0*[1-9][0-9]*)?|fmt(?:_question|_design)?_[0-9]+(?:_[0-9]+)?)_";
    let number = regex::Regex::new(number).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests"].iter().flat_map(|folder| sources(&root.join(folder)));
    let texts: Vec<String> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let found = texts.iter().flat_map(|text| number.captures_iter(text));
    found.map(|found| case(&found[1].replace("fmt_3_", "fmt_3."))).collect()
}

/// A number without zeros in front, as it is compared.
fn case(text: &str) -> String {
    let text = text.replace('_', "-");
    let parts = text.split('-').map(|part| match part.strip_prefix('r').unwrap_or(part).parse::<u32>() {
        Ok(number) if part.starts_with('r') => format!("r{number}"),
        Ok(number) => number.to_string(),
        Err(_) => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("-")
}

#[test]
fn every_case_that_was_found_in_use_has_a_test_and_every_such_test_a_case() {
    let lines = include_str!("CASES.md").lines();
    let listed = lines.filter_map(|line| line.strip_prefix("| F-")?.split_once(' '));
    let listed: BTreeSet<String> = listed.map(|(number, _)| case(number)).collect();
    assert_eq!(listed, cases_of_tests());
}

#[test]
fn keys_hold_no_secret() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    for entry in fs::read_dir(keys).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let secret = ["BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE", "AGE-SECRET-KEY"];
        assert!(!secret.iter().any(|mark| text.contains(mark)), "{} holds a secret key", path.display());
    }
}
